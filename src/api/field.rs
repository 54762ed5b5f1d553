//! Paths of fields and the list of their faults (`apimachinery/pkg/util/validation/field`).

use std::fmt;

use super::{error::Cause, validate::Options};

/// Where a field is: `spec.containers[0].resources.limits[cpu]`. Links to its parent, so that walking
/// an object costs nothing; the text is made for a fault only.
#[derive(Clone, Copy)]
pub struct Path<'a> {
    parent: Option<&'a Path<'a>>,
    part: Part<'a>,
}

#[derive(Clone, Copy)]
enum Part<'a> {
    None,
    Field(&'a str),
    Index(usize),
    Key(&'a str),
}

impl<'a> Path<'a> {
    /// The object itself; prints as Go prints a nil path.
    pub const NONE: Path<'static> = Path { parent: None, part: Part::None };

    pub const fn root(name: &'a str) -> Path<'a> {
        Path { parent: None, part: Part::Field(name) }
    }

    /// A field, or several with points between.
    pub fn child(&'a self, name: &'a str) -> Path<'a> {
        let parent = if matches!(self.part, Part::None) { None } else { Some(self) };
        Path { parent, part: Part::Field(name) }
    }

    pub fn index(&'a self, index: usize) -> Path<'a> {
        Path { parent: Some(self), part: Part::Index(index) }
    }

    pub fn key(&'a self, key: &'a str) -> Path<'a> {
        Path { parent: Some(self), part: Part::Key(key) }
    }

    fn write(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(parent) = self.parent
            && !matches!(parent.part, Part::None)
        {
            parent.write(f)?;
            if matches!(self.part, Part::Field(_)) {
                f.write_str(".")?;
            }
        }
        match self.part {
            Part::None => Ok(()),
            Part::Field(name) => f.write_str(name),
            Part::Index(index) => write!(f, "[{index}]"),
            Part::Key(key) => write!(f, "[{key}]"),
        }
    }
}

impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if matches!(self.part, Part::None) { f.write_str("<nil>") } else { self.write(f) }
    }
}

/// A value as a fault shows it: strings quoted, numbers and JSON bare.
pub trait Shown {
    fn shown(&self) -> String;
}

impl Shown for str {
    fn shown(&self) -> String {
        quoted(self)
    }
}

impl Shown for String {
    fn shown(&self) -> String {
        quoted(self)
    }
}

impl Shown for serde_json::Value {
    fn shown(&self) -> String {
        self.to_string()
    }
}

impl<V: Shown + ?Sized> Shown for &V {
    fn shown(&self) -> String {
        (**self).shown()
    }
}

/// Ready-made JSON.
pub struct Dump(pub String);

impl Shown for Dump {
    fn shown(&self) -> String {
        self.0.clone()
    }
}

macro_rules! bare {
    ($($kind:ty),*) => { $(impl Shown for $kind { fn shown(&self) -> String { self.to_string() } })* };
}
bare!(i32, i64, usize, bool, f64);

