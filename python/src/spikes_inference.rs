//! The room of spikes: inference of the hidden circuit.
//!
//! Binned spikes cross the border as arrays (time, neuron) of 0 and 1, the fit as JSON, its activity as arrays.

use ndarray::Array2;
use neuropil_spikes::Network;
use neuropil_spikes::inference::clustering::{ClusteringOptions, cluster_neurons};
use neuropil_spikes::inference::{
    BaumViterbi, Circuit, FitOptions, JointLikelihood, LikelihoodOptions, OldAges, Recording, Workspace,
};
use numpy::{IntoPyArray, PyReadonlyArray2};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};
use serde::Deserialize;

use crate::errors::Failure;
use crate::progress::run;
use crate::spikes::{network, refused};
use crate::surprise::{parsed, written};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Grid {
    age_bins: Option<usize>,
    old_ages: OldAges,
}

pub(crate) fn likelihood_options(circuit: &Circuit, grid: &Grid) -> LikelihoodOptions {
    let reduced = LikelihoodOptions::reduced(circuit, 8.0);
    match grid.age_bins {
        None => reduced,
        Some(age_bins) => LikelihoodOptions { age_bins, old_ages: grid.old_ages, ..reduced },
    }
}

/// Softness of every population.
pub(crate) fn softness_of(network: &Network) -> Vec<f64> {
    network.populations.iter().map(|p| p.softness).collect()
}

/// Fractions of neurons per bin as activity in Hz.
pub(crate) fn hertz<'py>(py: Python<'py>, trials: &[Array2<f64>], dt: f64) -> PyResult<Bound<'py, PyList>> {
    PyList::new(py, trials.iter().map(|trial| (trial / dt).into_pyarray(py)))
}

/// A recording as it crosses the border: binned spikes per trial, population of every neuron, bins of history, bin width
/// (s), and drives per trial (history included) in units of the potential per second.
pub type Recorded<'py> =
    (Vec<PyReadonlyArray2<'py, u8>>, Vec<usize>, usize, f64, Option<Vec<PyReadonlyArray2<'py, f64>>>);

/// The recording of neurons of this network.
pub(crate) fn recording(recorded: Recorded<'_>, network: &Network) -> PyResult<Recording> {
    let (spikes, labels, history, dt, drives) = recorded;
    let n_populations = network.n_populations();
    let spikes: Vec<Array2<u8>> = spikes.into_iter().map(|trial| trial.as_array().to_owned()).collect();
    let mut recording = Recording::new(&spikes, labels, n_populations, history, dt).map_err(refused)?;
    if let Some(drives) = drives {
        if drives.len() != recording.trials.len() {
            let (got, wanted) = (drives.len(), recording.trials.len());
            let message = format!("drive has {got} trials, but there are {wanted}; give one array per trial");
            return Err(refused(Failure::Input(message)));
        }
        for (trial, drive) in recording.trials.iter_mut().zip(drives) {
            let drive = drive.as_array();
            let mut drive = drive.slice(ndarray::s![history.min(drive.nrows()).., ..]).to_owned();
            for (mut column, softness) in drive.columns_mut().into_iter().zip(softness_of(network)) {
                column /= softness;
            }
            trial.drive = Some(drive);
        }
        recording.validate(n_populations).map_err(refused)?;
    }
    Ok(recording)
}

