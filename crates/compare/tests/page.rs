//! The page of a comparison: its figures are drawn of what the comparison found.
#![allow(clippy::unwrap_used, reason = "what a test cannot read fails it")]

use compare::{Question, WARM_UP_SECONDS, compare, html, policies::Contender, pool::Scenario};
use serde_json::Value;
use world::demand::{Office, generate};

/// Monday, 5 January 2026, 00:00 UTC, in milliseconds.
const MONDAY: i64 = 1_767_571_200_000;
const DAY: i64 = 86_400_000;

/// The names in JSON, at any depth.
fn names(value: &Value) -> Vec<&str> {
    match value {
        Value::Array(members) => members.iter().flat_map(names).collect(),
        Value::Object(members) => {
            members.iter().flat_map(|(name, member)| [name.as_str()].into_iter().chain(names(member))).collect()
        }
        _ => Vec::new(),
    }
}

#[test]
fn the_figures_hold_what_was_found_and_the_script_reads_all_of_it() {
    let office = Office { recordings_per_weekday: 40.0, ..Office::default() };
    let demand = generate(office, MONDAY, MONDAY + 14 * DAY, 7);
    let scenario = Scenario { demand: &demand, lead_seconds: 180, warm_up_seconds: WARM_UP_SECONDS };
    let question = Question { scenario, hit_rate: 0.99, logged: true, trade_off: true };
    let comparison = compare(&question, &[Contender::Threshold, Contender::Bound], &|_| ());
    let page = html::page(&question, &comparison);
    let (_, after) = page.split_once(r#"id="data">"#).unwrap();
    let (data, script) = after.split_once("</script>").unwrap();
    let data: Value = serde_json::from_str(data).unwrap();

    let curve = &data["trade_off"]["curves"][0];
    assert_eq!(curve["name"], "threshold");
    let tuned = curve["points"].as_array().unwrap().iter().find(|point| point["is_tuned"] == true).unwrap();
    assert_eq!(tuned["refused"], comparison.outcomes[0].refused);
    assert_eq!(tuned["parameter"], comparison.outcomes[0].parameter.to_string());
    assert_eq!(data["day"]["demand"].as_array().unwrap().len(), 1440);
    assert_eq!(data["day"]["pools"][1]["name"], "bound");
    assert_eq!(data["day"]["pools"][1]["sizes"].as_array().unwrap().len(), 1440);
    for name in names(&data) {
        assert!(script.contains(name), "nothing shows {name}");
    }
    for id in ["trade-off", "day"] {
        assert!(page.contains(&format!(r#"class="figure" id="{id}""#)), "there is no room for {id}");
    }
}
