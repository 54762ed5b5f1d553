//! postStart and preStop handlers. Source: kubernetes `pkg/kubelet/lifecycle/handlers.go`.

use std::{net::SocketAddr, rc::Rc, time::Duration};

use k8s_openapi::{
    api::core::v1::{HTTPGetAction, LifecycleHandler},
    apimachinery::pkg::util::intstr::IntOrString,
};

use super::{Inner, exec, runtime::Container, start::pod_label, worker::Worker};
use crate::{
    api::{Container as ContainerSpec, Pod},
    programs::net::http::{self, Headers, Message, Request, Url},
};

/// A hook has no time limit of its own; preStop is cut by the grace period.
const NO_LIMIT: Duration = Duration::from_secs(365 * 86_400);

/// Runs a handler; the error is the message of PostStartHookError.
pub async fn run(
    kubelet: &Rc<Inner>,
    worker: &Rc<Worker>,
    pod: &Pod,
    spec: &ContainerSpec,
    container: &Rc<Container>,
    hook: &LifecycleHandler,
) -> Result<(), String> {
    let place = format!("for Container \"{}\" in Pod \"{}\" failed - error", spec.name, pod_label(pod));
    if let Some(action) = &hook.exec {
        let argv = action.command.clone().unwrap_or_default();
        let words = argv.join(" ");
        return match exec::run(&kubelet.machine, container, &argv, NO_LIMIT, &kubelet.rng).await {
            exec::Ran::Exited(0, _) => Ok(()),
            exec::Ran::Exited(code, output) => Err(format!(
                "Exec lifecycle hook ([{words}]) {place}: command '{words}' exited with {code}: {output}, message: {output:?}"
            )),
            exec::Ran::TimedOut => Err(format!("Exec lifecycle hook ([{words}]) {place}: timed out, message: \"\"")),
            exec::Ran::NotStarted(text) => Err(format!(
                "Exec lifecycle hook ([{words}]) {place}: rpc error: code = Unknown desc = {text}, message: \"\""
            )),
        };
    }
    if let Some(action) = &hook.http_get {
        let path = action.path.clone().unwrap_or_default();
        let result = http_get(kubelet, worker, spec, action).await;
        return result.map_err(|error| format!("HTTP lifecycle hook ({path}) {place}: {error}"));
    }
    if let Some(action) = &hook.sleep {
        let seconds = u64::try_from(action.seconds).unwrap_or(0);
        // Sleeping ends early if the container does.
        let _whole = kubelet.sim.timeout(Duration::from_secs(seconds), container.ended()).await;
    }
    Ok(())
}

async fn http_get(
    kubelet: &Inner,
    worker: &Worker,
    spec: &ContainerSpec,
    action: &HTTPGetAction,
) -> Result<(), String> {
    let (to, url) = target(kubelet, worker, spec, action)?;
    let request = request(&url, action, "kube-lifecycle/1.36");
    let net = &kubelet.machine.namespaces().net;
    // Whatever the answer says: a hook that was answered has run.
    let response = http::get(&kubelet.sim, net, to, &url, &Message::from(&request), NO_LIMIT).await;
    response.map(drop).map_err(|error| format!("Get \"{}\": {error}", show(&url)))
}

/// An httpGet action's request for `url`, from a client of this name.
pub fn request(url: &Url, action: &HTTPGetAction, agent: &str) -> Request {
    let mut headers = Headers::default();
    for header in action.http_headers.iter().flatten() {
        headers.add(&header.name, &header.value);
    }
    if headers.get("user-agent").is_none() {
        headers.add("User-Agent", agent);
    }
    if headers.get("accept").is_none() {
        headers.add("Accept", "*/*");
    }
    http::get_request(url, headers)
}

/// Where an httpGet action goes: its host, or the pod.
pub fn target(
    kubelet: &Inner,
    worker: &Worker,
    spec: &ContainerSpec,
    action: &HTTPGetAction,
) -> Result<(SocketAddr, Url), String> {
    let port = port(spec, &action.port)?;
    let host = match action.host.as_deref().filter(|host| !host.is_empty()) {
        Some(host) => host.to_string(),
        None => worker.pod_ips(kubelet).first().cloned().ok_or("pod has no IP")?,
    };
    let scheme = action.scheme.as_deref().unwrap_or("HTTP").to_ascii_lowercase();
    let path = action.path.as_deref().unwrap_or("/");
    let path = format!("/{}", path.trim_start_matches('/'));
    let shown = if host.contains(':') { format!("[{host}]") } else { host.clone() };
    let text = format!("{scheme}://{shown}:{port}{path}");
    let url = Url::parse(&text).map_err(|_| format!("parse \"{text}\": invalid URL"))?;
    let address = if host == "localhost" { "127.0.0.1".parse() } else { host.parse() };
    let address = address.map_err(|_| format!("Get \"{text}\": dial tcp: lookup {host}: no such host"))?;
    Ok((SocketAddr::new(address, port), url))
}

/// A URL as Go prints it, port included.
pub fn show(url: &Url) -> String {
    let host = if url.host.contains(':') { format!("[{}]", url.host) } else { url.host.clone() };
    format!("{}://{host}:{}{}", url.scheme(), url.port, url.target)
}

/// A port by number or by the name that the container gives it.
pub fn port(spec: &ContainerSpec, port: &IntOrString) -> Result<u16, String> {
    let number = match port {
        IntOrString::Int(number) => *number,
        IntOrString::String(name) => {
            let named = spec.ports.iter().flatten().find(|p| p.name.as_deref() == Some(name)).map(|p| p.container_port);
            match named.or_else(|| name.parse().ok()) {
                Some(number) => number,
                None => return Err(format!("strconv.Atoi: parsing {name:?}: invalid syntax")),
            }
        }
    };
    u16::try_from(number).ok().filter(|n| *n > 0).ok_or_else(|| format!("invalid port number: {number}"))
}
