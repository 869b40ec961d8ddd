//! IDX files, as the MNIST digits come in: one array of numbers, plain or compressed with gzip.
//!
//! Two zero bytes, the type of number, the number of axes, the length of every axis (32 bit, big-endian), then the numbers
//! in C order, big-endian.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::Path;

use flate2::read::GzDecoder;
use ndarray::{ArrayD, IxDyn};

use crate::error::{DataError, Result};

/// Beyond this many numbers a header is taken to be damaged.
const MOST: usize = 1 << 32;

/// What the header of an IDX file says.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Header {
    number: Number,
    shape: Vec<usize>,
}

/// The types of number of the format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Number {
    U8,
    I8,
    I16,
    I32,
    F32,
    F64,
}

impl Number {
    fn of_code(code: u8) -> Option<Self> {
        Some(match code {
            0x08 => Self::U8,
            0x09 => Self::I8,
            0x0b => Self::I16,
            0x0c => Self::I32,
            0x0d => Self::F32,
            0x0e => Self::F64,
            _ => return None,
        })
    }

    /// numpy's name of the type.
    fn name(self) -> &'static str {
        match self {
            Self::U8 => "uint8",
            Self::I8 => "int8",
            Self::I16 => "int16",
            Self::I32 => "int32",
            Self::F32 => "float32",
            Self::F64 => "float64",
        }
    }

    fn width(self) -> usize {
        match self {
            Self::U8 | Self::I8 => 1,
            Self::I16 => 2,
            Self::I32 | Self::F32 => 4,
            Self::F64 => 8,
        }
    }

    fn decode(self, bytes: &[u8]) -> f64 {
        match *bytes {
            [a] if self == Self::U8 => f64::from(a),
            [a] => f64::from(a.cast_signed()),
            [a, b] => f64::from(i16::from_be_bytes([a, b])),
            [a, b, c, d] if self == Self::I32 => f64::from(i32::from_be_bytes([a, b, c, d])),
            [a, b, c, d] => f64::from(f32::from_be_bytes([a, b, c, d])),
            [a, b, c, d, e, f, g, h] => f64::from_be_bytes([a, b, c, d, e, f, g, h]),
            _ => f64::NAN,
        }
    }
}

/// Whether these are the first bytes of an IDX file.
pub(crate) fn begins(start: &[u8]) -> bool {
    matches!(*start, [0, 0, code, axes, ..] if Number::of_code(code).is_some() && (1..=8).contains(&axes))
}

/// Whether these are the first bytes of an IDX file compressed with gzip.
pub(crate) fn begins_compressed(start: &[u8]) -> bool {
    let mut first = [0; 4];
    // A piece of a stream is enough for its first bytes.
    start.starts_with(b"\x1f\x8b") && GzDecoder::new(start).read_exact(&mut first).is_ok() && begins(&first)
}

/// Reads the array of an IDX file, plain or compressed with gzip, with its shape.
///
/// # Errors
/// A missing, damaged or cut-off file.
pub fn read_idx(path: &Path) -> Result<ArrayD<f64>> {
    let mut reader = open(path)?;
    let header = header(path, &mut reader)?;
    let mut values = Vec::new();
    numbers(path, &header, &mut reader, |value| values.push(value))?;
    ArrayD::from_shape_vec(IxDyn(&header.shape), values).map_err(|error| DataError::format(path, error.to_string()))
}

/// Type and shape of an IDX file; hands every number to `each`.
pub(crate) fn scan(path: &Path, each: impl FnMut(f64)) -> Result<(&'static str, Vec<usize>)> {
    let mut reader = open(path)?;
    let header = header(path, &mut reader)?;
    numbers(path, &header, &mut reader, each)?;
    Ok((header.number.name(), header.shape))
}

fn open(path: &Path) -> Result<Box<dyn Read>> {
    let file = || File::open(path).map(|file| BufReader::with_capacity(1 << 16, file));
    let mut start = [0; 2];
    let compressed = file()
        .and_then(|mut reader| reader.read_exact(&mut start))
        .map(|()| start == *b"\x1f\x8b")
        .map_err(|error| DataError::io(path, error))?;
    let reader = file().map_err(|error| DataError::io(path, error))?;
    Ok(if compressed { Box::new(BufReader::new(GzDecoder::new(reader))) } else { Box::new(reader) })
}

