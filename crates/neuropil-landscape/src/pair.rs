//! Coordinates of a pair of neurons that are held at a distance, or merged.
//!
//! The incoming vectors of neurons `i` and `j` become their mean `c` and their difference `D`: `w_i = c + D/2`,
//! `w_j = c - D/2`. Held at a distance, `|D| = delta`, the difference moves on a sphere: its normal direction is taken out
//! (a Householder reflection turns it into the first axis) and the curvature of the sphere enters the Hessian. Merged,
//! `D = 0` and both outgoing vectors move together. In these coordinates the constrained minimum is found by Newton steps
//! with as much of a multiple of the unit matrix as makes them go downhill.

use ndarray::{Array1, Array2};

use crate::eigen::solve_shifted;
use crate::{Mlp, Objective, Parameters, Result};

/// What the pair has to obey.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Constraint {
    /// Incoming vectors at this distance.
    Distance(f64),
    /// Equal incoming and equal outgoing vectors.
    Merged,
}

/// Where the weights of a pair of neurons stand in the parameter vector.
#[derive(Debug, Clone)]
pub(crate) struct Pair {
    incoming: [Vec<usize>; 2],
    outgoing: [Vec<usize>; 2],
}

/// A constrained minimum.
#[derive(Debug, Clone)]
pub(crate) struct Minimum {
    pub theta: Array1<f64>,
    pub value: f64,
    pub converged: bool,
}

/// Gradient and Hessian along the constraint.
struct Reduced {
    gradient: Array1<f64>,
    hessian: Array2<f64>,
    kept: Vec<usize>,
    reflector: Option<Array1<f64>>,
}

/// Positions of the incoming weights of a neuron, with its bias.
pub(crate) fn incoming_positions(network: &Mlp, layer: usize, neuron: usize) -> Vec<usize> {
    let inputs = network.widths[layer];
    let start = network.weight_range(layer).start + neuron * inputs;
    let bias = network.bias_range(layer).nth(neuron);
    (start..start + inputs).chain(bias).collect()
}

/// Positions of the outgoing weights of a neuron.
pub(crate) fn outgoing_positions(network: &Mlp, layer: usize, neuron: usize) -> Vec<usize> {
    let (start, width) = (network.weight_range(layer + 1).start, network.widths[layer + 1]);
    (0..network.widths[layer + 2]).map(|output| start + output * width + neuron).collect()
}

impl Pair {
    pub fn new(network: &Mlp, layer: usize, pair: (usize, usize)) -> Self {
        let both = |positions: fn(&Mlp, usize, usize) -> Vec<usize>| {
            [positions(network, layer, pair.0), positions(network, layer, pair.1)]
        };
        Self { incoming: both(incoming_positions), outgoing: both(outgoing_positions) }
    }

    /// `w_i - w_j`.
    pub fn difference(&self, theta: &Array1<f64>) -> Array1<f64> {
        self.incoming[0].iter().zip(&self.incoming[1]).map(|(&i, &j)| theta[i] - theta[j]).collect()
    }

    /// Share of the summed outgoing vector that the first neuron has.
    pub fn share(&self, theta: &Array1<f64>) -> f64 {
        let (mut part, mut whole) = (0.0, 0.0);
        for (&i, &j) in self.outgoing[0].iter().zip(&self.outgoing[1]) {
            let sum = theta[i] + theta[j];
            part += theta[i] * sum;
            whole += sum * sum;
        }
        part / whole
    }

    /// The nearest point that obeys the constraint.
    pub fn project(&self, theta: &Array1<f64>, constraint: Constraint) -> Array1<f64> {
        let mut projected = theta.clone();
        match constraint {
            Constraint::Distance(delta) => {
                let difference = self.difference(theta);
                let length = difference.dot(&difference).sqrt();
                for (k, (&i, &j)) in self.incoming[0].iter().zip(&self.incoming[1]).enumerate() {
                    let mean = 0.5 * (theta[i] + theta[j]);
                    let half = 0.5 * delta * difference[k] / length;
                    projected[i] = mean + half;
                    projected[j] = mean - half;
                }
            }
            Constraint::Merged => {
                for (&i, &j) in self.pairs() {
                    let mean = 0.5 * (theta[i] + theta[j]);
                    projected[i] = mean;
                    projected[j] = mean;
                }
            }
        }
        projected
    }

