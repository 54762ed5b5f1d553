//! Pulls: who may, how long they take and how they fail.

use std::{collections::BTreeMap, fmt, time::Duration};

use serde::Deserialize;

use super::{Image, ImageRef};

/// How long pulls take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PullTimes {
    /// Spent on every attempt, failing ones too: names, manifests, layers' round trips.
    pub latency: Duration,
    pub bytes_per_second: u64,
    /// If set, every pull takes just this long.
    pub fixed: Option<Duration>,
}

impl Default for PullTimes {
    fn default() -> PullTimes {
        PullTimes { latency: Duration::from_millis(400), bytes_per_second: 100_000_000, fixed: None }
    }
}

impl PullTimes {
    /// The time that a whole pull of `image` takes.
    pub fn of(&self, image: &Image) -> Duration {
        if let Some(fixed) = self.fixed.or(image.pull_time) {
            return fixed;
        }
        self.latency + Duration::from_secs_f64(image.size as f64 / self.bytes_per_second.max(1) as f64)
    }
}

/// A pull that failed. `Display` is the whole text as the kubelet shows it, `rpc error: …` included.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PullError {
    /// gRPC's code: `NotFound`, `Unknown`.
    pub code: &'static str,
    /// containerd's text, without the prefix.
    pub message: String,
}

impl fmt::Display for PullError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "rpc error: code = {} desc = {}", self.code, self.message)
    }
}

impl std::error::Error for PullError {}

/// What a registry answers to somebody without credentials who asks for a repository that isn't there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
enum Missing {
    /// Hub: a token is given, but it doesn't cover the repository.
    Denied,
    /// 404, as for a missing tag.
    NotFound,
    /// No token is given.
    NoToken,
    /// 401 on the manifest.
    Unauthorized,
}

/// An entry of `registries.yaml`, which explains the fields.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Registry {
    host: String,
    #[serde(default)]
    endpoint: String,
    missing: Missing,
    #[serde(default)]
    token: String,
    #[serde(default)]
    service: String,
    #[serde(default)]
    accounts: BTreeMap<String, String>,
    #[serde(default)]
    private: Vec<String>,
}

/// Who asks: a user and a password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Login {
    pub username: String,
    pub password: String,
}

/// The registries that exist.
pub(super) fn registries() -> Vec<Registry> {
    // Checked by a test.
    serde_yaml::from_str(include_str!("registries.yaml")).unwrap_or_default()
}

/// A failure in containerd's words.
fn failed(image: &ImageRef, code: &'static str, cause: &str) -> PullError {
    let message =
        format!("failed to pull and unpack image \"{image}\": failed to resolve reference \"{image}\": {cause}");
    PullError { code, message }
}

/// Where an image's manifest is.
fn manifest(image: &ImageRef, registry: Option<&Registry>) -> String {
    // containerd speaks plain HTTP to a registry on this very host.
    let local = matches!(split_port(&image.domain).0, "localhost" | "127.0.0.1" | "[::1]");
    let endpoint = registry.map_or("", |registry| registry.endpoint.as_str());
    let host = if endpoint.is_empty() { &image.domain } else { endpoint };
    let reference = image.digest.as_ref().or(image.tag.as_ref()).map_or("latest", String::as_str);
    format!("{}://{host}/v2/{}/manifests/{reference}", if local { "http" } else { "https" }, image.path)
}

