//! How often the world changes.

use std::path::{Path, PathBuf};

use clap::Args;
use neuropil_data::series;
use neuropil_surprise::hazard::Hazard;

use crate::failure::{Failure, Result};
use crate::surprise::input_args::Sequence;

/// The hazard unless an option says otherwise.
pub(crate) const DEFAULT_HAZARD: f64 = 0.01;

/// The law of the changes.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Changes")]
pub(crate) struct LawArgs {
    /// Probability of a change at each step; segments last 1/hazard observations on average [default: 0.01]
    #[arg(long, value_name = "P", allow_negative_numbers = true)]
    pub hazard: Option<f64>,
    /// Segment lengths 1 + X with X negative binomial: size and success probability; a larger size makes the lengths
    /// more regular
    #[arg(long, value_name = "SIZE,P", value_delimiter = ',', num_args = 1, conflicts_with = "hazard")]
    pub segment_lengths: Option<Vec<f64>>,
    /// File with a column of probabilities: of a change after a run of 1, 2, ... observations; longer runs use the last
    #[arg(long, value_name = "FILE", conflicts_with_all = ["hazard", "segment_lengths"])]
    pub hazard_table: Option<PathBuf>,
}

/// The law of the changes, or cues in the data.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Changes")]
pub(crate) struct HazardArgs {
    #[command(flatten)]
    pub law: LawArgs,
    /// Column with the probability of a change before each observation (known cues)
    #[arg(long, value_name = "NAME", conflicts_with_all = ["hazard", "segment_lengths", "hazard_table"])]
    pub hazard_column: Option<String>,
}

impl LawArgs {
    /// An option of this group that was given, if there is one.
    pub fn given_option(&self) -> Option<String> {
        let given = [
            ("--hazard", self.hazard.is_some()),
            ("--segment-lengths", self.segment_lengths.is_some()),
            ("--hazard-table", self.hazard_table.is_some()),
        ];
        given.into_iter().find_map(|(option, given)| given.then(|| option.to_owned()))
    }

    /// The hazard, checked.
    pub fn hazard(&self) -> Result<Hazard> {
        let hazard = match &self.segment_lengths {
            Some(law) => {
                let [size, probability] = law.as_slice() else {
                    let message = format!("--segment-lengths needs two numbers, got {}", law.len());
                    return Err(Failure::usage(message).hint("for example --segment-lengths 4,0.05"));
                };
                Hazard::NegativeBinomial { size: *size, probability: *probability }
            }
            None => match &self.hazard_table {
                Some(path) => Hazard::Table(probabilities(path)?),
                None => Hazard::Constant(self.hazard.unwrap_or(DEFAULT_HAZARD)),
            },
        };
        hazard.validate()?;
        Ok(hazard)
    }
}

/// The only column of numbers of a file.
fn probabilities(path: &Path) -> Result<Vec<f64>> {
    let values = series::read_series::<&str>(path, &[])?;
    if values.ncols() != 1 {
        let message = format!("\"{}\" has {} columns, but --hazard-table needs one", path.display(), values.ncols());
        return Err(Failure::usage(message));
    }
    Ok(values.into_iter().collect())
}

impl HazardArgs {
    /// An option of this group that was given, if there is one.
    pub fn given_option(&self) -> Option<String> {
        self.law.given_option().or_else(|| self.hazard_column.as_ref().map(|_| "--hazard-column".to_owned()))
    }

    /// The hazard, cues taken from the input.
    pub fn hazard(&self, input: &Sequence) -> Result<Hazard> {
        let Some(column) = &self.hazard_column else { return self.law.hazard() };
        let hazard = Hazard::PerStep(input.numbers(column)?);
        hazard.validate()?;
        Ok(hazard)
    }
}
