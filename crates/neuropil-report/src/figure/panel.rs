//! One set of axes and the marks on it.

use super::colour::Colour;
use super::mark::{HeatMap, Mark, Marker, Shape, Stroke, Style};
use crate::number;
use serde::{Deserialize, Serialize};

/// One axis of a panel.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Axis {
    pub label: String,
    pub log: bool,
    #[serde(with = "number::pair")]
    pub range: Option<(f64, f64)>,
}

/// One set of axes and the marks on it.
///
/// Marks are drawn in the order in which they are added. A name puts a mark into the legend; marks of the same name
/// share one entry and one colour, in all panels of a figure, so that a line, its band and its points belong together.
/// An empty name keeps a mark out of the legend. NaN makes a gap. The slices of one mark are equally long; what is
/// surplus is not drawn.
///
/// The methods [`colour`](Panel::colour), [`stroke`](Panel::stroke), [`marker`](Panel::marker) and
/// [`size`](Panel::size) change the mark that was added last.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Panel {
    pub(crate) title: String,
    pub(crate) x: Axis,
    pub(crate) y: Axis,
    pub(crate) marks: Vec<Mark>,
    pub(crate) height: Option<f64>,
}

impl Panel {
    /// Empty axes.
    pub fn new() -> Self {
        Panel::default()
    }

    /// A short heading above the axes.
    pub fn title(mut self, title: impl Into<String>) -> Self {
        self.title = title.into();
        self
    }

    /// What is on the x axis, with its unit.
    pub fn x_label(mut self, label: impl Into<String>) -> Self {
        self.x.label = label.into();
        self
    }

    /// What is on the y axis, with its unit.
    pub fn y_label(mut self, label: impl Into<String>) -> Self {
        self.y.label = label.into();
        self
    }

    /// Makes the x axis logarithmic; values that are not positive are not drawn.
    pub fn log_x(mut self) -> Self {
        self.x.log = true;
        self
    }

    /// Makes the y axis logarithmic; values that are not positive are not drawn.
    pub fn log_y(mut self) -> Self {
        self.y.log = true;
        self
    }

    /// The ends of the x axis; by default they follow from the marks.
    pub fn x_range(mut self, lo: f64, hi: f64) -> Self {
        self.x.range = Some((lo, hi));
        self
    }

    /// The ends of the y axis; by default they follow from the marks.
    pub fn y_range(mut self, lo: f64, hi: f64) -> Self {
        self.y.range = Some((lo, hi));
        self
    }

    /// The height of the drawing area in pixels; by default it follows from the number of panels.
    pub fn height(mut self, pixels: f64) -> Self {
        self.height = Some(pixels);
        self
    }

    /// Straight lines from point to point.
    pub fn line(self, name: impl Into<String>, x: &[f64], y: &[f64]) -> Self {
        self.mark(name, Shape::Line { x: x.to_vec(), y: y.to_vec() })
    }

    /// A line that keeps each value until the next x.
    pub fn step(self, name: impl Into<String>, x: &[f64], y: &[f64]) -> Self {
        self.mark(name, Shape::Step { x: x.to_vec(), y: y.to_vec() })
    }

    /// A ribbon between two curves.
    pub fn band(self, name: impl Into<String>, x: &[f64], lo: &[f64], hi: &[f64]) -> Self {
        self.mark(name, Shape::Band { x: x.to_vec(), lo: lo.to_vec(), hi: hi.to_vec() })
    }

    /// Single points.
    pub fn points(self, name: impl Into<String>, x: &[f64], y: &[f64]) -> Self {
        self.mark(name, Shape::Points { x: x.to_vec(), y: y.to_vec() })
    }

    /// Points with a vertical bar from `lo` to `hi` (positions on the axis, not lengths).
    pub fn error_bars(self, name: impl Into<String>, x: &[f64], y: &[f64], lo: &[f64], hi: &[f64]) -> Self {
        self.mark(name, Shape::ErrorBars { x: x.to_vec(), y: y.to_vec(), lo: lo.to_vec(), hi: hi.to_vec() })
    }

    /// One bar per label; several calls with the same labels stand side by side.
    pub fn bars<T: AsRef<str>>(self, name: impl Into<String>, labels: &[T], values: &[f64]) -> Self {
        self.bars_with_errors(name, labels, values, &[], &[])
    }

    /// [`Panel::bars`] with error bars from `lo` to `hi` (positions on the axis, not lengths).
    pub fn bars_with_errors<T: AsRef<str>>(
        self,
        name: impl Into<String>,
        labels: &[T],
        values: &[f64],
        lo: &[f64],
        hi: &[f64],
    ) -> Self {
        let labels = labels.iter().map(|label| label.as_ref().to_string()).collect();
        self.mark(name, Shape::Bars { labels, values: values.to_vec(), lo: lo.to_vec(), hi: hi.to_vec() })
    }

    /// Vertical lines over the whole height, such as the times of changes.
    pub fn vlines(self, name: impl Into<String>, at: &[f64]) -> Self {
        self.mark(name, Shape::VLines { at: at.to_vec() })
    }

    /// Horizontal lines over the whole width, such as a threshold.
    pub fn hlines(self, name: impl Into<String>, at: &[f64]) -> Self {
        self.mark(name, Shape::HLines { at: at.to_vec() })
    }

    /// A matrix as colours, with its colour bar.
    pub fn heatmap(self, map: HeatMap) -> Self {
        self.mark("", Shape::HeatMap(map))
    }

    /// The colour of the last mark.
    pub fn colour(self, colour: Colour) -> Self {
        self.restyle(|style| style.colour = Some(colour))
    }

    /// The dash pattern of the last mark.
    pub fn stroke(self, stroke: Stroke) -> Self {
        self.restyle(|style| style.stroke = Some(stroke))
    }

    /// The point shape of the last mark.
    pub fn marker(self, marker: Marker) -> Self {
        self.restyle(|style| style.marker = Some(marker))
    }

    /// The line width or point radius of the last mark, in pixels.
    pub fn size(self, pixels: f64) -> Self {
        self.restyle(|style| style.size = Some(pixels))
    }

    fn mark(mut self, name: impl Into<String>, shape: Shape) -> Self {
        self.marks.push(Mark { name: name.into(), style: Style::default(), shape });
        self
    }

    fn restyle(mut self, change: impl FnOnce(&mut Style)) -> Self {
        if let Some(mark) = self.marks.last_mut() {
            change(&mut mark.style);
        }
        self
    }

    /// The heat map of the panel, if it has one.
    pub(crate) fn map(&self) -> Option<&HeatMap> {
        self.marks.iter().find_map(|mark| match &mark.shape {
            Shape::HeatMap(map) => Some(map),
            _ => None,
        })
    }

    /// The labels of the bars, in the order of their first appearance.
    pub(crate) fn bar_labels(&self) -> Vec<String> {
        let mut all: Vec<String> = Vec::new();
        for mark in &self.marks {
            if let Shape::Bars { labels, .. } = &mark.shape {
                for label in labels {
                    if !all.contains(label) {
                        all.push(label.clone());
                    }
                }
            }
        }
        all
    }
}