/// Fits the circuit; returns its parts by name.
#[pyfunction]
#[pyo3(signature = (model, recorded: "tuple[list[numpy.typing.NDArray[numpy.uint8]], list[int], int, float, list[numpy.typing.NDArray[numpy.float64]] | None]", settings, grid, bars=None) -> "dict[str, typing.Any]")]
pub fn spikes_fit<'py>(
    py: Python<'py>,
    model: &str,
    recorded: Recorded<'py>,
    settings: &str,
    grid: &str,
    bars: Option<&Bound<'py, PyAny>>,
) -> PyResult<Bound<'py, PyDict>> {
    let template = network(model)?;
    let mut options: FitOptions = parsed("the settings", settings)?;
    let grid: Grid = parsed("the age grid", grid)?;
    let recording = recording(recorded, &template)?;
    let dt = recording.dt;
    if grid.age_bins.is_some() {
        let circuit = Circuit::from_network(&template, dt).map_err(refused)?;
        options.likelihood = Some(likelihood_options(&circuit, &grid));
    }
    let fit = run(py, bars, |monitor| BaumViterbi::new(&template, &recording, options)?.fit(monitor))?;
    let out = PyDict::new(py);
    let best = &fit.restarts[fit.best];
    out.set_item("network", written(&fit.network)?)?;
    out.set_item("activity", hertz(py, &fit.activity, dt)?)?;
    out.set_item("smoothed", hertz(py, &fit.smoothed, dt)?)?;
    out.set_item("loss", fit.loss)?;
    out.set_item("loss_history", best.rounds.iter().map(|round| round.m_loss).collect::<Vec<_>>())?;
    out.set_item("losses", fit.restarts.iter().map(|restart| restart.loss.unwrap_or(f64::NAN)).collect::<Vec<_>>())?;
    out.set_item("nll_latent", fit.value.latent)?;
    out.set_item("nll_observed", fit.value.observed)?;
    out.set_item("homogeneous_log_likelihood", recording.homogeneous_log_likelihood())?;
    out.set_item("n_spikes", recording.n_spikes())?;
    out.set_item("likelihood", written(&fit.likelihood)?)?;
    out.set_item("free", written(&fit.free)?)?;
    out.set_item("numbers", best.numbers.clone())?;
    out.set_item("names", (0..fit.free.len()).map(|i| fit.free.name(i)).collect::<Vec<_>>())?;
    out.set_item("scales", fit.free.scale.clone())?;
    out.set_item("converged", fit.converged())?;
    out.set_item("warnings", fit.warnings)?;
    Ok(out)
}

/// Log-likelihood `(latent, observed)` in nats of an activity (Hz) and the recorded spikes.
#[pyfunction]
#[pyo3(signature = (model, activity: "list[numpy.typing.NDArray[numpy.float64]]", recorded: "tuple[list[numpy.typing.NDArray[numpy.uint8]], list[int], int, float, list[numpy.typing.NDArray[numpy.float64]] | None]", grid))]
pub fn spikes_log_likelihood(
    py: Python<'_>,
    model: &str,
    activity: Vec<PyReadonlyArray2<'_, f64>>,
    recorded: Recorded<'_>,
    grid: &str,
) -> PyResult<(f64, f64)> {
    let network = network(model)?;
    let recording = recording(recorded, &network)?;
    let dt = recording.dt;
    let circuit = Circuit::from_network(&network, dt).map_err(refused)?;
    let options = likelihood_options(&circuit, &parsed("the age grid", grid)?);
    let latent: Vec<Array2<f64>> = activity.iter().map(|trial| &trial.as_array() * dt).collect();
    let value = run(py, None, |_| {
        let likelihood = JointLikelihood::new(&circuit, recording, options)?;
        likelihood.check_latent(&circuit, &latent)?;
        Ok::<_, neuropil_spikes::Error>(likelihood.value(&circuit, &latent, &mut Workspace::default()))
    })?;
    Ok((-value.latent, -value.observed))
}

/// Populations of neurons: labels and the silhouette of every number of populations that was tried.
#[pyfunction]
#[pyo3(signature = (spikes: "numpy.typing.NDArray[numpy.uint8]", dt, settings))]
#[allow(clippy::type_complexity, reason = "a tuple of what Python takes apart")]
pub fn spikes_cluster(
    py: Python<'_>,
    spikes: PyReadonlyArray2<'_, u8>,
    dt: f64,
    settings: &str,
) -> PyResult<(Vec<usize>, Vec<(usize, f64)>)> {
    let options: ClusteringOptions = parsed("the settings", settings)?;
    let spikes = spikes.as_array();
    let found = run(py, None, |_| cluster_neurons(spikes, dt, &options))?;
    Ok((found.labels, found.silhouettes))
}
