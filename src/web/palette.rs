//! Everything that can be done, by name (Ctrl+K or F1), and the keys (?).

use gloo::utils::document;
use wasm_bindgen::JsCast;
use web_sys::{HtmlElement, HtmlInputElement};
use yew::html::Scope;
use yew::prelude::*;

use super::app::{App, Msg, SPEEDS};
use super::clock;
use crate::{lab, scene::Action};

/// Commands that are shown.
const SHOWN: usize = 16;
/// How the names of examples begin.
const EXAMPLE: &str = "Example";
/// Pods that are looked through.
const PODS: usize = 5000;

#[derive(Default)]
pub struct Palette {
    text: String,
    at: usize,
    /// Where the focus was.
    from: Option<HtmlElement>,
}

/// Something that can be done.
struct Command {
    name: String,
    keys: &'static str,
    msg: Msg,
}

pub const KEYS: [(&str, &str); 13] = [
    ("Ctrl+K, ⌘K, F1", "every command by name"),
    ("?", "these keys"),
    ("/", "search pods"),
    ("Ctrl+Enter, ⌘Enter", "apply the file in the editor"),
    ("F6, Shift+F6", "next pane, pane before"),
    ("Tab, Enter", "to a thing in a picture, and what it does"),
    ("z", "the pane that has the focus alone, and back"),
    ("Escape", "back from that; closes what is open"),
    ("Escape, then Tab", "leave the editor"),
    ("Ctrl+F", "search in the editor"),
    ("Tab", "complete in the terminal"),
    ("Ctrl+C", "copy what is selected in the terminal, else interrupt"),
    ("Arrows", "on a bar between panes: move it"),
];

/// The panes that can be alone, and those that can be away.
pub const ZOOMED: [(&str, &str); 5] =
    [("editor", "Editor"), ("terminal", "Terminal"), ("cluster", "Cluster"), ("pod", "Pod"), ("timeline", "Timeline")];
const AWAY: [(&str, &str); 4] =
    [("left", "editor and terminal"), ("terminal", "terminal"), ("cluster", "cluster"), ("time", "clock and timeline")];

