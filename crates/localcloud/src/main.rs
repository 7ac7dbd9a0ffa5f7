//! Serves a small world that goes on until it is stopped, to run functions against during development.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::Context;
use clap::{Parser, Subcommand};
use localcloud::demo::{self, Demo};
use localcloud::{CloudConfig, ListenPorts, LocalCloud, published};
use world::demand::Request;
use world::rng::Rng;
use world::{Happening, LogEntry, Milliseconds, NamedFault, WorldConfig, named_fault};

const MINUTE: Milliseconds = 60_000;
/// The pool has settled, and a Jibri records, when the fault of `--fault` strikes.
const STRIKES_AFTER: Milliseconds = MINUTE;
/// How often the world's log is looked at, in real time.
const LOOKS_EVERY: Duration = Duration::from_millis(200);
/// The setting's default.
const JIBRIS_THRESHOLD: u32 = 2;

/// AWS, Jicofo and Jibri on this machine, as far as the autoscaler talks to them.
#[derive(Debug, Parser)]
#[command(version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve a small world until interrupted: three Jibris, and a recording every ten minutes or so.
    ///
    /// Standard output has the environment variables that point a function at it, one KEY=value a line: export them,
    /// run `cargo lambda watch`, and invoke functions with `cargo lambda invoke`. Nothing invokes them by itself. What
    /// the stack's alarms make of the metrics is told on standard error, and so is each fault that strikes.
    Serve(ServeArguments),
    /// Let the functions keep a pool through an office morning, and draw a picture of it.
    ///
    /// Exits with 0 only if no recording was cut, no file was lost, and no function crashed.
    Demo(DemoArguments),
}

#[derive(Debug, clap::Args)]
struct DemoArguments {
    /// Where the functions' binaries are.
    #[arg(long, value_name = "DIRECTORY", default_value = "target/debug")]
    functions: PathBuf,
    /// The stack's template, whose SSM documents are run.
    #[arg(long, value_name = "FILE", default_value = "template.yaml")]
    template: PathBuf,
    /// Where the page, the figures and the logs are written.
    #[arg(long, value_name = "DIRECTORY", default_value = "target/demo")]
    output: PathBuf,
    /// How many times as fast as real time the morning goes by.
    #[arg(long, value_name = "FACTOR", default_value_t = 45.0)]
    speed: f64,
    /// How many minutes the morning has.
    #[arg(long, default_value_t = 115, value_parser = clap::value_parser!(u32).range(60..=1440))]
    minutes: u32,
    /// Decides everything that is left to chance.
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

#[derive(Debug, clap::Args)]
struct ServeArguments {
    /// Port of AWS's services; 0 takes any that is free.
    #[arg(long, value_name = "PORT", default_value_t = 4500)]
    port: u16,
    /// Port of Jicofo; 0 takes any that is free.
    #[arg(long, value_name = "PORT", default_value_t = 8888)]
    jicofo_port: u16,
    /// How many times as fast as real time the world runs.
    #[arg(long, value_name = "FACTOR", default_value_t = 1.0)]
    speed: f64,
    /// Decides everything that is left to chance: the same seed gives the same demand.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// A fault that strikes a minute after the start, such as jicofo-away. Others strike when their name is entered on
    /// standard input. Those of the functions' calls and invocations can only be simulated: `simulator faults --list`.
    #[arg(long, value_name = "FAULT", value_parser = read_fault)]
    fault: Option<&'static NamedFault>,
    /// The stack's template, whose SSM documents are run.
    #[arg(long, value_name = "FILE", default_value = "template.yaml")]
    template: PathBuf,
    /// Where the environment variables and the log of AWS calls are written.
    #[arg(long, value_name = "DIRECTORY", default_value = "target/cloud")]
    output: PathBuf,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    match Arguments::parse().command {
        Command::Serve(arguments) => serve(arguments).await,
        Command::Demo(arguments) => show_demo(arguments).await,
    }
}

async fn show_demo(arguments: DemoArguments) -> anyhow::Result<()> {
    let verdict = demo::run(Demo {
        functions: arguments.functions,
        template: arguments.template,
        output: arguments.output,
        speed: arguments.speed,
        minutes: arguments.minutes,
        seed: arguments.seed,
    })
    .await?;
    anyhow::ensure!(verdict.broken.is_empty(), "{}", verdict.broken.join("; "));
    Ok(())
}

async fn serve(arguments: ServeArguments) -> anyhow::Result<()> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?;
    let start = Milliseconds::try_from(now.as_millis())?;
    let world = standing_world(arguments.seed, start)
        .with_shipped_alarms()
        .map_err(|problem| anyhow::anyhow!("the world is impossible: {problem}"))?;
    let output = arguments.output;
    let mut config = CloudConfig::new(world, output.clone());
    let fortnight_ago = (start / MINUTE - 14 * 24 * 60) * MINUTE;
    let past: Vec<Request> = standing_demand(&mut Rng::new(arguments.seed), fortnight_ago, 2_016).collect();
    config.history = published(&past, fortnight_ago, start, JIBRIS_THRESHOLD);
    config.settings.insert("FORECAST_PARAMETER".into(), "/jibri/forecast".into());
    config.template = Some(arguments.template);
    config.speed = arguments.speed;
    config.ports = ListenPorts { aws: arguments.port, jicofo: arguments.jicofo_port, bucket: 0 };
    let mut cloud = LocalCloud::start(config).await?;
    let variables = describe_variables(&cloud);
    let path = output.join("environment");
    std::fs::write(&path, &variables).with_context(|| format!("cannot write {}", path.display()))?;
    print_variables(&variables, &path);
    tokio::select! {
        interrupted = tokio::signal::ctrl_c() => interrupted?,
        () = watch(&cloud, arguments.fault, start + STRIKES_AFTER) => {}
    }
    cloud.stop().await;
    Ok(())
}

