"""What the stack costs in a month: prints the tables of docs/cost.md.

It counts in template.yaml and docs/metrics.md what AWS bills, and multiplies it by the prices below.
"""

import re
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]

# AWS's list prices in US East (N. Virginia), November 2026, in US dollars, free tiers left out.
LAMBDA_GIGABYTE_SECOND = 0.0000166667  # x86_64, https://aws.amazon.com/lambda/pricing/
LAMBDA_MILLION_REQUESTS = 0.20
SCHEDULER_MILLION_INVOCATIONS = 1.00  # https://aws.amazon.com/eventbridge/pricing/
METRIC_MONTH = 0.30  # https://aws.amazon.com/cloudwatch/pricing/; of any resolution
METRIC_THOUSAND_REQUESTS = 0.01
METRIC_THOUSAND_READ = 0.01  # metrics that GetMetricData is asked for
ALARM_METRIC_MONTH = 0.10  # for periods of a minute or more
DASHBOARD_MONTH = 3.00
LOG_GIGABYTE_INGESTED = 0.50
LOG_GIGABYTE_MONTH = 0.03
C6I_XLARGE_HOUR = 0.17  # Linux, https://aws.amazon.com/ec2/pricing/on-demand/
GP3_GIGABYTE_MONTH = 0.08  # https://aws.amazon.com/ebs/pricing/

HOURS = 30 * 24
MINUTES = HOURS * 60

# Assumed, not measured on AWS: how long a function takes for one look at the world, and how much an invocation logs.
LOOK_SECONDS = 1
# How long `forecast` takes, which reads two weeks of metrics.
FORECAST_SECONDS = 3
LOG_BYTES_PER_INVOCATION = 4_000
# How long after its start `availability` may still begin a sample.
LAST_SAMPLE_SECONDS = 55
# How far back a forecast asks GetMetricData, and how much a page holds. Each page is a request for all metrics.
FORECAST_SPAN_SECONDS = 14 * 24 * 3600
PAGE_VALUES = 100_800


def main():
    """Prints both tables."""
    template = (REPOSITORY / "template.yaml").read_text()
    metrics = (REPOSITORY / "docs" / "metrics.md").read_text()
    print_table("The control plane, whatever the size of the pool", control_plane(template, metrics))
    print()
    print_table("One Jibri that waits all month", idle_jibri(template))


def control_plane(template, metrics):
    """Rows (what, how much, dollars) of everything but the instances."""
    every_minute = count("ScheduleExpression: rate\\(1 minute\\)", template)
    forecasts = MINUTES // number("ScheduleExpression: rate\\((\\d+) minutes\\)", template)
    interval_seconds = number("SampleIntervalSeconds:.*?Default: (\\d+)", template)
    samples = LAST_SAMPLE_SECONDS // interval_seconds + 1
    seconds = ((samples - 1) * interval_seconds + every_minute * LOOK_SECONDS) * MINUTES + forecasts * FORECAST_SECONDS
    invocations = every_minute * MINUTES + forecasts
    gigabyte_seconds = seconds * number("MemorySize: (\\d+)", template) / 1024
    names = count("`[A-Z]\\w+`", "".join(re.findall("^\\| (`.*?) \\|", metrics, re.MULTILINE)))
    requests = (samples + 1) * MINUTES + forecasts
    periods = forecast_periods()
    values = sum(FORECAST_SPAN_SECONDS // seconds for seconds in periods)
    metrics_read = forecasts * len(periods) * -(-values // PAGE_VALUES)
    alarms = re.findall("^  \\w+:\n    Type: AWS::CloudWatch::Alarm\n.*?(?=^  \\w)", template, re.MULTILINE | re.DOTALL)
    alarm_metrics = sum(count("^ +MetricName:", alarm) for alarm in alarms)
    dashboards = count("Type: AWS::CloudWatch::Dashboard", template)
    log_gigabytes = invocations * LOG_BYTES_PER_INVOCATION / 1e9
    return [
        ("Custom metrics", f"{names}", names * METRIC_MONTH),
        ("Lambda, duration", f"{gigabyte_seconds:,.0f} GB-seconds", gigabyte_seconds * LAMBDA_GIGABYTE_SECOND),
        ("`PutMetricData`", f"{requests:,} requests", requests / 1e3 * METRIC_THOUSAND_REQUESTS),
        ("Dashboard", f"{dashboards}", dashboards * DASHBOARD_MONTH),
        ("Alarms", f"{len(alarms)}, on {alarm_metrics} metrics", alarm_metrics * ALARM_METRIC_MONTH),
        ("`GetMetricData`", f"{metrics_read:,} metrics", metrics_read / 1e3 * METRIC_THOUSAND_READ),
        ("Logs", f"{log_gigabytes:.2f} GB", log_gigabytes * (LOG_GIGABYTE_INGESTED + LOG_GIGABYTE_MONTH)),
        ("Scheduler", f"{invocations:,} invocations", invocations / 1e6 * SCHEDULER_MILLION_INVOCATIONS),
        ("Lambda, requests", f"{invocations:,}", invocations / 1e6 * LAMBDA_MILLION_REQUESTS),
    ]


def forecast_periods():
    """The period of each metric that a forecast reads, in seconds."""
    answers = (REPOSITORY / "crates/controller/src/answers.rs").read_text()
    declared = re.search("HISTORY_METRICS: .*? = \\[(.*?)\n\\];", answers, re.DOTALL).group(1)
    return [int(period.replace("_", "")) for period in re.findall("Statistic::\\w+, ([\\d_]+)\\)", declared)]


def idle_jibri(template):
    """Rows (what, how much, dollars) of one instance with its two volumes."""
    gigabytes = number("VolumeSize: (\\d+)", template) + number("DataVolumeGigabytes:.*?Default: (\\d+)", template)
    return [
        ("c6i.xlarge", f"{HOURS} hours", HOURS * C6I_XLARGE_HOUR),
        ("gp3 volumes", f"{gigabytes} GB", gigabytes * GP3_GIGABYTE_MONTH),
    ]


def count(pattern, text):
    """How often the pattern is in the text; a pattern that is not there is an error."""
    found = len(re.findall(pattern, text, re.MULTILINE))
    if not found:
        raise ValueError(f"nothing matches {pattern}")
    return found


def number(pattern, text):
    """The number that the pattern's first match holds."""
    match = re.search(pattern, text, re.DOTALL)
    if not match:
        raise ValueError(f"nothing matches {pattern}")
    return int(match.group(1))


def print_table(title, rows):
    """Prints a table in Markdown, with its sum."""
    print(f"| {title} | a month | US dollars |\n| --- | ---: | ---: |")
    for what, how_much, dollars in rows:
        print(f"| {what} | {how_much} | {dollars:.2f} |")
    print(f"| **together** | | **{sum(dollars for _, _, dollars in rows):.2f}** |")


if __name__ == "__main__":
    main()
