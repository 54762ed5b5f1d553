//! The three-way merge of `kubectl apply`: what was applied last, what is applied now, what is there.

use serde_json::{Map, Value};

/// `live` as it must become: everything of `new`, less what `last` had and `new` has no more.
pub fn three_way(last: &Value, new: &Value, live: &Value) -> Value {
    match (new, live) {
        (Value::Object(new), Value::Object(live)) => {
            let nothing = Map::new();
            let last = last.as_object().unwrap_or(&nothing);
            let mut merged = live.clone();
            for key in last.keys().filter(|key| !new.contains_key(*key)) {
                merged.remove(key);
            }
            for (key, value) in new {
                if value.is_null() {
                    merged.remove(key);
                    continue;
                }
                let before = last.get(key).unwrap_or(&Value::Null);
                let value = three_way(before, value, live.get(key).unwrap_or(&Value::Null));
                merged.insert(key.clone(), value);
            }
            Value::Object(merged)
        }
        (Value::Array(new), Value::Array(live)) => {
            let Some(key) = merge_key(new, live) else { return Value::Array(new.clone()) };
            let last = last.as_array().map(Vec::as_slice).unwrap_or_default();
            let find = |list: &[Value], id: &Value| list.iter().find(|item| &item[key] == id).cloned();
            let mut merged: Vec<Value> = Vec::new();
            for item in new {
                let before = find(last, &item[key]).unwrap_or(Value::Null);
                let there = find(live, &item[key]).unwrap_or(Value::Null);
                merged.push(three_way(&before, item, &there));
            }
            // What others put there stays, behind; what was applied once and is not any more goes.
            for item in live {
                if find(new, &item[key]).is_none() && find(last, &item[key]).is_none() {
                    merged.push(item.clone());
                }
            }
            Value::Array(merged)
        }
        (new, _) => without_nulls(new),
    }
}

fn without_nulls(value: &Value) -> Value {
    match value {
        Value::Object(map) => {
            let kept = map.iter().filter(|(_, v)| !v.is_null()).map(|(k, v)| (k.clone(), without_nulls(v)));
            Value::Object(kept.collect())
        }
        other => other.clone(),
    }
}

/// The key that names the items of both lists. Ports, mounts and addresses have keys of their own.
fn merge_key(new: &[Value], live: &[Value]) -> Option<&'static str> {
    let both = || new.iter().chain(live);
    if new.is_empty() && live.is_empty() {
        return None;
    }
    // `name` comes last: ports may carry one but are merged by number.
    ["containerPort", "mountPath", "devicePath", "topologyKey", "name", "ip"]
        .into_iter()
        .find(|key| both().all(|item| item.get(key).is_some_and(|v| v.is_string() || v.is_number())))
}

/// The JSON merge patch that makes `to` of `from`; an empty object if they are alike.
pub fn difference(from: &Value, to: &Value) -> Value {
    let (Value::Object(from), Value::Object(to)) = (from, to) else { return to.clone() };
    let mut patch = Map::new();
    for key in from.keys().filter(|key| !to.contains_key(*key)) {
        patch.insert(key.clone(), Value::Null);
    }
    for (key, value) in to {
        match from.get(key) {
            Some(before) if before == value => {}
            Some(before) if before.is_object() && value.is_object() => {
                patch.insert(key.clone(), difference(before, value));
            }
            _ => {
                patch.insert(key.clone(), value.clone());
            }
        }
    }
    Value::Object(patch)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn merges() {
        let cases = [
            (json!({"a": 1, "b": 2}), json!({"a": 3}), json!({"a": 1, "b": 2, "c": 4}), json!({"a": 3, "b": null})),
            (json!({}), json!({"a": 1}), json!({"a": 1, "z": 1}), json!({})),
            (
                json!({"c": [{"name": "x"}, {"name": "y"}]}),
                json!({"c": [{"name": "x", "image": "i"}]}),
                json!({"c": [{"name": "x", "policy": "p"}, {"name": "y"}, {"name": "z"}]}),
                json!({"c": [{"name": "x", "policy": "p", "image": "i"}, {"name": "z"}]}),
            ),
            (json!({"l": {"a": "1"}}), json!({}), json!({"l": {"a": "1"}}), json!({"l": null})),
            (json!({}), json!({"args": ["a"]}), json!({"args": ["a", "b"]}), json!({"args": ["a"]})),
        ];
        for (last, new, live, expected) in cases {
            assert_eq!(difference(&live, &three_way(&last, &new, &live)), expected, "{last} {new} {live}");
        }
    }
}
