//! Files that appear whole or not at all, through neuropil-core.

use crate::ReportError;
use neuropil_core::files::{Overwrite, write_atomically};
use std::path::Path;

/// Writes `bytes` to `path` in one step.
pub(crate) fn place(path: &Path, bytes: &[u8]) -> Result<(), ReportError> {
    Ok(write_atomically(path, Overwrite::Replace, |file| file.write_all(bytes))?)
}

/// Makes a folder and those above it.
pub(crate) fn folder(path: &Path) -> Result<(), ReportError> {
    std::fs::create_dir_all(path).map_err(|source| ReportError::Folder { path: path.into(), source })
}
