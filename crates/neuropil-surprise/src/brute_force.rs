//! The posterior by enumeration of every change configuration, for the tests.

use crate::{family::ConjugateFamily, hazard::Hazard};

/// Everything that the offline methods compute, from all 2^(T-1) configurations of one block with width 1.
#[derive(Debug, Default)]
pub struct Enumerated {
    pub log_evidence: f64,
    pub change_probability: Vec<f64>,
    pub mean: Vec<f64>,
    pub variance: Vec<f64>,
    pub count: Vec<f64>,
    pub best: Vec<usize>,
    pub best_log_joint: f64,
}

/// One configuration: segment starts, log joint, and mean and variance of the belief at every observation.
struct Configuration {
    starts: Vec<usize>,
    log_joint: f64,
    moments: Vec<(f64, f64)>,
}

/// Enumerates with the prior probability of a configuration given by the hazard.
pub fn enumerate<F: ConjugateFamily>(family: &F, y: &[f64], hazard: &Hazard) -> Enumerated {
    enumerate_with(family, y, |changes| {
        let mut run_length = 0;
        (0..changes.len())
            .map(|t| {
                if t == 0 {
                    run_length = 1;
                    return 0.0;
                }
                let h = hazard.at(t, run_length);
                run_length = if changes[t] { 1 } else { run_length + 1 };
                if changes[t] { h.ln() } else { (1.0 - h).ln() }
            })
            .sum()
    })
}

/// Enumerates with any log prior probability of a configuration; element 0 of its argument is true.
pub fn enumerate_with<F: ConjugateFamily>(family: &F, y: &[f64], log_prior: impl Fn(&[bool]) -> f64) -> Enumerated {
    let length = y.len();
    let configurations: Vec<_> = (0_u32..1 << (length - 1))
        .map(|mask| {
            let changes: Vec<_> = (0..length).map(|t| t == 0 || mask >> (t - 1) & 1 == 1).collect();
            configuration(family, y, &changes, log_prior(&changes))
        })
        .collect();
    let top = configurations.iter().map(|c| c.log_joint).fold(f64::NEG_INFINITY, f64::max);
    let sum: f64 = configurations.iter().map(|c| (c.log_joint - top).exp()).sum();
    let log_evidence = top + sum.ln();
    let mut result = Enumerated {
        log_evidence,
        change_probability: vec![0.0; length],
        mean: vec![0.0; length],
        variance: vec![0.0; length],
        count: vec![0.0; length],
        best: Vec::new(),
        best_log_joint: f64::NEG_INFINITY,
    };
    for c in &configurations {
        let weight = (c.log_joint - log_evidence).exp();
        c.starts.iter().skip(1).for_each(|&t| result.change_probability[t] += weight);
        result.count[c.starts.len() - 1] += weight;
        (0..length).for_each(|t| result.mean[t] += weight * c.moments[t].0);
        if c.log_joint > result.best_log_joint {
            (result.best, result.best_log_joint) = (c.starts.clone(), c.log_joint);
        }
    }
    for c in &configurations {
        let weight = (c.log_joint - log_evidence).exp();
        for t in 0..length {
            result.variance[t] += weight * (c.moments[t].1 + (c.moments[t].0 - result.mean[t]).powi(2));
        }
    }
    result
}

fn configuration<F: ConjugateFamily>(family: &F, y: &[f64], changes: &[bool], log_prior: f64) -> Configuration {
    let starts: Vec<_> = (0..y.len()).filter(|&t| changes[t]).collect();
    let mut log_joint = log_prior;
    let mut moments = Vec::new();
    for (segment, &start) in starts.iter().enumerate() {
        let end = starts.get(segment + 1).copied().unwrap_or(y.len());
        let mut belief = family.prior();
        for &value in y[start..end].iter().filter(|value| !value.is_nan()) {
            log_joint += family.log_predictive(&belief, &[value]);
            family.update(&mut belief, &[value]);
        }
        let (mut mean, mut variance) = ([0.0], [0.0]);
        family.mean(&belief, &mut mean);
        family.variance(&belief, &mut variance);
        moments.extend(std::iter::repeat_n((mean[0], variance[0]), end - start));
    }
    Configuration { starts, log_joint, moments }
}
