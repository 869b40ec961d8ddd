//! An npz file whose arrays arrive in pieces.

use std::fs::File;
use std::io::{self, BufWriter, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use ndarray::ArrayViewD;
use neuropil_core::files::{FileError, Overwrite, check_writable, write_atomically};
use zip::ZipWriter;

use crate::arrays::{check_names, packed};
use crate::error::{DataError, Result};
use crate::npy;

/// An npz file that grows along the first axis of its arrays: what has come is kept in temporary files beside it, not in
/// memory, and the archive is made at the end. Its bytes are those of [`crate::Npz`].
///
/// ```
/// # let folder = tempfile::tempdir().unwrap();
/// # let path = folder.path().join("result.npz");
/// use ndarray::array;
/// use neuropil_data::{Overwrite, arrays, spool::NpzSpool};
///
/// let mut file = NpzSpool::new(&path, Overwrite::Refuse)?;
/// file.append("mean", &array![0.1, 0.2].view().into_dyn())?;
/// file.append("mean", &array![0.3].view().into_dyn())?;
/// file.finish()?;
/// assert_eq!(arrays::read_array(&path, Some("mean"))?, array![0.1, 0.2, 0.3].into_dyn());
/// # Ok::<(), neuropil_data::DataError>(())
/// ```
#[derive(Debug)]
pub struct NpzSpool {
    path: PathBuf,
    overwrite: Overwrite,
    arrays: Vec<Spooled>,
}

#[derive(Debug)]
struct Spooled {
    name: String,
    shape: Vec<usize>,
    numbers: BufWriter<File>,
}

impl NpzSpool {
    /// A file without arrays; nothing appears under its name before [`finish`](Self::finish).
    ///
    /// # Errors
    /// When the file could not be written.
    pub fn new(path: &Path, overwrite: Overwrite) -> Result<Self> {
        check_writable(path, overwrite)?;
        Ok(Self { path: path.into(), overwrite, arrays: Vec::new() })
    }

    /// Appends rows to an array; the first call with a name makes it.
    ///
    /// # Errors
    /// When the rows have another shape than those before them, or the disk refuses.
    pub fn append(&mut self, name: &str, rows: &ArrayViewD<'_, f64>) -> Result<()> {
        let path = &self.path;
        let failed = |source| DataError::Write(FileError::Io { path: path.clone(), source });
        let position = match self.arrays.iter().position(|array| array.name == name) {
            Some(position) => position,
            None => {
                // The file has no name and goes away with its handle, whatever happens.
                let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
                let file = tempfile::tempfile_in(folder.unwrap_or_else(|| Path::new("."))).map_err(failed)?;
                let mut shape = rows.shape().to_vec();
                if let Some(first) = shape.first_mut() {
                    *first = 0;
                }
                let numbers = BufWriter::with_capacity(1 << 16, file);
                self.arrays.push(Spooled { name: name.to_owned(), shape, numbers });
                self.arrays.len() - 1
            }
        };
        let array = &mut self.arrays[position];
        if array.shape.len() != rows.ndim() || array.shape.get(1..) != rows.shape().get(1..) {
            let problem = format!("rows of shape {:?} cannot follow those of array \"{name}\"", rows.shape());
            return Err(DataError::Content { path: path.clone(), problem });
        }
        if let Some(first) = array.shape.first_mut() {
            *first += rows.shape()[0];
        }
        npy::write_numbers(&mut array.numbers, rows).map_err(failed)
    }

    /// Writes the file.
    ///
    /// # Errors
    /// An empty name, a slash in a name; see also [`neuropil_core::files::FileError`].
    pub fn finish(self) -> Result<()> {
        let Self { path, overwrite, mut arrays } = self;
        check_names(&path, arrays.iter().map(|array| array.name.as_str()))?;
        write_atomically(&path, overwrite, |out| {
            let mut archive = ZipWriter::new_stream(out);
            for array in &mut arrays {
                array.numbers.flush()?;
                let file = array.numbers.get_mut();
                let length = file.seek(SeekFrom::End(0))?;
                file.rewind()?;
                archive.start_file(format!("{}.npy", array.name), packed(length)).map_err(io::Error::other)?;
                npy::write_header::<f64>(&mut archive, &array.shape)?;
                io::copy(file, &mut archive)?;
            }
            archive.finish().map_err(io::Error::other)?.into_inner().flush()
        })?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use ndarray::{Array1, Array2, arr0, s};

    use super::*;
    use crate::Npz;

    #[test]
    fn pieces_make_the_bytes_of_the_whole() {
        let folder = tempfile::tempdir().unwrap();
        let (whole, grown) = (folder.path().join("whole.npz"), folder.path().join("grown.npz"));
        let mean = Array2::from_shape_fn((50_000, 2), |(t, d)| (t as f64).sqrt() + d as f64);
        let rate = Array1::from_shape_fn(50_000, |t| 1.0 / (1.0 + t as f64));
        let sum = arr0(3.5).into_dyn();
        Npz::new()
            .array("mean", mean.view().into_dyn())
            .array("rate", rate.view().into_dyn())
            .array("sum", sum.view())
            .write(&whole, Overwrite::Refuse)
            .unwrap();
        let mut file = NpzSpool::new(&grown, Overwrite::Refuse).unwrap();
        for start in (0..50_000).step_by(7_000) {
            let end = (start + 7_000).min(50_000);
            file.append("mean", &mean.slice(s![start..end, ..]).into_dyn()).unwrap();
            file.append("rate", &rate.slice(s![start..end]).into_dyn()).unwrap();
        }
        file.append("sum", &sum.view()).unwrap();
        assert!(!grown.exists());
        file.finish().unwrap();
        assert!(std::fs::read(&whole).unwrap() == std::fs::read(&grown).unwrap());
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2);
    }

    #[test]
    fn rows_of_another_shape_and_files_in_the_way_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.npz");
        let mut file = NpzSpool::new(&path, Overwrite::Refuse).unwrap();
        file.append("a", &Array2::zeros((2, 3)).view().into_dyn()).unwrap();
        let message = file.append("a", &Array2::zeros((2, 4)).view().into_dyn()).unwrap_err().to_string();
        assert!(message.contains("[2, 4]"), "{message}");
        assert!(file.append("a", &Array1::zeros(3).view().into_dyn()).is_err());
        drop(file);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
        std::fs::write(&path, "old").unwrap();
        assert!(NpzSpool::new(&path, Overwrite::Refuse).is_err());
        let mut file = NpzSpool::new(&path, Overwrite::Replace).unwrap();
        file.append("a/b", &Array1::zeros(3).view().into_dyn()).unwrap();
        assert!(file.finish().is_err());
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "old");
    }
}
