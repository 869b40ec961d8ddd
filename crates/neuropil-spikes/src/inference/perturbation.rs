//! What would happen if a population were stimulated: free simulations of the fitted circuit, with intervals.
//!
//! The prediction is the mean response over as many trials as the experiment will have. Its interval holds both what
//! the finite size of the populations leaves to chance and what the fit leaves open about the parameters: every
//! simulated experiment draws its own parameters from their Gaussian approximation.

use ndarray::Array2;
use neuropil_core::progress::Monitor;
use neuropil_core::random::Seed;
use neuropil_core::statistics::quantiles;
use neuropil_core::threads;
use rand_distr::{Distribution, StandardNormal};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::circuit::FreeParameters;
use super::curvature::ParameterGaussian;
use crate::error::{Error, Result};
use crate::meso::{MesoOptions, Noise, Scheme, simulate_meso_with};
use crate::network::Network;
use crate::start::Start;

/// Settings of the prediction.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct PerturbationOptions {
    /// Trials over which the experiment will average.
    pub n_trials: usize,
    /// Simulated experiments behind the interval.
    pub n_experiments: usize,
    /// Probability inside the interval.
    pub coverage: f64,
    /// Time that the circuit runs before the stimulation begins, s.
    pub warm_up: f64,
    /// Activity (Hz) at the begin of the warm-up; `None` for the populations firing at 10 Hz.
    pub start: Option<Vec<f64>>,
    /// Seed.
    pub seed: u64,
}

impl Default for PerturbationOptions {
    fn default() -> Self {
        Self { n_trials: 20, n_experiments: 60, coverage: 0.9, warm_up: 1.0, start: None, seed: 0 }
    }
}

/// A predicted response, time by population, in Hz.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PerturbationPrediction {
    /// Median of the mean responses of the simulated experiments: parameters far from the fit can make circuits that run
    /// away, and would carry a mean with them.
    pub mean: Array2<f64>,
    /// Lower end of the interval of the mean over the trials of one experiment.
    pub lower: Array2<f64>,
    /// Upper end.
    pub upper: Array2<f64>,
    /// Time step, s.
    pub dt: f64,
}

/// Predicts the mean response to a drive (time by population, units of the template's potential per second, at the time
/// step of the fit).
///
/// # Errors
/// A drive of the wrong shape; settings without trials; [`Error::Cancelled`].
pub fn predict_perturbation(
    template: &Network,
    free: &FreeParameters,
    parameters: &ParameterGaussian,
    drive: &Array2<f64>,
    dt: f64,
    options: &PerturbationOptions,
    monitor: &Monitor,
) -> Result<PerturbationPrediction> {
    neuropil_core::check::at_least("n_trials", options.n_trials, 1)?;
    neuropil_core::check::at_least("n_experiments", options.n_experiments, 2)?;
    neuropil_core::check::open_probability("coverage", options.coverage)?;
    neuropil_core::check::non_negative("warm_up", options.warm_up)?;
    if drive.ncols() != template.n_populations() || drive.nrows() == 0 {
        return Err(Error::shape(
            "drive (time step, population)",
            format!("steps x {}", template.n_populations()),
            format!("{} x {}", drive.nrows(), drive.ncols()),
        ));
    }
    let task = monitor.task("experiments", options.n_experiments as u64);
    let experiments: Result<Vec<Array2<f64>>> = threads::install(|| {
        (0..options.n_experiments)
            .into_par_iter()
            .map(|e| {
                let seed = Seed::new(options.seed).child("perturbation").index(e as u64);
                let mut stream = seed.stream();
                let normals: Vec<f64> = (0..free.len()).map(|_| StandardNormal.sample(&mut stream)).collect();
                let numbers = parameters.point(&normals, &free.lower, &free.upper);
                let network = free.circuit(&numbers).to_network(template);
                let response = mean_response(&network, drive, dt, options, seed, monitor)?;
                task.advance(1);
                Ok(response)
            })
            .collect()
    });
    let experiments = experiments?;
    let tail = (1.0 - options.coverage) / 2.0;
    let mut prediction = PerturbationPrediction {
        mean: Array2::zeros(drive.dim()),
        lower: Array2::zeros(drive.dim()),
        upper: Array2::zeros(drive.dim()),
        dt,
    };
    for at in ndarray::indices(drive.dim()) {
        let values: Vec<f64> = experiments.iter().map(|response| response[at]).collect();
        let ends = quantiles(&values, &[tail, 0.5, 1.0 - tail]).unwrap_or_default();
        prediction.mean[at] = ends.get(1).copied().unwrap_or(f64::NAN);
        prediction.lower[at] = ends.first().copied().unwrap_or(f64::NAN);
        prediction.upper[at] = ends.get(2).copied().unwrap_or(f64::NAN);
    }
    Ok(prediction)
}

/// Mean activity (Hz) over the trials of one simulated experiment.
fn mean_response(
    network: &Network,
    drive: &Array2<f64>,
    dt: f64,
    options: &PerturbationOptions,
    seed: Seed,
    monitor: &Monitor,
) -> Result<Array2<f64>> {
    let n_populations = network.n_populations();
    let warm_up = (options.warm_up / dt).round() as usize;
    let n_steps = warm_up + drive.nrows();
    let mut padded = Array2::zeros((n_steps, n_populations));
    padded.slice_mut(ndarray::s![warm_up.., ..]).assign(drive);
    let mut sum = Array2::zeros(drive.dim());
    for trial in 0..options.n_trials {
        let simulation = MesoOptions {
            dt,
            duration: n_steps as f64 * dt,
            seed: rand::Rng::next_u64(&mut seed.child("trial").index(trial as u64).stream()),
            scheme: Scheme::Survival,
            noise: Noise::Binomial,
            start: Start::Activity(options.start.clone().unwrap_or_else(|| vec![10.0; n_populations])),
            drive: Some(padded.clone()),
            ..MesoOptions::default()
        };
        let result = simulate_meso_with(network, &simulation, &monitor.quiet())?;
        sum += &result.activity.slice(ndarray::s![warm_up.., ..]);
    }
    Ok(sum / options.n_trials as f64)
}
