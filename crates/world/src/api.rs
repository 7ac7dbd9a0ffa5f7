//! The surface of the world: the values that its AWS, its Jicofo and its Jibris take and answer.
//!
//! Both faces of the world speak these: the ports of the ticks (virtual time) and the local cloud (HTTP).

use std::{borrow::Cow, fmt};

pub use super::machine::{Failing, Folder};

/// Milliseconds since the Unix epoch, UTC: the world's time.
pub type Milliseconds = i64;

/// An error as an AWS service answers it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AwsError {
    /// The code in the service's own spelling, such as `ValidationError` or `InvalidInstanceId`.
    pub code: &'static str,
    /// The message.
    pub message: String,
    /// The HTTP status that goes with it.
    pub http_status: u16,
}

impl fmt::Display for AwsError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.code, self.message)
    }
}

/// `AutoScalingGroup` of `DescribeAutoScalingGroups`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupView {
    /// `AutoScalingGroupName`.
    pub name: String,
    /// `MinSize`.
    pub min_size: u32,
    /// `MaxSize`.
    pub max_size: u32,
    /// `DesiredCapacity`.
    pub desired_capacity: u32,
    /// The version of the launch template that the group launches now.
    pub launch_template_version: u32,
    /// `NewInstancesProtectedFromScaleIn`.
    pub new_instances_protected: bool,
    /// Whether `InstanceLifecyclePolicy.RetentionTriggers.TerminateHookAbandon` is `retain`.
    pub retains_abandoned: bool,
    /// `AvailabilityZones`.
    pub zones: Vec<String>,
    /// `Instances`.
    pub instances: Vec<GroupInstanceView>,
}

/// One of `Instances` of the group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupInstanceView {
    /// `InstanceId`.
    pub id: String,
    /// `AvailabilityZone`.
    pub zone: String,
    /// `LifecycleState` in AWS's spelling, such as `Terminating:Wait`.
    pub lifecycle_state: &'static str,
    /// `HealthStatus`: `Healthy` or `Unhealthy`.
    pub health_status: &'static str,
    /// `ProtectedFromScaleIn`.
    pub protected: bool,
    /// `LaunchTemplate.Version`.
    pub launch_template_version: u32,
}

pub use controller::words::TERMINATING;

/// One of `DescribeLifecycleHooks`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HookView {
    /// `LifecycleHookName`.
    pub name: String,
    /// `LifecycleTransition`.
    pub transition: &'static str,
    /// `HeartbeatTimeout`, in seconds.
    pub heartbeat_timeout_seconds: u32,
    /// `GlobalTimeout`, in seconds: the longest wait, heartbeats or not.
    pub global_timeout_seconds: u32,
    /// `DefaultResult`: `CONTINUE` or `ABANDON`.
    pub default_result: &'static str,
}

/// One of `DescribeInstances`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ec2InstanceView {
    /// `InstanceId`.
    pub id: String,
    /// `Placement.AvailabilityZone`.
    pub zone: String,
    /// `State.Name`: `pending`, `running`, `shutting-down`, `terminated`.
    pub state: &'static str,
    /// `LaunchTime`.
    pub launched_at: Milliseconds,
    /// Every tag, `aws:autoscaling:groupName` among them, sorted by key.
    pub tags: Vec<(String, String)>,
}

/// One of `DescribeScalingActivities`, newest first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ActivityView {
    /// `ActivityId`.
    pub id: String,
    /// `Description`, such as `Launching a new EC2 instance: i-…`.
    pub description: String,
    /// `Cause`.
    pub cause: String,
    /// `StatusCode`: `Successful`, `InProgress`, `Failed`, `Cancelled`, `MidLifecycleAction`, …
    pub status_code: &'static str,
    /// `StatusMessage`; empty when there is none.
    pub status_message: String,
    /// `StartTime`.
    pub started_at: Milliseconds,
    /// `EndTime`.
    pub ended_at: Option<Milliseconds>,
}