/// Go's `%q`.
pub fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{7}' => out.push_str("\\a"),
            '\u{8}' => out.push_str("\\b"),
            '\u{b}' => out.push_str("\\v"),
            '\u{c}' => out.push_str("\\f"),
            c if (c as u32) < 0x20 || c as u32 == 0x7f => out.push_str(&format!("\\x{:02x}", c as u32)),
            c if c.is_control() || (c.is_whitespace() && c != ' ') || c == '\u{feff}' || c == '\u{ad}' => {
                out.push_str(&format!("\\u{:04x}", c as u32));
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// Faults in the order found, and what the checks that find them let through.
#[derive(Clone, Debug, Default)]
pub struct Errors {
    causes: Vec<Cause>,
    pub options: Options,
}

impl Errors {
    pub fn new() -> Errors {
        Errors::default()
    }

    pub fn with(options: Options) -> Errors {
        Errors { causes: Vec::new(), options }
    }

    pub fn is_empty(&self) -> bool {
        self.causes.is_empty()
    }

    pub fn len(&self) -> usize {
        self.causes.len()
    }

    pub fn into_causes(self) -> Vec<Cause> {
        self.causes
    }

    pub fn append(&mut self, mut other: Errors) {
        self.causes.append(&mut other.causes);
    }

    fn push(&mut self, reason: &str, path: &Path, body: String, detail: &str) {
        let message = if detail.is_empty() { body } else { format!("{body}: {detail}") };
        self.causes.push(Cause { reason: reason.into(), message, field: path.to_string() });
    }

    pub fn required(&mut self, path: &Path, detail: &str) {
        self.push("FieldValueRequired", path, "Required value".into(), detail);
    }

    pub fn invalid<V: Shown + ?Sized>(&mut self, path: &Path, value: &V, detail: &str) {
        self.push("FieldValueInvalid", path, format!("Invalid value: {}", value.shown()), detail);
    }

    /// One fault for each text.
    /// A fault of a whole value, which isn't shown.
    pub fn invalid_whole(&mut self, path: &Path, detail: &str) {
        self.push("FieldValueInvalid", path, "Invalid value".into(), detail);
    }

    pub fn invalid_each<V: Shown + ?Sized>(&mut self, path: &Path, value: &V, details: Vec<String>) {
        for detail in details {
            self.invalid(path, value, &detail);
        }
    }

    /// The supported values come in the order that the real code gives (mostly sorted).
    pub fn not_supported<V: Shown + ?Sized>(&mut self, path: &Path, value: &V, supported: &[&str]) {
        let list: Vec<String> = supported.iter().map(|s| quoted(s)).collect();
        let detail = if list.is_empty() { String::new() } else { format!("supported values: {}", list.join(", ")) };
        self.push("FieldValueNotSupported", path, format!("Unsupported value: {}", value.shown()), &detail);
    }

    pub fn duplicate<V: Shown + ?Sized>(&mut self, path: &Path, value: &V) {
        self.push("FieldValueDuplicate", path, format!("Duplicate value: {}", value.shown()), "");
    }

    /// `shown` is the value as it is to appear.
    pub fn duplicate_because(&mut self, path: &Path, shown: &str, detail: &str) {
        self.push("FieldValueDuplicate", path, format!("Duplicate value: {shown}"), detail);
    }

    pub fn forbidden(&mut self, path: &Path, detail: &str) {
        self.push("FieldValueForbidden", path, "Forbidden".into(), detail);
    }

    pub fn not_found(&mut self, path: &Path, value: &str) {
        self.push("FieldValueNotFound", path, format!("Not found: {}", quoted(value)), "");
    }

    pub fn not_found_because(&mut self, path: &Path, value: &str, detail: &str) {
        self.push("FieldValueNotFound", path, format!("Not found: {}", quoted(value)), detail);
    }

    pub fn too_long(&mut self, path: &Path, most: usize) {
        self.push("FieldValueTooLong", path, "Too long".into(), &format!("may not be more than {most} bytes"));
    }

    pub fn too_many(&mut self, path: &Path, count: usize, most: usize) {
        let items = if most == 1 { "item" } else { "items" };
        self.push(
            "FieldValueTooMany",
            path,
            format!("Too many: {count}"),
            &format!("must have at most {most} {items}"),
        );
    }

    pub fn internal(&mut self, path: &Path, detail: &str) {
        self.push("InternalError", path, "Internal error".into(), detail);
    }

    /// `path: message` of each.
    pub fn texts(&self) -> Vec<String> {
        self.causes.iter().map(|cause| format!("{}: {}", cause.field, cause.message)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts() {
        let spec = Path::root("spec");
        let containers = spec.child("containers");
        let first = containers.index(0);
        let mut errors = Errors::new();
        errors.required(&first.child("name"), "");
        errors.invalid(&first.child("resources.limits").key("cpu"), "-1", "must be greater than or equal to 0");
        errors.not_supported(&spec.child("restartPolicy"), "a\"b", &["Always", "Never"]);
        errors.duplicate(&Path::NONE, &7i64);
        errors.too_many(&spec, 11, 10);
        let expected = [
            "spec.containers[0].name: Required value",
            "spec.containers[0].resources.limits[cpu]: Invalid value: \"-1\": must be greater than or equal to 0",
            "spec.restartPolicy: Unsupported value: \"a\\\"b\": supported values: \"Always\", \"Never\"",
            "<nil>: Duplicate value: 7",
            "spec: Too many: 11: must have at most 10 items",
        ];
        assert_eq!(errors.texts(), expected);
    }
}
