//! A hidden layer as a list of neurons, and the symmetry of each.
//!
//! A neuron of a hidden layer is its *incoming vector* (a row of the weights before it, followed by its bias where the
//! layer has biases), its *outgoing vector* (a column of the weights after it) and its activation. Everything about
//! permutation symmetry is a statement about this list: [`neurons`] takes it out of a network, [`with_neurons`] puts a
//! list of any length back. Hidden layers are counted from 0.

use ndarray::Array1;
use neuropil_core::statistics::largest;
use serde::{Deserialize, Serialize};

use crate::activation::SignSymmetry;
use crate::{Activation, Error, Mlp, Parameters, Result};

/// One neuron of a hidden layer.
#[derive(Debug, Clone, PartialEq)]
pub struct Neuron {
    /// Weights from the layer before, followed by the bias where the layer has biases.
    pub incoming: Array1<f64>,
    /// Weights to the neurons of the next layer.
    pub outgoing: Array1<f64>,
    /// The activation.
    pub activation: Activation,
}

/// The neurons of a hidden layer.
///
/// # Errors
/// If there is no such layer.
pub fn neurons(parameters: &Parameters, layer: usize) -> Result<Vec<Neuron>> {
    check_layer(parameters.network(), layer)?;
    let activations = &parameters.network().activations[layer];
    let neuron = |i| Neuron {
        incoming: parameters.incoming(layer, i),
        outgoing: parameters.outgoing(layer, i),
        activation: activations.of(i).clone(),
    };
    Ok((0..parameters.network().widths[layer + 1]).map(neuron).collect())
}

/// The same network with another list of neurons, of any length, in a hidden layer.
///
/// # Errors
/// If there is no such layer, the list is empty, or the vectors of a neuron do not fit the layers beside it.
pub fn with_neurons(parameters: &Parameters, layer: usize, neurons: &[Neuron]) -> Result<Parameters> {
    let old = parameters.network();
    check_layer(old, layer)?;
    let (inputs, outputs) = (old.widths[layer], old.widths[layer + 2]);
    neuropil_core::check::at_least(&format!("the width of hidden layer {layer}"), neurons.len(), 1)?;
    for (index, neuron) in neurons.iter().enumerate() {
        check_length(&format!("incoming vector of neuron {index}"), neuron.incoming.len(), old.fan_in(layer))?;
        check_length(&format!("outgoing vector of neuron {index}"), neuron.outgoing.len(), outputs)?;
    }
    let mut network = old.clone();
    network.widths[layer + 1] = neurons.len();
    let first = &neurons[0].activation;
    network.activations[layer] = if neurons.iter().all(|neuron| neuron.activation == *first) {
        first.clone().into()
    } else {
        neurons.iter().map(|neuron| neuron.activation.clone()).collect::<Vec<_>>().into()
    };
    let mut theta: Vec<f64> = Vec::with_capacity(network.n_parameters());
    for l in 0..old.n_layers() {
        if l == layer {
            theta.extend(neurons.iter().flat_map(|neuron| neuron.incoming.iter().take(inputs)));
        } else if l == layer + 1 {
            theta.extend((0..outputs).flat_map(|output| neurons.iter().map(move |neuron| neuron.outgoing[output])));
        } else {
            theta.extend(parameters.weights(l).iter());
        }
        if l == layer {
            theta.extend(neurons.iter().flat_map(|neuron| neuron.incoming.iter().skip(inputs)));
        } else {
            theta.extend(parameters.bias(l).iter());
        }
    }
    network.parameters(theta.into())
}

/// The incoming vector that copies which are equal only up to training error can share with the least change of the
/// function: the mean weighted by their shares `a_i . a / |a|^2` of the summed outgoing vector `a`.
///
/// With one output the sum of `a_i (w_i - mean)` is zero, so the function changes in second order of the distances. The
/// first copy's vector would change it in first order, which after training towards a quartic minimum is far above the
/// loss. Exact copies keep every bit; where the outgoing vectors nearly cancel the mean is no mean, and the first copy's
/// vector is returned.
pub(crate) fn shared_incoming<'a>(copies: impl IntoIterator<Item = &'a Neuron> + Clone) -> Array1<f64> {
    /// Shares beyond this would move the vector farther than the copies are apart.
    const LARGEST_SHARE: f64 = 1e3;
    let mut members = copies.clone().into_iter();
    let Some(first) = members.next() else { return Array1::zeros(0) };
    let sum = members.fold(first.outgoing.clone(), |sum, neuron| sum + &neuron.outgoing);
    let norm = sum.dot(&sum);
    let mut shared = first.incoming.clone();
    for neuron in copies {
        let share = neuron.outgoing.dot(&sum) / norm;
        if !(share.abs() <= LARGEST_SHARE) {
            return first.incoming.clone();
        }
        shared.scaled_add(share, &(&neuron.incoming - &first.incoming));
    }
    shared
}

/// Adds `change` to the bias of the layer after a hidden layer; `None` if that layer has none.
pub(crate) fn shift_next_bias(parameters: &Parameters, layer: usize, change: &Array1<f64>) -> Option<Parameters> {
    if !parameters.network().has_bias(layer + 1) {
        return None;
    }
    let mut shifted = parameters.clone();
    shifted.bias_mut(layer + 1).scaled_add(1.0, change);
    Some(shifted)
}

/// Refuses a hidden layer that does not exist.
pub(crate) fn check_layer(network: &Mlp, layer: usize) -> Result<()> {
    let layers = network.n_hidden_layers();
    if layer < layers {
        return Ok(());
    }
    let allowed = match layers {
        0 => "left out: this network has no hidden layer".to_owned(),
        n => format!("below {n}, the number of hidden layers (the first is 0)"),
    };
    Err(Error::parameter("layer", layer, allowed))
}

