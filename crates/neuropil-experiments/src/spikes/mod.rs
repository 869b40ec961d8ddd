//! Populations of spiking neurons, and the circuit behind a few recorded trains: Wang, Schmutz, Bellec and Gerstner,
//! "Mesoscopic modeling of hidden spiking neurons", NeurIPS 2022, arXiv:2205.13493; with the population equations of
//! Schwalger, Deger and Gerstner, PLoS Computational Biology 13 (2017), and the fits of René, Longtin and Macke, Neural
//! Computation 32 (2020).

mod baselines;
mod circuit_recording;
mod cluster_states;
mod clustering;
mod column;
mod connectivity;
mod finite_size;
mod fit;
mod micro_and_meso;
mod more_neurons;
mod perturbation;
mod winner_take_all;

use crate::Experiment;

const ROOM: &str = "spikes";
const PAPER: &str = "Wang, Schmutz, Bellec, Gerstner (2022), NeurIPS 35, arXiv:2205.13493";
const POPULATIONS: &str = "Schwalger, Deger, Gerstner (2017), PLoS Comput Biol 13:e1005507";

/// The experiments: simulators first, then inference.
#[must_use]
pub fn all() -> Vec<Box<dyn Experiment>> {
    vec![
        Box::new(winner_take_all::WinnerTakeAll),
        Box::new(micro_and_meso::MicroAndMeso),
        Box::new(finite_size::FiniteSize),
        Box::new(column::Column),
        Box::new(fit::Fit),
        Box::new(connectivity::Connectivity),
        Box::new(perturbation::Perturbation),
        Box::new(cluster_states::ClusterStates),
        Box::new(more_neurons::MoreNeurons),
        Box::new(baselines::Baselines),
        Box::new(clustering::Clustering),
    ]
}
