//! The Auto Scaling group: its sizes, its launches, and what its actions answer.

use std::collections::{BTreeMap, VecDeque};

use super::{
    ActivityView, AwsError, Due, Failing, GroupInstanceView, GroupView, Happening, Milliseconds, World, WorldConfig,
    error,
    machine::{Jibri, Lifecycle, Machine},
    milliseconds,
};

/// How long the group waits after a launch that failed, in milliseconds.
const RETRY_MS: Milliseconds = 60_000;
/// How much longer a launch takes whose Jibri registers late.
const LATE_FACTOR: Milliseconds = 5;
/// How many activities are kept.
const ACTIVITIES: usize = 300;

#[derive(Clone, Debug)]
pub(super) struct GroupState {
    pub(super) desired: u32,
    pub(super) min_size: u32,
    pub(super) max_size: u32,
    pub(super) template_version: u32,
    pub(super) cooldown_until: Milliseconds,
    pub(super) launches: u64,
    /// A launch that has failed is not tried again before.
    retry_at: Milliseconds,
    pub(super) activities: VecDeque<ActivityView>,
    activity_count: u64,
}

impl GroupState {
    pub(super) fn new(config: &WorldConfig) -> GroupState {
        GroupState {
            desired: config.desired_capacity,
            min_size: config.min_size,
            max_size: config.max_size,
            template_version: 1,
            cooldown_until: config.start,
            launches: 0,
            retry_at: config.start,
            activities: VecDeque::new(),
            activity_count: 0,
        }
    }
}

impl World {
    /// `DescribeAutoScalingGroups` of one group; `None` when there is none of that name.
    ///
    /// # Errors
    /// Throttling alone.
    pub fn describe_auto_scaling_groups(&mut self, name: &str) -> Result<Option<GroupView>, AwsError> {
        self.throttle("Throttling")?;
        if name != self.config.group_name {
            return Ok(None);
        }
        self.audit_asked();
        Ok(Some(self.stale.group(self.now).cloned().unwrap_or_else(|| self.group_view())))
    }

    pub(super) fn group_view(&self) -> GroupView {
        let members = self.machines.values().filter(|machine| machine.is_listed());
        let instances = members.map(|machine| GroupInstanceView {
            id: machine.id.clone(),
            zone: machine.zone.clone(),
            lifecycle_state: machine.lifecycle.name(),
            health_status: if machine.exists() { "Healthy" } else { "Unhealthy" },
            protected: machine.protected,
            launch_template_version: machine.template_version,
        });
        GroupView {
            name: self.config.group_name.clone(),
            min_size: self.group.min_size,
            max_size: self.group.max_size,
            desired_capacity: self.group.desired,
            launch_template_version: self.group.template_version,
            new_instances_protected: self.config.new_instances_protected,
            retains_abandoned: self.config.retain_abandoned,
            zones: self.config.zones.clone(),
            instances: instances.collect(),
        }
    }

    /// `DescribeScalingActivities` that began since then with one of these statuses, or with any where none is named; newest
    /// first, those in progress before them:
    /// <https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_DescribeScalingActivities.html>.
    ///
    /// # Errors
    /// `ValidationError` for a group that does not exist.
    pub fn describe_scaling_activities(
        &mut self,
        group: &str,
        statuses: &[&str],
        since: Milliseconds,
    ) -> Result<Vec<ActivityView>, AwsError> {
        self.throttle("Throttling")?;
        self.require_group(group)?;
        let asked_for = |activity: &&ActivityView| {
            activity.started_at >= since && (statuses.is_empty() || statuses.contains(&activity.status_code))
        };
        let mut activities: Vec<ActivityView> = self.group.activities.iter().filter(asked_for).cloned().collect();
        activities.sort_by_key(|activity| activity.ended_at.is_some());
        Ok(activities)
    }

