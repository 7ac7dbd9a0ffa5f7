//! The outside world, as the ticks see it. AWS and Jicofo implement these in the root package's
//! adapters; the simulator implements them over its world, so that the very same ticks run in both.
//!
//! Reading and writing are separate: a dry run never has a writer.

#![allow(async_fn_in_trait, reason = "every tick runs on one task; no caller needs Send bounds")]

use planner::{DrainResult, Ec2State, Group, InstanceId, LifecycleState, Timestamp};
use thiserror::Error;

use crate::metrics::{Metric, Statistic};

/// A call that failed.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{operation}: {message}")]
pub struct CallError {
    /// The action, such as `autoscaling:SetDesiredCapacity` or `GET /stats`.
    pub operation: String,
    /// What callers tell apart.
    pub kind: CallErrorKind,
    /// The service's own code and message, or what the client said.
    pub message: String,
}

/// The failures that callers tell apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallErrorKind {
    /// The lifecycle action has ended already: completed, or the instance is gone.
    NoActiveLifecycleAction,
    /// An instance id is not known, or not (yet) managed by SSM.
    UnknownInstance,
    /// The parameter does not exist.
    ParameterNotFound,
    /// Anything else: throttled, timed out, refused, broken.
    Other,
}

/// What can be read of AWS.
pub trait CloudReader {
    /// The group and its instances (`autoscaling:DescribeAutoScalingGroups`).
    async fn describe_group(&self) -> Result<GroupDescription, CallError>;
    /// The group's lifecycle hook of the name in `LIFECYCLE_HOOK`, if there is one (`autoscaling:DescribeLifecycleHooks`).
    async fn describe_hook(&self) -> Result<Option<HookDescription>, CallError>;
    /// The group's instances as EC2 knows them (`ec2:DescribeInstances`), tags included. It lags behind the group.
    async fn describe_instances(&self) -> Result<Vec<InstanceDescription>, CallError>;
    /// Why launches have failed since then, newest first (`autoscaling:DescribeScalingActivities`).
    async fn describe_failed_launches(&self, since: Timestamp) -> Result<Vec<String>, CallError>;
    /// The commands sent by this document since then, for every instance (`ssm:ListCommandInvocations`).
    async fn list_commands(&self, document: Document, since: Timestamp) -> Result<Vec<SentCommand>, CallError>;
    /// The forecast's parameter as it stands (`ssm:GetParameter`).
    async fn fetch_forecast(&self) -> Result<String, CallError>;
    /// The parameter with planned events as it stands (`ssm:GetParameter`).
    async fn fetch_planned(&self) -> Result<String, CallError>;
    /// The pool's metrics since then, up to now (`cloudwatch:GetMetricData`, all its pages).
    async fn fetch_history(&self, since: Timestamp, now: Timestamp) -> Result<History, CallError>;
}

/// What can be changed in AWS.
pub trait CloudWriter {
    /// `autoscaling:SetDesiredCapacity`, cooldowns not honoured.
    async fn set_desired_capacity(&self, desired: u32) -> Result<(), CallError>;
    /// `autoscaling:TerminateInstanceInAutoScalingGroup`.
    async fn terminate(&self, instance: &InstanceId, decrement: bool) -> Result<(), CallError>;
    /// `autoscaling:SetInstanceProtection`, on; any number of instances.
    async fn protect(&self, instances: &[InstanceId]) -> Result<(), CallError>;
    /// `autoscaling:RecordLifecycleActionHeartbeat`.
    async fn record_heartbeat(&self, instance: &InstanceId) -> Result<(), CallError>;
    /// `autoscaling:CompleteLifecycleAction`.
    async fn complete_lifecycle_action(&self, instance: &InstanceId, result: DrainResult) -> Result<(), CallError>;
    /// `ec2:CreateTags`: one tag, the same value on each of the instances.
    async fn tag(&self, instances: &[InstanceId], key: &str, value: &str) -> Result<(), CallError>;
    /// `ssm:SendCommand`; any number of instances. One that SSM does not know does not keep the others from it.
    async fn send_command(&self, document: Document, instances: &[InstanceId]) -> Result<(), CallError>;
    /// The forecast's parameter, overwritten (`ssm:PutParameter`).
    async fn put_forecast(&self, value: &str) -> Result<(), CallError>;
    /// `cloudwatch:PutMetricData`, in one call.
    async fn put_metrics(&self, metrics: &[Datum]) -> Result<(), CallError>;
}

/// What can be read of the Jicofos.
pub trait JicofoReader {
    /// Asks every configured Jicofo once: one answer or error each.
    async fn fetch_jicofos(&self) -> Vec<Result<JicofoReading, CallError>>;
}

/// The time.
pub trait Clock {
    /// Now.
    fn now(&self) -> Timestamp;
    /// Returns at that moment, or at once if it has passed.
    async fn sleep_until(&self, moment: Timestamp);
}

/// The two SSM documents.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Document {
    /// Reports what the instance does, and changes nothing.
    Check,
    /// Asks Jibri for its graceful shutdown, uploads what is left, and reports.
    Drain,
}

