//! numpy's npy format (numpy enhancement proposal 1): a header that is a Python dictionary, then the numbers.
//!
//! The header is read here, not by a crate: a reader that takes the shape at its word allocates whatever a damaged or
//! hostile file claims, and one whose element type is fixed in advance cannot turn every type of number into f64.
//! Here memory grows only with bytes that have arrived.

use std::io::{self, Read, Write};

use ndarray::ArrayViewD;

/// The first bytes of every npy file.
const MAGIC: &[u8; 6] = b"\x93NUMPY";
/// Longer headers are refused; numpy's own limit is 10 000 bytes.
const MAX_HEADER: usize = 1 << 20;
/// ndarray and numpy stop at a similar number of axes.
const MAX_AXES: usize = 32;
/// Above this, f64 skips integers.
const EXACT: u64 = 1 << 53;

/// Why an npy stream cannot be read; the caller knows the file.
#[derive(Debug)]
pub(crate) enum NpyError {
    Io(io::Error),
    Format(String),
    Type { dtype: String, advice: &'static str },
}

impl From<io::Error> for NpyError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

fn damaged(what: impl std::fmt::Display) -> NpyError {
    NpyError::Format(format!("its npy header {what}; the file is damaged, save it again with numpy.save"))
}

/// The types of number that are read, with the width in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Number {
    Bool,
    Signed(usize),
    Unsigned(usize),
    Float(usize),
}

/// What the header says.
#[derive(Debug)]
pub(crate) struct Header {
    /// numpy's name of the type, for example `float64`.
    pub dtype: String,
    pub shape: Vec<usize>,
    pub fortran_order: bool,
    /// Number of elements.
    pub len: usize,
    number: Result<Number, &'static str>,
    big_endian: bool,
}

impl Header {
    /// Reads and checks the header; what follows in `reader` are the numbers.
    pub fn read(reader: &mut dyn Read) -> Result<Self, NpyError> {
        let mut start = [0; 8];
        reader.read_exact(&mut start)?;
        if &start[..6] != MAGIC {
            return Err(NpyError::Format("it does not begin as an npy file does; save it with numpy.save".into()));
        }
        let length = match start[6] {
            1 => {
                let mut bytes = [0; 2];
                reader.read_exact(&mut bytes)?;
                usize::from(u16::from_le_bytes(bytes))
            }
            2 | 3 => {
                let mut bytes = [0; 4];
                reader.read_exact(&mut bytes)?;
                u32::from_le_bytes(bytes) as usize
            }
            other => return Err(damaged(format_args!("is of version {other}, but only 1, 2 and 3 exist"))),
        };
        if length > MAX_HEADER {
            return Err(damaged(format_args!("claims {length} bytes")));
        }
        let mut text = vec![0; length];
        reader.read_exact(&mut text)?;
        Self::parse(&String::from_utf8_lossy(&text))
    }

    fn parse(text: &str) -> Result<Self, NpyError> {
        let mut literal = Literal { rest: text.trim() };
        let (mut descr, mut fortran_order, mut shape) = (None, None, None);
        literal.expect('{')?;
        while !literal.take('}') {
            let key = literal.string()?;
            literal.expect(':')?;
            match key.as_str() {
                "descr" if literal.peek() == Some('[') => {
                    // A list describes a record of several fields; it is not read, so it needs no parsing.
                    let dtype = "record (structured array)".to_owned();
                    return Err(NpyError::Type { dtype, advice: "save each field as an array of its own" });
                }
                "descr" => descr = Some(literal.string()?),
                "fortran_order" => fortran_order = Some(literal.boolean()?),
                "shape" => shape = Some(literal.tuple()?),
                other => return Err(damaged(format_args!("has an unknown key \"{other}\""))),
            }
            if !literal.take(',') {
                literal.expect('}')?;
                break;
            }
        }
        let (Some(descr), Some(fortran_order), Some(shape)) = (descr, fortran_order, shape) else {
            return Err(damaged("lacks descr, fortran_order or shape"));
        };
        if shape.len() > MAX_AXES {
            return Err(damaged(format_args!("claims {} axes", shape.len())));
        }
        // ndarray, as numpy, wants the product of the axes that are not zero to be addressable.
        let addressable = shape.iter().filter(|n| **n > 0).try_fold(8_usize, |bytes, n| bytes.checked_mul(*n));
        if addressable.is_none_or(|bytes| bytes > isize::MAX as usize) {
            return Err(damaged(format_args!("claims the impossible shape {shape:?}")));
        }
        let (dtype, number, big_endian) = element(&descr);
        let len = shape.iter().product();
        Ok(Self { dtype, shape, fortran_order, len, number, big_endian })
    }

