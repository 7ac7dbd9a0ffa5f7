//! Hostile input: what must hold of every parser of the ticks, whatever it is given.

mod mutation;
mod properties;

use std::collections::BTreeMap;

use controller::{Function, Settings, jicofo::parse_reading, report::parse_report, settings::SETTINGS};
use mutation::{config, hostile, mutated};
use properties::bytes;
use proptest::prelude::*;

proptest! {
    #![proptest_config(config(2000))]

    #[test]
    fn a_jibri_is_idle_only_if_jicofo_says_so_of_that_very_name(input in hostile("jicofo")) {
        bytes::jicofo(&input);
    }

    #[test]
    fn a_report_is_one_whole_line_or_none(input in hostile("report")) {
        bytes::report(&input);
    }

    #[test]
    fn a_tag_is_read_or_named(input in hostile("tags")) {
        bytes::tags(&input);
    }

    #[test]
    fn targets_stay_within_their_limits_and_the_threshold_rules_without_a_forecast(input in hostile("target")) {
        bytes::target(&input);
    }

    #[test]
    fn settings_are_within_their_ranges_or_every_bad_one_is_named(input in hostile("settings")) {
        bytes::settings(&input);
    }

    #[test]
    fn an_instance_is_drained_only_for_the_hook_of_the_group(input in hostile("events")) {
        bytes::events(&input);
    }

    #[test]
    fn whatever_a_variable_holds_it_is_used_or_named(setting in proptest::sample::select(SETTINGS), value in "\\PC{0,12}|[ -~]{0,300}") {
        let name = setting.variable;
        let variables = required_and(&[(name, &value)]);
        properties::settings(&variables);
        if let Err(error) = Settings::from_variables(&variables) {
            let message = error.to_string();
            prop_assert!(message.contains(&format!("{name} is ")) || name.starts_with("FORECAST_"), "{}", message);
        }
    }

    #[test]
    fn whatever_stands_in_what_a_function_does_not_read_it_reads_the_same(
        function in proptest::sample::select(&Function::ALL[..]),
        values in proptest::collection::vec((proptest::sample::select(SETTINGS), "\\PC{0,12}|[ -~]{0,30}|[0-9]{1,4}"), 1..6),
    ) {
        let foreign = values.iter().filter(|(setting, _)| !setting.is_read_by(function));
        let foreign: Vec<(&str, &str)> = foreign.map(|(setting, value)| (setting.variable, &**value)).collect();
        let found = Settings::for_function(function, &required_and(&foreign));
        prop_assert_eq!(found, Settings::for_function(function, &required_and(&[])));
    }
}

proptest! {
    #![proptest_config(config(50))]

    #[test]
    fn a_forecast_is_finite_and_within_its_limits_whatever_it_is_made_from(input in mutated("forecast")) {
        bytes::forecast(&input);
    }

    #[test]
    fn metrics_of_any_size_make_a_forecast_that_can_be_written(
        changes in proptest::collection::vec((any::<u8>(), 0u16..3000, prop_oneof![any::<f64>(), 0.0..20_000.0]), 0..8),
    ) {
        let mut input = b"\0{}\0".to_vec();
        for (of, ago, value) in changes {
            input.push(of);
            input.extend(ago.to_le_bytes());
            input.extend(value.to_le_bytes());
        }
        bytes::forecast(&input);
    }
}

fn required_and(more: &[(&str, &str)]) -> BTreeMap<String, String> {
    let required = [("AUTO_SCALING_GROUP", "jibri"), ("JICOFO_URLS", "http://10.0.1.5:8888")];
    required.iter().chain(more).map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

const STATS: &str = r#"{"jibri_detector":{"count":1,"available":1}}"#;
/// As long as an answer of Jicofo may be, in bytes.
const LONGEST: usize = 8 * 1024 * 1024;

#[test]
fn the_deepest_and_the_longest_are_values_or_errors_and_no_overflow() {
    for part in ["[", "{\"a\":", "{\"jibri_detector\":", "[[],", "\"", "9", "{\"jibri_detector\":{\"i-1\":"] {
        let text = part.repeat(LONGEST / part.len());
        bytes::jicofo(format!("{text}\0{text}").as_bytes());
        bytes::jicofo(format!("{STATS}\0{text}").as_bytes());
        // The others come from AWS: a parameter has 8 KB at most, an output 2,500 characters, an event 256 KB.
        for parser in [bytes::report, bytes::tags, bytes::target, bytes::settings, bytes::events, bytes::forecast] {
            parser(&text.as_bytes()[..512 * 1024]);
        }
    }
}

#[test]
fn what_is_passed_over_may_be_as_deep_as_it_likes() {
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let debug = format!(
        r#"{{"more":{deep},"jibri_detector":{{"i-1":{{"health_status":"HEALTHY","busy_status":"IDLE","load":{deep}}}}}}}"#
    );
    let reading = parse_reading(STATS.as_bytes(), debug.as_bytes()).expect("a reading");
    assert_eq!(reading.jibris.len(), 1);
}

#[test]
fn a_million_jibris_are_not_believed() {
    let entry = r#"{"health_status":"HEALTHY","busy_status":"IDLE"}"#;
    let many: Vec<String> = (0..1_000_000).map(|number| format!(r#""i-{number}":{entry}"#)).collect();
    let debug = format!(r#"{{"jibri_detector":{{{}}}}}"#, many.join(","));
    let problem = parse_reading(STATS.as_bytes(), debug.as_bytes()).expect_err("too many");
    assert!(problem.contains("more than 10000 Jibris"), "{problem}");
}

#[test]
fn no_seed_of_a_whole_report_is_lost() {
    let whole = mutation::seeds("report");
    assert!(whole.len() >= 4);
    for output in whole {
        parse_report(&String::from_utf8(output).expect("text")).expect("a report");
    }
}
