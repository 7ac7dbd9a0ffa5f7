//! What becomes of a request when Jibris fail it: which one goes on, what Jicofo counts, and what stays on the disks.

mod common;

use common::*;
use world::{Failing, Happening, Incident, World, WorldConfig};

fn asked(desired_capacity: u32, minutes: &[(i64, i64)]) -> World {
    let demand = minutes.iter().map(|(at, duration)| request(at * MINUTE, duration * MINUTE)).collect();
    // What is left on a disk is to be seen there.
    settled(WorldConfig { demand, uploads_retried: false, ..group_of(desired_capacity) })
}

/// The instances that were given this request, in order.
fn tried(world: &World, wanted: usize) -> Vec<String> {
    let given = world.log().iter().filter_map(|entry| match &entry.happening {
        Happening::Requested { request, instance } if *request == wanted => Some(instance.clone()),
        _ => None,
    });
    given.collect()
}

fn until(world: &mut World, wanted: impl Fn(&Happening) -> bool) {
    let end = world.now() + HOUR;
    while times(world, &wanted) == 0 {
        assert!(world.now() < end, "it never happens");
        wait(world, SECOND);
    }
}

#[test]
fn the_same_jibri_is_selected_each_time_as_long_as_the_set_stays() {
    let minutes: Vec<(i64, i64)> = (1..=20).map(|number| (5 * number, 2)).collect();
    let mut world = asked(5, &minutes);
    wait(&mut world, 2 * HOUR);
    let first = recorder_of(&world, 0);
    assert!((0..20).all(|request| tried(&world, request) == [first.clone()]), "it has nothing to do with time");
    let ids = ids(&mut world);
    let hooked = terminate(&mut world, &first, false);
    assert!(hooked.is_ok() && ids.contains(&first));
}

#[test]
fn another_jibri_goes_on_with_the_same_session_and_the_one_that_failed_has_no_mark() {
    let mut world = asked(2, &[(5, 30)]);
    world.cause(Incident::NextUploadsFail { count: 2 });
    wait(&mut world, 3 * MINUTE - SECOND);
    world.cause(Incident::AllRecordingsFail { for_ms: 2 * SECOND });
    until(&mut world, |happening| matches!(happening, Happening::RecordingFailed { .. }));
    let failed_after = world.now() - (START + 5 * MINUTE);
    assert!((5 * SECOND..=61 * SECOND).contains(&failed_after), "{failed_after} ms");
    let both = tried(&world, 0);
    assert!(both.len() == 2 && both[0] != both[1], "{both:?}");
    wait(&mut world, 6 * SECOND);
    let view = jicofo(&mut world);
    let bad = view.brewery.iter().find(|entry| entry.nickname == both[0]).unwrap();
    assert!(bad.healthy && !bad.busy && bad.last_failed_at.is_none(), "nothing tells that it has failed");
    assert_eq!(view.total_recording_failures, 0, "a start that succeeded in the end counts nothing");
    wait(&mut world, HOUR);
    let summary = world.summary();
    assert_eq!((summary.refused, summary.failed), (0, 0));
}

#[test]
fn a_session_that_fails_late_leaves_folders_of_the_same_name_on_two_instances() {
    let found = (0..20).any(|seed| {
        let demand = vec![request(5 * MINUTE, 30 * MINUTE)];
        let mut world = settled(WorldConfig { seed, demand, uploads_retried: false, ..group_of(2) });
        world.cause(Incident::NextUploadsFail { count: 2 });
        wait(&mut world, 3 * MINUTE - SECOND);
        world.cause(Incident::AllRecordingsFail { for_ms: 2 * SECOND });
        wait(&mut world, HOUR);
        let both = tried(&world, 0);
        let on_disk = |id: &String| world.recordings_on_disk(id);
        !on_disk(&both[0]).is_empty() && on_disk(&both[0]) == on_disk(&both[1])
    });
    assert!(found, "half of the failures come after ffmpeg has begun");
}

#[test]
fn a_request_that_fails_on_every_jibri_is_failed_and_not_refused() {
    let mut world = asked(8, &[(5, 30)]);
    world.cause(Incident::AllRecordingsFail { for_ms: HOUR });
    wait(&mut world, 30 * MINUTE);
    let summary = world.summary();
    assert_eq!((summary.requests, summary.refused, summary.failed), (1, 0, 1));
    assert_eq!(tried(&world, 0).len(), 6, "five retries");
    assert_eq!(jicofo(&mut world).total_recording_failures, 1, "the status path counts once");
    assert!(jicofo(&mut world).brewery.iter().all(|entry| entry.healthy && !entry.busy));
}

#[test]
fn jicofo_counts_each_start_that_fails_on_its_way_out_and_a_request_is_refused_once() {
    let mut world = asked(3, &[(5, 30)]);
    world.cause(Incident::NextStartsFail { count: 3 });
    wait(&mut world, 5 * MINUTE);
    assert_eq!(world.summary().refused, 1);
    assert_eq!(jicofo(&mut world).total_recording_failures, 4, "three that failed, and then all are busy");
}

