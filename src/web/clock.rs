//! The clock: how fast time passes and which way, what comes next, and the branches.

use gloo::events::EventListener;
use gloo::utils::{document, window};
use wasm_bindgen::JsCast;
use web_sys::{Element, HtmlElement};
use yew::html::Scope;
use yew::prelude::*;

use super::app::{App, Msg, SPEEDS};
use super::session::BranchFacts;
use super::timeline;
use super::{compare, storage};
use crate::lab::Stop;
use crate::scene::{clock, duration};

/// What the clock's controls do.
pub enum Do {
    /// Lets this many seconds pass.
    Run(f64),
    Until(Stop),
    /// Shows how it was then.
    Seek(f64),
    /// The same, from what is shown.
    Shift(f64),
    /// The playhead is held here; `None`: it was let go.
    Hold(Option<f64>),
    Now,
    Undo,
    Redo,
    Switch(usize),
    /// Sets two branches side by side.
    Compare([usize; 2]),
    /// The branch that is shown, and the one that it left or that left it last.
    CompareNearest,
    NoComparison,
    Menu(Option<Menu>),
    Timeline(timeline::Act),
    /// Keeps everything for a reload.
    Keep,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Menu {
    Until,
    Branches,
}

/// Real milliseconds without input before the laboratory looks ahead.
const REST: f64 = 350.0;
/// Real milliseconds that looking ahead may take of a frame.
const IDLE: f64 = 5.0;
const SLICE: u64 = 250;
/// Real milliseconds between two writes to the session's storage, if something was done, and if only time passed.
const KEEP: (f64, f64) = (800.0, 5_000.0);
/// The same while time stands still.
const STILL: f64 = 100.0;
/// Real milliseconds that an announcement stays.
const SHOWN: f64 = 9_000.0;

#[derive(Default)]
pub struct State {
    pub menu: Option<Menu>,
    /// Time went on when the past was looked at.
    was_playing: bool,
    hold: Option<f64>,
    last_input: f64,
    revision: u64,
    last_keep: f64,
    /// What was said last, and until when it is shown.
    pub said: (String, f64),
    pub score: timeline::Score,
    pub comparison: compare::State,
    listeners: Vec<EventListener>,
}

impl App {
    /// Ears for what happens to the whole page.
    pub fn start_clock(&mut self, link: &Scope<App>) {
        let hide = link.clone();
        let hidden = EventListener::new(&window(), "pagehide", move |_| hide.send_message(Msg::Clock(Do::Keep)));
        let close = link.clone();
        let pressed = EventListener::new(&document(), "pointerdown", move |event| {
            let at = event.target().and_then(|t| t.dyn_into::<Element>().ok());
            if at.is_none_or(|at| at.closest(".clock").ok().flatten().is_none()) {
                close.send_message(Msg::Clock(Do::Menu(None)));
            }
        });
        self.clock.listeners = vec![hidden, pressed];
    }

    /// Whether there is something new to see.
    pub fn clock_does(&mut self, what: Do, link: &Scope<App>) -> bool {
        match what {
            Do::Timeline(act) => return self.timeline_does(act, link),
            Do::Run(seconds) => {
                self.playing = false;
                self.session.run_for(seconds);
            }
            Do::Until(stop) => {
                self.playing = false;
                self.close_menu();
                self.session.run_until(stop, self.chosen.as_deref());
            }
            Do::Seek(to) => self.seek(to),
            Do::Shift(by) => {
                // Keys may be faster than the way.
                let going = self.session.seeking().map(|(to, _)| to);
                if by < 0.0 || self.session.is_past() || going.is_some() {
                    self.seek(going.unwrap_or(self.session.seconds()) + by);
                }
            }
            Do::Hold(at) => {
                if let Some(last) = self.clock.hold.take().filter(|_| at.is_none()) {
                    self.seek(last);
                }
                self.clock.hold = at;
            }
            Do::Now => {
                self.session.seek(f64::MAX);
                self.playing = self.clock.was_playing;
            }
            Do::Undo => self.session.undo(),
            Do::Redo => self.session.redo(),
            Do::Switch(branch) => {
                self.close_menu();
                self.playing = false;
                self.session.switch(branch);
            }
            Do::Compare(branches) => self.compare(branches),
            Do::CompareNearest => match self.session.nearest_branch() {
                Some(branches) => self.compare(branches),
                None => self.said = "There is one branch only".into(),
            },
            Do::NoComparison => self.close_comparison(),
            Do::Menu(None) if self.clock.menu.is_none() => return false,
            Do::Menu(None) => self.close_menu(),
            Do::Menu(menu) => self.clock.menu = menu,
            Do::Keep => {
                self.keep_session(true);
                return false;
            }
        }
        true
    }

