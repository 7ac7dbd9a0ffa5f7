//! What becomes of a call: a page of an answer, or an error.

use thiserror::Error;

use crate::text::shorten_reason;

/// One page of an answer.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Page<T> {
    /// What it holds.
    pub items: Vec<T>,
    /// The token of the next page; `None` on the last.
    pub next: Option<String>,
}

impl<T> Page<T> {
    /// An answer of a single page.
    pub fn only(items: Vec<T>) -> Page<T> {
        Page { items, next: None }
    }
}

/// A call that failed.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{operation}: {message}")]
pub struct CallError {
    /// The action, such as `autoscaling:SetDesiredCapacity` or `GET /stats`.
    pub operation: String,
    /// What callers tell apart.
    pub kind: CallErrorKind,
    /// The service's own code and message, or what the client said.
    pub message: String,
}

impl CallError {
    /// What a service answered: its error's code and message.
    pub fn answered(operation: &str, code: &str, message: &str) -> CallError {
        CallError {
            operation: operation.to_owned(),
            kind: error_kind(code, message),
            message: shorten_reason(&format_args!("{code}: {message}")),
        }
    }

    /// A call that no service answered, as the client says it.
    pub fn unanswered(operation: &str, message: &str) -> CallError {
        CallError { operation: operation.to_owned(), kind: CallErrorKind::Other, message: shorten_reason(message) }
    }

    /// An answer that has not what it must have.
    pub fn incomplete(operation: &str, what: &str) -> CallError {
        CallError::unanswered(operation, &format!("the answer has no {what}"))
    }
}

/// The failures that callers tell apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallErrorKind {
    /// The lifecycle action has ended already: completed, or the instance is gone.
    NoActiveLifecycleAction,
    /// An instance id is not known, or not (yet) managed by SSM.
    UnknownInstance,
    /// The parameter does not exist.
    ParameterNotFound,
    /// Anything else: throttled, timed out, refused, broken.
    Other,
}

/// What an error's code and message mean to the ticks.
fn error_kind(code: &str, message: &str) -> CallErrorKind {
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
}
