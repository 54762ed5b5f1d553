//! `kubectl debug`: an ephemeral container in a pod, a changed copy of a pod, or a pod in a node's own namespaces.
//! Source: kubectl `pkg/cmd/debug`.

mod profile;

use std::rc::Rc;

use k8s_openapi::api::core::v1::ContainerStatus;
use serde_json::{Map, Value, json};

use self::profile::Profile;
use super::{Args, Ctx, Failure, Outcome, exec, fail, failure_text, resource, run, write};
use crate::{
    api::{
        Error, Kind, Object, Pod, client,
        client::{Body, DeleteOptions, ListOptions, Patch, Subresource, WriteOptions},
        patch,
    },
    apiserver::NAME_ALPHABET,
    registry::ImageRef,
};

/// How the target is debugged; profiles differ by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Style {
    Ephemeral,
    Copy,
    Node,
}

/// The command line, checked.
struct Options<'a> {
    args: &'a Args,
    command: &'a [String],
    env: Vec<(String, String)>,
    set_images: Vec<(String, String)>,
    profile: Profile<'a>,
    custom: Option<Value>,
}

pub async fn main(cx: &Ctx, args: &Args) -> Outcome {
    let options = Options::read(cx, args).await?;
    options.check(cx).await?;
    let words: Vec<String> =
        args.args.iter().map(|word| if word.contains('/') { word.clone() } else { format!("pods/{word}") }).collect();
    let mut found = resource::fetch(cx, args, &words).await?;
    for object in &found.objects {
        let (pod, container) = match object {
            Object::Pod(_) if !options.text("copy-to").is_empty() => options.copy(cx, object).await?,
            Object::Pod(_) => options.ephemeral(cx, object).await?,
            Object::Node(_) => options.node(cx, object).await?,
            other => {
                let kind = other.kind();
                return fail(format!("\"{}/{}, Kind={kind}\" not supported by debug", kind.group(), kind.version()));
            }
        };
        let attach = if args.get("attach").is_some() { args.on("attach") } else { args.on("stdin") };
        if attach && !container.is_empty() {
            options.attach(cx, &pod, &container).await?;
        }
    }
    found.failures.pop().map_or(Ok(0), Err)
}

impl<'a> Options<'a> {
    async fn read(cx: &Ctx, args: &'a Args) -> Result<Options<'a>, Failure> {
        let pairs = |flag: &str| -> Result<Vec<(String, String)>, Failure> {
            let mut pairs: Vec<(String, String)> = Vec::new();
            for text in args.each(flag).iter().flat_map(|text| text.split(',')) {
                let Some((key, value)) = text.split_once('=') else {
                    return fail(format!(
                        "invalid argument \"{text}\" for \"--{flag}\" flag: {text} must be formatted as key=value"
                    ));
                };
                pairs.retain(|(known, _)| known != key);
                pairs.push((key.into(), value.into()));
            }
            Ok(pairs)
        };
        let custom = match args.get("custom").unwrap_or_default() {
            "" => None,
            path => {
                let bytes = cx.proc.read_file(path).await.map_err(|errno| {
                    Failure::Message(format!(
                        "must pass a container spec json file for custom profile: open {path}: {}",
                        errno.text().to_lowercase()
                    ))
                })?;
                let documents = crate::manifest::parse_bytes(&bytes);
                let value = documents.docs().next().map(|document| document.value.clone());
                match value.filter(Value::is_object) {
                    Some(value) => Some(value),
                    None => return fail(format!("{path} does not contain a valid container spec")),
                }
            }
        };
        Ok(Options {
            args,
            command: args.dash.as_deref().unwrap_or_default(),
            env: pairs("env")?,
            set_images: pairs("set-image")?,
            profile: Profile::named(args.get("profile").unwrap_or("general"), args)?,
            custom,
        })
    }

    fn text(&self, flag: &str) -> &'a str {
        self.args.get(flag).unwrap_or_default()
    }

    fn quiet(&self) -> bool {
        self.args.on("quiet")
    }

