//! The directions that structure may leave flat: copies, neurons without effect, symmetries, unused inputs.
//!
//! [`critical_point`](crate::critical_point) holds them against the null space of the Hessian.

use ndarray::{Array1, Array2, ArrayView1};
use neuropil_core::random::{Seed, uniform};

use crate::critical_point::ZeroModeKind;
use crate::eigen::{null_space, symmetric_eigen};
use crate::enumeration::Slot;
use crate::neuron::{Equality, Relation, degree};
use crate::pair::{incoming_positions, outgoing_positions};
use crate::reduction::{Classification, ReductionTolerance, classify, reduce};
use crate::{Activation, Loss, Objective, Parameters, Result};

/// Directions that one piece of structure may leave flat.
pub(crate) struct Candidate {
    pub kind: ZeroModeKind,
    pub layer: usize,
    pub neurons: Vec<usize>,
    pub directions: Vec<Array1<f64>>,
}

/// What is known about the neurons, and the directions that follow from it.
pub(crate) struct Structure {
    pub candidates: Vec<Candidate>,
    pub plateau_dimension: usize,
    pub neurons: Vec<Classification>,
    pub reduced_widths: Vec<usize>,
}

impl Structure {
    pub fn of(objective: &Objective, parameters: &Parameters, tolerance: &ReductionTolerance) -> Result<Self> {
        let network = parameters.network();
        let mut structure =
            Self { candidates: Vec::new(), plateau_dimension: 0, neurons: Vec::new(), reduced_widths: Vec::new() };
        if network.n_hidden_layers() > 0 {
            structure.reduced_widths = reduce(parameters, tolerance)?.widths();
            // Flat directions do not depend on what the reader wants to call a copy.
            let every = ReductionTolerance { equality: Equality::UpToSymmetry, ..*tolerance };
            let reduction = reduce(parameters, &every)?;
            for (layer, labelling) in reduction.labellings.iter().enumerate() {
                structure.neurons.push(classify(parameters, layer, tolerance)?);
                let labels = (0..labelling.copied()).map(Slot::Copy).chain((0..labelling.groups()).map(Slot::Zero));
                for label in labels {
                    let members: Vec<usize> = labelling.slots_with(label).collect();
                    structure.group(parameters, layer, label, members, &reduction.relations[layer]);
                }
            }
        }
        // Weight decay takes the loss, though not the function, off the plateau.
        if objective.weight_decay() > 0.0 {
            structure.plateau_dimension = 0;
        }
        structure.gauges(objective, parameters)?;
        structure.dead_neurons(objective, parameters)?;
        structure.unused_inputs(objective, parameters)?;
        Ok(structure)
    }

    fn push(&mut self, kind: ZeroModeKind, layer: usize, neurons: Vec<usize>, directions: Vec<Array1<f64>>) {
        if !directions.is_empty() {
            self.candidates.push(Candidate { kind, layer, neurons, directions });
        }
    }

