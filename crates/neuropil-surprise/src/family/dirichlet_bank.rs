//! Dirichlet beliefs side by side, one array per category.
//!
//! An observation touches the weights of one category and the totals only, so that scoring and updating a belief costs
//! the same for any number of categories.

use neuropil_core::{dispatch, vector};

use super::dirichlet::Dirichlet;
use super::{BeliefBank, DirichletCategorical};

/// Dirichlet beliefs as one array of weights per category, with their sums and the inverses of these.
#[derive(Debug, Clone)]
pub struct DirichletBank {
    alpha: Vec<Vec<f64>>,
    total: Vec<f64>,
    inverse: Vec<f64>,
}

impl BeliefBank<DirichletCategorical> for DirichletBank {
    fn new(family: &DirichletCategorical) -> Self {
        Self { alpha: vec![Vec::new(); family.alpha.len()], total: Vec::new(), inverse: Vec::new() }
    }

    fn len(&self) -> usize {
        self.total.len()
    }

    fn push(&mut self, _: &DirichletCategorical, belief: &Dirichlet) {
        self.alpha.iter_mut().zip(belief.alpha()).for_each(|(column, alpha)| column.push(*alpha));
        self.total.push(belief.total());
        self.inverse.push(1.0 / belief.total());
    }

    fn get(&self, _: &DirichletCategorical, index: usize) -> Dirichlet {
        Dirichlet::with_total(self.alpha.iter().map(|column| column[index]).collect(), self.total[index])
    }

    fn set(&mut self, _: &DirichletCategorical, index: usize, belief: &Dirichlet) {
        self.alpha.iter_mut().zip(belief.alpha()).for_each(|(column, alpha)| column[index] = *alpha);
        self.total[index] = belief.total();
        self.inverse[index] = 1.0 / belief.total();
    }

    fn log_predictive(&mut self, _: &DirichletCategorical, y: &[f64], out: &mut [f64]) {
        score(&self.alpha[y[0] as usize], &self.inverse, out);
    }

    fn update(&mut self, _: &DirichletCategorical, y: &[f64]) {
        update(&mut self.alpha[y[0] as usize], &mut self.total, &mut self.inverse);
    }

    fn gather(&mut self, source: &[usize]) {
        for column in &mut self.alpha {
            super::gather_in_place(column, source);
        }
        super::gather_in_place(&mut self.total, source);
        super::gather_in_place(&mut self.inverse, source);
    }

    fn remove(&mut self, index: usize) {
        for column in &mut self.alpha {
            column.remove(index);
        }
        self.total.remove(index);
        self.inverse.remove(index);
    }

    fn mixture(&self, _: &DirichletCategorical, weights: &[f64], mean: &mut [f64], variance: Option<&mut [f64]>) {
        for (mean, column) in mean.iter_mut().zip(&self.alpha) {
            *mean = weighted_mean(weights, column, &self.inverse);
        }
        let Some(variance) = variance else { return };
        for (category, variance) in variance.iter_mut().enumerate() {
            *variance = 0.0;
            for (i, &weight) in weights.iter().enumerate().filter(|(_, weight)| **weight > 0.0) {
                // The others are summed, not subtracted: a probability next to one has a tiny variance.
                let others: f64 =
                    (0..self.alpha.len()).filter(|&other| other != category).map(|other| self.alpha[other][i]).sum();
                let probability = self.alpha[category][i] * self.inverse[i];
                let spread = probability * (others * self.inverse[i]) / (self.total[i] + 1.0);
                *variance += weight * (spread + (probability - mean[category]).powi(2));
            }
        }
    }
}

dispatch! {
    fn score = score_body(alpha: &[f64], inverse: &[f64], out: &mut [f64]);
}
dispatch! {
    fn update = update_body(alpha: &mut [f64], total: &mut [f64], inverse: &mut [f64]);
}
dispatch! {
    fn weighted_mean = weighted_mean_body(weights: &[f64], alpha: &[f64], inverse: &[f64]) -> f64;
}

#[inline(always)]
fn score_body<const FMA: bool>(alpha: &[f64], inverse: &[f64], out: &mut [f64]) {
    let n = alpha.len();
    let (inverse, out) = (&inverse[..n], &mut out[..n]);
    for i in 0..n {
        out[i] = vector::ln::<FMA>(alpha[i] * inverse[i]);
    }
}

#[inline(always)]
fn update_body<const FMA: bool>(alpha: &mut [f64], total: &mut [f64], inverse: &mut [f64]) {
    let n = alpha.len();
    let (total, inverse) = (&mut total[..n], &mut inverse[..n]);
    for i in 0..n {
        alpha[i] += 1.0;
        total[i] += 1.0;
        inverse[i] = 1.0 / total[i];
    }
}

#[inline(always)]
fn weighted_mean_body<const FMA: bool>(weights: &[f64], alpha: &[f64], inverse: &[f64]) -> f64 {
    let n = weights.len().min(alpha.len()).min(inverse.len());
    let (weights, alpha, inverse) = (&weights[..n], &alpha[..n], &inverse[..n]);
    vector::sum(n, |i| weights[i] * (alpha[i] * inverse[i]))
}

#[cfg(test)]
mod tests {
    use super::super::{ConjugateFamily, mixture_of};
    use super::*;

    #[test]
    fn the_bank_does_what_each_belief_does_alone() {
        let family = DirichletCategorical { alpha: vec![0.01, 1.0, 30.0] };
        let mut bank = DirichletBank::new(&family);
        let mut beliefs: Vec<Dirichlet> = Vec::new();
        for y in [0.0, 2.0, 2.0, 1.0, 0.0, 2.0] {
            bank.push(&family, &family.prior());
            beliefs.push(family.prior());
            let mut scores = vec![0.0; bank.len()];
            bank.score_and_update(&family, &[y], &mut scores);
            for (belief, score) in beliefs.iter_mut().zip(&scores) {
                assert!((family.log_predictive(belief, &[y]) - score).abs() < 1e-14);
                family.update(belief, &[y]);
            }
        }
        bank.remove(1);
        beliefs.remove(1);
        bank.gather(&[0, 2, 4]);
        let beliefs: Vec<Dirichlet> = [0, 2, 4].into_iter().map(|i: usize| beliefs[i].clone()).collect();
        for (i, belief) in beliefs.iter().enumerate() {
            assert_eq!(bank.get(&family, i), *belief);
        }
        let weights = [0.2, 0.5, 0.3];
        let (mut mean, mut variance) = ([0.0; 3], [0.0; 3]);
        bank.mixture(&family, &weights, &mut mean, Some(&mut variance));
        let (mut expected_mean, mut expected_variance) = ([0.0; 3], [0.0; 3]);
        mixture_of(&family, beliefs.iter(), &weights, &mut expected_mean, Some(&mut expected_variance));
        for category in 0..3 {
            assert!((mean[category] - expected_mean[category]).abs() < 1e-15);
            assert!((variance[category] - expected_variance[category]).abs() < 1e-15);
        }
    }
}
