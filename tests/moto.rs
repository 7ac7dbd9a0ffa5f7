//! The adapters for AWS against moto, a server of another project, written from AWS's documentation. A page of AWS that
//! both our adapters and our local cloud misread shows here.
//!
//! The tests use only what moto 5.2.5 answers as AWS does. They leave out:
//! - `RecordLifecycleActionHeartbeat`, `CompleteLifecycleAction`, `ListCommandInvocations`: not implemented (500).
//! - `SendCommand`: whatever ids it is given, it runs on every instance, at once, with success and no output.
//! - `PutMetricData`: moto does not speak the SDK's protocol, CBOR (404).
//! - `DescribeScalingActivities`: always empty.
//! - `DescribeLifecycleHooks` of a group that is not there: an empty list.
//! - `TerminateInstanceInAutoScalingGroup`, what comes after: no hook holds the instance; it is gone at once, and
//!   has lost the tag of its group.
//! - Refusals: a capacity over the maximum, and unknown ids in `CreateTags` and `SetInstanceProtection`, are
//!   accepted; a group or an instance that is not there, in any other call that changes it, is a 500 without a code.
//! - `InstanceLifecyclePolicy`: dropped. The version of its template that an instance has: always the default one.
//! - Pages: the adapter's are so large that it would take a thousand launches.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
    thread,
};

use aws_config::{Region, SdkConfig, timeout::TimeoutConfig};
use aws_sdk_autoscaling::{
    operation::create_auto_scaling_group::builders::CreateAutoScalingGroupFluentBuilder,
    types::{LaunchTemplate, LaunchTemplateOverrides, LaunchTemplateSpecification, MixedInstancesPolicy},
};
use aws_sdk_ec2::types::{InstanceType, RequestLaunchTemplateData};
use aws_sdk_ssm::{
    config::{Credentials, SharedCredentialsProvider},
    types::ParameterType,
};
use controller::{
    Settings,
    ports::{CallErrorKind, CloudReader, CloudWriter, GroupDescription, GroupMember, HookDescription},
    tags,
};
use jibri_autoscaler::adapters::{AwsReader, AwsWriter, configure, connect};
use planner::{DrainResult, Ec2State, Group, InstanceId, LifecycleState};

const GROUP: &str = "jibri";
const ZONE: &str = "eu-central-1b";

/// Ends with the test, also when that fails.
struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill().and_then(|()| self.0.wait());
    }
}

/// A server of moto for one test, with clients that build what the adapters then read.
struct Moto {
    _server: Server,
    sdk: SdkConfig,
    autoscaling: aws_sdk_autoscaling::Client,
    ec2: aws_sdk_ec2::Client,
    ssm: aws_sdk_ssm::Client,
}

impl Moto {
    async fn start() -> Moto {
        let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/tools/contracts/bin/moto_server");
        assert!(program.exists(), "moto is not installed: `make test` installs it into target/tools");
        let server = Command::new(program)
            .args(["--host", "127.0.0.1", "--port", "0"])
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("moto starts");
        let mut server = Server(server);
        let mut log = BufReader::new(server.0.stderr.take().expect("it is piped")).lines().map_while(Result::ok);
        let address = log.find_map(|line| Some(line.split_once("Running on ")?.1.to_owned()));
        // Read to its end, or moto would block; a test that fails shows it.
        thread::spawn(move || log.for_each(|line| eprintln!("moto: {line}")));
        let credentials = Credentials::new("tests", "secret", None, None, "tests");
        let sdk = configure()
            .endpoint_url(address.expect("moto says where it listens"))
            .region(Region::new("eu-central-1"))
            .credentials_provider(SharedCredentialsProvider::new(credentials))
            .load()
            .await;
        // The first call to a service makes moto load it, however long that takes.
        let patient = sdk.to_builder().timeout_config(TimeoutConfig::disabled()).build();
        Moto {
            _server: server,
            sdk,
            autoscaling: aws_sdk_autoscaling::Client::new(&patient),
            ec2: aws_sdk_ec2::Client::new(&patient),
            ssm: aws_sdk_ssm::Client::new(&patient),
        }
    }

