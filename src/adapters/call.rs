//! What AWS's calls have in common: an SDK's error as the controller reads it.

use std::{error::Error, fmt::Debug};

use aws_sdk_ssm::error::{ProvideErrorMetadata, SdkError};
use controller::ports::CallError;

/// An SDK's error: what the service answered, or else what the client says.
pub(super) fn call_error<E, R>(operation: &str, error: &SdkError<E, R>) -> CallError
where
    E: ProvideErrorMetadata + Error + 'static,
    R: Debug,
{
    match error.code() {
        Some(code) if !code.is_empty() => CallError::answered(operation, code, error.message().unwrap_or_default()),
        _ => CallError::unanswered(operation, &causes(error)),
    }
}

/// The token of the next page; an empty one is none.
pub(super) fn next_page(token: Option<&str>) -> Option<String> {
    token.filter(|token| !token.is_empty()).map(str::to_owned)
}

/// An error with everything that has caused it, and without its `Debug`, which has the raw answer in it.
pub(crate) fn causes(error: &dyn Error) -> String {
    let mut said = error.to_string();
    let mut cause = error.source();
    while let Some(deeper) = cause {
        said = format!("{said}: {deeper}");
        cause = deeper.source();
    }
    said
}

#[cfg(test)]
mod tests {
    use std::io;

    use aws_sdk_ssm::{error::ErrorMetadata, operation::send_command::SendCommandError};
    use controller::ports::CallErrorKind;

    use super::*;

    type Refusal = SdkError<SendCommandError, String>;

    fn refusal(code: &str, message: &str) -> CallError {
        let metadata = ErrorMetadata::builder().code(code).message(message).build();
        let error = Refusal::service_error(SendCommandError::generic(metadata), "<raw answer>".to_owned());
        call_error("an:Operation", &error)
    }

    #[test]
    fn code_and_message_reach_the_controller() {
        let error = refusal("InvalidInstanceId", "i-1");
        let expected = (CallErrorKind::UnknownInstance, "an:Operation: InvalidInstanceId: i-1".to_owned());
        assert_eq!((error.kind, error.to_string()), expected);
    }

    #[test]
    fn what_aws_says_is_short_and_keeps_to_its_line() {
        let message = refusal("AccessDenied", &format!("no\n\u{1b}[31m{}", "x".repeat(100_000))).message;
        assert!(message.starts_with("AccessDenied: no") && message.chars().count() == 500, "{message:.200}");
        assert!(!message.contains(char::is_control), "{message:?}");
    }

    #[test]
    fn what_never_reached_aws_is_told_to_its_last_cause() {
        let cause = io::Error::new(io::ErrorKind::ConnectionRefused, "connection refused");
        let message = call_error("an:Operation", &Refusal::timeout_error(cause)).message;
        assert_eq!(message, "request has timed out: connection refused");
    }

    #[test]
    fn the_raw_answer_stays_out_of_the_message() {
        let error = Refusal::response_error("not XML", "<raw answer>".to_owned());
        let message = call_error("an:Operation", &error).message;
        assert!(message.ends_with(": not XML") && !message.contains("raw answer"), "{message}");
    }
}
