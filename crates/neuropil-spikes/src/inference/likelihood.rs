//! The joint likelihood of recorded spikes and hidden activity, with its gradient (arXiv:2205.13493, equation 4).
//!
//! ```text
//! p(y, z | parameters) = prod_t p(y_t | y_<t, z_<t) p(z_t | z_<t)
//! ```
//!
//! The recorded neurons are driven by the activity of the populations and fire with the escape rate of the cohort that
//! their own last spike puts them in; the activity follows the finite-size recursion of the module [`forward`].
//!
//! [`forward`]: super::forward

use ndarray::Array2;
use serde::{Deserialize, Serialize};

use super::circuit::{Circuit, CircuitGradient};
use super::forward::{self, LatentModel, Sweep};
use super::recording::Recording;
use super::tape::{Grid, Keep, OldAges, Tape};
use super::{adjoint, authors};
use crate::error::{Error, Result};

/// How the likelihood is computed.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct LikelihoodOptions {
    /// Number of age bins (K).
    pub age_bins: usize,
    /// What becomes of neurons older than the grid.
    pub old_ages: OldAges,
    /// Noise of the latent activity.
    pub latent: LatentModel,
}

impl Default for LikelihoodOptions {
    /// 250 bins (1 s at 4 ms), after which neurons are dropped, and Gaussian noise, as published.
    fn default() -> Self {
        Self { age_bins: 250, old_ages: OldAges::Dropped, latent: LatentModel::Gaussian }
    }
}

impl LikelihoodOptions {
    /// The reduced age grid: `multiple` membrane time constants (the longest of the circuit) and a pool for all older
    /// neurons. With ten, the hazard of a neuron that enters the pool is off by less than `e^-10` of its input
    /// potential.
    #[must_use]
    pub fn reduced(circuit: &Circuit, multiple: f64) -> Self {
        let slowest = circuit.leak.iter().copied().fold(f64::INFINITY, f64::min);
        let refractory = circuit.refractory_steps.iter().copied().max().unwrap_or(0);
        let decay = 1.0 - slowest * circuit.dt;
        // Steps until the Euler recursion has forgotten as much as `multiple` time constants forget.
        let bins = (multiple / -decay.ln()).ceil() as usize;
        Self { age_bins: (bins + refractory).max(refractory + 1), old_ages: OldAges::Pooled, ..Self::default() }
    }
}

/// Negative log-likelihood in nats, in its two parts.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct NegativeLogLikelihood {
    /// Of the latent activity.
    pub latent: f64,
    /// Of the recorded spikes, given the activity.
    pub observed: f64,
}

impl NegativeLogLikelihood {
    /// Both parts.
    #[must_use]
    pub fn total(&self) -> f64 {
        self.latent + self.observed
    }

    /// The objective of the published program: the total per time step and population.
    #[must_use]
    pub fn per_step_and_population(&self, n_steps: usize, n_populations: usize) -> f64 {
        self.total() / (n_steps * n_populations) as f64
    }
}

/// A negative log-likelihood with its derivatives.
#[derive(Debug, Clone, PartialEq)]
pub struct LikelihoodGradient {
    /// The value.
    pub value: NegativeLogLikelihood,
    /// With respect to the parameters.
    pub circuit: CircuitGradient,
    /// With respect to the latent variables, one array (time by population) per trial.
    pub latent: Vec<Array2<f64>>,
    /// With respect to the drive, in the same shape.
    pub drive: Vec<Array2<f64>>,
}

/// Reusable memory of the sweeps.
#[derive(Debug, Clone, Default)]
pub struct Workspace {
    tapes: Vec<Tape>,
}

/// The joint likelihood of a recording.
#[derive(Debug, Clone)]
pub struct JointLikelihood {
    pub(super) recording: Recording,
    pub(super) options: LikelihoodOptions,
    grids: Vec<Grid>,
    refractory_steps: Vec<usize>,
    delay_steps: usize,
}

