//! A row for each fault, or several. A kind that is missing here does not compile.

use controller::Function;

use super::{
    super::strikes::{HOUR_MS, Strike},
    Expected::{self, Heals, Rings},
    FaultKind, Row,
    scenario::{Demand, Scenario},
};
use world::{Incident, JicofoFault, Milliseconds};

/// Longer than any row looks.
const LASTS_MS: Milliseconds = 96 * HOUR_MS;
/// The share of a fault that strikes by chance.
const OFTEN: f64 = 0.3;
const REPLACED: Expected = Heals("It is replaced");
const FUNCTIONS_FAIL: Expected = Rings(&[("FunctionsFailAlarm", 8)]);
/// The functions do not hear Jicofo.
const SILENCE: Expected = Rings(&[("FunctionsFailAlarm", 6), ("SignalLostAlarm", 6)]);
/// `forecast` reads the meetings from Jicofo, the history from CloudWatch, and its parameter.
const FORECAST_FAILS: &[&str] = &["ForecastFailsAlarm"];
/// Nothing of the functions gets through.
const CUT_OFF: Expected = Rings(&[
    ("FunctionsFailAlarm", 6),
    ("SignalLostAlarm", 9),
    ("ForecastFailsAlarm", 20),
    ("HeartbeatTooOldAlarm", 14),
]);
/// Nothing that is launched becomes available.
const POOL_EMPTY: Expected = Rings(&[("PoolEmptyAlarm", 40)]);
/// What is launched does not register. The first launch begins some ten minutes after the strike.
const UNREGISTERED: Expected = Rings(&[("LaunchesUnregisteredAlarm", 32), ("PoolEmptyAlarm", 40)]);
/// A Jibri is busy, and Jicofo counts no session for it: `BusySuspicionHours`, and a quarter of an hour.
const STUCK: Expected = Rings(&[("StuckBusyAlarm", 380)]);
/// One Jibri fails its recordings. It is replaced, and the alarm has told of it.
const FAILS: Expected = Rings(&[("FailingJibriAlarm", 90)]);
/// No instance can be asked, so that none is ended.
const SCALE_IN_STUCK: Expected = Rings(&[("ScaleInAlarm", 75)]);

/// What strikes is set in the scenario.
fn row(strikes: impl Fn(&mut Scenario) + Send + Sync + 'static, expected: Expected) -> Row {
    Row { variant: "", demand: Demand::Steady, strikes: Some(Box::new(strikes)), hours: 3, expected, may: &[] }
}

/// The fault strikes the world as its name says.
fn by_name(expected: Expected) -> Row {
    Row { strikes: None, ..row(|_| (), expected) }
}

/// This happens to the world.
fn caused(incident: Incident, expected: Expected) -> Row {
    row(move |it| it.strike(Strike::World(incident.clone())), expected)
}

/// AWS refuses the operations that begin like this.
fn refused(operations: &'static str, expected: Expected) -> Row {
    row(move |it| it.strike(Strike::Refuse(operations, LASTS_MS)), expected)
}

fn skipped(function: Function, expected: Expected) -> Row {
    row(move |it| it.strike(Strike::Skip(function, LASTS_MS)), expected).named(function.name())
}

/// Jicofo does this instead of an answer.
fn jicofo(how: JicofoFault) -> Row {
    caused(Incident::JicofoAway { for_ms: LASTS_MS, how }, SILENCE).may(FORECAST_FAILS)
}

impl Row {
    fn named(self, variant: &'static str) -> Row {
        Row { variant, ..self }
    }

    fn for_hours(self, hours: i64) -> Row {
        Row { hours, ..self }
    }

    fn may(self, may: &'static [&'static str]) -> Row {
        Row { may, ..self }
    }

    /// No recording begins after the strike, so that scale-in has instances to end.
    fn in_the_evening(self) -> Row {
        Row { demand: Demand::UntilTheStrike, ..self }
    }

    /// More recordings than before begin after the strike, so that instances have to be launched.
    fn in_the_morning(self) -> Row {
        Row { demand: Demand::Growing, ..self }
    }

    /// One recording alone goes on when the fault strikes.
    fn with_one_recording(self) -> Row {
        Row { demand: Demand::One, ..self }
    }
}

