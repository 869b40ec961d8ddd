//! The Hessian in closed form, for any number of hidden layers and any loss of this room.
//!
//! Let `z_k` be the argument of weight layer `k`, `delta_k` the derivative of the loss by it, `J_kl = d z_k / d z_l`
//! and `B_k = d^2 loss / d z_k^2` with everything upstream held fixed. Then, sample by sample,
//!
//! ```text
//! B_L = second derivative of the loss by the outputs
//! B_k = D_k W_(k+1)^T B_(k+1) W_(k+1) D_k + diag((W_(k+1)^T delta_(k+1)) o f''(z_k)),    D_k = diag f'(z_k)
//! J_kk = 1,   J_kl = W_k D_(k-1) J_(k-1)l
//! H[W_k(i,p), W_l(j,q)] = sum_n (B_k J_kl)_ij h_(k-1)p h_(l-1)q                          (k >= l)
//!                       + sum_n delta_ki (D_(k-1) J_(k-1)l)_pj h_(l-1)q                  (k > l)
//! ```
//!
//! Each block is a sequence of matrix products over the samples. One hidden layer with a square loss has a faster form,
//!in the file `two_layer_hessian`.

use ndarray::{Array1, Array2, ArrayView1};

use crate::error::{Error, Result};
use crate::forward::{Order, Plan, Tape, chunk_of_rows};
use crate::gradient::add_gradient;
use crate::loss::{Evaluator, Loss, Objective, contiguous};
use crate::product::{self, Part, Rows, RowsMut};

/// Memory that a Hessian may take unless said otherwise, in bytes.
pub const MEMORY_LIMIT: usize = 2_000_000_000;

/// Loss, gradient and Hessian at one point.
#[derive(Debug, Clone, PartialEq)]
pub struct Derivatives {
    /// The loss.
    pub loss: f64,
    /// Its gradient.
    pub gradient: Array1<f64>,
    /// Its Hessian, exactly symmetric.
    pub hessian: Array2<f64>,
}

impl Objective {
    /// The Hessian of the loss, P x P and exactly symmetric.
    ///
    /// For `relu` and `selu` it is the Hessian where the activation is smooth; the kinks contribute nothing to it, so
    /// finite differences across a kink will not agree (see [`Activation::is_twice_differentiable`]).
    ///
    /// [`Activation::is_twice_differentiable`]: crate::Activation::is_twice_differentiable
    ///
    /// # Errors
    /// [`Error::TooLarge`] beyond [`MEMORY_LIMIT`]; [`Error::Shape`], [`Error::NotFinite`].
    pub fn hessian(&self, theta: ArrayView1<f64>) -> Result<Array2<f64>> {
        Ok(self.derivatives(theta)?.hessian)
    }

    /// Loss, gradient and Hessian in one pass.
    ///
    /// # Errors
    /// As [`hessian`](Self::hessian).
    pub fn derivatives(&self, theta: ArrayView1<f64>) -> Result<Derivatives> {
        self.derivatives_within(theta, MEMORY_LIMIT)
    }

    /// As [`derivatives`](Self::derivatives), with another limit of the memory in bytes.
    ///
    /// # Errors
    /// As [`hessian`](Self::hessian).
    pub fn derivatives_within(&self, theta: ArrayView1<f64>, memory_limit: usize) -> Result<Derivatives> {
        self.network().check_parameters(theta)?;
        self.check_hessian_memory(memory_limit)?;
        let n = self.n_parameters();
        let mut gradient = vec![0.0; n];
        let mut hessian = vec![0.0; n * n];
        let loss = self.evaluator().hessian(&contiguous(theta), &mut gradient, &mut hessian);
        let hessian = Array2::from_shape_vec((n, n), hessian)
            .map_err(|error| Error::shape("Hessian", format!("{n} x {n}"), error.to_string()))?;
        Ok(Derivatives { loss, gradient: gradient.into(), hessian })
    }

