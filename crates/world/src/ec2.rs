//! EC2: what `DescribeInstances` lists, and tags.

use std::collections::BTreeMap;

use super::{AwsError, Ec2InstanceView, Milliseconds, World, error};

impl World {
    /// `DescribeInstances` of one group, which lags behind the group:
    /// <https://docs.aws.amazon.com/ec2/latest/devguide/eventual-consistency.html>.
    ///
    /// # Errors
    /// Throttling alone.
    pub fn describe_instances_of_group(&mut self, group: &str) -> Result<Vec<Ec2InstanceView>, AwsError> {
        self.throttle("RequestLimitExceeded")?;
        if group != self.config.group_name {
            return Ok(Vec::new());
        }
        Ok(self.stale.instances(self.now).cloned().unwrap_or_else(|| self.instance_views()))
    }

    pub(super) fn instance_views(&self) -> Vec<Ec2InstanceView> {
        let pending_ms: Milliseconds = 5_000;
        let listed = self.machines.values().filter(|machine| machine.listed_at <= self.now);
        let views = listed.map(|machine| Ec2InstanceView {
            id: machine.id.clone(),
            zone: machine.zone.clone(),
            state: match machine.ended_at {
                Some(_) => "terminated",
                None if self.now < machine.launched_at + pending_ms => "pending",
                None => "running",
            },
            launched_at: machine.launched_at,
            tags: machine.tags.iter().map(|(key, value)| (key.clone(), value.clone())).collect(),
        });
        views.collect()
    }

    /// The tags of an instance, as they are: an IAM policy's conditions do not lag behind.
    pub fn tags_of(&self, instance: &str) -> BTreeMap<String, String> {
        self.machines.get(instance).map(|machine| machine.tags.clone()).unwrap_or_default()
    }

    /// `CreateTags`: <https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateTags.html>.
    ///
    /// # Errors
    /// `InvalidInstanceID.NotFound` when one of the resources is not there, and then none is tagged;
    /// `TagLimitExceeded` over 50 tags.
    pub fn create_tags(&mut self, resources: &[String], tags: &[(String, String)]) -> Result<(), AwsError> {
        const MOST_TAGS: usize = 50;
        self.throttle("RequestLimitExceeded")?;
        for id in resources {
            let Some(machine) = self.machines.get(id) else {
                let message = format!("The instance ID '{id}' does not exist");
                return Err(error("InvalidInstanceID.NotFound", message));
            };
            let new = tags.iter().filter(|(key, _)| !machine.tags.contains_key(key)).count();
            if machine.tags.len() + new > MOST_TAGS {
                return Err(error("TagLimitExceeded", format!("{id} would have more than {MOST_TAGS} tags")));
            }
        }
        for id in resources {
            if let Some(machine) = self.machines.get_mut(id) {
                machine.tags.extend(tags.iter().cloned());
            }
        }
        Ok(())
    }

    /// A person terminates the instance in the EC2 console: its machine ends at once, whatever it does.
    pub fn terminate_ec2_instance(&mut self, instance: &str) {
        self.take_machine(instance, "a person in the EC2 console");
    }
}