    /// How many bytes of numbers follow; an error for types that are not read.
    pub fn n_bytes(&self) -> Result<u64, NpyError> {
        Ok(self.len as u64 * self.number()?.width() as u64)
    }

    fn number(&self) -> Result<Number, NpyError> {
        self.number.map_err(|advice| NpyError::Type { dtype: self.dtype.clone(), advice })
    }

    /// Hands the numbers to `each`, a block at a time, in the order of the file.
    pub fn numbers(&self, reader: &mut dyn Read, mut each: impl FnMut(&[f64])) -> Result<(), NpyError> {
        const BLOCK: usize = 8192;
        let number = self.number()?;
        let width = number.width();
        let mut bytes = vec![0; BLOCK * width];
        let mut values = Vec::with_capacity(BLOCK);
        let mut done = 0;
        while done < self.len {
            let n = BLOCK.min(self.len - done);
            let block = &mut bytes[..n * width];
            reader.read_exact(block)?;
            if self.big_endian {
                block.chunks_exact_mut(width).for_each(<[u8]>::reverse);
            }
            values.clear();
            if let Some(i) = number.decode(block, &mut values) {
                return Err(NpyError::Format(format!(
                    "value {} is a whole number above 2^53, which f64 cannot hold exactly; subtract an offset before saving",
                    done + i
                )));
            }
            each(&values);
            done += n;
        }
        Ok(())
    }
}

/// numpy's name of a type, how to read it or what to do instead, and whether its bytes are reversed.
fn element(descr: &str) -> (String, Result<Number, &'static str>, bool) {
    let (order, code) = match descr.chars().next() {
        Some(order @ ('<' | '>' | '|' | '=')) => (order, &descr[1..]),
        _ => ('|', descr),
    };
    let big_endian = order == '>';
    let (name, number) = match code {
        "b1" | "?" => ("bool", Ok(Number::Bool)),
        "i1" => ("int8", Ok(Number::Signed(1))),
        "i2" => ("int16", Ok(Number::Signed(2))),
        "i4" => ("int32", Ok(Number::Signed(4))),
        "i8" => ("int64", Ok(Number::Signed(8))),
        "u1" => ("uint8", Ok(Number::Unsigned(1))),
        "u2" => ("uint16", Ok(Number::Unsigned(2))),
        "u4" => ("uint32", Ok(Number::Unsigned(4))),
        "u8" => ("uint64", Ok(Number::Unsigned(8))),
        "f4" => ("float32", Ok(Number::Float(4))),
        "f8" => ("float64", Ok(Number::Float(8))),
        "f2" => ("float16", Err("save it with x.astype(\"float32\")")),
        "f12" | "f16" => ("longdouble", Err("save it with x.astype(\"float64\")")),
        "c8" => ("complex64", Err("save real and imaginary part as two arrays")),
        "c16" => ("complex128", Err("save real and imaginary part as two arrays")),
        "O" => ("object", Err("save numbers: numpy.asarray(x, dtype=float) shows what is not one")),
        _ if code.starts_with('U') || code.starts_with('S') => (descr, Err("text belongs in a csv file")),
        _ if code.starts_with('M') || code.starts_with('m') => {
            (descr, Err("save times as seconds: x.astype(\"int64\") with the unit in the name"))
        }
        _ => (descr, Err("save it with x.astype(\"float64\")")),
    };
    (name.to_owned(), number, big_endian)
}

impl Number {
    fn width(self) -> usize {
        match self {
            Self::Bool => 1,
            Self::Signed(width) | Self::Unsigned(width) | Self::Float(width) => width,
        }
    }

