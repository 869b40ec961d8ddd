//! Diluted connectivity: every neuron sees inputs of its own choice.
//!
//! The kernel of neuron i is taken over the inputs that reach it, `K_i(x, y) = K(x_A, y_A)` with `A = A_i`, so that each
//! neuron has a Gram matrix of its own: O(N M^3) to store, O(N M |A|) per state to recall. Full connectivity, with or
//! without the self-connection, is better stored in a [`KernelMemory`](crate::KernelMemory), where neurons share the work.

use ndarray::{Array1, Array2, ArrayView1, ArrayView2, Axis};
use neuropil_core::check::{self, CheckError};
use neuropil_core::progress::Monitor;
use neuropil_core::random::{Seed, uniform};
use neuropil_core::threads;
use rayon::prelude::*;

use crate::associative_memory::{AssociativeMemory, StateKind, check_pairs, check_states, check_stored, sign_or};
use crate::cholesky::Cholesky;
use crate::error::{Error, Result};
use crate::gram::{Gram, squared_norms};
use crate::kernel::{Geometry, Kernel, RowKernel};
use crate::kernel_memory::{Centering, InterpolationOptions, Normalization, Rule, Solver, not_positive_definite};
use crate::margin::{NeuronStatus, solve_shared};
use crate::patterns::{Repeats, all_binary, check_directions, distinct};
use crate::product::multiply_transposed_into;

/// Fields below this fraction of the sum of their absolute terms are rounding noise and count as zero.
const NOISE: f64 = 1e-12;

/// Which inputs reach each output neuron.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Connections {
    n_inputs: usize,
    /// Ascending indices of inputs, one list per output neuron.
    inputs: Vec<Vec<usize>>,
}

impl Connections {
    /// From a mask of `n_outputs x n_inputs`, true where there is a synapse.
    ///
    /// # Errors
    /// For a neuron without inputs.
    pub fn from_mask(mask: ArrayView2<bool>) -> Result<Self> {
        let list = |row: ArrayView1<bool>| -> Vec<usize> {
            row.iter().enumerate().filter(|&(_, &connected)| connected).map(|(input, _)| input).collect()
        };
        let inputs: Vec<Vec<usize>> = mask.rows().into_iter().map(list).collect();
        if let Some(neuron) = inputs.iter().position(Vec::is_empty) {
            let allowed = "have at least one input; connect it, or leave the neuron out";
            return Err(CheckError::new("mask", format!("without a synapse in row {neuron}"), allowed).into());
        }
        if inputs.is_empty() {
            return Err(Error::Empty { array: "mask", rows: mask.nrows(), columns: mask.ncols() });
        }
        Ok(Self { n_inputs: mask.ncols(), inputs })
    }

    /// Among `n` neurons each gets `in_degree` distinct inputs at random, never itself.
    ///
    /// # Errors
    /// For an in-degree of zero, or above n - 1.
    pub fn random(n: usize, in_degree: usize, seed: Seed) -> Result<Self> {
        check::at_least("n", n, 2)?;
        if in_degree == 0 || in_degree >= n {
            let allowed = format!("lie between 1 and {}, the number of other neurons", n - 1);
            return Err(CheckError::new("in_degree", in_degree, allowed).into());
        }
        let inputs = (0..n)
            .map(|neuron| {
                let mut stream = seed.child("inputs").index(neuron as u64).stream();
                let mut others: Vec<usize> = (0..n).filter(|&other| other != neuron).collect();
                // The first places of a shuffle.
                for place in 0..in_degree {
                    let left = others.len() - place;
                    let pick = place + ((uniform(&mut stream) * left as f64) as usize).min(left - 1);
                    others.swap(place, pick);
                }
                others.truncate(in_degree);
                others.sort_unstable();
                others
            })
            .collect();
        Ok(Self { n_inputs: n, inputs })
    }

    /// Among `n` neurons each sees all others.
    ///
    /// # Errors
    /// For less than two neurons.
    pub fn all_others(n: usize) -> Result<Self> {
        check::at_least("n", n, 2)?;
        let inputs = (0..n).map(|neuron| (0..n).filter(|&other| other != neuron).collect()).collect();
        Ok(Self { n_inputs: n, inputs })
    }

    /// Number of input neurons.
    #[must_use]
    pub fn n_inputs(&self) -> usize {
        self.n_inputs
    }

    /// Number of output neurons.
    #[must_use]
    pub fn n_outputs(&self) -> usize {
        self.inputs.len()
    }

    /// The inputs of every output neuron, in ascending order.
    #[must_use]
    pub fn inputs(&self) -> &[Vec<usize>] {
        &self.inputs
    }

    /// Synapses divided by the number that full connectivity would have.
    #[must_use]
    pub fn density(&self) -> f64 {
        let synapses: usize = self.inputs.iter().map(Vec::len).sum();
        synapses as f64 / (self.n_inputs * self.inputs.len()) as f64
    }
}

