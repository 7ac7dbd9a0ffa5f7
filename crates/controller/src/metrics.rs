//! The names and values of what is published. Unknown is left out: it is not zero.

use planner::{Action, Counts, Observation, Plan, Signal, Timestamp};

use crate::{
    observe::Observed,
    ports::{Metric, Unit},
};

/// A number as CloudWatch takes it.
#[allow(clippy::cast_precision_loss, reason = "counts and seconds stay far under 2^52")]
fn value(number: u64) -> f64 {
    number as f64
}

pub(crate) fn count(name: &'static str, number: impl Into<u64>, at: Timestamp) -> Metric {
    Metric { name, value: value(number.into()), unit: Unit::Count, at }
}

pub(crate) fn seconds(name: &'static str, number: u64, at: Timestamp) -> Metric {
    Metric { name, value: value(number), unit: Unit::Seconds, at }
}

/// The pool in one sample of `availability`.
pub(crate) fn pool_metrics(observed: &Observed, plan: &Plan, counts: &Counts, slot_seconds: u64) -> Vec<Metric> {
    let observation = &observed.observation;
    let now = observation.now;
    let lost = observation.signal != Signal::Fresh;
    let mut metrics = vec![
        count("SignalLost", u32::from(lost), now),
        count("UnlaunchedJibris", counts.unlaunched, now),
        count("DesiredCapacity", observation.group.desired_capacity, now),
        count("MaxSize", observation.group.max_size, now),
    ];
    if let Some(target) = &observation.target {
        metrics.extend([count("SpareTarget", target.spare, now), count("HoldTarget", target.hold, now)]);
    }
    metrics.push(count("DrainingJibris", counts.draining, now));
    if lost {
        return metrics;
    }
    let strangers = u64::try_from(observation.strangers.len()).unwrap_or(u64::MAX);
    metrics.extend([
        count("AvailableJibris", counts.available, now),
        count("BusyJibris", counts.busy, now),
        count("PendingJibris", counts.pending, now),
        count("OverdueJibris", counts.overdue, now),
        count("StrangerJibris", strangers, now),
        count("Shortfall", counts.shortfall, now),
        count("Surplus", counts.surplus, now),
        count("Conferences", observed.stats.conferences, now),
        count("Participants", observed.stats.participants, now),
        count("JibriSessions", observed.stats.jibri_sessions, now),
        count("JibriFailuresTotal", observed.stats.jibri_failures_total, now),
        recording_starts(observed, slot_seconds),
    ]);
    metrics.extend(launch_times(observation, plan));
    metrics
}

/// How many recordings began in the last whole slot but one. Slots lie on the clock, so that a start belongs to one of
/// them however the samples jitter; the slot between is for clocks that disagree. A slot that two samples publish is to
/// be read by its maximum; one that none publishes is missing.
fn recording_starts(observed: &Observed, slot_seconds: u64) -> Metric {
    let now = observed.observation.now;
    let into_slot = u64::try_from(now.0).unwrap_or(0) % slot_seconds;
    let end = now.minus_seconds(into_slot + slot_seconds);
    let begin = end.minus_seconds(slot_seconds);
    let starts = observed.selections.iter().filter(|selected| (begin..end).contains(selected)).count();
    count("RecordingStarts", u64::try_from(starts).unwrap_or(u64::MAX), begin)
}

/// How long each newly registered Jibri took from its launch.
fn launch_times(observation: &Observation, plan: &Plan) -> Vec<Metric> {
    let newcomers = plan.steps.iter().filter_map(|step| match &step.action {
        Action::TagRegistered { instance, .. } => Some(instance),
        _ => None,
    });
    let launched =
        newcomers.filter_map(|id| observation.instances.iter().find(|instance| instance.id == *id)?.launched_at());
    launched.map(|at| seconds("LaunchSeconds", observation.now.seconds_since(at), observation.now)).collect()
}
