//! The timeline.

use wasm_bindgen::JsCast;
use web_sys::Element;
use yew::html::Scope;
use yew::prelude::*;

use super::app::{App, Msg};
use super::clock::Do;
use super::draw;
use crate::scene::facts::PodFacts;
use crate::scene::timeline::{self as scene, TimelineScene};

pub fn pane(app: &App, link: &Scope<App>, pod: Option<&PodFacts>) -> Html {
    let facts = app.chosen.as_deref().and_then(|uid| app.session.timeline(uid));
    let score = facts.map(|facts| scene::build(&facts, app.time_width));
    let hold = link.batch_callback({
        let at = score.as_ref().map(|s| s.place());
        move |e: PointerEvent| {
            let host = e.current_target()?.dyn_into::<Element>().ok()?;
            let frame = host.get_bounding_client_rect();
            let (x, y) = (f64::from(e.client_x()) - frame.left(), f64::from(e.client_y()) - frame.top());
            let begins = e.type_() == "pointerdown" && y < scene::TOP && e.button() == 0;
            if begins {
                // Without capture the playhead stops at the pane's edge.
                let _ = host.set_pointer_capture(e.pointer_id());
            }
            let held = begins || e.buttons() & 1 == 1 && host.has_pointer_capture(e.pointer_id());
            held.then(|| Some(Msg::Clock(Do::Hold(Some(at.as_ref()?(x)))))).flatten()
        }
    });
    let drop = link.callback(|_: PointerEvent| Msg::Clock(Do::Hold(None)));
    let keys = link.batch_callback(|e: KeyboardEvent| {
        let step = if e.shift_key() { 10.0 } else { 1.0 };
        let what = match e.key().as_str() {
            "ArrowLeft" => Do::Shift(-step),
            "ArrowRight" => Do::Shift(step),
            "Home" => Do::Seek(0.0),
            "End" => Do::Now,
            _ => return None,
        };
        e.prevent_default();
        Some(Msg::Clock(what))
    });
    html! {
        <section class="pane timeline" aria-label="Timeline">
            <div class="scroll" ref={app.time_host.clone()} tabindex="0" role="group" aria-label="Score"
                onpointerdown={hold.clone()} onpointermove={hold} onpointerup={drop.clone()} onpointercancel={drop} onkeydown={keys}>
                if let Some(score) = score { { drawn(&score, pod) } } else {
                    <p class="empty">{ "What happens to the chosen pod is drawn here." }</p>
                }
            </div>
            if !app.clock.said.0.is_empty() {
                <p class="time-note">{ app.clock.said.0.clone() }</p>
            } else if app.session.is_past() {
                <p class="time-note">{ "You look at what was. Reading leaves it as it is; a change begins another branch." }</p>
            }
        </section>
    }
}

fn drawn(score: &TimelineScene, pod: Option<&PodFacts>) -> Html {
    let name = pod.map_or(String::new(), |p| p.name().to_owned());
    draw::svg(&format!("What happened to {name}"), "time-scene", score.width, score.height, &score.groups)
}
