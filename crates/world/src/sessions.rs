//! Jicofo's sessions: which Jibri a request gets, what happens when its recording fails, and what Jicofo counts.
//! Source: jicofo's `JibriDetector.selectJibri` and `JibriSession`.

use super::{
    Due, Failing, Happening, Milliseconds, World,
    machine::{Activity, Machine},
};

/// Jicofo does not select the same Jibri again within this time (JibriDetector.kt, `SELECT_TIMEOUT`).
const SELECTION_PAUSE_MS: Milliseconds = 200;
/// Jicofo does not select a Jibri that failed within this time (JibriDetector.kt, `FAILURE_TIMEOUT`).
const FAILURE_PENALTY_MS: Milliseconds = 60_000;
/// How many other Jibris Jicofo tries for one session, whether a START fails or a recording.
const RETRIES: u32 = 5;
/// For how long Jicofo waits for the answer to a START.
const START_TIMEOUT_MS: Milliseconds = 15_000;
/// From an accepted START to the recording, while the session is pending, at most.
const PENDING_MS: Milliseconds = 8_000;
/// How soon a recording fails on a Jibri that is out of order.
const FAILS_WITHIN_MS: (Milliseconds, Milliseconds) = (5_000, 60_000);
/// How long finalize takes for what was recorded before a failure, at most.
const SHORT_FINALIZE_MS: Milliseconds = 5_000;

/// A session of Jicofo's, from the request to the end of its recording.
#[derive(Clone, Debug)]
pub(super) struct Session {
    /// The Jibri that it has sent the START to.
    pub(super) instance: Option<String>,
    /// From when on its recording runs, once the START was accepted; pending until then.
    pub(super) on_at: Option<Milliseconds>,
    accepted: bool,
    /// It waits for the answer to a START that nothing will answer.
    waits: bool,
    retries: u32,
    /// How many starts of `JibriSession.start` stand above each other: each counts a failure on its way out.
    starts: u32,
}

impl Session {
    /// No Jibri has accepted it yet.
    pub(super) fn begins(&self) -> bool {
        !self.accepted
    }
}

impl World {
    /// A request for a recording: it begins at once, or is refused at once, unless Jicofo waits in vain for a Jibri
    /// that has just exited. No request queues.
    pub(super) fn ask_for_recording(&mut self, index: usize) {
        if let Some(next) = self.config.demand.get(index + 1) {
            self.schedule(next.at.max(self.now), Due::Request(index + 1));
        }
        self.tally.requests += 1;
        let of_the_last = self.config.jicofos > 1 && index % self.config.jicofos == self.config.jicofos - 1;
        if of_the_last && self.now < self.jicofo.last_empty_until {
            self.jicofo.last_refused += 1;
            self.tally.refused += 1;
            return self.note(Happening::Refused { request: index });
        }
        let session = Session { instance: None, on_at: None, accepted: false, waits: false, retries: 0, starts: 0 };
        self.jicofo.sessions.insert(index, session);
        self.start_session(index);
    }

    /// `JibriSession.start`, which calls itself for each Jibri that refuses (JibriSession.java:296 and on).
    fn start_session(&mut self, request: usize) {
        loop {
            let selected = self.select_jibri(request);
            let Some(session) = self.jicofo.sessions.get_mut(&request) else { return };
            session.starts += 1;
            session.on_at = None;
            session.instance.clone_from(&selected);
            let Some(id) = selected else {
                return self.give_up(request);
            };
            let now = self.now;
            let Some(machine) = self.machines.get_mut(&id) else { return };
            machine.jibri.last_selected_at = Some(now);
            let (answers, failing) = (machine.jibri.is_up(), machine.jibri.failing);
            if !answers {
                session.waits = true;
                // Prosody still lists it, and nothing answers the IQ.
                return self.schedule(now + START_TIMEOUT_MS, Due::StartTimesOut(id, request));
            }
            if failing != Some(Failing::Start) && !self.pending_incidents.take_failed_start() {
                return self.accept_start(&id, request);
            }
            if !self.fail_start(&id, request) {
                return;
            }
        }
    }

    /// Jicofo has waited for an answer to its START in vain.
    pub(super) fn time_out_start(&mut self, id: &str, request: usize) {
        let Some(session) = self.jicofo.sessions.get_mut(&request) else { return };
        if std::mem::take(&mut session.waits) && self.fail_start(id, request) {
            self.start_session(request);
        }
    }

    /// A START was refused, or not answered: `instanceFailed` (JibriSession.java:338). Whether another is to be tried.
    fn fail_start(&mut self, id: &str, request: usize) -> bool {
        let now = self.now;
        if let Some(machine) = self.machines.get_mut(id).filter(|machine| machine.jibri.in_brewery) {
            machine.jibri.last_failed_at = Some(now);
        }
        self.note(Happening::StartFailed { request, instance: id.to_owned() });
        self.count_failure_on(id, request, false);
        let Some(session) = self.jicofo.sessions.get_mut(&request) else { return false };
        if session.retries == RETRIES {
            self.give_up(request);
            return false;
        }
        session.retries += 1;
        true
    }

    /// No Jibri takes the session. Each start counts a failure on its way out (JibriSession.java:296), and the status
    /// path one more (:240) when a recording had begun.
    fn give_up(&mut self, request: usize) {
        let Some(session) = self.jicofo.sessions.remove(&request) else { return };
        self.jicofo.failures_since_restart += u64::from(session.starts) + u64::from(session.accepted);
        match session.accepted {
            true => self.count_failed(request),
            false => {
                self.tally.refused += 1;
                self.note(Happening::Refused { request });
            }
        }
    }

    fn count_failed(&mut self, request: usize) {
        self.tally.failed += 1;
        self.note(Happening::Failed { request });
    }

