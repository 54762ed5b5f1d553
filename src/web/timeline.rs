//! The timeline: one axis for all that happened to a pod, or to all of them. It is dragged, zoomed, and its playhead moved.

use std::cell::Cell;

use gloo::utils::window;
use wasm_bindgen::prelude::*;
use web_sys::{Element, HtmlElement};
use yew::html::Scope;
use yew::prelude::*;

use super::app::{App, Msg};
use super::clock::Do;
use crate::scene::facts::PodFacts;
use crate::scene::timeline::{self as scene, TimelineFacts, TimelineScene, WINDOW};
use crate::scene::{Action, Group, Part, clock};

#[wasm_bindgen(module = "/www/save.js")]
extern "C" {
    #[wasm_bindgen(js_name = saveJson)]
    fn save_json(name: &str, text: &str);
    #[wasm_bindgen(js_name = savePicture)]
    fn save_picture(host: &Element, name: &str);
}

/// What is done to the timeline itself.
pub enum Act {
    Down {
        id: i32,
        x: f64,
        y: f64,
    },
    Move {
        id: i32,
        x: f64,
    },
    /// With what was under the pointer.
    Up {
        id: i32,
        y: f64,
        said: Option<String>,
        container: Option<String>,
    },
    Wheel {
        x: f64,
        across: f64,
        along: f64,
    },
    /// The window's length is multiplied by this.
    Zoom(f64),
    /// By windows.
    Pan(f64),
    Fit,
    Follow,
    AllPods,
    Picture,
    Json,
}

/// Pixels that a pointer may move and still only point.
const STILL: f64 = 4.0;
/// A step of the wheel in pixels changes the length by this power of e.
const WHEEL: f64 = 0.0016;

/// How the axis lies on the page.
#[derive(Clone, Copy, Default)]
struct Axis {
    from: f64,
    until: f64,
    left: f64,
    width: f64,
}

impl Axis {
    fn scale(self) -> f64 {
        (self.until - self.from) / (self.width - self.left - 12.0).max(1.0)
    }

    fn at(self, x: f64) -> f64 {
        self.from + (x - self.left) * self.scale()
    }
}

enum Held {
    /// The playhead.
    Head,
    /// The plot, taken at these places: for each pointer its number, where it was first, where it is, and the time there.
    Plot(Vec<(i32, f64, f64, f64)>),
}

#[derive(Default)]
pub struct Score {
    window: Option<(f64, f64)>,
    follow: bool,
    all_pods: bool,
    held: Option<Held>,
    axis: Cell<Axis>,
    picks: std::cell::RefCell<Vec<(f64, f64, String)>>,
    tip: NodeRef,
}

impl App {
    fn timeline_facts(&self) -> Option<TimelineFacts> {
        if self.clock.score.all_pods {
            return Some(self.session.overview());
        }
        self.chosen.as_deref().and_then(|uid| self.session.timeline(uid))
    }

