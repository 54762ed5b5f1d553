//! JSON patch (RFC 6902), with the texts of the library that the apiserver uses (evanphx/json-patch).

use serde_json::Value;

/// The document after all operations; the first that fails refuses all.
pub fn json_patch(document: &Value, operations: &Value) -> Result<Value, String> {
    let Value::Array(operations) = operations else {
        return Err("json: cannot unmarshal object into Go value of type jsonpatch.Patch".into());
    };
    let mut document = document.clone();
    for operation in operations {
        let text = |name: &str| operation.get(name).and_then(Value::as_str);
        let path = text("path").ok_or("missing value")?;
        let value = || operation.get("value").cloned().ok_or_else(|| "missing value".to_string());
        match text("op").unwrap_or("unknown") {
            "add" => add(&mut document, path, value()?)?,
            "remove" => drop(remove(&mut document, path)?),
            "replace" => replace(&mut document, path, value()?)?,
            "move" => {
                let from = text("from").ok_or("missing value")?;
                let moved = remove(&mut document, from)?;
                add(&mut document, path, moved)?;
            }
            "copy" => {
                let from = text("from").ok_or("missing value")?;
                let missing =
                    || format!("copy operation does not apply: doc is missing from path: {from}: missing value");
                let copied = document.pointer(from).cloned().ok_or_else(missing)?;
                add(&mut document, path, copied)?;
            }
            "test" => {
                let wanted = operation.get("value").unwrap_or(&Value::Null);
                if document.pointer(path).unwrap_or(&Value::Null) != wanted {
                    return Err(format!("testing value {path} failed: test failed"));
                }
            }
            other => return Err(format!("Unexpected kind: {other}")),
        }
    }
    Ok(document)
}

/// The parent's path and the last part, unescaped.
fn split(path: &str) -> Option<(&str, String)> {
    let (parent, last) = path.rsplit_once('/')?;
    Some((parent, last.replace("~1", "/").replace("~0", "~")))
}

/// An index of a list of `length`; `-` and the length itself stand for its end.
fn position(word: &str, length: usize) -> Result<usize, String> {
    if word == "-" {
        return Ok(length);
    }
    match word.parse::<usize>() {
        Ok(index) => Ok(index),
        Err(_) => Err(format!("strconv.Atoi: parsing \"{word}\": invalid syntax")),
    }
}

fn add(document: &mut Value, path: &str, value: Value) -> Result<(), String> {
    if path.is_empty() {
        *document = value;
        return Ok(());
    }
    let missing = || format!("add operation does not apply: doc is missing path: \"{path}\": missing value");
    let (parent, last) = split(path).ok_or_else(missing)?;
    match document.pointer_mut(parent) {
        Some(Value::Object(map)) => drop(map.insert(last, value)),
        Some(Value::Array(items)) => {
            let index = position(&last, items.len())?;
            if index > items.len() {
                return Err(format!(
                    "error in add for path: '{path}': Unable to access invalid index: {index}: invalid index referenced"
                ));
            }
            items.insert(index, value);
        }
        _ => return Err(missing()),
    }
    Ok(())
}

/// A key that an object lacks is added; a list's index must exist, -1 is its last item.
fn replace(document: &mut Value, path: &str, value: Value) -> Result<(), String> {
    if path.is_empty() {
        *document = value;
        return Ok(());
    }
    let missing = || format!("replace operation does not apply: doc is missing key: {path}: missing value");
    let (parent, last) = split(path).ok_or_else(missing)?;
    match document.pointer_mut(parent) {
        Some(Value::Object(map)) => drop(map.insert(last, value)),
        Some(Value::Array(items)) => {
            let index = match last.strip_prefix('-').and_then(|back| back.parse::<usize>().ok()) {
                Some(back) => items.len().checked_sub(back).ok_or_else(missing)?,
                None => position(&last, items.len())?,
            };
            *items.get_mut(index).ok_or_else(missing)? = value;
        }
        _ => return Err(missing()),
    }
    Ok(())
}

fn remove(document: &mut Value, path: &str) -> Result<Value, String> {
    let missing = || format!("remove operation does not apply: doc is missing path: \"{path}\": missing value");
    let (parent, last) = split(path).ok_or_else(missing)?;
    match document.pointer_mut(parent) {
        Some(Value::Object(map)) => map.remove(&last).ok_or_else(|| {
            format!("error in remove for path: '{path}': Unable to remove nonexistent key: {last}: missing value")
        }),
        Some(Value::Array(items)) => {
            let index = position(&last, items.len())?;
            if index >= items.len() {
                return Err(format!(
                    "error in remove for path: '{path}': Unable to access invalid index: {index}: invalid index referenced"
                ));
            }
            Ok(items.remove(index))
        }
        _ => Err(missing()),
    }
}
