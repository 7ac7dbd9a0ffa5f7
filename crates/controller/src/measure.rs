//! The values of the pool's metrics. What is unknown is left out: it is not zero.

use planner::{Action, Counts, JibriStatus, Observation, Plan, Signal, Timestamp, wanted_target};

use crate::{metrics::Metric, observe::Observed, ports::Datum};

/// A number as CloudWatch takes it.
#[allow(clippy::cast_precision_loss, reason = "counts and seconds stay far under 2^52")]
fn value(number: u64) -> f64 {
    number as f64
}

/// A whole number of what the metric counts, at a moment.
pub(crate) fn datum(metric: Metric, number: impl Into<u64>, at: Timestamp) -> Datum {
    Datum { metric, value: value(number.into()), at }
}

/// The pool in one sample of `availability`.
pub(crate) fn pool_metrics(observed: &Observed, plan: &Plan, counts: &Counts, slot_seconds: u64) -> Vec<Datum> {
    let observation = &observed.observation;
    let now = observation.now;
    let lost = observation.signal != Signal::Fresh;
    // With a Jicofo that is silent the numbers are whole where another one lists every Jibri.
    let whole = !lost || (matches!(observation.signal, Signal::Partial { .. }) && all_are_known(observation));
    let mut metrics = vec![
        datum(Metric::SignalLost, u32::from(lost), now),
        datum(Metric::UnlaunchedJibris, counts.unlaunched, now),
        datum(Metric::DesiredCapacity, observation.group.desired_capacity, now),
        datum(Metric::MaxSize, observation.group.max_size, now),
    ];
    // Where a Jicofo is silent, none that is known to be empty does not mean that none is.
    let empty = u64::try_from(observation.empty_jicofos.len()).unwrap_or(u64::MAX);
    if observation.signal == Signal::Fresh || empty > 0 {
        metrics.push(datum(Metric::EmptyJicofos, empty, now));
    }
    if let Some(target) = wanted_target(observation) {
        metrics.extend([datum(Metric::SpareTarget, target.spare, now), datum(Metric::HoldTarget, target.hold, now)]);
    }
    metrics.push(datum(Metric::DrainingJibris, counts.draining, now));
    if !whole {
        return metrics;
    }
    metrics.extend([
        datum(Metric::AvailableJibris, counts.available, now),
        datum(Metric::FailingJibris, counts.failing, now),
        datum(Metric::FailedRecordings, counts.failures, now),
        datum(Metric::BusyJibris, counts.busy, now),
        datum(Metric::PendingJibris, counts.pending, now),
        datum(Metric::OverdueJibris, counts.overdue, now),
        datum(Metric::UnregisteredJibris, counts.unregistered, now),
        datum(Metric::ReturningJibris, counts.returning, now),
        datum(Metric::Shortfall, counts.shortfall, now),
        datum(Metric::Surplus, counts.surplus, now),
    ]);
    // What failed may have been replaced since: that shows no recording that goes well.
    if counts.in_doubt || counts.proven {
        metrics.push(datum(Metric::RecordingsInDoubt, u32::from(counts.in_doubt), now));
    }
    // What each Jicofo counts for itself is not whole without the one that is silent.
    if !lost {
        let strangers = u64::try_from(observation.strangers.len()).unwrap_or(u64::MAX);
        metrics.extend([
            datum(Metric::StuckBusySeconds, counts.stuck_busy_seconds, now),
            datum(Metric::StrangerJibris, strangers, now),
            datum(Metric::Conferences, observed.stats.conferences, now),
            datum(Metric::Participants, observed.stats.participants, now),
            datum(Metric::JibriSessions, observed.stats.jibri_sessions, now),
            datum(Metric::JibriFailuresTotal, observed.stats.jibri_failures_total, now),
        ]);
    }
    metrics.extend(of_slot(observed, slot_seconds));
    metrics.extend(launch_times(observation, plan));
    metrics
}

/// Whether a Jicofo lists every instance that has registered and stays, so that their number is known.
fn all_are_known(observation: &Observation) -> bool {
    let mut staying = observation.instances.iter().filter(|instance| instance.is_active() && instance.has_registered());
    staying.all(|instance| instance.jibri.is_listed())
}

/// What happened in the last whole slot but one: how many recordings began, and how many starts were refused. Slots lie on the
/// clock, so that an event belongs to one of them however the samples jitter; the slot between is for clocks that disagree. A
/// slot that two samples publish is to be read by its maximum; one that none publishes is missing.
fn of_slot(observed: &Observed, slot_seconds: u64) -> [Datum; 2] {
    let now = observed.observation.now;
    let into_slot = u64::try_from(now.0).unwrap_or(0) % slot_seconds;
    let end = now.minus_seconds(into_slot + slot_seconds);
    let slot = end.minus_seconds(slot_seconds)..end;
    let (mut starts, mut failed) = (0u32, 0u32);
    for instance in &observed.observation.instances {
        let Some(selected_at) = instance.last_selected_at.filter(|selected_at| slot.contains(selected_at)) else {
            continue;
        };
        // Jicofo tries another Jibri then, whose selection is the one that counts: a Jibri that fails makes no demand.
        let refused = instance.last_failed_at.is_some_and(|failed_at| failed_at >= selected_at);
        failed += u32::from(refused);
        let ended_at_once = instance.jibri == JibriStatus::Idle;
        starts += u32::from(!refused && !ended_at_once && !instance.is_failing());
    }
    [datum(Metric::RecordingStarts, starts, slot.start), datum(Metric::FailedStarts, failed, slot.start)]
}

/// How long each newly registered Jibri took from its launch.
fn launch_times(observation: &Observation, plan: &Plan) -> Vec<Datum> {
    let newcomers = plan.steps.iter().filter_map(|step| match &step.action {
        Action::TagRegistered { instance, .. } => Some(instance),
        _ => None,
    });
    let launched =
        newcomers.filter_map(|id| observation.instances.iter().find(|instance| instance.id == *id)?.launched_at());
    launched.map(|at| datum(Metric::LaunchSeconds, observation.now.seconds_since(at), observation.now)).collect()
}
