use serde_json::{Value, json};

use super::*;
use crate::api::{client::FieldValidation, decode::decode, default, object::Kind, warnings};

fn pod(value: Value) -> Object {
    let (mut object, _) = decode(Kind::Pod, value, FieldValidation::Strict).expect("it decodes");
    default::apply(&mut object);
    object
}

fn web(spec: Value) -> Object {
    pod(json!({"metadata": {"name": "web", "namespace": "default"}, "spec": spec}))
}

fn texts(causes: Vec<Cause>) -> Vec<String> {
    causes.into_iter().map(|cause| format!("{}: {}", cause.field, cause.message)).collect()
}

#[test]
fn refusals() {
    let app = |extra: Value| {
        let mut container = json!({"name": "app", "image": "nginx:1.27"});
        if let (Value::Object(container), Value::Object(extra)) = (&mut container, extra) {
            container.extend(extra);
        }
        json!({"containers": [container]})
    };
    let cases: Vec<(Value, &[&str])> = vec![
        (app(json!({})), &[]),
        (json!({}), &["spec.containers: Required value"]),
        (
            json!({"containers": [{}]}),
            &["spec.containers[0].name: Required value", "spec.containers[0].image: Required value"],
        ),
        (
            app(json!({"imagePullPolicy": "always"})),
            &[
                "spec.containers[0].imagePullPolicy: Unsupported value: \"always\": supported values: \"Always\", \"IfNotPresent\", \"Never\"",
            ],
        ),
        (
            app(
                json!({"ports": [{"containerPort": 70000}, {"containerPort": 1, "hostPort": 5}, {"containerPort": 2, "hostPort": 5}]}),
            ),
            &[
                "spec.containers[0].ports[0].containerPort: Invalid value: 70000: must be between 1 and 65535, inclusive",
                "spec.containers[0].ports[2].hostPort: Duplicate value: \"TCP//5\"",
            ],
        ),
        (
            app(json!({"volumeMounts": [{"name": "data", "mountPath": "/d"}]})),
            &["spec.containers[0].volumeMounts[0].name: Not found: \"data\""],
        ),
        (
            app(json!({"resources": {"requests": {"cpu": "2", "gpu": "1"}, "limits": {"cpu": "1"}}})),
            &[
                "spec.containers[0].resources.requests: Invalid value: \"2\": must be less than or equal to cpu limit of 1",
                "spec.containers[0].resources.requests[gpu]: Invalid value: \"gpu\": must be a standard resource type or fully qualified",
                "spec.containers[0].resources.requests[gpu]: Invalid value: \"gpu\": must be a standard resource for containers",
            ],
        ),
        (
            app(json!({"livenessProbe": {}})),
            &["spec.containers[0].livenessProbe: Required value: must specify a handler type"],
        ),
        (
            app(json!({"env": [{"name": "A", "valueFrom": {"fieldRef": {"fieldPath": "status.phase"}}}]})),
            &[
                "spec.containers[0].env[0].valueFrom.fieldRef.fieldPath: Unsupported value: \"status.phase\": supported values: \"metadata.name\", \"metadata.namespace\", \"metadata.uid\", \"spec.nodeName\", \"spec.serviceAccountName\", \"status.hostIP\", \"status.hostIPs\", \"status.podIP\", \"status.podIPs\"",
            ],
        ),
    ];
    for (spec, expected) in cases {
        assert_eq!(texts(create(&web(spec.clone()))), expected, "{spec}");
    }
    let nameless = pod(json!({"metadata": {"namespace": "default", "labels": {"a b": "c"}}, "spec": app(json!({}))}));
    let found = texts(create(&nameless));
    assert_eq!(found[0], "metadata.name: Required value: name or generateName is required");
    assert!(found[1].starts_with("metadata.labels: Invalid value: \"a b\": name part must consist"), "{found:?}");
}

#[test]
fn changes() {
    let with = |spec: Value| {
        let mut object = web(spec);
        object.meta_mut().resource_version = Some("1".into());
        object
    };
    let old = with(json!({"containers": [{"name": "app", "image": "nginx:1.27"}]}));
    let image = with(json!({"containers": [{"name": "app", "image": "nginx:1.28"}]}));
    assert_eq!(texts(update(&image, &old, Subresource::None)), [""; 0]);
    let policy = with(json!({"containers": [{"name": "app", "image": "nginx:1.27"}], "restartPolicy": "Never"}));
    let found = texts(update(&policy, &old, Subresource::None));
    assert!(
        found[0]
            .starts_with("spec: Forbidden: pod updates may not change fields other than `spec.containers[*].image`")
    );
    assert!(found[0].ends_with("- \"RestartPolicy\": \"Always\",\n+ \"RestartPolicy\": \"Never\",\n  \"TerminationGracePeriodSeconds\": 30,\n  \"ActiveDeadlineSeconds\": null,\n  \"DNSPolicy\": \"ClusterFirst\",\n"), "{}", found[0]);
    let more = with(json!({"containers": [{"name": "app", "image": "nginx:1.27"}, {"name": "b", "image": "b"}]}));
    let found = texts(update(&more, &old, Subresource::None));
    assert_eq!(found, ["spec.containers: Forbidden: pod updates may not add or remove containers"]);
}

