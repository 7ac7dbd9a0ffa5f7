"""A local cloud with the pool in it, and tests of how it answers boto3."""

import unittest

from botocore.exceptions import ClientError

from local_cloud import LocalCloud, eventually

SERVICES = ("autoscaling", "ec2", "ssm", "cloudwatch")
HOOK = "jibri-drain"
DOCUMENT = "jibri-check"


class Pool:
    """A local cloud, its clients, and what is in its group."""

    def __init__(self, speed):
        self.cloud = LocalCloud(speed)
        self.group = self.cloud.group
        self.clients = {service: self.cloud.client(service) for service in SERVICES}
        self.managed = set()

    def describe(self):
        """The group's instances, by id."""
        (group,) = self.clients["autoscaling"].describe_auto_scaling_groups()["AutoScalingGroups"]
        return {instance["InstanceId"]: instance for instance in group["Instances"]}

    def instance(self):
        """An instance that is in service, and known to EC2 and SSM."""

        def find():
            for instance, description in self.describe().items():
                if description["LifecycleState"] == "InService" and self.is_managed(instance):
                    return instance
            return None

        return eventually("an instance in service", find)

    def is_managed(self, instance):
        if instance in self.managed:
            return True
        try:
            self.clients["ec2"].describe_instances(InstanceIds=[instance])
            self.clients["ssm"].send_command(DocumentName=DOCUMENT, InstanceIds=[instance])
            self.managed.add(instance)
            return True
        except ClientError as error:
            if error.response["Error"]["Code"] not in ("InvalidInstanceID.NotFound", "InvalidInstanceId"):
                raise
            return False

    def lifecycle_action(self):
        """The action that waits for an answer before an instance may end; an instance is terminated if none does."""

        def waiting():
            states = {name: instance["LifecycleState"] for name, instance in self.describe().items()}
            return [name for name, state in states.items() if state == "Terminating:Wait"]

        if not waiting():
            self.clients["autoscaling"].terminate_instance_in_auto_scaling_group(
                InstanceId=self.instance(), ShouldDecrementDesiredCapacity=False
            )
        instance = eventually("an instance that waits", waiting)[0]
        return {"AutoScalingGroupName": self.group, "LifecycleHookName": HOOK, "InstanceId": instance}

    def close(self):
        for client in self.clients.values():
            client.close()
        self.cloud.close()


class Contract(unittest.TestCase):
    """Tests against a cloud of their own."""

    speed = 20

    @classmethod
    def setUpClass(cls):
        cls.pool = Pool(cls.speed)
        cls.addClassCleanup(cls.pool.close)
        cls.autoscaling, cls.ec2, cls.ssm, cls.cloudwatch = cls.pool.clients.values()

    def refused(self, code, call, http_status=400, **arguments):
        """The exception with which a call is refused."""
        with self.assertRaises(ClientError) as refused:
            call(**arguments)
        response = refused.exception.response
        found = (response["Error"]["Code"], response["ResponseMetadata"]["HTTPStatusCode"])
        self.assertEqual(found, (code, http_status))
        return refused.exception
