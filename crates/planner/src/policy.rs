//! What the operator wants, as plain numbers with their units.

/// The operator's settings, as far as planning needs them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// How long a Jibri must have been idle before it may go (`IDLE_COUNT_THRESHOLD`, in minutes there).
    pub idle_seconds: u64,
    /// How long a launch may take until Jicofo lists its Jibri; then it no longer counts.
    pub boot_grace_seconds: u64,
    /// How many instances one tick may terminate.
    pub terminations_per_tick: u32,
    /// How long a drain may take; then the instance is retained and reported.
    pub drain_limit_seconds: u64,
    /// For how long a check counts as evidence.
    pub check_validity_seconds: u64,
    /// After how long a drain command that has not ended no longer keeps another from being sent.
    pub command_lost_seconds: u64,
    /// How long Jicofo must be silent before the pool grows blindly, to the target at most.
    pub signal_grace_seconds: u64,
    /// How long a Jibri may be busy before it is asked whether it still is.
    pub busy_suspicion_seconds: u64,
    /// Scale-out is switched off: desired capacity is never raised.
    pub scale_out_paused: bool,
    /// Scale-in is switched off: nothing is terminated, repairs included.
    pub scale_in_paused: bool,
}

impl Default for Policy {
    fn default() -> Self {
        Policy {
            idle_seconds: 10 * 60,
            boot_grace_seconds: 10 * 60,
            terminations_per_tick: 3,
            drain_limit_seconds: 46 * 3600,
            check_validity_seconds: 150,
            command_lost_seconds: 240,
            signal_grace_seconds: 30,
            busy_suspicion_seconds: 6 * 3600,
            scale_out_paused: false,
            scale_in_paused: false,
        }
    }
}
