//! From data to pixels: ranges, ticks, margins, and the axes that kuva draws.

use super::colour::{GRID, INK};
use super::mark::Shape;
use super::panel::{Axis, Panel};
use crate::number;
use kuva::render::layout::{ComputedLayout, Layout};
use kuva::render::render_utils::{compute_tick_step, wrap_text};
use kuva::render::theme::Theme;
use kuva::{AxisLabelOverlap, TickFormat};
use std::sync::Arc;

pub(crate) const FONT: &str = "'DejaVu Sans', 'Helvetica Neue', Arial, sans-serif";
pub(crate) const TITLE_SIZE: u32 = 13;
pub(crate) const LABEL_SIZE: u32 = 12;
pub(crate) const TICK_SIZE: u32 = 11;
const LINE_HEIGHT: f64 = 15.0;

/// The width of a text in pixels, from the advance widths of a sans-serif face; right to a few per cent.
pub(crate) fn text_width(text: &str, size: f64) -> f64 {
    let ems: f64 = text
        .chars()
        .map(|letter| match letter {
            'i' | 'j' | 'l' | '\'' | '|' | '.' | ',' | ':' | ';' | ' ' | '!' | 'I' => 0.32,
            'f' | 't' | 'r' | '(' | ')' | '[' | ']' | '/' | '-' | '"' => 0.40,
            'm' | 'w' | 'M' | 'W' | '@' | '%' => 0.95,
            '⁰'..='⁹' | '⁻' | '¹' | '²' | '³' => 0.42,
            'A'..='Z' => 0.70,
            _ => 0.61,
        })
        .sum();
    ems * size
}

/// The two ends of each axis and the labels of those that have categories.
#[derive(Clone, Debug)]
pub(crate) struct Ranges {
    pub x: (f64, f64),
    pub y: (f64, f64),
    pub x_categories: Option<Vec<String>>,
    pub y_categories: Option<Vec<String>>,
}

impl Ranges {
    pub fn of(panel: &Panel) -> Ranges {
        let mut ranges = Ranges { x: (0.0, 1.0), y: (0.0, 1.0), x_categories: None, y_categories: None };
        let extents = extents(panel);
        let tight = panel.map().is_some_and(|map| map.x_extent.is_some() || !map.column_labels.is_empty());
        ranges.x = settle(&panel.x, extents.0, if tight { 0.0 } else { 0.02 }, false);
        let tight = panel.map().is_some();
        ranges.y = settle(&panel.y, extents.1, if tight { 0.0 } else { 0.06 }, extents.2);
        let bars = panel.bar_labels();
        if !bars.is_empty() {
            ranges.x = (0.5, bars.len() as f64 + 0.5);
            ranges.x_categories = Some(bars);
        }
        if let Some(map) = panel.map() {
            if !map.column_labels.is_empty() {
                ranges.x = (0.5, map.n_columns().max(1) as f64 + 0.5);
                ranges.x_categories = Some(map.column_labels.clone());
            }
            if !map.row_labels.is_empty() {
                let n = map.values.len().max(1);
                ranges.y = (0.5, n as f64 + 0.5);
                // categories count from the bottom, rows of a matrix from the top
                let label = |row: usize| map.row_labels.get(row).cloned().unwrap_or_default();
                ranges.y_categories = Some((0..n).rev().map(label).collect());
            }
        }
        ranges
    }
}

type Extent = Option<(f64, f64)>;

/// The extremes of what is drawn along x and y, and whether y stands on zero.
fn extents(panel: &Panel) -> (Extent, Extent, bool) {
    let (mut xs, mut ys): (Vec<&[f64]>, Vec<&[f64]>) = (Vec::new(), Vec::new());
    let mut on_zero = false;
    let mut edges: Vec<[f64; 2]> = Vec::new();
    for mark in &panel.marks {
        match &mark.shape {
            Shape::Line { x, y } | Shape::Step { x, y } | Shape::Points { x, y } => {
                xs.push(x);
                ys.push(y);
            }
            Shape::Band { x, lo, hi } => {
                xs.push(x);
                ys.extend([lo.as_slice(), hi]);
            }
            Shape::ErrorBars { x, y, lo, hi } => {
                xs.push(x);
                ys.extend([y.as_slice(), lo, hi]);
            }
            Shape::Bars { values, lo, hi, .. } => {
                ys.extend([values.as_slice(), lo, hi]);
                on_zero = true;
            }
            Shape::VLines { at } => xs.push(at),
            Shape::HLines { at } => ys.push(at),
            Shape::HeatMap(map) => {
                let (width, height) = (map.n_columns() as f64, map.values.len() as f64);
                let (x, y) = (map.x_extent.unwrap_or((0.5, width + 0.5)), map.y_extent.unwrap_or((0.5, height + 0.5)));
                edges.extend([[x.0, y.0], [x.1, y.1]]);
            }
        }
    }
    let range = |axis: &Axis, slices: &[&[f64]], index: usize| {
        slices
            .iter()
            .flat_map(|slice| slice.iter().copied())
            .chain(edges.iter().map(|edge| edge[index]))
            .filter(|value| value.is_finite() && (!axis.log || *value > 0.0))
            .fold(None, |range: Extent, value| {
                Some(range.map_or((value, value), |(lo, hi)| (lo.min(value), hi.max(value))))
            })
    };
    (range(&panel.x, &xs, 0), range(&panel.y, &ys, 1), on_zero)
}

