//! Proof of service, told as stories: which Jibris count, which are replaced, and when it is a setting.

mod common;

use common::*;
use planner::*;

fn plan(observation: &Observation) -> Plan {
    let plan = plan_scale_in(&Policy::default(), observation);
    check_plan(&Policy::default(), observation, &plan).expect("the plan keeps the invariants");
    plan
}

fn counts(observation: &Observation) -> Counts {
    count_pool(&Policy::default(), observation)
}

fn failed(times: u32, minutes: u64) -> Proof {
    Proof::Failed { times, since: minutes_ago(minutes), selected_at: minutes_ago(minutes) }
}

/// An idle Jibri whose tag says this of its recordings.
fn with_proof(name: &str, proof: Proof) -> Instance {
    let used = Instance { last_selected_at: Some(proof.selected_at()), ..idle(name, 1) };
    with(used, |record| record.proof = Some(proof))
}

fn good(name: &str, minutes: u64) -> Instance {
    with_proof(name, Proof::Good { selected_at: minutes_ago(minutes) })
}

/// Selected so many seconds ago, and idle again: no tick has seen it busy.
fn used(name: &str, seconds_ago: u64) -> Instance {
    Instance { last_selected_at: Some(NOW.minus_seconds(seconds_ago)), ..idle(name, 30) }
}

/// The instance has answered half a minute after its selection that it is idle, and when it has last made a good recording.
fn answered(instance: Instance, good_recording_seconds: Option<u64>) -> Instance {
    let report = InstanceReport { good_recording_seconds, ..report(JibriProcess::Idle(HealthStatus::Healthy)) };
    let sent_at = instance.last_selected_at.expect("it was selected").plus_seconds(30);
    Instance { check: Reading::Read(Command { sent_at, outcome: CommandOutcome::Reported(report) }), ..instance }
}

/// The instance is asked about the recording of so many seconds ago, and nothing else is known of it.
fn open(seconds_ago: u64) -> Proof {
    Proof::Open { selected_at: NOW.minus_seconds(seconds_ago), before: Before::Unknown }
}

/// The same Jibri, after the next request has selected it so many seconds ago.
fn selected_again(instance: Instance, seconds_ago: u64) -> Instance {
    Instance { last_selected_at: Some(NOW.minus_seconds(seconds_ago)), ..instance }
}

fn noted(plan: &Plan) -> Vec<(&str, Proof)> {
    let noted = plan.steps.iter().filter_map(|step| match &step.action {
        Action::TagProof { instance, proof } => Some((instance.as_str(), *proof)),
        _ => None,
    });
    noted.collect()
}

fn doubted(plan: &Plan) -> Vec<&str> {
    let marked = plan.steps.iter().filter_map(|step| match &step.action {
        Action::TagDoubted { instance, .. } => Some(instance.as_str()),
        _ => None,
    });
    marked.collect()
}

#[test]
fn a_recording_that_goes_on_is_a_good_one() {
    let busy = Instance { last_selected_at: Some(minutes_ago(3)), ..busy("i-1") };
    assert_eq!(noted(&plan(&pool(vec![busy.clone()]))), [("i-1", Proof::Good { selected_at: minutes_ago(3) })]);
    let young = Instance { last_selected_at: Some(minutes_ago(1)), ..busy };
    assert_eq!(noted(&plan(&pool(vec![young]))), []);
}

#[test]
fn a_recording_that_ended_within_seconds_is_asked_about_and_then_judged_by_the_instances_word() {
    let observation = pool(vec![used("i-1", 50)]);
    let first = plan(&observation);
    let i_1 = || InstanceId::new("i-1");
    assert_eq!(
        actions(&first),
        [Action::Check { instance: i_1() }, Action::TagProof { instance: i_1(), proof: open(50) }]
    );
    let second = plan(&apply(&observation, &first));
    assert_eq!(noted(&second), []);
    assert_eq!(second.waits, [Wait::Check { instance: InstanceId::new("i-1") }]);

    let selected_at = NOW.minus_seconds(50);
    let played = plan(&pool(vec![answered(used("i-1", 50), Some(5))]));
    assert_eq!(noted(&played), [("i-1", Proof::Short { selected_at, good_at: None })]);
    for good_recording_seconds in [None, Some(1000)] {
        let nothing = plan(&pool(vec![answered(used("i-1", 50), good_recording_seconds)]));
        assert_eq!(noted(&nothing), [("i-1", Proof::Failed { times: 1, since: selected_at, selected_at })]);
    }
}

