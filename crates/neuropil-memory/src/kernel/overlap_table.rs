//! Kernels of binary states, looked up by overlap: N + 1 values in place of an exponential or an incomplete beta function
//! for every pair.

use super::{Inputs, Kernel};

/// Values of a function of the overlap `u = -N, -N + 2, ..., N`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct OverlapTable {
    n: usize,
    values: Vec<f64>,
}

impl OverlapTable {
    /// The kernel itself, every neuron seeing all inputs.
    pub fn kernel(kernel: &Kernel, n: usize) -> Self {
        Self::of(n, &binary_kernel(kernel, Inputs::all(n)))
    }

    /// `b(u) = (k(u - 1) + k(u + 1)) / 2` and `a(u) = (k(u - 1) - k(u + 1)) / 2`, from which the kernel without input i
    /// is `b(u) + x_i y_i a(u)`, because the overlap over the other inputs is `u - x_i y_i`.
    pub fn without_self(kernel: &Kernel, n: usize) -> (Self, Self) {
        let k = binary_kernel(kernel, Inputs::all_but_one(n));
        // At u = N (or -N) one of the two arguments is beyond the range; b + x_i y_i a cancels its value. Kernels of the
        // overlap are continued there, so that the a of the linear kernel is the same number everywhere.
        let limit = if matches!(kernel, Kernel::Custom(_)) { n as f64 - 1.0 } else { n as f64 + 1.0 };
        let at = |u: f64| k(u.clamp(-limit, limit));
        let sum = Self::of(n, &|u| 0.5 * (at(u - 1.0) + at(u + 1.0)));
        let difference = Self::of(n, &|u| 0.5 * (at(u - 1.0) - at(u + 1.0)));
        (sum, difference)
    }

    fn of(n: usize, function: &dyn Fn(f64) -> f64) -> Self {
        let values = (0..=n).map(|agreeing| function(2.0 * agreeing as f64 - n as f64)).collect();
        Self { n, values }
    }

    /// The value at an overlap, which is rounded to the nearest possible one.
    #[inline]
    pub fn at(&self, u: f64) -> f64 {
        // Overlaps of +1 and -1 are exact in f64, so this is an exact index, not an approximation.
        let agreeing = (0.5 * (u + self.n as f64) + 0.25) as usize;
        self.values[agreeing.min(self.n)]
    }

    /// Replaces overlaps by values.
    pub fn apply(&self, overlaps: &mut [f64]) {
        for u in overlaps {
            *u = self.at(*u);
        }
    }

    /// The value that all overlaps share, if they do.
    pub fn constant(&self) -> Option<f64> {
        let first = self.values[0];
        let scale = self.values.iter().fold(0.0_f64, |scale, value| scale.max(value.abs()));
        self.values.iter().all(|value| (value - first).abs() <= 1e-14 * scale).then_some(first)
    }
}

/// The kernel as a function of the overlap, with what does not depend on it computed once.
fn binary_kernel(kernel: &Kernel, inputs: Inputs) -> Box<dyn Fn(f64) -> f64 + '_> {
    if let Kernel::SparseDistributed { radius } = *kernel
        && inputs.counted > 0
    {
        let radius = radius.min(inputs.counted);
        if let Ok(table) = super::sparse_distributed_overlap(inputs.counted, radius) {
            return Box::new(move |u| {
                let distance = 0.5 * (inputs.counted as f64 - u);
                table[(distance.max(0.0).round() as usize).min(inputs.counted)]
            });
        }
    }
    Box::new(move |u| kernel.binary_value(u, inputs))
}
