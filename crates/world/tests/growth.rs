//! What the functions are held to when they launch, and when they tell how many Jibris wait and how many requests were refused.

mod common;

use common::*;
use controller::metrics::Metric;
use world::{AuditLimits, Failing, Incident, MetricView, World, WorldConfig};

const RETURNING: &str = "5 Jibris that join again are on their way";
const REPLACED: &str = "5 launches in vain are followed by others";
const SERVICE: &str = "9 what fails again and again does not count";
const REFUSALS: &str = "10 what no further Jibri would serve is no demand";

fn audited(instances: u32) -> WorldConfig {
    let limits = AuditLimits {
        least_spare: 2,
        most_spare: 2,
        terminations_per_tick: 1,
        drain_limit_ms: HOUR,
        boot_grace_ms: 10 * MINUTE,
        idle_ms: 10 * MINUTE,
        known_bad_ms: Some(6 * HOUR),
        launches_in_vain_per_hour: None,
        replaced_within_ms: Some(75 * MINUTE),
        file_age_ms: None,
    };
    WorldConfig { audit: Some(limits), ..group_of(instances) }
}

fn broken(world: &World) -> Vec<&'static str> {
    world.breaches().iter().map(|breach| breach.invariant).collect()
}

fn publish(world: &mut World, metric: Metric, value: f64, at: i64) {
    let datum = MetricView { namespace: world::NAMESPACE.into(), name: metric.name().into(), value, at };
    world.put_metric_data(&[datum]).expect("no throttling");
}

#[test]
fn a_launch_in_the_place_of_a_jibri_that_is_about_to_join_again_is_a_breach() {
    let raised = |incident: &Incident, after_ms: i64, untagged: bool| {
        let mut world = settled(audited(6));
        wait(&mut world, 10 * MINUTE);
        world.cause(incident.clone());
        wait(&mut world, after_ms);
        if untagged {
            world.audit_untagged();
        }
        world.set_desired_capacity(GROUP, 8, false).expect("a size that is allowed");
        broken(&world).contains(&RETURNING)
    };
    assert!(raised(&Incident::ProsodyRestarts, 2 * SECOND, false));
    assert!(raised(&Incident::JicofoRestarts, 0, false));
    assert!(!raised(&Incident::ProsodyRestarts, 10 * SECOND, false), "all have joined again");
    assert!(!raised(&Incident::ProsodyRestarts, 2 * SECOND, true), "no tag tells since when they are gone");
    assert!(!raised(&Incident::JibriDies, 2 * SECOND, false), "one alone is replaced at once");
}

#[test]
fn launches_that_never_register_must_be_followed_by_others() {
    let missed = |asked_every_minute: bool, launches_again: bool| {
        let mut world = settled(audited(0));
        world.cause(Incident::LaunchesNeverRegister { for_ms: 6 * HOUR });
        world.set_desired_capacity(GROUP, 1, false).expect("a size that is allowed");
        for minute in 0..100 {
            wait(&mut world, MINUTE);
            if asked_every_minute {
                group(&mut world);
            }
            if launches_again && minute == 40 {
                world.set_desired_capacity(GROUP, 2, false).expect("a size that is allowed");
            }
            world.audit_launches();
        }
        broken(&world).contains(&REPLACED)
    };
    assert!(missed(true, false));
    assert!(!missed(true, true));
    assert!(!missed(false, false), "the functions do not get through");
}

#[test]
fn a_drain_that_goes_on_beyond_its_limit_is_a_breach() {
    let broken_after = |minutes: i64, asked_every_minute: bool| {
        let mut world = settled(audited(3));
        let id = ids(&mut world)[0].clone();
        world.cause(Incident::RemoveProtection);
        terminate(&mut world, &id, true).expect("it is there");
        for _ in 0..minutes {
            wait(&mut world, MINUTE);
            if asked_every_minute {
                group(&mut world);
            }
            world.audit_minute();
        }
        broken(&world).contains(&"8 every drain ends, and not before its time")
    };
    assert!(!broken_after(104, true));
    assert!(broken_after(107, true));
    assert!(!broken_after(107, false), "the functions do not get through");
}

#[test]
fn a_jibri_that_has_failed_for_an_hour_is_not_to_be_counted_as_available() {
    let demand: Vec<_> = (1..=12).map(|number| request(10 * number * MINUTE, 5 * MINUTE)).collect();
    let counted = |available: f64| {
        let worlds = (0..20).map(|seed| {
            let mut world = settled(WorldConfig { seed, demand: demand.clone(), ..audited(3) });
            world.cause(Incident::JibriFails { how: Failing::Recording });
            for _ in 0..150 {
                wait(&mut world, MINUTE);
                look_as_scale_in(&mut world);
            }
            for _ in 0..12 {
                wait(&mut world, MINUTE);
                look_as_scale_in(&mut world);
                let now = world.now();
                publish(&mut world, Metric::AvailableJibris, available, now);
            }
            broken(&world).contains(&SERVICE)
        });
        // Where the bad one comes first, it has each of them.
        worlds.filter(|breaks| *breaks).count()
    };
    assert!(counted(3.0) > 0);
    assert_eq!(counted(2.0), 0);
}

#[test]
fn a_refusal_while_jibris_wait_is_not_to_be_counted_as_want() {
    let counted = |instances: u32, silent: bool, refused: f64| {
        let mut world = settled(audited(instances));
        for minute in 0..20 {
            wait(&mut world, MINUTE);
            if silent && minute == 15 {
                world.cause(Incident::JicofoAway { for_ms: MINUTE, how: world::JicofoFault::Refuses });
            }
            world.audit_plenty();
        }
        let at = world.now() - 5 * MINUTE;
        publish(&mut world, Metric::RefusedRequests, refused, at);
        broken(&world)
    };
    assert_eq!(counted(3, false, 1.0), [REFUSALS]);
    assert_eq!(counted(3, false, 0.0), [""; 0]);
    assert_eq!(counted(1, false, 1.0), [""; 0], "no other waited");
    assert_eq!(counted(3, true, 1.0), [""; 0], "nothing told how many wait");
}
