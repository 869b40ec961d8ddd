//! Learning in volatile environments.
pub mod error;
pub mod family;

pub use error::{Error, Result};
