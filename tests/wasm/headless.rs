//! `podarium sh` as a wasm module for Node.js: the same laboratory, to be compared with the native one.

#[cfg(target_arch = "wasm32")]
mod module {
    use podarium::{
        lab::{
            Config,
            headless::{self, Script},
        },
        os::Stream,
    };
    use wasm_bindgen::prelude::wasm_bindgen;

    /// Runs `script`, which finds `manifest` in the file `pods.yaml`, and gives `{stdout, stderr, code}` as JSON.
    #[wasm_bindgen]
    pub fn run(seed: u32, workers: u32, script: String, manifest: Option<String>) -> String {
        let files = manifest.map(|text| ("pods.yaml".to_string(), text.into_bytes())).into_iter().collect();
        let config = Config { seed: seed.into(), workers: workers as usize, files, ..Config::default() };
        let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
        let code = headless::run(config, Script::Commands(script), &mut |stream, bytes| {
            match stream {
                Stream::Stdout => stdout.extend_from_slice(bytes),
                Stream::Stderr => stderr.extend_from_slice(bytes),
            }
            true
        });
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        serde_json::json!({ "stdout": text(stdout), "stderr": text(stderr), "code": code }).to_string()
    }

    /// The module's memory.
    #[wasm_bindgen]
    pub fn kilobytes() -> u32 {
        // Pages of 64 KiB.
        core::arch::wasm32::memory_size::<0>() as u32 * 64
    }
}
