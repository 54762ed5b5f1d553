//! metrics-server, as an addon of the apiserver: what kubelets measured at the last scrape.
//! Source of what it shows of young containers: metrics-server, `pkg/storage/pod.go`.

use std::collections::BTreeMap;

use super::{ApiServer, select::Selection};
use crate::api::{
    Error, Kind, Object, Result,
    client::ListOptions,
    error::Reason,
    metrics::{MetricsOptions, NodeMetrics, PodMetrics, Usage},
};

/// What a kubelet's `/metrics/resource` gives: usage between the last two scrapes.
#[derive(Clone, Debug, Default)]
pub struct Scraped {
    pub node: Usage,
    /// Containers by the pod's UID.
    pub pods: BTreeMap<String, Vec<(String, Usage)>>,
}

impl ApiServer {
    /// Serves metrics.k8s.io from now on.
    pub fn install_metrics_server(&self) {
        self.metrics_server.set(true);
    }

    fn scraped(&self) -> Result<BTreeMap<String, Scraped>> {
        if !self.metrics_server.get() {
            return Err(Error::new(Reason::NotFound, "the server could not find the requested resource"));
        }
        let kubelets = self.kubelets.borrow();
        let scrape = |(name, kubelet): (&String, &std::rc::Weak<dyn super::proxy::KubeletEndpoint>)| {
            Some((name.clone(), kubelet.upgrade()?.scrape()?))
        };
        Ok(kubelets.iter().filter_map(scrape).collect())
    }

    /// The objects that are asked for.
    fn measured(&self, kind: Kind, namespace: &str, options: &MetricsOptions) -> Result<Vec<Object>> {
        if let Some(name) = &options.name {
            return Ok(vec![self.find(kind, namespace, name)?]);
        }
        let list = ListOptions { label_selector: options.label_selector.clone(), ..ListOptions::default() };
        Ok(self.store.borrow().list(kind, &Selection::parse(kind, namespace, &list)?))
    }

    pub(super) async fn measured_pods(&self, namespace: &str, options: MetricsOptions) -> Result<Vec<PodMetrics>> {
        let scraped = self.scraped()?;
        let usage = |object: &Object| {
            let containers = scraped.values().find_map(|node| node.pods.get(object.uid()))?;
            Some(PodMetrics {
                namespace: object.namespace().into(),
                name: object.name().into(),
                containers: containers.clone(),
            })
        };
        let found: Vec<PodMetrics> = self.measured(Kind::Pod, namespace, &options)?.iter().filter_map(usage).collect();
        match &options.name {
            Some(name) if found.is_empty() => Err(none("podmetrics", &format!("{namespace}/{name}"))),
            _ => Ok(found),
        }
    }

    pub(super) async fn measured_nodes(&self, options: MetricsOptions) -> Result<Vec<NodeMetrics>> {
        let scraped = self.scraped()?;
        let usage = |object: &Object| {
            let usage = scraped.get(object.name())?.node;
            Some(NodeMetrics { name: object.name().into(), usage })
        };
        let found: Vec<NodeMetrics> = self.measured(Kind::Node, "", &options)?.iter().filter_map(usage).collect();
        match &options.name {
            Some(name) if found.is_empty() => Err(none("nodemetrics", name)),
            _ => Ok(found),
        }
    }
}

fn none(resource: &str, name: &str) -> Error {
    Error::new(Reason::NotFound, format!("{resource}.metrics.k8s.io \"{name}\" not found"))
}
