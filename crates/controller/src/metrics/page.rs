//! `docs/metrics.md`.

use super::{Metric, Publisher};

const BEGINNING: &str = "\
<!-- Rendered from crates/controller/src/metrics/declared.rs: `cargo test -p controller --test pages` rewrites it. -->

# Metrics

In the namespace `METRIC_NAMESPACE` (`JibriAutoscaler`), with the dimension `AutoScalingGroupName`, at a resolution of one
second. What is not known is not published: a gap in `AvailableJibris` means that it is not known how many are available, not
that there are none. A forecast's metrics are its prediction, to be laid beside the outcome; but for `LeadSeconds`, there are
none of them without a forecast.
";

/// The page that lists every metric.
pub fn page() -> String {
    let mut page = BEGINNING.to_owned();
    for publisher in Publisher::ALL {
        page += &format!("\n## {}\n\n| metric | unit | meaning |\n| --- | --- | --- |\n", publisher.heading());
        for metric in Metric::ALL.iter().filter(|metric| metric.publisher() == publisher) {
            page += &format!("| `{metric}` | {} | {} |\n", metric.unit().name(), metric.meaning());
        }
    }
    page
}
