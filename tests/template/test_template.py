"""What template.yaml says, held against the rest of the project; deployed with its defaults, but for what has none."""

import base64
import gzip
import json
import re
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "permissions"))

from granted import ROLES, STACK  # noqa: E402
from samtranslator.yaml_helper import yaml_parse  # noqa: E402

TEMPLATE = yaml_parse((ROOT / "template.yaml").read_text())
RESOURCES = STACK.resources
# As the page repeats them, by key: crates/stack/tests holds them against the files of instance/.
INSTANCE_FILES = {key: entry["Text"] for key, entry in TEMPLATE["Mappings"]["InstanceFiles"].items()}
USER_DATA_LIMIT_BYTES = 16 * 1024


def properties(logical_id):
    return RESOURCES[logical_id]["Properties"]


def launch():
    return properties("LaunchTemplate")["LaunchTemplateData"]


def user_data():
    """As the instance gets it."""
    text = launch()["UserData"]
    return text["Fn::Base64"] if isinstance(text, dict) else base64.b64decode(text).decode()


class Parameters(unittest.TestCase):
    def test_each_has_a_sentence_and_a_place(self):
        groups = TEMPLATE["Metadata"]["AWS::CloudFormation::Interface"]["ParameterGroups"]
        placed = [name for group in groups for name in group["Parameters"]]
        self.assertEqual(sorted(placed), sorted(TEMPLATE["Parameters"]))
        for name, parameter in TEMPLATE["Parameters"].items():
            with self.subTest(name):
                self.assertRegex(parameter["Description"], r"^[A-Z].{20,}\.$")

    def test_each_has_its_limits(self):
        for name, parameter in TEMPLATE["Parameters"].items():
            limits = {"AllowedPattern", "AllowedValues", "MinValue"} & parameter.keys()
            with self.subTest(name):
                self.assertTrue(limits or parameter["Type"] != "String" and parameter["Type"] != "Number")

    def test_the_forecasts_floor_is_a_number_of_jibris_or_nothing(self):
        pattern = TEMPLATE["Parameters"]["ForecastFloor"]["AllowedPattern"]
        for allowed in ["", *map(str, range(501))]:
            self.assertRegex(allowed, pattern)
        for refused in ("501", "510", "600", "1000", "-1", "07", "1.5", "many"):
            with self.subTest(refused):
                self.assertNotRegex(refused, pattern)

    def test_each_does_something(self):
        body = json.dumps({part: TEMPLATE[part] for part in ("Conditions", "Globals", "Resources")}, default=str)
        for name in TEMPLATE["Parameters"]:
            with self.subTest(name):
                self.assertRegex(body, rf'"Ref": "{name}"|\$\{{{name}\}}')

    def test_those_that_go_to_the_instance_cannot_end_their_line_or_the_file(self):
        used = set(re.findall(r"=\$\{([A-Za-z]+)\}$", raw_user_data(), re.MULTILINE))
        self.assertGreater(len(used), 15)
        for name in used & TEMPLATE["Parameters"].keys():
            parameter = TEMPLATE["Parameters"][name]
            if parameter["Type"] != "Number":
                for text in ("a b", "a\nb", "$(id)", "`id`", "'", '"', "a;b"):
                    with self.subTest(name, text=text):
                        self.assertIsNone(re.fullmatch(parameter["AllowedPattern"], text))


def raw_user_data():
    data = TEMPLATE["Resources"]["LaunchTemplate"]["Properties"]["LaunchTemplateData"]["UserData"]
    return data["Fn::Base64"]["Fn::Sub"][0]


