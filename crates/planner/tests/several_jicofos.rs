//! Several Jicofos, one of which is silent, told as stories.

mod common;

use common::*;
use planner::*;

/// What a plan would break that ends this instance.
fn broken_by_ending(name: &str, observation: &Observation) -> Vec<Invariant> {
    let action = Action::Terminate { instance: InstanceId::new(name), decrement: true };
    let mut forced = Plan::default();
    forced.steps.push(Step { action, reason: "a bug".into() });
    let broken = check_plan(&Policy::default(), observation, &forced).expect_err("it breaks something");
    broken.into_iter().map(|violation| violation.invariant).collect()
}

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
    assert!(broken_by_ending("i-3", &mixed).contains(&Invariant::UnknownIsNoVictim), "it is unknown");
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

/// An idle Jibri that one Jicofo lists alone.
fn of_jicofo(place: usize, name: &str) -> Instance {
    Instance { listed_by: Jicofos::only(place), check: says_idle(), ..idle(name, 30) }
}

fn raised_to(observation: &Observation) -> Option<u32> {
    let plan = plan_scale_out(&Policy::default(), observation);
    assert_eq!(check_plan(&Policy::default(), observation, &plan), Ok(()));
    plan.steps.iter().find_map(|step| match step.action {
        Action::RaiseDesired { to, .. } => Some(to),
        _ => None,
    })
}

#[test]
fn each_jicofo_has_its_own_spares_where_its_jibris_are_its_own() {
    let own = pool(vec![of_jicofo(0, "i-1"), of_jicofo(0, "i-2"), of_jicofo(1, "i-3")]);
    assert_eq!(raised_to(&own), Some(4), "2 are wanted for each of two");
    let shared = Jicofos::only(0).union(Jicofos::only(1));
    let in_both =
        pool(vec![Instance { listed_by: shared, ..of_jicofo(0, "i-1") }, of_jicofo(0, "i-2"), of_jicofo(1, "i-3")]);
    assert_eq!(raised_to(&in_both), None, "one that both list tells that they share their Jibris");
    let one_alone = pool(vec![of_jicofo(0, "i-1"), of_jicofo(0, "i-2")]);
    assert_eq!(raised_to(&one_alone), None);
}

#[test]
fn jibris_that_join_one_jicofo_after_the_other_are_not_taken_for_its_own() {
    let own = pool(vec![of_jicofo(0, "i-1"), of_jicofo(1, "i-2")]);
    assert_eq!(raised_to(&own), Some(4));
    let just_joined = |at| with(of_jicofo(1, "i-2"), |record| record.registered_at = Some(at));
    assert_eq!(raised_to(&pool(vec![of_jicofo(0, "i-1"), just_joined(NOW.minus_seconds(20))])), None);
    assert_eq!(raised_to(&Observation { after_silence: true, ..own }), None);
    let gone = |name| Instance { jibri: JibriStatus::Missing, listed_by: Jicofos::default(), ..idle(name, 30) };
    let rejoin = pool(vec![of_jicofo(0, "i-1"), of_jicofo(1, "i-2"), gone("i-3"), gone("i-4")]);
    assert_eq!(raised_to(&rejoin), None, "two have vanished together, and are expected back");
}

#[test]
fn scale_in_takes_only_from_a_jicofo_that_has_more_than_it_is_to_keep() {
    let with_two = |others: &[&str]| {
        let mut instances: Vec<Instance> = ["i-1", "i-2", "i-3", "i-4"].map(|name| of_jicofo(0, name)).into();
        instances.extend(others.iter().map(|name| of_jicofo(1, name)));
        pool(instances)
    };
    let lacking = with_two(&["i-0"]);
    assert_eq!(terminated(&plan_scale_in(&Policy::default(), &lacking)), [""; 0], "a launch may join either");
    assert_eq!(raised_to(&lacking), Some(6), "the other Jicofo lacks one");
    let pool = with_two(&["i-0", "i-00"]);
    let plan = plan_scale_in(&Policy::default(), &pool);
    assert_eq!(terminated(&plan), ["i-1", "i-2"], "two are held for each");
    assert_eq!(check_plan(&Policy::default(), &pool, &plan), Ok(()));
    assert!(broken_by_ending("i-0", &pool).contains(&Invariant::Hold), "its Jicofo keeps two");
}

#[test]
fn while_jibris_join_again_none_ends_that_its_jicofo_may_lack() {
    let gone = |name| Instance { jibri: JibriStatus::Missing, listed_by: Jicofos::default(), ..idle(name, 30) };
    let rejoin = pool(vec![of_jicofo(0, "i-1"), of_jicofo(0, "i-2"), of_jicofo(1, "i-3"), gone("i-4"), gone("i-5")]);
    let plan = plan_scale_in(&Policy::default(), &rejoin);
    assert_eq!(terminated(&plan), [""; 0], "two are held for each, and the second Jicofo lists one for the moment");
    assert!(broken_by_ending("i-3", &rejoin).contains(&Invariant::Hold));
}

#[test]
fn a_jicofo_that_lists_none_beside_one_that_lists_some_is_named() {
    let empty = Observation {
        empty_jicofos: vec!["http://10.0.2.5:8888".into()],
        ..pool(vec![idle("i-1", 30), idle("i-2", 30)])
    };
    let problems = plan_scale_out(&Policy::default(), &empty).problems;
    let text = problems.iter().map(Problem::to_string).collect::<Vec<_>>().join("\n");
    assert!(text.starts_with("http://10.0.2.5:8888 lists no Jibri"), "{text}");
    assert_eq!(raised_to(&empty), None, "another launch would join it no more than these");
}
