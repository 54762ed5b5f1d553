//! The cluster: nodes with their pods, what is pulled, Services; a search; and a node looked at closer.

use std::rc::Rc;

use wasm_bindgen::JsCast;
use web_sys::{Element, HtmlElement, HtmlInputElement};
use yew::html::Scope;
use yew::prelude::*;

use super::app::{App, Msg};
use super::draw;
use super::frame::now;
use crate::lab::NodeSize;
use crate::scene::cluster::dense::{self, DenseScene};
use crate::scene::cluster::{self, ClusterScene, Filter, NodeTile, PodTile, SYSTEM, ServiceTile};
use crate::scene::facts::Pull;
use crate::scene::{Action, Mark, bytes, duration};

/// Above so many pods the picture of the cluster is made anew only now and then.
const MANY: usize = 400;
/// Real milliseconds between two pictures then, for each thousand pods.
const PAUSE: f64 = 250.0;
/// Matching pods that are listed.
const LISTED: usize = 60;
/// Pods without a tile of their own below this many need no search.
const FEW: usize = 10;

/// The fields of a node's size: name, words, least, most.
const SIZES: [(&str, &str, u32, u32); 3] =
    [("cpus", "CPUs", 1, 128), ("memory", "memory, Gi", 1, 1024), ("pods", "pods at most", 1, 250)];

/// The picture of the cluster, kept while it is true.
#[derive(Default)]
pub struct Kept {
    scene: Option<Rc<ClusterScene>>,
    dense: Option<Rc<DenseScene>>,
    made: f64,
    filter: String,
    chosen: Option<String>,
    width: f64,
}

impl App {
    /// Makes the picture of the cluster anew if it is time.
    pub(super) fn see_cluster(&mut self, at: f64) {
        let pods: usize = self.kept.scene.as_ref().map_or(0, |s| s.nodes.iter().map(|n| n.pods.len()).sum());
        let pause = if pods > MANY { PAUSE * pods as f64 / 1000.0 } else { 0.0 };
        let same = self.kept.filter == self.filter
            && self.kept.chosen == self.chosen
            && (self.kept.width - self.cluster_width).abs() < 1.0;
        if same && self.kept.scene.is_some() && at - self.kept.made < pause {
            return;
        }
        let scene = cluster::build(&self.session.cluster(), &Filter::parse(&self.filter));
        let room = if self.settings.zoomed.as_deref() == Some("cluster") { 2000.0 } else { 300.0 };
        self.kept.dense =
            scene.dense.then(|| Rc::new(dense::build(&scene, self.cluster_width, room, self.chosen.as_deref())));
        self.kept.scene = Some(Rc::new(scene));
        self.kept.made = at;
        self.kept.filter.clone_from(&self.filter);
        self.kept.chosen.clone_from(&self.chosen);
        self.kept.width = self.cluster_width;
    }

    /// Makes it anew at once, as there may be another room for it.
    pub(super) fn see_cluster_anew(&mut self) {
        self.kept.scene = None;
        self.see_cluster(now());
    }
}

pub fn pane(app: &App, link: &Scope<App>) -> Html {
    let Some(scene) = &app.kept.scene else {
        return html! { <section class="pane cluster" aria-label="Cluster" ref={app.cluster_host.clone()} /> };
    };
    let pulls = app.session.pulls();
    let own: usize = scene.counts.iter().map(|c| c.1).sum();
    let near = app.near.as_ref().and_then(|name| scene.nodes.iter().find(|n| n.name == *name));
    let searched = own > FEW || scene.dense || app.searching || !app.filter.is_empty();
    html! {
        <section class={classes!("pane", "cluster", scene.dense.then_some("dense"))} aria-label="Cluster" ref={app.cluster_host.clone()}>
            if searched { { search(app, link, scene) } }
            if let Some(dense) = &app.kept.dense {
                <Dense scene={Same(dense.clone())} act={link.callback(Msg::Act)} choose={link.callback(Msg::Choose)} />
            } else {
                <div class="nodes">
                    { for scene.nodes.iter().map(|n| node(app, link, n, pulls.get(&n.name))) }
                    if !scene.unscheduled.is_empty() {
                        <div class="node none" role="group" aria-label="Not scheduled">
                            <h2>{ "on no node yet" }</h2>
                            <div class="pods">{ for scene.unscheduled.iter().map(|p| waiting(app, link, p)) }</div>
                        </div>
                    }
                </div>
            }
            if !app.filter.is_empty() && scene.dense { { matching(app, link, scene) } }
            if !scene.services.is_empty() {
                <div class="services" role="group" aria-label="Services">
                    { for scene.services.iter().take(LISTED).map(|s| service(app, link, s)) }
                </div>
            }
            if let Some(n) = near { { closer(app, link, n, pulls.get(&n.name), scene.dense) } }
        </section>
    }
}

