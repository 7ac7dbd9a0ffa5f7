//! `simulator`: the autoscaler at work in virtual time.

mod commands;

use std::{
    collections::BTreeMap,
    fs::File,
    io::{BufReader, BufWriter, Write},
    path::{Path, PathBuf},
    process::ExitCode,
    time::Instant,
};

use anyhow::{Context, anyhow, bail};
use clap::{Args, Parser, Subcommand, ValueEnum};
use controller::Settings;
use serde::Serialize;
use simulator::run::{InvocationFaults, Runner};
use world::{
    Milliseconds, Summary, WorldConfig,
    demand::{Office, Request, generate, read_trace},
};

const DAY_MS: Milliseconds = 24 * 3_600_000;

/// The autoscaler at work in a simulated AWS and Jitsi, months in seconds.
#[derive(Debug, Parser)]
#[command(version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Keep a pool through a demand, and tell what it came to.
    ///
    /// The functions' settings are those of the environment, under the names that the README lists.
    Run(RunArguments),
    /// Hold the policies side by side on one demand, each tuned to the same hit rate after a week of warm-up.
    Compare(commands::compare::CompareArguments),
    /// Make a trace from a pool's metrics, on standard output.
    Trace(commands::trace::TraceArguments),
    /// Keep a pool through days on which everything goes wrong, and look whether it keeps its promises.
    Faults(commands::faults::FaultsArguments),
}

#[derive(Args, Debug)]
struct RunArguments {
    /// A CSV with the columns start (RFC 3339, UTC) and duration_seconds; without it the demand is made up.
    #[arg(long, value_name = "FILE")]
    trace: Option<PathBuf>,
    /// How many days of demand to make up.
    #[arg(long, default_value_t = 28, value_parser = clap::value_parser!(u32).range(1..=3660))]
    days: u32,
    /// How many recordings a weekday of made-up demand has.
    #[arg(long, default_value_t = 250.0)]
    recordings: f64,
    /// Decides everything that is left to chance: the same seed gives the same run.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Write everything that happens to this file, a line each.
    #[arg(long, value_name = "FILE")]
    log: Option<PathBuf>,
    /// How to tell what it came to.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Format {
    Text,
    Json,
}

#[derive(Serialize)]
struct Outcome {
    days: Milliseconds,
    #[serde(flatten)]
    summary: Summary,
    invocations: u64,
    invocations_failed: u64,
}

fn main() -> ExitCode {
    match dispatch() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn dispatch() -> anyhow::Result<()> {
    match Arguments::parse().command {
        Command::Run(arguments) => run(&arguments),
        Command::Compare(arguments) => commands::compare::compare(&arguments),
        Command::Trace(arguments) => commands::trace::trace(&arguments),
        Command::Faults(arguments) => commands::faults::faults(&arguments),
    }
}

fn run(arguments: &RunArguments) -> anyhow::Result<()> {
    let demand = read_demand(arguments)?;
    let (Some(first), Some(last)) = (demand.first(), demand.last()) else { bail!("the demand is empty") };
    // A day before, to settle; a day after, to drain.
    let start = first.at.div_euclid(DAY_MS) * DAY_MS;
    let end = last.at.max(first.at) + DAY_MS;
    let config = WorldConfig { seed: arguments.seed, start, demand, ..WorldConfig::default() };
    let settings = read_settings(&config)?;
    let mut runner = Runner::new(config, settings, InvocationFaults::default(), arguments.seed)
        .map_err(|problem| anyhow!("the world is impossible: {problem}"))?;
    let began = Instant::now();
    let mut day = start;
    while day < end {
        day = (day + 7 * DAY_MS).min(end);
        runner.run_until(day);
        eprintln!("simulated {} of {} days", (day - start) / DAY_MS, (end - start) / DAY_MS);
    }
    eprintln!("in {:.1} s", began.elapsed().as_secs_f64());
    if let Some(path) = &arguments.log {
        write_log(path, &runner).with_context(|| format!("cannot write {}", path.display()))?;
    }
    let counts = runner.counts();
    let outcome = Outcome {
        days: (end - start) / DAY_MS,
        summary: runner.world().summary(),
        invocations: counts.started,
        invocations_failed: counts.failed,
    };
    print_outcome(&outcome, arguments.format)
}

fn read_demand(arguments: &RunArguments) -> anyhow::Result<Vec<Request>> {
    let Some(path) = &arguments.trace else {
        let start = WorldConfig::default().start;
        let office = Office { recordings_per_weekday: arguments.recordings, ..Office::default() };
        return Ok(generate(office, start, start + Milliseconds::from(arguments.days) * DAY_MS, arguments.seed));
    };
    let file = File::open(path).with_context(|| format!("cannot open {}", path.display()))?;
    read_trace(BufReader::new(file)).with_context(|| format!("{} is no trace", path.display()))
}

/// The environment's settings, with the world's own names where a name is needed.
fn read_settings(config: &WorldConfig) -> anyhow::Result<Settings> {
    let mut variables: BTreeMap<String, String> = std::env::vars().collect();
    variables.insert("AUTO_SCALING_GROUP".into(), config.group_name.clone());
    variables.insert("JICOFO_URLS".into(), "http://127.0.0.1:8888".into());
    Ok(Settings::from_variables(&variables)?)
}

fn write_log(path: &Path, runner: &Runner) -> std::io::Result<()> {
    let mut file = BufWriter::new(File::create(path)?);
    for entry in runner.world().log() {
        writeln!(file, "{entry}")?;
    }
    file.flush()
}

#[allow(clippy::print_stdout, reason = "this is what the command is asked for")]
fn print_outcome(outcome: &Outcome, format: Format) -> anyhow::Result<()> {
    let value = serde_json::to_value(outcome)?;
    match format {
        Format::Json => println!("{}", serde_json::to_string_pretty(&value)?),
        Format::Text => {
            for (name, figure) in value.as_object().into_iter().flatten() {
                println!("{:<24} {figure:>12}", name.replace('_', " "));
            }
        }
    }
    Ok(())
}
