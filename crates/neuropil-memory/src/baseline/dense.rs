//! Dense associative memories (Krotov and Hopfield 2016; Demircigil et al. 2017).
//!
//! Neuron i becomes the sign of `sum_mu [F(x_i + u_i) - F(-x_i + u_i)]` with `u_i = sum_{j != i} x_j^mu s_j`. Since
//! `x_i = +1` or `-1`, the bracket is `x_i k(u_i)` with `k(v) = F(v + 1) - F(v - 1)`: a kernel memory with one-shot
//! coefficients and self-connections excluded. `u_i` is one of `u - 1`, `u + 1` for the overlap `u = x.s`, so two
//! tables over the overlaps and two shared matrix products give all fields.

use ndarray::{Array1, Array2, ArrayView1, ArrayView2, Axis, Zip, concatenate};
use neuropil_core::check;
use serde::{Deserialize, Serialize};

use super::hopfield::without_row;
use crate::associative_memory::{AssociativeMemory, OverlapField, StateKind, check_states, check_stored, sign_or};
use crate::error::Result;
use crate::product::{multiply, multiply_transposed};

/// The interaction function F of the energy `-sum_mu F(x^mu . s)`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Interaction {
    /// `F(v) = (v / N)^p`; p = 2 is the Hopfield network.
    Power {
        /// Exponent, at least 1.
        p: u32,
    },
    /// `F(v) = max(v / N, 0)^p`.
    Rectified {
        /// Exponent, at least 1.
        p: u32,
    },
    /// `F(v) = exp(beta (v - N))`; beta = 1 is the exponential network.
    Exponential {
        /// Inverse temperature, positive.
        beta: f64,
    },
}

impl Interaction {
    fn validate(self) -> Result<()> {
        match self {
            Self::Power { p } | Self::Rectified { p } => check::at_least("p", p as usize, 1).map(|_| ())?,
            Self::Exponential { beta } => check::positive("beta", beta).map(|_| ())?,
        }
        Ok(())
    }

    fn value(self, v: f64, n: f64) -> f64 {
        match self {
            Self::Power { p } => (v / n).powi(p as i32),
            Self::Rectified { p } => (v / n).max(0.0).powi(p as i32),
            Self::Exponential { beta } => (beta * (v - n)).exp(),
        }
    }

    /// `F(v + 1) - F(v - 1)`.
    fn kernel(self, v: f64, n: f64) -> f64 {
        match self {
            // The difference of the two exponentials, without their cancellation for a small beta.
            Self::Exponential { beta } => 2.0 * beta.sinh() * (beta * (v - n)).exp(),
            _ => self.value(v + 1.0, n) - self.value(v - 1.0, n),
        }
    }
}

/// A dense associative memory of binary patterns.
#[derive(Debug, Clone, PartialEq)]
pub struct DenseAssociativeMemory {
    patterns: Array2<f64>,
    interaction: Interaction,
    /// `b(u) = [k(u - 1) + k(u + 1)] / 2` for u = -N..=N.
    others: Vec<f64>,
    /// `a(u) = [k(u - 1) - k(u + 1)] / 2`.
    itself: Vec<f64>,
}

impl DenseAssociativeMemory {
    /// Stores patterns of +1 and -1 (rows).
    /// # Errors
    /// For no patterns, entries other than +1 and -1, p = 0, or beta that is not positive.
    pub fn fit(patterns: ArrayView2<f64>, interaction: Interaction) -> Result<Self> {
        check_stored("patterns", patterns, StateKind::Binary)?;
        interaction.validate()?;
        let n = patterns.ncols() as f64;
        let table = |sign: f64| {
            let width = patterns.ncols() as i64;
            (-width..=width)
                .map(|u| {
                    let (below, above) = (interaction.kernel(u as f64 - 1.0, n), interaction.kernel(u as f64 + 1.0, n));
                    0.5 * (below + sign * above)
                })
                .collect()
        };
        Ok(Self { patterns: patterns.to_owned(), interaction, others: table(1.0), itself: table(-1.0) })
    }

