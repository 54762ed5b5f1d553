//! The app: its state, what can happen, and the frame loop.

use std::collections::BTreeMap;

use gloo::events::EventListener;
use gloo::render::{AnimationFrame, request_animation_frame};
use gloo::utils::{document, document_element, window};
use js_sys::Function;
use wasm_bindgen::prelude::*;
use web_sys::{Element, HtmlDetailsElement, HtmlElement};
use yew::prelude::*;

use super::bindings::{Editor, TerminalPane};
use super::notes::{Note, Notes};
use super::session::{Session, Shape};
use super::storage::{self, Settings};
use super::{clock, edit, nodes, stage, timeline};
use crate::scene::{self, facts::PodFacts};

/// Virtual seconds in a real one; the last is as fast as the machine can, within reason.
pub const SPEEDS: [(f64, &str); 5] = [(1.0, "1×"), (2.0, "2×"), (10.0, "10×"), (60.0, "60×"), (36_000.0, "max")];
/// Real milliseconds of work in a frame.
const WORK: f64 = 9.0;
/// Polls between two looks at the clock.
const SLICE: u64 = 400;
/// Real milliseconds of a frame's work on the way to another time, where nothing else is to be done.
const SEEK: f64 = 34.0;
/// Real milliseconds in which a page that is opened again may come back to where it was before anything is drawn.
const BACK: f64 = 300.0;
/// Terminal bytes that may wait to be shown before the laboratory waits for the terminal.
const BEHIND: u32 = 256 * 1024;
/// Real milliseconds between two drawings while only the clock moves.
const TICK: f64 = 100.0;
const DARK: &str = "(prefers-color-scheme: dark)";

pub enum Msg {
    Frame(f64),
    Edited(String, String),
    Typed(String),
    Resized(u16, u16),
    Open(String),
    New,
    StartRename,
    Rename(Option<String>),
    Remove,
    Undo,
    Apply,
    ApplyFile(String),
    Choose(String),
    Node(String, bool),
    Play,
    Step,
    Speed(usize),
    Clock(clock::Do),
    Reset,
    Begin,
    Reshape(Shape),
    Theme,
    /// The system changed between light and dark.
    Recolour,
    Dismiss(u32),
    /// Shows the field of the chosen pod's manifest.
    Reveal(String),
    GoTo(String),
    Show(&'static str),
    Size(Bar, f64),
    NextPane(bool),
}

/// The bars between panes.
#[derive(Clone, Copy, PartialEq)]
pub enum Bar {
    Left,
    Split,
    Time,
}

pub struct App {
    pub session: Session,
    pub settings: Settings,
    pub files: BTreeMap<String, String>,
    pub open: Option<String>,
    pub renaming: bool,
    pub removed: Option<(String, String)>,
    pub chosen: Option<String>,
    pub playing: bool,
    pub refused: bool,
    pub notes: Notes,
    /// What a screen reader is told.
    pub said: String,
    /// The pane that a phone shows, and the tab beside the stage on a medium screen.
    pub shown: &'static str,
    pub pod_width: f64,
    pub time_width: f64,
    pub root: NodeRef,
    pub editor_host: NodeRef,
    pub terminal_host: NodeRef,
    pub pod_host: NodeRef,
    pub time_host: NodeRef,
    pub rename_input: NodeRef,
    pub shape_details: NodeRef,
    pub clock: clock::State,
    editor: Option<Editor>,
    terminal: Option<TerminalPane>,
    callbacks: Vec<JsValue>,
    frame: Option<AnimationFrame>,
    system_theme: Option<EventListener>,
    last_frame: f64,
    last_draw: f64,
    drawn: u64,
    files_revision: u64,
    unsaved: bool,
    last_save: f64,
    status: String,
    /// The file whose tab was scrolled into view.
    revealed: Option<String>,
}

fn now() -> f64 {
    window().performance().map_or(0.0, |p| p.now())
}

impl Component for App {
    type Message = Msg;
    type Properties = ();

