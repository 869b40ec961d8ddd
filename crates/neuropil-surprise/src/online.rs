//! A stream of observations, one at a time or in pieces of any size, that can be stored and continued.

use ndarray::ArrayView2;
use neuropil_core::progress::Monitor;
use neuropil_core::provenance::Provenance;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::family::{ConjugateFamily, Family, for_family};
use crate::filter::{FilterResult, Outputs, Recorder, check_rows};
use crate::learner::{Learner, loaded, saved};
use crate::model::ChangePointLearner;
use crate::varsmile_gaussian::GaussianVarSmile;

/// What a stream says after one observation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Update {
    /// Expected value of the estimated parameter.
    pub mean: Vec<f64>,
    /// Its variance; `None` for the leaky integrator.
    pub variance: Option<Vec<f64>>,
    /// Bayes Factor surprise of the observation; `None` for the leaky integrator.
    pub bayes_factor_surprise: Option<f64>,
    /// Shannon surprise in nats; `None` for the leaky integrator.
    pub shannon_surprise: Option<f64>,
    /// Adaptation rate.
    pub adaptation_rate: f64,
    /// Most probable number of steps since the last change; `None` where the learner does not track it.
    pub map_run_length: Option<u64>,
}

/// Everything a [`ChangePointStream`] needs to go on later.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StreamState {
    /// The version of the format.
    pub format: u32,
    /// The learner that saved it.
    pub model: ChangePointLearner,
    /// Number of observations taken in the current block.
    pub time: u64,
    /// What the learner remembers.
    pub state: serde_json::Value,
}

/// A learner that is fed a stream. Pieces of any size give the same bits as one call with everything.
pub struct ChangePointStream {
    model: ChangePointLearner,
    time: u64,
    engine: Box<dyn Engine>,
}

impl std::fmt::Debug for ChangePointStream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ChangePointStream")
            .field("model", &self.model)
            .field("time", &self.time)
            .finish_non_exhaustive()
    }
}

/// Version of [`StreamState`].
const FORMAT: u32 = 1;

impl ChangePointStream {
    /// A stream that has seen nothing.
    ///
    /// # Errors
    /// When a parameter is out of range or the method is not defined for the family.
    pub fn new(model: ChangePointLearner) -> Result<Self> {
        model.validate()?;
        let engine = engine(&model)?;
        Ok(Self { model, time: 0, engine })
    }

    /// The learner.
    #[must_use]
    pub fn model(&self) -> &ChangePointLearner {
        &self.model
    }

    /// Number of observations taken since the start or the last reset.
    #[must_use]
    pub fn time(&self) -> u64 {
        self.time
    }

    /// Takes one observation: a row of the family's width, NaN where it is missing.
    ///
    /// # Errors
    /// When the observation cannot belong to the family; the stream is then as it was.
    pub fn update(&mut self, y: &[f64]) -> Result<Update> {
        let row = ArrayView2::from_shape((1, y.len()), y).map_err(|_| Error::TooFew {
            what: "an observation",
            needed: 1,
            got: 0,
        })?;
        let recorder = self.take(row, Outputs::default(), &Monitor::silent())?;
        // One observation has no provenance of its own: to describe the learner takes longer than to update it.
        let result = recorder.finish(Provenance::new(serde_json::Value::Null));
        let first = |array: Option<ndarray::Array1<f64>>| array.map(|array| array[0]);
        Ok(Update {
            mean: result.mean.map(|mean| mean.row(0).to_vec()).unwrap_or_default(),
            variance: result.variance.map(|variance| variance.row(0).to_vec()),
            bayes_factor_surprise: first(result.bayes_factor_surprise),
            shannon_surprise: first(result.shannon_surprise),
            adaptation_rate: result.adaptation_rate[0],
            map_run_length: result.map_run_length.map(|run_length| run_length[0]),
        })
    }

    /// Takes a piece of the stream, rows = time.
    ///
    /// # Errors
    /// When an observation cannot belong to the family: nothing is taken then. When cancelled, the observations
    /// before the cancellation have been taken.
    pub fn filter(&mut self, y: ArrayView2<'_, f64>, outputs: Outputs, monitor: &Monitor) -> Result<FilterResult> {
        let recorder = self.take(y.view(), outputs, monitor)?;
        Ok(recorder.finish(self.model.provenance(Some(y))))
    }

    fn take(&mut self, y: ArrayView2<'_, f64>, outputs: Outputs, monitor: &Monitor) -> Result<Recorder> {
        if y.nrows() == 0 {
            return Err(Error::TooFew { what: "filtering", needed: 1, got: 0 });
        }
        for_family!(&self.model.family, family => check_rows(family, &y, self.model.missing, self.time as usize))?;
        let rows = y.as_standard_layout();
        let mut recorder = Recorder::new(y.nrows(), self.model.family.estimate_width(), outputs);
        let task = monitor.task("filter", y.nrows() as u64);
        self.run(rows.as_slice().unwrap_or_default(), &mut recorder, monitor, &|n| task.advance(n))?;
        Ok(recorder)
    }

    /// Takes rows that have been checked.
    pub(crate) fn run(
        &mut self,
        rows: &[f64],
        recorder: &mut Recorder,
        monitor: &Monitor,
        advance: &dyn Fn(u64),
    ) -> Result<()> {
        let before = recorder.adaptation_rate.len();
        let taken = self.engine.run(rows, self.model.family.observation_width(), recorder, monitor, advance);
        self.time += (recorder.adaptation_rate.len() - before) as u64;
        taken
    }

