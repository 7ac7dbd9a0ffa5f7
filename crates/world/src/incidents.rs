//! What goes wrong on purpose.

use super::{
    Due, FaultRates, Happening, HookConfig, Incident, Milliseconds, World,
    jibri::FOR_EVER,
    machine::{Activity, Lifecycle, Machine},
};

/// From the notice of a spot interruption to the end of the machine, in milliseconds:
/// <https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/spot-instance-termination-notices.html>.
const SPOT_NOTICE_MS: Milliseconds = 120_000;
/// From one instance of an instance refresh to the next, in milliseconds.
const REFRESH_MS: Milliseconds = 180_000;

/// Incidents that wait for their occasion.
#[derive(Clone, Debug, Default)]
pub(super) struct PendingIncidents {
    unregistered: u32,
    failed_uploads: u32,
    failed_starts: u32,
    lost_commands: u32,
    failed_commands: u32,
    empty_answers: u32,
    failing_launches: u32,
    torn_recordings: u32,
    empty_recordings: u32,
    /// Every recording fails: a setting is wrong.
    pub(super) recordings_fail_until: Milliseconds,
    /// No launch registers.
    pub(super) unregistered_until: Milliseconds,
    /// Launches are cancelled.
    pub(super) cancelled_until: Milliseconds,
    pub(super) deleted_hook: Option<HookConfig>,
    pub(super) no_capacity_until: Milliseconds,
    pub(super) ssm_offline_until: Milliseconds,
}

impl PendingIncidents {
    pub(super) fn take_unregistered(&mut self) -> bool {
        take(&mut self.unregistered)
    }

    pub(super) fn take_failed_upload(&mut self) -> bool {
        take(&mut self.failed_uploads)
    }

    pub(super) fn take_failed_start(&mut self) -> bool {
        take(&mut self.failed_starts)
    }

    pub(super) fn take_lost_command(&mut self) -> bool {
        take(&mut self.lost_commands)
    }

    pub(super) fn take_failed_command(&mut self) -> bool {
        take(&mut self.failed_commands)
    }

    pub(super) fn take_failing_launch(&mut self) -> bool {
        take(&mut self.failing_launches)
    }

    pub(super) fn take_torn(&mut self) -> bool {
        take(&mut self.torn_recordings)
    }

    pub(super) fn take_empty(&mut self) -> bool {
        take(&mut self.empty_recordings)
    }

    pub(super) fn take_empty_answer(&mut self) -> bool {
        take(&mut self.empty_answers)
    }
}

fn take(count: &mut u32) -> bool {
    let some = *count > 0;
    *count = count.saturating_sub(1);
    some
}

impl World {
    /// What is stopped in a warm pool has never run a Jibri, and starts none before it is in service.
    fn leave_warm_pool(&mut self) {
        let id = format!("i-{:017x}", 0xaaaa_0000_0000_0000_u64 | self.tally.drains);
        let zone = self.config.zones.first().cloned().unwrap_or_default();
        let mut machine = Machine { in_warm_pool: true, ..Machine::new(id.clone(), zone, self.now) };
        machine.jibri.start_forbidden = true;
        self.machines.insert(id.clone(), machine);
        self.begin_hook(&id);
    }

