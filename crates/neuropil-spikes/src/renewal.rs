//! Renewal theory: a population without coupling, or at rest, in the limit of many neurons.
//!
//! At a constant input potential `h` the potential after a spike is `u(t) = h + (reset - h) exp(-(t - t_ref) / tau_m)`,
//! the survival `S(t) = exp(-integral of lambda(u))`, the firing rate `1 / integral of S`, and the coefficient of
//! variation of the intervals follows from `integral of t S`.

use neuropil_core::check;

use crate::error::{Error, Result};
use crate::network::InputRule;
use crate::population::PopulationParameters;
use crate::start::AgeProfile;

/// Statistics of the intervals between spikes at a constant input potential.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Renewal {
    /// Firing rate, Hz.
    pub rate: f64,
    /// Mean interval, s.
    pub mean_interval: f64,
    /// Coefficient of variation of the intervals.
    pub cv: f64,
}

/// Time on a grid of survival values.
struct Survival {
    step: f64,
    hazards: Vec<f64>,
    values: Vec<f64>,
    final_hazard: f64,
}

impl Survival {
    /// Survival from the end of the refractory period on, until the potential has settled or nobody is left.
    fn new(p: &PopulationParameters, h: f64) -> Self {
        let steepness = (h - p.reset).abs() / p.softness;
        let step = p.tau_m / (200.0 * (1.0 + steepness / 10.0)).min(20_000.0);
        let hazard = |t: f64| {
            let u = h + (p.reset - h) * (-t / p.tau_m).exp();
            p.hazard * ((u - p.threshold) / p.softness).min(50.0).exp()
        };
        let (mut hazards, mut values) = (vec![hazard(0.0)], vec![1.0]);
        let mut integral = 0.0;
        let mut k = 0.0;
        loop {
            let (start, middle, end) = (hazards[hazards.len() - 1], hazard((k + 0.5) * step), hazard((k + 1.0) * step));
            // Cubic accuracy at the middle, Simpson's rule at the end.
            let to_middle = integral + step / 24.0 * (5.0 * start + 8.0 * middle - end);
            integral += step / 6.0 * (start + 4.0 * middle + end);
            hazards.extend([middle, end]);
            values.extend([(-to_middle).exp(), (-integral).exp()]);
            k += 1.0;
            let settled = steepness * (-k * step / p.tau_m).exp() < 1e-10;
            if integral > 40.0 || settled {
                return Self { step, hazards, values, final_hazard: hazard(1e3 * p.tau_m) };
            }
        }
    }

    fn duration(&self) -> f64 {
        (self.values.len() - 1) as f64 * 0.5 * self.step
    }
}

impl Renewal {
    /// Intervals in continuous time at the input potential `h`; adaptation is left out.
    #[must_use]
    pub fn continuous(population: &PopulationParameters, h: f64) -> Self {
        let survival = Survival::new(population, h);
        let (mut area, mut moment) = (0.0, 0.0);
        let half = 0.5 * survival.step;
        for (k, window) in survival.values.windows(3).enumerate().step_by(2) {
            let t = k as f64 * half + population.t_ref;
            area += window[0] + 4.0 * window[1] + window[2];
            moment += t * window[0] + 4.0 * (t + half) * window[1] + (t + 2.0 * half) * window[2];
        }
        let mut mean = population.t_ref + area * half / 3.0;
        let mut second = population.t_ref * population.t_ref + 2.0 * moment * half / 3.0;
        // Afterwards the hazard is constant and the tail exponential.
        let (rest, hazard) = (survival.values[survival.values.len() - 1], survival.final_hazard);
        if rest > 0.0 {
            let t = survival.duration() + population.t_ref;
            mean += rest / hazard;
            second += 2.0 * rest * (t / hazard + 1.0 / (hazard * hazard));
        }
        Self { rate: 1.0 / mean, mean_interval: mean, cv: (second / (mean * mean) - 1.0).max(0.0).sqrt() }
    }

