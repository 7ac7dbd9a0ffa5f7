//! What a world is made of.

use super::{Failing, Milliseconds, alarms::AlarmConfig, audit::AuditLimits, policies::PolicyConfig};
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
    /// `jibri.single-use-mode`: a Jibri is EXPIRED after its first recording.
    pub single_use: bool,
    /// How many Jicofos there are; every Jibri registers with each of them.
    pub jicofos: usize,
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

/// Something that goes wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Incident {
    /// The Jibri of the next launch never registers.
    NextLaunchNeverRegisters,
    /// EC2 has no capacity for so long.
    LaunchesFail {
        /// For how long, in milliseconds.
        for_ms: Milliseconds,
    },
    /// The next uploads fail.
    NextUploadsFail {
        /// How many.
        count: u32,
    },
    /// The next uploads from a busy instance on its way out fail.
    DrainingUploadsFail {
        /// How many.
        count: u32,
    },
    /// A person terminates the instance whose recording is the youngest through the group, to be replaced.
    TerminateBusyByHand,
    /// A person terminates an instance in the EC2 console: its machine ends at once.
    TerminateEc2ByHand {
        /// A busy one, or an idle one.
        busy: bool,
    },
    /// The next recordings do not start on the Jibri that Jicofo selects for them.
    NextStartsFail {
        /// How many.
        count: u32,
    },
    /// Jicofo's REST does not answer as it should.
    JicofoAway {
        /// For how long, in milliseconds.
        for_ms: Milliseconds,
        /// What it does instead.
        how: JicofoFault,
    },
    /// Jicofo restarts: its list is empty, and its counters are zero; the Jibris join again one by one.
    JicofoRestarts,
    /// Prosody restarts: Jicofo's list is empty, and the Jibris join again one by one, a second apart.
    ProsodyRestarts,
    /// Jibris of another owner are in the brewery.
    Strangers {
        /// How many.
        count: u32,
        /// Under names such as `jibri-1`, and not under instance ids.
        named: bool,
        /// For how long, in milliseconds.
        for_ms: Milliseconds,
    },
    /// An available Jibri begins to fail, for ever, and says IDLE and HEALTHY.
    JibriFails {
        /// How it fails.
        how: Failing,
    },
    /// The Jibris of the next launches fail each recording, and say IDLE and HEALTHY.
    NextLaunchFails {
        /// How many.
        count: u32,
    },
    /// A setting is wrong: each recording fails within a minute, on every Jibri.
    AllRecordingsFail {
        /// For how long, in milliseconds.
        for_ms: Milliseconds,
    },
    /// A Jibri crashes while it records, and its container starts it again at once.
    JibriCrashesInContainer,
    /// A Jibri that records says BUSY for ever, and Jicofo counts no session on it.
    JibriStuck {
        /// Whether its ffmpeg goes on.
        ffmpeg: bool,
    },
    /// The finalize script of an instance is not executable.
    FinalizeMissing,
    /// The mp4 of the next recordings cannot be played.
    NextRecordingsTorn {
        /// How many.
        count: u32,
    },
    /// The mp4 of the next recordings has no content.
    NextRecordingsEmpty {
        /// How many.
        count: u32,
    },
    /// The last of several Jicofos lists no Jibri.
    OneJicofoEmpty {
        /// For how long, in milliseconds.
        for_ms: Milliseconds,
    },
    /// No Jibri of a launch registers.
    LaunchesNeverRegister {
        /// For how long, in milliseconds.
        for_ms: Milliseconds,
    },
    /// Launches end as `Cancelled`: their volume's key may not be used.
    LaunchesCancelled {
        /// For how long, in milliseconds.
        for_ms: Milliseconds,
    },
    /// An idle Jibri becomes UNHEALTHY, for ever.
    JibriUnhealthy,
    /// A Jibri becomes EXPIRED, which Jicofo shows as busy for ever.
    JibriExpires,
    /// A busy Jibri's finalize script never ends.
    JibriHangsBusy,
    /// A recording never ends.
    JibriNeverStops,
    /// An idle Jibri's process ends.
    JibriDies,
    /// A busy Jibri's process ends: its recording stays on the disk as far as it came.
    JibriDiesBusy,
    /// No upload from a busy Jibri's disk succeeds any more.
    UploadsFailForEver,
    /// No agent hears SSM.
    SsmOffline {
        /// For how long, in milliseconds.
        for_ms: Milliseconds,
    },
    /// The next commands never arrive.
    LoseNextCommands {
        /// How many.
        count: u32,
    },
    /// The next scripts end with an error.
    NextCommandsFail {
        /// How many.
        count: u32,
    },
    /// The next scripts print nothing, and end well.
    NextAnswersEmpty {
        /// How many.
        count: u32,
    },
    /// A person takes the protection off every instance.
    RemoveProtection,
    /// A person deletes the group's hook.
    HookDeleted,
    /// The hook is there again, as it was.
    HookRestored,
    /// A person lowers the desired capacity.
    LowerDesiredByHand {
        /// To this.
        to: u32,
    },
    /// A person raises the desired capacity, within the maximum.
    RaiseDesiredByHand {
        /// By so many.
        by: u32,
    },
    /// A person sets the maximum; desired capacity follows if it must.
    MaxSizeByHand {
        /// To this.
        to: u32,
    },
    /// EC2 takes a spot instance back: its machine ends two minutes later, whatever it does.
    SpotReclaim,
    /// The group moves an instance to another Availability Zone: it launches one, and ends the one, protected or not.
    ZoneRebalancing,
    /// A person starts an instance refresh: every instance of today is replaced, one every three minutes.
    InstanceRefresh,
    /// The group ends an instance of its warm pool, which has never been in service: its hook holds it too.
    LeavesWarmPool,
    /// The group believes an instance unhealthy, and replaces it.
    HealthReplacement,
    /// The group is described as it is now.
    GroupStale {
        /// For how long, in milliseconds.
        for_ms: Milliseconds,
    },
    /// EC2 describes the group's instances as they are now.
    InstancesStale {
        /// For how long, in milliseconds.
        for_ms: Milliseconds,
    },
    /// Jicofo answers what is so now.
    JicofoStale {
        /// For how long, in milliseconds.
        for_ms: Milliseconds,
    },
    /// The last of several Jicofos does not answer as it should.
    OneJicofoAway {
        /// For how long, in milliseconds.
        for_ms: Milliseconds,
        /// What it does instead.
        how: JicofoFault,
    },
}

/// What a Jicofo does that does not answer as it should.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JicofoFault {
    /// Refuses connections.
    Refuses,
    /// Answers 500.
    Fails,
    /// Answers something that is no JSON.
    Garbage,
    /// Never answers.
    Hangs,
    /// `/stats` has no `jibri_detector`.
    WithoutDetector,
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
            single_use: false,
            jicofos: 1,
            audit: None,
        }
    }
}
