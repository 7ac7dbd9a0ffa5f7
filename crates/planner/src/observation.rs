//! What a tick has seen, as one value. What could not be read is unknown, not idle and not zero; what was not asked says
//! so.

use crate::{DrainHook, Group, Instance, JibriStatus, Timestamp};

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
    /// Whether this invocation has had no signal until a moment ago: then Jibris may be joining again one by one.
    pub after_silence: bool,
    /// Whether a tag could not be written a moment ago: then what no tag says may have been so for long.
    pub untagged: bool,
    /// How many more of the Jibris that Jicofo lists are busy than it counts recordings and streams: these finalize, are stuck,
    /// or are EXPIRED.
    pub unaccounted_busy: u32,
    /// Jibris that Jicofo lists and the group does not hold, by nickname.
    pub strangers: Vec<String>,
    /// The Jicofos that list no Jibri, while another lists some of the group.
    pub empty_jicofos: Vec<String>,
    /// How many available Jibris one Jicofo wants; `None` where the tick has no use for it, and did not ask.
    pub target: Option<Target>,
}

/// Whether every Jicofo answered, and what they said is believable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Signal {
    /// Every Jicofo answered with a full list.
    Fresh,
    /// Of several Jicofos one is silent, and the others list Jibris. What those list is known and may end; any other is
    /// unknown, and stays. Scale-out is bounded.
    Partial {
        /// What went wrong, in words for the operator.
        why: String,
        /// For how many seconds this invocation has not heard all of them.
        for_seconds: u64,
    },
    /// Something is missing; the text says what. Scale-in is frozen, scale-out is bounded.
    Lost {
        /// What went wrong, in words for the operator.
        why: String,
        /// For how many seconds this invocation has seen nothing else.
        for_seconds: u64,
    },
    /// This tick has no use for Jicofo, and did not ask.
    NotAsked,
}

impl Signal {
    /// What is missing, and for how many seconds this invocation has missed it; `None` where nothing is.
    pub fn trouble(&self) -> Option<(&str, u64)> {
        match self {
            Signal::Partial { why, for_seconds } | Signal::Lost { why, for_seconds } => Some((why, *for_seconds)),
            Signal::Fresh | Signal::NotAsked => None,
        }
    }

    /// Whether an instance may end of which Jicofo says this. With a Jicofo that is silent, only one that another lists.
    pub fn lets_end(&self, jibri: JibriStatus) -> bool {
        match self {
            Signal::Fresh => true,
            Signal::Partial { .. } => jibri.is_listed(),
            Signal::Lost { .. } | Signal::NotAsked => false,
        }
    }
}

/// How many available Jibris are wanted, and where that comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// Scale out while fewer than this are available or on their way.
    pub spare: u32,
    /// Scale in only what is available beyond this; never under `spare`.
    pub hold: u32,
    /// What is to be held a minute from now: an instance that may go then is asked now, so that its end waits for no answer.
    pub hold_soon: u32,
    /// Where the numbers come from, for the log.
    pub source: String,
}