    /// `SetDesiredCapacity`:
    /// <https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_SetDesiredCapacity.html>.
    ///
    /// # Errors
    /// `ValidationError` outside of minimum and maximum; `ScalingActivityInProgress` in a cooldown that is honoured.
    pub fn set_desired_capacity(&mut self, group: &str, desired: u32, honor_cooldown: bool) -> Result<(), AwsError> {
        self.throttle("Throttling")?;
        self.require_group(group)?;
        if desired > self.group.max_size {
            let message = format!("New SetDesiredCapacity value {desired} is above max value {}", self.group.max_size);
            return Err(error("ValidationError", message + " for the AutoScalingGroup."));
        }
        if desired < self.group.min_size {
            let message = format!("New SetDesiredCapacity value {desired} is below min value {}", self.group.min_size);
            return Err(error("ValidationError", message + " for the AutoScalingGroup."));
        }
        if honor_cooldown && self.now < self.group.cooldown_until {
            return Err(error("ScalingActivityInProgress", "The group is in its cooldown period."));
        }
        self.change_desired(desired, "SetDesiredCapacity");
        Ok(())
    }

    /// `TerminateInstanceInAutoScalingGroup`, which scale-in protection does not stop:
    /// <https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_TerminateInstanceInAutoScalingGroup.html>.
    ///
    /// # Errors
    /// `ValidationError` for an instance that is in no group, and for a decrement at the minimum.
    pub fn terminate_instance_in_auto_scaling_group(
        &mut self,
        instance: &str,
        decrement: bool,
    ) -> Result<ActivityView, AwsError> {
        self.throttle("Throttling")?;
        let member = self.machines.get(instance).filter(|machine| machine.lifecycle != Lifecycle::Gone);
        let Some(member) = member else {
            let message = format!("Instance Id not found - No managed instance found for instance ID: {instance}");
            return Err(error("ValidationError", message));
        };
        let active = member.is_active();
        let retained = member.lifecycle == Lifecycle::TerminatingRetained;
        if active && decrement && self.group.desired <= self.group.min_size {
            return Err(error(
                "ValidationError",
                format!(
                    "Currently, desiredSize equals minSize ({}). Terminating instance without replacement will \
                     violate group's min size constraint. Either set shouldDecrementDesiredCapacity flag to false \
                     or lower group's min size.",
                    self.group.min_size
                ),
            ));
        }
        if active {
            self.begin_terminating(instance, "TerminateInstanceInAutoScalingGroup");
            if decrement {
                self.change_desired(self.group.desired - 1, "TerminateInstanceInAutoScalingGroup");
            }
            self.schedule(self.now, Due::Reconcile);
        }
        // This is how a retained instance ends; it counted towards desired capacity no longer:
        // https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_RetentionTriggers.html
        if retained {
            self.proceed(instance);
        }
        let description = format!("Terminating EC2 instance: {instance}");
        let under_way = self.group.activities.iter().find(|activity| activity.description == description).cloned();
        Ok(under_way.unwrap_or_else(|| self.record_activity(description, "MidLifecycleAction", String::new())))
    }

    /// `SetInstanceProtection`:
    /// <https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_SetInstanceProtection.html>.
    ///
    /// # Errors
    /// `ValidationError` for more than 50 ids, or one that is not in service.
    pub fn set_instance_protection(
        &mut self,
        group: &str,
        instances: &[String],
        protected: bool,
    ) -> Result<(), AwsError> {
        self.throttle("Throttling")?;
        self.require_group(group)?;
        if instances.len() > 50 {
            return Err(error("ValidationError", "A maximum of 50 instance ids can be specified."));
        }
        let in_service =
            |id: &&String| self.machines.get(*id).is_some_and(|machine| machine.lifecycle == Lifecycle::InService);
        if let Some(id) = instances.iter().find(|id| !in_service(id)) {
            return Err(error("ValidationError", format!("The instance {id} is not in InService.")));
        }
        for id in instances {
            if let Some(machine) = self.machines.get_mut(id) {
                machine.protected = protected;
            }
        }
        self.schedule(self.now, Due::Reconcile);
        Ok(())
    }

