//! The time: the system's, or a faster one for rehearsals on loopback.

use std::{
    collections::BTreeMap,
    net::IpAddr,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use controller::{ports::Clock, text::quote};
use planner::Timestamp;
use reqwest::Url;

/// The clock of a function.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum FunctionClock {
    /// The system's.
    System,
    /// Faster, from a moment on.
    Rehearsal(Rehearsal),
}

/// A clock that runs `speed` times as fast as the system's.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rehearsal {
    /// The system's time at its beginning, in milliseconds since the Unix epoch.
    real_ms: f64,
    /// What it showed then, in milliseconds since the Unix epoch.
    virtual_ms: f64,
    /// Its speed.
    speed: f64,
}

const FORM: &str = "three numbers: real milliseconds, virtual milliseconds, speed; separated by commas";

impl FunctionClock {
    /// The clock that `REHEARSAL_CLOCK` asks for. With a faster clock a real function would end real Jibris too early, so
    /// the variable is refused unless every AWS endpoint of these variables is on loopback.
    ///
    /// # Errors
    /// What is wrong with the variable, or where the function is.
    pub fn from_variables(
        rehearsal: Option<&str>,
        variables: &BTreeMap<String, String>,
    ) -> Result<FunctionClock, String> {
        let Some(text) = rehearsal else {
            return Ok(FunctionClock::System);
        };
        if !stays_on_loopback(variables) {
            return Err(format!(
                "REHEARSAL_CLOCK is {}, and must not be set unless AWS_ENDPOINT_URL has a loopback address, \
                 such as http://127.0.0.1:4500, and nothing overrides it",
                quote(text)
            ));
        }
        let numbers: Vec<f64> = text.split(',').map(|number| number.trim().parse().unwrap_or(f64::NAN)).collect();
        match numbers[..] {
            [real_ms, virtual_ms, speed] if numbers.iter().all(|number| number.is_finite()) && speed > 0.0 => {
                Ok(FunctionClock::Rehearsal(Rehearsal { real_ms, virtual_ms, speed }))
            }
            _ => Err(format!("REHEARSAL_CLOCK is {}, and must be {FORM}", quote(text))),
        }
    }
}

/// Whether AWS's SDKs call only this machine. One service can have an endpoint of its own
/// (`AWS_ENDPOINT_URL_SSM`), and all of them can be ignored:
/// <https://docs.aws.amazon.com/sdkref/latest/guide/feature-ss-endpoints.html>.
fn stays_on_loopback(variables: &BTreeMap<String, String>) -> bool {
    let mut endpoints = variables.iter().filter(|(name, _)| name.starts_with("AWS_ENDPOINT_URL"));
    let ignored = variables.get("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS").is_some_and(|value| value != "false");
    variables.contains_key("AWS_ENDPOINT_URL") && !ignored && endpoints.all(|(_, url)| is_on_loopback(url))
}

fn is_on_loopback(url: &str) -> bool {
    let url = Url::parse(url).ok();
    url.as_ref().and_then(Url::host_str).is_some_and(|host| {
        let address = host.trim_matches(['[', ']']).parse();
        host == "localhost" || address.is_ok_and(|address: IpAddr| address.is_loopback())
    })
}

/// Milliseconds since the Unix epoch.
fn system_ms() -> f64 {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    since_epoch.as_secs_f64() * 1000.0
}

impl FunctionClock {
    fn now_ms(self) -> f64 {
        match self {
            FunctionClock::System => system_ms(),
            FunctionClock::Rehearsal(clock) => clock.virtual_ms + (system_ms() - clock.real_ms) * clock.speed,
        }
    }

    fn speed(self) -> f64 {
        match self {
            FunctionClock::System => 1.0,
            FunctionClock::Rehearsal(clock) => clock.speed,
        }
    }
}

impl Clock for FunctionClock {
    #[allow(clippy::cast_possible_truncation, reason = "a time of this millennium")]
    fn now(&self) -> Timestamp {
        Timestamp((self.now_ms() / 1000.0).floor() as i64)
    }

    #[allow(clippy::cast_precision_loss, reason = "a time of this millennium")]
    async fn sleep_until(&self, moment: Timestamp) {
        let ahead_ms = (moment.0 as f64 * 1000.0 - self.now_ms()) / self.speed();
        // The time that has passed is negative, which is no duration.
        if let Ok(ahead) = Duration::try_from_secs_f64(ahead_ms / 1000.0) {
            tokio::time::sleep(ahead).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLOCK: Option<&str> = Some("1000, 5000, 40");

    fn variables(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    fn at(endpoint: &str) -> BTreeMap<String, String> {
        variables(&[("AWS_ENDPOINT_URL", endpoint)])
    }

    #[test]
    fn a_rehearsal_is_refused_anywhere_but_on_loopback() {
        for elsewhere in [
            variables(&[]),
            at(""),
            at("https://autoscaling.eu-central-1.amazonaws.com"),
            at("http://127.0.0.1.example.com:4500"),
            at("http://127.0.0.1:80@example.com/"),
            at("http://[::1]@example.com/"),
            at("http://10.0.0.1:4500"),
            at("127.0.0.1"),
        ] {
            let error = FunctionClock::from_variables(CLOCK, &elsewhere).unwrap_err();
            assert!(error.contains("must not be set"), "{elsewhere:?}: {error}");
        }
        for endpoint in ["http://127.0.0.1:4500", "http://[::1]:4500/", "http://localhost"] {
            assert!(FunctionClock::from_variables(CLOCK, &at(endpoint)).is_ok(), "{endpoint}");
        }
    }

    #[test]
    fn a_rehearsal_is_refused_where_something_overrides_the_loopback() {
        let endpoint = ("AWS_ENDPOINT_URL", "http://127.0.0.1:4500");
        for (other, refused) in [
            (("AWS_ENDPOINT_URL_SSM", "http://127.0.0.1:4501"), false),
            (("AWS_ENDPOINT_URL_AUTO_SCALING", "https://autoscaling.eu-central-1.amazonaws.com"), true),
            (("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "false"), false),
            (("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "true"), true),
        ] {
            let clock = FunctionClock::from_variables(CLOCK, &variables(&[endpoint, other]));
            assert_eq!(clock.is_err(), refused, "{other:?}");
        }
    }

    #[test]
    fn a_rehearsal_that_cannot_be_read_is_refused() {
        for text in ["", "1,2", "1,2,0", "1,2,-3", "1,2,inf", "1,2,3,4", "a,2,3", "1,a,2,3"] {
            let error = FunctionClock::from_variables(Some(text), &at("http://127.0.0.1:1")).unwrap_err();
            assert!(error.contains("three numbers"), "{text}: {error}");
        }
    }

    #[test]
    fn without_one_the_time_is_the_systems() {
        let clock = FunctionClock::from_variables(None, &variables(&[])).unwrap();
        assert_eq!(clock, FunctionClock::System);
        let before = system_ms();
        let shown = clock.now_ms();
        assert!(before <= shown && shown <= system_ms());
    }

    #[test]
    fn a_rehearsal_runs_as_many_times_as_fast() {
        let clock = FunctionClock::from_variables(CLOCK, &at("http://127.0.0.1:1")).unwrap();
        let (before, shown, after) = (system_ms(), clock.now_ms(), system_ms());
        assert!(5000.0 + (before - 1000.0) * 40.0 <= shown && shown <= 5000.0 + (after - 1000.0) * 40.0);
    }
}
