//! Copies, silent neurons and relabelling: the moves that permutation symmetry allows.
//!
//! | move | what it does | where the function is unchanged |
//! |---|---|---|
//! | [`split`], [`split_outgoing`] | copies a neuron, outgoing vectors add up to the original's | everywhere |
//! | [`add_silent`] | a neuron with any incoming and zero outgoing vector | everywhere |
//! | [`expand`] | all of these at once, along a labelling | everywhere |
//! | [`permute`] | relabels the neurons of a layer | everywhere |
//! | [`merge`] | one neuron for two | where their incoming vectors agree |
//!
//! That the *function* is unchanged does not make the wide network a critical point of the *loss*. Let `e` be the
//! residual. At a critical point with positive loss, copies whose outgoing vectors are parallel to the original's are
//! critical again; a silent neuron is not, because the derivative with respect to its outgoing weight,
//! `2 sum_n omega_n e_n f(w'.x_n)`, is in general not zero, nor are copies with outgoing vectors in other directions (which
//! exist with two outputs or more). Both become critical where the residual vanishes. [`expand_critical`] holds an
//! expansion against these conditions and refuses it where they fail.
//!
//! Source: Simsek et al., arXiv:2105.12221.

use ndarray::{Array1, ArrayView2};
use neuropil_core::random::{Seed, uniform};
use neuropil_core::statistics::largest;

use crate::enumeration::{Labelling, Slot};
use crate::neuron::{Neuron, check_layer, check_neuron, neurons, norm, with_neurons};
use crate::plateau::refuse_decay;
use crate::{Activation, Error, Objective, Parameters, Result};

/// A group of neurons without effect: one incoming vector, outgoing vectors that sum to zero.
#[derive(Debug, Clone, PartialEq)]
pub struct ZeroGroup {
    /// The incoming vector (with bias, where the layer has biases), free to choose.
    pub incoming: Array1<f64>,
    /// The outgoing vector of each member.
    pub outgoing: Vec<Array1<f64>>,
}

/// How a hidden layer of `r` neurons is written into one with more.
#[derive(Debug, Clone, PartialEq)]
pub struct Expansion {
    /// For each neuron, the outgoing vectors of its copies; they sum to the neuron's own.
    pub copies: Vec<Vec<Array1<f64>>>,
    /// Groups without effect.
    pub groups: Vec<ZeroGroup>,
    /// Which slot holds what; by default the copies of the first neuron, of the second, ..., then the groups.
    pub labelling: Option<Labelling>,
}

/// Copies a neuron `shares.len()` times; the copies get these shares of its outgoing vector. The first copy stays in
/// place, the others come last in the layer.
///
/// # Errors
/// If there is no such neuron, `shares` is empty or its sum differs from 1 by more than 1e-12.
pub fn split(parameters: &Parameters, layer: usize, neuron: usize, shares: &[f64]) -> Result<Parameters> {
    let list = neurons(parameters, layer)?;
    check_neuron("neuron", neuron, list.len())?;
    neuropil_core::check::non_empty("shares", shares)?;
    neuropil_core::check::each("shares", shares, neuropil_core::check::finite)?;
    let sum: f64 = shares.iter().sum();
    if (sum - 1.0).abs() > 1e-12 {
        return Err(Error::parameter("the sum of the shares", sum, "1, so that the function does not change"));
    }
    let outgoing: Vec<_> = shares.iter().map(|share| &list[neuron].outgoing * *share).collect();
    split_into(parameters, layer, list, neuron, outgoing)
}

/// Copies a neuron; the copies get these outgoing vectors, of any direction.
///
/// # Errors
/// If there is no such neuron, `outgoing` is empty, or does not sum to the neuron's own outgoing vector.
pub fn split_outgoing(
    parameters: &Parameters,
    layer: usize,
    neuron: usize,
    outgoing: &[Array1<f64>],
) -> Result<Parameters> {
    let list = neurons(parameters, layer)?;
    check_neuron("neuron", neuron, list.len())?;
    check_sum(&format!("outgoing vectors of the copies of neuron {neuron}"), outgoing, &list[neuron].outgoing)?;
    split_into(parameters, layer, list, neuron, outgoing.to_vec())
}

fn split_into(
    parameters: &Parameters,
    layer: usize,
    mut list: Vec<Neuron>,
    neuron: usize,
    outgoing: Vec<Array1<f64>>,
) -> Result<Parameters> {
    let original = list[neuron].clone();
    for (copy, outgoing) in outgoing.into_iter().enumerate() {
        if copy == 0 {
            list[neuron].outgoing = outgoing;
        } else {
            list.push(Neuron { outgoing, ..original.clone() });
        }
    }
    with_neurons(parameters, layer, &list)
}

