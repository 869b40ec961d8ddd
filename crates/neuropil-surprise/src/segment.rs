//! Segmentations: the most probable one, and draws from the posterior.
//!
//! The most probable segmentation follows from the forward recursion with maxima in place of sums. A draw walks
//! backwards: from the last observation it draws where the segment that ends there started, then continues before
//! that start, with the ending weights of the filter (Fearnhead 2006).

use std::ops::Range;

use ndarray::{Array2, ArrayView2};
use neuropil_core::random::{Seed, Stream, uniform};

use crate::{
    blocks::Blocks,
    error::Result,
    family::ConjugateFamily,
    forward::{Estimates, Problem},
    hazard::StepRates,
    observations::Observations,
    smooth::{Offline, change_probability, per_block},
};

/// The most probable segmentation of a recording.
#[derive(Debug, Clone, PartialEq)]
pub struct Segmentation {
    /// 0-based first observation of each segment.
    pub starts: Vec<usize>,
    /// One past the last observation of each segment.
    pub ends: Vec<usize>,
    /// The starts that are changes: those which do not start a block.
    pub changes: Vec<usize>,
    /// Posterior probability that a segment starts exactly there; 1 at the start of a block.
    pub change_probability: Vec<f64>,
    /// Expected value of the estimated parameter in each segment, segments x estimate width.
    pub mean: Array2<f64>,
    /// Standard deviation of the belief about it, segments x estimate width.
    pub standard_deviation: Array2<f64>,
    /// `ln p(segmentation, y)` in nats.
    pub log_joint: f64,
    /// `ln P(segmentation | y)` in nats.
    pub log_posterior: f64,
    /// `ln p(y)` in nats.
    pub log_evidence: f64,
}

impl<F: ConjugateFamily> Offline<F> {
    /// The segmentation with the highest posterior probability; of equally probable ones, that with the longest
    /// last segments.
    ///
    /// # Errors
    /// As [`smooth`](Self::smooth).
    pub fn segment(&self, y: ArrayView2<'_, f64>, blocks: &Blocks) -> Result<Segmentation> {
        let (best, probability) = self.with_problem("segment", 3, y.view(), blocks, |problem| {
            let best = per_block(blocks, |block| best_path(problem, block))?;
            Ok((best, per_block(blocks, |block| change_probability(problem, block))?.concat()))
        })?;
        let log_joint: f64 = best.iter().map(|path| path.log_joint).sum();
        let log_evidence: f64 = best.iter().map(|path| path.log_evidence).sum();
        let starts: Vec<_> = best.into_iter().flat_map(|path| path.starts).collect();
        let is_block = |start: &usize| blocks.starts().binary_search(start).is_ok();
        let beliefs = self.segment_beliefs(y, &starts)?;
        let width = self.family.estimate_width();
        let mut mean = Array2::zeros((starts.len(), width));
        let mut standard_deviation = Array2::zeros((starts.len(), width));
        let mut row = vec![0.0; width];
        for (segment, belief) in beliefs.iter().enumerate() {
            self.family.mean(belief, &mut row);
            mean.row_mut(segment).iter_mut().zip(&row).for_each(|(to, from)| *to = *from);
            self.family.variance(belief, &mut row);
            standard_deviation.row_mut(segment).iter_mut().zip(&row).for_each(|(to, from)| *to = from.sqrt());
        }
        Ok(Segmentation {
            ends: starts.iter().skip(1).copied().chain([blocks.length()]).collect(),
            changes: starts.iter().filter(|start| !is_block(start)).copied().collect(),
            change_probability: starts.iter().map(|t| if is_block(t) { 1.0 } else { probability[*t] }).collect(),
            mean,
            standard_deviation,
            log_joint,
            log_posterior: (log_joint - log_evidence).min(0.0),
            log_evidence,
            starts,
        })
    }

    /// `draws` independent segmentations from the posterior, each as the ascending first observations of its
    /// segments. Draw `i` depends on the seed and `i` only.
    ///
    /// # Errors
    /// As [`smooth`](Self::smooth).
    pub fn sample_segmentations(
        &self,
        y: ArrayView2<'_, f64>,
        blocks: &Blocks,
        draws: usize,
        seed: u64,
    ) -> Result<Vec<Vec<usize>>> {
        let seed = Seed::new(seed).child("segmentation");
        self.with_problem("sample segmentations", 2, y, blocks, |problem| {
            let parts = per_block(blocks, |block| {
                let begin = block.start as u64;
                let streams = (0..draws).map(|draw| seed.index(draw as u64).index(begin).stream());
                draw_paths(problem, block, streams.collect())
            })?;
            let mut paths = vec![Vec::new(); draws];
            for part in parts {
                paths.iter_mut().zip(part).for_each(|(path, part)| path.extend(part));
            }
            Ok(paths)
        })
    }

