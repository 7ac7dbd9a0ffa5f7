//! Scale-in: which of the idle Jibris go, in what order, and which are asked a minute ahead.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet},
};

use crate::{
    Action, HealthStatus, Instance, InstanceId, JibriProcess, JibriStatus, LifecycleState, Plan, RecordedState, Stage,
    Wait, judge_service, shards::OwnSurplus, spoken::Spoken, wanted_target,
};

use super::{
    evidence::{Evidence, evidence, state_since},
    room::{Room, View},
};

/// How long until the next plan, in seconds.
const TICK_SECONDS: u64 = 60;

/// Terminates what is more than is to be held, each after its own word.
pub(super) fn plan_victims(view: &View<'_>, room: &mut Room, plan: &mut Plan) {
    let View { observation, counts, .. } = view;
    let Some(target) = wanted_target(observation) else { return };
    let ended: BTreeSet<InstanceId> =
        plan.actions_of(Stage::Terminations).filter_map(|action| action.instance().cloned()).collect();
    let mut left = counts.surplus.min(room.terminations);
    let mut own = OwnSurplus::count(observation);
    for instance in order_candidates(view, &ended, 0) {
        if left == 0 {
            break;
        }
        if !own.take(instance) {
            continue;
        }
        let decrement = room.follows();
        if decrement && room.desired <= room.min_size {
            plan.waits.push(Wait::Minimum { min_size: room.min_size, surplus: left });
            break;
        }
        let idle_since = state_since(instance, RecordedState::Idle).unwrap_or(observation.now);
        let idle = format!(
            "idle for {}, {} available, {} to be held by {}",
            Spoken(observation.now.seconds_since(idle_since)),
            counts.available,
            target.hold,
            target.source
        );
        let id = instance.id.clone();
        match evidence(view, instance) {
            Evidence::Says(JibriProcess::Idle(HealthStatus::Healthy)) => {
                room.terminate(plan, instance, decrement, idle);
            }
            // It contradicts Jicofo: the next one is taken.
            Evidence::Says(_) => continue,
            Evidence::Failed(why) => {
                plan.waits.push(Wait::CheckThatSucceeds { instance: id, why: why.to_owned() });
                continue;
            }
            Evidence::Awaited => plan.waits.push(Wait::Check { instance: id }),
            Evidence::None => plan.step(Action::Check { instance: id }, idle),
        }
        left -= 1;
    }
}

/// Asks those that may go a minute from now. The answer is then there when they may, and the wait for it costs nothing.
pub(super) fn ask_ahead(view: &View<'_>, room: &mut Room, plan: &mut Plan) {
    let View { policy, observation, counts } = view;
    let Some(target) = wanted_target(observation) else { return };
    let surplus = counts.available.saturating_sub(target.hold_soon);
    let mut left = surplus.min(policy.terminations_per_tick).min(room.desired.saturating_sub(room.min_size));
    let touched: BTreeSet<InstanceId> = plan.steps.iter().filter_map(|step| step.action.instance().cloned()).collect();
    let touched_here = observation.instances.iter().filter(|instance| touched.contains(&instance.id)).count();
    left = left.saturating_sub(u32::try_from(touched_here).unwrap_or(u32::MAX));
    for instance in order_candidates(view, &touched, TICK_SECONDS) {
        if left == 0 {
            break;
        }
        if let Evidence::None = evidence(view, instance) {
            let reason = format!("it may go a minute from now: {} are to be held then", target.hold_soon);
            plan.step(Action::Check { instance: instance.id.clone() }, reason);
        }
        left -= 1;
    }
}

/// The instances that may go, now or so many seconds ahead, in order: outdated launch template first, then from the
/// fullest zone, then the longest idle. One that remembers failures stays for as long as another might go.
fn order_candidates<'a>(view: &View<'a>, ended: &BTreeSet<InstanceId>, ahead_seconds: u64) -> Vec<&'a Instance> {
    let View { policy, observation, .. } = view;
    let idle_seconds = policy.idle_seconds.saturating_sub(ahead_seconds);
    let service = judge_service(observation);
    let is_idle =
        |instance: &Instance| instance.lifecycle == LifecycleState::InService && instance.jibri == JibriStatus::Idle;
    let forgetful = |instance: &Instance| is_idle(instance) && !service.is_remembered_by(instance);
    let any_forgetful = observation.instances.iter().any(forgetful);
    let idle_since = |instance: &Instance| state_since(instance, RecordedState::Idle);
    let mut candidates: Vec<&Instance> = observation
        .instances
        .iter()
        .filter(|instance| is_idle(instance))
        .filter(|instance| !(instance.is_failing() && service.replacement_helps))
        .filter(|instance| instance.outdated || !any_forgetful || forgetful(instance))
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
            let zone = Reverse(zones.get(instance.zone.as_str()).copied().unwrap_or(0));
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
