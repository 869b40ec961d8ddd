//! The sequence that a learner follows.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use ndarray::Array2;
use neuropil_data::{Columns, Kind, columns, series};
use neuropil_surprise::blocks::Blocks;
use neuropil_surprise::filter::Missing;
use serde_json::{Value, json};

use crate::failure::{Failure, Result};

/// The file and what is read from it.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Input")]
pub(crate) struct InputArgs {
    /// A csv or tsv table with a row of names, an npy or npz file; - is a table on standard input
    #[arg(help_heading = clap::builder::Resettable::Reset)]
    pub input: PathBuf,
    /// Column to read; repeat it for observations of several numbers [default: the only column of numbers]
    #[arg(long, value_name = "NAME")]
    pub column: Vec<String>,
    /// Array to read from an npz file [default: the only one]
    #[arg(long, value_name = "NAME", conflicts_with = "column")]
    pub array: Option<String>,
    /// Column whose value changes where an independent block starts (the belief returns to the prior)
    #[arg(long, value_name = "NAME")]
    pub block_column: Option<String>,
    /// Column with the subject; every subject is independent
    #[arg(long, value_name = "NAME")]
    pub subject_column: Option<String>,
    /// What an empty field or NaN is: a step without an observation (skip) or an error [default: skip, or as --learner
    /// has it]
    #[arg(long, value_name = "WHAT")]
    pub missing: Option<MissingArg>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum MissingArg {
    /// Time passes, no belief is updated
    Skip,
    /// The input is refused
    Error,
}

/// A sequence with its labels.
#[derive(Debug, Clone)]
pub(crate) struct Sequence {
    pub path: PathBuf,
    /// Names of the columns of `values`.
    pub names: Vec<String>,
    /// Rows are time.
    pub values: Array2<f64>,
    /// Where it was asked for.
    pub missing: Option<Missing>,
    pub blocks: Blocks,
    /// Label columns by their name, each as long as the sequence.
    pub labels: Vec<(String, Vec<String>)>,
    /// Every column of a table as text; other files are read again where something else is wanted of them.
    table: Option<Columns>,
}

impl InputArgs {
    /// Reads the sequence; the file is read once, so that it may be a pipe.
    pub fn read(&self) -> Result<Sequence> {
        let table = match neuropil_data::kind_of(&self.input)? {
            Kind::Table => Some(columns::read_csv(&self.input)?),
            _ => None,
        };
        let columns: Vec<String> = self.array.iter().chain(&self.column).cloned().collect();
        if let (Some(array), false) = (&self.array, neuropil_data::kind_of(&self.input)? == Kind::Npz) {
            let message = format!("--array {array} needs an npz file, but \"{}\" is none", self.input.display());
            return Err(Failure::usage(message).hint("use --column for a table"));
        }
        let (names, values) = match &table {
            Some(table) => {
                let names = if columns.is_empty() { vec![table.default_column()?.to_owned()] } else { columns };
                (names.clone(), table.numbers_of(&names)?)
            }
            None => {
                let series = series::read_named_series(&self.input, &columns)?;
                (series.names, series.values)
            }
        };
        if values.nrows() == 0 {
            let message = format!("\"{}\" holds no observations, but at least 1 is needed", self.input.display());
            return Err(Failure::usage(message));
        }
        let mut sequence = Sequence {
            path: self.input.clone(),
            names,
            blocks: Blocks::single(values.nrows()),
            values,
            missing: self.missing.map(|missing| match missing {
                MissingArg::Skip => Missing::Skip,
                MissingArg::Error => Missing::Error,
            }),
            labels: Vec::new(),
            table,
        };
        let label_columns: Vec<&String> = [&self.subject_column, &self.block_column].into_iter().flatten().collect();
        for name in label_columns {
            let labels = sequence.text(name)?;
            sequence.labels.push((name.clone(), labels));
        }
        if !sequence.labels.is_empty() {
            let rows: Vec<Vec<&str>> = (0..sequence.values.nrows())
                .map(|row| sequence.labels.iter().map(|(_, labels)| labels[row].as_str()).collect())
                .collect();
            sequence.blocks = Blocks::from_labels(&rows);
        }
        Ok(sequence)
    }
}

impl Sequence {
    /// Frees what the file holds besides the observations and their labels.
    pub fn forget_other_columns(&mut self) {
        self.table = None;
    }

    /// Another column of the same file as numbers.
    pub fn numbers(&self, name: &str) -> Result<Vec<f64>> {
        match &self.table {
            Some(table) => Ok(table.numbers(name)?),
            None => {
                let column = series::read_series(&self.path, &[name])?;
                if column.dim() != (self.values.nrows(), 1) {
                    let (rows, columns) = column.dim();
                    let wanted = self.values.nrows();
                    let message = format!("array \"{name}\" is {rows} x {columns}, but {wanted} x 1 is needed");
                    return Err(Failure::usage(message).hint("it needs one value per observation"));
                }
                Ok(column.iter().copied().collect())
            }
        }
    }

    /// Another column of the same file as text.
    pub fn text(&self, name: &str) -> Result<Vec<String>> {
        match &self.table {
            Some(table) => Ok(table.text(name)?.into_iter().map(str::to_owned).collect()),
            None => Ok(self.numbers(name)?.iter().map(ToString::to_string).collect()),
        }
    }

    /// What was read, for the JSON document; the hash is that of the observations.
    pub fn describe(&self, hash: Option<&str>) -> Value {
        json!({
            "path": self.path,
            "columns": self.names,
            "hash": hash,
            "n": self.values.nrows(),
            "blocks": self.blocks.count(),
        })
    }
}
