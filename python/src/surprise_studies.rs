//! Simulation, regressors, tuning, subjects, recovery and alarms: studies with a learner.
//!
//! Models and fits cross the border as JSON of the engine's own types, long columns as arrays.

use ndarray::Array1;
use neuropil_surprise::alarm::{Rule, detect};
use neuropil_surprise::calibration::{Calibration, Null, Target, calibrate};
use neuropil_surprise::cohort::{Trials, fit_hierarchical, fit_subjects};
use neuropil_surprise::family::Family;
use neuropil_surprise::hazard::Hazard;
use neuropil_surprise::recover::{Candidate, Task, confuse, recover};
use neuropil_surprise::regressors::{RegressorOptions, regressors};
use neuropil_surprise::simulate::{SimulationOptions, simulate_with};
use neuropil_surprise::subject::{FitOptions, SubjectModel};
use neuropil_surprise::tune::{Grid, Objective, Sequence, Tuning, tune, tune_on_simulations};
use numpy::{IntoPyArray, PyReadonlyArray1, PyReadonlyArray2};
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::progress::run;
use crate::surprise::{blocks, indices, learner, parsed, refused, written};

/// Simulates a sequence; `trials` is the total count in each row of category counts.
#[pyfunction]
#[pyo3(signature = (family, hazard, length, seed, trials=None, regressors: "numpy.typing.NDArray[numpy.float64] | None"=None, bars=None) -> "dict[str, typing.Any]")]
#[allow(clippy::too_many_arguments)]
pub fn surprise_simulate<'py>(
    py: Python<'py>,
    family: &str,
    hazard: &str,
    length: usize,
    seed: u64,
    trials: Option<u32>,
    regressors: Option<PyReadonlyArray2<'py, f64>>,
    bars: Option<&Bound<'py, PyAny>>,
) -> PyResult<Bound<'py, PyDict>> {
    let family: Family = parsed("a family", family)?;
    let hazard: Hazard = parsed("a hazard", hazard)?;
    let regressors = regressors.map(|regressors| regressors.as_array().to_owned());
    let simulation = run(py, bars, |monitor| {
        let mut options = SimulationOptions { regressors, monitor: monitor.clone(), ..SimulationOptions::default() };
        options.trials = trials.unwrap_or(options.trials);
        simulate_with(&family, &hazard, length, seed, &options)
    })?;
    let result = PyDict::new(py);
    result.set_item("observations", simulation.observations.into_pyarray(py))?;
    result.set_item("parameters", simulation.parameters.into_pyarray(py))?;
    result.set_item("change", simulation.change.into_pyarray(py))?;
    result.set_item("provenance", written(&simulation.provenance)?)?;
    Ok(result)
}

/// Trial-wise measures of surprise: block, trial, observed, and the measures as (name, unit, values).
#[pyfunction]
#[pyo3(signature = (model, y: "numpy.typing.NDArray[numpy.float64]", starts=None, bars=None) -> "dict[str, typing.Any]")]
pub fn surprise_regressors<'py>(
    py: Python<'py>,
    model: &str,
    y: PyReadonlyArray2<'py, f64>,
    starts: Option<Vec<usize>>,
    bars: Option<&Bound<'py, PyAny>>,
) -> PyResult<Bound<'py, PyDict>> {
    let model = learner(model)?;
    let y = y.as_array();
    let table = run(py, bars, |monitor| {
        let blocks = blocks(starts.as_deref(), y.nrows())?;
        regressors(&model, y, &RegressorOptions { blocks: Some(blocks), monitor: monitor.clone() })
    })?;
    let result = PyDict::new(py);
    result.set_item("block", indices(py, &table.block))?;
    result.set_item("trial", indices(py, &table.trial))?;
    result.set_item("observed", Array1::from(table.observed).into_pyarray(py))?;
    let columns: Vec<_> =
        table.columns.into_iter().map(|column| (column.name, column.unit, column.values.into_pyarray(py))).collect();
    result.set_item("columns", columns)?;
    result.set_item("provenance", written(&table.provenance)?)?;
    Ok(result)
}

/// The published grid for the free parameter of the learner's method: its name and values.
#[pyfunction]
pub fn surprise_published_grid(model: &str) -> PyResult<Option<(String, Vec<f64>)>> {
    Ok(Grid::published(&learner(model)?.method).map(|grid| (grid.parameter, grid.values)))
}

