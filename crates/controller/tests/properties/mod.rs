//! What must hold of every parser of the ticks, whatever it is given. `hostile.rs` holds it against made-up input in
//! every run of the tests, the targets in `fuzz/` against what a fuzzer finds.
#![allow(unreachable_pub, reason = "the fuzz targets use it too, from another crate")]

mod forecast;
mod jicofo;
mod report;
mod settings;
mod tags;
mod target;

pub mod bytes;
pub mod events;

pub use forecast::{History, forecast};
pub use jicofo::jicofo;
pub use report::report;
pub use settings::settings;
pub use tags::tags;
pub use target::target;

use planner::Timestamp;

/// Monday, 18 January 2027, 08:56:30 UTC.
pub const NOW: Timestamp = Timestamp(1_800_262_590);

/// The most Jibris that are wanted, wherever the number comes from.
pub const LARGEST_TARGET: u32 = 10_000;

/// A message may be logged: it is short, says something, and keeps to its line.
#[track_caller]
pub fn assert_fit(message: &str, most: usize) {
    let length = message.chars().count();
    assert!((1..=most).contains(&length), "{length} characters: {message:.400}");
    assert!(!message.contains(|letter: char| letter.is_control()), "{message:?}");
}
