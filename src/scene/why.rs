//! Why a pod is as it is: one sentence or two of prose for the common cases, from what the API and the node say.

use super::facts::{ContainerFacts, PodFacts, Role};
use super::{Mark, duration};

#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct Why {
    pub question: String,
    pub answer: String,
    pub mark: Mark,
    /// The field to change, as a path in the manifest: `spec.containers[1].ports`.
    pub field: Option<String>,
}

/// `None` if all is well.
pub fn build(facts: &PodFacts) -> Option<Why> {
    let containers = facts.containers();
    let node = facts.pod.spec.as_ref().and_then(|s| s.node_name.as_deref()).unwrap_or("its node");
    if facts.node_lost.is_some() {
        return Some(why(
            "What is known?",
            format!(
                "Unknown. {node} no longer reports, so the API still shows {}, the last that its kubelet wrote: the \
                 containers may run or not{}.",
                facts.phase(),
                if facts.is_ending() { ", and only that kubelet can confirm the deletion" } else { "" }
            ),
            Mark::Unknown,
        ));
    }
    if facts.node_off {
        return Some(why(
            "What is known?",
            format!(
                "{node} is stopped, which nothing tells the API: it shows {} until the node has been silent for so long that \
                 it counts as NotReady.",
                facts.phase()
            ),
            Mark::Unknown,
        ));
    }
    if facts.is_ending() {
        return Some(ending(facts, &containers));
    }
    if let Some(c) = facts.condition("PodScheduled").filter(|c| c.status == "False") {
        let mut w = why(
            "Why is it Pending?",
            format!(
                "No node can take it: {}",
                sentence(c.message.as_deref().unwrap_or("the scheduler has not said why"))
            ),
            Mark::Pending,
        );
        w.field = Some("spec".into());
        return Some(w);
    }
    if let Some(w) = containers.iter().find_map(|c| trouble(facts, c, &containers)) {
        return Some(w);
    }
    match facts.phase() {
        "Failed" => return Some(why("Why did it fail?", over(facts, &containers), Mark::Failed)),
        "Succeeded" => return None,
        _ => {}
    }
    if let Some(w) = init(&containers) {
        return Some(w);
    }
    let not_ready: Vec<&str> = containers
        .iter()
        .filter(|c| c.role != Role::Init && c.role != Role::Ephemeral)
        .filter(|c| c.state().is_some_and(|s| s.running.is_some()) && c.status.is_some_and(|s| !s.ready))
        .map(|c| c.name)
        .collect();
    if facts.phase() == "Running" && !not_ready.is_empty() {
        return Some(why(
            "Why is it not ready?",
            format!(
                "{} {} but the readiness probe has not succeeded, so no Service sends requests here.",
                list(&not_ready),
                if not_ready.len() == 1 { "runs," } else { "run," }
            ),
            Mark::Pending,
        ));
    }
    None
}

fn why(question: &str, answer: String, mark: Mark) -> Why {
    Why { question: question.into(), answer, mark, field: None }
}

fn ending(facts: &PodFacts, containers: &[ContainerFacts]) -> Why {
    let grace = facts.pod.metadata.deletion_grace_period_seconds.unwrap_or(30);
    let left = facts
        .pod
        .metadata
        .deletion_timestamp
        .as_ref()
        .map(|t| t.0.duration_since(facts.now).as_secs_f64())
        .unwrap_or(0.0);
    let alive: Vec<&str> =
        containers.iter().filter(|c| c.state().is_some_and(|s| s.running.is_some())).map(|c| c.name).collect();
    let answer = if alive.is_empty() {
        "Its containers have ended; the kubelet is taking down the sandbox.".to_owned()
    } else if left > 0.0 {
        format!(
            "It was asked to end: SIGTERM went to process 1 of {}. What still runs after {grace} s of grace gets SIGKILL, in {}.",
            list(&alive),
            duration(left.ceil())
        )
    } else {
        format!("The grace of {grace} s is over: {} gets SIGKILL.", list(&alive))
    };
    why("Why is it Terminating?", answer, Mark::Ending)
}

