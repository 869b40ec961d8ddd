//! A stream of observations, held by the interpreter.

use std::sync::{Mutex, MutexGuard};

use neuropil_surprise::online::ChangePointStream;
use numpy::PyReadonlyArray2;
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::errors::Failure;
use crate::progress::run;
use crate::surprise::{chosen, filtered, learner, parsed, refused, written};

/// Mean, variance, Bayes Factor surprise, Shannon surprise, adaptation rate, most probable run length.
type Update = (Vec<f64>, Option<Vec<f64>>, Option<f64>, Option<f64>, f64, Option<u64>);

/// A learner that is fed a stream.
#[pyclass(frozen, module = "neuropil._neuropil")]
pub struct SurpriseStream {
    stream: Mutex<ChangePointStream>,
}

#[pymethods]
impl SurpriseStream {
    #[new]
    fn new(model: &str) -> PyResult<Self> {
        let stream = ChangePointStream::new(learner(model)?).map_err(refused)?;
        Ok(Self { stream: Mutex::new(stream) })
    }

    /// Continues from the JSON that `state` returned.
    #[staticmethod]
    fn resume(state: &str) -> PyResult<Self> {
        let stream = ChangePointStream::resume(&parsed("the state of a stream", state)?).map_err(refused)?;
        Ok(Self { stream: Mutex::new(stream) })
    }

    /// Everything that is needed to go on later, as JSON.
    fn state(&self) -> PyResult<String> {
        written(&self.stream()?.state())
    }

    /// The learner, as JSON.
    fn model(&self) -> PyResult<String> {
        written(self.stream()?.model())
    }

    /// Number of observations since the start or the last reset.
    fn time(&self) -> PyResult<u64> {
        Ok(self.stream()?.time())
    }

    /// Forgets everything.
    fn reset(&self) -> PyResult<()> {
        self.stream()?.reset();
        Ok(())
    }

    /// Takes one observation.
    fn update(&self, y: Vec<f64>) -> PyResult<Update> {
        let update = self.stream()?.update(&y).map_err(refused)?;
        Ok((
            update.mean,
            update.variance,
            update.bayes_factor_surprise,
            update.shannon_surprise,
            update.adaptation_rate,
            update.map_run_length,
        ))
    }

    /// Takes a piece of the stream.
    #[pyo3(signature = (y: "numpy.typing.NDArray[numpy.float64]", outputs=None, bars=None) -> "dict[str, typing.Any]")]
    fn update_many<'py>(
        &self,
        py: Python<'py>,
        y: PyReadonlyArray2<'py, f64>,
        outputs: Option<Vec<String>>,
        bars: Option<&Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyDict>> {
        let outputs = chosen(outputs)?;
        let y = y.as_array();
        let mut stream = self.stream()?;
        let stream = &mut *stream;
        let result = run(py, bars, |monitor| stream.filter(y, outputs, monitor))?;
        filtered(py, result)
    }

    /// Posterior over the run length, longest first; nothing where the method holds none.
    fn run_length_posterior(&self) -> PyResult<Option<Vec<(u64, f64)>>> {
        Ok(self.stream()?.run_length_posterior())
    }
}

impl SurpriseStream {
    /// The stream, unless another thread is feeding it: waiting for that thread with the interpreter's lock would
    /// stop both.
    fn stream(&self) -> PyResult<MutexGuard<'_, ChangePointStream>> {
        self.stream.try_lock().map_err(|_| {
            let message = "another thread is feeding this learner; give every thread a copy of its own";
            Failure::Work(message.to_owned()).into()
        })
    }
}
