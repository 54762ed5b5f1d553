//! Images of a workspace: documents `apiVersion: podarium.dev/v1`, `kind: Image`. They are no objects of the cluster: a
//! registry reads them from the workspace's files when a node pulls, so a file that is saved is an image that is pushed.
//!
//! Every complaint names the field, and can be given the line where it stands.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::{
    format::{FileEntry, ImageFile, Layer, TagEntry},
    reference::ImageRef,
};
use crate::{
    api::quantity::Quantity,
    manifest::{self, Document, Documents, Span},
};

pub const API_VERSION: &str = "podarium.dev/v1";
pub const KIND: &str = "Image";
const HTTP_FILE: &str = "/etc/podarium/http.json";
const HTTP_SERVER: &str = "/usr/local/bin/http-server";
/// Unless the document says otherwise; compressed, in bytes.
const SIZE: u64 = 5 << 20;
const MAX_FILE: usize = 1 << 20;

/// What is wrong with a document, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    pub path: String,
    pub message: String,
}

/// The fields that a mapping may have, and what each must be.
type Fields = &'static [(&'static str, Type)];

#[derive(Clone, Copy)]
enum Type {
    Text,
    Any,
    Number(f64, f64),
    Duration,
    Texts,
    Map,
}

const SPEC: Fields = &[
    ("image", Type::Text),
    ("from", Type::Text),
    ("entrypoint", Type::Texts),
    ("cmd", Type::Texts),
    ("env", Type::Any),
    ("user", Type::Any),
    ("workingDir", Type::Text),
    ("stopSignal", Type::Text),
    ("ports", Type::Any),
    ("files", Type::Map),
    ("size", Type::Any),
    ("pullTime", Type::Duration),
    ("pullError", Type::Text),
    ("http", Type::Map),
];
const HTTP: Fields = &[
    ("port", Type::Number(1.0, 65535.0)),
    ("latency", Type::Duration),
    ("errorRate", Type::Number(0.0, 1.0)),
    ("headers", Type::Map),
    ("routes", Type::Map),
    ("startMessage", Type::Text),
    ("logRequests", Type::Any),
];
const ROUTE: Fields = &[
    ("status", Type::Number(100.0, 599.0)),
    ("body", Type::Text),
    ("headers", Type::Map),
    ("latency", Type::Duration),
    ("errorRate", Type::Number(0.0, 1.0)),
];
const FILE: Fields = &[("content", Type::Text), ("mode", Type::Any), ("uid", Type::Number(0.0, 4e9))];

/// Whether a document is meant to be an image of the workspace.
pub fn is_image(value: &Value) -> bool {
    value["apiVersion"].as_str().is_some_and(|version| version.starts_with("podarium.dev/"))
}

/// The name by which pods ask for it, as the document gives it.
pub fn name_of(value: &Value) -> &str {
    value["spec"]["image"].as_str().unwrap_or_default()
}

/// All complaints about a document.
pub fn faults(value: &Value) -> Vec<Fault> {
    read(value).err().unwrap_or_default()
}

/// The complaints about all such documents of a file, with their places.
pub fn diagnose(documents: &Documents) -> Vec<(Span, String)> {
    let mut found = Vec::new();
    for document in documents.docs().filter(|document| is_image(&document.value)) {
        let faults = faults(&document.value).into_iter();
        found.extend(faults.map(|fault| (document.spans.mark(&fault.path), fault.told())));
    }
    found
}

/// The line of a complaint, from 1.
pub fn line(text: &str, document: &Document, fault: &Fault) -> usize {
    manifest::position(text, document.spans.mark(&fault.path).start).line + 1
}

impl Fault {
    /// `spec.http.port: must be …`
    pub fn told(&self) -> String {
        if self.path.is_empty() { self.message.clone() } else { format!("{}: {}", self.path, self.message) }
    }
}

/// Collects complaints while a document is read.
#[derive(Default)]
struct Reader(Vec<Fault>);

impl Reader {
    fn fault(&mut self, path: &str, message: impl Into<String>) {
        self.0.push(Fault { path: path.into(), message: message.into() });
    }