    fn connect(&self, group: &str) -> (AwsReader, AwsWriter) {
        let variables = [
            ("AUTO_SCALING_GROUP", group),
            ("JICOFO_URLS", "http://127.0.0.1:1"),
            ("FORECAST_PARAMETER", "/jibri/forecast"),
        ];
        let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let settings = Settings::from_variables(&BTreeMap::from(variables)).expect("settings");
        let (reader, writer) = connect(&settings, &self.sdk);
        (reader, writer.expect("no dry run"))
    }

    async fn create_template(&self, name: &str) -> String {
        let created =
            self.ec2.create_launch_template().launch_template_name(name).launch_template_data(template_data());
        let created = created.send().await.expect("a launch template");
        created.launch_template().and_then(|template| template.launch_template_id()).expect("its id").to_owned()
    }

    async fn publish_version(&self, template: &str) {
        let publish = self.ec2.create_launch_template_version().launch_template_id(template);
        publish.launch_template_data(template_data()).send().await.expect("a version");
    }

    /// A group of three in one zone that can grow to five; the caller adds what it launches.
    fn group(&self, name: &str) -> CreateAutoScalingGroupFluentBuilder {
        let create = self.autoscaling.create_auto_scaling_group().auto_scaling_group_name(name);
        create.min_size(1).max_size(5).desired_capacity(3).availability_zones(ZONE)
    }

    /// Two groups of the same template: ours, and one with a name that begins like ours.
    async fn create_groups(&self) -> String {
        let template = self.create_template("jibri").await;
        for name in [GROUP, "jibri-of-others"] {
            self.group(name).launch_template(version(&template, "1")).send().await.expect("a group");
        }
        template
    }

    async fn put_hook(&self, group: &str, name: &str, transition: &str, seconds: i32, result: &str) {
        let hook = self.autoscaling.put_lifecycle_hook().auto_scaling_group_name(group).lifecycle_hook_name(name);
        let hook = hook.lifecycle_transition(format!("autoscaling:EC2_INSTANCE_{transition}"));
        hook.heartbeat_timeout(seconds).default_result(result).send().await.expect("a hook");
    }

    async fn launch_from_now_on(&self, template: LaunchTemplateSpecification) {
        let update = self.autoscaling.update_auto_scaling_group().auto_scaling_group_name(GROUP);
        update.launch_template(template).send().await.expect("updated");
    }
}

fn template_data() -> RequestLaunchTemplateData {
    RequestLaunchTemplateData::builder().image_id("ami-0123456789abcdef0").instance_type(InstanceType::C5Xlarge).build()
}

fn version(template: &str, version: &str) -> LaunchTemplateSpecification {
    LaunchTemplateSpecification::builder().launch_template_id(template).version(version).build()
}

async fn members(reader: &AwsReader) -> Vec<GroupMember> {
    reader.describe_group().await.expect("the group").members
}

async fn ids(reader: &AwsReader) -> Vec<InstanceId> {
    members(reader).await.into_iter().map(|member| member.id).collect()
}

#[tokio::test]
async fn a_group_is_read_with_its_sizes_and_its_members() {
    let moto = Moto::start().await;
    let template = moto.create_groups().await;
    let (reader, writer) = moto.connect(GROUP);

    let GroupDescription { sizes, members: three } = reader.describe_group().await.expect("the group");
    assert_eq!(sizes, Group { min_size: 1, max_size: 5, desired_capacity: 3, retains_abandoned: false });
    assert_eq!(three.len(), 3);
    for member in &three {
        let (zone, lifecycle) = (ZONE.to_owned(), LifecycleState::InService);
        assert_eq!(*member, GroupMember { id: member.id.clone(), zone, lifecycle, protected: false, outdated: false });
    }

    let [resting, recording] = [&three[0].id, &three[1].id];
    let rest = moto.autoscaling.enter_standby().auto_scaling_group_name(GROUP).instance_ids(resting.as_str());
    rest.should_decrement_desired_capacity(true).send().await.expect("in standby");
    writer.protect(std::slice::from_ref(recording)).await.expect("protected");
    for member in members(&reader).await {
        let lifecycle = if member.id == *resting { LifecycleState::Other } else { LifecycleState::InService };
        assert_eq!((member.lifecycle, member.protected), (lifecycle, member.id == *recording), "{}", member.id);
    }

    moto.launch_from_now_on(version(&template, "$Latest")).await;
    assert!(members(&reader).await.iter().all(|member| !member.outdated), "$Latest may be their own");
    moto.publish_version(&template).await;
    moto.launch_from_now_on(version(&template, "2")).await;
    assert!(members(&reader).await.iter().all(|member| member.outdated), "theirs is the first version");
}

