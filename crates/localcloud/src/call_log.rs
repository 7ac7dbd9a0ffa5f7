//! Every AWS call, as an IAM policy would be asked about it: least privilege is proven from this log.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use anyhow::Context;
use serde::Serialize;
use world::{Milliseconds, World};

use world::arn;

/// One call of an AWS action.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ApiCall {
    /// When, in the world's time.
    pub at: Milliseconds,
    /// Who called: the access key id of the signature, which is the function's name.
    pub function: String,
    /// The action, such as `autoscaling:SetDesiredCapacity`.
    pub action: String,
    /// What it was about.
    pub resources: Vec<Resource>,
    /// The values of condition keys, such as `cloudwatch:namespace`.
    pub conditions: BTreeMap<String, Vec<String>>,
    /// `Success`, or the code of the error.
    pub outcome: String,
}

/// A resource of a call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Resource {
    /// Its ARN; `*` for actions that know no resources.
    pub arn: String,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
}

impl Resource {
    /// What an action is about that knows no resources.
    pub(crate) fn any() -> Resource {
        Resource::named("*".to_owned())
    }

    /// An instance, with its tags.
    pub(crate) fn instance(world: &World, id: &str) -> Resource {
        Resource { arn: arn::instance(id), tags: world.tags_of(id) }
    }

    /// A resource without tags.
    pub(crate) fn named(arn: String) -> Resource {
        Resource { arn, tags: BTreeMap::new() }
    }
}

/// The log: in memory, and as JSON lines in a file.
pub(crate) struct CallLog(Mutex<Written>);

struct Written {
    calls: Vec<ApiCall>,
    file: File,
}

impl CallLog {
    /// A new log, which empties the file.
    pub(crate) fn create(path: &Path) -> anyhow::Result<CallLog> {
        let file = File::create(path).with_context(|| format!("cannot create {}", path.display()))?;
        Ok(CallLog(Mutex::new(Written { calls: Vec::new(), file })))
    }

    /// Notes a call.
    pub(crate) fn note(&self, call: ApiCall) {
        let mut written = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Ok(line) = serde_json::to_string(&call) {
            // The log in memory is the one that is asked; a full disk shall not fail a call.
            let _ = writeln!(written.file, "{line}");
        }
        written.calls.push(call);
    }

    /// Every call so far.
    pub(crate) fn calls(&self) -> Vec<ApiCall> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).calls.clone()
    }
}