    pub(super) fn require_group(&self, group: &str) -> Result<(), AwsError> {
        match group == self.config.group_name {
            true => Ok(()),
            false => Err(error("ValidationError", format!("Group {group} not found"))),
        }
    }

    pub(super) fn change_desired(&mut self, to: u32, by: &'static str) {
        let from = self.group.desired;
        if from != to {
            self.group.desired = to;
            self.audit_desired(from, to, by);
            self.note(Happening::DesiredChanged { from, to, by });
            self.schedule(self.now, Due::Reconcile);
        }
    }

    /// Launches and terminates until as many are active as are desired.
    pub(super) fn reconcile(&mut self) {
        let active = self.machines.values().filter(|machine| machine.is_active()).count();
        let active = u32::try_from(active).unwrap_or(u32::MAX);
        for _ in active..self.group.desired {
            if self.now < self.pending_incidents.no_capacity_until {
                if self.now < self.group.retry_at {
                    break;
                }
                let message = "We currently do not have sufficient capacity in the Availability Zone you requested. \
                               Launching EC2 instance failed.";
                self.note(Happening::LaunchFailed);
                self.record_activity("Launching a new EC2 instance".into(), "Failed", message.into());
                self.group.retry_at = self.now + RETRY_MS;
                self.schedule(self.group.retry_at, Due::Reconcile);
                break;
            }
            if self.now < self.pending_incidents.cancelled_until {
                if self.now >= self.group.retry_at {
                    self.cancel_launch();
                }
                break;
            }
            self.launch();
        }
        for _ in self.group.desired..active {
            let Some(victim) = self.choose_victim() else {
                let message = "Could not scale to desired capacity because all remaining instances are protected \
                               from scale in.";
                self.record_activity("Terminating EC2 instances".into(), "Failed", message.into());
                break;
            };
            self.begin_terminating(&victim, "scale-in");
        }
    }

    /// A launch whose volume cannot be decrypted: EC2 ends the instance before it is in service, and the activity is
    /// not `Failed` but `Cancelled`:
    /// <https://docs.aws.amazon.com/autoscaling/ec2/userguide/ts-as-instancelaunchfailure.html>.
    fn cancel_launch(&mut self) {
        self.group.launches += 1;
        let id = self.draw_id();
        let message = "Instance became unhealthy while waiting for instance to be in InService state. Termination \
                       Reason: Client.InvalidKMSKey.InvalidState: The KMS key provided is in an incorrect state";
        self.note(Happening::LaunchCancelled { instance: id.clone() });
        self.record_activity(format!("Launching a new EC2 instance: {id}"), "Cancelled", message.into());
        self.group.retry_at = self.now + RETRY_MS;
        self.schedule(self.group.retry_at, Due::Reconcile);
    }

    fn draw_id(&mut self) -> String {
        format!("i-{:017x}", (self.group.launches << 28) | (self.rng.next_u64() & 0xfff_ffff))
    }

    /// The default termination policy, as far as it matters here: fullest zone, oldest template, oldest instance:
    /// <https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-termination-policies.html>.
    fn choose_victim(&self) -> Option<String> {
        let zones = self.zone_counts();
        let candidates = self
            .machines
            .values()
            .filter(|machine| machine.is_active() && !(machine.protected && machine.lifecycle == Lifecycle::InService));
        let victim = candidates.min_by_key(|machine| {
            let fullest = std::cmp::Reverse(zones.get(&machine.zone).copied().unwrap_or(0));
            (fullest, machine.template_version, machine.launched_at, &machine.id)
        });
        victim.map(|machine| machine.id.clone())
    }

    fn zone_counts(&self) -> BTreeMap<String, usize> {
        let mut zones: BTreeMap<String, usize> = self.config.zones.iter().map(|zone| (zone.clone(), 0)).collect();
        for machine in self.machines.values().filter(|machine| machine.is_active()) {
            *zones.entry(machine.zone.clone()).or_default() += 1;
        }
        zones
    }

