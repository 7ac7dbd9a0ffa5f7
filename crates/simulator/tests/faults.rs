//! Days on which everything goes wrong. What fails here is replayed by its seed, as the message says.

use std::{
    collections::HashMap,
    process::Command,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

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
    // What no function can prevent happens too, and is not hidden: else the faults would be harmless.
    at_least("cut_when_taken", 10);
    at_least("requests", SEEDS * 20);
    at_least("drains", SEEDS * 10);
    at_least("drains_retained", 10);
    let faults = tally["faults"].as_object().expect("counts");
    let missing: Vec<_> = FaultKind::ALL.iter().filter(|kind| !faults.contains_key(kind.name())).collect();
    assert!(missing.is_empty(), "never injected: {missing:?}");
}

/// What happened on a day, without the lines that only say that something was to go wrong.
fn effects(day: &Day) -> Vec<&(i64, String)> {
    day.timeline.iter().filter(|(_, line)| !line.starts_with("incident ")).collect()
}

/// Days on which nothing strikes: of a seed they are the same for every kind, but for the one that needs a second Jicofo.
#[derive(Default)]
struct CalmDays(Mutex<HashMap<(u64, bool), Arc<Day>>>);

impl CalmDays {
    fn day(&self, seed: u64, kind: FaultKind) -> Arc<Day> {
        let mut days = self.0.lock().expect("no thread has panicked");
        let live = || {
            let day = Day::run_without(seed, kind, true).expect("a plan that is possible");
            assert!(day.faults.is_empty(), "without {kind}: {:?}", day.faults);
            Arc::new(day)
        };
        let second_jicofo = matches!(kind, FaultKind::OneJicofoAway | FaultKind::OneJicofoEmpty);
        days.entry((seed, second_jicofo)).or_insert_with(live).clone()
    }
}

fn strikes_alone_and_changes_the_world(kind: FaultKind, calm: &CalmDays) {
    let mut struck = false;
    for seed in 1..=20 {
        let day = Day::run(seed, Some(kind), true).expect("a plan that is possible");
        if !day.faults.contains_key(kind.name()) {
            continue;
        }
        assert_eq!(day.breach, None, "{kind}, seed {seed}");
        let others: Vec<_> = day.faults.keys().filter(|name| **name != kind.name()).collect();
        assert!(others.is_empty(), "{kind} alone, and with it {others:?}");
        if effects(&day) != effects(&calm.day(seed, kind)) {
            return;
        }
        struck = true;
    }
    panic!("{kind} {}", if struck { "strikes, and changes nothing" } else { "never strikes" });
}

#[test]
fn every_fault_strikes_alone_and_changes_the_world() {
    let (next, calm) = (AtomicUsize::new(0), CalmDays::default());
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                while let Some(kind) = FaultKind::ALL.get(next.fetch_add(1, Ordering::Relaxed)) {
                    strikes_alone_and_changes_the_world(*kind, &calm);
                }
            });
        }
    });
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
