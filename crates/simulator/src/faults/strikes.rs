//! What each kind of fault does to a day. A kind that is missing here does not compile.

use controller::Function;

use super::FaultKind;
use crate::{network::CallFaults, run::InvocationFaults};
use world::{Failing, FaultRates, Incident, JicofoFault, Milliseconds, WorldConfig, rng::Rng};

pub(super) const MINUTE_MS: Milliseconds = 60_000;
pub(super) const HOUR_MS: Milliseconds = 60 * MINUTE_MS;
/// The outages that keep the functions from everything: an hour each at most, and far enough from each other for a
/// heartbeat in between.
const OUTAGES_MS: Milliseconds = HOUR_MS;
/// The functions whose schedule may rest.
const EVERY_MINUTE: [Function; 3] = [Function::Availability, Function::ScaleIn, Function::Drain];

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

/// From when until when faults strike.
#[derive(Clone, Copy, Debug)]
pub(super) struct Span {
    pub(super) from: Milliseconds,
    pub(super) until: Milliseconds,
}

/// Everything that goes wrong on a day.
#[derive(Debug)]
pub(super) struct Faults {
    pub(super) invocations: InvocationFaults,
    pub(super) calls: CallFaults,
    pub(super) rates: FaultRates,
    /// In order of time.
    pub(super) strikes: Vec<(Milliseconds, FaultKind, Strike)>,
    span: Span,
}

impl Faults {
    /// Nothing goes wrong; calls take up to `call_latency_ms`.
    pub(super) fn none(span: Span, call_latency_ms: u64) -> Faults {
        Faults {
            invocations: InvocationFaults { call_latency_ms, ..InvocationFaults::default() },
            calls: CallFaults::default(),
            rates: FaultRates::default(),
            strikes: Vec::new(),
            span,
        }
    }

    /// Adds every kind to a day of this configuration.
    pub(super) fn add_all(&mut self, kinds: &[FaultKind], config: &mut WorldConfig, rng: &mut Rng) {
        for kind in kinds {
            self.add(*kind, config, rng);
        }
        self.strikes.sort_by_key(|(at, _, _)| *at);
    }

