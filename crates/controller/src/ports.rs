//! The outside world, as the ticks see it. AWS and Jicofo implement these in the root package's
//! adapters; the simulator implements them over its world, so that the very same ticks run in both.
//!
//! Reading and writing are separate: a dry run never has a writer.

#![allow(async_fn_in_trait, reason = "every tick runs on one task; no caller needs Send bounds")]

use planner::{DrainResult, Ec2State, Group, InstanceId, LifecycleState, Timestamp};
use thiserror::Error;

use crate::{
    batch::{MOST_IN_A_CALL, MOST_TAGGED, call_for_each, follow_pages},
    text::shorten_reason,
    words::error_kind,
};

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

impl CallError {
    /// What a service answered: its error's code and message.
    pub fn answered(operation: &str, code: &str, message: &str) -> CallError {
        CallError {
            operation: operation.to_owned(),
            kind: error_kind(code, message),
            message: shorten_reason(&format_args!("{code}: {message}")),
        }
    }

    /// A call that no service answered, as the client says it.
    pub fn unanswered(operation: &str, message: &str) -> CallError {
        CallError { operation: operation.to_owned(), kind: CallErrorKind::Other, message: shorten_reason(message) }
    }

    /// An answer that has not what it must have.
    pub fn incomplete(operation: &str, what: &str) -> CallError {
        CallError::unanswered(operation, &format!("the answer has no {what}"))
    }
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

/// One page of an answer.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Page<T> {
    /// What it holds.
    pub items: Vec<T>,
    /// The token of the next page; `None` on the last.
    pub next: Option<String>,
}

impl<T> Page<T> {
    /// An answer of a single page.
    pub fn only(items: Vec<T>) -> Page<T> {
        Page { items, next: None }
    }
}

/// What can be read of AWS. A method is one call; those that follow pages are made of it here, for AWS and the simulation
/// alike.
pub trait CloudReader {
    /// The group and its instances (`autoscaling:DescribeAutoScalingGroups`).
    async fn describe_group(&self) -> Result<GroupDescription, CallError>;
    /// The group's lifecycle hook of the name in `LIFECYCLE_HOOK`, if there is one (`autoscaling:DescribeLifecycleHooks`).
    async fn describe_hook(&self) -> Result<Option<HookDescription>, CallError>;
    /// A page of the group's instances as EC2 knows them (`ec2:DescribeInstances`), tags included. EC2 lags behind the group.
    async fn describe_instances_page(&self, token: Option<String>) -> Result<Page<InstanceDescription>, CallError>;
    /// Why launches have failed since then, newest first (`autoscaling:DescribeScalingActivities`).
    async fn describe_failed_launches(&self, since: Timestamp) -> Result<Vec<String>, CallError>;
    /// A page of the commands sent by this document since then, for every instance (`ssm:ListCommandInvocations`).
    async fn list_commands_page(
        &self,
        document: Document,
        since: Timestamp,
        token: Option<String>,
    ) -> Result<Page<SentCommand>, CallError>;
    /// The forecast's parameter as it stands (`ssm:GetParameter`).
    async fn fetch_forecast(&self) -> Result<String, CallError>;
    /// The parameter with planned events as it stands (`ssm:GetParameter`).
    async fn fetch_planned(&self) -> Result<String, CallError>;
    /// A page of the pool's metrics since then, up to now (`cloudwatch:GetMetricData`): parts of the series of
    /// [`HISTORY_METRICS`], each by its place there.
    async fn fetch_history_page(
        &self,
        since: Timestamp,
        now: Timestamp,
        token: Option<String>,
    ) -> Result<Page<(usize, Series)>, CallError>;

    /// Every instance of the group as EC2 knows it.
    async fn describe_instances(&self) -> Result<Vec<InstanceDescription>, CallError> {
        follow_pages("ec2:DescribeInstances", async |token| self.describe_instances_page(token).await).await
    }

    /// Every command sent by this document since then.
    async fn list_commands(&self, document: Document, since: Timestamp) -> Result<Vec<SentCommand>, CallError> {
        follow_pages("ssm:ListCommandInvocations", async |token| self.list_commands_page(document, since, token).await)
            .await
    }

