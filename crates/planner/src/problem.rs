//! What an operator should look at, each as a value.

use std::fmt;

use crate::{
    Impatience, InstanceId, Step, Unheld,
    spoken::{Names, Number, Spoken},
};

/// Something that the autoscaler cannot mend by itself. Its text is what the operator reads in the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Problem {
    /// More Jibris are wanted than the group may have.
    AtMaximum {
        /// `MaxSize`.
        max_size: u32,
        /// How many more are wanted.
        wanted: u32,
    },
    /// Scale-out is switched off, and there is a gap.
    ScaleOutPaused {
        /// What desired capacity would be.
        to: u32,
    },
    /// Launched instances have not registered in time.
    LaunchesOverdue {
        /// How many.
        instances: u32,
        /// The boot grace, in seconds.
        within_seconds: u64,
    },
    /// No launch has registered since this one: the next are tried one at a time, and waited for longer and longer.
    LaunchesDoNotRegister {
        /// The instance that was launched first; it is kept to be looked at.
        instance: InstanceId,
        /// How long ago that was, in seconds.
        for_seconds: u64,
    },
    /// So many launches failed, and cannot even be drained, that another would fare no better.
    LaunchesStuck {
        /// How many.
        instances: u32,
    },
    /// Jicofo cannot be believed now.
    SignalLost {
        /// Why.
        why: String,
        /// For how long this invocation has seen nothing else, in seconds.
        for_seconds: u64,
    },
    /// A Jicofo lists no Jibri, while another lists some.
    EmptyJicofo {
        /// Its URL.
        jicofo: String,
    },
    /// No hook is known to hold what would be terminated.
    Unheld(Unheld),
    /// The hook holds a drain, and not for long enough.
    Impatient(Impatience),
    /// Scale-in and repairs are switched off, and there is something to do.
    ScaleInPaused {
        /// What this tick would have done.
        would: Vec<Step>,
    },
    /// Jicofo lists Jibris under names that are no instance ids.
    WrongNames {
        /// Their nicknames.
        nicknames: Vec<String>,
    },
    /// Recordings fail on more than one Jibri, or on all that were tried, and none has gone well since.
    RecordingsFail {
        /// How many have failed in a row, on all instances together.
        failures: u32,
    },
    /// A Jibri says that it could record, and fails its recordings.
    JibriFails {
        /// The instance.
        instance: InstanceId,
    },
    /// Recordings on an instance in service have waited for their upload for long.
    RecordingsWait {
        /// The instance.
        instance: InstanceId,
        /// How many.
        recordings: u32,
        /// For how long the oldest has waited, in seconds.
        oldest_seconds: u64,
    },
    /// Jicofo counts no session for a busy Jibri, and neither a recording nor an upload runs on it.
    BusyWithNothing {
        /// The instance.
        instance: InstanceId,
        /// For how long, in seconds.
        busy_seconds: u64,
    },
    /// An instance has been busy beyond belief, and says itself that it still is, or says nothing that can be understood.
    BusyTooLong {
        /// The instance.
        instance: InstanceId,
        /// For how long, in seconds.
        busy_seconds: u64,
    },
    /// An instance has been busy beyond belief, and its check failed.
    BusyAndSilent {
        /// The instance.
        instance: InstanceId,
        /// For how long, in seconds.
        busy_seconds: u64,
        /// Why the check failed.
        why: String,
    },
    /// The group ends an instance whose drain is abandoned, instead of keeping it.
    AbandonWouldEnd {
        /// An instance that drains now.
        instance: InstanceId,
    },
    /// A drain has passed its limit: the instance is kept for a person.
    Retained {
        /// The instance.
        instance: InstanceId,
        /// How long it has drained, in seconds.
        age_seconds: u64,
        /// What is known of its drain.
        state: String,
    },
    /// A drain has passed its limit, and must go on, for abandoning it would end the instance.
    KeptWaiting {
        /// The instance.
        instance: InstanceId,
        /// How long it has drained, in seconds.
        age_seconds: u64,
        /// What is known of its drain.
        state: String,
    },
}

