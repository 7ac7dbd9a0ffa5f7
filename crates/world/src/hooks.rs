//! The way out of the group: terminating hooks, heartbeats, retention, and the end of a machine.
//! <https://docs.aws.amazon.com/autoscaling/ec2/userguide/lifecycle-hooks-overview.html>

use super::{
    AwsError, Due, Happening, HookConfig, HookView, LifecycleEvent, Milliseconds, TERMINATING, World, error,
    machine::{Activity, HookWait, Lifecycle, Machine},
};

/// The longest wait, in milliseconds: 48 hours, or 100 heartbeat time-outs if that is less.
const LONGEST_WAIT_MS: Milliseconds = 48 * 3_600_000;
/// From the decision to the hook, in milliseconds.
const TO_HOOK_MS: Milliseconds = 1_000;
/// From the end of the hook to the end of the machine, in milliseconds.
const TO_END_MS: Milliseconds = 5_000;
/// From the end of a machine to the group's notice of it, in milliseconds.
const HEALTH_CHECK_MS: Milliseconds = 60_000;
/// For how long EC2 still lists a terminated instance, in milliseconds.
const LINGER_MS: Milliseconds = 3_600_000;

impl HookConfig {
    fn timeout_ms(&self) -> Milliseconds {
        Milliseconds::from(self.heartbeat_timeout_seconds) * 1000
    }

    fn longest_wait_ms(&self) -> Milliseconds {
        LONGEST_WAIT_MS.min(self.timeout_ms() * 100)
    }

    fn default_result(&self) -> &'static str {
        if self.default_continues { "CONTINUE" } else { "ABANDON" }
    }
}

impl World {
    /// `DescribeLifecycleHooks` of the group, or those of these names.
    /// <https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_DescribeLifecycleHooks.html>
    ///
    /// # Errors
    /// `ValidationError` when the group is not there.
    pub fn describe_lifecycle_hooks(&mut self, group: &str, names: &[String]) -> Result<Vec<HookView>, AwsError> {
        self.throttle("Throttling")?;
        self.require_group(group)?;
        self.audit_asked_for_hook();
        let wanted = |hook: &&HookConfig| names.is_empty() || names.contains(&hook.name);
        let hooks = self.config.hook.iter().filter(wanted).map(|hook| HookView {
            name: hook.name.clone(),
            transition: TERMINATING,
            heartbeat_timeout_seconds: hook.heartbeat_timeout_seconds,
            global_timeout_seconds: u32::try_from(hook.longest_wait_ms() / 1000).unwrap_or(u32::MAX),
            default_result: hook.default_result(),
        });
        Ok(hooks.collect())
    }

    /// A person deletes the hook. What it holds goes on to its end.
    /// <https://docs.aws.amazon.com/autoscaling/ec2/APIReference/API_DeleteLifecycleHook.html>
    pub(super) fn delete_hook(&mut self) {
        let Some(hook) = self.config.hook.take() else { return };
        self.pending_incidents.deleted_hook = Some(hook);
        self.audit.hook_deleted_at = Some(self.now);
        let held = self.machines.values().filter(|machine| machine.wait.is_some());
        for id in held.map(|machine| machine.id.clone()).collect::<Vec<_>>() {
            self.excuse_without_hook(&id);
            self.end_hook(&id, "CONTINUE", "DeleteLifecycleHook");
        }
    }

    /// `RecordLifecycleActionHeartbeat`.
    ///
    /// # Errors
    /// `ValidationError` when no lifecycle action is active.
    pub fn record_lifecycle_action_heartbeat(
        &mut self,
        group: &str,
        hook: &str,
        instance: &str,
    ) -> Result<(), AwsError> {
        self.throttle("Throttling")?;
        let timeout_ms = self.require_wait(group, hook, instance)?;
        let now = self.now;
        if let Some(wait) = self.machines.get_mut(instance).and_then(|machine| machine.wait.as_mut()) {
            wait.deadline = (now + timeout_ms).min(wait.limit);
            let deadline = wait.deadline;
            self.schedule(deadline, Due::HookTimesOut(instance.to_owned()));
        }
        self.note(Happening::Heartbeat { instance: instance.to_owned() });
        Ok(())
    }

