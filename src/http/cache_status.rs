//! What the cache did, as the header `Cache-Status` (RFC 9211): the caches from the one nearest to the computation to the
//! one nearest to the client.

use crate::cache::{Outcome, Seen};

/// The header's name.
pub(super) const NAME: &str = "cache-status";
/// Its value for an answer that is too large to be kept.
pub(super) const TOO_LARGE: &str = "nearfield-local; fwd=bypass; detail=large";

/// The header's value for a request.
pub(super) fn value(seen: &Seen) -> String {
    let redis = seen.redis.map(|outcome| match outcome {
        Outcome::Hit => "nearfield-redis; hit, ",
        Outcome::Miss | Outcome::Collapsed => "nearfield-redis; fwd=miss, ",
        Outcome::Unavailable => "nearfield-redis; fwd=bypass; detail=unavailable, ",
    });
    let local = match seen.local {
        Some(Outcome::Hit) => "nearfield-local; hit",
        Some(Outcome::Collapsed) => "nearfield-local; fwd=miss; collapsed",
        Some(Outcome::Miss | Outcome::Unavailable) | None => "nearfield-local; fwd=miss",
    };
    let detail = seen.explanations.map(|(local, redis, computed)| {
        format!("; detail=\"explanations: {local} local, {redis} redis, {computed} computed\"")
    });
    [redis.unwrap_or_default(), local, &detail.unwrap_or_default()].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_way_has_its_words() {
        let check = |local, redis, explanations, expected: &str| {
            let seen = Seen { local: Some(local), redis, explanations, gave_up: false };
            assert_eq!(value(&seen), expected);
        };
        check(Outcome::Hit, None, None, "nearfield-local; hit");
        check(Outcome::Collapsed, None, None, "nearfield-local; fwd=miss; collapsed");
        check(Outcome::Miss, None, None, "nearfield-local; fwd=miss");
        let both = "nearfield-redis; hit, nearfield-local; fwd=miss";
        check(Outcome::Miss, Some(Outcome::Hit), None, both);
        let gone = "nearfield-redis; fwd=bypass; detail=unavailable, nearfield-local; fwd=miss";
        check(Outcome::Miss, Some(Outcome::Unavailable), None, gone);
        let explained = "nearfield-redis; fwd=miss, nearfield-local; fwd=miss; \
             detail=\"explanations: 1 local, 2 redis, 3 computed\"";
        check(Outcome::Miss, Some(Outcome::Miss), Some((1, 2, 3)), explained);
    }
}
