//! The room of spikes: networks, simulators and spike trains.
//!
//! A network crosses the border as JSON; spike trains as a dictionary with `neurons`, `populations` and `trials`, each trial
//! `(t_start, t_stop, times, offsets)`; results as dictionaries of arrays. `neuropil/spikes/` makes classes of them.

use std::path::PathBuf;

use ndarray::Array2;
use neuropil_data::spikes::{self, BinRule, SpikeFileOptions, SpikeTrains, SpikeTrial, Split};
use neuropil_data::{DataError, Overwrite};
use neuropil_spikes::fixed_points::{TimeAxis, fixed_points, phase_plane, stationary_rate};
use neuropil_spikes::meso::{AgeGrid, MesoOptions, Noise, Scheme, simulate_meso_with};
use neuropil_spikes::micro::{Algorithm, MicroOptions, Record, simulate_micro_with};
use neuropil_spikes::nest::{NestModel, NestOptions, from_nest_params, to_nest, to_nest_script};
use neuropil_spikes::network::{InputRule, Network, winner_take_all};
use neuropil_spikes::start::Start;
use neuropil_spikes::statistics::trains;
use neuropil_spikes::{Error, PopulationParameters};
use numpy::{IntoPyArray, PyReadonlyArray1, PyReadonlyArray2};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};
use serde::Deserialize;

use crate::errors::Failure;
use crate::progress::run;
use crate::surprise::{parsed, written};

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        match error {
            Error::Cancelled => Self::Cancelled,
            Error::Numerical { .. } => Self::Work(error.to_string()),
            other => Self::Input(other.to_string()),
        }
    }
}

impl From<DataError> for Failure {
    fn from(error: DataError) -> Self {
        Self::Input(error.to_string())
    }
}

pub(crate) fn refused(error: impl Into<Failure>) -> PyErr {
    error.into().into()
}

pub(crate) fn network(json: &str) -> PyResult<Network> {
    parsed("a network", json)
}

/// Trains of one trial as they cross the border.
type TrialParts<'py> = (f64, f64, PyReadonlyArray1<'py, f64>, Vec<usize>);

pub(crate) fn trains_of(
    neurons: Vec<String>,
    populations: Option<Vec<String>>,
    trials: Vec<TrialParts<'_>>,
) -> PyResult<SpikeTrains> {
    let trials = trials
        .into_iter()
        .map(|(start, stop, times, offsets)| SpikeTrial::from_ragged(start, stop, times.as_array().to_vec(), offsets))
        .collect::<Result<Vec<_>, _>>()
        .map_err(refused)?;
    SpikeTrains::new(neurons, populations, trials).map_err(refused)
}

fn trains_out<'py>(py: Python<'py>, spikes: SpikeTrains) -> PyResult<Bound<'py, PyDict>> {
    let out = PyDict::new(py);
    let trials = PyList::empty(py);
    for trial in &spikes.trials {
        let (times, offsets) = trial.ragged();
        let offsets: Vec<i64> = offsets.iter().map(|&offset| offset as i64).collect();
        trials.append((trial.t_start, trial.t_stop, times.to_vec().into_pyarray(py), offsets.into_pyarray(py)))?;
    }
    out.set_item("neurons", spikes.neurons)?;
    out.set_item("populations", spikes.populations)?;
    out.set_item("trials", trials)?;
    Ok(out)
}

/// JSON of the winner-take-all circuit, and of a population with its defaults.
#[pyfunction]
pub fn spikes_defaults() -> PyResult<(String, String)> {
    Ok((written(&winner_take_all())?, written(&PopulationParameters::default())?))
}

/// Checks a network; returns its JSON with all defaults.
#[pyfunction]
pub fn spikes_check(model: &str) -> PyResult<String> {
    let network = network(model)?;
    network.validate().map_err(refused)?;
    written(&network)
}

