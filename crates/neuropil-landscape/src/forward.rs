//! One pass of a chunk of samples through the network: activities, slopes and curvatures of every layer.
//!
//! Samples lie side by side in memory, one row for each neuron. Every hidden layer has one more row, of ones, so that a
//! bias is a weight like the others: all formulas of this room are written without bias.

use std::ops::Range;

use crate::activation::{self, Activation};
use crate::buffer::Buffer;
use crate::network::Mlp;
use crate::product::{self, LANES, Rows, RowsMut};

/// Which derivatives of the activations a pass needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Order {
    Values,
    Slopes,
    Curvatures,
}

/// Where everything lies: computed once for a network.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    pub widths: Vec<usize>,
    pub weights: Vec<Range<usize>>,
    pub biases: Vec<Range<usize>>,
    groups: Vec<Vec<(Activation, Range<usize>)>>,
    pub n_parameters: usize,
}

impl Plan {
    pub fn new(network: &Mlp) -> Self {
        let layers = 0..network.n_layers();
        Self {
            widths: network.widths.clone(),
            weights: layers.clone().map(|l| network.weight_range(l)).collect(),
            biases: layers.map(|l| network.bias_range(l)).collect(),
            groups: network.activations.iter().zip(&network.widths[1..]).map(|(a, &n)| a.groups(n)).collect(),
            n_parameters: network.n_parameters(),
        }
    }

    pub fn n_layers(&self) -> usize {
        self.weights.len()
    }

    /// Runs of neurons with one activation.
    pub fn groups(&self, hidden_layer: usize) -> &[(Activation, Range<usize>)] {
        &self.groups[hidden_layer]
    }

    pub fn n_outputs(&self) -> usize {
        self.widths[self.n_layers()]
    }

    /// Incoming weights of a neuron with its bias.
    pub fn fan_in(&self, layer: usize) -> usize {
        self.widths[layer] + usize::from(!self.biases[layer].is_empty())
    }

    /// Position in the parameter vector of incoming weight `p` of neuron `i`; the last `p` is the bias.
    pub fn index(&self, layer: usize, i: usize, p: usize) -> usize {
        let n_in = self.widths[layer];
        if p < n_in { self.weights[layer].start + i * n_in + p } else { self.biases[layer].start + i }
    }

    /// How many samples at once: what a pass writes should stay in the second-level cache.
    pub fn chunk(&self, rows_per_neuron: usize) -> usize {
        chunk_of_rows(self.widths.iter().sum::<usize>() * rows_per_neuron)
    }

    /// Adds a matrix `widths[layer + 1] x fan_in(layer)` into the parameter vector.
    pub fn scatter(&self, layer: usize, augmented: &[f64], out: &mut [f64]) {
        let (n_in, fan_in) = (self.widths[layer], self.fan_in(layer));
        for (i, row) in augmented.chunks_exact(fan_in).take(self.widths[layer + 1]).enumerate() {
            let start = self.weights[layer].start + i * n_in;
            for (out, value) in out[start..start + n_in].iter_mut().zip(row) {
                *out += value;
            }
            if fan_in > n_in {
                out[self.biases[layer].start + i] += row[n_in];
            }
        }
    }
}

/// How many samples at once when each needs this many numbers.
pub(crate) fn chunk_of_rows(rows: usize) -> usize {
    const CACHE: usize = 90_000;
    (CACHE / rows.max(1) / LANES * LANES).clamp(64, 1024)
}

/// What one pass leaves behind. All rows are as long as the chunk.
#[derive(Debug, Clone)]
pub(crate) struct Tape {
    capacity: usize,
    order: Order,
    /// Samples of the chunk that was passed last.
    pub length: usize,
    z: Buffer,
    hidden: Vec<Buffer>,
    slopes: Vec<Buffer>,
    curvatures: Vec<Buffer>,
    /// Outputs, one row each.
    pub outputs: Buffer,
    /// Softmax of the outputs, for the cross-entropy.
    pub probabilities: Buffer,
    /// Derivative of the loss by the argument of each weight layer; sample weights included.
    pub deltas: Vec<Buffer>,
    /// Memory for whoever works on the chunk.
    pub scratch: Vec<Buffer>,
}

impl Tape {
    pub fn new(plan: &Plan, capacity: usize, order: Order) -> Self {
        let hidden = &plan.widths[1..plan.n_layers()];
        let rows = |extra: usize, wanted: bool| {
            hidden
                .iter()
                .map(|n| if wanted { Buffer::zeros((n + extra) * capacity) } else { Buffer::default() })
                .collect()
        };
        let widest = hidden.iter().copied().max().unwrap_or(0);
        let n_outputs = plan.n_outputs();
        let deltas = if order >= Order::Slopes {
            plan.widths[1..].iter().map(|n| Buffer::zeros(n * capacity)).collect()
        } else {
            Vec::new()
        };
        Self {
            capacity,
            order,
            length: 0,
            z: Buffer::zeros(widest * capacity),
            hidden: rows(1, true),
            slopes: rows(0, order >= Order::Slopes),
            curvatures: rows(0, order >= Order::Curvatures),
            outputs: Buffer::zeros(n_outputs * capacity),
            probabilities: Buffer::default(),
            deltas,
            scratch: Vec::new(),
        }
    }

