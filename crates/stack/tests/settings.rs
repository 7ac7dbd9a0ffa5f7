//! What the page gives to the functions, held against what they read.

use std::{collections::BTreeMap, fs, path::Path};

use controller::{Function, settings::Settings};
use saphyr::{LoadableYamlNode, Yaml};

const REQUIRED: [(&str, &str); 2] = [("AUTO_SCALING_GROUP", "jibri"), ("JICOFO_URLS", "http://10.0.1.5:8888")];

fn variables(pairs: impl IntoIterator<Item = (&'static str, &'static str)>) -> BTreeMap<String, String> {
    pairs.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

fn at<'a>(node: &'a Yaml<'a>, path: &[&str]) -> &'a Yaml<'a> {
    path.iter().fold(node, |node, key| node.as_mapping_get(key).unwrap_or_else(|| panic!("no {key} of {path:?}")))
}

fn text(node: &Yaml) -> String {
    node.as_str().map(str::to_owned).or_else(|| node.as_integer().map(|number| number.to_string())).unwrap_or_else(
        || node.as_floating_point().map(|number| number.to_string()).unwrap_or_else(|| panic!("no text: {node:?}")),
    )
}

/// The properties of the function that this binary is built for.
fn properties<'a>(page: &'a Yaml<'a>, binary: &str) -> &'a Yaml<'a> {
    let resources = at(page, &["Resources"]).as_mapping().expect("resources are a mapping").values();
    let mut functions = resources.filter(|resource| {
        let metadata = resource.as_mapping_get("Metadata");
        metadata.is_some_and(|metadata| at(metadata, &["BuildProperties", "Binary"]).as_str() == Some(binary))
    });
    at(functions.next().unwrap_or_else(|| panic!("no function {binary}")), &["Properties"])
}

/// The environment of a function in a stack that is deployed with the template's defaults.
fn deployed(page: &Yaml, function: Function) -> BTreeMap<String, String> {
    let environment = at(properties(page, function.name()), &["Environment", "Variables"]);
    let named = environment.as_mapping().expect("an environment is a mapping").iter();
    named
        .filter_map(|(name, value)| {
            let name = name.as_str().expect("a variable has a name");
            let value = match value {
                _ if REQUIRED.iter().any(|(required, _)| *required == name) => return None,
                Yaml::Tagged(tag, parameter) if tag.suffix == "Ref" => {
                    let parameters = at(page, &["Parameters"]);
                    let declared = parameters.as_mapping_get(parameter.as_str().expect("a Ref has a name"))?;
                    text(at(declared, &["Default"]))
                }
                Yaml::Tagged(..) => return None,
                plain => text(plain),
            };
            Some((name.to_owned(), value))
        })
        .chain(variables(REQUIRED))
        .collect()
}

#[test]
fn a_stack_with_its_defaults_gives_each_function_its_own_defaults() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let page = fs::read_to_string(root.join(stack::PAGE)).expect("the page is there");
    let page = Yaml::load_from_str(&page).expect("the page is YAML");
    for function in Function::ALL {
        let deployed = deployed(&page[0], function);
        assert!(deployed.len() >= 5, "{function:?}: {deployed:?}");
        let settings =
            Settings::for_function(function, &deployed).unwrap_or_else(|error| panic!("{function:?}: {error}"));
        let defaults = Settings::for_function(function, &variables(REQUIRED)).expect("nothing else is required");
        assert_eq!(settings, defaults, "{function:?}");
    }
}
