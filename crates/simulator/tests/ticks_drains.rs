//! The real ticks over the world: whatever ends an instance, its recording is finished and uploaded first.

mod common;

use common::*;
use controller::alarms;
use simulator::run::{InvocationFaults, Runner};
use world::{AlarmConfig, AlarmState, AuditLimits, Happening, Incident, LogEntry, Milliseconds, World, WorldConfig};

/// A pool of two spare Jibris, and one recording that began a minute ago and lasts for so long.
fn recording_for(
    duration_ms: Milliseconds,
    change: impl FnOnce(&mut WorldConfig),
    settings: &[(&str, &str)],
) -> Runner {
    let mut config = group_of(0);
    config.demand = vec![request(10 * MINUTE, duration_ms)];
    change(&mut config);
    let mut runner = at_work(config, settings);
    go_on(&mut runner, 11 * MINUTE);
    assert_eq!(runner.world().snapshot().busy, 1);
    runner
}

/// When this happened first.
fn moment(world: &World, wanted: impl Fn(&Happening) -> bool) -> Option<Milliseconds> {
    let found = world.log().iter().find(|entry| wanted(&entry.happening));
    found.map(|entry| entry.at)
}

fn uploaded_at(world: &World) -> Option<Milliseconds> {
    moment(world, |happening| matches!(happening, Happening::Uploaded { .. }))
}

fn ended_at(world: &World, id: &str) -> Option<Milliseconds> {
    moment(world, |happening| matches!(happening, Happening::Ended { instance } if instance == id))
}

#[test]
fn the_lifecycle_event_begins_a_drain_at_once() {
    let mut runner = recording_for(HOUR, |_| {}, &[]);
    go_on(&mut runner, 2 * SECOND);
    runner.world().cause(Incident::TerminateBusyByHand);
    go_on(&mut runner, 7 * SECOND);
    let world = runner.world();
    let held = moment(&world, |happening| matches!(happening, Happening::HookWaits { .. })).expect("a hook");
    let told =
        |happening: &Happening| matches!(happening, Happening::CommandSent { document, .. } if document == DRAIN);
    assert_eq!(moment(&world, told), Some(held), "neither the next minute nor the next sample is waited for");
}

#[test]
fn an_instance_that_leaves_the_warm_pool_ends_by_its_event_and_no_other_drain_is_touched() {
    let limits = AuditLimits {
        least_spare: 2,
        most_spare: 2,
        terminations_per_tick: 3,
        drain_limit_ms: 46 * HOUR,
        boot_grace_ms: 10 * MINUTE,
        idle_ms: 10 * MINUTE,
        known_bad_ms: None,
        launches_in_vain_per_hour: None,
        replaced_within_ms: None,
        file_age_ms: None,
    };
    let mut runner = recording_for(HOUR, |config| config.audit = Some(limits), &[]);
    go_on(&mut runner, 2 * SECOND);
    runner.world().cause(Incident::TerminateBusyByHand);
    runner.world().cause(Incident::LeavesWarmPool);
    go_on(&mut runner, 30 * SECOND);
    let recording = recorder_of(&runner.world(), 0);
    let mut world = runner.world();
    let ended = |instance: &str| {
        let is_end = |entry: &LogEntry| matches!(&entry.happening, Happening::HookEnded { instance: ended, result: "CONTINUE", .. } if ended == instance);
        world.log().iter().any(is_end)
    };
    let held = world.log().iter().filter_map(|entry| match &entry.happening {
        Happening::HookWaits { instance } => Some(instance.clone()),
        _ => None,
    });
    let held: Vec<String> = held.collect();
    assert_eq!(held.len(), 2);
    let leaving = held.iter().find(|instance| **instance != recording).expect("an instance of the warm pool");
    assert!(ended(leaving) && !ended(&recording), "{held:?}");
    assert!(group(&mut world).instances.iter().all(|listed| listed.id != *leaving));
    assert!(world.breaches().is_empty(), "{:?}", world.breaches());
}

