//! The two tasks of the paper, and learners at work on them.

use neuropil_core::progress::Monitor;
use neuropil_core::random::{Seed, Stream, uniform};
use neuropil_surprise::Learner;
use neuropil_surprise::family::{ConjugateFamily, DirichletCategorical, Gaussian};
use neuropil_surprise::hazard::Hazard;
use rand::Rng;
use rand_distr::{Distribution, Gamma, StandardNormal};

use super::roster::Contender;
use crate::Result;

/// Number of categories of the categorical task.
pub const CATEGORIES: usize = 5;

/// Which of the two tasks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `y ~ N(mu, sigma^2)`, `mu ~ N(0, 1)`.
    Gaussian,
    /// `y` in five categories, their probabilities `~ Dirichlet(s, ..., s)`.
    Categorical,
}

impl Kind {
    /// The levels of stochasticity of the paper: sigma, or s.
    pub fn levels(self) -> &'static [f64] {
        match self {
            Self::Gaussian => &[0.1, 0.5, 1.0, 2.0, 5.0],
            Self::Categorical => &[0.01, 0.1, 0.14, 0.25, 1.0, 2.0, 5.0],
        }
    }

    /// Symbol of the level.
    pub fn symbol(self) -> &'static str {
        match self {
            Self::Gaussian => "σ",
            Self::Categorical => "s",
        }
    }

    /// Name of the task.
    pub fn name(self) -> &'static str {
        match self {
            Self::Gaussian => "gaussian",
            Self::Categorical => "categorical",
        }
    }
}

/// A task at one level of stochasticity.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Task {
    /// Which task.
    pub kind: Kind,
    /// sigma, or s.
    pub level: f64,
}

/// One simulated sequence.
#[derive(Debug, Clone)]
pub struct Sequence {
    /// One number per step: the value, or the index of the category.
    pub y: Vec<f64>,
    /// First step of each segment; the first is 0.
    pub starts: Vec<usize>,
    /// The hidden parameter of each segment.
    pub parameters: Vec<Vec<f64>>,
}

impl Sequence {
    /// Steps of a segment.
    pub fn segment_length(&self, segment: usize) -> usize {
        self.starts.get(segment + 1).copied().unwrap_or(self.y.len()) - self.starts[segment]
    }
}

/// A 64-bit seed at a point of the tree, for the learners that take one.
pub fn number_of(seed: Seed) -> u64 {
    seed.stream().next_u64()
}

impl Task {
    /// Simulates `length` steps: a change with probability `hazard`, a new parameter after it, an observation.
    pub fn simulate(self, hazard: f64, length: usize, seed: Seed) -> Sequence {
        let mut stream = seed.stream();
        let mut sequence = Sequence { y: Vec::with_capacity(length), starts: Vec::new(), parameters: Vec::new() };
        let mut parameter = Vec::new();
        for t in 0..length {
            if t == 0 || uniform(&mut stream) < hazard {
                parameter = self.draw_parameter(&mut stream);
                sequence.starts.push(t);
                sequence.parameters.push(parameter.clone());
            }
            sequence.y.push(self.draw_observation(&parameter, &mut stream));
        }
        sequence
    }

    fn draw_parameter(self, stream: &mut Stream) -> Vec<f64> {
        match self.kind {
            Kind::Gaussian => vec![StandardNormal.sample(stream)],
            Kind::Categorical => symmetric_dirichlet(self.level, stream),
        }
    }

    fn draw_observation(self, parameter: &[f64], stream: &mut Stream) -> f64 {
        match self.kind {
            Kind::Gaussian => {
                let noise: f64 = StandardNormal.sample(stream);
                parameter[0] + self.level * noise
            }
            Kind::Categorical => {
                let mut rest = uniform(stream);
                for (category, probability) in parameter.iter().enumerate() {
                    rest -= probability;
                    if rest < 0.0 {
                        return category as f64;
                    }
                }
                // Rounding may leave a rest: it goes to the most probable category.
                let largest = (0..parameter.len()).max_by(|&i, &j| parameter[i].total_cmp(&parameter[j]));
                largest.unwrap_or(0) as f64
            }
        }
    }

