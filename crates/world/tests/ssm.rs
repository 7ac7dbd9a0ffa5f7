//! SSM Run Command: which instance gets a command, what comes back, and what never does.

mod common;

use common::*;
use world::{CommandView, Incident, Scripts, World, WorldConfig};

fn send(world: &mut World, document: &str, id: &str) -> String {
    world.send_command(document, &[id.to_owned()], 60).expect("the instance is managed")
}

fn listed(world: &mut World, document: &str) -> Vec<CommandView> {
    world.list_command_invocations(document, START).expect("no throttling")
}

/// Sends the document, and what its script printed, half a minute later.
fn printed(world: &mut World, document: &str, id: &str) -> String {
    send(world, document, id);
    wait(world, 30 * SECOND);
    let newest = listed(world, document).remove(0);
    assert_eq!((newest.status, newest.response_code), ("Success", 0));
    newest.output
}

/// A world whose scripts are run by this test, with one instance.
fn hosted() -> (World, String) {
    let mut world = settled(WorldConfig { scripts: Scripts::Host, ..group_of(1) });
    let id = ids(&mut world).remove(0);
    (world, id)
}

#[test]
fn a_new_command_is_listed_a_moment_late() {
    let mut world = settled(group_of(1));
    let id = ids(&mut world).remove(0);
    let command = send(&mut world, CHECK, &id);
    assert!(listed(&mut world, CHECK).is_empty());
    wait(&mut world, SECOND);
    let view = listed(&mut world, CHECK).remove(0);
    assert_eq!((&view.command_id, &view.instance), (&command, &id));
    assert!(listed(&mut world, DRAIN).is_empty(), "another document");
    let later = view.sent_at + 1;
    assert!(world.list_command_invocations(CHECK, later).unwrap().is_empty());
}

#[test]
fn the_newest_command_is_listed_first() {
    let mut world = settled(group_of(1));
    let id = ids(&mut world).remove(0);
    let commands: Vec<String> = (0..3)
        .map(|_| {
            wait(&mut world, MINUTE);
            send(&mut world, CHECK, &id)
        })
        .collect();
    wait(&mut world, MINUTE);
    let seen: Vec<String> = listed(&mut world, CHECK).into_iter().map(|view| view.command_id).collect();
    assert_eq!(seen, commands.into_iter().rev().collect::<Vec<_>>());
}

#[test]
fn one_unknown_id_fails_the_whole_command() {
    let mut world = settled(group_of(2));
    let mut all = ids(&mut world);
    all.push("i-0123456789abcdef0".into());
    let refused = world.send_command(CHECK, &all, 60).unwrap_err();
    assert_eq!(refused.code, "InvalidInstanceId");
    assert!(refused.message.contains("i-0123456789abcdef0"));
    wait(&mut world, MINUTE);
    assert!(listed(&mut world, CHECK).is_empty(), "an instance got it");
}

#[test]
fn an_instance_is_known_once_its_agent_has_registered_and_until_it_ends() {
    let mut config = group_of(1);
    config.ssm.registration_seconds = 120.0;
    let mut world = begin(config);
    world.advance_to(START);
    let id = ids(&mut world);
    assert_eq!(world.send_command(CHECK, &id, 60).unwrap_err().code, "InvalidInstanceId");
    wait(&mut world, 2 * MINUTE);
    world.send_command(CHECK, &id, 60).unwrap();
    world.terminate_ec2_instance(&id[0]);
    assert_eq!(world.send_command(CHECK, &id, 60).unwrap_err().code, "InvalidInstanceId");
}

#[test]
fn a_command_takes_one_to_fifty_ids_and_a_known_document() {
    let mut config = group_of(51);
    config.max_size = 60;
    let mut world = settled(config);
    let all = ids(&mut world);
    for refused in [&all[..], &[]] {
        assert_eq!(world.send_command(CHECK, refused, 60).unwrap_err().code, "ValidationException");
    }
    world.send_command(CHECK, &all[..50], 60).unwrap();
    let refused = world.send_command("another", &all[..1], 60).unwrap_err();
    assert_eq!(refused.code, "InvalidDocument");
    wait(&mut world, MINUTE);
    assert_eq!(listed(&mut world, CHECK).len(), 50);
}

#[test]
fn a_command_that_is_lost_times_out_in_its_delivery() {
    let mut world = settled(group_of(1));
    let id = ids(&mut world).remove(0);
    world.cause(Incident::LoseNextCommands { count: 1 });
    send(&mut world, CHECK, &id);
    wait(&mut world, 59 * SECOND);
    assert_eq!(listed(&mut world, CHECK)[0].status, "Pending");
    wait(&mut world, SECOND);
    let lost = listed(&mut world, CHECK).remove(0);
    assert_eq!((lost.status, lost.status_details), ("TimedOut", "Delivery Timed Out"));
    assert_eq!(lost.output, "");
    printed(&mut world, CHECK, &id);
}

