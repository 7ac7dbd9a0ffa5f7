//! The one listener of AWS: tells the services apart, and speaks to each caller in its service's protocol.

use std::fmt::Display;
use std::sync::{Arc, PoisonError};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State as Shared};
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use world::AwsError;

use crate::call_log::ApiCall;
use crate::lambda::{self, Lambda};
use crate::state::State;
use crate::throttle::TokenBucket;
use crate::wire::protocol::{Protocol, ec2_answer, fault, query_answer, to_cbor};
use crate::wire::{self, Operation, Parameters, Xml, refused};

/// The largest request: CloudWatch's limit is 1 MB.
const BODY_LIMIT_BYTES: usize = 1_048_576;

/// What the listener needs.
pub(crate) struct AwsServer {
    pub(crate) state: Arc<State>,
    pub(crate) lambda: Arc<Lambda>,
    buckets: [TokenBucket; 4],
}

impl AwsServer {
    pub(crate) fn new(state: Arc<State>, lambda: Arc<Lambda>) -> AwsServer {
        AwsServer { state, lambda, buckets: std::array::from_fn(|_| TokenBucket::full()) }
    }

    /// The routes of all services.
    pub(crate) fn router(self) -> Router {
        Router::new()
            .route("/2015-03-31/functions/{name}/invocations", post(lambda::invoke_api::invoke))
            .fallback(answer)
            .layer(DefaultBodyLimit::max(BODY_LIMIT_BYTES))
            .with_state(Arc::new(self))
    }
}

/// A caller without credentials.
const ANONYMOUS: &str = "anonymous";

/// A service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Service {
    AutoScaling,
    Ec2,
    Ssm,
    CloudWatch,
}

/// A request, as far as it can be read without knowing the action.
struct Request {
    service: Service,
    protocol: Protocol,
    action: String,
    parameters: Parameters,
}

const CLOUDWATCH_PATH: &str = "/service/GraniteServiceVersion20100801/operation/";
/// What is told by `X-Amz-Target`.
const TARGETS: [(&str, Service, Protocol); 2] = [
    ("AmazonSSM", Service::Ssm, Protocol::Json("1.1")),
    ("GraniteServiceVersion20100801", Service::CloudWatch, Protocol::Json("1.0")),
];
/// What is told by `Version`.
const VERSIONS: [(&str, Service, Protocol); 3] = [
    ("2011-01-01", Service::AutoScaling, Protocol::Query(wire::autoscaling::NAMESPACE)),
    ("2016-11-15", Service::Ec2, Protocol::Ec2Query(wire::ec2::NAMESPACE)),
    ("2010-08-01", Service::CloudWatch, Protocol::Query(wire::cloudwatch::NAMESPACE)),
];

async fn answer(Shared(server): Shared<Arc<AwsServer>>, uri: Uri, headers: HeaderMap, body: Bytes) -> Response {
    let Some(request) = read_request(uri.path(), &headers, &body) else {
        return (StatusCode::NOT_FOUND, "no service here understands this request\n").into_response();
    };
    let state = &server.state;
    let request_id = state.next_id();
    let (result, call) = state.world(|world| {
        let at = world.now();
        let mut metrics = state.metrics.lock().unwrap_or_else(PoisonError::into_inner);
        let mut operation = Operation::new(world, &mut metrics, state.stack.as_ref());
        let result = match caller(&headers) {
            ANONYMOUS => Err(unsigned(request.protocol)),
            _ if !server.buckets[request.service as usize].take(at) => Err(throttled(request.service)),
            _ => perform(&mut operation, &request, &headers, &body, &request_id),
        };
        let outcome = match &result {
            Ok(_) => "Success",
            Err(error) => error.code,
        };
        let call = ApiCall {
            at,
            function: caller(&headers).to_owned(),
            action: format!("{}:{}", request.service.iam_prefix(), request.action),
            resources: operation.resources,
            conditions: operation.conditions,
            outcome: outcome.to_owned(),
        };
        (result, call)
    });
    state.calls.note(call);
    match result {
        Ok(body) => request.protocol.success(body, &request_id),
        Err(error) => request.failure(&error, &request_id),
    }
}

fn read_request(path: &str, headers: &HeaderMap, body: &[u8]) -> Option<Request> {
    if headers.get("smithy-protocol").is_some_and(|protocol| protocol == "rpc-v2-cbor") {
        return Some(Request {
            service: Service::CloudWatch,
            protocol: Protocol::Cbor,
            action: path.strip_prefix(CLOUDWATCH_PATH)?.to_owned(),
            parameters: Parameters::default(),
        });
    }
    if let Some(target) = headers.get("x-amz-target") {
        let (prefix, action) = target.to_str().ok()?.split_once('.')?;
        let (_, service, protocol) = TARGETS.into_iter().find(|(known, ..)| *known == prefix)?;
        return Some(Request { service, protocol, action: action.to_owned(), parameters: Parameters::default() });
    }
    let parameters = Parameters::parse(body);
    let version = parameters.get("Version")?;
    let (_, service, protocol) = VERSIONS.into_iter().find(|(known, ..)| *known == version)?;
    Some(Request { service, protocol, action: parameters.get("Action")?.to_owned(), parameters })
}

