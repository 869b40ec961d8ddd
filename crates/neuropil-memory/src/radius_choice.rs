//! The radius of a kernel that decreases with distance.
//!
//! Too small a radius leaves basins small and the memory blind between patterns; too large a radius makes patterns
//! overlap and fixed points unstable. [`suggested_radius`] is a rule of thumb from distances alone; [`choose_radius`]
//! searches for the radius with the largest basin that can be certified for every pattern.

use ndarray::{ArrayView2, Axis};
use neuropil_core::progress::Monitor;
use neuropil_core::{check, statistics};

use crate::associative_memory::{StateKind, check_stored};
use crate::error::{Error, Result};
use crate::kernel::Kernel;
use crate::kernel_memory::{KernelMemory, KernelMemoryParams, Normalization, Rule};
use crate::product::multiply_transposed;

/// Patterns beyond this number are not looked at for a nearest neighbour of their own.
const LOOKED_AT: usize = 2000;

/// 0.4 times the median distance of a pattern to its nearest different neighbour.
///
/// # Errors
/// For patterns that are empty or not finite, or all the same.
pub fn suggested_radius(patterns: ArrayView2<f64>) -> Result<f64> {
    check_stored("patterns", patterns, StateKind::Real)?;
    let nearest = nearest_distances(patterns);
    statistics::median(&nearest).map(|median| 0.4 * median).ok_or_else(|| {
        Error::unsupported(
            "a radius by default",
            "it needs at least two different patterns",
            "give the radius of the kernel",
        )
    })
}

/// Distance of every pattern (of the first 2000) to the nearest one that differs.
fn nearest_distances(patterns: ArrayView2<f64>) -> Vec<f64> {
    let squared: Vec<f64> = patterns.rows().into_iter().map(|x| x.dot(&x)).collect();
    let largest = squared.iter().copied().fold(0.0, f64::max);
    let mut nearest = Vec::new();
    let looked_at = patterns.slice(ndarray::s![..patterns.nrows().min(LOOKED_AT), ..]);
    for (block, rows) in looked_at.axis_chunks_iter(Axis(0), 256).enumerate() {
        let products = multiply_transposed(rows, patterns);
        for (row, products) in products.rows().into_iter().enumerate() {
            let own = squared[256 * block + row];
            let distance2 = products.iter().zip(&squared).map(|(u, other)| own + other - 2.0 * u);
            // Differences of squares leave rounding errors where patterns are equal.
            let least = distance2.filter(|&d| d > 1e-12 * largest).fold(f64::INFINITY, f64::min);
            if least.is_finite() {
                nearest.push(least.sqrt());
            }
        }
    }
    nearest
}

/// A radius that was chosen, and what it achieves.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RadiusChoice {
    /// The radius of the kernel.
    pub radius: f64,
    /// The smallest certified radius over all patterns.
    pub certified: f64,
}