    /// Little-endian bytes to numbers; the position of the first integer that f64 cannot hold, if there is one.
    fn decode(self, bytes: &[u8], values: &mut Vec<f64>) -> Option<usize> {
        fn each<const N: usize>(bytes: &[u8], values: &mut Vec<f64>, value: impl Fn([u8; N]) -> f64) -> Option<usize> {
            values.extend(bytes.as_chunks::<N>().0.iter().map(|chunk| value(*chunk)));
            None
        }
        match self {
            Self::Bool => each(bytes, values, |[byte]| f64::from(u8::from(byte != 0))),
            Self::Signed(1) => each(bytes, values, |b| f64::from(i8::from_le_bytes(b))),
            Self::Signed(2) => each(bytes, values, |b| f64::from(i16::from_le_bytes(b))),
            Self::Signed(4) => each(bytes, values, |b| f64::from(i32::from_le_bytes(b))),
            Self::Signed(_) => {
                let whole = |b: &[u8; 8]| i64::from_le_bytes(*b);
                let chunks = bytes.as_chunks::<8>().0;
                values.extend(chunks.iter().map(|b| whole(b) as f64));
                chunks.iter().position(|b| whole(b).unsigned_abs() > EXACT)
            }
            Self::Unsigned(1) => each(bytes, values, |[byte]| f64::from(byte)),
            Self::Unsigned(2) => each(bytes, values, |b| f64::from(u16::from_le_bytes(b))),
            Self::Unsigned(4) => each(bytes, values, |b| f64::from(u32::from_le_bytes(b))),
            Self::Unsigned(_) => {
                let chunks = bytes.as_chunks::<8>().0;
                values.extend(chunks.iter().map(|b| u64::from_le_bytes(*b) as f64));
                chunks.iter().position(|b| u64::from_le_bytes(*b) > EXACT)
            }
            Self::Float(4) => each(bytes, values, |b| f64::from(f32::from_le_bytes(b))),
            Self::Float(_) => each(bytes, values, f64::from_le_bytes),
        }
    }
}

/// The few Python literals that a header is made of.
struct Literal<'a> {
    rest: &'a str,
}

impl Literal<'_> {
    fn peek(&mut self) -> Option<char> {
        self.rest = self.rest.trim_start();
        self.rest.chars().next()
    }

    fn take(&mut self, wanted: char) -> bool {
        let found = self.peek() == Some(wanted);
        if found {
            self.rest = &self.rest[wanted.len_utf8()..];
        }
        found
    }

    fn expect(&mut self, wanted: char) -> Result<(), NpyError> {
        if self.take(wanted) { Ok(()) } else { Err(damaged(format_args!("lacks a \"{wanted}\""))) }
    }

    fn string(&mut self) -> Result<String, NpyError> {
        let quote = self.peek().filter(|c| matches!(c, '\'' | '"')).ok_or_else(|| damaged("lacks a quoted name"))?;
        let inner = &self.rest[1..];
        let end = inner.find(quote).ok_or_else(|| damaged("has a quote that does not end"))?;
        self.rest = &inner[end + 1..];
        Ok(inner[..end].to_owned())
    }

    fn boolean(&mut self) -> Result<bool, NpyError> {
        self.peek();
        for (word, value) in [("True", true), ("False", false)] {
            if let Some(rest) = self.rest.strip_prefix(word) {
                self.rest = rest;
                return Ok(value);
            }
        }
        Err(damaged("has a fortran_order that is neither True nor False"))
    }

    fn tuple(&mut self) -> Result<Vec<usize>, NpyError> {
        self.expect('(')?;
        let mut items = Vec::new();
        while !self.take(')') {
            self.peek();
            let digits = self.rest.len() - self.rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
            let item = self.rest[..digits].parse().map_err(|_| damaged("has a shape that is not a tuple of sizes"))?;
            items.push(item);
            self.rest = self.rest[digits..].strip_prefix('L').unwrap_or(&self.rest[digits..]);
            if !self.take(',') {
                self.expect(')')?;
                break;
            }
        }
        Ok(items)
    }
}

/// A type of number that can be written.
pub trait Element: Copy {
    /// numpy's code of the type.
    #[doc(hidden)]
    const DESCR: &'static str;
    /// The value, little-endian.
    #[doc(hidden)]
    fn bytes(self) -> [u8; 8];
    /// How many of the bytes count.
    #[doc(hidden)]
    const WIDTH: usize;
}

impl Element for f64 {
    const DESCR: &'static str = "<f8";
    const WIDTH: usize = 8;
    fn bytes(self) -> [u8; 8] {
        self.to_le_bytes()
    }
}

