//! Small pools of which reports say that every request was refused for days while every number was green. The real ticks
//! run in them with the settings and the alarms of the stack as it is shipped.

mod common;

use std::{cell::RefCell, io, sync::Once};

use common::*;
use controller::metrics::{Metric, Statistic};
use simulator::run::{InvocationFaults, Runner};
use world::{
    AlarmConfig, Comparison, Expression, Failing, FaultRates, Happening, Incident, Milliseconds, MissingData, Ring,
    World, WorldConfig, demand::Request, shipped,
};

/// When a pool has settled.
const SETTLED: Milliseconds = 30 * MINUTE;

/// The stack as it is shipped, with no instance yet.
fn stack(demand: Vec<Request>) -> WorldConfig {
    let size = |parameter| shipped(parameter).expect("a parameter of the template");
    let (min_size, max_size) = (size("MinSize"), size("MaxSize"));
    let config = WorldConfig { start: START, min_size, max_size, demand, ..WorldConfig::default() };
    config.with_shipped_alarms().expect("alarms whose thresholds are known")
}

/// An alarm that is not of the stack: it rings for as long as the instances or the functions have published so much within
/// an hour.
fn probe(metric: Metric, statistic: Statistic, at_least: f64) -> AlarmConfig {
    AlarmConfig {
        name: metric.name().to_owned(),
        watches: Expression::Fill(Box::new(Expression::metric(metric.name(), statistic)), 0.0),
        period_seconds: 3600,
        evaluation_periods: 1,
        datapoints_to_alarm: 1,
        comparison: Comparison::AtLeast,
        threshold: at_least,
        missing: MissingData::NotBreaching,
        policy: None,
    }
}

/// The functions at work in it, with calls that take their time. A threshold is a parameter of the stack.
fn works(config: WorldConfig, threshold: &str) -> Runner {
    works_with(config, &[("FORECAST_PARAMETER", "/jibri/forecast"), ("JIBRIS_THRESHOLD", threshold)])
}

/// The same without a forecast, which would want the threshold in a week without requests, and takes most of the time of a test.
fn works_for_a_week(config: WorldConfig) -> Runner {
    works_with(config, &[])
}

fn works_with(config: WorldConfig, settings: &[(&str, &str)]) -> Runner {
    let faults = InvocationFaults { call_latency_ms: 300, ..InvocationFaults::default() };
    at_work_with(config, settings, faults, 1)
}

/// Requests at every so many, from the one moment to the other, for recordings of so long.
fn every(span: Milliseconds, from: Milliseconds, until: Milliseconds, duration_ms: Milliseconds) -> Vec<Request> {
    let moments = std::iter::successors(Some(from), |at| Some(at + span)).take_while(|at| *at < until);
    moments.map(|at| request(at, duration_ms)).collect()
}

/// When something happened, each time.
fn moments(world: &World, wanted: impl Fn(&Happening) -> bool) -> Vec<Milliseconds> {
    world.log().iter().filter(|entry| wanted(&entry.happening)).map(|entry| entry.at).collect()
}

/// A moment, in minutes after the start.
#[allow(clippy::cast_precision_loss, reason = "a few weeks")]
fn minutes(at: Milliseconds) -> f64 {
    (at - START) as f64 / MINUTE as f64
}

fn rings_of(world: &World, alarm: &str) -> Vec<Ring> {
    world.rings().into_iter().filter(|ring| ring.alarm == alarm).collect()
}

