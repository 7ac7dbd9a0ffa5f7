//! The Jibris: boot, recording, finalize, graceful shutdown, and what is left on their disks.
//! Source: jibri's `JibriManager`, `InternalHttpApi` and `Main` (exit code 255 after a graceful shutdown).

use super::{
    Due, Happening, JibriActivity, JibriHealthView, Milliseconds, World,
    machine::{Activity, Folder, Jibri, Machine},
};

/// The shortest part of a recording that another Jibri goes on with.
const SHORTEST_MS: Milliseconds = 1_000;
/// From a crash in a container to the next process's registration.
const RESTART_MS: (Milliseconds, Milliseconds) = (8_000, 12_000);
/// More failing uploads than a run tries.
pub(super) const FOR_EVER: u32 = u32::MAX;

impl World {
    /// `GET /jibri/api/v1.0/health`; `None` when the port refuses.
    pub fn jibri_health(&self, instance: &str) -> Option<JibriHealthView> {
        let jibri = &self.running(instance)?.jibri;
        let busy_status = match (jibri.is_busy(), jibri.expired) {
            (true, _) => "BUSY",
            (false, true) => "EXPIRED",
            (false, false) => "IDLE",
        };
        let health_status = if jibri.healthy { "HEALTHY" } else { "UNHEALTHY" };
        Some(JibriHealthView { busy_status, health_status })
    }

    /// `POST gracefulShutdown`: an idle or expired Jibri exits at once; a busy one after its finalize script, and no
    /// recording begins on it any more. `false` when the port refuses.
    pub fn jibri_graceful_shutdown(&mut self, instance: &str) -> bool {
        let Some(machine) = self.machines.get_mut(instance).filter(|machine| machine.exists() && machine.jibri.is_up())
        else {
            return false;
        };
        machine.jibri.leaving = true;
        if !machine.jibri.is_busy() {
            self.exit_jibri(instance);
        }
        true
    }

    /// The instances whose Jibri's ports are open.
    pub fn running_jibris(&self) -> Vec<String> {
        let up = self.machines.values().filter(|machine| machine.exists() && machine.jibri.is_up());
        up.map(|machine| machine.id.clone()).collect()
    }

    /// The folders of finished recordings that are not uploaded.
    pub fn recordings_on_disk(&self, instance: &str) -> Vec<String> {
        self.folders_on_disk(instance).iter().map(|folder| folder.session.clone()).collect()
    }

    /// The same, with what is known about each.
    pub fn folders_on_disk(&self, instance: &str) -> &[Folder] {
        let machine = self.machines.get(instance).filter(|machine| machine.exists());
        machine.map(|machine| machine.jibri.leftovers.as_slice()).unwrap_or_default()
    }

    /// What the processes on an instance tell about its Jibri.
    pub fn jibri_activity(&self, instance: &str) -> JibriActivity {
        let Some(machine) = self.machines.get(instance).filter(|machine| machine.exists()) else {
            return JibriActivity::default();
        };
        let jibri = &machine.jibri;
        let recording = match jibri.activity {
            Activity::Recording(_) => jibri.fails_at.is_none() || jibri.fails_late,
            Activity::Stuck { ffmpeg } => ffmpeg,
            _ => false,
        };
        JibriActivity {
            recording,
            finalizing: matches!(jibri.activity, Activity::Finalizing(_)),
            failing: jibri.failing,
            finalize_missing: jibri.finalize_missing,
            good_recording_at: jibri.good_recording_at,
        }
    }

    /// The machines whose Jibri has been busy for longer than this.
    pub fn busy_for_longer_than(&self, span: Milliseconds) -> Vec<String> {
        let long = |machine: &&Machine| machine.jibri.busy_since.is_some_and(|since| self.now - since > span);
        let busy = self.machines.values().filter(|machine| machine.exists()).filter(long);
        busy.map(|machine| machine.id.clone()).collect()
    }

