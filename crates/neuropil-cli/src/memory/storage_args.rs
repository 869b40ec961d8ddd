//! What is stored: patterns, pairs or a sequence; exactly, or where a Gram matrix would be too large.

use std::path::PathBuf;

use clap::Args;
use ndarray::ArrayView2;
use neuropil_core::progress::Monitor;
use neuropil_memory::kernel_memory::{InducingOptions, SparseOptions};
use neuropil_memory::{FitReport, KernelMemory, KernelMemoryParams};

use crate::failure::Result;
use crate::memory::pattern_args::ReadingArgs;

#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Storage")]
pub(crate) struct StorageArgs {
    /// A file of output patterns, one for each pattern, read in the same way: a memory of pairs
    #[arg(long, value_name = "FILE", conflicts_with = "sequence")]
    outputs: Option<PathBuf>,
    /// Array of an npz file with the output patterns
    #[arg(long, value_name = "NAME", requires = "outputs")]
    outputs_array: Option<String>,
    /// The patterns are a sequence: each recalls the next
    #[arg(long, conflicts_with_all = ["inducing", "sparse"])]
    sequence: bool,
    /// Least squares in the span of N of the patterns, drawn at random: for more patterns than a Gram matrix can hold.
    /// Needs --rule interpolate
    #[arg(long, value_name = "N", conflicts_with = "sparse")]
    inducing: Option<usize>,
    /// Keep only entries of the Gram matrix that are not negligible: for many patterns and a kernel of short range. Needs
    /// --rule interpolate
    #[arg(long)]
    sparse: bool,
}

impl StorageArgs {
    pub fn fit(
        &self,
        params: &KernelMemoryParams,
        patterns: ArrayView2<f64>,
        reading: &ReadingArgs,
        seed: u64,
        monitor: &Monitor,
    ) -> Result<(KernelMemory, FitReport)> {
        let outputs = match &self.outputs {
            Some(path) => {
                let reading = ReadingArgs { array: self.outputs_array.clone(), columns: Vec::new(), ..reading.clone() };
                Some(reading.read(path)?.values)
            }
            None => None,
        };
        let outputs = outputs.as_ref().map(|outputs| outputs.view());
        Ok(match (self.inducing, outputs) {
            (Some(n_inducing), outputs) => {
                let options = InducingOptions { n_inducing, seed };
                KernelMemory::fit_inducing(params, patterns, outputs, &options, monitor)?
            }
            (None, outputs) if self.sparse => {
                KernelMemory::fit_sparse(params, patterns, outputs, &SparseOptions::default(), monitor)?
            }
            (None, Some(outputs)) => KernelMemory::fit_pairs(params, patterns, outputs, monitor)?,
            (None, None) if self.sequence => KernelMemory::fit_sequence(params, patterns, monitor)?,
            (None, None) => KernelMemory::fit_with(params, patterns, monitor)?,
        })
    }

    /// What is stored, for the summary and the document.
    pub fn name(&self) -> &'static str {
        match (self.inducing, self.sparse, self.sequence, &self.outputs) {
            (Some(_), ..) => "inducing patterns",
            (None, true, ..) => "sparse Gram matrix",
            (None, false, true, _) => "sequence",
            (None, false, false, Some(_)) => "pairs",
            (None, false, false, None) => "patterns",
        }
    }
}