/// Tries every value of a parameter on sequences, judged by the known parameters where they are given.
#[pyfunction]
#[pyo3(signature = (model, parameter, values, sequences: "list[numpy.typing.NDArray[numpy.float64]]", truths: "list[numpy.typing.NDArray[numpy.float64]] | None"=None, bars=None) -> "dict[str, typing.Any]")]
pub fn surprise_tune<'py>(
    py: Python<'py>,
    model: &str,
    parameter: String,
    values: Vec<f64>,
    sequences: Vec<PyReadonlyArray2<'py, f64>>,
    truths: Option<Vec<PyReadonlyArray2<'py, f64>>>,
    bars: Option<&Bound<'py, PyAny>>,
) -> PyResult<Bound<'py, PyDict>> {
    let model = learner(model)?;
    let objective = if truths.is_some() { Objective::SquaredError } else { Objective::LogEvidence };
    let sequences: Vec<Sequence<'_>> = sequences
        .iter()
        .enumerate()
        .map(|(index, y)| Sequence {
            observations: y.as_array(),
            parameters: truths.as_ref().and_then(|truths| truths.get(index)).map(|truth| truth.as_array()),
        })
        .collect();
    let grid = Grid { parameter, values };
    let tuning = run(py, bars, |monitor| tune(&model, &grid, &sequences, objective, monitor))?;
    tuned(py, tuning)
}

/// As `surprise_tune`, on simulated sequences.
#[pyfunction]
#[pyo3(signature = (model, parameter, values, length, n_sequences, seed, bars=None) -> "dict[str, typing.Any]")]
#[allow(clippy::too_many_arguments)]
pub fn surprise_tune_on_simulations<'py>(
    py: Python<'py>,
    model: &str,
    parameter: String,
    values: Vec<f64>,
    length: usize,
    n_sequences: usize,
    seed: u64,
    bars: Option<&Bound<'py, PyAny>>,
) -> PyResult<Bound<'py, PyDict>> {
    let model = learner(model)?;
    let grid = Grid { parameter, values };
    let hazard = model.hazard.clone();
    let tuning =
        run(py, bars, |monitor| tune_on_simulations(&model, &grid, &hazard, length, n_sequences, seed, monitor))?;
    tuned(py, tuning)
}

fn tuned(py: Python<'_>, tuning: Tuning) -> PyResult<Bound<'_, PyDict>> {
    let result = PyDict::new(py);
    result.set_item("parameter", tuning.grid.parameter)?;
    result.set_item("values", tuning.grid.values.into_pyarray(py))?;
    result.set_item("objective", parsed::<String>("an objective", &written(&tuning.objective)?)?)?;
    result.set_item("scores", tuning.scores.into_pyarray(py))?;
    result.set_item("totals", tuning.totals.into_pyarray(py))?;
    result.set_item("best_index", tuning.best_index)?;
    result.set_item("best_value", tuning.best_value)?;
    result.set_item("at_edge", tuning.at_edge)?;
    result.set_item("provenance", written(&tuning.provenance)?)?;
    Ok(result)
}

/// Fits every subject of a long table; JSON of the group fit, or of the hierarchical fit.
#[pyfunction]
#[pyo3(signature = (model, subject, block, observations: "numpy.typing.NDArray[numpy.float64]", responses: "numpy.typing.NDArray[numpy.float64]", starts, evaluations, seed, hierarchical, bars=None) -> "str")]
#[allow(clippy::too_many_arguments)]
pub fn surprise_fit_subjects<'py>(
    py: Python<'py>,
    model: &str,
    subject: Vec<String>,
    block: Vec<String>,
    observations: PyReadonlyArray2<'py, f64>,
    responses: PyReadonlyArray1<'py, f64>,
    starts: usize,
    evaluations: usize,
    seed: u64,
    hierarchical: bool,
    bars: Option<&Bound<'py, PyAny>>,
) -> PyResult<String> {
    let model: SubjectModel = parsed("a model of a subject", model)?;
    let trials = Trials {
        subject,
        block,
        observations: observations.as_array().to_owned(),
        responses: responses.as_array().to_owned(),
    };
    if hierarchical {
        return written(&run(py, bars, |monitor| {
            let options = FitOptions { starts, evaluations, seed, monitor: monitor.clone() };
            fit_hierarchical(&model, &trials, &options)
        })?);
    }
    written(&run(py, bars, |monitor| {
        let options = FitOptions { starts, evaluations, seed, monitor: monitor.clone() };
        fit_subjects(&model, &trials, &options)
    })?)
}

