//! How each recording went: noted in the tag of its instance. Where Jicofo's word does not tell, the instance is asked.

use crate::{
    Action, Command, CommandOutcome, FAILURES_IN_A_ROW, Instance, InstanceReport, JibriProcess, JibriStatus,
    LifecycleState, Plan, Problem, Proof, Recorded, RecordedState, Timestamp, Wait, judge_service, spoken::Spoken,
};

use super::{evidence::Evidence, evidence::evidence, room::View};

/// What goes on for longer than this has begun well, in seconds. Jibri gives up sooner on a call that it cannot join, without
/// ICE, without media, or with a browser that hangs (jibri: `CallStatusChecks`, `CallPage`; 30 to 60 s each).
const BEGUN_WELL_SECONDS: u64 = 120;
/// How long an instance has to say how a recording went, in seconds; then it counts as failed.
const ANSWER_SECONDS: u64 = 240;
/// How long ago a recording is judged at most, in seconds: before that, nothing looked.
const LOOK_BACK_SECONDS: u64 = 600;
/// By how much a report may be older than what it tells of, in seconds: it lies between the command and its script.
const REPORT_SLACK_SECONDS: u64 = 60;
/// From one reading to the next, in seconds.
const TICK_SECONDS: u64 = 60;
/// A Jibri that was selected less than so many seconds ago may be shown as idle still, before it says that it is busy.
const LAG_SECONDS: u64 = 10;
/// Why a recording counts as failed whatever it left.
const GONE_ON: &str = "Jicofo went on with another Jibri";
/// How many instances are asked at once.
const MOST_ASKED: usize = 50;

/// How a recording went, as far as is known.
enum Outcome {
    Good,
    /// It ended soon, and left something to play: a person has stopped it, or it failed late. It redeems no failure.
    Short,
    Failed(String),
    /// The instance is to be asked about the recording of this moment, which lasted so many seconds at most.
    Ask {
        about: Timestamp,
        within_seconds: u64,
    },
    /// It has been asked.
    Asked,
    /// Nothing can be said of it, now or ever.
    Unknown,
}

/// Notes how the last recording of each Jibri went.
pub(super) fn note_proofs(view: &View<'_>, plan: &mut Plan) {
    let in_service =
        view.observation.instances.iter().filter(|instance| instance.lifecycle == LifecycleState::InService);
    let mut asked = 0;
    for instance in in_service {
        // A tag that was not read may say it already.
        let Some(record) = instance.ec2.read() else { continue };
        // Clocks disagree: a selection that lies ahead is looked at when its time has come.
        let past = instance.last_selected_at.filter(|selected_at| *selected_at <= view.observation.now);
        let Some(selected_at) = past else { continue };
        let id = instance.id.clone();
        let answer = record.proof.and_then(|proof| answer_forgotten(view, instance, proof, selected_at));
        let before = answer.as_ref().map(|(proof, _)| *proof).or(record.proof);
        let open_about = match before {
            Some(Proof::Open { selected_at, .. }) => Some(selected_at),
            _ => None,
        };
        if open_about.is_none() && before.is_some_and(|proof| proof.selected_at() >= selected_at) {
            if let Some(proof) = remember_refusal(view, instance, before, selected_at) {
                let reason = "Jicofo still remembers that it refused a start, and gives it no other";
                plan.step(Action::TagProof { instance: id, proof }, reason);
            }
            continue;
        }
        let known = |about| open_about != Some(about) && before.is_some_and(|proof| proof.selected_at() >= about);
        let news = match judge(view, instance, selected_at) {
            Outcome::Good => Some((Proof::Good { selected_at }, "its last recording went well".to_owned())),
            Outcome::Short => {
                let why = "its last recording was short, and can be played".to_owned();
                Some((Proof::and_short(before, selected_at), why))
            }
            Outcome::Failed(why) => {
                let proof = Proof::and_failed(before, selected_at);
                let proof = remember_refusal(view, instance, Some(proof), selected_at).unwrap_or(proof);
                Some((proof, format!("its last recording failed: {why}")))
            }
            Outcome::Ask { .. } | Outcome::Asked | Outcome::Unknown
                if open_about.is_some_and(|about| about < selected_at) =>
            {
                match evidence(view, instance) {
                    Evidence::Awaited => plan.waits.push(Wait::Check { instance: id.clone() }),
                    _ if asked < MOST_ASKED => {
                        asked += 1;
                        plan.step(
                            Action::Check { instance: id.clone() },
                            "it has not said how an earlier recording went",
                        );
                    }
                    _ => {}
                }
                None
            }
            Outcome::Ask { about, within_seconds } if asked < MOST_ASKED && !known(about) => {
                asked += 1;
                let reason = format!("its last recording ended within {}", Spoken(within_seconds));
                plan.step(Action::Check { instance: id.clone() }, reason.clone());
                (open_about != Some(about)).then(|| (Proof::and_asked(before, about), reason))
            }
            Outcome::Asked => {
                plan.waits.push(Wait::Check { instance: id.clone() });
                answer
            }
            Outcome::Ask { .. } | Outcome::Unknown => answer,
        };
        if let Some((proof, why)) = news {
            plan.step(Action::TagProof { instance: id, proof }, why);
        }
    }
}

