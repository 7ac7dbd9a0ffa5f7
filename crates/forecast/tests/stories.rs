//! Forecasts told as stories: each test makes up a demand minute by minute, and looks at the targets.

use forecast::*;

/// Monday, 5 January 2026, 00:00 UTC.
const MONDAY: i64 = 1_767_571_200;
const DAY: i64 = 86_400;

/// A history of whole minutes before `now`, with the starts that `starts` tells for each moment.
fn history(now: i64, days: i64, starts: impl Fn(i64) -> f32) -> Vec<Minute> {
    let minutes = days * 1440;
    let moments = (0..minutes).map(|minute| now.div_euclid(60) * 60 - (minutes - minute) * 60);
    let minute = |starts: f32| Minute {
        starts: Some(starts),
        refused: Some(0.0),
        available: Some(5.0),
        busy: Some(starts * 30.0),
    };
    moments.map(|moment| minute(starts(moment))).collect()
}

/// Ten recordings in the first minute after nine in the morning of a weekday, local time; one every half hour else, and
/// one every two hours on a weekend.
fn stand_up(local: i64) -> f32 {
    let weekend = matches!((local.div_euclid(DAY) + 3).rem_euclid(7), 5 | 6);
    match (weekend, local.rem_euclid(DAY) / 60) {
        (false, 540) => 10.0,
        (false, minute) if minute % 30 == 7 => 1.0,
        (true, minute) if minute % 120 == 7 => 1.0,
        _ => 0.0,
    }
}

fn ask(policy: &Policy, now: i64, minutes: &[Minute], state: State) -> Result<Forecast, String> {
    let offset_seconds = &|_| 0;
    forecast(policy, &Input { now, minutes, offset_seconds, recordings_seconds: &[], lead_seconds: 180, state })
}

const POLICY: Policy = Policy { hit_rate: 0.99, floor: 0, maximum: 500 };

/// The largest spare target among the slots that begin within these seconds of the first.
fn most(forecast: &Forecast, from: i64, until: i64) -> u32 {
    let slot = |seconds: i64| usize::try_from(seconds / SLOT_SECONDS).expect("not before the first slot");
    *forecast.spare[slot(from)..slot(until)].iter().max().expect("some slots")
}

#[test]
fn the_morning_burst_is_launched_a_lead_time_before_it_and_not_kept_after_it() {
    let now = MONDAY + 14 * DAY + 8 * 3600 + 45 * 60;
    let forecast = ask(&POLICY, now, &history(now, 14, stand_up), State::default()).unwrap();
    assert_eq!(forecast.first_slot_at, now);
    assert!(most(&forecast, 0, 10 * 60) <= 3, "{:?}", forecast.spare);
    assert!(most(&forecast, 12 * 60, 13 * 60) >= 11, "{:?}", forecast.spare);
    assert!(most(&forecast, 13 * 60, 30 * 60) <= 6, "{:?}", forecast.spare);
    let burst: f64 = forecast.expected_starts[30..32].iter().sum();
    assert!((8.0..12.0).contains(&burst), "{burst}");
}

#[test]
fn a_weekend_is_not_expected_to_be_a_weekday() {
    let saturday = MONDAY + 19 * DAY + 8 * 3600 + 45 * 60;
    let forecast = ask(&POLICY, saturday, &history(saturday, 14, stand_up), State::default()).unwrap();
    assert!(most(&forecast, 0, 3600) <= 4, "{:?}", forecast.spare);
}

#[test]
fn demand_follows_local_time_through_a_change_of_the_clocks() {
    // Summer time began on the Sunday before: nine o'clock is 07:00 UTC now, and was 08:00.
    let monday = MONDAY + 12 * 7 * DAY;
    let offset = move |moment: i64| if moment >= monday - DAY + 3600 { 7200 } else { 3600 };
    let now = monday + 6 * 3600 + 50 * 60;
    let minutes = history(now, 14, |moment| stand_up(moment + offset(moment)));
    let input = Input {
        now,
        minutes: &minutes,
        offset_seconds: &offset,
        recordings_seconds: &[],
        lead_seconds: 180,
        state: State::default(),
    };
    let forecast = forecast(&POLICY, &input).unwrap();
    assert!(most(&forecast, 7 * 60, 10 * 60) >= 11, "{:?}", forecast.spare);
    assert!(most(&forecast, 11 * 60, 30 * 60) <= 6, "{:?}", forecast.spare);
}

#[test]
fn a_higher_hit_rate_never_wants_less() {
    let now = MONDAY + 14 * DAY + 8 * 3600 + 45 * 60;
    let minutes = history(now, 14, stand_up);
    let wanted = |hit_rate: f64| ask(&Policy { hit_rate, ..POLICY }, now, &minutes, State::default()).unwrap();
    let (lower, higher) = (wanted(0.9), wanted(0.999));
    assert!(lower.spare.iter().zip(&higher.spare).all(|(lower, higher)| lower <= higher));
    assert!(lower.spare.iter().sum::<u32>() < higher.spare.iter().sum::<u32>());
}