    async fn check(&self, cx: &Ctx) -> Result<(), Failure> {
        let args = self.args;
        let (image, container, command) = (self.text("image"), self.text("container"), self.command);
        if args.on("attach") && image.is_empty() && container.is_empty() {
            return fail("you must specify --container or create a new container using --image in order to attach.");
        }
        if !self.text("copy-to").is_empty() {
            if image.is_empty() && self.set_images.is_empty() && command.is_empty() {
                return fail("you must specify --image, --set-image or command arguments.");
            }
            if !command.is_empty() && container.is_empty() && image.is_empty() {
                return fail("you must specify an existing container or a new image when specifying args.");
            }
        } else if args.on("replace") {
            return fail("--replace may only be used with --copy-to.");
        } else if args.on("same-node") {
            return fail("--same-node may only be used with --copy-to.");
        } else if !self.set_images.is_empty() {
            return fail("--set-image may only be used with --copy-to.");
        } else if image.is_empty() {
            return fail("you must specify --image when not using --copy-to.");
        }
        if !image.is_empty() && ImageRef::parse(image).is_err() {
            return fail(format!("invalid image name \"{image}\": invalid reference format"));
        }
        if args.args.is_empty() && args.each("filename").is_empty() {
            return fail("NAME or filename is required for debug");
        }
        match self.text("image-pull-policy") {
            "" | "Always" | "IfNotPresent" | "Never" => {}
            other => return fail(format!("invalid image pull policy: {other}")),
        }
        for (name, image) in &self.set_images {
            if ImageRef::parse(image).is_err() {
                return fail(format!(
                    "invalid image name \"{image}\" for container \"{name}\": invalid reference format"
                ));
            }
        }
        let target = self.text("target");
        if !target.is_empty() {
            if !self.text("copy-to").is_empty() {
                return fail("--target is incompatible with --copy-to. Use --share-processes instead.");
            }
            if !self.quiet() {
                cx.out(format!(
                    "Targeting container \"{target}\". If you don't see processes from this container it may be because \
                     the container runtime doesn't support this feature.\n"
                ))
                .await;
            }
        }
        if args.on("tty") && !args.on("stdin") {
            return fail("-i/--stdin is required for containers with -t/--tty=true");
        }
        if let Some(custom) = &self.custom {
            let set = |key: &str| custom.get(key).is_some_and(|v| !v.is_null() && *v != json!("") && *v != json!([]));
            if ["name", "command", "image", "lifecycle", "volumeDevices"].iter().any(|key| set(key)) {
                return fail(
                    "name, command, image, lifecycle and volume devices are not modifiable via custom profile",
                );
            }
        }
        if self.text("profile") == "legacy" {
            cx.err(
                "--profile=legacy is deprecated and planned to be removed in v1.39. It is recommended to specify other \
                 profile, for example \"--profile=general\".\n",
            )
            .await;
        }
        Ok(())
    }

    /// What every debugging container has.
    fn container(&self, name: &str) -> Value {
        let mut container = json!({"name": name, "terminationMessagePolicy": "File", "resources": {}});
        self.change(&mut container);
        container
    }

    fn change(&self, container: &mut Value) {
        if !self.command.is_empty() {
            let only_args = self.args.on("arguments-only");
            if !only_args && let Some(map) = container.as_object_mut() {
                map.remove("args");
            }
            container[if only_args { "args" } else { "command" }] = json!(self.command);
        }
        if !self.env.is_empty() {
            container["env"] = self.env.iter().map(|(name, value)| json!({"name": name, "value": value})).collect();
        }
        for (flag, key) in [("image", "image"), ("image-pull-policy", "imagePullPolicy")] {
            if !self.text(flag).is_empty() {
                container[key] = self.text(flag).into();
            }
        }
        for flag in ["stdin", "tty"] {
            container[flag] = self.args.on(flag).into();
        }
    }

    /// The name asked for, else a new one.
    async fn container_name(&self, cx: &Ctx, spec: &Value) -> String {
        let asked = self.text("container");
        if !asked.is_empty() {
            return asked.into();
        }
        let mut rng = cx.proc.sim().rng(&format!("kubectl-debug-{}", cx.proc.host_pid()));
        let name = loop {
            let name = format!("debugger-{}", rng.string(5, NAME_ALPHABET));
            if LISTS.iter().all(|list| position(spec, list, &name).is_none()) {
                break name;
            }
        };
        if !self.quiet() {
            cx.out(format!("Defaulting debug container name to {name}.\n")).await;
        }
        name
    }

    fn apply_custom(&self, pod: &Value, list: &str, name: &str) -> Result<Value, Failure> {
        let Some(custom) = &self.custom else { return Ok(pod.clone()) };
        let mut custom = custom.clone();
        custom["name"] = name.into();
        let mut change = json!({"spec": {}});
        change["spec"][list] = json!([custom]);
        patch::strategic(Kind::Pod, pod, &change).map_err(Failure::Message)
    }

