//! The one listener of AWS: tells the services apart, and speaks to each caller in its service's protocol.

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State as Shared};
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use simulator::world::AwsError;

use crate::call_log::ApiCall;
use crate::lambda::{self, Lambda};
use crate::state::State;
use crate::throttle::TokenBucket;
use crate::wire::{self, Operation, Parameters, Xml, refused};

/// The largest request: CloudWatch's limit is 1 MB.
const BODY_LIMIT_BYTES: usize = 1_048_576;

/// What the listener needs.
pub(crate) struct AwsServer {
    pub(crate) state: Arc<State>,
    pub(crate) lambda: Arc<Lambda>,
    buckets: [TokenBucket; 6],
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

/// A service, and with it a protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Service {
    AutoScaling,
    Ec2,
    Ssm,
    CloudWatch,
    /// CloudWatch in awsJson 1.0, as boto3 speaks to it.
    CloudWatchJson,
    /// CloudWatch in awsQuery, as a shell script speaks to it.
    CloudWatchQuery,
}

/// A request, as far as it can be read without knowing the action.
struct Request {
    service: Service,
    action: String,
    parameters: Parameters,
}

const CLOUDWATCH_PATH: &str = "/service/GraniteServiceVersion20100801/operation/";
/// The two services that are told by `X-Amz-Target`.
const TARGETS: [(&str, Service); 2] =
    [("AmazonSSM", Service::Ssm), ("GraniteServiceVersion20100801", Service::CloudWatchJson)];

