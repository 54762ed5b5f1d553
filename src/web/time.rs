//! Clock and timeline.

use yew::html::Scope;
use yew::prelude::*;

use super::app::{App, Msg, SPEEDS};
use super::draw;
use crate::scene::facts::PodFacts;
use crate::scene::timeline as timeline_scene;

/// `00:41.3`, `1:02:03.4`.
pub fn clock(seconds: f64) -> String {
    let tenths = (seconds * 10.0).floor() as u64;
    let (s, m, h) = (tenths / 10 % 60, tenths / 600 % 60, tenths / 36_000);
    let hours = if h > 0 { format!("{h}:") } else { String::new() };
    format!("{hours}{m:02}:{s:02}.{}", tenths % 10)
}

pub fn clock_pane(app: &App, link: &Scope<App>) -> Html {
    let (word, sign) = if app.playing { ("Pause", "❚❚") } else { ("Play", "▶") };
    html! {
        <section class="pane clock" aria-label="Clock">
            <output class="virtual-time" aria-label="Virtual time" aria-live="off">{ clock(app.session.seconds()) }</output>
            <div class="row">
                <button type="button" class="button square" aria-label={word} title={word}
                    onclick={link.callback(|_| Msg::Play)}>{ sign }</button>
                <button type="button" class="button square" aria-label="Step to the next event" title="Step to the next event"
                    onclick={link.callback(|_| Msg::Step)}>{ "▶|" }</button>
                <button type="button" class="button square" aria-label="Reset" title="A new cluster; files stay"
                    onclick={link.callback(|_| Msg::Reset)}>{ "↺" }</button>
            </div>
            <div class="row speeds" role="group" aria-label="Speed">
                { for SPEEDS.iter().enumerate().map(|(i, (_, name))| html! {
                    <button type="button" class="button" aria-pressed={(i == app.settings.speed).to_string()}
                        aria-label={format!("Speed {name}")} onclick={link.callback(move |_| Msg::Speed(i))}>{ *name }</button>
                }) }
            </div>
        </section>
    }
}

pub fn timeline(app: &App, pod: Option<&PodFacts>) -> Html {
    let facts = app.chosen.as_deref().and_then(|uid| app.session.timeline(uid));
    html! {
        <section class="pane timeline" aria-label="Timeline">
            <div class="scroll" ref={app.time_host.clone()} tabindex="0" role="group" aria-label="Score">
                if let Some(facts) = facts {
                    { {
                        let scene = timeline_scene::build(&facts, app.time_width);
                        let name = pod.map_or(String::new(), |p| p.name().to_owned());
                        draw::svg(&format!("What happened to {name}"), "time-scene", scene.width, scene.height, &scene.groups)
                    } }
                } else {
                    <p class="empty">{ "What happens to the chosen pod is drawn here." }</p>
                }
            </div>
        </section>
    }
}
