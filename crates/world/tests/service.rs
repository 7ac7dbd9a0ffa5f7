//! What the functions are held to where nothing is cut.

mod common;

use common::*;
use world::{AuditLimits, Failing, Incident, World, WorldConfig};

fn limits() -> AuditLimits {
    AuditLimits {
        least_spare: 1,
        most_spare: 1,
        terminations_per_tick: 1,
        drain_limit_ms: HOUR,
        boot_grace_ms: 10 * MINUTE,
        idle_ms: 10 * MINUTE,
        known_bad_ms: Some(20 * MINUTE),
        launches_in_vain_per_hour: Some(3),
        replaced_within_ms: Some(75 * MINUTE),
        file_age_ms: Some(2 * HOUR),
    }
}

/// A request every ten minutes for three Jibris; the one that Jicofo takes first is bad from the second on. Scale-in looks each
/// minute.
fn with_a_bad_one(limits: AuditLimits, also: &[(i64, Incident)]) -> World {
    let demand: Vec<_> = (1..=12).map(|number| request(10 * number * MINUTE, 5 * MINUTE)).collect();
    let worlds = (0..20).map(|seed| {
        let incidents = also.iter().map(|(at, incident)| (START + at * MINUTE, incident.clone())).collect();
        let audit = Some(limits);
        let mut world = settled(WorldConfig { seed, demand: demand.clone(), audit, incidents, ..group_of(3) });
        world.cause(Incident::JibriFails { how: Failing::Recording });
        for _ in 0..3 * 60 {
            wait(&mut world, MINUTE);
            look_as_scale_in(&mut world);
        }
        world
    });
    // Where the bad one comes first, it has each of them.
    let mut found = worlds.filter(|world| world.summary().failed_on_known_bad > 0);
    found.next().expect("it comes first in some worlds")
}

fn broken(world: &World) -> Vec<&'static str> {
    world.breaches().iter().map(|breach| breach.invariant).collect()
}

#[test]
fn a_jibri_that_goes_on_to_get_recordings_though_it_fails_them_all_is_a_breach() {
    let broken_by = broken(&with_a_bad_one(limits(), &[]));
    assert!(!broken_by.is_empty());
    assert!(broken_by.iter().all(|invariant| *invariant == "9 what fails again and again does not count"));
    let unheld = AuditLimits { known_bad_ms: None, ..limits() };
    assert_eq!(broken(&with_a_bad_one(unheld, &[])), [""; 0]);
}

#[test]
fn it_is_none_as_long_as_a_jicofo_is_silent() {
    let away = Incident::JicofoAway { for_ms: 3 * HOUR, how: world::JicofoFault::Refuses };
    assert_eq!(broken(&with_a_bad_one(limits(), &[(15, away)])), [""; 0]);
}

#[test]
fn more_launches_in_vain_than_an_account_survives_are_a_breach() {
    let mut world = settled(WorldConfig { audit: Some(limits()), ..group_of(0) });
    world.cause(Incident::LaunchesNeverRegister { for_ms: 6 * HOUR });
    for desired in 1..=3 {
        world.set_desired_capacity(GROUP, desired, false).unwrap();
        wait(&mut world, 25 * MINUTE);
    }
    let in_vain =
        |world: &World| broken(world).iter().filter(|name| **name == "5 launches in vain are bounded").count();
    assert_eq!(in_vain(&world), 0);
    world.set_desired_capacity(GROUP, 5, false).unwrap();
    wait(&mut world, MINUTE);
    assert_eq!(in_vain(&world), 1, "the fourth of this hour");
}

#[test]
fn a_file_that_waits_for_hours_though_its_upload_would_succeed_is_a_breach() {
    let forgotten = |uploads_fail: bool, hours: i64| {
        let demand = vec![request(5 * MINUTE, 10 * MINUTE)];
        let mut world = settled(WorldConfig { demand, audit: Some(limits()), uploads_retried: false, ..group_of(1) });
        world.cause(Incident::NextUploadsFail { count: 1 });
        if uploads_fail {
            world.cause(Incident::FinalizeMissing);
        }
        wait(&mut world, 13 * MINUTE + hours * HOUR);
        world.audit_files();
        broken(&world)
    };
    assert_eq!(forgotten(false, 2), [""; 0]);
    assert_eq!(forgotten(false, 3), ["12 a file on an instance is on its way up"]);
    assert_eq!(forgotten(true, 3), [""; 0]);
}
