//! Which alarms ring for which fault. Each fault strikes alone, in full, at a fixed moment of a quiet working day with
//! the settings as they are shipped; the alarms of the stack are evaluated over the metrics that the functions, the
//! instances and Lambda then publish, and are held against what is expected of the fault.

mod quiet;
mod rows;
mod scenario;
mod table;

use std::sync::{
    Mutex,
    atomic::{AtomicUsize, Ordering},
};

pub use quiet::QuietTime;
use serde::Serialize;
pub use table::{markdown, text};

use super::FaultKind;
use scenario::{Demand, Lived, Scenario};

/// After a fault without an alarm so many Jibris as are wanted can record again within so long.
const HEALS_WITHIN_MINUTES: i64 = 5;
/// And what it leaves is cleared away within so long: a useless instance ends, a file is uploaded.
const CLEARED_WITHIN_MINUTES: i64 = 30;
/// This alarm drives a scaling policy, which must not act on what is over: it is well as soon as nothing is short, and rings
/// again with the next shortage.
const COMES_AND_GOES: &str = "ScaleOutAlarm";

/// A fault, and what is expected of it.
struct Row {
    /// What the fault strikes, where a kind has several rows.
    variant: &'static str,
    /// When recordings begin.
    demand: Demand,
    /// How it strikes; `None` for a fault of the world, which strikes as its name says.
    strikes: Option<Blow>,
    /// For how long the day is looked at after the strike.
    hours: i64,
    expected: Expected,
    /// The alarms that may ring, beside those that must: side effects.
    may: &'static [&'static str],
}

/// Sets up what a fault does.
type Blow = Box<dyn Fn(&mut Scenario) + Send + Sync>;

/// What a fault must come to.
enum Expected {
    /// These alarms ring, each within so many minutes of the strike.
    Rings(&'static [(&'static str, i64)]),
    /// The pool has healed within five minutes, for this reason, and no alarm has to ring.
    Heals(&'static str),
}

/// An alarm that rang.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Rang {
    /// The alarm.
    pub alarm: &'static str,
    /// How long after the strike it rang first, in minutes, begun ones counted in full.
    pub minutes: i64,
    /// Within how many minutes it had to; `None` for a side effect, and for one that should have been silent.
    pub within_minutes: Option<i64>,
    /// How often it rang.
    pub times: usize,
}

/// What became of a row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Outcome {
    /// The fault.
    pub fault: &'static str,
    /// What it strikes, where a fault has several rows.
    pub variant: &'static str,
    /// The alarms that rang, the first one first.
    pub rang: Vec<Rang>,
    /// The longest that fewer Jibris than wanted could record, in minutes.
    pub short_minutes: i64,
    /// The longest that something was left, in minutes: a useless instance, a file.
    pub left_minutes: i64,
    /// Whether all went as on the same day without the fault: whenever a recording begins, one Jibri less than wanted is
    /// available until another has started.
    pub harmless: bool,
    /// Why no alarm has to ring; empty where one must.
    pub reason: &'static str,
    /// What is not as expected.
    pub mismatches: Vec<String>,
}

impl Row {
    fn run(&self, kind: FaultKind) -> Result<Outcome, String> {
        let mut scenario = Scenario::new(self.demand);
        match &self.strikes {
            Some(strikes) => strikes(&mut scenario),
            None => scenario.strike_by_name(kind.name())?,
        }
        let lived = scenario.live(self.hours)?;
        let calm = match self.expected {
            Expected::Heals(_) => Some(Scenario::new(self.demand).live(self.hours)?),
            Expected::Rings(_) => None,
        };
        let harmless = calm
            .is_some_and(|calm| lived.short.minutes <= calm.short.minutes && lived.left.minutes <= calm.left.minutes);
        let must = match self.expected {
            Expected::Rings(must) => must,
            Expected::Heals(_) => &[],
        };
        let within = |alarm: &str| must.iter().find(|(name, _)| *name == alarm).map(|(_, minutes)| *minutes);
        let rang: Vec<Rang> = lived
            .rang
            .iter()
            .map(|(alarm, minutes, times)| Rang {
                alarm,
                minutes: *minutes,
                within_minutes: within(alarm),
                times: *times,
            })
            .collect();
        let mismatches = self.mismatches(must, &rang, &lived);
        let reason = match self.expected {
            Expected::Rings(_) => "",
            Expected::Heals(reason) => reason,
        };
        Ok(Outcome {
            fault: kind.name(),
            variant: self.variant,
            rang,
            short_minutes: lived.short.minutes,
            left_minutes: lived.left.minutes,
            harmless,
            reason,
            mismatches,
        })
    }

    fn mismatches(&self, must: &[(&str, i64)], rang: &[Rang], lived: &Lived) -> Vec<String> {
        let mut found: Vec<String> =
            lived.rang_before.iter().map(|alarm| format!("{alarm} rang before the strike")).collect();
        for (alarm, within) in must {
            match rang.iter().find(|rang| rang.alarm == *alarm) {
                None => found.push(format!("{alarm} did not ring")),
                Some(rang) if rang.minutes > *within => {
                    found.push(format!("{alarm} rang after {} minutes, not within {within}", rang.minutes));
                }
                Some(_) => {}
            }
        }
        for rang in rang {
            if rang.within_minutes.is_none() && !self.may.contains(&rang.alarm) {
                found.push(format!("{} must stay silent, and rang after {} minutes", rang.alarm, rang.minutes));
            }
            // A fault that lasts is told once: an alarm that comes and goes teaches to ignore it. A side effect of a fault that
            // strikes by chance may be over, and come again.
            if rang.times > 1 && rang.within_minutes.is_some() && rang.alarm != COMES_AND_GOES {
                found.push(format!("{} rang {} times", rang.alarm, rang.times));
            }
        }
        let open = match (&lived.short, &lived.left) {
            (short, _) if short.minutes > HEALS_WITHIN_MINUTES => Some(short),
            (_, left) if left.minutes > CLEARED_WITHIN_MINUTES => Some(left),
            _ => None,
        };
        match (&self.expected, open) {
            (Expected::Heals(_), Some(open)) => found.push(format!("for {} minutes: {}", open.minutes, open.complaint)),
            (Expected::Heals(_) | Expected::Rings(_), _) => {}
        }
        found
    }
}

/// Lets every fault strike, or only one, on all cores; the outcomes come in the order of the faults.
///
/// # Errors
/// Only when a row's world is impossible, which none is.
pub fn run(only: Option<FaultKind>) -> Result<Vec<Outcome>, String> {
    let kinds = FaultKind::ALL.into_iter().filter(|kind| only.is_none_or(|only| only == *kind));
    let rows: Vec<(FaultKind, Row)> =
        kinds.flat_map(|kind| rows::of(kind).into_iter().map(move |row| (kind, row))).collect();
    let (next, outcomes) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    let Some((kind, row)) = rows.get(index) else { break };
                    let outcome = row.run(*kind);
                    let Ok(mut outcomes) = outcomes.lock() else { break };
                    outcomes.push((index, outcome));
                }
            });
        }
    });
    let mut outcomes = outcomes.into_inner().map_err(|_| "a row has panicked".to_owned())?;
    outcomes.sort_by_key(|(index, _)| *index);
    outcomes.into_iter().map(|(_, outcome)| outcome).collect()
}
