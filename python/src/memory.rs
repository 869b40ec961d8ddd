//! The room of memory.
//!
//! A memory crosses the border as the JSON of its parameters with a tag `model`; patterns and states as arrays of float64,
//! one per row; results as dictionaries of arrays. `neuropil/memory` makes classes of them.

use std::path::PathBuf;

use ndarray::{Array1, Array2, ArrayView2};
use neuropil_core::files::Overwrite;
use neuropil_core::progress::Monitor;
use neuropil_memory::associative_memory::OverlapField;
use neuropil_memory::baseline::{
    DenseAssociativeMemory, Hopfield, Interaction, Likeness, ModernHopfield, NearestNeighbor, SdmParameters,
    Separation, Similarity, SparseDistributedMemory, UniversalHopfield,
};
use neuropil_memory::basin::{BasinOptions, basin_radius};
use neuropil_memory::capacity_curve::{CapacityOptions, capacity_curve};
use neuropil_memory::kernel::sparse_distributed_overlap;
use neuropil_memory::kernel_memory::{InducingOptions, RadiusSearch, SparseOptions, search_radius};
use neuropil_memory::recall_curve::{CurveOptions, recall_curve};
use neuropil_memory::theory;
use neuropil_memory::{
    AssociativeMemory, Error, FitReport, Kernel, KernelMemory, KernelMemoryParams, RecallOptions, Result, StateKind,
    Status, recall,
};
use numpy::{IntoPyArray, PyArray1, PyArray2, PyReadonlyArray2};
use pyo3::prelude::*;
use pyo3::types::PyDict;
use serde::{Deserialize, Serialize};

use crate::errors::Failure;
use crate::progress::run;
use crate::surprise::{parsed, written};

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        match error {
            Error::Cancelled(_) => Self::Cancelled,
            other => Self::Input(other.to_string()),
        }
    }
}

fn refused(error: Error) -> PyErr {
    Failure::from(error).into()
}

/// How the coefficients of a kernel memory are stored.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(tag = "name", rename_all = "snake_case")]
enum Storage {
    #[default]
    Exact,
    Sequence,
    Inducing {
        n_inducing: usize,
        seed: u64,
    },
    Sparse {
        cutoff: f64,
    },
}

/// Which memory, with its parameters.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "model")]
enum Specification {
    KernelMemory {
        params: KernelMemoryParams,
        #[serde(default)]
        storage: Storage,
    },
    Hopfield {},
    DenseAssociativeMemory {
        interaction: Interaction,
    },
    ModernHopfield {
        beta: f64,
        similarity: Similarity,
    },
    SparseDistributedMemory {
        parameters: SdmParameters,
    },
    NearestNeighbor {},
    UniversalHopfield {
        likeness: Likeness,
        separation: Separation,
    },
}

/// Any memory.
enum Memory {
    Kernel(Box<KernelMemory>),
    Hopfield(Hopfield),
    Dense(DenseAssociativeMemory),
    Modern(ModernHopfield),
    SparseDistributed(SparseDistributedMemory),
    Nearest(NearestNeighbor),
    Universal(UniversalHopfield),
}

