//! Are two trained networks the same up to relabelling? Alignment of one to the other.
//!
//! For each hidden layer an assignment problem is solved: which neuron of the second network goes with which of the
//! first, so that the squared distance between incoming and outgoing vectors is least; where the activation allows a
//! change of sign, the better sign of each pair is taken. Layers depend on each other through the weights between them,
//! so they are solved in turn until nothing improves, from several starts: from the inputs onward by incoming
//! vectors alone (which finds a planted relabelling exactly), from the outputs backward by outgoing vectors alone, as the
//! networks are, and at random. Neurons of different activations are never matched. The best end is returned. Its function is that of the second network.
//!
//! The assignment is solved by shortest augmenting paths (crate `lsap`; Crouse 2016).

use ndarray::{Array1, Array2};
use neuropil_core::random::{Seed, uniform};
use neuropil_core::statistics::largest;
use serde::{Deserialize, Serialize};

use crate::activation::SignSymmetry;
use crate::neuron::{Neuron, neurons, shift_next_bias, with_neurons};
use crate::{Error, Parameters, Result};

/// Whether neurons may change sign.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Signs {
    /// Wherever that leaves the function unchanged: tanh, erf, cube, identity, square; sigmoid and normal_cdf if the
    /// next layer has a bias.
    #[default]
    Flip,
    /// Only permutations.
    Keep,
}

/// How to align.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct AlignmentParameters {
    /// Whether neurons may change sign.
    pub signs: Signs,
    /// Random starts beside the three fixed ones.
    pub restarts: usize,
    /// Most sweeps over the layers from each start.
    pub max_sweeps: usize,
    /// Seed of the random starts.
    pub seed: u64,
}

impl Default for AlignmentParameters {
    fn default() -> Self {
        Self { signs: Signs::Flip, restarts: 4, max_sweeps: 100, seed: 0 }
    }
}

impl AlignmentParameters {
    /// Only permutations, no change of sign.
    #[must_use]
    pub fn permutations() -> Self {
        Self { signs: Signs::Keep, ..Self::default() }
    }
}

/// The second network in the order of the first.
#[derive(Debug, Clone, PartialEq)]
pub struct Alignment {
    /// For each hidden layer: the neuron of the second network that goes with neuron `k` of the first.
    pub orders: Vec<Vec<usize>>,
    /// For each hidden layer: 1, or -1 where that neuron changed its sign.
    pub signs: Vec<Vec<f64>>,
    /// The second network, relabelled.
    pub aligned: Parameters,
    /// Euclidean distance between the parameters of the first network and the relabelled second.
    pub distance: f64,
    /// Euclidean distance before.
    pub distance_before: f64,
}

/// Relabels `other` so that it comes as close as possible to `reference`.
///
/// # Errors
/// If the two are networks of different shape or activation.
pub fn align(reference: &Parameters, other: &Parameters, how: &AlignmentParameters) -> Result<Alignment> {
    if reference.network() != other.network() {
        let expected =
            format!("the architecture of the first, {:?} with its activations and biases", reference.network().widths);
        let got = format!("{:?}", other.network().widths);
        return Err(Error::shape("the second network", expected, got));
    }
    let layers = reference.network().n_hidden_layers();
    let before = distance(reference, other);
    let mut best = State::of(other);
    let mut best_distance = before;
    for start in 0..(3 + how.restarts) {
        if best_distance == 0.0 {
            break;
        }
        let mut state = State::of(other);
        match start {
            0 => (0..layers).try_for_each(|layer| state.assign(reference, layer, Vectors::Incoming, how.signs))?,
            1 => {
                (0..layers).rev().try_for_each(|layer| state.assign(reference, layer, Vectors::Outgoing, how.signs))?;
            }
            2 => {}
            _ => state.shuffle(Seed::new(how.seed).child("alignment").index(start as u64))?,
        }
        let mut now = distance(reference, &state.parameters);
        if now < best_distance {
            (best, best_distance) = (state.clone(), now);
        }
        for _ in 0..how.max_sweeps {
            for layer in 0..layers {
                state.assign(reference, layer, Vectors::Both, how.signs)?;
            }
            let next = distance(reference, &state.parameters);
            if next < best_distance {
                (best, best_distance) = (state.clone(), next);
            }
            if !(next < now) {
                break;
            }
            now = next;
        }
    }
    let State { parameters, orders, signs } = best;
    Ok(Alignment { orders, signs, aligned: parameters, distance: best_distance, distance_before: before })
}

