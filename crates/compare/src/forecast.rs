//! The forecast in charge: the functions' own code over the pool. Only what carries it differs: no AWS, no JSON.
//!
//! Every 5 minutes the forecast is made from the history that CloudWatch would have, its newest minute still missing;
//! every 10 s scale-out is planned as `availability` does, every minute scale-in as `scale_in` does, with the
//! instance's own answer read a minute after it was asked.

use std::collections::BTreeMap;

use forecast::{Forecast as Targets, Input, Minute, SLOT_SECONDS, State};
use planner::{
    Action, Command, CommandOutcome, DrainHook, DrainResult, Ec2Record, Ec2State, Group, HealthStatus, Instance,
    InstanceId, InstanceReport, JibriProcess, JibriStatus, Jicofos, LifecycleState, Observation, Proof, Reading,
    Recorded, Signal, Target, Timestamp, plan_scale_in, plan_scale_out,
};

use super::pool::{Pool, PoolPolicy};

/// How often a forecast is made, in seconds.
const FORECAST_SECONDS: i64 = 300;
/// How many minutes of history CloudWatch keeps for a forecast: two weeks.
const HISTORY_MINUTES: usize = 14 * 24 * 60;
/// `JIBRIS_THRESHOLD`: what rules until there is a forecast.
const JIBRIS_THRESHOLD: u32 = 2;
/// `TERMINATIONS_PER_TICK`: a whole burst's surplus may go at once.
const TERMINATIONS_PER_TICK: u32 = 50;
/// `IDLE_COUNT_THRESHOLD`, in minutes: the hold target says what is kept, not how long a Jibri was idle.
const IDLE_COUNT_THRESHOLD: u64 = 1;
/// `BOOT_GRACE_MINUTES`: longer than any lead time that is compared, for here no launch fails.
const BOOT_GRACE_MINUTES: u64 = 60;
/// The largest target, and the group's maximum.
const MAXIMUM: u32 = 10_000;

/// What tags and SSM remember of an instance.
#[derive(Clone, Debug)]
struct Memory {
    id: InstanceId,
    registered_at: Option<Timestamp>,
    recorded: Option<Recorded>,
    proof: Option<Proof>,
    check: Option<Command>,
}

/// The forecast, as the functions run it.
pub struct Forecast {
    forecast: forecast::Policy,
    planner: planner::Policy,
    state: State,
    targets: Option<Targets>,
    minutes: Vec<Minute>,
    counting: Counting,
    memories: BTreeMap<usize, Memory>,
}

/// The minute that is being counted.
#[derive(Clone, Copy, Debug, Default)]
struct Counting {
    begun: bool,
    starts: u64,
    refusals: u64,
    available: usize,
}

impl Forecast {
    /// With the hit rate that is set; nothing is known of the demand to come.
    pub fn new(hit_rate: f64) -> Forecast {
        Forecast {
            forecast: forecast::Policy { hit_rate, floor: 0, maximum: MAXIMUM },
            planner: planner::Policy {
                idle_seconds: IDLE_COUNT_THRESHOLD * 60,
                terminations_per_tick: TERMINATIONS_PER_TICK,
                boot_grace_seconds: BOOT_GRACE_MINUTES * 60,
                ..planner::Policy::default()
            },
            state: State::default(),
            targets: None,
            minutes: Vec::new(),
            counting: Counting::default(),
            memories: BTreeMap::new(),
        }
    }

    /// Counts what the metrics would: the minute that has just ended is known a minute later.
    fn count(&mut self, pool: &Pool) {
        self.counting.available = self.counting.available.min(pool.available());
        if pool.now() % 60 != 0 {
            return;
        }
        if self.counting.begun {
            let counted = Minute {
                starts: Some((pool.starts() - self.counting.starts) as f32),
                refused: Some((pool.refusals() - self.counting.refusals) as f32),
                available: Some(self.counting.available as f32),
                busy: Some(pool.busy() as f32),
            };
            self.minutes.push(counted);
        }
        self.counting =
            Counting { begun: true, starts: pool.starts(), refusals: pool.refusals(), available: pool.available() };
    }

    fn make_forecast(&mut self, pool: &Pool) {
        let Some(newest) = self.minutes.last_mut() else { return };
        let known = std::mem::take(newest);
        let recordings_seconds: Vec<i64> = pool.recordings().map(|(_, began_at)| pool.now() - began_at).collect();
        let input = Input {
            now: pool.now(),
            minutes: &self.minutes[self.minutes.len().saturating_sub(HISTORY_MINUTES)..],
            offset_seconds: &|_| 0,
            recordings_seconds: &recordings_seconds,
            lead_seconds: pool.lead_seconds(),
            state: self.state,
        };
        let targets = forecast::forecast(&self.forecast, &input);
        if let Some(newest) = self.minutes.last_mut() {
            *newest = known;
        }
        self.targets = targets.ok();
        if let Some(targets) = &self.targets {
            self.state = targets.state;
        }
    }

