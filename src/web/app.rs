//! The app: its state, what can happen, and the frame loop.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;

use gloo::events::{EventListener, EventListenerOptions, EventListenerPhase};
use gloo::render::AnimationFrame;
use gloo::utils::{document, document_element, window};
use js_sys::Function;
use wasm_bindgen::prelude::*;
use web_sys::{Element, HtmlDetailsElement, HtmlElement};
use yew::prelude::*;

use super::bindings::{Editor, TerminalPane};
use super::files::free_name;
use super::frame::now;
use super::notes::{Note, Notes};
use super::palette::Palette;
pub use super::panes::Bar;
use super::session::{Opening, Session, Shape};
use super::storage::{self, Settings};
use super::{clock, cluster, compare, edit, pod, timeline};
use crate::lab::{Checker, NodeSize};
use crate::scene::{self, Action};

/// Virtual seconds in a real one; the last is as fast as the machine can, within reason.
pub const SPEEDS: [(f64, &str); 5] = [(1.0, "1×"), (2.0, "2×"), (10.0, "10×"), (60.0, "60×"), (36_000.0, "max")];
const DARK: &str = "(prefers-color-scheme: dark)";

pub enum Msg {
    Frame(f64),
    Edited(String, String),
    Typed(String),
    Resized(u16, u16),
    Open(String),
    New,
    /// The examples, to choose from.
    Examples,
    /// One of them, by its place.
    Example(usize),
    StartRename,
    Rename(Option<String>),
    Remove,
    Undo,
    Apply,
    ApplyFile(String),
    Choose(String),
    Node(String, bool),
    Resize(String, NodeSize),
    /// A container of the chosen pod, in its picture and with its log.
    Pick(String),
    /// A command in the terminal, or beside it while it is busy.
    Run(String),
    /// Something in the picture of the chosen pod.
    Act(Action),
    HostPids,
    Internet(bool),
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
    /// A key that nothing else took.
    Key(KeyboardEvent),
    Filter(String),
    Search,
    Palette,
    PaletteText(String),
    PaletteKey(String),
    PaletteRun(usize),
    Keys,
    /// One pane alone, or all again.
    Zoom(&'static str),
    Unzoom,
    /// A pane hidden, or there again.
    Away(&'static str),
    FullScreen,
    /// The picture as `svg` or `png`.
    Save(&'static str),
    TakeHint,
    NoHints,
}

pub struct App {
    pub session: Session,
    pub settings: Settings,
    pub files: BTreeMap<String, String>,
    pub open: Option<String>,
    pub renaming: bool,
    pub removed: Option<(String, String)>,
    pub chosen: Option<String>,
    /// The container of the chosen pod whose log is shown.
    pub log_of: Option<String>,
    /// The next pod that comes is chosen.
    pub follow: bool,
    /// The node that is looked at closer.
    pub near: Option<String>,
    /// Which pods are searched for.
    pub filter: String,
    pub searching: bool,
    pub search_input: NodeRef,
    pub palette_input: NodeRef,
    pub(super) focus_search: bool,
    pub(super) kept: cluster::Kept,
    pub(super) palette: Option<Palette>,
    /// When the first frame of a first visit was.
    pub(super) arrived: Option<f64>,
    pub(super) hint: Option<usize>,
    pub playing: bool,
    pub refused: bool,
    pub notes: Notes,
    /// What a screen reader is told.
    pub said: String,
    /// The pane that a phone shows, and the tab beside the stage on a medium screen.
    pub shown: &'static str,
    pub pod_width: f64,
    pub cluster_width: f64,
    pub time_width: f64,
    pub root: NodeRef,
    pub editor_host: NodeRef,
    pub terminal_host: NodeRef,
    pub pod_host: NodeRef,
    pub cluster_host: NodeRef,
    pub time_host: NodeRef,
    pub rename_input: NodeRef,
    pub shape_details: NodeRef,
    pub clock: clock::State,
    pub(super) editor: Option<Editor>,
    pub(super) terminal: Option<TerminalPane>,
    pub(super) callbacks: Vec<JsValue>,
    pub(super) frame: Option<AnimationFrame>,
    pub(super) system_theme: Option<EventListener>,
    pub(super) keys: Option<EventListener>,
    pub(super) last_frame: f64,
    pub(super) last_draw: f64,
    pub(super) drawn: u64,
    pub(super) files_revision: u64,
    pub(super) unsaved: bool,
    pub(super) last_save: f64,
    pub(super) status: String,
    /// The file whose tab was scrolled into view.
    pub(super) revealed: Option<String>,
    /// The card of the container that was picked has to come into sight.
    bring_card: bool,
}

/// With what the app begins.
#[derive(Clone, Properties)]
pub struct Start {
    /// Taken by the app, which is made once.
    pub session: Rc<Cell<Option<Session>>>,
    pub settings: Settings,
}

impl PartialEq for Start {
    fn eq(&self, other: &Start) -> bool {
        Rc::ptr_eq(&self.session, &other.session)
    }
}

impl Component for App {
    type Message = Msg;
    type Properties = Start;

    fn create(ctx: &Context<Self>) -> App {
        let settings = ctx.props().settings.clone();
        let begun = ctx.props().session.take();
        let session = begun.unwrap_or_else(|| Opening::new(storage::files(), settings.shape, None).session());
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
            log_of: None,
            follow: false,
            near: None,
            filter: String::new(),
            searching: false,
            search_input: NodeRef::default(),
            palette_input: NodeRef::default(),
            focus_search: false,
            kept: cluster::Kept::default(),
            palette: None,
            arrived: None,
            hint: None,
            playing: true,
            refused: false,
            notes: Notes::default(),
            said: String::new(),
            shown: "see",
            pod_width: 800.0,
            cluster_width: 800.0,
            time_width: 900.0,
            root: NodeRef::default(),
            editor_host: NodeRef::default(),
            terminal_host: NodeRef::default(),
            pod_host: NodeRef::default(),
            cluster_host: NodeRef::default(),
            time_host: NodeRef::default(),
            rename_input: NodeRef::default(),
            shape_details: NodeRef::default(),
            clock: clock::State::default(),
            editor: None,
            terminal: None,
            callbacks: Vec::new(),
            frame: None,
            system_theme: None,
            keys: None,
            last_frame: 0.0,
            last_draw: 0.0,
            drawn: u64::MAX,
            unsaved: false,
            last_save: 0.0,
            status: String::new(),
            revealed: None,
            bring_card: false,
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
        self.focus_palette();
        self.focus_comparison();
        if std::mem::take(&mut self.bring_card) {
            self.show_card();
        }
        if std::mem::take(&mut self.focus_search)
            && let Some(input) = self.search_input.cast::<HtmlElement>()
        {
            let _ = input.focus();
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
            Msg::Examples => self.offer_examples(),
            Msg::Example(i) => self.open_example(i),
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
                self.follow = true;
                self.session.apply(&path);
                self.said = format!("Applying {path}");
            }
            Msg::Choose(uid) => {
                if self.chosen.as_ref() != Some(&uid) {
                    self.log_of = None;
                }
                self.chosen = Some(uid);
            }
            Msg::Internet(on) => {
                self.said = format!("Internet {}", if on { "on" } else { "off" });
                self.session.set_internet(on);
            }
            Msg::Node(name, start) => {
                self.said = format!("{} {name}", if start { "Starting" } else { "Stopping" });
                if start { self.session.start_node(&name) } else { self.session.stop_node(&name) }
            }
            Msg::Run(command) => {
                self.said = format!("Running {command}");
                self.session.command(&command);
            }
            Msg::Resize(name, size) => {
                self.said = format!("Resizing {name}");
                self.session.resize_node(&name, size);
            }
            Msg::Pick(container) => {
                self.said = format!("{container}, and its log");
                self.log_of = Some(container);
                self.bring_card = true;
            }
            Msg::Act(action) => self.act(ctx, action),
            Msg::HostPids => {
                self.settings.host_pids = !self.settings.host_pids;
                self.keep_settings();
            }
            Msg::Play => self.play_or_pause(),
            Msg::Clock(what) => return self.clock_does(what, ctx.link()),
            Msg::Step => {
                self.playing = false;
                self.session.step();
                self.said = format!("At {}", scene::clock(self.session.seconds(), 1));
            }
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
                self.close_comparison();
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
            Msg::Key(e) => match self.key(&e) {
                Some(msg) => return Component::update(self, ctx, msg),
                None => return false,
            },
            Msg::Filter(text) => {
                self.filter = text;
                self.see_cluster(now());
            }
            Msg::Search => {
                self.searching = true;
                self.focus_search = true;
                self.shown = "see";
            }
            Msg::Palette => self.open_palette(),
            Msg::PaletteText(text) => self.palette_text(text),
            Msg::PaletteKey(key) => self.palette_key(ctx, &key),
            Msg::PaletteRun(at) => self.run_command(ctx, at),
            Msg::Keys => self.show_keys(),
            Msg::Zoom(pane) => {
                let alone = self.settings.zoomed.as_deref() == Some(pane);
                self.settings.zoomed = (!alone).then(|| pane.to_owned());
                self.said = if alone { "All panes".into() } else { format!("Only the {pane}") };
                self.see_cluster_anew();
                self.keep_settings();
            }
            Msg::Unzoom => {
                self.settings.zoomed = None;
                self.said = "All panes".into();
                self.see_cluster_anew();
                self.keep_settings();
            }
            Msg::Away(pane) => {
                let away = &mut self.settings.away;
                match away.iter().position(|p| p == pane) {
                    Some(at) => drop(away.remove(at)),
                    None => away.push(pane.to_owned()),
                }
                self.keep_settings();
            }
            Msg::FullScreen => self.full_screen(),
            Msg::Save(kind) => self.save_picture(kind),
            Msg::TakeHint => self.take_hint(),
            Msg::NoHints => self.hint = None,
        }
        true
    }

    fn view(&self, ctx: &Context<Self>) -> Html {
        let link = ctx.link();
        let shown = self.chosen.as_deref().and_then(|uid| self.session.pod(uid));
        let zoomed = self.settings.zoomed.as_ref().map(|pane| format!("zoom zoom-{pane}"));
        let away = self.settings.away.iter().map(|pane| format!("no-{pane}")).collect::<Vec<_>>();
        html! {
                    <div class={classes!("page", format!("shows-{}", self.shown), zoomed, away)} role="main" ref={self.root.clone()}>
        { self.top(link) }
                        { edit::editor(self, link) }
                        { self.bar(link, Bar::Split) }
                        { edit::terminal(self, link) }
                        { self.bar(link, Bar::Left) }
                        <div class="stage">
                            { cluster::pane(self, link) }
                            { pod::pane(self, link, shown.as_ref()) }
                            { self.hint_view(link) }
                        </div>
                        { self.bar(link, Bar::Time) }
                        { clock::pane(self, link) }
                        { timeline::pane(self, link, shown.as_ref()) }
                        <nav class="phone-bar" aria-label="Panes">
                            { for [("edit", "Edit"), ("see", "See"), ("type", "Type"), ("time", "Time")].map(|(key, name)| html! {
                                <button type="button" aria-pressed={(self.shown == key).to_string()}
                                    onclick={link.callback(move |_| Msg::Show(key))}>{ name }</button>
                            }) }
                        </nav>
                        { compare::panel(self, link) }
                        { self.palette_view(link) }
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
            let checker = RefCell::new(Checker::default());
            let diagnose = Closure::<dyn Fn(String) -> JsValue>::new(move |text: String| {
                edit::marks(&mut checker.borrow_mut(), &text)
            });
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
        // On the document: a key that is pressed while nothing has the focus is meant, too.
        let keys = ctx.link().callback(Msg::Key);
        // Before the terminal takes it.
        let options = EventListenerOptions { phase: EventListenerPhase::Capture, passive: false };
        self.keys = Some(EventListener::new_with_options(&document(), "keydown", options, move |event| {
            if let Some(event) = event.dyn_ref::<KeyboardEvent>() {
                keys.emit(event.clone());
            }
        }));
        self.next_frame(ctx);
    }

    /// What was clicked in the picture of the chosen pod.
    fn act(&mut self, ctx: &Context<Self>, action: Action) {
        match action {
            Action::Node(name) => {
                self.near = if self.near.as_ref() == Some(&name) { None } else { Some(name) };
            }
            Action::Logs(container) => {
                self.log_of = if self.log_of.as_ref() == Some(&container) { None } else { Some(container) };
            }
            Action::Shell(container) => {
                let Some(pod) = self.chosen.as_deref().and_then(|uid| self.session.pod(uid)) else { return };
                let command = format!("kubectl {}exec -it {} -c {container} -- sh", pod.flag(), pod.name());
                if !self.session.at_prompt() {
                    let text = format!("{command}\nThe terminal is busy: end what runs there first (Ctrl+C, or exit).");
                    self.notes.add(ctx.link(), Note::failure(format!("Shell in {container}"), text));
                    return;
                }
                self.session.command(&command);
                self.said = format!("A shell in {container}");
                self.shown = "type";
                if let Some(terminal) = &self.terminal {
                    terminal.focus();
                }
            }
        }
    }

    /// Scrolls the picked container's card into sight, if it isn't.
    fn show_card(&self) {
        let Some(host) = self.pod_host.cast::<Element>() else { return };
        let Ok(Some(card)) = host.query_selector(".card.on") else { return };
        let (frame, at) = (host.get_bounding_client_rect(), card.get_bounding_client_rect());
        if at.top() < frame.top() || at.bottom() > frame.bottom() {
            host.set_scroll_top(host.scroll_top() + (at.top() - frame.top() - 12.0) as i32);
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
}
