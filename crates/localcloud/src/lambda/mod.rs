//! Lambda: runs the functions' real binaries, and keeps a record of every invocation.

mod environment;
mod runtime_api;

use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, ensure};
use axum::body::Bytes;
use serde::Serialize;
use tokio::sync::{Semaphore, SemaphorePermit};
use world::Milliseconds;

use self::environment::Environment;
use self::runtime_api::Event;
use crate::config::FunctionConfig;
use crate::state::State;
use world::arn;

/// Execution environments of one function.
const CONCURRENCY_LIMIT: usize = 3;

/// How an invocation ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub enum Outcome {
    /// The function answered.
    Success,
    /// The function answered with an error, of this type and message.
    Error(String),
    /// The process ended, with this status, or could not be started.
    Crashed(String),
    /// The function took too long, and was killed.
    TimedOut,
}

/// One attempt to invoke a function.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Invocation {
    /// The request id, the same for every attempt.
    pub request_id: String,
    /// The function.
    pub function: String,
    /// What invoked it: `schedule`, `lifecycle event` or `call`.
    pub cause: &'static str,
    /// How often it had been tried before.
    pub retries: u32,
    /// When it started, in the world's time.
    pub started_at: Milliseconds,
    /// When it ended; `None` while it runs.
    pub ended_at: Option<Milliseconds>,
    /// How it ended; `None` while it runs.
    pub outcome: Option<Outcome>,
}

/// What is to be invoked.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) request_id: String,
    pub(crate) cause: &'static str,
    pub(crate) retries: u32,
    pub(crate) payload: Bytes,
}

/// The functions.
pub(crate) struct Lambda {
    state: Arc<State>,
    functions: BTreeMap<String, DeployedFunction>,
    invocations: Mutex<Vec<Invocation>>,
}

struct DeployedFunction {
    config: FunctionConfig,
    binary: PathBuf,
    variables: Vec<(String, String)>,
    idle: Mutex<Vec<Environment>>,
    slots: Semaphore,
}

impl Lambda {
    /// Functions whose binaries are in `directory`; none without one.
    pub(crate) fn new(
        state: Arc<State>,
        directory: Option<&Path>,
        functions: &[FunctionConfig],
        variables: &[(String, String)],
    ) -> anyhow::Result<Lambda> {
        let mut known = BTreeMap::new();
        for config in functions.iter().filter(|_| directory.is_some()) {
            let binary = directory.unwrap_or(Path::new(".")).join(&config.name);
            ensure!(binary.is_file(), "there is no function binary {}", binary.display());
            let function = DeployedFunction {
                variables: function_variables(&config.name, variables),
                config: config.clone(),
                binary,
                idle: Mutex::new(Vec::new()),
                slots: Semaphore::new(CONCURRENCY_LIMIT),
            };
            known.insert(config.name.clone(), function);
        }
        Ok(Lambda { state, functions: known, invocations: Mutex::new(Vec::new()) })
    }

    /// The functions there are.
    pub(crate) fn functions(&self) -> impl Iterator<Item = &FunctionConfig> {
        self.functions.values().map(|function| &function.config)
    }

    /// Every attempt to invoke a function so far, in the order in which they started.
    pub(crate) fn invocations(&self) -> Vec<Invocation> {
        self.lock().clone()
    }

    /// Invokes a function, as soon as one of its environments is free.
    pub(crate) async fn invoke(&self, name: &str, request: Request) -> anyhow::Result<(Outcome, Bytes)> {
        let function = self.function(name)?;
        let slot = function.slots.acquire().await?;
        self.run(function, request, slot).await
    }

    /// Invokes a function at once; `None` when all its environments are taken.
    pub(crate) async fn try_invoke(&self, name: &str, request: Request) -> anyhow::Result<Option<(Outcome, Bytes)>> {
        let function = self.function(name)?;
        match function.slots.try_acquire() {
            Ok(slot) => self.run(function, request, slot).await.map(Some),
            Err(_) => {
                if let Ok(function) = name.parse() {
                    self.state.world(|world| world.publish_throttle(function));
                }
                Ok(None)
            }
        }
    }

