//! The Jibris: boot, recording, finalize, graceful shutdown, and what is left on their disks.
//! Source: jibri's `JibriManager`, `InternalHttpApi` and `Main` (exit code 255 after a graceful shutdown).

use controller::metrics::Metric;

use super::{
    AwsError, Due, Happening, JibriHealthView, MetricView, Milliseconds, NAMESPACE, Scripts, World, error,
    machine::{Activity, Jibri, Machine},
};

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
        let machine = self.machines.get(instance).filter(|machine| machine.exists());
        machine.map(|machine| machine.jibri.leftovers.clone()).unwrap_or_default()
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

    /// Tries once to upload a folder that was left; on success it is no longer there.
    ///
    /// # Errors
    /// `ServiceUnavailable` when the upload fails, `NoSuchKey` when there is no such folder.
    pub fn upload(&mut self, instance: &str, session: &str) -> Result<(), AwsError> {
        if !self.recordings_on_disk(instance).iter().any(|left| left == session) {
            return Err(error("NoSuchKey", format!("there is no recording {session} on {instance}")));
        }
        let fails = self.next_upload_fails(instance);
        // On a host the real script publishes what it has tried.
        if self.config.scripts == Scripts::World {
            self.publish_upload(!fails);
        }
        if fails {
            let message = "Please reduce your request rate.".to_owned();
            return Err(AwsError { code: "ServiceUnavailable", message, http_status: 503 });
        }
        if let Some(machine) = self.machines.get_mut(instance) {
            machine.jibri.leftovers.retain(|left| left != session);
        }
        self.note(Happening::UploadedLate { session: session.to_owned(), instance: instance.to_owned() });
        Ok(())
    }

    /// What the marker of the drain script brings about: Jibri is not started on this instance any more.
    pub fn forbid_start(&mut self, instance: &str) {
        if let Some(machine) = self.machines.get_mut(instance) {
            machine.jibri.start_forbidden = true;
        }
    }

    fn next_upload_fails(&mut self, id: &str) -> bool {
        let Some(jibri) = self.activity(id).filter(|jibri| jibri.failing_uploads > 0) else {
            return self.befalls(self.config.rates.uploads_fail, "failed-uploads")
                || self.pending_incidents.take_failed_upload();
        };
        if jibri.failing_uploads != FOR_EVER {
            jibri.failing_uploads -= 1;
        }
        true
    }

    /// The last that `instance/finalize.sh` does: both metrics of the recording, straight from the instance.
    fn publish_upload(&mut self, uploaded: bool) {
        let values = [(Metric::UploadedRecordings, uploaded), (Metric::RecordingsNotUploaded, !uploaded)];
        let data = values.map(|(metric, holds)| MetricView {
            namespace: NAMESPACE.into(),
            name: metric.name().into(),
            value: f64::from(u8::from(holds)),
            at: self.now,
        });
        self.metrics.put(&data);
    }

    fn running(&self, instance: &str) -> Option<&Machine> {
        self.machines.get(instance).filter(|machine| machine.exists() && machine.jibri.is_up())
    }

    pub(super) fn start_jibri(&mut self, id: &str) {
        let Some(machine) = self.machines.get_mut(id).filter(|machine| machine.exists()) else {
            return;
        };
        if machine.jibri.start_forbidden || machine.jibri.activity != Activity::Down {
            return;
        }
        machine.jibri.activity = Activity::Idle;
        machine.jibri.up_since = Some(self.now);
        self.join_brewery(id);
    }

    pub(super) fn join_brewery(&mut self, id: &str) {
        let Some(machine) = self.machines.get_mut(id).filter(|machine| machine.exists() && machine.jibri.is_up())
        else {
            return;
        };
        if !std::mem::replace(&mut machine.jibri.in_brewery, true) {
            self.note(Happening::Registered { instance: id.to_owned() });
            self.audit_change();
        }
    }

    pub(super) fn start_recording(&mut self, id: &str, request: usize) {
        let duration_ms = self.config.demand[request].duration_ms;
        let longest = Milliseconds::from(self.config.finalize_seconds) * 1000;
        let finalize_ms = longest.min(duration_ms / 4);
        let now = self.now;
        if let Some(machine) = self.machines.get_mut(id) {
            machine.jibri.activity = Activity::Recording(request);
            machine.jibri.last_selected_at = Some(now);
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
        let recording = |jibri: &&mut Jibri| jibri.activity == Activity::Recording(request) && !jibri.never_stops;
        let Some(jibri) = self.activity(id).filter(recording) else {
            return;
        };
        jibri.activity = Activity::Finalizing(request);
        self.note(Happening::RecordingEnded { request, instance: id.to_owned() });
    }

    pub(super) fn end_finalize(&mut self, id: &str, request: usize) {
        let now = self.now;
        let finalizing = |jibri: &&mut Jibri| jibri.activity == Activity::Finalizing(request) && !jibri.hung;
        let Some(jibri) = self.activity(id).filter(finalizing) else {
            return;
        };
        jibri.activity = Activity::Idle;
        self.audit_change();
        let Some(jibri) = self.activity(id) else { return };
        // Jicofo forgets a failure when the Jibri says that it is available again.
        jibri.last_failed_at = None;
        let leaves = jibri.leaving;
        if let Some(machine) = self.machines.get_mut(id) {
            machine.settle_busy(now);
        }
        // The exit code of finalize is only logged: after a failed upload Jibri is idle, and the files stay.
        let fails = self.next_upload_fails(id);
        self.publish_upload(!fails);
        if fails {
            if let Some(jibri) = self.activity(id) {
                jibri.leftovers.push(session_of(request));
            }
            self.tally.failed_uploads += 1;
            self.note(Happening::UploadFailed { request, instance: id.to_owned() });
        } else {
            self.note(Happening::Uploaded { request, instance: id.to_owned() });
        }
        if leaves {
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
        machine.jibri.in_brewery = false;
        let activity = std::mem::replace(&mut machine.jibri.activity, Activity::Exited);
        if let Activity::Recording(request) | Activity::Finalizing(request) = activity {
            machine.jibri.leftovers.push(session_of(request));
        }
        self.note(Happening::JibriExited { instance: id.to_owned() });
        self.audit_change();
    }
}

/// The folder of a request's recording.
fn session_of(request: usize) -> String {
    format!("session-{request:06}")
}
