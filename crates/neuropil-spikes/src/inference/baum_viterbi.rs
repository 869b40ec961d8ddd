//! The fit: parameters and hidden activity in turn (Baum-Viterbi, or hard expectation maximisation), from several
//! random starts.
//!
//! The activity starts as the smoothed mean of the recorded trains. Each round minimises the negative log-likelihood
//! over the parameters (projected L-BFGS with the exact gradient) and then updates the activity (see [`EStep`]). Rounds
//! end when neither step gains anything. Of the restarts the one with the smallest loss is kept.

use std::path::Path;
use std::sync::Mutex;

use ndarray::Array2;
use neuropil_core::progress::Monitor;
use neuropil_core::random::{Seed, uniform};
use neuropil_core::threads;
use rand_distr::{Distribution, StandardNormal};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::checkpoint;
use super::circuit::{Circuit, CouplingRule, FreeParameters};
use super::e_step::{self, AdamState, EStep};
use super::likelihood::{JointLikelihood, LikelihoodOptions, NegativeLogLikelihood, Workspace};
use super::minimiser::{MinimiserOptions, minimise};
use super::recording::Recording;
use crate::error::{Error, Result};
use crate::network::Network;

/// Settings of the fit. `Default` is the published program, except that the age grid is the reduced one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct FitOptions {
    /// The age grid; `None` for the reduced grid of ten membrane time constants of the slowest circuit in the bounds.
    pub likelihood: Option<LikelihoodOptions>,
    /// Which couplings are free.
    pub coupling: CouplingRule,
    /// Bounds of the parameters, as multiples of the template.
    pub bounds: (f64, f64),
    /// Range from which the restarts start, as multiples of the template.
    pub start: (f64, f64),
    /// Number of random starts.
    pub n_restarts: usize,
    /// Largest number of rounds.
    pub max_rounds: usize,
    /// Largest number of iterations of the parameters per round.
    pub m_step_iterations: usize,
    /// How the activity is updated.
    pub e_step: EStep,
    /// Standard deviation of the smoothing that the activity starts from, s.
    pub smoothing: f64,
    /// Seed of the restarts.
    pub seed: u64,
}

impl Default for FitOptions {
    fn default() -> Self {
        Self {
            likelihood: None,
            coupling: CouplingRule::PerRow,
            bounds: (0.4, 2.0),
            start: (0.4, 2.0),
            n_restarts: 5,
            max_rounds: 20,
            m_step_iterations: 200,
            e_step: EStep::adam(),
            smoothing: 0.4,
            seed: 0,
        }
    }
}

impl FitOptions {
    /// Refuses settings that cannot work.
    ///
    /// # Errors
    /// No restart, no round, a negative smoothing, or a start outside the bounds.
    pub fn validate(&self) -> Result<()> {
        neuropil_core::check::at_least("n_restarts", self.n_restarts, 1)?;
        neuropil_core::check::at_least("max_rounds", self.max_rounds, 1)?;
        neuropil_core::check::non_negative("smoothing", self.smoothing)?;
        if !(self.start.0 >= self.bounds.0 && self.start.1 <= self.bounds.1 && self.start.0 <= self.start.1) {
            return Err(Error::parameter(
                "start",
                format!("{} to {}", self.start.0, self.start.1),
                format!("within the bounds, {} to {}", self.bounds.0, self.bounds.1),
            ));
        }
        Ok(())
    }

    fn likelihood_options(&self, circuit: &Circuit) -> LikelihoodOptions {
        self.likelihood.unwrap_or_else(|| LikelihoodOptions::reduced(circuit, 8.0))
    }
}

/// One round of a restart.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Round {
    /// Loss after the parameters were updated, nats per step and population.
    pub m_loss: f64,
    /// Iterations of the parameters.
    pub m_iterations: usize,
    /// Negative log-likelihood after the activity was updated, nats.
    pub value: NegativeLogLikelihood,
    /// Iterations of the activity.
    pub e_iterations: usize,
    /// The parameters, divided by their scales.
    pub numbers: Vec<f64>,
}

