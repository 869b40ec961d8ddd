//! Patterns as pictures side by side.

use ndarray::{Array2, ArrayView1, ArrayView2};
use neuropil_report::{ColourMap, Figure, HeatMap, Panel};

/// Pictures per row.
const PER_ROW: usize = 10;

/// One panel per named array: its rows as pictures of a shape, side by side.
pub(crate) fn strips(
    id: &str,
    title: &str,
    description: &str,
    rows: &[(&str, ArrayView2<f64>)],
    shape: (usize, usize),
) -> Figure {
    let finite = rows.iter().flat_map(|(_, images)| images.iter().copied()).filter(|value| value.is_finite());
    // The stored patterns, which come last, set the grey scale; noise beyond it is drawn at its ends.
    let (low, high) = rows
        .last()
        .map(|(_, images)| images.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), &v| (l.min(v), h.max(v))))
        .filter(|(low, high)| low < high)
        .unwrap_or_else(|| finite.fold((0.0, 1.0), |(l, h): (f64, f64), v| (l.min(v), h.max(v))));
    let n = rows.first().map_or(0, |(_, images)| images.nrows()).min(PER_ROW);
    let mut figure = Figure::new(id, title).describe(description).columns(1);
    for (name, images) in rows {
        let values = strip(images, n, shape);
        figure = figure.panel(
            Panel::new().title(*name).height(110.0).heatmap(
                HeatMap::new(values)
                    .x_extent(0.0, n as f64)
                    .y_extent(0.0, 1.0)
                    .range(low, high)
                    .colour_map(ColourMap::Grey)
                    .colour_label("state"),
            ),
        );
    }
    figure
}

/// Images side by side with a blank column between; the top row comes last, as a numeric axis wants it.
fn strip(images: &ArrayView2<f64>, n: usize, (height, width): (usize, usize)) -> Vec<Vec<f64>> {
    let line = |image: ArrayView1<f64>, y: usize| -> Vec<f64> {
        (0..width).map(|x| image[width * y + x]).chain([f64::NAN]).collect()
    };
    (0..height).rev().map(|y| images.rows().into_iter().take(n).flat_map(|image| line(image, y)).collect()).collect()
}

/// The stored patterns nearest to recalled states, or the states where the memory does not know its patterns.
pub(crate) fn nearest(patterns: ArrayView2<f64>, index: &[usize]) -> Array2<f64> {
    patterns.select(ndarray::Axis(0), index)
}
