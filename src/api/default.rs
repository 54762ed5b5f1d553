//! Defaulting: what the apiserver fills in before admission (`pkg/apis/core/v1/defaults.go` and the `+default` marks).

use std::{collections::BTreeMap, rc::Rc};

use k8s_openapi::{
    ByteString,
    api::core::v1::{
        self, ContainerPort, EnvVar, LifecycleHandler, NamespaceStatus, ObjectFieldSelector, Probe,
        ResourceFieldSelector, ResourceRequirements, Service, VolumeProjection,
    },
    apimachinery::pkg::{api::resource::Quantity as ApiQuantity, util::intstr::IntOrString},
};

use super::{
    object::Object,
    pod::{Container, Pod, PodSpec, SharedSpec, Volume},
    quantity::Quantity,
    resources::{self, Options},
};

/// Fills in an object's defaults. Doing it twice changes nothing more.
pub fn apply(object: &mut Object) {
    match object {
        Object::Pod(pod) => self::pod(Rc::make_mut(pod)),
        Object::Service(service) => self::service(Rc::make_mut(service)),
        Object::Secret(secret) => {
            let secret = Rc::make_mut(secret);
            set(&mut secret.type_, "Opaque");
            // Texts are for writing alone.
            for (key, text) in secret.string_data.take().into_iter().flatten() {
                secret.data.get_or_insert_default().insert(key, ByteString(text.into_bytes()));
            }
        }
        Object::Namespace(namespace) => {
            let namespace = Rc::make_mut(namespace);
            if let Some(name) = namespace.metadata.name.clone().filter(|name| !name.is_empty()) {
                let labels = namespace.metadata.labels.get_or_insert_default();
                labels.insert("kubernetes.io/metadata.name".into(), name);
            }
            set(&mut namespace.status.get_or_insert_with(NamespaceStatus::default).phase, "Active");
        }
        Object::Node(node) => {
            let node = Rc::make_mut(node);
            if let Some(status) = &mut node.status
                && status.allocatable.is_none()
            {
                status.allocatable.clone_from(&status.capacity);
            }
        }
        Object::PriorityClass(class) => {
            set(&mut Rc::make_mut(class).preemption_policy, "PreemptLowerPriority");
        }
        Object::Other(other) => super::other::defaults::apply(Rc::make_mut(other)),
        _ => {}
    }
}

/// "" counts as unset, as in Go.
fn set(field: &mut Option<String>, default: &str) {
    if field.as_deref().is_none_or(str::is_empty) {
        *field = Some(default.into());
    }
}

fn set_number(field: &mut Option<i32>, default: i32) {
    if field.is_none_or(|number| number == 0) {
        *field = Some(default);
    }
}

/// The defaults of a pod in a template: those of a Pod without what belongs to Pods alone.
pub fn template(spec: &mut PodSpec) {
    service_account(spec);
    for container in spec.containers.iter_mut().chain(spec.init_containers.iter_mut().flatten()) {
        let resources = container.resources.get_or_insert_default();
        round_up(resources.limits.as_mut());
        round_up(resources.requests.as_mut());
    }
    pod_spec(spec);
}

/// The old name of the field is still read and written.
fn service_account(spec: &mut PodSpec) {
    let spec: &mut SharedSpec = spec;
    if spec.service_account_name.as_deref().is_none_or(str::is_empty) {
        spec.service_account_name = spec.service_account.take().filter(|name| !name.is_empty());
    }
    spec.service_account.clone_from(&spec.service_account_name);
}

/// A Pod's defaults.
pub fn pod(pod: &mut Pod) {
    let spec: &mut PodSpec = pod.spec.get_or_insert_default();
    service_account(spec);
    for container in spec.containers.iter_mut().chain(spec.init_containers.iter_mut().flatten()) {
        requests_from_limits(container.resources.get_or_insert_default());
    }
    pod_level(pod);
    let spec: &mut PodSpec = pod.spec.get_or_insert_default();
    if spec.termination_grace_period_seconds.is_some_and(|seconds| seconds < 0) {
        spec.termination_grace_period_seconds = Some(1);
    }
    spec.enable_service_links.get_or_insert(true);
    if spec.host_network == Some(true) {
        let all = spec.containers.iter_mut().chain(spec.init_containers.iter_mut().flatten());
        for port in all.flat_map(|container| container.ports.iter_mut().flatten()) {
            set_number(&mut port.host_port, port.container_port);
        }
    }
    pod_spec(spec);
}

fn requests_from_limits(resources: &mut ResourceRequirements) {
    if let Some(limits) = resources.limits.as_ref().filter(|limits| !limits.is_empty()) {
        let requests = resources.requests.get_or_insert_default();
        for (name, limit) in limits {
            requests.entry(name.clone()).or_insert_with(|| limit.clone());
        }
    }
    for list in [&mut resources.limits, &mut resources.requests] {
        round_up(list.as_mut());
    }
}

