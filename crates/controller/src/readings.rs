//! What a tick reads before it makes its observation: each answer as it came.

use std::collections::BTreeMap;

use planner::{InstanceId, Policy, Target, Timestamp};

use crate::ports::{CallError, GroupDescription, HookDescription, InstanceDescription, JicofoReading, SentCommand};

/// What came back to one question; `None` where the tick did not ask it.
pub(crate) type Answer<T> = Option<Result<T, CallError>>;

/// Everything that one tick has read, each as it came.
pub(crate) struct Readings {
    /// When the tick began.
    pub(crate) now: Timestamp,
    /// The group: without it there is no observation.
    pub(crate) group: GroupDescription,
    /// The instance of an event that leaves the warm pool, where the group does not list it.
    pub(crate) leaving_warm_pool: Option<InstanceId>,
    /// The group's hook.
    pub(crate) hook: Answer<Option<HookDescription>>,
    /// The instances as EC2 knows them.
    pub(crate) descriptions: Answer<Vec<InstanceDescription>>,
    /// One answer of each Jicofo.
    pub(crate) jicofos: Option<Vec<Result<JicofoReading, CallError>>>,
    /// The checks that were sent lately.
    pub(crate) checks: Answer<Vec<SentCommand>>,
    /// The drain commands that were sent lately.
    pub(crate) drains: Answer<Vec<SentCommand>>,
    /// Since when the group takes out those whose tag does not tell.
    pub(crate) terminations: Answer<BTreeMap<InstanceId, Timestamp>>,
    /// How many Jibris are wanted.
    pub(crate) target: Option<Target>,
    /// The URL of each Jicofo, in the order of the answers.
    pub(crate) jicofo_urls: Vec<String>,
    /// The operator's own Jibris: nicknames, with a star at the end for any more.
    pub(crate) own_jibris: Vec<String>,
    /// Whether this invocation has had no signal until a moment ago.
    pub(crate) after_silence: bool,
    /// Whether a tag could not be written earlier in this invocation.
    pub(crate) untagged: bool,
    /// For how long the signal had been lost already, in seconds.
    pub(crate) silent_seconds: u64,
    /// For how long the word of an instance counts, in seconds.
    pub(crate) check_validity_seconds: u64,
}

impl Readings {
    /// A tick that has read the group, and nothing else yet.
    pub(crate) fn new(now: Timestamp, group: GroupDescription, policy: &Policy) -> Readings {
        Readings {
            now,
            group,
            leaving_warm_pool: None,
            hook: None,
            descriptions: None,
            jicofos: None,
            checks: None,
            drains: None,
            terminations: None,
            target: None,
            jicofo_urls: Vec::new(),
            own_jibris: Vec::new(),
            after_silence: false,
            untagged: false,
            silent_seconds: 0,
            check_validity_seconds: policy.check_validity_seconds,
        }
    }
}