    /// Adds patterns to those that are stored.
    /// # Errors
    /// As [`fit`](Self::fit), and for another width.
    pub fn insert(&mut self, patterns: ArrayView2<f64>) -> Result<()> {
        check_states("patterns", patterns, self.patterns.ncols(), StateKind::Binary)?;
        self.patterns = concatenate![Axis(0), self.patterns, patterns];
        Ok(())
    }

    /// Forgets the pattern in a row; the rows behind it move up.
    /// # Errors
    /// For a row that does not exist, or the last pattern that is left.
    pub fn delete(&mut self, row: usize) -> Result<()> {
        self.patterns = without_row(self.patterns.view(), row)?;
        Ok(())
    }

    /// The interaction function.
    #[must_use]
    pub fn interaction(&self) -> Interaction {
        self.interaction
    }

    /// The fields of a batch of states, Q x N.
    /// # Errors
    /// For states of another width or with entries other than +1 and -1.
    pub fn field(&self, states: ArrayView2<f64>) -> Result<Array2<f64>> {
        check_states("states", states, self.patterns.ncols(), StateKind::Binary)?;
        let overlaps = multiply_transposed(states, self.patterns.view());
        let mut field = multiply(overlaps.mapv(|u| self.others[self.index(u)]).view(), self.patterns.view());
        let scale = overlaps.map_axis(Axis(1), |row| self.scale(row.iter().copied()));
        let own = overlaps.map_axis(Axis(1), |row| row.iter().map(|&u| self.itself[self.index(u)]).sum::<f64>());
        for (mut field, (state, (own, scale))) in
            field.rows_mut().into_iter().zip(states.rows().into_iter().zip(own.iter().zip(&scale)))
        {
            Zip::from(&mut field).and(&state).for_each(|h, s| {
                *h += own * s;
                if h.abs() <= 1e-12 * scale {
                    *h = 0.0;
                }
            });
        }
        Ok(field)
    }

    /// The energy `-sum_mu F(x^mu . s)` of every state.
    /// # Errors
    /// As [`field`](Self::field).
    pub fn energy(&self, states: ArrayView2<f64>) -> Result<Array1<f64>> {
        check_states("states", states, self.patterns.ncols(), StateKind::Binary)?;
        let n = self.patterns.ncols() as f64;
        let overlaps = multiply_transposed(states, self.patterns.view());
        Ok(overlaps.map_axis(Axis(1), |row| -row.iter().map(|&u| self.interaction.value(u, n)).sum::<f64>()))
    }

    fn index(&self, overlap: f64) -> usize {
        (overlap + self.patterns.ncols() as f64).round() as usize
    }

    /// What the terms of a field add up to without their signs: a field far below it is rounding.
    fn scale(&self, overlaps: impl Iterator<Item = f64>) -> f64 {
        overlaps.map(|u| self.others[self.index(u)].abs() + self.itself[self.index(u)].abs()).sum()
    }
}

impl AssociativeMemory for DenseAssociativeMemory {
    fn n_inputs(&self) -> usize {
        self.patterns.ncols()
    }

    fn n_outputs(&self) -> usize {
        self.patterns.ncols()
    }

    fn is_recurrent(&self) -> bool {
        true
    }

    fn state(&self) -> StateKind {
        StateKind::Binary
    }

    fn step(&self, states: ArrayView2<f64>) -> Result<Array2<f64>> {
        let mut next = self.field(states)?;
        next.zip_mut_with(&states, |field, &before| *field = sign_or(*field, before));
        Ok(next)
    }

    fn patterns(&self) -> Option<ArrayView2<'_, f64>> {
        Some(self.patterns.view())
    }

    fn overlap_field(&self) -> Option<&dyn OverlapField> {
        Some(self)
    }
}

