//! The world: an Auto Scaling group, its EC2 instances and their Jibris, Jicofo, SSM, CloudWatch alarms, and people
//! that ask for recordings. Deterministic: the same configuration and the same calls give the same log.
//!
//! - [`World`]: all of it in virtual time; `simulator` calls it directly, `localcloud` puts it behind HTTP
//! - [`demand`]: when recordings are asked for, from a trace or made up
//! - [`rng`]: chance, from a seed

mod alarms;
mod api;
pub mod arn;
mod audit;
mod brewery;
mod config;
pub mod demand;
mod ec2;
pub mod events;
mod group;
mod growth;
mod hooks;
mod incident;
mod incidents;
mod jibri;
mod jicofo;
mod lambda;
mod log;
mod machine;
mod named;
mod policies;
mod published;
mod refusals;
pub mod rng;
mod scaling;
mod service;
mod sessions;
mod shipped;
mod ssm;
mod stale;
mod strangers;
mod summary;
mod uploads;

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BinaryHeap, VecDeque},
};

pub use alarms::{AlarmConfig, AlarmState, Comparison, Expression, MissingData, Ring, Statistic};
pub use api::*;
pub use audit::{AuditLimits, Breach, Conduct};
pub use config::{FaultRates, HookConfig, LaunchConfig, NAMESPACE, Scripts, SsmConfig, WorldConfig};
pub use incident::{Incident, JicofoFault};
pub use log::{Happening, LogEntry};
pub use named::{NAMED_FAULTS, NamedFault, named_fault};
pub use policies::{PolicyConfig, Step};
pub use shipped::{SHIPPED, shipped};
pub use summary::{Snapshot, Summary};

use machine::Machine;
use rng::Rng;

/// The world.
#[derive(Clone, Debug)]
pub struct World {
    config: WorldConfig,
    now: Milliseconds,
    rng: Rng,
    queue: BinaryHeap<Reverse<(Milliseconds, u64, Due)>>,
    queued: u64,
    machines: BTreeMap<String, Machine>,
    group: group::GroupState,
    jicofo: jicofo::JicofoState,
    ssm: ssm::SsmState,
    metrics: alarms::Metrics,
    published: published::Published,
    alarm_states: Vec<AlarmState>,
    parameters: BTreeMap<String, String>,
    lifecycle_events: VecDeque<LifecycleEvent>,
    pending_incidents: incidents::PendingIncidents,
    log: Vec<LogEntry>,
    tally: summary::WorldTally,
    stale: stale::Stale,
    audit: audit::Audit,
}

/// What happens by itself when its time has come.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Due {
    Reconcile,
    InService(String),
    JibriStarts(String),
    HookBegins(String),
    HookTimesOut(String),
    MachineEnds(String),
    HealthCheck(String),
    Forget(String),
    Request(usize),
    StartTimesOut(String, usize),
    RecordingFails(String, usize),
    RecordingEnds(String, usize),
    FinalizeEnds(String, usize),
    Rejoin(String),
    LeavesBrewery(String, Milliseconds),
    RetryUploads(String),
    StrangerActs(String),
    CommandArrives(usize),
    CommandEnds(usize),
    CommandTimesOut(usize),
    EvaluateAlarm(usize),
    RepeatAlarmAction(usize),
    Incident(usize),
    JicofoBack,
    Refresh(u32),
    SpotEnds(String),
}

impl World {
    /// A world at its start.
    ///
    /// # Errors
    /// What is wrong with the configuration.
    pub fn new(config: WorldConfig) -> Result<World, String> {
        config.validate()?;
        let mut world = World {
            now: config.start,
            rng: Rng::new(config.seed),
            queue: BinaryHeap::new(),
            queued: 0,
            machines: BTreeMap::new(),
            group: group::GroupState::new(&config),
            jicofo: jicofo::JicofoState::default(),
            ssm: ssm::SsmState::default(),
            metrics: alarms::Metrics::new(&config.alarms),
            published: published::Published::default(),
            alarm_states: vec![AlarmState::InsufficientData; config.alarms.len()],
            parameters: BTreeMap::new(),
            lifecycle_events: VecDeque::new(),
            pending_incidents: incidents::PendingIncidents::default(),
            log: Vec::new(),
            tally: summary::WorldTally::default(),
            stale: stale::Stale::default(),
            audit: audit::Audit::default(),
            config,
        };
        world.schedule(world.now, Due::Reconcile);
        if let Some(first) = world.config.demand.first() {
            world.schedule(first.at, Due::Request(0));
        }
        for index in 0..world.config.incidents.len() {
            world.schedule(world.config.incidents[index].0, Due::Incident(index));
        }
        for index in 0..world.config.alarms.len() {
            let period_ms = Milliseconds::from(world.config.alarms[index].period_seconds) * 1000;
            world.schedule(world.now + period_ms, Due::EvaluateAlarm(index));
        }
        Ok(world)
    }

    /// The world's time.
    pub fn now(&self) -> Milliseconds {
        self.now
    }

    /// What the world is made of.
    pub fn config(&self) -> &WorldConfig {
        &self.config
    }

