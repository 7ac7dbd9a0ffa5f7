//! The rules of the peers, each in a small story.
#![allow(clippy::unwrap_used, reason = "what a test cannot read fails it")]

use compare::{
    policies::{Contender, Parameter},
    pool::{Event, EventKind, Scenario},
};
use world::demand::Request;

/// Monday, 5 January 2026, 00:00 UTC, in seconds.
const MONDAY: i64 = 1_767_571_200;
const LEAD: i64 = 180;
/// When a run begins: an hour before its first request.
const EIGHT: i64 = 8 * 3600;
const NINE: i64 = 9 * 3600;

/// Requests at so many seconds after nine, and for so long.
fn run(contender: Contender, parameter: u32, requests: &[(i64, i64)]) -> Vec<Event> {
    let request = |(at, seconds): &(i64, i64)| Request { at: (MONDAY + NINE + at) * 1000, duration_ms: seconds * 1000 };
    let demand: Vec<Request> = requests.iter().map(request).collect();
    let scenario = Scenario { demand: &demand, lead_seconds: LEAD, warm_up_seconds: 0 };
    contender.run(Parameter::Count(parameter), &scenario, true).1
}

/// When something happened, in seconds after eight.
fn moments(events: &[Event], kind: EventKind) -> Vec<i64> {
    events.iter().filter(|event| event.kind == kind).map(|event| event.at - MONDAY - EIGHT).collect()
}

#[test]
fn the_seed_adds_one_and_waits_until_it_is_in_service() {
    let events = run(Contender::Seed, 3, &[(0, 60)]);
    assert_eq!(moments(&events, EventKind::Launch)[..3], [0, 180, 360]);
    // The recording takes one of three, and the next evaluation launches another.
    assert_eq!(moments(&events, EventKind::Launch).len(), 4);
}

#[test]
fn the_threshold_closes_the_whole_gap_at_the_next_sample_once() {
    let events = run(Contender::Threshold, 3, &[(5, 3600), (6, 3600), (1000, 60)]);
    assert_eq!(moments(&events, EventKind::Launch), [0, 0, 0, 3610, 3610, 4600]);
}

#[test]
fn an_idle_jibri_goes_after_five_minutes_if_more_than_the_threshold_are_available() {
    for contender in [Contender::Seed, Contender::Threshold] {
        let events = run(contender, 2, &[(0, 300), (3000, 10)]);
        // The recording of nine ends five minutes later; then three are available, one of them idle for an hour.
        let ended = moments(&events, EventKind::Terminate);
        assert_eq!(ended.iter().filter(|at| **at < 6600).collect::<Vec<_>>(), [&3900], "{contender}");
    }
}

#[test]
fn the_jitsi_autoscaler_asks_for_two_low_periods_and_for_no_launch_under_way() {
    let events = run(Contender::JitsiAutoscaler, 4, &[(0, 60)]);
    let launches = moments(&events, EventKind::Launch);
    // The smallest group, at once: two. Then two more once these are there, and the two minutes before were low.
    assert_eq!(launches[..4], [0, 0, 180, 180]);
    assert_eq!(launches.iter().filter(|at| **at < 3600).count(), 4, "four are not fewer than four: {launches:?}");
}

#[test]
fn the_jitsi_autoscaler_removes_its_quantity_after_four_high_periods() {
    // Four more than usual are launched in a burst of four, and all are free at ten past nine.
    let burst = [(0, 600), (0, 600), (0, 600), (0, 600), (7200, 60)];
    let events = run(Contender::JitsiAutoscaler, 4, &burst);
    let ended = moments(&events, EventKind::Terminate);
    assert_eq!(ended[..2], [4440, 4440], "{ended:?}");
}

#[test]
fn buildkite_keeps_as_many_spare_as_there_are_jobs_up_to_the_buffer() {
    let jobs = [(0, 3600), (0, 3600), (0, 3600), (600, 60)];
    let events = run(Contender::Buildkite, 4, &jobs);
    // Four at first. Three jobs want three spare: two more; a fourth job two more again.
    assert_eq!(moments(&events, EventKind::Launch), [0, 0, 0, 0, 3600, 3600, 4200, 4200]);
}

#[test]
fn buildkites_agents_leave_after_five_idle_minutes_but_not_below_the_minimum() {
    let jobs = [(0, 300), (0, 300), (0, 300), (7200, 60)];
    let events = run(Contender::Buildkite, 4, &jobs);
    let ended = moments(&events, EventKind::Terminate);
    // Six while three recorded until 3900: then one goes that was idle all the time, and one that is since 3780.
    assert_eq!(ended.iter().filter(|at| **at < 10_800).collect::<Vec<_>>(), [&3900, &4080]);
}

#[test]
fn target_tracking_doubles_what_is_busy_after_three_minutes_above_half() {
    let busy = [(0, 3600), (0, 3600), (0, 3600)];
    let events = run(Contender::TargetTracking, 4, &busy);
    // At nine sharp the tick comes after the requests; 3660, 3720 and 3780 are high: three of four.
    let launches = moments(&events, EventKind::Launch);
    assert_eq!(launches[..4], [0, 0, 0, 0]);
    assert!(launches[4..].iter().all(|at| (3720..=3780).contains(at)), "{launches:?}");
    assert_eq!(launches.len(), 6, "two more: three busy of six is half");
}

#[test]
fn target_tracking_scales_in_after_fifteen_low_minutes() {
    let busy = [(0, 600), (0, 600), (0, 600), (7200, 60)];
    let events = run(Contender::TargetTracking, 4, &busy);
    let ended = moments(&events, EventKind::Terminate);
    assert_eq!(ended.iter().filter(|at| **at < 10_800).count(), 2, "{ended:?}");
    assert!((4200 + 14 * 60..=4200 + 15 * 60).contains(&ended[0]), "{ended:?}");
}

#[test]
fn a_static_pool_refuses_what_it_has_no_room_for_and_never_launches_again() {
    let events = run(Contender::Static, 2, &[(0, 600), (1, 600), (2, 600), (601, 60)]);
    assert_eq!(moments(&events, EventKind::Launch), [0, 0]);
    assert_eq!(moments(&events, EventKind::Refuse), [3602]);
    assert_eq!(moments(&events, EventKind::Start), [3600, 3601, 4201]);
}
