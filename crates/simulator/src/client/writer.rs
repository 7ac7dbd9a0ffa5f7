//! What the ticks change in AWS.

use controller::ports::{CallError, CallErrorKind, CloudWriter, Document, Metric};
use planner::{DrainResult, InstanceId};

use super::Client;
use world::MetricView;

impl CloudWriter for Client {
    async fn set_desired_capacity(&self, desired: u32) -> Result<(), CallError> {
        self.call("autoscaling:SetDesiredCapacity", |world| world.set_desired_capacity(&self.group, desired, false))
            .await
    }

    async fn terminate(&self, instance: &InstanceId, decrement: bool) -> Result<(), CallError> {
        let mut conduct = self.conduct.get();
        conduct.terminations += 1;
        self.conduct.set(conduct);
        self.call("autoscaling:TerminateInstanceInAutoScalingGroup", |world| {
            world.audit_termination(instance.as_str(), decrement, conduct);
            world.terminate_instance_in_auto_scaling_group(instance.as_str(), decrement).map(|_| ())
        })
        .await
    }

    async fn protect(&self, instances: &[InstanceId]) -> Result<(), CallError> {
        for ids in instances.chunks(50) {
            let ids = names(ids);
            self.call("autoscaling:SetInstanceProtection", |world| {
                world.set_instance_protection(&self.group, &ids, true)
            })
            .await?;
        }
        Ok(())
    }

    async fn record_heartbeat(&self, instance: &InstanceId) -> Result<(), CallError> {
        self.call("autoscaling:RecordLifecycleActionHeartbeat", |world| {
            world.record_lifecycle_action_heartbeat(&self.group, &self.hook, instance.as_str())
        })
        .await
    }

    async fn complete_lifecycle_action(&self, instance: &InstanceId, result: DrainResult) -> Result<(), CallError> {
        let result = match result {
            DrainResult::Continue => "CONTINUE",
            DrainResult::Abandon => "ABANDON",
        };
        self.call("autoscaling:CompleteLifecycleAction", |world| {
            world.complete_lifecycle_action(&self.group, &self.hook, instance.as_str(), result)
        })
        .await
    }

    async fn tag(&self, instances: &[InstanceId], key: &str, value: &str) -> Result<(), CallError> {
        let tags = [(key.to_owned(), value.to_owned())];
        self.call("ec2:CreateTags", |world| world.create_tags(&names(instances), &tags)).await
    }

    /// One that SSM does not know keeps no other from its command, as in the adapter for AWS.
    async fn send_command(&self, document: Document, instances: &[InstanceId]) -> Result<(), CallError> {
        const OPERATION: &str = "ssm:SendCommand";
        let name = self.document(document);
        for ids in instances.chunks(50) {
            let all = names(ids);
            match self.call(OPERATION, |world| world.send_command(name, &all, 60)).await {
                Ok(_) => {}
                Err(error) if error.kind == CallErrorKind::UnknownInstance => {
                    for id in ids {
                        let one = names(std::slice::from_ref(id));
                        match self.call(OPERATION, |world| world.send_command(name, &one, 60)).await {
                            Err(error) if error.kind != CallErrorKind::UnknownInstance => return Err(error),
                            _ => {}
                        }
                    }
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    async fn put_forecast(&self, value: &str) -> Result<(), CallError> {
        let name = self.forecast_parameter.as_deref().unwrap_or_default();
        self.call("ssm:PutParameter", |world| world.put_parameter(name, value)).await
    }

    async fn put_metrics(&self, metrics: &[Metric]) -> Result<(), CallError> {
        let data: Vec<MetricView> = metrics
            .iter()
            .map(|metric| MetricView {
                namespace: world::NAMESPACE.to_owned(),
                name: metric.name.to_owned(),
                value: metric.value,
                at: metric.at.0 * 1000,
            })
            .collect();
        self.call("cloudwatch:PutMetricData", |world| world.put_metric_data(&data)).await
    }
}

fn names(instances: &[InstanceId]) -> Vec<String> {
    instances.iter().map(|id| id.as_str().to_owned()).collect()
}