/// The network in reduced units, or with this softness and hazard.
#[pyfunction]
#[pyo3(signature = (model, units=None))]
pub fn spikes_units(model: &str, units: Option<(f64, f64)>) -> PyResult<String> {
    let network = network(model)?;
    network.validate().map_err(refused)?;
    match units {
        None => written(&network.reduced()),
        Some((softness, hazard)) if softness > 0.0 && hazard > 0.0 && softness.is_finite() && hazard.is_finite() => {
            written(&network.with_units(softness, hazard))
        }
        Some((softness, hazard)) => {
            Err(refused(Failure::Input(format!("softness and hazard must be positive, got {softness} and {hazard}"))))
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct MicroSettings {
    dt: f64,
    duration: f64,
    seed: u64,
    algorithm: Algorithm,
    record: Record,
    input_rule: InputRule,
    start: Start,
}

/// Simulates every neuron.
#[pyfunction]
#[pyo3(signature = (model, settings, drive: "numpy.typing.NDArray[numpy.float64] | None" = None, bars=None) -> "dict[str, typing.Any]")]
pub fn spikes_simulate_micro<'py>(
    py: Python<'py>,
    model: &str,
    settings: &str,
    drive: Option<PyReadonlyArray2<'py, f64>>,
    bars: Option<&Bound<'py, PyAny>>,
) -> PyResult<Bound<'py, PyDict>> {
    let network = network(model)?;
    let s: MicroSettings = parsed("the settings", settings)?;
    let options = MicroOptions {
        dt: s.dt,
        duration: s.duration,
        seed: s.seed,
        algorithm: s.algorithm,
        record: s.record,
        input_rule: s.input_rule,
        start: s.start,
        drive: drive.map(|drive| drive.as_array().to_owned()),
    };
    let result = run(py, bars, |monitor| simulate_micro_with(&network, &options, monitor))?;
    let out = PyDict::new(py);
    out.set_item("counts", result.counts.mapv(i64::from).into_pyarray(py))?;
    out.set_item("activity", result.activity.into_pyarray(py))?;
    out.set_item("spikes", result.spikes.map(|spikes| trains_out(py, spikes)).transpose()?)?;
    out.set_item("warnings", result.warnings)?;
    Ok(out)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct MesoSettings {
    dt: f64,
    duration: f64,
    seed: u64,
    scheme: Scheme,
    noise: Noise,
    age_bins: Option<usize>,
    age_grid: AgeGrid,
    start: Start,
}

/// Simulates the activity of finite populations.
#[pyfunction]
#[pyo3(signature = (model, settings, drive: "numpy.typing.NDArray[numpy.float64] | None" = None, bars=None) -> "dict[str, typing.Any]")]
pub fn spikes_simulate_meso<'py>(
    py: Python<'py>,
    model: &str,
    settings: &str,
    drive: Option<PyReadonlyArray2<'py, f64>>,
    bars: Option<&Bound<'py, PyAny>>,
) -> PyResult<Bound<'py, PyDict>> {
    let network = network(model)?;
    let s: MesoSettings = parsed("the settings", settings)?;
    let options = MesoOptions {
        dt: s.dt,
        duration: s.duration,
        seed: s.seed,
        scheme: s.scheme,
        noise: s.noise,
        age_bins: s.age_bins,
        age_grid: s.age_grid,
        start: s.start,
        drive: drive.map(|drive| drive.as_array().to_owned()),
    };
    let result = run(py, bars, |monitor| simulate_meso_with(&network, &options, monitor))?;
    let out = PyDict::new(py);
    out.set_item("counts", result.counts.into_pyarray(py))?;
    out.set_item("activity", result.activity.into_pyarray(py))?;
    out.set_item("expected", result.expected.into_pyarray(py))?;
    out.set_item("age_bins", result.age_bins)?;
    out.set_item("warnings", result.warnings)?;
    Ok(out)
}

fn axis(dt: Option<f64>) -> TimeAxis {
    dt.map_or(TimeAxis::Continuous, TimeAxis::Steps)
}

/// Fixed points: `(activity, potential, growth)` each.
#[pyfunction]
#[pyo3(signature = (model, dt=None) -> "list[tuple[numpy.typing.NDArray[numpy.float64], numpy.typing.NDArray[numpy.float64], float]]")]
pub fn spikes_fixed_points<'py>(py: Python<'py>, model: &str, dt: Option<f64>) -> PyResult<Bound<'py, PyList>> {
    let network = network(model)?;
    let found = run(py, None, |_| fixed_points(&network, axis(dt)))?;
    let out = PyList::empty(py);
    for point in found {
        out.append((point.activity.into_pyarray(py), point.potential.into_pyarray(py), point.growth))?;
    }
    Ok(out)
}

