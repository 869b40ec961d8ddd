//! The Hessian of one hidden layer with a square loss: a few symmetric products over the samples.
//!
//! With `H = f(X W^T)`, `H1 = f'`, `H2 = f''`, `E` the errors, `w` the sample weights and `s` = 2 (or 1 for half
//! squares):
//!
//! ```text
//! H_WW[(j,p),(l,q)] = s (A^T A)_jl sum_n w H1_j x_p H1_l x_q + [j = l] s sum_n w (A^T E)_j H2_j x_p x_q
//! H_WA[(j,p),(k,l)] = s A_kj sum_n w H1_j x_p H_l           + [j = l] s sum_n w E_k H1_j x_p
//! H_AA[(k,j),(k',l)] = [k = k'] s sum_n w H_j H_l
//! ```
//!
//! The sums do not depend on the output, and `x_p x_q` is symmetric in its indices: it takes `d (d + 1) / 2` symmetric
//! products of `H1` with itself, `d` products of `H` with `H1` and one of `H` with itself, less than the symmetric
//! product of the `d m` columns `H1_j x_p` and the `m` columns `H_l`.

use crate::buffer::Buffer;
use crate::forward::{Order, Plan, Tape};
use crate::gradient::add_gradient;
use crate::loss::Evaluator;
use crate::product::{self, Part, Rows};

/// Where the sums over samples lie in one vector.
struct Layout {
    /// Incoming weights with the bias, `d`.
    fan_in: usize,
    /// Hidden neurons, `m`.
    width: usize,
    /// Rows of `H` with the row of ones if the output has a bias.
    outgoing: usize,
    /// Outputs, `c`.
    n_outputs: usize,
    /// Pairs `p <= q`.
    n_pairs: usize,
}

impl Layout {
    fn new(plan: &Plan) -> Self {
        let fan_in = plan.fan_in(0);
        Self {
            fan_in,
            width: plan.widths[1],
            outgoing: plan.fan_in(1),
            n_outputs: plan.n_outputs(),
            n_pairs: fan_in * (fan_in + 1) / 2,
        }
    }

    /// Lengths of: `sum w x_p x_q H1_j H1_l`, `sum w x_p H_l H1_j`, `sum w H_l H_l'`, `sum delta_A H2_j x_p x_q`,
    /// `sum delta_k x_p H1_j`.
    fn lengths(&self) -> [usize; 5] {
        let m = self.width;
        [
            self.n_pairs * m * m,
            self.fan_in * self.outgoing * m,
            self.outgoing * self.outgoing,
            m * self.n_pairs,
            m * self.n_outputs * self.fan_in,
        ]
    }

    fn pair(&self, p: usize, q: usize) -> usize {
        let (p, q) = if p <= q { (p, q) } else { (q, p) };
        p * self.fan_in - p * (p + 1) / 2 + q
    }
}

fn split<'a>(mut rest: &'a mut [f64], lengths: &[usize; 5]) -> [&'a mut [f64]; 5] {
    lengths.map(|length| {
        let (head, tail) = std::mem::take(&mut rest).split_at_mut(length);
        rest = tail;
        head
    })
}

impl Evaluator<'_> {
    /// The loss; overwrites gradient and Hessian.
    pub fn two_layer_hessian(&mut self, theta: &[f64], gradient: &mut [f64], hessian: &mut [f64]) -> f64 {
        let objective = self.objective;
        let plan = &objective.plan;
        let layout = Layout::new(plan);
        let lengths = layout.lengths();
        let n = plan.n_parameters;
        let mut out = vec![0.0; n + lengths.iter().sum::<usize>()];
        let chunk = crate::forward::chunk_of_rows(5 * layout.width + 2 * layout.fan_in + layout.n_pairs).min(256);
        let loss = self.over_parts(theta, Order::Curvatures, chunk, &mut out, &|tape, chunk, out| {
            let (gradient, sums) = out.split_at_mut(n);
            let inputs = objective.inputs(chunk);
            // The sum over outputs of delta_k A_kj, before it meets the slopes.
            let back = back_propagated(plan, theta, tape);
            add_gradient(objective, tape, inputs, gradient);
            add_sums(&layout, tape, inputs.first(layout.fan_in), objective.sample_weights(chunk), &back, sums);
            tape.scratch[0] = back;
        });
        gradient.copy_from_slice(&out[..n]);
        assemble(plan, &layout, theta, objective.loss().slope(), &mut out[n..], hessian);
        loss
    }
}

/// `A^T delta` times `f''`, one row for each neuron; leaves the deltas of the hidden layer on the tape.
fn back_propagated(plan: &Plan, theta: &[f64], tape: &mut Tape) -> Buffer {
    let (n, m) = (tape.length, plan.widths[1]);
    let mut back = tape.take_scratch(0, m * tape.capacity());
    let weights = &theta[plan.weights[1].clone()];
    product::transposed(product::RowsMut::new(&mut back, n, m, n), weights, tape.deltas(1));
    let mut delta = std::mem::take(&mut tape.deltas[0]);
    product::multiply(&mut delta[..m * n], &back[..m * n], &tape.slopes(0).data[..m * n]);
    tape.deltas[0] = delta;
    product::scale_by(&mut back[..m * n], &tape.curvatures(0).data[..m * n]);
    back
}