    fn launch(&mut self) {
        self.group.launches += 1;
        let id = self.draw_id();
        let zones = self.zone_counts();
        let emptiest = self.config.zones.iter().min_by_key(|zone| zones.get(*zone).copied().unwrap_or(0));
        let zone = emptiest.cloned().unwrap_or_default();
        let launch = self.config.launch.clone();
        let boot_ms = milliseconds(self.rng.log_normal(launch.boot_seconds, launch.boot_sigma));
        let in_service_ms = milliseconds(launch.in_service_seconds).min(boot_ms);
        let rates = self.config.rates;
        let registers = !(self.pending_incidents.take_unregistered()
            || self.now < self.pending_incidents.unregistered_until
            || self.befalls(rates.never_registers, "unregistered-launches"));
        let boot_ms =
            if self.befalls(rates.registers_late, "late-registrations") { boot_ms * LATE_FACTOR } else { boot_ms };
        let dies = self.befalls(rates.launches_die, "failed-launches");
        let own_tag = ("aws:autoscaling:groupName".to_owned(), self.config.group_name.clone());
        let machine = Machine {
            listed_at: self.now + self.draw_up_to(launch.describe_lag_seconds),
            ssm_at: self.now + self.draw_up_to(self.config.ssm.registration_seconds),
            template_version: self.group.template_version,
            tags: self.config.group_tags.iter().cloned().chain([own_tag]).collect(),
            jibri: Jibri {
                start_forbidden: !registers,
                failing: self.pending_incidents.take_failing_launch().then_some(Failing::Recording),
                ..Jibri::default()
            },
            launch: self.group.launches,
            ..Machine::new(id.clone(), zone.clone(), self.now)
        };
        self.machines.insert(id.clone(), machine);
        self.tally.launches += 1;
        if !registers {
            self.count_launch_in_vain();
        }
        self.schedule(self.now + in_service_ms, Due::InService(id.clone()));
        self.schedule(self.now + boot_ms, Due::JibriStarts(id.clone()));
        if dies {
            self.schedule(self.now + in_service_ms / 2, Due::MachineEnds(id.clone()));
        }
        self.record_activity(format!("Launching a new EC2 instance: {id}"), "Successful", String::new());
        self.note(Happening::Launched { instance: id, zone });
    }

    pub(super) fn enter_service(&mut self, id: &str) {
        let protected = self.config.new_instances_protected;
        let Some(machine) = self.machines.get_mut(id).filter(|machine| machine.lifecycle == Lifecycle::Pending) else {
            return;
        };
        machine.lifecycle = Lifecycle::InService;
        machine.in_service_at = Some(self.now);
        machine.protected = protected;
        self.note(Happening::InService { instance: id.to_owned() });
    }

    /// An instance begins to leave the group: the activity goes on until it has left.
    pub(super) fn record_termination(&mut self, id: &str) {
        self.record_activity(format!("Terminating EC2 instance: {id}"), "MidLifecycleAction", String::new());
    }

    /// The instance has left the group, or is retained.
    pub(super) fn end_termination(&mut self, id: &str) {
        let now = self.now;
        let mut under_way = self.group.activities.iter_mut().filter(|activity| activity.ended_at.is_none());
        if let Some(activity) = under_way.find(|activity| activity.description.ends_with(id)) {
            (activity.status_code, activity.ended_at) = ("Successful", Some(now));
        }
    }

    fn record_activity(&mut self, description: String, status_code: &'static str, message: String) -> ActivityView {
        self.group.activity_count += 1;
        let activity = ActivityView {
            id: format!("00000000-0000-4000-9000-{:012x}", self.group.activity_count),
            description,
            cause: format!("desired capacity is {}", self.group.desired),
            status_code,
            status_message: message,
            started_at: self.now,
            ended_at: (status_code != "MidLifecycleAction").then_some(self.now),
        };
        self.group.activities.push_front(activity.clone());
        if self.group.activities.len() > ACTIVITIES
            && let Some(oldest) = self.group.activities.iter().rposition(|activity| activity.ended_at.is_some())
        {
            self.group.activities.remove(oldest);
        }
        activity
    }
}
