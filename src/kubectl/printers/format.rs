//! `-o`: which format, and objects as text in it.

use serde::Serialize;
use serde_json::{Value, json};

use crate::{
    api::{Object, wire::escaped},
    apiserver::managed::entries,
    kubectl::{
        Ctx, Failure,
        gotemplate::{self, GoTemplate},
        jsonpath::Template,
        resource,
    },
    manifest,
};

const ALLOWED: &str = "custom-columns,custom-columns-file,go-template,go-template-file,json,jsonpath,jsonpath-as-json,\
                       jsonpath-file,kyaml,name,template,templatefile,wide,yaml";

/// Headers and the paths of what stands below them.
pub type Columns = Vec<(String, Template)>;

/// An output format.
#[derive(Clone, Debug)]
pub enum Format {
    Table,
    Wide,
    Name,
    Yaml,
    Json,
    JsonPath(Template),
    /// The results as a JSON list.
    JsonPathAsJson(Template),
    GoTemplate(GoTemplate),
    Columns(Columns),
}

impl Format {
    /// Reads the value of `-o`, with the files that it may name.
    pub async fn read(cx: &Ctx, output: Option<&str>) -> Result<Format, Failure> {
        let output = output.unwrap_or_default();
        let (name, spec) = output.split_once('=').map_or((output, None), |(name, spec)| (name, Some(spec)));
        let spec = match (name, spec) {
            ("jsonpath-file" | "custom-columns-file" | "go-template-file" | "templatefile", Some(path)) => {
                let bytes = cx.proc.read_file(path).await;
                let bytes = bytes.map_err(|error| Failure::Message(format!("error reading {name} {path}, {error}")))?;
                Some(String::from_utf8_lossy(&bytes).into_owned())
            }
            (_, spec) => spec.map(str::to_string),
        };
        match (name, spec) {
            ("", _) => Ok(Format::Table),
            ("wide", _) => Ok(Format::Wide),
            ("name", _) => Ok(Format::Name),
            ("yaml" | "kyaml", _) => Ok(Format::Yaml),
            ("json", _) => Ok(Format::Json),
            ("jsonpath" | "jsonpath-file", Some(spec)) if !spec.is_empty() => {
                let wrong = |error| Failure::Message(format!("error parsing jsonpath {spec}, {error}"));
                Template::parse(&spec).map(Format::JsonPath).map_err(wrong)
            }
            ("jsonpath-as-json", Some(spec)) if !spec.is_empty() => {
                let wrong = |error| Failure::Message(format!("error parsing jsonpath {spec}, {error}"));
                Template::parse(&spec).map(Format::JsonPathAsJson).map_err(wrong)
            }
            ("go-template" | "template" | "go-template-file" | "templatefile", Some(spec)) if !spec.is_empty() => {
                let wrong = |error| Failure::Message(format!("error parsing template {spec}, {error}"));
                GoTemplate::parse(&spec).map(Format::GoTemplate).map_err(wrong)
            }
            (
                "jsonpath" | "jsonpath-file" | "jsonpath-as-json" | "go-template" | "template" | "go-template-file"
                | "templatefile",
                _,
            ) => Err(Failure::Message("template format specified but no template given".into())),
            ("custom-columns", Some(spec)) if !spec.is_empty() => columns(&spec).map(Format::Columns),
            ("custom-columns-file", Some(spec)) => columns_of_file(&spec).map(Format::Columns),
            ("custom-columns" | "custom-columns-file", _) => {
                Err(Failure::Message("custom-columns format specified but no custom columns given".into()))
            }
            _ => Err(Failure::Message(format!(
                "unable to match a printer suitable for the output format \"{name}\", allowed formats are: {ALLOWED}"
            ))),
        }
    }

    pub fn is_table(&self) -> bool {
        matches!(self, Format::Table | Format::Wide)
    }

    /// A value (an object or a list) in this format; not for tables, names and columns.
    pub fn whole(&self, value: &Value) -> Result<String, Failure> {
        match self {
            Format::Yaml => Ok(manifest::to_yaml(value)),
            Format::Json => Ok(json(value)),
            Format::JsonPath(template) => template.render(value).map_err(|error| not_found_by(template, &error, value)),
            Format::JsonPathAsJson(template) => {
                let found = template.find(value).map_err(|error| not_found_by(template, &error, value))?;
                Ok(json(&Value::Array(found)))
            }
            Format::GoTemplate(template) => {
                let wrong =
                    |error| Failure::Message(format!("error executing template {:?}: {error}", template.text()));
                template.render(value).map_err(wrong)
            }
            Format::Table | Format::Wide | Format::Name | Format::Columns(_) => Ok(String::new()),
        }
    }