fn search(app: &App, link: &Scope<App>, scene: &ClusterScene) -> Html {
    let typed =
        link.batch_callback(|e: InputEvent| Some(Msg::Filter(e.target_dyn_into::<HtmlInputElement>()?.value())));
    let keys = link.batch_callback(|e: KeyboardEvent| {
        (e.key() == "Escape").then(|| {
            e.stop_propagation();
            Msg::Filter(String::new())
        })
    });
    let said = if app.filter.is_empty() { String::new() } else { format!("{} match", scene.matching) };
    html! {
        <div class="search" role="search">
            <input type="search" aria-label="Search pods" placeholder="name, app=web, ns:default, is:failed, node:worker2"
                title="All words have to match: part of a name, label=value, ns:NAMESPACE, is:STATUS, node:NAME" spellcheck="false"
                value={app.filter.clone()} oninput={typed} onkeydown={keys} ref={app.search_input.clone()} />
            <span class="found" role="status">{ said }</span>
            { for scene.counts.iter().map(|(mark, n)| {
                let word = format!("is:{}", mark.class());
                let on = app.filter.split_whitespace().any(|w| w == word);
                let filter = toggled(&app.filter, &word);
                html! {
                    <button type="button" class={classes!("count", mark.class())} aria-pressed={on.to_string()}
                        aria-label={format!("{n} pods: {}", mark.class())}
                        onclick={link.callback(move |_| Msg::Filter(filter.clone()))}>
                        { format!("{} {n}", mark.glyph()) }</button>
                }
            }) }
        </div>
    }
}

/// The filter with this `is:` word, or without it; there is one at most.
fn toggled(filter: &str, word: &str) -> String {
    let mut words: Vec<&str> = filter.split_whitespace().filter(|w| !w.starts_with("is:")).collect();
    if !filter.split_whitespace().any(|w| w == word) {
        words.push(word);
    }
    words.join(" ")
}

fn matching(app: &App, link: &Scope<App>, scene: &ClusterScene) -> Html {
    let all = scene.nodes.iter().flat_map(|n| &n.pods).chain(&scene.unscheduled).filter(|p| !p.dim);
    let more = scene.matching.saturating_sub(LISTED);
    html! {
        <div class="pods matching" role="group" aria-label="Matching pods">
            { for all.take(LISTED).map(|p| tile(app, link, p)) }
            if more > 0 { <span class="quiet">{ format!("and {more} more") }</span> }
        </div>
    }
}

fn node(app: &App, link: &Scope<App>, n: &NodeTile, pull: Option<&Pull>) -> Html {
    let mark = if n.running { n.mark } else { Mark::Unknown };
    let well = n.running && n.mark == Mark::Running && !n.cordoned;
    let taints = match n.taints.len() {
        0 => Html::default(),
        count => html! { <span class="taint" title={n.taints.join("\n")}>
        { if count == 1 { "tainted".to_owned() } else { format!("{count} taints") } }</span> },
    };
    // The cluster's own pods are there to be looked at, and otherwise out of the way.
    let (system, own): (Vec<&PodTile>, Vec<&PodTile>) = n.pods.iter().partition(|p| p.namespace == SYSTEM);
    let chosen = n.pods.iter().any(|p| app.chosen.as_deref() == Some(&p.uid));
    let near = app.near.as_deref() == Some(&n.name);
    let name = n.name.clone();
    html! {
        <div key={n.name.clone()} class={classes!("node", mark.class(), chosen.then_some("chosen"), (!n.running).then_some("stopped"))}
            role="group" aria-label={format!("Node {}", n.name)}>
            <h2 title={n.name.clone()}>{ n.short.clone() }</h2>
            if well {
                <span class="about"><span class="size">{ n.size.clone() }</span>{ taints }</span>
            } else {
                <span class={classes!("about", "off", mark.class())} role="status">{ said(n) }</span>
            }
            <span class="node-buttons">
                <button type="button" class="button bare" aria-label={format!("More of {}", n.name)} aria-expanded={near.to_string()}
                    title="Conditions, images, cordon, drain, size"
                    onclick={link.callback(move |_| Msg::Act(Action::Node(name.clone())))}>{ "⋯" }</button>
                { switch(link, n) }
            </span>
            <div class="pods">
                { for own.into_iter().map(|p| tile(app, link, p)) }
                if !system.is_empty() {
                    <details key="system" class="system">
                        <summary>{ format!("{} in {SYSTEM}", system.len()) }</summary>
                        <div>{ for system.into_iter().map(|p| tile(app, link, p)) }</div>
                    </details>
                }
            </div>
            if let Some(pull) = pull { { pulling(pull) } }
            <div class="gauges">{ gauge("cpu", n.cpu) }{ gauge("memory", n.memory) }</div>
        </div>
    }
}

