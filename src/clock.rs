//! The time: the system's, or a faster one for rehearsals on loopback.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use controller::ports::Clock;
use planner::Timestamp;

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
    /// The clock that `REHEARSAL_CLOCK` asks for. A real function that believed in a faster time would end real
    /// Jibris too early, so it is refused unless `AWS_ENDPOINT_URL` is on loopback.
    ///
    /// # Errors
    /// What is wrong with the variable, or where the function is.
    pub fn from_variables(rehearsal: Option<&str>, endpoint_url: Option<&str>) -> Result<FunctionClock, String> {
        let Some(text) = rehearsal else {
            return Ok(FunctionClock::System);
        };
        if !endpoint_url.is_some_and(is_on_loopback) {
            return Err(format!(
                "REHEARSAL_CLOCK is {text:?}, and must not be set unless AWS_ENDPOINT_URL has a loopback address, \
                 such as http://127.0.0.1:4500"
            ));
        }
        let numbers: Vec<f64> = text.split(',').filter_map(|number| number.trim().parse().ok()).collect();
        match numbers[..] {
            [real_ms, virtual_ms, speed] if numbers.iter().all(|number| number.is_finite()) && speed > 0.0 => {
                Ok(FunctionClock::Rehearsal(Rehearsal { real_ms, virtual_ms, speed }))
            }
            _ => Err(format!("REHEARSAL_CLOCK is {text:?}, and must be {FORM}")),
        }
    }
}

fn is_on_loopback(url: &str) -> bool {
    let Some((_, address)) = url.split_once("://") else {
        return false;
    };
    let host = address.split(['/', '?', '#']).next().unwrap_or_default();
    let host = match host.strip_prefix('[') {
        Some(bracketed) => bracketed.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    host == "localhost" || host.parse().is_ok_and(|address: std::net::IpAddr| address.is_loopback())
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
        // What has passed is negative, and no duration.
        if let Ok(ahead) = Duration::try_from_secs_f64(ahead_ms / 1000.0) {
            tokio::time::sleep(ahead).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLOCK: Option<&str> = Some("1000, 5000, 40");

    #[test]
    fn a_rehearsal_is_refused_anywhere_but_on_loopback() {
        for endpoint in [
            None,
            Some("https://autoscaling.eu-central-1.amazonaws.com"),
            Some("http://127.0.0.1.example.com:4500"),
            Some("http://10.0.0.1:4500"),
            Some("127.0.0.1"),
        ] {
            let error = FunctionClock::from_variables(CLOCK, endpoint).unwrap_err();
            assert!(error.contains("must not be set"), "{endpoint:?}: {error}");
        }
        for endpoint in ["http://127.0.0.1:4500", "http://[::1]:4500/", "http://localhost"] {
            assert!(FunctionClock::from_variables(CLOCK, Some(endpoint)).is_ok(), "{endpoint}");
        }
    }

    #[test]
    fn a_rehearsal_that_cannot_be_read_is_refused() {
        for text in ["", "1,2", "1,2,0", "1,2,-3", "1,2,inf", "1,2,3,4", "a,2,3"] {
            let error = FunctionClock::from_variables(Some(text), Some("http://127.0.0.1:1")).unwrap_err();
            assert!(error.contains("three numbers"), "{text}: {error}");
        }
    }

    #[test]
    fn without_one_the_time_is_the_systems() {
        let clock = FunctionClock::from_variables(None, None).unwrap();
        assert_eq!(clock, FunctionClock::System);
        let before = system_ms();
        let shown = clock.now_ms();
        assert!(before <= shown && shown <= system_ms());
    }

    #[test]
    fn a_rehearsal_runs_as_many_times_as_fast() {
        let clock = FunctionClock::from_variables(CLOCK, Some("http://127.0.0.1:1")).unwrap();
        let (before, shown, after) = (system_ms(), clock.now_ms(), system_ms());
        assert!(5000.0 + (before - 1000.0) * 40.0 <= shown && shown <= 5000.0 + (after - 1000.0) * 40.0);
    }
}
