//! What the compiler does not see: documents that say what the code says, and files that stay readable.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use controller::metrics::{Metric, Publisher};

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

/// Names that AWS's own interfaces or the template's parameters have too: a literal of these need not be the metric.
const ALSO_OF_OTHERS: [Metric; 3] = [Metric::DesiredCapacity, Metric::MaxSize, Metric::LeadSeconds];

#[test]
fn no_metric_is_named_by_hand() {
    // A test in Python sees what goes over the wire, and says so in its own words.
    let is_source = |path: &Path| {
        let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
        let is_page = path.starts_with("stack") || path.starts_with("crates/localcloud/page");
        is_page || extension == "rs" || (extension == "py" && !path.starts_with("tests"))
    };
    let sources: Vec<PathBuf> = files().into_iter().filter(|path| is_source(path)).collect();
    assert!(sources.iter().any(|path| path.starts_with("stack")), "the parts of the template are looked at");
    for path in sources {
        let text = fs::read_to_string(root().join(&path)).expect("source is text");
        for metric in Metric::ALL.iter().filter(|metric| !ALSO_OF_OTHERS.contains(metric)) {
            let is_named = ['"', '\''].iter().any(|quote| text.contains(&format!("{quote}{metric}{quote}")));
            assert!(!is_named, "{} has {metric} as a literal: take it from its declaration", path.display());
        }
    }
}

#[test]
fn an_instance_publishes_what_is_declared_of_it_and_nothing_else() {
    let script = read("instance/finalize.sh");
    let mut published: Vec<&str> =
        script.split('"').filter_map(|text| text.split_once("&Value=")).map(|(name, _)| name).collect();
    published.retain(|name| name.starts_with(|letter: char| letter.is_ascii_uppercase()));
    // With the last upload the script says for the timer that nothing waits.
    let of = |publishers: &[Publisher]| {
        let declared = Metric::ALL.iter().filter(|metric| publishers.contains(&metric.publisher()));
        declared.map(|metric| metric.name()).collect::<Vec<_>>()
    };
    assert_eq!(published, of(&[Publisher::FinalizeScript, Publisher::UploadTimer]));
    let script = read("instance/uploads.py");
    let (_, call) = script.split_once("            publish(").expect("it publishes");
    let call = call.lines().next().unwrap_or_default();
    let published: Vec<&str> = call.split("=(").filter_map(|text| text.rsplit(' ').next()).collect();
    assert_eq!(published[..published.len() - 1], of(&[Publisher::UploadTimer]));
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
