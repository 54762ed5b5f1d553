//! The annotation in which `kubectl apply` keeps what it applied, and the commands about it.

use serde_json::{Map, Value, json};

use super::{
    Args, Ctx, Failure, Outcome, files,
    printers::{compact, escaped},
    program::finish,
    resource,
    write::{self, DryRun},
};
use crate::{
    api::{
        Object,
        client::{Patch, Subresource},
    },
    manifest,
};

pub const KEY: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// What was last applied to an object, as JSON.
pub fn of(object: &Object) -> Option<&str> {
    object.meta().annotations.as_ref()?.get(KEY).map(String::as_str)
}

/// Writes what is applied into the object's annotation: compact JSON, keys sorted, a newline.
pub fn annotate(value: &mut Value) {
    let meta = &mut value["metadata"];
    if let Some(annotations) = meta.get_mut("annotations").and_then(Value::as_object_mut) {
        annotations.remove(KEY);
    }
    // kubectl writes the annotations even when there are none.
    if !meta["annotations"].is_object() {
        meta["annotations"] = Value::Object(Map::new());
    }
    let text = compact(value) + "\n";
    value["metadata"]["annotations"][KEY] = Value::String(text);
}

/// `kubectl apply view-last-applied`.
pub async fn view(cx: &Ctx, args: &Args) -> Outcome {
    let found = resource::fetch_chosen(cx, args, args.args.get(1..).unwrap_or_default()).await?;
    for object in &found.objects {
        let Some(text) = of(object) else {
            return Err(Failure::Message(format!(
                "no last-applied-configuration annotation found on resource: {}\n",
                object.name()
            )));
        };
        let Ok(value) = serde_json::from_str::<Value>(text) else {
            return Err(Failure::Message(format!("the annotation {KEY} of {} is not JSON", object.name())));
        };
        match args.get("output") {
            None | Some("" | "yaml") => cx.out(manifest::to_yaml(&value)).await,
            // Indented by two blanks here, by four elsewhere.
            Some("json") => cx.out(format!("{}\n", escaped(&format!("{value:#}")))).await,
            Some(other) => {
                return Err(Failure::Usage {
                    command: "apply view-last-applied".into(),
                    message: format!("Unexpected -o output mode: {other}, the flag 'output' must be one of yaml|json"),
                });
            }
        }
    }
    finish(cx, found.failures).await
}

/// `kubectl apply set-last-applied`.
pub async fn set(cx: &Ctx, args: &Args) -> Outcome {
    files::required(args)?;
    let dry_run = DryRun::of(args)?;
    files::for_each(cx, args, "apply set-last-applied", async |loaded| {
        let object = cx.client.get(loaded.kind, &loaded.namespace, &loaded.name).await?;
        let text = compact(&loaded.value) + "\n";
        match of(&object) {
            None if !args.on("create-annotation") => {
                return Err(Failure::Message(format!(
                    "no last-applied-configuration annotation found on resource: {}, to create the annotation, run the \
                     command with --create-annotation",
                    loaded.name
                )));
            }
            Some(known) if *known == text => {
                cx.out(format!("set-last-applied {}: no changes required.\n", loaded.name)).await;
                return Ok(());
            }
            _ => {}
        }
        let mut value = object.to_value();
        if dry_run != DryRun::Client {
            let patch = Patch::Merge(json!({"metadata": {"annotations": {KEY: text}}}));
            let options = write::options(args, dry_run, "kubectl");
            let (namespace, name) = (&loaded.namespace, &loaded.name);
            let written = cx.client.patch(loaded.kind, namespace, name, Subresource::None, patch, options).await?;
            value = write::warned(cx, written).await.to_value();
        }
        write::report(cx, args, loaded.kind, &value, "configured", dry_run).await
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn annotations_as_go_writes_them() {
        let mut value = json!({"metadata": {"name": "a"}, "spec": {"args": ["a && b > c"]}});
        annotate(&mut value);
        let expected = "{\"metadata\":{\"annotations\":{},\"name\":\"a\"},\"spec\":{\"args\":[\"a \\u0026\\u0026 b \\u003e c\"]}}\n";
        assert_eq!(value["metadata"]["annotations"][KEY], expected);
        let before = value.clone();
        annotate(&mut value);
        assert_eq!(value, before);
    }
}