    /// Whether there is such a function.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.functions.contains_key(name)
    }

    /// Kills every environment that waits for an event, and sees them gone.
    pub(crate) async fn kill_idle(&self) {
        for function in self.functions.values() {
            let idle = std::mem::take(&mut *function.lock_idle());
            for environment in idle {
                environment.kill().await;
            }
        }
    }

    /// Kills every environment that waits for an event.
    pub(crate) fn forget_idle(&self) {
        for function in self.functions.values() {
            function.lock_idle().clear();
        }
    }

    fn function(&self, name: &str) -> anyhow::Result<&DeployedFunction> {
        self.functions.get(name).with_context(|| format!("there is no function {name}"))
    }

    async fn run(
        &self,
        function: &DeployedFunction,
        request: Request,
        _slot: SemaphorePermit<'_>,
    ) -> anyhow::Result<(Outcome, Bytes)> {
        let name = &function.config.name;
        let index = self.note_start(name, &request);
        let event = Event {
            request_id: request.request_id,
            payload: request.payload,
            function_arn: arn::function(name),
            timeout_milliseconds: Milliseconds::from(function.config.timeout_seconds) * 1_000,
        };
        let ended = self.run_event(function, event).await;
        let outcome = match &ended {
            Ok((outcome, _)) => outcome.clone(),
            Err(error) => Outcome::Crashed(format!("{error:#}")),
        };
        self.note_end(index, outcome);
        ended
    }

    async fn run_event(&self, function: &DeployedFunction, event: Event) -> anyhow::Result<(Outcome, Bytes)> {
        let mut environment = match function.take_idle() {
            Some(environment) => environment,
            None => self.start_environment(function).await?,
        };
        let (outcome, payload) = environment.invoke(event).await;
        if matches!(outcome, Outcome::Success | Outcome::Error(_)) {
            function.lock_idle().push(environment);
        }
        Ok((outcome, payload))
    }

    async fn start_environment(&self, function: &DeployedFunction) -> anyhow::Result<Environment> {
        let path = self.state.output_directory.join(format!("{}.log", function.config.name));
        let log = OpenOptions::new().create(true).append(true).open(path)?;
        Environment::start(self.state.clock, &function.binary, &function.variables, log).await
    }

    fn note_start(&self, function: &str, request: &Request) -> usize {
        let mut invocations = self.lock();
        invocations.push(Invocation {
            request_id: request.request_id.clone(),
            function: function.to_owned(),
            cause: request.cause,
            retries: request.retries,
            started_at: self.state.clock.now(),
            ended_at: None,
            outcome: None,
        });
        invocations.len() - 1
    }

    fn note_end(&self, index: usize, outcome: Outcome) {
        let failed = outcome != Outcome::Success;
        let ended = self.lock().get_mut(index).map(|invocation| {
            invocation.ended_at = Some(self.state.clock.now());
            invocation.outcome = Some(outcome);
            (invocation.function.parse(), invocation.started_at)
        });
        if let Some((Ok(function), started_at)) = ended {
            self.state.world(|world| world.publish_invocation(function, started_at, failed));
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Invocation>> {
        self.invocations.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl DeployedFunction {
    /// An environment that waits for its next event.
    fn take_idle(&self) -> Option<Environment> {
        let mut idle = self.lock_idle();
        while let Some(mut environment) = idle.pop() {
            if environment.is_alive() {
                return Some(environment);
            }
        }
        None
    }

    fn lock_idle(&self) -> std::sync::MutexGuard<'_, Vec<Environment>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What Lambda itself sets, and then everything else. By the access key id the call log knows which
/// function calls.
///
/// <https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html>
fn function_variables(name: &str, variables: &[(String, String)]) -> Vec<(String, String)> {
    let mut all = vec![
        ("AWS_ACCESS_KEY_ID".to_owned(), name.to_owned()),
        ("AWS_LAMBDA_FUNCTION_NAME".to_owned(), name.to_owned()),
        ("AWS_LAMBDA_FUNCTION_VERSION".to_owned(), "$LATEST".to_owned()),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE".to_owned(), "128".to_owned()),
        ("AWS_LAMBDA_LOG_GROUP_NAME".to_owned(), format!("/aws/lambda/{name}")),
        ("AWS_LAMBDA_LOG_STREAM_NAME".to_owned(), "local".to_owned()),
    ];
    all.extend_from_slice(variables);
    all
}
