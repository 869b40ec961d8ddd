//! Sparse distributed memory (Kanerva 1988): a finite random hidden layer, written by one-shot addition.
//!
//! A state activates the hard locations within a Hamming radius. Writing adds the pattern to every activated location,
//! reading adds up the activated locations and takes the sign. What a location holds is the sum of the patterns that
//! were written through it, so a read is `sum_mu k_mu y^mu` with `k_mu` the number of locations that cue and address
//! share: the kernel memory with the kernel `phi . phi` and one-shot coefficients. That is how it is computed here, in
//! whole numbers: every location lists the patterns written through it, and no counters (8 GB for Kanerva's size) are
//! held. Counters that saturate are not modelled.

use ndarray::{Array2, ArrayView2, Axis, concatenate};
use neuropil_core::check;

use super::hard_locations::{HardLocations, SdmParameters};
use crate::associative_memory::{AssociativeMemory, StateKind, check_pairs, check_states, check_stored, sign_or};
use crate::error::Result;
use crate::product::multiply;

/// Ends a list of patterns.
const END: u32 = u32::MAX;

/// A sparse distributed memory of binary patterns.
#[derive(Debug, Clone, PartialEq)]
pub struct SparseDistributedMemory {
    locations: HardLocations,
    inputs: Array2<f64>,
    outputs: Option<Array2<f64>>,
    /// First entry of the list of every location.
    head: Vec<u32>,
    /// Entries of all lists: pattern, and the entry that follows.
    entries: Vec<(u32, u32)>,
}

impl SparseDistributedMemory {
    /// Writes patterns of +1 and -1 (rows), each at its own address.
    /// # Errors
    /// For no patterns, entries other than +1 and -1, or parameters that do not fit.
    pub fn fit(patterns: ArrayView2<f64>, parameters: SdmParameters) -> Result<Self> {
        check_stored("patterns", patterns, StateKind::Binary)?;
        let mut memory = Self {
            locations: HardLocations::new(patterns.ncols(), parameters)?,
            inputs: Array2::zeros((0, patterns.ncols())),
            outputs: None,
            head: vec![END; parameters.n_locations],
            entries: Vec::new(),
        };
        memory.write(patterns)?;
        memory.inputs = patterns.to_owned();
        Ok(memory)
    }

    /// Writes output patterns at the addresses of input patterns (rows of both are +1 and -1).
    /// # Errors
    /// As [`fit`](Self::fit), and for different numbers of rows.
    pub fn fit_pairs(inputs: ArrayView2<f64>, outputs: ArrayView2<f64>, parameters: SdmParameters) -> Result<Self> {
        check_stored("outputs", outputs, StateKind::Binary)?;
        check_pairs(inputs, outputs)?;
        Ok(Self { outputs: Some(outputs.to_owned()), ..Self::fit(inputs, parameters)? })
    }

    /// Writes more patterns, each at its own address.
    /// # Errors
    /// For another width, or entries other than +1 and -1.
    pub fn insert(&mut self, patterns: ArrayView2<f64>) -> Result<()> {
        check_states("patterns", patterns, self.inputs.ncols(), StateKind::Binary)?;
        if let Some(outputs) = &self.outputs {
            check_states("patterns", patterns, outputs.ncols(), StateKind::Binary)?;
            self.outputs = Some(concatenate![Axis(0), *outputs, patterns]);
        }
        self.write(patterns)?;
        self.inputs = concatenate![Axis(0), self.inputs, patterns];
        Ok(())
    }

    fn write(&mut self, patterns: ArrayView2<f64>) -> Result<()> {
        let first = self.inputs.nrows();
        let activated = self.locations.activated(patterns)?;
        let total = self.entries.len() + activated.iter().map(Vec::len).sum::<usize>();
        check::within("the number of activations by the stored patterns", total, 0..END as usize)?;
        for (row, hits) in activated.iter().enumerate() {
            for &location in hits {
                let head = &mut self.head[location as usize];
                self.entries.push(((first + row) as u32, *head));
                *head = (self.entries.len() - 1) as u32;
            }
        }
        Ok(())
    }

