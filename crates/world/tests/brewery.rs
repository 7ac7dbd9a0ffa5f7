//! The brewery's list: restarts, strangers, launches that never get there.

mod common;

use common::*;
use world::{Happening, Incident, JicofoAnswer, World, WorldConfig};

fn listed(world: &mut World) -> usize {
    jicofo(world).brewery.len()
}

#[test]
fn after_a_restart_of_prosody_the_jibris_rejoin_one_by_one() {
    let demand = vec![request(5 * MINUTE, 60 * MINUTE)];
    let mut world = settled(WorldConfig { demand, ..group_of(8) });
    wait(&mut world, 10 * MINUTE);
    world.cause(Incident::ProsodyRestarts);
    let lengths: Vec<usize> = (0..=9)
        .map(|_| {
            let length = listed(&mut world);
            wait(&mut world, SECOND);
            length
        })
        .collect();
    assert_eq!(lengths, [0, 1, 2, 3, 4, 5, 6, 7, 8, 8]);
    let view = jicofo(&mut world);
    assert_eq!((view.recording_active, view.conferences), (0, 1), "the recording goes on, its session has failed");
    assert_eq!(view.total_recording_failures, 2);
    wait(&mut world, 2 * HOUR);
    assert_eq!(times(&world, |happening| matches!(happening, Happening::Uploaded { .. })), 1);
    assert_eq!((world.summary().failed, world.summary().refused), (0, 0));
}

#[test]
fn strangers_come_and_are_selected_and_go_and_never_take_this_pools_requests() {
    for named in [false, true] {
        let demand = (1..60).map(|number| request((4 + 2 * number) * MINUTE, 10 * MINUTE)).collect();
        let mut world = settled(WorldConfig { demand, ..group_of(1) });
        world.cause(Incident::Strangers { count: 4, named, for_ms: 2 * HOUR });
        let own = ids(&mut world);
        let (mut busy, mut away) = (0, 0);
        for _ in 0..119 {
            wait(&mut world, MINUTE);
            let view = jicofo(&mut world);
            let strange: Vec<_> = view.brewery.iter().filter(|entry| !own.contains(&entry.nickname)).collect();
            assert!(strange.iter().all(|entry| entry.nickname.starts_with("jibri-") == named));
            assert!(view.brewery.is_sorted_by_key(|entry| &entry.nickname));
            busy += strange.iter().filter(|entry| entry.busy && entry.last_selected_at.is_some()).count();
            away += 4 - strange.len();
        }
        assert!(busy > 20 && away > 0, "{busy} and {away}");
        let (counted, refused) = (jicofo(&mut world).total_recording_failures, world.summary().refused);
        assert!(counted > refused && refused > 0, "{counted} counted, {refused} of this pool's refused");
        wait(&mut world, 15 * MINUTE);
        assert_eq!(listed(&mut world), 1);
    }
}

#[test]
fn strangers_go_at_once_when_incidents_end() {
    let mut world = settled(group_of(1));
    world.cause(Incident::Strangers { count: 4, named: true, for_ms: 2 * HOUR });
    assert_eq!(listed(&mut world), 5);
    world.end_incidents();
    wait(&mut world, HOUR);
    assert_eq!(listed(&mut world), 1);
}

#[test]
fn one_of_two_jicofos_may_list_no_jibri() {
    let demand = (0..6).map(|number| request((150 + 5 * number) * SECOND, 3 * SECOND)).collect();
    let mut world = settled(WorldConfig { jicofos: 2, demand, ..group_of(2) });
    world.cause(Incident::OneJicofoEmpty { for_ms: MINUTE });
    let lengths = |world: &mut World| -> Vec<usize> {
        let answers = world.jicofos().into_iter();
        answers
            .map(|answer| match answer {
                JicofoAnswer::Answers(view) => view.brewery.len(),
                fault => panic!("{fault:?}"),
            })
            .collect()
    };
    assert_eq!(lengths(&mut world), [2, 0]);
    wait(&mut world, MINUTE);
    assert_eq!(lengths(&mut world), [2, 2]);
    let counted: Vec<u64> = world
        .jicofos()
        .into_iter()
        .map(|answer| match answer {
            JicofoAnswer::Answers(view) => view.total_recording_failures,
            fault => panic!("{fault:?}"),
        })
        .collect();
    assert_eq!((world.summary().refused, counted), (3, vec![0, 3]), "it has every second conference");
}

#[test]
fn no_launch_registers_for_a_while_and_then_they_do_again() {
    let mut world = begin(group_of(0));
    world.cause(Incident::LaunchesNeverRegister { for_ms: HOUR });
    world.set_desired_capacity(GROUP, 2, false).unwrap();
    wait(&mut world, HOUR);
    assert_eq!((listed(&mut world), states(&mut world).len()), (0, 2));
    world.set_desired_capacity(GROUP, 3, false).unwrap();
    wait(&mut world, HOUR);
    assert_eq!(listed(&mut world), 1);
}

#[test]
fn cancelled_launches_are_told_apart_from_failed_ones() {
    let mut world = begin(group_of(2));
    world.cause(Incident::LaunchesCancelled { for_ms: 10 * MINUTE });
    wait(&mut world, 5 * MINUTE);
    let activities = world.describe_scaling_activities(GROUP, &[], 0).unwrap();
    let cancelled = activities.iter().filter(|activity| activity.status_code == "Cancelled").count();
    assert!((4..=6).contains(&cancelled) && cancelled == activities.len(), "{activities:?}");
    assert!(activities[0].status_message.contains("KMS") && activities[0].description.contains("i-"));
    assert!(states(&mut world).is_empty());
    wait(&mut world, 10 * MINUTE);
    assert_eq!(states(&mut world), ["InService"; 2]);
}