    /// Whether there is something new to see, and what else is to be done.
    pub fn timeline_does(&mut self, act: Act, link: &Scope<App>) -> bool {
        let axis = self.clock.score.axis.get();
        let score = &mut self.clock.score;
        match act {
            Act::Down { x, y, .. } if y < scene::TOP => {
                score.held = Some(Held::Head);
                return self.clock_does(Do::Hold(Some(axis.at(x).max(0.0))), link);
            }
            Act::Down { id, x, .. } => match &mut score.held {
                Some(Held::Plot(pointers)) if pointers.len() == 1 => {
                    for p in pointers.iter_mut() {
                        (p.1, p.3) = (p.2, axis.at(p.2));
                    }
                    pointers.push((id, x, x, axis.at(x)));
                }
                _ => score.held = Some(Held::Plot(vec![(id, x, x, axis.at(x))])),
            },
            Act::Move { id, x } => match &mut score.held {
                Some(Held::Head) => return self.clock_does(Do::Hold(Some(axis.at(x).max(0.0))), link),
                Some(Held::Plot(pointers)) => {
                    if let Some(p) = pointers.iter_mut().find(|p| p.0 == id) {
                        p.2 = x;
                    }
                    match pointers[..] {
                        [(_, first, now, time)] if (now - first).abs() > STILL => {
                            let from = time - (now - axis.left) * axis.scale();
                            self.look_at(from, from + axis.until - axis.from);
                        }
                        // Both times stay under their fingers.
                        [(_, _, a, t), (_, _, b, u)] if (a - b).abs() > STILL => {
                            let scale = ((u - t) / (b - a)).abs();
                            let from = t - (a - axis.left) * scale;
                            self.look_at(from, from + scale * (axis.width - axis.left - 12.0));
                        }
                        _ => return false,
                    }
                }
                None => return false,
            },
            Act::Up { id, y, said, container } => match score.held.take() {
                Some(Held::Head) => return self.clock_does(Do::Hold(None), link),
                Some(Held::Plot(mut pointers)) => {
                    let alone = pointers.len() == 1;
                    let still = pointers.iter().all(|p| (p.1 - p.2).abs() <= STILL);
                    pointers.retain(|p| p.0 != id);
                    if !pointers.is_empty() {
                        for p in &mut pointers {
                            (p.1, p.3) = (p.2, axis.at(p.2));
                        }
                        score.held = Some(Held::Plot(pointers));
                    } else if alone && still {
                        let picked =
                            score.picks.borrow().iter().find(|(a, b, _)| (*a..*b).contains(&y)).map(|p| p.2.clone());
                        if let Some(uid) = picked {
                            link.send_message(Msg::Choose(uid));
                        }
                        if let Some(said) = said {
                            self.said = said;
                        }
                        if let Some(container) = container {
                            link.send_message(Msg::Pick(container));
                        }
                    }
                }
                None => return false,
            },
            Act::Wheel { x, across, along } => {
                let length = axis.until - axis.from;
                if across.abs() > along.abs() {
                    let by = across * axis.scale();
                    self.look_at(axis.from + by, axis.until + by);
                } else {
                    let length = (length * (along * WHEEL).exp()).clamp(WINDOW.0, WINDOW.1);
                    let at = axis.at(x);
                    let part = (at - axis.from) / (axis.until - axis.from);
                    self.look_at(at - part * length, at + (1.0 - part) * length);
                }
            }
            Act::Zoom(by) => {
                let head = self.session.seconds();
                let middle = (axis.from + axis.until) / 2.0;
                let at = if (axis.from..=axis.until).contains(&head) { head } else { middle };
                let length = ((axis.until - axis.from) * by).clamp(WINDOW.0, WINDOW.1);
                let part = (at - axis.from) / (axis.until - axis.from).max(WINDOW.0);
                self.look_at(at - part * length, at + (1.0 - part) * length);
            }
            Act::Pan(by) => {
                let by = by * (axis.until - axis.from);
                self.look_at(axis.from + by, axis.until + by);
            }
            Act::Fit => {
                (score.window, score.follow) = (None, false);
                self.said = "All of it".into();
            }
            Act::Follow => {
                score.follow = !score.follow;
                if score.follow && score.window.is_none() {
                    let length = (axis.until - axis.from).min(60.0);
                    score.window = Some((axis.until - length, axis.until));
                }
                self.said = if score.follow { "The axis follows the playhead" } else { "The axis stays" }.into();
            }
            Act::AllPods => {
                score.all_pods = !score.all_pods;
                (score.window, score.follow) = (None, false);
                self.said = if score.all_pods { "All pods" } else { "The chosen pod" }.into();
            }
            Act::Picture => {
                if let Some(host) = self.time_host.cast::<Element>() {
                    save_picture(&host, &format!("{}.svg", self.timeline_name()));
                }
                return false;
            }
            Act::Json => {
                let text = self.timeline_facts().and_then(|facts| serde_json::to_string_pretty(&facts).ok());
                if let Some(text) = text {
                    save_json(&format!("{}.json", self.timeline_name()), &text);
                }
                return false;
            }
        }
        true
    }