async fn answer(Shared(server): Shared<Arc<AwsServer>>, uri: Uri, headers: HeaderMap, body: Bytes) -> Response {
    let Some(request) = read_request(uri.path(), &headers, &body) else {
        return (StatusCode::NOT_FOUND, "no service here understands this request\n").into_response();
    };
    let state = &server.state;
    let request_id = state.next_id();
    let (result, call) = state.world(|world| {
        let at = world.now();
        let mut operation = Operation::new(world, state.stack.as_ref());
        let result = match server.buckets[request.service as usize].take(at) {
            true => perform(&mut operation, &request, &headers, &body, &request_id),
            false => Err(throttled(request.service)),
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
        Ok(body) => request.service.success(body),
        Err(error) => request.service.failure(&error, &request_id),
    }
}

fn read_request(path: &str, headers: &HeaderMap, body: &[u8]) -> Option<Request> {
    if headers.get("smithy-protocol").is_some_and(|protocol| protocol == "rpc-v2-cbor") {
        return Some(Request {
            service: Service::CloudWatch,
            action: path.strip_prefix(CLOUDWATCH_PATH)?.to_owned(),
            parameters: Parameters::default(),
        });
    }
    if let Some(target) = headers.get("x-amz-target") {
        let (prefix, action) = target.to_str().ok()?.split_once('.')?;
        let (_, service) = TARGETS.into_iter().find(|(known, _)| *known == prefix)?;
        return Some(Request { service, action: action.to_owned(), parameters: Parameters::default() });
    }
    let parameters = Parameters::parse(body);
    let service = match parameters.get("Version")? {
        "2011-01-01" => Service::AutoScaling,
        "2016-11-15" => Service::Ec2,
        "2010-08-01" => Service::CloudWatchQuery,
        _ => return None,
    };
    Some(Request { service, action: parameters.get("Action")?.to_owned(), parameters })
}

/// The access key id in `Authorization: AWS4-HMAC-SHA256 Credential=<key>/<date>/<region>/<service>/aws4_request, …`.
/// Each function is given its own name as its key; the signature itself is not checked.
pub(crate) fn caller(headers: &HeaderMap) -> &str {
    headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split_once("Credential="))
        .and_then(|(_, credential)| credential.split('/').next())
        .unwrap_or("anonymous")
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
    let action = request.action.as_str();
    match request.service {
        Service::AutoScaling => {
            let result = wire::autoscaling::perform(operation, action, &request.parameters)?;
            let result = Xml::build(|xml| xml.element(&format!("{action}Result"), |xml| xml.raw(&result)));
            Ok(query_answer(wire::autoscaling::NAMESPACE, action, &result, request_id).into_bytes())
        }
        Service::Ec2 => {
            let result = wire::ec2::perform(operation, action, &request.parameters)?;
            Ok(ec2_answer(action, &result, request_id).into_bytes())
        }
        Service::Ssm => {
            let input =
                serde_json::from_slice(body).map_err(|error| refused("SerializationException", error.to_string()))?;
            Ok(wire::ssm::perform(operation, action, &input)?.to_string().into_bytes())
        }
        Service::CloudWatch => {
            let input =
                ciborium::from_reader(body).map_err(|error| refused("SerializationException", error.to_string()))?;
            Ok(to_cbor(&wire::cloudwatch::perform(operation, action, &input)?))
        }
        Service::CloudWatchJson => {
            let input: serde_json::Value =
                serde_json::from_slice(body).map_err(|error| refused("SerializationException", error.to_string()))?;
            wire::cloudwatch::perform(operation, action, &wire::cloudwatch::from_json(&input))?;
            Ok(b"{}".to_vec())
        }
        Service::CloudWatchQuery => {
            wire::cloudwatch::perform(operation, action, &wire::cloudwatch::from_query(&request.parameters))?;
            Ok(query_answer(wire::cloudwatch::NAMESPACE, action, "", request_id).into_bytes())
        }
    }
}

/// The code by which each service tells that it is called too often.
fn throttled(service: Service) -> AwsError {
    let (code, http_status) = match service {
        Service::AutoScaling => ("Throttling", 400),
        Service::Ec2 => ("RequestLimitExceeded", 503),
        Service::CloudWatchQuery => ("Throttling", 400),
        Service::Ssm | Service::CloudWatch | Service::CloudWatchJson => ("ThrottlingException", 400),
    };
    AwsError { code, message: "Rate exceeded".to_owned(), http_status }
}

impl Service {
    fn iam_prefix(self) -> &'static str {
        match self {
            Service::AutoScaling => "autoscaling",
            Service::Ec2 => "ec2",
            Service::Ssm => "ssm",
            Service::CloudWatch | Service::CloudWatchJson | Service::CloudWatchQuery => "cloudwatch",
        }
    }

    fn success(self, body: Vec<u8>) -> Response {
        self.respond(StatusCode::OK, body)
    }

    fn failure(self, error: &AwsError, request_id: &str) -> Response {
        let body = match self {
            Service::AutoScaling => query_error(wire::autoscaling::NAMESPACE, error, request_id).into_bytes(),
            Service::CloudWatchQuery => {
                let code = wire::cloudwatch::query_code(error.code).unwrap_or(error.code);
                let error = AwsError { code, ..error.clone() };
                query_error(wire::cloudwatch::NAMESPACE, &error, request_id).into_bytes()
            }
            Service::Ec2 => ec2_error(error, request_id).into_bytes(),
            Service::Ssm | Service::CloudWatchJson => {
                serde_json::json!({"__type": error.code, "message": error.message}).to_string().into_bytes()
            }
            Service::CloudWatch => {
                let text = |text: &str| ciborium::Value::Text(text.to_owned());
                let shape = format!("com.amazonaws.cloudwatch#{}", error.code);
                to_cbor(&ciborium::Value::Map(vec![
                    (text("__type"), text(&shape)),
                    (text("message"), text(&error.message)),
                ]))
            }
        };
        let status = StatusCode::from_u16(error.http_status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = self.respond(status, body);
        if matches!(self, Service::CloudWatch | Service::CloudWatchJson)
            && let Some(code) = wire::cloudwatch::query_code(error.code)
            && let Ok(value) = format!("{code};Sender").parse()
        {
            response.headers_mut().insert("x-amzn-query-error", value);
        }
        response
    }

    fn respond(self, status: StatusCode, body: Vec<u8>) -> Response {
        let content_type = match self {
            Service::AutoScaling | Service::Ec2 | Service::CloudWatchQuery => "text/xml",
            Service::Ssm => "application/x-amz-json-1.1",
            Service::CloudWatchJson => "application/x-amz-json-1.0",
            Service::CloudWatch => "application/cbor",
        };
        let mut response = (status, [(header::CONTENT_TYPE, content_type)], body).into_response();
        if self == Service::CloudWatch {
            let protocol = header::HeaderValue::from_static("rpc-v2-cbor");
            response.headers_mut().insert("smithy-protocol", protocol);
        }
        response
    }
}

fn query_answer(namespace: &str, action: &str, result: &str, request_id: &str) -> String {
    let inside = Xml::build(|xml| {
        xml.raw(result);
        xml.element("ResponseMetadata", |xml| xml.text("RequestId", request_id));
    });
    format!("<{action}Response xmlns=\"{namespace}\">{inside}</{action}Response>")
}

/// <https://smithy.io/2.0/aws/protocols/aws-query-protocol.html#operation-error-serialization>
fn query_error(namespace: &str, error: &AwsError, request_id: &str) -> String {
    let inside = Xml::build(|xml| {
        xml.element("Error", |xml| {
            xml.text("Type", if error.http_status < 500 { "Sender" } else { "Receiver" });
            xml.text("Code", error.code);
            xml.text("Message", &error.message);
        });
        xml.text("RequestId", request_id);
    });
    format!("<ErrorResponse xmlns=\"{namespace}\">{inside}</ErrorResponse>")
}

fn ec2_answer(action: &str, result: &str, request_id: &str) -> String {
    let namespace = wire::ec2::NAMESPACE;
    format!("<{action}Response xmlns=\"{namespace}\"><requestId>{request_id}</requestId>{result}</{action}Response>")
}

/// <https://smithy.io/2.0/aws/protocols/aws-ec2-query-protocol.html#operation-error-serialization>
fn ec2_error(error: &AwsError, request_id: &str) -> String {
    let errors = Xml::build(|xml| {
        xml.element("Response", |xml| {
            xml.element("Errors", |xml| {
                xml.element("Error", |xml| {
                    xml.text("Code", error.code);
                    xml.text("Message", &error.message);
                });
            });
            xml.text("RequestID", request_id);
        });
    });
    format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>{errors}")
}

fn to_cbor(value: &ciborium::Value) -> Vec<u8> {
    let mut bytes = Vec::new();
    ciborium::into_writer(value, &mut bytes).expect("a value is written to memory");
    bytes
}