/// Simulates subjects of one candidate and fits them; JSON of the recovery.
#[pyfunction]
#[pyo3(signature = (candidate, task, n_subjects, starts, evaluations, seed, bars=None))]
#[allow(clippy::too_many_arguments)]
pub fn surprise_recover(
    py: Python<'_>,
    candidate: &str,
    task: &str,
    n_subjects: usize,
    starts: usize,
    evaluations: usize,
    seed: u64,
    bars: Option<&Bound<'_, PyAny>>,
) -> PyResult<String> {
    let candidate: Candidate = parsed("a candidate", candidate)?;
    let task: Task = parsed("a task", task)?;
    written(&run(py, bars, |monitor| {
        let options = FitOptions { starts, evaluations, seed, monitor: monitor.clone() };
        recover(&candidate, &task, n_subjects, seed, &options)
    })?)
}

/// Which candidate wins on data of which; JSON of the confusion.
#[pyfunction]
#[pyo3(signature = (candidates, task, n_subjects, starts, evaluations, seed, bars=None))]
#[allow(clippy::too_many_arguments)]
pub fn surprise_confuse(
    py: Python<'_>,
    candidates: &str,
    task: &str,
    n_subjects: usize,
    starts: usize,
    evaluations: usize,
    seed: u64,
    bars: Option<&Bound<'_, PyAny>>,
) -> PyResult<String> {
    let candidates: Vec<Candidate> = parsed("candidates", candidates)?;
    let task: Task = parsed("a task", task)?;
    written(&run(py, bars, |monitor| {
        let options = FitOptions { starts, evaluations, seed, monitor: monitor.clone() };
        confuse(&candidates, &task, n_subjects, seed, &options)
    })?)
}

/// The threshold of an alarm with a wanted rate of false alarms, as JSON.
#[pyfunction]
#[pyo3(signature = (model, rule, target, length, seed, streams=None, reference: "numpy.typing.NDArray[numpy.float64] | None"=None, run_of=1, bars=None) -> "str")]
#[allow(clippy::too_many_arguments)]
pub fn surprise_calibrate_alarm<'py>(
    py: Python<'py>,
    model: &str,
    rule: &str,
    target: &str,
    length: usize,
    seed: u64,
    streams: Option<usize>,
    reference: Option<PyReadonlyArray2<'py, f64>>,
    run_of: usize,
    bars: Option<&Bound<'py, PyAny>>,
) -> PyResult<String> {
    let model = learner(model)?;
    let rule: Rule = parsed("a rule", rule)?;
    let target: Target = parsed("a rate", target)?;
    let reference = reference.as_ref().map(|reference| reference.as_array());
    let null = reference.map_or(Null::Prior, |observations| Null::Reference { observations, run: run_of });
    written(&run(py, bars, |monitor| {
        calibrate(&model, &rule, &Calibration { length, target, streams, null, seed, monitor: monitor.clone() })
    })?)
}

/// Alarms along a sequence.
#[pyfunction]
#[pyo3(signature = (model, y: "numpy.typing.NDArray[numpy.float64]", rule, threshold, bars=None) -> "dict[str, typing.Any]")]
pub fn surprise_detect<'py>(
    py: Python<'py>,
    model: &str,
    y: PyReadonlyArray2<'py, f64>,
    rule: &str,
    threshold: f64,
    bars: Option<&Bound<'py, PyAny>>,
) -> PyResult<Bound<'py, PyDict>> {
    let model = learner(model)?;
    let rule: Rule = parsed("a rule", rule)?;
    let y = y.as_array();
    let alarms = run(py, bars, |monitor| detect(&model, y, &rule, threshold, monitor))?;
    let result = PyDict::new(py);
    result.set_item("indices", indices(py, &alarms.indices))?;
    result.set_item("statistic", alarms.statistic.into_pyarray(py))?;
    result.set_item("threshold", alarms.threshold)?;
    result.set_item("provenance", written(&alarms.provenance)?)?;
    Ok(result)
}

/// JSON of the learner with one parameter changed, named as in tuning and fits.
#[pyfunction]
pub fn surprise_with_parameter(model: &str, name: &str, value: f64) -> PyResult<String> {
    written(&neuropil_surprise::parameter::with(&learner(model)?, name, value).map_err(refused)?)
}

/// JSON of a free parameter with bounds that suit most tasks.
#[pyfunction]
pub fn surprise_free_parameter(name: &str) -> PyResult<String> {
    written(&neuropil_surprise::free_parameter::FreeParameter::named(name))
}
