//! Iatropoulos, Brea and Gerstner, "Kernel Memory Networks: A Unifying Framework for Memory Modeling", NeurIPS 2022,
//! arXiv:2208.09416. The experiments are ours: each tests one statement of the paper's abstract.

mod basins;
mod cues;
mod dendrites;
mod digits;
mod exponential_number;
mod hidden_layer;
mod loads;
mod margins;
mod phase_plane;
mod robustness;
mod separability;

use crate::Experiment;

const ROOM: &str = "memory";
const PAPER: &str = "Iatropoulos, Brea, Gerstner (2022), NeurIPS 35, arXiv:2208.09416";

/// The experiments of the room.
#[must_use]
pub fn all() -> Vec<Box<dyn Experiment>> {
    vec![
        Box::new(digits::Digits),
        Box::new(robustness::Robustness),
        Box::new(margins::Margins),
        Box::new(separability::Separability),
        Box::new(loads::Loads),
        Box::new(hidden_layer::HiddenLayer),
        Box::new(basins::Basins),
        Box::new(exponential_number::ExponentialNumber),
        Box::new(dendrites::Dendrites),
    ]
}
