//! `-f`: files, directories and stdin to objects, with kubectl's own checks (`cli-runtime/resource`).

use serde_json::Value;

use super::{Args, Ctx, Failure, Outcome, program::finish, write::validation};
use crate::{
    api::{Kind, client::FieldValidation},
    manifest,
    os::fs::{DirEntry, FileType},
    registry::{Catalogue, own},
};

/// One object of the files.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The file as given, or `STDIN`.
    pub source: String,
    pub kind: Kind,
    /// Where the object goes; "" for cluster-scoped kinds.
    pub namespace: String,
    /// "" with `generateName`.
    pub name: String,
    /// The object with its namespace filled in.
    pub value: Value,
}

/// What a document of a file is.
enum Item {
    Object(Loaded),
    Fault(Failure),
    /// An image of the workspace: where it is defined, its name, and what is wrong with it.
    Image {
        source: String,
        name: String,
        faults: Vec<String>,
    },
}

/// Does `each` with every object of all `-f`; what fails does not keep it from the others. `verb` is the command, as
/// errors name it.
pub async fn for_each(
    cx: &Ctx,
    args: &Args,
    verb: &str,
    each: impl AsyncFnMut(Loaded) -> Result<(), Failure>,
) -> Outcome {
    for_each_of(cx, args, verb, |_| true, each).await
}

/// [`for_each`] of those objects that are chosen.
pub async fn for_each_of(
    cx: &Ctx,
    args: &Args,
    verb: &str,
    chosen: impl Fn(&Loaded) -> bool,
    mut each: impl AsyncFnMut(Loaded) -> Result<(), Failure>,
) -> Outcome {
    let mut failures = Vec::new();
    let mut all = load_all(cx, args).await?;
    all.retain(|item| match item {
        Item::Object(loaded) => chosen(loaded),
        _ => true,
    });
    if all.is_empty() {
        return Err(Failure::Message(format!("no objects passed to {verb}")));
    }
    for item in all {
        let result = match item {
            Item::Object(loaded) => each(loaded).await,
            Item::Fault(failure) => Err(failure),
            Item::Image { source, name, faults } => image(cx, verb, &source, &name, &faults).await,
        };
        failures.extend(result.err());
    }
    finish(cx, failures).await
}

/// What there is to say of an image of the workspace, which no verb sends to the cluster.
async fn image(cx: &Ctx, verb: &str, source: &str, name: &str, faults: &[String]) -> Result<(), Failure> {
    let home = format!("{}/", cx.proc.env("HOME").unwrap_or_default().trim_end_matches('/'));
    if !faults.is_empty() {
        return Err(Failure::Message(faults.join("\nerror: ")));
    }
    if !matches!(verb, "apply" | "create" | "replace") {
        return Err(Failure::Message(not_an_object(source)));
    }
    if source == "STDIN" || !cx.proc.absolute(source).starts_with(&home) {
        return Err(Failure::Message(format!(
            "an Image is read from the workspace's files when a node pulls it; save {source} as one of them"
        )));
    }
    cx.out(format!("image.podarium.dev/{name} defined by {source}, not by the cluster: pods can pull it now\n")).await;
    Ok(())
}

fn not_an_object(source: &str) -> String {
    format!(
        "the Image in \"{source}\" is no object of the cluster: nodes pull it as long as the file defines it, and it goes with \
         the file"
    )
}

/// `-f` is needed and absent.
pub fn required(args: &Args) -> Result<(), Failure> {
    if args.each("filename").is_empty() {
        return Err(Failure::Message("must specify one of -f and -k".into()));
    }
    Ok(())
}

/// The objects and faults of all `-f` in their order: a fault in one document does not hide the others.
pub async fn load_each(cx: &Ctx, args: &Args) -> Result<Vec<Result<Loaded, Failure>>, Failure> {
    let all = load_all(cx, args).await?.into_iter().map(|item| match item {
        Item::Object(loaded) => Ok(loaded),
        Item::Fault(failure) => Err(failure),
        Item::Image { source, .. } => Err(Failure::Message(not_an_object(&source))),
    });
    Ok(all.collect())
}

