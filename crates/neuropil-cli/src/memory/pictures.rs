//! Patterns as pictures side by side.

use ndarray::{Array2, ArrayView1, ArrayView2};
use neuropil_report::{ColourMap, Figure, HeatMap, Panel};

/// Pictures side by side.
pub(crate) const PER_ROW: usize = 10;
/// Width of the pictures together, and the largest side of a pixel.
const WIDTH: f64 = 570.0;
const LARGEST_PIXEL: f64 = 20.0;

/// One row of pictures for every named array: its rows as pictures of a shape, side by side.
pub(crate) fn strips(
    id: &str,
    title: &str,
    description: &str,
    rows: &[(String, ArrayView2<f64>)],
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
    let (height, width) = shape;
    let mut values = Vec::new();
    for (place, (_, images)) in rows.iter().enumerate() {
        if place > 0 {
            values.push(vec![f64::NAN; (width + 1) * n]);
        }
        values.extend(strip(images, n, shape));
    }
    let names =
        (0..values.len()).map(|line| match (line % (height + 1) == height / 2, rows.get(line / (height + 1))) {
            (true, Some((name, _))) => name.as_str(),
            _ => "",
        });
    let numbers = (0..(width + 1) * n)
        .map(|x| if x % (width + 1) == width / 2 { (x / (width + 1)).to_string() } else { String::new() });
    let pixel = (WIDTH / ((width + 1) * n.max(1)) as f64).min(LARGEST_PIXEL);
    Figure::new(id, title).describe(description).panel(
        Panel::new().x_label("pattern").height(pixel * values.len() as f64 + 60.0).heatmap(
            HeatMap::new(values.clone())
                .rows(names)
                .columns(numbers)
                .range(low, high)
                .colour_map(ColourMap::Grey)
                .colour_label("state"),
        ),
    )
}

/// Images side by side with a blank column after each.
fn strip(images: &ArrayView2<f64>, n: usize, (height, width): (usize, usize)) -> Vec<Vec<f64>> {
    let line = |image: ArrayView1<f64>, y: usize| -> Vec<f64> {
        (0..width).map(|x| image[width * y + x]).chain([f64::NAN]).collect()
    };
    (0..height).map(|y| images.rows().into_iter().take(n).flat_map(|image| line(image, y)).collect()).collect()
}

/// The stored patterns nearest to recalled states, or the states where the memory does not know its patterns.
pub(crate) fn nearest(patterns: ArrayView2<f64>, index: &[usize]) -> Array2<f64> {
    patterns.select(ndarray::Axis(0), index)
}
