//! The nearest stored pattern: what no memory of independent patterns can beat on average.

use ndarray::{Array2, ArrayView2, Axis, concatenate};

use super::hopfield::without_row;
use crate::associative_memory::{AssociativeMemory, StateKind, check_pairs, check_states, check_stored};
use crate::error::Result;
use crate::recall::nearest_patterns;

/// Answers with the output that belongs to the nearest stored input (Euclidean; on +1/-1 the same as Hamming).
#[derive(Debug, Clone, PartialEq)]
pub struct NearestNeighbor {
    inputs: Array2<f64>,
    outputs: Option<Array2<f64>>,
}

impl NearestNeighbor {
    /// Stores patterns (rows), to be recalled from noisy copies of themselves.
    /// # Errors
    /// For no patterns, NaN, or infinite values.
    pub fn fit(patterns: ArrayView2<f64>) -> Result<Self> {
        check_stored("patterns", patterns, StateKind::Real)?;
        Ok(Self { inputs: patterns.to_owned(), outputs: None })
    }

    /// Stores pairs of input and output patterns (rows).
    /// # Errors
    /// As [`fit`](Self::fit), and for different numbers of rows.
    pub fn fit_pairs(inputs: ArrayView2<f64>, outputs: ArrayView2<f64>) -> Result<Self> {
        check_stored("outputs", outputs, StateKind::Real)?;
        check_pairs(inputs, outputs)?;
        Ok(Self { outputs: Some(outputs.to_owned()), ..Self::fit(inputs)? })
    }

    /// Adds patterns to those that are stored; of pairs, use a new fit.
    /// # Errors
    /// For another width, NaN, or infinite values.
    pub fn insert(&mut self, patterns: ArrayView2<f64>) -> Result<()> {
        check_states("patterns", patterns, self.inputs.ncols(), StateKind::Real)?;
        if let Some(outputs) = &self.outputs {
            // A pattern without a partner is its own partner, which needs outputs as wide as the inputs.
            check_states("patterns", patterns, outputs.ncols(), StateKind::Real)?;
            self.outputs = Some(concatenate![Axis(0), *outputs, patterns]);
        }
        self.inputs = concatenate![Axis(0), self.inputs, patterns];
        Ok(())
    }

    /// Forgets the pattern in a row; the rows behind it move up.
    /// # Errors
    /// For a row that does not exist, or the last pattern that is left.
    pub fn delete(&mut self, row: usize) -> Result<()> {
        self.inputs = without_row(self.inputs.view(), row)?;
        self.outputs = self.outputs.take().map(|outputs| without_row(outputs.view(), row)).transpose()?;
        Ok(())
    }
}

impl AssociativeMemory for NearestNeighbor {
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
        let nearest = nearest_patterns(states, self.inputs.view(), StateKind::Real);
        Ok(self.outputs.as_ref().unwrap_or(&self.inputs).select(Axis(0), &nearest.index))
    }

    fn patterns(&self) -> Option<ArrayView2<'_, f64>> {
        Some(self.outputs.as_ref().unwrap_or(&self.inputs).view())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn the_partner_of_the_nearest_input_is_the_answer() {
        let inputs = array![[0.0, 0.0], [1.0, 0.0], [0.0, 2.0]];
        let outputs = array![[1.0], [2.0], [3.0]];
        let memory = NearestNeighbor::fit_pairs(inputs.view(), outputs.view()).unwrap();
        let answers = memory.step(array![[0.9, 0.3], [0.1, 1.2], [-5.0, 0.0]].view()).unwrap();
        assert_eq!(answers, array![[2.0], [3.0], [1.0]]);
        assert!(NearestNeighbor::fit_pairs(inputs.view(), array![[1.0]].view()).is_err());
        assert!(memory.step(array![[f64::NAN, 0.0]].view()).is_err());
    }
}
