//! What is reported of a policy.

use serde::Serialize;

use super::{
    figures::{Tuned, hours},
    policies::{Contender, Parameter},
};

/// One row of the report, counted from the end of the warm-up.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Outcome {
    /// The policy.
    pub policy: &'static str,
    /// What it was set to.
    pub parameter: Parameter,
    /// Requests.
    pub requests: u64,
    /// Requests that found no Jibri.
    pub refused: u64,
    /// The share of the requests that found one.
    pub hit_rate: f64,
    /// From launch to termination.
    pub instance_hours: f64,
    /// From start to finish of a recording.
    pub busy_hours: f64,
    /// Instance hours without a recording, launching included.
    pub idle_hours: f64,
    /// Instances launched.
    pub launches: u64,
    /// Idle hours, as a multiple of what was possible.
    pub idle_ratio_to_bound: Option<f64>,
    /// Idle hours, as a multiple of the seed's.
    pub idle_ratio_to_seed: Option<f64>,
}

impl Outcome {
    /// A tuned run, beside the idle hours of the bound and of the seed.
    pub fn new(contender: Contender, tuned: &Tuned, bound_idle_hours: f64, seed_idle_hours: f64) -> Outcome {
        let figures = &tuned.figures;
        let idle_hours = figures.idle_hours();
        let ratio = |to: f64| (to > 0.0).then(|| idle_hours / to);
        Outcome {
            policy: contender.name(),
            parameter: figures.parameter,
            requests: figures.tally.requests,
            refused: figures.tally.refused,
            hit_rate: figures.hit_rate(),
            instance_hours: hours(figures.tally.instance_seconds),
            busy_hours: hours(figures.tally.busy_seconds),
            idle_hours,
            launches: figures.tally.launches,
            idle_ratio_to_bound: ratio(bound_idle_hours),
            idle_ratio_to_seed: ratio(seed_idle_hours),
        }
    }
}
