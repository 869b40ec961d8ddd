//! Paths that exchange two neurons through a saddle.
//!
//! Without a spare neuron two permuted minima are connected only over a barrier. Bring neurons `i` and `j` of a hidden
//! layer together: hold the distance of their incoming vectors at `delta`, minimise the loss over all else, and let
//! `delta` go to 0. There the network is one with a neuron less, `a_i + a_j` in place of two outgoing vectors; the point
//! with `a_i = a_j` is a *permutation point*, a critical point on the way from the minimum to its mirror image, in which
//! the two neurons have changed places. The way back is the mirror image of the way there.
//!
//! The constrained minimum can jump to another branch while `delta` falls: the loss then drops from one step to the next.
//! Such jumps are first-order transitions of the constrained minimum, not errors. A step that looks like one is tried again
//! in smaller steps; if it stays a jump, the new branch is followed back to
//! larger `delta` as long as it lies lower, and the place where the branches meet is reported.
//!
//! With weight decay the plateau `a_i + a_j = const` is no plateau of the loss: the decay prefers equal shares, and the
//! merged minimum is the permutation point itself.
//!
//! Source: Brea et al. 2019, arXiv:1907.02911.

use neuropil_core::progress::Monitor;
use neuropil_core::statistics::largest;
use serde::{Deserialize, Serialize};

use crate::expansion::check_pair;
use crate::neuron::{check_layer, neurons};
use crate::pair::{Constraint, Minimum, Pair, at};
use crate::plateau::Plateau;
use crate::zero_loss_path::PiecewisePath;
use crate::{Error, Objective, Parameters, Result};

/// Which neurons to exchange, and how carefully.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct PermutationPathParameters {
    /// The hidden layer.
    pub layer: usize,
    /// The two neurons.
    pub pair: (usize, usize),
    /// Number of distances from the start to 0, both included.
    pub steps: usize,
    /// Largest gradient component along the constraint at which a step is finished.
    pub gradient_tolerance: f64,
    /// Most Newton steps at each distance.
    pub max_iterations: usize,
}

impl Default for PermutationPathParameters {
    fn default() -> Self {
        Self { layer: 0, pair: (0, 1), steps: 41, gradient_tolerance: 1e-11, max_iterations: 200 }
    }
}

impl PermutationPathParameters {
    /// Refuses fewer than three distances and tolerances that are not positive.
    ///
    /// # Errors
    /// Naming the parameter.
    pub fn validate(&self) -> Result<()> {
        neuropil_core::check::at_least("steps", self.steps, 3)?;
        neuropil_core::check::positive("gradient_tolerance", self.gradient_tolerance)?;
        neuropil_core::check::at_least("max_iterations", self.max_iterations, 1)?;
        Ok(())
    }
}

/// The first half of the way, from the minimum to the permutation point, and all that follows from it.
#[derive(Debug, Clone, PartialEq)]
pub struct PermutationPath {
    /// The hidden layer.
    pub layer: usize,
    /// The exchanged neurons.
    pub pair: (usize, usize),
    /// Distances of the incoming vectors, falling to 0.
    pub distances: Vec<f64>,
    /// The loss at each of them.
    pub losses: Vec<f64>,
    /// The constrained minima; the last one has the pair merged, with the shares found on the way.
    pub points: Vec<Parameters>,
    /// The share of the first neuron in the summed outgoing vector, `mu`, at the last distance before 0. (At 0 the loss
    /// does not depend on it. It goes to 1/2 with the distance where the matrix `M` of
    /// [`SplitCurvature`](crate::plateau::SplitCurvature) is negative definite.)
    pub share: f64,
    /// The permutation point: equal shares, polished.
    pub saddle: Parameters,
    /// Largest component of the gradient at the permutation point.
    pub saddle_gradient: f64,
    /// Steps at which the constrained minimum changes its branch.
    pub jumps: Vec<usize>,
    /// Steps at which Newton's method ended above the tolerance.
    pub unfinished: Vec<usize>,
}

impl PermutationPath {
    /// The largest loss on the way less the loss at the start.
    #[must_use]
    pub fn barrier(&self) -> f64 {
        largest(self.losses.iter().copied()) - self.losses[0]
    }

    /// The loss at the permutation point.
    #[must_use]
    pub fn saddle_loss(&self) -> f64 {
        self.losses[self.losses.len() - 1]
    }

    /// The whole way: to the permutation point, along the plateau, and back with the neurons exchanged.
    #[must_use]
    pub fn path(&self) -> PiecewisePath {
        let pair = Pair::new(self.saddle.network(), self.layer, self.pair);
        let mirrored = self.points.iter().rev().map(|point| at(point, &pair.exchange(&point.theta().to_owned())));
        PiecewisePath::through(self.points.iter().cloned().chain([self.saddle.clone()]).chain(mirrored))
    }
}

