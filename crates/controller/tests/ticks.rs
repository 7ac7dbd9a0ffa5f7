//! One tick each, against a cloud that is told what to answer: what a tick still does when something fails.

use std::cell::{Cell, RefCell};

use controller::{Ports, Settings, TickError, availability, drain, ports::*, scale_in, tags};
use planner::{DrainResult, Ec2State, Group, InstanceId, LifecycleState, Timestamp};

const NOW: Timestamp = Timestamp(1_800_000_000);

fn id() -> InstanceId {
    InstanceId::new("i-1")
}

fn refused<T>(operation: &str) -> Result<T, CallError> {
    Err(CallError { operation: operation.into(), kind: CallErrorKind::Other, message: "AccessDenied".into() })
}

/// One group of one instance, and everything that was asked to be changed.
struct Cloud {
    /// Answered in turn; the last one again and again.
    groups: RefCell<Vec<GroupDescription>>,
    description: Option<InstanceDescription>,
    commands: Option<Vec<SentCommand>>,
    jicofo: Option<JicofoReading>,
    refuses: &'static str,
    done: RefCell<Vec<String>>,
}

impl Cloud {
    fn new(lifecycle: LifecycleState, tagged: &[(&str, String)]) -> Cloud {
        Cloud {
            groups: RefCell::new(vec![group(lifecycle, 3)]),
            description: Some(InstanceDescription {
                id: id(),
                state: Ec2State::Exists,
                launched_at: NOW.minus_seconds(7200),
                tags: tagged.iter().map(|(key, value)| ((*key).to_owned(), value.clone())).collect(),
            }),
            commands: Some(vec![]),
            jicofo: Some(JicofoReading::default()),
            refuses: "nothing",
            done: RefCell::new(Vec::new()),
        }
    }

    fn act(&self, what: String) -> Result<(), CallError> {
        if what.starts_with(self.refuses) {
            return refused(&what);
        }
        self.done.borrow_mut().push(what);
        Ok(())
    }

    fn done(&self) -> Vec<String> {
        self.done.borrow().clone()
    }
}

fn group(lifecycle: LifecycleState, desired_capacity: u32) -> GroupDescription {
    GroupDescription {
        sizes: Group { min_size: 0, max_size: 10, desired_capacity, retains_abandoned: true },
        members: vec![GroupMember { id: id(), zone: "a".into(), lifecycle, protected: true, outdated: false }],
    }
}

impl CloudReader for &Cloud {
    async fn describe_group(&self) -> Result<GroupDescription, CallError> {
        let mut groups = self.groups.borrow_mut();
        Ok(if groups.len() > 1 { groups.remove(0) } else { groups[0].clone() })
    }

    async fn describe_instances(&self) -> Result<Vec<InstanceDescription>, CallError> {
        self.description.clone().map_or_else(|| refused("ec2:DescribeInstances"), |description| Ok(vec![description]))
    }

    async fn describe_failed_launches(&self, _: Timestamp) -> Result<Vec<String>, CallError> {
        Ok(vec!["no capacity".into()])
    }

    async fn list_commands(&self, _: Document, _: Timestamp) -> Result<Vec<SentCommand>, CallError> {
        self.commands.clone().map_or_else(|| refused("ssm:ListCommandInvocations"), Ok)
    }

    async fn fetch_forecast(&self) -> Result<String, CallError> {
        refused("ssm:GetParameter")
    }

    async fn fetch_planned(&self) -> Result<String, CallError> {
        refused("ssm:GetParameter")
    }

    async fn fetch_history(&self, _: Timestamp, _: Timestamp) -> Result<History, CallError> {
        refused("cloudwatch:GetMetricData")
    }
}

impl CloudWriter for &Cloud {
    async fn set_desired_capacity(&self, desired: u32) -> Result<(), CallError> {
        self.act(format!("desired {desired}"))
    }

    async fn terminate(&self, instance: &InstanceId, decrement: bool) -> Result<(), CallError> {
        self.act(format!("terminate {instance} {decrement}"))
    }

    async fn protect(&self, instances: &[InstanceId]) -> Result<(), CallError> {
        self.act(format!("protect {}", instances.len()))
    }

    async fn record_heartbeat(&self, instance: &InstanceId) -> Result<(), CallError> {
        self.act(format!("heartbeat {instance}"))
    }

    async fn complete_lifecycle_action(&self, instance: &InstanceId, result: DrainResult) -> Result<(), CallError> {
        self.act(format!("complete {instance} {result:?}"))
    }

    async fn tag(&self, instances: &[InstanceId], key: &str, _: &str) -> Result<(), CallError> {
        self.act(format!("tag {} {key}", instances.len()))
    }

