//! Logs: one JSON object a line, as CloudWatch Logs Insights reads them.

use tracing_subscriber::EnvFilter;

/// Begins to log to standard output. `RUST_LOG`, or else Lambda's own `AWS_LAMBDA_LOG_LEVEL`, says how much.
pub fn init() {
    let level = ["RUST_LOG", "AWS_LAMBDA_LOG_LEVEL"].iter().find_map(|name| std::env::var(name).ok());
    let filter = level.map(|level| level.to_lowercase().replace("fatal", "error"));
    let filter = filter.and_then(|level| EnvFilter::try_new(level).ok());
    let logger = tracing_subscriber::fmt()
        .json()
        .flatten_event(true)
        .with_span_list(false)
        .with_ansi(false)
        .with_target(false)
        .with_env_filter(filter.unwrap_or_else(|| EnvFilter::new("info")));
    // A second call in one process is a test's, and changes nothing.
    let _ = logger.try_init();
}
