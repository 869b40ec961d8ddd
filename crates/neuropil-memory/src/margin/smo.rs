//! Sequential minimal optimisation: the maximal margin with bias, hard or soft, two coefficients at a time.
//!
//! The working pair is chosen by second-order information: the most violating coefficient upwards, and with it the one
//! downwards that promises the largest gain (Fan, Chen and Lin 2005).

use ndarray::ArrayView2;

use super::{MarginOptions, Neuron, NeuronStatus};

/// A hard margin whose coefficients exceed this (in units of one over the mean diagonal) is not separable.
const EXPLODED: f64 = 1e12;

/// Solves one neuron for the full Gram matrix `k`.
pub(super) fn solve(k: ArrayView2<f64>, labels: &[f64], options: &MarginOptions) -> Neuron {
    let m = labels.len();
    if labels.iter().all(|y| *y == labels[0]) {
        return Neuron { coefficients: vec![0.0; m], bias: labels[0], status: NeuronStatus::OneClass, iterations: 0 };
    }
    let upper = options.softness;
    let mean_diagonal = k.diag().sum() / m as f64;
    let limit = if upper.is_finite() { f64::INFINITY } else { EXPLODED / mean_diagonal };
    let mut alpha = vec![0.0; m];
    // Gradient of alpha^T Q alpha / 2 - sum alpha.
    let mut gradient = vec![-1.0; m];
    let max_updates = options.max_sweeps.saturating_mul(m);
    let mut status = NeuronStatus::NotConverged;
    let mut updates = 0;
    while updates < max_updates {
        let Some((i, j)) = working_pair(k, labels, &alpha, &gradient, upper, options.tolerance) else {
            status = NeuronStatus::Optimal;
            break;
        };
        update(k, labels, &mut alpha, &mut gradient, upper, (i, j));
        updates += 1;
        if alpha[i].max(alpha[j]) > limit {
            status = NeuronStatus::NotSeparable;
            break;
        }
    }
    let bias = bias(labels, &alpha, &gradient, upper);
    let coefficients = alpha.iter().zip(labels).map(|(a, y)| a * y).collect();
    Neuron { coefficients, bias, status, iterations: updates.div_ceil(m) }
}

fn can_rise(y: f64, alpha: f64, upper: f64) -> bool {
    if y > 0.0 { alpha < upper } else { alpha > 0.0 }
}

fn working_pair(
    k: ArrayView2<f64>,
    labels: &[f64],
    alpha: &[f64],
    gradient: &[f64],
    upper: f64,
    tolerance: f64,
) -> Option<(usize, usize)> {
    let m = labels.len();
    let mut highest = (f64::NEG_INFINITY, None);
    for t in 0..m {
        let score = -labels[t] * gradient[t];
        if can_rise(labels[t], alpha[t], upper) && score > highest.0 {
            highest = (score, Some(t));
        }
    }
    let i = highest.1?;
    let (mut lowest, mut gain, mut best) = (f64::INFINITY, 0.0, None);
    for t in 0..m {
        if !can_rise(-labels[t], alpha[t], upper) {
            continue;
        }
        let score = -labels[t] * gradient[t];
        lowest = lowest.min(score);
        let difference = highest.0 - score;
        if difference > 0.0 {
            let curvature = (k[[i, i]] + k[[t, t]] - 2.0 * k[[i, t]]).max(1e-12 * k[[i, i]].abs());
            let value = difference * difference / curvature;
            if value > gain {
                (gain, best) = (value, Some(t));
            }
        }
    }
    if highest.0 - lowest < tolerance { None } else { best.map(|j| (i, j)) }
}

/// Moves along `y_i` up and `y_j` down to the minimum, or to the first bound.
fn update(
    k: ArrayView2<f64>,
    labels: &[f64],
    alpha: &mut [f64],
    gradient: &mut [f64],
    upper: f64,
    (i, j): (usize, usize),
) {
    let curvature = (k[[i, i]] + k[[j, j]] - 2.0 * k[[i, j]]).max(1e-12 * k[[i, i]].abs());
    let slope = -labels[i] * gradient[i] + labels[j] * gradient[j];
    let room = |y: f64, alpha: f64| if y > 0.0 { upper - alpha } else { alpha };
    let step = (slope / curvature).min(room(labels[i], alpha[i])).min(room(-labels[j], alpha[j]));
    alpha[i] = (alpha[i] + labels[i] * step).clamp(0.0, upper);
    alpha[j] = (alpha[j] - labels[j] * step).clamp(0.0, upper);
    for ((g, y), (ki, kj)) in gradient.iter_mut().zip(labels).zip(k.row(i).iter().zip(k.row(j))) {
        *g += y * step * (ki - kj);
    }
}

/// The mean over free support vectors of `y - h`, or the middle of what the bounds allow.
fn bias(labels: &[f64], alpha: &[f64], gradient: &[f64], upper: f64) -> f64 {
    let (mut sum, mut count) = (0.0, 0.0);
    let (mut low, mut high) = (f64::NEG_INFINITY, f64::INFINITY);
    for ((&y, &a), &g) in labels.iter().zip(alpha).zip(gradient) {
        let value = -y * g;
        if a > 0.0 && a < upper {
            sum += value;
            count += 1.0;
        } else if can_rise(y, a, upper) {
            low = low.max(value);
        } else {
            high = high.min(value);
        }
    }
    if count > 0.0 { sum / count } else { 0.5 * (low + high) }
}
