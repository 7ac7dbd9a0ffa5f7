//! Scale-in and repairs: who may go, and who must be replaced.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    Action, CommandOutcome, HealthStatus, Instance, InstanceId, JibriProcess, JibriStatus, LifecycleState, Observation,
    Plan, Policy, Recorded, RecordedState, Signal,
    hook::{impatience, why_unheld},
    scale_out::{Counts, LaunchProgress, count_pool, launch_progress},
    time::Spoken,
};

/// How many instances are asked at once where Jicofo lists nobody: as many as one command takes.
const MOST_ASKED: usize = 50;
/// How long until the next plan, in seconds.
const TICK_SECONDS: u64 = 60;

/// Plans transitions of the state tags, repairs and scale-in, in this order; terminations are capped together.
///
/// A victim of scale-in has been idle in the fleet's reading and in its tag for long enough, and has said so
/// itself within `check_validity_seconds`. Nothing is terminated while the signal is lost, nor while no hook is known to
/// hold what is terminated.
pub fn plan_scale_in(policy: &Policy, observation: &Observation) -> Plan {
    let mut plan = Plan::default();
    note_states(policy, observation, &mut plan);
    protect_again(observation, &mut plan);
    report_strangers(observation, &mut plan);
    let unheld = why_unheld(observation.hook, &observation.group);
    plan.problems.extend(unheld.clone().or_else(|| impatience(policy, observation.hook)));
    if let Signal::Lost { why, .. } = &observation.signal {
        plan.waits.push(format!("a signal from Jicofo, before anything is terminated: {why}"));
        ask_missing(policy, observation, &mut plan);
        return plan;
    }
    if unheld.is_some() {
        return plan;
    }
    let counts = count_pool(policy, observation);
    let mut room = Room {
        terminations: policy.terminations_per_tick,
        active: counts.active,
        desired: observation.group.desired_capacity,
        min_size: observation.group.min_size,
    };
    let mut ends = Plan::default();
    plan_repairs(policy, observation, &counts, &mut room, &mut ends);
    plan_victims(policy, observation, &counts, &mut room, &mut ends);
    ask_ahead(policy, observation, &counts, &room, &mut ends);
    match policy.scale_in_paused {
        true if ends.steps.is_empty() => {}
        true => plan.problems.push(format!("scale-in and repairs are paused, and would do this: {ends}")),
        false => plan.append(ends),
    }
    plan
}

/// What this tick may still do.
struct Room {
    terminations: u32,
    active: u32,
    desired: u32,
    min_size: u32,
}

impl Room {
    /// Above desired capacity (somebody has lowered it) an instance goes without taking desired along.
    fn follows(&self) -> bool {
        self.active <= self.desired
    }

    fn terminate(&mut self, plan: &mut Plan, instance: &Instance, decrement: bool, reason: String) {
        self.terminations -= 1;
        self.active -= 1;
        self.desired -= u32::from(decrement);
        plan.step(Action::Terminate { instance: instance.id.clone(), decrement }, reason);
    }
}

/// Whether two readings agree: the tag says since when, and a recording in between has broken it.
fn state_since(instance: &Instance, state: RecordedState) -> Option<crate::Timestamp> {
    let recorded = instance.recorded.filter(|recorded| recorded.state == state)?;
    Some(recorded.since.max(instance.last_selected_at.unwrap_or(recorded.since)))
}

fn note_states(policy: &Policy, observation: &Observation, plan: &mut Plan) {
    for instance in &observation.instances {
        let state = match instance.jibri {
            JibriStatus::Idle => RecordedState::Idle,
            JibriStatus::Busy => RecordedState::Busy,
            JibriStatus::Unhealthy => RecordedState::Unhealthy,
            JibriStatus::Missing => match launch_progress(policy, observation, instance) {
                LaunchProgress::Pending => continue,
                LaunchProgress::Overdue => RecordedState::Overdue,
                LaunchProgress::Done => RecordedState::Missing,
            },
            JibriStatus::Unknown => continue,
        };
        let lost = observation.signal != Signal::Fresh;
        // Missing from half an answer is not missing. Without EC2's answer the tag is not known.
        if (lost && state == RecordedState::Missing) || instance.ec2.is_none() || !instance.is_active() {
            continue;
        }
        let before = instance.recorded.map(|recorded| recorded.state);
        if before != Some(state) {
            let reason = match before {
                Some(before) => format!("it was {before}"),
                None => "first reading".into(),
            };
            let recorded = Recorded { state, since: observation.now };
            plan.step(Action::TagState { instance: instance.id.clone(), recorded }, reason);
        }
    }
}

