//! AWS's own words, as far as decisions differ: states and results. What AWS adds later is told apart from
//! nothing that is known here.

use planner::{DrainResult, Ec2State, InstanceId, LifecycleState};

use crate::{
    answers::{ActivitySubject, CommandStatus},
    text::shorten_reason,
};

/// `LifecycleTransition` of a hook that holds terminations.
pub const TERMINATING: &str = "autoscaling:EC2_INSTANCE_TERMINATING";

/// `StatusCode` of an activity that launched nothing. A launch that EC2 ends before it is in service, since its volume's key
/// may not be used, is not failed but cancelled:
/// <https://docs.aws.amazon.com/autoscaling/ec2/userguide/ts-as-instancelaunchfailure.html>.
pub const FAILED: &[&str] = &["Failed", "Cancelled"];
/// `StatusCode` of an activity that has done what it should.
pub const SUCCESSFUL: &[&str] = &["Successful"];

/// What an activity does, by its `Description`: "Launching a new EC2 instance: i-…", "Terminating EC2 instance: i-… - …".
pub fn activity_subject(description: &str) -> ActivitySubject {
    let is_of_id = |letter: char| letter.is_ascii_alphanumeric() || letter == '-';
    match description.strip_prefix("Terminating EC2 instance: ") {
        _ if description.starts_with("Launching") => ActivitySubject::Launch,
        Some(rest) if rest.starts_with("i-") => {
            let id = rest.split(|letter| !is_of_id(letter)).next().unwrap_or_default();
            ActivitySubject::Termination(InstanceId::new(id))
        }
        Some(_) | None => ActivitySubject::Other,
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
    fn words_that_aws_adds_later_are_none_of_the_known() {
        assert_eq!(lifecycle_state("Dreaming"), LifecycleState::Other);
        assert_eq!(ec2_state("dreaming"), Ec2State::Exists);
        assert_eq!(command_status("Dreaming", "", "no idea"), CommandStatus::Failed("no idea".into()));
        assert_eq!(drain_result("DREAM"), None);
        assert_eq!(activity_subject("Dreaming of an instance"), ActivitySubject::Other);
        for result in [DrainResult::Continue, DrainResult::Abandon] {
            assert_eq!(drain_result(word_of(result)), Some(result));
        }
    }

    #[test]
    fn an_activity_names_the_instance_that_it_ends_in_whatever_words_follow() {
        for said in [
            "Terminating EC2 instance: i-0a1",
            "Terminating EC2 instance: i-0a1 - Waiting For ELB",
            "Terminating EC2 instance: i-0a1.",
        ] {
            assert_eq!(activity_subject(said), ActivitySubject::Termination(InstanceId::new("i-0a1")), "{said}");
        }
        assert_eq!(activity_subject("Terminating EC2 instances"), ActivitySubject::Other);
        let cancelled = "Launching a new EC2 instance: i-0a1. Status Reason: Instance became unhealthy";
        assert_eq!(activity_subject(cancelled), ActivitySubject::Launch);
    }
}