/// How a node is that isn't well; the API finds out later what has become of a machine.
fn said(n: &NodeTile) -> String {
    match (n.running, n.mark) {
        (false, _) => format!("stopped; the API says {}", n.status),
        (true, mark) => format!("{} {}", mark.glyph(), n.status.replace(",SchedulingDisabled", ", cordoned")),
    }
}

fn switch(link: &Scope<App>, n: &NodeTile) -> Html {
    let (name, start) = (n.name.clone(), !n.running);
    let verb = if n.running { "Stop" } else { "Start" };
    html! {
        <button type="button" class="button bare node-switch" aria-label={format!("{verb} {}", n.name)}
            title={format!("{verb} {}", n.name)} onclick={link.callback(move |_| Msg::Node(name.clone(), start))}>
            <svg width="14" height="14" viewBox="0 0 14 14" aria-hidden="true"><path d="M7 1.5v5.2M4.1 3.2a4.8 4.8 0 1 0 5.8 0" /></svg>
            if start { { "Start" } }
        </button>
    }
}

fn pulling(pull: &Pull) -> Html {
    let name = pull.image.trim_start_matches("docker.io/library/").trim_start_matches("docker.io/");
    let size = if pull.bytes > 0 {
        format!("{} of {}", bytes(pull.bytes as f64 * pull.passed()), bytes(pull.bytes as f64))
    } else {
        "asking".into()
    };
    let said = format!("pulling {name}: {size}, {} left", duration(pull.left.ceil()));
    html! {
        <p class="pulling" title={said.clone()}><span>{ said }</span>
            <svg aria-hidden="true" viewBox="0 0 1000 4" preserveAspectRatio="none">
                <rect class="bar" width="1000" height="4" /><rect class="bar-done" width={format!("{:.0}", pull.passed() * 1000.0)} height="4" />
            </svg></p>
    }
}

/// A node looked at closer.
fn closer(app: &App, link: &Scope<App>, n: &NodeTile, pull: Option<&Pull>, dense: bool) -> Html {
    let run = |command: String, word: &'static str| {
        html! { <button type="button" class="button" title={command.clone()}
        onclick={link.callback(move |_| Msg::Run(command.clone()))}>{ word }</button> }
    };
    let name = n.name.clone();
    let cordon = if n.cordoned { "uncordon" } else { "cordon" };
    html! {
        <div class="closer" role="group" aria-label={format!("More of {}", n.name)}>
            <p class="row"><b>{ n.name.clone() }</b><span class="quiet">{ said(n) }</span><span class="gap" />
                { run(format!("kubectl {cordon} {}", n.name), if n.cordoned { "Uncordon" } else { "Cordon" }) }
                { run(format!("kubectl drain {} --ignore-daemonsets --force --delete-emptydir-data", n.name), "Drain") }
                if dense { { switch(link, n) } }
                <button type="button" class="button bare" aria-label="Close" title="Close"
                    onclick={link.callback(move |_| Msg::Act(Action::Node(name.clone())))}>{ "✕" }</button></p>
            <dl>
                { for n.more.iter().map(|(key, value)| {
                    let wide = value.len() > 40;
                    html! { <div class={wide.then_some("wide")}><dt>{ *key }</dt><dd>{ value.clone() }</dd></div> }
                }) }
                if !n.taints.is_empty() {
                    <div class="wide"><dt>{ "taints" }</dt><dd>{ n.taints.join(", ") }</dd></div>
                }
            </dl>
            { size(link, n) }
            if let Some(pull) = pull.filter(|_| dense) { { pulling(pull) } }
            if dense { <div class="pods">{ for n.pods.iter().map(|p| tile(app, link, p)) }</div> }
        </div>
    }
}

/// The machine's size, to be changed.
fn size(link: &Scope<App>, n: &NodeTile) -> Html {
    let name = n.name.clone();
    let had = n.capacity;
    let submit = link.batch_callback(move |e: SubmitEvent| {
        e.prevent_default();
        let form = e.target_dyn_into::<HtmlElement>()?;
        let [cpus, memory, pods] = std::array::from_fn(|i| {
            let (key, _, least, most) = SIZES[i];
            let input = form.query_selector(&format!("[name={key}]")).ok().flatten();
            let typed =
                input.and_then(|i| i.dyn_into::<HtmlInputElement>().ok()).and_then(|i| i.value().trim().parse().ok());
            typed.unwrap_or(had[i]).clamp(least, most)
        });
        let size = NodeSize { cpu_millis: u64::from(cpus) * 1000, memory_bytes: u64::from(memory) << 30, pods };
        Some(Msg::Resize(name.clone(), size))
    });
    html! {
        <form key={format!("{}-{had:?}", n.name)} class="row resize" aria-label={format!("Size of {}", n.name)} onsubmit={submit}>
            { for SIZES.iter().zip(had).map(|((key, words, least, most), value)| html! {
                <label>{ *words }{ " " }<input type="number" name={*key} required=true min={least.to_string()} max={most.to_string()} ~defaultValue={value.to_string()} /></label>
            }) }
            <button type="submit" class="button" title="Its kubelet is restarted and admits its pods anew: what no longer fits is rejected, the youngest first">{ "Resize" }</button>
        </form>
    }
}