    async fn ephemeral(&self, cx: &Ctx, target: &Object) -> Result<(Rc<Pod>, String), Failure> {
        let before = target.to_value();
        let mut pod = before.clone();
        let name = self.container_name(cx, &pod["spec"]).await;
        let mut container = self.container(&name);
        let asked = self.text("target");
        if !asked.is_empty() {
            container["targetContainerName"] = asked.into();
        }
        push(&mut pod["spec"], "ephemeralContainers", container);
        self.profile.apply(&mut pod, &name, Style::Ephemeral);
        let pod = self.apply_custom(&pod, "ephemeralContainers", &name)?;
        self.warn(cx, &pod, &name).await;
        let change = patch::two_way(Kind::Pod, &before, &pod).map_err(Failure::Message)?;
        let written = cx.client.patch(
            Kind::Pod,
            target.namespace(),
            target.name(),
            Subresource::EphemeralContainers,
            Patch::Strategic(change),
            manager(),
        );
        let written = written.await?;
        Ok((typed(&write::warned(cx, written).await)?, name))
    }

    async fn node(&self, cx: &Ctx, node: &Object) -> Result<(Rc<Pod>, String), Failure> {
        let container = match self.text("container") {
            "" => "debugger",
            asked => asked,
        };
        let mut rng = cx.proc.sim().rng(&format!("kubectl-debug-{}", cx.proc.host_pid()));
        let name = format!("node-debugger-{}-{}", node.name(), rng.string(5, NAME_ALPHABET));
        if !self.quiet() {
            cx.out(format!("Creating debugging pod {name} with container {container} on node {}.\n", node.name()))
                .await;
        }
        let mut pod = json!({
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": name, "labels": {"app.kubernetes.io/managed-by": "kubectl-debug"}},
            "spec": {
                "containers": [self.container(container)],
                "nodeName": node.name(),
                "restartPolicy": "Never",
                "tolerations": [{"operator": "Exists"}],
            },
        });
        self.profile.apply(&mut pod, container, Style::Node);
        let pod = self.apply_custom(&pod, "containers", container)?;
        let created = self.create(cx, &cx.namespace, pod).await?;
        Ok((created, container.into()))
    }

    async fn copy(&self, cx: &Ctx, target: &Object) -> Result<(Rc<Pod>, String), Failure> {
        let of = target.to_value();
        let mut pod = json!({
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": self.text("copy-to"), "namespace": target.namespace()},
            "spec": of["spec"],
        });
        for key in ["labels", "annotations"] {
            if let Some(map) = of["metadata"].get(key) {
                pod["metadata"][key] = map.clone();
            }
        }
        let spec = &mut pod["spec"];
        drop_key(spec, "ephemeralContainers");
        if self.args.get("share-processes").is_some() {
            spec["shareProcessNamespace"] = self.args.on("share-processes").into();
        }
        if !self.args.on("same-node") {
            drop_key(spec, "nodeName");
        }
        for container in spec["containers"].as_array_mut().into_iter().flatten() {
            let of = |name: &Value| self.set_images.iter().find(|(of, _)| name == of).map(|(_, image)| image.clone());
            if let Some(image) = of(&container["name"]).or_else(|| of(&json!("*"))) {
                container["image"] = image.into();
            }
        }
        let asked = self.text("container");
        let known = LISTS.iter().find_map(|list| Some((*list, position(spec, list, asked)?)));
        let name = match known {
            Some((list, at)) => {
                self.change(&mut spec[list][at]);
                asked.to_string()
            }
            None if self.text("image").is_empty() && !self.set_images.is_empty() => {
                return Ok((self.create_copy(cx, target, pod, "").await?, String::new()));
            }
            None if self.text("image").is_empty() => return fail("you must specify image when creating new container"),
            None => {
                let name = self.container_name(cx, spec).await;
                push(spec, "containers", self.container(&name));
                name
            }
        };
        self.profile.apply(&mut pod, &name, Style::Copy);
        let pod = self.apply_custom(&pod, "containers", &name)?;
        Ok((self.create_copy(cx, target, pod, &name).await?, name))
    }

    async fn create_copy(&self, cx: &Ctx, target: &Object, pod: Value, name: &str) -> Result<Rc<Pod>, Failure> {
        self.warn(cx, &pod, name).await;
        let created = self.create(cx, target.namespace(), pod).await?;
        if self.args.on("replace") {
            let now = DeleteOptions { grace_period_seconds: Some(0), ..DeleteOptions::default() };
            cx.client.delete(Kind::Pod, target.namespace(), target.name(), now).await?;
        }
        Ok(created)
    }

    async fn create(&self, cx: &Ctx, namespace: &str, pod: Value) -> Result<Rc<Pod>, Failure> {
        let written = cx.client.create(Kind::Pod, namespace, Body::Json(pod), manager()).await?;
        typed(&write::warned(cx, written).await)
    }

