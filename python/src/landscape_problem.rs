//! A network on its data, held by the interpreter: loss and derivatives without copying the data again.

use ndarray::{Array1, ArrayView1};
use neuropil_core::progress::Monitor;
use neuropil_core::provenance::{Fingerprint, Provenance};
use neuropil_landscape::critical_point::{CriticalPointReport, ReportParameters};
use neuropil_landscape::permutation_path::{PermutationPathParameters, permutation_path};
use neuropil_landscape::{
    AdamParameters, Dataset, Eigenvectors, Error, LanczosParameters, Loss, Objective, PolishParameters, Spectrum,
    TrainParameters, Trained, adam, extreme_eigenvalues, polish, spectral_density, train_from,
};
use numpy::{IntoPyArray, PyReadonlyArray1, PyReadonlyArray2};
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::landscape::{network, parameters, points, refused, tolerance, types};
use crate::progress::run;
use crate::surprise::{parsed, written};

/// The loss of a network on a data set.
#[pyclass(frozen, module = "neuropil._neuropil")]
pub struct LandscapeProblem {
    network: String,
    objective: Objective,
}

impl LandscapeProblem {
    /// A short computation without the interpreter lock.
    fn at<T: Send>(
        &self,
        py: Python<'_>,
        theta: &PyReadonlyArray1<'_, f64>,
        work: impl FnOnce(&Objective, ArrayView1<'_, f64>) -> Result<T, Error> + Send,
    ) -> PyResult<T> {
        let theta = theta.as_array();
        py.detach(|| work(&self.objective, theta)).map_err(refused)
    }
}

#[pymethods]
impl LandscapeProblem {
    /// A problem; no weights means equal weights.
    #[new]
    #[pyo3(signature = (network, x: "numpy.typing.NDArray[numpy.float64]", y: "numpy.typing.NDArray[numpy.float64]", weights: "numpy.typing.NDArray[numpy.float64] | None", loss, weight_decay))]
    fn new(
        network: &str,
        x: PyReadonlyArray2<'_, f64>,
        y: PyReadonlyArray2<'_, f64>,
        weights: Option<PyReadonlyArray1<'_, f64>>,
        loss: &str,
        weight_decay: f64,
    ) -> PyResult<Self> {
        let loss = match loss {
            "square" => Loss::Square,
            "half_square" => Loss::HalfSquare,
            "cross_entropy" => Loss::CrossEntropy,
            other => {
                let allowed = "\"square\", \"half_square\" or \"cross_entropy\"";
                return Err(refused(Error::parameter("loss", format!("\"{other}\""), allowed)));
            }
        };
        let build = || {
            let mut data = Dataset::new(x.as_array().to_owned(), y.as_array().to_owned())?;
            if let Some(weights) = &weights {
                data = data.with_weights(weights.as_array().to_owned())?;
            }
            Ok((data, loss))
        };
        let (data, loss) = build().map_err(refused)?;
        let objective = Objective::new(&self::network(network)?, &data, loss)
            .and_then(|objective| objective.with_weight_decay(weight_decay))
            .map_err(refused)?;
        Ok(Self { network: network.to_owned(), objective })
    }

    /// The loss.
    #[pyo3(signature = (theta: "numpy.typing.NDArray[numpy.float64]"))]
    fn value(&self, py: Python<'_>, theta: PyReadonlyArray1<'_, f64>) -> PyResult<f64> {
        self.at(py, &theta, |objective, theta| objective.value(theta))
    }

    /// The loss and its gradient.
    #[pyo3(signature = (theta: "numpy.typing.NDArray[numpy.float64]") -> "tuple[float, numpy.typing.NDArray[numpy.float64]]")]
    fn value_and_gradient<'py>(
        &self,
        py: Python<'py>,
        theta: PyReadonlyArray1<'py, f64>,
    ) -> PyResult<(f64, Bound<'py, PyAny>)> {
        let (value, gradient) = self.at(py, &theta, |objective, theta| objective.value_and_gradient(theta))?;
        Ok((value, gradient.into_pyarray(py).into_any()))
    }

