//! In what order the steps of a plan are applied.

mod common;

use common::*;
use planner::*;

#[test]
fn what_saves_recordings_comes_first_and_what_ends_something_last() {
    let instance = || InstanceId::new("i-1");
    let in_order = [
        Action::Heartbeat { instance: instance() },
        Action::CompleteDrain { instance: instance(), result: DrainResult::Continue },
        Action::RaiseDesired { from: 1, to: 2 },
        Action::Protect { instance: instance() },
        Action::TagRegistered { instance: instance(), at: NOW },
        Action::TagState { instance: instance(), recorded: Recorded { state: RecordedState::Idle, since: NOW } },
        Action::TagDraining { instance: instance(), since: NOW },
        Action::SendDrain { instance: instance() },
        Action::Check { instance: instance() },
        Action::Terminate { instance: instance(), decrement: true },
    ];
    assert!(in_order.is_sorted_by_key(Action::stage));
    assert!(Stage::ALL.is_sorted());

    // However a plan was put together, each of its steps belongs to one stage.
    let step = |action: &Action| Step { action: action.clone(), reason: "a test".into() };
    let backwards = Plan { steps: in_order.iter().rev().map(step).collect(), ..Plan::default() };
    let applied: Vec<Action> = Stage::ALL.into_iter().flat_map(|stage| backwards.actions_of(stage)).cloned().collect();
    assert_eq!(applied.len(), in_order.len());
    assert!(applied.is_sorted_by_key(Action::stage));
}
