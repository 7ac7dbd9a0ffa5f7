//! The matrix as it is printed, and as the page has it.

use super::{Outcome, Rang};

/// The table for a terminal: what rang, what was expected, and what is not as it should be.
pub fn text(outcomes: &[Outcome]) -> String {
    let mut table = String::new();
    for outcome in outcomes {
        let name = match outcome.variant {
            "" => outcome.fault.to_owned(),
            variant => format!("{} ({})", outcome.fault, variant.replace('`', "")),
        };
        let verdict = if outcome.mismatches.is_empty() { "ok" } else { "MISMATCH" };
        table += &format!("{verdict:<9} {name:<40} {}\n", told(outcome, &|rang| rang.alarm.to_owned()));
        for mismatch in &outcome.mismatches {
            table += &format!("{:10}  {mismatch}\n", "");
        }
    }
    table
}

/// The table of `docs/faults.md`.
pub fn markdown(outcomes: &[Outcome]) -> String {
    let mut table =
        String::from("| fault | what rings, and after how many minutes, or why nothing has to |\n| --- | --- |\n");
    for outcome in outcomes {
        let variant = match outcome.variant {
            "" => String::new(),
            variant => format!(", {variant}"),
        };
        table +=
            &format!("| `{}`{variant} | {} |\n", outcome.fault, told(outcome, &|rang| format!("`{}`", rang.alarm)));
    }
    table
}

fn told(outcome: &Outcome, name: &dyn Fn(&Rang) -> String) -> String {
    let ring = |rang: &Rang| match rang.within_minutes {
        Some(within) => format!("{} {} (≤ {within})", name(rang), rang.minutes),
        None => format!("side effect: {} {}", name(rang), rang.minutes),
    };
    let (must, may): (Vec<&Rang>, Vec<&Rang>) = outcome.rang.iter().partition(|rang| rang.within_minutes.is_some());
    let rings: Vec<String> = must.into_iter().chain(may).map(ring).collect();
    let (short, left) = (outcome.short_minutes, outcome.left_minutes);
    let quiet = match outcome.reason {
        "" => None,
        reason if outcome.harmless => Some(format!("no harm: {reason}")),
        reason if left > short => Some(format!("heals in {short}, and is cleared away in {left}: {reason}")),
        reason => Some(format!("heals in {short}: {reason}")),
    };
    quiet.into_iter().chain(rings).collect::<Vec<_>>().join("; ")
}
