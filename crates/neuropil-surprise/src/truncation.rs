//! Which hypotheses of a run-length filter survive a step.

use neuropil_core::special::log_add_exp;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::family::{BeliefBank, ConjugateFamily, gather_in_place};
use crate::log_weights::{count_below, scale};
use crate::resampling;
use crate::run_length::RunLengthFilter;

/// Which hypotheses survive a step.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "truncation")]
pub enum Truncation {
    /// All whose posterior weight reaches `cutoff` (exact Bayes).
    Prune {
        /// Smallest posterior weight that survives; 0 keeps all.
        cutoff: f64,
        /// Runs longer than this are dropped; `None` keeps all.
        max_run_length: Option<u64>,
        /// Bound on memory: beyond it the least probable hypotheses go, whatever their weight.
        max_hypotheses: usize,
    },
    /// The `n` most probable (MP-N).
    Keep {
        /// Number of hypotheses that survive a step; at least 1.
        n: usize,
        /// What happens to the one too many.
        overflow: Overflow,
        /// A hypothesis younger than this many steps is never the one that goes; 0 protects none.
        protect: u64,
    },
    /// `n` by optimal stratified resampling (SOR-N, Fearnhead and Liu 2007).
    Resample {
        /// Number of hypotheses that survive a step; at least 1.
        n: usize,
        /// Which threshold search.
        threshold: resampling::Threshold,
    },
}

/// What MP-N does with the hypothesis that is one too many.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Overflow {
    /// Drops the least probable one, as published.
    Drop,
    /// Merges the two neighbours in run length whose average loses least information.
    Merge,
}

impl Truncation {
    /// Checks the numbers and names the one that is out of range.
    pub fn validate(&self) -> Result<()> {
        match *self {
            Self::Prune { cutoff, max_run_length, max_hypotheses } => {
                if !(0.0..1e-2).contains(&cutoff) {
                    return Err(Error::parameter("cutoff", cutoff, "in [0, 0.01)"));
                }
                if max_run_length == Some(0) {
                    return Err(Error::parameter("max_run_length", 0, "at least 1"));
                }
                if max_hypotheses < 2 {
                    return Err(Error::parameter("max_hypotheses", max_hypotheses, "at least 2"));
                }
                Ok(())
            }
            Self::Keep { n, .. } | Self::Resample { n, .. } if n == 0 => {
                Err(Error::parameter("n", n, "at least 1 hypothesis"))
            }
            Self::Keep { .. } | Self::Resample { .. } => Ok(()),
        }
    }
}

impl<F: ConjugateFamily> RunLengthFilter<F> {
    /// Applies the truncation after a step.
    pub(crate) fn truncate(&mut self) {
        match self.truncation {
            Truncation::Prune { cutoff, max_run_length, max_hypotheses } => {
                self.prune(cutoff, max_run_length, max_hypotheses);
            }
            Truncation::Keep { n, overflow, protect } => {
                while self.born.len() > n {
                    match overflow {
                        Overflow::Drop => self.drop_least_probable(n, protect),
                        Overflow::Merge => self.merge_closest_neighbours(protect),
                    }
                }
            }
            Truncation::Resample { n, threshold } => {
                if self.born.len() > n {
                    self.resample(n, threshold);
                }
            }
        }
    }

    fn prune(&mut self, cutoff: f64, max_run_length: Option<u64>, max_hypotheses: usize) {
        let mut mass = 0.0;
        if cutoff > 0.0 && count_below(&self.weights, cutoff) > self.dropped {
            for i in 0..self.weights.len() {
                if self.weights[i] < cutoff && self.log_weights[i] > f64::NEG_INFINITY {
                    mass += self.drop_in_place(i);
                }
            }
        }
        if let Some(longest) = max_run_length {
            let mut i = 0;
            while i < self.born.len() && self.time - self.born[i] > longest {
                if self.log_weights[i] > f64::NEG_INFINITY {
                    mass += self.drop_in_place(i);
                }
                i += 1;
            }
        }
        if self.born.len() - self.dropped > max_hypotheses {
            // Drop an eighth at once, so that the selection costs little per step.
            let surplus = self.born.len() - self.dropped - (max_hypotheses - max_hypotheses / 8).max(1);
            let mut order: Vec<usize> =
                (0..self.born.len()).filter(|&i| self.log_weights[i] > f64::NEG_INFINITY).collect();
            order.select_nth_unstable_by(surplus - 1, |&i, &j| self.weights[i].total_cmp(&self.weights[j]));
            for &i in &order[..surplus] {
                mass += self.drop_in_place(i);
            }
        }
        if mass > 0.0 {
            self.renormalise(mass);
        }
        if self.dropped > 8 + self.born.len() / 16 {
            self.compact();
        }
    }

