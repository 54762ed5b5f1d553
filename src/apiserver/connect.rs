//! logs, exec and attach: the container is chosen and checked here, then the node's kubelet asked.

use std::{rc::Rc, time::Duration};

use k8s_openapi::api::core::v1::Node;

use super::{ApiServer, proxy::KubeletEndpoint};
use crate::{
    api::{
        Error, Kind, Object, Pod, Result,
        client::{Dial, ExecOptions, LogOptions, Session},
        error::Reason,
    },
    sim,
};

/// How long a dead neighbour's address is asked for before "no route to host" (three ARP requests).
const ARP_TIMEOUT: Duration = Duration::from_millis(3070);

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Verb {
    Exec,
    Attach,
}

impl ApiServer {
    pub(super) async fn pod_logs(
        &self,
        namespace: &str,
        name: &str,
        options: LogOptions,
    ) -> Result<sim::Receiver<Vec<u8>>> {
        let pod = self.find_pod(namespace, name)?;
        check_log_options(&pod, &options)?;
        let container = choose_container(&pod, options.container.as_deref())?;
        let Some(node) = assigned_node(&pod) else {
            // A pod without a node has an empty log.
            return Ok(sim::channel().1);
        };
        let Some((kubelet, address)) = self.kubelet(node)? else {
            let address = self.unreachable(node).await?;
            let query = log_query(&options);
            return Err(dial_error(format!(
                "Get \"https://{address}/containerLogs/{namespace}/{name}/{container}{query}\": dial tcp {address}: \
                 connect: no route to host"
            )));
        };
        drop(address);
        kubelet.logs(&pod, &container, options).await
    }

    pub(super) async fn pod_session(
        &self,
        namespace: &str,
        name: &str,
        verb: Verb,
        options: ExecOptions,
    ) -> Result<Session> {
        let pod = self.find_pod(namespace, name)?;
        if verb == Verb::Exec && options.command.is_empty() {
            return Err(Error::bad_request("you must specify at least one command for the container"));
        }
        let container = choose_container(&pod, options.container.as_deref())?;
        let Some(node) = assigned_node(&pod) else {
            return Err(Error::bad_request(format!("pod {name} does not have a host assigned")));
        };
        let Some((kubelet, _)) = self.kubelet(node)? else {
            let address = self.unreachable(node).await?;
            return Err(dial_error(format!("error dialing backend: dial tcp {address}: connect: no route to host")));
        };
        self.count_session();
        match verb {
            Verb::Exec => kubelet.exec(&pod, &container, options).await,
            Verb::Attach => kubelet.attach(&pod, &container, options).await,
        }
    }

    pub(super) async fn pod_ports(&self, namespace: &str, name: &str) -> Result<Dial> {
        let pod = self.find_pod(namespace, name)?;
        let Some(node) = assigned_node(&pod) else {
            return Err(Error::bad_request(format!("pod {name} does not have a host assigned")));
        };
        let Some((kubelet, _)) = self.kubelet(node)? else {
            let address = self.unreachable(node).await?;
            return Err(dial_error(format!("error dialing backend: dial tcp {address}: connect: no route to host")));
        };
        self.count_session();
        kubelet.port_forward(&pod)
    }

    fn count_session(&self) {
        self.sessions.set(self.sessions.get() + 1);
    }

    fn find_pod(&self, namespace: &str, name: &str) -> Result<Rc<Pod>> {
        match self.find(Kind::Pod, namespace, name)? {
            Object::Pod(pod) => Ok(pod),
            other => Err(Error::internal(format!("not a pod: {}", other.kind()))),
        }
    }

    /// The kubelet of a node and its address, or `None` if it can't be reached.
    fn kubelet(&self, node: &str) -> Result<Option<(Rc<dyn KubeletEndpoint>, String)>> {
        let address = self.kubelet_address(node)?;
        let kubelet = self.kubelets.borrow().get(node).and_then(std::rc::Weak::upgrade);
        Ok(kubelet.map(|kubelet| (kubelet, address)))
    }

    async fn unreachable(&self, node: &str) -> Result<String> {
        let address = self.kubelet_address(node)?;
        self.sim.sleep(ARP_TIMEOUT).await;
        Ok(address)
    }

