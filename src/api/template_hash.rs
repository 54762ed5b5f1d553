//! Hashes of pod templates, which are parts of names: `web-6f46cb59c5` (`pkg/controller/controller_utils.go`, `ComputeHash`;
//! `pkg/controller/history`, `HashControllerRevision`).
//!
//! What is hashed is the template as Go's package spew prints it, with all its fields, their Go types and their order. These
//! are in `schema/order.txt`: a line for each struct, with its fields as `NAME[=JSON NAME]:GO TYPE`. The JSON name is left out
//! where only its first letter differs, and empty for a struct that is embedded.

use serde_json::Value;

use super::wire;

/// The label that tells the pods of a Deployment's templates apart.
pub const HASH_LABEL: &str = "pod-template-hash";

const ALPHABET: &[u8] = b"bcdfghjklmnpqrstvwxz2456789";
static ORDER: &str = include_str!("schema/order.txt");

const BASIS: u32 = 0x811c_9dc5;
const PRIME: u32 = 0x0100_0193;

/// The digits of a number as letters that make no words (`rand.SafeEncodeString`).
pub fn safe_encode(number: u32) -> String {
    let letter = |byte: u8| char::from(ALPHABET[usize::from(byte) % ALPHABET.len()]);
    number.to_string().bytes().map(letter).collect()
}

/// The hash of a pod template. `collisions` counts how often the name was taken.
pub fn template_hash(template: &Value, collisions: Option<u32>) -> String {
    let mut text = String::new();
    print(&mut text, "PodTemplateSpec", template, true);
    let mut tail = Vec::new();
    if let Some(count) = collisions {
        tail.extend(count.to_le_bytes());
        tail.extend([0; 4]);
    }
    // FNV-1a
    let hash = text.bytes().chain(tail).fold(BASIS, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(PRIME));
    safe_encode(hash)
}

/// The hash of what a StatefulSet's ControllerRevision keeps.
pub fn revision_hash(data: &Value, collisions: u32) -> String {
    let text = format!("{}{collisions}", wire::compact(data));
    // FNV-1
    let hash = text.bytes().fold(BASIS, |hash, byte| hash.wrapping_mul(PRIME) ^ u32::from(byte));
    safe_encode(hash)
}

/// A type's name as Go prints it.
fn go_type(of: &str) -> String {
    for prefix in ["*", "[]", "map[string]"] {
        if let Some(rest) = of.strip_prefix(prefix) {
            return format!("{prefix}{}", go_type(rest));
        }
    }
    if of.contains('.') || of.starts_with(|c: char| c.is_ascii_lowercase()) { of.into() } else { format!("v1.{of}") }
}

/// Prints a value of a Go type, after the type's name if it is `typed`.
fn print(out: &mut String, of: &str, value: &Value, typed: bool) {
    let name = |out: &mut String| {
        if typed {
            out.push_str(&format!("({})", go_type(of)));
        }
    };
    let empty = match value {
        Value::Null => true,
        Value::Array(list) => list.is_empty(),
        Value::Object(map) => map.is_empty(),
        _ => false,
    };
    if let Some(target) = of.strip_prefix('*') {
        if value.is_null() {
            name(out);
            return out.push_str("<nil>");
        }
        out.push_str(&if typed { format!("(*{})", go_type(target)) } else { "<*>".into() });
        return print(out, target, value, false);
    }
    name(out);
    if let Some(item) = of.strip_prefix("[]") {
        if empty {
            return out.push_str("<nil>");
        }
        out.push('[');
        for (i, each) in value.as_array().into_iter().flatten().enumerate() {
            out.push_str(if i > 0 { " " } else { "" });
            print(out, item, each, false);
        }
        return out.push(']');
    }
    let values = if of == "ResourceList" { Some("resource.Quantity") } else { of.strip_prefix("map[string]") };
    if let Some(item) = values {
        if empty {
            return out.push_str("<nil>");
        }
        out.push_str("map[");
        for (i, (key, each)) in value.as_object().into_iter().flatten().enumerate() {
            out.push_str(&format!("{}{key}:", if i > 0 { " " } else { "" }));
            print(out, item, each, false);
        }
        return out.push(']');
    }
    let text = value.as_str().unwrap_or_default();
    match of {
        "bool" => out.push_str(if value == &Value::Bool(true) { "true" } else { "false" }),
        "int32" | "int64" => out.push_str(&value.as_i64().unwrap_or(0).to_string()),
        "Time" => out.push_str("{Time:(time.Time){wall:(uint64)0 ext:(int64)0 loc:(*time.Location)<nil>}}"),
        "resource.Quantity" => quantity(out, text),
        "intstr.IntOrString" => {
            let number = value.as_i64().unwrap_or(0);
            let kind = i32::from(value.is_string());
            out.push_str(&format!("{{Type:(intstr.Type){kind} IntVal:(int32){number} StrVal:(string){text}}}"));
        }
        _ => match fields(of) {
            Some(fields) => structure(out, fields, value),
            None => out.push_str(text),
        },
    }
}

