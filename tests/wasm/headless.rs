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

    /// Runs `script` in the laboratory that `podarium sh` makes and gives `{stdout, stderr, code}` as JSON.
    #[wasm_bindgen]
    pub fn run(seed: u32, workers: u32, script: String) -> String {
        run_in(Config { seed: seed.into(), workers: workers as usize, ..Config::default() }, script)
    }

    /// Runs `script` as benches/pods.rs does: without kubeadm's pods, with `manifest` in the file `pods.yaml`.
    #[wasm_bindgen]
    pub fn bench(workers: u32, script: String, manifest: String) -> String {
        let files = [("pods.yaml".to_string(), manifest.into_bytes())].into();
        run_in(Config { workers: workers as usize, system_pods: false, files, ..Config::default() }, script)
    }

    fn run_in(config: Config, script: String) -> String {
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