    /// A warning where the Hessian is not all there is to know about the curvature: at the kinks of relu and selu the second
    /// derivative does not exist, it is zero beside those of relu, and finite differences across a kink disagree. `None`
    /// for activations that are twice differentiable.
    #[must_use]
    pub fn hessian_warning(&self) -> Option<String> {
        let network = self.network();
        let mut names: Vec<&str> = (0..network.n_hidden_layers())
            .flat_map(|layer| (0..network.widths[layer + 1]).map(move |i| network.activations[layer].of(i)))
            .filter(|activation| !activation.is_twice_differentiable())
            .map(crate::Activation::name)
            .collect();
        names.sort_unstable();
        names.dedup();
        (!names.is_empty()).then(|| {
            format!(
                "{} is not twice differentiable: the Hessian leaves the kinks out, so that its eigenvalues, index and zero \
                 modes describe the smooth pieces only, and finite differences across a kink disagree",
                names.join(" and ")
            )
        })
    }

    pub(crate) fn check_hessian_memory(&self, memory_limit: usize) -> Result<()> {
        let n = self.n_parameters();
        let needed = 8 * n * n;
        if needed > memory_limit {
            return Err(Error::TooLarge {
                what: format!("the Hessian of {n} parameters"),
                needed_mb: needed / 1_000_000,
                limit_mb: memory_limit / 1_000_000,
                advice: "use Lanczos with Hessian-vector products (extreme_eigenvalues), or raise the limit".into(),
            });
        }
        Ok(())
    }
}

impl Evaluator<'_> {
    /// The loss; overwrites gradient and Hessian.
    pub fn hessian(&mut self, theta: &[f64], gradient: &mut [f64], hessian: &mut [f64]) -> f64 {
        let objective = self.objective;
        let n = objective.n_parameters();
        let loss = if objective.plan.n_layers() == 2 && objective.loss() != Loss::CrossEntropy {
            self.two_layer_hessian(theta, gradient, hessian)
        } else {
            self.deep_hessian(theta, gradient, hessian)
        };
        let decay = objective.weight_decay();
        if decay > 0.0 {
            for i in 0..n {
                gradient[i] += decay * theta[i];
                hessian[i * n + i] += decay;
            }
        }
        loss
    }

    /// The recursion of the module documentation.
    fn deep_hessian(&mut self, theta: &[f64], gradient: &mut [f64], hessian: &mut [f64]) -> f64 {
        let objective = self.objective;
        let plan = &objective.plan;
        let n = plan.n_parameters;
        let squares: usize = plan.widths[1..].iter().map(|n| n * n).sum();
        let widest = plan.widths.iter().copied().max().unwrap_or(1);
        let chunk = chunk_of_rows(5 * plan.widths.iter().sum::<usize>() + squares + 3 * widest * widest);
        let mut out = vec![0.0; n + n * n];
        let loss = self.over_parts(theta, Order::Curvatures, chunk, &mut out, &|tape, chunk, out| {
            let (gradient, hessian) = out.split_at_mut(n);
            let inputs = objective.inputs(chunk);
            let second = second_derivatives(objective, theta, tape, objective.sample_weights(chunk));
            add_gradient(objective, tape, inputs, gradient);
            for layer in 0..plan.n_layers() {
                add_columns_of_layer(plan, theta, tape, inputs, &second, layer, hessian);
            }
        });
        gradient.copy_from_slice(&out[..n]);
        into_parameter_order(plan, &out[n..], hessian);
        loss
    }
}