#[test]
fn a_long_recording_outlasts_many_heartbeat_time_outs_and_then_its_instance_ends() {
    let mut runner = recording_for(3 * HOUR, |config| config.hook = hook(1800, false), &[]);
    let id = recorder_of(&runner.world(), 0);
    runner.world().cause(Incident::TerminateBusyByHand);
    go_on(&mut runner, 3 * HOUR - 2 * MINUTE);
    assert_eq!(member(&mut runner.world(), &id).unwrap().lifecycle_state, "Terminating:Wait");
    assert_eq!(uploaded_at(&runner.world()), None);

    go_on(&mut runner, HOUR);
    assert_at_rest(&runner, 2);
    let world = runner.world();
    let (uploaded, ended) = (uploaded_at(&world).unwrap(), ended_at(&world, &id).unwrap());
    assert!(uploaded < ended && ended - uploaded < 5 * MINUTE);
    let results: Vec<_> = world
        .log()
        .iter()
        .filter_map(|entry| match &entry.happening {
            Happening::HookEnded { instance, result, by } if *instance == id => Some((*result, *by)),
            _ => None,
        })
        .collect();
    assert_eq!(results, [("CONTINUE", "CompleteLifecycleAction")]);
}

#[test]
fn a_drain_holds_a_hook_that_lasts_two_minutes() {
    let mut runner = recording_for(90 * MINUTE, |config| config.hook = hook(120, false), &[]);
    runner.world().cause(Incident::TerminateBusyByHand);
    go_on(&mut runner, 3 * HOUR);
    assert_at_rest(&runner, 2);
    assert!(uploaded_at(&runner.world()).is_some());
}

/// Neither a schedule nor an event arrives, as when functions and AWS do not reach each other.
#[test]
fn more_than_an_hour_without_a_heartbeat_retains_no_drain() {
    let mut runner = recording_for(4 * HOUR, |_| (), &[]);
    runner.world().cause(Incident::TerminateBusyByHand);
    go_on(&mut runner, 5 * MINUTE);
    runner.set_faults(InvocationFaults { dropped: 1.0, ..InvocationFaults::default() });
    go_on(&mut runner, HOUR + 45 * MINUTE);
    runner.set_faults(InvocationFaults::default());
    go_on(&mut runner, 5 * HOUR);
    assert_at_rest(&runner, 2);
    assert!(uploaded_at(&runner.world()).is_some());
}

#[test]
fn a_drain_under_way_delays_no_scale_out() {
    let mut runner = recording_for(3 * HOUR, |config| config.demand.push(request(20 * MINUTE, HOUR)), &[]);
    runner.world().cause(Incident::TerminateBusyByHand);
    go_on(&mut runner, 12 * MINUTE);
    let snapshot = runner.world().snapshot();
    assert_eq!((snapshot.draining_busy, snapshot.busy, snapshot.available), (1, 1, 2));
}

#[test]
fn a_failed_upload_is_tried_again_by_the_drain_until_it_succeeds() {
    let mut runner = recording_for(30 * MINUTE, |_| (), &[]);
    let id = recorder_of(&runner.world(), 0);
    runner.world().cause(Incident::NextUploadsFail { count: 4 });
    runner.world().cause(Incident::TerminateBusyByHand);
    go_on(&mut runner, 2 * HOUR);
    assert_at_rest(&runner, 2);
    let world = runner.world();
    assert_eq!(world.summary().uploads_failed, 1);
    assert_eq!(complaints(&runner), [""; 0], "no plan ends it before");
    let late = moment(&world, |happening| matches!(happening, Happening::UploadedLate { .. })).unwrap();
    assert!(late < ended_at(&world, &id).unwrap());
}

#[test]
fn files_of_an_earlier_recording_go_out_before_their_idle_jibri_ends() {
    let mut runner = recording_for(30 * MINUTE, |config| config.uploads_retried = false, &[]);
    let id = recorder_of(&runner.world(), 0);
    runner.world().cause(Incident::NextUploadsFail { count: 1 });
    go_on(&mut runner, 30 * MINUTE);
    assert_eq!(runner.world().recordings_on_disk(&id).len(), 1);
    terminate(&mut runner.world(), &id, false).unwrap();
    go_on(&mut runner, HOUR);
    assert_at_rest(&runner, 2);
    let uploaded_late = |happening: &Happening| matches!(happening, Happening::UploadedLate { .. });
    assert_eq!(times(&runner.world(), uploaded_late), 1);
}

#[test]
fn while_ssm_is_offline_no_instance_is_scaled_in_and_every_drain_is_kept() {
    let mut runner =
        recording_for(20 * MINUTE, |config| config.desired_capacity = 6, &[("IDLE_COUNT_THRESHOLD", "15")]);
    let draining = recorder_of(&runner.world(), 0);
    runner.world().cause(Incident::SsmOffline { for_ms: HOUR });
    runner.world().cause(Incident::TerminateBusyByHand);
    go_on(&mut runner, HOUR - MINUTE);
    assert_eq!(terminations(&runner), 1, "no Jibri can be asked, so no other instance ends");
    assert_eq!(member(&mut runner.world(), &draining).unwrap().lifecycle_state, "Terminating:Wait");
    go_on(&mut runner, HOUR);
    assert_at_rest(&runner, 2);
}

