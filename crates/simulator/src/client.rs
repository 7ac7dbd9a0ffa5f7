//! The ticks' ports over the world, in virtual time.
//!
//! A call takes half of its latency before it has its effect and half after: a function can be killed before
//! either, and two that run at once interleave. Without latency a call returns at once.

use std::{
    cell::{Cell, RefCell},
    future::poll_fn,
    rc::Rc,
    task::Poll,
};

use controller::ports::{
    CallError, CallErrorKind, Clock, CloudReader, CloudWriter, CommandStatus, Document, GroupDescription, GroupMember,
    HISTORY_METRICS, History, HookDescription, InstanceDescription, JicofoJibri, JicofoReader, JicofoReading,
    JicofoStats, Metric, SentCommand,
};
use planner::{DrainResult, Ec2State, Group, InstanceId, LifecycleState, Timestamp};

use crate::{
    rng::Rng,
    world::{AwsError, JicofoAnswer, JicofoView, MetricView, Milliseconds, Statistic, TERMINATING, World},
};

/// A world that functions and their surroundings share.
pub type SharedWorld = Rc<RefCell<World>>;

/// What one invocation sees of the world.
#[derive(Clone, Debug)]
pub struct Client {
    world: SharedWorld,
    group: String,
    hook: String,
    check_document: String,
    drain_document: String,
    forecast_parameter: Option<String>,
    planned_parameter: Option<String>,
    latency_ms: u64,
    rng: Rc<RefCell<Rng>>,
    wake_at: Rc<Cell<Milliseconds>>,
}

impl Client {
    /// A client of the names in `settings`; its calls take up to `latency_ms`, drawn from `rng`.
    pub fn new(world: SharedWorld, settings: &controller::Settings, latency_ms: u64, rng: Rng) -> Client {
        Client {
            world,
            group: settings.auto_scaling_group.clone(),
            hook: settings.lifecycle_hook.clone(),
            check_document: settings.check_document.clone(),
            drain_document: settings.drain_document.clone(),
            forecast_parameter: settings.forecast_parameter.clone(),
            planned_parameter: settings.forecast.planned_parameter.clone(),
            latency_ms,
            rng: Rc::new(RefCell::new(rng)),
            wake_at: Rc::new(Cell::new(Milliseconds::MIN)),
        }
    }

    /// When the invocation wants to go on.
    pub fn wake_at(&self) -> Rc<Cell<Milliseconds>> {
        Rc::clone(&self.wake_at)
    }

    fn document(&self, document: Document) -> &str {
        match document {
            Document::Check => &self.check_document,
            Document::Drain => &self.drain_document,
        }
    }

    /// Several calls of an invocation may be under way at once: the first to go on decides when it wakes, and each
    /// is looked at again then, since whoever runs them polls only what has asked for it.
    async fn sleep_until_ms(&self, moment: Milliseconds) {
        poll_fn(|context| {
            let (now, wake_at) = (self.world.borrow().now(), self.wake_at.get());
            if now >= moment {
                return Poll::Ready(());
            }
            if wake_at <= now || moment < wake_at {
                self.wake_at.set(moment);
            }
            context.waker().wake_by_ref();
            Poll::Pending
        })
        .await;
    }

    async fn half_latency(&self) {
        if self.latency_ms > 0 {
            let drawn = self.rng.borrow_mut().below(self.latency_ms / 2 + 1);
            let moment = self.world.borrow().now() + Milliseconds::try_from(drawn).unwrap_or(0);
            self.sleep_until_ms(moment).await;
        }
    }

    async fn call<T>(
        &self,
        operation: &str,
        effect: impl FnOnce(&mut World) -> Result<T, AwsError>,
    ) -> Result<T, CallError> {
        self.half_latency().await;
        let result = effect(&mut self.world.borrow_mut());
        self.half_latency().await;
        result.map_err(|error| {
            let kind = match error.code {
                "ValidationError" if error.message.contains("No active Lifecycle Action") => {
                    CallErrorKind::NoActiveLifecycleAction
                }
                "InvalidInstanceId" | "InvalidInstanceID.NotFound" => CallErrorKind::UnknownInstance,
                "ParameterNotFound" => CallErrorKind::ParameterNotFound,
                _ => CallErrorKind::Other,
            };
            CallError { operation: operation.to_owned(), kind, message: error.to_string() }
        })
    }
}