/// Refuses a neuron that does not exist.
pub(crate) fn check_neuron(name: &str, index: usize, width: usize) -> Result<()> {
    if index < width {
        return Ok(());
    }
    Err(Error::parameter(name, index, format!("below {width}, the width of the layer (the first neuron is 0)")))
}

pub(crate) fn check_length(what: &str, got: usize, expected: usize) -> Result<()> {
    if got == expected {
        return Ok(());
    }
    Err(Error::Shape { what: what.into(), expected: format!("{expected} values"), got: format!("{got} values") })
}

/// How the output of one neuron follows from that of another: `f_b = factor * f_a + constant`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Relation {
    /// Factor of the output.
    pub factor: f64,
    /// What is added to it; only the next layer's bias can take it up.
    pub constant: f64,
}

impl Relation {
    /// Equal outputs.
    pub const SAME: Self = Self { factor: 1.0, constant: 0.0 };

    /// This relation to a neuron whose own output follows from a third one's by `other`.
    #[must_use]
    pub fn after(self, other: Self) -> Self {
        Self { factor: self.factor * other.factor, constant: self.factor * other.constant + self.constant }
    }
}

/// Which relations between neurons count.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Equality {
    /// Equal incoming vectors only.
    #[default]
    Copies,
    /// Also what the activation's own symmetry makes equal.
    UpToSymmetry,
}

impl Neuron {
    /// How the output of `other` follows from that of this neuron, if their incoming vectors agree to a relative
    /// distance of `tolerance` (also after what `equality` allows). The activations have to be the same.
    #[must_use]
    pub fn relation(&self, other: &Self, equality: Equality, tolerance: f64) -> Option<Relation> {
        if self.activation != other.activation {
            return None;
        }
        let (a, b) = (norm(&self.incoming), norm(&other.incoming));
        let close = |factor: f64| {
            let distance = norm(&(&other.incoming - &(&self.incoming * factor)));
            distance <= tolerance * b.max(a * factor.abs())
        };
        if close(1.0) {
            return Some(Relation::SAME);
        }
        if equality == Equality::Copies {
            return None;
        }
        if let Some(degree) = degree(&self.activation).filter(|_| a > 0.0) {
            let scale = (b / a).powi(degree);
            if close(b / a) {
                return Some(Relation { factor: scale, constant: 0.0 });
            }
            // Relu is homogeneous for positive factors only.
            if self.activation != Activation::Relu && close(-b / a) {
                let sign = if degree % 2 == 0 { 1.0 } else { -1.0 };
                return Some(Relation { factor: sign * scale, constant: 0.0 });
            }
        }
        if !close(-1.0) {
            return None;
        }
        match self.activation.sign_symmetry() {
            SignSymmetry::Odd => Some(Relation { factor: -1.0, constant: 0.0 }),
            SignSymmetry::Even => Some(Relation { factor: 1.0, constant: 0.0 }),
            SignSymmetry::OddAroundHalf => Some(Relation { factor: -1.0, constant: 1.0 }),
            // The linear remainder is no function of the layer after it.
            SignSymmetry::EvenUpToLinear | SignSymmetry::None => None,
        }
    }

    /// Largest difference between the incoming weights of `other` and this neuron's, after what `equality` allows.
    pub(crate) fn distance(&self, other: &Self, equality: Equality) -> f64 {
        // Which change of the incoming vector gave the relation: none, a sign, a scale, or both.
        let length = norm(&other.incoming) / norm(&self.incoming).max(f64::MIN_POSITIVE);
        let scales = [1.0, -1.0, length, -length];
        let away = |scale: f64| largest(self.incoming.iter().zip(&other.incoming).map(|(a, b)| (b - scale * a).abs()));
        let allowed = if equality == Equality::Copies { &scales[..1] } else { &scales[..] };
        allowed.iter().copied().map(away).fold(f64::INFINITY, f64::min)
    }

    /// Whether the neuron has no outgoing weight larger than `tolerance`.
    #[must_use]
    pub fn is_silent(&self, tolerance: f64) -> bool {
        self.outgoing.iter().all(|weight| weight.abs() <= tolerance)
    }

    /// Angle between the incoming vectors of two neurons, in degrees from 0 to 180; 90 where one of them is zero.
    #[must_use]
    pub fn angle_to(&self, incoming: &Array1<f64>) -> f64 {
        angle(&self.incoming, incoming)
    }
}

/// The degree of a homogeneous activation, `f(s x) = s^k f(x)` for positive `s`.
pub(crate) fn degree(activation: &Activation) -> Option<i32> {
    match activation {
        Activation::Relu | Activation::Identity => Some(1),
        Activation::Square => Some(2),
        Activation::Cube => Some(3),
        Activation::Polynomial(coefficients) => {
            let mut terms = coefficients.iter().enumerate().filter(|(_, value)| **value != 0.0);
            match (terms.next(), terms.next()) {
                (Some((degree, _)), None) if degree > 0 => i32::try_from(degree).ok(),
                _ => None,
            }
        }
        _ => None,
    }
}

/// Euclidean length.
pub(crate) fn norm(vector: &Array1<f64>) -> f64 {
    vector.dot(vector).sqrt()
}

/// Angle between two vectors in degrees; 90 where one of them is zero.
#[must_use]
pub fn angle(a: &Array1<f64>, b: &Array1<f64>) -> f64 {
    let scale = norm(a) * norm(b);
    if !(scale > 0.0) {
        return 90.0;
    }
    // The sine keeps its precision where the cosine is close to one.
    let cosine = a.dot(b) / scale;
    let sine = norm(&(a / norm(a) - &(b * (cosine / norm(b)))));
    sine.atan2(cosine).to_degrees()
}
