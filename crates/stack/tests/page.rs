//! The committed page is the rendered one.

use std::{fs, path::Path};

#[test]
fn the_committed_page_is_the_rendered_one() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let rendered = stack::render(&root).unwrap_or_else(|error| panic!("the page cannot be rendered: {error:#}"));
    let committed = fs::read_to_string(root.join(stack::PAGE)).expect("the page is there");
    let mut lines = rendered.lines().zip(committed.lines()).enumerate();
    if let Some((index, (wanted, found))) = lines.find(|(_, (wanted, found))| wanted != found) {
        panic!("{}, line {}: {found:?} should be {wanted:?}: run `make template`", stack::PAGE, index + 1);
    }
    assert_eq!(rendered.len(), committed.len(), "{} ends too soon or too late: run `make template`", stack::PAGE);
}
