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

    /// Runs `script` and gives `{stdout, stderr, code}` as JSON.
    #[wasm_bindgen]
    pub fn run(seed: u32, workers: u32, script: String) -> String {
        let config = Config { seed: seed.into(), workers: workers as usize, ..Config::default() };
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
}