/// `B_k` of every layer, `widths[k + 1]^2` rows each; writes the deltas of all layers on the way.
fn second_derivatives(objective: &Objective, theta: &[f64], tape: &mut Tape, weight: &[f64]) -> Vec<Vec<f64>> {
    let plan = &objective.plan;
    let n = tape.length;
    let n_layers = plan.n_layers();
    let mut second: Vec<Vec<f64>> = plan.widths[1..].iter().map(|width| vec![0.0; width * width * n]).collect();
    let c = plan.n_outputs();
    let last = &mut second[n_layers - 1];
    for i in 0..c {
        for j in 0..c {
            let row = &mut last[(i * c + j) * n..][..n];
            if objective.loss() == Loss::CrossEntropy {
                let (p_i, p_j) = (&tape.probabilities[i * n..][..n], &tape.probabilities[j * n..][..n]);
                for k in 0..n {
                    row[k] = weight[k] * p_i[k] * (if i == j { 1.0 } else { 0.0 } - p_j[k]);
                }
            } else if i == j {
                for k in 0..n {
                    row[k] = objective.loss().slope() * weight[k];
                }
            }
        }
    }
    for layer in (0..n_layers - 1).rev() {
        let (width, above) = (plan.widths[layer + 1], plan.widths[layer + 2]);
        let weights = &theta[plan.weights[layer + 1].clone()];
        let (below_part, above_part) = second.split_at_mut(layer + 1);
        let (current, upper) = (&mut below_part[layer], &above_part[0]);
        // W^T B, then its rows times W.
        let mut half = vec![0.0; width * above * n];
        let length = above * n;
        product::transposed(
            RowsMut::new(&mut half, length, width, length),
            weights,
            Rows::new(upper, length, above, length),
        );
        for i in 0..width {
            let row = Rows::new(&half[i * length..], n, above, n);
            product::transposed(RowsMut::new(&mut current[i * width * n..], n, width, n), weights, row);
        }
        for i in 0..width {
            for j in 0..width {
                let row = &mut current[(i * width + j) * n..][..n];
                product::scale_by(row, tape.slopes(layer).row(i));
                product::scale_by(row, tape.slopes(layer).row(j));
            }
        }
        // Deltas, and the term with f''.
        let mut delta = std::mem::take(&mut tape.deltas[layer]);
        let upper = tape.deltas(layer + 1);
        product::transposed(RowsMut::new(&mut delta, n, width, n), weights, upper);
        for i in 0..width {
            let row = &mut current[(i * width + i) * n..][..n];
            product::add_product(row, &delta[i * n..][..n], tape.curvatures(layer).row(i));
        }
        product::scale_by(&mut delta[..width * n], &tape.slopes(layer).data[..width * n]);
        tape.deltas[layer] = delta;
    }
    second
}

