//! `kubectl get`.

use std::collections::BTreeSet;

use serde_json::json;

use super::{
    Args, Ctx, Failure, Outcome, component_status, fail, jsonpath,
    printers::{self, Format, Layout, TableOptions},
    program::finish,
    raw,
    resource::{self, Found},
    wait::duration,
};
use crate::api::{
    Kind, Object,
    client::{ListOptions, WatchEvent},
};

pub async fn main(cx: &Ctx, args: &Args) -> Outcome {
    if let Some(path) = args.get("raw").filter(|path| !path.is_empty()) {
        if !args.args.is_empty() {
            return fail("arguments may not be passed when --raw is specified");
        }
        return raw::main(cx, path).await;
    }
    let format = match (args.get("output"), args.get("template")) {
        (None | Some("go-template" | "template"), Some(template)) => {
            Format::read(cx, Some(&format!("go-template={template}"))).await?
        }
        (output, _) => Format::read(cx, output).await?,
    };
    if args.args.is_empty() && args.each("filename").is_empty() {
        let message = "Required resource not specified.".into();
        return Err(with_hint(Failure::Usage { command: "get".into(), message }));
    }
    if component_status::is_meant(&args.args) {
        return component_status::get(cx, args, &format).await;
    }
    if args.on("watch") || args.on("watch-only") {
        return watch(cx, args, &format).await;
    }
    let mut found = resource::fetch(cx, args, &args.args).await?;
    if let Some(path) = args.get("sort-by").filter(|path| !path.is_empty()) {
        if format.is_table() && found.requests > 1 {
            // kubectl looks for the field in the server's tables, of which there are several now.
            return fail(jsonpath::sort::missing(path));
        }
        match sort(&mut found.objects, path) {
            Ok(()) => {}
            // A table that can't be sorted is not printed, and nobody is told why.
            Err(_) if format.is_table() && found.objects.len() > 1 => found.objects.clear(),
            Err(_) if format.is_table() => {}
            Err(why) => return fail(why),
        }
    }
    print(cx, args, &format, &found).await?;
    finish(cx, found.failures).await
}

/// Where the list of types can be found stands before the error.
fn with_hint(failure: Failure) -> Failure {
    match failure {
        Failure::Usage { command, message } => Failure::Plain(format!(
            "You must specify the type of resource to get. Use \"kubectl api-resources\" for a complete list of \
             supported resources.\n\nerror: {message}\nUse \"kubectl explain <resource>\" for a detailed description \
             of that resource (e.g. kubectl explain pods).\nSee 'kubectl {command} -h' for help and examples"
        )),
        other => other,
    }
}

fn sort(objects: &mut Vec<Object>, path: &str) -> Result<(), String> {
    let values: Vec<_> = objects.iter().map(Object::to_value).collect();
    let order = jsonpath::sort::order(&values, path)?;
    *objects = order.into_iter().map(|at| objects[at].clone()).collect();
    Ok(())
}

async fn print(cx: &Ctx, args: &Args, format: &Format, found: &Found) -> Result<(), Failure> {
    // Only YAML and JSON are printed without.
    let managed = args.on("show-managed-fields") || !matches!(format, Format::Yaml | Format::Json);
    let value = |object: &Object| printers::value(object, managed);
    match format {
        Format::Table | Format::Wide => {
            if found.objects.is_empty() {
                if found.failures.is_empty() && !args.on("ignore-not-found") {
                    cx.err(nothing(cx, args)).await;
                }
                return Ok(());
            }
            let mut options = TableOptions::new(args);
            options.with_kind |= found.several;
            let mut rest = found.objects.as_slice();
            let mut first = true;
            while let Some(object) = rest.first() {
                let same = rest.iter().take_while(|other| other.kind() == object.kind()).count();
                let (block, after) = rest.split_at(same);
                rest = after;
                let text = Layout::default().print(&printers::rows(block, &options, cx.now()));
                cx.out(if first || !options.headers { text } else { format!("\n{text}") }).await;
                first = false;
            }
        }
        Format::Name | Format::Columns(_) => {
            let mut rows = Vec::new();
            if let Format::Columns(columns) = format
                && !args.on("no-headers")
            {
                rows.push(columns.iter().map(|(header, _)| header.clone()).collect());
            }
            for object in &found.objects {
                rows.extend(format.line(object)?);
            }
            cx.out(Layout::default().print(&rows)).await;
        }
        Format::Yaml | Format::Json | Format::JsonPath(_) | Format::JsonPathAsJson(_) | Format::GoTemplate(_) => {
            let whole = match found.objects.as_slice() {
                [one] if found.single => value(one),
                [] if found.single => return Ok(()),
                many => printers::list(many.iter().map(value).collect()),
            };
            cx.out(format.whole(&whole)?).await;
        }
    }
    Ok(())
}