class Settings(unittest.TestCase):
    """The template, held against the page that is rendered from the functions' own declarations."""

    PAGE = (ROOT / "docs" / "settings.md").read_text()
    ROWS = {row[0]: row for row in re.findall(r"^\| `([A-Z_]+)` \|" + r" (.*?) \|" * 5 + "$", PAGE, re.MULTILINE)}

    def test_every_function_has_what_it_reads_and_no_more(self):
        self.assertGreater(len(self.ROWS), 20)
        set_by_the_template = {variable for variable, (_, parameter, *_) in self.ROWS.items() if parameter != "none"}
        for function in STACK.functions:
            readers = {variable: row[4] for variable, row in self.ROWS.items()}
            read = {name for name, by in readers.items() if by == "all" or f"`{function.binary}`" in by}
            with self.subTest(function.binary):
                self.assertEqual(function.environment.keys(), read & set_by_the_template)

    def test_defaults_and_limits_are_those_of_the_page(self):
        for variable, (_, name, default, allowed, *_) in self.ROWS.items():
            if not name.startswith("`"):
                continue
            parameter = TEMPLATE["Parameters"][name.strip("`")]
            with self.subTest(variable):
                if default == "required":
                    self.assertNotIn("Default", parameter)
                elif parameter["Default"] == "":
                    self.assertIn(default.strip("`"), {"none", *self.ROWS})
                else:
                    self.assertEqual(str(parameter["Default"]), default.strip("`"))
                if "MinValue" in parameter:
                    self.assertIn(f"from {parameter['MinValue']} to {parameter['MaxValue']}", allowed)
                for value in parameter.get("AllowedValues", []):
                    self.assertRegex(allowed, rf"\b{value}\b")


class Instances(unittest.TestCase):
    def test_user_data_brings_them_and_fits(self):
        text = user_data()
        files = {
            "compose.yaml": "Compose",
            "finalize.sh": "Finalize",
            "set-up.sh": "SetUp",
            "start.sh": "Start",
            "uploads.py": "Uploads",
        }
        [packed] = re.findall(r"<<'END_OF_FILES' \| gunzip >files.sh\n(.*?)\nEND_OF_FILES\nbash files.sh\n", text, re.DOTALL)
        script = gzip.decompress(base64.b64decode(packed)).decode()
        written = "".join(f"cat >{name} <<'END_OF_FILE'\n{INSTANCE_FILES[key]}END_OF_FILE\n" for name, key in files.items())
        self.assertEqual(script, written)
        with tempfile.TemporaryDirectory() as directory:
            unpack = text[text.index("base64 --decode") : text.index("bash set-up.sh")]
            subprocess.run(["bash", "-euo", "pipefail", "-c", unpack], cwd=directory, check=True)
            for name, key in files.items():
                self.assertEqual((Path(directory) / name).read_text(), INSTANCE_FILES[key])
        # Even longer settings than any real ones should still fit.
        self.assertLess(len(text.encode()) + 400, USER_DATA_LIMIT_BYTES)

    def test_no_file_ends_the_lines_that_write_it(self):
        for name, text in INSTANCE_FILES.items():
            with self.subTest(name):
                self.assertNotIn("END_OF_FILE", text)
                self.assertTrue(text.endswith("\n"))
        # What SSM would take for a parameter of the document.
        self.assertNotRegex(INSTANCE_FILES["JibriDrain"], r"\{\{")

    def test_settings_are_what_the_scripts_read(self):
        written = set(re.findall(r"^([A-Z_]+)=", raw_user_data(), re.MULTILINE))
        scripts = "".join((ROOT / "instance" / name).read_text() for name in ("start.sh", "set-up.sh", "finalize.sh"))
        compose = (ROOT / "instance" / "compose.yaml").read_text()
        for name in ("AWS_REGION", "XMPP_PASSWORD_PARAMETER", "RECORDER_PASSWORD_PARAMETER", "RECORDINGS_BUCKET"):
            self.assertIn(name, written)
            self.assertIn(name, scripts)
        self.assertTrue("${JIBRI_IMAGE}" in compose and "JIBRI_IMAGE" in written)

    def test_no_password_is_in_user_data(self):
        self.assertNotRegex(user_data(), r"(?m)^JIBRI_(XMPP|RECORDER)_PASSWORD=")

    def test_the_metadata_service_wants_a_token_and_reaches_a_container(self):
        self.assertEqual(
            launch()["MetadataOptions"],
            {"HttpEndpoint": "enabled", "HttpTokens": "required", "HttpPutResponseHopLimit": 2},
        )

    def test_disks_are_encrypted_and_the_api_cannot_end_an_instance(self):
        for device in launch()["BlockDeviceMappings"]:
            self.assertEqual((device["Ebs"]["VolumeType"], device["Ebs"]["Encrypted"]), ("gp3", True))
        self.assertIs(launch()["DisableApiTermination"], True)

    def test_nothing_reaches_a_jibri(self):
        self.assertNotIn("SecurityGroupIngress", properties("JibriSecurityGroup"))
        self.assertNotIn("SecurityGroupIngress", properties("FunctionSecurityGroup"))


