//! VarSMiLe for Gaussian observations with known standard deviation, fast enough for streams of 10^7 samples.
//!
//! The plain recursion of [`VarSmile`](crate::varsmile::VarSmile) waits for one division, one exponential and
//! another division per observation. In units of `sigma` around the prior mean, with `E = P(y; pi) / (m P(y; pi0))`,
//! the update is homogeneous in `1 + E`:
//!
//! `nu' = (E (nu + 1) + nu0 + 1) / (1 + E)` and `mean' = (E (nu mean + w) + w) / (E (nu + 1) + nu0 + 1)`,
//!
//! so that only one division and one exponential lie on the path from an observation to the next. Read-outs are
//! computed afterwards, block by block, with SIMD.

use std::f64::consts::{LOG2_E, PI};
use std::sync::LazyLock;

use neuropil_core::{dispatch, vector};
use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::family::gaussian::NormalBelief;
use crate::family::{ConjugateFamily, Gaussian};
use crate::filter::Recorder;
use crate::hazard::Hazard;
use crate::learner::{Learner, Scores};
use crate::surprise::{LARGEST_LOG_BAYES_FACTOR, bayes_factor};
use crate::varsmile::{Modulation, VarSmile};

/// Observations per block: its buffers stay in the first-level cache.
const BLOCK: usize = 512;
/// Beyond this magnitude of the exponent the plain recursion takes the step.
const LARGEST_EXPONENT: f64 = 600.0;
/// Entries of the table of powers `2^(i / STEPS)`.
const STEPS: usize = 64;

static POWERS: LazyLock<[f64; STEPS]> = LazyLock::new(|| std::array::from_fn(|i| (i as f64 / STEPS as f64).exp2()));

/// The belief after each observation of a block, and the odds `E` of "no change" at it.
struct Trace {
    mean: [f64; BLOCK],
    nu: [f64; BLOCK],
    odds: [f64; BLOCK],
}

/// A belief as the recursion carries it from one observation to the next.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(crate) struct ScaledBelief {
    /// Distance of the mean from the prior mean, in units of `sigma`.
    mean: f64,
    nu: f64,
    /// `nu / (nu + 1)`.
    share: f64,
}

impl ScaledBelief {
    fn new(family: &Gaussian, belief: NormalBelief) -> Self {
        Self {
            mean: (belief.mean - family.prior_mean) / family.sigma,
            nu: belief.nu,
            share: belief.nu / (belief.nu + 1.0),
        }
    }

    fn unscaled(self, family: &Gaussian) -> NormalBelief {
        NormalBelief { mean: self.mean * family.sigma + family.prior_mean, nu: self.nu }
    }
}

/// A VarSMiLe learner for one stream, with a constant modulation.
#[derive(Debug, Clone)]
pub(crate) struct GaussianVarSmile {
    family: Gaussian,
    m: f64,
    plain: VarSmile<Gaussian>,
    belief: ScaledBelief,
}

impl GaussianVarSmile {
    /// `None` where only the plain recursion applies: a hazard that varies, or a modulation near 0 or infinity.
    pub fn new(family: Gaussian, modulation: &Modulation) -> Result<Option<Self>> {
        let plain = VarSmile::new(family, modulation.clone())?;
        let m = match modulation {
            Modulation::Fixed(m) => *m,
            Modulation::Hazard(Hazard::Constant(hazard)) => hazard / (1.0 - hazard),
            Modulation::Hazard(_) => return Ok(None),
        };
        let moderate = (1e-30..1e30).contains(&m) && (1e-6..1e6).contains(&(family.sigma / family.prior_sd));
        Ok(moderate.then(|| Self { family, m, plain, belief: ScaledBelief::new(&family, family.prior()) }))
    }

    /// Continues from a belief of a learner with the same parameters.
    pub fn restore(&mut self, belief: ScaledBelief) {
        self.belief = belief;
    }

    /// The belief now.
    pub fn state(&self) -> ScaledBelief {
        self.belief
    }

    /// Takes checked observations, NaN where they are missing.
    pub fn run(&mut self, y: &[f64], recorder: &mut Recorder) {
        let mut trace = Box::new(Trace { mean: [0.0; BLOCK], nu: [0.0; BLOCK], odds: [0.0; BLOCK] });
        for y in y.chunks(BLOCK) {
            let mut exceptions = Vec::new();
            let mut done = 0;
            while done < y.len() {
                done += recursion(&self.family, self.m, &mut self.belief, y, done, &mut trace) - done;
                if done < y.len() {
                    exceptions.push((done, self.plain_step(y[done])));
                    trace.mean[done] = self.belief.unscaled(&self.family).mean;
                    trace.nu[done] = self.belief.nu;
                    trace.odds[done] = 1.0;
                    done += 1;
                }
            }
            self.read_out(y, &trace, &exceptions, recorder);
        }
    }

