//! Gaussian observations with known standard deviation: `y ~ N(mu, sigma^2)`, belief `mu ~ N(mean, sigma^2/nu)`.
//!
//! Natural coordinates `nu` and `chi = nu mean / sigma` (Liakoni et al. 2021, Gaussian task); predictive
//! `N(mean, sigma^2 (1 + 1/nu))`. The prior holds `nu0 = sigma^2 / prior_sd^2` observations' worth of evidence.

use std::f64::consts::PI;

use neuropil_core::{dispatch, vector};
use serde::{Deserialize, Serialize};

use super::{BeliefBank, ConjugateFamily, finite, finite_observation, positive};
use crate::error::Result;

/// Gaussian observations with known standard deviation and unknown mean.
///
/// The estimate is the mean `mu`, in the units of the observations.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Gaussian {
    /// Standard deviation of the observations around their mean, in their units; positive.
    pub sigma: f64,
    /// Mean of the prior of `mu`.
    pub prior_mean: f64,
    /// Standard deviation of the prior of `mu`; positive.
    pub prior_sd: f64,
}

impl Default for Gaussian {
    fn default() -> Self {
        Self { sigma: 1.0, prior_mean: 0.0, prior_sd: 1.0 }
    }
}

/// A normal belief about the mean.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct NormalBelief {
    /// Expected value of `mu`.
    pub mean: f64,
    /// Evidence in numbers of observations; the variance of the belief is `sigma^2 / nu`.
    pub nu: f64,
}

impl ConjugateFamily for Gaussian {
    type Belief = NormalBelief;
    type Bank = GaussianBank;
    const NAME: &'static str = "gaussian";

    fn validate(&self) -> Result<()> {
        positive("sigma", self.sigma)?;
        finite("prior_mean", self.prior_mean)?;
        positive("prior_sd", self.prior_sd)
    }

    fn observation_width(&self) -> usize {
        1
    }

    fn estimate_width(&self) -> usize {
        1
    }

    fn check_observation(&self, index: usize, y: &[f64]) -> Result<()> {
        finite_observation(Self::NAME, index, y[0])
    }

    fn prior(&self) -> NormalBelief {
        NormalBelief { mean: self.prior_mean, nu: (self.sigma / self.prior_sd).powi(2) }
    }

    fn log_predictive(&self, belief: &NormalBelief, y: &[f64]) -> f64 {
        let share = belief.nu / (belief.nu + 1.0);
        let z = (y[0] - belief.mean) / self.sigma;
        0.5 * (share.ln() - z * z * share) - 0.5 * (2.0 * PI).ln() - self.sigma.ln()
    }

    fn update(&self, belief: &mut NormalBelief, y: &[f64]) {
        belief.nu += 1.0;
        belief.mean += (y[0] - belief.mean) / belief.nu;
    }

    fn interpolate(&self, belief: &mut NormalBelief, weight: f64, other: &NormalBelief) {
        let nu = (1.0 - weight) * belief.nu + weight * other.nu;
        belief.mean += weight * other.nu / nu * (other.mean - belief.mean);
        belief.nu = nu;
    }

    fn kl_divergence(&self, p: &NormalBelief, q: &NormalBelief) -> f64 {
        let z = (p.mean - q.mean) / self.sigma;
        let excess = (q.nu - p.nu) / p.nu;
        (0.5 * (z * z * q.nu + (excess - excess.ln_1p()))).max(0.0)
    }

    fn mean(&self, belief: &NormalBelief, out: &mut [f64]) {
        out[0] = belief.mean;
    }

    fn variance(&self, belief: &NormalBelief, out: &mut [f64]) {
        out[0] = self.sigma * self.sigma / belief.nu;
    }

    fn empirical_mean(&self, y: &[f64], out: &mut [f64]) -> Option<()> {
        out[0] = y[0];
        Some(())
    }

    fn scaled_likelihood(&self, y: &[f64]) -> Option<NormalBelief> {
        Some(NormalBelief { mean: y[0], nu: 1.0 })
    }
}

/// Many normal beliefs, one array per parameter, scored with SIMD.
#[derive(Debug, Clone, Default)]
pub struct GaussianBank {
    mean: Vec<f64>,
    nu: Vec<f64>,
}

impl BeliefBank<Gaussian> for GaussianBank {
    fn new(_: &Gaussian) -> Self {
        Self::default()
    }

    fn len(&self) -> usize {
        self.mean.len()
    }

    fn push(&mut self, _: &Gaussian, belief: &NormalBelief) {
        self.mean.push(belief.mean);
        self.nu.push(belief.nu);
    }

