//! Figures: panels of marks with labelled axes, to SVG and PNG.
//!
//! The axes, ticks, colour maps and both file formats are kuva's; the marks are ours, because a figure of ours has to
//! show gaps at NaN, logarithmic axes below 1e-10, dashes in PNG, and the same series in the same dress everywhere.

mod arrange;
mod axes;
mod colour;
mod draw;
mod key;
mod mark;
mod matrix;
mod outline;
mod panel;
mod record;
mod svg;

pub use colour::{Colour, ColourMap, ColourScale};
pub use mark::{HeatMap, Marker, Stroke};
pub use panel::Panel;
pub(crate) use svg::identifier;

use crate::ReportError;
use crate::files;
use draw::Medium;
use serde::{Deserialize, Serialize};
use std::path::Path;

/// One or more panels under one title.
///
/// A figure is a description of what to draw, with all its data; it can be stored with serde and drawn later.
///
/// ```
/// use neuropil_report::{Figure, Panel};
/// let time: Vec<f64> = (0..100).map(f64::from).collect();
/// let value: Vec<f64> = time.iter().map(|t| (t / 10.0).sin()).collect();
/// let figure = Figure::new("wave", "A wave")
///     .describe("A sine wave of period 63 steps.")
///     .panel(Panel::new().x_label("time (s)").y_label("voltage (mV)").line("model", &time, &value));
/// assert!(figure.to_svg().starts_with("<svg"));
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Figure {
    id: String,
    title: String,
    description: String,
    panels: Vec<Panel>,
    columns: usize,
    share_x: bool,
}

impl Figure {
    /// A figure without panels. `id` names its files and is unique within its experiment.
    pub fn new(id: impl Into<String>, title: impl Into<String>) -> Self {
        Figure {
            id: id.into(),
            title: title.into(),
            description: String::new(),
            panels: Vec::new(),
            columns: 1,
            share_x: false,
        }
    }

    /// What a reader who cannot see the figure has to know, in one or two sentences; it is the caption as well.
    pub fn describe(mut self, description: impl Into<String>) -> Self {
        self.description = description.into();
        self
    }

    /// Adds a panel; panels fill rows from left to right and are lettered a, b, c.
    pub fn panel(mut self, panel: Panel) -> Self {
        self.panels.push(panel);
        self
    }

    /// The number of panels side by side (1 by default).
    pub fn columns(mut self, n: usize) -> Self {
        self.columns = n.max(1);
        self
    }

    /// Gives all panels one x range and labels the x axis once per column, below its lowest panel.
    pub fn share_x(mut self) -> Self {
        self.share_x = true;
        self
    }

    /// The name of the figure within its experiment.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The title.
    pub fn title(&self) -> &str {
        &self.title
    }

    /// The description.
    pub fn description(&self) -> &str {
        &self.description
    }

    /// The figure as an SVG element, to stand alone or within a page.
    ///
    /// It has a title, a description and ids that begin with the figure's own, refers to nothing outside, and shrinks
    /// to the width it is given. Text and axes are in `currentColor`; the white sheet behind them has the class
    /// `sheet`.
    pub fn to_svg(&self) -> String {
        self.to_svg_with_id(&self.id)
    }

    pub(crate) fn to_svg_with_id(&self, id: &str) -> String {
        svg::write(&arrange::compose(self, Medium::Svg), &identifier(id), &self.title, &self.description)
    }

    /// The figure as a PNG image of `scale` pixels per SVG unit (2.0 for print and dense screens), in a font that is
    /// built in.
    ///
    /// # Errors
    /// If the image cannot be encoded.
    pub fn to_png(&self, scale: f32) -> Result<Vec<u8>, ReportError> {
        let scale = if scale.is_finite() { scale.clamp(0.1, 8.0) } else { 1.0 };
        let scene = arrange::compose(self, Medium::Png);
        kuva::RasterBackend::new()
            .with_scale(scale)
            .render_scene(&scene)
            .map_err(|reason| ReportError::Image { figure: self.id.clone(), reason })
    }

    /// Writes the figure to a file whose name ends in `.svg` or `.png`; an existing file is replaced at once.
    ///
    /// # Errors
    /// If the name ends otherwise or the file cannot be written.
    pub fn save(&self, path: impl AsRef<Path>) -> Result<(), ReportError> {
        let path = path.as_ref();
        match path.extension().and_then(|extension| extension.to_str()).map(str::to_ascii_lowercase).as_deref() {
            Some("svg") => files::place(path, self.to_svg().as_bytes()),
            Some("png") => files::place(path, &self.to_png(2.0)?),
            _ => Err(ReportError::Extension { path: path.into() }),
        }
    }
}
