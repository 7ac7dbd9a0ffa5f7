//! The ticks of the autoscaler: observe, plan, check, apply; over ports, without any AWS SDK.
//!
//! The Lambda functions run them over AWS, the simulator over its world in virtual time: the same code.
//!
//! - [`settings`]: the environment variables, parsed once
//! - [`ports`]: what a tick can read and change
//! - [`invoke`](fn@invoke): an event becomes a tick of a [`Function`]: `availability`, `scale_in`, `drain` or `forecast`
//! - [`metrics`], [`alarms`]: each declared once; documents and template are rendered from them
//! - [`events`], [`jicofo`], [`report`], [`target`], [`tags`]: what comes from outside, parsed and never trusted
//! - [`words`]: the words and error codes of AWS that decisions depend on
//! - [`text`]: what comes from outside, made fit for a log line

pub mod alarms;
mod answers;
mod apply;
mod availability;
mod batch;
mod call;
mod drain;
mod error;
pub mod events;
mod forecast;
mod function;
mod heard;
mod history;
mod invoke;
pub mod jicofo;
mod launches;
mod measure;
pub mod metrics;
mod object;
mod observe;
mod planned;
pub mod ports;
mod publish;
mod readings;
pub mod report;
mod scale_in;
pub mod settings;
pub mod tags;
pub mod target;
pub mod text;
pub mod words;

pub use batch::{MOST_IN_A_CALL, MOST_TAGGED};
pub use error::TickError;
pub use function::Function;
pub use invoke::invoke;
pub use ports::Ports;
pub use settings::{Settings, SettingsError};