/// Finer than a thousandth is rounded up.
fn round_up(list: Option<&mut BTreeMap<String, ApiQuantity>>) {
    for quantity in list.into_iter().flat_map(BTreeMap::values_mut) {
        if let Ok(parsed) = quantity.0.parse::<Quantity>()
            && let Some(rounded) = parsed.rounded_up_to_milli()
        {
            quantity.0 = rounded.to_string();
        }
    }
}

/// `spec.resources`: hugepages limits from the containers, requests from the containers or the limits.
fn pod_level(pod: &mut Pod) {
    let Some(own) = pod.spec.as_ref().and_then(|spec| spec.resources.as_ref()) else { return };
    let mut own = own.clone();
    let count = |list: &Option<BTreeMap<String, ApiQuantity>>| list.as_ref().map_or(0, BTreeMap::len);
    let options = Options { skip_pod_level: true, exclude_overhead: true, ..Options::default() };
    if count(&own.limits) + count(&own.requests) > 0 {
        for (name, sum) in resources::limits(pod, &options) {
            let requested = own.requests.as_ref().is_some_and(|requests| requests.contains_key(&name));
            if name.starts_with("hugepages-") && !requested {
                own.limits.get_or_insert_default().entry(name).or_insert_with(|| ApiQuantity(sum.to_string()));
            }
        }
    }
    if count(&own.limits) > 0 {
        let mut requests = own.requests.take().unwrap_or_default();
        for (name, sum) in resources::requests(pod, &options) {
            if name == "cpu" || name == "memory" {
                requests.entry(name).or_insert_with(|| ApiQuantity(sum.to_string()));
            }
        }
        for (name, limit) in own.limits.iter().flatten().filter(|(name, _)| resources::is_pod_level(name)) {
            requests.entry(name.clone()).or_insert_with(|| limit.clone());
        }
        own.requests = Some(requests).filter(|requests| !requests.is_empty());
    }
    round_up(own.limits.as_mut());
    round_up(own.requests.as_mut());
    if let Some(spec) = &mut pod.spec {
        spec.resources = Some(own);
    }
}

fn pod_spec(spec: &mut PodSpec) {
    set(&mut spec.dns_policy, "ClusterFirst");
    set(&mut spec.restart_policy, "Always");
    spec.security_context.get_or_insert_default();
    spec.termination_grace_period_seconds.get_or_insert(30);
    set(&mut spec.scheduler_name, "default-scheduler");
    round_up(spec.overhead.as_mut());
    for volume in spec.volumes.iter_mut().flatten() {
        self::volume(volume);
    }
    for container in spec.containers.iter_mut().chain(spec.init_containers.iter_mut().flatten()) {
        self::container(container);
    }
    for container in spec.ephemeral_containers.iter_mut().flatten() {
        let policy = pull_policy(container.image.as_deref().unwrap_or_default());
        set(&mut container.image_pull_policy, policy);
        set(&mut container.termination_message_path, "/dev/termination-log");
        set(&mut container.termination_message_policy, "File");
        container.resources.get_or_insert_default();
        ports(container.ports.as_mut());
        env(container.env.as_mut());
        for probe in [&mut container.liveness_probe, &mut container.readiness_probe, &mut container.startup_probe] {
            probe.iter_mut().for_each(self::probe);
        }
    }
}

fn container(container: &mut Container) {
    let container: &mut v1::Container = container;
    set(&mut container.image_pull_policy, pull_policy(container.image.as_deref().unwrap_or_default()));
    set(&mut container.termination_message_path, "/dev/termination-log");
    set(&mut container.termination_message_policy, "File");
    ports(container.ports.as_mut());
    env(container.env.as_mut());
    for probe in [&mut container.liveness_probe, &mut container.readiness_probe, &mut container.startup_probe] {
        probe.iter_mut().for_each(self::probe);
    }
    if let Some(lifecycle) = &mut container.lifecycle {
        for handler in [&mut lifecycle.post_start, &mut lifecycle.pre_stop] {
            handler.iter_mut().for_each(self::handler);
        }
    }
}

fn ports(ports: Option<&mut Vec<ContainerPort>>) {
    for port in ports.into_iter().flatten() {
        set(&mut port.protocol, "TCP");
    }
}

fn env(env: Option<&mut Vec<EnvVar>>) {
    for source in env.into_iter().flatten().filter_map(|var| var.value_from.as_mut()) {
        if let Some(field) = &mut source.field_ref {
            field_selector(field);
        }
        if let Some(resource) = &mut source.resource_field_ref {
            resource_selector(resource);
        }
        if let Some(file) = &mut source.file_key_ref {
            file.optional.get_or_insert(false);
        }
    }
}

