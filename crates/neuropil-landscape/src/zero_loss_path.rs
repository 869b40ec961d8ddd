//! Paths between permuted networks along which the function does not change.
//!
//! A permuted network computes the same function, but without a spare neuron it is an isolated point. One neuron more
//! than needed in a layer opens the way: a *free* neuron has zero outgoing weights, so its incoming vector can move to
//! that of neuron `s`; then the outgoing vector of `s` can move over to it, keeping their sum, and now slot `s` is free.
//! Two segments of such a *relocation* move one neuron into the free slot. Cycles of a permutation are carried out with
//! one relocation more than they have neurons, and a last segment returns the free neuron's incoming vector:
//! `2 (displaced + cycles) + 1` segments, 7 for a transposition. `displaced + cycles` is the distance in the star graph
//! of permutations, so no path needs fewer relocations.
//!
//! Every segment is straight and keeps the function, so that a path from a zero-loss point stays at zero loss, and any
//! path stays on its level. That is exact up to rounding where the neurons that count as equal are equal; where they agree
//! to a tolerance only, [`PiecewisePath::gap`] says how far they are apart. Hidden layers are treated one after the other. Source: Simsek et al.,
//! arXiv:2105.12221.
//!
//! ```
//! use ndarray::array;
//! use neuropil_landscape::expansion::permute;
//! use neuropil_landscape::zero_loss_path::zero_loss_path;
//! use neuropil_landscape::{Activation, Bias, Mlp};
//!
//! // Two neurons and a third one that is free.
//! let network = Mlp::two_layer(1, 3, 1, Activation::Tanh, Bias::Without);
//! let start = network.parameters(array![1.0, 2.0, 0.5, 3.0, -1.0, 0.0])?;
//! let path = zero_loss_path(&start, &[vec![1, 0, 2]], &Default::default())?;
//! assert_eq!(path.segments(), 7);
//! assert_eq!(path.at(1.0), permute(&start, 0, &[1, 0, 2])?);
//! # Ok::<(), neuropil_landscape::Error>(())
//! ```

use ndarray::{Array1, Array2, ArrayView1};
use neuropil_core::statistics::largest;

use crate::alignment::{self, AlignmentParameters};
use crate::enumeration::{Labelling, Slot};
use crate::expansion::check_permutation;
use crate::neuron::{Equality, Neuron, neurons, shared_incoming, with_neurons};
use crate::reduction::{ReductionTolerance, reduce};
use crate::{Error, LayerActivation, Objective, Parameters, Result};

/// A path of straight segments in parameter space.
#[derive(Debug, Clone, PartialEq)]
pub struct PiecewisePath {
    /// The ends of the segments, in order; a path without segments has a single point.
    points: Vec<Parameters>,
    gap: f64,
}

impl PiecewisePath {
    /// A path that has not moved yet.
    fn starting_at(start: Parameters) -> Self {
        Self { points: vec![start], gap: 0.0 }
    }

    /// A path through points of one network; points that repeat the one before are left out.
    pub(crate) fn through(points: impl IntoIterator<Item = Parameters>) -> Self {
        let mut points: Vec<Parameters> = points.into_iter().collect();
        points.dedup();
        Self { points, gap: 0.0 }
    }

    fn last(&self) -> &Parameters {
        &self.points[self.points.len() - 1]
    }

    /// Appends a segment, unless it leads nowhere.
    fn go_to(&mut self, point: Parameters) {
        if point != *self.last() {
            self.points.push(point);
        }
    }

    /// The number of segments.
    #[must_use]
    pub fn segments(&self) -> usize {
        self.points.len() - 1
    }

    /// The ends of the segments.
    #[must_use]
    pub fn points(&self) -> &[Parameters] {
        &self.points
    }

    /// How far, over all weights, the network is from one in which the function does not change along the path: the largest
    /// difference between incoming weights of neurons that the path treats as equal, the largest sum of outgoing weights
    /// that it treats as zero, and the largest parameter difference that a closing segment bridges. 0 for a path that is
    /// exact up to rounding. (Paths over a [permutation saddle](crate::permutation_path) change the function by design and
    /// have none.)
    #[must_use]
    pub fn gap(&self) -> f64 {
        self.gap
    }