/// Adds a neuron with zero outgoing vector at the end of a hidden layer.
///
/// # Errors
/// If there is no such layer or the incoming vector has the wrong length.
pub fn add_silent(parameters: &Parameters, layer: usize, incoming: Array1<f64>) -> Result<Parameters> {
    let mut list = neurons(parameters, layer)?;
    let (outgoing, activation) = (Array1::zeros(list[0].outgoing.len()), list[0].activation.clone());
    list.push(Neuron { incoming, outgoing, activation });
    with_neurons(parameters, layer, &list)
}

/// Writes a hidden layer into a wider one. New groups have the activation of the layer's first neuron.
///
/// # Errors
/// If outgoing vectors do not sum to what they must, a vector has the wrong length, or the labelling does not name each
/// copy and each member of a group once.
pub fn expand(parameters: &Parameters, layer: usize, expansion: &Expansion) -> Result<Parameters> {
    let list = neurons(parameters, layer)?;
    if expansion.copies.len() != list.len() {
        let expected = format!("one list of outgoing vectors for each of the {} neurons", list.len());
        return Err(Error::shape("copies", expected, format!("{} lists", expansion.copies.len())));
    }
    let mut labelled = Vec::new();
    for (index, (neuron, outgoing)) in list.iter().zip(&expansion.copies).enumerate() {
        check_sum(&format!("outgoing vectors of the copies of neuron {index}"), outgoing, &neuron.outgoing)?;
        let copies = outgoing.iter().map(|outgoing| Neuron { outgoing: outgoing.clone(), ..neuron.clone() });
        labelled.push((Slot::Copy(index), copies.collect::<Vec<_>>()));
    }
    let none = Array1::zeros(list[0].outgoing.len());
    for (index, group) in expansion.groups.iter().enumerate() {
        check_sum(&format!("outgoing vectors of silent group {index}"), &group.outgoing, &none)?;
        let members = group.outgoing.iter().map(|outgoing| Neuron {
            incoming: group.incoming.clone(),
            outgoing: outgoing.clone(),
            activation: list[0].activation.clone(),
        });
        labelled.push((Slot::Zero(index), members.collect()));
    }
    let wide: Vec<Neuron> = match &expansion.labelling {
        None => labelled.into_iter().flat_map(|(_, members)| members).collect(),
        Some(labelling) => {
            let total: usize = labelled.iter().map(|(_, members)| members.len()).sum();
            let mismatch = || {
                let expected = format!("{total} slots that name every copy and every member of a group once");
                Error::shape("labelling", expected, format!("\"{labelling}\""))
            };
            let mut left: Vec<_> = labelled.into_iter().map(|(what, members)| (what, members.into_iter())).collect();
            let mut wide = Vec::with_capacity(total);
            for slot in labelling.slots() {
                let (_, members) = left.iter_mut().find(|(what, _)| what == slot).ok_or_else(mismatch)?;
                wide.push(members.next().ok_or_else(mismatch)?);
            }
            if wide.len() != total {
                return Err(mismatch());
            }
            wide
        }
    };
    with_neurons(parameters, layer, &wide)
}

/// An expansion along a labelling with random outgoing vectors (uniform in +-`scale`, the last copy making up the sum)
/// and random incoming vectors of the groups: a generic point of the subspace.
///
/// # Errors
/// If the labelling copies more or fewer neurons than the layer has.
pub fn random_expansion(
    parameters: &Parameters,
    layer: usize,
    labelling: &Labelling,
    scale: f64,
    seed: Seed,
) -> Result<Expansion> {
    let list = neurons(parameters, layer)?;
    if labelling.copied() != list.len() {
        let expected = format!("copies of {} neurons", list.len());
        return Err(Error::shape("labelling", expected, format!("copies of {}", labelling.copied())));
    }
    let mut stream = seed.child("expansion").stream();
    let mut draw = |n: usize| Array1::from_shape_fn(n, |_| scale * (2.0 * uniform(&mut stream) - 1.0));
    let share = |total: &Array1<f64>, n: usize, draw: &mut dyn FnMut(usize) -> Array1<f64>| {
        let mut parts: Vec<Array1<f64>> = (1..n).map(|_| draw(total.len())).collect();
        let rest = parts.iter().fold(total.clone(), |rest, part| rest - part);
        parts.push(rest);
        parts
    };
    let copies = list
        .iter()
        .enumerate()
        .map(|(t, neuron)| share(&neuron.outgoing, labelling.slots_with(Slot::Copy(t)).count(), &mut draw))
        .collect();
    let none = Array1::zeros(list[0].outgoing.len());
    let groups = (0..labelling.groups())
        .map(|g| ZeroGroup {
            incoming: draw(list[0].incoming.len()),
            outgoing: share(&none, labelling.slots_with(Slot::Zero(g)).count(), &mut draw),
        })
        .collect();
    Ok(Expansion { copies, groups, labelling: Some(labelling.clone()) })
}