    /// Takes a missing or an extreme observation.
    fn plain_step(&mut self, y: f64) -> Scores {
        self.plain.restore((self.belief.unscaled(&self.family), 0));
        let scores = if y.is_nan() { self.plain.skip() } else { self.plain.step(&[y]) };
        self.belief = ScaledBelief::new(&self.family, self.plain.state().0);
        scores
    }

    fn read_out(&self, y: &[f64], trace: &Trace, exceptions: &[(usize, Scores)], recorder: &mut Recorder) {
        let n = y.len();
        let odds = &trace.odds[..n];
        if recorder.outputs.mean {
            recorder.mean.extend_from_slice(&trace.mean[..n]);
        }
        if recorder.outputs.variance {
            let variance_of_one = self.family.sigma.powi(2);
            recorder.variance.extend(trace.nu[..n].iter().map(|nu| variance_of_one / nu));
        }
        recorder.adaptation_rate.extend(odds.iter().map(|odds| 1.0 / (1.0 + odds)));
        if recorder.outputs.bayes_factor_surprise {
            let largest = LARGEST_LOG_BAYES_FACTOR.exp();
            recorder.bayes_factor_surprise.extend(odds.iter().map(|odds| (1.0 / (self.m * odds)).min(largest)));
        }
        if recorder.outputs.shannon_surprise {
            let start = recorder.shannon_surprise.len();
            recorder.shannon_surprise.resize(start + n, 0.0);
            shannon_surprise(y, odds, &self.family, self.m, &mut recorder.shannon_surprise[start..]);
        }
        let start = recorder.observed.len();
        recorder.observed.resize(start + n, true);
        for &(index, scores) in exceptions {
            recorder.observed[start + index] = !y[index].is_nan();
            recorder.adaptation_rate[start + index] = scores.adaptation_rate;
            if recorder.outputs.bayes_factor_surprise {
                recorder.bayes_factor_surprise[start + index] = bayes_factor(scores.log_bayes_factor);
            }
            if recorder.outputs.shannon_surprise {
                recorder.shannon_surprise[start + index] = -scores.log_predictive;
            }
        }
        if recorder.outputs.shannon_surprise {
            let surprise = &recorder.shannon_surprise[start..];
            recorder.log_evidence -= vector::sum(n, |i| surprise[i]);
        }
    }
}

dispatch! {
    /// Runs from observation `from` to the first one that is missing or extreme; returns its index.
    fn recursion = recursion_body(
        family: &Gaussian, m: f64, belief: &mut ScaledBelief, y: &[f64], from: usize, trace: &mut Trace,
    ) -> usize;
}
dispatch! {
    /// `-ln P(y_t | past) = -ln P(y_t; pi0) + ln(gamma_t / p_c)`, with `gamma = 1 / (1 + E)`.
    fn shannon_surprise = shannon_surprise_body(y: &[f64], odds: &[f64], family: &Gaussian, m: f64, out: &mut [f64]);
}

#[inline(always)]
fn recursion_body<const FMA: bool>(
    family: &Gaussian,
    m: f64,
    belief: &mut ScaledBelief,
    y: &[f64],
    from: usize,
    trace: &mut Trace,
) -> usize {
    const ROUND: f64 = 6_755_399_441_055_744.0;
    const LOG2_STEPS: f64 = LOG2_E * STEPS as f64;
    const LN_2_HIGH: f64 = 6.931_471_803_691_238_16e-1 / STEPS as f64;
    const LN_2_LOW: f64 = 1.908_214_929_270_587_7e-10 / STEPS as f64;
    let powers = &*POWERS;
    let inverse_sigma = 1.0 / family.sigma;
    let prior_nu = family.prior().nu;
    let prior_share = prior_nu / (prior_nu + 1.0);
    let factor = 1.0 / (m * prior_share.sqrt());
    let ScaledBelief { mut mean, mut nu, mut share } = *belief;
    let n = y.len().min(BLOCK);
    let mut stop = n;
    for i in from..n {
        let w = (y[i] - family.prior_mean) * inverse_sigma;
        let difference = w - mean;
        let exponent = 0.5 * vector::multiply_add::<FMA>(-(difference * difference), share, w * w * prior_share);
        // NaN compares false, so that a missing observation stops here too.
        if !(exponent.abs() < LARGEST_EXPONENT) {
            stop = i;
            break;
        }
        // exp(x) = 2^k 2^(i/64) exp(r) with |r| <= ln(2)/128.
        let shifted = vector::multiply_add::<FMA>(exponent, LOG2_STEPS, ROUND);
        let whole = shifted - ROUND;
        let r = vector::multiply_add::<FMA>(whole, -LN_2_HIGH, exponent);
        let r = vector::multiply_add::<FMA>(whole, -LN_2_LOW, r);
        let bits = shifted.to_bits();
        let power = powers[(bits as usize) % STEPS];
        // The integer sits in the low bits; its part above the table index is the exponent.
        let k = (bits.wrapping_shl(13) as i64 >> 13) >> STEPS.trailing_zeros();
        let power = f64::from_bits(power.to_bits().wrapping_add((k as u64) << 52));
        let scale = power * (share.sqrt() * factor);
        let r2 = r * r;
        let low = vector::multiply_add::<FMA>(r, 1.0 / 6.0, 0.5);
        let high = vector::multiply_add::<FMA>(r, 1.0 / 120.0, 1.0 / 24.0);
        let growth = vector::multiply_add::<FMA>(vector::multiply_add::<FMA>(high, r2, low), r2, r);
        let odds = vector::multiply_add::<FMA>(scale, growth, scale);
        let precision = vector::multiply_add::<FMA>(odds, nu + 1.0, prior_nu + 1.0);
        let sum = vector::multiply_add::<FMA>(odds, vector::multiply_add::<FMA>(nu, mean, w), w);
        let denominator = 1.0 + odds;
        mean = sum / precision;
        share = precision / (precision + denominator);
        nu = precision / denominator;
        trace.odds[i] = odds;
        trace.nu[i] = nu;
        trace.mean[i] = vector::multiply_add::<FMA>(mean, family.sigma, family.prior_mean);
    }
    *belief = ScaledBelief { mean, nu, share };
    stop
}

