//! Multi-layer perceptrons: shape, activations, and the one order of their parameters.
//!
//! `z_l = W_l h_(l-1) + b_l`, `h_l = f_l(z_l)` for the hidden layers, and a linear output `z_L`. Layers are counted from
//! zero in code: `weights(0)` is `W_1`. The parameter vector is `W_1` row by row, `b_1` if the layer has a bias, `W_2`,
//! `b_2`, ... A *neuron* of a hidden layer is the pair of its incoming weights (a row of `W_l`, with its bias) and its
//! outgoing weights (a column of `W_(l+1)`).

use std::ops::Range;

use ndarray::{Array1, Array2, ArrayView1, ArrayView2, ArrayViewMut1, ArrayViewMut2, s};
use neuropil_core::random::{Seed, uniform};
use serde::{Deserialize, Serialize};

use crate::activation::Activation;
use crate::error::{Error, Result};

/// Whether the neurons of a layer have a bias.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Bias {
    /// One bias for each neuron.
    #[default]
    With,
    /// None.
    Without,
}

/// The activations of one hidden layer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum LayerActivation {
    /// One for all neurons.
    Same(Activation),
    /// One for each neuron.
    PerNeuron(Vec<Activation>),
}

impl LayerActivation {
    /// The activation of a neuron.
    #[must_use]
    pub fn of(&self, neuron: usize) -> &Activation {
        match self {
            Self::Same(activation) => activation,
            Self::PerNeuron(list) => &list[neuron],
        }
    }

    /// Runs of neighbouring neurons with the same activation.
    #[must_use]
    pub fn groups(&self, width: usize) -> Vec<(Activation, Range<usize>)> {
        match self {
            Self::Same(activation) => vec![(activation.clone(), 0..width)],
            Self::PerNeuron(list) => {
                let mut groups: Vec<(Activation, Range<usize>)> = Vec::new();
                for (i, activation) in list.iter().enumerate() {
                    match groups.last_mut() {
                        Some((last, range)) if last == activation => range.end = i + 1,
                        _ => groups.push((activation.clone(), i..i + 1)),
                    }
                }
                groups
            }
        }
    }
}

impl From<Activation> for LayerActivation {
    fn from(activation: Activation) -> Self {
        Self::Same(activation)
    }
}

impl From<Vec<Activation>> for LayerActivation {
    fn from(list: Vec<Activation>) -> Self {
        Self::PerNeuron(list)
    }
}

/// How to draw initial parameters. Biases start at zero.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Initialisation {
    /// Uniform in `+-sqrt(6 / (fan_in + fan_out))` (Glorot and Bengio 2010), biases not counted.
    #[default]
    GlorotUniform,
    /// Normal with variance `2 / (fan_in + fan_out)`.
    GlorotNormal,
    /// Normal with this standard deviation.
    Normal(f64),
    /// Uniform between minus and plus this bound.
    Uniform(f64),
}

/// A multi-layer perceptron.
///
/// ```
/// use neuropil_landscape::{Activation, Bias, Mlp};
///
/// let network = Mlp::two_layer(2, 5, 1, Activation::G, Bias::Without);
/// assert_eq!(network.n_parameters(), 15);
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Mlp {
    /// Number of inputs, of neurons in each hidden layer, and of outputs: `n_0, ..., n_L`.
    pub widths: Vec<usize>,
    /// For each of the `L` weight layers, whether it has a bias.
    pub biases: Vec<Bias>,
    /// For each of the `L - 1` hidden layers, its activation.
    pub activations: Vec<LayerActivation>,
}

/// Weights and bias of one layer, borrowed from a parameter vector.
#[derive(Debug, Clone, Copy)]
pub struct LayerView<'a> {
    /// `W_l`, outgoing x incoming.
    pub weights: ArrayView2<'a, f64>,
    /// `b_l`, if the layer has one.
    pub bias: Option<ArrayView1<'a, f64>>,
}

impl Mlp {
    /// A network from its widths (inputs, hidden layers, outputs), the activations of its hidden layers, and the biases
    /// of its weight layers.
    ///
    /// # Errors
    /// As [`validate`](Self::validate).
    pub fn new(widths: Vec<usize>, activations: Vec<LayerActivation>, biases: Vec<Bias>) -> Result<Self> {
        let network = Self { widths, biases, activations };
        network.validate()?;
        Ok(network)
    }

