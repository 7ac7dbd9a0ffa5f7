"""Every action of the local cloud, in every protocol of its service: its answer, and the errors that all have."""

import json
import re
import unittest
from datetime import UTC, datetime, timedelta
from pathlib import Path

from botocore import UNSIGNED, xform_name
from botocore.exceptions import ClientError

from local_cloud import ROOT
from pool import DOCUMENT, Contract

NAMESPACE = "Contracts"
DIMENSIONS = [{"Name": "AutoScalingGroupName", "Value": "jibri"}]
CLOUDWATCH_PROTOCOLS = ("smithy-rpc-v2-cbor", "json", "query")


def query(query_id, metric, statistic, period_seconds=60):
    metric = {"Namespace": NAMESPACE, "MetricName": metric, "Dimensions": DIMENSIONS}
    return {"Id": query_id, "MetricStat": {"Metric": metric, "Period": period_seconds, "Stat": statistic}}


# A valid call of every action, in an order in which they can be made.
EXAMPLES = {
    "autoscaling": {
        "DescribeAutoScalingGroups": lambda pool: {"AutoScalingGroupNames": [pool.group]},
        "DescribeLifecycleHooks": lambda pool: {"AutoScalingGroupName": pool.group},
        "DescribeScalingActivities": lambda pool: {"AutoScalingGroupName": pool.group},
        "SetDesiredCapacity": lambda pool: {"AutoScalingGroupName": pool.group, "DesiredCapacity": 4},
        "SetInstanceProtection": lambda pool: {
            "AutoScalingGroupName": pool.group,
            "InstanceIds": [pool.instance()],
            "ProtectedFromScaleIn": True,
        },
        "TerminateInstanceInAutoScalingGroup": lambda pool: {
            "InstanceId": pool.instance(),
            "ShouldDecrementDesiredCapacity": False,
        },
        "RecordLifecycleActionHeartbeat": lambda pool: pool.lifecycle_action(),
        "CompleteLifecycleAction": lambda pool: {**pool.lifecycle_action(), "LifecycleActionResult": "CONTINUE"},
    },
    "ec2": {
        "DescribeInstances": lambda pool: {"InstanceIds": [pool.instance()]},
        "CreateTags": lambda pool: {"Resources": [pool.instance()], "Tags": [{"Key": "state", "Value": "idle <&> é"}]},
    },
    "ssm": {
        "SendCommand": lambda pool: {"DocumentName": DOCUMENT, "InstanceIds": [pool.instance()]},
        "ListCommandInvocations": lambda _: {"Details": True},
        "PutParameter": lambda _: {"Name": "/contracts/example", "Value": "{}", "Type": "String"},
        "GetParameter": lambda _: {"Name": "/contracts/example"},
    },
    "cloudwatch": {
        "PutMetricData": lambda _: {
            "Namespace": NAMESPACE,
            "MetricData": [
                {
                    "MetricName": "Disk & memory",
                    "Value": 3.5,
                    "Unit": "Count",
                    "Timestamp": "2026-11-22T07:00:01.123Z",
                    "Dimensions": DIMENSIONS,
                    "StorageResolution": 1,
                }
            ],
        },
        "GetMetricData": lambda _: {
            "MetricDataQueries": [query("disk", "Disk & memory", "Average")],
            "StartTime": "2026-11-22T07:00:00Z",
            "EndTime": "2026-11-22T07:05:00Z",
        },
    },
}


def call(client, action, pool):
    service = client.meta.service_model.service_name
    return getattr(client, xform_name(action))(**EXAMPLES[service][action](pool))


def clients_of_every_protocol(cloud, service, **settings):
    for protocol in CLOUDWATCH_PROTOCOLS if service == "cloudwatch" else (None,):
        client = cloud.client(service, protocol, **settings)
        yield client, client.meta.service_model.resolved_protocol
        client.close()


