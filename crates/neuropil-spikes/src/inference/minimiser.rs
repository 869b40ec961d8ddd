//! Minimisation within box constraints: projected L-BFGS.
//!
//! The L-BFGS direction (ten pairs) acts on the variables that are not held at a bound; the line search bends along
//! the box (Bertsekas 1982). The optimiser crates that were looked at have L-BFGS without bounds or bounds without
//! limited memory; the latent activity needs both.

use std::collections::VecDeque;

use neuropil_core::progress::{Cancelled, Monitor};
use serde::{Deserialize, Serialize};

/// Stopping rules of the minimiser.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct MinimiserOptions {
    /// Largest number of iterations.
    pub max_iterations: usize,
    /// Stop when an iteration lowers the value by less than this fraction of its size (plus one).
    pub relative_decrease: f64,
    /// Stop when no component of the projected gradient is larger.
    pub gradient: f64,
}

impl Default for MinimiserOptions {
    fn default() -> Self {
        Self { max_iterations: 200, relative_decrease: 2e-9, gradient: 1e-5 }
    }
}

/// Why the minimiser stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stopped {
    /// The decrease or the gradient became small: a minimum.
    Converged,
    /// The largest number of iterations.
    Iterations,
    /// No step along the direction lowers the value any more: a minimum up to rounding, or a kink.
    LineSearch,
}

/// What the minimiser found.
#[derive(Debug, Clone, PartialEq)]
pub struct Minimum {
    /// The variables.
    pub at: Vec<f64>,
    /// The value there.
    pub value: f64,
    /// Iterations.
    pub iterations: usize,
    /// Evaluations of the function.
    pub evaluations: usize,
    /// Why it stopped.
    pub stopped: Stopped,
}

const MEMORY: usize = 10;
const ARMIJO: f64 = 1e-4;

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

struct Pair {
    step: Vec<f64>,
    change: Vec<f64>,
    curvature: f64,
}

/// Minimises `function`, which returns the value and writes the gradient, within `lower <= x <= upper`. Values that are
/// not finite are taken for "too far".
///
/// # Errors
/// [`Cancelled`].
pub fn minimise(
    mut at: Vec<f64>,
    (lower, upper): (&[f64], &[f64]),
    options: MinimiserOptions,
    monitor: &Monitor,
    mut function: impl FnMut(&[f64], &mut [f64]) -> f64,
) -> Result<Minimum, Cancelled> {
    let n = at.len();
    let project = |x: &mut [f64]| {
        for i in 0..n {
            x[i] = x[i].clamp(lower[i], upper[i]);
        }
    };
    project(&mut at);
    let mut gradient = vec![0.0; n];
    let mut value = function(&at, &mut gradient);
    let mut evaluations = 1;
    let mut pairs: VecDeque<Pair> = VecDeque::with_capacity(MEMORY);
    let mut stopped = Stopped::Iterations;
    let mut iterations = 0;
    let mut trial = vec![0.0; n];
    let mut trial_gradient = vec![0.0; n];
    while iterations < options.max_iterations {
        monitor.check()?;
        let held: Vec<bool> = (0..n)
            .map(|i| (at[i] <= lower[i] && gradient[i] > 0.0) || (at[i] >= upper[i] && gradient[i] < 0.0))
            .collect();
        let largest = (0..n).filter(|&i| !held[i]).map(|i| gradient[i].abs()).fold(0.0, f64::max);
        if largest <= options.gradient {
            stopped = Stopped::Converged;
            break;
        }
        let mut direction = descent_direction(&gradient, &held, &pairs);
        if dot(&direction, &gradient) >= 0.0 {
            pairs.clear();
            direction = descent_direction(&gradient, &held, &pairs);
        }
        // The first step has no curvature to go by: move the variables by a tenth of a scale at most.
        let mut length = if pairs.is_empty() {
            let size = direction.iter().fold(0.0_f64, |a, d| a.max(d.abs()));
            (0.1 / size).min(1.0)
        } else {
            1.0
        };
        let mut accepted = None;
        for _ in 0..40 {
            for i in 0..n {
                trial[i] = (at[i] + length * direction[i]).clamp(lower[i], upper[i]);
            }
            let expected: f64 = (0..n).map(|i| gradient[i] * (trial[i] - at[i])).sum();
            let found = function(&trial, &mut trial_gradient);
            evaluations += 1;
            if found.is_finite() && found <= value + ARMIJO * expected {
                accepted = Some(found);
                break;
            }
            // Quadratic interpolation, kept within a tenth and a half of the step.
            let bend = 2.0 * (found - value - expected);
            let factor = if found.is_finite() && bend > 0.0 { (-expected / bend).clamp(0.1, 0.5) } else { 0.2 };
            length *= factor;
            monitor.check()?;
        }
        let Some(found) = accepted else {
            if pairs.is_empty() {
                stopped = Stopped::LineSearch;
                break;
            }
            // The remembered curvature misleads: once more from the gradient alone.
            pairs.clear();
            continue;
        };
        iterations += 1;
        let step: Vec<f64> = trial.iter().zip(&at).map(|(new, old)| new - old).collect();
        let change: Vec<f64> = trial_gradient.iter().zip(&gradient).map(|(new, old)| new - old).collect();
        let curvature = dot(&step, &change);
        if curvature > 1e-12 * dot(&change, &change).sqrt() * dot(&step, &step).sqrt() {
            if pairs.len() == MEMORY {
                pairs.pop_front();
            }
            pairs.push_back(Pair { step, change, curvature });
        }
        let decrease = value - found;
        at.copy_from_slice(&trial);
        gradient.copy_from_slice(&trial_gradient);
        value = found;
        if decrease <= options.relative_decrease * (value.abs() + 1.0) {
            stopped = Stopped::Converged;
            break;
        }
    }
    Ok(Minimum { at, value, iterations, evaluations, stopped })
}

