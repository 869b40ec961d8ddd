//! The loss of a network on a data set.
//!
//! | name | value | derivative by the output | second derivative |
//! |---|---|---|---|
//! | `Square` | `sum_n w_n \|f(x_n) - y_n\|^2` | `2 w_n e_n` | `2 w_n` |
//! | `HalfSquare` | half of it | `w_n e_n` | `w_n` |
//! | `CrossEntropy` | `-sum_n w_n sum_k y_nk ln p_nk`, `p = softmax(f)` | `w_n (p - y)` | `w_n (diag p - p p^T)` |
//!
//! Sample weights are `1 / N` unless given, so `Square` is a mean over samples and a sum over outputs, without a factor
//! of one half: the convention of the authors' code. Residuals are formed first and then squared, so losses of 1e-32
//! are exact.

use std::ops::Range;
use std::sync::{Mutex, PoisonError};

use ndarray::{Array1, Array2, ArrayView1};
use neuropil_core::{dispatch, threads, vector};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::buffer::Buffer;
use crate::data::Dataset;
use crate::error::{Error, Result};
use crate::forward::{Order, Plan, Tape};
use crate::network::Mlp;
use crate::product::{LANES, Rows};

/// What is minimised; see the [module](self).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Loss {
    /// Weighted sum of squared errors.
    #[default]
    Square,
    /// Half of it.
    HalfSquare,
    /// Softmax followed by the cross-entropy with the targets, which are probabilities.
    CrossEntropy,
}

impl Loss {
    /// Factor of the squared errors in the derivative: 2, 1, or 1 for the cross-entropy.
    pub(crate) fn slope(self) -> f64 {
        if self == Self::Square { 2.0 } else { 1.0 }
    }
}

/// A network, the data it should fit, and the loss: everything that the landscape is made of.
///
/// ```
/// use ndarray::array;
/// use neuropil_landscape::{Activation, Bias, Dataset, Loss, Mlp, Objective};
///
/// let network = Mlp::two_layer(1, 1, 1, Activation::Identity, Bias::Without);
/// let data = Dataset::new(array![[1.0], [2.0]], array![[2.0], [4.0]])?;
/// let objective = Objective::new(&network, &data, Loss::Square)?;
/// let theta = array![1.0, 1.0];
/// assert_eq!(objective.value(theta.view())?, 2.5);
/// assert_eq!(objective.gradient(theta.view())?, array![-5.0, -5.0]);
/// # Ok::<(), neuropil_landscape::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Objective {
    network: Mlp,
    data: Dataset,
    loss: Loss,
    weight_decay: f64,
    pub(crate) plan: Plan,
    /// `d + 1` rows of padded samples, the last of ones.
    inputs: Buffer,
    targets: Buffer,
    sample_weights: Buffer,
    padded: usize,
    pool: TapePool,
    /// Parts that threads may work on; they depend on the problem, not on the number of threads.
    parts: Vec<Range<usize>>,
}

impl Objective {
    /// The loss of a network on a data set.
    ///
    /// # Errors
    /// [`Error::Shape`] if inputs or outputs do not fit; [`Error::Parameter`] if targets of a cross-entropy are no
    /// probabilities.
    pub fn new(network: &Mlp, data: &Dataset, loss: Loss) -> Result<Self> {
        network.validate()?;
        let expect = |what: &str, expected: usize, got: usize| {
            let expected = format!("{expected} columns, as many as the network {:?} has", network.widths);
            Err(Error::shape(what, expected, got.to_string()))
        };
        if data.inputs().ncols() != network.n_inputs() {
            return expect("inputs", network.n_inputs(), data.inputs().ncols());
        }
        if data.targets().ncols() != network.n_outputs() {
            return expect("targets", network.n_outputs(), data.targets().ncols());
        }
        if loss == Loss::CrossEntropy {
            check_probabilities(data)?;
        }
        let n = data.n_samples();
        let padded = n.div_ceil(LANES) * LANES;
        // The padding repeats the last sample with weight zero: finite wherever the sample itself is.
        let row = |values: ArrayView1<f64>| (0..padded).map(|k| values[k.min(n - 1)]).collect::<Vec<_>>();
        let mut inputs: Vec<f64> = data.inputs().columns().into_iter().flat_map(row).collect();
        inputs.resize(inputs.len() + padded, 1.0);
        let targets: Buffer = data.targets().columns().into_iter().flat_map(row).collect();
        let mut sample_weights = data.weights().to_vec();
        sample_weights.resize(padded, 0.0);
        let plan = Plan::new(network);
        let parts = parts(padded, plan.n_parameters);
        Ok(Self {
            network: network.clone(),
            data: data.clone(),
            loss,
            weight_decay: 0.0,
            plan,
            inputs: inputs.into_iter().collect(),
            targets,
            sample_weights: sample_weights.into_iter().collect(),
            padded,
            pool: TapePool::default(),
            parts,
        })
    }

