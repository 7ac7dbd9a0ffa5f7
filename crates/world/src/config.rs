//! What a world is made of.

use super::{Incident, Milliseconds, alarms::AlarmConfig, audit::AuditLimits, policies::PolicyConfig};
use crate::demand::Request;

/// The namespace under which every metric is kept.
pub const NAMESPACE: &str = "JibriAutoscaler";

/// A world.
#[derive(Clone, Debug)]
pub struct WorldConfig {
    /// Decides everything that is left to chance.
    pub seed: u64,
    /// When the world begins.
    pub start: Milliseconds,
    /// The group's name.
    pub group_name: String,
    /// The group's own tags, which each instance gets at its launch.
    pub group_tags: Vec<(String, String)>,
    /// The group's Availability Zones.
    pub zones: Vec<String>,
    /// `MinSize`.
    pub min_size: u32,
    /// `MaxSize`.
    pub max_size: u32,
    /// `DesiredCapacity` at the start.
    pub desired_capacity: u32,
    /// `NewInstancesProtectedFromScaleIn`.
    pub new_instances_protected: bool,
    /// The terminating hook.
    pub hook: Option<HookConfig>,
    /// The instance lifecycle policy `RetentionTriggers: TerminateHookAbandon: retain`.
    pub retain_abandoned: bool,
    /// How launches go.
    pub launch: LaunchConfig,
    /// How SSM behaves.
    pub ssm: SsmConfig,
    /// The longest that Jibri's finalize script takes, in seconds; a recording's duration includes it.
    pub finalize_seconds: u32,
    /// The name of the check document.
    pub check_document: String,
    /// The name of the drain document.
    pub drain_document: String,
    /// What runs the documents' script.
    pub scripts: Scripts,
    /// CloudWatch alarms.
    pub alarms: Vec<AlarmConfig>,
    /// The group's scaling policies, which alarms refer to by name.
    pub policies: Vec<PolicyConfig>,
    /// The requests for recordings, in order of time.
    pub demand: Vec<Request>,
    /// What goes wrong when.
    pub incidents: Vec<(Milliseconds, Incident)>,
    /// How often what goes wrong.
    pub rates: FaultRates,
    /// Whether the instances' timer tries again, in service, to upload what waits.
    pub uploads_retried: bool,
    /// `jibri.single-use-mode`: a Jibri is EXPIRED after its first recording.
    pub single_use: bool,
    /// How many Jicofos there are; every Jibri registers with each of them.
    pub jicofos: usize,
    /// Instead, every Jibri registers with one of the Jicofos alone, in turn, as where one name stands for several addresses.
    pub own_jibris: bool,
    /// What the functions are held to, for a world that is to find out whether they keep it.
    pub audit: Option<AuditLimits>,
}

/// How often things go wrong by themselves: the share of the occasions.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct FaultRates {
    /// AWS refuses a call for its rate.
    pub throttled_calls: f64,
    /// The machine of a launch ends before it is in service.
    pub launches_die: f64,
    /// The Jibri of a launch never registers.
    pub never_registers: f64,
    /// The Jibri of a launch takes five times as long to register.
    pub registers_late: f64,
    /// A command never arrives.
    pub commands_lost: f64,
    /// A script ends with an error.
    pub commands_fail: f64,
    /// A script takes up to ten minutes.
    pub answers_late: f64,
    /// A script prints nothing, and ends well.
    pub answers_empty: f64,
    /// SSM keeps only a part of what a script printed.
    pub answers_cut: f64,
    /// An upload fails.
    pub uploads_fail: f64,
}

/// A terminating lifecycle hook.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HookConfig {
    /// `LifecycleHookName`.
    pub name: String,
    /// `HeartbeatTimeout`, in seconds.
    pub heartbeat_timeout_seconds: u32,
    /// Whether `DefaultResult` is `CONTINUE`; else it is `ABANDON`.
    pub default_continues: bool,
}

