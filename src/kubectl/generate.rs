//! The objects that `kubectl create` makes from flags, of kinds that this cluster may not keep: they can be printed with
//! `--dry-run=client -o yaml` all the same (kubectl's `cmd/create`).

use k8s_openapi::ByteString;
use serde_json::{Map, Value, json};

use super::{
    Args, Ctx, Failure, fail,
    flags::{Flag, optional, value},
};
use crate::api::Kind;

/// What is made: the object, and how messages name it.
pub struct Made {
    pub value: Value,
    /// The command: `secret tls`.
    pub command: &'static str,
    /// `deployment.apps`
    pub resource: &'static str,
    /// `None` for kinds that the cluster does not keep.
    pub kind: Option<Kind>,
}

pub const FLAGS: &[Flag] = &[
    value("image", "Image of the pods"),
    value("from", "job: the CronJob to make it after"),
    value("replicas", "Number of pods").short('r'),
    value("port", "The port that the container opens"),
    value("schedule", "When a cron job runs, in cron's form"),
    value("restart", "The pods' restart policy"),
    value("tcp", "PORT:TARGET of a service"),
    value("node-port", "The nodes' port of a service"),
    value("clusterip", "The cluster IP of a service, or None"),
    value("external-name", "What a service of type ExternalName stands for"),
    value("cert", "The file of a certificate"),
    value("key", "The file of its key"),
    value("docker-server", "The registry that the credentials are for"),
    value("docker-username", "User name at the registry"),
    value("docker-password", "Password at the registry"),
    value("docker-email", "Mail address at the registry"),
    value("hard", "RESOURCE=AMOUNT,… of a quota"),
    value("scopes", "The scopes of a quota"),
    value("min-available", "Pods of a budget that must be there"),
    value("max-unavailable", "Pods of a budget that may be absent"),
    value("selector", "The pods of a budget").short('l'),
    value("verb", "Verbs of a role"),
    value("resource", "Resources of a role, RESOURCE.GROUP/SUBRESOURCE"),
    value("resource-name", "Names of a role's objects"),
    value("non-resource-url", "Paths of a cluster role"),
    value("role", "The role of a binding"),
    value("clusterrole", "The cluster role of a binding"),
    value("user", "Users of a binding"),
    value("group", "Groups of a binding"),
    value("serviceaccount", "NAMESPACE:NAME of a binding"),
    value("rule", "HOST/PATH=SERVICE:PORT[,tls[=SECRET]] of an ingress"),
    value("class", "The class of an ingress"),
    value("annotation", "Annotations of an ingress"),
    value("default-backend", "SERVICE:PORT for what no rule takes"),
    optional("append-hash", "true", "Add a hash to the name"),
];

