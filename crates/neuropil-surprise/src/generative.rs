//! Families as generative models: parameters drawn from a belief, observations drawn from a parameter.
//!
//! Gamma variates of small shape are drawn as logarithms (`ln G(a) = ln G(a + 1) + ln(U) / a`), so that a Dirichlet
//! prior with weights of 0.01, whose gamma variates underflow, is sampled exactly.

use std::fmt::Debug;

use neuropil_core::random::{Stream, uniform};
use rand_distr::{Binomial, Distribution, Gamma, Poisson, StandardNormal};

use crate::family::ranges::LARGEST_COUNT;
use crate::family::{
    BetaBernoulli, BetaBinomial, BetaGeometric, CholeskyFactor, ConjugateFamily, DirichletCategorical,
    DirichletMultinomial, GammaExponential, GammaPoisson, Gaussian, GaussianKnownMean, LinearRegression,
    LinearRegressionUnknownNoise, MultivariateGaussian, NormalInverseGamma, Weights,
};

/// What a simulation must be told beyond the family.
#[derive(Debug, Clone, Copy)]
pub struct Design<'a> {
    /// Regressors `x` of a regression at this step; drawn from `N(0, I)` when absent.
    pub regressors: Option<&'a [f64]>,
    /// Total count in a row of category counts.
    pub trials: u32,
}

impl Default for Design<'_> {
    fn default() -> Self {
        Self { regressors: None, trials: 10 }
    }
}

/// A family from which parameters and observations can be drawn.
pub trait Generative: ConjugateFamily {
    /// The parameter of the observation law.
    type Parameter: Clone + Debug + Send + Sync;

    /// Draws a parameter from a belief.
    fn sample_parameter(&self, belief: &Self::Belief, stream: &mut Stream) -> Self::Parameter;
    /// Draws one observation row given the parameter. Counts are capped at the largest that a family accepts.
    fn sample_observation(
        &self,
        parameter: &Self::Parameter,
        design: &Design<'_>,
        stream: &mut Stream,
        row: &mut [f64],
    );
    /// The parameter in the coordinates of [`ConjugateFamily::mean`].
    fn estimate(&self, parameter: &Self::Parameter, out: &mut [f64]);

    /// Squared distance of an observation from what the estimate predicts, in the coordinates of the estimate (for a
    /// regression: of `y` from `x'w`). `None` where an observation says nothing about the estimate.
    fn squared_prediction_error(&self, estimate: &[f64], y: &[f64]) -> Option<f64> {
        let mut empirical = vec![0.0; self.estimate_width()];
        self.empirical_mean(y, &mut empirical)?;
        Some(empirical.iter().zip(estimate).map(|(y, mean)| (y - mean).powi(2)).sum())
    }
}

fn normal(stream: &mut Stream) -> f64 {
    StandardNormal.sample(stream)
}

/// A uniform number in `(0, 1]`, whose logarithm is finite.
fn positive_uniform(stream: &mut Stream) -> f64 {
    1.0 - uniform(stream)
}

/// Logarithm of a gamma variate with unit rate.
fn ln_gamma_variate(shape: f64, stream: &mut Stream) -> f64 {
    let boosted = if shape < 1.0 { shape + 1.0 } else { shape };
    // A validated shape is positive and finite, so that the distribution exists; its mean stands in otherwise.
    let variate = Gamma::new(boosted, 1.0).map_or(boosted, |gamma| gamma.sample(stream));
    let ln_boost = if shape < 1.0 { positive_uniform(stream).ln() / shape } else { 0.0 };
    variate.max(f64::MIN_POSITIVE).ln() + ln_boost
}

/// A variance drawn from InvGamma(shape, scale).
fn inverse_gamma_variate(shape: f64, scale: f64, stream: &mut Stream) -> f64 {
    (scale.ln() - ln_gamma_variate(shape, stream)).exp()
}

/// Probabilities drawn from Dirichlet(weights).
fn dirichlet_variate(weights: &[f64], stream: &mut Stream) -> Vec<f64> {
    let logs: Vec<f64> = weights.iter().map(|&weight| ln_gamma_variate(weight, stream)).collect();
    let largest = logs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let scaled: Vec<f64> = logs.iter().map(|log| (log - largest).exp()).collect();
    let total: f64 = scaled.iter().sum();
    scaled.iter().map(|value| value / total).collect()
}

/// A success probability drawn from Beta(a, b).
fn beta_variate(a: f64, b: f64, stream: &mut Stream) -> f64 {
    dirichlet_variate(&[a, b], stream)[0]
}

