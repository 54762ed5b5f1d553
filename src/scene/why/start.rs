//! A container does not start: image, configuration, command, volumes; or its image is on the way.

use super::super::facts::{ContainerFacts, PodFacts};
use super::super::{Mark, duration};
use super::{Why, describe, sentence};

const QUESTION: &str = "Why does it not start?";

pub(super) fn troubles(facts: &PodFacts, containers: &[ContainerFacts]) -> Option<Why> {
    containers.iter().find_map(|c| trouble(facts, c))
}

fn trouble(facts: &PodFacts, c: &ContainerFacts) -> Option<Why> {
    let waiting = c.state()?.waiting.as_ref()?;
    let message = waiting.message.as_deref().unwrap_or("");
    let why = |answer: String| Why::new(QUESTION, answer, Mark::Failed).command(describe(facts));
    Some(match waiting.reason.as_deref()? {
        "ErrImagePull" | "ImagePullBackOff" => {
            let cause = sentence(&root_cause(message));
            let guess =
                if message.contains("not found") || message.contains("denied") || message.contains("authorization") {
                    " Is the name right?"
                } else {
                    ""
                };
            why(format!("The image {} of {} can't be pulled: {cause}{guess}", c.image, c.name))
                .next(again(facts, c))
                .field(c.field("image"))
        }
        "InvalidImageName" => why(format!("{} is no image name: {}", c.image, sentence(message)))
            .next("Nothing happens until the name is changed.")
            .field(c.field("image")),
        "ErrImageNeverPull" => {
            why(format!("{} is not on the node, and imagePullPolicy Never forbids to pull it.", c.image))
                .field(c.field("imagePullPolicy"))
        }
        "CreateContainerConfigError" => {
            let field = match () {
                () if message.contains("runAsNonRoot") || message.contains("non-root") => "securityContext",
                () if message.contains("couldn't find key") => "env",
                () if message.contains("configmap") || message.contains("secret") => "envFrom",
                () => "",
            };
            let field = if field == "envFrom" && !has_env_from(facts, c.name) { "env" } else { field };
            why(format!("{} can't be configured: {}", c.name, sentence(message)))
                .next("The kubelet looks again every few seconds: what is missing may be made now.")
                .field(c.field(field))
        }
        "CreateContainerError" | "RunContainerError" | "StartError" => {
            why(format!("{}: {}", c.name, sentence(&last_cause(message)))).field(c.field("command"))
        }
        _ => return None,
    })
}

/// When an image is pulled again.
fn again(facts: &PodFacts, c: &ContainerFacts) -> String {
    let left = facts
        .inside_of(c.name)
        .and_then(|i| i.pull_back_off)
        .map(|(end, _)| end.duration_since(facts.now).as_secs_f64().ceil())
        .filter(|left| *left > 0.0 && c.waiting_reason() == Some("ImagePullBackOff"));
    match left {
        Some(left) => {
            format!("It is not pulled for another {}. Each failure doubles that, to 5 min at most.", duration(left))
        }
        None => "The kubelet tries again with a growing delay, at most 5 min.".into(),
    }
}

fn has_env_from(facts: &PodFacts, container: &str) -> bool {
    let spec = facts.pod.spec.as_ref();
    let all = spec.into_iter().flat_map(|s| s.init_containers.iter().flatten().chain(&s.containers));
    all.filter(|c| c.name == container).any(|c| c.env_from.as_ref().is_some_and(|e| !e.is_empty()))
}

/// The kubelet can't set up a volume: it tells so in events alone.
pub(super) fn volumes(facts: &PodFacts, containers: &[ContainerFacts]) -> Option<Why> {
    if !starting(containers) {
        return None;
    }
    let event =
        facts.events.iter().rev().find(|e| matches!(e.reason.as_str(), "FailedMount" | "FailedAttachVolume"))?;
    let volume = event.message.split("for volume \"").nth(1).and_then(|rest| rest.split('"').next());
    let spec = facts.pod.spec.as_ref();
    let index = spec.and_then(|s| s.volumes.as_ref()?.iter().position(|v| Some(v.name.as_str()) == volume));
    let field = index.map_or_else(|| "spec.volumes".to_owned(), |i| format!("spec.volumes[{i}]"));
    let cause = event.message.rsplit(" : ").next().unwrap_or(&event.message);
    let which = volume.map(|v| format!("The volume {v}")).unwrap_or_else(|| "A volume".into());
    Some(
        Why::new(QUESTION, format!("{which} can't be set up: {}", sentence(cause)), Mark::Failed)
            .next("The kubelet tries again with a growing delay: what is missing may be made now.")
            .field(field)
            .command(describe(facts)),
    )
}

/// Scheduled, and no container runs yet.
fn starting(containers: &[ContainerFacts]) -> bool {
    let creating = |c: &ContainerFacts| {
        c.state().is_none() || matches!(c.waiting_reason(), Some("ContainerCreating" | "PodInitializing"))
    };
    containers.iter().all(creating)
}

pub(super) fn pulling(facts: &PodFacts, containers: &[ContainerFacts]) -> Option<Why> {
    let waits = |c: &&ContainerFacts| c.waiting_reason() == Some("ContainerCreating");
    let first = containers.iter().find(waits)?;
    let pull = facts.pull.as_ref()?;
    let own = containers
        .iter()
        .filter(waits)
        .find(|c| crate::registry::ImageRef::parse(c.image).is_ok_and(|full| full.to_string() == pull.image));
    let answer = match own {
        Some(c) => format!("The node pulls the image of {}, {}.", c.name, c.image),
        None => format!("{} waits for its image: the node pulls one at a time, now {}.", first.name, pull.image),
    };
    let next = match own {
        Some(c) => format!("In {} it is there, and {} starts.", duration(pull.left.ceil()), c.name),
        None => format!("Its turn comes in {}.", duration(pull.left.ceil())),
    };
    Some(Why::new("Why is it Pending?", answer, Mark::Pending).next(next))
}

/// The last cause of a chain of wrapped errors, quotes taken off.
fn root_cause(message: &str) -> String {
    let message = message.rsplit_once("desc = ").map_or(message, |(_, cause)| cause);
    // The image's name in full says nothing new.
    if message.contains("authorization failed") || message.contains("insufficient_scope") {
        return "the registry has no such image, or wants a login".into();
    }
    let tail = message.rsplit(": ").find(|part| part.split_whitespace().count() > 1).unwrap_or(message);
    tail.trim_matches(|c| c == '"' || c == ' ').to_owned()
}

/// What a runtime's chain of errors comes down to.
fn last_cause(message: &str) -> String {
    if let Some((_, rest)) = message.split_once("exec: ") {
        return rest.replace("unknown", "").trim_matches([' ', ':']).to_owned();
    }
    message.rsplit("desc = ").next().unwrap_or(message).to_owned()
}
