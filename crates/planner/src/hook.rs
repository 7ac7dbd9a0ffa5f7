//! The group's terminating hook, which stands between a termination and the end of the instance.

use crate::{DrainResult, Group, Policy};

/// Heartbeats come once in so many seconds.
const HEARTBEAT_SECONDS: u64 = 60;
/// After so many time-outs AWS ends the wait, heartbeats or not.
const MOST_TIMEOUTS: u64 = 100;

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
    /// The group has none of this name: whatever is terminated ends at once.
    Missing,
    /// Nobody could say.
    Unknown,
}

/// Why an instance that is terminated now could end before its drain has; `None` when it is known that it cannot.
pub fn why_unheld(hook: DrainHook, group: &Group) -> Option<String> {
    let why = match hook {
        DrainHook::Present { default_result: DrainResult::Abandon, .. } if group.retains_abandoned => return None,
        DrainHook::Present { default_result: DrainResult::Abandon, .. } => {
            "the group's instance lifecycle policy has no TerminateHookAbandon: retain, so that an instance ends when its \
             heartbeats stop"
        }
        DrainHook::Present { default_result: DrainResult::Continue, .. } => {
            "the group's terminating hook has the default result CONTINUE, so that an instance ends when its heartbeats \
             stop: set it to ABANDON"
        }
        DrainHook::Missing => {
            "the group has no terminating hook of the name in LIFECYCLE_HOOK, so that an instance would end at once: put \
             it back"
        }
        DrainHook::Unknown => "it is not known whether the group's terminating hook is there",
    };
    Some(format!("nothing is terminated, for no drain would be held: {why}"))
}

/// What is wrong with a hook that ends drains too early. It cuts none, but they are retained for a person.
pub(crate) fn impatience(policy: &Policy, hook: DrainHook) -> Option<String> {
    let DrainHook::Present { heartbeat_timeout_seconds: timeout, .. } = hook else {
        return None;
    };
    let needed = (2 * HEARTBEAT_SECONDS).max(policy.drain_limit_seconds.div_ceil(MOST_TIMEOUTS));
    (timeout < needed).then(|| {
        format!(
            "the terminating hook's heartbeat time-out is {timeout} s, and AWS ends a drain after {MOST_TIMEOUTS} of \
             them: with DRAIN_LIMIT_MINUTES as it is set, it must be {needed} s or more"
        )
    })
}
