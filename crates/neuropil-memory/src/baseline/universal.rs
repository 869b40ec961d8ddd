//! The universal Hopfield network (Millidge et al. 2022): `s' = Y^T separation(similarity(X, s))`.

use ndarray::{Array2, ArrayView1, ArrayView2, Axis, Zip};
use neuropil_core::{check, threads};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::associative_memory::{AssociativeMemory, StateKind, check_pairs, check_states, check_stored};
use crate::error::{Error, Result};
use crate::product::multiply;

/// How alike a state and a stored pattern are; larger is more alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Likeness {
    /// `x.s`
    Dot,
    /// `x.s / (|x| |s|)`, zero where a norm is zero.
    Cosine,
    /// `-|x - s|^2`
    Euclidean,
    /// `-sum |x_j - s_j|`
    Manhattan,
}

/// What is done to the likenesses before they weigh the outputs.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Separation {
    /// Nothing.
    Identity,
    /// The power p, with the sign of the likeness.
    Polynomial {
        /// Exponent, at least 1.
        p: u32,
    },
    /// `exp(beta likeness)`, divided by its sum.
    Softmax {
        /// Inverse temperature, positive.
        beta: f64,
    },
    /// One for the largest, zero for the others.
    Max,
}

/// Similarity, separation, projection.
#[derive(Debug, Clone, PartialEq)]
pub struct UniversalHopfield {
    inputs: Array2<f64>,
    outputs: Option<Array2<f64>>,
    likeness: Likeness,
    separation: Separation,
}

impl UniversalHopfield {
    /// Stores patterns (rows).
    /// # Errors
    /// For no patterns, NaN or infinite values, a parameter out of range, or a zero pattern with the cosine.
    pub fn fit(patterns: ArrayView2<f64>, likeness: Likeness, separation: Separation) -> Result<Self> {
        check_stored("patterns", patterns, StateKind::Real)?;
        match separation {
            Separation::Polynomial { p } => check::at_least("p", p as usize, 1).map(|_| ())?,
            Separation::Softmax { beta } => check::positive("beta", beta).map(|_| ())?,
            Separation::Identity | Separation::Max => (),
        }
        if likeness == Likeness::Cosine
            && let Some(row) = patterns.rows().into_iter().position(|x| x.iter().all(|&x| x == 0.0))
        {
            return Err(Error::ZeroPattern { row, kernel: "cosine" });
        }
        Ok(Self { inputs: patterns.to_owned(), outputs: None, likeness, separation })
    }

    /// Stores pairs of input and output patterns (rows).
    /// # Errors
    /// As [`fit`](Self::fit), and for different numbers of rows.
    pub fn fit_pairs(
        inputs: ArrayView2<f64>,
        outputs: ArrayView2<f64>,
        likeness: Likeness,
        separation: Separation,
    ) -> Result<Self> {
        check_stored("outputs", outputs, StateKind::Real)?;
        check_pairs(inputs, outputs)?;
        Ok(Self { outputs: Some(outputs.to_owned()), ..Self::fit(inputs, likeness, separation)? })
    }

    fn likeness(&self, x: ArrayView1<f64>, s: ArrayView1<f64>) -> f64 {
        match self.likeness {
            Likeness::Dot => x.dot(&s),
            Likeness::Cosine => {
                let size = (x.dot(&x) * s.dot(&s)).sqrt();
                if size > 0.0 { x.dot(&s) / size } else { 0.0 }
            }
            Likeness::Euclidean => -x.iter().zip(s).map(|(x, s)| (x - s) * (x - s)).sum::<f64>(),
            Likeness::Manhattan => -x.iter().zip(s).map(|(x, s)| (x - s).abs()).sum::<f64>(),
        }
    }

    fn separate(&self, likenesses: &mut [f64]) {
        let largest = likenesses.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        match self.separation {
            Separation::Identity => (),
            Separation::Polynomial { p } => {
                likenesses.iter_mut().for_each(|v| *v = v.signum() * v.abs().powi(p as i32));
            }
            Separation::Softmax { beta } => {
                likenesses.iter_mut().for_each(|v| *v = (beta * (*v - largest)).exp());
                let total: f64 = likenesses.iter().sum();
                likenesses.iter_mut().for_each(|v| *v /= total);
            }
            Separation::Max => {
                let winner = likenesses.iter().position(|&v| v == largest);
                likenesses.iter_mut().enumerate().for_each(|(i, v)| *v = f64::from(u8::from(Some(i) == winner)));
            }
        }
    }
}

impl AssociativeMemory for UniversalHopfield {
    fn n_inputs(&self) -> usize {
        self.inputs.ncols()
    }

    fn n_outputs(&self) -> usize {
        self.outputs.as_ref().unwrap_or(&self.inputs).ncols()
    }

    fn is_recurrent(&self) -> bool {
        self.outputs.is_none()
    }

    fn state(&self) -> StateKind {
        StateKind::Real
    }

    fn step(&self, states: ArrayView2<f64>) -> Result<Array2<f64>> {
        check_states("states", states, self.inputs.ncols(), StateKind::Real)?;
        let mut weights = Array2::zeros((states.nrows(), self.inputs.nrows()));
        threads::install(|| {
            let rows: Vec<_> = weights.axis_iter_mut(Axis(0)).zip(states.axis_iter(Axis(0))).collect();
            rows.into_par_iter().for_each(|(mut weights, state)| {
                Zip::from(&mut weights).and(self.inputs.rows()).for_each(|w, x| *w = self.likeness(x, state));
                if let Some(weights) = weights.as_slice_mut() {
                    self.separate(weights);
                }
            });
        });
        Ok(multiply(weights.view(), self.outputs.as_ref().unwrap_or(&self.inputs).view()))
    }

    fn patterns(&self) -> Option<ArrayView2<'_, f64>> {
        Some(self.outputs.as_ref().unwrap_or(&self.inputs).view())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::baseline::{ModernHopfield, NearestNeighbor, Similarity};
    use crate::random_patterns::sphere_patterns;
    use neuropil_core::random::Seed;

    #[test]
    fn attention_and_nearest_neighbour_are_special_cases() {
        let patterns = sphere_patterns(30, 8, Seed::new(1));
        let cues = sphere_patterns(12, 8, Seed::new(2));
        let close = |a: Array2<f64>, b: Array2<f64>| (&a - &b).iter().all(|d| d.abs() < 1e-12);
        let softmax = Separation::Softmax { beta: 3.0 };
        let dot = UniversalHopfield::fit(patterns.view(), Likeness::Dot, softmax).unwrap();
        let attention = ModernHopfield::fit(patterns.view(), 3.0, Similarity::Dot).unwrap();
        assert!(close(dot.step(cues.view()).unwrap(), attention.step(cues.view()).unwrap()));
        let max = UniversalHopfield::fit(patterns.view(), Likeness::Euclidean, Separation::Max).unwrap();
        let nearest = NearestNeighbor::fit(patterns.view()).unwrap();
        assert!(close(max.step(cues.view()).unwrap(), nearest.step(cues.view()).unwrap()));
    }

    #[test]
    fn a_zero_pattern_has_no_cosine() {
        let error = UniversalHopfield::fit(ndarray::array![[1.0], [0.0]].view(), Likeness::Cosine, Separation::Max);
        assert!(error.unwrap_err().to_string().starts_with("patterns[1] is zero"));
    }
}