impl Memory {
    fn fit(
        specification: &Specification,
        x: ArrayView2<f64>,
        y: Option<ArrayView2<f64>>,
        monitor: &Monitor,
    ) -> Result<(Self, Option<FitReport>)> {
        let only_auto = |model: &str| match y {
            None => Ok(()),
            Some(_) => Err(Error::unsupported(
                format!("Y in {model}"),
                "its patterns are their own outputs",
                "leave Y out, or use another memory",
            )),
        };
        Ok((
            match specification {
                Specification::KernelMemory { params, storage } => {
                    let (memory, report) = match (storage, y) {
                        (Storage::Exact, None) => KernelMemory::fit_with(params, x, monitor)?,
                        (Storage::Exact, Some(y)) => KernelMemory::fit_pairs(params, x, y, monitor)?,
                        (Storage::Sequence, None) => KernelMemory::fit_sequence(params, x, monitor)?,
                        (Storage::Sequence, Some(_)) => {
                            only_auto("a sequence memory")?;
                            KernelMemory::fit_sequence(params, x, monitor)?
                        }
                        (Storage::Inducing { n_inducing, seed }, y) => {
                            let options = InducingOptions { n_inducing: *n_inducing, seed: *seed };
                            KernelMemory::fit_inducing(params, x, y, &options, monitor)?
                        }
                        (Storage::Sparse { cutoff }, y) => {
                            let options = SparseOptions { cutoff: *cutoff, ..SparseOptions::default() };
                            KernelMemory::fit_sparse(params, x, y, &options, monitor)?
                        }
                    };
                    return Ok((Self::Kernel(Box::new(memory)), Some(report)));
                }
                Specification::Hopfield {} => {
                    only_auto("Hopfield")?;
                    Self::Hopfield(Hopfield::fit(x)?)
                }
                Specification::DenseAssociativeMemory { interaction } => {
                    only_auto("DenseAssociativeMemory")?;
                    Self::Dense(DenseAssociativeMemory::fit(x, *interaction)?)
                }
                Specification::ModernHopfield { beta, similarity } => Self::Modern(match y {
                    None => ModernHopfield::fit(x, *beta, *similarity)?,
                    Some(y) => ModernHopfield::fit_pairs(x, y, *beta, *similarity)?,
                }),
                Specification::SparseDistributedMemory { parameters } => Self::SparseDistributed(match y {
                    None => SparseDistributedMemory::fit(x, *parameters)?,
                    Some(y) => SparseDistributedMemory::fit_pairs(x, y, *parameters)?,
                }),
                Specification::NearestNeighbor {} => Self::Nearest(match y {
                    None => NearestNeighbor::fit(x)?,
                    Some(y) => NearestNeighbor::fit_pairs(x, y)?,
                }),
                Specification::UniversalHopfield { likeness, separation } => Self::Universal(match y {
                    None => UniversalHopfield::fit(x, *likeness, *separation)?,
                    Some(y) => UniversalHopfield::fit_pairs(x, y, *likeness, *separation)?,
                }),
            },
            None,
        ))
    }

    fn view(&self) -> &dyn AssociativeMemory {
        match self {
            Self::Kernel(memory) => memory.as_ref(),
            Self::Hopfield(memory) => memory,
            Self::Dense(memory) => memory,
            Self::Modern(memory) => memory,
            Self::SparseDistributed(memory) => memory,
            Self::Nearest(memory) => memory,
            Self::Universal(memory) => memory,
        }
    }

    fn kernel(&self) -> Result<&KernelMemory> {
        match self {
            Self::Kernel(memory) => Ok(memory),
            _ => Err(Error::unsupported("this measure", "it belongs to kernel memories", "use KernelMemory")),
        }
    }
}

impl AssociativeMemory for Memory {
    fn n_inputs(&self) -> usize {
        self.view().n_inputs()
    }

    fn n_outputs(&self) -> usize {
        self.view().n_outputs()
    }

    fn is_recurrent(&self) -> bool {
        self.view().is_recurrent()
    }

    fn state(&self) -> StateKind {
        self.view().state()
    }

    fn step(&self, states: ArrayView2<f64>) -> Result<Array2<f64>> {
        self.view().step(states)
    }

    fn patterns(&self) -> Option<ArrayView2<'_, f64>> {
        self.view().patterns()
    }

    fn rest_state(&self) -> Option<Array1<f64>> {
        self.view().rest_state()
    }

    fn overlap_field(&self) -> Option<&dyn OverlapField> {
        self.view().overlap_field()
    }
}

/// A memory that has been fitted.
#[pyclass(module = "neuropil._neuropil")]
pub struct MemoryModel {
    memory: Memory,
}

