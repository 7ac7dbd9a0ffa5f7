//! What the autoscaler can do, and in what order.

use std::fmt;

use crate::{InstanceId, Proof, Recorded, Timestamp};

/// One step of a plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// What to do.
    pub action: Action,
    /// Why, in words for the operator.
    pub reason: String,
}

/// Everything that the autoscaler can do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Raise the group's desired capacity, and never lower it.
    RaiseDesired {
        /// What was read.
        from: u32,
        /// What it shall be.
        to: u32,
    },
    /// Note on the instance when Jicofo first listed it.
    TagRegistered {
        /// The instance.
        instance: InstanceId,
        /// The moment of this reading.
        at: Timestamp,
    },
    /// Note on the instance that its state has changed.
    TagState {
        /// The instance.
        instance: InstanceId,
        /// What it is now, and since when.
        recorded: Recorded,
    },
    /// Note on the instance how its last recording went.
    TagProof {
        /// The instance.
        instance: InstanceId,
        /// How its last recordings went.
        proof: Proof,
    },
    /// Note on the instance that another is replaced for its failures.
    TagDoubted {
        /// The instance.
        instance: InstanceId,
        /// When.
        at: Timestamp,
    },
    /// Protect the instance from scale-in again.
    Protect {
        /// The instance.
        instance: InstanceId,
    },
    /// Ask the instance itself what its Jibri does, by the check document.
    Check {
        /// The instance.
        instance: InstanceId,
    },
    /// Terminate the instance through the group, whose hook then waits for its drain.
    Terminate {
        /// The instance.
        instance: InstanceId,
        /// Whether the desired capacity sinks with it (scale-in), or the group launches another (repair).
        decrement: bool,
    },
    /// Note on the instance when its drain began.
    TagDraining {
        /// The instance.
        instance: InstanceId,
        /// When.
        since: Timestamp,
    },
    /// Give the hook another heartbeat timeout.
    Heartbeat {
        /// The instance.
        instance: InstanceId,
    },
    /// Send the drain document to the instance.
    SendDrain {
        /// The instance.
        instance: InstanceId,
    },
    /// Let the hook end.
    CompleteDrain {
        /// The instance.
        instance: InstanceId,
        /// With what result.
        result: DrainResult,
    },
}

/// `LifecycleActionResult` of the terminating hook.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DrainResult {
    /// `CONTINUE`: the instance is drained, or gone by itself.
    Continue,
    /// `ABANDON`: it could not be drained, and the group's instance lifecycle policy retains it.
    Abandon,
}

impl Action {
    /// The instance that the action is about; `None` when it is about the group.
    pub fn instance(&self) -> Option<&InstanceId> {
        match self {
            Action::RaiseDesired { .. } => None,
            Action::TagRegistered { instance, .. }
            | Action::TagState { instance, .. }
            | Action::TagProof { instance, .. }
            | Action::TagDoubted { instance, .. }
            | Action::Protect { instance }
            | Action::Check { instance }
            | Action::Terminate { instance, .. }
            | Action::TagDraining { instance, .. }
            | Action::Heartbeat { instance }
            | Action::SendDrain { instance }
            | Action::CompleteDrain { instance, .. } => Some(instance),
        }
    }
}

impl fmt::Display for Action {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Action::RaiseDesired { from, to } => write!(formatter, "raise desired capacity from {from} to {to}"),
            Action::TagRegistered { instance, .. } => write!(formatter, "note that {instance} has registered"),
            Action::TagState { instance, recorded } => write!(formatter, "note that {instance} is {}", recorded.state),
            Action::TagProof { instance, proof: Proof::Good { .. } } => {
                write!(formatter, "note that {instance} records well")
            }
            Action::TagProof { instance, proof: Proof::Short { .. } } => {
                write!(formatter, "note that the last recording of {instance} was short")
            }
            Action::TagProof { instance, proof: Proof::Failed { times, .. } } => {
                write!(formatter, "note that {instance} has failed {times} in a row")
            }
            Action::TagProof { instance, proof: Proof::Open { .. } } => {
                write!(formatter, "note that {instance} is asked how its last recording went")
            }
            Action::TagDoubted { instance, .. } => {
                write!(formatter, "note that {instance} has to show that it records")
            }
            Action::Protect { instance } => write!(formatter, "protect {instance} from scale-in"),
            Action::Check { instance } => write!(formatter, "ask {instance} what it does"),
            Action::Terminate { instance, decrement: true } => {
                write!(formatter, "terminate {instance}, one fewer wanted")
            }
            Action::Terminate { instance, decrement: false } => {
                write!(formatter, "terminate {instance}, to be replaced")
            }
            Action::TagDraining { instance, .. } => write!(formatter, "note that {instance} drains"),
            Action::Heartbeat { instance } => write!(formatter, "keep {instance} waiting"),
            Action::SendDrain { instance } => write!(formatter, "tell {instance} to drain"),
            Action::CompleteDrain { instance, result: DrainResult::Continue } => {
                write!(formatter, "let {instance} end")
            }
            Action::CompleteDrain { instance, result: DrainResult::Abandon } => write!(formatter, "retain {instance}"),
        }
    }
}

/// When a step is applied: stage after stage, in this order. What saves recordings comes first, then what serves requests,
/// and what ends something comes last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stage {
    /// Heartbeats: until one succeeds, AWS counts down to the end of a recording.
    Heartbeats,
    /// Ends of drains: their evidence is at hand, and waits for no command that may time out.
    DrainEnds,
    /// Desired capacity is raised.
    Raise,
    /// Protection from scale-in is put back.
    Protection,
    /// Tags. A termination rests on them: where one cannot be written, none follows.
    Tags,
    /// Drain commands are sent.
    DrainCommands,
    /// Checks are sent.
    Checks,
    /// Instances are terminated.
    Terminations,
}

impl Stage {
    /// All stages, in their order.
    pub const ALL: [Stage; 8] = [
        Stage::Heartbeats,
        Stage::DrainEnds,
        Stage::Raise,
        Stage::Protection,
        Stage::Tags,
        Stage::DrainCommands,
        Stage::Checks,
        Stage::Terminations,
    ];
}

impl Action {
    /// The stage in which it is applied.
    pub fn stage(&self) -> Stage {
        match self {
            Action::Heartbeat { .. } => Stage::Heartbeats,
            Action::CompleteDrain { .. } => Stage::DrainEnds,
            Action::RaiseDesired { .. } => Stage::Raise,
            Action::Protect { .. } => Stage::Protection,
            Action::TagRegistered { .. }
            | Action::TagState { .. }
            | Action::TagProof { .. }
            | Action::TagDoubted { .. }
            | Action::TagDraining { .. } => Stage::Tags,
            Action::SendDrain { .. } => Stage::DrainCommands,
            Action::Check { .. } => Stage::Checks,
            Action::Terminate { .. } => Stage::Terminations,
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} ({})", self.action, self.reason)
    }
}
