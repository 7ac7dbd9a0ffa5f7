//! The brewery, a chat room in which the Jibris say what they do: joins, leaves, and what its restarts bring about.

use super::{Due, Happening, Milliseconds, World, machine::Activity};

/// For how long Prosody keeps the place of a Jibri whose process has ended: its stream is hibernated
/// (XEP-0198, `mod_smacks`), and Jicofo sees no leave before.
const HIBERNATION_MS: Milliseconds = 15_000;
/// Within which time all Jibris join again after a restart of Jicofo, in seconds.
const REJOIN_SECONDS: f64 = 15.0;
/// From one Jibri's return to the next after a restart of Prosody: Smack's fixed delay (jicoco's MucClient.java:62).
const REJOIN_PAUSE_MS: Milliseconds = 1_000;

impl World {
    pub(super) fn join_brewery(&mut self, id: &str) {
        let Some(jibri) = self.machines.get(id).filter(|machine| machine.exists()).map(|machine| &machine.jibri) else {
            return;
        };
        if !jibri.is_up() {
            return;
        }
        if jibri.ghost.is_some() {
            // What Jicofo still listed was the process before this one.
            self.leave_brewery(id);
        }
        let Some(machine) = self.machines.get_mut(id) else { return };
        if !std::mem::replace(&mut machine.jibri.in_brewery, true) {
            self.note(Happening::Registered { instance: id.to_owned() });
            self.audit_change();
            self.audit_rejoin(id);
        }
    }

    /// The process of a Jibri has ended, told or not: it says nothing, and stays in the list as it was last.
    pub(super) fn hibernate(&mut self, id: &str, was_busy: bool) {
        let Some(machine) = self.machines.get_mut(id).filter(|machine| machine.jibri.in_brewery) else { return };
        machine.jibri.ghost = Some(was_busy);
        self.schedule(self.now + HIBERNATION_MS, Due::LeavesBrewery(id.to_owned(), self.now));
    }

    /// Prosody gives the place of a Jibri up whose process ended then.
    pub(super) fn end_hibernation(&mut self, id: &str, ended_at: Milliseconds) {
        let still = |jibri: &super::machine::Jibri| jibri.ghost.is_some() && jibri.down_since == Some(ended_at);
        if self.machines.get(id).is_some_and(|machine| still(&machine.jibri)) {
            self.leave_brewery(id);
        }
    }

    fn leave_brewery(&mut self, id: &str) {
        if let Some(machine) = self.machines.get_mut(id) {
            machine.jibri.leave_list();
        }
        self.audit_change();
        self.fail_sessions_of(id);
    }

    /// Jicofo forgets everything; each Jibri joins again within some seconds.
    pub(super) fn restart_jicofo(&mut self) {
        self.jicofo.failures_since_restart = 0;
        self.jicofo.back_at = Some(self.now);
        let waiting = std::mem::take(&mut self.jicofo.sessions).into_iter().filter(|(_, session)| session.begins());
        for (request, _) in waiting.collect::<Vec<_>>() {
            self.tally.refused += 1;
            self.note(Happening::Refused { request });
        }
        for nickname in self.jicofo.strangers.keys().cloned().collect::<Vec<_>>() {
            let back_at = self.now + 1 + self.draw_up_to(REJOIN_SECONDS);
            if let Some(stranger) = self.jicofo.strangers.get_mut(&nickname) {
                stranger.rejoin_at(back_at);
            }
        }
        for id in self.empty_list() {
            let after_ms = self.draw_up_to(REJOIN_SECONDS);
            self.schedule(self.now + 1 + after_ms, Due::Rejoin(id));
        }
    }

    /// The list empties, and the Jibris join again one by one, in random order: for some seconds it is half full.
    /// What they record goes on; Jicofo takes it for failed, and finds no other.
    pub(super) fn restart_prosody(&mut self) {
        self.jicofo.back_at = Some(self.now);
        let mut left: Vec<Result<String, String>> = self.empty_list().into_iter().map(Ok).collect();
        left.extend(self.jicofo.strangers.keys().cloned().map(Err));
        self.lose_sessions();
        let mut back_at = self.now;
        while !left.is_empty() {
            let drawn = self.rng.below(u64::try_from(left.len()).unwrap_or(0));
            back_at += REJOIN_PAUSE_MS;
            match left.swap_remove(usize::try_from(drawn).unwrap_or(0)) {
                Ok(id) => self.schedule(back_at, Due::Rejoin(id)),
                Err(nickname) => {
                    if let Some(stranger) = self.jicofo.strangers.get_mut(&nickname) {
                        stranger.rejoin_at(back_at);
                    }
                }
            }
        }
    }

    /// The Jibris that were in the list that is empty now, and run.
    fn empty_list(&mut self) -> Vec<String> {
        let mut left = Vec::new();
        for machine in self.machines.values_mut().filter(|machine| machine.jibri.in_brewery) {
            machine.jibri.leave_list();
            if machine.jibri.activity != Activity::Exited {
                left.push(machine.id.clone());
            }
        }
        self.audit_vanish(&left);
        left
    }
}
