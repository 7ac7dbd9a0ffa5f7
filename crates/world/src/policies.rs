//! Scaling policies: <https://docs.aws.amazon.com/autoscaling/ec2/userguide/as-scaling-simple-step.html>.

use super::Milliseconds;

/// A scaling policy of the group, of the adjustment type `ChangeInCapacity`.
#[derive(Clone, Debug, PartialEq)]
pub enum PolicyConfig {
    /// `SimpleScaling`: waits for its cooldown, and while any instance is in a wait state.
    Simple {
        /// `PolicyName`.
        name: String,
        /// `ScalingAdjustment`.
        adjustment: i64,
        /// `Cooldown`, in seconds.
        cooldown_seconds: u32,
    },
    /// `StepScaling`.
    Step {
        /// `PolicyName`.
        name: String,
        /// `StepAdjustments`.
        steps: Vec<Step>,
        /// `EstimatedInstanceWarmup`, in seconds.
        warmup_seconds: u32,
    },
}

/// One of `StepAdjustments`; its bounds are relative to the alarm's threshold.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Step {
    /// `MetricIntervalLowerBound`.
    pub lower: f64,
    /// `MetricIntervalUpperBound`; `None` for no bound.
    pub upper: Option<f64>,
    /// `ScalingAdjustment`.
    pub adjustment: i64,
}

/// What the group looks like to a policy.
pub(super) struct GroupNow {
    pub(super) now: Milliseconds,
    pub(super) min_size: u32,
    pub(super) max_size: u32,
    pub(super) desired: u32,
    pub(super) any_waits: bool,
    pub(super) cooldown_until: Milliseconds,
    /// Since when each active instance has been in service; `None` for one that is not yet.
    pub(super) in_service_since: Vec<Option<Milliseconds>>,
}

impl PolicyConfig {
    /// `PolicyName`.
    pub fn name(&self) -> &str {
        match self {
            PolicyConfig::Simple { name, .. } | PolicyConfig::Step { name, .. } => name,
        }
    }

    /// What desired capacity shall be after a breach of so much; `Err` tells why nothing is done.
    pub(super) fn decide(&self, group: &GroupNow, breach: f64) -> Result<u32, &'static str> {
        let clamp = |wanted: i64| {
            let bounded = wanted.clamp(i64::from(group.min_size), i64::from(group.max_size));
            u32::try_from(bounded).unwrap_or(group.desired)
        };
        match self {
            PolicyConfig::Simple { .. } if group.any_waits => Err("an instance is in a wait state"),
            PolicyConfig::Simple { .. } if group.now < group.cooldown_until => Err("the cooldown runs"),
            PolicyConfig::Simple { adjustment, .. } => Ok(clamp(i64::from(group.desired) + adjustment)),
            PolicyConfig::Step { steps, warmup_seconds, .. } => {
                let step =
                    steps.iter().find(|step| breach >= step.lower && step.upper.is_none_or(|upper| breach < upper));
                let Some(step) = step else {
                    return Err("no step fits the breach");
                };
                if step.adjustment <= 0 {
                    return Ok(clamp(i64::from(group.desired) + step.adjustment));
                }
                // What warms up counts as capacity that the alarm has asked for already.
                let warmup_ms = Milliseconds::from(*warmup_seconds) * 1000;
                let warming = |since: &&Option<Milliseconds>| since.is_none_or(|since| group.now - since < warmup_ms);
                let launching = i64::from(group.desired) - i64::try_from(group.in_service_since.len()).unwrap_or(0);
                let warming = i64::try_from(group.in_service_since.iter().filter(warming).count()).unwrap_or(0);
                let base = i64::from(group.desired) - warming - launching.max(0);
                Ok(clamp(base + step.adjustment).max(group.desired))
            }
        }
    }

    pub(super) fn cooldown_ms(&self) -> Option<Milliseconds> {
        match self {
            PolicyConfig::Simple { cooldown_seconds, .. } => Some(Milliseconds::from(*cooldown_seconds) * 1000),
            PolicyConfig::Step { .. } => None,
        }
    }
}
