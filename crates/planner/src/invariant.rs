//! The invariants by name, and what breaks one.

use std::fmt;

/// What must hold of every plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Invariant {
    /// Each step is about an instance that was observed, and none is ended twice.
    Known,
    /// Positive evidence, before anything ends.
    Evidence,
    /// A drain between the reading and the end.
    Held,
    /// The sizes of the group.
    Sizes,
    /// Nothing ends without a signal.
    UnknownIsNoVictim,
    /// The cap on terminations.
    Cap,
    /// What is to be held stays.
    Hold,
    /// No circles of replacements.
    Trial,
    /// Every drain goes on, or ends.
    DrainsEnd,
    /// What is paused.
    Paused,
}

impl fmt::Display for Invariant {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Invariant::Known => "every step is about an instance that was observed, and at most one step ends it",
            Invariant::Evidence => "an instance ends only on positive evidence",
            Invariant::Held => "between the reading and the end of an instance stands its drain, which a hook holds",
            Invariant::Sizes => "min ≤ desired ≤ max, and desired never falls under what is running and wanted",
            Invariant::UnknownIsNoVictim => "unknown is never a victim",
            Invariant::Cap => "terminations per tick are capped",
            Invariant::Hold => "scale-in never takes what is to be held",
            Invariant::Trial => {
                "a Jibri that fails its recordings is replaced as a trial, alone, and the others are marked"
            }
            Invariant::DrainsEnd => "every drain is kept waiting or ended",
            Invariant::Paused => "what is paused does not happen",
        })
    }
}

/// An invariant that a plan would break.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// The invariant.
    pub invariant: Invariant,
    /// The step that would break it, and why.
    pub detail: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.invariant, self.detail)
    }
}
