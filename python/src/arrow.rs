//! Tables for pandas, polars, pyarrow and DuckDB: the Arrow C stream interface in a PyCapsule.
//!
//! The C data interface is three structures of pointers (<https://arrow.apache.org/docs/format/CStreamInterface.html>).
//! Whoever receives one owns it and calls its `release`; a consumer may take a child out of its parent by copying it
//! and clearing the parent's `release`. Every structure here therefore owns its own memory and nothing of its parent's.
//! NaN stays NaN: columns have no null bitmap.

use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::ptr::{null, null_mut};

use numpy::PyReadonlyArray1;
use pyo3::prelude::*;
use pyo3::types::PyCapsule;

use crate::errors::Failure;

#[repr(C)]
struct Schema {
    format: *const c_char,
    name: *const c_char,
    metadata: *const c_char,
    flags: i64,
    n_children: i64,
    children: *mut *mut Schema,
    dictionary: *mut Schema,
    release: Option<unsafe extern "C" fn(*mut Schema)>,
    private: *mut c_void,
}

#[repr(C)]
struct Array {
    length: i64,
    null_count: i64,
    offset: i64,
    n_buffers: i64,
    n_children: i64,
    buffers: *mut *const c_void,
    children: *mut *mut Array,
    dictionary: *mut Array,
    release: Option<unsafe extern "C" fn(*mut Array)>,
    private: *mut c_void,
}

#[repr(C)]
struct Stream {
    get_schema: unsafe extern "C" fn(*mut Stream, *mut Schema) -> c_int,
    get_next: unsafe extern "C" fn(*mut Stream, *mut Array) -> c_int,
    get_last_error: unsafe extern "C" fn(*mut Stream) -> *const c_char,
    release: Option<unsafe extern "C" fn(*mut Stream)>,
    private: *mut c_void,
}

// SAFETY: the stream owns what it points to, and nothing of it belongs to a thread.
unsafe impl Send for Stream {}

/// The buffers of a column behind the (absent) null bitmap.
enum Column {
    Float(Vec<f64>),
    Integer(Vec<i64>),
    /// One bit per value, least significant first.
    Truth(Vec<u8>),
    Text(Vec<i32>, Vec<u8>),
}

impl Column {
    fn format(&self) -> &'static CStr {
        match self {
            Self::Float(_) => c"g",
            Self::Integer(_) => c"l",
            Self::Truth(_) => c"b",
            Self::Text(..) => c"u",
        }
    }

    fn from_python(name: &str, values: &Bound<'_, PyAny>) -> PyResult<(usize, Self)> {
        if let Ok(values) = values.extract::<PyReadonlyArray1<'_, f64>>() {
            let values: Vec<f64> = values.as_array().iter().copied().collect();
            return Ok((values.len(), Self::Float(values)));
        }
        if let Ok(values) = values.extract::<PyReadonlyArray1<'_, i64>>() {
            let values: Vec<i64> = values.as_array().iter().copied().collect();
            return Ok((values.len(), Self::Integer(values)));
        }
        if let Ok(values) = values.extract::<PyReadonlyArray1<'_, bool>>() {
            let values = values.as_array();
            let mut bits = vec![0; values.len().div_ceil(8)];
            for (index, _) in values.iter().enumerate().filter(|(_, value)| **value) {
                bits[index / 8] |= 1 << (index % 8);
            }
            return Ok((values.len(), Self::Truth(bits)));
        }
        let texts: Vec<String> = values.extract()?;
        let (mut offsets, mut bytes) = (vec![0], Vec::new());
        for text in &texts {
            bytes.extend_from_slice(text.as_bytes());
            offsets.push(i32::try_from(bytes.len()).map_err(|_| {
                PyErr::from(Failure::Input(format!(
                    "column {name:?} holds more than 2 GiB of text; write it to a file"
                )))
            })?);
        }
        Ok((texts.len(), Self::Text(offsets, bytes)))
    }
}

struct Table {
    names: Vec<CString>,
    formats: Vec<&'static CStr>,
    columns: Option<Vec<Column>>,
    length: i64,
}

/// A capsule with the columns as an Arrow stream of one batch.
#[pyfunction]
#[pyo3(signature = (names, columns) -> "object")]
pub fn arrow_stream<'py>(
    py: Python<'py>,
    names: Vec<String>,
    columns: Vec<Bound<'py, PyAny>>,
) -> PyResult<Bound<'py, PyCapsule>> {
    let (mut taken, mut length) = (Vec::with_capacity(columns.len()), 0);
    for (name, values) in names.iter().zip(&columns) {
        let (n, column) = Column::from_python(name, values)?;
        length = n as i64;
        taken.push(column);
    }
    let table = Table {
        names: names.into_iter().map(|name| CString::new(name).unwrap_or_default()).collect(),
        formats: taken.iter().map(Column::format).collect(),
        columns: Some(taken),
        length,
    };
    let stream = Stream {
        get_schema,
        get_next,
        get_last_error,
        release: Some(release_stream),
        private: Box::into_raw(Box::new(table)).cast(),
    };
    PyCapsule::new_with_value_and_destructor(py, stream, c"arrow_array_stream", |mut stream, _| {
        if let Some(release) = stream.release {
            // SAFETY: nobody has taken the stream, or `release` would have been cleared.
            unsafe { release(&raw mut stream) };
        }
    })
}

