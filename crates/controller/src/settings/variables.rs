//! The environment variables, and what is said of one that cannot be used.

use std::{borrow::Cow, collections::BTreeMap};

use crate::text::quote;

/// The environment variables; an empty one is as good as none.
pub(super) struct Variables<'a>(pub(super) &'a BTreeMap<String, String>);

impl Variables<'_> {
    pub(super) fn value(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(|value| value.trim()).filter(|value| !value.is_empty())
    }

    /// What is wrong with a variable.
    pub(super) fn problem(&self, name: &str, allowed: &str) -> String {
        let found = self.value(name).map_or("not set".into(), |value| quote(&without_password(value)));
        format!("{name} is {found}, and must be {allowed}")
    }
}

/// What stands before an `@`, as the name and the password of a URL do, is not repeated: it would be logged.
fn without_password(value: &str) -> Cow<'_, str> {
    match value.rsplit_once('@') {
        Some((_, rest)) => format!("…@{rest}").into(),
        None => value.into(),
    }
}
