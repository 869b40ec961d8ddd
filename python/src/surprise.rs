//! The room of surprise.
//!
//! A learner crosses the border as the JSON of the engine's own type; observations as arrays `(T, width)` of float64;
//! results as dictionaries of arrays under the names of the engine's fields. `neuropil/surprise.py` makes classes of them.

use ndarray::{Array2, ArrayView2};
use neuropil_core::provenance::{Fingerprint, Provenance};
use neuropil_surprise::agreement;
use neuropil_surprise::blocks::Blocks;
use neuropil_surprise::family::Family;
use neuropil_surprise::filter::{FilterResult, Outputs};
use neuropil_surprise::hazard_learning::HazardFitOptions;
use neuropil_surprise::method::Method;
use neuropil_surprise::model::{ChangePointLearner, FilterOptions};
use neuropil_surprise::online_hazard::{BetaHazard, HazardGrid, OnlineHazard};
use neuropil_surprise::{Error, Result};
use numpy::{IntoPyArray, PyArray1, PyReadonlyArray2};
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::errors::Failure;
use crate::progress::run;

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        match error {
            Error::Cancelled => Self::Cancelled,
            other => Self::Input(other.to_string()),
        }
    }
}

/// An engine error as a Python exception.
pub fn refused(error: Error) -> PyErr {
    Failure::from(error).into()
}

/// A value of the engine from its JSON.
pub fn parsed<T: serde::de::DeserializeOwned>(what: &str, json: &str) -> PyResult<T> {
    serde_json::from_str(json).map_err(|error| Failure::Input(format!("{what}: {error}")).into())
}

/// A value of the engine as JSON.
pub fn written<T: serde::Serialize>(value: &T) -> PyResult<String> {
    serde_json::to_string(value).map_err(|error| Failure::Work(error.to_string()).into())
}

pub fn learner(json: &str) -> PyResult<ChangePointLearner> {
    parsed("a learner", json)
}

/// Independent blocks from the indices at which they start.
pub fn blocks(starts: Option<&[usize]>, length: usize) -> Result<Blocks> {
    starts.map_or_else(|| Ok(Blocks::single(length)), |starts| Blocks::from_starts(length, starts))
}

/// Names of the families and of the methods.
#[pyfunction]
pub fn surprise_names() -> (Vec<&'static str>, Vec<&'static str>) {
    (Family::NAMES.to_vec(), Method::NAMES.to_vec())
}

/// JSON of the family with this name and its default prior.
#[pyfunction]
pub fn surprise_family(name: &str) -> PyResult<String> {
    written(&Family::named(name).map_err(refused)?)
}

/// JSON of the method with this name and its default parameters.
#[pyfunction]
pub fn surprise_method(name: &str) -> PyResult<String> {
    written(&Method::named(name).map_err(refused)?)
}

/// Checks every parameter; returns observation width, estimate width and the learner with all defaults.
#[pyfunction]
pub fn surprise_check(model: &str) -> PyResult<(usize, usize, String)> {
    let model = learner(model)?;
    model.validate().map_err(refused)?;
    Ok((model.family.observation_width(), model.family.estimate_width(), written(&model)?))
}

/// A sentence where the observations lie far from everything that the prior expects.
#[pyfunction]
#[pyo3(signature = (model, y: "numpy.typing.NDArray[numpy.float64]"))]
pub fn surprise_prior_conflict(model: &str, y: PyReadonlyArray2<'_, f64>) -> PyResult<Option<String>> {
    Ok(learner(model)?.prior_conflict(y.as_array()).map(|conflict| conflict.to_string()))
}

