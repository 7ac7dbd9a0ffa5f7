//! Lambda's own interface: invoke a function.
//!
//! <https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html>

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, State as Shared};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;

use crate::eventbridge::{self, ASYNCHRONOUS_RETRIES};
use crate::lambda::{Lambda, Outcome, Request};
use crate::state::State;

/// What an invocation needs.
#[derive(Clone)]
struct Invoker {
    state: Arc<State>,
    lambda: Arc<Lambda>,
}

/// The route of Lambda.
pub(crate) fn router(state: Arc<State>, lambda: Arc<Lambda>) -> Router {
    Router::new().route("/2015-03-31/functions/{name}/invocations", post(invoke)).with_state(Invoker { state, lambda })
}

/// `POST /2015-03-31/functions/<name>/invocations`
async fn invoke(
    Shared(Invoker { state, lambda }): Shared<Invoker>,
    Path(name): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    if !lambda.has(&name) {
        return error(StatusCode::NOT_FOUND, "ResourceNotFoundException", "Function not found");
    }
    let request = Request {
        request_id: state.next_id(),
        cause: "call",
        retries: 0,
        payload: if body.is_empty() { Bytes::from_static(b"{}") } else { body },
    };
    if headers.get("x-amz-invocation-type").is_some_and(|kind| kind == "Event") {
        tokio::spawn(eventbridge::deliver(state, lambda, name, request, ASYNCHRONOUS_RETRIES));
        return StatusCode::ACCEPTED.into_response();
    }
    match lambda.try_invoke(&name, request).await {
        Ok(Some((Outcome::Success, payload))) => answered(None, payload),
        Ok(Some((_, payload))) => answered(Some("Unhandled"), payload),
        Ok(None) => error(StatusCode::TOO_MANY_REQUESTS, "TooManyRequestsException", "Rate Exceeded."),
        Err(cause) => error(StatusCode::INTERNAL_SERVER_ERROR, "ServiceException", &format!("{cause:#}")),
    }
}

fn answered(function_error: Option<&'static str>, payload: Bytes) -> Response {
    let headers = [("Content-Type", "application/json"), ("X-Amz-Executed-Version", "$LATEST")];
    let mut response = (headers, payload).into_response();
    if let Some(kind) = function_error {
        let kind = axum::http::HeaderValue::from_static(kind);
        response.headers_mut().insert("x-amz-function-error", kind);
    }
    response
}

fn error(status: StatusCode, kind: &'static str, message: &str) -> Response {
    let body = serde_json::json!({"Type": "User", "Message": message}).to_string();
    (status, [("x-amzn-errortype", kind)], body).into_response()
}
