//! The network and its parameters.

use std::path::{Path, PathBuf};

use clap::Args;
use neuropil_core::provenance::Fingerprint;
use neuropil_landscape::import::network_from_arrays;
use neuropil_landscape::{Activation, Bias, Dataset, LayerActivation, Mlp, Parameters};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::failure::{Failure, Result};

/// A network without parameters.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Network")]
pub(crate) struct ShapeArgs {
    /// Width of the hidden layer; several with commas for several layers
    #[arg(long, value_name = "N", value_delimiter = ',', default_value = "5")]
    pub width: Vec<usize>,
    /// Activation of the hidden neurons: g, sigmoid, softplus, tanh, erf, relu, gelu, silu, ...; repeat it to give each
    /// hidden layer its own
    #[arg(long, value_name = "NAME", default_value = "g")]
    pub act: Vec<String>,
    /// Leave the biases out
    #[arg(long)]
    pub no_bias: bool,
}

impl ShapeArgs {
    pub fn network(&self, data: &Dataset) -> Result<Mlp> {
        let mut widths = vec![data.inputs().ncols()];
        widths.extend(&self.width);
        widths.push(data.targets().ncols());
        let given = activations(&self.act)?;
        let layers = match given.as_slice() {
            [one] => vec![one.clone(); self.width.len()],
            _ => given,
        };
        let bias = if self.no_bias { Bias::Without } else { Bias::With };
        let biases = vec![bias; widths.len() - 1];
        Ok(Mlp::new(widths, layers, biases)?)
    }
}

/// Parameters from a file.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Network")]
pub(crate) struct ParametersArgs {
    /// An npz file with w1, b1, w2, ... or the names of a PyTorch state_dict; other arrays are left out. Or a JSON file:
    /// what train writes, or an estimator that Python saved
    #[arg(long, value_name = "FILE")]
    pub parameters: PathBuf,
    #[command(flatten)]
    pub activation: ActivationArgs,
}

/// The activation, which no file of parameters tells.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Network")]
pub(crate) struct ActivationArgs {
    /// Activation of the hidden neurons: g, sigmoid, softplus, tanh, erf, relu, gelu, silu, ...; repeat it to give each
    /// hidden layer its own [default: what the JSON file beside the parameters says]
    #[arg(long, value_name = "NAME")]
    pub act: Vec<String>,
}

/// Parameters with the file that they come from.
pub(crate) struct Loaded {
    pub parameters: Parameters,
    path: PathBuf,
}

impl ParametersArgs {
    pub fn read(&self) -> Result<Loaded> {
        self.activation.read(&self.parameters)
    }
}

impl ActivationArgs {
    /// Reads the parameters of a network.
    pub fn read(&self, path: &Path) -> Result<Loaded> {
        if path.extension().is_some_and(|extension| extension == "json") {
            return Ok(Loaded { parameters: saved(path)?, path: path.to_owned() });
        }
        let arrays = neuropil_data::arrays::read_npz(path)?;
        let ours = |name: &str| {
            let rest = name.strip_prefix(['w', 'b', 'W', 'B']).unwrap_or("");
            !rest.is_empty() && rest.chars().all(|c| c.is_ascii_digit())
                || name.ends_with("weight")
                || name.ends_with("bias")
        };
        let names: Vec<String> = arrays.iter().map(|array| array.name.clone()).collect();
        let arrays: Vec<_> =
            arrays.into_iter().filter(|array| ours(&array.name)).map(|array| (array.name, array.values)).collect();
        if arrays.is_empty() {
            return Err(Failure::usage(format!(
                "\"{}\" holds no parameters of a network: its arrays are {}",
                path.display(),
                names.join(", ")
            ))
            .hint("the names must be w1, b1, w2, ... or those of a PyTorch state_dict, NAME.weight and NAME.bias"));
        }
        let activations = match self.act.as_slice() {
            [] => beside(path).ok_or_else(|| {
                Failure::usage(format!("the activation of the network in \"{}\" is not known", path.display()))
                    .hint("give it with --act NAME; `neuropil landscape train --out` writes it beside the parameters")
            })?,
            given => activations(given)?,
        };
        Ok(Loaded { parameters: network_from_arrays(&arrays, &activations)?, path: path.to_owned() })
    }
}

impl Loaded {
    /// What was read, for the JSON document.
    pub fn describe(&self) -> Value {
        let theta = self.parameters.theta().to_vec();
        json!({ "path": self.path, "hash": Fingerprint::new().numbers(&theta).to_string() })
    }
}

fn activations(names: &[String]) -> Result<Vec<LayerActivation>> {
    names.iter().map(|name| Ok(name.parse::<Activation>()?.into())).collect()
}

/// Network and parameters from the document of `train`, or from an estimator that was saved in Python.
fn saved(path: &Path) -> Result<Parameters> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Saved {
        Estimator { network: Mlp, theta: Vec<f64> },
        Document { parameters: Named, result: Found },
    }
    #[derive(Deserialize)]
    struct Named {
        network: Mlp,
    }
    #[derive(Deserialize)]
    struct Found {
        theta: Vec<f64>,
    }
    let text =
        std::fs::read(path).map_err(|error| Failure::usage(format!("cannot read \"{}\": {error}", path.display())))?;
    let (network, theta) = match serde_json::from_slice(&text) {
        Ok(Saved::Estimator { network, theta }) => (network, theta),
        Ok(Saved::Document { parameters, result }) => (parameters.network, result.theta),
        Err(_) => {
            return Err(Failure::usage(format!("\"{}\" holds no network with its parameters", path.display()))
                .hint("give what `neuropil landscape train --out NAME.json` writes, or an npz file"));
        }
    };
    network.validate()?;
    Ok(network.parameters(theta.into())?)
}

/// The activations in the document beside an array file: `NAME.npz.json`, or `NAME.json` in a folder of results.
fn beside(path: &Path) -> Option<Vec<LayerActivation>> {
    #[derive(Deserialize)]
    struct Document {
        parameters: Named,
    }
    #[derive(Deserialize)]
    struct Named {
        network: Mlp,
    }
    let mut longer = path.as_os_str().to_owned();
    longer.push(".json");
    [PathBuf::from(longer), path.with_extension("json")].iter().find_map(|candidate| {
        let document: Document = serde_json::from_slice(&std::fs::read(candidate).ok()?).ok()?;
        Some(document.parameters.network.activations)
    })
}
