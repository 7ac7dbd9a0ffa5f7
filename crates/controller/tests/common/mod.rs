//! A cloud of one group with one instance that is told what to answer, and keeps what it was asked to change.
#![allow(dead_code, reason = "each test file uses its own part")]

use std::cell::RefCell;

use controller::{Function, Ports, Settings, TickError, invoke, metrics::Metric, ports::*, tags};
use planner::{DrainResult, Ec2State, Group, InstanceId, LifecycleState, Timestamp};

pub(crate) const NOW: Timestamp = Timestamp(1_800_000_000);
pub(crate) const HOOK: HookDescription =
    HookDescription { terminating: true, default_result: DrainResult::Abandon, heartbeat_timeout_seconds: 7200 };

pub(crate) fn id() -> InstanceId {
    InstanceId::new("i-1")
}

pub(crate) fn refused<T>(operation: &str) -> Result<T, CallError> {
    Err(CallError { operation: operation.into(), kind: CallErrorKind::Other, message: "AccessDenied".into() })
}

/// One group of one instance, and everything that was asked to be changed.
pub(crate) struct Cloud {
    /// Answered in turn; the last one again and again.
    pub(crate) groups: RefCell<Vec<GroupDescription>>,
    /// Likewise.
    pub(crate) hooks: RefCell<Vec<Result<Option<HookDescription>, CallError>>>,
    pub(crate) descriptions: Option<Vec<InstanceDescription>>,
    pub(crate) commands: Option<Vec<SentCommand>>,
    pub(crate) jicofo: Option<JicofoReading>,
    /// What a second one says, where there is one.
    pub(crate) second_jicofo: Option<Result<JicofoReading, CallError>>,
    /// The group's activities with their statuses, newest first; each comes on a page of its own.
    pub(crate) activities: Option<Vec<(&'static str, ScalingActivity)>>,
    pub(crate) refuses: &'static str,
    pub(crate) done: RefCell<Vec<String>>,
    /// What was published.
    pub(crate) published: RefCell<Vec<Datum>>,
}

impl Cloud {
    pub(crate) fn new(lifecycle: LifecycleState, tagged: &[(&str, String)]) -> Cloud {
        Cloud {
            groups: RefCell::new(vec![group(lifecycle, 3)]),
            hooks: RefCell::new(vec![Ok(Some(HOOK))]),
            descriptions: Some(vec![InstanceDescription {
                id: id(),
                state: Ec2State::Exists,
                launched_at: NOW.minus_seconds(7200),
                tags: tagged.iter().map(|(key, value)| ((*key).to_owned(), value.clone())).collect(),
            }]),
            commands: Some(vec![]),
            jicofo: Some(JicofoReading::default()),
            second_jicofo: None,
            activities: Some(vec![]),
            refuses: "nothing",
            done: RefCell::new(Vec::new()),
            published: RefCell::new(Vec::new()),
        }
    }

    fn act(&self, what: String) -> Result<(), CallError> {
        if what.starts_with(self.refuses) {
            return refused(&what);
        }
        self.done.borrow_mut().push(what);
        Ok(())
    }

    /// The last value that was published of a metric.
    pub(crate) fn metric(&self, metric: Metric) -> Option<f64> {
        self.published.borrow().iter().rev().find(|datum| datum.metric == metric).map(|datum| datum.value)
    }

    pub(crate) fn done(&self) -> Vec<String> {
        self.done.borrow().clone()
    }
}

pub(crate) fn next<T: Clone>(answers: &mut Vec<T>) -> T {
    if answers.len() > 1 { answers.remove(0) } else { answers[0].clone() }
}

pub(crate) fn group(lifecycle: LifecycleState, desired_capacity: u32) -> GroupDescription {
    GroupDescription {
        sizes: Group { min_size: 0, max_size: 10, desired_capacity, retains_abandoned: true },
        members: vec![GroupMember { id: id(), zone: "a".into(), lifecycle, protected: true, outdated: false }],
    }
}

impl CloudReader for &Cloud {
    async fn describe_group(&self) -> Result<GroupDescription, CallError> {
        Ok(next(&mut self.groups.borrow_mut()))
    }

