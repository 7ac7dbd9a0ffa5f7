//! What goes wrong on purpose.

use super::{
    Due, Happening, HookConfig, Incident, Milliseconds, World,
    machine::{Activity, Lifecycle, Machine},
};

/// Incidents that wait for their occasion.
#[derive(Clone, Debug, Default)]
pub(super) struct PendingIncidents {
    unregistered: u32,
    failed_uploads: u32,
    failed_starts: u32,
    lost_commands: u32,
    failed_commands: u32,
    empty_answers: u32,
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
    /// Lets something go wrong now, as a scheduled incident does.
    pub fn cause(&mut self, incident: Incident) {
        self.note(Happening::Incident { what: format!("{incident:?}") });
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
            Incident::JibriDies => {
                if let Some(id) = self.find(|machine| machine.jibri.activity == Activity::Idle) {
                    self.exit_jibri(&id);
                }
            }
            Incident::SsmOffline { for_ms } => self.pending_incidents.ssm_offline_until = self.now + for_ms,
            Incident::LoseNextCommands { count } => self.pending_incidents.lost_commands += count,
            Incident::NextCommandsFail { count } => self.pending_incidents.failed_commands += count,
            Incident::NextAnswersEmpty { count } => self.pending_incidents.empty_answers += count,
            Incident::RemoveProtection => {
                self.machines.values_mut().for_each(|machine| machine.protected = false);
                self.schedule(self.now, Due::Reconcile);
            }
            Incident::HookDeleted => self.delete_hook(),
            Incident::HookRestored => {
                let hook = self.pending_incidents.deleted_hook.take();
                self.config.hook = hook.or(self.config.hook.take());
            }
            Incident::LowerDesiredByHand { to } => self.change_desired(to.max(self.group.min_size), "a person"),
        }
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

    pub(super) fn jicofo_comes_back(&mut self) {
        if self.jicofo.away.is_some_and(|(until, _)| until <= self.now) {
            self.jicofo.away = None;
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

    /// Jicofo forgets everything; each Jibri joins again within some seconds.
    fn restart_jicofo(&mut self) {
        const REJOIN_SECONDS: f64 = 15.0;
        self.jicofo.failures_since_restart = 0;
        let mut listed = Vec::new();
        for machine in self.machines.values_mut().filter(|machine| machine.jibri.in_brewery) {
            machine.jibri.in_brewery = false;
            machine.jibri.last_selected_at = None;
            machine.jibri.last_failed_at = None;
            listed.push(machine.id.clone());
        }
        for id in listed {
            let after_ms = self.draw_up_to(REJOIN_SECONDS);
            self.schedule(self.now + 1 + after_ms, Due::Rejoin(id));
        }
    }
}
