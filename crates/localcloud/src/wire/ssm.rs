//! AWS Systems Manager: awsJson 1.1, target prefix `AmazonSSM`.
//!
//! <https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_Operations.html>

use serde_json::{Value, json};
use world::{AwsError, CommandView, Milliseconds};

use super::page::{Page, page_size};
use super::{Operation, refused};
use crate::call_log::Resource;
use world::arn;

const VALIDATION_EXCEPTION: &str = "ValidationException";
/// The most and the default of `ListCommandInvocations` on one page.
const INVOCATIONS_PAGE_LIMIT: usize = 50;
/// The longest value of a parameter of the standard tier.
const STANDARD_VALUE_BYTES: usize = 4_096;
/// The default of `TimeoutSeconds`, the time for the delivery.
const DELIVERY_TIMEOUT_SECONDS: i64 = 3_600;

/// How the structure of an error calls its message: the service's model is of two minds.
pub(crate) fn message_member(code: &str) -> &'static str {
    match code {
        "InvalidInstanceId" | "InvalidDocument" | "InvalidParameters" | "InvalidNextToken" => "Message",
        _ => "message",
    }
}

/// Performs an action.
pub(crate) fn perform(operation: &mut Operation, action: &str, input: &Value) -> Result<Value, AwsError> {
    match action {
        "SendCommand" => send_command(operation, input),
        "ListCommandInvocations" => list_command_invocations(operation, input),
        "GetParameter" => get_parameter(operation, input),
        "PutParameter" => put_parameter(operation, input),
        _ => Err(refused("UnknownOperationException", format!("The operation {action} is not known."))),
    }
}

/// <https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_SendCommand.html>
fn send_command(operation: &mut Operation, input: &Value) -> Result<Value, AwsError> {
    let document = required(input, "DocumentName")?;
    let instances: Vec<String> =
        input["InstanceIds"].as_array().into_iter().flatten().filter_map(|id| id.as_str().map(str::to_owned)).collect();
    operation.on(Resource::named(arn::document(document)));
    for id in &instances {
        let instance = Resource::instance(operation.world, id);
        operation.on(instance);
    }
    let timeout_seconds = input["TimeoutSeconds"].as_i64().unwrap_or(DELIVERY_TIMEOUT_SECONDS);
    let timeout_seconds =
        u32::try_from(timeout_seconds).ok().filter(|seconds| (30..=2_592_000).contains(seconds)).ok_or_else(|| {
            refused(
                VALIDATION_EXCEPTION,
                "1 validation error detected: Value at 'timeoutSeconds' failed to satisfy constraint: \
                 Member must have value greater than or equal to 30",
            )
        })?;
    let parameters = input["Parameters"].as_object();
    // Only a real document says what it takes.
    if let Some(known) = operation.stack.and_then(|stack| stack.document(document)) {
        let mut names = parameters.into_iter().flatten().map(|(name, _)| name);
        if let Some(name) = names.find(|name| !known.parameters.contains(name.as_str())) {
            let message = format!("Parameter {name} is not declared in the document {document}.");
            return Err(refused("InvalidParameters", message));
        }
    }
    let command_id = operation.world.send_command(document, &instances, timeout_seconds)?;
    Ok(json!({"Command": {
        "CommandId": command_id,
        "DocumentName": document,
        "DocumentVersion": "$DEFAULT",
        "InstanceIds": instances,
        "Targets": [],
        "Parameters": parameters.cloned().unwrap_or_default(),
        "RequestedDateTime": epoch_seconds(operation.world.now()),
        "Status": "Pending",
        "StatusDetails": "Pending",
        "TargetCount": instances.len(),
        "CompletedCount": 0,
        "ErrorCount": 0,
        "TimeoutSeconds": timeout_seconds,
    }}))
}

