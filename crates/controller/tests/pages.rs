//! Pages that are rendered from declarations: a page that differs is written anew, and the test fails once.

use std::{fs, path::Path};

use controller::{alarms, metrics};

/// Holds a page of the repository against what is rendered.
fn hold(path: &str, rendered: &str) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path);
    if fs::read_to_string(&file).unwrap_or_default() != rendered {
        fs::write(&file, rendered).expect("the page can be written");
        panic!("{path} differed from its declaration, and is written anew: look at it, and commit it");
    }
}

#[test]
fn the_page_of_metrics_is_the_declaration() {
    hold("docs/metrics.md", &metrics::page());
}

#[test]
fn the_page_of_alarms_is_the_declaration() {
    hold("docs/alarms.md", &alarms::page());
}
