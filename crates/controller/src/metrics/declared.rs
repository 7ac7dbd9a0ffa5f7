//! Every metric of the pool, declared once: [`docs/metrics.md`](../../../../docs/metrics.md) is rendered from here, and
//! whatever publishes, reads, shows or watches a metric names it as a [`Metric`].

use std::fmt;

/// `Unit` of a metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// `Count`.
    Count,
    /// `Seconds`.
    Seconds,
}

impl Unit {
    /// The unit as CloudWatch writes it.
    pub const fn name(self) -> &'static str {
        match self {
            Unit::Count => "Count",
            Unit::Seconds => "Seconds",
        }
    }
}

/// `Statistic` over the values of a period.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Statistic {
    /// `Average`.
    Average,
    /// `Maximum`.
    Maximum,
    /// `Minimum`.
    Minimum,
    /// `Sum`.
    Sum,
    /// `p95`: the 95th percentile.
    P95,
}

impl Statistic {
    /// The statistic as CloudWatch writes it.
    pub const fn name(self) -> &'static str {
        match self {
            Statistic::Average => "Average",
            Statistic::Maximum => "Maximum",
            Statistic::Minimum => "Minimum",
            Statistic::Sum => "Sum",
            Statistic::P95 => "p95",
        }
    }
}

/// What publishes a metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Publisher {
    /// The function `availability`.
    Availability,
    /// `instance/finalize.sh`, on an instance.
    FinalizeScript,
    /// `instance/uploads.py`, on an instance.
    UploadTimer,
    /// The function `drain`.
    Drain,
    /// The function `forecast`.
    Forecast,
}

impl Publisher {
    /// Every publisher, in the order of the page.
    pub const ALL: [Publisher; 5] = [
        Publisher::Availability,
        Publisher::FinalizeScript,
        Publisher::UploadTimer,
        Publisher::Drain,
        Publisher::Forecast,
    ];

    /// The publisher and how often it publishes, as the page's heading has it.
    pub(super) const fn heading(self) -> &'static str {
        match self {
            Publisher::Availability => "From `availability`, every sample",
            Publisher::FinalizeScript => "From an instance, after each upload",
            Publisher::UploadTimer => "From an instance, every minute while recordings wait on it",
            Publisher::Drain => "From `drain`, every minute",
            Publisher::Forecast => "From `forecast`, every five minutes",
        }
    }
}

macro_rules! declare_metrics {
    ($($publisher:ident { $($name:ident, $unit:ident, $meaning:literal;)+ })+) => {
        /// A metric of the pool: its name is the variant's.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Metric {
            $($(#[doc = $meaning] $name,)+)+
        }

        impl Metric {
            /// Every metric, in the order of the page.
            pub const ALL: &[Metric] = &[$($(Metric::$name,)+)+];

            /// `MetricName`.
            pub const fn name(self) -> &'static str {
                match self { $($(Metric::$name => stringify!($name),)+)+ }
            }

            /// `Unit`.
            pub const fn unit(self) -> Unit {
                match self { $($(Metric::$name => Unit::$unit,)+)+ }
            }

            /// What a value means, in a line.
            pub const fn meaning(self) -> &'static str {
                match self { $($(Metric::$name => $meaning,)+)+ }
            }

            /// What publishes it.
            pub const fn publisher(self) -> Publisher {
                match self { $($(Metric::$name => Publisher::$publisher,)+)+ }
            }
        }
    };
}

