//! The product of the Hessian with a vector, at the price of about two gradients (Pearlmutter's R-operator).
//!
//! In direction `V`, layer by layer: `Rz_l = W_l Rh_(l-1) + V_l h_(l-1)`, `Rh_l = f'(z_l) Rz_l`; at the output `Rdelta` is the
//! second derivative of the loss times `Rf`; and back,
//! `Rdelta_l = (W^T Rdelta_(l+1) + V^T delta_(l+1)) f'(z_l) + (W^T delta_(l+1)) f''(z_l) Rz_l`. The product is the sum of
//! `Rdelta_l h_(l-1)^T + delta_l Rh_(l-1)^T` over samples.

use ndarray::{Array1, ArrayView1};

use crate::buffer::Buffer;
use crate::error::{Error, Result};
use crate::forward::{Order, Tape};
use crate::loss::{Evaluator, Loss, Objective, contiguous};
use crate::product::{self, Part, Rows, RowsMut};

impl Objective {
    /// The Hessian at `theta` times `direction`.
    ///
    /// # Errors
    /// [`Error::Shape`], [`Error::NotFinite`].
    pub fn hessian_vector(&self, theta: ArrayView1<f64>, direction: ArrayView1<f64>) -> Result<Array1<f64>> {
        self.network().check_parameters(theta)?;
        if direction.len() != self.n_parameters() {
            let expected = format!("{} components, one for each parameter", self.n_parameters());
            return Err(Error::shape("direction", expected, direction.len().to_string()));
        }
        Error::first_not_finite("direction", direction.iter().enumerate().map(|(i, &value)| (vec![i], value)))?;
        let mut out = vec![0.0; self.n_parameters()];
        self.evaluator().hessian_vector(&contiguous(theta), &contiguous(direction), &mut out);
        Ok(out.into())
    }
}

impl Evaluator<'_> {
    /// Overwrites `out` with the Hessian times `v`.
    pub fn hessian_vector(&mut self, theta: &[f64], v: &[f64], out: &mut [f64]) {
        let objective = self.objective;
        out.fill(0.0);
        let chunk = objective.plan.chunk(9);
        self.over_parts(theta, Order::Curvatures, chunk, out, &|tape, chunk, out| {
            let inputs = objective.inputs(chunk);
            let mut memory = Vec::new();
            std::mem::swap(&mut memory, &mut tape.scratch);
            memory.resize_with(3 * objective.plan.n_layers() + 1, Buffer::default);
            forward(objective, theta, v, tape, inputs, &mut memory);
            output(objective, tape, objective.sample_weights(chunk), &mut memory);
            backward(objective, theta, v, tape, inputs, &mut memory, out);
            tape.scratch = memory;
        });
        let decay = objective.weight_decay();
        if decay > 0.0 {
            out.iter_mut().zip(v).for_each(|(out, v)| *out += decay * v);
        }
    }
}

/// Memory of layer `l`: `3 l` holds `Rz`, `3 l + 1` holds `Rh`, `3 l + 2` holds `Rdelta`; the last one is for temporary
/// rows.
fn rows(memory: &[Buffer], which: usize, count: usize, n: usize) -> Rows<'_> {
    Rows::new(&memory[which], n, count, n)
}

fn forward(objective: &Objective, theta: &[f64], v: &[f64], tape: &Tape, inputs: Rows<'_>, memory: &mut [Buffer]) {
    let plan = &objective.plan;
    let n = tape.length;
    let n_layers = plan.n_layers();
    for layer in 0..n_layers {
        let width = plan.widths[layer + 1];
        let mut rz = std::mem::take(&mut memory[3 * layer]);
        rz.resize(width * n);
        let below = tape.below(plan, layer, inputs).first(plan.widths[layer]);
        let (weights, bias) = (&v[plan.weights[layer].clone()], &v[plan.biases[layer].clone()]);
        product::affine(RowsMut::new(&mut rz, n, width, n), weights, bias, below);
        if layer > 0 {
            let mut through = std::mem::take(&mut memory[3 * n_layers]);
            through.resize(width.max(through.len() / n.max(1)) * n);
            let rh = rows(memory, 3 * (layer - 1) + 1, plan.widths[layer], n);
            let weights = &theta[plan.weights[layer].clone()];
            product::affine(RowsMut::new(&mut through, n, width, n), weights, &[], rh);
            rz.iter_mut().zip(through.iter()).for_each(|(rz, through)| *rz += through);
            memory[3 * n_layers] = through;
        }
        if layer + 1 < n_layers {
            let mut rh = std::mem::take(&mut memory[3 * layer + 1]);
            rh.resize(width * n);
            product::multiply(&mut rh, &rz, &tape.slopes(layer).data[..width * n]);
            memory[3 * layer + 1] = rh;
        }
        memory[3 * layer] = rz;
    }
}

