//! What the SDKs' errors mean to the ticks.

use std::fmt::Debug;

use aws_sdk_ssm::error::{DisplayErrorContext, ProvideErrorMetadata, SdkError};
use controller::ports::{CallError, CallErrorKind};

/// An SDK's error, as the ticks tell them apart.
pub(super) fn call_error<E, R>(operation: &str, error: &SdkError<E, R>) -> CallError
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
    R: Debug,
{
    let code = error.code().unwrap_or_default();
    let said = error.message().unwrap_or_default();
    let kind = match code {
        // "No active Lifecycle Action found with instance ID …"
        "ValidationError" if said.contains("No active Lifecycle Action") => CallErrorKind::NoActiveLifecycleAction,
        "InvalidInstanceId" | "InvalidInstanceID.NotFound" => CallErrorKind::UnknownInstance,
        "ParameterNotFound" => CallErrorKind::ParameterNotFound,
        _ => CallErrorKind::Other,
    };
    let message = match code {
        "" => DisplayErrorContext(error).to_string(),
        code => format!("{code}: {said}"),
    };
    CallError { operation: operation.to_owned(), kind, message }
}

/// An answer that has not what it must have.
pub(super) fn incomplete(operation: &str, what: &str) -> CallError {
    CallError {
        operation: operation.to_owned(),
        kind: CallErrorKind::Other,
        message: format!("the answer has no {what}"),
    }
}
