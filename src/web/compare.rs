//! Two branches side by side: a panel beside the pictures, which stay in use.

use web_sys::{HtmlElement, HtmlSelectElement};
use yew::html::Scope;
use yew::prelude::*;

use super::app::{App, Msg};
use super::clock::Do;
use super::session::BranchFacts;
use crate::scene::clock;
use crate::scene::compare::{Comparison, PodState, Side};

/// Real milliseconds that the work may take of a frame, and polls between two looks at the clock.
const WORK: f64 = 12.0;
const SLICE: u64 = 250;

#[derive(Default)]
pub struct State {
    /// Which two, while the panel is open.
    branches: Option<[usize; 2]>,
    told: Option<Comparison>,
    panel: NodeRef,
    focus: bool,
}

impl App {
    pub(super) fn compare(&mut self, branches: [usize; 2]) {
        self.close_menu();
        let state = &mut self.clock.comparison;
        state.focus = state.branches.is_none();
        (state.branches, state.told) = (Some(branches), None);
        self.session.compare(branches);
        self.said = "Comparing".into();
    }

    pub(super) fn close_comparison(&mut self) {
        self.session.stop_comparing();
        self.clock.comparison = State::default();
    }

    /// Whether there is something new to see.
    pub(super) fn go_on_comparing(&mut self, now: &impl Fn() -> f64) -> bool {
        let began = now();
        while self.session.is_comparing() && now() - began < WORK {
            if let Some(told) = self.session.go_on_comparing(SLICE) {
                self.said =
                    format!("They part at {}; {} pods differ", clock(told.parted, 1), told.pods.len() + told.more);
                self.clock.comparison.told = Some(told);
                return true;
            }
        }
        false
    }

    /// The panel has the focus when it opens.
    pub(super) fn focus_comparison(&mut self) {
        if std::mem::take(&mut self.clock.comparison.focus)
            && let Some(panel) = self.clock.comparison.panel.cast::<HtmlElement>()
        {
            // An element that is there can have it.
            let _ = panel.focus();
        }
    }
}

pub fn panel(app: &App, link: &Scope<App>) -> Html {
    let state = &app.clock.comparison;
    let Some(branches) = state.branches else { return Html::default() };
    let all = app.session.branches();
    let close = link.callback(|_: MouseEvent| Msg::Clock(Do::NoComparison));
    let keys = link.batch_callback(|e: KeyboardEvent| {
        (e.key() == "Escape").then(|| {
            e.stop_propagation();
            Msg::Clock(Do::NoComparison)
        })
    });
    let again = link.callback(move |_: MouseEvent| Msg::Clock(Do::Compare(branches)));
    html! {
        <div class="compare" role="dialog" aria-label="Two branches" tabindex="-1" ref={state.panel.clone()} onkeydown={keys}>
            <div class="row">
                <h2>{ "Two branches" }</h2><span class="gap" />
                <button type="button" class="button bare" title="At the instant that is shown" onclick={again}>{ "at the playhead" }</button>
                <button type="button" class="button bare" aria-label="Close the comparison" title="Close (Escape)" onclick={close}>{ "✕" }</button>
            </div>
            <div class="two">{ choice(link, &all, branches, 0) }{ choice(link, &all, branches, 1) }</div>
            if let Some(told) = &state.told {
                { found(told) }
            } else if branches[0] == branches[1] || !app.session.is_comparing() {
                <p class="quiet">{ "These two have nothing apart: choose another." }</p>
            } else {
                <p class="quiet" role="status">{ "Living both again…" }</p>
            }
        </div>
    }
}

fn choice(link: &Scope<App>, all: &[BranchFacts], branches: [usize; 2], which: usize) -> Html {
    let chosen = link.batch_callback(move |e: Event| {
        let index = e.target_dyn_into::<HtmlSelectElement>()?.value().parse().ok()?;
        let mut branches = branches;
        branches[which] = index;
        Some(Msg::Clock(Do::Compare(branches)))
    });
    let name = if which == 0 { "One branch" } else { "The other branch" };
    html! {
        <select aria-label={name} onchange={chosen}>
            { for all.iter().map(|b| html! {
                <option value={b.index.to_string()} selected={b.index == branches[which]}>
                    { if b.current { format!("{} (shown)", b.name) } else { b.name.clone() } }</option>
            }) }
        </select>
    }
}

fn found(told: &Comparison) -> Html {
    let after = told.after.as_ref().map(|words| html! { <>{ ", after " }<code>{ words.clone() }</code></> });
    html! {
        <div class="found">
            <p>{ "They part at " }<b>{ clock(told.parted, 1) }</b>{ after }{ "." }</p>
            <h3>{ "What was done then" }</h3>
            <div class="two">{ for told.sides.iter().map(done) }</div>
            <h3>{ format!("Pods at {}", clock(told.at, 1)) }</h3>
            if told.pods.is_empty() {
                <p class="quiet">{ if told.same == 0 { "There are none.".to_owned() } else { format!("None differs, of {}.", told.same) } }</p>
            } else {
                { for told.pods.iter().map(|pair| html! {
                    <div key={pair.name.clone()} class="pair" role="group" aria-label={pair.name.clone()}>
                        <b>{ pair.name.clone() }</b>
                        <div class="two">{ for pair.sides.iter().map(|s| state(s.as_ref())) }</div>
                    </div>
                }) }
                if told.more > 0 { <p class="quiet">{ format!("and {} more", told.more) }</p> }
                if told.same > 0 { <p class="quiet">{ format!("{} {} alike.", told.same, if told.same == 1 { "is" } else { "are" }) }</p> }
            }
        </div>
    }
}

fn done(side: &Side) -> Html {
    html! {
        <ul>
            { for side.inputs.iter().map(|(at, words)| html! {
                <li><span class="span">{ clock(*at, 1) }</span><code>{ words.clone() }</code></li>
            }) }
            if side.inputs.is_empty() { <li class="quiet">{ "nothing" }</li> }
            if side.more > 0 { <li class="quiet">{ format!("and {} more", side.more) }</li> }
        </ul>
    }
}

fn state(state: Option<&PodState>) -> Html {
    let Some(s) = state else { return html! { <span class="quiet">{ "there is none" }</span> } };
    let phase = if s.phase == s.status { String::new() } else { format!(" ({})", s.phase) };
    let restarts = match s.restarts {
        0 => String::new(),
        1 => ", 1 restart".into(),
        n => format!(", {n} restarts"),
    };
    html! { <span class={classes!("status", s.mark.class())}>{ format!("{} {}{phase}{restarts}", s.mark.glyph(), s.status) }</span> }
}