/// Where a restart stands; the unit of a checkpoint.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Restart {
    /// The parameters, divided by their scales.
    pub numbers: Vec<f64>,
    /// The hidden activity (fraction of neurons per bin), time by population, per trial.
    pub activity: Vec<Array2<f64>>,
    /// Loss in nats per step and population; `None` before the first round.
    pub loss: Option<f64>,
    /// What happened so far.
    pub rounds: Vec<Round>,
    /// Whether it came to an end by itself (not by `max_rounds`).
    pub converged: bool,
    /// Whether there is nothing left to do.
    pub finished: bool,
    adam: AdamState,
}

/// A fitted circuit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Fit {
    /// The circuit in reduced units, effective at the time step of the fit.
    pub circuit: Circuit,
    /// The same in the units of the template.
    pub network: Network,
    /// The hidden activity, fraction of neurons per bin, time by population, per trial.
    pub activity: Vec<Array2<f64>>,
    /// What the activity started from: the smoothed mean of the recorded trains.
    pub smoothed: Vec<Array2<f64>>,
    /// Negative log-likelihood of the published model at the fit, nats.
    pub value: NegativeLogLikelihood,
    /// Loss of the kept restart, nats per step and population.
    pub loss: f64,
    /// All restarts, in order.
    pub restarts: Vec<Restart>,
    /// The restart that was kept.
    pub best: usize,
    /// The free parameters.
    pub free: FreeParameters,
    /// The age grid that was used.
    pub likelihood: LikelihoodOptions,
    /// What the user should know.
    pub warnings: Vec<String>,
}

impl Fit {
    /// Whether the kept restart ended by itself.
    #[must_use]
    pub fn converged(&self) -> bool {
        self.restarts[self.best].converged
    }

    /// Hidden activity of a trial in Hz.
    #[must_use]
    pub fn activity_hz(&self, trial: usize) -> Array2<f64> {
        &self.activity[trial] / self.circuit.dt
    }
}

/// The fit of a recording with a template that says what is known: population sizes, refractory periods, synaptic time
/// constants, which couplings there are, and the order of magnitude of everything else.
#[derive(Debug, Clone)]
pub struct BaumViterbi {
    template: Network,
    options: FitOptions,
    free: FreeParameters,
    likelihood: JointLikelihood,
    smoothed: Vec<Array2<f64>>,
    warnings: Vec<String>,
}

impl BaumViterbi {
    /// Prepares a fit.
    ///
    /// # Errors
    /// Template, recording or options that are not valid; populations smaller than the number of recorded neurons.
    pub fn new(template: &Network, recording: &Recording, options: FitOptions) -> Result<Self> {
        options.validate()?;
        let circuit = Circuit::from_network(template, recording.dt)?;
        let mut warnings = template.check_step(recording.dt, crate::network::InputRule::Euler)?;
        warnings.extend(recording.validate(circuit.n_populations())?);
        for (m, &size) in circuit.n_neurons.iter().enumerate() {
            let recorded = recording.populations.iter().filter(|&&label| label == m).count();
            if recorded > size {
                return Err(Error::parameter(
                    format!("population {m}: n_neurons"),
                    size,
                    format!("at least the number of its recorded neurons, {recorded}"),
                ));
            }
            if size == 1 {
                warnings.push(format!(
                    "population {m} has one neuron: the Gaussian noise of the activity is a poor approximation"
                ));
            }
        }
        let free = FreeParameters::around(&circuit, options.coupling, options.bounds)?;
        if free.is_empty() {
            return Err(Error::parameter("free parameters", 0, "at least 1"));
        }
        let likelihood = JointLikelihood::new(&circuit, recording.clone(), options.likelihood_options(&circuit))?;
        if likelihood.impossible_spikes() > 0 {
            warnings.push(format!(
                "{} spikes follow another spike of the same neuron within the refractory period (t_ref); each costs \
                 18.4 nats whatever the parameters. Give a shorter t_ref",
                likelihood.impossible_spikes()
            ));
        }
        let mut smoothed = recording.smoothed_activity(options.smoothing / recording.dt, circuit.n_populations());
        e_step::clip(&mut smoothed);
        Ok(Self { template: template.clone(), options, free, likelihood, smoothed, warnings })
    }

    /// The likelihood that is maximised.
    #[must_use]
    pub fn likelihood(&self) -> &JointLikelihood {
        &self.likelihood
    }

    /// Runs all restarts.
    ///
    /// # Errors
    /// [`Error::Cancelled`].
    pub fn fit(&self, monitor: &Monitor) -> Result<Fit> {
        self.run(self.starts(), None, monitor)
    }

