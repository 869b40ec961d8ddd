//! Many networks of one shape on the same data, evaluated together.
//!
//! The neurons of the first hidden layer of all networks are stacked into one matrix, so that `X W^T` of every network
//! is one product and every activation runs over one long row; so is the gradient of all incoming weights. What a
//! network computes does not depend on how many others are in the stack.

use ndarray::{Array1, Array2, ArrayView2};
use neuropil_core::progress::Monitor;
use neuropil_core::{check, threads};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::activation;
use crate::buffer::Buffer;
use crate::error::{Error, Result};
use crate::forward::chunk_of_rows;
use crate::loss::{Evaluator, Loss, Objective};
use crate::product::{self, Part, Rows, RowsMut};

impl Objective {
    /// Losses (networks) and gradients (networks x parameters) of many parameter vectors, the rows of `thetas`.
    ///
    /// # Errors
    /// [`Error::Shape`], [`Error::NotFinite`].
    pub fn gradients(&self, thetas: ArrayView2<f64>) -> Result<(Array1<f64>, Array2<f64>)> {
        if thetas.ncols() != self.n_parameters() {
            let expected = format!("{} columns, one for each parameter", self.n_parameters());
            return Err(Error::shape("thetas", expected, thetas.ncols().to_string()));
        }
        Error::first_not_finite("thetas", thetas.indexed_iter().map(|((i, j), &value)| (vec![i, j], value)))?;
        let stack: Vec<f64> = thetas.iter().copied().collect();
        let mut losses = vec![0.0; thetas.nrows()];
        let mut gradients = vec![0.0; stack.len()];
        Ensemble::new(self, thetas.nrows()).gradients(&stack, &mut losses, &mut gradients);
        let gradients = Array2::from_shape_vec(thetas.dim(), gradients)
            .map_err(|error| Error::shape("gradients", format!("{:?}", thetas.dim()), error.to_string()))?;
        Ok((losses.into(), gradients))
    }
}

/// The memory to evaluate a stack of networks.
pub(crate) struct Ensemble<'a> {
    evaluator: Evaluator<'a>,
    n_networks: usize,
    incoming: Vec<f64>,
    biases: Vec<f64>,
    z: Buffer,
    hidden: Buffer,
    slopes: Buffer,
    outputs: Buffer,
    deltas: Buffer,
    sums: Vec<f64>,
}

impl<'a> Ensemble<'a> {
    pub fn new(objective: &'a Objective, n_networks: usize) -> Self {
        let empty = Vec::new;
        Self {
            evaluator: objective.evaluator(),
            n_networks,
            incoming: empty(),
            biases: empty(),
            z: Buffer::default(),
            hidden: Buffer::default(),
            slopes: Buffer::default(),
            outputs: Buffer::default(),
            deltas: Buffer::default(),
            sums: empty(),
        }
    }

    /// Overwrites losses and gradients of a stack of parameter vectors.
    pub fn gradients(&mut self, thetas: &[f64], losses: &mut [f64], gradients: &mut [f64]) {
        let objective = self.evaluator.objective;
        let n_parameters = objective.n_parameters();
        if !is_stacked(objective) {
            let rows = thetas.chunks_exact(n_parameters).zip(gradients.chunks_exact_mut(n_parameters));
            for ((theta, gradient), loss) in rows.zip(losses) {
                *loss = self.evaluator.gradient(theta, gradient);
            }
            return;
        }
        self.two_layers(thetas, losses, gradients);
    }

