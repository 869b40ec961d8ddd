//! From data to pixels: ranges, ticks, margins, and the axes that kuva draws.

use super::colour::{GRID, INK};
use super::mark::Shape;
use super::panel::{Axis, Panel};
use crate::number;
use kuva::render::layout::{ComputedLayout, Layout};
use kuva::render::render_utils::{compute_tick_step, generate_ticks_log, generate_ticks_with_step, wrap_text};
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
            '0'..='9' => 0.64,
            '−' | '×' | '≤' | '≥' | '=' | '+' | '<' | '>' => 0.84,
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
        // a point at the very edge would sit on the axis
        let dots = panel.marks.iter().any(|mark| matches!(mark.shape, Shape::Points { .. } | Shape::ErrorBars { .. }));
        let air = match (tight, dots) {
            (true, _) => 0.0,
            (false, true) => 0.04,
            (false, false) => 0.015,
        };
        ranges.x = settle(&panel.x, extents.0, air, false);
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
        return tame(axis.log, lo, hi);
    }
    let Some((lo, hi)) = data else { return if axis.log { (0.1, 10.0) } else { (0.0, 1.0) } };
    if axis.log {
        let (lo, hi) = if lo == hi { (lo / 3.0, hi * 3.0) } else { (lo, hi) };
        let (lo, hi) = tame(true, lo, hi);
        let pad = (hi / lo).powf(air);
        return (lo / pad, hi * pad);
    }
    let (lo, hi) = if on_zero { (lo.min(0.0), hi.max(0.0)) } else { (lo, hi) };
    let (lo, hi) = tame(false, lo, hi);
    let pad = air * (hi - lo);
    (if on_zero && lo == 0.0 { 0.0 } else { lo - pad }, if on_zero && hi == 0.0 { 0.0 } else { hi + pad })
}

/// A range wide enough for distinct ticks and narrow enough not to overflow.
fn tame(log: bool, lo: f64, hi: f64) -> (f64, f64) {
    const HUGE: f64 = 1e280;
    if log {
        let hi = hi.clamp(10.0 / HUGE, HUGE);
        return (lo.clamp((1.0 / HUGE).max(hi / HUGE), hi * (1.0 - 1e-9)), hi);
    }
    let (lo, hi) = (lo.clamp(-HUGE, HUGE), hi.clamp(-HUGE, HUGE));
    let middle = 0.5 * lo + 0.5 * hi;
    let least = (1e-9 * middle.abs()).max(1e-280);
    if hi - lo >= least {
        (lo, hi)
    } else if middle.abs() < 1e-270 {
        (-1.0, 1.0)
    } else {
        (middle - 0.5 * middle.abs(), middle + 0.5 * middle.abs())
    }
}

/// How an axis is presented to kuva, whose linear axes need a span above 2e-16, whose logarithmic axes end at 1e-10,
/// and which labels every decade.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Warp {
    /// A linear axis; values are multiplied by a power of ten where their span is extreme.
    Linear { lift: f64 },
    /// A logarithmic axis of at most four decades: values are multiplied by a power of ten that lifts them above 1e-10.
    Log { lift: f64 },
    /// A longer one: a linear axis of exponents.
    Exponent,
}

impl Warp {
    fn of(log: bool, (lo, hi): (f64, f64)) -> Warp {
        match log {
            false if (1e-6..1e12).contains(&(hi - lo)) => Warp::Linear { lift: 1.0 },
            false => Warp::Linear { lift: 10f64.powi(-(hi - lo).log10().floor() as i32) },
            true if hi / lo > 1e4 => Warp::Exponent,
            true if lo < 1e-8 => Warp::Log { lift: 10f64.powi((-lo.log10()).ceil() as i32) },
            true => Warp::Log { lift: 1.0 },
        }
    }

    fn apply(self, value: f64) -> f64 {
        match self {
            Warp::Linear { lift } => value * lift,
            Warp::Log { lift } if value > 0.0 => value * lift,
            Warp::Exponent if value > 0.0 => value.log10(),
            _ => f64::NAN,
        }
    }

    /// The step between ticks, where it is not kuva's choice, and the labels.
    fn ticks(self, (lo, hi): (f64, f64), n: usize) -> (Option<f64>, TickFormat) {
        match self {
            Warp::Linear { lift } => {
                let step = compute_tick_step(lo * lift, hi * lift, n);
                (Some(step), TickFormat::Custom(Arc::new(move |value| linear_tick(value / lift, step / lift))))
            }
            Warp::Log { lift } => {
                let powers = ends_in_powers(lo, hi);
                (None, TickFormat::Custom(Arc::new(move |value| log_tick(value / lift, powers))))
            }
            Warp::Exponent => {
                // powers of ten are short, so that more of them fit
                let step = ((hi.log10() - lo.log10()) / (1.8 * n as f64)).ceil().max(1.0);
                let powers = ends_in_powers(lo, hi);
                let label = move |value: f64| log_tick(10f64.powi(value.round() as i32), powers);
                (Some(step), TickFormat::Custom(Arc::new(label)))
            }
        }
    }
}

