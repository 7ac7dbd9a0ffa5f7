//! AWS's wire protocols, byte by byte as far as its SDKs look at them.

mod support;

use ciborium::{Value as Cbor, cbor};
use localcloud::LocalCloud;
use serde_json::json;
use support::{AUTHORIZATION, Answer, Directory, config, eventually, http, query, ssm};

const GROUPS: &str = "Action=DescribeAutoScalingGroups&Version=2011-01-01";

/// A cloud whose group has an instance with a running Jibri, and that instance.
async fn cloud_with_instance(directory: &Directory) -> (LocalCloud, String) {
    let cloud = LocalCloud::start(config(directory, 20.0)).await.expect("started");
    let instance = eventually("a Jibri", || cloud.world(|world| world.running_jibris()).pop()).await;
    (cloud, instance)
}

fn cloudwatch(cloud: &LocalCloud, action: &str, input: &Cbor) -> Answer {
    let mut body = Vec::new();
    ciborium::into_writer(input, &mut body).expect("written");
    let path = format!("/service/GraniteServiceVersion20100801/operation/{action}");
    let headers = [("Content-Type", "application/cbor"), ("smithy-protocol", "rpc-v2-cbor"), AUTHORIZATION];
    http(cloud.addresses().aws, "POST", &path, &headers, &body)
}

fn cbor_member(answer: &Answer, name: &str) -> String {
    let value: Cbor = ciborium::from_reader(answer.body.as_slice()).expect("CBOR");
    let members = value.into_map().expect("a map");
    members
        .into_iter()
        .find(|(key, _)| key.as_text() == Some(name))
        .and_then(|(_, value)| value.into_text().ok())
        .expect("the member")
}

#[tokio::test(flavor = "multi_thread")]
async fn auto_scaling_answers_in_the_query_protocols_envelope() {
    let directory = Directory::new();
    let (cloud, instance) = cloud_with_instance(&directory).await;
    let group = cloud.world(|world| world.config().group_name.clone());

    let answer = query(&cloud, &format!("{GROUPS}&AutoScalingGroupNames.member.1={group}"));

    assert_eq!(answer.status, 200);
    let text = answer.text();
    assert!(text.starts_with("<DescribeAutoScalingGroupsResponse xmlns=\"http://autoscaling.amazonaws.com/doc/2011-01-01/\"><DescribeAutoScalingGroupsResult><AutoScalingGroups><member>"), "{text}");
    assert!(text.contains(&format!("<InstanceId>{instance}</InstanceId>")));
    assert!(text.contains("<ResponseMetadata><RequestId>"));

    let none = query(&cloud, &format!("{GROUPS}&AutoScalingGroupNames.member.1=no%2Bbody"));
    assert!(none.text().contains("<AutoScalingGroups></AutoScalingGroups>"));
}

#[tokio::test(flavor = "multi_thread")]
async fn auto_scaling_refuses_with_type_and_code() {
    let directory = Directory::new();
    let (cloud, instance) = cloud_with_instance(&directory).await;
    let group = cloud.world(|world| world.config().group_name.clone());

    let unknown = query(&cloud, "Action=Abracadabra&Version=2011-01-01");
    assert_eq!(unknown.status, 400);
    assert!(unknown.text().contains("<Error><Type>Sender</Type><Code>InvalidAction</Code>"));

    let ids: String = (1..=51).map(|number| format!("&InstanceIds.member.{number}={instance}")).collect();
    let many = query(
        &cloud,
        &format!(
            "Action=SetInstanceProtection&Version=2011-01-01&AutoScalingGroupName={group}&ProtectedFromScaleIn=true{ids}"
        ),
    );
    assert!(many.text().contains("<Code>ValidationError</Code>"));

    let hook = cloud.world(|world| world.config().hook.as_ref().map(|hook| hook.name.clone())).expect("a hook");
    let late = query(
        &cloud,
        &format!(
            "Action=RecordLifecycleActionHeartbeat&Version=2011-01-01&AutoScalingGroupName={group}&LifecycleHookName={hook}&InstanceId={instance}"
        ),
    );
    assert!(late.text().contains("No active Lifecycle Action found"), "{}", late.text());

    let huge = query(&cloud, &format!("{GROUPS}&MaxRecords=101"));
    assert!(huge.text().contains("<Code>ValidationError</Code>"));
}

