//! The way out of the group: hooks, heartbeats, retention, and machines that end by hand.

mod common;

use common::*;
use world::{Happening, Incident, World, WorldConfig};

const NO_ACTION: &str = "No active Lifecycle Action";

/// A settled world with one instance that has just come to its hook.
fn draining(config: WorldConfig) -> (World, String) {
    let mut world = settled(config);
    let id = ids(&mut world).remove(0);
    terminate(&mut world, &id, true).expect("desired is above the minimum");
    wait(&mut world, SECOND);
    assert_eq!(states(&mut world)[0], "Terminating:Wait");
    (world, id)
}

fn machine_ended(world: &World, id: &str) -> bool {
    times(world, |happening| matches!(happening, Happening::Ended { instance } if instance == id)) > 0
}

#[test]
fn a_termination_passes_through_its_states_in_order_and_sends_one_event() {
    let mut world = settled(group_of(1));
    let id = ids(&mut world).remove(0);
    terminate(&mut world, &id, true).unwrap();
    assert_eq!(states(&mut world), ["Terminating"]);
    assert!(world.take_lifecycle_events().is_empty());

    wait(&mut world, SECOND);
    assert_eq!(states(&mut world), ["Terminating:Wait"]);
    let events = world.take_lifecycle_events();
    assert_eq!(events.len(), 1);
    assert_eq!((events[0].at, &events[0].instance), (world.now(), &id));
    assert_eq!((events[0].group.as_str(), events[0].hook.as_str()), (GROUP, HOOK));
    assert_eq!(events[0].transition, "autoscaling:EC2_INSTANCE_TERMINATING");
    assert!(world.take_lifecycle_events().is_empty(), "an event is delivered once");

    complete(&mut world, &id, "CONTINUE").unwrap();
    assert_eq!(states(&mut world), ["Terminating:Proceed"]);
    wait(&mut world, MINUTE);
    assert!(states(&mut world).is_empty());
    let end = ["terminating", "hook-waits", "hook-ended", "ended"];
    assert_eq!(story_of(&world, &id)[3..], end);
}

#[test]
fn without_a_hook_nothing_waits() {
    let mut config = group_of(1);
    config.hook = None;
    let mut world = settled(config);
    let id = ids(&mut world).remove(0);
    terminate(&mut world, &id, true).unwrap();
    wait(&mut world, MINUTE);
    assert!(states(&mut world).is_empty() && world.take_lifecycle_events().is_empty());
}

#[test]
fn the_hook_is_described_by_name_and_among_all_with_its_longest_wait() {
    let mut config = group_of(0);
    config.hook = hook(600, true);
    let mut world = begin(config);
    for names in [vec![], vec![HOOK.to_owned()], vec!["other".to_owned(), HOOK.to_owned()]] {
        let hooks = world.describe_lifecycle_hooks(GROUP, &names).unwrap();
        assert_eq!((hooks.len(), hooks[0].name.as_str()), (1, HOOK));
        assert_eq!(hooks[0].transition, "autoscaling:EC2_INSTANCE_TERMINATING");
        assert_eq!((hooks[0].heartbeat_timeout_seconds, hooks[0].global_timeout_seconds), (600, 60_000));
        assert_eq!(hooks[0].default_result, "CONTINUE");
    }
    assert!(world.describe_lifecycle_hooks(GROUP, &["other".to_owned()]).unwrap().is_empty());
    assert_eq!(world.describe_lifecycle_hooks("other", &[]).unwrap_err().code, "ValidationError");

    let mut world = begin(group_of(0));
    let hooks = world.describe_lifecycle_hooks(GROUP, &[]).unwrap();
    assert_eq!((hooks[0].global_timeout_seconds, hooks[0].default_result), (48 * 3600, "ABANDON"));
}

