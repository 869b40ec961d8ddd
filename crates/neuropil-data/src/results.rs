//! Tables of results: one row per observation or per estimate, one column per quantity, its unit in the name.
//!
//! Numbers are written with the fewest digits that read back to the same bits. A NaN, which stands for a value that is
//! missing or does not exist, is an empty field in csv and `n/a` in tsv, as the Brain Imaging Data Structure asks.

use std::fmt::{self, Write as _};
use std::io::{self, Write};
use std::path::Path;

use neuropil_core::files::{FileError, Overwrite, check_writable, write_atomically};

use crate::error::{DataError, Result};

/// The values of a column.
#[derive(Debug, Clone)]
pub enum Values<'a> {
    /// Numbers; NaN is missing.
    Numbers(&'a [f64]),
    /// Whole numbers: indices, counts.
    Integers(&'a [i64]),
    /// Text: labels, names.
    Text(Vec<&'a str>),
}

impl Values<'_> {
    fn len(&self) -> usize {
        match self {
            Self::Numbers(values) => values.len(),
            Self::Integers(values) => values.len(),
            Self::Text(values) => values.len(),
        }
    }

    /// Puts the field of a row into `text`.
    fn field(&self, row: usize, missing: &str, text: &mut String) -> fmt::Result {
        text.clear();
        match self {
            Self::Numbers(values) if values[row].is_nan() => text.push_str(missing),
            // Debug formatting is the shortest that round-trips and keeps exponents short.
            Self::Numbers(values) => write!(text, "{:?}", values[row])?,
            Self::Integers(values) => write!(text, "{}", values[row])?,
            Self::Text(values) => text.push_str(values[row]),
        }
        Ok(())
    }
}

/// Writes a csv file with a header.
///
/// # Errors
/// Columns of different lengths, empty or repeated names; see also [`neuropil_core::files::FileError`].
pub fn write_columns_csv(path: &Path, columns: &[(&str, Values<'_>)], overwrite: Overwrite) -> Result<()> {
    check(path, columns)?;
    write_atomically(path, overwrite, |out| write_rows(out, columns, b',', ""))?;
    Ok(())
}

/// Writes csv to a stream, for example to the standard output; `name` is how errors call it.
///
/// # Errors
/// As [`write_columns_csv`].
pub fn stream_columns_csv(out: &mut dyn Write, name: &str, columns: &[(&str, Values<'_>)]) -> Result<()> {
    let path = Path::new(name);
    check(path, columns)?;
    write_rows(out, columns, b',', "")
        .map_err(|source| DataError::Content { path: path.into(), problem: source.to_string() })
}

/// Writes a tsv file with a header, and beside it, with the ending `json`, the description of its columns.
///
/// The description is an object with one entry per column, for example
/// `{"surprise": {"Description": "Shannon surprise of the observation", "Units": "nat"}}`.
///
/// # Errors
/// As [`write_columns_csv`]; a description that is no object or describes a column that is not there. With
/// [`Overwrite::Refuse`] neither file is written if one of them exists.
pub fn write_columns_tsv(
    path: &Path,
    columns: &[(&str, Values<'_>)],
    description: &serde_json::Value,
    overwrite: Overwrite,
) -> Result<()> {
    check(path, columns)?;
    let content = |problem: String| DataError::Content { path: path.into(), problem };
    let described = description.as_object().ok_or_else(|| content("its description is not a JSON object".into()))?;
    if let Some(unknown) = described.keys().find(|key| !columns.iter().any(|(name, _)| name == key)) {
        return Err(content(format!("its description names \"{unknown}\", which is no column")));
    }
    let sidecar = path.with_extension("json");
    if sidecar == path {
        return Err(content("a table of tab-separated values cannot have the ending json".into()));
    }
    check_writable(path, overwrite)?;
    write_atomically(&sidecar, overwrite, |out| {
        serde_json::to_writer_pretty(&mut *out, description)?;
        out.write_all(b"\n")
    })?;
    write_atomically(path, overwrite, |out| write_rows(out, columns, b'\t', "n/a"))?;
    Ok(())
}

fn check(path: &Path, columns: &[(&str, Values<'_>)]) -> Result<()> {
    let content = |problem: String| Err(DataError::Content { path: path.into(), problem });
    let Some((first_name, first)) = columns.first() else {
        return content("a table needs at least one column".into());
    };
    for (i, (name, values)) in columns.iter().enumerate() {
        if name.is_empty() || columns[..i].iter().any(|(other, _)| other == name) {
            return content(format!("column {i} cannot be called \"{name}\"; names are not empty and differ"));
        }
        if values.len() != first.len() {
            let (n, expected) = (values.len(), first.len());
            return content(format!("column \"{name}\" has {n} values, but \"{first_name}\" has {expected}"));
        }
    }
    Ok(())
}

fn write_rows(out: &mut dyn Write, columns: &[(&str, Values<'_>)], delimiter: u8, missing: &str) -> io::Result<()> {
    let mut writer = csv::WriterBuilder::new().delimiter(delimiter).from_writer(out);
    writer.write_record(columns.iter().map(|(name, _)| name))?;
    append_rows(&mut writer, columns, missing)?;
    writer.flush()
}

fn append_rows(
    writer: &mut csv::Writer<&mut dyn Write>,
    columns: &[(&str, Values<'_>)],
    missing: &str,
) -> io::Result<()> {
    let mut field = String::new();
    for row in 0..columns.first().map_or(0, |(_, values)| values.len()) {
        for (_, values) in columns {
            values.field(row, missing, &mut field).map_err(io::Error::other)?;
            writer.write_field(&field)?;
        }
        writer.write_record(None::<&[u8]>)?;
    }
    Ok(())
}

/// The rows of a csv file that is being written piece by piece.
pub struct Rows<'a> {
    writer: csv::Writer<&'a mut dyn Write>,
    path: &'a Path,
    names: Vec<String>,
}

impl Rows<'_> {
    /// Appends rows; the first piece brings the header.
    ///
    /// # Errors
    /// Columns of different lengths, empty or repeated names, other names than those of the first piece; a full disk.
    pub fn append(&mut self, columns: &[(&str, Values<'_>)]) -> Result<()> {
        check(self.path, columns)?;
        let failed = |source| DataError::Write(FileError::Io { path: self.path.into(), source });
        if self.names.is_empty() {
            self.names = columns.iter().map(|(name, _)| (*name).to_owned()).collect();
            self.writer.write_record(&self.names).map_err(|error| failed(error.into()))?;
        } else if !self.names.iter().map(String::as_str).eq(columns.iter().map(|(name, _)| *name)) {
            let problem = "a piece has other columns than the first".to_owned();
            return Err(DataError::Content { path: self.path.into(), problem });
        }
        append_rows(&mut self.writer, columns, "").map_err(failed)
    }
}

/// Writes a csv file whose rows arrive in pieces: `work` appends them to [`Rows`]. When it fails, nothing is written.
///
/// # Errors
/// The error of `work`; see also [`neuropil_core::files::FileError`].
pub fn write_csv_in_pieces<E: From<DataError>>(
    path: &Path,
    overwrite: Overwrite,
    work: impl FnOnce(&mut Rows<'_>) -> std::result::Result<(), E>,
) -> std::result::Result<(), E> {
    let mut refused = None;
    let written = write_atomically(path, overwrite, |out| {
        let mut rows = Rows { writer: csv::Writer::from_writer(out), path, names: Vec::new() };
        match work(&mut rows) {
            Ok(()) => rows.writer.flush(),
            Err(error) => {
                refused = Some(error);
                Err(io::Error::other("given up"))
            }
        }
    });
    match refused {
        Some(error) => Err(error),
        None => written.map_err(|error| DataError::from(error).into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::columns::read_csv;

    #[test]
    fn numbers_read_back_to_the_same_bits() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("r.csv");
        let numbers = [0.1 + 0.2, 1e300, -0.0, f64::MIN_POSITIVE / 3.0, f64::INFINITY, 1.0 / 3.0, f64::NAN];
        let labels = vec!["a,b", "c \"d\"", "#e", "", "two\nlines", "é", "NA"];
        let columns = [
            ("x", Values::Numbers(&numbers)),
            ("k", Values::Integers(&[0, 1, 2, 3, 4, 5, i64::MAX])),
            ("label", Values::Text(labels.clone())),
        ];
        write_columns_csv(&path, &columns, Overwrite::Refuse).unwrap();
        let table = read_csv(&path).unwrap();
        let read = table.numbers("x").unwrap();
        assert!(read.iter().zip(&numbers).all(|(a, b)| a.to_bits() == b.to_bits() || (a.is_nan() && b.is_nan())));
        assert_eq!(table.text("label").unwrap(), labels);
        assert!(
            std::fs::read_to_string(&path).unwrap().starts_with("x,k,label\n0.30000000000000004,0,\"a,b\"\n1e300,")
        );
        assert!(write_columns_csv(&path, &columns, Overwrite::Refuse).is_err());
    }

    #[test]
    fn a_table_in_pieces_has_the_bytes_of_the_whole_and_appears_whole_or_not_at_all() {
        let folder = tempfile::tempdir().unwrap();
        let (whole, grown) = (folder.path().join("whole.csv"), folder.path().join("grown.csv"));
        let numbers = [0.25, f64::NAN, 1e-300, 7.0, -0.0];
        let column = |values: std::ops::Range<usize>| [("x,y", Values::Numbers(&numbers[values]))];
        write_columns_csv(&whole, &column(0..5), Overwrite::Refuse).unwrap();
        write_csv_in_pieces::<DataError>(&grown, Overwrite::Refuse, |rows| {
            rows.append(&column(0..2))?;
            rows.append(&column(2..5))
        })
        .unwrap();
        let read = |path| std::fs::read(path).unwrap();
        assert_eq!(read(&grown), read(&whole));
        assert_eq!(std::fs::read_to_string(&grown).unwrap(), "\"x,y\"\n0.25\n\"\"\n1e-300\n7.0\n-0.0\n");
        let failed = write_csv_in_pieces::<DataError>(&grown, Overwrite::Replace, |rows| {
            rows.append(&column(0..2))?;
            rows.append(&[("z", Values::Integers(&[1]))])
        });
        assert!(failed.unwrap_err().to_string().contains("other columns"));
        assert_eq!(read(&grown), read(&whole));
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2);
    }

    #[test]
    fn a_tsv_has_its_description_beside_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("events.tsv");
        let columns = [("onset_s", Values::Numbers(&[0.5, f64::NAN])), ("surprise", Values::Numbers(&[1.0, 2.0]))];
        let description = serde_json::json!({"surprise": {"Units": "nat"}});
        write_columns_tsv(&path, &columns, &description, Overwrite::Refuse).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "onset_s\tsurprise\n0.5\t1.0\nn/a\t2.0\n");
        assert!(std::fs::read_to_string(folder.path().join("events.json")).unwrap().contains("\"nat\""));
        let wrong = serde_json::json!({"suprise": {}});
        assert!(
            write_columns_tsv(&path, &columns, &wrong, Overwrite::Replace).unwrap_err().to_string().contains("suprise")
        );
    }

    #[test]
    fn tables_that_are_none_are_refused() {
        let mut out = Vec::new();
        for columns in [
            vec![],
            vec![("", Values::Numbers(&[]))],
            vec![("a", Values::Numbers(&[])), ("a", Values::Numbers(&[]))],
            vec![("a", Values::Numbers(&[1.0])), ("b", Values::Integers(&[]))],
        ] {
            assert!(stream_columns_csv(&mut out, "stdout", &columns).is_err());
        }
        stream_columns_csv(&mut out, "stdout", &[("a", Values::Integers(&[7]))]).unwrap();
        assert_eq!(out, b"a\n7\n");
    }
}
