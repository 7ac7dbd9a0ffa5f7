//! Alarms over metrics, and the scaling policies that they execute.

mod common;

use common::*;
use controller::{
    Function,
    alarms::{self, ALARMS},
    metrics::Metric,
};
use world::{
    AlarmConfig, AlarmState, Comparison, Expression, Happening, Incident, MetricView, Milliseconds, MissingData,
    NAMESPACE, PolicyConfig, Statistic, Step, World, WorldConfig, demand::Request,
};

const ALARM: &str = "shortfall";
const METRIC: &str = "JibrisShortfall";

/// In ALARM while the metric's highest value of the last minute is one or more.
fn alarm(policy: Option<&str>) -> AlarmConfig {
    AlarmConfig {
        name: ALARM.into(),
        watches: Expression::metric(METRIC, Statistic::Maximum),
        period_seconds: 60,
        evaluation_periods: 1,
        datapoints_to_alarm: 1,
        comparison: Comparison::AtLeast,
        threshold: 1.0,
        missing: MissingData::NotBreaching,
        policy: policy.map(str::to_owned),
    }
}

fn simple(cooldown_seconds: u32) -> PolicyConfig {
    PolicyConfig::Simple { name: "add-one".into(), adjustment: 1, cooldown_seconds }
}

/// Adds what is missing, up to two.
fn step(warmup_seconds: u32) -> PolicyConfig {
    let steps =
        vec![Step { lower: 0.0, upper: Some(1.0), adjustment: 1 }, Step { lower: 1.0, upper: None, adjustment: 2 }];
    PolicyConfig::Step { name: "close-the-gap".into(), steps, warmup_seconds }
}

/// A group of so many, with this policy on its alarm.
fn scaled_by(policy: PolicyConfig, desired_capacity: u32) -> WorldConfig {
    WorldConfig { alarms: vec![alarm(Some(policy.name()))], policies: vec![policy], ..group_of(desired_capacity) }
}

fn put(world: &mut World, value: f64) {
    let metric = MetricView { namespace: NAMESPACE.into(), name: METRIC.into(), value, at: world.now() };
    world.put_metric_data(&[metric]).expect("a metric that is taken");
}

/// Puts the value every ten seconds for so long.
fn report(world: &mut World, value: f64, span: Milliseconds) {
    let end = world.now() + span;
    while world.now() < end {
        put(world, value);
        wait(world, 10 * SECOND);
    }
}

fn state(world: &World) -> AlarmState {
    world.alarm_state(ALARM).expect("the alarm is there")
}

fn refusals(world: &World, reason: &str) -> usize {
    times(world, |happening| matches!(happening, Happening::PolicyIdle { why, .. } if why.contains(reason)))
}

#[test]
fn an_alarm_follows_its_metric() {
    let mut world = begin(WorldConfig { alarms: vec![alarm(None)], ..group_of(0) });
    assert_eq!(state(&world), AlarmState::InsufficientData);
    report(&mut world, 0.0, 2 * MINUTE);
    assert_eq!(state(&world), AlarmState::Ok);
    report(&mut world, 1.0, 2 * MINUTE);
    assert_eq!(state(&world), AlarmState::Alarm);
    report(&mut world, 0.0, 3 * MINUTE);
    assert_eq!(state(&world), AlarmState::Ok);
    assert_eq!(world.alarm_state("another"), None);
}

#[test]
fn an_alarm_waits_for_as_many_datapoints_as_it_is_told() {
    let patient = AlarmConfig { evaluation_periods: 3, datapoints_to_alarm: 2, ..alarm(None) };
    let mut world = begin(WorldConfig { alarms: vec![patient], ..group_of(0) });
    report(&mut world, 0.0, 3 * MINUTE);
    report(&mut world, 1.0, MINUTE);
    assert_eq!(state(&world), AlarmState::Ok, "one of three");
    report(&mut world, 0.0, MINUTE);
    report(&mut world, 1.0, MINUTE);
    assert_eq!(state(&world), AlarmState::Alarm, "two of three");
}

