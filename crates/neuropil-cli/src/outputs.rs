//! The files that a verb writes: planned and refused before the work, written whole after it.

use std::path::{Path, PathBuf};

use ndarray::ArrayD;
use neuropil_core::files::{Overwrite, check_writable, write_atomically};
use neuropil_data::results::{Values, write_columns_csv, write_columns_tsv, write_csv_in_pieces};
use neuropil_data::spool::NpzSpool;
use neuropil_data::{DataError, Npz};
use neuropil_report::{Figure, ReportError};
use serde_json::{Map, Value, json};

use crate::failure::{Failure, Result};
use crate::options::Global;

/// One column of a result table.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Column {
    Numbers(Vec<f64>),
    Integers(Vec<i64>),
    Text(Vec<String>),
}

/// A table with named columns; names hold the unit where there is one.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct ResultTable {
    columns: Vec<(String, Column)>,
}

impl ResultTable {
    pub fn numbers(&mut self, name: impl Into<String>, values: impl IntoIterator<Item = f64>) {
        self.columns.push((name.into(), Column::Numbers(values.into_iter().collect())));
    }

    pub fn integers(&mut self, name: impl Into<String>, values: impl IntoIterator<Item = i64>) {
        self.columns.push((name.into(), Column::Integers(values.into_iter().collect())));
    }

    pub fn text(&mut self, name: impl Into<String>, values: impl IntoIterator<Item = String>) {
        self.columns.push((name.into(), Column::Text(values.into_iter().collect())));
    }

    /// As a JSON object of arrays; numbers that are not finite are null.
    pub fn to_json(&self) -> Value {
        let of = |column: &Column| match column {
            Column::Numbers(values) => json!(values),
            Column::Integers(values) => json!(values),
            Column::Text(values) => json!(values),
        };
        Value::Object(self.columns.iter().map(|(name, column)| (name.clone(), of(column))).collect::<Map<_, _>>())
    }

    /// The sidecar of a tsv file: the units that stand in the names.
    fn units(&self) -> Value {
        let unit_of = |name: &str| match name.rsplit_once('_')?.1 {
            "nat" => Some("nat".to_owned()),
            end => end.strip_prefix("log").map(|base| format!("log base {base}")),
        };
        let units =
            self.columns.iter().filter_map(|(name, _)| Some((name.clone(), json!({ "Units": unit_of(name)? }))));
        Value::Object(units.collect())
    }

    /// The table as csv, for stdout.
    pub fn to_csv(&self) -> Result<String> {
        let mut text = Vec::new();
        neuropil_data::results::stream_columns_csv(&mut text, "stdout", &self.values())?;
        Ok(String::from_utf8_lossy(&text).into_owned())
    }

    fn values(&self) -> Vec<(&str, Values<'_>)> {
        self.columns
            .iter()
            .map(|(name, column)| {
                let values = match column {
                    Column::Numbers(values) => Values::Numbers(values),
                    Column::Integers(values) => Values::Integers(values),
                    Column::Text(values) => Values::Text(values.iter().map(String::as_str).collect()),
                };
                (name.as_str(), values)
            })
            .collect()
    }

    fn write(&self, path: &Path, overwrite: Overwrite) -> Result<()> {
        let columns = self.values();
        if path.extension().is_some_and(|extension| extension == "tsv") {
            Ok(write_columns_tsv(path, &columns, &self.units(), overwrite)?)
        } else {
            Ok(write_columns_csv(path, &columns, overwrite)?)
        }
    }
}

/// What a verb has computed, in every form it can be saved in.
#[derive(Debug)]
pub(crate) struct Product<'a> {
    pub table: &'a ResultTable,
    /// Arrays of numbers by name, as they go into an npz file.
    pub arrays: &'a [(String, ArrayD<f64>)],
    /// Everything.
    pub document: &'a Value,
    /// The document without the table: what a table or an array file has beside it.
    pub provenance: &'a Value,
}

/// A part of a result that is written while it is computed.
#[derive(Debug)]
pub(crate) struct Piece {
    pub table: ResultTable,
    pub arrays: Vec<(String, ArrayD<f64>)>,
}

/// Where the results will go.
#[derive(Debug)]
pub(crate) struct Outputs {
    table: Option<PathBuf>,
    arrays: Option<PathBuf>,
    document: Option<PathBuf>,
    folder: Option<PathBuf>,
    plot: Option<PathBuf>,
    overwrite: Overwrite,
}