/// `Rdelta` of the outputs: the second derivative of the loss times `Rf`.
fn output(objective: &Objective, tape: &Tape, weight: &[f64], memory: &mut [Buffer]) {
    let (n, c) = (tape.length, objective.plan.n_outputs());
    let last = objective.plan.n_layers() - 1;
    let mut delta = std::mem::take(&mut memory[3 * last + 2]);
    delta.resize(c * n);
    let rf = &memory[3 * last];
    if objective.loss() == Loss::CrossEntropy {
        let p = &tape.probabilities;
        for i in 0..n {
            let mean: f64 = (0..c).map(|k| p[k * n + i] * rf[k * n + i]).sum();
            for k in 0..c {
                delta[k * n + i] = weight[i] * p[k * n + i] * (rf[k * n + i] - mean);
            }
        }
    } else {
        let slope = objective.loss().slope();
        for k in 0..c {
            for i in 0..n {
                delta[k * n + i] = slope * weight[i] * rf[k * n + i];
            }
        }
    }
    memory[3 * last + 2] = delta;
}

fn backward(
    objective: &Objective,
    theta: &[f64],
    v: &[f64],
    tape: &mut Tape,
    inputs: Rows<'_>,
    memory: &mut [Buffer],
    out: &mut [f64],
) {
    let plan = &objective.plan;
    let n = tape.length;
    let n_layers = plan.n_layers();
    for layer in (0..n_layers).rev() {
        let (width, n_in, fan_in) = (plan.widths[layer + 1], plan.widths[layer], plan.fan_in(layer));
        let rdelta = rows(memory, 3 * layer + 2, width, n);
        let mut sums = vec![0.0; width * fan_in];
        product::add_products(rdelta, tape.below(plan, layer, inputs), Part::All, &mut sums, fan_in);
        if layer > 0 {
            // Rh has no row for the bias: a constant does not change.
            let rh = rows(memory, 3 * (layer - 1) + 1, n_in, n);
            product::add_products(tape.deltas(layer), rh, Part::All, &mut sums, fan_in);
        }
        plan.scatter(layer, &sums, out);
        if layer == 0 {
            continue;
        }
        let below = layer - 1;
        let mut rdelta_below = std::mem::take(&mut memory[3 * below + 2]);
        rdelta_below.resize(n_in * n);
        let rdelta = rows(memory, 3 * layer + 2, width, n);
        let weights = &theta[plan.weights[layer].clone()];
        product::transposed(RowsMut::new(&mut rdelta_below, n, n_in, n), weights, rdelta);
        let mut back = std::mem::take(&mut memory[3 * n_layers]);
        back.resize(n_in.max(back.len() / n.max(1)) * n);
        let direction = &v[plan.weights[layer].clone()];
        product::transposed(RowsMut::new(&mut back, n, n_in, n), direction, tape.deltas(layer));
        rdelta_below.iter_mut().zip(back.iter()).for_each(|(rdelta, back)| *rdelta += back);
        product::scale_by(&mut rdelta_below, &tape.slopes(below).data[..n_in * n]);
        product::transposed(RowsMut::new(&mut back, n, n_in, n), weights, tape.deltas(layer));
        let mut delta = std::mem::take(&mut tape.deltas[below]);
        product::multiply(&mut delta[..n_in * n], &back[..n_in * n], &tape.slopes(below).data[..n_in * n]);
        tape.deltas[below] = delta;
        product::scale_by(&mut back[..n_in * n], &tape.curvatures(below).data[..n_in * n]);
        product::add_product(&mut rdelta_below, &back[..n_in * n], &memory[3 * below][..n_in * n]);
        memory[3 * n_layers] = back;
        memory[3 * below + 2] = rdelta_below;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gradient::tests::objective;
    use crate::network::Initialisation;
    use ndarray::array;
    use neuropil_core::random::Seed;

    #[test]
    fn products_equal_those_of_the_dense_hessian() {
        let cases: [&[usize]; 5] = [&[2, 1], &[2, 4, 1], &[3, 5, 2], &[2, 3, 4, 2], &[1, 4, 2, 3, 2]];
        for widths in cases {
            for loss in [Loss::Square, Loss::CrossEntropy] {
                if loss == Loss::CrossEntropy && widths[widths.len() - 1] == 1 {
                    continue;
                }
                let objective = objective(widths, loss, 1300, 1);
                let theta = objective.network().initialise(Initialisation::Normal(0.7), Seed::new(2)).into_theta();
                let v = objective.network().initialise(Initialisation::Normal(1.0), Seed::new(3)).into_theta();
                let hessian = objective.hessian(theta.view()).unwrap();
                let product = objective.hessian_vector(theta.view(), v.view()).unwrap();
                let expected = hessian.dot(&v);
                let scale = expected.iter().fold(0.0_f64, |m, x| m.max(x.abs()));
                assert!((product - expected).iter().all(|d| d.abs() < 1e-12 * scale), "{widths:?} {loss:?}");
            }
        }
    }

    #[test]
    fn directions_that_do_not_fit_are_refused() {
        let objective = objective(&[2, 3, 1], Loss::Square, 9, 1);
        let theta = objective.network().zeros();
        assert!(objective.hessian_vector(theta.theta(), array![1.0].view()).is_err());
        let mut direction = Array1::zeros(objective.n_parameters());
        direction[2] = f64::INFINITY;
        let error = objective.hessian_vector(theta.theta(), direction.view()).unwrap_err().to_string();
        assert!(error.starts_with("direction[2] is inf"), "{error}");
    }
}
