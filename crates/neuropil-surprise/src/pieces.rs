//! A recording that is filtered piece by piece, so that the results need not be in memory all at once.

use ndarray::{ArrayView2, CowArray, Ix2};
use neuropil_core::progress::Task;
use neuropil_core::provenance::Provenance;
use serde_json::Value;

use crate::blocks::Blocks;
use crate::error::{Error, Result};
use crate::family::for_family;
use crate::filter::{FilterResult, Recorder, check_rows};
use crate::model::{ChangePointLearner, FilterOptions};
use crate::online::ChangePointStream;

/// [`ChangePointLearner::filter_with`] in pieces of any size: the same bits, in memory that does not grow with the length
/// of the recording.
///
/// ```
/// use ndarray::array;
/// use neuropil_surprise::family::Gaussian;
/// use neuropil_surprise::model::{ChangePointLearner, FilterOptions};
///
/// let learner = ChangePointLearner { hazard: 0.1.into(), ..ChangePointLearner::new(Gaussian::default()) };
/// let y = array![[0.5], [-0.3], [1.2], [4.0], [3.8]];
/// let mut pieces = learner.filter_in_pieces(y.view(), &FilterOptions::default())?;
/// let mut evidence = None;
/// while let Some(piece) = pieces.next_piece(2)? {
///     evidence = piece.log_evidence;
/// }
/// assert!((evidence.unwrap() + 13.215235364).abs() < 1e-8);
/// # Ok::<(), neuropil_surprise::Error>(())
/// ```
pub struct Pieces<'a> {
    model: ChangePointLearner,
    rows: CowArray<'a, f64, Ix2>,
    blocks: Blocks,
    /// The block that the next observation belongs to.
    block: usize,
    /// The next observation.
    at: usize,
    /// `None` before the first observation of a block.
    stream: Option<ChangePointStream>,
    options: FilterOptions,
    task: Task,
    log_evidence: f64,
    /// Mass that the blocks before this one have dropped, less what the stream had dropped before it came here.
    dropped_mass: f64,
}

impl std::fmt::Debug for Pieces<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pieces").field("model", &self.model).field("at", &self.at).finish_non_exhaustive()
    }
}

impl ChangePointLearner {
    /// Filters one sequence piece by piece, from the prior.
    ///
    /// # Errors
    /// As [`filter_with`](Self::filter_with), before the first piece; only a cancellation can end it later.
    pub fn filter_in_pieces<'a>(&self, y: ArrayView2<'a, f64>, options: &FilterOptions) -> Result<Pieces<'a>> {
        self.validate()?;
        self.hazard.validate_for(y.nrows())?;
        Pieces::new(self.clone(), None, y, options)
    }
}

impl ChangePointStream {
    /// Filters a sequence piece by piece, beginning with what the stream remembers; later blocks start from the prior.
    ///
    /// # Errors
    /// As [`ChangePointLearner::filter_in_pieces`].
    pub fn filter_in_pieces<'a>(self, y: ArrayView2<'a, f64>, options: &FilterOptions) -> Result<Pieces<'a>> {
        Pieces::new(self.model().clone(), Some(self), y, options)
    }
}

impl<'a> Pieces<'a> {
    fn new(
        model: ChangePointLearner,
        stream: Option<ChangePointStream>,
        y: ArrayView2<'a, f64>,
        options: &FilterOptions,
    ) -> Result<Self> {
        if y.nrows() == 0 {
            return Err(Error::TooFew { what: "filtering", needed: 1, got: 0 });
        }
        let blocks = options.blocks.clone().unwrap_or_else(|| Blocks::single(y.nrows()));
        blocks.check_length(y.nrows())?;
        for_family!(&model.family, family => check_rows(family, &y, model.missing, 0))?;
        let rows = if y.is_standard_layout() { y.into() } else { y.as_standard_layout().into_owned().into() };
        let task = options.monitor.task("filter", blocks.length() as u64);
        let options = options.clone();
        let dropped_mass = stream.as_ref().map_or(0.0, |stream| -stream.dropped_mass());
        Ok(Self { model, rows, blocks, block: 0, at: 0, stream, options, task, log_evidence: 0.0, dropped_mass })
    }