#[test]
fn no_command_arrives_while_ssm_is_offline() {
    let mut world = settled(group_of(1));
    let id = ids(&mut world).remove(0);
    world.cause(Incident::SsmOffline { for_ms: 10 * MINUTE });
    send(&mut world, DRAIN, &id);
    wait(&mut world, 10 * MINUTE);
    assert_eq!(listed(&mut world, DRAIN)[0].status_details, "Delivery Timed Out");
    assert!(world.jibri_health(&id).is_some(), "the Jibri was told");
    printed(&mut world, DRAIN, &id);
    assert!(world.jibri_health(&id).is_none());
}

#[test]
fn a_command_to_a_machine_that_ends_first_cannot_be_delivered() {
    let mut config = group_of(1);
    config.ssm.delivery_seconds = 30.0;
    let mut world = settled(config);
    let id = ids(&mut world).remove(0);
    send(&mut world, CHECK, &id);
    world.terminate_ec2_instance(&id);
    wait(&mut world, MINUTE);
    let view = listed(&mut world, CHECK).remove(0);
    assert_eq!((view.status, view.status_details), ("Failed", "Undeliverable"));
}

#[test]
fn a_check_tells_what_the_jibri_does_and_changes_nothing() {
    let mut config = group_of(1);
    config.demand = vec![request(10 * MINUTE, HOUR)];
    let mut world = settled(config);
    let id = ids(&mut world).remove(0);
    let idle = printed(&mut world, CHECK, &id);
    assert_eq!(
        idle,
        "{\"process\": \"running\", \"busy_status\": \"IDLE\", \"health_status\": \"HEALTHY\", \
         \"recordings_pending\": 0, \"recordings_failed\": 0, \"recording\": false, \"finalizing\": false, \
         \"oldest_recording_seconds\": null, \"good_recording_seconds\": null}\n"
    );
    wait(&mut world, 10 * MINUTE);
    let busy = printed(&mut world, CHECK, &id);
    assert!(busy.contains("\"BUSY\"") && busy.contains("\"recording\": true, \"finalizing\": false"), "{busy}");
    world.advance_to(START + 70 * MINUTE - SECOND);
    let busy = printed(&mut world, CHECK, &id);
    assert!(busy.contains("\"BUSY\"") && busy.contains("\"recording\": false, \"finalizing\": true"), "{busy}");
    world.advance_to(START + 75 * MINUTE);
    let good = "\"good_recording_seconds\": ";
    assert_eq!(printed(&mut world, CHECK, &id), idle.replace(&format!("{good}null"), &format!("{good}300")));
}

#[test]
fn the_age_of_what_waits_is_told_and_the_folder_in_use_does_not_wait() {
    let mut config = group_of(1);
    config.demand = vec![request(3 * MINUTE, 7 * MINUTE), request(20 * MINUTE, HOUR)];
    config.uploads_retried = false;
    let mut world = settled(config);
    let id = ids(&mut world).remove(0);
    world.cause(Incident::NextUploadsFail { count: 1 });
    let oldest = |world: &mut World, age: &str| {
        let report = printed(world, CHECK, &id);
        assert!(report.contains(&format!("\"oldest_recording_seconds\": {age},")), "{report}");
    };
    oldest(&mut world, "null");
    world.advance_to(START + 30 * MINUTE);
    oldest(&mut world, "1200");
    let session = world.recordings_on_disk(&id).remove(0);
    world.upload(&id, &session).expect("uploaded");
    world.cause(Incident::JibriStuck { ffmpeg: true });
    wait(&mut world, HOUR);
    assert_eq!(world.recordings_on_disk(&id).len(), 1);
    oldest(&mut world, "null");
}

#[test]
fn a_drain_ends_an_idle_jibri_and_uploads_what_was_left() {
    let mut config = group_of(1);
    config.demand = vec![request(5 * MINUTE, 5 * MINUTE)];
    config.uploads_retried = false;
    let mut world = settled(config);
    let id = ids(&mut world).remove(0);
    world.cause(Incident::NextUploadsFail { count: 2 });
    wait(&mut world, 10 * MINUTE);
    let first = printed(&mut world, DRAIN, &id);
    assert!(first.contains("\"gone\", \"busy_status\": null, \"health_status\": null"), "{first}");
    assert!(first.contains("\"recordings_pending\": 1, \"recordings_failed\": 1"), "{first}");
    let second = printed(&mut world, DRAIN, &id);
    assert!(second.contains("\"recordings_pending\": 0, \"recordings_failed\": 0"), "{second}");
}