/// What keeps one container from running.
fn trouble(facts: &PodFacts, c: &ContainerFacts, all: &[ContainerFacts]) -> Option<Why> {
    // Until the kubelet's next look at the pod the API tells the end itself; the back-off runs already.
    let crashed = c.ended().filter(|_| facts.inside_of(c.name).is_some_and(|i| i.back_off.is_some()));
    let reason = if crashed.is_some() { "CrashLoopBackOff" } else { c.waiting_reason()? };
    let message = c.state()?.waiting.as_ref().and_then(|w| w.message.as_deref()).unwrap_or("");
    let field = |leaf: &str| {
        let init = matches!(c.role, Role::Init | Role::Sidecar);
        let index =
            all.iter().filter(|o| matches!(o.role, Role::Init | Role::Sidecar) == init).position(|o| o.name == c.name);
        Some(format!("spec.{}[{}].{leaf}", if init { "initContainers" } else { "containers" }, index.unwrap_or(0)))
    };
    match reason {
        "ErrImagePull" | "ImagePullBackOff" => Some(Why {
            field: field("image"),
            ..why(
                "Why does it not start?",
                format!(
                    "The image {} of {} can't be pulled: {} Is the name right?",
                    c.image,
                    c.name,
                    sentence(&root_cause(message))
                ),
                Mark::Failed,
            )
        }),
        "InvalidImageName" => Some(Why {
            field: field("image"),
            ..why(
                "Why does it not start?",
                format!("{} is no image name: {}", c.image, sentence(message)),
                Mark::Failed,
            )
        }),
        "ErrImageNeverPull" => Some(Why {
            field: field("imagePullPolicy"),
            ..why(
                "Why does it not start?",
                format!("{} is not on the node, and imagePullPolicy Never forbids to pull it.", c.image),
                Mark::Failed,
            )
        }),
        "CrashLoopBackOff" => {
            let last = crashed.or(c.ended_before());
            let code = last.map(|t| t.exit_code);
            let restarts = c.status.map_or(0, |s| s.restart_count);
            let again = "and is restarted with a growing delay: 10 s, 20 s, 40 s, at most 5 min";
            if let Some((port, holder)) = clash(facts, c) {
                return Some(Why {
                    field: field("ports"),
                    ..why(
                        "Why is it not ready?",
                        format!(
                            "Containers of a pod share one set of ports. {holder} has {port}, so {} can't bind it, exits with {}, {again}. \
                             Give it another port or a pod of its own.",
                            c.name,
                            code.unwrap_or(1)
                        ),
                        Mark::Failed,
                    )
                });
            }
            let said = match (code, last.and_then(|t| t.reason.as_deref())) {
                (_, Some("OOMKilled")) => "was killed for using more memory than its limit".to_owned(),
                (Some(0), _) => {
                    "ends with exit code 0, and restartPolicy Always starts again even what succeeded".to_owned()
                }
                (Some(code), _) => format!("ends with exit code {code}{}", meaning(code)),
                (None, _) => "keeps ending".to_owned(),
            };
            Some(Why {
                field: field("command"),
                ..why(
                    "Why does it restart?",
                    format!(
                        "{} {said}, {again}. {restarts} so far; its last words: kubectl logs {} -c {} --previous",
                        c.name,
                        facts.name(),
                        c.name
                    ),
                    Mark::Failed,
                )
            })
        }
        "CreateContainerConfigError" | "CreateContainerError" | "RunContainerError" => Some(Why {
            field: field("command"),
            ..why("Why does it not start?", format!("{}: {}", c.name, sentence(message)), Mark::Failed)
        }),
        _ => None,
    }
}

