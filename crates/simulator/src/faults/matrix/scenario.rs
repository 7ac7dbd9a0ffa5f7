//! The working day of the matrix: nothing but the fault is left to chance.

use std::collections::BTreeMap;

use controller::{Settings, alarms::ALARMS};

use super::super::strikes::{HOUR_MS, MINUTE_MS, Strike};
use crate::{
    network::CallFaults,
    run::{InvocationFaults, Runner},
};
use world::{FaultRates, Milliseconds, NamedFault, WorldConfig, demand::Request, named_fault, shipped};

/// Eight o'clock on a Monday.
const BEGINS_AT_HOUR: Milliseconds = 8;
/// The pool has settled when the fault strikes.
const STRIKES_AFTER_MS: Milliseconds = 90 * MINUTE_MS;
/// A recording of half an hour begins every ten minutes: three or four at once, and the pool has to grow for each.
const EVERY_MS: Milliseconds = 10 * MINUTE_MS;
const RECORDING_MS: Milliseconds = 35 * MINUTE_MS;
/// What a call to AWS or Jicofo takes at most.
const LATENCY_MS: u64 = 300;

/// The world as the stack is shipped: with all its alarms and its policy, and no instance yet.
pub(super) fn shipped_world() -> Result<WorldConfig, String> {
    let size = |parameter| shipped(parameter).unwrap_or(0);
    let start = WorldConfig::default().start + BEGINS_AT_HOUR * HOUR_MS;
    let (min_size, max_size) = (size("MinSize"), size("MaxSize"));
    WorldConfig { start, min_size, max_size, ..WorldConfig::default() }.with_shipped_alarms()
}

/// The settings as they are shipped, and these.
pub(super) fn shipped_settings(others: &[(&str, &str)]) -> Result<Settings, String> {
    let shipped = [
        ("AUTO_SCALING_GROUP", "jibri"),
        ("JICOFO_URLS", "http://127.0.0.1:8888"),
        ("FORECAST_PARAMETER", "/jibri/forecast"),
    ];
    let variables: BTreeMap<String, String> =
        shipped.iter().chain(others).map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Settings::from_variables(&variables).map_err(|error| error.to_string())
}

/// The functions, whose calls take their time.
pub(super) fn invocations() -> InvocationFaults {
    InvocationFaults { call_latency_ms: LATENCY_MS, ..InvocationFaults::default() }
}

/// How a fault strikes. What is set here comes at the moment of the strike, but for the configuration.
pub(super) struct Scenario {
    pub(super) config: WorldConfig,
    pub(super) invocations: InvocationFaults,
    pub(super) calls: CallFaults,
    pub(super) rates: FaultRates,
    strikes: Vec<Strike>,
    demand: Demand,
}

/// When recordings begin.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Demand {
    /// All day.
    Steady,
    /// Twice as often after the strike, so that the pool has to grow.
    Growing,
    /// As steady, until the strike.
    UntilTheStrike,
    /// One alone, which goes on at the strike.
    One,
}

/// What became of a scenario.
pub(super) struct Lived {
    /// The alarms that rang after the strike, the first one first: how many minutes after it, and how often.
    pub(super) rang: Vec<(&'static str, i64, usize)>,
    pub(super) rang_before: Vec<String>,
    /// While too few Jibris could record.
    pub(super) short: Stretch,
    /// While something was left that has to be cleared away.
    pub(super) left: Stretch,
}

/// The longest time without a break in which something was wrong.
#[derive(Default)]
pub(super) struct Stretch {
    pub(super) minutes: i64,
    /// What was wrong at its end.
    pub(super) complaint: String,
    since: Option<Milliseconds>,
}

impl Stretch {
    /// What was wrong in the minute that ends now.
    fn look(&mut self, now: Milliseconds, found: Option<String>) {
        let Some(complaint) = found else {
            self.since = None;
            return;
        };
        let minutes = (now - *self.since.get_or_insert(now - MINUTE_MS)) / MINUTE_MS;
        self.reach(minutes, &complaint);
    }

    fn reach(&mut self, minutes: i64, complaint: &str) {
        if minutes > self.minutes {
            (self.minutes, self.complaint) = (minutes, complaint.to_owned());
        }
    }
}

impl Scenario {
    pub(super) fn new(demand: Demand) -> Scenario {
        Scenario {
            config: WorldConfig::default(),
            invocations: invocations(),
            calls: CallFaults::default(),
            rates: FaultRates::default(),
            strikes: Vec::new(),
            demand,
        }
    }

    /// The fault of this name strikes as in any world.
    pub(super) fn strike_by_name(&mut self, name: &str) -> Result<(), String> {
        match named_fault(name)? {
            NamedFault::Happens(incident) => self.strike(Strike::World(incident.clone())),
            NamedFault::Befalls(set) => set(&mut self.rates),
        }
        Ok(())
    }

