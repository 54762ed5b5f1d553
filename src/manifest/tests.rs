use serde_json::json;

use super::*;

fn error(text: &str) -> String {
    parse(text).errors().map(|e| e.message.clone()).collect::<Vec<_>>().join("\n")
}

fn only(text: &str) -> serde_json::Value {
    parse(text).docs().next().map(|d| d.value.clone()).unwrap_or_default()
}

#[test]
fn errors_in_kubectls_words() {
    let yaml = |text: &str| format!("error converting YAML to JSON: yaml: {text}");
    let cases = [
        (
            "apiVersion: v1\nkind: Pod\nmetadata:\n\tname: web\n",
            yaml("line 4: found character that cannot start any token"),
        ),
        (
            "apiVersion: v1\nkind: Pod\nmetadata:\n  name: web\n   labels: x\n",
            yaml("line 5: mapping values are not allowed in this context"),
        ),
        ("apiVersion: v1\nkind Pod\nmetadata:\n  name: web\n", yaml("line 3: could not find expected ':'")),
        ("apiVersion: v1\nkind: Pod\nmetadata: {name: web\n", yaml("line 3: did not find expected ',' or '}'")),
        ("apiVersion: v1\nkind: Pod\nmetadata:\n  name: \"web\n", yaml("line 5: found unexpected end of stream")),
        (
            "apiVersion: v1\nkind: Pod\nmetadata:\n  name: web\nspec:\n  containers:\n  - name: a\n   image: b",
            yaml("line 7: did not find expected key"),
        ),
        ("apiVersion: v1\nkind: Pod\nmetadata:\n  name: *x\n", yaml("unknown anchor 'x' referenced")),
        (
            "apiVersion: v1\nkind: Pod\nmetadata:\n  name: web: x\n",
            yaml("line 4: mapping values are not allowed in this context"),
        ),
        (
            "apiVersion: v1\nkind: Pod\nmetadata:\n  name: %x\n",
            yaml("line 4: found character that cannot start any token"),
        ),
        (
            "apiVersion: v1\nkind: Pod\nmetadata:\n  name: @x\n",
            yaml("line 4: found character that cannot start any token"),
        ),
        ("a: \u{1}\n", yaml("control characters are not allowed")),
        ("a: 1\n---x\n", "invalid Yaml document separator: x".to_string()),
        (
            "{\"apiVersion\":\"v1\",\"kind\":\"Pod\" \"metadata\":{}}\n",
            "json: offset 33: invalid character '\"' after object key:value pair".to_string(),
        ),
        ("", String::new()),
        ("# nothing\n", String::new()),
        ("a: [1, 2]\n<<: 3\n", yaml("map merge requires map or sequence of maps as the value")),
        ("a: &a [*a]\n", yaml("anchor 'a' value contains itself")),
    ];
    for (text, expected) in cases {
        assert_eq!(error(text), expected, "{text}");
    }
    assert_eq!(
        parse_bytes(b"a: \xff\n").errors().next().map(|e| &e.message[..]),
        Some("error converting YAML to JSON: yaml: invalid leading UTF-8 octet")
    );
}

#[test]
fn documents_as_kubectl_splits_them() {
    let documents = parse(
        "# first\n---\na: 1\n---\n# empty\n---\nb: yes\n...\nignored: here\n---\n\tc\n--- # last\nd: [x, {z: 2}]\n",
    );
    let values: Vec<_> = documents.docs().map(|d| d.value.clone()).collect();
    assert_eq!(values, [json!({"a": 1}), json!({"b": true}), json!({"d": ["x", {"z": 2}]})]);
    assert_eq!(documents.errors().count(), 1);
    let json = parse("{\"a\": 1}\n{\"b\": [true, null, 1.5e3, \"\\u00e9\"]}");
    let values: Vec<_> = json.docs().map(|d| d.value.clone()).collect();
    assert_eq!(values, [json!({"a": 1}), json!({"b": [true, null, 1.5e3, "é"]})]);
    assert_eq!(parse("{a: 1}").docs().count(), 1, "a flow mapping is no JSON but YAML");
}