impl App {
    fn commands(&self) -> Vec<Command> {
        let Some(palette) = &self.palette else { return Vec::new() };
        let words: Vec<String> = palette.text.split_whitespace().map(str::to_lowercase).collect();
        let wanted = |name: &str| {
            let name = name.to_lowercase();
            words.iter().all(|w| name.contains(w.as_str()))
        };
        let mut all = Vec::new();
        let mut add = |name: String, keys: &'static str, msg: Msg| {
            if wanted(&name) {
                all.push(Command { name, keys, msg });
            }
        };
        if let Some(path) = &self.open {
            add(format!("Apply {path}"), "Ctrl+Enter", Msg::Apply);
        }
        let play = if self.playing { "Pause" } else { "Play" };
        add(play.into(), "", Msg::Play);
        add("Step to the next event".into(), "", Msg::Step);
        for (i, (_, speed)) in SPEEDS.iter().enumerate() {
            add(format!("Speed {speed}"), "", Msg::Speed(i));
        }
        if let Some(pod) = self.chosen.as_deref().and_then(|uid| self.session.pod(uid)) {
            let (name, flag) = (pod.name().to_owned(), pod.flag());
            for c in pod.containers() {
                if c.is_running() {
                    add(format!("Shell in {} of {name}", c.name), "", Msg::Act(Action::Shell(c.name.into())));
                }
                add(format!("Logs of {} of {name}", c.name), "", Msg::Act(Action::Logs(c.name.into())));
            }
            add(format!("Describe pod {name}"), "", Msg::Run(format!("kubectl {flag}describe pod {name}")));
            add(format!("Delete pod {name}"), "", Msg::Run(format!("kubectl {flag}delete pod {name} --wait=false")));
            add(
                format!("Kill pod {name}, without grace"),
                "",
                Msg::Run(format!("kubectl {flag}delete pod {name} --grace-period=0 --force")),
            );
            add(format!("Save the picture of {name} as SVG"), "", Msg::Save("svg"));
            add(format!("Save the picture of {name} as PNG"), "", Msg::Save("png"));
        }
        for (pane, name) in ZOOMED {
            let word =
                if self.settings.zoomed.as_deref() == Some(pane) { "All panes again, not only" } else { "Only the" };
            add(format!("{word} {}", name.to_lowercase()), "z", Msg::Zoom(pane));
        }
        for (pane, name) in AWAY {
            let away = self.settings.away.iter().any(|p| p == pane);
            add(format!("{} {name}", if away { "Show" } else { "Hide" }), "", Msg::Away(pane));
        }
        add("Full screen, for a projector".into(), "", Msg::FullScreen);
        add("Light or dark".into(), "", Msg::Theme);
        add("Search pods".into(), "/", Msg::Search);
        add("Keys".into(), "?", Msg::Keys);
        add("New file".into(), "", Msg::New);
        for (i, example) in lab::examples().enumerate() {
            add(format!("{EXAMPLE}: {}", example.title), "", Msg::Example(i));
        }
        for path in self.files.keys() {
            add(format!("Open {path}"), "", Msg::Open(path.clone()));
        }
        for b in self.session.branches().into_iter().filter(|b| !b.current) {
            let Some([current, _]) = self.session.nearest_branch() else { break };
            add(format!("Go to the branch {}", b.name), "", Msg::Clock(clock::Do::Switch(b.index)));
            let name = format!("Compare the branch shown with {}", b.name);
            add(name, "", Msg::Clock(clock::Do::Compare([current, b.index])));
        }
        add("New cluster; files stay".into(), "", Msg::Reset);
        let cluster = self.session.cluster();
        for (node, on) in &cluster.nodes {
            let name = node.metadata.name.clone().unwrap_or_default();
            let cordoned = node.spec.as_ref().and_then(|s| s.unschedulable) == Some(true);
            let verb = if cordoned { "uncordon" } else { "cordon" };
            add(format!("{} {name}", if *on { "Stop" } else { "Start" }), "", Msg::Node(name.clone(), !on));
            add(format!("{verb} {name}"), "", Msg::Run(format!("kubectl {verb} {name}")));
            add(format!("More of {name}"), "", Msg::Act(Action::Node(name)));
        }
        // Nobody finds a pod among thousands before a part of its name is there.
        let pods = if words.is_empty() { &[][..] } else { &cluster.pods[..cluster.pods.len().min(PODS)] };
        for (pod, status) in pods {
            let namespace = pod.metadata.namespace.as_deref().unwrap_or("");
            let name = format!("Pod {namespace}/{}: {status}", pod.metadata.name.as_deref().unwrap_or(""));
            add(name, "", Msg::Choose(pod.metadata.uid.clone().unwrap_or_default()));
        }
        all
    }

    pub(super) fn open_palette(&mut self) {
        if self.palette.is_some() {
            return self.close_palette();
        }
        let from = document().active_element().and_then(|e| e.dyn_into().ok());
        self.palette = Some(Palette { from, ..Palette::default() });
    }

    pub(super) fn offer_examples(&mut self) {
        if self.palette.is_none() {
            self.open_palette();
        }
        self.palette_text(format!("{EXAMPLE}: "));
    }

    pub(super) fn close_palette(&mut self) {
        if let Some(from) = self.palette.take().and_then(|p| p.from) {
            // Gone meanwhile: then nothing has the focus.
            let _ = from.focus();
        }
    }

    pub(super) fn palette_key(&mut self, ctx: &Context<Self>, key: &str) {
        let count = self.commands().len().min(SHOWN);
        let Some(palette) = &mut self.palette else { return };
        match key {
            "ArrowDown" => palette.at = (palette.at + 1) % count.max(1),
            "ArrowUp" => palette.at = (palette.at + count.max(1) - 1) % count.max(1),
            "Enter" => {
                let at = palette.at;
                self.run_command(ctx, at);
            }
            _ => self.close_palette(),
        }
    }

    pub(super) fn run_command(&mut self, ctx: &Context<Self>, at: usize) {
        let chosen = self.commands().into_iter().nth(at);
        self.close_palette();
        if let Some(command) = chosen {
            ctx.link().send_message(command.msg);
        }
    }

    pub(super) fn palette_text(&mut self, text: String) {
        if let Some(palette) = &mut self.palette {
            palette.text = text;
            palette.at = 0;
        }
    }

    /// Keeps the focus in the palette while it is open.
    pub(super) fn focus_palette(&self) {
        if let Some(input) = self.palette_input.cast::<HtmlElement>().filter(|_| self.palette.is_some())
            && document().active_element().as_ref() != Some(input.as_ref())
        {
            let _ = input.focus();
        }
    }

    pub(super) fn palette_view(&self, link: &Scope<App>) -> Html {
        let Some(palette) = &self.palette else { return Html::default() };
        let commands = self.commands();
        let keys = link.batch_callback(|e: KeyboardEvent| {
            let key = e.key();
            matches!(key.as_str(), "ArrowDown" | "ArrowUp" | "Enter" | "Escape" | "Tab").then(|| {
                e.prevent_default();
                e.stop_propagation();
                Msg::PaletteKey(key)
            })
        });
        let typed = link
            .batch_callback(|e: InputEvent| Some(Msg::PaletteText(e.target_dyn_into::<HtmlInputElement>()?.value())));
        html! {
            <div class="palette" role="dialog" aria-modal="true" aria-label="Commands">
                <input type="text" role="combobox" aria-label="Command" aria-expanded="true" aria-controls="commands" autocomplete="off"
                    aria-activedescendant={(!commands.is_empty()).then(|| format!("command-{}", palette.at))} spellcheck="false"
                    placeholder="What to do, or a pod's, node's or file's name" value={palette.text.clone()}
                    ref={self.palette_input.clone()} oninput={typed} onkeydown={keys} />
                <ul id="commands" role="listbox" aria-label="Commands">
                    { for commands.iter().take(SHOWN).enumerate().map(|(i, c)| html! {
                        <li key={i} id={format!("command-{i}")} role="option" aria-selected={(i == palette.at).to_string()}
                            onmousedown={link.callback(move |e: MouseEvent| { e.prevent_default(); Msg::PaletteRun(i) })}>
                            <span>{ c.name.clone() }</span>if !c.keys.is_empty() { <kbd>{ c.keys }</kbd> }</li>
                    }) }
                </ul>
                if commands.len() > SHOWN { <p class="quiet">{ format!("and {} more: type a part of the name", commands.len() - SHOWN) }</p> }
                if commands.is_empty() { <p class="quiet">{ "Nothing is called so." }</p> }
            </div>
        }
    }

    /// What a key means where no field takes it.
    pub(super) fn key(&self, e: &KeyboardEvent) -> Option<Msg> {
        let inside = |selector: &str| {
            e.target_dyn_into::<web_sys::Element>().and_then(|t| t.closest(selector).ok().flatten()).is_some()
        };
        let held = e.ctrl_key() || e.meta_key();
        let everywhere = match e.key().as_str() {
            "F6" => Some(Msg::NextPane(e.shift_key())),
            "F1" => Some(Msg::Palette),
            // The terminal's own Ctrl+K cuts the rest of a line.
            "k" if held && !e.shift_key() && !(e.ctrl_key() && inside(".terminal")) => Some(Msg::Palette),
            _ => None,
        };
        if everywhere.is_some() {
            e.prevent_default();
            e.stop_propagation();
            return everywhere;
        }
        let found = match e.key().as_str() {
            _ if held || e.alt_key() || inside("input, textarea, select, .cm-editor, .terminal") => clock::key(e)?,
            "?" => Msg::Keys,
            "/" => Msg::Search,
            "z" => {
                let (pane, _) = ZOOMED.into_iter().find(|(pane, _)| inside(&format!(".{pane}")))?;
                Msg::Zoom(pane)
            }
            "Escape" if self.settings.zoomed.is_some() => Msg::Unzoom,
            _ => clock::key(e)?,
        };
        e.prevent_default();
        Some(found)
    }
}
