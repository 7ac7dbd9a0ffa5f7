//! AWS's own words, as far as decisions differ: error codes, states and results. What AWS adds later is told apart from
//! nothing that is known here.

use planner::{DrainResult, Ec2State, LifecycleState};

use crate::{
    ports::{CallErrorKind, CommandStatus},
    text::shorten_reason,
};

/// `LifecycleTransition` of a hook that holds terminations.
pub const TERMINATING: &str = "autoscaling:EC2_INSTANCE_TERMINATING";

/// What an error's code and message mean to the ticks.
pub fn error_kind(code: &str, message: &str) -> CallErrorKind {
    match code {
        // "No active Lifecycle Action found with instance ID …"
        "ValidationError" if message.contains("No active Lifecycle Action") => CallErrorKind::NoActiveLifecycleAction,
        // Of SetInstanceProtection: "The instance i-… is not in InService or EnteringStandby or Standby."
        "ValidationError" if message.contains("is not in InService") => CallErrorKind::UnknownInstance,
        "InvalidInstanceId" | "InvalidInstanceID.NotFound" => CallErrorKind::UnknownInstance,
        "ParameterNotFound" => CallErrorKind::ParameterNotFound,
        _ => CallErrorKind::Other,
    }
}

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
    fn what_aws_answers_becomes_what_the_ticks_tell_apart() {
        for (code, message, kind) in [
            (
                "ValidationError",
                "No active Lifecycle Action found with instance ID i-1",
                CallErrorKind::NoActiveLifecycleAction,
            ),
            (
                "ValidationError",
                "The instance i-1 is not in InService or EnteringStandby or Standby.",
                CallErrorKind::UnknownInstance,
            ),
            ("ValidationError", "New SetDesiredCapacity value 9 is above max value 3", CallErrorKind::Other),
            ("InvalidInstanceId", "", CallErrorKind::UnknownInstance),
            ("InvalidInstanceID.NotFound", "The instance ID 'i-1' does not exist", CallErrorKind::UnknownInstance),
            ("ParameterNotFound", "", CallErrorKind::ParameterNotFound),
            ("Throttling", "Rate exceeded", CallErrorKind::Other),
        ] {
            assert_eq!(error_kind(code, message), kind, "{code}: {message}");
        }
    }

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
