//! What the bundled JavaScript (`www/`) offers to Rust.

use js_sys::Function;
use wasm_bindgen::prelude::*;
use web_sys::Element;

#[wasm_bindgen(module = "/www/bundle/editor.js")]
extern "C" {
    /// To the clipboard.
    pub fn copy(text: &str);
    /// The opened pod's pictures as a file, `svg` or `png`; false if there are none.
    #[wasm_bindgen(js_name = savePicture)]
    pub fn save_picture(name: &str, kind: &str) -> bool;

    pub type Editor;
    /// `on_change(path, text)`, `on_apply()`, `diagnose(text)` gives `[{from, to, severity, message}]`, in UTF-16 units.
    #[wasm_bindgen(constructor)]
    pub fn new(host: &Element, on_change: &Function, on_apply: &Function, diagnose: &Function) -> Editor;
    #[wasm_bindgen(method)]
    pub fn open(this: &Editor, path: &str, text: &str);
    #[wasm_bindgen(method)]
    pub fn update(this: &Editor, path: &str, text: &str);
    #[wasm_bindgen(method)]
    pub fn renamed(this: &Editor, from: &str, to: &str);
    #[wasm_bindgen(method)]
    pub fn forget(this: &Editor, path: &str);
    #[wasm_bindgen(method)]
    pub fn flush(this: &Editor);
    /// Marks again, without waiting for the next key.
    #[wasm_bindgen(method)]
    pub fn check(this: &Editor);
    #[wasm_bindgen(method)]
    pub fn reveal(this: &Editor, line: u32);
    #[wasm_bindgen(method)]
    pub fn focus(this: &Editor);
}

#[wasm_bindgen(module = "/www/rest.js")]
extern "C" {
    /// The module's own exports: first of all.
    #[wasm_bindgen(js_name = begin)]
    pub fn begin_rest(exports: &JsValue);
    /// Fetches what `tools/split` put into a second module; `now`: before it returns. The stubs of that module's functions
    /// call it by its name.
    pub fn rest(now: bool);
}

#[wasm_bindgen(module = "/www/bundle/terminal.js")]
extern "C" {
    pub type TerminalPane;
    /// `on_data(text)`, `on_resize(columns, rows)`.
    #[wasm_bindgen(constructor)]
    pub fn new(host: &Element, on_data: &Function, on_resize: &Function) -> TerminalPane;
    #[wasm_bindgen(method)]
    pub fn write(this: &TerminalPane, bytes: &[u8]);
    /// Bytes written and not yet shown.
    #[wasm_bindgen(method)]
    pub fn pending(this: &TerminalPane) -> u32;
    #[wasm_bindgen(method)]
    pub fn fit(this: &TerminalPane);
    /// After a change of theme.
    #[wasm_bindgen(method)]
    pub fn recolour(this: &TerminalPane);
    #[wasm_bindgen(method)]
    pub fn reset(this: &TerminalPane);
    #[wasm_bindgen(method)]
    pub fn focus(this: &TerminalPane);
}
