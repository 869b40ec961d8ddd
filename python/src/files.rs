//! Files of observations.

use std::path::PathBuf;

use neuropil_data::series::read_named_series;
use numpy::{IntoPyArray, PyArray2};
use pyo3::prelude::*;

use crate::errors::Failure;

/// Names of the columns and their values, `(T, columns)`.
#[pyfunction]
#[pyo3(signature = (path, columns) -> "tuple[list[str], numpy.typing.NDArray[numpy.float64]]")]
pub fn read_series(
    py: Python<'_>,
    path: PathBuf,
    columns: Vec<String>,
) -> PyResult<(Vec<String>, Bound<'_, PyArray2<f64>>)> {
    let series = py
        .detach(|| read_named_series(&path, &columns))
        .map_err(|error| PyErr::from(Failure::Input(error.to_string())))?;
    Ok((series.names, series.values.into_pyarray(py)))
}
