//! The room of loss landscapes: networks, counts and symmetries.
//!
//! A network crosses the border as the JSON of the engine's own type, parameters as one vector in the documented order, whole
//! numbers of any size as hexadecimal text. `neuropil/landscape/` makes classes and functions of them.

use ndarray::{Array1, ArrayD};
use neuropil_core::random::Seed;
use neuropil_landscape::alignment::{AlignmentParameters, Signs, align};
use neuropil_landscape::count;
use neuropil_landscape::enumeration::Slot;
use neuropil_landscape::neuron::Equality;
use neuropil_landscape::ratio::{self, Against, Ratio};
use neuropil_landscape::reduction::{
    Classification, NeuronType, ReductionTolerance, TypeTolerance, classify, classify_against, reduce,
};
use neuropil_landscape::zero_loss_path::{PiecewisePath, connect, zero_loss_path};
use neuropil_landscape::{
    Activation, Error, Initialisation, LayerActivation, Mlp, Parameters, TeacherOutputs, TeacherTask, expansion, import,
};
use num_bigint::BigUint;
use numpy::{IntoPyArray, PyReadonlyArray1, PyReadonlyArray2, PyReadonlyArrayDyn};
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::errors::Failure;
use crate::surprise::{parsed, written};

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

/// A network that has been checked.
pub fn network(json: &str) -> PyResult<Mlp> {
    let network: Mlp = parsed("a network", json)?;
    network.validate().map_err(refused)?;
    Ok(network)
}

/// Parameters of a network.
pub fn parameters(network_json: &str, theta: &PyReadonlyArray1<'_, f64>) -> PyResult<Parameters> {
    network(network_json)?.parameters(theta.as_array().to_owned()).map_err(refused)
}

/// The network and the vector of parameters, for constructions that change the network.
pub fn pair<'py>(py: Python<'py>, parameters: Parameters) -> PyResult<(String, Bound<'py, PyAny>)> {
    let network = written(parameters.network())?;
    Ok((network, parameters.into_theta().into_pyarray(py).into_any()))
}

/// The ends of the segments of a path, points x parameters.
pub fn points<'py>(py: Python<'py>, path: &PiecewisePath) -> Bound<'py, PyAny> {
    path.to_array().into_pyarray(py).into_any()
}

fn hexadecimal(value: &BigUint) -> String {
    value.to_str_radix(16)
}

/// Checks a network; returns its number of parameters, their names, and the network as the engine writes it.
#[pyfunction]
pub fn landscape_network(json: &str) -> PyResult<(usize, Vec<String>, String)> {
    let network = network(json)?;
    Ok((network.n_parameters(), network.parameter_names(), written(&network)?))
}

/// JSON of the activation with this name, and what it does when its argument changes sign.
#[pyfunction]
pub fn landscape_activation(name: &str) -> PyResult<(String, String)> {
    let activation: Activation = name.parse().map_err(refused)?;
    Ok((written(&activation)?, written(&activation.sign_symmetry())?))
}

/// Random parameters.
#[pyfunction]
#[pyo3(signature = (network, how, seed) -> "numpy.typing.NDArray[numpy.float64]")]
pub fn landscape_initialise<'py>(py: Python<'py>, network: &str, how: &str, seed: u64) -> PyResult<Bound<'py, PyAny>> {
    let how: Initialisation = parsed("an initialisation", how)?;
    let parameters = self::network(network)?.initialise(how, Seed::new(seed));
    Ok(parameters.into_theta().into_pyarray(py).into_any())
}

/// Outputs, `(N, c)`.
#[pyfunction]
#[pyo3(signature = (network, theta: "numpy.typing.NDArray[numpy.float64]", x: "numpy.typing.NDArray[numpy.float64]") -> "numpy.typing.NDArray[numpy.float64]")]
pub fn landscape_predict<'py>(
    py: Python<'py>,
    network: &str,
    theta: PyReadonlyArray1<'py, f64>,
    x: PyReadonlyArray2<'py, f64>,
) -> PyResult<Bound<'py, PyAny>> {
    let network = self::network(network)?;
    let outputs = network.predict(theta.as_array(), x.as_array()).map_err(refused)?;
    Ok(outputs.into_pyarray(py).into_any())
}

/// Network and parameters from arrays by name.
#[pyfunction]
#[pyo3(signature = (names, arrays: "list[numpy.typing.NDArray[numpy.float64]]", activations) -> "tuple[str, numpy.typing.NDArray[numpy.float64]]")]
pub fn landscape_from_arrays<'py>(
    py: Python<'py>,
    names: Vec<String>,
    arrays: Vec<PyReadonlyArrayDyn<'py, f64>>,
    activations: &str,
) -> PyResult<(String, Bound<'py, PyAny>)> {
    let activations: Vec<LayerActivation> = parsed("activations", activations)?;
    let arrays: Vec<(String, ArrayD<f64>)> =
        names.into_iter().zip(arrays.iter().map(|array| array.as_array().to_owned())).collect();
    pair(py, import::network_from_arrays(&arrays, &activations).map_err(refused)?)
}