/// When a point counts as critical, and when as one of zero loss.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CriticalTolerance {
    /// Largest absolute gradient component of a critical point.
    pub gradient: f64,
    /// Largest loss of a zero-loss point.
    pub loss: f64,
}

impl Default for CriticalTolerance {
    fn default() -> Self {
        Self { gradient: 1e-8, loss: 1e-16 }
    }
}

/// [`expand`], refused where the result would not be a critical point.
///
/// # Errors
/// [`Error::NotCritical`] at a point that is not critical; and at a critical point with positive loss if the expansion
/// has silent groups or copies whose outgoing vectors are not parallel to the original's. [`Error::Undefined`] for a loss
/// with weight decay, which pulls a copy with the share `beta` by `(1 - beta)` of the decay. Otherwise as [`expand`].
pub fn expand_critical(
    objective: &Objective,
    parameters: &Parameters,
    layer: usize,
    expansion: &Expansion,
    tolerance: CriticalTolerance,
) -> Result<Parameters> {
    let list = neurons(parameters, layer)?;
    refuse_decay("a critical point with more neurons", objective)?;
    let (loss, gradient) = require_critical("replication", objective, parameters, &tolerance)?;
    let refuse = |what: &str, condition: &str, advice: &str| {
        let (what, condition, advice) = (what.to_owned(), condition.to_owned(), advice.to_owned());
        Err(Error::NotCritical { what, condition, loss, gradient, advice })
    };
    if !(loss <= tolerance.loss) {
        if !expansion.groups.is_empty() {
            let advice = "leave the silent groups out, or train to zero loss";
            return refuse("a group of silent neurons", "at zero loss", advice);
        }
        let bent = list
            .iter()
            .zip(&expansion.copies)
            .any(|(neuron, copies)| copies.iter().any(|copy| !is_parallel(copy, &neuron.outgoing)));
        if bent {
            let advice = "give each copy a multiple of the neuron's outgoing vector";
            return refuse("a copy with an outgoing vector in another direction", "at zero loss", advice);
        }
    }
    expand(parameters, layer, expansion)
}

/// Loss and largest gradient component at a critical point; refuses other points.
pub(crate) fn require_critical(
    what: &str,
    objective: &Objective,
    parameters: &Parameters,
    tolerance: &CriticalTolerance,
) -> Result<(f64, f64)> {
    let (loss, gradient) = objective.value_and_gradient(parameters.theta())?;
    let gradient = largest(gradient.iter().map(|component| component.abs()));
    if gradient <= tolerance.gradient {
        return Ok((loss, gradient));
    }
    let (what, condition) = (what.to_owned(), "at a critical point".to_owned());
    Err(Error::NotCritical { what, condition, loss, gradient, advice: "train to a smaller gradient before".into() })
}

fn is_parallel(a: &Array1<f64>, b: &Array1<f64>) -> bool {
    let length = norm(b);
    length == 0.0 || norm(&(a - &(b * (a.dot(b) / (length * length))))) <= 1e-10 * norm(a).max(length)
}

/// One neuron in place of two: outgoing vectors add up, the incoming vector is the mean of both, weighted by the lengths
/// of the outgoing ones. The merged neuron takes the place of the first; the function is unchanged if the incoming
/// vectors agree.
///
/// # Errors
/// If there are no such two neurons or their activations differ.
pub fn merge(parameters: &Parameters, layer: usize, i: usize, j: usize) -> Result<Parameters> {
    let mut list = neurons(parameters, layer)?;
    check_pair(&list, i, j)?;
    let (a, b) = (norm(&list[i].outgoing), norm(&list[j].outgoing));
    let share = if a + b > 0.0 { a / (a + b) } else { 0.5 };
    // Equal vectors have to stay equal to the last bit.
    if list[i].incoming != list[j].incoming {
        list[i].incoming = &list[i].incoming * share + &list[j].incoming * (1.0 - share);
    }
    list[i].outgoing = &list[i].outgoing + &list[j].outgoing;
    list.remove(j);
    with_neurons(parameters, layer, &list)
}

