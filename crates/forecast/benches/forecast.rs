//! How long one forecast takes over two weeks of a busy pool, and what it is made of: `cargo bench --package forecast`.
#![allow(clippy::print_stdout, reason = "this is what a benchmark is asked for")]

use std::{hint::black_box, time::Instant};

use forecast::{Input, Minute, Policy, State, forecast};

const RUNS: u32 = 200;
const NOW: i64 = 1_768_818_600;

fn main() {
    // Bursts of twenty after every full hour, and one recording every four minutes.
    let starts = |minute: i64| if minute % 60 < 3 { 7.0 } else { f32::from(u8::from(minute % 4 == 0)) };
    let minutes: Vec<Minute> = (NOW / 60 - 14 * 1440..NOW / 60)
        .map(|minute| Minute {
            starts: Some(starts(minute)),
            refused: Some(0.0),
            available: Some(9.0),
            busy: Some(60.0),
        })
        .collect();
    let policy = Policy { hit_rate: 0.999, floor: 0, maximum: 500 };
    let recordings_seconds: Vec<i64> = (0..60).map(|number| number * 40).collect();
    let begun = Instant::now();
    for run in 0..RUNS {
        let state = State { learnt_until: NOW - 300, ..State::default() };
        let input = Input {
            now: NOW + i64::from(run % 60),
            minutes: &minutes,
            offset_seconds: &|_| 3600,
            recordings_seconds: &recordings_seconds,
            lead_seconds: 180,
            state,
        };
        black_box(forecast(&policy, black_box(&input))).expect("two weeks are enough");
    }
    println!("one forecast over two weeks: {:.2} ms", begun.elapsed().as_secs_f64() * 1000.0 / f64::from(RUNS));
}
