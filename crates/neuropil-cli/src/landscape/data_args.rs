//! The data that a network should fit.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use ndarray::{Array2, ArrayD, Axis, Slice};
use neuropil_core::provenance::Fingerprint;
use neuropil_data::columns::{ColumnType, Columns};
use neuropil_data::{Content, NamedArray};
use neuropil_landscape::{Dataset, Loss, Mlp, Objective};
use serde_json::{Value, json};

use crate::failure::{Failure, Result};

/// The file, and what in it is input and what is to be predicted.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Data")]
pub(crate) struct DataArgs {
    /// A csv or tsv table with a row of names; or images with labels: an npz file with the arrays images and labels, or
    /// an npy or IDX file (MNIST, also .gz) with --labels
    #[arg(help_heading = clap::builder::Resettable::Reset)]
    pub data: PathBuf,
    /// Column to be predicted; repeat it for several outputs [default: the last column]
    #[arg(long, value_name = "NAME")]
    pub target: Vec<String>,
    /// npy or IDX file with the class of each image, a whole number from 0
    #[arg(long, value_name = "FILE")]
    pub labels: Option<PathBuf>,
    /// Use only the first N samples
    #[arg(long, value_name = "N")]
    pub limit: Option<usize>,
    /// What is minimised [default: cross-entropy for images with labels and for a column of words, otherwise square]
    #[arg(long, value_name = "LOSS")]
    pub loss: Option<LossArg>,
    /// Adds half of this times the squared length of the parameter vector
    #[arg(long, value_name = "X", default_value_t = 0.0)]
    pub weight_decay: f64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
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
    path: PathBuf,
    /// Names of the classes, where there are classes.
    classes: Vec<String>,
}

impl DataArgs {
    pub fn read(&self) -> Result<Task> {
        if self.limit == Some(0) {
            return Err(Failure::usage("--limit must be at least 1"));
        }
        let (inputs, targets) = match neuropil_data::read(&self.data)? {
            Content::Table(columns) => self.of_table(&columns)?,
            Content::Array(images) => self.of_images(images, None)?,
            Content::Arrays(arrays) => {
                let labels = array(&arrays, "labels").cloned();
                let images = array(&arrays, "images").cloned().ok_or_else(|| {
                    let names: Vec<&str> = arrays.iter().map(|array| array.name.as_str()).collect();
                    Failure::usage(format!("\"{}\" holds the arrays {}", self.data.display(), names.join(", ")))
                        .hint("an npz file needs the arrays images (samples first) and labels; a table works too")
                })?;
                self.of_images(images, labels)?
            }
        };
        let n = self.limit.unwrap_or(usize::MAX).min(inputs.nrows());
        let inputs = inputs.slice_axis(Axis(0), Slice::from(..n)).to_owned();
        let (data, classes) = match targets {
            Targets::Values(values) => {
                (Dataset::new(inputs, values.slice_axis(Axis(0), Slice::from(..n)).to_owned())?, Vec::new())
            }
            Targets::Classes(labels, names) => (Dataset::labelled(inputs, &labels[..n], names.len())?, names),
        };
        let loss = match self.loss {
            Some(LossArg::Square) => Loss::Square,
            Some(LossArg::CrossEntropy) => Loss::CrossEntropy,
            None if classes.is_empty() => Loss::Square,
            None => Loss::CrossEntropy,
        };
        Ok(Task { data, loss, weight_decay: self.weight_decay, path: self.data.clone(), classes })
    }

    fn of_table(&self, columns: &Columns) -> Result<(Array2<f64>, Targets)> {
        if let Some(labels) = &self.labels {
            return Err(Failure::usage(format!("--labels {} is for files of images", labels.display()))
                .hint("name the column of a table with --target"));
        }
        let names = columns.names().to_vec();
        let targets = match (self.target.is_empty(), names.last()) {
            (false, _) => self.target.clone(),
            (true, Some(last)) => vec![last.clone()],
            (true, None) => return Err(Failure::usage(format!("\"{}\" has no columns", self.data.display()))),
        };
        let inputs: Vec<String> = names.into_iter().filter(|name| !targets.contains(name)).collect();
        if inputs.is_empty() {
            return Err(Failure::usage("no column is left for the inputs").hint("name the outputs with --target"));
        }
        let inputs = columns.numbers_of(&inputs)?;
        let of_words = targets.len() == 1 && columns.column_type(&targets[0])? == ColumnType::Text;
        let classes = match self.loss {
            Some(LossArg::CrossEntropy) => targets.len() == 1,
            Some(LossArg::Square) => false,
            None => of_words,
        };
        let targets = if classes {
            let words = columns.text(&targets[0])?;
            if let Some(row) = words.iter().position(|word| word.is_empty()) {
                let line = columns.line(row).unwrap_or_default();
                return Err(Failure::usage(format!("line {line}: the class in column \"{}\" is missing", targets[0])));
            }
            classes_of(&words)
        } else {
            Targets::Values(columns.numbers_of(&targets)?)
        };
        Ok((inputs, targets))
    }

