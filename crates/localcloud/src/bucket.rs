//! The recordings bucket: `PUT /<bucket>/<instance>/<session>/<file>`, as much of S3 as an upload needs.

use std::path::{Component, Path};
use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path as UrlPath, State as Shared};
use axum::http::StatusCode;
use axum::routing::put;

use crate::state::State;

/// The bucket's routes.
pub(crate) fn router(state: Arc<State>) -> Router {
    Router::new().route("/{bucket}/{instance}/{session}/{file}", put(upload)).with_state(state)
}

/// Stores a file below the output directory. The world decides with the recording itself whether the upload
/// succeeds; the files beside it are taken along.
async fn upload(
    Shared(state): Shared<Arc<State>>,
    UrlPath(parts): UrlPath<[String; 4]>,
    body: Bytes,
) -> Result<(), (StatusCode, String)> {
    let [bucket, instance, session, file] = &parts;
    let key: &Path = &[bucket, instance, session, file].iter().collect::<std::path::PathBuf>();
    if key.components().count() != parts.len() || !key.components().all(|part| matches!(part, Component::Normal(_))) {
        return Err((StatusCode::BAD_REQUEST, "InvalidURI".to_owned()));
    }
    let path = state.output_directory.join(key);
    // An upload may be repeated after its answer was lost.
    if file.ends_with(".mp4") && !path.exists() {
        state.world(|world| world.upload(instance, session)).map_err(|error| {
            let status = StatusCode::from_u16(error.http_status).unwrap_or(StatusCode::SERVICE_UNAVAILABLE);
            (status, error.to_string())
        })?;
    }
    store(&path, &body).map_err(|error| (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()))
}

fn store(path: &Path, body: &[u8]) -> std::io::Result<()> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    std::fs::write(path, body)
}
