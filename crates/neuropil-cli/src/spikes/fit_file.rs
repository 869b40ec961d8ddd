//! The document that `infer` writes, read again by `perturb`, `evaluate`, `simulate` and `export-nest`.

use std::path::Path;

use ndarray::Array2;
use neuropil_spikes::Network;
use neuropil_spikes::inference::curvature::ParameterGaussian;
use neuropil_spikes::inference::{FreeParameters, LikelihoodOptions};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::failure::{Failure, Result};

/// What is needed to go on with a fit.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct FitFile {
    /// The fitted network, effective at `dt_s`.
    pub network: Network,
    /// Names of the populations.
    pub populations: Vec<String>,
    /// Population of every recorded neuron.
    pub labels: Vec<usize>,
    pub dt_s: f64,
    pub likelihood: LikelihoodOptions,
    pub free: FreeParameters,
    /// Fitted values of the free parameters, in their scales.
    pub numbers: Vec<f64>,
    /// Mean inferred activity of every population, Hz.
    pub mean_activity_hz: Vec<f64>,
    /// Rows of a matrix whose product with its transpose is the covariance of the numbers; absent without
    /// `--uncertainty`.
    pub covariance_root: Option<Vec<Vec<f64>>>,
}

impl FitFile {
    pub fn parse(path: &Path, text: &str) -> Result<Self> {
        let wrong = |why: String| {
            Failure::usage(format!("\"{}\" is no fit: {why}", path.display()))
                .hint("give the json that `neuropil spikes infer RECORDING --out FILE.json` writes")
        };
        let document: Value = serde_json::from_str(text).map_err(|error| wrong(error.to_string()))?;
        let fit = document.pointer("/result/fit").ok_or_else(|| wrong("it has no part result.fit".into()))?;
        let fit: Self = serde_json::from_value(fit.clone()).map_err(|error| wrong(error.to_string()))?;
        fit.network.validate()?;
        if fit.numbers.len() != fit.free.len() {
            return Err(wrong("the numbers of parameters and of values differ".into()));
        }
        Ok(fit)
    }

    pub fn read(path: &Path) -> Result<Self> {
        Self::parse(path, &super::network_args::read_text(path)?)
    }

    /// The uncertainty of the parameters; none of it where the file has none.
    pub fn uncertainty(&self) -> ParameterGaussian {
        let n = self.numbers.len();
        let root = Array2::from_shape_fn((n, n), |(i, k)| {
            self.covariance_root.as_ref().and_then(|rows| rows.get(i)?.get(k).copied()).unwrap_or(0.0)
        });
        ParameterGaussian { mean: self.numbers.clone(), covariance: root.dot(&root.t()), root }
    }
}