#[pymethods]
impl MemoryModel {
    /// Fits a memory; returns it and the report of the fit as JSON, where there is one.
    #[staticmethod]
    #[pyo3(signature = (specification, x: "numpy.typing.NDArray[numpy.float64]", y: "numpy.typing.NDArray[numpy.float64] | None"=None, bars=None))]
    fn fit<'py>(
        py: Python<'py>,
        specification: &str,
        x: PyReadonlyArray2<'py, f64>,
        y: Option<PyReadonlyArray2<'py, f64>>,
        bars: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<(Self, Option<String>)> {
        let specification: Specification = parsed("a memory", specification)?;
        let (x, y) = (x.as_array(), y.as_ref().map(|y| y.as_array()));
        let (memory, report) = run(py, bars, |monitor| Memory::fit(&specification, x, y, monitor))?;
        Ok((Self { memory }, report.as_ref().map(written).transpose()?))
    }

    /// Reads a kernel memory from its file; returns it and its parameters as JSON.
    #[staticmethod]
    fn load(py: Python<'_>, path: PathBuf) -> PyResult<(Self, String, bool)> {
        let memory = run(py, None, |_| KernelMemory::load(&path))?;
        let (params, sequence) = (written(memory.params())?, memory.mode() == neuropil_memory::Mode::Sequence);
        Ok((Self { memory: Memory::Kernel(Box::new(memory)) }, params, sequence))
    }

    /// Writes a kernel memory to a file.
    fn save(&self, py: Python<'_>, path: PathBuf, replace: bool) -> PyResult<()> {
        let overwrite = if replace { Overwrite::Replace } else { Overwrite::Refuse };
        run(py, None, |_| self.memory.kernel()?.save(&path, overwrite))
    }

    /// Recalls cues: states, steps, status, and the nearest stored pattern with overlap and distance.
    #[pyo3(signature = (cues: "numpy.typing.NDArray[numpy.float64]", options, bars=None) -> "dict[str, typing.Any]")]
    fn recall<'py>(
        &self,
        py: Python<'py>,
        cues: PyReadonlyArray2<'py, f64>,
        options: &str,
        bars: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyDict>> {
        let options: RecallOptions = parsed("options of recall", options)?;
        let cues = cues.as_array();
        let result = run(py, bars, |monitor| recall(self.memory.view(), cues, &options, monitor))?;
        let dict = PyDict::new(py);
        let converged: Vec<bool> = result.status.iter().map(|status| *status == Status::Converged).collect();
        let status: Vec<&str> = result.status.iter().map(|status| status.name()).collect();
        dict.set_item("states", result.states.into_pyarray(py))?;
        dict.set_item("steps", result.steps.into_iter().map(|n| n as i64).collect::<Vec<_>>().into_pyarray(py))?;
        dict.set_item("converged", converged.into_pyarray(py))?;
        dict.set_item("status", status)?;
        if let Some(nearest) = result.nearest {
            let index: Vec<i64> = nearest.index.into_iter().map(|i| i as i64).collect();
            dict.set_item("nearest", index.into_pyarray(py))?;
            dict.set_item("overlap", nearest.overlap.into_pyarray(py))?;
            dict.set_item("distance", nearest.distance.into_pyarray(py))?;
        }
        Ok(dict)
    }

    /// One step.
    #[pyo3(signature = (states: "numpy.typing.NDArray[numpy.float64]") -> "numpy.typing.NDArray[numpy.float64]")]
    fn step<'py>(&self, py: Python<'py>, states: PyReadonlyArray2<'py, f64>) -> PyResult<Bound<'py, PyArray2<f64>>> {
        let states = states.as_array();
        // A thread of its own costs as much as a few states.
        let next = if states.nrows() <= 8 {
            py.detach(|| self.memory.step(states)).map_err(refused)?
        } else {
            run(py, None, |_| self.memory.step(states))?
        };
        Ok(next.into_pyarray(py))
    }

