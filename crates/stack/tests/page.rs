//! The committed page is the rendered one, and what is wrong with a part is named.

use std::{
    fs,
    path::{Path, PathBuf},
};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

#[test]
fn the_committed_page_is_the_rendered_one() {
    let rendered = stack::render(&root()).unwrap_or_else(|error| panic!("the page cannot be rendered: {error:#}"));
    let committed = fs::read_to_string(root().join(stack::PAGE)).expect("the page is there");
    let mut lines = rendered.lines().zip(committed.lines()).enumerate();
    if let Some((index, (wanted, found))) = lines.find(|(_, (wanted, found))| wanted != found) {
        panic!("{}, line {}: {found:?} should be {wanted:?}: run `make template`", stack::PAGE, index + 1);
    }
    assert_eq!(rendered.len(), committed.len(), "{} ends too soon or too late: run `make template`", stack::PAGE);
}

/// What is said of a project in which one part has another text.
fn said_of(part: &str, from: &str, to: &str) -> String {
    let project = tempfile::tempdir().expect("a folder");
    copy(&root().join("stack"), &project.path().join("stack"));
    copy(&root().join("instance"), &project.path().join("instance"));
    let path = project.path().join("stack").join(part);
    let text = fs::read_to_string(&path).expect("the part is there");
    assert!(text.contains(from), "{part} has no {from:?}");
    fs::write(&path, text.replacen(from, to, 1)).expect("the part can be written");
    format!("{:#}", stack::render(project.path()).expect_err("the part is wrong"))
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir(to).expect("a folder can be made");
    for entry in fs::read_dir(from).expect("the folder is there") {
        let path = entry.expect("an entry").path();
        let copied = to.join(path.file_name().expect("a name"));
        match path.is_dir() {
            true => copy(&path, &copied),
            false => drop(fs::copy(&path, copied).expect("a file can be copied")),
        }
    }
}

#[test]
fn a_metric_that_is_not_declared_is_refused() {
    assert!(said_of("dashboard.yaml", "metric.AvailableJibris", "metric.AvailableJibri").contains("dashboard.yaml"));
}

#[test]
fn a_statement_that_is_not_written_is_refused() {
    assert!(said_of("functions/drain.yaml", "may.put_metrics", "may.put_metric").contains("functions/drain.yaml"));
}

#[test]
fn a_page_that_is_no_yaml_is_refused_with_its_line() {
    let said = said_of("network.yaml", "      VpcId: !Ref VpcId", "     VpcId: !Ref VpcId");
    assert!(said.contains("VpcId"), "{said}");
}