impl Registry {
    pub fn of<'a>(all: &'a [Registry], image: &ImageRef) -> Option<&'a Registry> {
        all.iter().find(|registry| registry.host == image.domain)
    }

    fn is_private(&self, path: &str) -> bool {
        self.private.iter().any(|own| match own.strip_suffix('*') {
            Some(prefix) => path.starts_with(prefix),
            None => own == path,
        })
    }

    fn no_token(&self, image: &ImageRef, kind: &str, status: &str) -> String {
        let scope = format!("repository:{}:pull", image.path).replace(':', "%3A").replace('/', "%2F");
        format!(
            "failed to authorize: failed to fetch {kind} token: unexpected status from GET request to \
             {}?scope={scope}&service={}: {status}",
            self.token, self.service
        )
    }

    /// Whether `login`, or somebody without one, may pull `image`.
    pub fn admit(&self, image: &ImageRef, login: Option<&Login>) -> Result<(), PullError> {
        let cause = match login {
            Some(login) if self.accounts.get(&login.username) == Some(&login.password) => return Ok(()),
            Some(_) if self.token.is_empty() && self.accounts.is_empty() => return Ok(()),
            Some(_) if self.token.is_empty() => {
                format!("unexpected status from HEAD request to {}: 401 Unauthorized", manifest(image, Some(self)))
            }
            Some(_) => self.no_token(image, "oauth", "401 Unauthorized"),
            None if !self.is_private(&image.path) => return Ok(()),
            None if self.token.is_empty() => {
                format!("{DENIED}: authorization failed: no basic auth credentials")
            }
            None if self.missing == Missing::NoToken => self.no_token(image, "anonymous", "403 Forbidden"),
            None => format!("{DENIED}: server message: insufficient_scope: authorization failed"),
        };
        Err(failed(image, "Unknown", &cause))
    }
}

const DENIED: &str = "pull access denied, repository does not exist or may require authorization";

/// The failure to pull `image`, whose repository the catalogue has or hasn't. `resolver` is the
/// node's name server (`172.18.0.1:53`).
pub(super) fn failure(
    image: &ImageRef,
    repository_exists: bool,
    registry: Option<&Registry>,
    resolver: &str,
) -> PullError {
    let not_found = || failed(image, "NotFound", &format!("{image}: not found"));
    if repository_exists {
        return not_found();
    }
    let cause = match registry.map(|registry| (registry, registry.missing)) {
        Some((_, Missing::NotFound)) => return not_found(),
        Some((_, Missing::Denied)) => format!("{DENIED}: server message: insufficient_scope: authorization failed"),
        Some((registry, Missing::NoToken)) => registry.no_token(image, "anonymous", "403 Forbidden"),
        Some((registry, Missing::Unauthorized)) => {
            format!("unexpected status from HEAD request to {}: 401 UNAUTHORIZED", manifest(image, Some(registry)))
        }
        None => {
            let (host, port) = split_port(&image.domain);
            let local = matches!(host, "localhost" | "127.0.0.1" | "[::1]");
            let port = port.unwrap_or(if local { "80" } else { "443" });
            let dial = if host == "localhost" {
                format!("dial tcp [::1]:{port}: connect: connection refused")
            } else if local {
                format!("dial tcp {host}:{port}: connect: connection refused")
            } else if is_address(host) {
                format!("dial tcp {host}:{port}: i/o timeout")
            } else {
                format!("dial tcp: lookup {host} on {resolver}: no such host")
            };
            format!("failed to do request: Head \"{}\": {dial}", manifest(image, None))
        }
    };
    failed(image, "Unknown", &cause)
}

/// The failure to reach any registry: names can't be looked up. With the time that it takes.
pub(super) fn cut_off(image: &ImageRef, registry: Option<&Registry>, resolver: &str) -> (PullError, Duration) {
    let url = manifest(image, registry);
    let host = url.split('/').nth(2).unwrap_or_default();
    let (name, port) = split_port(host);
    let (dial, took) = if is_address(name) {
        // net.Dialer's own patience.
        (format!("dial tcp {name}:{}: i/o timeout", port.unwrap_or("443")), Duration::from_secs(30))
    } else {
        // The name server answers twice that it couldn't find out.
        (format!("dial tcp: lookup {name} on {resolver}: server misbehaving"), Duration::from_secs(8))
    };
    (failed(image, "Unknown", &format!("failed to do request: Head \"{url}\": {dial}")), took)
}

/// A failure that an image brings along.
pub(super) fn told(image: &ImageRef, cause: &str) -> PullError {
    failed(image, "Unknown", cause)
}

fn is_address(host: &str) -> bool {
    host.parse::<std::net::IpAddr>().is_ok() || host.starts_with('[')
}

fn split_port(domain: &str) -> (&str, Option<&str>) {
    match domain.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, Some(port)),
        _ => (domain, None),
    }
}
