//! Editor and terminal: the frames round what JavaScript draws, the tabs, and the marks.

use js_sys::{Array, Object, Reflect};
use wasm_bindgen::JsValue;
use web_sys::HtmlInputElement;
use yew::html::Scope;
use yew::prelude::*;

use super::app::{App, Msg};
use super::notes;
use crate::{lab::Checker, manifest};

/// Texts above this many bytes are not checked while typing.
const MOST_CHECKED: usize = 512 * 1024;

pub fn editor(app: &App, link: &Scope<App>) -> Html {
    let tabs = app.files.keys().map(|path| tab(app, link, path));
    let large = app.open.as_ref().and_then(|p| app.files.get(p)).filter(|t| t.len() > MOST_CHECKED);
    html! {
        <section class="pane editor" aria-label="Editor">
            <div class="tabs">
                <div class="tab-list" role="tablist" aria-label="Files">{ for tabs }</div>
                <button type="button" class="button bare" aria-label="New file" title="New file"
                    onclick={link.callback(|_| Msg::New)}>{ "+" }</button>
                <button type="button" class="button" title="Manifests to begin with, each of which shows one thing"
                    onclick={link.callback(|_| Msg::Examples)}>{ "Examples" }</button>
                <span class="gap" />
                <button type="button" class="button bare" aria-label="Rename file" title="Rename file"
                    disabled={app.open.is_none()} onclick={link.callback(|_| Msg::StartRename)}>{ "✎" }</button>
                <button type="button" class="button bare" aria-label="Delete file" title="Delete file"
                    disabled={app.open.is_none()} onclick={link.callback(|_| Msg::Remove)}>{ "✕" }</button>
                <button type="button" class="button go" aria-keyshortcuts="Control+Enter Meta+Enter"
                    title="kubectl apply -f this file (Ctrl+Enter or ⌘Enter)" disabled={app.open.is_none()}
                    onclick={link.callback(|_| Msg::Apply)}>{ "Apply" }<kbd aria-hidden="true">{ "Ctrl ↵" }</kbd></button>
            </div>
            { notes::view(&app.notes, link) }
            if let Some((path, _)) = &app.removed {
                <p class="note" role="status">{ format!("{path} was deleted. ") }
                    <button type="button" class="button" onclick={link.callback(|_| Msg::Undo)}>{ "Undo" }</button></p>
            }
            if let Some(text) = large {
                <p class="note" role="status">
                    { format!("{:.1} MB: too large to be checked while typing. Apply still checks it.", text.len() as f64 / 1e6) }
                </p>
            }
            if app.files.is_empty() {
                <p class="empty">{ "No files. Make one with +, take an example, or write one in the terminal: kubectl run web --image=nginx --dry-run=client -o yaml > web.yaml" }</p>
            }
            <div class={classes!("editor-host", app.open.is_none().then_some("hidden"))} ref={app.editor_host.clone()} />
        </section>
    }
}

fn tab(app: &App, link: &Scope<App>, path: &str) -> Html {
    let on = app.open.as_deref() == Some(path);
    if on && app.renaming {
        let done =
            link.callback(|e: FocusEvent| Msg::Rename(e.target_dyn_into::<HtmlInputElement>().map(|i| i.value())));
        let keys = link.batch_callback(|e: KeyboardEvent| match e.key().as_str() {
            "Enter" => Some(Msg::Rename(e.target_dyn_into::<HtmlInputElement>().map(|i| i.value()))),
            "Escape" => Some(Msg::Rename(None)),
            _ => None,
        });
        return html! {
            <input key={format!("rename {path}")} class="tab rename" aria-label="Name of the file" spellcheck="false"
                ref={app.rename_input.clone()} onblur={done} onkeydown={keys} />
        };
    }
    let name = path.to_owned();
    html! {
        <button key={path.to_owned()} type="button" role="tab" class={classes!("tab", on.then_some("on"))}
            aria-selected={on.to_string()} ondblclick={link.callback(|_| Msg::StartRename)}
            onclick={link.callback(move |_| Msg::Open(name.clone()))}>{ path.to_owned() }</button>
    }
}

pub fn terminal(app: &App, link: &Scope<App>) -> Html {
    html! {
        <section class="pane terminal" aria-label="Terminal">
            <div class="side-tabs">
                <button type="button" class="button" onclick={link.callback(|_| Msg::Show("edit"))}>{ "Show the editor" }</button>
            </div>
            <div class="terminal-host" ref={app.terminal_host.clone()} />
        </section>
    }
}

/// The line, from 1, of a field of the pod in a manifest, if the pod is there.
pub fn line_of(text: &str, pod: &str, field: &str) -> Option<u32> {
    let manifest = Some(text).filter(|t| t.len() <= MOST_CHECKED).map(manifest::parse)?;
    let is_it = |d: &&manifest::Document| d.value["kind"] == "Pod" && d.value["metadata"]["name"] == pod;
    let at = manifest.docs().find(is_it)?.spans.mark(field).start;
    u32::try_from(manifest::position(text, at).line + 1).ok()
}

/// Marks for the editor: `[{from, to, severity, message}]` in UTF-16 units.
pub fn marks(checker: &mut Checker, text: &str) -> JsValue {
    let marks = Array::new();
    if text.len() <= MOST_CHECKED {
        for d in checker.check(text) {
            let mark = Object::new();
            let set = |key: &str, value: JsValue| {
                // A plain object takes any property.
                let _ = Reflect::set(&mark, &key.into(), &value);
            };
            let from = utf16(text, d.start);
            set("from", from.into());
            set("to", utf16(text, d.end).max(from).into());
            set("severity", "error".into());
            set("message", d.message.into());
            marks.push(&mark);
        }
    }
    marks.into()
}

/// A byte offset in UTF-16 units, with `\r\n` and `\r` counted as the one line end that the editor makes of them.
fn utf16(text: &str, byte: usize) -> u32 {
    let mut byte = byte.min(text.len());
    while !text.is_char_boundary(byte) {
        byte -= 1;
    }
    text[..byte].chars().map(|c| c.len_utf16() as u32).sum()
}
