//! Heat maps of error and regret, and published against measured regrets.

use neuropil_report::{Colour, Figure, HeatMap, Panel};

use super::grid::{Cell, Grid};
use super::{published, roster};

/// The figures of a grid.
pub fn figures(grid: &Grid, cells: &[Cell]) -> Vec<Figure> {
    vec![heat_maps(grid, cells), against_published(grid, cells)]
}

fn heat_maps(grid: &Grid, cells: &[Cell]) -> Figure {
    let symbol = grid.kind.symbol();
    let mut figure = Figure::new("regret", "Error of exact Bayes and regret of the other learners")
        .describe(format!(
            "First panel: mean squared error of exact Bayes. Other panels: mean squared error above it. Decimal \
             logarithms; rows: {symbol}, columns: hazard. A cell without colour has a mean that is not above zero."
        ))
        .columns(4);
    for &learner in &grid.learners {
        let exact = learner == "exact";
        let values = grid
            .levels
            .iter()
            .map(|&level| {
                let row = cells.iter().filter(|cell| cell.level == level);
                row.map(|cell| {
                    let value = if exact { cell.error(learner).mean } else { cell.regret(learner).mean };
                    // Two significant digits of the logarithm are what fits into a cell and can be read.
                    if value > 0.0 { (10.0 * value.log10()).round() / 10.0 } else { f64::NAN }
                })
                .collect()
            })
            .collect();
        let mut map = HeatMap::new(values)
            .rows(grid.levels.iter().map(ToString::to_string))
            .columns(grid.hazards.iter().map(ToString::to_string))
            .colour_label(if exact { "log₁₀ mean squared error" } else { "log₁₀ regret" })
            .annotate();
        if !exact {
            map = map.range(-6.0, 0.0);
        }
        figure = figure.panel(
            Panel::new().title(roster::label(learner)).x_label("hazard").y_label(symbol).height(200.0).heatmap(map),
        );
    }
    figure
}

fn against_published(grid: &Grid, cells: &[Cell]) -> Figure {
    let symbol = grid.kind.symbol();
    let mut figure = Figure::new("published-regret", "Measured against published regret")
        .describe(
            "Regret of each learner in each cell of the grid, ours against that published by the authors; bars are \
             standard errors over sequences. Points on the line agree.",
        )
        .columns(2);
    let levels: Vec<f64> = grid
        .levels
        .iter()
        .copied()
        .filter(|&level| published::regret(grid.kind, level, "exact", 0.1).is_some())
        .collect();
    let shown = ["mp20", "pf10", "pf20", "varsmile", "nassar10", "nassar12", "smile", "leaky"];
    for level in levels {
        let mut panel = Panel::new()
            .title(format!("{symbol} = {level}"))
            .x_label("published regret")
            .y_label("our regret")
            .log_x()
            .log_y();
        let mut range = (f64::INFINITY, 0.0f64);
        for learner in shown.into_iter().filter(|learner| grid.learners.contains(learner)) {
            let mut points: Vec<(f64, f64, f64)> = Vec::new();
            for cell in cells.iter().filter(|cell| cell.level == level) {
                let regret = cell.regret(learner);
                if let Some(published) = published::regret(grid.kind, level, learner, cell.hazard)
                    && published > 0.0
                    && regret.mean > 0.0
                {
                    points.push((published, regret.mean, regret.standard_error));
                }
            }
            if points.is_empty() {
                continue;
            }
            for point in &points {
                range = (range.0.min(point.0.min(point.1)), range.1.max(point.0.max(point.1)));
            }
            let x: Vec<f64> = points.iter().map(|point| point.0).collect();
            let y: Vec<f64> = points.iter().map(|point| point.1).collect();
            let low: Vec<f64> = points.iter().map(|point| (point.1 - point.2).max(0.5 * point.1)).collect();
            let high: Vec<f64> = points.iter().map(|point| point.1 + point.2).collect();
            panel = panel.error_bars(roster::label(learner), &x, &y, &low, &high);
        }
        let ends = [0.6 * range.0, 1.6 * range.1];
        figure = figure.panel(panel.line("equal", &ends, &ends).colour(Colour::Grey));
    }
    figure
}