thread_local! {
    /// What the functions have logged in this test: each test is a thread.
    static LOGGED: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// Keeps what is logged. One subscriber for all tests: those of several threads switch each other's levels off.
struct Logs;

impl Logs {
    /// From now on, in this test.
    fn keep() -> Logs {
        static GLOBAL: Once = Once::new();
        GLOBAL.call_once(|| tracing_subscriber::fmt().with_ansi(false).with_writer(|| Logs).init());
        LOGGED.with_borrow_mut(Vec::clear);
        Logs
    }

    fn count(&self, words: &str) -> usize {
        LOGGED.with_borrow(|lines| String::from_utf8_lossy(lines).lines().filter(|line| line.contains(words)).count())
    }

    fn say(&self, words: &str) -> bool {
        self.count(words) > 0
    }
}

impl io::Write for Logs {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        LOGGED.with_borrow_mut(|lines| lines.write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Every recording fails, either at its start or within a minute.
fn everything_fails() -> [Incident; 2] {
    [Incident::AllRecordingsFail { for_ms: 100 * HOUR }, Incident::NextStartsFail { count: u32::MAX }]
}

/// One Jibri is replaced as a trial, and then no other (`planner::judge_service`). What a request makes busy for some minutes is
/// made up for as ever, and that goes again: two Jibris take turns with one request.
#[test]
fn where_every_recording_fails_an_alarm_tells_and_hardly_an_instance_is_replaced_in_62_hours() {
    for incident in everything_fails() {
        let mut config = stack(every(HOUR, SETTLED, 62 * HOUR, 30 * MINUTE));
        config.incidents = vec![(START, incident.clone())];
        let (mut runner, logs) = (works(config, "2"), Logs::keep());
        go_on(&mut runner, 62 * HOUR);
        let world = runner.world();
        let failures = moments(&world, |happening| {
            matches!(happening, Happening::StartFailed { .. } | Happening::RecordingFailed { .. })
        });
        let rings = rings_of(&world, "RecordingsFailAlarm");
        assert_eq!(rings.len(), 1, "{incident:?}: it rings once, and goes on: {rings:?}");
        assert!(rings[0].from <= failures[1] + 10 * MINUTE && rings[0].until.is_none(), "{incident:?}: {rings:?}");
        assert!(logs.say("recorder's password") && logs.say("XMPP_HIDDEN_DOMAIN"), "{incident:?}");
        let summary = world.summary();
        assert_eq!(summary.refused + summary.failed, summary.requests);
        // A trial marks the others, of which there are two at most.
        assert!(logs.count("has to show that it records") <= 2, "{incident:?}: {summary:?}");
        let made_busy = summary.requests * u64::from(matches!(incident, Incident::AllRecordingsFail { .. }));
        assert!(summary.launches <= 3 + 2 * made_busy, "{incident:?}: {summary:?}");
        assert!(summary.terminations <= 1 + 2 * made_busy, "{incident:?}: {summary:?}");
        drop(world);
        assert_eq!(complaints(&runner), [""; 0], "{incident:?}");
    }
}

/// People try again every minute or two, so that Jicofo selects a Jibri anew before it was asked about its last recording.
#[test]
fn a_wrong_password_is_known_within_ten_minutes_of_the_first_request() {
    let pools = ["1", "2"].into_iter().flat_map(|threshold| (1..=12).map(move |seed| (threshold, seed)));
    for ((threshold, seed), incident) in pools.flat_map(|pool| everything_fails().map(|incident| (pool, incident))) {
        for again in [MINUTE, 75 * SECOND, 90 * SECOND, 2 * MINUTE] {
            let first = 10 * MINUTE + i64::try_from(seed).expect("a few") * 31 * SECOND;
            let mut config = stack(every(again, first, HOUR, 30 * MINUTE));
            (config.seed, config.incidents) = (seed, vec![(START, incident.clone())]);
            let mut runner = works(config, threshold);
            go_on(&mut runner, first + 10 * MINUTE);
            let rings = rings_of(&runner.world(), "RecordingsFailAlarm");
            assert_eq!(rings.len(), 1, "{incident:?}, {threshold} Jibris, again after {again} ms, seed {seed}");
        }
    }
}

/// A person replaces every instance, before the setting is mended and after.
#[test]
fn the_alarm_ends_with_the_first_recording_that_goes_well_and_not_with_the_instances_that_failed() {
    let mut config = stack(vec![request(SETTLED, 30 * MINUTE), request(4 * HOUR, 30 * MINUTE)]);
    config.incidents = vec![
        (START, Incident::AllRecordingsFail { for_ms: 3 * HOUR }),
        (START + HOUR, Incident::InstanceRefresh),
        (START + 3 * HOUR, Incident::InstanceRefresh),
    ];
    let mut runner = works(config, "2");
    go_on(&mut runner, 5 * HOUR);
    let rings = rings_of(&runner.world(), "RecordingsFailAlarm");
    assert_eq!(rings.len(), 1, "{rings:?}");
    let until = rings[0].until.expect("it has ended");
    assert!((START + 4 * HOUR..START + 4 * HOUR + 10 * MINUTE).contains(&until), "{}", minutes(until));
}

#[test]
fn a_bad_jibri_that_is_first_counts_no_more_and_is_replaced_through_its_drain_within_minutes() {
    for how in [Failing::Recording, Failing::Start] {
        let mut config = stack(every(10 * MINUTE, SETTLED + 2 * MINUTE, 5 * HOUR, 5 * MINUTE));
        config.incidents = vec![(START + SETTLED, Incident::JibriFails { how })];
        let mut runner = works(config, "3");
        go_on(&mut runner, 5 * HOUR);
        let world = runner.world();
        let failed_on = |happening: &Happening| match happening {
            Happening::RecordingFailed { instance, .. } | Happening::StartFailed { instance, .. } => {
                Some(instance.clone())
            }
            _ => None,
        };
        let bad = world.log().iter().find_map(|entry| failed_on(&entry.happening)).expect("it fails what it is given");
        let failures = moments(&world, |happening| failed_on(happening).is_some());
        // Jicofo takes one that refuses a start after all others, and remembers it: that counts twice after ten minutes.
        let known_at = match how {
            Failing::Recording => failures[1],
            Failing::Start => failures[0] + 10 * MINUTE,
        };
        let of_it = |wanted: fn(&Happening) -> Option<&String>| {
            moments(&world, |happening| wanted(happening).is_some_and(|instance| *instance == bad))
        };
        let terminating = of_it(|happening| match happening {
            Happening::Terminating { instance, .. } => Some(instance),
            _ => None,
        });
        let drained = of_it(|happening| match happening {
            Happening::HookEnded { instance, result: "CONTINUE", by: "CompleteLifecycleAction" } => Some(instance),
            _ => None,
        });
        let launched = moments(&world, |happening| matches!(happening, Happening::Launched { .. }));
        let soon = known_at..=known_at + 6 * MINUTE;
        assert!(
            terminating.len() == 1 && soon.contains(&terminating[0]),
            "{how:?}: {terminating:?}, known at {known_at}"
        );
        assert!(drained.len() == 1 && drained[0] > terminating[0], "{how:?}");
        assert!(launched.iter().any(|at| soon.contains(at)), "{how:?}: it counts no more, and another is launched");
        assert!(failures.iter().all(|at| *at < terminating[0]), "{how:?}: what came later is recorded");
        let summary = world.summary();
        assert_eq!((summary.refused, summary.failed), (0, 0), "{how:?}");
        let told = rings_of(&world, "FailingJibriAlarm");
        assert!(
            told.len() == 1 && told[0].until.is_some_and(|until| until < known_at + 45 * MINUTE),
            "{how:?}: {told:?}"
        );
    }
}

/// The Jibri of one's own is in the list before anything is launched: no launch has called itself so.
#[test]
fn a_launch_that_never_registers_is_replaced_though_a_jibri_of_ones_own_is_in_the_brewery() {
    for own_jibris in ["", "jibri-1"] {
        let mut config = stack(every(10 * MINUTE, 5 * MINUTE, 5 * HOUR, 5 * MINUTE));
        let own = Incident::Strangers { count: 1, named: true, for_ms: 100 * HOUR };
        config.incidents = vec![(START, own), (START, Incident::NextLaunchNeverRegisters)];
        let settings =
            [("FORECAST_PARAMETER", "/jibri/forecast"), ("JIBRIS_THRESHOLD", "1"), ("OWN_JIBRIS", own_jibris)];
        let (mut runner, logs) = (works_with(config, &settings), Logs::keep());
        go_on(&mut runner, 5 * HOUR);
        let world = runner.world();
        let launched = moments(&world, |happening| matches!(happening, Happening::Launched { .. }));
        let registered = moments(&world, |happening| matches!(happening, Happening::Registered { .. }));
        let terminating = moments(&world, |happening| matches!(happening, Happening::Terminating { .. }));
        let refused = moments(&world, |happening| matches!(happening, Happening::Refused { .. }));
        let grace = START + 10 * MINUTE..=START + 13 * MINUTE;
        assert!(grace.contains(&launched[1]), "{}", minutes(launched[1]));
        assert!(terminating[0] > launched[1] && terminating[0] < START + 20 * MINUTE, "{}", minutes(terminating[0]));
        assert!(registered[0] > launched[1] && registered[0] < launched[1] + 5 * MINUTE, "{}", minutes(registered[0]));
        assert!(!refused.is_empty() && refused.iter().all(|at| *at < registered[0]), "{refused:?}");
        assert!(logs.say("registered with Jicofo"), "the launch is told of");
        assert!(!logs.say("JIBRI_INSTANCE_ID"), "OWN_JIBRIS={own_jibris:?}");
    }
}

#[test]
fn a_half_filled_list_after_a_restart_of_prosody_launches_none_and_one_that_stays_away_is_made_up_for() {
    // Samples are ten seconds apart. Three seconds after one, the next finds a single Jibri missing, which is made up for at once.
    for late in [0, 2, 4, 5, 7, 9] {
        for one_stays_away in [false, true] {
            let restart = START + SETTLED + late * SECOND;
            let mut config = stack(Vec::new());
            if one_stays_away {
                config.incidents.push((restart, Incident::JibriDies));
            }
            config.incidents.push((restart, Incident::ProsodyRestarts));
            let mut runner = works(config, "8");
            go_on(&mut runner, 2 * HOUR);
            let world = runner.world();
            let launched = moments(&world, |happening| matches!(happening, Happening::Launched { .. }));
            let later: Vec<Milliseconds> = launched.into_iter().filter(|at| *at >= restart).collect();
            assert_eq!(later.len(), usize::from(one_stays_away), "{late} s: {later:?}");
            // It is expected back for as long as a rejoin may take, where others were missing with it.
            assert!(later.iter().all(|at| *at <= restart + 3 * MINUTE), "{late} s: {later:?}");
            let snapshot = world.snapshot();
            assert_eq!((snapshot.available, snapshot.desired, snapshot.machines), (8, 8, 8));
        }
    }
}

#[test]
fn a_jibri_that_is_busy_for_eight_days_without_a_session_is_told_of_within_hours_and_is_not_cut() {
    let mut config = stack(vec![request(SETTLED, 3 * HOUR)]);
    let stuck_at = START + SETTLED + 10 * MINUTE;
    config.incidents = vec![(stuck_at, Incident::JibriStuck { ffmpeg: false })];
    config.alarms.push(probe(Metric::StuckBusySeconds, Statistic::Maximum, 6.0 * 3600.0));
    let mut runner = works_for_a_week(config);
    go_on(&mut runner, 40 * MINUTE + SECOND);
    let stuck = recorder_of(&runner.world(), 0);
    go_on(&mut runner, 8 * 24 * HOUR);
    let mut world = runner.world();
    // It has been busy since its selection.
    let suspicion = START + SETTLED + 6 * HOUR;
    for (alarm, after) in [(Metric::StuckBusySeconds.name(), 2 * MINUTE), ("StuckBusyAlarm", 20 * MINUTE)] {
        let rings = rings_of(&world, alarm);
        assert_eq!(rings.len(), 1, "{alarm}: {rings:?}");
        let from = rings[0].from;
        assert!((suspicion..=suspicion + after).contains(&from), "{alarm} after {}", minutes(from));
        assert_eq!(rings[0].until, None, "{alarm}");
    }
    assert_eq!(world.busy_for_longer_than(7 * 24 * HOUR), std::slice::from_ref(&stuck));
    assert_eq!(member(&mut world, &stuck).map(|member| member.lifecycle_state), Some("InService"));
    assert!(!story_of(&world, &stuck).iter().any(|word| word == "terminating"));
}

#[test]
fn what_a_jibri_recorded_before_it_crashed_in_its_container_is_uploaded_within_minutes_and_counted_as_torn() {
    let mut config = stack(vec![request(SETTLED, 20 * MINUTE)]);
    let crash = START + SETTLED + 10 * MINUTE;
    config.incidents = vec![(crash, Incident::JibriCrashesInContainer)];
    config.alarms.push(probe(Metric::UnplayableRecordings, Statistic::Sum, 1.0));
    let mut runner = works_for_a_week(config);
    go_on(&mut runner, SETTLED + 10 * MINUTE + SECOND);
    let left: Vec<_> = runner.world().files_waiting();
    assert_eq!(left.len(), 1);
    go_on(&mut runner, 7 * 24 * HOUR);
    let world = runner.world();
    let uploaded = moments(
        &world,
        |happening| matches!(happening, Happening::UploadedLate { instance, .. } if *instance == left[0].0),
    );
    assert!(uploaded.len() == 1 && uploaded[0] <= crash + 5 * MINUTE, "{uploaded:?}");
    let ended = moments(
        &world,
        |happening| matches!(happening, Happening::Terminating { instance, .. } if *instance == left[0].0),
    );
    assert!(ended.iter().all(|at| *at > uploaded[0]), "no drain has uploaded it");
    assert_eq!(rings_of(&world, Metric::UnplayableRecordings.name()).len(), 1, "one is counted");
    assert_eq!(rings_of(&world, "UnplayableRecordingsAlarm"), [], "and one alone rings nothing");
    assert_eq!(world.files_waiting(), []);
}

#[test]
fn an_upload_that_is_refused_for_an_hour_is_made_up_for_within_the_next_and_an_alarm_rings_until_then() {
    for refused_for in [HOUR, 26 * HOUR] {
        let mut runner = works_for_a_week(stack(vec![request(SETTLED, 20 * MINUTE)]));
        go_on(&mut runner, SETTLED + 15 * MINUTE);
        runner.world().set_rates(FaultRates { uploads_fail: 1.0, ..FaultRates::default() });
        go_on(&mut runner, refused_for);
        let allowed = runner.world().now();
        runner.world().set_rates(FaultRates::default());
        go_on(&mut runner, 7 * 24 * HOUR);
        let world = runner.world();
        let failed = moments(&world, |happening| matches!(happening, Happening::UploadFailed { .. }));
        let uploaded = moments(&world, |happening| matches!(happening, Happening::UploadedLate { .. }));
        assert_eq!((failed.len(), uploaded.len()), (1, 1));
        assert!(uploaded[0] > allowed && uploaded[0] <= allowed + HOUR, "{}", minutes(uploaded[0]));
        let rings: Vec<Ring> = ["UploadFailedAlarm", "RecordingsWaitAlarm"]
            .into_iter()
            .flat_map(|alarm| rings_of(&world, alarm))
            .collect();
        let mut at = failed[0] + 6 * MINUTE;
        while at < uploaded[0] {
            let told = rings.iter().any(|ring| ring.from <= at && ring.until.is_none_or(|until| until > at));
            assert!(told, "nothing rings at {}: {rings:?}", minutes(at));
            at += MINUTE;
        }
        // The one alarm counts failures of an hour.
        let over = uploaded[0].max(failed[0] + HOUR) + 15 * MINUTE;
        assert!(rings.iter().all(|ring| ring.until.is_some_and(|until| until <= over)), "{rings:?}");
        assert_eq!(rings.len(), 2, "each rings once: {rings:?}");
    }
}