/// The parameters as arrays by name: `w1`, `b1`, `w2`, ...
#[pyfunction]
#[pyo3(signature = (network, theta: "numpy.typing.NDArray[numpy.float64]") -> "dict[str, numpy.typing.NDArray[numpy.float64]]")]
pub fn landscape_arrays<'py>(
    py: Python<'py>,
    network: &str,
    theta: PyReadonlyArray1<'py, f64>,
) -> PyResult<Bound<'py, PyDict>> {
    let result = PyDict::new(py);
    for (name, array) in import::arrays_of(&parameters(network, &theta)?) {
        result.set_item(name, array.into_pyarray(py))?;
    }
    Ok(result)
}

/// A count for layers with `r` needed neurons in widths `m`: `"minima"` or `"critical"`. In hexadecimal.
#[pyfunction]
pub fn landscape_count(which: &str, r: Vec<usize>, m: Vec<usize>) -> PyResult<String> {
    let value = match which {
        "minima" => count::global_minima_subspaces_of_layers(&r, &m),
        "critical" => count::critical_subspaces_of_layers(&r, &m),
        other => Err(Error::parameter("which", other, "\"minima\" or \"critical\"")),
    };
    Ok(hexadecimal(&value.map_err(refused)?))
}

/// Numerator and denominator in hexadecimal, logarithm to base 10, value.
type Fraction = (String, String, f64, f64);

fn fraction(ratio: Ratio) -> Fraction {
    (hexadecimal(&ratio.numerator), hexadecimal(&ratio.denominator), ratio.log10, ratio.value)
}

fn against(name: &str) -> PyResult<Against> {
    match name {
        "neighbour" => Ok(Against::Neighbour),
        "all" => Ok(Against::AllSmaller),
        other => Err(refused(Error::parameter("against", format!("\"{other}\""), "\"neighbour\" or \"all\""))),
    }
}

/// Critical subspaces of smaller networks over global minima.
#[pyfunction]
pub fn landscape_ratio(r: usize, m: usize, against: &str) -> PyResult<Fraction> {
    let ratio = match self::against(against)? {
        Against::Neighbour => ratio::neighbour(r, m),
        Against::AllSmaller => ratio::all_smaller(r, m),
    };
    Ok(fraction(ratio.map_err(refused)?))
}

/// The least width with more minima than critical subspaces.
#[pyfunction]
pub fn landscape_crossover_width(r: usize, against: &str) -> PyResult<usize> {
    ratio::crossover_width(r, self::against(against)?).map_err(refused)
}

/// Permutation points of an order in hidden layers of these widths, per minimum.
#[pyfunction]
pub fn landscape_permutation_points(widths: Vec<usize>, order: usize) -> PyResult<Fraction> {
    Ok(fraction(ratio::permutation_points_of_layers(&widths, order).map_err(refused)?))
}

/// Splits a neuron into copies with these shares of its outgoing weights.
#[pyfunction]
#[pyo3(signature = (network, theta: "numpy.typing.NDArray[numpy.float64]", layer, neuron, shares) -> "tuple[str, numpy.typing.NDArray[numpy.float64]]")]
pub fn landscape_split<'py>(
    py: Python<'py>,
    network: &str,
    theta: PyReadonlyArray1<'py, f64>,
    layer: usize,
    neuron: usize,
    shares: Vec<f64>,
) -> PyResult<(String, Bound<'py, PyAny>)> {
    let parameters = parameters(network, &theta)?;
    pair(py, expansion::split(&parameters, layer, neuron, &shares).map_err(refused)?)
}

/// Adds a neuron without outgoing weights.
#[pyfunction]
#[pyo3(signature = (network, theta: "numpy.typing.NDArray[numpy.float64]", layer, incoming: "numpy.typing.NDArray[numpy.float64]") -> "tuple[str, numpy.typing.NDArray[numpy.float64]]")]
pub fn landscape_expand_silent<'py>(
    py: Python<'py>,
    network: &str,
    theta: PyReadonlyArray1<'py, f64>,
    layer: usize,
    incoming: PyReadonlyArray1<'py, f64>,
) -> PyResult<(String, Bound<'py, PyAny>)> {
    let parameters = parameters(network, &theta)?;
    pair(py, expansion::add_silent(&parameters, layer, incoming.as_array().to_owned()).map_err(refused)?)
}

