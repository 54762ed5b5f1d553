//! Rules that bind others: quotas and limits, disruption budgets, network policies, roles and their bindings.

use std::collections::BTreeMap;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::LabelSelector as ApiSelector;
use serde_json::Value;

use super::{annotations, labels};
use crate::{
    api::{Object, other::Other, selector::LabelSelector},
    kubectl::{Ctx, Failure},
};

const NONE: &[Value] = &[];

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(NONE, Vec::as_slice)
}

fn text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn place(out: &mut String, o: &Other) {
    let meta = &o.metadata;
    let (namespace, name) = (meta.namespace.as_deref().unwrap_or_default(), meta.name.as_deref().unwrap_or_default());
    out.push_str(&format!("Name:\t{name}\nNamespace:\t{namespace}\n"));
}

/// As `metav1.FormatLabelSelector`.
fn selector(value: &Value) -> String {
    let parsed: Option<ApiSelector> = serde_json::from_value(value.clone()).ok();
    let shown = LabelSelector::from_api(parsed.as_ref()).map(|selector| selector.to_string()).unwrap_or_default();
    if shown.is_empty() { "<none>".into() } else { shown }
}

fn scope_help(scope: &str) -> Option<&'static str> {
    Some(match scope {
        "Terminating" => {
            "Matches all pods that have an active deadline. These pods have a limited lifespan on a node before being \
             actively terminated by the system."
        }
        "NotTerminating" => {
            "Matches all pods that do not have an active deadline. These pods usually include long running pods whose \
             container command is not expected to terminate."
        }
        "BestEffort" => {
            "Matches all pods that do not have resource requirements set. These pods have a best effort quality of \
             service."
        }
        "NotBestEffort" => {
            "Matches all pods that have at least one resource requirement set. These pods have a burstable or \
             guaranteed quality of service."
        }
        _ => return None,
    })
}

fn quota_body(out: &mut String, o: &Other, indent: &str, bullet: &str, dashes: &str) {
    let mut scopes: Vec<String> = list(o.at("spec/scopes")).iter().map(text).collect();
    scopes.sort();
    if !scopes.is_empty() {
        out.push_str(&format!("{indent}Scopes:\t{}\n", scopes.join(", ")));
        for help in scopes.iter().filter_map(|scope| scope_help(scope)) {
            out.push_str(&format!("{indent}{bullet} {help}\n"));
        }
    }
    out.push_str(&format!("{indent}Resource\tUsed\tHard\n{indent}--------\t{dashes}\t{dashes}\n"));
    for (name, hard) in o.at("status/hard").as_object().into_iter().flatten() {
        let used = o.at("status/used").get(name).map_or("0".into(), text);
        out.push_str(&format!("{indent}{name}\t{used}\t{}\n", text(hard)));
    }
}

pub fn quota(out: &mut String, o: &Other) {
    place(out, o);
    quota_body(out, o, "", " *", "----");
}

fn limits(out: &mut String, o: &Other, prefix: &str) {
    const PARTS: [&str; 5] = ["max", "min", "default", "defaultRequest", "maxLimitRequestRatio"];
    for item in list(o.at("spec/limits")) {
        let mut names: Vec<&String> = Vec::new();
        for name in PARTS.iter().flat_map(|part| item[part].as_object().into_iter().flatten()).map(|(name, _)| name) {
            if !names.contains(&name) {
                names.push(name);
            }
        }
        for name in names {
            let of = |part: &str| item[part].get(name).map_or("-".into(), text);
            out.push_str(&format!(
                "{prefix}{}\t{name}\t{}\t{}\t{}\t{}\t{}\n",
                text(&item["type"]),
                of("min"),
                of("max"),
                of("defaultRequest"),
                of("default"),
                of("maxLimitRequestRatio"),
            ));
        }
    }
}

fn limits_head(out: &mut String, prefix: &str) {
    out.push_str(&format!(
        "{prefix}Type\tResource\tMin\tMax\tDefault Request\tDefault Limit\tMax Limit/Request Ratio\n\
         {prefix}----\t--------\t---\t---\t---------------\t-------------\t-----------------------\n"
    ));
}

pub fn limit_range(out: &mut String, o: &Other) {
    place(out, o);
    limits_head(out, "");
    limits(out, o, "");
}

