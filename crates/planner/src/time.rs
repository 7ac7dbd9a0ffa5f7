//! Moments in whole seconds: finer than any decision needs, and exact in a tag.

/// A moment, in whole seconds since the Unix epoch, UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// Seconds from `earlier` to this moment; zero when `earlier` lies after it (clocks disagree).
    pub fn seconds_since(self, earlier: Timestamp) -> u64 {
        u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0)
    }

    /// This moment, `seconds` later.
    pub fn plus_seconds(self, seconds: u64) -> Timestamp {
        Timestamp(self.0.saturating_add_unsigned(seconds))
    }

    /// This moment, `seconds` earlier.
    pub fn minus_seconds(self, seconds: u64) -> Timestamp {
        Timestamp(self.0.saturating_sub_unsigned(seconds))
    }
}
