//! What kind of point is this? Loss, gradient, index, and why each zero eigenvalue is there.
//!
//! Zero eigenvalues of the Hessian come from structure, and each kind of structure says which directions it leaves flat:
//!
//! | kind | directions | where |
//! |---|---|---|
//! | plateau | outgoing weight moves between copies | everywhere with one output; see below |
//! | copy | incoming vectors of copies move apart, weighted effects cancelling | at zero loss |
//! | zero type | the vectors of neurons without effect | at zero loss |
//! | gauge | scale of relu neurons, linear layers, shift of softmax outputs | everywhere |
//! | dead | neurons that are silent on all samples (relu) | everywhere |
//! | unused input | inputs that are zero or linearly dependent | everywhere |
//!
//! The report finds copies and silent neurons by [`reduce`](crate::reduction::reduce), writes down the directions of
//! every kind, and counts how many dimensions of the near-null space of the Hessian each of them covers. What is left is
//! reported as unexplained.
//!
//! The *plateau dimension* is stated beside the number of zero eigenvalues, because they differ: two copies lie on a
//! plateau of equal loss with as many dimensions as the next layer has neurons, `c`, but at positive loss and with
//! `c > 1` only one of these directions is a null vector in general ([`plateau`](crate::plateau)).

use ndarray::{Array1, Array2, ArrayView1, ArrayView2};
use serde::{Deserialize, Serialize};

use crate::eigen::symmetric_eigen;
use crate::enumeration::Slot;
use crate::pair::{incoming_positions, outgoing_positions};
use crate::reduction::{Classification, ReductionTolerance, classify, reduce};
use crate::{Activation, Loss, Objective, Parameters, Result};

/// When an eigenvalue counts as zero, a point as critical, and neurons as equal.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ReportParameters {
    /// An eigenvalue is zero below this, times the larger of 1 and the largest eigenvalue.
    pub zero: f64,
    /// Largest absolute gradient component of a critical point.
    pub gradient: f64,
    /// When neurons count as copies or silent.
    pub reduction: ReductionTolerance,
}

impl Default for ReportParameters {
    fn default() -> Self {
        Self { zero: 1e-10, gradient: 1e-8, reduction: ReductionTolerance::default() }
    }
}

/// Why an eigenvalue is zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ZeroModeKind {
    /// Outgoing weight moves between copies.
    Plateau,
    /// Incoming vectors of copies move apart.
    Copy,
    /// A group of neurons without effect moves.
    ZeroType,
    /// A continuous symmetry of the activation or the loss.
    Gauge,
    /// A neuron that is silent on all samples.
    Dead,
    /// An input that is zero or a linear combination of others.
    UnusedInput,
}

impl ZeroModeKind {
    /// The words of the table.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Plateau => "plateau",
            Self::Copy => "copy",
            Self::ZeroType => "zero type",
            Self::Gauge => "gauge",
            Self::Dead => "dead",
            Self::UnusedInput => "unused input",
        }
    }
}

/// Zero eigenvalues with one explanation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ZeroModes {
    /// Why they are zero.
    pub kind: ZeroModeKind,
    /// The layer, counted from 0: the hidden layer of the neurons, or the weight layer of a gauge.
    pub layer: usize,
    /// The neurons concerned.
    pub neurons: Vec<usize>,
    /// How many.
    pub count: usize,
}

/// What a point is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PointKind {
    /// The gradient is not small.
    NotCritical,
    /// All eigenvalues are positive.
    StrictMinimum,
    /// No eigenvalue is negative, some are zero: a minimum as far as second derivatives tell.
    DegenerateMinimum,
    /// Some eigenvalues are negative.
    Saddle,
}

impl PointKind {
    /// In words.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::NotCritical => "not a critical point",
            Self::StrictMinimum => "strict minimum",
            Self::DegenerateMinimum => "minimum to second order, with flat directions",
            Self::Saddle => "saddle",
        }
    }
}

