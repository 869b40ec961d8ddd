//! Power spectra and autocorrelations of population activity.

use std::f64::consts::PI;

use ndarray::{Array1, ArrayView1};
use neuropil_core::check;

use crate::error::{Error, Result};

/// A one-sided power spectral density.
#[derive(Debug, Clone, PartialEq)]
pub struct PowerSpectrum {
    /// Frequencies, Hz, without zero.
    pub frequency: Array1<f64>,
    /// Power density: squared unit of the signal per Hz. Its integral is the variance. Activity of independent Poisson
    /// neurons has `2 rate / N` everywhere.
    pub power: Array1<f64>,
    /// Number of segments that were averaged.
    pub n_segments: usize,
}

/// The power spectrum of a signal with time step `dt` (Welch 1967): segments of about `segment` seconds, each without its
/// mean and under a Hann window, overlapping by half.
///
/// # Errors
/// A segment shorter than four steps or longer than the signal; values that are not finite.
pub fn power_spectrum(signal: ArrayView1<'_, f64>, dt: f64, segment: f64) -> Result<PowerSpectrum> {
    check::positive("dt", dt)?;
    check::positive("segment", segment)?;
    let wanted = (segment / dt).round() as usize;
    // The next power of two below, which the transform needs.
    let n = if wanted.is_power_of_two() { wanted } else { wanted.next_power_of_two() / 2 };
    if n < 4 || wanted > signal.len() {
        return Err(Error::parameter(
            "segment",
            segment,
            format!("between 4 steps and the length of the signal, {} s", signal.len() as f64 * dt),
        ));
    }
    if let Some(i) = signal.iter().position(|value| !value.is_finite()) {
        return Err(Error::parameter(format!("signal[{i}]"), signal[i], "finite"));
    }
    let window: Vec<f64> = (0..n).map(|i| 0.5 - 0.5 * (2.0 * PI * i as f64 / n as f64).cos()).collect();
    let scale = 2.0 * dt / window.iter().map(|w| w * w).sum::<f64>();
    let mut power = Array1::<f64>::zeros(n / 2);
    let mut n_segments = 0;
    let mut start = 0;
    while start + n <= signal.len() {
        let part = signal.slice(ndarray::s![start..start + n]);
        let mean = part.sum() / n as f64;
        let mut re: Vec<f64> = part.iter().zip(&window).map(|(value, w)| (value - mean) * w).collect();
        let mut im = vec![0.0; n];
        fourier(&mut re, &mut im);
        for (k, power) in power.iter_mut().enumerate() {
            let i = k + 1;
            // The highest frequency has no mirror image.
            let sides = if 2 * i == n { 0.5 } else { 1.0 };
            *power += scale * sides * (re[i] * re[i] + im[i] * im[i]);
        }
        n_segments += 1;
        start += n / 2;
    }
    power /= n_segments as f64;
    let frequency = (1..=n / 2).map(|i| i as f64 / (n as f64 * dt)).collect();
    Ok(PowerSpectrum { frequency, power, n_segments })
}

/// The autocorrelation of a signal at lags of 0 to `n_lags` steps; 1 at lag zero.
///
/// # Errors
/// More lags than the signal has steps; a signal that never changes.
pub fn autocorrelation(signal: ArrayView1<'_, f64>, n_lags: usize) -> Result<Array1<f64>> {
    check::within("n_lags", n_lags, 0..signal.len().max(1))?;
    let mean = signal.sum() / signal.len() as f64;
    let centred: Vec<f64> = signal.iter().map(|value| value - mean).collect();
    // Zeros behind the signal keep its end from meeting its beginning.
    let n = (signal.len() + n_lags + 1).next_power_of_two();
    let mut re = centred.clone();
    re.resize(n, 0.0);
    let mut im = vec![0.0; n];
    fourier(&mut re, &mut im);
    for (re, im) in re.iter_mut().zip(&mut im) {
        (*re, *im) = (*re * *re + *im * *im, 0.0);
    }
    fourier(&mut re, &mut im);
    let variance = re[0];
    if !(variance > 0.0) {
        return Err(Error::Spikes("the autocorrelation of a signal that never changes is not defined".into()));
    }
    Ok((0..=n_lags).map(|lag| re[lag] / variance).collect())
}

