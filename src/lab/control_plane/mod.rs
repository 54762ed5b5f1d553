//! What kubeadm puts into a new cluster: the control plane as static pods of its node, kube-proxy on every node, CoreDNS.
//!
//! The pods are as real as any other; their programs listen and answer probes. What they would do is done by the rooms
//! of their names.

use std::rc::Rc;

use crate::{
    api::{
        ApiClient, Kind, Object, Pod,
        client::{self, Body, FieldValidation, WriteOptions},
        decode,
    },
    kubelet::{Kubelet, statics},
    manifest,
    os::Filesystem,
    sim::Sim,
};

const STATIC_PODS: [(&str, &str); 4] = [
    ("etcd.yaml", include_str!("etcd.yaml")),
    ("kube-apiserver.yaml", include_str!("kube-apiserver.yaml")),
    ("kube-controller-manager.yaml", include_str!("kube-controller-manager.yaml")),
    ("kube-scheduler.yaml", include_str!("kube-scheduler.yaml")),
];

/// The addons' objects but for the pods of CoreDNS.
const ADDONS: &str = include_str!("kube-dns.yaml");
/// Where the apiserver is; it tells so itself.
const KUBERNETES: &str = include_str!("kubernetes.yaml");
const COREDNS: &str = include_str!("coredns.yaml");
const COREDNS_REPLICAS: usize = 2;

/// Pulled before the cluster was made.
const IMAGES: [&str; 6] = [
    "registry.k8s.io/etcd:3.6.8-0",
    "registry.k8s.io/kube-apiserver:v1.36.2",
    "registry.k8s.io/kube-controller-manager:v1.36.2",
    "registry.k8s.io/kube-scheduler:v1.36.2",
    "registry.k8s.io/kube-proxy:v1.36.2",
    "registry.k8s.io/coredns/coredns:v1.14.2",
];

/// Ports of the components on a node's own network.
pub const PORTS: [u16; 8] = [2379, 2380, 2381, 6443, 10249, 10256, 10257, 10259];

/// Writes the manifests of the control plane to its node's disk.
pub fn write_manifests(disk: &Filesystem, node: &str, ip: &str) {
    let made = disk.mkdir_all(statics::DIRECTORY, 0o755);
    debug_assert!(made.is_ok(), "a fresh disk takes any directory");
    for (name, text) in STATIC_PODS {
        let text = text.replace("{ip}", ip).replace("{node}", node);
        let written = disk.write(&format!("{}/{name}", statics::DIRECTORY), text.as_bytes(), 0o600);
        debug_assert!(written.is_ok(), "a fresh disk takes any file");
    }
}

pub fn preload(kubelet: &Kubelet) {
    IMAGES.iter().for_each(|image| kubelet.preload(image));
}

/// Makes the addons for a cluster of these nodes; the first is where CoreDNS runs. `apiserver` is where that is.
pub fn install_addons(sim: &Sim, client: Rc<dyn ApiClient>, nodes: Vec<String>, apiserver: Option<String>) {
    sim.spawn(async move {
        let own = apiserver.map(|ip| objects(&KUBERNETES.replace("{ip}", &ip))).unwrap_or_default();
        for object in own.into_iter().chain(objects(ADDONS)) {
            let (kind, namespace) = (object.kind(), object.namespace().to_string());
            let made = client.create(kind, &namespace, Body::Object(object), WriteOptions::default()).await;
            debug_assert!(made.is_ok(), "{made:?}");
        }
        let Some(first) = nodes.first() else { return };
        for _ in 0..COREDNS_REPLICAS {
            create(&*client, &COREDNS.replace("{node}", first)).await;
        }
    });
}

async fn create(client: &dyn ApiClient, text: &str) {
    if let Some(pod) = pod(text) {
        let made = client::create(client, pod).await;
        debug_assert!(made.is_ok(), "{made:?}");
    }
}

/// The objects of a text of ours.
fn objects(text: &str) -> Vec<Object> {
    let object = |document: &manifest::Document| {
        let word = |key: &str| document.value.get(key)?.as_str();
        let kind = Kind::from_api_version_kind(word("apiVersion")?, word("kind")?)?;
        Some(decode::decode(kind, document.value.clone(), FieldValidation::Strict).ok()?.0)
    };
    manifest::parse(text).docs().filter_map(object).collect()
}

fn pod(text: &str) -> Option<Pod> {
    match objects(text).into_iter().next()? {
        Object::Pod(pod) => Some(Rc::unwrap_or_clone(pod)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_text_can_be_read() {
        assert_eq!(objects(ADDONS).len(), 5);
        for text in STATIC_PODS.iter().map(|(_, text)| *text).chain([COREDNS]) {
            assert!(pod(&text.replace("{ip}", "172.18.0.2").replace("{node}", "node")).is_some(), "{text}");
        }
    }
}
