//! A container's environment. Source: kubernetes `pkg/kubelet/kubelet_pods.go`, `makeEnvironmentVariables`,
//! and `third_party/forked/golang/expansion`.

use std::{collections::BTreeMap, rc::Rc};

use k8s_openapi::api::core::v1::{ConfigMap, EnvVarSource, ResourceFieldSelector, Secret, Service};

use super::{
    quantity,
    status::{phase::is_static, pod::sorted_ips},
};
use crate::api::{
    ApiClient, Container, Pod, Resource,
    client::{self, ListOptions},
};

/// What the environment is made from besides the pod.
pub struct Context<'a> {
    pub client: &'a dyn ApiClient,
    pub pod: &'a Pod,
    pub pod_ips: &'a [String],
    pub host_ips: &'a [String],
    pub node: &'a str,
    /// Allocatable of the node, for limits that aren't set: milli-CPU, bytes of memory.
    pub allocatable: (i64, i64),
}

pub type Env = BTreeMap<String, String>;

/// The environment, or why it can't be made (the message of CreateContainerConfigError).
pub async fn build(context: &Context<'_>, container: &Container) -> Result<Env, String> {
    let services = service_variables(context).await?;
    let mut env = Env::new();
    for from in container.env_from.iter().flatten() {
        let prefix = from.prefix.as_deref().unwrap_or_default();
        let mut add = |data: Vec<(String, String)>| {
            env.extend(data.into_iter().map(|(key, value)| (format!("{prefix}{key}"), value)));
        };
        if let Some(reference) = &from.config_map_ref
            && let Some(map) = fetch::<ConfigMap>(context, &reference.name, reference.optional).await?
        {
            add(map.data.clone().unwrap_or_default().into_iter().collect());
        }
        if let Some(reference) = &from.secret_ref
            && let Some(secret) = fetch::<Secret>(context, &reference.name, reference.optional).await?
        {
            let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
            add(secret.data.iter().flatten().map(|(key, value)| (key.clone(), text(&value.0))).collect());
        }
    }
    for variable in container.env.iter().flatten() {
        let value = match (&variable.value, &variable.value_from) {
            (Some(value), _) if !value.is_empty() => Some(expand(value, &[&env, &services])),
            (_, Some(source)) => from_source(context, container, source).await?,
            _ => Some(String::new()),
        };
        if let Some(value) = value {
            env.insert(variable.name.clone(), value);
        }
    }
    for (name, value) in services {
        env.entry(name).or_insert(value);
    }
    Ok(env)
}

async fn fetch<R: Resource>(
    context: &Context<'_>,
    name: &str,
    optional: Option<bool>,
) -> Result<Option<Rc<R>>, String> {
    let namespace = context.pod.metadata.namespace.as_deref().unwrap_or_default();
    match client::get::<R>(context.client, namespace, name).await {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.is_not_found() && optional == Some(true) => Ok(None),
        Err(error) if error.is_not_found() => Err(format!("{} \"{name}\" not found", R::KIND.singular())),
        Err(error) => Err(error.message),
    }
}

async fn from_source(
    context: &Context<'_>,
    container: &Container,
    source: &EnvVarSource,
) -> Result<Option<String>, String> {
    let namespace = context.pod.metadata.namespace.as_deref().unwrap_or_default();
    if let Some(field) = &source.field_ref {
        return field_value(context, &field.field_path).map(Some);
    }
    if let Some(selector) = &source.resource_field_ref {
        return resource_value(context, container, selector).map(Some);
    }
    if let Some(selector) = &source.config_map_key_ref {
        let Some(map) = fetch::<ConfigMap>(context, &selector.name, selector.optional).await? else { return Ok(None) };
        let value = map.data.as_ref().and_then(|data| data.get(&selector.key)).cloned();
        return match value {
            None if selector.optional != Some(true) => {
                Err(format!("couldn't find key {} in ConfigMap {namespace}/{}", selector.key, selector.name))
            }
            value => Ok(value),
        };
    }
    if let Some(selector) = &source.secret_key_ref {
        let Some(secret) = fetch::<Secret>(context, &selector.name, selector.optional).await? else { return Ok(None) };
        let value = secret.data.as_ref().and_then(|data| data.get(&selector.key));
        return match value {
            None if selector.optional != Some(true) => {
                Err(format!("couldn't find key {} in Secret {namespace}/{}", selector.key, selector.name))
            }
            value => Ok(value.map(|bytes| String::from_utf8_lossy(&bytes.0).into_owned())),
        };
    }
    Ok(None)
}

