//! The fields of the API's types: names, Go types, patch keys, enums and descriptions.
//!
//! One table answers strict decoding, strategic merge patches and `kubectl explain`. It is data written by
//! `tools/schema.py`, read once. `structure.txt` has a line `# PACKAGE.NAME`, then one line `FIELD TYPE FLAGS` for each of
//! its fields, sorted; `alias PACKAGE.NAME TYPE VALUES` names a scalar or map. A TYPE is a scalar, a type's name, `[]TYPE`,
//! `map:TYPE` (keys are strings), with `*` before what Go keeps as a pointer (so that zero differs from absent).
//! FLAGS: `o` omitempty, `r` required, `e=` the embedded Go struct it comes from, `s=` patch strategy, `m=` patch merge key,
//! `l=` list type, `k=` keys of a list's map. `descriptions.txt`: `# TYPE`, `= its text`, `FIELD text`.

use std::{collections::BTreeMap, sync::OnceLock};

use super::object::Kind;

/// What a JSON value must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Base {
    String,
    Bool,
    Int32,
    Int64,
    Float64,
    /// Base64 text.
    Bytes,
    Time,
    MicroTime,
    Quantity,
    IntOrString,
    Duration,
    Any,
    /// Index for [`struct_at`].
    Struct(usize),
}

#[derive(Clone, Debug)]
pub enum Form {
    Base(Base),
    List(Box<Shape>),
    Map(Box<Shape>),
}

/// A field's type.
#[derive(Clone, Debug)]
pub struct Shape {
    pub form: Form,
    pub pointer: bool,
    /// Go's name of a named scalar or map: `v1.Protocol`.
    alias: Option<&'static str>,
    /// The values of an enum.
    pub values: &'static str,
}

#[derive(Clone, Debug)]
pub struct Field {
    pub name: &'static str,
    pub shape: Shape,
    pub omit_empty: bool,
    pub required: bool,
    /// The embedded Go struct that holds it, if any: `ProbeHandler`.
    pub embedded: Option<&'static str>,
    /// Strategic merge patch: `merge`, `retainKeys`.
    pub strategy: &'static str,
    pub merge_key: Option<&'static str>,
    pub list_type: Option<&'static str>,
    pub list_keys: &'static str,
}

impl Field {
    pub fn merges(&self) -> bool {
        self.strategy.split(',').any(|s| s == "merge")
    }

    pub fn retains_keys(&self) -> bool {
        self.strategy.split(',').any(|s| s == "retainKeys")
    }
}

/// An object type. Fields are sorted by name.
#[derive(Clone, Debug)]
pub struct Struct {
    /// `core.Container`
    pub key: &'static str,
    pub fields: Vec<Field>,
}

impl Struct {
    /// `Container`
    pub fn name(&self) -> &'static str {
        self.key.split_once('.').map_or(self.key, |(_, name)| name)
    }

    pub fn field(&self, name: &str) -> Option<&Field> {
        let index = self.fields.binary_search_by(|field| field.name.cmp(name)).ok()?;
        self.fields.get(index)
    }

    pub fn description(&self) -> &'static str {
        descriptions().get(&(self.key, "=")).copied().unwrap_or_default()
    }
}

impl Shape {
    fn base(base: Base) -> Shape {
        Shape { form: Form::Base(base), pointer: false, alias: None, values: "" }
    }

    /// The type as Go's errors name it: `[]v1.Container`, `int32`.
    pub fn go_type(&self) -> String {
        if let Some(alias) = self.alias {
            return if alias.starts_with("types.") {
                alias.into()
            } else {
                format!("v1.{}", alias.split_once('.').map_or(alias, |(_, name)| name))
            };
        }
        match &self.form {
            Form::List(item) => format!("[]{}", item.go_type()),
            Form::Map(value) => format!("map[string]{}", value.go_type()),
            Form::Base(base) => match base {
                Base::String => "string".into(),
                Base::Bool => "bool".into(),
                Base::Int32 => "int32".into(),
                Base::Int64 => "int64".into(),
                Base::Float64 => "float64".into(),
                Base::Bytes => "[]uint8".into(),
                Base::Time | Base::MicroTime | Base::Duration => "string".into(),
                Base::Quantity => "resource.Quantity".into(),
                Base::IntOrString => "int32".into(),
                Base::Any => "interface {}".into(),
                Base::Struct(index) => format!("v1.{}", struct_at(*index).name()),
            },
        }
    }