class Documents(unittest.TestCase):
    def test_a_script_is_handed_nothing_from_outside(self):
        documents = [name for name, one in RESOURCES.items() if one["Type"] == "AWS::SSM::Document"]
        self.assertEqual(len(documents), 2)
        for name in documents:
            with self.subTest(name):
                content = json.loads(json.dumps(properties(name)["Content"]))
                self.assertEqual(list(content["parameters"]), ["executionTimeout"])
                pattern = content["parameters"]["executionTimeout"]["allowedPattern"]
                for refused in ("", "0", "30; reboot", "$(id)", "3\n0", "123456"):
                    self.assertNotRegex(refused, pattern)
                (step,) = content["mainSteps"]
                self.assertEqual(step["inputs"].pop("timeoutSeconds"), "{{ executionTimeout }}")
                self.assertNotIn("{{", json.dumps(content))


class Group(unittest.TestCase):
    def test_a_drain_is_held_and_an_abandoned_instance_is_kept(self):
        group = properties("Group")
        (hook,) = group["LifecycleHookSpecificationList"]
        self.assertEqual(hook["LifecycleTransition"], "autoscaling:EC2_INSTANCE_TERMINATING")
        self.assertEqual(hook["DefaultResult"], "ABANDON")
        self.assertEqual(group["InstanceLifecyclePolicy"], {"RetentionTriggers": {"TerminateHookAbandon": "retain"}})
        for name in ("scale_in", "drain"):
            (function,) = (function for function in STACK.functions if function.binary == name)
            self.assertEqual(function.environment["LIFECYCLE_HOOK"], hook["LifecycleHookName"])

    def test_instances_carry_the_tag_that_the_roles_are_bound_to(self):
        tags = {tag["Key"]: tag for tag in properties("Group")["Tags"]}
        for role in ROLES.values():
            for statement in role:
                for key, value in statement.get("Condition", {}).get("StringEquals", {}).items():
                    if "ResourceTag/" in key or "resourceTag/" in key:
                        tag = tags[key.partition("/")[2]]
                        self.assertEqual((tag["Value"], tag["PropagateAtLaunch"]), (value, True))

    def test_the_hook_outlasts_the_longest_drain(self):
        (hook,) = properties("Group")["LifecycleHookSpecificationList"]
        # https://docs.aws.amazon.com/autoscaling/ec2/userguide/lifecycle-hooks.html: 48 hours or 100 time-outs.
        seconds = min(48 * 3600, 100 * hook["HeartbeatTimeout"])
        self.assertGreater(seconds, TEMPLATE["Parameters"]["DrainLimitMinutes"]["MaxValue"] * 60)
        # Nothing is given up while functions and AWS do not reach each other for a while; 7,200 is the most AWS takes.
        self.assertEqual(hook["HeartbeatTimeout"], 7200)
        world = (ROOT / "crates" / "world" / "src" / "config.rs").read_text()
        self.assertEqual(re.findall(r"heartbeat_timeout_seconds: (\d+),", world), [str(hook["HeartbeatTimeout"])])

    def test_nothing_else_ends_an_instance_or_moves_the_desired_capacity(self):
        group = properties("Group")
        self.assertIs(group["NewInstancesProtectedFromScaleIn"], True)
        self.assertEqual(group["HealthCheckType"], "EC2")
        self.assertNotIn("DesiredCapacity", group)
        self.assertNotIn("MaxInstanceLifetime", group)
        policies = [resource for resource in RESOURCES.values() if resource["Type"] == "AWS::AutoScaling::ScalingPolicy"]
        self.assertEqual([policy["Properties"]["PolicyType"] for policy in policies], ["StepScaling"])

    def test_the_alarms_policy_grows_by_no_more_than_the_shortfall(self):
        steps = properties("ScaleOutPolicy")["StepAdjustments"]
        threshold = properties("ScaleOutAlarm")["Threshold"]
        for step in steps:
            self.assertGreater(step["ScalingAdjustment"], 0)
            smallest = threshold + max(step["MetricIntervalLowerBound"], 1)
            self.assertLessEqual(step["ScalingAdjustment"], smallest)
        bounds = [step.get("MetricIntervalUpperBound") for step in steps]
        self.assertEqual(bounds[:-1], [step["MetricIntervalLowerBound"] for step in steps[1:]])
        self.assertEqual((steps[0]["MetricIntervalLowerBound"], bounds[-1]), (0, None))

    def test_a_warm_pool_is_optional_and_of_a_fixed_size(self):
        self.assertNotIn("WarmPool", RESOURCES)
        pool = TEMPLATE["Resources"]["WarmPool"]["Properties"]
        self.assertEqual(pool["MinSize"], pool["MaxGroupPreparedCapacity"])