impl Element for i64 {
    const DESCR: &'static str = "<i8";
    const WIDTH: usize = 8;
    fn bytes(self) -> [u8; 8] {
        self.to_le_bytes()
    }
}

impl Element for bool {
    const DESCR: &'static str = "|b1";
    const WIDTH: usize = 1;
    fn bytes(self) -> [u8; 8] {
        [u8::from(self), 0, 0, 0, 0, 0, 0, 0]
    }
}

/// Writes an array in C order.
pub(crate) fn write<T: Element>(out: &mut dyn Write, array: &ArrayViewD<'_, T>) -> io::Result<()> {
    write_header::<T>(out, array.shape())?;
    write_numbers(out, array)
}

/// Writes the header of version 1.0, with the numbers that follow aligned to 64 bytes as numpy does.
pub(crate) fn write_header<T: Element>(out: &mut dyn Write, shape: &[usize]) -> io::Result<()> {
    let sizes: Vec<String> = shape.iter().map(usize::to_string).collect();
    let shape = if sizes.len() == 1 { format!("({},)", sizes[0]) } else { format!("({})", sizes.join(", ")) };
    let mut header = format!("{{'descr': '{}', 'fortran_order': False, 'shape': {shape}, }}", T::DESCR);
    // Magic, version and length take ten bytes, the line end one.
    let total = (10 + header.len() + 1).next_multiple_of(64);
    header.push_str(&" ".repeat(total - 11 - header.len()));
    header.push('\n');
    out.write_all(MAGIC)?;
    out.write_all(&[1, 0])?;
    let length = u16::try_from(header.len()).map_err(|_| io::Error::other("an array with too many axes"))?;
    out.write_all(&length.to_le_bytes())?;
    out.write_all(header.as_bytes())
}

/// Writes the numbers of an array in C order.
pub(crate) fn write_numbers<T: Element>(out: &mut dyn Write, array: &ArrayViewD<'_, T>) -> io::Result<()> {
    let mut block = Vec::with_capacity(1 << 16);
    for value in array {
        block.extend_from_slice(&value.bytes()[..T::WIDTH]);
        if block.len() >= (1 << 16) - 8 {
            out.write_all(&block)?;
            block.clear();
        }
    }
    out.write_all(&block)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_of_numpy_are_understood() {
        let header = Header::parse("{'descr': '>i4', 'fortran_order': True, 'shape': (3, 4), }     \n").unwrap();
        assert_eq!((header.dtype.as_str(), header.shape.as_slice(), header.len), ("int32", &[3, 4][..], 12));
        assert!(header.fortran_order && header.big_endian);
        let scalar = Header::parse("{'shape': (), 'fortran_order': False, 'descr': '<f8'}").unwrap();
        assert_eq!((scalar.len, scalar.shape.len()), (1, 0));
        assert_eq!(Header::parse("{'descr': '|u1', 'fortran_order': False, 'shape': (5L,)}").unwrap().shape, [5]);
    }

    #[test]
    fn damaged_headers_are_refused() {
        for text in [
            "",
            "{",
            "{}",
            "{'descr'",
            "{'descr': '<f8', 'fortran_order': False, 'shape': (3, -4)}",
            "{'descr': '<f8', 'fortran_order': Maybe, 'shape': (3,)}",
            "{'descr': '<f8', 'fortran_order': False, 'shape': (99999999999999999999,)}",
            "{'descr': '<f8', 'fortran_order': False, 'shape': (4294967296, 4294967296)}",
            "{'descr': '<f8', 'fortran_order': False, 'shape': (0, 4294967296, 4294967296)}",
            "{'descr': '<f8', 'fortran_order': False, 'shape': (1,), 'more': 1}",
        ] {
            assert!(matches!(Header::parse(text), Err(NpyError::Format(_))), "{text}");
        }
    }

    #[test]
    fn types_that_are_not_read_come_with_advice() {
        for descr in ["'<f2'", "'|O'", "'<U7'", "'<c16'", "'<M8[ns]'", "'|V8'", "'\u{fffd}'", "''"] {
            let text = format!("{{'descr': {descr}, 'fortran_order': False, 'shape': (1,)}}");
            assert!(matches!(Header::parse(&text).unwrap().n_bytes(), Err(NpyError::Type { .. })), "{descr}");
        }
        assert!(matches!(Header::parse("{'descr': [('a', '<f8')],"), Err(NpyError::Type { .. })));
    }
}
