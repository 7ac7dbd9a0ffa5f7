//! The live view: a block that is drawn again and again on a terminal, plain lines elsewhere.
#![allow(clippy::print_stdout, reason = "the demo is watched")]

use std::io::{IsTerminal, Write, stdout};
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::{Map, Value};
use world::{LogEntry, Milliseconds, Snapshot};

use super::forecast::Wanted;
use super::scenario::Scenario;
use crate::cloud::LocalCloud;

/// How often a plain line is printed.
const LINE_INTERVAL: Duration = Duration::from_secs(5);
/// How many of the last happenings the block shows.
const SHOWN: usize = 6;

pub(super) struct View {
    terminal: bool,
    start: Milliseconds,
    end: Milliseconds,
    drawn_lines: usize,
    last_line: Option<Instant>,
}

impl View {
    pub(super) fn begin(scenario: &Scenario, speed: f64) -> View {
        println!(
            "An office morning, {speed:.0} times as fast: {} minutes of it in {:.0} seconds.",
            (scenario.end - scenario.start) / 60_000,
            seconds(scenario.end - scenario.start) / speed
        );
        View {
            terminal: stdout().is_terminal(),
            start: scenario.start,
            end: scenario.end,
            drawn_lines: 0,
            last_line: None,
        }
    }

    pub(super) fn show(&mut self, snapshot: &Snapshot, wanted: Wanted, cloud: &LocalCloud) {
        if self.terminal {
            let latest = cloud.world(|world| latest(world.log()));
            return self.draw(snapshot, wanted, &latest);
        }
        if self.last_line.is_none_or(|last| last.elapsed() >= LINE_INTERVAL) {
            self.last_line = Some(Instant::now());
            println!("{}", line(snapshot, wanted));
        }
    }

    fn draw(&mut self, snapshot: &Snapshot, wanted: Wanted, latest: &[String]) {
        let share = seconds(snapshot.at_ms - self.start) / seconds(self.end - self.start);
        let mut lines = vec![
            format!("{}  {}", clock(snapshot.at_ms), bar(share)),
            format!("  busy       {:>3}  {}", snapshot.busy, blocks('█', snapshot.busy)),
            format!("  available  {:>3}  {}", snapshot.available, blocks('▒', snapshot.available)),
            format!("  wanted     {:>3}  by the {}", wanted.spare, author(wanted)),
            format!("  pending    {:>3}  {}", snapshot.pending, blocks('·', snapshot.pending)),
            format!("  draining   {:>3}  {}", snapshot.draining, blocks('▼', snapshot.draining)),
            format!(
                "  desired {} · requests {} · refused {} · cut {} · lost {}",
                snapshot.desired, snapshot.requests, snapshot.refused, snapshot.recordings_cut, snapshot.files_lost
            ),
        ];
        lines.extend((0..SHOWN).map(|index| format!("  {}", latest.get(index).map_or("", String::as_str))));
        let mut out = stdout().lock();
        // Up over what was drawn before; each line is cleared to its end.
        let up = if self.drawn_lines > 0 { format!("\x1b[{}A", self.drawn_lines) } else { String::new() };
        let text: String = lines.iter().map(|line| format!("{line}\x1b[K\n")).collect();
        let _ = write!(out, "{up}{text}").and_then(|()| out.flush());
        self.drawn_lines = lines.len();
    }

    pub(super) fn finish(&mut self) {
        println!();
    }
}

fn author(wanted: Wanted) -> &'static str {
    if wanted.by_forecast { "forecast" } else { "threshold" }
}

fn line(snapshot: &Snapshot, wanted: Wanted) -> String {
    format!(
        "{}  busy {:>2}  available {:>2} of {:>2} by the {:<9}  pending {:>2}  draining {:>2}  desired {:>2}  requests {:>3}  refused {}",
        clock(snapshot.at_ms),
        snapshot.busy,
        snapshot.available,
        wanted.spare,
        author(wanted),
        snapshot.pending,
        snapshot.draining,
        snapshot.desired,
        snapshot.requests,
        snapshot.refused
    )
}

fn latest(log: &[LogEntry]) -> Vec<String> {
    let tail = &log[log.len().saturating_sub(SHOWN)..];
    tail.iter().map(|entry| format!("{}  {}", clock(entry.at), entry.happening)).collect()
}

fn clock(moment: Milliseconds) -> String {
    jiff::Timestamp::from_millisecond(moment)
        .map_or_else(|_| moment.to_string(), |at| at.strftime("%H:%M:%S").to_string())
}

fn seconds(span: Milliseconds) -> f64 {
    Duration::from_millis(u64::try_from(span).unwrap_or(0)).as_secs_f64()
}

fn blocks(block: char, count: u32) -> String {
    std::iter::repeat_n(block, usize::try_from(count).unwrap_or(0)).collect()
}

fn bar(share: f64) -> String {
    const WIDTH: usize = 40;
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share of forty")]
    let done = ((share.clamp(0.0, 1.0) * 40.0) as usize).min(WIDTH);
    format!("[{}{}]", "=".repeat(done), " ".repeat(WIDTH - done))
}

pub(super) fn print_summary(summary: &Map<String, Value>, output: &Path) {
    for (name, figure) in summary {
        println!("  {:<24} {figure:>10}", name.replace('_', " "));
    }
    println!("The picture: {}", output.join("index.html").display());
    println!("The figures: {}", output.join("summary.json").display());
}
