//! One instance, as its sources told of it.

use std::{fmt, sync::Arc};

use crate::{Command, Jicofos, Proof, Reading, Timestamp};

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
    /// What EC2 says of the machine. It lags behind the group: one that it does not list is new, or long gone.
    pub ec2: Reading<Ec2Record>,
    /// What Jicofo says of it now.
    pub jibri: JibriStatus,
    /// Which of the Jicofos list it.
    pub listed_by: Jicofos,
    /// When Jicofo last gave it a recording; `None` for never.
    pub last_selected_at: Option<Timestamp>,
    /// When it last refused to start one, as far as Jicofo remembers; `None` for never.
    pub last_failed_at: Option<Timestamp>,
    /// The newest check command; unlisted when none was sent lately.
    pub check: Reading<Command>,
    /// The newest drain command; unlisted when none was sent lately.
    pub drain: Reading<Command>,
    /// When the group began to take it out, by the group's activities: asked only where no tag tells.
    pub terminating_since: Reading<Timestamp>,
}

/// What EC2 says of one machine, its tags included: they come in one answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ec2Record {
    /// Its state.
    pub state: Ec2State,
    /// When EC2 launched it.
    pub launched_at: Timestamp,
    /// When Jicofo first listed it, from its tag.
    pub registered_at: Option<Timestamp>,
    /// What it was last seen to do and since when, from its tag.
    pub recorded: Option<Recorded>,
    /// When its drain began, from its tag.
    pub draining_since: Option<Timestamp>,
    /// How its last recordings went, from its tag.
    pub proof: Option<Proof>,
    /// When another instance was replaced for its failures, and this one was not known to do better, from its tag.
    pub doubted_at: Option<Timestamp>,
}

impl Instance {
    /// Whether it counts towards the desired capacity: launching or in service, not on its way out.
    pub fn is_active(&self) -> bool {
        matches!(self.lifecycle, LifecycleState::Pending | LifecycleState::InService)
    }

    /// Whether its tags prove that Jicofo has ever listed it; either does, for each is written by a function of its own.
    pub fn has_registered(&self) -> bool {
        let listed = |recorded: Recorded| recorded.state != RecordedState::Overdue;
        self.ec2.read().is_some_and(|record| record.registered_at.is_some() || record.recorded.is_some_and(listed))
    }

    /// Whether a recording that begins now could run on it, and it will stay.
    pub fn is_available(&self) -> bool {
        self.is_active() && self.jibri == JibriStatus::Idle && !self.is_failing()
    }

    /// When EC2 launched it, if that was read.
    pub fn launched_at(&self) -> Option<Timestamp> {
        self.ec2.read().map(|record| record.launched_at)
    }

    /// What it was last seen to do and since when, if its tag was read and says so.
    pub fn recorded(&self) -> Option<Recorded> {
        self.ec2.read()?.recorded
    }

    /// Whether the terminating hook holds it, and waits for us.
    pub fn is_held(&self) -> bool {
        matches!(self.lifecycle, LifecycleState::TerminatingWait | LifecycleState::LeavingWarmPool)
    }

    /// When its drain began: by its tag, or else by the group's activities. A tag that cannot be written must not hide the age
    /// of a drain.
    pub fn draining_since(&self) -> Option<Timestamp> {
        let tagged = self.ec2.read().and_then(|record| record.draining_since);
        tagged.or(self.terminating_since.read().copied())
    }

    /// Whether it is known when its drain began, or that nothing has noted it yet.
    pub fn drain_age_is_known(&self) -> bool {
        let told = matches!(self.ec2, Reading::Read(_) | Reading::Unlisted);
        self.draining_since().is_some() || (told && self.terminating_since == Reading::Unlisted)
    }

    /// Whether EC2 says that it has terminated the machine.
    pub fn is_terminated(&self) -> bool {
        self.ec2.read().is_some_and(|record| record.state == Ec2State::Terminated)
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
    /// It leaves the warm pool, and the hook holds it. The group lists none of these: the hook's event names it.
    LeavingWarmPool,
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
    /// No Jicofo lists it, and one gave no answer, or an empty list while it had registered.
    Unknown,
    /// This tick has no use for Jicofo, and did not ask.
    NotAsked,
}

impl JibriStatus {
    /// Whether a Jicofo lists the Jibri.
    pub fn is_listed(self) -> bool {
        match self {
            JibriStatus::Idle | JibriStatus::Busy | JibriStatus::Unhealthy => true,
            JibriStatus::Missing | JibriStatus::Unknown | JibriStatus::NotAsked => false,
        }
    }
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
    /// The same, and others went missing at the same time: as after a restart of Prosody, they may join again one by one.
    Vanished,
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
            RecordedState::Vanished => "vanished",
            RecordedState::Overdue => "overdue",
        })
    }
}