#[test]
fn less_than_a_day_of_history_is_no_forecast_and_a_gap_is_not_a_quiet_time() {
    let now = MONDAY + 14 * DAY + 8 * 3600 + 45 * 60;
    assert!(ask(&POLICY, now, &history(now, 0, stand_up), State::default()).unwrap_err().contains("1440"));

    let whole = history(now, 14, stand_up);
    let mut gaps = whole.clone();
    // Every second day no Jicofo could be read from eight to ten.
    for (index, minute) in gaps.iter_mut().enumerate() {
        let moment = now - i64::try_from(whole.len() - index).unwrap() * 60;
        if moment.div_euclid(DAY) % 2 == 0 && (8..10).contains(&(moment.rem_euclid(DAY) / 3600)) {
            *minute = Minute::default();
        }
    }
    let forecast = ask(&POLICY, now, &gaps, State::default()).unwrap();
    assert!(most(&forecast, 12 * 60, 15 * 60) >= 8, "{:?}", forecast.spare);
}

#[test]
fn the_floor_and_the_maximum_hold_in_every_slot() {
    let now = MONDAY + 14 * DAY + 8 * 3600 + 45 * 60;
    let policy = Policy { floor: 3, maximum: 7, ..POLICY };
    let forecast = ask(&policy, now, &history(now, 14, stand_up), State::default()).unwrap();
    assert!(forecast.spare.iter().all(|spare| (3..=7).contains(spare)), "{:?}", forecast.spare);
    assert!(forecast.hold.iter().zip(&forecast.spare).all(|(hold, spare)| hold >= spare && *hold <= 7));
}

/// Five minutes of forecasts, the last minutes of the history as given; what the state becomes.
fn live(mut state: State, now: i64, starts: f32, refused: f32, available: f32) -> State {
    let mut minutes = history(now, 14, |_| 0.25);
    let length = minutes.len();
    for minute in &mut minutes[length - 5..] {
        minute.starts = Some(starts);
        minute.refused = Some(refused);
        minute.available = Some(available);
    }
    state.learnt_until = now - 300;
    ask(&POLICY, now, &minutes, state).expect("enough history").state
}

#[test]
fn a_busy_hour_raises_what_is_expected_of_the_next() {
    let now = MONDAY + 14 * DAY + 8 * 3600;
    let (busy, usual) = (live(State::default(), now, 3.0, 0.0, 5.0), live(State::default(), now, 0.25, 0.0, 5.0));
    let minutes = history(now + 300, 14, |_| 0.25);
    let expected =
        |state: State| -> f64 { ask(&POLICY, now + 300, &minutes, state).unwrap().expected_starts.iter().sum() };
    assert!(expected(busy) > 1.3 * expected(usual));
}

#[test]
fn refusals_raise_the_targets_and_failures_with_jibris_to_spare_do_not() {
    let now = MONDAY + 14 * DAY + 8 * 3600;
    let refused = live(State::default(), now, 0.25, 0.4, 0.0);
    let failed = live(State::default(), now, 0.25, 0.4, 5.0);
    assert!(refused.excess_refusals > 1.0, "{refused:?}");
    assert!(failed.excess_refusals < 0.0, "{failed:?}");
}

#[test]
fn the_same_minutes_are_learnt_from_once() {
    let now = MONDAY + 14 * DAY + 8 * 3600;
    let once = live(State::default(), now, 1.0, 0.0, 5.0);
    let again = ask(&POLICY, now, &history(now, 14, |_| 0.25), once).unwrap().state;
    assert_eq!(once, again);
}

#[test]
fn a_minute_that_is_not_known_yet_is_learnt_from_later() {
    let now = MONDAY + 14 * DAY + 8 * 3600;
    let mut minutes = history(now, 14, |_| 0.25);
    minutes.last_mut().unwrap().starts = None;
    let state = ask(&POLICY, now, &minutes, State { learnt_until: now - 300, ..State::default() }).unwrap().state;
    assert_eq!(state.learnt_until, now - 60);
}

#[test]
fn a_state_that_no_forecast_can_have_written_is_not_usable() {
    let state = |change: fn(&mut State)| {
        let mut state = State::default();
        change(&mut state);
        state.is_usable(MONDAY)
    };
    assert!(state(|_| ()));
    assert!(!state(|state| state.learnt_until = MONDAY + 1));
    assert!(!state(|state| state.learnt_until = -1));
    assert!(!state(|state| state.hours.expected = -1.0));
    assert!(!state(|state| state.refusals_at[3] = f64::NAN));
    assert!(!state(|state| state.excess_refusals = f64::INFINITY));
}