/// Whether the labels of a logarithmic axis are powers of ten throughout.
pub(crate) fn ends_in_powers(lo: f64, hi: f64) -> bool {
    lo < 0.9e-3 || hi > 1.1e4
}

/// The label of a logarithmic tick.
pub(crate) fn log_tick(value: f64, powers: bool) -> String {
    let exponent = value.log10().round();
    if powers && (value.log10() - exponent).abs() < 1e-6 {
        match exponent as i32 {
            0 => "1".into(),
            1 => "10".into(),
            exponent => format!("10{}", number::superscript(exponent)),
        }
    } else {
        number::typeset(value)
    }
}

/// The label of a tick, with as many decimals as the step between ticks has.
fn linear_tick(value: f64, step: f64) -> String {
    if value.abs() < 1e-9 * step {
        return "0".into();
    }
    let decimals = (0..=6).find(|decimals| {
        let scaled = step * 10f64.powi(*decimals);
        (scaled - scaled.round()).abs() < 1e-6 * scaled
    });
    match decimals {
        Some(decimals) if value.abs() < 1e6 => format!("{value:.*}", decimals as usize).replace('-', "−"),
        _ => number::typeset(value),
    }
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
    warp: (Warp, Warp),
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
        let warp = (
            Warp::of(panel.x.log && ranges.x_categories.is_none(), ranges.x),
            Warp::of(panel.y.log && ranges.y_categories.is_none(), ranges.y),
        );
        let x = (warp.0.apply(ranges.x.0), warp.0.apply(ranges.x.1));
        let y = (warp.1.apply(ranges.y.0), warp.1.apply(ranges.y.1));
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
        (layout.log_x, layout.log_y) = (matches!(warp.0, Warp::Log { .. }), matches!(warp.1, Warp::Log { .. }));
        layout.x_categories.clone_from(&ranges.x_categories);
        layout.y_categories.clone_from(&ranges.y_categories);
        layout.tick_length = Some(4.0);
        layout.x_label_overlap = AxisLabelOverlap::Thin;

        let mut labels_y: Vec<String> = ranges.y_categories.clone().unwrap_or_default();
        if ranges.y_categories.is_none() {
            let (step, format) = warp.1.ticks(ranges.y, ((height / 46.0).round() as usize).clamp(2, 10));
            let ticks = match step {
                Some(step) => generate_ticks_with_step(y.0, y.1, step),
                None => generate_ticks_log(y.0, y.1),
            };
            labels_y = ticks.into_iter().map(|tick| format.format(tick)).collect();
            (layout.y_tick_step, layout.y_tick_format) = (step, format);
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
        if ranges.x_categories.is_none() {
            // from the whole width, so that panels that share an axis share its ticks
            let (step, format) = warp.0.ticks(ranges.x, (((width - 130.0) / 75.0).round() as usize).clamp(2, 12));
            (layout.x_tick_step, layout.x_tick_format) = (step, format);
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
        Axes { layout, warp, margins }
    }

    /// Fixes the margins, so that the panels of a row or column are aligned, and the height of the drawing area.
    pub fn place(mut self, margins: Margins, height: f64) -> Frame {
        self.layout.height = Some(height + margins.top + margins.bottom);
        self.layout = self.layout.with_force_margins(margins.left, margins.right);
        self.layout = self.layout.with_force_margins_y(margins.top, margins.bottom);
        // axis titles stand at the outer edge of the margin, in line with those of the neighbours
        let mut computed = ComputedLayout::from_layout(&self.layout);
        computed.y_tick_label_px = margins.left - 34.0 - self.label_lines_left();
        Frame { layout: self.layout, computed, warp: self.warp }
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
    warp: (Warp, Warp),
}

impl Frame {
    /// The pixel of an x value; NaN where the axis has no place for it.
    pub fn px(&self, x: f64) -> f64 {
        finite_or_nan(self.warp.0.apply(x), |x| self.computed.map_x(x))
    }

    /// The pixel of a y value; NaN where the axis has no place for it.
    pub fn py(&self, y: f64) -> f64 {
        finite_or_nan(self.warp.1.apply(y), |y| self.computed.map_y(y))
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

/// kuva puts NaN at the lower end of a logarithmic axis; here it stays NaN, and so do infinities.
fn finite_or_nan(value: f64, pixel: impl Fn(f64) -> f64) -> f64 {
    if value.is_finite() { pixel(value) } else { f64::NAN }
}