    /// The belief after all observations of each segment, for segments that start at the given ascending indices
    /// (the first is 0): the posterior of the parameters, given a segmentation.
    ///
    /// # Errors
    /// When an observation or a start is impossible.
    pub fn segment_beliefs(&self, y: ArrayView2<'_, f64>, starts: &[usize]) -> Result<Vec<F::Belief>> {
        let observations = Observations::new(&self.family, y)?;
        let segments = Blocks::from_starts(observations.len(), starts)?;
        let belief = |segment: Range<usize>| {
            let mut belief = self.family.prior();
            segment.filter_map(|t| observations.row(t)).for_each(|row| self.family.update(&mut belief, row));
            belief
        };
        Ok(segments.ranges().map(belief).collect())
    }
}

struct Path {
    starts: Vec<usize>,
    log_joint: f64,
    log_evidence: f64,
}

fn best_path<F: ConjugateFamily>(problem: &Problem<'_, '_, F>, block: Range<usize>) -> Result<Path> {
    let begin = block.start;
    let mut forward = problem.start(begin);
    // By start: log probability of the best history that continues in this segment, and the segment before it.
    let mut score = vec![f64::NEG_INFINITY; block.len()];
    let mut previous = vec![begin; block.len()];
    score[0] = 0.0;
    let mut log_evidence = 0.0;
    for t in block.clone() {
        problem.report(t)?;
        if t > begin {
            let rates = problem.rates.before(t);
            (score[t - begin], previous[t - begin]) = best_ending(&forward.starts, &score, begin, t, rates);
            for (k, &start) in forward.starts.iter().enumerate() {
                score[start - begin] += rates.get(k, t - start).log_stay;
            }
            forward.transition(t, rates);
        }
        log_evidence += forward.observe(problem.observations.row(t));
        for (&start, log_predictive) in forward.starts.iter().zip(&forward.log_predictive) {
            score[start - begin] += log_predictive;
        }
        forward.prune(t);
    }
    let (mut log_joint, mut start) = (f64::NEG_INFINITY, forward.starts[0]);
    for &candidate in &forward.starts {
        if score[candidate - begin] > log_joint {
            (log_joint, start) = (score[candidate - begin], candidate);
        }
    }
    let mut starts = vec![start];
    while start > begin {
        start = previous[start - begin];
        starts.push(start);
    }
    starts.reverse();
    Ok(Path { starts, log_joint, log_evidence })
}

/// The best history whose last segment ends before `t`: its log probability, and where that segment starts.
fn best_ending(starts: &[usize], score: &[f64], begin: usize, t: usize, rates: StepRates<'_>) -> (f64, usize) {
    let mut best = (f64::NEG_INFINITY, starts[0]);
    for (k, &start) in starts.iter().enumerate() {
        let candidate = score[start - begin] + rates.get(k, t - start).log_change;
        if candidate > best.0 {
            best = (candidate, start);
        }
    }
    best
}

fn draw_paths<F: ConjugateFamily>(
    problem: &Problem<'_, '_, F>,
    block: Range<usize>,
    mut streams: Vec<Stream>,
) -> Result<Vec<Vec<usize>>> {
    let begin = block.start;
    let mut paths = vec![Vec::new(); streams.len()];
    // By observation: the draws in which a segment ends there.
    let mut waiting = vec![Vec::new(); block.len()];
    waiting[block.len() - 1] = (0..streams.len()).collect();
    problem.backward(block, Estimates::Skip, |ending| {
        for draw in std::mem::take(&mut waiting[ending.end - begin]) {
            let start = draw_start(ending.starts, ending.weight, uniform(&mut streams[draw]));
            paths[draw].push(start);
            if start > begin {
                waiting[start - begin - 1].push(draw);
            }
        }
    })?;
    paths.iter_mut().for_each(|path| path.reverse());
    Ok(paths)
}

fn draw_start(starts: &[usize], weight: &[f64], uniform: f64) -> usize {
    let mut rest = uniform;
    let mut last = starts[0];
    for (&start, &weight) in starts.iter().zip(weight).filter(|(_, weight)| **weight > 0.0) {
        last = start;
        rest -= weight;
        if rest < 0.0 {
            break;
        }
    }
    last
}
