//! Liakoni, Modirshanechi, Gerstner and Brea, "Learning in Volatile Environments with the Bayes Factor Surprise",
//! Neural Computation 33 (2021), arXiv:1907.02936.

mod grid;
mod published;
mod regret_figures;
mod regret_heatmap;
mod roster;
mod task;
mod tuning;

use crate::Experiment;

const ROOM: &str = "surprise";
const PAPER: &str = "Liakoni, Modirshanechi, Gerstner, Brea (2021), Neural Computation 33:269-340, arXiv:1907.02936";

/// The experiments of the paper, in the order of its figures.
#[must_use]
pub fn all() -> Vec<Box<dyn Experiment>> {
    vec![
        Box::new(regret_heatmap::RegretHeatmap::gaussian()),
        Box::new(regret_heatmap::RegretHeatmap::categorical()),
    ]
}