    /// The point at `t` from 0 to 1; every segment takes the same time. Values outside are moved to the ends.
    #[must_use]
    pub fn at(&self, t: f64) -> Parameters {
        let position = t.clamp(0.0, 1.0) * self.segments() as f64;
        let segment = (position as usize).min(self.segments().saturating_sub(1));
        let share = position - segment as f64;
        let (a, b) = (&self.points[segment], &self.points[(segment + 1).min(self.segments())]);
        if share <= 0.0 {
            return a.clone();
        }
        if share >= 1.0 {
            return b.clone();
        }
        let mut point = a.clone();
        let theta = a.theta().iter().zip(b.theta()).map(|(a, b)| a + share * (b - a)).collect::<Array1<f64>>();
        point.theta_mut().assign(&theta);
        point
    }

    /// Points along the path: `per_segment` steps in each segment, both ends included; with their times.
    pub fn samples(&self, per_segment: usize) -> impl Iterator<Item = (f64, Parameters)> {
        let total = per_segment.max(1) * self.segments();
        (0..=total).map(move |step| {
            let t = if total == 0 { 0.0 } else { step as f64 / total as f64 };
            (t, self.at(t))
        })
    }

    /// Times and losses along the path.
    ///
    /// # Errors
    /// If the network of the path is not that of the objective.
    pub fn losses(&self, objective: &Objective, per_segment: usize) -> Result<(Vec<f64>, Vec<f64>)> {
        let mut times = Vec::new();
        let mut losses = Vec::new();
        for (t, point) in self.samples(per_segment) {
            times.push(t);
            losses.push(objective.value(point.theta())?);
        }
        Ok((times, losses))
    }

    /// The largest loss along the path, with at least 50 points per segment; NaN if one of them is.
    ///
    /// # Errors
    /// As [`losses`](Self::losses).
    pub fn max_loss(&self, objective: &Objective, per_segment: usize) -> Result<f64> {
        Ok(largest(self.losses(objective, per_segment.max(50))?.1))
    }

    /// The breakpoints as rows of an array.
    #[must_use]
    pub fn to_array(&self) -> Array2<f64> {
        Array2::from_shape_fn((self.points.len(), self.points[0].theta().len()), |(i, j)| self.points[i].theta()[j])
    }

    /// Largest difference of a parameter between just before and just after an inner end of a segment, as
    /// [`at`](Self::at) gives it: rounding error if the path is continuous.
    #[must_use]
    pub fn largest_jump(&self) -> f64 {
        let inner = (1..self.segments()).map(|k| k as f64 / self.segments() as f64);
        let jump = |t: f64| distance(self.at(t.next_down()).theta(), self.at(t.next_up()).theta());
        largest(inner.map(jump).chain([0.0]))
    }
}

fn distance(a: ArrayView1<f64>, b: ArrayView1<f64>) -> f64 {
    largest(a.iter().zip(b).map(|(a, b)| (a - b).abs()).chain([0.0]))
}

/// The path from a network to its permuted self. `permutations[l]` says for hidden layer `l` which neuron each slot
/// holds at the end, as in [`permute`](crate::expansion::permute).
///
/// Every layer that is permuted needs a neuron that is not needed: silent, a copy of another, or a member of a group
/// without effect. Where it is not free yet the path begins by freeing it and ends by undoing that.
///
/// # Errors
/// [`Error::NoFreeNeuron`] if all neurons of a permuted layer are needed
/// ([`add_silent`](crate::expansion::add_silent) adds one), or if a permutation is none.
pub fn zero_loss_path(
    start: &Parameters,
    permutations: &[Vec<usize>],
    tolerance: &ReductionTolerance,
) -> Result<PiecewisePath> {
    let layers = start.network().n_hidden_layers();
    if permutations.len() != layers {
        let expected = format!("one permutation for each of the {layers} hidden layers");
        return Err(Error::shape("permutations", expected, format!("{} permutations", permutations.len())));
    }
    let mut path = PiecewisePath::starting_at(start.clone());
    for (layer, order) in permutations.iter().enumerate() {
        check_permutation(order, start.network().widths[layer + 1])?;
        if order.iter().enumerate().all(|(slot, &old)| slot == old) {
            continue;
        }
        permute_layer(&mut path, layer, order, tolerance)?;
    }
    Ok(path)
}