    /// `CompleteLifecycleAction`.
    ///
    /// # Errors
    /// `ValidationError` when no lifecycle action is active, or for a result that is not known.
    pub fn complete_lifecycle_action(
        &mut self,
        group: &str,
        hook: &str,
        instance: &str,
        result: &str,
    ) -> Result<(), AwsError> {
        self.throttle("Throttling")?;
        let result = match result {
            "CONTINUE" => "CONTINUE",
            "ABANDON" => "ABANDON",
            other => {
                return Err(error("ValidationError", format!("{other} is not a LifecycleActionResult")));
            }
        };
        self.require_wait(group, hook, instance)?;
        self.audit_end_of_hook(instance, result);
        self.end_hook(instance, result, "CompleteLifecycleAction");
        Ok(())
    }

    /// The heartbeat time-out of the hook that holds the instance, in milliseconds.
    fn require_wait(&self, group: &str, hook: &str, instance: &str) -> Result<Milliseconds, AwsError> {
        self.require_group(group)?;
        let waits = self.machines.get(instance).is_some_and(|machine| machine.wait.is_some());
        match &self.config.hook {
            Some(known) if known.name == hook && waits => Ok(known.timeout_ms()),
            _ => {
                let message = format!("No active Lifecycle Action found with instance ID {instance}");
                Err(error("ValidationError", message))
            }
        }
    }

    pub(super) fn begin_terminating(&mut self, id: &str, cause: &'static str) {
        let Some(machine) = self.machines.get_mut(id).filter(|machine| machine.is_active()) else {
            return;
        };
        machine.lifecycle = Lifecycle::Terminating;
        machine.ended_for = Some(cause);
        self.tally.terminations += 1;
        self.record_termination(id);
        self.note(Happening::Terminating { instance: id.to_owned(), cause });
        self.schedule(self.now + TO_HOOK_MS, Due::HookBegins(id.to_owned()));
    }

    pub(super) fn begin_hook(&mut self, id: &str) {
        let Some(hook) = self.config.hook.clone() else {
            self.excuse_without_hook(id);
            return self.proceed(id);
        };
        let timeout_ms = hook.timeout_ms();
        let now = self.now;
        let Some(machine) = self.machines.get_mut(id) else {
            return;
        };
        machine.lifecycle = Lifecycle::TerminatingWait;
        let origin = if machine.in_warm_pool { "WarmPool" } else { "AutoScalingGroup" };
        let limit = now + hook.longest_wait_ms();
        machine.wait = Some(HookWait { began_at: now, deadline: now + timeout_ms, limit });
        self.tally.drains += 1;
        self.schedule(now + timeout_ms, Due::HookTimesOut(id.to_owned()));
        self.lifecycle_events.push_back(LifecycleEvent {
            at: now,
            token: format!("00000000-0000-4000-a000-{:012x}", self.tally.drains),
            group: self.config.group_name.clone(),
            hook: hook.name,
            instance: id.to_owned(),
            transition: TERMINATING,
            origin,
        });
        self.note(Happening::HookWaits { instance: id.to_owned() });
    }

    pub(super) fn time_out_hook(&mut self, id: &str) {
        let wait = self.machines.get(id).and_then(|machine| machine.wait.as_ref());
        if wait.is_some_and(|wait| self.now >= wait.deadline) {
            let result = self.config.hook.as_ref().map_or("ABANDON", HookConfig::default_result);
            self.audit_time_out(id);
            self.end_hook(id, result, "time-out");
        }
    }

