//! Faults by their names, as the simulation of faults has them, each in full: what a person can let strike in a world that
//! runs. What lies between the functions and AWS, or in their invocations, is not of the world.

use super::{Failing, FaultRates, Happening, Incident, JicofoFault, Milliseconds, World};

/// Longer than a world is looked at.
const LASTS_MS: Milliseconds = 96 * 3_600_000;
const FIVE_MINUTES_MS: Milliseconds = 300_000;

/// What a fault of a name does.
#[derive(Clone, Debug)]
pub enum NamedFault {
    /// It happens once.
    Happens(Incident),
    /// It befalls each occasion.
    Befalls(fn(&mut FaultRates)),
}

/// The faults of the world, by name.
pub const NAMED_FAULTS: &[(&str, NamedFault)] = {
    use NamedFault::{Befalls, Happens};
    &[
        ("stale-group", Happens(Incident::GroupStale { for_ms: FIVE_MINUTES_MS })),
        ("stale-instances", Happens(Incident::InstancesStale { for_ms: FIVE_MINUTES_MS })),
        ("failed-launches", Befalls(|rates| rates.launches_die = 1.0)),
        ("unregistered-launches", Befalls(|rates| rates.never_registers = 1.0)),
        ("late-registrations", Befalls(|rates| rates.registers_late = 1.0)),
        ("insufficient-capacity", Happens(Incident::LaunchesFail { for_ms: LASTS_MS })),
        ("jibri-unhealthy", Happens(Incident::JibriUnhealthy)),
        ("jibri-expired", Happens(Incident::JibriExpires)),
        ("jibri-hung-busy", Happens(Incident::JibriNeverStops)),
        ("jibri-hung-finalizing", Happens(Incident::JibriHangsBusy)),
        ("jibri-dies", Happens(Incident::JibriDies)),
        ("failed-starts", Happens(Incident::NextStartsFail { count: 3 })),
        ("failed-uploads", Befalls(|rates| rates.uploads_fail = 1.0)),
        ("uploads-fail-for-ever", Happens(Incident::UploadsFailForEver)),
        ("ssm-offline", Happens(Incident::SsmOffline { for_ms: LASTS_MS })),
        ("lost-commands", Befalls(|rates| rates.commands_lost = 1.0)),
        ("failed-commands", Befalls(|rates| rates.commands_fail = 1.0)),
        ("late-answers", Befalls(|rates| rates.answers_late = 1.0)),
        ("empty-answers", Befalls(|rates| rates.answers_empty = 1.0)),
        ("cut-answers", Befalls(|rates| rates.answers_cut = 1.0)),
        ("jicofo-away", Happens(Incident::JicofoAway { for_ms: LASTS_MS, how: JicofoFault::Refuses })),
        ("jicofo-garbage", Happens(Incident::JicofoAway { for_ms: LASTS_MS, how: JicofoFault::Garbage })),
        ("jicofo-stale", Happens(Incident::JicofoStale { for_ms: FIVE_MINUTES_MS })),
        ("jicofo-restarts", Happens(Incident::JicofoRestarts)),
        ("spot-reclaim", Happens(Incident::SpotReclaim)),
        ("zone-rebalancing", Happens(Incident::ZoneRebalancing)),
        ("instance-refresh", Happens(Incident::InstanceRefresh)),
        ("health-replacement", Happens(Incident::HealthReplacement)),
        ("terminated-by-hand", Happens(Incident::TerminateBusyByHand)),
        ("terminated-in-ec2", Happens(Incident::TerminateEc2ByHand { busy: false })),
        ("desired-by-hand", Happens(Incident::LowerDesiredByHand { to: 0 })),
        ("maximum-lowered", Happens(Incident::MaxSizeByHand { to: 1 })),
        ("protection-removed", Happens(Incident::RemoveProtection)),
        ("hook-deleted", Happens(Incident::HookDeleted)),
        ("jibri-fails-from-launch", Happens(Incident::NextLaunchFails { count: 3 })),
        ("jibri-fails-later", Happens(Incident::JibriFails { how: Failing::Recording })),
        ("starts-refused", Happens(Incident::JibriFails { how: Failing::Start })),
        ("all-recordings-fail", Happens(Incident::AllRecordingsFail { for_ms: LASTS_MS })),
        ("prosody-restarts", Happens(Incident::ProsodyRestarts)),
        ("strangers", Happens(Incident::Strangers { count: 3, named: true, for_ms: LASTS_MS })),
        ("jibri-restarts-in-container", Happens(Incident::JibriCrashesInContainer)),
        ("stuck-busy", Happens(Incident::JibriStuck { ffmpeg: false })),
        ("stuck-recording", Happens(Incident::JibriStuck { ffmpeg: true })),
        ("finalize-missing", Happens(Incident::FinalizeMissing)),
        ("torn-recordings", Happens(Incident::NextRecordingsTorn { count: 3 })),
        ("empty-recordings", Happens(Incident::NextRecordingsEmpty { count: 3 })),
        ("launches-never-register", Happens(Incident::LaunchesNeverRegister { for_ms: LASTS_MS })),
        ("launches-cancelled", Happens(Incident::LaunchesCancelled { for_ms: LASTS_MS })),
    ]
};

/// The fault of this name.
///
/// # Errors
/// No fault of the world has this name; the error lists those that have one.
pub fn named_fault(name: &str) -> Result<&'static NamedFault, String> {
    NAMED_FAULTS.iter().find(|(known, _)| *known == name).map(|(_, fault)| fault).ok_or_else(|| {
        let names: Vec<&str> = NAMED_FAULTS.iter().map(|(name, _)| *name).collect();
        format!(
            "{name:?} is no fault of the world: it lies in the functions' calls or invocations, which are not made here, or there \
             is none of that name. There are {}",
            names.join(", ")
        )
    })
}

impl World {
    /// A fault strikes now.
    pub fn strike_by(&mut self, fault: &NamedFault) {
        match fault {
            NamedFault::Happens(incident) => self.cause(incident.clone()),
            NamedFault::Befalls(set) => {
                self.note(Happening::Incident { what: "something befalls each occasion from now on".into() });
                let mut rates = self.config.rates;
                set(&mut rates);
                self.set_rates(rates);
            }
        }
    }
}
