//! Functions as Lambda runs them: a small process behind the runtime interface, invoked by calls and schedules.

mod support;

use std::path::Path;

use localcloud::{EventFaults, FunctionConfig, LocalCloud, Outcome};
use serde_json::{Value, json};
use support::{Answer, Directory, config_with_fake_function, eventually, http, refuses};

fn invoke(cloud: &LocalCloud, event: &Value, kind: &str) -> Answer {
    http(
        cloud.addresses().aws,
        "POST",
        "/2015-03-31/functions/fake/invocations",
        &[("X-Amz-Invocation-Type", kind)],
        event.to_string().as_bytes(),
    )
}

/// The events that the function has logged.
fn logged_events(directory: &Directory) -> Vec<Value> {
    let log = std::fs::read_to_string(directory.0.join("fake.log")).unwrap_or_default();
    log.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
}

fn outcomes(cloud: &LocalCloud) -> Vec<Outcome> {
    let invocations = cloud.invocations();
    invocations.into_iter().filter_map(|invocation| invocation.outcome).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_function_gets_its_event_and_its_environment_and_nothing_else() {
    let directory = Directory::new();
    let mut config = config_with_fake_function(&directory, 2.0);
    config.settings.insert("JIBRIS_THRESHOLD".into(), "2".into());
    let cloud = LocalCloud::start(config).await.expect("started");

    let before = cloud.clock().now();
    let said = invoke(&cloud, &json!({"hello": "world"}), "RequestResponse").json();

    assert_eq!(said["event"], json!({"hello": "world"}));
    let environment = said["environment"].as_object().expect("variables");
    assert_eq!(environment["AWS_ACCESS_KEY_ID"], "fake");
    assert_eq!(environment["AWS_LAMBDA_FUNCTION_NAME"], "fake");
    assert_eq!(environment["JIBRIS_THRESHOLD"], "2");
    assert!(environment["REHEARSAL_CLOCK"].as_str().expect("a clock").ends_with(",2"));
    assert!(!environment.contains_key("HOME"), "the function sees the machine's environment");
    let headers = &said["headers"];
    let deadline: i64 =
        headers["lambda-runtime-deadline-ms"].as_str().and_then(|deadline| deadline.parse().ok()).expect("a deadline");
    assert!(deadline >= before + 60_000, "the deadline is in the world's time");
    assert!(headers["lambda-runtime-invoked-function-arn"].as_str().is_some_and(|arn| arn.ends_with(":function:fake")));
    assert_eq!(outcomes(&cloud), [Outcome::Success]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_error_keeps_the_process_and_a_crash_costs_it() {
    let directory = Directory::new();
    let cloud = LocalCloud::start(config_with_fake_function(&directory, 1.0)).await.expect("started");
    let pid = || invoke(&cloud, &json!({}), "RequestResponse").json()["pid"].clone();

    let first = pid();
    let error = invoke(&cloud, &json!({"do": "fail"}), "RequestResponse");
    assert!(error.head.contains("x-amz-function-error: unhandled"));
    assert_eq!(error.json()["errorMessage"], "on purpose");
    assert_eq!(pid(), first);

    let crash = invoke(&cloud, &json!({"do": "exit"}), "RequestResponse");
    assert_eq!(crash.json()["errorType"], "Runtime.ExitError");
    assert_ne!(pid(), first);
    assert_eq!(
        outcomes(&cloud),
        [
            Outcome::Success,
            Outcome::Error("Oops: on purpose".into()),
            Outcome::Success,
            Outcome::Crashed("exit status: 3".into()),
            Outcome::Success,
        ]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_function_that_cannot_begin_says_why() {
    let directory = Directory::new();
    let mut config = config_with_fake_function(&directory, 1.0);
    config.settings.insert("FAKE_DO".into(), "break".into());
    let cloud = LocalCloud::start(config).await.expect("started");

    let error = invoke(&cloud, &json!({}), "RequestResponse");

    assert_eq!(error.json()["errorType"], "Broken");
    assert_eq!(outcomes(&cloud), [Outcome::Error("Broken: cannot even begin".into())]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_function_that_hangs_is_killed_at_its_time_out() {
    let directory = Directory::new();
    let cloud = LocalCloud::start(config_with_fake_function(&directory, 600.0)).await.expect("started");

    let answer = invoke(&cloud, &json!({"do": "hang"}), "RequestResponse");

    assert_eq!(answer.json()["errorType"], "Sandbox.Timedout");
    let invocation = cloud.invocations().remove(0);
    assert_eq!(invocation.outcome, Some(Outcome::TimedOut));
    let took = invocation.ended_at.expect("it ended") - invocation.started_at;
    assert!(took >= 60_000, "killed after {took} ms of the world's time");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_asynchronous_invocation_that_fails_is_tried_twice_again() {
    let directory = Directory::new();
    let cloud = LocalCloud::start(config_with_fake_function(&directory, 600.0)).await.expect("started");

    assert_eq!(invoke(&cloud, &json!({"do": "fail"}), "Event").status, 202);

    let attempts = eventually("the third attempt", || {
        let invocations = cloud.invocations();
        (invocations.len() == 3 && invocations[2].ended_at.is_some()).then_some(invocations)
    })
    .await;
    assert_eq!(attempts.iter().map(|attempt| attempt.retries).collect::<Vec<_>>(), [0, 1, 2]);
    assert!(attempts.iter().all(|attempt| attempt.request_id == attempts[0].request_id));
    let wait = |index: usize| attempts[index + 1].started_at - attempts[index].ended_at.expect("it ended");
    assert!(wait(0) >= 60_000 && wait(1) >= 120_000, "waits of {} and {} ms", wait(0), wait(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fourth_invocation_at_once_is_refused() {
    let directory = Directory::new();
    let cloud = LocalCloud::start(config_with_fake_function(&directory, 1.0)).await.expect("started");
    for _ in 0..3 {
        assert_eq!(invoke(&cloud, &json!({"do": "hang"}), "Event").status, 202);
    }
    eventually("three invocations", || (cloud.invocations().len() == 3).then_some(())).await;

    let refused = invoke(&cloud, &json!({}), "RequestResponse");

    assert_eq!(refused.status, 429);
    assert!(refused.head.contains("x-amzn-errortype: toomanyrequestsexception"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_schedule_invokes_every_minute_at_second_zero_and_does_not_retry() {
    let directory = Directory::new();
    let mut config = config_with_fake_function(&directory, 300.0);
    config.settings.insert("FAKE_DO".into(), "fail".into());
    config.functions[0].every_minutes = Some(1);
    let cloud = LocalCloud::start(config).await.expect("started");

    let events =
        eventually("four scheduled events", || Some(logged_events(&directory)).filter(|events| events.len() >= 4))
            .await;

    let mut times: Vec<&str> = events.iter().filter_map(|event| event["time"].as_str()).collect();
    assert!(times.iter().all(|time| time.ends_with(":00Z")), "{times:?}");
    let count = times.len();
    times.sort_unstable();
    times.dedup();
    assert_eq!(times.len(), count, "a minute came twice");
    assert_eq!(events[0]["detail-type"], "Scheduled Event");
    assert_eq!(events[0]["detail"], "{}");
    assert!(cloud.invocations().iter().all(|invocation| invocation.retries == 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_may_come_twice() {
    let directory = Directory::new();
    let mut config = config_with_fake_function(&directory, 100.0);
    config.functions[0].every_minutes = Some(1);
    config.event_faults = EventFaults { doubled_share: 1.0, ..EventFaults::default() };
    let cloud = LocalCloud::start(config).await.expect("started");

    let event = eventually("an event that came twice", || {
        let events = logged_events(&directory);
        let came = |event: &Value| events.iter().filter(|other| other["id"] == event["id"]).count();
        events.iter().find(|event| came(event) == 2).cloned()
    })
    .await;

    assert_eq!(event["detail-type"], "Scheduled Event");
    let invocations = cloud.invocations();
    assert_ne!(invocations[0].request_id, invocations[1].request_id);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_termination_invokes_the_functions_that_listen_to_lifecycle_events() {
    let directory = Directory::new();
    let mut config = config_with_fake_function(&directory, 20.0);
    config.functions[0].on_lifecycle_events = true;
    let cloud = LocalCloud::start(config).await.expect("started");
    let instance = eventually("a Jibri", || cloud.world(|world| world.running_jibris()).pop()).await;

    let terminated = cloud.world(|world| world.terminate_instance_in_auto_scaling_group(&instance, false));

    terminated.expect("terminated");
    let event = eventually("the event", || logged_events(&directory).into_iter().next()).await;
    assert_eq!(event["detail-type"], "EC2 Instance-terminate Lifecycle Action");
    assert_eq!(event["detail"]["EC2InstanceId"], instance.as_str());
    assert_eq!(cloud.invocations()[0].cause, "lifecycle event");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_left_running_after_a_stop() {
    let directory = Directory::new();
    let mut cloud = LocalCloud::start(config_with_fake_function(&directory, 1.0)).await.expect("started");
    let idle = invoke(&cloud, &json!({}), "RequestResponse").json()["pid"].clone();
    assert_eq!(invoke(&cloud, &json!({"do": "hang"}), "Event").status, 202);
    eventually("the second invocation", || (cloud.invocations().len() == 2).then_some(())).await;
    let addresses = cloud.addresses();

    cloud.stop().await;

    assert!(refuses(addresses.aws) && refuses(addresses.jicofo) && refuses(addresses.bucket));
    let status = Path::new("/proc").join(idle.to_string()).join("status");
    let is_running = || std::fs::read_to_string(&status).is_ok_and(|status| !status.contains("State:\tZ"));
    eventually("the end of the process", || (!is_running()).then_some(())).await;
    assert_eq!(cloud.invocations().len(), 2, "what was told can still be asked");
}

#[tokio::test]
async fn a_missing_binary_is_told_at_the_start() {
    let directory = Directory::new();
    let mut config = config_with_fake_function(&directory, 1.0);
    config.functions.push(FunctionConfig { name: "missing".into(), ..config.functions[0].clone() });

    let error = LocalCloud::start(config).await.err().expect("an error");

    assert!(error.to_string().contains("missing"), "{error:#}");
}