/// The phase plane of two populations.
#[pyfunction]
#[pyo3(signature = (model, first, second, highest, n, dt=None) -> "dict[str, typing.Any]")]
pub fn spikes_phase_plane<'py>(
    py: Python<'py>,
    model: &str,
    first: usize,
    second: usize,
    highest: f64,
    n: usize,
    dt: Option<f64>,
) -> PyResult<Bound<'py, PyDict>> {
    let network = network(model)?;
    let plane = run(py, None, |_| phase_plane(&network, (first, second), highest, n, axis(dt)))?;
    let points =
        |points: Vec<(f64, f64)>| Array2::from_shape_fn((points.len(), 2), |(i, k)| [points[i].0, points[i].1][k]);
    let out = PyDict::new(py);
    out.set_item("x", plane.x.into_pyarray(py))?;
    out.set_item("y", plane.y.into_pyarray(py))?;
    out.set_item("change_x", plane.change_x.into_pyarray(py))?;
    out.set_item("change_y", plane.change_y.into_pyarray(py))?;
    out.set_item("nullcline_x", points(plane.nullcline_x).into_pyarray(py))?;
    out.set_item("nullcline_y", points(plane.nullcline_y).into_pyarray(py))?;
    Ok(out)
}

/// Firing rate of one population at a constant input potential.
#[pyfunction]
#[pyo3(signature = (population, potential, dt=None))]
pub fn spikes_rate(population: &str, potential: f64, dt: Option<f64>) -> PyResult<f64> {
    let population: PopulationParameters = parsed("a population", population)?;
    population.validate().map_err(refused)?;
    stationary_rate(&population, potential, axis(dt)).map_err(refused)
}

/// The network for NEST, as a Python script or as JSON.
#[pyfunction]
#[pyo3(signature = (model, level, form, dt, capacitance, age_bins=None))]
pub fn spikes_to_nest(
    model: &str,
    level: &str,
    form: &str,
    dt: f64,
    capacitance: f64,
    age_bins: Option<usize>,
) -> PyResult<String> {
    let network = network(model)?;
    let level = match level {
        "micro" => NestModel::Neurons,
        "meso" => NestModel::Populations,
        other => return Err(refused(Failure::Input(format!("level must be \"micro\" or \"meso\", got \"{other}\"")))),
    };
    let options = NestOptions { model: level, dt, capacitance, age_bins };
    match form {
        "script" => to_nest_script(&network, &options).map_err(refused),
        "json" => written(&to_nest(&network, &options).map_err(refused)?),
        other => Err(refused(Failure::Input(format!("form must be \"script\" or \"json\", got \"{other}\"")))),
    }
}

/// The network of a NEST description, as JSON.
#[pyfunction]
pub fn spikes_from_nest(description: &str) -> PyResult<String> {
    written(&from_nest_params(&parsed("the NEST description", description)?).map_err(refused)?)
}

/// Reads spike trains from csv, npz, npy, NWB or HDF5.
#[pyfunction]
#[pyo3(signature = (path, dt=None, t_start=None, t_stop=None, population=None, trials="whole") -> "dict[str, typing.Any]")]
pub fn spikes_read<'py>(
    py: Python<'py>,
    path: PathBuf,
    dt: Option<f64>,
    t_start: Option<f64>,
    t_stop: Option<f64>,
    population: Option<String>,
    trials: &str,
) -> PyResult<Bound<'py, PyDict>> {
    let trials = match trials {
        "whole" => Split::Whole,
        "trials" => Split::Trials,
        other => {
            return Err(refused(Failure::Input(format!("trials must be \"whole\" or \"trials\", got \"{other}\""))));
        }
    };
    let options = SpikeFileOptions { dt, t_start, t_stop, population, trials };
    let spikes = py.detach(|| spikes::read_spikes(&path, &options)).map_err(refused)?;
    trains_out(py, spikes)
}

