//! Back to the smallest network that computes the same function: which neurons are copies, which have no effect.
//!
//! Neurons of a hidden layer are gathered into clusters with one incoming vector. The outgoing vectors of a cluster add
//! up to those of a single neuron; if they add up to nothing the cluster goes. What is left is the reduced network, and
//! the [`Labelling`] of the slots says how the wide network was made from it, so that
//! [`expand`](crate::expansion::expand) leads back. With several hidden layers this is repeated until nothing changes,
//! because a neuron that fed only removed neurons becomes removable itself.

use std::collections::BTreeMap;

use ndarray::Array1;
use neuropil_core::statistics::largest;
use serde::{Deserialize, Serialize};

use crate::enumeration::{Labelling, Slot};
use crate::neuron::{
    Equality, Neuron, Relation, angle, check_layer, neurons, shared_incoming, shift_next_bias, with_neurons,
};
use crate::{Error, Parameters, Result};

/// When neurons count as equal and weights as zero.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ReductionTolerance {
    /// Largest distance of equal incoming vectors, relative to their length.
    pub incoming: f64,
    /// Largest absolute weight of an outgoing vector that counts as zero.
    pub outgoing: f64,
    /// Whether the activation's own symmetry (sign, scale) makes neurons equal too.
    pub equality: Equality,
}

impl Default for ReductionTolerance {
    fn default() -> Self {
        Self { incoming: 1e-4, outgoing: 1e-6, equality: Equality::Copies }
    }
}

impl ReductionTolerance {
    /// Refuses negative or infinite tolerances.
    ///
    /// # Errors
    /// Naming the tolerance.
    pub fn validate(&self) -> Result<()> {
        neuropil_core::check::non_negative("tolerance of incoming vectors", self.incoming)?;
        neuropil_core::check::non_negative("tolerance of outgoing vectors", self.outgoing)?;
        Ok(())
    }
}

/// A network without copies and silent neurons, and how the original follows from it.
#[derive(Debug, Clone, PartialEq)]
pub struct Reduction {
    /// The reduced network. A layer of silent neurons only keeps one of them, because no layer can be empty.
    pub parameters: Parameters,
    /// For each hidden layer what each neuron of the original was.
    pub labellings: Vec<Labelling>,
    /// For each hidden layer how the output of each neuron follows from that of the first neuron with its label.
    pub relations: Vec<Vec<Relation>>,
    /// How far from exact the reduction is: the largest difference between incoming weights that were taken as equal, and
    /// the largest outgoing weight that was taken as zero.
    pub residual: f64,
}

impl Reduction {
    /// For each hidden layer the number of neurons that are needed.
    #[must_use]
    pub fn widths(&self) -> Vec<usize> {
        self.labellings.iter().map(Labelling::copied).collect()
    }

    /// For each hidden layer the number of neurons that could go.
    #[must_use]
    pub fn surplus(&self) -> Vec<usize> {
        self.labellings.iter().map(|labelling| labelling.width() - labelling.copied()).collect()
    }
}

/// The smallest network with the same function, up to the tolerances.
///
/// # Errors
/// If a tolerance is negative or the network has no hidden layer.
pub fn reduce(parameters: &Parameters, tolerance: &ReductionTolerance) -> Result<Reduction> {
    tolerance.validate()?;
    let layers = parameters.network().n_hidden_layers();
    check_layer(parameters.network(), 0)?;
    let mut current = parameters.clone();
    // For each layer and original slot: the slot of the current network, or a group without effect.
    let mut slots: Vec<Vec<Slot>> =
        (0..layers).map(|layer| (0..parameters.network().widths[layer + 1]).map(Slot::Copy).collect()).collect();
    let mut relations: Vec<Vec<Relation>> = slots.iter().map(|slots| vec![Relation::SAME; slots.len()]).collect();
    let mut groups = vec![0; layers];
    let mut residual = 0.0;
    loop {
        let before = current.network().widths.clone();
        for layer in 0..layers {
            let step = reduce_layer(&current, layer, tolerance)?;
            let offset = groups[layer];
            for (slot, relation) in slots[layer].iter_mut().zip(&mut relations[layer]) {
                if let Slot::Copy(label) = *slot {
                    *relation = relation.after(step.relations[label]);
                    *slot = match step.labelling[label] {
                        Slot::Copy(new) => Slot::Copy(new),
                        Slot::Zero(group) => Slot::Zero(offset + group),
                    };
                }
            }
            groups[layer] += step.groups;
            residual = largest([residual, step.residual]);
            current = step.parameters;
        }
        if current.network().widths == before {
            break;
        }
    }
    let labellings = slots
        .into_iter()
        .map(|slots| {
            let r = slots.iter().filter_map(|slot| if let Slot::Copy(label) = slot { Some(label + 1) } else { None });
            let r = r.max().unwrap_or(0);
            Labelling::new(slots, r)
        })
        .collect::<Result<_>>()?;
    Ok(Reduction { parameters: current, labellings, relations, residual })
}