/// Jicofo answers and lists nobody: either it has lost its XMPP, or they are all dead. They know.
fn ask_missing(policy: &Policy, observation: &Observation, plan: &mut Plan) {
    let missing = observation.instances.iter().filter(|instance| {
        instance.lifecycle == LifecycleState::InService
            && instance.jibri == JibriStatus::Missing
            && instance.has_registered()
            && matches!(evidence(policy, observation, instance), Evidence::None)
    });
    for instance in missing.take(MOST_ASKED) {
        let action = Action::Check { instance: instance.id.clone() };
        plan.step(action, "Jicofo lists nobody at all, and this one had registered");
    }
}

fn protect_again(observation: &Observation, plan: &mut Plan) {
    for instance in &observation.instances {
        if instance.lifecycle == LifecycleState::InService && !instance.protected {
            let action = Action::Protect { instance: instance.id.clone() };
            plan.step(action, "an instance without protection could be ended by anything that lowers desired capacity");
        }
    }
}

fn report_strangers(observation: &Observation, plan: &mut Plan) {
    // An id is a stale entry, gone in a moment, or another group's; anything else is a name that somebody chose.
    let (ids, names): (Vec<_>, Vec<_>) = observation.strangers.iter().partition(|nickname| nickname.starts_with("i-"));
    if !ids.is_empty() {
        plan.waits.push(format!("Jicofo to forget {}, not of this group", enumerate(&ids)));
    }
    if !names.is_empty() {
        plan.problems.push(format!(
            "Jicofo lists {}: a Jibri of the group needs JIBRI_INSTANCE_ID set to its EC2 instance id",
            enumerate(&names)
        ));
    }
}

fn enumerate(names: &[&String]) -> String {
    const SHOWN: usize = 5;
    let shown = names.iter().take(SHOWN).map(|name| name.as_str()).collect::<Vec<_>>().join(", ");
    match names.len() {
        0..=SHOWN => shown,
        all => format!("{shown} and {} more", all - SHOWN),
    }
}

/// Scale-out has made up for whoever is of no use, mostly: then desired capacity sinks with it, and the group launches
/// another only where one is still missing.
fn plan_repairs(policy: &Policy, observation: &Observation, counts: &Counts, room: &mut Room, plan: &mut Plan) {
    let mut shortfall = counts.shortfall;
    for instance in observation.instances.iter().filter(|instance| instance.lifecycle == LifecycleState::InService) {
        let Some(reason) = reason_to_replace(policy, observation, instance, plan) else { continue };
        if room.terminations == 0 {
            plan.waits.push(format!("the next tick, to end {}: {reason}", instance.id));
            continue;
        }
        let decrement = shortfall == 0 && room.follows() && room.desired > room.min_size;
        shortfall = shortfall.saturating_sub(u32::from(!decrement));
        room.terminate(plan, instance, decrement, reason);
    }
}

/// Why the instance is of no use any more. Its drain still saves whatever is on it.
fn reason_to_replace(
    policy: &Policy,
    observation: &Observation,
    instance: &Instance,
    plan: &mut Plan,
) -> Option<String> {
    let now = observation.now;
    match instance.jibri {
        JibriStatus::Missing => match launch_progress(policy, observation, instance) {
            LaunchProgress::Pending => None,
            // Two readings apart: where no tag can be written, nobody knows who had registered before Jicofo restarted.
            LaunchProgress::Overdue => state_since(instance, RecordedState::Overdue)
                .filter(|since| now.seconds_since(*since) > 0)
                .map(|_| format!("it has not registered within {} of its launch", Spoken(policy.boot_grace_seconds))),
            LaunchProgress::Done => {
                if let Evidence::Says(JibriProcess::Gone) = evidence(policy, observation, instance) {
                    return Some("its Jibri has exited".into());
                }
                let missing_seconds = now.seconds_since(state_since(instance, RecordedState::Missing)?);
                (missing_seconds > policy.boot_grace_seconds)
                    .then(|| format!("Jicofo has not listed it for {}", Spoken(missing_seconds)))
            }
        },
        // Two readings apart, for a single one may be half-way through a restart.
        JibriStatus::Unhealthy => state_since(instance, RecordedState::Unhealthy)
            .filter(|since| now.seconds_since(*since) > 0)
            .map(|_| "its Jibri is UNHEALTHY, which never passes".into()),
        JibriStatus::Busy => suspect_busy(policy, observation, instance, plan),
        JibriStatus::Idle | JibriStatus::Unknown => None,
    }
}

