//! The two ways to update the hidden activity at given parameters.

use ndarray::Array2;
use neuropil_core::progress::Monitor;
use serde::{Deserialize, Serialize};

use super::circuit::{Circuit, FreeParameters};
use super::forward::LatentModel;
use super::likelihood::{JointLikelihood, NegativeLogLikelihood, Workspace};
use super::minimiser::{MinimiserOptions, minimise};
use crate::error::Result;

/// How the hidden activity is updated.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum EStep {
    /// Adam on the activity, stopped early (the published program). The joint density of activity and parameters has
    /// no useful maximum, so that the early stopping is part of the method.
    Adam {
        /// Step size.
        learning_rate: f64,
        /// Largest number of steps per round.
        max_iterations: usize,
        /// Steps in succession that may fail to improve both parts of the likelihood.
        patience: usize,
    },
    /// Maximum of the density of the innovations, jointly with the parameters. The change of variables from activity to
    /// innovations has the determinant `prod sigma`, which is the Gauss-Newton log-determinant of the Gaussian
    /// approximation: the degeneracy of the joint density cancels, and the iteration may run to its end.
    Laplace {
        /// Largest number of iterations per round.
        max_iterations: usize,
    },
}

impl EStep {
    /// The published settings of Adam.
    #[must_use]
    pub fn adam() -> Self {
        Self::Adam { learning_rate: 1e-3, max_iterations: 200, patience: 3 }
    }

    /// The innovations, 150 iterations per round.
    #[must_use]
    pub fn laplace() -> Self {
        Self::Laplace { max_iterations: 150 }
    }
}

/// State of Adam, and the best activity so far; it lives as long as the fit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct AdamState {
    steps: u32,
    mean: Vec<Array2<f64>>,
    square: Vec<Array2<f64>>,
    best: NegativeLogLikelihood,
}

impl AdamState {
    pub fn new(activity: &[Array2<f64>]) -> Self {
        let zeros: Vec<_> = activity.iter().map(|z| Array2::zeros(z.dim())).collect();
        // JSON has no infinity; nothing is worse than this.
        let worst = NegativeLogLikelihood { latent: f64::MAX, observed: f64::MAX };
        Self { steps: 0, mean: zeros.clone(), square: zeros, best: worst }
    }
}

/// What an update of the activity did.
#[derive(Debug, Clone, Copy)]
pub(super) struct EStepOutcome {
    pub value: NegativeLogLikelihood,
    pub iterations: usize,
    /// Whether the activity changed for the better.
    pub improved: bool,
}

const LEAST_ACTIVITY: f64 = 1e-5;

pub(super) fn clip(activity: &mut [Array2<f64>]) {
    for z in activity {
        z.mapv_inplace(|z| z.clamp(LEAST_ACTIVITY, 1.0));
    }
}

/// Adam until `patience` successive steps improved not both parts.
pub(super) fn adam(
    likelihood: &JointLikelihood,
    circuit: &Circuit,
    activity: &mut [Array2<f64>],
    state: &mut AdamState,
    (learning_rate, max_iterations, patience): (f64, usize, usize),
    workspace: &mut Workspace,
    monitor: &Monitor,
) -> Result<EStepOutcome> {
    const B1: f64 = 0.9;
    const B2: f64 = 0.999;
    let scale = 1.0 / (likelihood.recording().n_steps() * circuit.n_populations()) as f64;
    let mut current = activity.to_vec();
    let (mut failures, mut iterations, mut improved) = (0, 0, false);
    while iterations < max_iterations && failures < patience {
        monitor.check()?;
        let result = likelihood.gradient(circuit, &current, workspace);
        iterations += 1;
        if result.value.latent < state.best.latent && result.value.observed < state.best.observed {
            state.best = result.value;
            activity.clone_from_slice(&current);
            failures = 0;
            improved = true;
        } else {
            failures += 1;
        }
        state.steps += 1;
        let unbias = (1.0 - B2.powi(state.steps as i32)).sqrt() / (1.0 - B1.powi(state.steps as i32));
        for (((z, gradient), mean), square) in
            current.iter_mut().zip(&result.latent).zip(&mut state.mean).zip(&mut state.square)
        {
            ndarray::Zip::from(z).and(gradient).and(mean).and(square).for_each(|z, &g, mean, square| {
                let g = g * scale;
                *mean = B1 * *mean + (1.0 - B1) * g;
                *square = B2 * *square + (1.0 - B2) * g * g;
                *z = (*z - learning_rate * unbias * *mean / (square.sqrt() + 1e-7)).clamp(LEAST_ACTIVITY, 1.0);
            });
        }
    }
    let value = likelihood.value(circuit, activity, workspace);
    Ok(EStepOutcome { value, iterations, improved })
}

