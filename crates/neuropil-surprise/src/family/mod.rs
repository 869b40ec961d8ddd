//! Conjugate exponential families: what is observed, and what can be believed about its parameter.
//!
//! With the likelihood `p(y | theta) = h(y) exp(theta . phi(y) - A(theta))` a belief is a member of the conjugate
//! family with natural coordinates `(chi, nu)`. Bayes' rule adds `(phi(y), 1)` to them; a geometric mixture
//! `p^(1-g) q^g` of two members interpolates them linearly. A family stores its beliefs in coordinates that stay
//! accurate when observations are large compared with their spread (mean and scatter instead of sums of squares)
//! and provides these two operations, the predictive density and the read-outs. Everything else in this crate is
//! written once, for all families.
//!
//! One observation is a row of [`observation_width`](ConjugateFamily::observation_width) numbers. A row that
//! holds a NaN is missing; a family never sees it.

pub mod any;
pub mod beta;
pub mod cholesky;
pub mod dirichlet;
pub mod dirichlet_bank;
pub mod gamma_exponential;
pub mod gamma_poisson;
mod gamma_ratio;
pub mod gaussian;
pub mod geometric;
pub mod inverse_gamma;
#[cfg(test)]
mod laws;
pub mod linear_regression;
pub mod linear_regression_unknown_noise;
pub mod normal_inverse_gamma;
pub mod normal_inverse_wishart;
pub mod ranges;
pub mod regression_weights;

use std::fmt::Debug;

use serde::{Serialize, de::DeserializeOwned};

use crate::error::Result;

pub use any::Family;
pub(crate) use any::for_family;
pub use beta::{Beta, BetaBernoulli, BetaBinomial};
pub use cholesky::CholeskyFactor;
pub use dirichlet::{Dirichlet, DirichletCategorical, DirichletMultinomial};
pub use gamma_exponential::GammaExponential;
pub use gamma_poisson::{Gamma, GammaPoisson};
pub use gaussian::Gaussian;
pub use geometric::BetaGeometric;
pub use inverse_gamma::{GaussianKnownMean, InverseGamma};
pub use linear_regression::LinearRegression;
pub use linear_regression_unknown_noise::{LinearRegressionUnknownNoise, WeightsAndNoise};
pub use normal_inverse_gamma::NormalInverseGamma;
pub use normal_inverse_wishart::{MultivariateGaussian, NormalInverseWishart};
pub use regression_weights::Weights;

use ranges::{finite, finite_observation, positive};

/// A conjugate exponential family with the parameters of its prior ("belief 0").
pub trait ConjugateFamily: Clone + Debug + PartialEq + Send + Sync + Serialize + DeserializeOwned + 'static {
    /// Parameters of one belief.
    type Belief: Clone + Debug + PartialEq + Send + Sync + Serialize + DeserializeOwned + 'static;
    /// How many beliefs are stored and updated together; [`Beliefs`] where no faster layout exists.
    type Bank: BeliefBank<Self>;
    /// Name in files, messages and the command line, for example `"gaussian"`.
    const NAME: &'static str;

    /// Checks every prior parameter and says which one is out of range.
    fn validate(&self) -> Result<()>;
    /// Numbers per observation row.
    fn observation_width(&self) -> usize;
    /// Length of the vector that [`mean`](Self::mean) and [`variance`](Self::variance) write.
    fn estimate_width(&self) -> usize;
    /// Refuses a row without NaN that cannot have been drawn from the family; `index` goes into the message.
    fn check_observation(&self, index: usize, y: &[f64]) -> Result<()>;

    /// The prior belief.
    fn prior(&self) -> Self::Belief;
    /// Natural logarithm of the predictive density or mass of `y` under `belief`.
    fn log_predictive(&self, belief: &Self::Belief, y: &[f64]) -> f64;
    /// Bayes' rule: the posterior of `belief` after `y`.
    fn update(&self, belief: &mut Self::Belief, y: &[f64]);
    /// Moves `belief` to the geometric mixture `belief^(1 - weight) other^weight`, normalised.
    fn interpolate(&self, belief: &mut Self::Belief, weight: f64, other: &Self::Belief);
    /// Kullback-Leibler divergence from `q` to `p`, in nats.
    fn kl_divergence(&self, p: &Self::Belief, q: &Self::Belief) -> f64;

    /// Expected value of the parameter that is estimated (the mean of y for most families).
    fn mean(&self, belief: &Self::Belief, out: &mut [f64]);
    /// Variance of that parameter under the belief (infinite where it does not exist).
    fn variance(&self, belief: &Self::Belief, out: &mut [f64]);
    /// The observation in the coordinates of [`mean`](Self::mean): y itself, a one-hot vector for categories.
    /// `None` where a single observation says nothing about the estimate (the weights of a regression).
    fn empirical_mean(&self, y: &[f64], out: &mut [f64]) -> Option<()>;
    /// The likelihood of one observation, normalised as a belief (the posterior under a flat prior); `None`
    /// where it is improper.
    fn scaled_likelihood(&self, y: &[f64]) -> Option<Self::Belief> {
        let _ = y;
        None
    }
}

