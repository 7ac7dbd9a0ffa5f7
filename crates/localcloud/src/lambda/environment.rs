//! An execution environment: one process of a function, invoked again and again, one event at a time.

use std::fs::File;
use std::net::Ipv4Addr;
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use axum::body::Bytes;
use tokio::net::TcpListener;
use tokio::process::{Child, Command};
use tokio::task::JoinHandle;

use super::Outcome;
use super::runtime_api::{Event, RuntimeApi, Said};
use crate::clock::WorldClock;

/// How long a process may really take until it asks for its first event.
const INIT_LIMIT: Duration = Duration::from_secs(60);

/// One process of a function, with its own runtime interface.
pub(crate) struct Environment {
    clock: WorldClock,
    child: Child,
    api: Arc<RuntimeApi>,
    server: JoinHandle<()>,
}

impl Environment {
    /// Starts the process. It sees the given variables and the path, nothing else.
    pub(crate) async fn start(
        clock: WorldClock,
        binary: &Path,
        variables: &[(String, String)],
        log: File,
    ) -> anyhow::Result<Environment> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let api = RuntimeApi::new(clock);
        let router = api.clone().router();
        let errors = log.try_clone()?;
        let child = Command::new(binary)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .envs(variables.iter().map(|(name, value)| (name, value)))
            .env("AWS_LAMBDA_RUNTIME_API", address.to_string())
            .stdin(Stdio::null())
            .stdout(log)
            .stderr(errors)
            .kill_on_drop(true)
            .spawn()
            .with_context(|| format!("cannot start {}", binary.display()))?;
        let server = tokio::spawn(async move {
            // It ends with the environment.
            let _ = axum::serve(listener, router).await;
        });
        Ok(Environment { clock, child, api, server })
    }

    /// Whether the process still runs.
    pub(crate) fn is_alive(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Kills the process, and waits until it has ended.
    pub(crate) async fn kill(mut self) {
        // The process may have ended by itself.
        let _ = self.child.kill().await;
    }

    /// Invokes the function: how it ended, and its payload. After anything but an answer the process is of no more
    /// use, and must be dropped.
    pub(crate) async fn invoke(&mut self, event: Event) -> (Outcome, Bytes) {
        let limit = self.clock.real_duration(event.timeout_milliseconds);
        let mut offered = self.api.offer(event);
        let answer = async {
            if tokio::time::timeout(INIT_LIMIT, &mut offered.taken).await.is_err() {
                return Ended::TimedOut;
            }
            match tokio::time::timeout(limit, &mut offered.said).await {
                Ok(Ok(said)) => Ended::Said(said),
                Ok(Err(_)) | Err(_) => Ended::TimedOut,
            }
        };
        let ended = tokio::select! {
            biased;
            ended = answer => ended,
            status = self.child.wait() => Ended::Exited(status.map_or_else(|error| error.to_string(), |status| status.to_string())),
        };
        let ended = match (ended, offered.said.try_recv()) {
            // The process has answered, and exited at once.
            (Ended::Exited(_), Ok(said)) => Ended::Said(said),
            (ended, _) => ended,
        };
        match ended {
            Ended::Said(Said::Response(payload)) => (Outcome::Success, payload),
            Ended::Said(Said::Error(payload)) => (Outcome::Error(error_text(&payload)), payload),
            Ended::TimedOut => (Outcome::TimedOut, failure("Sandbox.Timedout", "Task timed out")),
            Ended::Exited(status) => {
                let payload = failure("Runtime.ExitError", &format!("Runtime exited: {status}"));
                (Outcome::Crashed(status), payload)
            }
        }
    }
}

impl Drop for Environment {
    fn drop(&mut self) {
        // The process is killed by its handle.
        self.server.abort();
    }
}

/// How an invocation ended.
enum Ended {
    Said(Said),
    TimedOut,
    Exited(String),
}

/// An error's type and message, as the function has told it.
fn error_text(payload: &[u8]) -> String {
    let error: serde_json::Value = serde_json::from_slice(payload).unwrap_or_default();
    let text = |name: &str| error[name].as_str().unwrap_or_default().to_owned();
    format!("{}: {}", text("errorType"), text("errorMessage"))
}

fn failure(kind: &str, message: &str) -> Bytes {
    Bytes::from(serde_json::json!({"errorType": kind, "errorMessage": message}).to_string())
}
