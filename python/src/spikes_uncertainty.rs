//! The room of spikes: what a fit leaves open, what stimulation would do, and fits to known activity.
//!
//! Activities cross the border in Hz, parameters as numbers in the scales of the fit with the fit's JSON beside them.

use ndarray::Array2;
use neuropil_spikes::inference::curvature::{ParameterGaussian, precision_with_hidden_activity};
use neuropil_spikes::inference::full_observation::{FullObservationOptions, fit_full_observation};
use neuropil_spikes::inference::hmc::{HmcOptions, hmc};
use neuropil_spikes::inference::perturbation::{PerturbationOptions, predict_perturbation};
use neuropil_spikes::inference::{
    Circuit, FreeParameters, JointLikelihood, LaplaceOptions, LikelihoodOptions, OldAges, hidden_activity,
};
use neuropil_spikes::{Error, Network};
use numpy::{IntoPyArray, PyReadonlyArray2};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};

use crate::progress::run;
use crate::spikes::{network, refused};
use crate::spikes_inference::{Recorded, hertz, recording, softness_of};
use crate::surprise::{parsed, written};

/// Activity in Hz as fractions of neurons per bin, above zero.
fn fractions(activity: Vec<PyReadonlyArray2<'_, f64>>, dt: f64) -> Vec<Array2<f64>> {
    activity.into_iter().map(|trial| (&trial.as_array() * dt).mapv(|z| z.clamp(1e-5, 1.0))).collect()
}

/// Bands, samples and evidence of the hidden activity at given parameters.
#[pyfunction]
#[pyo3(signature = (model, recorded: "tuple[list[numpy.typing.NDArray[numpy.uint8]], list[int], int, float, list[numpy.typing.NDArray[numpy.float64]] | None]", likelihood, settings, activity: "list[numpy.typing.NDArray[numpy.float64]]", bars=None) -> "dict[str, typing.Any]")]
pub fn spikes_hidden_activity<'py>(
    py: Python<'py>,
    model: &str,
    recorded: Recorded<'py>,
    likelihood: &str,
    settings: &str,
    activity: Vec<PyReadonlyArray2<'py, f64>>,
    bars: Option<&Bound<'py, PyAny>>,
) -> PyResult<Bound<'py, PyDict>> {
    let network = network(model)?;
    let grid: LikelihoodOptions = parsed("the likelihood", likelihood)?;
    let options: LaplaceOptions = parsed("the settings", settings)?;
    let recording = recording(recorded, &network)?;
    let dt = recording.dt;
    let circuit = Circuit::from_network(&network, dt).map_err(refused)?;
    let start = fractions(activity, dt);
    let found = run(py, bars, |monitor| {
        let likelihood = JointLikelihood::new(&circuit, recording, grid)?;
        hidden_activity(&likelihood, &circuit, &start, &options, monitor)
    })?;
    let out = PyDict::new(py);
    out.set_item("activity", hertz(py, &found.mode, dt)?)?;
    out.set_item("lower", hertz(py, &found.lower, dt)?)?;
    out.set_item("upper", hertz(py, &found.upper, dt)?)?;
    let samples = PyList::empty(py);
    for sample in &found.samples {
        samples.append(hertz(py, sample, dt)?)?;
    }
    out.set_item("samples", samples)?;
    out.set_item("log_density", found.log_density)?;
    out.set_item("log_evidence", found.log_evidence)?;
    out.set_item("log_evidence_error", found.log_evidence_error)?;
    Ok(out)
}

