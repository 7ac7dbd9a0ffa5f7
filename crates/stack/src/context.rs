//! What the parts are rendered with.

use std::{collections::BTreeMap, path::Path};

use controller::{Function, alarms::ALARMS, metrics::Metric};
use minijinja::{Value, context};

use crate::{
    alarms::{dashboard_row, resource},
    names::camel_case,
    settings,
};

/// Everything that the parts may name.
pub(crate) fn declared(root: &Path) -> anyhow::Result<Value> {
    Ok(context! {
        functions => functions(),
        parameters => settings::parameters(),
        files => instance_files(root)?,
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

/// The files of `instance/`, each with the key by which the parts look it up.
fn instance_files(root: &Path) -> anyhow::Result<Vec<Value>> {
    ["compose.yaml", "finalize.sh", "jibri_drain.py", "set-up.sh", "start.sh"]
        .into_iter()
        .map(|name| {
            let text = crate::read(&root.join("instance").join(name))?;
            // EC2 limits user data, which all but the documents' script go into, to 16 KiB.
            let text = if name == "jibri_drain.py" { text } else { without_comments(&text) };
            let stem = name.split('.').next().unwrap_or(name);
            Ok(context! { key => camel_case(stem), text })
        })
        .collect()
}

/// The text without the lines that are comments alone; a script's first line says what runs it.
fn without_comments(text: &str) -> String {
    let is_kept = |(number, line): &(usize, &str)| {
        !line.trim_start().starts_with('#') || (*number == 0 && line.starts_with("#!"))
    };
    text.split_inclusive('\n').enumerate().filter(is_kept).map(|(_, line)| line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_keeps_its_first_line_and_loses_its_comments() {
        let script = "#!/bin/sh\n# Why.\necho a # b\n  # c\n\n";
        assert_eq!(without_comments(script), "#!/bin/sh\necho a # b\n\n");
        assert_eq!(without_comments("# Why.\nname: jibri\n"), "name: jibri\n");
    }

    #[test]
    fn names_become_logical_ids() {}
}