#[test]
fn a_hook_that_is_deleted_lets_go_what_it_holds_and_holds_nothing_until_it_is_restored() {
    let (mut world, held) = draining(group_of(3));
    world.cause(Incident::HookRestored);
    assert_eq!(states(&mut world)[0], "Terminating:Wait", "it was there already");
    world.cause(Incident::HookDeleted);
    assert!(world.describe_lifecycle_hooks(GROUP, &[]).unwrap().is_empty());
    assert_eq!(member(&mut world, &held).unwrap().lifecycle_state, "Terminating:Proceed");
    let id = ids(&mut world).remove(1);
    terminate(&mut world, &id, true).unwrap();
    wait(&mut world, MINUTE);
    assert!(machine_ended(&world, &held) && machine_ended(&world, &id));

    world.cause(Incident::HookDeleted);
    world.cause(Incident::HookRestored);
    let id = ids(&mut world).remove(0);
    terminate(&mut world, &id, true).unwrap();
    wait(&mut world, MINUTE);
    assert_eq!(states(&mut world), ["Terminating:Wait"]);
}

#[test]
fn a_heartbeat_begins_the_time_out_anew() {
    let mut config = group_of(1);
    config.hook = hook(600, true);
    let (mut world, id) = draining(config);
    for _ in 0..5 {
        wait(&mut world, 9 * MINUTE);
        heartbeat(&mut world, &id).unwrap();
    }
    wait(&mut world, 10 * MINUTE - 1);
    assert_eq!(states(&mut world), ["Terminating:Wait"]);
    wait(&mut world, 1);
    assert_eq!(states(&mut world), ["Terminating:Proceed"]);
    assert_eq!(world.summary().longest_drain_seconds, 55 * 60);
}

#[test]
fn a_time_out_applies_the_default_result() {
    for (default_continues, after) in [(true, None), (false, Some("Terminating:Retained"))] {
        let mut config = group_of(1);
        config.hook = hook(300, default_continues);
        let (mut world, id) = draining(config);
        wait(&mut world, 6 * MINUTE);
        assert_eq!(member(&mut world, &id).map(|member| member.lifecycle_state), after);
        assert_eq!(machine_ended(&world, &id), default_continues);
    }
}

#[test]
fn a_hundred_heartbeat_time_outs_are_the_limit() {
    let mut config = group_of(1);
    config.hook = hook(30, true);
    let (mut world, id) = draining(config);
    let began = world.now();
    while heartbeat(&mut world, &id).is_ok() {
        assert!(world.now() < began + HOUR, "heartbeats hold it for ever");
        wait(&mut world, 20 * SECOND);
    }
    wait(&mut world, MINUTE);
    assert_eq!(world.summary().longest_drain_seconds, 100 * 30);
    assert!(machine_ended(&world, &id));
}

#[test]
fn forty_eight_hours_are_the_limit_for_longer_time_outs() {
    let mut config = group_of(1);
    config.hook = hook(7200, true);
    let (mut world, id) = draining(config);
    let began = world.now();
    while heartbeat(&mut world, &id).is_ok() {
        assert!(world.now() < began + 50 * HOUR, "heartbeats hold it for ever");
        wait(&mut world, HOUR);
    }
    assert_eq!(world.summary().longest_drain_seconds, 48 * 3600);
}

#[test]
fn an_abandoned_drain_is_retained_where_the_group_says_so() {
    let (mut world, id) = draining(group_of(1));
    complete(&mut world, &id, "ABANDON").unwrap();
    wait(&mut world, 24 * HOUR);
    assert_eq!(member(&mut world, &id).unwrap().lifecycle_state, "Terminating:Retained");
    assert!(!machine_ended(&world, &id));
    let snapshot = world.snapshot();
    assert_eq!((snapshot.retained, snapshot.machines, snapshot.desired), (1, 1, 0), "it is billed, and no capacity");
}

#[test]
fn a_retained_instance_ends_when_a_person_terminates_it_through_the_group() {
    let (mut world, id) = draining(group_of(2));
    complete(&mut world, &id, "ABANDON").unwrap();
    wait(&mut world, HOUR);
    terminate(&mut world, &id, true).unwrap();
    wait(&mut world, MINUTE);
    assert!(machine_ended(&world, &id));
    assert_eq!(states(&mut world), ["InService"]);
    assert_eq!(desired(&mut world), 1, "it counted no longer, so nothing is decremented");
}