    /// The type as `kubectl explain` shows it, without the angle brackets: `[]Container`, `integer`.
    pub fn explained(&self) -> String {
        match &self.form {
            Form::List(item) => format!("[]{}", item.explained()),
            Form::Map(value) => format!("map[string]{}", value.explained()),
            Form::Base(base) => match base {
                Base::String | Base::Bytes | Base::Time | Base::MicroTime | Base::Duration => "string".into(),
                Base::Bool => "boolean".into(),
                Base::Int32 | Base::Int64 => "integer".into(),
                Base::Float64 => "number".into(),
                Base::Quantity => "Quantity".into(),
                Base::IntOrString => "IntOrString".into(),
                Base::Any => "Object".into(),
                Base::Struct(index) => struct_at(*index).name().into(),
            },
        }
    }

    /// The struct that this is, or that its items or values are.
    pub fn inner(&self) -> Option<&'static Struct> {
        match &self.form {
            Form::List(inner) | Form::Map(inner) => inner.inner(),
            Form::Base(Base::Struct(index)) => Some(struct_at(*index)),
            Form::Base(_) => None,
        }
    }
}

#[derive(Default)]
struct Table {
    structs: Vec<Struct>,
    by_key: BTreeMap<&'static str, usize>,
}

static STRUCTURE: &str = include_str!("structure.txt");
/// A constant, so that only the function below holds its address: it comes with the rest of the page (`scripts/split.mjs`).
const DESCRIPTIONS: &str = include_str!("descriptions.txt");

fn table() -> &'static Table {
    static TABLE: OnceLock<Table> = OnceLock::new();
    TABLE.get_or_init(|| read(STRUCTURE))
}

fn read(text: &'static str) -> Table {
    let mut table = Table::default();
    let mut aliases: BTreeMap<&'static str, (&'static str, &'static str)> = BTreeMap::new();
    for line in text.lines() {
        if let Some(key) = line.strip_prefix("# ") {
            table.by_key.insert(key, table.structs.len());
            table.structs.push(Struct { key, fields: Vec::new() });
        } else if let Some(alias) = line.strip_prefix("alias ") {
            let mut words = alias.splitn(3, ' ');
            if let (Some(key), Some(kind)) = (words.next(), words.next()) {
                aliases.insert(key, (kind, words.next().unwrap_or_default()));
            }
        }
    }
    let mut current = 0;
    for line in text.lines() {
        if let Some(key) = line.strip_prefix("# ") {
            current = table.by_key.get(key).copied().unwrap_or_default();
            continue;
        }
        if line.starts_with("alias ") {
            continue;
        }
        let mut words = line.split(' ');
        let (Some(name), Some(kind)) = (words.next(), words.next()) else { continue };
        let mut field = Field {
            name,
            shape: shape(kind, &table.by_key, &aliases),
            omit_empty: false,
            required: false,
            embedded: None,
            strategy: "",
            merge_key: None,
            list_type: None,
            list_keys: "",
        };
        for flag in words {
            match flag.split_once('=') {
                None if flag == "o" => field.omit_empty = true,
                None => field.required = true,
                Some(("e", value)) => field.embedded = Some(value),
                Some(("s", value)) => field.strategy = value,
                Some(("m", value)) => field.merge_key = Some(value),
                Some(("l", value)) => field.list_type = Some(value),
                Some((_, value)) => field.list_keys = value,
            }
        }
        if let Some(current) = table.structs.get_mut(current) {
            current.fields.push(field);
        }
    }
    for one in &mut table.structs {
        one.fields.sort_by_key(|field| field.name);
    }
    table
}

