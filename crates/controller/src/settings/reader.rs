//! Reads one variable at a time, and collects what cannot be used.

use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
    fmt::Display,
    str::FromStr,
};

use jiff::tz::TimeZone;

use crate::text::quote;

/// What AWS allows in a name.
pub(super) struct NameRule {
    shortest: usize,
    longest: usize,
    allowed: fn(char) -> bool,
    words: &'static str,
}

pub(super) const GROUP: NameRule = NameRule {
    shortest: 1,
    longest: 255,
    allowed: |letter| letter.is_ascii_graphic() && letter != ':',
    words: "the name of an Auto Scaling group: 1 to 255 ASCII characters, none of them a space or a colon",
};
pub(super) const HOOK: NameRule = NameRule {
    shortest: 1,
    longest: 255,
    allowed: |letter| letter.is_ascii_alphanumeric() || "-_/".contains(letter),
    words: "the name of a lifecycle hook: 1 to 255 letters, digits, - _ /",
};
pub(super) const DOCUMENT: NameRule = NameRule {
    shortest: 3,
    longest: 128,
    allowed: |letter| letter.is_ascii_alphanumeric() || "-_.".contains(letter),
    words: "the name of an SSM document: 3 to 128 letters, digits, - _ .",
};
pub(super) const PARAMETER: NameRule = NameRule {
    shortest: 1,
    longest: 1011,
    allowed: |letter| letter.is_ascii_alphanumeric() || "-_./".contains(letter),
    words: "the name of an SSM parameter: 1 to 1,011 letters, digits, - _ . /, and not aws… or ssm…",
};
pub(super) const NAMESPACE: NameRule = NameRule {
    shortest: 1,
    longest: 255,
    allowed: |letter| letter.is_ascii_alphanumeric() || "-_./#:".contains(letter),
    words: "a CloudWatch namespace: 1 to 255 letters, digits, - _ . / # :, and not AWS/… or :…",
};

/// The variables, and what cannot be used of them.
pub(super) struct Reader<'a> {
    pub(super) variables: &'a BTreeMap<String, String>,
    pub(super) problems: Vec<String>,
}

impl<'a> Reader<'a> {
    pub(super) fn value(&self, name: &str) -> Option<&'a str> {
        self.variables.get(name).map(|value| value.trim()).filter(|value| !value.is_empty())
    }

    pub(super) fn reject(&mut self, name: &str, allowed: &str) {
        let found = self.value(name).map_or("not set".into(), |value| quote(&without_password(value)));
        self.problems.push(format!("{name} is {found}, and must be {allowed}"));
    }

    pub(super) fn number<T: FromStr + PartialOrd + Display + Copy>(
        &mut self,
        name: &str,
        unit: &str,
        default: T,
        least: T,
        most: T,
    ) -> T {
        let Some(text) = self.value(name) else { return default };
        match text.parse() {
            Ok(number) if number >= least && number <= most => number,
            _ => {
                self.reject(name, &format!("a whole number of {unit} from {least} to {most}"));
                default
            }
        }
    }

    pub(super) fn share(&mut self, name: &str, default: f64, least: f64, most: f64) -> f64 {
        let Some(text) = self.value(name) else { return default };
        match text.parse() {
            Ok(share) if (least..=most).contains(&share) => share,
            _ => {
                self.reject(name, &format!("a share from {least} to {most}"));
                default
            }
        }
    }

    pub(super) fn time_zone(&mut self, name: &str) -> TimeZone {
        TimeZone::get(self.value(name).unwrap_or("UTC")).unwrap_or_else(|_| {
            self.reject(name, "the name of a time zone, such as Europe/Berlin");
            TimeZone::UTC
        })
    }

    pub(super) fn switch(&mut self, name: &str) -> bool {
        match self.value(name) {
            None | Some("false") => false,
            Some("true") => true,
            Some(_) => {
                self.reject(name, "true or false");
                false
            }
        }
    }

    pub(super) fn name(&mut self, name: &str, default: Option<&str>, rule: &NameRule) -> Option<String> {
        let text = self.value(name).or(default).unwrap_or_default();
        let length = text.chars().count();
        if length < rule.shortest || length > rule.longest || !text.chars().all(rule.allowed) {
            self.reject(name, rule.words);
            return None;
        }
        Some(text.to_owned())
    }

    pub(super) fn parameter(&mut self, name: &str) -> Option<String> {
        self.value(name)?;
        let parameter = self.name(name, None, &PARAMETER)?;
        let beginning = parameter.trim_start_matches('/').to_ascii_lowercase();
        if beginning.starts_with("aws") || beginning.starts_with("ssm") {
            self.reject(name, PARAMETER.words);
        }
        Some(parameter)
    }

    pub(super) fn namespace(&mut self, name: &str, default: &str) -> String {
        let namespace = self.name(name, Some(default), &NAMESPACE).unwrap_or_default();
        if namespace.starts_with("AWS/") || namespace.starts_with(':') {
            self.reject(name, NAMESPACE.words);
        }
        namespace
    }

    pub(super) fn urls(&mut self, name: &str) -> Vec<String> {
        let urls = self.value(name).unwrap_or_default().split(',');
        let urls: Vec<&str> = urls.map(|url| url.trim().trim_end_matches('/')).collect();
        let different: BTreeSet<&str> = urls.iter().copied().collect();
        // One that stood there twice would count twice.
        if !urls.iter().all(|url| is_base_url(url)) || different.len() < urls.len() {
            self.reject(name, "one or more different URLs such as http://10.0.1.5:8888, separated by commas");
        }
        urls.into_iter().map(str::to_owned).collect()
    }
}

/// What stands before an `@`, as the name and the password of a URL do, is not repeated: it would be logged.
fn without_password(value: &str) -> Cow<'_, str> {
    match value.rsplit_once('@') {
        Some((_, rest)) => format!("…@{rest}").into(),
        None => value.into(),
    }
}

/// `http://host`, with or without a port and a path. A password has no place in it: the URL is logged.
fn is_base_url(url: &str) -> bool {
    let Some(address) = url.strip_prefix("http://").or_else(|| url.strip_prefix("https://")) else {
        return false;
    };
    let authority = address.split('/').next().unwrap_or_default();
    let (host, port) = match authority.rsplit_once(':') {
        // The colons of an IPv6 address stand in brackets.
        Some((host, port)) if !port.ends_with(']') => (host, port.parse().ok()),
        _ => (authority, Some(80)),
    };
    let strange = |letter: char| !letter.is_ascii_graphic() || "?#@\\\"<>".contains(letter);
    !host.is_empty() && port.is_some_and(|port: u16| port > 0) && !address.contains(strange)
}
