//! The failure of what failures are handled with: a service that is gone for hours, a permission that is taken away.

mod common;

use common::*;
use controller::alarms;
use simulator::{network::Refusal, run::Runner};
use world::{AlarmConfig, AlarmState, Incident, JicofoFault};

/// A pool of two spare Jibris at rest, and four recordings of an hour that begin half an hour from now.
fn pool(settings: &[(&str, &str)]) -> Runner {
    let mut config = group_of(0);
    config.max_size = 30;
    config.demand = (0..4).map(|number| request(HOUR + number * 5 * MINUTE, HOUR)).collect();
    let mut runner = at_work(config, settings);
    go_on(&mut runner, 30 * MINUTE);
    assert_at_rest(&runner, 2);
    runner
}

fn refuse(runner: &Runner, operations: &'static str, hours: i64) {
    let until = runner.world().now() + hours * HOUR;
    runner.network().refusals.push(Refusal { operations, until });
}

fn says(runner: &Runner, words: &str) -> bool {
    complaints(runner).iter().any(|complaint| complaint.contains(words))
}

#[test]
fn while_jicofo_is_down_for_hours_capacity_is_held_and_grows_once_and_every_minute_says_so() {
    let mut runner = pool(&[]);
    go_on(&mut runner, 50 * MINUTE);
    let before = runner.world().snapshot().desired;
    let (started, failed) = (runner.counts().started, runner.counts().failed);
    runner.world().cause(Incident::JicofoAway { for_ms: 5 * HOUR, how: JicofoFault::Hangs });
    go_on(&mut runner, 5 * HOUR);
    let snapshot = runner.world().snapshot();
    assert_eq!(terminations(&runner), 0, "no instance ends unasked");
    assert_eq!(snapshot.desired, before + 2, "it grows by its target, once");
    assert!(says(&runner, "no signal from Jicofo"));
    let (started, failed) = (runner.counts().started - started, runner.counts().failed - failed);
    assert!(failed * 3 >= started * 2 - 12, "availability and scale_in, each minute: {failed} of {started}");
    go_on(&mut runner, 2 * HOUR);
    assert_at_rest(&runner, 2);
}

#[test]
fn where_cloudwatch_refuses_metrics_scaling_goes_on() {
    let mut runner = pool(&[]);
    refuse(&runner, "cloudwatch:", 6);
    go_on(&mut runner, 50 * MINUTE);
    let snapshot = runner.world().snapshot();
    assert_eq!((snapshot.busy, snapshot.available), (4, 2));
    go_on(&mut runner, 4 * HOUR);
    assert_at_rest(&runner, 2);
    assert!(says(&runner, "cloudwatch:PutMetricData: AccessDenied"));
}

#[test]
fn where_tags_are_refused_the_pool_grows_and_no_instance_ends_and_it_says_why() {
    let mut runner = pool(&[]);
    refuse(&runner, "ec2:CreateTags", 5);
    go_on(&mut runner, 50 * MINUTE);
    assert_eq!(runner.world().snapshot().available, 2, "scale-out needs no tags");
    // All of them look as if they had never registered, and none of them is replaced for it.
    runner.world().cause(Incident::JicofoRestarts);
    go_on(&mut runner, 4 * HOUR);
    assert_eq!(terminations(&runner), 0);
    assert!(says(&runner, "ec2:CreateTags: AccessDenied"));
    go_on(&mut runner, 2 * HOUR);
    assert_at_rest(&runner, 2);
}