#[tokio::test]
async fn a_group_with_a_mixed_instances_policy_has_more_templates_than_one() {
    let moto = Moto::start().await;
    let (common, other) = (moto.create_template("common").await, moto.create_template("other").await);
    moto.publish_version(&common).await;
    // The instances have the first version of the common template.
    for (name, common, of_one_type, outdated) in [
        ("current", version(&common, "1"), version(&other, "1"), false),
        ("current-for-one-type", version(&common, "2"), version(&common, "1"), false),
        ("outdated", version(&common, "2"), version(&other, "1"), true),
    ] {
        let overrides = LaunchTemplateOverrides::builder().instance_type("c5.xlarge");
        let overrides = overrides.launch_template_specification(of_one_type).build();
        let templates = LaunchTemplate::builder().launch_template_specification(common).overrides(overrides).build();
        let policy = MixedInstancesPolicy::builder().launch_template(templates).build();
        moto.group(name).mixed_instances_policy(policy).send().await.expect("a group");
        let members = members(&moto.connect(name).0).await;
        assert_eq!(members.iter().map(|member| member.outdated).collect::<Vec<_>>(), [outdated; 3], "{name}");
    }
}

#[tokio::test]
async fn the_instances_are_those_of_the_group_with_their_tags() {
    let moto = Moto::start().await;
    moto.create_groups().await;
    let (reader, writer) = moto.connect(GROUP);
    let ids = ids(&reader).await;

    writer.tag(&ids[..2], tags::STATE, "busy").await.expect("tagged");
    writer.tag(&ids[1..2], tags::STATE, "idle & \"ready\" + 100 %").await.expect("tagged again");
    let foreign = aws_sdk_ec2::types::Tag::builder().key("Name").value("jibri").build();
    moto.ec2.create_tags().resources(ids[0].as_str()).tags(foreign).send().await.expect("tagged");

    let described = reader.describe_instances().await.expect("instances");
    let described: BTreeMap<_, _> = described.into_iter().map(|one| (one.id.clone(), one)).collect();
    assert_eq!(described.keys().collect::<BTreeSet<_>>(), ids.iter().collect(), "and none of the other group");
    for (id, values) in ids.iter().zip([vec!["busy"], vec!["idle & \"ready\" + 100 %"], vec![]]) {
        let states = described[id].tags.iter().filter(|(key, _)| key == tags::STATE);
        let states: Vec<&str> = states.map(|(_, value)| value.as_str()).collect();
        assert_eq!((states, described[id].state), (values, Ec2State::Exists));
    }
    let asked = moto.ec2.describe_instances().instance_ids(ids[0].as_str()).send().await.expect("the instance");
    let launch_time = asked.reservations()[0].instances()[0].launch_time().expect("its launch");
    assert_eq!(described[&ids[0]].launched_at.0, launch_time.secs());

    let error = writer.tag(&[InstanceId::new("jibri")], tags::STATE, "idle").await.expect_err("no id at all");
    assert_eq!(error.to_string(), "ec2:CreateTags: InvalidID: The ID 'jibri' is not valid");
}

