//! Handwritten digits, stored exactly and recalled from noise and from their upper halves, beside attention.
//!
//! `cargo run --release -p neuropil-memory --example digits`

use ndarray::{Array2, ArrayView2};
use neuropil_core::progress::Monitor;
use neuropil_core::random::Seed;
use neuropil_data::arrays::read_array;
use neuropil_memory::baseline::{ModernHopfield, NearestNeighbor};
use neuropil_memory::random_patterns::Noise;
use neuropil_memory::{
    AssociativeMemory, Kernel, KernelMemory, KernelMemoryParams, RecallOptions, Result, Rule, StateKind, recall,
};

fn main() -> std::result::Result<(), Box<dyn std::error::Error>> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../data/digits.npz");
    let images = read_array(path.as_ref(), Some("images"))?;
    let shape = (images.shape()[0], images.len() / images.shape()[0]);
    let digits = images.into_shape_with_order(shape)? / 16.0;

    let params = KernelMemoryParams {
        kernel: Kernel::gaussian(0.4),
        rule: Rule::normalized_interpolation(),
        states: StateKind::Real,
        ..KernelMemoryParams::default()
    };
    let (memory, report) = KernelMemory::fit(&params, digits.view())?;
    println!("{} digits, all stored: {}", report.n_patterns, report.all_stored());

    let noisy = Noise::Gaussian.corrupt(digits.view(), 0.2, Seed::new(0))?;
    let attention = ModernHopfield::with_radius(digits.view(), 0.4)?;
    let nearest = NearestNeighbor::fit(digits.view())?;
    let memories: [(&str, &dyn AssociativeMemory); 3] =
        [("kernel memory", &memory), ("attention", &attention), ("nearest neighbour", &nearest)];
    for (name, memory) in memories {
        println!("from noise 0.2, {name}: {:.4} restored", restored(memory, &noisy, digits.view())?);
    }

    let halves = Noise::Cover { value: f64::NAN }.corrupt(digits.view(), 0.5, Seed::new(0))?;
    let complete = memory.fill_in(halves.view())?;
    println!("from the upper half: {:.4} restored", restored(&memory, &complete, digits.view())?);
    Ok(())
}

/// The fraction of cues that end at their digit.
fn restored(memory: &dyn AssociativeMemory, cues: &Array2<f64>, digits: ArrayView2<f64>) -> Result<f64> {
    let states = recall(memory, cues.view(), &RecallOptions::default(), &Monitor::silent())?.states;
    let errors = (states - digits).mapv(|error| error * error).sum_axis(ndarray::Axis(1));
    Ok(errors.iter().filter(|error| error.sqrt() < 1e-3).count() as f64 / digits.nrows() as f64)
}