/// A point of the landscape, described.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CriticalPointReport {
    /// What it is.
    pub kind: PointKind,
    /// The loss.
    pub loss: f64,
    /// Largest absolute component of the gradient.
    pub gradient_max: f64,
    /// Euclidean length of the gradient.
    pub gradient_norm: f64,
    /// `g^T H^+ g / 2` over eigenvalues that are not zero, in absolute value: what a Newton step would change the loss by.
    pub newton_decrement: f64,
    /// Eigenvalues of the Hessian, increasing.
    pub eigenvalues: Array1<f64>,
    /// Eigenvalues below this in absolute value count as zero.
    pub threshold: f64,
    /// Number of negative eigenvalues: the index.
    pub index: usize,
    /// Number of zero eigenvalues.
    pub zeros: usize,
    /// Number of positive eigenvalues.
    pub positive: usize,
    /// Explanations of the zero eigenvalues; their counts and `unexplained` add up to `zeros`.
    pub zero_modes: Vec<ZeroModes>,
    /// Zero eigenvalues without an explanation.
    pub unexplained: usize,
    /// Dimension of the plateau on which outgoing weights move between copies at equal loss.
    pub plateau_dimension: usize,
    /// The neurons of each hidden layer.
    pub neurons: Vec<Classification>,
    /// For each hidden layer the number of neurons that are needed.
    pub reduced_widths: Vec<usize>,
}

impl CriticalPointReport {
    /// Describes a point. Needs the dense Hessian.
    ///
    /// # Errors
    /// If the parameters are those of another network or not finite, a tolerance is negative, or the Hessian exceeds the
    /// memory that the objective allows.
    pub fn new(objective: &Objective, parameters: &Parameters, how: &ReportParameters) -> Result<Self> {
        neuropil_core::check::positive("the threshold of zero eigenvalues", how.zero)?;
        neuropil_core::check::positive("the threshold of the gradient", how.gradient)?;
        how.reduction.validate()?;
        let (loss, gradient) = objective.value_and_gradient(parameters.theta())?;
        let hessian = objective.hessian(parameters.theta())?;
        let (eigenvalues, eigenvectors) = symmetric_eigen(&hessian)?;
        let largest = eigenvalues.iter().fold(1.0_f64, |largest, value| largest.max(value.abs()));
        let threshold = how.zero * largest;
        let null: Vec<usize> = (0..eigenvalues.len()).filter(|&k| eigenvalues[k].abs() <= threshold).collect();
        let index = eigenvalues.iter().filter(|value| **value < -threshold).count();
        let zeros = null.len();
        let along = eigenvectors.t().dot(&gradient);
        let newton_decrement = along
            .iter()
            .zip(&eigenvalues)
            .filter(|(_, value)| value.abs() > threshold)
            .map(|(g, value)| 0.5 * g * g / value.abs())
            .sum();
        let gradient_max = gradient.iter().fold(0.0_f64, |largest, value| largest.max(value.abs()));
        let kind = if gradient_max > how.gradient {
            PointKind::NotCritical
        } else if index > 0 {
            PointKind::Saddle
        } else if zeros > 0 {
            PointKind::DegenerateMinimum
        } else {
            PointKind::StrictMinimum
        };
        let null_space = Array2::from_shape_fn((eigenvalues.len(), zeros), |(i, k)| eigenvectors[[i, null[k]]]);
        let structure = Structure::of(objective, parameters, how)?;
        let zero_modes = explain(&structure.candidates, null_space.view())?;
        let explained: usize = zero_modes.iter().map(|modes| modes.count).sum();
        Ok(Self {
            kind,
            loss,
            gradient_max,
            gradient_norm: gradient.dot(&gradient).sqrt(),
            newton_decrement,
            threshold,
            index,
            zeros,
            positive: eigenvalues.len() - index - zeros,
            eigenvalues,
            zero_modes,
            unexplained: zeros.saturating_sub(explained),
            plateau_dimension: structure.plateau_dimension,
            neurons: structure.neurons,
            reduced_widths: structure.reduced_widths,
        })
    }

    /// Zero eigenvalues of one kind.
    #[must_use]
    pub fn count(&self, kind: ZeroModeKind) -> usize {
        self.zero_modes.iter().filter(|modes| modes.kind == kind).map(|modes| modes.count).sum()
    }
}

/// Directions that one piece of structure may leave flat.
struct Candidate {
    kind: ZeroModeKind,
    layer: usize,
    neurons: Vec<usize>,
    directions: Vec<Array1<f64>>,
}

/// What is known about the neurons, and the directions that follow from it.
struct Structure {
    candidates: Vec<Candidate>,
    plateau_dimension: usize,
    neurons: Vec<Classification>,
    reduced_widths: Vec<usize>,
}

impl Structure {
    fn of(objective: &Objective, parameters: &Parameters, how: &ReportParameters) -> Result<Self> {
        let network = parameters.network();
        let mut structure =
            Self { candidates: Vec::new(), plateau_dimension: 0, neurons: Vec::new(), reduced_widths: Vec::new() };
        if network.n_hidden_layers() > 0 {
            let reduction = reduce(parameters, &how.reduction)?;
            structure.reduced_widths = reduction.widths();
            for (layer, labelling) in reduction.labellings.iter().enumerate() {
                structure.neurons.push(classify(parameters, layer, &how.reduction)?);
                let labels = (0..labelling.copied()).map(Slot::Copy).chain((0..labelling.groups()).map(Slot::Zero));
                for label in labels {
                    structure.group(parameters, layer, label, labelling.slots_with(label).collect());
                }
            }
        }
        structure.gauges(objective, parameters);
        structure.dead_neurons(objective, parameters)?;
        structure.unused_inputs(objective, parameters)?;
        Ok(structure)
    }