/// The object of `create WORDS`, the name last; `None` for other words.
pub async fn make(cx: &Ctx, args: &Args, words: &[&str]) -> Result<Option<(Made, usize)>, Failure> {
    let (command, resource, kind, taken) = match words {
        ["deployment" | "deploy", ..] => ("deployment", "deployment.apps", Some(Kind::Deployment), 1),
        ["job", ..] => ("job", "job.batch", Some(Kind::Job), 1),
        ["cronjob" | "cj", ..] => ("cronjob", "cronjob.batch", Some(Kind::CronJob), 1),
        ["service" | "svc", "clusterip", ..] => ("service clusterip", "service", Some(Kind::Service), 2),
        ["service" | "svc", "nodeport", ..] => ("service nodeport", "service", Some(Kind::Service), 2),
        ["service" | "svc", "loadbalancer", ..] => ("service loadbalancer", "service", Some(Kind::Service), 2),
        ["service" | "svc", "externalname", ..] => ("service externalname", "service", Some(Kind::Service), 2),
        ["secret", "tls", ..] => ("secret tls", "secret", Some(Kind::Secret), 2),
        ["secret", "docker-registry", ..] => ("secret docker-registry", "secret", Some(Kind::Secret), 2),
        ["quota" | "resourcequota", ..] => ("quota", "resourcequota", Some(Kind::ResourceQuota), 1),
        ["poddisruptionbudget" | "pdb", ..] => {
            ("poddisruptionbudget", "poddisruptionbudget.policy", Some(Kind::PodDisruptionBudget), 1)
        }
        ["role", ..] => ("role", "role.rbac.authorization.k8s.io", Some(Kind::Role), 1),
        ["clusterrole", ..] => ("clusterrole", "clusterrole.rbac.authorization.k8s.io", Some(Kind::ClusterRole), 1),
        ["rolebinding", ..] => ("rolebinding", "rolebinding.rbac.authorization.k8s.io", Some(Kind::RoleBinding), 1),
        ["clusterrolebinding", ..] => {
            ("clusterrolebinding", "clusterrolebinding.rbac.authorization.k8s.io", Some(Kind::ClusterRoleBinding), 1)
        }
        ["ingress" | "ing", ..] => ("ingress", "ingress.networking.k8s.io", Some(Kind::Ingress), 1),
        _ => return Ok(None),
    };
    let required: &[&str] = match command {
        "deployment" => &["image"],
        "cronjob" => &["image", "schedule"],
        "service externalname" => &["external-name"],
        "clusterrolebinding" => &["clusterrole"],
        _ => &[],
    };
    let missing: Vec<String> =
        required.iter().filter(|flag| args.get(flag).is_none()).map(|flag| format!("\"{flag}\"")).collect();
    if !missing.is_empty() {
        return fail(format!("required flag(s) {} not set", missing.join(", ")));
    }
    let [name] = &words[taken..] else {
        return Err(Failure::Usage {
            command: format!("create {command}"),
            message: format!("exactly one NAME is required, got {}", words.len() - taken),
        });
    };
    let value = match command {
        "deployment" => deployment(args, name)?,
        "job" if args.get("from").is_some() => from_cron_job(cx, args, name).await?,
        "job" => {
            if args.get("image").is_none() {
                return fail("either --image or --from must be specified");
            }
            object("batch/v1", "Job", json!({"name": name}), json!({"template": job_template(args, name, "Never")}))
        }
        "cronjob" => {
            let template = job_template(args, name, args.get("restart").unwrap_or("OnFailure"));
            let spec = json!({
                "jobTemplate": {"metadata": {"name": name}, "spec": {"template": template}},
                "schedule": args.get("schedule"),
            });
            object("batch/v1", "CronJob", json!({"name": name}), spec)
        }
        "secret tls" => tls(cx, args, name).await?,
        "secret docker-registry" => registry(args, name)?,
        "quota" => quota(args, name)?,
        "poddisruptionbudget" => budget(args, name)?,
        "role" | "clusterrole" => role(cx, args, name, command).await?,
        "rolebinding" | "clusterrolebinding" => binding(args, name, command)?,
        "ingress" => ingress(args, name)?,
        service => self::service(args, name, service)?,
    };
    Ok(Some((Made { value, command, resource, kind }, taken)))
}

/// An object with a status that is still empty.
fn object(version: &str, kind: &str, metadata: Value, spec: Value) -> Value {
    json!({"apiVersion": version, "kind": kind, "metadata": metadata, "spec": spec, "status": {}})
}

fn deployment(args: &Args, name: &str) -> Result<Value, Failure> {
    let command = args.dash.clone().unwrap_or_default();
    let images = args.each("image");
    if images.len() > 1 && !command.is_empty() {
        return fail("cannot specify multiple --image options and command");
    }
    let mut containers = Vec::new();
    for image in images {
        // The last part of the image without tag and digest.
        let base = image.rsplit('/').next().unwrap_or(image);
        let base = base.split([':', '@']).next().unwrap_or(base).replace(['_', '.'], "-");
        let mut container = json!({"image": image, "name": base, "resources": {}});
        if !command.is_empty() {
            container["command"] = json!(command);
        }
        if let Some(port) = number(args, "port")? {
            container["ports"] = json!([{"containerPort": port}]);
        }
        containers.push(container);
    }
    let labels = json!({"app": name});
    let spec = json!({
        "replicas": number(args, "replicas")?.unwrap_or(1),
        "selector": {"matchLabels": labels},
        "strategy": {},
        "template": {"metadata": {"labels": labels}, "spec": {"containers": containers}},
    });
    Ok(object("apps/v1", "Deployment", json!({"labels": labels, "name": name}), spec))
}

fn job_template(args: &Args, name: &str, restart: &str) -> Value {
    let mut container = json!({"image": args.get("image"), "name": name, "resources": {}});
    if let Some(command) = args.dash.as_ref().filter(|command| !command.is_empty()) {
        container["command"] = json!(command);
    }
    json!({"metadata": {}, "spec": {"containers": [container], "restartPolicy": restart}})
}