declare_metrics! {
    Availability {
        AvailableJibris, Count, "healthy, idle, staying, and not failing: recordings that could begin now";
        FailingJibris, Count, "failed their last two recordings or more, though they say that they are idle and healthy; none of them is in `AvailableJibris`";
        FailedRecordings, Count, "recordings that failed in a row, each Jibri's since its last success, added up: a start that was refused, or an end within seconds that left nothing to play";
        RecordingsInDoubt, Count, "1 while recordings fail on more than one Jibri, or on all that were tried, and none has gone well since; 0 when one has; nothing where no recording is known that went well";
        StuckBusySeconds, Seconds, "the longest that a Jibri has been busy while Jicofo counts fewer sessions than busy Jibris, or for over four times `BUSY_SUSPICION_HOURS`; else 0";
        BusyJibris, Count, "recording, streaming or finalizing, those on their way out included";
        PendingJibris, Count, "launched within the boot grace and not registered yet, or wanted and not launched yet";
        UnlaunchedJibris, Count, "wanted by the group and not launched yet; part of `PendingJibris`, and does not expire";
        FailedLaunches, Count, "launches that failed or were cancelled in the last hour and since the last one that went well; while some are not launched, those of the last ten minutes too";
        OverdueJibris, Count, "launched longer ago than launches are waited for now, never registered";
        UnregisteredJibris, Count, "launched longer ago than the boot grace, never registered, those included that are waited for or on their way out: it falls when launches register again, and not when they are replaced";
        ReturningJibris, Count, "vanished from Jicofo's list together with others within the last minute or two: expected to join again, and not launched anew";
        DrainingJibris, Count, "on their way out";
        Shortfall, Count, "spare target − available − pending, at least 0: what `ScaleOutAlarm` watches";
        Surplus, Count, "available − hold target, at least 0: what `ScaleInAlarm` watches";
        SpareTarget, Count, "how many available Jibris are wanted";
        HoldTarget, Count, "how many available Jibris are kept";
        DesiredCapacity, Count, "of the group";
        MaxSize, Count, "of the group";
        SignalLost, Count, "1 while Jicofo cannot be read or believed, else 0; published whenever the group itself can be read";
        StrangerJibris, Count, "Jibris that Jicofo lists, the group does not hold, and `OWN_JIBRIS` does not name";
        EmptyJicofos, Count, "Jicofos that answer and list no Jibri, while another lists some of this pool: they refuse every recording";
        Conferences, Count, "of all Jicofos";
        Participants, Count, "of all Jicofos";
        JibriSessions, Count, "recordings and live streams of all Jicofos";
        JibriFailuresTotal, Count, "Jicofo's own counter since it started: refused requests, and each start that failed on the way";
        FailedStarts, Count, "starts that Jibris of this pool refused in one slot of the sampling interval; its time is the slot's";
        RecordingStarts, Count, "recordings that began on Jibris of this pool in one slot of the sampling interval; its time is the slot's, and its maximum is the count where two invocations overlapped";
        LaunchSeconds, Seconds, "from launch to registration, when an instance is first seen to have registered";
    }
    FinalizeScript {
        UploadedRecordings, Count, "1 when a recording was uploaded and verified, else 0; of uploads that were tried again, too";
        RecordingsNotUploaded, Count, "1 when it was not, within the limit: it is still on the instance, which tries it again by itself; of that `RecordingsWaiting` tells";
        UnplayableRecordings, Count, "1 when what was uploaded cannot all be played: a file is empty or has no index, as after a crash, or there is no video or no complete metadata; else 0";
    }
    UploadTimer {
        RecordingsWaiting, Count, "recordings of one instance that wait for their upload, that of the present recording apart; 0 with the last one, then nothing";
        OldestRecordingSeconds, Seconds, "for how long the oldest of them has waited; 0 with the last one";
    }
    Drain {
        DrainsUnderWay, Count, "instances that the hook holds";
        OldestDrainSeconds, Seconds, "age of the oldest of these drains";
        UnheldDrains, Count, "of these, whose heartbeat or completion failed in this run: until it succeeds, AWS counts down the hook's time-out";
        RetainedInstances, Count, "instances kept after a drain that could not end: they bill until an operator ends them";
        FailedUploads, Count, "recordings on draining instances whose upload was tried and failed";
    }
    Forecast {
        RefusedRequests, Count, "requests of one minute that were refused since no Jibri was available, each counted once; its time is the minute's, and it may be published again: read its maximum";
        ForecastSpareTarget, Count, "the spare target of this minute, in shadow mode too; `SpareTarget` is the one that is acted on";
        ForecastHoldTarget, Count, "the hold target of this minute, in shadow mode too; `HoldTarget` is the one that is acted on";
        ForecastStarts, Count, "recordings expected to begin in the next five minutes; what then began is `RecordingStarts`";
        ForecastRefusals, Count, "of these, expected to be refused";
        LeadSeconds, Seconds, "from a launch to an available Jibri, as the forecast reckons with: the 95th percentile of `LaunchSeconds`, or the setting until there are any";
    }
}

impl fmt::Display for Metric {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}