    /// Lets a learner follow a sequence; `visit(segment, n, error)` receives the squared error of the estimate after
    /// the `n`-th observation (from 1) of each segment.
    pub fn follow(
        self,
        contender: &Contender,
        sequence: &Sequence,
        seed: Seed,
        monitor: &Monitor,
        visit: impl FnMut(usize, usize, f64),
    ) -> Result<()> {
        let hazard = Hazard::Constant(contender.hazard);
        let seed = number_of(seed.child(contender.key));
        match self.kind {
            Kind::Gaussian => {
                let family = Gaussian { sigma: self.level, prior_mean: 0.0, prior_sd: contender.prior_sd };
                let mut learner = contender.method.gaussian_learner(&family, &hazard, seed)?;
                errors::<Gaussian, 1>(learner.as_mut(), sequence, monitor, visit)
            }
            Kind::Categorical => {
                let family = DirichletCategorical::symmetric(CATEGORIES, self.level);
                let mut learner = contender.method.learner(&family, &hazard, seed)?;
                errors::<DirichletCategorical, CATEGORIES>(learner.as_mut(), sequence, monitor, visit)
            }
        }
    }

    /// Mean squared error of a learner on a sequence.
    pub fn mean_squared_error(
        self,
        contender: &Contender,
        sequence: &Sequence,
        seed: Seed,
        monitor: &Monitor,
    ) -> Result<f64> {
        let mut sum = 0.0;
        self.follow(contender, sequence, seed, monitor, |_, _, error| sum += error)?;
        Ok(sum / sequence.y.len() as f64)
    }
}

fn errors<F: ConjugateFamily, const WIDTH: usize>(
    learner: &mut dyn Learner<F>,
    sequence: &Sequence,
    monitor: &Monitor,
    mut visit: impl FnMut(usize, usize, f64),
) -> Result<()> {
    const STEPS_BETWEEN_CHECKS: usize = 4096;
    let mut estimate = [0.0; WIDTH];
    for (segment, (&start, parameter)) in sequence.starts.iter().zip(&sequence.parameters).enumerate() {
        for n in 0..sequence.segment_length(segment) {
            let t = start + n;
            if t % STEPS_BETWEEN_CHECKS == 0 {
                monitor.check()?;
            }
            learner.step(&sequence.y[t..=t]);
            learner.mean(&mut estimate);
            let error = estimate.iter().zip(parameter).map(|(estimate, true_)| (estimate - true_).powi(2)).sum();
            visit(segment, n + 1, error);
        }
    }
    Ok(())
}

/// A draw from Dirichlet(s, ..., s). Gamma variates are drawn as logarithms, `ln G(s) = ln G(s + 1) + ln(U) / s`,
/// because for s = 0.01 all five would underflow.
fn symmetric_dirichlet(s: f64, stream: &mut Stream) -> Vec<f64> {
    let logs: Vec<f64> = (0..CATEGORIES)
        .map(|_| {
            let variate = Gamma::new(s + 1.0, 1.0).map_or(s + 1.0, |gamma| gamma.sample(stream));
            variate.max(f64::MIN_POSITIVE).ln() + (1.0 - uniform(stream)).ln() / s
        })
        .collect();
    let largest = logs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let weights: Vec<f64> = logs.iter().map(|log| (log - largest).exp()).collect();
    let total: f64 = weights.iter().sum();
    weights.iter().map(|weight| weight / total).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn probabilities_have_the_moments_of_the_dirichlet_law() {
        let mut stream = Seed::new(1).stream();
        for s in [0.01, 0.14, 1.0, 5.0] {
            let draws: Vec<Vec<f64>> = (0..20_000).map(|_| symmetric_dirichlet(s, &mut stream)).collect();
            assert!(draws.iter().all(|p| (p.iter().sum::<f64>() - 1.0).abs() < 1e-12));
            let mean_square = draws.iter().map(|p| p[0] * p[0]).sum::<f64>() / 20_000.0;
            let expected = (s + 1.0) / (5.0 * (5.0 * s + 1.0));
            assert!((mean_square / expected - 1.0).abs() < 0.06, "s = {s}: {mean_square}, expected {expected}");
        }
    }

    #[test]
    fn segments_cover_the_sequence_and_are_as_frequent_as_the_hazard() {
        let task = Task { kind: Kind::Categorical, level: 1.0 };
        let sequence = task.simulate(0.05, 20_000, Seed::new(3));
        let lengths: usize = (0..sequence.starts.len()).map(|segment| sequence.segment_length(segment)).sum();
        assert_eq!(lengths, 20_000);
        assert!((900..1100).contains(&sequence.starts.len()), "{}", sequence.starts.len());
        assert!(sequence.y.iter().all(|y| (0.0..5.0).contains(y)));
    }
}
