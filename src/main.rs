//! wasm32: starts the page. Native: starts the command line.

#[cfg(target_arch = "wasm32")]
fn main() {
    podarium::web::start();
}

#[cfg(not(target_arch = "wasm32"))]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[cfg(not(target_arch = "wasm32"))]
fn main() -> std::process::ExitCode {
    podarium::cli::main()
}
