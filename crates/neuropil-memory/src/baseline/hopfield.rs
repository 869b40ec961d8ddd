//! The Hopfield network (Hopfield 1982): Hebbian weights, no self-connections.
//!
//! Field of neuron i: `h_i = (1/N) sum_mu x_i^mu sum_{j != i} x_j^mu s_j`. It is the kernel memory with the linear
//! kernel and all coefficients one. The sums are integers and are formed before the division, so that a field of zero
//! is exactly zero.

use ndarray::{Array1, Array2, ArrayView1, ArrayView2, Axis, concatenate};

use crate::associative_memory::{AssociativeMemory, OverlapField, StateKind, check_states, check_stored, sign_or};
use crate::error::{Error, Result};
use crate::product::{multiply, multiply_transposed};

/// Hebbian storage of binary patterns.
#[derive(Debug, Clone, PartialEq)]
pub struct Hopfield {
    patterns: Array2<f64>,
    /// `X^T X` without its diagonal, kept where it is smaller than two passes over the patterns.
    weights: Option<Array2<f64>>,
}

impl Hopfield {
    /// Stores patterns of +1 and -1 (rows).
    /// # Errors
    /// For no patterns, or entries other than +1 and -1.
    pub fn fit(patterns: ArrayView2<f64>) -> Result<Self> {
        check_stored("patterns", patterns, StateKind::Binary)?;
        Ok(Self::new(patterns.to_owned()))
    }

    fn new(patterns: Array2<f64>) -> Self {
        let weights = (2 * patterns.nrows() > patterns.ncols()).then(|| hebbian(patterns.view()));
        Self { patterns, weights }
    }

    /// Adds patterns to those that are stored.
    /// # Errors
    /// As [`fit`](Self::fit), and for another width.
    pub fn insert(&mut self, patterns: ArrayView2<f64>) -> Result<()> {
        check_states("patterns", patterns, self.patterns.ncols(), StateKind::Binary)?;
        *self = Self::new(concatenate![Axis(0), self.patterns, patterns]);
        Ok(())
    }

    /// Forgets the pattern in a row; the rows behind it move up.
    /// # Errors
    /// For a row that does not exist, or the last pattern that is left.
    pub fn delete(&mut self, row: usize) -> Result<()> {
        self.patterns = without_row(self.patterns.view(), row)?;
        *self = Self::new(std::mem::take(&mut self.patterns));
        Ok(())
    }

    /// The weights `W = (X^T X - M 1) / N`, zero on the diagonal, N x N.
    #[must_use]
    pub fn weights(&self) -> Array2<f64> {
        let n = self.patterns.ncols() as f64;
        self.weights.clone().unwrap_or_else(|| hebbian(self.patterns.view())) / n
    }

    /// The fields of a batch of states, Q x N.
    /// # Errors
    /// For states of another width or with entries other than +1 and -1.
    pub fn field(&self, states: ArrayView2<f64>) -> Result<Array2<f64>> {
        Ok(self.unscaled_field(states)? / self.patterns.ncols() as f64)
    }

    /// The energy `-1/2 s W s` of every state; asynchronous recall never raises it.
    /// # Errors
    /// As [`field`](Self::field).
    pub fn energy(&self, states: ArrayView2<f64>) -> Result<Array1<f64>> {
        Ok((self.field(states)? * states).sum_axis(Axis(1)) * -0.5)
    }

    fn unscaled_field(&self, states: ArrayView2<f64>) -> Result<Array2<f64>> {
        check_states("states", states, self.patterns.ncols(), StateKind::Binary)?;
        if let Some(weights) = &self.weights {
            return Ok(multiply(states, weights.view()));
        }
        let overlaps = multiply_transposed(states, self.patterns.view());
        let mut field = multiply(overlaps.view(), self.patterns.view());
        field.scaled_add(-(self.patterns.nrows() as f64), &states);
        Ok(field)
    }
}

/// All rows but one.
pub(super) fn without_row(patterns: ArrayView2<f64>, row: usize) -> Result<Array2<f64>> {
    let n = patterns.nrows();
    neuropil_core::check::within("row", row, 0..n).map_err(Error::from)?;
    neuropil_core::check::at_least("the number of patterns before one is deleted", n, 2).map_err(Error::from)?;
    let kept: Vec<usize> = (0..n).filter(|&other| other != row).collect();
    Ok(patterns.select(Axis(0), &kept))
}