struct Step {
    parameters: Parameters,
    labelling: Vec<Slot>,
    relations: Vec<Relation>,
    groups: usize,
    residual: f64,
}

/// One pass over one layer.
fn reduce_layer(parameters: &Parameters, layer: usize, tolerance: &ReductionTolerance) -> Result<Step> {
    let list = neurons(parameters, layer)?;
    let has_next_bias = parameters.network().has_bias(layer + 1);
    let clusters = clusters(&list, |a, b| {
        a.relation(b, tolerance.equality, tolerance.incoming).filter(|found| found.constant == 0.0 || has_next_bias)
    });
    let mut constant = Array1::<f64>::zeros(list[0].outgoing.len());
    let mut labelling = vec![Slot::Copy(0); list.len()];
    let mut kept: Vec<Neuron> = Vec::new();
    let mut relations = vec![Relation::SAME; list.len()];
    let mut groups = 0;
    let mut residual = 0.0;
    for cluster in clusters {
        let mut sum = Array1::<f64>::zeros(list[0].outgoing.len());
        for &(member, relation) in &cluster {
            sum.scaled_add(relation.factor, &list[member].outgoing);
            constant.scaled_add(relation.constant, &list[member].outgoing);
            relations[member] = relation;
            residual = largest([residual, list[cluster[0].0].distance(&list[member], tolerance.equality)]);
        }
        let plain = cluster.iter().all(|(_, relation)| relation.factor == 1.0 && relation.constant == 0.0);
        let first = &list[cluster[0].0];
        let incoming = if plain {
            shared_incoming(cluster.iter().map(|(member, _)| &list[*member]))
        } else {
            first.incoming.clone()
        };
        let merged = Neuron { incoming, outgoing: sum, activation: first.activation.clone() };
        let slot = if merged.is_silent(tolerance.outgoing) {
            groups += 1;
            residual = largest(merged.outgoing.iter().map(|weight| weight.abs()).chain([residual]));
            Slot::Zero(groups - 1)
        } else {
            kept.push(merged);
            Slot::Copy(kept.len() - 1)
        };
        for (member, _) in cluster {
            labelling[member] = slot;
        }
    }
    if kept.is_empty() {
        // A layer cannot be empty: one silent neuron stays in the network, though not in the labelling.
        kept.push(Neuron { outgoing: Array1::zeros(list[0].outgoing.len()), ..list[0].clone() });
    }
    let mut reduced = with_neurons(parameters, layer, &kept)?;
    if constant.iter().any(|value| *value != 0.0) {
        reduced = shift_next_bias(&reduced, layer, &constant)
            .ok_or_else(|| Error::parameter("the bias of the next layer", "missing", "there to take up a constant"))?;
    }
    Ok(Step { parameters: reduced, labelling, relations, groups, residual })
}

/// Clusters of related neurons: the index of each member, and how its output follows from that of the first.
fn clusters(list: &[Neuron], relation: impl Fn(&Neuron, &Neuron) -> Option<Relation>) -> Vec<Vec<(usize, Relation)>> {
    let mut clusters: Vec<Vec<(usize, Relation)>> = Vec::new();
    for (index, neuron) in list.iter().enumerate() {
        let found = clusters
            .iter()
            .enumerate()
            .find_map(|(c, cluster)| relation(&list[cluster[0].0], neuron).map(|relation| (c, relation)));
        match found {
            Some((c, relation)) => clusters[c].push((index, relation)),
            None => clusters.push(vec![(index, Relation::SAME)]),
        }
    }
    clusters
}

/// What a neuron of a solution is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NeuronType {
    /// A copy of a neuron of the teacher, or of the reduced network where no teacher is known.
    Copy {
        /// Which one, counted from 0.
        of: usize,
    },
    /// A member of a group without effect on the output.
    Zero {
        /// Number of the group, by first appearance.
        group: usize,
        /// Number of its members; 1 is a neuron without outgoing weights.
        size: usize,
    },
    /// Neither: its direction is not that of a teacher neuron, and it has an effect.
    Unexplained,
}

/// The types of all neurons of a hidden layer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Classification {
    /// The type of each neuron.
    pub types: Vec<NeuronType>,
}

