//! What lies between the functions and AWS: calls that fail, are lost on the way there or back, or are refused, and
//! clocks that differ.

use std::{cell::RefCell, rc::Rc};

use controller::ports::CallError;

use world::{Milliseconds, rng::Rng};

/// How long a call takes that is given up, in milliseconds: the time-out of `src/adapters/aws.rs`.
const TIMEOUT_MS: Milliseconds = 10_000;

/// The shares of calls that do not come to a good end.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct CallFaults {
    /// The service answers 500, and has done nothing.
    pub failed: f64,
    /// The call is given up, and never had an effect.
    pub timed_out_before: f64,
    /// The call is given up, and had its effect.
    pub timed_out_after: f64,
    /// The most that a function's clock is ahead or behind, in seconds.
    pub clock_skew_seconds: i64,
}

/// What a function may not call for a while.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// How the operations begin, such as `ssm:` or `ec2:CreateTags`; an empty one refuses all.
    pub operations: &'static str,
    /// Until when.
    pub until: Milliseconds,
}

/// The way from the functions to AWS.
#[derive(Clone, Debug, Default)]
pub struct Network {
    /// How often what goes wrong.
    pub faults: CallFaults,
    /// Until when nothing gets through.
    pub cut_until: Milliseconds,
    /// What is refused.
    pub refusals: Vec<Refusal>,
    /// How many calls were made, and how many of them went wrong by chance.
    pub counts: CallCounts,
}

/// How many calls there were.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CallCounts {
    /// All.
    pub made: u64,
    /// Answered 500.
    pub failed: u64,
    /// Given up before they had an effect.
    pub timed_out_before: u64,
    /// Given up after they had their effect.
    pub timed_out_after: u64,
    /// Refused for want of a permission.
    pub refused: u64,
}

/// A network that all invocations share.
pub(crate) type SharedNetwork = Rc<RefCell<Network>>;

/// What becomes of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It arrives, and so does its answer.
    Arrives,
    /// It arrives, and its answer is lost.
    AnswerLost,
    /// It is lost.
    Lost,
    /// The service fails.
    Fails,
    /// The service refuses it.
    Refused,
}

impl Network {
    pub(crate) fn decide(&mut self, operation: &str, now: Milliseconds, rng: &mut Rng) -> Fate {
        self.counts.made += 1;
        let refuses = |refusal: &Refusal| now < refusal.until && operation.starts_with(refusal.operations);
        if now < self.cut_until {
            return Fate::Lost;
        }
        let fate = if rng.chance(self.faults.timed_out_before) {
            Fate::Lost
        } else if self.refusals.iter().any(refuses) {
            Fate::Refused
        } else if rng.chance(self.faults.failed) {
            Fate::Fails
        } else if rng.chance(self.faults.timed_out_after) {
            Fate::AnswerLost
        } else {
            Fate::Arrives
        };
        match fate {
            Fate::Arrives => {}
            Fate::AnswerLost => self.counts.timed_out_after += 1,
            Fate::Lost => self.counts.timed_out_before += 1,
            Fate::Fails => self.counts.failed += 1,
            Fate::Refused => self.counts.refused += 1,
        }
        fate
    }
}

impl Fate {
    /// How long the caller waits for nothing.
    pub(crate) fn patience_ms(self) -> Milliseconds {
        match self {
            Fate::Lost | Fate::AnswerLost => TIMEOUT_MS,
            Fate::Arrives | Fate::Fails | Fate::Refused => 0,
        }
    }

    /// What the caller is told instead of an answer; `None` when the answer arrives.
    pub(crate) fn error(self, operation: &str) -> Option<CallError> {
        Some(match self {
            Fate::Arrives => return None,
            Fate::Lost | Fate::AnswerLost => CallError::unanswered(operation, "request has timed out"),
            Fate::Fails => CallError::answered(operation, "InternalFailure", "The request processing has failed"),
            Fate::Refused => CallError::answered(operation, "AccessDenied", "the function may not call this"),
        })
    }
}
