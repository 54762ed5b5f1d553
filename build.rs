//! Lists the files of the image catalogue and the examples, so that adding one is adding a file. Has the linker note which
//! memory is whose in the release page's module, by which scripts/split.mjs knows what the first seconds need.

use std::{env, fmt::Write, fs, io, path::Path};

fn main() -> io::Result<()> {
    let root = env::var("CARGO_MANIFEST_DIR").map_err(io::Error::other)?;
    let out = env::var("OUT_DIR").map_err(io::Error::other)?;
    if env::var("TARGET").is_ok_and(|t| t.starts_with("wasm32")) && env::var("PROFILE").is_ok_and(|p| p == "release") {
        println!("cargo::rustc-link-arg-bins=--emit-relocs");
    }
    let list = |name: &str, dir: &str| -> io::Result<String> {
        println!("cargo::rerun-if-changed={dir}");
        let mut files = Vec::new();
        for entry in fs::read_dir(Path::new(&root).join(dir))? {
            let path = entry?.path();
            if path.extension().is_some_and(|e| e == "yaml") {
                files.push(path);
            }
        }
        files.sort();
        let mut code = format!("pub(super) const {name}: &[(&str, &str)] = &[\n");
        for path in &files {
            let file = path.file_name().unwrap_or_default().to_string_lossy();
            let _ = writeln!(code, "    ({file:?}, include_str!({:?})),", path.to_string_lossy());
        }
        Ok(code + "];\n")
    };
    let catalogue = list("IMAGES", "src/registry/images")? + &list("BASES", "src/registry/base")?;
    fs::write(Path::new(&out).join("catalogue.rs"), catalogue)?;
    fs::write(Path::new(&out).join("examples.rs"), list("FILES", "examples")?)
}
