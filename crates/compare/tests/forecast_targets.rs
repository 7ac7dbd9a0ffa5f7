//! What the forecast promises, on demands that it has never seen: the hit rate that was set comes out, smooth demand
//! costs no more than a threshold tuned with hindsight, and a change of habits is learnt within a day.

use compare::{
    WARM_UP_SECONDS,
    forecast::Forecast,
    policies::Contender,
    pool::{Event, EventKind, Scenario, Tally},
    tune::tune,
};
use world::demand::{Office, Request, generate};

/// Monday, 5 January 2026, 00:00 UTC.
const MONDAY: i64 = 1_767_571_200_000;
const DAY: i64 = 86_400_000;

fn office(recordings: f64, spontaneous: f64, weeks: std::ops::Range<i64>, seed: u64) -> Vec<Request> {
    let office = Office { recordings_per_weekday: recordings, spontaneous, ..Office::default() };
    generate(office, MONDAY + weeks.start * 7 * DAY, MONDAY + weeks.end * 7 * DAY, seed)
}

fn scenario(demand: &[Request]) -> Scenario<'_> {
    Scenario { demand, lead_seconds: 180, warm_up_seconds: WARM_UP_SECONDS }
}

fn run(demand: &[Request], hit_rate: f64) -> (Tally, Vec<Event>) {
    scenario(demand).run(&mut Forecast::new(hit_rate), true)
}

/// The refused share by what was set.
fn refused(tally: &Tally, hit_rate: f64) -> f64 {
    tally.refused as f64 / ((1.0 - hit_rate) * tally.requests as f64)
}

#[test]
fn the_hit_rate_that_was_set_comes_out() {
    for (name, spontaneous, seed) in [("bursts", 0.2, 31), ("smooth", 1.0, 32), ("half and half", 0.6, 33)] {
        let demand = office(500.0, spontaneous, 0..6, seed);
        for hit_rate in [0.99, 0.999] {
            let (tally, _) = run(&demand, hit_rate);
            assert!(tally.requests > 10_000, "{name}: {}", tally.requests);
            let refused = refused(&tally, hit_rate);
            assert!(refused <= 1.3, "{name} at {hit_rate}: {refused:.2} times what was set");
        }
    }
}

#[test]
fn smooth_demand_costs_no_more_than_a_threshold_tuned_with_hindsight() {
    let demand = office(400.0, 1.0, 0..5, 34);
    for hit_rate in [0.99, 0.999] {
        let (tally, _) = run(&demand, hit_rate);
        let threshold = tune(Contender::Threshold, &scenario(&demand), hit_rate).figures.tally;
        let idle = |tally: &Tally| (tally.instance_seconds - tally.busy_seconds) as f64;
        let ratio = idle(&tally) / idle(&threshold);
        assert!(ratio <= 1.05, "at {hit_rate}: {ratio:.2} times the threshold's idle hours");
    }
}

#[test]
fn twice_the_demand_from_one_week_to_the_next_is_learnt_within_a_day() {
    let mut demand = office(200.0, 0.2, 0..3, 35);
    demand.extend(office(400.0, 0.2, 3..5, 36));
    let (tally, events) = run(&demand, 0.999);
    let share = |day: i64| {
        let begin = (MONDAY + day * DAY) / 1000;
        let during = |event: &&Event| (begin..begin + DAY / 1000).contains(&event.at);
        let count = |kind: EventKind| events.iter().filter(during).filter(|event| event.kind == kind).count() as f64;
        count(EventKind::Refuse) / (count(EventKind::Refuse) + count(EventKind::Start)).max(1.0)
    };
    assert!(share(21) <= 0.05, "{:.3} of the first day", share(21));
    for day in 22..26 {
        assert!(share(day) <= 0.01, "{:.3} of day {day}", share(day));
    }
    assert!(tally.requests > 4_000);
}