    fn timeline_name(&self) -> String {
        let pod = self.chosen.as_deref().filter(|_| !self.clock.score.all_pods).and_then(|uid| self.session.pod(uid));
        pod.map_or("pods".to_string(), |p| p.name().to_string()) + "-timeline"
    }

    /// A window that can be shown, about there.
    fn look_at(&mut self, from: f64, until: f64) {
        let length = (until - from).clamp(WINDOW.0, WINDOW.1);
        let end = self.session.end().max(60.0);
        // Some of what there is stays in sight.
        let from = from.clamp(-0.8 * length, (end - 0.2 * length).max(0.0));
        if from.is_finite() && length.is_finite() {
            self.clock.score.window = Some((from, from + length));
        }
    }
}

pub fn pane(app: &App, link: &Scope<App>, pod: Option<&PodFacts>) -> Html {
    let drawn = app.timeline_facts().map(|facts| {
        let score = &app.clock.score;
        let window = score.window.map(|(from, until)| {
            let (length, head) = (until - from, facts.head);
            let out = head > until - 0.1 * length || head < from;
            if score.follow && out { (head - 0.8 * length, head + 0.2 * length) } else { (from, until) }
        });
        scene::build_in(&facts, window, app.time_width)
    });
    if let Some(s) = &drawn {
        app.clock.score.axis.set(Axis { from: s.from, until: s.until, left: s.axis_left, width: s.width });
        app.clock.score.picks.replace(s.picks.clone());
    }
    let act = link.callback(|act| Msg::Clock(Do::Timeline(act)));
    let pointer = pointer(app, &act);
    let wheel = {
        let (host, act, left) = (app.time_host.clone(), act.clone(), app.clock.score.axis.get().left);
        Callback::from(move |e: WheelEvent| {
            let Some(frame) = host.cast::<Element>().map(|h| h.get_bounding_client_rect()) else { return };
            let x = f64::from(e.client_x()) - frame.left();
            // Over the names it scrolls the lanes.
            if x < left {
                return;
            }
            e.prevent_default();
            let unit = if e.delta_mode() == 1 { 30.0 } else { 1.0 };
            // A pinch on a touchpad comes as a wheel with Ctrl, in small steps.
            let pinch = if e.ctrl_key() { 6.0 } else { 1.0 };
            let (across, along) = (e.delta_x() * unit, e.delta_y() * unit * pinch);
            let (across, along) = if e.shift_key() && across == 0.0 { (along, 0.0) } else { (across, along) };
            act.emit(Act::Wheel { x, across, along });
        })
    };
    let keys = link.batch_callback(|e: KeyboardEvent| {
        let step = if e.shift_key() { 10.0 } else { 1.0 };
        if e.ctrl_key() || e.meta_key() || e.alt_key() {
            return None;
        }
        let what = match e.key().as_str() {
            "ArrowLeft" => Do::Shift(-step),
            "ArrowRight" => Do::Shift(step),
            "Home" => Do::Seek(0.0),
            "End" => Do::Now,
            "+" | "=" => Do::Timeline(Act::Zoom(0.6)),
            "-" => Do::Timeline(Act::Zoom(1.0 / 0.6)),
            "0" => Do::Timeline(Act::Fit),
            "f" => Do::Timeline(Act::Follow),
            "a" => Do::Timeline(Act::AllPods),
            "PageUp" => Do::Timeline(Act::Pan(-0.5)),
            "PageDown" => Do::Timeline(Act::Pan(0.5)),
            _ => return None,
        };
        e.prevent_default();
        e.stop_propagation();
        Some(Msg::Clock(what))
    });
    let name = match pod {
        _ if app.clock.score.all_pods => "What happened to all pods".to_string(),
        Some(pod) => format!("What happened to {}", pod.name()),
        None => "What happened".to_string(),
    };
    let empty = drawn.as_ref().is_none_or(|s| app.clock.score.all_pods && s.picks.is_empty());
    html! {
        <section class="pane timeline" aria-label="Timeline" onkeydown={keys}>
            <div class="scroll" ref={app.time_host.clone()} tabindex="0" role="group" aria-label="Score" onwheel={wheel}
                onpointerdown={pointer.clone()} onpointermove={pointer.clone()} onpointerup={pointer.clone()}
                onpointercancel={pointer.clone()} onpointerleave={pointer}>
                if let Some(score) = drawn.as_ref().filter(|_| !empty) { { svg(&name, score) } } else {
                    <p class="empty">{ "What happens to the chosen pod is drawn here." }</p>
                }
            </div>
            if let Some(score) = drawn.as_ref().filter(|_| !empty) { { handle(app, score) } }
            { tools(app, &act, empty) }
            <p class="time-tip" ref={app.clock.score.tip.clone()} aria-hidden="true" />
            if !app.clock.said.0.is_empty() {
                <p class="time-note">{ app.clock.said.0.clone() }</p>
            } else if app.session.is_past() {
                <p class="time-note">{ "You look at what was. Reading leaves it as it is; a change begins another branch." }</p>
            }
        </section>
    }
}

