//! The group's terminating hook, which stands between a termination and the end of the instance.

use std::fmt;

use crate::{DrainHook, DrainResult, Group, Policy};

/// Heartbeats come once in so many seconds.
const HEARTBEAT_SECONDS: u64 = 60;
/// After so many time-outs AWS ends the wait, heartbeats or not.
const MOST_TIMEOUTS: u64 = 100;

/// Why an instance that is terminated now could end before its drain has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unheld {
    /// The hook abandons an instance whose heartbeats stop, and the group ends what is abandoned.
    GroupEndsAbandoned,
    /// The hook lets an instance end when its heartbeats stop.
    HookContinues,
    /// The group has no hook of the name that is set.
    HookMissing,
    /// The hook was not read.
    HookUnknown,
}

impl fmt::Display for Unheld {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let why = match self {
            Unheld::GroupEndsAbandoned => {
                "the group's instance lifecycle policy has no TerminateHookAbandon: retain, so that an instance ends \
                 when its heartbeats stop"
            }
            Unheld::HookContinues => {
                "the group's terminating hook has the default result CONTINUE, so that an instance ends when its \
                 heartbeats stop: set it to ABANDON"
            }
            Unheld::HookMissing => {
                "the group has no terminating hook of the name in LIFECYCLE_HOOK, so that an instance would end at \
                 once: put it back"
            }
            Unheld::HookUnknown => "it is not known whether the group's terminating hook is there",
        };
        write!(formatter, "nothing is terminated, for no drain would be held: {why}")
    }
}

/// Why an instance that is terminated now could end before its drain has; `None` when it is known that it cannot.
pub fn why_unheld(hook: DrainHook, group: &Group) -> Option<Unheld> {
    match hook {
        DrainHook::Present { default_result: DrainResult::Abandon, .. } if group.retains_abandoned => None,
        DrainHook::Present { default_result: DrainResult::Abandon, .. } => Some(Unheld::GroupEndsAbandoned),
        DrainHook::Present { default_result: DrainResult::Continue, .. } => Some(Unheld::HookContinues),
        DrainHook::Missing => Some(Unheld::HookMissing),
        DrainHook::Unknown | DrainHook::NotAsked => Some(Unheld::HookUnknown),
    }
}

/// A hook that ends drains too early. It cuts none, but the instances are retained for a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Impatience {
    /// The hook's heartbeat time-out, in seconds.
    pub timeout_seconds: u64,
    /// What it must be at least, in seconds.
    pub needed_seconds: u64,
}

impl fmt::Display for Impatience {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Impatience { timeout_seconds, needed_seconds } = self;
        write!(
            formatter,
            "the terminating hook's heartbeat time-out is {timeout_seconds} s, and AWS ends a drain after \
             {MOST_TIMEOUTS} of them: with DRAIN_LIMIT_MINUTES as it is set, it must be {needed_seconds} s or more"
        )
    }
}

/// Whether the hook would end a drain before its limit.
pub(crate) fn impatience(policy: &Policy, hook: DrainHook) -> Option<Impatience> {
    let DrainHook::Present { heartbeat_timeout_seconds: timeout_seconds, .. } = hook else {
        return None;
    };
    let needed_seconds = (2 * HEARTBEAT_SECONDS).max(policy.drain_limit_seconds.div_ceil(MOST_TIMEOUTS));
    (timeout_seconds < needed_seconds).then_some(Impatience { timeout_seconds, needed_seconds })
}
