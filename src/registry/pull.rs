//! Pulls: how long they take and how they fail.

use std::{fmt, time::Duration};

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
#[derive(Clone, Copy)]
enum Missing {
    /// Hub: a token is given, but it doesn't cover the repository.
    Denied,
    /// 404, as for a missing tag.
    NotFound,
    /// No token is given.
    NoToken(&'static str),
    /// 401 on the manifest.
    Unauthorized,
}

/// The public registries that a node can reach.
const REGISTRIES: &[(&str, Missing)] = &[
    ("docker.io", Missing::Denied),
    ("registry.k8s.io", Missing::NotFound),
    ("k8s.gcr.io", Missing::NotFound),
    ("gcr.io", Missing::NotFound),
    ("us-docker.pkg.dev", Missing::NotFound),
    ("mcr.microsoft.com", Missing::NotFound),
    ("public.ecr.aws", Missing::NotFound),
    ("ghcr.io", Missing::NoToken("https://ghcr.io/token")),
    ("quay.io", Missing::Unauthorized),
];

/// The failure to pull `image`, whose repository the catalogue has or hasn't. `resolver` is the
/// node's name server (`172.18.0.1:53`).
pub(super) fn failure(image: &ImageRef, repository_exists: bool, resolver: &str) -> PullError {
    let (code, cause) = cause(image, repository_exists, resolver);
    let message =
        format!("failed to pull and unpack image \"{image}\": failed to resolve reference \"{image}\": {cause}");
    PullError { code, message }
}

fn cause(image: &ImageRef, repository_exists: bool, resolver: &str) -> (&'static str, String) {
    let not_found = ("NotFound", format!("{image}: not found"));
    if repository_exists {
        return not_found;
    }
    let reference = image.digest.as_ref().or(image.tag.as_ref()).map_or("latest", String::as_str);
    let (domain, path) = (&image.domain, &image.path);
    match REGISTRIES.iter().find(|(known, _)| known == domain) {
        Some((_, Missing::NotFound)) => not_found,
        Some((_, Missing::Denied)) => (
            "Unknown",
            "pull access denied, repository does not exist or may require authorization: server message: \
             insufficient_scope: authorization failed"
                .into(),
        ),
        Some((_, Missing::NoToken(endpoint))) => {
            let scope = format!("repository:{path}:pull").replace(':', "%3A").replace('/', "%2F");
            let url = format!("{endpoint}?scope={scope}&service={domain}");
            (
                "Unknown",
                format!(
                    "failed to authorize: failed to fetch anonymous token: unexpected status from GET request to \
                     {url}: 403 Forbidden"
                ),
            )
        }
        Some((_, Missing::Unauthorized)) => (
            "Unknown",
            format!(
                "unexpected status from HEAD request to https://{domain}/v2/{path}/manifests/{reference}: 401 \
                 UNAUTHORIZED"
            ),
        ),
        None => {
            // containerd speaks plain HTTP to a registry on this very host.
            let (host, port) = split_port(domain);
            let local = matches!(host, "localhost" | "127.0.0.1" | "[::1]");
            let scheme = if local { "http" } else { "https" };
            let port = port.unwrap_or(if local { "80" } else { "443" });
            let dial = if host == "localhost" {
                format!("dial tcp [::1]:{port}: connect: connection refused")
            } else if local {
                format!("dial tcp {host}:{port}: connect: connection refused")
            } else if host.parse::<std::net::IpAddr>().is_ok() || host.starts_with('[') {
                format!("dial tcp {host}:{port}: i/o timeout")
            } else {
                format!("dial tcp: lookup {host} on {resolver}: no such host")
            };
            let url = format!("{scheme}://{domain}/v2/{path}/manifests/{reference}");
            ("Unknown", format!("failed to do request: Head \"{url}\": {dial}"))
        }
    }
}

fn split_port(domain: &str) -> (&str, Option<&str>) {
    match domain.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, Some(port)),
        _ => (domain, None),
    }
}
