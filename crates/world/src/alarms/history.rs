//! What the operator was told: when which alarm rang, and until when.

use super::{AlarmState, MissingData};
use crate::{Happening, Milliseconds, World};

/// One ring of an alarm.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ring {
    /// The alarm's name.
    pub alarm: String,
    /// When its topic was told that something is wrong.
    pub from: Milliseconds,
    /// When it was well again; `None` for an alarm that still rings.
    pub until: Option<Milliseconds>,
}

impl World {
    /// Every ring of every alarm, in order of time. An alarm in ALARM rings, and so does one that tells when its metric
    /// falls silent.
    pub fn rings(&self) -> Vec<Ring> {
        let mut rings: Vec<Ring> = Vec::new();
        for entry in &self.log {
            let Happening::AlarmChanged { alarm, state } = &entry.happening else { continue };
            let ringing = rings.iter_mut().rev().find(|ring| ring.alarm == *alarm && ring.until.is_none());
            match (ringing, self.is_told(alarm, state)) {
                (Some(ring), false) => ring.until = Some(entry.at),
                (None, true) => rings.push(Ring { alarm: alarm.clone(), from: entry.at, until: None }),
                (Some(_), true) | (None, false) => {}
            }
        }
        rings
    }

    /// Whether the alarm's topic is told that something is wrong when the alarm enters this state.
    fn is_told(&self, alarm: &str, state: &str) -> bool {
        let told_of_silence = || {
            let mut alarms = self.config.alarms.iter();
            alarms.any(|config| config.name == alarm && config.missing == MissingData::MissingAndTold)
        };
        state == AlarmState::Alarm.name() || (state == AlarmState::InsufficientData.name() && told_of_silence())
    }
}