    pub(super) fn strike(&mut self, strike: Strike) {
        self.strikes.push(strike);
    }

    fn requests(&self, start: Milliseconds, strike: Milliseconds, end: Milliseconds) -> Vec<Request> {
        let begin_every = |span: Milliseconds, from: Milliseconds, until: Milliseconds| {
            let mut requests = Vec::new();
            let mut at = from + span;
            while at < until {
                requests.push(Request { at, duration_ms: RECORDING_MS });
                at += span;
            }
            requests
        };
        match self.demand {
            Demand::Steady => begin_every(EVERY_MS, start, end),
            Demand::Growing => [begin_every(EVERY_MS, start, strike), begin_every(EVERY_MS / 2, strike, end)].concat(),
            Demand::UntilTheStrike => begin_every(EVERY_MS, start, strike),
            Demand::One => vec![Request { at: strike - EVERY_MS, duration_ms: RECORDING_MS }],
        }
    }

    /// Lives through the day, until so many hours after the strike.
    pub(super) fn live(self, hours: i64) -> Result<Lived, String> {
        let world = shipped_world()?;
        let strike = world.start + STRIKES_AFTER_MS;
        let end = strike + hours * HOUR_MS;
        let demand = self.requests(world.start, strike, end);
        let config = WorldConfig {
            ssm: self.config.ssm,
            jicofos: self.config.jicofos,
            single_use: self.config.single_use,
            demand,
            ..world
        };
        let settings = shipped_settings(&[])?;
        let wanted = settings.jibris_threshold;
        let mut runner = Runner::new(config, settings, invocations(), 1)?;
        runner.run_until(strike);
        runner.set_faults(self.invocations);
        runner.network().faults = self.calls;
        runner.world().set_rates(self.rates);
        self.strikes.iter().for_each(|strike| strike.befall(&mut runner));
        let (mut short, mut left) = (Stretch::default(), Stretch::default());
        let (mut now, mut first_lost) = (strike, None);
        while now < end {
            now += MINUTE_MS;
            let lost = lost_requests(&runner);
            runner.run_until(now);
            short.look(now, find_shortage(&runner, wanted));
            // Between two requests it cannot be seen that the next one fails as well.
            if lost_requests(&runner) > lost {
                let first = *first_lost.get_or_insert(now);
                short.reach((now - first) / MINUTE_MS, "a request was refused, or its recording failed");
            }
            left.look(now, find_remains(&runner));
        }
        let rings = runner.world().rings();
        let (before, after): (Vec<_>, Vec<_>) = rings.into_iter().partition(|ring| ring.from <= strike);
        let mut rang: Vec<(&'static str, i64, usize)> = Vec::new();
        for ring in &after {
            let Some(alarm) = ALARMS.iter().map(|alarm| alarm.id).find(|id| *id == ring.alarm) else { continue };
            match rang.iter_mut().find(|(known, ..)| *known == alarm) {
                Some((_, _, times)) => *times += 1,
                None => rang.push((alarm, (ring.from - strike + MINUTE_MS - 1) / MINUTE_MS, 1)),
            }
        }
        let rang_before = before.into_iter().map(|ring| ring.alarm).collect();
        Ok(Lived { rang, rang_before, short, left })
    }
}

fn lost_requests(runner: &Runner) -> u64 {
    let snapshot = runner.world().snapshot();
    snapshot.refused + snapshot.failed
}

/// What keeps people from recording, in truth: too few Jibris could.
fn find_shortage(runner: &Runner, wanted: u32) -> Option<String> {
    let snapshot = runner.world().snapshot();
    let able = snapshot.available - snapshot.failing;
    (able < wanted).then(|| format!("{able} of {wanted} could record"))
}

/// What has to be cleared away, in truth: an instance that is of no use or without protection, a Jibri that is busy for
/// longer than any recording, a file that waits for its upload.
fn find_remains(runner: &Runner) -> Option<String> {
    let world = runner.world();
    // An instance whose Jibri has not started yet is no flaw.
    if let Some(flaw) = world.flaws().into_iter().find(|flaw| !flaw.ends_with("Down")) {
        return Some(flaw);
    }
    let fails = |id: &String| world.jibri_activity(id).failing.is_some();
    if world.running_jibris().iter().any(fails) {
        return Some("a Jibri says that it is available, and fails what it is asked for".to_owned());
    }
    if let Some(instance) = world.busy_for_longer_than(RECORDING_MS + EVERY_MS).first() {
        return Some(format!("{instance} is busy, and no recording is as long"));
    }
    world.files_waiting().first().map(|(instance, files)| format!("{files} recordings wait on {instance}"))
}
