//! Which affine subspaces of global minima touch: the expansion graph.
//!
//! Nodes are the [labellings](crate::enumeration) of `m` slots by `r` neurons. Two subspaces intersect where slots that
//! share an incoming vector under either labelling share it under both. Join such slots to classes. The subspaces
//! intersect exactly if no class holds copies of two different neurons, and if each neuron has its copies of both
//! labellings in one class: the outgoing vectors of a class then have one sum to meet (that neuron's outgoing vector,
//! or zero) under both labellings, and a solution exists because the groups of the two labellings connect the slots of
//! a class. This holds for neurons with distinct incoming vectors and outgoing vectors that are not zero.
//!
//! With one slot more than needed (`m >= r + 1`) the graph is connected; with `m = r` it is `r!` isolated points.
//! Source: Simsek et al., arXiv:2105.12221.

use crate::enumeration::{Kind, Labelling, Slot, labellings};
use crate::{Error, Result};

/// The most nodes of a graph; every pair of nodes is looked at.
pub const LARGEST_GRAPH: usize = 20_000;

/// The subspaces of global minima of one hidden layer, and which of them intersect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExpansionGraph {
    /// Number of neurons that the function needs.
    pub r: usize,
    /// Number of slots.
    pub m: usize,
    /// The subspaces.
    pub nodes: Vec<Labelling>,
    /// Pairs of intersecting subspaces, as indices into `nodes`, the smaller first.
    pub edges: Vec<(usize, usize)>,
}

impl ExpansionGraph {
    /// The graph of `m` slots and `r` neurons.
    ///
    /// # Errors
    /// If `m < r` or there are more than [`LARGEST_GRAPH`] nodes.
    pub fn new(r: usize, m: usize) -> Result<Self> {
        let total = crate::count::global_minima_subspaces(r, m);
        if total > LARGEST_GRAPH.into() {
            return Err(Error::parameter("the number of nodes", total, format!("at most {LARGEST_GRAPH} for a graph")));
        }
        let nodes = labellings(r, m, Kind::GlobalMinima)?;
        let mut edges = Vec::new();
        for i in 0..nodes.len() {
            edges.extend((i + 1..nodes.len()).filter(|&j| intersect(&nodes[i], &nodes[j])).map(|j| (i, j)));
        }
        Ok(Self { r, m, nodes, edges })
    }

    /// The connected component of each node, numbered by first appearance.
    #[must_use]
    pub fn components(&self) -> Vec<usize> {
        let mut classes = Classes::new(self.nodes.len());
        for &(i, j) in &self.edges {
            classes.join(i, j);
        }
        let mut names = Vec::new();
        (0..self.nodes.len())
            .map(|node| {
                let root = classes.root(node);
                names.iter().position(|name| *name == root).unwrap_or_else(|| {
                    names.push(root);
                    names.len() - 1
                })
            })
            .collect()
    }

    /// The number of connected components.
    #[must_use]
    pub fn component_count(&self) -> usize {
        self.components().into_iter().max().map_or(0, |last| last + 1)
    }

    /// The least and the largest dimension of the subspaces, for `inputs` incoming weights per neuron (with bias) and
    /// `outputs` outgoing ones.
    #[must_use]
    pub fn dimensions(&self, inputs: usize, outputs: usize) -> (usize, usize) {
        let mut all = self.nodes.iter().map(|node| node.dimension(inputs, outputs));
        let first = all.next().unwrap_or(0);
        all.fold((first, first), |(low, high), dimension| (low.min(dimension), high.max(dimension)))
    }
}

/// Whether two subspaces of global minima have a point in common.
#[must_use]
pub fn intersect(a: &Labelling, b: &Labelling) -> bool {
    let m = a.width();
    if m != b.width() || a.copied() != b.copied() {
        return false;
    }
    let mut classes = Classes::new(m);
    for labelling in [a, b] {
        for i in 1..m {
            if let Some(j) = (0..i).find(|&j| labelling.slots()[j] == labelling.slots()[i]) {
                classes.join(i, j);
            }
        }
    }
    // The class of each neuron's copies: the same under both labellings, and different from those of other neurons.
    let mut home = vec![usize::MAX; a.copied()];
    for labelling in [a, b] {
        for (slot, what) in labelling.slots().iter().enumerate() {
            let Slot::Copy(label) = *what else { continue };
            let class = classes.root(slot);
            if home[label] == usize::MAX {
                if home.contains(&class) {
                    return false;
                }
                home[label] = class;
            } else if home[label] != class {
                return false;
            }
        }
    }
    true
}

