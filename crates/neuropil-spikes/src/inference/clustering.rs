//! Which recorded neurons belong together: populations from unlabelled trains.
//!
//! The trains are smoothed, variance-stabilised (`2 sqrt(spikes)`) and, after the mean over neurons is removed at every
//! time, projected on their first principal components. Neurons of a population share their drive and their rate, so
//! that they end up in one place; k-means with many starts finds the places.

use faer::{Mat, Side};
use ndarray::{Array2, ArrayView2};
use neuropil_core::random::{Seed, Stream, uniform};
use serde::{Deserialize, Serialize};

use super::recording::gaussian_smoothing;
use crate::error::{Error, Result};

/// Settings of the clustering.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ClusteringOptions {
    /// Number of populations; `None` for the number (2 to `most`) with the best silhouette.
    pub n_populations: Option<usize>,
    /// Largest number that is tried when none is given.
    pub most: usize,
    /// Standard deviation of the smoothing, s.
    pub smoothing: f64,
    /// Random starts of k-means.
    pub n_restarts: usize,
    /// Seed of the starts.
    pub seed: u64,
}

impl Default for ClusteringOptions {
    fn default() -> Self {
        Self { n_populations: None, most: 6, smoothing: 0.2, n_restarts: 50, seed: 0 }
    }
}

/// Populations of recorded neurons.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Clustering {
    /// Population of every neuron, counted from 0 in the order of their mean rates, the lowest first.
    pub labels: Vec<usize>,
    /// Number of populations.
    pub n_populations: usize,
    /// Mean silhouette (-1 to 1) for every number of populations that was tried.
    pub silhouettes: Vec<(usize, f64)>,
    /// Coordinates of the neurons on the principal components, neuron by component.
    pub coordinates: Array2<f64>,
    /// Mean rate of every neuron, Hz.
    pub rates: Vec<f64>,
}

/// Clusters neurons by their spikes (time by neuron, 0 or 1).
///
/// # Errors
/// Fewer neurons than populations, or no smoothing.
pub fn cluster_neurons(spikes: ArrayView2<'_, u8>, dt: f64, options: &ClusteringOptions) -> Result<Clustering> {
    let n = spikes.ncols();
    neuropil_core::check::positive("dt", dt)?;
    neuropil_core::check::positive("smoothing", options.smoothing)?;
    neuropil_core::check::at_least("n_restarts", options.n_restarts, 1)?;
    let least = options.n_populations.unwrap_or(2);
    neuropil_core::check::at_least("n_populations", least, 1)?;
    if n < least.max(2) {
        return Err(Error::TooLittle {
            what: format!("a clustering into {least} populations"),
            needed: format!("{} neurons", least.max(2)),
            got: format!("{n} neurons"),
            advice: "give the labels yourself".into(),
        });
    }
    let candidates: Vec<usize> = match options.n_populations {
        Some(k) => vec![k],
        None => (2..=options.most.clamp(2, n - 1).max(2)).collect(),
    };
    let n_components = candidates.iter().copied().max().unwrap_or(2).min(n);
    let coordinates = principal_coordinates(spikes, dt, options.smoothing, n_components)?;
    let mut best: Option<(f64, Vec<usize>, usize)> = None;
    let mut silhouettes = Vec::new();
    for k in candidates {
        let points = coordinates.slice(ndarray::s![.., ..k.clamp(1, n_components)]).to_owned();
        let labels = k_means(&points, k, options);
        let silhouette = silhouette(&points, &labels, k);
        silhouettes.push((k, silhouette));
        if best.as_ref().is_none_or(|(score, _, _)| silhouette > *score) {
            best = Some((silhouette, labels, k));
        }
    }
    let (_, labels, n_populations) = best.unwrap_or((0.0, vec![0; n], 1));
    let duration = spikes.nrows() as f64 * dt;
    let rates: Vec<f64> = spikes
        .columns()
        .into_iter()
        .map(|train| train.iter().map(|&spike| f64::from(spike)).sum::<f64>() / duration)
        .collect();
    let labels = ordered_by_rate(&labels, &rates, n_populations);
    Ok(Clustering { labels, n_populations, silhouettes, coordinates, rates })
}

