//! One forecast each, against a cloud that is told what to answer: what is written, and what when something fails.

use std::{cell::RefCell, collections::BTreeMap};

use controller::{Function, Ports, Settings, TickError, invoke, metrics::Metric, ports::*};
use planner::{DrainResult, Group, InstanceId, LifecycleState, Timestamp};
use serde_json::{Value, json};

/// Monday, 18 January 2027, 08:56:30 UTC.
const NOW: Timestamp = Timestamp(1_800_262_590);

struct Cloud {
    parameter: Result<String, CallError>,
    planned: Result<String, CallError>,
    history: Result<History, CallError>,
    jicofo: Result<JicofoReading, CallError>,
    group: Result<GroupDescription, CallError>,
    written: RefCell<Vec<Value>>,
    published: RefCell<BTreeMap<Metric, f64>>,
    data: RefCell<Vec<Datum>>,
}

fn failed<T>(operation: &str, kind: CallErrorKind) -> Result<T, CallError> {
    Err(CallError { operation: operation.into(), kind, message: "no".into() })
}

/// Two weeks of minutes: six starts in the first minute of every hour, launches of 100 to 140 seconds.
fn two_weeks() -> History {
    let end = NOW.0.div_euclid(60) * 60;
    let minutes = || (1..14 * 1440).map(move |ago| end - ago * 60);
    let series = |value: &dyn Fn(i64) -> f64| minutes().map(|at| (Timestamp(at), value(at))).collect::<Series>();
    History {
        starts: series(&|at| if at % 3600 == 0 { 1.0 } else { 0.0 }),
        failures_total: series(&|_| 3.0),
        available: series(&|_| 4.0),
        busy: series(&|_| 4.0),
        failed_starts: series(&|_| 0.0),
        in_doubt: series(&|_| 0.0),
        strangers: series(&|_| 0.0),
        launch_seconds: [100.0, 140.0, 120.5].iter().map(|seconds| (NOW, *seconds)).collect(),
    }
}

/// A group of so many instances, `i-0` and on.
fn group_of(instances: u32) -> GroupDescription {
    let member = |number: u32| GroupMember {
        id: InstanceId::new(format!("i-{number}")),
        zone: "a".into(),
        lifecycle: LifecycleState::InService,
        protected: true,
        outdated: false,
    };
    let sizes = Group { min_size: 0, max_size: 100, desired_capacity: instances, retains_abandoned: true };
    GroupDescription { sizes, members: (0..instances).map(member).collect() }
}

impl Default for Cloud {
    fn default() -> Cloud {
        Cloud {
            parameter: failed("ssm:GetParameter", CallErrorKind::ParameterNotFound),
            planned: failed("ssm:GetParameter", CallErrorKind::ParameterNotFound),
            history: Ok(two_weeks()),
            jicofo: Ok(JicofoReading::default()),
            group: Ok(group_of(40)),
            written: RefCell::default(),
            published: RefCell::default(),
            data: RefCell::default(),
        }
    }
}

impl CloudReader for &Cloud {
    async fn describe_group(&self) -> Result<GroupDescription, CallError> {
        self.group.clone()
    }

    async fn describe_instances_page(&self, _: Option<String>) -> Result<Page<InstanceDescription>, CallError> {
        unreachable!("a forecast looks at no instance")
    }

    async fn describe_hook(&self) -> Result<Option<HookDescription>, CallError> {
        unreachable!("a forecast ends no instance")
    }

    async fn describe_activities_page(
        &self,
        _: &[&str],
        _: Timestamp,
        _: Option<String>,
    ) -> Result<Page<ScalingActivity>, CallError> {
        unreachable!("a forecast looks at no launch")
    }

    async fn list_commands_page(
        &self,
        _: Document,
        _: Timestamp,
        _: Option<String>,
    ) -> Result<Page<SentCommand>, CallError> {
        unreachable!("a forecast sends no command")
    }

    async fn fetch_forecast(&self) -> Result<String, CallError> {
        self.parameter.clone()
    }

    async fn fetch_planned(&self) -> Result<String, CallError> {
        self.planned.clone()
    }

    async fn fetch_history_page(
        &self,
        _: Timestamp,
        _: Timestamp,
        _: Option<String>,
    ) -> Result<Page<(usize, Series)>, CallError> {
        unreachable!("the history is answered as a whole")
    }

    async fn fetch_history(&self, since: Timestamp, now: Timestamp) -> Result<History, CallError> {
        assert_eq!((since, now), (NOW.minus_seconds(14 * 86_400), NOW));
        self.history.clone()
    }
}

impl CloudWriter for &Cloud {
    async fn set_desired_capacity(&self, _: u32) -> Result<(), CallError> {
        unreachable!("a forecast changes no capacity")
    }

