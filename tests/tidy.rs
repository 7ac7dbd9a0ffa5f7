//! What the compiler does not see: documents that say what the code says, and files that stay readable.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

const LONGEST_FILE_LINES: usize = 400;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Every file of the project, as git knows it.
fn files() -> Vec<PathBuf> {
    let listed = Command::new("git")
        .args(["ls-files", "--cached", "--others", "--exclude-standard"])
        .current_dir(root())
        .output()
        .expect("git runs");
    assert!(listed.status.success(), "the project is a git checkout");
    let names = String::from_utf8(listed.stdout).expect("names are UTF-8");
    let files: Vec<PathBuf> = names.lines().map(PathBuf::from).filter(|path| root().join(path).is_file()).collect();
    assert!(files.len() > 50, "{} files", files.len());
    files
}

/// The words in quotes of a source that look like names of this kind.
fn quoted(source: &str, is_name: impl Fn(&str) -> bool) -> Vec<&str> {
    let mut names: Vec<&str> = source.split('"').skip(1).step_by(2).filter(|word| is_name(word)).collect();
    names.sort_unstable();
    names.dedup();
    names
}

#[test]
fn no_source_file_is_longer_than_it_should_be() {
    for path in files() {
        let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
        if ["rs", "py", "js", "css", "html", "sh"].contains(&extension) {
            let lines = fs::read_to_string(root().join(&path)).expect("source is text").lines().count();
            assert!(lines <= LONGEST_FILE_LINES, "{} has {lines} lines: split it by concern", path.display());
        }
    }
}

#[test]
fn every_metric_is_documented_and_no_other() {
    let is_metric = |word: &str| {
        word.starts_with(|letter: char| letter.is_ascii_uppercase())
            && word.len() > 4
            && word.chars().all(|letter| letter.is_ascii_alphabetic())
            && !word.chars().all(|letter| letter.is_ascii_uppercase())
    };
    let sources: String = ["metrics", "availability", "drain", "forecast"]
        .map(|name| read(&format!("crates/controller/src/{name}.rs")))
        .concat();
    let script = read("instance/finalize.sh");
    let of_instances = script.split('"').filter_map(|text| text.split_once("&Value=")).map(|(name, _)| name);
    let mut published = quoted(&sources, is_metric);
    published.extend(of_instances.filter(|name| is_metric(name)));
    assert!(published.len() > 15, "{published:?}");
    let page = read("docs/metrics.md");
    let documented: Vec<&str> = page
        .lines()
        .filter(|line| line.starts_with("| `"))
        .filter_map(|line| line[2..].split(" | ").next())
        .flat_map(|names| names.split(", ").map(|name| name.trim_matches('`')))
        .collect();
    for name in &published {
        assert!(documented.contains(name), "docs/metrics.md does not list {name}");
    }
    for name in &documented {
        assert!(published.contains(name), "docs/metrics.md lists {name}, which nobody publishes");
    }
}

#[test]
fn every_link_within_the_documents_leads_somewhere() {
    for path in files().into_iter().filter(|path| path.extension().is_some_and(|extension| extension == "md")) {
        let text = fs::read_to_string(root().join(&path)).expect("a document is text");
        for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            if !link.contains("://") && !link.starts_with('#') {
                let target =
                    root().join(path.parent().unwrap_or(Path::new(""))).join(link.split('#').next().unwrap_or(link));
                assert!(target.exists(), "{} links to {link}, which is not there", path.display());
            }
        }
    }
}

/// Words that hide the subject of a sentence: a text says "an instance that…", "the function", "an operator".
const HIDING: [&str; 8] = ["who", "whoever", "whom", "whomever", "nobody", "somebody", "anybody", "everybody"];

/// The files that may have these words, and why.
const MAY_HIDE: [&str; 2] = [
    // Apache's own text.
    "LICENSE",
    // It lists them.
    "tests/tidy.rs",
];

#[test]
fn every_sentence_names_its_subject() {
    let mut found = Vec::new();
    for path in files().into_iter().filter(|path| !MAY_HIDE.iter().any(|name| path == Path::new(name))) {
        let bytes = fs::read(root().join(&path)).expect("a file");
        for (index, line) in String::from_utf8_lossy(&bytes).lines().enumerate() {
            // Names of tests are sentences too: an underscore separates words.
            let words = line.split(|letter: char| !letter.is_alphabetic()).map(str::to_lowercase);
            for word in words.filter(|word| HIDING.contains(&word.as_str())) {
                found.push(format!("{}:{}: {word}", path.display(), index + 1));
            }
        }
    }
    assert!(found.is_empty(), "name the instance, the function or the person:\n{}", found.join("\n"));
}

/// The anchors of a document's headings, as GitHub makes them.
fn anchors(document: &str) -> Vec<String> {
    let headings = document.lines().filter(|line| line.starts_with('#'));
    let anchor = |heading: &str| -> String {
        let kept = heading.trim_start_matches('#').trim().to_lowercase();
        let kept = kept.chars().filter(|letter| letter.is_alphanumeric() || [' ', '-', '_'].contains(letter));
        kept.map(|letter| if letter == ' ' { '-' } else { letter }).collect()
    };
    headings.map(anchor).collect()
}

#[test]
fn every_link_to_a_heading_finds_it() {
    let mut checked = 0;
    for path in files().into_iter().filter(|path| path.extension().is_some_and(|extension| extension == "md")) {
        let text = fs::read_to_string(root().join(&path)).expect("a document is text");
        for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let Some((file, anchor)) = link.split_once('#').filter(|(file, _)| !file.contains("://")) else { continue };
            let target = match file {
                "" => path.clone(),
                file => path.parent().unwrap_or(Path::new("")).join(file),
            };
            let document = fs::read_to_string(root().join(&target)).unwrap_or_default();
            assert!(
                anchors(&document).iter().any(|one| one == anchor),
                "{} links to {link}, which is no heading",
                path.display()
            );
            checked += 1;
        }
    }
    assert!(checked > 5, "{checked} links to headings");
}