impl CloudReader for Client {
    async fn describe_group(&self) -> Result<GroupDescription, CallError> {
        const OPERATION: &str = "autoscaling:DescribeAutoScalingGroups";
        let found = self.call(OPERATION, |world| world.describe_auto_scaling_groups(&self.group)).await?;
        let Some(group) = found else {
            let message = format!("there is no group {:?}", self.group);
            return Err(CallError { operation: OPERATION.into(), kind: CallErrorKind::Other, message });
        };
        let members = group.instances.iter().map(|instance| GroupMember {
            id: InstanceId::new(&*instance.id),
            zone: instance.zone.clone(),
            lifecycle: lifecycle(instance.lifecycle_state),
            protected: instance.protected,
            outdated: instance.launch_template_version != group.launch_template_version,
        });
        let sizes = Group {
            min_size: group.min_size,
            max_size: group.max_size,
            desired_capacity: group.desired_capacity,
            retains_abandoned: group.retains_abandoned,
        };
        Ok(GroupDescription { sizes, members: members.collect() })
    }

    async fn describe_hook(&self) -> Result<Option<HookDescription>, CallError> {
        let names = std::slice::from_ref(&self.hook);
        let hooks = self
            .call("autoscaling:DescribeLifecycleHooks", |world| world.describe_lifecycle_hooks(&self.group, names))
            .await?;
        Ok(hooks.first().map(|hook| HookDescription {
            terminating: hook.transition == TERMINATING,
            default_result: match hook.default_result {
                "ABANDON" => DrainResult::Abandon,
                _ => DrainResult::Continue,
            },
            heartbeat_timeout_seconds: u64::from(hook.heartbeat_timeout_seconds),
        }))
    }

    async fn describe_instances(&self) -> Result<Vec<InstanceDescription>, CallError> {
        let found = self.call("ec2:DescribeInstances", |world| world.describe_instances_of_group(&self.group)).await?;
        let described = found.into_iter().map(|instance| InstanceDescription {
            id: InstanceId::new(instance.id),
            state: match instance.state {
                "terminated" => Ec2State::Terminated,
                "shutting-down" => Ec2State::ShuttingDown,
                _ => Ec2State::Exists,
            },
            launched_at: seconds(instance.launched_at),
            tags: instance.tags.into_iter().filter(|(key, _)| key.starts_with(controller::tags::PREFIX)).collect(),
        });
        Ok(described.collect())
    }

    async fn describe_failed_launches(&self, since: Timestamp) -> Result<Vec<String>, CallError> {
        let activities = self
            .call("autoscaling:DescribeScalingActivities", |world| world.describe_scaling_activities(&self.group))
            .await?;
        Ok(activities
            .into_iter()
            .filter(|activity| activity.status_code == "Failed" && seconds(activity.started_at) >= since)
            .map(|activity| activity.status_message)
            .collect())
    }

    async fn list_commands(&self, document: Document, since: Timestamp) -> Result<Vec<SentCommand>, CallError> {
        let name = self.document(document);
        let commands = self
            .call("ssm:ListCommandInvocations", |world| world.list_command_invocations(name, since.0 * 1000))
            .await?;
        let sent = commands.into_iter().map(|command| SentCommand {
            instance: InstanceId::new(command.instance),
            sent_at: seconds(command.sent_at),
            status: match command.status {
                "Pending" | "InProgress" | "Delayed" | "Cancelling" => CommandStatus::InFlight,
                "Success" => CommandStatus::Success(command.output),
                _ => CommandStatus::Failed(command.status_details.to_owned()),
            },
        });
        Ok(sent.collect())
    }

    async fn fetch_forecast(&self) -> Result<String, CallError> {
        let name = self.forecast_parameter.as_deref().unwrap_or_default();
        self.call("ssm:GetParameter", |world| world.get_parameter(name)).await
    }

    async fn fetch_planned(&self) -> Result<String, CallError> {
        let name = self.planned_parameter.as_deref().unwrap_or_default();
        self.call("ssm:GetParameter", |world| world.get_parameter(name)).await
    }