    /// Capabilities that a user other than root will hardly have.
    async fn warn(&self, cx: &Ctx, pod: &Value, name: &str) {
        let user = |value: &Value| value.pointer("/securityContext/runAsUser").and_then(Value::as_i64);
        let spec = &pod["spec"];
        let container = LISTS.iter().find_map(|list| spec[*list].get(position(spec, list, name)?));
        let Some(container) = container else { return };
        if user(spec).is_none_or(|uid| uid == 0) || user(container) == Some(0) {
            return;
        }
        let context = &container["securityContext"];
        let added = context.pointer("/capabilities/add").and_then(Value::as_array).is_some_and(|list| !list.is_empty());
        if context["privileged"] == json!(true) || added {
            cx.err(
                "Warning: Non-root user is configured for the entire target Pod, and some capabilities granted by debug \
                 profile may not work. Please consider using \"--custom\" with a custom profile that specifies \
                 \"securityContext.runAsUser: 0\".\n",
            )
            .await;
        }
    }

    /// Waits until the container runs, then attaches; where that can't be done, its log is printed.
    async fn attach(&self, cx: &Ctx, pod: &Pod, container: &str) -> Result<(), Failure> {
        let (namespace, name) = exec::place(pod);
        let pod = self.wait(cx, namespace, name, container).await?;
        let ended = status(&pod, container).and_then(|s| s.state.as_ref()).is_some_and(|s| s.terminated.is_some());
        if ended {
            return run::print_log(cx, namespace, name, container).await;
        }
        let to = exec::AttachTo {
            container: Some(container),
            stdin: self.args.on("stdin"),
            tty: self.args.on("tty"),
            quiet: self.quiet(),
        };
        match exec::attach_to(cx, &pod, to).await {
            Ok(_) => Ok(()),
            Err(failure) => {
                let why = failure_text(&failure);
                let why = why.strip_prefix("error: ").unwrap_or(&why);
                cx.err(format!("warning: couldn't attach to pod/{name}, falling back to streaming logs: {why}")).await;
                run::print_log(cx, namespace, name, container).await
            }
        }
    }

    async fn wait(&self, cx: &Ctx, namespace: &str, name: &str, container: &str) -> Result<Rc<Pod>, Failure> {
        let options = ListOptions { field_selector: format!("metadata.name={name}"), ..ListOptions::default() };
        let mut watch = cx.client.watch(Kind::Pod, namespace, options).await?;
        while let Some(event) = watch.recv().await {
            let object = match event {
                client::WatchEvent::Error(error) => return Err(error.into()),
                client::WatchEvent::Deleted(_) => break,
                client::WatchEvent::Added(object) | client::WatchEvent::Modified(object) => object,
            };
            let Some(pod) = object.as_::<Pod>() else { continue };
            let Some(state) = status(pod, container).and_then(|status| status.state.as_ref()) else { continue };
            if state.running.is_some() || state.terminated.is_some() {
                return Ok(pod.clone());
            }
            let message = state.waiting.as_ref().and_then(|waiting| waiting.message.as_deref()).unwrap_or_default();
            if !self.quiet() && !message.is_empty() {
                cx.err(format!("Warning: container {container}: {message}\n")).await;
            }
        }
        Err(Failure::Server(Error::not_found(Kind::Pod, "")))
    }
}

const LISTS: [&str; 3] = ["containers", "initContainers", "ephemeralContainers"];

/// Where a container stands in a list of the spec.
fn position(spec: &Value, list: &str, name: &str) -> Option<usize> {
    spec.get(list)?.as_array()?.iter().position(|container| container["name"] == name)
}

fn push(spec: &mut Value, list: &str, container: Value) {
    match spec.get_mut(list).and_then(Value::as_array_mut) {
        Some(all) => all.push(container),
        None => spec[list] = json!([container]),
    }
}

fn drop_key(value: &mut Value, key: &str) {
    value.as_object_mut().map(|map: &mut Map<String, Value>| map.remove(key));
}

fn manager() -> WriteOptions {
    WriteOptions {
        field_manager: "kubectl".into(),
        field_validation: client::FieldValidation::Warn,
        ..WriteOptions::default()
    }
}

fn typed(object: &Object) -> Result<Rc<Pod>, Failure> {
    object.as_::<Pod>().cloned().ok_or_else(|| Failure::Server(Error::internal("not a pod")))
}

fn status<'a>(pod: &'a Pod, name: &str) -> Option<&'a ContainerStatus> {
    let status = pod.status.as_ref()?;
    let lists = [&status.init_container_statuses, &status.container_statuses, &status.ephemeral_container_statuses];
    lists.into_iter().flatten().flatten().find(|status| status.name == name)
}
