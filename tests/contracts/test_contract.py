"""The checker itself: what an answer must not be."""

import json
import unittest

import boto3

from contract import ContractViolation, check

REQUEST_ID = "00000000-0000-4000-8000-000000000001"
GROUPS = (
    '<DescribeAutoScalingGroupsResponse xmlns="http://autoscaling.amazonaws.com/doc/2011-01-01/">'
    "<DescribeAutoScalingGroupsResult><AutoScalingGroups><member>"
    "<AutoScalingGroupName>jibri</AutoScalingGroupName><MinSize>0</MinSize><MaxSize>1</MaxSize>"
    "<DesiredCapacity>0</DesiredCapacity><DefaultCooldown>300</DefaultCooldown><AvailabilityZones><member>a</member>"
    "</AvailabilityZones><HealthCheckType>EC2</HealthCheckType><CreatedTime>2026-11-22T07:00:01.120Z</CreatedTime>"
    "</member></AutoScalingGroups></DescribeAutoScalingGroupsResult>"
    f"<ResponseMetadata><RequestId>{REQUEST_ID}</RequestId></ResponseMetadata></DescribeAutoScalingGroupsResponse>"
)
ENVELOPE = {
    "xml": {"content-type": "text/xml", "x-amzn-requestid": REQUEST_ID},
    "json": {"content-type": "application/x-amz-json-1.1", "x-amzn-requestid": REQUEST_ID},
}


def answer(service, action, kind, body, status_code=200):
    model = boto3.client(service, region_name="eu-central-1").meta.service_model.operation_model(action)
    check(model, {"status_code": status_code, "headers": ENVELOPE[kind], "body": body.encode()})


class Checker(unittest.TestCase):
    def test_xml_that_strays_from_the_model_is_a_violation(self):
        answer("autoscaling", "DescribeAutoScalingGroups", "xml", GROUPS)
        for right, wrong in (
            ("MinSize>", "Minsize>"),
            ("<DefaultCooldown>300</DefaultCooldown>", ""),
            ("<MaxSize>1<", "<MaxSize>one<"),
            ("2026-11-22T07:00:01.120Z", "1795330801"),
            ("<member>a</member>", "<item>a</item>"),
            ("<MinSize>0</MinSize>", "<MinSize>0</MinSize><MinSize>0</MinSize>"),
            ("ResponseMetadata>", "Metadata>"),
            ("doc/2011-01-01/", "doc/2010-08-01/"),
        ):
            with self.subTest(wrong), self.assertRaises(ContractViolation):
                answer("autoscaling", "DescribeAutoScalingGroups", "xml", GROUPS.replace(right, wrong))

    def test_json_that_strays_from_the_model_is_a_violation(self):
        right = {"Name": "/a", "Type": "String", "Value": "b", "Version": 1, "LastModifiedDate": 1795330801.12}
        answer("ssm", "GetParameter", "json", json.dumps({"Parameter": right}))
        for wrong in (
            {"name": "/a"},
            {"Type": "Text"},
            {"Value": 1},
            {"Version": True},
            {"LastModifiedDate": "2026-11-22T07:00:01Z"},
        ):
            with self.subTest(wrong), self.assertRaises(ContractViolation):
                answer("ssm", "GetParameter", "json", json.dumps({"Parameter": right | wrong}))

    def test_an_error_in_another_shape_than_the_models_is_a_violation(self):
        answer("ssm", "SendCommand", "json", '{"__type": "InvalidDocument", "Message": "no"}', 400)
        for body, status_code in (
            ('{"__type": "InvalidDocument", "message": "no"}', 400),
            ('{"__type": "InvalidDocument", "Message": ""}', 400),
            ('{"__type": "InvalidDocument", "Message": "no"}', 404),
            ('{"Code": "InvalidDocument", "Message": "no"}', 400),
        ):
            with self.subTest(body, status_code=status_code), self.assertRaises(ContractViolation):
                answer("ssm", "SendCommand", "json", body, status_code)


if __name__ == "__main__":
    unittest.main()
