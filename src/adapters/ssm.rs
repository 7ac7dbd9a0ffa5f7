//! SSM: Run Command, and the forecast's parameter.

use aws_sdk_ssm::{
    Client,
    types::{
        CommandFilter, CommandFilterKey, CommandInvocation, CommandInvocationStatus as Status, ParameterTier,
        ParameterType,
    },
};
use controller::{
    ports::{CallError, CommandStatus, Document, SentCommand},
    tags::format_moment,
    text::shorten_reason,
};
use planner::{InstanceId, Timestamp};

use super::call::{call_error, call_for_each, incomplete};

/// How many ids a command takes.
const MOST_INSTANCES: usize = 50;
/// How many invocations a page holds at most.
const PAGE: i32 = 50;
/// How long a command may wait for its agent, in seconds.
const DELIVERY_TIMEOUT_SECONDS: i32 = 60;

/// How long the document's script may run, in seconds; the drain script may upload.
fn execution_timeout_seconds(document: Document) -> u32 {
    match document {
        Document::Check => 30,
        Document::Drain => 3600,
    }
}

pub(super) async fn list_commands(
    client: &Client,
    name: &str,
    since: Timestamp,
) -> Result<Vec<SentCommand>, CallError> {
    const OPERATION: &str = "ssm:ListCommandInvocations";
    let filter = |key: CommandFilterKey, value: String| {
        CommandFilter::builder().key(key).value(value).build().map_err(|_| incomplete(OPERATION, "filter"))
    };
    let mut pages = client
        .list_command_invocations()
        .filters(filter(CommandFilterKey::DocumentName, name.to_owned())?)
        .filters(filter(CommandFilterKey::InvokedAfter, format_moment(since))?)
        .details(true)
        .max_results(PAGE)
        .into_paginator()
        .send();
    let mut sent = Vec::new();
    while let Some(page) = pages.next().await {
        let page = page.map_err(|error| call_error(OPERATION, &error))?;
        for invocation in page.command_invocations() {
            let command = read_invocation(invocation);
            sent.push(command.ok_or_else(|| incomplete(OPERATION, "InstanceId or RequestedDateTime"))?);
        }
    }
    Ok(sent)
}

fn read_invocation(invocation: &CommandInvocation) -> Option<SentCommand> {
    let output = || invocation.command_plugins().first().and_then(|plugin| plugin.output()).unwrap_or_default();
    Some(SentCommand {
        instance: InstanceId::new(invocation.instance_id()?),
        sent_at: Timestamp(invocation.requested_date_time()?.secs()),
        status: match invocation.status() {
            Some(Status::Pending | Status::InProgress | Status::Delayed | Status::Cancelling) => {
                CommandStatus::InFlight
            }
            Some(Status::Success) => CommandStatus::Success(output().to_owned()),
            _ => CommandStatus::Failed(shorten_reason(invocation.status_details().unwrap_or("no status"))),
        },
    })
}

/// Sends the document to each. One that SSM does not manage (yet, or any more) keeps no other from its command.
pub(super) async fn send_command(
    client: &Client,
    name: &str,
    document: Document,
    instances: &[InstanceId],
) -> Result<(), CallError> {
    call_for_each(instances, MOST_INSTANCES, async |some| send(client, name, document, some).await).await
}

async fn send(client: &Client, name: &str, document: Document, instances: &[InstanceId]) -> Result<(), CallError> {
    client
        .send_command()
        .document_name(name)
        .set_instance_ids(Some(instances.iter().map(|id| id.as_str().to_owned()).collect()))
        .timeout_seconds(DELIVERY_TIMEOUT_SECONDS)
        .parameters("executionTimeout", vec![execution_timeout_seconds(document).to_string()])
        .comment("jibri-autoscaler")
        .send()
        .await
        .map(drop)
        .map_err(|error| call_error("ssm:SendCommand", &error))
}

pub(super) async fn get_parameter(client: &Client, name: &str) -> Result<String, CallError> {
    const OPERATION: &str = "ssm:GetParameter";
    let answer = client.get_parameter().name(name).send().await.map_err(|error| call_error(OPERATION, &error))?;
    let value = answer.parameter().and_then(|parameter| parameter.value());
    value.map(str::to_owned).ok_or_else(|| incomplete(OPERATION, "Value"))
}

/// Writes a parameter, whether or not it is there already.
pub(super) async fn put_parameter(client: &Client, name: &str, value: &str) -> Result<(), CallError> {
    client
        .put_parameter()
        .name(name)
        .value(value)
        .r#type(ParameterType::String)
        .tier(ParameterTier::Standard)
        .overwrite(true)
        .send()
        .await
        .map(drop)
        .map_err(|error| call_error("ssm:PutParameter", &error))
}