/// Covariance of the parameters with the activity hidden, and a root of it.
#[pyfunction]
#[pyo3(signature = (model, recorded: "tuple[list[numpy.typing.NDArray[numpy.uint8]], list[int], int, float, list[numpy.typing.NDArray[numpy.float64]] | None]", likelihood, free, numbers, activity: "list[numpy.typing.NDArray[numpy.float64]]", bars=None) -> "tuple[numpy.typing.NDArray[numpy.float64], numpy.typing.NDArray[numpy.float64]]")]
#[allow(clippy::too_many_arguments, reason = "the parts of a fit, and the interpreter")]
#[allow(clippy::type_complexity, reason = "two arrays")]
pub fn spikes_parameter_uncertainty<'py>(
    py: Python<'py>,
    model: &str,
    recorded: Recorded<'py>,
    likelihood: &str,
    free: &str,
    numbers: Vec<f64>,
    activity: Vec<PyReadonlyArray2<'py, f64>>,
    bars: Option<&Bound<'py, PyAny>>,
) -> PyResult<(Bound<'py, numpy::PyArray2<f64>>, Bound<'py, numpy::PyArray2<f64>>)> {
    let network = network(model)?;
    let grid: LikelihoodOptions = parsed("the likelihood", likelihood)?;
    let free: FreeParameters = parsed("the free parameters", free)?;
    let recording = recording(recorded, &network)?;
    let activity = fractions(activity, recording.dt);
    let circuit = Circuit::from_network(&network, recording.dt).map_err(refused)?;
    let found = run(py, bars, |monitor| {
        let likelihood = JointLikelihood::new(&circuit, recording, grid)?;
        let precision = precision_with_hidden_activity(&likelihood, &free, &numbers, &activity, monitor)?;
        let width: Vec<f64> = free.upper.iter().zip(&free.lower).map(|(high, low)| (high - low) / 4.0).collect();
        ParameterGaussian::new(&numbers, &precision, &width)
    })?;
    Ok((found.covariance.into_pyarray(py), found.root.into_pyarray(py)))
}

/// The mean response to a drive with its interval: mean, lower, upper (Hz).
#[pyfunction]
#[pyo3(signature = (model, free, numbers, root: "numpy.typing.NDArray[numpy.float64]", drive: "numpy.typing.NDArray[numpy.float64]", dt, settings, bars=None) -> "dict[str, typing.Any]")]
#[allow(clippy::too_many_arguments, reason = "the parts of a fit, and the interpreter")]
pub fn spikes_predict_perturbation<'py>(
    py: Python<'py>,
    model: &str,
    free: &str,
    numbers: Vec<f64>,
    root: PyReadonlyArray2<'py, f64>,
    drive: PyReadonlyArray2<'py, f64>,
    dt: f64,
    settings: &str,
    bars: Option<&Bound<'py, PyAny>>,
) -> PyResult<Bound<'py, PyDict>> {
    let template = network(model)?;
    let free: FreeParameters = parsed("the free parameters", free)?;
    let options: PerturbationOptions = parsed("the settings", settings)?;
    let root = root.as_array().to_owned();
    let parameters = ParameterGaussian { mean: numbers, covariance: root.dot(&root.t()), root };
    let drive = drive.as_array().to_owned();
    let found =
        run(py, bars, |monitor| predict_perturbation(&template, &free, &parameters, &drive, dt, &options, monitor))?;
    let out = PyDict::new(py);
    out.set_item("mean", found.mean.into_pyarray(py))?;
    out.set_item("lower", found.lower.into_pyarray(py))?;
    out.set_item("upper", found.upper.into_pyarray(py))?;
    Ok(out)
}

