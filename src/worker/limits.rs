//! The rate of requests of a provider.

use std::num::NonZeroU32;
use std::time::Duration;

use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};

/// Lets requests pass at a steady rate. In any stretch of time T at most T / period + 1 requests begin.
pub(super) struct Limiter(DefaultDirectRateLimiter);

impl std::fmt::Debug for Limiter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Limiter")
    }
}

impl Limiter {
    /// At most so many requests a minute, one at a time.
    pub fn new(requests_per_minute: NonZeroU32) -> Self {
        let period = Duration::from_secs(60) / requests_per_minute.get();
        let quota = Quota::with_period(period.max(Duration::from_nanos(1)))
            .expect("a period above zero makes a quota");
        let limiter = RateLimiter::direct(quota);
        // The first request waits too: a worker that was killed and started again must not be faster than one that
        // was not.
        let _ = limiter.check();
        Self(limiter)
    }

    /// Ends when the next request may begin.
    pub async fn ready(&self) {
        self.0.until_ready().await;
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    #[test]
    fn requests_begin_no_faster_than_allowed_even_at_the_start() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let began = Instant::now();
        let limiter = Limiter::new(NonZeroU32::new(6_000).unwrap());
        runtime.block_on(async {
            for _ in 0..20 {
                limiter.ready().await;
            }
        });
        // 20 periods of 10 ms, the one before the first included; the limiter's clock may differ by a little.
        assert!(began.elapsed() >= Duration::from_millis(199), "{:?}", began.elapsed());
    }
}