    /// Posterior over the number of steps since the last change, `(steps, probability)`, longest first; `None` for
    /// learners that hold no such posterior.
    #[must_use]
    pub fn run_length_posterior(&self) -> Option<Vec<(u64, f64)>> {
        self.engine.run_length_posterior()
    }

    /// Number of hypotheses alive.
    #[must_use]
    pub fn n_hypotheses(&self) -> usize {
        self.engine.n_hypotheses()
    }

    /// Posterior mass that truncation has thrown away since the start or the last reset, summed over steps.
    #[must_use]
    pub fn dropped_mass(&self) -> f64 {
        self.engine.dropped_mass()
    }

    /// Forgets everything: the next observation is the first of a new block.
    pub fn reset(&mut self) {
        self.engine.reset();
        self.time = 0;
    }

    /// The state, to be stored.
    #[must_use]
    pub fn state(&self) -> StreamState {
        StreamState { format: FORMAT, model: self.model.clone(), time: self.time, state: self.engine.save() }
    }

    /// Continues from a stored state.
    ///
    /// # Errors
    /// When the state is of a later format or does not belong to its learner.
    pub fn resume(state: &StreamState) -> Result<Self> {
        if state.format > FORMAT {
            return Err(Error::State {
                saved: format!("a later version of neuropil (format {})", state.format),
                expected: format!("of a version that reads formats up to {FORMAT}"),
            });
        }
        let mut stream = Self::new(state.model.clone())?;
        stream.engine.load(&state.state)?;
        stream.time = state.time;
        Ok(stream)
    }

    /// Takes the memory of another stream with the same learner.
    ///
    /// # Errors
    /// Names both learners when they differ.
    pub fn load(&mut self, state: &StreamState) -> Result<()> {
        if state.model != self.model {
            return Err(Error::State { saved: described(&state.model), expected: described(&self.model) });
        }
        *self = Self::resume(state)?;
        Ok(())
    }
}

/// A learner in a few words, for messages.
fn described(model: &ChangePointLearner) -> String {
    format!(
        "method \"{}\" with family \"{}\" and parameters {}",
        model.method.name(),
        model.family.name(),
        serde_json::to_string(model).unwrap_or_default()
    )
}

/// What a stream needs of a learner, whatever the family.
trait Engine: Send {
    fn run(
        &mut self,
        rows: &[f64],
        width: usize,
        recorder: &mut Recorder,
        monitor: &Monitor,
        advance: &dyn Fn(u64),
    ) -> Result<()>;
    fn run_length_posterior(&self) -> Option<Vec<(u64, f64)>>;
    fn n_hypotheses(&self) -> usize;
    fn dropped_mass(&self) -> f64;
    fn reset(&mut self);
    fn save(&self) -> serde_json::Value;
    fn load(&mut self, state: &serde_json::Value) -> Result<()>;
}

fn engine(model: &ChangePointLearner) -> Result<Box<dyn Engine>> {
    if let Family::Gaussian(family) = &model.family {
        if let Some(learner) = model.gaussian_varsmile(family)? {
            return Ok(Box::new(FastEngine { fresh: learner.clone(), learner }));
        }
        return Ok(Box::new(PlainEngine(model.method.gaussian_learner(family, &model.hazard, model.seed)?)));
    }
    for_family!(&model.family, family => {
        Ok(Box::new(PlainEngine(model.method.learner(family, &model.hazard, model.seed)?)))
    })
}

struct PlainEngine<F: ConjugateFamily>(Box<dyn Learner<F>>);

impl<F: ConjugateFamily> Engine for PlainEngine<F> {
    fn run(
        &mut self,
        rows: &[f64],
        width: usize,
        recorder: &mut Recorder,
        monitor: &Monitor,
        advance: &dyn Fn(u64),
    ) -> Result<()> {
        recorder.run(self.0.as_mut(), rows, width, monitor, advance)
    }

    fn run_length_posterior(&self) -> Option<Vec<(u64, f64)>> {
        self.0.run_length_posterior()
    }

    fn n_hypotheses(&self) -> usize {
        self.0.n_hypotheses()
    }

    fn dropped_mass(&self) -> f64 {
        self.0.dropped_mass()
    }

    fn reset(&mut self) {
        self.0.reset();
    }

    fn save(&self) -> serde_json::Value {
        self.0.save()
    }

    fn load(&mut self, state: &serde_json::Value) -> Result<()> {
        self.0.load(state)
    }
}

struct FastEngine {
    fresh: GaussianVarSmile,
    learner: GaussianVarSmile,
}

impl Engine for FastEngine {
    fn run(
        &mut self,
        rows: &[f64],
        _: usize,
        recorder: &mut Recorder,
        monitor: &Monitor,
        advance: &dyn Fn(u64),
    ) -> Result<()> {
        const ROWS_BETWEEN_CHECKS: usize = 1 << 16;
        for rows in rows.chunks(ROWS_BETWEEN_CHECKS) {
            monitor.check().map_err(|_| Error::Cancelled)?;
            self.learner.run(rows, recorder);
            advance(rows.len() as u64);
        }
        Ok(())
    }

    fn run_length_posterior(&self) -> Option<Vec<(u64, f64)>> {
        None
    }

    fn n_hypotheses(&self) -> usize {
        1
    }

    fn dropped_mass(&self) -> f64 {
        0.0
    }

    fn reset(&mut self) {
        self.learner = self.fresh.clone();
    }

    fn save(&self) -> serde_json::Value {
        saved(&self.learner.state())
    }

    fn load(&mut self, state: &serde_json::Value) -> Result<()> {
        self.learner.restore(loaded(state)?);
        Ok(())
    }
}