#[test]
fn each_statistic_sums_a_period_up_in_its_own_way() {
    let cases =
        [(Statistic::Maximum, 3.0), (Statistic::Minimum, 1.0), (Statistic::Average, 2.0), (Statistic::Sum, 4.0)];
    for (statistic, value) in cases {
        for (threshold, expected) in [(value, AlarmState::Alarm), (value + 0.5, AlarmState::Ok)] {
            let mut world = begin(WorldConfig {
                alarms: vec![AlarmConfig { watches: Expression::metric(METRIC, statistic), threshold, ..alarm(None) }],
                ..group_of(0)
            });
            put(&mut world, 1.0);
            wait(&mut world, 10 * SECOND);
            put(&mut world, 3.0);
            wait(&mut world, 50 * SECOND);
            assert_eq!(state(&world), expected, "{statistic:?} against {threshold}");
        }
    }
}

#[test]
fn missing_data_means_what_the_alarm_says() {
    let cases = [
        (MissingData::Missing, AlarmState::InsufficientData),
        (MissingData::NotBreaching, AlarmState::Ok),
        (MissingData::Breaching, AlarmState::Alarm),
    ];
    for (missing, expected) in cases {
        for last in [0.0, 1.0] {
            let mut world = begin(WorldConfig { alarms: vec![AlarmConfig { missing, ..alarm(None) }], ..group_of(0) });
            report(&mut world, last, 2 * MINUTE);
            wait(&mut world, 5 * MINUTE);
            assert_eq!(state(&world), expected, "{missing:?}");
        }
    }
}

#[test]
fn missing_data_that_is_ignored_leaves_the_state_as_it_was() {
    for (last, expected) in [(0.0, AlarmState::Ok), (1.0, AlarmState::Alarm)] {
        let mut world = begin(WorldConfig {
            alarms: vec![AlarmConfig { missing: MissingData::Ignore, ..alarm(None) }],
            ..group_of(0)
        });
        report(&mut world, last, 2 * MINUTE);
        wait(&mut world, HOUR);
        assert_eq!(state(&world), expected);
    }
}

#[test]
fn the_action_repeats_every_minute_while_the_alarm_lasts() {
    let mut world = begin(scaled_by(simple(0), 1));
    report(&mut world, 0.0, 2 * MINUTE);
    report(&mut world, 1.0, 5 * MINUTE);
    assert_eq!(desired(&mut world), 6, "one more for each of five minutes");
    report(&mut world, 0.0, 2 * MINUTE);
    let rested = desired(&mut world);
    report(&mut world, 0.0, 10 * MINUTE);
    assert_eq!((desired(&mut world), state(&world)), (rested, AlarmState::Ok));
}

#[test]
fn an_action_never_exceeds_the_maximum() {
    let mut world = begin(scaled_by(simple(0), 1));
    report(&mut world, 1.0, 30 * MINUTE);
    assert_eq!(desired(&mut world), 10);
}

#[test]
fn a_simple_policy_rests_during_its_cooldown() {
    let mut world = begin(scaled_by(simple(300), 1));
    report(&mut world, 1.0, 11 * MINUTE);
    assert_eq!(desired(&mut world), 4, "after 1, 6 and 11 minutes");
    assert_eq!(refusals(&world, "cooldown"), 8);
    let refused = world.set_desired_capacity(GROUP, 5, true).unwrap_err();
    assert_eq!(refused.code, "ScalingActivityInProgress");
    world.set_desired_capacity(GROUP, 5, false).unwrap();
}

#[test]
fn a_simple_policy_stands_still_while_an_instance_waits_in_a_hook() {
    let mut world = settled(scaled_by(simple(0), 3));
    let id = ids(&mut world).remove(0);
    terminate(&mut world, &id, true).unwrap();
    report(&mut world, 1.0, 20 * MINUTE);
    assert_eq!((state(&world), desired(&mut world)), (AlarmState::Alarm, 2));
    assert!(refusals(&world, "wait state") >= 19);

    complete(&mut world, &id, "CONTINUE").unwrap();
    report(&mut world, 1.0, 2 * MINUTE);
    assert_eq!(desired(&mut world), 4, "the drain is over, and so is the standstill");
}