/// The radius r of the kernel `exp(-(d/r)^beta)` that makes the smallest certified basin of an interpolating memory
/// largest: a scan over radii from 0.1 to 1.5 times the median nearest distance, then a golden-section search; about thirty
/// fits. A certified basin implies a spectral radius below one at every pattern.
///
/// # Errors
/// For patterns as in [`suggested_radius`], beta that is not positive, when nothing can be certified at any radius, or on
/// cancellation.
pub fn choose_radius(
    patterns: ArrayView2<f64>,
    beta: f64,
    normalization: Normalization,
    monitor: &Monitor,
) -> Result<RadiusChoice> {
    check::positive("beta", beta)?;
    let unit = suggested_radius(patterns)? / 0.4;
    let rule = match normalization {
        Normalization::None => Rule::interpolation(),
        Normalization::Sum => Rule::normalized_interpolation(),
    };
    const SCANNED: usize = 14;
    const GOLDEN: usize = 14;
    let task = monitor.task("kernel radius", (SCANNED + GOLDEN) as u64);
    let certified = |ln_ratio: f64| -> Result<f64> {
        monitor.check()?;
        let kernel = Kernel::GeneralizedExponential { radius: unit * ln_ratio.exp(), beta };
        let params =
            KernelMemoryParams { kernel, rule: rule.clone(), states: StateKind::Real, ..KernelMemoryParams::default() };
        let radius = match KernelMemory::fit_with(&params, patterns, &monitor.quiet()) {
            Ok((memory, _)) => memory.certified_radii()?.into_iter().fold(f64::INFINITY, f64::min),
            // A Gram matrix that is not positive definite certifies nothing.
            Err(Error::NotPositiveDefinite { .. }) => 0.0,
            Err(error) => return Err(error),
        };
        task.advance(1);
        Ok(radius)
    };
    let (first, last) = (0.1_f64.ln(), 1.5_f64.ln());
    let step = (last - first) / (SCANNED - 1) as f64;
    let mut best = (first, 0.0);
    for i in 0..SCANNED {
        let at = first + step * i as f64;
        let value = certified(at)?;
        if value > best.1 {
            best = (at, value);
        }
    }
    if best.1 == 0.0 {
        return Err(Error::unsupported(
            "a certified radius",
            "no radius gives every pattern a basin that can be proved",
            "use the suggested radius and measure the basins",
        ));
    }
    let ratio = 0.5 * (5.0_f64.sqrt() - 1.0);
    let (mut low, mut high) = (best.0 - step, best.0 + step);
    let (mut a, mut b) = (high - ratio * (high - low), low + ratio * (high - low));
    let (mut at_a, mut at_b) = (certified(a)?, certified(b)?);
    for _ in 0..GOLDEN - 2 {
        if at_a > at_b {
            (high, b, at_b) = (b, a, at_a);
            a = high - ratio * (high - low);
            at_a = certified(a)?;
        } else {
            (low, a, at_a) = (a, b, at_b);
            b = low + ratio * (high - low);
            at_b = certified(b)?;
        }
    }
    for (at, value) in [(a, at_a), (b, at_b)] {
        if value > best.1 {
            best = (at, value);
        }
    }
    Ok(RadiusChoice { radius: unit * best.0.exp(), certified: best.1 })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random_patterns::sphere_patterns;
    use neuropil_core::random::Seed;

    #[test]
    fn the_suggestion_scales_with_the_patterns_and_ignores_copies() {
        let square = ndarray::array![[0.0, 0.0], [1.0, 0.0], [0.0, 2.0], [1.0, 0.0]];
        // Nearest different neighbours are at distances 1, 1, 2 and 1.
        assert!((suggested_radius(square.view()).unwrap() - 0.4).abs() < 1e-12);
        assert!((suggested_radius((&square * 3.0).view()).unwrap() - 1.2).abs() < 1e-12);
        assert!(suggested_radius(ndarray::array![[1.0, 2.0], [1.0, 2.0]].view()).is_err());
    }

    #[test]
    fn the_chosen_radius_certifies_at_least_as_much_as_the_suggested_one() {
        let patterns = sphere_patterns(25, 10, Seed::new(1));
        let choice = choose_radius(patterns.view(), 4.0, Normalization::None, &Monitor::silent()).unwrap();
        let certified = |radius: f64| {
            let params = KernelMemoryParams {
                kernel: Kernel::GeneralizedExponential { radius, beta: 4.0 },
                rule: Rule::interpolation(),
                states: StateKind::Real,
                ..KernelMemoryParams::default()
            };
            let (memory, _) = KernelMemory::fit(&params, patterns.view()).unwrap();
            memory.certified_radii().unwrap().into_iter().fold(f64::INFINITY, f64::min)
        };
        assert_eq!(certified(choice.radius), choice.certified);
        assert!(choice.certified > 0.0 && choice.certified >= certified(suggested_radius(patterns.view()).unwrap()));
    }
}