    /// Intervals of the survival scheme with its time step `dt` (Euler steps of the membrane): what a fit with this
    /// step sees. The rate is `1 / (dt sum S)`.
    ///
    /// # Errors
    /// A step that is not positive or not shorter than `tau_m`.
    pub fn discrete(population: &PopulationParameters, h: f64, dt: f64) -> Result<Self> {
        check::positive("dt", dt)?;
        if dt >= population.tau_m {
            return Err(Error::parameter("dt", dt, format!("shorter than tau_m ({} s)", population.tau_m)));
        }
        let profile = AgeProfile::new(population, h, dt, InputRule::Euler);
        let n = profile.survival.len() as f64;
        let sum = profile.total();
        // The tail falls by the same factor in every step.
        let ratio = 1.0 - profile.survival[profile.survival.len() - 1].min(profile.older) / profile.older.max(1e-300);
        let ratio = if profile.older > 0.0 { ratio.clamp(0.0, 1.0 - 1e-12) } else { 0.0 };
        let weighted: f64 = profile.survival.iter().enumerate().map(|(k, s)| (2 * k + 1) as f64 * s).sum();
        let tail = profile.older * (2.0 * n + 1.0 + 2.0 * ratio / (1.0 - ratio));
        let variance = weighted + tail - sum * sum;
        Ok(Self { rate: 1.0 / (sum * dt), mean_interval: sum * dt, cv: variance.max(0.0).sqrt() / sum })
    }
}

/// Density of the interval (per second) at these times (s) after a spike, at a constant input potential `h`: what an
/// interval histogram should look like.
#[must_use]
pub fn interval_density(population: &PopulationParameters, h: f64, times: &[f64]) -> Vec<f64> {
    let survival = Survival::new(population, h);
    let half = 0.5 * survival.step;
    let last = survival.values.len() - 1;
    times
        .iter()
        .map(|time| {
            let t = time - population.t_ref;
            if !(t >= 0.0) {
                return 0.0;
            }
            let position = t / half;
            let k = position as usize;
            if k >= last {
                let rest = survival.values[last] * (-(t - survival.duration()) * survival.final_hazard).exp();
                return rest * survival.final_hazard;
            }
            let fraction = position - k as f64;
            let between = |values: &[f64]| values[k] + fraction * (values[k + 1] - values[k]);
            between(&survival.hazards) * between(&survival.values)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_density_of_intervals_integrates_to_one() {
        let population = PopulationParameters::default();
        for h in [15.0, 24.0, 36.0] {
            let times: Vec<f64> = (0..40_000).map(|i| f64::from(i) * 1e-4).collect();
            let density = interval_density(&population, h, &times);
            let area: f64 = density.iter().sum::<f64>() * 1e-4;
            let mean: f64 = density.iter().zip(&times).map(|(p, t)| p * t).sum::<f64>() * 1e-4;
            assert!((area - 1.0).abs() < 1e-4, "{h}: {area}");
            assert!((mean * Renewal::continuous(&population, h).rate - 1.0).abs() < 1e-3);
        }
    }

    #[test]
    fn a_small_step_approaches_continuous_time() {
        let population = PopulationParameters::default();
        let exact = Renewal::continuous(&population, 24.0);
        let fine = Renewal::discrete(&population, 24.0, 1e-5).unwrap();
        assert!((fine.rate / exact.rate - 1.0).abs() < 1e-3 && (fine.cv / exact.cv - 1.0).abs() < 2e-3);
        assert!(Renewal::discrete(&population, 24.0, 0.02).is_err());
    }

    #[test]
    fn a_population_far_below_threshold_is_silent_without_trouble() {
        let silent = PopulationParameters { mu: -200.0, ..PopulationParameters::default() };
        let theory = Renewal::continuous(&silent, -200.0);
        assert!(theory.rate >= 0.0 && theory.rate < 1e-6 && theory.cv.is_finite(), "{theory:?}");
        assert!(Renewal::discrete(&silent, -200.0, 0.001).unwrap().rate < 1e-6);
    }
}
