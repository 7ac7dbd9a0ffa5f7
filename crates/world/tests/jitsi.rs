//! Jicofo's selection and its list, and what the Jibris do.

mod common;

use common::*;
use world::{
    Happening, Incident, JicofoAnswer, JicofoFault, World, WorldConfig,
    demand::{Office, generate},
};

/// A group of so many Jibris, and these recordings: when each begins and how long it takes, in minutes.
fn recording(desired_capacity: u32, minutes: &[(i64, i64)]) -> WorldConfig {
    let asked = minutes.iter().map(|(at, duration)| request(at * MINUTE, duration * MINUTE));
    WorldConfig { demand: asked.collect(), ..group_of(desired_capacity) }
}

fn busy_status(world: &World, id: &str) -> Option<&'static str> {
    world.jibri_health(id).map(|health| health.busy_status)
}

fn uploads(world: &World) -> usize {
    times(world, |happening| matches!(happening, Happening::Uploaded { .. }))
}

#[test]
fn a_recording_takes_a_jibri_until_its_upload_is_done() {
    let mut world = settled(recording(1, &[(10, 30)]));
    let id = ids(&mut world).remove(0);
    wait(&mut world, 8 * MINUTE - 1);
    assert_eq!(busy_status(&world, &id), Some("IDLE"));
    wait(&mut world, 1);
    assert_eq!(busy_status(&world, &id), Some("BUSY"));
    let entry = jicofo(&mut world).brewery.remove(0);
    assert_eq!((entry.busy, entry.last_selected_at), (true, Some(START + 10 * MINUTE)));

    wait(&mut world, 29 * MINUTE);
    assert_eq!(times(&world, |happening| matches!(happening, Happening::RecordingEnded { .. })), 1);
    assert_eq!((busy_status(&world, &id), uploads(&world)), (Some("BUSY"), 0), "finalize still runs");
    wait(&mut world, MINUTE);
    assert_eq!((busy_status(&world, &id), uploads(&world)), (Some("IDLE"), 1));
    assert!(world.recordings_on_disk(&id).is_empty());
}

#[test]
fn a_request_that_finds_no_jibri_is_refused_at_once_and_counted_and_does_not_queue() {
    let mut world = settled(recording(1, &[(5, 20), (6, 20), (7, 20)]));
    wait(&mut world, HOUR);
    let summary = world.summary();
    assert_eq!((summary.requests, summary.refused, uploads(&world)), (3, 2, 1));
    let refused: Vec<(i64, usize)> = world
        .log()
        .iter()
        .filter_map(|entry| match entry.happening {
            Happening::Refused { request } => Some(((entry.at - START) / MINUTE, request)),
            _ => None,
        })
        .collect();
    assert_eq!(refused, [(6, 1), (7, 2)]);
    assert_eq!(jicofo(&mut world).total_recording_failures, 2);
}

#[test]
fn jicofo_does_not_select_the_same_jibri_within_200_milliseconds() {
    for (pause_ms, refused) in [(150, 1), (199, 1), (200, 0)] {
        let mut config = group_of(1);
        let first = request(5 * MINUTE, 100);
        config.demand = vec![first, request(5 * MINUTE + pause_ms, 100)];
        let mut world = settled(config);
        wait(&mut world, HOUR);
        assert_eq!(world.summary().refused, refused, "{pause_ms} ms after the first");
    }
}

#[test]
fn a_recording_that_does_not_start_on_one_jibri_starts_on_another() {
    let mut world = settled(recording(2, &[(5, 20), (5, 20)]));
    world.cause(Incident::NextStartsFail { count: 1 });
    wait(&mut world, 4 * MINUTE);
    // The one that failed is passed over for a minute, and the other is busy with the first.
    assert_eq!((jicofo(&mut world).recording_active, world.summary().refused), (1, 1));
}

#[test]
fn a_jibri_that_failed_a_minute_ago_is_selected_again_and_last_of_all() {
    let mut world = settled(recording(2, &[(5, 1), (10, 20), (11, 20)]));
    world.cause(Incident::NextStartsFail { count: 1 });
    wait(&mut world, 5 * MINUTE);
    let failed = jicofo(&mut world).brewery.into_iter().find(|entry| entry.last_failed_at.is_some()).unwrap();
    wait(&mut world, 3 * MINUTE + 30 * SECOND);
    assert_eq!(busy_status(&world, &failed.nickname), Some("IDLE"), "the one without a failure comes first");
    wait(&mut world, MINUTE);
    assert_eq!(busy_status(&world, &failed.nickname), Some("BUSY"));
    assert_eq!(world.summary().refused, 0);
}