fn distance(a: &Parameters, b: &Parameters) -> f64 {
    a.theta().iter().zip(b.theta()).map(|(a, b)| (a - b).powi(2)).sum::<f64>().sqrt()
}

/// Which vectors of a neuron are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Vectors {
    Incoming,
    Outgoing,
    Both,
}

/// A relabelled network, and how it was relabelled.
#[derive(Debug, Clone)]
struct State {
    parameters: Parameters,
    orders: Vec<Vec<usize>>,
    signs: Vec<Vec<f64>>,
}

impl State {
    fn of(parameters: &Parameters) -> Self {
        let hidden = &parameters.network().widths[1..=parameters.network().n_hidden_layers()];
        let orders = hidden.iter().map(|&width| (0..width).collect()).collect();
        let signs = hidden.iter().map(|&width| vec![1.0; width]).collect();
        Self { parameters: parameters.clone(), orders, signs }
    }

    /// Solves the assignment of one layer, given the order of the others.
    fn assign(&mut self, reference: &Parameters, layer: usize, vectors: Vectors, signs: Signs) -> Result<()> {
        let (ours, theirs) = (neurons(reference, layer)?, neurons(&self.parameters, layer)?);
        let n = ours.len();
        let has_next_bias = self.parameters.network().has_bias(layer + 1);
        let flips: Vec<Option<Flip>> = theirs.iter().map(|neuron| Flip::of(neuron, has_next_bias, signs)).collect();
        let products = |select: fn(&Neuron) -> &Array1<f64>| {
            let rows =
                |list: &[Neuron]| Array2::from_shape_fn((n, select(&list[0]).len()), |(i, j)| select(&list[i])[j]);
            rows(&ours).dot(&rows(&theirs).t())
        };
        let zero = || Array2::zeros((n, n));
        let incoming = if vectors == Vectors::Outgoing { zero() } else { products(|neuron| &neuron.incoming) };
        let outgoing = if vectors == Vectors::Incoming { zero() } else { products(|neuron| &neuron.outgoing) };
        let gain = |i: usize, j: usize, sign: f64| match flips[j] {
            Some(flip) => sign * incoming[[i, j]] + if flip.outgoing { sign } else { 1.0 } * outgoing[[i, j]],
            None => incoming[[i, j]] + outgoing[[i, j]],
        };
        let best_sign =
            |i: usize, j: usize| if flips[j].is_some() && gain(i, j, -1.0) > gain(i, j, 1.0) { -1.0 } else { 1.0 };
        let mut cost: Vec<f64> =
            (0..n * n).map(|k| (k / n, k % n)).map(|(i, j)| -gain(i, j, best_sign(i, j))).collect();
        // Neurons of different activations never go together: no gain outweighs that.
        let range = largest(cost.iter().map(|value| value.abs()));
        for (k, value) in cost.iter_mut().enumerate() {
            if ours[k / n].activation != theirs[k % n].activation {
                *value += (2 * n + 1) as f64 * (1.0 + range);
            }
        }
        let (rows, columns) = lsap::solve(n, n, &cost, false)
            .map_err(|error| Error::parameter("the distances between neurons", error.to_string(), "finite"))?;
        let mut order = vec![0; n];
        for (row, column) in rows.into_iter().zip(columns) {
            order[row] = column;
        }
        let chosen: Vec<f64> = (0..n).map(|i| best_sign(i, order[i])).collect();
        self.relabel(layer, &order, &chosen, &flips)
    }