    fn kubelet_address(&self, node: &str) -> Result<String> {
        let object = self.find(Kind::Node, "", node)?;
        let status = object.as_::<Node>().and_then(|node| node.status.as_ref());
        let addresses = status.and_then(|status| status.addresses.as_deref()).unwrap_or_default();
        let internal = addresses.iter().find(|a| a.type_ == "InternalIP").map_or(node, |a| a.address.as_str());
        let port = status
            .and_then(|status| status.daemon_endpoints.as_ref()?.kubelet_endpoint.as_ref())
            .map(|endpoint| endpoint.port)
            .filter(|port| *port != 0)
            .unwrap_or(10250);
        Ok(format!("{internal}:{port}"))
    }
}

fn dial_error(message: String) -> Error {
    Error::new(Reason::Unknown, message)
}

fn assigned_node(pod: &Pod) -> Option<&str> {
    pod.spec.as_ref()?.node_name.as_deref().filter(|node| !node.is_empty())
}

/// `ValidatePodLogOptions`.
fn check_log_options(pod: &Pod, options: &LogOptions) -> Result<()> {
    let cause = |field: &str, message: String| crate::api::error::Cause {
        reason: "FieldValueInvalid".into(),
        message,
        field: field.into(),
    };
    let mut causes = Vec::new();
    if let Some(lines) = options.tail_lines.filter(|lines| *lines < 0) {
        let message = format!("Invalid value: {lines}: must be greater than or equal to 0");
        causes.push(cause("tailLines", message));
    }
    if let Some(bytes) = options.limit_bytes.filter(|bytes| *bytes < 1) {
        causes.push(cause("limitBytes", format!("Invalid value: {bytes}: must be greater than 0")));
    }
    match (options.since_seconds, &options.since_time) {
        (Some(_), Some(_)) => causes.push(crate::api::error::Cause {
            reason: "FieldValueForbidden".into(),
            message: "Forbidden: at most one of `sinceTime` or `sinceSeconds` may be specified".into(),
            field: String::new(),
        }),
        (Some(seconds), None) if seconds < 1 => {
            causes.push(cause("sinceSeconds", format!("Invalid value: {seconds}: must be greater than 0")));
        }
        _ => {}
    }
    if causes.is_empty() {
        return Ok(());
    }
    let mut error = Error::invalid(Kind::Pod, pod.metadata.name.as_deref().unwrap_or_default(), causes);
    error.message = error.message.replacen("Pod ", "PodLogOptions ", 1);
    error.kind = "PodLogOptions".into();
    Err(error)
}

/// The container asked for, or the only one.
fn choose_container(pod: &Pod, asked: Option<&str>) -> Result<String> {
    let name = pod.metadata.name.as_deref().unwrap_or_default();
    let Some(spec) = &pod.spec else {
        return Err(Error::bad_request(format!("a container name must be specified for pod {name}")));
    };
    let all: Vec<&str> = (spec.init_containers.iter().flatten().map(|c| c.name.as_str()))
        .chain(spec.containers.iter().map(|c| c.name.as_str()))
        .chain(spec.ephemeral_containers.iter().flatten().map(|c| c.name.as_str()))
        .collect();
    match asked.filter(|asked| !asked.is_empty()) {
        Some(asked) if all.contains(&asked) => Ok(asked.into()),
        Some(asked) => Err(Error::bad_request(format!("container {asked} is not valid for pod {name}"))),
        None => match &spec.containers[..] {
            [only] => Ok(only.name.clone()),
            [] => Err(Error::bad_request(format!("a container name must be specified for pod {name}"))),
            _ => Err(Error::bad_request(format!(
                "a container name must be specified for pod {name}, choose one of: [{}]",
                all.join(" ")
            ))),
        },
    }
}

/// The query string with which the apiserver asks the kubelet for a log.
fn log_query(options: &LogOptions) -> String {
    let mut terms = Vec::new();
    let mut number = |name: &str, value: Option<i64>| value.map(|v| terms.push(format!("{name}={v}")));
    number("limitBytes", options.limit_bytes);
    number("sinceSeconds", options.since_seconds);
    number("tailLines", options.tail_lines);
    for (name, set) in [("follow", options.follow), ("previous", options.previous), ("timestamps", options.timestamps)]
    {
        if set {
            terms.push(format!("{name}=true"));
        }
    }
    if let Some(time) = &options.since_time {
        terms.push(format!("sinceTime={}", time.replace(':', "%3A").replace('+', "%2B")));
    }
    terms.sort();
    if terms.is_empty() { String::new() } else { format!("?{}", terms.join("&")) }
}
