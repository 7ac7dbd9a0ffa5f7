//! The trade-off of each policy: idle hours against refused requests.

use std::fmt::Write;

use super::{
    super::{Comparison, Entry, Question, policies::Contender, tune::Figures},
    percent,
    scale::{Scale, spread},
    thousands,
};

const WIDTH: f64 = 1080.0;
const HEIGHT: f64 = 520.0;
const RIGHT: f64 = WIDTH - 150.0;
const BOTTOM: f64 = HEIGHT - 54.0;

/// A heading, a sentence and the drawing.
pub(super) fn section(question: &Question, comparison: &Comparison) -> String {
    let figures: Vec<&Figures> = comparison.entries.iter().flat_map(|entry| &entry.trade_off).collect();
    let Some(requests) = figures.first().map(|figures| figures.tally.requests.max(1)) else { return String::new() };
    let idle = figures.iter().map(|figures| figures.idle_hours().max(1.0));
    let (low, high) = idle.fold((f64::INFINITY, 1.0f64), |(low, high), idle| (low.min(idle), high.max(idle)));
    let worst = figures.iter().map(|figures| refused_share(figures)).fold(1.0 - question.hit_rate, f64::max);
    #[allow(clippy::cast_precision_loss, reason = "requests of a trace")]
    let least = (0.5 / requests as f64).min((1.0 - question.hit_rate) / 2.0);
    let across = Scale { least, most: (worst * 1.2).max(least * 10.0), begin: 74.0, end: RIGHT };
    let up = Scale { least: low * 0.8, most: high * 1.2, begin: BOTTOM, end: 16.0 };
    let mut svg = grid(&across, &up, question);
    labelled_curves(&mut svg, comparison, &across, &up);
    format!(
        "<h2>The trade-off</h2>\n<p>Down and to the left is better. Each line is one policy at several parameters, its \
         large dot the one that reaches the wanted hit rate. Both axes are logarithmic.</p>\n<figure>\
         <svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"Idle hours against refused requests\">\n{svg}\
         </svg></figure>"
    )
}

fn refused_share(figures: &Figures) -> f64 {
    1.0 - figures.hit_rate()
}

fn grid(across: &Scale, up: &Scale, question: &Question) -> String {
    let mut svg = String::new();
    for tick in across.logarithmic_ticks() {
        let x = across.logarithmic(tick);
        let _ = writeln!(
            svg,
            "<line class=\"grid\" x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"16\" y2=\"{BOTTOM}\"/>\
             <text x=\"{x:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>",
            BOTTOM + 20.0,
            percent(tick)
        );
    }
    for tick in up.logarithmic_ticks() {
        let y = up.logarithmic(tick);
        let _ = writeln!(
            svg,
            "<line class=\"grid\" x1=\"74\" x2=\"{RIGHT}\" y1=\"{y:.1}\" y2=\"{y:.1}\"/>\
             <text x=\"66\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
            y + 4.0,
            thousands(tick)
        );
    }
    let goal = across.logarithmic(1.0 - question.hit_rate);
    let _ = writeln!(
        svg,
        "<line class=\"goal\" x1=\"{goal:.1}\" x2=\"{goal:.1}\" y1=\"16\" y2=\"{BOTTOM}\"/>\
         <text class=\"title\" x=\"{:.1}\" y=\"{:.1}\">wanted: {} found</text>\
         <text class=\"title\" x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">refused requests, of all (none: at the left \
         edge)</text><text class=\"title\" transform=\"translate(14 {:.1}) rotate(-90)\" text-anchor=\"middle\">idle \
         hours</text>",
        goal + 6.0,
        26.0,
        percent(question.hit_rate),
        f64::midpoint(74.0, RIGHT),
        HEIGHT - 10.0,
        f64::midpoint(16.0, BOTTOM)
    );
    svg
}

fn labelled_curves(svg: &mut String, comparison: &Comparison, across: &Scale, up: &Scale) {
    let mut ends: Vec<(f64, f64, &Entry)> = Vec::new();
    for entry in &comparison.entries {
        let place = |figures: &Figures| {
            (across.logarithmic(refused_share(figures)), up.logarithmic(figures.idle_hours().max(1.0)))
        };
        let points: Vec<(f64, f64)> = entry.trade_off.iter().map(place).collect();
        let name = entry.contender.name();
        let strong = if entry.contender.is_ours() { " strong" } else { "" };
        let mut path: String = points.iter().enumerate().fold(String::new(), |path, (index, (x, y))| {
            format!("{path}{}{x:.1} {y:.1}", if index == 0 { "M" } else { "L" })
        });
        // The bound has no parameter: a line for the eye.
        if entry.contender == Contender::Bound {
            path = points.first().map_or(path, |(x, y)| format!("M{x:.1} {y:.1}H{RIGHT}"));
        }
        let _ = writeln!(svg, "<path class=\"curve{strong}\" stroke=\"var(--{name})\" d=\"{path}\"/>");
        for ((x, y), figures) in points.iter().zip(&entry.trade_off) {
            let radius = if figures.parameter == entry.tuned.figures.parameter { 6.0 } else { 3.0 };
            let _ = writeln!(
                svg,
                "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"{radius}\" fill=\"var(--{name})\"><title>{name} at {}: {} of {} \
                 refused, {} idle hours</title></circle>",
                figures.parameter,
                figures.tally.refused,
                figures.tally.requests,
                thousands(figures.idle_hours())
            );
        }
        let last = points.iter().copied().max_by(|one, other| one.0.total_cmp(&other.0));
        let end = if entry.contender == Contender::Bound { points.first().map(|point| (RIGHT, point.1)) } else { last };
        ends.extend(end.map(|(x, y)| (x, y, entry)));
    }
    ends.sort_by(|one, other| one.1.total_cmp(&other.1));
    let mut places: Vec<f64> = ends.iter().map(|end| end.1).collect();
    spread(&mut places, 18.0, 20.0, BOTTOM);
    for ((x, y, entry), place) in ends.iter().zip(places) {
        let name = entry.contender.name();
        let _ = writeln!(
            svg,
            "<path class=\"leader\" stroke=\"var(--{name})\" d=\"M{x:.1} {y:.1}L{:.1} {place:.1}\"/>\
             <text class=\"label\" style=\"fill:var(--{name})\" x=\"{:.1}\" y=\"{:.1}\">{name}</text>",
            RIGHT + 10.0,
            RIGHT + 14.0,
            place + 4.0
        );
    }
}