async fn load_all(cx: &Ctx, args: &Args) -> Result<Vec<Item>, Failure> {
    let validate = validation(args)? != FieldValidation::Ignore;
    let mut found = Vec::new();
    for (source, bytes) in texts(cx, args).await? {
        for item in manifest::parse_bytes(&bytes).items {
            match item {
                Err(error) => {
                    let doing = if source == "STDIN" {
                        "error parsing STDIN".into()
                    } else {
                        format!("error parsing {source}")
                    };
                    found.push(Item::Fault(Failure::Message(format!("{doing}: {}", error.message))));
                }
                Ok(document) if own::is_image(&document.value) => {
                    let text = String::from_utf8_lossy(&bytes);
                    let told = |fault: own::Fault| {
                        format!("{source}:{}: {}", own::line(&text, &document, &fault), fault.told())
                    };
                    let faults = Catalogue::faults_of_own(&document).into_iter().map(told).collect();
                    let name = own::name_of(&document.value).to_string();
                    found.push(Item::Image { source: source.clone(), name, faults });
                }
                Ok(document) => document_objects(cx, &source, document.value, validate, &mut found),
            }
        }
    }
    Ok(found)
}

async fn texts(cx: &Ctx, args: &Args) -> Result<Vec<(String, Vec<u8>)>, Failure> {
    let mut found = Vec::new();
    let mut stdin_read = false;
    for path in args.list("filename") {
        if path == "-" {
            if stdin_read {
                return Err(Failure::Message("standard input cannot be used for multiple arguments".into()));
            }
            stdin_read = true;
            let bytes = cx.proc.stdin().read_to_end().await.map_err(|e| Failure::Message(e.text().to_string()))?;
            found.push(("STDIN".to_string(), bytes));
            continue;
        }
        let Ok(stat) = cx.proc.stat(&path) else {
            return Err(Failure::Message(format!("the path \"{path}\" does not exist")));
        };
        let mut files = Vec::new();
        if stat.file_type == FileType::Directory {
            directory(cx, path.trim_end_matches('/'), args.on("recursive"), 0, &mut files);
            if files.is_empty() {
                let message = format!("error reading [{path}]: recognized file extensions are [.json .yaml .yml]");
                return Err(Failure::Message(message));
            }
        } else {
            files.push(path);
        }
        for file in files {
            let bytes = cx.proc.read_file(&file).await;
            let bytes = bytes.map_err(|e| Failure::Message(format!("open {file}: {}", e.text().to_lowercase())))?;
            found.push((file, bytes));
        }
    }
    Ok(found)
}

/// The manifests of a directory, by name.
fn directory(cx: &Ctx, path: &str, recursive: bool, depth: usize, files: &mut Vec<String>) {
    let Ok(mut entries) = cx.proc.read_dir(path) else { return };
    entries.sort_by(|a: &DirEntry, b: &DirEntry| a.name.cmp(&b.name));
    for entry in entries {
        if entry.name == "." || entry.name == ".." {
            continue;
        }
        let inside = format!("{path}/{}", entry.name);
        if cx.proc.stat(&inside).is_ok_and(|s| s.file_type == FileType::Directory) {
            if recursive && depth < 32 {
                directory(cx, &inside, recursive, depth + 1, files);
            }
        } else if [".json", ".yaml", ".yml"].iter().any(|end| entry.name.ends_with(end)) {
            files.push(inside);
        }
    }
}

fn document_objects(cx: &Ctx, source: &str, value: Value, validate: bool, found: &mut Vec<Item>) {
    if let Err(message) = check(source, &value, validate) {
        found.push(Item::Fault(Failure::Message(message)));
        return;
    }
    let is_list = value["apiVersion"] == "v1" && value["kind"] == "List";
    if is_list {
        let Value::Object(mut list) = value else { return };
        let Some(Value::Array(items)) = list.remove("items") else { return };
        for item in items {
            // Lists in lists don't nest without end: the text's depth is bounded.
            document_objects(cx, source, item, validate, found);
        }
        return;
    }
    found.push(match object(cx, source, value) {
        Ok(loaded) => Item::Object(loaded),
        Err(message) => Item::Fault(Failure::Message(message)),
    });
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value.get(key).and_then(Value::as_str).unwrap_or_default()
}

/// What is wrong with a document before its kind is looked up.
fn check(source: &str, value: &Value, validate: bool) -> Result<(), String> {
    if !value.is_object() {
        return Err(if validate {
            invalid(source, "invalid object to validate")
        } else {
            format!("unable to decode \"{source}\": json: cannot unmarshal {} into Go value", go_type(value))
        });
    }
    let wrong = |key: &&str| match value.get(*key) {
        None | Some(Value::Null) => Some(format!("{key} not set")),
        Some(Value::String(_)) => None,
        Some(_) => Some(format!("{key} isn't string type")),
    };
    let texts: Vec<String> = ["apiVersion", "kind"].iter().filter_map(wrong).collect();
    if validate {
        match texts.as_slice() {
            [] => {}
            [one] => return Err(invalid(source, one)),
            all => return Err(invalid(source, &format!("[{}]", all.join(", ")))),
        }
    }
    if text(value, "kind").is_empty() {
        return Err(format!("unable to decode \"{source}\": Object 'Kind' is missing in '{value}'"));
    }
    Ok(())
}

