//! Infinite data: the loss of a student that learns from a teacher on all of `x ~ N(0, 1)`, without sampling.
//!
//! `Loss = sum_ij a_i a_j I(w_i, w_j) - 2 sum_ik a_i b_k I(w_i, v_k) + sum_kl b_k b_l I(v_k, v_l)` with the
//! [overlaps](crate::overlap) `I`, for one hidden layer and one output without output bias. Loss, gradient and Hessian are
//! exact (to the quadrature for activations without closed form).

use ndarray::{Array1, Array2, ArrayView1};

use crate::error::{Error, Result};
use crate::network::{LayerActivation, Mlp, Parameters};
use crate::overlap::{OverlapRule, Pair};
use crate::overlap_curvature::Moments;
use crate::smooth::{Landscape, Smooth};

/// A student that learns from a teacher on Gaussian inputs of unit variance.
///
/// ```
/// use ndarray::array;
/// use neuropil_landscape::{Activation, Bias, InfiniteData, Mlp};
///
/// let teacher = Mlp::two_layer(2, 2, 1, Activation::Erf, Bias::Without)
///     .parameters(array![1.0, 0.0, 0.0, 1.0, 1.0, 1.0])?;
/// let data = InfiniteData::new(&teacher, 1)?;
/// // A student that copies one of two teachers.
/// assert!((data.value(array![1.0, 0.0, 1.0].view())? - 1.0 / 3.0).abs() < 1e-15);
/// # Ok::<(), neuropil_landscape::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct InfiniteData {
    student: Mlp,
    rule: OverlapRule,
    /// Incoming weights, bias last, and outgoing weight.
    teacher: Vec<(Vec<f64>, f64, f64)>,
    constant: f64,
}

/// Quadrature nodes in each dimension for activations without closed form.
const NODES: usize = 200;

impl InfiniteData {
    /// The problem of a student of a width, with the activation and the hidden bias of the teacher.
    ///
    /// # Errors
    /// [`Error::Undefined`] for a teacher with several hidden layers, several outputs, an output bias or several
    /// activations; for relu with bias, and for selu, whose derivative jumps.
    pub fn new(teacher: &Parameters, width: usize) -> Result<Self> {
        let network = teacher.network();
        let undefined = |case: &str| {
            Err(Error::Undefined {
                what: "the loss on infinite data".into(),
                case: case.into(),
                advice: "use a teacher with one hidden layer, one output, one activation and no output bias".into(),
            })
        };
        if network.n_layers() != 2 || network.n_outputs() != 1 || network.has_bias(1) {
            return undefined("this teacher");
        }
        let LayerActivation::Same(activation) = &network.activations[0] else {
            return undefined("a different activation for each neuron");
        };
        if *activation == crate::Activation::Relu && network.has_bias(0) {
            return undefined("relu with bias");
        }
        // Without a closed form derivatives come from Stein's lemma, which needs a slope that does not jump.
        if *activation != crate::Activation::Relu && !activation.is_twice_differentiable() {
            return undefined(&format!("{activation}, which is not twice differentiable"));
        }
        let mut student = network.clone();
        student.widths[1] = width;
        student.validate()?;
        let neurons = neurons(network, &teacher.theta().to_vec());
        let rule = OverlapRule::new(activation, NODES)?;
        let mut data = Self { student, rule, teacher: neurons, constant: 0.0 };
        data.constant = data
            .teacher
            .iter()
            .flat_map(|a| data.teacher.iter().map(move |b| (a, b)))
            .map(|(a, b)| a.2 * b.2 * data.rule.at(pair(a, b)).value)
            .sum();
        Ok(data)
    }

    /// The student's network.
    #[must_use]
    pub fn network(&self) -> &Mlp {
        &self.student
    }

    /// The loss.
    ///
    /// # Errors
    /// [`Error::Shape`], [`Error::NotFinite`].
    pub fn value(&self, theta: ArrayView1<f64>) -> Result<f64> {
        Ok(self.value_and_gradient(theta)?.0)
    }

