//! The joint likelihood of a recording, held by the interpreter: value and gradient without copying the spikes again.

use std::sync::Mutex;

use ndarray::Array2;
use neuropil_spikes::inference::{Circuit, JointLikelihood, Workspace};
use numpy::{IntoPyArray, PyReadonlyArray2};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};

use crate::spikes::{network, refused};
use crate::spikes_inference::{Grid, Recorded, likelihood_options, recording};
use crate::surprise::parsed;

/// The likelihood of a recording under circuits that share sizes, refractory periods, delay and time step.
#[pyclass(frozen, module = "neuropil._neuropil")]
pub struct SpikesLikelihood {
    likelihood: JointLikelihood,
    dt: f64,
    /// Memory of the sweeps, kept between calls.
    workspace: Mutex<Workspace>,
}

impl SpikesLikelihood {
    /// The circuit and the latent activity (fraction per bin) of a call.
    fn at(&self, model: &str, activity: &[PyReadonlyArray2<'_, f64>]) -> PyResult<(Circuit, Vec<Array2<f64>>)> {
        let circuit = Circuit::from_network(&network(model)?, self.dt).map_err(refused)?;
        let latent: Vec<Array2<f64>> = activity.iter().map(|trial| &trial.as_array() * self.dt).collect();
        self.likelihood.check_latent(&circuit, &latent).map_err(refused)?;
        Ok((circuit, latent))
    }

    fn with_workspace<T: Send>(&self, py: Python<'_>, work: impl FnOnce(&mut Workspace) -> T + Send) -> T {
        py.detach(|| work(&mut self.workspace.lock().unwrap_or_else(std::sync::PoisonError::into_inner)))
    }
}

#[pymethods]
impl SpikesLikelihood {
    /// Prepares the likelihood.
    #[new]
    #[pyo3(signature = (model, recorded: "tuple[list[numpy.typing.NDArray[numpy.uint8]], list[int], int, float, list[numpy.typing.NDArray[numpy.float64]] | None]", grid))]
    fn new(model: &str, recorded: Recorded<'_>, grid: &str) -> PyResult<Self> {
        let network = network(model)?;
        let recording = recording(recorded, &network)?;
        let dt = recording.dt;
        let circuit = Circuit::from_network(&network, dt).map_err(refused)?;
        let grid: Grid = parsed("the age grid", grid)?;
        let likelihood =
            JointLikelihood::new(&circuit, recording, likelihood_options(&circuit, &grid)).map_err(refused)?;
        Ok(Self { likelihood, dt, workspace: Mutex::default() })
    }

    /// Number of age bins.
    #[getter]
    fn age_bins(&self) -> usize {
        self.likelihood.options().age_bins
    }

    /// Log-likelihood `(latent, observed)` in nats at a circuit and an activity (Hz).
    #[pyo3(signature = (model, activity: "list[numpy.typing.NDArray[numpy.float64]]"))]
    fn value(&self, py: Python<'_>, model: &str, activity: Vec<PyReadonlyArray2<'_, f64>>) -> PyResult<(f64, f64)> {
        let (circuit, latent) = self.at(model, &activity)?;
        let value = self.with_workspace(py, |workspace| self.likelihood.value(&circuit, &latent, workspace));
        Ok((-value.latent, -value.observed))
    }

    /// The log-likelihood and its derivatives by name, in the reduced units of the circuit; the activity in Hz.
    #[pyo3(signature = (model, activity: "list[numpy.typing.NDArray[numpy.float64]]") -> "dict[str, typing.Any]")]
    fn gradient<'py>(
        &self,
        py: Python<'py>,
        model: &str,
        activity: Vec<PyReadonlyArray2<'py, f64>>,
    ) -> PyResult<Bound<'py, PyDict>> {
        let (circuit, latent) = self.at(model, &activity)?;
        let found = self.with_workspace(py, |workspace| self.likelihood.gradient(&circuit, &latent, workspace));
        // The core describes negative log-likelihoods of fractions per bin.
        let array = |values: &[f64]| values.iter().map(|value| -value).collect::<Vec<_>>().into_pyarray(py);
        let by_trial = PyList::empty(py);
        for trial in &found.latent {
            by_trial.append((trial * -self.dt).into_pyarray(py))?;
        }
        let out = PyDict::new(py);
        out.set_item("latent", -found.value.latent)?;
        out.set_item("observed", -found.value.observed)?;
        out.set_item("leak", array(&found.circuit.leak))?;
        out.set_item("mu", array(&found.circuit.resting))?;
        out.set_item("threshold", array(&found.circuit.threshold))?;
        out.set_item("tau_s", array(&found.circuit.tau_s))?;
        out.set_item("coupling", (-found.circuit.coupling).into_pyarray(py))?;
        out.set_item("activity", by_trial)?;
        Ok(out)
    }
}