#[test]
fn what_was_accepted_and_finds_no_other_jibri_counts_twice_and_is_failed_once() {
    let mut world = asked(1, &[(5, 30)]);
    world.cause(Incident::AllRecordingsFail { for_ms: HOUR });
    wait(&mut world, 10 * MINUTE);
    let summary = world.summary();
    assert_eq!((summary.refused, summary.failed), (0, 1));
    assert_eq!(jicofo(&mut world).total_recording_failures, 2, "the start of the other one, and the status path");
}

#[test]
fn a_jibri_that_refuses_each_start_is_marked_and_tried_again_after_its_minute() {
    let mut world = asked(1, &[(5, 30), (7, 30)]);
    world.cause(Incident::JibriFails { how: Failing::Start });
    wait(&mut world, 4 * MINUTE);
    assert_eq!(jicofo(&mut world).brewery[0].last_failed_at, Some(START + 5 * MINUTE));
    wait(&mut world, 2 * MINUTE);
    assert_eq!(times(&world, |happening| matches!(happening, Happening::StartFailed { .. })), 2);
    assert_eq!((world.summary().refused, world.snapshot().failing), (2, 1));
}

#[test]
fn a_bad_jibri_that_is_first_stays_first_and_fails_whatever_comes() {
    let minutes: Vec<(i64, i64)> = (1..=10).map(|number| (10 * number, 5)).collect();
    let mut world = asked(1, &minutes);
    world.cause(Incident::JibriFails { how: Failing::Recording });
    wait(&mut world, 2 * HOUR);
    let id = ids(&mut world).remove(0);
    assert_eq!(world.jibri_activity(&id).failing, Some(Failing::Recording));
    assert_eq!((world.summary().failed, world.summary().refused), (10, 0));
    assert_eq!(world.summary().failed_on_known_bad, 0, "no other one succeeded");
}

/// A request every ten minutes for three Jibris, of which so many are bad, in worlds with other orders of Jicofo's.
fn beside_bad_ones(bad: usize) -> Vec<World> {
    let worlds = (0..8).map(|seed| {
        let demand = (1..=10).map(|number| request(10 * number * MINUTE, 5 * MINUTE)).collect();
        let mut world = settled(WorldConfig { seed, demand, ..group_of(3) });
        for _ in 0..bad {
            world.cause(Incident::JibriFails { how: Failing::Recording });
        }
        wait(&mut world, 2 * HOUR);
        world
    });
    worlds.collect()
}

#[test]
fn what_fails_again_and_again_beside_others_that_succeed_is_known() {
    let worlds = beside_bad_ones(1);
    assert!(worlds.iter().all(|world| (world.summary().failed, world.summary().refused) == (0, 0)));
    let known: Vec<u64> = worlds.iter().map(|world| world.summary().failed_on_known_bad).collect();
    assert!(known.iter().all(|count| *count >= 6), "the bad one is the first that Jicofo takes: {known:?}");
}

#[test]
fn two_bad_ones_that_come_first_take_a_session_in_turns_and_a_good_one_never_gets_it() {
    let failed: Vec<u64> = beside_bad_ones(2).iter().map(|world| world.summary().failed).collect();
    assert!(failed.contains(&10) && failed.contains(&0), "{failed:?}");
}

#[test]
fn a_request_to_a_jibri_that_has_just_exited_waits_in_vain_and_goes_to_another() {
    let mut found = false;
    for victim in 0..2 {
        let mut world = asked(2, &[(5, 30)]);
        wait(&mut world, 3 * MINUTE - SECOND);
        let id = ids(&mut world).remove(victim);
        assert!(world.jibri_graceful_shutdown(&id));
        wait(&mut world, 15 * SECOND);
        let waited = recorded_at(&world) - (START + 5 * MINUTE);
        let failed = times(&world, |happening| matches!(happening, Happening::StartFailed { .. }));
        assert!((waited, failed) == (0, 0) || waited == -1, "{waited}");
        if waited == -1 {
            wait(&mut world, SECOND);
            assert_eq!(recorded_at(&world), START + 5 * MINUTE + 15 * SECOND, "Jicofo's time-out of the START");
            assert_ne!(recorder_of(&world, 0), id);
            found = true;
        }
        assert_eq!(world.summary().refused, 0);
    }
    assert!(found, "one of both is first");
}

/// When the first recording began; a moment before the request when it has not.
fn recorded_at(world: &World) -> i64 {
    let begun = world.log().iter().find(|entry| matches!(entry.happening, Happening::Requested { .. }));
    begun.map_or(START + 5 * MINUTE - 1, |entry| entry.at)
}

#[test]
fn sessions_are_counted_and_not_busy_jibris() {
    let mut world = asked(2, &[(5, 30), (5, 60)]);
    wait(&mut world, 3 * MINUTE);
    assert_eq!(jicofo(&mut world).recording_active, 0, "both are pending");
    wait(&mut world, MINUTE);
    assert_eq!(jicofo(&mut world).recording_active, 2);
    wait(&mut world, 28 * MINUTE);
    let view = jicofo(&mut world);
    assert_eq!(view.brewery.iter().filter(|entry| entry.busy).count(), 2);
    assert_eq!(view.recording_active, 1, "what uploads has no session any more");
}

