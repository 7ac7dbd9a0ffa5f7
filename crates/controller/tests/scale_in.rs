//! What scale-in still does, and does not, when something fails or has changed.

mod common;

use std::cell::RefCell;

use common::*;
use controller::{Function, TickError, invoke, metrics::Metric, ports::*};
use planner::{DrainResult, Group, InstanceId, LifecycleState};

#[test]
fn a_victim_that_agrees_goes() {
    let cloud = idle_for_an_hour();
    cloud.groups.replace(vec![group(LifecycleState::InService, 1)]);
    on_schedule(Function::ScaleIn, &wants_none(), &ports(&cloud)).expect("a tick");
    assert_eq!(cloud.done(), ["terminate i-1 true"]);
}

#[test]
fn a_victim_that_has_left_meanwhile_is_not_terminated_again() {
    let cloud = idle_for_an_hour();
    cloud.groups.replace(vec![group(LifecycleState::InService, 1), group(LifecycleState::TerminatingWait, 0)]);
    on_schedule(Function::ScaleIn, &wants_none(), &ports(&cloud)).expect("a tick");
    assert!(cloud.done().is_empty());
}

/// A group of the victim and another, which is new and has no tags yet.
fn with_a_new_one(desired_capacity: u32) -> GroupDescription {
    let mut group = group(LifecycleState::InService, desired_capacity);
    group.members.push(GroupMember { id: InstanceId::new("i-2"), ..group.members[0].clone() });
    group
}

#[test]
fn desired_capacity_does_not_sink_further_under_what_is_active() {
    for (desired_capacity, done) in [(2, vec!["terminate i-1 true"]), (1, vec![])] {
        let cloud = idle_for_an_hour();
        cloud.groups.replace(vec![group(LifecycleState::InService, 1), with_a_new_one(desired_capacity)]);
        on_schedule(Function::ScaleIn, &wants_none(), &ports(&cloud)).expect("a tick");
        assert_eq!(cloud.done(), done, "an earlier step has failed, or a person has lowered it: {desired_capacity}");
    }
}

/// Whose recording could not be noted looks idle for longer than it is.
#[test]
fn where_a_state_cannot_be_noted_no_instance_ends() {
    for (refuses, done) in [("nothing", vec!["tag 1 jibri-autoscaler:state", "terminate i-1 true"]), ("tag", vec![])] {
        let mut cloud = idle_for_an_hour();
        cloud.groups.replace(vec![with_a_new_one(2)]);
        let mut new = cloud.descriptions.as_ref().expect("instances")[0].clone();
        (new.id, new.tags) = (InstanceId::new("i-2"), vec![]);
        cloud.descriptions.as_mut().expect("instances").push(new);
        let jibris = &mut cloud.jicofo.as_mut().expect("an answer").jibris;
        jibris.push(JicofoJibri { nickname: "i-2".into(), ..jibris[0].clone() });
        cloud.refuses = refuses;
        let result = on_schedule(Function::ScaleIn, &wants_none(), &ports(&cloud));
        assert_eq!(result.is_err(), refuses == "tag");
        let ended: Vec<String> = cloud.done().into_iter().filter(|what| !what.starts_with("send")).collect();
        assert_eq!(ended, done);
    }
}

#[test]
fn without_the_list_of_checks_no_instance_ends() {
    let mut cloud = idle_for_an_hour();
    cloud.groups.replace(vec![group(LifecycleState::InService, 1)]);
    cloud.commands = None;
    let error = complaint(on_schedule(Function::ScaleIn, &wants_none(), &ports(&cloud)));
    assert!(error.contains("ssm:ListCommandInvocations"), "{error}");
    assert_eq!(cloud.done(), ["send Check 1"]);
}

/// What becomes of a victim that agrees, when the hook is read so by the tick, and so at the last moment.
fn with_hooks(hooks: Vec<Result<Option<HookDescription>, CallError>>) -> (Cloud, Result<(), TickError>) {
    let mut cloud = idle_for_an_hour();
    cloud.groups.replace(vec![group(LifecycleState::InService, 1)]);
    cloud.hooks = RefCell::new(hooks);
    let result = on_schedule(Function::ScaleIn, &wants_none(), &ports(&cloud));
    (cloud, result)
}

#[test]
fn no_instance_ends_that_no_hook_would_hold_and_the_error_says_why() {
    let launching = HookDescription { terminating: false, ..HOOK };
    let continues = HookDescription { default_result: DrainResult::Continue, ..HOOK };
    for (hook, words) in [
        (
            refused("autoscaling:DescribeLifecycleHooks"),
            "autoscaling:DescribeLifecycleHooks: AccessDenied; nothing is terminated",
        ),
        (Ok(None), "no terminating hook of the name in LIFECYCLE_HOOK"),
        (Ok(Some(launching)), "no terminating hook of the name in LIFECYCLE_HOOK"),
        (Ok(Some(continues)), "default result CONTINUE"),
    ] {
        let (cloud, result) = with_hooks(vec![hook]);
        let error = complaint(result);
        assert!(error.contains(words) && error.contains("nothing is terminated"), "{error}");
        assert!(cloud.done().is_empty(), "{:?}", cloud.done());
    }
}