/// The two-loop recursion on the variables that are free to move.
fn descent_direction(gradient: &[f64], held: &[bool], pairs: &VecDeque<Pair>) -> Vec<f64> {
    let free = |values: &[f64]| -> Vec<f64> {
        values.iter().zip(held).map(|(value, held)| if *held { 0.0 } else { *value }).collect()
    };
    let mut direction: Vec<f64> = free(gradient).into_iter().map(|g| -g).collect();
    let mut weights = Vec::with_capacity(pairs.len());
    for pair in pairs.iter().rev() {
        let weight = dot(&pair.step, &direction) / pair.curvature;
        for (d, change) in direction.iter_mut().zip(&pair.change) {
            *d -= weight * change;
        }
        weights.push(weight);
    }
    if let Some(last) = pairs.back() {
        let scale = last.curvature / dot(&last.change, &last.change);
        direction.iter_mut().for_each(|d| *d *= scale);
    }
    for (pair, weight) in pairs.iter().zip(weights.into_iter().rev()) {
        let correction = weight - dot(&pair.change, &direction) / pair.curvature;
        for (d, step) in direction.iter_mut().zip(&pair.step) {
            *d += correction * step;
        }
    }
    free(&direction)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rosenbrock(x: &[f64], gradient: &mut [f64]) -> f64 {
        let (a, b) = (1.0 - x[0], x[1] - x[0] * x[0]);
        gradient[0] = -2.0 * a - 400.0 * x[0] * b;
        gradient[1] = 200.0 * b;
        a * a + 100.0 * b * b
    }

    fn minimum_in(lower: [f64; 2], upper: [f64; 2]) -> Minimum {
        let options = MinimiserOptions { max_iterations: 500, relative_decrease: 0.0, gradient: 1e-9 };
        minimise(vec![-1.2, 1.0], (&lower, &upper), options, &Monitor::silent(), rosenbrock).unwrap()
    }

    #[test]
    fn the_free_minimum_is_found() {
        let free = minimum_in([-5.0; 2], [5.0; 2]);
        assert!(free.at.iter().all(|x| (x - 1.0).abs() < 1e-7), "{free:?}");
        assert!(free.evaluations < 120);
    }

    #[test]
    fn a_bound_is_kept_and_the_others_are_minimised() {
        let bounded = minimum_in([-5.0; 2], [0.5, 5.0]);
        assert_eq!(bounded.at[0], 0.5);
        assert!((bounded.at[1] - 0.25).abs() < 1e-8, "{bounded:?}");
    }

    #[test]
    fn a_quadratic_of_many_variables_with_half_of_them_at_a_bound() {
        let n = 400;
        let centre = |i: usize| if i.is_multiple_of(2) { -1.0 } else { 1.0 };
        let found = minimise(
            vec![3.0; n],
            (&vec![0.0; n], &vec![10.0; n]),
            MinimiserOptions { gradient: 1e-10, relative_decrease: 0.0, ..MinimiserOptions::default() },
            &Monitor::silent(),
            |x, gradient| {
                (0..n)
                    .map(|i| {
                        let weight = 1.0 + (i % 7) as f64;
                        gradient[i] = weight * (x[i] - centre(i));
                        0.5 * weight * (x[i] - centre(i)).powi(2)
                    })
                    .sum()
            },
        )
        .unwrap();
        // The value is about 800, so that rounding hides steps of 1e-7.
        assert!(found.at.iter().enumerate().all(|(i, x)| (x - centre(i).max(0.0)).abs() < 1e-6));
    }

    #[test]
    fn a_request_to_stop_is_heard() {
        let monitor = Monitor::silent();
        monitor.cancel_token().cancel();
        let result = minimise(vec![1.0], (&[0.0], &[2.0]), MinimiserOptions::default(), &monitor, |x, g| {
            g[0] = 2.0 * x[0];
            x[0] * x[0]
        });
        assert_eq!(result, Err(Cancelled));
    }
}
