//! What runs on an instance: Jibri behind its ports, and the documents' script as a real process.

mod support;

use std::path::{Path, PathBuf};

use localcloud::{CloudConfig, LocalCloud};
use serde_json::Value;
use support::{Directory, config, eventually, http, refuses};
use world::demand::Request;
use world::{CommandView, Incident, World};

fn manifest_directory() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn own_template() -> PathBuf {
    manifest_directory().join("../../template.yaml")
}

async fn cloud_with_template(directory: &Directory, template: PathBuf) -> (LocalCloud, String) {
    start(CloudConfig { template: Some(template), ..config(directory, 20.0) }).await
}

async fn start(config: CloudConfig) -> (LocalCloud, String) {
    let cloud = LocalCloud::start(config).await.expect("started");
    let instance = eventually("a Jibri", || cloud.world(|world| world.running_jibris()).pop()).await;
    (cloud, instance)
}

/// Sends a document's command, and waits for its end.
async fn run(cloud: &LocalCloud, instance: &str, drain: bool) -> CommandView {
    let document = cloud.world(|world| match drain {
        true => world.config().drain_document.clone(),
        false => world.config().check_document.clone(),
    });
    let command_id = eventually("the agent", || {
        let instances = [instance.to_owned()];
        cloud.world(|world| world.send_command(&document, &instances, 3_600)).ok()
    })
    .await;
    eventually("the end of the command", || {
        let commands = cloud.world(|world| world.list_command_invocations(&document, 0)).ok()?;
        commands
            .into_iter()
            .find(|command| command.command_id == command_id && !matches!(command.status, "Pending" | "InProgress"))
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_script_runs_in_a_bounded_environment_and_its_exit_code_counts() {
    let directory = Directory::new();
    let (cloud, instance) =
        cloud_with_template(&directory, manifest_directory().join("tests/fixtures/template.yaml")).await;

    let check = run(&cloud, &instance, false).await;
    assert_eq!((check.status, check.response_code), ("Success", 0), "{check:?}");
    let said: Value = serde_json::from_str(&check.output).expect("JSON");
    assert_eq!(said["arguments"], serde_json::json!(["check"]));
    let environment = said["environment"].as_object().expect("variables");
    assert!(!environment.contains_key("HOME"));
    assert!(environment.contains_key("JIBRI_RECORDINGS_DIRECTORY"));

    let drain = run(&cloud, &instance, true).await;
    assert_eq!((drain.status, drain.response_code), ("Failed", 7), "{drain:?}");
    assert!(drain.output.contains("\n----------ERROR-------\nno such luck"), "{}", drain.output);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_jibris_ports_are_open_exactly_while_its_process_runs() {
    let directory = Directory::new();
    let (cloud, instance) =
        cloud_with_template(&directory, manifest_directory().join("tests/fixtures/template.yaml")).await;
    let check = run(&cloud, &instance, false).await;
    let said: Value = serde_json::from_str(&check.output).expect("JSON");
    let url = |name: &str| {
        let url = said["environment"][name].as_str().and_then(|url| url.strip_prefix("http://")).expect("a URL");
        let (address, path) = url.split_once('/').expect("a path");
        (address.parse().expect("an address"), format!("/{path}"))
    };
    let (health, health_path) = url("JIBRI_HEALTH_URL");
    let (internal, _) = url("JIBRI_INTERNAL_URL");

    let answer = http(health, "GET", &health_path, &[], b"").json();
    assert_eq!(answer["status"]["health"]["healthStatus"], "HEALTHY");

    assert!(cloud.world(|world| world.jibri_graceful_shutdown(&instance)));
    eventually("the end of the process", || (refuses(health) && refuses(internal)).then_some(())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_projects_own_script_checks_and_drains() {
    let directory = Directory::new();
    let (cloud, instance) = cloud_with_template(&directory, own_template()).await;

    let check = run(&cloud, &instance, false).await;
    let said: Value = serde_json::from_str(&check.output).expect("JSON");
    assert_eq!(said["process"], "running");
    assert_eq!(said["health_status"], "HEALTHY");

    let gone = loop {
        let drain = run(&cloud, &instance, true).await;
        let said: Value = serde_json::from_str(&drain.output).expect("JSON");
        if said["process"] == "gone" {
            break said;
        }
    };
    assert_eq!(gone["recordings_pending"], 0, "nothing is left behind: {gone}");
    assert!(!cloud.world(|world| world.running_jibris()).contains(&instance));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_drain_uploads_what_a_failed_finalize_left_behind() {
    let directory = Directory::new();
    let mut config = CloudConfig { template: Some(own_template()), ..config(&directory, 20.0) };
    let start_at = config.world.start;
    config.world.demand = vec![Request { at: start_at + 30_000, duration_ms: 10_000 }];
    // One for Jibri's own finalize, and one for the first drain.
    config.world.incidents = vec![(start_at, Incident::NextUploadsFail { count: 2 })];
    let (cloud, instance) = start(config).await;
    let left =
        eventually("a recording left behind", || cloud.world(|world| world.recordings_on_disk(&instance)).pop()).await;

    let mut failures = 0;
    loop {
        let drain = run(&cloud, &instance, true).await;
        assert_eq!(drain.status, "Success", "{drain:?}");
        let said: Value =
            serde_json::Deserializer::from_str(&drain.output).into_iter().next().expect("a report").expect("JSON");
        failures += said["recordings_failed"].as_u64().expect("a number");
        if said["process"] == "gone" && said["recordings_pending"] == 0 {
            break;
        }
    }

    assert_eq!(failures, 1);
    assert!(cloud.world(|world| world.recordings_on_disk(&instance)).is_empty());
    let uploaded = directory.0.join("recordings/recordings").join(&left).join(&instance);
    assert!(uploaded.join("metadata.json").is_file());
    assert_eq!(cloud.summary().files_lost, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_earlier_run_has_uploaded_is_not_there_any_more() {
    let directory = Directory::new();
    let stale = directory.0.join("recordings/recordings/session-000001");
    std::fs::create_dir_all(&stale).expect("made");
    let _cloud = LocalCloud::start(config(&directory, 20.0)).await.expect("started");
    assert!(!stale.exists(), "a second run with the same seed would take it for its own upload");
}

/// What the script prints, command by command, once the first Jibri is as it should be.
async fn reports(
    mut config: CloudConfig,
    template: Option<PathBuf>,
    ready: impl Fn(&mut World, &str) -> bool,
    drains: &[bool],
) -> Vec<Value> {
    config.template = template;
    let (cloud, instance) = start(config).await;
    eventually("its state", || cloud.world(|world| ready(world, &instance)).then_some(())).await;
    let mut reports = Vec::new();
    for drain in drains {
        let now = || cloud.world(|world| world.now());
        let good_at = || cloud.world(|world| world.jibri_activity(&instance).good_recording_at);
        let left_at = || cloud.world(|world| world.folders_on_disk(&instance).first().map(|folder| folder.since));
        let (began_at, left_since) = (now(), left_at());
        let command = run(&cloud, &instance, *drain).await;
        let printed = command.output.lines().next().expect("a line");
        let mut said: Value = serde_json::from_str(printed).expect("JSON");
        // In two clouds the same does not happen at the same second.
        for (age, since) in [("oldest_recording_seconds", left_since), ("good_recording_seconds", good_at())] {
            if let Some(seconds) = said[age].as_i64() {
                let since = since.unwrap_or_else(|| panic!("{age} in {said}"));
                let (least, most) = ((began_at - since) / 1000 - 2, (now() - since) / 1000 + 2);
                assert!((least..=most).contains(&seconds), "{age}: {seconds}, not within {least} and {most}");
                said[age] = "as it is".into();
            }
        }
        reports.push(said);
    }
    reports
}

/// In virtual time the world runs a model of the script: it must say what the script says.
#[tokio::test(flavor = "multi_thread")]
async fn the_worlds_model_of_the_script_says_what_the_script_says() {
    let recording = |duration_ms, failing_uploads| {
        move |directory: &Directory| {
            let mut config = config(directory, 20.0);
            let start_at = config.world.start;
            config.world.demand = vec![Request { at: start_at + 30_000, duration_ms }];
            config.world.incidents = vec![(start_at, Incident::NextUploadsFail { count: failing_uploads })];
            // On a host nothing runs the timer that would try it again.
            config.world.uploads_retried = false;
            config
        }
    };
    let idle = |directory: &Directory| config(directory, 20.0);
    let busy = |world: &mut World, id: &str| world.jibri_health(id).is_some_and(|health| health.busy_status == "BUSY");
    let left = |world: &mut World, id: &str| !world.recordings_on_disk(id).is_empty();
    type Story<'a> = (Box<dyn Fn(&Directory) -> CloudConfig + 'a>, fn(&mut World, &str) -> bool, &'a [bool]);
    let stories: [Story; 3] = [
        (Box::new(idle), |_, _| true, &[false, true, true, false]),
        (Box::new(recording(86_400_000, 0)), busy, &[false, true, false]),
        (Box::new(recording(10_000, 2)), left, &[false, true, true]),
    ];
    let mut told: Vec<Value> = Vec::new();
    for (make, ready, drains) in stories {
        let (real, model) = (Directory::new(), Directory::new());
        let said = reports(make(&real), Some(own_template()), ready, drains).await;
        told.extend(said.iter().cloned());
        assert_eq!(said, reports(make(&model), None, ready, drains).await);
    }
    for (member, value) in [
        ("recording", Value::Bool(true)),
        ("oldest_recording_seconds", "as it is".into()),
        ("good_recording_seconds", "as it is".into()),
    ] {
        assert!(told.iter().any(|said| said[member] == value), "no story has {member} {value}");
        assert!(told.iter().any(|said| said[member] != value), "each story has {member} {value}");
    }
}
