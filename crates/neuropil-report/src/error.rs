//! What can go wrong while a report is written.

use std::path::PathBuf;

/// Why a figure or a report could not be written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReportError {
    /// A file could not be written.
    #[error(transparent)]
    File(#[from] neuropil_core::files::FileError),
    /// A folder could not be made.
    #[error("cannot make the folder \"{}\": {source}; choose another place or make room there", path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// What the operating system says.
        source: std::io::Error,
    },
    /// A figure cannot be saved under this name.
    #[error("cannot tell the format of the figure \"{}\"; end its name in .svg or .png", path.display())]
    Extension {
        /// The name that was given.
        path: PathBuf,
    },
    /// A figure could not be turned into a PNG image.
    #[error("cannot draw figure {figure:?} as PNG: {reason}; save it as .svg instead")]
    Image {
        /// The name of the figure.
        figure: String,
        /// What the drawing library says.
        reason: String,
    },
    /// The report could not be written as JSON.
    #[error("cannot write the report as JSON: {0}")]
    Json(#[from] serde_json::Error),
}