/// Filters one sequence; `outputs` lists the read-outs, all of them when absent.
#[pyfunction]
#[pyo3(signature = (model, y: "numpy.typing.NDArray[numpy.float64]", starts=None, outputs=None, bars=None) -> "dict[str, typing.Any]")]
pub fn surprise_filter<'py>(
    py: Python<'py>,
    model: &str,
    y: PyReadonlyArray2<'py, f64>,
    starts: Option<Vec<usize>>,
    outputs: Option<Vec<String>>,
    bars: Option<&Bound<'py, PyAny>>,
) -> PyResult<Bound<'py, PyDict>> {
    let model = learner(model)?;
    let y = y.as_array();
    let outputs = chosen(outputs)?;
    let result = run(py, bars, |monitor| {
        let blocks = blocks(starts.as_deref(), y.nrows())?;
        let options = FilterOptions { outputs, blocks: Some(blocks), monitor: monitor.clone() };
        model.filter_with(y, &options)
    })?;
    filtered(py, result)
}

/// Filters many sequences in parallel.
#[pyfunction]
#[pyo3(signature = (model, sequences: "list[numpy.typing.NDArray[numpy.float64]]", outputs=None, bars=None) -> "list[dict[str, typing.Any]]")]
pub fn surprise_filter_batch<'py>(
    py: Python<'py>,
    model: &str,
    sequences: Vec<PyReadonlyArray2<'py, f64>>,
    outputs: Option<Vec<String>>,
    bars: Option<&Bound<'py, PyAny>>,
) -> PyResult<Vec<Bound<'py, PyDict>>> {
    let model = learner(model)?;
    let outputs = chosen(outputs)?;
    let views: Vec<ArrayView2<'_, f64>> = sequences.iter().map(|y| y.as_array()).collect();
    let results = run(py, bars, |monitor| {
        model.filter_batch(&views, &FilterOptions { outputs, blocks: None, monitor: monitor.clone() })
    })?;
    results.into_iter().map(|result| filtered(py, result)).collect()
}

/// Filtered posterior over run lengths, `(T, longest)`.
#[pyfunction]
#[pyo3(signature = (model, y: "numpy.typing.NDArray[numpy.float64]", longest, starts=None, bars=None) -> "tuple[numpy.typing.NDArray[numpy.float64], str]")]
pub fn surprise_run_length<'py>(
    py: Python<'py>,
    model: &str,
    y: PyReadonlyArray2<'py, f64>,
    longest: usize,
    starts: Option<Vec<usize>>,
    bars: Option<&Bound<'py, PyAny>>,
) -> PyResult<(Bound<'py, PyAny>, String)> {
    let model = learner(model)?;
    let y = y.as_array();
    let course =
        run(py, bars, |monitor| model.run_length_course(y, &blocks(starts.as_deref(), y.nrows())?, longest, monitor))?;
    Ok((course.into_pyarray(py).into_any(), written(&model.provenance(Some(y)))?))
}

/// Smoothed beliefs and change probabilities.
#[pyfunction]
#[pyo3(signature = (model, y: "numpy.typing.NDArray[numpy.float64]", cutoff, starts=None, bars=None) -> "dict[str, typing.Any]")]
pub fn surprise_smooth<'py>(
    py: Python<'py>,
    model: &str,
    y: PyReadonlyArray2<'py, f64>,
    cutoff: f64,
    starts: Option<Vec<usize>>,
    bars: Option<&Bound<'py, PyAny>>,
) -> PyResult<Bound<'py, PyDict>> {
    let model = learner(model)?;
    let y = y.as_array();
    let smoothing = run(py, bars, |monitor| model.smooth(y, &blocks(starts.as_deref(), y.nrows())?, cutoff, monitor))?;
    let result = PyDict::new(py);
    result.set_item("mean", smoothing.mean.into_pyarray(py))?;
    result.set_item("variance", smoothing.variance.into_pyarray(py))?;
    result.set_item("change_probability", smoothing.change_probability.into_pyarray(py))?;
    result.set_item("expected_changes", smoothing.expected_changes)?;
    result.set_item("log_evidence", smoothing.log_evidence)?;
    result.set_item("dropped_mass", smoothing.dropped_mass)?;
    result.set_item("provenance", written(&model.provenance(Some(y)))?)?;
    Ok(result)
}

