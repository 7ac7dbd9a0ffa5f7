//! `simulator compare`.

use std::{
    fs::{self, File},
    io::{BufReader, BufWriter, Write},
    path::{Path, PathBuf},
    time::Instant,
};

use anyhow::{Context, anyhow, bail};
use clap::{Args, ValueEnum};
use compare::{
    self, Comparison, Question, WARM_UP_SECONDS, event_log, html, policies::Contender, pool::Scenario, text,
};
use world::{
    WorldConfig,
    demand::{Office, Request, generate, read_trace},
};

const DAY_MS: i64 = 24 * 3_600_000;
const MADE_UP_WEEKS: i64 = 8;

#[derive(Args, Debug)]
pub(crate) struct CompareArguments {
    /// A CSV with the columns start (RFC 3339, UTC) and duration_seconds; without it, eight weeks are made up.
    #[arg(long, value_name = "FILE")]
    trace: Option<PathBuf>,
    /// Decides the made-up demand.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// The share of the requests that must find a Jibri, from 0.5 to 0.9999.
    #[arg(long, default_value = "0.999", value_parser = parse_hit_rate)]
    hit_rate: f64,
    /// How long a launch takes until its Jibri is available, in seconds, from 30 to 1800.
    #[arg(long, default_value = "180", value_parser = clap::value_parser!(i64).range(30..=1800))]
    lead_seconds: i64,
    /// How to tell the result.
    #[arg(long, value_enum, default_value_t = CompareFormat::Text)]
    format: CompareFormat,
    /// Write what happened to DIR/POLICY.csv, for each policy.
    #[arg(long, value_name = "DIR")]
    log: Option<PathBuf>,
    /// Only this policy; may be given several times.
    #[arg(long = "policy", value_name = "NAME", value_enum)]
    policies: Vec<Contender>,
    /// Write the page to this file as well, whatever the format.
    #[arg(long, value_name = "FILE")]
    page: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum CompareFormat {
    Json,
    Text,
    Html,
}

fn parse_hit_rate(text: &str) -> Result<f64, String> {
    let rate = text.parse().ok().filter(|rate| (0.5..=0.9999).contains(rate));
    rate.ok_or_else(|| format!("hit rate is {text:?}, and must be a number from 0.5 to 0.9999"))
}

pub(crate) fn compare(arguments: &CompareArguments) -> anyhow::Result<()> {
    let demand = read_demand(arguments)?;
    let scenario = Scenario { demand: &demand, lead_seconds: arguments.lead_seconds, warm_up_seconds: WARM_UP_SECONDS };
    compare::check_length(&scenario).map_err(|problem| anyhow!(problem))?;
    let chosen = match arguments.policies.is_empty() {
        true => Contender::ALL.to_vec(),
        false => arguments.policies.clone(),
    };
    let paged = arguments.page.is_some() || arguments.format == CompareFormat::Html;
    let question =
        Question { scenario, hit_rate: arguments.hit_rate, logged: paged || arguments.log.is_some(), trade_off: paged };
    let began = Instant::now();
    let progress = |line: &str| eprintln!("{:>6.1} s  {line}", began.elapsed().as_secs_f64());
    let comparison = compare::compare(&question, &chosen, &progress);
    if let Some(directory) = &arguments.log {
        write_logs(directory, &comparison)?;
    }
    if let Some(path) = &arguments.page {
        fs::write(path, html::page(&question, &comparison))
            .with_context(|| format!("cannot write {}", path.display()))?;
    }
    tell(arguments.format, &question, &comparison)
}

fn read_demand(arguments: &CompareArguments) -> anyhow::Result<Vec<Request>> {
    let Some(path) = &arguments.trace else {
        let start = WorldConfig::default().start;
        return Ok(generate(Office::default(), start, start + MADE_UP_WEEKS * 7 * DAY_MS, arguments.seed));
    };
    let file = File::open(path).with_context(|| format!("cannot open {}", path.display()))?;
    read_trace(BufReader::new(file)).with_context(|| format!("{} is no trace", path.display()))
}

fn write_logs(directory: &Path, comparison: &Comparison) -> anyhow::Result<()> {
    fs::create_dir_all(directory).with_context(|| format!("cannot make the directory {}", directory.display()))?;
    for entry in &comparison.entries {
        let path = directory.join(format!("{}.csv", entry.contender));
        let write = || {
            let mut file = BufWriter::new(File::create(&path)?);
            event_log::write(&entry.events, &mut file)?;
            file.flush()
        };
        write().with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(())
}

fn tell(format: CompareFormat, question: &Question, comparison: &Comparison) -> anyhow::Result<()> {
    let mut text = match format {
        CompareFormat::Json => serde_json::to_string_pretty(&comparison.outcomes)?,
        CompareFormat::Text => text::table(&comparison.outcomes),
        CompareFormat::Html => html::page(question, comparison),
    };
    if !text.ends_with('\n') {
        text.push('\n');
    }
    match std::io::stdout().write_all(text.as_bytes()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => bail!("cannot write the result: {error}"),
        _ => Ok(()),
    }
}
