//! Files that are either complete or not there.
//!
//! An output is written to a temporary file in the same folder, flushed to the disk and renamed. Whatever goes wrong
//! on the way (a full disk, an error of the caller, Ctrl-C), the old file stays as it was and no half-written file
//! appears under the final name.

use std::fs;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use thiserror::Error;

/// What to do when the output exists already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Overwrite {
    /// Leave it alone and return [`FileError::Exists`].
    Refuse,
    /// Replace it, in one step.
    Replace,
}

/// Why a file could not be written.
#[derive(Debug, Error)]
pub enum FileError {
    /// The output exists and [`Overwrite::Refuse`] was given.
    #[error("\"{}\" exists already; overwrite it explicitly (--force) or choose another name", path.display())]
    Exists {
        /// The output.
        path: PathBuf,
    },
    /// The folder of the output does not exist.
    #[error("cannot write \"{}\": the folder \"{}\" does not exist; create it first", path.display(), folder.display())]
    MissingFolder {
        /// The output.
        path: PathBuf,
        /// The missing folder.
        folder: PathBuf,
    },
    /// What should be the folder of the output is a file.
    #[error("cannot write \"{}\": \"{}\" is a file, not a folder", path.display(), folder.display())]
    NotAFolder {
        /// The output.
        path: PathBuf,
        /// The file where a folder should be.
        folder: PathBuf,
    },
    /// The output is a folder.
    #[error("cannot write \"{}\": it is a folder; give the name of a file", path.display())]
    IsAFolder {
        /// The output.
        path: PathBuf,
    },
    /// The operating system refused, or the content could not be produced.
    #[error("cannot write \"{}\": {source}", path.display())]
    Io {
        /// The output.
        path: PathBuf,
        /// What the operating system or the writer said.
        source: io::Error,
    },
}

/// Whether [`write_atomically`] could begin: call it before hours of work whose result goes to `path`.
///
/// # Errors
/// Every [`FileError`] that can be seen without writing.
pub fn check_writable(path: &Path, overwrite: Overwrite) -> Result<(), FileError> {
    let folder = folder_of(path);
    match fs::metadata(folder) {
        Ok(metadata) if metadata.is_dir() => {}
        Ok(_) => return Err(FileError::NotAFolder { path: path.into(), folder: folder.into() }),
        Err(error) if error.kind() == io::ErrorKind::NotADirectory => {
            return Err(FileError::NotAFolder { path: path.into(), folder: folder.into() });
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(FileError::MissingFolder { path: path.into(), folder: folder.into() });
        }
        Err(source) => return Err(FileError::Io { path: path.into(), source }),
    }
    if path.file_name().is_none() {
        return Err(FileError::IsAFolder { path: path.into() });
    }
    match fs::metadata(path) {
        Ok(metadata) if metadata.is_dir() => Err(FileError::IsAFolder { path: path.into() }),
        Ok(metadata) if metadata.is_file() && overwrite == Overwrite::Refuse => {
            Err(FileError::Exists { path: path.into() })
        }
        Ok(metadata) if metadata.is_file() && metadata.permissions().readonly() => Err(FileError::Io {
            path: path.into(),
            source: io::Error::new(io::ErrorKind::PermissionDenied, "the file is read-only"),
        }),
        _ => Ok(()),
    }
}

