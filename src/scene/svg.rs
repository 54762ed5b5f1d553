//! Tests: a scene as an SVG file that a browser shows with the page's own style sheets, so that what changed in a picture
//! can be read as text and looked at.

use std::fmt::Write;

use super::{Group, Part};

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('"', "&quot;")
}

/// A scene at a height of a document's.
pub fn part(class: &str, y: f64, width: f64, height: f64, groups: &[Group]) -> String {
    let mut out = format!(
        "<svg class=\"{class}\" y=\"{y:.0}\" width=\"{width:.0}\" height=\"{height:.0}\" \
         viewBox=\"0 0 {width:.0} {height:.0}\">\n\
         <defs><pattern id=\"{class}-hatch\" class=\"hatch-lines\" width=\"6\" height=\"6\" patternUnits=\"userSpaceOnUse\" \
         patternTransform=\"rotate(45)\"><path d=\"M0 0V6\"/></pattern></defs>\n"
    );
    for g in groups {
        let _ = writeln!(out, "<g id=\"{}\" class=\"{}\">", escape(&g.key), g.class);
        if !g.label.is_empty() {
            let _ = writeln!(out, "<title>{}</title>", escape(&g.label));
        }
        for p in &g.parts {
            let _ = match p {
                Part::Rect { class: role, at, round } => {
                    let fill = if *role == "hatch" { format!(" fill=\"url(#{class}-hatch)\"") } else { String::new() };
                    writeln!(
                        out,
                        "<rect class=\"{role}\" x=\"{:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"{:.1}\" rx=\"{round}\"{fill}/>",
                        at.x, at.y, at.w, at.h
                    )
                }
                Part::Path { class, d } => writeln!(out, "<path class=\"{class}\" d=\"{d}\"/>"),
                Part::Circle { class, x, y, r } => {
                    writeln!(out, "<circle class=\"{class}\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"{r}\"/>")
                }
                Part::Text { class, x, y, text } => {
                    writeln!(out, "<text class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\">{}</text>", escape(text))
                }
                Part::Travel { class, from, to } => writeln!(
                    out,
                    "<circle class=\"{class}\" r=\"6\" style=\"--from-x:{:.0}px;--from-y:{:.0}px;--to-x:{:.0}px;--to-y:{:.0}px\"/>",
                    from.0, from.1, to.0, to.1
                ),
            };
        }
        out.push_str("</g>\n");
    }
    out.push_str("</svg>\n");
    out
}

pub fn document(width: f64, height: f64, parts: &[String]) -> String {
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width:.0}\" height=\"{height:.0}\">\n{}</svg>\n",
        parts.concat()
    )
}