#[test]
fn recordings_spread_over_all_that_are_available() {
    let mut world = settled(recording(4, &[(5, 20), (5, 20), (5, 20), (5, 20)]));
    wait(&mut world, 4 * MINUTE);
    let view = jicofo(&mut world);
    assert!(view.brewery.iter().all(|entry| entry.busy));
    assert_eq!((view.recording_active, world.summary().refused), (4, 0));
}

#[test]
fn an_idle_jibri_leaves_at_once_when_it_is_told_to() {
    let mut world = settled(group_of(1));
    let id = ids(&mut world).remove(0);
    assert!(world.jibri_graceful_shutdown(&id));
    assert_eq!(world.jibri_health(&id), None);
    assert!(world.running_jibris().is_empty());
    wait(&mut world, 15 * SECOND - 1);
    assert!(!jicofo(&mut world).brewery[0].busy, "Prosody keeps its place for a while");
    wait(&mut world, 1);
    assert!(jicofo(&mut world).brewery.is_empty());
    assert!(!world.jibri_graceful_shutdown(&id), "the port refuses");
    wait(&mut world, HOUR);
    assert_eq!(world.jibri_health(&id), None, "nothing starts it again");
}

#[test]
fn a_busy_jibri_leaves_after_its_upload_and_is_never_idle_again() {
    let mut world = settled(recording(1, &[(5, 60), (30, 5), (66, 5)]));
    let id = ids(&mut world).remove(0);
    wait(&mut world, 10 * MINUTE);
    assert!(world.jibri_graceful_shutdown(&id));
    while world.now() < START + 65 * MINUTE - SECOND {
        assert_eq!(busy_status(&world, &id), Some("BUSY"));
        wait(&mut world, SECOND);
    }
    wait(&mut world, SECOND);
    assert_eq!((world.jibri_health(&id), uploads(&world)), (None, 1));
    wait(&mut world, 10 * MINUTE);
    assert_eq!(world.summary().refused, 2, "during the drain, and after it");
}

#[test]
fn an_expired_jibri_is_busy_to_jicofo_for_ever_and_leaves_at_once_when_told_to() {
    let mut world = settled(recording(1, &[(30, 5)]));
    let id = ids(&mut world).remove(0);
    world.cause(Incident::JibriExpires);
    for _ in 0..48 {
        wait(&mut world, HOUR);
        assert_eq!(busy_status(&world, &id), Some("EXPIRED"));
        assert!(jicofo(&mut world).brewery[0].busy);
    }
    assert_eq!(world.summary().refused, 1);
    assert!(world.jibri_graceful_shutdown(&id));
    wait(&mut world, 15 * SECOND);
    assert!(jicofo(&mut world).brewery.is_empty());
}

#[test]
fn an_unhealthy_jibri_stays_so_and_is_not_selected() {
    let mut world = settled(recording(1, &[(30, 5)]));
    let id = ids(&mut world).remove(0);
    world.cause(Incident::JibriUnhealthy);
    wait(&mut world, 24 * HOUR);
    let health = world.jibri_health(&id).unwrap();
    assert_eq!((health.busy_status, health.health_status), ("IDLE", "UNHEALTHY"));
    assert!(!jicofo(&mut world).brewery[0].healthy);
    assert_eq!(world.summary().refused, 1);
}

#[test]
fn a_jibri_whose_upload_failed_is_idle_and_its_files_stay() {
    let mut world = settled(WorldConfig { uploads_retried: false, ..recording(1, &[(5, 10), (20, 10)]) });
    let id = ids(&mut world).remove(0);
    world.cause(Incident::NextUploadsFail { count: 2 });
    wait(&mut world, 14 * MINUTE);
    assert_eq!(busy_status(&world, &id), Some("IDLE"));
    let left = world.recordings_on_disk(&id);
    assert_eq!(left.len(), 1);

    assert_eq!(world.upload(&id, &left[0]).unwrap_err().code, "ServiceUnavailable");
    assert_eq!(world.recordings_on_disk(&id), left);
    world.upload(&id, &left[0]).unwrap();
    assert!(world.recordings_on_disk(&id).is_empty());
    assert_eq!(world.upload(&id, &left[0]).unwrap_err().code, "NoSuchKey");
    wait(&mut world, 20 * MINUTE);
    assert_eq!((world.summary().uploads_failed, uploads(&world)), (1, 1));
}