#[test]
fn warned() {
    let object = web(json!({"containers": [
        {"name": "a", "image": "a", "ports": [{"containerPort": 80}, {"containerPort": 80}], "env": [{"name": "A", "value": "1"}, {"name": "A", "value": "2"}]},
    ]}));
    let Object::Pod(pod) = &object else { unreachable!() };
    let expected = [
        "spec.containers[0].env[1]: hides previous definition of \"A\", which may be dropped when using apply",
        "spec.containers[0].ports[1]: duplicate port definition with spec.containers[0].ports[0]",
    ];
    assert_eq!(warnings::pod(pod), expected);
}

#[test]
fn rarer_kinds() {
    let meta = json!({"name": "a", "namespace": "default"});
    let with = |mut value: Value| {
        value["metadata"] = meta.clone();
        value
    };
    let target = json!({"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"});
    let cpu = |target: Value| json!([{"type": "Resource", "resource": {"name": "cpu", "target": target}}]);
    let cases: Vec<(Kind, Value, &[&str])> = vec![
        (
            Kind::HorizontalPodAutoscaler,
            json!({"spec": {"scaleTargetRef": target, "maxReplicas": 3, "metrics": cpu(json!({"type": "Utilization", "averageUtilization": 80}))}}),
            &[],
        ),
        (
            Kind::HorizontalPodAutoscaler,
            json!({"spec": {"scaleTargetRef": {"apiVersion": "a/b/c"}, "minReplicas": 2, "maxReplicas": 0,
                "metrics": cpu(json!({"type": "Utilization", "averageUtilization": 0, "averageValue": "1"})),
                "behavior": {"scaleUp": {"policies": [{"type": "Pods", "value": 0, "periodSeconds": 1801}]}}}}),
            &[
                "spec.maxReplicas: Required value: must be set and greater than 0",
                "spec.maxReplicas: Invalid value: 0: must be greater than or equal to `minReplicas`",
                "spec.scaleTargetRef.kind: Required value",
                "spec.scaleTargetRef.name: Required value",
                "spec.scaleTargetRef.apiVersion: Invalid value: \"a/b/c\": unexpected GroupVersion string: a/b/c",
                "spec.metrics[0].resource.target.averageUtilization: Invalid value: 0: must be greater than 0",
                "spec.metrics[0].resource.target.averageValue: Forbidden: may not set both a target raw value and a target utilization",
                "spec.behavior.scaleUp.policies[0].value: Invalid value: 0: must be greater than zero",
                "spec.behavior.scaleUp.policies[0].periodSeconds: Invalid value: 1801: must be less than or equal to 1800",
            ],
        ),
        (
            Kind::EndpointSlice,
            json!({"addressType": "IPv4", "ports": [{"name": "A", "protocol": "TCP", "port": 80}],
                "endpoints": [{"addresses": ["127.0.0.1"]}, {"addresses": []}]}),
            &[
                "ports[0].name: Invalid value: \"A\": a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')",
                "endpoints[0].addresses[0]: Invalid value: \"127.0.0.1\": may not be in the loopback range (127.0.0.0/8, ::1/128)",
                "endpoints[1].addresses: Required value: must contain at least 1 address",
            ],
        ),
        (
            Kind::Endpoints,
            json!({"subsets": [{}, {"addresses": [{"ip": "10.0.0.1"}], "ports": [{"port": 0, "protocol": "TCP"}]}]}),
            &[
                "subsets[0]: Required value: must specify `addresses` or `notReadyAddresses`",
                "subsets[1].ports[0].port: Invalid value: 0: must be between 1 and 65535, inclusive",
            ],
        ),
    ];
    for (kind, value, expected) in cases {
        let mut object = Object::from_value(kind, with(value)).expect("an object");
        if kind == Kind::HorizontalPodAutoscaler {
            default::apply(&mut object);
        }
        assert_eq!(texts(create(&object)), expected, "{kind}");
    }
}