class Functions(unittest.TestCase):
    def test_a_failed_tick_is_not_repeated_and_not_lost(self):
        configs = [
            resource["Properties"]
            for resource in RESOURCES.values()
            if resource["Type"] == "AWS::Lambda::EventInvokeConfig"
        ]
        self.assertEqual(len(configs), len(STACK.functions))
        for config in configs:
            self.assertEqual(config["MaximumRetryAttempts"], 0)
            self.assertLessEqual(config["MaximumEventAgeInSeconds"], 60)
            self.assertTrue(config["DestinationConfig"]["OnFailure"]["Destination"])

    def test_each_runs_by_its_schedule_once(self):
        schedules = STACK.of_type("AWS::Scheduler::Schedule").values()
        rates = {schedule["Name"].removeprefix("jibri-"): schedule["ScheduleExpression"] for schedule in schedules}
        every_minute = dict.fromkeys(("availability", "scale-in", "drain"), "rate(1 minute)")
        self.assertEqual(rates, {**every_minute, "forecast": "rate(5 minutes)"})
        for schedule in schedules:
            self.assertEqual(schedule["Target"]["RetryPolicy"]["MaximumRetryAttempts"], 0)

    def test_each_is_built_by_cargo_lambda(self):
        for function in STACK.functions:
            source = ROOT / "functions" / f"{function.binary}.rs"
            self.assertTrue(source.is_file(), source)