#[test]
fn a_hook_that_is_gone_at_the_last_moment_holds_no_drain() {
    for (hook, words) in [
        (refused("autoscaling:DescribeLifecycleHooks"), "AccessDenied"),
        (Ok(None), "no terminating hook of the name in LIFECYCLE_HOOK"),
    ] {
        let (cloud, result) = with_hooks(vec![Ok(Some(HOOK)), hook]);
        assert!(complaint(result).contains(words));
        assert!(cloud.done().is_empty(), "{:?}", cloud.done());
    }
}

#[test]
fn a_hook_that_is_gone_after_the_first_termination_holds_no_second() {
    let (cloud, second) = (idle_for_an_hour(), InstanceId::new("i-2"));
    let mut group = group(LifecycleState::InService, 2);
    group.members.push(GroupMember { id: second.clone(), ..group.members[0].clone() });
    let Cloud { mut descriptions, mut commands, mut jicofo, .. } = cloud;
    let (described, sent) = (descriptions.as_mut().expect("one"), commands.as_mut().expect("one"));
    let jibris = &mut jicofo.as_mut().expect("an answer").jibris;
    described.push(InstanceDescription { id: second.clone(), ..described[0].clone() });
    sent.push(SentCommand { instance: second, ..sent[0].clone() });
    jibris.push(JicofoJibri { nickname: "i-2".into(), ..jibris[0].clone() });
    let both = ["terminate i-1 true", "terminate i-2 true"].map(str::to_owned);
    for (hooks, done) in
        [(vec![Ok(Some(HOOK))], both.to_vec()), (vec![Ok(Some(HOOK)), Ok(Some(HOOK)), Ok(None)], both[..1].to_vec())]
    {
        let cloud = Cloud {
            groups: RefCell::new(vec![group.clone()]),
            hooks: RefCell::new(hooks),
            descriptions: descriptions.clone(),
            commands: commands.clone(),
            jicofo: jicofo.clone(),
            ..idle_for_an_hour()
        };
        let result = on_schedule(Function::ScaleIn, &wants_none(), &ports(&cloud));
        assert_eq!((result.is_ok(), cloud.done()), (done.len() == 2, done));
    }
}

#[test]
fn a_group_that_retains_nothing_any_more_at_the_last_moment_holds_no_drain() {
    let cloud = idle_for_an_hour();
    let before = group(LifecycleState::InService, 1);
    let after = GroupDescription { sizes: Group { retains_abandoned: false, ..before.sizes }, ..before.clone() };
    cloud.groups.replace(vec![before, after]);
    let error = complaint(on_schedule(Function::ScaleIn, &wants_none(), &ports(&cloud)));
    assert!(error.contains("TerminateHookAbandon: retain"), "{error}");
    assert!(cloud.done().is_empty());
}

#[test]
fn while_a_second_jicofo_is_silent_an_instance_that_the_first_lists_may_go_and_its_numbers_are_published() {
    let mut cloud = idle_for_an_hour();
    cloud.second_jicofo = Some(refused("GET /stats"));
    let error = complaint(on_schedule(Function::ScaleIn, &wants_none(), &ports(&cloud)));
    assert!(error.contains("no signal from Jicofo: GET /stats: AccessDenied"), "{error}");
    assert!(cloud.done().contains(&"terminate i-1 true".to_owned()), "{:?}", cloud.done());

    let sampled = |cloud: &Cloud| {
        drop(now(invoke(Function::Availability, sample("availability"), &settings(&[]), &ports(cloud), NOW)));
        [Metric::SignalLost, Metric::AvailableJibris, Metric::JibriFailuresTotal].map(|metric| cloud.metric(metric))
    };
    assert_eq!(sampled(&cloud), [Some(1.0), Some(1.0), None], "its counters are not whole");
    // The first answers, and lists none of ours: then nothing is known.
    cloud.jicofo = Some(JicofoReading::default());
    cloud.published.borrow_mut().clear();
    assert_eq!(sampled(&cloud), [Some(1.0), None, None]);
    cloud.done.borrow_mut().clear();
    complaint(on_schedule(Function::ScaleIn, &wants_none(), &ports(&cloud)));
    assert!(!cloud.done().iter().any(|done| done.starts_with("terminate")), "{:?}", cloud.done());
}
