//! Marks as kuva primitives.

use super::axes::Frame;
use super::colour::{Colour, INK, PAPER};
use super::mark::{Mark, Marker, Shape, Stroke};
use super::outline::{Area, Point, clip_line, clip_polygon, dashes, thin};
use kuva::render::color::Color;
use kuva::render::render::{PathData, Primitive, Scene};
use std::fmt::Write;

/// The two ways in which a scene is written; they differ in how dashes are made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Medium {
    Svg,
    Png,
}

/// How a series looks: fixed by its place in the figure unless a mark says otherwise.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Look {
    pub colour: Colour,
    pub stroke: Stroke,
    pub marker: Marker,
    pub size: Option<f64>,
}

impl Look {
    /// The look of the series that is number `turn` in its figure.
    pub fn of(mark: &Mark, turn: usize) -> Look {
        let guide = matches!(mark.shape, Shape::VLines { .. } | Shape::HLines { .. });
        let colour = if guide { Colour::Grey } else { Colour::CYCLE[turn % Colour::CYCLE.len()] };
        let stroke = match (guide, &mark.shape) {
            (true, Shape::VLines { .. }) => Stroke::Dotted,
            (true, _) => Stroke::Dashed,
            (false, _) => Stroke::CYCLE[turn % Stroke::CYCLE.len()],
        };
        Look {
            colour: mark.style.colour.unwrap_or(colour),
            stroke: mark.style.stroke.unwrap_or(stroke),
            marker: mark.style.marker.unwrap_or(Marker::CYCLE[turn % Marker::CYCLE.len()]),
            size: mark.style.size,
        }
    }

    pub fn line_width(&self) -> f64 {
        self.size.unwrap_or(1.7)
    }

    pub fn radius(&self) -> f64 {
        self.size.unwrap_or(3.2)
    }
}

/// Draws onto one scene.
pub(crate) struct Pen<'a> {
    pub scene: &'a mut Scene,
    pub medium: Medium,
}

impl Pen<'_> {
    /// A polyline. kuva starts the dash pattern anew at every point of a PNG, so that fine curves would look solid;
    /// there the dashes are cut beforehand.
    pub fn line(&mut self, points: &[Point], colour: Color, width: f64, stroke: Stroke) {
        let pattern = stroke.pattern();
        match self.medium {
            Medium::Png if !pattern.is_empty() => {
                for piece in dashes(points, pattern) {
                    self.scene.add(Primitive::PolyLine {
                        points: piece,
                        stroke: colour.clone(),
                        stroke_width: width,
                        stroke_dasharray: None,
                    });
                }
            }
            _ => {
                let dasharray = (!pattern.is_empty())
                    .then(|| pattern.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "));
                self.scene.add(Primitive::Path(Box::new(PathData {
                    d: path(points, false),
                    fill: Some(Color::None),
                    stroke: colour,
                    stroke_width: width,
                    opacity: None,
                    stroke_dasharray: dasharray,
                })));
            }
        }
    }

    /// A filled polygon without an outline.
    pub fn fill(&mut self, polygon: &[Point], colour: Color, opacity: Option<f64>) {
        self.scene.add(Primitive::Path(Box::new(PathData {
            d: path(polygon, true),
            fill: Some(colour),
            stroke: Color::None,
            stroke_width: 0.0,
            opacity,
            stroke_dasharray: None,
        })));
    }

    /// One point.
    pub fn point(&mut self, (x, y): Point, marker: Marker, radius: f64, colour: Color) {
        let r = radius;
        let corners: &[Point] = match marker {
            Marker::Circle => {
                self.scene.add(Primitive::Circle {
                    cx: x,
                    cy: y,
                    r,
                    fill: colour,
                    fill_opacity: None,
                    stroke: None,
                    stroke_width: None,
                });
                return;
            }
            Marker::Cross | Marker::Plus => {
                let d = if marker == Marker::Cross { 0.75 * r } else { r };
                let arms: [[Point; 2]; 2] = if marker == Marker::Cross {
                    [[(x - d, y - d), (x + d, y + d)], [(x - d, y + d), (x + d, y - d)]]
                } else {
                    [[(x - d, y), (x + d, y)], [(x, y - d), (x, y + d)]]
                };
                for arm in arms {
                    self.line(&arm, colour.clone(), 1.6, Stroke::Solid);
                }
                return;
            }
            Marker::Square => &[(-0.85, -0.85), (0.85, -0.85), (0.85, 0.85), (-0.85, 0.85)],
            Marker::Diamond => &[(0.0, -1.2), (1.2, 0.0), (0.0, 1.2), (-1.2, 0.0)],
            Marker::Triangle => &[(0.0, -1.15), (1.1, 0.85), (-1.1, 0.85)],
            Marker::DownTriangle => &[(0.0, 1.15), (1.1, -0.85), (-1.1, -0.85)],
        };
        let corners: Vec<Point> = corners.iter().map(|(dx, dy)| (x + r * dx, y + r * dy)).collect();
        self.fill(&corners, colour, None);
    }

    /// An error bar with caps.
    fn whisker(&mut self, x: f64, lo: f64, hi: f64, cap: f64, colour: &Color, area: &Area) {
        let segments = [[(x, lo), (x, hi)], [(x - cap, lo), (x + cap, lo)], [(x - cap, hi), (x + cap, hi)]];
        for segment in segments {
            for piece in clip_line(&segment, area) {
                self.line(&piece, colour.clone(), 1.3, Stroke::Solid);
            }
        }
    }
}