fn field_selector(field: &mut ObjectFieldSelector) {
    set(&mut field.api_version, "v1");
}

/// Go prints the divisor even if it is not set.
fn resource_selector(resource: &mut ResourceFieldSelector) {
    resource.divisor.get_or_insert_with(|| ApiQuantity("0".into()));
}

fn handler(handler: &mut LifecycleHandler) {
    if let Some(get) = &mut handler.http_get {
        set(&mut get.path, "/");
        set(&mut get.scheme, "HTTP");
    }
}

fn probe(probe: &mut Probe) {
    set_number(&mut probe.timeout_seconds, 1);
    set_number(&mut probe.period_seconds, 10);
    set_number(&mut probe.success_threshold, 1);
    set_number(&mut probe.failure_threshold, 3);
    if let Some(get) = &mut probe.http_get {
        set(&mut get.path, "/");
        set(&mut get.scheme, "HTTP");
    }
    if let Some(grpc) = &mut probe.grpc {
        grpc.service.get_or_insert_default();
    }
}

fn volume(volume: &mut Volume) {
    if *volume == Volume::default().named(volume.name.clone()) {
        volume.empty_dir = Some(Default::default());
    }
    if let Some(source) = &mut volume.config_map {
        source.default_mode.get_or_insert(0o644);
    }
    if let Some(source) = &mut volume.secret {
        source.default_mode.get_or_insert(0o644);
    }
    if let Some(source) = &mut volume.downward_api {
        source.default_mode.get_or_insert(0o644);
        for item in source.items.iter_mut().flatten() {
            item.field_ref.iter_mut().for_each(field_selector);
            item.resource_field_ref.iter_mut().for_each(resource_selector);
        }
    }
    if let Some(source) = &mut volume.projected {
        source.default_mode.get_or_insert(0o644);
        source.sources.iter_mut().flatten().for_each(projection);
    }
    if let Some(source) = &mut volume.host_path {
        source.type_.get_or_insert_default();
    }
    if let Some(image) = &mut volume.image {
        set(&mut image.pull_policy, pull_policy(image.reference.as_deref().unwrap_or_default()));
    }
    if let Some(claim) = &mut volume.ephemeral
        && let Some(template) = &mut claim.volume_claim_template
    {
        set(&mut template.spec.volume_mode, "Filesystem");
    }
    if let Some(iscsi) = &mut volume.iscsi {
        set(&mut iscsi.iscsi_interface, "default");
    }
    if let Some(rbd) = &mut volume.rbd {
        set(&mut rbd.pool, "rbd");
        set(&mut rbd.user, "admin");
        set(&mut rbd.keyring, "/etc/ceph/keyring");
    }
    if let Some(disk) = &mut volume.azure_disk {
        set(&mut disk.caching_mode, "ReadWrite");
        set(&mut disk.fs_type, "ext4");
        set(&mut disk.kind, "Shared");
        disk.read_only.get_or_insert(false);
    }
    if let Some(scale_io) = &mut volume.scale_io {
        set(&mut scale_io.storage_mode, "ThinProvisioned");
        set(&mut scale_io.fs_type, "xfs");
    }
}

fn projection(projection: &mut VolumeProjection) {
    if let Some(token) = &mut projection.service_account_token {
        token.expiration_seconds.get_or_insert(3600);
    }
    for item in projection.downward_api.iter_mut().flat_map(|source| source.items.iter_mut().flatten()) {
        item.field_ref.iter_mut().for_each(field_selector);
        item.resource_field_ref.iter_mut().for_each(resource_selector);
    }
}

/// `Always` for the tag `latest` or none, unless a digest says which image is meant.
fn pull_policy(image: &str) -> &'static str {
    let (name, digest) = image.split_once('@').map_or((image, false), |(name, _)| (name, true));
    let last = name.rsplit('/').next().unwrap_or(name);
    let (repository, tag) = match last.rsplit_once(':') {
        Some((repository, tag)) => (repository, Some(tag)),
        None => (last, None),
    };
    // What is no image name has no tag either.
    let valid = |part: &str| {
        !part.is_empty()
            && part.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'.' | b'_' | b'-'))
            && part.starts_with(|c: char| c.is_ascii_alphanumeric())
            && part.ends_with(|c: char| c.is_ascii_alphanumeric())
    };
    let latest = match tag {
        Some(tag) => tag == "latest",
        None => !digest,
    };
    // The first of several parts may be a registry, with upper-case letters and a port.
    let registry = |part: &str| {
        let host = part.split_once(':').map_or(part, |(host, _)| host);
        host.split('.').all(|label| {
            label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
                && label.starts_with(|c: char| c.is_ascii_alphanumeric())
                && label.ends_with(|c: char| c.is_ascii_alphanumeric())
        })
    };
    let above: Vec<&str> = name.split('/').collect();
    let above = above.split_last().map_or(&[][..], |(_, above)| above);
    let known = above.iter().enumerate().all(|(index, part)| valid(part) || (index == 0 && registry(part)));
    if latest && known && valid(repository) { "Always" } else { "IfNotPresent" }
}

