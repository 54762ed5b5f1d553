//! What a fresh cluster holds before anyone writes to it.

use std::{collections::BTreeMap, time::Duration};

use k8s_openapi::{
    api::{
        coordination::v1::{Lease, LeaseSpec},
        core::v1::{ConfigMap, Namespace, NamespaceSpec, Service, ServiceAccount, ServicePort, ServiceSpec},
        scheduling::v1::PriorityClass,
    },
    apimachinery::pkg::{
        apis::meta::v1::{MicroTime, ObjectMeta},
        util::intstr::IntOrString,
    },
};
use sha2::{Digest, Sha256};

use super::{ApiServer, select::Selection};
use crate::api::{
    Kind, Object, Resource,
    client::{Body, WriteOptions},
};

/// Namespaces that always exist.
pub const NAMESPACES: [&str; 4] = ["default", "kube-node-lease", "kube-public", "kube-system"];

/// The machine that the server runs on.
const HOST: &str = "podarium-control-plane";
/// Seconds between two renewals of the server's lease.
const RENEWED_EVERY: i64 = 10;

/// The certificate that pods find at `/var/run/secrets/kubernetes.io/serviceaccount/ca.crt`.
/// A real self-signed one; nobody holds its key.
pub const ROOT_CA: &str = "-----BEGIN CERTIFICATE-----
MIIBpjCCAUygAwIBAgIUVPZ+G1IXmkauwB+4YEwceE58JPkwCgYIKoZIzj0EAwIw
FTETMBEGA1UEAwwKa3ViZXJuZXRlczAeFw0yNjExMjMxMDAwNDhaFw0zNjExMjAx
MDAwNDhaMBUxEzARBgNVBAMMCmt1YmVybmV0ZXMwWTATBgcqhkjOPQIBBggqhkjO
PQMBBwNCAAQ20+E0CpuUlH11I1UobaMu9DOfVV6ReXEvwQjNqIFpkosSr+TTJEpR
OEa/9J2Dsqx/3qJejHYECOz7OaPkhpyfo3oweDAdBgNVHQ4EFgQUGOKOmui6dvXl
FZtJ/KMcBAbDX0AwHwYDVR0jBBgwFoAUGOKOmui6dvXlFZtJ/KMcBAbDX0AwDwYD
VR0TAQH/BAUwAwEB/zAVBgNVHREEDjAMggprdWJlcm5ldGVzMA4GA1UdDwEB/wQE
AwICpDAKBggqhkjOPQQDAgNIADBFAiEAnGd+KDBOCw5f2GPDxBC3o0HaAjsOFVkV
kbylWBEdqhwCIF/8aMtAeTdlXdQpChxvn9Twr+Z4NaXIT4UDPvUsrdKC
-----END CERTIFICATE-----
";

/// The ConfigMap with [`ROOT_CA`] that every namespace has.
pub fn root_ca(namespace: &str) -> ConfigMap {
    let annotation = "Contains a CA bundle that can be used to verify the kube-apiserver when using internal endpoints such as the \
         internal service IP or kubernetes.default.svc. No other usage is guaranteed across distributions of \
         Kubernetes clusters.";
    ConfigMap {
        metadata: ObjectMeta {
            name: Some("kube-root-ca.crt".into()),
            namespace: Some(namespace.into()),
            annotations: Some(BTreeMap::from([("kubernetes.io/description".into(), annotation.into())])),
            ..ObjectMeta::default()
        },
        data: Some(BTreeMap::from([("ca.crt".into(), ROOT_CA.into())])),
        ..ConfigMap::default()
    }
}

/// The service account that every namespace has.
pub fn default_service_account(namespace: &str) -> ServiceAccount {
    ServiceAccount {
        metadata: ObjectMeta {
            name: Some("default".into()),
            namespace: Some(namespace.into()),
            ..ObjectMeta::default()
        },
        ..ServiceAccount::default()
    }
}

impl ApiServer {
    pub(super) fn bootstrap(&self) {
        for name in NAMESPACES {
            self.seed(Namespace {
                metadata: ObjectMeta { name: Some(name.into()), ..ObjectMeta::default() },
                spec: Some(NamespaceSpec { finalizers: None }),
                ..Namespace::default()
            });
        }
        for (name, value, description) in [
            (
                "system-cluster-critical",
                2_000_000_000,
                "Used for system critical pods that must run in the cluster, but can be moved to another node if \
                 necessary.",
            ),
            (
                "system-node-critical",
                2_000_001_000,
                "Used for system critical pods that must not be moved from their current node.",
            ),
        ] {
            self.seed(PriorityClass {
                metadata: ObjectMeta { name: Some(name.into()), ..ObjectMeta::default() },
                description: Some(description.into()),
                value: Some(value),
                preemption_policy: Some("PreemptLowerPriority".into()),
                ..PriorityClass::default()
            });
        }
        for name in NAMESPACES {
            self.seed(default_service_account(name));
            self.seed(root_ca(name));
        }
        self.seed(kubernetes_service());
        self.identify();
    }

