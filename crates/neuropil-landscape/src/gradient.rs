//! Gradient of the loss and Jacobian of the residuals, by back-propagation of chunks.
//!
//! With `delta_L` the derivative of the loss by the outputs and `delta_l = (W_(l+1)^T delta_(l+1)) o f'(z_l)`, the
//! gradient by `W_l` is the sum of `delta_l h_(l-1)^T` over samples, `h_(l-1)` with a one for the bias.

use ndarray::{Array1, ArrayView1};

use crate::error::Result;
use crate::forward::Order;
use crate::loss::{Evaluator, Objective, contiguous};
use crate::product::{self, Part, Rows};

impl Objective {
    /// The gradient of the loss, in the order of the parameters.
    ///
    /// # Errors
    /// [`crate::Error::Shape`], [`crate::Error::NotFinite`].
    pub fn gradient(&self, theta: ArrayView1<f64>) -> Result<Array1<f64>> {
        Ok(self.value_and_gradient(theta)?.1)
    }

    /// The loss and its gradient, in one pass.
    ///
    /// # Errors
    /// As [`gradient`](Self::gradient).
    pub fn value_and_gradient(&self, theta: ArrayView1<f64>) -> Result<(f64, Array1<f64>)> {
        self.network().check_parameters(theta)?;
        let mut gradient = vec![0.0; self.n_parameters()];
        let loss = self.evaluator().gradient(&contiguous(theta), &mut gradient);
        Ok((loss, gradient.into()))
    }
}

impl Evaluator<'_> {
    /// The loss; overwrites `gradient`.
    pub fn gradient(&mut self, theta: &[f64], gradient: &mut [f64]) -> f64 {
        gradient.fill(0.0);
        let objective = self.objective;
        let chunk = objective.plan.chunk(4);
        let loss = self.over_parts(theta, Order::Slopes, chunk, gradient, &|tape, chunk, out| {
            tape.backward(&objective.plan, theta);
            add_gradient(objective, tape, objective.inputs(chunk), out);
        });
        let decay = self.objective.weight_decay();
        if decay > 0.0 {
            gradient.iter_mut().zip(theta).for_each(|(g, t)| *g += decay * t);
        }
        loss
    }

    /// Residuals of all samples, and their Jacobian unless the slice is empty.
    pub fn residuals_and_jacobian(&mut self, theta: &[f64], residuals: &mut [f64], jacobian: &mut [f64]) {
        let objective = self.objective;
        let plan = &objective.plan;
        let (c, n_parameters) = (plan.n_outputs(), plan.n_parameters);
        let n_samples = objective.data().n_samples();
        let order = if jacobian.is_empty() { Order::Values } else { Order::Slopes };
        let mut tape = self.tape(order, plan.chunk(4));
        for start in (0..objective.padded()).step_by(tape.capacity()) {
            let chunk = start..(start + tape.capacity()).min(objective.padded());
            let inputs = objective.inputs(&chunk);
            tape.forward(plan, theta, inputs, order);
            let (targets, weights) = (objective.targets(&chunk), objective.sample_weights(&chunk));
            let n = chunk.len();
            let real = n.min(n_samples - start);
            for k in 0..c {
                for i in 0..real {
                    let error = tape.outputs[k * n + i] - targets.row(k)[i];
                    residuals[(start + i) * c + k] = weights[i].sqrt() * error;
                }
                if jacobian.is_empty() {
                    continue;
                }
                if let Some(delta) = tape.deltas.last_mut() {
                    delta[..c * n].fill(0.0);
                    for i in 0..n {
                        delta[k * n + i] = weights[i].sqrt();
                    }
                }
                tape.backward(plan, theta);
                for layer in 0..plan.n_layers() {
                    let (delta, below) = (tape.deltas(layer), tape.below(plan, layer, inputs));
                    for j in 0..delta.count {
                        let delta = delta.row(j);
                        for p in 0..below.count {
                            let (below, column) = (below.row(p), plan.index(layer, j, p));
                            for i in 0..real {
                                jacobian[((start + i) * c + k) * n_parameters + column] = delta[i] * below[i];
                            }
                        }
                    }
                }
            }
        }
        self.keep(tape);
    }
}

