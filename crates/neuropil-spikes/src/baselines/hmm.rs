//! Hidden Markov model with Poisson emissions, fitted by Baum-Welch from several random starts.

use ndarray::{Array1, Array2, ArrayView2};
use neuropil_core::random::{Seed, uniform};
use serde::{Deserialize, Serialize};

use super::poisson_log;
use crate::error::{Error, Result};

/// Settings of the fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct HmmOptions {
    /// Number of hidden states.
    pub n_states: usize,
    /// Random starts.
    pub n_restarts: usize,
    /// Largest number of iterations per start.
    pub max_iterations: usize,
    /// Seed of the starts.
    pub seed: u64,
}

impl Default for HmmOptions {
    fn default() -> Self {
        Self { n_states: 2, n_restarts: 5, max_iterations: 200, seed: 0 }
    }
}

/// A fitted hidden Markov model.
#[derive(Debug, Clone, PartialEq)]
pub struct PoissonHmm {
    /// Probability to go from a state (row) to another (column) in a bin.
    pub transition: Array2<f64>,
    /// Probability of the states in the first bin.
    pub initial: Array1<f64>,
    /// Expected count per bin, state by neuron.
    pub rates: Array2<f64>,
    /// Log-likelihood of the data that it was fitted to, nats, without the factorials of the counts.
    pub log_likelihood: f64,
}

impl PoissonHmm {
    /// Fits counts (time by neuron).
    ///
    /// # Errors
    /// No state, or fewer bins than states.
    pub fn fit(counts: ArrayView2<'_, f64>, options: &HmmOptions) -> Result<Self> {
        neuropil_core::check::at_least("n_states", options.n_states, 1)?;
        neuropil_core::check::at_least("n_restarts", options.n_restarts, 1)?;
        if counts.nrows() <= options.n_states {
            return Err(Error::TooLittle {
                what: "a hidden Markov model".into(),
                needed: format!("{} bins", options.n_states + 1),
                got: format!("{} bins", counts.nrows()),
                advice: "give a longer recording".into(),
            });
        }
        let models = (0..options.n_restarts).map(|r| Self::one_fit(counts, options, r));
        models
            .max_by(|a, b| a.log_likelihood.total_cmp(&b.log_likelihood))
            .ok_or_else(|| Error::parameter("n_restarts", 0, "at least 1"))
    }

    fn one_fit(counts: ArrayView2<'_, f64>, options: &HmmOptions, restart: usize) -> Self {
        let (k, n) = (options.n_states, counts.ncols());
        let mut stream = Seed::new(options.seed).child("hmm").index(restart as u64).stream();
        let mean = counts.mean_axis(ndarray::Axis(0)).unwrap_or_else(|| Array1::zeros(n));
        let mut model = Self {
            transition: Array2::from_shape_fn(
                (k, k),
                |(i, j)| if i == j { 0.95 } else { 0.05 / (k - 1).max(1) as f64 },
            ),
            initial: Array1::from_elem(k, 1.0 / k as f64),
            rates: Array2::from_shape_fn((k, n), |(_, i)| (mean[i] * (0.3 + 1.4 * uniform(&mut stream))).max(1e-4)),
            log_likelihood: f64::NEG_INFINITY,
        };
        if k == 1 {
            model.transition[[0, 0]] = 1.0;
        }
        for _ in 0..options.max_iterations {
            let pass = model.pass(counts);
            let gain = pass.log_likelihood - model.log_likelihood;
            model.log_likelihood = pass.log_likelihood;
            if gain.abs() < 1e-7 * pass.log_likelihood.abs() {
                break;
            }
            model.initial = pass.posterior.row(0).to_owned();
            for i in 0..k {
                let total: f64 = pass.transitions.row(i).sum();
                for j in 0..k {
                    model.transition[[i, j]] = (pass.transitions[[i, j]] + 1e-6) / (total + k as f64 * 1e-6);
                }
                let weight = pass.posterior.column(i).sum().max(1e-12);
                for neuron in 0..n {
                    model.rates[[i, neuron]] =
                        (pass.posterior.column(i).dot(&counts.column(neuron)) / weight).max(1e-6);
                }
            }
        }
        model
    }