fn path(points: &[Point], closed: bool) -> String {
    let mut d = String::with_capacity(points.len() * 12);
    for (index, (x, y)) in points.iter().enumerate() {
        let _ = write!(d, "{}{} {}", if index == 0 { 'M' } else { 'L' }, round(*x), round(*y));
    }
    if closed {
        d.push('Z');
    }
    d
}

/// Two decimals are a hundredth of a pixel.
pub(crate) fn round(value: f64) -> f64 {
    let rounded = (value * 100.0).round() / 100.0;
    if rounded == 0.0 { 0.0 } else { rounded }
}

/// Draws every mark but heat maps. `turn` gives the place of each mark's series in the figure.
pub(crate) fn draw_marks(pen: &mut Pen<'_>, frame: &Frame, marks: &[Mark], turns: &[usize], labels: &[String]) {
    let area = Area { left: frame.left(), top: frame.top(), right: frame.right(), bottom: frame.bottom() };
    let groups = marks.iter().filter(|mark| matches!(mark.shape, Shape::Bars { .. })).count();
    let mut group = 0;
    for (mark, &turn) in marks.iter().zip(turns) {
        let look = Look::of(mark, turn);
        let colour = look.colour.paint();
        let place = |x: &[f64], y: &[f64]| -> Vec<Point> {
            x.iter().zip(y).map(|(&x, &y)| (frame.px(x), frame.py(y))).collect()
        };
        match &mark.shape {
            Shape::Line { x, y } => draw_curve(pen, &area, &thin(place(x, y)), &look),
            Shape::Step { x, y } => {
                let points = place(x, y);
                let mut corners = Vec::with_capacity(2 * points.len());
                for (index, &(x, y)) in points.iter().enumerate() {
                    if index > 0 {
                        corners.push((x, points[index - 1].1));
                    }
                    corners.push((x, y));
                }
                draw_curve(pen, &area, &thin(corners), &look);
            }
            Shape::Points { x, y } => {
                let mut taken = std::collections::HashSet::new();
                // points on the same spot of this many pixels are drawn once
                let spot = if x.len() > 2000 { 2.0 } else { 0.5 };
                for point in place(x, y).into_iter().filter(|point| area.contains(*point)) {
                    if taken.insert(((point.0 / spot) as i64, (point.1 / spot) as i64)) {
                        pen.point(point, look.marker, look.radius(), colour.clone());
                    }
                }
            }
            Shape::ErrorBars { x, y, lo, hi } => {
                for (index, point) in place(x, y).into_iter().enumerate() {
                    if let (Some(&lo), Some(&hi)) = (lo.get(index), hi.get(index)) {
                        pen.whisker(point.0, frame.py(lo), frame.py(hi), 3.0, &colour, &area);
                    }
                    if area.contains(point) {
                        pen.point(point, look.marker, look.radius(), colour.clone());
                    }
                }
            }
            Shape::Band { x, lo, hi } => {
                let (lower, upper) = (place(x, lo), place(x, hi));
                let whole = |index: &usize| {
                    lower[*index].1.is_finite() && upper[*index].1.is_finite() && lower[*index].0.is_finite()
                };
                let indices: Vec<usize> = (0..lower.len().min(upper.len())).collect();
                for run in indices.split(|index| !whole(index)).filter(|run| !run.is_empty()) {
                    let (first, last) = (run[0], run[run.len() - 1]);
                    let mut polygon = thin(upper[first..=last].to_vec());
                    polygon.extend(thin(lower[first..=last].to_vec()).into_iter().rev());
                    let polygon = clip_polygon(&polygon, &area);
                    if !polygon.is_empty() {
                        pen.fill(&polygon, colour.clone(), Some(0.22));
                    }
                }
            }
            Shape::Bars { labels: own, values, lo, hi } => {
                let zero = frame.py(0.0);
                let floor = if zero.is_finite() { zero.clamp(area.top, area.bottom) } else { area.bottom };
                let slot = (frame.px(2.0) - frame.px(1.0)).abs();
                let width = 0.8 * slot / groups as f64;
                for (index, (label, &value)) in own.iter().zip(values).enumerate() {
                    let Some(position) = labels.iter().position(|other| other == label) else { continue };
                    let left = frame.px(position as f64 + 1.0) - 0.4 * slot + group as f64 * width;
                    let y = frame.py(value).clamp(area.top, area.bottom);
                    if y.is_finite() {
                        let (top, bottom) = (y.min(floor), y.max(floor));
                        pen.scene.add(Primitive::Rect {
                            x: left + 0.5,
                            y: top,
                            width: (width - 1.0).max(1.0),
                            height: bottom - top,
                            fill: colour.clone(),
                            stroke: None,
                            stroke_width: None,
                            opacity: None,
                        });
                    }
                    if let (Some(&lo), Some(&hi)) = (lo.get(index), hi.get(index)) {
                        pen.whisker(
                            left + 0.5 * width,
                            frame.py(lo),
                            frame.py(hi),
                            (0.2 * width).min(5.0),
                            &INK,
                            &area,
                        );
                    }
                }
                group += 1;
            }
            Shape::VLines { at } => {
                for &x in at {
                    let x = frame.px(x);
                    for piece in clip_line(&[(x, area.top), (x, area.bottom)], &area) {
                        pen.line(&piece, colour.clone(), look.size.unwrap_or(1.1), look.stroke);
                    }
                }
            }
            Shape::HLines { at } => {
                for &y in at {
                    let y = frame.py(y);
                    for piece in clip_line(&[(area.left, y), (area.right, y)], &area) {
                        pen.line(&piece, colour.clone(), look.size.unwrap_or(1.1), look.stroke);
                    }
                }
            }
            Shape::HeatMap(_) => {}
        }
    }
}

/// A line with its lonely points, which have no neighbour to be joined to, as dots.
fn draw_curve(pen: &mut Pen<'_>, area: &Area, points: &[Point], look: &Look) {
    for piece in clip_line(points, area) {
        pen.line(&piece, look.colour.paint(), look.line_width(), look.stroke);
    }
    let finite = |point: Option<&Point>| point.is_some_and(|point| point.0.is_finite() && point.1.is_finite());
    for (index, point) in points.iter().enumerate() {
        let joined = (index > 0 && finite(points.get(index - 1))) || finite(points.get(index + 1));
        if finite(Some(point)) && !joined && area.contains(*point) {
            pen.point(*point, Marker::Circle, 0.8 * look.line_width(), look.colour.paint());
        }
    }
}

/// The sheet behind a whole figure.
pub(crate) fn paper() -> String {
    PAPER.to_svg_string()
}