/// What an instance says of a recording that it was asked about, where its Jibri has been selected again meanwhile.
fn answer_forgotten(
    view: &View<'_>,
    instance: &Instance,
    proof: Proof,
    selected_at: Timestamp,
) -> Option<(Proof, String)> {
    let Proof::Open { selected_at: about, .. } = proof else { return None };
    if about >= selected_at {
        return None;
    }
    let outcome = match instance.check.read().filter(|check| check.sent_at > about) {
        Some(Command { sent_at, outcome: CommandOutcome::Reported(report) })
            // Selected again, its Jibri had done with the recording, whatever it does now.
            if matches!(report.process, JibriProcess::Idle(_)) || *sent_at >= selected_at =>
        {
            judge_report(view, instance, about, *sent_at, report)
        }
        _ if view.observation.now.seconds_since(about) > BEGUN_WELL_SECONDS + ANSWER_SECONDS => {
            Outcome::Failed("it ended soon, and the instance does not say how it went".into())
        }
        _ => return None,
    };
    match outcome {
        Outcome::Failed(why) => {
            Some((Proof::and_failed(Some(proof), about), format!("an earlier recording failed: {why}")))
        }
        _ => Some((Proof::and_short(Some(proof), about), "an earlier recording was short, and can be played".into())),
    }
}

/// Jicofo takes a Jibri that has refused a start after all others, so that it may never be tried again, and would count as
/// available all the same.
fn remember_refusal(
    view: &View<'_>,
    instance: &Instance,
    proof: Option<Proof>,
    selected_at: Timestamp,
) -> Option<Proof> {
    let Some(Proof::Failed { times: 1, since, .. }) = proof else { return None };
    let remembered = instance.last_failed_at.is_some_and(|failed_at| failed_at >= selected_at);
    let long_ago = view.observation.now.seconds_since(selected_at) > LOOK_BACK_SECONDS;
    (remembered && long_ago && instance.jibri == JibriStatus::Idle).then_some(Proof::Failed {
        times: FAILURES_IN_A_ROW,
        since,
        selected_at,
    })
}

/// Tells of Jibris that fail their recordings.
pub(super) fn report_failing(view: &View<'_>, plan: &mut Plan) {
    let service = judge_service(view.observation);
    if service.in_doubt {
        plan.problems.push(Problem::RecordingsFail { failures: service.failures });
    }
    for instance in service.failing {
        plan.problems.push(Problem::JibriFails { instance });
    }
}

