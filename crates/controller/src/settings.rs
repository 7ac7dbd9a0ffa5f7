//! The environment variables of the functions. Each setting is declared once, in `declared`; a function reads those that
//! concern it, and every bad one of them is reported, together.

mod declare;
mod declared;
mod kind;
mod kinds;
mod names;
mod page;
mod parameter;
mod reader;
mod setting;
mod values;
mod variables;

use std::{
    collections::BTreeMap,
    fmt::{self, Display},
};

pub(crate) use declared::LEAD;
pub use declared::{ForecastSettings, SETTINGS, Settings};
pub use kind::Kind;
pub use kinds::{Choice, CountLike, Duration, Name, Nicknames, OptionalName, Range, Switch, Text, Urls, Zone};
pub use names::{Letters, NameRule};
pub use page::page;
pub use parameter::Parameter;
pub use setting::{Group, Origin, Setting};

use crate::Function;
use reader::Reader;
use variables::Variables;

/// The setting of this variable, if there is one.
pub fn setting(variable: &str) -> Option<&'static Setting> {
    SETTINGS.iter().find(|setting| setting.variable == variable)
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
    /// Reads what concerns a function; an unset or empty variable has its default.
    ///
    /// # Errors
    /// Every variable that the function needs and cannot use, with its value and what is allowed.
    pub fn for_function(function: Function, variables: &BTreeMap<String, String>) -> Result<Settings, SettingsError> {
        Settings::read(Some(function), variables)
    }

    /// Reads everything, for all functions together: a simulation runs them with the same settings.
    ///
    /// # Errors
    /// Every variable that cannot be used, with its value and what is allowed.
    pub fn from_variables(variables: &BTreeMap<String, String>) -> Result<Settings, SettingsError> {
        Settings::read(None, variables)
    }

    /// The same settings as a function alone has them: what it does not read has its default, or is empty.
    #[must_use]
    pub fn as_read_by(&self, function: Function) -> Settings {
        let nothing = BTreeMap::new();
        let mut reader = Reader { variables: Variables(&nothing), function: Some(function), problems: Vec::new() };
        let mut settings = self.clone();
        declared::forget(&mut settings, declared::read(&mut reader), function);
        settings
    }

    fn read(function: Option<Function>, variables: &BTreeMap<String, String>) -> Result<Settings, SettingsError> {
        let mut reader = Reader { variables: Variables(variables), function, problems: Vec::new() };
        let settings = declared::read(&mut reader);
        let (floor, maximum) = (settings.forecast.floor, settings.forecast.maximum);
        let both = ["FORECAST_FLOOR", "FORECAST_MAXIMUM"]
            .map(|variable| setting(variable).is_some_and(|setting| reader.concerns(setting)));
        if both == [true, true] && floor > maximum {
            reader.reject("FORECAST_MAXIMUM", &format!("at least the forecast's floor of {floor}"));
        }
        match reader.problems.is_empty() {
            true => Ok(settings),
            false => Err(SettingsError { problems: reader.problems }),
        }
    }
}

#[cfg(test)]
mod tests {
    use planner::Policy;

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