    /// The mapping at `path`, if it is one; complains of what doesn't belong there.
    fn fields<'a>(&mut self, value: &'a Value, path: &str, fields: Fields) -> Option<&'a Map<String, Value>> {
        let Some(map) = value.as_object() else {
            self.fault(path, "must be a mapping");
            return None;
        };
        for (key, value) in map {
            let at = join(path, key);
            match fields.iter().find(|(name, _)| name == key) {
                None => {
                    let known: Vec<&str> = fields.iter().map(|(name, _)| *name).collect();
                    self.fault(&at, format!("there is no such field; there are {}", known.join(", ")));
                }
                Some((_, kind)) => self.check(value, &at, *kind),
            }
        }
        Some(map)
    }

    fn check(&mut self, value: &Value, path: &str, kind: Type) {
        match kind {
            Type::Any => {}
            Type::Text if !value.is_string() => self.fault(path, "must be a text"),
            Type::Map if !value.is_object() => self.fault(path, "must be a mapping"),
            Type::Texts if !value.as_array().is_some_and(|all| all.iter().all(Value::is_string)) => {
                self.fault(path, "must be a list of texts");
            }
            Type::Number(least, most) if !value.as_f64().is_some_and(|n| (least..=most).contains(&n)) => {
                self.fault(path, format!("must be a number from {least} to {most}"));
            }
            Type::Duration if seconds(value).is_none() => {
                self.fault(path, "must be a duration: 250ms, 1.5s, 2m, or a number of seconds");
            }
            _ => {}
        }
    }

    fn headers(&mut self, value: &Value, path: &str) {
        for (name, value) in value.as_object().into_iter().flatten() {
            if !value.is_string() || value.as_str().is_some_and(|text| text.contains(['\r', '\n'])) {
                self.fault(&join(path, name), "must be a text of one line");
            }
        }
    }
}

/// A field's path: names with dots or slashes in them go into brackets.
fn join(path: &str, key: &str) -> String {
    if key.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_') {
        if path.is_empty() { key.into() } else { format!("{path}.{key}") }
    } else {
        format!("{path}[{key}]")
    }
}

/// At most an hour.
fn seconds(value: &Value) -> Option<f64> {
    let seconds = match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => {
            let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
            let factor = match &text[digits.len()..] {
                "ms" => 0.001,
                "s" => 1.0,
                "m" => 60.0,
                _ => return None,
            };
            digits.parse::<f64>().ok().map(|number| number * factor)
        }
        _ => None,
    };
    seconds.filter(|seconds| (0.0..=3600.0).contains(seconds))
}

fn texts(value: &Value) -> Option<Vec<String>> {
    Some(value.as_array()?.iter().filter_map(|item| item.as_str().map(str::to_owned)).collect())
}

