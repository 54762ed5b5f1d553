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

use std::{cell::Cell, rc::Rc, time::Duration};

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
    yew::platform::spawn_local(set_up(root));
    bindings::rest(false);
}

/// Real milliseconds of work between two breaths.
const BREATH: f64 = 25.0;

/// Sets the laboratory up, and brings a short past back, without holding up the page; then shows the app.
async fn set_up(root: web_sys::Element) {
    let settings = storage::settings();
    let mut opening = session::Opening::new(storage::files(), settings.shape, storage::session());
    let mut since = frame::now();
    while !opening.go_on() {
        breathe(&mut since).await;
    }
    let mut session = opening.session();
    let began = frame::now();
    while session.seeking().is_some() && frame::now() - began < frame::BACK {
        session.advance(0.0, frame::SLICE);
        breathe(&mut since).await;
    }
    // The first drawing is a piece of work of its own.
    yew::platform::time::sleep(Duration::ZERO).await;
    root.set_inner_html("");
    let props = app::Start { session: Rc::new(Cell::new(Some(session))), settings };
    yew::Renderer::<app::App>::with_root_and_props(root, props).render();
}

/// Lets the browser do what it has to, if it waited long enough.
async fn breathe(since: &mut f64) {
    if frame::now() - *since > BREATH {
        yew::platform::time::sleep(Duration::ZERO).await;
        *since = frame::now();
    }
}