    /// The fields of output neurons.
    #[pyo3(signature = (states: "numpy.typing.NDArray[numpy.float64]") -> "numpy.typing.NDArray[numpy.float64]")]
    fn field<'py>(&self, py: Python<'py>, states: PyReadonlyArray2<'py, f64>) -> PyResult<Bound<'py, PyArray2<f64>>> {
        let states = states.as_array();
        let field = run(py, None, |_| match &self.memory {
            Memory::Kernel(memory) => memory.field(states),
            Memory::Hopfield(memory) => memory.field(states),
            Memory::Dense(memory) => memory.field(states),
            Memory::SparseDistributed(memory) => memory.field(states),
            other => other.step(states),
        })?;
        Ok(field.into_pyarray(py))
    }

    /// Cues with their unknown entries (NaN) filled in from the known ones (kernel memories).
    #[pyo3(signature = (cues: "numpy.typing.NDArray[numpy.float64]") -> "numpy.typing.NDArray[numpy.float64]")]
    fn fill_in<'py>(&self, py: Python<'py>, cues: PyReadonlyArray2<'py, f64>) -> PyResult<Bound<'py, PyArray2<f64>>> {
        let cues = cues.as_array();
        Ok(run(py, None, |_| self.memory.kernel()?.fill_in(cues))?.into_pyarray(py))
    }

    /// The energy of states, for memories that have one.
    #[pyo3(signature = (states: "numpy.typing.NDArray[numpy.float64]") -> "numpy.typing.NDArray[numpy.float64]")]
    fn energy<'py>(&self, py: Python<'py>, states: PyReadonlyArray2<'py, f64>) -> PyResult<Bound<'py, PyArray1<f64>>> {
        let states = states.as_array();
        let energy = run(py, None, |_| match &self.memory {
            Memory::Hopfield(memory) => memory.energy(states),
            Memory::Dense(memory) => memory.energy(states),
            Memory::Modern(memory) => memory.energy(states),
            _ => Err(Error::unsupported(
                "an energy",
                "this memory has none that recall lowers",
                "use Hopfield, DenseAssociativeMemory or ModernHopfield",
            )),
        })?;
        Ok(energy.into_pyarray(py))
    }

