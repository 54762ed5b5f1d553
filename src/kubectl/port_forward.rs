//! `kubectl port-forward`: listens on the workstation and carries each connection through the API server into a pod.
//!
//! Sources: kubectl `pkg/cmd/portforward`, client-go `tools/portforward`, kubectl `pkg/util/podutils`. Listeners and
//! connections belong to the command's one future, so they end with its process.

use std::{
    collections::BTreeSet,
    future::poll_fn,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    rc::Rc,
    task::Poll,
    time::Duration,
};

use futures_util::{StreamExt, stream::FuturesUnordered};
use k8s_openapi::{api::core::v1::Service, apimachinery::pkg::util::intstr::IntOrString};

use super::{Args, Ctx, Failure, Outcome, fail, pods_of, resource, wait::duration};
use crate::{
    api::{Kind, Object, Pod, Resource, client::Dial},
    os::{Errno, Signal, TcpListener, TcpStream, process::Disposition},
    sim::{Either, race},
};

/// Bytes that one read of a connection takes.
const CHUNK: usize = 32 << 10;
/// How long a pod is waited for that a Service chooses.
const WAIT: Duration = Duration::from_secs(60);

#[derive(Clone, Copy)]
struct Forward {
    local: u16,
    remote: u16,
}

struct Address {
    ip: IpAddr,
    /// Of `localhost`, of which one of two addresses is enough.
    localhost: bool,
}

pub async fn main(cx: &Ctx, args: &Args) -> Outcome {
    let [subject, ports @ ..] = args.args.as_slice() else { return Err(usage()) };
    if ports.is_empty() {
        return Err(usage());
    }
    let limit = args.get("pod-running-timeout").map(duration).transpose()?.unwrap_or(WAIT);
    let (pod, ports) = choose(cx, subject, ports, limit).await?;
    let phase = pod.status.as_ref().and_then(|status| status.phase.as_deref()).unwrap_or_default();
    if phase != "Running" {
        return fail(format!("unable to forward port because pod is not running. Current status={phase}"));
    }
    let addresses = addresses(&args.list("address"))?;
    let forwards: Vec<Forward> = ports.iter().map(|port| forward(port)).collect::<Result<_, _>>()?;
    let dial = match cx.client.port_forward(pod.namespace(), pod.name()).await {
        Ok(dial) => dial,
        Err(error) => return fail(format!("error upgrading connection: {}", error.message)),
    };
    let listeners = listen(cx, &addresses, forwards).await?;
    cx.proc.set_disposition(Signal::INT, Disposition::Catch);
    match race(cx.proc.next_signal(), serve(cx, &dial, &listeners)).await {
        Either::Left(_interrupted) => Ok(0),
        Either::Right(()) => fail("lost connection to pod"),
    }
}

fn usage() -> Failure {
    Failure::Usage {
        command: "port-forward".into(),
        message: "TYPE/NAME and list of ports are required for port-forward".into(),
    }
}

/// The pod, and the ports as numbers.
async fn choose(cx: &Ctx, subject: &str, ports: &[String], limit: Duration) -> Result<(Rc<Pod>, Vec<String>), Failure> {
    let (kind, name) = match subject.split_once('/') {
        None => (Kind::Pod, subject),
        Some((kind, name)) => (resource::kind(kind)?, name),
    };
    match cx.client.get(kind, &cx.namespace, name).await? {
        Object::Pod(pod) => {
            check_udp(ports, udp_only(pod_ports(&pod)), |name| pod_port(&pod, name))?;
            let ports = ports.iter().map(|port| of_pod(port, &pod)).collect::<Result<_, _>>()?;
            Ok((pod, ports))
        }
        Object::Service(service) => {
            let selector = service.spec.as_ref().and_then(|spec| spec.selector.as_ref());
            let Some(selector) = selector.filter(|selector| !selector.is_empty()) else {
                return fail(format!("invalid service '{name}': Service is defined without a selector"));
            };
            let terms: Vec<String> = selector.iter().map(|(key, value)| format!("{key}={value}")).collect();
            let pod = first_pod(cx, &terms.join(","), limit).await?;
            let declared = service.spec.iter().flat_map(|spec| spec.ports.iter().flatten());
            let declared = declared.map(|port| (port.port, port.protocol.as_deref()));
            check_udp(ports, udp_only(declared), |name| service_port(&service, name))?;
            let ports = ports.iter().map(|port| of_service(port, &service, &pod)).collect::<Result<_, _>>()?;
            Ok((pod, ports))
        }
        object => {
            let Some(selector) = pods_of::selector(&object) else {
                return fail(format!("selector for {} not implemented", object.kind()));
            };
            let pod = first_pod(cx, &selector, limit).await?;
            let ports = ports.iter().map(|port| of_pod(port, &pod)).collect::<Result<_, _>>()?;
            Ok((pod, ports))
        }
    }
}