    /// When something happens by itself next.
    pub fn next_event_at(&self) -> Option<Milliseconds> {
        self.queue.peek().map(|Reverse((at, _, _))| *at)
    }

    /// Lets everything happen that is due until `moment`; a moment that has passed changes nothing.
    pub fn advance_to(&mut self, moment: Milliseconds) {
        while self.next_event_at().is_some_and(|at| at <= moment) {
            let Some(Reverse((at, _, due))) = self.queue.pop() else {
                break;
            };
            self.now = self.now.max(at);
            self.happen(due);
        }
        self.now = self.now.max(moment);
    }

    /// Everything that has happened, in order of time.
    pub fn log(&self) -> &[LogEntry] {
        &self.log
    }

    /// The lifecycle events since this was last asked.
    pub fn take_lifecycle_events(&mut self) -> Vec<LifecycleEvent> {
        self.lifecycle_events.drain(..).collect()
    }

    /// `GetParameter`.
    ///
    /// # Errors
    /// `ParameterNotFound`.
    pub fn get_parameter(&mut self, name: &str) -> Result<String, AwsError> {
        self.throttle("ThrottlingException")?;
        self.parameters.get(name).cloned().ok_or_else(|| error("ParameterNotFound", format!("{name} not found.")))
    }

    /// `PutParameter`, overwriting.
    ///
    /// # Errors
    /// Throttling alone.
    pub fn put_parameter(&mut self, name: &str, value: &str) -> Result<(), AwsError> {
        self.throttle("ThrottlingException")?;
        self.parameters.insert(name.to_owned(), value.to_owned());
        Ok(())
    }

    /// A parameter that a person has put there.
    pub fn set_parameter(&mut self, name: &str, value: &str) {
        self.parameters.insert(name.to_owned(), value.to_owned());
    }

    fn happen(&mut self, due: Due) {
        match due {
            Due::Reconcile => self.reconcile(),
            Due::InService(id) => self.enter_service(&id),
            Due::JibriStarts(id) => self.start_jibri(&id),
            Due::HookBegins(id) => self.begin_hook(&id),
            Due::HookTimesOut(id) => self.time_out_hook(&id),
            Due::MachineEnds(id) => self.end_machine(&id),
            Due::HealthCheck(id) => self.replace_dead(&id),
            Due::Forget(id) => drop(self.machines.remove(&id)),
            Due::Request(index) => self.ask_for_recording(index),
            Due::StartTimesOut(id, request) => self.time_out_start(&id, request),
            Due::RecordingFails(id, request) => self.fail_recording(&id, request),
            Due::RecordingEnds(id, request) => self.end_recording(&id, request),
            Due::FinalizeEnds(id, request) => self.end_finalize(&id, request),
            Due::Rejoin(id) => self.join_brewery(&id),
            Due::LeavesBrewery(id, ended_at) => self.end_hibernation(&id, ended_at),
            Due::RetryUploads(id) => self.retry_uploads(&id),
            Due::StrangerActs(nickname) => self.let_stranger_act(&nickname),
            Due::CommandArrives(index) => self.run_command(index),
            Due::CommandEnds(index) => self.end_command(index),
            Due::CommandTimesOut(index) => self.time_out_command(index),
            Due::EvaluateAlarm(index) => self.evaluate_alarm(index),
            Due::RepeatAlarmAction(index) => self.repeat_alarm_action(index),
            Due::Incident(index) => self.strike(index),
            Due::JicofoBack => self.jicofo_comes_back(),
            Due::Refresh(version) => self.refresh_one(version),
            Due::SpotEnds(id) => self.take_machine(&id, "spot reclaim"),
        }
    }

    fn schedule(&mut self, at: Milliseconds, due: Due) {
        self.queued += 1;
        self.queue.push(Reverse((at, self.queued, due)));
    }

    fn note(&mut self, happening: Happening) {
        self.log.push(LogEntry { at: self.now, happening });
    }

    /// A time drawn evenly from none to so many seconds.
    fn draw_up_to(&mut self, seconds: f64) -> Milliseconds {
        self.rng.between(0, milliseconds(seconds))
    }

    /// Whether a fault of this share comes about now; it is counted.
    fn befalls(&mut self, share: f64, fault: &'static str) -> bool {
        let befalls = self.rng.chance(share);
        if befalls {
            *self.tally.faults.entry(fault).or_default() += 1;
        }
        befalls
    }

    /// How often which fault came about that has a rate.
    pub fn fault_counts(&self) -> &BTreeMap<&'static str, u64> {
        &self.tally.faults
    }

    fn throttle(&mut self, code: &'static str) -> Result<(), AwsError> {
        match self.befalls(self.config.rates.throttled_calls, "throttled-calls") {
            true => Err(error(code, "Rate exceeded")),
            false => Ok(()),
        }
    }
}

#[allow(clippy::cast_possible_truncation, reason = "a configured time, far under the limit")]
fn milliseconds(seconds: f64) -> Milliseconds {
    (seconds * 1000.0).round() as Milliseconds
}

fn error(code: &'static str, message: impl Into<String>) -> AwsError {
    AwsError { code, message: message.into(), http_status: 400 }
}
