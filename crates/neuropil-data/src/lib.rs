//! Files of data: numpy's npy and npz, IDX (MNIST), and tables of text (csv, tsv) by column name.
//!
//! | module | what it holds |
//! |---|---|
//! | [`arrays`] | npy and npz files, read as f64 whatever the type of number in them, and written |
//! | [`mod@idx`] | IDX files (MNIST), plain or compressed with gzip |
//! | [`columns`] | tables of text, read by column name |
//! | [`series`] | one rule for "my own series" in any of these files: rows are time |
//! | [`results`] | tables of results, written as csv, or as tsv with a JSON sidecar |
//! | [`spool`] | npz files whose arrays arrive in pieces |
//! | [`spikes`] | spike trains: csv, npz and NWB files, binning |
//! | [`inspect`](mod@inspect) | what is in a file, for people and as JSON |
//!
//! What a file holds is decided by its first bytes, not by its name. A missing value (an empty field, `NA`, `n/a`,
//! `NaN`) becomes NaN. Whatever else cannot be read is refused with a sentence that names the file, the place and what
//! to do; nothing is guessed and no input makes a reader panic. Outputs appear complete or not at all
//! ([`neuropil_core::files`]).
//!
//! ```
//! use neuropil_data::{Overwrite, columns, results, series};
//!
//! # fn main() -> Result<(), neuropil_data::DataError> {
//! # let folder = tempfile::tempdir().unwrap();
//! let path = folder.path().join("flow.csv");
//! results::write_columns_csv(
//!     &path,
//!     &[("year", results::Values::Integers(&[1871, 1872])), ("flow_m3", results::Values::Numbers(&[1120.0, f64::NAN]))],
//!     Overwrite::Refuse,
//! )?;
//! let table = columns::read_csv(&path)?;
//! assert_eq!(table.names(), ["year", "flow_m3"]);
//! assert_eq!(table.numbers("year")?, [1871.0, 1872.0]);
//! let flow = series::read_series(&path, &["flow_m3".to_owned()])?;
//! assert_eq!(flow.dim(), (2, 1));
//! # Ok(())
//! # }
//! ```

pub mod arrays;
pub mod columns;
mod dialect;
mod error;
pub mod idx;
pub mod inspect;
mod kind;
mod npy;
pub mod results;
pub mod series;
pub mod spikes;
pub mod spool;

use std::path::Path;

pub use arrays::{NamedArray, Npz};
pub use columns::Columns;
pub use error::{DataError, Result};
pub use inspect::inspect;
pub use kind::{Kind, of_file as kind_of};
pub use neuropil_core::files::Overwrite;

/// The content of a file of any kind that neuropil reads.
#[derive(Debug, Clone)]
pub enum Content {
    /// A table of text.
    Table(Columns),
    /// The one array of an npy or IDX file.
    Array(ndarray::ArrayD<f64>),
    /// The arrays of an npz file, in the order of the file.
    Arrays(Vec<NamedArray>),
}

/// Reads a file, whatever its kind.
///
/// # Errors
/// See [`DataError`].
pub fn read(path: &Path) -> Result<Content> {
    match kind::of_file(path)? {
        Kind::Npy => arrays::read_npy(path).map(Content::Array),
        Kind::Idx => idx::read_idx(path).map(Content::Array),
        Kind::Npz => arrays::read_npz(path).map(Content::Arrays),
        Kind::Table => columns::read_csv(path).map(Content::Table),
        Kind::Hdf5 => Err(kind::tree(path)),
    }
}
