//! What a tick could not do. It goes back to Lambda, which counts it, so that an alarm sees it.

use std::fmt;

use planner::Violation;

use crate::ports::CallError;

/// Everything that went wrong in one tick; what could be done in spite of it was done.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TickError {
    failures: Vec<String>,
}

impl TickError {
    pub(crate) fn add(&mut self, failure: impl fmt::Display) {
        let failure = failure.to_string();
        // Six samples a minute fail alike: once is enough to say.
        if !self.failures.contains(&failure) {
            self.failures.push(failure);
        }
    }

    pub(crate) fn add_violations(&mut self, plan: &planner::Plan, violations: &[Violation]) {
        for violation in violations {
            self.add(format!("not applied, for it breaks an invariant ({violation}): {plan}"));
        }
    }

    pub(crate) fn into_result(self) -> Result<(), TickError> {
        match self.failures.is_empty() {
            true => Ok(()),
            false => Err(self),
        }
    }
}

impl fmt::Display for TickError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.failures.join("; "))
    }
}

impl std::error::Error for TickError {}

impl From<CallError> for TickError {
    fn from(error: CallError) -> Self {
        TickError { failures: vec![error.to_string()] }
    }
}

impl From<String> for TickError {
    fn from(failure: String) -> Self {
        TickError { failures: vec![failure] }
    }
}
