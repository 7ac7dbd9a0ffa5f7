use std::collections::BTreeMap;

use controller::{
    Function, Settings,
    settings::{Kind, SETTINGS, Setting, setting},
};

/// The settings of all functions together, and of each, are within what is declared; or every variable that is not is
/// named, once for each thing that is wrong with it, and what is allowed.
pub fn settings(variables: &BTreeMap<String, String>) {
    for function in Function::ALL.map(Some).into_iter().chain([None]) {
        let concerns = |setting: &Setting| function.is_none_or(|function| setting.is_read_by(function));
        match parse(function, variables) {
            Ok(settings) => hold_ranges(&settings, concerns),
            Err(error) => hold_message(&error.to_string(), concerns),
        }
    }
}

fn parse(
    function: Option<Function>,
    variables: &BTreeMap<String, String>,
) -> Result<Settings, controller::SettingsError> {
    match function {
        Some(function) => Settings::for_function(function, variables),
        None => Settings::from_variables(variables),
    }
}

fn hold_message(message: &str, concerns: impl Fn(&Setting) -> bool) {
    assert!(!message.contains(|letter: char| letter.is_control()), "{message:?}");
    let (count, problems) = message
        .strip_prefix("settings that cannot be used (")
        .and_then(|rest| rest.split_once("): "))
        .expect("a count");
    let named = |setting: &&Setting| problems.contains(&format!("{} is ", setting.variable));
    let of_it = SETTINGS.iter().filter(|setting| concerns(setting)).filter(named).count();
    assert!(of_it > 0 && of_it <= count.parse().expect("a number"), "{message}");
    let longest = 400 * SETTINGS.len();
    assert!(message.len() < longest, "{} bytes: {message}", message.len());
}

fn hold_ranges(settings: &Settings, concerns: impl Fn(&Setting) -> bool) {
    let concerns = |variable: &str| concerns(setting(variable).expect("a setting"));
    let (policy, forecast) = (&settings.policy, &settings.forecast);
    for (variable, value) in [
        ("JIBRIS_THRESHOLD", u64::from(settings.jibris_threshold)),
        ("IDLE_COUNT_THRESHOLD", policy.idle_seconds),
        ("BOOT_GRACE_MINUTES", policy.boot_grace_seconds),
        ("TERMINATIONS_PER_TICK", u64::from(policy.terminations_per_tick)),
        ("DRAIN_LIMIT_MINUTES", policy.drain_limit_seconds),
        ("BUSY_SUSPICION_HOURS", policy.busy_suspicion_seconds),
        ("SAMPLE_INTERVAL_SECONDS", settings.sample_interval_seconds),
        ("JICOFO_TIMEOUT_SECONDS", settings.jicofo_timeout_seconds),
        ("FORECAST_FLOOR", u64::from(forecast.floor)),
        ("FORECAST_MAXIMUM", u64::from(forecast.maximum)),
        ("LEAD_SECONDS", forecast.lead_seconds),
    ] {
        let within = match setting(variable).expect("a setting").kind {
            Kind::Count(range) => (u64::from(range.least)..=u64::from(range.most)).contains(&value),
            Kind::CountLike(like) => value <= u64::from(like.most),
            Kind::Duration(kind) => {
                let unit = kind.unit_seconds;
                (kind.range.least * unit..=kind.range.most * unit).contains(&value) && value.is_multiple_of(unit)
            }
            Kind::Choice(choice) => choice.allowed.contains(&value) && 60 % value == 0,
            other => panic!("{variable} is a {other:?}"),
        };
        assert!(within, "{variable} is {value}");
    }
    let Kind::Share(share) = setting("HIT_RATE").expect("a setting").kind else { panic!("not a share") };
    assert!((share.least..=share.most).contains(&forecast.hit_rate));
    assert!(!concerns("FORECAST_MAXIMUM") || forecast.floor <= forecast.maximum);
    for (variable, name) in [
        ("AUTO_SCALING_GROUP", Some(&settings.auto_scaling_group)),
        ("LIFECYCLE_HOOK", Some(&settings.lifecycle_hook)),
        ("CHECK_DOCUMENT", Some(&settings.check_document)),
        ("DRAIN_DOCUMENT", Some(&settings.drain_document)),
        ("METRIC_NAMESPACE", settings.metric_namespace.as_ref().ok()),
        ("FORECAST_PARAMETER", settings.forecast_parameter.as_ref()),
        ("PLANNED_PARAMETER", forecast.planned_parameter.as_ref()),
    ] {
        let is_name = |name: &str| name.len() <= 1011 && name.chars().all(|letter| letter.is_ascii_graphic());
        assert!(name.is_none_or(|name| !name.is_empty() && is_name(name)), "{variable} is {name:?}");
    }
    assert!(
        settings.metric_namespace.as_ref().is_ok_and(|name| !name.starts_with("AWS/"))
            || tolerates(&settings.metric_namespace)
    );
    assert_eq!(settings.jicofo_urls.is_empty(), !concerns("JICOFO_URLS"));
    for url in &settings.jicofo_urls {
        assert!(
            url.starts_with("http") && !url.contains('@') && url.chars().all(|letter| letter.is_ascii_graphic()),
            "{url}"
        );
    }
}

/// A bad one is handed on as what is wrong with it.
fn tolerates(namespace: &Result<String, String>) -> bool {
    namespace.as_ref().is_err_and(|problem| problem.starts_with("METRIC_NAMESPACE is "))
}
