//! What a plan waits for, each as a value.

use std::fmt;

use crate::{
    InstanceId,
    spoken::{Names, Number, Spoken},
};

/// Something that is under way, or must come first. Its text follows on the words "waits for".
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wait {
    /// Launched instances have their boot grace left to register with Jicofo.
    Registrations {
        /// How many.
        instances: u32,
        /// The boot grace, in seconds.
        within_seconds: u64,
    },
    /// Jibris have vanished from Jicofo's list together, and are expected to join again.
    Returns {
        /// How many.
        instances: u32,
    },
    /// The group wants more than it has launched.
    Launches {
        /// How many more.
        instances: u32,
    },
    /// Nothing is terminated before Jicofo can be believed.
    Signal {
        /// Why it cannot be believed now.
        why: String,
    },
    /// Jicofo lists instances that the group does not hold: gone a moment ago, or another group's.
    Forgetting {
        /// Their nicknames, which are instance ids.
        nicknames: Vec<String>,
    },
    /// An instance is to be replaced, and this tick may terminate no more.
    NextTick {
        /// The instance.
        instance: InstanceId,
        /// Why it is to be replaced.
        reason: String,
    },
    /// An instance was asked what its Jibri does, and has not answered yet.
    Check {
        /// The instance.
        instance: InstanceId,
    },
    /// An instance was asked what its Jibri does, and the check failed.
    CheckThatSucceeds {
        /// The instance.
        instance: InstanceId,
        /// Why the last one failed.
        why: String,
    },
    /// A Jibri fails its recordings, and it is not known yet whether another would fare better.
    Trial {
        /// The instance.
        instance: InstanceId,
    },
    /// A Jibri fails its recordings, and is replaced when another is available.
    AnotherJibri {
        /// The instance.
        instance: InstanceId,
    },
    /// The group's minimum keeps what scale-in would end.
    Minimum {
        /// `MinSize`.
        min_size: u32,
        /// How many more are available than wanted.
        surplus: u32,
    },
    /// A drain command is on its way to the instance, or runs on it.
    DrainCommand {
        /// The instance.
        instance: InstanceId,
    },
    /// What was sent to the instance could not be read, so that nothing is sent twice.
    DrainCommandList {
        /// The instance.
        instance: InstanceId,
    },
}

impl fmt::Display for Wait {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Wait::Registrations { instances, within_seconds } => write!(
                formatter,
                "{} to register with Jicofo within {} of the launch",
                Number(*instances, "instance"),
                Spoken(*within_seconds)
            ),
            Wait::Returns { instances } => {
                write!(formatter, "{} to join again: they vanished together", Number(*instances, "Jibri"))
            }
            Wait::Launches { instances } => {
                write!(formatter, "the group to launch {}", Number(*instances, "instance"))
            }
            Wait::Signal { why } => {
                write!(formatter, "a signal from Jicofo, before anything is terminated: {why}")
            }
            Wait::Forgetting { nicknames } => {
                write!(formatter, "Jicofo to forget {}, not of this group", Names(nicknames))
            }
            Wait::NextTick { instance, reason } => {
                write!(formatter, "the next tick, to end {instance}: {reason}")
            }
            Wait::Check { instance } => write!(formatter, "the check of {instance}"),
            Wait::CheckThatSucceeds { instance, why } => {
                write!(formatter, "a check of {instance} that succeeds; the last one failed: {why}")
            }
            Wait::Trial { instance } => {
                write!(formatter, "a recording that goes well on another instance, before {instance} is replaced")
            }
            Wait::AnotherJibri { instance } => {
                write!(formatter, "another available Jibri, before {instance} is replaced for its failures")
            }
            Wait::Minimum { min_size, surplus } => write!(
                formatter,
                "a lower minimum of the group, which is {min_size}: {} more than wanted can go",
                Number(*surplus, "Jibri")
            ),
            Wait::DrainCommand { instance } => write!(formatter, "the drain command on {instance}"),
            Wait::DrainCommandList { instance } => {
                write!(formatter, "the list of drain commands, which tells what was sent to {instance}")
            }
        }
    }
}