    /// Marks a hypothesis as dropped and returns the weight that it had.
    fn drop_in_place(&mut self, index: usize) -> f64 {
        self.log_weights[index] = f64::NEG_INFINITY;
        self.dropped += 1;
        std::mem::take(&mut self.weights[index])
    }

    fn renormalise(&mut self, lost: f64) {
        let rest = (1.0 - lost).max(f64::MIN_POSITIVE);
        scale(&mut self.weights, 1.0 / rest);
        self.log_scale += rest.ln();
        self.dropped_mass += lost;
    }

    fn compact(&mut self) {
        let alive: Vec<usize> = (0..self.born.len()).filter(|&i| self.log_weights[i] > f64::NEG_INFINITY).collect();
        self.gather(&alive);
        self.dropped = 0;
    }

    fn gather(&mut self, source: &[usize]) {
        self.bank.gather(source);
        gather_in_place(&mut self.born, source);
        gather_in_place(&mut self.log_weights, source);
        gather_in_place(&mut self.weights, source);
    }

    fn remove(&mut self, index: usize) {
        self.bank.remove(index);
        self.born.remove(index);
        self.log_weights.remove(index);
        self.weights.remove(index);
    }

    /// Number of hypotheses, counted from the oldest, that are old enough to be dropped or merged; at least one.
    fn unprotected(&self, protect: u64) -> usize {
        self.born.iter().take_while(|&&born| self.time - born >= protect).count().max(1)
    }

    fn drop_least_probable(&mut self, n: usize, protect: u64) {
        let candidates = self.unprotected(protect).max(self.born.len() - n);
        let mut least = 0;
        for i in 1..candidates {
            if self.weights[i] < self.weights[least] {
                least = i;
            }
        }
        let mass = self.weights[least];
        self.remove(least);
        self.renormalise(mass);
    }

    fn merge_closest_neighbours(&mut self, protect: u64) {
        let candidates = self.unprotected(protect).max(2);
        let mut best = (f64::INFINITY, 0);
        for i in 0..candidates - 1 {
            let (first, second) = (self.bank.get(&self.family, i), self.bank.get(&self.family, i + 1));
            let (u, v) = (self.weights[i], self.weights[i + 1]);
            let share = if u + v > 0.0 { v / (u + v) } else { 0.5 };
            let mut average = first.clone();
            self.family.interpolate(&mut average, share, &second);
            let loss =
                u * self.family.kl_divergence(&first, &average) + v * self.family.kl_divergence(&second, &average);
            if loss < best.0 {
                best = (loss, i);
            }
        }
        let i = best.1;
        let (u, v) = (self.weights[i], self.weights[i + 1]);
        let share = if u + v > 0.0 { v / (u + v) } else { 0.5 };
        let mut average = self.bank.get(&self.family, i);
        self.family.interpolate(&mut average, share, &self.bank.get(&self.family, i + 1));
        let log_weight = log_add_exp(self.log_weights[i], self.log_weights[i + 1]);
        // The merged hypothesis keeps the change point of its heavier part.
        let born = if v > u { self.born[i + 1] } else { self.born[i] };
        self.remove(i + 1);
        self.bank.set(&self.family, i, &average);
        self.born[i] = born;
        self.log_weights[i] = log_weight;
        self.weights[i] = u + v;
    }

    fn resample(&mut self, n: usize, threshold: resampling::Threshold) {
        let survivors = resampling::stratified_optimal(&mut self.weights, n, threshold, &mut self.stream);
        self.gather(&survivors);
        let total: f64 = self.weights.iter().sum();
        scale(&mut self.weights, 1.0 / total);
        self.log_scale = 0.0;
        for (log_weight, weight) in self.log_weights.iter_mut().zip(&self.weights) {
            *log_weight = weight.ln();
        }
    }
}