impl JointLikelihood {
    /// Prepares the likelihood of a recording under circuits with the refractory periods, delay and time step of
    /// `circuit`.
    ///
    /// # Errors
    /// A recording or circuit that is not valid, time steps that differ, or an age grid shorter than five membrane time
    /// constants.
    pub fn new(circuit: &Circuit, recording: Recording, options: LikelihoodOptions) -> Result<Self> {
        circuit.validate()?;
        recording.validate(circuit.n_populations())?;
        if (recording.dt / circuit.dt - 1.0).abs() > 1e-9 {
            return Err(Error::parameter(
                "dt of the recording",
                recording.dt,
                format!("the dt of the circuit, {} s (parameters hold at the dt of their fit)", circuit.dt),
            ));
        }
        let grid_seconds = options.age_bins as f64 * circuit.dt;
        for m in 0..circuit.n_populations() {
            if options.age_bins <= circuit.refractory_steps[m] + 1 {
                return Err(Error::parameter(
                    "age_bins",
                    options.age_bins,
                    format!("above the refractory period of population {m}, {} bins", circuit.refractory_steps[m]),
                ));
            }
        }
        let slowest = circuit.leak.iter().copied().fold(f64::INFINITY, f64::min);
        if options.old_ages == OldAges::Pooled && grid_seconds * slowest < 1.0 - 1e-9 {
            return Err(Error::parameter(
                "age_bins",
                options.age_bins,
                format!("at least one membrane time constant, {} bins", (1.0 / (slowest * circuit.dt)).ceil()),
            ));
        }
        if let Some(short) = recording.trials.iter().position(|trial| trial.n_steps() == 0) {
            return Err(Error::TooLittle {
                what: format!("the likelihood of trial {short}"),
                needed: "one time step".into(),
                got: "none".into(),
                advice: "leave the trial out".into(),
            });
        }
        let grids = recording
            .trials
            .iter()
            .map(|trial| Grid::new(circuit, &recording, trial, options.age_bins, options.old_ages))
            .collect();
        Ok(Self {
            recording,
            options,
            grids,
            refractory_steps: circuit.refractory_steps.clone(),
            delay_steps: circuit.delay_steps,
        })
    }

    /// The recording.
    #[must_use]
    pub fn recording(&self) -> &Recording {
        &self.recording
    }

    /// Number of populations (M).
    #[must_use]
    pub fn n_populations(&self) -> usize {
        self.refractory_steps.len()
    }

    /// The options.
    #[must_use]
    pub fn options(&self) -> LikelihoodOptions {
        self.options
    }

    /// The same recording and age grid with another meaning of the latent variables.
    #[must_use]
    pub fn with_latent(&self, latent: LatentModel) -> Self {
        Self { options: LikelihoodOptions { latent, ..self.options }, ..self.clone() }
    }

    /// Spikes of recorded neurons that the refractory period forbids; each costs a fixed 18.4 nats.
    #[must_use]
    pub fn impossible_spikes(&self) -> usize {
        self.grids.iter().map(|grid| grid.impossible_spikes).sum()
    }

    /// Refuses latent activity that cannot belong to the recording.
    ///
    /// # Errors
    /// Wrong shapes; values that are not finite; fractions outside `[0, 1]`.
    pub fn check_latent(&self, circuit: &Circuit, latent: &[Array2<f64>]) -> Result<()> {
        circuit.validate()?;
        if circuit.refractory_steps != self.refractory_steps || circuit.delay_steps != self.delay_steps {
            return Err(Error::parameter(
                "refractory periods and delay",
                format!("{:?} and {} steps", circuit.refractory_steps, circuit.delay_steps),
                format!("those of the likelihood, {:?} and {} steps", self.refractory_steps, self.delay_steps),
            ));
        }
        neuropil_core::check::same_length("activity", latent.len(), "the trials", self.grids.len())?;
        for (i, (array, grid)) in latent.iter().zip(&self.grids).enumerate() {
            if array.dim() != (grid.n_steps, circuit.n_populations()) {
                return Err(Error::shape(
                    format!("activity of trial {i} (time x population)"),
                    format!("{} x {}", grid.n_steps, circuit.n_populations()),
                    format!("{} x {}", array.nrows(), array.ncols()),
                ));
            }
            for ((t, m), &value) in array.indexed_iter() {
                let allowed = match self.options.latent {
                    LatentModel::Innovations => value.is_finite(),
                    _ => (0.0..=1.0).contains(&value),
                };
                if !allowed {
                    return Err(Error::parameter(
                        format!("activity[{t}, {m}] of trial {i}"),
                        value,
                        "in [0, 1]: give the fraction of neurons that fire in the bin, not Hz",
                    ));
                }
            }
        }
        Ok(())
    }