    /// Stores more patterns or pairs, one after the other; returns the novelty of each (kernel memories).
    #[pyo3(signature = (x: "numpy.typing.NDArray[numpy.float64]", y: "numpy.typing.NDArray[numpy.float64] | None"=None))]
    fn insert<'py>(
        &mut self,
        py: Python<'py>,
        x: PyReadonlyArray2<'py, f64>,
        y: Option<PyReadonlyArray2<'py, f64>>,
    ) -> PyResult<Vec<f64>> {
        let (x, y) = (x.as_array(), y.as_ref().map(|y| y.as_array()));
        let memory = &mut self.memory;
        run(py, None, |monitor| {
            let pairs_only_in_kernels = || {
                Error::unsupported(
                    "inserting pairs",
                    "this memory inserts patterns only",
                    "fit it again with all pairs",
                )
            };
            match memory {
                Memory::Kernel(memory) => {
                    let mut novelty = Vec::new();
                    if let Some(y) = y
                        && y.nrows() != x.nrows()
                    {
                        return Err(Error::shape("Y", format!("{} rows, as in X", x.nrows()), y.nrows()));
                    }
                    for (i, row) in x.rows().into_iter().enumerate() {
                        monitor.check()?;
                        let insertion = match y {
                            None => memory.insert(row)?,
                            Some(y) => memory.insert_pair(row, y.row(i))?,
                        };
                        novelty.push(insertion.novelty);
                    }
                    return Ok(novelty);
                }
                _ if y.is_some() => return Err(pairs_only_in_kernels()),
                Memory::Hopfield(memory) => memory.insert(x)?,
                Memory::Dense(memory) => memory.insert(x)?,
                Memory::Modern(memory) => memory.insert(x)?,
                Memory::SparseDistributed(memory) => memory.insert(x)?,
                Memory::Nearest(memory) => memory.insert(x)?,
                Memory::Universal(_) => {
                    return Err(Error::unsupported("inserting", "this memory is fitted at once", "fit it again"));
                }
            }
            Ok(Vec::new())
        })
    }

    /// Forgets one pattern.
    fn delete(&mut self, py: Python<'_>, index: usize) -> PyResult<()> {
        let memory = &mut self.memory;
        run(py, None, |_| match memory {
            Memory::Kernel(memory) => memory.delete(index),
            Memory::Hopfield(memory) => memory.delete(index),
            Memory::Dense(memory) => memory.delete(index),
            Memory::Modern(memory) => memory.delete(index),
            Memory::Nearest(memory) => memory.delete(index),
            Memory::SparseDistributed(_) | Memory::Universal(_) => {
                Err(Error::unsupported("deleting", "this memory keeps no pattern apart", "fit it again without it"))
            }
        })
    }

    /// Input patterns, output patterns, coefficients and thresholds of a kernel memory.
    #[pyo3(signature = () -> "dict[str, typing.Any]")]
    fn arrays<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let memory = self.memory.kernel().map_err(refused)?;
        let dict = PyDict::new(py);
        dict.set_item("patterns", memory.patterns().to_owned().into_pyarray(py))?;
        dict.set_item("outputs", memory.outputs().to_owned().into_pyarray(py))?;
        dict.set_item("coefficients", memory.coefficients().to_owned().into_pyarray(py))?;
        dict.set_item("threshold", memory.threshold().to_owned().into_pyarray(py))?;
        Ok(dict)
    }

    /// Number of input and of output neurons, and whether states are binary.
    fn shape(&self) -> (usize, usize, bool) {
        (self.memory.n_inputs(), self.memory.n_outputs(), self.memory.state() == StateKind::Binary)
    }

    /// Condition number of the Gram matrix.
    fn condition_number(&self, py: Python<'_>) -> PyResult<f64> {
        run(py, None, |_| self.memory.kernel()?.condition_number())
    }

    /// The index of the pattern that is lost least.
    fn least_important(&self, py: Python<'_>) -> PyResult<usize> {
        run(py, None, |_| self.memory.kernel()?.least_important())
    }

    /// Errors with which the other patterns predict each stored one.
    #[pyo3(signature = () -> "numpy.typing.NDArray[numpy.float64]")]
    fn leave_one_out<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyArray2<f64>>> {
        Ok(run(py, None, |_| self.memory.kernel()?.leave_one_out_errors())?.into_pyarray(py))
    }

    /// Spectral radius of the Jacobian of recall at each state.
    #[pyo3(signature = (states: "numpy.typing.NDArray[numpy.float64]") -> "numpy.typing.NDArray[numpy.float64]")]
    fn jacobian_radius<'py>(
        &self,
        py: Python<'py>,
        states: PyReadonlyArray2<'py, f64>,
    ) -> PyResult<Bound<'py, PyArray1<f64>>> {
        let states = states.as_array();
        let radii: Vec<f64> = run(py, None, |monitor| {
            let memory = self.memory.kernel()?;
            let one = |s| {
                monitor.check()?;
                memory.jacobian_radius(s)
            };
            states.rows().into_iter().map(one).collect::<Result<Vec<f64>>>()
        })?;
        Ok(radii.into_pyarray(py))
    }

    /// Measured basin radii, patterns x directions.
    #[pyo3(signature = (patterns: "numpy.typing.NDArray[numpy.float64]", options, bars=None) -> "numpy.typing.NDArray[numpy.float64]")]
    fn basin<'py>(
        &self,
        py: Python<'py>,
        patterns: PyReadonlyArray2<'py, f64>,
        options: &str,
        bars: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyArray2<f64>>> {
        let options: BasinOptions = parsed("options of basins", options)?;
        let patterns = patterns.as_array();
        let basin = run(py, bars, |monitor| basin_radius(self.memory.view(), patterns, &options, monitor))?;
        Ok(basin.radius.into_pyarray(py))
    }

    /// Shares of the interaction orders in the norm of each neuron: of the Taylor series, or of the Walsh degrees.
    #[pyo3(signature = (walsh) -> "numpy.typing.NDArray[numpy.float64]")]
    fn shares<'py>(&self, py: Python<'py>, walsh: bool) -> PyResult<Bound<'py, PyArray2<f64>>> {
        let shares = run(py, None, |_| {
            let memory = self.memory.kernel()?;
            if walsh { memory.walsh_shares() } else { memory.order_shares() }
        })?;
        Ok(shares.share.into_pyarray(py))
    }

    /// Recall against noise, as JSON.
    #[pyo3(signature = (x: "numpy.typing.NDArray[numpy.float64]", y: "numpy.typing.NDArray[numpy.float64]", options, bars=None))]
    fn recall_curve<'py>(
        &self,
        py: Python<'py>,
        x: PyReadonlyArray2<'py, f64>,
        y: PyReadonlyArray2<'py, f64>,
        options: &str,
        bars: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<String> {
        let options: CurveOptions = parsed("options of a recall curve", options)?;
        let (x, y) = (x.as_array(), y.as_array());
        written(&run(py, bars, |monitor| recall_curve(self.memory.view(), x, y, &options, monitor))?)
    }
}