fn binomial_variate(trials: u64, probability: f64, stream: &mut Stream) -> f64 {
    match Binomial::new(trials, probability.clamp(0.0, 1.0)) {
        Ok(binomial) => binomial.sample(stream) as f64,
        Err(_) => trials as f64 * probability,
    }
}

/// The index of a category with these probabilities.
fn category_variate(probabilities: &[f64], stream: &mut Stream) -> usize {
    let mut left = uniform(stream);
    for (category, probability) in probabilities.iter().enumerate() {
        left -= probability;
        if left < 0.0 {
            return category;
        }
    }
    // Rounding left a crumb: the most probable category takes it.
    let most_probable = probabilities.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1));
    most_probable.map_or(0, |(category, _)| category)
}

impl Generative for Gaussian {
    type Parameter = f64;

    fn sample_parameter(&self, belief: &Self::Belief, stream: &mut Stream) -> f64 {
        belief.mean + self.sigma / belief.nu.sqrt() * normal(stream)
    }

    fn sample_observation(&self, mean: &f64, _: &Design<'_>, stream: &mut Stream, row: &mut [f64]) {
        row[0] = mean + self.sigma * normal(stream);
    }

    fn estimate(&self, mean: &f64, out: &mut [f64]) {
        out[0] = *mean;
    }
}

/// Mean and standard deviation of a Gaussian.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Location {
    /// Mean.
    pub mean: f64,
    /// Standard deviation.
    pub sd: f64,
}

impl Generative for NormalInverseGamma {
    type Parameter = Location;

    fn sample_parameter(&self, belief: &Self::Belief, stream: &mut Stream) -> Location {
        let sd = inverse_gamma_variate(belief.a, belief.b, stream).sqrt();
        Location { mean: belief.mean + sd / belief.k.sqrt() * normal(stream), sd }
    }

    fn sample_observation(&self, law: &Location, _: &Design<'_>, stream: &mut Stream, row: &mut [f64]) {
        row[0] = law.mean + law.sd * normal(stream);
    }

    fn estimate(&self, law: &Location, out: &mut [f64]) {
        out[0] = law.mean;
    }
}

impl Generative for GaussianKnownMean {
    /// The variance.
    type Parameter = f64;

    fn sample_parameter(&self, belief: &Self::Belief, stream: &mut Stream) -> f64 {
        inverse_gamma_variate(belief.shape, belief.scale, stream)
    }

    fn sample_observation(&self, variance: &f64, _: &Design<'_>, stream: &mut Stream, row: &mut [f64]) {
        row[0] = self.mean + variance.sqrt() * normal(stream);
    }

    fn estimate(&self, variance: &f64, out: &mut [f64]) {
        out[0] = *variance;
    }
}

/// Mean and a square root of the covariance.
#[derive(Debug, Clone, PartialEq)]
pub struct MultivariateLocation {
    /// Mean.
    pub mean: Vec<f64>,
    /// Columns of a matrix `M` with covariance `M M'`.
    pub root: Vec<Vec<f64>>,
}

impl MultivariateLocation {
    /// Adds `scale M z` to `row`, with `z` standard normal.
    fn add_noise(root: &[Vec<f64>], scale: f64, stream: &mut Stream, row: &mut [f64]) {
        for column in root {
            let z = scale * normal(stream);
            row.iter_mut().zip(column).for_each(|(row, entry)| *row += z * entry);
        }
    }
}

impl Generative for MultivariateGaussian {
    type Parameter = MultivariateLocation;

    /// Bartlett: with `A` lower triangular, `A_ii^2 ~ chi^2(nu - i)` (from `i = 0`) and standard normals below, the
    /// covariance `(L A'^-1)(L A'^-1)'` is inverse Wishart with scatter `L L'`.
    fn sample_parameter(&self, belief: &Self::Belief, stream: &mut Stream) -> MultivariateLocation {
        let d = belief.mean.len();
        let mut lower = vec![vec![0.0; d]; d];
        for i in 0..d {
            for j in 0..i {
                lower[i][j] = normal(stream);
            }
            let half = 0.5 * (belief.degrees_of_freedom - i as f64);
            lower[i][i] = (0.5 * (ln_gamma_variate(half, stream) + 2.0_f64.ln())).exp();
        }
        let root: Vec<Vec<f64>> = (0..d)
            .map(|column| {
                let mut x = vec![0.0; d];
                x[column] = 1.0;
                for i in (0..d).rev() {
                    let known: f64 = (i + 1..d).map(|j| lower[j][i] * x[j]).sum();
                    x[i] = (x[i] - known) / lower[i][i];
                }
                belief.scatter.multiply_lower(&mut x);
                x
            })
            .collect();
        let mut mean = belief.mean.clone();
        MultivariateLocation::add_noise(&root, belief.mean_weight.sqrt().recip(), stream, &mut mean);
        MultivariateLocation { mean, root }
    }