    async fn fetch_history(&self, since: Timestamp, _: Timestamp) -> Result<History, CallError> {
        let mut all: [_; HISTORY_METRICS.len()] = Default::default();
        let metrics = |world: &mut World| {
            for (series, (name, statistic, period_seconds)) in all.iter_mut().zip(HISTORY_METRICS) {
                let statistic = match statistic {
                    "Average" => Statistic::Average,
                    "Minimum" => Statistic::Minimum,
                    // Of launches that all take about as long the highest is the 95th percentile.
                    _ => Statistic::Maximum,
                };
                let period_ms = Milliseconds::from(period_seconds) * 1000;
                let values = world.get_metric_data(name, statistic, period_ms, since.0 * 1000)?;
                *series = values.into_iter().map(|(at, value)| (seconds(at), value)).collect();
            }
            Ok(())
        };
        self.call("cloudwatch:GetMetricData", metrics).await?;
        Ok(History::from_series(all))
    }
}

impl CloudWriter for Client {
    async fn set_desired_capacity(&self, desired: u32) -> Result<(), CallError> {
        self.call("autoscaling:SetDesiredCapacity", |world| world.set_desired_capacity(&self.group, desired, false))
            .await
    }

    async fn terminate(&self, instance: &InstanceId, decrement: bool) -> Result<(), CallError> {
        self.call("autoscaling:TerminateInstanceInAutoScalingGroup", |world| {
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
                namespace: crate::world::NAMESPACE.to_owned(),
                name: metric.name.to_owned(),
                value: metric.value,
                at: metric.at.0 * 1000,
            })
            .collect();
        self.call("cloudwatch:PutMetricData", |world| world.put_metric_data(&data)).await
    }
}

impl JicofoReader for Client {
    async fn fetch_jicofos(&self) -> Vec<Result<JicofoReading, CallError>> {
        self.half_latency().await;
        let answer = self.world.borrow_mut().jicofo();
        self.half_latency().await;
        let failed = |message: &str| {
            let operation = "GET /stats".to_owned();
            Err(CallError { operation, kind: CallErrorKind::Other, message: message.to_owned() })
        };
        vec![match answer {
            JicofoAnswer::Answers(view) => Ok(reading(view)),
            JicofoAnswer::Refuses => failed("connection refused"),
            JicofoAnswer::Fails => failed("500 Internal Server Error"),
            JicofoAnswer::Garbage => failed("no JSON"),
            JicofoAnswer::Hangs => failed("timed out"),
            JicofoAnswer::WithoutDetector(_) => failed("no jibri_detector"),
        }]
    }
}

impl Clock for Client {
    fn now(&self) -> Timestamp {
        seconds(self.world.borrow().now())
    }

    async fn sleep_until(&self, moment: Timestamp) {
        self.sleep_until_ms(moment.0 * 1000).await;
    }
}

fn reading(view: JicofoView) -> JicofoReading {
    JicofoReading {
        stats: JicofoStats {
            conferences: view.conferences,
            participants: view.participants,
            jibri_sessions: view.recording_active,
            jibri_failures_total: view.total_recording_failures,
        },
        jibris: view
            .brewery
            .into_iter()
            .map(|entry| JicofoJibri {
                nickname: entry.nickname,
                healthy: entry.healthy,
                busy: entry.busy,
                last_selected_at: entry.last_selected_at.map(seconds),
            })
            .collect(),
    }
}

fn seconds(moment: Milliseconds) -> Timestamp {
    Timestamp(moment.div_euclid(1000))
}

fn names(instances: &[InstanceId]) -> Vec<String> {
    instances.iter().map(|id| id.as_str().to_owned()).collect()
}

fn lifecycle(state: &str) -> LifecycleState {
    match state {
        "Pending" | "Pending:Wait" | "Pending:Proceed" => LifecycleState::Pending,
        "InService" => LifecycleState::InService,
        "Terminating" => LifecycleState::Terminating,
        "Terminating:Wait" => LifecycleState::TerminatingWait,
        "Terminating:Proceed" => LifecycleState::TerminatingProceed,
        "Terminating:Retained" => LifecycleState::TerminatingRetained,
        _ => LifecycleState::Other,
    }
}
