//! Every setting, declared once. Parsing, `docs/settings.md`, the template's parameters and environment, the property
//! tests and the fuzzer's sample follow from it.

use jiff::tz::TimeZone;

use super::{
    declare::declare,
    kind::Kind,
    kinds::{
        Choice, CountLike, Name, Nicknames, OptionalName, Range, Switch, Text, Urls, Zone, hours, minutes, seconds,
    },
    names::{DOCUMENT, GROUP, HOOK, NAMESPACE, PARAMETER},
    reader::Reader,
    setting::{Group, Origin, Setting},
};
use crate::{
    Function::{self, Availability, Drain, Forecast, ScaleIn},
    target::LARGEST_TARGET,
};

const EVERY: &[Function] = &Function::ALL;
/// The functions that ask Jicofo, and want so many Jibris.
const COUNTING: &[Function] = &[Availability, ScaleIn, Forecast];
const THRESHOLD: Range<u32> = jibris(2, 1, 500);
const NOTHING_MORE: Setting = Setting {
    variable: "",
    kind: Kind::Text(Text),
    group: Group::Functions,
    origin: Origin::Unset,
    meaning: "",
    note: "",
    needed_by: &[],
    tolerated_by: &[],
};

const fn jibris(default: u32, least: u32, most: u32) -> Range<u32> {
    Range { default, least, most, unit: "Jibris" }
}