    async fn describe_hook(&self) -> Result<Option<HookDescription>, CallError> {
        next(&mut self.hooks.borrow_mut())
    }

    async fn describe_instances_page(&self, _: Option<String>) -> Result<Page<InstanceDescription>, CallError> {
        self.descriptions.clone().map_or_else(|| refused("ec2:DescribeInstances"), |found| Ok(Page::only(found)))
    }

    async fn describe_activities_page(
        &self,
        statuses: &[&str],
        since: Timestamp,
        token: Option<String>,
    ) -> Result<Page<ScalingActivity>, CallError> {
        let Some(activities) = &self.activities else { return refused("autoscaling:DescribeScalingActivities") };
        let asked_for = |(status, activity): &&(&str, ScalingActivity)| {
            activity.started_at >= since && (statuses.is_empty() || statuses.contains(status))
        };
        let found: Vec<&ScalingActivity> = activities.iter().filter(asked_for).map(|(_, activity)| activity).collect();
        // AWS may hand out an empty page with more to come.
        let page = token.map_or(0, |token| token.parse::<usize>().expect("a token of this cloud"));
        let items = page.checked_sub(1).and_then(|index| found.get(index)).map(|activity| (*activity).clone());
        Ok(Page { items: items.into_iter().collect(), next: (page < found.len()).then(|| (page + 1).to_string()) })
    }

    async fn list_commands_page(
        &self,
        _: Document,
        _: Timestamp,
        _: Option<String>,
    ) -> Result<Page<SentCommand>, CallError> {
        self.commands.clone().map_or_else(|| refused("ssm:ListCommandInvocations"), |sent| Ok(Page::only(sent)))
    }

    async fn fetch_forecast(&self) -> Result<String, CallError> {
        refused("ssm:GetParameter")
    }

    async fn fetch_planned(&self) -> Result<String, CallError> {
        refused("ssm:GetParameter")
    }

    async fn fetch_history_page(
        &self,
        _: Timestamp,
        _: Timestamp,
        _: Option<String>,
    ) -> Result<Page<(usize, Series)>, CallError> {
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

    async fn protect_batch(&self, instances: &[InstanceId]) -> Result<(), CallError> {
        self.act(format!("protect {}", instances.len()))
    }

    async fn record_heartbeat(&self, instance: &InstanceId) -> Result<(), CallError> {
        self.act(format!("heartbeat {instance}"))
    }

    async fn complete_lifecycle_action(&self, instance: &InstanceId, result: DrainResult) -> Result<(), CallError> {
        self.act(format!("complete {instance} {result:?}"))
    }

    async fn tag_batch(&self, instances: &[InstanceId], key: &str, _: &str) -> Result<(), CallError> {
        self.act(format!("tag {} {key}", instances.len()))
    }

    async fn send_command_batch(&self, document: Document, instances: &[InstanceId]) -> Result<(), CallError> {
        self.act(format!("send {document:?} {}", instances.len()))
    }

    async fn put_forecast(&self, _: &str) -> Result<(), CallError> {
        self.act("forecast".into())
    }

    async fn put_metrics(&self, metrics: &[Datum]) -> Result<(), CallError> {
        self.published.borrow_mut().extend_from_slice(metrics);
        let lost = metrics.iter().any(|metric| metric.metric == Metric::SignalLost && metric.value > 0.0);
        let available = metrics.iter().any(|metric| metric.metric == Metric::AvailableJibris);
        if metrics.iter().any(|metric| metric.metric == Metric::DrainsUnderWay) {
            let values = metrics.iter().map(|metric| format!(" {}={}", metric.metric, metric.value));
            return self.act(format!("metrics{}", values.collect::<String>()));
        }
        self.act(format!("metrics lost={lost} available={available}"))
    }
}

impl JicofoReader for &Cloud {
    async fn fetch_jicofos(&self) -> Vec<Result<JicofoReading, CallError>> {
        let first = self.jicofo.clone().map_or_else(|| refused("GET /stats"), Ok);
        std::iter::once(first).chain(self.second_jicofo.clone()).collect()
    }
}

pub(crate) struct Still;

impl Clock for Still {
    fn now(&self) -> Timestamp {
        NOW
    }

