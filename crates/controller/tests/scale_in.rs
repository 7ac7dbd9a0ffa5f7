//! What scale-in still does, and does not, when something fails or has changed.

mod common;

use common::*;
use controller::scale_in;
use planner::LifecycleState;

#[test]
fn a_victim_that_agrees_goes() {
    let cloud = idle_for_an_hour();
    cloud.groups.replace(vec![group(LifecycleState::InService, 1)]);
    now(scale_in::run(&wants_nobody(), &ports(&cloud))).expect("a tick");
    assert_eq!(cloud.done(), ["terminate i-1 true"]);
}

#[test]
fn a_victim_that_has_left_meanwhile_is_not_terminated_again() {
    let cloud = idle_for_an_hour();
    cloud.groups.replace(vec![group(LifecycleState::InService, 1), group(LifecycleState::TerminatingWait, 0)]);
    now(scale_in::run(&wants_nobody(), &ports(&cloud))).expect("a tick");
    assert!(cloud.done().is_empty());
}

#[test]
fn without_the_list_of_checks_nobody_goes() {
    let mut cloud = idle_for_an_hour();
    cloud.groups.replace(vec![group(LifecycleState::InService, 1)]);
    cloud.commands = None;
    let error = complaint(now(scale_in::run(&wants_nobody(), &ports(&cloud))));
    assert!(error.contains("ssm:ListCommandInvocations"), "{error}");
    assert_eq!(cloud.done(), ["send Check 1"]);
}
