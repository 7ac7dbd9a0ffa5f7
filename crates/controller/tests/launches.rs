//! Launches that fail are told of until one goes well.

mod common;

use common::*;
use controller::{Function, invoke, metrics::Metric, ports::*};
use planner::LifecycleState;

fn launch(status: &'static str, seconds_ago: u64) -> (&'static str, ScalingActivity) {
    let reason = "The KMS key provided is in an incorrect state".to_owned();
    let started_at = NOW.minus_seconds(seconds_ago);
    (status, ScalingActivity { subject: ActivitySubject::Launch, started_at, reason })
}

/// What one sample publishes, with these activities, in a group of one instance in service and so many wanted.
fn failed_launches(wanted: u32, activities: Option<Vec<(&'static str, ScalingActivity)>>) -> Option<f64> {
    let mut cloud = Cloud::new(LifecycleState::InService, &[]);
    cloud.groups = vec![group(LifecycleState::InService, wanted)].into();
    cloud.activities = activities;
    let tick = now(invoke(Function::Availability, sample("availability"), &settings(&[]), &ports(&cloud), NOW));
    assert_eq!(tick.is_err(), cloud.activities.is_none(), "{tick:?}");
    cloud.metric(Metric::FailedLaunches)
}

#[test]
fn a_cancelled_launch_counts_as_a_failed_one_whether_or_not_another_is_wanted_now() {
    for status in ["Failed", "Cancelled"] {
        for wanted in [1, 3] {
            assert_eq!(failed_launches(wanted, Some(vec![launch(status, 60)])), Some(1.0), "{status} {wanted}");
        }
    }
    assert_eq!(failed_launches(1, Some(vec![])), Some(0.0));
}

#[test]
fn failures_count_until_a_launch_goes_well() {
    let twice = || vec![launch("Cancelled", 1200), launch("Failed", 2400)];
    assert_eq!(failed_launches(1, Some(twice())), Some(2.0), "tried ever more slowly");
    let well = |seconds_ago| std::iter::once(launch("Successful", seconds_ago)).chain(twice()).collect();
    assert_eq!(failed_launches(1, Some(well(600))), Some(0.0));
    assert_eq!(failed_launches(1, Some(well(1800))), Some(1.0), "one has failed since");
    assert_eq!(failed_launches(1, Some(vec![launch("Failed", 7200)])), Some(0.0), "hours ago");
}

#[test]
fn where_some_go_well_and_others_fail_the_latest_failures_count_while_any_is_wanted() {
    let mixed = || Some(vec![launch("Successful", 30), launch("Failed", 60), launch("Failed", 900)]);
    assert_eq!(failed_launches(3, mixed()), Some(1.0));
    assert_eq!(failed_launches(1, mixed()), Some(0.0), "all that were wanted are there");
}

#[test]
fn activities_that_cannot_be_read_are_not_zero() {
    assert_eq!(failed_launches(1, None), None);
}