/// The discrete Fourier transform of a power of two values, in place (Cooley and Tukey 1965).
fn fourier(re: &mut [f64], im: &mut [f64]) {
    let n = re.len();
    let bits = n.trailing_zeros();
    for i in 0..n {
        let j = (i as u64).reverse_bits().wrapping_shr(64 - bits.max(1)) as usize & (n - 1);
        if i < j {
            re.swap(i, j);
            im.swap(i, j);
        }
    }
    let mut length = 2;
    while length <= n {
        let angle = -2.0 * PI / length as f64;
        let half = length / 2;
        let turns: Vec<(f64, f64)> = (0..half).map(|k| (angle * k as f64).sin_cos()).collect();
        for start in (0..n).step_by(length) {
            for (k, &(sin, cos)) in turns.iter().enumerate() {
                let (i, j) = (start + k, start + k + half);
                let (a, b) = (re[j] * cos - im[j] * sin, re[j] * sin + im[j] * cos);
                (re[j], im[j]) = (re[i] - a, im[i] - b);
                re[i] += a;
                im[i] += b;
            }
        }
        length *= 2;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use neuropil_core::random::{Seed, uniform};

    #[test]
    fn the_transform_agrees_with_its_definition() {
        let n = 16;
        let values: Vec<f64> = (0..n).map(|i| ((i * i) % 7) as f64).collect();
        let (mut re, mut im) = (values.clone(), vec![0.0; n]);
        fourier(&mut re, &mut im);
        for k in 0..n {
            let angle = |i: usize| -2.0 * PI * (i * k) as f64 / n as f64;
            let real: f64 = values.iter().enumerate().map(|(i, v)| v * angle(i).cos()).sum();
            let imaginary: f64 = values.iter().enumerate().map(|(i, v)| v * angle(i).sin()).sum();
            assert!((re[k] - real).abs() < 1e-10 && (im[k] - imaginary).abs() < 1e-10);
        }
    }

    #[test]
    fn the_spectrum_of_white_noise_is_flat_and_integrates_to_its_variance() {
        let mut random = Seed::new(1).stream();
        let noise: Array1<f64> = (0..65_536).map(|_| uniform(&mut random) - 0.5).collect();
        let spectrum = power_spectrum(noise.view(), 0.001, 0.256).unwrap();
        let variance = spectrum.power.sum() * (spectrum.frequency[1] - spectrum.frequency[0]);
        // Variance 1/12; the mean of each segment, removed, takes a part of one in 256.
        assert!((variance * 12.0 - 1.0).abs() < 0.03, "{variance}");
        // The mean is missing at the lowest frequency and the mirror image at the highest.
        let inner = spectrum.power.slice(ndarray::s![1..spectrum.power.len() - 1]);
        assert!(inner.iter().all(|p| (p / (2.0 * 0.001 / 12.0) - 1.0).abs() < 0.35));
        assert!(power_spectrum(noise.view(), 0.001, 100.0).is_err());
    }

    #[test]
    fn an_oscillation_peaks_at_its_frequency_and_returns_after_its_period() {
        let wave: Array1<f64> = (0..8192).map(|i| (2.0 * PI * 40.0 * f64::from(i) * 0.001).sin()).collect();
        let spectrum = power_spectrum(wave.view(), 0.001, 1.024).unwrap();
        let peak = (0..spectrum.power.len()).max_by(|&a, &b| spectrum.power[a].total_cmp(&spectrum.power[b])).unwrap();
        assert!((spectrum.frequency[peak] - 40.0).abs() < 1.0);
        let correlation = autocorrelation(wave.view(), 30).unwrap();
        assert!((correlation[0] - 1.0).abs() < 1e-12 && correlation[25] > 0.98 && correlation[12] < -0.9);
        assert!(autocorrelation(Array1::from_elem(10, 2.0).view(), 3).is_err());
    }
}
