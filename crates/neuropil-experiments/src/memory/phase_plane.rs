//! The plane, coloured by the pattern to which every point is recalled.

use ndarray::{Array2, array};
use neuropil_memory::baseline::ModernHopfield;
use neuropil_memory::{
    AssociativeMemory, Kernel, KernelMemory, KernelMemoryParams, RecallOptions, Rule, StateKind, recall,
};
use neuropil_report::{Colour, Figure, HeatMap, Marker, Panel};

use crate::{Context, Result};

const SIDE: usize = 90;
const EDGE: f64 = 1.6;

/// Three memories of the same six points.
pub fn figure(context: &Context) -> Result<Figure> {
    let points = array![[0.9, 0.1], [0.2, 0.8], [-0.8, 0.6], [-0.5, -0.7], [0.5, -0.6], [0.25, -0.15]];
    let memory = |rule: Rule| -> Result<KernelMemory> {
        let params = KernelMemoryParams {
            kernel: Kernel::gaussian(0.5),
            rule,
            states: StateKind::Real,
            ..KernelMemoryParams::default()
        };
        Ok(KernelMemory::fit_with(&params, points.view(), &context.monitor.quiet())?.0)
    };
    let raw = memory(Rule::interpolation())?;
    let normalized = memory(Rule::normalized_interpolation())?;
    let attention = ModernHopfield::with_radius(points.view(), 0.5)?;
    let memories: [(&str, &dyn AssociativeMemory); 3] =
        [("interpolation", &raw), ("attention", &attention), ("normalised interpolation", &normalized)];
    let mut figure = Figure::new("phase-plane", "Basins of six points in the plane, Gaussian kernel, r = 0.5")
        .describe(
            "Colour: the pattern that a state is recalled to; blank: none. Interpolation loses states that are far from \
             all patterns; attention moves its fixed points and merges some; the normalised memory does neither.",
        )
        .columns(2);
    for (title, memory) in memories {
        figure = figure.panel(panel(title, memory, &points, context)?);
    }
    Ok(figure)
}

fn panel(title: &str, memory: &dyn AssociativeMemory, points: &Array2<f64>, context: &Context) -> Result<Panel> {
    let at = |i: usize| EDGE * (2.0 * (i as f64 + 0.5) / SIDE as f64 - 1.0);
    let states =
        Array2::from_shape_fn((SIDE * SIDE, 2), |(row, axis)| at(if axis == 0 { row % SIDE } else { row / SIDE }));
    let options = RecallOptions { max_steps: 300, ..RecallOptions::default() };
    let recalled = recall(memory, states.view(), &options, &context.monitor.quiet())?;
    let label = |row: usize| {
        let nearest = recalled.nearest.as_ref()?;
        (nearest.distance[row] < 1e-3).then(|| nearest.index[row] as f64)
    };
    let values = (0..SIDE).map(|y| (0..SIDE).map(|x| label(y * SIDE + x).unwrap_or(f64::NAN)).collect()).collect();
    Ok(Panel::new()
        .title(title)
        .x_label("neuron 1")
        .y_label("neuron 2")
        .height(300.0)
        .heatmap(
            HeatMap::new(values).x_extent(-EDGE, EDGE).y_extent(-EDGE, EDGE).range(0.0, 5.0).colour_label("pattern"),
        )
        .points("patterns", &points.column(0).to_vec(), &points.column(1).to_vec())
        .colour(Colour::Vermillion)
        .marker(Marker::Diamond)
        .size(4.0))
}
