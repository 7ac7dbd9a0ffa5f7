//! Jicofo: which Jibri it selects, which request it refuses, and what it says. Source: jicofo's `JibriDetector.selectJibri`,
//! `JibriSession` and `JibriStats`.

use super::{
    BreweryEntry, Due, Happening, JicofoAnswer, JicofoFault, JicofoView, Milliseconds, World, machine::Machine,
};

/// Jicofo does not select the same Jibri again within this time.
const SELECTION_PAUSE_MS: Milliseconds = 200;
/// Jicofo does not select a Jibri that failed within this time.
const FAILURE_PENALTY_MS: Milliseconds = 60_000;
/// How many other Jibris Jicofo tries when a recording does not start on the first.
const RETRIES: u32 = 5;
/// How many take part in a meeting, more or less: only a figure for the metrics.
const PARTICIPANTS: u64 = 4;

#[derive(Clone, Debug, Default)]
pub(super) struct JicofoState {
    pub(super) away: Option<(Milliseconds, JicofoFault)>,
    /// The same of the last of several.
    pub(super) last_away: Option<(Milliseconds, JicofoFault)>,
    /// When it last began to answer again, or with a new list.
    pub(super) back_at: Option<Milliseconds>,
    pub(super) failures_since_restart: u64,
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
        let view = self.stale.jicofo(self.now).cloned().unwrap_or_else(|| self.jicofo_view());
        match self.jicofo_fault() {
            None => JicofoAnswer::Answers(view),
            Some(fault) => fault.answer(view),
        }
    }

    /// What each of the Jicofos does when it is asked now. The first has all the conferences.
    pub fn jicofos(&mut self) -> Vec<JicofoAnswer> {
        let mut answers = vec![self.jicofo()];
        for number in 1..self.config.jicofos {
            let last = number + 1 == self.config.jicofos;
            let fault = self.jicofo.last_away.filter(|(until, _)| last && self.now < *until).map(|(_, fault)| fault);
            let full = self.stale.jicofo(self.now).cloned().unwrap_or_else(|| self.jicofo_view());
            let view = JicofoView { brewery: full.brewery, ..JicofoView::default() };
            answers.push(match fault.or(self.jicofo_fault()) {
                None => JicofoAnswer::Answers(view),
                Some(fault) => fault.answer(view),
            });
        }
        answers
    }

    fn jicofo_fault(&self) -> Option<JicofoFault> {
        self.jicofo.away.filter(|(until, _)| self.now < *until).map(|(_, fault)| fault)
    }

    pub(super) fn jicofo_view(&self) -> JicofoView {
        let listed = self.machines.values().filter(|machine| machine.exists() && machine.jibri.in_brewery);
        let brewery: Vec<BreweryEntry> = listed
            .map(|machine| BreweryEntry {
                nickname: machine.id.clone(),
                healthy: machine.jibri.healthy,
                // EXPIRED is never sent: the entry stays as it was, and that was busy.
                busy: machine.jibri.is_busy() || machine.jibri.expired,
                last_failed_at: machine.jibri.last_failed_at,
                last_selected_at: machine.jibri.last_selected_at,
            })
            .collect();
        let recording_active = self.machines.values().filter(|machine| machine.jibri.is_busy()).count();
        let recording_active = u64::try_from(recording_active).unwrap_or(u64::MAX);
        JicofoView {
            brewery,
            conferences: recording_active,
            participants: recording_active * PARTICIPANTS,
            recording_active,
            total_recording_failures: self.jicofo.failures_since_restart,
        }
    }

    /// A request for a recording: it begins at once, or is refused at once. No request waits.
    pub(super) fn ask_for_recording(&mut self, index: usize) {
        if let Some(next) = self.config.demand.get(index + 1) {
            self.schedule(next.at.max(self.now), Due::Request(index + 1));
        }
        self.tally.requests += 1;
        for _ in 0..=RETRIES {
            let Some(id) = self.select_jibri() else { break };
            if !self.pending_incidents.take_failed_start() {
                return self.start_recording(&id, index);
            }
            if let Some(machine) = self.machines.get_mut(&id) {
                machine.jibri.last_selected_at = Some(self.now);
                machine.jibri.last_failed_at = Some(self.now);
            }
            self.note(Happening::StartFailed { request: index, instance: id });
        }
        self.tally.refused += 1;
        self.jicofo.failures_since_restart += 1;
        self.note(Happening::Refused { request: index });
    }

    /// Among those that are available, not just selected, and without a failure in the last minute, the one whose
    /// last failure is longest ago; any of them when they are equal.
    fn select_jibri(&mut self) -> Option<String> {
        let now = self.now;
        let past = |moment: Option<Milliseconds>, span: Milliseconds| moment.is_none_or(|at| now - at >= span);
        let eligible = |machine: &&Machine| {
            machine.is_available()
                && past(machine.jibri.last_selected_at, SELECTION_PAUSE_MS)
                && past(machine.jibri.last_failed_at, FAILURE_PENALTY_MS)
        };
        let best = self.machines.values().filter(eligible).map(|machine| machine.jibri.last_failed_at).min()?;
        let equals: Vec<&Machine> =
            self.machines.values().filter(eligible).filter(|machine| machine.jibri.last_failed_at == best).collect();
        let drawn = self.rng.below(u64::try_from(equals.len()).unwrap_or(0));
        equals.get(usize::try_from(drawn).unwrap_or(0)).map(|machine| machine.id.clone())
    }
}