    /// `signs` by new slot, `flips` by old slot.
    fn relabel(&mut self, layer: usize, order: &[usize], signs: &[f64], flips: &[Option<Flip>]) -> Result<()> {
        let list = neurons(&self.parameters, layer)?;
        let mut constant = Array1::<f64>::zeros(list[0].outgoing.len());
        let mut relabelled = Vec::with_capacity(list.len());
        for (&old, &sign) in order.iter().zip(signs) {
            let mut neuron = list[old].clone();
            if let Some(flip) = flips[old].filter(|_| sign < 0.0) {
                constant.scaled_add(flip.constant, &neuron.outgoing);
                neuron.incoming *= -1.0;
                if flip.outgoing {
                    neuron.outgoing *= -1.0;
                }
            }
            relabelled.push(neuron);
        }
        self.parameters = with_neurons(&self.parameters, layer, &relabelled)?;
        if let Some(shifted) = shift_next_bias(&self.parameters, layer, &constant) {
            self.parameters = shifted;
        }
        let (orders, before) = (&self.orders[layer], &self.signs[layer]);
        let new_signs = order.iter().zip(signs).map(|(&old, sign)| before[old] * sign).collect();
        let new_orders = order.iter().map(|&old| orders[old]).collect();
        self.orders[layer] = new_orders;
        self.signs[layer] = new_signs;
        Ok(())
    }

    fn shuffle(&mut self, seed: Seed) -> Result<()> {
        let mut stream = seed.stream();
        for layer in 0..self.orders.len() {
            let n = self.orders[layer].len();
            let mut order: Vec<usize> = (0..n).collect();
            let list = neurons(&self.parameters, layer)?;
            for i in (1..n).rev() {
                let j = ((uniform(&mut stream) * (i + 1) as f64) as usize).min(i);
                // Within one activation only.
                if list[order[i]].activation == list[order[j]].activation {
                    order.swap(i, j);
                }
            }
            self.relabel(layer, &order, &vec![1.0; n], &vec![None; n])?;
        }
        Ok(())
    }
}

/// What a change of sign does beside negating the incoming vector.
#[derive(Debug, Clone, Copy)]
struct Flip {
    /// Whether the outgoing vector changes sign too.
    outgoing: bool,
    /// What has to be added to the next bias, in units of the outgoing vector before.
    constant: f64,
}