    fn sample_observation(&self, law: &MultivariateLocation, _: &Design<'_>, stream: &mut Stream, row: &mut [f64]) {
        row.copy_from_slice(&law.mean);
        MultivariateLocation::add_noise(&law.root, 1.0, stream, row);
    }

    fn estimate(&self, law: &MultivariateLocation, out: &mut [f64]) {
        out.copy_from_slice(&law.mean);
    }
}

impl Generative for BetaBernoulli {
    /// The probability of a one.
    type Parameter = f64;

    fn sample_parameter(&self, belief: &Self::Belief, stream: &mut Stream) -> f64 {
        beta_variate(belief.a, belief.b, stream)
    }

    fn sample_observation(&self, probability: &f64, _: &Design<'_>, stream: &mut Stream, row: &mut [f64]) {
        row[0] = f64::from(u8::from(uniform(stream) < *probability));
    }

    fn estimate(&self, probability: &f64, out: &mut [f64]) {
        out[0] = *probability;
    }
}

impl Generative for BetaBinomial {
    /// The success probability.
    type Parameter = f64;

    fn sample_parameter(&self, belief: &Self::Belief, stream: &mut Stream) -> f64 {
        beta_variate(belief.a, belief.b, stream)
    }

    fn sample_observation(&self, probability: &f64, _: &Design<'_>, stream: &mut Stream, row: &mut [f64]) {
        row[0] = binomial_variate(u64::from(self.trials), *probability, stream);
    }

    fn estimate(&self, probability: &f64, out: &mut [f64]) {
        out[0] = *probability;
    }
}

impl Generative for DirichletCategorical {
    /// The probabilities of the categories.
    type Parameter = Vec<f64>;

    fn sample_parameter(&self, belief: &Self::Belief, stream: &mut Stream) -> Vec<f64> {
        dirichlet_variate(belief.alpha(), stream)
    }

    fn sample_observation(&self, probabilities: &Vec<f64>, _: &Design<'_>, stream: &mut Stream, row: &mut [f64]) {
        row[0] = category_variate(probabilities, stream) as f64;
    }

    fn estimate(&self, probabilities: &Vec<f64>, out: &mut [f64]) {
        out.copy_from_slice(probabilities);
    }
}

impl Generative for DirichletMultinomial {
    /// The probabilities of the categories.
    type Parameter = Vec<f64>;

    fn sample_parameter(&self, belief: &Self::Belief, stream: &mut Stream) -> Vec<f64> {
        dirichlet_variate(belief.alpha(), stream)
    }

    /// One binomial per category, out of what the categories before it left.
    fn sample_observation(&self, probabilities: &Vec<f64>, design: &Design<'_>, stream: &mut Stream, row: &mut [f64]) {
        let mut trials = f64::from(design.trials);
        for (category, count) in row.iter_mut().enumerate() {
            let left: f64 = probabilities[category..].iter().sum();
            let last = category + 1 == probabilities.len();
            let share = if last || left <= 0.0 { 1.0 } else { (probabilities[category] / left).min(1.0) };
            *count = if left > 0.0 || last { binomial_variate(trials as u64, share, stream) } else { 0.0 };
            trials -= *count;
        }
    }

    fn estimate(&self, probabilities: &Vec<f64>, out: &mut [f64]) {
        out.copy_from_slice(probabilities);
    }
}

impl Generative for GammaPoisson {
    /// The rate.
    type Parameter = f64;

    fn sample_parameter(&self, belief: &Self::Belief, stream: &mut Stream) -> f64 {
        (ln_gamma_variate(belief.shape, stream) - belief.rate.ln()).exp()
    }

    fn sample_observation(&self, rate: &f64, _: &Design<'_>, stream: &mut Stream, row: &mut [f64]) {
        // A rate that underflowed gives no events; one beyond the generator's range has a negligible spread.
        let count = Poisson::new(*rate).map_or_else(|_| rate.round(), |poisson| poisson.sample(stream));
        row[0] = count.min(LARGEST_COUNT);
    }

