//! Sparse codes: patterns of zeros and ones of which a fraction f, the coding level, is active.
//!
//! Neurons see the deviation from the coding level, `x - f`, so that the many silent neurons do not speak for each
//! other, and never themselves. Neuron i answers one where its field is positive. The maximal margin has a threshold,
//! because ones and zeros are unequally many; one-shot storage is the covariance rule, `c = x - f`, with the threshold
//! halfway between the mean field at the patterns in which the neuron is active and at those in which it is not.

use ndarray::{Array1, Array2, ArrayView2};
use neuropil_core::check::CheckError;
use neuropil_core::progress::Monitor;

use crate::associative_memory::{AssociativeMemory, StateKind, check_states, check_stored};
use crate::diluted::{Connections, DilutedMemory};
use crate::error::{Error, Result};
use crate::kernel::{Geometry, Kernel};
use crate::kernel_memory::Rule;
use crate::margin::NeuronStatus;

/// How a sparse code is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum SparseRule {
    /// The maximal margin with a threshold.
    #[default]
    MaxMargin,
    /// The covariance rule.
    Covariance,
}

/// An auto-associative memory of zeros and ones.
#[derive(Debug, Clone)]
pub struct SparseCodeMemory {
    patterns: Array2<f64>,
    level: f64,
    memory: DilutedMemory,
    thresholds: Array1<f64>,
}

impl SparseCodeMemory {
    /// Stores patterns (M x N) of zeros and ones; the coding level is their mean.
    ///
    /// # Errors
    /// For values other than 0 and 1, no patterns, patterns that are all silent or all active, fewer than two neurons, and
    /// kernels that are only defined for +1 and -1.
    pub fn fit(kernel: &Kernel, rule: SparseRule, patterns: ArrayView2<f64>, monitor: &Monitor) -> Result<Self> {
        Self::fit_diluted(kernel, rule, patterns, &Connections::all_others(patterns.ncols())?, monitor)
    }

    /// [`fit`](Self::fit) with connections of choice.
    ///
    /// # Errors
    /// As [`fit`](Self::fit), and for connections between another number of neurons.
    pub fn fit_diluted(
        kernel: &Kernel,
        rule: SparseRule,
        patterns: ArrayView2<f64>,
        connections: &Connections,
        monitor: &Monitor,
    ) -> Result<Self> {
        check_stored("patterns", patterns, StateKind::Real)?;
        check_zeros_and_ones("patterns", patterns)?;
        if kernel.geometry() == Geometry::Hamming {
            return Err(Error::unsupported(
                format!("the {} kernel for a sparse code", kernel.name()),
                "it is defined for states of +1 and -1, and here neurons see deviations from the coding level",
                "use a linear, polynomial, exponential or distance kernel, or map 0 to -1 and use a kernel memory",
            ));
        }
        let level = patterns.sum() / patterns.len() as f64;
        if level == 0.0 || level == 1.0 {
            let allowed =
                "lie strictly between 0 and 1: store patterns in which some neurons are active and some silent";
            return Err(CheckError::new("the coding level of the patterns", level, allowed).into());
        }
        let inputs = patterns.mapv(|x| x - level);
        let labels = patterns.mapv(|x| 2.0 * x - 1.0);
        let neurons = match rule {
            SparseRule::MaxMargin => Rule::max_margin_with_bias(),
            SparseRule::Covariance => Rule::one_shot(),
        };
        let mut memory =
            DilutedMemory::fit_pairs(kernel, &neurons, (inputs.view(), labels.view()), connections, monitor)?;
        let mut thresholds = Array1::zeros(patterns.ncols());
        if rule == SparseRule::Covariance {
            memory.set_coefficients(inputs.view());
            let fields = memory.field(inputs.view())?;
            for (i, threshold) in thresholds.iter_mut().enumerate() {
                *threshold = halfway(fields.column(i).iter().zip(patterns.column(i)));
            }
        }
        Ok(Self { patterns: patterns.to_owned(), level, memory, thresholds })
    }

    /// The coding level: the fraction of ones in the stored patterns.
    #[must_use]
    pub fn level(&self) -> f64 {
        self.level
    }

    /// What became of each neuron when the patterns were stored.
    #[must_use]
    pub fn status(&self) -> Vec<NeuronStatus> {
        self.memory.status()
    }

    /// The fields of a batch of states of zeros and ones, less the thresholds.
    ///
    /// # Errors
    /// For states of another width, or values other than 0 and 1.
    pub fn field(&self, states: ArrayView2<f64>) -> Result<Array2<f64>> {
        check_states("states", states, self.patterns.ncols(), StateKind::Real)?;
        check_zeros_and_ones("states", states)?;
        let fields = self.memory.field(states.mapv(|s| s - self.level).view())?;
        Ok(fields - &self.thresholds)
    }
}

/// Halfway between the mean of the fields of ones and of zeros; the mean of one of them where there is no other.
fn halfway<'a>(fields: impl Iterator<Item = (&'a f64, &'a f64)>) -> f64 {
    let (mut sums, mut counts) = ([0.0; 2], [0.0; 2]);
    for (field, &active) in fields {
        let class = usize::from(active == 1.0);
        sums[class] += field;
        counts[class] += 1.0;
    }
    match counts {
        // A neuron that is always silent (active) must stay so: its threshold is above (below) every field there is.
        [_, 0.0] => f64::INFINITY,
        [0.0, _] => f64::NEG_INFINITY,
        [silent, active] => 0.5 * (sums[0] / silent + sums[1] / active),
    }
}

