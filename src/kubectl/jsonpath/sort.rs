//! `--sort-by`: the order of objects by what a path finds in them (kubectl's `cmd/get/sorter.go`).

use std::cmp::Ordering;

use serde_json::Value;

use super::Template;
use crate::api::quantity::Quantity;

/// Up to so many objects Go sorts by insertion, which is seen where the comparison is not consistent.
const INSERTION: usize = 12;

/// That no object has the field.
pub fn missing(path: &str) -> String {
    format!("couldn't find any field with path \"{}\" in the list of objects", braced(path))
}

fn braced(path: &str) -> String {
    let inner = path.trim_start_matches('{').trim_end_matches('}');
    format!("{{.{}}}", inner.trim_start_matches('.'))
}

/// The places of the objects in their new order.
pub fn order(objects: &[Value], path: &str) -> Result<Vec<usize>, String> {
    let template = Template::relaxed(path)?;
    let mut keys = Vec::new();
    for object in objects {
        keys.push(template.find(object)?.into_iter().next());
    }
    if !keys.is_empty() && keys.iter().all(Option::is_none) {
        return Err(missing(path));
    }
    let mut places: Vec<usize> = (0..keys.len()).collect();
    let less = |a: usize, b: usize| match (&keys[a], &keys[b]) {
        // Two objects without the field stand before each other.
        (None, _) => true,
        (_, None) => false,
        (Some(a), Some(b)) => less(a, b),
    };
    if places.len() <= INSERTION {
        for end in 1..places.len() {
            let mut at = end;
            while at > 0 && less(places[at], places[at - 1]) {
                places.swap(at, at - 1);
                at -= 1;
            }
        }
        return Ok(places);
    }
    // `less` need not be an order, so the library's sort, which may panic then, is no choice.
    let mut width = 1;
    while width < places.len() {
        for block in places.chunks_mut(2 * width) {
            let (mut left, mut right) =
                (block[..width.min(block.len())].to_vec(), block[width.min(block.len())..].to_vec());
            left.reverse();
            right.reverse();
            for place in block.iter_mut() {
                let from_right = match (left.last(), right.last()) {
                    (Some(&l), Some(&r)) => keys[l].is_some() && less(r, l),
                    (None, _) => true,
                    (_, None) => false,
                };
                *place = (if from_right { right.pop() } else { left.pop() }).unwrap_or(*place);
            }
        }
        width *= 2;
    }
    Ok(places)
}

/// Numbers by size, quantities by amount, other texts in natural order; things that can't be compared are equal.
fn less(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Null, other) => !other.is_null(),
        (Value::Number(a), Value::Number(b)) => a.as_f64() < b.as_f64(),
        (Value::String(a), Value::String(b)) => match (a.parse::<Quantity>(), b.parse::<Quantity>()) {
            (Ok(a), Ok(b)) => a < b,
            _ => natural(a, b) == Ordering::Less,
        },
        (Value::Array(a), Value::Array(b)) => a.iter().zip(b).all(|(a, b)| less(a, b)),
        _ => false,
    }
}

/// Digits in a text count as a number: `a2` before `a10`. Fewer leading zeros come first.
fn natural(a: &str, b: &str) -> Ordering {
    let (mut left, mut right) = (a.as_bytes(), b.as_bytes());
    loop {
        match (left, right) {
            ([], []) => return Ordering::Equal,
            ([], _) => return Ordering::Less,
            (_, []) => return Ordering::Greater,
            ([x, ..], [y, ..]) if x.is_ascii_digit() && y.is_ascii_digit() => {
                let run = |text: &[u8]| text.iter().take_while(|c| c.is_ascii_digit()).count();
                let zeros = |text: &[u8]| text.iter().take_while(|c| **c == b'0').count();
                let (a, b) = (left.split_at(run(left)), right.split_at(run(right)));
                let (zeros_a, zeros_b) = (zeros(a.0), zeros(b.0));
                let (digits_a, digits_b) = (&a.0[zeros_a..], &b.0[zeros_b..]);
                let order =
                    digits_a.len().cmp(&digits_b.len()).then(digits_a.cmp(digits_b)).then(zeros_a.cmp(&zeros_b));
                if order != Ordering::Equal {
                    return order;
                }
                (left, right) = (a.1, b.1);
            }
            ([x, ..], [y, ..]) if x != y => return x.cmp(y),
            ([_, l @ ..], [_, r @ ..]) => (left, right) = (l, r),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn orders() {
        let cases = [
            (json!(["b", "a", "c"]), Ok(vec![1, 0, 2])),
            (json!(["a10", "a2", "a02"]), Ok(vec![1, 2, 0])),
            (json!(["1Gi", "500Mi", "2"]), Ok(vec![2, 1, 0])),
            (json!([10, 9, 10]), Ok(vec![1, 0, 2])),
            (json!([null, 1, null]), Ok(vec![2, 0, 1])),
            (
                json!([null, null]),
                Err("couldn't find any field with path \"{.x.y}\" in the list of objects".to_string()),
            ),
        ];
        for (keys, expected) in cases {
            let object = |key: &Value| if key.is_null() { json!({}) } else { json!({"x": {"y": key}}) };
            let objects: Vec<Value> = keys.as_array().into_iter().flatten().map(object).collect();
            for path in [".x.y", "{.x.y}", "x.y"] {
                assert_eq!(order(&objects, path), expected, "{keys} {path}");
            }
        }
        let many: Vec<Value> = (0..100).map(|n| json!({"n": (n * 37) % 100})).collect();
        let sorted: Vec<i64> =
            order(&many, ".n").unwrap().into_iter().map(|at| many[at]["n"].as_i64().unwrap()).collect();
        assert_eq!(sorted, (0..100).collect::<Vec<_>>());
    }
}