class Metrics(unittest.TestCase):
    def test_alarms_and_dashboard_stand_on_metrics_that_are_published(self):
        page = (ROOT / "docs" / "metrics.md").read_text()
        published = set(re.findall(r"`([A-Z][A-Za-z]+)`", "".join(re.findall(r"^\| `.*?\|", page, re.MULTILINE))))
        ours = TEMPLATE["Parameters"]["MetricNamespace"]["Default"]
        named = set()
        for resource in RESOURCES.values():
            if resource["Type"] == "AWS::CloudWatch::Alarm":
                alarm = resource["Properties"]
                metrics = [metric["MetricStat"]["Metric"] for metric in alarm.get("Metrics", []) if "MetricStat" in metric]
                for metric in metrics or [alarm]:
                    if metric["Namespace"] == ours:
                        named.add(metric["MetricName"])
                        (dimension,) = metric["Dimensions"]
                        self.assertEqual(dimension, {"Name": "AutoScalingGroupName", "Value": properties("Group")["AutoScalingGroupName"]})
        dashboard = json.loads(properties("Dashboard")["DashboardBody"])
        for widget in dashboard["widgets"]:
            for metric in widget["properties"].get("metrics", []):
                if metric[0] == ours:
                    named.add(metric[1])
        self.assertGreater(len(named), 15)
        self.assertEqual(named - published, set())

    def test_every_alarm_says_what_missing_data_mean_and_notifies_the_topic(self):
        topic = STACK.reference("AlarmTopic")
        alarms = {name: one["Properties"] for name, one in RESOURCES.items() if one["Type"] == "AWS::CloudWatch::Alarm"}
        self.assertGreater(len(alarms), 10)
        for name, alarm in alarms.items():
            with self.subTest(name):
                self.assertIn("TreatMissingData", alarm)
                self.assertIn(topic, alarm["AlarmActions"])
        # These two tell when the function that publishes their metric no longer runs; a new alarm has no data yet, and with
        # "breaching" would ring before the functions of a new stack have run.
        silent = {name for name, alarm in alarms.items() if topic in alarm.get("InsufficientDataActions", [])}
        self.assertEqual(silent, {"SignalLostAlarm", "HeartbeatTooOldAlarm"})
        self.assertNotIn("breaching", {alarm["TreatMissingData"] for alarm in alarms.values()})

    def test_a_function_that_keeps_failing_rings(self):
        alarms = STACK.of_type("AWS::CloudWatch::Alarm")
        watched = {name: set() for name in ("FunctionsFailAlarm", "ForecastFailsAlarm")}
        for name, functions in watched.items():
            for metric in alarms[name]["Metrics"]:
                if "MetricStat" in metric:
                    (dimension,) = metric["MetricStat"]["Metric"]["Dimensions"]
                    functions.add((dimension["Value"], metric["MetricStat"]["Metric"]["MetricName"]))
                    self.assertIn(metric["Id"], alarms[name]["Metrics"][0]["Expression"])
        references = {function.binary: STACK.reference(function.logical_id) for function in STACK.functions}
        of = lambda *binaries: {(references[one], kind) for one in binaries for kind in ("Errors", "Throttles")}
        self.assertEqual(watched["FunctionsFailAlarm"], of("availability", "scale_in", "drain"))
        self.assertEqual(watched["ForecastFailsAlarm"], of("forecast"))

    def test_every_alarm_names_its_section_of_the_guide(self):
        guide = (ROOT / "docs" / "alarms.md").read_text()
        sections = {heading: f"docs/alarms.md#{heading.lower()}" for heading in re.findall(r"^## (\w+)$", guide, re.MULTILINE)}
        alarms = STACK.of_type("AWS::CloudWatch::Alarm")
        self.assertEqual(sorted(sections), sorted(alarms))
        for name, alarm in alarms.items():
            self.assertTrue(alarm["AlarmDescription"].endswith(f" See {sections[name]}"), alarm["AlarmDescription"])

    def test_the_dashboard_shows_every_alarm(self):
        widgets = json.loads(properties("Dashboard")["DashboardBody"])["widgets"]
        shown = next(widget for widget in widgets if widget["type"] == "alarm")["properties"]["alarms"]
        alarms = [STACK.arn(name) for name, one in RESOURCES.items() if one["Type"] == "AWS::CloudWatch::Alarm"]
        self.assertEqual(sorted(shown), sorted(alarms))


class Recordings(unittest.TestCase):
    def test_the_bucket_is_private_encrypted_and_kept(self):
        bucket = RESOURCES["RecordingsBucket"]
        self.assertEqual((bucket["DeletionPolicy"], bucket["UpdateReplacePolicy"]), ("Retain", "Retain"))
        blocked = bucket["Properties"]["PublicAccessBlockConfiguration"]
        self.assertEqual(list(blocked.values()), [True] * 4)
        (rule,) = bucket["Properties"]["BucketEncryption"]["ServerSideEncryptionConfiguration"]
        # With KMS an ETag is no MD5, and no upload would ever be verified.
        self.assertEqual(rule["ServerSideEncryptionByDefault"], {"SSEAlgorithm": "AES256"})

    def test_unfinished_uploads_end_and_recordings_stay(self):
        rules = {rule["Id"]: rule for rule in properties("RecordingsBucket")["LifecycleConfiguration"]["Rules"]}
        self.assertIn("AbortIncompleteMultipartUpload", rules["unfinished"])
        self.assertNotIn("expired", rules)


if __name__ == "__main__":
    unittest.main()