#[tokio::test]
async fn a_pool_grows_shrinks_around_the_protected_and_gives_up_the_terminated() {
    let moto = Moto::start().await;
    moto.create_groups().await;
    let (reader, writer) = moto.connect(GROUP);

    writer.set_desired_capacity(5).await.expect("grown");
    let five = ids(&reader).await;
    assert_eq!(five.len(), 5);
    let protected = [five[0].clone(), five[3].clone()];
    writer.protect(&protected).await.expect("protected");
    writer.set_desired_capacity(2).await.expect("shrunk");
    assert_eq!(ids(&reader).await.iter().collect::<BTreeSet<_>>(), protected.iter().collect());
    let described = reader.describe_instances().await.expect("instances");
    assert_eq!(described.len(), 5);
    for instance in described {
        let state = if protected.contains(&instance.id) { Ec2State::Exists } else { Ec2State::Terminated };
        assert_eq!(instance.state, state, "{}", instance.id);
    }

    let [first, second] = protected;
    writer.terminate(&first, false).await.expect("terminated");
    let group = reader.describe_group().await.expect("the group");
    assert_eq!((group.sizes.desired_capacity, group.members.len()), (2, 2), "another comes in its place");
    assert!(group.members.iter().all(|member| member.id != first));
    writer.terminate(&second, true).await.expect("terminated");
    let group = reader.describe_group().await.expect("the group");
    assert_eq!((group.sizes.desired_capacity, group.members.len()), (1, 1), "and none in the place of this one");
    assert!(group.members.iter().all(|member| member.id != second));
}

#[tokio::test]
async fn the_hook_of_this_name_is_found_among_others_and_missed_when_it_is_deleted() {
    let moto = Moto::start().await;
    moto.create_groups().await;
    let (reader, _) = moto.connect(GROUP);
    assert_eq!(reader.describe_hook().await, Ok(None));
    for (group, name, transition, seconds, result) in [
        (GROUP, "backup", "TERMINATING", 300, "CONTINUE"),
        (GROUP, "jibri-drain-2", "TERMINATING", 300, "CONTINUE"),
        ("jibri-of-others", "jibri-drain", "TERMINATING", 300, "CONTINUE"),
        (GROUP, "jibri-drain", "TERMINATING", 7200, "ABANDON"),
    ] {
        assert_eq!(reader.describe_hook().await, Ok(None), "before {name} of {group}");
        moto.put_hook(group, name, transition, seconds, result).await;
    }
    let drain =
        HookDescription { terminating: true, default_result: DrainResult::Abandon, heartbeat_timeout_seconds: 7200 };
    assert_eq!(reader.describe_hook().await, Ok(Some(drain)));
    let delete = moto.autoscaling.delete_lifecycle_hook().auto_scaling_group_name(GROUP);
    delete.lifecycle_hook_name("jibri-drain").send().await.expect("deleted");
    assert_eq!(reader.describe_hook().await, Ok(None));

    moto.put_hook(GROUP, "jibri-drain", "LAUNCHING", 600, "CONTINUE").await;
    let launch =
        HookDescription { terminating: false, default_result: DrainResult::Continue, heartbeat_timeout_seconds: 600 };
    assert_eq!(reader.describe_hook().await, Ok(Some(launch)));
}

#[tokio::test]
async fn what_is_not_there_is_told_from_what_is() {
    let moto = Moto::start().await;
    moto.create_groups().await;
    let (reader, _) = moto.connect("jibri-unknown");
    let error = reader.describe_group().await.expect_err("no such group");
    assert_eq!(error.kind, CallErrorKind::Other);
    assert!(error.to_string().contains("there is no Auto Scaling group \"jibri-unknown\""), "{error}");
    assert!(reader.describe_instances().await.expect("an answer").is_empty());

    let put =
        |name: &str, value: &str| moto.ssm.put_parameter().name(name).value(value).r#type(ParameterType::String).send();
    put("/jibri/forecast-of-others", "{}").await.expect("written");
    let error = reader.fetch_forecast().await.expect_err("it has not been written");
    assert_eq!(error.kind, CallErrorKind::ParameterNotFound, "{error}");
    put("/jibri/forecast", "{\"rooms\": \"Büro\"}").await.expect("written");
    assert_eq!(reader.fetch_forecast().await.as_deref(), Ok("{\"rooms\": \"Büro\"}"));
}
