//! What stands around an answer, and around an error, in each of AWS's protocols.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use ciborium::Value as Cbor;
use world::AwsError;

use super::Xml;

/// How a service is spoken to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protocol {
    /// awsQuery: a form, answered in XML of this namespace.
    Query(&'static str),
    /// ec2Query: the same, with envelopes of its own.
    Ec2Query(&'static str),
    /// awsJson of this version.
    Json(&'static str),
    /// Smithy RPC v2 CBOR.
    Cbor,
}

impl Protocol {
    /// A successful answer with this body.
    pub(crate) fn success(self, body: Vec<u8>, request_id: &str) -> Response {
        self.respond(StatusCode::OK, body, request_id)
    }

    /// An error. `shape` is its name, and `message_member` that of its message, where errors are structures.
    pub(crate) fn failure(self, error: &AwsError, shape: &str, message_member: &str, request_id: &str) -> Response {
        let body = match self {
            Protocol::Query(namespace) => query_error(namespace, error, request_id).into_bytes(),
            Protocol::Ec2Query(_) => ec2_error(error, request_id).into_bytes(),
            Protocol::Json(_) => {
                serde_json::json!({"__type": shape, message_member: error.message}).to_string().into_bytes()
            }
            Protocol::Cbor => {
                let text = |text: &str| Cbor::Text(text.to_owned());
                to_cbor(&Cbor::Map(vec![
                    (text("__type"), text(&format!("com.amazonaws.cloudwatch#{shape}"))),
                    (text(message_member), text(&error.message)),
                ]))
            }
        };
        let status = StatusCode::from_u16(error.http_status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        self.respond(status, body, request_id)
    }

    fn respond(self, status: StatusCode, body: Vec<u8>, request_id: &str) -> Response {
        let content_type = match self {
            Protocol::Query(_) | Protocol::Ec2Query(_) => "text/xml".to_owned(),
            Protocol::Json(version) => format!("application/x-amz-json-{version}"),
            Protocol::Cbor => "application/cbor".to_owned(),
        };
        let has_body = !body.is_empty();
        let mut response = (status, [("x-amzn-requestid", request_id)], body).into_response();
        let headers = response.headers_mut();
        match HeaderValue::try_from(content_type) {
            Ok(content_type) if has_body => headers.insert(header::CONTENT_TYPE, content_type),
            _ => headers.remove(header::CONTENT_TYPE),
        };
        if self == Protocol::Cbor {
            headers.insert("smithy-protocol", HeaderValue::from_static("rpc-v2-cbor"));
        }
        response
    }
}

/// `result` is what stands inside `<…Result>`; an action without output has none.
///
/// <https://smithy.io/2.0/aws/protocols/aws-query-protocol.html#response-serialization>
pub(crate) fn query_answer(namespace: &str, action: &str, result: Option<&str>, request_id: &str) -> String {
    let inside = Xml::build(|xml| {
        if let Some(result) = result {
            xml.element(&format!("{action}Result"), |xml| xml.raw(result));
        }
        xml.element("ResponseMetadata", |xml| xml.text("RequestId", request_id));
    });
    format!("<{action}Response xmlns=\"{namespace}\">{inside}</{action}Response>")
}

/// <https://smithy.io/2.0/aws/protocols/aws-query-protocol.html#operation-error-serialization>
fn query_error(namespace: &str, error: &AwsError, request_id: &str) -> String {
    let inside = Xml::build(|xml| {
        xml.element("Error", |xml| {
            xml.text("Type", fault(error));
            xml.text("Code", error.code);
            xml.text("Message", &error.message);
        });
        xml.text("RequestId", request_id);
    });
    format!("<ErrorResponse xmlns=\"{namespace}\">{inside}</ErrorResponse>")
}

/// Whose fault an error is.
pub(crate) fn fault(error: &AwsError) -> &'static str {
    if error.http_status < 500 { "Sender" } else { "Receiver" }
}

/// `result` is what stands beside `<requestId>`.
pub(crate) fn ec2_answer(namespace: &str, action: &str, result: &str, request_id: &str) -> String {
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

pub(crate) fn to_cbor(value: &Cbor) -> Vec<u8> {
    let mut bytes = Vec::new();
    ciborium::into_writer(value, &mut bytes).expect("a value is written to memory");
    bytes
}
