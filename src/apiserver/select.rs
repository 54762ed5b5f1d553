//! What a list or watch covers: a namespace, a label selector and a field selector.

use std::borrow::Cow;

use crate::api::{
    Error, Kind, Object,
    client::ListOptions,
    selector::{FieldSelector, LabelSelector},
};

/// What a list or watch covers.
#[derive(Clone, Debug)]
pub(super) struct Selection {
    /// "" for all.
    pub namespace: String,
    labels: Option<LabelSelector>,
    fields: FieldSelector,
}

impl Selection {
    /// A namespace's objects; all if it is "".
    pub fn of(namespace: &str) -> Selection {
        Selection { namespace: namespace.into(), labels: None, fields: FieldSelector::default() }
    }

    pub fn parse(kind: Kind, namespace: &str, options: &ListOptions) -> Result<Selection, Error> {
        let labels = match options.label_selector.trim() {
            "" => None,
            text => Some(LabelSelector::parse(text).map_err(Error::bad_request)?),
        };
        let fields = FieldSelector::parse(&options.field_selector).map_err(Error::bad_request)?;
        if let Some(term) = fields.terms.iter().find(|term| !supported(kind, &term.field)) {
            return Err(Error::bad_request(unsupported(kind, &term.field)));
        }
        Ok(Selection { namespace: namespace.into(), labels, fields })
    }

    /// The node, if this selects pods by `spec.nodeName=node`.
    pub fn node(&self, kind: Kind) -> Option<&str> {
        if kind == Kind::Pod { self.exactly("spec.nodeName").filter(|node| !node.is_empty()) } else { None }
    }

    /// The name, if this selects by `metadata.name=name`.
    pub fn name(&self) -> Option<&str> {
        self.exactly("metadata.name")
    }

    fn exactly(&self, field: &str) -> Option<&str> {
        self.fields.terms.iter().find(|term| term.equal && term.field == field).map(|term| term.value.as_str())
    }

    pub fn matches(&self, object: &Object) -> bool {
        (self.namespace.is_empty() || self.namespace == object.namespace())
            && self.fields.matches(|name| field(object, name))
            && self.labels.as_ref().is_none_or(|labels| labels.matches(object.meta().labels.as_ref()))
    }
}

fn supported(kind: Kind, field: &str) -> bool {
    if field == "metadata.name" || (kind.namespaced() && field == "metadata.namespace") {
        return true;
    }
    match kind {
        Kind::Pod => matches!(
            field,
            "spec.nodeName"
                | "spec.restartPolicy"
                | "spec.schedulerName"
                | "spec.serviceAccountName"
                | "spec.hostNetwork"
                | "status.phase"
                | "status.podIP"
                | "status.podIPs"
                | "status.nominatedNodeName"
        ),
        Kind::Node => field == "spec.unschedulable",
        Kind::Namespace => field == "status.phase",
        Kind::Secret => field == "type",
        Kind::Service => matches!(field, "spec.clusterIP" | "spec.type"),
        Kind::Event => matches!(
            field,
            "involvedObject.kind"
                | "involvedObject.namespace"
                | "involvedObject.name"
                | "involvedObject.uid"
                | "involvedObject.apiVersion"
                | "involvedObject.resourceVersion"
                | "involvedObject.fieldPath"
                | "reason"
                | "reportingComponent"
                | "source"
                | "type"
        ),
        _ => false,
    }
}

fn unsupported(kind: Kind, field: &str) -> String {
    match kind {
        Kind::Pod | Kind::Node | Kind::Namespace | Kind::Secret | Kind::Service | Kind::Event => {
            format!("field label not supported: {field}")
        }
        _ => format!("\"{field}\" is not a known field selector: only \"metadata.name\", \"metadata.namespace\""),
    }
}

/// The value of a selectable field; "" if unset.
fn field<'a>(object: &'a Object, field: &str) -> Cow<'a, str> {
    match field {
        "metadata.name" => return object.name().into(),
        "metadata.namespace" => return object.namespace().into(),
        _ => {}
    }
    let text = |value: &'a Option<String>| value.as_deref().unwrap_or_default();
    let value: &'a str = match object {
        Object::Pod(pod) => {
            let (spec, status) = (pod.spec.as_ref(), pod.status.as_ref());
            match field {
                "spec.nodeName" => spec.map(|s| text(&s.node_name)),
                "spec.restartPolicy" => spec.map(|s| text(&s.restart_policy)),
                "spec.schedulerName" => spec.map(|s| text(&s.scheduler_name)),
                "spec.serviceAccountName" => spec.map(|s| text(&s.service_account_name)),
                "spec.hostNetwork" => Some(truth(spec.and_then(|s| s.host_network).unwrap_or_default())),
                "status.phase" => status.map(|s| text(&s.phase)),
                "status.podIP" => status.map(|s| text(&s.pod_ip)),
                "status.podIPs" => {
                    let ips = status.and_then(|s| s.pod_ips.as_ref());
                    return ips
                        .map(|ips| ips.iter().map(|ip| ip.ip.as_str()).collect::<Vec<_>>().join(","))
                        .map_or("".into(), Cow::Owned);
                }
                "status.nominatedNodeName" => status.map(|s| text(&s.nominated_node_name)),
                _ => None,
            }
        }
        Object::Node(node) => Some(truth(node.spec.as_ref().and_then(|s| s.unschedulable).unwrap_or_default())),
        Object::Namespace(namespace) => namespace.status.as_ref().map(|s| text(&s.phase)),
        Object::Secret(secret) => Some(text(&secret.type_)),
        Object::Service(service) => service.spec.as_ref().map(|s| match field {
            "spec.clusterIP" => text(&s.cluster_ip),
            _ => text(&s.type_),
        }),
        Object::Event(event) => {
            let about = &event.involved_object;
            Some(match field {
                "involvedObject.kind" => text(&about.kind),
                "involvedObject.namespace" => text(&about.namespace),
                "involvedObject.name" => text(&about.name),
                "involvedObject.uid" => text(&about.uid),
                "involvedObject.apiVersion" => text(&about.api_version),
                "involvedObject.resourceVersion" => text(&about.resource_version),
                "involvedObject.fieldPath" => text(&about.field_path),
                "reason" => text(&event.reason),
                "reportingComponent" => text(&event.reporting_component),
                "source" => {
                    let source = event.source.as_ref().map(|s| text(&s.component)).unwrap_or_default();
                    if source.is_empty() { text(&event.reporting_component) } else { source }
                }
                _ => text(&event.type_),
            })
        }
        _ => None,
    }
    .unwrap_or_default();
    value.into()
}

fn truth(value: bool) -> &'static str {
    if value { "true" } else { "false" }
}
