//! EC2: the group's instances with their tags.

use aws_sdk_ec2::{
    Client,
    types::{Filter, Instance, InstanceStateName, Tag},
};
use controller::{
    ports::{CallError, InstanceDescription},
    tags::PREFIX,
};
use planner::{Ec2State, InstanceId, Timestamp};

use super::call::{Pages, call_error, call_for_each, incomplete};

/// How many resources `CreateTags` is given at once.
const MOST_TAGGED: usize = 500;
/// How many instances a page of `DescribeInstances` holds at most.
const PAGE: i32 = 1000;

pub(super) async fn describe_instances(client: &Client, group: &str) -> Result<Vec<InstanceDescription>, CallError> {
    const OPERATION: &str = "ec2:DescribeInstances";
    let filter = Filter::builder().name("tag:aws:autoscaling:groupName").values(group).build();
    let mut pages = client.describe_instances().filters(filter).max_results(PAGE).into_paginator().send();
    let mut described = Vec::new();
    let mut count = Pages::default();
    while let Some(page) = pages.next().await {
        count.count(OPERATION)?;
        let page = page.map_err(|error| call_error(OPERATION, &error))?;
        for instance in page.reservations().iter().flat_map(|reservation| reservation.instances()) {
            described.push(read_instance(instance).ok_or_else(|| incomplete(OPERATION, "InstanceId or LaunchTime"))?);
        }
    }
    Ok(described)
}

fn read_instance(instance: &Instance) -> Option<InstanceDescription> {
    let tags = instance.tags().iter().filter_map(|tag| Some((tag.key()?.to_owned(), tag.value()?.to_owned())));
    Some(InstanceDescription {
        id: InstanceId::new(instance.instance_id()?),
        state: match instance.state().and_then(|state| state.name()) {
            Some(InstanceStateName::Terminated) => Ec2State::Terminated,
            Some(InstanceStateName::ShuttingDown) => Ec2State::ShuttingDown,
            _ => Ec2State::Exists,
        },
        launched_at: Timestamp(instance.launch_time()?.secs()),
        tags: tags.filter(|(key, _)| key.starts_with(PREFIX)).collect(),
    })
}

/// Sets one tag on each. One that EC2 does not know keeps no other from its tag.
pub(super) async fn create_tag(
    client: &Client,
    instances: &[InstanceId],
    key: &str,
    value: &str,
) -> Result<(), CallError> {
    let tag = Tag::builder().key(key).value(value).build();
    call_for_each(instances, MOST_TAGGED, async |some| create(client, some, &tag).await).await
}

async fn create(client: &Client, instances: &[InstanceId], tag: &Tag) -> Result<(), CallError> {
    client
        .create_tags()
        .set_resources(Some(instances.iter().map(|id| id.as_str().to_owned()).collect()))
        .tags(tag.clone())
        .send()
        .await
        .map(drop)
        .map_err(|error| call_error("ec2:CreateTags", &error))
}