fn principal_coordinates(
    spikes: ArrayView2<'_, u8>,
    dt: f64,
    smoothing: f64,
    n_components: usize,
) -> Result<Array2<f64>> {
    let (n_bins, n) = spikes.dim();
    let sigma = smoothing / dt;
    // A Gaussian window counts the spikes of 2 sqrt(pi) sigma bins.
    let window = 2.0 * std::f64::consts::PI.sqrt() * sigma;
    // Neighbouring bins say the same: one sample per sigma is enough.
    let stride = (sigma / 2.0).floor().max(1.0) as usize;
    let mut features = Array2::zeros((n_bins.div_ceil(stride), n));
    for (neuron, train) in spikes.columns().into_iter().enumerate() {
        let train: Vec<f64> = train.iter().map(|&spike| f64::from(spike)).collect();
        for (row, smooth) in gaussian_smoothing(&train, sigma).into_iter().step_by(stride).enumerate() {
            features[[row, neuron]] = 2.0 * (smooth * window).sqrt();
        }
    }
    for mut row in features.rows_mut() {
        let mean = row.sum() / n as f64;
        row -= mean;
    }
    let gram = features.t().dot(&features) / features.nrows() as f64;
    let gram = Mat::from_fn(n, n, |i, j| gram[[i, j]]);
    let eigen = gram.self_adjoint_eigen(Side::Lower).map_err(|error| Error::Numerical {
        what: "the clustering".into(),
        problem: format!("the principal components were not found ({error:?})"),
    })?;
    Ok(Array2::from_shape_fn((n, n_components), |(neuron, component)| {
        let c = n - 1 - component;
        eigen.U()[(neuron, c)] * eigen.S()[c].max(0.0).sqrt()
    }))
}

fn squared_distance(points: &Array2<f64>, i: usize, centre: &[f64]) -> f64 {
    points.row(i).iter().zip(centre).map(|(a, b)| (a - b) * (a - b)).sum()
}

fn k_means(points: &Array2<f64>, k: usize, options: &ClusteringOptions) -> Vec<usize> {
    (0..options.n_restarts)
        .map(|r| {
            let seed = Seed::new(options.seed).child("k-means").index(k as u64).index(r as u64);
            one_k_means(points, k, &mut seed.stream())
        })
        .min_by(|a, b| a.0.total_cmp(&b.0))
        .map_or_else(|| vec![0; points.nrows()], |(_, labels)| labels)
}

fn one_k_means(points: &Array2<f64>, k: usize, stream: &mut Stream) -> (f64, Vec<usize>) {
    let n = points.nrows();
    let mut centres = vec![points.row((uniform(stream) * n as f64) as usize).to_vec()];
    while centres.len() < k {
        // The next centre is likely to be far from all others (k-means++).
        let far: Vec<f64> = (0..n)
            .map(|i| centres.iter().map(|c| squared_distance(points, i, c)).fold(f64::INFINITY, f64::min))
            .collect();
        let mut u = uniform(stream) * far.iter().sum::<f64>();
        let chosen = far.iter().position(|d| {
            u -= d;
            u <= 0.0
        });
        centres.push(points.row(chosen.unwrap_or(n - 1)).to_vec());
    }
    let mut labels = vec![0; n];
    for _ in 0..100 {
        let mut changed = false;
        for i in 0..n {
            let nearest = (0..k)
                .min_by(|&a, &b| {
                    squared_distance(points, i, &centres[a]).total_cmp(&squared_distance(points, i, &centres[b]))
                })
                .unwrap_or(0);
            changed |= nearest != labels[i];
            labels[i] = nearest;
        }
        for (label, centre) in centres.iter_mut().enumerate() {
            let members: Vec<usize> = (0..n).filter(|&i| labels[i] == label).collect();
            if !members.is_empty() {
                for (c, value) in centre.iter_mut().enumerate() {
                    *value = members.iter().map(|&i| points[[i, c]]).sum::<f64>() / members.len() as f64;
                }
            }
        }
        if !changed {
            break;
        }
    }
    let cost = (0..n).map(|i| squared_distance(points, i, &centres[labels[i]])).sum();
    (cost, labels)
}