fn service(service: &mut Service) {
    let spec = service.spec.get_or_insert_default();
    set(&mut spec.session_affinity, "None");
    match spec.session_affinity.as_deref() {
        Some("None") => spec.session_affinity_config = None,
        Some("ClientIP") => {
            let config = spec.session_affinity_config.get_or_insert_default().client_ip.get_or_insert_default();
            config.timeout_seconds.get_or_insert(10800);
        }
        _ => {}
    }
    set(&mut spec.type_, "ClusterIP");
    let kind = spec.type_.clone().unwrap_or_default();
    for port in spec.ports.iter_mut().flatten() {
        set(&mut port.protocol, "TCP");
        let unset = match &port.target_port {
            None | Some(IntOrString::Int(0)) => true,
            Some(IntOrString::String(name)) => name.is_empty(),
            Some(IntOrString::Int(_)) => false,
        };
        if unset {
            port.target_port = Some(IntOrString::Int(port.port));
        }
    }
    let external = kind == "LoadBalancer" || kind == "NodePort";
    let with_ips = kind == "ClusterIP" && spec.external_ips.as_ref().is_some_and(|ips| !ips.is_empty());
    if external || with_ips {
        set(&mut spec.external_traffic_policy, "Cluster");
    }
    if external || kind == "ClusterIP" {
        spec.internal_traffic_policy.get_or_insert_with(|| "Cluster".into());
    }
    if kind == "LoadBalancer" {
        spec.allocate_load_balancer_node_ports.get_or_insert(true);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::api::{client::FieldValidation, decode::decode, object::Kind};

    #[test]
    fn a_pods_defaults() {
        let pod = json!({"metadata": {"name": "web"}, "spec": {
            "hostNetwork": true,
            "containers": [{
                "name": "a", "image": "nginx",
                "ports": [{"containerPort": 80}],
                "resources": {"limits": {"cpu": "1"}},
                "env": [{"name": "N", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}],
                "livenessProbe": {"httpGet": {"port": 80}},
            }],
            "volumes": [{"name": "v"}, {"name": "c", "configMap": {"name": "x"}}],
        }});
        let (mut object, _) = decode(Kind::Pod, pod, FieldValidation::Strict).expect("a good pod");
        apply(&mut object);
        let expected = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "web"}, "spec": {
            "hostNetwork": true,
            "containers": [{
                "name": "a", "image": "nginx", "imagePullPolicy": "Always",
                "ports": [{"containerPort": 80, "hostPort": 80, "protocol": "TCP"}],
                "resources": {"limits": {"cpu": "1"}, "requests": {"cpu": "1"}},
                "env": [{"name": "N", "valueFrom": {"fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.name"}}}],
                "livenessProbe": {"httpGet": {"path": "/", "port": 80, "scheme": "HTTP"}, "timeoutSeconds": 1, "periodSeconds": 10, "successThreshold": 1, "failureThreshold": 3},
                "terminationMessagePath": "/dev/termination-log", "terminationMessagePolicy": "File",
            }],
            "volumes": [{"name": "v", "emptyDir": {}}, {"name": "c", "configMap": {"name": "x", "defaultMode": 420}}],
            "dnsPolicy": "ClusterFirst", "enableServiceLinks": true, "restartPolicy": "Always", "schedulerName": "default-scheduler",
            "securityContext": {}, "terminationGracePeriodSeconds": 30,
        }, "status": {}});
        assert_eq!(object.to_value(), expected);
    }

    #[test]
    fn pull_policies() {
        let digest = "nginx@sha256:0123456789012345678901234567890123456789012345678901234567890123";
        let cases = [
            ("nginx", "Always"),
            ("nginx:latest", "Always"),
            ("nginx:1.27", "IfNotPresent"),
            (digest, "IfNotPresent"),
            ("localhost:5000/a", "Always"),
            ("localhost:5000/a:1", "IfNotPresent"),
            ("Nginx", "IfNotPresent"),
            ("", "IfNotPresent"),
            ("gcr.io/<project>/job", "IfNotPresent"),
            ("REGISTRY.example.com:5000/team/job", "Always"),
        ];
        for (image, expected) in cases {
            assert_eq!(pull_policy(image), expected, "{image}");
        }
    }
}
