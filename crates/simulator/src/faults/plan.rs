//! What goes wrong on one day: drawn from a seed, and from nothing else.

use std::collections::BTreeMap;

use controller::{Function, Settings};

use super::FaultKind;
use crate::{network::CallFaults, run::InvocationFaults};
use world::{
    AuditLimits, FaultRates, Incident, JicofoFault, Milliseconds, WorldConfig,
    demand::{Office, generate},
    rng::Rng,
};

pub(super) const MINUTE_MS: Milliseconds = 60_000;
pub(super) const HOUR_MS: Milliseconds = 60 * MINUTE_MS;
/// The day begins an hour before the office does.
const BEGINS_AT_HOUR: Milliseconds = 5;
/// For so long faults strike.
const FAULTS_MS: Milliseconds = 11 * HOUR_MS;
/// The outages that keep the functions from everything: an hour each at most, and far enough from each other for a
/// heartbeat in between.
const OUTAGES_MS: Milliseconds = HOUR_MS;
/// The functions whose schedule may rest.
const EVERY_MINUTE: [Function; 3] = [Function::Availability, Function::ScaleIn, Function::Drain];
/// How many kinds a day has on which not all are to meet.
const FEW: usize = 3;
const DRAIN_LIMIT_MINUTES: Milliseconds = 240;
const PLANNED_PARAMETER: &str = "/jibri/events";
const FORECAST_PARAMETER: &str = "/jibri/forecast";

/// Something that happens at its time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Strike {
    /// To the world.
    World(Incident),
    /// Nothing gets through for so long.
    CutNetwork(Milliseconds),
    /// Operations that begin like this are refused for so long.
    Refuse(&'static str, Milliseconds),
    /// The function's schedule rests for so long.
    Skip(Function, Milliseconds),
}

/// One day.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) kinds: Vec<FaultKind>,
    pub(super) config: WorldConfig,
    pub(super) settings: Settings,
    pub(super) planned: Option<String>,
    pub(super) invocation_faults: InvocationFaults,
    pub(super) call_faults: CallFaults,
    pub(super) rates: FaultRates,
    pub(super) strikes: Vec<(Milliseconds, FaultKind, Strike)>,
    /// From when on nothing goes wrong any more.
    pub(super) calm_from: Milliseconds,
    pub(super) end: Milliseconds,
    pub(super) limits: AuditLimits,
}

impl Plan {
    /// The day of this seed; `only` restricts what goes wrong to one kind.
    pub(super) fn draw(seed: u64, only: Option<FaultKind>) -> Result<Plan, String> {
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
        let mut plan = Plan {
            kinds: kinds.clone(),
            settings,
            planned,
            invocation_faults: InvocationFaults {
                call_latency_ms: u64::try_from(latency).unwrap_or(0),
                ..InvocationFaults::default()
            },
            call_faults: CallFaults::default(),
            rates: FaultRates::default(),
            strikes: Vec::new(),
            calm_from,
            end,
            limits,
            config: WorldConfig::default(),
        };
        for kind in kinds {
            plan.add(kind, &mut config, &mut rng);
        }
        plan.strikes.sort_by_key(|(at, _, _)| *at);
        plan.config = config;
        Ok(plan)
    }

    fn add(&mut self, kind: FaultKind, config: &mut WorldConfig, rng: &mut Rng) {
        // Mostly a little, sometimes much. Where hardly any call succeeded for two hours, no heartbeat would.
        let share = if rng.chance(0.8) { 0.01 + 0.1 * rng.unit() } else { 0.1 + 0.25 * rng.unit() };
        let (invocations, calls, rates) = (&mut self.invocation_faults, &mut self.call_faults, &mut self.rates);
        match kind {
            FaultKind::ThrottledCalls => rates.throttled_calls = share,
            FaultKind::FailedCalls => calls.failed = share,
            FaultKind::CallsTimedOutBefore => calls.timed_out_before = share,
            FaultKind::CallsTimedOutAfter => calls.timed_out_after = share,
            FaultKind::ClockSkew => calls.clock_skew_seconds = rng.between(5, 60),
            FaultKind::LostEvents => invocations.dropped = share,
            FaultKind::DoubledEvents => invocations.events_doubled = 0.3 + share,
            FaultKind::LateEvents => invocations.events_late = 0.3 + share,
            FaultKind::KilledFunctions => invocations.killed = share,
            FaultKind::DoubledFunctions => invocations.doubled = share,
            FaultKind::FailedLaunches => rates.launches_die = share,
            FaultKind::UnregisteredLaunches => rates.never_registers = share,
            FaultKind::LateRegistrations => rates.registers_late = share,
            FaultKind::FailedUploads => rates.uploads_fail = share,
            FaultKind::SsmRegistersLate => config.ssm.registration_seconds = 600.0,
            FaultKind::LostCommands => rates.commands_lost = share,
            FaultKind::FailedCommands => rates.commands_fail = share,
            FaultKind::LateAnswers => rates.answers_late = share,
            FaultKind::EmptyAnswers => rates.answers_empty = share,
            FaultKind::CutAnswers => rates.answers_cut = share,
            FaultKind::OneJicofoAway => {
                config.jicofos = 2;
                self.strike_now_and_then(kind, rng);
            }
            FaultKind::NetworkCut => self.outage(kind, 0, Strike::CutNetwork, rng),
            FaultKind::RolesRemoved => self.outage(kind, 1, |ms| Strike::Refuse("", ms), rng),
            _ => self.strike_now_and_then(kind, rng),
        }
    }

