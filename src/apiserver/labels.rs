//! Label selectors as query strings.

use std::collections::BTreeMap;

#[derive(Clone, Debug)]
pub(super) struct LabelSelector(Vec<Requirement>);

#[derive(Clone, Debug)]
struct Requirement {
    key: String,
    operator: Operator,
}

#[derive(Clone, Debug)]
enum Operator {
    Exists,
    Absent,
    In(Vec<String>),
    NotIn(Vec<String>),
}

impl LabelSelector {
    pub fn parse(text: &str) -> Result<LabelSelector, String> {
        let mut requirements = Vec::new();
        let mut depth = 0usize;
        let parts = text.split(|c| {
            match c {
                '(' => depth += 1,
                ')' => depth = depth.saturating_sub(1),
                _ => {}
            }
            c == ',' && depth == 0
        });
        for part in parts {
            requirements.push(requirement(part.trim())?);
        }
        Ok(LabelSelector(requirements))
    }

    pub fn matches(&self, labels: Option<&BTreeMap<String, String>>) -> bool {
        self.0.iter().all(|r| {
            let value = labels.and_then(|labels| labels.get(&r.key));
            match &r.operator {
                Operator::Exists => value.is_some(),
                Operator::Absent => value.is_none(),
                Operator::In(values) => value.is_some_and(|v| values.contains(v)),
                Operator::NotIn(values) => value.is_none_or(|v| !values.contains(v)),
            }
        })
    }
}

fn requirement(text: &str) -> Result<Requirement, String> {
    let of = |key: &str, operator| Ok(Requirement { key: key.trim().into(), operator });
    let one = |value: &str| vec![value.trim().to_string()];
    if let Some(key) = text.strip_prefix('!') {
        return of(key, Operator::Absent);
    }
    if let Some((key, value)) = text.split_once("!=") {
        return of(key, Operator::NotIn(one(value)));
    }
    if let Some((key, value)) = text.split_once("==").or_else(|| text.split_once('=')) {
        return of(key, Operator::In(one(value)));
    }
    if let Some((head, values)) = text.strip_suffix(')').and_then(|t| t.split_once('(')) {
        let values = values.split(',').map(|v| v.trim().to_string()).collect();
        let words: Vec<&str> = head.split_whitespace().collect();
        match words[..] {
            [key, "in"] => return of(key, Operator::In(values)),
            [key, "notin"] => return of(key, Operator::NotIn(values)),
            _ => {}
        }
    }
    match text.split_whitespace().collect::<Vec<_>>()[..] {
        [key] => of(key, Operator::Exists),
        [_, found, ..] => {
            Err(format!("unable to parse requirement: found '{found}', expected: in, notin, =, ==, !=, gt, lt"))
        }
        [] => Err("unable to parse requirement: found '', expected: !, identifier, or ','".into()),
    }
}
