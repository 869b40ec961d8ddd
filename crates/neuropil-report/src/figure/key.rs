//! What stands above the axes, where it can never cover data: the panel's letter and title, and the legend.

use super::axes::{LABEL_SIZE, TITLE_SIZE, text_width};
use super::colour::INK;
use super::draw::{Look, Pen};
use super::mark::{Mark, Shape, Stroke};
use kuva::render::render::{Primitive, TextAnchor};
use kuva::render::render_utils::wrap_text;

const SWATCH: f64 = 26.0;
const GAP: f64 = 6.0;
const BETWEEN: f64 = 18.0;
const ROW: f64 = 18.0;
const TITLE_ROW: f64 = 17.0;

/// One entry of the legend: all marks that share a name.
pub(crate) struct Entry<'a> {
    name: &'a str,
    marks: Vec<(&'a Mark, usize)>,
}

impl Entry<'_> {
    /// Whether this is its name, in capitals or not.
    pub fn is_named(&self, title: &str) -> bool {
        self.name.eq_ignore_ascii_case(title)
    }
}

/// The entries of a panel whose names `seen` does not hold yet.
pub(crate) fn entries<'a>(marks: &'a [Mark], turns: &[usize], seen: &mut Vec<String>) -> Vec<Entry<'a>> {
    let mut entries: Vec<Entry<'a>> = Vec::new();
    for (mark, &turn) in marks.iter().zip(turns).filter(|(mark, _)| !mark.name.is_empty()) {
        match entries.iter_mut().find(|entry| entry.name == mark.name) {
            Some(entry) => entry.marks.push((mark, turn)),
            None => entries.push(Entry { name: &mark.name, marks: vec![(mark, turn)] }),
        }
    }
    entries.retain(|entry| !seen.iter().any(|name| name == entry.name));
    seen.extend(entries.iter().map(|entry| entry.name.to_string()));
    entries
}

/// The head of a panel, laid out for a width.
pub(crate) struct Head<'a> {
    letter: Option<char>,
    title: Vec<String>,
    rows: Vec<Vec<Entry<'a>>>,
}

impl<'a> Head<'a> {
    /// `width` is the space from the left edge of the axes to the right edge of the panel, in pixels.
    pub fn new(letter: Option<char>, title: &str, entries: Vec<Entry<'a>>, width: f64) -> Head<'a> {
        let title = if title.is_empty() { Vec::new() } else { wrap_text(title, (width / 7.8).max(12.0) as usize) };
        let mut rows: Vec<Vec<Entry<'a>>> = Vec::new();
        let mut used = f64::INFINITY;
        let indent = if letter.is_some() && title.is_empty() { 18.0 } else { 0.0 };
        for entry in entries {
            let needed = SWATCH + GAP + text_width(entry.name, f64::from(LABEL_SIZE)) + BETWEEN;
            if used + needed - BETWEEN > width {
                rows.push(Vec::new());
                used = if rows.len() == 1 { indent } else { 0.0 };
            }
            used += needed;
            if let Some(row) = rows.last_mut() {
                row.push(entry);
            }
        }
        Head { letter, title, rows }
    }

    /// The height it needs, with some air below.
    pub fn height(&self) -> f64 {
        // a letter without a title stands before the legend
        let letter = self.letter.is_some() && self.title.is_empty() && self.rows.is_empty();
        10.0 + TITLE_ROW * self.title.len().max(usize::from(letter)) as f64 + ROW * self.rows.len() as f64
    }

    /// Draws it with its lower edge at the top of the axes.
    pub fn draw(&self, pen: &mut Pen<'_>, left: f64, axes_top: f64) {
        let mut y = axes_top - self.height() + 14.0;
        let text = |x: f64, y: f64, content: &str, size: u32, bold: bool| Primitive::Text {
            x,
            y,
            content: content.into(),
            size,
            anchor: TextAnchor::Start,
            rotate: None,
            bold,
            color: Some(INK),
        };
        let mut indent = 0.0;
        if let Some(letter) = self.letter {
            pen.scene.add(text(left, y, &letter.to_string(), TITLE_SIZE, true));
            indent = 18.0;
        }
        for line in &self.title {
            pen.scene.add(text(left + indent, y, line, TITLE_SIZE, false));
            y += TITLE_ROW;
        }
        for (index, row) in self.rows.iter().enumerate() {
            let mut x = if index == 0 && self.title.is_empty() { left + indent } else { left };
            for entry in row {
                draw_swatch(pen, x, y - 4.0, entry);
                pen.scene.add(text(x + SWATCH + GAP, y, entry.name, LABEL_SIZE, false));
                x += SWATCH + GAP + text_width(entry.name, f64::from(LABEL_SIZE)) + BETWEEN;
            }
            y += ROW;
        }
    }
}

fn draw_swatch(pen: &mut Pen<'_>, x: f64, y: f64, entry: &Entry<'_>) {
    let (right, middle) = (x + SWATCH, x + 0.5 * SWATCH);
    for (mark, turn) in &entry.marks {
        let look = Look::of(mark, *turn);
        let colour = look.colour.paint();
        let rectangle = |half: f64| [(x, y - half), (right, y - half), (right, y + half), (x, y + half)];
        match mark.shape {
            Shape::Line { .. } | Shape::Step { .. } => {
                pen.line(&[(x, y), (right, y)], colour, look.line_width(), look.stroke);
            }
            Shape::HLines { .. } => pen.line(&[(x, y), (right, y)], colour, 1.1, look.stroke),
            Shape::VLines { .. } => pen.line(&[(middle, y - 6.0), (middle, y + 6.0)], colour, 1.1, look.stroke),
            Shape::Band { .. } => pen.fill(&rectangle(5.0), colour, Some(0.22)),
            Shape::Bars { .. } => pen.fill(&rectangle(5.0), colour, None),
            Shape::Points { .. } => pen.point((middle, y), look.marker, look.radius(), colour),
            Shape::ErrorBars { .. } => {
                pen.line(&[(middle, y - 6.0), (middle, y + 6.0)], colour.clone(), 1.3, Stroke::Solid);
                pen.point((middle, y), look.marker, look.radius(), colour);
            }
            Shape::HeatMap(_) => {}
        }
    }
}
