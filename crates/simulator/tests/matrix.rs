//! Which alarms ring for which fault, and that none rings when nothing is wrong.

use std::{collections::BTreeSet, fs, path::Path, process::Command};

use controller::alarms::ALARMS;
use simulator::{
    faults::{
        FaultKind,
        matrix::{self, Outcome, QuietTime},
    },
    run::Runner,
};
use world::{Happening, NAMED_FAULTS, SHIPPED};

const SEEDS: u64 = 2;

fn file(path: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path)
}

fn mismatches(outcomes: &[Outcome]) -> Vec<String> {
    let of = |outcome: &Outcome| {
        let name = format!("{} {}", outcome.fault, outcome.variant);
        outcome.mismatches.iter().map(|mismatch| format!("{name}: {mismatch}")).collect::<Vec<_>>()
    };
    outcomes.iter().flat_map(of).collect()
}

/// Rewrites what stands between the markers of `docs/faults.md`; the test fails once, to say so.
fn hold_page(table: &str) {
    const BEGIN: &str = "<!-- Rendered by `cargo test -p simulator --test matrix`. -->\n";
    const END: &str = "<!-- The matrix ends here. -->\n";
    let path = file("docs/faults.md");
    let page = fs::read_to_string(&path).expect("the page");
    let (before, rest) = page.split_once(BEGIN).expect("where the matrix begins");
    let (_, after) = rest.split_once(END).expect("where the matrix ends");
    let rendered = format!("{before}{BEGIN}\n{table}\n{END}{after}");
    if rendered != page {
        fs::write(&path, rendered).expect("the page can be written");
        panic!("the matrix of docs/faults.md differed, and is written anew: look at it, and commit it");
    }
}

#[test]
fn every_fault_rings_its_alarms_or_heals_and_the_page_shows_it() {
    let outcomes = matrix::run(None).expect("rows that are possible");
    assert_eq!(mismatches(&outcomes), Vec::<String>::new());
    let faults: BTreeSet<&str> = outcomes.iter().map(|outcome| outcome.fault).collect();
    assert_eq!(faults, FaultKind::ALL.iter().map(|kind| kind.name()).collect());
    let must = outcomes.iter().flat_map(|outcome| &outcome.rang).filter(|rang| rang.within_minutes.is_some());
    let rung: BTreeSet<&str> = must.map(|rang| rang.alarm).collect();
    let silent: Vec<&str> = ALARMS.iter().map(|alarm| alarm.id).filter(|id| !rung.contains(id)).collect();
    assert_eq!(silent, Vec::<&str>::new(), "alarms that no row expects");
    hold_page(&matrix::markdown(&outcomes));
}

/// What shows that a time is what it is called.
fn holds(time: QuietTime, runner: &Runner) -> bool {
    let world = runner.world();
    let (snapshot, summary) = (world.snapshot(), world.summary());
    let falls_to_none = || {
        let to_none = |happening: &Happening| matches!(happening, Happening::DesiredChanged { to: 0, .. });
        world.log().iter().any(|entry| to_none(&entry.happening))
    };
    match time {
        QuietTime::QuietDay => summary.requests > 5 && summary.requests < 40,
        QuietTime::NewStack => summary.launches == 2 && snapshot.available == 2,
        QuietTime::NightWithoutJibris => falls_to_none(),
        QuietTime::BusyDay => summary.requests > 60 && summary.launches > 10,
        QuietTime::ScaleInEvening => summary.terminations > 8 && snapshot.machines == 2,
    }
}

#[test]
fn no_alarm_rings_when_nothing_is_wrong() {
    let mut rang = Vec::new();
    for time in QuietTime::ALL {
        for seed in 1..=SEEDS {
            let runner = time.live(seed).expect("a world that is possible");
            assert!(holds(time, &runner), "{time:?} with seed {seed}: {:?}", runner.world().summary());
            rang.extend(runner.world().rings().into_iter().map(|ring| format!("{time:?} with seed {seed}: {ring:?}")));
        }
    }
    assert_eq!(rang, Vec::<String>::new());
}

#[test]
fn every_fault_of_the_world_has_the_name_of_a_fault() {
    let unknown = NAMED_FAULTS.iter().map(|(name, _)| *name).filter(|name| name.parse::<FaultKind>().is_err());
    assert_eq!(unknown.collect::<Vec<_>>(), Vec::<&str>::new());
}

#[test]
fn the_pool_of_the_matrix_is_as_large_as_the_template_has_it() {
    let template = fs::read_to_string(file("template.yaml")).expect("the template");
    for (parameter, default) in SHIPPED {
        let (_, after) = template.split_once(&format!("\n  {parameter}:\n")).expect("a parameter of the template");
        let shipped = after.lines().find_map(|line| line.trim().strip_prefix("Default: ")).expect("its default");
        assert_eq!(shipped, default.to_string(), "{parameter}");
    }
}

#[test]
fn the_command_prints_one_row_and_tells_a_fault_by_name() {
    let run = |arguments: &[&str]| {
        let output =
            Command::new(env!("CARGO_BIN_EXE_simulator")).args(["faults", "--matrix"]).args(arguments).output();
        let output = output.expect("the simulator runs");
        (output.status.success(), String::from_utf8_lossy(&output.stdout).into_owned())
    };
    let (went_well, told) = run(&["--only", "jicofo-garbage"]);
    assert!(went_well && told.starts_with("ok        jicofo-garbage "), "{told}");
    assert!(told.contains("SignalLostAlarm 5 (≤ 6)"), "{told}");
    let (went_well, told) = run(&["--only", "spot-reclaim", "--format", "json"]);
    let outcomes: serde_json::Value = serde_json::from_str(&told).expect("JSON");
    assert!(
        went_well && outcomes[0]["fault"] == "spot-reclaim" && outcomes[0]["rang"] == serde_json::json!([]),
        "{told}"
    );
}