fn hebbian(patterns: ArrayView2<f64>) -> Array2<f64> {
    let mut weights = multiply(patterns.t(), patterns);
    weights.diag_mut().fill(0.0);
    weights
}

impl AssociativeMemory for Hopfield {
    fn n_inputs(&self) -> usize {
        self.patterns.ncols()
    }

    fn n_outputs(&self) -> usize {
        self.patterns.ncols()
    }

    fn is_recurrent(&self) -> bool {
        true
    }

    fn state(&self) -> StateKind {
        StateKind::Binary
    }

    fn step(&self, states: ArrayView2<f64>) -> Result<Array2<f64>> {
        let mut next = self.unscaled_field(states)?;
        next.zip_mut_with(&states, |field, &before| *field = sign_or(*field, before));
        Ok(next)
    }

    fn patterns(&self) -> Option<ArrayView2<'_, f64>> {
        Some(self.patterns.view())
    }

    fn overlap_field(&self) -> Option<&dyn OverlapField> {
        Some(self)
    }
}

impl OverlapField for Hopfield {
    fn stored(&self) -> ArrayView2<'_, f64> {
        self.patterns.view()
    }

    fn field(&self, neuron: usize, state: ArrayView1<f64>, overlaps: &[f64]) -> f64 {
        let column = self.patterns.column(neuron);
        column.iter().zip(overlaps).map(|(x, u)| x * u).sum::<f64>() - overlaps.len() as f64 * state[neuron]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random_patterns::binary_patterns;
    use crate::recall::{RecallOptions, Status, UpdateOrder, recall};
    use neuropil_core::progress::Monitor;
    use neuropil_core::random::Seed;

    #[test]
    fn both_ways_to_the_field_are_the_double_sum() {
        for m in [3, 40] {
            let patterns = binary_patterns(m, 30, Seed::new(1));
            let states = binary_patterns(4, 30, Seed::new(2));
            let network = Hopfield::fit(patterns.view()).unwrap();
            assert_eq!(network.weights.is_some(), m == 40);
            let field = network.field(states.view()).unwrap();
            for ((q, i), &h) in field.indexed_iter() {
                let plain: f64 = (0..m)
                    .map(|mu| {
                        let others: f64 = (0..30).filter(|&j| j != i).map(|j| patterns[(mu, j)] * states[(q, j)]).sum();
                        patterns[(mu, i)] * others
                    })
                    .sum::<f64>()
                    / 30.0;
                assert!((h - plain).abs() < 1e-13);
            }
        }
    }

    #[test]
    fn asynchronous_recall_lowers_the_energy_and_ends_at_a_fixed_point() {
        let patterns = binary_patterns(20, 100, Seed::new(3));
        let network = Hopfield::fit(patterns.view()).unwrap();
        let cues = binary_patterns(10, 100, Seed::new(4));
        let options = RecallOptions { update: UpdateOrder::Asynchronous, seed: 5, ..Default::default() };
        let result = recall(&network, cues.view(), &options, &Monitor::silent()).unwrap();
        assert!(result.status.iter().all(|&status| status == Status::Converged));
        assert_eq!(network.step(result.states.view()).unwrap(), result.states);
        let (before, after) = (network.energy(cues.view()).unwrap(), network.energy(result.states.view()).unwrap());
        assert!(before.iter().zip(&after).all(|(before, after)| after <= before));
    }

    #[test]
    fn inserting_and_deleting_is_fitting() {
        let patterns = binary_patterns(30, 40, Seed::new(6));
        let all = Hopfield::fit(patterns.view()).unwrap();
        let mut grown = Hopfield::fit(patterns.slice(ndarray::s![..10, ..])).unwrap();
        grown.insert(patterns.slice(ndarray::s![10.., ..])).unwrap();
        assert_eq!(grown, all);
        grown.delete(29).unwrap();
        assert_eq!(grown, Hopfield::fit(patterns.slice(ndarray::s![..29, ..])).unwrap());
        assert!(grown.delete(29).is_err());
    }
}