/// <https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_ListCommandInvocations.html>
fn list_command_invocations(operation: &mut Operation, input: &Value) -> Result<Value, AwsError> {
    operation.on(Resource::any());
    let size =
        page_size(input["MaxResults"].as_i64(), INVOCATIONS_PAGE_LIMIT, INVOCATIONS_PAGE_LIMIT, VALIDATION_EXCEPTION)?;
    let mut document = None;
    let mut invoked_after = 0;
    for filter in input["Filters"].as_array().into_iter().flatten() {
        let value = required(filter, "value")?;
        match required(filter, "key")? {
            "DocumentName" => document = Some(value.to_owned()),
            "InvokedAfter" => invoked_after = parse_moment(value)?,
            other => {
                return Err(refused("InvalidFilterKey", format!("The filter key {other} is not known here.")));
            }
        }
    }
    let documents = match document {
        Some(document) => vec![document],
        None => operation.world.config().documents(),
    };
    let mut commands = Vec::new();
    for document in documents {
        commands.extend(operation.world.list_command_invocations(&document, invoked_after)?);
    }
    commands.sort_by_key(|command| std::cmp::Reverse(command.sent_at));
    if let Some(command_id) = input["CommandId"].as_str() {
        commands.retain(|command| command.command_id == command_id);
    }
    if let Some(instance) = input["InstanceId"].as_str() {
        commands.retain(|command| command.instance == instance);
    }
    let details = input["Details"].as_bool().unwrap_or(false);
    let page = Page::of(commands, input["NextToken"].as_str(), size, "InvalidNextToken")?;
    let invocations: Vec<Value> = page.items.iter().map(|command| write_invocation(command, details)).collect();
    let mut output = json!({"CommandInvocations": invocations});
    if let Some(token) = page.next_token {
        output["NextToken"] = Value::String(token);
    }
    Ok(output)
}

fn write_invocation(command: &CommandView, details: bool) -> Value {
    let plugins = match details {
        true => json!([{
            "Name": "script",
            "Status": command.status,
            "StatusDetails": command.status_details,
            "ResponseCode": command.response_code,
            "Output": command.output,
        }]),
        false => json!([]),
    };
    json!({
        "CommandId": command.command_id,
        "InstanceId": command.instance,
        "InstanceName": "",
        "Comment": "",
        "DocumentName": command.document,
        "DocumentVersion": "$DEFAULT",
        "RequestedDateTime": epoch_seconds(command.sent_at),
        "Status": command.status,
        "StatusDetails": command.status_details,
        "CommandPlugins": plugins,
    })
}

/// <https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_GetParameter.html>
fn get_parameter(operation: &mut Operation, input: &Value) -> Result<Value, AwsError> {
    let name = required(input, "Name")?;
    operation.on(Resource::named(arn::parameter(name)));
    let value = operation.world.get_parameter(name)?;
    Ok(json!({"Parameter": {
        "Name": name,
        "Type": "String",
        "Value": value,
        "Version": 1,
        "ARN": arn::parameter(name),
        "DataType": "text",
    }}))
}

/// <https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_PutParameter.html>
fn put_parameter(operation: &mut Operation, input: &Value) -> Result<Value, AwsError> {
    let name = required(input, "Name")?;
    let value = required(input, "Value")?;
    operation.on(Resource::named(arn::parameter(name)));
    let overwrite = input["Overwrite"].as_bool().unwrap_or(false);
    let known = operation.world.get_parameter(name).is_ok();
    if known && !overwrite {
        return Err(refused(
            "ParameterAlreadyExists",
            "The parameter already exists. To overwrite this value, set the overwrite option in the request to true.",
        ));
    }
    if !known && input["Type"].is_null() {
        return Err(refused(VALIDATION_EXCEPTION, "A parameter type is required when you create a parameter."));
    }
    if value.len() > STANDARD_VALUE_BYTES {
        return Err(refused(
            VALIDATION_EXCEPTION,
            format!("Standard tier parameters support a maximum parameter value of {STANDARD_VALUE_BYTES} characters."),
        ));
    }
    operation.world.put_parameter(name, value)?;
    Ok(json!({"Version": 1, "Tier": "Standard"}))
}

fn required<'a>(input: &'a Value, name: &str) -> Result<&'a str, AwsError> {
    input[name].as_str().ok_or_else(|| {
        refused(
            VALIDATION_EXCEPTION,
            format!("1 validation error detected: Value null at '{name}' failed to satisfy constraint: Member must not be null"),
        )
    })
}

fn parse_moment(text: &str) -> Result<Milliseconds, AwsError> {
    text.parse::<jiff::Timestamp>()
        .map(|moment| moment.as_millisecond())
        .map_err(|_| refused(VALIDATION_EXCEPTION, format!("{text} is no value for InvokedAfter")))
}

/// A timestamp as awsJson writes it: seconds since the epoch, with fractions.
#[allow(clippy::cast_precision_loss, reason = "milliseconds since 1970 are exact in an f64")]
fn epoch_seconds(moment: Milliseconds) -> f64 {
    moment as f64 / 1_000.0
}