pub(super) fn of(kind: FaultKind) -> Vec<Row> {
    let one = |row: Row| vec![row];
    match kind {
        FaultKind::ThrottledCalls => {
            one(row(|it| it.rates.throttled_calls = OFTEN, FUNCTIONS_FAIL).may(FORECAST_FAILS))
        }
        FaultKind::FailedCalls => one(row(|it| it.calls.failed = OFTEN, FUNCTIONS_FAIL).may(FORECAST_FAILS)),
        FaultKind::CallsTimedOutBefore => {
            one(row(|it| it.calls.timed_out_before = OFTEN, FUNCTIONS_FAIL).may(FORECAST_FAILS))
        }
        FaultKind::CallsTimedOutAfter => {
            one(row(|it| it.calls.timed_out_after = OFTEN, FUNCTIONS_FAIL).may(FORECAST_FAILS))
        }
        FaultKind::StaleGroup => one(by_name(Heals("What AWS says is right again")).may(&["ScaleOutAlarm"])),
        FaultKind::StaleInstances => one(by_name(Heals("What AWS says is right again"))),
        FaultKind::NetworkCut => one(row(|it| it.strike(Strike::CutNetwork(LASTS_MS)), CUT_OFF)),
        FaultKind::LostEvents => {
            one(row(|it| it.invocations.dropped = OFTEN, Heals("The next minute does what was not done")))
        }
        FaultKind::DoubledEvents => {
            one(row(|it| it.invocations.events_doubled = 1.0, Heals("To do it twice changes nothing")))
        }
        FaultKind::LateEvents => {
            one(row(|it| it.invocations.events_late = 1.0, Heals("Every minute `drain` looks by itself")))
        }
        FaultKind::KilledFunctions => one(row(|it| it.invocations.killed = 0.5, FUNCTIONS_FAIL).may(FORECAST_FAILS)),
        FaultKind::DoubledFunctions => {
            one(row(|it| it.invocations.doubled = 1.0, Heals("To do it twice changes nothing")))
        }
        FaultKind::SkippedFunctions => vec![
            skipped(Function::Availability, Rings(&[("SignalLostAlarm", 9)])),
            skipped(Function::ScaleIn, SCALE_IN_STUCK).in_the_evening(),
            skipped(Function::Drain, Rings(&[("HeartbeatTooOldAlarm", 14)])),
        ],
        FaultKind::ClockSkew => {
            one(row(|it| it.calls.clock_skew_seconds = 60, Heals("No limit is as short as a minute")))
        }
        FaultKind::FailedLaunches => one(by_name(POOL_EMPTY).in_the_morning()),
        FaultKind::UnregisteredLaunches => one(by_name(UNREGISTERED).in_the_morning()),
        FaultKind::LateRegistrations => one(by_name(POOL_EMPTY).in_the_morning()),
        FaultKind::InsufficientCapacity => {
            let rings = Rings(&[("LaunchesFailAlarm", 16), ("PoolEmptyAlarm", 40)]);
            one(by_name(rings).in_the_morning())
        }
        FaultKind::JibriUnhealthy => one(by_name(REPLACED)),
        FaultKind::JibriExpired => one(by_name(REPLACED)),
        // With a session it is a recording, as far as can be known, for a day.
        FaultKind::JibriHungBusy => one(by_name(Rings(&[("StuckBusyAlarm", 1460)])).for_hours(26)),
        FaultKind::JibriHungFinalizing => vec![
            by_name(STUCK).for_hours(10).named("in service"),
            row(
                |it| {
                    it.strike(Strike::World(Incident::JibriHangsBusy));
                    it.strike(Strike::World(Incident::TerminateBusyByHand));
                },
                Rings(&[("DrainTooOldAlarm", 726), ("RetainedInstanceAlarm", 2766)]),
            )
            .with_one_recording()
            .for_hours(50)
            .named("on its way out"),
        ],
        FaultKind::JibriDies => vec![
            by_name(REPLACED).named("idle"),
            caused(Incident::JibriDiesBusy, Heals("It is replaced, and uploads what it has")).named("busy"),
        ],
        FaultKind::FailedStarts => {
            let why = "Jicofo selects another, and the same one again after a minute";
            one(by_name(Heals(why)).may(&["RecordingsFailAlarm", "FailingJibriAlarm"]))
        }
        FaultKind::FailedUploads => one(by_name(Rings(&[("UploadFailedAlarm", 16)])).may(&["RecordingsWaitAlarm"])),
        FaultKind::UploadsFailForEver => {
            let rings = Rings(&[("UploadFailedAlarm", 40), ("RecordingsWaitAlarm", 60)]);
            one(by_name(rings).for_hours(6))
        }
        FaultKind::SsmOffline => one(by_name(SCALE_IN_STUCK).in_the_evening()),
        FaultKind::SsmRegistersLate => one(row(
            |it| it.config.ssm.registration_seconds = 600.0,
            Heals("An instance as young as that is not asked"),
        )),
        FaultKind::LostCommands => one(by_name(SCALE_IN_STUCK).in_the_evening()),
        FaultKind::FailedCommands => one(by_name(SCALE_IN_STUCK).in_the_evening()),
        FaultKind::LateAnswers => one(by_name(Heals("Scale-in can wait for an answer")).in_the_evening()),
        FaultKind::EmptyAnswers => one(by_name(SCALE_IN_STUCK).in_the_evening()),
        FaultKind::CutAnswers => one(by_name(SCALE_IN_STUCK).in_the_evening()),
        FaultKind::JicofoAway => vec![
            by_name(SILENCE).may(FORECAST_FAILS).named("refuses"),
            jicofo(JicofoFault::Fails).named("fails"),
            jicofo(JicofoFault::Hangs).named("hangs"),
            jicofo(JicofoFault::WithoutDetector).named("has no detector"),
        ],
        FaultKind::JicofoGarbage => one(by_name(SILENCE).may(FORECAST_FAILS)),
        FaultKind::JicofoStale => one(by_name(Heals("What Jicofo says is right again"))),
        FaultKind::JicofoRestarts => one(by_name(Heals("The Jibris join it again within 15 seconds"))),
        FaultKind::OneJicofoAway => one(row(
            |it| {
                it.config.jicofos = 2;
                let how = JicofoFault::Refuses;
                it.strike(Strike::World(Incident::OneJicofoAway { for_ms: LASTS_MS, how }));
            },
            SILENCE,
        )
        .may(FORECAST_FAILS)),
        FaultKind::SpotReclaim => one(by_name(REPLACED)),
        FaultKind::ZoneRebalancing => one(by_name(REPLACED)),
        FaultKind::InstanceRefresh => one(by_name(Heals("Each is replaced, one by one"))),
        FaultKind::HealthReplacement => one(by_name(REPLACED)),
        FaultKind::TerminatedByHand => one(by_name(Heals("It ends after its recording, and is replaced"))),
        FaultKind::TerminatedInEc2 => vec![
            by_name(REPLACED).named("idle"),
            caused(Incident::TerminateEc2ByHand { busy: true }, Heals("It is replaced; its recording is lost"))
                .named("busy"),
        ],
        FaultKind::DesiredByHand => vec![
            by_name(Heals("The next sample raises it")).named("lowered"),
            caused(Incident::RaiseDesiredByHand { by: 6 }, Heals("Scale-in ends what is too much")).named("raised"),
        ],
        FaultKind::MaximumLowered => {
            let rings = Rings(&[("AtMaximumAlarm", 6), ("ScaleOutAlarm", 16), ("PoolEmptyAlarm", 40)]);
            one(by_name(rings).in_the_morning())
        }
        FaultKind::ProtectionRemoved => one(by_name(Heals("The next minute puts it back"))),
        FaultKind::HookDeleted => one(by_name(FUNCTIONS_FAIL)),
        FaultKind::MetricsRefused => one(refused(
            "cloudwatch:",
            Rings(&[("FunctionsFailAlarm", 6), ("SignalLostAlarm", 9), ("HeartbeatTooOldAlarm", 14)]),
        )
        .may(FORECAST_FAILS)),
        FaultKind::TagsRefused => one(refused("ec2:CreateTags", FUNCTIONS_FAIL)),
        FaultKind::CommandsRefused => {
            let rings = Rings(&[("FunctionsFailAlarm", 30), ("ScaleInAlarm", 75)]);
            one(refused("ssm:SendCommand", rings).in_the_evening())
        }
        FaultKind::ParametersRefused => {
            let rings = Rings(&[("FunctionsFailAlarm", 8), ("ForecastFailsAlarm", 16)]);
            one(refused("ssm:GetParameter", rings))
        }
        FaultKind::RolesRemoved => one(refused("", CUT_OFF)),
        FaultKind::JibriFailsFromLaunch => {
            // One alone may be the last that Jicofo takes.
            let rings = Rings(&[("FailingJibriAlarm", 120)]);
            one(caused(Incident::NextLaunchFails { count: 6 }, rings)
                .in_the_morning()
                .may(&["RecordingsFailAlarm", "PoolEmptyAlarm"]))
        }
        FaultKind::JibriFailsLater => one(by_name(FAILS).in_the_morning().may(&["RecordingsFailAlarm"])),
        FaultKind::StartsRefused => one(by_name(FAILS).in_the_morning().may(&["RecordingsFailAlarm"])),
        FaultKind::AllRecordingsFail => {
            let rings = Rings(&[("RecordingsFailAlarm", 45)]);
            one(by_name(rings).may(&["FailingJibriAlarm", "PoolEmptyAlarm"]))
        }
        FaultKind::ProsodyRestarts => one(by_name(Heals("The Jibris join again one by one"))),
        FaultKind::Strangers => one(by_name(Heals("Those of the pool record as before"))),
        FaultKind::JibriRestartsInContainer => {
            one(by_name(Heals("It is available again; its recording is lost from there on")))
        }
        FaultKind::StuckBusy => one(by_name(STUCK).for_hours(10).may(&["RecordingsWaitAlarm"])),
        FaultKind::StuckRecording => one(by_name(STUCK).for_hours(10).may(&["RecordingsWaitAlarm"])),
        FaultKind::FinalizeMissing => one(by_name(Rings(&[("RecordingsWaitAlarm", 60)])).may(&["UploadFailedAlarm"])),
        FaultKind::TornRecordings => one(by_name(Rings(&[("UnplayableRecordingsAlarm", 20)]))),
        FaultKind::EmptyRecordings => one(by_name(Rings(&[("UnplayableRecordingsAlarm", 20)]))),
        FaultKind::OneJicofoEmpty => one(row(
            |it| {
                it.config.jicofos = 2;
                it.strike(Strike::World(Incident::OneJicofoEmpty { for_ms: LASTS_MS }));
            },
            Rings(&[("EmptyJicofoAlarm", 8)]),
        )),
        FaultKind::SingleUseMode => {
            one(row(|it| it.config.single_use = true, Heals("Each is replaced after its recording"))
                .may(&["ScaleOutAlarm"]))
        }
        FaultKind::LaunchesNeverRegister => one(by_name(UNREGISTERED).in_the_morning()),
        FaultKind::LaunchesCancelled => {
            let rings = Rings(&[("LaunchesFailAlarm", 16), ("PoolEmptyAlarm", 40)]);
            one(by_name(rings).in_the_morning())
        }
    }
}