/// Memory of a schema.
struct SchemaOwner {
    _name: CString,
    children: Vec<*mut Schema>,
}

fn schema(name: CString, format: &'static CStr, children: Vec<Schema>) -> Schema {
    let children = children.into_iter().map(|child| Box::into_raw(Box::new(child))).collect();
    let mut owner = Box::new(SchemaOwner { _name: name, children });
    Schema {
        format: format.as_ptr(),
        name: owner._name.as_ptr(),
        metadata: null(),
        flags: 0,
        n_children: owner.children.len() as i64,
        children: owner.children.as_mut_ptr(),
        dictionary: null_mut(),
        release: Some(release_schema),
        private: Box::into_raw(owner).cast(),
    }
}

/// Memory of an array.
struct ArrayOwner {
    _column: Option<Column>,
    buffers: Vec<*const c_void>,
    children: Vec<*mut Array>,
}

fn array(length: i64, column: Option<Column>, children: Vec<Array>) -> Array {
    let buffers: Vec<*const c_void> = match &column {
        None => vec![null()],
        Some(Column::Float(values)) => vec![null(), values.as_ptr().cast()],
        Some(Column::Integer(values)) => vec![null(), values.as_ptr().cast()],
        Some(Column::Truth(bits)) => vec![null(), bits.as_ptr().cast()],
        Some(Column::Text(offsets, bytes)) => vec![null(), offsets.as_ptr().cast(), bytes.as_ptr().cast()],
    };
    let children = children.into_iter().map(|child| Box::into_raw(Box::new(child))).collect();
    let mut owner = Box::new(ArrayOwner { _column: column, buffers, children });
    Array {
        length,
        null_count: 0,
        offset: 0,
        n_buffers: owner.buffers.len() as i64,
        n_children: owner.children.len() as i64,
        buffers: owner.buffers.as_mut_ptr(),
        children: owner.children.as_mut_ptr(),
        dictionary: null_mut(),
        release: Some(release_array),
        private: Box::into_raw(owner).cast(),
    }
}

unsafe extern "C" fn get_schema(stream: *mut Stream, out: *mut Schema) -> c_int {
    // SAFETY: the caller owns the stream, which has not been released, and `out` points to room for a schema.
    unsafe {
        let table = &*(*stream).private.cast::<Table>();
        let children = table.names.iter().zip(&table.formats);
        let children = children.map(|(name, format)| schema(name.clone(), format, Vec::new())).collect();
        out.write(schema(CString::default(), c"+s", children));
    }
    0
}

unsafe extern "C" fn get_next(stream: *mut Stream, out: *mut Array) -> c_int {
    // SAFETY: as for `get_schema`. The end of the stream is an array that is released already.
    unsafe {
        let table = &mut *(*stream).private.cast::<Table>();
        let length = table.length;
        out.write(match table.columns.take() {
            Some(columns) => {
                let children = columns.into_iter().map(|column| array(length, Some(column), Vec::new())).collect();
                array(length, None, children)
            }
            None => Array { release: None, ..std::mem::zeroed() },
        });
    }
    0
}

unsafe extern "C" fn get_last_error(_: *mut Stream) -> *const c_char {
    null()
}

unsafe extern "C" fn release_stream(stream: *mut Stream) {
    // SAFETY: called once, by the owner; `private` came from `Box::into_raw`.
    unsafe {
        drop(Box::from_raw((*stream).private.cast::<Table>()));
        (*stream).release = None;
    }
}

unsafe extern "C" fn release_schema(schema: *mut Schema) {
    // SAFETY: called once, by the owner; a child without `release` has been taken by the consumer.
    unsafe {
        let owner = Box::from_raw((*schema).private.cast::<SchemaOwner>());
        for child in owner.children {
            if let Some(release) = (*child).release {
                release(child);
            }
            drop(Box::from_raw(child));
        }
        (*schema).release = None;
    }
}

unsafe extern "C" fn release_array(array: *mut Array) {
    // SAFETY: as for `release_schema`.
    unsafe {
        let owner = Box::from_raw((*array).private.cast::<ArrayOwner>());
        for child in owner.children {
            if let Some(release) = (*child).release {
                release(child);
            }
            drop(Box::from_raw(child));
        }
        (*array).release = None;
    }
}
