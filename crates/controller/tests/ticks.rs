//! One tick each, against a cloud that is told what to answer: what a tick still does when something fails.

mod common;

use std::cell::{Cell, RefCell};

use common::*;
use controller::{Function, Ports, Settings, TickError, invoke, metrics::Metric, ports::*, tags};
use planner::{InstanceId, LifecycleState, Timestamp};

/// Where an instance comes from that a hook holds.
const GROUP: &str = "AutoScalingGroup";
const WARM_POOL: &str = "WarmPool";

/// A clock that leaps to the moment until which a tick sleeps.
struct Leaps(Cell<Timestamp>);

impl Clock for Leaps {
    fn now(&self) -> Timestamp {
        self.0.get()
    }

    async fn sleep_until(&self, moment: Timestamp) {
        self.0.set(self.0.get().max(moment));
    }
}

/// One sample: the deadline has passed before a second one could begin.
fn one_sample(cloud: &Cloud, settings: &Settings) -> Result<(), TickError> {
    let event = sample("availability");
    now(invoke(Function::Availability, event, settings, &ports(cloud), NOW))
}

#[test]
fn metrics_that_are_refused_keep_no_capacity_from_being_raised() {
    let mut cloud = Cloud::new(LifecycleState::InService, &[]);
    cloud.groups = RefCell::new(vec![group(LifecycleState::InService, 1)]);
    cloud.refuses = "metrics";
    let error = complaint(one_sample(&cloud, &settings(&[])));
    assert!(error.contains("metrics") && error.contains("AccessDenied"), "{error}");
    assert_eq!(cloud.done(), ["desired 3"]);
}

#[test]
fn the_gap_is_closed_without_ec2_too() {
    let mut cloud = Cloud::new(LifecycleState::InService, &[]);
    cloud.groups = RefCell::new(vec![GroupDescription { members: vec![], ..group(LifecycleState::InService, 0) }]);
    cloud.descriptions = None;
    assert!(complaint(one_sample(&cloud, &settings(&[]))).contains("ec2:DescribeInstances"));
    assert_eq!(cloud.done(), ["desired 2", "metrics lost=false available=true"]);
}

#[test]
fn the_longest_sampling_interval_still_notices_a_long_silence() {
    let mut cloud = Cloud::new(LifecycleState::InService, &[]);
    cloud.groups = RefCell::new(vec![GroupDescription { members: vec![], ..group(LifecycleState::InService, 0) }]);
    cloud.jicofo = None;
    let settings = settings(&[("SAMPLE_INTERVAL_SECONDS", "30")]);
    let ports = Ports { reader: &cloud, writer: Some(&cloud), jicofo: &cloud, clock: Leaps(Cell::new(NOW)) };
    on_schedule(Function::Availability, &settings, &ports).expect_err("no signal");
    assert!(cloud.done().contains(&"desired 2".to_owned()), "{:?}", cloud.done());
}

#[test]
fn without_a_signal_the_pool_is_left_alone_and_no_number_is_made_up() {
    let mut cloud = Cloud::new(LifecycleState::InService, &[]);
    cloud.jicofo = None;
    let error = complaint(one_sample(&cloud, &settings(&[])));
    assert!(error.contains("no signal from Jicofo: GET /stats: AccessDenied"), "{error}");
    assert_eq!(cloud.done(), ["metrics lost=true available=false"]);
}

#[test]
fn desired_capacity_that_was_raised_meanwhile_is_not_lowered() {
    let cloud = Cloud::new(LifecycleState::InService, &[]);
    cloud.groups.replace(vec![group(LifecycleState::InService, 1), group(LifecycleState::InService, 8)]);
    one_sample(&cloud, &settings(&[])).expect("a tick");
    assert_eq!(cloud.done(), ["metrics lost=false available=true"]);
}

#[test]
fn a_dry_run_changes_nothing() {
    let cloud = idle_for_an_hour();
    let dry = Ports { writer: None, ..ports(&cloud) };
    on_schedule(Function::ScaleIn, &wants_none(), &dry).expect("a tick");
    now(invoke(Function::Availability, sample("availability"), &settings(&[]), &dry, NOW)).expect("a tick");
    assert!(cloud.done().is_empty());
}

#[test]
fn a_drain_is_kept_waiting_whatever_else_cannot_be_read_or_sent() {
    let mut cloud = Cloud::new(LifecycleState::TerminatingWait, &[]);
    cloud.descriptions = None;
    cloud.commands = None;
    let error = complaint(on_schedule(Function::Drain, &settings(&[]), &ports(&cloud)));
    assert!(error.contains("ec2:DescribeInstances") && error.contains("ssm:ListCommandInvocations"), "{error}");
    assert_eq!(cloud.done()[0], "heartbeat i-1");
    assert!(!cloud.done().iter().any(|done| done.starts_with("tag") || done.starts_with("complete")));
    // Neither an age nor a failed upload is made up.
    assert_eq!(
        cloud.done().last().map(String::as_str),
        Some("metrics DrainsUnderWay=1 UnheldDrains=0 RetainedInstances=0")
    );

    let mut cloud = Cloud::new(LifecycleState::TerminatingWait, &[]);
    cloud.refuses = "send";
    assert!(complaint(on_event(held(&id(), GROUP), &settings(&[]), &ports(&cloud))).contains("send Drain 1"));
    assert_eq!(cloud.done(), ["heartbeat i-1", "tag 1 jibri-autoscaler:draining-since"]);
}