impl OverlapField for DenseAssociativeMemory {
    fn stored(&self) -> ArrayView2<'_, f64> {
        self.patterns.view()
    }

    fn field(&self, neuron: usize, state: ArrayView1<f64>, overlaps: &[f64]) -> f64 {
        let (mut field, mut scale) = (0.0, 0.0);
        for (&x, &u) in self.patterns.column(neuron).iter().zip(overlaps) {
            let (others, itself) = (self.others[self.index(u)], self.itself[self.index(u)]);
            field += x * others + state[neuron] * itself;
            scale += others.abs() + itself.abs();
        }
        if field.abs() <= 1e-12 * scale { 0.0 } else { field }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::baseline::Hopfield;
    use crate::random_patterns::binary_patterns;
    use crate::recall::{RecallOptions, UpdateOrder, recall};
    use neuropil_core::progress::Monitor;
    use neuropil_core::random::Seed;

    /// Sum over patterns of F(x_i + u_i) - F(-x_i + u_i), as Krotov and Hopfield write it.
    fn plain_field(memory: &DenseAssociativeMemory, state: ArrayView1<f64>, i: usize) -> f64 {
        let n = state.len() as f64;
        let f = |v: f64| memory.interaction.value(v, n);
        memory
            .patterns
            .rows()
            .into_iter()
            .map(|x| {
                let u = x.dot(&state) - x[i] * state[i];
                f(x[i] + u) - f(-x[i] + u)
            })
            .sum()
    }

    #[test]
    fn two_products_give_the_difference_of_energies() {
        let patterns = binary_patterns(15, 12, Seed::new(1));
        let states = binary_patterns(6, 12, Seed::new(2));
        let interactions = [
            Interaction::Power { p: 2 },
            Interaction::Power { p: 3 },
            Interaction::Rectified { p: 4 },
            Interaction::Exponential { beta: 1.0 },
        ];
        for interaction in interactions {
            let memory = DenseAssociativeMemory::fit(patterns.view(), interaction).unwrap();
            let field = memory.field(states.view()).unwrap();
            for ((q, i), &h) in field.indexed_iter() {
                let plain = plain_field(&memory, states.row(q), i);
                // With the sign of x taken out, F(u + x) - F(u - x) is x k(u).
                assert!((h - plain).abs() < 1e-12, "{interaction:?}: {h} {plain}");
            }
        }
    }

    #[test]
    fn the_quadratic_memory_is_the_hopfield_network() {
        let patterns = binary_patterns(10, 31, Seed::new(3));
        let states = binary_patterns(20, 31, Seed::new(4));
        let dense = DenseAssociativeMemory::fit(patterns.view(), Interaction::Power { p: 2 }).unwrap();
        let hopfield = Hopfield::fit(patterns.view()).unwrap();
        assert_eq!(dense.step(states.view()).unwrap(), hopfield.step(states.view()).unwrap());
    }

    #[test]
    fn asynchronous_recall_by_overlaps_is_recall_by_whole_steps() {
        struct Whole(DenseAssociativeMemory);
        impl AssociativeMemory for Whole {
            fn n_inputs(&self) -> usize {
                self.0.n_inputs()
            }
            fn n_outputs(&self) -> usize {
                self.0.n_outputs()
            }
            fn is_recurrent(&self) -> bool {
                true
            }
            fn state(&self) -> StateKind {
                StateKind::Binary
            }
            fn step(&self, states: ArrayView2<f64>) -> Result<Array2<f64>> {
                self.0.step(states)
            }
        }
        let patterns = binary_patterns(25, 20, Seed::new(5));
        let cues = binary_patterns(8, 20, Seed::new(6));
        let memory = DenseAssociativeMemory::fit(patterns.view(), Interaction::Power { p: 3 }).unwrap();
        let options = RecallOptions { update: UpdateOrder::Asynchronous, ..Default::default() };
        let fast = recall(&memory, cues.view(), &options, &Monitor::silent()).unwrap();
        let plain = recall(&Whole(memory), cues.view(), &options, &Monitor::silent()).unwrap();
        assert_eq!((fast.states, fast.steps), (plain.states, plain.steps));
    }
}
