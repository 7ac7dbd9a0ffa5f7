//! The world's clock: real time, shifted and made faster.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use world::Milliseconds;

/// Tells the world's time from real time.
#[derive(Clone, Copy, Debug)]
pub struct WorldClock {
    started: Instant,
    started_at: Milliseconds,
    world_started_at: Milliseconds,
    speed: f64,
}

impl WorldClock {
    /// A clock that now says `world_started_at`, and from now on runs `speed` times as fast as real time.
    pub fn start(world_started_at: Milliseconds, speed: f64) -> WorldClock {
        WorldClock { started: Instant::now(), started_at: real_now(), world_started_at, speed }
    }

    /// The world's time.
    #[allow(
        clippy::cast_possible_truncation,
        reason = "milliseconds since 1970 are exact in an f64, and far within an i64"
    )]
    pub fn now(&self) -> Milliseconds {
        self.world_started_at + (self.started.elapsed().as_secs_f64() * 1_000.0 * self.speed) as Milliseconds
    }

    /// How long so much of the world's time really takes.
    pub fn real_duration(&self, milliseconds: Milliseconds) -> Duration {
        Duration::from_millis(u64::try_from(milliseconds).unwrap_or(0)).div_f64(self.speed)
    }

    /// How long it really takes until the world's time is `moment`; zero when it has passed.
    pub fn real_duration_until(&self, moment: Milliseconds) -> Duration {
        self.real_duration(moment - self.now())
    }

    /// `<real epoch ms>,<world epoch ms>,<speed>`: what another process needs to run on the world's time.
    pub fn rehearsal_clock(&self) -> String {
        format!("{},{},{}", self.started_at, self.world_started_at, self.speed)
    }

    /// Whether the world's time is real time, to the second.
    pub fn is_real(&self) -> bool {
        (self.speed - 1.0).abs() < f64::EPSILON && (self.started_at - self.world_started_at).abs() < 1_000
    }
}

/// Milliseconds since the Unix epoch, by the machine's clock.
pub(crate) fn real_now() -> Milliseconds {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Milliseconds::try_from(since_epoch.as_millis()).unwrap_or(Milliseconds::MAX)
}

/// A moment as AWS writes it: ISO 8601 in UTC, with milliseconds.
pub(crate) fn iso_8601(moment: Milliseconds) -> String {
    let moment = jiff::Timestamp::from_millisecond(moment).unwrap_or(jiff::Timestamp::MAX);
    format!("{moment:.3}")
}

/// A moment as Java's `Instant.toString` writes it: with milliseconds only when there are any.
pub(crate) fn java_instant(moment: Milliseconds) -> String {
    match moment % 1_000 {
        0 => iso_8601(moment).replace(".000Z", "Z"),
        _ => iso_8601(moment),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_written_with_milliseconds_even_when_they_are_zero() {
        assert_eq!(iso_8601(1_795_330_801_120), "2026-11-22T07:00:01.120Z");
        assert_eq!(iso_8601(1_795_330_801_000), "2026-11-22T07:00:01.000Z");
        assert_eq!(java_instant(1_795_330_801_000), "2026-11-22T07:00:01Z");
    }

    #[test]
    fn a_minute_of_the_world_takes_a_second_at_speed_60() {
        let clock = WorldClock::start(0, 60.0);
        assert_eq!(clock.real_duration(60_000), Duration::from_secs(1));
        assert_eq!(clock.real_duration(-5), Duration::ZERO);
        assert!(clock.rehearsal_clock().ends_with(",0,60"));
        assert!(!clock.is_real());
        assert!(WorldClock::start(real_now(), 1.0).is_real());
    }
}
