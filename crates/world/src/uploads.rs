//! Recordings that wait on an instance, and the uploads that are tried again: `instance/finalize.sh`, called by a drain,
//! and every minute by the instance's own timer.

use controller::metrics::Metric;

use super::{
    AwsError, Due, Happening, MetricView, Milliseconds, NAMESPACE, Scripts, World,
    audit::invariant,
    error,
    jibri::FOR_EVER,
    machine::{Folder, Machine},
};

const MINUTE_MS: Milliseconds = 60_000;
/// The longest pause between two tries of a folder, in minutes; the first is a minute, and each later one twice as long.
const LONGEST_PAUSE_MINUTES: Milliseconds = 15;

/// As `instance/finalize.sh` makes it.
fn object_key(session: &str, instance: &str) -> String {
    format!("{session}/{instance}")
}

impl World {
    /// A folder stays on the disk. The timer tries it first after a minute.
    pub(super) fn leave_folder(&mut self, id: &str, mut folder: Folder) {
        folder.retry_at = self.now + MINUTE_MS;
        let Some(machine) = self.machines.get_mut(id) else { return };
        machine.jibri.leave_folder(folder);
        if !std::mem::replace(&mut machine.jibri.upload_timer, true) {
            self.schedule(self.now + MINUTE_MS, Due::RetryUploads(id.to_owned()));
        }
    }

    /// The instance's timer, which runs every minute: it tries what is due, and publishes what still waits. The world
    /// keeps it only while something does.
    pub(super) fn retry_uploads(&mut self, id: &str) {
        for session in self.due_for_retry(id) {
            if self.finalize_again(id, &session, true).is_err() {
                self.have_patience(id, &session);
            }
        }
        let Some(machine) = self.machines.get_mut(id).filter(|machine| machine.exists()) else { return };
        if machine.jibri.leftovers.is_empty() {
            machine.jibri.upload_timer = false;
            return;
        }
        let oldest = machine.jibri.leftovers.iter().map(|folder| folder.since).min().unwrap_or(self.now);
        let (waiting, oldest_ms) = (machine.jibri.leftovers.len(), self.now - oldest);
        self.publish_waiting(waiting, oldest_ms);
        self.schedule(self.now + MINUTE_MS, Due::RetryUploads(id.to_owned()));
    }

    /// While Jibri is busy, only what finalize has moved aside: one of the others may be the folder that it records to.
    /// On an instance that drains, the drain does it, and on a host the host.
    fn due_for_retry(&self, id: &str) -> Vec<String> {
        let retries = self.config.uploads_retried && self.config.scripts == Scripts::World;
        let serves = |machine: &&Machine| retries && machine.exists() && !machine.jibri.start_forbidden;
        let Some(jibri) = self.machines.get(id).filter(serves).map(|machine| &machine.jibri) else {
            return Vec::new();
        };
        let due = |folder: &&Folder| folder.retry_at <= self.now && (folder.aside || !jibri.is_busy());
        jibri.leftovers.iter().filter(due).map(|folder| folder.session.clone()).collect()
    }

    /// A folder that failed again lies aside from now on, if the script was there to move it, and waits for longer.
    fn have_patience(&mut self, id: &str, session: &str) {
        let now = self.now;
        let Some(jibri) = self.machines.get_mut(id).map(|machine| &mut machine.jibri) else { return };
        let missing = jibri.finalize_missing;
        if let Some(folder) = jibri.leftovers.iter_mut().find(|folder| folder.session == session) {
            folder.aside |= !missing;
            folder.tries = (folder.tries + 1).min(4);
            folder.retry_at = now + MINUTE_MS * LONGEST_PAUSE_MINUTES.min(1 << folder.tries);
        }
    }

    /// Tries once to upload a folder that was left; on success it is no longer there.
    ///
    /// # Errors
    /// `ServiceUnavailable` when the upload fails, `NoSuchKey` when there is no such folder.
    pub fn upload(&mut self, instance: &str, session: &str) -> Result<(), AwsError> {
        self.finalize_again(instance, session, false)
    }

