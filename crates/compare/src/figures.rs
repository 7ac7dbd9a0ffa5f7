//! What a run of a policy came to, and whether it serves well enough.

use super::{policies::Parameter, pool::PoolTally};

/// A run at one parameter.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Figures {
    /// The parameter.
    pub parameter: Parameter,
    /// What the run came to.
    pub tally: PoolTally,
}

impl Figures {
    /// Instance hours without a recording.
    pub fn idle_hours(&self) -> f64 {
        hours(self.tally.instance_seconds - self.tally.busy_seconds)
    }

    /// The share of the requests that found a Jibri.
    #[allow(clippy::cast_precision_loss, reason = "requests of a trace")]
    pub fn hit_rate(&self) -> f64 {
        1.0 - self.tally.refused as f64 / self.tally.requests.max(1) as f64
    }

    /// Whether no more were refused than the hit rate allows; counted, so that rounding decides nothing.
    #[allow(clippy::cast_precision_loss, reason = "requests of a trace")]
    pub fn reaches(&self, hit_rate: f64) -> bool {
        self.tally.refused as f64 <= (1.0 - hit_rate) * self.tally.requests as f64 + 1e-9
    }
}

/// How many times the refusals that are allowed a policy may have that is not tuned: it meets its future unseen, and is
/// over as often as under.
pub const TOLERANCE: f64 = 1.3;

/// The tuned run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tuned {
    /// The run.
    pub figures: Figures,
    /// Whether it keeps the hit rate; one that is not tuned, within [`TOLERANCE`].
    pub reached: bool,
}

/// Seconds in hours.
#[allow(clippy::cast_precision_loss, reason = "far less than 2^53 seconds")]
pub fn hours(seconds: i64) -> f64 {
    seconds as f64 / 3600.0
}
