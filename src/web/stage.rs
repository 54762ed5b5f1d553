//! The stage: the cluster strip and the opened pod.

use yew::html::Scope;
use yew::prelude::*;

use super::app::{App, Msg};
use super::draw;
use crate::scene::cluster::{self, NodeTile, PodTile};
use crate::scene::facts::PodFacts;
use crate::scene::{pod as pod_scene, why};

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
    let taints = match n.taints.len() {
        0 => Html::default(),
        count => html! { <span class="taint" title={n.taints.join("\n")}>
        { if count == 1 { "tainted".to_owned() } else { format!("{count} taints") } }</span> },
    };
    let chosen = n.pods.iter().any(|p| app.chosen.as_deref() == Some(&p.uid));
    html! {
        <div key={n.name.clone()} class={classes!("node", n.mark.class(), chosen.then_some("chosen"), (!n.running).then_some("stopped"))}
            role="group" aria-label={format!("Node {}", n.name)}>
            <h2 title={n.name.clone()}>{ n.short.clone() }</h2>
            <span class="about"><span class="size">{ n.size.clone() }</span>{ taints }</span>
            <span class={classes!("status", n.mark.class())}>
                { if n.mark == crate::scene::Mark::Running { String::new() } else { format!("{} {}", n.mark.glyph(), n.status) } }</span>
            <button type="button" class="button bare node-switch" aria-label={format!("{verb} {}", n.name)}
                title={format!("{verb} {}", n.name)}
                onclick={link.callback(move |_| Msg::Node(name.clone(), start))}>{ if n.running { "■" } else { "▶" } }</button>
            <div class="pods">{ for n.pods.iter().map(|p| tile(app, link, p)) }</div>
            { gauge("CPU", n.cpu) }
            { gauge("memory", n.memory) }
        </div>
    }
}

fn gauge(name: &str, permille: u32) -> Html {
    html! {
        <svg class="gauge" role="img" aria-label={format!("{name} requested: {}%", permille / 10)} viewBox="0 0 1000 4"
            preserveAspectRatio="none">
            <title>{ format!("{name} requested: {}%", permille / 10) }</title>
            <rect class="bar" width="1000" height="4" /><rect class="bar-done" width={permille.to_string()} height="4" />
        </svg>
    }
}

fn tile(app: &App, link: &Scope<App>, p: &PodTile) -> Html {
    let uid = p.uid.clone();
    let name = if p.namespace == "default" { p.name.clone() } else { format!("{}/{}", p.namespace, p.name) };
    let on = app.chosen.as_deref() == Some(&p.uid);
    html! {
        <button key={p.uid.clone()} type="button" class={classes!("tile", p.mark.class())} aria-pressed={on.to_string()}
            title={format!("{name}: {}", p.status)} aria-label={format!("Pod {name}: {}", p.status)}
            onclick={link.callback(move |_| Msg::Choose(uid.clone()))}>
            <span aria-hidden="true">{ p.mark.glyph() }</span>{ " " }{ name }</button>
    }
}

pub fn pod(app: &App, facts: Option<&PodFacts>) -> Html {
    let inner = match facts {
        None => html! {
            <div class="scroll empty" ref={app.pod_host.clone()} tabindex="0">
                <p>{ "No pods yet." }</p>
                <p>{ "Apply a manifest in the editor, or type " }<code>{ "kubectl run web --image=nginx" }</code>{ " in the terminal." }</p>
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
                    <div class="scroll" ref={app.pod_host.clone()} tabindex="0">
                        { draw::svg(&format!("Inside {}", scene.name), "pod-scene", scene.width, scene.height, &scene.groups) }
                    </div>
                    if let Some(why) = why {
                        <div class={classes!("why", why.mark.class())}>
                            <h3>{ why.question }</h3>
                            <p>{ why.answer }</p>
                        </div>
                    }
                </>
            }
        }
    };
    html! { <section class="pane pod" aria-label="Pod">{ inner }</section> }
}