    /// The loss and its gradient.
    ///
    /// # Errors
    /// As [`value`](Self::value).
    pub fn value_and_gradient(&self, theta: ArrayView1<f64>) -> Result<(f64, Array1<f64>)> {
        self.student.check_parameters(theta)?;
        let mut gradient = vec![0.0; theta.len()];
        let value = self.evaluate(&theta.to_vec(), &mut gradient);
        Ok((value, gradient.into()))
    }

    /// The Hessian.
    ///
    /// # Errors
    /// As [`value`](Self::value).
    pub fn hessian(&self, theta: ArrayView1<f64>) -> Result<Array2<f64>> {
        self.student.check_parameters(theta)?;
        let n = theta.len();
        let mut hessian = Array2::zeros((n, n));
        let out = hessian.as_slice_mut().unwrap_or_default();
        self.curvature(&theta.to_vec(), out);
        Ok(hessian)
    }

    fn evaluate(&self, theta: &[f64], gradient: &mut [f64]) -> f64 {
        gradient.fill(0.0);
        let student = neurons(&self.student, theta);
        let outgoing = self.student.weight_range(1).start;
        let (weights, bias) = (self.student.weight_range(0), self.student.bias_range(0));
        let d = self.student.n_inputs();
        let mut loss = self.constant;
        for (i, neuron) in student.iter().enumerate() {
            let others = student.iter().map(|other| (other, 1.0)).chain(self.teacher.iter().map(|v| (v, -1.0)));
            for (k, (other, sign)) in others.enumerate() {
                let overlap = self.rule.at(pair(neuron, other));
                let is_student = k < student.len();
                // Each pair of students is met twice, each teacher once.
                let factor = if is_student { 1.0 } else { 2.0 };
                loss += factor * sign * neuron.2 * other.2 * overlap.value;
                gradient[outgoing + i] += 2.0 * sign * other.2 * overlap.value;
                let scale = 2.0 * sign * neuron.2 * other.2;
                for p in 0..d {
                    let by = overlap.by_u * neuron.0[p] + overlap.by_v * other.0[p];
                    gradient[weights.start + i * d + p] += scale * by;
                }
                if !bias.is_empty() {
                    gradient[bias.start + i] += scale * overlap.by_bias;
                }
            }
        }
        loss
    }

    /// Writes the Hessian: with `L_i = 2 a_i sum_o s_o a_o I(i, o)` over students (`s = 1`) and teachers (`s = -1`), the
    /// derivative by neuron `i` of the loss is that of `L_i` by its first argument.
    fn curvature(&self, theta: &[f64], hessian: &mut [f64]) {
        hessian.fill(0.0);
        let n = theta.len();
        let student = neurons(&self.student, theta);
        let outgoing = self.student.weight_range(1).start;
        let (d, biases) = (self.student.n_inputs(), self.student.bias_range(0));
        // Incoming weights of a neuron, and its bias where there is one.
        let incoming = |i: usize| -> Vec<usize> { (i * d..(i + 1) * d).chain(biases.clone().nth(i)).collect() };
        for (i, neuron) in student.iter().enumerate() {
            let rows = incoming(i);
            let others = student.iter().map(|other| (other, 1.0)).chain(self.teacher.iter().map(|v| (v, -1.0)));
            for (k, (other, sign)) in others.enumerate() {
                let at = pair(neuron, other);
                let overlap = self.rule.at(at);
                let curvature = self.rule.curvature(&neuron.0, &other.0, at);
                let slope: Vec<f64> = (0..d)
                    .map(|p| overlap.by_u * neuron.0[p] + overlap.by_v * other.0[p])
                    .chain((!biases.is_empty()).then_some(overlap.by_bias))
                    .collect();
                let scale = 2.0 * sign * neuron.2 * other.2;
                let block =
                    |moments: &Moments, row: usize, column: usize| moments.entry(&curvature.basis, row, column, d);
                for (a, &row) in rows.iter().enumerate() {
                    for (b, &column) in rows.iter().enumerate() {
                        hessian[row * n + column] += scale * block(&curvature.same, a, b);
                    }
                    hessian[row * n + outgoing + i] += 2.0 * sign * other.2 * slope[a];
                }
                // Only another student moves.
                if k >= student.len() {
                    continue;
                }
                let columns = incoming(k);
                for (a, &row) in rows.iter().enumerate() {
                    for (b, &column) in columns.iter().enumerate() {
                        hessian[row * n + column] += scale * block(&curvature.other, a, b);
                    }
                    hessian[row * n + outgoing + k] += 2.0 * neuron.2 * slope[a];
                }
                hessian[(outgoing + i) * n + outgoing + k] += 2.0 * overlap.value;
            }
        }
        // Rows of outgoing weights mirror their columns; rounding is shared between both halves of the rest.
        for i in 0..n {
            for j in 0..i {
                let (low, high) = (hessian[i * n + j], hessian[j * n + i]);
                let both = if i >= outgoing && j < outgoing { high } else { 0.5 * (low + high) };
                hessian[i * n + j] = both;
                hessian[j * n + i] = both;
            }
        }
    }
}