    /// Loss and gradient of many parameter vectors.
    #[pyo3(signature = (thetas: "numpy.typing.NDArray[numpy.float64]") -> "tuple[numpy.typing.NDArray[numpy.float64], numpy.typing.NDArray[numpy.float64]]")]
    fn gradients<'py>(
        &self,
        py: Python<'py>,
        thetas: PyReadonlyArray2<'py, f64>,
    ) -> PyResult<(Bound<'py, PyAny>, Bound<'py, PyAny>)> {
        let thetas = thetas.as_array();
        let (losses, gradients) = py.detach(|| self.objective.gradients(thetas)).map_err(refused)?;
        Ok((losses.into_pyarray(py).into_any(), gradients.into_pyarray(py).into_any()))
    }

    /// The Hessian.
    #[pyo3(signature = (theta: "numpy.typing.NDArray[numpy.float64]") -> "numpy.typing.NDArray[numpy.float64]")]
    fn hessian<'py>(&self, py: Python<'py>, theta: PyReadonlyArray1<'py, f64>) -> PyResult<Bound<'py, PyAny>> {
        let hessian = self.at(py, &theta, |objective, theta| objective.hessian(theta))?;
        Ok(hessian.into_pyarray(py).into_any())
    }

    /// The Hessian times a vector.
    #[pyo3(signature = (theta: "numpy.typing.NDArray[numpy.float64]", direction: "numpy.typing.NDArray[numpy.float64]") -> "numpy.typing.NDArray[numpy.float64]")]
    fn hessian_vector<'py>(
        &self,
        py: Python<'py>,
        theta: PyReadonlyArray1<'py, f64>,
        direction: PyReadonlyArray1<'py, f64>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let direction = direction.as_array();
        let product = self.at(py, &theta, |objective, theta| objective.hessian_vector(theta, direction))?;
        Ok(product.into_pyarray(py).into_any())
    }

    /// Residuals times the root of the sample weights.
    #[pyo3(signature = (theta: "numpy.typing.NDArray[numpy.float64]") -> "numpy.typing.NDArray[numpy.float64]")]
    fn residuals<'py>(&self, py: Python<'py>, theta: PyReadonlyArray1<'py, f64>) -> PyResult<Bound<'py, PyAny>> {
        let residuals = self.at(py, &theta, |objective, theta| objective.residuals(theta))?;
        Ok(residuals.into_pyarray(py).into_any())
    }

    /// The Jacobian of the residuals.
    #[pyo3(signature = (theta: "numpy.typing.NDArray[numpy.float64]") -> "numpy.typing.NDArray[numpy.float64]")]
    fn jacobian<'py>(&self, py: Python<'py>, theta: PyReadonlyArray1<'py, f64>) -> PyResult<Bound<'py, PyAny>> {
        let jacobian = self.at(py, &theta, |objective, theta| objective.jacobian(theta))?;
        Ok(jacobian.into_pyarray(py).into_any())
    }

    /// Eigenvalues (ascending) and eigenvectors (columns; none unless asked for).
    #[pyo3(signature = (theta: "numpy.typing.NDArray[numpy.float64]", vectors) -> "tuple[numpy.typing.NDArray[numpy.float64], numpy.typing.NDArray[numpy.float64]]")]
    fn spectrum<'py>(
        &self,
        py: Python<'py>,
        theta: PyReadonlyArray1<'py, f64>,
        vectors: bool,
    ) -> PyResult<(Bound<'py, PyAny>, Bound<'py, PyAny>)> {
        let wanted = if vectors { Eigenvectors::Compute } else { Eigenvectors::Skip };
        let spectrum =
            self.at(py, &theta, |objective, theta| Spectrum::of(objective.hessian(theta)?.view(), wanted))?;
        Ok((spectrum.eigenvalues.into_pyarray(py).into_any(), spectrum.eigenvectors.into_pyarray(py).into_any()))
    }

    /// Both ends of the spectrum by Lanczos iteration, with error bounds.
    #[pyo3(signature = (theta: "numpy.typing.NDArray[numpy.float64]", count, how, bars=None) -> "dict[str, typing.Any]")]
    fn extreme_eigenvalues<'py>(
        &self,
        py: Python<'py>,
        theta: PyReadonlyArray1<'py, f64>,
        count: usize,
        how: &str,
        bars: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyDict>> {
        let how: LanczosParameters = parsed("parameters of Lanczos", how)?;
        let theta = theta.as_array();
        let ends = run(py, bars, |monitor| extreme_eigenvalues(&self.objective, theta, count, &how, monitor))?;
        let result = PyDict::new(py);
        result.set_item("smallest", ends.smallest.into_pyarray(py))?;
        result.set_item("largest", ends.largest.into_pyarray(py))?;
        result.set_item("smallest_error", ends.smallest_error.into_pyarray(py))?;
        result.set_item("largest_error", ends.largest_error.into_pyarray(py))?;
        result.set_item("n_products", ends.n_products)?;
        Ok(result)
    }

    /// The density of the spectrum: grid and density.
    #[pyo3(signature = (theta: "numpy.typing.NDArray[numpy.float64]", n_probes, n_grid, width, how, bars=None) -> "tuple[numpy.typing.NDArray[numpy.float64], numpy.typing.NDArray[numpy.float64]]")]
    #[allow(clippy::too_many_arguments, reason = "a thin border")]
    fn spectral_density<'py>(
        &self,
        py: Python<'py>,
        theta: PyReadonlyArray1<'py, f64>,
        n_probes: usize,
        n_grid: usize,
        width: f64,
        how: &str,
        bars: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<(Bound<'py, PyAny>, Bound<'py, PyAny>)> {
        let how: LanczosParameters = parsed("parameters of Lanczos", how)?;
        let theta = theta.as_array();
        let density = run(py, bars, |monitor| {
            spectral_density(&self.objective, theta, (n_probes, n_grid), width, &how, monitor)
        })?;
        Ok((density.grid.into_pyarray(py).into_any(), density.density.into_pyarray(py).into_any()))
    }

    /// Gradient flow and polish from every row of `starts`.
    #[pyo3(signature = (starts: "numpy.typing.NDArray[numpy.float64]", how, bars=None) -> "list[dict[str, typing.Any]]")]
    fn train<'py>(
        &self,
        py: Python<'py>,
        starts: PyReadonlyArray2<'py, f64>,
        how: &str,
        bars: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Vec<Bound<'py, PyDict>>> {
        let how: TrainParameters = parsed("parameters of the training", how)?;
        let starts: Vec<Array1<f64>> = starts.as_array().rows().into_iter().map(|row| row.to_owned()).collect();
        let all = run(py, bars, |monitor| train_from(&self.objective, &starts, &how, monitor))?;
        all.into_iter().map(|trained| trained_dict(py, trained)).collect()
    }

    /// A polish alone.
    #[pyo3(signature = (theta: "numpy.typing.NDArray[numpy.float64]", how) -> "dict[str, typing.Any]")]
    fn polish<'py>(
        &self,
        py: Python<'py>,
        theta: PyReadonlyArray1<'py, f64>,
        how: &str,
    ) -> PyResult<Bound<'py, PyDict>> {
        let how: PolishParameters = parsed("parameters of the polish", how)?;
        let theta = theta.as_array();
        let polished = run(py, None, |monitor: &Monitor| polish(&self.objective, theta, &how, monitor))?;
        let result = PyDict::new(py);
        result.set_item("theta", polished.theta.into_pyarray(py))?;
        result.set_item("loss", polished.loss)?;
        result.set_item("gradient_norm", polished.gradient_norm)?;
        result.set_item("converged", polished.status.converged())?;
        result.set_item("reason", polished.status.reason())?;
        result.set_item("n_iterations", polished.n_iterations)?;
        Ok(result)
    }

    /// Adam from every row of `starts`.
    #[pyo3(signature = (starts: "numpy.typing.NDArray[numpy.float64]", how, bars=None) -> "list[dict[str, typing.Any]]")]
    fn adam<'py>(
        &self,
        py: Python<'py>,
        starts: PyReadonlyArray2<'py, f64>,
        how: &str,
        bars: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Vec<Bound<'py, PyDict>>> {
        let how: AdamParameters = parsed("parameters of Adam", how)?;
        let starts: Vec<Array1<f64>> = starts.as_array().rows().into_iter().map(|row| row.to_owned()).collect();
        let courses = run(py, bars, |monitor| adam(&self.objective, &starts, &how, monitor))?;
        courses
            .into_iter()
            .map(|course| {
                let result = PyDict::new(py);
                result.set_item("theta", course.theta.into_pyarray(py))?;
                result.set_item("losses", course.losses.into_pyarray(py))?;
                result.set_item("squared_gradient_norms", course.squared_gradient_norms.into_pyarray(py))?;
                result.set_item("step_norms", course.step_norms.into_pyarray(py))?;
                Ok(result)
            })
            .collect()
    }

    /// What kind of point this is.
    #[pyo3(signature = (theta: "numpy.typing.NDArray[numpy.float64]", zero, gradient, incoming, outgoing) -> "dict[str, typing.Any]")]
    #[allow(clippy::too_many_arguments, reason = "a thin border")]
    fn report<'py>(
        &self,
        py: Python<'py>,
        theta: PyReadonlyArray1<'py, f64>,
        zero: f64,
        gradient: f64,
        incoming: f64,
        outgoing: f64,
    ) -> PyResult<Bound<'py, PyDict>> {
        let parameters = parameters(&self.network, &theta)?;
        let how = ReportParameters { zero, gradient, reduction: tolerance(incoming, outgoing, false) };
        let report = py.detach(|| CriticalPointReport::new(&self.objective, &parameters, &how)).map_err(refused)?;
        let modes: Vec<(&str, usize, Vec<usize>, usize)> =
            report.zero_modes.iter().map(|m| (m.kind.name(), m.layer, m.neurons.clone(), m.count)).collect();
        let result = PyDict::new(py);
        result.set_item("kind", report.kind.name())?;
        result.set_item("loss", report.loss)?;
        result.set_item("gradient_max", report.gradient_max)?;
        result.set_item("gradient_norm", report.gradient_norm)?;
        result.set_item("newton_decrement", report.newton_decrement)?;
        result.set_item("eigenvalues", report.eigenvalues.into_pyarray(py))?;
        result.set_item("threshold", report.threshold)?;
        result.set_item("index", report.index)?;
        result.set_item("n_zero", report.zeros)?;
        result.set_item("n_positive", report.positive)?;
        result.set_item("zero_modes", modes)?;
        result.set_item("n_unexplained", report.unexplained)?;
        result.set_item("plateau_dimension", report.plateau_dimension)?;
        result.set_item("neuron_types", report.neurons.iter().map(types).collect::<Vec<_>>())?;
        result.set_item("reduced_widths", report.reduced_widths)?;
        Ok(result)
    }

    /// From a minimum to the permutation point of two neurons, and on to the exchanged minimum.
    #[pyo3(signature = (theta: "numpy.typing.NDArray[numpy.float64]", layer, i, j, n_steps, bars=None) -> "dict[str, typing.Any]")]
    #[allow(clippy::too_many_arguments, reason = "a thin border")]
    fn permutation_path<'py>(
        &self,
        py: Python<'py>,
        theta: PyReadonlyArray1<'py, f64>,
        layer: usize,
        i: usize,
        j: usize,
        n_steps: usize,
        bars: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyDict>> {
        let start = parameters(&self.network, &theta)?;
        let how = PermutationPathParameters { layer, pair: (i, j), steps: n_steps, ..Default::default() };
        let found = run(py, bars, |monitor| permutation_path(&self.objective, &start, &how, monitor))?;
        let result = PyDict::new(py);
        result.set_item("barrier", found.barrier())?;
        result.set_item("saddle_loss", found.saddle_loss())?;
        result.set_item("points", points(py, &found.path()))?;
        result.set_item("distances", found.distances.into_pyarray(py))?;
        result.set_item("losses", found.losses.into_pyarray(py))?;
        result.set_item("share", found.share)?;
        result.set_item("saddle", found.saddle.into_theta().into_pyarray(py))?;
        result.set_item("saddle_gradient", found.saddle_gradient)?;
        result.set_item("jumps", found.jumps)?;
        result.set_item("unfinished", found.unfinished)?;
        Ok(result)
    }

    /// Version, parameters and a hash of the data, as JSON.
    fn provenance(&self, parameters: &str, seed: Option<u64>) -> PyResult<String> {
        let parameters = parsed("parameters", parameters)?;
        let data = self.objective.data();
        let mut fingerprint = Fingerprint::new();
        for values in [data.inputs(), data.targets()] {
            fingerprint = fingerprint.numbers(&values.iter().copied().collect::<Vec<_>>());
        }
        let mut provenance = Provenance::new(parameters).input(fingerprint);
        if let Some(seed) = seed {
            provenance = provenance.seed(seed);
        }
        written(&provenance)
    }
}

fn trained_dict(py: Python<'_>, trained: Trained) -> PyResult<Bound<'_, PyDict>> {
    let result = PyDict::new(py);
    result.set_item("theta", trained.theta.into_pyarray(py))?;
    result.set_item("loss", trained.loss)?;
    result.set_item("gradient_norm", trained.gradient_norm)?;
    result.set_item("converged", trained.status.converged())?;
    result.set_item("reason", trained.status.reason())?;
    result.set_item("n_steps", trained.n_steps.0)?;
    result.set_item("n_polish", trained.n_steps.1)?;
    result.set_item("flow_time", trained.flow_end.0)?;
    result.set_item("flow_loss", trained.flow_end.1)?;
    if !trained.trajectory.is_empty() {
        result.set_item("parameters", trained.trajectory.parameters().into_pyarray(py))?;
        result.set_item("bends", trained.trajectory.bends().into_pyarray(py))?;
        result.set_item("times", trained.trajectory.times.into_pyarray(py))?;
        result.set_item("losses", trained.trajectory.losses.into_pyarray(py))?;
        result.set_item("gradient_norms", trained.trajectory.gradient_norms.into_pyarray(py))?;
    }
    Ok(result)
}