    fn get(&self, _: &Gaussian, index: usize) -> NormalBelief {
        NormalBelief { mean: self.mean[index], nu: self.nu[index] }
    }

    fn set(&mut self, _: &Gaussian, index: usize, belief: &NormalBelief) {
        self.mean[index] = belief.mean;
        self.nu[index] = belief.nu;
    }

    fn log_predictive(&mut self, family: &Gaussian, y: &[f64], out: &mut [f64]) {
        score(y[0], family.sigma, &mut self.mean, &mut self.nu, out);
    }

    fn update(&mut self, _: &Gaussian, y: &[f64]) {
        for (mean, nu) in self.mean.iter_mut().zip(&mut self.nu) {
            *nu += 1.0;
            *mean += (y[0] - *mean) / *nu;
        }
    }

    fn score_and_update(&mut self, family: &Gaussian, y: &[f64], out: &mut [f64]) {
        score_and_update(y[0], family.sigma, &mut self.mean, &mut self.nu, out);
    }

    fn gather(&mut self, source: &[usize]) {
        super::gather_in_place(&mut self.mean, source);
        super::gather_in_place(&mut self.nu, source);
    }

    fn remove(&mut self, index: usize) {
        self.mean.remove(index);
        self.nu.remove(index);
    }

    fn mixture(&self, family: &Gaussian, weights: &[f64], mean: &mut [f64], variance: Option<&mut [f64]>) {
        mean[0] = weighted_mean(weights, &self.mean);
        if let Some(variance) = variance {
            let variance_of_one = family.sigma * family.sigma;
            variance[0] = weighted_variance(weights, &self.mean, &self.nu, mean[0], variance_of_one);
        }
    }
}

dispatch! {
    fn score = score_body(y: f64, sigma: f64, mean: &mut [f64], nu: &mut [f64], out: &mut [f64]);
}
dispatch! {
    fn score_and_update = score_and_update_body(y: f64, sigma: f64, mean: &mut [f64], nu: &mut [f64], out: &mut [f64]);
}
dispatch! {
    fn weighted_mean = weighted_mean_body(weights: &[f64], mean: &[f64]) -> f64;
}
dispatch! {
    fn weighted_variance = weighted_variance_body(
        weights: &[f64], mean: &[f64], nu: &[f64], centre: f64, variance_of_one: f64,
    ) -> f64;
}

#[inline(always)]
fn score_body<const FMA: bool>(y: f64, sigma: f64, mean: &mut [f64], nu: &mut [f64], out: &mut [f64]) {
    score_kernel::<FMA, false>(y, sigma, mean, nu, out);
}

#[inline(always)]
fn score_and_update_body<const FMA: bool>(y: f64, sigma: f64, mean: &mut [f64], nu: &mut [f64], out: &mut [f64]) {
    score_kernel::<FMA, true>(y, sigma, mean, nu, out);
}

#[inline(always)]
fn score_kernel<const FMA: bool, const UPDATE: bool>(
    y: f64,
    sigma: f64,
    mean: &mut [f64],
    nu: &mut [f64],
    out: &mut [f64],
) {
    let constant = -0.5 * (2.0 * PI).ln() - sigma.ln();
    let inverse_sigma = 1.0 / sigma;
    let n = mean.len();
    let (mean, nu, out) = (&mut mean[..n], &mut nu[..n], &mut out[..n]);
    for i in 0..n {
        let gain = 1.0 / (nu[i] + 1.0);
        let share = nu[i] * gain;
        let difference = y - mean[i];
        let z = difference * inverse_sigma;
        let twice = vector::multiply_add::<FMA>(-(z * z), share, vector::ln::<FMA>(share));
        out[i] = vector::multiply_add::<FMA>(0.5, twice, constant);
        if UPDATE {
            mean[i] = vector::multiply_add::<FMA>(difference, gain, mean[i]);
            nu[i] += 1.0;
        }
    }
}

#[inline(always)]
fn weighted_mean_body<const FMA: bool>(weights: &[f64], mean: &[f64]) -> f64 {
    let n = weights.len().min(mean.len());
    let (weights, mean) = (&weights[..n], &mean[..n]);
    vector::sum(n, |i| weights[i] * mean[i])
}

#[inline(always)]
fn weighted_variance_body<const FMA: bool>(
    weights: &[f64],
    mean: &[f64],
    nu: &[f64],
    centre: f64,
    variance_of_one: f64,
) -> f64 {
    let n = weights.len().min(mean.len()).min(nu.len());
    let (weights, mean, nu) = (&weights[..n], &mean[..n], &nu[..n]);
    vector::sum(n, |i| weights[i] * (variance_of_one / nu[i] + (mean[i] - centre) * (mean[i] - centre)))
}
