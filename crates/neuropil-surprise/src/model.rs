//! A family, a learner and a hazard, put together and ready for data.

use ndarray::ArrayView2;
use neuropil_core::progress::Monitor;
use neuropil_core::provenance::{Fingerprint, Provenance};
use neuropil_core::threads;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::blocks::Blocks;
use crate::error::{Error, Result};
use crate::family::{ConjugateFamily, Family, Gaussian, for_family};
use crate::filter::{FilterResult, Missing, Outputs, Recorder, check_rows};
use crate::hazard::Hazard;
use crate::learner::Learner;
use crate::method::Method;
use crate::varsmile::Modulation;
use crate::varsmile_gaussian::GaussianVarSmile;

/// A learner for a changing world: what is observed, how it learns, and how often the world changes.
///
/// ```
/// use ndarray::array;
/// use neuropil_surprise::family::Gaussian;
/// use neuropil_surprise::model::ChangePointLearner;
///
/// let learner = ChangePointLearner { hazard: 0.1.into(), ..ChangePointLearner::new(Gaussian::default()) };
/// let y = array![[0.5], [-0.3], [1.2], [4.0], [3.8]];
/// let result = learner.filter(y.view()).unwrap();
/// assert!((result.log_evidence.unwrap() + 13.215235364).abs() < 1e-8);
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ChangePointLearner {
    /// What is observed, and the prior of its parameter.
    pub family: Family,
    /// How the learner follows it.
    #[serde(default)]
    pub method: Method,
    /// How likely a change is.
    pub hazard: Hazard,
    /// Seed of the stochastic methods.
    #[serde(default)]
    pub seed: u64,
    /// What happens at missing observations.
    #[serde(default)]
    pub missing: Missing,
}

/// How [`ChangePointLearner::filter_with`] runs.
#[derive(Debug, Clone, Default)]
pub struct FilterOptions {
    /// Which read-outs are computed.
    pub outputs: Outputs,
    /// Where independent blocks start; one block when absent.
    pub blocks: Option<Blocks>,
    /// Progress and cancellation.
    pub monitor: Monitor,
}

impl ChangePointLearner {
    /// Exact Bayes with a hazard of 1/100 for a family.
    #[must_use]
    pub fn new(family: impl Into<Family>) -> Self {
        Self {
            family: family.into(),
            method: Method::exact(),
            hazard: Hazard::Constant(0.01),
            seed: 0,
            missing: Missing::Skip,
        }
    }

    /// Checks every parameter.
    ///
    /// # Errors
    /// Names the first parameter that is out of range, its value and what is allowed, or says that the method is
    /// not defined for the family.
    pub fn validate(&self) -> Result<()> {
        self.family.validate()?;
        self.hazard.validate()?;
        self.method.validate(&self.family, &self.hazard)
    }

    /// Filters one sequence, rows = time.
    ///
    /// # Errors
    /// When a parameter is out of range, there is no observation, or one cannot belong to the family.
    pub fn filter(&self, y: ArrayView2<'_, f64>) -> Result<FilterResult> {
        self.filter_with(y, &FilterOptions::default())
    }

    /// Filters one sequence with options. Every block starts from the prior, with the same random stream as if it
    /// stood alone.
    ///
    /// # Errors
    /// As [`filter`](Self::filter), when the blocks do not cover the observations, or when cancelled.
    pub fn filter_with(&self, y: ArrayView2<'_, f64>, options: &FilterOptions) -> Result<FilterResult> {
        self.validate()?;
        if y.nrows() == 0 {
            return Err(Error::TooFew { what: "filtering", needed: 1, got: 0 });
        }
        let blocks = options.blocks.clone().unwrap_or_else(|| Blocks::single(y.nrows()));
        blocks.check_length(y.nrows())?;
        self.hazard.validate_for(y.nrows())?;
        let run = FilterRun { model: self, y, blocks: &blocks, options };
        let recorder = match &self.family {
            Family::Gaussian(family) => match self.gaussian_varsmile(family)? {
                Some(fast) => run.with_fast_recursion(family, &fast),
                None => run.with(family, |hazard| self.method.gaussian_learner(family, hazard, self.seed)),
            },
            other => for_family!(other, family => run.with(family, |hazard| {
                self.method.learner(family, hazard, self.seed)
            })),
        }?;
        Ok(recorder.finish(self.provenance(Some(y))))
    }