    /// The hidden layer.
    #[must_use]
    pub fn locations(&self) -> &HardLocations {
        &self.locations
    }

    /// How many locations every state shares with every stored input, Q x M: the kernel, times N_h.
    /// # Errors
    /// For states of another width or with entries other than +1 and -1.
    pub fn shared_locations(&self, states: ArrayView2<f64>) -> Result<Array2<f64>> {
        let mut shared = Array2::zeros((states.nrows(), self.inputs.nrows()));
        for (mut row, hits) in shared.rows_mut().into_iter().zip(self.locations.activated(states)?) {
            for location in hits {
                let mut entry = self.head[location as usize];
                while entry != END {
                    let (pattern, next) = self.entries[entry as usize];
                    row[pattern as usize] += 1.0;
                    entry = next;
                }
            }
        }
        Ok(shared)
    }

    /// The sums that a read adds up, before the sign, Q x outputs; whole numbers.
    /// # Errors
    /// As [`shared_locations`](Self::shared_locations).
    pub fn field(&self, states: ArrayView2<f64>) -> Result<Array2<f64>> {
        let shared = self.shared_locations(states)?;
        Ok(multiply(shared.view(), self.outputs.as_ref().unwrap_or(&self.inputs).view()))
    }
}

impl AssociativeMemory for SparseDistributedMemory {
    fn n_inputs(&self) -> usize {
        self.inputs.ncols()
    }

    fn n_outputs(&self) -> usize {
        self.outputs.as_ref().unwrap_or(&self.inputs).ncols()
    }

    fn is_recurrent(&self) -> bool {
        self.outputs.is_none()
    }

    fn state(&self) -> StateKind {
        StateKind::Binary
    }

    fn step(&self, states: ArrayView2<f64>) -> Result<Array2<f64>> {
        let mut next = self.field(states)?;
        if self.outputs.is_some() {
            next.mapv_inplace(|field| sign_or(field, 1.0));
        } else {
            next.zip_mut_with(&states, |field, &before| *field = sign_or(*field, before));
        }
        Ok(next)
    }

    fn patterns(&self) -> Option<ArrayView2<'_, f64>> {
        Some(self.outputs.as_ref().unwrap_or(&self.inputs).view())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random_patterns::binary_patterns;
    use neuropil_core::random::Seed;

    const SMALL: SdmParameters = SdmParameters { n_locations: 500, radius: 26, seed: 1 };

    #[test]
    fn a_read_is_the_sum_of_counters() {
        let inputs = binary_patterns(12, 64, Seed::new(1));
        let outputs = binary_patterns(12, 10, Seed::new(2));
        let cues = binary_patterns(6, 64, Seed::new(3));
        let memory = SparseDistributedMemory::fit_pairs(inputs.view(), outputs.view(), SMALL).unwrap();
        // Kanerva's own words: counters at every location, written and read through the activated ones.
        let hidden = memory.locations().features(inputs.view()).unwrap();
        let counters = hidden.t().dot(&outputs);
        let read = memory.locations().features(cues.view()).unwrap().dot(&counters);
        assert_eq!(memory.field(cues.view()).unwrap(), read);
        let signs = memory.step(cues.view()).unwrap();
        assert!(signs.iter().zip(&read).all(|(&s, &h)| s == if h < 0.0 { -1.0 } else { 1.0 }));
    }

    #[test]
    fn writing_in_two_parts_is_writing_at_once() {
        let patterns = binary_patterns(10, 64, Seed::new(4));
        let mut parts = SparseDistributedMemory::fit(patterns.slice(ndarray::s![..4, ..]), SMALL).unwrap();
        parts.insert(patterns.slice(ndarray::s![4.., ..])).unwrap();
        assert_eq!(parts, SparseDistributedMemory::fit(patterns.view(), SMALL).unwrap());
    }
}
