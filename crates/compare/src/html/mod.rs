//! The comparison as a page: one file, nothing from outside, light and dark.

mod curve;
mod day;

use std::fmt::Write;

use chart::Page;
use serde::Serialize;

use self::{curve::TradeOff, day::Day};
use super::{Comparison, Entry, Question, WARM_UP_SECONDS, figures::TOLERANCE, outcome::Outcome, policies::Contender};

/// What the figures are drawn of.
#[derive(Debug, Serialize)]
struct Figures {
    trade_off: Option<TradeOff>,
    day: Option<Day>,
}

/// The page.
pub fn page(question: &Question, comparison: &Comparison) -> String {
    let figures = Figures { trade_off: TradeOff::of(question, comparison), day: Day::of(question, comparison) };
    let headline = headline(question, comparison);
    let (about, table) = (about(question), table(question, comparison));
    let trade_off = figures.trade_off.as_ref().map_or("", |_| TRADE_OFF);
    let day = figures.day.as_ref().map(about_day).unwrap_or_default();
    let page = Page {
        title: "Jibri pools side by side",
        body: &format!("<h1>{headline}</h1>\n{about}\n{table}\n{trade_off}\n{day}"),
        style: include_str!("style.css"),
        script: include_str!("figures.js"),
        data: &figures,
    };
    page.render().expect("figures are numbers, names and lists of them")
}

const TRADE_OFF: &str = "<h2>The trade-off</h2>\n<p>Down and to the left is better. Each line is one policy at several \
     parameters, its large dot the one that reaches the wanted hit rate. Both axes are logarithmic.</p>\n\
     <div class=\"figure\" id=\"trade-off\"></div>";

fn about_day(day: &Day) -> String {
    let date = jiff::Timestamp::from_second(day.midnight);
    format!(
        "<h2>A typical day: {}</h2>\n<p>The weekday with the median number of requests, {}. The grey area is what is \
         wanted: recordings under way if none is refused. The lines are the instances that each pool pays for; what lies \
         between a line and the area is idle, or launching. Point at a moment, or use the arrow keys, to read its \
         values.</p>\n<div class=\"figure\" id=\"day\"></div>",
        date.map_or_else(|_| String::new(), |at| at.strftime("%A, %-d %B %Y").to_string()),
        day.requests
    )
}

/// The policy that reaches the hit rate with the fewest idle hours, without knowing the future.
fn best(comparison: &Comparison) -> Option<&Entry> {
    let possible = comparison.entries.iter().filter(|entry| entry.contender != Contender::Bound && entry.tuned.reached);
    possible.min_by(|one, other| one.tuned.figures.idle_hours().total_cmp(&other.tuned.figures.idle_hours()))
}

fn headline(question: &Question, comparison: &Comparison) -> String {
    let rate = percent(question.hit_rate);
    let Some(best) = best(comparison) else {
        return format!("No policy that was compared finds a Jibri for {rate} of the requests");
    };
    let idle = best.tuned.figures.idle_hours();
    let mut text = format!(
        "A Jibri for {rate} of the requests: {} needs the fewest idle hours, {}",
        best.contender,
        thousands(idle)
    );
    let seed = comparison.entries.iter().find(|entry| entry.contender == Contender::Seed);
    if let Some(seed) = seed.filter(|seed| seed.contender != best.contender) {
        let less = 100.0 * (1.0 - idle / seed.tuned.figures.idle_hours());
        let _ = write!(text, ": {less:.0} % less than the seed");
    }
    text
}

fn about(question: &Question) -> String {
    let scenario = &question.scenario;
    #[allow(clippy::cast_precision_loss, reason = "seconds of a trace")]
    let days = (scenario.ends_at() - scenario.counted_from()) as f64 / 86_400.0;
    format!(
        "<p class=\"quiet\">{} requests from {} on; a launch takes {} s. The first {} days warm up and are not counted, \
         the {days:.1} days after them are. Each policy has the smallest parameter that reaches the hit rate, chosen with \
         hindsight; the forecast alone is set to the hit rate and meets the demand unseen, which counts as kept up to \
         {TOLERANCE} times the refusals that it allows. Idle hours are instance hours without a recording, launching \
         included.</p>",
        thousands_whole(scenario.demand.len()),
        date_of(scenario.first_at()),
        scenario.lead_seconds,
        WARM_UP_SECONDS / 86_400
    )
}

