//! The functions of templates, and values as Go prints and compares them.

use serde_json::Value;

use crate::{kubectl::jsonpath, programs::net::base64};

pub fn go_type(value: &Value) -> &'static str {
    match value {
        Value::Null => "interface {}",
        Value::Bool(_) => "bool",
        Value::Number(number) if number.is_f64() => "float64",
        Value::Number(_) => "int64",
        Value::String(_) => "string",
        Value::Array(_) => "[]interface {}",
        Value::Object(_) => "map[string]interface {}",
    }
}

pub fn truth(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(value) => *value,
        Value::Number(number) => number.as_f64() != Some(0.0),
        Value::String(text) => !text.is_empty(),
        Value::Array(list) => !list.is_empty(),
        Value::Object(map) => !map.is_empty(),
    }
}

/// Go's `%v`.
pub fn show(value: &Value) -> String {
    match value {
        Value::Null => "<no value>".into(),
        Value::Array(list) => format!("[{}]", list.iter().map(show).collect::<Vec<_>>().join(" ")),
        Value::Object(map) => {
            let pairs: Vec<String> = map.iter().map(|(key, value)| format!("{key}:{}", show(value))).collect();
            format!("map[{}]", pairs.join(" "))
        }
        other => jsonpath::show(other),
    }
}

pub fn function(name: &str, args: &[Value]) -> Result<Value, String> {
    let needs = |least: usize| match args.len() < least {
        true => Err(format!("wrong number of args for {name}: want at least {least} got {}", args.len())),
        false => Ok(()),
    };
    match name {
        "and" => {
            needs(1)?;
            Ok(args.iter().find(|arg| !truth(arg)).or(args.last()).cloned().unwrap_or(Value::Null))
        }
        "or" => {
            needs(1)?;
            Ok(args.iter().find(|arg| truth(arg)).or(args.last()).cloned().unwrap_or(Value::Null))
        }
        "not" => {
            needs(1)?;
            Ok(Value::Bool(!truth(&args[0])))
        }
        "len" => {
            needs(1)?;
            match &args[0] {
                Value::String(text) => Ok(text.len().into()),
                Value::Array(list) => Ok(list.len().into()),
                Value::Object(map) => Ok(map.len().into()),
                other => Err(format!("error calling len: len of type {}", go_type(other))),
            }
        }
        "index" => {
            needs(1)?;
            let mut value = &args[0];
            for key in &args[1..] {
                value = match (value, key) {
                    (Value::Object(map), Value::String(key)) => map.get(key).unwrap_or(&Value::Null),
                    (Value::Array(list), Value::Number(at)) => {
                        let found = at.as_u64().and_then(|at| list.get(at as usize));
                        found.ok_or_else(|| format!("error calling index: index out of range: {at}"))?
                    }
                    (Value::Null, _) => return Err("error calling index: index of untyped nil".into()),
                    (other, _) => {
                        return Err(format!("error calling index: can't index item of type {}", go_type(other)));
                    }
                };
            }
            Ok(value.clone())
        }
        "exists" => {
            needs(1)?;
            let mut value = &args[0];
            for key in &args[1..] {
                let found = match (value, key) {
                    (Value::Object(map), Value::String(key)) => map.get(key),
                    (Value::Array(list), Value::Number(at)) => at.as_u64().and_then(|at| list.get(at as usize)),
                    _ => None,
                };
                match found {
                    Some(inner) => value = inner,
                    None => return Ok(Value::Bool(false)),
                }
            }
            Ok(Value::Bool(true))
        }
        "print" => Ok(Value::String(sprint(args, false))),
        "println" => Ok(Value::String(format!("{}\n", sprint(args, true)))),
        "printf" => {
            needs(1)?;
            Ok(Value::String(printf(&show(&args[0]), &args[1..])))
        }
        "html" => {
            let text = sprint(args, false);
            let text = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
            Ok(Value::String(text.replace('"', "&#34;").replace('\'', "&#39;")))
        }
        "base64decode" => {
            needs(1)?;
            let bytes = base64::decode(&show(&args[0]));
            let bytes = bytes.ok_or("error calling base64decode: illegal base64 data")?;
            Ok(Value::String(String::from_utf8_lossy(&bytes).into_owned()))
        }
        "eq" => {
            needs(2)?;
            for other in &args[1..] {
                if compare(&args[0], other)?.is_eq() {
                    return Ok(Value::Bool(true));
                }
            }
            Ok(Value::Bool(false))
        }
        _ => {
            needs(2)?;
            let order = compare(&args[0], &args[1])?;
            Ok(Value::Bool(match name {
                "ne" => order.is_ne(),
                "lt" => order.is_lt(),
                "le" => order.is_le(),
                "gt" => order.is_gt(),
                _ => order.is_ge(),
            }))
        }
    }
}

