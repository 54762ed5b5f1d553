//! Image names: `[domain/]path[:tag][@digest]`, with Docker Hub's short forms.
//! Rules: github.com/distribution/reference (grammar in its `reference.go`, short forms in `normalize.go`).

use std::fmt;

/// A normalised image name: the domain is always there, and so is a tag unless there is a digest.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ImageRef {
    /// `docker.io`, `localhost:5000`.
    pub domain: String,
    /// `library/nginx`.
    pub path: String,
    pub tag: Option<String>,
    /// `sha256:…`.
    pub digest: Option<String>,
}

/// Why a name can't be read. `Display` is distribution's text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReferenceError {
    Format,
    Uppercase(String),
    Identifier(String),
    TooLong,
    Digest(&'static str),
}

impl fmt::Display for ReferenceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ReferenceError::Format => f.write_str("invalid reference format"),
            ReferenceError::Uppercase(path) => {
                write!(f, "invalid reference format: repository name ({path}) must be lowercase")
            }
            ReferenceError::Identifier(name) => {
                write!(f, "invalid repository name ({name}), cannot specify 64-byte hexadecimal strings")
            }
            ReferenceError::TooLong => f.write_str("repository name must not be more than 255 characters"),
            ReferenceError::Digest(text) => f.write_str(text),
        }
    }
}

impl std::error::Error for ReferenceError {}

impl ImageRef {
    /// Reads a name as given in a manifest; without tag and digest it gets the tag `latest`.
    pub fn parse(name: &str) -> Result<ImageRef, ReferenceError> {
        let mut parsed = parse_normalized(name)?;
        if parsed.tag.is_none() && parsed.digest.is_none() {
            parsed.tag = Some("latest".into());
        }
        Ok(parsed)
    }

    /// `docker.io/library/nginx`.
    pub fn repository(&self) -> String {
        format!("{}/{}", self.domain, self.path)
    }
}

/// The full name: `docker.io/library/nginx:1.27`.
impl fmt::Display for ImageRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.domain, self.path)?;
        if let Some(tag) = &self.tag {
            write!(f, ":{tag}")?;
        }
        if let Some(digest) = &self.digest {
            write!(f, "@{digest}")?;
        }
        Ok(())
    }
}

/// The name as given, with `:latest` if it has neither tag nor digest (the kubelet's
/// `applyDefaultImageTag`: the short form stays short).
pub fn apply_default_tag(name: &str) -> Result<String, ReferenceError> {
    let parsed = parse_normalized(name)?;
    Ok(if parsed.tag.is_none() && parsed.digest.is_none() { format!("{name}:latest") } else { name.into() })
}

fn parse_normalized(name: &str) -> Result<ImageRef, ReferenceError> {
    if name.len() == 64 && name.bytes().all(is_lower_hex) {
        return Err(ReferenceError::Identifier(name.into()));
    }
    let (domain, rest) = split_domain(name);
    let untagged = rest.split(':').next().unwrap_or_default();
    if untagged.chars().any(char::is_uppercase) {
        return Err(ReferenceError::Uppercase(untagged.into()));
    }
    let (rest, digest) = match rest.split_once('@') {
        Some((rest, digest)) => (rest.to_owned(), Some(digest.to_owned())),
        None => (rest, None),
    };
    let (path, tag) = match rest.split_once(':') {
        Some((path, tag)) => (path.to_owned(), Some(tag.to_owned())),
        None => (rest, None),
    };
    // What looks like a domain and is none may still be the first part of a path: `a_b.c/d`.
    let known = is_domain(&domain) || is_path_component(&domain);
    if !known || !path.split('/').all(is_path_component) || tag.as_deref().is_some_and(|t| !is_tag(t)) {
        return Err(ReferenceError::Format);
    }
    if domain.len() + 1 + path.len() > 255 {
        return Err(ReferenceError::TooLong);
    }
    if let Some(digest) = &digest {
        check_digest(digest)?;
    }
    Ok(ImageRef { domain, path, tag, digest })
}

/// What stands before the first slash is a domain if it has a dot or a colon, is `localhost`, or
/// has capitals; else the image is Docker Hub's, and one without a slash is in `library/`.
fn split_domain(name: &str) -> (String, String) {
    let (domain, rest) = match name.split_once('/') {
        Some((head, rest)) if head.contains(['.', ':']) || head == "localhost" || head.to_lowercase() != head => {
            (head, rest)
        }
        _ => ("docker.io", name),
    };
    let domain = if domain == "index.docker.io" { "docker.io" } else { domain };
    let rest = if domain == "docker.io" && !rest.contains('/') { format!("library/{rest}") } else { rest.into() };
    (domain.into(), rest)
}

fn is_lower_hex(b: u8) -> bool {
    b.is_ascii_digit() || (b'a'..=b'f').contains(&b)
}

fn is_domain(domain: &str) -> bool {
    let (host, port) = match domain.strip_prefix('[') {
        Some(rest) => {
            let Some((address, port)) = rest.split_once(']') else { return false };
            if address.is_empty() || !address.bytes().all(|b| b.is_ascii_hexdigit() || b == b':') {
                return false;
            }
            (None, port.strip_prefix(':').or(if port.is_empty() { None } else { Some("") }))
        }
        None => match domain.split_once(':') {
            Some((host, port)) => (Some(host), Some(port)),
            None => (Some(domain), None),
        },
    };
    host.is_none_or(|host| host.split('.').all(is_domain_component))
        && port.is_none_or(|port| !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit()))
}

fn is_domain_component(part: &str) -> bool {
    let ends = |b: Option<&u8>| b.is_some_and(u8::is_ascii_alphanumeric);
    let bytes = part.as_bytes();
    ends(bytes.first()) && ends(bytes.last()) && bytes.iter().all(|b| b.is_ascii_alphanumeric() || *b == b'-')
}

/// Runs of `a-z0-9` with one of `.`, `_`, `__` or any number of `-` between them.
fn is_path_component(part: &str) -> bool {
    let alphanumeric = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    let bytes = part.as_bytes();
    if !bytes.first().is_some_and(|b| alphanumeric(*b)) || !bytes.last().is_some_and(|b| alphanumeric(*b)) {
        return false;
    }
    part.split(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit())
        .all(|gap| matches!(gap, "" | "." | "_" | "__") || gap.bytes().all(|b| b == b'-'))
}

fn is_tag(tag: &str) -> bool {
    let word = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
    let bytes = tag.as_bytes();
    bytes.len() <= 128
        && bytes.first().is_some_and(|b| word(*b))
        && bytes.iter().all(|b| word(*b) || matches!(b, b'.' | b'-'))
}

fn check_digest(digest: &str) -> Result<(), ReferenceError> {
    let Some((algorithm, hex)) = digest.split_once(':') else { return Err(ReferenceError::Format) };
    let plain = algorithm.split(['+', '.', '-', '_']).all(|part| {
        part.bytes().next().is_some_and(|b| b.is_ascii_alphabetic()) && part.bytes().all(|b| b.is_ascii_alphanumeric())
    });
    if !plain || hex.len() < 32 || !hex.bytes().all(|b| b.is_ascii_hexdigit()) {
        return Err(ReferenceError::Format);
    }
    let length = match algorithm {
        "sha256" => 64,
        "sha384" => 96,
        "sha512" => 128,
        _ => return Err(ReferenceError::Digest("unsupported digest algorithm")),
    };
    if hex.len() != length {
        return Err(ReferenceError::Digest("invalid checksum digest length"));
    }
    if !hex.bytes().all(is_lower_hex) {
        return Err(ReferenceError::Digest("invalid checksum digest format"));
    }
    Ok(())
}
