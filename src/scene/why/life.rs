//! The pod as a whole: its node is silent, it ends, it is over, its init containers are at work.

use super::super::facts::{ContainerFacts, PodFacts, Role};
use super::super::{Mark, duration};
use super::restart::meaning;
use super::{Why, list, sentence};

/// What the default admission puts into every pod.
const TOLERATED: i64 = 300;

pub(super) fn node_silent(facts: &PodFacts, _: &[ContainerFacts]) -> Option<Why> {
    let node = facts.node()?;
    let start = format!("Start {node} again, and its kubelet reports what is so.");
    if let Some(since) = facts.node_lost {
        let answer = format!(
            "Unknown. {node} no longer reports, so the API still shows {}, the last that its kubelet wrote: the containers \
             may run or not.",
            facts.phase()
        );
        let next = if facts.is_ending() {
            format!("Only that kubelet can confirm the deletion. {start}")
        } else {
            match eviction(facts, since) {
                Some(left) if left > 0.0 => {
                    format!(
                        "In {} the pod is marked for deletion, as it tolerates an unreachable node no longer. {start}",
                        duration(left.ceil())
                    )
                }
                Some(_) => format!("It is due to be marked for deletion. {start}"),
                None => format!("It tolerates an unreachable node for ever. {start}"),
            }
        };
        return Some(
            Why::new("What is known?", answer, Mark::Unknown)
                .next(next)
                .command(format!("kubectl describe node {node}")),
        );
    }
    facts.node_off.then(|| {
        let answer = format!(
            "{node} is stopped, which nothing tells the API: it shows {} until the node has been silent for so long that it \
             counts as NotReady.",
            facts.phase()
        );
        Why::new("What is known?", answer, Mark::Unknown).next(start).command("kubectl get nodes")
    })
}

/// Seconds until the taint of an unreachable node evicts the pod; `None`: never.
fn eviction(facts: &PodFacts, since: jiff::Timestamp) -> Option<f64> {
    let tolerations = facts.pod.spec.as_ref().and_then(|s| s.tolerations.as_ref());
    let of = |t: &&k8s_openapi::api::core::v1::Toleration| {
        let key = t.key.as_deref().unwrap_or("");
        key == "node.kubernetes.io/unreachable" || key.is_empty()
    };
    let tolerated: Vec<Option<i64>> =
        tolerations.into_iter().flatten().filter(of).map(|t| t.toleration_seconds).collect();
    if tolerated.contains(&None) {
        return None;
    }
    let seconds = tolerated.into_iter().flatten().min().unwrap_or(TOLERATED);
    Some(seconds as f64 - facts.now.duration_since(since).as_secs_f64())
}

pub(super) fn ending(facts: &PodFacts, containers: &[ContainerFacts]) -> Option<Why> {
    if !facts.is_ending() {
        return None;
    }
    let grace = facts.pod.metadata.deletion_grace_period_seconds.unwrap_or(30);
    let left = facts.pod.metadata.deletion_timestamp.as_ref();
    let left = left.map_or(0.0, |t| t.0.duration_since(facts.now).as_secs_f64());
    let alive: Vec<&str> = containers.iter().filter(|c| c.is_running()).map(|c| c.name).collect();
    let finalizers: Vec<&str> = facts.pod.metadata.finalizers.iter().flatten().map(String::as_str).collect();
    let question = "Why is it Terminating?";
    if alive.is_empty() && !finalizers.is_empty() {
        let answer = format!(
            "Its containers have ended, but {} {} in metadata.finalizers: the object stays until whoever put {} there takes {} out.",
            list(&finalizers),
            if finalizers.len() == 1 { "stands" } else { "stand" },
            if finalizers.len() == 1 { "it" } else { "them" },
            if finalizers.len() == 1 { "it" } else { "them" },
        );
        let patch = format!(
            "kubectl {}patch pod {} --type=json -p '[{{\"op\":\"remove\",\"path\":\"/metadata/finalizers\"}}]'",
            facts.flag(),
            facts.name()
        );
        return Some(Why::new(question, answer, Mark::Ending).field("metadata.finalizers").command(patch));
    }
    if alive.is_empty() {
        return Some(Why::new(
            question,
            "Its containers have ended; the kubelet is taking down the sandbox.",
            Mark::Ending,
        ));
    }
    if left <= 0.0 {
        let answer = format!("The grace of {grace} s is over: {} gets SIGKILL.", list(&alive));
        return Some(Why::new(question, answer, Mark::Ending));
    }
    let hooked = facts
        .pod
        .spec
        .iter()
        .flat_map(|s| &s.containers)
        .any(|c| alive.contains(&c.name.as_str()) && c.lifecycle.as_ref().is_some_and(|l| l.pre_stop.is_some()));
    let answer = if hooked {
        format!("It was asked to end: preStop hooks run first, then SIGTERM goes to process 1 of {}.", list(&alive))
    } else {
        format!("It was asked to end: SIGTERM went to process 1 of {}.", list(&alive))
    };
    let next = format!("What still runs after {grace} s of grace gets SIGKILL, in {}.", duration(left.ceil()));
    Some(Why::new(question, answer, Mark::Ending).next(next).field("spec.terminationGracePeriodSeconds"))
}

