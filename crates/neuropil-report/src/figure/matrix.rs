//! Heat maps: cells, the values in them, and the colour bar.

use super::axes::{Frame, LABEL_SIZE, TICK_SIZE, text_width};
use super::axes::{ends_in_powers, log_tick};
use super::colour::ColourScale;
use super::colour::{INK, legible_on};
use super::draw::{Pen, round};
use super::mark::HeatMap;
use super::outline::Area;
use crate::number;
use kuva::render::color::Color;
use kuva::render::render::{PathData, Primitive, TextAnchor};
use std::collections::BTreeMap;
use std::fmt::Write;

const BAR_GAP: f64 = 12.0;
const BAR_WIDTH: f64 = 13.0;

/// The place of a value on the colour map, in [0, 1]; None for a blank cell.
fn position(map: &HeatMap, value: f64) -> Option<f64> {
    let (lo, hi) = map.colour_range();
    let (lo, hi, at) = (map.scale.warp(lo), map.scale.warp(hi), map.scale.warp(value));
    (at.is_finite() && hi > lo).then(|| ((at - lo) / (hi - lo)).clamp(0.0, 1.0))
}

fn bar_tick(map: &HeatMap, tick: f64) -> String {
    let (lo, hi) = map.colour_range();
    match map.scale {
        ColourScale::Linear => number::typeset(tick),
        ColourScale::Log => log_tick(tick, ends_in_powers(lo, hi)),
        ColourScale::SymLog(_) if tick == 0.0 => "0".into(),
        ColourScale::SymLog(_) => {
            let sign = if tick < 0.0 { "−" } else { "" };
            format!("{sign}{}", log_tick(tick.abs(), tick.abs() < 1e-3 || tick.abs() > 1e4))
        }
    }
}

/// The width that the colour bar and its labels need to the right of the axes.
pub(crate) fn bar_space(map: &HeatMap) -> f64 {
    let (lo, hi) = map.colour_range();
    let ticks = map.scale.ticks(lo, hi);
    let widest = ticks.iter().map(|tick| text_width(&bar_tick(map, *tick), f64::from(TICK_SIZE))).fold(0.0, f64::max);
    BAR_GAP + BAR_WIDTH + 7.0 + widest + if map.colour_label.is_empty() { 0.0 } else { 22.0 }
}

/// The outer edges of all cells in pixels.
fn cell_area(frame: &Frame, map: &HeatMap) -> Area {
    let (x, y) =
        (map.x_extent.filter(|_| map.column_labels.is_empty()), map.y_extent.filter(|_| map.row_labels.is_empty()));
    let (x, y) = (x.unwrap_or((0.5, map.n_columns() as f64 + 0.5)), y.unwrap_or((0.5, map.values.len() as f64 + 0.5)));
    Area { left: frame.px(x.0), right: frame.px(x.1), top: frame.py(y.1), bottom: frame.py(y.0) }
}

/// Draws the cells. Cells of one colour are one path, and a row of equal neighbours is one rectangle, so that a large
/// map stays a small file.
pub(crate) fn draw_cells(pen: &mut Pen<'_>, frame: &Frame, map: &HeatMap) {
    let cells = cell_area(frame, map);
    let pooled = pool(map, cells.right - cells.left, cells.bottom - cells.top);
    let (rows, columns) = (pooled.len(), pooled.iter().map(Vec::len).max().unwrap_or(0));
    if rows == 0 || columns == 0 {
        return;
    }
    let (width, height) = ((cells.right - cells.left) / columns as f64, (cells.bottom - cells.top) / rows as f64);
    let top_down = !map.row_labels.is_empty();
    let (lo, hi) = map.colour_range();
    let (lo, hi) = (map.scale.warp(lo), map.scale.warp(hi));
    let colour_of = |value: f64| -> Option<(u8, u8, u8)> {
        let at = map.scale.warp(value);
        (at.is_finite() && hi > lo).then(|| map.colour_map.rgb((at - lo) / (hi - lo)))
    };
    let mut paths: BTreeMap<(u8, u8, u8), String> = BTreeMap::new();
    for (row, values) in pooled.iter().enumerate() {
        let line = if top_down { row } else { rows - 1 - row };
        let y = cells.top + line as f64 * height;
        let mut start = 0;
        while start < values.len() {
            let colour = colour_of(values[start]);
            let mut end = start + 1;
            while end < values.len() && colour_of(values[end]) == colour {
                end += 1;
            }
            if let Some(rgb) = colour {
                // a hair of overlap hides the seams between neighbouring cells
                let left = round((cells.left + start as f64 * width).max(frame.left()));
                let right = round((cells.left + end as f64 * width + 0.25).min(frame.right()).min(cells.right));
                let top = round(y.max(frame.top()));
                let bottom = round((y + height + 0.25).min(frame.bottom()).min(cells.bottom));
                if right > left && bottom > top {
                    let d = paths.entry(rgb).or_default();
                    let _ = write!(d, "M{left} {top}H{right}V{bottom}H{left}Z");
                }
            }
            start = end;
        }
    }
    for ((r, g, b), d) in paths {
        pen.scene.add(Primitive::Path(Box::new(PathData {
            d,
            fill: Some(Color::Rgb(r, g, b)),
            stroke: Color::None,
            stroke_width: 0.0,
            opacity: None,
            stroke_dasharray: None,
        })));
    }
    if map.annotated && map.values.len() == rows && map.n_columns() == columns {
        annotate(pen, frame, map, &cells, top_down);
    }
}

