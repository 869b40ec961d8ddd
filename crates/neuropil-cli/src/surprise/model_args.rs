//! A learner on the command line.

use clap::Args;
use neuropil_surprise::method::Method;
use neuropil_surprise::model::ChangePointLearner;
use neuropil_surprise::saved::SavedLearner;
use neuropil_surprise::smooth::DEFAULT_CUTOFF;
use serde_json::{Value, json};

use crate::failure::Result;
use crate::surprise::family_args::FamilyArgs;
use crate::surprise::hazard_args::HazardArgs;
use crate::surprise::input_args::Sequence;
use crate::surprise::method_args::MethodArgs;
use crate::surprise::saved_args::{SavedArgs, learner_of};

/// Family, hazard and method, or a file with all three.
#[derive(Debug, Clone, Args)]
pub(crate) struct ModelArgs {
    #[command(flatten)]
    pub family: FamilyArgs,
    #[command(flatten)]
    pub hazard: HazardArgs,
    #[command(flatten)]
    pub method: MethodArgs,
    #[command(flatten)]
    pub saved: SavedArgs,
}

impl ModelArgs {
    /// The learner for a sequence, every parameter checked.
    pub fn learner(&self, input: &Sequence, seed: Option<u64>) -> Result<ChangePointLearner> {
        if let Some(saved) = self.saved()? {
            return Ok(learner_of(&saved, input, seed));
        }
        let learner = ChangePointLearner {
            family: self.family.family(input.values.ncols())?,
            method: self.method.method()?,
            hazard: self.hazard.hazard(input)?,
            seed: seed.unwrap_or_default(),
            missing: input.missing.unwrap_or_default(),
        };
        learner.validate()?;
        Ok(learner)
    }

    /// The learner of the file, if one is named.
    pub fn saved(&self) -> Result<Option<SavedLearner>> {
        self.saved.read(&[self.family.given_option(), self.hazard.given_option(), self.method.given_option()])
    }
}

/// Family and hazard, for verbs that look back at the whole sequence and need no learner.
#[derive(Debug, Clone, Args)]
pub(crate) struct OfflineArgs {
    #[command(flatten)]
    pub family: FamilyArgs,
    #[command(flatten)]
    pub hazard: HazardArgs,
    #[command(flatten)]
    pub saved: SavedArgs,
    /// Filtered probability below which a hypothesis is dropped; 0 keeps all [default: 1e-12]
    #[arg(long, value_name = "P", help_heading = "Changes", allow_negative_numbers = true)]
    cutoff: Option<f64>,
}

impl OfflineArgs {
    /// The model of a sequence, every parameter checked.
    pub fn learner(&self, input: &Sequence, seed: Option<u64>) -> Result<ChangePointLearner> {
        if let Some(saved) = self.saved.read(&[self.family.given_option(), self.hazard.given_option()])? {
            return Ok(learner_of(&saved, input, seed));
        }
        let learner = ChangePointLearner {
            hazard: self.hazard.hazard(input)?,
            seed: seed.unwrap_or_default(),
            missing: input.missing.unwrap_or_default(),
            ..ChangePointLearner::new(self.family.family(input.values.ncols())?)
        };
        learner.validate()?;
        Ok(learner)
    }

    /// The cutoff of the option, else that of the learner.
    pub fn cutoff(&self, learner: &ChangePointLearner) -> f64 {
        self.cutoff.unwrap_or(match learner.method {
            Method::Exact { cutoff, .. } => cutoff,
            _ => DEFAULT_CUTOFF,
        })
    }

    /// The parameters for the JSON document.
    pub fn describe(&self, learner: &ChangePointLearner) -> Value {
        json!({
            "family": learner.family,
            "hazard": learner.hazard,
            "missing": learner.missing,
            "cutoff": self.cutoff(learner),
        })
    }
}