fn number(args: &Args, flag: &str) -> Result<Option<i64>, Failure> {
    let Some(text) = args.get(flag) else { return Ok(None) };
    super::flags::integer(text, &format!("--{flag}")).map(Some).map_err(Failure::Message)
}

/// A number if it is one: `50%` stays a text.
fn number_or_text(text: &str) -> Value {
    text.parse::<i64>().map_or_else(|_| text.into(), Value::from)
}

fn service(args: &Args, name: &str, command: &str) -> Result<Value, Failure> {
    let kind = match command {
        "service clusterip" => "ClusterIP",
        "service nodeport" => "NodePort",
        "service loadbalancer" => "LoadBalancer",
        _ => "ExternalName",
    };
    let headless = args.get("clusterip") == Some("None");
    let tcp = args.list("tcp");
    if tcp.is_empty() && kind != "ExternalName" && !headless {
        return fail("at least one tcp port specifier must be provided");
    }
    let mut ports = Vec::new();
    for spec in &tcp {
        let (port, target) = spec.split_once(':').unwrap_or((spec, spec));
        let Ok(number) = port.parse::<u16>() else {
            return fail(format!("invalid port {port}: strconv.ParseUint: parsing \"{port}\": invalid syntax"));
        };
        let mut entry = json!({
            "name": spec.replace(':', "-"), "port": number, "protocol": "TCP", "targetPort": number_or_text(target),
        });
        if let Some(port) = self::number(args, "node-port")?.filter(|port| *port > 0 && kind == "NodePort") {
            entry["nodePort"] = port.into();
        }
        ports.push(entry);
    }
    let labels = json!({"app": name});
    let mut spec = json!({"selector": labels, "type": kind});
    if !ports.is_empty() {
        spec["ports"] = ports.into();
    }
    if let Some(ip) = args.get("clusterip").filter(|ip| !ip.is_empty()) {
        spec["clusterIP"] = ip.into();
    }
    if kind == "ExternalName" {
        spec["externalName"] = args.get("external-name").into();
    }
    let mut made = object("v1", "Service", json!({"labels": labels, "name": name}), spec);
    made["status"] = json!({"loadBalancer": {}});
    Ok(made)
}

fn secret(name: &str, kind: &str, data: Map<String, Value>) -> Value {
    json!({"apiVersion": "v1", "data": data, "kind": "Secret", "metadata": {"name": name}, "type": kind})
}

/// A Job after the template of a CronJob.
async fn from_cron_job(cx: &Ctx, args: &Args, name: &str) -> Result<Value, Failure> {
    let from = args.get("from").unwrap_or_default();
    let found = super::resource::fetch_chosen(cx, args, &[from.to_string()]).await?;
    if let Some(failure) = found.failures.into_iter().next() {
        return Err(failure);
    }
    let cron = match &found.objects[..] {
        [crate::api::Object::Other(cron)] if cron.kind == Kind::CronJob => cron,
        [other] => return fail(format!("unknown object type {}", other.kind())),
        _ => return fail(format!("from must be an existing cronjob: {from}")),
    };
    let template = cron.at("spec/jobTemplate");
    let mut annotations = json!({"cronjob.kubernetes.io/instantiate": "manual"});
    for (key, value) in template["metadata"]["annotations"].as_object().into_iter().flatten() {
        annotations[key] = value.clone();
    }
    let mut metadata = json!({
        "annotations": annotations,
        "name": name,
        "ownerReferences": [{
            "apiVersion": "batch/v1",
            "kind": "CronJob",
            "name": cron.metadata.name,
            "uid": cron.metadata.uid,
            "controller": true,
        }],
    });
    if template["metadata"]["labels"].is_object() {
        metadata["labels"] = template["metadata"]["labels"].clone();
    }
    Ok(object("batch/v1", "Job", metadata, template["spec"].clone()))
}

async fn tls(cx: &Ctx, args: &Args, name: &str) -> Result<Value, Failure> {
    let (Some(cert), Some(key)) = (args.get("cert"), args.get("key")) else {
        return fail("key and cert must be specified");
    };
    let mut data = Map::new();
    for (entry, path) in [("tls.crt", cert), ("tls.key", key)] {
        let bytes = cx.proc.read_file(path).await.map_err(|error| {
            Failure::Message(format!("Cannot read file {path}, open {path}: {}", error.text().to_lowercase()))
        })?;
        data.insert(entry.into(), json!(ByteString(bytes)));
    }
    Ok(secret(name, "kubernetes.io/tls", data))
}