    fn finalize_again(&mut self, instance: &str, session: &str, by_timer: bool) -> Result<(), AwsError> {
        let left = self.folders_on_disk(instance).iter().find(|left| left.session == session);
        let Some(unplayable) = left.map(|folder| folder.torn || folder.empty) else {
            return Err(error("NoSuchKey", format!("there is no recording {session} on {instance}")));
        };
        let missing = self.machines.get(instance).is_some_and(|machine| machine.jibri.finalize_missing);
        let fails = self.next_upload_fails(instance);
        if let Some(machine) = self.machines.get_mut(instance).filter(|_| !fails) {
            machine.jibri.leftovers.retain(|left| left.session != session);
        }
        // On a host the real script publishes what it has tried. What the timer tries in vain is published as waiting.
        if self.config.scripts == Scripts::World && !missing && !(fails && by_timer) {
            self.publish_upload(instance, !fails, unplayable);
        }
        if fails {
            let message = "Please reduce your request rate.".to_owned();
            return Err(AwsError { code: "ServiceUnavailable", message, http_status: 503 });
        }
        self.keep_object(session, instance);
        self.note(Happening::UploadedLate { session: session.to_owned(), instance: instance.to_owned() });
        Ok(())
    }

    /// A recording is in the bucket, below its session and its instance: two instances may have parts of one session.
    pub(super) fn keep_object(&mut self, session: &str, instance: &str) {
        if self.config.audit.is_none() || self.config.scripts != Scripts::World {
            return;
        }
        let before = self.tally.objects.insert(object_key(session, instance), instance.to_owned());
        if let Some(other) = before.filter(|other| other != instance) {
            let detail = format!("the part of {session} from {instance} overwrites the one from {other}");
            self.breach(invariant::CUT, detail);
        }
    }

    pub(super) fn next_upload_fails(&mut self, id: &str) -> bool {
        let fails = self.upload_fails_now(id);
        if let Some(machine) = self.machines.get_mut(id).filter(|_| fails) {
            machine.jibri.upload_failed_at = self.now;
        }
        fails
    }

    fn upload_fails_now(&mut self, id: &str) -> bool {
        let jibri = self.machines.get_mut(id).map(|machine| &mut machine.jibri);
        let Some(jibri) = jibri.filter(|jibri| jibri.failing_uploads > 0 || jibri.finalize_missing) else {
            return self.befalls(self.config.rates.uploads_fail, "failed-uploads")
                || self.pending_incidents.take_failed_upload();
        };
        if jibri.failing_uploads != FOR_EVER {
            jibri.failing_uploads = jibri.failing_uploads.saturating_sub(1);
        }
        true
    }

    /// The last that `instance/finalize.sh` does, straight from the instance: what became of the recording, and with the
    /// last that waited, that none waits any more.
    pub(super) fn publish_upload(&mut self, id: &str, uploaded: bool, unplayable: bool) {
        let mut values = vec![(Metric::UploadedRecordings, uploaded), (Metric::RecordingsNotUploaded, !uploaded)];
        if uploaded {
            values.push((Metric::UnplayableRecordings, unplayable));
        }
        values.into_iter().for_each(|(metric, holds)| self.publish(metric, f64::from(u8::from(holds))));
        if uploaded && self.folders_on_disk(id).is_empty() {
            self.publish_waiting(0, 0);
        }
    }

    #[allow(clippy::cast_precision_loss, reason = "a few folders, and some days")]
    fn publish_waiting(&mut self, count: usize, oldest_ms: Milliseconds) {
        self.publish(Metric::RecordingsWaiting, count as f64);
        self.publish(Metric::OldestRecordingSeconds, (oldest_ms / 1000) as f64);
    }

    fn publish(&mut self, metric: Metric, value: f64) {
        let at = self.now;
        self.metrics.put(&[MetricView { namespace: NAMESPACE.into(), name: metric.name().into(), value, at }]);
    }
}
