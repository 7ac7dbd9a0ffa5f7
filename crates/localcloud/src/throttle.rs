//! Throttling by a token bucket, as AWS describes its own.
//!
//! <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/throttling.html>

use std::sync::{Mutex, PoisonError};

use world::Milliseconds;

/// Tokens that fill a bucket: more than any tick takes at once, less than a loop without a pause does.
const CAPACITY: f64 = 100.0;
/// Tokens that come back in a second of the world's time.
const REFILL_PER_SECOND: f64 = 20.0;

/// A bucket of tokens, one for each call.
#[derive(Debug)]
pub(crate) struct TokenBucket(Mutex<Level>);

#[derive(Debug)]
struct Level {
    tokens: f64,
    at: Milliseconds,
}

impl TokenBucket {
    /// A full bucket.
    pub(crate) fn full() -> TokenBucket {
        TokenBucket(Mutex::new(Level { tokens: CAPACITY, at: Milliseconds::MIN }))
    }

    /// Takes a token; `false` when there is none.
    #[allow(clippy::cast_precision_loss, reason = "exact for any pause that matters")]
    pub(crate) fn take(&self, now: Milliseconds) -> bool {
        let mut level = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let seconds = now.saturating_sub(level.at).max(0) as f64 / 1_000.0;
        level.tokens = (level.tokens + seconds * REFILL_PER_SECOND).min(CAPACITY);
        level.at = level.at.max(now);
        let allowed = level.tokens >= 1.0;
        if allowed {
            level.tokens -= 1.0;
        }
        allowed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_empties_the_bucket_and_time_fills_it() {
        let bucket = TokenBucket::full();
        let allowed = (0..200).filter(|_| bucket.take(1_000)).count();
        assert_eq!(allowed, 100);
        assert!(!bucket.take(1_000));
        assert!(bucket.take(1_050), "a token comes back in 50 ms");
        assert!(!bucket.take(1_050));
    }
}
