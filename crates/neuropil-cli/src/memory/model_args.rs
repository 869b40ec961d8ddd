//! A memory that `fit` has written.

use std::path::PathBuf;

use clap::Args;
use neuropil_memory::KernelMemory;
use serde_json::{Value, json};

use crate::failure::{Failure, Result};
use crate::memory::pattern_args::square;

/// The file with the memory.
#[derive(Debug, Clone, Args)]
pub(crate) struct ModelArgs {
    /// A memory, as `neuropil memory fit --out` writes it
    #[arg(value_name = "MEMORY")]
    pub model: PathBuf,
}

impl ModelArgs {
    pub fn load(&self) -> Result<KernelMemory> {
        KernelMemory::load(&self.model).map_err(|error| {
            Failure::from(error).hint("a memory is written by `neuropil memory fit PATTERNS --out MEMORY.npz`")
        })
    }

    /// For the JSON document.
    pub fn describe(&self, memory: &KernelMemory) -> Value {
        json!({
            "path": self.model,
            "n_patterns": memory.n_patterns(),
            "n_neurons": memory.patterns().ncols(),
            "memory": memory.params(),
        })
    }
}

/// Height and width by which states are drawn.
#[derive(Debug, Clone, Args)]
pub(crate) struct ImageArgs {
    /// Height and width of a pattern in pictures, for example 8x8 [default: as the images in
    /// the file of cues, or a square where N is one]
    #[arg(long, value_name = "HxW", value_parser = shape)]
    pub image: Option<(usize, usize)>,
}

impl ImageArgs {
    /// The shape for patterns of a width: the one that was given, that of the images in a file, a square, a single row.
    pub fn shape(&self, width: usize, images: Option<(usize, usize)>) -> Result<(usize, usize)> {
        let images = images.filter(|(height, columns)| height * columns == width);
        let (height, columns) = self.image.or(images).or_else(|| square(width)).unwrap_or((1, width));
        if height * columns != width {
            let message = format!("--image {height}x{columns} has {} entries, a pattern {width}", height * columns);
            return Err(Failure::usage(message));
        }
        Ok((height, columns))
    }
}

fn shape(text: &str) -> std::result::Result<(usize, usize), String> {
    let parts = text.split_once('x').and_then(|(h, w)| Some((h.trim().parse().ok()?, w.trim().parse().ok()?)));
    parts.filter(|&(h, w): &(usize, usize)| h > 0 && w > 0).ok_or_else(|| "write height x width, as 8x8".to_owned())
}
