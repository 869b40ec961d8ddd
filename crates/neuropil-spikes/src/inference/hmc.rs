//! Hamiltonian Monte Carlo over the parameters when the activity is known.
//!
//! The metric is the Gaussian approximation at the maximum, so that the posterior is close to a standard normal and a
//! few leapfrog steps suffice; the step size is found by dual averaging (Hoffman and Gelman 2014). The prior of every
//! parameter is a normal around the template with a standard deviation in scales, cut at the bounds of the fit.

use ndarray::Array2;
use neuropil_core::progress::Monitor;
use neuropil_core::random::{Seed, uniform};
use neuropil_core::threads;
use rand_distr::{Distribution, StandardNormal};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::curvature::{ParameterGaussian, precision_given_activity};
use super::full_observation::FullObservationFit;
use super::likelihood::Workspace;
use crate::error::Result;

/// Settings of the sampler.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct HmcOptions {
    /// Independent chains.
    pub n_chains: usize,
    /// Steps that find the step size and are dropped.
    pub n_warmup: usize,
    /// Samples per chain.
    pub n_samples: usize,
    /// Leapfrog steps per sample; the actual number varies between half and all of them.
    pub leapfrog_steps: usize,
    /// Acceptance that the step size aims at.
    pub acceptance: f64,
    /// Standard deviation of the prior, in scales (multiples of the template).
    pub prior_sd: f64,
    /// Seed.
    pub seed: u64,
}

impl Default for HmcOptions {
    fn default() -> Self {
        Self { n_chains: 2, n_warmup: 100, n_samples: 300, leapfrog_steps: 8, acceptance: 0.8, prior_sd: 0.5, seed: 0 }
    }
}

/// Samples of the posterior.
#[derive(Debug, Clone, PartialEq)]
pub struct HmcResult {
    /// Samples of the free parameters in scales, sample by parameter; the chains one after the other.
    pub samples: Array2<f64>,
    /// Negative log-posterior (up to a constant) of every sample.
    pub energy: Vec<f64>,
    /// Mean acceptance of every chain.
    pub acceptance: Vec<f64>,
    /// Step size of every chain.
    pub step_size: Vec<f64>,
    /// Trajectories whose energy error exceeded 1000, after warm-up.
    pub divergences: usize,
    /// Split R-hat of every parameter: near 1 when the chains agree.
    pub r_hat: Vec<f64>,
}

struct Chain {
    samples: Vec<Vec<f64>>,
    energy: Vec<f64>,
    acceptance: f64,
    step_size: f64,
    divergences: usize,
}

/// Samples the posterior of the parameters around a fit.
///
/// # Errors
/// No chain or no sample; a prior without width; [`Error::Cancelled`](crate::Error::Cancelled).
pub fn hmc(fit: &FullObservationFit, options: &HmcOptions, monitor: &Monitor) -> Result<HmcResult> {
    neuropil_core::check::at_least("n_chains", options.n_chains, 1)?;
    neuropil_core::check::at_least("n_samples", options.n_samples, 4)?;
    neuropil_core::check::at_least("leapfrog_steps", options.leapfrog_steps, 1)?;
    neuropil_core::check::positive("prior_sd", options.prior_sd)?;
    neuropil_core::check::open_probability("acceptance", options.acceptance)?;
    // The metric holds the prior of the sampler, which is narrower than the bounds of the fit.
    let precision = precision_given_activity(&fit.likelihood, &fit.free, &fit.numbers, &fit.activity, monitor)?;
    let metric = ParameterGaussian::new(&fit.numbers, &precision, &vec![options.prior_sd; fit.numbers.len()])?;
    let task = monitor.task("samples", (options.n_chains * (options.n_warmup + options.n_samples)) as u64);
    let chains: Result<Vec<Chain>> = threads::install(|| {
        (0..options.n_chains).into_par_iter().map(|c| chain((fit, &metric.root), options, c, monitor, &task)).collect()
    });
    let chains = chains?;
    let n = fit.numbers.len();
    let rows: Vec<&Vec<f64>> = chains.iter().flat_map(|chain| &chain.samples).collect();
    Ok(HmcResult {
        samples: Array2::from_shape_fn((rows.len(), n), |(s, i)| rows[s][i]),
        energy: chains.iter().flat_map(|chain| chain.energy.clone()).collect(),
        acceptance: chains.iter().map(|chain| chain.acceptance).collect(),
        step_size: chains.iter().map(|chain| chain.step_size).collect(),
        divergences: chains.iter().map(|chain| chain.divergences).sum(),
        r_hat: (0..n).map(|i| split_r_hat(&chains, i)).collect(),
    })
}