fn table(question: &Question, comparison: &Comparison) -> String {
    let most = comparison.outcomes.iter().map(|outcome| outcome.idle_hours).fold(1.0, f64::max);
    let best = best(comparison).map(|entry| entry.contender);
    let mut rows = String::new();
    for (entry, outcome) in comparison.entries.iter().zip(&comparison.outcomes) {
        rows.push_str(&row(entry, outcome, most, best == Some(entry.contender)));
    }
    let missing: Vec<&str> =
        comparison.entries.iter().filter(|entry| !entry.tuned.reached).map(|entry| entry.contender.name()).collect();
    let note = match missing.is_empty() {
        true => String::new(),
        false => format!(
            "<p class=\"quiet\">† {} did not reach {}: compare the idle hours with care.</p>",
            missing.join(", "),
            percent(question.hit_rate)
        ),
    };
    format!(
        "<h2>What each policy costs</h2>\n<div class=\"wide\"><table>\n<thead><tr><th>Policy</th><th>Parameter</th>\
         <th>Refused</th><th>Hit rate</th><th>Instance<br>hours</th><th>Busy<br>hours</th><th>Idle<br>hours</th>\
         <th></th><th>Launches</th><th>Idle,<br>× bound</th><th>Idle,<br>× seed</th></tr></thead>\n<tbody>\n{rows}</tbody>\
         \n</table></div>\n{note}"
    )
}

fn row(entry: &Entry, outcome: &Outcome, most: f64, is_best: bool) -> String {
    let ratio = |ratio: Option<f64>| ratio.map_or_else(|| "–".to_owned(), |ratio| format!("{ratio:.2}"));
    let name = entry.contender.name();
    format!(
        "<tr{}><td><span class=\"swatch\" style=\"background:var(--{name})\"></span>{name}{}</td>\
         <td title=\"{}\">{}</td><td>{}</td><td>{:.3} %</td><td>{}</td><td>{}</td><td>{}</td>\
         <td class=\"bar\"><svg viewBox=\"0 0 200 12\" preserveAspectRatio=\"none\"><rect width=\"{:.1}\" height=\"12\" \
         fill=\"var(--{name})\"><title>{} idle hours</title></rect></svg></td><td>{}</td><td>{}</td><td>{}</td></tr>\n",
        if is_best { " class=\"best\"" } else { "" },
        if entry.tuned.reached { "" } else { " †" },
        entry.contender.parameter_meaning(),
        outcome.parameter,
        outcome.refused,
        outcome.hit_rate * 100.0,
        thousands(outcome.instance_hours),
        thousands(outcome.busy_hours),
        thousands(outcome.idle_hours),
        (200.0 * outcome.idle_hours / most).max(1.0),
        thousands(outcome.idle_hours),
        thousands_whole(usize::try_from(outcome.launches).unwrap_or(usize::MAX)),
        ratio(outcome.idle_ratio_to_bound),
        ratio(outcome.idle_ratio_to_seed)
    )
}

/// A share as a percentage, without noise.
fn percent(share: f64) -> String {
    format!("{} %", (share * 1e6).round() / 1e4)
}

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "hours, positive")]
fn thousands(number: f64) -> String {
    thousands_whole(number.round().max(0.0) as usize)
}

/// With a thin space between thousands.
fn thousands_whole(number: usize) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push('\u{202f}');
        }
        text.push(digit);
    }
    text
}

fn date_of(seconds: i64) -> String {
    jiff::Timestamp::from_second(seconds).map_or_else(|_| String::new(), |at| at.strftime("%-d %B %Y").to_string())
}