/// One neuron: its kernel over its inputs, and its coefficients.
#[derive(Debug, Clone)]
struct Neuron {
    kernel: Kernel,
    coefficients: Array1<f64>,
    threshold: f64,
    status: NeuronStatus,
}

/// A memory of which every neuron sees inputs of its own choice.
#[derive(Debug, Clone)]
pub struct DilutedMemory {
    connections: Connections,
    inputs: Array2<f64>,
    outputs: Option<Array2<f64>>,
    states: StateKind,
    neurons: Vec<Neuron>,
}

impl DilutedMemory {
    /// Stores patterns (M x N) as their own outputs: binary by one-shot or maximal margin, real by interpolation.
    ///
    /// # Errors
    /// As [`fit_pairs`](Self::fit_pairs), and for connections between another number of neurons.
    pub fn fit(
        kernel: &Kernel,
        rule: &Rule,
        patterns: ArrayView2<f64>,
        connections: &Connections,
        monitor: &Monitor,
    ) -> Result<Self> {
        let kind = if matches!(rule, Rule::Interpolate(_)) { StateKind::Real } else { StateKind::Binary };
        check_stored("patterns", patterns, kind)?;
        let mut memory = Self::fit_pairs(kernel, rule, (patterns, patterns), connections, monitor)?;
        memory.outputs = None;
        Ok(memory)
    }

    /// Stores pairs of inputs (M x N_in) and outputs (M x N_out): +1 and -1, or real where the rule interpolates.
    ///
    /// # Errors
    /// Patterns that are empty, not finite, or binary where they must be; connections of other dimensions; two patterns
    /// with the same input and different outputs; normalisation, centring and solvers other than Cholesky, which need a
    /// kernel that all neurons share; a Gram matrix that is not positive definite.
    pub fn fit_pairs(
        kernel: &Kernel,
        rule: &Rule,
        (inputs, outputs): (ArrayView2<f64>, ArrayView2<f64>),
        connections: &Connections,
        monitor: &Monitor,
    ) -> Result<Self> {
        let states = if matches!(rule, Rule::Interpolate(_)) { StateKind::Real } else { StateKind::Binary };
        let binary_inputs = kernel.geometry() == Geometry::Hamming;
        check_stored("patterns", inputs, if binary_inputs { StateKind::Binary } else { StateKind::Real })?;
        check_stored("outputs", outputs, states)?;
        check_pairs(inputs, outputs)?;
        check_rule(rule)?;
        if (inputs.ncols(), outputs.ncols()) != (connections.n_inputs(), connections.n_outputs()) {
            let expected = format!("{} inputs and {} outputs, as the patterns have", inputs.ncols(), outputs.ncols());
            let got = format!("{} and {}", connections.n_inputs(), connections.n_outputs());
            return Err(Error::shape("connections", expected, got));
        }
        let repeats = if matches!(rule, Rule::OneShot { .. }) { Repeats::Keep } else { Repeats::Merge };
        let (keep, _) = distinct(inputs, Some(outputs), repeats)?;
        let (inputs, outputs) = (inputs.select(Axis(0), &keep), outputs.select(Axis(0), &keep));
        let neuron = |index: usize| -> Result<Neuron> {
            monitor.check()?;
            let seen = inputs.select(Axis(1), &connections.inputs[index]);
            one_neuron(kernel, rule, seen.view(), outputs.slice(ndarray::s![.., index..=index]))
        };
        let indices: Vec<usize> = (0..connections.n_outputs()).collect();
        let neurons = threads::install(|| indices.into_par_iter().map(neuron).collect::<Result<Vec<_>>>())?;
        Ok(Self { connections: connections.clone(), inputs, outputs: Some(outputs), states, neurons })
    }

    /// Which inputs reach each neuron.
    #[must_use]
    pub fn connections(&self) -> &Connections {
        &self.connections
    }

    /// What became of each neuron when the patterns were stored.
    #[must_use]
    pub fn status(&self) -> Vec<NeuronStatus> {
        self.neurons.iter().map(|neuron| neuron.status).collect()
    }

    /// The coefficients, M x N_out.
    #[must_use]
    pub fn coefficients(&self) -> Array2<f64> {
        Array2::from_shape_fn((self.inputs.nrows(), self.neurons.len()), |(mu, i)| self.neurons[i].coefficients[mu])
    }

    /// Replaces the coefficients (M x N_out), and takes thresholds away.
    pub(crate) fn set_coefficients(&mut self, coefficients: ArrayView2<f64>) {
        for (neuron, column) in self.neurons.iter_mut().zip(coefficients.columns()) {
            neuron.coefficients = column.to_owned();
            neuron.threshold = 0.0;
        }
    }

