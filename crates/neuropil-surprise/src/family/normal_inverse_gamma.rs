//! Gaussian observations with unknown mean and variance, and their normal-inverse-gamma belief.
//!
//! `y ~ N(mu, s2)`, `mu | s2 ~ N(mean, s2/k)`, `s2 ~ InvGamma(a, b)`. Natural coordinates `k`, `k mean`, `2a` and
//! `2b + k mean^2`; predictive Student t with `2a` degrees of freedom, location `mean` and squared scale
//! `b (k+1) / (a k)` (Murphy 2007, "Conjugate Bayesian analysis of the Gaussian distribution").

use std::f64::consts::PI;

use neuropil_core::special::{digamma, ln_gamma};
use neuropil_core::{dispatch, vector};
use serde::{Deserialize, Serialize};

use super::{BeliefBank, ConjugateFamily, finite, finite_observation, positive};
use crate::error::Result;

/// Gaussian observations with unknown mean and unknown variance.
///
/// The estimate is the mean `mu`; its variance under the belief is `b / ((a - 1) k)`, infinite for `a <= 1`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct NormalInverseGamma {
    /// Prior expectation of the mean, in the units of the observations.
    pub prior_mean: f64,
    /// How many observations the prior mean is worth (`k`); positive.
    pub prior_k: f64,
    /// Shape of the prior of the variance (`a`); positive.
    pub prior_a: f64,
    /// Scale of the prior of the variance (`b`), in squared units; positive.
    pub prior_b: f64,
}

impl Default for NormalInverseGamma {
    fn default() -> Self {
        Self { prior_mean: 0.0, prior_k: 1.0, prior_a: 1.0, prior_b: 1.0 }
    }
}

/// A normal-inverse-gamma belief.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct NormalInverseGammaBelief {
    /// Expected mean.
    pub mean: f64,
    /// Evidence about the mean, in numbers of observations.
    pub k: f64,
    /// Shape of the variance.
    pub a: f64,
    /// Scale of the variance.
    pub b: f64,
}

impl ConjugateFamily for NormalInverseGamma {
    type Belief = NormalInverseGammaBelief;
    type Bank = NormalInverseGammaBank;
    const NAME: &'static str = "gaussian-unknown-variance";

