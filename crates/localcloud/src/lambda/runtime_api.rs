//! The Lambda runtime interface of one execution environment.
//!
//! <https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html>

use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, State as Shared};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use tokio::sync::{Mutex as AsyncMutex, mpsc, oneshot};
use world::Milliseconds;

use crate::clock::WorldClock;

/// An event for a function.
pub(crate) struct Event {
    pub(crate) request_id: String,
    pub(crate) payload: Bytes,
    pub(crate) function_arn: String,
    pub(crate) timeout_milliseconds: Milliseconds,
}

/// What a function says at the end of an invocation.
#[derive(Debug)]
pub(crate) enum Said {
    Response(Bytes),
    Error(Bytes),
}

/// An invocation under way.
struct Exchange {
    request_id: String,
    taken: Option<oneshot::Sender<()>>,
    said: oneshot::Sender<Said>,
}

/// The two moments of an invocation.
pub(crate) struct Offered {
    /// The function has asked for the event, and its time runs.
    pub(crate) taken: oneshot::Receiver<()>,
    /// The function has answered.
    pub(crate) said: oneshot::Receiver<Said>,
}

/// The interface, seen from outside the environment.
pub(crate) struct RuntimeApi {
    clock: WorldClock,
    offer: mpsc::UnboundedSender<Event>,
    events: AsyncMutex<mpsc::UnboundedReceiver<Event>>,
    exchange: Mutex<Option<Exchange>>,
}

impl RuntimeApi {
    pub(crate) fn new(clock: WorldClock) -> Arc<RuntimeApi> {
        let (offer, events) = mpsc::unbounded_channel();
        Arc::new(RuntimeApi { clock, offer, events: AsyncMutex::new(events), exchange: Mutex::new(None) })
    }

    /// Offers an event to the function, which takes it when it asks for the next one.
    pub(crate) fn offer(&self, event: Event) -> Offered {
        let (taken_sender, taken) = oneshot::channel();
        let (said_sender, said) = oneshot::channel();
        *self.lock() =
            Some(Exchange { request_id: event.request_id.clone(), taken: Some(taken_sender), said: said_sender });
        // It cannot fail: the receiver lives as long as the sender.
        let _ = self.offer.send(event);
        Offered { taken, said }
    }

    /// The routes of the function's side.
    pub(crate) fn router(self: Arc<Self>) -> Router {
        Router::new()
            .route("/2018-06-01/runtime/invocation/next", get(next))
            .route("/2018-06-01/runtime/invocation/{id}/response", post(response))
            .route("/2018-06-01/runtime/invocation/{id}/error", post(error))
            .route("/2018-06-01/runtime/init/error", post(init_error))
            .with_state(self)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Exchange>> {
        self.exchange.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends the invocation of this id, or whatever is under way for `None`.
    fn end(&self, request_id: Option<&str>, said: Said) -> Response {
        let ended = self.lock().take_if(|exchange| request_id.is_none_or(|id| id == exchange.request_id));
        match ended {
            Some(exchange) => {
                // Whoever waited may have given up: the answer is too late.
                let _ = exchange.said.send(said);
                (StatusCode::ACCEPTED, r#"{"status":"OK"}"#).into_response()
            }
            None => {
                let body = r#"{"errorMessage":"Invalid request ID","errorType":"InvalidRequestID"}"#;
                (StatusCode::BAD_REQUEST, body).into_response()
            }
        }
    }
}

async fn next(Shared(api): Shared<Arc<RuntimeApi>>) -> Response {
    let Some(event) = api.events.lock().await.recv().await else {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    let deadline = api.clock.now() + event.timeout_milliseconds;
    if let Some(taken) = api.lock().as_mut().and_then(|exchange| exchange.taken.take()) {
        let _ = taken.send(());
    }
    let trace_id = format!("Root=1-{:08x}-{:024x};Sampled=0", deadline / 1_000, deadline);
    let headers = [
        ("Content-Type", "application/json".to_owned()),
        ("Lambda-Runtime-Aws-Request-Id", event.request_id),
        ("Lambda-Runtime-Deadline-Ms", deadline.to_string()),
        ("Lambda-Runtime-Invoked-Function-Arn", event.function_arn),
        ("Lambda-Runtime-Trace-Id", trace_id),
    ];
    (headers, event.payload).into_response()
}

async fn response(Shared(api): Shared<Arc<RuntimeApi>>, Path(id): Path<String>, body: Bytes) -> Response {
    api.end(Some(&id), Said::Response(body))
}

async fn error(Shared(api): Shared<Arc<RuntimeApi>>, Path(id): Path<String>, body: Bytes) -> Response {
    api.end(Some(&id), Said::Error(body))
}

/// The function cannot even begin.
async fn init_error(Shared(api): Shared<Arc<RuntimeApi>>, headers: HeaderMap, body: Bytes) -> Response {
    let kind = headers
        .get("lambda-runtime-function-error-type")
        .and_then(|kind| kind.to_str().ok())
        .unwrap_or("Runtime.Unknown");
    let body = match body.is_empty() {
        true => Bytes::from(serde_json::json!({"errorType": kind, "errorMessage": ""}).to_string()),
        false => body,
    };
    api.end(None, Said::Error(body))
}
