//! The ticks' ports over the world, in virtual time.
//!
//! A call takes half of its latency before it has its effect and half after: a function can be killed before
//! either, and two that run at once interleave. Without latency a call returns at once.

mod reader;
mod writer;

use std::{
    cell::{Cell, RefCell},
    collections::BTreeSet,
    future::poll_fn,
    rc::Rc,
    task::Poll,
};

use controller::ports::{CallError, Clock, Document, JicofoJibri, JicofoReader, JicofoReading, JicofoStats};
use planner::Timestamp;

use crate::network::{Fate, Network, SharedNetwork};
use world::{AwsError, Conduct, JicofoAnswer, JicofoView, Milliseconds, World, rng::Rng};

/// A world that functions and their surroundings share.
pub type SharedWorld = Rc<RefCell<World>>;

/// What one invocation sees of the world.
#[derive(Clone, Debug)]
pub struct Client {
    world: SharedWorld,
    group: String,
    hook: String,
    check_document: String,
    drain_document: String,
    forecast_parameter: Option<String>,
    planned_parameter: Option<String>,
    latency_ms: u64,
    network: SharedNetwork,
    /// How far the function's clock is ahead, in seconds.
    skew_seconds: i64,
    conduct: Rc<Cell<Conduct>>,
    /// Whether every Jicofo has answered this invocation.
    all_answered: Rc<Cell<bool>>,
    /// What those that answered list.
    listed: Rc<RefCell<BTreeSet<String>>>,
    rng: Rc<RefCell<Rng>>,
    wake_at: Rc<Cell<Milliseconds>>,
}

impl Client {
    /// A client of the names in `settings`; its calls take up to `latency_ms`, drawn from `rng`.
    pub fn new(world: SharedWorld, settings: &controller::Settings, latency_ms: u64, rng: Rng) -> Client {
        Client {
            world,
            group: settings.auto_scaling_group.clone(),
            hook: settings.lifecycle_hook.clone(),
            check_document: settings.check_document.clone(),
            drain_document: settings.drain_document.clone(),
            forecast_parameter: settings.forecast_parameter.clone(),
            planned_parameter: settings.forecast.planned_parameter.clone(),
            latency_ms,
            network: Rc::new(RefCell::new(Network::default())),
            skew_seconds: 0,
            conduct: Rc::default(),
            all_answered: Rc::default(),
            listed: Rc::default(),
            rng: Rc::new(RefCell::new(rng)),
            wake_at: Rc::new(Cell::new(Milliseconds::MIN)),
        }
    }

    /// The same, whose calls go through this network, and whose clock differs as it says.
    pub(crate) fn through(mut self, network: &SharedNetwork) -> Client {
        let most = network.borrow().faults.clock_skew_seconds;
        if most > 0 {
            self.skew_seconds = self.rng.borrow_mut().between(-most, most);
        }
        self.network = Rc::clone(network);
        self
    }

    /// When the invocation wants to go on.
    pub fn wake_at(&self) -> Rc<Cell<Milliseconds>> {
        Rc::clone(&self.wake_at)
    }

    fn document(&self, document: Document) -> &str {
        match document {
            Document::Check => &self.check_document,
            Document::Drain => &self.drain_document,
        }
    }

    /// Several calls of an invocation may be under way at once: the first to go on decides when it wakes, and each
    /// is looked at again then, since the runner polls only what has asked for it.
    async fn sleep_until_ms(&self, moment: Milliseconds) {
        poll_fn(|context| {
            let (now, wake_at) = (self.world.borrow().now(), self.wake_at.get());
            if now >= moment {
                return Poll::Ready(());
            }
            if wake_at <= now || moment < wake_at {
                self.wake_at.set(moment);
            }
            context.waker().wake_by_ref();
            Poll::Pending
        })
        .await;
    }

    async fn half_latency(&self) {
        if self.latency_ms > 0 {
            let drawn = self.rng.borrow_mut().below(self.latency_ms / 2 + 1);
            let moment = self.world.borrow().now() + Milliseconds::try_from(drawn).unwrap_or(0);
            self.sleep_until_ms(moment).await;
        }
    }

    async fn call<T>(
        &self,
        operation: &str,
        effect: impl FnOnce(&mut World) -> Result<T, AwsError>,
    ) -> Result<T, CallError> {
        self.half_latency().await;
        let now = self.world.borrow().now();
        let fate = self.network.borrow_mut().decide(operation, now, &mut self.rng.borrow_mut());
        let answer = match fate.error(operation) {
            None => effect(&mut self.world.borrow_mut())
                .map_err(|error| CallError::answered(operation, error.code, &error.message)),
            Some(error) => {
                if fate == Fate::AnswerLost {
                    // It has its effect, and the caller does not hear of it.
                    drop(effect(&mut self.world.borrow_mut()));
                }
                self.sleep_until_ms(now + fate.patience_ms()).await;
                Err(error)
            }
        };
        self.half_latency().await;
        answer
    }
}

impl JicofoReader for Client {
    async fn fetch_jicofos(&self) -> Vec<Result<JicofoReading, CallError>> {
        self.half_latency().await;
        let answers = self.world.borrow_mut().jicofos();
        self.half_latency().await;
        let mut listed = self.listed.borrow_mut();
        listed.clear();
        for answer in &answers {
            if let JicofoAnswer::Answers(view) = answer {
                listed.extend(view.brewery.iter().map(|entry| entry.nickname.clone()));
            }
        }
        self.all_answered.set(answers.iter().all(|answer| matches!(answer, JicofoAnswer::Answers(_))));
        drop(listed);
        let failed = |message: &str| Err(CallError::unanswered("GET /stats", message));
        let read = |answer| match answer {
            JicofoAnswer::Answers(view) => Ok(reading(view)),
            JicofoAnswer::Refuses => failed("connection refused"),
            JicofoAnswer::Fails => failed("500 Internal Server Error"),
            JicofoAnswer::Garbage => failed("no JSON"),
            JicofoAnswer::Hangs => failed("timed out"),
            JicofoAnswer::WithoutDetector(_) => failed("no jibri_detector"),
        };
        answers.into_iter().map(read).collect()
    }
}

impl Clock for Client {
    fn now(&self) -> Timestamp {
        Timestamp(seconds(self.world.borrow().now()).0 + self.skew_seconds)
    }

    async fn sleep_until(&self, moment: Timestamp) {
        self.sleep_until_ms((moment.0 - self.skew_seconds) * 1000).await;
    }
}

fn reading(view: JicofoView) -> JicofoReading {
    JicofoReading {
        stats: JicofoStats {
            conferences: view.conferences,
            participants: view.participants,
            jibri_sessions: view.recording_active,
            jibri_failures_total: view.total_recording_failures,
        },
        jibris: view
            .brewery
            .into_iter()
            .map(|entry| JicofoJibri {
                nickname: entry.nickname,
                healthy: entry.healthy,
                busy: entry.busy,
                last_selected_at: entry.last_selected_at.map(seconds),
                last_failed_at: entry.last_failed_at.map(seconds),
            })
            .collect(),
    }
}

fn seconds(moment: Milliseconds) -> Timestamp {
    Timestamp(moment.div_euclid(1000))
}
