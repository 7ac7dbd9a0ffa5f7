//! What goes wrong on one day: drawn from a seed, and from nothing else.

use std::collections::BTreeMap;

use controller::Settings;

use super::{
    FaultKind,
    strikes::{Faults, HOUR_MS, MINUTE_MS, Span},
};
use world::{
    AuditLimits, Milliseconds, WorldConfig,
    demand::{Office, generate},
    rng::Rng,
};

/// The day begins an hour before the office does.
const BEGINS_AT_HOUR: Milliseconds = 5;
/// For so long faults strike.
const FAULTS_MS: Milliseconds = 11 * HOUR_MS;
/// How many kinds a day has on which not all are to meet.
const FEW: usize = 3;
const DRAIN_LIMIT_MINUTES: Milliseconds = 240;
/// How long a file may wait on an idle instance in service.
const FILE_AGE_MS: Milliseconds = 2 * HOUR_MS;
/// For how long a Jibri that fails may still be asked, while others record well: a trial is an hour's matter, and outages add to it.
const KNOWN_BAD_MS: Milliseconds = 6 * HOUR_MS;
/// How many launches an hour may be in vain: what is short at first, and then one at a time. Where tags are
/// refused, a tick does not know of the launches before, and some more follow.
const LAUNCHES_IN_VAIN: usize = 30;
/// For how long a short pool that holds launches in vain may launch no other: half an hour of patience, a boot grace, and a function
/// that is not invoked meanwhile.
const REPLACED_WITHIN_MS: Milliseconds = 75 * MINUTE_MS;
const PLANNED_PARAMETER: &str = "/jibri/events";
const FORECAST_PARAMETER: &str = "/jibri/forecast";

/// One day.
#[derive(Debug)]
pub(super) struct DayPlan {
    pub(super) kinds: Vec<FaultKind>,
    pub(super) config: WorldConfig,
    pub(super) settings: Settings,
    pub(super) planned: Option<String>,
    pub(super) faults: Faults,
    /// From when on nothing goes wrong any more.
    pub(super) calm_from: Milliseconds,
    pub(super) end: Milliseconds,
    pub(super) limits: AuditLimits,
}

