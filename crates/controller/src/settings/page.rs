//! `docs/settings.md`.

use super::{
    declared::SETTINGS,
    kind::Kind,
    setting::{Group, Origin, Setting},
};
use crate::Function;

const BEGINNING: &str = "\
<!-- Rendered from crates/controller/src/settings/declared.rs: `cargo test -p controller --test settings_page` rewrites it. -->

# Settings

A deployment sets the template's parameters; the template hands them to the functions as environment variables. A function
reads those that concern it, once, when it starts. With a bad one it does not start: its log says which, what it found, and
what is allowed, all of them at once. A setting that a function does not read never keeps it from starting.

An empty variable is as good as none. Without a default a setting is required, unless it is left out on purpose.
";

/// The page that lists every setting.
pub fn page() -> String {
    let mut page = BEGINNING.to_owned();
    for group in Group::ALL {
        page += &format!(
            "\n## {}\n\n| variable | parameter | default | allowed | functions | meaning |\n\
             | --- | --- | --- | --- | --- | --- |\n",
            group.label()
        );
        page.extend(SETTINGS.iter().filter(|setting| setting.group == group).map(row));
    }
    page
}

fn row(setting: &Setting) -> String {
    let parameter = match setting.origin {
        Origin::Parameter(name) => format!("`{name}`"),
        Origin::Resource(_) | Origin::Substitution(_) | Origin::Default => "set by the template".to_owned(),
        Origin::Unset => "none".to_owned(),
    };
    let default = match (setting.kind, setting.default()) {
        (_, Some(default)) => format!("`{default}`"),
        (Kind::CountLike(like), None) => format!("`{}`", like.like),
        (Kind::OptionalName(_) | Kind::Nicknames(_) | Kind::Text(_), None) => "none".to_owned(),
        (_, None) => "required".to_owned(),
    };
    let named = |functions: Vec<String>| match functions.len() == Function::ALL.len() {
        true => "all".to_owned(),
        false => functions.join(", "),
    };
    let readers = Function::ALL.iter().filter(|function| setting.is_read_by(**function));
    let functions = named(readers.map(|function| format!("`{}`", function.name())).collect());
    let meaning = format!("{} {}", setting.meaning, setting.note);
    let variable = setting.variable;
    let allowed = setting.kind.allowed().replace('|', "\\|");
    format!("| `{variable}` | {parameter} | {default} | {allowed} | {functions} | {} |\n", meaning.trim())
}