    async fn terminate(&self, _: &InstanceId, _: bool) -> Result<(), CallError> {
        unreachable!("a forecast ends no instance")
    }

    async fn protect_batch(&self, _: &[InstanceId]) -> Result<(), CallError> {
        unreachable!("a forecast protects no instance")
    }

    async fn record_heartbeat(&self, _: &InstanceId) -> Result<(), CallError> {
        unreachable!("a forecast drains no instance")
    }

    async fn complete_lifecycle_action(&self, _: &InstanceId, _: DrainResult) -> Result<(), CallError> {
        unreachable!("a forecast drains no instance")
    }

    async fn tag_batch(&self, _: &[InstanceId], _: &str, _: &str) -> Result<(), CallError> {
        unreachable!("a forecast tags no instance")
    }

    async fn send_command_batch(&self, _: Document, _: &[InstanceId]) -> Result<(), CallError> {
        unreachable!("a forecast sends no command")
    }

    async fn put_forecast(&self, value: &str) -> Result<(), CallError> {
        assert!(value.len() <= 4096, "a standard parameter holds 4 KB, not {} bytes", value.len());
        self.written.borrow_mut().push(serde_json::from_str(value).expect("JSON"));
        Ok(())
    }

    async fn put_metrics(&self, metrics: &[Datum]) -> Result<(), CallError> {
        self.data.borrow_mut().extend(metrics);
        self.published.borrow_mut().extend(metrics.iter().map(|metric| (metric.metric, metric.value)));
        Ok(())
    }
}

impl JicofoReader for &Cloud {
    async fn fetch_jicofos(&self) -> Vec<Result<JicofoReading, CallError>> {
        vec![self.jicofo.clone()]
    }
}

struct StoppedClock;

impl Clock for StoppedClock {
    fn now(&self) -> Timestamp {
        NOW
    }

    async fn sleep_until(&self, _: Timestamp) {}
}

fn run(cloud: &Cloud, settings: &[(&str, &str)]) -> Result<(), TickError> {
    let required = [
        ("AUTO_SCALING_GROUP", "jibri"),
        ("JICOFO_URLS", "http://10.0.1.5:8888"),
        ("FORECAST_PARAMETER", "/jibri/forecast"),
        ("HIT_RATE", "0.99"),
    ];
    let variables = required.iter().chain(settings).map(|(name, value)| (name.to_string(), value.to_string()));
    let settings = Settings::from_variables(&variables.collect()).expect("good settings");
    let writer = (!settings.dry_run).then_some(cloud);
    let ports = Ports { reader: cloud, writer, jicofo: cloud, clock: StoppedClock };
    let event = json!({"version": "0", "id": "1", "detail-type": "Scheduled Event", "source": "aws.scheduler",
        "account": "123456789012", "time": "2027-01-18T08:55:00Z", "region": "eu-central-1", "resources": [], "detail": "{}"});
    let mut future = std::pin::pin!(invoke(Function::Forecast, event, &settings, &ports, NOW));
    match future.as_mut().poll(&mut std::task::Context::from_waker(std::task::Waker::noop())) {
        std::task::Poll::Ready(result) => result,
        std::task::Poll::Pending => panic!("nothing here takes time"),
    }
}

fn written(cloud: &Cloud) -> Value {
    let written = cloud.written.borrow();
    assert_eq!(written.len(), 1);
    written[0].clone()
}

#[test]
fn the_hour_is_written_with_its_expiry_and_published() {
    let cloud = Cloud::default();
    assert_eq!(run(&cloud, &[]), Ok(()));
    let parameter = written(&cloud);
    assert_eq!(parameter["written_at"], "2027-01-18T08:56:30Z");
    assert_eq!(parameter["expires_at"], "2027-01-18T09:11:30Z");
    assert_eq!(parameter["first_slot_at"], "2027-01-18T08:56:30Z");
    assert_eq!((&parameter["slot_seconds"], &parameter["acting"]), (&Value::from(30), &Value::from(true)));
    // A lead time of 121 s before nine they are launched.
    let spare = |slot: usize| parameter["spare_targets"][slot].as_u64().unwrap();
    assert!(spare(0) <= 2 && spare(4) >= 6 && spare(20) <= 2, "{}", parameter["spare_targets"]);
    let published = cloud.published.borrow();
    assert_eq!(published[&Metric::LeadSeconds], 121.0);
    assert_eq!(published[&Metric::ForecastSpareTarget], spare(0) as f64);
    assert!((4.0..8.0).contains(&published[&Metric::ForecastStarts]), "{published:?}");
    assert!(published.contains_key(&Metric::ForecastHoldTarget) && published.contains_key(&Metric::ForecastRefusals));
}

