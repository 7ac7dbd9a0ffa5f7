//! What can go wrong at a moment of one's choice; `incidents.rs` is what each brings about.

use super::{Failing, Milliseconds};

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