/// The fittest pod that a selector chooses, waited for if there is none yet.
async fn first_pod(cx: &Ctx, selector: &str, limit: Duration) -> Result<Rc<Pod>, Failure> {
    let pods = pods_of::sorted(cx, selector, pods_of::Best::Active, limit).await?;
    pods.into_iter().next().ok_or_else(|| Failure::Message("timed out waiting for the condition".into()))
}

/// Local and remote part of a port's text.
fn split(port: &str) -> (&str, &str) {
    match port.split_once(':') {
        Some((local, remote)) if !remote.contains(':') => (local, remote),
        _ => {
            let first = port.split(':').next().unwrap_or_default();
            (first, first)
        }
    }
}

fn pod_ports(pod: &Pod) -> impl Iterator<Item = (i32, Option<&str>)> {
    let containers = pod.spec.iter().flat_map(|spec| &spec.containers);
    containers.flat_map(|c| c.ports.iter().flatten()).map(|port| (port.container_port, port.protocol.as_deref()))
}

fn pod_port(pod: &Pod, name: &str) -> Result<i32, Failure> {
    let mut ports = pod.spec.iter().flat_map(|spec| &spec.containers).flat_map(|c| c.ports.iter().flatten());
    let found = ports.find(|port| port.name.as_deref() == Some(name)).map(|port| port.container_port);
    found.ok_or_else(|| Failure::Message(format!("Pod '{}' does not have a named port '{name}'", pod.name())))
}

fn service_port(service: &Service, name: &str) -> Result<i32, Failure> {
    let mut ports = service.spec.iter().flat_map(|spec| spec.ports.iter().flatten());
    let found = ports.find(|port| port.name.as_deref() == Some(name)).map(|port| port.port);
    found.ok_or_else(|| Failure::Message(format!("Service '{}' does not have a named port '{name}'", service.name())))
}

fn udp_only<'a>(ports: impl Iterator<Item = (i32, Option<&'a str>)>) -> BTreeSet<i32> {
    let (mut udp, mut tcp) = (BTreeSet::new(), BTreeSet::new());
    for (port, protocol) in ports {
        match protocol {
            Some("UDP") => udp.insert(port),
            None | Some("TCP") => tcp.insert(port),
            _ => continue,
        };
    }
    &udp - &tcp
}

fn check_udp(
    ports: &[String],
    udp: BTreeSet<i32>,
    named: impl Fn(&str) -> Result<i32, Failure>,
) -> Result<(), Failure> {
    for port in ports {
        let (_, remote) = split(port);
        let number = remote.parse().or_else(|_| named(remote))?;
        if udp.contains(&number) {
            return fail(format!("UDP protocol is not supported for {remote}"));
        }
    }
    Ok(())
}

fn joined(local: &str, remote: String, same: bool) -> String {
    if same { remote } else { format!("{local}:{remote}") }
}

fn of_pod(port: &str, pod: &Pod) -> Result<String, Failure> {
    let (local, remote) = split(port);
    if remote.is_empty() {
        return fail("remote port cannot be empty");
    }
    let number = match remote.parse::<i32>() {
        Ok(_) => remote.to_string(),
        Err(_) => pod_port(pod, remote)?.to_string(),
    };
    Ok(joined(local, number, local == remote))
}

fn of_service(port: &str, service: &Service, pod: &Pod) -> Result<String, Failure> {
    let (local, remote) = split(port);
    let number = remote.parse::<i32>().or_else(|_| service_port(service, remote))?;
    let local = if local == remote { number.to_string() } else { local.to_string() };
    let spec = service.spec.as_ref();
    let Some(declared) = spec.iter().flat_map(|spec| spec.ports.iter().flatten()).find(|p| p.port == number) else {
        return fail(format!("Service {} does not have a service port {number}", service.name()));
    };
    let headless = spec.and_then(|spec| spec.cluster_ip.as_deref()) == Some("None");
    let target = match &declared.target_port {
        _ if headless => number,
        None | Some(IntOrString::Int(0)) => declared.port,
        Some(IntOrString::Int(target)) => *target,
        Some(IntOrString::String(name)) => pod_port(pod, name)?,
    }
    .to_string();
    let same = local == target;
    Ok(joined(&local, target, same))
}

fn forward(port: &str) -> Result<Forward, Failure> {
    let (local, remote) = match port.split(':').collect::<Vec<_>>()[..] {
        [both] => (both, both),
        ["", remote] => ("0", remote),
        [local, remote] => (local, remote),
        _ => return fail(format!("invalid port format '{port}'")),
    };
    let number = |side: &str, text: &str| {
        text.parse::<u16>().map_err(|_| {
            let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
            let why = if digits { "value out of range" } else { "invalid syntax" };
            let message = format!("error parsing {side} port '{text}': strconv.ParseUint: parsing \"{text}\": {why}");
            Failure::Message(message)
        })
    };
    let forward = Forward { local: number("local", local)?, remote: number("remote", remote)? };
    if forward.remote == 0 { fail("remote port must be > 0") } else { Ok(forward) }
}

