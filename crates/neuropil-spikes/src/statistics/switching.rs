//! Two levels of activity: switches between them, how long each lasts, and whether there are two at all.

use neuropil_core::check;
use neuropil_core::statistics::mean;
use serde::Serialize;

use crate::error::{Error, Result};

/// Switches of a signal between two levels.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Switches {
    /// Times of the switches, s.
    pub times: Vec<f64>,
    /// Durations of the complete dwells between two switches, s.
    pub dwells: Vec<f64>,
    /// Mean dwell time, s: the whole signal over the number of switches plus one where dwells are too few.
    pub mean_dwell: f64,
}

/// Finds where a signal goes above `threshold` after having been below `-threshold`, and the other way round. The gap
/// keeps noise around zero from counting as switches; smooth the signal first.
///
/// # Errors
/// A threshold that is negative, `dt` that is not positive, values that are NaN.
pub fn switches(signal: &[f64], dt: f64, threshold: f64) -> Result<Switches> {
    check::positive("dt", dt)?;
    check::non_negative("threshold", threshold)?;
    check::each("signal", signal, check::finite)?;
    let (mut times, mut state) = (Vec::new(), 0);
    for (i, &value) in signal.iter().enumerate() {
        let now = if value > threshold {
            1
        } else if value < -threshold {
            -1
        } else {
            continue;
        };
        if state != 0 && now != state {
            times.push(i as f64 * dt);
        }
        state = now;
    }
    let dwells: Vec<f64> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
    let mean_dwell = match mean(&dwells) {
        Some(mean) if dwells.len() >= 5 => mean,
        _ => signal.len() as f64 * dt / (times.len() + 1) as f64,
    };
    Ok(Switches { times, dwells, mean_dwell })
}

/// Sarle's bimodality coefficient, `(skewness^2 + 1) / kurtosis` with the corrections for finite samples: above 5/9
/// (0.555), the value of a uniform distribution, it speaks for two modes.
///
/// # Errors
/// Fewer than four values, or values that never change.
pub fn bimodality_coefficient(values: &[f64]) -> Result<f64> {
    let n = values.len() as f64;
    check::each("values", values, check::finite)?;
    let centre = match mean(values) {
        Some(mean) if values.len() >= 4 => mean,
        _ => {
            return Err(Error::TooLittle {
                what: "the bimodality coefficient".into(),
                needed: "4 values".into(),
                got: values.len().to_string(),
                advice: "use a longer signal".into(),
            });
        }
    };
    let moment = |power: i32| values.iter().map(|v| (v - centre).powi(power)).sum::<f64>() / n;
    let (m2, m3, m4) = (moment(2), moment(3), moment(4));
    if !(m2 > 0.0) {
        return Err(Error::Spikes("the bimodality of a signal that never changes is not defined".into()));
    }
    let skewness = (n * (n - 1.0)).sqrt() / (n - 2.0) * m3 / m2.powf(1.5);
    let excess = (n - 1.0) / ((n - 2.0) * (n - 3.0)) * ((n + 1.0) * (m4 / (m2 * m2) - 3.0) + 6.0);
    Ok((skewness * skewness + 1.0) / (excess + 3.0 * (n - 1.0).powi(2) / ((n - 2.0) * (n - 3.0))))
}

/// Hartigan's dip: the largest distance between the distribution function of the values and the closest unimodal one
/// (Hartigan and Hartigan 1985). Between `1 / 2n` (one mode) and 1/4 (two points).
///
/// # Errors
/// No values, or values that are not finite.
pub fn dip(values: &[f64]) -> Result<f64> {
    check::non_empty("values", values)?;
    check::each("values", values, check::finite)?;
    let mut x = values.to_vec();
    x.sort_unstable_by(f64::total_cmp);
    let n = x.len();
    let least = 1.0 / (2.0 * n as f64);
    if n < 4 || x[0] == x[n - 1] {
        return Ok(least);
    }
    let (mut low, mut high) = (0, n - 1);
    // Twice n times the dip, as counts.
    let mut best = 1.0_f64;
    loop {
        let minorant = hull(&x, low, high, Side::Below);
        let majorant = hull(&x, low, high, Side::Above);
        let (gap, below_at, above_at) = widest(&x, &minorant, &majorant);
        if gap <= best {
            break;
        }
        // What lies outside the modal interval must be convex to its left and concave to its right.
        let left = minorant.iter().copied().filter(|&i| i <= below_at).collect::<Vec<_>>();
        let right = majorant.iter().copied().filter(|&i| i >= above_at).collect::<Vec<_>>();
        best = best.max(misfit(&x, &left, Side::Below)).max(misfit(&x, &right, Side::Above));
        let (next_low, next_high) = (below_at, above_at);
        if next_low >= next_high || (next_low == low && next_high == high) {
            best = best.max(gap);
            break;
        }
        (low, high) = (next_low, next_high);
    }
    Ok((best * least).max(least))
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    /// The greatest convex minorant.
    Below,
    /// The least concave majorant.
    Above,
}

