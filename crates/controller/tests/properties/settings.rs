use std::collections::BTreeMap;

use controller::Settings;

/// Every variable that the functions read.
pub const VARIABLES: [&str; 26] = [
    "AUTO_SCALING_GROUP",
    "JICOFO_URLS",
    "JIBRIS_THRESHOLD",
    "IDLE_COUNT_THRESHOLD",
    "BOOT_GRACE_MINUTES",
    "TERMINATIONS_PER_TICK",
    "DRAIN_LIMIT_MINUTES",
    "SAMPLE_INTERVAL_SECONDS",
    "BUSY_SUSPICION_HOURS",
    "JICOFO_TIMEOUT_SECONDS",
    "SCALE_OUT_PAUSED",
    "SCALE_IN_PAUSED",
    "DRY_RUN",
    "LIFECYCLE_HOOK",
    "CHECK_DOCUMENT",
    "DRAIN_DOCUMENT",
    "FORECAST_PARAMETER",
    "HIT_RATE",
    "TIME_ZONE",
    "FORECAST_FLOOR",
    "FORECAST_MAXIMUM",
    "LEAD_SECONDS",
    "FORECAST_SHADOW",
    "PLANNED_PARAMETER",
    "METRIC_NAMESPACE",
    "REHEARSAL_CLOCK",
];

/// Settings are within what the README allows, or every variable that is not is named, once for each thing that is
/// wrong with it, and what is allowed.
pub fn settings(variables: &BTreeMap<String, String>) {
    match Settings::from_variables(variables) {
        Ok(settings) => hold_ranges(&settings),
        Err(error) => {
            let message = error.to_string();
            assert!(!message.contains(|letter: char| letter.is_control()), "{message:?}");
            let (count, problems) = message
                .strip_prefix("settings that cannot be used (")
                .and_then(|rest| rest.split_once("): "))
                .expect("a count");
            let named =
                problems.match_indices(", and must be ").count() + problems.match_indices(" is not set,").count();
            assert!(named >= count.parse().expect("a number"), "{message}");
            let longest = 400 * VARIABLES.len();
            assert!(message.len() < longest, "{} bytes: {message}", message.len());
        }
    }
}

fn hold_ranges(settings: &Settings) {
    let (policy, forecast) = (&settings.policy, &settings.forecast);
    let is_name =
        |name: &str| !name.is_empty() && name.len() <= 255 && name.chars().all(|letter| letter.is_ascii_graphic());
    assert!(is_name(&settings.auto_scaling_group) && is_name(&settings.lifecycle_hook));
    assert!(is_name(&settings.check_document) && is_name(&settings.drain_document));
    assert!(is_name(&settings.metric_namespace) && !settings.metric_namespace.starts_with("AWS/"));
    assert!((1..=500).contains(&settings.jibris_threshold));
    assert!((60..=1440 * 60).contains(&policy.idle_seconds));
    assert!((120..=7200).contains(&policy.boot_grace_seconds));
    assert!((1..=50).contains(&policy.terminations_per_tick));
    assert!((600..=2820 * 60).contains(&policy.drain_limit_seconds));
    assert!((3600..=48 * 3600).contains(&policy.busy_suspicion_seconds));
    assert!((5..=30).contains(&settings.sample_interval_seconds) && 60 % settings.sample_interval_seconds == 0);
    assert!((1..=10).contains(&settings.jicofo_timeout_seconds));
    assert!((0.5..=0.9999).contains(&forecast.hit_rate));
    assert!(forecast.floor <= 500 && (1..=10_000).contains(&forecast.maximum) && forecast.floor <= forecast.maximum);
    assert!((30..=1800).contains(&forecast.lead_seconds));
    assert!(!settings.jicofo_urls.is_empty());
    for url in &settings.jicofo_urls {
        assert!(
            url.starts_with("http") && !url.contains('@') && url.chars().all(|letter| letter.is_ascii_graphic()),
            "{url}"
        );
    }
}
