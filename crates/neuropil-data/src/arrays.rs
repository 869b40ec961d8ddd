//! npy and npz files: arrays of numbers, read as f64 and written.
//!
//! Booleans, integers of 1 to 8 bytes and floats of 4 and 8 bytes are read, in either byte order and in C or Fortran
//! order. Whole numbers above 2^53 are refused rather than rounded.

use std::fs::File;
use std::io::{self, BufReader, Cursor, Read, Seek, Write};
use std::path::Path;

use ndarray::{ArrayD, ArrayViewD, IxDyn, ShapeBuilder};
use neuropil_core::files::{Overwrite, write_atomically};
use zip::write::SimpleFileOptions;
use zip::{ZipArchive, ZipWriter};

use crate::error::{DataError, Result};
use crate::idx;
use crate::kind::{self, Kind};
pub use crate::npy::Element;
use crate::npy::{self, Header, NpyError};

/// An archive may unpack to this much without further question ...
const UNSUSPICIOUS: u64 = 1 << 30;
/// ... and beyond it to this many times its packed size. Measured data packs by a factor of ten; a bomb by a thousand.
const MAX_RATIO: u64 = 200;

/// One array of an npz file.
#[derive(Debug, Clone, PartialEq)]
pub struct NamedArray {
    /// Its name, as given to `numpy.savez`.
    pub name: String,
    /// The type of number in the file, by numpy's name.
    pub dtype: String,
    /// The numbers.
    pub values: ArrayD<f64>,
}

/// Reads the array of an npy file, with its shape.
///
/// # Errors
/// A missing, damaged or cut-off file; a type that is not read.
pub fn read_npy(path: &Path) -> Result<ArrayD<f64>> {
    let (header, mut reader) = open_npy(path)?;
    collect(&header, &mut reader).map_err(|error| of_npy(path, None, error))
}

/// Reads all arrays of an npz file, in the order of the file.
///
/// # Errors
/// A missing, damaged or cut-off file; an array of a type that is not read (read the others with [`read_array`]).
pub fn read_npz(path: &Path) -> Result<Vec<NamedArray>> {
    let mut archive = Archive::open(path)?;
    let names = archive.names.clone();
    names.iter().map(|name| archive.read(name)).collect()
}

/// Reads all arrays of an npz file that is in memory, for example one that a program carries inside; `name` is how errors
/// call it.
///
/// # Errors
/// As [`read_npz`].
pub fn npz_from_bytes(name: &str, bytes: &[u8]) -> Result<Vec<NamedArray>> {
    let mut archive = Archive::of(Path::new(name), Cursor::new(bytes))?;
    let names = archive.names.clone();
    names.iter().map(|name| archive.read(name)).collect()
}

/// The names of the arrays of an npz file, in the order of the file.
///
/// # Errors
/// A missing or damaged file.
pub fn npz_names(path: &Path) -> Result<Vec<String>> {
    Archive::open(path).map(|archive| archive.names)
}

/// Reads one array of an npy, npz or IDX file.
///
/// `name` is needed when an npz file holds several arrays; npy and IDX files have no names, so none may be given.
///
/// # Errors
/// As [`read_npy`] and [`read_npz`]; an unknown name, or none where one is needed.
pub fn read_array(path: &Path, name: Option<&str>) -> Result<ArrayD<f64>> {
    match (kind::of_file(path)?, name) {
        (Kind::Npy, None) => read_npy(path),
        (Kind::Npy, Some(name)) => Err(DataError::unknown(path, "array", name, &[])),
        (Kind::Npz, name) => {
            let mut archive = Archive::open(path)?;
            let name = archive.choose(name)?;
            archive.read(&name).map(|array| array.values)
        }
        (Kind::Idx, None) => idx::read_idx(path),
        (Kind::Idx, Some(name)) => Err(DataError::unknown(path, "array", name, &[])),
        (Kind::Hdf5, _) => Err(kind::tree(path)),
        (Kind::Table, _) => Err(DataError::Kind {
            path: path.into(),
            found: "a table of text".into(),
            advice: "an array is wanted here, save it with numpy.save".into(),
        }),
    }
}

/// Writes an npy file that `numpy.load` reads: f64, i64 or bool, in C order.
///
/// # Errors
/// See [`neuropil_core::files::FileError`].
pub fn write_npy<T: Element>(path: &Path, array: &ArrayViewD<'_, T>, overwrite: Overwrite) -> Result<()> {
    write_atomically(path, overwrite, |out| npy::write(out, array))?;
    Ok(())
}

