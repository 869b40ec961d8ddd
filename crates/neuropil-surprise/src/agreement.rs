//! Agreement of a segmentation with human annotations, as in the Turing change point benchmark.
//!
//! Both measures follow van den Burg and Williams (2020, arXiv:2003.06222). Change points are the 0-based first
//! observations of new segments; 0 always counts as one.

use std::collections::BTreeSet;

use crate::error::{Error, Result};

/// How well predicted changes hit annotated ones.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FMeasure {
    /// Harmonic mean of precision and recall.
    pub f1: f64,
    /// Share of the predicted changes that hit an annotation of any annotator.
    pub precision: f64,
    /// Share of an annotator's changes that were hit, averaged over the annotators.
    pub recall: f64,
}

/// Margin of the benchmark, in observations.
pub const DEFAULT_MARGIN: usize = 5;

/// F1 of `predicted` changes against those of several annotators.
///
/// A change hits an annotation at a distance of at most `margin`; each change hits at most one. Precision counts
/// hits of the union of the annotations; recall is the mean over the annotators. Index 0 is added to every list.
///
/// # Errors
/// When there is no annotator or no observation, or a change lies beyond the last observation.
pub fn f_measure(annotations: &[Vec<usize>], predicted: &[usize], length: usize, margin: usize) -> Result<FMeasure> {
    check(annotations, predicted, length)?;
    let predicted = with_zero(predicted);
    let union = annotations.iter().flatten().copied().chain([0]).collect();
    let precision = hits(&union, &predicted, margin) as f64 / predicted.len() as f64;
    let recall = annotations
        .iter()
        .map(|annotation| {
            let annotation = with_zero(annotation);
            hits(&annotation, &predicted, margin) as f64 / annotation.len() as f64
        })
        .sum::<f64>()
        / annotations.len() as f64;
    let sum = precision + recall;
    Ok(FMeasure { f1: if sum > 0.0 { 2.0 * precision * recall / sum } else { 0.0 }, precision, recall })
}

/// Covering of the annotated segments by the predicted ones, averaged over the annotators.
///
/// For one annotator: the mean, weighted by length, over the annotated segments of the largest Jaccard index
/// (intersection over union) with a predicted segment.
///
/// # Errors
/// When there is no annotator or no observation, or a change lies beyond the last observation.
pub fn covering(annotations: &[Vec<usize>], predicted: &[usize], length: usize) -> Result<f64> {
    check(annotations, predicted, length)?;
    let predicted = segments(predicted, length);
    let one = |annotation: &Vec<usize>| {
        segments(annotation, length)
            .iter()
            .map(|segment| {
                let best = predicted.iter().map(|other| jaccard(*segment, *other)).fold(0.0, f64::max);
                (segment.1 - segment.0) as f64 * best
            })
            .sum::<f64>()
            / length as f64
    };
    Ok(annotations.iter().map(one).sum::<f64>() / annotations.len() as f64)
}

fn check(annotations: &[Vec<usize>], predicted: &[usize], length: usize) -> Result<()> {
    if annotations.is_empty() {
        return Err(Error::parameter("the number of annotators", 0, "at least 1"));
    }
    if length == 0 {
        return Err(Error::TooFew { what: "agreement with annotators", needed: 1, got: 0 });
    }
    match annotations.iter().flatten().chain(predicted).find(|&&change| change >= length) {
        Some(change) => {
            Err(Error::parameter("a change point", change, format!("below the number of observations, {length}")))
        }
        None => Ok(()),
    }
}

fn with_zero(changes: &[usize]) -> BTreeSet<usize> {
    changes.iter().copied().chain([0]).collect()
}

/// Number of annotated changes that find a predicted one of their own, the closest that is left.
fn hits(annotated: &BTreeSet<usize>, predicted: &BTreeSet<usize>, margin: usize) -> usize {
    let mut left = predicted.clone();
    let mut hits = 0;
    for &change in annotated {
        let near = left.range(change.saturating_sub(margin)..=change.saturating_add(margin));
        if let Some(closest) = near.min_by_key(|&&other| other.abs_diff(change)).copied() {
            left.remove(&closest);
            hits += 1;
        }
    }
    hits
}

fn segments(changes: &[usize], length: usize) -> Vec<(usize, usize)> {
    let starts: Vec<_> = with_zero(changes).into_iter().collect();
    let ends = starts.iter().skip(1).copied().chain([length]);
    starts.iter().copied().zip(ends).collect()
}

fn jaccard(a: (usize, usize), b: (usize, usize)) -> f64 {
    let intersection = a.1.min(b.1).saturating_sub(a.0.max(b.0));
    if intersection == 0 { 0.0 } else { intersection as f64 / (a.1.max(b.1) - a.0.min(b.0)) as f64 }
}

#[cfg(test)]
mod tests {
    use approx::assert_relative_eq;

    use super::*;

    #[test]
    fn a_perfect_prediction_scores_one() {
        let truth = vec![vec![10, 50]];
        assert_relative_eq!(covering(&truth, &[10, 50], 100).unwrap(), 1.0);
        assert_relative_eq!(f_measure(&truth, &[10, 50], 100, 5).unwrap().f1, 1.0);
    }

    #[test]
    fn covering_weights_the_best_overlap_by_length() {
        // Segments [0, 40) and [40, 100) against [0, 50) and [50, 100): Jaccard 40/50 and 50/60.
        let expected = 0.4 * 0.8 + 0.6 * 50.0 / 60.0;
        assert_relative_eq!(covering(&[vec![40]], &[50], 100).unwrap(), expected, max_relative = 1e-12);
        assert_relative_eq!(covering(&[vec![40], vec![50]], &[50], 100).unwrap(), (expected + 1.0) / 2.0);
        assert_relative_eq!(covering(&[vec![50]], &[], 100).unwrap(), 0.5);
    }

    #[test]
    fn precision_uses_the_union_and_recall_the_mean_over_annotators() {
        // Union {0, 20, 60}; predictions {0, 22, 90}: 2 of 3 hit. Recalls: {0, 20} 2/2, {0, 60} 1/2.
        let measure = f_measure(&[vec![20], vec![60]], &[22, 90], 100, 5).unwrap();
        assert_relative_eq!(measure.precision, 2.0 / 3.0);
        assert_relative_eq!(measure.recall, 0.75);
        assert_relative_eq!(measure.f1, 2.0 * (2.0 / 3.0) * 0.75 / (2.0 / 3.0 + 0.75));
    }

    #[test]
    fn one_prediction_hits_one_annotation_and_the_margin_counts() {
        let measure = f_measure(&[vec![20, 24]], &[22], 100, 5).unwrap();
        assert_relative_eq!(measure.recall, 2.0 / 3.0);
        assert_relative_eq!(f_measure(&[vec![20]], &[26], 100, 5).unwrap().recall, 0.5);
        assert_relative_eq!(f_measure(&[vec![20]], &[25], 100, 5).unwrap().recall, 1.0);
    }

    #[test]
    fn impossible_input_is_refused() {
        assert!(covering(&[], &[3], 10).is_err());
        assert!(covering(&[vec![10]], &[3], 10).is_err());
        assert!(f_measure(&[vec![]], &[], 0, 5).is_err());
    }
}
