//! A learner on the command line.

use clap::Args;
use neuropil_surprise::model::ChangePointLearner;
use neuropil_surprise::smooth::DEFAULT_CUTOFF;
use serde_json::{Value, json};

use crate::failure::Result;
use crate::surprise::family_args::FamilyArgs;
use crate::surprise::hazard_args::HazardArgs;
use crate::surprise::input_args::Sequence;
use crate::surprise::method_args::MethodArgs;

/// Family, hazard and method.
#[derive(Debug, Clone, Args)]
pub(crate) struct ModelArgs {
    #[command(flatten)]
    pub family: FamilyArgs,
    #[command(flatten)]
    pub hazard: HazardArgs,
    #[command(flatten)]
    pub method: MethodArgs,
}

impl ModelArgs {
    /// The learner for a sequence, every parameter checked.
    pub fn learner(&self, input: &Sequence, seed: u64) -> Result<ChangePointLearner> {
        let learner = ChangePointLearner {
            family: self.family.family(input.values.ncols())?,
            method: self.method.method()?,
            hazard: self.hazard.hazard(input)?,
            seed,
            missing: input.missing,
        };
        learner.validate()?;
        Ok(learner)
    }
}

/// Family and hazard, for verbs that look back at the whole sequence and need no learner.
#[derive(Debug, Clone, Args)]
pub(crate) struct OfflineArgs {
    #[command(flatten)]
    pub family: FamilyArgs,
    #[command(flatten)]
    pub hazard: HazardArgs,
    /// Filtered probability below which a hypothesis is dropped; 0 keeps all
    #[arg(long, value_name = "P", default_value_t = DEFAULT_CUTOFF, help_heading = "Changes",
        allow_negative_numbers = true)]
    pub cutoff: f64,
}

impl OfflineArgs {
    /// The model of a sequence, every parameter checked.
    pub fn learner(&self, input: &Sequence, seed: u64) -> Result<ChangePointLearner> {
        let learner = ChangePointLearner {
            hazard: self.hazard.hazard(input)?,
            seed,
            missing: input.missing,
            ..ChangePointLearner::new(self.family.family(input.values.ncols())?)
        };
        learner.validate()?;
        Ok(learner)
    }

    /// The parameters for the JSON document.
    pub fn describe(&self, learner: &ChangePointLearner) -> Value {
        json!({
            "family": learner.family,
            "hazard": learner.hazard,
            "missing": learner.missing,
            "cutoff": self.cutoff,
        })
    }
}
