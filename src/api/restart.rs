//! Which exits of containers a pod's spec lets be followed by a new start (`pkg/api/v1/pod/util.go`).

use k8s_openapi::api::core::v1::ContainerRestartRule;

use super::pod::{Container, PodSpec};

/// The first rule whose exit codes match.
pub fn matching_rule(container: &Container, exit_code: i32) -> Option<&ContainerRestartRule> {
    container.restart_policy_rules.iter().flatten().find(|rule| {
        let Some(codes) = &rule.exit_codes else { return false };
        let listed = codes.values.iter().flatten().any(|v| *v == exit_code);
        match codes.operator.as_str() {
            "In" => listed,
            "NotIn" => !listed,
            _ => false,
        }
    })
}

fn policy_restarts(policy: &str, exit_code: i32) -> bool {
    match policy {
        "Never" => false,
        "OnFailure" => exit_code != 0,
        _ => true,
    }
}

/// `ContainerShouldRestart`: by the container's own rules and policy, else by the pod's.
pub fn restarts_after(container: &Container, spec: &PodSpec, exit_code: i32) -> bool {
    if let Some(policy) = &container.restart_policy {
        if let Some(rule) = matching_rule(container, exit_code) {
            return matches!(rule.action.as_str(), "Restart" | "RestartAllContainers");
        }
        return policy_restarts(policy, exit_code);
    }
    policy_restarts(spec.restart_policy.as_deref().unwrap_or("Always"), exit_code)
}

/// `IsContainerRestartable`: it may come back after some exit.
pub fn is_restartable(container: &Container, spec: &PodSpec) -> bool {
    if container.restart_policy_rules.as_ref().is_some_and(|rules| !rules.is_empty()) {
        return true;
    }
    let policy = container.restart_policy.as_deref().or(spec.restart_policy.as_deref());
    policy != Some("Never")
}

/// `AllContainersCouldRestart`: some rule restarts the whole pod in place.
pub fn may_restart_all(spec: &PodSpec) -> bool {
    spec.containers
        .iter()
        .chain(spec.init_containers.iter().flatten())
        .flat_map(|c| c.restart_policy_rules.iter().flatten())
        .any(|rule| rule.action == "RestartAllContainers")
}

#[cfg(test)]
mod tests {
    use k8s_openapi::api::core::v1::{self, ContainerRestartRuleOnExitCodes};

    use super::*;
    use crate::api::SharedSpec;

    #[test]
    fn rules_come_before_policies() {
        let rule = |operator: &str, values: &[i32], action: &str| ContainerRestartRule {
            action: action.into(),
            exit_codes: Some(ContainerRestartRuleOnExitCodes {
                operator: operator.into(),
                values: Some(values.to_vec()),
            }),
        };
        // (pod policy, container policy, rules, exit code, restarted)
        let table = [
            ("Always", None, vec![], 0, true),
            ("OnFailure", None, vec![], 0, false),
            ("OnFailure", None, vec![], 1, true),
            ("Never", None, vec![], 1, false),
            ("Never", Some("Always"), vec![], 0, true),
            ("Always", Some("Never"), vec![], 1, false),
            ("Never", Some("Never"), vec![rule("In", &[42], "Restart")], 42, true),
            ("Never", Some("Never"), vec![rule("In", &[42], "Restart")], 1, false),
            ("Never", Some("Never"), vec![rule("NotIn", &[42], "Restart")], 1, true),
            ("Never", Some("Never"), vec![rule("In", &[3], "RestartAllContainers")], 3, true),
        ];
        for (pod, own, rules, code, expected) in table {
            let spec = PodSpec::from(SharedSpec { restart_policy: Some(pod.into()), ..SharedSpec::default() });
            let container = Container::from(v1::Container {
                restart_policy: own.map(str::to_string),
                restart_policy_rules: Some(rules),
                ..v1::Container::default()
            });
            assert_eq!(restarts_after(&container, &spec, code), expected, "{pod} {own:?} {code}");
        }
    }
}