/// Adds the five kinds of sums over the samples of the chunk.
fn add_sums(layout: &Layout, tape: &mut Tape, x: Rows<'_>, weight: &[f64], back: &[f64], out: &mut [f64]) {
    let (n, m, fan_in) = (tape.length, layout.width, layout.fan_in);
    let [slopes_slopes, slopes_values, values_values, curvature, mixed] = split(out, &layout.lengths());
    let capacity = tape.capacity();
    let mut weighted = tape.take_scratch(1, (m + 1) * capacity);
    let mut pairs = tape.take_scratch(2, layout.n_pairs.max(layout.n_outputs * fan_in) * capacity);
    let mut factor = tape.take_scratch(3, 2 * capacity);
    let (factor, input_weight) = factor.split_at_mut(capacity);
    let slopes = tape.slopes(0);
    let values = tape.hidden_and_one(0).first(layout.outgoing);
    for p in 0..fan_in {
        product::multiply(&mut input_weight[..n], weight, x.row(p));
        for q in p..fan_in {
            let pair = layout.pair(p, q);
            product::multiply(&mut pairs[pair * n..][..n], x.row(p), x.row(q));
            product::multiply(&mut factor[..n], &input_weight[..n], x.row(q));
            scale_rows(&mut weighted[..m * n], &slopes.data[..m * n], &factor[..n]);
            let sums = &mut slopes_slopes[pair * m * m..][..m * m];
            product::add_products(slopes, Rows::new(&weighted, n, m, n), Part::Lower, sums, m);
        }
        scale_rows(&mut weighted[..m * n], &slopes.data[..m * n], &input_weight[..n]);
        let sums = &mut slopes_values[p * m * layout.outgoing..][..m * layout.outgoing];
        product::add_products(values, Rows::new(&weighted, n, m, n), Part::All, sums, m);
    }
    scale_rows(&mut weighted[..layout.outgoing * n], &values.data[..layout.outgoing * n], weight);
    let right = Rows::new(&weighted, n, layout.outgoing, n);
    product::add_products(values, right, Part::Lower, values_values, layout.outgoing);
    product::add_products(
        Rows::new(back, n, m, n),
        Rows::new(&pairs, n, layout.n_pairs, n),
        Part::All,
        curvature,
        layout.n_pairs,
    );
    for k in 0..layout.n_outputs {
        for p in 0..fan_in {
            product::multiply(&mut pairs[(k * fan_in + p) * n..][..n], tape.deltas(1).row(k), x.row(p));
        }
    }
    let columns = layout.n_outputs * fan_in;
    product::add_products(slopes, Rows::new(&pairs, n, columns, n), Part::All, mixed, columns);
    tape.scratch[1] = weighted;
    tape.scratch[2] = pairs;
}

neuropil_core::dispatch! {
    /// Every row of `rows` times `factor`.
    fn scale_rows = scale_rows_body(out: &mut [f64], rows: &[f64], factor: &[f64]);
}

#[inline(always)]
fn scale_rows_body<const FMA: bool>(out: &mut [f64], rows: &[f64], factor: &[f64]) {
    let n = factor.len();
    for (out, row) in out.chunks_exact_mut(n).zip(rows.chunks_exact(n)) {
        for k in 0..n {
            out[k] = row[k] * factor[k];
        }
    }
}

/// Puts the sums together.
fn assemble(plan: &Plan, layout: &Layout, theta: &[f64], slope: f64, sums: &mut [f64], hessian: &mut [f64]) {
    let (m, fan_in, c, n) = (layout.width, layout.fan_in, layout.n_outputs, plan.n_parameters);
    let outgoing = &theta[plan.weights[1].clone()];
    let [slopes_slopes, slopes_values, values_values, curvature, mixed] = split(sums, &layout.lengths());
    for square in slopes_slopes.chunks_exact_mut(m * m) {
        mirror(square, m);
    }
    mirror(values_values, layout.outgoing);
    // s A^T A, once for both triangles, so that the result is exactly symmetric.
    let mut gram = vec![0.0; m * m];
    for j in 0..m {
        for l in 0..=j {
            let sum: f64 = (0..c).map(|k| outgoing[k * m + j] * outgoing[k * m + l]).sum();
            gram[j * m + l] = slope * sum;
            gram[l * m + j] = slope * sum;
        }
    }
    let d = plan.widths[0];
    for j in 0..m {
        let gram = &gram[j * m..(j + 1) * m];
        for p in 0..fan_in {
            let row = &mut hessian[plan.index(0, j, p) * n..][..n];
            for q in 0..fan_in {
                let pair = layout.pair(p, q);
                let products = &slopes_slopes[(pair * m + j) * m..][..m];
                // Weights of an input lie d apart, biases side by side.
                let (start, step) = if q < d { (q, d) } else { (plan.biases[0].start, 1) };
                for (l, out) in row[start..].iter_mut().step_by(step).take(m).enumerate() {
                    *out = gram[l] * products[l];
                }
                row[plan.index(0, j, q)] += curvature[j * layout.n_pairs + pair];
            }
        }
    }
    for k in 0..c {
        for l in 0..layout.outgoing {
            let column = plan.index(1, k, l);
            for p in 0..fan_in {
                let products = &slopes_values[(p * layout.outgoing + l) * m..][..m];
                for j in 0..m {
                    let mut value = slope * outgoing[k * m + j] * products[j];
                    if j == l {
                        value += mixed[(j * c + k) * fan_in + p];
                    }
                    let row = plan.index(0, j, p);
                    hessian[row * n + column] = value;
                    hessian[column * n + row] = value;
                }
            }
            for other in 0..c {
                for right in 0..layout.outgoing {
                    let value = if k == other { slope * values_values[l * layout.outgoing + right] } else { 0.0 };
                    hessian[column * n + plan.index(1, other, right)] = value;
                }
            }
        }
    }
}

fn mirror(square: &mut [f64], n: usize) {
    for i in 0..n {
        for j in 0..i {
            square[j * n + i] = square[i * n + j];
        }
    }
}