class EveryAction(Contract):
    def test_has_an_example_here(self):
        known = {}
        for path in (ROOT / "crates" / "localcloud" / "src" / "wire").glob("*.rs"):
            _, found, perform = path.read_text().partition("fn perform(")
            if found:
                body, _, _ = perform.partition("\n}\n")
                known[path.stem] = set(re.findall(r'"(\w+)" =>', body))
        self.assertEqual(known, {service: set(actions) for service, actions in EXAMPLES.items()})

    def test_is_answered_as_the_model_says(self):
        for service, actions in EXAMPLES.items():
            for client, protocol in clients_of_every_protocol(self.pool.cloud, service):
                for action in actions:
                    with self.subTest(action, protocol=protocol):
                        call(client, action, self.pool)

    def test_wants_credentials(self):
        codes = {"query": ("MissingAuthenticationToken", 403), "json": ("MissingAuthenticationTokenException", 400)}
        codes |= {"ec2": codes["query"], "smithy-rpc-v2-cbor": codes["json"]}
        for service, actions in EXAMPLES.items():
            for client, protocol in clients_of_every_protocol(self.pool.cloud, service, signature_version=UNSIGNED):
                for action in actions:
                    with self.subTest(action, protocol=protocol):
                        code, http_status = codes[protocol]
                        self.refused(code, call, http_status, client=client, action=action, pool=self.pool)

    def test_that_is_not_known_is_refused(self):
        self.refused("InvalidAction", self.autoscaling.describe_policies)
        self.refused("InvalidAction", self.ec2.describe_vpcs)
        self.refused("UnknownOperationException", self.ssm.list_documents)
        for client, protocol in clients_of_every_protocol(self.pool.cloud, "cloudwatch"):
            with self.subTest(protocol):
                self.refused("InvalidAction", client.describe_alarms)


