//! A kernel applied to a whole row of overlaps at once: exponentials in SIMD, expensive kernels of binary states by table.

use ndarray::{ArrayView1, ArrayView2};
use neuropil_core::{dispatch, vector};

use super::{Geometry, Inputs, Kernel, OverlapTable};

/// The kernel between the stored patterns and one state after another.
#[derive(Debug, Clone)]
pub(crate) struct RowKernel {
    kernel: Kernel,
    inputs: Inputs,
    table: Option<OverlapTable>,
}

/// Distances below this fraction of the squared norm are computed again from the states: `‖x‖^2 + ‖s‖^2 - 2 x.s` has lost
/// half of its digits there.
const NEAR: f64 = 1e-8;

impl RowKernel {
    /// For states of `n` entries; `binary` promises that every overlap is one of +1/-1 states.
    pub fn new(kernel: &Kernel, n: usize, binary: bool) -> Self {
        let worth_a_table = binary && !matches!(kernel, Kernel::Linear);
        let table = worth_a_table.then(|| OverlapTable::kernel(kernel, n));
        Self { kernel: kernel.clone(), inputs: Inputs::all(n), table }
    }

    /// Replaces the overlaps `x.s` of a state with `patterns` (as many rows as `overlaps`) by the kernel values.
    ///
    /// `norms2` are the squared norms of the patterns, `norm2` that of the state.
    pub fn apply(
        &self,
        overlaps: &mut [f64],
        patterns: ArrayView2<f64>,
        norms2: &[f64],
        state: ArrayView1<f64>,
        norm2: f64,
    ) {
        if let Some(table) = &self.table {
            table.apply(overlaps);
            return;
        }
        if self.kernel.geometry() == Geometry::Distance {
            to_distances(overlaps, patterns, norms2, state, norm2);
        }
        self.arguments_to_kernel(overlaps, norms2, norm2);
    }

    /// Replaces overlaps by the logarithm of the kernel, for kernels that are exponentials; `false` (and nothing done) for
    /// the others.
    pub fn apply_ln(
        &self,
        overlaps: &mut [f64],
        patterns: ArrayView2<f64>,
        norms2: &[f64],
        state: ArrayView1<f64>,
        norm2: f64,
    ) -> bool {
        match self.kernel {
            Kernel::Exponential { beta, shift } => {
                let shift = shift.unwrap_or(0.0);
                for u in overlaps {
                    *u = beta * (*u - shift);
                }
                true
            }
            Kernel::GeneralizedExponential { radius, beta } => {
                to_distances(overlaps, patterns, norms2, state, norm2);
                powers_of_distance(overlaps, 1.0 / (radius * radius), beta);
                true
            }
            _ => false,
        }
    }

    /// The kernel from its argument (overlap or squared distance) for a row.
    fn arguments_to_kernel(&self, row: &mut [f64], norms2: &[f64], norm2: f64) {
        let size = self.inputs.total as f64;
        match self.kernel {
            Kernel::Linear => row.iter_mut().for_each(|u| *u /= size),
            Kernel::Exponential { beta, shift } => exponentials(row, beta, beta * shift.unwrap_or(0.0)),
            Kernel::GeneralizedExponential { radius, beta } => {
                powers_of_distance(row, 1.0 / (radius * radius), beta);
                exponentials(row, 1.0, 0.0);
            }
            _ => {
                for (value, &xx) in row.iter_mut().zip(norms2) {
                    *value = self.kernel.value(*value, xx, norm2, *value, self.inputs);
                }
            }
        }
    }
}

/// Overlaps to squared distances, exact where they are small.
fn to_distances(overlaps: &mut [f64], patterns: ArrayView2<f64>, norms2: &[f64], state: ArrayView1<f64>, norm2: f64) {
    let smallest = distances(overlaps, norms2, norm2);
    if smallest > NEAR * norm2 {
        return;
    }
    for ((d2, pattern), &xx) in overlaps.iter_mut().zip(patterns.rows()).zip(norms2) {
        if *d2 <= NEAR * xx.max(norm2) {
            *d2 = pattern.iter().zip(state).map(|(a, b)| (a - b) * (a - b)).sum();
        }
    }
}

dispatch! {
    /// `‖x‖^2 + ‖s‖^2 - 2 x.s`, clipped at zero; returns the smallest.
    fn distances = distances_body(overlaps: &mut [f64], norms2: &[f64], norm2: f64) -> f64;
}

#[inline(always)]
fn distances_body<const FMA: bool>(overlaps: &mut [f64], norms2: &[f64], norm2: f64) -> f64 {
    let mut lanes = [f64::INFINITY; 8];
    let n = overlaps.len().min(norms2.len());
    for i in 0..n {
        let d2 = vector::multiply_add::<FMA>(overlaps[i], -2.0, norms2[i] + norm2).max(0.0);
        overlaps[i] = d2;
        let lane = &mut lanes[i % 8];
        *lane = if d2 < *lane { d2 } else { *lane };
    }
    lanes.iter().fold(f64::INFINITY, |a, &b| a.min(b))
}

dispatch! {
    /// `exp(factor * value - offset)` in place.
    pub(crate) fn exponentials = exponentials_body(values: &mut [f64], factor: f64, offset: f64);
}

#[inline(always)]
fn exponentials_body<const FMA: bool>(values: &mut [f64], factor: f64, offset: f64) {
    for value in values {
        *value = vector::exp::<FMA>(vector::multiply_add::<FMA>(*value, factor, -offset));
    }
}

/// `-(d^2 / r^2)^(beta / 2)` in place.
fn powers_of_distance(distances2: &mut [f64], inverse_radius2: f64, beta: f64) {
    if beta == 2.0 {
        distances2.iter_mut().for_each(|d2| *d2 *= -inverse_radius2);
    } else if beta == 4.0 {
        distances2.iter_mut().for_each(|d2| *d2 *= -(*d2 * inverse_radius2) * inverse_radius2);
    } else if beta == 1.0 {
        distances2.iter_mut().for_each(|d2| *d2 = -(*d2 * inverse_radius2).sqrt());
    } else {
        general_powers(distances2, inverse_radius2, 0.5 * beta);
    }
}

dispatch! {
    /// `-(d^2 / r^2)^power` in place.
    fn general_powers = general_powers_body(distances2: &mut [f64], inverse_radius2: f64, power: f64);
}

#[inline(always)]
fn general_powers_body<const FMA: bool>(distances2: &mut [f64], inverse_radius2: f64, power: f64) {
    for d2 in distances2 {
        let ratio = *d2 * inverse_radius2;
        // The vector logarithm wants normal numbers; below them the power is zero for every power in use.
        let safe = ratio.clamp(1e-300, 1e300);
        let value = vector::exp::<FMA>(power * vector::ln::<FMA>(safe));
        *d2 = if ratio < 1e-300 { 0.0 } else { -value };
    }
}