    /// Adds `weight_decay / 2 * |theta|^2` to the loss.
    ///
    /// # Errors
    /// [`Error::Check`] for a negative or infinite value.
    pub fn with_weight_decay(mut self, weight_decay: f64) -> Result<Self> {
        self.weight_decay = neuropil_core::check::non_negative("weight_decay", weight_decay)?;
        Ok(self)
    }

    /// The network.
    #[must_use]
    pub fn network(&self) -> &Mlp {
        &self.network
    }

    /// The data.
    #[must_use]
    pub fn data(&self) -> &Dataset {
        &self.data
    }

    /// The loss function.
    #[must_use]
    pub fn loss(&self) -> Loss {
        self.loss
    }

    /// The factor of `|theta|^2 / 2`.
    #[must_use]
    pub fn weight_decay(&self) -> f64 {
        self.weight_decay
    }

    /// Number of parameters.
    #[must_use]
    pub fn n_parameters(&self) -> usize {
        self.plan.n_parameters
    }

    /// The loss at a parameter vector.
    ///
    /// # Errors
    /// [`Error::Shape`], [`Error::NotFinite`].
    pub fn value(&self, theta: ArrayView1<f64>) -> Result<f64> {
        self.network.check_parameters(theta)?;
        Ok(self.evaluator().value(&contiguous(theta)))
    }

    /// `sqrt(w_n) (f(x_n) - y_n)`, all outputs of a sample together: the loss `Square` is the sum of their squares.
    ///
    /// # Errors
    /// [`Error::Undefined`] for the cross-entropy; [`Error::Shape`], [`Error::NotFinite`].
    pub fn residuals(&self, theta: ArrayView1<f64>) -> Result<Array1<f64>> {
        self.require_squares("the vector of residuals")?;
        self.network.check_parameters(theta)?;
        let mut residuals = Array1::zeros(self.data.n_samples() * self.plan.n_outputs());
        let out = residuals.as_slice_mut().unwrap_or_default();
        self.evaluator().residuals_and_jacobian(&contiguous(theta), out, &mut []);
        Ok(residuals)
    }

    /// Derivatives of the [`residuals`](Self::residuals) by the parameters, `(N c) x P`.
    ///
    /// # Errors
    /// As [`residuals`](Self::residuals).
    pub fn jacobian(&self, theta: ArrayView1<f64>) -> Result<Array2<f64>> {
        self.require_squares("the Jacobian of the residuals")?;
        self.network.check_parameters(theta)?;
        let rows = self.data.n_samples() * self.plan.n_outputs();
        let mut residuals = vec![0.0; rows];
        let mut jacobian = Array2::zeros((rows, self.plan.n_parameters));
        let out = jacobian.as_slice_mut().unwrap_or_default();
        self.evaluator().residuals_and_jacobian(&contiguous(theta), &mut residuals, out);
        Ok(jacobian)
    }

    pub(crate) fn require_squares(&self, what: &str) -> Result<()> {
        if self.loss == Loss::CrossEntropy {
            return Err(Error::Undefined {
                what: what.into(),
                case: "the cross-entropy".into(),
                advice: "use a square loss, or gradient and Hessian".into(),
            });
        }
        Ok(())
    }

    pub(crate) fn evaluator(&self) -> Evaluator<'_> {
        Evaluator { objective: self, tapes: self.pool.take() }
    }

    pub(crate) fn inputs(&self, chunk: &Range<usize>) -> Rows<'_> {
        Rows::new(&self.inputs[chunk.start..], self.padded, self.plan.widths[0] + 1, chunk.len())
    }

    pub(crate) fn targets(&self, chunk: &Range<usize>) -> Rows<'_> {
        Rows::new(&self.targets[chunk.start..], self.padded, self.plan.n_outputs(), chunk.len())
    }

    pub(crate) fn sample_weights(&self, chunk: &Range<usize>) -> &[f64] {
        &self.sample_weights[chunk.clone()]
    }

    pub(crate) fn padded(&self) -> usize {
        self.padded
    }

    /// Loss of the chunk on the tape; writes the deltas of the output layer.
    pub(crate) fn output_deltas(&self, tape: &mut Tape, chunk: &Range<usize>) -> f64 {
        let (y, w) = (self.targets(chunk), self.sample_weights(chunk));
        let (n, c) = (chunk.len(), self.plan.n_outputs());
        // Without deltas on the tape only the loss is wanted.
        let mut no_delta = Buffer::default();
        let Tape { outputs, probabilities, deltas, .. } = tape;
        let delta = deltas.last_mut().unwrap_or(&mut no_delta);
        if self.loss == Loss::CrossEntropy {
            probabilities.resize(c * n);
            return cross_entropy(&outputs[..c * n], &y, w, &mut probabilities[..c * n], delta);
        }
        let mut loss = 0.0;
        for k in 0..c {
            let row = k * n..(k + 1) * n;
            let delta = if delta.is_empty() { &mut [][..] } else { &mut delta[row.clone()] };
            loss += square(&outputs[row], y.row(k), w, self.loss.slope(), delta);
        }
        0.5 * self.loss.slope() * loss
    }
}