    fn two_layers(&mut self, thetas: &[f64], losses: &mut [f64], gradients: &mut [f64]) {
        let objective = self.evaluator.objective;
        let plan = &objective.plan;
        let (p, m, c, count) = (plan.n_parameters, plan.widths[1], plan.n_outputs(), self.n_networks);
        let (fan_in, fan_out) = (plan.fan_in(0), plan.fan_in(1));
        self.incoming.clear();
        self.biases.clear();
        for theta in thetas.chunks_exact(p) {
            self.incoming.extend_from_slice(&theta[plan.weights[0].clone()]);
            self.biases.extend_from_slice(&theta[plan.biases[0].clone()]);
        }
        // Not by the size of this stack: the sums of a network must not depend on its neighbours.
        let capacity = chunk_of_rows(4 * STACK * m + 2 * c).min(objective.padded());
        // One row of ones follows the neurons of each network.
        let resize = |v: &mut Buffer, rows: usize| v.resize(rows * capacity);
        resize(&mut self.z, count * m);
        resize(&mut self.hidden, m + 1);
        resize(&mut self.slopes, count * m);
        resize(&mut self.outputs, c);
        resize(&mut self.deltas, c);
        self.sums.clear();
        self.sums.resize(count * m * fan_in, 0.0);
        losses.fill(0.0);
        gradients.fill(0.0);
        let factor = objective.loss().slope();
        for start in (0..objective.padded()).step_by(capacity) {
            let chunk = start..(start + capacity).min(objective.padded());
            let n = chunk.len();
            let inputs = objective.inputs(&chunk);
            let (targets, weight) = (objective.targets(&chunk), objective.sample_weights(&chunk));
            let z = RowsMut::new(&mut self.z, n, count * m, n);
            product::affine(z, &self.incoming, &self.biases, inputs.first(plan.widths[0]));
            for (s, theta) in thetas.chunks_exact(p).enumerate() {
                let block = s * m * n..(s + 1) * m * n;
                for (activation, neurons) in plan.groups(0) {
                    let inner = neurons.start * n..neurons.end * n;
                    let at = block.start + inner.start..block.start + inner.end;
                    let f = &mut self.hidden[inner];
                    activation::slopes(activation, &self.z[at.clone()], f, &mut self.slopes[at]);
                }
                self.hidden[m * n..(m + 1) * n].fill(1.0);
                let outgoing = &theta[plan.weights[1].clone()];
                let hidden = Rows::new(&self.hidden, n, m, n);
                let outputs = RowsMut::new(&mut self.outputs, n, c, n);
                product::affine(outputs, outgoing, &theta[plan.biases[1].clone()], hidden);
                for k in 0..c {
                    let (f, y) = (&self.outputs[k * n..(k + 1) * n], targets.row(k));
                    let delta = &mut self.deltas[k * n..(k + 1) * n];
                    losses[s] += 0.5 * factor * crate::loss::square(f, y, weight, factor, delta);
                }
                let deltas = Rows::new(&self.deltas, n, c, n);
                let gradient = &mut gradients[s * p..(s + 1) * p];
                let below = Rows::new(&self.hidden, n, fan_out, n);
                if fan_out == m {
                    product::add_products(deltas, below, Part::All, &mut gradient[plan.weights[1].clone()], m);
                } else {
                    let mut sums = vec![0.0; c * fan_out];
                    product::add_products(deltas, below, Part::All, &mut sums, fan_out);
                    plan.scatter(1, &sums, gradient);
                }
                // The deltas of the hidden layer take the place of its arguments.
                product::transposed(RowsMut::new(&mut self.z[block.clone()], n, m, n), outgoing, deltas);
                product::scale_by(&mut self.z[block.clone()], &self.slopes[block]);
            }
            let deltas = Rows::new(&self.z, n, count * m, n);
            product::add_products(deltas, inputs.first(fan_in), Part::All, &mut self.sums, fan_in);
        }
        let decay = objective.weight_decay();
        for (s, theta) in thetas.chunks_exact(p).enumerate() {
            let gradient = &mut gradients[s * p..(s + 1) * p];
            plan.scatter(0, &self.sums[s * m * fan_in..(s + 1) * m * fan_in], gradient);
            if decay > 0.0 {
                losses[s] += 0.5 * decay * theta.iter().map(|t| t * t).sum::<f64>();
                gradient.iter_mut().zip(theta).for_each(|(g, t)| *g += decay * t);
            }
        }
    }
}

/// Adam (Kingma and Ba 2015) with all samples in every step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct AdamParameters {
    /// Step size.
    pub learning_rate: f64,
    /// Decay of the mean of gradients.
    pub beta1: f64,
    /// Decay of the mean of squared gradients.
    pub beta2: f64,
    /// Added to the root of the mean squared gradient.
    pub epsilon: f64,
    /// Number of steps.
    pub n_steps: usize,
}

impl Default for AdamParameters {
    fn default() -> Self {
        Self { learning_rate: 1e-3, beta1: 0.9, beta2: 0.999, epsilon: 1e-8, n_steps: 500 }
    }
}

impl AdamParameters {
    /// Refuses values that make no sense.
    ///
    /// # Errors
    /// [`Error::Check`].
    pub fn validate(&self) -> Result<()> {
        check::positive("learning_rate", self.learning_rate)?;
        check::within("beta1", self.beta1, 0.0..1.0)?;
        check::within("beta2", self.beta2, 0.0..1.0)?;
        check::positive("epsilon", self.epsilon)?;
        Ok(())
    }
}

/// The course of one network under Adam. Values are those before each step.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct AdamCourse {
    /// Parameters after the last step.
    pub theta: Array1<f64>,
    /// Loss.
    pub losses: Vec<f64>,
    /// Squared Euclidean norm of the gradient.
    pub squared_gradient_norms: Vec<f64>,
    /// Euclidean norm of the step.
    pub step_norms: Vec<f64>,
}

/// Networks that one thread trains together.
const STACK: usize = 8;

/// Whether networks are evaluated together; others take turns, so that a thread should have one of them.
fn is_stacked(objective: &Objective) -> bool {
    objective.plan.n_layers() == 2 && objective.loss() != Loss::CrossEntropy
}

