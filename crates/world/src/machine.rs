//! An EC2 instance of the group, with the Jibri on it.

use std::collections::BTreeMap;

use super::{Milliseconds, service::KNOWN_AFTER};

/// `LifecycleState` of the group:
/// <https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-lifecycle.html>.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lifecycle {
    Pending,
    InService,
    Terminating,
    TerminatingWait,
    TerminatingProceed,
    TerminatingRetained,
    /// No longer in the group.
    Gone,
}

impl Lifecycle {
    pub(super) fn name(self) -> &'static str {
        match self {
            Lifecycle::Pending => "Pending",
            Lifecycle::InService => "InService",
            Lifecycle::Terminating => "Terminating",
            Lifecycle::TerminatingWait => "Terminating:Wait",
            Lifecycle::TerminatingProceed => "Terminating:Proceed",
            Lifecycle::TerminatingRetained => "Terminating:Retained",
            Lifecycle::Gone => "Terminated",
        }
    }
}

/// What a Jibri's process does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Activity {
    /// Not started yet, or never: the port refuses.
    Down,
    Idle,
    /// Records the request of this index.
    Recording(usize),
    /// Its finalize script uploads the recording of this request.
    Finalizing(usize),
    /// It says BUSY for ever, and no session of Jicofo's is on it; its ffmpeg may still run.
    Stuck {
        ffmpeg: bool,
    },
    /// The process has exited: the port refuses.
    Exited,
}

/// How a Jibri fails that says IDLE and HEALTHY.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failing {
    /// It refuses each START.
    Start,
    /// It accepts each START, and fails within a minute: jibri's `ChromeHung`, `FailedToJoinCall`, `IceFailed` and
    /// `NoMediaReceived` concern the session, and not its health (selenium/Errors.kt:22).
    Recording,
}

/// A folder of a recording on the disk of an instance, which waits for its upload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Folder {
    /// Its name: Jicofo's session id, which another instance may have too.
    pub session: String,
    /// Its mp4 has no `moov`, and cannot be played: what a crash leaves (jibri issue 413).
    pub torn: bool,
    /// Its mp4 has no content.
    pub empty: bool,
    /// Since when it waits.
    pub since: Milliseconds,
    /// The finalize script could not upload it, and has moved it out of the directory that Jibri records to.
    pub aside: bool,
    /// How often the timer has tried it in vain, at most four times.
    pub tries: u32,
    /// When the timer tries it next.
    pub retry_at: Milliseconds,
}

impl Folder {
    /// One with a recording that can be played, where Jibri has recorded it.
    pub fn new(session: String, now: Milliseconds) -> Folder {
        Folder { session, torn: false, empty: false, since: now, aside: false, tries: 0, retry_at: now }
    }
}

/// The Jibri on an instance.
#[derive(Clone, Debug)]
pub(super) struct Jibri {
    pub(super) activity: Activity,
    pub(super) healthy: bool,
    pub(super) expired: bool,
    /// `gracefulShutdown` was accepted: nothing begins any more, and the process ends after what it does now.
    pub(super) leaving: bool,
    /// The marker of the drain script: nothing starts Jibri on this instance again.
    pub(super) start_forbidden: bool,
    /// Its finalize script never ends.
    pub(super) hung: bool,
    /// Its recording never ends.
    pub(super) never_stops: bool,
    /// Jicofo lists it. Its process may have ended a moment ago.
    pub(super) in_brewery: bool,
    /// Its process has ended, and Prosody keeps its place in the brewery: whether it said busy there last.
    pub(super) ghost: Option<bool>,
    /// Its container starts it again after a crash.
    pub(super) restarts: bool,
    pub(super) failing: Option<Failing>,
    /// When what it records now fails.
    pub(super) fails_at: Option<Milliseconds>,
    /// Whether ffmpeg runs before that.
    pub(super) fails_late: bool,
    /// How many recordings have failed on it since the last that did not, and when the second of them did.
    pub(super) failures: (u32, Option<Milliseconds>),
    /// The spells of failures that makes: when the last failure of each was.
    pub(super) failing_spells: Vec<Milliseconds>,
    /// Its finalize script is not there, or not executable.
    pub(super) finalize_missing: bool,
    /// When its finalize script last found a recording that can be played.
    pub(super) good_recording_at: Option<Milliseconds>,
    pub(super) last_failed_at: Option<Milliseconds>,
    pub(super) last_selected_at: Option<Milliseconds>,
    /// How many of its next uploads fail.
    pub(super) failing_uploads: u32,
    /// When an upload last failed.
    pub(super) upload_failed_at: Milliseconds,
    /// Folders that wait for their upload.
    pub(super) leftovers: Vec<Folder>,
    /// The timer that tries their upload is scheduled.
    pub(super) upload_timer: bool,
    pub(super) busy_since: Option<Milliseconds>,
    /// When it was busy last, before now.
    pub(super) busy_until: Option<Milliseconds>,
    /// When its process ended.
    pub(super) down_since: Option<Milliseconds>,
    /// When its process began.
    pub(super) up_since: Option<Milliseconds>,
}

impl Default for Jibri {
    /// Not started yet.
    fn default() -> Jibri {
        Jibri {
            activity: Activity::Down,
            healthy: true,
            expired: false,
            leaving: false,
            start_forbidden: false,
            hung: false,
            never_stops: false,
            in_brewery: false,
            ghost: None,
            restarts: false,
            failing: None,
            fails_at: None,
            fails_late: false,
            failures: (0, None),
            failing_spells: Vec::new(),
            finalize_missing: false,
            good_recording_at: None,
            last_failed_at: None,
            last_selected_at: None,
            failing_uploads: 0,
            upload_failed_at: 0,
            leftovers: Vec::new(),
            upload_timer: false,
            busy_since: None,
            busy_until: None,
            down_since: None,
            up_since: None,
        }
    }
}

