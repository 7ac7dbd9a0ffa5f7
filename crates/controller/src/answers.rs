//! What the ports hand over: what was read of AWS and of the Jicofos, and what is to be published.

use planner::{DrainResult, Ec2State, Group, InstanceId, LifecycleState, Timestamp};

use crate::metrics::{Metric, Statistic};

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

/// One scaling activity of the group, as `DescribeScalingActivities` tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScalingActivity {
    /// What it does, by its `Description`.
    pub subject: ActivitySubject,
    /// `StartTime`.
    pub started_at: Timestamp,
    /// `StatusMessage`, fit for a log line; for what failed, why.
    pub reason: String,
}

/// What a scaling activity does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ActivitySubject {
    /// It launches an instance.
    Launch,
    /// It takes this instance out of the group, its hook's wait included.
    Termination(InstanceId),
    /// Anything else.
    Other,
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
    /// `last_failed`: when it last refused to start a recording; `None` for never, and after it has said that it is available.
    pub last_failed_at: Option<Timestamp>,
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
    /// `FailedStarts`, `Average` of each minute: of one sample.
    pub failed_starts: Series,
    /// `StrangerJibris`, `Average` of each minute.
    pub strangers: Series,
    /// `RecordingsInDoubt`, `Maximum` of each minute.
    pub in_doubt: Series,
    /// `LaunchSeconds`, `p95` of each day.
    pub launch_seconds: Series,
}

/// The metrics of a [`History`], in its order: which, its statistic, its period in seconds.
pub const HISTORY_METRICS: [(Metric, Statistic, i32); 8] = [
    (Metric::RecordingStarts, Statistic::Average, 60),
    (Metric::JibriFailuresTotal, Statistic::Maximum, 60),
    (Metric::AvailableJibris, Statistic::Minimum, 60),
    (Metric::BusyJibris, Statistic::Average, 60),
    (Metric::FailedStarts, Statistic::Average, 60),
    (Metric::StrangerJibris, Statistic::Average, 60),
    (Metric::RecordingsInDoubt, Statistic::Maximum, 60),
    (Metric::LaunchSeconds, Statistic::P95, 86_400),
];

impl History {
    /// From one series for each of [`HISTORY_METRICS`], in their order.
    pub fn from_series(
        [starts, failures_total, available, busy, failed_starts, strangers, in_doubt, launch_seconds]: [Series; 8],
    ) -> History {
        History { starts, failures_total, available, busy, failed_starts, strangers, in_doubt, launch_seconds }
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