#[test]
fn a_step_policy_works_while_an_instance_waits_in_a_hook() {
    let mut world = settled(scaled_by(step(60), 3));
    let id = ids(&mut world).remove(0);
    terminate(&mut world, &id, true).unwrap();
    report(&mut world, 1.0, 2 * MINUTE);
    assert_eq!(member(&mut world, &id).unwrap().lifecycle_state, "Terminating:Wait");
    assert!(desired(&mut world) > 2);
}

#[test]
fn a_step_policy_adds_by_the_size_of_the_breach() {
    for (shortfall, added) in [(1.0, 1), (2.0, 2), (50.0, 2)] {
        let mut world = settled(scaled_by(step(3600), 2));
        report(&mut world, 0.0, HOUR);
        report(&mut world, shortfall, 2 * MINUTE);
        assert_eq!(desired(&mut world), 2 + added, "a shortfall of {shortfall}");
    }
}

#[test]
fn a_step_policy_does_not_add_again_what_still_warms_up() {
    let mut world = settled(scaled_by(step(600), 2));
    report(&mut world, 0.0, 10 * MINUTE);
    report(&mut world, 2.0, 10 * MINUTE);
    assert_eq!(desired(&mut world), 4, "two are missing, and two warm up");
    report(&mut world, 2.0, 4 * MINUTE);
    assert_eq!(desired(&mut world), 6, "those did not help: two more");
}

#[test]
fn metrics_are_refused_by_the_thousand_and_when_they_are_no_numbers() {
    let mut world = begin(group_of(0));
    let metric = |value| MetricView { namespace: NAMESPACE.into(), name: METRIC.into(), value, at: START };
    world.put_metric_data(&vec![metric(0.0); 1000]).unwrap();
    for refused in [vec![metric(0.0); 1001], vec![metric(0.0), metric(f64::NAN)]] {
        assert_eq!(world.put_metric_data(&refused).unwrap_err().code, "InvalidParameterValue");
    }
}

#[test]
fn every_alarm_of_the_stack_is_evaluated() {
    let alarms = AlarmConfig::all_declared(|parameter| world::shipped(parameter).map(f64::from))
        .expect("all that they need is known");
    let names: Vec<&str> = alarms.iter().map(|alarm| alarm.name.as_str()).collect();
    assert_eq!(names, ALARMS.iter().map(|alarm| alarm.id).collect::<Vec<_>>());
    let unknown = AlarmConfig::all_declared(|_| None).unwrap_err();
    assert!(unknown.contains("the parameter "), "a threshold is a parameter: {unknown}");
}

/// A world with this alarm of the stack alone.
fn watched_by(id: &str) -> World {
    let declared = alarms::find(id).expect("an alarm of the stack");
    let alarm = AlarmConfig::declared(declared, |_| None).expect("no parameter");
    begin(WorldConfig { alarms: vec![alarm], ..group_of(0) })
}

fn rings(world: &World) -> Vec<(Milliseconds, Option<Milliseconds>)> {
    let rings = world.rings();
    rings.iter().map(|ring| ((ring.from - START) / MINUTE, ring.until.map(|at| (at - START) / MINUTE))).collect()
}

#[test]
fn invocations_that_fail_or_are_throttled_ring_by_the_minute_in_which_they_began() {
    let mut world = watched_by("FunctionsFailAlarm");
    for minute in 0..60 {
        let began_at = world.now();
        wait(&mut world, MINUTE);
        // Of an invocation that takes a minute Lambda tells after it has ended.
        let failed = (4..6).contains(&minute);
        world.publish_invocation(Function::Availability, began_at, failed);
        world.publish_invocation(Function::Forecast, began_at, true);
        if minute == 6 {
            world.publish_throttle(Function::Drain);
        }
    }
    // Minutes 4, 5 and 7; minute 4 is out of sight after a quarter of an hour.
    assert_eq!(rings(&world), [(8, Some(20))]);
}

