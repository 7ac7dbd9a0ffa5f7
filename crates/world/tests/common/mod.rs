//! Small worlds in which nothing is left to chance, and what can be seen of them.
#![allow(dead_code, reason = "each test file uses its own part")]

use world::demand::Request;
use world::{
    AwsError, GroupInstanceView, GroupView, Happening, HookConfig, JicofoAnswer, JicofoView, LaunchConfig,
    Milliseconds, SsmConfig, World, WorldConfig,
};

pub(crate) const GROUP: &str = "jibri";
pub(crate) const HOOK: &str = "jibri-drain";
pub(crate) const CHECK: &str = "jibri-check";
pub(crate) const DRAIN: &str = "jibri-drain";

pub(crate) const SECOND: Milliseconds = 1_000;
pub(crate) const MINUTE: Milliseconds = 60 * SECOND;
pub(crate) const HOUR: Milliseconds = 60 * MINUTE;

/// When every world of these tests begins.
pub(crate) const START: Milliseconds = 1_767_571_200_000;

/// A group of so many, at most ten: in service after 15 seconds, registered after a minute, no call ever late.
pub(crate) fn group_of(desired_capacity: u32) -> WorldConfig {
    WorldConfig {
        start: START,
        max_size: 10,
        desired_capacity,
        launch: LaunchConfig {
            in_service_seconds: 15.0,
            boot_seconds: 60.0,
            boot_sigma: 0.0,
            describe_lag_seconds: 0.0,
        },
        ssm: SsmConfig { registration_seconds: 0.0, delivery_seconds: 0.0, execution_seconds: 0.0 },
        ..WorldConfig::default()
    }
}

/// The group's hook, with another heartbeat time-out.
pub(crate) fn hook(heartbeat_timeout_seconds: u32, default_continues: bool) -> Option<HookConfig> {
    Some(HookConfig { name: HOOK.into(), heartbeat_timeout_seconds, default_continues })
}

/// A request for a recording, so long after the start, for so long.
pub(crate) fn request(after_start: Milliseconds, duration_ms: Milliseconds) -> Request {
    Request { at: START + after_start, duration_ms }
}

pub(crate) fn begin(config: WorldConfig) -> World {
    World::new(config).expect("a world that is possible")
}

/// A world two minutes after its start: each instance that was to be launched has registered.
pub(crate) fn settled(config: WorldConfig) -> World {
    let mut world = begin(config);
    wait(&mut world, 2 * MINUTE);
    world
}

pub(crate) fn wait(world: &mut World, span: Milliseconds) {
    world.advance_to(world.now() + span);
}

/// The world is asked what scale-in asks for in each tick.
pub(crate) fn look_as_scale_in(world: &mut World) {
    group(world);
    world.describe_lifecycle_hooks(GROUP, &[]).expect("the hooks");
}

pub(crate) fn group(world: &mut World) -> GroupView {
    world.describe_auto_scaling_groups(GROUP).expect("no throttling").expect("the group is there")
}

pub(crate) fn desired(world: &mut World) -> u32 {
    group(world).desired_capacity
}

/// The members' ids, oldest first.
pub(crate) fn ids(world: &mut World) -> Vec<String> {
    group(world).instances.into_iter().map(|member| member.id).collect()
}

/// The members' lifecycle states, oldest first.
pub(crate) fn states(world: &mut World) -> Vec<&'static str> {
    let members = group(world).instances.into_iter();
    members.map(|member| member.lifecycle_state).collect()
}

pub(crate) fn member(world: &mut World, id: &str) -> Option<GroupInstanceView> {
    group(world).instances.into_iter().find(|member| member.id == id)
}

pub(crate) fn terminate(world: &mut World, id: &str, decrement: bool) -> Result<(), AwsError> {
    world.terminate_instance_in_auto_scaling_group(id, decrement).map(|_| ())
}

pub(crate) fn heartbeat(world: &mut World, id: &str) -> Result<(), AwsError> {
    world.record_lifecycle_action_heartbeat(GROUP, HOOK, id)
}

pub(crate) fn complete(world: &mut World, id: &str, result: &str) -> Result<(), AwsError> {
    world.complete_lifecycle_action(GROUP, HOOK, id, result)
}

/// What Jicofo says, when it answers as it should.
pub(crate) fn jicofo(world: &mut World) -> JicofoView {
    match world.jicofo() {
        JicofoAnswer::Answers(view) => view,
        fault => panic!("Jicofo answers {fault:?}"),
    }
}

/// The instance that records the request of this index.
pub(crate) fn recorder_of(world: &World, wanted: usize) -> String {
    let found = world.log().iter().find_map(|entry| match &entry.happening {
        Happening::Requested { request, instance } if *request == wanted => Some(instance.clone()),
        _ => None,
    });
    found.expect("the recording has begun")
}

/// How often this has happened.
pub(crate) fn times(world: &World, wanted: impl Fn(&Happening) -> bool) -> usize {
    world.log().iter().filter(|entry| wanted(&entry.happening)).count()
}

/// What happened to an instance, in order, each the first word of its line.
pub(crate) fn story_of(world: &World, id: &str) -> Vec<String> {
    let lines = world.log().iter().map(|entry| entry.happening.to_string());
    lines.filter(|line| line.contains(id)).filter_map(|line| line.split(' ').next().map(str::to_owned)).collect()
}

pub(crate) fn log_text(world: &World) -> String {
    world.log().iter().map(|entry| format!("{entry}\n")).collect()
}