    fn create(_: &Context<Self>) -> App {
        let settings = storage::settings();
        let mut session = Session::new(storage::files(), settings.shape, storage::session());
        let began = now();
        // A short past is there at once.
        while session.seeking().is_some() && now() - began < BACK {
            session.advance(0.0, SLICE);
        }
        let files = session.files();
        let open =
            settings.open_file.clone().filter(|f| files.contains_key(f)).or_else(|| files.keys().next().cloned());
        App {
            files_revision: session.files_revision(),
            session,
            settings,
            files,
            open,
            renaming: false,
            removed: None,
            chosen: None,
            playing: true,
            refused: false,
            notes: Notes::default(),
            said: String::new(),
            shown: "see",
            pod_width: 800.0,
            time_width: 900.0,
            root: NodeRef::default(),
            editor_host: NodeRef::default(),
            terminal_host: NodeRef::default(),
            pod_host: NodeRef::default(),
            time_host: NodeRef::default(),
            rename_input: NodeRef::default(),
            shape_details: NodeRef::default(),
            clock: clock::State::default(),
            editor: None,
            terminal: None,
            callbacks: Vec::new(),
            frame: None,
            system_theme: None,
            last_frame: 0.0,
            last_draw: 0.0,
            drawn: u64::MAX,
            unsaved: false,
            last_save: 0.0,
            status: String::new(),
            revealed: None,
        }
    }

    fn rendered(&mut self, ctx: &Context<Self>, first: bool) {
        if let Some(root) = self.root.cast::<HtmlElement>() {
            let style = root.style();
            for (name, value) in [
                ("--left", format!("{}%", self.settings.left)),
                ("--upper", format!("{}fr", self.settings.split)),
                ("--lower", format!("{}fr", 100.0 - self.settings.split)),
                ("--time", format!("{}px", self.settings.time)),
            ] {
                // A refused property leaves the style sheet's size.
                let _ = style.set_property(name, &value);
            }
        }
        if first {
            self.start(ctx);
        }
        if self.revealed != self.open
            && let Some(tab) = self.root.cast::<Element>().and_then(|r| r.query_selector(".tab.on").ok().flatten())
        {
            self.revealed = self.open.clone();
            tab.scroll_into_view_with_bool(false);
        }
        if self.renaming
            && let Some(input) = self.rename_input.cast::<web_sys::HtmlInputElement>()
            && document().active_element().as_ref() != Some(input.as_ref())
        {
            // Not as a property of the element: that would be set again, over what is typed, at each drawing.
            input.set_value(self.open.as_deref().unwrap_or(""));
            // Focus can only fail for an element that is gone, and then there is nothing to do.
            let _ = input.focus();
            input.select();
        }
    }