    /// Lets something go wrong now, as a scheduled incident does.
    pub fn cause(&mut self, incident: Incident) {
        self.note(Happening::Incident { what: format!("{incident:?}") });
        self.audit_change();
        match incident {
            Incident::NextLaunchNeverRegisters => self.pending_incidents.unregistered += 1,
            Incident::LaunchesFail { for_ms } => self.pending_incidents.no_capacity_until = self.now + for_ms,
            Incident::NextUploadsFail { count } => self.pending_incidents.failed_uploads += count,
            Incident::DrainingUploadsFail { count } => self.change(
                |machine| !machine.is_active() && machine.jibri.is_busy(),
                |machine| machine.jibri.failing_uploads = count,
            ),
            Incident::TerminateBusyByHand => {
                let busy = self.machines.values().filter(|machine| {
                    machine.lifecycle == Lifecycle::InService
                        && matches!(machine.jibri.activity, Activity::Recording(_))
                });
                let newest =
                    busy.max_by_key(|machine| machine.jibri.last_selected_at).map(|machine| machine.id.clone());
                if let Some(id) = newest {
                    self.begin_terminating(&id, "a person");
                    self.schedule(self.now, Due::Reconcile);
                }
            }
            Incident::TerminateEc2ByHand { busy } => {
                if let Some(id) = self.find(|machine| machine.is_active() && machine.jibri.is_busy() == busy) {
                    self.terminate_ec2_instance(&id);
                }
            }
            Incident::JicofoAway { for_ms, how } => {
                self.audit_silence();
                self.jicofo.away = Some((self.now + for_ms, how));
                self.schedule(self.now + for_ms, Due::JicofoBack);
            }
            Incident::NextStartsFail { count } => self.pending_incidents.failed_starts += count,
            Incident::JicofoRestarts => self.restart_jicofo(),
            Incident::JibriUnhealthy => {
                self.change(|machine| machine.is_available(), |machine| machine.jibri.healthy = false);
            }
            Incident::JibriExpires => {
                self.change(|machine| machine.is_available(), |machine| machine.jibri.expired = true);
            }
            Incident::JibriHangsBusy => {
                self.change(|machine| machine.jibri.is_busy(), |machine| machine.jibri.hung = true);
            }
            Incident::JibriNeverStops => self.change(
                |machine| matches!(machine.jibri.activity, Activity::Recording(_)),
                |machine| machine.jibri.never_stops = true,
            ),
            Incident::UploadsFailForEver => {
                self.change(|machine| machine.jibri.is_busy(), |machine| machine.jibri.failing_uploads = FOR_EVER);
            }
            Incident::JibriDiesBusy => {
                if let Some(id) = self.find(|machine| machine.jibri.is_busy()) {
                    self.exit_jibri(&id);
                }
            }
            Incident::JibriDies => {
                if let Some(id) = self.find(|machine| machine.jibri.activity == Activity::Idle) {
                    self.exit_jibri(&id);
                }
            }
            Incident::JibriFails { how } => {
                // The one that Jicofo takes next: a bad Jibri that is never taken does no harm.
                let works = |id: &String| self.machines.get(id).is_some_and(|machine| machine.jibri.failing.is_none());
                let next = self.select_jibri(0).filter(works);
                self.change(
                    |machine| {
                        machine.is_available()
                            && machine.jibri.failing.is_none()
                            && next.as_ref().is_none_or(|id| machine.id == *id)
                    },
                    |machine| machine.jibri.failing = Some(how),
                );
            }
            Incident::NextLaunchFails { count } => self.pending_incidents.failing_launches += count,
            Incident::AllRecordingsFail { for_ms } => {
                self.pending_incidents.recordings_fail_until = self.now + for_ms;
            }
            Incident::ProsodyRestarts => self.restart_prosody(),
            Incident::Strangers { count, named, for_ms } => self.admit_strangers(count, named, for_ms),
            Incident::JibriCrashesInContainer => {
                if let Some(id) = self.find(|machine| matches!(machine.jibri.activity, Activity::Recording(_))) {
                    self.crash_in_container(&id);
                }
            }
            Incident::JibriStuck { ffmpeg } => {
                if let Some(id) = self.find(|machine| matches!(machine.jibri.activity, Activity::Recording(_))) {
                    self.get_stuck(&id, ffmpeg);
                }
            }
            Incident::FinalizeMissing => {
                self.change(
                    |machine| machine.jibri.is_up() && !machine.jibri.finalize_missing,
                    |machine| machine.jibri.finalize_missing = true,
                );
            }
            Incident::NextRecordingsTorn { count } => self.pending_incidents.torn_recordings += count,
            Incident::NextRecordingsEmpty { count } => self.pending_incidents.empty_recordings += count,
            Incident::OneJicofoEmpty { for_ms } => self.jicofo.last_empty_until = self.now + for_ms,
            Incident::LaunchesNeverRegister { for_ms } => {
                self.pending_incidents.unregistered_until = self.now + for_ms;
            }
            Incident::LaunchesCancelled { for_ms } => self.pending_incidents.cancelled_until = self.now + for_ms,
            Incident::SsmOffline { for_ms } => self.pending_incidents.ssm_offline_until = self.now + for_ms,
            Incident::LoseNextCommands { count } => self.pending_incidents.lost_commands += count,
            Incident::NextCommandsFail { count } => self.pending_incidents.failed_commands += count,
            Incident::NextAnswersEmpty { count } => self.pending_incidents.empty_answers += count,
            Incident::RemoveProtection => {
                self.machines.values_mut().for_each(|machine| machine.protected = false);
                self.schedule(self.now, Due::Reconcile);
            }
            Incident::LowerDesiredByHand { to } => {
                self.change_desired(to.clamp(self.group.min_size, self.group.max_size), "a person");
            }
            Incident::RaiseDesiredByHand { by } => {
                self.change_desired((self.group.desired + by).min(self.group.max_size), "a person");
            }
            Incident::MaxSizeByHand { to } => self.set_max_size(to.max(self.group.min_size)),
            Incident::SpotReclaim => {
                if let Some(id) = self.draw_member() {
                    self.schedule(self.now + SPOT_NOTICE_MS, Due::SpotEnds(id));
                }
            }
            Incident::ZoneRebalancing => self.end_a_member("zone rebalancing"),
            Incident::HealthReplacement => self.end_a_member("health check"),
            Incident::LeavesWarmPool => self.leave_warm_pool(),
            Incident::InstanceRefresh => {
                self.publish_launch_template();
                self.refresh_one(self.group.template_version);
            }
            Incident::GroupStale { for_ms } => self.freeze_group(for_ms),
            Incident::InstancesStale { for_ms } => self.freeze_instances(for_ms),
            Incident::JicofoStale { for_ms } => self.freeze_jicofo(for_ms),
            Incident::OneJicofoAway { for_ms, how } => self.jicofo.last_away = Some((self.now + for_ms, how)),
            Incident::HookDeleted => self.delete_hook(),
            Incident::HookRestored => self.restore_hook(),
        }
    }

