//! The page.
use yew::prelude::*;
mod bindings;
#[component]
fn App() -> Html {
    html! {<p>{"hi"}</p>}
}
pub fn start() {
    yew::Renderer::<App>::new().render();
}
