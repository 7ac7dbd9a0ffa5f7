//! The functions at work in the small worlds of the crate `world`.
#![allow(dead_code, unused_imports, reason = "each test file uses its own part")]

#[path = "../../../world/tests/common/mod.rs"]
mod worlds;

use std::collections::BTreeMap;

use controller::Settings;
use simulator::run::{InvocationFaults, Runner};
use world::{Happening, Milliseconds, World, WorldConfig};
pub(crate) use worlds::*;

/// The end of the log, for a test that fails.
fn lately(world: &World) -> String {
    let first = world.log().len().saturating_sub(40);
    world.log()[first..].iter().map(|entry| format!("\n{entry}")).collect()
}

/// The functions at work in a world, with these settings and no faults.
pub(crate) fn at_work(config: WorldConfig, settings: &[(&str, &str)]) -> Runner {
    at_work_with(config, settings, InvocationFaults::default(), 1)
}

pub(crate) fn at_work_with(
    config: WorldConfig,
    settings: &[(&str, &str)],
    faults: InvocationFaults,
    seed: u64,
) -> Runner {
    let required = [("AUTO_SCALING_GROUP", GROUP), ("JICOFO_URLS", "http://127.0.0.1:8888")];
    let variables: BTreeMap<String, String> =
        required.iter().chain(settings).map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let settings = Settings::from_variables(&variables).expect("settings that can be used");
    Runner::new(config, settings, faults, seed).expect("a world that is possible")
}

/// Lets everything go on for so long, and looks every minute whether it is as it must always be.
pub(crate) fn go_on(runner: &mut Runner, span: Milliseconds) {
    let end = runner.world().now() + span;
    while runner.world().now() < end {
        let moment = (runner.world().now() + MINUTE).min(end);
        runner.run_until(moment);
        let mut world = runner.world();
        let snapshot = world.snapshot();
        assert_eq!((snapshot.recordings_cut, snapshot.files_lost), (0, 0), "{}", lately(&world));
        assert!(snapshot.desired >= world.config().min_size);
        if let Ok(Some(group)) = world.describe_auto_scaling_groups(GROUP) {
            assert!(group.desired_capacity <= group.max_size, "{group:?}");
        }
    }
}

/// The pool is what it is to be when no Jibri records: so many available, and nothing besides them.
pub(crate) fn assert_at_rest(runner: &Runner, spare: u32) {
    let snapshot = runner.world().snapshot();
    let pool = [snapshot.available, snapshot.desired, snapshot.machines];
    assert_eq!(pool, [spare; 3], "available, desired, machines: {}", lately(&runner.world()));
    assert_eq!((snapshot.busy, snapshot.draining, snapshot.retained), (0, 0, 0));
}

/// How many instances have begun to end.
pub(crate) fn terminations(runner: &Runner) -> usize {
    times(&runner.world(), |happening| matches!(happening, Happening::Terminating { .. }))
}

/// What the invocations complained about, each complaint once.
pub(crate) fn complaints(runner: &Runner) -> Vec<String> {
    let mut complaints: Vec<String> = runner.errors().iter().map(|(_, _, error)| error.to_string()).collect();
    complaints.sort();
    complaints.dedup();
    complaints
}
