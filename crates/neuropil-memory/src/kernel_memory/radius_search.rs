//! The radius of a kernel, searched by measuring: the largest basins among radii at which every pattern is stable. A radius
//! by certified basins, without measuring, is [`crate::radius_choice`].
//!
//! For a radius r the memory is fitted once. A radius counts if the Jacobian of the recall map has a spectral radius below
//! one at every pattern that is looked at; it is rated by the smallest distance from which such a pattern is recalled. A
//! kernel with a cusp (the ball, or an exponent of at most 1) has no Jacobian at its patterns: there a radius counts if every
//! measured basin is larger than the precision of the measurement. A
//! golden-section search over ln r, between the tenth of the smallest and twice the median distance between neighbours,
//! finds the best.

use ndarray::{ArrayView2, Axis};
use neuropil_core::check;
use neuropil_core::progress::Monitor;

use super::{KernelMemory, KernelMemoryParams, Mode};
use crate::associative_memory::StateKind;
use crate::basin::{BasinOptions, basin_radius};
use crate::error::{Error, Result};
use crate::gram::squared_norms;
use crate::kernel::Kernel;
use crate::product::multiply_transposed;

/// How a radius is chosen.
#[derive(Debug, Clone, PartialEq)]
pub struct RadiusSearch {
    /// Patterns whose stability and basins are looked at, evenly spread over the stored ones.
    pub n_patterns: usize,
    /// Radii that are tried.
    pub n_radii: usize,
    /// Random directions in which a basin is measured.
    pub n_directions: usize,
}

impl Default for RadiusSearch {
    fn default() -> Self {
        Self { n_patterns: 20, n_radii: 16, n_directions: 6 }
    }
}

/// A radius and what it gives.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MeasuredRadius {
    /// The kernel radius.
    pub radius: f64,
    /// Smallest measured basin radius of the patterns that were looked at.
    pub basin: f64,
    /// Largest spectral radius of the Jacobian at these patterns; NaN for a kernel with a cusp, which has none.
    pub spectral_radius: f64,
}

/// Chooses the radius of a ball or generalised exponential kernel for an auto-associative memory of real patterns.
///
/// # Errors
/// Another kernel, binary states or neurons that do not see themselves; fewer than two patterns; no radius at which the patterns are stable.
pub fn search_radius(
    params: &KernelMemoryParams,
    patterns: ArrayView2<f64>,
    options: &RadiusSearch,
    monitor: &Monitor,
) -> Result<MeasuredRadius> {
    check::at_least("n_patterns", options.n_patterns, 1)?;
    check::at_least("n_radii", options.n_radii, 4)?;
    if with_radius(params, 1.0).is_none() || params.states == StateKind::Binary {
        return Err(Error::unsupported(
            "choosing a radius",
            "only the ball and the generalized exponential kernel on real states have one",
            "choose such a kernel, or set the parameters of this one",
        ));
    }
    if params.excludes_self(Mode::Auto) {
        return Err(Error::unsupported(
            "choosing a radius for neurons that do not see themselves",
            "every neuron has a kernel of its own, and stability has no common measure",
            "include self-connections",
        ));
    }
    check::at_least("the number of patterns", patterns.nrows(), 2)?;
    crate::associative_memory::check_stored("patterns", patterns, StateKind::Real)?;
    let (smallest, median) = neighbour_distances(patterns);
    let (low, high) = ((0.1 * smallest.max(1e-3 * median)).ln(), (2.0 * median).ln());
    let task = monitor.task("radii", options.n_radii as u64);
    let mut best: Option<MeasuredRadius> = None;
    let mut rate = |ln_radius: f64| -> Result<f64> {
        monitor.check()?;
        task.advance(1);
        let choice = with_radius(params, ln_radius.exp())
            .and_then(|params| rate_radius(&params, patterns, options, &monitor.quiet()));
        if let Some(choice) = choice
            && best.is_none_or(|best| choice.basin > best.basin)
        {
            best = Some(choice);
        }
        Ok(choice.map_or(0.0, |choice| choice.basin))
    };
    // A coarse grid first, because the rating is zero wherever a pattern is unstable.
    let coarse = options.n_radii / 2;
    let at = |i: usize| low + (high - low) * i as f64 / (coarse - 1) as f64;
    let ratings: Result<Vec<f64>> = (0..coarse).map(|i| rate(at(i))).collect();
    let ratings = ratings?;
    let top = (0..coarse).fold(0, |top, i| if ratings[i] > ratings[top] { i } else { top });
    let (mut left, mut right) = (at(top.saturating_sub(1)), at((top + 1).min(coarse - 1)));
    const GOLDEN: f64 = 0.618_033_988_749_894_9;
    let (mut a, mut b) = (right - GOLDEN * (right - left), left + GOLDEN * (right - left));
    let (mut rating_a, mut rating_b) = (rate(a)?, rate(b)?);
    for _ in coarse + 2..options.n_radii {
        if rating_a > rating_b {
            (right, b, rating_b) = (b, a, rating_a);
            a = right - GOLDEN * (right - left);
            rating_a = rate(a)?;
        } else {
            (left, a, rating_a) = (a, b, rating_b);
            b = left + GOLDEN * (right - left);
            rating_b = rate(b)?;
        }
    }
    best.ok_or_else(|| {
        Error::unsupported(
            "a radius at which all patterns are stable",
            "at every radius that was tried a stored pattern is unstable, or cannot be stored",
            "take an exponent above 1 (and not the ball), remove patterns that nearly coincide, or normalize",
        )
    })
}