/// The most probable segmentation.
#[pyfunction]
#[pyo3(signature = (model, y: "numpy.typing.NDArray[numpy.float64]", cutoff, starts=None, bars=None) -> "dict[str, typing.Any]")]
pub fn surprise_segment<'py>(
    py: Python<'py>,
    model: &str,
    y: PyReadonlyArray2<'py, f64>,
    cutoff: f64,
    starts: Option<Vec<usize>>,
    bars: Option<&Bound<'py, PyAny>>,
) -> PyResult<Bound<'py, PyDict>> {
    let model = learner(model)?;
    let y = y.as_array();
    let segmentation =
        run(py, bars, |monitor| model.segment(y, &blocks(starts.as_deref(), y.nrows())?, cutoff, monitor))?;
    let result = PyDict::new(py);
    result.set_item("starts", indices(py, &segmentation.starts))?;
    result.set_item("ends", indices(py, &segmentation.ends))?;
    result.set_item("changes", indices(py, &segmentation.changes))?;
    result.set_item("change_probability", segmentation.change_probability.into_pyarray(py))?;
    result.set_item("mean", segmentation.mean.into_pyarray(py))?;
    result.set_item("standard_deviation", segmentation.standard_deviation.into_pyarray(py))?;
    result.set_item("log_joint", segmentation.log_joint)?;
    result.set_item("log_posterior", segmentation.log_posterior)?;
    result.set_item("log_evidence", segmentation.log_evidence)?;
    result.set_item("provenance", written(&model.provenance(Some(y)))?)?;
    Ok(result)
}

/// Draws from the posterior over segmentations: the starts of the segments of each.
#[pyfunction]
#[pyo3(signature = (model, y: "numpy.typing.NDArray[numpy.float64]", draws, cutoff, starts=None, bars=None) -> "tuple[list[numpy.typing.NDArray[numpy.int64]], str]")]
pub fn surprise_sample_segmentations<'py>(
    py: Python<'py>,
    model: &str,
    y: PyReadonlyArray2<'py, f64>,
    draws: usize,
    cutoff: f64,
    starts: Option<Vec<usize>>,
    bars: Option<&Bound<'py, PyAny>>,
) -> PyResult<(Vec<Bound<'py, PyArray1<i64>>>, String)> {
    let model = learner(model)?;
    let y = y.as_array();
    let samples = run(py, bars, |monitor| {
        model.sample_segmentations(y, &blocks(starts.as_deref(), y.nrows())?, draws, cutoff, monitor)
    })?;
    let samples = samples.iter().map(|starts| indices(py, starts)).collect();
    Ok((samples, written(&model.provenance(Some(y)))?))
}

/// Posterior over the number of changes: the smallest number, and the probability of it and of its successors.
#[pyfunction]
#[pyo3(signature = (model, y: "numpy.typing.NDArray[numpy.float64]", cutoff, starts=None, bars=None) -> "tuple[int, numpy.typing.NDArray[numpy.float64], str]")]
pub fn surprise_change_count<'py>(
    py: Python<'py>,
    model: &str,
    y: PyReadonlyArray2<'py, f64>,
    cutoff: f64,
    starts: Option<Vec<usize>>,
    bars: Option<&Bound<'py, PyAny>>,
) -> PyResult<(usize, Bound<'py, PyArray1<f64>>, String)> {
    let model = learner(model)?;
    let y = y.as_array();
    let count =
        run(py, bars, |monitor| model.change_count(y, &blocks(starts.as_deref(), y.nrows())?, cutoff, monitor))?;
    Ok((count.first, count.probability.into_pyarray(py), written(&model.provenance(Some(y)))?))
}