/// How launches go. Times are drawn log-normally around their median.
#[derive(Clone, Debug, PartialEq)]
pub struct LaunchConfig {
    /// From launch to `InService`, in seconds.
    pub in_service_seconds: f64,
    /// From launch to the Jibri's registration with Jicofo, in seconds.
    pub boot_seconds: f64,
    /// The standard deviation of the boot time's logarithm.
    pub boot_sigma: f64,
    /// By how much `DescribeInstances` lags behind, in seconds at most.
    pub describe_lag_seconds: f64,
}

/// How SSM behaves.
#[derive(Clone, Debug, PartialEq)]
pub struct SsmConfig {
    /// From launch to the agent's registration, in seconds at most.
    pub registration_seconds: f64,
    /// From `SendCommand` to the start of the script, in seconds at most.
    pub delivery_seconds: f64,
    /// How long the script takes, in seconds at most, when the world runs it.
    pub execution_seconds: f64,
}

/// What runs the documents' script.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scripts {
    /// The world runs its own model of `instance/jibri_drain.py`.
    World,
    /// A host takes [`super::ScriptRun`]s and runs the real one.
    Host,
}

impl WorldConfig {
    /// Both documents' names.
    pub fn documents(&self) -> Vec<String> {
        vec![self.check_document.clone(), self.drain_document.clone()]
    }

    pub(super) fn validate(&self) -> Result<(), String> {
        let ordered = self.demand.windows(2).all(|pair| pair[0].at <= pair[1].at);
        let known = |name: &String| self.policies.iter().any(|policy| policy.name() == name);
        let checks = [
            (!self.zones.is_empty(), "zones is empty: a group needs one"),
            (self.min_size <= self.desired_capacity, "desired_capacity is under min_size"),
            (self.desired_capacity <= self.max_size, "desired_capacity is over max_size"),
            (ordered, "demand is not in order of time"),
            (self.jicofos > 0, "jicofos is 0: at least one must select the Jibris"),
            (
                self.hook.as_ref().is_none_or(|hook| (30..=7200).contains(&hook.heartbeat_timeout_seconds)),
                "heartbeat_timeout_seconds is outside of 30 to 7200",
            ),
            (
                self.alarms.iter().filter_map(|alarm| alarm.policy.as_ref()).all(known),
                "an alarm names a policy that is not there",
            ),
            (self.alarms.iter().all(AlarmConfig::is_valid), "an alarm has a period or a number of periods of zero"),
        ];
        match checks.iter().find(|(holds, _)| !holds) {
            Some((_, problem)) => Err((*problem).to_owned()),
            None => Ok(()),
        }
    }
}

impl Default for WorldConfig {
    /// A small pool as the template deploys it: empty, no demand, nothing goes wrong.
    fn default() -> Self {
        WorldConfig {
            seed: 1,
            start: 1_767_571_200_000,
            group_name: "jibri".into(),
            group_tags: vec![("jibri-autoscaler:group".into(), "jibri".into())],
            zones: vec!["eu-central-1a".into(), "eu-central-1b".into(), "eu-central-1c".into()],
            min_size: 0,
            max_size: 100,
            desired_capacity: 0,
            new_instances_protected: true,
            hook: Some(HookConfig {
                name: "jibri-drain".into(),
                heartbeat_timeout_seconds: 7200,
                default_continues: false,
            }),
            retain_abandoned: true,
            launch: LaunchConfig {
                in_service_seconds: 15.0,
                boot_seconds: 150.0,
                boot_sigma: 0.15,
                describe_lag_seconds: 4.0,
            },
            ssm: SsmConfig { registration_seconds: 120.0, delivery_seconds: 2.0, execution_seconds: 2.0 },
            finalize_seconds: 90,
            check_document: "jibri-check".into(),
            drain_document: "jibri-drain".into(),
            scripts: Scripts::World,
            alarms: Vec::new(),
            policies: Vec::new(),
            demand: Vec::new(),
            incidents: Vec::new(),
            rates: FaultRates::default(),
            uploads_retried: true,
            single_use: false,
            jicofos: 1,
            own_jibris: false,
            audit: None,
        }
    }
}