#[inline(always)]
fn shannon_surprise_body<const FMA: bool>(y: &[f64], odds: &[f64], family: &Gaussian, m: f64, out: &mut [f64]) {
    let prior_nu = family.prior().nu;
    let prior_share = prior_nu / (prior_nu + 1.0);
    let hazard = m / (1.0 + m);
    let constant = 0.5 * (2.0 * PI).ln() + family.sigma.ln() - 0.5 * prior_share.ln() - hazard.ln();
    let inverse_sigma = 1.0 / family.sigma;
    let n = out.len();
    let (y, odds) = (&y[..n], &odds[..n]);
    for i in 0..n {
        let w = (y[i] - family.prior_mean) * inverse_sigma;
        out[i] = constant + 0.5 * w * w * prior_share - vector::ln::<FMA>(1.0 + odds[i]);
    }
}

#[cfg(test)]
mod tests {
    use neuropil_core::random::{Seed, uniform};

    use super::*;
    use crate::filter::Outputs;

    fn stream() -> Vec<f64> {
        let mut random = Seed::new(5).stream();
        let mut level = 0.0;
        (0..4000)
            .map(|t| {
                if uniform(&mut random) < 0.01 {
                    level = 8.0 * (uniform(&mut random) - 0.5);
                }
                match t {
                    700 | 3999 => f64::NAN,
                    1500 => 1e8,
                    1501 => -3e3,
                    _ => level + uniform(&mut random) - 0.5,
                }
            })
            .collect()
    }

    #[test]
    fn the_fast_recursion_equals_the_plain_one() {
        let family = Gaussian { sigma: 0.3, prior_mean: 0.7, prior_sd: 2.0 };
        for m in [1e-6, 0.03, 5.0] {
            let modulation = Modulation::Fixed(m);
            let y = stream();
            let mut fast = GaussianVarSmile::new(family, &modulation).unwrap().unwrap();
            let mut recorder = Recorder::new(y.len(), 1, Outputs::default());
            fast.run(&y, &mut recorder);
            let mut plain = VarSmile::new(family, modulation).unwrap();
            for (t, &y) in y.iter().enumerate() {
                let scores = if y.is_nan() { plain.skip() } else { plain.step(&[y]) };
                let mut mean = [0.0];
                plain.mean(&mut mean);
                let close = |a: f64, b: f64| (a - b).abs() <= 1e-9 * (1.0 + b.abs());
                assert!(close(recorder.mean[t], mean[0]), "t = {t}: {} {}", recorder.mean[t], mean[0]);
                assert!(close(recorder.adaptation_rate[t], scores.adaptation_rate), "t = {t}");
                assert!(close(recorder.shannon_surprise[t], -scores.log_predictive), "t = {t}");
                assert!(close(
                    recorder.bayes_factor_surprise[t].ln_1p(),
                    bayes_factor(scores.log_bayes_factor).ln_1p()
                ));
            }
        }
    }

    #[test]
    fn pieces_of_any_size_give_the_same_bits() {
        let y = stream();
        let run = |sizes: usize| {
            let mut learner = GaussianVarSmile::new(Gaussian::default(), &Modulation::Fixed(0.02)).unwrap().unwrap();
            let mut recorder = Recorder::new(y.len(), 1, Outputs::default());
            for piece in y.chunks(sizes) {
                learner.run(piece, &mut recorder);
            }
            recorder.mean
        };
        assert!(run(4000) == run(1));
        assert!(run(4000) == run(513));
    }
}