/// Recall against the number of patterns, as JSON.
#[pyfunction]
#[pyo3(signature = (specification, options, bars=None))]
pub fn memory_capacity_curve(
    py: Python<'_>,
    specification: &str,
    options: &str,
    bars: Option<&Bound<'_, PyAny>>,
) -> PyResult<String> {
    let specification: Specification = parsed("a memory", specification)?;
    let options: CapacityOptions = parsed("options of a capacity curve", options)?;
    let curve = run(py, bars, |monitor| {
        let quiet = monitor.quiet();
        capacity_curve(|patterns| Ok(Memory::fit(&specification, patterns, None, &quiet)?.0), &options, monitor)
    })?;
    written(&curve)
}

/// The kernel radius with the largest basins: radius, smallest basin, largest spectral radius.
#[pyfunction]
#[pyo3(signature = (params, x: "numpy.typing.NDArray[numpy.float64]", bars=None))]
pub fn memory_choose_radius<'py>(
    py: Python<'py>,
    params: &str,
    x: PyReadonlyArray2<'py, f64>,
    bars: Option<&Bound<'py, PyAny>>,
) -> PyResult<(f64, f64, f64)> {
    let params: KernelMemoryParams = parsed("a memory", params)?;
    let x = x.as_array();
    let choice = run(py, bars, |monitor| search_radius(&params, x, &RadiusSearch::default(), monitor))?;
    Ok((choice.radius, choice.basin, choice.spectral_radius))
}

/// The largest load at margin kappa.
#[pyfunction]
pub fn memory_gardner_capacity(kappa: f64) -> f64 {
    theory::gardner_capacity(kappa)
}

/// The margin at a load.
#[pyfunction]
pub fn memory_gardner_kappa(load: f64) -> PyResult<f64> {
    theory::gardner_kappa(load).map_err(refused)
}

/// Probability that random labels are separable.
#[pyfunction]
pub fn memory_cover_probability(n_patterns: usize, dimension: usize) -> PyResult<f64> {
    theory::cover_probability(n_patterns, dimension).map_err(refused)
}

/// Kanerva's kernel for every Hamming distance.
#[pyfunction]
#[pyo3(signature = (n, radius) -> "numpy.typing.NDArray[numpy.float64]")]
pub fn memory_sdm_overlap<'py>(py: Python<'py>, n: usize, radius: usize) -> PyResult<Bound<'py, PyArray1<f64>>> {
    Ok(sparse_distributed_overlap(n, radius).map_err(refused)?.into_pyarray(py))
}

/// Dimension of the feature space of a kernel on the hypercube.
#[pyfunction]
pub fn memory_feature_dimension(kernel: &str, n: usize) -> PyResult<f64> {
    let kernel: Kernel = parsed("a kernel", kernel)?;
    theory::feature_dimension(&kernel, n).map_err(refused)
}