    fn of_images(&self, images: ArrayD<f64>, labels: Option<ArrayD<f64>>) -> Result<(Array2<f64>, Targets)> {
        let labels = match &self.labels {
            Some(path) => only_array(path)?,
            None => labels.ok_or_else(|| {
                Failure::usage(format!("\"{}\" holds images, but their classes are missing", self.data.display()))
                    .hint("give the file with the classes by --labels FILE")
            })?,
        };
        let n = labels.len();
        if n == 0 || images.shape().first() != Some(&n) {
            let shape = images.shape();
            return Err(Failure::usage(format!("the images have the shape {shape:?}, but there are {n} labels"))
                .hint("the first axis of the images must be as long as the labels"));
        }
        let width = images.len() / n;
        // Grey values become numbers from 0 to 1.
        let largest = images.iter().fold(0.0_f64, |largest, value| largest.max(*value)).max(f64::MIN_POSITIVE);
        let flat: Vec<f64> = images.iter().map(|value| value / largest).collect();
        let inputs = Array2::from_shape_vec((n, width), flat).map_err(Failure::usage)?;
        let labels = labels
            .iter()
            .enumerate()
            .map(|(index, &label)| {
                let whole = label >= 0.0 && label.fract() == 0.0 && label < 1e6;
                whole.then_some(label as usize).ok_or_else(|| {
                    Failure::usage(format!("labels[{index}] is {label}, but it must be a whole number from 0"))
                })
            })
            .collect::<Result<Vec<usize>>>()?;
        let last = labels.iter().max().copied().unwrap_or(0);
        Ok((inputs, Targets::Classes(labels, (0..=last).map(|class| class.to_string()).collect())))
    }
}

enum Targets {
    Values(Array2<f64>),
    /// The class of each sample, and the names of the classes.
    Classes(Vec<usize>, Vec<String>),
}

/// The classes of a column: numbers in their order, words in alphabetical order.
fn classes_of(words: &[&str]) -> Targets {
    let mut names: Vec<&str> = words.to_vec();
    names.sort_by(|a, b| match (a.parse::<f64>(), b.parse::<f64>()) {
        (Ok(x), Ok(y)) => x.total_cmp(&y),
        _ => a.cmp(b),
    });
    names.dedup();
    let class = |word: &&str| names.iter().position(|name| name == word).unwrap_or_default();
    Targets::Classes(words.iter().map(class).collect(), names.iter().map(ToString::to_string).collect())
}

fn array<'a>(arrays: &'a [NamedArray], name: &str) -> Option<&'a ArrayD<f64>> {
    arrays.iter().find(|array| array.name == name).map(|array| &array.values)
}

fn only_array(path: &Path) -> Result<ArrayD<f64>> {
    match neuropil_data::read(path)? {
        Content::Array(array) => Ok(array),
        Content::Arrays(arrays) if arrays.len() == 1 => {
            Ok(arrays.into_iter().map(|a| a.values).next().unwrap_or_default())
        }
        _ => {
            Err(Failure::usage(format!("\"{}\" must hold one array of classes", path.display()))
                .hint("an npy or IDX file"))
        }
    }
}

impl Task {
    pub fn objective(&self, network: &Mlp) -> Result<Objective> {
        Ok(Objective::new(network, &self.data, self.loss)?.with_weight_decay(self.weight_decay)?)
    }

    /// What was read, for the JSON document.
    pub fn describe(&self) -> Value {
        let mut hash = Fingerprint::new();
        for values in [self.data.inputs(), self.data.targets()] {
            hash = hash.numbers(&values.iter().copied().collect::<Vec<_>>());
        }
        json!({
            "path": self.path,
            "n_samples": self.data.n_samples(),
            "n_inputs": self.data.inputs().ncols(),
            "n_outputs": self.data.targets().ncols(),
            "classes": if self.classes.is_empty() { Value::Null } else { json!(self.classes) },
            "loss": self.loss,
            "weight_decay": self.weight_decay,
            "hash": hash.to_string(),
        })
    }
}