impl fmt::Display for Problem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Problem::AtMaximum { max_size, wanted } => {
                write!(
                    formatter,
                    "the group is at its maximum of {max_size}: {} more would be launched",
                    Number(*wanted, "instance")
                )
            }
            Problem::ScaleOutPaused { to } => {
                write!(formatter, "scale-out is paused: desired capacity would be raised to {to}")
            }
            Problem::LaunchesOverdue { instances, within_seconds } => write!(
                formatter,
                "{} did not register with Jicofo within {} of the launch",
                Number(*instances, "instance"),
                Spoken(*within_seconds)
            ),
            Problem::LaunchesDoNotRegister { instance, for_seconds } => write!(
                formatter,
                "no launch has registered with Jicofo for {}; {instance} is kept, look at its logs",
                Spoken(*for_seconds)
            ),
            Problem::LaunchesStuck { instances } => write!(
                formatter,
                "{} never registered with Jicofo, and cannot be drained: no more launches are replaced; look at the \
                 launch template, the network and the user data",
                Number(*instances, "instance")
            ),
            Problem::SignalLost { why, for_seconds } => {
                write!(formatter, "there has been no signal from Jicofo for {}: {why}", Spoken(*for_seconds))
            }
            Problem::EmptyJicofo { jicofo } => write!(
                formatter,
                "{jicofo} lists no Jibri, while another Jicofo lists some: it refuses every recording; look at its Prosody, and \
                 at XMPP_SERVER"
            ),
            Problem::Unheld(unheld) => unheld.fmt(formatter),
            Problem::Impatient(impatience) => impatience.fmt(formatter),
            Problem::ScaleInPaused { would } => {
                let steps: Vec<String> = would.iter().map(Step::to_string).collect();
                write!(formatter, "scale-in and repairs are paused, and would do this: {}", steps.join("; "))
            }
            Problem::WrongNames { nicknames } => write!(
                formatter,
                "Jicofo lists {}, and none of the group's instances: a Jibri of the group needs JIBRI_INSTANCE_ID set to its \
                 EC2 instance id",
                Names(nicknames)
            ),
            Problem::RecordingsFail { failures } => write!(
                formatter,
                "{} failed in a row, and none has gone well since: look at the recorder's password, XMPP_HIDDEN_DOMAIN, \
                 PUBLIC_URL, the certificate, and UDP from the instances to the video bridge",
                Number(*failures, "recording")
            ),
            Problem::JibriFails { instance } => {
                write!(formatter, "{instance} says that it is idle and healthy, and fails its recordings")
            }
            Problem::RecordingsWait { instance, recordings, oldest_seconds } => write!(
                formatter,
                "{} on {instance} for upload, the oldest for {}: its uploads fail",
                match recordings {
                    1 => "1 recording waits".to_owned(),
                    more => format!("{more} recordings wait"),
                },
                Spoken(*oldest_seconds)
            ),
            Problem::BusyWithNothing { instance, busy_seconds } => write!(
                formatter,
                "{instance} has been busy for {}, Jicofo counts no session for it, and it neither records nor uploads",
                Spoken(*busy_seconds)
            ),
            Problem::BusyTooLong { instance, busy_seconds } => write!(
                formatter,
                "{instance} has been busy for {}; look whether its recording or its upload hangs",
                Spoken(*busy_seconds)
            ),
            Problem::BusyAndSilent { instance, busy_seconds, why } => {
                write!(formatter, "{instance} has been busy for {}, and its check failed: {why}", Spoken(*busy_seconds))
            }
            Problem::AbandonWouldEnd { instance } => write!(
                formatter,
                "the group would end {instance} if its drain were abandoned: set TerminateHookAbandon to retain in the \
                 group's instance lifecycle policy"
            ),
            Problem::Retained { instance, age_seconds, state } => write!(
                formatter,
                "{instance} is retained, for it was not drained within {}: {state}",
                Spoken(*age_seconds)
            ),
            Problem::KeptWaiting { instance, age_seconds, state } => write!(
                formatter,
                "{instance} was not drained within {}, and is kept waiting for as long as its hook allows: {state}",
                Spoken(*age_seconds)
            ),
        }
    }
}