    /// The server's lease of its own name (`APIServerIdentity`). Written as it is: no chance of other objects hangs on it.
    fn identify(&self) {
        let digest = Sha256::digest(HOST);
        let name = format!("apiserver-{}", base32(&digest[..16]));
        let mut rng = self.sim.rng("apiserver identity");
        let labels = [("apiserver.kubernetes.io/identity", "kube-apiserver"), ("kubernetes.io/hostname", HOST)];
        let now = MicroTime(self.sim.wall());
        self.put(Object::from(Lease {
            metadata: ObjectMeta {
                name: Some(name.clone()),
                namespace: Some("kube-system".into()),
                labels: Some(labels.map(|(key, value)| (key.to_string(), value.to_string())).into()),
                uid: Some(rng.uuid()),
                creation_timestamp: Some(self.now()),
                ..ObjectMeta::default()
            },
            spec: Some(LeaseSpec {
                holder_identity: Some(format!("{name}_{}", rng.uuid())),
                lease_duration_seconds: Some(3600),
                renew_time: Some(now),
                ..LeaseSpec::default()
            }),
        }));
    }

    /// Brings the server's own lease up to date: it is renewed every ten seconds, but written when someone looks.
    pub(super) fn renew_identity(&self, kind: Kind) {
        if kind != Kind::Lease {
            return;
        }
        let leases = self.store.borrow().list(kind, &Selection::of("kube-system"));
        let own = leases.iter().filter_map(|object| object.as_::<Lease>());
        let Some(lease) = own.into_iter().find(|lease| lease.name().starts_with("apiserver-")) else { return };
        let renewed = lease.spec.as_ref().and_then(|spec| spec.renew_time.as_ref()).map(|time| time.0);
        let Some(renewed) = renewed else { return };
        let due = self.sim.wall().duration_since(renewed).as_secs() / RENEWED_EVERY;
        if due > 0 {
            let mut lease = Lease::clone(lease);
            let now = renewed + Duration::from_secs(due.unsigned_abs() * RENEWED_EVERY.unsigned_abs());
            lease.spec.get_or_insert_default().renew_time = Some(MicroTime(now));
            self.put(lease.into());
        }
    }

    fn seed(&self, object: impl Into<Object>) {
        self.install(object.into());
    }

    /// Writes an object that a cluster of some make begins with. These are valid by construction.
    pub fn install(&self, object: Object) {
        let (kind, namespace) = (object.kind(), object.namespace().to_string());
        let written = self.create_object(kind, &namespace, Body::Object(object), &WriteOptions::default());
        debug_assert!(written.is_ok(), "{written:?}");
    }
}

/// Base 32 in small letters without padding.
fn base32(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";
    let bits: Vec<bool> = bytes.iter().flat_map(|byte| (0..8).rev().map(move |bit| byte >> bit & 1 == 1)).collect();
    let letter = |bits: &[bool]| {
        let value = (0..5).fold(0, |value, at| value * 2 + usize::from(bits.get(at).copied().unwrap_or(false)));
        char::from(LETTERS[value])
    };
    bits.chunks(5).map(letter).collect()
}

/// The Service of the server itself, which it keeps in existence.
pub fn kubernetes_service() -> Service {
    let labels = [("component", "apiserver"), ("provider", "kubernetes")];
    Service {
        metadata: ObjectMeta {
            name: Some("kubernetes".into()),
            namespace: Some("default".into()),
            labels: Some(labels.map(|(k, v)| (k.to_string(), v.to_string())).into()),
            ..ObjectMeta::default()
        },
        spec: Some(ServiceSpec {
            cluster_ip: Some("10.96.0.1".into()),
            cluster_ips: Some(vec!["10.96.0.1".into()]),
            internal_traffic_policy: Some("Cluster".into()),
            ip_families: Some(vec!["IPv4".into()]),
            ip_family_policy: Some("SingleStack".into()),
            ports: Some(vec![ServicePort {
                name: Some("https".into()),
                port: 443,
                protocol: Some("TCP".into()),
                target_port: Some(IntOrString::Int(6443)),
                ..ServicePort::default()
            }]),
            session_affinity: Some("None".into()),
            type_: Some("ClusterIP".into()),
            ..ServiceSpec::default()
        }),
        ..Service::default()
    }
}

/// Whether a namespace may never be deleted.
pub(super) fn immortal(namespace: &str) -> bool {
    matches!(namespace, "default" | "kube-system" | "kube-public")
}
