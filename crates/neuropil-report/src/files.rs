//! Files that appear whole or not at all.

use crate::ReportError;
use std::io::Write;
use std::path::{Path, PathBuf};

/// Writes `bytes` beside `path` and moves them there, so that a reader never sees half a file.
pub(crate) fn place(path: &Path, bytes: &[u8]) -> Result<(), ReportError> {
    let mut name = path.file_name().unwrap_or_default().to_os_string();
    name.push(format!(".{}.tmp", std::process::id()));
    let temporary: PathBuf = path.with_file_name(name);
    let written = std::fs::File::create(&temporary)
        .and_then(|mut file| file.write_all(bytes).and_then(|()| file.sync_all()))
        .and_then(|()| std::fs::rename(&temporary, path));
    written.map_err(|source| {
        let _ = std::fs::remove_file(&temporary); // nothing more can be done about a leftover
        ReportError::Write { path: path.into(), source }
    })
}

/// Makes a folder and those above it.
pub(crate) fn folder(path: &Path) -> Result<(), ReportError> {
    std::fs::create_dir_all(path).map_err(|source| ReportError::Write { path: path.into(), source })
}
