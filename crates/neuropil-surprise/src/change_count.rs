//! How many changes there were: the exact posterior distribution of their number.
//!
//! Given that a segment starts at `t`, the number of changes up to and including `t` has the law
//! `N_t(n) = sum over s of u_(t-1)(s) N_s(n - 1)`, with the ending weights `u` of the filter. After the last
//! observation the laws are mixed with the filtered weights. One pass forwards, no pass back.

use std::ops::Range;

use ndarray::ArrayView2;

use crate::{
    blocks::Blocks,
    error::Result,
    family::ConjugateFamily,
    forward::Problem,
    smooth::{Offline, per_block},
};

/// Probability below which the tails of a count's law are cut, and contributions to it skipped.
const TAIL: f64 = 1e-18;

/// Posterior distribution of the number of changes.
#[derive(Debug, Clone, PartialEq)]
pub struct ChangeCount {
    /// The smallest number with a probability above 1e-18.
    pub first: usize,
    /// Probability of `first`, `first + 1`, ... changes; they sum to one.
    pub probability: Vec<f64>,
}

impl ChangeCount {
    fn certain(number: usize) -> Self {
        Self { first: number, probability: vec![1.0] }
    }

    /// Probability of exactly `number` changes.
    #[must_use]
    pub fn at(&self, number: usize) -> f64 {
        number.checked_sub(self.first).and_then(|index| self.probability.get(index)).copied().unwrap_or(0.0)
    }

    /// Expected number of changes.
    #[must_use]
    pub fn mean(&self) -> f64 {
        self.first as f64 + self.probability.iter().enumerate().map(|(n, p)| n as f64 * p).sum::<f64>()
    }

    /// Variance of the number of changes.
    #[must_use]
    pub fn variance(&self) -> f64 {
        let mean = self.mean() - self.first as f64;
        self.probability.iter().enumerate().map(|(n, p)| (n as f64 - mean).powi(2) * p).sum()
    }

    /// The smallest number that is not exceeded with probability `level` or more.
    #[must_use]
    pub fn quantile(&self, level: f64) -> usize {
        let mut sum = 0.0;
        for (index, probability) in self.probability.iter().enumerate() {
            sum += probability;
            if sum >= level {
                return self.first + index;
            }
        }
        self.first + self.probability.len().saturating_sub(1)
    }

    /// Law of the sum of two independent counts.
    fn convolve(&self, other: &Self) -> Self {
        let mut probability = vec![0.0; self.probability.len() + other.probability.len() - 1];
        for (i, p) in self.probability.iter().enumerate() {
            for (j, q) in other.probability.iter().enumerate() {
                probability[i + j] += p * q;
            }
        }
        Self { first: self.first + other.first, probability }.trimmed()
    }

    /// Cuts the tails and normalises.
    fn trimmed(mut self) -> Self {
        let Some(low) = self.probability.iter().position(|&p| p > TAIL) else { return self };
        let high = self.probability.iter().rposition(|&p| p > TAIL).unwrap_or(low);
        self.probability.truncate(high + 1);
        self.probability.drain(..low);
        self.first += low;
        let total: f64 = self.probability.iter().sum();
        self.probability.iter_mut().for_each(|p| *p /= total);
        self
    }
}

impl<F: ConjugateFamily> Offline<F> {
    /// Posterior distribution of the number of changes in all blocks together; the start of a block is no change.
    ///
    /// Time O(T K C) with `C` the width of the distribution (not its largest value).
    ///
    /// # Errors
    /// As [`smooth`](Self::smooth).
    pub fn change_count(&self, y: ArrayView2<'_, f64>, blocks: &Blocks) -> Result<ChangeCount> {
        self.with_problem("count changes", 1, y, blocks, |problem| {
            let parts = per_block(blocks, |block| count_block(problem, block))?;
            Ok(parts.iter().fold(ChangeCount::certain(0), |sum, part| sum.convolve(part)))
        })
    }
}

fn count_block<F: ConjugateFamily>(problem: &Problem<'_, '_, F>, block: Range<usize>) -> Result<ChangeCount> {
    let mut forward = problem.start(block.start);
    // The law of each hypothesis that is alive, with its start.
    let mut laws = vec![(block.start, ChangeCount::certain(0))];
    for t in block.clone() {
        let last = forward.starts.last().copied();
        problem.step(&mut forward, block.start, t)?;
        if forward.starts.last() == Some(&t) && last.is_some_and(|last| last < t) {
            let mut law = mix(&forward.ending, &laws);
            law.first += 1;
            laws.push((t, law));
        }
        if laws.len() > forward.starts.len() {
            let mut alive = forward.starts.iter().peekable();
            laws.retain(|(start, _)| alive.next_if_eq(&start).is_some());
        }
    }
    Ok(mix(&forward.weight, &laws))
}

fn mix(weights: &[f64], laws: &[(usize, ChangeCount)]) -> ChangeCount {
    let used = || weights.iter().zip(laws).filter(|(weight, _)| **weight > TAIL);
    let first = used().map(|(_, (_, law))| law.first).min().unwrap_or(0);
    let end = used().map(|(_, (_, law))| law.first + law.probability.len()).max().unwrap_or(first + 1);
    let mut probability = vec![0.0; end - first];
    for (&weight, (_, law)) in used() {
        let to = &mut probability[law.first - first..];
        to.iter_mut().zip(&law.probability).for_each(|(to, p)| *to += weight * p);
    }
    ChangeCount { first, probability }.trimmed()
}