#[test]
fn a_drain_of_a_busy_jibri_leaves_its_recording_alone() {
    let mut config = group_of(1);
    config.demand = vec![request(3 * MINUTE, HOUR)];
    let mut world = settled(config);
    let id = ids(&mut world).remove(0);
    wait(&mut world, 10 * MINUTE);
    for _ in 0..10 {
        let report = printed(&mut world, DRAIN, &id);
        assert!(report.contains("\"BUSY\"") && report.contains("\"recordings_pending\": 0"));
    }
    wait(&mut world, HOUR);
    assert!(printed(&mut world, DRAIN, &id).contains("\"gone\""));
    let summary = world.summary();
    assert_eq!((summary.recordings_cut, summary.files_lost, summary.uploads_failed), (0, 0, 0));
}

#[test]
fn a_drain_before_the_boot_is_over_keeps_jibri_from_starting() {
    let mut world = begin(group_of(1));
    wait(&mut world, 30 * SECOND);
    let id = ids(&mut world).remove(0);
    send(&mut world, DRAIN, &id);
    wait(&mut world, HOUR);
    assert!(world.jibri_health(&id).is_none() && jicofo(&mut world).brewery.is_empty());
}

#[test]
fn a_host_runs_the_scripts_and_says_what_came_of_them() {
    let (mut world, id) = hosted();
    let command = send(&mut world, CHECK, &id);
    wait(&mut world, SECOND);
    assert_eq!(listed(&mut world, CHECK)[0].status, "InProgress");
    let run = world.take_script_runs().remove(0);
    assert_eq!((run.command_id, run.document.as_str()), (command.clone(), CHECK));
    assert!(world.take_script_runs().is_empty());

    world.finish_script(&command, &id, 3, "half a line", "no such file");
    let view = listed(&mut world, CHECK).remove(0);
    assert_eq!((view.status, view.response_code), ("Failed", 3));
    assert_eq!(view.output, "half a line\n----------ERROR-------\nno such file");
    world.finish_script(&command, &id, 0, "again", "");
    assert_eq!(listed(&mut world, CHECK).remove(0), view, "what has ended does not end again");
}

#[test]
fn an_output_is_cut_after_2_500_characters() {
    let (mut world, id) = hosted();
    let command = send(&mut world, CHECK, &id);
    wait(&mut world, SECOND);
    world.finish_script(&command, &id, 0, &"ü".repeat(3_000), "");
    let view = listed(&mut world, CHECK).remove(0);
    assert_eq!((view.status, view.output), ("Success", "ü".repeat(2_500)));
}

#[test]
fn a_script_that_never_ends_times_out_in_its_execution() {
    let (mut world, id) = hosted();
    send(&mut world, CHECK, &id);
    wait(&mut world, 2 * HOUR);
    let view = listed(&mut world, CHECK).remove(0);
    assert_eq!((view.status, view.status_details), ("TimedOut", "Execution Timed Out"));
}

#[test]
fn a_parameter_is_there_once_it_was_put() {
    let mut world = begin(group_of(0));
    assert_eq!(world.get_parameter("/forecast").unwrap_err().code, "ParameterNotFound");
    world.put_parameter("/forecast", "1").unwrap();
    world.put_parameter("/forecast", "2").unwrap();
    assert_eq!(world.get_parameter("/forecast").unwrap(), "2");
}

#[test]
fn a_tag_on_an_unknown_instance_tags_none() {
    let mut world = settled(group_of(1));
    let mut all = ids(&mut world);
    let tag = [("state".to_owned(), "idle".to_owned())];
    all.push("i-0123456789abcdef0".into());
    let refused = world.create_tags(&all, &tag).unwrap_err();
    assert_eq!(refused.code, "InvalidInstanceID.NotFound");
    let tags = |world: &mut World| world.describe_instances_of_group(GROUP).unwrap().remove(0).tags;
    assert!(!tags(&mut world).contains(&tag[0]));
    world.create_tags(&all[..1], &tag).unwrap();
    assert!(tags(&mut world).contains(&tag[0]));
}

#[test]
fn a_throttled_call_changes_nothing_and_says_so() {
    let mut config = group_of(2);
    config.rates.throttled_calls = 1.0;
    let mut world = begin(config);
    wait(&mut world, 2 * MINUTE);
    let code = world.set_desired_capacity(GROUP, 5, false).unwrap_err().code;
    assert_eq!(code, "Throttling");
    assert_eq!(world.describe_instances_of_group(GROUP).unwrap_err().code, "RequestLimitExceeded");
    assert_eq!(world.get_parameter("/forecast").unwrap_err().code, "ThrottlingException");
    assert_eq!(world.snapshot().desired, 2);
}