/// Relabels one layer along a path that keeps the function.
fn permute_layer(
    path: &mut PiecewisePath,
    layer: usize,
    order: &[usize],
    tolerance: &ReductionTolerance,
) -> Result<()> {
    let original = neurons(path.last(), layer)?;
    refuse_mixed(layer, &original)?;
    let target: Vec<Neuron> = order.iter().map(|&old| original[old].clone()).collect();
    let (freeing, residual) = free_a_neuron(path.last(), layer, &original, tolerance)?;
    path.gap = path.gap.max(residual);
    for state in freeing.iter().skip(1) {
        path.go_to(with_neurons(path.last(), layer, state)?);
    }
    let ready = freeing.last().unwrap_or(&original);
    let goal: Vec<Neuron> = order.iter().map(|&old| ready[old].clone()).collect();
    relocate(path, layer, &goal)?;
    // Undo the freeing at the permuted places.
    for state in freeing.iter().rev().skip(1) {
        let state: Vec<Neuron> = order.iter().map(|&old| state[old].clone()).collect();
        path.go_to(with_neurons(path.last(), layer, &state)?);
    }
    path.go_to(with_neurons(path.last(), layer, &target)?);
    Ok(())
}

/// The states of a layer from what it is to one with a neuron of zero outgoing vector, and how far from exact that is.
fn free_a_neuron(
    parameters: &Parameters,
    layer: usize,
    list: &[Neuron],
    tolerance: &ReductionTolerance,
) -> Result<(Vec<Vec<Neuron>>, f64)> {
    let original = list.to_vec();
    if list.iter().any(|neuron| neuron.is_silent(0.0)) {
        return Ok((vec![original], 0.0));
    }
    let tolerance = ReductionTolerance { equality: Equality::Copies, ..*tolerance };
    let reduction = reduce(parameters, &tolerance)?;
    let labelling = &reduction.labellings[layer];
    let mut freed = original.clone();
    if let Some(slot) = labelling.slots().iter().find(|slot| matches!(slot, Slot::Zero(_))) {
        for member in labelling.slots_with(*slot) {
            freed[member].outgoing.fill(0.0);
        }
        return Ok((vec![original, freed], reduction.residual));
    }
    let width = list.len();
    let pair = (0..width).find_map(|j| {
        let slot = labelling.slots()[j];
        labelling.slots_with(slot).find(|&i| i < j).map(|i| (i, j))
    });
    let (i, j) = pair.ok_or(Error::NoFreeNeuron { layer, width, distinct: labelling.copied() })?;
    let shared = shared_incoming([&list[i], &list[j]]);
    (freed[i].incoming, freed[j].incoming) = (shared.clone(), shared);
    let together = freed.clone();
    give(&mut freed, j, i);
    // A path leaves out states that change nothing: copies that are exact are together already.
    Ok((vec![original, together, freed], reduction.residual))
}

/// Neurons of different activations cannot stand in for each other.
fn refuse_mixed(layer: usize, list: &[Neuron]) -> Result<()> {
    if list.iter().all(|neuron| neuron.activation == list[0].activation) {
        return Ok(());
    }
    Err(Error::Undefined {
        what: "a relabelling path".into(),
        case: format!("hidden layer {layer}, whose neurons have different activations"),
        advice: "leave the permutation of this layer at the identity".into(),
    })
}

/// Moves the whole outgoing vector of one neuron to another.
fn give(list: &mut [Neuron], from: usize, to: usize) {
    let none = Array1::zeros(list[to].outgoing.len());
    let moved = std::mem::replace(&mut list[from].outgoing, none);
    list[to].outgoing += &moved;
}

