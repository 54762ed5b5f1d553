//! Scenes as SVG.

use yew::prelude::*;

use crate::scene::{Action, Group, Part};

/// What takes the actions of a scene's groups, and the key of the group that is switched on.
pub type Actor<'a> = (&'a Callback<Action>, Option<&'a str>);

/// One SVG of a scene's groups, a unit being a CSS pixel.
pub fn svg(label: &str, class: &'static str, width: f64, height: f64, groups: &[Group], actor: Option<Actor>) -> Html {
    scaled(label, class, (width, height), 1.0, groups, actor)
}

/// The same with a unit of so many CSS pixels.
pub fn scaled(
    label: &str,
    class: &'static str,
    (width, height): (f64, f64),
    scale: f64,
    groups: &[Group],
    actor: Option<Actor>,
) -> Html {
    html! {
        <svg class={class} role="group" aria-label={label.to_owned()}
            width={number(width * scale)} height={number(height * scale)} viewBox={format!("0 0 {} {}", number(width), number(height))}>
            <defs>
                <pattern id={format!("{class}-hatch")} class="hatch-lines" width="6" height="6" patternUnits="userSpaceOnUse"
                    patternTransform="rotate(45)"><path d="M0 0V6" /></pattern>
            </defs>
            { for groups.iter().map(|g| group(g, class, actor)) }
        </svg>
    }
}

fn group(g: &Group, scene: &'static str, actor: Option<Actor>) -> Html {
    let title = if g.label.is_empty() {
        Html::default()
    } else {
        html! { <title>{ g.label.clone() }</title> }
    };
    let parts = g.parts.iter().map(|p| part(p, scene));
    let on = actor.and_then(|actor| actor.1);
    // The container whose log is shown.
    let picked =
        g.key.strip_prefix("container-").is_some_and(|name| on.and_then(|on| on.strip_prefix("logs-")) == Some(name));
    let Some((action, (callback, on))) = g.action.as_ref().zip(actor) else {
        let class = classes!(g.class.clone(), picked.then_some("on"));
        return html! { <g key={g.key.clone()} {class}>{ title }{ for parts }</g> };
    };
    let act = {
        let (callback, action) = (callback.clone(), action.clone());
        move || callback.emit(action.clone())
    };
    let click = Callback::from({
        let act = act.clone();
        move |_: MouseEvent| act()
    });
    let keys = Callback::from(move |e: KeyboardEvent| {
        if matches!(e.key().as_str(), "Enter" | " ") {
            e.prevent_default();
            act();
        }
    });
    // A card is full of words; its buttons do the same for those who have no pointer.
    if g.class.starts_with("card") {
        let class = classes!(g.class.clone(), "clicks", picked.then_some("on"));
        return html! { <g key={g.key.clone()} {class} onclick={click}>{ title }{ for parts }</g> };
    }
    let on = on == Some(g.key.as_str());
    html! {
        <g key={g.key.clone()} class={classes!(g.class.clone(), on.then_some("on"))} role="button" tabindex="0"
            aria-label={g.label.clone()} onclick={click} onkeydown={keys}>{ title }{ for parts }</g>
    }
}

fn part(p: &Part, scene: &'static str) -> Html {
    match p {
        Part::Rect { class, at, round } => {
            let fill = (*class == "hatch").then(|| format!("url(#{scene}-hatch)"));
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
        Part::Travel { class, from, to } => {
            let way = format!(
                "--from-x:{}px;--from-y:{}px;--to-x:{}px;--to-y:{}px",
                number(from.0),
                number(from.1),
                number(to.0),
                number(to.1)
            );
            html! { <circle class={*class} r="6" style={way} /> }
        }
    }
}

/// Tenths of a pixel are enough.
fn number(value: f64) -> String {
    let tenths = (value * 10.0).round() / 10.0;
    format!("{tenths}")
}
