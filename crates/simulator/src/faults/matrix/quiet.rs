//! Times at which nothing is wrong, and no alarm may ring.

use controller::Function;

use super::{
    super::strikes::{HOUR_MS, MINUTE_MS},
    scenario::{invocations, shipped_settings, shipped_world},
};
use crate::run::Runner;
use world::{
    WorldConfig,
    demand::{Office, generate},
};

/// When nothing goes wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QuietTime {
    /// A day and a night with a recording now and then.
    QuietDay,
    /// The first hour of a stack: its alarms are there some minutes before the functions run, and no instance is.
    NewStack,
    /// Two days on which the forecast wants no Jibri at night.
    NightWithoutJibris,
    /// An office with many recordings, all within the maximum.
    BusyDay,
    /// Twelve recordings end, and the pool becomes small again.
    ScaleInEvening,
}

impl QuietTime {
    /// All of them.
    pub const ALL: [QuietTime; 5] = [
        QuietTime::QuietDay,
        QuietTime::NewStack,
        QuietTime::NightWithoutJibris,
        QuietTime::BusyDay,
        QuietTime::ScaleInEvening,
    ];

    /// Lives through it.
    ///
    /// # Errors
    /// Only when the world is impossible, which none is.
    pub fn live(self, seed: u64) -> Result<Runner, String> {
        let world = WorldConfig { seed, ..shipped_world()? };
        let start = world.start;
        let office = |recordings_per_weekday, hours: i64| {
            let office = Office { recordings_per_weekday, ..Office::default() };
            generate(office, start, start + hours * HOUR_MS, seed)
        };
        let request =
            |minute: i64| world::demand::Request { at: start + minute * MINUTE_MS, duration_ms: 40 * MINUTE_MS };
        let (demand, hours, settings): (Vec<_>, i64, &[(&str, &str)]) = match self {
            QuietTime::QuietDay => (office(12.0, 24), 24, &[]),
            QuietTime::NewStack => (Vec::new(), 1, &[]),
            QuietTime::NightWithoutJibris => (office(30.0, 72), 72, &[("FORECAST_FLOOR", "0")]),
            QuietTime::BusyDay => (office(120.0, 16), 16, &[]),
            QuietTime::ScaleInEvening => ((0..12).map(|index| request(20 + index * 4)).collect(), 6, &[]),
        };
        let mut runner =
            Runner::new(WorldConfig { demand, ..world }, shipped_settings(settings)?, invocations(), seed)?;
        if self == QuietTime::NewStack {
            // CloudFormation makes the alarms early, and the schedules late.
            Function::ALL.into_iter().for_each(|function| runner.skip(function, start + 12 * MINUTE_MS));
        }
        runner.run_until(start + hours * HOUR_MS);
        Ok(runner)
    }
}