/// The ends of an axis: those asked for, or the data with a little air around them.
fn settle(axis: &Axis, data: Extent, air: f64, on_zero: bool) -> (f64, f64) {
    if let Some((lo, hi)) = axis.range
        && lo.is_finite()
        && hi.is_finite()
        && lo < hi
        && (!axis.log || lo > 0.0)
    {
        return (lo, hi);
    }
    let Some((lo, hi)) = data else { return if axis.log { (0.1, 10.0) } else { (0.0, 1.0) } };
    if axis.log {
        let (lo, hi) = if lo == hi { (lo / 3.0, hi * 3.0) } else { (lo, hi) };
        let pad = (hi / lo).powf(air);
        return (lo / pad, hi * pad);
    }
    let (lo, hi) = if on_zero { (lo.min(0.0), hi.max(0.0)) } else { (lo, hi) };
    if lo == hi {
        let half = if lo == 0.0 { 1.0 } else { 0.5 * lo.abs() };
        return (lo - half, hi + half);
    }
    let pad = air * (hi - lo);
    (if on_zero && lo == 0.0 { 0.0 } else { lo - pad }, if on_zero && hi == 0.0 { 0.0 } else { hi + pad })
}

/// kuva cuts logarithmic axes off at 1e-10; values are multiplied by a power of ten that lifts them above it.
fn lift(log: bool, lo: f64) -> f64 {
    if log && lo < 1e-8 { 10f64.powi((-lo.log10()).ceil() as i32) } else { 1.0 }
}

fn log_tick(value: f64) -> String {
    let exponent = value.log10().round();
    let is_power = (value.log10() - exponent).abs() < 1e-6;
    if is_power && !(-3.0..=4.0).contains(&exponent) {
        format!("10{}", number::superscript(exponent as i32))
    } else {
        number::typeset(value)
    }
}

/// Axis labels in the typographic form of the page, without the noise of binary fractions.
fn linear_tick(value: f64, step: f64) -> String {
    number::typeset(if value.abs() < 1e-9 * step { 0.0 } else { value })
}

/// Which axes of a panel carry labels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Bottom {
    Labelled,
    /// The panel below shows the same axis.
    Bare,
}

/// Space around the drawing area, in pixels.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Margins {
    pub left: f64,
    pub right: f64,
    pub top: f64,
    pub bottom: f64,
}

/// The axes of one panel before they have a place.
pub(crate) struct Axes {
    layout: Layout,
    log: (bool, bool),
    factor: (f64, f64),
    pub margins: Margins,
}

