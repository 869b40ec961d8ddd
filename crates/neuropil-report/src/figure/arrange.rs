//! Panels in a grid, aligned by the edges of their axes.

use super::Figure;
use super::axes::{Axes, Bottom, FONT, Margins, Ranges};
use super::colour::INK;
use super::draw::{Medium, Pen, draw_marks, paper};
use super::key::{Head, entries};
use super::mark::Shape;
use super::matrix::{bar_space, draw_bar, draw_cells};
use super::panel::Panel;
use kuva::render::axis::{add_axes_and_grid, add_labels_and_title};
use kuva::render::render::{Primitive, Scene};

const BETWEEN_COLUMNS: f64 = 14.0;
const BETWEEN_ROWS: f64 = 12.0;
const EDGE: f64 = 4.0;

/// For each mark of each panel the place of its series in the figure: marks of one name are one series.
fn turns(panels: &[Panel]) -> Vec<Vec<usize>> {
    let mut names: Vec<String> = Vec::new();
    let mut turns = Vec::new();
    for panel in panels {
        let mut unnamed = 0;
        turns.push(
            panel
                .marks
                .iter()
                .map(|mark| {
                    if matches!(mark.shape, Shape::VLines { .. } | Shape::HLines { .. } | Shape::HeatMap(_)) {
                        0
                    } else if mark.name.is_empty() {
                        unnamed += 1;
                        unnamed - 1
                    } else if let Some(turn) = names.iter().position(|name| *name == mark.name) {
                        turn
                    } else {
                        names.push(mark.name.clone());
                        names.len() - 1
                    }
                })
                .collect(),
        );
    }
    turns
}

/// The default height of a drawing area in pixels.
fn natural_height(panel: &Panel, columns: usize, rows: usize) -> f64 {
    if let Some(height) = panel.height.filter(|height| height.is_finite()) {
        return height.clamp(40.0, 2000.0);
    }
    match panel.map() {
        Some(map) if !map.row_labels.is_empty() => (map.values.len() as f64 * 30.0).clamp(130.0, 420.0),
        _ if columns == 1 && rows == 1 => 280.0,
        _ if columns == 1 => 140.0,
        _ => 200.0,
    }
}

/// The whole figure as a kuva scene.
pub(crate) fn compose(figure: &Figure, medium: Medium) -> Scene {
    let panels = &figure.panels;
    let columns = figure.columns.clamp(1, panels.len().max(1));
    let rows = panels.len().div_ceil(columns).max(1);
    let total = match columns {
        1 => 700.0,
        2 => 920.0,
        _ => 960.0 + 220.0 * (columns as f64 - 3.0),
    };
    let width = (total - 2.0 * EDGE - BETWEEN_COLUMNS * (columns - 1) as f64) / columns as f64;
    let turns = turns(panels);

    let mut ranges: Vec<Ranges> = panels.iter().map(Ranges::of).collect();
    if figure.share_x {
        let shared = ranges
            .iter()
            .filter(|range| range.x_categories.is_none())
            .map(|range| range.x)
            .reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)));
        for range in ranges.iter_mut().filter(|range| range.x_categories.is_none()) {
            range.x = shared.unwrap_or(range.x);
        }
    }

    // margins come from each panel's own labels; a row shares those above and below, a column those at the sides
    let mut seen: Vec<String> = Vec::new();
    let mut prepared = Vec::new();
    for (index, (panel, range)) in panels.iter().zip(&ranges).enumerate() {
        let height = natural_height(panel, columns, rows);
        let bottom = if figure.share_x && index + columns < panels.len() { Bottom::Bare } else { Bottom::Labelled };
        let beside = panel.map().map_or(0.0, bar_space);
        let axes = Axes::new(panel, range, width, height, bottom, 0.0, beside);
        let letter = (panels.len() > 1).then(|| char::from(b'a' + (index % 26) as u8));
        let mut legend = entries(&panel.marks, &turns[index], &mut seen);
        // A legend of one entry that repeats the title says nothing.
        if matches!(legend.as_slice(), [only] if only.is_named(&panel.title)) {
            legend.clear();
        }
        let head = Head::new(letter, &panel.title, legend, width - axes.margins.left - 8.0);
        prepared.push((axes, head, height));
    }
    let over =
        |indices: &mut dyn Iterator<Item = usize>, value: &dyn Fn(usize) -> f64| indices.map(value).fold(0.0, f64::max);
    let side = |column: usize, value: &dyn Fn(&Margins) -> f64| {
        over(&mut (column..panels.len()).step_by(columns), &|index| value(&prepared[index].0.margins))
    };
    let sides: Vec<(f64, f64)> =
        (0..columns).map(|column| (side(column, &|m| m.left), side(column, &|m| m.right))).collect();
    let levels: Vec<(f64, f64, f64)> = (0..rows)
        .map(|row| {
            let members = || row * columns..((row + 1) * columns).min(panels.len());
            (
                over(&mut members(), &|index| prepared[index].1.height()),
                over(&mut members(), &|index| prepared[index].2),
                over(&mut members(), &|index| prepared[index].0.margins.bottom),
            )
        })
        .collect();

    let height = levels.iter().map(|(top, middle, bottom)| top + middle + bottom).sum::<f64>()
        + BETWEEN_ROWS * (rows - 1) as f64
        + 2.0 * EDGE;
    let mut scene = Scene::new(total, height);
    scene.background_color = Some(paper());
    scene.text_color = Some(INK.to_svg_string());
    scene.font_family = Some(FONT.into());

    let mut y = EDGE;
    let mut waiting = prepared.into_iter();
    for (row, &(top, middle, bottom)) in levels.iter().enumerate() {
        for (column, &(left, right)) in sides.iter().enumerate() {
            let index = row * columns + column;
            let Some((axes, head, _)) = waiting.next() else { break };
            let x = EDGE + column as f64 * (width + BETWEEN_COLUMNS);
            scene.add(Primitive::GroupStart {
                transform: Some(format!("translate({x},{y})")),
                title: None,
                extra_attrs: None,
            });
            let frame = axes.place(Margins { left, right, top, bottom }, middle);
            let panel = &panels[index];
            if let Some(map) = panel.map() {
                draw_cells(&mut Pen { scene: &mut scene, medium }, &frame, map);
            }
            add_axes_and_grid(&mut scene, &frame.computed, &frame.layout);
            let labels = panel.bar_labels();
            let mut pen = Pen { scene: &mut scene, medium };
            draw_marks(&mut pen, &frame, &panel.marks, &turns[index], &labels);
            if let Some(map) = panel.map() {
                draw_bar(&mut pen, &frame, map);
            }
            head.draw(&mut pen, frame.left(), frame.top());
            add_labels_and_title(&mut scene, &frame.computed, &frame.layout);
            scene.add(Primitive::GroupEnd);
        }
        y += top + middle + bottom + BETWEEN_ROWS;
    }
    scene
}