/// Adds the blocks `(k, l)` with `k >= l` for one `l`, in augmented order: within a layer neuron by neuron, bias last.
fn add_columns_of_layer(
    plan: &Plan,
    theta: &[f64],
    tape: &Tape,
    inputs: Rows<'_>,
    second: &[Vec<f64>],
    l: usize,
    hessian: &mut [f64],
) {
    let n = tape.length;
    let n_parameters = plan.n_parameters;
    let width_l = plan.widths[l + 1];
    let below_l = tape.below(plan, l, inputs);
    let fan_l = below_l.count;
    let start_l = plan.weights[l].start;
    // d z_k / d z_l, one row for each pair.
    let mut jacobian: Vec<f64> = Vec::new();
    for k in l..plan.n_layers() {
        let width_k = plan.widths[k + 1];
        let below_k = tape.below(plan, k, inputs);
        let start_k = plan.weights[k].start;
        let mut block = Vec::new();
        if k > l {
            // D_(k-1) J_(k-1)l, for k - 1 = l just D_l.
            let width = plan.widths[k];
            let mut through = vec![0.0; width * width_l * n];
            for p in 0..width {
                for j in 0..width_l {
                    let out = &mut through[(p * width_l + j) * n..][..n];
                    if k > l + 1 {
                        product::multiply(out, &jacobian[(p * width_l + j) * n..][..n], tape.slopes(k - 1).row(p));
                    } else if p == j {
                        out.copy_from_slice(tape.slopes(l).row(j));
                    }
                }
            }
            add_path_through_activity(plan, tape, below_l, &through, k, l, hessian);
            let length = width_l * n;
            jacobian = vec![0.0; width_k * length];
            product::affine(
                RowsMut::new(&mut jacobian, length, width_k, length),
                &theta[plan.weights[k].clone()],
                &[],
                Rows::new(&through, length, width, length),
            );
            block.resize(width_k * length, 0.0);
            for i in 0..width_k {
                for a in 0..width_k {
                    let b = &second[k][(i * width_k + a) * n..][..n];
                    for j in 0..width_l {
                        let out = &mut block[(i * width_l + j) * n..][..n];
                        product::add_product(out, b, &jacobian[(a * width_l + j) * n..][..n]);
                    }
                }
            }
        }
        let block = if k > l { &block } else { &second[k] };
        // One factor of the product carries the block: the one with fewer rows.
        let fan_k = below_k.count;
        if fan_l <= fan_k {
            let mut stacked = vec![0.0; width_l * fan_l * n];
            for i in 0..width_k {
                let end = if k == l { i + 1 } else { width_l };
                for j in 0..end {
                    for q in 0..fan_l {
                        let out = &mut stacked[(j * fan_l + q) * n..][..n];
                        product::multiply(out, &block[(i * width_l + j) * n..][..n], below_l.row(q));
                    }
                }
                let at = (start_k + i * fan_k) * n_parameters + start_l;
                let right = Rows::new(&stacked, n, end * fan_l, n);
                product::add_products(below_k, right, Part::All, &mut hessian[at..], n_parameters);
            }
        } else {
            let mut stacked = vec![0.0; width_k * fan_k * n];
            for j in 0..width_l {
                for i in 0..width_k {
                    for p in 0..fan_k {
                        let out = &mut stacked[(i * fan_k + p) * n..][..n];
                        product::multiply(out, &block[(i * width_l + j) * n..][..n], below_k.row(p));
                    }
                }
                let at = start_k * n_parameters + start_l + j * fan_l;
                let left = Rows::new(&stacked, n, width_k * fan_k, n);
                product::add_products(left, below_l, Part::All, &mut hessian[at..], n_parameters);
            }
        }
    }
}

/// Adds `sum_n delta_ki (D_(k-1) J_(k-1)l)_pj h_(l-1)q`: a weight of layer `l` changes what a weight of layer `k` is
/// multiplied with.
fn add_path_through_activity(
    plan: &Plan,
    tape: &Tape,
    below_l: Rows<'_>,
    through: &[f64],
    k: usize,
    l: usize,
    hessian: &mut [f64],
) {
    let n = tape.length;
    let (width, width_l, width_k) = (plan.widths[k], plan.widths[l + 1], plan.widths[k + 1]);
    let (fan_k, fan_l) = (plan.fan_in(k), below_l.count);
    let n_parameters = plan.n_parameters;
    let (start_k, start_l) = (plan.weights[k].start, plan.weights[l].start);
    let mut weighted = vec![0.0; fan_l * n];
    // For neighbouring layers only p = j is there.
    let rows = if k == l + 1 { width_l } else { width * width_l };
    let left = if k == l + 1 { tape.slopes(l) } else { Rows::new(through, n, rows, n) };
    let mut sums = vec![0.0; rows * fan_l];
    for i in 0..width_k {
        for q in 0..fan_l {
            product::multiply(&mut weighted[q * n..][..n], tape.deltas(k).row(i), below_l.row(q));
        }
        sums.fill(0.0);
        product::add_products(left, Rows::new(&weighted, n, fan_l, n), Part::All, &mut sums, fan_l);
        for row in 0..rows {
            let (p, j) = if k == l + 1 { (row, row) } else { (row / width_l, row % width_l) };
            let at = (start_k + i * fan_k + p) * n_parameters + start_l + j * fan_l;
            for q in 0..fan_l {
                hessian[at + q] += sums[row * fan_l + q];
            }
        }
    }
}

