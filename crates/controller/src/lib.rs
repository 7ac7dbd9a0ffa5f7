//! The ticks of the autoscaler: observe, plan, check, apply; over ports, without any AWS SDK.
//!
//! The Lambda functions run them over AWS, the simulator over its world in virtual time: the same code.
//!
//! - [`settings`]: the environment variables, parsed once
//! - [`ports`]: what a tick can read and change
//! - [`availability`], [`scale_in`], [`drain`], [`forecast`]: one tick each
//! - [`events`], [`jicofo`], [`report`], [`target`], [`tags`]: what comes from outside, parsed and never trusted
//! - [`text`]: what comes from outside, made fit for a log line

mod apply;
pub mod availability;
pub mod drain;
mod error;
pub mod events;
pub mod forecast;
mod heard;
mod history;
pub mod jicofo;
mod metrics;
mod object;
mod observe;
mod planned;
pub mod ports;
mod readings;
pub mod report;
pub mod scale_in;
pub mod settings;
pub mod tags;
pub mod target;
pub mod text;

pub use error::TickError;
pub use ports::Ports;
pub use settings::{Settings, SettingsError};
