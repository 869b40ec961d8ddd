//! The number of spikes of a step, drawn around its expectation.

use neuropil_core::random::{Stream, uniform};
use rand_distr::{Binomial, Distribution, Poisson, StandardNormal};

use super::Noise;

/// Below this expectation a binomial or Poisson number is found by adding up probabilities.
const FEW: f64 = 12.0;

/// Spikes of `n` neurons that fire with probability `p` each, in a step of `dt`.
pub(super) fn spikes(noise: Noise, n: f64, p: f64, dt: f64, random: &mut Stream) -> f64 {
    match noise {
        Noise::None => n * p,
        Noise::Binomial => binomial(n, p, random),
        Noise::Poisson => poisson(n * p, random).min(n),
        Noise::Gaussian => {
            let normal: f64 = StandardNormal.sample(random);
            (n * p + (n * (p + 0.1 * dt)).sqrt() * normal).clamp(0.0, n)
        }
    }
}

fn binomial(n: f64, p: f64, random: &mut Stream) -> f64 {
    if p <= 0.0 {
        return 0.0;
    }
    if n * p < FEW && p < 0.5 {
        // Inversion: P(k + 1) / P(k) = (n - k) / (k + 1) * p / (1 - p).
        let odds = p / (1.0 - p);
        let mut probability = (n * (-p).ln_1p()).exp();
        let mut left = uniform(random);
        let mut k = 0.0;
        while left > probability && k < n {
            left -= probability;
            probability *= odds * (n - k) / (k + 1.0);
            k += 1.0;
        }
        return k;
    }
    Binomial::new(n as u64, p.min(1.0)).map_or(0.0, |law| law.sample(random) as f64)
}

fn poisson(mean: f64, random: &mut Stream) -> f64 {
    if mean <= 0.0 {
        return 0.0;
    }
    Poisson::new(mean).map_or(0.0, |law| law.sample(random))
}

#[cfg(test)]
mod tests {
    use super::*;
    use neuropil_core::random::Seed;
    use neuropil_core::statistics::{mean, variance};

    #[test]
    fn every_noise_has_the_mean_and_variance_of_its_law() {
        let (n, dt) = (400.0, 0.0005);
        for p in [0.002, 0.02, 0.2] {
            for (noise, expected) in [(Noise::Binomial, n * p * (1.0 - p)), (Noise::Poisson, n * p), (Noise::None, 0.0)]
            {
                let mut random = Seed::new(1).stream();
                let draws: Vec<f64> = (0..40_000).map(|_| spikes(noise, n, p, dt, &mut random)).collect();
                let (m, v) = (mean(&draws).unwrap(), variance(&draws).unwrap());
                // Five standard errors of the mean; the variance has a relative error of about sqrt(2 / 40000).
                assert!((m - n * p).abs() <= 5.0 * (n * p / 40_000.0).sqrt(), "{noise:?} {p}: {m}");
                assert!((v - expected).abs() <= 0.05 * expected + 1e-12, "{noise:?} {p}: {v}");
            }
        }
        let mut random = Seed::new(1).stream();
        let draws: Vec<f64> = (0..40_000).map(|_| spikes(Noise::Gaussian, n, 0.2, dt, &mut random)).collect();
        assert!((variance(&draws).unwrap() / (n * (0.2 + 0.1 * dt)) - 1.0).abs() < 0.05);
        assert_eq!(spikes(Noise::Binomial, 7.0, 1.0, dt, &mut random), 7.0);
        assert_eq!(spikes(Noise::Binomial, 7.0, 0.0, dt, &mut random), 0.0);
    }
}
