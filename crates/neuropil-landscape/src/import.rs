//! Parameters from other programs: arrays by name, as they stand in an npz file or a PyTorch `state_dict`.
//!
//! Names are read in two forms. `w1, b1, w2, b2, ...` (any case, also `W1`): the number is the layer, biases may be
//! missing. `PREFIX.weight, PREFIX.bias`: the layers of `torch.nn.Linear`, in the order in which they stand, or, if their
//! shapes do not follow each other in that order, sorted by the numbers in their names. In both forms a weight is an
//! array of outputs x inputs, as ours are. Activations are in neither file, so they are given.
//!
//! ```
//! use ndarray::{Array, ArrayD};
//! use neuropil_landscape::import::network_from_arrays;
//! use neuropil_landscape::Activation;
//!
//! let array = |shape: &[usize]| ArrayD::from_elem(shape, 0.5);
//! let arrays = [
//!     ("0.weight", array(&[3, 2])),
//!     ("0.bias", array(&[3])),
//!     ("2.weight", array(&[1, 3])),
//! ];
//! let parameters = network_from_arrays(&arrays, &[Activation::Tanh.into()])?;
//! assert_eq!(parameters.network().widths, [2, 3, 1]);
//! # Ok::<(), neuropil_landscape::Error>(())
//! ```

use std::cmp::Ordering;

use ndarray::{Array1, Array2, ArrayD, Ix1, Ix2};

use crate::{Bias, Error, LayerActivation, Mlp, Parameters, Result};

/// One layer as it stands in a file.
struct Layer<'a> {
    name: String,
    weights: Option<&'a ArrayD<f64>>,
    bias: Option<&'a ArrayD<f64>>,
}

/// A network with its parameters from named arrays.
///
/// `activations` holds one entry for each hidden layer, or one for all of them.
///
/// # Errors
/// If there are no weights, a name is of neither form, a bias has no weights, shapes do not follow each other, or a value
/// is not finite.
pub fn network_from_arrays<N: AsRef<str>>(
    arrays: &[(N, ArrayD<f64>)],
    activations: &[LayerActivation],
) -> Result<Parameters> {
    let mut layers: Vec<Layer> = Vec::new();
    for (name, array) in arrays {
        let name = name.as_ref();
        let (prefix, is_bias) = parse(name).ok_or_else(|| {
            let allowed = "of the form w1, b1, w2, ... or PREFIX.weight, PREFIX.bias; leave other arrays out";
            Error::parameter("the name of an array", format!("\"{name}\""), allowed)
        })?;
        let index = layers.iter().position(|layer| layer.name == prefix).unwrap_or_else(|| {
            layers.push(Layer { name: prefix.clone(), weights: None, bias: None });
            layers.len() - 1
        });
        let place = if is_bias { &mut layers[index].bias } else { &mut layers[index].weights };
        if place.replace(array).is_some() {
            return Err(Error::parameter("the name of an array", format!("\"{name}\" again"), "there only once"));
        }
    }
    if layers.is_empty() {
        return Err(Error::parameter("the arrays", "none", "the weights of at least one layer"));
    }
    let mut ordered = layers.iter().map(matrices).collect::<Result<Vec<_>>>()?;
    if !follow(&ordered) {
        ordered.sort_by(|a, b| natural_order(&a.0, &b.0));
    }
    for pair in ordered.windows(2) {
        let ((before, first, _), (after, second, _)) = (&pair[0], &pair[1]);
        if first.nrows() != second.ncols() {
            let expected = format!("{} inputs, one for each output of layer \"{before}\"", first.nrows());
            return Err(Error::shape(format!("weights of layer \"{after}\""), expected, second.ncols().to_string()));
        }
    }
    let mut widths = vec![ordered[0].1.ncols()];
    widths.extend(ordered.iter().map(|(_, weights, _)| weights.nrows()));
    let biases = ordered.iter().map(|(_, _, bias)| if bias.is_some() { Bias::With } else { Bias::Without }).collect();
    let hidden = ordered.len() - 1;
    let activations = match activations {
        [one] => vec![one.clone(); hidden],
        list if list.len() == hidden => list.to_vec(),
        list => {
            let expected = format!("{hidden}, one for each hidden layer, or 1 for all");
            return Err(Error::shape("activations", expected, list.len().to_string()));
        }
    };
    let network = Mlp::new(widths, activations, biases)?;
    let layers: Vec<_> = ordered.into_iter().map(|(_, weights, bias)| (weights, bias)).collect();
    network.parameters_from_layers(&layers)
}

/// The parameters as arrays by name, `w1, b1, w2, ...`, for an npz file.
#[must_use]
pub fn arrays_of(parameters: &Parameters) -> Vec<(String, ArrayD<f64>)> {
    let mut arrays = Vec::new();
    for layer in 0..parameters.network().n_layers() {
        arrays.push((format!("w{}", layer + 1), parameters.weights(layer).to_owned().into_dyn()));
        if parameters.network().has_bias(layer) {
            arrays.push((format!("b{}", layer + 1), parameters.bias(layer).to_owned().into_dyn()));
        }
    }
    arrays
}

/// The name of the layer, and whether the array is its bias.
fn parse(name: &str) -> Option<(String, bool)> {
    if let Some(prefix) = name.strip_suffix(".weight") {
        return Some((prefix.to_owned(), false));
    }
    if let Some(prefix) = name.strip_suffix(".bias") {
        return Some((prefix.to_owned(), true));
    }
    match name {
        "weight" => return Some((String::new(), false)),
        "bias" => return Some((String::new(), true)),
        _ => {}
    }
    let (kind, number) = name.split_at_checked(1)?;
    let is_bias = match kind {
        "w" | "W" => false,
        "b" | "B" => true,
        _ => return None,
    };
    let number: usize = number.trim_start_matches('_').parse().ok()?;
    Some((number.to_string(), is_bias))
}

