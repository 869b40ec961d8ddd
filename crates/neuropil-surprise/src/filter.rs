//! Filtering a whole sequence, or a stream in pieces of any size.

use ndarray::{Array1, Array2, ArrayView2};
use neuropil_core::memory;
use neuropil_core::progress::Monitor;
use neuropil_core::provenance::Provenance;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::family::ConjugateFamily;
use crate::learner::{Learner, Scores};
use crate::surprise::bayes_factor;

/// What happens at a missing observation (a row that holds a NaN).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Missing {
    /// Time passes and the hazard applies, but no belief is updated; the surprise of nothing is zero.
    #[default]
    Skip,
    /// The sequence is refused, with the index of the first missing observation.
    Error,
}

/// Which read-outs a filter computes; all by default. Each costs memory, and most cost a pass over the hypotheses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outputs {
    /// Mean of the estimated parameter.
    pub mean: bool,
    /// Its variance.
    pub variance: bool,
    /// Bayes Factor surprise.
    pub bayes_factor_surprise: bool,
    /// Shannon surprise, and with it the log evidence.
    pub shannon_surprise: bool,
    /// Most probable run length.
    pub run_length: bool,
}

impl Default for Outputs {
    fn default() -> Self {
        Self { mean: true, variance: true, bayes_factor_surprise: true, shannon_surprise: true, run_length: true }
    }
}

/// Beliefs and surprise along a sequence of `T` observations.
///
/// Time comes first. Arrays that were not asked for, or that the learner does not define, are absent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FilterResult {
    /// Expected value of the estimated parameter after each observation, `(T, width)`.
    pub mean: Option<Array2<f64>>,
    /// Its variance under the belief, `(T, width)`; infinite where it does not exist.
    pub variance: Option<Array2<f64>>,
    /// Bayes Factor surprise `P(y; prior) / P(y; belief)` before the update, `(T)`; capped at `exp(700)`.
    pub bayes_factor_surprise: Option<Array1<f64>>,
    /// Shannon surprise `-ln P(y_t | y_1..t-1)` in nats, `(T)`.
    pub shannon_surprise: Option<Array1<f64>>,
    /// Adaptation rate `gamma`, `(T)`. For the Bayesian learners it is the probability, given the observations up
    /// to `t`, that the parameter changed just before observation `t`; at the first observation of a block it is
    /// the hazard by convention.
    pub adaptation_rate: Array1<f64>,
    /// Most probable number of steps since the last change, counting the changed one, `(T)`.
    pub map_run_length: Option<Array1<u64>>,
    /// Whether each observation was there, `(T)`.
    pub observed: Array1<bool>,
    /// Natural logarithm of the probability of all observations; minus the sum of the Shannon surprise.
    pub log_evidence: Option<f64>,
    /// Posterior mass dropped by truncation, summed over all steps.
    pub dropped_mass: f64,
    /// Version, seed, parameters and a hash of the input.
    pub provenance: Provenance,
}

impl FilterResult {
    /// Number of observations.
    #[must_use]
    pub fn len(&self) -> usize {
        self.adaptation_rate.len()
    }

    /// Whether there was no observation.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.adaptation_rate.is_empty()
    }

    /// Shannon surprise to another base: `base = 10` gives the unit of the figures of Liakoni et al. (2021).
    #[must_use]
    pub fn shannon_surprise_to_base(&self, base: f64) -> Option<Array1<f64>> {
        let scale = 1.0 / base.ln();
        self.shannon_surprise.as_ref().map(|surprise| surprise * scale)
    }
}

/// Collects what a learner says, row by row.
#[derive(Debug)]
pub(crate) struct Recorder {
    width: usize,
    pub outputs: Outputs,
    probabilistic: bool,
    pub mean: Vec<f64>,
    pub variance: Vec<f64>,
    pub bayes_factor_surprise: Vec<f64>,
    pub shannon_surprise: Vec<f64>,
    pub adaptation_rate: Vec<f64>,
    map_run_length: Vec<u64>,
    pub observed: Vec<bool>,
    pub log_evidence: f64,
    pub dropped_mass: f64,
}

impl Recorder {
    pub fn new(length: usize, width: usize, outputs: Outputs) -> Self {
        let reserve = |wanted: bool, n: usize| memory::with_capacity(if wanted { n } else { 0 });
        Self {
            width,
            outputs,
            probabilistic: true,
            mean: reserve(outputs.mean, length * width),
            variance: reserve(outputs.variance, length * width),
            bayes_factor_surprise: reserve(outputs.bayes_factor_surprise, length),
            shannon_surprise: reserve(outputs.shannon_surprise, length),
            adaptation_rate: memory::with_capacity(length),
            map_run_length: Vec::new(),
            observed: Vec::with_capacity(length),
            log_evidence: 0.0,
            dropped_mass: 0.0,
        }
    }