    fn validate(&self) -> Result<()> {
        finite("prior_mean", self.prior_mean)?;
        positive("prior_k", self.prior_k)?;
        positive("prior_a", self.prior_a)?;
        positive("prior_b", self.prior_b)
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

    fn prior(&self) -> NormalInverseGammaBelief {
        NormalInverseGammaBelief { mean: self.prior_mean, k: self.prior_k, a: self.prior_a, b: self.prior_b }
    }

    fn log_predictive(&self, belief: &NormalInverseGammaBelief, y: &[f64]) -> f64 {
        let difference = y[0] - belief.mean;
        let z = difference * difference * belief.k / (2.0 * belief.b * (belief.k + 1.0));
        log_normaliser(belief.a, belief.k) - 0.5 * belief.b.ln() - (belief.a + 0.5) * z.ln_1p()
    }

    fn update(&self, belief: &mut NormalInverseGammaBelief, y: &[f64]) {
        let difference = y[0] - belief.mean;
        let k = belief.k + 1.0;
        belief.b += 0.5 * belief.k / k * difference * difference;
        belief.mean += difference / k;
        belief.k = k;
        belief.a += 0.5;
    }

    fn interpolate(&self, belief: &mut NormalInverseGammaBelief, weight: f64, other: &NormalInverseGammaBelief) {
        let rest = 1.0 - weight;
        let k = rest * belief.k + weight * other.k;
        let difference = other.mean - belief.mean;
        // Parallel-axis form of 2b + k mean^2: the scatter of the two means stays in b.
        let scatter = rest * belief.k * weight * other.k / k * difference * difference;
        belief.b = rest * belief.b + weight * other.b + 0.5 * scatter;
        belief.mean += weight * other.k / k * difference;
        belief.a = rest * belief.a + weight * other.a;
        belief.k = k;
    }

    fn kl_divergence(&self, p: &NormalInverseGammaBelief, q: &NormalInverseGammaBelief) -> f64 {
        let difference = p.mean - q.mean;
        let excess = (q.k - p.k) / p.k;
        let of_mean = 0.5 * (q.k * difference * difference * p.a / p.b + (excess - excess.ln_1p()));
        let of_variance = (p.a - q.a) * digamma(p.a) - ln_gamma(p.a)
            + ln_gamma(q.a)
            + q.a * (p.b / q.b).ln()
            + p.a * (q.b - p.b) / p.b;
        (of_mean + of_variance).max(0.0)
    }

    fn mean(&self, belief: &NormalInverseGammaBelief, out: &mut [f64]) {
        out[0] = belief.mean;
    }

    fn variance(&self, belief: &NormalInverseGammaBelief, out: &mut [f64]) {
        out[0] = if belief.a > 1.0 { belief.b / ((belief.a - 1.0) * belief.k) } else { f64::INFINITY };
    }

    fn empirical_mean(&self, y: &[f64], out: &mut [f64]) -> Option<()> {
        out[0] = y[0];
        Some(())
    }
}

/// `ln Gamma(a + 1/2) - ln Gamma(a) + ln(k / (2 pi (k + 1))) / 2`, the part of the log predictive density that does
/// not depend on the data.
fn log_normaliser(a: f64, k: f64) -> f64 {
    ln_gamma_step(a) + 0.5 * (k / (2.0 * PI * (k + 1.0))).ln()
}

/// `ln Gamma(a + 1/2) - ln Gamma(a)`; by its asymptotic series where the difference would cancel.
fn ln_gamma_step(a: f64) -> f64 {
    if a < 1e4 { ln_gamma(a + 0.5) - ln_gamma(a) } else { 0.5 * a.ln() - 1.0 / (8.0 * a) + 1.0 / (192.0 * a * a * a) }
}

/// Entries of the table of normalisers: half a megabyte; longer runs take the asymptotic series.
const TABLE_LENGTH: usize = 65_536;

/// Many normal-inverse-gamma beliefs, one array per parameter, scored with SIMD.
///
/// Beliefs that are the prior plus `n` observations share a table of normalisers indexed by `n`; beliefs that were
/// interpolated compute their own.
#[derive(Debug, Clone)]
pub struct NormalInverseGammaBank {
    mean: Vec<f64>,
    k: Vec<f64>,
    a: Vec<f64>,
    b: Vec<f64>,
    log_b: Vec<f64>,
    /// Reading of `clock` at which the belief was the prior: `n = clock - origin`. [`NEVER`] for a belief that is
    /// not the prior plus whole observations.
    origin: Vec<i64>,
    clock: i64,
    normaliser: Vec<f64>,
    table: Vec<f64>,
}

/// Origin of an interpolated belief: so long ago that it never falls into the table.
const NEVER: i64 = i64::MIN / 2;

impl NormalInverseGammaBank {
    fn extend_table(&mut self, family: &NormalInverseGamma, needed: usize) {
        let needed = needed.min(TABLE_LENGTH);
        while self.table.len() < needed {
            let n = self.table.len() as f64;
            self.table.push(log_normaliser(family.prior_a + 0.5 * n, family.prior_k + n));
        }
    }

    /// Looks the normalisers of all beliefs up.
    fn fill_normalisers(&mut self, family: &NormalInverseGamma) {
        let n = self.mean.len();
        self.normaliser.resize(n, 0.0);
        let last = self.table.len() as i64 - 1;
        let oldest = look_up(&self.table, &self.origin, self.clock, &mut self.normaliser);
        if self.clock - oldest > last {
            for i in 0..n {
                let observations = self.clock - self.origin[i];
                if observations > last {
                    self.normaliser[i] = log_normaliser(self.a[i], self.k[i]);
                    if observations < TABLE_LENGTH as i64 {
                        self.extend_table(family, (observations as usize + 1).next_power_of_two());
                    }
                }
            }
        }
    }

