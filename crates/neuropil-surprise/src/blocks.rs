//! Independent stretches of one long recording: subjects, sessions, blocks of trials.

use std::ops::Range;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// Where the independent blocks of a sequence of observations start.
///
/// Every learner forgets everything at the start of a block: the first observation of a block always starts a
/// segment, whatever the hazard.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Blocks {
    starts: Vec<usize>,
    length: usize,
}

impl Blocks {
    /// One block of `length` observations.
    #[must_use]
    pub fn single(length: usize) -> Self {
        Self { starts: if length == 0 { Vec::new() } else { vec![0] }, length }
    }

    /// Blocks that start at the given 0-based indices: the first is 0, each is larger than the one before and
    /// smaller than `length`.
    pub fn from_starts(length: usize, starts: &[usize]) -> Result<Self> {
        if length > 0 && starts.first() != Some(&0) {
            let got = starts.first().map_or_else(|| "no start".to_owned(), ToString::to_string);
            return Err(Error::parameter("the first block start", got, "0"));
        }
        for (index, pair) in starts.windows(2).enumerate() {
            if pair[1] <= pair[0] {
                let allowed = format!("larger than the start before it, {}", pair[0]);
                return Err(Error::parameter(format!("block start {}", index + 1), pair[1], allowed));
            }
        }
        if let Some(&last) = starts.last().filter(|&&last| last >= length) {
            let allowed = format!("smaller than the number of observations, {length}");
            return Err(Error::parameter(format!("block start {}", starts.len() - 1), last, allowed));
        }
        Ok(Self { starts: starts.to_vec(), length })
    }

    /// A new block wherever the label differs from the one before it.
    #[must_use]
    pub fn from_labels<T: PartialEq>(labels: &[T]) -> Self {
        let starts = (0..labels.len()).filter(|&t| t == 0 || labels[t] != labels[t - 1]).collect();
        Self { starts, length: labels.len() }
    }

    /// Blocks of the given lengths, one after the other; none may be empty.
    pub fn from_lengths(lengths: &[usize]) -> Result<Self> {
        let mut starts = Vec::with_capacity(lengths.len());
        let mut length = 0;
        for (index, &block) in lengths.iter().enumerate() {
            if block == 0 {
                return Err(Error::parameter(format!("the length of block {index}"), 0, "at least 1"));
            }
            starts.push(length);
            length += block;
        }
        Ok(Self { starts, length })
    }

    /// Number of blocks.
    #[must_use]
    pub fn count(&self) -> usize {
        self.starts.len()
    }

    /// Number of observations in all blocks together.
    #[must_use]
    pub fn length(&self) -> usize {
        self.length
    }

    /// 0-based index of the first observation of each block.
    #[must_use]
    pub fn starts(&self) -> &[usize] {
        &self.starts
    }

    /// The range of observations of each block.
    pub fn ranges(&self) -> impl Iterator<Item = Range<usize>> + '_ {
        (0..self.starts.len()).map(|block| {
            let end = self.starts.get(block + 1).copied().unwrap_or(self.length);
            self.starts[block]..end
        })
    }

    /// Number of pairs of neighbouring observations in the same block: the places where a change can happen.
    #[must_use]
    pub fn transitions(&self) -> usize {
        self.length - self.starts.len()
    }

    /// Refuses blocks that were made for another number of observations.
    pub fn check_length(&self, observations: usize) -> Result<()> {
        if self.length == observations {
            return Ok(());
        }
        Err(Error::Shape {
            what: "blocks".to_owned(),
            expected: format!("blocks that cover {observations} observations"),
            got: self.length.to_string(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_lengths_and_starts_describe_the_same_blocks() {
        let blocks = Blocks::from_labels(&["a", "a", "b", "b", "b", "a"]);
        assert_eq!(blocks.ranges().collect::<Vec<_>>(), [0..2, 2..5, 5..6]);
        assert_eq!(blocks, Blocks::from_starts(6, &[0, 2, 5]).unwrap());
        assert_eq!(blocks, Blocks::from_lengths(&[2, 3, 1]).unwrap());
        assert_eq!(blocks.transitions(), 3);
        assert_eq!(Blocks::single(4).ranges().next(), Some(0..4));
    }

    #[test]
    fn impossible_starts_are_refused() {
        for starts in [&[][..], &[1], &[0, 2, 2], &[0, 3, 1], &[0, 6]] {
            assert!(Blocks::from_starts(6, starts).is_err(), "{starts:?}");
        }
        assert!(Blocks::from_lengths(&[2, 0]).is_err());
        assert!(Blocks::single(3).check_length(4).is_err());
    }
}
