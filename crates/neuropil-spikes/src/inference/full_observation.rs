//! Fits when the activity of every population is known: maximum likelihood with standard errors (after René, Longtin
//! and Macke 2020, arXiv:1910.01618).

use ndarray::Array2;
use neuropil_core::progress::Monitor;
use neuropil_core::random::{Seed, uniform};
use neuropil_core::threads;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::circuit::{Circuit, CouplingRule, FreeParameters};
use super::curvature::{ParameterGaussian, precision_given_activity};
use super::forward::LatentModel;
use super::likelihood::{JointLikelihood, LikelihoodOptions, NegativeLogLikelihood, Workspace};
use super::minimiser::{MinimiserOptions, Minimum, Stopped, minimise};
use super::recording::{Recording, Trial};
use crate::error::{Error, Result};
use crate::network::Network;

/// Settings of the fit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct FullObservationOptions {
    /// The age grid; `None` for the reduced one.
    pub likelihood: Option<LikelihoodOptions>,
    /// Noise of the activity; binomial by default, because counts are known.
    pub latent: LatentModel,
    /// Which couplings are free.
    pub coupling: CouplingRule,
    /// Bounds, as multiples of the template.
    pub bounds: (f64, f64),
    /// Range of the starts, as multiples of the template.
    pub start: (f64, f64),
    /// Number of random starts.
    pub n_restarts: usize,
    /// Seed of the starts.
    pub seed: u64,
}

impl Default for FullObservationOptions {
    fn default() -> Self {
        Self {
            likelihood: None,
            latent: LatentModel::Binomial,
            coupling: CouplingRule::PerRow,
            bounds: (0.4, 2.0),
            start: (0.8, 1.2),
            n_restarts: 2,
            seed: 0,
        }
    }
}

/// The maximum-likelihood circuit of a known activity.
#[derive(Debug, Clone)]
pub struct FullObservationFit {
    /// The circuit in reduced units, effective at its time step.
    pub circuit: Circuit,
    /// In the units of the template.
    pub network: Network,
    /// Negative log-likelihood, nats.
    pub value: NegativeLogLikelihood,
    /// The free parameters and their values in scales.
    pub free: FreeParameters,
    /// Values of the free parameters, in scales.
    pub numbers: Vec<f64>,
    /// Gaussian approximation of their uncertainty.
    pub uncertainty: ParameterGaussian,
    /// Whether the optimiser converged.
    pub converged: bool,
    /// The likelihood, for samplers.
    pub likelihood: JointLikelihood,
    /// The activity (fraction per bin), per trial.
    pub activity: Vec<Array2<f64>>,
}

/// A recording without recorded neurons.
fn silent_recording(activity: &[Array2<f64>], drive: Option<&[Array2<f64>]>, dt: f64) -> Recording {
    let trials = activity
        .iter()
        .enumerate()
        .map(|(i, z)| {
            // What came before is not known; the activity of the first 50 ms is the best guess.
            let first = (0.05 / dt).ceil().min(z.nrows() as f64) as usize;
            let mean = z.slice(ndarray::s![..first, ..]).mean_axis(ndarray::Axis(0)).unwrap_or_default();
            Trial {
                spikes: Array2::zeros((z.nrows(), 0)),
                initial_age: Vec::new(),
                initial_activity: mean.iter().map(|z| z / dt).collect(),
                drive: drive.map(|drive| drive[i].clone()),
            }
        })
        .collect();
    Recording { trials, populations: Vec::new(), dt }
}

