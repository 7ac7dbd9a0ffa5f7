//! The shell of the autoscaler: what needs AWS's SDKs, HTTP or Lambda. The ticks themselves are in `controller`.
//!
//! - [`serve`](fn@serve): a function's whole life, called by its thin `main` in `functions/`
//! - [`adapters`]: the ticks' ports over AWS and Jicofo
//! - [`clock`], [`telemetry`]

pub mod adapters;
pub mod clock;
mod serve;
pub mod telemetry;

pub use controller::Function;
pub use serve::serve;