pub(super) fn over(facts: &PodFacts, containers: &[ContainerFacts]) -> Option<Why> {
    let policy = facts.restart_policy();
    match facts.phase() {
        "Succeeded" => {
            let answer = format!(
                "All its containers ended with exit code 0, and restartPolicy {policy} does not start again what succeeded."
            );
            Some(Why::new("Why does it not run?", answer, Mark::Succeeded).next("Nothing: Succeeded is final."))
        }
        "Failed" => Some(failed(facts, containers)),
        _ => None,
    }
}

fn failed(facts: &PodFacts, containers: &[ContainerFacts]) -> Why {
    let status = facts.pod.status.as_ref();
    let question = "Why did it fail?";
    if let Some(reason) = status.and_then(|s| s.reason.as_deref()) {
        let message = status.and_then(|s| s.message.as_deref()).unwrap_or("");
        let why = Why::new(question, format!("{reason}: {}", sentence(message)), Mark::Failed)
            .next("Nothing: Failed is final.");
        let asks = containers.iter().find(|c| c.resources.cpu.0.or(c.resources.memory.0).is_some());
        return match (reason, asks) {
            ("DeadlineExceeded", _) => why.field("spec.activeDeadlineSeconds"),
            ("OutOfcpu" | "OutOfmemory", Some(c)) => why.field(c.field("resources.requests")),
            _ => why,
        };
    }
    let failed = containers.iter().find_map(|c| Some((c, c.ended().filter(|t| t.exit_code != 0)?)));
    let policy = facts.restart_policy();
    let Some((c, t)) = failed else {
        return Why::new(
            question,
            format!("A container failed; restartPolicy {policy} does not start it again."),
            Mark::Failed,
        );
    };
    let oom =
        if t.reason.as_deref() == Some("OOMKilled") { ", killed for using more memory than its limit" } else { "" };
    let answer = format!(
        "{} ended with exit code {}{}{oom}; restartPolicy {policy} does not start it again.",
        c.name,
        t.exit_code,
        meaning(t.exit_code)
    );
    Why::new(question, answer, Mark::Failed)
        .next("Nothing: Failed is final.")
        .field("spec.restartPolicy")
        .command(format!("kubectl {}logs {} -c {}", facts.flag(), facts.name(), c.name))
}

/// All is well, but not for ever.
pub(super) fn deadline(facts: &PodFacts, _: &[ContainerFacts]) -> Option<Why> {
    let seconds = facts.pod.spec.as_ref()?.active_deadline_seconds?;
    let start = facts.pod.status.as_ref()?.start_time.as_ref()?.0;
    let left = seconds as f64 - facts.now.duration_since(start).as_secs_f64();
    let answer = format!("{} s after its start at most: then the kubelet ends it, however well it is.", seconds);
    let when = if left > 0.0 { format!("In {}", duration(left.ceil())) } else { "Now".into() };
    Some(
        Why::new("How long does it live?", answer, Mark::Pending)
            .next(format!("{when} it fails with DeadlineExceeded."))
            .field("spec.activeDeadlineSeconds"),
    )
}

pub(super) fn init(_: &PodFacts, containers: &[ContainerFacts]) -> Option<Why> {
    let steps: Vec<&ContainerFacts> =
        containers.iter().filter(|c| matches!(c.role, Role::Init | Role::Sidecar)).collect();
    let waits = |c: &&&ContainerFacts| match c.role {
        Role::Sidecar => c.status.is_none_or(|s| s.started != Some(true)),
        _ => !c.is_done(),
    };
    let c = *steps.iter().find(waits)?;
    let at = steps.iter().position(|s| s.name == c.name).map_or(0, |i| i + 1);
    let doing = match c.state() {
        Some(_) if c.role == Role::Sidecar => "is a sidecar that has not started yet",
        Some(s) if s.running.is_some() => "runs",
        Some(s) if s.terminated.is_some() => "failed and is started again",
        _ => "has not started",
    };
    let answer = format!(
        "Init containers run one after the other, and the main containers wait for all of them: {} ({at} of {}) {doing}.",
        c.name,
        steps.len()
    );
    let next = match steps.get(at) {
        Some(after) => format!("When {} has ended with 0, {} starts.", c.name, after.name),
        None => format!("When {} has ended with 0, the main containers start together.", c.name),
    };
    let next = if c.role == Role::Sidecar { "The next starts as soon as it has started.".into() } else { next };
    Some(Why::new("Why is it Pending?", answer, Mark::Pending).next(next).field(c.field("command")))
}