/// Adds `delta_l h_(l-1)^T` of every layer to the parameter vector.
pub(crate) fn add_gradient(objective: &Objective, tape: &crate::forward::Tape, inputs: Rows<'_>, out: &mut [f64]) {
    let plan = &objective.plan;
    for layer in 0..plan.n_layers() {
        let below = tape.below(plan, layer, inputs);
        let n_in = plan.widths[layer];
        let deltas = tape.deltas(layer);
        if below.count == n_in {
            product::add_products(deltas, below, Part::All, &mut out[plan.weights[layer].clone()], n_in);
        } else {
            let mut augmented = vec![0.0; deltas.count * below.count];
            product::add_products(deltas, below, Part::All, &mut augmented, below.count);
            plan.scatter(layer, &augmented, out);
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use crate::activation::Activation;
    use crate::data::Dataset;
    use crate::loss::{Loss, Objective};
    use crate::network::{Bias, Initialisation, LayerActivation, Mlp};
    use ndarray::{Array1, Array2};
    use neuropil_core::random::{Seed, uniform};

    pub(crate) fn objective(widths: &[usize], loss: Loss, n: usize, seed: u64) -> Objective {
        let mut activations: Vec<LayerActivation> = [Activation::Softplus, Activation::Tanh, Activation::G]
            .into_iter()
            .cycle()
            .map(Into::into)
            .take(widths.len() - 2)
            .collect();
        if let Some(first) = activations.first_mut() {
            let list = [Activation::Sigmoid, Activation::Softplus].into_iter().cycle();
            *first = LayerActivation::PerNeuron(list.take(widths[1]).collect());
        }
        let biases = [Bias::With, Bias::Without].into_iter().cycle().take(widths.len() - 1).collect();
        let network = Mlp::new(widths.to_vec(), activations, biases).unwrap();
        let mut stream = Seed::new(seed).stream();
        let mut random = |shape| Array2::from_shape_simple_fn(shape, || 2.0 * uniform(&mut stream) - 1.0);
        let c = widths[widths.len() - 1];
        let mut y = random((n, c));
        if loss == Loss::CrossEntropy {
            y.mapv_inplace(f64::exp);
            y.rows_mut().into_iter().for_each(|mut row| {
                let sum = row.sum();
                row /= sum;
            });
        }
        let data = Dataset::new(random((n, widths[0])), y).unwrap();
        let weights = Array1::from_shape_fn(n, |i| (1.0 + (i % 3) as f64) / n as f64);
        let objective = Objective::new(&network, &data.with_weights(weights).unwrap(), loss).unwrap();
        objective.with_weight_decay(0.01).unwrap()
    }

    #[test]
    fn gradients_agree_with_finite_differences() {
        for widths in [&[2, 1][..], &[2, 4, 1], &[3, 5, 2], &[2, 3, 4, 2], &[1, 3, 2, 3, 2]] {
            for loss in [Loss::Square, Loss::HalfSquare, Loss::CrossEntropy] {
                if loss == Loss::CrossEntropy && widths[widths.len() - 1] == 1 {
                    continue;
                }
                let objective = objective(widths, loss, 21, 1);
                let theta = objective.network().initialise(Initialisation::Normal(0.8), Seed::new(2)).into_theta();
                let gradient = objective.gradient(theta.view()).unwrap();
                for i in 0..theta.len() {
                    let h = 1e-5;
                    let at = |delta: f64| {
                        let mut moved = theta.clone();
                        moved[i] += delta;
                        objective.value(moved.view()).unwrap()
                    };
                    let numeric = (at(h) - at(-h)) / (2.0 * h);
                    assert!(
                        (gradient[i] - numeric).abs() < 1e-8,
                        "{widths:?} {loss:?} [{i}]: {} {numeric}",
                        gradient[i]
                    );
                }
            }
        }
    }

    #[test]
    fn the_jacobian_of_the_residuals_gives_the_gradient() {
        for widths in [&[2, 4, 1][..], &[3, 2, 4, 2]] {
            let objective = objective(widths, Loss::Square, 19, 3).with_weight_decay(0.0).unwrap();
            let theta = objective.network().initialise(Initialisation::Normal(0.8), Seed::new(4)).into_theta();
            let residuals = objective.residuals(theta.view()).unwrap();
            let expected = 2.0 * objective.jacobian(theta.view()).unwrap().t().dot(&residuals);
            let gradient = objective.gradient(theta.view()).unwrap();
            assert!((gradient - expected).iter().all(|d| d.abs() < 1e-14));
        }
    }

    #[test]
    fn the_bits_of_a_gradient_do_not_depend_on_the_number_of_threads() {
        let objective = objective(&[4, 60, 3], Loss::Square, 9_000, 5);
        let theta = objective.network().initialise(Initialisation::default(), Seed::new(6)).into_theta();
        let on = |n| {
            let _guard = neuropil_core::threads::limited(n);
            objective.value_and_gradient(theta.view()).unwrap()
        };
        assert_eq!(on(1), on(2));
    }
}
