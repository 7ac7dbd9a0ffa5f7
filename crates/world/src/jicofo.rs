//! What Jicofo says. Source: jicofo's `JicofoServices.getStats`, `JibriDetector.debugState` and `JibriStats`.

use std::collections::BTreeMap;

use super::{
    BreweryEntry, JicofoAnswer, JicofoFault, JicofoView, Milliseconds, World,
    machine::{Activity, Machine},
    sessions::Session,
    strangers::Stranger,
};

/// How many take part in a meeting, more or less: only a figure for the metrics.
const PARTICIPANTS: u64 = 4;

#[derive(Clone, Debug, Default)]
pub(super) struct JicofoState {
    pub(super) away: Option<(Milliseconds, JicofoFault)>,
    /// The same of the last of several.
    pub(super) last_away: Option<(Milliseconds, JicofoFault)>,
    /// When it last began to answer again, or with a new list.
    pub(super) back_at: Option<Milliseconds>,
    /// Until when the last of several lists no Jibri.
    pub(super) last_empty_until: Milliseconds,
    /// What the last of several has refused while it listed none.
    pub(super) last_refused: u64,
    /// What grows when a start fails, and more often than a request is refused.
    pub(super) failures_since_restart: u64,
    /// By request.
    pub(super) sessions: BTreeMap<usize, Session>,
    /// Jibris of other owners in the same brewery, by nickname.
    pub(super) strangers: BTreeMap<String, Stranger>,
}

impl JicofoFault {
    fn answer(self, view: JicofoView) -> JicofoAnswer {
        match self {
            JicofoFault::WithoutDetector => JicofoAnswer::WithoutDetector(view),
            JicofoFault::Refuses => JicofoAnswer::Refuses,
            JicofoFault::Fails => JicofoAnswer::Fails,
            JicofoFault::Garbage => JicofoAnswer::Garbage,
            JicofoFault::Hangs => JicofoAnswer::Hangs,
        }
    }
}

impl World {
    /// What Jicofo does when it is asked now.
    pub fn jicofo(&mut self) -> JicofoAnswer {
        let mut view = self.stale.jicofo(self.now).cloned().unwrap_or_else(|| self.jicofo_view());
        self.keep_listed(0, &mut view.brewery);
        match self.jicofo_fault() {
            None => JicofoAnswer::Answers(view),
            Some(fault) => fault.answer(view),
        }
    }

    /// What each of the Jicofos does when it is asked now. The first tells of all the
    /// conferences, though the last has some: it refuses theirs while it lists no Jibri.
    pub fn jicofos(&mut self) -> Vec<JicofoAnswer> {
        let mut answers = vec![self.jicofo()];
        for number in 1..self.config.jicofos {
            let last = number + 1 == self.config.jicofos;
            let fault = self.jicofo.last_away.filter(|(until, _)| last && self.now < *until).map(|(_, fault)| fault);
            let full = self.stale.jicofo(self.now).cloned().unwrap_or_else(|| self.jicofo_view());
            let empty = last && self.now < self.jicofo.last_empty_until;
            let mut brewery = if empty { Vec::new() } else { full.brewery };
            self.keep_listed(number, &mut brewery);
            let total_recording_failures = if last { self.jicofo.last_refused } else { 0 };
            let view = JicofoView { brewery, total_recording_failures, ..JicofoView::default() };
            answers.push(match fault.or(self.jicofo_fault()) {
                None => JicofoAnswer::Answers(view),
                Some(fault) => fault.answer(view),
            });
        }
        answers
    }

    /// Whether a Jibri registers with this Jicofo.
    pub(super) fn lists(&self, jicofo: usize, machine: &Machine) -> bool {
        let jicofos = u64::try_from(self.config.jicofos).unwrap_or(u64::MAX);
        !self.config.own_jibris || usize::try_from(machine.launch % jicofos) == Ok(jicofo)
    }

    fn keep_listed(&self, jicofo: usize, brewery: &mut Vec<BreweryEntry>) {
        let listed =
            |entry: &BreweryEntry| self.machines.get(&entry.nickname).is_none_or(|machine| self.lists(jicofo, machine));
        brewery.retain(listed);
    }

    fn jicofo_fault(&self) -> Option<JicofoFault> {
        self.jicofo.away.filter(|(until, _)| self.now < *until).map(|(_, fault)| fault)
    }

    pub(super) fn jicofo_view(&self) -> JicofoView {
        let listed = self.machines.values().filter(|machine| machine.jibri.in_brewery).map(entry_of);
        let strangers =
            self.jicofo.strangers.iter().filter_map(|(nickname, stranger)| stranger.entry(nickname, self.now));
        let mut brewery: Vec<BreweryEntry> = listed.chain(strangers).collect();
        brewery.sort_by(|one, other| one.nickname.cmp(&other.nickname));
        let strange = self.jicofo.strangers.values().filter(|stranger| stranger.is_busy(self.now)).count();
        // Sessions, and not busy Jibris: a pending one is none yet, and one that uploads is none any more
        // (`JibriSession.isActive`).
        let on = self.jicofo.sessions.values().filter(|session| session.on_at.is_some_and(|on_at| on_at <= self.now));
        let records = |machine: &&Machine| matches!(machine.jibri.activity, Activity::Recording(_));
        let conferences = self.machines.values().filter(records).count() + strange;
        let [recording_active, conferences] =
            [on.count() + strange, conferences].map(|count| u64::try_from(count).unwrap_or(u64::MAX));
        JicofoView {
            brewery,
            conferences,
            participants: conferences * PARTICIPANTS,
            recording_active,
            total_recording_failures: self.jicofo.failures_since_restart,
        }
    }
}

fn entry_of(machine: &Machine) -> BreweryEntry {
    let jibri = &machine.jibri;
    BreweryEntry {
        nickname: machine.id.clone(),
        healthy: jibri.healthy,
        // EXPIRED is never sent: the entry stays as it was, and that was busy.
        busy: jibri.ghost.unwrap_or(jibri.is_busy()) || jibri.expired,
        last_failed_at: jibri.last_failed_at,
        last_selected_at: jibri.last_selected_at,
    }
}