    /// The machines with finished recordings that are not uploaded, and how many.
    pub fn files_waiting(&self) -> Vec<(String, usize)> {
        let waiting = self.machines.values().filter(|machine| machine.exists() && !machine.jibri.leftovers.is_empty());
        waiting.map(|machine| (machine.id.clone(), machine.jibri.leftovers.len())).collect()
    }

    /// What the marker of the drain script brings about: Jibri is not started on this instance any more. Where no
    /// Jibri runs, the script stops its container too, which might start it again.
    pub fn forbid_start(&mut self, instance: &str) {
        if let Some(machine) = self.machines.get_mut(instance) {
            machine.jibri.start_forbidden = true;
            machine.jibri.restarts &= machine.jibri.is_up();
        }
    }

    fn running(&self, instance: &str) -> Option<&Machine> {
        self.machines.get(instance).filter(|machine| machine.exists() && machine.jibri.is_up())
    }

    pub(super) fn start_jibri(&mut self, id: &str) {
        let Some(machine) = self.machines.get_mut(id).filter(|machine| machine.exists()) else {
            return;
        };
        if !machine.jibri.may_start() {
            return;
        }
        machine.jibri.activity = Activity::Idle;
        machine.jibri.restarts = false;
        machine.jibri.leaving = false;
        machine.jibri.up_since = Some(self.now);
        self.join_brewery(id);
    }

    /// A Jibri begins to record, until the request's recording is to end.
    pub(super) fn start_recording(&mut self, id: &str, request: usize) {
        let asked = self.config.demand[request];
        let now = self.now;
        let duration_ms = (asked.at + asked.duration_ms - now).max(SHORTEST_MS.min(asked.duration_ms));
        let longest = Milliseconds::from(self.config.finalize_seconds) * 1000;
        let finalize_ms = longest.min(duration_ms / 4);
        if let Some(machine) = self.machines.get_mut(id) {
            machine.jibri.activity = Activity::Recording(request);
            machine.jibri.busy_since = Some(now);
        }
        self.schedule(now + duration_ms - finalize_ms, Due::RecordingEnds(id.to_owned(), request));
        self.schedule(now + duration_ms, Due::FinalizeEnds(id.to_owned(), request));
        self.note(Happening::Requested { request, instance: id.to_owned() });
        self.audit_change();
    }

    fn activity(&mut self, id: &str) -> Option<&mut Jibri> {
        self.machines.get_mut(id).map(|machine| &mut machine.jibri)
    }

    pub(super) fn end_recording(&mut self, id: &str, request: usize) {
        let recording = |jibri: &&mut Jibri| {
            jibri.activity == Activity::Recording(request) && !jibri.never_stops && jibri.fails_at.is_none()
        };
        let Some(jibri) = self.activity(id).filter(recording) else {
            return;
        };
        jibri.activity = Activity::Finalizing(request);
        jibri.failures = (0, None);
        let began_at = jibri.busy_since;
        self.tally.last_success_began_at = self.tally.last_success_began_at.max(began_at);
        self.end_session(id, request);
        self.note(Happening::RecordingEnded { request, instance: id.to_owned() });
    }

    pub(super) fn end_finalize(&mut self, id: &str, request: usize) {
        let finalizing = |jibri: &&mut Jibri| jibri.activity == Activity::Finalizing(request) && !jibri.hung;
        if self.activity(id).filter(finalizing).is_some() {
            self.upload_after(id, request);
            self.become_idle(id);
        }
    }

