//! Logs: one JSON object a line, as CloudWatch Logs Insights reads them.

use tracing_subscriber::EnvFilter;

/// Begins to log to standard output. `RUST_LOG`, or else Lambda's own `AWS_LAMBDA_LOG_LEVEL`, says how much.
pub fn init() {
    let read = |name| std::env::var(name).unwrap_or_default();
    let logger = tracing_subscriber::fmt()
        .json()
        .flatten_event(true)
        .with_span_list(false)
        .with_ansi(false)
        .with_target(false)
        .with_env_filter(filter(&read("RUST_LOG"), &read("AWS_LAMBDA_LOG_LEVEL")));
    // Only tests call this twice in one process; the second call changes nothing.
    let _ = logger.try_init();
}

/// A value that cannot be read counts as not set: a function that logs nothing is worse than one that logs too much.
fn filter(rust_log: &str, lambda_level: &str) -> EnvFilter {
    let level = match lambda_level {
        // Lambda's highest, which Rust does not have: <https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-log-level.html>.
        "FATAL" => "error",
        "TRACE" | "DEBUG" | "INFO" | "WARN" | "ERROR" => lambda_level,
        _ => "info",
    };
    let asked = Some(rust_log).filter(|text| !text.is_empty()).and_then(|text| EnvFilter::try_new(text).ok());
    asked.unwrap_or_else(|| EnvFilter::new(level))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rust_log_rules_over_lambdas_level_and_neither_can_silence_errors_by_mistake() {
        for (rust_log, lambda_level, expected) in [
            ("", "", "info"),
            ("", "DEBUG", "debug"),
            ("", "FATAL", "error"),
            ("", "LOUD", "info"),
            ("warn", "DEBUG", "warn"),
            ("=,=", "WARN", "warn"),
            ("info,hyper=debug", "", "hyper=debug,info"),
        ] {
            assert_eq!(filter(rust_log, lambda_level).to_string(), expected, "{rust_log:?} and {lambda_level:?}");
        }
    }
}