    /// The same point with the two neurons exchanged.
    pub fn exchange(&self, theta: &Array1<f64>) -> Array1<f64> {
        let mut exchanged = theta.clone();
        for (&i, &j) in self.pairs() {
            exchanged.swap(i, j);
        }
        exchanged
    }

    fn pairs(&self) -> impl Iterator<Item = (&usize, &usize)> {
        let incoming = self.incoming[0].iter().zip(&self.incoming[1]);
        incoming.chain(self.outgoing[0].iter().zip(&self.outgoing[1]))
    }

    /// Newton's method along the constraint from a start that obeys it.
    pub fn minimise(
        &self,
        objective: &Objective,
        start: &Array1<f64>,
        constraint: Constraint,
        tolerance: f64,
        max_iterations: usize,
    ) -> Result<Minimum> {
        let mut theta = start.clone();
        let (mut value, mut gradient) = objective.value_and_gradient(theta.view())?;
        let mut shift = 0.0;
        for _ in 0..max_iterations {
            let hessian = objective.hessian(theta.view())?;
            let reduced = self.reduce(&theta, gradient.clone(), hessian, constraint);
            let size = largest(&reduced.gradient);
            if size <= tolerance {
                return Ok(Minimum { theta, value, converged: true });
            }
            let scale = reduced.hessian.diag().iter().fold(1e-12_f64, |scale, value| scale.max(value.abs()));
            let mut accepted = false;
            while shift <= 1e8 * scale {
                let step = solve_shifted(&reduced.hessian, shift, &reduced.gradient);
                if let Some(step) = step {
                    let next = self.retract(&theta, &reduced, &step, constraint);
                    let (next_value, next_gradient) = objective.value_and_gradient(next.view())?;
                    // Near the minimum the loss no longer tells two points apart, but the gradient does.
                    let flat = (next_value - value).abs() <= 1e-13 * value.abs();
                    let better = next_value < value && !flat
                        || flat && largest(&self.along(&next, &next_gradient, constraint)) < 0.9 * size;
                    if better {
                        (theta, value, gradient) = (next, next_value, next_gradient);
                        shift = if shift <= 1e-10 * scale { 0.0 } else { shift / 10.0 };
                        accepted = true;
                        break;
                    }
                }
                shift = (shift * 10.0).max(1e-8 * scale);
            }
            if !accepted {
                return Ok(Minimum { theta, value, converged: false });
            }
        }
        let size = largest(&self.along(&theta, &gradient, constraint));
        Ok(Minimum { theta, value, converged: size <= tolerance })
    }

    /// The gradient along the constraint, in the coordinates of the parameters.
    fn along(&self, theta: &Array1<f64>, gradient: &Array1<f64>, constraint: Constraint) -> Array1<f64> {
        let mut along = gradient.clone();
        match constraint {
            Constraint::Distance(delta) => {
                let difference = self.difference(theta);
                let pairs = || self.incoming[0].iter().zip(&self.incoming[1]).zip(&difference);
                let normal: f64 = pairs().map(|((&i, &j), d)| 0.5 * (gradient[i] - gradient[j]) * d).sum();
                for ((&i, &j), d) in pairs() {
                    let excess = normal * d / (delta * delta);
                    along[i] -= excess;
                    along[j] += excess;
                }
            }
            Constraint::Merged => {
                for (&i, &j) in self.pairs() {
                    let mean = 0.5 * (gradient[i] + gradient[j]);
                    along[i] = mean;
                    along[j] = mean;
                }
            }
        }
        along
    }