fn header(path: &Path, reader: &mut dyn Read) -> Result<Header> {
    let mut magic = [0; 4];
    reader.read_exact(&mut magic).map_err(|error| cut_off(path, &error))?;
    let (Some(number), true) = (Number::of_code(magic[2]), begins(&magic)) else {
        let problem = format!("it is no IDX file: it begins with the bytes {magic:02x?}; check the name of the file");
        return Err(DataError::format(path, problem));
    };
    let mut shape = Vec::new();
    for _ in 0..magic[3] {
        let mut length = [0; 4];
        reader.read_exact(&mut length).map_err(|error| cut_off(path, &error))?;
        shape.push(u32::from_be_bytes(length) as usize);
    }
    let total = shape.iter().try_fold(1_usize, |total, &length| total.checked_mul(length));
    if total.is_none_or(|total| total > MOST) {
        return Err(DataError::format(path, format!("its header claims the shape {shape:?}; it is damaged")));
    }
    Ok(Header { number, shape })
}

fn numbers(path: &Path, header: &Header, reader: &mut dyn Read, mut each: impl FnMut(f64)) -> Result<()> {
    let width = header.number.width();
    let mut left = header.shape.iter().product::<usize>();
    let mut block = vec![0; width * 8192];
    while left > 0 {
        let count = left.min(8192);
        let bytes = &mut block[..count * width];
        reader.read_exact(bytes).map_err(|error| cut_off(path, &error))?;
        bytes.chunks_exact(width).for_each(|bytes| each(header.number.decode(bytes)));
        left -= count;
    }
    Ok(())
}

fn cut_off(path: &Path, error: &io::Error) -> DataError {
    if error.kind() == io::ErrorKind::UnexpectedEof {
        return DataError::format(path, "it ends before the last number that its header promises; copy it again");
    }
    DataError::format(path, error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::{Compression, write::GzEncoder};
    use std::io::Write;

    fn file(bytes: &[u8]) -> (tempfile::TempDir, std::path::PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("images");
        std::fs::write(&path, bytes).unwrap();
        (folder, path)
    }

    const IMAGES: &[u8] = &[0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 3, 1, 2, 3, 253, 254, 255];

    #[test]
    fn plain_and_compressed_files_hold_the_same_array() {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(IMAGES).unwrap();
        let compressed = encoder.finish().unwrap();
        assert!(begins(IMAGES) && begins_compressed(&compressed) && !begins_compressed(IMAGES));
        for bytes in [IMAGES, &compressed] {
            let (_folder, path) = file(bytes);
            let array = read_idx(&path).unwrap();
            assert_eq!(array.shape(), [2, 1, 3]);
            assert_eq!(array.iter().copied().collect::<Vec<_>>(), [1.0, 2.0, 3.0, 253.0, 254.0, 255.0]);
            assert_eq!(crate::arrays::read_array(&path, None).unwrap(), array);
            let summary = crate::inspect(&path).unwrap();
            assert_eq!(
                (summary.arrays[0].dtype.as_str(), summary.arrays[0].shape.as_slice()),
                ("uint8", &[2, 1, 3][..])
            );
        }
    }

    #[test]
    fn every_type_of_number_is_read_big_endian() {
        let cases: [(&[u8], f64); 5] = [
            (&[0, 0, 9, 1, 0, 0, 0, 1, 255], -1.0),
            (&[0, 0, 11, 1, 0, 0, 0, 1, 255, 254], -2.0),
            (&[0, 0, 12, 1, 0, 0, 0, 1, 0, 1, 0, 0], 65_536.0),
            (&[0, 0, 13, 1, 0, 0, 0, 1, 0x3f, 0xc0, 0, 0], 1.5),
            (&[0, 0, 14, 1, 0, 0, 0, 1, 0xbf, 0xe0, 0, 0, 0, 0, 0, 0], -0.5),
        ];
        for (bytes, value) in cases {
            let (_folder, path) = file(bytes);
            assert_eq!(read_idx(&path).unwrap().iter().copied().collect::<Vec<_>>(), [value]);
        }
    }

    #[test]
    fn damaged_files_are_refused() {
        for (bytes, words) in [
            (&IMAGES[..20], "ends before the last number"),
            (&IMAGES[..9], "ends before the last number"),
            (&[0, 0, 8, 2, 255, 255, 255, 255, 255, 255, 255, 255][..], "damaged"),
            (b"hello", "no IDX file"),
        ] {
            let (_folder, path) = file(bytes);
            let message = read_idx(&path).unwrap_err().to_string();
            assert!(message.contains(words), "{message}");
        }
    }
}