impl DayPlan {
    /// The day of this seed; `only` restricts what goes wrong to one kind.
    pub(super) fn draw(seed: u64, only: Option<FaultKind>) -> Result<DayPlan, String> {
        let mut rng = Rng::new(seed);
        let kinds = draw_kinds(&mut rng, only);
        let start = WorldConfig::default().start + BEGINS_AT_HOUR * HOUR_MS;
        // With a whole day of history the forecast would begin to act, and want something else.
        let end = start + 24 * HOUR_MS - MINUTE_MS;
        let calm_from = start + FAULTS_MS;
        let (settings, limits) = draw_settings(&mut rng)?;
        let office = Office {
            recordings_per_weekday: rng.log_normal(45.0, 0.6).clamp(10.0, 160.0),
            median_minutes: rng.log_normal(30.0, 0.5).clamp(5.0, 90.0),
            ..Office::default()
        };
        let mut config = WorldConfig {
            seed: rng.next_u64(),
            start,
            min_size: u32::try_from(rng.between(0, i64::from(limits.least_spare))).unwrap_or(0),
            desired_capacity: limits.least_spare,
            max_size: 60,
            demand: generate(office, start, end - 8 * HOUR_MS, rng.next_u64()),
            audit: Some(limits),
            ..WorldConfig::default()
        };
        let planned = settings.forecast.planned_parameter.is_some().then(|| {
            let (from, until) = (calm_from - 5 * HOUR_MS, calm_from - 3 * HOUR_MS);
            let moment = |at: Milliseconds| controller::tags::format_moment(planner::Timestamp(at / 1000));
            let (from, until, spare) = (moment(from), moment(until), limits.most_spare);
            format!(r#"{{"events":[{{"name":"town hall","from":"{from}","until":"{until}","spare":{spare}}}]}}"#)
        });
        let latency = rng.between(50, 1500);
        let span = Span { from: start, until: calm_from };
        let mut faults = Faults::none(span, u64::try_from(latency).unwrap_or(0));
        faults.add_all(&kinds, &mut config, &mut rng);
        Ok(DayPlan { kinds, config, settings, planned, faults, calm_from, end, limits })
    }

    /// The same day, and nothing strikes. A second Jicofo stays: it is there to be struck.
    pub(super) fn without_faults(mut self) -> DayPlan {
        let span = Span { from: self.config.start, until: self.calm_from };
        self.faults = Faults::none(span, self.faults.invocations.call_latency_ms);
        self.config.ssm = WorldConfig::default().ssm;
        self.config.single_use = false;
        self.kinds.clear();
        self
    }
}

/// One kind, some, or about a third of all.
fn draw_kinds(rng: &mut Rng, only: Option<FaultKind>) -> Vec<FaultKind> {
    if let Some(only) = only {
        return vec![only];
    }
    if rng.chance(0.5) {
        return FaultKind::ALL.into_iter().filter(|_| rng.chance(0.35)).collect();
    }
    let all = u64::try_from(FaultKind::ALL.len()).unwrap_or(0);
    let mut kinds: Vec<FaultKind> = (0..=rng.below(u64::try_from(FEW).unwrap_or(1)))
        .map(|_| FaultKind::ALL[usize::try_from(rng.below(all)).unwrap_or(0)])
        .collect();
    kinds.sort_unstable();
    kinds.dedup();
    kinds
}

fn draw_settings(rng: &mut Rng) -> Result<(Settings, AuditLimits), String> {
    let threshold = rng.between(1, 4);
    let (idle_minutes, boot_minutes, per_tick) = (rng.between(2, 10), rng.between(6, 12), rng.between(1, 5));
    let planned = if rng.chance(0.25) { rng.between(1, 5) } else { 0 };
    let mut variables: BTreeMap<String, String> = [
        ("AUTO_SCALING_GROUP", WorldConfig::default().group_name),
        ("JICOFO_URLS", "http://127.0.0.1:8888".to_owned()),
        ("JIBRIS_THRESHOLD", threshold.to_string()),
        ("IDLE_COUNT_THRESHOLD", idle_minutes.to_string()),
        ("BOOT_GRACE_MINUTES", boot_minutes.to_string()),
        ("TERMINATIONS_PER_TICK", per_tick.to_string()),
        ("SAMPLE_INTERVAL_SECONDS", ["10", "15", "20", "30"][usize::try_from(rng.below(4)).unwrap_or(0)].to_owned()),
        ("DRAIN_LIMIT_MINUTES", DRAIN_LIMIT_MINUTES.to_string()),
        ("BUSY_SUSPICION_HOURS", "1".to_owned()),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into();
    if planned > 0 {
        variables.insert("FORECAST_PARAMETER".into(), FORECAST_PARAMETER.into());
        variables.insert("PLANNED_PARAMETER".into(), PLANNED_PARAMETER.into());
    }
    let settings = Settings::from_variables(&variables).map_err(|error| error.to_string())?;
    let count = |number: i64| u32::try_from(number).unwrap_or(0);
    let limits = AuditLimits {
        least_spare: count(threshold),
        most_spare: count(threshold + planned),
        terminations_per_tick: count(per_tick),
        drain_limit_ms: DRAIN_LIMIT_MINUTES * MINUTE_MS,
        boot_grace_ms: boot_minutes * MINUTE_MS,
        idle_ms: idle_minutes * MINUTE_MS,
        known_bad_ms: Some(KNOWN_BAD_MS),
        launches_in_vain_per_hour: Some(LAUNCHES_IN_VAIN),
        replaced_within_ms: Some(REPLACED_WITHIN_MS),
        file_age_ms: Some(FILE_AGE_MS),
    };
    Ok((settings, limits))
}
