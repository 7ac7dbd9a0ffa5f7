//! The alarms. Missing data is a gap in what is known; only where it means that nothing looks does it count as bad.

use super::{
    Alarm,
    Comparison::{Above, AtLeast, Below},
    Expression, MissingData, Series, Source, Threshold, Watched,
};
use crate::{
    Function,
    metrics::{
        Metric,
        Statistic::{self, Maximum, Minimum, Sum},
    },
};

/// What most alarms have in common; each says what is its own.
const COMMON: Alarm = Alarm {
    id: "",
    meaning: "",
    remedy: "",
    watches: Watched::Metric(Metric::SignalLost, Maximum),
    period_seconds: 60,
    evaluation_periods: 1,
    datapoints_to_alarm: None,
    comparison: AtLeast,
    threshold: Threshold::Number(1.0),
    missing: MissingData::NotBreaching,
    grows_the_pool: false,
    condition: None,
};

const fn of(id: &'static str, source: Source, statistic: Statistic) -> Expression {
    Expression::Series(Series { id, source, statistic })
}

/// The alarms, in the order in which the dashboard and the page show them: what costs recordings first.
pub const ALARMS: &[Alarm] = &[
    Alarm {
        id: "PoolEmptyAlarm",
        meaning: "No Jibri has been available for five minutes, though some are wanted; recordings are refused",
        remedy: "See which of `SignalLostAlarm`, `AtMaximumAlarm`, `LaunchesFailAlarm`, `LaunchesUnregisteredAlarm` and \
                 `RecordingsFailAlarm` rings too. If none does, demand came faster than instances start: raise `JibrisThreshold`.",
        // With `FORECAST_FLOOR` 0 none is wanted at night. A launch takes three minutes: in less, the first Jibris of a new
        // stack, or of a morning, may not be there yet.
        watches: Watched::Expression {
            id: "available",
            label: "Available where some are wanted",
            expression: Expression::Where(
                &of("wanted", Source::Pool(Metric::SpareTarget), Minimum),
                &of("jibris", Source::Pool(Metric::AvailableJibris), Maximum),
                1.0,
            ),
        },
        evaluation_periods: 5,
        comparison: Below,
        missing: MissingData::Missing,
        ..COMMON
    },
    Alarm {
        id: "RecordingsFailAlarm",
        meaning: "Recordings fail, and none has gone well since; most likely a setting that all Jibris share is wrong",
        remedy: "Look at the recorder's password and name, `XMPP_HIDDEN_DOMAIN`, `PUBLIC_URL`, the certificate of the web site, \
                 and UDP from the Jibris to the video bridge: follow [Recordings fail](trouble.md#recordings-fail). No Jibri \
                 is replaced for it meanwhile. It ends with the first recording that goes well.",
        watches: Watched::Metric(Metric::RecordingsInDoubt, Maximum),
        evaluation_periods: 3,
        missing: MissingData::Ignore,
        ..COMMON
    },
    Alarm {
        id: "FailingJibriAlarm",
        meaning: "A Jibri says that it is idle and healthy, and fails its recordings",
        remedy: "Nothing, if it ends within an hour: the Jibri does not count any more, and is replaced through its drain. \
                 If it stays, `RecordingsFailAlarm` rings too, or the log of `scale_in` says what the replacement waits for.",
        // Another may fail after the one that is replaced: half an hour without any is well again, and several are told of once.
        watches: Watched::Metric(Metric::FailingJibris, Maximum),
        evaluation_periods: 30,
        datapoints_to_alarm: Some(1),
        missing: MissingData::Ignore,
        ..COMMON
    },
    Alarm {
        id: "EmptyJicofoAlarm",
        meaning: "One of several Jicofos lists no Jibri while another lists some; it refuses every recording",
        remedy: "The log of `availability` names it. The Jibris must join the brewery of each Jicofo in `JicofoUrls`: look at \
                 `XmppServer`, and whether this Jicofo is connected to its Prosody. Take one that is out of service out of \
                 `JicofoUrls`.",
        watches: Watched::Metric(Metric::EmptyJicofos, Minimum),
        evaluation_periods: 5,
        missing: MissingData::Ignore,
        ..COMMON
    },
    Alarm {
        id: "StuckBusyAlarm",
        meaning: "A Jibri has been busy for longer than BusySuspicionHours, and Jicofo counts no session for it",
        remedy: "The log of `scale_in` names the instance, and says whether an ffmpeg or an upload runs on it. Nothing is cut \
                 for it: look at it by Session Manager, save its recording, and terminate it through the group.",
        watches: Watched::Expression {
            id: "hours",
            label: "Hours of the Jibri that is busy without a session",
            expression: Expression::Quotient(
                &of("stuck", Source::Pool(Metric::StuckBusySeconds), Minimum),
                &Expression::Number(3600.0),
            ),
        },
        period_seconds: 300,
        evaluation_periods: 3,
        threshold: Threshold::Parameter("BusySuspicionHours"),
        missing: MissingData::Ignore,
        ..COMMON
    },
    Alarm {
        id: "SignalLostAlarm",
        meaning: "Jicofo cannot be read or believed, or availability does not run; scale-in stands still",
        remedy: "Ask Jicofo's `/stats` by `curl` from the subnets of the functions. The log of `availability` says why Jicofo \
                 is not read, or not believed: it suddenly lists no Jibri. No instance is ended meanwhile.",
        watches: Watched::Metric(Metric::SignalLost, Maximum),
        evaluation_periods: 5,
        missing: MissingData::MissingAndTold,
        ..COMMON
    },
    Alarm {
        id: "AtMaximumAlarm",
        meaning: "The group has been at MaxSize for five minutes; the pool cannot grow",
        remedy: "Raise `MaxSize`, or find out which meetings record so much.",
        watches: Watched::Expression {
            id: "atMaximum",
            label: "At maximum",
            expression: Expression::IsAtLeast(
                &of("desired", Source::Pool(Metric::DesiredCapacity), Maximum),
                &of("maximum", Source::Pool(Metric::MaxSize), Maximum),
            ),
        },
        evaluation_periods: 5,
        missing: MissingData::Missing,
        ..COMMON
    },
    Alarm {
        id: "LaunchesFailAlarm",
        meaning: "Launches fail or are cancelled, for want of capacity or by a wrong setting, and none has gone well for five minutes",
        remedy: "The log of `availability` has EC2's words: no capacity (add a zone, or take another instance type), a quota, \
                 a wrong \
                 AMI, or a key of the volume that Auto Scaling may not use (then launches are cancelled). It ends with the first \
                 launch that goes well.",
        watches: Watched::Metric(Metric::FailedLaunches, Maximum),
        evaluation_periods: 5,
        ..COMMON
    },
    Alarm {
        id: "LaunchesUnregisteredAlarm",
        meaning: "Instances were launched and their Jibris do not register; look at their logs",
        remedy: "Follow [A Jibri never registers](trouble.md#a-jibri-never-registers). The oldest such instance is kept for you \
                 to look at, and the log of `availability` names it; the others are replaced, one at a time and ever more \
                 slowly, until one registers.",
        watches: Watched::Metric(Metric::UnregisteredJibris, Minimum),
        evaluation_periods: 8,
        missing: MissingData::Ignore,
        ..COMMON
    },
    Alarm {
        id: "DrainTooOldAlarm",
        meaning: "A drain has gone on for longer than the longest meeting should be",
        remedy: "The log of `drain` names the instance. If its meeting is as long as that, wait. Else ask the instance by \
                 `jibri-check`, and see [Trouble](trouble.md).",
        watches: Watched::Expression {
            id: "hours",
            label: "Hours of the oldest drain",
            expression: Expression::Quotient(
                &of("oldest", Source::Pool(Metric::OldestDrainSeconds), Maximum),
                &Expression::Number(3600.0),
            ),
        },
        period_seconds: 300,
        comparison: Above,
        threshold: Threshold::Parameter("DrainAlarmHours"),
        missing: MissingData::Missing,
        ..COMMON
    },
    Alarm {
        id: "HeartbeatTooOldAlarm",
        meaning: "For ten minutes no run of drain has kept all draining instances waiting; AWS gives them up after two hours",
        remedy: "Act **within two hours**: then AWS gives the drain up, and retains the instance. The log of `drain` says which \
                 call fails; if there is no new line in it, `drain` does not run.",
        watches: Watched::Metric(Metric::UnheldDrains, Minimum),
        evaluation_periods: 10,
        missing: MissingData::MissingAndTold,
        ..COMMON
    },
    Alarm {
        id: "RetainedInstanceAlarm",
        meaning: "An instance was kept after a drain that could not end; save what is on its disk, and end it",
        remedy: "Follow [A retained instance](deploying.md#a-retained-instance).",
        watches: Watched::Metric(Metric::RetainedInstances, Maximum),
        missing: MissingData::Ignore,
        ..COMMON
    },
    Alarm {
        id: "UploadFailedAlarm",
        meaning: "Recordings could not be uploaded; they are still on their instance",
        remedy: "Follow [Uploads fail](trouble.md#uploads-fail).",
        watches: Watched::Expression {
            id: "failed",
            label: "Failed uploads",
            expression: Expression::Sum(&[
                Expression::Fill(&of("finalizing", Source::Pool(Metric::RecordingsNotUploaded), Sum), 0.0),
                Expression::Fill(&of("draining", Source::Pool(Metric::FailedUploads), Maximum), 0.0),
            ]),
        },
        // A recording that failed stays on its instance, and says so once: an hour without another is well again.
        period_seconds: 300,
        evaluation_periods: 12,
        datapoints_to_alarm: Some(1),
        comparison: Above,
        threshold: Threshold::Number(0.0),
        ..COMMON
    },
    // An instance publishes each minute while any waits, and zero with the last one. Another instance's zero does not end
    // it, and what an instance leaves unsaid is not that it has none. By minutes: CloudWatch looks at an older period where the newest
    // is empty, and in a longer one it would find both what waited and the zero, and ring again.
    Alarm {
        id: "RecordingsWaitAlarm",
        meaning: "A recording has waited on its instance for its upload for a quarter of an hour or longer",
        remedy: "Follow [Uploads fail](trouble.md#uploads-fail). Each is tried again every 15 minutes at most, also while its \
                 Jibri serves; the alarm ends when the last one is up.",
        watches: Watched::Metric(Metric::OldestRecordingSeconds, Maximum),
        evaluation_periods: 5,
        datapoints_to_alarm: Some(1),
        threshold: Threshold::Number(900.0),
        missing: MissingData::Ignore,
        ..COMMON
    },
    Alarm {
        id: "UnplayableRecordingsAlarm",
        meaning: "Two recordings or more within an hour cannot be played; Jibris crash, or their disks are full",
        remedy: "Follow [A recording cannot be played](instances.md#a-recording-that-cannot-be-played).",
        // An hour without an upload has none that cannot be played: else the alarm would look at an older one, and ring again.
        watches: Watched::Expression {
            id: "unplayable",
            label: "Recordings that cannot be played",
            expression: Expression::Fill(&of("recordings", Source::Pool(Metric::UnplayableRecordings), Sum), 0.0),
        },
        period_seconds: 3600,
        threshold: Threshold::Number(2.0),
        ..COMMON
    },
    Alarm {
        id: "FunctionsFailAlarm",
        meaning: "Invocations have failed or were throttled in three minutes of a quarter of an hour; see the functions' logs",
        remedy: "Read the logs of `availability`, `scale_in` and `drain`: `sam logs --stack-name jibri`. It rings with \
                 `SignalLostAlarm`, since a lost signal fails `availability`, and when \
                 [the hook is missing](trouble.md#the-hook-is-missing), since that fails `scale_in`.",
        watches: Watched::Expression {
            id: "failures",
            label: "Failures",
            expression: Expression::Sum(&[
                Expression::Fill(&of("availabilityErrors", Source::Errors(Function::Availability), Sum), 0.0),
                Expression::Fill(&of("availabilityThrottles", Source::Throttles(Function::Availability), Sum), 0.0),
                Expression::Fill(&of("scaleInErrors", Source::Errors(Function::ScaleIn), Sum), 0.0),
                Expression::Fill(&of("scaleInThrottles", Source::Throttles(Function::ScaleIn), Sum), 0.0),
                Expression::Fill(&of("drainErrors", Source::Errors(Function::Drain), Sum), 0.0),
                Expression::Fill(&of("drainThrottles", Source::Throttles(Function::Drain), Sum), 0.0),
            ]),
        },
        // By minutes: the window slides, and longer periods would part failures that belong together. A quarter of an hour,
        // or a fault that fails every third invocation would come and go.
        evaluation_periods: 15,
        datapoints_to_alarm: Some(3),
        ..COMMON
    },
    // A forecast is valid for three runs: after three failures there is none.
    Alarm {
        id: "ForecastFailsAlarm",
        meaning: "Three runs of forecast have failed in forty minutes; without a forecast the pool keeps JibrisThreshold",
        remedy: "The log of `forecast` names what cannot be read or written, and what is wrong with the planned events. Where \
                 only the planned events are broken, the pool keeps a forecast without them.",
        watches: Watched::Expression {
            id: "failures",
            label: "Failures",
            expression: Expression::Sum(&[
                Expression::Fill(&of("errors", Source::Errors(Function::Forecast), Sum), 0.0),
                Expression::Fill(&of("throttles", Source::Throttles(Function::Forecast), Sum), 0.0),
            ]),
        },
        period_seconds: 300,
        evaluation_periods: 8,
        datapoints_to_alarm: Some(3),
        ..COMMON
    },
    // Its policy grows the pool even when the call of `availability` fails. Where the metric is missing it stays quiet,
    // and `SignalLostAlarm` rings.
    Alarm {
        id: "ScaleOutAlarm",
        meaning: "The pool has been short for longer than availability needs to grow it",
        remedy: "The group's own policy grows the pool now, and a burst needs nothing else. If the alarm stays, see the alarms \
                 above, and whether `ScaleOutPaused` is set.",
        watches: Watched::Metric(Metric::Shortfall, Minimum),
        evaluation_periods: 3,
        comparison: Above,
        threshold: Threshold::Number(0.0),
        grows_the_pool: true,
        ..COMMON
    },
    // It moves no capacity: `scale_in` alone lowers the desired capacity.
    Alarm {
        id: "ScaleInAlarm",
        meaning: "More Jibris than wanted have been available for an hour; scale-in is stuck, or paused",
        remedy: "See whether `ScaleInPaused` is set, `MinSize` holds the instances, or `SignalLostAlarm` or \
                 `FunctionsFailAlarm` rings. Else [SSM cannot reach an \
                 instance](trouble.md#ssm-cannot-reach-an-instance): an instance that does not answer is not ended.",
        watches: Watched::Metric(Metric::Surplus, Minimum),
        period_seconds: 300,
        evaluation_periods: 12,
        comparison: Above,
        threshold: Threshold::Number(0.0),
        ..COMMON
    },
];
