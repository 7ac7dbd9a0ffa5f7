//! AWS's wire protocols: each service as its SDK clients speak to it.

pub(crate) mod autoscaling;
pub(crate) mod cbor;
pub(crate) mod cloudwatch;
pub(crate) mod ec2;
mod metric_data;
mod page;
mod parameters;
pub(crate) mod protocol;
pub(crate) mod ssm;
mod xml;

use std::collections::BTreeMap;

use world::{AwsError, World};

pub(crate) use parameters::Parameters;
pub(crate) use xml::Xml;

use crate::call_log::Resource;
use crate::metrics::MetricStore;
use crate::stack::Stack;

/// One call of an AWS action: what it acts on, and what an IAM policy would be asked about it.
pub(crate) struct Operation<'a> {
    pub(crate) world: &'a mut World,
    pub(crate) metrics: &'a mut MetricStore,
    pub(crate) stack: Option<&'a Stack>,
    pub(crate) resources: Vec<Resource>,
    pub(crate) conditions: BTreeMap<String, Vec<String>>,
}

impl<'a> Operation<'a> {
    pub(crate) fn new(world: &'a mut World, metrics: &'a mut MetricStore, stack: Option<&'a Stack>) -> Operation<'a> {
        Operation { world, metrics, stack, resources: Vec::new(), conditions: BTreeMap::new() }
    }

    /// Notes a resource that the action is about.
    pub(crate) fn on(&mut self, resource: Resource) {
        self.resources.push(resource);
    }

    /// Notes the value of a condition key.
    pub(crate) fn condition(&mut self, key: &str, value: &str) {
        self.conditions.entry(key.to_owned()).or_default().push(value.to_owned());
    }
}

/// An error of the caller's (HTTP 400).
pub(crate) fn refused(code: &'static str, message: impl Into<String>) -> AwsError {
    AwsError { code, message: message.into(), http_status: 400 }
}