/// Incoming weights, bias and outgoing weight of each neuron.
fn neurons(network: &Mlp, theta: &[f64]) -> Vec<(Vec<f64>, f64, f64)> {
    let (d, m) = (network.n_inputs(), network.widths[1]);
    let (bias, outgoing) = (network.bias_range(0), network.weight_range(1).start);
    (0..m)
        .map(|i| {
            let b = if bias.is_empty() { 0.0 } else { theta[bias.start + i] };
            (theta[i * d..(i + 1) * d].to_vec(), b, theta[outgoing + i])
        })
        .collect()
}

fn pair(a: &(Vec<f64>, f64, f64), b: &(Vec<f64>, f64, f64)) -> Pair {
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum();
    Pair { uu: dot(&a.0, &a.0), vv: dot(&b.0, &b.0), uv: dot(&a.0, &b.0), b: a.1, c: b.1 }
}

impl Landscape for InfiniteData {
    fn smooth(&self) -> Box<dyn Smooth + '_> {
        Box::new(self)
    }

    fn check(&self, theta: ArrayView1<f64>) -> Result<()> {
        self.student.check_parameters(theta)
    }
}

impl Smooth for &InfiniteData {
    fn n_parameters(&self) -> usize {
        self.student.n_parameters()
    }

    fn value(&mut self, theta: &[f64]) -> f64 {
        self.evaluate(theta, &mut vec![0.0; theta.len()])
    }

    fn value_and_gradient(&mut self, theta: &[f64], gradient: &mut [f64]) -> f64 {
        self.evaluate(theta, gradient)
    }