    fn push(&mut self, kind: ZeroModeKind, layer: usize, neurons: Vec<usize>, directions: Vec<Array1<f64>>) {
        if !directions.is_empty() {
            self.candidates.push(Candidate { kind, layer, neurons, directions });
        }
    }

    /// Copies of one neuron, or a group without effect.
    fn group(&mut self, parameters: &Parameters, layer: usize, label: Slot, members: Vec<usize>) {
        let network = parameters.network();
        let n = network.n_parameters();
        let transfers: Vec<Array1<f64>> = members[1..]
            .iter()
            .flat_map(|&member| {
                let (from, to) =
                    (outgoing_positions(network, layer, members[0]), outgoing_positions(network, layer, member));
                from.into_iter().zip(to).map(|(from, to)| unit(n, &[(from, 1.0), (to, -1.0)])).collect::<Vec<_>>()
            })
            .collect();
        let incoming = || {
            members
                .iter()
                .flat_map(|&member| incoming_positions(network, layer, member))
                .map(|position| unit(n, &[(position, 1.0)]))
                .collect::<Vec<_>>()
        };
        self.plateau_dimension += transfers.len();
        match label {
            Slot::Copy(_) if members.len() > 1 => {
                self.push(ZeroModeKind::Plateau, layer, members.clone(), transfers);
                let incoming = incoming();
                self.push(ZeroModeKind::Copy, layer, members, incoming);
            }
            Slot::Copy(_) => {}
            Slot::Zero(_) => {
                let directions = transfers.into_iter().chain(incoming()).collect();
                self.push(ZeroModeKind::ZeroType, layer, members, directions);
            }
        }
    }

    fn gauges(&mut self, objective: &Objective, parameters: &Parameters) {
        let network = parameters.network();
        let (n, theta) = (network.n_parameters(), parameters.theta());
        for layer in 0..network.n_hidden_layers() {
            let width = network.widths[layer + 1];
            let activation = |i: usize| network.activations[layer].of(i);
            for i in 0..width {
                // Scale moves from the outgoing to the incoming vector.
                if *activation(i) == Activation::Relu {
                    let mut direction = Array1::zeros(n);
                    for position in incoming_positions(network, layer, i) {
                        direction[position] = theta[position];
                    }
                    for position in outgoing_positions(network, layer, i) {
                        direction[position] = -theta[position];
                    }
                    self.push(ZeroModeKind::Gauge, layer, vec![i], vec![direction]);
                }
                if *activation(i) != Activation::Identity {
                    continue;
                }
                // Neuron j mixes into neuron i, and the next layer takes it out again.
                for j in (0..width).filter(|&j| *activation(j) == Activation::Identity) {
                    let mut direction = Array1::zeros(n);
                    let (to, from) = (incoming_positions(network, layer, i), incoming_positions(network, layer, j));
                    for (to, from) in to.into_iter().zip(from) {
                        direction[to] += theta[from];
                    }
                    let (read, correct) =
                        (outgoing_positions(network, layer, i), outgoing_positions(network, layer, j));
                    for (read, correct) in read.into_iter().zip(correct) {
                        direction[correct] -= theta[read];
                    }
                    self.push(ZeroModeKind::Gauge, layer, vec![i, j], vec![direction]);
                }
            }
        }
        if objective.loss() == Loss::CrossEntropy {
            // Adding the same to all outputs leaves the softmax unchanged.
            let last = network.n_layers() - 1;
            let (outputs, inputs) = (network.n_outputs(), network.widths[last]);
            let start = network.weight_range(last).start;
            let mut directions: Vec<Array1<f64>> = (0..inputs)
                .map(|j| unit(n, &(0..outputs).map(|i| (start + i * inputs + j, 1.0)).collect::<Vec<_>>()))
                .collect();
            if network.has_bias(last) {
                directions.push(unit(n, &network.bias_range(last).map(|k| (k, 1.0)).collect::<Vec<_>>()));
            }
            self.push(ZeroModeKind::Gauge, last, Vec::new(), directions);
        }
    }

