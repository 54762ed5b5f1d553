//! Lists the image catalogue's files, so that adding an image is adding a file. Has the linker note of a page's module for release
//! which memory is whose, by which scripts/split.mjs knows what the first seconds need.

use std::{env, fmt::Write, fs, io, path::Path};

fn main() -> io::Result<()> {
    let root = env::var("CARGO_MANIFEST_DIR").map_err(io::Error::other)?;
    let out = env::var("OUT_DIR").map_err(io::Error::other)?;
    if env::var("TARGET").is_ok_and(|t| t.starts_with("wasm32")) && env::var("PROFILE").is_ok_and(|p| p == "release") {
        println!("cargo::rustc-link-arg-bins=--emit-relocs");
    }
    let mut code = String::new();
    for (name, dir) in [("IMAGES", "src/registry/images"), ("BASES", "src/registry/base")] {
        println!("cargo::rerun-if-changed={dir}");
        let mut files = Vec::new();
        for entry in fs::read_dir(Path::new(&root).join(dir))? {
            let path = entry?.path();
            if path.extension().is_some_and(|e| e == "yaml") {
                files.push(path);
            }
        }
        files.sort();
        let _ = writeln!(code, "pub(super) const {name}: &[(&str, &str)] = &[");
        for path in &files {
            let file = path.file_name().unwrap_or_default().to_string_lossy();
            let _ = writeln!(code, "    ({file:?}, include_str!({:?})),", path.to_string_lossy());
        }
        code.push_str("];\n");
    }
    fs::write(Path::new(&out).join("catalogue.rs"), code)
}
