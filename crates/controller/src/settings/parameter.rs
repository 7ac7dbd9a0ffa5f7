//! The template's parameter of a setting.

use super::{
    kind::Kind,
    kinds::OptionalName,
    setting::{Group, Origin, Setting},
    values::STRANGE,
};

/// A parameter of the template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parameter {
    /// Its name.
    pub name: &'static str,
    /// The group that it is shown in.
    pub group: Group,
    /// `Type`: `Number` or `String`.
    pub type_name: &'static str,
    /// `Default`, as text. None when a deployment must name one.
    pub default: Option<String>,
    /// `MinValue`.
    pub min_value: Option<String>,
    /// `MaxValue`.
    pub max_value: Option<String>,
    /// `AllowedValues`; empty for no such list.
    pub allowed_values: Vec<String>,
    /// `AllowedPattern`. It never refuses what the functions take; a few bad values only the functions see.
    pub allowed_pattern: Option<String>,
    /// `Description`.
    pub description: String,
}

/// What a kind gives to the template's parameter, but for the limits of a number.
struct Template {
    type_name: &'static str,
    default: Option<String>,
    allowed_values: Vec<String>,
    allowed_pattern: Option<String>,
}

impl Setting {
    /// The template's parameter that it comes from, if it comes from one.
    pub fn parameter(&self) -> Option<Parameter> {
        let Origin::Parameter(name) = self.origin else { return None };
        let template = self.kind.template();
        let is_range = template.type_name == "Number" && template.allowed_values.is_empty();
        let (min_value, max_value) = self.kind.limits().filter(|_| is_range).unzip();
        Some(Parameter {
            name,
            group: self.group,
            type_name: template.type_name,
            default: template.default,
            min_value,
            max_value,
            allowed_values: template.allowed_values,
            allowed_pattern: template.allowed_pattern,
            description: match self.kind.limits().filter(|_| template.type_name == "String") {
                // CloudFormation shows the limits of a `Number` alone.
                Some((least, most)) => format!("{} From {least} to {most}.", self.meaning),
                None => self.meaning.to_owned(),
            },
        })
    }
}

impl Kind {
    fn template(&self) -> Template {
        let text = |pattern: String, default: Option<String>| Template {
            type_name: "String",
            default,
            allowed_values: Vec::new(),
            allowed_pattern: Some(pattern),
        };
        let number = Template {
            type_name: "Number",
            default: self.default(),
            allowed_values: Vec::new(),
            allowed_pattern: None,
        };
        let empty = Some(String::new());
        match self {
            Kind::Count(_) | Kind::Duration(_) | Kind::Share(_) => number,
            Kind::Choice(choice) => {
                Template { allowed_values: choice.allowed.iter().map(u64::to_string).collect(), ..number }
            }
            // An empty one is the other's value, so it cannot be a `Number`.
            Kind::CountLike(like) => text(format!("^({})?$", whole_numbers(like.most)), empty),
            Kind::Switch(_) => Template {
                type_name: "String",
                default: self.default(),
                allowed_values: vec![true.to_string(), false.to_string()],
                allowed_pattern: None,
            },
            Kind::Zone(_) => text("^[A-Za-z0-9_+/-]+$".to_owned(), self.default()),
            Kind::Name(name) => text(format!("^{}$", name.rule.pattern()), self.default()),
            Kind::OptionalName(OptionalName(rule)) => text(format!("^({})?$", rule.pattern()), empty),
            Kind::Urls(_) => {
                let url = format!("https?://[^\\s,{}]+", STRANGE.replace('\\', "\\\\"));
                text(format!("^{url}( *, *{url})*$"), None)
            }
            Kind::Nicknames(_) => text(r"^([A-Za-z0-9_.-]+\*?( *, *[A-Za-z0-9_.-]+\*?)*)?$".to_owned(), empty),
            Kind::Text(_) => {
                Template { type_name: "String", default: empty, allowed_values: Vec::new(), allowed_pattern: None }
            }
        }
    }
}

/// The whole numbers from 0 to `most` as alternatives of a regular expression, without leading zeros.
fn whole_numbers(most: u32) -> String {
    let digits = most.to_string();
    let digit = |from: u32, to: u32| if from == to { from.to_string() } else { format!("[{from}-{to}]") };
    let more = |count: usize| match count {
        0 => String::new(),
        1 => "[0-9]".to_owned(),
        _ => format!("[0-9]{{{count}}}"),
    };
    // All that are shorter, then all that are less in one digit, from the first to the last, then `most` itself.
    let shorter = (1..digits.len()).map(|length| match length {
        1 => digit(0, 9),
        _ => format!("{}{}", digit(1, 9), more(length - 1)),
    });
    let less = digits.char_indices().filter_map(|(at, own)| {
        let from = u32::from(at == 0 && digits.len() > 1);
        let to = own.to_digit(10)?.checked_sub(1).filter(|to| *to >= from)?;
        Some(format!("{}{}{}", &digits[..at], digit(from, to), more(digits.len() - at - 1)))
    });
    let alternatives: Vec<String> = shorter.chain(less).chain([digits.clone()]).collect();
    alternatives.join("|")
}