    /// As [`fit`](Self::fit), writing a checkpoint after every round and continuing from one that is there. A resumed
    /// fit ends with the same bits as one that was never stopped.
    ///
    /// # Errors
    /// [`Error::Cancelled`]; a checkpoint of another fit, or one that cannot be read or written.
    pub fn fit_with_checkpoint(&self, path: &Path, monitor: &Monitor) -> Result<Fit> {
        let key = checkpoint::key(&self.template, &self.options, self.likelihood.recording());
        let restarts = match checkpoint::read(path, key)? {
            Some(restarts) if restarts.len() == self.options.n_restarts => restarts,
            _ => self.starts(),
        };
        self.run(restarts, Some((path, key)), monitor)
    }

    fn starts(&self) -> Vec<Restart> {
        (0..self.options.n_restarts)
            .map(|r| {
                let mut stream = Seed::new(self.options.seed).child("restart").index(r as u64).stream();
                let (low, high) = self.options.start;
                let numbers = (0..self.free.len())
                    .map(|i| {
                        let u = uniform(&mut stream);
                        let (lower, upper) = (self.free.lower[i], self.free.upper[i]);
                        // Signed couplings start anywhere between their bounds, multiples of the template in the range.
                        let value = if lower < 0.0 { lower + u * (upper - lower) } else { low + u * (high - low) };
                        value.clamp(lower, upper)
                    })
                    .collect();
                Restart {
                    numbers,
                    activity: self.smoothed.clone(),
                    loss: None,
                    rounds: Vec::new(),
                    converged: false,
                    finished: false,
                    adam: AdamState::new(&self.smoothed),
                }
            })
            .collect()
    }

    fn run(&self, restarts: Vec<Restart>, checkpoint: Option<(&Path, u64)>, monitor: &Monitor) -> Result<Fit> {
        let task = monitor.task("rounds", (self.options.max_rounds * self.options.n_restarts) as u64);
        let board = Mutex::new(restarts.clone());
        let save = |r: usize, restart: &Restart| -> Result<()> {
            let mut all = board.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            all[r] = restart.clone();
            match checkpoint {
                Some((path, key)) => checkpoint::write(path, key, &all),
                None => Ok(()),
            }
        };
        let finished: Result<Vec<Restart>> = threads::install(|| {
            restarts
                .into_par_iter()
                .enumerate()
                .map(|(r, mut restart)| {
                    let mut workspace = Workspace::default();
                    while !restart.finished {
                        self.round(r, &mut restart, &mut workspace, monitor)?;
                        task.advance(1);
                        save(r, &restart)?;
                    }
                    Ok(restart)
                })
                .collect()
        });
        self.result(finished?)
    }

    /// One round of one restart.
    fn round(&self, index: usize, restart: &mut Restart, workspace: &mut Workspace, monitor: &Monitor) -> Result<()> {
        let first = restart.rounds.is_empty();
        let (m_loss, m_iterations) = match self.options.e_step {
            // The parameters move with the innovations; only the start needs a step of their own.
            EStep::Laplace { .. } if !first => (restart.loss.unwrap_or(f64::NAN), 0),
            EStep::Laplace { .. } => {
                let noisy = self.with_finite_size_noise(index);
                self.m_step(&mut restart.numbers, &noisy, workspace, monitor)?
            }
            EStep::Adam { .. } => {
                let Restart { numbers, activity, .. } = &mut *restart;
                self.m_step(numbers, activity, workspace, monitor)?
            }
        };
        let circuit = self.free.circuit(&restart.numbers);
        let outcome = match self.options.e_step {
            EStep::Adam { learning_rate, max_iterations, patience } => e_step::adam(
                &self.likelihood,
                &circuit,
                &mut restart.activity,
                &mut restart.adam,
                (learning_rate, max_iterations, patience),
                workspace,
                monitor,
            )?,
            EStep::Laplace { max_iterations } => e_step::laplace(
                &self.likelihood,
                &self.free,
                &mut restart.numbers,
                &mut restart.activity,
                max_iterations,
                workspace,
                monitor,
            )?,
        };
        let loss = match self.options.e_step {
            // The published program keeps the restart with the smallest loss after the parameters.
            EStep::Adam { .. } => m_loss,
            EStep::Laplace { .. } => {
                outcome.value.per_step_and_population(self.likelihood.recording().n_steps(), circuit.n_populations())
            }
        };
        restart.loss = Some(loss);
        restart.rounds.push(Round {
            m_loss,
            m_iterations,
            value: outcome.value,
            e_iterations: outcome.iterations,
            numbers: restart.numbers.clone(),
        });
        restart.converged = match self.options.e_step {
            EStep::Adam { .. } => m_iterations <= 1 || !outcome.improved || outcome.iterations <= 4,
            EStep::Laplace { max_iterations } => !outcome.improved || outcome.iterations < max_iterations,
        };
        restart.finished = restart.converged || restart.rounds.len() >= self.options.max_rounds;
        Ok(())
    }

