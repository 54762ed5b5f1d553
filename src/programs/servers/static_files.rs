//! What a path of a URL means below a directory, for servers that serve files.

use jiff::Timestamp;

use crate::{
    os::{Errno, Proc, fs::FileType},
    programs::net::http::percent_decode,
};

/// Larger files aren't served.
const MAX_FILE: u64 = 64 << 20;

pub enum Found {
    File {
        path: String,
        data: Vec<u8>,
        modified: Timestamp,
    },
    /// A directory without any of the index files: its names, those of directories with a slash.
    Directory(Vec<String>),
    /// A directory, asked for without the slash.
    NeedsSlash,
    Failed(Errno),
}

/// Finds `target` (a request's path) below `root`.
pub async fn find(proc: &Proc, root: &str, target: &str, indexes: &[&str]) -> Found {
    let path = percent_decode(target.split(['?', '#']).next().unwrap_or_default());
    // Nothing above the root can be named.
    let parts: Vec<&str> = path.split('/').filter(|part| !["", ".", ".."].contains(part)).collect();
    let place = format!("{}/{}", root.trim_end_matches('/'), parts.join("/"));
    let stat = match proc.stat(&place) {
        Ok(stat) => stat,
        Err(errno) => return Found::Failed(errno),
    };
    if stat.file_type != FileType::Directory {
        return if path.ends_with('/') { Found::Failed(Errno::ENOENT) } else { file(proc, place).await };
    }
    if !path.ends_with('/') {
        return Found::NeedsSlash;
    }
    for index in indexes {
        let index = format!("{}/{index}", place.trim_end_matches('/'));
        if proc.stat(&index).is_ok() {
            return file(proc, index).await;
        }
    }
    match proc.read_dir(&place) {
        Ok(entries) => {
            let name = |name: &String| {
                let directory = proc.stat(&format!("{place}/{name}")).is_ok_and(|s| s.file_type == FileType::Directory);
                if directory { format!("{name}/") } else { name.clone() }
            };
            let mut names: Vec<String> = entries.iter().map(|entry| name(&entry.name)).collect();
            names.sort_by_key(|name| name.to_lowercase());
            Found::Directory(names)
        }
        Err(errno) => Found::Failed(errno),
    }
}

async fn file(proc: &Proc, path: String) -> Found {
    match proc.stat(&path) {
        Ok(stat) if stat.size > MAX_FILE => Found::Failed(Errno::EFBIG),
        Ok(stat) => match proc.read_file(&path).await {
            Ok(data) => Found::File { path, data, modified: proc.sim().wall_at(stat.mtime) },
            Err(errno) => Found::Failed(errno),
        },
        Err(errno) => Found::Failed(errno),
    }
}

/// The media type that a file's name tells.
pub fn media_type(name: &str) -> Option<&'static str> {
    Some(match name.rsplit_once('.')?.1 {
        "html" | "htm" => "text/html",
        "css" => "text/css",
        "js" => "text/javascript",
        "json" => "application/json",
        "txt" => "text/plain",
        "xml" => "text/xml",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "gif" => "image/gif",
        _ => return None,
    })
}
