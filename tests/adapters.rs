//! The adapters for AWS against the local cloud: pages, splits, and one bad id among many.

use std::collections::BTreeMap;

use aws_config::Region;
use aws_sdk_ssm::config::{Credentials, SharedCredentialsProvider};
use controller::{
    Settings,
    metrics::Metric,
    ports::{
        ActivitySubject, CallErrorKind, CloudReader, CloudWriter, CommandStatus, Datum, Document, HookDescription,
        InstanceDescription,
    },
    tags,
    words::{FAILED, SUCCESSFUL},
};
use jibri_autoscaler::adapters::{AwsReader, AwsWriter, configure, connect};
use localcloud::{ApiCall, CloudConfig, LocalCloud, REGION};
use planner::{DrainResult, Ec2State, InstanceId, LifecycleState, Timestamp};
use world::{Happening, Incident, World, WorldConfig};

/// More than one page, and more than one call takes.
const FLEET: u32 = 120;

struct Setup {
    cloud: LocalCloud,
    reader: AwsReader,
    writer: AwsWriter,
    _output: tempfile::TempDir,
}

impl Setup {
    async fn new(more: &[(&str, &str)]) -> Setup {
        Setup::with_fleet(FLEET, more).await
    }

    async fn with_fleet(fleet: u32, more: &[(&str, &str)]) -> Setup {
        let mut world = WorldConfig { max_size: FLEET, desired_capacity: fleet, ..WorldConfig::default() };
        world.launch.in_service_seconds = 1.0;
        world.launch.boot_seconds = 1.0;
        world.launch.describe_lag_seconds = 0.0;
        world.ssm.registration_seconds = 0.0;
        let output = tempfile::tempdir().expect("a temporary directory");
        let mut config = CloudConfig::new(world, output.path().to_owned());
        config.speed = 100.0;
        let cloud = LocalCloud::start(config).await.expect("the local cloud starts");
        let settings = settings(more);
        let credentials = Credentials::new("tests", "secret", None, None, "tests");
        let sdk = configure()
            .endpoint_url(format!("http://{}", cloud.addresses().aws))
            .region(Region::new(REGION))
            .credentials_provider(SharedCredentialsProvider::new(credentials))
            .load()
            .await;
        let (reader, writer) = connect(&settings, &sdk);
        let setup = Setup { cloud, reader, writer: writer.expect("no dry run"), _output: output };
        setup.until(|world| world.running_jibris().len() == usize::try_from(fleet).expect("a fleet")).await;
        setup
    }