/// The playhead as a slider, for the keyboard and for screen readers.
fn handle(app: &App, score: &TimelineScene) -> Html {
    let (head, end) = (app.session.seconds(), app.session.end());
    let scale = (score.width - score.axis_left - 12.0) / (score.until - score.from);
    let at = score.axis_left + (head.clamp(score.from, score.until) - score.from) * scale;
    let told =
        if app.session.is_past() { format!("{}, past", clock(head, 1)) } else { format!("{}, now", clock(head, 1)) };
    html! {
        <div class="playhead-handle" role="slider" tabindex="0" aria-label="Playhead" aria-valuemin="0"
            aria-valuemax={format!("{end:.1}")} aria-valuenow={format!("{head:.1}")} aria-valuetext={told}
            style={format!("left:{at:.1}px")} />
    }
}

fn tools(app: &App, act: &Callback<Act>, empty: bool) -> Html {
    let tool = |name: &'static str, title: &'static str, sign: &'static str, on: Option<bool>, make: fn() -> Act| {
        html! {
            <button type="button" class="button tool" aria-label={name} title={title} disabled={empty && name != "All pods"}
                aria-pressed={on.map(|on| on.to_string())} onclick={act.reform(move |_: MouseEvent| make())}>{ sign }</button>
        }
    };
    let score = &app.clock.score;
    html! {
        <div class="time-tools" role="toolbar" aria-label="Timeline tools" aria-orientation="vertical">
            { tool("Zoom in", "Zoom in (+, or the wheel)", "+", None, || Act::Zoom(0.6)) }
            { tool("Zoom out", "Zoom out (−)", "−", None, || Act::Zoom(1.0 / 0.6)) }
            { tool("Fit", "Show all of it (0)", "↔", None, || Act::Fit) }
            { tool("Follow", "Keep the playhead in sight (f)", "⇥", Some(score.follow), || Act::Follow) }
            { tool("All pods", "All pods, a lane each (a)", "≡", Some(score.all_pods), || Act::AllPods) }
            { tool("Save as SVG", "Save as SVG", "svg", None, || Act::Picture) }
            { tool("Save as JSON", "Save as JSON", "{ }", None, || Act::Json) }
        </div>
    }
}

fn pointer(app: &App, act: &Callback<Act>) -> Callback<PointerEvent> {
    let (host, tip, act) = (app.time_host.clone(), app.clock.score.tip.clone(), act.clone());
    Callback::from(move |e: PointerEvent| {
        let Some(host) = host.cast::<Element>() else { return };
        let frame = host.get_bounding_client_rect();
        let (x, top) = (f64::from(e.client_x()) - frame.left(), f64::from(e.client_y()) - frame.top());
        let y = top + f64::from(host.scroll_top());
        let id = e.pointer_id();
        let held = host.has_pointer_capture(id);
        match e.type_().as_str() {
            "pointerdown" if e.button() == 0 && x < f64::from(host.client_width()) => {
                // Without capture a drag ends at the pane's edge.
                let _ = host.set_pointer_capture(id);
                point(&tip, None, 0.0, 0.0, 0.0);
                act.emit(Act::Down { id, x, y });
            }
            "pointermove" if held => act.emit(Act::Move { id, x }),
            "pointermove" => point(&tip, under(&e), x, top, frame.width()),
            "pointerup" => {
                let said = under(&e);
                if e.pointer_type() != "mouse" {
                    point(&tip, said.clone(), x, top, frame.width());
                }
                act.emit(Act::Up { id, y, said, container: at(&e, "data-container") });
            }
            "pointercancel" => act.emit(Act::Up { id, y: -1.0, said: None, container: None }),
            "pointerleave" if e.pointer_type() == "mouse" => point(&tip, None, 0.0, 0.0, 0.0),
            _ => {}
        }
    })
}

