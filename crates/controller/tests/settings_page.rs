//! What follows from the declaration of the settings: a file that differs is written anew, and the test fails once.

use std::{fs, path::Path};

use controller::{
    Settings,
    settings::{Kind, Origin, SETTINGS, page, setting},
};

/// Holds a file of the repository against what is rendered.
fn hold(path: &str, rendered: &str) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path);
    if fs::read_to_string(&file).unwrap_or_default() != rendered {
        fs::write(&file, rendered).expect("the file can be written");
        panic!("{path} differed from its declaration, and is written anew: look at it, and commit it");
    }
}

#[test]
fn the_page_of_settings_is_the_declaration() {
    hold("docs/settings.md", &page());
}

/// Where the fuzzer begins: every setting, as it may be set.
#[test]
fn the_fuzzers_sample_has_every_setting() {
    let value = |variable: &str, kind: Kind| match kind {
        _ if variable == "REHEARSAL_CLOCK" => "1800000000@1800000000x40".to_owned(),
        Kind::Urls(_) => "http://10.0.1.5:8888,https://jicofo.example/rest".to_owned(),
        Kind::OptionalName(_) => format!("/jibri/{}", variable.to_ascii_lowercase()),
        Kind::Zone(_) => "Europe/Berlin".to_owned(),
        Kind::Name(name) => name.default.unwrap_or("jibri").to_owned(),
        Kind::Nicknames(_) => "jibri-1,office-*".to_owned(),
        Kind::Text(_) => "text".to_owned(),
        kind => kind.limits().map_or("true".to_owned(), |(least, _)| least),
    };
    let lines = SETTINGS.iter().map(|one| format!("{}={}\n", one.variable, value(one.variable, one.kind)));
    let sample: String = lines.collect();
    let variables = sample.lines().filter_map(|line| line.split_once('='));
    let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    Settings::from_variables(&variables).expect("a sample of settings that can be used");
    hold("fuzz/seeds/settings/all", &sample);
}

#[test]
fn each_setting_stands_once_and_is_read_by_some_function() {
    for (index, one) in SETTINGS.iter().enumerate() {
        let variable = one.variable;
        let repeats = |other: &controller::settings::Setting| {
            other.variable == variable || (other.origin == one.origin && matches!(one.origin, Origin::Parameter(_)))
        };
        assert!(!SETTINGS[index + 1..].iter().any(repeats), "{variable} stands twice");
        assert!(!one.needed_by.is_empty(), "{variable} is needed by no function");
        assert!(one.tolerated_by.iter().all(|function| !one.needed_by.contains(function)), "{variable}");
        // The console shows it as the parameter's description.
        assert!(one.meaning.ends_with('.') && one.meaning.len() > 20, "{variable}: {}", one.meaning);
        if let Kind::CountLike(like) = one.kind {
            let other = setting(like.like).expect("a setting");
            assert!(one.needed_by.iter().all(|function| other.is_read_by(*function)), "{variable} and {}", like.like);
        }
    }
}

#[test]
fn a_pattern_of_the_template_says_what_the_functions_take() {
    let pattern = |variable: &str| setting(variable).and_then(|one| one.parameter()?.allowed_pattern);
    assert_eq!(pattern("FORECAST_FLOOR").as_deref(), Some("^([0-9]|[1-9][0-9]|[1-4][0-9]{2}|500)?$"));
    assert_eq!(pattern("METRIC_NAMESPACE").as_deref(), Some("^(?!AWS/|:)[A-Za-z0-9_./#:-]{1,255}$"));
    assert_eq!(
        pattern("PLANNED_PARAMETER").as_deref(),
        Some("^((?!/[Aa][Ww][Ss]|/[Ss][Ss][Mm])/[A-Za-z0-9_./-]{1,1010})?$")
    );
    let threshold = setting("JIBRIS_THRESHOLD").and_then(|one| one.parameter()).expect("a parameter");
    assert_eq!(threshold.default.as_deref(), Some("2"));
    assert_eq!((threshold.min_value.as_deref(), threshold.max_value.as_deref()), (Some("1"), Some("500")));
    let interval = setting("SAMPLE_INTERVAL_SECONDS").and_then(|one| one.parameter()).expect("a parameter");
    assert_eq!(interval.allowed_values, ["5", "6", "10", "12", "15", "20", "30"]);
    assert_eq!(interval.min_value, None);
}