/// The most probable constant hazard.
#[pyfunction]
#[pyo3(signature = (model, y: "numpy.typing.NDArray[numpy.float64]", start, tolerance, max_iterations, cutoff, starts=None, bars=None) -> "dict[str, typing.Any]")]
#[allow(clippy::too_many_arguments)]
pub fn surprise_fit_hazard<'py>(
    py: Python<'py>,
    model: &str,
    y: PyReadonlyArray2<'py, f64>,
    start: f64,
    tolerance: f64,
    max_iterations: usize,
    cutoff: f64,
    starts: Option<Vec<usize>>,
    bars: Option<&Bound<'py, PyAny>>,
) -> PyResult<Bound<'py, PyDict>> {
    let model = learner(model)?;
    let y = y.as_array();
    let fit = run(py, bars, |monitor| {
        let options = HazardFitOptions {
            start,
            tolerance,
            max_iterations,
            cutoff,
            monitor: monitor.clone(),
            ..HazardFitOptions::default()
        };
        model.fit_hazard(y, &blocks(starts.as_deref(), y.nrows())?, &options)
    })?;
    let result = PyDict::new(py);
    result.set_item("hazard", fit.hazard)?;
    result.set_item("standard_error", fit.standard_error)?;
    result.set_item("interval", fit.interval.map(|[low, high]| (low, high)))?;
    result.set_item("hazards", fit.hazards.into_pyarray(py))?;
    result.set_item("log_evidence", fit.log_evidence.into_pyarray(py))?;
    result.set_item("expected_changes", fit.expected_changes)?;
    result.set_item("iterations", fit.iterations)?;
    result.set_item("converged", fit.converged)?;
    result.set_item("provenance", written(&model.provenance(Some(y)))?)?;
    Ok(result)
}

/// The hazard learned along the way on a grid of candidates with prior probabilities.
#[pyfunction]
#[pyo3(signature = (model, y: "numpy.typing.NDArray[numpy.float64]", hazards, prior, cutoff, starts=None, bars=None) -> "dict[str, typing.Any]")]
#[allow(clippy::too_many_arguments)]
pub fn surprise_learn_hazard_on_grid<'py>(
    py: Python<'py>,
    model: &str,
    y: PyReadonlyArray2<'py, f64>,
    hazards: Option<Vec<f64>>,
    prior: Option<Vec<f64>>,
    cutoff: f64,
    starts: Option<Vec<usize>>,
    bars: Option<&Bound<'py, PyAny>>,
) -> PyResult<Bound<'py, PyDict>> {
    let model = learner(model)?;
    let y = y.as_array();
    let hazards = hazards.unwrap_or_else(|| HazardGrid::default().hazards);
    let grid = HazardGrid { prior: prior.unwrap_or_else(|| vec![1.0; hazards.len()]), hazards };
    let (online, posterior) = run(py, bars, |monitor| {
        model.learn_hazard_on_grid(y, &blocks(starts.as_deref(), y.nrows())?, &grid, cutoff, monitor)
    })?;
    let result = learned(py, online, &model.provenance(Some(y)))?;
    result.set_item("hazards", grid.hazards.into_pyarray(py))?;
    result.set_item("posterior", posterior.into_pyarray(py))?;
    Ok(result)
}

/// The hazard learned along the way with a beta prior.
#[pyfunction]
#[pyo3(signature = (model, y: "numpy.typing.NDArray[numpy.float64]", changes, stays, cutoff, starts=None, bars=None) -> "dict[str, typing.Any]")]
#[allow(clippy::too_many_arguments)]
pub fn surprise_learn_hazard_with_beta<'py>(
    py: Python<'py>,
    model: &str,
    y: PyReadonlyArray2<'py, f64>,
    changes: f64,
    stays: f64,
    cutoff: f64,
    starts: Option<Vec<usize>>,
    bars: Option<&Bound<'py, PyAny>>,
) -> PyResult<Bound<'py, PyDict>> {
    let model = learner(model)?;
    let y = y.as_array();
    let prior = BetaHazard { changes, stays };
    let online = run(py, bars, |monitor| {
        model.learn_hazard_with_beta_prior(y, &blocks(starts.as_deref(), y.nrows())?, &prior, cutoff, monitor)
    })?;
    learned(py, online, &model.provenance(Some(y)))
}