/// `metadata.name`, `metadata.labels['app']`, `status.podIP`, …
pub fn field_value(context: &Context<'_>, path: &str) -> Result<String, String> {
    let pod = context.pod;
    let meta = &pod.metadata;
    let text = |t: &Option<String>| t.clone().unwrap_or_default();
    let subscript = |map: &Option<BTreeMap<String, String>>, key: &str| {
        map.as_ref().and_then(|map| map.get(key)).cloned().unwrap_or_default()
    };
    if let Some((map, key)) = path.strip_suffix("']").and_then(|path| path.split_once("['")) {
        return match map {
            "metadata.labels" => Ok(subscript(&meta.labels, key)),
            "metadata.annotations" => Ok(subscript(&meta.annotations, key)),
            _ => Err(format!("fieldPath \"{path}\" does not support subscript")),
        };
    }
    let formatted = |map: &Option<BTreeMap<String, String>>| {
        let line = |(key, value): (&String, &String)| format!("{key}={}", go_quote(value));
        map.iter().flatten().map(line).collect::<Vec<_>>().join("\n")
    };
    let first = |list: &[String]| list.first().cloned().unwrap_or_default();
    Ok(match path {
        "metadata.name" => text(&meta.name),
        "metadata.namespace" => text(&meta.namespace),
        "metadata.uid" => text(&meta.uid),
        "metadata.labels" => formatted(&meta.labels),
        "metadata.annotations" => formatted(&meta.annotations),
        "spec.nodeName" => context.node.to_string(),
        "spec.serviceAccountName" => pod.spec.as_ref().map(|spec| text(&spec.service_account_name)).unwrap_or_default(),
        "status.hostIP" => first(context.host_ips),
        "status.hostIPs" => context.host_ips.join(","),
        "status.podIP" => first(&sorted_ips(context.pod_ips, context.host_ips)),
        "status.podIPs" => sorted_ips(context.pod_ips, context.host_ips).join(","),
        _ => return Err(format!("unsupported fieldPath: {path}")),
    })
}

/// Go's `%q`, for what labels and annotations hold.
fn go_quote(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            '\n' => quoted.push_str("\\n"),
            '\t' => quoted.push_str("\\t"),
            '\r' => quoted.push_str("\\r"),
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

/// `limits.cpu` and its like, in units of the divisor, rounded up.
pub fn resource_value(
    context: &Context<'_>,
    container: &Container,
    selector: &ResourceFieldSelector,
) -> Result<String, String> {
    let unsupported = || format!("unsupported container resource : {}", selector.resource);
    let (list, resource) = selector.resource.split_once('.').ok_or_else(unsupported)?;
    let resources = container.resources.as_ref();
    let quantity = match list {
        "limits" => resources.and_then(|r| r.limits.as_ref()),
        "requests" => resources.and_then(|r| r.requests.as_ref()),
        _ => return Err(unsupported()),
    }
    .and_then(|list| list.get(resource));
    let decimals = quantity::decimals(resource);
    let amount = match (quantity, list, resource) {
        (Some(quantity), ..) => quantity::parse(&quantity.0, decimals).unwrap_or(0),
        // Without a limit, all that the node has is the limit.
        (None, "limits", "cpu") => context.allocatable.0,
        (None, "limits", "memory") => context.allocatable.1,
        _ => 0,
    };
    let divisor = selector.divisor.as_ref().map(|d| d.0.as_str()).filter(|d| !d.is_empty() && *d != "0").unwrap_or("1");
    let divisor = quantity::parse(divisor, decimals).filter(|d| *d > 0).unwrap_or(1);
    Ok((amount / divisor + i64::from(amount % divisor != 0)).to_string())
}

/// `$(NAME)` by the first of `maps` that has it; `$$` is `$`; an unknown name stays as it is.
pub fn expand(text: &str, maps: &[&Env]) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        if let Some(after) = rest.strip_prefix("$$") {
            out.push('$');
            rest = after;
        } else if let Some((name, after)) = rest.strip_prefix("$(").and_then(|r| r.split_once(')')) {
            match maps.iter().find_map(|map| map.get(name)) {
                Some(value) => out.push_str(value),
                None => out.push_str(&format!("$({name})")),
            }
            rest = after;
        } else {
            out.push('$');
            rest = &rest[1..];
        }
    }
    out + rest
}

