//! The simulated world in real time, behind real HTTP on loopback: AWS's wire protocols, Jicofo's and Jibri's REST
//! interfaces, and the Lambda runtime interface. The functions' real binaries run against it unchanged.
//!
//! What the world does is decided in the crate `world` alone; here it is only given a clock and ports.

mod addresses;
mod bucket;
mod call_log;
mod clock;
mod cloud;
mod config;
pub mod demo;
mod disk;
mod eventbridge;
mod history;
mod host;
mod invoke_api;
mod jibri;
mod jicofo;
mod lambda;
mod metrics;
pub mod page;
mod peer;
mod scripts;
mod server;
mod stack;
mod state;
mod throttle;
mod wire;

pub use addresses::Addresses;
pub use call_log::{ApiCall, Resource};
pub use clock::WorldClock;
pub use cloud::LocalCloud;
pub use config::{CloudConfig, EventFaults, FunctionConfig, ListenPorts};
pub use history::{History, published};
pub use lambda::{Invocation, Outcome};
pub use world::arn::{ACCOUNT, REGION};