impl Outputs {
    /// Decides by the name of `--out`: a file for csv, tsv, npz and json, otherwise a folder with all three, named after
    /// the verb. Refuses what is in the way.
    pub fn plan(global: &Global, verb: &str) -> Result<Self> {
        let overwrite = global.overwrite();
        let mut outputs =
            Self { table: None, arrays: None, document: None, folder: None, plot: global.plot.clone(), overwrite };
        if let Some(out) = &global.out {
            match out.extension().and_then(|extension| extension.to_str()) {
                Some("csv" | "tsv") => outputs.table = Some(out.clone()),
                Some("npz") => outputs.arrays = Some(out.clone()),
                Some("json") => outputs.document = Some(out.clone()),
                Some(other) if !out.is_dir() => {
                    return Err(Failure::usage(format!("--out {}: no result is written as .{other}", out.display()))
                        .hint(
                            "end the name in .csv, .tsv, .npz or .json, or give a folder (a name without an ending)",
                        ));
                }
                _ => {
                    outputs.folder = Some(out.clone());
                    outputs.table = Some(out.join(format!("{verb}.csv")));
                    outputs.arrays = Some(out.join(format!("{verb}.npz")));
                    outputs.document = Some(out.join(format!("{verb}.json")));
                }
            }
        }
        if let Some(plot) = &outputs.plot
            && !plot.extension().is_some_and(|extension| extension == "svg" || extension == "png")
        {
            return Err(ReportError::Extension { path: plot.clone() }.into());
        }
        let in_folder = outputs.folder.as_ref().filter(|folder| !folder.exists());
        let description = outputs.table.as_ref().filter(|path| path.extension().is_some_and(|end| end == "tsv"));
        let description = description.map(|path| path.with_extension("json"));
        let provenance = outputs.provenance();
        let files = [&outputs.table, &outputs.arrays, &outputs.document, &description, &provenance];
        for path in files.into_iter().flatten().filter(|_| in_folder.is_none()).chain(&outputs.plot) {
            check_writable(path, overwrite)?;
        }
        Ok(outputs)
    }

    /// Whether a JSON document is among the files.
    pub fn wants_document(&self) -> bool {
        self.document.is_some()
    }

    /// Whether the result can be written piece by piece: one file that grows, or none.
    pub fn grow(&self) -> bool {
        let is_tsv = self.table.as_ref().is_some_and(|path| path.extension().is_some_and(|end| end == "tsv"));
        self.folder.is_none() && self.document.is_none() && self.plot.is_none() && !is_tsv
    }

    /// The file beside a table or an array file that says where it comes from; a document says so itself.
    fn provenance(&self) -> Option<PathBuf> {
        let (Some(of), None) = (self.table.as_ref().or(self.arrays.as_ref()), &self.document) else { return None };
        let mut name = of.clone().into_os_string();
        name.push(".json");
        Some(name.into())
    }

    fn write_provenance(&self, provenance: &Value) -> Result<()> {
        if let Some(path) = self.provenance() {
            write_atomically(&path, self.overwrite, |out| writeln!(out, "{provenance:#}"))?;
        }
        Ok(())
    }

    /// Writes a result that comes in pieces; only where the result may [`grow`](Self::grow). `rest` is asked after the
    /// last piece, for arrays that come whole and for the provenance.
    pub fn write_pieces(
        &self,
        mut next: impl FnMut() -> Result<Option<Piece>>,
        rest: impl FnOnce() -> (Vec<(String, ArrayD<f64>)>, Value),
    ) -> Result<()> {
        let mut spool = self.arrays.as_ref().map(|path| NpzSpool::new(path, self.overwrite)).transpose()?;
        match &self.table {
            Some(path) => write_csv_in_pieces(path, self.overwrite, |rows| {
                while let Some(piece) = next()? {
                    rows.append(&piece.table.values())?;
                }
                Ok::<(), Failure>(())
            })?,
            None => {
                while let Some(piece) = next()? {
                    if let Some(spool) = &mut spool {
                        append(spool, &piece.arrays)?;
                    }
                }
            }
        }
        let (arrays, provenance) = rest();
        if let Some(mut spool) = spool {
            append(&mut spool, &arrays)?;
            spool.finish()?;
        }
        self.write_provenance(&provenance)
    }

    /// Writes everything that was asked for; `figure` is drawn only if it is wanted.
    pub fn write(&self, product: &Product<'_>, figure: impl FnOnce() -> Figure) -> Result<()> {
        if let Some(folder) = &self.folder {
            std::fs::create_dir_all(folder)
                .map_err(|error| Failure::usage(format!("cannot make the folder \"{}\": {error}", folder.display())))?;
        }
        if let Some(path) = &self.table {
            product.table.write(path, self.overwrite)?;
        }
        if let Some(path) = &self.arrays {
            let mut file = Npz::new();
            for (name, array) in product.arrays {
                file = file.array(name, array.view());
            }
            file.write(path, self.overwrite)?;
        }
        if let Some(path) = &self.document {
            write_atomically(path, self.overwrite, |out| writeln!(out, "{:#}", product.document))?;
        }
        self.write_provenance(product.provenance)?;
        if let Some(path) = &self.plot {
            figure().save(path)?;
        }
        Ok(())
    }

    /// The files that are written, for a message.
    pub fn files(&self) -> impl Iterator<Item = PathBuf> {
        let files = [&self.table, &self.arrays, &self.document, &self.plot];
        files.into_iter().flatten().cloned().chain(self.provenance())
    }
}

fn append(spool: &mut NpzSpool, arrays: &[(String, ArrayD<f64>)]) -> std::result::Result<(), DataError> {
    arrays.iter().try_for_each(|(name, array)| spool.append(name, &array.view()))
}
