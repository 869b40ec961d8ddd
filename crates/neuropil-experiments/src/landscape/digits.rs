//! The handwritten digits that are shipped, as a classification task.

use ndarray::{Array2, Ix2, s};
use neuropil_landscape::Dataset;

use crate::{Error, Result};

/// Grey values from 0 to 1, samples x 64, and the digits.
pub fn images() -> Result<(Array2<f64>, Vec<usize>)> {
    let bytes = include_bytes!("../../../../data/digits.npz");
    let arrays = neuropil_data::arrays::npz_from_bytes("digits.npz", bytes).map_err(Error::failed)?;
    let find = |name: &str| {
        let found = arrays.iter().find(|array| array.name == name);
        found.map(|array| array.values.clone()).ok_or_else(|| Error::failed(format!("digits.npz has no {name}")))
    };
    let images = find("images")?;
    let n = images.shape()[0];
    let pixels = images.len() / n;
    let images = images.into_shape_with_order((n, pixels)).map_err(Error::failed)?;
    let largest = images.iter().fold(0.0_f64, |largest, value| largest.max(*value));
    let images = images.into_dimensionality::<Ix2>().map_err(Error::failed)? / largest;
    let labels = find("labels")?.iter().map(|label| *label as usize).collect();
    Ok((images, labels))
}

/// The first `samples` digits with their classes.
pub fn classes(samples: usize) -> Result<Dataset> {
    let (images, labels) = images()?;
    let samples = samples.min(labels.len());
    Ok(Dataset::labelled(images.slice(s![..samples, ..]).to_owned(), &labels[..samples], 10)?)
}
