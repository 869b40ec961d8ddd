//! Eigenvalues of the Hessian: all of them for up to a few thousand parameters.

use faer::diag::Diag;
use faer::dyn_stack::{MemBuffer, MemStack};
use faer::linalg::evd::{ComputeEigenvectors, self_adjoint_evd, self_adjoint_evd_scratch};
use faer::{Mat, Par};
use ndarray::{Array1, Array2, ArrayView1, ArrayView2};
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::loss::Objective;
use crate::product::matrix;

/// Eigenvalues, and eigenvectors where they were asked for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Spectrum {
    /// In ascending order.
    pub eigenvalues: Array1<f64>,
    /// One column for each eigenvalue; no columns if they were not computed.
    pub eigenvectors: Array2<f64>,
    /// Eigenvalues smaller than this in absolute value count as zero.
    pub tolerance: f64,
}

/// Whether eigenvectors are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Eigenvectors {
    /// Yes.
    #[default]
    Compute,
    /// No: faster.
    Skip,
}

/// Eigenvalues below this fraction of the largest count as zero (at least 1e-10 in absolute terms).
pub const ZERO_TOLERANCE: f64 = 1e-10;

impl Spectrum {
    /// The spectrum of a symmetric matrix, of which the lower triangle is read.
    ///
    /// # Errors
    /// [`Error::Shape`] for a matrix that is not square, [`Error::NotFinite`], [`Error::Undefined`] if the iteration
    /// does not converge.
    pub fn of(symmetric: ArrayView2<f64>, eigenvectors: Eigenvectors) -> Result<Self> {
        let (n, columns) = symmetric.dim();
        if n != columns {
            return Err(Error::shape("matrix", "as many rows as columns", format!("{n} x {columns}")));
        }
        Error::first_not_finite("matrix", symmetric.indexed_iter().map(|((i, j), &value)| (vec![i, j], value)))?;
        let (values, vectors) = eigen(symmetric, eigenvectors)?;
        let largest = values.iter().fold(1.0_f64, |m, v| m.max(v.abs()));
        Ok(Self { eigenvalues: values, eigenvectors: vectors, tolerance: ZERO_TOLERANCE * largest })
    }

    /// The same with another bound below which an eigenvalue counts as zero.
    #[must_use]
    pub fn with_tolerance(mut self, tolerance: f64) -> Self {
        self.tolerance = tolerance;
        self
    }

    /// The index: number of negative eigenvalues.
    #[must_use]
    pub fn n_negative(&self) -> usize {
        self.eigenvalues.iter().filter(|&&value| value < -self.tolerance).count()
    }

    /// Number of eigenvalues that count as zero.
    #[must_use]
    pub fn n_zero(&self) -> usize {
        self.eigenvalues.iter().filter(|value| value.abs() <= self.tolerance).count()
    }

    /// Number of positive eigenvalues.
    #[must_use]
    pub fn n_positive(&self) -> usize {
        self.eigenvalues.len() - self.n_negative() - self.n_zero()
    }

    /// Sum of the eigenvalues.
    #[must_use]
    pub fn trace(&self) -> f64 {
        self.eigenvalues.sum()
    }

    /// The smallest eigenvalue; NaN for an empty spectrum.
    #[must_use]
    pub fn smallest(&self) -> f64 {
        self.eigenvalues.first().copied().unwrap_or(f64::NAN)
    }

    /// The largest eigenvalue; NaN for an empty spectrum.
    #[must_use]
    pub fn largest(&self) -> f64 {
        self.eigenvalues.last().copied().unwrap_or(f64::NAN)
    }

    /// Eigenvectors of the eigenvalues that count as zero, one column each.
    #[must_use]
    pub fn zero_modes(&self) -> Array2<f64> {
        let zero: Vec<usize> =
            (0..self.eigenvectors.ncols()).filter(|&i| self.eigenvalues[i].abs() <= self.tolerance).collect();
        self.eigenvectors.select(ndarray::Axis(1), &zero)
    }
}

impl Objective {
    /// The spectrum of the Hessian at `theta`, with eigenvectors.
    ///
    /// # Errors
    /// As [`hessian`](Self::hessian).
    pub fn spectrum(&self, theta: ArrayView1<f64>) -> Result<Spectrum> {
        Spectrum::of(self.hessian(theta)?.view(), Eigenvectors::Compute)
    }
}

fn eigen(symmetric: ArrayView2<f64>, wanted: Eigenvectors) -> Result<(Array1<f64>, Array2<f64>)> {
    let n = symmetric.nrows();
    let mut values = Diag::<f64>::zeros(n);
    let mut vectors = Mat::<f64>::zeros(n, if wanted == Eigenvectors::Compute { n } else { 0 });
    let (compute, out) = match wanted {
        Eigenvectors::Compute => (ComputeEigenvectors::Yes, Some(vectors.as_mut())),
        Eigenvectors::Skip => (ComputeEigenvectors::No, None),
    };
    // One thread: the same bits whatever the number of threads.
    let scratch = self_adjoint_evd_scratch::<f64>(n, compute, Par::Seq, Default::default());
    let mut memory = MemBuffer::new(scratch);
    let stack = MemStack::new(&mut memory);
    self_adjoint_evd(matrix(symmetric), values.as_mut(), out, Par::Seq, stack, Default::default()).map_err(|_| {
        Error::Undefined {
            what: "the spectrum".into(),
            case: "this matrix: the iteration did not converge".into(),
            advice: "check that the parameters are of reasonable size".into(),
        }
    })?;
    let values = (0..n).map(|i| values.column_vector()[i]).collect();
    let vectors = Array2::from_shape_fn((n, vectors.ncols()), |(i, j)| vectors[(i, j)]);
    Ok((values, vectors))
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn a_saddle_has_its_index_and_its_zero_modes() {
        let rotation = array![[0.6, -0.8, 0.0], [0.8, 0.6, 0.0], [0.0, 0.0, 1.0]];
        let matrix = rotation.dot(&Array2::from_diag(&array![-2.0, 0.0, 3.0])).dot(&rotation.t());
        let spectrum = Spectrum::of(matrix.view(), Eigenvectors::Compute).unwrap();
        assert_eq!((spectrum.n_negative(), spectrum.n_zero(), spectrum.n_positive()), (1, 1, 1));
        assert!((spectrum.smallest() + 2.0).abs() < 1e-14 && (spectrum.trace() - 1.0).abs() < 1e-14);
        let zero = spectrum.zero_modes();
        assert!((zero[[0, 0]].abs() - 0.8).abs() < 1e-14 && zero.ncols() == 1);
        let values = Spectrum::of(matrix.view(), Eigenvectors::Skip).unwrap();
        assert_eq!(values.eigenvectors.ncols(), 0);
        assert!(Spectrum::of(array![[1.0, 2.0]].view(), Eigenvectors::Skip).is_err());
    }
}