/// Follows the constrained minimum from a minimum to the permutation point of a pair of neurons.
///
/// # Errors
/// If there is no such pair, the two neurons are equal already, their activations differ, a parameter is out of range,
/// or the monitor was cancelled. A Newton iteration that does not finish is reported in the result.
pub fn permutation_path(
    objective: &Objective,
    start: &Parameters,
    how: &PermutationPathParameters,
    monitor: &Monitor,
) -> Result<PermutationPath> {
    how.validate()?;
    check_layer(start.network(), how.layer)?;
    check_pair(&neurons(start, how.layer)?, how.pair.0, how.pair.1)?;
    let pair = Pair::new(start.network(), how.layer, how.pair);
    let theta = start.theta().to_owned();
    let difference = pair.difference(&theta);
    let distance = difference.dot(&difference).sqrt();
    if !(distance > 0.0) {
        let name = format!("the distance of the incoming vectors of neurons {} and {}", how.pair.0, how.pair.1);
        return Err(Error::parameter(name, distance, "positive: equal neurons are exchanged along a plateau"));
    }
    let last = how.steps - 1;
    let distances: Vec<f64> = (0..how.steps).map(|k| distance * (last - k) as f64 / last as f64).collect();
    let task = monitor.task("permutation path", how.steps as u64);
    let minimise = |from: &ndarray::Array1<f64>, constraint| {
        monitor.check()?;
        let projected = pair.project(from, constraint);
        pair.minimise(objective, &projected, constraint, how.gradient_tolerance, how.max_iterations)
    };
    let mut minima: Vec<Minimum> = Vec::with_capacity(how.steps);
    let value = objective.value(theta.view())?;
    minima.push(Minimum { theta, value, converged: true });
    for &distance in &distances[1..last] {
        let from = &minima[minima.len() - 1].theta;
        let next = minimise(from, Constraint::Distance(distance))?;
        minima.push(next);
        task.advance(1);
    }
    let jumps = follow_back(&mut minima, &distances, |from, constraint| minimise(from, constraint))?;
    let close = &minima[last - 1].theta;
    let share = if objective.weight_decay() == 0.0 { pair.share(close) } else { 0.5 };
    // The permutation point deserves the best that f64 gives, because its gradient is reported.
    let merged = pair.project(close, Constraint::Merged);
    let merged = pair.minimise(objective, &merged, Constraint::Merged, 1e-15, how.max_iterations.max(500))?;
    let saddle = at(start, &merged.theta);
    let gradient = objective.gradient(saddle.theta())?;
    let saddle_gradient = largest(gradient.iter().map(|value| value.abs()));
    let end = Plateau::new(&saddle, how.layer, how.pair.0, how.pair.1)?.at(share)?;
    let unfinished = minima.iter().enumerate().filter(|(_, minimum)| !minimum.converged).map(|(k, _)| k).collect();
    let mut losses: Vec<f64> = minima.iter().map(|minimum| minimum.value).collect();
    losses.push(merged.value);
    let mut points: Vec<Parameters> = minima.iter().map(|minimum| at(start, &minimum.theta)).collect();
    points.push(end);
    let (layer, pair) = (how.layer, how.pair);
    Ok(PermutationPath { layer, pair, distances, losses, points, share, saddle, saddle_gradient, jumps, unfinished })
}

/// In how many steps the way across a suspected jump is tried again.
const FINER: usize = 8;

/// Whether smaller steps lead across without a leap: then the branch only changes fast here.
fn continues(
    from: &Minimum,
    to: &Minimum,
    distances: [f64; 2],
    usual: f64,
    minimise: &impl Fn(&ndarray::Array1<f64>, Constraint) -> Result<Minimum>,
) -> Result<bool> {
    let mut last = from.clone();
    for step in 1..=FINER {
        let share = step as f64 / FINER as f64;
        let distance = distances[0] + share * (distances[1] - distances[0]);
        let next = minimise(&last.theta, Constraint::Distance(distance))?;
        let moved = (&next.theta - &last.theta).mapv(|x| x * x).sum().sqrt();
        if moved > 4.0 * usual {
            return Ok(false);
        }
        last = next;
    }
    let apart = (&last.theta - &to.theta).mapv(|x| x * x).sum().sqrt();
    Ok(apart <= usual)
}

/// Finds drops of the loss that come with a leap of the parameters, and follows the lower branch back.
fn follow_back(
    minima: &mut [Minimum],
    distances: &[f64],
    minimise: impl Fn(&ndarray::Array1<f64>, Constraint) -> Result<Minimum>,
) -> Result<Vec<usize>> {
    let leap = |a: &Minimum, b: &Minimum| (&a.theta - &b.theta).mapv(|x| x * x).sum().sqrt();
    let mut leaps: Vec<f64> = minima.windows(2).map(|pair| leap(&pair[0], &pair[1])).collect();
    leaps.sort_by(f64::total_cmp);
    let usual = leaps.get(leaps.len() / 2).copied().unwrap_or(0.0);
    let mut jumps = Vec::new();
    for k in (1..minima.len()).rev() {
        let drops = minima[k].value < minima[k - 1].value * (1.0 - 1e-9);
        if !drops || leap(&minima[k - 1], &minima[k]) < 4.0 * usual {
            continue;
        }
        if continues(&minima[k - 1], &minima[k], [distances[k - 1], distances[k]], usual, &minimise)? {
            continue;
        }
        let mut meeting = k;
        while meeting > 1 {
            let other = minimise(&minima[meeting].theta, Constraint::Distance(distances[meeting - 1]))?;
            if !(other.value < minima[meeting - 1].value * (1.0 - 1e-9)) {
                break;
            }
            minima[meeting - 1] = other;
            meeting -= 1;
        }
        jumps.push(meeting);
    }
    jumps.sort_unstable();
    jumps.dedup();
    Ok(jumps)
}