    fn update(&mut self, ctx: &Context<Self>, msg: Msg) -> bool {
        match msg {
            Msg::Frame(at) => return self.frame(at, ctx),
            Msg::Edited(path, text) => {
                // A file that was removed or renamed meanwhile stays so.
                if self.files.contains_key(&path) {
                    self.files.insert(path.clone(), text.clone());
                    self.session.write_file(&path, text);
                    self.unsaved = true;
                }
                return false;
            }
            Msg::Typed(text) => {
                self.session.type_text(&text);
                return false;
            }
            Msg::Resized(columns, rows) => {
                self.session.resize(columns, rows);
                return false;
            }
            Msg::Open(path) => self.open_file(Some(path)),
            Msg::New => {
                let path = free_name(&self.files, "pod.yaml");
                self.files.insert(path.clone(), String::new());
                self.session.write_file(&path, String::new());
                self.unsaved = true;
                self.open_file(Some(path));
                self.renaming = true;
            }
            Msg::StartRename => {
                if let Some(editor) = &self.editor {
                    editor.flush();
                }
                self.renaming = self.open.is_some();
            }
            Msg::Rename(to) => self.rename(ctx, to),
            Msg::Remove => self.remove(),
            Msg::Undo => {
                if let Some((path, text)) = self.removed.take() {
                    let path = free_name(&self.files, &path);
                    self.files.insert(path.clone(), text.clone());
                    self.session.write_file(&path, text);
                    self.unsaved = true;
                    self.open_file(Some(path));
                }
            }
            Msg::Apply => {
                // What was typed this instant comes first, as a message of its own.
                if let Some(editor) = &self.editor {
                    editor.flush();
                }
                if let Some(path) = self.open.clone() {
                    ctx.link().send_message(Msg::ApplyFile(path));
                }
            }
            Msg::ApplyFile(path) => {
                self.session.apply(&path);
                self.said = format!("Applying {path}");
            }
            Msg::Choose(uid) => self.chosen = Some(uid),
            Msg::Node(name, start) => {
                self.said = format!("{} {name}", if start { "Starting" } else { "Stopping" });
                if start { self.session.start_node(&name) } else { self.session.stop_node(&name) }
            }
            Msg::Play => self.play_or_pause(),
            Msg::Step => {
                self.playing = false;
                self.session.step();
                self.said = format!("At {}", scene::clock(self.session.seconds(), 1));
            }
            Msg::Clock(what) => return self.clock_does(what, ctx.link()),
            Msg::Speed(speed) => {
                self.settings.speed = speed.min(SPEEDS.len() - 1);
                self.keep_settings();
            }
            Msg::Reset => {
                if let Some(editor) = &self.editor {
                    editor.flush();
                }
                ctx.link().send_message(Msg::Begin);
            }
            Msg::Reshape(shape) => {
                self.settings.shape = shape;
                self.keep_settings();
                self.session.set_shape(shape);
                if let Some(details) = self.shape_details.cast::<HtmlDetailsElement>() {
                    details.set_open(false);
                }
                ctx.link().send_message(Msg::Reset);
            }
            Msg::Begin => {
                self.session.reset();
                self.chosen = None;
                self.notes = Notes::default();
                self.files_revision = self.session.files_revision();
                self.clock.menu = None;
                self.said = "A new laboratory".into();
            }
            Msg::Theme => {
                self.settings.theme = Some(if self.is_dark() { "light" } else { "dark" }.into());
                self.apply_theme();
                self.keep_settings();
            }
            Msg::Recolour => {
                if let Some(terminal) = &self.terminal {
                    terminal.recolour();
                }
            }
            Msg::Dismiss(note) => self.notes.dismiss(note),
            Msg::Reveal(field) => {
                if let Some(editor) = &self.editor {
                    editor.flush();
                }
                ctx.link().send_message(Msg::Show("edit"));
                ctx.link().send_message(Msg::GoTo(field));
            }
            Msg::GoTo(field) => self.go_to(ctx, &field),
            Msg::Show(pane) => self.shown = pane,
            Msg::Size(bar, change) => {
                let s = &mut self.settings;
                match bar {
                    Bar::Left => s.left = (s.left + change).clamp(20.0, 70.0),
                    Bar::Split => s.split = (s.split + change).clamp(15.0, 85.0),
                    Bar::Time => s.time = (s.time + change).clamp(120.0, 480.0),
                }
                self.keep_settings();
            }
            Msg::NextPane(back) => {
                self.next_pane(back);
                return false;
            }
        }
        true
    }

