//! Descriptions of spike trains and of population activity.
//!
//! | module | what it measures |
//! |---|---|
//! | [`trains`] | rates, intervals, coefficients of variation, PSTH, correlations of spike trains |
//! | [`spectrum`] | power spectra and autocorrelations of activity |
//! | [`switching`] | two activity levels: switches, dwell times, bimodality |
//!
//! A quantity that the data do not define (the CV of one interval) is NaN in arrays and `None` alone.

pub mod spectrum;
pub mod switching;
pub mod trains;

use ndarray::{Array2, ArrayView2};
use neuropil_core::check;

use crate::error::Result;

pub use spectrum::{PowerSpectrum, autocorrelation, power_spectrum};
pub use switching::{Switches, bimodality_coefficient, dip, switches};
pub use trains::{CrossCorrelogram, IntervalHistogram, Psth, TrainStatistics};

/// Smooths every column (time first) with a Gaussian of standard deviation `sigma` seconds, cut at four of them;
/// the ends are reflected.
///
/// # Errors
/// `sigma` that is negative, `dt` that is not positive.
pub fn smooth_gaussian(activity: ArrayView2<'_, f64>, dt: f64, sigma: f64) -> Result<Array2<f64>> {
    check::positive("dt", dt)?;
    check::non_negative("sigma", sigma)?;
    let width = sigma / dt;
    let reach = (4.0 * width + 0.5).floor() as isize;
    let mut weights: Vec<f64> =
        (-reach..=reach).map(|k| (-0.5 * (k as f64 / width.max(1e-12)).powi(2)).exp()).collect();
    let total: f64 = weights.iter().sum();
    weights.iter_mut().for_each(|weight| *weight /= total);
    let n = activity.nrows() as isize;
    let mut smooth = Array2::zeros(activity.dim());
    if n == 0 {
        return Ok(smooth);
    }
    // Reflection repeats the first and the last value: ... 1 0 | 0 1 2 ...
    let reflect = |i: isize| {
        let i = i.rem_euclid(2 * n);
        if i < n { i } else { 2 * n - 1 - i }
    };
    for (column, mut target) in activity.columns().into_iter().zip(smooth.columns_mut()) {
        let padded: Vec<f64> = (-reach..n + reach).map(|i| column[reflect(i) as usize]).collect();
        for (value, window) in target.iter_mut().zip(padded.windows(weights.len())) {
            *value = window.iter().zip(&weights).map(|(a, b)| a * b).sum();
        }
    }
    Ok(smooth)
}

/// Means over blocks of `every` rows (time first); what is left at the end is dropped.
///
/// # Errors
/// Blocks of no rows, or longer than the array.
pub fn coarse(activity: ArrayView2<'_, f64>, every: usize) -> Result<Array2<f64>> {
    check::within("every", every, 1..=activity.nrows().max(1))?;
    let rows = activity.nrows() / every;
    let mut blocks = Array2::zeros((rows, activity.ncols()));
    for (i, mut block) in blocks.rows_mut().into_iter().enumerate() {
        for row in activity.slice(ndarray::s![i * every..(i + 1) * every, ..]).rows() {
            block += &row;
        }
        block /= every as f64;
    }
    Ok(blocks)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn smoothing_keeps_the_mean_and_a_constant() {
        let constant = Array2::from_elem((50, 2), 3.0);
        let smooth = smooth_gaussian(constant.view(), 0.001, 0.005).unwrap();
        assert!(smooth.iter().all(|value| (value - 3.0).abs() < 1e-12));
        let mut pulse = Array2::zeros((200, 1));
        pulse[[2, 0]] = 1.0;
        let smooth = smooth_gaussian(pulse.view(), 0.001, 0.005).unwrap();
        assert!((smooth.sum() - 1.0).abs() < 1e-12, "reflection loses nothing");
        assert_eq!(smooth_gaussian(pulse.view(), 0.001, 0.0).unwrap(), pulse);
    }

    #[test]
    fn blocks_are_means() {
        let values = array![[1.0], [3.0], [5.0], [7.0], [100.0]];
        assert_eq!(coarse(values.view(), 2).unwrap(), array![[2.0], [6.0]]);
        assert!(coarse(values.view(), 0).is_err() && coarse(values.view(), 6).is_err());
    }
}
