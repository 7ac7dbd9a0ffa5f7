//! Each function reads and refuses what concerns it, and nothing else does anything to it.

mod common;

use std::collections::BTreeMap;

use common::{Cloud, complaint, id, now, on_schedule, ports, sample};
use controller::{
    Function, Settings, invoke,
    settings::{SETTINGS, Setting, setting},
};
use planner::LifecycleState;

/// What no setting but `REHEARSAL_CLOCK`, which is any text here, takes.
const BAD: &str = "::";

fn variables(more: &[(&str, &str)]) -> BTreeMap<String, String> {
    let required = [("AUTO_SCALING_GROUP", "jibri"), ("JICOFO_URLS", "http://jicofo:8888")];
    required.iter().chain(more).map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn takes_anything(setting: &Setting) -> bool {
    setting.variable == "REHEARSAL_CLOCK"
}

#[test]
fn a_bad_value_of_what_a_function_does_not_read_changes_nothing() {
    for function in Function::ALL {
        let good = Settings::for_function(function, &variables(&[])).expect("good settings");
        for one in SETTINGS.iter().filter(|one| !one.is_read_by(function)) {
            let found = Settings::for_function(function, &variables(&[(one.variable, BAD)]));
            assert_eq!(found.as_ref(), Ok(&good), "{} for {}", one.variable, function.name());
        }
    }
}

#[test]
fn a_bad_value_of_what_a_function_needs_is_refused_by_its_name() {
    for function in Function::ALL {
        for one in SETTINGS.iter().filter(|one| one.needed_by.contains(&function) && !takes_anything(one)) {
            let error = Settings::for_function(function, &variables(&[(one.variable, BAD)])).expect_err(one.variable);
            let message = error.to_string();
            let expected = format!("settings that cannot be used (1): {} is {BAD:?}, and must be ", one.variable);
            assert!(message.starts_with(&expected), "{}: {message}", function.name());
        }
    }
}

#[test]
fn all_that_is_bad_is_told_at_once_and_no_function_hears_of_what_is_not_its_own() {
    let bad: Vec<(&str, &str)> = SETTINGS.iter().map(|one| (one.variable, BAD)).collect();
    for function in Function::ALL {
        let message = Settings::for_function(function, &variables(&bad)).expect_err("all is bad").to_string();
        for one in SETTINGS.iter().filter(|one| !takes_anything(one)) {
            let is_named = message.contains(&format!("{} is ", one.variable));
            assert_eq!(is_named, one.needed_by.contains(&function), "{} for {}", one.variable, function.name());
        }
    }
}

#[test]
fn drain_begins_whatever_is_wrong_with_the_time_zone_or_with_jicofo() {
    let only_its_own = BTreeMap::from([("AUTO_SCALING_GROUP".to_owned(), "jibri".to_owned())]);
    assert!(Settings::for_function(Function::Drain, &only_its_own).is_ok());
    let bad = [("TIME_ZONE", "Berlin"), ("METRIC_NAMESPACE", "AWS/EC2"), ("JICOFO_URLS", "jicofo"), ("HIT_RATE", "2")];
    assert!(Settings::for_function(Function::Drain, &variables(&bad)).is_ok());
}

#[test]
fn the_floor_is_held_against_the_maximum_by_the_function_that_reads_both() {
    let wrong = variables(&[("FORECAST_FLOOR", "9"), ("FORECAST_MAXIMUM", "8")]);
    for function in Function::ALL {
        let refused = Settings::for_function(function, &wrong).is_err();
        assert_eq!(refused, function == Function::Forecast, "{}", function.name());
    }
}

#[test]
fn without_a_namespace_drains_are_held_and_the_tick_fails_and_says_why() {
    let cloud = Cloud::new(LifecycleState::TerminatingWait, &[]);
    let settings = Settings::for_function(Function::Drain, &variables(&[("METRIC_NAMESPACE", "AWS/EC2")])).unwrap();
    let error = complaint(on_schedule(Function::Drain, &settings, &ports(&cloud)));
    assert!(error.contains("no metric is published: METRIC_NAMESPACE is \"AWS/EC2\", and must be "), "{error}");
    let done = cloud.done();
    assert!(done.contains(&format!("heartbeat {}", id())) && done.contains(&"send Drain 1".to_owned()), "{done:?}");
    assert!(!done.iter().any(|what| what.starts_with("metrics")), "{done:?}");
}

#[test]
fn without_a_namespace_the_pool_grows_and_the_tick_fails_and_says_why() {
    let cloud = Cloud::new(LifecycleState::InService, &[]);
    cloud.groups.replace(vec![common::group(LifecycleState::InService, 1)]);
    let settings = Settings::for_function(Function::Availability, &variables(&[("METRIC_NAMESPACE", "a b")])).unwrap();
    let error =
        complaint(now(invoke(Function::Availability, sample("availability"), &settings, &ports(&cloud), common::NOW)));
    assert!(error.contains("METRIC_NAMESPACE is \"a b\""), "{error}");
    assert_eq!(cloud.done(), ["desired 3"]);
}

#[test]
fn settings_of_all_functions_are_to_each_what_it_reads_by_itself() {
    let sample =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../fuzz/seeds/settings/all")).unwrap();
    let pairs = sample.lines().filter_map(|line| line.split_once('='));
    let variables = pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    let all = Settings::from_variables(&variables).expect("good settings");
    for function in Function::ALL {
        assert_eq!(Ok(all.as_read_by(function)), Settings::for_function(function, &variables), "{}", function.name());
    }
}

#[test]
fn a_setting_is_found_by_its_variable() {
    assert!(setting("DRY_RUN").is_some() && setting("DRY").is_none());
}
