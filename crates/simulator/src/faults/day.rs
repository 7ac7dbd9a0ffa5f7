//! One day of a seed: the real ticks at work, everything going wrong that its plan has, and then a calm in which all
//! of it must come to its end.

use std::collections::BTreeMap;

use super::{
    FaultKind,
    plan::DayPlan,
    strikes::{MINUTE_MS, Strike},
};
use crate::{
    network::{CallFaults, Refusal},
    run::{InvocationFaults, Runner},
};
use world::{Breach, FaultRates, Milliseconds, Summary};

/// How long after the last fault the pool must be as large as is wanted: a boot grace, a launch, and some ticks.
const RECOVERY_MS: Milliseconds = 30 * MINUTE_MS;
/// For how long fewer may then be available or on their way than are wanted: a scale-out is a matter of samples.
const SHORT_FOR_MS: Milliseconds = 2 * MINUTE_MS;
const SCALE_OUT: &str = "7 a drain under way never delays a scale-out";
const SETTLES: &str = "liveness: when faults stop and demand ends, the pool settles";

/// What became of one day.
#[derive(Debug)]
pub struct Day {
    /// The seed.
    pub seed: u64,
    /// What went wrong on it.
    pub kinds: Vec<FaultKind>,
    /// How often.
    pub faults: BTreeMap<&'static str, u64>,
    /// What it came to.
    pub summary: Summary,
    /// The first invariant that was broken.
    pub breach: Option<Breach>,
    /// Everything that happened, and every error of a function; only where it was asked for, or something broke.
    pub timeline: Vec<(Milliseconds, String)>,
}

impl Day {
    /// Lives through the day of this seed.
    ///
    /// # Errors
    /// Only when the plan is impossible, which no seed's is.
    pub fn run(seed: u64, only: Option<FaultKind>, keep_timeline: bool) -> Result<Day, String> {
        Day::live(seed, &DayPlan::draw(seed, only)?, keep_timeline)
    }

    /// Lives through the day on which this kind of fault alone would strike, without it.
    ///
    /// # Errors
    /// Only when the plan is impossible, which no seed's is.
    pub fn run_without(seed: u64, kind: FaultKind, keep_timeline: bool) -> Result<Day, String> {
        Day::live(seed, &DayPlan::draw(seed, Some(kind))?.without_faults(), keep_timeline)
    }

    fn live(seed: u64, plan: &DayPlan, keep_timeline: bool) -> Result<Day, String> {
        let mut runner = Runner::new(plan.config.clone(), plan.settings.clone(), plan.faults.invocations, seed)?;
        runner.network().faults = plan.faults.calls;
        runner.world().set_rates(plan.faults.rates);
        if let (Some(name), Some(value)) = (&plan.settings.forecast.planned_parameter, &plan.planned) {
            runner.world().set_parameter(name, value);
        }
        let breach = Watch { plan, runner: &mut runner, short_since: None }.run();
        let mut faults = count_strikes(plan);
        add_counts(&runner, &mut faults);
        let timeline = match keep_timeline || breach.is_some() {
            true => timeline(&runner),
            false => Vec::new(),
        };
        let summary = runner.world().summary();
        Ok(Day { seed, kinds: plan.kinds.clone(), faults, summary, breach, timeline })
    }
}

impl Strike {
    /// Lets it happen now.
    pub(super) fn befall(&self, runner: &mut Runner) {
        let now = runner.world().now();
        match self {
            Strike::World(incident) => runner.world().cause(incident.clone()),
            Strike::CutNetwork(for_ms) => runner.network().cut_until = now + for_ms,
            Strike::Refuse(operations, for_ms) => {
                runner.network().refusals.push(Refusal { operations, until: now + for_ms });
            }
            Strike::Skip(function, for_ms) => runner.skip(*function, now + for_ms),
        }
    }
}

/// Looks every minute whether all is as it must always be.
struct Watch<'a> {
    plan: &'a DayPlan,
    runner: &'a mut Runner,
    short_since: Option<Milliseconds>,
}

