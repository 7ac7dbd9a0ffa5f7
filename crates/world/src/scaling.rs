//! Metrics come in, alarms are evaluated, and their actions execute scaling policies.

use super::{
    AlarmState, AwsError, Due, Happening, MetricView, Milliseconds, World, error, machine::Lifecycle,
    policies::GroupNow,
};

/// How often the action of an alarm that stays in ALARM is invoked again, in milliseconds.
const REPEAT_MS: Milliseconds = 60_000;
/// How many metrics one call takes.
const MOST_METRICS: usize = 1000;

impl World {
    /// `PutMetricData`: <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricData.html>.
    ///
    /// # Errors
    /// `InvalidParameterValue` for more than 1,000 metrics, or a value that is no number.
    pub fn put_metric_data(&mut self, data: &[MetricView]) -> Result<(), AwsError> {
        self.throttle("Throttling")?;
        if data.len() > MOST_METRICS {
            return Err(error(
                "InvalidParameterValue",
                format!("The collection MetricData must not have a size greater than {MOST_METRICS}."),
            ));
        }
        if let Some(datum) = data.iter().find(|datum| !datum.value.is_finite()) {
            return Err(error(
                "InvalidParameterValue",
                format!("The value {} for {} is invalid.", datum.value, datum.name),
            ));
        }
        self.audit_refusals(data);
        self.audit_available(data);
        self.metrics.put(data);
        self.published.put(data);
        Ok(())
    }

    /// The state of an alarm; `None` when there is none of that name.
    pub fn alarm_state(&self, name: &str) -> Option<AlarmState> {
        let index = self.config.alarms.iter().position(|alarm| alarm.name == name)?;
        self.alarm_states.get(index).copied()
    }

    pub(super) fn evaluate_alarm(&mut self, index: usize) {
        let alarm = &self.config.alarms[index];
        let period_ms = Milliseconds::from(alarm.period_seconds) * 1000;
        let before = self.alarm_states[index];
        let state = self.metrics.evaluate(alarm, before, self.now).state;
        // A period of a minute or more is evaluated every minute, a shorter one every ten seconds.
        self.schedule(self.now + period_ms.min(REPEAT_MS), Due::EvaluateAlarm(index));
        if state == before {
            return;
        }
        self.alarm_states[index] = state;
        self.note(Happening::AlarmChanged { alarm: self.config.alarms[index].name.clone(), state: state.name() });
        if state == AlarmState::Alarm {
            self.repeat_alarm_action(index);
        }
    }

    /// Auto Scaling actions are invoked every minute for as long as the alarm stays in ALARM.
    pub(super) fn repeat_alarm_action(&mut self, index: usize) {
        if self.alarm_states[index] != AlarmState::Alarm || self.config.alarms[index].policy.is_none() {
            return;
        }
        self.schedule(self.now + REPEAT_MS, Due::RepeatAlarmAction(index));
        let alarm = self.config.alarms[index].clone();
        let evaluation = self.metrics.evaluate(&alarm, AlarmState::Alarm, self.now);
        let breach = evaluation.newest.unwrap_or(alarm.threshold) - alarm.threshold;
        let policy = self.config.policies.iter().find(|policy| Some(policy.name()) == alarm.policy.as_deref()).cloned();
        let Some(policy) = policy else { return };
        let active = self.machines.values().filter(|machine| machine.is_active());
        let group = GroupNow {
            now: self.now,
            min_size: self.group.min_size,
            max_size: self.group.max_size,
            desired: self.group.desired,
            any_waits: self.machines.values().any(|machine| machine.lifecycle == Lifecycle::TerminatingWait),
            cooldown_until: self.group.cooldown_until,
            in_service_since: active.map(|machine| machine.in_service_at).collect(),
        };
        match policy.decide(&group, breach) {
            Ok(desired) if desired != self.group.desired => {
                self.change_desired(desired, "a scaling policy");
                if let Some(cooldown_ms) = policy.cooldown_ms() {
                    self.group.cooldown_until = self.now + cooldown_ms;
                }
            }
            Ok(_) => {}
            Err(why) => self.note(Happening::PolicyIdle { policy: policy.name().to_owned(), why }),
        }
    }
}
