//! `kubectl cluster-info dump`: lists of objects and all logs, to stdout or into files (`kubectl/pkg/cmd/clusterinfo`).

use serde_json::Value;

use super::{
    Args, Ctx, Failure, Outcome, fail,
    printers::{self, Format},
};
use crate::api::{
    Kind, Object, Pod, Resource,
    client::{ListOptions, LogOptions},
};

/// What is listed of each namespace, and the files' names.
const LISTED: [(Kind, &str); 7] = [
    (Kind::Event, "events"),
    (Kind::ReplicationController, "replication-controllers"),
    (Kind::Service, "services"),
    (Kind::DaemonSet, "daemonsets"),
    (Kind::Deployment, "deployments"),
    (Kind::ReplicaSet, "replicasets"),
    (Kind::Pod, "pods"),
];

struct Dump<'a> {
    cx: &'a Ctx,
    /// "" for stdout.
    directory: String,
    format: Format,
    extension: &'static str,
    begun: bool,
}

pub async fn main(cx: &Ctx, args: &Args) -> Outcome {
    let (format, extension) = match args.get("output").unwrap_or("json") {
        "" | "json" => (Format::Json, ".json"),
        "yaml" => (Format::Yaml, ".yaml"),
        other => (Format::read(cx, Some(other)).await?, ".txt"),
    };
    if format.is_table() {
        return fail("unable to match a printer suitable for the output format");
    }
    let directory = args.get("output-directory").filter(|directory| *directory != "-").unwrap_or_default().to_string();
    let mut dump = Dump { cx, directory, format, extension, begun: false };
    dump.list(Kind::Node, "", "nodes").await?;
    let mut namespaces = args.list("namespaces");
    if args.on("all-namespaces") {
        let all = cx.client.list(Kind::Namespace, "", ListOptions::default()).await?;
        namespaces = all.items.iter().map(|object| object.name().to_string()).collect();
    } else if namespaces.is_empty() {
        namespaces = vec!["kube-system".into(), cx.namespace.clone()];
    }
    for namespace in namespaces {
        let mut pods = Vec::new();
        for (kind, file) in LISTED {
            pods = dump.list(kind, &namespace, &format!("{namespace}/{file}")).await?;
        }
        for pod in pods.iter().filter_map(|object| object.as_::<Pod>()) {
            dump.logs(pod).await?;
        }
    }
    if !dump.directory.is_empty() {
        cx.out(format!("Cluster info dumped to {}\n", dump.directory)).await;
    }
    Ok(0)
}

impl Dump<'_> {
    async fn list(&mut self, kind: Kind, namespace: &str, file: &str) -> Result<Vec<Object>, Failure> {
        let list = self.cx.client.list(kind, namespace, ListOptions::default()).await?;
        let items: Vec<Value> = list.items.iter().map(item).collect();
        // A typed list, whose items don't repeat what they are; its fields come in Go's order.
        let text = match &self.format {
            Format::Json => {
                let (name, group) = (kind.name(), kind.api_version());
                let items = indented(&Format::Json.whole(&items.into())?);
                let metadata = format!("{{\n        \"resourceVersion\": \"{}\"\n    }}", list.resource_version);
                format!(
                    "{{\n    \"kind\": \"{name}List\",\n    \"apiVersion\": \"{group}\",\n    \"metadata\": {metadata},\n    \
                     \"items\": {items}\n}}\n"
                )
            }
            format => {
                let whole = serde_json::json!({
                    "apiVersion": kind.api_version(),
                    "items": items,
                    "kind": format!("{}List", kind.name()),
                    "metadata": {"resourceVersion": list.resource_version.to_string()},
                });
                let text = format.whole(&whole)?;
                let again = std::mem::replace(&mut self.begun, true) && matches!(format, Format::Yaml);
                if again { format!("---\n{text}") } else { text }
            }
        };
        self.put(&format!("{file}{}", self.extension), text.as_bytes()).await?;
        Ok(list.items)
    }

    async fn logs(&mut self, pod: &Pod) -> Result<(), Failure> {
        let (namespace, name) = (pod.namespace(), pod.name());
        let mut out = Vec::new();
        let spec = pod.spec.as_ref();
        let init = spec.iter().flat_map(|spec| spec.init_containers.iter().flatten());
        let containers = init.chain(spec.iter().flat_map(|spec| &spec.containers));
        for container in containers {
            let mark = |what: &str| {
                format!("==== {what} logs for container {} of pod {namespace}/{name} ====\n", container.name)
            };
            out.extend_from_slice(mark("START").as_bytes());
            let options = LogOptions { container: Some(container.name.clone()), ..LogOptions::default() };
            match self.cx.client.logs(namespace, name, options).await {
                Ok(mut stream) => {
                    while let Some(data) = stream.recv().await {
                        out.extend(data);
                    }
                }
                Err(error) => out.extend_from_slice(format!("Request log error: {error}\n").as_bytes()),
            }
            out.extend_from_slice(mark("END").as_bytes());
        }
        self.put(&format!("{namespace}/{name}/logs.txt"), &out).await
    }

    /// To stdout, or into a file that nobody else may read.
    async fn put(&self, file: &str, text: &[u8]) -> Result<(), Failure> {
        let proc = &self.cx.proc;
        if self.directory.is_empty() {
            // Nobody is left to tell if stdout is closed.
            let _ = proc.write(&proc.stdout(), text).await;
            return Ok(());
        }
        let path = format!("{}/{file}", self.directory.trim_end_matches('/'));
        let failed =
            |errno: crate::os::Errno| Failure::Message(format!("open {path}: {}", errno.text().to_lowercase()));
        let parents = path.match_indices('/').map(|(at, _)| &path[..at]).filter(|parent| !parent.is_empty());
        for parent in parents {
            if proc.stat(parent).is_err() {
                proc.mkdir(parent, 0o700).map_err(failed)?;
            }
        }
        proc.write_file(&path, text).await.map_err(failed)?;
        proc.chmod(&path, 0o600).map_err(failed)
    }
}

fn item(object: &Object) -> Value {
    let mut value = printers::value(object, false);
    if let Some(fields) = value.as_object_mut() {
        fields.remove("apiVersion");
        fields.remove("kind");
    }
    value
}

/// JSON one level deeper.
fn indented(json: &str) -> String {
    json.trim_end().replace('\n', "\n    ")
}