/// What a namespace's description ends with.
pub async fn of_namespace(cx: &Ctx, out: &mut String, namespace: &str) -> Result<(), Failure> {
    use crate::api::{Kind, client::ListOptions};
    let list = async |kind| cx.client.list(kind, namespace, ListOptions::default()).await;
    let others = |objects: Vec<Object>| {
        objects.into_iter().filter_map(|object| if let Object::Other(o) = object { Some(o) } else { None })
    };
    let quotas: Vec<_> = others(list(Kind::ResourceQuota).await?.items).collect();
    out.push_str(if quotas.is_empty() { "\nNo resource quota.\n" } else { "\nResource Quotas\n" });
    for o in &quotas {
        out.push_str(&format!("  Name:\t{}\n", o.metadata.name.as_deref().unwrap_or_default()));
        quota_body(out, o, "  ", "*", "---");
    }
    let ranges: Vec<_> = others(list(Kind::LimitRange).await?.items).collect();
    if ranges.is_empty() {
        out.push_str("\nNo LimitRange resource.\n");
        return Ok(());
    }
    out.push_str("\nResource Limits\n");
    limits_head(out, " ");
    ranges.iter().for_each(|o| limits(out, o, " "));
    Ok(())
}

pub fn budget(out: &mut String, o: &Other) {
    place(out, o);
    for (title, path) in [("Min available", "spec/minAvailable"), ("Max unavailable", "spec/maxUnavailable")] {
        if !o.at(path).is_null() {
            out.push_str(&format!("{title}:\t{}\n", text(o.at(path))));
            break;
        }
    }
    let chosen = o.at("spec/selector");
    out.push_str(&format!(
        "Selector:\t{}\nStatus:\n",
        if chosen.is_null() { "<unset>".into() } else { selector(chosen) }
    ));
    for (title, path) in [
        ("Allowed disruptions", "disruptionsAllowed"),
        ("Current", "currentHealthy"),
        ("Desired", "desiredHealthy"),
        ("Total", "expectedPods"),
    ] {
        out.push_str(&format!("    {title}:\t{}\n", o.at("status").get(path).and_then(Value::as_i64).unwrap_or(0)));
    }
}

pub fn network_policy(out: &mut String, o: &Other) {
    place(out, o);
    let created =
        o.metadata.creation_timestamp.as_ref().map(|at| at.0.strftime("%Y-%m-%d %H:%M:%S +0000 UTC").to_string());
    out.push_str(&format!("Created on:\t{}\n", created.unwrap_or_default()));
    labels(out, "Labels:", o.metadata.labels.as_ref());
    annotations(out, o.metadata.annotations.as_ref());
    let pods = match selector(o.at("spec/podSelector")).as_str() {
        "<none>" => "<none> (Allowing the specific traffic to all pods in this namespace)".to_string(),
        chosen => chosen.to_string(),
    };
    out.push_str(&format!("Spec:\n  PodSelector:     {pods}\n"));
    let types: Vec<String> = list(o.at("spec/policyTypes")).iter().map(text).collect();
    for (kind, word, peers, title, unlimited) in
        [("Ingress", "ingress", "from", "From", "source"), ("Egress", "egress", "to", "To", "destination")]
    {
        if !types.iter().any(|given| given == kind) {
            out.push_str(&format!("  Not affecting {word} traffic\n"));
            continue;
        }
        out.push_str(&format!("  Allowing {word} traffic:\n"));
        let rules = list(o.at("spec").get(word).unwrap_or(&Value::Null));
        if rules.is_empty() {
            out.push_str(&format!("    <none> (Selected pods are isolated for {word} connectivity)\n"));
        }
        for (i, rule) in rules.iter().enumerate() {
            if i > 0 {
                out.push_str("    ----------\n");
            }
            policy_ports(out, list(&rule["ports"]));
            let peers = list(&rule[peers]);
            if peers.is_empty() {
                out.push_str(&format!("    {title}: <any> (traffic not restricted by {unlimited})\n"));
            }
            for peer in peers {
                out.push_str(&format!("    {title}:\n"));
                policy_peer(out, peer);
            }
        }
    }
    out.push_str(&format!("  Policy Types: {}\n", types.join(", ")));
}

fn policy_ports(out: &mut String, ports: &[Value]) {
    if ports.is_empty() {
        out.push_str("    To Port: <any> (traffic allowed to all ports)\n");
    }
    for port in ports {
        let protocol = port["protocol"].as_str().unwrap_or("TCP");
        let number = if port["port"].is_null() { "<nil>".into() } else { text(&port["port"]) };
        match port["endPort"].as_i64() {
            None => out.push_str(&format!("    To Port: {number}/{protocol}\n")),
            Some(end) => out.push_str(&format!("    To Port Range: {number}-{end}/{protocol}\n")),
        }
    }
}

