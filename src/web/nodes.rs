//! The choice of the cluster's shape: how many nodes, how large, and the seed. A new shape is a new laboratory.

use gloo::utils::document;
use wasm_bindgen::JsCast;
use web_sys::HtmlInputElement;
use yew::html::Scope;
use yew::prelude::*;

use super::app::{App, Msg};
use super::session::{LIMITS, Shape};

/// Names and labels of the fields, in the order of [`Shape::values`].
const FIELDS: [(&str, &str); 4] =
    [("workers", "worker nodes"), ("cpus", "CPUs of a node"), ("memory", "memory of a node, Gi"), ("seed", "seed")];

/// What the form says; a field that holds no number keeps its value.
fn typed(shape: Shape) -> Shape {
    let values = shape.values();
    Shape::of(std::array::from_fn(|i| {
        let input = document().get_element_by_id(FIELDS[i].0).and_then(|e| e.dyn_into::<HtmlInputElement>().ok());
        input.and_then(|input| input.value().trim().parse().ok()).unwrap_or(values[i])
    }))
}

/// The switch that cuts the world outside off.
pub fn internet(app: &App, link: &Scope<App>) -> Html {
    let on = app.session.has_internet();
    html! {
        <button type="button" class="button" title="Whether pods and nodes reach the world outside" onclick={link.callback(move |_| Msg::Internet(!on))}>
            { if on { "Internet on" } else { "Internet off" } }
        </button>
    }
}

pub fn form(app: &App, link: &Scope<App>) -> Html {
    let shape = app.settings.shape;
    let submit = link.callback(move |e: SubmitEvent| {
        e.prevent_default();
        Msg::Reshape(typed(shape))
    });
    html! {
        <details class="help" ref={app.shape_details.clone()}>
            <summary class="button" title="Number and size of nodes">
                { format!("{} nodes", shape.workers + 1) }
            </summary>
            <form class="help-text" onsubmit={submit}>
                <p>{ "A new cluster begins at once; files stay." }</p>
                <div class="fields">
                    { for FIELDS.iter().zip(LIMITS).zip(shape.values()).map(|(((name, label), (least, most)), value)| html! {
                        <>
                            <label for={*name}>{ *label }</label>
                            <input id={*name} type="number" required=true min={least.to_string()} max={most.to_string()}
                                ~defaultValue={value.to_string()} />
                        </>
                    }) }
                </div>
                <button type="submit" class="button go">{ "New cluster" }</button>
            </form>
        </details>
    }
}