    fn target(&self, now: i64) -> Target {
        let Some(targets) = &self.targets else {
            let threshold = JIBRIS_THRESHOLD;
            return Target { spare: threshold, hold: threshold, hold_soon: threshold, source: String::new() };
        };
        let slot = |at: i64| {
            usize::try_from((at - targets.first_slot_at).div_euclid(SLOT_SECONDS))
                .unwrap_or(0)
                .min(targets.hold.len() - 1)
        };
        Target {
            spare: targets.spare[slot(now)],
            hold: targets.hold[slot(now)],
            hold_soon: targets.hold[slot(now + 60)],
            source: String::new(),
        }
    }

    /// What a tick reads of the group, EC2, Jicofo and SSM.
    fn observe(&mut self, pool: &Pool) -> Observation {
        let mut instances = Vec::with_capacity(pool.size());
        let mut see = |number: usize, jibri: JibriStatus, last_selected_at: Option<i64>| {
            let memory = self.memories.entry(number).or_insert_with(|| Memory {
                id: InstanceId::new(format!("i-{number:08}")),
                registered_at: None,
                recorded: None,
                proof: None,
                check: None,
            });
            let launching = jibri == JibriStatus::Missing;
            instances.push(Instance {
                id: memory.id.clone(),
                zone: String::new(),
                lifecycle: if launching { LifecycleState::Pending } else { LifecycleState::InService },
                protected: true,
                outdated: false,
                ec2: Reading::Read(Ec2Record {
                    state: Ec2State::Exists,
                    launched_at: Timestamp(pool.launched_at(number)),
                    registered_at: memory.registered_at,
                    recorded: memory.recorded,
                    draining_since: None,
                    proof: memory.proof,
                    doubted_at: None,
                }),
                jibri,
                listed_by: Jicofos::only(0),
                last_selected_at: last_selected_at.map(Timestamp),
                last_failed_at: None,
                check: memory.check.clone().map_or(Reading::Unlisted, Reading::Read),
                drain: Reading::NotAsked,
                terminating_since: Reading::NotAsked,
            });
        };
        pool.launches_under_way().for_each(|number| see(number, JibriStatus::Missing, None));
        pool.idle().for_each(|(number, _)| see(number, JibriStatus::Idle, None));
        pool.recordings().for_each(|(number, began_at)| see(number, JibriStatus::Busy, Some(began_at)));
        let desired_capacity = u32::try_from(instances.len()).unwrap_or(u32::MAX);
        Observation {
            now: Timestamp(pool.now()),
            group: Group { min_size: 0, max_size: MAXIMUM, desired_capacity, retains_abandoned: true },
            hook: DrainHook::Present { default_result: DrainResult::Abandon, heartbeat_timeout_seconds: 7200 },
            instances,
            signal: Signal::Fresh,
            after_silence: false,
            untagged: false,
            unaccounted_busy: 0,
            strangers: Vec::new(),
            empty_jicofos: Vec::new(),
            target: Some(self.target(pool.now())),
        }
    }

    fn apply(&mut self, pool: &mut Pool, action: &Action) {
        if let Action::RaiseDesired { to, .. } = action {
            return pool.launch((*to as usize).saturating_sub(pool.size()));
        }
        let found = self.memories.iter_mut().find(|(_, memory)| Some(&memory.id) == action.instance());
        let Some((&number, memory)) = found else { return };
        match action {
            Action::TagRegistered { at, .. } => memory.registered_at = Some(*at),
            Action::TagState { recorded, .. } => memory.recorded = Some(*recorded),
            Action::TagProof { proof, .. } => memory.proof = Some(*proof),
            Action::Check { .. } => {
                let process = JibriProcess::Idle(HealthStatus::Healthy);
                let report = InstanceReport {
                    process,
                    recordings_pending: 0,
                    recordings_failed: 0,
                    recording: false,
                    finalizing: false,
                    oldest_recording_seconds: None,
                    good_recording_seconds: None,
                };
                let outcome = CommandOutcome::Reported(report);
                memory.check = Some(Command { sent_at: Timestamp(pool.now()), outcome });
            }
            Action::Terminate { .. } if pool.terminate(number) => {
                self.memories.remove(&number);
            }
            _ => {}
        }
    }
}

impl PoolPolicy for Forecast {
    fn tick(&mut self, pool: &mut Pool) {
        self.count(pool);
        if pool.now() % FORECAST_SECONDS == 0 {
            self.make_forecast(pool);
        }
        let observation = self.observe(pool);
        let plan = plan_scale_out(&self.planner, &observation);
        plan.steps.iter().for_each(|step| self.apply(pool, &step.action));
        if pool.now() % 60 == 0 {
            let observation = self.observe(pool);
            let plan = plan_scale_in(&self.planner, &observation);
            plan.steps.iter().for_each(|step| self.apply(pool, &step.action));
        }
    }
}