fn chain(
    (fit, root): (&FullObservationFit, &Array2<f64>),
    options: &HmcOptions,
    index: usize,
    monitor: &Monitor,
    task: &neuropil_core::progress::Task,
) -> Result<Chain> {
    let n = fit.numbers.len();
    let mut stream = Seed::new(options.seed).child("hmc").index(index as u64).stream();
    let mut workspace = Workspace::default();
    // Potential energy and its gradient in the coordinates in which the posterior is round.
    let mut potential = |u: &[f64]| -> (f64, Vec<f64>, Vec<f64>) {
        let numbers: Vec<f64> =
            (0..n).map(|i| fit.numbers[i] + root.row(i).iter().zip(u).map(|(a, b)| a * b).sum::<f64>()).collect();
        if (0..n).any(|i| !(fit.free.lower[i]..=fit.free.upper[i]).contains(&numbers[i])) {
            return (f64::INFINITY, vec![0.0; n], numbers);
        }
        let result = fit.likelihood.gradient(&fit.free.circuit(&numbers), &fit.activity, &mut workspace);
        let mut gradient = fit.free.gradient(&result.circuit);
        let mut energy = result.value.total();
        for i in 0..n {
            let centre = if fit.free.lower[i] < 0.0 { 0.0 } else { 1.0 };
            let distance = (numbers[i] - centre) / options.prior_sd;
            energy += 0.5 * distance * distance;
            gradient[i] += distance / options.prior_sd;
        }
        let round = (0..n).map(|k| (0..n).map(|i| root[[i, k]] * gradient[i]).sum()).collect();
        (energy, round, numbers)
    };
    let mut u: Vec<f64> = vec![0.0; n];
    let (mut energy, mut gradient, mut numbers) = potential(&u);
    let mut step = 0.5_f64;
    let (mut log_step_mean, mut error_mean) = (0.0_f64, 0.0_f64);
    let shrink_to = (10.0 * step).ln();
    let mut result = Chain {
        samples: Vec::with_capacity(options.n_samples),
        energy: Vec::with_capacity(options.n_samples),
        acceptance: 0.0,
        step_size: 0.0,
        divergences: 0,
    };
    for iteration in 0..options.n_warmup + options.n_samples {
        monitor.check()?;
        let warm = iteration < options.n_warmup;
        let mut momentum: Vec<f64> = (0..n).map(|_| StandardNormal.sample(&mut stream)).collect();
        let kinetic = |p: &[f64]| 0.5 * p.iter().map(|p| p * p).sum::<f64>();
        let before = energy + kinetic(&momentum);
        let most = options.leapfrog_steps;
        let n_steps = most - (uniform(&mut stream) * (most as f64 / 2.0)) as usize;
        let mut state = (u.clone(), energy, gradient.clone(), numbers.clone());
        for _ in 0..n_steps {
            for i in 0..n {
                momentum[i] -= 0.5 * step * state.2[i];
                state.0[i] += step * momentum[i];
            }
            (state.1, state.2, state.3) = potential(&state.0);
            if !state.1.is_finite() {
                break;
            }
            for i in 0..n {
                momentum[i] -= 0.5 * step * state.2[i];
            }
        }
        let difference = before - (state.1 + kinetic(&momentum));
        let probability = if difference.is_nan() { 0.0 } else { difference.min(0.0).exp() };
        if !warm && state.1.is_finite() && difference < -1000.0 {
            result.divergences += 1;
        }
        if uniform(&mut stream) < probability {
            (u, energy, gradient, numbers) = state;
        }
        if warm {
            let m = iteration as f64 + 1.0;
            error_mean += (options.acceptance - probability - error_mean) / (m + 10.0);
            let log_step = shrink_to - m.sqrt() / 0.05 * error_mean;
            let weight = m.powf(-0.75);
            log_step_mean = weight * log_step + (1.0 - weight) * log_step_mean;
            step =
                if iteration + 1 == options.n_warmup { log_step_mean.exp() } else { log_step.exp() }.clamp(1e-4, 2.0);
        } else {
            result.acceptance += probability / options.n_samples as f64;
            result.samples.push(numbers.clone());
            result.energy.push(energy);
        }
        task.advance(1);
    }
    result.step_size = step;
    Ok(result)
}

fn split_r_hat(chains: &[Chain], parameter: usize) -> f64 {
    let halves: Vec<Vec<f64>> = chains
        .iter()
        .flat_map(|chain| {
            let values: Vec<f64> = chain.samples.iter().map(|sample| sample[parameter]).collect();
            let half = values.len() / 2;
            [values[..half].to_vec(), values[half..2 * half].to_vec()]
        })
        .collect();
    let n = halves[0].len() as f64;
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
    let means: Vec<f64> = halves.iter().map(|half| mean(half)).collect();
    let grand = mean(&means);
    let between = n * means.iter().map(|m| (m - grand).powi(2)).sum::<f64>() / (means.len() - 1) as f64;
    let within = mean(
        &halves
            .iter()
            .zip(&means)
            .map(|(half, m)| half.iter().map(|value| (value - m).powi(2)).sum::<f64>() / (n - 1.0))
            .collect::<Vec<f64>>(),
    );
    (((n - 1.0) / n * within + between / n) / within).sqrt()
}