pub(crate) fn check_pair(list: &[Neuron], i: usize, j: usize) -> Result<()> {
    check_neuron("the first neuron of the pair", i, list.len())?;
    check_neuron("the second neuron of the pair", j, list.len())?;
    if i == j {
        return Err(Error::parameter("the pair", format!("({i}, {j})"), "two different neurons"));
    }
    let (a, b): (&Activation, &Activation) = (&list[i].activation, &list[j].activation);
    if a != b {
        let value = format!("{} and {}", a.name(), b.name());
        return Err(Error::parameter(format!("the activations of neurons {i} and {j}"), value, "the same"));
    }
    Ok(())
}

/// Relabels the neurons of a hidden layer: slot `k` of the result holds neuron `order[k]`. To the last bit.
///
/// # Errors
/// If there is no such layer or `order` is no permutation of its neurons.
pub fn permute(parameters: &Parameters, layer: usize, order: &[usize]) -> Result<Parameters> {
    let list = neurons(parameters, layer)?;
    check_permutation(order, list.len())?;
    let permuted: Vec<Neuron> = order.iter().map(|&old| list[old].clone()).collect();
    with_neurons(parameters, layer, &permuted)
}

/// Refuses what is no permutation of `0..width`.
///
/// # Errors
/// Naming the first number that is out of range or occurs twice.
pub fn check_permutation(order: &[usize], width: usize) -> Result<()> {
    if order.len() != width {
        let expected = format!("a permutation of {width} neurons");
        return Err(Error::shape("permutation", expected, format!("{} numbers", order.len())));
    }
    let mut seen = vec![false; width];
    for (position, &index) in order.iter().enumerate() {
        check_neuron(&format!("permutation[{position}]"), index, width)?;
        if std::mem::replace(&mut seen[index], true) {
            let name = format!("permutation[{position}]");
            return Err(Error::parameter(name, format!("{index} again"), "different from the numbers before it"));
        }
    }
    Ok(())
}

/// The permutation that undoes `order`.
#[must_use]
pub fn inverse(order: &[usize]) -> Vec<usize> {
    let mut inverse = vec![0; order.len()];
    for (position, &index) in order.iter().enumerate() {
        inverse[index] = position;
    }
    inverse
}

/// Adds normal noise of this standard deviation to every parameter.
///
/// # Errors
/// If `sd` is negative or not finite.
pub fn perturb(parameters: &Parameters, sd: f64, seed: Seed) -> Result<Parameters> {
    use rand_distr::{Distribution, StandardNormal};

    neuropil_core::check::non_negative("sd", sd)?;
    let mut stream = seed.child("perturbation").stream();
    let noise = |value: &f64| {
        let draw: f64 = StandardNormal.sample(&mut stream);
        value + sd * draw
    };
    let theta = parameters.theta().iter().map(noise).collect();
    parameters.network().parameters(theta)
}

fn check_sum(what: &str, parts: &[Array1<f64>], total: &Array1<f64>) -> Result<()> {
    if parts.is_empty() {
        return Err(Error::parameter(what, "empty", "at least one vector"));
    }
    for part in parts {
        if part.len() != total.len() {
            let got = format!("{} values", part.len());
            return Err(Error::shape(what, format!("vectors of {} values", total.len()), got));
        }
    }
    let scale = parts.iter().chain([total]).map(norm).fold(1.0, f64::max);
    let error = parts.iter().fold(-total, |rest, part| rest + part);
    let worst = largest(error.iter().map(|value| value.abs()));
    if !(worst <= 1e-12 * scale) {
        let allowed = "zero: the vectors have to sum to the outgoing vector that they replace";
        return Err(Error::parameter(format!("the excess of the {what}"), worst, allowed));
    }
    Ok(())
}

/// Largest difference between the outputs of two networks on these inputs (samples x inputs): a check that an expansion,
/// a path or a reduction has kept the function. NaN if an output is.
///
/// # Errors
/// If the inputs do not fit a network, or the networks have different numbers of outputs.
pub fn largest_difference(a: &Parameters, b: &Parameters, inputs: ArrayView2<f64>) -> Result<f64> {
    let (left, right) = (a.network().predict(a.theta(), inputs)?, b.network().predict(b.theta(), inputs)?);
    if left.dim() != right.dim() {
        let (expected, got) = (format!("{} outputs", left.ncols()), format!("{}", right.ncols()));
        return Err(Error::shape("the second network", expected, got));
    }
    Ok(largest(left.iter().zip(&right).map(|(a, b)| (a - b).abs())))
}

/// Whether a hidden layer exists; for callers that take a layer from a user.
///
/// # Errors
/// If there is no such layer.
pub fn require_layer(parameters: &Parameters, layer: usize) -> Result<()> {
    check_layer(parameters.network(), layer)
}