class CloudWatch(Contract):
    def test_every_protocol_refuses_the_same(self):
        datum = {"MetricName": "Available", "Value": 1.0}
        missing, invalid = ("MissingParameter", "MissingRequiredParameter"), ("InvalidParameterValue",) * 2
        for (code, exception), namespace, metrics in (
            (missing, None, [datum]),
            (missing, NAMESPACE, [{"Value": 1.0}]),
            (missing, NAMESPACE, [{**datum, "Dimensions": [{"Name": "Group"}]}]),
            (invalid, NAMESPACE, []),
            (invalid, NAMESPACE, [datum] * 1001),
            (invalid, NAMESPACE, [{"MetricName": "Empty"}]),
            (invalid, NAMESPACE, [{**datum, "Unit": "Pieces"}]),
        ):
            arguments = {"Namespace": namespace} if namespace else {}
            for client, protocol in clients_of_every_protocol(self.pool.cloud, "cloudwatch"):
                with self.subTest(code, protocol=protocol, metrics=metrics[:1]):
                    refused = self.refused(code, client.put_metric_data, MetricData=metrics, **arguments)
                    self.assertEqual(type(refused).__name__, f"{exception}Exception")

    def publish(self, metric, values):
        """A value a minute; returns the first minute."""
        start = datetime.now(UTC).replace(second=0, microsecond=0) - timedelta(days=2)
        data = [
            {"Timestamp": start + timedelta(minutes=minute), "MetricName": metric, "Value": value}
            for minute, value in enumerate(values)
        ]
        data = [{**datum, "Dimensions": DIMENSIONS} for datum in data]
        self.cloudwatch.put_metric_data(Namespace=NAMESPACE, MetricData=data)
        return start

    def test_what_was_published_comes_back_in_every_protocol(self):
        start = self.publish("Back", [4.0, 1.0, 2.5])
        self.publish("Back", [3.0])
        times = {"StartTime": start, "EndTime": start + timedelta(minutes=2), "ScanBy": "TimestampAscending"}
        queries = [query(one.lower(), "Back", one) for one in ("Average", "Sum", "Minimum", "Maximum", "SampleCount")]
        queries += [query("percentile", "Back", "p95"), query("long", "Back", "Sum", 120)]
        queries += [query("none", "Nothing", "Sum")]
        minutes = [start, start + timedelta(minutes=1)]
        expected = {
            "average": (minutes, [3.5, 1.0]),
            "sum": (minutes, [7.0, 1.0]),
            "minimum": (minutes, [3.0, 1.0]),
            "maximum": (minutes, [4.0, 1.0]),
            "samplecount": (minutes, [2.0, 1.0]),
            "percentile": (minutes, [4.0, 1.0]),
            "long": (minutes[:1], [8.0]),
            "none": ([], []),
        }
        for client, protocol in clients_of_every_protocol(self.pool.cloud, "cloudwatch"):
            with self.subTest(protocol):
                answer = client.get_metric_data(MetricDataQueries=queries, **times)
                self.assertNotIn("NextToken", answer)
                results = {one["Id"]: (one["Timestamps"], one["Values"]) for one in answer["MetricDataResults"]}
                self.assertEqual(results, expected)
                hidden = {**queries[0], "ReturnData": False}
                backwards = times | {"ScanBy": "TimestampDescending"}
                latest = client.get_metric_data(MetricDataQueries=[hidden, queries[1]], **backwards)
                self.assertEqual([one["Values"] for one in latest["MetricDataResults"]], [[1.0, 7.0]])

    def test_metrics_come_on_pages(self):
        start = self.publish("Paged", range(5))
        arguments = {
            "MetricDataQueries": [query("one", "Paged", "Sum"), query("other", "Paged", "Maximum")],
            "StartTime": start,
            "EndTime": start + timedelta(hours=1),
            "ScanBy": "TimestampAscending",
        }
        partial, complete = "PartialData", "Complete"
        on_pages = {
            4: [
                [(partial, [0, 1, 2, 3]), (partial, [])],
                [(complete, [4]), (partial, [0, 1, 2])],
                [(complete, []), (complete, [3, 4])],
            ],
            5: [
                [(complete, [0, 1, 2, 3, 4]), (partial, [])],
                [(complete, []), (complete, [0, 1, 2, 3, 4])],
            ],
        }
        for client, protocol in clients_of_every_protocol(self.pool.cloud, "cloudwatch"):
            for most, expected in on_pages.items():
                with self.subTest(protocol, most=most):
                    pages = client.get_paginator("get_metric_data").paginate(MaxDatapoints=most, **arguments)
                    found = [[(one["StatusCode"], one["Values"]) for one in page["MetricDataResults"]] for page in pages]
                    self.assertEqual(found, expected)

    def test_what_cannot_be_read_is_refused(self):
        start = datetime.now(UTC) - timedelta(hours=1)
        right = {"MetricDataQueries": [query("one", "Any", "Sum")], "StartTime": start, "EndTime": datetime.now(UTC)}
        for code, wrong in (
            ("InvalidNextToken", {"NextToken": "invented"}),
            ("ValidationError", {"MetricDataQueries": []}),
            ("ValidationError", {"MetricDataQueries": [query("one", "Any", "Sum")] * 2}),
            ("ValidationError", {"MetricDataQueries": [query("One", "Any", "Sum")]}),
            ("ValidationError", {"MetricDataQueries": [query("one", "Any", "Median")]}),
            ("ValidationError", {"MetricDataQueries": [query("one", "Any", "Sum", 61)]}),
            ("ValidationError", {"MetricDataQueries": [{"Id": "one", "Expression": "1 + 1"}]}),
            ("ValidationError", {"EndTime": start}),
            ("ValidationError", {"MaxDatapoints": 100_801}),
            ("ValidationError", {"ScanBy": "Value"}),
        ):
            for client, protocol in clients_of_every_protocol(self.pool.cloud, "cloudwatch"):
                with self.subTest(wrong, protocol=protocol):
                    self.refused(code, client.get_metric_data, **right | wrong)

    def test_every_unit_is_taken(self):
        units = self.cloudwatch.meta.service_model.shape_for("StandardUnit").enum
        metrics = [{"MetricName": unit, "Value": 1.0, "Unit": unit} for unit in units]
        for client, protocol in clients_of_every_protocol(self.pool.cloud, "cloudwatch"):
            with self.subTest(protocol):
                client.put_metric_data(Namespace=NAMESPACE, MetricData=metrics)

    def test_every_protocol_is_logged_alike(self):
        for client, _ in clients_of_every_protocol(self.pool.cloud, "cloudwatch"):
            call(client, "PutMetricData", self.pool)
            self.refused("InvalidParameterValue", client.put_metric_data, Namespace=NAMESPACE, MetricData=[])
        log = (Path(self.pool.cloud.output.name) / "calls.jsonl").read_text().splitlines()
        calls = [{**json.loads(line), "at": 0} for line in log]
        calls = [call for call in calls if call["action"] == "cloudwatch:PutMetricData"][-6:]
        self.assertEqual(calls, calls[:2] * 3)
        self.assertEqual([call["outcome"] for call in calls[:2]], ["Success", "InvalidParameterValue"])
        self.assertEqual(calls[0]["conditions"], {"cloudwatch:namespace": [NAMESPACE]})


class Throttling(Contract):
    # No token comes back in so slow a world.
    speed = 0.001
    codes = {
        "autoscaling": ("Throttling", 400),
        "ec2": ("RequestLimitExceeded", 503),
        "ssm": ("ThrottlingException", 400),
        "cloudwatch": ("Throttling", 400),
    }
    free_calls = {
        "autoscaling": lambda client: client.describe_auto_scaling_groups(),
        "ec2": lambda client: client.describe_instances(),
        "ssm": lambda client: client.list_command_invocations(),
        "cloudwatch": lambda client: call(client, "PutMetricData", None),
    }

    def test_a_loop_without_a_pause_is_refused(self):
        for service, (code, http_status) in self.codes.items():
            with self.assertRaises(ClientError):
                for _ in range(150):
                    self.free_calls[service](self.pool.clients[service])
            for client, protocol in clients_of_every_protocol(self.pool.cloud, service):
                with self.subTest(service, protocol=protocol):
                    self.refused(code, self.free_calls[service], http_status, client=client)


if __name__ == "__main__":
    unittest.main()