    fn view(&self, ctx: &Context<Self>) -> Html {
        let link = ctx.link();
        let pod = self.chosen.as_deref().and_then(|uid| self.session.pod(uid));
        let keys = link.batch_callback(|e: KeyboardEvent| {
            let pane = (e.key() == "F6").then(|| Msg::NextPane(e.shift_key()));
            let msg = pane.or_else(|| clock::key(&e))?;
            e.prevent_default();
            Some(msg)
        });
        html! {
            <div class={classes!("page", format!("shows-{}", self.shown))} ref={self.root.clone()} onkeydown={keys}>
                <header class="top">
                    <h1 class="logo">{ "pod" }<i>{ "arium" }</i></h1>
                    <span class="crumb">{ "Kubernetes 1.36, simulated" }</span>
                    <span class="gap" />
                    if self.refused {
                        <span class="crumb warn" role="status">{ "Not saved: this browser's storage is refused or full" }</span>
                    }
                    { nodes::form(self, link) }
                    <details class="help">
                        <summary class="button square" aria-label="Help" title="Help">{ "?" }</summary>
                        <div class="help-text">
                            <p>{ "The files are the editor's tabs and the terminal's working directory. Apply one, or type kubectl commands;                                 the stage shows what comes of it, in virtual time." }</p>
                            <dl>
                                <dt>{ "Ctrl+Enter, ⌘Enter" }</dt><dd>{ "apply the file in the editor" }</dd>
                                <dt>{ "F6, Shift+F6" }</dt><dd>{ "next pane, pane before" }</dd>
                                <dt>{ "Escape, then Tab" }</dt><dd>{ "leave the editor" }</dd>
                                <dt>{ "Ctrl+F" }</dt><dd>{ "search in the editor" }</dd>
                                <dt>{ "Tab" }</dt><dd>{ "complete in the terminal" }</dd>
                                <dt>{ "Ctrl+C" }</dt><dd>{ "copy what is selected in the terminal, else interrupt" }</dd>
                                { for clock::KEYS.iter().map(|(key, what)| html! { <><dt>{ *key }</dt><dd>{ *what }</dd></> }) }
                            </dl>
                        </div>
                    </details>
                    <button type="button" class="button square" aria-label="Light or dark" title="Light or dark"
                        onclick={link.callback(|_| Msg::Theme)}>{ "◐" }</button>
                </header>
                { edit::editor(self, link) }
                { self.bar(link, Bar::Split) }
                { edit::terminal(self, link) }
                { self.bar(link, Bar::Left) }
                <main class="stage">
                    { stage::cluster(self, link) }
                    { stage::pod(self, link, pod.as_ref()) }
                </main>
                { self.bar(link, Bar::Time) }
                { clock::pane(self, link) }
                { timeline::pane(self, link, pod.as_ref()) }
                <nav class="phone-bar" aria-label="Panes">
                    { for [("edit", "Edit"), ("see", "See"), ("type", "Type"), ("time", "Time")].map(|(key, name)| html! {
                        <button type="button" aria-pressed={(self.shown == key).to_string()}
                            onclick={link.callback(move |_| Msg::Show(key))}>{ name }</button>
                    }) }
                </nav>
                <p class="for-readers" aria-live="polite">{ self.said.clone() }</p>
            </div>
        }
    }
}

impl App {
    fn start(&mut self, ctx: &Context<Self>) {
        self.apply_theme();
        let link = ctx.link().clone();
        if let Some(host) = self.editor_host.cast::<Element>() {
            let edited = link.clone();
            let apply = link.clone();
            let on_change =
                Closure::<dyn Fn(String, String)>::new(move |path, text| edited.send_message(Msg::Edited(path, text)));
            let on_apply = Closure::<dyn Fn()>::new(move || apply.send_message(Msg::Apply));
            let diagnose = Closure::<dyn Fn(String) -> JsValue>::new(|text: String| edit::diagnose(&text));
            let (a, b, c) = (on_change.into_js_value(), on_apply.into_js_value(), diagnose.into_js_value());
            self.editor = Some(Editor::new(&host, a.unchecked_ref::<Function>(), b.unchecked_ref(), c.unchecked_ref()));
            self.callbacks.extend([a, b, c]);
            self.open_file(self.open.clone());
        }
        if let Some(host) = self.terminal_host.cast::<Element>() {
            let typed = link.clone();
            let resized = link.clone();
            let on_data = Closure::<dyn Fn(String)>::new(move |text| typed.send_message(Msg::Typed(text)));
            let on_resize = Closure::<dyn Fn(u16, u16)>::new(move |columns, rows| {
                resized.send_message(Msg::Resized(columns, rows))
            });
            let (a, b) = (on_data.into_js_value(), on_resize.into_js_value());
            self.terminal = Some(TerminalPane::new(&host, a.unchecked_ref(), b.unchecked_ref()));
            self.callbacks.extend([a, b]);
        }
        if let Ok(Some(dark)) = window().match_media(DARK) {
            self.system_theme = Some(EventListener::new(&dark, "change", move |_| link.send_message(Msg::Recolour)));
        }
        self.start_clock(ctx.link());
        self.next_frame(ctx);
    }

    fn next_frame(&mut self, ctx: &Context<Self>) {
        let link = ctx.link().clone();
        self.frame = Some(request_animation_frame(move |at| link.send_message(Msg::Frame(at))));
    }

