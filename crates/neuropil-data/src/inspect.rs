//! What is in a file: kind, size, names, types, ranges and gaps.

use std::fmt;
use std::path::Path;

use serde::Serialize;

use crate::arrays::{Archive, of_npy, open_npy};
use crate::columns::{ColumnType, Columns, Delimiter, Names, read_csv};
use crate::dialect::number;
use crate::error::{DataError, Result};
use crate::idx;
use crate::kind::{self, Kind};
use crate::npy::{Header, NpyError};
use crate::spikes::{SpikeFileOptions, SpikeTrains, nwb, read_spikes};

/// What is in a file. `Display` is for people, `Serialize` for programs.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Summary {
    /// The file.
    pub path: String,
    /// Its kind, by its content.
    pub kind: Kind,
    /// Its size.
    pub bytes: u64,
    /// The arrays of an npy, npz or IDX file.
    pub arrays: Vec<ArraySummary>,
    /// The table of a text file.
    pub table: Option<TableSummary>,
    /// The spike trains, where the file holds some.
    pub spikes: Option<SpikeSummary>,
}

/// Spike trains.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SpikeSummary {
    /// How many neurons.
    pub n_neurons: usize,
    /// How many of them have no spike.
    pub n_silent: usize,
    /// How many spikes.
    pub n_spikes: usize,
    /// Names of the populations; empty where the file does not say.
    pub populations: Vec<String>,
    /// Begin and end of the recording, s.
    pub begin_end_s: [f64; 2],
    /// Spikes per second and neuron.
    pub mean_rate_hz: f64,
    /// Shortest interval between two spikes of a neuron, s: bins should not be longer.
    pub shortest_interval_s: Option<f64>,
}

impl SpikeSummary {
    fn new(spikes: &SpikeTrains) -> Self {
        let n_neurons = spikes.n_neurons();
        let has_spikes = |neuron: &usize| spikes.trials.iter().any(|trial| !trial.train(*neuron).is_empty());
        let intervals = spikes.trials.iter().flat_map(|trial| {
            trial.trains().flat_map(|train| train.windows(2).map(|pair| pair[1] - pair[0])).collect::<Vec<_>>()
        });
        let begin = spikes.trials.iter().map(|trial| trial.t_start).fold(f64::INFINITY, f64::min);
        let end = spikes.trials.iter().map(|trial| trial.t_stop).fold(f64::NEG_INFINITY, f64::max);
        Self {
            n_neurons,
            n_silent: n_neurons - (0..n_neurons).filter(has_spikes).count(),
            n_spikes: spikes.n_spikes(),
            populations: spikes.population_labels().map(|(names, _)| names).unwrap_or_default(),
            begin_end_s: [begin, end],
            mean_rate_hz: spikes.n_spikes() as f64 / (spikes.duration() * n_neurons as f64).max(f64::MIN_POSITIVE),
            shortest_interval_s: intervals.min_by(f64::total_cmp),
        }
    }
}

/// One array.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ArraySummary {
    /// Its name; an npy file has none.
    pub name: Option<String>,
    /// The type of number, by numpy's name.
    pub dtype: String,
    /// Its shape.
    pub shape: Vec<usize>,
    /// Its values; absent where the type is not read.
    pub values: Option<Range>,
    /// Why the values are not read, and what to do.
    pub problem: Option<String>,
}

/// A table of text.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TableSummary {
    /// What separates the fields.
    pub delimiter: Delimiter,
    /// Where the names come from.
    pub names_from: Names,
    /// The number of rows, without the names.
    pub n_rows: usize,
    /// The columns, in the order of the file.
    pub columns: Vec<ColumnSummary>,
}

/// One column of a table.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ColumnSummary {
    /// Its name.
    pub name: String,
    /// Whether it holds numbers.
    #[serde(rename = "type")]
    pub column_type: ColumnType,
    /// Its numbers; absent for text.
    pub values: Option<Range>,
    /// How many different texts it holds; absent for numbers.
    pub n_different: Option<usize>,
}

/// Range and gaps of a set of numbers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize)]
pub struct Range {
    /// The smallest finite number.
    pub min: Option<f64>,
    /// The largest finite number.
    pub max: Option<f64>,
    /// How many are missing (NaN).
    pub n_missing: usize,
    /// How many are infinite.
    pub n_infinite: usize,
}