fn registry(args: &Args, name: &str) -> Result<Value, Failure> {
    let server = args.get("docker-server").unwrap_or("https://index.docker.io/v1/");
    let (Some(user), Some(password)) = (args.get("docker-username"), args.get("docker-password")) else {
        return fail(
            "either --from-file or the combination of --docker-username, --docker-password and --docker-server is \
             required",
        );
    };
    let mut entry = json!({
        "username": user, "password": password, "auth": ByteString(format!("{user}:{password}").into_bytes()),
    });
    if let Some(email) = args.get("docker-email").filter(|email| !email.is_empty()) {
        entry["email"] = email.into();
    }
    // The fields stand in the order of Go's struct.
    let fields: Vec<String> = ["username", "password", "email", "auth"]
        .into_iter()
        .filter(|field| !entry[field].is_null())
        .map(|field| format!("\"{field}\":{}", entry[field]))
        .collect();
    let text = format!("{{\"auths\":{{{}:{{{}}}}}}}", json!(server), fields.join(","));
    let data = Map::from_iter([(".dockerconfigjson".to_string(), json!(ByteString(text.into_bytes())))]);
    Ok(secret(name, "kubernetes.io/dockerconfigjson", data))
}

fn quota(args: &Args, name: &str) -> Result<Value, Failure> {
    let mut hard = Map::new();
    for pair in args.list("hard") {
        let Some((resource, amount)) = pair.split_once('=') else {
            return fail(format!("Invalid argument syntax {pair}, expected <resource>=<value>"));
        };
        hard.insert(resource.into(), amount.into());
    }
    let mut spec = json!({});
    if !hard.is_empty() {
        spec["hard"] = hard.into();
    }
    let scopes = args.list("scopes");
    if scopes.iter().any(String::is_empty) {
        return fail("invalid resource quota scope \"\"");
    }
    if !scopes.is_empty() {
        spec["scopes"] = json!(scopes);
    }
    Ok(object("v1", "ResourceQuota", json!({"name": name}), spec))
}

fn budget(args: &Args, name: &str) -> Result<Value, Failure> {
    let Some(selector) = args.get("selector").filter(|text| !text.is_empty()) else {
        return fail("a selector must be specified");
    };
    let mut spec = json!({"selector": {"matchLabels": {}}});
    for pair in selector.split(',') {
        let Some((key, value)) = pair.split_once('=') else { return fail(format!("unexpected selector: {pair}")) };
        spec["selector"]["matchLabels"][key] = value.into();
    }
    match (args.get("min-available"), args.get("max-unavailable")) {
        (None, None) => return fail("one of min-available or max-unavailable must be specified"),
        (Some(_), Some(_)) => return fail("min-available and max-unavailable cannot be both specified"),
        (Some(least), None) => spec["minAvailable"] = number_or_text(least),
        (None, Some(most)) => spec["maxUnavailable"] = number_or_text(most),
    }
    let mut made = object("policy/v1", "PodDisruptionBudget", json!({"name": name}), spec);
    made["status"] = json!({"currentHealthy": 0, "desiredHealthy": 0, "disruptionsAllowed": 0, "expectedPods": 0});
    Ok(made)
}

const VERBS: [&str; 14] = [
    "*",
    "get",
    "delete",
    "list",
    "create",
    "update",
    "patch",
    "watch",
    "proxy",
    "deletecollection",
    "use",
    "bind",
    "escalate",
    "impersonate",
];