/// Moves neurons to where `goal` has them, one relocation into a free slot at a time, and then the free neurons.
/// `goal` holds the same neurons in other slots.
fn relocate(path: &mut PiecewisePath, layer: usize, goal: &[Neuron]) -> Result<()> {
    let mut list = neurons(path.last(), layer)?;
    // Where each needed neuron stands now: destination of the neuron in each slot, none for free slots.
    let mut taken = vec![false; goal.len()];
    let mut destination: Vec<Option<usize>> = vec![None; list.len()];
    // Those that are in place stay; only then the others look for theirs.
    for pass in 0..2 {
        for slot in 0..list.len() {
            if list[slot].is_silent(0.0) || destination[slot].is_some() {
                continue;
            }
            let fits = |target: &usize| !taken[*target] && goal[*target] == list[slot];
            let found = if pass == 0 { Some(slot).filter(fits) } else { (0..goal.len()).find(fits) };
            if let Some(target) = found {
                taken[target] = true;
                destination[slot] = Some(target);
            }
        }
    }
    while let Some((from, to)) = next_relocation(&destination, &list) {
        list[to].incoming = list[from].incoming.clone();
        path.go_to(with_neurons(path.last(), layer, &list)?);
        give(&mut list, from, to);
        path.go_to(with_neurons(path.last(), layer, &list)?);
        destination[to] = destination[from].take();
    }
    if destination.iter().enumerate().any(|(slot, goal)| goal.is_some_and(|goal| goal != slot)) {
        let distinct = destination.iter().flatten().count();
        return Err(Error::NoFreeNeuron { layer, width: list.len(), distinct });
    }
    path.go_to(with_neurons(path.last(), layer, goal)?);
    Ok(())
}

/// Which neuron moves next, and into which free slot: home if its place is free, otherwise any misplaced neuron that has a
/// free slot of its activation.
fn next_relocation(destination: &[Option<usize>], list: &[Neuron]) -> Option<(usize, usize)> {
    let misplaced = || {
        destination
            .iter()
            .enumerate()
            .filter_map(|(slot, goal)| goal.map(|goal| (slot, goal)))
            .filter(|(slot, goal)| slot != goal)
    };
    let home = misplaced().find(|(_, goal)| destination[*goal].is_none());
    home.or_else(|| {
        misplaced().find_map(|(slot, _)| {
            let fits = |free: &usize| destination[*free].is_none() && list[*free].activation == list[slot].activation;
            (0..list.len()).find(fits).map(|free| (slot, free))
        })
    })
}

/// A path between two networks that compute the same function but were found separately.
#[derive(Debug, Clone, PartialEq)]
pub struct Connection {
    /// From the first network to the second.
    pub path: PiecewisePath,
    /// How far from exact the path is ([`PiecewisePath::gap`]): the difference between the relabelled first network and the
    /// second, which the closing segment bridges, or, if that is larger, between neurons of either network that were taken
    /// as equal or silent.
    pub gap: f64,
}