    /// The pool's metrics since then, up to now.
    async fn fetch_history(&self, since: Timestamp, now: Timestamp) -> Result<History, CallError> {
        const OPERATION: &str = "cloudwatch:GetMetricData";
        let mut all: [Series; HISTORY_METRICS.len()] = Default::default();
        let parts = follow_pages(OPERATION, async |token| self.fetch_history_page(since, now, token).await).await?;
        for (index, part) in parts {
            all.get_mut(index).ok_or_else(|| CallError::incomplete(OPERATION, "known Id"))?.extend(part);
        }
        Ok(History::from_series(all))
    }
}

/// What can be changed in AWS. A method is one call; those about any number of instances are made of it here, for AWS and
/// the simulation alike.
pub trait CloudWriter {
    /// `autoscaling:SetDesiredCapacity`, cooldowns not honoured.
    async fn set_desired_capacity(&self, desired: u32) -> Result<(), CallError>;
    /// `autoscaling:TerminateInstanceInAutoScalingGroup`.
    async fn terminate(&self, instance: &InstanceId, decrement: bool) -> Result<(), CallError>;
    /// `autoscaling:SetInstanceProtection`, on; [`MOST_IN_A_CALL`] instances at most.
    async fn protect_batch(&self, instances: &[InstanceId]) -> Result<(), CallError>;
    /// `autoscaling:RecordLifecycleActionHeartbeat`.
    async fn record_heartbeat(&self, instance: &InstanceId) -> Result<(), CallError>;
    /// `autoscaling:CompleteLifecycleAction`.
    async fn complete_lifecycle_action(&self, instance: &InstanceId, result: DrainResult) -> Result<(), CallError>;
    /// `ec2:CreateTags`: one tag, the same value on each of the instances, [`MOST_TAGGED`] at most.
    async fn tag_batch(&self, instances: &[InstanceId], key: &str, value: &str) -> Result<(), CallError>;
    /// `ssm:SendCommand`; [`MOST_IN_A_CALL`] instances at most.
    async fn send_command_batch(&self, document: Document, instances: &[InstanceId]) -> Result<(), CallError>;
    /// The forecast's parameter, overwritten (`ssm:PutParameter`).
    async fn put_forecast(&self, value: &str) -> Result<(), CallError>;
    /// `cloudwatch:PutMetricData`, in one call.
    async fn put_metrics(&self, metrics: &[Metric]) -> Result<(), CallError>;

    /// Protects each. One that has just left service keeps no other from its protection.
    async fn protect(&self, instances: &[InstanceId]) -> Result<(), CallError> {
        call_for_each(instances, MOST_IN_A_CALL, async |some| self.protect_batch(some).await).await
    }

    /// Sets one tag on each. One that EC2 does not know keeps no other from its tag.
    async fn tag(&self, instances: &[InstanceId], key: &str, value: &str) -> Result<(), CallError> {
        call_for_each(instances, MOST_TAGGED, async |some| self.tag_batch(some, key, value).await).await
    }

    /// Sends the document to each. One that SSM does not manage (yet, or any more) keeps no other from its command.
    async fn send_command(&self, document: Document, instances: &[InstanceId]) -> Result<(), CallError> {
        call_for_each(instances, MOST_IN_A_CALL, async |some| self.send_command_batch(document, some).await).await
    }
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
    /// `Tags`, those of others too.
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

/// The metrics of a [`History`], in its order: name, statistic, period in seconds.
pub const HISTORY_METRICS: [(&str, &str, i32); 5] = [
    ("RecordingStarts", "Average", 60),
    ("JibriFailuresTotal", "Maximum", 60),
    ("AvailableJibris", "Minimum", 60),
    ("BusyJibris", "Average", 60),
    ("LaunchSeconds", "p95", 86_400),
];

impl History {
    /// From one series for each of [`HISTORY_METRICS`], in their order.
    pub fn from_series([starts, failures_total, available, busy, launch_seconds]: [Series; 5]) -> History {
        History { starts, failures_total, available, busy, launch_seconds }
    }
}

/// One value for CloudWatch.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Metric {
    /// The metric's name; its namespace and the group's dimension are the adapter's.
    pub name: &'static str,
    /// The value.
    pub value: f64,
    /// The unit.
    pub unit: Unit,
    /// When it was so.
    pub at: Timestamp,
}

/// `Unit` of a metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// `Count`.
    Count,
    /// `Seconds`.
    Seconds,
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
