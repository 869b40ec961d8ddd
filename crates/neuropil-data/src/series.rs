//! One rule for a series of observations in any file: rows are time, columns are what was observed.
//!
//! | file | no name given | names given |
//! |---|---|---|
//! | csv, tsv | the only column of numbers | these columns, in this order |
//! | npy | the array: `n` values, or `n` rows of `d` values | these of its columns: `column_1`, `column_2`, ... |
//! | npz | its only array, as for npy | these arrays side by side, all of the same length |
//!
//! NaN is a missing value. A series has at least one row.

use std::path::Path;

use ndarray::{Array2, ArrayD, Axis, Ix1, Ix2, concatenate};

use crate::arrays::{Archive, read_array};
use crate::columns::{numbered, read_csv};
use crate::error::{DataError, Result};
use crate::kind::{self, Kind};

/// A series with the names of its columns.
#[derive(Debug, Clone, PartialEq)]
pub struct Series {
    /// One name per column, as in the file; `column_1`, ... where the file has none.
    pub names: Vec<String>,
    /// Rows are time.
    pub values: Array2<f64>,
}

/// Reads a series; see the [table](self) for what `columns` means. `-` is a table on the standard input.
///
/// # Errors
/// Everything that [`DataError`] says about reading; an array with more than two axes; a series without rows.
pub fn read_series<S: AsRef<str>>(path: &Path, columns: &[S]) -> Result<Array2<f64>> {
    read_named_series(path, columns).map(|series| series.values)
}

/// As [`read_series`], with the names of the columns.
///
/// # Errors
/// As [`read_series`].
pub fn read_named_series<S: AsRef<str>>(path: &Path, columns: &[S]) -> Result<Series> {
    let columns: Vec<String> = columns.iter().map(|name| name.as_ref().to_owned()).collect();
    let series = match kind::of_file(path)? {
        Kind::Table => of_table(path, columns)?,
        Kind::Npy | Kind::Idx => of_one_array(path, columns)?,
        Kind::Npz => of_npz(path, &columns)?,
        Kind::Hdf5 => return Err(kind::tree(path)),
    };
    if series.values.is_empty() {
        return Err(DataError::Empty { path: path.into(), what: "observations" });
    }
    Ok(series)
}

fn of_table(path: &Path, columns: Vec<String>) -> Result<Series> {
    let table = read_csv(path)?;
    if table.n_rows() == 0 {
        return Err(DataError::Empty { path: path.into(), what: "observations: it ends after the names" });
    }
    let names = if columns.is_empty() { vec![table.default_column()?.to_owned()] } else { columns };
    let values = table.numbers_of(&names)?;
    Ok(Series { names, values })
}

fn of_one_array(path: &Path, columns: Vec<String>) -> Result<Series> {
    let values = rows(path, None, read_array(path, None)?)?;
    let available: Vec<String> = (0..values.ncols()).map(numbered).collect();
    if columns.is_empty() {
        return Ok(Series { names: available, values });
    }
    let position = |name: &String| {
        available
            .iter()
            .position(|known| known == name)
            .ok_or_else(|| DataError::unknown(path, "column", name, &available))
    };
    let chosen: Vec<usize> = columns.iter().map(position).collect::<Result<_>>()?;
    Ok(Series { names: columns, values: values.select(Axis(1), &chosen) })
}

fn of_npz(path: &Path, columns: &[String]) -> Result<Series> {
    let mut archive = Archive::open(path)?;
    let chosen = if columns.is_empty() { vec![archive.choose(None)?] } else { columns.to_vec() };
    let mut names = Vec::new();
    let mut blocks: Vec<Array2<f64>> = Vec::new();
    for name in chosen {
        let name = archive.choose(Some(&name))?;
        let block = rows(path, Some(&name), archive.read(&name)?.values)?;
        if let Some(first) = blocks.first().filter(|first| first.nrows() != block.nrows()) {
            let (n, expected) = (block.nrows(), first.nrows());
            let problem = format!("array \"{name}\" has {n} rows, but \"{}\" has {expected}", columns[0]);
            return Err(DataError::format(path, problem));
        }
        match block.ncols() {
            1 => names.push(name),
            d => names.extend((0..d).map(|i| format!("{name}_{}", i + 1))),
        }
        blocks.push(block);
    }
    let views: Vec<_> = blocks.iter().map(|block| block.view()).collect();
    let values = concatenate(Axis(1), &views).map_err(|error| DataError::format(path, error.to_string()))?;
    Ok(Series { names, values })
}

/// One axis is one observation after the other; two are rows of several.
fn rows(path: &Path, array: Option<&str>, values: ArrayD<f64>) -> Result<Array2<f64>> {
    let shape = values.shape().to_vec();
    let refused = |_| DataError::Shape {
        path: path.into(),
        array: array.map(str::to_owned),
        shape: shape.clone(),
        wanted: "a series has one axis (time) or two (time, what was observed)",
    };
    match shape.len() {
        1 => values.into_dimensionality::<Ix1>().map(|values| values.insert_axis(Axis(1))).map_err(refused),
        _ => values.into_dimensionality::<Ix2>().map_err(refused),
    }
}