/// Writes spike trains as csv, npz or NWB, by the ending of the path.
#[pyfunction]
#[pyo3(signature = (path, neurons, populations, trials: "list[tuple[float, float, numpy.typing.NDArray[numpy.float64], list[int]]]", overwrite))]
pub fn spikes_write(
    path: PathBuf,
    neurons: Vec<String>,
    populations: Option<Vec<String>>,
    trials: Vec<TrialParts<'_>>,
    overwrite: bool,
) -> PyResult<()> {
    let spikes = trains_of(neurons, populations, trials)?;
    let overwrite = if overwrite { Overwrite::Replace } else { Overwrite::Refuse };
    let ending = path.extension().map(|ending| ending.to_string_lossy().to_lowercase()).unwrap_or_default();
    match ending.as_str() {
        "csv" => spikes::write_spikes_csv(&path, &spikes, overwrite),
        "npz" => spikes::write_spikes_npz(&path, &spikes, overwrite),
        "nwb" | "h5" | "hdf5" => spikes::write_nwb(&path, &spikes, overwrite),
        other => {
            let message = format!("path ends in \".{other}\"; spikes are written to .csv, .npz, .nwb or .h5");
            return Err(refused(Failure::Input(message)));
        }
    }
    .map_err(refused)
}

/// Counts spikes in bins: arrays (time, neuron), merged, dropped.
#[pyfunction]
#[pyo3(signature = (neurons, trials: "list[tuple[float, float, numpy.typing.NDArray[numpy.float64], list[int]]]", dt, rule) -> "tuple[list[numpy.typing.NDArray[numpy.uint8]], int, int]")]
pub fn spikes_bin<'py>(
    py: Python<'py>,
    neurons: Vec<String>,
    trials: Vec<TrialParts<'py>>,
    dt: f64,
    rule: &str,
) -> PyResult<(Bound<'py, PyList>, usize, usize)> {
    let rule = match rule {
        "binary" => BinRule::Binary,
        "count" => BinRule::Count,
        other => return Err(refused(Failure::Input(format!("rule must be \"binary\" or \"count\", got \"{other}\"")))),
    };
    let binned = trains_of(neurons, None, trials)?.bin(dt, rule).map_err(refused)?;
    let out = PyList::empty(py);
    for trial in binned.trials {
        out.append(trial.into_pyarray(py))?;
    }
    Ok((out, binned.merged, binned.dropped))
}

/// Statistics of every neuron, PSTH and correlations.
#[pyfunction]
#[pyo3(signature = (neurons, trials: "list[tuple[float, float, numpy.typing.NDArray[numpy.float64], list[int]]]", what, dt) -> "dict[str, typing.Any]")]
pub fn spikes_describe<'py>(
    py: Python<'py>,
    neurons: Vec<String>,
    trials: Vec<TrialParts<'py>>,
    what: &str,
    dt: f64,
) -> PyResult<Bound<'py, PyDict>> {
    let spikes = trains_of(neurons, None, trials)?;
    let out = PyDict::new(py);
    match what {
        "trains" => {
            let found = trains::train_statistics(&spikes);
            let column = |pick: fn(&trains::TrainStatistics) -> f64| -> Vec<f64> { found.iter().map(pick).collect() };
            out.set_item("n_spikes", column(|s| s.n_spikes as f64).into_pyarray(py))?;
            out.set_item("rate", column(|s| s.rate).into_pyarray(py))?;
            out.set_item("cv", column(|s| s.cv).into_pyarray(py))?;
            out.set_item("cv2", column(|s| s.cv2).into_pyarray(py))?;
            out.set_item("shortest_interval", column(|s| s.shortest_interval).into_pyarray(py))?;
        }
        "psth" => {
            let found = trains::psth(&spikes, dt).map_err(refused)?;
            out.set_item("times", found.times.into_pyarray(py))?;
            out.set_item("rate", found.rate.into_pyarray(py))?;
            out.set_item("standard_error", found.standard_error.into_pyarray(py))?;
        }
        _ => {
            let found = trains::count_correlations(&spikes, dt).map_err(refused)?;
            out.set_item("correlations", found.into_pyarray(py))?;
        }
    }
    Ok(out)
}