/// Indices of the corners of the convex or concave hull of the points `(x[i], i)` between two of them.
fn hull(x: &[f64], low: usize, high: usize, side: Side) -> Vec<usize> {
    let mut corners: Vec<usize> = Vec::new();
    for i in low..=high {
        while let [.., a, b] = corners[..] {
            let cross = (x[b] - x[a]) * (i - a) as f64 - (b - a) as f64 * (x[i] - x[a]);
            // Below: the slope must rise from corner to corner.
            let bends = if side == Side::Below { cross > 0.0 } else { cross < 0.0 };
            if bends {
                break;
            }
            corners.pop();
        }
        corners.push(i);
    }
    corners
}

/// Height at `at` of the line through two points `(x[i], i)`.
fn line(x: &[f64], a: usize, b: usize, at: f64) -> f64 {
    if x[a] == x[b] { b as f64 } else { a as f64 + (b - a) as f64 * (at - x[a]) / (x[b] - x[a]) }
}

/// Where the two hulls are furthest apart: the distance, and the corners on either side that bound the modal interval.
fn widest(x: &[f64], minorant: &[usize], majorant: &[usize]) -> (f64, usize, usize) {
    let mut found = (0.0, minorant[0], minorant[minorant.len() - 1]);
    for &corner in minorant {
        let k = majorant.partition_point(|&i| i < corner);
        if k == 0 || k == majorant.len() {
            continue;
        }
        let gap = line(x, majorant[k - 1], majorant[k], x[corner]) - corner as f64 + 1.0;
        if gap > found.0 {
            found = (gap, corner, majorant[k]);
        }
    }
    for &corner in majorant {
        let k = minorant.partition_point(|&i| i <= corner);
        if k == 0 || k == minorant.len() {
            continue;
        }
        let gap = corner as f64 - line(x, minorant[k - 1], minorant[k], x[corner]) + 1.0;
        if gap > found.0 {
            found = (gap, minorant[k - 1], corner);
        }
    }
    found
}

/// How far the points lie from a part of a hull.
fn misfit(x: &[f64], corners: &[usize], side: Side) -> f64 {
    let mut largest = 0.0_f64;
    for pair in corners.windows(2) {
        let (a, b) = (pair[0], pair[1]);
        for i in a..=b {
            let height = line(x, a, b, x[i]);
            let gap = if side == Side::Below { i as f64 - height } else { height - i as f64 };
            largest = largest.max(gap + 1.0);
        }
    }
    largest
}

#[cfg(test)]
mod tests {
    use super::*;
    use neuropil_core::random::{Seed, uniform};

    #[test]
    fn small_wiggles_are_no_switches() {
        let signal = [6.0, 7.0, 1.0, -1.0, 6.0, -2.0, -6.0, -7.0, 4.0, -8.0, 9.0];
        let found = switches(&signal, 0.5, 5.0).unwrap();
        assert_eq!(found.times, [3.0, 5.0]);
        assert_eq!(found.dwells, [2.0]);
        assert!((found.mean_dwell - 5.5 / 3.0).abs() < 1e-12);
    }

    #[test]
    fn two_levels_are_bimodal_and_one_is_not() {
        let mut random = Seed::new(2).stream();
        let mut bell = || (0..12).map(|_| uniform(&mut random)).sum::<f64>() - 6.0;
        let one: Vec<f64> = (0..2000).map(|_| bell()).collect();
        let two: Vec<f64> = one.iter().enumerate().map(|(i, v)| v + if i % 2 == 0 { 3.0 } else { -3.0 }).collect();
        assert!(bimodality_coefficient(&one).unwrap() < 0.4);
        assert!(bimodality_coefficient(&two).unwrap() > 0.6);
        let (d_one, d_two) = (dip(&one).unwrap(), dip(&two).unwrap());
        // Critical value at 5 % for 2000 values: about 0.0104.
        assert!(d_one < 0.0104 && d_two > 0.05, "{d_one} {d_two}");
        let even: Vec<f64> = (0..100).map(f64::from).collect();
        // The correction for 100 values lowers 5/9 by 5 %.
        assert!((bimodality_coefficient(&even).unwrap() - 5.0 / 9.0).abs() < 0.03);
    }

    #[test]
    fn the_dip_has_its_known_extremes() {
        let even: Vec<f64> = (0..100).map(f64::from).collect();
        assert!((dip(&even).unwrap() - 0.005).abs() < 1e-12);
        let points: Vec<f64> = (0..100).map(|i| f64::from(i % 2)).collect();
        assert!((dip(&points).unwrap() - 0.25).abs() < 0.011, "{}", dip(&points).unwrap());
        assert!(dip(&[]).is_err() && dip(&[f64::NAN]).is_err());
    }
}
