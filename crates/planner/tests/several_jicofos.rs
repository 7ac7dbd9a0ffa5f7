//! Several Jicofos, one of which is silent, told as stories.

mod common;

use common::*;
use planner::*;

#[test]
fn while_one_jicofo_is_silent_an_instance_that_another_lists_may_go_and_no_other() {
    let unknown = |name: &str| Instance { jibri: JibriStatus::Unknown, ..idle(name, 60) };
    let spared = |name: &str| Instance { check: says_idle(), ..idle(name, 30) };
    let one_is_silent = |instances: Vec<Instance>| Observation {
        signal: Signal::Partial { why: "connection refused".into(), for_seconds: 600 },
        ..pool(instances)
    };
    let all_listed = one_is_silent(vec![spared("i-1"), spared("i-2"), spared("i-3")]);
    let plan = plan_scale_in(&Policy::default(), &all_listed);
    assert_eq!(terminated(&plan).len(), 1, "one more than are to be held");
    assert_eq!(check_plan(&Policy::default(), &all_listed, &plan), Ok(()));
    assert!(plan.waits.iter().any(|wait| matches!(wait, Wait::Signal { .. })), "and it is told of");

    // An instance that none lists may be idle at the silent one: it is not counted, and it stays.
    let mixed = one_is_silent(vec![spared("i-1"), spared("i-2"), unknown("i-3"), unknown("i-4")]);
    assert_eq!(terminated(&plan_scale_in(&Policy::default(), &mixed)), [""; 0]);
    let mut forced = Plan::default();
    let action = Action::Terminate { instance: InstanceId::new("i-3"), decrement: true };
    forced.steps.push(Step { action, reason: "a bug".into() });
    let broken = check_plan(&Policy::default(), &mixed, &forced).expect_err("it is unknown");
    assert!(broken.iter().any(|violation| violation.invariant == Invariant::UnknownIsNoVictim), "{broken:?}");
}

#[test]
fn while_one_jicofo_is_silent_no_launch_expires_and_growth_is_bounded() {
    let partial = |for_seconds| Signal::Partial { why: "connection refused".into(), for_seconds };
    let launched = Instance { jibri: JibriStatus::Unknown, ..overdue("i-1", 60) };
    let observation = Observation { signal: partial(0), ..pool(vec![launched, idle("i-2", 30), idle("i-3", 30)]) };
    assert_eq!(terminated(&plan_scale_in(&Policy::default(), &observation)), [""; 0]);
    assert_eq!(count_pool(&Policy::default(), &observation).overdue, 0);
    let grown = |for_seconds| {
        let blind = Observation { signal: partial(for_seconds), ..pool(vec![busy("i-1")]) };
        let plan = plan_scale_out(&Policy::default(), &blind);
        plan.steps.iter().any(|step| matches!(step.action, Action::RaiseDesired { .. }))
    };
    let grace = Policy::default().signal_grace_seconds;
    assert!(!grown(0) && grown(grace));
}
