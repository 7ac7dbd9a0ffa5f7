//! SSM: Run Command, and the forecast's parameter.

use aws_sdk_ssm::{
    Client,
    operation::send_command::builders::SendCommandFluentBuilder,
    types::{CommandFilter, CommandFilterKey, CommandInvocation, ParameterTier, ParameterType},
};
use controller::{
    ports::{CallError, Document, Page, SentCommand},
    tags::format_moment,
    words::command_status,
};
use planner::{InstanceId, Timestamp};

use super::call::{call_error, next_page};

/// How many invocations a page holds at most.
const PAGE_SIZE: i32 = 50;
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
    token: Option<String>,
) -> Result<Page<SentCommand>, CallError> {
    const OPERATION: &str = "ssm:ListCommandInvocations";
    let filter = |key: CommandFilterKey, value: String| {
        CommandFilter::builder().key(key).value(value).build().map_err(|_| CallError::incomplete(OPERATION, "filter"))
    };
    let answer = client
        .list_command_invocations()
        .filters(filter(CommandFilterKey::DocumentName, name.to_owned())?)
        .filters(filter(CommandFilterKey::InvokedAfter, format_moment(since))?)
        .details(true)
        .max_results(PAGE_SIZE)
        .set_next_token(token)
        .send()
        .await
        .map_err(|error| call_error(OPERATION, &error))?;
    let sent = answer.command_invocations().iter().map(read_invocation).collect::<Option<Vec<_>>>();
    let items = sent.ok_or_else(|| CallError::incomplete(OPERATION, "InstanceId or RequestedDateTime"))?;
    Ok(Page { items, next: next_page(answer.next_token()) })
}

fn read_invocation(invocation: &CommandInvocation) -> Option<SentCommand> {
    let output = invocation.command_plugins().first().and_then(|plugin| plugin.output()).unwrap_or_default();
    let status = invocation.status().map_or("", |status| status.as_str());
    Some(SentCommand {
        instance: InstanceId::new(invocation.instance_id()?),
        sent_at: Timestamp(invocation.requested_date_time()?.secs()),
        status: command_status(status, output, invocation.status_details().unwrap_or("no status")),
    })
}

pub(super) async fn send_command(
    client: &Client,
    name: &str,
    document: Document,
    instances: &[InstanceId],
) -> Result<(), CallError> {
    let sent = command(client, name, document, instances).send().await;
    sent.map(drop).map_err(|error| call_error("ssm:SendCommand", &error))
}

/// Nothing of it comes from outside but the ids: a document is a script, and gets no argument.
fn command(client: &Client, name: &str, document: Document, instances: &[InstanceId]) -> SendCommandFluentBuilder {
    client
        .send_command()
        .document_name(name)
        .set_instance_ids(Some(instances.iter().map(|id| id.as_str().to_owned()).collect()))
        .timeout_seconds(DELIVERY_TIMEOUT_SECONDS)
        .parameters("executionTimeout", vec![execution_timeout_seconds(document).to_string()])
        .comment("jibri-autoscaler")
}

pub(super) async fn get_parameter(client: &Client, name: &str) -> Result<String, CallError> {
    const OPERATION: &str = "ssm:GetParameter";
    let answer = client.get_parameter().name(name).send().await.map_err(|error| call_error(OPERATION, &error))?;
    let value = answer.parameter().and_then(|parameter| parameter.value());
    value.map(str::to_owned).ok_or_else(|| CallError::incomplete(OPERATION, "Value"))
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

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use aws_sdk_ssm::{
        config::{BehaviorVersion, Config},
        types::CommandInvocationStatus as Status,
    };
    use controller::ports::CommandStatus;

    use super::*;

    #[test]
    fn nothing_from_outside_gets_into_a_script() {
        let client = Client::from_conf(Config::builder().behavior_version(BehaviorVersion::latest()).build());
        let instances = [InstanceId::new("i-1; reboot")];
        for (document, seconds) in [(Document::Check, "30"), (Document::Drain, "3600")] {
            let sent =
                command(&client, "jibri-drain", document, &instances).as_input().clone().build().expect("a command");
            let parameters = HashMap::from([("executionTimeout".to_owned(), vec![seconds.to_owned()])]);
            assert_eq!(sent.parameters(), Some(&parameters));
            assert_eq!(sent.comment(), Some("jibri-autoscaler"));
            assert_eq!((sent.instance_ids(), sent.targets().len()), (&["i-1; reboot".to_owned()][..], 0));
        }
    }

    #[test]
    fn what_a_command_has_failed_with_is_short_and_keeps_to_its_line() {
        let invocation = CommandInvocation::builder()
            .instance_id("i-1")
            .requested_date_time(aws_sdk_ssm::primitives::DateTime::from_secs(1_800_000_000))
            .status(Status::Failed)
            .status_details(format!("Failed\n{}", "x".repeat(100_000)))
            .build();
        let command = read_invocation(&invocation).expect("a command");
        let CommandStatus::Failed(why) = command.status else { panic!("{command:?}") };
        assert!(why.chars().count() == 500 && why.starts_with("Failed\u{fffd}x"), "{why:.200}");
    }
}
