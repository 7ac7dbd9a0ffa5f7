//! Repairs: an instance that is of no use any more is replaced. Its drain still saves what is on it.

use crate::{
    Action, Instance, JibriProcess, JibriStatus, LifecycleState, Plan, RecordedState, Signal, Wait, judge_service,
    launch::{LaunchProgress, is_kept, launch_progress},
    spoken::Spoken,
};

use super::{
    busy::suspect_busy,
    evidence::{Evidence, evidence, state_since},
    room::{Room, View},
};

/// How many instances are asked at once where Jicofo lists none: as many as one command takes.
const MOST_ASKED: usize = 50;

/// A Jicofo answers and lists no Jibri: either it has lost its XMPP, or all have exited. The instances themselves know.
pub(super) fn ask_missing(view: &View<'_>, plan: &mut Plan) {
    // What a silent Jicofo may list is unknown, too, and no word of the instance would help.
    let forgotten = match view.observation.signal {
        Signal::Fresh => JibriStatus::Unknown,
        _ => JibriStatus::Missing,
    };
    let missing = view.observation.instances.iter().filter(|instance| {
        instance.lifecycle == LifecycleState::InService
            && instance.jibri == forgotten
            && instance.has_registered()
            && matches!(evidence(view, instance), Evidence::None)
    });
    for instance in missing.take(MOST_ASKED) {
        let action = Action::Check { instance: instance.id.clone() };
        plan.step(action, "a Jicofo lists no Jibri at all, and this one had registered");
    }
}

/// Terminates what is of no use. Scale-out has mostly made up for it already: then desired capacity sinks with it, and the
/// group launches another only where one is still missing.
pub(super) fn plan_repairs(view: &View<'_>, room: &mut Room, plan: &mut Plan) {
    let mut shortfall = view.counts.shortfall;
    let in_service =
        view.observation.instances.iter().filter(|instance| instance.lifecycle == LifecycleState::InService);
    for instance in in_service {
        let Some(reason) = reason_to_replace(view, instance, plan) else { continue };
        if room.terminations == 0 {
            plan.waits.push(Wait::NextTick { instance: instance.id.clone(), reason });
            continue;
        }
        let decrement = shortfall == 0 && room.follows() && room.desired > room.min_size;
        shortfall = shortfall.saturating_sub(u32::from(!decrement));
        room.terminate(plan, instance, decrement, reason);
    }
}

/// Why the instance is of no use any more; `None` is the normal case.
fn reason_to_replace(view: &View<'_>, instance: &Instance, plan: &mut Plan) -> Option<String> {
    let now = view.observation.now;
    let grace_seconds = view.policy.boot_grace_seconds;
    match instance.jibri {
        jibri if !view.observation.signal.lets_end(jibri) => None,
        JibriStatus::Missing => match launch_progress(view.policy, view.observation, instance) {
            LaunchProgress::Pending => None,
            LaunchProgress::Overdue if is_kept(view.policy, view.observation, instance) => None,
            // Two readings apart: where no tag can be written, a Jicofo that restarts makes every launch look like this.
            LaunchProgress::Overdue => state_since(instance, RecordedState::Overdue)
                .filter(|since| now.seconds_since(*since) > 0)
                .map(|_| format!("it has not registered within {} of its launch", Spoken(grace_seconds))),
            LaunchProgress::Done => {
                if let Evidence::Says(JibriProcess::Gone) = evidence(view, instance) {
                    return Some("its Jibri has exited".into());
                }
                let gone_since = state_since(instance, RecordedState::Missing);
                let gone_since = gone_since.or(state_since(instance, RecordedState::Vanished))?;
                let missing_seconds = now.seconds_since(gone_since);
                (missing_seconds > grace_seconds)
                    .then(|| format!("Jicofo has not listed it for {}", Spoken(missing_seconds)))
            }
        },
        // Two readings apart, for a single one may be half-way through a restart.
        JibriStatus::Unhealthy => state_since(instance, RecordedState::Unhealthy)
            .filter(|since| now.seconds_since(*since) > 0)
            .map(|_| "its Jibri is UNHEALTHY, which never passes".into()),
        JibriStatus::Busy => suspect_busy(view, instance, plan),
        JibriStatus::Idle | JibriStatus::Unknown | JibriStatus::NotAsked => None,
    }
}

/// Replaces a Jibri that fails its recordings, one in a tick and as a trial: the others are marked as doubted until a recording
/// goes well. Where a trial is under way, none is replaced.
pub(super) fn replace_failing(view: &View<'_>, room: &mut Room, plan: &mut Plan) {
    let observation = view.observation;
    let service = judge_service(observation);
    for id in &service.failing {
        let in_service = |instance: &&Instance| instance.lifecycle == LifecycleState::InService;
        let found = observation.instances.iter().find(|instance| instance.id == *id).filter(in_service);
        let Some(instance) = found.filter(|instance| instance.jibri == JibriStatus::Idle) else { continue };
        let id = id.clone();
        if !service.replacement_helps {
            plan.waits.push(Wait::Trial { instance: id });
            continue;
        }
        // What it fails, another must be there to take: and the doubt is noted on it.
        let others = || {
            let known = observation.instances.iter().filter(|other| other.is_active() && other.ec2.read().is_some());
            known.filter(|other| other.id != instance.id)
        };
        if !others().any(Instance::is_available) {
            plan.waits.push(Wait::AnotherJibri { instance: id });
            continue;
        }
        let reason = "it says that it is idle and healthy, and fails its recordings".to_owned();
        match evidence(view, instance) {
            Evidence::Says(JibriProcess::Idle(_)) if room.terminations == 0 => {
                plan.waits.push(Wait::NextTick { instance: id, reason });
            }
            Evidence::Says(JibriProcess::Idle(_)) => {
                for other in others() {
                    let action = Action::TagDoubted { instance: other.id.clone(), at: observation.now };
                    plan.step(action, format!("{id} is replaced for its failures"));
                }
                let made_up_for = view.counts.shortfall == 0;
                let decrement = made_up_for && room.follows() && room.desired > room.min_size;
                return room.terminate(plan, instance, decrement, reason);
            }
            Evidence::Says(_) => {}
            Evidence::Awaited => plan.waits.push(Wait::Check { instance: id }),
            Evidence::None => plan.step(Action::Check { instance: id }, reason),
            Evidence::Failed(why) => {
                plan.waits.push(Wait::CheckThatSucceeds { instance: id, why: why.to_owned() });
            }
        }
    }
}
