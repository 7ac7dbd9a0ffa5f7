//! The environment variables, parsed once. Every bad one is reported, together.

mod reader;

use std::{
    collections::BTreeMap,
    fmt::{self, Display},
};

use jiff::tz::TimeZone;
use planner::Policy;

use crate::target::LARGEST_TARGET;
use reader::{DOCUMENT, GROUP, HOOK, Reader};

/// A function's settings.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// `AUTO_SCALING_GROUP`.
    pub auto_scaling_group: String,
    /// `JICOFO_URLS`, without trailing slashes.
    pub jicofo_urls: Vec<String>,
    /// `LIFECYCLE_HOOK`.
    pub lifecycle_hook: String,
    /// `CHECK_DOCUMENT`.
    pub check_document: String,
    /// `DRAIN_DOCUMENT`.
    pub drain_document: String,
    /// `FORECAST_PARAMETER`.
    pub forecast_parameter: Option<String>,
    /// `METRIC_NAMESPACE`.
    pub metric_namespace: String,
    /// `JIBRIS_THRESHOLD`: available Jibris to keep.
    pub jibris_threshold: u32,
    /// `SAMPLE_INTERVAL_SECONDS`.
    pub sample_interval_seconds: u64,
    /// `JICOFO_TIMEOUT_SECONDS`.
    pub jicofo_timeout_seconds: u64,
    /// `DRY_RUN`: plan and log, change nothing.
    pub dry_run: bool,
    /// `REHEARSAL_CLOCK`, as it stands.
    pub rehearsal_clock: Option<String>,
    /// What the forecast needs.
    pub forecast: ForecastSettings,
    /// What planning needs: the remaining settings, in its units.
    pub policy: Policy,
}

/// What the forecast needs.
#[derive(Clone, Debug, PartialEq)]
pub struct ForecastSettings {
    /// `HIT_RATE`: the probability that a request finds a Jibri.
    pub hit_rate: f64,
    /// `TIME_ZONE`: demand follows its local time.
    pub time_zone: TimeZone,
    /// `FORECAST_FLOOR`: the least spare that a valid forecast may want.
    pub floor: u32,
    /// `FORECAST_MAXIMUM`: the largest target.
    pub maximum: u32,
    /// `LEAD_SECONDS`: from launch to available, until it has been measured.
    pub lead_seconds: u64,
    /// `FORECAST_SHADOW`: publish, and act on nothing.
    pub shadow: bool,
    /// `PLANNED_PARAMETER`.
    pub planned_parameter: Option<String>,
}

/// Every variable that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SettingsError {
    problems: Vec<String>,
}

impl Display for SettingsError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "settings that cannot be used ({}): {}", self.problems.len(), self.problems.join("; "))
    }
}

impl std::error::Error for SettingsError {}