#[test]
fn a_recording_that_jicofo_goes_on_with_on_another_jibri_has_failed_whatever_it_left() {
    let selected_at = NOW.minus_seconds(50);
    let fleet = |other_seconds_ago| {
        let other = Instance { last_selected_at: Some(NOW.minus_seconds(other_seconds_ago)), ..busy("i-2") };
        noted(&plan(&pool(vec![answered(used("i-1", 50), Some(5)), other])))
            .into_iter()
            .map(|(name, proof)| (name.to_owned(), proof))
            .collect::<Vec<_>>()
    };
    let failed = Proof::Failed { times: 1, since: selected_at, selected_at };
    assert_eq!(fleet(20), [("i-1".to_owned(), failed)]);
    assert_eq!(fleet(60), [("i-1".to_owned(), Proof::Short { selected_at, good_at: None })]);
}

#[test]
fn a_short_recording_that_can_be_played_redeems_no_failure() {
    let before = with(answered(used("i-1", 50), Some(5)), |record| record.proof = Some(failed(1, 40)));
    let expected = Proof::Failed { times: 1, since: minutes_ago(40), selected_at: NOW.minus_seconds(50) };
    assert_eq!(noted(&plan(&pool(vec![before]))), [("i-1", expected)]);
}

#[test]
fn an_answer_that_is_older_than_the_recording_says_nothing_of_it() {
    let mut instance = answered(used("i-1", 50), Some(5));
    let Reading::Read(check) = &mut instance.check else { panic!("a check") };
    check.sent_at = NOW.minus_seconds(60);
    let instance = with(instance, |record| record.proof = Some(open(50)));
    assert_eq!(actions(&plan(&pool(vec![instance]))), [Action::Check { instance: InstanceId::new("i-1") }]);
}

#[test]
fn an_instance_that_never_answers_has_failed_after_some_minutes() {
    assert_eq!(noted(&plan(&pool(vec![used("i-1", 230)]))), [("i-1", open(230))]);
    let selected_at = NOW.minus_seconds(250);
    assert_eq!(
        noted(&plan(&pool(vec![used("i-1", 250)]))),
        [("i-1", Proof::Failed { times: 1, since: selected_at, selected_at })]
    );
}

#[test]
fn a_recording_that_is_asked_about_is_judged_though_jicofo_has_forgotten_it_for_the_next_one() {
    let selected_at = NOW.minus_seconds(70);
    let asked = |good_recording_seconds, before| {
        let asked = answered(used("i-1", 70), good_recording_seconds);
        with(selected_again(asked, 20), |record| record.proof = Some(Proof::Open { selected_at, before }))
    };
    let once = Proof::Failed { times: 1, since: selected_at, selected_at };
    let next = |before| Proof::Open { selected_at: NOW.minus_seconds(20), before };
    let as_first = pool(vec![asked(None, Before::Unknown)]);
    let failed_once = Before::Failed { times: 1, since: selected_at };
    assert_eq!(noted(&plan(&as_first)), [("i-1", next(failed_once))], "and it is asked about the next one");
    assert_eq!(counts(&apply(&as_first, &plan(&as_first))).failures, 1);
    let before = Before::Failed { times: 1, since: minutes_ago(9) };
    let twice = Before::Failed { times: 2, since: minutes_ago(9) };
    let as_second = pool(vec![asked(None, before)]);
    assert_eq!(noted(&plan(&as_second)), [("i-1", next(twice))]);
    assert_eq!(counts(&apply(&as_second, &plan(&as_second))).failing, 1);
    assert_eq!(noted(&plan(&pool(vec![asked(Some(5), Before::Unknown)]))), [("i-1", next(Before::Unknown))]);

    // The next one is under way.
    let recording = Instance { jibri: JibriStatus::Busy, ..asked(None, Before::Unknown) };
    assert_eq!(noted(&plan(&pool(vec![recording.clone()]))), [("i-1", once)]);
    // Nothing has been said yet, and then never.
    let silent = |seconds_ago| {
        let proof = Proof::Open { selected_at: NOW.minus_seconds(seconds_ago), before: Before::Unknown };
        plan(&pool(vec![with(Instance { check: Reading::Unlisted, ..recording.clone() }, |it| it.proof = Some(proof))]))
    };
    assert!(actions(&silent(70)).contains(&Action::Check { instance: InstanceId::new("i-1") }));
    assert_eq!(noted(&silent(70)), []);
    let since = NOW.minus_seconds(400);
    assert_eq!(noted(&silent(400)), [("i-1", Proof::Failed { times: 1, since, selected_at: since })]);
}

