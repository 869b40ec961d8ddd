//! The data, the network and its parameters.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use ndarray::Array2;
use neuropil_data::Content;
use neuropil_landscape::import::network_from_arrays;
use neuropil_landscape::{Activation, Bias, Dataset, Loss, Mlp, Objective, Parameters};
use serde_json::{Value, json};

use crate::failure::{Failure, Result};

/// The data that a network should fit.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Data")]
pub(crate) struct DataArgs {
    /// A csv or tsv table with a row of names, or an npz file with the arrays images and labels
    #[arg(help_heading = clap::builder::Resettable::Reset)]
    pub data: PathBuf,
    /// Column to be predicted; repeat it for several outputs [default: the last column]
    #[arg(long, value_name = "NAME")]
    pub target: Vec<String>,
    /// What is minimised [default: cross-entropy for labels, otherwise square]
    #[arg(long, value_name = "LOSS")]
    pub loss: Option<LossArg>,
    /// Adds half of this times the squared length of the parameter vector
    #[arg(long, value_name = "X", default_value_t = 0.0)]
    pub weight_decay: f64,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum LossArg {
    /// Squared error, summed over outputs, mean over samples
    Square,
    /// Softmax cross-entropy in nat, mean over samples
    CrossEntropy,
}

/// Data ready to be fitted.
pub(crate) struct Task {
    pub data: Dataset,
    loss: Loss,
    weight_decay: f64,
    describe: Value,
}

impl DataArgs {
    pub fn read(&self) -> Result<Task> {
        let (data, labelled) = match neuropil_data::read(&self.data)? {
            Content::Table(columns) => {
                let names = columns.names().to_vec();
                let targets = match (self.target.is_empty(), names.last()) {
                    (false, _) => self.target.clone(),
                    (true, Some(last)) => vec![last.clone()],
                    (true, None) => return Err(Failure::usage(format!("\"{}\" has no columns", self.data.display()))),
                };
                let inputs: Vec<String> = names.into_iter().filter(|name| !targets.contains(name)).collect();
                if inputs.is_empty() {
                    return Err(
                        Failure::usage("no column is left for the inputs").hint("name the outputs with --target")
                    );
                }
                (Dataset::new(columns.numbers_of(&inputs)?, columns.numbers_of(&targets)?)?, false)
            }
            _ => (self.labelled()?, true),
        };
        let loss = match self.loss {
            Some(LossArg::Square) => Loss::Square,
            Some(LossArg::CrossEntropy) => Loss::CrossEntropy,
            None if labelled => Loss::CrossEntropy,
            None => Loss::Square,
        };
        let describe = json!({ "file": self.data.display().to_string(), "samples": data.n_samples() });
        Ok(Task { data, loss, weight_decay: self.weight_decay, describe })
    }

    fn labelled(&self) -> Result<Dataset> {
        let arrays = neuropil_data::arrays::read_npz(&self.data)?;
        let find = |name: &str| {
            arrays.iter().find(|array| array.name == name).map(|array| &array.values).ok_or_else(|| {
                Failure::usage(format!("\"{}\" has no array \"{name}\"", self.data.display()))
                    .hint("give a table, or an npz file with images (samples first) and labels")
            })
        };
        let (images, labels) = (find("images")?, find("labels")?);
        let n = labels.len();
        if n == 0 || images.shape().first() != Some(&n) {
            return Err(Failure::usage(format!("{:?} images but {n} labels", images.shape())));
        }
        let width = images.len() / n;
        let largest = images.iter().fold(0.0_f64, |largest, value| largest.max(*value)).max(f64::MIN_POSITIVE);
        let flat: Vec<f64> = images.iter().map(|value| value / largest).collect();
        let inputs = Array2::from_shape_vec((n, width), flat).map_err(Failure::usage)?;
        let labels = labels
            .iter()
            .enumerate()
            .map(|(index, &label)| {
                let whole = label >= 0.0 && label.fract() == 0.0 && label < 1e6;
                whole.then_some(label as usize).ok_or_else(|| {
                    Failure::usage(format!("labels[{index}] is {label}, but it must be a whole number of at least 0"))
                })
            })
            .collect::<Result<Vec<usize>>>()?;
        let classes = labels.iter().max().map_or(0, |last| last + 1);
        Ok(Dataset::labelled(inputs, &labels, classes)?)
    }
}

impl Task {
    pub fn objective(&self, network: &Mlp) -> Result<Objective> {
        Ok(Objective::new(network, &self.data, self.loss)?.with_weight_decay(self.weight_decay)?)
    }

    pub fn describe(&self) -> Value {
        self.describe.clone()
    }
}

/// The activation and biases, which no file of parameters tells.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Network")]
pub(crate) struct ActivationArgs {
    /// Activation of the hidden neurons: g, sigmoid, softplus, tanh, erf, relu, gelu, silu, ...
    #[arg(long, value_name = "NAME", default_value = "g")]
    pub act: String,
}

impl ActivationArgs {
    pub fn activation(&self) -> Result<Activation> {
        Ok(self.act.parse::<Activation>()?)
    }
}

/// A network without parameters.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Network")]
pub(crate) struct ShapeArgs {
    /// Width of the hidden layer; several with commas for several layers
    #[arg(long, value_name = "N", value_delimiter = ',', default_value = "5")]
    pub width: Vec<usize>,
    #[command(flatten)]
    pub activation: ActivationArgs,
    /// Leave the biases out
    #[arg(long)]
    pub no_bias: bool,
}

impl ShapeArgs {
    pub fn network(&self, data: &Dataset) -> Result<Mlp> {
        let mut widths = vec![data.inputs().ncols()];
        widths.extend(&self.width);
        widths.push(data.targets().ncols());
        let bias = if self.no_bias { Bias::Without } else { Bias::With };
        let network = Mlp::uniform(&widths, &self.activation.activation()?, bias);
        network.validate()?;
        Ok(network)
    }
}

/// Parameters from a file.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Network")]
pub(crate) struct ParametersArgs {
    /// An npz file with w1, b1, w2, ... or the names of a PyTorch state_dict; other arrays are left out
    #[arg(long, value_name = "FILE")]
    pub parameters: PathBuf,
    #[command(flatten)]
    pub activation: ActivationArgs,
}

impl ParametersArgs {
    pub fn read(&self) -> Result<Parameters> {
        let arrays = neuropil_data::arrays::read_npz(&self.parameters)?;
        let ours = |name: &str| {
            let rest = name.strip_prefix(['w', 'b', 'W', 'B']).unwrap_or("");
            !rest.is_empty() && rest.chars().all(|c| c.is_ascii_digit())
                || name.ends_with("weight")
                || name.ends_with("bias")
        };
        let arrays: Vec<_> =
            arrays.into_iter().filter(|array| ours(&array.name)).map(|array| (array.name, array.values)).collect();
        Ok(network_from_arrays(&arrays, &[self.activation.activation()?.into()])?)
    }

    pub fn path(&self) -> &Path {
        &self.parameters
    }
}