/// The access key id in `Authorization: AWS4-HMAC-SHA256 Credential=<key>/<date>/<region>/<service>/aws4_request, …`.
/// Each function is given its own name as its key; the signature itself is not checked.
pub(crate) fn caller(headers: &HeaderMap) -> &str {
    headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split_once("Credential="))
        .and_then(|(_, credential)| credential.split('/').next())
        .unwrap_or(ANONYMOUS)
}

fn perform(
    operation: &mut Operation,
    request: &Request,
    headers: &HeaderMap,
    body: &[u8],
    request_id: &str,
) -> Result<Vec<u8>, AwsError> {
    if headers.contains_key(header::CONTENT_ENCODING) {
        return Err(refused("SerializationException", "compressed requests are not understood here"));
    }
    let Request { service, protocol, action, parameters } = request;
    match service {
        Service::AutoScaling => {
            let result = wire::autoscaling::perform(operation, action, parameters)?;
            Ok(query_answer(wire::autoscaling::NAMESPACE, action, result.as_deref(), request_id).into_bytes())
        }
        Service::Ec2 => {
            let result = wire::ec2::perform(operation, action, parameters)?;
            Ok(ec2_answer(wire::ec2::NAMESPACE, action, &result, request_id).into_bytes())
        }
        Service::Ssm => {
            let input = serde_json::from_slice(body).map_err(not_understood)?;
            Ok(wire::ssm::perform(operation, action, &input)?.to_string().into_bytes())
        }
        Service::CloudWatch => {
            let input = match protocol {
                Protocol::Json(_) => wire::cbor::from_json(&serde_json::from_slice(body).map_err(not_understood)?),
                Protocol::Cbor => ciborium::from_reader(body).map_err(not_understood)?,
                Protocol::Query(_) | Protocol::Ec2Query(_) => wire::cloudwatch::from_query(action, parameters),
            };
            let output = wire::cloudwatch::perform(operation, action, &input)?;
            Ok(match protocol {
                Protocol::Json(_) => output
                    .as_ref()
                    .map_or_else(|| "{}".to_owned(), |output| wire::cbor::to_json(output).to_string())
                    .into(),
                // No output, no body: https://smithy.io/2.0/additional-specs/protocols/smithy-rpc-v2.html#responses
                Protocol::Cbor => output.as_ref().map(to_cbor).unwrap_or_default(),
                Protocol::Query(namespace) | Protocol::Ec2Query(namespace) => {
                    let result = output.map(|output| Xml::build(|xml| wire::cbor::to_xml(&output, xml)));
                    query_answer(namespace, action, result.as_deref(), request_id).into_bytes()
                }
            })
        }
    }
}

fn not_understood(error: impl Display) -> AwsError {
    refused("SerializationException", error.to_string())
}

/// The code by which each service tells that it is called too often.
fn throttled(service: Service) -> AwsError {
    let (code, http_status) = match service {
        Service::AutoScaling | Service::CloudWatch => ("Throttling", 400),
        Service::Ec2 => ("RequestLimitExceeded", 503),
        Service::Ssm => ("ThrottlingException", 400),
    };
    AwsError { code, message: "Rate exceeded".to_owned(), http_status }
}

/// A request without credentials.
fn unsigned(protocol: Protocol) -> AwsError {
    let (code, http_status) = match protocol {
        Protocol::Query(_) | Protocol::Ec2Query(_) => ("MissingAuthenticationToken", 403),
        Protocol::Json(_) | Protocol::Cbor => ("MissingAuthenticationTokenException", 400),
    };
    AwsError { code, message: "Request is missing Authentication Token".to_owned(), http_status }
}

impl Request {
    fn failure(&self, error: &AwsError, request_id: &str) -> Response {
        if self.service != Service::CloudWatch {
            let message_member = wire::ssm::message_member(error.code);
            return self.protocol.failure(error, error.code, message_member, request_id);
        }
        let shape = wire::cloudwatch::shape(error.code);
        let mut response = self.protocol.failure(error, shape, "message", request_id);
        // The code that clients of the query protocol know goes along in a header:
        // https://smithy.io/2.0/aws/protocols/aws-query-protocol.html#aws-protocols-awsquerycompatible-trait
        if let (Protocol::Json(_) | Protocol::Cbor, Ok(value)) =
            (self.protocol, format!("{};{}", error.code, fault(error)).parse())
        {
            response.headers_mut().insert("x-amzn-query-error", value);
        }
        response
    }
}

impl Service {
    fn iam_prefix(self) -> &'static str {
        match self {
            Service::AutoScaling => "autoscaling",
            Service::Ec2 => "ec2",
            Service::Ssm => "ssm",
            Service::CloudWatch => "cloudwatch",
        }
    }
}