#[test]
fn a_jibri_that_is_busy_again_soon_is_asked_about_what_it_recorded_before() {
    let busy_since = |since, selected| {
        let busy = Instance { last_selected_at: Some(NOW.minus_seconds(selected)), ..busy("i-1") };
        let recorded = Recorded { state: RecordedState::Busy, since: NOW.minus_seconds(since) };
        noted(&plan(&pool(vec![with(busy, |record| record.recorded = Some(recorded))])))
            .into_iter()
            .map(|(_, proof)| proof.selected_at())
            .collect::<Vec<_>>()
    };
    assert_eq!(busy_since(60, 20), [NOW.minus_seconds(60)]);
    assert_eq!(busy_since(60, 90), [], "that is the recording which it was selected for");
    assert_eq!(busy_since(600, 20), [], "what went on for so long had begun well");
}

#[test]
fn what_no_tick_has_looked_at_is_unknown_and_no_failure() {
    for instance in [used("i-1", 3600), recorded(used("i-1", 1200), RecordedState::Idle, minutes_ago(19))] {
        assert_eq!(plan(&pool(vec![instance])), Plan::default());
    }
}

#[test]
fn a_refused_start_is_a_failure_at_once_and_failures_add_up_until_a_recording_goes_well() {
    let refused = Instance { last_failed_at: Some(NOW.minus_seconds(20)), ..used("i-1", 20) };
    let selected_at = NOW.minus_seconds(20);
    let first = plan(&pool(vec![refused.clone()]));
    assert_eq!(noted(&first), [("i-1", Proof::Failed { times: 1, since: selected_at, selected_at })]);
    assert_eq!(noted(&plan(&apply(&pool(vec![refused.clone()]), &first))), []);

    let again = with(refused.clone(), |record| record.proof = Some(failed(1, 40)));
    let expected = Proof::Failed { times: 2, since: minutes_ago(40), selected_at };
    assert_eq!(noted(&plan(&pool(vec![again]))), [("i-1", expected)]);
    let redeemed = with(refused, |record| record.proof = Some(Proof::Good { selected_at: minutes_ago(40) }));
    assert_eq!(
        noted(&plan(&pool(vec![redeemed]))),
        [("i-1", Proof::Failed { times: 1, since: selected_at, selected_at })]
    );
}

#[test]
fn a_refusal_that_jicofo_still_remembers_counts_twice_for_it_gives_the_jibri_no_other_chance() {
    let refused = |minutes: u64| {
        let failed_at = Some(minutes_ago(minutes));
        Instance { last_failed_at: failed_at, ..with_proof("i-1", failed(1, minutes)) }
    };
    assert_eq!(noted(&plan(&pool(vec![refused(9)]))), []);
    assert_eq!(noted(&plan(&pool(vec![refused(11)]))), [("i-1", failed(2, 11))]);
    let forgotten = Instance { last_failed_at: None, ..refused(11) };
    assert_eq!(noted(&plan(&pool(vec![forgotten]))), []);
}

#[test]
fn a_jibri_that_fails_twice_in_a_row_does_not_count_and_another_is_launched() {
    let observation = pool(vec![with_proof("i-1", failed(2, 5)), good("i-2", 2)]);
    assert_eq!((counts(&observation).available, counts(&observation).failing), (1, 1));
    assert_eq!(counts(&observation).shortfall, 1);
    let once = pool(vec![with_proof("i-1", failed(1, 5)), good("i-2", 2)]);
    assert_eq!((counts(&once).available, counts(&once).failing, counts(&once).failures), (2, 0, 1));
}