fn check_probabilities(data: &Dataset) -> Result<()> {
    if data.targets().ncols() < 2 {
        return Err(Error::shape("targets of a cross-entropy", "at least 2 columns, one for each class", "1"));
    }
    for (n, row) in data.targets().rows().into_iter().enumerate() {
        if row.iter().any(|&p| p < 0.0) || (row.sum() - 1.0).abs() > 1e-9 {
            let allowed = "probabilities of the classes: not negative, with sum 1";
            return Err(Error::parameter(format!("targets[{n}]"), format!("{:?}", row.to_vec()), allowed));
        }
    }
    Ok(())
}

/// At most sixteen equal parts, if the work is worth a thread.
fn parts(padded: usize, n_parameters: usize) -> Vec<Range<usize>> {
    let work = padded * n_parameters;
    let count = if work < 4_000_000 { 1 } else { 16.min(padded / 64).max(1) };
    let size = (padded / LANES).div_ceil(count) * LANES;
    (0..padded).step_by(size.max(LANES)).map(|start| start..(start + size).min(padded)).collect()
}

/// The elements in order, copied only where they are not.
pub(crate) fn contiguous(theta: ArrayView1<'_, f64>) -> std::borrow::Cow<'_, [f64]> {
    match theta.to_slice() {
        Some(slice) => slice.into(),
        None => theta.to_vec().into(),
    }
}

dispatch! {
    /// Weighted squared error of one output; writes the deltas unless the slice is empty.
    pub(crate) fn square = square_body(output: &[f64], target: &[f64], weight: &[f64], slope: f64, delta: &mut [f64]) -> f64;
}

#[inline(always)]
fn square_body<const FMA: bool>(output: &[f64], target: &[f64], weight: &[f64], slope: f64, delta: &mut [f64]) -> f64 {
    let n = output.len();
    let (target, weight) = (&target[..n], &weight[..n]);
    if delta.is_empty() {
        return vector::sum(n, |k| {
            let error = output[k] - target[k];
            weight[k] * error * error
        });
    }
    let delta = &mut delta[..n];
    vector::sum(n, |k| {
        let error = output[k] - target[k];
        let weighted = weight[k] * error;
        delta[k] = slope * weighted;
        weighted * error
    })
}

dispatch! {
    /// Cross-entropy of a chunk; writes probabilities, and deltas unless the slice is empty.
    fn cross_entropy = cross_entropy_body(
        outputs: &[f64], targets: &Rows<'_>, weight: &[f64], probabilities: &mut [f64], delta: &mut [f64],
    ) -> f64;
}

#[inline(always)]
fn cross_entropy_body<const FMA: bool>(
    outputs: &[f64],
    targets: &Rows<'_>,
    weight: &[f64],
    probabilities: &mut [f64],
    delta: &mut [f64],
) -> f64 {
    let n = weight.len();
    let c = outputs.len() / n;
    let mut largest = outputs[..n].to_vec();
    for k in 1..c {
        let row = &outputs[k * n..(k + 1) * n];
        for i in 0..n {
            largest[i] = if row[i] > largest[i] { row[i] } else { largest[i] };
        }
    }
    let mut sum = vec![0.0; n];
    let mut loss = 0.0;
    for k in 0..c {
        let (row, p) = (&outputs[k * n..(k + 1) * n], &mut probabilities[k * n..(k + 1) * n]);
        let y = &targets.row(k)[..n];
        for i in 0..n {
            p[i] = vector::exp::<FMA>(row[i] - largest[i]);
            sum[i] += p[i];
        }
        loss += vector::sum(n, |i| weight[i] * y[i] * (largest[i] - row[i]));
    }
    loss += vector::sum(n, |i| weight[i] * vector::ln::<FMA>(sum[i]));
    for s in &mut sum {
        *s = 1.0 / *s;
    }
    for k in 0..c {
        let p = &mut probabilities[k * n..(k + 1) * n];
        let y = &targets.row(k)[..n];
        for i in 0..n {
            p[i] *= sum[i];
        }
        if !delta.is_empty() {
            let delta = &mut delta[k * n..(k + 1) * n];
            for i in 0..n {
                delta[i] = weight[i] * (p[i] - y[i]);
            }
        }
    }
    loss
}

/// Tapes of evaluators that are gone, for those to come: touching fresh memory costs more than a small network.
#[derive(Debug, Default)]
struct TapePool(Mutex<Vec<Vec<Tape>>>);

impl TapePool {
    /// More sets than this are not kept.
    const KEPT: usize = 4;

    fn take(&self) -> Vec<Tape> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).pop().unwrap_or_default()
    }

    fn give(&self, tapes: Vec<Tape>) {
        let mut pool = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if pool.len() < Self::KEPT {
            pool.push(tapes);
        }
    }
}