/// Jicofo shows an EXPIRED Jibri as busy for ever: who is busy beyond belief is asked. A recording is never cut.
fn suspect_busy(policy: &Policy, observation: &Observation, instance: &Instance, plan: &mut Plan) -> Option<String> {
    let busy_seconds = observation.now.seconds_since(state_since(instance, RecordedState::Busy)?);
    if busy_seconds <= policy.busy_suspicion_seconds {
        return None;
    }
    match evidence(policy, observation, instance) {
        Evidence::Says(JibriProcess::Expired(_)) => {
            return Some("its Jibri is EXPIRED, and takes no more recordings".into());
        }
        Evidence::Says(JibriProcess::Gone) => return Some("its Jibri has exited, and Jicofo does not know it".into()),
        // Jicofo keeps what it was told last, for ever: the instance itself knows better.
        Evidence::Says(JibriProcess::Idle(_)) => {
            return Some("its Jibri is idle, and Jicofo has it busy for ever".into());
        }
        Evidence::Says(_) => {
            let problem = format!(
                "{} is busy for {}: look whether its recording or its upload hangs",
                instance.id,
                Spoken(busy_seconds)
            );
            plan.problems.push(problem);
        }
        Evidence::Awaited => plan.waits.push(format!("the check of {}", instance.id)),
        Evidence::None => {
            let reason = format!("Jicofo says that it is busy for {}", Spoken(busy_seconds));
            plan.step(Action::Check { instance: instance.id.clone() }, reason);
        }
        Evidence::Failed(why) => plan.problems.push(format!(
            "{} is busy for {}, and cannot be asked: {why}",
            instance.id,
            Spoken(busy_seconds)
        )),
    }
    None
}

fn plan_victims(policy: &Policy, observation: &Observation, counts: &Counts, room: &mut Room, plan: &mut Plan) {
    let ended: BTreeSet<InstanceId> = plan
        .steps
        .iter()
        .filter(|step| matches!(step.action, Action::Terminate { .. }))
        .filter_map(|step| step.action.instance().cloned())
        .collect();
    let mut left = counts.surplus.min(room.terminations);
    for instance in order_candidates(policy, observation, &ended, 0) {
        if left == 0 {
            break;
        }
        let decrement = room.follows();
        if decrement && room.desired <= room.min_size {
            plan.waits.push(format!(
                "the group's minimum of {}: {left} Jibris more than wanted are available",
                room.min_size
            ));
            break;
        }
        let idle_seconds =
            observation.now.seconds_since(state_since(instance, RecordedState::Idle).unwrap_or(observation.now));
        let idle = format!(
            "idle for {}, {} available, {} to be held by {}",
            Spoken(idle_seconds),
            counts.available,
            observation.target.hold,
            observation.target.source
        );
        match evidence(policy, observation, instance) {
            Evidence::Says(JibriProcess::Idle(HealthStatus::Healthy)) => {
                room.terminate(plan, instance, decrement, idle);
            }
            Evidence::Says(_) => continue,
            Evidence::Failed(why) => {
                plan.waits.push(format!("a check of {} that succeeds: {why}", instance.id));
                continue;
            }
            Evidence::Awaited => plan.waits.push(format!("the check of {}", instance.id)),
            Evidence::None => plan.step(Action::Check { instance: instance.id.clone() }, idle),
        }
        left -= 1;
    }
}