/// Loss of the published program with its approximations: recorded spikes, activity.
#[pyfunction]
#[pyo3(signature = (model, activity: "list[numpy.typing.NDArray[numpy.float64]]", recorded: "tuple[list[numpy.typing.NDArray[numpy.uint8]], list[int], int, float, list[numpy.typing.NDArray[numpy.float64]] | None]", age_bins))]
pub fn spikes_authors_loss(
    py: Python<'_>,
    model: &str,
    activity: Vec<PyReadonlyArray2<'_, f64>>,
    recorded: Recorded<'_>,
    age_bins: usize,
) -> PyResult<(f64, f64)> {
    let network = network(model)?;
    let recording = recording(recorded, &network)?;
    let latent: Vec<Array2<f64>> = activity.iter().map(|trial| &trial.as_array() * recording.dt).collect();
    let circuit = Circuit::from_network(&network, recording.dt).map_err(refused)?;
    let options = LikelihoodOptions { age_bins, old_ages: OldAges::Dropped, ..LikelihoodOptions::default() };
    let loss = run(py, None, |_| JointLikelihood::new(&circuit, recording, options)?.authors_mean(&circuit, &latent))?;
    Ok((loss.observed, loss.latent))
}

/// The circuit of a known activity (Hz): the maximum of the likelihood and, if `sampler` is given, samples around it.
#[pyfunction]
#[pyo3(signature = (model, activity: "list[numpy.typing.NDArray[numpy.float64]]", dt, settings, drives: "list[numpy.typing.NDArray[numpy.float64]] | None" = None, sampler=None, bars=None) -> "dict[str, typing.Any]")]
#[allow(clippy::too_many_arguments, reason = "the Python class has one keyword for each")]
pub fn spikes_fit_full_observation<'py>(
    py: Python<'py>,
    model: &str,
    activity: Vec<PyReadonlyArray2<'py, f64>>,
    dt: f64,
    settings: &str,
    drives: Option<Vec<PyReadonlyArray2<'py, f64>>>,
    sampler: Option<&str>,
    bars: Option<&Bound<'py, PyAny>>,
) -> PyResult<Bound<'py, PyDict>> {
    let template = network(model)?;
    let options: FullObservationOptions = parsed("the settings", settings)?;
    let sampler: Option<HmcOptions> = sampler.map(|text| parsed("the sampler", text)).transpose()?;
    let activity: Vec<Array2<f64>> = activity.iter().map(|trial| &trial.as_array() * dt).collect();
    let drives = drives.map(|drives| reduced(&template, drives));
    let (fit, samples) = run(py, bars, |monitor| {
        let fit = fit_full_observation(&template, &activity, drives.as_deref(), dt, &options, monitor)?;
        let samples = sampler.map(|sampler| hmc(&fit, &sampler, monitor)).transpose()?;
        Ok::<_, Error>((fit, samples))
    })?;
    let out = PyDict::new(py);
    out.set_item("network", written(&fit.network)?)?;
    out.set_item("names", (0..fit.free.len()).map(|i| fit.free.name(i)).collect::<Vec<_>>())?;
    out.set_item("values", fit.numbers.into_pyarray(py))?;
    out.set_item("standard_deviations", fit.uncertainty.standard_deviations().into_pyarray(py))?;
    out.set_item("covariance", fit.uncertainty.covariance.into_pyarray(py))?;
    out.set_item("log_likelihood", -fit.value.latent)?;
    out.set_item("converged", fit.converged)?;
    if let Some(samples) = samples {
        out.set_item("samples", samples.samples.into_pyarray(py))?;
        out.set_item("energy", samples.energy.into_pyarray(py))?;
        out.set_item("acceptance", samples.acceptance.into_pyarray(py))?;
        out.set_item("step_size", samples.step_size.into_pyarray(py))?;
        out.set_item("divergences", samples.divergences)?;
        out.set_item("r_hat", samples.r_hat.into_pyarray(py))?;
    }
    Ok(out)
}

/// Drives in units of the softness.
fn reduced(template: &Network, drives: Vec<PyReadonlyArray2<'_, f64>>) -> Vec<Array2<f64>> {
    let softness = softness_of(template);
    let scaled = |drive: PyReadonlyArray2<'_, f64>| {
        let mut drive = drive.as_array().to_owned();
        for (mut column, softness) in drive.columns_mut().into_iter().zip(&softness) {
            column /= *softness;
        }
        drive
    };
    drives.into_iter().map(scaled).collect()
}