impl Jibri {
    pub(super) fn is_up(&self) -> bool {
        !matches!(self.activity, Activity::Down | Activity::Exited)
    }

    pub(super) fn is_busy(&self) -> bool {
        matches!(self.activity, Activity::Recording(_) | Activity::Finalizing(_) | Activity::Stuck { .. })
    }

    /// Whether its process may still begin, or begin again.
    pub(super) fn may_start(&self) -> bool {
        self.restarts || self.activity == Activity::Down && !self.start_forbidden
    }

    /// Whether Jicofo lists it as available: healthy and idle as far as it said itself, before its process ended perhaps.
    pub(super) fn seems_available(&self) -> bool {
        let idle = match self.ghost {
            Some(busy) => !busy,
            None => self.activity == Activity::Idle,
        };
        // EXPIRED is never sent: the entry stays as it was, and that was busy.
        self.in_brewery && self.healthy && !self.expired && idle
    }

    /// Jicofo removes its entry: `JibriDetector.notifyInstanceOffline`.
    pub(super) fn leave_list(&mut self) {
        self.in_brewery = false;
        self.ghost = None;
        self.last_selected_at = None;
        self.last_failed_at = None;
    }

    /// A folder is left; the second part of a session lies in the folder of the first.
    pub(super) fn leave_folder(&mut self, folder: Folder) {
        match self.leftovers.iter_mut().find(|left| left.session == folder.session) {
            Some(left) => left.torn |= folder.torn,
            None => self.leftovers.push(folder),
        }
    }
}

/// The wait of a terminating hook.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct HookWait {
    pub(super) began_at: Milliseconds,
    /// The heartbeat time-out ends here.
    pub(super) deadline: Milliseconds,
    /// No heartbeat extends it beyond here.
    pub(super) limit: Milliseconds,
}

/// An EC2 instance.
#[derive(Clone, Debug)]
pub(super) struct Machine {
    pub(super) id: String,
    pub(super) zone: String,
    pub(super) launched_at: Milliseconds,
    /// The number of its launch in the group.
    pub(super) launch: u64,
    pub(super) in_service_at: Option<Milliseconds>,
    pub(super) ended_at: Option<Milliseconds>,
    /// When `DescribeInstances` begins to list it.
    pub(super) listed_at: Milliseconds,
    /// When its SSM agent registers.
    pub(super) ssm_at: Milliseconds,
    pub(super) lifecycle: Lifecycle,
    /// It is in the group's warm pool, or leaves it: `DescribeAutoScalingGroups` does not list it.
    pub(super) in_warm_pool: bool,
    pub(super) protected: bool,
    pub(super) template_version: u32,
    pub(super) tags: BTreeMap<String, String>,
    pub(super) wait: Option<HookWait>,
    pub(super) jibri: Jibri,
    pub(super) busy_ms: Milliseconds,
    /// What ends its machine past the autoscaler, which no function can prevent.
    pub(super) taken_by: Option<&'static str>,
    /// What told the group to end it.
    pub(super) ended_for: Option<&'static str>,
}

impl Machine {
    /// A machine that is launched now.
    pub(super) fn new(id: String, zone: String, now: Milliseconds) -> Machine {
        Machine {
            id,
            zone,
            launched_at: now,
            launch: 0,
            in_service_at: None,
            ended_at: None,
            listed_at: now,
            ssm_at: now,
            lifecycle: Lifecycle::Pending,
            in_warm_pool: false,
            protected: false,
            template_version: 0,
            tags: BTreeMap::new(),
            wait: None,
            jibri: Jibri::default(),
            busy_ms: 0,
            taken_by: None,
            ended_for: None,
        }
    }

    /// Whether `DescribeAutoScalingGroups` lists it:
    /// <https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-warm-pools.html>.
    pub(super) fn is_listed(&self) -> bool {
        self.lifecycle != Lifecycle::Gone && !self.in_warm_pool
    }

    pub(super) fn is_active(&self) -> bool {
        matches!(self.lifecycle, Lifecycle::Pending | Lifecycle::InService)
    }

    pub(super) fn exists(&self) -> bool {
        self.ended_at.is_none()
    }

    /// Whether it is available, and is not known to fail its recordings: one that fails may be ended for that, at any time.
    pub(super) fn can_serve(&self) -> bool {
        let (failures, _) = self.jibri.failures;
        // A start that it has refused, and that Jicofo remembers, may count for two.
        let refused = failures > 0 && self.jibri.last_failed_at.is_some();
        self.is_available() && failures < KNOWN_AFTER && !refused
    }

    /// Whether Jicofo would select it, and its Jibri would answer. Whether its recordings succeed is another matter.
    pub(super) fn is_available(&self) -> bool {
        let jibri = &self.jibri;
        self.exists()
            && jibri.in_brewery
            && jibri.healthy
            && !jibri.expired
            && !jibri.leaving
            && jibri.activity == Activity::Idle
    }

    pub(super) fn settle_busy(&mut self, now: Milliseconds) {
        if let Some(since) = self.jibri.busy_since.take() {
            self.jibri.busy_until = Some(now);
            self.busy_ms += now - since;
        }
    }
}