    /// Whatever goes wrong for a while ends now, strangers go, and what people have set wrong they mend. What has
    /// happened to single Jibris stays.
    pub fn end_incidents(&mut self) {
        self.restore_hook();
        self.pending_incidents = PendingIncidents::default();
        self.jicofo.last_away = None;
        self.jicofo.last_empty_until = self.now;
        self.jicofo.strangers.clear();
        self.machines.values_mut().for_each(|machine| machine.jibri.finalize_missing = false);
        self.tally.uploads_possible_since = self.now;
        if let Some((until, _)) = &mut self.jicofo.away {
            *until = self.now;
        }
        self.jicofo_comes_back();
    }

    fn restore_hook(&mut self) {
        let hook = self.pending_incidents.deleted_hook.take();
        self.config.hook = hook.or(self.config.hook.take());
    }

    /// Changes how often what goes wrong, from now on.
    pub fn set_rates(&mut self, rates: FaultRates) {
        if self.config.rates.uploads_fail > rates.uploads_fail {
            self.tally.uploads_possible_since = self.now;
        }
        self.config.rates = rates;
    }

    /// Lowers or raises the group's maximum, as a person does; desired capacity follows if it must.
    pub fn set_max_size(&mut self, max_size: u32) {
        self.group.max_size = max_size;
        self.change_desired(self.group.desired.min(max_size), "a person");
    }

    /// The group launches from a new version of its launch template from now on.
    pub fn publish_launch_template(&mut self) {
        self.group.template_version += 1;
    }

    /// Any instance of the group that is not on its way out.
    fn draw_member(&mut self) -> Option<String> {
        let active: Vec<&String> = self
            .machines
            .values()
            .filter(|machine| machine.exists() && machine.is_active())
            .map(|one| &one.id)
            .collect();
        let drawn = self.rng.below(u64::try_from(active.len()).unwrap_or(0));
        active.get(usize::try_from(drawn).unwrap_or(0)).map(|id| (*id).clone())
    }

    /// The group ends one of its instances by itself, and launches another in its place.
    fn end_a_member(&mut self, cause: &'static str) {
        if let Some(id) = self.draw_member() {
            self.begin_terminating(&id, cause);
            self.schedule(self.now, Due::Reconcile);
        }
    }

    /// An instance refresh goes on, until none is older than this version.
    pub(super) fn refresh_one(&mut self, version: u32) {
        let old = |machine: &Machine| machine.is_active() && machine.template_version < version;
        if let Some(id) = self.find(old) {
            self.begin_terminating(&id, "instance refresh");
            self.schedule(self.now, Due::Reconcile);
            self.schedule(self.now + REFRESH_MS, Due::Refresh(version));
        }
    }

    /// The machine ends past the group and the autoscaler.
    pub(super) fn take_machine(&mut self, id: &str, by: &'static str) {
        if let Some(machine) = self.machines.get_mut(id) {
            machine.taken_by = Some(by);
        }
        self.end_machine(id);
    }

    pub(super) fn jicofo_comes_back(&mut self) {
        if self.jicofo.away.is_some_and(|(until, _)| until <= self.now) {
            self.jicofo.away = None;
            self.jicofo.back_at = Some(self.now);
            self.note(Happening::Incident { what: "JicofoBack".into() });
        }
    }

    pub(super) fn strike(&mut self, index: usize) {
        let (_, incident) = self.config.incidents[index].clone();
        self.cause(incident);
    }

    fn find(&self, wanted: impl Fn(&Machine) -> bool) -> Option<String> {
        self.machines.values().find(|machine| machine.exists() && wanted(machine)).map(|machine| machine.id.clone())
    }

    fn change(&mut self, wanted: impl Fn(&Machine) -> bool, change: impl Fn(&mut Machine)) {
        if let Some(machine) = self.machines.values_mut().find(|machine| machine.exists() && wanted(machine)) {
            change(machine);
        }
    }
}