/// The group of resources that roles speak of, whether or not this cluster keeps them: short and singular names first.
const RESOURCES: [(&str, &[&str]); 6] = [
    (
        "apps",
        &[
            "deployments deployment deploy",
            "replicasets replicaset rs",
            "statefulsets statefulset sts",
            "daemonsets daemonset ds",
        ],
    ),
    ("batch", &["jobs job", "cronjobs cronjob cj"]),
    ("networking.k8s.io", &["ingresses ingress ing", "networkpolicies networkpolicy netpol"]),
    ("policy", &["poddisruptionbudgets poddisruptionbudget pdb"]),
    (
        "rbac.authorization.k8s.io",
        &[
            "roles role",
            "rolebindings rolebinding",
            "clusterroles clusterrole",
            "clusterrolebindings clusterrolebinding",
        ],
    ),
    (
        "",
        &[
            "endpoints ep",
            "limitranges limitrange limits",
            "persistentvolumeclaims persistentvolumeclaim pvc",
            "persistentvolumes persistentvolume pv",
            "podtemplates podtemplate",
            "replicationcontrollers replicationcontroller rc",
            "resourcequotas resourcequota quota",
        ],
    ),
];

/// The plural and the group of a resource as it was typed, without its subresource.
fn known_resource(word: &str) -> Result<(String, String), Failure> {
    if word == "*" {
        return Ok(("*".into(), String::new()));
    }
    if let Ok(kind) = super::resource::kind(word) {
        return Ok((kind.plural().into(), kind.group().into()));
    }
    let (name, wanted) = word.split_once('.').map_or((word, None), |(name, group)| (name, Some(group)));
    for (group, resources) in RESOURCES {
        let found = resources.iter().find(|names| names.split(' ').any(|known| known == name));
        if let Some(names) = found.filter(|_| wanted.is_none_or(|wanted| wanted == group)) {
            return Ok((names.split(' ').next().unwrap_or(name).into(), group.into()));
        }
    }
    fail(format!("the server doesn't have a resource type \"{word}\""))
}

async fn role(cx: &Ctx, args: &Args, name: &str, command: &str) -> Result<Value, Failure> {
    let verbs = {
        let mut verbs = args.list("verb");
        if verbs.iter().any(|verb| verb == "*") {
            verbs = vec!["*".into()];
        }
        verbs
    };
    if verbs.is_empty() {
        return fail("at least one verb must be specified");
    }
    let urls = args.list("non-resource-url");
    let resources = args.list("resource");
    if resources.is_empty() && urls.is_empty() {
        return fail(match command {
            "role" => "at least one resource must be specified",
            _ => "one of resource or nonResourceURL must be specified",
        });
    }
    for verb in verbs.iter().filter(|verb| urls.is_empty() && !VERBS.contains(&verb.as_str())) {
        cx.err(format!("Warning: '{verb}' is not a standard resource verb\n")).await;
    }
    // One rule for each group, in the order of their first resources.
    let mut groups: Vec<(String, Vec<String>)> = Vec::new();
    for word in &resources {
        let (resource, sub) = word.split_once('/').map_or((word.as_str(), None), |(name, sub)| (name, Some(sub)));
        let (plural, group) = known_resource(resource)?;
        let shown = sub.map_or(plural.clone(), |sub| format!("{plural}/{sub}"));
        match groups.iter_mut().find(|(known, _)| *known == group) {
            Some((_, list)) => list.push(shown),
            None => groups.push((group, vec![shown])),
        }
    }
    let names = args.list("resource-name");
    let mut rules: Vec<Value> = Vec::new();
    for (group, resources) in groups {
        let mut rule = json!({"apiGroups": [group], "resources": resources, "verbs": verbs});
        if !names.is_empty() {
            rule["resourceNames"] = json!(names);
        }
        rules.push(rule);
    }
    if !urls.is_empty() {
        rules.push(json!({"nonResourceURLs": urls, "verbs": verbs}));
    }
    let kind = if command == "role" { "Role" } else { "ClusterRole" };
    Ok(json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": kind, "metadata": {"name": name}, "rules": rules,
    }))
}

fn binding(args: &Args, name: &str, command: &str) -> Result<Value, Failure> {
    let (kind, target) = match (command, args.get("role"), args.get("clusterrole")) {
        (_, None, Some(role)) => ("ClusterRole", role),
        ("rolebinding", Some(role), None) => ("Role", role),
        _ => return fail("exactly one of clusterrole or role must be specified"),
    };
    let group = "rbac.authorization.k8s.io";
    let mut subjects = Vec::new();
    for (flag, kind) in [("user", "User"), ("group", "Group")] {
        subjects.extend(args.list(flag).iter().map(|name| json!({"apiGroup": group, "kind": kind, "name": name})));
    }
    for account in args.list("serviceaccount") {
        let Some((namespace, name)) = account.split_once(':').filter(|(a, b)| !a.is_empty() && !b.is_empty()) else {
            return fail("serviceaccount must be <namespace>:<name>");
        };
        subjects.push(json!({"kind": "ServiceAccount", "name": name, "namespace": namespace}));
    }
    let own = if command == "rolebinding" { "RoleBinding" } else { "ClusterRoleBinding" };
    let mut made = json!({
        "apiVersion": format!("{group}/v1"), "kind": own, "metadata": {"name": name},
        "roleRef": {"apiGroup": group, "kind": kind, "name": target},
    });
    if !subjects.is_empty() {
        made["subjects"] = subjects.into();
    }
    Ok(made)
}