fn nothing(cx: &Ctx, args: &Args) -> String {
    let targets = resource::targets(&args.args).unwrap_or_default();
    if cx.all_namespaces || targets.kinds.iter().all(|kind| !kind.namespaced()) {
        "No resources found\n".into()
    } else {
        format!("No resources found in {} namespace.\n", cx.namespace)
    }
}

/// What a watch is about: one kind, perhaps one name.
fn watched(cx: &Ctx, args: &Args, found: &[Object]) -> Result<(Kind, ListOptions), Failure> {
    let mut options = resource::selectors(args);
    let mut one = |kind: Kind, name: &str| {
        options.field_selector = format!("metadata.name={name}");
        (kind, options.clone())
    };
    if !args.each("filename").is_empty() {
        return match found {
            [object] => Ok(one(object.kind(), object.name())),
            all => fail(format!(
                "watch is only supported on individual resources and resource collections - {} resources were found",
                all.len()
            )),
        };
    }
    let targets = resource::targets(&args.args)?;
    match (targets.kinds.as_slice(), targets.named.as_slice()) {
        ([kind], []) => Ok((*kind, options)),
        ([], [(kind, name)]) if !cx.all_namespaces => Ok(one(*kind, name)),
        _ => fail("you may only watch a single resource or type of resource at a time"),
    }
}

/// Lists, then prints each change until the watch ends or the process does.
async fn watch(cx: &Ctx, args: &Args, format: &Format) -> Outcome {
    let targets = resource::targets(&args.args)?;
    let kinds = targets.kinds.iter().chain(targets.named.iter().map(|(kind, _)| kind));
    if kinds.collect::<BTreeSet<_>>().len() > 1 {
        return fail("you may only specify a single resource type");
    }
    let found = resource::fetch(cx, args, &args.args).await?;
    if let Some(failure) = found.failures.into_iter().next() {
        return Err(failure);
    }
    if found.single && found.objects.is_empty() {
        return Ok(0);
    }
    let mut printer = Watching { cx, args, format, table: TableOptions::new(args), layout: Layout::default() };
    if !args.on("watch-only") && !found.objects.is_empty() {
        printer.print("ADDED", &found.objects).await?;
    }
    let (kind, mut options) = watched(cx, args, &found.objects)?;
    // From the version that was listed on, so that no change is missed.
    options.resource_version = found.resource_version;
    let namespace = match found.objects.as_slice() {
        // A file may name another namespace.
        [object] if !args.each("filename").is_empty() => object.namespace(),
        _ => resource::scope(cx, kind),
    };
    let mut events = cx.client.watch(kind, namespace, options).await?;
    let limit = args.get("request-timeout").map(duration).transpose()?.filter(|limit| !limit.is_zero());
    let watching = async {
        while let Some(event) = events.recv().await {
            match event {
                WatchEvent::Error(error) => return Err(error.into()),
                WatchEvent::Added(object) => printer.print("ADDED", &[object]).await?,
                WatchEvent::Modified(object) => printer.print("MODIFIED", &[object]).await?,
                WatchEvent::Deleted(object) => printer.print("DELETED", &[object]).await?,
            }
        }
        Ok(0)
    };
    match limit {
        None => watching.await,
        // A watch that ends with its request is no failure.
        Some(limit) => cx.proc.sim().timeout(limit, watching).await.unwrap_or(Ok(0)),
    }
}

struct Watching<'a> {
    cx: &'a Ctx,
    args: &'a Args,
    format: &'a Format,
    table: TableOptions,
    layout: Layout,
}

impl Watching<'_> {
    async fn print(&mut self, sort: &str, objects: &[Object]) -> Result<(), Failure> {
        let cx = self.cx;
        let sorts = self.args.on("output-watch-events");
        if self.format.is_table() {
            let mut rows = printers::rows(objects, &self.table, cx.now());
            for (at, row) in rows.iter_mut().enumerate().filter(|_| sorts) {
                row.insert(0, if at == 0 && self.table.headers { "EVENT".into() } else { sort.into() });
            }
            self.table.headers = false;
            cx.out(self.layout.print(&rows)).await;
            return Ok(());
        }
        for object in objects {
            match self.format.line(object)? {
                Some(line) => {
                    let mut rows = vec![line];
                    if let Format::Columns(columns) = self.format
                        && self.table.headers
                    {
                        rows.insert(0, columns.iter().map(|(header, _)| header.clone()).collect());
                    }
                    cx.out(self.layout.print(&rows)).await;
                }
                None => {
                    let mut value = printers::value(object, self.args.on("show-managed-fields"));
                    if sorts {
                        value = json!({"type": sort, "object": value});
                    }
                    let again = matches!(self.format, Format::Yaml) && !self.table.headers;
                    let text = self.format.whole(&value)?;
                    cx.out(if again { format!("---\n{text}") } else { text }).await;
                }
            }
            self.table.headers = false;
        }
        Ok(())
    }
}
