//! What a file is, by its first bytes.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use serde::Serialize;

use crate::error::{DataError, Result};
use crate::idx;

/// A kind of file that neuropil reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// One array, in numpy's format.
    Npy,
    /// Several named arrays: a zip archive of npy files.
    Npz,
    /// One array, as MNIST comes; plain or compressed with gzip.
    Idx,
    /// A table of text: csv, tsv.
    Table,
    /// HDF5, and so NWB: a tree of arrays.
    Hdf5,
}

/// First bytes of kinds that people do have, with what to do about them.
const FOREIGN: [(&[u8], &str, &str); 6] = [
    (b"\x1f\x8b", "compressed with gzip", "unpack it first (gunzip)"),
    (b"BZh", "compressed with bzip2", "unpack it first (bunzip2)"),
    (b"\xfd7zXZ", "compressed with xz", "unpack it first (unxz)"),
    (b"MATLAB 5.0", "a MATLAB file", "save the arrays with numpy.savez(**scipy.io.loadmat(file))"),
    (b"PAR1", "a Parquet file", "save the table with pandas.read_parquet(file).to_csv"),
    (b"\x80", "a Python pickle", "save the arrays with numpy.savez"),
];

/// The kind of a file; `-` is the standard input, which is read as a table.
///
/// # Errors
/// A file that cannot be opened, or whose first bytes are those of another format.
pub fn of_file(path: &Path) -> Result<Kind> {
    if is_standard_input(path) {
        return Ok(Kind::Table);
    }
    let mut start = Vec::new();
    File::open(path)
        .and_then(|file| file.take(4096).read_to_end(&mut start))
        .map_err(|error| DataError::io(path, error))?;
    of_start(&start).map_err(|(found, advice)| refusal(path, found, advice))
}

/// Refuses what is not a table of text.
pub(crate) fn check_table(path: &Path, bytes: &[u8]) -> Result<()> {
    match of_start(&bytes[..bytes.len().min(4096)]) {
        Ok(Kind::Table) => Ok(()),
        Ok(Kind::Npy | Kind::Npz | Kind::Idx | Kind::Hdf5) => {
            Err(refusal(path, "a file of arrays", "a table is wanted here, save it as csv"))
        }
        Err((found, advice)) => Err(refusal(path, found, advice)),
    }
}

fn refusal(path: &Path, found: &str, advice: &str) -> DataError {
    DataError::Kind { path: path.into(), found: found.into(), advice: advice.into() }
}

/// The refusal of an HDF5 file where one array or a table is wanted.
pub(crate) fn tree(path: &Path) -> DataError {
    refusal(
        path,
        "an HDF5 file (NWB and MATLAB 7.3 are too)",
        "spikes are read from its Units table; other arrays save with numpy.savez",
    )
}

/// `-` stands for the standard input, which is read as a table.
pub(crate) fn is_standard_input(path: &Path) -> bool {
    path == Path::new("-")
}

fn of_start(start: &[u8]) -> std::result::Result<Kind, (&'static str, &'static str)> {
    if start.starts_with(b"\x93NUMPY") {
        return Ok(Kind::Npy);
    }
    if start.starts_with(b"\x89HDF\r\n\x1a\n") {
        return Ok(Kind::Hdf5);
    }
    if start.starts_with(b"PK\x03\x04") || start.starts_with(b"PK\x05\x06") {
        let is_document = start.windows(19).any(|window| window == b"[Content_Types].xml");
        return if is_document { Err(("an Excel file", "save the sheet as csv")) } else { Ok(Kind::Npz) };
    }
    if idx::begins(start) || idx::begins_compressed(start) {
        return Ok(Kind::Idx);
    }
    if start.starts_with(b"\xff\xfe") || start.starts_with(b"\xfe\xff") {
        return Err(("UTF-16 text", "save it as UTF-8 text (in Excel: \"CSV UTF-8\")"));
    }
    if let Some((_, found, advice)) = FOREIGN.iter().find(|(magic, ..)| start.starts_with(magic)) {
        return Err((found, advice));
    }
    if start.contains(&0) {
        return Err(("a binary file of a kind that is not known here", "save it as one of them"));
    }
    Ok(Kind::Table)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_decides_and_foreign_kinds_come_with_advice() {
        assert_eq!(of_start(b"\x93NUMPY\x01\x00"), Ok(Kind::Npy));
        assert_eq!(of_start(b"PK\x03\x04rest"), Ok(Kind::Npz));
        assert_eq!(of_start(b"x,y\n1,2\n"), Ok(Kind::Table));
        assert_eq!(of_start(b"PK\x03\x04....[Content_Types].xml").unwrap_err().0, "an Excel file");
        assert_eq!(of_start(b"\x89HDF\r\n\x1a\n"), Ok(Kind::Hdf5));
        assert!(of_start(b"ab\0").is_err());
    }
}
