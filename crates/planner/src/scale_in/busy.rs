//! Busy Jibris that may not record at all. Each is asked; a recording is never cut.

use crate::{Action, CommandOutcome, Instance, JibriProcess, Plan, Problem, RecordedState, Wait, spoken::Spoken};

use super::{
    evidence::{Evidence, evidence, state_since},
    room::View,
};

/// How long a Jibri must have been busy before it is asked why Jicofo counts no session for it, in seconds: two readings apart.
const UNACCOUNTED_SECONDS: u64 = 60;

/// Why a busy Jibri is of no use any more; `None` is the normal case.
///
/// Jicofo shows an EXPIRED Jibri as busy for ever. One is asked that has been busy beyond belief, and at once where Jicofo
/// counts fewer sessions than busy Jibris.
pub(super) fn suspect_busy(view: &View<'_>, instance: &Instance, plan: &mut Plan) -> Option<String> {
    let now = view.observation.now;
    let busy_seconds = now.seconds_since(state_since(instance, RecordedState::Busy)?);
    let too_long = busy_seconds > view.policy.busy_suspicion_seconds;
    // Jicofo does not say which Jibri has which session: each says so itself.
    let suspected = view.observation.unaccounted_busy > 0;
    let at_once = suspected && busy_seconds >= UNACCOUNTED_SECONDS;
    if !(too_long || at_once) {
        return None;
    }
    let id = instance.id.clone();
    // What it said before it was selected again says nothing of this recording.
    let said_since = |sent_at| instance.last_selected_at.is_none_or(|selected_at| sent_at > selected_at);
    match evidence(view, instance) {
        Evidence::Says(_) | Evidence::Failed(_)
            if instance.check.read().is_some_and(|check| !said_since(check.sent_at)) =>
        {
            plan.step(Action::Check { instance: id }, "its last answer is older than its recording");
        }
        Evidence::Says(JibriProcess::Expired(_)) => {
            return Some("its Jibri is EXPIRED, and takes no more recordings".into());
        }
        Evidence::Says(JibriProcess::Gone) => return Some("its Jibri has exited, and Jicofo shows it as busy".into()),
        // Jicofo keeps what it was told last, for ever: the instance itself knows better.
        Evidence::Says(JibriProcess::Idle(_)) => {
            return Some("its Jibri is idle, and Jicofo shows it as busy for ever".into());
        }
        Evidence::Says(JibriProcess::Busy(_)) if suspected && does_nothing(instance) => {
            plan.problems.push(Problem::BusyWithNothing { instance: id, busy_seconds });
        }
        Evidence::Says(JibriProcess::Busy(_) | JibriProcess::Unresponsive) if too_long => {
            plan.problems.push(Problem::BusyTooLong { instance: id, busy_seconds });
        }
        Evidence::Says(JibriProcess::Busy(_) | JibriProcess::Unresponsive) => {}
        Evidence::Awaited => plan.waits.push(Wait::Check { instance: id }),
        Evidence::None if too_long => {
            let reason = format!("Jicofo has shown it as busy for {}", Spoken(busy_seconds));
            plan.step(Action::Check { instance: id }, reason);
        }
        Evidence::None => {
            plan.step(Action::Check { instance: id }, "Jicofo counts fewer sessions than it shows busy Jibris");
        }
        Evidence::Failed(why) if too_long => {
            plan.problems.push(Problem::BusyAndSilent { instance: id, busy_seconds, why: why.to_owned() });
        }
        Evidence::Failed(_) => {}
    }
    None
}

/// Whether the instance has said that neither a recording nor an upload runs on it.
fn does_nothing(instance: &Instance) -> bool {
    instance.check.read().is_some_and(
        |check| matches!(&check.outcome, CommandOutcome::Reported(report) if !report.recording && !report.finalizing),
    )
}