/// A number or a text, as people write ports, users and modes.
fn loose(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// Reads a document, or says what is wrong with it.
pub(super) fn read(value: &Value) -> Result<ImageFile, Vec<Fault>> {
    let mut reader = Reader::default();
    if value["apiVersion"] != API_VERSION || value["kind"] != KIND {
        reader.fault("apiVersion", format!("there is only kind {KIND} in version {API_VERSION}"));
        return Err(reader.0);
    }
    for key in value.as_object().into_iter().flatten().map(|(key, _)| key) {
        if !matches!(key.as_str(), "apiVersion" | "kind" | "metadata" | "spec") {
            reader.fault(key, "there is no such field; there are apiVersion, kind, metadata, spec");
        }
    }
    let Some(spec) = value.get("spec").filter(|spec| !spec.is_null()) else {
        reader.fault("", "spec: is missing");
        return Err(reader.0);
    };
    let Some(fields) = reader.fields(spec, "spec", SPEC) else { return Err(reader.0) };
    let name = name_of(value);
    let reference = match ImageRef::parse(name) {
        _ if name.is_empty() => {
            reader.fault("spec", "image is missing: the name by which Pods ask for it, example.com/team/web:1.0");
            None
        }
        Ok(reference) if reference.digest.is_some() => {
            reader.fault("spec.image", "must have a tag, not a digest");
            None
        }
        Ok(reference) => Some(reference),
        Err(error) => {
            reader.fault("spec.image", error.to_string());
            None
        }
    };
    let mut layer = Layer {
        from: Some(spec["from"].as_str().unwrap_or("busybox").to_string()),
        entrypoint: texts(&spec["entrypoint"]),
        cmd: texts(&spec["cmd"]),
        user: loose(&spec["user"]),
        workdir: spec["workingDir"].as_str().map(str::to_owned),
        stop_signal: spec["stopSignal"].as_str().map(str::to_owned),
        env: environment(&mut reader, &spec["env"]),
        ..Layer::default()
    };
    for (index, port) in spec["ports"].as_array().into_iter().flatten().enumerate() {
        match loose(port).filter(|port| super::format::parse_port(port).is_some()) {
            Some(port) => layer.exposed_ports.push(port),
            None => reader.fault(&format!("spec.ports[{index}]"), "must be a port: 8080, 53/udp"),
        }
    }
    if fields.get("ports").is_some_and(|ports| !ports.is_array()) {
        reader.fault("spec.ports", "must be a list of ports");
    }
    files(&mut reader, &spec["files"], &mut layer.files);
    if !spec["http"].is_null() {
        http(&mut reader, spec, &mut layer);
    }
    let size = match &spec["size"] {
        Value::Null => SIZE,
        size => match loose(size).and_then(|size| size.parse::<Quantity>().ok()).map(|size| size.value()) {
            Some(size @ 1..) => u64::try_from(size).unwrap_or(SIZE),
            _ => {
                reader.fault("spec.size", "must be a size: 25Mi, 300M");
                SIZE
            }
        },
    };
    let file = ImageFile {
        name: reference.as_ref().map(ImageRef::repository).unwrap_or_default(),
        aliases: Vec::new(),
        common: Layer::default(),
        tags: vec![TagEntry {
            tag: reference.and_then(|reference| reference.tag).into_iter().collect(),
            // Other contents, another image.
            digest: Some(super::catalogue::digest_from(&value.to_string())),
            size,
            pull_seconds: seconds(&spec["pullTime"]),
            pull_error: spec["pullError"].as_str().map(str::to_owned),
            layer,
        }],
    };
    if reader.0.is_empty() { Ok(file) } else { Err(reader.0) }
}

/// `env`: a list of `{name, value}` as in Pods, or a mapping.
fn environment(reader: &mut Reader, env: &Value) -> Vec<String> {
    let mut found = Vec::new();
    let mut add = |reader: &mut Reader, path: String, name: Option<&str>, value: Option<String>| match (name, value) {
        (Some(name), Some(value)) if !name.is_empty() && !name.contains('=') => found.push(format!("{name}={value}")),
        _ => reader.fault(&path, "must have a name and a value, both texts"),
    };
    match env {
        Value::Null => {}
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                let value = if item["value"].is_null() { Some(String::new()) } else { loose(&item["value"]) };
                add(reader, format!("spec.env[{index}]"), item["name"].as_str(), value);
            }
        }
        Value::Object(map) => {
            for (name, value) in map {
                add(reader, join("spec.env", name), Some(name), loose(value));
            }
        }
        _ => reader.fault("spec.env", "must be a list of names and values"),
    }
    found
}

fn files(reader: &mut Reader, files: &Value, found: &mut BTreeMap<String, FileEntry>) {
    for (path, file) in files.as_object().into_iter().flatten() {
        let at = join("spec.files", path);
        if !path.starts_with('/') || path.ends_with('/') || path.split('/').any(|part| part == "..") {
            reader.fault(&at, "must be an absolute path");
        }
        let entry = match file {
            Value::String(content) => FileEntry { content: Some(content.clone()), ..FileEntry::default() },
            _ => {
                let Some(fields) = reader.fields(file, &at, FILE) else { continue };
                let mode = fields.get("mode").and_then(loose);
                if let Some(mode) = &mode
                    && u32::from_str_radix(mode, 8).map_or(true, |mode| mode > 0o7777)
                {
                    reader.fault(&join(&at, "mode"), "must be octal: \"0755\"");
                }
                FileEntry {
                    content: Some(file["content"].as_str().unwrap_or_default().to_string()),
                    mode,
                    uid: file["uid"].as_u64().and_then(|uid| u32::try_from(uid).ok()).unwrap_or(0),
                    ..FileEntry::default()
                }
            }
        };
        if entry.content.as_ref().is_some_and(|content| content.len() > MAX_FILE) {
            reader.fault(&at, "is longer than 1 MiB");
        }
        found.insert(path.clone(), entry);
    }
}