    fn reduce(
        &self,
        theta: &Array1<f64>,
        mut gradient: Array1<f64>,
        mut hessian: Array2<f64>,
        constraint: Constraint,
    ) -> Reduced {
        // Mean in the place of the first, difference in that of the second.
        let together = if constraint == Constraint::Merged { self.outgoing[0].len() } else { 0 };
        for (&i, &j) in self.pairs().take(self.incoming[0].len() + together) {
            let (a, b) = (gradient[i], gradient[j]);
            gradient[i] = a + b;
            gradient[j] = 0.5 * (a - b);
            for k in 0..gradient.len() {
                let (a, b) = (hessian[[i, k]], hessian[[j, k]]);
                hessian[[i, k]] = a + b;
                hessian[[j, k]] = 0.5 * (a - b);
            }
            for k in 0..gradient.len() {
                let (a, b) = (hessian[[k, i]], hessian[[k, j]]);
                hessian[[k, i]] = a + b;
                hessian[[k, j]] = 0.5 * (a - b);
            }
        }
        let (dropped, reflector) = match constraint {
            Constraint::Merged => (self.incoming[1].iter().chain(&self.outgoing[1]).copied().collect(), None),
            Constraint::Distance(delta) => {
                let difference = self.difference(theta);
                let block = &self.incoming[1];
                let normal: f64 = block.iter().zip(&difference).map(|(&k, d)| gradient[k] * d).sum::<f64>() / delta;
                let reflector = householder(&difference);
                reflect(&reflector, &mut gradient, block);
                for mut row in hessian.rows_mut() {
                    let mut copy = row.to_owned();
                    reflect(&reflector, &mut copy, block);
                    row.assign(&copy);
                }
                for mut column in hessian.columns_mut() {
                    let mut copy = column.to_owned();
                    reflect(&reflector, &mut copy, block);
                    column.assign(&copy);
                }
                for &k in &block[1..] {
                    hessian[[k, k]] -= normal / delta;
                }
                (vec![block[0]], Some(reflector))
            }
        };
        let kept: Vec<usize> = (0..gradient.len()).filter(|k| !dropped.contains(k)).collect();
        let reduced_gradient = kept.iter().map(|&k| gradient[k]).collect();
        let reduced_hessian = Array2::from_shape_fn((kept.len(), kept.len()), |(a, b)| hessian[[kept[a], kept[b]]]);
        Reduced { gradient: reduced_gradient, hessian: reduced_hessian, kept, reflector }
    }

    /// The point after the step `-step`, moved back onto the constraint.
    fn retract(
        &self,
        theta: &Array1<f64>,
        reduced: &Reduced,
        step: &Array1<f64>,
        constraint: Constraint,
    ) -> Array1<f64> {
        let mut change = Array1::<f64>::zeros(theta.len());
        for (&k, step) in reduced.kept.iter().zip(step) {
            change[k] = -step;
        }
        if let Some(reflector) = &reduced.reflector {
            reflect(reflector, &mut change, &self.incoming[1]);
        }
        for (&i, &j) in self.incoming[0].iter().zip(&self.incoming[1]) {
            let (mean, difference) = (change[i], change[j]);
            change[i] = mean + 0.5 * difference;
            change[j] = mean - 0.5 * difference;
        }
        if constraint == Constraint::Merged {
            for (&i, &j) in self.outgoing[0].iter().zip(&self.outgoing[1]) {
                change[j] = change[i];
            }
        }
        self.project(&(theta + &change), constraint)
    }
}

/// The vector `v` of the reflection `1 - 2 v v^T` that turns `direction` into a multiple of the first axis.
fn householder(direction: &Array1<f64>) -> Array1<f64> {
    let length = direction.dot(direction).sqrt();
    let mut v = direction.clone();
    v[0] += if v[0] >= 0.0 { length } else { -length };
    let norm = v.dot(&v).sqrt();
    v / norm
}

fn reflect(v: &Array1<f64>, vector: &mut Array1<f64>, block: &[usize]) {
    let product: f64 = block.iter().zip(v).map(|(&k, v)| vector[k] * v).sum();
    for (&k, v) in block.iter().zip(v) {
        vector[k] -= 2.0 * product * v;
    }
}

fn largest(vector: &Array1<f64>) -> f64 {
    neuropil_core::statistics::largest(vector.iter().map(|value| value.abs()))
}

/// The parameters of a network at a vector of the same length.
pub(crate) fn at(parameters: &Parameters, theta: &Array1<f64>) -> Parameters {
    let mut moved = parameters.clone();
    moved.theta_mut().assign(theta);
    moved
}