/// One of `ListCommandInvocations`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommandView {
    /// `CommandId`.
    pub command_id: String,
    /// `InstanceId`.
    pub instance: String,
    /// `DocumentName`.
    pub document: String,
    /// `RequestedDateTime`.
    pub sent_at: Milliseconds,
    /// `Status`: `Pending`, `InProgress`, `Success`, `Failed`, `TimedOut`, …
    pub status: &'static str,
    /// `StatusDetails`: `Delivery Timed Out`, `Execution Timed Out`, `Undeliverable`, …
    pub status_details: &'static str,
    /// `CommandPlugins[0].ResponseCode`.
    pub response_code: i32,
    /// `CommandPlugins[0].Output`: standard output, then the error section if there is one; 2,500 characters at most.
    pub output: String,
}

/// One of `MetricData` of `PutMetricData`.
#[derive(Clone, Debug, PartialEq)]
pub struct MetricView {
    /// `Namespace`.
    pub namespace: Cow<'static, str>,
    /// `MetricName`.
    pub name: Cow<'static, str>,
    /// `Value`.
    pub value: f64,
    /// `Timestamp`.
    pub at: Milliseconds,
}

/// One Jibri as Jicofo's `/debug` shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BreweryEntry {
    /// Its nickname: the EC2 instance id.
    pub nickname: String,
    /// `health_status` is `HEALTHY`.
    pub healthy: bool,
    /// `busy_status` is `BUSY`.
    pub busy: bool,
    /// `last_failed`.
    pub last_failed_at: Option<Milliseconds>,
    /// `last_selected`.
    pub last_selected_at: Option<Milliseconds>,
}

/// Jicofo, as it answers now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct JicofoView {
    /// `/debug`'s `jibri_detector`, sorted by nickname.
    pub brewery: Vec<BreweryEntry>,
    /// `conferences`.
    pub conferences: u64,
    /// `participants`.
    pub participants: u64,
    /// `jibri.recording_active`.
    pub recording_active: u64,
    /// `jibri.total_recording_failures`, since Jicofo started.
    pub total_recording_failures: u64,
}

/// What Jicofo does when it is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum JicofoAnswer {
    /// It answers.
    Answers(JicofoView),
    /// The connection is refused.
    Refuses,
    /// It answers 500.
    Fails,
    /// It answers something that is no JSON.
    Garbage,
    /// It answers late, or never.
    Hangs,
    /// `/stats` has no `jibri_detector`.
    WithoutDetector(JicofoView),
}

/// A Jibri's `/jibri/api/v1.0/health`; the port refuses when there is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JibriHealthView {
    /// `busyStatus`: `IDLE`, `BUSY` or `EXPIRED`.
    pub busy_status: &'static str,
    /// `health.healthStatus`: `HEALTHY` or `UNHEALTHY`.
    pub health_status: &'static str,
}

/// What the processes on an instance tell about its Jibri.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct JibriActivity {
    /// An ffmpeg of this Jibri runs.
    pub recording: bool,
    /// A finalize script of this Jibri runs.
    pub finalizing: bool,
    /// How it fails, which no process tells.
    pub failing: Option<Failing>,
    /// The finalize script is not there, or not executable.
    pub finalize_missing: bool,
    /// When the finalize script last found a recording here that can be played.
    pub good_recording_at: Option<Milliseconds>,
}

/// A lifecycle event, as EventBridge delivers its `detail`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LifecycleEvent {
    /// When.
    pub at: Milliseconds,
    /// `LifecycleActionToken`.
    pub token: String,
    /// `AutoScalingGroupName`.
    pub group: String,
    /// `LifecycleHookName`.
    pub hook: String,
    /// `EC2InstanceId`.
    pub instance: String,
    /// `LifecycleTransition`, such as `autoscaling:EC2_INSTANCE_TERMINATING`.
    pub transition: &'static str,
    /// `Origin`: `AutoScalingGroup` or `WarmPool`.
    pub origin: &'static str,
}

/// A script that a host shall run on an instance (only when the world does not run scripts itself).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScriptRun {
    /// `CommandId`.
    pub command_id: String,
    /// `InstanceId`.
    pub instance: String,
    /// `DocumentName`.
    pub document: String,
}
