//! How long to wait: before the next attempt of a request, and before an unknown track is asked for again.

use std::time::Duration;

use rand::{Rng, RngExt};

/// The longest wait before the next attempt of a request.
const LONGEST: Duration = Duration::from_secs(60);
const DAY_MS: i64 = 24 * 60 * 60 * 1_000;
/// The longest wait before an unknown track is asked for again.
const LONGEST_MISS_DAYS: i64 = 90;

/// The wait after the `attempt`th failure in a row, counted from 1: twice as long each time, of which the second half is
/// random, so that workers that failed together do not come back together.
pub(super) fn before_attempt(base: Duration, attempt: u32, random: &mut impl Rng) -> Duration {
    let full = base.saturating_mul(1 << (attempt.saturating_sub(1)).min(16)).min(LONGEST);
    full.mul_f64(random.random_range(0.5..=1.0))
}

/// When a track may be asked for again that was unknown `n_misses` times in a row: after a day, two, four, up to 90.
pub(super) fn after_misses(now_ms: i64, n_misses: u32) -> i64 {
    let days = 1i64 << n_misses.saturating_sub(1).min(16);
    now_ms.saturating_add(days.min(LONGEST_MISS_DAYS) * DAY_MS)
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;

    #[test]
    fn waits_double_up_to_a_minute_and_are_never_less_than_half() {
        let mut random = rand::rngs::StdRng::seed_from_u64(1);
        let base = Duration::from_secs(1);
        for (attempt, full) in [(1, 1), (2, 2), (3, 4), (6, 32), (7, 60), (50, 60)] {
            for _ in 0..50 {
                let wait = before_attempt(base, attempt, &mut random);
                let full = Duration::from_secs(full);
                assert!(wait >= full / 2 && wait <= full, "{attempt}: {wait:?}");
            }
        }
        let waits: Vec<_> = (0..3).map(|_| before_attempt(base, 1, &mut random)).collect();
        assert!(waits[0] != waits[1] || waits[1] != waits[2], "not random: {waits:?}");
    }

    #[test]
    fn unknown_tracks_are_asked_for_ever_more_rarely() {
        let days: Vec<i64> = (1..=9).map(|n| after_misses(0, n) / DAY_MS).collect();
        assert_eq!(days, [1, 2, 4, 8, 16, 32, 64, 90, 90]);
        assert_eq!(after_misses(5, u32::MAX) - 5, 90 * DAY_MS);
    }
}
