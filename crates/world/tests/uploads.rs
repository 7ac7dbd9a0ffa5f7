//! Uploads that are tried again while their instance serves, and what is published meanwhile.

mod common;

use common::*;
use controller::metrics::Metric;
use world::{
    AlarmConfig, AlarmState, AuditLimits, Comparison, Expression, Incident, MissingData, Statistic, World, WorldConfig,
};

/// One instance, and recordings of so many minutes each, so many minutes after the start.
fn asked(minutes: &[(i64, i64)], config: WorldConfig) -> (World, String) {
    let demand = minutes.iter().map(|(at, duration)| request(at * MINUTE, duration * MINUTE)).collect();
    let mut world = settled(WorldConfig { demand, ..config });
    let id = ids(&mut world).remove(0);
    (world, id)
}

fn waits_until(world: &mut World, after_start: i64) {
    world.advance_to(START + after_start);
}

#[test]
fn a_failed_upload_is_tried_again_a_minute_later() {
    let (mut world, id) = asked(&[(3, 7)], group_of(1));
    world.cause(Incident::NextUploadsFail { count: 1 });
    waits_until(&mut world, 11 * MINUTE - SECOND);
    assert_eq!(world.recordings_on_disk(&id).len(), 1);
    waits_until(&mut world, 11 * MINUTE);
    assert!(world.recordings_on_disk(&id).is_empty());
    assert_eq!(world.jibri_health(&id).map(|health| health.busy_status), Some("IDLE"), "it serves all the time");
}

#[test]
fn patience_grows_to_a_quarter_of_an_hour() {
    let (mut world, id) = asked(&[(3, 7)], group_of(1));
    // The finalize script's own, and those after 1, 2, 4, 8 and 15 minutes; after 15 more one succeeds.
    world.cause(Incident::NextUploadsFail { count: 6 });
    waits_until(&mut world, (10 + 45) * MINUTE - SECOND);
    assert_eq!(world.recordings_on_disk(&id).len(), 1);
    waits_until(&mut world, (10 + 45) * MINUTE);
    assert!(world.recordings_on_disk(&id).is_empty());
}

#[test]
fn while_jibri_records_only_what_was_moved_aside_is_tried() {
    let (mut world, id) = asked(&[(3, 7), (10, 60)], group_of(1));
    world.cause(Incident::NextUploadsFail { count: 1 });
    waits_until(&mut world, 15 * MINUTE);
    assert!(world.recordings_on_disk(&id).is_empty(), "finalize has moved it aside");

    let (mut world, id) = asked(&[(3, 7), (6, 60)], group_of(1));
    waits_until(&mut world, 5 * MINUTE);
    world.cause(Incident::JibriCrashesInContainer);
    waits_until(&mut world, 40 * MINUTE);
    assert_eq!(world.jibri_health(&id).map(|health| health.busy_status), Some("BUSY"));
    assert_eq!(world.recordings_on_disk(&id).len(), 1, "it may be what Jibri records now");
    waits_until(&mut world, 80 * MINUTE);
    assert!(world.recordings_on_disk(&id).is_empty());
}

#[test]
fn a_missing_finalize_script_fails_every_try_until_it_is_mended() {
    let (mut world, id) = asked(&[(3, 7)], group_of(1));
    world.cause(Incident::FinalizeMissing);
    wait(&mut world, 5 * HOUR);
    assert_eq!(world.recordings_on_disk(&id).len(), 1);
    world.end_incidents();
    wait(&mut world, 15 * MINUTE);
    assert!(world.recordings_on_disk(&id).is_empty());
}

#[test]
fn an_instance_that_drains_leaves_it_to_the_drain() {
    let (mut world, id) = asked(&[(3, 7)], group_of(1));
    world.cause(Incident::NextUploadsFail { count: 1 });
    waits_until(&mut world, 10 * MINUTE + SECOND);
    world.forbid_start(&id);
    wait(&mut world, HOUR);
    let session = world.recordings_on_disk(&id).remove(0);
    assert!(world.upload(&id, &session).is_ok());
}

fn alarm_on(metric: &str, threshold: f64) -> AlarmConfig {
    AlarmConfig {
        name: metric.into(),
        watches: Expression::metric(metric, Statistic::Maximum),
        period_seconds: 60,
        evaluation_periods: 1,
        datapoints_to_alarm: 1,
        comparison: Comparison::AtLeast,
        threshold,
        missing: MissingData::Ignore,
        policy: None,
    }
}

#[test]
fn what_waits_is_published_until_it_is_uploaded() {
    let alarms =
        vec![alarm_on(Metric::RecordingsWaiting.name(), 1.0), alarm_on(Metric::OldestRecordingSeconds.name(), 300.0)];
    let (mut world, id) = asked(&[(3, 7)], WorldConfig { alarms, ..group_of(1) });
    let states = |world: &World| {
        [Metric::RecordingsWaiting.name(), Metric::OldestRecordingSeconds.name()].map(|name| world.alarm_state(name))
    };
    // It succeeds after 1 + 2 + 4 minutes.
    world.cause(Incident::NextUploadsFail { count: 3 });
    waits_until(&mut world, 13 * MINUTE);
    assert_eq!(states(&world), [Some(AlarmState::Alarm), Some(AlarmState::Ok)]);
    waits_until(&mut world, 17 * MINUTE - SECOND);
    assert_eq!(states(&world), [Some(AlarmState::Alarm); 2], "it has waited for six minutes");
    waits_until(&mut world, 20 * MINUTE);
    assert!(world.recordings_on_disk(&id).is_empty());
    assert_eq!(states(&world), [Some(AlarmState::Ok); 2], "no later value would end the alarm");
}

#[test]
fn what_cannot_be_played_is_published_when_it_is_uploaded() {
    for (incident, expected) in [
        (Incident::NextRecordingsTorn { count: 1 }, AlarmState::Alarm),
        (Incident::NextRecordingsEmpty { count: 1 }, AlarmState::Alarm),
        (Incident::NextUploadsFail { count: 1 }, AlarmState::Ok),
    ] {
        let config = WorldConfig { alarms: vec![alarm_on(Metric::UnplayableRecordings.name(), 1.0)], ..group_of(1) };
        let (mut world, _) = asked(&[(3, 7)], config);
        world.cause(incident.clone());
        waits_until(&mut world, 13 * MINUTE);
        assert_eq!(world.alarm_state(Metric::UnplayableRecordings.name()), Some(expected), "{incident:?}");
    }
}

#[test]
fn a_file_that_waits_for_a_drain_breaks_a_rule() {
    for uploads_retried in [true, false] {
        let limits = AuditLimits {
            least_spare: 0,
            most_spare: 10,
            terminations_per_tick: 10,
            drain_limit_ms: HOUR,
            boot_grace_ms: HOUR,
            idle_ms: HOUR,
            known_bad_ms: None,
            launches_in_vain_per_hour: None,
            replaced_within_ms: None,
            file_age_ms: Some(2 * HOUR),
        };
        let config = WorldConfig { uploads_retried, audit: Some(limits), ..group_of(1) };
        let (mut world, _) = asked(&[(3, 7)], config);
        world.cause(Incident::NextUploadsFail { count: 1 });
        for _ in 0..3 {
            wait(&mut world, HOUR);
            world.audit_files();
        }
        assert_eq!(world.breaches().is_empty(), uploads_retried, "{:?}", world.breaches());
    }
}
