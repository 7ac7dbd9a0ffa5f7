//! Days on which everything goes wrong. What fails here is replayed by its seed, as the message says.

use std::process::Command;

use simulator::faults::{Campaign, Day, FaultKind};

const SEEDS: u64 = 300;

fn simulator(arguments: &[&str]) -> (bool, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_simulator")).arg("faults").args(arguments).output();
    let output = output.expect("the simulator runs");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.success(), text(&output.stdout), text(&output.stderr))
}

#[test]
fn no_recording_is_cut_no_file_is_lost_and_everything_comes_to_its_end() {
    let (went_well, told, progress) = simulator(&["--seeds", &SEEDS.to_string(), "--format", "json"]);
    assert!(went_well, "{progress}{told}");
    let tally: serde_json::Value = serde_json::from_str(&told).expect("JSON");
    assert_eq!((&tally["days"], &tally["recordings_cut"], &tally["files_lost"]), (&SEEDS.into(), &0.into(), &0.into()));
    let at_least = |name: &str, least: u64| assert!(tally[name].as_u64() >= Some(least), "{name}: {tally}");
    // What nobody can prevent happens too, and is not hidden: else the faults would be harmless.
    at_least("cut_when_taken", 10);
    at_least("requests", SEEDS * 20);
    at_least("drains", SEEDS * 10);
    at_least("drains_retained", 10);
    let faults = tally["faults"].as_object().expect("counts");
    let missing: Vec<_> = FaultKind::ALL.iter().filter(|kind| !faults.contains_key(kind.name())).collect();
    assert!(missing.is_empty(), "never injected: {missing:?}");
}

#[test]
fn every_fault_can_strike_alone() {
    for kind in FaultKind::ALL {
        let mut days = (1..=20).map(|seed| Day::run(seed, Some(kind), false).expect("a plan that is possible"));
        let struck =
            days.find(|day| day.faults.contains_key(kind.name())).unwrap_or_else(|| panic!("{kind} never strikes"));
        assert_eq!(struck.breach, None, "{kind}, seed {}", struck.seed);
        let others: Vec<_> = struck.faults.keys().filter(|name| **name != kind.name()).collect();
        assert!(others.is_empty(), "{kind} alone, and with it {others:?}");
    }
}

#[test]
fn the_same_seed_lives_through_the_same_day() {
    let day = |seed| Day::run(seed, None, true).expect("a plan that is possible").timeline;
    let (first, again) = (day(8), day(8));
    assert!(first.len() > 100 && first == again);
    assert_ne!(first, day(9));
}

#[test]
fn as_many_threads_as_there_are_come_to_the_same_tally() {
    let campaign = Campaign { from: 50, seeds: 8, only: None, most_failures: 1 };
    let run = || campaign.run(&|_| {}).expect("plans that are possible").0;
    assert_eq!(run(), run());
}

#[test]
fn a_day_is_replayed_with_everything_that_happened() {
    let (went_well, told, _) = simulator(&["--from", "8", "--timeline"]);
    assert!(went_well && told.starts_with("seed 8: "), "{told}");
    for words in ["launched i-", "heartbeat for i-", "  05:0", " incident "] {
        assert!(told.contains(words), "{words}");
    }
}

#[test]
fn a_fault_of_another_name_is_refused_with_all_that_there_are() {
    let (went_well, _, complaint) = simulator(&["--only", "gremlins"]);
    assert!(!went_well && complaint.contains("gremlins") && complaint.contains("spot-reclaim"), "{complaint}");
    let (went_well, listed, _) = simulator(&["--list"]);
    assert!(went_well && listed.lines().count() == FaultKind::ALL.len());
}
