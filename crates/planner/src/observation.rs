//! What a tick has seen, as one value. A reading that failed is unknown: not idle, not zero.

use std::{fmt, sync::Arc};

use crate::{DrainHook, Timestamp};

/// An EC2 instance id, which is also the Jibri's nickname in Jicofo's brewery.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct InstanceId(Arc<str>);

impl InstanceId {
    /// Wraps an id as EC2 spells it, such as `i-0123456789abcdef0`.
    pub fn new(id: impl Into<Arc<str>>) -> Self {
        InstanceId(id.into())
    }

    /// The id as EC2 spells it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for InstanceId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// Everything that one tick has read.
#[derive(Clone, Debug, PartialEq)]
pub struct Observation {
    /// When the tick began.
    pub now: Timestamp,
    /// The sizes of the Auto Scaling group.
    pub group: Group,
    /// The group's terminating hook.
    pub hook: DrainHook,
    /// The group's instances, each once, terminating ones included.
    pub instances: Vec<Instance>,
    /// Whether what Jicofo says can be acted on.
    pub signal: Signal,
    /// Jibris that Jicofo lists and the group does not hold, by nickname.
    pub strangers: Vec<String>,
    /// How many available Jibris are wanted.
    pub target: Target,
}

/// The Auto Scaling group's own settings; sizes in instances.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Group {
    /// `MinSize`.
    pub min_size: u32,
    /// `MaxSize`.
    pub max_size: u32,
    /// `DesiredCapacity`.
    pub desired_capacity: u32,
    /// Whether the group keeps an instance whose drain is abandoned: its instance lifecycle policy has the retention
    /// trigger `TerminateHookAbandon: retain`. Without it AWS ends the instance.
    pub retains_abandoned: bool,
}

/// Whether every Jicofo answered, and what they said is believable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Signal {
    /// Every Jicofo answered with a full list.
    Fresh,
    /// Something is missing; the text says what. Scale-in is frozen, scale-out is bounded.
    Lost {
        /// What went wrong, in words for the operator.
        why: String,
        /// For how many seconds this invocation has seen nothing else.
        for_seconds: u64,
    },
}

/// How many available Jibris are wanted, and who says so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// Scale out while fewer than this are available or on their way.
    pub spare: u32,
    /// Scale in only what is available beyond this; never under `spare`.
    pub hold: u32,
    /// What is to be held a minute from now: who may go then is asked now, so that nobody waits for an answer.
    pub hold_soon: u32,
    /// Where the two numbers come from, for the log.
    pub source: String,
}

/// One instance of the group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Instance {
    /// Its EC2 instance id.
    pub id: InstanceId,
    /// Its Availability Zone, such as `eu-central-1a`.
    pub zone: String,
    /// Its lifecycle state in the group.
    pub lifecycle: LifecycleState,
    /// Whether it is protected from scale-in.
    pub protected: bool,
    /// Whether it runs an older launch template than the group's.
    pub outdated: bool,
    /// What EC2 says of the machine; `None` when EC2 did not list it (it lags behind the group).
    pub ec2: Option<Ec2State>,
    /// When EC2 launched it; `None` when EC2 did not list it.
    pub launched_at: Option<Timestamp>,
    /// When Jicofo first listed it, from its tag.
    pub registered_at: Option<Timestamp>,
    /// What it was last seen to do and since when, from its tag.
    pub recorded: Option<Recorded>,
    /// When its drain began, from its tag.
    pub draining_since: Option<Timestamp>,
    /// What Jicofo says of it now.
    pub jibri: JibriStatus,
    /// When Jicofo last gave it a recording; `None` for never.
    pub last_selected_at: Option<Timestamp>,
    /// The newest check command sent to it.
    pub check: Option<Command>,
    /// The newest drain command sent to it.
    pub drain: Option<Command>,
}

impl Observation {
    /// Whether every Jicofo has answered and none lists anybody, for good reason: all that had registered and are to
    /// stay say themselves that their Jibri has exited, and said it within so many seconds.
    pub fn all_have_exited(&self, within_seconds: u64) -> bool {
        let exited = |instance: &Instance| {
            let says = instance.check.as_ref().filter(|check| self.now.seconds_since(check.sent_at) <= within_seconds);
            let report = says.map(|check| &check.outcome);
            matches!(report, Some(CommandOutcome::Reported(InstanceReport { process: JibriProcess::Gone, .. })))
        };
        let had_registered = |instance: &&Instance| instance.is_active() && instance.has_registered();
        let mut registered = self.instances.iter().filter(had_registered).peekable();
        registered.peek().is_some()
            && registered.all(|instance| instance.jibri == JibriStatus::Missing && exited(instance))
    }
}