    /// One hidden layer of `n_hidden` neurons; both layers with or without bias.
    #[must_use]
    pub fn two_layer(n_inputs: usize, n_hidden: usize, n_outputs: usize, activation: Activation, bias: Bias) -> Self {
        Self {
            widths: vec![n_inputs, n_hidden, n_outputs],
            biases: vec![bias; 2],
            activations: vec![activation.into()],
        }
    }

    /// Any number of hidden layers with the same activation; all layers with or without bias.
    #[must_use]
    pub fn uniform(widths: &[usize], activation: &Activation, bias: Bias) -> Self {
        let n_layers = widths.len().saturating_sub(1);
        Self {
            widths: widths.to_vec(),
            biases: vec![bias; n_layers],
            activations: vec![activation.clone().into(); n_layers.saturating_sub(1)],
        }
    }

    /// Refuses empty layers and lists of the wrong length.
    ///
    /// # Errors
    /// [`Error::Parameter`] or [`Error::Shape`].
    pub fn validate(&self) -> Result<()> {
        if self.widths.len() < 2 {
            let got = format!("{} widths", self.widths.len());
            return Err(Error::shape("widths", "inputs, hidden layers and outputs: at least 2 widths", got));
        }
        for (layer, &width) in self.widths.iter().enumerate() {
            neuropil_core::check::at_least("widths", width, 1).map_err(|error| error.at(layer))?;
        }
        let n_layers = self.widths.len() - 1;
        let count = |what: &str, expected: usize, got: usize| {
            let expected = format!("{expected} for a network of {n_layers} weight layers");
            Err(Error::shape(what, expected, got.to_string()))
        };
        if self.biases.len() != n_layers {
            return count("biases", n_layers, self.biases.len());
        }
        if self.activations.len() != n_layers - 1 {
            return count("activations of hidden layers", n_layers - 1, self.activations.len());
        }
        for (layer, activation) in self.activations.iter().enumerate() {
            let width = self.widths[layer + 1];
            match activation {
                LayerActivation::Same(activation) => activation.validate()?,
                LayerActivation::PerNeuron(list) => {
                    if list.len() != width {
                        let expected = format!("{width}, one for each neuron");
                        let what = format!("activations of hidden layer {layer}");
                        return Err(Error::shape(what, expected, list.len().to_string()));
                    }
                    list.iter().try_for_each(Activation::validate)?;
                }
            }
        }
        Ok(())
    }

    /// Number of weight layers, `L`: one more than there are hidden layers.
    #[must_use]
    pub fn n_layers(&self) -> usize {
        self.widths.len() - 1
    }

    /// Number of hidden layers.
    #[must_use]
    pub fn n_hidden_layers(&self) -> usize {
        self.widths.len() - 2
    }

    /// Number of inputs.
    #[must_use]
    pub fn n_inputs(&self) -> usize {
        self.widths[0]
    }

    /// Number of outputs.
    #[must_use]
    pub fn n_outputs(&self) -> usize {
        self.widths[self.widths.len() - 1]
    }

    /// Number of parameters.
    #[must_use]
    pub fn n_parameters(&self) -> usize {
        (0..self.n_layers()).map(|layer| self.layer_size(layer)).sum()
    }

    /// Whether a weight layer has a bias.
    #[must_use]
    pub fn has_bias(&self, layer: usize) -> bool {
        self.biases[layer] == Bias::With
    }

    /// Number of incoming weights of a neuron of a weight layer, its bias included: `d_in`.
    #[must_use]
    pub fn fan_in(&self, layer: usize) -> usize {
        self.widths[layer] + usize::from(self.has_bias(layer))
    }

    /// Where the weights of a layer lie in the parameter vector.
    #[must_use]
    pub fn weight_range(&self, layer: usize) -> Range<usize> {
        let start: usize = (0..layer).map(|layer| self.layer_size(layer)).sum();
        start..start + self.widths[layer] * self.widths[layer + 1]
    }

    /// Where the bias of a layer lies in the parameter vector; empty if it has none.
    #[must_use]
    pub fn bias_range(&self, layer: usize) -> Range<usize> {
        let start = self.weight_range(layer).end;
        start..start + if self.has_bias(layer) { self.widths[layer + 1] } else { 0 }
    }

    fn layer_size(&self, layer: usize) -> usize {
        self.widths[layer + 1] * self.fan_in(layer)
    }