/// Disjoint sets of slots.
struct Classes {
    parent: Vec<usize>,
}

impl Classes {
    fn new(n: usize) -> Self {
        Self { parent: (0..n).collect() }
    }

    fn root(&mut self, mut element: usize) -> usize {
        while self.parent[element] != element {
            self.parent[element] = self.parent[self.parent[element]];
            element = self.parent[element];
        }
        element
    }

    fn join(&mut self, a: usize, b: usize) {
        let (a, b) = (self.root(a), self.root(b));
        self.parent[a.max(b)] = a.min(b);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether the affine constraints of two labellings on incoming and outgoing weights (`d` inputs, `c` outputs,
    /// generic neurons) have a common solution: by elimination, without any theory.
    fn intersect_by_elimination(a: &Labelling, b: &Labelling, d: usize, c: usize) -> bool {
        let (r, m) = (a.copied(), a.width());
        let n = (d + c) * m;
        let incoming = |slot: usize, p: usize| slot * d + p;
        let outgoing = |slot: usize, k: usize| d * m + slot * c + k;
        let weight = |t: usize, p: usize| ((t * d + p) as f64 + 1.0).sqrt() * 1.37;
        let effect = |t: usize, k: usize| ((t * c + k) as f64 + 2.0).ln() + 0.21;
        let mut rows: Vec<Vec<f64>> = Vec::new();
        for labelling in [a, b] {
            let labels = (0..r).map(Slot::Copy).chain((0..labelling.groups()).map(Slot::Zero));
            for what in labels {
                let slots: Vec<usize> = labelling.slots_with(what).collect();
                for p in 0..d {
                    for &slot in &slots {
                        let mut equal = vec![0.0; n + 1];
                        equal[incoming(slot, p)] = 1.0;
                        match what {
                            Slot::Copy(t) => equal[n] = weight(t, p),
                            Slot::Zero(_) => equal[incoming(slots[0], p)] -= 1.0,
                        }
                        rows.push(equal);
                    }
                }
                for k in 0..c {
                    let mut sum = vec![0.0; n + 1];
                    slots.iter().for_each(|&slot| sum[outgoing(slot, k)] = 1.0);
                    sum[n] = if let Slot::Copy(t) = what { effect(t, k) } else { 0.0 };
                    rows.push(sum);
                }
            }
        }
        let mut rank = 0;
        for column in 0..n {
            let Some(pivot) = (rank..rows.len()).find(|&i| rows[i][column].abs() > 1e-9) else { continue };
            rows.swap(rank, pivot);
            for i in 0..rows.len() {
                if i != rank && rows[i][column].abs() > 0.0 {
                    let factor = rows[i][column] / rows[rank][column];
                    for k in 0..=n {
                        rows[i][k] -= factor * rows[rank][k];
                    }
                }
            }
            rank += 1;
        }
        rows[rank..].iter().all(|row| row[n].abs() < 1e-9)
    }

    #[test]
    fn edges_are_those_that_elimination_finds() {
        for (r, m) in [(1, 3), (2, 3), (2, 4), (3, 3)] {
            let nodes = labellings(r, m, Kind::GlobalMinima).unwrap();
            for a in &nodes {
                for b in &nodes {
                    assert_eq!(intersect(a, b), intersect_by_elimination(a, b, 1, 1), "{a} and {b}");
                }
            }
        }
    }

    #[test]
    fn edges_are_the_same_for_several_inputs_and_outputs() {
        for (r, m) in [(1, 3), (2, 3)] {
            let nodes = labellings(r, m, Kind::GlobalMinima).unwrap();
            for (d, c) in [(2, 1), (1, 2), (2, 2), (3, 2)] {
                for a in &nodes {
                    for b in &nodes {
                        assert_eq!(intersect(a, b), intersect_by_elimination(a, b, d, c), "{a} and {b}, {d} to {c}");
                    }
                }
            }
        }
    }

    #[test]
    fn too_large_a_graph_is_refused() {
        assert!(ExpansionGraph::new(5, 8).unwrap_err().to_string().contains("394800"));
        assert!(ExpansionGraph::new(3, 2).is_err());
    }
}