fn read_fault(name: &str) -> Result<&'static NamedFault, String> {
    named_fault(name)
}

/// Tells of alarms and faults as they come, and lets a fault strike when its time has come or its name is entered.
async fn watch(cloud: &LocalCloud, fault: Option<&NamedFault>, strikes_at: Milliseconds) {
    let mut fault = fault;
    let mut told = 0;
    let (entered, mut lines) = tokio::sync::mpsc::unbounded_channel::<String>();
    // Reading blocks, and goes on until the process ends: no task may do it.
    std::thread::spawn(move || {
        for line in std::io::stdin().lines().map_while(Result::ok) {
            if entered.send(line).is_err() {
                break;
            }
        }
    });
    loop {
        tokio::time::sleep(LOOKS_EVERY).await;
        if cloud.clock().now() >= strikes_at
            && let Some(fault) = fault.take()
        {
            cloud.world(|world| world.strike_by(fault));
        }
        while let Ok(line) = lines.try_recv() {
            match named_fault(line.trim()) {
                Ok(fault) => cloud.world(|world| world.strike_by(fault)),
                Err(problem) => eprintln!("{problem}"),
            }
        }
        let news = cloud.world(|world| {
            let news: Vec<String> = world.log()[told..].iter().filter(is_news).map(tell).collect();
            told = world.log().len();
            news
        });
        news.iter().for_each(|line| eprintln!("{line}"));
    }
}

fn is_news(entry: &&LogEntry) -> bool {
    matches!(entry.happening, Happening::AlarmChanged { .. } | Happening::Incident { .. })
}

fn tell(entry: &LogEntry) -> String {
    let (seconds, happening) = (entry.at.div_euclid(1_000).rem_euclid(86_400), &entry.happening);
    format!("{:02}:{:02}:{:02} {happening}", seconds / 3_600, seconds / 60 % 60, seconds % 60)
}

/// A small pool, and a week of recordings of 5 to 40 minutes. Jibris boot in seconds, so that there is something to
/// look at.
fn standing_world(seed: u64, start: Milliseconds) -> WorldConfig {
    // One begins at once, so that a fault of a recording has one to strike.
    let first = Request { at: start + MINUTE / 2, duration_ms: 20 * MINUTE };
    let demand = std::iter::once(first).chain(standing_demand(&mut Rng::new(seed), start, 1_008)).collect();
    let mut world =
        WorldConfig { seed, start, min_size: 1, max_size: 10, desired_capacity: 3, demand, ..WorldConfig::default() };
    world.launch.in_service_seconds = 1.0;
    world.launch.boot_seconds = 3.0;
    world.ssm.registration_seconds = 3.0;
    world
}

fn standing_demand(rng: &mut Rng, start: Milliseconds, count: i64) -> impl Iterator<Item = Request> {
    (1..=count).map(move |index| Request {
        at: start + (index * 10 + rng.between(0, 5)) * MINUTE,
        duration_ms: rng.between(5, 40) * MINUTE,
    })
}

/// As KEY=value lines, which a shell can read.
fn describe_variables(cloud: &LocalCloud) -> String {
    let variables = cloud.function_variables().iter().map(|(name, value)| format!("{name}={value}\n"));
    std::iter::once("AWS_ACCESS_KEY_ID=local\n".to_owned()).chain(variables).collect()
}

#[allow(clippy::print_stdout, reason = "this is what the command is asked for")]
fn print_variables(variables: &str, path: &Path) {
    print!("{variables}");
    eprintln!("The same is in {}. Serving until Ctrl-C.", path.display());
}