/// Mirrors the lower triangle and moves biases to their place.
fn into_parameter_order(plan: &Plan, augmented: &[f64], out: &mut [f64]) {
    let n = plan.n_parameters;
    let mut place = Vec::with_capacity(n);
    for layer in 0..plan.n_layers() {
        let fan_in = plan.fan_in(layer);
        place.extend((0..plan.widths[layer + 1]).flat_map(|i| (0..fan_in).map(move |p| plan.index(layer, i, p))));
    }
    for a in 0..n {
        for b in 0..=a {
            let value = augmented[a * n + b];
            out[place[a] * n + place[b]] = value;
            out[place[b] * n + place[a]] = value;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gradient::tests::objective;
    use crate::network::Initialisation;
    use neuropil_core::random::Seed;

    #[test]
    fn hessians_agree_with_differences_of_gradients() {
        let cases: [&[usize]; 7] =
            [&[2, 1], &[3, 2], &[2, 4, 1], &[3, 5, 2], &[2, 3, 4, 2], &[1, 4, 2, 3, 2], &[3, 2, 2, 3, 2, 2]];
        for widths in cases {
            for loss in [Loss::Square, Loss::HalfSquare, Loss::CrossEntropy] {
                if loss == Loss::CrossEntropy && widths[widths.len() - 1] == 1 {
                    continue;
                }
                let objective = objective(widths, loss, 37, 1);
                let theta = objective.network().initialise(Initialisation::Normal(0.7), Seed::new(2)).into_theta();
                let Derivatives { loss: value, gradient, hessian } = objective.derivatives(theta.view()).unwrap();
                let (plain, slope) = objective.value_and_gradient(theta.view()).unwrap();
                assert!((value - plain).abs() < 1e-14);
                assert!((&gradient - &slope).iter().all(|d| d.abs() < 1e-14));
                assert_eq!(hessian, hessian.t());
                for i in 0..theta.len() {
                    let h = 1e-5;
                    let at = |delta: f64| {
                        let mut moved = theta.clone();
                        moved[i] += delta;
                        objective.gradient(moved.view()).unwrap()
                    };
                    let numeric = (at(h) - at(-h)) / (2.0 * h);
                    for j in 0..theta.len() {
                        let difference = hessian[[i, j]] - numeric[j];
                        assert!(difference.abs() < 1e-8, "{widths:?} {loss:?} [{i}, {j}]: {difference:e}");
                    }
                }
            }
        }
    }

    #[test]
    fn the_fast_form_for_one_hidden_layer_equals_the_recursion() {
        for (widths, n) in [(&[2, 7, 1][..], 1500), (&[1, 3, 3], 100), (&[4, 6, 2], 9)] {
            let objective = objective(widths, Loss::Square, n, 3).with_weight_decay(0.0).unwrap();
            let theta = objective.network().initialise(Initialisation::Normal(0.7), Seed::new(4)).into_theta();
            let p = theta.len();
            let theta = theta.as_slice().unwrap();
            let (mut fast, mut deep) = (vec![0.0; p * p], vec![0.0; p * p]);
            let (mut gradient, mut other) = (vec![0.0; p], vec![0.0; p]);
            let mut evaluator = objective.evaluator();
            let a = evaluator.two_layer_hessian(theta, &mut gradient, &mut fast);
            let b = evaluator.deep_hessian(theta, &mut other, &mut deep);
            assert!((a - b).abs() < 1e-13 && gradient.iter().zip(&other).all(|(a, b)| (a - b).abs() < 1e-13));
            let scale = deep.iter().fold(0.0_f64, |m, h| m.max(h.abs()));
            for k in 0..p * p {
                assert!((fast[k] - deep[k]).abs() < 1e-13 * scale, "{widths:?} [{}, {}]", k / p, k % p);
            }
        }
    }

    #[test]
    fn a_hessian_beyond_the_memory_limit_is_refused_with_an_alternative() {
        let objective = objective(&[2, 3, 1], Loss::Square, 5, 1);
        let theta = objective.network().zeros();
        let error = objective.derivatives_within(theta.theta(), 100).unwrap_err().to_string();
        assert!(error.contains("Lanczos"), "{error}");
    }
}
