//! Simsek, Ged, Jacot, Spadaro, Hongler, Gerstner and Brea, "Geometry of the Loss Landscape in Overparameterized Neural
//! Networks: Symmetries and Invariances", ICML 2021, arXiv:2105.12221; and Brea, Simsek, Illing and Gerstner,
//! "Weight-space symmetry in deep networks gives rise to permutation saddles, connected by equal-loss valleys across the
//! loss landscape" (2019), arXiv:1907.02911.

mod counts;
mod deep_students;
mod digit_plateaus;
mod digit_saddles;
mod digits;
mod expansion_graph;
mod neuron_types;
mod permutation_paths;
mod split_saddles;
mod success;
mod zero_loss_paths;

use crate::Experiment;

const ROOM: &str = "landscape";
const GEOMETRY: &str =
    "Simsek, Ged, Jacot, Spadaro, Hongler, Gerstner, Brea (2021), ICML, PMLR 139:9722-9732, arXiv:2105.12221";
const SADDLES: &str = "Brea, Simsek, Illing, Gerstner (2019), arXiv:1907.02911";

/// The experiments of both papers.
#[must_use]
pub fn all() -> Vec<Box<dyn Experiment>> {
    vec![
        Box::new(counts::Counts),
        Box::new(expansion_graph::Graph),
        Box::new(zero_loss_paths::ZeroLossPaths),
        Box::new(success::Success),
        Box::new(neuron_types::NeuronTypes),
        Box::new(deep_students::DeepStudents),
        Box::new(digit_plateaus::DigitPlateaus),
        Box::new(permutation_paths::PermutationPaths),
        Box::new(split_saddles::SplitSaddles),
        Box::new(digit_saddles::DigitSaddles),
    ]
}