    fn add(&mut self, kind: FaultKind, config: &mut WorldConfig, rng: &mut Rng) {
        // Mostly a little, sometimes much. Where hardly any call succeeded for two hours, no heartbeat would.
        let share = if rng.chance(0.8) { 0.01 + 0.1 * rng.unit() } else { 0.1 + 0.25 * rng.unit() };
        match kind {
            FaultKind::ThrottledCalls => self.rates.throttled_calls = share,
            FaultKind::FailedCalls => self.calls.failed = share,
            FaultKind::CallsTimedOutBefore => self.calls.timed_out_before = share,
            FaultKind::CallsTimedOutAfter => self.calls.timed_out_after = share,
            FaultKind::ClockSkew => self.calls.clock_skew_seconds = rng.between(5, 60),
            FaultKind::LostEvents => self.invocations.dropped = share,
            FaultKind::DoubledEvents => self.invocations.events_doubled = 0.3 + share,
            FaultKind::LateEvents => self.invocations.events_late = 0.3 + share,
            FaultKind::KilledFunctions => self.invocations.killed = share,
            FaultKind::DoubledFunctions => self.invocations.doubled = share,
            FaultKind::FailedLaunches => self.rates.launches_die = share,
            FaultKind::UnregisteredLaunches => self.rates.never_registers = share,
            FaultKind::LateRegistrations => self.rates.registers_late = share,
            FaultKind::FailedUploads => self.rates.uploads_fail = share,
            FaultKind::SsmRegistersLate => config.ssm.registration_seconds = 600.0,
            FaultKind::LostCommands => self.rates.commands_lost = share,
            FaultKind::FailedCommands => self.rates.commands_fail = share,
            FaultKind::LateAnswers => self.rates.answers_late = share,
            FaultKind::EmptyAnswers => self.rates.answers_empty = share,
            FaultKind::CutAnswers => self.rates.answers_cut = share,
            FaultKind::NetworkCut => self.outage(kind, 0, Strike::CutNetwork, rng),
            FaultKind::RolesRemoved => self.outage(kind, 1, |ms| Strike::Refuse("", ms), rng),
            FaultKind::MetricsRefused => self.refuse(kind, "cloudwatch:", rng),
            FaultKind::TagsRefused => self.refuse(kind, "ec2:CreateTags", rng),
            FaultKind::CommandsRefused => self.refuse(kind, "ssm:SendCommand", rng),
            FaultKind::ParametersRefused => self.refuse(kind, "ssm:GetParameter", rng),
            FaultKind::SkippedFunctions => self.now_and_then(kind, rng, |occasion| {
                let pause_ms = occasion.for_up_to(30 * MINUTE_MS);
                let function = EVERY_MINUTE[usize::try_from(occasion.rng.below(3)).unwrap_or(0)];
                Strike::Skip(function, pause_ms)
            }),
            FaultKind::HookDeleted => self.now_and_then(kind, rng, |occasion| {
                occasion.undo_within(HOUR_MS, Incident::HookRestored);
                Strike::World(Incident::HookDeleted)
            }),
            FaultKind::MaximumLowered => self.now_and_then(kind, rng, |occasion| {
                occasion.undo_within(2 * HOUR_MS, Incident::MaxSizeByHand { to: 60 });
                Strike::World(Incident::MaxSizeByHand { to: occasion.count_up_to(4) })
            }),
            FaultKind::StaleGroup => {
                self.incidents(kind, rng, |it, _| Incident::GroupStale { for_ms: it.for_up_to(5 * MINUTE_MS) });
            }
            FaultKind::StaleInstances => {
                self.incidents(kind, rng, |it, _| Incident::InstancesStale { for_ms: it.for_up_to(5 * MINUTE_MS) });
            }
            FaultKind::InsufficientCapacity => {
                self.incidents(kind, rng, |it, _| Incident::LaunchesFail { for_ms: it.for_up_to(HOUR_MS) });
            }
            FaultKind::JibriUnhealthy => self.incidents(kind, rng, |_, _| Incident::JibriUnhealthy),
            FaultKind::JibriExpired => self.incidents(kind, rng, |_, _| Incident::JibriExpires),
            FaultKind::JibriHungBusy => self.incidents(kind, rng, |_, _| Incident::JibriNeverStops),
            FaultKind::JibriHungFinalizing => self.incidents(kind, rng, |_, _| Incident::JibriHangsBusy),
            FaultKind::JibriDies => self.incidents(kind, rng, |_, count| match count > 3 {
                true => Incident::JibriDiesBusy,
                false => Incident::JibriDies,
            }),
            FaultKind::FailedStarts => self.incidents(kind, rng, |_, count| Incident::NextStartsFail { count }),
            FaultKind::UploadsFailForEver => self.incidents(kind, rng, |_, _| Incident::UploadsFailForEver),
            FaultKind::SsmOffline => {
                self.incidents(kind, rng, |it, _| Incident::SsmOffline { for_ms: it.for_up_to(2 * HOUR_MS) });
            }
            FaultKind::JicofoAway => self.incidents(kind, rng, |it, _| {
                let for_ms = it.for_up_to(2 * HOUR_MS);
                Incident::JicofoAway { for_ms, how: it.jicofo_fault() }
            }),
            FaultKind::JicofoGarbage => self.incidents(kind, rng, |it, _| {
                let for_ms = it.for_up_to(HOUR_MS);
                Incident::JicofoAway { for_ms, how: JicofoFault::Garbage }
            }),
            FaultKind::JicofoStale => {
                self.incidents(kind, rng, |it, _| Incident::JicofoStale { for_ms: it.for_up_to(10 * MINUTE_MS) });
            }
            FaultKind::JicofoRestarts => self.incidents(kind, rng, |_, _| Incident::JicofoRestarts),
            FaultKind::OneJicofoAway => {
                config.jicofos = 2;
                self.incidents(kind, rng, |it, _| {
                    let for_ms = it.for_up_to(HOUR_MS);
                    Incident::OneJicofoAway { for_ms, how: it.jicofo_fault() }
                });
            }
            FaultKind::SpotReclaim => self.incidents(kind, rng, |_, _| Incident::SpotReclaim),
            FaultKind::ZoneRebalancing => self.incidents(kind, rng, |_, _| Incident::ZoneRebalancing),
            FaultKind::InstanceRefresh => self.incidents(kind, rng, |_, _| Incident::InstanceRefresh),
            FaultKind::HealthReplacement => self.incidents(kind, rng, |_, _| Incident::HealthReplacement),
            FaultKind::TerminatedByHand => self.incidents(kind, rng, |_, _| Incident::TerminateBusyByHand),
            FaultKind::TerminatedInEc2 => {
                self.incidents(kind, rng, |_, count| Incident::TerminateEc2ByHand { busy: count > 3 });
            }
            FaultKind::DesiredByHand => self.incidents(kind, rng, |_, count| match count > 3 {
                true => Incident::RaiseDesiredByHand { by: count },
                false => Incident::LowerDesiredByHand { to: count - 1 },
            }),
            FaultKind::ProtectionRemoved => self.incidents(kind, rng, |_, _| Incident::RemoveProtection),
            FaultKind::SingleUseMode => config.single_use = true,
            FaultKind::JibriFailsFromLaunch => {
                self.incidents(kind, rng, |_, count| Incident::NextLaunchFails { count });
            }
            FaultKind::JibriFailsLater => {
                self.incidents(kind, rng, |_, _| Incident::JibriFails { how: Failing::Recording });
            }
            FaultKind::StartsRefused => {
                self.incidents(kind, rng, |_, _| Incident::JibriFails { how: Failing::Start });
            }
            FaultKind::AllRecordingsFail => {
                self.incidents(kind, rng, |it, _| Incident::AllRecordingsFail { for_ms: it.for_up_to(2 * HOUR_MS) });
            }
            FaultKind::ProsodyRestarts => self.incidents(kind, rng, |_, _| Incident::ProsodyRestarts),
            FaultKind::Strangers => self.incidents(kind, rng, |it, count| {
                let for_ms = it.for_up_to(4 * HOUR_MS);
                Incident::Strangers { count, named: it.rng.chance(0.5), for_ms }
            }),
            FaultKind::JibriRestartsInContainer => {
                self.incidents(kind, rng, |_, _| Incident::JibriCrashesInContainer);
            }
            FaultKind::StuckBusy => self.incidents(kind, rng, |_, _| Incident::JibriStuck { ffmpeg: false }),
            FaultKind::StuckRecording => self.incidents(kind, rng, |_, _| Incident::JibriStuck { ffmpeg: true }),
            FaultKind::FinalizeMissing => self.incidents(kind, rng, |_, _| Incident::FinalizeMissing),
            FaultKind::TornRecordings => self.incidents(kind, rng, |_, count| Incident::NextRecordingsTorn { count }),
            FaultKind::EmptyRecordings => {
                self.incidents(kind, rng, |_, count| Incident::NextRecordingsEmpty { count });
            }
            FaultKind::OneJicofoEmpty => {
                config.jicofos = 2;
                self.incidents(kind, rng, |it, _| Incident::OneJicofoEmpty { for_ms: it.for_up_to(HOUR_MS) });
            }
            FaultKind::LaunchesNeverRegister => {
                self.incidents(kind, rng, |it, _| Incident::LaunchesNeverRegister { for_ms: it.for_up_to(3 * HOUR_MS) })
            }
            FaultKind::LaunchesCancelled => {
                self.incidents(kind, rng, |it, _| Incident::LaunchesCancelled { for_ms: it.for_up_to(HOUR_MS) });
            }
        }
    }

