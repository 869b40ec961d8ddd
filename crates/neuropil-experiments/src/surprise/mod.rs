//! Liakoni, Modirshanechi, Gerstner and Brea, "Learning in Volatile Environments with the Bayes Factor Surprise",
//! Neural Computation 33 (2021), arXiv:1907.02936.

mod annotated_series;
mod calibration;
mod cost_per_observation;
mod error_after_change;
mod grid;
mod originals_vs_starred;
mod published;
mod regret_figures;
mod regret_heatmap;
mod robustness;
mod roster;
mod subjects;
mod surprise_vs_error;
mod surprise_vs_probability;
mod task;
mod tuning;

use crate::Experiment;

const ROOM: &str = "surprise";
const PAPER: &str = "Liakoni, Modirshanechi, Gerstner, Brea (2021), Neural Computation 33:269-340, arXiv:1907.02936";

/// The experiments of the paper, in the order of its figures, and those beyond it.
#[must_use]
pub fn all() -> Vec<Box<dyn Experiment>> {
    vec![
        Box::new(error_after_change::ErrorAfterChange::gaussian()),
        Box::new(regret_heatmap::RegretHeatmap::gaussian()),
        Box::new(error_after_change::ErrorAfterChange::categorical()),
        Box::new(regret_heatmap::RegretHeatmap::categorical()),
        Box::new(robustness::Robustness::gaussian()),
        Box::new(robustness::Robustness::categorical()),
        Box::new(surprise_vs_error::SurpriseVsError),
        Box::new(surprise_vs_probability::SurpriseVsProbability),
        Box::new(originals_vs_starred::OriginalsVsStarred),
        Box::new(calibration::Calibration),
        Box::new(cost_per_observation::CostPerObservation),
        Box::new(annotated_series::AnnotatedSeries),
    ]
}