#[test]
fn a_finalize_script_that_hangs_is_busy_for_ever() {
    let mut world = settled(recording(1, &[(5, 10)]));
    let id = ids(&mut world).remove(0);
    wait(&mut world, 5 * MINUTE);
    world.cause(Incident::JibriHangsBusy);
    wait(&mut world, 24 * HOUR);
    assert_eq!((busy_status(&world, &id), uploads(&world)), (Some("BUSY"), 0));
}

#[test]
fn a_launch_may_never_register() {
    let mut world = begin(group_of(2));
    world.cause(Incident::NextLaunchNeverRegisters);
    wait(&mut world, 24 * HOUR);
    assert_eq!(states(&mut world), ["InService", "InService"]);
    assert_eq!(jicofo(&mut world).brewery.len(), 1);
    assert_eq!((world.snapshot().available, world.snapshot().pending), (1, 1));
}

#[test]
fn a_jicofo_that_restarts_forgets_everything_and_learns_it_again() {
    let mut world = settled(recording(3, &[(3, 120), (3, 120), (3, 120), (4, 5)]));
    wait(&mut world, 10 * MINUTE);
    assert_eq!(jicofo(&mut world).total_recording_failures, 1);
    world.cause(Incident::JicofoRestarts);
    let view = jicofo(&mut world);
    assert!(view.brewery.is_empty() && view.total_recording_failures == 0);
    assert_eq!(
        (view.recording_active, view.conferences),
        (0, 3),
        "the recordings go on, and it has no session of them"
    );

    wait(&mut world, 16 * SECOND);
    let view = jicofo(&mut world);
    assert_eq!(view.brewery.len(), 3);
    assert!(view.brewery.iter().all(|entry| entry.busy && entry.last_selected_at.is_none()));
    wait(&mut world, 3 * HOUR);
    assert_eq!(uploads(&world), 3);
}

#[test]
fn a_jicofo_that_is_away_comes_back_with_its_list() {
    let faults = [
        JicofoFault::Refuses,
        JicofoFault::Fails,
        JicofoFault::Garbage,
        JicofoFault::Hangs,
        JicofoFault::WithoutDetector,
    ];
    for how in faults {
        let mut world = settled(group_of(2));
        world.cause(Incident::JicofoAway { for_ms: MINUTE, how });
        let seen = match world.jicofo() {
            JicofoAnswer::Answers(_) => None,
            JicofoAnswer::Refuses => Some(JicofoFault::Refuses),
            JicofoAnswer::Fails => Some(JicofoFault::Fails),
            JicofoAnswer::Garbage => Some(JicofoFault::Garbage),
            JicofoAnswer::Hangs => Some(JicofoFault::Hangs),
            JicofoAnswer::WithoutDetector(_) => Some(JicofoFault::WithoutDetector),
        };
        assert_eq!(seen, Some(how));
        wait(&mut world, MINUTE);
        assert_eq!(jicofo(&mut world).brewery.len(), 2);
    }
}

#[test]
fn idle_and_busy_time_add_up_to_the_lives_of_the_machines() {
    let mut world = settled(recording(3, &[(5, 30), (6, 45), (50, 200)]));
    wait(&mut world, 98 * MINUTE);
    let idle = ids(&mut world).into_iter().find(|id| busy_status(&world, id) == Some("IDLE")).unwrap();
    terminate(&mut world, &idle, true).unwrap();
    wait(&mut world, 10 * MINUTE);
    complete(&mut world, &idle, "CONTINUE").unwrap();
    wait(&mut world, 6 * HOUR);

    let mut lived_ms = 0;
    for entry in world.log() {
        match entry.happening {
            Happening::Launched { .. } => lived_ms += world.now() - entry.at,
            Happening::Ended { .. } => lived_ms -= world.now() - entry.at,
            _ => {}
        }
    }
    let summary = world.summary();
    assert_eq!(summary.busy_instance_seconds, (30 + 45 + 200) * 60);
    assert_eq!(summary.idle_instance_seconds + summary.busy_instance_seconds, lived_ms / SECOND);
}

#[test]
fn the_same_seed_tells_the_same_story_and_another_one_another() {
    let tell = |seed| {
        let mut config = WorldConfig {
            seed,
            desired_capacity: 5,
            demand: generate(Office::default(), START, START + 24 * HOUR, 7),
            incidents: vec![(START + 9 * HOUR, Incident::JicofoRestarts)],
            ..WorldConfig::default()
        };
        config.rates.never_registers = 0.2;
        let mut world = begin(config);
        wait(&mut world, 24 * HOUR);
        log_text(&world)
    };
    let story = tell(1);
    assert!(story.lines().count() > 100);
    assert!(story == tell(1), "the same seed");
    assert!(story != tell(2), "another seed");
}
