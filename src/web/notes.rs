//! Notes under the editor's Apply button: what a command that ran beside a busy terminal said, and what else a person must
//! not miss. Good news goes by itself, bad news stays until it is dismissed.

use gloo::timers::callback::Timeout;
use yew::html::Scope;
use yew::prelude::*;

use super::app::{App, Msg};
use super::bindings;
use crate::lab::Notice;

/// Real milliseconds that good news stays.
const SHOWN: u32 = 10_000;
const MOST: usize = 4;

pub struct Note {
    pub title: String,
    pub text: String,
    /// Of a command.
    pub exit_code: Option<i32>,
    pub bad: bool,
}

impl Note {
    pub fn failure(title: String, text: String) -> Note {
        Note { title, text, exit_code: None, bad: true }
    }
}

impl From<Notice> for Note {
    fn from(n: Notice) -> Note {
        Note { title: n.command, text: n.said, exit_code: Some(n.exit_code), bad: n.exit_code != 0 }
    }
}

#[derive(Default)]
pub struct Notes {
    all: Vec<(u32, Note, Option<Timeout>)>,
    last: u32,
}

impl Notes {
    /// The newest first; what the same command said before is out of date.
    pub fn add(&mut self, link: &Scope<App>, note: Note) {
        self.last += 1;
        let (id, link) = (self.last, link.clone());
        let end = (!note.bad).then(|| Timeout::new(SHOWN, move || link.send_message(Msg::Dismiss(id))));
        self.all.retain(|(_, old, _)| old.title != note.title);
        self.all.insert(0, (id, note, end));
        self.all.truncate(MOST);
    }

    pub fn dismiss(&mut self, id: u32) {
        self.all.retain(|n| n.0 != id);
    }
}

pub fn view(notes: &Notes, link: &Scope<App>) -> Html {
    // There before its first note: a live region that appears with its text is not always read.
    html! {
        <div class="notes" role="log" aria-label="Notes" aria-live="polite">
            { for notes.all.iter().map(|(id, note, _)| one(*id, note, link)) }
        </div>
    }
}

fn one(id: u32, note: &Note, link: &Scope<App>) -> Html {
    let text = format!("{}\n{}", note.title, note.text);
    html! {
        <div key={id} class={classes!("notice", if note.bad { "failed" } else { "succeeded" })}>
            <p class="notice-title"><span aria-hidden="true">{ if note.bad { "✕" } else { "✓" } }</span><code>{ note.title.clone() }</code>
                if let Some(code) = note.exit_code {
                    <span class="exit">{ format!("exit code {code}") }</span>
                }
            </p>
            <pre tabindex={(note.text.lines().count() > 6).then_some("0")}>{ note.text.clone() }</pre>
            <p class="notice-buttons">
                <button type="button" class="button bare" onclick={move |_| bindings::copy(&text)}>{ "Copy" }</button>
                <button type="button" class="button bare" aria-label="Dismiss" title="Dismiss"
                    onclick={link.callback(move |_| Msg::Dismiss(id))}>{ "✕" }</button>
            </p>
        </div>
    }
}
