//! `simulator faults`.

use std::{
    io::{ErrorKind, Write},
    sync::Mutex,
    time::{Duration, Instant},
};

use anyhow::{anyhow, bail};
use clap::Args;
use simulator::faults::{Campaign, CampaignTally, Day, FaultKind, matrix};

use crate::Format;

/// How much of a failed day is shown without `--timeline`, in lines.
const STORY_LINES: usize = 40;
const PROGRESS: Duration = Duration::from_secs(2);

#[derive(Args, Debug)]
pub(crate) struct FaultsArguments {
    /// How many seeds, a day each.
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u64).range(1..))]
    seeds: u64,
    /// The first seed.
    #[arg(long, default_value_t = 1)]
    from: u64,
    /// Only this fault; `--list` names them all.
    #[arg(long, value_name = "FAULT")]
    only: Option<FaultKind>,
    /// Give up after so many failures.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u16).range(1..))]
    failures: u16,
    /// Print everything that happens on the day of the first seed, and run no other.
    #[arg(long)]
    timeline: bool,
    /// Let each fault strike alone on a quiet day, and print which alarms ring after how many minutes, against what is expected.
    #[arg(long, conflicts_with_all = ["timeline", "seeds", "from", "failures"])]
    matrix: bool,
    /// Name every fault, and what happens, and run nothing.
    #[arg(long)]
    list: bool,
    /// How to tell what it came to.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

pub(crate) fn faults(arguments: &FaultsArguments) -> anyhow::Result<()> {
    if arguments.list {
        let lines = FaultKind::ALL.iter().map(|kind| format!("{:<24} {}\n", kind.name(), kind.description()));
        return print(&lines.collect::<String>());
    }
    if arguments.matrix {
        return print_matrix(arguments);
    }
    if arguments.timeline {
        let day = Day::run(arguments.from, arguments.only, true).map_err(|problem| anyhow!(problem))?;
        print(&tell_day(&day, usize::MAX))?;
        return end(u64::from(day.breach.is_some()));
    }
    let (seeds, only) = (arguments.seeds, arguments.only);
    let campaign = Campaign { from: arguments.from, seeds, only, most_failures: usize::from(arguments.failures) };
    let began = Instant::now();
    let last_told = Mutex::new(began);
    let progress = |tally: &CampaignTally| {
        let Ok(mut last_told) = last_told.lock() else { return };
        if last_told.elapsed() >= PROGRESS {
            *last_told = Instant::now();
            let (days, failures) = (tally.days, tally.failures);
            eprintln!("{:>6.1} s  {days} of {seeds} days, {failures} failed", began.elapsed().as_secs_f64());
        }
    };
    let (tally, failed) = campaign.run(&progress).map_err(|problem| anyhow!(problem))?;
    eprintln!("{:>6.1} s  {} of {seeds} days, {} failed", began.elapsed().as_secs_f64(), tally.days, tally.failures);
    for day in &failed {
        print(&tell_day(day, STORY_LINES))?;
        print(&format!("replay: {}\n\n", replay(day.seed, only)))?;
    }
    match arguments.format {
        Format::Json => print(&(serde_json::to_string_pretty(&tally)? + "\n"))?,
        Format::Text => print(&tell_tally(&tally)?)?,
    }
    end(tally.failures)
}

fn print_matrix(arguments: &FaultsArguments) -> anyhow::Result<()> {
    let outcomes = matrix::run(arguments.only).map_err(|problem| anyhow!(problem))?;
    match arguments.format {
        Format::Json => print(&(serde_json::to_string_pretty(&outcomes)? + "\n"))?,
        Format::Text => print(&matrix::text(&outcomes))?,
    }
    match outcomes.iter().filter(|outcome| !outcome.mismatches.is_empty()).count() {
        0 => Ok(()),
        1 => bail!("one row is not as expected"),
        rows => bail!("{rows} rows are not as expected"),
    }
}

fn end(failures: u64) -> anyhow::Result<()> {
    match failures {
        0 => Ok(()),
        1 => bail!("an invariant was broken on one day"),
        days => bail!("invariants were broken on {days} days"),
    }
}

fn replay(seed: u64, only: Option<FaultKind>) -> String {
    let only = only.map_or(String::new(), |kind| format!(" --only {kind}"));
    format!("cargo run --release -p simulator -- faults --from {seed}{only} --timeline")
}

/// The day's faults, the end of its timeline, and what broke.
fn tell_day(day: &Day, most_lines: usize) -> String {
    let kinds: Vec<&str> = day.kinds.iter().map(|kind| kind.name()).collect();
    let mut text = format!("seed {}: {}\n", day.seed, kinds.join(", "));
    for (at, line) in &day.timeline[day.timeline.len().saturating_sub(most_lines)..] {
        text += &format!("  {}  {line}\n", time_of_day(*at));
    }
    if let Some(breach) = &day.breach {
        text += &format!(
            "seed {} breaks at {}: {}: {}\n",
            day.seed,
            time_of_day(breach.at),
            breach.invariant,
            breach.detail
        );
    }
    text
}

fn time_of_day(at: i64) -> String {
    let (seconds, milliseconds) = (at.div_euclid(1000).rem_euclid(86_400), at.rem_euclid(1000));
    format!("{:02}:{:02}:{:02}.{milliseconds:03}", seconds / 3600, seconds / 60 % 60, seconds % 60)
}

fn tell_tally(tally: &CampaignTally) -> anyhow::Result<String> {
    let mut text = String::new();
    let value = serde_json::to_value(tally)?;
    for (name, figure) in value.as_object().into_iter().flatten().filter(|(_, figure)| figure.is_number()) {
        text += &format!("{:<24} {figure:>12}\n", name.replace('_', " "));
    }
    text += "faults injected\n";
    for (name, count) in &tally.faults {
        text += &format!("  {name:<22} {count:>12}\n");
    }
    Ok(text)
}

fn print(text: &str) -> anyhow::Result<()> {
    match std::io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => bail!("cannot write the result: {error}"),
        _ => Ok(()),
    }
}