    /// The next `length` observations, fewer at the end, `None` after it.
    ///
    /// `log_evidence` and `dropped_mass` are those of all pieces so far; the provenance is empty (that of the recording
    /// is [`ChangePointLearner::provenance`]).
    ///
    /// # Errors
    /// When cancelled.
    pub fn next_piece(&mut self, length: usize) -> Result<Option<FilterResult>> {
        let end = self.at.saturating_add(length).min(self.rows.nrows());
        if self.at >= end {
            return Ok(None);
        }
        let width = self.model.family.estimate_width();
        let mut recorder = Recorder::new(end - self.at, width, self.options.outputs);
        recorder.log_evidence = self.log_evidence;
        let rows = self.rows.as_slice().unwrap_or_default();
        let columns = self.rows.ncols();
        while self.at < end {
            let start = self.blocks.starts()[self.block];
            let stop = self.blocks.starts().get(self.block + 1).copied().unwrap_or(self.rows.nrows());
            let stream = match &mut self.stream {
                Some(stream) => stream,
                none => none.insert(ChangePointStream::new(self.model.of_block(start..stop))?),
            };
            let piece = self.at..stop.min(end);
            stream.run(
                &rows[piece.start * columns..piece.end * columns],
                &mut recorder,
                &self.options.monitor,
                &|n| {
                    self.task.advance(n);
                },
            )?;
            self.at = piece.end;
            recorder.dropped_mass = self.dropped_mass + stream.dropped_mass();
            if self.at == stop && self.block + 1 < self.blocks.count() {
                self.block += 1;
                self.dropped_mass = recorder.dropped_mass;
                self.stream = None;
            }
        }
        self.log_evidence = recorder.log_evidence;
        Ok(Some(recorder.finish(Provenance::new(Value::Null))))
    }

    /// The learner with what it remembers of the last block; `None` before the first piece.
    #[must_use]
    pub fn into_stream(self) -> Option<ChangePointStream> {
        self.stream
    }
}

#[cfg(test)]
mod tests {
    use ndarray::{Array2, concatenate, s};
    use neuropil_core::random::{Seed, uniform};

    use super::*;
    use crate::family::{Gaussian, MultivariateGaussian};
    use crate::hazard::Hazard;
    use crate::method::Method;

    fn recording(rows: usize, columns: usize) -> Array2<f64> {
        let mut random = Seed::new(3).stream();
        let mut y = Array2::from_shape_fn((rows, columns), |(t, _)| {
            6.0 * uniform(&mut random) - 3.0 + 4.0 * ((t / 40) % 2) as f64
        });
        y[[17, 0]] = f64::NAN;
        y
    }

    fn joined(learner: &ChangePointLearner, y: &Array2<f64>, blocks: &Blocks, length: usize) -> FilterResult {
        let options = FilterOptions { blocks: Some(blocks.clone()), ..FilterOptions::default() };
        let mut pieces = learner.filter_in_pieces(y.view(), &options).unwrap();
        let mut parts = Vec::new();
        while let Some(piece) = pieces.next_piece(length).unwrap() {
            assert!(piece.len() <= length && !piece.is_empty());
            parts.push(piece);
        }
        let vector = |of: &dyn Fn(&FilterResult) -> ndarray::Array1<f64>| {
            parts.iter().flat_map(|part| of(part).to_vec()).collect::<ndarray::Array1<f64>>()
        };
        let matrix = |of: &dyn Fn(&FilterResult) -> Option<Array2<f64>>| {
            let parts: Vec<Array2<f64>> = parts.iter().filter_map(of).collect();
            let views: Vec<_> = parts.iter().map(|part| part.view()).collect();
            concatenate(ndarray::Axis(0), &views).ok()
        };
        let last = parts.last().unwrap();
        FilterResult {
            mean: matrix(&|part| part.mean.clone()),
            variance: matrix(&|part| part.variance.clone()),
            bayes_factor_surprise: Some(vector(&|part| part.bayes_factor_surprise.clone().unwrap())),
            shannon_surprise: Some(vector(&|part| part.shannon_surprise.clone().unwrap())),
            adaptation_rate: vector(&|part| part.adaptation_rate.clone()),
            map_run_length: last
                .map_run_length
                .is_some()
                .then(|| parts.iter().flat_map(|part| part.map_run_length.clone().unwrap().to_vec()).collect()),
            observed: parts.iter().flat_map(|part| part.observed.to_vec()).collect(),
            log_evidence: last.log_evidence,
            dropped_mass: last.dropped_mass,
            provenance: learner.provenance(Some(y.view())),
        }
    }