    /// The finalize script of a recording. Its exit code is only logged: after a failed upload Jibri is idle, and the
    /// files stay. Where it is missing, or not executable, that is logged too (jibri's `FileRecordingJibriService`).
    fn upload_after(&mut self, id: &str, request: usize) {
        let (torn, empty) = (self.pending_incidents.take_torn(), self.pending_incidents.take_empty());
        let (now, instance) = (self.now, id.to_owned());
        if torn || empty {
            self.note(Happening::Unplayable { request, instance: instance.clone() });
        }
        let missing = self.activity(id).is_some_and(|jibri| jibri.finalize_missing);
        let fails = missing || self.next_upload_fails(id);
        let Some(jibri) = self.activity(id) else { return };
        if !torn && !empty && !missing {
            jibri.good_recording_at = Some(now);
        }
        if fails {
            // The script moves aside what it cannot upload.
            let folder = Folder { torn, empty, aside: !missing, ..Folder::new(session_of(request), now) };
            self.leave_folder(id, folder);
        }
        if !missing {
            self.publish_upload(id, !fails, torn || empty);
        }
        match (missing, fails) {
            (true, _) => self.note(Happening::FinalizeMissing { request, instance }),
            (false, true) => {
                self.tally.failed_uploads += 1;
                self.note(Happening::UploadFailed { request, instance });
            }
            (false, false) => {
                self.keep_object(&session_of(request), id);
                self.note(Happening::Uploaded { request, instance });
            }
        }
    }

    /// A busy Jibri is idle again, and says so, if it is not to leave or to be used only once
    /// (`jibri.single-use-mode`).
    pub(super) fn become_idle(&mut self, id: &str) {
        let (now, expires) = (self.now, self.config.single_use);
        let Some(machine) = self.machines.get_mut(id) else { return };
        machine.settle_busy(now);
        machine.jibri.activity = Activity::Idle;
        machine.jibri.expired |= expires;
        if machine.jibri.seems_available() {
            // Any presence that says available takes a failure back (JibriDetector.kt:117).
            machine.jibri.last_failed_at = None;
        }
        self.audit_change();
        if self.activity(id).is_some_and(|jibri| jibri.leaving) {
            self.exit_jibri(id);
        }
    }

    /// The process ends; whatever it recorded stays on the disk.
    pub(super) fn exit_jibri(&mut self, id: &str) {
        let now = self.now;
        let Some(machine) = self.machines.get_mut(id) else {
            return;
        };
        machine.settle_busy(now);
        let was_busy = machine.jibri.is_busy();
        machine.jibri.down_since = Some(now);
        machine.jibri.fails_at = None;
        let activity = std::mem::replace(&mut machine.jibri.activity, Activity::Exited);
        if let Activity::Recording(request) | Activity::Finalizing(request) = activity {
            // An mp4 that was cut has no `moov`.
            let torn = matches!(activity, Activity::Recording(_));
            self.leave_folder(id, Folder { torn, ..Folder::new(session_of(request), now) });
        }
        self.hibernate(id, was_busy);
        self.note(Happening::JibriExited { instance: id.to_owned() });
        self.audit_change();
    }

    /// The process crashes while it records, and its container starts it again at once: the image's s6 stops the
    /// container on exit code 255 alone, whatever else is configured. Finalize never runs for what it recorded.
    pub(super) fn crash_in_container(&mut self, id: &str) {
        self.exit_jibri(id);
        let after_ms = self.rng.between(RESTART_MS.0, RESTART_MS.1);
        if let Some(machine) = self.machines.get_mut(id) {
            machine.jibri.restarts = true;
        }
        self.schedule(self.now + after_ms, Due::JibriStarts(id.to_owned()));
    }

    /// What it recorded stays on the disk, and it says BUSY for ever. Jicofo has given the session up: a pending
    /// time-out forgets the Jibri (JibriSession.java:409), and so does a stop.
    pub(super) fn get_stuck(&mut self, id: &str, ffmpeg: bool) {
        let now = self.now;
        let Some(jibri) = self.activity(id) else { return };
        let Activity::Recording(request) = jibri.activity else { return };
        jibri.activity = Activity::Stuck { ffmpeg };
        jibri.fails_at = None;
        self.leave_folder(id, Folder { torn: true, ..Folder::new(session_of(request), now) });
        self.end_session(id, request);
    }
}

/// The folder of a request's recording.
fn session_of(request: usize) -> String {
    format!("session-{request:06}")
}
