//! Rules of names, label keys and values, and their texts (`apimachinery/pkg/util/validation`, `pkg/api/validate/content`).
//!
//! Each function gives what is wrong; nothing if the text is good.

const LABEL: &str = "[a-z0-9]([-a-z0-9]*[a-z0-9])?";
const SUBDOMAIN: &str = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*";
const NAME: &str = "([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]";
const NAME_RULE: &str =
    "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character";

fn regex_error(rule: &str, regex: &str, examples: &[&str]) -> String {
    let examples: Vec<String> = examples.iter().map(|e| format!("'{e}', ")).collect();
    format!("{rule} (e.g. {}regex used for validation is '{regex}')", examples.join(" or "))
}

fn too_long(most: usize) -> String {
    format!("must be no more than {most} characters")
}

fn is_lower(b: u8) -> bool {
    b.is_ascii_lowercase() || b.is_ascii_digit()
}

/// Begins and ends with what `edge` takes, with what `middle` takes between.
fn framed(text: &str, edge: impl Fn(u8) -> bool, middle: impl Fn(u8) -> bool) -> bool {
    match text.as_bytes() {
        [] => false,
        [only] => edge(*only),
        [first, between @ .., last] => edge(*first) && edge(*last) && between.iter().all(|b| middle(*b)),
    }
}

fn is_label(text: &str) -> bool {
    framed(text, is_lower, |b| is_lower(b) || b == b'-')
}

fn is_subdomain(text: &str) -> bool {
    text.split('.').all(is_label)
}

fn is_name(text: &str) -> bool {
    framed(text, |b| b.is_ascii_alphanumeric(), |b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
}

pub fn dns1123_label(text: &str) -> Vec<String> {
    let mut errors = Vec::new();
    if text.len() > 63 {
        errors.push(too_long(63));
    }
    if !is_label(text) {
        if is_subdomain(text) {
            errors.push("must not contain dots".into());
        } else {
            let rule = "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character";
            errors.push(regex_error(rule, LABEL, &["my-name", "123-abc"]));
        }
    }
    errors
}

pub fn dns1123_subdomain(text: &str) -> Vec<String> {
    let mut errors = Vec::new();
    if text.len() > 253 {
        errors.push(too_long(253));
    }
    if !is_subdomain(text) {
        let rule = "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character";
        errors.push(regex_error(rule, SUBDOMAIN, &["example.com"]));
    }
    errors
}

/// As [`dns1123_subdomain`], with `_` allowed (DNS search paths).
pub fn dns1123_subdomain_with_underscore(text: &str) -> Vec<String> {
    let mut errors = Vec::new();
    if text.len() > 253 {
        errors.push(too_long(253));
    }
    let label = |text: &str| {
        framed(text.strip_prefix('_').unwrap_or(text), is_lower, |b| is_lower(b) || matches!(b, b'-' | b'_'))
    };
    if !text.split('.').all(label) {
        let rule = "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '_', '-' or '.', and must start and end with an alphanumeric character";
        let regex = r"_?[a-z0-9]([-_a-z0-9]*[a-z0-9])?(\._?[a-z0-9]([-_a-z0-9]*[a-z0-9])?)*";
        errors.push(regex_error(rule, regex, &["example.com"]));
    }
    errors
}

pub fn dns1035_label(text: &str) -> Vec<String> {
    let mut errors = Vec::new();
    if text.len() > 63 {
        errors.push(too_long(63));
    }
    if !(is_label(text) && text.as_bytes()[0].is_ascii_lowercase()) {
        let rule = "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character";
        errors.push(regex_error(rule, "[a-z]([-a-z0-9]*[a-z0-9])?", &["my-name", "abc-123"]));
    }
    errors
}

/// A label's key, an annotation's key, a condition's type: `[PREFIX/]NAME`.
pub fn qualified_name(text: &str) -> Vec<String> {
    let mut errors = Vec::new();
    let parts: Vec<&str> = text.split('/').collect();
    let name = match parts[..] {
        [name] => name,
        [prefix, name] => {
            if prefix.is_empty() {
                errors.push("prefix part must be non-empty".into());
            } else {
                let wrong = dns1123_subdomain(prefix).into_iter();
                errors.extend(wrong.map(|e| format!("prefix part {}", e.replace("253 characters", "253 bytes"))));
            }
            name
        }
        _ => {
            let rule = format!("a valid label key {NAME_RULE}");
            let text = regex_error(&rule, NAME, &["MyName", "my.name", "123-abc"]);
            errors.push(format!("{text} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')"));
            return errors;
        }
    };
    if name.is_empty() {
        errors.push("name part must be non-empty".into());
    } else if name.len() > 63 {
        errors.push("name part must be no more than 63 bytes".into());
    }
    if !is_name(name) {
        errors.push(regex_error(&format!("name part {NAME_RULE}"), NAME, &["MyName", "my.name", "123-abc"]));
    }
    errors
}

pub fn label_value(text: &str) -> Vec<String> {
    let mut errors = Vec::new();
    if text.len() > 63 {
        errors.push("must be no more than 63 bytes".into());
    }
    if !text.is_empty() && !is_name(text) {
        let rule = "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character";
        errors.push(regex_error(
            rule,
            "(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?",
            &["MyValue", "my_value", "12345"],
        ));
    }
    errors
}

pub fn port_name(text: &str) -> Vec<String> {
    let mut errors = Vec::new();
    if text.len() > 15 {
        errors.push(too_long(15));
    }
    if text.is_empty() || !text.bytes().all(|b| is_lower(b) || b == b'-') {
        errors.push("must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)".into());
    }
    if !text.bytes().any(|b| b.is_ascii_lowercase()) {
        errors.push("must contain at least one letter (a-z)".into());
    }
    if text.contains("--") {
        errors.push("must not contain consecutive hyphens".into());
    }
    if text.starts_with('-') || text.ends_with('-') {
        errors.push("must not begin or end with a hyphen".into());
    }
    errors
}

pub fn port_number(port: i64) -> Vec<String> {
    in_range(port, 1, 65535)
}

pub fn in_range(value: i64, low: i64, high: i64) -> Vec<String> {
    if (low..=high).contains(&value) {
        return Vec::new();
    }
    vec![format!("must be between {low} and {high}, inclusive")]
}

pub fn percent(text: &str) -> Vec<String> {
    let digits = text.strip_suffix('%').unwrap_or_default();
    if !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()) {
        return Vec::new();
    }
    let rule = "a valid percent string must be a numeric string followed by an ending '%'";
    vec![regex_error(rule, "[0-9]+%", &["1%", "93%"])]
}