impl Classification {
    /// The number of copies.
    #[must_use]
    pub fn copies(&self) -> usize {
        self.types.iter().filter(|kind| matches!(kind, NeuronType::Copy { .. })).count()
    }

    /// The number of neurons in groups without effect, by the size of the group.
    #[must_use]
    pub fn zero_by_size(&self) -> BTreeMap<usize, usize> {
        let mut counts = BTreeMap::new();
        for kind in &self.types {
            if let NeuronType::Zero { size, .. } = kind {
                *counts.entry(*size).or_default() += 1;
            }
        }
        counts
    }

    /// The number of neurons without effect.
    #[must_use]
    pub fn zeros(&self) -> usize {
        self.zero_by_size().values().sum()
    }

    /// The number of neurons that are neither.
    #[must_use]
    pub fn unexplained(&self) -> usize {
        self.types.iter().filter(|kind| **kind == NeuronType::Unexplained).count()
    }
}

/// When a neuron counts as a copy of a teacher neuron, or as silent.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct TypeTolerance {
    /// Largest angle between the incoming vectors of copies, in degrees.
    pub angle_degrees: f64,
    /// Largest absolute weight of an outgoing vector that counts as zero.
    pub outgoing: f64,
}

impl Default for TypeTolerance {
    /// The thresholds of the published analysis: 1 degree and 1e-6.
    fn default() -> Self {
        Self { angle_degrees: 1.0, outgoing: 1e-6 }
    }
}

/// The types of the neurons of a hidden layer, against a teacher with the same inputs (Simsek et al., Figure 5).
///
/// A neuron without outgoing weights is silent; one in the direction of a teacher neuron is a copy; the others are
/// clustered by direction, and a cluster whose outgoing vectors sum to zero is a group without effect.
///
/// # Errors
/// If a layer does not exist, or teacher and student layer have different inputs.
pub fn classify_against(
    parameters: &Parameters,
    teacher: &Parameters,
    layer: usize,
    tolerance: &TypeTolerance,
) -> Result<Classification> {
    let (list, teachers) = (neurons(parameters, layer)?, neurons(teacher, layer)?);
    if list[0].incoming.len() != teachers[0].incoming.len() {
        let expected = format!("{} incoming weights, as the student", list[0].incoming.len());
        return Err(Error::shape("teacher", expected, teachers[0].incoming.len().to_string()));
    }
    let mut types = vec![NeuronType::Unexplained; list.len()];
    let mut groups = 0;
    let mut rest = Vec::new();
    for (index, neuron) in list.iter().enumerate() {
        let nearest = teachers.iter().map(|teacher| angle(&neuron.incoming, &teacher.incoming)).enumerate();
        let nearest = nearest.min_by(|a, b| a.1.total_cmp(&b.1));
        if neuron.is_silent(tolerance.outgoing) {
            types[index] = NeuronType::Zero { group: groups, size: 1 };
            groups += 1;
        } else if let Some((of, _)) = nearest.filter(|(_, angle)| *angle < tolerance.angle_degrees) {
            types[index] = NeuronType::Copy { of };
        } else {
            rest.push(index);
        }
    }
    let others: Vec<Neuron> = rest.iter().map(|&index| list[index].clone()).collect();
    let clusters = clusters(&others, |a, b| {
        let close = angle(&a.incoming, &b.incoming) < tolerance.angle_degrees;
        close.then_some(Relation::SAME)
    });
    for cluster in clusters {
        let sum = cluster.iter().fold(Array1::zeros(list[0].outgoing.len()), |sum: Array1<f64>, (member, _)| {
            sum + &others[*member].outgoing
        });
        if sum.iter().all(|value| value.abs() <= tolerance.outgoing) {
            for (member, _) in &cluster {
                types[rest[*member]] = NeuronType::Zero { group: groups, size: cluster.len() };
            }
            groups += 1;
        }
    }
    Ok(Classification { types })
}

/// The types of the neurons of a hidden layer without a teacher: copies of the neurons of the reduced network, and
/// groups without effect.
///
/// # Errors
/// As [`reduce`], and if the layer does not exist.
pub fn classify(parameters: &Parameters, layer: usize, tolerance: &ReductionTolerance) -> Result<Classification> {
    check_layer(parameters.network(), layer)?;
    let reduction = reduce(parameters, tolerance)?;
    let labelling = &reduction.labellings[layer];
    let kind = |slot: &Slot| match *slot {
        Slot::Copy(of) => NeuronType::Copy { of },
        Slot::Zero(group) => NeuronType::Zero { group, size: labelling.slots_with(*slot).count() },
    };
    Ok(Classification { types: labelling.slots().iter().map(kind).collect() })
}