    async fn send_command(&self, document: Document, instances: &[InstanceId]) -> Result<(), CallError> {
        self.act(format!("send {document:?} {}", instances.len()))
    }

    async fn put_forecast(&self, _: &str) -> Result<(), CallError> {
        self.act("forecast".into())
    }

    async fn put_metrics(&self, metrics: &[Metric]) -> Result<(), CallError> {
        let lost = metrics.iter().any(|metric| metric.name == "SignalLost" && metric.value > 0.0);
        let available = metrics.iter().any(|metric| metric.name == "AvailableJibris");
        if metrics.iter().any(|metric| metric.name == "DrainsUnderWay") {
            let values = metrics.iter().map(|metric| format!(" {}={}", metric.name, metric.value));
            return self.act(format!("metrics{}", values.collect::<String>()));
        }
        self.act(format!("metrics lost={lost} available={available}"))
    }
}

impl JicofoReader for &Cloud {
    async fn fetch_jicofos(&self) -> Vec<Result<JicofoReading, CallError>> {
        vec![self.jicofo.clone().map_or_else(|| refused("GET /stats"), Ok)]
    }
}

struct Still;

impl Clock for Still {
    fn now(&self) -> Timestamp {
        NOW
    }

    async fn sleep_until(&self, _: Timestamp) {}
}

/// A clock that is wherever somebody wants to sleep until.
struct Leaps(Cell<Timestamp>);

impl Clock for Leaps {
    fn now(&self) -> Timestamp {
        self.0.get()
    }

    async fn sleep_until(&self, moment: Timestamp) {
        self.0.set(self.0.get().max(moment));
    }
}

fn settings(more: &[(&str, &str)]) -> Settings {
    let required = [("AUTO_SCALING_GROUP", "jibri"), ("JICOFO_URLS", "http://jicofo:8888")];
    let all = required.iter().chain(more).map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Settings::from_variables(&all.collect()).expect("settings")
}

fn ports(cloud: &Cloud) -> Ports<&Cloud, &Cloud, &Cloud, Still> {
    Ports { reader: cloud, writer: Some(cloud), jicofo: cloud, clock: Still }
}

/// Nothing here waits: every future is ready at once.
fn now<T>(future: impl Future<Output = T>) -> T {
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    match std::pin::pin!(future).poll(&mut context) {
        std::task::Poll::Ready(value) => value,
        std::task::Poll::Pending => panic!("it waits"),
    }
}

fn complaint(result: Result<(), TickError>) -> String {
    result.expect_err("an error").to_string()
}

/// One sample: the deadline has passed before a second one could begin.
fn one_sample(cloud: &Cloud, settings: &Settings) -> Result<(), TickError> {
    now(availability::run(settings, &ports(cloud), NOW.minus_seconds(1)))
}

fn idle_for_an_hour() -> Cloud {
    let hour_ago = tags::format_moment(NOW.minus_seconds(3600));
    let tagged = [(tags::STATE, format!("idle {hour_ago}")), (tags::REGISTERED_AT, hour_ago)];
    let mut cloud = Cloud::new(LifecycleState::InService, &tagged);
    let jibri = JicofoJibri { nickname: "i-1".into(), healthy: true, busy: false, last_selected_at: None };
    cloud.jicofo = Some(JicofoReading { stats: JicofoStats::default(), jibris: vec![jibri] });
    let report = r#"{"process":"running","busy_status":"IDLE","health_status":"HEALTHY","recordings_pending":0,"recordings_failed":0}"#;
    let status = CommandStatus::Success(report.into());
    cloud.commands = Some(vec![SentCommand { instance: id(), sent_at: NOW.minus_seconds(60), status }]);
    cloud
}