impl Watch<'_> {
    fn run(mut self) -> Option<Breach> {
        let mut strikes = self.plan.faults.strikes.iter().peekable();
        let mut now = self.plan.config.start;
        let mut calm = false;
        while now < self.plan.end {
            if !calm && now >= self.plan.calm_from {
                calm = true;
                self.calm_down();
            }
            let minute_ends = (now + MINUTE_MS).min(self.plan.end);
            let next = strikes.peek().map_or(minute_ends, |(at, _, _)| (*at).min(minute_ends));
            self.runner.run_until(next);
            now = next;
            while let Some((_, _, strike)) = strikes.next_if(|(at, _, _)| *at <= now) {
                strike.befall(self.runner);
            }
            self.runner.world().audit_minute();
            let found = self.runner.world().breaches().first().cloned();
            if let Some(breach) = found.or_else(|| self.look(now)) {
                return Some(breach);
            }
        }
        self.look_at_the_end()
    }

    fn calm_down(&mut self) {
        self.runner.set_faults(InvocationFaults::default());
        self.runner.network().faults = CallFaults::default();
        self.runner.world().set_rates(FaultRates::default());
        self.runner.world().end_incidents();
    }

    fn look(&mut self, now: Milliseconds) -> Option<Breach> {
        if now < self.plan.calm_from + RECOVERY_MS {
            return None;
        }
        let snapshot = self.runner.world().snapshot();
        let (wanted, found) = (self.plan.limits.least_spare, snapshot.available + snapshot.pending);
        if found >= wanted {
            self.short_since = None;
            return None;
        }
        let since = *self.short_since.get_or_insert(now);
        (now - since > SHORT_FOR_MS).then(|| {
            let minutes = (now - since) / MINUTE_MS;
            let detail = format!(
                "{found} of {wanted} wanted are available or on their way for {minutes} minutes, beside {} drains",
                snapshot.draining
            );
            self.report(SCALE_OUT, detail)
        })
    }

    fn look_at_the_end(&mut self) -> Option<Breach> {
        let (snapshot, kept_busy, flaws, drains, abandoned) = {
            let world = self.runner.world();
            let abandoned = world.needlessly_abandoned(self.plan.calm_from + RECOVERY_MS);
            (world.snapshot(), world.busy_machines(), world.flaws(), world.drains(), abandoned)
        };
        let wanted = self.plan.limits.least_spare;
        let expected = wanted + kept_busy;
        let problem = if let Some((instance, age_ms)) = drains.first() {
            format!("the drain of {instance} has lasted for {} minutes", age_ms / MINUTE_MS)
        } else if let Some(instance) = abandoned.first() {
            format!("{instance} was given up, and could have been drained")
        } else if let Some(flaw) = flaws.first() {
            flaw.clone()
        } else if (snapshot.available, snapshot.desired) != (wanted, expected) {
            let (available, desired) = (snapshot.available, snapshot.desired);
            format!("{available} are available, desired capacity is {desired}; it should be {wanted} and {expected}")
        } else if snapshot.machines != expected + snapshot.retained {
            format!("{} machines run; {expected} should, and {} retained", snapshot.machines, snapshot.retained)
        } else {
            return None;
        };
        Some(self.report(SETTLES, problem))
    }

    fn report(&mut self, invariant: &'static str, detail: String) -> Breach {
        let mut world = self.runner.world();
        world.breach(invariant, detail.clone());
        Breach { at: world.now(), invariant, detail }
    }
}

fn count_strikes(plan: &DayPlan) -> BTreeMap<&'static str, u64> {
    let mut faults = BTreeMap::new();
    for (_, kind, _) in &plan.faults.strikes {
        *faults.entry(kind.name()).or_default() += 1;
    }
    for kind in [FaultKind::ClockSkew, FaultKind::SsmRegistersLate, FaultKind::SingleUseMode] {
        if plan.kinds.contains(&kind) {
            *faults.entry(kind.name()).or_default() += 1;
        }
    }
    faults
}

/// What has a rate is counted when it comes about.
fn add_counts(runner: &Runner, faults: &mut BTreeMap<&'static str, u64>) {
    let (calls, invocations) = (runner.network().counts, runner.counts());
    let counted = [
        (FaultKind::FailedCalls, calls.failed),
        (FaultKind::CallsTimedOutBefore, calls.timed_out_before),
        (FaultKind::CallsTimedOutAfter, calls.timed_out_after),
        (FaultKind::LostEvents, invocations.dropped),
        (FaultKind::DoubledEvents, invocations.events_doubled),
        (FaultKind::LateEvents, invocations.events_late),
        (FaultKind::KilledFunctions, invocations.killed),
        (FaultKind::DoubledFunctions, invocations.doubled),
    ];
    let counted = counted.into_iter().map(|(kind, count)| (kind.name(), count));
    let in_world = runner.world().fault_counts().clone();
    for (name, count) in counted.chain(in_world).filter(|(_, count)| *count > 0) {
        *faults.entry(name).or_default() += count;
    }
}

fn timeline(runner: &Runner) -> Vec<(Milliseconds, String)> {
    let mut lines: Vec<(Milliseconds, String)> =
        runner.world().log().iter().map(|entry| (entry.at, entry.happening.to_string())).collect();
    let errors = runner.errors().iter();
    lines.extend(errors.map(|(at, function, error)| (*at, format!("{function:?} ended with an error: {error}"))));
    lines.sort_by_key(|(at, _)| *at);
    lines
}
