//! EC2: the group's instances with their tags.

use aws_sdk_ec2::{
    Client,
    types::{Filter, Instance, Tag},
};
use controller::{
    ports::{CallError, InstanceDescription, Page},
    words::ec2_state,
};
use planner::{InstanceId, Timestamp};

use super::call::{call_error, next_page};

/// How many instances a page of `DescribeInstances` holds at most.
const PAGE_SIZE: i32 = 1000;

pub(super) async fn describe_instances(
    client: &Client,
    group: &str,
    token: Option<String>,
) -> Result<Page<InstanceDescription>, CallError> {
    const OPERATION: &str = "ec2:DescribeInstances";
    let filter = Filter::builder().name("tag:aws:autoscaling:groupName").values(group).build();
    let call = client.describe_instances().filters(filter).max_results(PAGE_SIZE).set_next_token(token);
    let answer = call.send().await.map_err(|error| call_error(OPERATION, &error))?;
    let instances = answer.reservations().iter().flat_map(|reservation| reservation.instances());
    let described = instances.map(read_instance).collect::<Option<Vec<_>>>();
    let items = described.ok_or_else(|| CallError::incomplete(OPERATION, "InstanceId or LaunchTime"))?;
    Ok(Page { items, next: next_page(answer.next_token()) })
}

fn read_instance(instance: &Instance) -> Option<InstanceDescription> {
    let tags = instance.tags().iter().filter_map(|tag| Some((tag.key()?.to_owned(), tag.value()?.to_owned())));
    let state = instance.state().and_then(|state| state.name()).map_or("", |name| name.as_str());
    Some(InstanceDescription {
        id: InstanceId::new(instance.instance_id()?),
        state: ec2_state(state),
        launched_at: Timestamp(instance.launch_time()?.secs()),
        tags: tags.collect(),
    })
}

pub(super) async fn create_tag(
    client: &Client,
    instances: &[InstanceId],
    key: &str,
    value: &str,
) -> Result<(), CallError> {
    let tag = Tag::builder().key(key).value(value).build();
    client
        .create_tags()
        .set_resources(Some(instances.iter().map(|id| id.as_str().to_owned()).collect()))
        .tags(tag)
        .send()
        .await
        .map(drop)
        .map_err(|error| call_error("ec2:CreateTags", &error))
}