    pub(super) fn close_menu(&mut self) {
        if self.clock.menu.take().is_some()
            && let Ok(Some(button)) = document().query_selector(".clock [aria-expanded=true]")
            && let Some(button) = button.dyn_ref::<HtmlElement>()
        {
            // The element is there; if it can't have the focus, nothing is lost.
            let _ = button.focus();
        }
    }

    pub fn seek(&mut self, to: f64) {
        if !self.session.is_past() {
            self.clock.was_playing = self.playing;
        }
        self.playing = false;
        self.session.seek(to);
    }

    /// Play or pause.
    pub fn play_or_pause(&mut self) {
        let moving = self.playing || self.session.is_running();
        self.session.stop_running();
        self.playing = !moving;
        if self.playing {
            self.session.go_on();
        }
        self.said = if self.playing { "Playing" } else { "Paused" }.into();
    }

    /// Before a frame's work: the held playhead moves when the last move is done, and typing stops the past.
    pub fn before_frame(&mut self) {
        if self.session.has_strayed() || self.session.take_paused() {
            self.playing = false;
        }
        if self.session.seeking().is_none()
            && let Some(at) = self.clock.hold
            && (at - self.session.seconds()).abs() > 1e-6
        {
            self.seek(at);
        }
    }

    /// After a frame's work, begun `spent` milliseconds ago: whether there is something new to see.
    pub fn after_frame(&mut self, at: f64, now: impl Fn() -> f64) -> bool {
        let revision = self.session.revision();
        if revision != self.clock.revision {
            self.clock.revision = revision;
            self.clock.last_input = at;
        }
        let still = !self.playing && !self.session.is_running();
        if at - self.clock.last_input > REST || self.playing {
            let began = now();
            while now() - began < IDLE && self.session.think(SLICE, still) {}
            // What was found out by that is no input.
            self.clock.revision = self.session.revision();
        }
        let since = at - self.clock.last_keep;
        // Where time stands still only a person changes anything, and may leave right after it.
        if since > if still { STILL } else { KEEP.0 } && self.keep_session(still || since > KEEP.1) {
            self.clock.last_keep = at;
        }
        let mut news = self.clock.revision != revision || self.go_on_comparing(&now);
        if let Some(said) = self.session.take_said() {
            self.said.clone_from(&said);
            self.clock.said = (said, at + SHOWN);
            news = true;
        } else if !self.clock.said.0.is_empty() && at > self.clock.said.1 {
            self.clock.said.0.clear();
            news = true;
        }
        news
    }

