//! Models without mechanism, to compare with: what they cannot do is what the circuit is for.
//!
//! * [`hmm`]: hidden Markov model with Poisson emissions; knows levels, but no dynamics within a level;
//! * [`plds`]: linear dynamical system with Poisson emissions; knows time constants, but no switching;
//! * [`coupled_glm`]: generalised linear model of the recorded neurons alone; knows no hidden neuron.
//!
//! The fourth baseline, smoothing, is
//! [`Recording::smoothed_activity`](crate::inference::Recording::smoothed_activity).

pub mod coupled_glm;
pub mod hmm;
pub mod plds;

use ndarray::{Array2, ArrayView2};

/// Counts in bins `factor` times as long; what does not fill a bin at the end is left out.
#[must_use]
pub fn coarser(spikes: ArrayView2<'_, u8>, factor: usize) -> Array2<f64> {
    let factor = factor.max(1);
    Array2::from_shape_fn((spikes.nrows() / factor, spikes.ncols()), |(b, i)| {
        (0..factor).map(|j| f64::from(spikes[[b * factor + j, i]])).sum()
    })
}

/// Mean over the neurons of each population of values (time by neuron).
#[must_use]
pub fn population_mean(values: &Array2<f64>, populations: &[usize], n_populations: usize) -> Array2<f64> {
    let mut mean = Array2::zeros((values.nrows(), n_populations));
    for m in 0..n_populations {
        let members: Vec<usize> = (0..populations.len()).filter(|&i| populations[i] == m).collect();
        for &i in &members {
            for t in 0..values.nrows() {
                mean[[t, m]] += values[[t, i]] / members.len() as f64;
            }
        }
    }
    mean
}

/// Log-probability of counts under Poisson rates, without the factorials.
fn poisson_log(count: f64, rate: f64) -> f64 {
    count * rate.max(1e-12).ln() - rate
}
