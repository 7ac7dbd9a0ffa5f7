//! Calls about many instances, and answers of many pages: how many go into a call, what becomes of a batch that AWS
//! refuses for one of its instances, and how many pages are followed.

use planner::InstanceId;
use tracing::warn;

use crate::call::{CallError, CallErrorKind, Page};

/// How many ids `SetInstanceProtection` and `SendCommand` take.
pub const MOST_IN_A_CALL: usize = 50;
/// How many resources `CreateTags` is given at once.
pub const MOST_TAGGED: usize = 500;
/// More pages than the largest group, its commands, or two weeks of metrics fill.
const MOST_PAGES: usize = 1000;

/// How many pages of activities are followed in search of terminations under way.
pub(crate) const MOST_PAGES_OF_ACTIVITIES: usize = 20;

/// Makes a call for every instance, for at most so many at once. AWS refuses them all when it does not know one of
/// them: halves find that one out, so that it keeps no other from what it needs.
///
/// # Errors
/// The first call that failed otherwise; the others were made all the same. An instance that AWS does not know is
/// logged, and an error only when no instance was reached.
pub(crate) async fn call_for_each(
    instances: &[InstanceId],
    most_at_once: usize,
    call: impl AsyncFn(&[InstanceId]) -> Result<(), CallError>,
) -> Result<(), CallError> {
    let mut left: Vec<&[InstanceId]> = instances.chunks(most_at_once).rev().collect();
    let (mut any_reached, mut unknown, mut failed) = (false, None, None);
    while let Some(some) = left.pop() {
        match call(some).await {
            Ok(()) => any_reached = true,
            Err(error) if error.kind != CallErrorKind::UnknownInstance => {
                failed.get_or_insert(error);
            }
            Err(error) => match some {
                [one] => {
                    warn!(instance = %one, %error, "AWS does not know this instance now, and the call leaves it out");
                    unknown = Some(error);
                }
                several => {
                    let (first, second) = several.split_at(several.len() / 2);
                    left.extend([second, first]);
                }
            },
        }
    }
    match failed.or(unknown.filter(|_| !any_reached)) {
        Some(error) => Err(error),
        None => Ok(()),
    }
}

/// Fetches page after page, and hands each item on.
///
/// # Errors
/// The first page that could not be fetched, and pages that do not end: they must not fill the memory.
pub(crate) async fn follow_pages<T>(
    operation: &str,
    fetch: impl AsyncFn(Option<String>) -> Result<Page<T>, CallError>,
) -> Result<Vec<T>, CallError> {
    let (mut items, mut token) = (Vec::new(), None);
    for _ in 0..MOST_PAGES {
        let page = fetch(token).await?;
        match items.is_empty() {
            true => items = page.items,
            false => items.extend(page.items),
        }
        match page.next {
            Some(next) => token = Some(next),
            None => return Ok(items),
        }
    }
    Err(CallError::incomplete(operation, &format!("end after {MOST_PAGES} pages")))
}

#[cfg(test)]
mod tests {
    use std::{
        cell::{Cell, RefCell},
        pin::pin,
        task::{Context, Poll, Waker},
    };

    use super::*;

    /// What a future that waits for nothing comes to.
    fn now<T>(future: impl Future<Output = T>) -> T {
        match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(value) => value,
            Poll::Pending => panic!("it waits"),
        }
    }

    fn error(kind: CallErrorKind) -> CallError {
        CallError { operation: "ssm:SendCommand".into(), kind, message: "no".into() }
    }

    /// Calls for instances 0 to 119, fifty at once; tells the result, how many it reached, and with how many calls.
    fn call(refuse: impl Fn(&InstanceId) -> Option<CallErrorKind>) -> (Result<(), CallError>, usize, usize) {
        let instances: Vec<InstanceId> = (0..120).map(|number| InstanceId::new(format!("i-{number}"))).collect();
        let reached = RefCell::new(Vec::new());
        let calls = Cell::new(0);
        let result = now(call_for_each(&instances, 50, async |some: &[InstanceId]| {
            assert!(some.len() <= 50);
            calls.set(calls.get() + 1);
            match some.iter().find_map(&refuse) {
                Some(kind) => Err(error(kind)),
                None => {
                    reached.borrow_mut().extend_from_slice(some);
                    Ok(())
                }
            }
        }));
        let mut reached = reached.into_inner();
        let all = reached.len();
        reached.sort();
        reached.dedup();
        assert_eq!(reached.len(), all, "an instance was called twice");
        (result, all, calls.get())
    }

    #[test]
    fn instances_that_aws_does_not_know_keep_no_other_from_the_call() {
        assert_eq!(call(|_| None), (Ok(()), 120, 3));
        let unknown =
            |id: &InstanceId| ["i-0", "i-77", "i-119"].contains(&id.as_str()).then_some(CallErrorKind::UnknownInstance);
        let (result, reached, calls) = call(unknown);
        assert_eq!((result, reached), (Ok(()), 117));
        assert!(calls < 40, "{calls} calls");
    }

    #[test]
    fn a_call_that_reaches_no_instance_is_an_error() {
        let (result, reached, _) = call(|_| Some(CallErrorKind::UnknownInstance));
        assert_eq!((result, reached), (Err(error(CallErrorKind::UnknownInstance)), 0));
    }

    #[test]
    fn a_call_that_fails_is_reported_and_not_repeated_and_the_next_is_made() {
        let throttled = |id: &InstanceId| (id.as_str() == "i-3").then_some(CallErrorKind::Other);
        assert_eq!(call(throttled), (Err(error(CallErrorKind::Other)), 70, 3));
    }

    #[test]
    fn every_page_is_followed_and_pages_without_end_are_an_error() {
        let fetch = async |token: Option<String>| {
            let number: usize = token.map_or(0, |token| token.parse().unwrap());
            Ok(Page { items: vec![number], next: (number < 7).then(|| (number + 1).to_string()) })
        };
        assert_eq!(now(follow_pages("an:Operation", fetch)), Ok((0..8).collect()));
        let fetched = Cell::new(0);
        let endless = async |_| {
            fetched.set(fetched.get() + 1);
            Ok(Page { items: vec![()], next: Some("again".to_owned()) })
        };
        let refused = now(follow_pages("an:Operation", endless)).unwrap_err().to_string();
        assert_eq!((fetched.get(), refused.as_str()), (1000, "an:Operation: the answer has no end after 1000 pages"));
    }

    #[test]
    fn a_page_that_fails_fails_the_whole() {
        let fetch = async |token: Option<String>| match token {
            None => Ok(Page { items: vec![1], next: Some("2".to_owned()) }),
            Some(_) => Err(error(CallErrorKind::Other)),
        };
        assert_eq!(now(follow_pages("an:Operation", fetch)), Err(error(CallErrorKind::Other)));
    }
}