/// Asks those who may go a minute from now. The answer is then there when they may, and the wait for it costs nothing.
fn ask_ahead(policy: &Policy, observation: &Observation, counts: &Counts, room: &Room, plan: &mut Plan) {
    let surplus = counts.available.saturating_sub(observation.target.hold_soon);
    let mut left = surplus.min(policy.terminations_per_tick).min(room.desired.saturating_sub(room.min_size));
    let touched: BTreeSet<InstanceId> = plan.steps.iter().filter_map(|step| step.action.instance().cloned()).collect();
    let touched_idle = observation.instances.iter().filter(|instance| touched.contains(&instance.id));
    left = left.saturating_sub(u32::try_from(touched_idle.count()).unwrap_or(u32::MAX));
    for instance in order_candidates(policy, observation, &touched, TICK_SECONDS) {
        if left == 0 {
            break;
        }
        if let Evidence::None = evidence(policy, observation, instance) {
            let reason = format!("it may go a minute from now: {} are to be held then", observation.target.hold_soon);
            plan.step(Action::Check { instance: instance.id.clone() }, reason);
        }
        left -= 1;
    }
}

/// Who may go, now or so many seconds ahead, in order: outdated launch template first, then from the fullest zone, then the longest idle.
fn order_candidates<'a>(
    policy: &Policy,
    observation: &'a Observation,
    ended: &BTreeSet<InstanceId>,
    ahead_seconds: u64,
) -> Vec<&'a Instance> {
    let idle_seconds = policy.idle_seconds.saturating_sub(ahead_seconds);
    let idle_since = |instance: &Instance| state_since(instance, RecordedState::Idle);
    let mut candidates: Vec<&Instance> = observation
        .instances
        .iter()
        .filter(|instance| instance.lifecycle == LifecycleState::InService && instance.jibri == JibriStatus::Idle)
        .filter(|instance| !ended.contains(&instance.id))
        .filter(|instance| match idle_since(instance) {
            Some(since) => observation.now.seconds_since(since) >= idle_seconds,
            // Its tag is written in this very tick: the next will be the second reading.
            None => ahead_seconds > 0 && idle_seconds == 0,
        })
        .collect();
    let mut zones: BTreeMap<&str, usize> = BTreeMap::new();
    let stays = |instance: &&Instance| instance.is_active() && !ended.contains(&instance.id);
    for instance in observation.instances.iter().filter(stays) {
        *zones.entry(&instance.zone).or_default() += 1;
    }
    let mut ordered = Vec::with_capacity(candidates.len());
    while !candidates.is_empty() {
        let key = |instance: &&Instance| {
            let zone = std::cmp::Reverse(zones.get(instance.zone.as_str()).copied().unwrap_or(0));
            (!instance.outdated, zone, idle_since(instance).unwrap_or(observation.now), instance.id.clone())
        };
        let Some(next) = (0..candidates.len()).min_by_key(|&index| key(&candidates[index])) else {
            break;
        };
        let victim = candidates.swap_remove(next);
        // The next one is chosen from what is then left in each zone.
        if let Some(count) = zones.get_mut(victim.zone.as_str()) {
            *count -= 1;
        }
        ordered.push(victim);
    }
    ordered
}

/// What the instance says of itself.
pub(crate) enum Evidence<'a> {
    /// This, lately enough.
    Says(JibriProcess),
    /// It has been asked, and has not answered yet.
    Awaited,
    /// It was asked lately, and could not answer.
    Failed(&'a str),
    /// It has not been asked lately.
    None,
}

pub(crate) fn evidence<'a>(policy: &Policy, observation: &Observation, instance: &'a Instance) -> Evidence<'a> {
    let Some(check) = &instance.check else {
        return Evidence::None;
    };
    let age_seconds = observation.now.seconds_since(check.sent_at);
    match &check.outcome {
        CommandOutcome::InFlight if age_seconds <= policy.check_validity_seconds => Evidence::Awaited,
        CommandOutcome::Reported(report) if age_seconds <= policy.check_validity_seconds => {
            Evidence::Says(report.process)
        }
        CommandOutcome::Failed(why) if age_seconds <= policy.check_validity_seconds => Evidence::Failed(why),
        _ => Evidence::None,
    }
}
