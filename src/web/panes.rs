//! Panes: the bars between them, and the way from one to the next.

use gloo::utils::document;
use wasm_bindgen::JsCast;
use web_sys::{Element, HtmlElement};
use yew::prelude::*;

use super::app::{App, Msg};

/// The bars between panes.
#[derive(Clone, Copy, PartialEq)]
pub enum Bar {
    Left,
    Split,
    Time,
}

impl App {
    /// Moves the focus to the next pane (F6), out of editor and terminal, which keep Tab for themselves.
    pub(super) fn next_pane(&self, back: bool) {
        let document = document();
        let selectors = [
            ".editor .cm-content",
            ".terminal textarea",
            ".cluster button",
            ".pod .scroll[tabindex], .pod button",
            ".clock button",
            ".timeline .scroll",
        ];
        let at = selectors.iter().position(|s| {
            let pane = s.split(' ').next().unwrap_or(s);
            document.active_element().and_then(|e| e.closest(pane).ok().flatten()).is_some()
        });
        let n = selectors.len();
        for i in 1..=n {
            let next = match (at, back) {
                (None, _) => i - 1,
                (Some(at), false) => (at + i) % n,
                (Some(at), true) => (at + n - i) % n,
            };
            let target = document.query_selector(selectors[next]).ok().flatten();
            if let Some(element) = target.and_then(|e| e.dyn_into::<HtmlElement>().ok())
                && element.offset_parent().is_some()
            {
                let _ = element.focus();
                return;
            }
        }
    }

    /// A bar between two panes: dragged, or moved with the arrow keys.
    pub(super) fn bar(&self, link: &yew::html::Scope<App>, bar: Bar) -> Html {
        let (class, name, vertical, value) = match bar {
            Bar::Left => ("split-left", "Width of editor and terminal", true, self.settings.left),
            Bar::Split => ("split-middle", "Height of the editor", false, self.settings.split),
            Bar::Time => ("split-time", "Height of the timeline", false, self.settings.time),
        };
        let root = self.root.clone();
        let move_to = link.batch_callback(move |e: PointerEvent| {
            let held = e.buttons() & 1 == 1;
            let page = root.cast::<Element>().filter(|_| held)?.get_bounding_client_rect();
            Some(match bar {
                Bar::Left => Msg::Size(bar, f64::from(e.movement_x()) / page.width().max(1.0) * 100.0),
                Bar::Split => Msg::Size(bar, f64::from(e.movement_y()) / page.height().max(1.0) * 130.0),
                Bar::Time => Msg::Size(bar, -f64::from(e.movement_y())),
            })
        });
        let grab = Callback::from(|e: PointerEvent| {
            if let Some(target) = e.target_dyn_into::<Element>() {
                // Without capture the bar can still be moved with the keys.
                let _ = target.set_pointer_capture(e.pointer_id());
            }
        });
        let keys = link.batch_callback(move |e: KeyboardEvent| {
            let step = if bar == Bar::Time { 16.0 } else { 2.0 };
            let sign = match (e.key().as_str(), bar) {
                ("ArrowLeft", Bar::Left) | ("ArrowUp", Bar::Split) | ("ArrowDown", Bar::Time) => -1.0,
                ("ArrowRight", Bar::Left) | ("ArrowDown", Bar::Split) | ("ArrowUp", Bar::Time) => 1.0,
                _ => return None,
            };
            e.prevent_default();
            Some(Msg::Size(bar, sign * step))
        });
        html! {
            <div class={classes!("splitter", class)} role="separator" tabindex="0" aria-label={name}
                aria-orientation={if vertical { "vertical" } else { "horizontal" }} aria-valuenow={format!("{value:.0}")}
                onpointerdown={grab} onpointermove={move_to} onkeydown={keys} />
        }
    }
}
