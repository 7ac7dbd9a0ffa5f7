//! The page that shows a run: one HTML file that loads nothing, with the run inside as JSON.

use std::collections::BTreeMap;

use chart::Page;
use serde::Serialize;
use serde_json::Value;

const BODY: &str = include_str!("../page/body.html");
const STYLE: &str = concat!(include_str!("../page/page.css"), include_str!("../page/figures.css"));
const SCRIPT: &str = concat!(include_str!("../page/figures.js"), include_str!("../page/page.js"));

/// All that the page shows of a run. Times are milliseconds since the Unix epoch, UTC.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Run {
    /// What was run, as the page's heading.
    pub title: String,
    /// When it began: the left edge of the figures.
    pub started_at_ms: i64,
    /// The pool over time, in order of time.
    pub samples: Vec<Sample>,
    /// What was done to the pool, in order of time.
    pub incidents: Vec<Incident>,
    /// When a recording was asked for and no Jibri was available.
    pub refusals: Vec<Moment>,
    /// The drain of every instance that was terminated.
    pub drains: Vec<DrainBar>,
    /// The run in numbers. The page has words for the simulator's summary, and shows any other key as it is.
    pub summary: BTreeMap<String, Value>,
    /// The settings of the functions, as they were given.
    pub settings: BTreeMap<String, String>,
}

/// The pool at one moment, in Jibris.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Sample {
    /// When.
    pub at_ms: i64,
    /// `busy`, and the requests refused since the sample before.
    pub demand: u32,
    /// Recording or uploading, draining ones apart.
    pub busy: u32,
    /// Idle, and known to Jicofo.
    pub available: u32,
    /// Launched, and not known to Jicofo yet.
    pub pending: u32,
    /// On their way out, busy or not.
    pub draining: u32,
    /// The group's desired capacity.
    pub desired: u32,
    /// How many available ones are wanted.
    pub target: u32,
}

/// Something that was done to the pool, marked by a flag.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Incident {
    /// When.
    pub at_ms: i64,
    /// What, in a few words.
    pub label: String,
    /// What came of it, in a sentence.
    pub detail: String,
}

/// A moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Moment {
    /// When.
    pub at_ms: i64,
}

/// One drain, from the termination of the instance to the completion of its hook.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct DrainBar {
    /// The instance's id.
    pub instance: String,
    /// When the instance was terminated.
    pub began_ms: i64,
    /// When its hook was completed; `None` when it still drained at the end of the run.
    pub ended_ms: Option<i64>,
    /// Until when its last recording and upload took; `None` when it was idle.
    pub busy_until_ms: Option<i64>,
}

/// Renders the page.
pub fn render(run: &Run) -> String {
    let page = Page { title: "A run of the Jibri pool", body: BODY, style: STYLE, script: SCRIPT, data: run };
    page.render().expect("a run is strings, numbers and maps of them by strings")
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use super::*;

    fn run_of_an_hour() -> Run {
        Run {
            title: "Quiet day, <b>busy</b> evening".into(),
            started_at_ms: 1_795_000_000_000,
            samples: vec![Sample {
                at_ms: 1_795_000_001_000,
                demand: 3,
                busy: 2,
                available: 1,
                pending: 4,
                draining: 5,
                desired: 7,
                target: 2,
            }],
            incidents: vec![Incident {
                at_ms: 1_795_000_002_000,
                label: "</script><script>alert(1)</script><!--".into(),
                detail: "Jürgen's \"spot\" \\ instance\u{2028}& more".into(),
            }],
            refusals: vec![Moment { at_ms: 1_795_000_003_000 }],
            drains: vec![DrainBar {
                instance: "i-0123456789abcdef0".into(),
                began_ms: 1_795_000_004_000,
                ended_ms: None,
                busy_until_ms: Some(1_795_000_005_000),
            }],
            summary: BTreeMap::from([("recordings_cut".into(), Value::from(0))]),
            settings: BTreeMap::from([("JIBRIS_THRESHOLD".into(), "2".into())]),
        }
    }

    /// What a browser would hand to the page's script: the text up to the first end tag.
    fn embedded(page: &str) -> &str {
        let (_, after) = page.split_once(r#"<script type="application/json" id="data">"#).unwrap();
        after.split_once("</script").unwrap().0
    }

    #[test]
    fn the_page_holds_the_run_as_it_was() {
        let run = run_of_an_hour();
        let read: Value = serde_json::from_str(embedded(&render(&run))).unwrap();
        assert_eq!(read, serde_json::to_value(&run).unwrap());
        assert_eq!(read["drains"][0]["busy_until_ms"], 1_795_000_005_000_i64);
        assert_eq!(read["incidents"][0]["label"], run.incidents[0].label);
    }

    #[test]
    fn the_page_loads_nothing_from_elsewhere() {
        let page = render(&Run::default());
        for reference in ["src=", "@import", "<link", "fetch(", "url(http", "url(//"] {
            assert!(!page.contains(reference), "{reference}");
        }
        let addresses: Vec<_> = page.match_indices("http").collect();
        assert_eq!(addresses.len(), 1, "the name of SVG's namespace, and no other address");
    }

    #[test]
    fn every_figure_of_the_script_reads_a_field_that_the_run_has() {
        let run = serde_json::to_value(run_of_an_hour()).unwrap();
        for field in run.as_object().unwrap().keys() {
            assert!(SCRIPT.contains(&format!("run.{field}")), "nothing shows {field}");
        }
        for list in ["samples", "incidents", "refusals", "drains"] {
            for field in run[list][0].as_object().unwrap().keys() {
                assert!(SCRIPT.contains(field), "nothing shows {field} of {list}");
            }
        }
    }
}