#[test]
fn the_age_of_a_drain_is_published_whatever_becomes_of_its_tag() {
    let since = |minutes: u64| ScalingActivity {
        subject: ActivitySubject::Termination(id()),
        started_at: NOW.minus_seconds(minutes * 60),
        reason: String::new(),
    };
    let age = |change: &dyn Fn(&mut Cloud)| {
        let mut cloud = Cloud::new(LifecycleState::TerminatingWait, &[]);
        cloud.activities = Some(vec![("MidLifecycleAction", since(180))]);
        change(&mut cloud);
        drop(on_schedule(Function::Drain, &settings(&[]), &ports(&cloud)));
        assert_eq!(cloud.done()[0], "heartbeat i-1", "{:?}", cloud.done());
        cloud.metric(Metric::OldestDrainSeconds)
    };
    assert_eq!(age(&|cloud| cloud.refuses = "tag"), Some(10_800.0));
    assert_eq!(age(&|cloud| cloud.descriptions = None), Some(10_800.0), "EC2 cannot be read");
    assert_eq!(age(&|cloud| cloud.descriptions = Some(vec![])), Some(10_800.0), "EC2 lists it no more");
    // A drain that nothing has noted begins now; one of which nothing can be read has no age.
    assert_eq!(age(&|cloud| cloud.activities = Some(vec![])), Some(0.0));
    assert_eq!(age(&|cloud| cloud.activities = None), None);
    let tagged = |cloud: &mut Cloud| {
        let tag = (tags::DRAINING_SINCE.to_owned(), tags::format_moment(NOW.minus_seconds(600)));
        cloud.descriptions.as_mut().expect("a description")[0].tags.push(tag);
        cloud.activities = None;
    };
    assert_eq!(age(&tagged), Some(600.0), "then the activities are not asked");
}

#[test]
fn an_event_about_an_instance_that_no_hook_holds_does_nothing() {
    let cloud = Cloud::new(LifecycleState::InService, &[]);
    on_event(held(&InstanceId::new("i-2"), GROUP), &settings(&[]), &ports(&cloud)).expect("a tick");
    on_event(held(&id(), GROUP), &settings(&[]), &ports(&cloud)).expect("a tick");
    assert!(cloud.done().is_empty());
}

#[test]
fn a_drain_that_cannot_be_kept_waiting_is_counted() {
    for (refuses, unheld) in [("heartbeat", " UnheldDrains=1 "), ("nothing", " UnheldDrains=0 ")] {
        let mut cloud = Cloud::new(LifecycleState::TerminatingWait, &[]);
        cloud.refuses = refuses;
        let result = on_schedule(Function::Drain, &settings(&[]), &ports(&cloud));
        assert_eq!(result.is_err(), refuses == "heartbeat");
        let metrics = cloud.done().pop().expect("metrics");
        assert!(metrics.starts_with("metrics") && metrics.contains(unheld), "{metrics}");
    }
}

#[test]
fn what_leaves_the_warm_pool_is_let_go_and_what_the_group_lists_is_drained() {
    let cloud = Cloud::new(LifecycleState::InService, &[]);
    let other = InstanceId::new("i-2");
    on_event(held(&other, WARM_POOL), &settings(&[]), &ports(&cloud)).expect("a tick");
    assert_eq!(cloud.done(), ["complete i-2 Continue"]);

    for lifecycle in [LifecycleState::InService, LifecycleState::TerminatingWait, LifecycleState::Terminating] {
        let cloud = Cloud::new(lifecycle, &[]);
        on_event(held(&id(), WARM_POOL), &settings(&[]), &ports(&cloud)).expect("a tick");
        assert!(!cloud.done().iter().any(|done| done.starts_with("complete")), "{lifecycle:?}");
    }

    let cloud = Cloud::new(LifecycleState::InService, &[]);
    let dry = Ports { writer: None, ..ports(&cloud) };
    on_event(held(&other, WARM_POOL), &settings(&[("DRY_RUN", "true")]), &dry).expect("a tick");
    assert!(cloud.done().is_empty());
}

#[test]
fn a_forecast_that_cannot_be_read_leaves_the_threshold_and_is_an_error_of_scale_in() {
    let cloud = idle_for_an_hour();
    let settings = settings(&[("FORECAST_PARAMETER", "/jibri/forecast")]);
    let error = complaint(on_schedule(Function::ScaleIn, &settings, &ports(&cloud)));
    assert!(error.contains("the threshold rules: ssm:GetParameter"), "{error}");
    one_sample(&cloud, &settings).expect("a tick");
}