fn service(app: &App, link: &Scope<App>, s: &ServiceTile) -> Html {
    let name = if s.namespace == "default" { s.name.clone() } else { format!("{}/{}", s.namespace, s.name) };
    let mark = if s.ready > 0 { Mark::Running } else { Mark::Pending };
    let on = !s.filter.is_empty() && app.filter == s.filter;
    let filter = if on { String::new() } else { s.filter.clone() };
    html! {
        <button key={name.clone()} type="button" class={classes!("service", mark.class())} aria-pressed={on.to_string()}
            disabled={s.filter.is_empty()} title="Show which pods it chooses" onclick={link.callback(move |_| Msg::Filter(filter.clone()))}>
            <b>{ name }</b>{ " " }<span class="quiet">{ s.about.clone() }</span>{ " " }
            <span class="ready">{ format!("{} {} of {} ready", mark.glyph(), s.ready, s.all) }</span>
        </button>
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

fn waiting(app: &App, link: &Scope<App>, p: &PodTile) -> Html {
    html! { <span class="waits">{ tile(app, link, p) }if !p.waits.is_empty() { <span class="quiet">{ p.waits.clone() }</span> }</span> }
}

fn tile(app: &App, link: &Scope<App>, p: &PodTile) -> Html {
    let uid = p.uid.clone();
    let name = if p.namespace == "default" { p.name.clone() } else { format!("{}/{}", p.namespace, p.name) };
    // Below the heading that names it.
    let short = if p.namespace == SYSTEM { p.name.clone() } else { name.clone() };
    let on = app.chosen.as_deref() == Some(&p.uid);
    html! {
        <button key={p.uid.clone()} type="button" class={classes!("tile", p.mark.class(), p.dim.then_some("dim"))} aria-pressed={on.to_string()}
            title={format!("{name}: {}", p.status)} aria-label={format!("Pod {name}: {}", p.status)}
            onclick={link.callback(move |_| Msg::Choose(uid.clone()))}>
            <span aria-hidden="true">{ p.mark.glyph() }</span>{ " " }{ short }</button>
    }
}

/// Equal only if it is the same.
#[derive(Clone)]
pub struct Same(Rc<DenseScene>);

impl PartialEq for Same {
    fn eq(&self, other: &Same) -> bool {
        Rc::ptr_eq(&self.0, &other.0)
    }
}

#[derive(Properties, PartialEq)]
pub struct DenseProps {
    pub scene: Same,
    pub act: Callback<Action>,
    pub choose: Callback<String>,
}

/// Thousands of pods: drawn again only when the scene is another.
pub struct Dense {
    over: NodeRef,
}

impl Component for Dense {
    type Message = ();
    type Properties = DenseProps;

    fn create(_: &Context<Self>) -> Dense {
        Dense { over: NodeRef::default() }
    }

    fn view(&self, ctx: &Context<Self>) -> Html {
        let props = ctx.props();
        let scene = props.scene.0.clone();
        let at = |e: &MouseEvent| {
            let svg = e.target_dyn_into::<Element>()?.closest("svg").ok().flatten()?;
            let place = svg.get_bounding_client_rect();
            Some((f64::from(e.client_x()) - place.left(), f64::from(e.client_y()) - place.top()))
        };
        let choose = {
            let (scene, choose) = (scene.clone(), props.choose.clone());
            Callback::from(move |e: MouseEvent| {
                if let Some((x, y)) = at(&e)
                    && let Some((uid, _)) = scene.at(x, y)
                {
                    choose.emit(uid.to_owned());
                }
            })
        };
        let over = {
            let (scene, line) = (scene.clone(), self.over.clone());
            // Into the line at once: thousands of pods aren't drawn anew for a pointer that moves.
            Callback::from(move |e: MouseEvent| {
                let name = at(&e).and_then(|(x, y)| scene.at(x, y)).map(|(_, name)| name);
                if let Some(line) = line.cast::<Element>() {
                    line.set_text_content(name);
                }
            })
        };
        html! {
            <div class="dense-host" onclick={choose} onmousemove={over}>
                { draw::svg("Nodes and their pods", "dense-scene", scene.width, scene.height, &scene.groups, Some((&props.act, None))) }
                <p class="over" aria-hidden="true" ref={self.over.clone()} />
            </div>
        }
    }
}