    fn outage(&mut self, kind: FaultKind, slot: Milliseconds, strike: impl Fn(Milliseconds) -> Strike, rng: &mut Rng) {
        let at = self.config_start() + (2 + slot * 4) * HOUR_MS + rng.between(0, HOUR_MS);
        self.strikes.push((at, kind, strike(rng.between(5 * MINUTE_MS, OUTAGES_MS))));
    }

    fn config_start(&self) -> Milliseconds {
        self.calm_from - FAULTS_MS
    }

    fn strike_now_and_then(&mut self, kind: FaultKind, rng: &mut Rng) {
        for _ in 0..rng.between(1, 4) {
            let at = rng.between(self.config_start() + 10 * MINUTE_MS, self.calm_from - 10 * MINUTE_MS);
            let left = self.calm_from - at;
            let mut for_up_to = |most: Milliseconds| rng.between(MINUTE_MS, most).min(left);
            let strike = match kind {
                FaultKind::MetricsRefused => Strike::Refuse("cloudwatch:", for_up_to(3 * HOUR_MS)),
                FaultKind::TagsRefused => Strike::Refuse("ec2:CreateTags", for_up_to(3 * HOUR_MS)),
                FaultKind::CommandsRefused => Strike::Refuse("ssm:SendCommand", for_up_to(3 * HOUR_MS)),
                FaultKind::ParametersRefused => Strike::Refuse("ssm:GetParameter", for_up_to(3 * HOUR_MS)),
                FaultKind::SkippedFunctions => {
                    let pause_ms = for_up_to(30 * MINUTE_MS);
                    let function = EVERY_MINUTE[usize::try_from(rng.below(3)).unwrap_or(0)];
                    Strike::Skip(function, pause_ms)
                }
                FaultKind::HookDeleted => {
                    let back = at + for_up_to(HOUR_MS);
                    self.strikes.push((back, kind, Strike::World(Incident::HookRestored)));
                    Strike::World(Incident::HookDeleted)
                }
                FaultKind::MaximumLowered => {
                    let back = Strike::World(Incident::MaxSizeByHand { to: 60 });
                    self.strikes.push((at + for_up_to(2 * HOUR_MS), kind, back));
                    Strike::World(Incident::MaxSizeByHand { to: u32::try_from(rng.between(1, 4)).unwrap_or(1) })
                }
                _ => Strike::World(draw_incident(kind, left, rng)),
            };
            self.strikes.push((at, kind, strike));
        }
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
    };
    Ok((settings, limits))
}

fn draw_incident(kind: FaultKind, left: Milliseconds, rng: &mut Rng) -> Incident {
    let count = u32::try_from(rng.between(1, 6)).unwrap_or(1);
    let mut for_up_to = |most: Milliseconds| rng.between(MINUTE_MS, most).min(left);
    match kind {
        FaultKind::StaleGroup => Incident::GroupStale { for_ms: for_up_to(5 * MINUTE_MS) },
        FaultKind::StaleInstances => Incident::InstancesStale { for_ms: for_up_to(5 * MINUTE_MS) },
        FaultKind::InsufficientCapacity => Incident::LaunchesFail { for_ms: for_up_to(HOUR_MS) },
        FaultKind::JibriUnhealthy => Incident::JibriUnhealthy,
        FaultKind::JibriExpired => Incident::JibriExpires,
        FaultKind::JibriHungBusy => Incident::JibriNeverStops,
        FaultKind::JibriHungFinalizing => Incident::JibriHangsBusy,
        FaultKind::JibriDies if count > 3 => Incident::JibriDiesBusy,
        FaultKind::JibriDies => Incident::JibriDies,
        FaultKind::FailedStarts => Incident::NextStartsFail { count },
        FaultKind::UploadsFailForEver => Incident::UploadsFailForEver,
        FaultKind::SsmOffline => Incident::SsmOffline { for_ms: for_up_to(2 * HOUR_MS) },
        FaultKind::JicofoGarbage => Incident::JicofoAway { for_ms: for_up_to(HOUR_MS), how: JicofoFault::Garbage },
        FaultKind::JicofoStale => Incident::JicofoStale { for_ms: for_up_to(10 * MINUTE_MS) },
        FaultKind::JicofoRestarts => Incident::JicofoRestarts,
        FaultKind::OneJicofoAway => {
            let for_ms = for_up_to(HOUR_MS);
            Incident::OneJicofoAway { for_ms, how: draw_jicofo_fault(rng) }
        }
        FaultKind::SpotReclaim => Incident::SpotReclaim,
        FaultKind::ZoneRebalancing => Incident::ZoneRebalancing,
        FaultKind::InstanceRefresh => Incident::InstanceRefresh,
        FaultKind::HealthReplacement => Incident::HealthReplacement,
        FaultKind::TerminatedByHand => Incident::TerminateBusyByHand,
        FaultKind::TerminatedInEc2 => Incident::TerminateEc2ByHand { busy: count > 3 },
        FaultKind::DesiredByHand if count > 3 => Incident::RaiseDesiredByHand { by: count },
        FaultKind::DesiredByHand => Incident::LowerDesiredByHand { to: count - 1 },
        FaultKind::ProtectionRemoved => Incident::RemoveProtection,
        _ => {
            let for_ms = for_up_to(2 * HOUR_MS);
            Incident::JicofoAway { for_ms, how: draw_jicofo_fault(rng) }
        }
    }
}

fn draw_jicofo_fault(rng: &mut Rng) -> JicofoFault {
    let faults = [JicofoFault::Refuses, JicofoFault::Fails, JicofoFault::Hangs, JicofoFault::WithoutDetector];
    faults[usize::try_from(rng.below(4)).unwrap_or(0)]
}
