//! The Auto Scaling group, and its hook.

use crate::DrainResult;

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

/// What is known of the group's terminating hook.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DrainHook {
    /// The group has it.
    Present {
        /// What becomes of an instance whose heartbeats stop.
        default_result: DrainResult,
        /// How long after its last heartbeat.
        heartbeat_timeout_seconds: u64,
    },
    /// The group has none of this name: an instance that is terminated ends at once.
    Missing,
    /// The question was asked, and got no answer.
    Unknown,
    /// This tick has no use for the hook, and did not ask.
    NotAsked,
}
