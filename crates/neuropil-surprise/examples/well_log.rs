//! Where does the rock change along a borehole?
//!
//! Reads the well log shipped in `data/`, finds its most probable segmentation and prints the layers:
//! `cargo run --release -p neuropil-surprise --example well_log`.

use std::path::Path;

use neuropil_core::progress::Monitor;
use neuropil_data::series::read_series;
use neuropil_surprise::blocks::Blocks;
use neuropil_surprise::family::Gaussian;
use neuropil_surprise::model::ChangePointLearner;
use neuropil_surprise::smooth::DEFAULT_CUTOFF;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../data/well_log.csv");
    let y = read_series(&file, &["response"])?;
    // Within a layer the response scatters by about 4000; layers differ by about 12000 around 115000.
    let family = Gaussian { sigma: 4000.0, prior_mean: 115_000.0, prior_sd: 12_000.0 };
    let learner = ChangePointLearner { hazard: 0.005.into(), ..ChangePointLearner::new(family) };
    let blocks = Blocks::single(y.nrows());
    let segmentation = learner.segment(y.view(), &blocks, DEFAULT_CUTOFF, &Monitor::silent())?;
    println!("{:>6} {:>6} {:>12} {:>8} {:>10}", "from", "to", "response", "sd", "P(change)");
    for (i, (&start, &end)) in segmentation.starts.iter().zip(&segmentation.ends).enumerate() {
        let (mean, sd) = (segmentation.mean[[i, 0]], segmentation.standard_deviation[[i, 0]]);
        println!("{start:>6} {end:>6} {mean:>12.0} {sd:>8.0} {:>10.3}", segmentation.change_probability[i]);
    }
    Ok(())
}
