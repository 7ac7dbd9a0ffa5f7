//! Amazon EC2: ec2Query, version 2016-11-15.
//!
//! <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/OperationList-query.html>

use world::{AwsError, Ec2InstanceView};

use super::page::{Page, page_size};
use super::{Operation, Parameters, Xml, refused};
use crate::call_log::Resource;
use crate::clock::iso_8601;
use world::arn;

/// The namespace of its answers.
pub(crate) const NAMESPACE: &str = "http://ec2.amazonaws.com/doc/2016-11-15/";

/// Performs an action; answers what stands beside `<requestId>`.
pub(crate) fn perform(operation: &mut Operation, action: &str, parameters: &Parameters) -> Result<String, AwsError> {
    match action {
        "DescribeInstances" => describe_instances(operation, parameters),
        "CreateTags" => create_tags(operation, parameters),
        _ => Err(refused("InvalidAction", format!("The action {action} is not valid for this web service."))),
    }
}

/// <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_DescribeInstances.html>: ids and `MaxResults` exclude
/// each other; without `MaxResults` everything comes on one page.
fn describe_instances(operation: &mut Operation, parameters: &Parameters) -> Result<String, AwsError> {
    operation.on(Resource::any());
    let ids = parameters.list("InstanceId.");
    if let Some(malformed) = ids.iter().find(|id| !is_instance_id(id)) {
        return Err(refused("InvalidInstanceID.Malformed", format!("Invalid id: \"{malformed}\"")));
    }
    let asked = match parameters.get("MaxResults") {
        Some(text) => Some(
            text.parse::<i64>()
                .map_err(|_| refused("InvalidParameterValue", format!("Invalid value '{text}' for maxResults.")))?,
        ),
        None => None,
    };
    if asked.is_some() && !ids.is_empty() {
        return Err(refused(
            "InvalidParameterCombination",
            "The parameter instancesSet cannot be used with the parameter maxResults",
        ));
    }
    if asked.is_some_and(|asked| asked < 5) {
        return Err(refused(
            "InvalidParameterValue",
            "Value for parameter maxResults is invalid. Expecting a value greater than 5.",
        ));
    }
    let size = page_size(asked, usize::MAX, 1_000, "InvalidParameterValue")?;
    let group = operation.world.config().group_name.clone();
    let mut instances = operation.world.describe_instances_of_group(&group)?;
    for filter in parameters.structures("Filter.") {
        let name = filter.get("Name").unwrap_or_default().to_owned();
        let values = filter.list("Value.");
        let Some(tag) = known_filter(&name) else {
            return Err(refused("InvalidParameterValue", format!("The filter '{name}' is invalid")));
        };
        instances.retain(|instance| values.iter().any(|value| matches_filter(instance, &tag, value)));
    }
    if let Some(missing) = ids.iter().find(|id| instances.iter().all(|instance| instance.id != **id)) {
        return Err(refused("InvalidInstanceID.NotFound", format!("The instance ID '{missing}' does not exist")));
    }
    if !ids.is_empty() {
        instances.retain(|instance| ids.contains(&instance.id));
    }
    let page = Page::of(instances, parameters.get("NextToken"), size, "InvalidNextToken")?;
    Ok(Xml::build(|xml| {
        xml.list("reservationSet", "item", &page.items, write_reservation);
        if let Some(token) = &page.next_token {
            xml.text("nextToken", token);
        }
    }))
}

/// `i-` and 8 or 17 hexadecimal digits.
fn is_instance_id(id: &str) -> bool {
    id.strip_prefix("i-").is_some_and(|digits| {
        [8, 17].contains(&digits.len()) && digits.bytes().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'))
    })
}

/// The filters that are known here.
enum Filter {
    InstanceId,
    State,
    Tag(String),
}

fn known_filter(name: &str) -> Option<Filter> {
    match name {
        "instance-id" => Some(Filter::InstanceId),
        "instance-state-name" => Some(Filter::State),
        _ => name.strip_prefix("tag:").map(|key| Filter::Tag(key.to_owned())),
    }
}

fn matches_filter(instance: &Ec2InstanceView, filter: &Filter, value: &str) -> bool {
    match filter {
        Filter::InstanceId => instance.id == value,
        Filter::State => instance.state == value,
        Filter::Tag(key) => instance.tags.iter().any(|(name, tag)| name == key && tag == value),
    }
}

fn write_reservation(xml: &mut Xml, instance: &Ec2InstanceView) {
    // AWS groups what one call has launched; to readers the grouping is nothing to rely on.
    xml.text("reservationId", instance.id.replacen("i-", "r-", 1));
    xml.text("ownerId", arn::ACCOUNT);
    xml.list("instancesSet", "item", [instance], |xml, instance| {
        xml.text("instanceId", &instance.id);
        xml.element("instanceState", |xml| {
            xml.text("code", state_code(instance.state));
            xml.text("name", instance.state);
        });
        xml.text("launchTime", iso_8601(instance.launched_at));
        xml.element("placement", |xml| xml.text("availabilityZone", &instance.zone));
        xml.list("tagSet", "item", &instance.tags, |xml, (key, value)| {
            xml.text("key", key);
            xml.text("value", value);
        });
    });
}

/// <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_InstanceState.html>
fn state_code(state: &str) -> u8 {
    match state {
        "pending" => 0,
        "running" => 16,
        "shutting-down" => 32,
        "terminated" => 48,
        "stopping" => 64,
        _ => 80,
    }
}

/// <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateTags.html>
fn create_tags(operation: &mut Operation, parameters: &Parameters) -> Result<String, AwsError> {
    let resources = parameters.list("ResourceId.");
    for id in &resources {
        let instance = Resource::instance(operation.world, id);
        operation.on(instance);
    }
    if let Some(malformed) = resources.iter().find(|id| !is_instance_id(id)) {
        return Err(refused("InvalidID", format!("The ID '{malformed}' is not valid")));
    }
    let mut tags = Vec::new();
    for tag in parameters.structures("Tag.") {
        let key = tag.get("Key").unwrap_or_default().to_owned();
        if key.starts_with("aws:") {
            return Err(refused(
                "InvalidParameterValue",
                "Tag keys starting with 'aws:' are reserved for internal use",
            ));
        }
        operation.condition("aws:TagKeys", &key);
        tags.push((key, tag.get("Value").unwrap_or_default().to_owned()));
    }
    if resources.is_empty() || tags.is_empty() {
        return Err(refused("MissingParameter", "The request must contain the parameters ResourceId and Tag"));
    }
    operation.world.create_tags(&resources, &tags)?;
    Ok(Xml::build(|xml| xml.text("return", true)))
}