#[test]
fn an_abandoned_drain_ends_the_machine_where_nothing_retains_it() {
    let mut config = group_of(1);
    config.retain_abandoned = false;
    let (mut world, id) = draining(config);
    complete(&mut world, &id, "ABANDON").unwrap();
    wait(&mut world, MINUTE);
    assert!(machine_ended(&world, &id) && states(&mut world).is_empty());
}

#[test]
fn only_an_active_lifecycle_action_is_completed_or_kept_waiting() {
    let (mut world, id) = draining(group_of(2));
    let other = ids(&mut world).remove(1);
    for result in [complete(&mut world, &other, "CONTINUE"), heartbeat(&mut world, &other)] {
        let refused = result.unwrap_err();
        assert_eq!(refused.code, "ValidationError");
        assert!(refused.message.contains(NO_ACTION), "{refused}");
    }
    let unknown = world.complete_lifecycle_action(GROUP, "another-hook", &id, "CONTINUE");
    assert!(unknown.unwrap_err().message.contains(NO_ACTION));
    assert_eq!(complete(&mut world, &id, "continue").unwrap_err().code, "ValidationError");
    assert_eq!(states(&mut world), ["Terminating:Wait", "InService"]);
}

#[test]
fn a_second_completion_finds_no_active_lifecycle_action() {
    let (mut world, id) = draining(group_of(1));
    complete(&mut world, &id, "CONTINUE").unwrap();
    for result in [complete(&mut world, &id, "ABANDON"), heartbeat(&mut world, &id)] {
        assert!(result.unwrap_err().message.contains(NO_ACTION));
    }
    wait(&mut world, MINUTE);
    assert!(machine_ended(&world, &id), "the first result stands");
}

#[test]
fn a_machine_that_ends_by_hand_cuts_its_recording_and_is_replaced_through_its_hook() {
    let mut config = group_of(2);
    config.demand = vec![request(2 * MINUTE, HOUR)];
    let mut world = settled(config);
    let id = recorder_of(&world, 0);
    wait(&mut world, 10 * MINUTE);
    world.cause(Incident::TerminateEc2ByHand { busy: true });
    assert_eq!(world.summary().recordings_cut, 1);
    assert!(world.jibri_health(&id).is_none());
    let seen = member(&mut world, &id).unwrap();
    assert_eq!((seen.lifecycle_state, seen.health_status), ("InService", "Unhealthy"), "the group has not noticed yet");

    wait(&mut world, 2 * MINUTE);
    assert_eq!(member(&mut world, &id).unwrap().lifecycle_state, "Terminating:Wait");
    assert_eq!(world.take_lifecycle_events().len(), 1);
    assert_eq!((desired(&mut world), world.summary().launches), (2, 3));

    complete(&mut world, &id, "CONTINUE").unwrap();
    wait(&mut world, HOUR);
    assert_eq!(states(&mut world), ["InService", "InService"]);
    assert_eq!(world.summary().recordings_cut, 1, "it is cut once");
}

#[test]
fn a_machine_that_ends_by_hand_during_its_drain_still_waits_in_its_hook() {
    let (mut world, id) = draining(group_of(1));
    world.terminate_ec2_instance(&id);
    wait(&mut world, 10 * MINUTE);
    assert_eq!(states(&mut world), ["Terminating:Wait"]);
    assert_eq!(world.describe_instances_of_group(GROUP).unwrap()[0].state, "terminated");
    complete(&mut world, &id, "CONTINUE").unwrap();
    wait(&mut world, MINUTE);
    assert!(states(&mut world).is_empty());
    assert_eq!(world.summary().terminations, 1);
}

#[test]
fn files_that_wait_for_upload_are_lost_with_their_machine() {
    let mut config = group_of(1);
    config.demand = vec![request(2 * MINUTE, 10 * MINUTE)];
    config.uploads_retried = false;
    let mut world = settled(config);
    let id = ids(&mut world).remove(0);
    world.cause(Incident::NextUploadsFail { count: 1 });
    wait(&mut world, 15 * MINUTE);
    assert_eq!(world.recordings_on_disk(&id).len(), 1);
    world.terminate_ec2_instance(&id);
    let summary = world.summary();
    assert_eq!((summary.recordings_cut, summary.files_lost), (0, 1));
}
