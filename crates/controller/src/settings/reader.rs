//! Reads one variable at a time, and collects what cannot be used.

use super::{setting::Setting, values::Readable, variables::Variables};
use crate::Function;

/// The variables, and what cannot be used of them.
pub(super) struct Reader<'a> {
    pub(super) variables: Variables<'a>,
    /// The function that reads; none for all of them.
    pub(super) function: Option<Function>,
    pub(super) problems: Vec<String>,
}

impl Reader<'_> {
    /// Whether this setting is read at all.
    pub(super) fn concerns(&self, setting: &Setting) -> bool {
        self.function.is_none_or(|function| setting.is_read_by(function))
    }

    pub(super) fn reject(&mut self, name: &str, allowed: &str) {
        self.problems.push(self.variables.problem(name, allowed));
    }

    /// The value of a setting; what stands for it where it is not read, or cannot be used.
    pub(super) fn read<K: Readable>(&mut self, setting: &Setting, kind: &K) -> K::Value {
        if !self.concerns(setting) {
            return kind.placeholder();
        }
        kind.parse(self.variables.value(setting.variable), &self.variables).unwrap_or_else(|| {
            self.reject(setting.variable, &kind.allowed());
            kind.placeholder()
        })
    }

    /// The value of a setting that some functions tolerate a bad one of: they have what is wrong with it instead.
    pub(super) fn try_read<K: Readable>(&mut self, setting: &Setting, kind: &K) -> Result<K::Value, String> {
        if !self.function.is_some_and(|function| setting.tolerated_by.contains(&function)) {
            return Ok(self.read(setting, kind));
        }
        let value = kind.parse(self.variables.value(setting.variable), &self.variables);
        value.ok_or_else(|| self.variables.problem(setting.variable, &kind.allowed()))
    }
}