#[tokio::test(flavor = "multi_thread")]
async fn ec2_keeps_tags_as_they_were_given_and_refuses_in_an_envelope_of_its_own() {
    let directory = Directory::new();
    let (cloud, instance) = cloud_with_instance(&directory).await;

    let created = query(
        &cloud,
        &format!(
            "Action=CreateTags&Version=2016-11-15&ResourceId.1={instance}&Tag.1.Key=note&Tag.1.Value=a%26b+%3Cc%3E"
        ),
    );
    assert!(created.text().contains("<return>true</return>"), "{}", created.text());

    let describe = "Action=DescribeInstances&Version=2016-11-15";
    let group = cloud.world(|world| world.config().group_name.clone());
    let filter = format!("&Filter.1.Name=tag%3Aaws%3Aautoscaling%3AgroupName&Filter.1.Value.1={group}");
    let tag = "<item><key>note</key><value>a&amp;b &lt;c&gt;</value></item>";
    eventually("the tag", || query(&cloud, &format!("{describe}{filter}")).text().contains(tag).then_some(())).await;

    let stranger = query(&cloud, &format!("{describe}&InstanceId.1=i-0000000000000dead"));
    assert_eq!(stranger.status, 400);
    assert!(stranger.text().contains("<Response><Errors><Error><Code>InvalidInstanceID.NotFound</Code>"));
    let reserved =
        format!("Action=CreateTags&Version=2016-11-15&ResourceId.1={instance}&Tag.1.Key=aws%3Ax&Tag.1.Value=1");
    assert!(query(&cloud, &reserved).text().contains("<Code>InvalidParameterValue</Code>"));
}

#[tokio::test(flavor = "multi_thread")]
async fn ssm_speaks_json_and_names_its_errors() {
    let directory = Directory::new();
    let cloud = LocalCloud::start(config(&directory, 1.0)).await.expect("started");

    let missing = ssm(&cloud, "GetParameter", &json!({"Name": "/jibri/other"}));
    assert_eq!((missing.status, missing.json()["__type"].as_str()), (400, Some("ParameterNotFound")));
    let put =
        ssm(&cloud, "PutParameter", &json!({"Name": "/jibri/other", "Value": "{\"spare\": 3}", "Type": "String"}));
    assert_eq!(put.status, 200);
    let found = ssm(&cloud, "GetParameter", &json!({"Name": "/jibri/other"})).json();
    assert_eq!(found["Parameter"]["Value"], "{\"spare\": 3}");
    let again = ssm(&cloud, "PutParameter", &json!({"Name": "/jibri/other", "Value": "x", "Type": "String"}));
    assert_eq!(again.json()["__type"], "ParameterAlreadyExists");

    let ids: Vec<String> = (0..51).map(|number| format!("i-{number:017x}")).collect();
    let many = ssm(&cloud, "SendCommand", &json!({"DocumentName": "any", "InstanceIds": ids}));
    assert_eq!(many.json()["__type"], "ValidationException");
    let unknown = ssm(&cloud, "Abracadabra", &json!({}));
    assert_eq!(unknown.json()["__type"], "UnknownOperationException");
}

#[tokio::test(flavor = "multi_thread")]
async fn commands_are_listed_on_pages() {
    let directory = Directory::new();
    let (cloud, instance) = cloud_with_instance(&directory).await;
    let document = cloud.world(|world| world.config().check_document.clone());
    for _ in 0..3 {
        let sent = ssm(&cloud, "SendCommand", &json!({"DocumentName": document, "InstanceIds": [instance]}));
        assert_eq!(sent.status, 200, "{}", sent.text());
    }
    let list = |token: Option<&str>| {
        let mut input = json!({
            "Filters": [{"key": "DocumentName", "value": document}, {"key": "InvokedAfter", "value": "2000-01-01T00:00:00Z"}],
            "Details": true,
            "MaxResults": 2,
        });
        if let Some(token) = token {
            input["NextToken"] = json!(token);
        }
        ssm(&cloud, "ListCommandInvocations", &input).json()
    };

    let second = eventually("three commands", || {
        let first = list(None);
        let token = first["NextToken"].as_str()?;
        assert_eq!(first["CommandInvocations"].as_array().map(Vec::len), Some(2));
        Some(list(Some(token)))
    })
    .await;

    assert_eq!(second["CommandInvocations"].as_array().map(Vec::len), Some(1));
    assert_eq!(second["NextToken"], json!(null));
    assert_eq!(second["CommandInvocations"][0]["CommandPlugins"].as_array().map(Vec::len), Some(1));
}