    #[test]
    fn pieces_of_any_size_are_the_whole_bit_for_bit() {
        let blocks = Blocks::from_starts(300, &[0, 10, 11, 190]).unwrap();
        for name in ["exact", "mp", "sor", "pf", "varsmile", "smile", "nassar12"] {
            let learner = ChangePointLearner {
                method: Method::named(name).unwrap(),
                hazard: 0.05.into(),
                seed: 5,
                ..ChangePointLearner::new(Gaussian::default())
            };
            let y = recording(300, 1);
            let options = FilterOptions { blocks: Some(blocks.clone()), ..FilterOptions::default() };
            let whole = learner.filter_with(y.view(), &options).unwrap();
            for length in [1, 7, 64, 300, usize::MAX] {
                let mut pieces = joined(&learner, &y, &blocks, length);
                // The vectorised sum of VarSMiLe groups its terms by piece; all else is equal to the last bit.
                let (sum, wanted) = (pieces.log_evidence.unwrap(), whole.log_evidence.unwrap());
                assert!((sum - wanted).abs() < 1e-10 * wanted.abs(), "{name}");
                pieces.log_evidence = whole.log_evidence;
                assert!(format!("{pieces:?}") == format!("{whole:?}"), "{name} in pieces of {length}");
            }
        }
    }

    #[test]
    fn cues_and_several_columns_stay_in_step_with_their_blocks() {
        let y = recording(60, 2);
        let learner = ChangePointLearner {
            hazard: Hazard::PerStep((0..60).map(|t| if t % 9 == 0 { 0.5 } else { 0.01 }).collect()),
            ..ChangePointLearner::new(MultivariateGaussian::default())
        };
        let blocks = Blocks::from_starts(60, &[0, 25]).unwrap();
        let options = FilterOptions { blocks: Some(blocks.clone()), ..FilterOptions::default() };
        let whole = learner.filter_with(y.view(), &options).unwrap();
        let pieces = joined(&learner, &y, &blocks, 8);
        assert_eq!(pieces.mean, whole.mean);
        assert_eq!(pieces.adaptation_rate, whole.adaptation_rate);
        // A view that is not contiguous.
        let reversed = y.slice(s![..;-1, ..]);
        let options = FilterOptions::default();
        let mut pieces = learner.filter_in_pieces(reversed, &options).unwrap();
        let piece = pieces.next_piece(usize::MAX).unwrap().unwrap();
        assert_eq!(piece.mean, learner.filter_with(reversed, &options).unwrap().mean);
    }

    #[test]
    fn a_stream_that_goes_on_in_pieces_is_one_recording() {
        let learner = ChangePointLearner { hazard: 0.05.into(), ..ChangePointLearner::new(Gaussian::default()) };
        let y = recording(100, 1);
        let whole = learner.filter(y.view()).unwrap();
        let mut pieces = learner.filter_in_pieces(y.slice(s![..33, ..]), &FilterOptions::default()).unwrap();
        while pieces.next_piece(10).unwrap().is_some() {}
        let stream = pieces.into_stream().unwrap();
        assert_eq!(stream.time(), 33);
        let mut rest = stream.filter_in_pieces(y.slice(s![33.., ..]), &FilterOptions::default()).unwrap();
        let rest = rest.next_piece(usize::MAX).unwrap().unwrap();
        assert_eq!(rest.mean.unwrap(), whole.mean.unwrap().slice(s![33.., ..]));
    }

    #[test]
    fn what_cannot_be_filtered_is_refused_before_the_first_piece() {
        let learner = ChangePointLearner::new(Gaussian::default());
        let options = FilterOptions::default();
        assert!(learner.filter_in_pieces(Array2::zeros((0, 1)).view(), &options).is_err());
        assert!(learner.filter_in_pieces(Array2::zeros((3, 2)).view(), &options).is_err());
        let infinite = Array2::from_elem((3, 1), f64::INFINITY);
        assert!(learner.filter_in_pieces(infinite.view(), &options).is_err());
        let cues = ChangePointLearner { hazard: Hazard::PerStep(vec![0.1; 2]), ..learner };
        assert!(cues.filter_in_pieces(Array2::zeros((3, 1)).view(), &options).is_err());
    }
}