/// The innovations that lead to an activity.
pub(super) fn innovations_of(
    likelihood: &JointLikelihood,
    circuit: &Circuit,
    activity: &[Array2<f64>],
    workspace: &mut Workspace,
) -> Vec<Array2<f64>> {
    likelihood
        .with_latent(LatentModel::Gaussian)
        .expectation(circuit, activity, workspace)
        .iter()
        .zip(activity)
        .map(|(expected, z)| (z - &expected.probability) / &expected.deviation)
        .collect()
}

/// Joint minimum over innovations and parameters; `numbers` and `activity` are replaced by it.
pub(super) fn laplace(
    likelihood: &JointLikelihood,
    free: &FreeParameters,
    numbers: &mut Vec<f64>,
    activity: &mut [Array2<f64>],
    max_iterations: usize,
    workspace: &mut Workspace,
    monitor: &Monitor,
) -> Result<EStepOutcome> {
    let whitened = likelihood.with_latent(LatentModel::Innovations);
    let circuit = free.circuit(numbers);
    let innovations = innovations_of(likelihood, &circuit, activity, workspace);
    let shapes: Vec<_> = innovations.iter().map(Array2::dim).collect();
    let n_parameters = free.len();
    // A parameter moves the likelihood as much as thousands of innovations do: its steps are counted in hundredths.
    const PARAMETER_UNIT: f64 = 0.01;
    let mut start: Vec<f64> = numbers.iter().map(|number| number / PARAMETER_UNIT).collect();
    start.extend(innovations.iter().flatten().map(|e| e.clamp(-6.0, 6.0)));
    let mut lower: Vec<f64> = free.lower.iter().map(|bound| bound / PARAMETER_UNIT).collect();
    let mut upper: Vec<f64> = free.upper.iter().map(|bound| bound / PARAMETER_UNIT).collect();
    lower.resize(start.len(), -8.0);
    upper.resize(start.len(), 8.0);
    let options = MinimiserOptions { max_iterations, relative_decrease: 1e-7, gradient: 1e-3 };
    let unpack = |x: &[f64]| {
        let numbers: Vec<f64> = x[..n_parameters].iter().map(|value| value * PARAMETER_UNIT).collect();
        (numbers, arrays(&x[n_parameters..], &shapes))
    };
    let mut before = None;
    let found = minimise(start, (&lower, &upper), options, monitor, |x, gradient| {
        let (numbers, innovations) = unpack(x);
        let circuit = free.circuit(&numbers);
        let result = whitened.gradient(&circuit, &innovations, workspace);
        for (g, value) in gradient.iter_mut().zip(free.gradient(&result.circuit)) {
            *g = value * PARAMETER_UNIT;
        }
        for (g, value) in gradient[n_parameters..].iter_mut().zip(result.latent.iter().flatten()) {
            *g = *value;
        }
        let total = result.value.total();
        before.get_or_insert(total);
        total
    })?;
    let (best, innovations) = unpack(&found.at);
    let circuit = free.circuit(&best);
    let expectation = whitened.expectation(&circuit, &innovations, workspace);
    for (z, expected) in activity.iter_mut().zip(expectation) {
        z.assign(&expected.activity);
    }
    *numbers = best;
    let value = whitened.value(&circuit, &innovations, workspace);
    let improved = before.is_some_and(|before| found.value < before - 1e-6 * (before.abs() + 1.0));
    Ok(EStepOutcome { value, iterations: found.iterations, improved })
}

/// A flat vector as arrays.
pub(super) fn arrays(flat: &[f64], shapes: &[(usize, usize)]) -> Vec<Array2<f64>> {
    let mut rest = flat;
    shapes
        .iter()
        .map(|&(rows, columns)| {
            let (head, tail) = rest.split_at(rows * columns);
            rest = tail;
            Array2::from_shape_fn((rows, columns), |(i, j)| head[i * columns + j])
        })
        .collect()
}
