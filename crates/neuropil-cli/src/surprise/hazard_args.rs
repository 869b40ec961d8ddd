//! How often the world changes.

use clap::Args;
use neuropil_surprise::hazard::Hazard;

use crate::failure::{Failure, Result};
use crate::surprise::input_args::Sequence;

/// The prior of a change.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Changes")]
pub(crate) struct HazardArgs {
    /// Probability of a change at each step; segments last 1/hazard observations on average [default: 0.01]
    #[arg(long, value_name = "P", allow_negative_numbers = true)]
    pub hazard: Option<f64>,
    /// Column with the probability of a change before each observation (known cues)
    #[arg(long, value_name = "NAME", conflicts_with_all = ["hazard", "segment_lengths"])]
    pub hazard_column: Option<String>,
    /// Segment lengths 1 + X with X negative binomial: size and success probability; a larger size makes the lengths
    /// more regular
    #[arg(long, value_name = "SIZE,P", value_delimiter = ',', num_args = 1, conflicts_with = "hazard")]
    pub segment_lengths: Option<Vec<f64>>,
}

/// The hazard unless an option says otherwise.
pub(crate) const DEFAULT_HAZARD: f64 = 0.01;

impl HazardArgs {
    /// The hazard, cues taken from the input.
    pub fn hazard(&self, input: &Sequence) -> Result<Hazard> {
        let hazard = match (&self.hazard_column, &self.segment_lengths) {
            (Some(column), _) => Hazard::PerStep(input.numbers(column)?),
            (None, Some(law)) => {
                let [size, probability] = law.as_slice() else {
                    let message = format!("--segment-lengths needs two numbers, got {}", law.len());
                    return Err(Failure::usage(message).hint("for example --segment-lengths 4,0.05"));
                };
                Hazard::NegativeBinomial { size: *size, probability: *probability }
            }
            (None, None) => Hazard::Constant(self.hazard.unwrap_or(DEFAULT_HAZARD)),
        };
        hazard.validate()?;
        Ok(hazard)
    }
}