/// A web server: the http-server program with a configuration made of the document.
fn http(reader: &mut Reader, spec: &Value, layer: &mut Layer) {
    let http = &spec["http"];
    if layer.entrypoint.is_some() {
        reader.fault("spec.http", "give either `http` or `entrypoint`");
    }
    let Some(fields) = reader.fields(http, "spec.http", HTTP) else { return };
    reader.headers(&http["headers"], "spec.http.headers");
    let mut routes = Map::new();
    for (path, route) in http["routes"].as_object().into_iter().flatten() {
        let at = join("spec.http.routes", path);
        if !path.starts_with('/') {
            reader.fault(&at, "must begin with a slash");
        }
        let mut own = match route {
            Value::String(body) => json!({"body": body}),
            _ => {
                let Some(fields) = reader.fields(route, &at, ROUTE) else { continue };
                reader.headers(&route["headers"], &join(&at, "headers"));
                Value::Object(fields.clone())
            }
        };
        if let Some(latency) = seconds(&route["latency"]) {
            own["latency"] = latency.into();
        }
        routes.insert(path.clone(), own);
    }
    let mut config = Map::from_iter([
        ("port".to_string(), fields.get("port").cloned().unwrap_or(json!(8080))),
        ("routes".to_string(), Value::Object(routes)),
        ("exitOnTerm".to_string(), json!(0)),
    ]);
    config.extend(["headers", "errorRate"].into_iter().filter_map(|key| Some((key.into(), fields.get(key)?.clone()))));
    if let Some(latency) = seconds(&http["latency"]) {
        config.insert("latency".into(), latency.into());
    }
    if let Some(text) = http["startMessage"].as_str() {
        config.insert("started".into(), format!("{}\n", text.trim_end()).into());
    }
    match &http["logRequests"] {
        Value::Null | Value::Bool(true) => {
            config.insert("log".into(), "{date} {ip} {method} {target} {status}\n".into());
        }
        Value::Bool(false) => {}
        _ => reader.fault("spec.http.logRequests", "must be true or false"),
    }
    let port = config["port"].as_u64().unwrap_or_default();
    layer.exposed_ports.push(port.to_string());
    layer.entrypoint = Some(vec![HTTP_SERVER.into(), HTTP_FILE.into()]);
    layer.files.insert(HTTP_SERVER.into(), FileEntry { program: Some("http-server".into()), ..FileEntry::default() });
    let text = Value::Object(config).to_string();
    layer.files.insert(HTTP_FILE.into(), FileEntry { content: Some(text), ..FileEntry::default() });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(spec: &str) -> Vec<String> {
        let text = format!("apiVersion: podarium.dev/v1\nkind: Image\nspec:\n{spec}");
        let documents = manifest::parse(&text);
        let document = documents.docs().next().expect("a document");
        faults(&document.value)
            .iter()
            .map(|fault| format!("{}: {}", line(&text, document, fault), fault.told()))
            .collect()
    }

    #[test]
    fn complaints() {
        let name = "  image: example.com/web:1.0\n";
        let rows: [(&str, &[&str]); 9] = [
            ("", &[]),
            ("  http: {port: 0}\n", &["5: spec.http.port: must be a number from 1 to 65535"]),
            (
                "  http:\n    routes:\n      /:\n        errorRate: 2\n",
                &["8: spec.http.routes[/].errorRate: must be a number from 0 to 1"],
            ),
            (
                "  size: huge\n  pullTime: soon\n",
                &[
                    "6: spec.pullTime: must be a duration: 250ms, 1.5s, 2m, or a number of seconds",
                    "5: spec.size: must be a size: 25Mi, 300M",
                ],
            ),
            ("  files:\n    etc/x: hello\n", &["6: spec.files[etc/x]: must be an absolute path"]),
            ("  files:\n    /x: {mode: \"9\"}\n", &["6: spec.files[/x].mode: must be octal: \"0755\""]),
            ("  ports: [8080, x]\n", &["5: spec.ports[1]: must be a port: 8080, 53/udp"]),
            ("  env: [{name: A}, {value: b}]\n", &["5: spec.env[1]: must have a name and a value, both texts"]),
            ("  entrypoint: sh\n", &["5: spec.entrypoint: must be a list of texts"]),
        ];
        for (spec, expected) in rows {
            assert_eq!(told(&format!("{name}{spec}")), expected, "{spec}");
        }
        assert_eq!(
            told("  image: Example.com/Web\n"),
            ["4: spec.image: invalid reference format: repository name (Web) must be lowercase"]
        );
        assert!(told("  imagee: x\n")[0].starts_with("4: spec.imagee: there is no such field; there are image, from,"));
    }
}
