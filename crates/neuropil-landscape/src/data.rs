//! Weighted samples: what a network is fitted to.

use ndarray::{Array1, Array2, ArrayView1, ArrayView2};

use crate::error::{Error, Result};

/// Samples with their targets and weights. A row is a sample.
#[derive(Debug, Clone, PartialEq)]
pub struct Dataset {
    inputs: Array2<f64>,
    targets: Array2<f64>,
    weights: Array1<f64>,
}

impl Dataset {
    /// Samples of equal weight `1 / N`: inputs N x d, targets N x c.
    ///
    /// # Errors
    /// [`Error::Shape`] for no samples, no columns or different numbers of rows; [`Error::NotFinite`].
    pub fn new(inputs: Array2<f64>, targets: Array2<f64>) -> Result<Self> {
        if inputs.is_empty() {
            let expected = "at least one sample (row) and one input (column)";
            return Err(Error::shape("inputs", expected, format!("{:?}", inputs.dim())));
        }
        if targets.nrows() != inputs.nrows() || targets.ncols() == 0 {
            let expected = format!("{} rows, as many as inputs, and at least one column", inputs.nrows());
            return Err(Error::shape("targets", expected, format!("{:?}", targets.dim())));
        }
        finite("inputs", inputs.view())?;
        finite("targets", targets.view())?;
        let n = inputs.nrows();
        Ok(Self { inputs, targets, weights: Array1::from_elem(n, 1.0 / n as f64) })
    }

    /// Samples with class labels `0..n_classes`, which become one-hot targets.
    ///
    /// # Errors
    /// As [`new`](Self::new), and [`Error::Parameter`] for a label that is no class.
    pub fn labelled(inputs: Array2<f64>, labels: &[usize], n_classes: usize) -> Result<Self> {
        if let Some(index) = labels.iter().position(|&label| label >= n_classes) {
            let allowed = format!("below the number of classes, {n_classes}");
            return Err(Error::parameter(format!("labels[{index}]"), labels[index], allowed));
        }
        let mut targets = Array2::zeros((labels.len(), n_classes));
        for (mut row, &label) in targets.rows_mut().into_iter().zip(labels) {
            row[label] = 1.0;
        }
        Self::new(inputs, targets)
    }

    /// The same samples with other weights. They are taken as they are, so a sum other than one scales the loss.
    ///
    /// # Errors
    /// [`Error::Shape`] for another number of weights, [`Error::Parameter`] for negative weights or a sum of zero.
    pub fn with_weights(mut self, weights: Array1<f64>) -> Result<Self> {
        if weights.len() != self.n_samples() {
            let expected = format!("{}, one for each sample", self.n_samples());
            return Err(Error::shape("sample weights", expected, weights.len().to_string()));
        }
        for (index, &weight) in weights.iter().enumerate() {
            neuropil_core::check::non_negative("sample weights", weight).map_err(|error| error.at(index))?;
        }
        if weights.sum() <= 0.0 {
            return Err(Error::parameter("sum of the sample weights", weights.sum(), "positive"));
        }
        self.weights = weights;
        Ok(self)
    }

    /// Number of samples.
    #[must_use]
    pub fn n_samples(&self) -> usize {
        self.inputs.nrows()
    }

    /// N x d.
    #[must_use]
    pub fn inputs(&self) -> ArrayView2<'_, f64> {
        self.inputs.view()
    }

    /// N x c.
    #[must_use]
    pub fn targets(&self) -> ArrayView2<'_, f64> {
        self.targets.view()
    }

    /// One for each sample.
    #[must_use]
    pub fn weights(&self) -> ArrayView1<'_, f64> {
        self.weights.view()
    }
}

fn finite(what: &str, values: ArrayView2<f64>) -> Result<()> {
    Error::first_not_finite(what, values.indexed_iter().map(|((i, j), &value)| (vec![i, j], value)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn labels_become_one_hot_targets_of_equal_weight() {
        let data = Dataset::labelled(array![[0.0], [1.0]], &[2, 0], 3).unwrap();
        assert_eq!(data.targets(), array![[0.0, 0.0, 1.0], [1.0, 0.0, 0.0]]);
        assert_eq!(data.weights(), array![0.5, 0.5]);
    }

    #[test]
    fn data_that_cannot_be_fitted_are_refused() {
        let message = |result: Result<Dataset>| result.unwrap_err().to_string();
        let (x, y) = (array![[0.0, 1.0], [2.0, 3.0]], array![[1.0], [2.0]]);
        assert!(message(Dataset::new(Array2::zeros((0, 2)), Array2::zeros((0, 1)))).contains("at least one sample"));
        assert!(message(Dataset::new(Array2::zeros((2, 0)), y.clone())).contains("one input"));
        assert!(message(Dataset::new(x.clone(), array![[1.0]])).contains("expected 2 rows"));
        let nan = array![[0.0, 1.0], [f64::NAN, 3.0]];
        assert!(message(Dataset::new(nan, y.clone())).starts_with("inputs[1, 0] is NaN"));
        let infinite = array![[1.0], [f64::INFINITY]];
        assert!(message(Dataset::new(x.clone(), infinite)).starts_with("targets[1, 0] is inf"));
        assert!(message(Dataset::labelled(x.clone(), &[0, 3], 3)).contains("labels[1]"));
        let data = Dataset::new(x, y).unwrap();
        assert!(message(data.clone().with_weights(array![1.0])).contains("one for each sample"));
        assert!(message(data.clone().with_weights(array![1.0, -1.0])).contains("sample weights[1] is -1"));
        assert!(message(data.with_weights(array![0.0, 0.0])).contains("sum of the sample weights"));
    }
}
