//! What a pod's imagePullSecrets are worth: credentials for registries.
//! Source: kubernetes `pkg/credentialprovider/{config,keyring}.go`.

use std::collections::BTreeMap;

use k8s_openapi::{ByteString, api::core::v1::Secret};
use serde::Deserialize;

use super::Inner;
use crate::{
    api::{Pod, Resource, client},
    apiserver::events::EventType,
    programs::net::base64,
    registry::{ImageRef, Login},
};

/// A user and a password for a part of a registry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credential {
    /// `registry.example.com`, `registry.example.com:5000/team`, `*.example.com`.
    place: String,
    pub login: Login,
    /// Namespace and name of the Secret.
    secret: (String, String),
}

impl Credential {
    /// Whether it is for the registry of `image`.
    pub fn covers(&self, image: &ImageRef) -> bool {
        let (host, path) = self.place.split_once('/').unwrap_or((&self.place, ""));
        let hub = matches!(host, "index.docker.io" | "docker.io" | "registry-1.docker.io");
        let same_host = match image.domain.as_str() {
            "docker.io" if hub => true,
            domain => {
                let (own, asked): (Vec<&str>, Vec<&str>) = (host.split('.').collect(), domain.split('.').collect());
                own.len() == asked.len() && own.iter().zip(&asked).all(|(own, asked)| *own == "*" || own == asked)
            }
        };
        same_host && image.path.starts_with(path)
    }

    /// Whether who has this may have what was pulled with `other`.
    pub fn is_as_good_as(&self, other: &Credential) -> bool {
        self.secret == other.secret || self.login == other.login
    }
}

#[derive(Deserialize)]
struct Config {
    auths: BTreeMap<String, Entry>,
}

#[derive(Deserialize)]
struct Entry {
    #[serde(default)]
    username: String,
    #[serde(default)]
    password: String,
    #[serde(default)]
    auth: String,
}

/// The credentials in a Secret; none if it is of another type or can't be read.
fn read(secret: &Secret) -> Vec<Credential> {
    let data = |key: &str| secret.data.as_ref().and_then(|data| data.get(key));
    let parsed = match secret.type_.as_deref() {
        Some("kubernetes.io/dockerconfigjson") => {
            data(".dockerconfigjson").and_then(|ByteString(json)| serde_json::from_slice::<Config>(json).ok())
        }
        Some("kubernetes.io/dockercfg") => data(".dockercfg")
            .and_then(|ByteString(json)| serde_json::from_slice(json).ok())
            .map(|auths| Config { auths }),
        _ => None,
    };
    let own = (secret.namespace().to_string(), secret.name().to_string());
    let mut all: Vec<Credential> = parsed
        .into_iter()
        .flat_map(|config| config.auths)
        .map(|(place, entry)| {
            let pair = base64::decode(&entry.auth).and_then(|bytes| String::from_utf8(bytes).ok()).unwrap_or_default();
            let (username, password) = match pair.split_once(':') {
                Some((user, password)) => (user.to_string(), password.to_string()),
                None => (entry.username, entry.password),
            };
            let place = place.trim_start_matches("https://").trim_start_matches("http://").trim_end_matches('/');
            let place = place.trim_end_matches("/v1").trim_end_matches("/v2").to_string();
            Credential { place, login: Login { username, password }, secret: own.clone() }
        })
        .collect();
    // The narrowest place first.
    all.sort_by(|a, b| b.place.cmp(&a.place));
    all
}

/// The credentials of a pod's imagePullSecrets. Says which aren't there.
pub(super) async fn of_pod(kubelet: &Inner, pod: &Pod) -> Vec<Credential> {
    let names = pod.spec.iter().flat_map(|spec| spec.image_pull_secrets.iter().flatten());
    let (mut found, mut missing) = (Vec::new(), Vec::new());
    for name in names.map(|reference| reference.name.as_str()).filter(|name| !name.is_empty()) {
        match client::get::<Secret>(&*kubelet.client, pod.namespace(), name).await {
            Ok(secret) => found.extend(read(&secret)),
            Err(_) => missing.push(name),
        }
    }
    if !missing.is_empty() {
        let text = format!(
            "Unable to retrieve some image pull secrets ({}); attempting to pull the image may not succeed.",
            missing.join(", ")
        );
        kubelet.event(pod, None, EventType::Warning, "FailedToRetrieveImagePullSecret", text);
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places() {
        let rows = [
            ("registry.example.com", "registry.example.com/a/b", true),
            ("registry.example.com/a", "registry.example.com/a/b", true),
            ("registry.example.com/c", "registry.example.com/a/b", false),
            ("*.example.com", "registry.example.com/a/b", true),
            ("*.example.com", "a.registry.example.com/a/b", false),
            ("index.docker.io", "janedoe/web", true),
            ("docker.io", "nginx", true),
            ("registry.example.com", "nginx", false),
        ];
        for (place, image, expected) in rows {
            let secret = serde_json::from_value(serde_json::json!({
                "type": "kubernetes.io/dockerconfigjson",
                "metadata": {"name": "s", "namespace": "n"},
                "data": {".dockerconfigjson": ByteString(
                    format!("{{\"auths\":{{\"https://{place}/v1/\":{{\"auth\":\"YTpiOmM=\"}}}}}}").into_bytes()
                )},
            }));
            let read = read(&secret.expect("a secret"));
            assert_eq!(read[0].login, Login { username: "a".into(), password: "b:c".into() });
            assert_eq!(read[0].covers(&ImageRef::parse(image).expect("a name")), expected, "{place} {image}");
        }
    }
}
