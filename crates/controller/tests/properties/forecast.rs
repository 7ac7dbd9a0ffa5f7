use std::{cell::RefCell, collections::BTreeMap};

use controller::{Function, Ports, Settings, invoke, ports::*, target::decide_target};
use futures_util::FutureExt;
use planner::{DrainResult, Group, InstanceId, LifecycleState, Timestamp};

use super::{LARGEST_TARGET, NOW, assert_fit};

const MAXIMUM: u32 = 500;

/// What CloudWatch is asked for, and what it may answer.
pub use controller::ports::History;

/// Whatever the parameter, the plans and the metrics say: what is written can be read, keeps the limits, and has a
/// memory that the next forecast goes on from. Everything that is published is a finite number.
pub fn forecast(parameter: &str, planned: &str, history: &History, recordings: usize) {
    let mut cloud = Cloud::new(parameter, planned, history, recordings);
    run(&cloud);
    let Some(written) = cloud.written.take() else { return };
    let (target, problem) = decide_target(3, 0, Some(&Ok(written.clone())), NOW);
    assert_eq!((problem, &*target.source), (None, "the forecast"), "{written}");
    assert!(target.spare <= target.hold && target.hold.max(target.hold_soon) <= MAXIMUM, "{target:?}");
    cloud.parameter = written;
    run(&cloud);
}

fn run(cloud: &Cloud) {
    let event = serde_json::json!({
        "version": "0", "id": "1", "detail-type": "Scheduled Event", "source": "aws.scheduler", "detail": "{}",
        "account": "123456789012", "time": "2027-01-15T08:00:00Z", "region": "eu-central-1", "resources": [],
    });
    let variables = [
        ("AUTO_SCALING_GROUP", "jibri"),
        ("JICOFO_URLS", "http://10.0.1.5:8888"),
        ("FORECAST_PARAMETER", "/jibri/forecast"),
        ("PLANNED_PARAMETER", "/jibri/planned"),
    ];
    let variables: BTreeMap<String, String> = variables.map(|(name, value)| (name.into(), value.into())).into();
    let settings = Settings::from_variables(&variables).expect("good settings");
    assert_eq!((settings.forecast.maximum, MAXIMUM <= LARGEST_TARGET), (MAXIMUM, true));
    let ports = Ports { reader: cloud, writer: Some(cloud), jicofo: cloud, clock: StoppedClock };
    let done = invoke(Function::Forecast, event, &settings, &ports, NOW).now_or_never().expect("nothing is waited for");
    if let Err(error) = done {
        assert_fit(&error.to_string(), 600);
    }
}

struct Cloud {
    parameter: String,
    planned: String,
    history: History,
    recordings: usize,
    written: RefCell<Option<String>>,
}

impl Cloud {
    fn new(parameter: &str, planned: &str, history: &History, recordings: usize) -> Cloud {
        let (parameter, planned) = (parameter.to_owned(), planned.to_owned());
        Cloud { parameter, planned, history: history.clone(), recordings, written: RefCell::default() }
    }
}

const NO_INSTANCE: &str = "a forecast touches no instance";

impl CloudReader for &Cloud {
    async fn describe_group(&self) -> Result<GroupDescription, CallError> {
        let member = |number: usize| GroupMember {
            id: InstanceId::new(format!("i-{number}")),
            zone: "a".into(),
            lifecycle: LifecycleState::InService,
            protected: true,
            outdated: false,
        };
        let sizes = Group { min_size: 0, max_size: 9, desired_capacity: 0, retains_abandoned: true };
        Ok(GroupDescription { sizes, members: (0..self.recordings).map(member).collect() })
    }

    async fn describe_hook(&self) -> Result<Option<HookDescription>, CallError> {
        unreachable!("{NO_INSTANCE}")
    }

    async fn describe_instances_page(&self, _: Option<String>) -> Result<Page<InstanceDescription>, CallError> {
        unreachable!("{NO_INSTANCE}")
    }

    async fn describe_activities_page(
        &self,
        _: &[&str],
        _: Timestamp,
        _: Option<String>,
    ) -> Result<Page<ScalingActivity>, CallError> {
        unreachable!("{NO_INSTANCE}")
    }

    async fn list_commands_page(
        &self,
        _: Document,
        _: Timestamp,
        _: Option<String>,
    ) -> Result<Page<SentCommand>, CallError> {
        unreachable!("{NO_INSTANCE}")
    }

    async fn fetch_forecast(&self) -> Result<String, CallError> {
        Ok(self.parameter.clone())
    }

    async fn fetch_planned(&self) -> Result<String, CallError> {
        Ok(self.planned.clone())
    }

    async fn fetch_history_page(
        &self,
        _: Timestamp,
        _: Timestamp,
        _: Option<String>,
    ) -> Result<Page<(usize, Series)>, CallError> {
        unreachable!("the history is answered as a whole")
    }

    async fn fetch_history(&self, _: Timestamp, _: Timestamp) -> Result<History, CallError> {
        Ok(self.history.clone())
    }
}

impl CloudWriter for &Cloud {
    async fn set_desired_capacity(&self, _: u32) -> Result<(), CallError> {
        unreachable!("{NO_INSTANCE}")
    }

    async fn terminate(&self, _: &InstanceId, _: bool) -> Result<(), CallError> {
        unreachable!("{NO_INSTANCE}")
    }

    async fn protect_batch(&self, _: &[InstanceId]) -> Result<(), CallError> {
        unreachable!("{NO_INSTANCE}")
    }

    async fn record_heartbeat(&self, _: &InstanceId) -> Result<(), CallError> {
        unreachable!("{NO_INSTANCE}")
    }

    async fn complete_lifecycle_action(&self, _: &InstanceId, _: DrainResult) -> Result<(), CallError> {
        unreachable!("{NO_INSTANCE}")
    }

    async fn tag_batch(&self, _: &[InstanceId], _: &str, _: &str) -> Result<(), CallError> {
        unreachable!("{NO_INSTANCE}")
    }

    async fn send_command_batch(&self, _: Document, _: &[InstanceId]) -> Result<(), CallError> {
        unreachable!("{NO_INSTANCE}")
    }

    async fn put_forecast(&self, value: &str) -> Result<(), CallError> {
        assert!(value.len() <= 4096, "{} bytes", value.len());
        self.written.replace(Some(value.to_owned()));
        Ok(())
    }

    async fn put_metrics(&self, metrics: &[Datum]) -> Result<(), CallError> {
        for metric in metrics {
            assert!(metric.value.is_finite() && metric.value >= 0.0, "{metric:?}");
        }
        Ok(())
    }
}

impl JicofoReader for &Cloud {
    async fn fetch_jicofos(&self) -> Vec<Result<JicofoReading, CallError>> {
        let jibri = |number| JicofoJibri {
            nickname: format!("i-{number}"),
            healthy: true,
            busy: true,
            last_selected_at: Some(NOW.minus_seconds(number)),
            last_failed_at: None,
        };
        let jibris = (0..self.recordings as u64).map(jibri).collect();
        vec![Ok(JicofoReading { jibris, ..JicofoReading::default() })]
    }
}

struct StoppedClock;

impl Clock for StoppedClock {
    fn now(&self) -> Timestamp {
        NOW
    }

    async fn sleep_until(&self, _: Timestamp) {}
}
