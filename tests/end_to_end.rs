//! The function binaries at work against the local cloud: the whole way of a recording, with events that are lost,
//! doubled or neither. Nothing here depends on how fast the machine is; every wait is for a condition.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use controller::metrics::Metric;
use localcloud::{CloudConfig, EventFaults, LocalCloud, Outcome};
use world::{Happening, Incident, JicofoFault, Milliseconds, World, WorldConfig, demand::Request};

const MINUTE: Milliseconds = 60_000;
/// Long enough for the slowest machine; a test that fails takes this long.
const PATIENCE: Duration = Duration::from_secs(180);

fn function_directory() -> PathBuf {
    Path::new(env!("CARGO_BIN_EXE_drain")).parent().expect("a binary lies in a directory").to_owned()
}

struct Pool {
    cloud: LocalCloud,
}

impl Pool {
    /// Three Jibris to keep, recordings that begin after five minutes and last for ten; sixty times as fast. The log of
    /// its calls stays, for tests/permissions.
    async fn start(name: &str, recordings: i64, event_faults: EventFaults) -> Pool {
        Pool::start_with(name, recordings, |config| config.event_faults = event_faults).await
    }

    async fn start_with(name: &str, recordings: i64, adapt: impl FnOnce(&mut CloudConfig)) -> Pool {
        let start = WorldConfig::default().start + 540 * MINUTE;
        let request = |number| Request { at: start + 5 * MINUTE + number * 2000, duration_ms: 10 * MINUTE };
        let mut world = WorldConfig {
            start,
            max_size: 12,
            demand: (0..recordings).map(request).collect(),
            ..WorldConfig::default()
        };
        world.launch.boot_seconds = 60.0;
        // Before its Jibri can record. An instance that is terminated before SSM knows it costs an error, and is drained at
        // the next tick.
        world.ssm.registration_seconds = 20.0;
        world.finalize_seconds = 60;
        let output = Path::new(env!("CARGO_TARGET_TMPDIR")).join("end-to-end").join(name);
        let mut config = CloudConfig::new(world, output);
        config.speed = 60.0;
        config.function_directory = Some(function_directory());
        config.template = Some(Path::new(env!("CARGO_MANIFEST_DIR")).join("template.yaml"));
        config.settings = [
            ("JIBRIS_THRESHOLD", "3"),
            ("IDLE_COUNT_THRESHOLD", "4"),
            ("BOOT_GRACE_MINUTES", "5"),
            ("FORECAST_PARAMETER", "/jibri/forecast"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into();
        adapt(&mut config);
        Pool { cloud: LocalCloud::start(config).await.expect("the local cloud starts") }
    }

    /// Waits until this holds in the world, and fails with the world's log when it never does.
    async fn until(&self, what: &str, holds: impl Fn(&World) -> bool) {
        let began = Instant::now();
        while !self.cloud.world(|world| holds(world)) {
            if began.elapsed() > PATIENCE {
                let log =
                    self.cloud.world(|world| world.log().iter().map(|entry| format!("{entry}\n")).collect::<String>());
                panic!("it never came true that {what}; what happened:\n{log}");
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Waits until the group's metric was last published with such a value.
    async fn until_published(&self, metric: Metric, is_so: impl Fn(f64) -> bool) {
        let began = Instant::now();
        while !self.cloud.latest_value(metric).is_some_and(&is_so) {
            let (found, calls) = (self.cloud.latest_value(metric), self.cloud.invocations());
            let last = calls.iter().rfind(|one| one.function == "forecast");
            assert!(began.elapsed() < PATIENCE, "{metric} is {found:?}; the last forecast: {last:?}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    async fn until_called(&self, action: &str) {
        let began = Instant::now();
        while !self.cloud.calls().iter().any(|call| call.action == action) {
            assert!(began.elapsed() < PATIENCE, "{action} is never called");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    fn count(&self, wanted: impl Fn(&Happening) -> bool) -> usize {
        self.cloud.world(|world| world.log().iter().filter(|entry| wanted(&entry.happening)).count())
    }
}

async fn a_morning(name: &str, event_faults: EventFaults) {
    let mut pool = Pool::start(name, 5, event_faults).await;
    pool.cloud.world(|world| world.cause(Incident::LaunchesFail { for_ms: 2 * MINUTE }));
    pool.until("three Jibris wait", |world| world.snapshot().available == 3).await;
    pool.until("all five are asked for", |world| world.snapshot().requests == 5).await;
    pool.until("three wait again beside the busy ones", |world| world.snapshot().available >= 3).await;

    // A person ends a busy Jibri, and its upload fails twice.
    pool.cloud.world(|world| world.cause(Incident::TerminateBusyByHand));
    pool.until("its hook holds it", |world| world.snapshot().draining_busy == 1).await;
    pool.cloud.world(|world| world.cause(Incident::DrainingUploadsFail { count: 2 }));
    pool.until("its recording is uploaded late", |world| {
        world.log().iter().any(|entry| matches!(entry.happening, Happening::UploadedLate { .. }))
    })
    .await;

    pool.until("the pool has come back to three, and every drain has ended", |world| {
        let snapshot = world.snapshot();
        snapshot.desired == 3 && snapshot.available == 3 && snapshot.machines == 3
    })
    .await;
    pool.cloud.world(|world| world.cause(Incident::RemoveProtection));
    pool.until_called("autoscaling:SetInstanceProtection").await;
    pool.cloud.stop().await;

    let summary = pool.cloud.summary();
    assert_eq!((summary.recordings_cut, summary.files_lost, summary.drains_retained), (0, 0, 0));
    assert_eq!(summary.uploads_failed, 1);
    let busy_drain_minutes = summary.longest_drain_seconds / 60;
    assert!(busy_drain_minutes >= 2, "the drain of the busy one lasted {busy_drain_minutes} minutes");
    let by_function = pool.count(|happening| {
        matches!(happening, Happening::HookEnded { result: "CONTINUE", by: "CompleteLifecycleAction", .. })
    });
    assert_eq!(by_function, usize::try_from(summary.drains).expect("a few"));
    assert!(pool.count(|happening| matches!(happening, Happening::Heartbeat { .. })) > by_function);

    let calls = pool.cloud.calls();
    let actions: BTreeSet<&str> = calls.iter().map(|call| call.action.as_str()).collect();
    for action in [
        "autoscaling:DescribeAutoScalingGroups",
        "autoscaling:DescribeLifecycleHooks",
        "autoscaling:SetDesiredCapacity",
        "autoscaling:TerminateInstanceInAutoScalingGroup",
        "autoscaling:RecordLifecycleActionHeartbeat",
        "autoscaling:CompleteLifecycleAction",
        "cloudwatch:PutMetricData",
        "s3:PutObject",
        "s3:ListBucket",
        "ec2:CreateTags",
        "ec2:DescribeInstances",
        "ssm:GetParameter",
        "ssm:ListCommandInvocations",
        "ssm:SendCommand",
    ] {
        assert!(actions.contains(action), "{action} was never called, of {actions:?}");
    }
    let unexpected: Vec<_> = pool
        .cloud
        .invocations()
        .into_iter()
        .filter(|invocation| matches!(invocation.outcome, Some(Outcome::Error(_) | Outcome::Crashed(_))))
        .collect();
    // An invocation under way when the cloud stopped could not end well.
    assert!(
        unexpected.iter().all(|one| one.ended_at.is_none_or(|at| at + 2 * MINUTE > summary_end(&pool))),
        "{unexpected:?}"
    );
}

fn summary_end(pool: &Pool) -> Milliseconds {
    pool.cloud.world(|world| world.now())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recording_survives_the_end_of_its_jibri() {
    a_morning("morning", EventFaults::default()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn lost_events_and_schedules_cost_ticks_and_nothing_else() {
    a_morning("lost", EventFaults { seed: 3, lost_share: 0.4, doubled_share: 0.0 }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_event_twice_at_once_does_no_harm() {
    a_morning("doubled", EventFaults { seed: 4, lost_share: 0.0, doubled_share: 1.0 }).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_jicofo_answers_no_instance_is_ended_and_the_error_says_what() {
    let mut pool = Pool::start("jicofo", 0, EventFaults::default()).await;
    pool.until("three Jibris wait", |world| world.snapshot().available == 3).await;
    let faults = BTreeMap::from([
        ("reset", JicofoFault::Refuses),
        ("500 Internal Server Error", JicofoFault::Fails),
        ("/stats cannot be read", JicofoFault::Garbage),
        ("has no jibri_detector", JicofoFault::WithoutDetector),
    ]);
    for (words, how) in faults {
        let terminations = pool.cloud.summary().terminations;
        pool.cloud.world(|world| world.cause(Incident::JicofoAway { for_ms: 600 * MINUTE, how }));
        let began = Instant::now();
        let said = |outcome: &Option<Outcome>| matches!(outcome, Some(Outcome::Error(said)) if said.contains(words));
        while !["availability", "scale_in"]
            .iter()
            .all(|function| pool.cloud.invocations().iter().any(|one| one.function == *function && said(&one.outcome)))
        {
            assert!(began.elapsed() < PATIENCE, "no error says {words:?}: {:?}", pool.cloud.invocations().last());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        assert_eq!(pool.cloud.summary().terminations, terminations, "{how:?}");
        assert!(pool.cloud.snapshot().desired <= 6, "{how:?}: more than the pool and its target");
    }
    pool.cloud.stop().await;
}

/// Three quiet days, and a town hall in a quarter of an hour. The parameter's name is what tests/permissions grants.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_planned_and_what_is_quiet_move_the_pool_above_its_threshold_and_below() {
    let mut pool = Pool::start_with("forecast", 0, |config| {
        let start = config.world.start;
        let minutes = |value: f64| (1..=3 * 24 * 60).rev().map(|ago| (start - ago * MINUTE, value)).collect();
        config.history = [
            (Metric::RecordingStarts, 0.0),
            (Metric::JibriFailuresTotal, 0.0),
            (Metric::AvailableJibris, 3.0),
            (Metric::BusyJibris, 0.0),
            (Metric::Conferences, 0.0),
        ]
        .map(|(metric, value)| (metric, minutes(value)))
        .into();
        config.settings.extend(
            [("FORECAST_FLOOR", "1"), ("PLANNED_PARAMETER", "/operations/jibri-events")]
                .map(|(name, value)| (name.to_owned(), value.to_owned())),
        );
        // Its own time-out is a second of real time here, which is not enough to read days of metrics.
        for function in config.functions.iter_mut().filter(|function| function.name == "forecast") {
            function.timeout_seconds = 600;
        }
    })
    .await;
    let now = pool.cloud.world(|world| world.now());
    let moment = |minutes: i64| jiff::Timestamp::from_millisecond(now + minutes * MINUTE).expect("a moment");
    let planned =
        format!(r#"{{"events":[{{"name":"town hall","from":"{}","until":"{}","spare":6}}]}}"#, moment(15), moment(25));
    pool.cloud.world(|world| world.put_parameter("/operations/jibri-events", &planned)).expect("it is put");

    pool.until_published(Metric::SpareTarget, |target| target >= 6.0).await;
    pool.until("six Jibris wait", |world| world.snapshot().available >= 6).await;
    pool.until_published(Metric::SpareTarget, |target| target < 3.0).await;
    pool.until_published(Metric::ForecastSpareTarget, |target| target < 3.0).await;
    pool.until("fewer wait than the threshold", |world| world.snapshot().available < 3).await;

    pool.cloud.stop().await;
    let calls = pool.cloud.calls();
    let by_forecast: BTreeSet<&str> =
        calls.iter().filter(|call| call.function == "forecast").map(|call| call.action.as_str()).collect();
    let expected = [
        "autoscaling:DescribeAutoScalingGroups",
        "cloudwatch:GetMetricData",
        "cloudwatch:PutMetricData",
        "ssm:GetParameter",
        "ssm:PutParameter",
    ];
    assert_eq!(by_forecast, BTreeSet::from(expected));
}

#[test]
fn a_function_does_not_run_with_bad_settings_that_it_reads_and_names_all_of_these_and_no_other() {
    const OF_ALL: [&str; 2] = [
        "AUTO_SCALING_GROUP is \"a:b\", and must be the name of an Auto Scaling group",
        "DRY_RUN is \"maybe\", and must be true or false",
    ];
    const OF_SOME: [&str; 2] =
        ["JICOFO_URLS is not set", "JIBRIS_THRESHOLD is \"none\", and must be a whole number of Jibris from 1 to 500"];
    for (binary, reads_the_others) in [
        (env!("CARGO_BIN_EXE_availability"), true),
        (env!("CARGO_BIN_EXE_scale_in"), true),
        (env!("CARGO_BIN_EXE_drain"), false),
    ] {
        let output = std::process::Command::new(binary)
            .env_clear()
            .envs([("JIBRIS_THRESHOLD", "none"), ("DRY_RUN", "maybe"), ("AUTO_SCALING_GROUP", "a:b")])
            .output()
            .expect("the binary starts");
        let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).replace("\\\"", "\"");
        assert!(!output.status.success(), "{binary}");
        for expected in OF_ALL {
            assert!(said.contains(expected), "{binary} said {said}");
        }
        for expected in OF_SOME {
            assert_eq!(said.contains(expected), reads_the_others, "{binary} said {said}");
        }
    }
}