/// Mean silhouette: how much nearer a neuron is to its own population than to the next one.
fn silhouette(points: &Array2<f64>, labels: &[usize], k: usize) -> f64 {
    let n = points.nrows();
    let total: f64 = (0..n)
        .map(|i| {
            let mut sum = vec![0.0; k];
            let mut count = vec![0.0_f64; k];
            for j in (0..n).filter(|&j| j != i) {
                sum[labels[j]] += squared_distance(points, i, &points.row(j).to_vec()).sqrt();
                count[labels[j]] += 1.0;
            }
            if count[labels[i]] == 0.0 {
                return 0.0;
            }
            let own = sum[labels[i]] / count[labels[i]];
            let other = (0..k)
                .filter(|&label| label != labels[i] && count[label] > 0.0)
                .map(|label| sum[label] / count[label])
                .fold(f64::INFINITY, f64::min);
            if other.is_finite() { (other - own) / own.max(other).max(1e-300) } else { 0.0 }
        })
        .sum();
    total / n as f64
}

fn ordered_by_rate(labels: &[usize], rates: &[f64], k: usize) -> Vec<usize> {
    let mean = |label: usize| {
        let members: Vec<f64> = (0..labels.len()).filter(|&i| labels[i] == label).map(|i| rates[i]).collect();
        members.iter().sum::<f64>() / members.len().max(1) as f64
    };
    let mut order: Vec<usize> = (0..k).collect();
    order.sort_by(|&a, &b| mean(a).total_cmp(&mean(b)));
    labels.iter().map(|label| order.iter().position(|o| o == label).unwrap_or(0)).collect()
}

/// Adjusted Rand index of two labellings: 1 for the same partition, 0 on average for chance.
///
/// # Errors
/// Different lengths.
pub fn adjusted_rand_index(a: &[usize], b: &[usize]) -> Result<f64> {
    neuropil_core::check::same_length("labels", a.len(), "the other labels", b.len())?;
    let size = |labels: &[usize]| labels.iter().copied().max().map_or(0, |m| m + 1);
    let mut table = Array2::<f64>::zeros((size(a).max(1), size(b).max(1)));
    for (&i, &j) in a.iter().zip(b) {
        table[[i, j]] += 1.0;
    }
    let pairs = |n: f64| n * (n - 1.0) / 2.0;
    let both: f64 = table.iter().map(|n| pairs(*n)).sum();
    let rows: f64 = table.rows().into_iter().map(|row| pairs(row.sum())).sum();
    let columns: f64 = table.columns().into_iter().map(|column| pairs(column.sum())).sum();
    let all = pairs(a.len() as f64);
    let expected = if all > 0.0 { rows * columns / all } else { 0.0 };
    let most = (rows + columns) / 2.0;
    Ok(if most == expected { 1.0 } else { (both - expected) / (most - expected) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_adjusted_rand_index_knows_equal_and_crossed_partitions() {
        assert_eq!(adjusted_rand_index(&[0, 0, 1, 1], &[1, 1, 0, 0]).unwrap(), 1.0);
        // Two crossed partitions of four: sum of pairs 0, expected 2 * 2 / 6, most 2.
        assert!((adjusted_rand_index(&[0, 0, 1, 1], &[0, 1, 0, 1]).unwrap() + 0.5).abs() < 1e-12);
        assert!(adjusted_rand_index(&[0], &[0, 1]).is_err());
    }

    #[test]
    fn alternating_populations_are_told_apart() {
        let mut stream = Seed::new(3).stream();
        let spikes = Array2::from_shape_fn((4000, 9), |(t, neuron)| {
            let high = (t / 1000).is_multiple_of(2);
            let rate = match neuron / 3 {
                0 if high => 0.08,
                1 if !high => 0.08,
                2 => 0.11,
                _ => 0.015,
            };
            u8::from(uniform(&mut stream) < rate)
        });
        let result = cluster_neurons(spikes.view(), 0.004, &ClusteringOptions::default()).unwrap();
        assert_eq!(result.n_populations, 3, "{:?}", result.silhouettes);
        let truth: Vec<usize> = (0..9).map(|i| i / 3).collect();
        assert_eq!(adjusted_rand_index(&result.labels, &truth).unwrap(), 1.0);
        assert!(cluster_neurons(spikes.slice(ndarray::s![.., ..1]), 0.004, &ClusteringOptions::default()).is_err());
    }
}
