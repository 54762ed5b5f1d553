//! Statuses as values: counts that are left out when zero, and lists of conditions.

use serde_json::{Map, Value};

use crate::api::other::Other;

/// Sets a count; zero is left out, as Go's `omitempty` does.
pub fn count(status: &mut Map<String, Value>, key: &str, count: impl TryInto<i64>) {
    match count.try_into() {
        Ok(0) | Err(_) => drop(status.remove(key)),
        Ok(count) => drop(status.insert(key.into(), count.into())),
    }
}

/// The conditions of a status, of which the newest stands last.
#[derive(Clone, Default)]
pub struct Conditions(pub Vec<Value>);

/// A text of a condition: `status`, `reason`.
pub fn text<'a>(condition: &'a Value, key: &str) -> &'a str {
    condition[key].as_str().unwrap_or_default()
}

impl Conditions {
    pub fn of(object: &Other) -> Conditions {
        Conditions(object.at("status/conditions").as_array().cloned().unwrap_or_default())
    }

    pub fn get(&self, of: &str) -> Option<&Value> {
        self.0.iter().find(|condition| condition["type"] == of)
    }

    pub fn remove(&mut self, of: &str) {
        self.0.retain(|condition| condition["type"] != of);
    }

    /// Sets a condition unless it has the same status and reason already. The time of the last transition stays while the
    /// status does.
    pub fn set(&mut self, mut condition: Value) {
        let of = text(&condition, "type").to_string();
        if let Some(old) = self.get(&of) {
            if old["status"] == condition["status"] && old["reason"] == condition["reason"] {
                return;
            }
            if old["status"] == condition["status"] {
                condition["lastTransitionTime"] = old["lastTransitionTime"].clone();
            }
        }
        self.remove(&of);
        self.0.push(condition);
    }

    pub fn write(self, status: &mut Map<String, Value>) {
        if self.0.is_empty() {
            status.remove("conditions");
        } else {
            status.insert("conditions".into(), self.0.into());
        }
    }
}