    fn m_step(
        &self,
        numbers: &mut Vec<f64>,
        activity: &[Array2<f64>],
        workspace: &mut Workspace,
        monitor: &Monitor,
    ) -> Result<(f64, usize)> {
        let scale = 1.0 / (self.likelihood.recording().n_steps() * self.template.n_populations()) as f64;
        let options =
            MinimiserOptions { max_iterations: self.options.m_step_iterations, ..MinimiserOptions::default() };
        let bounds = (self.free.lower.as_slice(), self.free.upper.as_slice());
        let found = minimise(numbers.clone(), bounds, options, monitor, |numbers, gradient| {
            let circuit = self.free.circuit(numbers);
            let result = self.likelihood.gradient(&circuit, activity, workspace);
            for (g, value) in gradient.iter_mut().zip(self.free.gradient(&result.circuit)) {
                *g = value * scale;
            }
            result.value.total() * scale
        })?;
        *numbers = found.at;
        Ok((found.value, found.iterations))
    }

    /// The smoothed activity with the noise that populations of these sizes have. A smooth course is so improbable under
    /// the model that its best parameters are those with the least noise, not those with the right dynamics.
    fn with_finite_size_noise(&self, restart: usize) -> Vec<Array2<f64>> {
        let mut stream = Seed::new(self.options.seed).child("noise").index(restart as u64).stream();
        let mut noisy = self.smoothed.clone();
        for z in &mut noisy {
            for mut row in z.rows_mut() {
                for (value, population) in row.iter_mut().zip(&self.template.populations) {
                    let normal: f64 = StandardNormal.sample(&mut stream);
                    *value += (*value / population.n_neurons as f64).sqrt() * normal;
                }
            }
        }
        e_step::clip(&mut noisy);
        noisy
    }

    fn result(&self, restarts: Vec<Restart>) -> Result<Fit> {
        let loss = |restart: &Restart| restart.loss.filter(|loss| loss.is_finite()).unwrap_or(f64::MAX);
        let best = (0..restarts.len()).min_by(|&a, &b| loss(&restarts[a]).total_cmp(&loss(&restarts[b]))).unwrap_or(0);
        let kept = &restarts[best];
        if kept.loss.is_none_or(|loss| !loss.is_finite()) {
            return Err(Error::Numerical {
                what: "the fit".into(),
                problem: "no restart reached a finite loss; start closer to the template (option start) or check its \
                          units"
                    .into(),
            });
        }
        let circuit = self.free.circuit(&kept.numbers);
        let mut warnings = self.warnings.clone();
        if !kept.converged {
            warnings.push(format!(
                "the fit did not converge within {} rounds; the result is the last round",
                self.options.max_rounds
            ));
        }
        for (i, number) in kept.numbers.iter().enumerate() {
            let range = self.free.upper[i] - self.free.lower[i];
            if number - self.free.lower[i] < 1e-3 * range || self.free.upper[i] - number < 1e-3 * range {
                warnings.push(format!("{} ended at its bound; widen the bounds or fix it", self.free.name(i)));
            }
        }
        let value = self.likelihood.value(&circuit, &kept.activity, &mut Workspace::default());
        Ok(Fit {
            network: circuit.to_network(&self.template),
            circuit,
            activity: kept.activity.clone(),
            smoothed: self.smoothed.clone(),
            value,
            loss: kept.loss.unwrap_or(f64::NAN),
            best,
            free: self.free.clone(),
            likelihood: self.likelihood.options(),
            warnings,
            restarts,
        })
    }
}