    /// One animation frame: bounded work, then drawing if there is something new to see.
    fn frame(&mut self, at: f64, ctx: &Context<Self>) -> bool {
        let passed = (at - self.last_frame).clamp(0.0, 250.0) / 1000.0;
        self.last_frame = at;
        self.before_frame();
        let speed = match (self.session.is_running(), self.playing) {
            (true, _) => SPEEDS[SPEEDS.len() - 1].0,
            (false, true) => SPEEDS[self.settings.speed.min(SPEEDS.len() - 1)].0,
            (false, false) => 0.0,
        };
        let until = self.session.target(passed * speed);
        let began = now();
        let work = if self.session.seeking().is_some() { SEEK } else { WORK };
        let behind = |terminal: &Option<TerminalPane>| terminal.as_ref().is_some_and(|t| t.pending() > BEHIND);
        while !behind(&self.terminal) {
            let (reached, ended) = self.session.advance(until, SLICE);
            let (anew, bytes) = self.session.take_output();
            if let Some(terminal) = self.terminal.as_ref().filter(|_| anew || !bytes.is_empty()) {
                if anew {
                    terminal.reset();
                }
                terminal.write(&bytes);
            }
            if let Some(said) = ended.filter(|said| !said.is_empty()) {
                self.said = said;
            }
            if reached || now() - began > work {
                break;
            }
        }
        let told = self.after_frame(at, now);
        let notices = self.session.take_notices();
        let noticed = !notices.is_empty();
        for notice in notices {
            self.notes.add(ctx.link(), notice.into());
        }
        self.next_frame(ctx);
        self.follow_files();
        self.save(at);
        let measured = self.measure();
        let revision = self.session.revision();
        let changed = revision != self.drawn;
        if changed {
            self.choose();
        }
        let moving = self.playing || self.session.is_running() || self.session.seeking().is_some();
        if measured || noticed || told || changed && at - self.last_draw > 30.0 || moving && at - self.last_draw > TICK
        {
            self.drawn = revision;
            self.last_draw = at;
            return true;
        }
        false
    }

    /// Files that a command in the terminal wrote.
    fn follow_files(&mut self) {
        let revision = self.session.files_revision();
        if revision == self.files_revision {
            return;
        }
        self.files_revision = revision;
        let files = self.session.files();
        if let Some(editor) = &self.editor {
            for (path, text) in &files {
                if self.files.get(path).is_some_and(|old| old != text) {
                    editor.update(path, text);
                }
            }
            for path in self.files.keys().filter(|p| !files.contains_key(*p)) {
                editor.forget(path);
            }
        }
        if files != self.files {
            self.files = files;
            self.unsaved = true;
            self.drawn = u64::MAX;
        }
        if self.open.as_ref().is_none_or(|p| !self.files.contains_key(p)) {
            self.open_file(self.files.keys().next().cloned());
        }
    }

    fn save(&mut self, at: f64) {
        // The files of the past are only looked at.
        if self.unsaved && at - self.last_save > 400.0 && !self.session.is_past() {
            self.unsaved = false;
            self.last_save = at;
            self.refused = !storage::keep_files(&self.files);
        }
    }

    fn keep_settings(&mut self) {
        self.refused |= !storage::keep_settings(&self.settings);
    }

    /// The sizes of what is drawn at its own size; whether they changed.
    fn measure(&mut self) -> bool {
        let width = |host: &NodeRef, old: f64| {
            let width = host.cast::<Element>().map_or(0.0, |e| f64::from(e.client_width()));
            if width > 0.0 { width } else { old }
        };
        let (pod, time) = (width(&self.pod_host, self.pod_width), width(&self.time_host, self.time_width));
        let changed = pod != self.pod_width || time != self.time_width;
        (self.pod_width, self.time_width) = (pod, time);
        changed
    }

    /// Keeps a pod chosen while there are any, and tells a screen reader how it is.
    fn choose(&mut self) {
        // In the past it may not have been there yet.
        if self.chosen.as_deref().is_none_or(|uid| self.session.pod(uid).is_none() && !self.session.is_known(uid)) {
            self.chosen = self.session.newest_pod().or(self.chosen.take());
        }
        let pod = self.chosen.as_deref().and_then(|uid| self.session.pod(uid));
        let status = pod.map_or(String::new(), |p: PodFacts| format!("{}: {}", p.name(), p.status));
        if status != self.status {
            self.status = status.clone();
            self.said = status;
        }
    }