impl Range {
    fn add(&mut self, value: f64) {
        if value.is_nan() {
            self.n_missing += 1;
        } else if value.is_infinite() {
            self.n_infinite += 1;
        } else {
            self.min = Some(self.min.map_or(value, |min| min.min(value)));
            self.max = Some(self.max.map_or(value, |max| max.max(value)));
        }
    }
}

/// Looks at every value of a file; arrays are read block by block and never held whole.
///
/// # Errors
/// A file that is missing, damaged or of another kind. An array of a type that is not read is no error: see
/// [`ArraySummary::problem`].
pub fn inspect(path: &Path) -> Result<Summary> {
    let kind = kind::of_file(path)?;
    let (arrays, table) = match kind {
        Kind::Npy => (vec![inspect_npy(path)?], None),
        Kind::Npz => (inspect_npz(path)?, None),
        Kind::Idx => (vec![inspect_idx(path)?], None),
        Kind::Table => (Vec::new(), Some(inspect_table(&read_csv(path)?))),
        Kind::Hdf5 => (inspect_hdf5(path)?, None),
    };
    let spikes = match kind {
        // A dense array does not say how long a bin is, and so is no recording yet.
        Kind::Npy | Kind::Idx => None,
        // A stream can be read only once.
        Kind::Table if kind::is_standard_input(path) => None,
        Kind::Npz | Kind::Table | Kind::Hdf5 => read_spikes(path, &SpikeFileOptions::default()).ok(),
    };
    let spikes = spikes.as_ref().map(SpikeSummary::new);
    let bytes = std::fs::metadata(path).map_or(0, |metadata| metadata.len());
    Ok(Summary { path: path.display().to_string(), kind, bytes, arrays, table, spikes })
}

fn inspect_npy(path: &Path) -> Result<ArraySummary> {
    match open_npy(path) {
        Ok((header, mut reader)) => summarize(None, &header, &mut reader).map_err(|error| of_npy(path, None, error)),
        Err(DataError::Type { dtype, advice, .. }) => {
            Ok(ArraySummary { name: None, dtype, shape: Vec::new(), values: None, problem: Some(advice.to_owned()) })
        }
        Err(error) => Err(error),
    }
}

fn inspect_idx(path: &Path) -> Result<ArraySummary> {
    let mut range = Range::default();
    let (dtype, shape) = idx::scan(path, |value| range.add(value))?;
    Ok(ArraySummary { name: None, dtype: dtype.to_owned(), shape, values: Some(range), problem: None })
}

fn inspect_hdf5(path: &Path) -> Result<Vec<ArraySummary>> {
    let file = nwb::open(path)?;
    let summary = |(name, dtype, shape)| ArraySummary { name: Some(name), dtype, shape, values: None, problem: None };
    Ok(nwb::contents(&file).into_iter().map(summary).collect())
}

fn inspect_npz(path: &Path) -> Result<Vec<ArraySummary>> {
    let mut archive = Archive::open(path)?;
    let names = archive.names.clone();
    let one = |name: &String| match archive.with(name, |header, reader| summarize(Some(name), header, reader)) {
        Err(DataError::Type { dtype, advice, .. }) => {
            let problem = Some(advice.to_owned());
            Ok(ArraySummary { name: Some(name.clone()), dtype, shape: Vec::new(), values: None, problem })
        }
        other => other,
    };
    names.iter().map(one).collect()
}

fn summarize(
    name: Option<&str>,
    header: &Header,
    reader: &mut dyn std::io::Read,
) -> std::result::Result<ArraySummary, NpyError> {
    let mut range = Range::default();
    header.numbers(reader, |block| block.iter().for_each(|value| range.add(*value)))?;
    Ok(ArraySummary {
        name: name.map(str::to_owned),
        dtype: header.dtype.clone(),
        shape: header.shape.clone(),
        values: Some(range),
        problem: None,
    })
}

