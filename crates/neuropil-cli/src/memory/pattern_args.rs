//! The patterns of a file: one per row.

use std::path::PathBuf;

use clap::Args;
use ndarray::{Array2, Axis, s};
use neuropil_core::provenance::Fingerprint;
use neuropil_data::{Content, columns::ColumnType};
use neuropil_memory::StateKind;
use serde_json::{Value, json};

use crate::failure::{Failure, Result};

/// The file and how its numbers become patterns.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Patterns")]
pub(crate) struct PatternArgs {
    /// npy, npz, IDX (MNIST, also .gz) or csv; one pattern per row, or one image per entry of the first axis
    #[arg(help_heading = clap::builder::Resettable::Reset)]
    pub patterns: PathBuf,
    #[command(flatten)]
    pub reading: ReadingArgs,
}

/// How the numbers of a file become patterns.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Patterns")]
pub(crate) struct ReadingArgs {
    /// Array to read from an npz file [default: patterns, images, or the only one with several axes]
    #[arg(long, value_name = "NAME")]
    pub array: Option<String>,
    /// Columns to read from a table [default: all columns of numbers]
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    pub columns: Vec<String>,
    /// Use only the first N patterns
    #[arg(long, value_name = "N")]
    pub limit: Option<usize>,
    /// Divide every number by this, for example 16 for grey values from 0 to 16
    #[arg(long, value_name = "X", default_value_t = 1.0)]
    pub divide_by: f64,
    /// Make patterns binary: +1 above this threshold (after the division), -1 elsewhere
    #[arg(long, value_name = "X", allow_negative_numbers = true)]
    pub binarize: Option<f64>,
}

/// Patterns as rows.
#[derive(Debug, Clone)]
pub(crate) struct Patterns {
    pub path: PathBuf,
    pub values: Array2<f64>,
    /// Height and width, where the file holds images.
    pub image: Option<(usize, usize)>,
}

impl PatternArgs {
    pub fn read(&self) -> Result<Patterns> {
        self.reading.read(&self.patterns)
    }
}

impl ReadingArgs {
    pub fn read(&self, path: &std::path::Path) -> Result<Patterns> {
        if !(self.divide_by.is_finite() && self.divide_by != 0.0) {
            return Err(Failure::usage(format!("--divide-by is {}, but it must be finite and not 0", self.divide_by)));
        }
        let array = match neuropil_data::read(path)? {
            Content::Table(table) => {
                let numbers = || {
                    let summary =
                        table.names().iter().filter(|name| matches!(table.column_type(name), Ok(ColumnType::Number)));
                    summary.cloned().collect::<Vec<_>>()
                };
                let names = if self.columns.is_empty() { numbers() } else { self.columns.clone() };
                table.numbers_of(&names)?.into_dyn()
            }
            Content::Array(array) => array,
            Content::Arrays(arrays) => {
                let by_name = |name: &str| arrays.iter().position(|array| array.name == name);
                let several: Vec<usize> = (0..arrays.len()).filter(|&i| arrays[i].values.ndim() > 1).collect();
                let chosen = match &self.array {
                    Some(name) => by_name(name),
                    None => by_name("patterns").or_else(|| by_name("images")).or(match several.as_slice() {
                        [only] => Some(*only),
                        _ => None,
                    }),
                };
                let names: Vec<&str> = arrays.iter().map(|array| array.name.as_str()).collect();
                let chosen = chosen.ok_or_else(|| {
                    Failure::usage(format!("\"{}\" holds the arrays {}", path.display(), names.join(", ")))
                        .hint("choose the one with the patterns by --array NAME")
                })?;
                arrays.into_iter().nth(chosen).map(|array| array.values).unwrap_or_default()
            }
        };
        let image = match *array.shape() {
            [_, height, width] => Some((height, width)),
            _ => None,
        };
        let rows = if array.ndim() > 1 { array.len_of(Axis(0)) } else { 1 };
        let width = array.len().checked_div(rows).unwrap_or(0);
        let contiguous = array.as_standard_layout().into_owned();
        let mut values = contiguous.into_shape_with_order((rows, width)).map_err(Failure::failed)?;
        if let Some(limit) = self.limit.filter(|&limit| limit < rows) {
            values = values.slice(s![..limit, ..]).to_owned();
        }
        values /= self.divide_by;
        if let Some(threshold) = self.binarize {
            // NaN stays NaN, so that it is refused with its place and not made into -1.
            values.mapv_inplace(|x| {
                if x.is_nan() {
                    x
                } else if x > threshold {
                    1.0
                } else {
                    -1.0
                }
            });
        }
        Ok(Patterns { path: path.to_owned(), values, image })
    }
}

/// A pattern with a square number of entries, at least 4 x 4, is shown as a square.
pub(crate) fn square(width: usize) -> Option<(usize, usize)> {
    let side = width.isqrt();
    (side > 3 && side * side == width).then_some((side, side))
}

impl Patterns {
    /// Binary if every entry is +1 or -1.
    pub fn kind(&self) -> StateKind {
        if self.values.iter().all(|x| x.abs() == 1.0) { StateKind::Binary } else { StateKind::Real }
    }

    /// What was read, for the JSON document.
    pub fn describe(&self) -> Value {
        let hash = self.values.as_slice().map(|values| Fingerprint::new().numbers(values).value());
        json!({
            "path": self.path,
            "n_patterns": self.values.nrows(),
            "n_neurons": self.values.ncols(),
            "hash": hash.map(|hash| format!("{hash:016x}")),
        })
    }
}