    /// Copies of one neuron, or a group without effect. `relations` say how outputs follow from that of the first member.
    fn group(
        &mut self,
        parameters: &Parameters,
        layer: usize,
        label: Slot,
        members: Vec<usize>,
        relations: &[Relation],
    ) {
        let network = parameters.network();
        let n = network.n_parameters();
        let first = outgoing_positions(network, layer, members[0]);
        let biases: Vec<usize> = network.bias_range(layer + 1).collect();
        let mut transfers = Vec::new();
        for &member in &members[1..] {
            let Relation { factor, constant } = relations[member];
            for (k, to) in outgoing_positions(network, layer, member).into_iter().enumerate() {
                // What the member adds the first takes away, and the bias takes the constant.
                let mut direction = unit(n, &[(first[k], -factor), (to, 1.0)]);
                if let Some(&bias) = biases.get(k) {
                    direction[bias] = -constant;
                }
                transfers.push(direction);
            }
        }
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

    fn gauges(&mut self, objective: &Objective, parameters: &Parameters) -> Result<()> {
        let network = parameters.network();
        let (n, theta) = (network.n_parameters(), parameters.theta());
        for layer in 0..network.n_hidden_layers() {
            let width = network.widths[layer + 1];
            let activation = |i: usize| network.activations[layer].of(i);
            for i in 0..width {
                // Scale moves from the outgoing to the incoming vector.
                if let Some(power) = degree(activation(i)).filter(|_| *activation(i) != Activation::Identity) {
                    let mut direction = Array1::zeros(n);
                    for position in incoming_positions(network, layer, i) {
                        direction[position] = theta[position];
                    }
                    for position in outgoing_positions(network, layer, i) {
                        direction[position] = -f64::from(power) * theta[position];
                    }
                    self.push(ZeroModeKind::Gauge, layer, vec![i], vec![direction]);
                }
                // exp(z + b) = exp(b) exp(z): the bias is a factor of the outgoing vector.
                if let Some(bias) = network.bias_range(layer).nth(i).filter(|_| *activation(i) == Activation::Exp) {
                    let mut direction = unit(n, &[(bias, 1.0)]);
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
            let polynomial =
                |i: &usize| matches!(activation(*i), Activation::Square | Activation::Cube | Activation::Polynomial(_));
            self.polynomial_gauges(parameters, layer, (0..width).filter(polynomial).collect())?;
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
        Ok(())
    }

    /// Directions along which neurons with polynomial activations leave their sum unchanged for every input.
    ///
    /// Such a sum is a polynomial with fewer coefficients than there are weights, so neurons mix into each other:
    /// the tangent space of the mixing is the null space of the Jacobian of the sum at sufficiently many generic points.
    fn polynomial_gauges(&mut self, parameters: &Parameters, layer: usize, members: Vec<usize>) -> Result<()> {
        let network = parameters.network();
        let outputs = network.widths[layer + 2];
        let biases: Vec<usize> = network.bias_range(layer + 1).collect();
        let positions: Vec<usize> = members
            .iter()
            .flat_map(|&i| {
                incoming_positions(network, layer, i).into_iter().chain(outgoing_positions(network, layer, i))
            })
            .chain(biases.iter().copied())
            .collect();
        if members.is_empty() {
            return Ok(());
        }
        let mut stream = Seed::new(0).child("polynomial gauge").stream();
        let inputs = network.widths[layer];
        let points = positions.len() + 1;
        let mut jacobian = Array2::<f64>::zeros((points * outputs, positions.len()));
        for point in 0..points {
            let mut x: Vec<f64> = (0..inputs).map(|_| 2.0 * uniform(&mut stream) - 1.0).collect();
            x.resize(network.fan_in(layer), 1.0);
            let mut column = 0;
            for &i in &members {
                let (w, a) = (parameters.incoming(layer, i), parameters.outgoing(layer, i));
                let z: f64 = w.iter().zip(&x).map(|(w, x)| w * x).sum();
                let [value, slope, _] = network.activations[layer].of(i).derivatives(z);
                for k in 0..outputs {
                    let row = point * outputs + k;
                    for (p, x) in x.iter().enumerate() {
                        jacobian[[row, column + p]] = a[k] * slope * x;
                    }
                    jacobian[[row, column + x.len() + k]] = value;
                }
                column += x.len() + outputs;
            }
            for k in 0..biases.len() {
                jacobian[[point * outputs + k, column + k]] = 1.0;
            }
        }
        let directions = null_space(&jacobian)?
            .into_iter()
            .map(|vector| unit(network.n_parameters(), &positions.iter().copied().zip(vector).collect::<Vec<_>>()))
            .collect();
        self.push(ZeroModeKind::Gauge, layer, members, directions);
        Ok(())
    }

    fn dead_neurons(&mut self, objective: &Objective, parameters: &Parameters) -> Result<()> {
        let network = parameters.network();
        let n = network.n_parameters();
        let activities = network.forward(parameters.theta(), objective.data().inputs())?;
        // A sample of weight zero is none.
        let weights = objective.data().weights();
        for (layer, activity) in activities.iter().take(network.n_hidden_layers()).enumerate() {
            for (i, column) in activity.columns().into_iter().enumerate() {
                if column.iter().zip(weights).all(|(value, weight)| *value == 0.0 || *weight == 0.0) {
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
        let weights = objective.data().weights();
        for (row, _) in data.rows().into_iter().zip(weights).filter(|(_, weight)| **weight > 0.0) {
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
