//! How AWS and Jitsi go on after something has failed.

mod common;

use common::*;
use world::{CommandView, Happening, Incident, World, WorldConfig};

/// A world whose only instance is retained after an abandoned drain.
fn retained() -> (World, String) {
    let mut world = settled(group_of(1));
    let id = ids(&mut world).remove(0);
    terminate(&mut world, &id, true).expect("desired is above the minimum");
    wait(&mut world, SECOND);
    complete(&mut world, &id, "ABANDON").expect("the hook waits");
    assert_eq!(states(&mut world), ["Terminating:Retained"]);
    (world, id)
}

fn check(world: &mut World, id: &str) -> CommandView {
    world.send_command(CHECK, &[id.to_owned()], 60).expect("the instance is managed");
    wait(world, SECOND);
    world.list_command_invocations(CHECK, START).expect("no throttling").remove(0)
}

fn failed_starts(world: &World) -> Vec<String> {
    let failed = world.log().iter().filter_map(|entry| match &entry.happening {
        Happening::StartFailed { instance, .. } => Some(instance.clone()),
        _ => None,
    });
    failed.collect()
}

#[test]
fn a_retained_instance_goes_when_a_person_terminates_it_and_desired_stays() {
    let (mut world, id) = retained();
    world.set_desired_capacity(GROUP, 2, false).unwrap();
    terminate(&mut world, &id, true).unwrap();
    wait(&mut world, MINUTE);
    assert_eq!((states(&mut world), desired(&mut world)), (vec!["InService"; 2], 2), "it was no capacity");
    assert_eq!(world.take_lifecycle_events().len(), 1, "no hook holds it a second time");
    assert!(terminate(&mut world, &id, false).is_err(), "it is not in the group any more");
}

#[test]
fn a_retained_machine_that_ends_leaves_the_group_at_the_next_health_check() {
    let (mut world, id) = retained();
    world.terminate_ec2_instance(&id);
    assert_eq!(states(&mut world), ["Terminating:Retained"]);
    wait(&mut world, 2 * MINUTE);
    assert!(states(&mut world).is_empty());
    wait(&mut world, HOUR);
    assert!(world.describe_instances_of_group(GROUP).unwrap().is_empty());
}

#[test]
fn however_often_desired_changes_a_launch_without_capacity_is_tried_once_a_minute() {
    let mut world = begin(group_of(1));
    world.cause(Incident::LaunchesFail { for_ms: HOUR });
    for minute in 0..60 {
        world.set_desired_capacity(GROUP, 2 + minute % 2, false).unwrap();
        wait(&mut world, MINUTE);
    }
    let failed = times(&world, |happening| *happening == Happening::LaunchFailed);
    assert!((59..=61).contains(&failed), "{failed}");
    wait(&mut world, 2 * MINUTE);
    assert_eq!(states(&mut world), ["InService"; 3]);
}

#[test]
fn a_start_that_fails_is_tried_on_another_jibri_and_no_user_notices() {
    let demand = vec![request(5 * MINUTE, 10 * MINUTE)];
    let mut world = settled(WorldConfig { demand, ..group_of(2) });
    world.cause(Incident::NextStartsFail { count: 1 });
    wait(&mut world, 4 * MINUTE);
    let failed = failed_starts(&world);
    assert_eq!(failed.len(), 1);
    assert_ne!(failed[0], recorder_of(&world, 0));
    assert_eq!(world.summary().refused, 0);
    let entry = jicofo(&mut world).brewery.into_iter().find(|entry| entry.nickname == failed[0]).unwrap();
    assert!(entry.healthy && !entry.busy && entry.last_failed_at.is_some(), "it still counts as available");
}

#[test]
fn a_jibri_that_failed_a_start_is_not_selected_for_a_minute_though_it_is_available() {
    let demand = vec![
        request(5 * MINUTE, MINUTE),
        request(6 * MINUTE - 1, MINUTE),
        request(6 * MINUTE, MINUTE),
        request(9 * MINUTE, MINUTE),
    ];
    let mut world = settled(WorldConfig { demand, ..group_of(1) });
    world.cause(Incident::NextStartsFail { count: 1 });
    wait(&mut world, 4 * MINUTE - 1);
    assert_eq!(world.snapshot().available, 1);
    assert_eq!(world.summary().refused, 2);
    assert_eq!(
        jicofo(&mut world).total_recording_failures,
        3,
        "the START that failed and the refusal after it count each"
    );
    wait(&mut world, 2 * MINUTE);
    assert_eq!((world.summary().requests, world.summary().refused), (3, 2));
    assert_eq!(jicofo(&mut world).brewery[0].last_failed_at, None, "it was available again after its recording");
}

#[test]
fn jicofo_gives_up_after_five_retries() {
    let demand = vec![request(5 * MINUTE, MINUTE)];
    let mut world = settled(WorldConfig { demand, ..group_of(8) });
    world.cause(Incident::NextStartsFail { count: 6 });
    wait(&mut world, 4 * MINUTE);
    assert_eq!((failed_starts(&world).len(), world.summary().refused), (6, 1));
}

#[test]
fn a_script_that_fails_is_told_apart_from_one_that_says_nothing() {
    let mut world = settled(group_of(1));
    let id = ids(&mut world).remove(0);
    world.cause(Incident::NextCommandsFail { count: 1 });
    world.cause(Incident::NextAnswersEmpty { count: 1 });
    let failed = check(&mut world, &id);
    assert_eq!((failed.status, failed.status_details, failed.response_code), ("Failed", "Failed", 1));
    let silent = check(&mut world, &id);
    assert_eq!((silent.status, silent.response_code, silent.output.as_str()), ("Success", 0, ""));
    assert!(check(&mut world, &id).output.contains("\"IDLE\""), "and then all is well again");
}
