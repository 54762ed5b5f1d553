//! Taints and tolerations (`component-helpers/scheduling/corev1`).

use k8s_openapi::api::core::v1::{Taint, Toleration};

/// Whether a toleration covers a taint (`Toleration.ToleratesTaint`).
pub fn tolerates(toleration: &Toleration, taint: &Taint) -> bool {
    tolerates_with(toleration, taint, false)
}

/// The same, with `Gt` and `Lt` if numbers may be compared.
pub fn tolerates_with(toleration: &Toleration, taint: &Taint, comparing: bool) -> bool {
    let or_any = |value: &Option<String>, own: &str| match value.as_deref() {
        None | Some("") => true,
        Some(value) => value == own,
    };
    if !or_any(&toleration.effect, &taint.effect) || !or_any(&toleration.key, &taint.key) {
        return false;
    }
    match toleration.operator.as_deref() {
        Some("Exists") => true,
        None | Some("" | "Equal") => {
            toleration.value.as_deref().unwrap_or_default() == taint.value.as_deref().unwrap_or_default()
        }
        Some(operator @ ("Gt" | "Lt")) if comparing => {
            let number = |value: &Option<String>| value.as_deref().unwrap_or_default().parse::<i64>().ok();
            match (number(&taint.value), number(&toleration.value)) {
                (Some(taint), Some(bound)) if operator == "Gt" => taint > bound,
                (Some(taint), Some(bound)) => taint < bound,
                _ => false,
            }
        }
        _ => false,
    }
}

/// The first taint, of those that matter, that no toleration covers.
pub fn untolerated<'t>(
    taints: &'t [Taint],
    tolerations: &[Toleration],
    matters: impl Fn(&Taint) -> bool,
    comparing: bool,
) -> Option<&'t Taint> {
    let covered = |taint: &&Taint| tolerations.iter().any(|t| tolerates_with(t, taint, comparing));
    taints.iter().filter(|taint| matters(taint)).find(|taint| !covered(taint))
}
