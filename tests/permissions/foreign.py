"""Calls that a role may make, and the changes that make each of them forbidden: no role may touch what another owner has."""

from intrinsics import ACCOUNT, PARTITION, REGION


def arn(service, rest, region=REGION, account=ACCOUNT):
    return f"arn:{PARTITION}:{service}:{region}:{account}:{rest}"


def group(name, **elsewhere):
    identifier = "autoScalingGroup:00000000-0000-0000-0000-000000000000"
    return arn("autoscaling", f"{identifier}:autoScalingGroupName/{name}", **elsewhere)


def instance(**elsewhere):
    return arn("ec2", "instance/i-00000000", **elsewhere)


def log_stream(function):
    return arn("logs", f"log-group:/aws/lambda/{function}:log-stream:2026/01/05/[$LATEST]0")


def call(function, action, resource, tags=None, conditions=None):
    return {
        "function": function,
        "action": action,
        "resources": [{"arn": resource, "tags": tags or {}}],
        "conditions": conditions or {},
    }


FUNCTIONS = ("availability", "scale_in", "drain", "forecast")
FORECAST = arn("ssm", "parameter/jibri/forecast")
GROUP_TAG = "jibri-autoscaler:group"
OURS = {GROUP_TAG: "jibri"}
OTHERS = {GROUP_TAG: "other"}
OUR_KEYS = {"aws:TagKeys": ["jibri-autoscaler:state"]}
OTHER_GROUPS = {
    "another stack's group": {"resource": group("other")},
    "a group whose name begins like ours": {"resource": group("jibri-2")},
    "a group whose name ends like ours": {"resource": group("other/jibri")},
    "a group of another region": {"resource": group("jibri", region="eu-west-1")},
    "a group of another account": {"resource": group("jibri", account="999999999999")},
}
OTHER_INSTANCES = {
    "another stack's instance": {"tags": OTHERS},
    "an instance of a stack whose name begins like ours": {"tags": {GROUP_TAG: "jibri-2"}},
    "an instance of no stack": {"tags": {}},
    "an instance that only bears our name": {"tags": {"Name": "jibri"}},
}
OTHER_DOCUMENTS = {
    "another stack's document": {"resource": arn("ssm", "document/other-check")},
    "any script": {"resource": arn("ssm", "document/AWS-RunShellScript", account="")},
    "a script shared by another account": {"resource": arn("ssm", "document/jibri-check", account="999999999999")},
}
TAGGED = {
    **OTHER_INSTANCES,
    "something other than an instance": {"resource": arn("ec2", "volume/vol-00000000")},
    "a key that is not ours": {"conditions": {"aws:TagKeys": ["Name"]}},
    "a key besides ours": {"conditions": {"aws:TagKeys": ["jibri-autoscaler:state", "Name"]}},
    "the key that says which group an instance belongs to": {"conditions": {"aws:TagKeys": [GROUP_TAG]}},
}
METRICS = {
    "another namespace": {"conditions": {"cloudwatch:namespace": ["Other"]}},
    "AWS's own namespace": {"conditions": {"cloudwatch:namespace": ["AWS/AutoScaling"]}},
    "no namespace": {"conditions": {}},
}
OTHER_PARAMETERS = {
    "another stack's parameter": {"resource": arn("ssm", "parameter/other/forecast")},
    "a parameter whose name begins like ours": {"resource": f"{FORECAST}-2"},
    "Jibri's password": {"resource": arn("ssm", "parameter/jibri/xmpp-password")},
}
PLANNED_PARAMETER = "/operations/jibri-events"
PLANNED = arn("ssm", f"parameter{PLANNED_PARAMETER}")
PLANS = {"the planned events": {"resource": PLANNED}}
BUCKET = "recordings"
BUCKET_ARN = f"arn:{PARTITION}:s3:::{BUCKET}"
OBJECT = f"{BUCKET_ARN}/recordings/2026-01-05_abc/meeting.mp4"
OTHER_OBJECTS = {
    "another bucket": {"resource": OBJECT.replace(BUCKET_ARN, f"arn:{PARTITION}:s3:::other")},
    "a bucket whose name begins like ours": {"resource": OBJECT.replace(BUCKET_ARN, f"{BUCKET_ARN}-2")},
    "an object outside of the folder": {"resource": f"{BUCKET_ARN}/meeting.mp4"},
}
PASSWORD_KEY = arn("kms", "key/00000000-0000-0000-0000-000000000000")
LISTED = {"s3:prefix": ["recordings/2026-01-05_abc/"]}
NAMESPACE = {"cloudwatch:namespace": ["JibriAutoscaler"]}
SENT_BY_SSM = {"kms:ViaService": [f"ssm.{REGION}.amazonaws.com"]}