impl Instance {
    /// Whether it counts towards the desired capacity: launching or in service, not on its way out.
    pub fn is_active(&self) -> bool {
        matches!(self.lifecycle, LifecycleState::Pending | LifecycleState::InService)
    }

    /// Whether Jicofo has ever listed it; either tag proves it, for each is written by a function of its own.
    pub fn has_registered(&self) -> bool {
        let listed = |recorded: &Recorded| recorded.state != RecordedState::Overdue;
        self.registered_at.is_some() || self.recorded.as_ref().is_some_and(listed)
    }

    /// Whether a recording that begins now could run on it, and it will stay.
    pub fn is_available(&self) -> bool {
        self.is_active() && self.jibri == JibriStatus::Idle
    }
}

/// `LifecycleState` of the group, as far as decisions differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LifecycleState {
    /// `Pending`, `Pending:Wait`, `Pending:Proceed`.
    Pending,
    /// `InService`.
    InService,
    /// `Terminating`: on its way to the hook.
    Terminating,
    /// `Terminating:Wait`: the hook holds it, and waits for us.
    TerminatingWait,
    /// `Terminating:Proceed`: the hook has let it go.
    TerminatingProceed,
    /// `Terminating:Retained`: its drain was abandoned, and it is kept for a person.
    TerminatingRetained,
    /// `Terminated`, `Detached`, `Standby`, a warm pool's states: not ours to count.
    Other,
}

/// `State` of the EC2 instance, as far as decisions differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ec2State {
    /// `pending`, `running`, `stopping`, `stopped`: its disk is still there.
    Exists,
    /// `shutting-down`: EC2 ends it, and nothing can be saved any more.
    ShuttingDown,
    /// `terminated`.
    Terminated,
}

/// What Jicofo says of one Jibri.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum JibriStatus {
    /// Healthy and idle: available.
    Idle,
    /// Busy, healthy or not. An expired Jibri looks like this too.
    Busy,
    /// Unhealthy and not busy. It never becomes healthy again.
    Unhealthy,
    /// Every Jicofo answered, and none lists it.
    Missing,
    /// Nobody could say.
    Unknown,
}

/// What an instance was last seen to do, as kept in its tag.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Recorded {
    /// The state.
    pub state: RecordedState,
    /// Since when.
    pub since: Timestamp,
}

/// The states that the tag can hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum RecordedState {
    /// [`JibriStatus::Idle`].
    Idle,
    /// [`JibriStatus::Busy`].
    Busy,
    /// [`JibriStatus::Unhealthy`].
    Unhealthy,
    /// [`JibriStatus::Missing`], after it had registered.
    Missing,
    /// [`JibriStatus::Missing`] after its grace, and it never registered.
    Overdue,
}

impl fmt::Display for RecordedState {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            RecordedState::Idle => "idle",
            RecordedState::Busy => "busy",
            RecordedState::Unhealthy => "unhealthy",
            RecordedState::Missing => "missing",
            RecordedState::Overdue => "overdue",
        })
    }
}

/// A command sent to an instance by SSM Run Command, and what has become of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Command {
    /// When it was sent.
    pub sent_at: Timestamp,
    /// What has become of it.
    pub outcome: CommandOutcome,
}

/// What has become of a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CommandOutcome {
    /// Not delivered yet, or running.
    InFlight,
    /// It ran, and its output was understood.
    Reported(InstanceReport),
    /// It failed, timed out, or said something that cannot be understood: nothing is known.
    Failed(String),
}

/// What the script of a command reports of its instance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InstanceReport {
    /// The Jibri process.
    pub process: JibriProcess,
    /// Folders of recordings on the disk that are neither being recorded nor uploaded yet.
    pub recordings_pending: u32,
    /// Of these, folders whose upload was tried and failed.
    pub recordings_failed: u32,
}

/// The Jibri process, as its own health endpoint shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JibriProcess {
    /// The health port refuses connections: there is no process.
    Gone,
    /// `IDLE`.
    Idle(HealthStatus),
    /// `BUSY`: records, streams or finalizes.
    Busy(HealthStatus),
    /// `EXPIRED`: takes no more recordings.
    Expired(HealthStatus),
    /// The port is open, and says nothing that can be understood.
    Unresponsive,
}

/// `healthStatus` of a Jibri.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HealthStatus {
    /// `HEALTHY`.
    Healthy,
    /// `UNHEALTHY`.
    Unhealthy,
}