impl Axes {
    /// Prepares the axes of a panel `width` wide with a drawing area `height` high; `header` is kept free above it and
    /// `beside` to its right.
    pub fn new(
        panel: &Panel,
        ranges: &Ranges,
        width: f64,
        height: f64,
        bottom: Bottom,
        header: f64,
        beside: f64,
    ) -> Axes {
        let factor = (lift(panel.x.log, ranges.x.0), lift(panel.y.log, ranges.y.0));
        let x = (ranges.x.0 * factor.0, ranges.x.1 * factor.0);
        let y = (ranges.y.0 * factor.1, ranges.y.1 * factor.1);
        let mut layout = Layout::new(x, y).with_theme(theme()).with_width(width);
        layout.font_family = Some(FONT.into());
        layout.title_size = TITLE_SIZE;
        layout.label_size = LABEL_SIZE;
        layout.tick_size = TICK_SIZE;
        layout.body_size = TICK_SIZE;
        (layout.x_axis_min, layout.x_axis_max) = (Some(x.0), Some(x.1));
        (layout.y_axis_min, layout.y_axis_max) = (Some(y.0), Some(y.1));
        layout.show_legend = false;
        layout.show_colorbar = false;
        layout.show_grid = panel.map().is_none();
        (layout.log_x, layout.log_y) = (panel.x.log, panel.y.log);
        layout.x_categories.clone_from(&ranges.x_categories);
        layout.y_categories.clone_from(&ranges.y_categories);
        layout.tick_length = Some(4.0);
        layout.x_label_overlap = AxisLabelOverlap::Thin;

        let mut labels_y: Vec<String> = ranges.y_categories.clone().unwrap_or_default();
        if panel.y.log {
            let factor = factor.1;
            layout.y_tick_format = TickFormat::Custom(Arc::new(move |value| log_tick(value / factor)));
            labels_y = super::colour::decades(ranges.y.0, ranges.y.1).into_iter().map(log_tick).collect();
        } else if ranges.y_categories.is_none() {
            let step = compute_tick_step(y.0, y.1, ((height / 46.0).round() as usize).clamp(2, 10));
            layout.y_tick_step = Some(step);
            layout.y_tick_format = TickFormat::Custom(Arc::new(move |value| linear_tick(value, step)));
            let ticks = kuva::render::render_utils::generate_ticks_with_step(y.0, y.1, step);
            labels_y = ticks.into_iter().map(|value| linear_tick(value, step)).collect();
        }
        let widest = labels_y.iter().map(|label| text_width(label, f64::from(TICK_SIZE))).fold(12.0, f64::max);

        let mut margins = Margins { top: header, right: 16.0 + beside, left: widest + 14.0, bottom: 10.0 };
        if !panel.y.label.is_empty() {
            let letters = ((height.max(80.0) + 20.0) / 6.6) as usize;
            layout.y_label_wrap = Some(letters);
            layout.y_label = Some(panel.y.label.clone());
            margins.left += 20.0 + LINE_HEIGHT * (wrap_text(&panel.y.label, letters).len() - 1) as f64;
        }
        let drawing = (width - margins.left - margins.right).max(60.0);
        if panel.x.log {
            let factor = factor.0;
            layout.x_tick_format = TickFormat::Custom(Arc::new(move |value| log_tick(value / factor)));
        } else if ranges.x_categories.is_none() {
            let step = compute_tick_step(x.0, x.1, ((drawing / 75.0).round() as usize).clamp(2, 12));
            layout.x_tick_step = Some(step);
            layout.x_tick_format = TickFormat::Custom(Arc::new(move |value| linear_tick(value, step)));
        }
        if bottom == Bottom::Bare {
            layout.suppress_x_ticks = true;
        } else {
            margins.bottom = 22.0;
            if let Some(categories) = &ranges.x_categories {
                let widest = categories.iter().map(|label| text_width(label, f64::from(TICK_SIZE))).fold(0.0, f64::max);
                if widest + 6.0 > drawing / categories.len().max(1) as f64 {
                    layout.x_tick_rotate = Some(-40.0);
                    margins.bottom = 20.0 + 0.65 * widest;
                    margins.left = margins.left.max(0.7 * widest - 0.5 * drawing / categories.len() as f64 + 8.0);
                }
            }
            if !panel.x.label.is_empty() {
                let letters = (width / 6.6) as usize;
                layout.x_label_wrap = Some(letters);
                layout.x_label = Some(panel.x.label.clone());
                margins.bottom += 4.0 + LINE_HEIGHT * wrap_text(&panel.x.label, letters).len() as f64;
            }
        }
        Axes { layout, log: (panel.x.log, panel.y.log), factor, margins }
    }

    /// Fixes the margins, so that the panels of a row or column are aligned, and the height of the drawing area.
    pub fn place(mut self, margins: Margins, height: f64) -> Frame {
        self.layout.height = Some(height + margins.top + margins.bottom);
        self.layout = self.layout.with_force_margins(margins.left, margins.right);
        self.layout = self.layout.with_force_margins_y(margins.top, margins.bottom);
        // axis titles stand at the outer edge of the margin, in line with those of the neighbours
        let mut computed = ComputedLayout::from_layout(&self.layout);
        computed.y_tick_label_px = margins.left - 34.0 - self.label_lines_left();
        Frame { layout: self.layout, computed, log: self.log, factor: self.factor }
    }

    fn label_lines_left(&self) -> f64 {
        match (&self.layout.y_label, self.layout.y_label_wrap) {
            (Some(label), Some(letters)) => LINE_HEIGHT * (wrap_text(label, letters).len() - 1) as f64,
            _ => 0.0,
        }
    }
}

fn theme() -> Theme {
    let mut theme = Theme::light();
    theme.axis_color = INK.to_svg_string();
    theme.tick_color = INK.to_svg_string();
    theme.text_color = INK.to_svg_string();
    theme.grid_color = GRID.to_svg_string();
    theme
}

/// Axes in their place: the map from data to pixels.
pub(crate) struct Frame {
    pub layout: Layout,
    pub computed: ComputedLayout,
    log: (bool, bool),
    factor: (f64, f64),
}

impl Frame {
    /// The pixel of an x value; NaN where the axis has no place for it.
    pub fn px(&self, x: f64) -> f64 {
        if self.log.0 && x <= 0.0 { f64::NAN } else { self.computed.map_x(x * self.factor.0) }
    }

    /// The pixel of a y value; NaN where the axis has no place for it.
    pub fn py(&self, y: f64) -> f64 {
        if self.log.1 && y <= 0.0 { f64::NAN } else { self.computed.map_y(y * self.factor.1) }
    }

    pub fn left(&self) -> f64 {
        self.computed.margin_left
    }

    pub fn right(&self) -> f64 {
        self.computed.width - self.computed.margin_right
    }

    pub fn top(&self) -> f64 {
        self.computed.margin_top
    }

    pub fn bottom(&self) -> f64 {
        self.computed.height - self.computed.margin_bottom
    }
}
