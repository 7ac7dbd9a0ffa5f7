//! What could be had by knowing the future: the least idle time that serves every request.

use super::pool::{Event, EventKind, Scenario, Tally};

/// One instance's whole life.
struct Life {
    launched_at: i64,
    /// Start, finish and row of each recording.
    recordings: Vec<(i64, i64, usize)>,
}

impl Life {
    fn ends_at(&self) -> i64 {
        self.recordings.last().map_or(self.launched_at, |(_, finish, _)| *finish)
    }
}

/// Serves every request: launches exactly a lead time before need, and keeps an instance when the gap to its next
/// recording is shorter than a launch.
///
/// A request takes the instance freed last. Matching so is optimal: a gap costs the lesser of itself and a launch, which
/// is concave, and so two crossing gaps never cost more than two that enclose one another.
pub fn run(scenario: &Scenario, logged: bool) -> (Tally, Vec<Event>) {
    let lives = plan(scenario);
    let counted_from = scenario.counted_from();
    let counted = |from: i64, until: i64| (until - from.max(counted_from)).max(0);
    let mut tally = Tally::default();
    let mut events = Vec::new();
    for (number, life) in lives.iter().enumerate() {
        let mut note = |at, kind, request| {
            if logged {
                events.push(Event { at, kind, instance: Some(number), request });
            }
        };
        tally.launches += u64::from(life.launched_at >= counted_from);
        tally.instance_seconds += counted(life.launched_at, life.ends_at());
        note(life.launched_at, EventKind::Launch, None);
        note(life.launched_at + scenario.lead_seconds, EventKind::Available, None);
        for &(start, finish, row) in &life.recordings {
            tally.requests += u64::from(start >= counted_from);
            tally.busy_seconds += counted(start, finish);
            note(start, EventKind::Start, Some(row));
            note(finish, EventKind::Finish, Some(row));
        }
        note(life.ends_at(), EventKind::Terminate, None);
    }
    // Stable: what happens to one instance at one moment stays in its order.
    events.sort_by_key(|event| event.at);
    (tally, events)
}

fn plan(scenario: &Scenario) -> Vec<Life> {
    let mut lives: Vec<Life> = Vec::new();
    let mut under_way: std::collections::BinaryHeap<std::cmp::Reverse<(i64, usize)>> =
        std::collections::BinaryHeap::new();
    // In the order of being freed: the last one was freed last.
    let mut freed: Vec<(i64, usize)> = Vec::new();
    for (row, request) in scenario.demand.iter().enumerate() {
        let at = request.at.div_euclid(1000);
        while let Some(std::cmp::Reverse((finish, _))) = under_way.peek()
            && *finish <= at
        {
            freed.extend(under_way.pop().map(|std::cmp::Reverse(entry)| entry));
        }
        let number = match freed.pop().filter(|(finish, _)| at - finish < scenario.lead_seconds) {
            Some((_, number)) => number,
            None => {
                lives.push(Life { launched_at: at - scenario.lead_seconds, recordings: Vec::new() });
                lives.len() - 1
            }
        };
        let finish = at + request.duration_ms / 1000;
        lives[number].recordings.push((at, finish, row));
        under_way.push(std::cmp::Reverse((finish, number)));
    }
    lives
}