    /// What each parameter is, in the order of the vector: `"W1[0,1]"`, `"b1[0]"`, ...
    #[must_use]
    pub fn parameter_names(&self) -> Vec<String> {
        let mut names = Vec::with_capacity(self.n_parameters());
        for layer in 0..self.n_layers() {
            for i in 0..self.widths[layer + 1] {
                names.extend((0..self.widths[layer]).map(|j| format!("W{}[{i},{j}]", layer + 1)));
            }
            names.extend((0..self.bias_range(layer).len()).map(|i| format!("b{}[{i}]", layer + 1)));
        }
        names
    }

    /// Weights and biases of all layers as views into a parameter vector.
    ///
    /// # Errors
    /// [`Error::Shape`] for a vector of another length, [`Error::NotFinite`] for NaN or infinities in it.
    pub fn layers<'a>(&self, theta: ArrayView1<'a, f64>) -> Result<Vec<LayerView<'a>>> {
        self.check_parameters(theta)?;
        let mut layers = Vec::with_capacity(self.n_layers());
        let mut rest = theta;
        for layer in 0..self.n_layers() {
            let (n_out, n_in) = (self.widths[layer + 1], self.widths[layer]);
            let (weights, after) = rest.split_at(ndarray::Axis(0), n_out * n_in);
            let (bias, after) = after.split_at(ndarray::Axis(0), self.bias_range(layer).len());
            let shape_error = |_| Error::shape("theta", "a vector with elements in order", "another layout");
            let weights = weights.into_shape_with_order((n_out, n_in)).map_err(shape_error)?;
            layers.push(LayerView { weights, bias: self.has_bias(layer).then_some(bias) });
            rest = after;
        }
        Ok(layers)
    }

    /// Refuses a parameter vector of the wrong length or with NaN or infinities.
    ///
    /// # Errors
    /// [`Error::Shape`], [`Error::NotFinite`].
    pub fn check_parameters(&self, theta: ArrayView1<f64>) -> Result<()> {
        if theta.len() != self.n_parameters() {
            let expected = format!("{} parameters for the network {:?}", self.n_parameters(), self.widths);
            return Err(Error::shape("theta", expected, theta.len().to_string()));
        }
        Error::first_not_finite("theta", theta.iter().enumerate().map(|(i, &value)| (vec![i], value)))
    }

    /// Owned parameters from a vector.
    ///
    /// # Errors
    /// As [`check_parameters`](Self::check_parameters).
    pub fn parameters(&self, theta: Array1<f64>) -> Result<Parameters> {
        self.check_parameters(theta.view())?;
        // Views of weights need the elements in order, which a reversed or strided owned array lacks.
        let theta = if theta.is_standard_layout() { theta } else { theta.iter().copied().collect() };
        Ok(Parameters { network: self.clone(), theta })
    }

    /// Parameters from the weights and biases of every layer.
    ///
    /// # Errors
    /// [`Error::Shape`] where an array does not fit, [`Error::NotFinite`].
    pub fn parameters_from_layers(&self, layers: &[(Array2<f64>, Option<Array1<f64>>)]) -> Result<Parameters> {
        if layers.len() != self.n_layers() {
            return Err(Error::shape("layers", self.n_layers().to_string(), layers.len().to_string()));
        }
        let mut theta = Vec::with_capacity(self.n_parameters());
        for (layer, (weights, bias)) in layers.iter().enumerate() {
            let expected = (self.widths[layer + 1], self.widths[layer]);
            if weights.dim() != expected {
                let what = format!("weights of layer {layer}");
                return Err(Error::shape(what, format!("{expected:?}"), format!("{:?}", weights.dim())));
            }
            let n_bias = bias.as_ref().map_or(0, Array1::len);
            if n_bias != self.bias_range(layer).len() {
                let what = format!("bias of layer {layer}");
                return Err(Error::shape(what, self.bias_range(layer).len().to_string(), n_bias.to_string()));
            }
            theta.extend(weights.iter());
            theta.extend(bias.iter().flatten());
        }
        self.parameters(theta.into())
    }

    /// All parameters zero.
    #[must_use]
    pub fn zeros(&self) -> Parameters {
        Parameters { network: self.clone(), theta: Array1::zeros(self.n_parameters()) }
    }

    /// Random parameters: the same for a seed on every machine.
    #[must_use]
    pub fn initialise(&self, how: Initialisation, seed: Seed) -> Parameters {
        let mut parameters = self.zeros();
        for layer in 0..self.n_layers() {
            let mut stream = seed.child("layer").index(layer as u64).stream();
            let fans = (self.widths[layer] + self.widths[layer + 1]) as f64;
            let mut normal = {
                let mut stream = stream.clone();
                move || {
                    // Box-Muller; 1 - u is never zero.
                    let radius = (-2.0 * (1.0 - uniform(&mut stream)).ln()).sqrt();
                    radius * (std::f64::consts::TAU * uniform(&mut stream)).cos()
                }
            };
            for weight in &mut parameters.weights_mut(layer) {
                *weight = match how {
                    Initialisation::GlorotUniform => (6.0 / fans).sqrt() * (2.0 * uniform(&mut stream) - 1.0),
                    Initialisation::GlorotNormal => (2.0 / fans).sqrt() * normal(),
                    Initialisation::Normal(sd) => sd * normal(),
                    Initialisation::Uniform(bound) => bound * (2.0 * uniform(&mut stream) - 1.0),
                };
            }
        }
        parameters
    }

    /// Outputs of the network, samples x outputs.
    ///
    /// # Errors
    /// [`Error::Shape`], [`Error::NotFinite`].
    pub fn predict(&self, theta: ArrayView1<f64>, inputs: ArrayView2<f64>) -> Result<Array2<f64>> {
        let mut layers = self.forward(theta, inputs)?;
        Ok(layers.pop().unwrap_or_default())
    }

    /// Activities of every hidden layer and the outputs, each samples x neurons.
    ///
    /// # Errors
    /// [`Error::Shape`], [`Error::NotFinite`].
    pub fn forward(&self, theta: ArrayView1<f64>, inputs: ArrayView2<f64>) -> Result<Vec<Array2<f64>>> {
        self.validate()?;
        if inputs.ncols() != self.n_inputs() {
            let expected = format!("{} columns, one for each input of the network", self.n_inputs());
            return Err(Error::shape("inputs", expected, inputs.ncols().to_string()));
        }
        let layers = self.layers(theta)?;
        let mut activities: Vec<Array2<f64>> = Vec::with_capacity(layers.len());
        for (l, layer) in layers.iter().enumerate() {
            let below = activities.last().map_or(inputs, |a| a.view());
            // Neurons x samples, so that activations run along memory.
            let mut z = crate::product::rows_times_columns(layer.weights, below);
            if let Some(bias) = layer.bias {
                z += &bias.insert_axis(ndarray::Axis(1));
            }
            if let Some(activation) = self.activations.get(l) {
                for (activation, rows) in activation.groups(z.nrows()) {
                    let mut rows = z.slice_mut(s![rows, ..]);
                    let argument = rows.to_owned();
                    if let (Some(argument), Some(out)) = (argument.as_slice(), rows.as_slice_mut()) {
                        crate::activation::values(&activation, argument, out);
                    }
                }
            }
            activities.push(z.t().as_standard_layout().into_owned());
        }
        Ok(activities)
    }
}