fn annotate(pen: &mut Pen<'_>, frame: &Frame, map: &HeatMap, cells: &Area, top_down: bool) {
    let visible = Area { left: frame.left(), right: frame.right(), top: frame.top(), bottom: frame.bottom() };
    let width = (cells.right - cells.left) / map.n_columns() as f64;
    let height = (cells.bottom - cells.top) / map.values.len() as f64;
    let rows = map.values.len();
    let longest = map.values.iter().flatten().map(|value| text_width(&brief(*value), 1.0)).fold(1.0, f64::max);
    let size = ((width - 6.0) / longest).min(height - 4.0).min(f64::from(LABEL_SIZE)).floor();
    if size < 6.0 {
        return; // illegible: the colour bar has to do
    }
    for (row, values) in map.values.iter().enumerate() {
        let line = if top_down { row } else { rows - 1 - row };
        for (column, &value) in values.iter().enumerate() {
            let colour = position(map, value).map_or(INK, |at| legible_on(map.colour_map.rgb(at)));
            let middle = (cells.left + (column as f64 + 0.5) * width, cells.top + (line as f64 + 0.5) * height);
            if !visible.contains(middle) {
                continue;
            }
            pen.scene.add(Primitive::Text {
                x: middle.0,
                y: middle.1 + 0.36 * size,
                content: brief(value),
                size: size as u32,
                anchor: TextAnchor::Middle,
                rotate: None,
                bold: false,
                color: Some(colour),
            });
        }
    }
}

/// Three significant digits.
fn brief(value: f64) -> String {
    if value.is_nan() {
        return "–".into();
    }
    let rounded: f64 = format!("{value:.2e}").parse().unwrap_or(value);
    number::short(rounded).replace('-', "−")
}

/// Averages blocks of cells that are finer than the pixels they would cover.
fn pool(map: &HeatMap, width: f64, height: f64) -> Vec<Vec<f64>> {
    let step = |cells: usize, pixels: f64| (cells as f64 / (pixels / 1.5).max(1.0)).ceil().max(1.0) as usize;
    let (across, down) = (step(map.n_columns(), width), step(map.values.len(), height));
    if across == 1 && down == 1 {
        return map.values.clone();
    }
    map.values
        .chunks(down)
        .map(|rows| {
            (0..map.n_columns())
                .step_by(across)
                .map(|start| {
                    let cells = rows.iter().flat_map(|row| row.iter().skip(start).take(across));
                    let (sum, n) = cells
                        .filter(|value| value.is_finite())
                        .fold((0.0, 0.0), |(sum, n), value| (sum + value, n + 1.0));
                    if n > 0.0 { sum / n } else { f64::NAN }
                })
                .collect()
        })
        .collect()
}

/// Draws the colour bar to the right of the axes.
pub(crate) fn draw_bar(pen: &mut Pen<'_>, frame: &Frame, map: &HeatMap) {
    const STEPS: usize = 96;
    let (lo, hi) = map.colour_range();
    let (top, bottom) = (frame.top(), frame.bottom());
    let left = frame.right() + BAR_GAP;
    let step = (bottom - top) / STEPS as f64;
    for index in 0..STEPS {
        let (r, g, b) = map.colour_map.rgb((index as f64 + 0.5) / STEPS as f64);
        let y = bottom - (index + 1) as f64 * step;
        pen.scene.add(Primitive::Rect {
            x: left,
            y,
            width: BAR_WIDTH,
            height: if index == 0 { step } else { step + 0.4 },
            fill: Color::Rgb(r, g, b),
            stroke: None,
            stroke_width: None,
            opacity: None,
        });
    }
    let mut widest: f64 = 0.0;
    // zero first, then the ends: ticks that would touch one already there are left out
    let mut ticks = map.scale.ticks(lo, hi);
    ticks.sort_by(|a, b| (*b == 0.0).cmp(&(*a == 0.0)).then(b.abs().total_cmp(&a.abs())));
    let mut placed: Vec<f64> = Vec::new();
    for tick in ticks {
        let Some(at) = position(map, tick) else { continue };
        let y = bottom - at * (bottom - top);
        if placed.iter().any(|other| (other - y).abs() < 13.0) {
            continue;
        }
        placed.push(y);
        let content = bar_tick(map, tick);
        widest = widest.max(text_width(&content, f64::from(TICK_SIZE)));
        let x = left + BAR_WIDTH;
        pen.scene.add(Primitive::Line {
            x1: x,
            y1: y,
            x2: x + 3.0,
            y2: y,
            stroke: INK,
            stroke_width: 1.0,
            stroke_dasharray: None,
        });
        pen.scene.add(Primitive::Text {
            x: x + 6.0,
            y: y + 4.0,
            content,
            size: TICK_SIZE,
            anchor: TextAnchor::Start,
            rotate: None,
            bold: false,
            color: Some(INK),
        });
    }
    if !map.colour_label.is_empty() {
        pen.scene.add(Primitive::Text {
            x: left + BAR_WIDTH + widest + 23.0,
            y: 0.5 * (top + bottom),
            content: map.colour_label.clone(),
            size: LABEL_SIZE,
            anchor: TextAnchor::Middle,
            rotate: Some(-90.0),
            bold: false,
            color: Some(INK),
        });
    }
}
