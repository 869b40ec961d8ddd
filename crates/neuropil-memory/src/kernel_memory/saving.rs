//! One file per memory: an npz with patterns, outputs, coefficients and thresholds, and the parameters as JSON.

use std::path::Path;

use ndarray::{Array1, Array2, Ix1, Ix2};
use neuropil_core::files::Overwrite;
use neuropil_data::{Npz, arrays};
use serde::{Deserialize, Serialize};

use super::fit::Solution;
use super::{KernelMemory, KernelMemoryParams, Mode};
use crate::error::{Error, Result};
use crate::kernel::Kernel;

/// The format of the file; raised when an older release could no longer read it.
const FORMAT: u32 = 1;

#[derive(Serialize, Deserialize)]
struct Header {
    neuropil: String,
    model: String,
    format: u32,
    mode: Mode,
    kernel: Kernel,
    params: KernelMemoryParams,
}

impl KernelMemory {
    /// Writes the memory to an npz file: `patterns`, `coefficients`, `threshold`, `outputs` (not in auto-association),
    /// `mean` (if there is one) and `header`, the bytes of a JSON document with version, mode, kernel and parameters.
    ///
    /// # Errors
    /// A custom kernel, which no file can hold; a file that cannot be written.
    pub fn save(&self, path: &Path, overwrite: Overwrite) -> Result<()> {
        let header = Header {
            neuropil: neuropil_core::provenance::version().to_owned(),
            model: "KernelMemory".to_owned(),
            format: FORMAT,
            mode: self.mode,
            kernel: self.kernel.clone(),
            params: self.params.clone(),
        };
        let text = serde_json::to_string(&header).map_err(|_| {
            Error::unsupported("saving a memory with a custom kernel", "a closure has no text", "use a named kernel")
        })?;
        let header: Array1<i64> = text.bytes().map(i64::from).collect();
        let mut npz = Npz::new()
            .array("header", header.view().into_dyn())
            .array("patterns", self.patterns.view().into_dyn())
            .array("coefficients", self.coefficients.view().into_dyn())
            .array("threshold", self.threshold.view().into_dyn());
        if let Some(outputs) = &self.outputs {
            npz = npz.array("outputs", outputs.view().into_dyn());
        }
        if let Some(mean) = &self.mean {
            npz = npz.array("mean", mean.view().into_dyn());
        }
        npz.write(path, overwrite)?;
        Ok(())
    }

    /// Reads a memory that [`save`](Self::save) wrote.
    ///
    /// # Errors
    /// A file that is missing, damaged, not a kernel memory, or of a later format.
    pub fn load(path: &Path) -> Result<Self> {
        let problem = |problem: String| Error::Model { path: path.display().to_string(), problem };
        let names = arrays::npz_names(path)?;
        let array = |name: &str| -> Result<_> {
            if names.iter().any(|known| known == name) {
                Ok(Some(arrays::read_array(path, Some(name))?))
            } else {
                Ok(None)
            }
        };
        let needed = |name: &str| array(name)?.ok_or_else(|| problem(format!("it holds no array \"{name}\"")));
        let header: Vec<u8> = needed("header")?.iter().map(|byte| *byte as u8).collect();
        let version: serde_json::Value =
            serde_json::from_slice(&header).map_err(|error| problem(format!("its header is damaged ({error})")))?;
        let (model, format) = (version["model"].as_str(), version["format"].as_u64());
        if model != Some("KernelMemory") {
            return Err(problem(format!("it holds a {}", model.unwrap_or("model without a name"))));
        }
        if format.is_none_or(|format| format > u64::from(FORMAT)) {
            let by = version["neuropil"].as_str().unwrap_or("another release");
            return Err(problem(format!("it was written by neuropil {by} in a later format; update neuropil")));
        }
        let header: Header = serde_json::from_value(version)
            .map_err(|error| problem(format!("its header is not understood ({error})")))?;
        let two = |name: &str, array: ndarray::ArrayD<f64>| -> Result<Array2<f64>> {
            array.into_dimensionality::<Ix2>().map_err(|_| problem(format!("\"{name}\" is not a matrix")))
        };
        let one = |name: &str, array: ndarray::ArrayD<f64>| -> Result<Array1<f64>> {
            array.into_dimensionality::<Ix1>().map_err(|_| problem(format!("\"{name}\" is not a vector")))
        };
        let patterns = two("patterns", needed("patterns")?)?;
        let coefficients = two("coefficients", needed("coefficients")?)?;
        let threshold = one("threshold", needed("threshold")?)?;
        let outputs = array("outputs")?.map(|a| two("outputs", a)).transpose()?;
        let mean = array("mean")?.map(|a| one("mean", a)).transpose()?;
        let (m, n_out) = coefficients.dim();
        let targets = outputs.as_ref().unwrap_or(&patterns);
        let fits = patterns.nrows() == m
            && targets.nrows() == m
            && targets.ncols() == n_out
            && threshold.len() == n_out
            && mean.as_ref().is_none_or(|mean| mean.len() == n_out)
            && (header.mode == Mode::Auto) == outputs.is_none();
        if !fits || m == 0 || patterns.ncols() == 0 {
            return Err(problem("its arrays do not fit together".into()));
        }
        header.params.validate(patterns.ncols())?;
        header.kernel.validate(patterns.ncols())?;
        if patterns.iter().chain(&coefficients).chain(&threshold).any(|value| !value.is_finite()) {
            return Err(problem("it holds values that are not finite".into()));
        }
        let solution = Solution { coefficients, threshold, mean, factor: None };
        Ok(Self::assemble(&header.params, header.mode, header.kernel, patterns, outputs, solution))
    }
}