pub fn http_header_name(text: &str) -> Vec<String> {
    if !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-') {
        return Vec::new();
    }
    let rule = "a valid HTTP header must consist of alphanumeric characters or '-'";
    vec![regex_error(rule, "[-A-Za-z0-9]+", &["X-Header-Name"])]
}

/// An environment variable's name.
pub fn env_name(text: &str) -> Vec<String> {
    let mut errors = Vec::new();
    if text.is_empty() {
        errors.push("environment variable name must be non-empty".into());
    }
    if !text.bytes().all(|b| (b' '..=b'~').contains(&b) && b != b'=') {
        let rule = "a valid environment variable name must consist only of printable ASCII characters other than '='";
        errors.push(rule.into());
    }
    errors
}

/// An environment variable's name as it was before 1.34.
pub fn strict_env_name(text: &str) -> Vec<String> {
    let mut errors = Vec::new();
    let letter = |b: u8| b.is_ascii_alphabetic() || matches!(b, b'-' | b'.' | b'_');
    let good = text.bytes().all(|b| letter(b) || b.is_ascii_digit()) && text.bytes().next().is_some_and(letter);
    if !good {
        let rule = "a valid environment variable name must consist of alphabetic characters, digits, '_', '-', or '.', \
                    and must not start with a digit";
        errors.push(regex_error(rule, "[-._a-zA-Z][-._a-zA-Z0-9]*", &["my.env-name", "MY_ENV.NAME", "MyEnvName1"]));
    }
    errors.extend(dots(text));
    errors
}

/// Names that are parts of paths.
fn dots(text: &str) -> Option<String> {
    match text {
        "." => Some("must not be '.'".into()),
        ".." => Some("must not be '..'".into()),
        _ if text.starts_with("..") => Some("must not start with '..'".into()),
        _ => None,
    }
}

/// A key with a domain before it: `acme.io/foo`.
pub fn domain_prefixed_key(text: &str) -> Vec<String> {
    let wrong = qualified_name(text);
    if wrong.is_empty() && !text.contains('/') {
        return vec!["must be a domain-prefixed key (such as \"acme.io/foo\")".into()];
    }
    wrong
}

/// A key of a ConfigMap or Secret.
pub fn config_key(text: &str) -> Vec<String> {
    let mut errors = Vec::new();
    if text.len() > 253 {
        errors.push(too_long(253));
    }
    if text.is_empty() || !text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_')) {
        let rule = "a valid config key must consist of alphanumeric characters, '-', '_' or '.'";
        errors.push(regex_error(rule, "[-._a-zA-Z0-9]+", &["key.name", "KEY_NAME", "key-name"]));
    }
    errors.extend(dots(text));
    errors
}

/// A generated name's base: a trailing `-` is not its end.
pub fn mask_trailing_dash(name: &str) -> String {
    match name.strip_suffix('-') {
        Some(rest) if !rest.is_empty() => format!("{rest}a"),
        _ => name.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn good_and_bad() {
        type Rule = fn(&str) -> Vec<String>;
        let long = "a".repeat(64);
        let cases: [(Rule, &[&str], &[&str]); 8] = [
            (dns1123_label, &["a", "0-a", "a--b"], &["", "-a", "a.b", "A", &long]),
            (dns1123_subdomain, &["a.b", "1.2", &long], &["", "a..b", "a_b", ".a"]),
            (dns1035_label, &["a", "a-1"], &["", "1a", "a.b"]),
            (qualified_name, &["a", "A.b_c", "x.y/z"], &["", "/a", "a/", "a/b/c", "X.y/z", "a b"]),
            (label_value, &["", "a", "A_b.c"], &["-a", "a b", &long]),
            (port_name, &["http", "a-1"], &["", "HTTP", "80", "a--b", "-a", "this-is-16-chars"]),
            (env_name, &["A", "a b", "1-.x"], &["", "A=B", "é"]),
            (config_key, &["a.b", "_"], &["", ".", "..", "..a", "a/b"]),
        ];
        for (index, (rule, good, bad)) in cases.iter().enumerate() {
            for text in *good {
                assert!(rule(text).is_empty(), "{index}: {text:?}: {:?}", rule(text));
            }
            for text in *bad {
                assert!(!rule(text).is_empty(), "{index}: {text:?}");
            }
        }
        assert_eq!(qualified_name("a/")[0], "name part must be non-empty");
        assert_eq!(dns1123_label("a.b"), ["must not contain dots"]);
    }
}
