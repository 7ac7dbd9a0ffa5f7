//! A typical day: what is wanted, and how large each pool is.

use std::{collections::BTreeMap, fmt::Write};

use super::{
    super::{
        Comparison, Entry, Question,
        policies::Contender,
        pool::{EventKind, Scenario},
    },
    scale::{Scale, spread},
};

const WIDTH: f64 = 1080.0;
const HEIGHT: f64 = 460.0;
const LEFT: f64 = 54.0;
const RIGHT: f64 = WIDTH - 150.0;
const BOTTOM: f64 = HEIGHT - 52.0;
const DAY_SECONDS: i64 = 86_400;
const MINUTES: usize = 1440;

/// A heading, a sentence and the drawing; nothing if no whole weekday is counted.
pub(super) fn section(question: &Question, comparison: &Comparison) -> String {
    let Some((day, requests)) = typical_day(&question.scenario) else { return String::new() };
    let demand = busy_by_minute(&question.scenario, day);
    let pools: Vec<(&Entry, Vec<i32>)> = comparison
        .entries
        .iter()
        .filter(|entry| is_drawn(entry.contender))
        .map(|entry| (entry, size_by_minute(entry, day)))
        .collect();
    let most = pools.iter().flat_map(|(_, sizes)| sizes).chain(&demand).copied().max().unwrap_or(0).max(4);
    let across = Scale { least: 0.0, most: 24.0, begin: LEFT, end: RIGHT };
    let up = Scale { least: 0.0, most: f64::from(most) * 1.05, begin: BOTTOM, end: 12.0 };
    let mut svg = grid(&across, &up, most);
    let outline = steps(&demand, &across, &up);
    let _ = writeln!(
        svg,
        "<path class=\"demand\" d=\"{outline}V{BOTTOM}H{LEFT}Z\"><title>Recordings wanted at once: at most {}</title></path>",
        demand.iter().max().unwrap_or(&0)
    );
    let mut ends: Vec<(f64, &str)> = Vec::new();
    for (entry, sizes) in &pools {
        let name = entry.contender.name();
        let strong = if entry.contender.is_ours() { " strong" } else { "" };
        let _ = writeln!(
            svg,
            "<path class=\"curve{strong}\" stroke=\"var(--{name})\" d=\"{}\"><title>{name}: {} to {} instances\
             </title></path>",
            steps(sizes, &across, &up),
            sizes.iter().min().unwrap_or(&0),
            sizes.iter().max().unwrap_or(&0)
        );
        ends.push((up.linear(f64::from(*sizes.last().unwrap_or(&0))), name));
    }
    labels(&mut svg, ends);
    format!(
        "<h2>A typical day: {}</h2>\n<p>The weekday with the median number of requests, {requests}. The grey area is what \
         is wanted: recordings under way if none is refused. The lines are the instances that each pool pays for; what \
         lies between a line and the area is idle, or launching.</p>\n<figure><svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" \
         role=\"img\" aria-label=\"Demand and pool sizes over a day\">\n{svg}</svg></figure>",
        jiff::Timestamp::from_second(day).map_or_else(|_| String::new(), |at| at.strftime("%A, %-d %B %Y").to_string())
    )
}

fn is_drawn(contender: Contender) -> bool {
    contender.is_ours() || matches!(contender, Contender::Seed | Contender::Threshold | Contender::Bound)
}

/// Midnight (UTC) of the weekday with the median number of requests in the counted part, and that number.
fn typical_day(scenario: &Scenario) -> Option<(i64, usize)> {
    let from = scenario.counted_from().div_euclid(DAY_SECONDS) + 1;
    let until = scenario.demand.last()?.at.div_euclid(1000 * DAY_SECONDS);
    let mut requests: BTreeMap<i64, usize> = BTreeMap::new();
    for request in scenario.demand {
        let day = request.at.div_euclid(1000 * DAY_SECONDS);
        // The epoch was a Thursday.
        if (from..until).contains(&day) && !matches!((day + 4).rem_euclid(7), 0 | 6) {
            *requests.entry(day).or_default() += 1;
        }
    }
    let mut days: Vec<(usize, i64)> = requests.into_iter().map(|(day, count)| (count, day)).collect();
    days.sort_unstable();
    days.get(days.len() / 2).map(|(count, day)| (day * DAY_SECONDS, *count))
}

