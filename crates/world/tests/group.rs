//! The Auto Scaling group: launches, sizes, protection, and terminations.

mod common;

use common::*;
use world::{Happening, Incident, World, WorldConfig};

#[test]
fn a_launch_passes_through_its_states_in_order() {
    let mut world = begin(group_of(1));
    world.advance_to(START);
    assert_eq!(states(&mut world), ["Pending"]);
    assert!(jicofo(&mut world).brewery.is_empty());

    wait(&mut world, 15 * SECOND);
    assert_eq!(states(&mut world), ["InService"]);
    assert!(jicofo(&mut world).brewery.is_empty(), "in service is long before registered");

    wait(&mut world, 45 * SECOND);
    let id = ids(&mut world).remove(0);
    assert_eq!(jicofo(&mut world).brewery[0].nickname, id);
    assert_eq!(story_of(&world, &id), ["launched", "in-service", "registered"]);
}

#[test]
fn ec2_lists_a_launch_a_moment_after_the_group_and_the_end_for_an_hour() {
    let mut config = group_of(1);
    config.launch.describe_lag_seconds = 4.0;
    config.hook = None;
    let mut world = begin(config);
    world.advance_to(START);
    assert_eq!(ids(&mut world).len(), 1);
    assert!(world.describe_instances_of_group(GROUP).unwrap().is_empty());
    wait(&mut world, 4 * SECOND);
    assert_eq!(world.describe_instances_of_group(GROUP).unwrap()[0].state, "pending");
    wait(&mut world, MINUTE);
    let id = ids(&mut world).remove(0);
    assert_eq!(world.describe_instances_of_group(GROUP).unwrap()[0].state, "running");

    terminate(&mut world, &id, true).unwrap();
    wait(&mut world, MINUTE);
    assert!(ids(&mut world).is_empty());
    assert_eq!(world.describe_instances_of_group(GROUP).unwrap()[0].state, "terminated");
    wait(&mut world, HOUR);
    assert!(world.describe_instances_of_group(GROUP).unwrap().is_empty());
}

#[test]
fn launches_spread_over_the_zones() {
    let mut world = begin(group_of(6));
    world.advance_to(START);
    let mut zones: Vec<String> = group(&mut world).instances.into_iter().map(|member| member.zone).collect();
    zones.sort();
    let each = WorldConfig::default().zones;
    assert_eq!(zones, each.iter().flat_map(|zone| [zone.clone(), zone.clone()]).collect::<Vec<_>>());
}

#[test]
fn protection_begins_in_service() {
    let mut world = begin(group_of(1));
    world.advance_to(START);
    let id = ids(&mut world).remove(0);
    let refused = world.set_instance_protection(GROUP, std::slice::from_ref(&id), true);
    assert_eq!(refused.unwrap_err().code, "ValidationError");
    assert!(!member(&mut world, &id).unwrap().protected);

    wait(&mut world, 15 * SECOND);
    assert!(member(&mut world, &id).unwrap().protected);
}

#[test]
fn a_lowered_desired_capacity_takes_launches_and_leaves_what_is_protected() {
    let mut world = settled(group_of(2));
    world.set_desired_capacity(GROUP, 3, false).unwrap();
    wait(&mut world, SECOND);
    assert_eq!(states(&mut world), ["InService", "InService", "Pending"]);

    world.set_desired_capacity(GROUP, 0, false).unwrap();
    wait(&mut world, SECOND);
    assert_eq!(desired(&mut world), 0, "desired sinks all the same");
    assert_eq!(states(&mut world)[..2], ["InService", "InService"]);
    assert_ne!(states(&mut world)[2], "Pending", "between launch and service nothing protects");
    let activities = world.describe_scaling_activities(GROUP, &[], 0).unwrap();
    let (first, newest) = (&activities[0], &activities[1]);
    assert!(first.description.starts_with("Terminating EC2 instance: i-") && first.ended_at.is_none(), "{first:?}");
    assert_eq!(newest.status_code, "Failed");
    assert!(newest.status_message.contains("protected"), "{}", newest.status_message);
}

#[test]
fn one_more_after_desired_has_sunk_under_the_running_count_launches_nothing() {
    let mut world = settled(group_of(3));
    world.set_desired_capacity(GROUP, 0, false).unwrap();
    wait(&mut world, MINUTE);
    world.set_desired_capacity(GROUP, 1, false).unwrap();
    wait(&mut world, 5 * MINUTE);
    assert_eq!(ids(&mut world).len(), 3);
    assert_eq!(world.summary().launches, 3);
}

#[test]
fn without_protection_a_lowered_desired_capacity_ends_the_oldest_of_the_fullest_zone() {
    let mut world = settled(group_of(4));
    let members = group(&mut world).instances;
    let doubled = &members[0].zone;
    assert_eq!(members[3].zone, *doubled, "the fourth shares the zone of the first");
    world.cause(Incident::RemoveProtection);
    world.set_desired_capacity(GROUP, 3, false).unwrap();
    wait(&mut world, 2 * SECOND);
    assert_eq!(states(&mut world), ["Terminating:Wait", "InService", "InService", "InService"]);
}

#[test]
fn an_outdated_template_goes_before_age() {
    let mut config = group_of(1);
    config.zones.truncate(1);
    let mut world = settled(config);
    let old = ids(&mut world).remove(0);
    world.publish_launch_template();
    world.set_desired_capacity(GROUP, 2, false).unwrap();
    wait(&mut world, MINUTE);
    let versions: Vec<u32> = group(&mut world).instances.iter().map(|member| member.launch_template_version).collect();
    assert_eq!(versions, [1, 2]);
    world.cause(Incident::RemoveProtection);
    world.set_desired_capacity(GROUP, 1, false).unwrap();
    wait(&mut world, 2 * SECOND);
    assert_eq!(member(&mut world, &old).unwrap().lifecycle_state, "Terminating:Wait");
}

