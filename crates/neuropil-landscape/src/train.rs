//! Training to machine precision: gradient flow, then a polish; one start or many.

use ndarray::{Array1, ArrayView1};
use neuropil_core::progress::Monitor;
use neuropil_core::random::Seed;
use neuropil_core::threads;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::flow::{FlowEnd, FlowParameters, Record, Trajectory, gradient_flow};
use crate::loss::Objective;
use crate::network::{Initialisation, Mlp};
use crate::polish::{PolishParameters, Status, polish};
use crate::smooth::Landscape;

/// Flow and polish.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct TrainParameters {
    /// The gradient flow.
    pub flow: FlowParameters,
    /// The polish that follows.
    pub polish: PolishParameters,
}

impl TrainParameters {
    /// The same without a record of the way: for many starts.
    #[must_use]
    pub fn without_trajectory(mut self) -> Self {
        self.flow.record = Record::End;
        self
    }
}

/// A trained network.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Trained {
    /// The parameters.
    pub theta: Array1<f64>,
    /// The loss.
    pub loss: f64,
    /// Largest absolute component of the gradient.
    pub gradient_norm: f64,
    /// The gradient flow, without the polish; empty if it was not recorded.
    pub trajectory: Trajectory,
    /// Time, loss and largest gradient component where the flow ended.
    pub flow_end: (f64, f64, f64),
    /// Steps of the flow and iterations of the polish.
    pub n_steps: (usize, usize),
    /// How it ended; training that did not converge is a result like any other.
    pub status: Status,
}

impl Trained {
    /// Whether a critical point was reached.
    #[must_use]
    pub fn converged(&self) -> bool {
        self.status.converged()
    }
}

/// Trains from one start.
///
/// # Errors
/// [`Error::Shape`], [`Error::NotFinite`], [`Error::Check`], [`Error::TooLarge`], [`Error::Cancelled`].
pub fn train<L: Landscape + ?Sized>(
    landscape: &L,
    start: ArrayView1<f64>,
    parameters: &TrainParameters,
    monitor: &Monitor,
) -> Result<Trained> {
    let flow = gradient_flow(landscape, start, &parameters.flow, monitor)?;
    let flow_end = (flow.time, flow.loss, flow.gradient_norm);
    if flow.end == FlowEnd::Diverged {
        return Ok(Trained {
            theta: flow.theta,
            loss: flow.loss,
            gradient_norm: flow.gradient_norm,
            trajectory: flow.trajectory,
            flow_end,
            n_steps: (flow.n_steps, 0),
            status: Status::Diverged,
        });
    }
    let mut polished = polish(landscape, flow.theta.view(), &parameters.polish, monitor)?;
    if polished.status == Status::Unpolished {
        // Without a polish it is the flow that ended.
        polished.status = match flow.end {
            FlowEnd::Gradient => Status::Critical,
            FlowEnd::StepTooSmall => Status::Stalled,
            FlowEnd::Time | FlowEnd::Steps => Status::Exhausted,
            FlowEnd::Diverged => Status::Diverged,
        };
    }
    Ok(Trained {
        theta: polished.theta,
        loss: polished.loss,
        gradient_norm: polished.gradient_norm,
        trajectory: flow.trajectory,
        flow_end,
        n_steps: (flow.n_steps, polished.n_iterations),
        status: polished.status,
    })
}

/// Random starts: start `i` is drawn from `seed.child("start").index(i)`, whatever the number of starts. The one rule of
/// this room, for every face of it.
#[must_use]
pub fn random_starts(network: &Mlp, n_starts: usize, initialisation: Initialisation, seed: Seed) -> Vec<Array1<f64>> {
    let start = |i: usize| network.initialise(initialisation, seed.child("start").index(i as u64)).into_theta();
    (0..n_starts).map(start).collect()
}

/// Trains from `n_starts` [random starts](random_starts): the same bits for every number of threads, and
/// start `i` is the same whatever the number of starts.
///
/// # Errors
/// As [`train`].
pub fn train_many(
    objective: &Objective,
    n_starts: usize,
    initialisation: Initialisation,
    seed: Seed,
    parameters: &TrainParameters,
    monitor: &Monitor,
) -> Result<Vec<Trained>> {
    let starts = random_starts(objective.network(), n_starts, initialisation, seed);
    train_from(objective, &starts, parameters, monitor)
}

/// Trains from many given starts, in parallel.
///
/// # Errors
/// As [`train`].
pub fn train_from<L: Landscape + ?Sized>(
    landscape: &L,
    starts: &[Array1<f64>],
    parameters: &TrainParameters,
    monitor: &Monitor,
) -> Result<Vec<Trained>> {
    let task = monitor.task("training", starts.len() as u64);
    let quiet = monitor.quiet();
    threads::install(|| {
        starts
            .par_iter()
            .map(|start| {
                let trained = train(landscape, start.view(), parameters, &quiet)?;
                task.advance(1);
                Ok(trained)
            })
            .collect::<std::result::Result<Vec<_>, Error>>()
    })
}
