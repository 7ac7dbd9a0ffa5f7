//! The recordings bucket: as much of S3 as an upload needs by a role that may not read objects.
//!
//! <https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObject.html>,
//! <https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html>

use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Path as UrlPath, State as Shared};
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, put};
use md5::{Digest, Md5};
use world::AwsError;

use crate::call_log::{ApiCall, Resource};
use crate::server::caller;
use crate::state::State;
use crate::wire::{Parameters, Xml};
use world::arn;

/// The bucket's name, and that of the directory in which its objects lie.
pub(crate) const BUCKET: &str = "recordings";
/// The largest object: the recordings here are a few letters.
const OBJECT_LIMIT_BYTES: usize = 16 * 1_048_576;

/// The bucket's routes.
pub(crate) fn router(state: Arc<State>) -> Router {
    Router::new()
        .route("/recordings", get(list_objects))
        .route("/recordings/{*key}", put(put_object))
        .layer(DefaultBodyLimit::max(OBJECT_LIMIT_BYTES))
        .with_state(state)
}

/// Stores an object below the output directory. The world decides with the recording itself whether the upload
/// succeeds; the files beside it are taken along.
async fn put_object(
    Shared(state): Shared<Arc<State>>,
    UrlPath(key): UrlPath<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let instance = caller(&headers).to_owned();
    let result = store(&state, &instance, &key, &body);
    note(&state, &instance, "s3:PutObject", arn::object(BUCKET, &key), BTreeMap::new(), result.as_ref().err());
    match result {
        Ok(()) => [(header::ETAG, etag(&body))].into_response(),
        Err(error) => refuse(&error),
    }
}

fn store(state: &State, instance: &str, key: &str, body: &[u8]) -> Result<(), AwsError> {
    let path = path_of(state, key)?;
    // An upload may be repeated after its answer was lost.
    if key.ends_with(".mp4") && !path.exists() {
        // Behind the prefix; the instance may follow.
        let session = Path::new(key).parent().and_then(|folder| folder.iter().nth(1)).and_then(|name| name.to_str());
        let session = session.ok_or_else(|| error(400, "InvalidURI", "a recording lies in a folder"))?;
        // An error that the client does not retry by itself, so that the world alone decides how often an upload fails.
        state
            .world(|world| world.upload(instance, session))
            .map_err(|refused| error(403, "AccessDenied", &refused.to_string()))?;
    }
    let write = || -> std::io::Result<()> {
        std::fs::create_dir_all(path.parent().unwrap_or(&path))?;
        std::fs::write(&path, body)
    };
    write().map_err(|failure| error(500, "InternalError", &failure.to_string()))
}

/// Lists the first objects of a prefix: key, size and checksum.
async fn list_objects(Shared(state): Shared<Arc<State>>, uri: Uri, headers: HeaderMap) -> Response {
    let query = Parameters::parse(uri.query().unwrap_or_default().as_bytes());
    let parameter = |name: &str| query.get(name).unwrap_or_default();
    let prefix = parameter("prefix");
    let result = match (parameter("list-type"), parameter("max-keys")) {
        ("2", "1") => list_first(&state, prefix),
        _ => Err(error(501, "NotImplemented", "only list-type=2 with max-keys=1 is known here")),
    };
    let conditions = BTreeMap::from([("s3:prefix".to_owned(), vec![prefix.to_owned()])]);
    note(&state, caller(&headers), "s3:ListBucket", arn::bucket(BUCKET), conditions, result.as_ref().err());
    match result {
        Ok(list) => list.into_response(),
        Err(error) => refuse(&error),
    }
}

/// Keys here are of such letters that their URL encoding, for which the client asks, changes nothing.
fn list_first(state: &State, prefix: &str) -> Result<String, AwsError> {
    let object = std::fs::read(path_of(state, prefix)?).ok();
    Ok(Xml::build(|xml| {
        xml.element("ListBucketResult", |xml| {
            xml.text("Name", BUCKET);
            xml.text("Prefix", prefix);
            xml.text("KeyCount", usize::from(object.is_some()));
            xml.text("MaxKeys", 1);
            xml.text("IsTruncated", false);
            if let Some(body) = &object {
                xml.element("Contents", |xml| {
                    xml.text("Key", prefix);
                    xml.text("ETag", etag(body));
                    xml.text("Size", body.len());
                });
            }
        });
    }))
}

fn path_of(state: &State, key: &str) -> Result<PathBuf, AwsError> {
    let key = Path::new(key);
    if key.components().next().is_none() || !key.components().all(|part| matches!(part, Component::Normal(_))) {
        return Err(error(400, "InvalidURI", "Couldn't parse the specified URI."));
    }
    Ok(state.output_directory.join(BUCKET).join(key))
}

/// Of an object that was put in one piece and is not encrypted by KMS, its MD5:
/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_Object.html>.
fn etag(body: &[u8]) -> String {
    let digest = Md5::digest(body);
    let letters: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("\"{letters}\"")
}

fn note(
    state: &State,
    caller: &str,
    action: &str,
    arn: String,
    conditions: BTreeMap<String, Vec<String>>,
    error: Option<&AwsError>,
) {
    state.calls.note(ApiCall {
        at: state.world(|world| world.now()),
        function: caller.to_owned(),
        action: action.to_owned(),
        resources: vec![Resource::named(arn)],
        conditions,
        outcome: error.map_or("Success", |error| error.code).to_owned(),
    });
}

fn error(http_status: u16, code: &'static str, message: &str) -> AwsError {
    AwsError { code, message: message.to_owned(), http_status }
}

fn refuse(error: &AwsError) -> Response {
    let xml = Xml::build(|xml| {
        xml.element("Error", |xml| {
            xml.text("Code", error.code);
            xml.text("Message", &error.message);
        });
    });
    let status = StatusCode::from_u16(error.http_status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    (status, xml).into_response()
}