# Each entry is a call that is allowed, and the changes each of which makes it forbidden.
BOUNDARIES = [
    (call("availability", "autoscaling:SetDesiredCapacity", group("jibri")), OTHER_GROUPS),
    (call("availability", "ec2:CreateTags", instance(), OURS, OUR_KEYS), TAGGED),
    (call("availability", "cloudwatch:PutMetricData", "*", conditions=NAMESPACE), METRICS),
    (call("availability", "ssm:GetParameter", FORECAST), {**OTHER_PARAMETERS, **PLANS}),
    (call("scale_in", "autoscaling:SetInstanceProtection", group("jibri")), OTHER_GROUPS),
    (call("scale_in", "autoscaling:TerminateInstanceInAutoScalingGroup", group("jibri")), OTHER_GROUPS),
    (call("scale_in", "ec2:CreateTags", instance(), OURS, OUR_KEYS), TAGGED),
    (call("scale_in", "ssm:GetParameter", FORECAST), {**OTHER_PARAMETERS, **PLANS}),
    (
        call("scale_in", "ssm:SendCommand", arn("ssm", "document/jibri-check")),
        {**OTHER_DOCUMENTS, "the drain's document": {"resource": arn("ssm", "document/jibri-drain")}},
    ),
    (call("scale_in", "ssm:SendCommand", instance(), OURS), OTHER_INSTANCES),
    (call("drain", "autoscaling:CompleteLifecycleAction", group("jibri")), OTHER_GROUPS),
    (call("drain", "autoscaling:RecordLifecycleActionHeartbeat", group("jibri")), OTHER_GROUPS),
    (call("drain", "ec2:CreateTags", instance(), OURS, OUR_KEYS), TAGGED),
    (call("drain", "cloudwatch:PutMetricData", "*", conditions=NAMESPACE), METRICS),
    (call("drain", "ssm:SendCommand", arn("ssm", "document/jibri-drain")), OTHER_DOCUMENTS),
    (call("drain", "ssm:SendCommand", instance(), OURS), OTHER_INSTANCES),
    (call("forecast", "cloudwatch:PutMetricData", "*", conditions=NAMESPACE), METRICS),
    (call("forecast", "ssm:GetParameter", FORECAST), OTHER_PARAMETERS),
    (call("forecast", "ssm:GetParameter", PLANNED), {"a plan whose name begins like ours": {"resource": f"{PLANNED}-2"}}),
    (call("forecast", "ssm:PutParameter", FORECAST), {**OTHER_PARAMETERS, **PLANS}),
    (call("instance", "s3:PutObject", OBJECT), OTHER_OBJECTS),
    (call("instance", "s3:AbortMultipartUpload", OBJECT), OTHER_OBJECTS),
    (
        call("instance", "s3:ListBucket", BUCKET_ARN, conditions=LISTED),
        {
            "another bucket": {"resource": f"arn:{PARTITION}:s3:::other"},
            "all of the bucket": {"conditions": {"s3:prefix": [""]}},
            "the bucket without a prefix": {"conditions": {}},
        },
    ),
    (
        call("instance", "ssm:GetParameters", arn("ssm", "parameter/jibri/xmpp-password")),
        {
            "another parameter": {"resource": arn("ssm", "parameter/other/password")},
            "the functions' parameter": {"resource": FORECAST},
        },
    ),
    (
        call("instance", "kms:Decrypt", PASSWORD_KEY, conditions=SENT_BY_SSM),
        {
            "another key": {"resource": arn("kms", "key/11111111-1111-1111-1111-111111111111")},
            "the key, but not by way of SSM": {"conditions": {}},
        },
    ),
    (call("instance", "cloudwatch:PutMetricData", "*", conditions=NAMESPACE), METRICS),
    *(
        (
            call("scheduler", "lambda:InvokeFunction", arn("lambda", f"function:jibri-{function.replace('_', '-')}")),
            {
                "another stack's function": {"resource": arn("lambda", "function:other-drain")},
                "another function of ours": {"resource": arn("lambda", "function:jibri-other")},
            },
        )
        for function in FUNCTIONS
    ),
    *(
        (
            call(function, action, log_stream(f"jibri-{function.replace('_', '-')}")),
            {
                "another stack's log": {"resource": log_stream("other-drain")},
                "another function's log": {"resource": log_stream("jibri-other")},
            },
        )
        for function in FUNCTIONS
        for action in ("logs:CreateLogStream", "logs:PutLogEvents")
    ),
    *(
        (
            call(function, "sqs:SendMessage", arn("sqs", "jibri-FailureQueue")),
            {"another queue": {"resource": arn("sqs", "other-FailureQueue")}},
        )
        for function in FUNCTIONS
    ),
]