#[test]
fn escaped_single_quotes() {
    let text = "a: [\"x\\'y\\\\'\", 'b\\', b\\'c, \"\\'\"]\nd: \"é\\'\"\ne: |\n  f\\'\n";
    let documents = parse(text);
    let document = documents.docs().next().expect("readable");
    assert_eq!(document.value, json!({"a": ["x'y\\'", "b\\", "b\\'c", "'"], "d": "é'", "e": "f\\'\n"}));
    let span = document.spans.mark("d");
    assert_eq!(&text[span.start..span.end], "\"é\\'\"");
    assert!(error("b: 1\na: \"\\'\\q\"\n").ends_with("line 2: found unknown escape character"));
}

#[test]
fn anchors_merges_duplicates() {
    let text =
        "base: &b {x: 1, w: 2}\nmore: &c {w: 3}\nz:\n  <<: [*b, *c]\n  x: 9\nsame: *b\nk: 1\nk: 2\n1: a\ntrue: b\n";
    let documents = parse(text);
    let document = documents.docs().next().expect("readable");
    let expected = json!({"base": {"x": 1, "w": 2}, "more": {"w": 3}, "z": {"x": 9, "w": 2}, "same": {"x": 1, "w": 2}, "k": 2, "1": "a", "true": "b"});
    assert_eq!(document.value, expected);
    let (name, span) = &document.duplicates[0];
    assert_eq!((name.as_str(), &text[span.start..span.end]), ("k", "k"));
    assert_eq!(position(text, span.start), Position { line: 7, column: 0 });
}

#[test]
fn places() {
    let text = "# é\nspec:\n  containers:\n  - name: app\n    ports: [{containerPort: 80}]\n  - image: |\n      long\n\nmeta: x\n";
    let documents = parse(text);
    let spans = &documents.docs().next().expect("readable").spans;
    let mark = |path: &str| {
        let span = spans.mark(path);
        &text[span.start..span.end]
    };
    let cases = [
        ("spec.containers[0].name", "app"),
        ("spec.containers[0].ports[0].containerPort", "80"),
        ("spec.containers[0].image", "name"),
        ("spec.containers[0].ports[0].hostPort", "containerPort"),
        ("spec.containers", "containers"),
        ("spec.containers[1].image", "|\n      long"),
        ("spec.volumes[0].name", "spec"),
        ("metadata.name", "spec"),
        ("meta", "x"),
    ];
    for (path, expected) in cases {
        assert_eq!(mark(path), expected, "{path}");
    }
}

#[test]
fn printing() {
    let value = json!({
        "a10": "true", "a9": "plain text", "b": {"c": {}, "d": [], "e": null, "": ""}, "list": [{"x": 1, "y": [1, [2, "3"]]}, "it's", "- dash", "12:30"],
        "multi": "one\n  two\n", "keep": "x\n\n", "strip": "x\ny", "lead": "\n x", "tab": "a\tb", "time": "2026-01-01T00:00:00Z",
        "colon": "a: b", "url": "http://x:80/y", "hash": "a #b", "star": "*", "float": 1.5, "at": "@x", "q": "say \"hi\"", "sp": " x", "tr": "x \ny", "uni": "é☃",
    });
    let expected = "a9: plain text\na10: \"true\"\nat: '@x'\nb:\n  \"\": \"\"\n  c: {}\n  d: []\n  e: null\ncolon: 'a: b'\nfloat: 1.5\nhash: 'a #b'\nkeep: |+\n  x\n\nlead: |2-\n\n   x\nlist:\n- x: 1\n  \"y\":\n  - 1\n  - - 2\n    - \"3\"\n- it's\n- '- dash'\n- \"12:30\"\nmulti: |\n  one\n    two\nq: say \"hi\"\nsp: ' x'\nstar: '*'\nstrip: |-\n  x\n  y\ntab: \"a\\tb\"\ntime: \"2026-01-01T00:00:00Z\"\ntr: \"x \\ny\"\nuni: é☃\nurl: http://x:80/y\n";
    assert_eq!(to_yaml(&value), expected);
    assert_eq!(to_yaml(&json!("x")), "x\n");
    assert_eq!(to_yaml(&json!({})), "{}\n");
    let back = parse(&to_yaml(&value));
    assert_eq!(back.docs().next().map(|d| &d.value), Some(&value));
}