/// One neuron in place of two.
#[pyfunction]
#[pyo3(signature = (network, theta: "numpy.typing.NDArray[numpy.float64]", layer, i, j) -> "tuple[str, numpy.typing.NDArray[numpy.float64]]")]
pub fn landscape_merge<'py>(
    py: Python<'py>,
    network: &str,
    theta: PyReadonlyArray1<'py, f64>,
    layer: usize,
    i: usize,
    j: usize,
) -> PyResult<(String, Bound<'py, PyAny>)> {
    let parameters = parameters(network, &theta)?;
    pair(py, expansion::merge(&parameters, layer, i, j).map_err(refused)?)
}

/// Relabels the neurons of a hidden layer.
#[pyfunction]
#[pyo3(signature = (network, theta: "numpy.typing.NDArray[numpy.float64]", layer, order) -> "numpy.typing.NDArray[numpy.float64]")]
pub fn landscape_permute<'py>(
    py: Python<'py>,
    network: &str,
    theta: PyReadonlyArray1<'py, f64>,
    layer: usize,
    order: Vec<usize>,
) -> PyResult<Bound<'py, PyAny>> {
    let parameters = parameters(network, &theta)?;
    let permuted = expansion::permute(&parameters, layer, &order).map_err(refused)?;
    Ok(permuted.into_theta().into_pyarray(py).into_any())
}

/// Tolerances of copies and silent neurons; `sign` and `scale` symmetries of the activation count where asked for.
pub fn tolerance(incoming: f64, outgoing: f64, symmetries: bool) -> ReductionTolerance {
    let equality = if symmetries { Equality::UpToSymmetry } else { Equality::Copies };
    ReductionTolerance { incoming, outgoing, equality }
}

/// The smallest network with the same function: network, parameters, and for each hidden layer the label of every neuron
/// (a number for a copy of that neuron, minus one minus the number of its group for a neuron without effect).
#[pyfunction]
#[pyo3(signature = (network, theta: "numpy.typing.NDArray[numpy.float64]", incoming, outgoing, symmetries) -> "tuple[str, numpy.typing.NDArray[numpy.float64], list[list[int]], list[int]]")]
#[allow(clippy::type_complexity, reason = "a tuple of what Python takes apart")]
pub fn landscape_reduce<'py>(
    py: Python<'py>,
    network: &str,
    theta: PyReadonlyArray1<'py, f64>,
    incoming: f64,
    outgoing: f64,
    symmetries: bool,
) -> PyResult<(String, Bound<'py, PyAny>, Vec<Vec<i64>>, Vec<usize>)> {
    let parameters = parameters(network, &theta)?;
    let reduction = reduce(&parameters, &tolerance(incoming, outgoing, symmetries)).map_err(refused)?;
    let widths = reduction.widths();
    let label = |slot: &Slot| match *slot {
        Slot::Copy(of) => of as i64,
        Slot::Zero(group) => -1 - group as i64,
    };
    let labels = reduction.labellings.iter().map(|l| l.slots().iter().map(label).collect()).collect();
    let (network, theta) = pair(py, reduction.parameters)?;
    Ok((network, theta, labels, widths))
}

/// For each neuron its type (`"copy"`, `"zero"`, `"unexplained"`), the neuron it copies or its group, and the group's size.
pub fn types(classification: &Classification) -> Vec<(&'static str, i64, usize)> {
    let kind = |kind: &NeuronType| match *kind {
        NeuronType::Copy { of } => ("copy", of as i64, 1),
        NeuronType::Zero { group, size } => ("zero", group as i64, size),
        NeuronType::Unexplained => ("unexplained", -1, 1),
    };
    classification.types.iter().map(kind).collect()
}

/// The types of the neurons of a hidden layer, against a teacher where there is one.
#[pyfunction]
#[pyo3(signature = (network, theta: "numpy.typing.NDArray[numpy.float64]", layer, incoming, outgoing, angle, teacher_network=None, teacher: "numpy.typing.NDArray[numpy.float64] | None"=None))]
#[allow(clippy::too_many_arguments, reason = "a thin border")]
pub fn landscape_classify(
    network: &str,
    theta: PyReadonlyArray1<'_, f64>,
    layer: usize,
    incoming: f64,
    outgoing: f64,
    angle: f64,
    teacher_network: Option<&str>,
    teacher: Option<PyReadonlyArray1<'_, f64>>,
) -> PyResult<Vec<(&'static str, i64, usize)>> {
    let own = parameters(network, &theta)?;
    let classification = match (teacher_network, teacher) {
        (Some(network), Some(teacher)) => {
            let how = TypeTolerance { angle_degrees: angle, outgoing };
            classify_against(&own, &parameters(network, &teacher)?, layer, &how)
        }
        _ => classify(&own, layer, &tolerance(incoming, outgoing, false)),
    };
    Ok(types(&classification.map_err(refused)?))
}