fn shape(
    text: &'static str,
    structs: &BTreeMap<&'static str, usize>,
    aliases: &BTreeMap<&'static str, (&'static str, &'static str)>,
) -> Shape {
    if let Some(rest) = text.strip_prefix('*') {
        return Shape { pointer: true, ..shape(rest, structs, aliases) };
    }
    let within = |rest| Box::new(shape(rest, structs, aliases));
    if let Some(rest) = text.strip_prefix("[]") {
        return Shape { form: Form::List(within(rest)), ..Shape::base(Base::Any) };
    }
    if let Some(rest) = text.strip_prefix("map:") {
        return Shape { form: Form::Map(within(rest)), ..Shape::base(Base::Any) };
    }
    if let Some((scalar, alias)) = text.split_once(':') {
        return Shape { alias: Some(alias), ..shape(scalar, structs, aliases) };
    }
    if let Some((target, values)) = aliases.get(text) {
        return Shape { alias: Some(text), values, ..shape(target, structs, aliases) };
    }
    Shape::base(match text {
        "string" => Base::String,
        "bool" => Base::Bool,
        "int32" => Base::Int32,
        "int64" => Base::Int64,
        "float64" => Base::Float64,
        "bytes" => Base::Bytes,
        "time" => Base::Time,
        "microtime" => Base::MicroTime,
        "quantity" => Base::Quantity,
        "intorstring" => Base::IntOrString,
        "duration" => Base::Duration,
        _ => structs.get(text).map_or(Base::Any, |index| Base::Struct(*index)),
    })
}

fn descriptions() -> &'static BTreeMap<(&'static str, &'static str), &'static str> {
    static TEXTS: OnceLock<BTreeMap<(&'static str, &'static str), &'static str>> = OnceLock::new();
    TEXTS.get_or_init(|| {
        let mut texts = BTreeMap::new();
        let mut current = "";
        for line in DESCRIPTIONS.lines() {
            match line.split_once(' ') {
                Some(("#", key)) => current = key,
                Some((name, text)) => drop(texts.insert((current, name), text)),
                None => {}
            }
        }
        texts
    })
}

pub fn struct_at(index: usize) -> &'static Struct {
    static NOTHING: Struct = Struct { key: "", fields: Vec::new() };
    table().structs.get(index).unwrap_or(&NOTHING)
}

/// A type by its name in the table: `core.Container`.
pub fn type_named(key: &str) -> Option<&'static Struct> {
    table().by_key.get(key).map(|index| struct_at(*index))
}

/// The type of a kind's objects.
pub fn of_kind(kind: Kind) -> Option<&'static Struct> {
    let package = kind.group().split('.').next().unwrap_or_default();
    type_named(&format!("{}.{kind}", if package.is_empty() { "core" } else { package }))
}

/// The type of a kind's objects in its version, or in the older one if that is given.
pub fn of_version(kind: Kind, api_version: Option<&str>) -> Option<&'static Struct> {
    match (kind.older_version(), api_version) {
        (Some(older), Some(given)) if older == given => type_named(&format!("{}.{kind}", older.replace('/', ""))),
        _ => of_kind(kind),
    }
}

/// What `kubectl explain KIND.path` tells about a field.
#[derive(Clone, Debug)]
pub struct Explained {
    pub name: &'static str,
    /// `[]Container`, `integer`.
    pub type_name: String,
    /// With the type's own text below, if it is a struct, and the enum's values.
    pub description: String,
    pub required: bool,
    /// Sorted.
    pub values: Vec<&'static str>,
    /// Fields of the struct (or of items, values), sorted by name.
    pub children: Vec<&'static Field>,
    /// The type that holds `children`.
    pub inner: Option<&'static Struct>,
}