fn check_zeros_and_ones(array: &'static str, states: ArrayView2<f64>) -> Result<()> {
    match states.indexed_iter().find(|&(_, &value)| value != 0.0 && value != 1.0) {
        None => Ok(()),
        Some(((row, column), &value)) => {
            let place = format!("{array}[{row}, {column}]");
            let allowed = "be 0 or 1 in a sparse code; binarize the data, (x > threshold)";
            Err(CheckError::new(&place, value, allowed).into())
        }
    }
}

impl AssociativeMemory for SparseCodeMemory {
    fn n_inputs(&self) -> usize {
        self.patterns.ncols()
    }

    fn n_outputs(&self) -> usize {
        self.patterns.ncols()
    }

    fn is_recurrent(&self) -> bool {
        true
    }

    /// Zeros and ones count as real numbers here: binary means +1 and -1.
    fn state(&self) -> StateKind {
        StateKind::Real
    }

    fn step(&self, states: ArrayView2<f64>) -> Result<Array2<f64>> {
        let mut fields = self.field(states)?;
        for ((q, i), h) in fields.indexed_iter_mut() {
            *h = if *h == 0.0 { states[[q, i]] } else { f64::from(u8::from(*h > 0.0)) };
        }
        Ok(fields)
    }

    fn patterns(&self) -> Option<ArrayView2<'_, f64>> {
        Some(self.patterns.view())
    }
}

#[cfg(test)]
mod tests {
    use ndarray::s;
    use neuropil_core::random::{Seed, uniform};

    use super::*;
    use crate::{RecallOptions, recall};

    fn sparse_patterns(m: usize, n: usize, level: f64, seed: u64) -> Array2<f64> {
        let mut stream = Seed::new(seed).stream();
        Array2::from_shape_simple_fn((m, n), || f64::from(u8::from(uniform(&mut stream) < level)))
    }

    #[test]
    fn more_sparse_patterns_than_neurons_are_fixed_points_of_a_linear_memory() {
        // At coding level 0.1 a perceptron with a threshold stores well over two patterns per input.
        let x = sparse_patterns(90, 60, 0.1, 1);
        let memory =
            SparseCodeMemory::fit(&Kernel::Linear, SparseRule::MaxMargin, x.view(), &Monitor::silent()).unwrap();
        assert!((memory.level() - 0.1).abs() < 0.02);
        assert_eq!(memory.step(x.view()).unwrap(), x);
    }

    #[test]
    fn missing_ones_are_filled_in() {
        let x = sparse_patterns(6, 400, 0.1, 2);
        let mut cues = x.clone();
        // The first active neuron of every pattern falls silent.
        for mut cue in cues.rows_mut() {
            if let Some(first) = cue.iter().position(|&s| s == 1.0) {
                cue[first] = 0.0;
            }
        }
        for rule in [SparseRule::MaxMargin, SparseRule::Covariance] {
            let memory = SparseCodeMemory::fit(&Kernel::Linear, rule, x.view(), &Monitor::silent()).unwrap();
            let recalled = recall(&memory, cues.view(), &RecallOptions::default(), &Monitor::silent()).unwrap();
            assert_eq!(recalled.states, x, "{rule:?}");
        }
    }

    #[test]
    fn the_covariance_rule_is_the_sum_over_deviations() {
        let x = sparse_patterns(6, 12, 0.3, 3);
        let memory =
            SparseCodeMemory::fit(&Kernel::Linear, SparseRule::Covariance, x.view(), &Monitor::silent()).unwrap();
        let f = memory.level();
        let state = x.slice(s![2..3, ..]);
        let field = memory.field(state).unwrap();
        for i in 0..12 {
            // The linear kernel divides by the number of inputs that a neuron sees.
            let weight = |j: usize| (0..6).map(|mu| (x[[mu, i]] - f) * (x[[mu, j]] - f)).sum::<f64>() / 11.0;
            let plain: f64 = (0..12).filter(|&j| j != i).map(|j| weight(j) * (state[[0, j]] - f)).sum();
            assert!((field[[0, i]] + memory.thresholds[i] - plain).abs() < 1e-12 || memory.thresholds[i].is_infinite());
        }
    }

    #[test]
    fn what_is_no_sparse_code_is_refused() {
        let fit = |x: Array2<f64>, kernel: &Kernel| {
            SparseCodeMemory::fit(kernel, SparseRule::MaxMargin, x.view(), &Monitor::silent()).unwrap_err().to_string()
        };
        let x = sparse_patterns(4, 6, 0.3, 4);
        let mut wrong = x.clone();
        wrong[[1, 2]] = -1.0;
        assert!(fit(wrong, &Kernel::Linear).contains("patterns[1, 2]"));
        assert!(fit(Array2::zeros((3, 4)), &Kernel::Linear).contains("coding level"));
        let hamming = Kernel::SparseDistributed { radius: 2 };
        assert!(fit(x, &hamming).contains("is not available"));
    }
}
