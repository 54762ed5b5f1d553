//! Which container of a pod is meant (`kubectl/pkg/cmd/util/podcmd`).

use super::{Ctx, Failure};
use crate::api::Pod;

const DEFAULT: &str = "kubectl.kubernetes.io/default-container";

/// All names: init, regular and ephemeral containers.
pub fn names(pod: &Pod) -> Vec<&str> {
    let Some(spec) = &pod.spec else { return Vec::new() };
    let init = spec.init_containers.iter().flatten().map(|c| c.name.as_str());
    let regular = spec.containers.iter().map(|c| c.name.as_str());
    let ephemeral = spec.ephemeral_containers.iter().flatten().map(|c| c.name.as_str());
    init.chain(regular).chain(ephemeral).collect()
}

/// `app, sidecar, debug (ephem), setup (init)`
pub fn all_names(pod: &Pod) -> String {
    let Some(spec) = &pod.spec else { return String::new() };
    let regular = spec.containers.iter().map(|c| c.name.clone());
    let ephemeral = spec.ephemeral_containers.iter().flatten().map(|c| format!("{} (ephem)", c.name));
    let init = spec.init_containers.iter().flatten().map(|c| format!("{} (init)", c.name));
    regular.chain(ephemeral).chain(init).collect::<Vec<_>>().join(", ")
}

/// The container asked for, else the annotated one, else the first with a word on stderr.
pub async fn choose(cx: &Ctx, pod: &Pod, asked: Option<&str>, quiet: bool) -> Result<String, Failure> {
    let name = pod.metadata.name.as_deref().unwrap_or_default();
    let names = names(pod);
    if let Some(asked) = asked.filter(|name| !name.is_empty()) {
        if names.contains(&asked) {
            return Ok(asked.into());
        }
        let all = all_names(pod);
        return Err(Failure::Message(format!("container {asked} is not valid for pod {name} out of: {all}")));
    }
    if let Some(annotated) = pod.metadata.annotations.as_ref().and_then(|a| a.get(DEFAULT)).filter(|a| !a.is_empty()) {
        if names.contains(&annotated.as_str()) {
            return Ok(annotated.clone());
        }
        if !quiet {
            cx.err(format!("Default container name \"{annotated}\" not found in pod {name}\n")).await;
        }
    }
    let Some(first) = pod.spec.as_ref().and_then(|spec| spec.containers.first()) else {
        return Err(Failure::Message(format!("no containers found in pod {name}")));
    };
    if names.len() > 1 && !quiet {
        cx.err(format!("Defaulted container \"{}\" out of: {}\n", first.name, all_names(pod))).await;
    }
    Ok(first.name.clone())
}
