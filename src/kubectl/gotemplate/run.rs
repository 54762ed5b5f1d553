//! Filling a template in.

use serde_json::Value;

use super::{
    Node, Pipe, Term,
    functions::{function, go_type, show, truth},
};

/// The text that the nodes make of a value.
pub fn template(nodes: &[Node], value: &Value) -> Result<String, String> {
    let mut run = Run { variables: vec![(String::new(), value.clone())], out: String::new() };
    run.nodes(nodes, value)?;
    Ok(run.out)
}

struct Run {
    /// Innermost last; `$` first.
    variables: Vec<(String, Value)>,
    out: String,
}

#[derive(PartialEq)]
enum Flow {
    On,
    Break,
    Continue,
}

impl Run {
    fn nodes(&mut self, nodes: &[Node], dot: &Value) -> Result<Flow, String> {
        for node in nodes {
            let flow = match node {
                Node::Text(text) => {
                    self.out.push_str(text);
                    Flow::On
                }
                Node::Show(pipe) => {
                    let value = self.pipe(pipe, dot)?;
                    match &pipe.assign {
                        Some(name) => self.assign(name, value.unwrap_or(Value::Null)),
                        None => self.out.push_str(&value.map_or("<no value>".into(), |value| show(&value))),
                    }
                    Flow::On
                }
                Node::If(condition, body, otherwise) => {
                    let scope = self.variables.len();
                    let value = self.pipe(condition, dot)?.unwrap_or(Value::Null);
                    if let Some(name) = &condition.assign {
                        self.assign(name, value.clone());
                    }
                    let flow = self.nodes(if truth(&value) { body } else { otherwise }, dot)?;
                    self.variables.truncate(scope);
                    flow
                }
                Node::With(condition, body, otherwise) => {
                    let scope = self.variables.len();
                    let value = self.pipe(condition, dot)?.unwrap_or(Value::Null);
                    if let Some(name) = &condition.assign {
                        self.assign(name, value.clone());
                    }
                    let flow = match truth(&value) {
                        true => self.nodes(body, &value)?,
                        false => self.nodes(otherwise, dot)?,
                    };
                    self.variables.truncate(scope);
                    flow
                }
                Node::Range { key, item, over, body, empty } => {
                    self.range(key.as_deref(), item.as_deref(), over, body, empty, dot)?
                }
                Node::Break => Flow::Break,
                Node::Continue => Flow::Continue,
            };
            if flow != Flow::On {
                return Ok(flow);
            }
        }
        Ok(Flow::On)
    }

    fn range(
        &mut self,
        key: Option<&str>,
        item: Option<&str>,
        over: &Pipe,
        body: &[Node],
        empty: &[Node],
        dot: &Value,
    ) -> Result<Flow, String> {
        let entries: Vec<(Value, Value)> = match self.pipe(over, dot)?.unwrap_or(Value::Null) {
            Value::Array(items) => items.into_iter().enumerate().map(|(i, value)| (i.into(), value)).collect(),
            Value::Object(map) => map.into_iter().map(|(key, value)| (key.into(), value)).collect(),
            Value::Null => Vec::new(),
            other => return Err(format!("range can't iterate over {}", show(&other))),
        };
        if entries.is_empty() {
            return self.nodes(empty, dot);
        }
        for (index, value) in entries {
            let scope = self.variables.len();
            if let Some(name) = key {
                self.variables.push((name.into(), index));
            }
            if let Some(name) = item {
                self.variables.push((name.into(), value.clone()));
            }
            let flow = self.nodes(body, &value)?;
            self.variables.truncate(scope);
            if flow == Flow::Break {
                break;
            }
        }
        Ok(Flow::On)
    }

    fn assign(&mut self, name: &str, value: Value) {
        self.variables.push((name.into(), value));
    }

    /// `None`: a field that isn't there.
    fn pipe(&self, pipe: &Pipe, dot: &Value) -> Result<Option<Value>, String> {
        let mut last: Option<Option<Value>> = None;
        for command in &pipe.commands {
            last = Some(self.command(command, last, dot)?);
        }
        Ok(last.flatten())
    }

    fn command(&self, command: &[Term], last: Option<Option<Value>>, dot: &Value) -> Result<Option<Value>, String> {
        let Some((first, rest)) = command.split_first() else { return Ok(None) };
        let Term::Function(name) = first else {
            if !rest.is_empty() || last.is_some() {
                return Err("can't give argument to non-function".into());
            }
            return self.term(first, dot);
        };
        let mut args = Vec::with_capacity(rest.len() + 1);
        for term in rest {
            args.push(self.term(term, dot)?.unwrap_or(Value::Null));
        }
        args.extend(last.map(|value| value.unwrap_or(Value::Null)));
        function(name, &args).map(Some)
    }

    fn term(&self, term: &Term, dot: &Value) -> Result<Option<Value>, String> {
        match term {
            Term::Value(value) => Ok(Some(value.clone())),
            Term::Fields(fields) => walk(dot, fields),
            Term::Variable(name, fields) => {
                let found = self.variables.iter().rev().find(|(known, _)| known == name);
                let (_, value) = found.ok_or_else(|| format!("undefined variable \"${name}\""))?;
                walk(value, fields)
            }
            Term::Paren(pipe, fields) => {
                let value = self.pipe(pipe, dot)?.unwrap_or(Value::Null);
                walk(&value, fields)
            }
            Term::Function(name) => function(name, &[]).map(Some),
        }
    }
}

fn walk(value: &Value, fields: &[String]) -> Result<Option<Value>, String> {
    let mut value = value;
    for field in fields {
        match value {
            Value::Object(map) => match map.get(field) {
                Some(inner) => value = inner,
                None => return Ok(None),
            },
            Value::Null => return Ok(None),
            other => return Err(format!("can't evaluate field {field} in type {}", go_type(other))),
        }
    }
    Ok(Some(value.clone()))
}
