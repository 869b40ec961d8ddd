//! Two neurons drawn together by a spring: the soft variant of a [permutation path](crate::permutation_path).
//!
//! The loss plus `strength / 2 * |w_i - w_j|^2` is minimised for one strength after the other, each time from the minimum
//! before. With weak springs the neurons stay apart, with strong ones their incoming vectors become equal, and the end is the
//! minimum of the network with one neuron less. Unlike the distances of a permutation path the strengths leave the
//! distance free, so that a jump of the minimum shows as a jump of the distance.

use ndarray::{Array1, ArrayView1};
use neuropil_core::check;
use neuropil_core::progress::Monitor;

use crate::error::Result;
use crate::expansion::check_pair;
use crate::loss::Objective;
use crate::network::Parameters;
use crate::neuron::{check_layer, neurons};
use crate::pair::{at, incoming_positions};
use crate::polish::{PolishParameters, Status, polish};
use crate::smooth::{Landscape, Smooth};

/// The minimum at one strength of the spring.
#[derive(Debug, Clone, PartialEq)]
pub struct SoftStep {
    /// The strength.
    pub strength: f64,
    /// The minimum.
    pub parameters: Parameters,
    /// The loss there, without the spring.
    pub loss: f64,
    /// Distance of the incoming vectors.
    pub distance: f64,
    /// How the minimisation ended.
    pub status: Status,
}

/// Draws two neurons of a hidden layer together, with springs of these strengths in this order.
///
/// # Errors
/// If there is no such pair, their activations differ, a strength is negative or not finite, or the monitor was cancelled.
pub fn soft_merge(
    objective: &Objective,
    start: &Parameters,
    layer: usize,
    pair: (usize, usize),
    (strengths, how): (&[f64], &PolishParameters),
    monitor: &Monitor,
) -> Result<Vec<SoftStep>> {
    check_layer(start.network(), layer)?;
    check_pair(&neurons(start, layer)?, pair.0, pair.1)?;
    check::each("strengths", strengths, check::non_negative)?;
    let positions =
        [pair.0, pair.1].map(|neuron| incoming_positions(start.network(), layer, neuron)).map(Vec::into_boxed_slice);
    let task = monitor.task("soft merge", strengths.len() as u64);
    let mut theta = start.theta().to_owned();
    let mut steps = Vec::with_capacity(strengths.len());
    for &strength in strengths {
        let drawn = Drawn { objective, positions: &positions, strength };
        let found = polish(&drawn, theta.view(), how, &monitor.quiet())?;
        theta = found.theta;
        let distance = stretch(&positions, |k| theta[k]).map(|d| d * d).sum::<f64>().sqrt();
        let loss = objective.value(theta.view())?;
        steps.push(SoftStep { strength, parameters: at(start, &theta), loss, distance, status: found.status });
        task.advance(1);
    }
    Ok(steps)
}

/// `w_i - w_j`.
fn stretch(positions: &[Box<[usize]>; 2], theta: impl Fn(usize) -> f64) -> impl Iterator<Item = f64> {
    positions[0].iter().zip(&positions[1]).map(move |(&i, &j)| theta(i) - theta(j))
}

/// A loss with a spring between two neurons.
struct Drawn<'a> {
    objective: &'a Objective,
    positions: &'a [Box<[usize]>; 2],
    strength: f64,
}

impl Landscape for Drawn<'_> {
    fn smooth(&self) -> Box<dyn Smooth + '_> {
        let (inner, positions, strength) = (self.objective.smooth(), self.positions, self.strength);
        Box::new(Spring { inner, positions, strength })
    }

    fn check(&self, theta: ArrayView1<f64>) -> Result<()> {
        self.objective.check(theta)
    }

    fn check_hessian(&self) -> Result<()> {
        self.objective.check_hessian()
    }
}

struct Spring<'a> {
    inner: Box<dyn Smooth + 'a>,
    positions: &'a [Box<[usize]>; 2],
    strength: f64,
}

impl Spring<'_> {
    fn energy(&self, theta: &[f64]) -> f64 {
        0.5 * self.strength * stretch(self.positions, |k| theta[k]).map(|d| d * d).sum::<f64>()
    }

    fn pull(&self, theta: &[f64], gradient: &mut [f64]) {
        let pulls: Array1<f64> = stretch(self.positions, |k| theta[k]).map(|d| self.strength * d).collect();
        for ((&i, &j), pull) in self.positions[0].iter().zip(&self.positions[1]).zip(&pulls) {
            gradient[i] += pull;
            gradient[j] -= pull;
        }
    }
}

impl Smooth for Spring<'_> {
    fn n_parameters(&self) -> usize {
        self.inner.n_parameters()
    }

    fn value(&mut self, theta: &[f64]) -> f64 {
        self.inner.value(theta) + self.energy(theta)
    }

    fn value_and_gradient(&mut self, theta: &[f64], gradient: &mut [f64]) -> f64 {
        let value = self.inner.value_and_gradient(theta, gradient);
        self.pull(theta, gradient);
        value + self.energy(theta)
    }

    fn derivatives(&mut self, theta: &[f64], gradient: &mut [f64], hessian: &mut [f64]) -> f64 {
        let value = self.inner.derivatives(theta, gradient, hessian);
        self.pull(theta, gradient);
        let n = theta.len();
        for (&i, &j) in self.positions[0].iter().zip(&self.positions[1]) {
            hessian[i * n + i] += self.strength;
            hessian[j * n + j] += self.strength;
            hessian[i * n + j] -= self.strength;
            hessian[j * n + i] -= self.strength;
        }
        value + self.energy(theta)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Activation, TeacherOutputs, TeacherTask};

    #[test]
    fn a_strong_spring_leads_to_the_narrower_minimum() {
        let task = TeacherTask::new(Activation::G, TeacherOutputs::One).unwrap();
        let objective = task.student(4).unwrap();
        let strengths: Vec<f64> = (0..8).map(|k| 1e-3 * 10.0_f64.powi(k)).collect();
        let how = PolishParameters { gradient_tolerance: 1e-11, ..PolishParameters::default() };
        let steps = soft_merge(&objective, &task.teacher, 0, (2, 3), (&strengths, &how), &Monitor::silent()).unwrap();
        for pair in steps.windows(2) {
            // Each minimum is better, with its spring, than the one that it was reached from.
            let energy = |step: &SoftStep| step.loss + 0.5 * pair[1].strength * step.distance.powi(2);
            assert!(energy(&pair[1]) <= energy(&pair[0]) * (1.0 + 1e-12), "strength {}", pair[1].strength);
        }
        let last = &steps[7];
        assert!(last.distance < 1e-4, "distance {}", last.distance);
        assert!((last.loss / 1.235_260_084_5e-2 - 1.0).abs() < 1e-3, "loss {}", last.loss);
        let wrong = [f64::NAN];
        assert!(soft_merge(&objective, &task.teacher, 0, (2, 3), (&wrong, &how), &Monitor::silent()).is_err());
        assert!(soft_merge(&objective, &task.teacher, 0, (2, 2), (&strengths, &how), &Monitor::silent()).is_err());
    }
}