#[test]
fn while_the_hook_is_deleted_no_instance_is_scaled_in_and_then_scale_in_goes_on() {
    let mut runner =
        recording_for(20 * MINUTE, |config| config.desired_capacity = 6, &[("IDLE_COUNT_THRESHOLD", "15")]);
    runner.world().cause(Incident::HookDeleted);
    go_on(&mut runner, 2 * HOUR);
    assert_eq!((terminations(&runner), runner.world().snapshot().available), (0, 6));
    let complaints = complaints(&runner);
    assert_eq!(complaints.len(), 1, "{complaints:?}");
    assert!(complaints[0].contains("no terminating hook of the name in LIFECYCLE_HOOK"), "{complaints:?}");

    runner.world().cause(Incident::HookRestored);
    go_on(&mut runner, HOUR);
    assert_at_rest(&runner, 2);
}

#[test]
fn a_hook_or_a_group_that_would_end_an_instance_without_heartbeats_ends_no_idle_one() {
    type Change = fn(&mut WorldConfig);
    let changes: [Change; 2] = [|config| config.hook = hook(7200, true), |config| config.retain_abandoned = false];
    for change in changes {
        let mut config = group_of(6);
        change(&mut config);
        let mut runner = at_work(config, &[]);
        go_on(&mut runner, HOUR);
        assert_eq!(terminations(&runner), 0);
        assert!(complaints(&runner)[0].contains("when its heartbeats stop"), "{:?}", complaints(&runner));
    }
}

#[test]
fn commands_that_are_lost_are_sent_again() {
    let mut runner = recording_for(20 * MINUTE, |_| (), &[]);
    runner.world().cause(Incident::LoseNextCommands { count: 10 });
    runner.world().cause(Incident::TerminateBusyByHand);
    go_on(&mut runner, 2 * HOUR);
    assert_at_rest(&runner, 2);
}

#[test]
fn a_drain_beyond_its_limit_is_retained_and_reported_and_not_cut() {
    const RETAINED: &str = "RetainedInstanceAlarm";
    let declared = alarms::find(RETAINED).expect("an alarm of the stack");
    let retained = AlarmConfig::declared(declared, |_| None).expect("the world has its metric");
    let mut runner = recording_for(HOUR, |config| config.alarms = vec![retained], &[("DRAIN_LIMIT_MINUTES", "10")]);
    let id = recorder_of(&runner.world(), 0);
    runner.world().cause(Incident::JibriHangsBusy);
    runner.world().cause(Incident::TerminateBusyByHand);
    go_on(&mut runner, 9 * MINUTE);
    assert_eq!(runner.world().snapshot().retained, 0);
    go_on(&mut runner, 24 * HOUR);
    assert_eq!(member(&mut runner.world(), &id).unwrap().lifecycle_state, "Terminating:Retained");
    let snapshot = runner.world().snapshot();
    assert_eq!((snapshot.retained, snapshot.available, snapshot.desired), (1, 2, 2));
    assert_eq!(runner.world().jibri_health(&id).unwrap().busy_status, "BUSY");
    assert_eq!(runner.world().alarm_state(RETAINED), Some(AlarmState::Alarm));
}

#[test]
fn a_machine_that_ends_by_hand_during_its_drain_does_not_hold_its_hook() {
    let mut runner = at_work(group_of(0), &[]);
    go_on(&mut runner, 10 * MINUTE);
    runner.world().cause(Incident::SsmOffline { for_ms: 24 * HOUR });
    let id = ids(&mut runner.world()).remove(0);
    terminate(&mut runner.world(), &id, false).unwrap();
    go_on(&mut runner, 5 * MINUTE);
    runner.world().terminate_ec2_instance(&id);
    go_on(&mut runner, 5 * MINUTE);
    assert_at_rest(&runner, 2);
}

#[test]
fn an_instance_that_ends_before_its_boot_is_over_drains_too() {
    let mut config = group_of(0);
    config.ssm.registration_seconds = 120.0;
    let mut runner = at_work(config, &[]);
    go_on(&mut runner, 20 * SECOND);
    let id = ids(&mut runner.world()).remove(0);
    terminate(&mut runner.world(), &id, false).unwrap();
    go_on(&mut runner, 20 * MINUTE);
    assert_at_rest(&runner, 2);
    assert!(ended_at(&runner.world(), &id).is_some());
}