    /// The fields of a batch of states (Q x N_in): Q x N_out, exactly zero where zero up to rounding.
    ///
    /// # Errors
    /// States of another width, not finite, or not binary where the kernel needs them so.
    pub fn field(&self, states: ArrayView2<f64>) -> Result<Array2<f64>> {
        check_states("states", states, self.connections.n_inputs(), self.kind_of_inputs())?;
        let column = |(neuron, list): (&Neuron, &Vec<usize>)| -> Vec<f64> {
            let seen = self.inputs.select(Axis(1), list);
            let states = states.select(Axis(1), list);
            let binary = all_binary(seen.view()) && all_binary(states.view());
            let rows = RowKernel::new(&neuron.kernel, list.len(), binary);
            let norms2 = squared_norms(seen.view());
            let mut values = Array2::zeros((states.nrows(), seen.nrows()));
            multiply_transposed_into(values.view_mut(), states.view(), seen.view());
            let mut fields = Vec::with_capacity(states.nrows());
            for (mut row, state) in values.rows_mut().into_iter().zip(states.rows()) {
                if let Some(row) = row.as_slice_mut() {
                    rows.apply(row, seen.view(), &norms2, state, state.dot(&state));
                }
                let (mut field, mut scale) = (0.0, 0.0);
                for (k, c) in row.iter().zip(&neuron.coefficients) {
                    field += k * c;
                    scale += (k * c).abs();
                }
                fields.push(if field.abs() <= NOISE * scale { 0.0 } else { field } - neuron.threshold);
            }
            fields
        };
        let columns: Vec<Vec<f64>> =
            threads::install(|| self.neurons.par_iter().zip(self.connections.inputs.par_iter()).map(column).collect());
        Ok(Array2::from_shape_fn((states.nrows(), columns.len()), |(q, i)| columns[i][q]))
    }

    fn kind_of_inputs(&self) -> StateKind {
        let hamming = self.neurons.first().is_some_and(|neuron| neuron.kernel.geometry() == Geometry::Hamming);
        if hamming || (self.outputs.is_none() && self.states == StateKind::Binary) {
            StateKind::Binary
        } else {
            StateKind::Real
        }
    }
}

fn check_rule(rule: &Rule) -> Result<()> {
    match rule {
        Rule::MaxMargin(options) => options.validate(),
        Rule::OneShot { normalization: Normalization::None } => Ok(()),
        Rule::Interpolate(InterpolationOptions {
            normalization: Normalization::None,
            centering: Centering::None,
            solver: Solver::Cholesky,
            ridge,
        }) => {
            check::non_negative("ridge", *ridge)?;
            Ok(())
        }
        _ => Err(Error::unsupported(
            "normalisation, centring or another solver than Cholesky in a diluted memory",
            "every neuron has a kernel of its own",
            "use plain one-shot, maximal margin or interpolation, or a kernel memory with full connectivity",
        )),
    }
}

fn one_neuron(kernel: &Kernel, rule: &Rule, seen: ArrayView2<f64>, target: ArrayView2<f64>) -> Result<Neuron> {
    let largest = squared_norms(seen).into_iter().fold(0.0, f64::max);
    let kernel = kernel.resolved(largest);
    kernel.validate(seen.ncols())?;
    check_directions(&kernel, seen)?;
    let kind = if all_binary(seen) { StateKind::Binary } else { StateKind::Real };
    let gram = || Gram::of(&kernel, seen, kind);
    let label = target.column(0);
    let (coefficients, threshold, status) = match rule {
        Rule::OneShot { .. } => (label.to_owned(), 0.0, NeuronStatus::Optimal),
        Rule::MaxMargin(options) => {
            let solution = solve_shared(&gram, target, options, &Monitor::silent())?;
            (&solution.alpha.column(0) * &label, solution.threshold[0], solution.status[0])
        }
        Rule::Interpolate(options) => {
            let mut gram = gram()?;
            gram.add_to_diagonal(options.ridge);
            let factor = Cholesky::of(gram).map_err(|pivot| not_positive_definite(&kernel, pivot, Solver::Cholesky))?;
            let mut right = label.to_vec();
            factor.solve(&mut right);
            (Array1::from(right), 0.0, NeuronStatus::Optimal)
        }
    };
    Ok(Neuron { kernel, coefficients, threshold, status })
}

impl AssociativeMemory for DilutedMemory {
    fn n_inputs(&self) -> usize {
        self.connections.n_inputs()
    }

    fn n_outputs(&self) -> usize {
        self.connections.n_outputs()
    }

    fn is_recurrent(&self) -> bool {
        self.outputs.is_none()
    }

    fn state(&self) -> StateKind {
        self.states
    }