    fn derivatives(&mut self, theta: &[f64], gradient: &mut [f64], hessian: &mut [f64]) -> f64 {
        self.curvature(theta, hessian);
        self.evaluate(theta, gradient)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::activation::Activation;
    use crate::network::{Bias, Initialisation};
    use crate::train::{TrainParameters, train};
    use neuropil_core::progress::Monitor;
    use neuropil_core::random::Seed;

    /// `k` teachers with orthonormal incoming weights and outgoing weights of one.
    fn orthonormal(k: usize) -> Parameters {
        let network = Mlp::two_layer(k, k, 1, Activation::Erf, Bias::Without);
        let (eye, ones) = (Array2::eye(k), Array2::ones((1, k)));
        network.parameters_from_layers(&[(eye, None), (ones, None)]).unwrap()
    }

    #[test]
    fn one_neuron_averages_all_teachers() {
        for (k, known) in [(2, 0.023_221_680_6), (3, 0.040_593_177_3)] {
            let data = InfiniteData::new(&orthonormal(k), 1).unwrap();
            let k_f = k as f64;
            let exact = k_f / 3.0 - 2.0 * k_f * k_f / std::f64::consts::PI * (1.0 / (2.0 * k_f)).asin();
            assert!((exact - known).abs() < 1e-10);
            // A quarter of the way to the teachers' mean direction, off it a little.
            let start: Array1<f64> = (0..k).map(|i| 0.3 + 0.05 * i as f64).chain([1.0]).collect();
            let mut parameters = TrainParameters::default();
            parameters.polish.gradient_tolerance = 1e-14;
            let trained = train(&data, start.view(), &parameters, &Monitor::silent()).unwrap();
            assert!((trained.loss - exact).abs() < 1e-12, "{} instead of {exact}", trained.loss);
            assert!((trained.theta[k] - k_f).abs() < 1e-8);
            let norm: f64 = (0..k).map(|i| trained.theta[i].powi(2)).sum();
            assert!((norm - 1.0 / (2.0 * k_f - 1.0)).abs() < 1e-8);
        }
    }

    #[test]
    fn a_copy_of_one_of_two_teachers_leaves_a_third_and_an_empty_student_two_thirds() {
        let data = InfiniteData::new(&orthonormal(2), 1).unwrap();
        let loss = |theta: [f64; 3]| data.value(Array1::from(theta.to_vec()).view()).unwrap();
        assert!((loss([1.0, 0.0, 1.0]) - 1.0 / 3.0).abs() < 1e-15);
        assert!((loss([1.0, 0.0, 0.0]) - 2.0 / 3.0).abs() < 1e-15);
    }

    #[test]
    fn gradients_and_hessians_agree_with_finite_differences() {
        for (activation, bias) in [
            (Activation::Erf, Bias::Without),
            (Activation::Erf, Bias::With),
            (Activation::NormalCdf, Bias::With),
            (Activation::Relu, Bias::Without),
            (Activation::Softplus, Bias::With),
        ] {
            let mut network = Mlp::two_layer(3, 2, 1, activation, bias);
            network.biases[1] = Bias::Without;
            let teacher = network.initialise(Initialisation::Normal(1.0), Seed::new(1));
            let data = InfiniteData::new(&teacher, 3).unwrap();
            let theta = data.network().initialise(Initialisation::Normal(0.8), Seed::new(2)).into_theta();
            let (_, gradient) = data.value_and_gradient(theta.view()).unwrap();
            for i in 0..theta.len() {
                let at = |h: f64| {
                    let mut moved = theta.clone();
                    moved[i] += h;
                    data.value(moved.view()).unwrap()
                };
                assert!((gradient[i] - (at(1e-5) - at(-1e-5)) / 2e-5).abs() < 1e-8);
            }
            let hessian = data.hessian(theta.view()).unwrap();
            for i in 0..theta.len() {
                let at = |h: f64| {
                    let mut moved = theta.clone();
                    moved[i] += h;
                    data.value_and_gradient(moved.view()).unwrap().1
                };
                let numeric = (at(1e-5) - at(-1e-5)) / 2e-5;
                for j in 0..theta.len() {
                    let (exact, numeric) = (hessian[[i, j]], numeric[j]);
                    assert!(
                        (exact - numeric).abs() < 1e-8,
                        "{} [{i}, {j}]: {exact}, {numeric}",
                        network.activations[0].of(0)
                    );
                }
            }
            let exact = data.value(teacher.theta()).is_err();
            assert!(exact, "a teacher of another width does not fit");
        }
    }

    #[test]
    fn teachers_without_an_expectation_are_refused() {
        let deep = Mlp::uniform(&[2, 2, 2, 1], &Activation::Erf, Bias::Without).zeros();
        assert!(InfiniteData::new(&deep, 1).is_err());
        let biased = Mlp::two_layer(2, 2, 1, Activation::Erf, Bias::With).zeros();
        assert!(InfiniteData::new(&biased, 1).unwrap_err().to_string().contains("output bias"));
        let jumping = Mlp::two_layer(2, 2, 1, Activation::Selu, Bias::Without).zeros();
        let refused = InfiniteData::new(&jumping, 1).unwrap_err().to_string();
        assert!(refused.contains("selu, which is not twice differentiable"), "{refused}");
    }
}