    /// Filters many independent sequences in parallel. Every sequence gives the same bits as alone, in any order.
    ///
    /// # Errors
    /// The error of the first sequence that is refused.
    pub fn filter_batch(
        &self,
        sequences: &[ArrayView2<'_, f64>],
        options: &FilterOptions,
    ) -> Result<Vec<FilterResult>> {
        let task = options.monitor.task("filter", sequences.len() as u64);
        let quiet = FilterOptions { monitor: options.monitor.quiet(), ..options.clone() };
        threads::install(|| {
            sequences
                .par_iter()
                .map(|y| {
                    let result = self.filter_with(y.view(), &quiet);
                    task.advance(1);
                    result
                })
                .collect()
        })
    }

    /// The learner of a stretch of the observations, which counts its steps from the start of it.
    pub(crate) fn of_block(&self, block: std::ops::Range<usize>) -> Self {
        Self {
            family: self.family.clone(),
            method: self.method.clone(),
            hazard: self.hazard.within(block),
            seed: self.seed,
            missing: self.missing,
        }
    }

    /// The fast recursion, where the method is VarSMiLe with a constant modulation.
    pub(crate) fn gaussian_varsmile(&self, family: &Gaussian) -> Result<Option<GaussianVarSmile>> {
        match self.method {
            Method::VarSmile { m } => {
                let modulation = m.map_or_else(|| Modulation::Hazard(self.hazard.clone()), Modulation::Fixed);
                GaussianVarSmile::new(*family, &modulation)
            }
            _ => Ok(None),
        }
    }

    /// Version, seed, parameters and the hash of the input.
    #[must_use]
    pub fn provenance(&self, y: Option<ArrayView2<'_, f64>>) -> Provenance {
        let parameters = serde_json::to_value(self).unwrap_or_default();
        let provenance = Provenance::new(parameters).seed(self.seed);
        match y {
            Some(y) => {
                let fingerprint = Fingerprint::new().word(y.ncols() as u64);
                provenance.input(match y.as_slice() {
                    Some(values) => fingerprint.numbers(values),
                    None => fingerprint.numbers(&y.iter().copied().collect::<Vec<f64>>()),
                })
            }
            None => provenance,
        }
    }
}

struct FilterRun<'a> {
    model: &'a ChangePointLearner,
    y: ArrayView2<'a, f64>,
    blocks: &'a Blocks,
    options: &'a FilterOptions,
}

impl FilterRun<'_> {
    fn with<F: ConjugateFamily>(
        &self,
        family: &F,
        learner: impl Fn(&Hazard) -> Result<Box<dyn Learner<F>>>,
    ) -> Result<Recorder> {
        check_rows(family, &self.y, self.model.missing, 0)?;
        let width = family.observation_width();
        let rows = self.y.as_standard_layout();
        let rows = rows.as_slice().unwrap_or_default();
        let mut recorder = Recorder::new(self.y.nrows(), family.estimate_width(), self.options.outputs);
        let task = self.options.monitor.task("filter", self.y.nrows() as u64);
        for block in self.blocks.ranges() {
            let mut learner = learner(&self.model.hazard.within(block.clone()))?;
            let rows = &rows[block.start * width..block.end * width];
            recorder.run(learner.as_mut(), rows, width, &self.options.monitor, |n| task.advance(n))?;
        }
        Ok(recorder)
    }

    fn with_fast_recursion(&self, family: &Gaussian, fresh: &GaussianVarSmile) -> Result<Recorder> {
        const ROWS_BETWEEN_CHECKS: usize = 1 << 16;
        check_rows(family, &self.y, self.model.missing, 0)?;
        let rows = self.y.as_standard_layout();
        let rows = rows.as_slice().unwrap_or_default();
        let mut recorder = Recorder::new(self.y.nrows(), 1, self.options.outputs);
        let task = self.options.monitor.task("filter", self.y.nrows() as u64);
        for block in self.blocks.ranges() {
            let mut learner = fresh.clone();
            for rows in rows[block].chunks(ROWS_BETWEEN_CHECKS) {
                self.options.monitor.check().map_err(|_| Error::Cancelled)?;
                learner.run(rows, &mut recorder);
                task.advance(rows.len() as u64);
            }
        }
        Ok(recorder)
    }
}