#[tokio::test(flavor = "multi_thread")]
async fn cloudwatch_still_speaks_the_query_protocol() {
    let directory = Directory::new();
    let cloud = LocalCloud::start(config(&directory, 1.0)).await.expect("started");
    let put = |value: &str| {
        query(
            &cloud,
            &format!(
                "Action=PutMetricData&Version=2010-08-01&Namespace=Jibri&MetricData.member.1.MetricName=Uploads\
                 &MetricData.member.1.Value={value}&MetricData.member.1.Timestamp=2026-11-23T09:00:00Z"
            ),
        )
    };
    let accepted = put("1");
    assert_eq!(accepted.status, 200);
    assert!(accepted.text().starts_with("<PutMetricDataResponse xmlns=\"http://monitoring.amazonaws.com"));
    let refused = put("many");
    assert_eq!(refused.status, 400);
    assert!(refused.text().contains("<Code>InvalidParameterValue</Code>"), "{}", refused.text());
    let calls = cloud.calls();
    assert_eq!(calls[0].action, "cloudwatch:PutMetricData");
    assert_eq!(calls[0].conditions["cloudwatch:namespace"], ["Jibri"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_history_is_there_as_if_the_group_had_published_it() {
    let directory = Directory::new();
    let mut config = config(&directory, 1.0);
    // Midnight of 1 January 2026.
    config.world.start = 1_767_225_600_000;
    let values = (1..=3).map(|day| (config.world.start - day * 86_400_000, f64::from(u8::try_from(day).expect("few"))));
    config.history.insert("RecordingStarts".into(), values.collect());
    let group = config.world.group_name.clone();
    let cloud = LocalCloud::start(config).await.expect("started");

    let read = |group: &str| {
        let metric = "MetricDataQueries.member.1.MetricStat.Metric";
        let form = format!(
            "Action=GetMetricData&Version=2010-08-01&StartTime=2025-12-29T00:00:00Z&EndTime=2026-01-02T00:00:00Z\
             &MetricDataQueries.member.1.Id=starts&{metric}.Namespace=JibriAutoscaler&{metric}.MetricName=RecordingStarts\
             &{metric}.Dimensions.member.1.Name=AutoScalingGroupName&{metric}.Dimensions.member.1.Value={group}\
             &MetricDataQueries.member.1.MetricStat.Period=60&MetricDataQueries.member.1.MetricStat.Stat=Sum"
        );
        query(&cloud, &form).text()
    };

    let found = read(&group);
    assert!(found.contains("<Values><member>1</member><member>2</member><member>3</member></Values>"), "{found}");
    assert!(found.contains("<Timestamps><member>2025-12-31T00:00:00.000Z</member>"), "{found}");
    assert!(read("other").contains("<Values></Values>"));
    assert_eq!(cloud.latest_value("RecordingStarts"), Some(1.0));
    assert_eq!(cloud.latest_value("BusyJibris"), None);
}

#[tokio::test(flavor = "multi_thread")]
async fn cloudwatch_speaks_cbor() {
    let directory = Directory::new();
    let cloud = LocalCloud::start(config(&directory, 1.0)).await.expect("started");

    let metrics = cbor!({"Namespace" => "Jibri", "MetricData" => [{"MetricName" => "Available", "Value" => 3.0}]});
    let accepted = cloudwatch(&cloud, "PutMetricData", &metrics.expect("cbor"));
    assert_eq!(accepted.status, 200, "{}", accepted.text());
    assert!(accepted.head.contains("smithy-protocol: rpc-v2-cbor"));

    let empty =
        cloudwatch(&cloud, "PutMetricData", &cbor!({"Namespace" => "Jibri", "MetricData" => []}).expect("cbor"));
    assert_eq!(empty.status, 400);
    assert_eq!(cbor_member(&empty, "__type"), "com.amazonaws.cloudwatch#InvalidParameterValueException");
    assert!(empty.head.contains("x-amzn-query-error: invalidparametervalue;sender"));
    let unknown = cloudwatch(&cloud, "Abracadabra", &cbor!({}).expect("cbor"));
    assert_eq!(cbor_member(&unknown, "__type"), "com.amazonaws.cloudwatch#UnknownOperationException");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_call_is_written_down_as_a_policy_would_be_asked_about_it() {
    let directory = Directory::new();
    let cloud = LocalCloud::start(config(&directory, 1.0)).await.expect("started");
    let group = cloud.world(|world| world.config().group_name.clone());

    query(
        &cloud,
        &format!("Action=SetDesiredCapacity&Version=2011-01-01&AutoScalingGroupName={group}&DesiredCapacity=100000"),
    );
    let metrics = cbor!({"Namespace" => "Jibri", "MetricData" => [{"MetricName" => "Available", "Value" => 3.0}]});
    cloudwatch(&cloud, "PutMetricData", &metrics.expect("cbor"));

    let calls = cloud.calls();
    assert_eq!(calls[0].function, "tester");
    assert_eq!(calls[0].action, "autoscaling:SetDesiredCapacity");
    assert!(calls[0].resources[0].arn.ends_with(&format!(":autoScalingGroupName/{group}")));
    assert_eq!(calls[0].outcome, "ValidationError", "more than the maximum");
    assert_eq!(calls[1].conditions["cloudwatch:namespace"], ["Jibri"]);
    assert_eq!(calls[1].outcome, "Success");
    let file = std::fs::read_to_string(directory.0.join("calls.jsonl")).expect("a file");
    let lines: Vec<serde_json::Value> = file.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    assert_eq!(lines, calls.iter().filter_map(|call| serde_json::to_value(call).ok()).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_loop_without_a_pause_is_throttled() {
    let directory = Directory::new();
    // In so slow a world no token comes back while the test runs.
    let cloud = LocalCloud::start(config(&directory, 0.001)).await.expect("started");

    let throttled = (0..200).map(|_| query(&cloud, GROUPS)).find(|answer| answer.status != 200);

    assert!(throttled.is_some_and(|answer| answer.text().contains("<Code>Throttling</Code>")));
}

#[tokio::test(flavor = "multi_thread")]
async fn numbers_beyond_any_calendar_are_refused() {
    let directory = Directory::new();
    let (cloud, _) = cloud_with_instance(&directory).await;
    let moment = |seconds: f64| Cbor::Tag(1, Box::new(Cbor::Float(seconds)));
    let ask = |start: f64, end: f64, period: f64| {
        let metric = cbor!({"Namespace" => "Jibri", "MetricName" => "Free"}).expect("cbor");
        let stat = cbor!({"Metric" => metric, "Period" => period, "Stat" => "Sum"}).expect("cbor");
        let query = cbor!({"Id" => "free", "MetricStat" => stat}).expect("cbor");
        let mut input = cbor!({"MetricDataQueries" => [query]}).expect("cbor");
        let times = [("StartTime", moment(start)), ("EndTime", moment(end))];
        let members = input.as_map_mut().expect("a map");
        members.extend(times.map(|(name, value)| (Cbor::Text(name.into()), value)));
        cloudwatch(&cloud, "GetMetricData", &input).status
    };
    assert_eq!(ask(0.0, 1e9, 60.0), 200);
    for (start, end, period) in
        [(-1e300, 1e9, 60.0), (f64::NEG_INFINITY, 1e9, 60.0), (0.0, 1e300, 60.0), (0.0, 1e9, 6e18)]
    {
        assert_eq!(ask(start, end, period), 400, "{start} {end} {period}");
    }
}
