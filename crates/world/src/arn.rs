//! The names of things: one account, one region, and the ARNs that IAM policies are held against.

/// The account that AWS's documentation uses for examples.
pub const ACCOUNT: &str = "123456789012";

/// The region of the local cloud.
pub const REGION: &str = "eu-central-1";

/// The group's ARN. The unique id in it is made of the name, for there is no other.
pub fn group(name: &str) -> String {
    format!(
        "arn:aws:autoscaling:{REGION}:{ACCOUNT}:autoScalingGroup:00000000-0000-0000-0000-000000000000:autoScalingGroupName/{name}"
    )
}

/// An instance's ARN.
pub fn instance(id: &str) -> String {
    format!("arn:aws:ec2:{REGION}:{ACCOUNT}:instance/{id}")
}

/// An SSM document's ARN.
pub fn document(name: &str) -> String {
    format!("arn:aws:ssm:{REGION}:{ACCOUNT}:document/{name}")
}

/// A parameter's ARN: the slash that its name may begin with is not doubled.
pub fn parameter(name: &str) -> String {
    format!("arn:aws:ssm:{REGION}:{ACCOUNT}:parameter/{}", name.trim_start_matches('/'))
}

/// A function's ARN.
pub fn function(name: &str) -> String {
    format!("arn:aws:lambda:{REGION}:{ACCOUNT}:function:{name}")
}

/// A schedule's ARN.
pub fn schedule(name: &str) -> String {
    format!("arn:aws:scheduler:{REGION}:{ACCOUNT}:schedule/default/{name}")
}

/// A bucket's ARN.
pub fn bucket(name: &str) -> String {
    format!("arn:aws:s3:::{name}")
}

/// An object's ARN.
pub fn object(bucket: &str, key: &str) -> String {
    format!("arn:aws:s3:::{bucket}/{key}")
}