/// A parameter vector that knows its network.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Parameters {
    network: Mlp,
    theta: Array1<f64>,
}

impl Parameters {
    /// The network they belong to.
    #[must_use]
    pub fn network(&self) -> &Mlp {
        &self.network
    }

    /// The flat vector.
    #[must_use]
    pub fn theta(&self) -> ArrayView1<'_, f64> {
        self.theta.view()
    }

    /// The flat vector, to be changed in place.
    pub fn theta_mut(&mut self) -> ArrayViewMut1<'_, f64> {
        self.theta.view_mut()
    }

    /// The flat vector alone.
    #[must_use]
    pub fn into_theta(self) -> Array1<f64> {
        self.theta
    }

    /// `W_l`, outgoing x incoming; layers counted from zero.
    #[must_use]
    pub fn weights(&self, layer: usize) -> ArrayView2<'_, f64> {
        let shape = (self.network.widths[layer + 1], self.network.widths[layer]);
        let range = self.network.weight_range(layer);
        self.theta.slice(s![range]).into_shape_with_order(shape).expect("the vector has the length of the network")
    }

    /// `W_l`, to be changed in place.
    pub fn weights_mut(&mut self, layer: usize) -> ArrayViewMut2<'_, f64> {
        let shape = (self.network.widths[layer + 1], self.network.widths[layer]);
        let range = self.network.weight_range(layer);
        self.theta.slice_mut(s![range]).into_shape_with_order(shape).expect("the vector has the length of the network")
    }

    /// `b_l`; empty if the layer has none.
    #[must_use]
    pub fn bias(&self, layer: usize) -> ArrayView1<'_, f64> {
        self.theta.slice(s![self.network.bias_range(layer)])
    }

    /// `b_l`, to be changed in place.
    pub fn bias_mut(&mut self, layer: usize) -> ArrayViewMut1<'_, f64> {
        let range = self.network.bias_range(layer);
        self.theta.slice_mut(s![range])
    }

    /// Incoming weights of a neuron of a hidden layer (counted from zero), followed by its bias if it has one.
    #[must_use]
    pub fn incoming(&self, hidden_layer: usize, neuron: usize) -> Array1<f64> {
        let weights = self.weights(hidden_layer);
        weights.row(neuron).iter().chain(self.bias(hidden_layer).get(neuron)).copied().collect()
    }

    /// Outgoing weights of a neuron of a hidden layer.
    #[must_use]
    pub fn outgoing(&self, hidden_layer: usize, neuron: usize) -> Array1<f64> {
        self.weights(hidden_layer + 1).column(neuron).to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn the_vector_is_ordered_layer_by_layer_row_by_row() {
        let network = Mlp::new(vec![2, 3, 1], vec![Activation::Tanh.into()], vec![Bias::With, Bias::Without]).unwrap();
        let parameters = network.parameters((0..12).map(f64::from).collect()).unwrap();
        assert_eq!(parameters.weights(0), array![[0.0, 1.0], [2.0, 3.0], [4.0, 5.0]]);
        assert_eq!(parameters.bias(0), array![6.0, 7.0, 8.0]);
        assert_eq!(parameters.weights(1), array![[9.0, 10.0, 11.0]]);
        assert!(parameters.bias(1).is_empty());
        assert_eq!(parameters.incoming(0, 1), array![2.0, 3.0, 7.0]);
        assert_eq!(network.parameter_names()[7], "b1[1]");
        let layers = network.layers(parameters.theta()).unwrap();
        assert_eq!(layers[0].bias.unwrap(), parameters.bias(0));
        let again: Vec<_> = layers.iter().map(|l| (l.weights.to_owned(), l.bias.map(|b| b.to_owned()))).collect();
        assert_eq!(network.parameters_from_layers(&again).unwrap(), parameters);
    }

    #[test]
    fn outputs_are_those_of_the_formula() {
        let network = Mlp::uniform(&[2, 3, 2, 1], &Activation::Tanh, Bias::With);
        let parameters = network.initialise(Initialisation::Normal(0.7), Seed::new(3));
        let x = array![[0.3, -0.2], [1.5, 0.7]];
        let outputs = network.predict(parameters.theta(), x.view()).unwrap();
        for (x, y) in x.rows().into_iter().zip(outputs.rows()) {
            let h1 = (parameters.weights(0).dot(&x) + parameters.bias(0)).mapv(f64::tanh);
            let h2 = (parameters.weights(1).dot(&h1) + parameters.bias(1)).mapv(f64::tanh);
            let expected = parameters.weights(2).dot(&h2) + parameters.bias(2);
            assert!((y[0] - expected[0]).abs() < 1e-15);
        }
    }

    #[test]
    fn neighbouring_neurons_with_one_activation_form_a_group() {
        use Activation::{G, Relu};
        let layer = LayerActivation::PerNeuron(vec![G, G, Relu, G]);
        assert_eq!(layer.groups(4), vec![(G, 0..2), (Relu, 2..3), (G, 3..4)]);
        let text = serde_json::to_string(&layer).unwrap();
        assert_eq!(text, r#"["g","g","relu","g"]"#);
        assert_eq!(serde_json::from_str::<LayerActivation>(&text).unwrap(), layer);
        assert_eq!(serde_json::from_str::<LayerActivation>(r#""sigmoid2""#).unwrap(), Activation::Erf.into());
    }

    #[test]
    fn networks_and_vectors_that_do_not_fit_are_refused() {
        let message = |network: Mlp| network.validate().unwrap_err().to_string();
        let network = Mlp::two_layer(2, 3, 1, Activation::G, Bias::Without);
        assert!(message(Mlp { widths: vec![2, 0, 1], ..network.clone() }).contains("widths[1] is 0"));
        assert!(message(Mlp { biases: vec![], ..network.clone() }).contains("expected 2"));
        let two = LayerActivation::PerNeuron(vec![Activation::G; 2]);
        let error = message(Mlp { activations: vec![two], ..network.clone() });
        assert!(error.contains("expected 3, one for each neuron, got 2"), "{error}");
        let theta = Array1::from_elem(9, 1.0);
        assert!(network.parameters(theta.slice(s![..8]).to_owned()).is_err());
        let mut broken = theta;
        broken[4] = f64::NAN;
        let error = network.parameters(broken).unwrap_err().to_string();
        assert!(error.starts_with("theta[4] is NaN"), "{error}");
    }
}