#[test]
fn the_reasons_name_every_part_of_the_target() {
    let now = MONDAY + 14 * DAY + 8 * 3600;
    let reasons =
        ask(&Policy { floor: 9, ..POLICY }, now, &history(now, 14, stand_up), State::default()).unwrap().reasons;
    let reasons = reasons.join("; ");
    for part in
        ["starts expected", "last days", "last hours", "expected to end", "overdispersion", "hit rate", "floor of 9"]
    {
        assert!(reasons.contains(part), "{part} is missing in: {reasons}");
    }
}

#[test]
fn an_unknown_minute_is_not_quiet_and_a_refused_request_is_demand() {
    let now = MONDAY + 14 * DAY + 8 * 3600 + 45 * 60;
    let whole = history(now, 14, |_| 0.25);
    let expected = |minutes: &[Minute]| -> f64 {
        ask(&POLICY, now, minutes, State::default()).unwrap().expected_starts.iter().sum()
    };
    let (mut gaps, mut refused) = (whole.clone(), whole.clone());
    gaps.iter_mut().step_by(2).for_each(|minute| *minute = Minute::default());
    refused.iter_mut().for_each(|minute| (minute.refused, minute.available) = (Some(0.25), Some(0.0)));
    assert!((expected(&gaps) / expected(&whole) - 1.0).abs() < 0.05, "{} and {}", expected(&gaps), expected(&whole));
    assert!((expected(&refused) / expected(&whole) - 2.0).abs() < 0.05);
}

#[test]
fn demand_that_scatters_more_wants_more_and_recordings_that_end_give_back() {
    let now = MONDAY + 14 * DAY + 8 * 3600 + 45 * 60;
    let minutes = history(now, 14, |_| 1.0);
    let wanted = |state: State, recordings: usize| -> u32 {
        let recordings_seconds = vec![600; recordings];
        let input = Input {
            now,
            minutes: &minutes,
            offset_seconds: &|_| 0,
            recordings_seconds: &recordings_seconds,
            lead_seconds: 180,
            state,
        };
        forecast(&POLICY, &input).unwrap().spare[0]
    };
    let scattered = State { overdispersion: Ratio { observed: 2000.0, expected: 4000.0 }, ..State::default() };
    assert!(wanted(scattered, 0) > wanted(State::default(), 0) + 1);
    assert!(wanted(State::default(), 60) + 2 < wanted(State::default(), 0));
}

#[test]
fn an_outcome_far_from_what_was_expected_is_remembered_as_scatter_and_every_run_fills_the_table() {
    let now = MONDAY + 14 * DAY + 8 * 3600;
    let (far, near) = (live(State::default(), now, 3.0, 0.0, 5.0), live(State::default(), now, 0.25, 0.0, 5.0));
    assert!(far.overdispersion.observed > 10.0 && near.overdispersion.observed < 0.0, "{far:?} {near:?}");
    assert!((1.0..2.0).contains(&near.requests) && near.refusals_at[0] > near.refusals_at[8], "{near:?}");
}

#[test]
fn what_is_new_on_one_weekday_counts_more_on_that_day() {
    // Since last week there is a meeting at nine on Tuesdays, recorded in every room.
    let tuesdays = |moment: i64| match (moment - MONDAY).div_euclid(DAY) {
        8 if moment.rem_euclid(DAY) / 60 == 540 => 12.0,
        _ => 0.25,
    };
    let burst = |day: i64| -> f64 {
        let now = MONDAY + day * DAY + 8 * 3600 + 58 * 60;
        let forecast = ask(&POLICY, now, &history(now, 14, tuesdays), State::default()).unwrap();
        forecast.expected_starts[..8].iter().sum()
    };
    assert!(burst(15) > 1.2 * burst(16), "{} on Tuesday, {} on Wednesday", burst(15), burst(16));
}

#[test]
fn a_memory_that_claims_any_crowd_wants_the_maximum_and_no_more() {
    let now = MONDAY + 14 * DAY + 8 * 3600 + 45 * 60;
    let crowd = Ratio { observed: 9e11, expected: 0.0 };
    for overdispersion in [Ratio::default(), crowd] {
        let state = State { hours: crowd, days: crowd, overdispersion, ..State::default() };
        assert!(state.is_usable(now));
        let forecast = ask(&POLICY, now, &history(now, 14, |_| 0.25), state).unwrap();
        assert!(forecast.spare.iter().chain(&forecast.hold).all(|wanted| *wanted == POLICY.maximum));
        assert!(forecast.expected_starts.iter().chain(&forecast.expected_refusals).all(|number| number.is_finite()));
    }
}