fn compare(a: &Value, b: &Value) -> Result<std::cmp::Ordering, String> {
    match (a, b) {
        (Value::String(a), Value::String(b)) => Ok(a.cmp(b)),
        (Value::Bool(a), Value::Bool(b)) => Ok(a.cmp(b)),
        (Value::Number(a), Value::Number(b)) => {
            a.as_f64().partial_cmp(&b.as_f64()).ok_or_else(|| "incomparable numbers".to_string())
        }
        (Value::Null, Value::Null) => Ok(std::cmp::Ordering::Equal),
        (Value::Null, _) => Ok(std::cmp::Ordering::Less),
        (_, Value::Null) => Ok(std::cmp::Ordering::Greater),
        _ => Err("error calling eq: incompatible types for comparison".into()),
    }
}

/// Go puts blanks between operands of `print` when neither is a string, of `println` always.
fn sprint(args: &[Value], always: bool) -> String {
    let mut out = String::new();
    for (i, arg) in args.iter().enumerate() {
        if i > 0 && (always || !(arg.is_string() || args[i - 1].is_string())) {
            out.push(' ');
        }
        out.push_str(&show(arg));
    }
    out
}

fn printf(format: &str, args: &[Value]) -> String {
    let mut args = args.iter();
    let mut out = String::new();
    let mut chars = format.chars().peekable();
    while let Some(c) = chars.next() {
        if c != '%' {
            out.push(c);
            continue;
        }
        let (mut left, mut zero, mut width) = (false, false, String::new());
        while let Some(c) =
            chars.next_if(|c| matches!(c, '-' | '0' | '+' | ' ' | '#') || c.is_ascii_digit() || *c == '.')
        {
            match c {
                '-' => left = true,
                '0' if width.is_empty() => zero = true,
                c => width.push(c),
            }
        }
        let (width, precision) = match width.split_once('.') {
            Some((width, precision)) => (width.to_string(), precision.parse::<usize>().ok()),
            None => (width, None),
        };
        let width: usize = width.parse().unwrap_or(0).min(1000);
        let verb = chars.next().unwrap_or('%');
        if verb == '%' {
            out.push('%');
            continue;
        }
        let Some(arg) = args.next() else {
            out.push_str(&format!("%!{verb}(MISSING)"));
            continue;
        };
        let text = match (verb, arg) {
            ('q', arg) => Value::String(show(arg)).to_string(),
            ('f', Value::Number(number)) => {
                format!("{:.*}", precision.unwrap_or(6).min(100), number.as_f64().unwrap_or(0.0))
            }
            ('s', Value::String(text)) => text.chars().take(precision.unwrap_or(usize::MAX)).collect(),
            ('d', Value::Number(number)) if !number.is_f64() => number.to_string(),
            ('t', Value::Bool(value)) => value.to_string(),
            ('v', arg) => show(arg),
            ('T', arg) => go_type(arg).into(),
            (verb, arg) => format!("%!{verb}({}={})", go_type(arg), show(arg)),
        };
        let missing = width.saturating_sub(text.chars().count());
        match (left, zero) {
            (true, _) => out.push_str(&format!("{text}{}", " ".repeat(missing))),
            (false, true) => out.push_str(&format!("{}{text}", "0".repeat(missing))),
            (false, false) => out.push_str(&format!("{}{text}", " ".repeat(missing))),
        }
    }
    out
}