#[test]
fn a_termination_through_the_group_ends_what_is_protected() {
    let mut world = settled(group_of(2));
    let id = ids(&mut world).remove(0);
    assert!(member(&mut world, &id).unwrap().protected);
    terminate(&mut world, &id, true).unwrap();
    wait(&mut world, 2 * SECOND);
    assert_eq!(states(&mut world), ["Terminating:Wait", "InService"]);
    assert_eq!(desired(&mut world), 1);
}

#[test]
fn a_termination_without_a_decrement_is_replaced_at_once() {
    let mut world = settled(group_of(1));
    let id = ids(&mut world).remove(0);
    terminate(&mut world, &id, false).unwrap();
    wait(&mut world, 2 * SECOND);
    assert_eq!(states(&mut world), ["Terminating:Wait", "Pending"]);
    assert_eq!(desired(&mut world), 1);
}

#[test]
fn a_decrement_at_the_minimum_is_refused_and_nothing_changes() {
    let mut config = group_of(2);
    config.min_size = 2;
    let mut world = settled(config);
    let before = (group(&mut world), log_text(&world));
    let id = ids(&mut world).remove(0);
    let refused = terminate(&mut world, &id, true).unwrap_err();
    assert_eq!((refused.code, refused.http_status), ("ValidationError", 400));
    wait(&mut world, MINUTE);
    assert_eq!((group(&mut world), log_text(&world)), before);
}

#[test]
fn terminating_twice_does_not_decrement_twice() {
    let mut world = settled(group_of(3));
    let id = ids(&mut world).remove(0);
    terminate(&mut world, &id, true).unwrap();
    terminate(&mut world, &id, true).unwrap();
    wait(&mut world, 2 * SECOND);
    terminate(&mut world, &id, true).unwrap();
    assert_eq!(desired(&mut world), 2);
    assert_eq!(world.summary().terminations, 1);
}

#[test]
fn an_instance_outside_the_group_is_not_terminated() {
    let mut world = settled(group_of(1));
    let refused = terminate(&mut world, "i-0123456789abcdef0", true).unwrap_err();
    assert_eq!(refused.code, "ValidationError");
    assert_eq!(desired(&mut world), 1);
}

#[test]
fn desired_capacity_stays_within_minimum_and_maximum() {
    let mut config = group_of(2);
    config.min_size = 1;
    let mut world = settled(config);
    for outside in [0, 11] {
        let refused = world.set_desired_capacity(GROUP, outside, false).unwrap_err();
        assert_eq!(refused.code, "ValidationError");
        assert!(refused.message.contains(&format!("value {outside} is")), "{refused}");
    }
    let refused = world.set_desired_capacity("another", 2, false).unwrap_err();
    assert_eq!(refused.code, "ValidationError");
    assert_eq!(desired(&mut world), 2);
}

#[test]
fn protection_takes_fifty_ids_and_all_of_them_in_service() {
    let mut config = group_of(51);
    config.max_size = 60;
    let mut world = settled(config);
    let all = ids(&mut world);
    assert!(world.set_instance_protection(GROUP, &all, false).is_err());
    world.set_instance_protection(GROUP, &all[..50], false).unwrap();
    terminate(&mut world, &all[0], true).unwrap();
    wait(&mut world, 2 * SECOND);
    assert!(world.set_instance_protection(GROUP, &all[..2], true).is_err());
    assert!(!member(&mut world, &all[1]).unwrap().protected, "one that is leaving fails all");
}

#[test]
fn a_launch_without_capacity_is_tried_again_until_there_is_some() {
    let mut world = begin(group_of(2));
    world.cause(Incident::LaunchesFail { for_ms: 5 * MINUTE });
    wait(&mut world, 4 * MINUTE);
    assert!(ids(&mut world).is_empty());
    let failed = world.describe_scaling_activities(GROUP, &[], 0).unwrap().remove(0);
    assert_eq!(failed.status_code, "Failed");
    assert!(failed.status_message.contains("capacity"), "{}", failed.status_message);
    assert_eq!(desired(&mut world), 2);

    wait(&mut world, 3 * MINUTE);
    assert_eq!(states(&mut world), ["InService", "InService"]);
    assert!(times(&world, |happening| *happening == Happening::LaunchFailed) >= 4);
}

#[test]
fn a_lowered_maximum_takes_desired_along_and_no_protected_instance() {
    let mut world = settled(group_of(5));
    world.set_max_size(3);
    wait(&mut world, MINUTE);
    assert_eq!((desired(&mut world), ids(&mut world).len()), (3, 5));
}

#[test]
fn an_impossible_world_is_refused_with_its_reason() {
    let reason = |change: fn(&mut WorldConfig)| {
        let mut config = group_of(2);
        change(&mut config);
        World::new(config).map(|_| ()).unwrap_err()
    };
    assert!(reason(|config| config.zones.clear()).contains("zones"));
    assert!(reason(|config| config.min_size = 3).contains("min_size"));
    assert!(reason(|config| config.max_size = 1).contains("max_size"));
    assert!(reason(|config| config.hook = hook(29, true)).contains("heartbeat_timeout_seconds"));
    assert!(reason(|config| config.demand = vec![request(1, 1), request(0, 1)]).contains("demand"));
}