/// A path at constant loss to permuted neurons: the ends of its segments.
#[pyfunction]
#[pyo3(signature = (network, theta: "numpy.typing.NDArray[numpy.float64]", permutations, incoming, outgoing) -> "numpy.typing.NDArray[numpy.float64]")]
pub fn landscape_zero_loss_path<'py>(
    py: Python<'py>,
    network: &str,
    theta: PyReadonlyArray1<'py, f64>,
    permutations: Vec<Vec<usize>>,
    incoming: f64,
    outgoing: f64,
) -> PyResult<Bound<'py, PyAny>> {
    let parameters = parameters(network, &theta)?;
    let path = zero_loss_path(&parameters, &permutations, &tolerance(incoming, outgoing, false)).map_err(refused)?;
    Ok(points(py, &path))
}

/// A path between two networks with the same function: the ends of its segments, and what the last one has to bridge.
#[pyfunction]
#[pyo3(signature = (network, a: "numpy.typing.NDArray[numpy.float64]", b: "numpy.typing.NDArray[numpy.float64]", incoming, outgoing) -> "tuple[numpy.typing.NDArray[numpy.float64], float]")]
pub fn landscape_connect<'py>(
    py: Python<'py>,
    network: &str,
    a: PyReadonlyArray1<'py, f64>,
    b: PyReadonlyArray1<'py, f64>,
    incoming: f64,
    outgoing: f64,
) -> PyResult<(Bound<'py, PyAny>, f64)> {
    let (a, b) = (parameters(network, &a)?, parameters(network, &b)?);
    let connection = connect(&a, &b, &tolerance(incoming, outgoing, false)).map_err(refused)?;
    Ok((points(py, &connection.path), connection.gap))
}

/// Relabels the second network to come closest to the first: orders, signs, aligned parameters, distance, distance before.
#[pyfunction]
#[pyo3(signature = (network, reference: "numpy.typing.NDArray[numpy.float64]", other: "numpy.typing.NDArray[numpy.float64]", signs, restarts, seed) -> "tuple[list[list[int]], list[list[float]], numpy.typing.NDArray[numpy.float64], float, float]")]
#[allow(clippy::type_complexity, reason = "a thin border")]
pub fn landscape_align<'py>(
    py: Python<'py>,
    network: &str,
    reference: PyReadonlyArray1<'py, f64>,
    other: PyReadonlyArray1<'py, f64>,
    signs: bool,
    restarts: usize,
    seed: u64,
) -> PyResult<(Vec<Vec<usize>>, Vec<Vec<f64>>, Bound<'py, PyAny>, f64, f64)> {
    let (reference, other) = (parameters(network, &reference)?, parameters(network, &other)?);
    let base = if signs { AlignmentParameters::default() } else { AlignmentParameters::permutations() };
    let how = AlignmentParameters { restarts, seed, ..base };
    debug_assert!(signs || how.signs == Signs::Keep);
    let alignment = py.detach(|| align(&reference, &other, &how)).map_err(refused)?;
    let aligned: Array1<f64> = alignment.aligned.into_theta();
    let aligned = aligned.into_pyarray(py).into_any();
    Ok((alignment.orders, alignment.signs, aligned, alignment.distance, alignment.distance_before))
}

/// The teacher task of the papers: network, teacher, inputs, targets.
#[pyfunction]
#[pyo3(signature = (activation, n_outputs) -> "tuple[str, numpy.typing.NDArray[numpy.float64], numpy.typing.NDArray[numpy.float64], numpy.typing.NDArray[numpy.float64]]")]
#[allow(clippy::type_complexity, reason = "a thin border")]
pub fn landscape_toy_task<'py>(
    py: Python<'py>,
    activation: &str,
    n_outputs: usize,
) -> PyResult<(String, Bound<'py, PyAny>, Bound<'py, PyAny>, Bound<'py, PyAny>)> {
    let outputs = match n_outputs {
        1 => TeacherOutputs::One,
        3 => TeacherOutputs::Three,
        other => return Err(refused(Error::parameter("n_outputs", other, "1 or 3"))),
    };
    let task = TeacherTask::new(activation.parse().map_err(refused)?, outputs).map_err(refused)?;
    let inputs = task.data.inputs().to_owned().into_pyarray(py).into_any();
    let targets = task.data.targets().to_owned().into_pyarray(py).into_any();
    let (network, theta) = pair(py, task.teacher)?;
    Ok((network, theta, inputs, targets))
}