impl Flip {
    fn of(neuron: &Neuron, has_next_bias: bool, signs: Signs) -> Option<Self> {
        if signs == Signs::Keep {
            return None;
        }
        match neuron.activation.sign_symmetry() {
            SignSymmetry::Odd => Some(Self { outgoing: true, constant: 0.0 }),
            SignSymmetry::Even => Some(Self { outgoing: false, constant: 0.0 }),
            SignSymmetry::OddAroundHalf if has_next_bias => Some(Self { outgoing: true, constant: 1.0 }),
            SignSymmetry::OddAroundHalf | SignSymmetry::EvenUpToLinear | SignSymmetry::None => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Activation, Bias, Initialisation, Mlp};

    #[test]
    fn neurons_of_different_activations_are_matched_among_their_own() {
        let mut network = Mlp::two_layer(3, 6, 2, Activation::Tanh, Bias::With);
        let list = [Activation::Tanh, Activation::Softplus, Activation::Tanh].into_iter().cycle().take(6);
        network.activations[0] = list.collect::<Vec<_>>().into();
        let reference = network.initialise(Initialisation::Normal(1.0), Seed::new(1));
        // Tanh in the slots 0, 2, 3, 5; softplus in 1, 4.
        let order = [3, 4, 0, 5, 1, 2];
        let planted = crate::expansion::permute(&reference, 0, &order).unwrap();
        let found = align(&reference, &planted, &AlignmentParameters::default()).unwrap();
        assert_eq!(found.distance, 0.0);
        assert_eq!(found.orders[0], crate::expansion::inverse(&order));
        assert_eq!(found.aligned, reference);
    }

    /// A relabelled copy with random signs where the activation allows them.
    fn planted(parameters: &Parameters, seed: Seed) -> (Parameters, Vec<Vec<usize>>) {
        let mut state = State::of(parameters);
        state.shuffle(seed).unwrap();
        let mut stream = seed.child("signs").stream();
        for layer in 0..state.orders.len() {
            let list = neurons(&state.parameters, layer).unwrap();
            let flip = Flip::of(&list[0], parameters.network().has_bias(layer + 1), Signs::Flip);
            let flips: Vec<f64> = list.iter().map(|_| if uniform(&mut stream) < 0.5 { -1.0 } else { 1.0 }).collect();
            let order: Vec<usize> = (0..list.len()).collect();
            state.relabel(layer, &order, &flips, &vec![flip; order.len()]).unwrap();
        }
        (state.parameters, state.orders)
    }

    #[test]
    fn every_planted_relabelling_is_found() {
        for activation in [Activation::Relu, Activation::Tanh, Activation::Sigmoid, Activation::Square] {
            for (index, (d1, d2)) in [(30, 50), (3, 5)].into_iter().enumerate() {
                let network = Mlp::uniform(&[20, d1, d2, d1, 10], &activation, Bias::With);
                let mut found = 0;
                for run in 0..13 {
                    let seed = Seed::new(run).index(index as u64);
                    let mut reference = network.initialise(Initialisation::GlorotUniform, seed);
                    for layer in 0..4 {
                        // Biases start at zero; a constant that the signs leave behind has to meet general ones.
                        let mut stream = seed.child("bias").index(layer as u64).stream();
                        reference.bias_mut(layer).mapv_inplace(|_| uniform(&mut stream) - 0.5);
                    }
                    let (other, orders) = planted(&reference, seed.child("planted"));
                    let result = align(&reference, &other, &AlignmentParameters::default()).unwrap();
                    let size = reference.theta().dot(&reference.theta()).sqrt();
                    assert!(result.distance <= 1e-13 * size, "{activation:?} {d1}-{d2}: {}", result.distance);
                    // The order found undoes the planted one.
                    let undone = (0..3)
                        .all(|layer| result.orders[layer].iter().enumerate().all(|(k, &j)| orders[layer][j] == k));
                    let x = Array2::from_shape_fn((5, 20), |(i, j)| ((i * 7 + j) as f64).sin());
                    let a = other.network().predict(other.theta(), x.view()).unwrap();
                    let b = result.aligned.network().predict(result.aligned.theta(), x.view()).unwrap();
                    let error = (&a - &b).iter().fold(0.0_f64, |worst, e| worst.max(e.abs()));
                    assert!(error <= 1e-12 * a.iter().fold(1.0_f64, |worst, e| worst.max(e.abs())), "{error}");
                    found += usize::from(undone);
                }
                assert_eq!(found, 13, "{activation:?} {d1}-{d2}");
            }
        }
    }

    #[test]
    fn a_noisy_relabelling_is_found_too() {
        let network = Mlp::uniform(&[20, 30, 50, 10], &Activation::Softplus, Bias::With);
        let reference = network.initialise(Initialisation::GlorotUniform, Seed::new(5));
        let (other, orders) = planted(&reference, Seed::new(6));
        let noisy = crate::expansion::perturb(&other, 0.02, Seed::new(7)).unwrap();
        let result = align(&reference, &noisy, &AlignmentParameters::default()).unwrap();
        for (found, planted) in result.orders.iter().zip(&orders) {
            assert!(found.iter().enumerate().all(|(k, &j)| planted[j] == k));
        }
        assert!(result.distance < 0.1 * result.distance_before);
    }

    #[test]
    fn networks_of_another_shape_are_refused() {
        let make = |width| {
            Mlp::two_layer(2, width, 1, Activation::Tanh, Bias::With)
                .initialise(Initialisation::default(), Seed::new(0))
        };
        let error = align(&make(3), &make(4), &AlignmentParameters::default()).unwrap_err();
        assert!(error.to_string().contains("[2, 4, 1]"), "{error}");
    }
}
