//! The functions' settings as the template has them: parameters, and what each function has in its environment.

use std::collections::BTreeMap;

use controller::{
    Function,
    settings::{Group, Origin, Parameter, SETTINGS},
};
use minijinja::{Value, context};
use saphyr::{LoadableYamlNode, Yaml};

/// The longest line of the page, as far as its texts can be wrapped.
const LONGEST_LINE: usize = 120;
/// What a parameter's properties are indented by.
const INDENTATION: usize = 4;

/// The parameters of each group, by its label: `name`, and `lines` of YAML.
pub(crate) fn parameters() -> BTreeMap<&'static str, Vec<Value>> {
    let of_group = |group: Group| {
        let parameters = SETTINGS.iter().filter_map(|setting| setting.parameter());
        let own = parameters.filter(|parameter| parameter.group == group);
        own.map(|parameter| context! { name => parameter.name, lines => lines(&parameter) }).collect()
    };
    Group::ALL.into_iter().map(|group| (group.label(), of_group(group))).collect()
}

/// The environment of a function: a line of YAML for each setting that the function reads.
pub(crate) fn environment(function: Function) -> Vec<String> {
    let read = SETTINGS.iter().filter(|setting| setting.is_read_by(function));
    read.filter_map(|setting| {
        let value = match setting.origin {
            Origin::Parameter(name) | Origin::Resource(name) => format!("!Ref {name}"),
            Origin::Substitution(text) => format!("!Sub {}", scalar(text)),
            Origin::Default => scalar(&setting.default()?),
            Origin::Unset => return None,
        };
        Some(format!("{}: {value}", setting.variable))
    })
    .collect()
}

fn lines(parameter: &Parameter) -> Vec<String> {
    // A `Number` has numbers, and a `String` has texts even where they look like something else.
    let value = |text: &String| if parameter.type_name == "Number" { text.clone() } else { scalar(text) };
    let allowed: Vec<String> = parameter.allowed_values.iter().map(value).collect();
    let properties = [
        ("Default", parameter.default.as_ref().map(value)),
        ("MinValue", parameter.min_value.clone()),
        ("MaxValue", parameter.max_value.clone()),
        ("AllowedValues", (!allowed.is_empty()).then(|| format!("[{}]", allowed.join(", ")))),
        ("AllowedPattern", parameter.allowed_pattern.as_deref().map(scalar)),
    ];
    let mut lines = vec![format!("Type: {}", parameter.type_name)];
    lines.extend(properties.into_iter().filter_map(|(name, value)| Some(format!("{name}: {}", value?))));
    lines.extend(described(&parameter.description));
    lines
}

/// `Description`, in as many lines as it needs.
fn described(text: &str) -> Vec<String> {
    let line = format!("Description: {}", scalar(text));
    if INDENTATION + line.len() <= LONGEST_LINE {
        return vec![line];
    }
    let mut lines = vec!["Description: >-".to_owned(), " ".to_owned()];
    for word in text.split(' ') {
        match lines.last_mut() {
            Some(last) if INDENTATION + last.len() + 1 + word.len() <= LONGEST_LINE => {
                last.push(' ');
                last.push_str(word);
            }
            _ => lines.push(format!("  {word}")),
        }
    }
    lines
}

/// A text as a YAML scalar: as it is where YAML reads that back as the same text, else in quotes.
fn scalar(text: &str) -> String {
    let reads_back = |documents: &[Yaml]| {
        let value = documents.first().and_then(|document| document.as_mapping_get("key"));
        value.and_then(Yaml::as_str) == Some(text)
    };
    match Yaml::load_from_str(&format!("key: {text}")) {
        Ok(documents) if reads_back(&documents) => text.to_owned(),
        _ if text.contains(['\\', '"']) => format!("'{}'", text.replace('\'', "''")),
        _ => format!("\"{text}\""),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(yaml: &str) -> String {
        let documents = Yaml::load_from_str(yaml).expect("it is YAML");
        documents[0].as_mapping_get("Description").and_then(Yaml::as_str).expect("it has a text").to_owned()
    }

    #[test]
    fn a_scalar_is_read_back_as_the_same_text() {
        for text in ["UTC", "", "true", "7", "a: b", "a, b", "# a", "^(a|b)?$", r"^[^\s']{1,3}$", "it's", "~", "[a]"] {
            assert_eq!(read(&format!("Description: {}", scalar(text))), text);
        }
        assert_eq!((scalar("UTC"), scalar("true"), scalar("")), ("UTC".into(), "\"true\"".into(), "\"\"".into()));
    }

    #[test]
    fn a_long_description_is_wrapped() {
        for words in [3, 40] {
            let text = vec!["word: \"said\""; words].join(" ");
            let lines = described(&text);
            assert!(lines.iter().all(|line| INDENTATION + line.len() <= LONGEST_LINE), "{lines:?}");
            assert_eq!(read(&lines.join("\n")), text);
        }
    }
}