    async fn until(&self, holds: impl Fn(&mut World) -> bool) {
        for _ in 0..6000 {
            if self.cloud.world(|world| holds(world)) {
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
        panic!("it never came true");
    }

    async fn fleet(&self) -> Vec<InstanceId> {
        let described = self.reader.describe_instances().await.expect("instances");
        described.into_iter().map(|instance| instance.id).collect()
    }

    fn calls(&self, action: &str) -> Vec<ApiCall> {
        self.cloud.calls().into_iter().filter(|call| call.action == action).collect()
    }
}

fn settings(more: &[(&str, &str)]) -> Settings {
    let required = [("AUTO_SCALING_GROUP", "jibri"), ("JICOFO_URLS", "http://127.0.0.1:1")];
    let all = required.iter().chain(more).map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Settings::from_variables(&all.collect::<BTreeMap<_, _>>()).expect("settings")
}

#[tokio::test(flavor = "multi_thread")]
async fn commands_tags_and_protection_reach_a_fleet_larger_than_one_call_takes() {
    let setup = Setup::new(&[]).await;
    let mut fleet = setup.fleet().await;
    assert_eq!(fleet.len(), 120);
    let before = Timestamp(setup.cloud.world(|world| world.now()) / 1000).minus_seconds(5);

    setup.writer.protect(&fleet).await.expect("protected");
    assert_eq!(setup.calls("autoscaling:SetInstanceProtection").len(), 3);

    // An instance that is gone keeps no other instance from its command and its tag.
    fleet.insert(7, InstanceId::new("i-0deadbeef00000000"));
    setup.writer.send_command(Document::Check, &fleet).await.expect("sent");
    setup.writer.tag(&fleet, tags::STATE, "idle 2026-01-05T09:00:00Z").await.expect("tagged");
    setup
        .until(|world| {
            let sent = world.list_command_invocations("jibri-check", 0).expect("a list");
            sent.len() == 120 && sent.iter().all(|command| command.status == "Success")
        })
        .await;

    let listed = setup.reader.list_commands(Document::Check, before).await.expect("commands");
    assert_eq!(listed.len(), 120);
    assert!(setup.calls("ssm:ListCommandInvocations").len() >= 3, "three pages of fifty");
    for command in &listed {
        let CommandStatus::Success(output) = &command.status else { panic!("{command:?}") };
        controller::report::parse_report(output).expect("a report");
    }
    assert!(setup.reader.list_commands(Document::Drain, before).await.expect("commands").is_empty());

    let described = setup.reader.describe_instances().await.expect("instances");
    let has = |one: &InstanceDescription, key: &str| one.tags.iter().any(|(found, _)| found == key);
    for one in &described {
        assert!(has(one, tags::STATE) && has(one, "jibri-autoscaler:group"), "{one:?}");
        assert_eq!(one.state, Ec2State::Exists);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_group_its_hook_and_its_errors_are_read_as_aws_means_them() {
    let setup = Setup::new(&[("FORECAST_PARAMETER", "/jibri/forecast")]).await;
    let id = setup.fleet().await.swap_remove(0);
    let group = setup.reader.describe_group().await.expect("the group");
    assert_eq!((group.sizes.desired_capacity, group.members.len()), (120, 120));
    assert!(group.sizes.retains_abandoned);
    assert!(group.members.iter().all(|member| member.protected && !member.outdated && !member.zone.is_empty()));
    setup.cloud.world(|world| world.publish_launch_template());
    assert!(setup.reader.describe_group().await.expect("the group").members.iter().all(|member| member.outdated));

    for result in [
        setup.writer.record_heartbeat(&id).await,
        setup.writer.complete_lifecycle_action(&id, DrainResult::Continue).await,
    ] {
        assert_eq!(result.expect_err("no hook holds it").kind, CallErrorKind::NoActiveLifecycleAction);
    }
    setup.writer.terminate(&id, true).await.expect("terminated");
    setup
        .until(|world| {
            let group = world.describe_auto_scaling_groups("jibri").expect("an answer").expect("the group");
            group.instances.iter().any(|one| one.lifecycle_state == "Terminating:Wait")
        })
        .await;
    let group = setup.reader.describe_group().await.expect("the group");
    let member = group.members.iter().find(|member| member.id == id).expect("it waits");
    assert_eq!(member.lifecycle, LifecycleState::TerminatingWait);
    setup.writer.record_heartbeat(&id).await.expect("kept waiting");
    setup.writer.complete_lifecycle_action(&id, DrainResult::Abandon).await.expect("ended");
    let group = setup.reader.describe_group().await.expect("the group");
    let member = group.members.iter().find(|member| member.id == id).expect("it is kept");
    assert_eq!(member.lifecycle, LifecycleState::TerminatingRetained);

    let error = setup.writer.set_desired_capacity(500).await.expect_err("over the maximum");
    assert!(error.to_string().starts_with("autoscaling:SetDesiredCapacity: ValidationError: "), "{error}");
    let error = setup.reader.fetch_forecast().await.expect_err("it has not been written");
    assert_eq!(error.kind, CallErrorKind::ParameterNotFound);
    setup.cloud.world(|world| world.put_parameter("/jibri/forecast", "{}")).expect("written");
    assert_eq!(setup.reader.fetch_forecast().await.as_deref(), Ok("{}"));

    let long_ago = Timestamp(0);
    let failed = async |since| setup.reader.describe_launches(FAILED, since).await.expect("activities");
    assert!(failed(long_ago).await.is_empty());
    // Every launch stands in the list, which is longer than a page.
    let launched = setup.reader.describe_launches(SUCCESSFUL, long_ago).await.expect("activities");
    assert_eq!(launched.len(), 120);
    setup.cloud.world(|world| world.cause(Incident::LaunchesFail { for_ms: 3_600_000 }));
    setup.writer.set_desired_capacity(FLEET).await.expect("one more is wanted");
    setup.until(|world| world.log().iter().any(|entry| entry.happening == Happening::LaunchFailed)).await;
    let launches = failed(long_ago).await;
    assert!(launches[0].reason.contains("sufficient capacity"), "{launches:?}");
    assert!(failed(Timestamp(4_000_000_000)).await.is_empty());
    setup.cloud.world(|world| {
        world.cause(Incident::LaunchesFail { for_ms: 0 });
        world.cause(Incident::LaunchesCancelled { for_ms: 3_600_000 });
    });
    setup
        .until(|world| world.log().iter().any(|entry| matches!(entry.happening, Happening::LaunchCancelled { .. })))
        .await;
    let launches = failed(long_ago).await;
    assert!(launches[0].reason.contains("KMS") && launches[0].subject == ActivitySubject::Launch, "{launches:?}");
    let datum = Datum { metric: Metric::Shortfall, value: 2.0, at: Timestamp(1_767_604_800) };
    setup.writer.put_metrics(&[datum]).await.expect("published");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_hook_is_read_and_its_absence_is_told_from_an_error() {
    let setup = Setup::with_fleet(0, &[]).await;
    let read = setup.reader.describe_hook().await.expect("an answer").expect("the hook");
    let (default_result, heartbeat_timeout_seconds) = (DrainResult::Abandon, 7200);
    assert_eq!(read, HookDescription { terminating: true, default_result, heartbeat_timeout_seconds });
    setup.cloud.world(|world| world.cause(Incident::HookDeleted));
    assert_eq!(setup.reader.describe_hook().await, Ok(None));

    let elsewhere = Setup::with_fleet(0, &[("LIFECYCLE_HOOK", "other")]).await;
    assert_eq!(elsewhere.reader.describe_hook().await, Ok(None));
    let nowhere = Setup::with_fleet(0, &[("AUTO_SCALING_GROUP", "jibri2")]).await;
    let error = nowhere.reader.describe_hook().await.expect_err("no such group").to_string();
    assert!(error.starts_with("autoscaling:DescribeLifecycleHooks: ValidationError: "), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_history_comes_back_as_it_was_published_minute_by_minute() {
    let setup = Setup::new(&[("FORECAST_PARAMETER", "/jibri/forecast"), ("PLANNED_PARAMETER", "/jibri/planned")]).await;
    let hour = Timestamp(setup.cloud.world(|world| world.now()).div_euclid(3_600_000) * 3600);
    let datum = |metric, value, seconds: u64| Datum { metric, value, at: hour.minus_seconds(seconds) };
    let published = [
        datum(Metric::RecordingStarts, 1.0, 120),
        datum(Metric::RecordingStarts, 0.0, 110),
        datum(Metric::RecordingStarts, 5.0, 60),
        datum(Metric::AvailableJibris, 4.0, 120),
        datum(Metric::AvailableJibris, 2.0, 90),
        datum(Metric::JibriFailuresTotal, 7.0, 100),
        datum(Metric::JibriFailuresTotal, 8.0, 70),
        datum(Metric::BusyJibris, 3.0, 65),
        datum(Metric::Shortfall, 9.0, 65),
    ];
    setup.writer.put_metrics(&published).await.expect("published");
    let history = setup.reader.fetch_history(hour.minus_seconds(1800), hour).await.expect("a history");
    let (first, second) = (hour.minus_seconds(120), hour.minus_seconds(60));
    assert_eq!(history.starts, [(first, 0.5), (second, 5.0)]);
    assert_eq!(history.available, [(first, 2.0)]);
    assert_eq!(history.failures_total, [(first, 8.0)]);
    assert_eq!(history.busy, [(first, 3.0)]);
    assert_eq!(history.launch_seconds, []);

    setup.writer.put_forecast("{\"a\": 1}").await.expect("written");
    setup.writer.put_forecast("{\"a\": 2}").await.expect("written over");
    assert_eq!(setup.reader.fetch_forecast().await.as_deref(), Ok("{\"a\": 2}"));
    let error = setup.reader.fetch_planned().await.expect_err("it has not been written");
    assert_eq!(error.kind, CallErrorKind::ParameterNotFound);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_group_that_is_not_there_is_an_error_that_says_where_to_look() {
    let setup = Setup::new(&[("AUTO_SCALING_GROUP", "jibri2")]).await;
    let error = setup.reader.describe_group().await.expect_err("no such group").to_string();
    assert!(error.contains("there is no Auto Scaling group \"jibri2\"") && error.contains("AUTO_SCALING_GROUP"));
}

#[test]
fn a_dry_run_has_no_writer() {
    let config = aws_config::SdkConfig::builder().behavior_version(aws_config::BehaviorVersion::latest()).build();
    assert!(connect(&settings(&[("DRY_RUN", "true")]), &config).1.is_none());
    assert!(connect(&settings(&[]), &config).1.is_some());
}
