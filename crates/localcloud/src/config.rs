//! What a local cloud is made of.

use std::collections::BTreeMap;
use std::path::PathBuf;

use controller::Function;
use world::WorldConfig;

use crate::history::History;

/// A local cloud.
#[derive(Clone, Debug)]
pub struct CloudConfig {
    /// The world.
    pub world: WorldConfig,
    /// How many times as fast as real time the world runs.
    pub speed: f64,
    /// Where the functions' binaries are; without it no function is started.
    pub function_directory: Option<PathBuf>,
    /// The functions, with what invokes them.
    pub functions: Vec<FunctionConfig>,
    /// Environment variables for every function, beside those that the local cloud sets itself.
    pub settings: BTreeMap<String, String>,
    /// What the group has published before.
    pub history: History,
    /// The stack's template, whose SSM documents are run; without it the world runs its own model of them.
    pub template: Option<PathBuf>,
    /// Where logs, recordings and uploads are written.
    pub output_directory: PathBuf,
    /// What happens to events on their way.
    pub event_faults: EventFaults,
    /// The ports to listen on.
    pub ports: Ports,
}

impl CloudConfig {
    /// A local cloud in real time around this world: no functions, no faults, any free ports.
    pub fn new(world: WorldConfig, output_directory: PathBuf) -> CloudConfig {
        CloudConfig {
            world,
            speed: 1.0,
            function_directory: None,
            functions: FunctionConfig::standard(),
            settings: BTreeMap::new(),
            history: History::new(),
            template: None,
            output_directory,
            event_faults: EventFaults::default(),
            ports: Ports::default(),
        }
    }
}

/// A function.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FunctionConfig {
    /// Its name, which is its binary's too.
    pub name: String,
    /// How long an invocation may take.
    pub timeout_seconds: u32,
    /// A schedule invokes it whenever so many minutes have passed.
    pub every_minutes: Option<u32>,
    /// Whether the group's lifecycle events invoke it.
    pub on_lifecycle_events: bool,
}

impl FunctionConfig {
    /// The autoscaler's functions.
    pub fn standard() -> Vec<FunctionConfig> {
        let standard = |function: Function| FunctionConfig {
            name: function.name().to_owned(),
            timeout_seconds: function.timeout_seconds(),
            every_minutes: Some(function.every_minutes()),
            on_lifecycle_events: function.takes_lifecycle_events(),
        };
        Function::ALL.map(standard).into()
    }
}

/// What happens to events on their way: EventBridge delivers at least once, and promises no more.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct EventFaults {
    /// Decides which events are hit.
    pub seed: u64,
    /// The share of events that never arrive.
    pub lost_share: f64,
    /// The share of events that arrive twice.
    pub doubled_share: f64,
}

/// The ports to listen on; 0 takes any that is free.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ports {
    /// All of AWS's services.
    pub aws: u16,
    /// Jicofo.
    pub jicofo: u16,
    /// The recordings bucket.
    pub bucket: u16,
}