    fn estimate(&self, rate: &f64, out: &mut [f64]) {
        out[0] = *rate;
    }
}

impl Generative for GammaExponential {
    /// The rate.
    type Parameter = f64;

    fn sample_parameter(&self, belief: &Self::Belief, stream: &mut Stream) -> f64 {
        (ln_gamma_variate(belief.shape, stream) - belief.rate.ln()).exp()
    }

    fn sample_observation(&self, rate: &f64, _: &Design<'_>, stream: &mut Stream, row: &mut [f64]) {
        let waiting = (ln_gamma_variate(self.known_shape, stream) - rate.ln()).exp();
        row[0] = waiting.max(f64::MIN_POSITIVE);
    }

    fn estimate(&self, rate: &f64, out: &mut [f64]) {
        out[0] = self.known_shape / rate;
    }
}

impl Generative for BetaGeometric {
    /// The success probability.
    type Parameter = f64;

    fn sample_parameter(&self, belief: &Self::Belief, stream: &mut Stream) -> f64 {
        beta_variate(belief.a, belief.b, stream)
    }

    fn sample_observation(&self, probability: &f64, _: &Design<'_>, stream: &mut Stream, row: &mut [f64]) {
        let failures = positive_uniform(stream).ln() / (-probability).ln_1p();
        // 0/0 arises when the draw is exactly one and the probability underflowed: no failure.
        row[0] = if failures.is_nan() { 0.0 } else { failures.floor().min(LARGEST_COUNT) };
    }

    fn estimate(&self, probability: &f64, out: &mut [f64]) {
        out[0] = *probability;
    }
}

/// Weights drawn from `N(mean, sd^2 Lambda^-1)`.
fn weights_variate(weights: &Weights, sd: f64, stream: &mut Stream) -> Vec<f64> {
    let mut draw: Vec<f64> = weights.mean.iter().map(|_| normal(stream)).collect();
    let precision: &CholeskyFactor = &weights.precision;
    precision.solve_upper(&mut draw);
    weights.mean.iter().zip(draw).map(|(mean, draw)| mean + sd * draw).collect()
}

fn regression_row(weights: &[f64], sd: f64, design: &Design<'_>, stream: &mut Stream, row: &mut [f64]) {
    let p = weights.len();
    match design.regressors {
        Some(x) => row[..p].copy_from_slice(x),
        None => row[..p].iter_mut().for_each(|x| *x = normal(stream)),
    }
    row[p] = inner(&row[..p], weights) + sd * normal(stream);
}

fn inner(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn regression_error(weights: &[f64], y: &[f64]) -> f64 {
    let p = weights.len();
    (y[p] - inner(&y[..p], weights)).powi(2)
}

impl Generative for LinearRegression {
    /// The weights.
    type Parameter = Vec<f64>;

    fn sample_parameter(&self, belief: &Self::Belief, stream: &mut Stream) -> Vec<f64> {
        weights_variate(belief, self.noise, stream)
    }

    fn sample_observation(&self, weights: &Vec<f64>, design: &Design<'_>, stream: &mut Stream, row: &mut [f64]) {
        regression_row(weights, self.noise, design, stream, row);
    }

    fn estimate(&self, weights: &Vec<f64>, out: &mut [f64]) {
        out.copy_from_slice(weights);
    }

    fn squared_prediction_error(&self, estimate: &[f64], y: &[f64]) -> Option<f64> {
        Some(regression_error(estimate, y))
    }
}

impl Generative for LinearRegressionUnknownNoise {
    /// The weights and the standard deviation of the noise.
    type Parameter = (Vec<f64>, f64);

    fn sample_parameter(&self, belief: &Self::Belief, stream: &mut Stream) -> (Vec<f64>, f64) {
        let sd = inverse_gamma_variate(belief.shape, belief.scale, stream).sqrt();
        (weights_variate(&belief.weights, sd, stream), sd)
    }

    fn sample_observation(
        &self,
        (weights, sd): &(Vec<f64>, f64),
        design: &Design<'_>,
        stream: &mut Stream,
        row: &mut [f64],
    ) {
        regression_row(weights, *sd, design, stream, row);
    }

    fn estimate(&self, (weights, _): &(Vec<f64>, f64), out: &mut [f64]) {
        out.copy_from_slice(weights);
    }

    fn squared_prediction_error(&self, estimate: &[f64], y: &[f64]) -> Option<f64> {
        Some(regression_error(estimate, y))
    }
}