fn busy_by_minute(scenario: &Scenario, day: i64) -> Vec<i32> {
    let changes = scenario.demand.iter().flat_map(|request| {
        [(request.at.div_euclid(1000), 1), ((request.at + request.duration_ms).div_euclid(1000), -1)]
    });
    by_minute(changes, day)
}

fn size_by_minute(entry: &Entry, day: i64) -> Vec<i32> {
    let changes = entry.events.iter().filter_map(|event| match event.kind {
        EventKind::Launch => Some((event.at, 1)),
        EventKind::Terminate => Some((event.at, -1)),
        _ => None,
    });
    by_minute(changes, day)
}

/// A count at the end of each minute of a day, from its changes.
fn by_minute(changes: impl Iterator<Item = (i64, i32)>, day: i64) -> Vec<i32> {
    let mut counts = vec![0; MINUTES];
    for (at, change) in changes {
        let minute = usize::try_from((at - day).div_euclid(60)).unwrap_or(0);
        if let Some(count) = counts.get_mut(minute) {
            *count += change;
        }
    }
    let mut total = 0;
    for count in &mut counts {
        total += *count;
        *count = total;
    }
    counts
}

#[allow(clippy::cast_precision_loss, reason = "minutes of a day")]
fn steps(counts: &[i32], across: &Scale, up: &Scale) -> String {
    let mut path = String::new();
    let mut before = None;
    for (minute, count) in counts.iter().enumerate() {
        if before != Some(count) {
            let (x, y) = (across.linear(minute as f64 / 60.0), up.linear(f64::from(*count)));
            let _ = if before.is_none() { write!(path, "M{x:.1} {y:.1}") } else { write!(path, "H{x:.1}V{y:.1}") };
            before = Some(count);
        }
    }
    let _ = write!(path, "H{:.1}", across.end);
    path
}

fn grid(across: &Scale, up: &Scale, most: i32) -> String {
    let mut svg = String::new();
    let step = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000].into_iter().find(|step| most / step <= 8).unwrap_or(5000);
    for count in (0..=most).step_by(usize::try_from(step).unwrap_or(1)) {
        let y = up.linear(f64::from(count));
        let _ = writeln!(
            svg,
            "<line class=\"grid\" x1=\"{LEFT}\" x2=\"{RIGHT}\" y1=\"{y:.1}\" y2=\"{y:.1}\"/>\
             <text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{count}</text>",
            LEFT - 8.0,
            y + 4.0
        );
    }
    for hour in (0..=24).step_by(2) {
        let x = across.linear(f64::from(hour));
        let _ = writeln!(
            svg,
            "<line class=\"axis\" x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{BOTTOM}\" y2=\"{:.1}\"/>\
             <text x=\"{x:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{hour:02}:00</text>",
            BOTTOM + 5.0,
            BOTTOM + 21.0
        );
    }
    let _ = writeln!(
        svg,
        "<text class=\"title\" x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">time of day (UTC)</text>\
         <text class=\"title\" transform=\"translate(14 {:.1}) rotate(-90)\" text-anchor=\"middle\">instances</text>",
        f64::midpoint(LEFT, RIGHT),
        HEIGHT - 8.0,
        f64::midpoint(12.0, BOTTOM)
    );
    svg
}

fn labels(svg: &mut String, mut ends: Vec<(f64, &str)>) {
    ends.sort_by(|one, other| one.0.total_cmp(&other.0));
    let mut places: Vec<f64> = ends.iter().map(|end| end.0).collect();
    spread(&mut places, 18.0, 16.0, BOTTOM);
    for ((y, name), place) in ends.iter().zip(places) {
        let _ = writeln!(
            svg,
            "<path class=\"leader\" stroke=\"var(--{name})\" d=\"M{RIGHT} {y:.1}L{:.1} {place:.1}\"/>\
             <text class=\"label\" style=\"fill:var(--{name})\" x=\"{:.1}\" y=\"{:.1}\">{name}</text>",
            RIGHT + 10.0,
            RIGHT + 14.0,
            place + 4.0
        );
    }
}
