use serde_json::json;

use super::*;

fn pod(spec: Value) -> Value {
    json!({"metadata": {"name": "web"}, "spec": spec})
}

#[test]
fn strategic_patches() {
    let base = json!({
        "containers": [{"name": "a", "image": "a:1", "ports": [{"containerPort": 80}], "env": [{"name": "X", "value": "1"}]}, {"name": "b", "image": "b:1"}],
        "tolerations": [{"key": "x"}], "volumes": [{"name": "v", "emptyDir": {}}], "nodeSelector": {"a": "1", "b": "2"},
    });
    let cases = [
        (
            json!({"containers": [{"name": "b", "image": "b:2"}, {"name": "c", "image": "c:1"}]}),
            "/containers/1/image",
            json!("b:2"),
        ),
        (json!({"containers": [{"name": "c", "image": "c:1"}]}), "/containers/0/name", json!("c")),
        (json!({"containers": [{"name": "a", "$patch": "delete"}]}), "/containers/0/name", json!("b")),
        (json!({"containers": [{"name": "z"}, {"$patch": "replace"}]}), "/containers", json!([{"name": "z"}])),
        (
            json!({"containers": [{"name": "a", "ports": [{"containerPort": 80, "name": "http"}]}]}),
            "/containers/0/ports",
            json!([{"containerPort": 80, "name": "http"}]),
        ),
        (
            json!({"containers": [{"name": "a", "env": [{"name": "X", "value": null}]}]}),
            "/containers/0/env",
            json!([{"name": "X"}]),
        ),
        (json!({"tolerations": [{"key": "y"}]}), "/tolerations", json!([{"key": "y"}])),
        (json!({"nodeSelector": {"a": null, "c": "3"}}), "/nodeSelector", json!({"b": "2", "c": "3"})),
        (json!({"nodeSelector": {"$patch": "replace", "z": "1"}}), "/nodeSelector", json!({"z": "1"})),
        (
            json!({"volumes": [{"name": "v", "$retainKeys": ["name", "hostPath"], "hostPath": {"path": "/x"}}]}),
            "/volumes",
            json!([{"name": "v", "hostPath": {"path": "/x"}}]),
        ),
        (json!({"$setElementOrder/containers": [{"name": "b"}, {"name": "a"}]}), "/containers/0/name", json!("b")),
    ];
    for (patch, pointer, expected) in cases {
        let patched = strategic(Kind::Pod, &pod(base.clone()), &json!({"spec": patch}));
        let found = patched.map(|value| value.pointer(&format!("/spec{pointer}")).cloned());
        assert_eq!(found, Ok(Some(expected)), "{patch}");
    }
    let meta = json!({"metadata": {"finalizers": ["a.b/c", "d.e/f"]}});
    let patch = json!({"metadata": {"$deleteFromPrimitiveList/finalizers": ["a.b/c"], "finalizers": ["g.h/i"]}});
    let patched = strategic(Kind::Pod, &meta, &patch).map(|v| v["metadata"]["finalizers"].clone());
    assert_eq!(patched, Ok(json!(["g.h/i", "d.e/f"])));
    let error = strategic(Kind::Pod, &pod(base), &json!({"spec": {"containers": [{"image": "x"}]}}));
    assert_eq!(error, Err("map: {\"image\":\"x\"} does not contain declared merge key: name".into()));
}

#[test]
fn apply_makes_a_patch_that_arrives() {
    let server = json!({
        "restartPolicy": "Always", "nodeName": "n1",
        "containers": [{"name": "a", "image": "a:1", "imagePullPolicy": "IfNotPresent", "env": [{"name": "X", "value": "1"}, {"name": "Y", "value": "2"}]}, {"name": "side", "image": "s"}],
        "volumes": [{"name": "v", "emptyDir": {}}, {"name": "token", "projected": {}}],
    });
    let last = json!({"containers": [{"name": "a", "image": "a:1", "env": [{"name": "X", "value": "1"}, {"name": "Y", "value": "2"}]}], "volumes": [{"name": "v", "emptyDir": {}}]});
    let file = json!({"containers": [{"name": "a", "image": "a:2", "env": [{"name": "Y", "value": "2"}, {"name": "Z", "value": "3"}]}], "volumes": [{"name": "v", "hostPath": {"path": "/x"}}]});
    let patch = three_way(Kind::Pod, &pod(last.clone()), &pod(file), &pod(server.clone())).expect("a patch");
    let expected = json!({"spec": {
        "$setElementOrder/containers": [{"name": "a"}],
        "$setElementOrder/volumes": [{"name": "v"}],
        "containers": [{"name": "a", "image": "a:2", "$setElementOrder/env": [{"name": "Y"}, {"name": "Z"}], "env": [{"name": "Z", "value": "3"}, {"name": "X", "$patch": "delete"}]}],
        "volumes": [{"name": "v", "$retainKeys": ["hostPath", "name"], "hostPath": {"path": "/x"}, "emptyDir": null}],
    }});
    assert_eq!(patch, expected);
    let patched = strategic(Kind::Pod, &pod(server.clone()), &patch).expect("it applies");
    let expected = json!({
        "restartPolicy": "Always", "nodeName": "n1",
        "containers": [{"name": "a", "image": "a:2", "imagePullPolicy": "IfNotPresent", "env": [{"name": "Y", "value": "2"}, {"name": "Z", "value": "3"}]}, {"name": "side", "image": "s"}],
        "volumes": [{"name": "v", "hostPath": {"path": "/x"}}, {"name": "token", "projected": {}}],
    });
    assert_eq!(patched["spec"], expected);
    // What the server has added in front of or behind the file's items makes kubectl tell the order again.
    let again = three_way(Kind::Pod, &pod(last.clone()), &pod(last.clone()), &pod(server));
    let order =
        json!({"spec": {"$setElementOrder/containers": [{"name": "a"}], "$setElementOrder/volumes": [{"name": "v"}]}});
    assert_eq!(again, Ok(order));
    assert_eq!(three_way(Kind::Pod, &pod(last.clone()), &pod(last.clone()), &pod(last)), Ok(json!({})));
}

#[test]
fn json_patches() {
    let document = json!({"a": [1, 2], "b": {"c/d": 1}});
    let run = |operations: Value| json_patch(&document, &operations);
    let good = json!([
        {"op": "test", "path": "/a/0", "value": 1}, {"op": "add", "path": "/a/-", "value": 3}, {"op": "remove", "path": "/b/c~1d"},
        {"op": "replace", "path": "/a/0", "value": 9}, {"op": "replace", "path": "/new", "value": 0}, {"op": "copy", "from": "/a/1", "path": "/x"}, {"op": "move", "from": "/a/2", "path": "/y"},
    ]);
    assert_eq!(run(good), Ok(json!({"a": [9, 2], "b": {}, "new": 0, "x": 2, "y": 3})));
    let bad = [
        (json!([{"op": "test", "path": "/a/0", "value": 2}]), "testing value /a/0 failed: test failed"),
        (
            json!([{"op": "add", "path": "/z/y", "value": 2}]),
            "add operation does not apply: doc is missing path: \"/z/y\": missing value",
        ),
        (
            json!([{"op": "remove", "path": "/z"}]),
            "error in remove for path: '/z': Unable to remove nonexistent key: z: missing value",
        ),
    ];
    for (operations, expected) in bad {
        assert_eq!(run(operations), Err(expected.to_string()));
    }
    let merged = json_merge(&document, &json!({"a": null, "b": {"e": {"f": null, "g": 1}}}));
    assert_eq!(merged, json!({"b": {"c/d": 1, "e": {"g": 1}}}));
}