/// Writes an npz file of f64 arrays; see [`Npz`] for other types.
///
/// # Errors
/// As [`Npz::write`].
pub fn write_npz(path: &Path, arrays: &[(&str, ArrayViewD<'_, f64>)], overwrite: Overwrite) -> Result<()> {
    arrays.iter().fold(Npz::new(), |npz, (name, array)| npz.array(name, array.clone())).write(path, overwrite)
}

type Writer<'a> = Box<dyn Fn(&mut dyn Write) -> io::Result<()> + 'a>;

/// An npz file to be written: arrays of any [`Element`] type, compressed, the same bytes for the same content.
///
/// ```
/// # let folder = tempfile::tempdir().unwrap();
/// # let path = folder.path().join("result.npz");
/// use ndarray::array;
/// use neuropil_data::{Npz, Overwrite, arrays};
///
/// let (estimate, changes) = (array![[0.1], [0.2]], array![17_i64, 40]);
/// Npz::new()
///     .array("estimate", estimate.view().into_dyn())
///     .array("changes", changes.view().into_dyn())
///     .write(&path, Overwrite::Refuse)?;
/// assert_eq!(arrays::read_array(&path, Some("estimate"))?, estimate.into_dyn());
/// # Ok::<(), neuropil_data::DataError>(())
/// ```
#[derive(Default)]
pub struct Npz<'a> {
    arrays: Vec<(String, u64, Writer<'a>)>,
}

impl<'a> Npz<'a> {
    /// A file without arrays.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// With one more array.
    #[must_use]
    pub fn array<T: Element + 'a>(mut self, name: &str, array: ArrayViewD<'a, T>) -> Self {
        let n_bytes = (array.len() * T::WIDTH) as u64;
        self.arrays.push((name.to_owned(), n_bytes, Box::new(move |out| npy::write(out, &array))));
        self
    }

    /// Writes the file.
    ///
    /// # Errors
    /// An empty or repeated name, a slash in a name; see also [`neuropil_core::files::FileError`].
    pub fn write(self, path: &Path, overwrite: Overwrite) -> Result<()> {
        check_names(path, self.arrays.iter().map(|(name, ..)| name.as_str()))?;
        write_atomically(path, overwrite, |out| {
            let mut archive = ZipWriter::new_stream(out);
            for (name, n_bytes, write) in &self.arrays {
                archive.start_file(format!("{name}.npy"), packed(*n_bytes)).map_err(io::Error::other)?;
                write(&mut archive)?;
            }
            archive.finish().map_err(io::Error::other)?.into_inner().flush()
        })?;
        Ok(())
    }
}

/// Refuses names that an npz file cannot hold.
pub(crate) fn check_names<'a>(path: &Path, names: impl Iterator<Item = &'a str>) -> Result<()> {
    let mut known: Vec<&str> = Vec::new();
    for (i, name) in names.enumerate() {
        if known.contains(&name) || name.is_empty() || name.contains(['/', '\\', '\0']) {
            let problem = format!("array {i} cannot be called \"{name}\"; names are not empty, have no slash, differ");
            return Err(DataError::Content { path: path.into(), problem });
        }
        known.push(name);
    }
    Ok(())
}

/// How an array of this many bytes is packed.
pub(crate) fn packed(n_bytes: u64) -> SimpleFileOptions {
    SimpleFileOptions::default()
        .compression_method(zip::CompressionMethod::Deflated)
        .compression_level(Some(3))
        .large_file(n_bytes >= u64::from(u32::MAX) / 2)
}

/// An npz file that is open.
pub(crate) struct Archive<'a, R = BufReader<File>> {
    path: &'a Path,
    zip: ZipArchive<R>,
    pub names: Vec<String>,
}

impl<'a> Archive<'a> {
    pub fn open(path: &'a Path) -> Result<Self> {
        let file = File::open(path).map_err(|error| DataError::io(path, error))?;
        Self::of(path, BufReader::new(file))
    }
}

impl<'a, R: Read + Seek> Archive<'a, R> {
    /// The archive in a stream; `path` is how errors call it.
    pub fn of(path: &'a Path, reader: R) -> Result<Self> {
        let zip = ZipArchive::new(reader).map_err(|error| of_zip(path, error))?;
        let names: Vec<String> =
            zip.file_names().flatten().filter_map(|name| name.strip_suffix(".npy").map(str::to_owned)).collect();
        if names.is_empty() {
            return Err(DataError::Empty { path: path.into(), what: "arrays: it is a zip archive without npy files" });
        }
        Ok(Self { path, zip, names })
    }