    /// The lines that one object gives in a format of lines; `None` for others.
    pub fn line(&self, object: &Object) -> Result<Option<Vec<String>>, Failure> {
        match self {
            Format::Name => Ok(Some(vec![resource::reference(object.kind(), object.name())])),
            Format::Columns(columns) => cells(columns, &object.to_value()).map(Some),
            _ => Ok(None),
        }
    }
}

/// A JSONPath's failure, with all that may help to find out why.
fn not_found_by(template: &Template, why: &str, value: &Value) -> Failure {
    Failure::Message(format!(
        "error executing jsonpath {:?}: Error executing template: {why}. Printing more information for debugging the \
         template:\n\ttemplate was:\n\t\t{}\n\tobject given to jsonpath engine was:\n\t\t{}\n\n",
        template.text(),
        template.text(),
        go_syntax(value)
    ))
}

/// Go's `%#v` of decoded JSON.
fn go_syntax(value: &Value) -> String {
    match value {
        Value::Null => "interface {}(nil)".into(),
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(go_syntax).collect();
            format!("[]interface {{}}{{{}}}", items.join(", "))
        }
        Value::Object(map) => {
            let pairs: Vec<String> = map.iter().map(|(key, value)| format!("{key:?}:{}", go_syntax(value))).collect();
            format!("map[string]interface {{}}{{{}}}", pairs.join(", "))
        }
        other => other.to_string(),
    }
}

/// What the columns show of an object.
pub fn cells(columns: &Columns, object: &Value) -> Result<Vec<String>, Failure> {
    let cell = |(_, path): &(String, Template)| {
        let found = path.find(object)?;
        let text = |value: &Value| if value.is_null() { "<none>".into() } else { gotemplate::show(value) };
        let texts: Vec<String> = found.iter().map(text).collect();
        Ok(if texts.is_empty() { "<none>".to_string() } else { texts.join(",") })
    };
    let cells: Result<_, String> = columns.iter().map(cell).collect();
    cells.map_err(Failure::Message)
}

/// `HEADER:PATH,HEADER:PATH`
pub fn columns(spec: &str) -> Result<Columns, Failure> {
    let column = |part: &str| {
        let (header, path) = part
            .split_once(':')
            .ok_or_else(|| format!("unexpected custom-columns spec: {part}, expected <header>:<json-path-expr>"))?;
        Ok((header.to_string(), Template::relaxed(path)?))
    };
    let columns: Result<Vec<_>, String> = spec.split(',').map(column).collect();
    columns.map_err(Failure::Message)
}

/// A line of headers above a line of paths.
pub fn columns_of_file(text: &str) -> Result<Columns, Failure> {
    let mut lines = text.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    let (headers, paths) = (lines.next().unwrap_or_default(), lines.next().unwrap_or_default());
    if headers.len() != paths.len() || headers.is_empty() {
        return Err(Failure::Message(format!(
            "number of headers ({}) and field specifications ({}) don't match",
            headers.len(),
            paths.len()
        )));
    }
    let columns = headers.iter().zip(paths).map(|(header, path)| Ok((header.to_string(), Template::relaxed(path)?)));
    columns.collect::<Result<_, _>>().map_err(Failure::Message)
}

/// JSON as Go prints it: indented by 4, `<`, `>`, `&` escaped.
fn json(value: &Value) -> String {
    let mut bytes = Vec::new();
    let style = serde_json::ser::PrettyFormatter::with_indent(b"    ");
    let mut serializer = serde_json::Serializer::with_formatter(&mut bytes, style);
    // Writing a `Value` to memory can't fail.
    let _ = value.serialize(&mut serializer);
    escaped(&String::from_utf8(bytes).unwrap_or_default()) + "\n"
}

/// An object to show: with its complete managedFields if they are wanted, else without.
pub fn value(object: &Object, managed: bool) -> Value {
    let mut value = object.to_value();
    let Some(meta) = value["metadata"].as_object_mut() else { return value };
    meta.remove("managedFields");
    if managed {
        let entries = entries(object);
        if !entries.is_empty() {
            meta.insert("managedFields".into(), json!(entries));
        }
    }
    value
}

/// A `v1` List of the values.
pub fn list(items: Vec<Value>) -> Value {
    json!({"apiVersion": "v1", "items": items, "kind": "List", "metadata": {"resourceVersion": ""}})
}
