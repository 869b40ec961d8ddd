//! The picture of a fit: spikes, hidden activity, couplings, free run, course of the fit.

use ndarray::Array2;
use neuropil_data::spikes::SpikeTrains;
use neuropil_report::{ColourMap, ColourScale, Figure, HeatMap, Panel};
use neuropil_spikes::inference::{Fit, HiddenActivity};

use crate::spikes::simulate::raster;
use crate::spikes::{coarser, population_name};

/// What is drawn.
pub(crate) struct Shown<'a> {
    pub fit: &'a Fit,
    pub hidden: Option<&'a HiddenActivity>,
    pub trains: &'a SpikeTrains,
    pub names: &'a [String],
    pub free_run: &'a Array2<f64>,
    /// Bins of the first trial before the fitted ones.
    pub history: usize,
}

pub(crate) fn figure(shown: &Shown<'_>) -> Figure {
    let dt = shown.fit.circuit.dt;
    let name = |m: usize| population_name(shown.names.get(m).map_or(&m.to_string(), |name| name));
    let factor = ((0.02 / dt).round() as usize).max(1);
    let bin = factor as f64 * dt;
    let hz = |z: &Array2<f64>| coarser(&(z / dt), factor);
    let activity = hz(&shown.fit.activity[0]);
    let start = shown.history as f64 * dt;
    let time: Vec<f64> = (0..activity.nrows()).map(|t| start + (t as f64 + 0.5) * bin).collect();
    let bands = shown.hidden.map(|hidden| (hz(&hidden.lower[0]), hz(&hidden.upper[0])));
    let mut panel = Panel::new().title("Inferred activity").x_label("time (s)").y_label("Hz").height(240.0);
    for m in 0..activity.ncols() {
        if let Some((lower, upper)) = &bands {
            panel = panel.band(name(m), &time, &lower.column(m).to_vec(), &upper.column(m).to_vec());
        }
        panel = panel.line(name(m), &time, &activity.column(m).to_vec());
    }
    let couplings: Vec<Vec<f64>> = shown.fit.network.coupling.rows().into_iter().map(|row| row.to_vec()).collect();
    let largest = couplings.iter().flatten().fold(1e-9_f64, |a, b| a.max(b.abs()));
    let labels: Vec<String> = (0..couplings.len()).map(name).collect();
    let map = HeatMap::new(couplings)
        .rows(labels.iter().map(|label| format!("from {label}")))
        .columns(labels.iter().map(|label| format!("to {label}")))
        .scale(ColourScale::Linear)
        .colour_map(ColourMap::Diverging)
        .range(-largest, largest)
        .colour_label("coupling (mV)")
        .annotate();
    // A minute in a hundred bins and more: finer bins would be a black band.
    let free = coarser(shown.free_run, 5 * factor);
    let n = free.nrows().min(1000);
    let free_time: Vec<f64> = (0..n).map(|t| (t as f64 + 0.5) * 5.0 * bin).collect();
    let mut run = Panel::new().title("Free run of the fitted circuit").x_label("time (s)").y_label("Hz").height(220.0);
    for m in 0..free.ncols() {
        run = run.line(name(m), &free_time, &free.column(m).to_vec()[..n]);
    }
    let mut course = Panel::new().title("Course of the fit").x_label("round").y_label("loss (nat)").height(220.0);
    for (r, restart) in shown.fit.restarts.iter().enumerate() {
        let rounds: Vec<f64> = (1..=restart.rounds.len()).map(|i| i as f64).collect();
        let losses: Vec<f64> = restart.rounds.iter().map(|round| round.m_loss).collect();
        let kept = if r == shown.fit.best { " (kept)" } else { "" };
        course = course.line(format!("restart {r}{kept}"), &rounds, &losses);
    }
    let figure = Figure::new("infer", "The circuit behind the recorded spikes")
        .describe(
            "Recorded spikes of the first trial, inferred activity of every population, couplings from (row) to (column), \
             a free run of the fitted circuit, and the loss over the rounds of every restart if there are several.",
        )
        .columns(1)
        .panel(raster(shown.trains, 0, f64::MAX))
        .panel(panel)
        .panel(Panel::new().title("Couplings").height(240.0).heatmap(map))
        .panel(run);
    // A single round has no course.
    if shown.fit.restarts.iter().any(|restart| restart.rounds.len() > 1) { figure.panel(course) } else { figure }
}
