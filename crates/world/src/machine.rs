//! An EC2 instance of the group, with the Jibri on it.

use std::collections::BTreeMap;

use super::Milliseconds;

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
    /// The process has exited: the port refuses.
    Exited,
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
    pub(super) in_brewery: bool,
    pub(super) last_failed_at: Option<Milliseconds>,
    pub(super) last_selected_at: Option<Milliseconds>,
    /// How many of its next uploads fail.
    pub(super) failing_uploads: u32,
    /// Folders of finished recordings whose upload failed.
    pub(super) leftovers: Vec<String>,
    pub(super) busy_since: Option<Milliseconds>,
    /// When it was busy last, before now.
    pub(super) busy_until: Option<Milliseconds>,
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
            last_failed_at: None,
            last_selected_at: None,
            failing_uploads: 0,
            leftovers: Vec::new(),
            busy_since: None,
            busy_until: None,
            up_since: None,
        }
    }
}

impl Jibri {
    pub(super) fn is_up(&self) -> bool {
        !matches!(self.activity, Activity::Down | Activity::Exited)
    }

    pub(super) fn is_busy(&self) -> bool {
        matches!(self.activity, Activity::Recording(_) | Activity::Finalizing(_))
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

    /// Whether a recording could begin on it, as far as Jicofo can know.
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