    fn sweep<'a>(&'a self, circuit: &'a Circuit, trial: usize, variables: &'a [f64], keep: Keep) -> Sweep<'a> {
        Sweep {
            circuit,
            recording: &self.recording,
            trial: &self.recording.trials[trial],
            grid: &self.grids[trial],
            latent: self.options.latent,
            variables,
            keep,
        }
    }

    /// The negative log-likelihood at latent variables (one array, time by population, per trial).
    ///
    /// # Panics
    /// If the arrays do not fit; [`check_latent`](Self::check_latent) refuses them with a sentence.
    pub fn value(&self, circuit: &Circuit, latent: &[Array2<f64>], workspace: &mut Workspace) -> NegativeLogLikelihood {
        workspace.tapes.resize_with(1, Tape::default);
        let mut value = NegativeLogLikelihood::default();
        for (i, variables) in latent.iter().enumerate() {
            let variables = variables.as_standard_layout();
            let variables = variables.as_slice().unwrap_or_default();
            let sweep = self.sweep(circuit, i, variables, Keep::Value);
            let parts = forward::run(&sweep, &mut workspace.tapes[0]);
            value.latent += parts.latent;
            value.observed += parts.observed;
        }
        value
    }

    /// The negative log-likelihood with all its derivatives.
    ///
    /// # Panics
    /// As [`value`](Self::value).
    pub fn gradient(&self, circuit: &Circuit, latent: &[Array2<f64>], workspace: &mut Workspace) -> LikelihoodGradient {
        workspace.tapes.resize_with(1, Tape::default);
        let n_populations = circuit.n_populations();
        let mut result = LikelihoodGradient {
            value: NegativeLogLikelihood::default(),
            circuit: CircuitGradient::zeros(n_populations),
            latent: Vec::with_capacity(latent.len()),
            drive: Vec::with_capacity(latent.len()),
        };
        for (i, variables) in latent.iter().enumerate() {
            let variables = variables.as_standard_layout();
            let variables = variables.as_slice().unwrap_or_default();
            let sweep = self.sweep(circuit, i, variables, Keep::All);
            let tape = &mut workspace.tapes[0];
            let parts = forward::run(&sweep, tape);
            result.value.latent += parts.latent;
            result.value.observed += parts.observed;
            adjoint::run(&sweep, tape, &mut result.circuit);
            let by_time = |flat: &[f64]| {
                Array2::from_shape_fn((sweep.grid.n_steps, n_populations), |(t, m)| flat[t * n_populations + m])
            };
            result.latent.push(by_time(match self.options.latent {
                LatentModel::Innovations => &tape.innovation_bar,
                _ => &tape.activity_bar,
            }));
            result.drive.push(by_time(&tape.input_bar));
        }
        result
    }

    /// What the recursion expects: the fraction that fires and its standard deviation, and the activity itself, each
    /// time by population, per trial.
    pub fn expectation(
        &self,
        circuit: &Circuit,
        latent: &[Array2<f64>],
        workspace: &mut Workspace,
    ) -> Vec<Expectation> {
        workspace.tapes.resize_with(1, Tape::default);
        latent
            .iter()
            .enumerate()
            .map(|(i, variables)| {
                let variables = variables.as_standard_layout();
                let variables = variables.as_slice().unwrap_or_default();
                let sweep = self.sweep(circuit, i, variables, Keep::Value);
                let tape = &mut workspace.tapes[0];
                forward::run(&sweep, tape);
                let shape = (sweep.grid.n_steps, circuit.n_populations());
                let probability = Array2::from_shape_fn(shape, |(t, m)| tape.populations[m].probability[t].abs());
                let deviation = Array2::from_shape_fn(shape, |(t, m)| {
                    forward::variance(probability[[t, m]], circuit.n_neurons[m] as f64, circuit.dt).sqrt()
                });
                let activity = Array2::from_shape_fn(shape, |(t, m)| tape.activity[t * shape.1 + m]);
                Expectation { probability, deviation, activity }
            })
            .collect()
    }

    /// The objective of the published program with its approximations; see [`authors`].
    ///
    /// # Errors
    /// See [`check_latent`](Self::check_latent).
    pub fn authors_mean(&self, circuit: &Circuit, latent: &[Array2<f64>]) -> Result<authors::AuthorsLoss> {
        self.check_latent(circuit, latent)?;
        Ok(authors::loss(circuit, &self.recording, latent, self.options.age_bins))
    }
}

/// What the recursion expects of one trial.
#[derive(Debug, Clone, PartialEq)]
pub struct Expectation {
    /// Expected fraction of neurons that fire (p), time by population.
    pub probability: Array2<f64>,
    /// Standard deviation of the finite-size noise.
    pub deviation: Array2<f64>,
    /// The activity (z).
    pub activity: Array2<f64>,
}