/// The search, in three parts: a few steps within the bounds; then steps in coordinates in which the likelihood is
/// round, because leak, resting potential, threshold and couplings trade against each other over three orders of
/// magnitude of curvature; then the bounds again.
fn maximum(
    likelihood: &JointLikelihood,
    free: &FreeParameters,
    activity: &[Array2<f64>],
    start: Vec<f64>,
    monitor: &Monitor,
) -> Result<Minimum> {
    let scale = 1.0 / (likelihood.recording().n_steps() * likelihood.n_populations()) as f64;
    let mut workspace = Workspace::default();
    let bounds = (free.lower.as_slice(), free.upper.as_slice());
    let mut objective = |numbers: &[f64], gradient: &mut [f64]| {
        let result = likelihood.gradient(&free.circuit(numbers), activity, &mut workspace);
        for (g, value) in gradient.iter_mut().zip(free.gradient(&result.circuit)) {
            *g = value * scale;
        }
        result.value.total() * scale
    };
    let options = |max_iterations| MinimiserOptions { max_iterations, relative_decrease: 1e-10, gradient: 1e-7 };
    let first = minimise(start, bounds, options(15), monitor, &mut objective)?;
    let precision = precision_given_activity(likelihood, free, &first.at, activity, monitor)?;
    let prior: Vec<f64> = free.upper.iter().zip(&free.lower).map(|(high, low)| high - low).collect();
    let round = ParameterGaussian::new(&first.at, &precision, &prior)?;
    let n = first.at.len();
    // A unit step changes the likelihood by about a nat, which is `scale` of the objective.
    let unit = 1.0 / scale.sqrt();
    let place = |u: &[f64]| -> Vec<f64> {
        (0..n).map(|i| first.at[i] + unit * round.root.row(i).iter().zip(u).map(|(a, b)| a * b).sum::<f64>()).collect()
    };
    let wide = (vec![-1e6; n], vec![1e6; n]);
    let mut direct = vec![0.0; n];
    let second = minimise(vec![0.0; n], (&wide.0, &wide.1), options(60), monitor, |u, gradient| {
        let numbers = place(u);
        if (0..n).any(|i| !(free.lower[i]..=free.upper[i]).contains(&numbers[i])) {
            return f64::INFINITY;
        }
        let value = objective(&numbers, &mut direct);
        for (k, g) in gradient.iter_mut().enumerate() {
            *g = unit * (0..n).map(|i| round.root[[i, k]] * direct[i]).sum::<f64>();
        }
        value
    })?;
    let last = minimise(place(&second.at), bounds, options(30), monitor, &mut objective)?;
    let stopped = if second.stopped == Stopped::Converged { Stopped::Converged } else { last.stopped };
    Ok(Minimum { stopped, ..last })
}

/// Maximises the likelihood of known activity (fraction of neurons per bin, time by population, per trial).
///
/// # Errors
/// A template or an activity that is not valid; a drive that does not fit; [`Error::Cancelled`].
pub fn fit_full_observation(
    template: &Network,
    activity: &[Array2<f64>],
    drive: Option<&[Array2<f64>]>,
    dt: f64,
    options: &FullObservationOptions,
    monitor: &Monitor,
) -> Result<FullObservationFit> {
    neuropil_core::check::at_least("n_restarts", options.n_restarts, 1)?;
    neuropil_core::check::non_empty("activity", activity)?;
    if let Some(drive) = drive {
        neuropil_core::check::same_length("drive", drive.len(), "activity", activity.len())?;
    }
    if options.latent == LatentModel::Innovations {
        return Err(Error::parameter("latent", "innovations", "gaussian or binomial: the activity is known"));
    }
    let circuit = Circuit::from_network(template, dt)?;
    let free = FreeParameters::around(&circuit, options.coupling, options.bounds)?;
    if free.is_empty() {
        return Err(Error::parameter("free parameters", 0, "at least 1"));
    }
    let grid = options.likelihood.unwrap_or_else(|| LikelihoodOptions::reduced(&circuit, 8.0));
    let grid = LikelihoodOptions { latent: options.latent, ..grid };
    let likelihood = JointLikelihood::new(&circuit, silent_recording(activity, drive, dt), grid)?;
    likelihood.check_latent(&circuit, activity)?;
    let found: Result<Vec<_>> = threads::install(|| {
        (0..options.n_restarts)
            .into_par_iter()
            .map(|r| {
                let mut stream = Seed::new(options.seed).child("full-observation").index(r as u64).stream();
                let (low, high) = options.start;
                let start = (0..free.len())
                    .map(|i| {
                        let u = uniform(&mut stream);
                        let signed = free.lower[i] < 0.0;
                        if signed { 0.2 * (u - 0.5) } else { low + u * (high - low) }
                    })
                    .collect();
                maximum(&likelihood, &free, activity, start, monitor)
            })
            .collect()
    });
    let best = found?.into_iter().min_by(|a, b| a.value.total_cmp(&b.value)).ok_or(Error::Cancelled)?;
    if !best.value.is_finite() {
        return Err(Error::Numerical {
            what: "the fit to known activity".into(),
            problem: "no start has a finite likelihood; check the units of the template".into(),
        });
    }
    let precision = precision_given_activity(&likelihood, &free, &best.at, activity, monitor)?;
    let prior: Vec<f64> = free.upper.iter().zip(&free.lower).map(|(high, low)| high - low).collect();
    let uncertainty = ParameterGaussian::new(&best.at, &precision, &prior)?;
    let fitted = free.circuit(&best.at);
    let value = likelihood.value(&fitted, activity, &mut Workspace::default());
    Ok(FullObservationFit {
        network: fitted.to_network(template),
        circuit: fitted,
        value,
        numbers: best.at,
        free,
        uncertainty,
        converged: best.stopped != Stopped::Iterations,
        likelihood,
        activity: activity.to_vec(),
    })
}