#[test]
fn a_stuck_jibri_is_busy_for_ever_without_a_session() {
    for ffmpeg in [false, true] {
        let mut world = asked(1, &[(5, 30)]);
        wait(&mut world, 5 * MINUTE);
        world.cause(Incident::JibriStuck { ffmpeg });
        wait(&mut world, 24 * HOUR);
        let id = ids(&mut world).remove(0);
        let activity = world.jibri_activity(&id);
        assert_eq!((activity.recording, activity.finalizing), (ffmpeg, false));
        assert_eq!(world.jibri_health(&id).map(|health| health.busy_status), Some("BUSY"));
        let view = jicofo(&mut world);
        assert_eq!((view.recording_active, view.brewery[0].busy), (0, true));
        assert!(world.folders_on_disk(&id)[0].torn);
    }
}

#[test]
fn a_jibri_that_crashes_in_its_container_is_there_again_and_its_folder_is_torn() {
    let mut world = asked(2, &[(5, 30)]);
    wait(&mut world, 10 * MINUTE);
    let id = recorder_of(&world, 0);
    world.cause(Incident::JibriCrashesInContainer);
    assert_eq!(world.jibri_health(&id), None);
    wait(&mut world, 15 * SECOND);
    assert_eq!(world.jibri_health(&id).map(|health| health.busy_status), Some("IDLE"));
    assert_eq!(jicofo(&mut world).brewery.len(), 2);
    let folders = world.folders_on_disk(&id).to_vec();
    assert_eq!((folders.len(), folders[0].torn, folders[0].since), (1, true, START + 12 * MINUTE));
    assert_eq!(tried(&world, 0).len(), 2, "another part of the same session");
    wait(&mut world, HOUR);
    assert_eq!(world.folders_on_disk(&id), folders, "finalize never runs for it");
    assert_eq!(world.summary().failed, 0);
}

#[test]
fn a_container_that_was_stopped_starts_no_jibri_again() {
    let mut world = asked(1, &[(5, 30)]);
    wait(&mut world, 10 * MINUTE);
    let id = recorder_of(&world, 0);
    world.cause(Incident::JibriCrashesInContainer);
    world.forbid_start(&id);
    wait(&mut world, HOUR);
    assert_eq!(world.jibri_health(&id), None);

    let mut world = asked(1, &[(5, 30)]);
    wait(&mut world, 10 * MINUTE);
    world.forbid_start(&id);
    world.cause(Incident::JibriCrashesInContainer);
    wait(&mut world, MINUTE);
    assert!(world.jibri_health(&id).is_some(), "only what starts at boot looks for the marker");
}

#[test]
fn a_finalize_script_that_is_missing_leaves_every_recording_where_it_is() {
    let mut world = asked(1, &[(5, 10), (20, 10)]);
    world.cause(Incident::FinalizeMissing);
    wait(&mut world, HOUR);
    let id = ids(&mut world).remove(0);
    assert_eq!(world.recordings_on_disk(&id).len(), 2);
    assert_eq!(world.summary().uploads_failed, 0, "no script ran that could have told");
    let folder = world.recordings_on_disk(&id).remove(0);
    assert!(world.upload(&id, &folder).is_err());
    world.end_incidents();
    assert!(world.upload(&id, &folder).is_ok(), "a person has mended it");
}

#[test]
fn a_torn_and_an_empty_recording_are_no_proof_of_service() {
    let mut world = asked(1, &[(5, 10), (20, 10), (35, 10)]);
    let id = ids(&mut world).remove(0);
    world.cause(Incident::NextRecordingsTorn { count: 1 });
    world.cause(Incident::NextRecordingsEmpty { count: 1 });
    wait(&mut world, 15 * MINUTE);
    assert_eq!(times(&world, |happening| matches!(happening, Happening::Unplayable { .. })), 1, "both in one");
    assert_eq!(world.jibri_activity(&id).good_recording_at, None);
    wait(&mut world, 15 * MINUTE);
    assert_eq!(world.jibri_activity(&id).good_recording_at, Some(START + 30 * MINUTE));
}

#[test]
fn a_jibri_that_is_used_once_is_expired_after_its_recording() {
    let demand = vec![request(5 * MINUTE, 10 * MINUTE), request(20 * MINUTE, MINUTE)];
    let mut world = settled(WorldConfig { demand, single_use: true, ..group_of(1) });
    wait(&mut world, 30 * MINUTE);
    let id = ids(&mut world).remove(0);
    assert_eq!(world.jibri_health(&id).map(|health| health.busy_status), Some("EXPIRED"));
    assert!(jicofo(&mut world).brewery[0].busy, "EXPIRED is never sent");
    assert_eq!((world.summary().refused, world.snapshot().available), (1, 0));
}
