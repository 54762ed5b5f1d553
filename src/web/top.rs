//! The bar at the top, and what a first visit finds.

use gloo::utils::{document, document_element};
use wasm_bindgen::JsCast;
use web_sys::HtmlDetailsElement;
use yew::html::Scope;
use yew::prelude::*;

use super::app::{App, Msg};
use super::palette::KEYS;
use super::{bindings, clock, nodes};

/// Real milliseconds after which a first visit's pod is born.
const BORN: f64 = 900.0;
const FIRST: &str = "kubia-http.yaml";

/// What a newcomer could do next.
struct Hint {
    words: &'static str,
    button: &'static str,
    command: &'static str,
}

const HINTS: [Hint; 3] = [
    Hint {
        words: "A pod is born: one address, one container. Ask it something, and watch port 8080.",
        button: "Send it a request",
        command: "kubectl exec kubia-http -- curl -s http://localhost:8080",
    },
    Hint {
        words: "Two containers can share one pod, and with it one address and one set of ports.",
        button: "Apply kubia-ssl.yaml",
        command: "kubectl apply -f kubia-ssl.yaml",
    },
    Hint {
        words: "What if its main process dies?",
        button: "Kill process 1",
        command: "kubectl exec kubia-ssl -c kubia -- sh -c 'kill -9 -1'",
    },
];

impl App {
    /// A first visit finds a pod being born, and after it one thing to try next.
    pub(super) fn welcome(&mut self, at: f64) {
        if self.settings.visited {
            return;
        }
        let began = *self.arrived.get_or_insert(at);
        if at - began < BORN || !self.session.at_prompt() {
            return;
        }
        self.settings.visited = true;
        self.keep_settings();
        if self.files.contains_key(FIRST) && self.session.newest_pod().is_none() {
            self.session.apply(FIRST);
            self.hint = Some(0);
        }
    }

    pub(super) fn take_hint(&mut self) {
        let Some(hint) = self.hint.and_then(|at| HINTS.get(at)) else { return };
        self.hint = self.hint.map(|at| at + 1).filter(|at| *at < HINTS.len());
        self.follow = true;
        self.session.command(hint.command);
    }

    pub(super) fn hint_view(&self, link: &Scope<App>) -> Html {
        // Not before the pod is there to be asked.
        let ready = self
            .chosen
            .as_deref()
            .and_then(|uid| self.session.pod(uid))
            .is_some_and(|p| p.condition("Ready").is_some_and(|c| c.status == "True"));
        let Some(hint) = self.hint.and_then(|at| HINTS.get(at)).filter(|_| ready) else { return Html::default() };
        html! {
            <div class="hint" role="note">
                <p>{ hint.words }</p>
                <button type="button" class="button go" title={hint.command} onclick={link.callback(|_| Msg::TakeHint)}>{ hint.button }</button>
                <button type="button" class="button bare" aria-label="No more hints" title="No more hints"
                    onclick={link.callback(|_| Msg::NoHints)}>{ "✕" }</button>
            </div>
        }
    }

    pub(super) fn save_picture(&mut self, kind: &'static str) {
        let name = self.chosen.as_deref().and_then(|uid| self.session.pod(uid)).map(|p| p.name().to_owned());
        let saved = name.as_ref().is_some_and(|name| bindings::save_picture(name, kind));
        self.said = match name.filter(|_| saved) {
            Some(name) => format!("Saved {name}.{kind}"),
            None => "There is no picture to save".into(),
        };
    }

    pub(super) fn full_screen(&self) {
        // A browser may refuse it, as in a frame without the right to it.
        if document().fullscreen_element().is_some() {
            document().exit_fullscreen();
        } else {
            let _ = document_element().request_fullscreen();
        }
    }

    pub(super) fn show_keys(&self) {
        let details = document().query_selector("details.keys").ok().flatten();
        if let Some(details) = details.and_then(|e| e.dyn_into::<HtmlDetailsElement>().ok()) {
            details.set_open(!details.open());
        }
    }

    pub(super) fn top(&self, link: &Scope<App>) -> Html {
        html! {
            <div class="top">
                <h1 class="logo">{ "pod" }<i>{ "arium" }</i></h1>
                <span class="crumb">{ "Kubernetes 1.36, simulated" }</span>
                <span class="gap" />
                if self.refused {
                    <span class="crumb warn" role="status">{ "Not saved: this browser's storage is refused or full" }</span>
                }
                { nodes::internet(self, link) }
                { nodes::form(self, link) }
                <button type="button" class="button square" aria-label="Commands" aria-keyshortcuts="Control+K Meta+K F1"
                    title="Every command by name (Ctrl+K)" onclick={link.callback(|_| Msg::Palette)}>{ "⌘" }</button>
                <details class="help keys">
                    <summary class="button square" aria-label="Help" title="Help and keys (?)">{ "?" }</summary>
                    <div class="help-text">
                        <p>{ "The files are the editor's tabs and the terminal's working directory. Apply one, or type kubectl commands; \
                              the stage shows what comes of it, in virtual time." }</p>
                        <dl>{ for KEYS.iter().chain(clock::KEYS.iter()).map(|(keys, what)| html! { <><dt>{ *keys }</dt><dd>{ *what }</dd></> }) }</dl>
                    </div>
                </details>
                <button type="button" class="button square" aria-label="Light or dark" title="Light or dark"
                    onclick={link.callback(|_| Msg::Theme)}>{ "◐" }</button>
            </div>
        }
    }
}
