//! Random patterns, and the noise that turns a pattern into a cue.
//!
//! Every row has its own random stream, so that a row is the same whatever the number of rows and of threads.

use ndarray::{Array2, ArrayView2, Axis};
use neuropil_core::check;
use neuropil_core::random::{Seed, Stream, uniform};
use rand_distr::{Distribution, StandardNormal};
use serde::{Deserialize, Serialize};

use crate::error::Result;

/// Independent patterns with fair +1/-1 entries, one per row.
#[must_use]
pub fn binary_patterns(n_patterns: usize, n_neurons: usize, seed: Seed) -> Array2<f64> {
    let mut patterns = Array2::zeros((n_patterns, n_neurons));
    for (row, mut pattern) in patterns.axis_iter_mut(Axis(0)).enumerate() {
        let mut stream = seed.child("pattern").index(row as u64).stream();
        pattern.mapv_inplace(|_| if uniform(&mut stream) < 0.5 { -1.0 } else { 1.0 });
    }
    patterns
}

/// Independent patterns, uniform on the unit sphere, one per row.
#[must_use]
pub fn sphere_patterns(n_patterns: usize, n_neurons: usize, seed: Seed) -> Array2<f64> {
    let mut patterns = Array2::zeros((n_patterns, n_neurons));
    for (row, mut pattern) in patterns.axis_iter_mut(Axis(0)).enumerate() {
        let mut stream = seed.child("pattern").index(row as u64).stream();
        let direction = unit_vector(n_neurons, &mut stream);
        pattern.iter_mut().zip(direction).for_each(|(entry, value)| *entry = value);
    }
    patterns
}

/// A uniform direction.
pub(crate) fn unit_vector(n: usize, stream: &mut Stream) -> Vec<f64> {
    loop {
        let gaussian: Vec<f64> = (0..n).map(|_| StandardNormal.sample(stream)).collect();
        let norm = gaussian.iter().map(|g| g * g).sum::<f64>().sqrt();
        if norm > 1e-150 {
            return gaussian.iter().map(|g| g / norm).collect();
        }
    }
}

/// What is done to a pattern to make a cue of it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Noise {
    /// Every entry changes its sign independently; the level is the probability.
    Flip,
    /// Independent Gaussian noise on every entry; the level is its standard deviation.
    Gaussian,
    /// A displacement in a uniformly random direction; the level is its length.
    Displace,
    /// The last entries of the pattern are covered: replaced by a value. The level is the fraction covered.
    Cover {
        /// What stands in the covered entries.
        value: f64,
    },
    /// Randomly chosen entries are replaced by a value; the level is the probability.
    Erase {
        /// What stands in the erased entries.
        value: f64,
    },
}

impl Noise {
    /// Refuses a level that the noise does not have.
    /// # Errors
    /// [`crate::Error`] for a negative level, or a probability above one.
    pub fn check_level(&self, level: f64) -> Result<f64> {
        Ok(match self {
            Self::Flip | Self::Cover { .. } | Self::Erase { .. } => check::within("noise level", level, 0.0..=1.0)?,
            Self::Gaussian | Self::Displace => check::non_negative("noise level", level)?,
        })
    }

    /// A noisy copy of every row. Row `i` uses the stream of `seed` with index `i`.
    /// # Errors
    /// As [`check_level`](Self::check_level).
    pub fn corrupt(&self, patterns: ArrayView2<f64>, level: f64, seed: Seed) -> Result<Array2<f64>> {
        self.check_level(level)?;
        let mut cues = patterns.to_owned();
        let n = cues.ncols();
        for (row, mut cue) in cues.axis_iter_mut(Axis(0)).enumerate() {
            let mut stream = seed.child("noise").index(row as u64).stream();
            match *self {
                Self::Flip => cue.mapv_inplace(|x| if uniform(&mut stream) < level { -x } else { x }),
                Self::Gaussian => cue.mapv_inplace(|x| {
                    let g: f64 = StandardNormal.sample(&mut stream);
                    x + level * g
                }),
                Self::Displace => {
                    let direction = unit_vector(n, &mut stream);
                    cue.iter_mut().zip(direction).for_each(|(x, e)| *x += level * e);
                }
                Self::Cover { value } => {
                    let first = n - (level * n as f64).round() as usize;
                    cue.iter_mut().skip(first).for_each(|x| *x = value);
                }
                Self::Erase { value } => cue.mapv_inplace(|x| if uniform(&mut stream) < level { value } else { x }),
            }
        }
        Ok(cues)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_do_not_depend_on_how_many_there_are() {
        let few = binary_patterns(3, 20, Seed::new(1));
        let many = binary_patterns(30, 20, Seed::new(1));
        assert_eq!(few, many.slice(ndarray::s![..3, ..]));
        assert!(many.iter().all(|&x| x == 1.0 || x == -1.0));
        let sphere = sphere_patterns(5, 8, Seed::new(1));
        assert!(sphere.rows().into_iter().all(|row| (row.dot(&row) - 1.0).abs() < 1e-14));
    }

    #[test]
    fn noise_has_its_level() {
        let patterns = binary_patterns(200, 100, Seed::new(2));
        let flipped = Noise::Flip.corrupt(patterns.view(), 0.2, Seed::new(3)).unwrap();
        let rate = (&flipped * &patterns).iter().filter(|&&u| u < 0.0).count() as f64 / 20_000.0;
        // Four standard errors of a proportion of 20000 draws.
        assert!((rate - 0.2).abs() < 4.0 * (0.16_f64 / 20_000.0).sqrt());
        let covered = Noise::Cover { value: 0.0 }.corrupt(patterns.view(), 0.5, Seed::new(3)).unwrap();
        assert!(covered.rows().into_iter().all(|row| row.iter().filter(|&&x| x == 0.0).count() == 50));
        let moved = Noise::Displace.corrupt(patterns.view(), 0.3, Seed::new(3)).unwrap() - &patterns;
        assert!(moved.rows().into_iter().all(|row| (row.dot(&row).sqrt() - 0.3).abs() < 1e-12));
        let erased = Noise::Erase { value: 0.0 }.corrupt(patterns.view(), 1.0, Seed::new(3)).unwrap();
        assert!(erased.iter().all(|&x| x == 0.0));
        let gaussian = Noise::Gaussian.corrupt(patterns.view(), 0.1, Seed::new(3)).unwrap() - &patterns;
        let sd = (gaussian.mapv(|g| g * g).mean().unwrap_or(0.0)).sqrt();
        assert!((sd - 0.1).abs() < 0.003);
    }

    #[test]
    fn a_level_that_does_not_exist_is_refused() {
        let patterns = binary_patterns(1, 4, Seed::new(2));
        for (noise, level) in [(Noise::Flip, 1.1), (Noise::Gaussian, -0.1), (Noise::Displace, f64::NAN)] {
            assert!(noise.corrupt(patterns.view(), level, Seed::new(0)).is_err(), "{noise:?} {level}");
        }
    }
}