/// F1, precision and recall of predicted changes beside those of several annotators, the covering metric, and the
/// provenance.
#[pyfunction]
#[pyo3(signature = (annotations, predicted, length, margin))]
pub fn surprise_agreement(
    annotations: Vec<Vec<usize>>,
    predicted: Vec<usize>,
    length: usize,
    margin: usize,
) -> PyResult<(f64, f64, f64, f64, String)> {
    let measure = agreement::f_measure(&annotations, &predicted, length, margin).map_err(refused)?;
    let covering = agreement::covering(&annotations, &predicted, length).map_err(refused)?;
    let marks = |marks: &[usize]| marks.iter().map(|&index| index as f64).collect::<Vec<f64>>();
    let input = Fingerprint::new().numbers(&marks(&predicted));
    let input = annotations.iter().fold(input, |input, one| input.numbers(&marks(one)));
    let parameters = serde_json::json!({ "length": length, "margin": margin });
    let provenance = written(&Provenance::new(parameters).input(input))?;
    Ok((measure.f1, measure.precision, measure.recall, covering, provenance))
}

/// The read-outs that were asked for.
pub fn chosen(names: Option<Vec<String>>) -> PyResult<Outputs> {
    let Some(names) = names else { return Ok(Outputs::default()) };
    let mut outputs = Outputs {
        mean: false,
        variance: false,
        bayes_factor_surprise: false,
        shannon_surprise: false,
        run_length: false,
    };
    for name in names {
        let slot = match name.as_str() {
            "mean" => &mut outputs.mean,
            "variance" => &mut outputs.variance,
            "bayes_factor_surprise" => &mut outputs.bayes_factor_surprise,
            "shannon_surprise" => &mut outputs.shannon_surprise,
            "map_run_length" => &mut outputs.run_length,
            _ => {
                let allowed =
                    "made of mean, variance, bayes_factor_surprise, shannon_surprise, map_run_length".to_owned();
                return Err(refused(Error::parameter("outputs", format!("\"{name}\""), allowed)));
            }
        };
        *slot = true;
    }
    Ok(outputs)
}

/// A filter result as a dictionary; the arrays move, they are not copied.
pub fn filtered(py: Python<'_>, result: FilterResult) -> PyResult<Bound<'_, PyDict>> {
    let matrix = |array: Option<Array2<f64>>| array.map(|array| array.into_pyarray(py));
    let vector = |array: Option<ndarray::Array1<f64>>| array.map(|array| array.into_pyarray(py));
    let dict = PyDict::new(py);
    dict.set_item("mean", matrix(result.mean))?;
    dict.set_item("variance", matrix(result.variance))?;
    dict.set_item("bayes_factor_surprise", vector(result.bayes_factor_surprise))?;
    dict.set_item("shannon_surprise", vector(result.shannon_surprise))?;
    dict.set_item("adaptation_rate", result.adaptation_rate.into_pyarray(py))?;
    // Signed, because a difference of two run lengths may be negative.
    let run_length = result.map_run_length.map(|run_length| run_length.mapv(|n| n as i64).into_pyarray(py));
    dict.set_item("map_run_length", run_length)?;
    dict.set_item("observed", result.observed.into_pyarray(py))?;
    dict.set_item("log_evidence", result.log_evidence)?;
    dict.set_item("dropped_mass", result.dropped_mass)?;
    dict.set_item("provenance", written(&result.provenance)?)?;
    Ok(dict)
}

fn learned<'py>(py: Python<'py>, online: OnlineHazard, provenance: &Provenance) -> PyResult<Bound<'py, PyDict>> {
    let result = PyDict::new(py);
    result.set_item("mean", online.mean.into_pyarray(py))?;
    result.set_item("standard_deviation", online.standard_deviation.into_pyarray(py))?;
    result.set_item("change_probability", online.change_probability.into_pyarray(py))?;
    result.set_item("log_predictive", online.log_predictive.into_pyarray(py))?;
    result.set_item("log_evidence", online.log_evidence)?;
    result.set_item("provenance", written(provenance)?)?;
    Ok(result)
}

/// Indices as signed integers, so that differences of them are right.
pub fn indices<'py>(py: Python<'py>, indices: &[usize]) -> Bound<'py, PyArray1<i64>> {
    indices.iter().map(|&index| index as i64).collect::<Vec<_>>().into_pyarray(py)
}
