//! The projection or pseudo-inverse network (Personnaz, Guyon and Dreyfus 1985).
//!
//! `s' = P s` with `P = X^+ X`, the orthogonal projector onto the span of the patterns: interpolation with the linear
//! kernel. Binary patterns take the sign. P is kept as an orthonormal basis of the span.

use faer::Side;
use ndarray::{Array2, ArrayView2};

use crate::associative_memory::{AssociativeMemory, StateKind, check_states, check_stored, sign_or};
use crate::error::{Error, Result};
use crate::product::{matrix, multiply, multiply_transposed};

/// Linear interpolation of patterns, binary or real.
#[derive(Debug, Clone, PartialEq)]
pub struct PseudoInverse {
    patterns: Array2<f64>,
    /// Orthonormal rows that span the patterns, rank x N.
    basis: Array2<f64>,
    kind: StateKind,
}

impl PseudoInverse {
    /// Stores patterns (rows) as states of a kind. Linearly dependent patterns are allowed.
    /// # Errors
    /// For no patterns, or values that the kind of state does not have.
    pub fn fit(patterns: ArrayView2<f64>, kind: StateKind) -> Result<Self> {
        check_stored("patterns", patterns, kind)?;
        Ok(Self { patterns: patterns.to_owned(), basis: orthonormal_span(patterns)?, kind })
    }

    /// The dimension of the span: the trace of the projector.
    #[must_use]
    pub fn rank(&self) -> usize {
        self.basis.nrows()
    }

    /// The projector, N x N.
    #[must_use]
    pub fn projector(&self) -> Array2<f64> {
        multiply(self.basis.t(), self.basis.view())
    }

    /// `P s` for a batch of states, before the sign.
    /// # Errors
    /// For states of another width, or with values that the kind of state does not have.
    pub fn field(&self, states: ArrayView2<f64>) -> Result<Array2<f64>> {
        check_states("states", states, self.patterns.ncols(), self.kind)?;
        Ok(multiply(multiply_transposed(states, self.basis.view()).view(), self.basis.view()))
    }
}

/// Orthonormal rows with the same span, from the eigenvectors of the smaller of `X X^T` and `X^T X`.
fn orthonormal_span(patterns: ArrayView2<f64>) -> Result<Array2<f64>> {
    let (m, n) = patterns.dim();
    let gram = if m <= n { multiply_transposed(patterns, patterns) } else { multiply(patterns.t(), patterns) };
    let gram_view = gram.view();
    let eigen = matrix(&gram_view).self_adjoint_eigen(Side::Lower).map_err(|_| {
        Error::from(neuropil_core::check::CheckError::new(
            "the Gram matrix of the patterns",
            "without a converged eigendecomposition",
            "have one; scale the patterns to entries of order one",
        ))
    })?;
    let (values, vectors) = (eigen.S(), eigen.U());
    let size = gram.nrows();
    let largest = (0..size).map(|i| values[i]).fold(0.0, f64::max);
    let kept: Vec<usize> = (0..size).filter(|&i| values[i] > 1e-12 * size as f64 * largest).collect();
    let rows = Array2::from_shape_fn((kept.len(), size), |(k, i)| vectors[(i, kept[k])]);
    if m > n {
        return Ok(rows);
    }
    let mut basis = multiply(rows.view(), patterns);
    for (mut row, &k) in basis.rows_mut().into_iter().zip(&kept) {
        row /= values[k].sqrt();
    }
    Ok(basis)
}

impl AssociativeMemory for PseudoInverse {
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
        self.kind
    }

    fn step(&self, states: ArrayView2<f64>) -> Result<Array2<f64>> {
        let mut next = self.field(states)?;
        if self.kind == StateKind::Binary {
            next.zip_mut_with(&states, |field, &before| {
                *field = sign_or(if field.abs() < 1e-12 { 0.0 } else { *field }, before);
            });
        }
        Ok(next)
    }

    fn patterns(&self) -> Option<ArrayView2<'_, f64>> {
        Some(self.patterns.view())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random_patterns::{binary_patterns, sphere_patterns};
    use ndarray::{Axis, concatenate};
    use neuropil_core::random::Seed;

    #[test]
    fn the_projector_is_orthogonal_and_keeps_the_patterns() {
        for (m, n) in [(5, 12), (30, 12)] {
            let patterns = sphere_patterns(m, n, Seed::new(1));
            let twice = concatenate![Axis(0), patterns, patterns];
            let memory = PseudoInverse::fit(twice.view(), StateKind::Real).unwrap();
            assert_eq!(memory.rank(), m.min(n));
            let p = memory.projector();
            assert!((&p.dot(&p) - &p).iter().all(|d| d.abs() < 1e-12));
            assert!((&memory.step(twice.view()).unwrap() - &twice).iter().all(|d| d.abs() < 1e-12));
        }
    }

    #[test]
    fn binary_patterns_are_fixed_points() {
        let patterns = binary_patterns(12, 30, Seed::new(2));
        let memory = PseudoInverse::fit(patterns.view(), StateKind::Binary).unwrap();
        assert_eq!(memory.step(patterns.view()).unwrap(), patterns);
    }
}
