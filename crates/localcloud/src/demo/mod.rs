//! The demo: a compressed office morning, with everything that may go wrong in one.

mod forecast;
mod scenario;
mod story;
mod view;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, ensure};
use serde_json::{Map, Value, json};
use world::Milliseconds;

use self::forecast::{Reign, Wanted, reign};
use self::scenario::Scenario;
use self::view::View;
use crate::cloud::LocalCloud;
use crate::config::CloudConfig;
use crate::lambda::Outcome;
use crate::page::{self, Sample};

/// How often the pool is looked at, in real time.
const LOOK_INTERVAL: Duration = Duration::from_millis(200);

/// A demo to run.
#[derive(Clone, Debug)]
pub struct Demo {
    /// Where the functions' binaries are.
    pub functions: PathBuf,
    /// The stack's template, with the SSM documents.
    pub template: PathBuf,
    /// Where the page, the figures and the logs go.
    pub output: PathBuf,
    /// How many times as fast as real time.
    pub speed: f64,
    /// How long, in minutes of the world's time.
    pub minutes: u32,
    /// Decides everything that is left to chance.
    pub seed: u64,
}

/// What a demo came to.
#[derive(Clone, Debug)]
pub struct Verdict {
    /// What went against the promises; empty when nothing did.
    pub broken: Vec<String>,
}

/// Runs the demo to its end: the live view on standard output, `summary.json` and `index.html` in the output.
pub async fn run(demo: Demo) -> anyhow::Result<Verdict> {
    let scenario = Scenario::new(demo.seed, demo.minutes);
    let mut config = CloudConfig::new(scenario.world.clone(), demo.output.clone());
    config.speed = demo.speed;
    config.function_directory = Some(demo.functions);
    config.template = Some(demo.template);
    config.settings = scenario.settings.clone();
    config.functions = scenario.functions.clone();
    config.history = scenario.history.clone();
    let mut cloud = LocalCloud::start(config).await?;
    let mut view = View::begin(&scenario, demo.speed);
    let (mut samples, mut looks) = (Vec::new(), Vec::new());
    let mut refused_before = 0;
    loop {
        let snapshot = cloud.snapshot();
        let wanted = Wanted::look(&cloud, scenario.threshold);
        looks.push(wanted);
        samples.push(Sample {
            at_ms: snapshot.at_ms,
            demand: snapshot.busy + u32::try_from(snapshot.refused - refused_before).unwrap_or(u32::MAX),
            busy: snapshot.busy,
            available: snapshot.available,
            pending: snapshot.pending,
            draining: snapshot.draining,
            desired: snapshot.desired,
            target: wanted.spare,
        });
        refused_before = snapshot.refused;
        view.show(&snapshot, wanted, &cloud);
        if snapshot.at_ms >= scenario.end {
            break;
        }
        tokio::time::sleep(LOOK_INTERVAL).await;
    }
    cloud.stop().await;
    view.finish();
    finish(&cloud, &scenario, samples, reign(&looks), &demo.output)
}

fn finish(
    cloud: &LocalCloud,
    scenario: &Scenario,
    samples: Vec<Sample>,
    reign: Option<Reign>,
    output: &Path,
) -> anyhow::Result<Verdict> {
    let mut summary = summarize(cloud, scenario.end)?;
    summary.insert("forecast_minutes".into(), json!(reign.map_or(0, |reign| (reign.duration + 30_000) / 60_000)));
    let run = cloud.world(|world| story::tell(world.log(), scenario, samples, reign, &summary));
    let write = |name: &str, text: String| {
        let path = output.join(name);
        fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))
    };
    write("summary.json", serde_json::to_string_pretty(&summary)? + "\n")?;
    write("index.html", page::render(&run))?;
    let log = cloud.world(|world| world.log().iter().map(|entry| format!("{entry}\n")).collect::<String>());
    write("world.log", log)?;
    view::print_summary(&summary, output);
    judge(&summary)
}

fn summarize(cloud: &LocalCloud, end: Milliseconds) -> anyhow::Result<Map<String, Value>> {
    let Value::Object(mut summary) = serde_json::to_value(cloud.summary())? else {
        anyhow::bail!("a summary is an object");
    };
    // What was under way when the cloud stopped could not end well.
    let invocations = cloud.invocations();
    let ended = || invocations.iter().filter(|invocation| invocation.ended_at.is_some_and(|at| at < end));
    let count = |wanted: fn(&Outcome) -> bool| {
        ended().filter_map(|one| one.outcome.as_ref()).filter(|&one| wanted(one)).count()
    };
    summary.insert("invocations".into(), json!(invocations.len()));
    summary.insert("invocations_with_error".into(), json!(count(|outcome| matches!(outcome, Outcome::Error(_)))));
    summary.insert("invocations_timed_out".into(), json!(count(|outcome| *outcome == Outcome::TimedOut)));
    summary.insert("invocations_crashed".into(), json!(count(|outcome| matches!(outcome, Outcome::Crashed(_)))));
    summary.insert("aws_calls".into(), json!(cloud.calls().len()));
    Ok(summary)
}

/// Nothing cut, nothing lost, and no function crashed; and something must have happened, or this proves nothing. On a
/// busy machine an invocation may time out, for a minute is little more than a second here: it costs a tick.
fn judge(summary: &Map<String, Value>) -> anyhow::Result<Verdict> {
    let figure = |name: &str| summary.get(name).and_then(Value::as_i64).with_context(|| format!("no {name}"));
    let mut broken = Vec::new();
    for (name, words) in [
        ("recordings_cut", "recordings were cut"),
        ("files_lost", "recordings were lost before they were uploaded"),
        ("invocations_crashed", "invocations crashed"),
    ] {
        let count = figure(name)?;
        if count > 0 {
            broken.push(format!("{count} {words}"));
        }
    }
    for name in ["requests", "launches", "terminations", "drains", "forecast_minutes"] {
        ensure!(figure(name)? > 0, "the demo shows nothing: there are no {name}");
    }
    Ok(Verdict { broken })
}