/// The words of what lies under a pointer; a held one is not over anything.
fn under(e: &PointerEvent) -> Option<String> {
    at(e, "aria-label")
}

/// What an attribute of the group under a pointer says.
fn at(e: &PointerEvent, attribute: &str) -> Option<String> {
    let at = window().document()?.element_from_point(e.client_x() as f32, e.client_y() as f32)?;
    at.closest(&format!(".time-scene g[{attribute}]")).ok()??.get_attribute(attribute)
}

/// Shows words beside the pointer at once, without drawing anything anew.
fn point(tip: &NodeRef, said: Option<String>, x: f64, y: f64, width: f64) {
    let Some(tip) = tip.cast::<HtmlElement>() else { return };
    tip.set_text_content(said.as_deref());
    let (side, place) = if x > width / 2.0 { ("right", width - x + 40.0) } else { ("left", x + 14.0) };
    let style = format!("{side}:{place:.0}px; bottom: calc(100% - {:.0}px)", y - 6.0);
    // An attribute's name that is valid can't be refused.
    let _ = tip.set_attribute("style", &style);
}

fn svg(label: &str, score: &TimelineScene) -> Html {
    let (width, height) = (score.width.to_string(), score.height.to_string());
    html! {
        <svg class="time-scene" role="group" aria-label={label.to_owned()} viewBox={format!("0 0 {width} {height}")} {width} {height}>
            <defs>
                <pattern id="time-scene-hatch" class="hatch-lines" width="6" height="6" patternUnits="userSpaceOnUse"
                    patternTransform="rotate(45)"><path d="M0 0V6" /></pattern>
                <pattern id="time-scene-many" class="many-lines" width="3" height="3" patternUnits="userSpaceOnUse"><path d="M0 0V3" /></pattern>
            </defs>
            { for score.groups.iter().map(group) }
        </svg>
    }
}

fn group(g: &Group) -> Html {
    let label = (!matches!(g.key.as_str(), "axis" | "now")).then(|| g.label.clone());
    let container = match &g.action {
        Some(Action::Logs(name)) => Some(name.clone()),
        _ => None,
    };
    html! {
        <g key={g.key.clone()} class={g.class.clone()} role={label.as_ref().map(|_| "img")} aria-label={label} data-container={container}>
            { for g.parts.iter().map(part) }
        </g>
    }
}

fn part(p: &Part) -> Html {
    let number = |value: f64| format!("{}", (value * 10.0).round() / 10.0);
    match p {
        Part::Rect { class, at, round } => {
            let fill = matches!(*class, "hatch" | "many").then(|| format!("url(#time-scene-{class})"));
            html! {
                <rect class={*class} x={number(at.x)} y={number(at.y)} width={number(at.w)} height={number(at.h)}
                    rx={number(*round)} fill={fill} />
            }
        }
        Part::Path { class, d } => html! { <path class={*class} d={d.clone()} /> },
        Part::Circle { class, x, y, r } => {
            html! { <circle class={*class} cx={number(*x)} cy={number(*y)} r={number(*r)} /> }
        }
        Part::Text { class, x, y, text } => {
            html! { <text class={*class} x={number(*x)} y={number(*y)}>{ text.clone() }</text> }
        }
        Part::Travel { .. } => Html::default(),
    }
}
