//! Scale-out: close the whole gap at once, count what is on its way, and never lower anything.

use crate::{
    Action, Observation, Plan, Policy, Problem, Recorded, Signal, Wait,
    launch::{marker, stuck_launches},
    pool::{Counts, count_pool},
    spoken::Spoken,
    vanished::state_of_gone,
    wanted_target,
};

/// Plans scale-out, and notes which instances have registered.
///
/// Desired capacity rises by the whole shortfall at once, to the maximum at most. Where it was lowered by hand under what
/// is active, it is measured from what is active. While the signal is lost, nothing happens before
/// `signal_grace_seconds`; then the pool may grow by the target, once.
pub fn plan_scale_out(policy: &Policy, observation: &Observation) -> Plan {
    let mut plan = Plan::default();
    note_registrations(observation, &mut plan);
    note_gone(observation, &mut plan);
    let counts = count_pool(policy, observation);
    let group = &observation.group;
    explain_waits(policy, observation, &counts, &mut plan);

    let blind_wait = match &observation.signal {
        Signal::Fresh => false,
        Signal::Partial { for_seconds, .. } | Signal::Lost { for_seconds, .. } => {
            *for_seconds < policy.signal_grace_seconds
        }
        Signal::NotAsked => true,
    };
    let shortfall = if blind_wait { 0 } else { counts.shortfall };
    let base = group.desired_capacity.max(counts.active);
    let wanted = base.saturating_add(shortfall);
    let to = wanted.min(group.max_size);
    if shortfall > 0 && wanted > to {
        let wanted = (wanted - to).min(shortfall);
        plan.problems.push(Problem::AtMaximum { max_size: group.max_size, wanted });
    }
    if to <= group.desired_capacity {
        return plan;
    }
    if policy.scale_out_paused {
        plan.problems.push(Problem::ScaleOutPaused { to });
        return plan;
    }
    let reason = match wanted_target(observation) {
        Some(target) if shortfall > 0 => format!(
            "{} available and {} pending, {} spare wanted by {}",
            counts.available, counts.pending, target.spare, target.source
        ),
        _ => format!("{} instances are active, and none ends because desired capacity is lower", counts.active),
    };
    plan.step(Action::RaiseDesired { from: group.desired_capacity, to }, reason);
    plan
}

fn note_registrations(observation: &Observation, plan: &mut Plan) {
    for instance in observation.instances.iter().filter(|instance| instance.is_active()) {
        // A tag that was not read may be there already.
        let Some(record) = instance.ec2.read() else { continue };
        if instance.jibri.is_listed() && record.registered_at.is_none() {
            let boot_seconds = observation.now.seconds_since(record.launched_at);
            let action = Action::TagRegistered { instance: instance.id.clone(), at: observation.now };
            plan.step(action, format!("Jicofo lists it {} after its launch", Spoken(boot_seconds)));
        }
    }
}

/// Notes which Jibris have gone from the list, at once: for how long they are expected back counts from here.
fn note_gone(observation: &Observation, plan: &mut Plan) {
    for instance in observation.instances.iter().filter(|instance| instance.ec2.read().is_some()) {
        if let Some(state) = state_of_gone(observation, instance) {
            let recorded = Recorded { state, since: observation.now };
            plan.step(Action::TagState { instance: instance.id.clone(), recorded }, "Jicofo lists it no more");
        }
    }
}

fn explain_waits(policy: &Policy, observation: &Observation, counts: &Counts, plan: &mut Plan) {
    let within_seconds = policy.boot_grace_seconds;
    let booting = counts.pending - counts.unlaunched;
    if booting > 0 {
        plan.waits.push(Wait::Registrations { instances: booting, within_seconds });
    }
    if counts.unlaunched > 0 {
        plan.waits.push(Wait::Launches { instances: counts.unlaunched });
    }
    if counts.returning > 0 {
        plan.waits.push(Wait::Returns { instances: counts.returning });
    }
    if let Some(marker) = marker(policy, observation) {
        let since = marker.launched_at().unwrap_or(observation.now);
        let for_seconds = observation.now.seconds_since(since);
        plan.problems.push(Problem::LaunchesDoNotRegister { instance: marker.id.clone(), for_seconds });
    } else if counts.overdue > 0 {
        plan.problems.push(Problem::LaunchesOverdue { instances: counts.overdue, within_seconds });
    }
    let stuck = stuck_launches(observation);
    if stuck >= policy.terminations_per_tick {
        plan.problems.push(Problem::LaunchesStuck { instances: stuck });
    }
    plan.problems.extend(observation.empty_jicofos.iter().cloned().map(|jicofo| Problem::EmptyJicofo { jicofo }));
    if let Some((why, for_seconds)) = observation.signal.trouble() {
        plan.problems.push(Problem::SignalLost { why: why.to_owned(), for_seconds });
    }
}