#[test]
fn a_failing_jibri_is_asked_and_replaced_through_its_drain_and_the_others_have_to_show_that_they_do_better() {
    let bad = with_proof("i-1", failed(2, 5));
    let observation = pool(vec![bad.clone(), good("i-2", 2), idle("i-3", 1)]);
    assert_eq!(actions(&plan(&observation)), [Action::Check { instance: InstanceId::new("i-1") }]);
    let observation = pool(vec![Instance { check: says_idle(), ..bad }, good("i-2", 2), idle("i-3", 1)]);
    let replaced = plan(&observation);
    assert_eq!((terminated(&replaced), doubted(&replaced)), (vec!["i-1"], vec!["i-2", "i-3"]), "{replaced}");
}

#[test]
fn a_bad_jibri_that_takes_every_recording_of_a_new_pool_is_replaced_as_a_trial() {
    let bad = Instance { check: says_idle(), ..with_proof("i-1", failed(2, 5)) };
    let observation = pool(vec![bad, idle("i-2", 1), idle("i-3", 1)]);
    let replaced = plan(&observation);
    assert_eq!((terminated(&replaced), doubted(&replaced)), (vec!["i-1"], vec!["i-2", "i-3"]));
    // No recording has ever gone well: it may as well be a setting.
    assert!(counts(&observation).in_doubt);
}

#[test]
fn where_what_remains_fails_too_it_is_a_setting_and_no_jibri_is_replaced_or_launched() {
    let doubted = |instance: Instance| with(instance, |record| record.doubted_at = Some(minutes_ago(10)));
    let bad = doubted(Instance { check: says_idle(), ..with_proof("i-2", failed(2, 5)) });
    let observation = pool(vec![bad, doubted(idle("i-3", 1)), idle("i-4", 1)]);
    let plan = plan(&observation);
    assert_eq!(terminated(&plan), Vec::<&str>::new());
    assert!(plan.waits.contains(&Wait::Trial { instance: InstanceId::new("i-2") }));
    assert!(plan.problems.contains(&Problem::RecordingsFail { failures: 2 }), "{plan}");
    assert_eq!((counts(&observation).in_doubt, counts(&observation).shortfall), (true, 0));
    let all = pool(vec![with_proof("i-1", failed(3, 5)), with_proof("i-2", failed(2, 5))]);
    assert_eq!((counts(&all).available, counts(&all).shortfall, counts(&all).in_doubt), (0, 0, true));
    assert!(plan_scale_out(&Policy::default(), &all).steps.is_empty());
}

#[test]
fn a_recording_that_goes_well_ends_the_doubt_and_those_that_fail_alone_are_replaced() {
    let doubted = |instance: Instance| with(instance, |record| record.doubted_at = Some(minutes_ago(70)));
    let bad = doubted(Instance { check: says_idle(), ..with_proof("i-2", failed(2, 80)) });
    let observation = pool(vec![bad.clone(), doubted(good("i-3", 2)), idle("i-4", 1)]);
    assert!(!counts(&observation).in_doubt);
    assert_eq!(terminated(&plan(&observation)), ["i-2"]);

    // Within the hour only what was launched after the last trial can show that replacing helps.
    let lately = |instance: Instance| with(instance, |record| record.doubted_at = Some(minutes_ago(20)));
    let early = pool(vec![lately(bad.clone()), lately(good("i-3", 2)), idle("i-4", 1)]);
    assert_eq!(terminated(&plan(&early)), Vec::<&str>::new());
    let newcomer = with(good("i-4", 2), |record| record.launched_at = minutes_ago(15));
    assert_eq!(terminated(&plan(&pool(vec![lately(bad), lately(idle("i-3", 2)), newcomer]))), ["i-2"]);
}