#[test]
fn hostile_texts_are_bounded() {
    let bomb = (1..=9).fold("a0: &a0 [x]\n".to_string(), |text, n| {
        let names: Vec<String> = (0..9).map(|_| format!("*a{}", n - 1)).collect();
        text + &format!("a{n}: &a{n} [{}]\n", names.join(","))
    });
    assert!(error(&bomb).ends_with("yaml: document contains excessive aliasing"), "{}", error(&bomb));
    for open in ["[", "{a: ", "- ", "? "] {
        let deep = open.repeat(100_000);
        assert_eq!(parse(&deep).docs().count(), 0);
    }
    assert!(error(&"[".repeat(1000)).contains("exceeded max depth"));
    assert!(error(&"x".repeat(MAX_BYTES + 1)).contains("too long"));
    assert_eq!(parse(&format!("{}1{}", "{\"a\":".repeat(500), "}".repeat(500))).docs().count(), 0);
    // Where the parser beneath would give up.
    assert_eq!(only("a: |\n  abc"), json!({"a": "abc"}));
    assert_eq!(only("a: |\n  abc\n"), json!({"a": "abc\n"}));
    assert_eq!(only("a: |\n  abc\n  "), json!({"a": "abc\n"}));
    assert_eq!(only("a: >-\n  b\n  c"), json!({"a": "b c"}));
    assert_eq!(
        only("a: [b !c, d]\ne: '!f,g ,!h'\ni: |\n  !j,k"),
        json!({"a": ["b !c", "d"], "e": "!f,g ,!h", "i": "!j,k"})
    );
    for text in
        ["a: [!b, c]", "a: [x, !!str, c]", "[&a !b,c]", "a: {!a,}", "[\n!b, c]", "[!<x>,y]", "a: [!b,c] # ^`|<>~"]
    {
        assert!(error(text).contains("did not find expected"), "{text}: {}", error(text));
    }
    assert!(!error("a: \"abc\\").is_empty());
    // Random cuts and changes of a manifest, and random bytes, with a seed.
    let base = "apiVersion: v1\nkind: Pod\nmetadata: {name: web, labels: &l {a: 'b'}}\nspec:\n  containers:\n  - name: \"app\"\n    args: [*l, !!str y, \"\\u00e9\"]\n    command: [sh, -c]\n  - name: b\n    text: |+\n      x\n\n    last: >-\n      y\n      z";
    let mut rng = fastrand::Rng::with_seed(7);
    for _ in 0..20_000 {
        let mut bytes = base.as_bytes().to_vec();
        for _ in 0..rng.usize(1..5) {
            let at = rng.usize(..bytes.len());
            match rng.u8(..4) {
                0 => bytes.truncate(at.max(1)),
                1 => bytes[at] = rng.u8(..),
                2 => bytes.insert(at, b"{}[]:-#&*!|>'\"%@`\n\t ,?"[rng.usize(..22)]),
                _ => drop(bytes.remove(at)),
            }
            if bytes.is_empty() {
                bytes.push(b' ');
            }
        }
        let documents = parse_bytes(&bytes);
        for item in &documents.items {
            let span = match item {
                Ok(document) => document.spans.mark("spec.containers[0].args[0]"),
                Err(error) => error.span,
            };
            assert!(span.start <= span.end && span.end <= bytes.len().max(1), "{span:?} in {bytes:?}");
        }
    }
}