/// Trains many networks with Adam, in stacks. A start gives the same bits whatever the others and the threads.
///
/// # Errors
/// [`Error::Check`], [`Error::Shape`], [`Error::NotFinite`], [`Error::Cancelled`].
pub fn adam(
    objective: &Objective,
    starts: &[Array1<f64>],
    parameters: &AdamParameters,
    monitor: &Monitor,
) -> Result<Vec<AdamCourse>> {
    parameters.validate()?;
    starts.iter().try_for_each(|start| objective.network().check_parameters(start.view()))?;
    let stack = if is_stacked(objective) { STACK } else { 1 };
    let n_stacks = starts.len().div_ceil(stack) as u64;
    let task = monitor.task("Adam", n_stacks * parameters.n_steps as u64);
    let courses = threads::install(|| {
        starts
            .par_chunks(stack)
            .map(|stack| {
                let advance = || {
                    task.advance(1);
                    monitor.check()
                };
                train_stack(objective, stack, parameters, &advance)
            })
            .collect::<std::result::Result<Vec<_>, Error>>()
    })?;
    Ok(courses.into_iter().flatten().collect())
}

fn train_stack(
    objective: &Objective,
    starts: &[Array1<f64>],
    parameters: &AdamParameters,
    advance: &dyn Fn() -> std::result::Result<(), neuropil_core::progress::Cancelled>,
) -> Result<Vec<AdamCourse>> {
    let (p, count) = (objective.n_parameters(), starts.len());
    let mut ensemble = Ensemble::new(objective, count);
    let mut theta: Vec<f64> = starts.iter().flatten().copied().collect();
    let (mut losses, mut gradient) = (vec![0.0; count], vec![0.0; p * count]);
    let (mut mean, mut square) = (vec![0.0; p * count], vec![0.0; p * count]);
    let mut courses = vec![AdamCourse::default(); count];
    let AdamParameters { learning_rate, beta1, beta2, epsilon, n_steps } = *parameters;
    for step in 0..n_steps {
        advance()?;
        ensemble.gradients(&theta, &mut losses, &mut gradient);
        let (correct1, correct2) = (1.0 - beta1.powi(step as i32 + 1), 1.0 - beta2.powi(step as i32 + 1));
        for (s, course) in courses.iter_mut().enumerate() {
            let (mut squared_gradient, mut squared_step) = (0.0, 0.0);
            for i in s * p..(s + 1) * p {
                let g = gradient[i];
                mean[i] = beta1 * mean[i] + (1.0 - beta1) * g;
                square[i] = beta2 * square[i] + (1.0 - beta2) * g * g;
                let change = learning_rate * (mean[i] / correct1) / ((square[i] / correct2).sqrt() + epsilon);
                theta[i] -= change;
                squared_gradient += g * g;
                squared_step += change * change;
            }
            course.losses.push(losses[s]);
            course.squared_gradient_norms.push(squared_gradient);
            course.step_norms.push(squared_step.sqrt());
        }
    }
    for (course, theta) in courses.iter_mut().zip(theta.chunks_exact(p)) {
        course.theta = theta.to_vec().into();
    }
    Ok(courses)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gradient::tests::objective;
    use crate::network::Initialisation;
    use neuropil_core::random::Seed;

    fn starts(objective: &Objective, n: usize) -> Vec<Array1<f64>> {
        (0..n)
            .map(|i| objective.network().initialise(Initialisation::default(), Seed::new(i as u64)).into_theta())
            .collect()
    }

    #[test]
    fn stacked_networks_have_the_gradients_of_single_ones() {
        for (widths, loss) in
            [(&[2, 5, 1][..], Loss::Square), (&[3, 4, 2], Loss::HalfSquare), (&[2, 3, 3, 2], Loss::CrossEntropy)]
        {
            let objective = objective(widths, loss, 1100, 1);
            let starts = starts(&objective, 7);
            let stack = Array2::from_shape_fn((7, objective.n_parameters()), |(i, j)| starts[i][j]);
            let (losses, gradients) = objective.gradients(stack.view()).unwrap();
            for (i, start) in starts.iter().enumerate() {
                let (loss, gradient) = objective.value_and_gradient(start.view()).unwrap();
                assert!((losses[i] - loss).abs() < 1e-13);
                assert!((&gradients.row(i) - &gradient).iter().all(|d| d.abs() < 1e-13));
            }
        }
    }

    #[test]
    fn adam_descends_and_its_first_step_is_the_learning_rate_for_every_parameter() {
        let objective = objective(&[2, 5, 1], Loss::Square, 50, 1);
        let starts = starts(&objective, 3);
        let parameters = AdamParameters::default();
        let courses = adam(&objective, &starts, &parameters, &Monitor::silent()).unwrap();
        for course in &courses {
            assert_eq!(course.losses.len(), 500);
            assert!(course.losses[499] < course.losses[0]);
            let expected = 1e-3 * (objective.n_parameters() as f64).sqrt();
            assert!((course.step_norms[0] - expected).abs() < 1e-6);
        }
        let alone = adam(&objective, &starts[1..2], &parameters, &Monitor::silent()).unwrap();
        assert_eq!(alone[0], courses[1]);
        let wrong = AdamParameters { beta1: 1.0, ..parameters };
        assert!(adam(&objective, &starts, &wrong, &Monitor::silent()).is_err());
    }
}