impl Settings {
    /// Parses the variables; an unset or empty one has its default.
    ///
    /// # Errors
    /// Every variable that cannot be used, with its value and what is allowed.
    pub fn from_variables(variables: &BTreeMap<String, String>) -> Result<Settings, SettingsError> {
        let mut reader = Reader { variables, problems: Vec::new() };
        let policy = Policy {
            idle_seconds: reader.number("IDLE_COUNT_THRESHOLD", "minutes", 10, 1, 1440) * 60,
            boot_grace_seconds: reader.number("BOOT_GRACE_MINUTES", "minutes", 10, 2, 120) * 60,
            terminations_per_tick: reader.number("TERMINATIONS_PER_TICK", "instances", 3, 1, 50),
            drain_limit_seconds: reader.number("DRAIN_LIMIT_MINUTES", "minutes", 2760, 10, 2820) * 60,
            busy_suspicion_seconds: reader.number("BUSY_SUSPICION_HOURS", "hours", 6, 1, 48) * 3600,
            scale_out_paused: reader.switch("SCALE_OUT_PAUSED"),
            scale_in_paused: reader.switch("SCALE_IN_PAUSED"),
            ..Policy::default()
        };
        let sample_interval_seconds = reader.number("SAMPLE_INTERVAL_SECONDS", "seconds", 10, 5, 30);
        if 60 % sample_interval_seconds != 0 {
            reader.reject("SAMPLE_INTERVAL_SECONDS", "a number of seconds that divides 60");
        }
        let jibris_threshold = reader.number("JIBRIS_THRESHOLD", "Jibris", 2, 1, 500);
        let forecast = ForecastSettings {
            hit_rate: reader.share("HIT_RATE", 0.999, 0.5, 0.9999),
            time_zone: reader.time_zone("TIME_ZONE"),
            floor: reader.number("FORECAST_FLOOR", "Jibris", jibris_threshold, 0, 500),
            maximum: reader.number("FORECAST_MAXIMUM", "Jibris", 500, 1, LARGEST_TARGET),
            lead_seconds: reader.number("LEAD_SECONDS", "seconds", 180, 30, 1800),
            shadow: reader.switch("FORECAST_SHADOW"),
            planned_parameter: reader.parameter("PLANNED_PARAMETER"),
        };
        if forecast.floor > forecast.maximum {
            reader.reject("FORECAST_MAXIMUM", &format!("at least the forecast's floor of {}", forecast.floor));
        }
        let settings = Settings {
            auto_scaling_group: reader.name("AUTO_SCALING_GROUP", None, &GROUP).unwrap_or_default(),
            jicofo_urls: reader.urls("JICOFO_URLS"),
            lifecycle_hook: reader.name("LIFECYCLE_HOOK", Some("jibri-drain"), &HOOK).unwrap_or_default(),
            check_document: reader.name("CHECK_DOCUMENT", Some("jibri-check"), &DOCUMENT).unwrap_or_default(),
            drain_document: reader.name("DRAIN_DOCUMENT", Some("jibri-drain"), &DOCUMENT).unwrap_or_default(),
            forecast_parameter: reader.parameter("FORECAST_PARAMETER"),
            metric_namespace: reader.namespace("METRIC_NAMESPACE", "JibriAutoscaler"),
            jibris_threshold,
            sample_interval_seconds,
            jicofo_timeout_seconds: reader.number("JICOFO_TIMEOUT_SECONDS", "seconds", 3, 1, 10),
            dry_run: reader.switch("DRY_RUN"),
            rehearsal_clock: reader.value("REHEARSAL_CLOCK").map(str::to_owned),
            forecast,
            policy,
        };
        match reader.problems.is_empty() {
            true => Ok(settings),
            false => Err(SettingsError { problems: reader.problems }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(pairs: &[(&str, &str)]) -> Result<Settings, SettingsError> {
        let required = [("AUTO_SCALING_GROUP", "jibri"), ("JICOFO_URLS", "http://10.0.1.5:8888")];
        let all = required.iter().chain(pairs);
        Settings::from_variables(&all.map(|(name, value)| (name.to_string(), value.to_string())).collect())
    }

    #[test]
    fn the_defaults_are_those_of_the_readme() {
        let settings = parse(&[]).unwrap();
        assert_eq!(settings.policy, Policy::default());
        assert_eq!((settings.jibris_threshold, settings.sample_interval_seconds), (2, 10));
        assert_eq!(settings.lifecycle_hook, "jibri-drain");
        assert_eq!(parse(&[("JIBRIS_THRESHOLD", " "), ("DRY_RUN", "")]).unwrap(), settings);
    }

    #[test]
    fn minutes_and_hours_become_seconds() {
        let settings = parse(&[("IDLE_COUNT_THRESHOLD", "7"), ("BUSY_SUSPICION_HOURS", "2")]).unwrap();
        assert_eq!((settings.policy.idle_seconds, settings.policy.busy_suspicion_seconds), (420, 7200));
    }

    #[test]
    fn every_bad_variable_is_named_with_its_value_and_what_is_allowed() {
        let bad = [
            ("AUTO_SCALING_GROUP", "a:b"),
            ("JICOFO_URLS", "http://10.0.1.5:8888, jicofo"),
            ("JIBRIS_THRESHOLD", "0"),
            ("IDLE_COUNT_THRESHOLD", "ten"),
            ("BOOT_GRACE_MINUTES", "-3"),
            ("TERMINATIONS_PER_TICK", "51"),
            ("DRAIN_LIMIT_MINUTES", "2881"),
            ("SAMPLE_INTERVAL_SECONDS", "25"),
            ("SCALE_IN_PAUSED", "yes"),
            ("CHECK_DOCUMENT", "a b c"),
            ("FORECAST_PARAMETER", "a b"),
            ("METRIC_NAMESPACE", "AWS/EC2"),
            ("HIT_RATE", "99.9"),
            ("TIME_ZONE", "Berlin"),
            ("FORECAST_FLOOR", "-1"),
            ("FORECAST_MAXIMUM", "10001"),
            ("LEAD_SECONDS", "3"),
            ("FORECAST_SHADOW", "1"),
            ("PLANNED_PARAMETER", "a b"),
        ];
        let message = parse(&bad).unwrap_err().to_string();
        assert!(message.starts_with(&format!("settings that cannot be used ({}): ", bad.len())), "{message}");
        for (name, value) in bad {
            assert!(message.contains(&format!("{name} is {value:?}, and must be ")), "{name} in {message}");
        }
    }

    #[test]
    fn the_forecast_may_want_as_little_as_the_threshold_unless_its_own_floor_says_otherwise() {
        let floor = |pairs: &[(&str, &str)]| parse(pairs).unwrap().forecast.floor;
        assert_eq!(floor(&[("JIBRIS_THRESHOLD", "7")]), 7);
        assert_eq!(floor(&[("JIBRIS_THRESHOLD", "7"), ("FORECAST_FLOOR", "0")]), 0);
        let message = parse(&[("FORECAST_FLOOR", "9"), ("FORECAST_MAXIMUM", "8")]).unwrap_err().to_string();
        assert!(
            message.contains("FORECAST_MAXIMUM is \"8\", and must be at least the forecast's floor of 9"),
            "{message}"
        );
        let berlin = parse(&[("TIME_ZONE", "Europe/Berlin")]).unwrap().forecast.time_zone;
        assert_eq!(berlin.iana_name(), Some("Europe/Berlin"));
    }

    #[test]
    fn names_that_aws_would_refuse_are_refused_here() {
        for (name, bad) in [
            ("AUTO_SCALING_GROUP", vec!["our jibris", "jibri:1", "jibrí"]),
            ("LIFECYCLE_HOOK", vec!["jibri drain", "jibri.drain"]),
            ("CHECK_DOCUMENT", vec!["ab", "jibri/check"]),
            ("FORECAST_PARAMETER", vec!["/aws/forecast", "SSM-forecast", "jibri:forecast"]),
            ("METRIC_NAMESPACE", vec!["AWS/EC2", ":jibri", "my jibris"]),
        ] {
            for value in bad {
                let message = parse(&[(name, value)]).unwrap_err().to_string();
                let expected = format!("settings that cannot be used (1): {name} is {value:?}, and must be ");
                assert!(message.starts_with(&expected), "{message}");
            }
        }
        assert!(parse(&[("FORECAST_PARAMETER", "/jibri/aws"), ("METRIC_NAMESPACE", "AWSome/Jibris")]).is_ok());
    }

    #[test]
    fn a_jicofo_is_a_base_url_once() {
        let urls = "http://10.0.1.5:8888/, https://jicofo.example/rest ,http://[::1]:8888,http://[::1]";
        let expected = ["http://10.0.1.5:8888", "https://jicofo.example/rest", "http://[::1]:8888", "http://[::1]"];
        assert_eq!(parse(&[("JICOFO_URLS", urls)]).unwrap().jicofo_urls, expected);
        for urls in [
            ",",
            "http://",
            "http:///stats",
            "http://:8888",
            "http://jicofo:88888",
            "http://jicofo:0",
            "http://jicofo:port",
            "http://jicofo:8888?a=b",
            "http://name:password@jicofo:8888",
            "http://jicofo,http://jicofo/",
            "ftp://jicofo",
            "jicofo:8888",
        ] {
            assert!(parse(&[("JICOFO_URLS", urls)]).is_err(), "{urls}");
        }
    }

    #[test]
    fn a_bad_value_is_told_without_a_password_and_without_its_length() {
        let urls = "http://10.0.1.5:8888,http://name:secret@jicofo:8888";
        let message = parse(&[("JICOFO_URLS", urls)]).unwrap_err().to_string();
        assert!(message.contains("JICOFO_URLS is \"…@jicofo:8888\"") && !message.contains("secret"), "{message}");
        let message = parse(&[("HIT_RATE", &"9\n".repeat(10_000))]).unwrap_err().to_string();
        assert!(message.len() < 300 && !message.contains('\n'), "{message}");
    }

    #[test]
    fn what_is_required_is_asked_for() {
        let message = Settings::from_variables(&BTreeMap::new()).unwrap_err().to_string();
        assert!(message.contains("AUTO_SCALING_GROUP is not set") && message.contains("JICOFO_URLS is not set"));
    }
}