    /// Runs a learner over rows of `row_width` numbers.
    pub fn run<F: ConjugateFamily>(
        &mut self,
        learner: &mut dyn Learner<F>,
        rows: &[f64],
        row_width: usize,
        monitor: &Monitor,
        advance: impl Fn(u64),
    ) -> Result<()> {
        const ROWS_BETWEEN_CHECKS: usize = 256;
        self.probabilistic &= learner.is_probabilistic();
        let dropped_before = learner.dropped_mass();
        for rows in rows.chunks(ROWS_BETWEEN_CHECKS * row_width) {
            monitor.check().map_err(|_| Error::Cancelled)?;
            for y in rows.chunks_exact(row_width) {
                let observed = y.iter().all(|value| !value.is_nan());
                let scores = if observed { learner.step(y) } else { learner.skip() };
                self.record(learner, scores, observed);
            }
            advance((rows.len() / row_width) as u64);
        }
        self.dropped_mass += learner.dropped_mass() - dropped_before;
        Ok(())
    }

    fn record<F: ConjugateFamily>(&mut self, learner: &dyn Learner<F>, scores: Scores, observed: bool) {
        if self.outputs.bayes_factor_surprise {
            self.bayes_factor_surprise.push(bayes_factor(scores.log_bayes_factor));
        }
        if self.outputs.shannon_surprise {
            self.shannon_surprise.push(0.0 - scores.log_predictive);
        }
        self.adaptation_rate.push(scores.adaptation_rate);
        self.observed.push(observed);
        self.log_evidence += scores.log_predictive;
        let (mean_at, variance_at) = (self.mean.len(), self.variance.len());
        match (self.outputs.mean, self.outputs.variance) {
            (true, true) => {
                self.mean.resize(mean_at + self.width, 0.0);
                self.variance.resize(variance_at + self.width, 0.0);
                learner.moments(&mut self.mean[mean_at..], &mut self.variance[variance_at..]);
            }
            (true, false) => {
                self.mean.resize(mean_at + self.width, 0.0);
                learner.mean(&mut self.mean[mean_at..]);
            }
            (false, true) => {
                self.variance.resize(variance_at + self.width, 0.0);
                learner.variance(&mut self.variance[variance_at..]);
            }
            (false, false) => {}
        }
        if self.outputs.run_length
            && let Some(run_length) = learner.map_run_length()
        {
            self.map_run_length.push(run_length);
        }
    }

    pub fn finish(self, provenance: Provenance) -> FilterResult {
        let length = self.adaptation_rate.len();
        let matrix = |wanted: bool, values: Vec<f64>| {
            if wanted { Array2::from_shape_vec((length, self.width), values).ok() } else { None }
        };
        let probabilistic = self.probabilistic;
        FilterResult {
            mean: matrix(self.outputs.mean, self.mean),
            variance: matrix(self.outputs.variance && probabilistic, self.variance),
            bayes_factor_surprise: (probabilistic && self.outputs.bayes_factor_surprise)
                .then(|| self.bayes_factor_surprise.into()),
            shannon_surprise: (probabilistic && self.outputs.shannon_surprise).then(|| self.shannon_surprise.into()),
            adaptation_rate: self.adaptation_rate.into(),
            map_run_length: (self.map_run_length.len() == length && length > 0).then(|| self.map_run_length.into()),
            observed: self.observed.into(),
            log_evidence: (probabilistic && self.outputs.shannon_surprise).then_some(self.log_evidence),
            dropped_mass: self.dropped_mass,
            provenance,
        }
    }
}

/// Checks every row: its width, its missing values and what the family allows; `offset` is added to the indices in
/// messages.
pub(crate) fn check_rows<F: ConjugateFamily>(
    family: &F,
    y: &ArrayView2<'_, f64>,
    missing: Missing,
    offset: usize,
) -> Result<()> {
    let width = family.observation_width();
    if y.ncols() != width {
        return Err(Error::Shape {
            what: format!("observations of the family \"{}\"", F::NAME),
            expected: format!("(T, {width})"),
            got: format!("({}, {})", y.nrows(), y.ncols()),
        });
    }
    let mut buffer = vec![0.0; width];
    for (t, row) in y.outer_iter().enumerate() {
        for (slot, value) in buffer.iter_mut().zip(row) {
            *slot = *value;
        }
        if buffer.iter().any(|value| value.is_nan()) {
            if missing == Missing::Error {
                let allowed = "present; pass missing = \"skip\" to let time pass at missing observations";
                return Err(Error::observation(offset + t, "NaN", F::NAME, allowed));
            }
            continue;
        }
        family.check_observation(offset + t, &buffer)?;
    }
    Ok(())
}