/// The variables of the services that the pod sees: the master's always, its namespace's with
/// enableServiceLinks.
/// A command's or arguments' words, expanded.
pub fn expand_all(words: Option<&[String]>, env: &Env) -> Vec<String> {
    words.unwrap_or_default().iter().map(|word| expand(word, &[env])).collect()
}

async fn service_variables(context: &Context<'_>) -> Result<Env, String> {
    let namespace = context.pod.metadata.namespace.as_deref().unwrap_or_default();
    let links = context.pod.spec.as_ref().and_then(|spec| spec.enable_service_links);
    let links = links.ok_or("nil pod.spec.enableServiceLinks encountered, cannot construct envvars")?;
    let mut named = BTreeMap::new();
    match client::get::<Service>(context.client, "default", "kubernetes").await {
        Ok(master) => {
            named.insert(master.name().to_string(), master);
        }
        // A static pod doesn't wait for the apiserver.
        Err(error) if error.is_not_found() || is_static(context.pod) => {}
        Err(error) => return Err(error.message),
    }
    if links {
        let services = client::list::<Service>(context.client, namespace, ListOptions::default()).await;
        for service in services.map_err(|error| error.message)? {
            if has_address(&service) {
                named.insert(service.name().to_string(), service);
            }
        }
    }
    let mut env = Env::new();
    named.values().for_each(|service| add_service(&mut env, service));
    Ok(env)
}

fn has_address(service: &Service) -> bool {
    let ip = service.spec.as_ref().and_then(|spec| spec.cluster_ip.as_deref());
    ip.is_some_and(|ip| !ip.is_empty() && ip != "None")
}

fn add_service(env: &mut Env, service: &Service) {
    let Some(spec) = service.spec.as_ref().filter(|_| has_address(service)) else { return };
    let ip = spec.cluster_ip.as_deref().unwrap_or_default();
    let upper = |name: &str| name.to_ascii_uppercase().replace('-', "_");
    let name = upper(service.name());
    let ports = spec.ports.as_deref().unwrap_or_default();
    let Some(first) = ports.first() else { return };
    env.insert(format!("{name}_SERVICE_HOST"), ip.to_string());
    env.insert(format!("{name}_SERVICE_PORT"), first.port.to_string());
    let protocol =
        |port: &k8s_openapi::api::core::v1::ServicePort| port.protocol.clone().unwrap_or_else(|| "TCP".into());
    for port in ports {
        if let Some(label) = port.name.as_ref().filter(|label| !label.is_empty()) {
            env.insert(format!("{name}_SERVICE_PORT_{}", upper(label)), port.port.to_string());
        }
    }
    for (i, port) in ports.iter().enumerate() {
        let protocol = protocol(port);
        let url = format!("{}://{ip}:{}", protocol.to_ascii_lowercase(), port.port);
        if i == 0 {
            env.insert(format!("{name}_PORT"), url.clone());
        }
        let prefix = format!("{name}_PORT_{}_{}", port.port, protocol.to_ascii_uppercase());
        env.insert(format!("{prefix}_PROTO"), protocol.to_ascii_lowercase());
        env.insert(format!("{prefix}_PORT"), port.port.to_string());
        env.insert(format!("{prefix}_ADDR"), ip.to_string());
        env.insert(prefix, url);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expansion() {
        let first = Env::from([("A".to_string(), "1".to_string()), ("B".to_string(), "$(A)".to_string())]);
        let second = Env::from([("A".to_string(), "2".to_string()), ("C".to_string(), "3".to_string())]);
        let table = [
            ("$(A)-$(C)", "1-3"),
            ("$(B)", "$(A)"),
            ("$$(A)", "$(A)"),
            ("$(D) $A $", "$(D) $A $"),
            ("$(A", "$(A"),
            ("$$$(A)", "$1"),
        ];
        for (text, expected) in table {
            assert_eq!(expand(text, &[&first, &second]), expected, "{text}");
        }
    }
}
