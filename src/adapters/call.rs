//! What AWS's calls have in common: what their errors mean to the ticks, and one bad id among many.

use std::{error::Error, fmt::Debug};

use aws_sdk_ssm::error::{ProvideErrorMetadata, SdkError};
use controller::{
    ports::{CallError, CallErrorKind},
    text::shorten_reason,
};
use planner::InstanceId;
use tracing::warn;

/// An SDK's error, as the ticks tell them apart.
pub(super) fn call_error<E, R>(operation: &str, error: &SdkError<E, R>) -> CallError
where
    E: ProvideErrorMetadata + Error + 'static,
    R: Debug,
{
    let code = error.code().unwrap_or_default();
    let said = error.message().unwrap_or_default();
    let kind = match code {
        // "No active Lifecycle Action found with instance ID …"
        "ValidationError" if said.contains("No active Lifecycle Action") => CallErrorKind::NoActiveLifecycleAction,
        // Of SetInstanceProtection: "The instance i-… is not in InService or EnteringStandby or Standby."
        "ValidationError" if said.contains("is not in InService") => CallErrorKind::UnknownInstance,
        "InvalidInstanceId" | "InvalidInstanceID.NotFound" => CallErrorKind::UnknownInstance,
        "ParameterNotFound" => CallErrorKind::ParameterNotFound,
        _ => CallErrorKind::Other,
    };
    let message = match code {
        "" => causes(error),
        code => format!("{code}: {said}"),
    };
    CallError { operation: operation.to_owned(), kind, message: shorten_reason(&message) }
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

/// An answer that has not what it must have.
pub(super) fn incomplete(operation: &str, what: &str) -> CallError {
    CallError {
        operation: operation.to_owned(),
        kind: CallErrorKind::Other,
        message: format!("the answer has no {what}"),
    }
}

/// More pages than the largest group, its commands, or two weeks of metrics fill.
const MOST_PAGES: usize = 1000;

/// Counts the pages of an answer: one that never ends must not fill the memory.
#[derive(Default)]
pub(super) struct Pages(usize);

impl Pages {
    pub(super) fn count(&mut self, operation: &str) -> Result<(), CallError> {
        self.0 += 1;
        match self.0 {
            0..=MOST_PAGES => Ok(()),
            _ => Err(incomplete(operation, &format!("end after {MOST_PAGES} pages"))),
        }
    }
}

/// Makes a call for every instance, for at most so many at once. AWS refuses them all when it does not know one of
/// them: halves find that one out, so that it keeps no other from what it needs.
///
/// # Errors
/// The first call that failed otherwise; the others were made all the same. An instance that AWS does not know is
/// logged, and an error only when nobody was reached.
pub(super) async fn call_for_each(
    instances: &[InstanceId],
    most_at_once: usize,
    call: impl AsyncFn(&[InstanceId]) -> Result<(), CallError>,
) -> Result<(), CallError> {
    let mut left: Vec<&[InstanceId]> = instances.chunks(most_at_once).rev().collect();
    let (mut anyone_reached, mut unknown, mut failed) = (false, None, None);
    while let Some(some) = left.pop() {
        match call(some).await {
            Ok(()) => anyone_reached = true,
            Err(error) if error.kind != CallErrorKind::UnknownInstance => {
                failed.get_or_insert(error);
            }
            Err(error) => match some {
                [one] => {
                    warn!(instance = %one, %error, "AWS does not know this instance now, and leaves it out");
                    unknown = Some(error);
                }
                several => {
                    let (first, second) = several.split_at(several.len() / 2);
                    left.extend([second, first]);
                }
            },
        }
    }
    match failed.or(unknown.filter(|_| !anyone_reached)) {
        Some(error) => Err(error),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::{cell::RefCell, io};

    use aws_sdk_ssm::{error::ErrorMetadata, operation::send_command::SendCommandError};

    use super::*;

    type Refusal = SdkError<SendCommandError, String>;

    fn error(kind: CallErrorKind) -> CallError {
        CallError { operation: "ssm:SendCommand".into(), kind, message: "no".into() }
    }

    /// Calls for instances 0 to 119, fifty at once; tells the result, whom it reached, and with how many calls.
    async fn call(refuse: impl Fn(&InstanceId) -> Option<CallErrorKind>) -> (Result<(), CallError>, usize, usize) {
        let instances: Vec<InstanceId> = (0..120).map(|number| InstanceId::new(format!("i-{number}"))).collect();
        let reached = RefCell::new(Vec::new());
        let calls = RefCell::new(0);
        let result = call_for_each(&instances, 50, async |some: &[InstanceId]| {
            assert!(some.len() <= 50);
            *calls.borrow_mut() += 1;
            match some.iter().find_map(&refuse) {
                Some(kind) => Err(error(kind)),
                None => {
                    reached.borrow_mut().extend_from_slice(some);
                    Ok(())
                }
            }
        })
        .await;
        let mut reached = reached.into_inner();
        let all = reached.len();
        reached.sort();
        reached.dedup();
        assert_eq!(reached.len(), all, "somebody was called twice");
        (result, all, calls.into_inner())
    }

    #[tokio::test]
    async fn instances_that_aws_does_not_know_keep_no_other_from_the_call() {
        assert_eq!(call(|_| None).await, (Ok(()), 120, 3));
        let unknown =
            |id: &InstanceId| ["i-0", "i-77", "i-119"].contains(&id.as_str()).then_some(CallErrorKind::UnknownInstance);
        let (result, reached, calls) = call(unknown).await;
        assert_eq!((result, reached), (Ok(()), 117));
        assert!(calls < 40, "{calls} calls");
    }

    #[tokio::test]
    async fn a_call_that_reaches_nobody_is_an_error() {
        let (result, reached, _) = call(|_| Some(CallErrorKind::UnknownInstance)).await;
        assert_eq!((result, reached), (Err(error(CallErrorKind::UnknownInstance)), 0));
    }

    #[tokio::test]
    async fn a_call_that_fails_is_said_and_not_made_again_and_the_next_is_made() {
        let throttled = |id: &InstanceId| (id.as_str() == "i-3").then_some(CallErrorKind::Other);
        assert_eq!(call(throttled).await, (Err(error(CallErrorKind::Other)), 70, 3));
    }

    fn refusal(code: &str, message: &str) -> CallError {
        let metadata = ErrorMetadata::builder().code(code).message(message).build();
        let error = Refusal::service_error(SendCommandError::generic(metadata), "<raw answer>".to_owned());
        call_error("an:Operation", &error)
    }

    #[test]
    fn what_aws_says_becomes_what_the_ticks_tell_apart() {
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
            let error = refusal(code, message);
            assert_eq!((error.kind, error.to_string()), (kind, format!("an:Operation: {code}: {message}")));
        }
    }

    #[test]
    fn what_aws_says_is_short_and_keeps_to_its_line() {
        let message = refusal("AccessDenied", &format!("no\n\u{1b}[31m{}", "x".repeat(100_000))).message;
        assert!(message.starts_with("AccessDenied: no") && message.chars().count() == 500, "{message:.200}");
        assert!(!message.contains(char::is_control), "{message:?}");
    }

    #[test]
    fn an_answer_without_end_is_an_error() {
        let mut pages = Pages::default();
        assert!((0..MOST_PAGES).all(|_| pages.count("an:Operation").is_ok()));
        let error = pages.count("an:Operation").unwrap_err().to_string();
        assert_eq!(error, "an:Operation: the answer has no end after 1000 pages");
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