/// Connects two networks of one shape that compute the same function up to training error.
///
/// Both are brought to a form in which each needed neuron stands in one slot and all others are silent; needed neurons
/// are matched by an assignment; the first form is relabelled into the second along a path that keeps the function; one
/// straight segment closes the gap that training has left.
///
/// # Errors
/// [`Error::NoFreeNeuron`] where a layer has to be permuted and no neuron is free; [`Error::Shape`] if the two reduce to
/// different widths, so that no such path exists, or if a layer with several activations reduces to neurons that list them
/// in another order.
pub fn connect(a: &Parameters, b: &Parameters, tolerance: &ReductionTolerance) -> Result<Connection> {
    if a.network() != b.network() {
        let (expected, got) = (format!("{:?}", a.network().widths), format!("{:?}", b.network().widths));
        return Err(Error::shape("the second network", format!("the network of the first, {expected}"), got));
    }
    let tolerance = ReductionTolerance { equality: Equality::Copies, ..*tolerance };
    let (reduced_a, reduced_b) = (reduce(a, &tolerance)?, reduce(b, &tolerance)?);
    if reduced_a.widths() != reduced_b.widths() {
        let expected = format!("{:?} needed neurons, as the first", reduced_a.widths());
        return Err(Error::shape("the second network", expected, format!("{:?}", reduced_b.widths())));
    }
    let aligned = alignment::align(&reduced_a.parameters, &reduced_b.parameters, &AlignmentParameters::permutations())?;
    let mut path = PiecewisePath::starting_at(a.clone());
    let mut backwards = PiecewisePath::starting_at(b.clone());
    gather(&mut path, &reduced_a.labellings)?;
    gather(&mut backwards, &reduced_b.labellings)?;
    for layer in 0..a.network().n_hidden_layers() {
        let (from, to) = (&reduced_a.labellings[layer], &reduced_b.labellings[layer]);
        let order = slots_for(from, to, &aligned.orders[layer], &a.network().activations[layer])?;
        let list = neurons(path.last(), layer)?;
        let moved = order.iter().enumerate().any(|(slot, &old)| slot != old && !list[old].is_silent(0.0));
        if moved {
            if !list.iter().any(|neuron| neuron.is_silent(0.0)) {
                let distinct = reduced_a.labellings[layer].copied();
                return Err(Error::NoFreeNeuron { layer, width: list.len(), distinct });
            }
            let goal: Vec<Neuron> = order.iter().map(|&old| list[old].clone()).collect();
            relocate(&mut path, layer, &goal)?;
        }
    }
    // Free neurons take the incoming vectors that the second network wants, layer by layer; nothing reads them.
    for layer in 0..a.network().n_hidden_layers() {
        let (mut list, goal) = (neurons(path.last(), layer)?, neurons(backwards.last(), layer)?);
        for (neuron, goal) in list.iter_mut().zip(&goal).filter(|(neuron, _)| neuron.is_silent(0.0)) {
            neuron.incoming = goal.incoming.clone();
        }
        path.go_to(with_neurons(path.last(), layer, &list)?);
    }
    let closing = distance(path.last().theta(), backwards.last().theta());
    let gap = largest([closing, reduced_a.residual, reduced_b.residual]);
    path.gap = gap;
    for point in backwards.points.into_iter().rev() {
        path.go_to(point);
    }
    Ok(Connection { path, gap })
}

/// Moves each layer to the form in which the first copy of a neuron has the whole outgoing vector and all others none.
/// Copies that training has left apart come together first.
fn gather(path: &mut PiecewisePath, labellings: &[Labelling]) -> Result<()> {
    // The last layer first: a neuron that feeds only silent neurons is silent itself once those are.
    for (layer, labelling) in labellings.iter().enumerate().rev() {
        let mut list = neurons(path.last(), layer)?;
        for label in 0..labelling.copied() {
            let slots: Vec<usize> = labelling.slots_with(Slot::Copy(label)).collect();
            let shared = shared_incoming(slots.iter().map(|&slot| &list[slot]));
            for slot in slots {
                list[slot].incoming.clone_from(&shared);
            }
        }
        path.go_to(with_neurons(path.last(), layer, &list)?);
        for slot in 0..list.len() {
            match labelling.slots()[slot] {
                Slot::Zero(_) => list[slot].outgoing.fill(0.0),
                what => {
                    if let Some(first) = labelling.slots_with(what).next().filter(|first| *first < slot) {
                        give(&mut list, slot, first);
                    }
                }
            }
        }
        path.go_to(with_neurons(path.last(), layer, &list)?);
    }
    Ok(())
}

/// Which slot of the first network goes to each slot of the second: `matching[k]` is the reduced neuron of the second
/// that neuron `k` of the first reduced network corresponds to.
fn slots_for(a: &Labelling, b: &Labelling, matching: &[usize], activations: &LayerActivation) -> Result<Vec<usize>> {
    let width = a.width();
    let mut order = vec![usize::MAX; width];
    let mut used = vec![false; width];
    for (k, &other) in matching.iter().enumerate() {
        let from = a.slots_with(Slot::Copy(k)).next();
        let to = b.slots_with(Slot::Copy(other)).next();
        let (Some(from), Some(to)) = (from, to) else {
            return Err(Error::shape("labelling", "a slot for every needed neuron", "none"));
        };
        order[to] = from;
        used[from] = true;
    }
    // Free neurons fill the other slots, each one of its own activation.
    for to in 0..width {
        if order[to] == usize::MAX {
            let fits = |from: &usize| !used[*from] && activations.of(*from) == activations.of(to);
            let from = (0..width).find(fits).ok_or_else(|| {
                Error::shape("the second network", "as many needed neurons of each activation as the first", "others")
            })?;
            order[to] = from;
            used[from] = true;
        }
    }
    Ok(order)
}