declare! {
    settings {
        /// REST of each Jicofo, such as http://10.0.1.5:8888, separated by commas; they add up.
        jicofo_urls: Vec<String> = read Urls(Urls), {
            variable: "JICOFO_URLS",
            group: Group::Jitsi,
            origin: Origin::Parameter("JicofoUrls"),
            needed_by: COUNTING,
        }
        /// Nicknames of your own Jibris that this stack does not keep, such as jibri-1 or office-*, separated by commas: they
        /// are expected in Jicofo's list, and not reported as strangers.
        own_jibris: Vec<String> = read Nicknames(Nicknames), {
            variable: "OWN_JIBRIS",
            group: Group::Jitsi,
            origin: Origin::Parameter("OwnJibris"),
            needed_by: &[Availability, ScaleIn],
        }
        /// Name of the Auto Scaling group.
        auto_scaling_group: String = read Name(Name { rule: &GROUP, default: None }), {
            variable: "AUTO_SCALING_GROUP",
            group: Group::Pool,
            origin: Origin::Resource("AWS::StackName"),
            needed_by: EVERY,
        }
        /// The group's terminating lifecycle hook.
        lifecycle_hook: String = read Name(Name { rule: &HOOK, default: Some("jibri-drain") }), {
            variable: "LIFECYCLE_HOOK",
            group: Group::Pool,
            origin: Origin::Default,
            note: "Without the hook `scale_in` ends no instance.",
            needed_by: &[ScaleIn, Drain],
        }
        /// Available Jibris to keep where no forecast says more or less: as many recordings can begin within the three
        /// minutes that a new one takes.
        jibris_threshold: u32 = read Count(THRESHOLD), {
            variable: "JIBRIS_THRESHOLD",
            group: Group::Pool,
            origin: Origin::Parameter("JibrisThreshold"),
            needed_by: COUNTING,
        }
        /// Plans and logs, and changes nothing: not even a metric is written, so that the alarms will ring. Nor is a drain
        /// held: do not set it while Jibris record.
        dry_run: bool = read Switch(Switch), {
            variable: "DRY_RUN",
            group: Group::Pool,
            origin: Origin::Parameter("DryRun"),
            needed_by: EVERY,
        }
        /// SSM parameter in which the forecast is written and read. Without one JIBRIS_THRESHOLD rules.
        forecast_parameter: Option<String> = read OptionalName(OptionalName(&PARAMETER)), {
            variable: "FORECAST_PARAMETER",
            group: Group::Forecast,
            origin: Origin::Substitution("/${AWS::StackName}/forecast"),
            needed_by: COUNTING,
        }
        /// SSM document that asks an instance how it is.
        check_document: String = read Name(Name { rule: &DOCUMENT, default: Some("jibri-check") }), {
            variable: "CHECK_DOCUMENT",
            group: Group::Functions,
            origin: Origin::Resource("CheckDocument"),
            needed_by: &[ScaleIn],
        }
        /// SSM document that drains an instance.
        drain_document: String = read Name(Name { rule: &DOCUMENT, default: Some("jibri-drain") }), {
            variable: "DRAIN_DOCUMENT",
            group: Group::Functions,
            origin: Origin::Resource("DrainDocument"),
            needed_by: &[Drain],
        }
        /// Seconds between two samples of the pool.
        sample_interval_seconds: u64 = read Choice(Choice {
            default: 10,
            allowed: &[5, 6, 10, 12, 15, 20, 30],
            what: "a number of seconds that divides 60",
        }), {
            variable: "SAMPLE_INTERVAL_SECONDS",
            group: Group::Functions,
            origin: Origin::Parameter("SampleIntervalSeconds"),
            needed_by: &[Availability, Forecast],
        }
        /// Seconds that Jicofo may take to answer.
        jicofo_timeout_seconds: u64 = read Duration(seconds(3, 1, 10)), {
            variable: "JICOFO_TIMEOUT_SECONDS",
            group: Group::Functions,
            origin: Origin::Parameter("JicofoTimeoutSeconds"),
            needed_by: COUNTING,
        }
        /// CloudWatch namespace of the pool's metrics.
        metric_namespace: Result<String, String> = try_read Name(Name {
            rule: &NAMESPACE,
            default: Some("JibriAutoscaler"),
        }), {
            variable: "METRIC_NAMESPACE",
            group: Group::Functions,
            origin: Origin::Parameter("MetricNamespace"),
            note: "`forecast` reads its history from there. `availability` and `drain` only publish there: with a bad name \
                   they do the rest of their work, and each tick ends with an error that names the setting.",
            needed_by: &[Forecast],
            tolerated_by: &[Availability, Drain],
        }
        /// The clock of a rehearsal against a cloud on loopback; refused anywhere else.
        rehearsal_clock: Option<String> = read Text(Text), {
            variable: "REHEARSAL_CLOCK",
            group: Group::Functions,
            origin: Origin::Unset,
            note: "See [decision 6](decisions/0006-rehearsal-clock.md).",
            needed_by: EVERY,
        }
    }
    policy {
        /// Minutes that a Jibri must have been idle before it may go.
        idle_seconds: u64 = read Duration(minutes(10, 1, 1440)), {
            variable: "IDLE_COUNT_THRESHOLD",
            group: Group::Pool,
            origin: Origin::Parameter("IdleCountThreshold"),
            needed_by: &[ScaleIn],
        }
        /// Minutes that a launch counts before its Jibri has registered; then it is replaced.
        boot_grace_seconds: u64 = read Duration(minutes(10, 2, 120)), {
            variable: "BOOT_GRACE_MINUTES",
            group: Group::Pool,
            origin: Origin::Parameter("BootGraceMinutes"),
            needed_by: &[Availability, ScaleIn],
        }
        /// How many instances may be ended a minute.
        terminations_per_tick: u32 = read Count(Range { default: 3, least: 1, most: 50, unit: "instances" }), {
            variable: "TERMINATIONS_PER_TICK",
            group: Group::Pool,
            origin: Origin::Parameter("TerminationsPerTick"),
            note: "Where as many launches neither register nor can be drained, no more are replaced.",
            needed_by: &[Availability, ScaleIn],
        }
        /// Minutes that a drain, and so the longest recording, may take; then the instance is kept for you to look at.
        drain_limit_seconds: u64 = read Duration(minutes(2760, 10, 2820)), {
            variable: "DRAIN_LIMIT_MINUTES",
            group: Group::Pool,
            origin: Origin::Parameter("DrainLimitMinutes"),
            note: "AWS ends a hook after 48 hours or 100 heartbeat time-outs: with the default a hook of your own must have \
                   1,656 seconds or more (the template's has 7,200).",
            needed_by: &[ScaleIn, Drain],
        }
        /// Hours after which a busy Jibri is asked whether it still is.
        busy_suspicion_seconds: u64 = read Duration(hours(6, 1, 48)), {
            variable: "BUSY_SUSPICION_HOURS",
            group: Group::Pool,
            origin: Origin::Parameter("BusySuspicionHours"),
            needed_by: &[ScaleIn],
        }
        /// Switches scale-out off, but for the alarm's own policy; the log says what would have happened.
        scale_out_paused: bool = read Switch(Switch), {
            variable: "SCALE_OUT_PAUSED",
            group: Group::Pool,
            origin: Origin::Parameter("ScaleOutPaused"),
            needed_by: &[Availability],
        }
        /// Switches scale-in and repairs off; the log says what would have happened.
        scale_in_paused: bool = read Switch(Switch), {
            variable: "SCALE_IN_PAUSED",
            group: Group::Pool,
            origin: Origin::Parameter("ScaleInPaused"),
            needed_by: &[ScaleIn],
        }
    }
    forecast {
        /// The probability that a request finds a Jibri, which the forecast keeps enough of them for.
        hit_rate: f64 = read Share(Range { default: 0.999, least: 0.5, most: 0.9999, unit: "share" }), {
            variable: "HIT_RATE",
            group: Group::Forecast,
            origin: Origin::Parameter("HitRate"),
            needed_by: &[Forecast],
        }
        /// Time zone by which your users' days and weeks go, such as Europe/Berlin: for the forecast, and for the
        /// recordings' file names (TZ).
        time_zone: TimeZone = read Zone(Zone), {
            variable: "TIME_ZONE",
            group: Group::Forecast,
            origin: Origin::Parameter("TimeZone"),
            needed_by: &[Forecast],
        }
        /// The fewest available Jibris that a forecast may want. Empty is JibrisThreshold.
        floor: u32 = read CountLike(CountLike { like: "JIBRIS_THRESHOLD", like_range: THRESHOLD, most: THRESHOLD.most }), {
            variable: "FORECAST_FLOOR",
            group: Group::Forecast,
            origin: Origin::Parameter("ForecastFloor"),
            note: "With 0 a quiet night costs nothing.",
            needed_by: COUNTING,
        }
        /// The most available Jibris that a forecast may want. MaxSize bounds the group, whatever is wanted.
        maximum: u32 = read Count(jibris(500, 1, LARGEST_TARGET)), {
            variable: "FORECAST_MAXIMUM",
            group: Group::Forecast,
            origin: Origin::Parameter("ForecastMaximum"),
            note: "It is not less than `FORECAST_FLOOR`.",
            needed_by: &[Forecast],
        }
        /// Seconds from a launch to an available Jibri, until they have been measured.
        lead_seconds: u64 = read Duration(LEAD), {
            variable: "LEAD_SECONDS",
            group: Group::Forecast,
            origin: Origin::Parameter("LeadSeconds"),
            needed_by: &[Forecast],
        }
        /// SSM parameter, a String that you make, with planned events and weekly floors. Empty when you have none.
        planned_parameter: Option<String> = read OptionalName(OptionalName(&PARAMETER)), {
            variable: "PLANNED_PARAMETER",
            group: Group::Forecast,
            origin: Origin::Parameter("PlannedParameter"),
            note: "See [what is planned](deploying.md#the-forecast).",
            needed_by: &[Forecast],
        }
        /// The forecast is published and not acted on; the pool keeps JibrisThreshold.
        shadow: bool = read Switch(Switch), {
            variable: "FORECAST_SHADOW",
            group: Group::Forecast,
            origin: Origin::Parameter("ForecastShadow"),
            needed_by: &[Forecast],
        }
    }
}

/// What the lead time may be, set or measured.
pub(crate) const LEAD: super::kinds::Duration = seconds(180, 30, 1800);
