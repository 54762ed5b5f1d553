//! `-o go-template`: the parts of Go's `text/template` that make sense on decoded JSON.
//!
//! Fields, variables, pipelines, `if`, `range`, `with`, `else`, `define`-less; the functions `and`, `or`,
//! `not`, `len`, `index`, `print`, `printf`, `println`, `html`, `eq`, `ne`, `lt`, `le`, `gt`, `ge`, and
//! kubectl's own `exists` and `base64decode`.

mod functions;
mod parse;
mod run;

use std::rc::Rc;

use serde_json::Value;

pub use functions::show;

#[derive(Clone, Debug)]
pub struct GoTemplate {
    text: Rc<str>,
    nodes: Rc<[Node]>,
}

#[derive(Clone, Debug)]
enum Node {
    Text(String),
    Show(Pipe),
    If(Pipe, Vec<Node>, Vec<Node>),
    With(Pipe, Vec<Node>, Vec<Node>),
    Range { key: Option<String>, item: Option<String>, over: Pipe, body: Vec<Node>, empty: Vec<Node> },
    Break,
    Continue,
}

/// Commands joined by `|`, and the variable that takes the value.
#[derive(Clone, Debug)]
struct Pipe {
    assign: Option<String>,
    commands: Vec<Vec<Term>>,
}

#[derive(Clone, Debug)]
enum Term {
    /// `.a.b`; empty is `.`
    Fields(Vec<String>),
    /// `$x.a`; the name is "" for `$`.
    Variable(String, Vec<String>),
    Value(Value),
    Function(String),
    Paren(Pipe, Vec<String>),
}

impl GoTemplate {
    pub fn parse(text: &str) -> Result<GoTemplate, String> {
        Ok(GoTemplate { text: text.into(), nodes: parse::template(text)?.into() })
    }

    pub fn text(&self) -> &str {
        &self.text
    }

    pub fn render(&self, value: &Value) -> Result<String, String> {
        run::template(&self.nodes, value)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn templates() {
        let value = json!({
            "metadata": {"name": "web", "labels": {"app": "w"}},
            "items": [{"n": "a", "v": 1}, {"n": "b", "v": 2.5}],
            "data": {"p": "aGk="},
        });
        let rows = [
            ("{{.metadata.name}}", "web"),
            ("{{range .items}}{{.n}}={{.v}} {{end}}", "a=1 b=2.5 "),
            ("{{range $i, $e := .items}}{{$i}}:{{$e.n}}{{\"\\n\"}}{{end}}", "0:a\n1:b\n"),
            ("{{range .none}}x{{else}}empty{{end}}", "empty"),
            ("{{if .metadata.labels.app}}yes{{else}}no{{end}}", "yes"),
            ("{{if eq .metadata.name \"x\"}}x{{else if eq .metadata.name \"web\"}}w{{end}}", "w"),
            ("{{with .metadata}}{{.name}} {{$.data.p}}{{end}}", "web aGk="),
            ("{{printf \"%-5s|%3d|%q\" .metadata.name 7 \"x\"}}", "web  |  7|\"x\""),
            ("{{.missing}}", "<no value>"),
            ("{{index .items 1 \"n\"}} {{len .items}}", "b 2"),
            ("{{(index .items 0).n | printf \"<%s>\"}}", "<a>"),
            ("{{.data.p | base64decode}}", "hi"),
            ("{{.metadata.labels}}", "map[app:w]"),
            ("a {{- /* no */ -}} b {{- \"c\" }} d", "abc d"),
            ("{{$x := .metadata.name}}{{$x}}", "web"),
            ("{{.metadata", "error: template: output:1: unclosed action"),
            ("{{foo}}", "error: template: output:1: function \"foo\" not defined"),
            ("{{if .a}}", "error: template: output:1: unexpected EOF"),
        ];
        for (template, expected) in rows {
            let text = GoTemplate::parse(template).and_then(|parsed| parsed.render(&value));
            assert_eq!(text.unwrap_or_else(|why| format!("error: {why}")), expected, "{template}");
        }
    }
}