    fn open_file(&mut self, path: Option<String>) {
        self.renaming = false;
        self.open = path;
        if let (Some(path), Some(editor)) = (&self.open, &self.editor)
            && let Some(text) = self.files.get(path)
        {
            editor.open(path, text);
        }
        self.settings.open_file = self.open.clone();
        self.keep_settings();
    }

    fn rename(&mut self, ctx: &Context<Self>, to: Option<String>) {
        if !std::mem::take(&mut self.renaming) {
            return;
        }
        let (Some(from), Some(to)) = (self.open.clone(), to) else { return };
        let to = clean_name(&to);
        if to.is_empty() || to == from {
            return;
        }
        if self.files.contains_key(&to) {
            self.notes.add(ctx.link(), Note::failure(format!("{from} keeps its name"), format!("{to} exists already")));
            return;
        }
        if let Some(text) = self.files.remove(&from) {
            self.files.insert(to.clone(), text);
            self.session.rename_file(&from, &to);
            if let Some(editor) = &self.editor {
                editor.renamed(&from, &to);
            }
            self.unsaved = true;
            self.open = Some(to.clone());
            self.settings.open_file = Some(to);
            self.keep_settings();
        }
    }

    /// Opens the file that describes the chosen pod, with the cursor on a field of it.
    fn go_to(&mut self, ctx: &Context<Self>, field: &str) {
        let Some(pod) = self.chosen.as_deref().and_then(|uid| self.session.pod(uid)) else { return };
        let found =
            self.files.iter().find_map(|(path, text)| Some((path.clone(), edit::line_of(text, pod.name(), field)?)));
        let Some((path, line)) = found else {
            self.notes
                .add(ctx.link(), Note::failure(field.into(), format!("No file here describes pod {}", pod.name())));
            return;
        };
        self.open_file(Some(path));
        if let Some(editor) = &self.editor {
            editor.reveal(line);
        }
    }

    fn remove(&mut self) {
        let Some(path) = self.open.clone() else { return };
        if let Some(editor) = &self.editor {
            editor.flush();
            editor.forget(&path);
        }
        if let Some(text) = self.files.remove(&path) {
            self.session.remove_file(&path);
            self.said = format!("{path} deleted");
            self.removed = Some((path.clone(), text));
            self.unsaved = true;
            let next = self.files.range(path..).next().or(self.files.iter().next_back()).map(|f| f.0.clone());
            self.open_file(next);
        }
    }

    pub fn is_dark(&self) -> bool {
        match self.settings.theme.as_deref() {
            Some("dark") => true,
            Some(_) => false,
            None => window().match_media(DARK).ok().flatten().is_some_and(|m| m.matches()),
        }
    }

    fn apply_theme(&self) {
        if let Some(theme) = &self.settings.theme {
            // An attribute's name that is valid can't be refused.
            let _ = document_element().set_attribute("data-theme", theme);
        }
        if let Some(terminal) = &self.terminal {
            terminal.recolour();
        }
    }

    /// Moves the focus to the next pane (F6), out of editor and terminal, which keep Tab for themselves.
    fn next_pane(&self, back: bool) {
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
    fn bar(&self, link: &yew::html::Scope<App>, bar: Bar) -> Html {
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

/// `name`, or with a number before the ending if there is such a file.
fn free_name(files: &BTreeMap<String, String>, name: &str) -> String {
    if !files.contains_key(name) {
        return name.to_owned();
    }
    let (stem, ending) = name.rfind('.').map_or((name, ""), |i| name.split_at(i));
    (2..).map(|n| format!("{stem}-{n}{ending}")).find(|name| !files.contains_key(name)).unwrap_or_default()
}

/// A path inside the workspace, without what would lead out of it.
fn clean_name(name: &str) -> String {
    let parts = name.split('/').map(str::trim).filter(|p| !p.is_empty() && *p != "." && *p != "..");
    let name = parts.collect::<Vec<_>>().join("/");
    name.chars().filter(|c| !c.is_control()).take(200).collect()
}