#[test]
fn of_those_that_may_go_an_instance_that_remembers_failures_is_the_last_until_a_recording_goes_well() {
    let asked = |instance| Instance { check: says_idle(), ..instance };
    let victims = |others: Vec<Instance>| {
        let remembers = asked(recorded(with_proof("i-1", failed(1, 50)), RecordedState::Idle, minutes_ago(45)));
        let fleet = [vec![remembers, asked(idle("i-2", 30))], others].concat();
        let most = u32::try_from(fleet.len() - 1).expect("a few");
        let mut observation = pool(fleet);
        observation.target = target(most, most, most);
        terminated(&plan(&observation)).into_iter().map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(victims(vec![]), ["i-2"]);
    assert_eq!(victims(vec![good("i-3", 5)]), ["i-1"]);
    // Another that has not been idle for long enough will go instead.
    let young = recorded(idle("i-3", 30), RecordedState::Idle, minutes_ago(5));
    let remembers = || asked(recorded(with_proof("i-1", failed(1, 50)), RecordedState::Idle, minutes_ago(45)));
    let alone = |others: Vec<Instance>| {
        let mut observation = pool([vec![remembers()], others].concat());
        observation.target = target(0, 0, 0);
        terminated(&plan(&observation)).into_iter().map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!((alone(vec![young]), alone(vec![])), (vec![], vec!["i-1".to_owned()]));
}

#[test]
fn one_failing_jibri_is_replaced_in_a_tick_and_the_last_one_waits_for_another() {
    let bad = |name| Instance { check: says_idle(), ..with_proof(name, failed(2, 50)) };
    let observation = pool(vec![bad("i-1"), bad("i-2"), good("i-3", 2), idle("i-4", 1)]);
    assert_eq!(terminated(&plan(&observation)), ["i-1"]);
    let alone = plan(&pool(vec![bad("i-1")]));
    assert_eq!(terminated(&alone), Vec::<&str>::new());
    assert_eq!(alone.waits, [Wait::AnotherJibri { instance: InstanceId::new("i-1") }]);
}

#[test]
fn a_busy_jibri_without_a_session_is_asked_at_once_and_one_that_records_is_left_alone() {
    let busy_for = |name: &str, minutes| recorded(busy(name), RecordedState::Busy, minutes_ago(minutes));
    let observation = |instances, unaccounted_busy| Observation { unaccounted_busy, ..pool(instances) };
    let two = || vec![busy_for("i-1", 3), busy_for("i-2", 4), idle("i-3", 1), idle("i-4", 1)];
    assert_eq!(plan(&observation(two(), 0)).steps, []);
    let asked = ["i-1", "i-2"].map(|id| Action::Check { instance: InstanceId::new(id) });
    assert_eq!(actions(&plan(&observation(two(), 1))), asked, "Jicofo does not say which of them has the session");
    assert_eq!(counts(&observation(two(), 1)).stuck_busy_seconds, 240);
    assert_eq!(counts(&observation(two(), 0)).stuck_busy_seconds, 0);

    let answers = |process| {
        let asked = Instance { check: says(process), ..busy_for("i-1", 4) };
        plan(&observation(vec![asked, idle("i-3", 1), idle("i-4", 1)], 1))
    };
    for process in [JibriProcess::Expired(HealthStatus::Healthy), JibriProcess::Gone] {
        assert_eq!(terminated(&answers(process)), ["i-1"]);
    }
    let stuck = answers(JibriProcess::Busy(HealthStatus::Healthy));
    let problem = Problem::BusyWithNothing { instance: InstanceId::new("i-1"), busy_seconds: 240 };
    assert_eq!(terminated(&stuck), Vec::<&str>::new());
    assert_eq!(stuck.problems, [problem]);
}

#[test]
fn an_idle_answer_from_before_the_recording_does_not_end_it() {
    let selected = Instance { last_selected_at: Some(NOW.minus_seconds(30)), ..busy("i-1") };
    let asked = Instance { check: says_idle(), ..recorded(selected, RecordedState::Busy, minutes_ago(300)) };
    let policy = Policy { busy_suspicion_seconds: 10, ..Policy::default() };
    let observation = pool(vec![asked, idle("i-3", 1), idle("i-4", 1)]);
    assert_eq!(actions(&plan_scale_in(&policy, &observation)), [Action::Check { instance: InstanceId::new("i-1") }]);
}

#[test]
fn recordings_that_wait_on_an_instance_in_service_are_told_of() {
    let waits = |oldest_recording_seconds| {
        let idle = report(JibriProcess::Idle(HealthStatus::Healthy));
        let report = InstanceReport { recordings_pending: 2, oldest_recording_seconds, ..idle };
        let sent_at = minutes_ago(1);
        let check = Reading::Read(Command { sent_at, outcome: CommandOutcome::Reported(report) });
        plan(&pool(vec![Instance { check, ..common::idle("i-1", 1) }])).problems
    };
    let instance = InstanceId::new("i-1");
    assert_eq!(waits(Some(3600)), [Problem::RecordingsWait { instance, recordings: 2, oldest_seconds: 3600 }]);
    assert_eq!(waits(Some(60)), []);
    assert_eq!(waits(None), []);
}