    fn origin_of(&self, family: &NormalInverseGamma, belief: &NormalInverseGammaBelief) -> i64 {
        let n = belief.k - family.prior_k;
        let whole = n.round();
        let on_table =
            n == whole && (0.0..TABLE_LENGTH as f64).contains(&whole) && belief.a == family.prior_a + 0.5 * whole;
        if on_table { self.clock - whole as i64 } else { NEVER }
    }
}

impl BeliefBank<NormalInverseGamma> for NormalInverseGammaBank {
    fn new(family: &NormalInverseGamma) -> Self {
        let mut bank = Self {
            mean: Vec::new(),
            k: Vec::new(),
            a: Vec::new(),
            b: Vec::new(),
            log_b: Vec::new(),
            origin: Vec::new(),
            clock: 0,
            normaliser: Vec::new(),
            table: Vec::new(),
        };
        bank.extend_table(family, 64);
        bank
    }

    fn len(&self) -> usize {
        self.mean.len()
    }

    fn push(&mut self, family: &NormalInverseGamma, belief: &NormalInverseGammaBelief) {
        self.mean.push(belief.mean);
        self.k.push(belief.k);
        self.a.push(belief.a);
        self.b.push(belief.b);
        self.log_b.push(belief.b.ln());
        self.origin.push(self.origin_of(family, belief));
    }

    fn get(&self, _: &NormalInverseGamma, index: usize) -> NormalInverseGammaBelief {
        NormalInverseGammaBelief { mean: self.mean[index], k: self.k[index], a: self.a[index], b: self.b[index] }
    }

    fn set(&mut self, family: &NormalInverseGamma, index: usize, belief: &NormalInverseGammaBelief) {
        self.mean[index] = belief.mean;
        self.k[index] = belief.k;
        self.a[index] = belief.a;
        self.b[index] = belief.b;
        self.log_b[index] = belief.b.ln();
        self.origin[index] = self.origin_of(family, belief);
    }

    fn log_predictive(&mut self, family: &NormalInverseGamma, y: &[f64], out: &mut [f64]) {
        self.fill_normalisers(family);
        let Self { mean, k, a, b, log_b, normaliser, .. } = self;
        score(y[0], normaliser, mean, k, a, b, log_b, out);
    }

    fn update(&mut self, family: &NormalInverseGamma, y: &[f64]) {
        for i in 0..self.mean.len() {
            let mut belief = self.get(family, i);
            family.update(&mut belief, y);
            self.mean[i] = belief.mean;
            self.k[i] = belief.k;
            self.a[i] = belief.a;
            self.b[i] = belief.b;
            self.log_b[i] = belief.b.ln();
        }
        self.clock += 1;
    }

    fn score_and_update(&mut self, family: &NormalInverseGamma, y: &[f64], out: &mut [f64]) {
        self.fill_normalisers(family);
        let Self { mean, k, a, b, log_b, normaliser, .. } = self;
        score_and_update(y[0], normaliser, mean, k, a, b, log_b, out);
        self.clock += 1;
    }

    fn gather(&mut self, source: &[usize]) {
        for array in [&mut self.mean, &mut self.k, &mut self.a, &mut self.b, &mut self.log_b] {
            super::gather_in_place(array, source);
        }
        super::gather_in_place(&mut self.origin, source);
    }

    fn remove(&mut self, index: usize) {
        for array in [&mut self.mean, &mut self.k, &mut self.a, &mut self.b, &mut self.log_b] {
            array.remove(index);
        }
        self.origin.remove(index);
    }