/// A field's own description: its text, and the values of an enum.
pub fn description(parent: &Struct, field: &Field) -> String {
    let text = descriptions().get(&(parent.key, field.name)).copied().unwrap_or_default();
    let mut text = text.replace("\\n", "\n");
    let (alias, values) = match (&field.shape.form, field.shape.alias) {
        (Form::List(item), None) => (item.alias, item.values),
        (_, alias) => (alias, field.shape.values),
    };
    if let (Some(alias), false) = (alias, values.is_empty()) {
        text.push_str("\n\nPossible enum values:");
        for value in values.split(',') {
            text.push_str(&format!("\n - `\"{value}\"`"));
            if let Some(meaning) = descriptions().get(&(alias, value)) {
                text.push(' ');
                text.push_str(&meaning.replace("\\n", "\n"));
            }
        }
    }
    text
}

/// Follows field names from a kind: `["spec", "containers", "image"]`. An empty path gives the kind itself.
/// The error is the name that does not exist.
pub fn lookup(kind: Kind, path: &[&str]) -> Result<Explained, String> {
    let root = of_kind(kind).ok_or_else(|| kind.name().to_string())?;
    let mut found: Option<(&'static Struct, &'static Field)> = None;
    let mut inner = Some(root);
    for name in path {
        let parent = inner.ok_or_else(|| name.to_string())?;
        let field = parent.field(name).ok_or_else(|| name.to_string())?;
        inner = field.shape.inner();
        found = Some((parent, field));
    }
    let own = inner.map(|inner| inner.description().replace("\\n", "\n")).unwrap_or_default();
    let children: Vec<&'static Field> = inner.map(|inner| inner.fields.iter().collect()).unwrap_or_default();
    let Some((parent, field)) = found else {
        let (name, type_name) = (root.name(), root.name().to_string());
        return Ok(Explained {
            name,
            type_name,
            description: own,
            required: false,
            values: Vec::new(),
            children,
            inner,
        });
    };
    let mut text = description(parent, field);
    if !own.is_empty() {
        text.push('\n');
        text.push_str(&own);
    }
    let values = match &field.shape.form {
        Form::List(item) => item.values,
        _ => field.shape.values,
    };
    Ok(Explained {
        name: field.name,
        type_name: field.shape.explained(),
        description: text,
        required: field.required,
        values: values.split(',').filter(|v| !v.is_empty()).collect(),
        children,
        inner,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_its_fields() {
        for kind in Kind::ALL {
            let fields = of_kind(*kind).map(|s| s.fields.len()).unwrap_or_default();
            assert!(fields > 2, "{kind}: {fields} fields; run tools/schema.py");
        }
        for one in &table().structs {
            for field in &one.fields {
                let free = field.name == "fieldsV1" || (one.key, field.name) == ("apps.ControllerRevision", "data");
                let unknown = matches!(field.shape.form, Form::Base(Base::Any)) && !free;
                assert!(!unknown, "{}.{} has no known type", one.key, field.name);
            }
        }
    }

    #[test]
    fn looking_up() {
        let image = lookup(Kind::Pod, &["spec", "containers", "image"]).expect("a field");
        assert_eq!((image.type_name.as_str(), image.required), ("string", false));
        assert!(image.description.starts_with("Container image name."));
        let policy = lookup(Kind::Pod, &["spec", "restartPolicy"]).expect("a field");
        assert_eq!(policy.values, ["Always", "Never", "OnFailure"]);
        assert!(
            policy.description.ends_with("Possible enum values:\n - `\"Always\"`\n - `\"Never\"`\n - `\"OnFailure\"`")
        );
        let containers = lookup(Kind::Pod, &["spec", "containers"]).expect("a field");
        assert_eq!((containers.type_name.as_str(), containers.required), ("[]Container", true));
        assert_eq!(lookup(Kind::Pod, &["spec", "foo"]).err().as_deref(), Some("foo"));
        let ports = type_named("core.Container").and_then(|c| c.field("ports")).expect("a field");
        assert_eq!((ports.merge_key, ports.list_keys), (Some("containerPort"), "containerPort,protocol"));
        assert_eq!(ports.shape.go_type(), "[]v1.ContainerPort");
    }
}