#[test]
fn where_tags_are_refused_a_drain_has_its_age_all_the_same_and_ends_at_its_limit() {
    const TOO_OLD: &str = "DrainTooOldAlarm";
    let declared = alarms::find(TOO_OLD).expect("an alarm of the stack");
    let mut config = group_of(0);
    config.alarms = vec![AlarmConfig::declared(declared, |_| Some(1.0)).expect("the world has its metric")];
    config.demand = vec![request(10 * MINUTE, 9 * HOUR)];
    let mut runner = at_work(config, &[("DRAIN_LIMIT_MINUTES", "120")]);
    go_on(&mut runner, 15 * MINUTE);
    refuse(&runner, "ec2:CreateTags", 8);
    runner.world().cause(Incident::TerminateBusyByHand);
    go_on(&mut runner, 55 * MINUTE);
    assert_eq!(runner.world().alarm_state(TOO_OLD), Some(AlarmState::Ok), "younger than an hour");
    go_on(&mut runner, 20 * MINUTE);
    assert_eq!(runner.world().alarm_state(TOO_OLD), Some(AlarmState::Alarm));
    go_on(&mut runner, 40 * MINUTE);
    let drains = |runner: &Runner| {
        let snapshot = runner.world().snapshot();
        (snapshot.draining, snapshot.retained)
    };
    assert_eq!(drains(&runner), (1, 0));
    go_on(&mut runner, 15 * MINUTE);
    assert_eq!(drains(&runner), (0, 1));
    assert_eq!(runner.world().alarm_state(TOO_OLD), Some(AlarmState::Ok));
}

#[test]
fn where_tags_are_refused_and_ec2_cannot_be_read_a_drain_ends_at_its_limit_too() {
    let mut config = group_of(0);
    config.demand = vec![request(10 * MINUTE, 9 * HOUR)];
    let mut runner = at_work(config, &[("DRAIN_LIMIT_MINUTES", "120")]);
    go_on(&mut runner, 15 * MINUTE);
    refuse(&runner, "ec2:", 8);
    runner.world().cause(Incident::TerminateBusyByHand);
    go_on(&mut runner, 110 * MINUTE);
    assert_eq!(runner.world().snapshot().retained, 0);
    go_on(&mut runner, 15 * MINUTE);
    assert_eq!(runner.world().snapshot().retained, 1);
}

#[test]
fn where_ssm_refuses_every_command_drains_are_retained_and_not_cut() {
    let mut runner = pool(&[("DRAIN_LIMIT_MINUTES", "120")]);
    go_on(&mut runner, 40 * MINUTE);
    refuse(&runner, "ssm:SendCommand", 6);
    runner.world().cause(Incident::TerminateBusyByHand);
    go_on(&mut runner, 5 * HOUR);
    let snapshot = runner.world().snapshot();
    assert_eq!((snapshot.retained, snapshot.draining), (1, 0), "no other instance ends: none could be asked");
    assert!(says(&runner, "ssm:SendCommand: AccessDenied"));
    go_on(&mut runner, 3 * HOUR);
    let snapshot = runner.world().snapshot();
    assert_eq!((snapshot.available, snapshot.retained, snapshot.machines), (2, 1, 3));
}

#[test]
fn where_the_parameter_store_is_down_the_threshold_rules_scale_out_and_no_instance_ends() {
    let mut runner = pool(&[("FORECAST_PARAMETER", "/jibri/forecast")]);
    refuse(&runner, "ssm:GetParameter", 4);
    go_on(&mut runner, 50 * MINUTE);
    assert_eq!(runner.world().snapshot().available, 2, "the threshold");
    go_on(&mut runner, 3 * HOUR);
    assert_eq!(terminations(&runner), 0, "the forecast might have wanted them");
    assert!(says(&runner, "the threshold rules: ssm:GetParameter: AccessDenied"));
    go_on(&mut runner, 2 * HOUR);
    assert_at_rest(&runner, 2);
}

#[test]
fn where_the_functions_may_do_nothing_recordings_go_on_and_afterwards_everything_does() {
    let mut runner = pool(&[]);
    go_on(&mut runner, 42 * MINUTE);
    runner.world().cause(Incident::TerminateBusyByHand);
    go_on(&mut runner, MINUTE);
    refuse(&runner, "", 1);
    let started = runner.counts().started;
    let failed = runner.counts().failed;
    go_on(&mut runner, HOUR);
    let (started, failed) = (runner.counts().started - started, runner.counts().failed - failed);
    assert!(failed + 3 >= started, "every invocation fails: {failed} of {started}");
    assert_eq!(runner.world().summary().drains_retained, 0, "the hook outlasts it");
    go_on(&mut runner, 3 * HOUR);
    assert_at_rest(&runner, 2);
}
