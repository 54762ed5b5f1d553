//! Volumes, claims and their classes (`describePersistentVolume`, `describePersistentVolumeClaim`, `describeStorageClass`).

use jiff::Timestamp;
use serde_json::Value;

use super::{age, annotations, labels};
use crate::{
    api::{
        Pod, Resource, client,
        client::ListOptions,
        other::Other,
        volumes::{claims, class, volume_of},
    },
    kubectl::{Ctx, Failure},
};

fn text(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn finalizers(o: &Other) -> String {
    format!("[{}]", o.metadata.finalizers.as_deref().unwrap_or_default().join(" "))
}

fn status(o: &Other, now: Timestamp) -> String {
    match &o.metadata.deletion_timestamp {
        Some(since) => format!("Terminating (lasts {})", age(since.0, now)),
        None => o.text("status/phase").to_string(),
    }
}

/// `RWO,ROX`
fn modes(value: &Value) -> String {
    let given = value.as_array();
    let known =
        [("ReadWriteOnce", "RWO"), ("ReadOnlyMany", "ROX"), ("ReadWriteMany", "RWX"), ("ReadWriteOncePod", "RWOP")];
    let short = known.iter().filter(|(long, _)| given.is_some_and(|given| given.iter().any(|mode| mode == long)));
    short.map(|(_, short)| *short).collect::<Vec<_>>().join(",")
}

/// `a=b,c=d`
pub fn formatted(map: impl Iterator<Item = (String, String)>) -> String {
    let pairs: Vec<String> = map.map(|(key, value)| format!("{key}={value}")).collect();
    if pairs.is_empty() { "<none>".into() } else { pairs.join(",") }
}

pub fn volume(out: &mut String, o: &Other, now: Timestamp) {
    let meta = &o.metadata;
    out.push_str(&format!("Name:\t{}\n", meta.name.as_deref().unwrap_or_default()));
    labels(out, "Labels:", meta.labels.as_ref());
    annotations(out, meta.annotations.as_ref());
    let claim = o.at("spec/claimRef");
    let claim = match claim.is_object() {
        true => format!("{}/{}", text(&claim["namespace"]), text(&claim["name"])),
        false => String::new(),
    };
    let mut line = |key: &str, value: &str| out.push_str(&format!("{key}:\t{value}\n"));
    line("Finalizers", &finalizers(o));
    line("StorageClass", class(o));
    line("Status", &status(o, now));
    line("Claim", &claim);
    line("Reclaim Policy", o.text("spec/persistentVolumeReclaimPolicy"));
    line("Access Modes", &modes(o.at("spec/accessModes")));
    line("VolumeMode", o.text("spec/volumeMode"));
    line("Capacity", o.text("spec/capacity/storage"));
    let terms = o.at("spec/nodeAffinity/required").get("nodeSelectorTerms").and_then(Value::as_array);
    match terms {
        None => out.push_str("Node Affinity:\t<none>\n"),
        Some(terms) => {
            out.push_str("Node Affinity:\t\n  Required Terms:\t");
            out.push_str(if terms.is_empty() { "<none>\n" } else { "\n" });
            for (i, term) in terms.iter().enumerate() {
                let rules = term["matchExpressions"].as_array().map_or(&[][..], Vec::as_slice);
                let shown = rules.iter().map(|rule| {
                    let head = format!("{} {}", text(&rule["key"]), text(&rule["operator"]).to_ascii_lowercase());
                    with_values(head, &rule["values"])
                });
                term_lines(out, &format!("    Term {i}:"), shown);
            }
        }
    }
    out.push_str(&format!("Message:\t{}\nSource:\n", o.text("status/message")));
    source(out, o.at("spec"));
}

fn with_values(head: String, values: &Value) -> String {
    let values: Vec<String> = values.as_array().into_iter().flatten().map(text).collect();
    if values.is_empty() { head } else { format!("{head} [{}]", values.join(", ")) }
}

fn term_lines(out: &mut String, title: &str, lines: impl Iterator<Item = String>) {
    out.push_str(title);
    let mut first = true;
    for line in lines {
        // Lines after the first are indented as deep as the title.
        let indent = if first { "" } else { &title[..title.len() - title.trim_start().len()] };
        out.push_str(&format!("{indent}\t{line}\n"));
        first = false;
    }
    if first {
        out.push_str("\t<none>\n");
    }
}

fn source(out: &mut String, spec: &Value) {
    let mut line = |key: &str, value: &str| out.push_str(&format!("    {key}:\t{value}\n"));
    let flag = |value: &Value| value.as_bool().unwrap_or(false).to_string();
    if let Some(host) = spec.get("hostPath") {
        line("Type", "HostPath (bare host directory volume)");
        line("Path", &text(&host["path"]));
        line("HostPathType", host["type"].as_str().unwrap_or("<none>"));
    } else if let Some(nfs) = spec.get("nfs") {
        line("Type", "NFS (an NFS mount that lasts the lifetime of a pod)");
        line("Server", &text(&nfs["server"]));
        line("Path", &text(&nfs["path"]));
        line("ReadOnly", &flag(&nfs["readOnly"]));
    } else if let Some(local) = spec.get("local") {
        line("Type", "LocalVolume (a persistent volume backed by local storage on a node)");
        line("Path", &text(&local["path"]));
    } else if let Some(csi) = spec.get("csi") {
        line("Type", "CSI (a Container Storage Interface (CSI) volume source)");
        line("Driver", &text(&csi["driver"]));
        line("FSType", &text(&csi["fsType"]));
        line("VolumeHandle", &text(&csi["volumeHandle"]));
        line("ReadOnly", &flag(&csi["readOnly"]));
        let attributes = csi["volumeAttributes"].as_object().into_iter().flatten();
        term_lines(out, "    VolumeAttributes:", attributes.map(|(key, value)| format!("  {key}={}", text(value))));
    } else {
        out.push_str("  <unknown>\n");
    }
}

pub async fn claim(cx: &Ctx, out: &mut String, o: &Other) -> Result<(), Failure> {
    let meta = &o.metadata;
    let (namespace, name) = (meta.namespace.as_deref().unwrap_or_default(), meta.name.as_deref().unwrap_or_default());
    let bound = !volume_of(o).is_empty();
    out.push_str(&format!("Name:\t{name}\nNamespace:\t{namespace}\nStorageClass:\t{}\n", class(o)));
    out.push_str(&format!("Status:\t{}\nVolume:\t{}\n", status(o, cx.now()), volume_of(o)));
    labels(out, "Labels:", meta.labels.as_ref());
    annotations(out, meta.annotations.as_ref());
    let of_volume = |text: String| if bound { text } else { String::new() };
    out.push_str(&format!(
        "Finalizers:\t{}\nCapacity:\t{}\nAccess Modes:\t{}\n",
        finalizers(o),
        of_volume(match o.text("status/capacity/storage") {
            "" => "0".into(),
            capacity => capacity.to_string(),
        }),
        of_volume(modes(o.at("status/accessModes"))),
    ));
    if !o.text("spec/volumeMode").is_empty() {
        out.push_str(&format!("VolumeMode:\t{}\n", o.text("spec/volumeMode")));
    }
    let from = o.at("spec/dataSource");
    if from.is_object() {
        out.push_str("DataSource:\n");
        for (title, key) in [("APIGroup", "apiGroup"), ("Kind", "kind"), ("Name", "name")] {
            if key != "apiGroup" || !from[key].is_null() {
                out.push_str(&format!("  {title}:\t{}\n", text(&from[key])));
            }
        }
    }
    let pods = client::list::<Pod>(&*cx.client, namespace, ListOptions::default()).await?;
    let uses = |pod: &Pod| claims(pod).any(|(_, claim)| claim == name);
    let mut users: Vec<&str> = pods.iter().filter(|pod| uses(pod)).map(|pod| pod.name()).collect();
    users.sort_unstable();
    term_lines(out, "Used By:", users.into_iter().map(str::to_string));
    Ok(())
}

pub fn storage_class(out: &mut String, o: &Other) {
    const DEFAULT: [&str; 2] =
        ["storageclass.kubernetes.io/is-default-class", "storageclass.beta.kubernetes.io/is-default-class"];
    let meta = &o.metadata;
    let all = || meta.annotations.iter().flatten();
    let is_default = all().any(|(key, value)| DEFAULT.contains(&key.as_str()) && value == "true");
    let parameters = o.at("parameters").as_object().into_iter().flatten();
    let mut line = |key: &str, value: &str| out.push_str(&format!("{key}:\t{value}\n"));
    line("Name", meta.name.as_deref().unwrap_or_default());
    line("IsDefaultClass", if is_default { "Yes" } else { "No" });
    line("Annotations", &formatted(all().map(|(key, value)| (key.clone(), value.clone()))));
    line("Provisioner", o.text("provisioner"));
    line("Parameters", &formatted(parameters.map(|(key, value)| (key.clone(), text(value)))));
    line(
        "AllowVolumeExpansion",
        match o.at("allowVolumeExpansion").as_bool() {
            None => "<unset>",
            Some(true) => "True",
            Some(false) => "False",
        },
    );
    match o.at("mountOptions").as_array() {
        Some(options) if !options.is_empty() => {
            out.push_str("MountOptions:\n");
            options.iter().for_each(|option| out.push_str(&format!("  {}\n", text(option))));
        }
        _ => out.push_str("MountOptions:\t<none>\n"),
    }
    for (key, path) in [("ReclaimPolicy", "reclaimPolicy"), ("VolumeBindingMode", "volumeBindingMode")] {
        if !o.text(path).is_empty() {
            out.push_str(&format!("{key}:\t{}\n", o.text(path)));
        }
    }
    if let Some(topologies) = o.at("allowedTopologies").as_array() {
        out.push_str(if topologies.is_empty() { "AllowedTopologies:\t<none>\n" } else { "AllowedTopologies:\t\n" });
        for (i, topology) in topologies.iter().enumerate() {
            let rules = topology["matchLabelExpressions"].as_array().map_or(&[][..], Vec::as_slice);
            let shown = rules.iter().map(|rule| with_values(format!("{} in", text(&rule["key"])), &rule["values"]));
            term_lines(out, &format!("  Term {i}:"), shown);
        }
    }
}
