//! Observations of a whole recording, checked once and read many times.

use ndarray::{ArrayView2, CowArray, Ix2};

use crate::{
    error::{Error, Result},
    family::ConjugateFamily,
};

/// Observations as contiguous rows, checked against the family.
#[derive(Debug)]
pub(crate) struct Observations<'a> {
    rows: CowArray<'a, f64, Ix2>,
    missing: Vec<bool>,
}

impl<'a> Observations<'a> {
    /// Checks shape and every row that is not missing; at least one row is needed.
    pub fn new<F: ConjugateFamily>(family: &F, y: ArrayView2<'a, f64>) -> Result<Self> {
        family.validate()?;
        let (length, width) = y.dim();
        if width != family.observation_width() {
            return Err(Error::Shape {
                what: format!("observations of the family \"{}\"", F::NAME),
                expected: format!("{} numbers per row", family.observation_width()),
                got: width.to_string(),
            });
        }
        if length == 0 {
            return Err(Error::TooFew { what: "a change-point model", needed: 1, got: 0 });
        }
        let missing = y.rows().into_iter().map(|row| row.iter().any(|value| value.is_nan())).collect();
        let rows = if y.is_standard_layout() { y.into() } else { CowArray::from(y.as_standard_layout().into_owned()) };
        let observations = Self { rows, missing };
        for t in 0..length {
            if let Some(row) = observations.row(t) {
                family.check_observation(t, row)?;
            }
        }
        Ok(observations)
    }

    /// Row `t`, or `None` where it is missing.
    pub fn row(&self, t: usize) -> Option<&[f64]> {
        if self.missing[t] {
            return None;
        }
        let width = self.rows.ncols();
        self.rows.as_slice().map(|all| &all[t * width..(t + 1) * width])
    }

    /// Number of rows.
    pub fn len(&self) -> usize {
        self.missing.len()
    }
}
