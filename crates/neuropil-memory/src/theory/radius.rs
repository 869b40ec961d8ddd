//! Basins of attraction of interpolated patterns under the kernel `exp(-(d / r)^beta)`.

use neuropil_core::check;

use crate::error::Result;

/// Radius of the basin of a single stored pattern of norm R: a state at distance d moves to the distance
/// `R (1 - exp(-(d / r)^beta))` whatever its direction, so the basin is the open ball whose radius is the first
/// positive root of `R (1 - exp(-(rho / r)^beta)) = rho`. Infinite when there is none: every state is recalled. Zero
/// when the pattern repels its neighbourhood.
///
/// # Errors
/// For parameters that are not positive.
pub fn single_pattern_radius(norm: f64, r: f64, beta: f64) -> Result<f64> {
    for (name, value) in [("norm", norm), ("r", r), ("beta", beta)] {
        check::positive(name, value)?;
    }
    let moved = |d: f64| -norm * (-(d / r).powf(beta)).exp_m1() - d;
    // Beyond the norm the state always comes closer, so a root lies in (0, norm]. The map rises from below the
    // diagonal at most once before it can cross, so a fine grid finds the first crossing.
    let grid = 20_000;
    let mut low = norm * 1e-9;
    if moved(low) >= 0.0 {
        return Ok(0.0);
    }
    for i in 1..=grid {
        let high = norm * f64::from(i) / f64::from(grid);
        if moved(high) >= 0.0 {
            return Ok(root(moved, low, high));
        }
        low = high;
    }
    Ok(f64::INFINITY)
}

/// A radius within which every state is provably recalled, for M patterns with smallest separation `separation` and
/// largest norm `norm`: with `e = (M - 1) k(separation) < 1` the distance after a step is at most
/// `R / (1 - e) [1 - k(d) + (M - 1) d sup_{z >= separation - d} |k'(z)|]`; all d below the first at which that bound
/// reaches d are in the basin. Zero when nothing can be proved.
///
/// # Errors
/// For no patterns, or parameters that are not positive.
pub fn certified_radius(n_patterns: usize, norm: f64, separation: f64, r: f64, beta: f64) -> Result<f64> {
    check::at_least("n_patterns", n_patterns, 1)?;
    if n_patterns == 1 {
        return single_pattern_radius(norm, r, beta);
    }
    for (name, value) in [("norm", norm), ("separation", separation), ("r", r), ("beta", beta)] {
        check::positive(name, value)?;
    }
    let others = (n_patterns - 1) as f64;
    let cross_talk = others * (-(separation / r).powf(beta)).exp();
    if cross_talk >= 1.0 {
        return Ok(0.0);
    }
    let slope = |z: f64| beta / r * (z / r).powf(beta - 1.0) * (-(z / r).powf(beta)).exp();
    // |k'| rises up to its mode and falls beyond it; for beta <= 1 it falls from the start.
    let mode = if beta > 1.0 { r * ((beta - 1.0) / beta).powf(1.0 / beta) } else { 0.0 };
    let excess = |d: f64| {
        let near = -(-(d / r).powf(beta)).exp_m1();
        norm / (1.0 - cross_talk) * (near + others * d * slope((separation - d).max(mode))) - d
    };
    let end = 0.5 * separation;
    let grid = 20_000;
    let mut low = end * 1e-9;
    if excess(low) >= 0.0 {
        return Ok(0.0);
    }
    for i in 1..=grid {
        let high = end * f64::from(i) / f64::from(grid);
        if excess(high) >= 0.0 {
            return Ok(lower_root(excess, low, high));
        }
        low = high;
    }
    Ok(end)
}

fn root(f: impl Fn(f64) -> f64, low: f64, high: f64) -> f64 {
    let (low, high) = bisect(f, low, high);
    0.5 * (low + high)
}

/// The end of the bracket at which the bound still holds: a certificate must not be rounded up.
fn lower_root(f: impl Fn(f64) -> f64, low: f64, high: f64) -> f64 {
    bisect(f, low, high).0
}

fn bisect(f: impl Fn(f64) -> f64, mut low: f64, mut high: f64) -> (f64, f64) {
    for _ in 0..100 {
        let middle = 0.5 * (low + high);
        if f(middle) < 0.0 { low = middle } else { high = middle }
    }
    (low, high)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lone_small_pattern_attracts_everything_and_a_cusp_repels() {
        assert_eq!(single_pattern_radius(0.1, 1.0, 2.0).unwrap(), f64::INFINITY);
        // beta = 1: slope R / r at the pattern, above one.
        assert_eq!(single_pattern_radius(2.0, 1.0, 1.0).unwrap(), 0.0);
        assert!(single_pattern_radius(1.0, 0.0, 2.0).is_err());
    }

    #[test]
    fn the_certificate_is_below_the_single_pattern_radius_and_approaches_it() {
        let alone = single_pattern_radius(1.0, 0.3, 6.0).unwrap();
        let crowded = certified_radius(1000, 1.0, 0.8, 0.3, 6.0).unwrap();
        let roomy = certified_radius(1000, 1.0, 2.0, 0.3, 6.0).unwrap();
        assert!(0.0 < crowded && crowded <= roomy && roomy <= alone);
        assert!((roomy - alone).abs() < 1e-6);
        assert_eq!(certified_radius(1000, 1.0, 0.3, 0.3, 2.0).unwrap(), 0.0);
    }
}