/// `SERVICE:PORT`, the port a number or a name.
fn backend(text: &str) -> Option<Value> {
    let (name, port) = text.split_once(':').filter(|(name, port)| !name.is_empty() && !port.is_empty())?;
    let port = port.parse::<i64>().map_or_else(|_| json!({"name": port}), |port| json!({"number": port}));
    Some(json!({"service": {"name": name, "port": port}}))
}

fn ingress(args: &Args, name: &str) -> Result<Value, Failure> {
    let rules = args.each("rule");
    if rules.is_empty() && args.get("default-backend").is_none() {
        return fail(
            "not enough information provided: every ingress has to either specify a default-backend (which catches all \
             traffic) or a list of rules (which catch specific paths)",
        );
    }
    let mut hosts: Vec<(String, Vec<Value>)> = Vec::new();
    let mut tls: Vec<(String, Vec<String>)> = Vec::new();
    for rule in rules {
        let wrong = || {
            Failure::Message(format!(
                "rule {rule} is invalid and should be in format host/path=svcname:svcport[,tls[=secret]]"
            ))
        };
        let (place, target) = rule.split_once('=').ok_or_else(wrong)?;
        let (target, secured) = target.split_once(',').map_or((target, None), |(target, tls)| (target, Some(tls)));
        let (host, path) = place.find('/').map(|at| place.split_at(at)).ok_or_else(wrong)?;
        let (path, kind) = match path.strip_suffix('*') {
            Some(prefix) => (prefix, "Prefix"),
            None => (path, "Exact"),
        };
        let entry = json!({"backend": backend(target).ok_or_else(wrong)?, "path": path, "pathType": kind});
        match hosts.iter_mut().find(|(known, _)| known == host) {
            Some((_, paths)) => paths.push(entry),
            None => hosts.push((host.into(), vec![entry])),
        }
        if let Some(secured) = secured {
            let secret = match secured.split_once('=') {
                Some(("tls", secret)) => secret,
                None if secured == "tls" => "",
                _ => return Err(wrong()),
            };
            match tls.iter_mut().find(|(known, _)| known == secret) {
                Some((_, hosts)) => hosts.push(host.into()),
                None => tls.push((secret.into(), vec![host.into()])),
            }
        }
    }
    let rule = |(host, paths): &(String, Vec<Value>)| match host.as_str() {
        "" => json!({"http": {"paths": paths}}),
        host => json!({"host": host, "http": {"paths": paths}}),
    };
    let mut spec = json!({});
    if !hosts.is_empty() {
        spec["rules"] = hosts.iter().map(rule).collect();
    }
    if !tls.is_empty() {
        let entry = |(secret, hosts): &(String, Vec<String>)| match secret.as_str() {
            "" => json!({"hosts": hosts}),
            secret => json!({"hosts": hosts, "secretName": secret}),
        };
        spec["tls"] = tls.iter().map(entry).collect();
    }
    if let Some(class) = args.get("class").filter(|class| !class.is_empty()) {
        spec["ingressClassName"] = class.into();
    }
    if let Some(text) = args.get("default-backend") {
        let Some(backend) = backend(text) else {
            return fail("default-backend should be in format servicename:serviceport");
        };
        spec["defaultBackend"] = backend;
    }
    let mut metadata = json!({"name": name});
    for annotation in args.list("annotation") {
        let Some((key, value)) = annotation.split_once('=') else {
            return fail(format!("annotation {annotation} is invalid and should be in format key=[value]"));
        };
        metadata["annotations"][key] = value.into();
    }
    let mut made = object("networking.k8s.io/v1", "Ingress", metadata, spec);
    made["status"] = json!({"loadBalancer": {}});
    Ok(made)
}