    /// The array that is meant: by name, or the only one.
    pub fn choose(&self, name: Option<&str>) -> Result<String> {
        match (name, self.names.as_slice()) {
            (Some(name), names) if names.iter().any(|known| known == name) => Ok(name.to_owned()),
            (Some(name), names) => Err(DataError::unknown(self.path, "array", name, names)),
            (None, [only]) => Ok(only.clone()),
            (None, names) => {
                Err(DataError::Choose { path: self.path.into(), what: "array", available: names.to_vec() })
            }
        }
    }

    pub fn read(&mut self, name: &str) -> Result<NamedArray> {
        self.with(name, |header, reader| {
            let values = collect(header, reader)?;
            Ok(NamedArray { name: name.to_owned(), dtype: header.dtype.clone(), values })
        })
    }

    /// Runs `read` on the header of one array and the stream of its numbers.
    pub fn with<T>(
        &mut self,
        name: &str,
        read: impl FnOnce(&Header, &mut dyn Read) -> std::result::Result<T, NpyError>,
    ) -> Result<T> {
        let path = self.path;
        let mut entry = self.zip.by_name(&format!("{name}.npy")).map_err(|error| of_zip(path, error))?;
        let (size, packed) = (entry.size(), entry.compressed_size());
        if size > UNSUSPICIOUS && size / MAX_RATIO > packed {
            let problem = format!(
                "array \"{name}\" claims to unpack from {packed} to {size} bytes; if that is right, save it with \
                 numpy.savez, which does not compress"
            );
            return Err(DataError::format(path, problem));
        }
        // The header of the archive may understate the size; nothing is read beyond it.
        let mut reader = (&mut entry).take(size);
        let result = Header::read(&mut reader).and_then(|header| read(&header, &mut reader));
        result.map_err(|error| of_npy(path, Some(name), error))
    }
}

/// An npy file whose length fits its header.
pub(crate) fn open_npy(path: &Path) -> Result<(Header, BufReader<File>)> {
    let file = File::open(path).map_err(|error| DataError::io(path, error))?;
    let on_disk = file.metadata().map_err(|error| DataError::io(path, error))?;
    let mut reader = BufReader::with_capacity(1 << 16, file);
    let header = Header::read(&mut reader).map_err(|error| of_npy(path, None, error))?;
    let wanted = header.n_bytes().map_err(|error| of_npy(path, None, error))?;
    let start = reader.stream_position().map_err(|error| DataError::io(path, error))?;
    let held = on_disk.len().saturating_sub(start);
    if on_disk.is_file() && held < wanted {
        let problem = format!(
            "its header promises {wanted} bytes of numbers (shape {:?}, {}), but only {held} follow; it was cut off, \
             copy it again",
            header.shape, header.dtype
        );
        return Err(DataError::format(path, problem));
    }
    Ok((header, reader))
}

fn collect(header: &Header, reader: &mut dyn Read) -> std::result::Result<ArrayD<f64>, NpyError> {
    let mut values: Vec<f64> = Vec::new();
    let mut enough_memory = true;
    header.numbers(reader, |block| {
        enough_memory = enough_memory && values.try_reserve(block.len()).is_ok();
        if enough_memory {
            values.extend_from_slice(block);
        }
    })?;
    if !enough_memory {
        return Err(NpyError::Format(format!("its {} numbers do not fit into memory", header.len)));
    }
    let shape = IxDyn(&header.shape).set_f(header.fortran_order);
    ArrayD::from_shape_vec(shape, values).map_err(|error| NpyError::Format(error.to_string()))
}

pub(crate) fn of_npy(path: &Path, array: Option<&str>, error: NpyError) -> DataError {
    let place = array.map_or_else(String::new, |name| format!("array \"{name}\": "));
    match error {
        NpyError::Io(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
            DataError::format(path, format!("{place}it ends too early; it was cut off, copy it again"))
        }
        NpyError::Io(error) => DataError::format(path, format!("{place}{error}")),
        NpyError::Format(problem) => DataError::format(path, place + &problem),
        NpyError::Type { dtype, advice } => {
            DataError::Type { path: path.into(), array: array.map(str::to_owned), dtype, advice }
        }
    }
}

fn of_zip(path: &Path, error: zip::result::ZipError) -> DataError {
    match error {
        zip::result::ZipError::Io(error) => DataError::io(path, error),
        other => DataError::format(path, format!("it is not a whole zip archive ({other}); copy or save it again")),
    }
}