    fn dead_neurons(&mut self, objective: &Objective, parameters: &Parameters) -> Result<()> {
        let network = parameters.network();
        let n = network.n_parameters();
        let activities = network.forward(parameters.theta(), objective.data().inputs())?;
        for (layer, activity) in activities.iter().take(network.n_hidden_layers()).enumerate() {
            for (i, column) in activity.columns().into_iter().enumerate() {
                if column.iter().all(|value| *value == 0.0) {
                    let positions = incoming_positions(network, layer, i).into_iter();
                    let positions = positions.chain(outgoing_positions(network, layer, i));
                    let directions = positions.map(|position| unit(n, &[(position, 1.0)])).collect();
                    self.push(ZeroModeKind::Dead, layer, vec![i], directions);
                }
            }
        }
        Ok(())
    }

    fn unused_inputs(&mut self, objective: &Objective, parameters: &Parameters) -> Result<()> {
        let network = parameters.network();
        let (n, fan_in) = (network.n_parameters(), network.fan_in(0));
        let data = objective.data().inputs();
        let column = |k: usize, row: ArrayView1<f64>| if k < row.len() { row[k] } else { 1.0 };
        let mut moments = Array2::<f64>::zeros((fan_in, fan_in));
        for row in data.rows() {
            for a in 0..fan_in {
                for b in 0..=a {
                    moments[[a, b]] += column(a, row) * column(b, row);
                }
            }
        }
        let (values, vectors) = symmetric_eigen(&moments)?;
        let largest = values.iter().fold(0.0_f64, |largest, value| largest.max(*value));
        for k in (0..fan_in).filter(|&k| values[k] <= 1e-13 * largest) {
            let directions = (0..network.widths[1])
                .map(|i| {
                    let positions = incoming_positions(network, 0, i);
                    unit(n, &positions.into_iter().zip(vectors.column(k).iter().copied()).collect::<Vec<_>>())
                })
                .collect();
            self.push(ZeroModeKind::UnusedInput, 0, (0..network.widths[1]).collect(), directions);
        }
        Ok(())
    }
}

fn unit(n: usize, entries: &[(usize, f64)]) -> Array1<f64> {
    let mut direction = Array1::zeros(n);
    for &(position, value) in entries {
        direction[position] = value;
    }
    direction
}

/// How many dimensions of the null space each candidate adds to those before it.
///
/// The span of all candidates so far and the null space share as many dimensions as there are principal angles of zero:
/// eigenvalues one of the null space's projection onto the span. An angle of 1e-3 counts as zero, because at the
/// precision of f64 the null space of a noisy Hessian is known to about that.
fn explain(candidates: &[Candidate], null_space: ArrayView2<f64>) -> Result<Vec<ZeroModes>> {
    let zeros = null_space.ncols();
    let mut found: Vec<ZeroModes> = Vec::new();
    let mut basis: Vec<Array1<f64>> = Vec::new();
    let mut overlap = Array2::<f64>::zeros((zeros, zeros));
    let mut covered = 0;
    for candidate in candidates.iter().filter(|_| zeros > 0) {
        for direction in &candidate.directions {
            let Some(new) = orthogonal_part(direction, &basis) else { continue };
            let projection = null_space.t().dot(&new);
            for a in 0..zeros {
                for b in 0..zeros {
                    overlap[[a, b]] += projection[a] * projection[b];
                }
            }
            basis.push(new);
        }
        let (values, _) = symmetric_eigen(&overlap)?;
        let now = values.iter().filter(|value| **value > 1.0 - 1e-6).count();
        if now > covered {
            let count = now - covered;
            covered = now;
            let same = |last: &&mut ZeroModes| last.kind == candidate.kind && last.neurons == candidate.neurons;
            match found.last_mut().filter(same) {
                Some(last) => last.count += count,
                None => {
                    let neurons = candidate.neurons.clone();
                    found.push(ZeroModes { kind: candidate.kind, layer: candidate.layer, neurons, count });
                }
            }
        }
    }
    Ok(found)
}

/// The unit vector along what a direction adds to the basis; `None` if it adds nothing.
fn orthogonal_part(direction: &Array1<f64>, basis: &[Array1<f64>]) -> Option<Array1<f64>> {
    let length = direction.dot(direction).sqrt();
    if !(length > 0.0) {
        return None;
    }
    let mut rest = direction / length;
    // Twice is enough for orthogonality to rounding.
    for _ in 0..2 {
        for known in basis {
            let share = known.dot(&rest);
            rest.scaled_add(-share, known);
        }
    }
    let left = rest.dot(&rest).sqrt();
    (left > 1e-8).then(|| rest / left)
}
