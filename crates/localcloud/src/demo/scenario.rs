//! The morning: who records when, and what goes wrong.

use std::collections::BTreeMap;

use world::demand::{Office, generate};
use world::{
    AlarmConfig, Incident, JicofoFault, Milliseconds, MissingData, PolicyConfig, Statistic, Step, WorldConfig,
};

use crate::config::FunctionConfig;
use crate::history::{History, published};

const MINUTE: Milliseconds = 60_000;
/// Monday, 5 January 2026, 08:40 UTC.
const START: Milliseconds = 1_767_571_200_000 + 520 * MINUTE;
/// The first minutes fill the pool; in the last ones it comes back to its target.
const QUIET_MINUTES: Milliseconds = 12;
/// How long the pool has been there.
const HISTORY_DAYS: Milliseconds = 14;
/// Where the forecast is written.
pub(super) const FORECAST_PARAMETER: &str = "/jibri/forecast";
/// Of world time. A minute is little more than a second here, and two weeks are to be read.
const FORECAST_TIMEOUT_SECONDS: u32 = 240;

/// A morning.
pub(super) struct Scenario {
    pub(super) world: WorldConfig,
    pub(super) settings: BTreeMap<String, String>,
    pub(super) functions: Vec<FunctionConfig>,
    /// The weeks before.
    pub(super) history: History,
    /// How many Jibris wait while there is no forecast.
    pub(super) threshold: u32,
    pub(super) start: Milliseconds,
    pub(super) end: Milliseconds,
}

impl Scenario {
    pub(super) fn new(seed: u64, minutes: u32) -> Scenario {
        let threshold = 15;
        let end = START + Milliseconds::from(minutes) * MINUTE;
        let office = Office { recordings_per_weekday: 420.0, median_minutes: 18.0, ..Office::default() };
        let until = end - 2 * QUIET_MINUTES * MINUTE;
        let mut world = WorldConfig {
            seed,
            start: START,
            max_size: 60,
            demand: generate(office, START + QUIET_MINUTES * MINUTE, until, seed),
            incidents: incidents(end),
            ..WorldConfig::default()
        };
        add_scale_out_alarm(&mut world);
        let settings = BTreeMap::from([
            ("JIBRIS_THRESHOLD".to_owned(), threshold.to_string()),
            ("FORECAST_PARAMETER".to_owned(), FORECAST_PARAMETER.to_owned()),
            ("FORECAST_FLOOR".to_owned(), "2".to_owned()),
            ("HIT_RATE".to_owned(), "0.999".to_owned()),
            ("IDLE_COUNT_THRESHOLD".to_owned(), "10".to_owned()),
            ("BOOT_GRACE_MINUTES".to_owned(), "8".to_owned()),
        ]);
        let mut functions = FunctionConfig::standard();
        for function in functions.iter_mut().filter(|function| function.name == "forecast") {
            function.timeout_seconds = FORECAST_TIMEOUT_SECONDS;
        }
        // Other weeks of the same office.
        let before = START - HISTORY_DAYS * 24 * 60 * MINUTE;
        let history = published(&generate(office, before, START, seed.wrapping_add(1)), before, START, threshold);
        Scenario { world, settings, functions, history, threshold, start: START, end }
    }
}

/// At shares of the morning, so that a shorter one has them too.
fn incidents(end: Milliseconds) -> Vec<(Milliseconds, Incident)> {
    let at = |percent: Milliseconds| START + (end - START) * percent / 100;
    let by_hand = at(42);
    vec![
        (START, Incident::NextLaunchNeverRegisters),
        (by_hand, Incident::TerminateBusyByHand),
        (by_hand + MINUTE / 2, Incident::DrainingUploadsFail { count: 3 }),
        (at(60), Incident::JicofoAway { for_ms: 5 * MINUTE, how: JicofoFault::Refuses }),
    ]
}

/// The pool grows even when the function's own call fails: the alarm stands on the metric that it publishes.
fn add_scale_out_alarm(world: &mut WorldConfig) {
    let step = |lower: f64, upper, adjustment| Step { lower, upper, adjustment };
    world.policies.push(PolicyConfig::Step {
        name: "scale-out".into(),
        steps: vec![step(0.0, Some(3.0), 2), step(3.0, None, 5)],
        warmup_seconds: 240,
    });
    world.alarms.push(AlarmConfig {
        name: "jibri-shortfall".into(),
        metric: "Shortfall".into(),
        statistic: Statistic::Minimum,
        period_seconds: 60,
        evaluation_periods: 2,
        datapoints_to_alarm: 2,
        at_least: true,
        threshold: 1.0,
        missing: MissingData::NotBreaching,
        policy: Some("scale-out".into()),
    });
}
