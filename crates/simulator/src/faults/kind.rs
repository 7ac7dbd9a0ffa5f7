//! Every fault that can be injected, by name.

use std::fmt;

macro_rules! kinds {
    ($($(#[doc = $doc:literal])+ $variant:ident = $name:literal,)+) => {
        /// A fault.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum FaultKind {
            $($(#[doc = $doc])+ $variant,)+
        }

        impl FaultKind {
            /// Every fault.
            pub const ALL: [FaultKind; [$($name),+].len()] = [$(FaultKind::$variant),+];

            /// Its name on the command line.
            pub fn name(self) -> &'static str {
                match self {
                    $(FaultKind::$variant => $name,)+
                }
            }

            /// What happens, in a sentence.
            pub fn description(self) -> &'static str {
                match self {
                    $(FaultKind::$variant => concat!($($doc),+).trim_ascii(),)+
                }
            }
        }
    };
}

kinds! {
    /// AWS refuses calls for their rate.
    ThrottledCalls = "throttled-calls",
    /// AWS answers calls with an error of its own, and does nothing.
    FailedCalls = "failed-calls",
    /// Calls are given up that never took effect.
    CallsTimedOutBefore = "calls-timed-out-before",
    /// Calls are given up that did take effect.
    CallsTimedOutAfter = "calls-timed-out-after",
    /// The group is described as it was some minutes ago.
    StaleGroup = "stale-group",
    /// EC2 describes the instances as they were some minutes ago.
    StaleInstances = "stale-instances",
    /// Nothing gets through between the functions and AWS, for up to an hour.
    NetworkCut = "network-cut",
    /// Invocations and lifecycle events never arrive.
    LostEvents = "lost-events",
    /// Lifecycle events come twice.
    DoubledEvents = "doubled-events",
    /// Lifecycle events come up to ten minutes late, and in another order.
    LateEvents = "late-events",
    /// Functions are killed between any two calls.
    KilledFunctions = "killed-functions",
    /// Functions run twice at once.
    DoubledFunctions = "doubled-functions",
    /// A function is not invoked for minutes.
    SkippedFunctions = "skipped-functions",
    /// The functions' clocks differ by up to a minute.
    ClockSkew = "clock-skew",
    /// Machines end before they are in service.
    FailedLaunches = "failed-launches",
    /// Jibris of new instances never register.
    UnregisteredLaunches = "unregistered-launches",
    /// Jibris of new instances take five times as long to register.
    LateRegistrations = "late-registrations",
    /// EC2 has no capacity for a while.
    InsufficientCapacity = "insufficient-capacity",
    /// A Jibri becomes UNHEALTHY.
    JibriUnhealthy = "jibri-unhealthy",
    /// A Jibri becomes EXPIRED.
    JibriExpired = "jibri-expired",
    /// A recording never stops.
    JibriHungBusy = "jibri-hung-busy",
    /// A finalize script never ends.
    JibriHungFinalizing = "jibri-hung-finalizing",
    /// A Jibri's process ends, busy or idle.
    JibriDies = "jibri-dies",
    /// Recordings do not start on the Jibri that Jicofo selects.
    FailedStarts = "failed-starts",
    /// Uploads fail now and then.
    FailedUploads = "failed-uploads",
    /// No upload of an instance ever succeeds.
    UploadsFailForEver = "uploads-fail-for-ever",
    /// No agent hears SSM for a while.
    SsmOffline = "ssm-offline",
    /// SSM agents register up to ten minutes after the launch.
    SsmRegistersLate = "ssm-registers-late",
    /// Commands never arrive.
    LostCommands = "lost-commands",
    /// Scripts end with an error.
    FailedCommands = "failed-commands",
    /// Scripts answer up to ten minutes late.
    LateAnswers = "late-answers",
    /// Scripts print nothing, and end well.
    EmptyAnswers = "empty-answers",
    /// SSM keeps only a part of what scripts print.
    CutAnswers = "cut-answers",
    /// Jicofo refuses, fails, hangs or has no detector, for up to two hours.
    JicofoAway = "jicofo-away",
    /// Jicofo answers garbage for a while.
    JicofoGarbage = "jicofo-garbage",
    /// Jicofo answers what was so some minutes ago.
    JicofoStale = "jicofo-stale",
    /// Jicofo restarts with an empty list.
    JicofoRestarts = "jicofo-restarts",
    /// One of two Jicofos does not answer as it should.
    OneJicofoAway = "one-jicofo-away",
    /// EC2 takes spot instances back, after their two minutes.
    SpotReclaim = "spot-reclaim",
    /// The group moves instances between zones.
    ZoneRebalancing = "zone-rebalancing",
    /// A person starts an instance refresh.
    InstanceRefresh = "instance-refresh",
    /// The group replaces instances that it believes unhealthy.
    HealthReplacement = "health-replacement",
    /// A person terminates busy instances through the group.
    TerminatedByHand = "terminated-by-hand",
    /// A person terminates instances in the EC2 console.
    TerminatedInEc2 = "terminated-in-ec2",
    /// A person lowers or raises the desired capacity.
    DesiredByHand = "desired-by-hand",
    /// A person lowers the maximum under what is running, for a while.
    MaximumLowered = "maximum-lowered",
    /// A person takes the protection off every instance.
    ProtectionRemoved = "protection-removed",
    /// A person deletes the group's hook, and puts it back later.
    HookDeleted = "hook-deleted",
    /// CloudWatch refuses metrics.
    MetricsRefused = "metrics-refused",
    /// EC2 refuses tags.
    TagsRefused = "tags-refused",
    /// SSM refuses every command in the account.
    CommandsRefused = "commands-refused",
    /// The parameter store is down.
    ParametersRefused = "parameters-refused",
    /// The functions' roles may do nothing any more, for up to an hour.
    RolesRemoved = "roles-removed",
    /// Jibris of new instances say IDLE and HEALTHY, and fail each recording within a minute, for ever.
    JibriFailsFromLaunch = "jibri-fails-from-launch",
    /// A Jibri that has waited begins to fail each recording within a minute, for ever.
    JibriFailsLater = "jibri-fails-later",
    /// A Jibri refuses each START, for ever, and says IDLE and HEALTHY.
    StartsRefused = "starts-refused",
    /// A setting is wrong: every Jibri fails each recording within a minute, for up to two hours.
    AllRecordingsFail = "all-recordings-fail",
    /// Prosody restarts: Jicofo's list empties, and the Jibris join again one by one, a second apart.
    ProsodyRestarts = "prosody-restarts",
    /// Jibris of other owners are in the brewery, under instance ids or under names, for up to four hours.
    Strangers = "strangers",
    /// A Jibri crashes while it records; its container starts it again at once, and the folder stays.
    JibriRestartsInContainer = "jibri-restarts-in-container",
    /// A Jibri says BUSY for ever, without an ffmpeg and without a session of Jicofo's.
    StuckBusy = "stuck-busy",
    /// A Jibri says BUSY for ever, its ffmpeg runs, and Jicofo counts no session on it.
    StuckRecording = "stuck-recording",
    /// The finalize script of an instance is not executable: its recordings stay on its disk.
    FinalizeMissing = "finalize-missing",
    /// Recordings end without a `moov`: they cannot be played.
    TornRecordings = "torn-recordings",
    /// Recordings end without any content.
    EmptyRecordings = "empty-recordings",
    /// One of two Jicofos lists no Jibri, for up to an hour.
    OneJicofoEmpty = "one-jicofo-empty",
    /// A Jibri becomes EXPIRED after each recording: `single-use-mode`, all day.
    SingleUseMode = "single-use-mode",
    /// No launched Jibri registers, for up to three hours.
    LaunchesNeverRegister = "launches-never-register",
    /// Launches end as `Cancelled`, since a key may not be used, for up to an hour.
    LaunchesCancelled = "launches-cancelled",
}

impl fmt::Display for FaultKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

impl std::str::FromStr for FaultKind {
    type Err = String;

    fn from_str(name: &str) -> Result<FaultKind, String> {
        FaultKind::ALL.into_iter().find(|kind| kind.name() == name).ok_or_else(|| {
            let names: Vec<&str> = FaultKind::ALL.iter().map(|kind| kind.name()).collect();
            format!("fault is {name:?}, and must be one of {}", names.join(", "))
        })
    }
}
