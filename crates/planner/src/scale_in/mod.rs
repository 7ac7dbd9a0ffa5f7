//! Scale-in and repairs: which instances may go, and which must be replaced.

mod busy;
mod evidence;
mod proofs;
mod repairs;
mod room;
mod states;
mod victims;

pub use evidence::{all_have_exited, has_exited};

use crate::{
    Observation, Plan, Policy, Problem, Signal, Wait,
    hook::{impatience, why_unheld},
    pool::count_pool,
    proof::with_proofs,
};
use room::{Room, View};

/// What ends nothing, in this order; it is done with a signal and without.
const NOTES: [fn(&View<'_>, &mut Plan); 5] =
    [states::note_states, proofs::note_proofs, states::protect_again, states::report_waiting, states::report_strangers];

/// What ends something, or asks before it does, in this order; terminations are capped together.
const ENDS: [fn(&View<'_>, &mut Room, &mut Plan); 4] =
    [repairs::plan_repairs, repairs::replace_failing, victims::plan_victims, victims::ask_ahead];

/// Plans transitions of the state tags, repairs and scale-in.
///
/// A victim of scale-in has been idle in the fleet's reading and in its tag for long enough, and has said so
/// itself within `check_validity_seconds`. Nothing is terminated while the signal is lost, nor while no hook is known to
/// hold what is terminated.
pub fn plan_scale_in(policy: &Policy, observation: &Observation) -> Plan {
    let counts = count_pool(policy, observation);
    let mut plan = Plan::default();
    for note in NOTES {
        note(&View { policy, observation, counts: &counts }, &mut plan);
    }
    let noted = with_proofs(observation, &plan);
    let counts = count_pool(policy, &noted);
    let view = View { policy, observation: &noted, counts: &counts };
    proofs::report_failing(&view, &mut plan);
    let unheld = why_unheld(observation.hook, &observation.group);
    match unheld {
        Some(unheld) => plan.problems.push(Problem::Unheld(unheld)),
        None => plan.problems.extend(impatience(policy, observation.hook).map(Problem::Impatient)),
    }
    if let Some((why, _)) = observation.signal.trouble() {
        plan.waits.push(Wait::Signal { why: why.to_owned() });
    }
    if matches!(observation.signal, Signal::Lost { .. }) || !observation.empty_jicofos.is_empty() {
        repairs::ask_missing(&view, &mut plan);
    }
    if !matches!(observation.signal, Signal::Fresh | Signal::Partial { .. }) || unheld.is_some() {
        return plan;
    }
    let mut room = Room {
        terminations: policy.terminations_per_tick,
        active: counts.active,
        desired: observation.group.desired_capacity,
        min_size: observation.group.min_size,
    };
    let mut ends = Plan::default();
    for end in ENDS {
        end(&view, &mut room, &mut ends);
    }
    if !policy.scale_in_paused {
        plan.append(ends);
        return plan;
    }
    // An instance that hangs is to be looked at all the same.
    plan.problems.extend(ends.problems);
    if !ends.steps.is_empty() {
        plan.problems.push(Problem::ScaleInPaused { would: ends.steps });
    }
    plan
}
