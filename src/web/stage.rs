//! The stage: the cluster strip and the opened pod.

use yew::html::Scope;
use yew::prelude::*;

use super::app::{App, Msg};
use super::draw;
use crate::scene::cluster::{self, NodeTile, PodTile, SYSTEM};
use crate::scene::facts::PodFacts;
use crate::scene::{Mark, pod as pod_scene, why};

pub fn cluster(app: &App, link: &Scope<App>) -> Html {
    let scene = cluster::build(&app.session.cluster());
    html! {
        <section class="pane cluster" aria-label="Cluster">
            { for scene.nodes.iter().map(|n| node(app, link, n)) }
            if !scene.unscheduled.is_empty() {
                <div class="node none" role="group" aria-label="Not scheduled">
                    <h2>{ "on no node yet" }</h2>
                    <div class="pods">{ for scene.unscheduled.iter().map(|p| tile(app, link, p)) }</div>
                </div>
            }
        </section>
    }
}

fn node(app: &App, link: &Scope<App>, n: &NodeTile) -> Html {
    let (name, start) = (n.name.clone(), !n.running);
    let verb = if n.running { "Stop" } else { "Start" };
    let mark = if n.running { n.mark } else { Mark::Unknown };
    let well = n.running && n.mark == Mark::Running;
    // The API finds out later what has become of a machine.
    let said = match (n.running, n.mark) {
        (false, _) => format!("stopped; the API says {}", n.status),
        (true, mark) => format!("{} {}", mark.glyph(), n.status),
    };
    let taints = match n.taints.len() {
        0 => Html::default(),
        count => html! { <span class="taint" title={n.taints.join("\n")}>
        { if count == 1 { "tainted".to_owned() } else { format!("{count} taints") } }</span> },
    };
    // The cluster's own pods are there to be looked at, and otherwise out of the way.
    let (system, own): (Vec<&PodTile>, Vec<&PodTile>) = n.pods.iter().partition(|p| p.namespace == SYSTEM);
    let chosen = n.pods.iter().any(|p| app.chosen.as_deref() == Some(&p.uid));
    html! {
        <div key={n.name.clone()} class={classes!("node", mark.class(), chosen.then_some("chosen"), (!n.running).then_some("stopped"))}
            role="group" aria-label={format!("Node {}", n.name)}>
            <h2 title={n.name.clone()}>{ n.short.clone() }</h2>
            if well {
                <span class="about"><span class="size">{ n.size.clone() }</span>{ taints }</span>
            } else {
                <span class={classes!("about", "off", mark.class())} role="status">{ said }</span>
            }
            <button type="button" class="button bare node-switch" aria-label={format!("{verb} {}", n.name)}
                title={format!("{verb} {}", n.name)} onclick={link.callback(move |_| Msg::Node(name.clone(), start))}>
                <svg width="14" height="14" viewBox="0 0 14 14" aria-hidden="true"><path d="M7 1.5v5.2M4.1 3.2a4.8 4.8 0 1 0 5.8 0" /></svg>
                if start { { "Start" } }
            </button>
            <div class="pods">
                { for own.into_iter().map(|p| tile(app, link, p)) }
                if !system.is_empty() {
                    <details key="system" class="system">
                        <summary>{ format!("{} in {SYSTEM}", system.len()) }</summary>
                        <div>{ for system.into_iter().map(|p| tile(app, link, p)) }</div>
                    </details>
                }
            </div>
            <div class="gauges">{ gauge("cpu", n.cpu) }{ gauge("memory", n.memory) }</div>
        </div>
    }
}

fn gauge(name: &str, permille: u32) -> Html {
    let said = format!("{name} requested: {}%", permille / 10);
    html! {
        <span class="gauge" title={said.clone()}>
            <span aria-hidden="true">{ name.to_owned() }</span>
            <svg role="img" aria-label={said} viewBox="0 0 1000 4" preserveAspectRatio="none">
                <rect class="bar" width="1000" height="4" /><rect class="bar-done" width={permille.to_string()} height="4" />
            </svg>
        </span>
    }
}

fn tile(app: &App, link: &Scope<App>, p: &PodTile) -> Html {
    let uid = p.uid.clone();
    let name = if p.namespace == "default" { p.name.clone() } else { format!("{}/{}", p.namespace, p.name) };
    // Below the heading that names it.
    let short = if p.namespace == SYSTEM { p.name.clone() } else { name.clone() };
    let on = app.chosen.as_deref() == Some(&p.uid);
    html! {
        <button key={p.uid.clone()} type="button" class={classes!("tile", p.mark.class())} aria-pressed={on.to_string()}
            title={format!("{name}: {}", p.status)} aria-label={format!("Pod {name}: {}", p.status)}
            onclick={link.callback(move |_| Msg::Choose(uid.clone()))}>
            <span aria-hidden="true">{ p.mark.glyph() }</span>{ " " }{ short }</button>
    }
}

pub fn pod(app: &App, link: &Scope<App>, facts: Option<&PodFacts>) -> Html {
    let inner = match facts {
        None => html! {
            <div class="scroll empty" ref={app.pod_host.clone()}>
                <h2>{ "No pods yet" }</h2>
                <p>{ "Apply a manifest, or type " }<code>{ "kubectl run web --image=nginx" }</code>{ " in the terminal." }</p>
                if let Some(path) = app.open.as_ref().filter(|p| [".yaml", ".yml", ".json"].iter().any(|e| p.ends_with(e))) {
                    <button type="button" class="button" onclick={link.callback(|_| Msg::Apply)}>{ format!("Apply {path}") }</button>
                }
            </div>
        },
        Some(facts) => {
            let scene = pod_scene::build(facts, app.pod_width);
            let why = why::build(facts);
            html! {
                <>
                    <div class="pod-title">
                        <h2>{ scene.name.clone() }</h2>
                        <span class={classes!("status", scene.mark.class())}>{ format!("{} {}", scene.mark.glyph(), scene.status) }</span>
                        <span class="about">{ scene.about.clone() }</span>
                    </div>
                    <div class="scroll" ref={app.pod_host.clone()} tabindex="0" role="group" aria-label="Picture">
                        { draw::svg(&format!("Inside {}", scene.name), "pod-scene", scene.width, scene.height, &scene.groups) }
                    </div>
                    if let Some(why) = why {
                        <div class={classes!("why", why.mark.class())}>
                            <h3>{ why.question }</h3>
                            <p>{ why.answer }
                                if let Some(field) = why.field {
                                    { " " }<button type="button" class="link" title="Show it in the editor"
                                        onclick={link.callback({ let field = field.clone(); move |_| Msg::Reveal(field.clone()) })}>{ field }</button>
                                }
                            </p>
                        </div>
                    }
                </>
            }
        }
    };
    html! { <section class="pane pod" aria-label="Pod">{ inner }</section> }
}
