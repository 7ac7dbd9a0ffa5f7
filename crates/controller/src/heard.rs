//! What several Jicofos say, put together.

use std::collections::{BTreeMap, BTreeSet};

use planner::{Instance, InstanceId, JibriStatus, Jicofos, Timestamp};

use crate::{
    ports::{CallError, JicofoJibri, JicofoReading, JicofoStats},
    text::shorten,
};

/// What the Jicofos say of one Jibri.
struct Told {
    healthy: bool,
    busy: bool,
    last_selected_at: Option<Timestamp>,
    last_failed_at: Option<Timestamp>,
    listed_by: Jicofos,
}

/// What the Jicofos said together.
#[derive(Default)]
pub(crate) struct Heard {
    jibris: BTreeMap<String, Told>,
    /// The counters of all that answered, added up.
    pub(crate) stats: JicofoStats,
    failures: Vec<String>,
    /// How many have answered.
    answers: usize,
    /// The Jicofos that answered, by their place, and list no Jibri.
    empty: Vec<usize>,
}

impl Heard {
    /// Adds up the answers; one that failed is kept as what went wrong.
    pub(crate) fn listen(jicofos: Vec<Result<JicofoReading, CallError>>) -> Heard {
        let mut heard = Heard::default();
        for (place, reading) in jicofos.into_iter().enumerate() {
            match reading {
                Ok(reading) if reading.jibris.is_empty() => {
                    heard.empty.push(place);
                    heard.add(place, reading);
                }
                Ok(reading) => heard.add(place, reading),
                Err(error) => heard.failures.push(error.to_string()),
            }
        }
        heard
    }

    /// A Jibri may serve several Jicofos: it is busy if any of them keeps it busy, and selected when the last did.
    fn add(&mut self, place: usize, reading: JicofoReading) {
        self.answers += 1;
        self.stats.conferences += reading.stats.conferences;
        self.stats.participants += reading.stats.participants;
        self.stats.jibri_sessions += reading.stats.jibri_sessions;
        self.stats.jibri_failures_total += reading.stats.jibri_failures_total;
        for JicofoJibri { nickname, healthy, busy, last_selected_at, last_failed_at } in reading.jibris {
            let unheard = Told {
                healthy: true,
                busy: false,
                last_selected_at: None,
                last_failed_at: None,
                listed_by: Jicofos::default(),
            };
            let told = self.jibris.entry(nickname).or_insert(unheard);
            told.listed_by = told.listed_by.union(Jicofos::only(place));
            told.busy |= busy;
            told.healthy &= healthy;
            told.last_selected_at = told.last_selected_at.max(last_selected_at);
            told.last_failed_at = told.last_failed_at.max(last_failed_at);
        }
    }

    /// What a Jibri of this name does, and when it was last selected, and last failed.
    pub(crate) fn status_of(&self, id: &InstanceId) -> (JibriStatus, Option<Timestamp>, Option<Timestamp>) {
        match self.jibris.get(id.as_str()) {
            None if self.failures.is_empty() => (JibriStatus::Missing, None, None),
            None => (JibriStatus::Unknown, None, None),
            Some(jibri) => {
                let status = match (jibri.busy, jibri.healthy) {
                    (true, _) => JibriStatus::Busy,
                    (false, false) => JibriStatus::Unhealthy,
                    (false, true) => JibriStatus::Idle,
                };
                (status, jibri.last_selected_at, jibri.last_failed_at)
            }
        }
    }

    /// Which of the Jicofos list a Jibri of this name.
    pub(crate) fn listed_by(&self, id: &InstanceId) -> Jicofos {
        self.jibris.get(id.as_str()).map_or(Jicofos::default(), |told| told.listed_by)
    }

    /// How many more Jibris are busy than there are recordings and streams, whosever they are.
    pub(crate) fn unaccounted_busy(&self) -> u32 {
        if !self.failures.is_empty() {
            // The silent one may count them.
            return 0;
        }
        let busy = self.jibris.values().filter(|jibri| jibri.busy).count();
        let busy = u64::try_from(busy).unwrap_or(u64::MAX);
        u32::try_from(busy.saturating_sub(self.stats.jibri_sessions)).unwrap_or(u32::MAX)
    }

    /// The Jibris that are none of these instances, and none of the operator's own. A name may be anything at all, and is made
    /// fit for a log line.
    pub(crate) fn strangers(&self, instances: &[Instance], own: &[String]) -> Vec<String> {
        let ours: BTreeSet<&str> = instances.iter().map(|instance| instance.id.as_str()).collect();
        let is_own = |nickname: &str| {
            own.iter().any(|name| match name.strip_suffix('*') {
                Some(beginning) => nickname.starts_with(beginning),
                None => nickname == name,
            })
        };
        let strangers = self.jibris.keys().filter(|nickname| !ours.contains(nickname.as_str()) && !is_own(nickname));
        strangers.map(shorten).collect()
    }

    /// Whether a Jicofo has answered, though perhaps with an empty list.
    pub(crate) fn any_has_answered(&self) -> bool {
        self.answers > 0
    }

    /// The places of the Jicofos that list no Jibri, while another lists one of these instances. Each refuses every recording that
    /// it is asked for.
    pub(crate) fn empty_beside(&self, instances: &[Instance]) -> &[usize] {
        match instances.iter().any(|instance| instance.is_active() && instance.jibri.is_listed()) {
            true => &self.empty,
            false => &[],
        }
    }

    /// What kept a Jicofo from answering; `None` where all have answered.
    pub(crate) fn failures(&self) -> Option<String> {
        (!self.failures.is_empty()).then(|| self.failures.join("; "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An idle Jibri that was never used.
    fn jibri(nickname: &str) -> JicofoJibri {
        JicofoJibri {
            nickname: nickname.into(),
            healthy: true,
            busy: false,
            last_selected_at: None,
            last_failed_at: None,
        }
    }

    #[test]
    fn a_jicofo_that_lists_none_beside_one_that_lists_some_is_found_by_its_place() {
        let full = || Ok(JicofoReading { jibris: vec![jibri("i-1")], ..JicofoReading::default() });
        let empty = || Ok(JicofoReading::default());
        let listed = |jibri| Instance { jibri, ..crate::observe::tests::instance() };
        let heard = Heard::listen(vec![full(), empty(), full(), empty()]);
        assert_eq!(heard.empty_beside(&[listed(JibriStatus::Idle)]), [1, 3]);
        assert_eq!(
            heard.empty_beside(&[listed(JibriStatus::Missing)]),
            [0; 0],
            "the others' Jibris are not this pool's"
        );
    }

    #[test]
    fn an_operators_own_jibris_are_no_strangers() {
        let jibris = ["jibri-1", "jibri-11", "office-3", "i-0a"].map(jibri).into();
        let heard = Heard::listen(vec![Ok(JicofoReading { jibris, ..JicofoReading::default() })]);
        let own = ["jibri-1".to_owned(), "office-*".to_owned()];
        assert_eq!(heard.strangers(&[], &own), ["i-0a", "jibri-11"]);
    }

    #[test]
    fn the_name_of_a_stranger_is_short_and_keeps_to_its_line() {
        let nickname = format!("jibri\n\u{202e}{}", "x".repeat(100_000));
        let heard =
            Heard::listen(vec![Ok(JicofoReading { jibris: vec![jibri(&nickname)], ..JicofoReading::default() })]);
        let strangers = heard.strangers(&[], &[]);
        assert!(
            strangers[0].starts_with("jibri\u{fffd}\u{fffd}x") && strangers[0].chars().count() < 300,
            "{strangers:.300?}"
        );
    }
}
