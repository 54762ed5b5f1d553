//! Rows of the kinds that are kept as values.

use k8s_openapi::{
    apimachinery::pkg::apis::meta::v1::LabelSelector as ApiSelector,
    jiff::{SignedDuration, Timestamp},
};
use serde_json::Value;

use super::{AGE, Column, NAME, age, column, elapsed, wide};
use crate::api::{
    Kind,
    duration::human_duration,
    other::Other,
    selector::{LabelSelector, format_labels},
};

/// Columns of the wide table that tell about a template's containers.
const CONTAINERS: Column = wide("CONTAINERS");
const IMAGES: Column = wide("IMAGES");
const SELECTOR: Column = wide("SELECTOR");

/// Lists with more items than this end with their count.
const SHOWN: usize = 3;

pub fn columns(kind: Kind) -> &'static [Column] {
    match kind {
        Kind::ControllerRevision => const { &[NAME, column("CONTROLLER"), column("REVISION"), AGE] },
        Kind::PodTemplate => const { &[NAME, column("CONTAINERS"), column("IMAGES"), column("POD LABELS")] },
        Kind::PodDisruptionBudget => {
            const { &[NAME, column("MIN AVAILABLE"), column("MAX UNAVAILABLE"), column("ALLOWED DISRUPTIONS"), AGE] }
        }
        Kind::ReplicationController | Kind::ReplicaSet => {
            const { &[NAME, column("DESIRED"), column("CURRENT"), column("READY"), AGE, CONTAINERS, IMAGES, SELECTOR] }
        }
        Kind::DaemonSet => {
            const {
                &[
                    NAME,
                    column("DESIRED"),
                    column("CURRENT"),
                    column("READY"),
                    column("UP-TO-DATE"),
                    column("AVAILABLE"),
                    column("NODE SELECTOR"),
                    AGE,
                    CONTAINERS,
                    IMAGES,
                    SELECTOR,
                ]
            }
        }
        Kind::Job => {
            const { &[NAME, column("STATUS"), column("COMPLETIONS"), column("DURATION"), AGE, CONTAINERS, IMAGES, SELECTOR] }
        }
        Kind::CronJob => {
            const {
                &[
                    NAME,
                    column("SCHEDULE"),
                    column("TIMEZONE"),
                    column("SUSPEND"),
                    column("ACTIVE"),
                    column("LAST SCHEDULE"),
                    AGE,
                    CONTAINERS,
                    IMAGES,
                    SELECTOR,
                ]
            }
        }
        Kind::Deployment => {
            const { &[NAME, column("READY"), column("UP-TO-DATE"), column("AVAILABLE"), AGE, CONTAINERS, IMAGES, SELECTOR] }
        }
        Kind::StatefulSet => const { &[NAME, column("READY"), AGE, CONTAINERS, IMAGES] },
        Kind::Ingress => const { &[NAME, column("CLASS"), column("HOSTS"), column("ADDRESS"), column("PORTS"), AGE] },
        Kind::IngressClass => const { &[NAME, column("CONTROLLER"), column("PARAMETERS"), AGE] },
        Kind::Endpoints => const { &[NAME, column("ENDPOINTS"), AGE] },
        Kind::EndpointSlice => const { &[NAME, column("ADDRESSTYPE"), column("PORTS"), column("ENDPOINTS"), AGE] },
        Kind::PersistentVolume => {
            const {
                &[
                    NAME,
                    column("CAPACITY"),
                    column("ACCESS MODES"),
                    column("RECLAIM POLICY"),
                    column("STATUS"),
                    column("CLAIM"),
                    column("STORAGECLASS"),
                    column("VOLUMEATTRIBUTESCLASS"),
                    column("REASON"),
                    AGE,
                    wide("VOLUMEMODE"),
                ]
            }
        }
        Kind::PersistentVolumeClaim => {
            const {
                &[
                    NAME,
                    column("STATUS"),
                    column("VOLUME"),
                    column("CAPACITY"),
                    column("ACCESS MODES"),
                    column("STORAGECLASS"),
                    column("VOLUMEATTRIBUTESCLASS"),
                    AGE,
                    wide("VOLUMEMODE"),
                ]
            }
        }
        Kind::HorizontalPodAutoscaler => {
            const {
                &[
                    NAME,
                    column("REFERENCE"),
                    column("TARGETS"),
                    column("MINPODS"),
                    column("MAXPODS"),
                    column("REPLICAS"),
                    AGE,
                ]
            }
        }
        Kind::NetworkPolicy => const { &[NAME, column("POD-SELECTOR"), AGE] },
        Kind::ResourceQuota => const { &[NAME, column("REQUEST"), column("LIMIT"), AGE] },
        Kind::LimitRange | Kind::Role | Kind::ClusterRole => const { &[NAME, column("CREATED AT")] },
        Kind::RoleBinding | Kind::ClusterRoleBinding => {
            const { &[NAME, column("ROLE"), AGE, wide("USERS"), wide("GROUPS"), wide("SERVICEACCOUNTS")] }
        }
        Kind::RuntimeClass => const { &[NAME, column("HANDLER"), AGE] },
        Kind::StorageClass => {
            const {
                &[
                    NAME,
                    column("PROVISIONER"),
                    column("RECLAIMPOLICY"),
                    column("VOLUMEBINDINGMODE"),
                    column("ALLOWVOLUMEEXPANSION"),
                    AGE,
                ]
            }
        }
        Kind::ValidatingAdmissionPolicy => const { &[NAME, column("VALIDATIONS"), column("PARAMKIND"), AGE] },
        Kind::ValidatingAdmissionPolicyBinding => const { &[NAME, column("POLICYNAME"), column("PARAMREF"), AGE] },
        _ => const { &[NAME, AGE] },
    }
}