/// Beliefs that are scored and updated together, oldest first.
pub trait BeliefBank<F: ConjugateFamily<Bank = Self>>: Clone + Debug + Send + Sync {
    /// An empty bank.
    fn new(family: &F) -> Self;
    /// Number of beliefs.
    fn len(&self) -> usize;
    /// Whether there is none.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
    /// Appends a belief.
    fn push(&mut self, family: &F, belief: &F::Belief);
    /// The belief at `index`.
    fn get(&self, family: &F, index: usize) -> F::Belief;
    /// Replaces the belief at `index`.
    fn set(&mut self, family: &F, index: usize, belief: &F::Belief);
    /// Writes the log predictive density of `y` under each belief.
    fn log_predictive(&mut self, family: &F, y: &[f64], out: &mut [f64]);
    /// Bayes' rule for every belief.
    fn update(&mut self, family: &F, y: &[f64]);
    /// [`log_predictive`](Self::log_predictive), then [`update`](Self::update), in one pass where that is faster.
    fn score_and_update(&mut self, family: &F, y: &[f64], out: &mut [f64]) {
        self.log_predictive(family, y, out);
        self.update(family, y);
    }
    /// Rearranges the bank so that belief `i` is what belief `source[i]` was; `source` may repeat and omit.
    fn gather(&mut self, source: &[usize]);
    /// Removes the belief at `index`; those behind it move up.
    fn remove(&mut self, index: usize) {
        let source: Vec<usize> = (0..self.len()).filter(|&i| i != index).collect();
        self.gather(&source);
    }
    /// Mean of the mixture with these weights (which sum to one), and its variance where `variance` is given.
    fn mixture(&self, family: &F, weights: &[f64], mean: &mut [f64], variance: Option<&mut [f64]>);
}

/// The plain bank: a list of beliefs, one after the other. Reference for every faster one.
#[derive(Debug, Clone)]
pub struct Beliefs<F: ConjugateFamily> {
    beliefs: Vec<F::Belief>,
}

impl<F: ConjugateFamily<Bank = Beliefs<F>>> BeliefBank<F> for Beliefs<F> {
    fn new(_: &F) -> Self {
        Self { beliefs: Vec::new() }
    }

    fn len(&self) -> usize {
        self.beliefs.len()
    }

    fn push(&mut self, _: &F, belief: &F::Belief) {
        self.beliefs.push(belief.clone());
    }

    fn get(&self, _: &F, index: usize) -> F::Belief {
        self.beliefs[index].clone()
    }

    fn set(&mut self, _: &F, index: usize, belief: &F::Belief) {
        self.beliefs[index].clone_from(belief);
    }

    fn log_predictive(&mut self, family: &F, y: &[f64], out: &mut [f64]) {
        for (belief, out) in self.beliefs.iter().zip(out) {
            *out = family.log_predictive(belief, y);
        }
    }

    fn update(&mut self, family: &F, y: &[f64]) {
        for belief in &mut self.beliefs {
            family.update(belief, y);
        }
    }

    fn remove(&mut self, index: usize) {
        self.beliefs.remove(index);
    }

    fn gather(&mut self, source: &[usize]) {
        if source.windows(2).all(|pair| pair[0] < pair[1]) {
            for (target, &from) in source.iter().enumerate() {
                self.beliefs.swap(target, from);
            }
            self.beliefs.truncate(source.len());
        } else {
            self.beliefs = source.iter().map(|&from| self.beliefs[from].clone()).collect();
        }
    }

    fn mixture(&self, family: &F, weights: &[f64], mean: &mut [f64], variance: Option<&mut [f64]>) {
        mixture_of(family, self.beliefs.iter(), weights, mean, variance);
    }
}

/// Mean and variance of a mixture of beliefs: `E[m]`, and `E[v + (m - E[m])^2]` around that mean.
pub fn mixture_of<'a, F: ConjugateFamily>(
    family: &F,
    beliefs: impl Iterator<Item = &'a F::Belief> + Clone,
    weights: &[f64],
    mean: &mut [f64],
    variance: Option<&mut [f64]>,
) {
    let width = mean.len();
    let mut part = vec![0.0; width];
    mean.fill(0.0);
    for (belief, &weight) in beliefs.clone().zip(weights).filter(|(_, weight)| **weight > 0.0) {
        family.mean(belief, &mut part);
        for (mean, part) in mean.iter_mut().zip(&part) {
            *mean += weight * part;
        }
    }
    let Some(variance) = variance else { return };
    let mut spread = vec![0.0; width];
    variance.fill(0.0);
    for (belief, &weight) in beliefs.zip(weights).filter(|(_, weight)| **weight > 0.0) {
        family.mean(belief, &mut part);
        family.variance(belief, &mut spread);
        for d in 0..width {
            // Where an expected value is infinite, so is the variance (and the difference would be NaN).
            let deviation = if mean[d].is_finite() { part[d] - mean[d] } else { f64::INFINITY };
            variance[d] += weight * (spread[d] + deviation.powi(2));
        }
    }
}

/// Rearranges an array so that element `i` is what element `source[i]` was.
pub(crate) fn gather_in_place<T: Copy>(array: &mut Vec<T>, source: &[usize]) {
    if !source.is_sorted_by(|a, b| a < b) {
        *array = source.iter().map(|&from| array[from]).collect();
        return;
    }
    // Truncation leaves long runs of neighbours: each moves as one piece.
    let mut target = 0;
    for run in source.chunk_by(|a, b| a + 1 == *b) {
        if run[0] != target {
            array.copy_within(run[0]..run[0] + run.len(), target);
        }
        target += run.len();
    }
    array.truncate(target);
}

/// `(1 - weight) a + weight b`.
fn lerp(a: f64, weight: f64, b: f64) -> f64 {
    (1.0 - weight) * a + weight * b
}