    fn accept_start(&mut self, id: &str, request: usize) {
        let now = self.now;
        let on_at = now + self.rng.between(1_000, PENDING_MS);
        let all_fail = now < self.pending_incidents.recordings_fail_until;
        let failing = self.machines.get(id).and_then(|machine| machine.jibri.failing);
        let fails = failing == Some(Failing::Recording) || all_fail;
        let fails_at = fails.then(|| now + self.rng.between(FAILS_WITHIN_MS.0, FAILS_WITHIN_MS.1));
        // Half of them fail to join the call; the others have begun to record.
        let fails_late = fails && self.rng.chance(0.5);
        if let Some(session) = self.jicofo.sessions.get_mut(&request) {
            session.accepted = true;
            session.starts = 0;
            session.on_at = (!fails || fails_late).then_some(on_at);
        }
        if let Some(machine) = self.machines.get_mut(id) {
            machine.jibri.fails_at = fails_at;
            machine.jibri.fails_late = fails_late;
        }
        if let Some(fails_at) = fails_at {
            self.schedule(fails_at, Due::RecordingFails(id.to_owned(), request));
        }
        self.start_recording(id, request);
    }

    /// A recording that was accepted fails on its Jibri, which is IDLE and HEALTHY again a moment later.
    pub(super) fn fail_recording(&mut self, id: &str, request: usize) {
        let now = self.now;
        let Some(machine) = self.machines.get_mut(id) else { return };
        let jibri = &mut machine.jibri;
        if jibri.activity != Activity::Recording(request) || jibri.fails_at != Some(now) {
            return;
        }
        jibri.fails_at = None;
        let has_file = jibri.fails_late;
        self.note(Happening::RecordingFailed { request, instance: id.to_owned() });
        self.count_failure_on(id, request, has_file);
        // The failure is told before the presence says IDLE again: another one is selected.
        self.fail_session(id, request);
        if has_file {
            if let Some(machine) = self.machines.get_mut(id) {
                machine.jibri.activity = Activity::Finalizing(request);
            }
            let ends_at = now + self.rng.between(1_000, SHORT_FINALIZE_MS);
            self.schedule(ends_at, Due::FinalizeEnds(id.to_owned(), request));
        } else {
            // Where ffmpeg has written nothing, Jibri deletes the folder, and runs no finalize script.
            self.become_idle(id);
        }
    }

    /// The session's Jibri has failed, or has left the brewery: another one goes on, with the same session id
    /// (JibriSession.java:511, :737, :939), without a mark at the one that failed.
    pub(super) fn fail_session(&mut self, id: &str, request: usize) {
        let Some(session) = self.jicofo.sessions.get_mut(&request) else {
            return self.count_failed(request);
        };
        if session.instance.as_deref() != Some(id) || session.waits {
            return;
        }
        let asked = self.config.demand[request];
        if asked.at + asked.duration_ms <= self.now {
            // The people have stopped it meanwhile.
            self.jicofo.sessions.remove(&request);
            return;
        }
        if session.retries == RETRIES {
            session.starts = 0;
            return self.give_up(request);
        }
        session.retries += 1;
        self.start_session(request);
    }

    /// Jicofo sees a Jibri leave the brewery, with the session that was on it.
    pub(super) fn fail_sessions_of(&mut self, id: &str) {
        let of_it = |session: &Session| session.instance.as_deref() == Some(id) && !session.waits;
        let sessions = self.jicofo.sessions.iter().filter(|(_, session)| of_it(session));
        for request in sessions.map(|(request, _)| *request).collect::<Vec<_>>() {
            self.fail_session(id, request);
        }
    }

    /// Jicofo loses all its Jibris at once: each session fails, and so does the start that shall make up for it.
    pub(super) fn lose_sessions(&mut self) {
        let before = self.jicofo.sessions.len();
        self.jicofo.sessions.retain(|_, session| session.begins() || session.waits);
        let lost = before - self.jicofo.sessions.len();
        self.jicofo.failures_since_restart += 2 * u64::try_from(lost).unwrap_or(0);
    }

    /// The recording has ended as it should.
    pub(super) fn end_session(&mut self, id: &str, request: usize) {
        if self.jicofo.sessions.get(&request).is_some_and(|session| session.instance.as_deref() == Some(id)) {
            self.jicofo.sessions.remove(&request);
        }
    }

    /// Among those that are available, not just selected, and without a failure in the last minute, the one whose
    /// last failure is longest ago. Equals are not drawn by lot: `minByOrNull` over a `ConcurrentHashMap` takes the
    /// first in an order that has nothing to do with time, and is the same until the set changes (JibriDetector.kt:74, 97).
    pub(super) fn select_jibri(&self, request: usize) -> Option<String> {
        // Each Jicofo chooses among the Jibris of its own list alone.
        let jicofo = request % self.config.jicofos;
        let past = |moment: Option<Milliseconds>, span: Milliseconds| moment.is_none_or(|at| self.now - at >= span);
        let eligible = |machine: &&Machine| {
            machine.jibri.seems_available()
                && self.lists(jicofo, machine)
                && past(machine.jibri.last_selected_at, SELECTION_PAUSE_MS)
                && past(machine.jibri.last_failed_at, FAILURE_PENALTY_MS)
        };
        let first = |machine: &&Machine| (machine.jibri.last_failed_at, hash_of(&machine.id));
        self.machines.values().filter(eligible).min_by_key(first).map(|machine| machine.id.clone())
    }
}

/// FNV-1a: <http://www.isthe.com/chongo/tech/comp/fnv/>.
fn hash_of(nickname: &str) -> u64 {
    let step = |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    nickname.bytes().fold(0xcbf2_9ce4_8422_2325, step)
}