fn matrices(layer: &Layer) -> Result<NamedLayer> {
    let name = &layer.name;
    let what = format!("weights of layer \"{name}\"");
    let weights = layer.weights.ok_or_else(|| Error::shape(&*what, "outputs x inputs", "a bias without weights"))?;
    let matrix = weights.view().into_dimensionality::<Ix2>().map_err(|_| {
        Error::shape(&*what, "a matrix of outputs x inputs (a fully connected layer)", format!("{:?}", weights.shape()))
    })?;
    let bias = match layer.bias {
        None => None,
        Some(bias) => {
            let fits = bias.view().into_dimensionality::<Ix1>().ok().filter(|bias| bias.len() == matrix.nrows());
            let fits = fits.ok_or_else(|| {
                let expected = format!("{} values, one for each output", matrix.nrows());
                Error::shape(format!("bias of layer \"{name}\""), expected, format!("{:?}", bias.shape()))
            })?;
            Some(fits.to_owned())
        }
    };
    Ok((name.clone(), matrix.to_owned(), bias))
}

/// Name, weights and bias of one layer.
type NamedLayer = (String, Array2<f64>, Option<Array1<f64>>);

/// Whether each layer has as many inputs as the one before has outputs, and numbered names are in order.
fn follow(layers: &[NamedLayer]) -> bool {
    layers.windows(2).all(|pair| {
        let numbered = pair[0].0.parse::<usize>().ok().zip(pair[1].0.parse::<usize>().ok());
        pair[0].1.nrows() == pair[1].1.ncols() && numbered.is_none_or(|(a, b)| a < b)
    })
}

/// Text piece by piece, runs of digits as numbers: `fc2` before `fc10`.
fn natural_order(a: &str, b: &str) -> Ordering {
    let pieces = |text: &str| {
        let mut pieces: Vec<(Option<u64>, String)> = Vec::new();
        for c in text.chars() {
            match (pieces.last_mut(), c.to_digit(10)) {
                (Some((Some(number), _)), Some(digit)) => {
                    *number = number.saturating_mul(10).saturating_add(u64::from(digit));
                }
                (_, Some(digit)) => pieces.push((Some(u64::from(digit)), String::new())),
                (Some((None, word)), None) => word.push(c),
                (_, None) => pieces.push((None, c.to_string())),
            }
        }
        pieces
    };
    pieces(a).cmp(&pieces(b))
}

#[cfg(test)]
mod tests {
    use neuropil_core::random::Seed;

    use super::*;
    use crate::{Activation, Initialisation};

    fn parameters() -> Parameters {
        Mlp::uniform(&[4, 3, 2, 1], &Activation::Tanh, Bias::With).initialise(Initialisation::Normal(1.0), Seed::new(1))
    }

    #[test]
    fn what_is_written_is_read_back_in_any_order() {
        let parameters = parameters();
        let mut arrays = arrays_of(&parameters);
        assert_eq!(network_from_arrays(&arrays, &[Activation::Tanh.into()]).unwrap(), parameters);
        arrays.reverse();
        assert_eq!(network_from_arrays(&arrays, &[Activation::Tanh.into()]).unwrap(), parameters);
    }

    #[test]
    fn the_names_of_a_state_dict_are_understood() {
        let parameters = parameters();
        for names in [["0", "2", "4"], ["layers.9", "layers.10", "layers.11"], ["fc1", "fc2", "out"]] {
            let mut arrays = Vec::new();
            for (layer, name) in names.iter().enumerate() {
                arrays.push((format!("{name}.weight"), parameters.weights(layer).to_owned().into_dyn()));
                arrays.push((format!("{name}.bias"), parameters.bias(layer).to_owned().into_dyn()));
            }
            assert_eq!(network_from_arrays(&arrays, &[Activation::Tanh.into()]).unwrap(), parameters);
            // An npz file in alphabetical order: the shapes say that this is not the order of the layers.
            arrays.sort_by(|a, b| a.0.cmp(&b.0));
            assert_eq!(network_from_arrays(&arrays, &[Activation::Tanh.into()]).unwrap(), parameters);
        }
    }

    #[test]
    fn arrays_that_are_no_network_are_refused_by_name() {
        let array = |shape: &[usize]| ArrayD::from_elem(shape, 1.0);
        let refuse = |arrays: &[(&str, ArrayD<f64>)]| {
            network_from_arrays(arrays, &[Activation::Tanh.into()]).unwrap_err().to_string()
        };
        assert!(refuse(&[]).contains("at least one layer"));
        assert!(refuse(&[("conv", array(&[2, 2]))]).contains("\"conv\""));
        assert!(refuse(&[("conv.weight", array(&[2, 2, 3, 3]))]).contains("fully connected"));
        assert!(refuse(&[("w1", array(&[3, 2])), ("w2", array(&[1, 4]))]).contains("3 inputs"));
        assert!(refuse(&[("b1", array(&[3]))]).contains("without weights"));
        assert!(refuse(&[("w1", array(&[3, 2])), ("b1", array(&[2]))]).contains("3 values"));
        let nan = ArrayD::from_elem(&[1, 1][..], f64::NAN);
        assert!(refuse(&[("w1", nan)]).contains("NaN"));
    }
}
