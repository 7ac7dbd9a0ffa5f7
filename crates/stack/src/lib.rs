//! `template.yaml`, rendered from the parts in `stack/`, the files of `instance/`, and what the controller declares.

mod alarms;
mod context;
mod names;
mod settings;

use std::{fs, path::Path};

use anyhow::{Context, bail};
use minijinja::{AutoEscape, Environment, UndefinedBehavior, syntax::SyntaxConfig};
use saphyr::{LoadableYamlNode, Yaml};

/// The page, as it must stand beside `stack/`.
pub const PAGE: &str = "template.yaml";

/// Renders the page of the project in this folder, and sees to it that it is YAML.
pub fn render(root: &Path) -> anyhow::Result<String> {
    let mut parts = Environment::new();
    // Blocks and loops stand on lines of their own, which leave nothing behind.
    parts
        .set_syntax(SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).keep_trailing_newline(true).build()?);
    parts.set_auto_escape_callback(|_| AutoEscape::None);
    parts.set_undefined_behavior(UndefinedBehavior::Strict);
    let folder = root.join("stack");
    for name in names_below(&folder, "")? {
        let text = read(&folder.join(&name))?;
        parts.add_template_owned(name, text).context("a part is no template")?;
    }
    let page =
        parts.get_template("stack.yaml")?.render(context::declared(root)?).context("a part cannot be rendered")?;
    match Yaml::load_from_str(&page) {
        Ok(documents) if documents.len() == 1 => Ok(page),
        Ok(documents) => bail!("the page has {} YAML documents", documents.len()),
        Err(error) => {
            let line = page.lines().nth(error.marker().line().saturating_sub(1)).unwrap_or_default();
            bail!("the page is no YAML: {error}: {line:?}")
        }
    }
}

/// The names of all parts, those of folders included: `functions/drain.yaml`.
fn names_below(folder: &Path, prefix: &str) -> anyhow::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder).with_context(|| format!("cannot list {}", folder.display()))? {
        let entry = entry?;
        let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
        if entry.file_type()?.is_dir() {
            names.extend(names_below(&entry.path(), &format!("{name}/"))?);
        } else {
            names.push(name);
        }
    }
    Ok(names)
}

fn read(path: &Path) -> anyhow::Result<String> {
    fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
}