    fn step(&self, states: ArrayView2<f64>) -> Result<Array2<f64>> {
        let mut fields = self.field(states)?;
        if self.states == StateKind::Real {
            return Ok(fields);
        }
        let recurrent = self.outputs.is_none();
        for ((q, i), h) in fields.indexed_iter_mut() {
            *h = sign_or(*h, if recurrent { states[[q, i]] } else { 1.0 });
        }
        Ok(fields)
    }

    fn patterns(&self) -> Option<ArrayView2<'_, f64>> {
        Some(self.outputs.as_ref().unwrap_or(&self.inputs).view())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random_patterns::{binary_patterns, sphere_patterns};
    use crate::{KernelMemory, KernelMemoryParams, SelfConnections};

    fn silent() -> Monitor {
        Monitor::silent()
    }

    #[test]
    fn neurons_that_see_all_others_are_the_memory_without_self_connections() {
        let x = binary_patterns(20, 30, Seed::new(1));
        let all = Connections::all_others(30).unwrap();
        // Not the linear kernel, which divides by the number of inputs that a neuron sees.
        let kernel = Kernel::Exponential { beta: 0.2, shift: Some(30.0) };
        for rule in [Rule::max_margin(), Rule::one_shot()] {
            let diluted = DilutedMemory::fit(&kernel, &rule, x.view(), &all, &silent()).unwrap();
            let params = KernelMemoryParams {
                kernel: kernel.clone(),
                rule,
                self_connections: SelfConnections::Excluded,
                ..KernelMemoryParams::default()
            };
            let (memory, _) = KernelMemory::fit(&params, x.view()).unwrap();
            let cues = binary_patterns(9, 30, Seed::new(2));
            let (a, b) = (diluted.field(cues.view()).unwrap(), memory.field(cues.view()).unwrap());
            assert!(a.iter().zip(&b).all(|(a, b)| (a - b).abs() < 1e-10 * (1.0 + b.abs())));
            assert_eq!(diluted.step(x.view()).unwrap(), memory.step(x.view()).unwrap());
        }
    }

    #[test]
    fn a_quarter_of_the_synapses_stores_a_load_that_a_quarter_of_them_can() {
        // Each neuron is a perceptron of 50 inputs with 40 patterns: below its capacity of 100.
        let x = binary_patterns(40, 200, Seed::new(3));
        let sparse = Connections::random(200, 50, Seed::new(4)).unwrap();
        assert!((sparse.density() - 0.25).abs() < 1e-12);
        assert!(sparse.inputs().iter().enumerate().all(|(i, list)| list.len() == 50 && !list.contains(&i)));
        let memory = DilutedMemory::fit(&Kernel::Linear, &Rule::max_margin(), x.view(), &sparse, &silent()).unwrap();
        assert!(memory.status().iter().all(|status| *status == NeuronStatus::Optimal));
        assert_eq!(memory.step(x.view()).unwrap(), x);
    }

    #[test]
    fn an_input_without_a_synapse_changes_nothing() {
        let x = sphere_patterns(12, 8, Seed::new(5));
        let mask = Array2::from_shape_fn((8, 8), |(i, j)| (i + j) % 3 != 0 || j == 4);
        let connections = Connections::from_mask(mask.view()).unwrap();
        let kernel = Kernel::gaussian(0.8);
        let memory = DilutedMemory::fit(&kernel, &Rule::interpolation(), x.view(), &connections, &silent()).unwrap();
        let stored = memory.step(x.view()).unwrap();
        assert!(stored.iter().zip(&x).all(|(a, b)| (a - b).abs() < 1e-8));
        let before = memory.field(x.view()).unwrap();
        let mut disturbed = x.clone();
        disturbed.column_mut(0).mapv_inplace(|s| s + 0.3);
        let after = memory.field(disturbed.view()).unwrap();
        for i in 0..8 {
            let same = before.column(i).iter().zip(after.column(i)).all(|(a, b)| a == b);
            assert_eq!(same, !mask[[i, 0]], "neuron {i}");
        }
    }

    #[test]
    fn connections_that_cannot_be_are_refused() {
        let mask = Array2::from_shape_fn((3, 3), |(i, _)| i != 1);
        let error = Connections::from_mask(mask.view()).unwrap_err().to_string();
        assert!(error.contains("row 1"), "{error}");
        assert!(Connections::random(10, 10, Seed::new(1)).unwrap_err().to_string().contains("between 1 and 9"));
        let x = binary_patterns(3, 5, Seed::new(1));
        let other = Connections::all_others(4).unwrap();
        let fit = |rule: &Rule, connections: &Connections| {
            DilutedMemory::fit(&Kernel::Linear, rule, x.view(), connections, &silent()).unwrap_err().to_string()
        };
        assert!(fit(&Rule::max_margin(), &other).contains("connections"));
        let all = Connections::all_others(5).unwrap();
        assert!(fit(&Rule::normalized_interpolation(), &all).contains("is not available"));
    }
}
