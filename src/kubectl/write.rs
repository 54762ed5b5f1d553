//! What the writing commands share: dry runs, validation levels, reports.

use serde_json::Value;

use super::{Args, Ctx, Failure, printers::Format, resource::reference};
use crate::api::{
    Error, Kind, Object,
    client::{Body, FieldValidation, WriteOptions, Written},
};

/// `--dry-run`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DryRun {
    None,
    Client,
    Server,
}

impl DryRun {
    pub fn of(args: &Args) -> Result<DryRun, Failure> {
        match args.get("dry-run") {
            None | Some("none" | "false") => Ok(DryRun::None),
            Some("client" | "true" | "unchanged" | "") => Ok(DryRun::Client),
            Some("server") => Ok(DryRun::Server),
            Some(other) => Err(Failure::Message(format!(
                "Invalid dry-run value ({other}). Must be \"none\", \"server\", or \"client\"."
            ))),
        }
    }

    pub fn suffix(self) -> &'static str {
        match self {
            DryRun::None => "",
            DryRun::Client => " (dry run)",
            DryRun::Server => " (server dry run)",
        }
    }
}

/// The managers of commands that have `--validate`.
const VALIDATING: [&str; 5] =
    ["kubectl", "kubectl-client-side-apply", "kubectl-create", "kubectl-replace", "kubectl-run"];

/// `--validate`
pub fn validation(args: &Args) -> Result<FieldValidation, Failure> {
    match args.get("validate").unwrap_or("strict") {
        "1" | "t" | "T" | "true" | "TRUE" | "True" | "strict" => Ok(FieldValidation::Strict),
        "0" | "f" | "F" | "false" | "FALSE" | "False" | "ignore" => Ok(FieldValidation::Ignore),
        "warn" => Ok(FieldValidation::Warn),
        other => Err(Failure::Message(format!(
            "invalid - validate option \"{other}\"; must be one of: strict (or true), warn, ignore (or false)"
        ))),
    }
}

pub fn options(args: &Args, dry_run: DryRun, manager: &str) -> WriteOptions {
    WriteOptions {
        dry_run: dry_run == DryRun::Server,
        // Commands without the flag leave it to the server, which warns; those with it have refused other words by now.
        field_validation: match args.get("validate") {
            None if !VALIDATING.contains(&manager) => FieldValidation::Warn,
            _ => validation(args).unwrap_or_default(),
        },
        field_manager: args.get("field-manager").unwrap_or(manager).into(),
        force: args.on("force-conflicts"),
    }
}

/// Sends a new object; warnings go to stderr.
pub async fn create(
    cx: &Ctx,
    kind: Kind,
    namespace: &str,
    value: Value,
    options: WriteOptions,
) -> Result<Object, Error> {
    let written = cx.client.create(kind, namespace, Body::Json(value), options).await?;
    Ok(warned(cx, written).await)
}

pub async fn warned(cx: &Ctx, written: Written) -> Object {
    for warning in &written.warnings {
        cx.err(format!("Warning: {warning}\n")).await;
    }
    written.object
}

/// `-o` of a writing command, or the verb: `pod/web created`.
pub async fn report(
    cx: &Ctx,
    args: &Args,
    kind: Kind,
    value: &Value,
    verb: &str,
    dry_run: DryRun,
) -> Result<(), Failure> {
    let name = value["metadata"]["name"].as_str().unwrap_or_default();
    report_as(cx, args, &reference(kind, name), value, verb, dry_run).await
}

/// [`report`] of an object that the server answered with.
pub async fn report_object(cx: &Ctx, args: &Args, object: &Object, verb: &str, dry_run: DryRun) -> Result<(), Failure> {
    // Mostly its name is all that is shown.
    let value = if args.get("output").is_some() { object.to_value() } else { Value::Null };
    report_as(cx, args, &reference(object.kind(), object.name()), &value, verb, dry_run).await
}

/// [`report`] of an object that is named `pod/web`.
pub async fn report_as(
    cx: &Ctx,
    args: &Args,
    reference: &str,
    value: &Value,
    verb: &str,
    dry_run: DryRun,
) -> Result<(), Failure> {
    match args.get("output") {
        None | Some("") => cx.out(format!("{reference} {verb}{}\n", dry_run.suffix())).await,
        Some("name") => cx.out(format!("{reference}\n")).await,
        output => match Format::read(cx, output).await? {
            Format::Table | Format::Wide | Format::Name | Format::Columns(_) => {
                let output = output.unwrap_or_default();
                let name = output.split_once('=').map_or(output, |(name, _)| name);
                return Err(Failure::Message(format!(
                    "unable to match a printer suitable for the output format \"{name}\", allowed formats are: \
                     go-template,go-template-file,json,jsonpath,jsonpath-as-json,jsonpath-file,kyaml,name,template,\
                     templatefile,yaml"
                )));
            }
            format => {
                let mut value = value.clone();
                if let Some(meta) = value["metadata"].as_object_mut()
                    && !args.on("show-managed-fields")
                {
                    meta.remove("managedFields");
                }
                let yaml = matches!(format, Format::Yaml);
                let begun = yaml && cx.yaml_begun.replace(true);
                let text = format.whole(&value)?;
                cx.out(if begun { format!("---\n{text}") } else { text }).await;
            }
        },
    }
    Ok(())
}

/// A refusal with its file, as kubectl words it; only an invalid object that is the only failure is shown without.
pub fn refused(doing: &str, source: &str, error: Error) -> Failure {
    Failure::ServerWhen { doing: format!("error when {doing} \"{source}\""), error: error.into() }
}