pub fn row(o: &Other, now: Timestamp) -> Vec<String> {
    let name = o.metadata.name.clone().unwrap_or_default();
    let age = age(&o.metadata, now);
    let text = |path: &str| o.text(path).to_string();
    let count = |path: &str| shown(o.at(path), "0");
    match o.kind {
        Kind::ControllerRevision => {
            let owner = o.metadata.owner_references.iter().flatten().find(|owner| owner.controller == Some(true));
            let owner = owner.map(|owner| {
                let group = owner.api_version.split_once('/').map(|(group, _)| format!(".{group}")).unwrap_or_default();
                format!("{}{group}/{}", owner.kind.to_ascii_lowercase(), owner.name)
            });
            vec![name, owner.unwrap_or_else(|| "<none>".into()), count("revision"), age]
        }
        Kind::PodTemplate => {
            let [names, images] = containers(o);
            vec![name, names, images, labels(o.at("template/metadata/labels"))]
        }
        Kind::PodDisruptionBudget => vec![
            name,
            shown(o.at("spec/minAvailable"), "N/A"),
            shown(o.at("spec/maxUnavailable"), "N/A"),
            count("status/disruptionsAllowed"),
            age,
        ],
        Kind::ReplicationController | Kind::ReplicaSet => {
            let [names, images] = containers(o);
            let selector = match o.kind {
                Kind::ReplicaSet => selector(o.at("spec/selector")),
                _ => labels(o.at("spec/selector")),
            };
            let ready = count("status/readyReplicas");
            vec![name, count("spec/replicas"), count("status/replicas"), ready, age, names, images, selector]
        }
        Kind::DaemonSet => {
            let [names, images] = containers(o);
            vec![
                name,
                count("status/desiredNumberScheduled"),
                count("status/currentNumberScheduled"),
                count("status/numberReady"),
                count("status/updatedNumberScheduled"),
                count("status/numberAvailable"),
                labels(o.at("spec/template/spec/nodeSelector")),
                age,
                names,
                images,
                selector(o.at("spec/selector")),
            ]
        }
        Kind::Job => {
            let [names, images] = containers(o);
            let selector = selector(o.at("spec/selector"));
            vec![name, job_status(o).into(), completions(o), job_duration(o, now), age, names, images, selector]
        }
        Kind::CronJob => {
            let [names, images] = containers(o);
            let last = time(o.at("status/lastScheduleTime")).map_or_else(|| "<none>".into(), |at| elapsed(at, now));
            let suspend = o.at("spec/suspend").as_bool().map_or("<unset>", |on| if on { "True" } else { "False" });
            vec![
                name,
                text("spec/schedule"),
                shown(o.at("spec/timeZone"), "<none>"),
                suspend.into(),
                list(o.at("status/active")).len().to_string(),
                last,
                age,
                names,
                images,
                selector(o.at("spec/jobTemplate/spec/selector")),
            ]
        }
        Kind::Deployment => {
            let [names, images] = containers(o);
            let ready = format!("{}/{}", count("status/readyReplicas"), count("spec/replicas"));
            let selector = parsed(o.at("spec/selector")).map_or("<invalid>".into(), |selector| selector.to_string());
            let (updated, available) = (count("status/updatedReplicas"), count("status/availableReplicas"));
            vec![name, ready, updated, available, age, names, images, selector]
        }
        Kind::StatefulSet => {
            let [names, images] = containers(o);
            let ready = format!("{}/{}", count("status/readyReplicas"), count("spec/replicas"));
            vec![name, ready, age, names, images]
        }
        Kind::Ingress => {
            let ports = if list(o.at("spec/tls")).is_empty() { "80" } else { "80, 443" };
            vec![
                name,
                shown(o.at("spec/ingressClassName"), "<none>"),
                hosts(o),
                balancers(o.at("status/loadBalancer/ingress")),
                ports.into(),
                age,
            ]
        }
        Kind::IngressClass => {
            let parameters = o.at("spec/parameters");
            let parameters = match parameters.is_object() {
                false => "<none>".into(),
                true => {
                    let group = parameters["apiGroup"].as_str().map(|group| format!(".{group}")).unwrap_or_default();
                    format!("{}{group}/{}", shown(&parameters["kind"], ""), shown(&parameters["name"], ""))
                }
            };
            let name = marked(o, name, &["ingressclass.kubernetes.io/is-default-class"]);
            vec![name, text("spec/controller"), parameters, age]
        }
        Kind::Endpoints => vec![name, endpoints(o), age],
        Kind::EndpointSlice => {
            let port = |port: &Value| {
                let known = [&port["port"], &port["name"]].into_iter().find(|value| !value.is_null());
                known.map_or_else(|| "*".into(), |value| shown(value, "*"))
            };
            let ports: Vec<String> = list(o.at("ports")).iter().map(port).collect();
            let addresses = list(o.at("endpoints")).iter().flat_map(|endpoint| list(&endpoint["addresses"]));
            let addresses: Vec<String> = addresses.map(|address| shown(address, "")).collect();
            vec![name, text("addressType"), with_more(&ports, "<unset>"), with_more(&addresses, "<unset>"), age]
        }
        Kind::PersistentVolume => {
            let claim = o.at("spec/claimRef");
            let claim = match claim.is_object() {
                true => format!("{}/{}", shown(&claim["namespace"], ""), shown(&claim["name"], "")),
                false => String::new(),
            };
            vec![
                name,
                shown(o.at("spec/capacity/storage"), "0"),
                modes(o.at("spec/accessModes")),
                text("spec/persistentVolumeReclaimPolicy"),
                phase(o),
                claim,
                storage_class(o),
                shown(o.at("spec/volumeAttributesClassName"), "<unset>"),
                text("status/reason"),
                age,
                shown(o.at("spec/volumeMode"), "<unset>"),
            ]
        }
        Kind::PersistentVolumeClaim => {
            let bound = !o.text("spec/volumeName").is_empty();
            let of_volume = |text: String| if bound { text } else { String::new() };
            vec![
                name,
                phase(o),
                text("spec/volumeName"),
                of_volume(shown(o.at("status/capacity/storage"), "0")),
                of_volume(modes(o.at("status/accessModes"))),
                storage_class(o),
                shown(o.at("spec/volumeAttributesClassName"), "<unset>"),
                age,
                shown(o.at("spec/volumeMode"), "<unset>"),
            ]
        }
        Kind::HorizontalPodAutoscaler => vec![
            name,
            format!("{}/{}", o.text("spec/scaleTargetRef/kind"), o.text("spec/scaleTargetRef/name")),
            metrics(o),
            shown(o.at("spec/minReplicas"), "<unset>"),
            count("spec/maxReplicas"),
            count("status/currentReplicas"),
            age,
        ],
        Kind::NetworkPolicy => vec![name, selector(o.at("spec/podSelector")), age],
        Kind::ResourceQuota => {
            let [requests, limits] = quota(o);
            vec![name, requests, limits, age]
        }
        Kind::LimitRange | Kind::Role | Kind::ClusterRole => {
            let created = o.metadata.creation_timestamp.as_ref();
            vec![
                name,
                created.map_or_else(|| "<unknown>".into(), |time| time.0.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()),
            ]
        }
        Kind::RoleBinding | Kind::ClusterRoleBinding => {
            let subjects = |kind: &str| {
                let all = list(o.at("subjects")).iter().filter(|subject| subject["kind"] == kind);
                let names =
                    all.map(|subject| match subject["namespace"].as_str().filter(|_| kind == "ServiceAccount") {
                        Some(namespace) => format!("{namespace}/{}", shown(&subject["name"], "")),
                        None => shown(&subject["name"], ""),
                    });
                names.collect::<Vec<_>>().join(", ")
            };
            let role = format!("{}/{}", o.text("roleRef/kind"), o.text("roleRef/name"));
            vec![name, role, age, subjects("User"), subjects("Group"), subjects("ServiceAccount")]
        }
        Kind::RuntimeClass => vec![name, text("handler"), age],
        Kind::StorageClass => {
            let default =
                ["storageclass.kubernetes.io/is-default-class", "storageclass.beta.kubernetes.io/is-default-class"];
            vec![
                marked(o, name, &default),
                text("provisioner"),
                shown(o.at("reclaimPolicy"), "Delete"),
                shown(o.at("volumeBindingMode"), "Immediate"),
                shown(o.at("allowVolumeExpansion"), "false"),
                age,
            ]
        }
        Kind::ValidatingAdmissionPolicy => {
            let kind = o.at("spec/paramKind");
            let kind = match kind.is_object() {
                true => format!("{}/{}", shown(&kind["apiVersion"], ""), shown(&kind["kind"], "")),
                false => "<unset>".into(),
            };
            vec![name, list(o.at("spec/validations")).len().to_string(), kind, age]
        }
        Kind::ValidatingAdmissionPolicyBinding => {
            let reference = o.at("spec/paramRef");
            let reference = match reference["name"].as_str().filter(|name| !name.is_empty()) {
                Some(name) => format!("{}/{name}", reference["namespace"].as_str().unwrap_or("*")),
                None => "<unset>".into(),
            };
            vec![name, text("spec/policyName"), reference, age]
        }
        _ => vec![name, age],
    }
}