    /// Whether there was something to keep.
    fn keep_session(&mut self, late: bool) -> bool {
        let Some(text) = self.session.kept(late, !self.playing) else { return false };
        self.refused |= !storage::keep_session(&text);
        true
    }
}

/// What the keys do outside editor, terminal and fields.
pub fn key(e: &KeyboardEvent) -> Option<Msg> {
    let target = e.target().and_then(|t| t.dyn_into::<Element>().ok())?;
    if target.matches("input, textarea, select, [contenteditable=true]").unwrap_or(true) || e.alt_key() {
        return None;
    }
    if e.ctrl_key() || e.meta_key() {
        return match e.key().as_str() {
            "z" => Some(Msg::Clock(Do::Undo)),
            "Z" | "y" => Some(Msg::Clock(Do::Redo)),
            _ => None,
        };
    }
    Some(match e.key().as_str() {
        "k" => Msg::Play,
        "n" => Msg::Step,
        "s" => Msg::Clock(Do::Run(1.0)),
        "m" => Msg::Clock(Do::Run(600.0)),
        "j" => Msg::Clock(Do::Shift(-10.0)),
        "J" => Msg::Clock(Do::Shift(-60.0)),
        "l" => Msg::Clock(Do::Shift(10.0)),
        "L" => Msg::Clock(Do::Shift(60.0)),
        "e" => Msg::Clock(Do::Now),
        "c" => Msg::Clock(Do::CompareNearest),
        "Escape" => Msg::Clock(Do::Menu(None)),
        _ => return None,
    })
}

pub const KEYS: [(&str, &str); 7] = [
    ("k", "play or pause"),
    ("n, s, m", "to the next event; by 1 s; by 10 min"),
    ("j, l", "back and forth by 10 s in what was; with Shift by 1 min"),
    ("e", "back to the end of what was"),
    ("Ctrl+Z, Ctrl+Shift+Z", "take back the last change of the cluster; do it again"),
    ("c", "compare this branch with the one it left"),
    ("arrows, + − 0 f", "on the timeline: move the playhead; zoom, fit, follow"),
];

pub fn pane(app: &App, link: &Scope<App>) -> Html {
    let moving = app.playing || app.session.is_running();
    let (word, sign) = if moving { ("Pause", "❚❚") } else { ("Play", "▶") };
    let past = app.session.is_past();
    let simple = |what: fn() -> Do| link.callback(move |_: MouseEvent| Msg::Clock(what()));
    let undo = app.session.undoable().map_or("Nothing to undo".to_string(), |title| format!("Undo: {title}"));
    let redo = app.session.redoable().map_or("Nothing to redo".to_string(), |title| format!("Redo: {title}"));
    html! {
        <section class={classes!("pane", "clock", past.then_some("past"))} aria-label="Clock">
            <div class="row head">
                <output class="virtual-time" aria-label="Virtual time" aria-live="off">{ clock(app.session.seconds(), 1) }</output>
                if past {
                    <button type="button" class="button now" aria-label="Back to now" onclick={simple(|| Do::Now)}
                        title={format!("What is shown is past; go to {}", clock(app.session.end(), 1))}>{ "now ⇥" }</button>
                }
            </div>
            <div class="row">
                <button type="button" class="button square wide" aria-label={word} title={format!("{word} (k)")}
                    onclick={link.callback(|_| Msg::Play)}>{ sign }</button>
                <button type="button" class="button square" aria-label="Step by 1 s" title="Step by 1 s (s)"
                    onclick={simple(|| Do::Run(1.0))}>{ "+1 s" }</button>
                <button type="button" class="button square" aria-label="Undo" disabled={app.session.undoable().is_none()}
                    title={undo} onclick={simple(|| Do::Undo)}>{ "↶" }</button>
                <button type="button" class="button square" aria-label="Redo" disabled={app.session.redoable().is_none()}
                    title={redo} onclick={simple(|| Do::Redo)}>{ "↷" }</button>
                <button type="button" class="button square" aria-label="Reset" title="A new cluster; files stay"
                    onclick={link.callback(|_| Msg::Reset)}>{ "↺" }</button>
            </div>
            { step(app, link) }
            <div class="row speeds" role="group" aria-label="Speed">
                { for SPEEDS.iter().enumerate().map(|(i, (_, name))| html! {
                    <button type="button" class="button" aria-pressed={(i == app.settings.speed).to_string()}
                        aria-label={format!("Speed {name}")} onclick={link.callback(move |_| Msg::Speed(i))}>{ *name }</button>
                }) }
            </div>
            <div class="row menus">
                { menu(app, link, Menu::Until, "Run until", until(app, link)) }
                { branches(app, link) }
            </div>
        </section>
    }
}

/// The button that goes to the next event says which it will be.
fn step(app: &App, link: &Scope<App>) -> Html {
    let pod = app.chosen.as_deref().and_then(|uid| app.session.pod(uid));
    // The pod that everything is about needn't be named.
    let short = |what: &str| {
        let own = pod.as_ref().and_then(|p| what.strip_prefix(p.name())?.strip_prefix(": "));
        own.unwrap_or(what).to_string()
    };
    let (what, when) = match (app.session.seeking(), app.session.forecast()) {
        (Some((to, part)), _) => (format!("Going to {}", clock(to, 0)), format!("{:.0}%", part * 100.0)),
        (None, Some(Some((at, what)))) => (short(what), format!("in {}", duration(at - app.session.seconds()))),
        (None, Some(None)) => ("Nothing for an hour".into(), String::new()),
        (None, None) => ("Next event".into(), String::new()),
    };
    let said = format!("Step to the next event: {what} {when}");
    html! {
        <button type="button" class="button step" aria-label={said.clone()}
            title={format!("{said} (n)")} onclick={link.callback(|_| Msg::Step)}>
            <span aria-hidden="true">{ "▶|" }</span>{ " " }<span class="what">{ what }</span>{ " " }<span class="when">{ when }</span>
        </button>
    }
}

/// A button with a list above it.
fn menu(app: &App, link: &Scope<App>, which: Menu, name: &str, list: Html) -> Html {
    let open = app.clock.menu == Some(which);
    let toggle = link.callback(move |_| Msg::Clock(Do::Menu((!open).then_some(which))));
    html! {
        <div class="menu">
            <button type="button" class="button" aria-expanded={open.to_string()} onclick={toggle}>{ name.to_owned() }
                <span aria-hidden="true">{ " ▴" }</span></button>
            if open { <div class="menu-list" role="group" aria-label={name.to_owned()}>{ list }</div> }
        </div>
    }
}

fn until(app: &App, link: &Scope<App>) -> Html {
    let pod = app.chosen.as_deref().and_then(|uid| app.session.pod(uid));
    let whom = pod.map_or("a pod".to_string(), |p| p.name().to_string());
    let items = [
        (format!("{whom} becomes Ready"), Stop::Ready),
        (format!("{whom} restarts"), Stop::Restart),
        (format!("{whom} changes its phase"), Stop::Phase),
    ];
    let minutes = link.batch_callback(|_| vec![Msg::Clock(Do::Menu(None)), Msg::Clock(Do::Run(600.0))]);
    html! {
        <>
            { for items.into_iter().map(|(words, stop)| html! {
                <button type="button" class="item" onclick={link.callback(move |_| Msg::Clock(Do::Until(stop)))}>{ words }</button>
            }) }
            <button type="button" class="item" onclick={minutes}>{ "10 minutes have passed" }</button>
        </>
    }
}

fn branches(app: &App, link: &Scope<App>) -> Html {
    let all = app.session.branches();
    let current = all.iter().find(|b| b.current).map(|b| b.index);
    let name = if all.len() == 1 { "1 branch".to_string() } else { format!("{} branches", all.len()) };
    let list = html! {
        <>
            <p class="how">{ "Go back on the timeline and change something: another course of things begins there, and this one is kept." }</p>
            { for all.iter().map(|b| branch(link, b, current)) }
        </>
    };
    menu(app, link, Menu::Branches, &name, list)
}

fn branch(link: &Scope<App>, b: &BranchFacts, current: Option<usize>) -> Html {
    let (index, span) = (b.index, format!("{} – {}", clock(b.from, 0), clock(b.end, 0)));
    html! {
        <div key={index} class="branch" aria-current={b.current.then_some("true")}>
            <button type="button" class="item" onclick={link.callback(move |_| Msg::Clock(Do::Switch(index)))}>
                <b>{ b.name.clone() }</b><span class="span">{ span }</span>
                <span class="outcome">{ if b.current { "shown".to_string() } else { b.outcome.clone() } }</span>
            </button>
            if let Some(current) = current.filter(|_| !b.current) {
                <button type="button" class="button bare" aria-label={format!("Compare {} with the branch shown", b.name)}
                    title="What differs from the branch shown" onclick={link.callback(move |_| Msg::Clock(Do::Compare([current, index])))}>
                    { "compare" }</button>
            }
        </div>
    }
}
