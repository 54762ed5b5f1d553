//! Probes, hooks and what they do.

use k8s_openapi::{
    api::core::v1::{
        ExecAction, GRPCAction, HTTPGetAction, Lifecycle, LifecycleHandler, PodOS, Probe, SleepAction, TCPSocketAction,
    },
    apimachinery::pkg::util::intstr::IntOrString,
};

use super::{meta::NOT_NEGATIVE, text};
use crate::api::{
    field::{Errors, Path},
    names, schema,
};

struct Handler<'h> {
    exec: Option<&'h ExecAction>,
    http_get: Option<&'h HTTPGetAction>,
    tcp_socket: Option<&'h TCPSocketAction>,
    grpc: Option<&'h GRPCAction>,
    sleep: Option<&'h SleepAction>,
}

fn handler(errors: &mut Errors, handler: &Handler, grace: Option<i64>, path: &Path) {
    let mut first = true;
    let mut only = |errors: &mut Errors, path: &Path| {
        if !std::mem::take(&mut first) {
            errors.forbidden(path, "may not specify more than 1 handler type");
            return false;
        }
        true
    };
    if let Some(exec) = handler.exec {
        let path = path.child("exec");
        if only(errors, &path) && exec.command.as_ref().is_none_or(Vec::is_empty) {
            errors.required(&path.child("command"), "");
        }
    }
    if let Some(get) = handler.http_get {
        let path = path.child("httpGet");
        if only(errors, &path) {
            http_get(errors, get, &path);
        }
    }
    if let Some(tcp) = handler.tcp_socket {
        let path = path.child("tcpSocket");
        if only(errors, &path) {
            port(errors, &tcp.port, &path.child("port"));
        }
    }
    if let Some(grpc) = handler.grpc {
        let path = path.child("grpc");
        if only(errors, &path) {
            port(errors, &IntOrString::Int(grpc.port), &path.child("port"));
        }
    }
    if let Some(sleep) = handler.sleep {
        let path = path.child("sleep");
        if only(errors, &path)
            && let Some(grace) = grace
        {
            self::sleep(errors, sleep.seconds, grace, &path);
        }
    }
    if first {
        errors.required(path, "must specify a handler type");
    }
}

/// A hook that waits, within the pod's grace period.
pub fn sleep(errors: &mut Errors, seconds: i64, grace: i64, path: &Path) {
    let zero = errors.options.zero_sleep;
    if (i64::from(!zero)..=grace).contains(&seconds) {
        return;
    }
    let why = if zero {
        format!("must be non-negative and less than terminationGracePeriodSeconds ({grace})")
    } else {
        format!(
            "must be greater than 0 and less than terminationGracePeriodSeconds ({grace}). Enable \
             AllowPodLifecycleSleepActionZeroValue feature gate for zero sleep."
        )
    };
    errors.invalid(path, &seconds, &why);
}

fn http_get(errors: &mut Errors, get: &HTTPGetAction, path: &Path) {
    if text(&get.path).is_empty() {
        errors.required(&path.child("path"), "");
    }
    port(errors, &get.port, &path.child("port"));
    let scheme = text(&get.scheme);
    if scheme != "HTTP" && scheme != "HTTPS" {
        errors.not_supported(&path.child("scheme"), scheme, &["HTTP", "HTTPS"]);
    }
    for header in get.http_headers.iter().flatten() {
        errors.invalid_each(&path.child("httpHeaders"), &header.name, names::http_header_name(&header.name));
    }
}

pub fn port(errors: &mut Errors, port: &IntOrString, path: &Path) {
    match port {
        IntOrString::Int(number) => errors.invalid_each(path, number, names::port_number(i64::from(*number))),
        IntOrString::String(name) => errors.invalid_each(path, name, names::port_name(name)),
    }
}

/// Which of a container's probes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum ProbeKind {
    Liveness,
    Readiness,
    Startup,
}

pub fn probe(errors: &mut Errors, probe: Option<&Probe>, kind: ProbeKind, grace: Option<i64>, path: &Path) {
    let Some(probe) = probe else { return };
    self::any_probe(errors, probe, grace, path);
    if kind == ProbeKind::Readiness {
        if let Some(grace) = probe.termination_grace_period_seconds {
            errors.invalid(&path.child("terminationGracePeriodSeconds"), &grace, "must not be set for readinessProbes");
        }
    } else if probe.success_threshold != Some(1) {
        let threshold = probe.success_threshold.unwrap_or_default();
        errors.invalid(&path.child("successThreshold"), &threshold, "must be 1");
    }
}

pub fn any_probe(errors: &mut Errors, probe: &Probe, grace: Option<i64>, path: &Path) {
    let action = Handler {
        exec: probe.exec.as_ref(),
        http_get: probe.http_get.as_ref(),
        tcp_socket: probe.tcp_socket.as_ref(),
        grpc: probe.grpc.as_ref(),
        sleep: None,
    };
    handler(errors, &action, grace, path);
    let numbers = [
        ("initialDelaySeconds", probe.initial_delay_seconds),
        ("timeoutSeconds", probe.timeout_seconds),
        ("periodSeconds", probe.period_seconds),
        ("successThreshold", probe.success_threshold),
        ("failureThreshold", probe.failure_threshold),
    ];
    for (name, number) in numbers {
        if let Some(number) = number.filter(|number| *number < 0) {
            errors.invalid(&path.child(name), &number, NOT_NEGATIVE);
        }
    }
    if let Some(grace) = probe.termination_grace_period_seconds.filter(|grace| *grace <= 0) {
        errors.invalid(&path.child("terminationGracePeriodSeconds"), &grace, "must be greater than 0");
    }
}

fn lifecycle_handler(errors: &mut Errors, hook: &LifecycleHandler, grace: Option<i64>, path: &Path) {
    let action = Handler {
        exec: hook.exec.as_ref(),
        http_get: hook.http_get.as_ref(),
        tcp_socket: hook.tcp_socket.as_ref(),
        grpc: None,
        sleep: hook.sleep.as_ref(),
    };
    handler(errors, &action, grace, path);
}

pub fn lifecycle(errors: &mut Errors, lifecycle: &Lifecycle, grace: Option<i64>, os: Option<&PodOS>, path: &Path) {
    if let Some(hook) = &lifecycle.post_start {
        lifecycle_handler(errors, hook, grace, &path.child("postStart"));
    }
    if let Some(hook) = &lifecycle.pre_stop {
        lifecycle_handler(errors, hook, grace, &path.child("preStop"));
    }
    if let Some(signal) = &lifecycle.stop_signal {
        stop_signal(errors, signal, os, &path.child("stopSignal"));
    }
}

fn stop_signal(errors: &mut Errors, signal: &str, os: Option<&PodOS>, path: &Path) {
    let Some(os) = os else {
        return errors.forbidden(path, "may not be set for containers with empty `spec.os.name`");
    };
    let supported: Vec<&str> = match os.name.as_str() {
        "windows" => vec!["SIGKILL", "SIGTERM"],
        "linux" => {
            let field = schema::type_named("core.Lifecycle").and_then(|lifecycle| lifecycle.field("stopSignal"));
            field.map(|field| field.shape.values.split(',').collect()).unwrap_or_default()
        }
        _ => return,
    };
    if !supported.contains(&signal) {
        errors.not_supported(path, signal, &supported);
    }
}
