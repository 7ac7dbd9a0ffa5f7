//! Plans as values: what is to be done, what is waited for, and what is wrong.

use std::fmt;

use crate::{Action, Problem, Stage, Step, Wait};

/// What one tick wants to do. An empty plan is normal.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// What to do, as it was planned. It is applied stage after stage, each from first to last.
    pub steps: Vec<Step>,
    /// What is under way, and therefore not done again.
    pub waits: Vec<Wait>,
    /// What an operator should look at; the autoscaler does nothing about it by itself.
    pub problems: Vec<Problem>,
}

impl Plan {
    /// Adds another plan's steps, waits and problems behind this one's.
    pub fn append(&mut self, other: Plan) {
        self.steps.extend(other.steps);
        self.waits.extend(other.waits);
        self.problems.extend(other.problems);
    }

    /// The actions of one stage, in the order of their steps.
    pub fn actions_of(&self, stage: Stage) -> impl Iterator<Item = &Action> {
        self.steps.iter().map(|step| &step.action).filter(move |action| action.stage() == stage)
    }

    pub(crate) fn step(&mut self, action: Action, reason: impl Into<String>) {
        self.steps.push(Step { action, reason: reason.into() });
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let steps = self.steps.iter().map(Step::to_string);
        let waits = self.waits.iter().map(|wait| format!("waits for {wait}"));
        let problems = self.problems.iter().map(|problem| format!("PROBLEM: {problem}"));
        let lines: Vec<String> = steps.chain(waits).chain(problems).collect();
        match lines.is_empty() {
            true => formatter.write_str("nothing to do"),
            false => formatter.write_str(&lines.join("; ")),
        }
    }
}