    fn outage(&mut self, kind: FaultKind, slot: Milliseconds, strike: impl Fn(Milliseconds) -> Strike, rng: &mut Rng) {
        let at = self.span.from + (2 + slot * 4) * HOUR_MS + rng.between(0, HOUR_MS);
        self.strikes.push((at, kind, strike(rng.between(5 * MINUTE_MS, OUTAGES_MS))));
    }

    fn refuse(&mut self, kind: FaultKind, operations: &'static str, rng: &mut Rng) {
        self.now_and_then(kind, rng, |occasion| Strike::Refuse(operations, occasion.for_up_to(3 * HOUR_MS)));
    }

    /// Incidents of the world; each is drawn with a number from 1 to 6.
    fn incidents(&mut self, kind: FaultKind, rng: &mut Rng, draw: impl Fn(&mut Occasion, u32) -> Incident) {
        self.now_and_then(kind, rng, |occasion| {
            let count = occasion.count_up_to(6);
            Strike::World(draw(occasion, count))
        });
    }

    /// One strike to four, each at any time of the span.
    fn now_and_then(&mut self, kind: FaultKind, rng: &mut Rng, draw: impl Fn(&mut Occasion) -> Strike) {
        for _ in 0..rng.between(1, 4) {
            let at = rng.between(self.span.from + 10 * MINUTE_MS, self.span.until - 10 * MINUTE_MS);
            let mut occasion = Occasion { at, until: self.span.until, rng, undone: None };
            let strike = draw(&mut occasion);
            let undone = occasion.undone.map(|(at, incident)| (at, kind, Strike::World(incident)));
            self.strikes.extend(undone);
            self.strikes.push((at, kind, strike));
        }
    }
}

/// The moment of one strike, and the chance that decides what it is.
struct Occasion<'a> {
    at: Milliseconds,
    until: Milliseconds,
    rng: &'a mut Rng,
    /// What takes the strike back, and when.
    undone: Option<(Milliseconds, Incident)>,
}

impl Occasion<'_> {
    /// A minute to so long, in milliseconds, and never beyond the span.
    fn for_up_to(&mut self, most: Milliseconds) -> Milliseconds {
        self.rng.between(MINUTE_MS, most).min(self.until - self.at)
    }

    fn count_up_to(&mut self, most: u32) -> u32 {
        u32::try_from(self.rng.between(1, i64::from(most))).unwrap_or(1)
    }

    fn undo_within(&mut self, most: Milliseconds, incident: Incident) {
        self.undone = Some((self.at + self.for_up_to(most), incident));
    }

    fn jicofo_fault(&mut self) -> JicofoFault {
        let faults = [JicofoFault::Refuses, JicofoFault::Fails, JicofoFault::Hangs, JicofoFault::WithoutDetector];
        faults[usize::try_from(self.rng.below(4)).unwrap_or(0)]
    }
}
