//! A learner on the command line.

use clap::Args;
use neuropil_surprise::model::ChangePointLearner;

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