fn judge(view: &View<'_>, instance: &Instance, selected_at: Timestamp) -> Outcome {
    let now = view.observation.now;
    // Jicofo notes a failure only where the start itself is refused (jicofo: JibriSession.java, 338).
    if instance.last_failed_at.is_some_and(|failed_at| failed_at >= selected_at) {
        return Outcome::Failed("the start was refused".into());
    }
    let since_selection = now.seconds_since(selected_at);
    match instance.jibri {
        JibriStatus::Busy if since_selection > BEGUN_WELL_SECONDS => Outcome::Good,
        // It was busy before it was selected again: what it recorded then has ended.
        JibriStatus::Busy => match instance.recorded() {
            Some(Recorded { state: RecordedState::Busy, since })
                if since < selected_at && selected_at.seconds_since(since) <= BEGUN_WELL_SECONDS =>
            {
                Outcome::Ask { about: since, within_seconds: selected_at.seconds_since(since) + TICK_SECONDS }
            }
            _ => Outcome::Unknown,
        },
        JibriStatus::Idle => {
            // Its tag says since when it has been idle again, where a tick has seen it busy; where none has, since before that.
            let idle_since = match instance.recorded() {
                Some(recorded) if recorded.state == RecordedState::Idle => {
                    Some(recorded.since).filter(|since| *since >= selected_at)
                }
                _ => Some(now),
            };
            let lasted_seconds = idle_since.map_or(since_selection, |since| since.seconds_since(selected_at));
            let waited_seconds = idle_since.map_or(since_selection, |since| now.seconds_since(since));
            let short = match idle_since {
                Some(_) => lasted_seconds <= BEGUN_WELL_SECONDS,
                None => since_selection <= LOOK_BACK_SECONDS / 2,
            };
            match short && waited_seconds <= LOOK_BACK_SECONDS {
                true => judge_by_its_own_word(view, instance, selected_at, lasted_seconds, waited_seconds),
                false => Outcome::Unknown,
            }
        }
        _ => Outcome::Unknown,
    }
}

/// A recording that ended soon is judged by what the instance says of it, unless Jicofo shows that it failed. Jicofo forgets that
/// with the next selections: it is believed at once.
fn judge_by_its_own_word(
    view: &View<'_>,
    instance: &Instance,
    selected_at: Timestamp,
    lasted_seconds: u64,
    waited_seconds: u64,
) -> Outcome {
    if lasted_seconds >= LAG_SECONDS && has_gone_on(view, instance, selected_at) {
        return Outcome::Failed(GONE_ON.into());
    }
    let check = instance.check.read().filter(|check| check.sent_at > selected_at);
    if let Some(check) = check
        && let CommandOutcome::Reported(report) = &check.outcome
        && matches!(report.process, JibriProcess::Idle(_))
    {
        return judge_report(view, instance, selected_at, check.sent_at, report);
    }
    if waited_seconds > ANSWER_SECONDS {
        let why = "and the instance does not say how it went";
        return Outcome::Failed(format!("it ended within {}, {why}", Spoken(lasted_seconds)));
    }
    match (evidence(view, instance), check) {
        (Evidence::Awaited, Some(_)) => Outcome::Asked,
        _ => Outcome::Ask { about: selected_at, within_seconds: lasted_seconds },
    }
}

/// A recording that a person has ended soon was a good one: then there is something to play, and Jicofo has not gone on with it
/// on another Jibri.
fn judge_report(
    view: &View<'_>,
    instance: &Instance,
    selected_at: Timestamp,
    sent_at: Timestamp,
    report: &InstanceReport,
) -> Outcome {
    let recorded_at = report.good_recording_seconds.map(|seconds| sent_at.minus_seconds(seconds));
    match recorded_at {
        Some(_) if has_gone_on(view, instance, selected_at) => Outcome::Failed(GONE_ON.into()),
        Some(at) if at.plus_seconds(REPORT_SLACK_SECONDS) >= selected_at => Outcome::Short,
        _ => Outcome::Failed(format!("it ended within {}, and left nothing to play", Spoken(BEGUN_WELL_SECONDS))),
    }
}

/// Whether Jicofo has gone on with a recording on another Jibri, as it does where one fails (jicofo: JibriSession.java, 511, 737,
/// 939).
fn has_gone_on(view: &View<'_>, instance: &Instance, selected_at: Timestamp) -> bool {
    let goes_on = |at: Timestamp| at > selected_at && at.seconds_since(selected_at) <= BEGUN_WELL_SECONDS;
    let others = view.observation.instances.iter().filter(|other| other.id != instance.id);
    others.filter_map(|other| other.last_selected_at).any(goes_on)
}