# Calls that a role may not make at all, not even for the stack's own resources.
FORBIDDEN = [
    *(call(role, "autoscaling:UpdateAutoScalingGroup", group("jibri")) for role in FUNCTIONS),
    *(call(role, "autoscaling:SuspendProcesses", group("jibri")) for role in FUNCTIONS),
    # No role may delete or replace the hook, which holds every drain.
    *(call(role, "autoscaling:DeleteLifecycleHook", group("jibri")) for role in (*FUNCTIONS, "instance")),
    *(call(role, "autoscaling:PutLifecycleHook", group("jibri")) for role in (*FUNCTIONS, "instance")),
    *(call(role, "ec2:TerminateInstances", instance(), OURS) for role in (*FUNCTIONS, "instance")),
    *(call(role, "ec2:DeleteTags", instance(), OURS, OUR_KEYS) for role in (*FUNCTIONS, "instance")),
    *(
        call(role, "autoscaling:SetDesiredCapacity", group("jibri"))
        for role in ("scale_in", "drain", "forecast", "instance")
    ),
    *(
        call(role, "autoscaling:TerminateInstanceInAutoScalingGroup", group("jibri"))
        for role in ("availability", "drain", "forecast", "instance")
    ),
    *(
        call(role, "autoscaling:CompleteLifecycleAction", group("jibri"))
        for role in ("availability", "scale_in", "forecast", "instance")
    ),
    *(call(role, "ssm:SendCommand", instance(), OURS) for role in ("availability", "forecast", "instance")),
    # `forecast` alone writes how many Jibris are wanted, and it may do nothing else.
    call("forecast", "autoscaling:SetInstanceProtection", group("jibri")),
    call("forecast", "ec2:CreateTags", instance(), OURS, OUR_KEYS),
    call("forecast", "ssm:DeleteParameter", FORECAST),
    *(call(role, "ssm:PutParameter", FORECAST) for role in ("availability", "scale_in", "drain", "instance")),
    *(call(role, "cloudwatch:GetMetricData", "*") for role in ("availability", "scale_in", "drain", "instance")),
    *(call(role, "s3:GetObject", OBJECT) for role in (*FUNCTIONS, "instance")),
    *(call(role, "s3:DeleteObject", OBJECT) for role in (*FUNCTIONS, "instance")),
    *(call(role, "iam:PassRole", arn("iam", "role/jibri-JibriRole", region="")) for role in (*FUNCTIONS, "instance")),
    call("instance", "ec2:CreateTags", instance(), OURS, OUR_KEYS),
    # Lambda may make this call with the function's role; the function's own code may not.
    *(call(role, "ec2:CreateNetworkInterface", arn("ec2", "subnet/subnet-00000000")) for role in FUNCTIONS),
]