#[test]
fn the_next_forecast_goes_on_from_what_the_last_has_learnt() {
    let first = Cloud::default();
    run(&first, &[]).unwrap();
    let mut before = written(&first);
    before["state"]["price_bias"] = Value::from(1.25);
    let second = Cloud { parameter: Ok(before.to_string()), ..Cloud::default() };
    assert_eq!(run(&second, &[]), Ok(()));
    assert_eq!(written(&second)["state"]["price_bias"], 1.25);
}

#[test]
fn a_broken_parameter_is_forgotten_and_overwritten() {
    let future = r#"{"learnt_until": 99999999999, "price_bias": 3.0}"#;
    for parameter in ["", "{}", "[1, 2]", &format!(r#"{{"state": {future}}}"#)] {
        let cloud = Cloud { parameter: Ok(parameter.into()), ..Cloud::default() };
        assert_eq!(run(&cloud, &[]), Ok(()));
        assert_eq!(written(&cloud)["state"]["price_bias"], 0.0, "{parameter}");
    }
}

#[test]
fn without_history_or_without_the_last_parameter_nothing_is_written() {
    let without_history =
        Cloud { history: failed("cloudwatch:GetMetricData", CallErrorKind::Other), ..Cloud::default() };
    let without_parameter = Cloud { parameter: failed("ssm:GetParameter", CallErrorKind::Other), ..Cloud::default() };
    for (cloud, operation) in [(without_history, "cloudwatch:GetMetricData"), (without_parameter, "ssm:GetParameter")] {
        assert!(run(&cloud, &[]).unwrap_err().to_string().contains(operation));
        assert_eq!(cloud.written.borrow().len(), 0);
    }
}

#[test]
fn too_little_history_is_no_error_and_writes_nothing() {
    let cloud = Cloud { history: Ok(History::default()), ..Cloud::default() };
    assert_eq!(run(&cloud, &[]), Ok(()));
    assert_eq!(cloud.written.borrow().len(), 0);
    let published = cloud.published.borrow();
    assert_eq!(published.iter().collect::<Vec<_>>(), [(&Metric::LeadSeconds, &180.0)]);
}

#[test]
fn what_is_planned_holds_without_a_history_too() {
    let planned = r#"{"events": [{"from": "2027-01-18T09:10:00Z", "until": "2027-01-18T09:20:00Z", "spare": 33}]}"#;
    let cloud = Cloud { history: Ok(History::default()), planned: Ok(planned.into()), ..Cloud::default() };
    let settings = [("PLANNED_PARAMETER", "/jibri/planned"), ("FORECAST_FLOOR", "0"), ("JIBRIS_THRESHOLD", "4")];
    assert_eq!(run(&cloud, &settings), Ok(()));
    let parameter = written(&cloud);
    // 09:10 less the lead time of 180 s is 08:56:30 and 21 slots.
    assert_eq!((&parameter["spare_targets"][0], &parameter["spare_targets"][22]), (&Value::from(4), &Value::from(33)));
    assert!(parameter["reason"].as_str().is_some_and(|reason| reason.contains("0 minutes of history are known")));
    assert!(!cloud.published.borrow().contains_key(&Metric::ForecastSpareTarget));
}

/// An expired parameter is an error of each function that reads it, each minute.
#[test]
fn when_what_was_planned_is_over_the_threshold_is_written_in_its_place() {
    let before = Cloud { history: Ok(History::default()), parameter: Ok("{}".into()), ..Cloud::default() };
    assert_eq!(run(&before, &[("JIBRIS_THRESHOLD", "4")]), Ok(()));
    let targets = written(&before)["spare_targets"].as_array().cloned().unwrap_or_default();
    assert!(targets.len() == 120 && targets.iter().all(|target| *target == 4), "{targets:?}");
}

#[test]
fn what_was_refused_in_the_last_minutes_is_published_once_counted() {
    let end = NOW.0.div_euclid(60) * 60;
    let mut history = two_weeks();
    // Ten more than in the minute before, three minutes ago, and no Jibri was available; two of them were refused starts.
    for (at, value) in &mut history.failures_total {
        *value += if at.0 >= end - 180 { 10.0 } else { 0.0 };
    }
    for (at, value) in &mut history.available {
        *value = if at.0 == end - 180 { 0.0 } else { *value };
    }
    for (at, value) in &mut history.failed_starts {
        *value = if at.0 == end - 180 { 2.0 / 6.0 } else { 0.0 };
    }
    let cloud = Cloud { history: Ok(history), ..Cloud::default() };
    assert_eq!(run(&cloud, &[]), Ok(()));
    let data = cloud.data.borrow();
    let refused = data.iter().filter(|datum| datum.metric == Metric::RefusedRequests);
    let refused: Vec<(i64, f64)> = refused.map(|datum| ((end - datum.at.0) / 60, datum.value)).collect();
    assert_eq!(refused, [(1, 0.0), (2, 0.0), (3, 8.0), (4, 0.0), (5, 0.0), (6, 0.0)]);
}

/// How many the forecast wants at most within the first minutes.
fn most(cloud: &Cloud) -> u64 {
    written(cloud)["spare_targets"][4].as_u64().expect("a number")
}

/// A Jicofo whose 40 Jibris have all been busy for ten minutes.
fn forty_busy() -> JicofoReading {
    let jibri = |number: i32| JicofoJibri {
        nickname: format!("i-{number}"),
        healthy: true,
        busy: true,
        last_selected_at: Some(NOW.minus_seconds(600)),
        last_failed_at: None,
    };
    JicofoReading { jibris: (0..40).map(jibri).collect(), ..JicofoReading::default() }
}

#[test]
fn what_does_not_answer_is_an_error_and_the_forecast_expects_no_recording_to_end() {
    let answers = Cloud { jicofo: Ok(forty_busy()), ..Cloud::default() };
    assert_eq!(run(&answers, &[]), Ok(()));
    let silent = Cloud { jicofo: failed("GET /stats", CallErrorKind::Other), ..Cloud::default() };
    assert!(run(&silent, &[]).unwrap_err().to_string().contains("GET /stats"));
    let group = failed("autoscaling:DescribeAutoScalingGroups", CallErrorKind::Other);
    let unread = Cloud { group, jicofo: Ok(forty_busy()), ..Cloud::default() };
    assert!(run(&unread, &[]).unwrap_err().to_string().contains("DescribeAutoScalingGroups"));
    for cloud in [&silent, &unread] {
        assert!(most(cloud) > most(&answers), "{} and {}", most(cloud), most(&answers));
    }
}

#[test]
fn a_recording_of_another_owner_on_the_same_jicofo_is_not_expected_to_free_a_jibri_of_this_pool() {
    let foreign = Cloud { jicofo: Ok(forty_busy()), group: Ok(group_of(0)), ..Cloud::default() };
    let idle = Cloud { group: Ok(group_of(0)), ..Cloud::default() };
    assert_eq!((run(&foreign, &[]), run(&idle, &[])), (Ok(()), Ok(())));
    assert_eq!(written(&foreign)["spare_targets"], written(&idle)["spare_targets"]);
}

#[test]
fn planned_events_raise_the_targets_and_a_broken_plan_is_an_error_beside_the_forecast() {
    let planned = r#"{"events": [{"from": "2027-01-18T09:10:00Z", "until": "2027-01-18T09:20:00Z", "spare": 33}]}"#;
    let settings = [("PLANNED_PARAMETER", "/jibri/planned")];
    let cloud = Cloud { planned: Ok(planned.into()), ..Cloud::default() };
    assert_eq!(run(&cloud, &settings), Ok(()));
    // 09:10 less the lead time of 121 s is 08:56:30 and 22 slots.
    assert_eq!(written(&cloud)["spare_targets"][23], 33);
    assert!(written(&cloud)["spare_targets"][21].as_u64() < Some(33));

    let cloud = Cloud { planned: Ok("{\"events\": 1}".into()), ..Cloud::default() };
    assert!(run(&cloud, &settings).unwrap_err().to_string().contains("without what is planned"));
    assert_eq!(cloud.written.borrow().len(), 1);
}

#[test]
fn a_dry_run_writes_nothing_and_a_shadow_says_that_no_function_is_to_act() {
    let dry = Cloud::default();
    assert_eq!(run(&dry, &[("DRY_RUN", "true")]), Ok(()));
    assert!(dry.written.borrow().is_empty() && dry.published.borrow().is_empty());

    let shadow = Cloud::default();
    assert_eq!(run(&shadow, &[("FORECAST_SHADOW", "true")]), Ok(()));
    assert_eq!(written(&shadow)["acting"], false);
    assert!(shadow.published.borrow().contains_key(&Metric::ForecastSpareTarget));
}

#[test]
fn without_a_parameter_to_write_there_is_nothing_to_do_and_an_error_says_so() {
    let error = run(&Cloud::default(), &[("FORECAST_PARAMETER", "")]).unwrap_err();
    assert!(error.to_string().contains("FORECAST_PARAMETER is not set"));
}

#[test]
fn the_longest_targets_fit_into_a_parameter() {
    let mut busy = two_weeks();
    busy.starts.iter_mut().for_each(|(_, starts)| *starts *= 5_000.0);
    let cloud = Cloud { history: Ok(busy), ..Cloud::default() };
    assert_eq!(run(&cloud, &[("FORECAST_MAXIMUM", "10000"), ("FORECAST_FLOOR", "500")]), Ok(()));
    assert_eq!(written(&cloud)["spare_targets"][4], 10_000);
}