fn inspect_table(table: &Columns) -> TableSummary {
    let types = table.column_types();
    let columns = table.names().iter().zip(types).enumerate().map(|(i, (name, column_type))| {
        let is_text = column_type == ColumnType::Text;
        let values = (!is_text).then(|| {
            let mut range = Range::default();
            table.column(i).filter_map(number).for_each(|value| range.add(value));
            range
        });
        let n_different = is_text.then(|| table.column(i).collect::<std::collections::HashSet<_>>().len());
        ColumnSummary { name: name.clone(), column_type, values, n_different }
    });
    TableSummary {
        delimiter: table.delimiter(),
        names_from: table.names_from(),
        n_rows: table.n_rows(),
        columns: columns.collect(),
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.kind {
            Kind::Npy => "npy (one array)",
            Kind::Npz => "npz (named arrays)",
            Kind::Idx => "one array (IDX)",
            Kind::Table => "table of text",
            Kind::Hdf5 => "HDF5 (NWB is too)",
        };
        writeln!(f, "{}: {kind}, {} bytes", self.path, self.bytes)?;
        if let Some(spikes) = &self.spikes {
            let populations = match spikes.populations.as_slice() {
                [] => String::new(),
                names => format!(", populations {}", names.join(", ")),
            };
            writeln!(
                f,
                "spike trains: {} neurons ({} silent){populations}, {} spikes from {:.3} s to {:.3} s, {:.2} Hz per neuron",
                spikes.n_neurons,
                spikes.n_silent,
                spikes.n_spikes,
                spikes.begin_end_s[0],
                spikes.begin_end_s[1],
                spikes.mean_rate_hz
            )?;
            if let Some(interval) = spikes.shortest_interval_s {
                writeln!(f, "shortest interval of a neuron: {:.2} ms", interval * 1e3)?;
            }
        }
        let mut rows = Vec::new();
        if let Some(table) = &self.table {
            let delimiter = match table.delimiter {
                Delimiter::Comma => "commas",
                Delimiter::Semicolon => "semicolons",
                Delimiter::Tab => "tabs",
                Delimiter::Space => "blanks",
            };
            let names = match table.names_from {
                Names::Header => "names in the first row",
                Names::Comment => "names in the comment above the first row",
                Names::Numbered => "no names, so the columns are numbered",
            };
            let n = table.columns.len();
            let noun = if n == 1 { "column" } else { "columns" };
            writeln!(f, "{} rows x {n} {noun}, separated by {delimiter}, {names}", table.n_rows)?;
            rows.push(["column", "type", "min", "max", "missing", "note"].map(str::to_owned));
            for column in &table.columns {
                let column_type = match column.column_type {
                    ColumnType::Number => "number",
                    ColumnType::Text => "text",
                    ColumnType::Missing => "all missing",
                };
                let note = column.n_different.map(|n| format!("{n} different"));
                rows.push(row(&column.name, column_type.to_owned(), column.values, note));
            }
        } else {
            rows.push(["array", "type", "min", "max", "missing", "note"].map(str::to_owned));
            for array in &self.arrays {
                let sizes: Vec<String> = array.shape.iter().map(usize::to_string).collect();
                let shape = if array.problem.is_some() { String::new() } else { format!(" ({})", sizes.join(" x ")) };
                let name = array.name.as_deref().unwrap_or("(no name)");
                let note = array.problem.as_ref().map(|advice| format!("not read: {advice}"));
                rows.push(row(name, array.dtype.clone() + &shape, array.values, note));
            }
        }
        write_aligned(f, &rows)
    }
}

fn row(name: &str, kind: String, values: Option<Range>, note: Option<String>) -> [String; 6] {
    let shown = |value: Option<f64>| value.map_or_else(String::new, readable);
    let range = values.unwrap_or_default();
    let missing = values.map_or_else(String::new, |range| range.n_missing.to_string());
    let infinite = (range.n_infinite > 0).then(|| format!("{} infinite", range.n_infinite));
    let note = [note, infinite].into_iter().flatten().collect::<Vec<_>>().join(", ");
    [name.to_owned(), kind, shown(range.min), shown(range.max), missing, note]
}

/// Whole numbers without a point; exponents only where zeros would fill the line.
fn readable(value: f64) -> String {
    if value == 0.0 || (1e-5..1e16).contains(&value.abs()) { format!("{value}") } else { format!("{value:?}") }
}

fn write_aligned(f: &mut fmt::Formatter<'_>, rows: &[[String; 6]]) -> fmt::Result {
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: [usize; 6] = std::array::from_fn(width);
    for row in rows {
        let cells: Vec<String> = row.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        writeln!(f, "  {}", cells.join("  ").trim_end())?;
    }
    Ok(())
}