/// The port that the container wanted and that another holds.
fn clash(facts: &PodFacts, c: &ContainerFacts) -> Option<(u16, String)> {
    let log = &facts.inside_of(c.name)?.log;
    let lines: Vec<&String> = log
        .iter()
        .filter(|l| {
            let l = l.to_ascii_lowercase();
            l.contains("eaddrinuse") || l.contains("address already in use") || l.contains("address in use")
        })
        .collect();
    if lines.is_empty() {
        return None;
    }
    let named = |port: u16| {
        let port = port.to_string();
        lines.iter().any(|l| l.split(|ch: char| !ch.is_ascii_digit()).any(|word| word == port))
    };
    let inside = facts.inside.as_ref()?;
    let others = || inside.listeners.iter().filter(|l| l.container != c.name);
    others()
        .find(|l| named(l.port))
        .or_else(|| others().find(|l| c.ports.iter().any(|p| p.0 == l.port)))
        .map(|l| (l.port, l.container.clone()))
}

/// Ports that a container lost to another, for the picture.
pub(super) fn clashes(facts: &PodFacts) -> Vec<(u16, String)> {
    facts
        .containers()
        .iter()
        .filter(|c| c.state().is_some_and(|s| s.running.is_none()))
        .filter_map(|c| clash(facts, c).map(|(port, _)| (port, c.name.to_owned())))
        .collect()
}

fn init(containers: &[ContainerFacts]) -> Option<Why> {
    let steps: Vec<&ContainerFacts> = containers.iter().filter(|c| c.role == Role::Init).collect();
    let at =
        steps.iter().position(|c| c.state().is_none_or(|s| s.terminated.as_ref().is_none_or(|t| t.exit_code != 0)))?;
    let c = steps[at];
    let doing = match c.state() {
        Some(s) if s.running.is_some() => "runs",
        Some(s) if s.terminated.is_some() => "failed and is started again",
        _ => "has not started",
    };
    Some(why(
        "Why is it Pending?",
        format!(
            "Init containers run one after the other, and the main containers wait for all of them: {} ({} of {}) {doing}.",
            c.name,
            at + 1,
            steps.len()
        ),
        Mark::Pending,
    ))
}

fn over(facts: &PodFacts, containers: &[ContainerFacts]) -> String {
    let status = facts.pod.status.as_ref();
    if let Some(reason) = status.and_then(|s| s.reason.as_deref()) {
        let message = status.and_then(|s| s.message.as_deref()).unwrap_or("");
        return format!("{reason}: {}", sentence(message));
    }
    let failed = containers.iter().find_map(|c| {
        let t = c.state()?.terminated.as_ref()?;
        (t.exit_code != 0).then(|| format!("{} ended with exit code {}{}", c.name, t.exit_code, meaning(t.exit_code)))
    });
    let policy = facts.pod.spec.as_ref().and_then(|s| s.restart_policy.as_deref()).unwrap_or("Always");
    format!(
        "{}; restartPolicy {policy} does not start it again.",
        failed.unwrap_or_else(|| "A container failed".into())
    )
}

/// What a shell or the kernel means by an exit code.
fn meaning(code: i32) -> String {
    match code {
        126 => " (the command is there, but can't be executed)".into(),
        127 => " (the command was not found)".into(),
        129..=159 => {
            let signal = code - 128;
            let name = match signal {
                1 => "SIGHUP",
                2 => "SIGINT",
                6 => "SIGABRT",
                9 => "SIGKILL",
                11 => "SIGSEGV",
                15 => "SIGTERM",
                _ => return format!(" (killed by signal {signal})"),
            };
            format!(" (killed by {name})")
        }
        _ => String::new(),
    }
}

/// The last cause of a chain of wrapped errors, quotes taken off.
fn root_cause(message: &str) -> String {
    let message = message.rsplit_once("desc = ").map_or(message, |(_, cause)| cause);
    let tail = message.rsplit(": ").find(|part| part.split_whitespace().count() > 1).unwrap_or(message);
    tail.trim_matches(|c| c == '"' || c == ' ').to_owned()
}

fn sentence(text: &str) -> String {
    let text = text.trim();
    if text.is_empty() || text.ends_with(['.', '!', '?']) { text.to_owned() } else { format!("{text}.") }
}

fn list(names: &[&str]) -> String {
    match names {
        [] => String::new(),
        [one] => (*one).to_owned(),
        [most @ .., last] => format!("{} and {last}", most.join(", ")),
    }
}
