//! What the parts are rendered with.

use std::{collections::BTreeMap, io::Write, path::Path};

use base64::{Engine, prelude::BASE64_STANDARD};
use controller::{Function, alarms::ALARMS, metrics::Metric};
use flate2::{Compression, GzBuilder};
use minijinja::{Value, context};

use crate::{
    alarms::{dashboard_row, resource},
    names::camel_case,
    settings,
};

/// Everything that the parts may name.
pub(crate) fn declared(root: &Path) -> anyhow::Result<Value> {
    let files = instance_files(root)?;
    Ok(context! {
        functions => functions(),
        parameters => settings::parameters(),
        packed_files => packed(&files)?,
        files => files.iter().map(|file| context! { key => &file.key, text => &file.text }).collect::<Vec<Value>>(),
        alarms => ALARMS.iter().map(resource).collect::<Vec<String>>(),
        alarm_row => dashboard_row(ALARMS),
        // By name, so that a part can name no metric that is not declared.
        metric => Metric::ALL.iter().map(|metric| (metric.name(), metric.name())).collect::<BTreeMap<_, _>>(),
    })
}

fn functions() -> Vec<Value> {
    Function::ALL.map(described).into()
}

fn described(function: Function) -> Value {
    let (name, minutes) = (function.name(), function.every_minutes());
    // A deployed schedule keeps its id: CloudFormation would make a second one of the same name before it deletes the first.
    let (schedule_id, schedule) = match minutes {
        1 => ("EveryMinute".to_owned(), "rate(1 minute)".to_owned()),
        5 => ("EveryFiveMinutes".to_owned(), "rate(5 minutes)".to_owned()),
        _ => (format!("Every{minutes}Minutes"), format!("rate({minutes} minutes)")),
    };
    context! {
        // Its file in stack/functions, and its source in functions/.
        binary => name,
        // On AWS, after the stack's name.
        name => name.replace('_', "-"),
        // What its logical ids begin with.
        id => camel_case(name),
        schedule,
        schedule_id,
        timeout_seconds => function.timeout_seconds(),
        environment => settings::environment(function),
    }
}

/// A file of `instance/`, as the page repeats it.
struct InstanceFile {
    name: &'static str,
    /// By which the parts look it up.
    key: String,
    text: String,
}

/// The script of the two SSM documents, which bring it: it is not in user data.
const DOCUMENTS_SCRIPT: &str = "jibri_drain.py";

fn instance_files(root: &Path) -> anyhow::Result<Vec<InstanceFile>> {
    ["compose.yaml", "finalize.sh", DOCUMENTS_SCRIPT, "set-up.sh", "start.sh", "uploads.py"]
        .into_iter()
        .map(|name| {
            let text = crate::read(&root.join("instance").join(name))?;
            let text = if name == DOCUMENTS_SCRIPT { text } else { without_comments(&text) };
            let stem = name.split('.').next().unwrap_or(name);
            Ok(InstanceFile { name, key: camel_case(stem), text })
        })
        .collect()
}

/// A script that writes the files of user data, compressed: EC2 limits user data to 16 KiB. In lines, as `base64` writes.
fn packed(files: &[InstanceFile]) -> anyhow::Result<String> {
    let mut encoder = GzBuilder::new().write(Vec::new(), Compression::best());
    for InstanceFile { name, text, .. } in files.iter().filter(|file| file.name != DOCUMENTS_SCRIPT) {
        write!(encoder, "cat >{name} <<'END_OF_FILE'\n{text}END_OF_FILE\n")?;
    }
    let encoded = BASE64_STANDARD.encode(encoder.finish()?);
    let lines: Vec<&str> =
        (0..encoded.len()).step_by(120).map(|at| &encoded[at..(at + 120).min(encoded.len())]).collect();
    Ok(lines.join("\n"))
}

/// The text without the lines that are comments or docstrings alone; a script's first line says what runs it.
fn without_comments(text: &str) -> String {
    let mut in_docstring = false;
    let is_kept = |(number, line): &(usize, &str)| {
        let line = line.trim();
        let begins = !in_docstring && line.starts_with(DOCSTRING);
        let ends = line.ends_with(DOCSTRING) && (in_docstring || line.len() > DOCSTRING.len());
        let is_docstring = begins || in_docstring;
        in_docstring = is_docstring && !ends;
        !is_docstring && (!line.starts_with('#') || (*number == 0 && line.starts_with("#!")))
    };
    text.split_inclusive('\n').enumerate().filter(is_kept).map(|(_, line)| line).collect()
}

/// What a docstring begins and ends with.
const DOCSTRING: &str = "\"\"\"";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_keeps_its_first_line_and_loses_its_comments_and_docstrings() {
        let script = "#!/bin/sh\n# Why.\necho a # b\n  # c\n\n";
        assert_eq!(without_comments(script), "#!/bin/sh\necho a # b\n\n");
        assert_eq!(without_comments("# Why.\nname: jibri\n"), "name: jibri\n");
        let module = "\"\"\"One.\n\nTwo.\n\"\"\"\n\ndef a():\n    \"\"\"Why.\"\"\"\n    return \"\"\n";
        assert_eq!(without_comments(module), "\ndef a():\n    return \"\"\n");
    }

    #[test]
    fn names_become_logical_ids() {}
}