/// Rates the radius of the kernel in `params`; `None` where it cannot be stored or a pattern is unstable.
pub fn rate_radius(
    params: &KernelMemoryParams,
    patterns: ArrayView2<f64>,
    options: &RadiusSearch,
    monitor: &Monitor,
) -> Option<MeasuredRadius> {
    let (Kernel::Ball { radius } | Kernel::GeneralizedExponential { radius, .. }) = params.kernel else {
        return None;
    };
    let (memory, _) = KernelMemory::fit_with(params, patterns, monitor).ok()?;
    let m = memory.n_patterns();
    let n = options.n_patterns.min(m);
    let looked_at: Vec<usize> = (0..n).map(|i| i * m / n).collect();
    let smooth = memory.kernel().is_smooth();
    let mut spectral_radius: f64 = if smooth { 0.0 } else { f64::NAN };
    if smooth {
        for &i in &looked_at {
            spectral_radius = spectral_radius.max(memory.jacobian_radius(memory.patterns().row(i)).ok()?);
            if spectral_radius >= 1.0 {
                return None;
            }
        }
    }
    let cues = memory.patterns().select(Axis(0), &looked_at);
    let basin_options = BasinOptions { n_directions: options.n_directions, ..BasinOptions::default() };
    let measured = basin_radius(&memory, cues.view(), &basin_options, monitor).ok()?;
    let basin = measured.smallest().into_iter().fold(f64::INFINITY, f64::min);
    if !smooth && basin <= basin_options.precision.max(basin_options.tolerance) {
        return None;
    }
    Some(MeasuredRadius { radius, basin, spectral_radius })
}

/// The parameters with another radius; `None` if the kernel has none.
fn with_radius(params: &KernelMemoryParams, radius: f64) -> Option<KernelMemoryParams> {
    let kernel = match params.kernel {
        Kernel::Ball { .. } => Kernel::Ball { radius },
        Kernel::GeneralizedExponential { beta, .. } => Kernel::GeneralizedExponential { radius, beta },
        _ => return None,
    };
    Some(KernelMemoryParams { kernel, ..params.clone() })
}

/// The smallest and the median distance between nearest neighbours, of at most 1000 patterns.
fn neighbour_distances(patterns: ArrayView2<f64>) -> (f64, f64) {
    let m = patterns.nrows();
    let n = m.min(1000);
    let some = patterns.select(Axis(0), &(0..n).map(|i| i * m / n).collect::<Vec<_>>());
    let products = multiply_transposed(some.view(), some.view());
    let norms2 = squared_norms(some.view());
    let mut nearest: Vec<f64> = (0..n)
        .map(|i| {
            (0..n)
                .filter(|&j| j != i)
                .map(|j| (norms2[i] + norms2[j] - 2.0 * products[[i, j]]).max(0.0))
                .filter(|d2| *d2 > 1e-20)
                .fold(f64::INFINITY, f64::min)
                .sqrt()
        })
        .filter(|d| d.is_finite())
        .collect();
    nearest.sort_by(f64::total_cmp);
    match nearest.len() {
        0 => (1.0, 1.0),
        length => (nearest[0], nearest[length / 2]),
    }
}