fn invalid(source: &str, what: &str) -> String {
    format!(
        "error validating \"{source}\": error validating data: {what}; if you choose to ignore these errors, turn \
         validation off with --validate=false"
    )
}

/// What Go's JSON decoder calls a value.
fn go_type(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "bool",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

/// The metadata that kubectl itself decodes: names and the two string maps.
fn check_meta(value: &Value) -> Result<(), String> {
    let wrong = |value: &Value, field: &str, wanted: &str| {
        Err(format!(
            "json: cannot unmarshal {} into Go struct field ObjectMeta.metadata{field} of type {wanted}",
            go_type(value)
        ))
    };
    let meta = &value["metadata"];
    if meta.is_null() {
        return Ok(());
    }
    if !meta.is_object() {
        let found = go_type(meta);
        return Err(format!("json: cannot unmarshal {found} into Go struct field .metadata of type v1.ObjectMeta"));
    }
    for key in ["name", "generateName", "namespace"] {
        let field = &meta[key];
        if !field.is_null() && !field.is_string() {
            return wrong(field, &format!(".{key}"), "string");
        }
    }
    for key in ["labels", "annotations"] {
        match &meta[key] {
            Value::Null => {}
            Value::Object(map) => {
                if let Some(bad) = map.values().find(|v| !v.is_string() && !v.is_null()) {
                    return wrong(bad, &format!(".{key}"), "string");
                }
            }
            other => return wrong(other, &format!(".{key}"), "map[string]string"),
        }
    }
    Ok(())
}

fn object(cx: &Ctx, source: &str, mut value: Value) -> Result<Loaded, String> {
    check_meta(&value).map_err(|error| format!("unable to decode \"{source}\": {error}"))?;
    let name = text(&value["metadata"], "name").to_string();
    let own = text(&value["metadata"], "namespace").to_string();
    let (version, kind) = (text(&value, "apiVersion"), text(&value, "kind"));
    let Some(kind) = Kind::from_api_version_kind(version, kind) else {
        return Err(format!(
            "resource mapping not found for name: \"{name}\" namespace: \"{own}\" from \"{source}\": no matches for kind \
             \"{kind}\" in version \"{version}\"\nensure CRDs are installed first"
        ));
    };
    let mut namespace = String::new();
    if kind.namespaced() {
        if own.is_empty() {
            namespace = cx.namespace.clone();
            if value["metadata"].is_null() {
                value["metadata"] = Value::Object(serde_json::Map::new());
            }
            value["metadata"]["namespace"] = Value::String(namespace.clone());
        } else if cx.namespace_given && own != cx.namespace {
            return Err(format!(
                "the namespace from the provided object \"{own}\" does not match the namespace \"{}\". You must pass \
                 '--namespace={own}' to perform this operation.",
                cx.namespace
            ));
        } else {
            namespace = own;
        }
    }
    Ok(Loaded { source: source.into(), kind, namespace, name, value })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn faults_before_the_kind_is_known() {
        let tail = "; if you choose to ignore these errors, turn validation off with --validate=false";
        let cases = [
            (json!("hello"), "invalid object to validate"),
            (json!([1]), "invalid object to validate"),
            (json!({"kind": "Pod"}), "apiVersion not set"),
            (json!({"apiVersion": "v1"}), "kind not set"),
            (json!({"a": 1}), "[apiVersion not set, kind not set]"),
        ];
        for (value, what) in cases {
            let expected = format!("error validating \"x.yaml\": error validating data: {what}{tail}");
            assert_eq!(check("x.yaml", &value, true), Err(expected));
        }
    }

    #[test]
    fn metadata_of_wrong_types() {
        let cases = [
            (json!({"labels": {"a": 1}}), "number into Go struct field ObjectMeta.metadata.labels of type string"),
            (json!({"labels": [1]}), "array into Go struct field ObjectMeta.metadata.labels of type map[string]string"),
            (json!({"name": 5}), "number into Go struct field ObjectMeta.metadata.name of type string"),
            (
                json!({"annotations": {"a": true}}),
                "bool into Go struct field ObjectMeta.metadata.annotations of type string",
            ),
        ];
        for (meta, expected) in cases {
            let found = check_meta(&json!({"metadata": meta}));
            assert_eq!(found, Err(format!("json: cannot unmarshal {expected}")));
        }
    }
}
