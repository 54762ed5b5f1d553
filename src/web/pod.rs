//! The opened pod: its picture, its phases, why it is so, and a container's log.

use yew::html::Scope;
use yew::prelude::*;

use super::app::{App, Msg};
use super::draw;
use crate::scene::facts::PodFacts;
use crate::scene::why::Why;
use crate::scene::{Action, phases, pod as pod_scene, why};

/// Lines of a log's tail that are shown.
const TAIL: usize = 12;
/// The width in CSS pixels that a picture alone in the window is drawn for.
const LEGIBLE: f64 = 880.0;

pub fn pane(app: &App, link: &Scope<App>, facts: Option<&PodFacts>) -> Html {
    let inner = match facts {
        None => none(app, link),
        Some(facts) => some(app, link, facts),
    };
    html! { <section class="pane pod" aria-label="Pod">{ inner }</section> }
}

fn none(app: &App, link: &Scope<App>) -> Html {
    let manifest = app.open.as_ref().filter(|p| [".yaml", ".yml", ".json"].iter().any(|e| p.ends_with(e)));
    html! {
        <div class="scroll empty" ref={app.pod_host.clone()}>
            <h2>{ "No pods yet" }</h2>
            <p>{ "Apply a manifest, or type " }<code>{ "kubectl run web --image=nginx" }</code>{ " in the terminal." }</p>
            if let Some(path) = manifest {
                <button type="button" class="button" onclick={link.callback(|_| Msg::Apply)}>{ format!("Apply {path}") }</button>
            }
        </div>
    }
}

fn some(app: &App, link: &Scope<App>, facts: &PodFacts) -> Html {
    let options = pod_scene::Options { host_pids: app.settings.host_pids };
    // Alone, it is for those at the back of the room.
    let alone = app.settings.zoomed.as_deref() == Some("pod");
    let scale = if alone { (app.pod_width / LEGIBLE).clamp(1.0, 2.0) } else { 1.0 };
    let scene = pod_scene::build(facts, app.pod_width / scale, options);
    let life = phases::build(facts, app.pod_width / scale);
    let act = link.callback(Msg::Act);
    let on = app.log_of.as_deref().map(|c| format!("logs-{c}"));
    html! {
        <>
            <div class="pod-title">
                <h2>{ scene.name.clone() }</h2>
                <span class={classes!("status", scene.mark.class())}>{ format!("{} {}", scene.mark.glyph(), scene.status) }</span>
                <span class="about">{ scene.about.clone() }</span>
                <span class="gap" />
                { buttons(app, link, facts) }
            </div>
            <div class="scroll" ref={app.pod_host.clone()} tabindex="0" role="group" aria-label="Picture">
                { draw::scaled(&format!("Inside {}", scene.name), "pod-scene", (scene.width, scene.height), scale, &scene.groups, Some((&act, on.as_deref()))) }
                { draw::scaled(&format!("Phases of {}", scene.name), "phase-scene", (life.width, life.height), scale, &life.groups, None) }
            </div>
            if let Some(container) = &app.log_of {
                { log(link, facts, container) }
            }
            if let Some(why) = why::build(facts) {
                { reason(link, why) }
            }
        </>
    }
}

fn buttons(app: &App, link: &Scope<App>, facts: &PodFacts) -> Html {
    let delete = format!("kubectl {}delete pod {} --wait=false", facts.flag(), facts.name());
    let pids = app.settings.host_pids;
    html! {
        <span class="row" role="group" aria-label="Of this pod">
            <button type="button" class="button bare" aria-pressed={pids.to_string()} title="Processes with their numbers on the node"
                onclick={link.callback(|_| Msg::HostPids)}>{ "host PIDs" }</button>
            <button type="button" class="button bare" aria-pressed={(app.settings.zoomed.as_deref() == Some("pod")).to_string()}
                aria-label="Only the pod" title="The pod alone, as for a projector (z; Escape goes back)"
                onclick={link.callback(|_| Msg::Zoom("pod"))}>{ "⤢" }</button>
            if !facts.is_ending() {
                <button type="button" class="button bare" title={delete.clone()}
                    onclick={link.callback(move |_| Msg::Run(delete.clone()))}>{ "Delete" }</button>
            }
        </span>
    }
}

fn reason(link: &Scope<App>, why: Why) -> Html {
    html! {
        <div class={classes!("why", why.mark.class())} role="group" aria-label={why.question.clone()}>
            <h3>{ why.question }</h3>
            <div>
                <p>{ why.answer }</p>
                if let Some(next) = why.next {
                    <p class="next">{ next }</p>
                }
                if !why.nodes.is_empty() {
                    <dl class="verdicts">
                        { for why.nodes.into_iter().map(|(node, reason)| html! { <><dt>{ node }</dt><dd>{ reason }</dd></> }) }
                    </dl>
                }
                <p class="ways">
                    { for why.fields.into_iter().map(|field| html! {
                        <button type="button" class="link" title="Show it in the editor"
                            onclick={link.callback({ let field = field.clone(); move |_| Msg::Reveal(field.clone()) })}>{ field }</button>
                    }) }
                    if let Some(command) = why.command {
                        <button type="button" class="link command" title="Run it in the terminal"
                            onclick={link.callback({ let command = command.clone(); move |_| Msg::Run(command.clone()) })}>{ command }</button>
                    }
                </p>
            </div>
        </div>
    }
}

/// The tail of a container's log, as it is written.
fn log(link: &Scope<App>, facts: &PodFacts, container: &str) -> Html {
    let Some(inside) = facts.inside_of(container) else { return Html::default() };
    let from = inside.log.len().saturating_sub(TAIL);
    let lines = inside.log[from..].join("\n");
    html! {
        <div class="log" role="group" aria-label={format!("Log of {container}")}>
            <p class="log-title"><b>{ container.to_owned() }</b>{ " log" }<span class="gap" />
                <button type="button" class="button bare" aria-label="Close the log" title="Close the log"
                    onclick={link.callback({ let c = container.to_owned(); move |_| Msg::Act(Action::Logs(c.clone())) })}>{ "✕" }</button></p>
            <pre tabindex="0">{ if lines.is_empty() { "It has written nothing.".to_owned() } else { lines } }</pre>
        </div>
    }
}