/// A scalar as text.
fn shown(value: &Value, absent: &str) -> String {
    match value {
        Value::Null => absent.into(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

fn time(value: &Value) -> Option<Timestamp> {
    value.as_str()?.parse().ok()
}

/// The names and images of the template's containers.
fn containers(o: &Other) -> [String; 2] {
    let template = o.template_path().map_or(&Value::Null, |path| o.at(path));
    let containers = list(&template["spec"]["containers"]);
    ["name", "image"].map(|key| {
        let texts: Vec<String> = containers.iter().map(|container| shown(&container[key], "")).collect();
        texts.join(",")
    })
}

fn labels(map: &Value) -> String {
    let pairs = map.as_object().into_iter().flatten();
    format_labels(pairs.map(|(key, value)| (key, value.as_str().unwrap_or_default())))
}

fn parsed(selector: &Value) -> Option<LabelSelector> {
    let api: Option<ApiSelector> = serde_json::from_value(selector.clone()).ok()?;
    LabelSelector::from_api(api.as_ref()).ok()
}

fn selector(value: &Value) -> String {
    match parsed(value).map(|selector| selector.to_string()) {
        None => "<error>".into(),
        Some(text) if text.is_empty() => "<none>".into(),
        Some(text) => text,
    }
}

fn job_status(o: &Other) -> &'static str {
    let conditions = list(o.at("status/conditions"));
    let is = |kind: &str| conditions.iter().any(|c| c["type"] == kind && c["status"] == "True");
    if let Some(end) = [("Complete", "Complete"), ("Failed", "Failed")].into_iter().find(|(kind, _)| is(kind)) {
        return end.1;
    }
    if o.metadata.deletion_timestamp.is_some() {
        return "Terminating";
    }
    let ways = ["Suspended", "FailureTarget", "SuccessCriteriaMet"];
    ways.into_iter().find(|kind| is(kind)).unwrap_or("Running")
}

fn completions(o: &Other) -> String {
    let done = o.at("status/succeeded").as_i64().unwrap_or(0);
    match (o.at("spec/completions").as_i64(), o.at("spec/parallelism").as_i64().unwrap_or(0)) {
        (Some(wanted), _) => format!("{done}/{wanted}"),
        (None, parallel) if parallel > 1 => format!("{done}/1 of {parallel}"),
        (None, _) => format!("{done}/1"),
    }
}

fn job_duration(o: &Other, now: Timestamp) -> String {
    let Some(start) = time(o.at("status/startTime")) else { return String::new() };
    let end = time(o.at("status/completionTime")).unwrap_or(now);
    let length: SignedDuration = end.duration_since(start);
    human_duration(length.as_secs())
}

fn hosts(o: &Other) -> String {
    let rules = list(o.at("spec/rules"));
    let mut hosts = Vec::new();
    let mut more = false;
    for rule in rules {
        more |= hosts.len() == SHOWN;
        if let Some(host) = rule["host"].as_str().filter(|host| !host.is_empty() && !more) {
            hosts.push(host);
        }
    }
    match hosts.join(",") {
        none if none.is_empty() => "*".into(),
        some if more => format!("{some} + {} more...", rules.len() - SHOWN),
        all => all,
    }
}

fn balancers(ingress: &Value) -> String {
    let address = |one: &Value| {
        let known = [&one["ip"], &one["hostname"]].into_iter().filter_map(Value::as_str).find(|text| !text.is_empty());
        known.map(str::to_string)
    };
    let mut all: Vec<String> = list(ingress).iter().filter_map(address).collect();
    all.sort();
    all.dedup();
    all.join(",")
}

/// The name, with a mark if an annotation makes it the default.
fn marked(o: &Other, name: String, keys: &[&str]) -> String {
    let on = |key: &&str| o.metadata.annotations.as_ref().is_some_and(|all| all.get(*key).is_some_and(|v| v == "true"));
    if keys.iter().any(on) { format!("{name} (default)") } else { name }
}

fn endpoints(o: &Other) -> String {
    let mut all: Vec<String> = Vec::new();
    for subset in list(o.at("subsets")) {
        let addresses = || list(&subset["addresses"]).iter().map(|address| shown(&address["ip"], ""));
        let ports = list(&subset["ports"]);
        if ports.is_empty() {
            all.extend(addresses());
        }
        for port in ports {
            all.extend(addresses().map(|ip| match ip.contains(':') {
                true => format!("[{ip}]:{}", shown(&port["port"], "0")),
                false => format!("{ip}:{}", shown(&port["port"], "0")),
            }));
        }
    }
    with_more(&all, "<none>")
}

/// The first few, and how many more there are.
fn with_more(all: &[String], none: &str) -> String {
    match all {
        [] => none.into(),
        all if all.len() > SHOWN => format!("{} + {} more...", all[..SHOWN].join(","), all.len() - SHOWN),
        all => all.join(","),
    }
}

/// `RWO,ROX`, in a fixed order.
fn modes(value: &Value) -> String {
    const MODES: [(&str, &str); 4] =
        [("ReadWriteOnce", "RWO"), ("ReadOnlyMany", "ROX"), ("ReadWriteMany", "RWX"), ("ReadWriteOncePod", "RWOP")];
    let has = |mode: &str| list(value).iter().any(|one| one == mode);
    let short: Vec<&str> = MODES.iter().filter(|(mode, _)| has(mode)).map(|(_, short)| *short).collect();
    short.join(",")
}

fn phase(o: &Other) -> String {
    if o.metadata.deletion_timestamp.is_some() { "Terminating".into() } else { o.text("status/phase").into() }
}

/// The class, which an annotation named before there was a field.
fn storage_class(o: &Other) -> String {
    let old = o.metadata.annotations.as_ref().and_then(|all| all.get("volume.beta.kubernetes.io/storage-class"));
    old.cloned().unwrap_or_else(|| o.text("spec/storageClassName").into())
}

/// `cpu: <unknown>/80%` for each of the first two metrics.
fn metrics(o: &Other) -> String {
    const MOST: usize = 2;
    let (wanted, current) = (list(o.at("spec/metrics")), list(o.at("status/currentMetrics")));
    let one = |(index, metric): (usize, &Value)| {
        let key = match metric["type"].as_str() {
            Some("External") => "external",
            Some("Pods") => "pods",
            Some("Object") => "object",
            Some("Resource") => "resource",
            Some("ContainerResource") => "containerResource",
            _ => return "<unknown type>".to_string(),
        };
        let target = &metric[key]["target"];
        let now = current.get(index).map_or(&Value::Null, |status| &status[key]["current"]);
        let name = if key.ends_with("esource") { shown(&metric[key]["name"], "") + ": " } else { String::new() };
        let average = !target["averageValue"].is_null();
        let (field, unit, after) = match (key, average) {
            ("external" | "object", true) => ("averageValue", "", " (avg)"),
            ("external" | "object", false) => ("value", "", ""),
            (_, true) | ("pods", _) => ("averageValue", "", ""),
            _ => ("averageUtilization", "%", ""),
        };
        let amount = |value: &Value, absent: &str| match &value[field] {
            Value::Null => absent.to_string(),
            value => shown(value, "") + unit,
        };
        format!("{name}{}/{}{after}", amount(now, "<unknown>"), amount(target, "<auto>"))
    };
    let all: Vec<String> = wanted.iter().enumerate().map(one).collect();
    match all.len() {
        0 => "<none>".into(),
        count if count > MOST => format!("{} + {} more...", all[..MOST].join(", "), count - MOST),
        _ => all.join(", "),
    }
}

/// Used and allowed amounts: of requests and counts, and of limits.
fn quota(o: &Other) -> [String; 2] {
    let used = o.at("status/used");
    let of = |limits: bool| {
        let hard = o.at("status/hard").as_object().into_iter().flatten();
        let some = hard.filter(|(name, _)| name.starts_with("limits.") == limits);
        let texts =
            some.map(|(name, hard)| format!("{name}: {}/{}", shown(&used[name.as_str()], "0"), shown(hard, "0")));
        texts.collect::<Vec<_>>().join(", ")
    };
    [of(false), of(true)]
}