fn policy_peer(out: &mut String, peer: &Value) {
    for (title, key) in [("NamespaceSelector", "namespaceSelector"), ("PodSelector", "podSelector")] {
        if peer[key].is_object() {
            out.push_str(&format!("      {title}: {}\n", selector(&peer[key])));
        }
    }
    let block = &peer["ipBlock"];
    if block.is_object() {
        let except: Vec<String> = list(&block["except"]).iter().map(text).collect();
        out.push_str(&format!(
            "      IPBlock:\n        CIDR: {}\n        Except: {}\n",
            text(&block["cidr"]),
            except.join(", ")
        ));
    }
}

/// One line of a role's table.
#[derive(Clone, Default)]
struct Rule {
    group: String,
    resource: String,
    name: Option<String>,
    url: Option<String>,
    verbs: Vec<String>,
}

impl Rule {
    /// As Go prints the rule; the lines' order is that of these texts.
    fn order(&self) -> String {
        let one = |text: &Option<String>| text.clone().unwrap_or_default();
        format!(
            "Verbs:[{}],APIGroups:[{}],Resources:[{}],ResourceNames:[{}],NonResourceURLs:[{}],",
            self.verbs.join(" "),
            self.group,
            self.resource,
            one(&self.name),
            one(&self.url)
        )
    }

    fn resource_group(&self) -> String {
        let (head, tail) = self.resource.split_once('/').map_or((&*self.resource, None), |(a, b)| (a, Some(b)));
        let group = if self.group.is_empty() { String::new() } else { format!(".{}", self.group) };
        format!("{head}{group}{}", tail.map(|tail| format!("/{tail}")).unwrap_or_default())
    }
}

/// One line for each resource, with all its verbs.
fn rules(o: &Other) -> Vec<Rule> {
    let mut simple: BTreeMap<(String, String, Option<String>), Rule> = BTreeMap::new();
    let mut all = Vec::new();
    for rule in list(o.at("rules")) {
        let verbs: Vec<String> = list(&rule["verbs"]).iter().map(text).collect();
        for group in list(&rule["apiGroups"]).iter().map(text) {
            for resource in list(&rule["resources"]).iter().map(text) {
                let mut names: Vec<Option<String>> =
                    list(&rule["resourceNames"]).iter().map(|n| Some(text(n))).collect();
                if names.is_empty() {
                    names.push(None);
                }
                for name in names {
                    let made = Rule {
                        group: group.clone(),
                        resource: resource.clone(),
                        name: name.clone(),
                        ..Rule::default()
                    };
                    let known = simple.entry((group.clone(), resource.clone(), name)).or_insert(made);
                    for verb in &verbs {
                        if !known.verbs.contains(verb) {
                            known.verbs.push(verb.clone());
                        }
                    }
                }
            }
        }
        for url in list(&rule["nonResourceURLs"]).iter().map(text) {
            let one = |verb: &String| Rule { url: Some(url.clone()), verbs: vec![verb.clone()], ..Rule::default() };
            all.extend(verbs.iter().map(one));
        }
    }
    all.extend(simple.into_values());
    all.sort_by_key(Rule::order);
    all
}

pub fn role(out: &mut String, o: &Other) {
    head(out, o);
    out.push_str(
        "PolicyRule:\n  Resources\tNon-Resource URLs\tResource Names\tVerbs\n  \
         ---------\t-----------------\t--------------\t-----\n",
    );
    for rule in rules(o) {
        let one = |text: &Option<String>| format!("[{}]", text.as_deref().unwrap_or_default());
        out.push_str(&format!(
            "  {}\t{}\t{}\t[{}]\n",
            rule.resource_group(),
            one(&rule.url),
            one(&rule.name),
            rule.verbs.join(" ")
        ));
    }
}

pub fn binding(out: &mut String, o: &Other) {
    head(out, o);
    out.push_str(&format!("Role:\n  Kind:\t{}\n  Name:\t{}\n", o.text("roleRef/kind"), o.text("roleRef/name")));
    out.push_str("Subjects:\n  Kind\tName\tNamespace\n  ----\t----\t---------\n");
    for subject in list(o.at("subjects")) {
        let of = |key: &str| text(&subject[key]);
        out.push_str(&format!("  {}\t{}\t{}\n", of("kind"), of("name"), of("namespace")));
    }
}

fn head(out: &mut String, o: &Other) {
    out.push_str(&format!("Name:\t{}\n", o.metadata.name.as_deref().unwrap_or_default()));
    labels(out, "Labels:", o.metadata.labels.as_ref());
    annotations(out, o.metadata.annotations.as_ref());
}