fn addresses(words: &[String]) -> Result<Vec<Address>, Failure> {
    let local = ["localhost".to_string()];
    let mut found = Vec::new();
    for word in if words.is_empty() { &local } else { words } {
        if word == "localhost" {
            let both = [IpAddr::from(Ipv4Addr::LOCALHOST), Ipv6Addr::LOCALHOST.into()];
            found.extend(both.map(|ip| Address { ip, localhost: true }));
        } else {
            let Ok(ip) = word.parse() else { return fail(format!("{word} is not a valid IP")) };
            found.push(Address { ip, localhost: false });
        }
    }
    found.sort_by_key(|address| address.ip.to_string());
    found.dedup_by_key(|address| address.ip);
    Ok(found)
}

/// Listens on each port at each address; fails if no port could be had.
async fn listen(
    cx: &Ctx,
    addresses: &[Address],
    mut forwards: Vec<Forward>,
) -> Result<Vec<(TcpListener, Forward)>, Failure> {
    let mut listeners = Vec::new();
    let mut any = false;
    for forward in &mut forwards {
        let (mut errors, mut failed, mut local_up, mut local_down) = (Vec::new(), false, false, false);
        for Address { ip, localhost } in addresses {
            let at = SocketAddr::new(*ip, forward.local);
            match cx.proc.net().listen(&cx.proc, at) {
                Ok(listener) => {
                    forward.local = listener.local_addr().port();
                    let at = SocketAddr::new(*ip, forward.local);
                    cx.out(format!("Forwarding from {at} -> {}\n", forward.remote)).await;
                    listeners.push((listener, *forward));
                    local_up |= localhost;
                }
                Err(errno) => {
                    let family = if ip.is_ipv4() { "tcp4" } else { "tcp6" };
                    let why = format!("listen {family} {at}: bind: {}", words(errno));
                    errors.push(format!("unable to create listener: Error {why}"));
                    failed |= !localhost;
                    local_down |= localhost;
                }
            }
        }
        if failed || (local_down && !local_up) {
            let why = format!("Listeners failed to create with the following errors: [{}]", errors.join(" "));
            cx.err(format!("Unable to listen on port {}: {why}\n", forward.local)).await;
        } else {
            any = true;
        }
    }
    if any {
        return Ok(listeners);
    }
    let ports: Vec<String> = forwards.iter().map(|f| format!("{{{} {}}}", f.local, f.remote)).collect();
    fail(format!("unable to listen on any of the requested ports: [{}]", ports.join(" ")))
}

/// As Go prints an error number.
fn words(errno: Errno) -> String {
    errno.text().to_lowercase()
}

/// Carries connections until one can't be made in the pod.
async fn serve(cx: &Ctx, dial: &Dial, listeners: &[(TcpListener, Forward)]) {
    let mut connections = FuturesUnordered::new();
    loop {
        let accepted = accept(listeners);
        let ended = async {
            match connections.next().await {
                Some(kept) => kept,
                None => std::future::pending().await,
            }
        };
        match race(accepted, ended).await {
            Either::Left((stream, forward)) => connections.push(carry(cx, dial, stream, forward)),
            Either::Right(true) => {}
            Either::Right(false) => return,
        }
    }
}

/// The next connection to any of the listeners.
async fn accept(listeners: &[(TcpListener, Forward)]) -> (TcpStream, Forward) {
    poll_fn(|cx| {
        for (listener, forward) in listeners {
            if let Poll::Ready(Ok(stream)) = listener.poll_accept(cx) {
                return Poll::Ready((stream, *forward));
            }
        }
        Poll::Pending
    })
    .await
}

/// One connection to its end; false if the pod couldn't be reached, which ends them all.
async fn carry(cx: &Ctx, dial: &Dial, local: TcpStream, forward: Forward) -> bool {
    cx.out(format!("Handling connection for {}\n", forward.local)).await;
    match dial(forward.remote).await {
        Ok(remote) => {
            let out = async {
                if copy(&local, &remote).await.is_ok() {
                    std::future::pending::<()>().await;
                }
            };
            // What is broken off on either side is broken off on the other by dropping it.
            let _done = race(copy(&remote, &local), out).await;
            true
        }
        Err(error) => {
            let wall = cx.now().strftime("%m%d %H:%M:%S%.6f");
            let (pid, Forward { local, remote }) = (cx.proc.pid(), forward);
            let text = format!(
                "E{wall} {pid:>7} portforward.go:404] \"An error occurred forwarding\" err={:?} localPort={local} \
                 remotePort={remote}\n",
                error.message
            );
            cx.err(text).await;
            false
        }
    }
}

/// Copies until the end, and passes that on.
async fn copy(from: &TcpStream, to: &TcpStream) -> Result<(), Errno> {
    loop {
        let data = from.read(CHUNK).await?;
        if data.is_empty() {
            to.shutdown();
            return Ok(());
        }
        to.write_all(&data).await?;
    }
}
