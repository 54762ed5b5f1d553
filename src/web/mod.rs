//! The page: a Yew app whose panes are views of one laboratory.
//!
//! The browser's clock, storage and events live here and nowhere else. [`app`] drives the laboratory from animation frames
//! in bounded slices, so that nothing it does can hold up the page; panes are functions from the app's state to HTML.

mod app;
mod bindings;
mod clock;
mod cluster;
mod compare;
mod draw;
mod edit;
mod files;
mod frame;
mod nodes;
mod notes;
mod palette;
mod panes;
mod pod;
mod session;
mod storage;
mod timeline;
mod top;

use wasm_bindgen::prelude::*;

#[wasm_bindgen]
extern "C" {
    /// Shows that the program stopped, and why (`www/boot.js`).
    #[wasm_bindgen(js_name = podariumFailed)]
    fn podarium_failed(details: &str);
}

/// Starts the page in `#app`.
pub fn start() {
    bindings::begin_rest(&wasm_bindgen::exports());
    std::panic::set_hook(Box::new(|info| podarium_failed(&info.to_string())));
    let Some(root) = web_sys::window().and_then(|w| w.document()).and_then(|d| d.get_element_by_id("app")) else {
        podarium_failed("the page has no #app");
        return;
    };
    root.set_inner_html("");
    yew::Renderer::<app::App>::with_root(root).render();
    bindings::rest(false);
}