/// Everybody may go: nobody is wanted. No setting allows it; here it makes one Jibri enough.
fn wants_nobody() -> Settings {
    Settings { jibris_threshold: 0, ..settings(&[]) }
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
    cloud.description = None;
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
    now(availability::run(&settings, &ports, NOW.plus_seconds(58))).expect_err("no signal");
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
fn desired_capacity_that_somebody_has_raised_meanwhile_is_not_lowered() {
    let cloud = Cloud::new(LifecycleState::InService, &[]);
    cloud.groups.replace(vec![group(LifecycleState::InService, 1), group(LifecycleState::InService, 8)]);
    one_sample(&cloud, &settings(&[])).expect("a tick");
    assert_eq!(cloud.done(), ["metrics lost=false available=true"]);
}

#[test]
fn a_victim_that_agrees_goes() {
    let cloud = idle_for_an_hour();
    cloud.groups.replace(vec![group(LifecycleState::InService, 1)]);
    now(scale_in::run(&wants_nobody(), &ports(&cloud))).expect("a tick");
    assert_eq!(cloud.done(), ["terminate i-1 true"]);
}

#[test]
fn a_victim_that_has_left_meanwhile_is_not_terminated_again() {
    let cloud = idle_for_an_hour();
    cloud.groups.replace(vec![group(LifecycleState::InService, 1), group(LifecycleState::TerminatingWait, 0)]);
    now(scale_in::run(&wants_nobody(), &ports(&cloud))).expect("a tick");
    assert!(cloud.done().is_empty());
}

#[test]
fn without_the_list_of_checks_nobody_goes() {
    let mut cloud = idle_for_an_hour();
    cloud.groups.replace(vec![group(LifecycleState::InService, 1)]);
    cloud.commands = None;
    let error = complaint(now(scale_in::run(&wants_nobody(), &ports(&cloud))));
    assert!(error.contains("ssm:ListCommandInvocations"), "{error}");
    assert_eq!(cloud.done(), ["send Check 1"]);
}

#[test]
fn a_dry_run_changes_nothing() {
    let cloud = idle_for_an_hour();
    let dry = Ports { writer: None, ..ports(&cloud) };
    now(scale_in::run(&wants_nobody(), &dry)).expect("a tick");
    now(availability::run(&settings(&[]), &dry, NOW)).expect("a tick");
    assert!(cloud.done().is_empty());
}

#[test]
fn a_drain_is_kept_waiting_whatever_else_cannot_be_read_or_sent() {
    let mut cloud = Cloud::new(LifecycleState::TerminatingWait, &[]);
    cloud.description = None;
    cloud.commands = None;
    let error = complaint(now(drain::run(&settings(&[]), &ports(&cloud), None)));
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
    assert!(complaint(now(drain::run(&settings(&[]), &ports(&cloud), Some(&id())))).contains("send Drain 1"));
    assert_eq!(cloud.done(), ["heartbeat i-1", "tag 1 jibri-autoscaler:draining-since"]);
}

#[test]
fn an_event_about_an_instance_that_no_hook_holds_does_nothing() {
    let cloud = Cloud::new(LifecycleState::InService, &[]);
    now(drain::run(&settings(&[]), &ports(&cloud), Some(&InstanceId::new("i-2")))).expect("a tick");
    now(drain::run(&settings(&[]), &ports(&cloud), Some(&id()))).expect("a tick");
    assert!(cloud.done().is_empty());
}

#[test]
fn a_drain_that_cannot_be_kept_waiting_is_counted() {
    for (refuses, unheld) in [("heartbeat", " UnheldDrains=1 "), ("nothing", " UnheldDrains=0 ")] {
        let mut cloud = Cloud::new(LifecycleState::TerminatingWait, &[]);
        cloud.refuses = refuses;
        let result = now(drain::run(&settings(&[]), &ports(&cloud), None));
        assert_eq!(result.is_err(), refuses == "heartbeat");
        let metrics = cloud.done().pop().expect("metrics");
        assert!(metrics.starts_with("metrics") && metrics.contains(unheld), "{metrics}");
    }
}

#[test]
fn what_leaves_the_warm_pool_is_let_go_and_what_the_group_lists_is_drained() {
    let cloud = Cloud::new(LifecycleState::InService, &[]);
    let other = InstanceId::new("i-2");
    now(drain::release_from_warm_pool(&settings(&[]), &ports(&cloud), &other)).expect("a tick");
    assert_eq!(cloud.done(), ["complete i-2 Continue"]);

    for lifecycle in [LifecycleState::InService, LifecycleState::TerminatingWait, LifecycleState::Terminating] {
        let cloud = Cloud::new(lifecycle, &[]);
        now(drain::release_from_warm_pool(&settings(&[]), &ports(&cloud), &id())).expect("a tick");
        assert!(!cloud.done().iter().any(|done| done.starts_with("complete")), "{lifecycle:?}");
    }

    let cloud = Cloud::new(LifecycleState::InService, &[]);
    let dry = Ports { writer: None, ..ports(&cloud) };
    now(drain::release_from_warm_pool(&settings(&[("DRY_RUN", "true")]), &dry, &other)).expect("a tick");
    assert!(cloud.done().is_empty());
}

#[test]
fn a_forecast_that_cannot_be_read_leaves_the_threshold_and_is_an_error_of_scale_in() {
    let cloud = idle_for_an_hour();
    let settings = settings(&[("FORECAST_PARAMETER", "/jibri/forecast")]);
    let error = complaint(now(scale_in::run(&settings, &ports(&cloud))));
    assert!(error.contains("the threshold rules: ssm:GetParameter"), "{error}");
    one_sample(&cloud, &settings).expect("a tick");
}
