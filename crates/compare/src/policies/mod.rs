//! What is compared: this project's forecast, the rules of its peers, and what could be had with hindsight.

mod buildkite;
mod jitsi_autoscaler;
mod seed;
mod static_pool;
mod target_tracking;
mod threshold;

use std::fmt;

use serde::Serialize;

use super::{
    bound,
    forecast::Forecast,
    pool::{Event, Pool, PoolPolicy, PoolTally, Scenario},
};
pub use buildkite::Buildkite;
pub use jitsi_autoscaler::JitsiAutoscaler;
pub use seed::Seed;
pub use static_pool::StaticPool;
pub use target_tracking::TargetTracking;
pub use threshold::Threshold;

/// How long a Jibri must be idle before its own cron lets it go, in minutes.
///
/// Half of what `IDLE_COUNT_THRESHOLD` and Buildkite's `ScaleInIdlePeriod` are by default, to be fair: it costs less, and
/// still shorter ones hardly gain anything but launches.
pub const IDLE_MINUTES: i64 = 5;

/// A policy of the comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Contender {
    /// Simple scaling on an alarm, one instance at a time.
    Seed,
    /// The whole gap to a threshold, at every sample.
    Threshold,
    /// github.com/jitsi/jitsi-autoscaler.
    JitsiAutoscaler,
    /// github.com/buildkite/buildkite-agent-scaler.
    Buildkite,
    /// AWS's target tracking.
    TargetTracking,
    /// A constant number.
    Static,
    /// This project's: knows the past.
    Forecast,
    /// Knows the future.
    Bound,
}

/// What a policy is set to.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd, Serialize)]
#[serde(untagged)]
pub enum Parameter {
    /// A number of instances.
    Count(u32),
    /// A hit rate.
    Rate(f64),
    /// There is nothing to set.
    Nothing,
}

impl fmt::Display for Parameter {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Parameter::Count(count) => write!(formatter, "{count}"),
            Parameter::Rate(rate) => write!(formatter, "{rate}"),
            Parameter::Nothing => write!(formatter, "–"),
        }
    }
}

impl Contender {
    /// All, in the order of the report.
    pub const ALL: [Contender; 8] = [
        Contender::Seed,
        Contender::Threshold,
        Contender::JitsiAutoscaler,
        Contender::Buildkite,
        Contender::TargetTracking,
        Contender::Static,
        Contender::Forecast,
        Contender::Bound,
    ];

    /// The name in reports and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Contender::Seed => "seed",
            Contender::Threshold => "threshold",
            Contender::JitsiAutoscaler => "jitsi-autoscaler",
            Contender::Buildkite => "buildkite",
            Contender::TargetTracking => "target-tracking",
            Contender::Static => "static",
            Contender::Forecast => "forecast",
            Contender::Bound => "bound",
        }
    }

    /// What its parameter is, in words.
    pub fn parameter_meaning(self) -> &'static str {
        match self {
            Contender::Seed | Contender::Threshold => "threshold of available Jibris",
            Contender::JitsiAutoscaler => "scaleUpThreshold, in available Jibris",
            Contender::Buildkite => "instance buffer and minimum size",
            Contender::TargetTracking => "minimum size, at a target of 50 % utilization",
            Contender::Static => "instances",
            Contender::Forecast => "the hit rate that is set: nothing is tuned with hindsight",
            Contender::Bound => "none: it knows the future",
        }
    }

    /// Whether it is this project's own way: drawn strongest.
    pub fn is_ours(self) -> bool {
        self == Contender::Forecast
    }

    /// Whether its parameter is a count to be tuned with hindsight.
    pub fn is_tuned(self) -> bool {
        !matches!(self, Contender::Forecast | Contender::Bound)
    }

    /// What a policy that is not tuned is set to.
    pub fn fixed_parameter(self, hit_rate: f64) -> Parameter {
        match self {
            Contender::Forecast => Parameter::Rate(hit_rate),
            _ => Parameter::Nothing,
        }
    }

    /// Runs it through the demand; with the log of everything that happened, if wanted.
    pub fn run(self, parameter: Parameter, scenario: &Scenario, logged: bool) -> (PoolTally, Vec<Event>) {
        let (count, rate) = match parameter {
            Parameter::Count(count) => (count as usize, 0.0),
            Parameter::Rate(rate) => (0, rate),
            Parameter::Nothing => (0, 0.0),
        };
        match self {
            Contender::Seed => scenario.run(&mut Seed::new(count), logged),
            Contender::Threshold => scenario.run(&mut Threshold::new(count), logged),
            Contender::JitsiAutoscaler => scenario.run(&mut JitsiAutoscaler::new(count), logged),
            Contender::Buildkite => scenario.run(&mut Buildkite::new(count), logged),
            Contender::TargetTracking => scenario.run(&mut TargetTracking::new(count), logged),
            Contender::Static => scenario.run(&mut StaticPool::new(count), logged),
            Contender::Forecast => scenario.run(&mut Forecast::new(rate), logged),
            Contender::Bound => bound::run(scenario, logged),
        }
    }
}

impl fmt::Display for Contender {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

/// Whether a whole minute begins with this tick: what a cron or an evaluation every 60 s runs on.
fn is_minute(pool: &Pool) -> bool {
    pool.now().rem_euclid(60) == 0
}

/// Each Jibri's own cron, once a minute: a Jibri that has been idle for long enough ends itself, while more than `keep` are available.
fn let_idle_go(pool: &mut Pool, keep: usize) {
    if is_minute(pool) {
        pool.terminate_idle(pool.available().saturating_sub(keep), IDLE_MINUTES * 60);
    }
}