    fn pass(&self, counts: ArrayView2<'_, f64>) -> Pass {
        let (n_bins, n) = counts.dim();
        let k = self.initial.len();
        // Emission probabilities relative to the best state of every bin, so that products do not underflow.
        let mut emission = Array2::zeros((n_bins, k));
        let mut log_likelihood = 0.0;
        for t in 0..n_bins {
            let logs: Vec<f64> =
                (0..k).map(|s| (0..n).map(|i| poisson_log(counts[[t, i]], self.rates[[s, i]])).sum()).collect();
            let largest = logs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            log_likelihood += largest;
            for s in 0..k {
                emission[[t, s]] = (logs[s] - largest).exp();
            }
        }
        let mut forward: Array2<f64> = Array2::zeros((n_bins, k));
        let mut scale = vec![0.0; n_bins];
        for t in 0..n_bins {
            for s in 0..k {
                let prior = if t == 0 {
                    self.initial[s]
                } else {
                    (0..k).map(|r| forward[[t - 1, r]] * self.transition[[r, s]]).sum()
                };
                forward[[t, s]] = prior * emission[[t, s]];
            }
            scale[t] = forward.row(t).sum().max(1e-300);
            forward.row_mut(t).mapv_inplace(|value| value / scale[t]);
            log_likelihood += scale[t].ln();
        }
        let mut posterior = forward.clone();
        let mut transitions = Array2::zeros((k, k));
        let mut backward = vec![1.0; k];
        for t in (0..n_bins).rev() {
            for s in 0..k {
                posterior[[t, s]] = forward[[t, s]] * backward[s];
            }
            if t > 0 {
                let ahead: Vec<f64> = (0..k).map(|s| emission[[t, s]] * backward[s] / scale[t]).collect();
                for r in 0..k {
                    for s in 0..k {
                        transitions[[r, s]] += forward[[t - 1, r]] * self.transition[[r, s]] * ahead[s];
                    }
                }
                backward = (0..k).map(|r| (0..k).map(|s| self.transition[[r, s]] * ahead[s]).sum()).collect();
            }
        }
        Pass { posterior, transitions, log_likelihood }
    }

    /// Probability of every state in every bin of counts (time by neuron), and the log-likelihood of the counts.
    #[must_use]
    pub fn posterior(&self, counts: ArrayView2<'_, f64>) -> (Array2<f64>, f64) {
        let pass = self.pass(counts);
        (pass.posterior, pass.log_likelihood)
    }

    /// Expected count of every neuron in every bin.
    #[must_use]
    pub fn expected(&self, counts: ArrayView2<'_, f64>) -> Array2<f64> {
        self.pass(counts).posterior.dot(&self.rates)
    }
}

struct Pass {
    posterior: Array2<f64>,
    transitions: Array2<f64>,
    log_likelihood: f64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_levels_are_found() {
        let mut stream = Seed::new(1).stream();
        let counts = Array2::from_shape_fn((600, 4), |(t, i)| {
            let high = (t / 100).is_multiple_of(2) == (i < 2);
            f64::from(u8::from(uniform(&mut stream) < if high { 0.5 } else { 0.05 }))
        });
        let model = PoissonHmm::fit(counts.view(), &HmmOptions::default()).unwrap();
        let (posterior, log_likelihood) = model.posterior(counts.view());
        assert!((posterior[[50, 0]] - posterior[[150, 0]]).abs() > 0.95);
        assert!(posterior.rows().into_iter().all(|row| (row.sum() - 1.0).abs() < 1e-9));
        let one = PoissonHmm::fit(counts.view(), &HmmOptions { n_states: 1, ..HmmOptions::default() }).unwrap();
        assert!(log_likelihood > one.log_likelihood + 100.0);
        assert!(PoissonHmm::fit(counts.slice(ndarray::s![..2, ..]), &HmmOptions::default()).is_err());
    }
}