#[test]
fn an_alarm_that_tells_of_silence_is_quiet_before_the_first_value_and_rings_when_they_stop() {
    let mut world = watched_by("SignalLostAlarm");
    let report_for = |world: &mut World, span| {
        let end = world.now() + span;
        while world.now() < end {
            let metric = Metric::SignalLost.name().into();
            let fine = MetricView { namespace: NAMESPACE.into(), name: metric, value: 0.0, at: world.now() };
            world.put_metric_data(&[fine]).expect("a metric that is taken");
            wait(world, 10 * SECOND);
        }
    };
    wait(&mut world, 10 * MINUTE);
    assert_eq!(rings(&world), []);
    report_for(&mut world, 10 * MINUTE);
    wait(&mut world, 20 * MINUTE);
    report_for(&mut world, 10 * MINUTE);
    assert_eq!(rings(&world), [(27, Some(41))], "seven minutes, which are looked at, have to pass");
}

#[test]
fn a_value_that_comes_late_counts_in_its_own_period() {
    let mut world = begin(WorldConfig {
        alarms: vec![AlarmConfig { evaluation_periods: 2, datapoints_to_alarm: 2, ..alarm(None) }],
        ..group_of(0)
    });
    for minute in 0..4 {
        wait(&mut world, MINUTE + if minute == 0 { 20 * SECOND } else { 0 });
        // Of the minute that has ended twenty seconds ago.
        let at = START + minute * MINUTE + 50 * SECOND;
        let metric = MetricView { namespace: NAMESPACE.into(), name: METRIC.into(), value: 1.0, at };
        world.put_metric_data(&[metric]).expect("a metric that is taken");
    }
    assert_eq!(rings(&world), [(3, None)], "the newest minute is missing, and older ones make up for it");
}

#[test]
fn an_empty_pool_rings_only_while_a_jibri_is_wanted() {
    for (wanted, expected) in [(0.0, vec![]), (2.0, vec![(5, None)])] {
        let mut world = watched_by("PoolEmptyAlarm");
        report_two(&mut world, [(Metric::AvailableJibris, 0.0), (Metric::SpareTarget, wanted)], 20 * MINUTE);
        assert_eq!(rings(&world), expected, "{wanted} wanted");
    }
}

#[test]
fn an_upload_that_fails_rings_from_the_instance_itself() {
    let demand = vec![Request { at: START + 20 * MINUTE, duration_ms: 20 * MINUTE }];
    let declared = alarms::find("UploadFailedAlarm").expect("an alarm of the stack");
    let alarm = AlarmConfig::declared(declared, |_| None).expect("no parameter");
    let mut world = settled(WorldConfig { alarms: vec![alarm], demand, ..group_of(1) });
    world.cause(Incident::NextUploadsFail { count: 1 });
    wait(&mut world, 2 * HOUR);
    let rings = rings(&world);
    assert!(matches!(rings[..], [(40..=41, Some(100..=101))]), "{rings:?}");
}

/// Puts values of two metrics every ten seconds for so long.
fn report_two(world: &mut World, values: [(Metric, f64); 2], span: Milliseconds) {
    let end = world.now() + span;
    while world.now() < end {
        let at = world.now();
        let data = values.map(|(metric, value)| MetricView {
            namespace: NAMESPACE.into(),
            name: metric.name().into(),
            value,
            at,
        });
        world.put_metric_data(&data).expect("metrics that are taken");
        wait(world, 10 * SECOND);
    }
}

#[test]
fn an_alarm_on_two_metrics_compares_them() {
    let declared = alarms::find("AtMaximumAlarm").expect("an alarm of the stack");
    let alarm = AlarmConfig::declared(declared, |_| None).expect("the world has its metrics");
    let mut world = begin(WorldConfig { alarms: vec![alarm], ..group_of(0) });
    let state = |world: &World| world.alarm_state("AtMaximumAlarm").expect("the alarm");
    let sizes = |desired| [(Metric::DesiredCapacity, desired), (Metric::MaxSize, 10.0)];
    report_two(&mut world, sizes(9.0), 6 * MINUTE);
    assert_eq!(state(&world), AlarmState::Ok);
    report_two(&mut world, sizes(10.0), 4 * MINUTE);
    assert_eq!(state(&world), AlarmState::Ok, "not for five minutes yet");
    report_two(&mut world, sizes(10.0), 2 * MINUTE);
    assert_eq!(state(&world), AlarmState::Alarm);
    report_two(&mut world, sizes(9.0), 2 * MINUTE);
    assert_eq!(state(&world), AlarmState::Ok);
}