/// Writes a file through `write`, so that it appears complete or not at all.
///
/// A new file gets the permissions that the umask gives, a replaced one keeps its own. A symbolic link is followed. A
/// device or a pipe (`/dev/stdout`) is written directly.
///
/// # Errors
/// See [`FileError`]; on every error the old file, if there was one, is unchanged.
pub fn write_atomically(
    path: &Path,
    overwrite: Overwrite,
    write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> Result<(), FileError> {
    check_writable(path, overwrite)?;
    // Renaming onto a link would replace the link, not the file that it points to.
    let target = fs::canonicalize(path).unwrap_or_else(|_| path.to_path_buf());
    let existing = fs::metadata(&target).ok();
    let outcome = match existing {
        Some(metadata) if !metadata.is_file() => write_directly(&target, write),
        existing => write_and_rename(&target, overwrite, existing, write),
    };
    outcome.map_err(|source| match source.kind() {
        io::ErrorKind::AlreadyExists if overwrite == Overwrite::Refuse => FileError::Exists { path: path.into() },
        _ => FileError::Io { path: path.into(), source },
    })
}

fn write_directly(target: &Path, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
    let mut buffered = BufWriter::new(fs::OpenOptions::new().write(true).open(target)?);
    write(&mut buffered)?;
    buffered.flush()
}

fn write_and_rename(
    target: &Path,
    overwrite: Overwrite,
    existing: Option<fs::Metadata>,
    write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> io::Result<()> {
    let folder = folder_of(target);
    let mut builder = tempfile::Builder::new();
    builder.prefix(".neuropil-").suffix(".part");
    // The default of a temporary file, 0600, would hide results from colleagues; the umask applies to this mode.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    let mut file = builder.tempfile_in(folder)?;
    {
        let mut buffered = BufWriter::with_capacity(1 << 16, file.as_file_mut());
        write(&mut buffered)?;
        buffered.flush()?;
    }
    if let Some(metadata) = existing {
        fs::set_permissions(file.path(), metadata.permissions())?;
    }
    file.as_file().sync_all()?;
    match overwrite {
        Overwrite::Replace => file.persist(target).map(drop).map_err(|error| error.error)?,
        Overwrite::Refuse => file.persist_noclobber(target).map(drop).map_err(|error| error.error)?,
    }
    // The rename itself survives a power cut only once the folder is on the disk; not every file system can do it.
    #[cfg(unix)]
    if let Ok(folder) = fs::File::open(folder) {
        let _ = folder.sync_all();
    }
    Ok(())
}

/// The folder that holds a file; the current one for a bare name.
fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(path: &Path, overwrite: Overwrite, text: &str) -> Result<(), FileError> {
        write_atomically(path, overwrite, |out| out.write_all(text.as_bytes()))
    }

    #[test]
    fn an_existing_file_is_refused_or_replaced_as_asked() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out.csv");
        write(&path, Overwrite::Refuse, "old").unwrap();
        let error = write(&path, Overwrite::Refuse, "new").unwrap_err();
        assert!(matches!(error, FileError::Exists { .. }) && error.to_string().contains("exists already"), "{error}");
        assert_eq!(fs::read_to_string(&path).unwrap(), "old");
        write(&path, Overwrite::Replace, "new").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "new");
    }

    #[test]
    fn a_failure_while_writing_keeps_the_old_file_and_leaves_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("out.csv");
        write(&path, Overwrite::Refuse, "old").unwrap();
        let error = write_atomically(&path, Overwrite::Replace, |out| {
            out.write_all(&[b'x'; 100_000])?;
            Err(io::Error::other("the disk is full"))
        })
        .unwrap_err();
        assert!(error.to_string().contains("the disk is full"), "{error}");
        assert_eq!(fs::read_to_string(&path).unwrap(), "old");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn targets_that_cannot_be_files_are_refused_with_a_sentence() {
        let folder = tempfile::tempdir().unwrap();
        let missing = write(&folder.path().join("no/such/out.csv"), Overwrite::Replace, "").unwrap_err();
        assert!(missing.to_string().contains("does not exist; create it first"), "{missing}");
        let is_folder = write(folder.path(), Overwrite::Replace, "").unwrap_err();
        assert!(matches!(is_folder, FileError::IsAFolder { .. }), "{is_folder}");
        let file = folder.path().join("file");
        write(&file, Overwrite::Refuse, "").unwrap();
        let not_a_folder = write(&file.join("out.csv"), Overwrite::Refuse, "").unwrap_err();
        assert!(matches!(not_a_folder, FileError::NotAFolder { .. }), "{not_a_folder}");
        assert!(check_writable(Path::new(""), Overwrite::Refuse).is_err());
        assert!(check_writable(Path::new("/"), Overwrite::Refuse).is_err());
        assert!(check_writable(&file, Overwrite::Refuse).is_err());
        assert!(check_writable(&file, Overwrite::Replace).is_ok());
    }

    #[cfg(unix)]
    #[test]
    fn a_new_file_is_like_any_other_and_a_replaced_one_keeps_its_permissions() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let (plain, ours) = (folder.path().join("plain"), folder.path().join("ours"));
        fs::write(&plain, "").unwrap();
        write(&ours, Overwrite::Refuse, "").unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o7777;
        assert_eq!(mode(&ours), mode(&plain));
        fs::set_permissions(&ours, fs::Permissions::from_mode(0o640)).unwrap();
        write(&ours, Overwrite::Replace, "x").unwrap();
        assert_eq!(mode(&ours), 0o640);
        fs::set_permissions(&ours, fs::Permissions::from_mode(0o440)).unwrap();
        let error = write(&ours, Overwrite::Replace, "y").unwrap_err();
        assert!(error.to_string().contains("read-only"), "{error}");
    }

    #[cfg(unix)]
    #[test]
    fn links_are_followed_and_devices_are_written_directly() {
        let folder = tempfile::tempdir().unwrap();
        let (file, link) = (folder.path().join("file"), folder.path().join("link"));
        fs::write(&file, "old").unwrap();
        std::os::unix::fs::symlink(&file, &link).unwrap();
        write(&link, Overwrite::Replace, "new").unwrap();
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(fs::read_to_string(&file).unwrap(), "new");
        write(Path::new("/dev/null"), Overwrite::Refuse, "gone").unwrap();
    }
}
