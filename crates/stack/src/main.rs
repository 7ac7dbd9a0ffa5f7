//! Writes `template.yaml`.

use std::{fs, path::Path};

use anyhow::Context;

fn main() -> anyhow::Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let page = stack::render(&root)?;
    fs::write(root.join(stack::PAGE), page).with_context(|| format!("cannot write {}", stack::PAGE))
}
