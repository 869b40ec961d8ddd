//! kuva's SVG made fit for a page: named, described, scalable, and in the colours of its surroundings.
//!
//! Text and axes are drawn in one ink, which becomes `currentColor` here, so that a page sets it with `color`; alone
//! the figure is dark on a white sheet. The sheet is a rectangle of class `sheet`, which a page may hide.

use super::axes::FONT;
use super::colour::{GRID, INK, PAPER};
use kuva::backend::svg::SvgBackend;
use kuva::render::render::Scene;
use std::fmt::Write;

/// The scene as an SVG element whose ids begin with `id`.
pub(crate) fn write(scene: &Scene, id: &str, title: &str, description: &str) -> String {
    let raw = SvgBackend::new().render_scene(scene);
    let (ink, grid, paper) = (INK.to_svg_string(), GRID.to_svg_string(), PAPER.to_svg_string());
    let sheet = format!("<rect width=\"100%\" height=\"100%\" fill=\"{paper}\" />");
    // the body stands between kuva's root element with its comment and sheet, and the closing tag
    let body = raw.split_once(&sheet).map_or("", |(_, rest)| rest).trim_end().trim_end_matches("</svg>");
    // quotes in texts are escaped, so that these patterns match attributes only
    let body = body
        .replace(&format!("fill=\"{ink}\""), "fill=\"currentColor\"")
        .replace(&format!("stroke=\"{ink}\""), "stroke=\"currentColor\"")
        .replace(&format!("stroke=\"{grid}\""), "stroke=\"currentColor\" stroke-opacity=\"0.13\"");
    let (width, height) = (scene.width.round(), scene.height.round());
    let mut svg = String::with_capacity(body.len() + 600);
    let _ = write!(
        svg,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" id=\"{id}\" class=\"figure\" role=\"img\" \
         aria-labelledby=\"{id}-title {id}-desc\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" height=\"{height}\" \
         style=\"max-width:100%;height:auto\" color=\"{ink}\" fill=\"currentColor\" font-family=\"{FONT}\" \
         stroke-linejoin=\"round\"><title id=\"{id}-title\">{}</title><desc id=\"{id}-desc\">{}</desc>\
         <rect class=\"sheet\" width=\"100%\" height=\"100%\" fill=\"{paper}\"/>{body}</svg>",
        escaped(title),
        escaped(description),
        id = identifier(id),
    );
    svg
}

/// An id that is safe in HTML, in CSS selectors and in links.
pub(crate) fn identifier(text: &str) -> String {
    let mut id: String =
        text.chars().map(|letter| if letter.is_ascii_alphanumeric() || letter == '_' { letter } else { '-' }).collect();
    if !id.starts_with(|letter: char| letter.is_ascii_alphabetic()) {
        id.insert_str(0, "n-");
    }
    id
}

fn escaped(text: &str) -> String {
    // control characters are not allowed in XML 1.0 at all
    let clean: String =
        text.chars().filter(|letter| !letter.is_control() || *letter == '\n' || *letter == '\t').collect();
    clean.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