    /// The derivatives that it has room for.
    pub fn order(&self) -> Order {
        self.order
    }

    /// Largest chunk.
    pub fn capacity(&self) -> usize {
        self.capacity
    }

    /// Activities of a hidden layer with the row of ones.
    pub fn hidden_and_one(&self, layer: usize) -> Rows<'_> {
        Rows::new(&self.hidden[layer], self.length, self.hidden[layer].len() / self.capacity, self.length)
    }

    /// First derivatives of a hidden layer.
    pub fn slopes(&self, layer: usize) -> Rows<'_> {
        Rows::new(&self.slopes[layer], self.length, self.slopes[layer].len() / self.capacity, self.length)
    }

    /// Second derivatives of a hidden layer.
    pub fn curvatures(&self, layer: usize) -> Rows<'_> {
        Rows::new(&self.curvatures[layer], self.length, self.curvatures[layer].len() / self.capacity, self.length)
    }

    /// Deltas of a weight layer.
    pub fn deltas(&self, layer: usize) -> Rows<'_> {
        Rows::new(&self.deltas[layer], self.length, self.deltas[layer].len() / self.capacity, self.length)
    }

    /// What a weight layer receives, with the row of ones if it has a bias.
    pub fn below<'a>(&'a self, plan: &Plan, layer: usize, inputs: Rows<'a>) -> Rows<'a> {
        let rows = if layer == 0 { inputs } else { self.hidden_and_one(layer - 1) };
        rows.first(plan.fan_in(layer))
    }

    /// Takes the scratch memory number `i`, at least `size` numbers long, with whatever it held before.
    pub fn take_scratch(&mut self, i: usize, size: usize) -> Buffer {
        if self.scratch.len() <= i {
            self.scratch.resize_with(i + 1, Buffer::default);
        }
        let mut memory = std::mem::take(&mut self.scratch[i]);
        if memory.len() < size {
            memory.resize(size);
        }
        memory
    }

    /// Passes a chunk forward. `inputs` has `d + 1` rows, the last of ones.
    pub fn forward(&mut self, plan: &Plan, theta: &[f64], inputs: Rows<'_>, order: Order) {
        let n = inputs.length;
        self.length = n;
        let n_layers = plan.n_layers();
        for layer in 0..n_layers {
            let (below, above) = self.hidden.split_at_mut(layer);
            let input = match below.last() {
                None => inputs.first(plan.widths[0]),
                Some(hidden) => Rows::new(hidden, n, plan.widths[layer], n),
            };
            let width = plan.widths[layer + 1];
            let (weights, bias) = (&theta[plan.weights[layer].clone()], &theta[plan.biases[layer].clone()]);
            let Some(hidden) = above.first_mut() else {
                product::affine(RowsMut::new(&mut self.outputs, n, width, n), weights, bias, input);
                continue;
            };
            product::affine(RowsMut::new(&mut self.z, n, width, n), weights, bias, input);
            for (activation, neurons) in &plan.groups[layer] {
                let block = neurons.start * n..neurons.end * n;
                let (z, f) = (&self.z[block.clone()], &mut hidden[block.clone()]);
                match order {
                    Order::Values => activation::values(activation, z, f),
                    Order::Slopes => activation::slopes(activation, z, f, &mut self.slopes[layer][block]),
                    Order::Curvatures => activation::curvatures(
                        activation,
                        z,
                        f,
                        &mut self.slopes[layer][block.clone()],
                        &mut self.curvatures[layer][block],
                    ),
                }
            }
            hidden[width * n..(width + 1) * n].fill(1.0);
        }
    }

    /// Passes the deltas of the output layer back to the first.
    pub fn backward(&mut self, plan: &Plan, theta: &[f64]) {
        let n = self.length;
        for layer in (1..plan.n_layers()).rev() {
            let (below, above) = self.deltas.split_at_mut(layer);
            let (Some(out), Some(delta)) = (below.last_mut(), above.first()) else { continue };
            let width = plan.widths[layer];
            let weights = &theta[plan.weights[layer].clone()];
            let delta = Rows::new(delta, n, plan.widths[layer + 1], n);
            product::transposed(RowsMut::new(out, n, width, n), weights, delta);
            product::scale_by(&mut out[..width * n], &self.slopes[layer - 1][..width * n]);
        }
    }
}