/// The fields of a struct; `None` if the type is another: a kind of text.
fn fields(of: &str) -> Option<&'static str> {
    ORDER.lines().find_map(|line| line.strip_prefix(of)?.strip_prefix(' '))
}

fn structure(out: &mut String, fields: &str, value: &Value) {
    out.push('{');
    for (i, field) in fields.split(' ').enumerate() {
        let (names, of) = field.split_once(':').unwrap_or((field, "string"));
        let (name, json) = match names.split_once('=') {
            Some((name, json)) => (name, json.to_string()),
            None => (names, names[..1].to_ascii_lowercase() + &names[1..]),
        };
        out.push_str(&format!("{}{name}:", if i > 0 { " " } else { "" }));
        let part = if json.is_empty() { value } else { value.get(&json).unwrap_or(&Value::Null) };
        print(out, of, part, true);
    }
    out.push('}');
}

/// `resource.ParseQuantity`, as far as its result shows. Numbers that don't fit 64 bits are taken for 0.
fn quantity(out: &mut String, text: &str) {
    let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.' && c != '-' && c != '+').unwrap_or(text.len());
    let (number, suffix) = text.split_at(digits);
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let digits = format!("{whole}{fraction}");
    let value: i64 = digits.parse().unwrap_or(0);
    let binary = ["Ki", "Mi", "Gi", "Ti", "Pi", "Ei"].iter().position(|name| *name == suffix);
    let (value, scale, format, kept) = match binary {
        Some(at) => (value << (10 * (at + 1)), 0, "BinarySI", value & 7 != 0),
        None => {
            let decimal = ["n", "u", "m", "", "k", "M", "G", "T", "P", "E"].iter().position(|name| *name == suffix);
            let exponent = suffix.strip_prefix(['e', 'E']).and_then(|text| text.parse::<i64>().ok());
            let format = if exponent.is_some() && suffix.len() > 1 { "DecimalExponent" } else { "DecimalSI" };
            let power = decimal.and_then(|at| i64::try_from(at).ok()).map(|at| at * 3 - 9).or(exponent).unwrap_or(0);
            let scale = power - i64::try_from(fraction.len()).unwrap_or(0);
            let canonical = scale % 3 == 0 && !digits.ends_with("000") && !digits.starts_with('0');
            (value, scale, if text.is_empty() { "" } else { format }, canonical || text == "0")
        }
    };
    let kept = if kept { text } else { "" };
    out.push_str(&format!(
        "{{i:(resource.int64Amount){{value:(int64){value} scale:(resource.Scale){scale}}} \
         d:(resource.infDecAmount){{Dec:(*inf.Dec)<nil>}} s:(string){kept} Format:(resource.Format){format}}}"
    ));
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn template(name: &str, image: &str, app: &str, grace: i64) -> Value {
        json!({
            "metadata": {"labels": {"app": app}},
            "spec": {
                "containers": [{
                    "name": name, "image": image, "imagePullPolicy": "IfNotPresent", "resources": {},
                    "terminationMessagePath": "/dev/termination-log", "terminationMessagePolicy": "File",
                }],
                "dnsPolicy": "ClusterFirst", "restartPolicy": "Always", "schedulerName": "default-scheduler",
                "securityContext": {}, "terminationGracePeriodSeconds": grace,
            },
        })
    }

    #[test]
    fn hashes_are_those_of_a_real_cluster() {
        let hash = |template: &Value| template_hash(template, None);
        assert_eq!(hash(&template("nginx", "nginx:1.27", "web", 2)), "6f46cb59c5");
        assert_eq!(hash(&template("nginx", "nginx:badtag", "web", 2)), "7fb6df8f66");
        assert_eq!(hash(&template("c", "nginx:1.27", "agent", 2)), "6664b74b5c");
        let mut limited = template("c", "nginx:1.27", "web", 1);
        limited["spec"]["containers"][0]["resources"] = json!({"requests": {"cpu": "100m"}});
        assert_eq!(hash(&limited), "8655f7f9cb");
        let mut full = template("nginx", "nginx:1.27", "web", 30);
        full["spec"]["containers"][0]["ports"] = json!([{"containerPort": 80, "protocol": "TCP"}]);
        let resources = json!({"requests": {"cpu": "100m", "memory": "64Mi"}, "limits": {"memory": "128Mi"}});
        full["spec"]["containers"][0]["resources"] = resources;
        assert_eq!(hash(&full), "6b4ffb9ff8");
        assert_ne!(template_hash(&full, Some(1)), hash(&full));
    }

    #[test]
    fn revisions_have_another_hash() {
        let mut template = template("c", "nginx:1.27", "par", 2);
        template["$patch"] = "replace".into();
        assert_eq!(revision_hash(&json!({"spec": {"template": template}}), 0), "6d7fd5f87d");
    }
}
