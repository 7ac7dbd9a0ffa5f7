//! A function's whole life: settings, clients, and then one tick for each event.

use std::{collections::BTreeMap, fmt, sync::Arc};

use controller::{Function, Ports, Settings, invoke};
use lambda_runtime::{Diagnostic, Error, LambdaEvent, service_fn};
use planner::Timestamp;
use serde_json::Value;
use tracing::error;

use crate::{
    adapters::{AwsReader, AwsWriter, Jicofos, causes, configure, connect},
    clock::FunctionClock,
    telemetry,
};

/// What an invocation works with, made once.
struct Context {
    function: Function,
    settings: Settings,
    ports: Ports<AwsReader, AwsWriter, Jicofos, FunctionClock>,
}

/// Serves a function until Lambda ends its environment.
///
/// # Errors
/// Settings that cannot be used, all of them; then the function does not begin. Errors of a tick go to Lambda.
pub async fn serve(function: Function) -> Result<(), Error> {
    telemetry::init();
    let context =
        Arc::new(prepare(function).await.inspect_err(|error| error!(error = causes(&**error), "cannot begin"))?);
    let handler = service_fn(move |event: LambdaEvent<Value>| {
        let context = Arc::clone(&context);
        async move { context.handle(event).await.map_err(Failure) }
    });
    lambda_runtime::run(handler).await
}

async fn prepare(function: Function) -> Result<Context, Error> {
    // One that is not UTF-8 must not end the function, unless it is one of ours: then it is a bad setting.
    let readable = |text: std::ffi::OsString| text.to_string_lossy().into_owned();
    let variables: BTreeMap<String, String> =
        std::env::vars_os().map(|(name, value)| (readable(name), readable(value))).collect();
    let settings = Settings::from_variables(&variables)?;
    let clock = FunctionClock::from_variables(settings.rehearsal_clock.as_deref(), &variables)?;
    let (reader, writer) = connect(&settings, &configure().load().await);
    let ports = Ports { reader, writer, jicofo: Jicofos::new(&settings)?, clock };
    Ok(Context { function, settings, ports })
}

/// What a tick failed with. Lambda's runtime logs its `Debug`, so that is written for people, and for once.
struct Failure(Error);

impl fmt::Debug for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "the tick failed: {}", causes(&*self.0))
    }
}

impl From<Failure> for Diagnostic {
    fn from(failure: Failure) -> Self {
        Diagnostic { error_type: "TickFailed".to_owned(), error_message: causes(&*failure.0) }
    }
}

impl Context {
    async fn handle(&self, event: LambdaEvent<Value>) -> Result<(), Error> {
        let deadline = Timestamp(i64::try_from(event.context.deadline / 1000)?);
        Ok(invoke(self.function, event.payload, &self.settings, &self.ports, deadline).await?)
    }
}
