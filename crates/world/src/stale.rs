//! What is described as it was, and not as it is. Reads of AWS are eventually consistent, of EC2 above all:
//! <https://docs.aws.amazon.com/ec2/latest/devguide/eventual-consistency.html>.

use super::{Ec2InstanceView, GroupView, JicofoView, Milliseconds, World};

/// For how long after a stale answer a function may still act on it, in milliseconds.
const ACTED_ON_MS: Milliseconds = 240_000;

/// Old answers, and until when they are given.
#[derive(Clone, Debug, Default)]
pub(super) struct Stale {
    group: Option<(Milliseconds, GroupView)>,
    instances: Option<(Milliseconds, Vec<Ec2InstanceView>)>,
    jicofo: Option<(Milliseconds, JicofoView)>,
}

impl Stale {
    /// What is given out instead of the group at this moment.
    pub(super) fn group(&self, now: Milliseconds) -> Option<&GroupView> {
        given_at(self.group.as_ref(), now)
    }

    /// What is given out instead of the group's instances at this moment.
    pub(super) fn instances(&self, now: Milliseconds) -> Option<&Vec<Ec2InstanceView>> {
        given_at(self.instances.as_ref(), now)
    }

    /// What Jicofo says at this moment instead of what is so.
    pub(super) fn jicofo(&self, now: Milliseconds) -> Option<&JicofoView> {
        given_at(self.jicofo.as_ref(), now)
    }

    /// Whether AWS's descriptions are old, or were a moment ago.
    pub(super) fn misleads_about_aws(&self, now: Milliseconds) -> bool {
        let lately = |until: Milliseconds| now < until + ACTED_ON_MS;
        self.group.as_ref().is_some_and(|(until, _)| lately(*until))
            || self.instances.as_ref().is_some_and(|(until, _)| lately(*until))
    }

    /// Until when Jicofo's answer is old.
    pub(super) fn jicofo_until(&self) -> Option<Milliseconds> {
        self.jicofo.as_ref().map(|(until, _)| *until)
    }

    /// Whether Jicofo's answer is old, or was a moment ago.
    pub(super) fn misleads_about_jibris(&self, now: Milliseconds) -> bool {
        self.jicofo.as_ref().is_some_and(|(until, _)| now < until + ACTED_ON_MS)
    }
}

fn given_at<T>(kept: Option<&(Milliseconds, T)>, now: Milliseconds) -> Option<&T> {
    kept.filter(|(until, _)| now < *until).map(|(_, view)| view)
}

impl World {
    pub(super) fn freeze_group(&mut self, for_ms: Milliseconds) {
        let view = self.group_view();
        self.stale.group = Some((self.now + for_ms, view));
    }

    pub(super) fn freeze_instances(&mut self, for_ms: Milliseconds) {
        let views = self.instance_views();
        self.stale.instances = Some((self.now + for_ms, views));
    }

    pub(super) fn freeze_jicofo(&mut self, for_ms: Milliseconds) {
        let view = self.jicofo_view();
        self.stale.jicofo = Some((self.now + for_ms, view));
    }
}