/// The group, as `DescribeAutoScalingGroups` tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupDescription {
    /// Its sizes.
    pub sizes: Group,
    /// Its members.
    pub members: Vec<GroupMember>,
}

/// One instance of the group, as `DescribeAutoScalingGroups` tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupMember {
    /// `InstanceId`.
    pub id: InstanceId,
    /// `AvailabilityZone`.
    pub zone: String,
    /// `LifecycleState`.
    pub lifecycle: LifecycleState,
    /// `ProtectedFromScaleIn`.
    pub protected: bool,
    /// Whether its launch template version is not the one the group launches now.
    pub outdated: bool,
}

/// A lifecycle hook, as `DescribeLifecycleHooks` tells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HookDescription {
    /// `LifecycleTransition` is `autoscaling:EC2_INSTANCE_TERMINATING`.
    pub terminating: bool,
    /// `DefaultResult`.
    pub default_result: DrainResult,
    /// `HeartbeatTimeout`, in seconds.
    pub heartbeat_timeout_seconds: u64,
}

/// One instance, as EC2's `DescribeInstances` tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InstanceDescription {
    /// `InstanceId`.
    pub id: InstanceId,
    /// `State`.
    pub state: Ec2State,
    /// `LaunchTime`.
    pub launched_at: Timestamp,
    /// The tags whose keys begin with [`crate::tags::PREFIX`].
    pub tags: Vec<(String, String)>,
}

/// One invocation of a document on one instance, as `ListCommandInvocations` tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SentCommand {
    /// `InstanceId`.
    pub instance: InstanceId,
    /// `RequestedDateTime`.
    pub sent_at: Timestamp,
    /// `Status` and the plugin's `Output`, as far as decisions differ.
    pub status: CommandStatus,
}

/// `Status` of a command invocation, as far as decisions differ.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CommandStatus {
    /// `Pending`, `InProgress`, `Delayed`, `Cancelling`.
    InFlight,
    /// `Success`, with the output of the script.
    Success(String),
    /// Anything else, with the status' details.
    Failed(String),
}

/// What one Jicofo says.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct JicofoReading {
    /// `/stats`.
    pub stats: JicofoStats,
    /// `/debug`: every Jibri by its nickname.
    pub jibris: Vec<JicofoJibri>,
}

/// The counters of one Jicofo's `/stats` that are published.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct JicofoStats {
    /// Conferences now.
    pub conferences: u64,
    /// Participants now.
    pub participants: u64,
    /// Recordings and live streams now.
    pub jibri_sessions: u64,
    /// Recordings and live streams that could not start, since Jicofo started: refusals included.
    pub jibri_failures_total: u64,
}

/// One Jibri as one Jicofo's `/debug` tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JicofoJibri {
    /// Its nickname in the brewery.
    pub nickname: String,
    /// `health_status` is `HEALTHY`.
    pub healthy: bool,
    /// `busy_status` is not `IDLE`.
    pub busy: bool,
    /// `last_selected`; `None` for never.
    pub last_selected_at: Option<Timestamp>,
}

/// One metric's past: the beginning of each period, and its value; in no order.
pub type Series = Vec<(Timestamp, f64)>;

/// The pool's past, as CloudWatch aggregates it. What was not published is not in it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct History {
    /// `RecordingStarts`, `Average` of each minute: of one sample.
    pub starts: Series,
    /// `JibriFailuresTotal`, `Maximum` of each minute.
    pub failures_total: Series,
    /// `AvailableJibris`, `Minimum` of each minute.
    pub available: Series,
    /// `BusyJibris`, `Average` of each minute.
    pub busy: Series,
    /// `LaunchSeconds`, `p95` of each day.
    pub launch_seconds: Series,
}

/// The metrics of a [`History`], in its order: which, its statistic, its period in seconds.
pub const HISTORY_METRICS: [(Metric, Statistic, i32); 5] = [
    (Metric::RecordingStarts, Statistic::Average, 60),
    (Metric::JibriFailuresTotal, Statistic::Maximum, 60),
    (Metric::AvailableJibris, Statistic::Minimum, 60),
    (Metric::BusyJibris, Statistic::Average, 60),
    (Metric::LaunchSeconds, Statistic::P95, 86_400),
];

impl History {
    /// From one series for each of [`HISTORY_METRICS`], in their order.
    pub fn from_series([starts, failures_total, available, busy, launch_seconds]: [Series; 5]) -> History {
        History { starts, failures_total, available, busy, launch_seconds }
    }
}

/// One value of a metric; its namespace and the group's dimension are the adapter's.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Datum {
    /// The metric.
    pub metric: Metric,
    /// The value, in the metric's unit.
    pub value: f64,
    /// When it was so.
    pub at: Timestamp,
}

/// The outside world of one function. Without a writer (dry run) plans are logged, and nothing is changed.
#[derive(Clone, Debug)]
pub struct Ports<R, W, J, C> {
    /// Reads AWS.
    pub reader: R,
    /// Changes AWS; `None` in a dry run.
    pub writer: Option<W>,
    /// Reads the Jicofos.
    pub jicofo: J,
    /// Tells the time.
    pub clock: C,
}