    async fn sleep_until(&self, _: Timestamp) {}
}

pub(crate) fn settings(more: &[(&str, &str)]) -> Settings {
    let required = [("AUTO_SCALING_GROUP", "jibri"), ("JICOFO_URLS", "http://jicofo:8888")];
    let all = required.iter().chain(more).map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Settings::from_variables(&all.collect()).expect("settings")
}

pub(crate) fn ports(cloud: &Cloud) -> Ports<&Cloud, &Cloud, &Cloud, Still> {
    Ports { reader: cloud, writer: Some(cloud), jicofo: cloud, clock: Still }
}

/// Nothing here waits: every future is ready at once.
pub(crate) fn now<T>(future: impl Future<Output = T>) -> T {
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    match std::pin::pin!(future).poll(&mut context) {
        std::task::Poll::Ready(value) => value,
        std::task::Poll::Pending => panic!("it waits"),
    }
}

pub(crate) fn complaint(result: Result<(), TickError>) -> String {
    result.expect_err("an error").to_string()
}

pub(crate) fn idle_for_an_hour() -> Cloud {
    let hour_ago = tags::format_moment(NOW.minus_seconds(3600));
    let tagged = [(tags::STATE, format!("idle {hour_ago}")), (tags::REGISTERED_AT, hour_ago)];
    let mut cloud = Cloud::new(LifecycleState::InService, &tagged);
    let jibri = JicofoJibri {
        nickname: "i-1".into(),
        healthy: true,
        busy: false,
        last_selected_at: None,
        last_failed_at: None,
    };
    cloud.jicofo = Some(JicofoReading { stats: JicofoStats::default(), jibris: vec![jibri] });
    let report = r#"{"process":"running","busy_status":"IDLE","health_status":"HEALTHY","recordings_pending":0,"recordings_failed":0,"recording":false,"finalizing":false,"oldest_recording_seconds":null,"good_recording_seconds":null}"#;
    let status = CommandStatus::Success(report.into());
    cloud.commands = Some(vec![SentCommand { instance: id(), sent_at: NOW.minus_seconds(60), status }]);
    cloud
}

/// No Jibri is wanted, so that each may go. No setting allows it; here it makes one Jibri enough.
pub(crate) fn wants_none() -> Settings {
    Settings { jibris_threshold: 0, ..settings(&[]) }
}

/// The sample event of this name.
pub(crate) fn sample(name: &str) -> serde_json::Value {
    let path = format!("{}/../../events/{name}.json", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_str(&std::fs::read_to_string(path).expect("a sample")).expect("JSON")
}

/// The event of the hook that holds an instance, which comes from there.
pub(crate) fn held(instance: &InstanceId, origin: &str) -> serde_json::Value {
    let mut event = sample("drain-lifecycle");
    event["detail"]["EC2InstanceId"] = instance.as_str().into();
    event["detail"]["Origin"] = origin.into();
    event
}

/// What a function comes to on its schedule, when Lambda ends the invocation a minute from now.
pub(crate) fn on_schedule<W: CloudWriter, C: Clock>(
    function: Function,
    settings: &Settings,
    ports: &Ports<&Cloud, W, &Cloud, C>,
) -> Result<(), TickError> {
    now(invoke(function, sample(function.name()), settings, ports, NOW.plus_seconds(60)))
}

/// What `drain` comes to on the event of a hook.
pub(crate) fn on_event(
    event: serde_json::Value,
    settings: &Settings,
    ports: &Ports<&Cloud, &Cloud, &Cloud, Still>,
) -> Result<(), TickError> {
    now(invoke(Function::Drain, event, settings, ports, NOW.plus_seconds(60)))
}
