//! AWS's own words, as far as decisions differ: states and results. What AWS adds later is told apart from
//! nothing that is known here.

use planner::{DrainResult, Ec2State, LifecycleState};

use crate::{answers::CommandStatus, text::shorten_reason};

/// `LifecycleTransition` of a hook that holds terminations.
pub const TERMINATING: &str = "autoscaling:EC2_INSTANCE_TERMINATING";

/// `LifecycleState` of a group's instance.
pub fn lifecycle_state(word: &str) -> LifecycleState {
    match word {
        "Pending" | "Pending:Wait" | "Pending:Proceed" => LifecycleState::Pending,
        "InService" => LifecycleState::InService,
        "Terminating" => LifecycleState::Terminating,
        "Terminating:Wait" => LifecycleState::TerminatingWait,
        "Terminating:Proceed" => LifecycleState::TerminatingProceed,
        "Terminating:Retained" => LifecycleState::TerminatingRetained,
        _ => LifecycleState::Other,
    }
}

/// `State` of an EC2 instance.
pub fn ec2_state(word: &str) -> Ec2State {
    match word {
        "terminated" => Ec2State::Terminated,
        "shutting-down" => Ec2State::ShuttingDown,
        _ => Ec2State::Exists,
    }
}

/// `Status` of a command's invocation, with its output and the details of its status.
pub fn command_status(status: &str, output: &str, details: &str) -> CommandStatus {
    match status {
        "Pending" | "InProgress" | "Delayed" | "Cancelling" => CommandStatus::InFlight,
        "Success" => CommandStatus::Success(output.to_owned()),
        _ => CommandStatus::Failed(shorten_reason(details)),
    }
}

/// `DefaultResult` of a hook, or the result of a lifecycle action.
pub fn drain_result(word: &str) -> Option<DrainResult> {
    [DrainResult::Continue, DrainResult::Abandon].into_iter().find(|result| word_of(*result) == word)
}

/// `LifecycleActionResult`.
pub fn word_of(result: DrainResult) -> &'static str {
    match result {
        DrainResult::Continue => "CONTINUE",
        DrainResult::Abandon => "ABANDON",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_that_aws_adds_later_are_none_of_the_known() {
        assert_eq!(lifecycle_state("Dreaming"), LifecycleState::Other);
        assert_eq!(ec2_state("dreaming"), Ec2State::Exists);
        assert_eq!(command_status("Dreaming", "", "no idea"), CommandStatus::Failed("no idea".into()));
        assert_eq!(drain_result("DREAM"), None);
        for result in [DrainResult::Continue, DrainResult::Abandon] {
            assert_eq!(drain_result(word_of(result)), Some(result));
        }
    }
}