impl Clone for TapePool {
    fn clone(&self) -> Self {
        Self::default()
    }
}

impl Drop for Evaluator<'_> {
    fn drop(&mut self) {
        self.objective.pool.give(std::mem::take(&mut self.tapes));
    }
}

/// Adds what one chunk contributes; gets the tape after the output deltas were written.
pub(crate) type Collect<'a> = dyn Fn(&mut Tape, &Range<usize>, &mut [f64]) + Sync + 'a;

/// An objective with the memory that its evaluation needs, for loops that evaluate often.
pub(crate) struct Evaluator<'a> {
    pub objective: &'a Objective,
    /// Kept from call to call, by order and size of chunks.
    tapes: Vec<Tape>,
}

impl Evaluator<'_> {
    /// A tape for passes of an order in chunks of at most `chunk` samples; give it back with [`keep`](Self::keep).
    pub fn tape(&mut self, order: Order, chunk: usize) -> Tape {
        // Chunks of equal size: a short last one would cost as much in sums over lanes as a long one.
        let longest = self.objective.parts[0].len();
        let chunk = longest.div_ceil(longest.div_ceil(chunk)).next_multiple_of(LANES);
        match self.tapes.iter().position(|tape| tape.order() == order && tape.capacity() == chunk) {
            Some(found) => self.tapes.swap_remove(found),
            None => Tape::new(&self.objective.plan, chunk, order),
        }
    }

    /// Keeps a tape for the next call.
    pub fn keep(&mut self, tape: Tape) {
        self.tapes.push(tape);
    }

    /// The loss.
    pub fn value(&mut self, theta: &[f64]) -> f64 {
        let chunk = self.objective.plan.chunk(4);
        self.over_parts(theta, Order::Values, chunk, &mut [], &|_, _, _| {})
    }

    /// Sums the loss and what `collect` adds to `out` over all samples: part by part, chunk by chunk, always in the
    /// same order.
    pub fn over_parts(
        &mut self,
        theta: &[f64],
        order: Order,
        chunk: usize,
        out: &mut [f64],
        collect: &Collect<'_>,
    ) -> f64 {
        let objective = self.objective;
        let run = |part: &Range<usize>, tape: &mut Tape, out: &mut [f64]| {
            let mut loss = 0.0;
            for start in part.clone().step_by(tape.capacity()) {
                let chunk = start..(start + tape.capacity()).min(part.end);
                tape.forward(&objective.plan, theta, objective.inputs(&chunk), order);
                loss += objective.output_deltas(tape, &chunk);
                collect(tape, &chunk, out);
            }
            loss
        };
        let decay = 0.5 * objective.weight_decay * theta.iter().map(|t| t * t).sum::<f64>();
        let mut tape = self.tape(order, chunk);
        let parts = &objective.parts;
        let loss: f64 = if parts.len() == 1 {
            run(&parts[0], &mut tape, out)
        } else if threads::limit() == 1 {
            let mut partial = vec![0.0; out.len()];
            parts.iter().fold(0.0, |loss, part| {
                partial.fill(0.0);
                let loss = loss + run(part, &mut tape, &mut partial);
                out.iter_mut().zip(&partial).for_each(|(out, partial)| *out += partial);
                loss
            })
        } else {
            let zero = vec![0.0; out.len()];
            let results: Vec<(f64, Vec<f64>)> = threads::install(|| {
                parts
                    .par_iter()
                    .map(|part| {
                        let mut tape = Tape::new(&objective.plan, tape.capacity(), order);
                        let mut partial = zero.clone();
                        (run(part, &mut tape, &mut partial), partial)
                    })
                    .collect()
            });
            results.iter().fold(0.0, |loss, (part, partial)| {
                out.iter_mut().zip(partial).for_each(|(out, partial)| *out += partial);
                loss + part
            })
        };
        self.keep(tape);
        loss + decay
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::activation::Activation;
    use crate::network::{Bias, Initialisation};
    use ndarray::array;
    use neuropil_core::random::Seed;

    fn problem(n: usize, c: usize) -> (Mlp, Dataset) {
        let network = Mlp::two_layer(2, 3, c, Activation::Softplus, Bias::With);
        let x = Array2::from_shape_fn((n, 2), |(i, j)| ((i * 7 + j * 3) % 11) as f64 / 5.0 - 1.0);
        let y = Array2::from_shape_fn((n, c), |(i, k)| ((i + 2 * k) % 5) as f64 / 3.0);
        (network, Dataset::new(x, y).unwrap())
    }

    #[test]
    fn losses_of_any_number_of_samples_equal_a_scalar_sum() {
        for n in [1, 2, 7, 8, 9].into_iter().chain(60..=80).chain([1023, 1025]) {
            let (network, data) = problem(n, 2);
            let theta = network.initialise(Initialisation::default(), Seed::new(n as u64)).into_theta();
            let outputs = network.predict(theta.view(), data.inputs()).unwrap();
            let mut sum = 0.0;
            for i in 0..n {
                for k in 0..2 {
                    sum += (outputs[[i, k]] - data.targets()[[i, k]]).powi(2) / n as f64;
                }
            }
            let loss = Objective::new(&network, &data, Loss::Square).unwrap().value(theta.view()).unwrap();
            assert!((loss - sum).abs() < 1e-12, "{n} samples: {loss} instead of {sum}");
            let half = Objective::new(&network, &data, Loss::HalfSquare).unwrap().value(theta.view()).unwrap();
            assert_eq!(half, 0.5 * loss);
        }
    }

    #[test]
    fn the_cross_entropy_is_that_of_the_definition() {
        let (network, data) = problem(23, 3);
        let labels: Vec<usize> = (0..23).map(|i| i % 3).collect();
        let data = Dataset::labelled(data.inputs().to_owned(), &labels, 3).unwrap();
        let theta = network.initialise(Initialisation::Normal(2.0), Seed::new(0)).into_theta();
        let outputs = network.predict(theta.view(), data.inputs()).unwrap();
        let expected: f64 = outputs
            .rows()
            .into_iter()
            .zip(&labels)
            .map(|(f, &label)| f.iter().map(|f| f.exp()).sum::<f64>().ln() - f[label])
            .sum::<f64>()
            / 23.0;
        let objective = Objective::new(&network, &data, Loss::CrossEntropy).unwrap();
        assert!((objective.value(theta.view()).unwrap() - expected).abs() < 1e-14);
        let decay = objective.with_weight_decay(0.1).unwrap().value(theta.view()).unwrap();
        assert!((decay - expected - 0.05 * theta.dot(&theta)).abs() < 1e-13);
    }

    #[test]
    fn residuals_square_to_the_loss() {
        let (network, data) = problem(10, 2);
        let weights = Array1::from_shape_fn(10, |i| 0.1 * i as f64);
        let objective = Objective::new(&network, &data.with_weights(weights).unwrap(), Loss::Square).unwrap();
        let theta = network.initialise(Initialisation::default(), Seed::new(5)).into_theta();
        let residuals = objective.residuals(theta.view()).unwrap();
        assert!((residuals.dot(&residuals) - objective.value(theta.view()).unwrap()).abs() < 1e-14);
    }

    #[test]
    fn data_that_do_not_fit_the_network_are_refused() {
        let (network, data) = problem(10, 2);
        let narrow = Mlp::two_layer(1, 3, 2, Activation::G, Bias::With);
        assert!(
            Objective::new(&narrow, &data, Loss::Square).unwrap_err().to_string().starts_with("inputs: expected 1")
        );
        let single = Mlp::two_layer(2, 3, 1, Activation::G, Bias::With);
        assert!(Objective::new(&single, &data, Loss::Square).is_err());
        let error = Objective::new(&network, &data, Loss::CrossEntropy).unwrap_err().to_string();
        assert!(error.contains("probabilities"), "{error}");
        let one = Dataset::new(array![[0.0, 1.0]], array![[1.0]]).unwrap();
        assert!(Objective::new(&single, &one, Loss::CrossEntropy).is_err());
        let objective = Objective::new(&network, &data, Loss::Square).unwrap();
        assert!(objective.value(array![1.0].view()).is_err());
        assert!(objective.with_weight_decay(-1.0).is_err());
    }
}