    fn end_hook(&mut self, id: &str, result: &'static str, by: &'static str) {
        let now = self.now;
        let Some(machine) = self.machines.get_mut(id) else {
            return;
        };
        let Some(wait) = machine.wait.take() else { return };
        self.tally.longest_drain_ms = self.tally.longest_drain_ms.max(now - wait.began_at);
        self.note(Happening::HookEnded { instance: id.to_owned(), result, by });
        // Both results end a terminating instance, unless the instance lifecycle policy retains it:
        // https://docs.aws.amazon.com/autoscaling/ec2/userguide/instance-lifecycle-policy.html
        if result == "ABANDON" && self.config.retain_abandoned {
            if let Some(machine) = self.machines.get_mut(id) {
                machine.lifecycle = Lifecycle::TerminatingRetained;
            }
            self.end_termination(id);
            self.tally.retained += 1;
            return self.note(Happening::Retained { instance: id.to_owned() });
        }
        self.proceed(id);
    }

    pub(super) fn proceed(&mut self, id: &str) {
        if let Some(machine) = self.machines.get_mut(id) {
            machine.lifecycle = Lifecycle::TerminatingProceed;
            self.schedule(self.now + TO_END_MS, Due::MachineEnds(id.to_owned()));
        }
    }

    /// The machine ends, with whatever is on it.
    pub(super) fn end_machine(&mut self, id: &str) {
        let now = self.now;
        let Some(machine) = self.machines.get_mut(id) else {
            return;
        };
        let leaves_group = machine.lifecycle == Lifecycle::TerminatingProceed;
        if leaves_group {
            machine.lifecycle = Lifecycle::Gone;
            self.end_termination(id);
        }
        let Some(machine) = self.machines.get_mut(id) else {
            return;
        };
        let ended_before = machine.ended_at.replace(machine.ended_at.unwrap_or(now)).is_some();
        if leaves_group {
            self.schedule(now + LINGER_MS, Due::Forget(id.to_owned()));
        }
        if ended_before {
            return;
        }
        let Some(machine) = self.machines.get_mut(id) else {
            return;
        };
        machine.settle_busy(now);
        let was_busy = machine.jibri.is_busy();
        machine.jibri.restarts = false;
        if machine.jibri.is_up() {
            machine.jibri.down_since = Some(now);
        }
        let leftovers = std::mem::take(&mut machine.jibri.leftovers).len();
        let activity = std::mem::replace(&mut machine.jibri.activity, Activity::Exited);
        let (lived_ms, busy_ms) = (now - machine.launched_at, machine.busy_ms);
        self.tally.busy_ms += busy_ms;
        self.tally.idle_ms += lived_ms - busy_ms;
        if !matches!(activity, Activity::Down | Activity::Exited) {
            self.hibernate(id, was_busy);
        }
        self.note(Happening::Ended { instance: id.to_owned() });
        let cut = matches!(activity, Activity::Recording(_) | Activity::Finalizing(_));
        self.audit_end(id, cut, leftovers);
        if let Activity::Recording(request) | Activity::Finalizing(request) = activity {
            self.tally.cut += 1;
            self.note(Happening::RecordingCut { request, instance: id.to_owned() });
        }
        if leftovers > 0 {
            self.tally.lost += u64::try_from(leftovers).unwrap_or(u64::MAX);
            self.note(Happening::FilesLost { instance: id.to_owned(), recordings: leftovers });
        }
        if !leaves_group {
            self.schedule(now + HEALTH_CHECK_MS, Due::HealthCheck(id.to_owned()));
        }
    }

    /// Health checks find a machine that has ended, and replace it; its hook is invoked all the same. What was
    /// retained has had its hook, and is no capacity: it only leaves the group.
    pub(super) fn replace_dead(&mut self, id: &str) {
        let retained = |machine: &Machine| machine.lifecycle == Lifecycle::TerminatingRetained;
        if self.machines.get(id).is_some_and(retained) {
            return self.proceed(id);
        }
        self.begin_terminating(id, "health check");
        self.schedule(self.now, Due::Reconcile);
    }
}