    fn mixture(&self, _: &NormalInverseGamma, weights: &[f64], mean: &mut [f64], variance: Option<&mut [f64]>) {
        mean[0] = weighted_mean(weights, &self.mean);
        if let Some(variance) = variance {
            variance[0] = weighted_variance(weights, &self.mean, &self.k, &self.a, &self.b, mean[0]);
        }
    }
}

dispatch! {
    /// Writes `table[clock - origin]`, the last entry where that is past the end; returns the earliest origin.
    fn look_up = look_up_body(table: &[f64], origin: &[i64], clock: i64, out: &mut [f64]) -> i64;
}
dispatch! {
    #[allow(clippy::too_many_arguments, reason = "one array per parameter is what makes it SIMD code")]
    fn score = score_body(
        y: f64, normaliser: &[f64], mean: &mut [f64], k: &mut [f64], a: &mut [f64], b: &mut [f64],
        log_b: &mut [f64], out: &mut [f64],
    );
}
dispatch! {
    #[allow(clippy::too_many_arguments, reason = "one array per parameter is what makes it SIMD code")]
    fn score_and_update = score_and_update_body(
        y: f64, normaliser: &[f64], mean: &mut [f64], k: &mut [f64], a: &mut [f64], b: &mut [f64],
        log_b: &mut [f64], out: &mut [f64],
    );
}
dispatch! {
    fn weighted_mean = weighted_mean_body(weights: &[f64], mean: &[f64]) -> f64;
}
dispatch! {
    fn weighted_variance = weighted_variance_body(
        weights: &[f64], mean: &[f64], k: &[f64], a: &[f64], b: &[f64], centre: f64,
    ) -> f64;
}

#[inline(always)]
fn look_up_body<const FMA: bool>(table: &[f64], origin: &[i64], clock: i64, out: &mut [f64]) -> i64 {
    let mut oldest = clock;
    if table.is_empty() {
        return oldest;
    }
    for (value, &origin) in out.iter_mut().zip(origin) {
        *value = table[((clock - origin) as usize).min(table.len() - 1)];
        oldest = oldest.min(origin);
    }
    oldest
}

macro_rules! kernel {
    ($name:ident, $update:literal) => {
        #[inline(always)]
        #[allow(clippy::too_many_arguments, reason = "one array per parameter is what makes it SIMD code")]
        fn $name<const FMA: bool>(
            y: f64,
            normaliser: &[f64],
            mean: &mut [f64],
            k: &mut [f64],
            a: &mut [f64],
            b: &mut [f64],
            log_b: &mut [f64],
            out: &mut [f64],
        ) {
            let n = mean.len();
            let normaliser = &normaliser[..n];
            let (mean, k, a, b) = (&mut mean[..n], &mut k[..n], &mut a[..n], &mut b[..n]);
            let (log_b, out) = (&mut log_b[..n], &mut out[..n]);
            for i in 0..n {
                let gain = 1.0 / (k[i] + 1.0);
                let difference = y - mean[i];
                let step = 0.5 * k[i] * gain * difference * difference;
                let new_b = b[i] + step;
                let new_log_b = vector::ln::<FMA>(new_b);
                let base = vector::multiply_add::<FMA>(a[i], log_b[i], normaliser[i]);
                out[i] = vector::multiply_add::<FMA>(-(a[i] + 0.5), new_log_b, base);
                if $update {
                    mean[i] = vector::multiply_add::<FMA>(difference, gain, mean[i]);
                    k[i] += 1.0;
                    a[i] += 0.5;
                    b[i] = new_b;
                    log_b[i] = new_log_b;
                }
            }
        }
    };
}
kernel!(score_body, false);
kernel!(score_and_update_body, true);

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
    k: &[f64],
    a: &[f64],
    b: &[f64],
    centre: f64,
) -> f64 {
    let n = weights.len().min(mean.len());
    let (weights, mean, k, a, b) = (&weights[..n], &mean[..n], &k[..n], &a[..n], &b[..n]);
    vector::sum(n, |i| {
        let spread = if a[i] > 1.0 { b[i] / ((a[i] - 1.0) * k[i]) } else { f64::INFINITY };
        let deviation = mean[i] - centre;
        // A hypothesis without weight must not turn an infinite variance into NaN.
        if weights[i] > 0.0 { weights[i] * (spread + deviation * deviation) } else { 0.0 }
    })
}
