//! The subspaces that [`mod@count`] counts, one by one: labellings of neuron slots.
//!
//! A [`Labelling`] says for each of `m` slots which of the `r` neurons it copies, or to which group of neurons without
//! effect it belongs. Copy labels are distinguishable, groups are not: they are numbered by first appearance, so that
//! every affine subspace has exactly one labelling. With groups there are `T(r, m)` labellings, without them `G(r, m)`.
//!
//! ```
//! use neuropil_landscape::enumeration::{Kind, labellings};
//!
//! let nodes = labellings(2, 3, Kind::GlobalMinima)?;
//! assert_eq!(nodes.len(), 12);
//! assert_eq!(nodes[0].to_string(), "1 1 2");
//! # Ok::<(), neuropil_landscape::Error>(())
//! ```

use std::fmt;

use neuropil_core::random::{Seed, uniform};
use num_bigint::BigUint;
use serde::{Deserialize, Serialize};

use crate::count::{self, stirling2_row};
use crate::ratio::Ratio;
use crate::{Error, Result};

/// The most labellings that [`labellings`] lists.
pub const LARGEST_LIST: u64 = 10_000_000;

/// What one slot holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Slot {
    /// A copy of neuron `0..r`.
    Copy(usize),
    /// A member of a group without effect: one incoming vector, outgoing vectors that sum to zero.
    Zero(usize),
}

/// Which subspaces are meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Kind {
    /// Copies only: critical subspaces of a critical point with positive loss, `G(r, m)` of them.
    Critical,
    /// Copies and groups without effect: the zero-loss set, `T(r, m)` subspaces.
    GlobalMinima,
}

/// One affine subspace: what each slot holds.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Labelling {
    slots: Vec<Slot>,
}

impl Labelling {
    /// A labelling of slots by `r` neurons; groups are renumbered by first appearance.
    ///
    /// # Errors
    /// If a label is `r` or more, or one of the `r` neurons has no copy.
    pub fn new(mut slots: Vec<Slot>, r: usize) -> Result<Self> {
        let mut used = vec![false; r];
        let mut groups: Vec<usize> = Vec::new();
        for (index, slot) in slots.iter_mut().enumerate() {
            match slot {
                Slot::Copy(label) if *label < r => used[*label] = true,
                Slot::Copy(label) => {
                    return Err(Error::parameter(format!("slot {index}"), *label, format!("a label below r = {r}")));
                }
                Slot::Zero(group) => {
                    let found = groups.iter().position(|known| known == group);
                    *group = found.unwrap_or_else(|| {
                        groups.push(*group);
                        groups.len() - 1
                    });
                }
            }
        }
        match used.iter().position(|used| !used) {
            Some(missing) => {
                Err(Error::parameter("labelling", format!("without a copy of neuron {missing}"), "complete"))
            }
            None => Ok(Self { slots }),
        }
    }

    /// What each slot holds.
    #[must_use]
    pub fn slots(&self) -> &[Slot] {
        &self.slots
    }

    /// The number of slots, `m`.
    #[must_use]
    pub fn width(&self) -> usize {
        self.slots.len()
    }

    /// The number of copied neurons, `r`.
    #[must_use]
    pub fn copied(&self) -> usize {
        self.slots.iter().map(|slot| if let Slot::Copy(label) = slot { label + 1 } else { 0 }).max().unwrap_or(0)
    }

    /// The number of groups without effect, `j`.
    #[must_use]
    pub fn groups(&self) -> usize {
        self.slots.iter().map(|slot| if let Slot::Zero(group) = slot { group + 1 } else { 0 }).max().unwrap_or(0)
    }

    /// The slots that hold `what`.
    pub fn slots_with(&self, what: Slot) -> impl Iterator<Item = usize> {
        self.slots.iter().enumerate().filter(move |(_, slot)| **slot == what).map(|(index, _)| index)
    }

    /// Dimension of the affine subspace of global minima, `c (m - r - j) + j d`, for `c` outputs and `d` incoming
    /// weights per neuron (with the bias, where there is one).
    #[must_use]
    pub fn dimension(&self, inputs: usize, outputs: usize) -> usize {
        let groups = self.groups();
        outputs * (self.width() - self.copied() - groups) + groups * inputs
    }

    /// Dimension `m - r` of the critical subspace, whatever the number of outputs; `None` if a neuron is no copy.
    #[must_use]
    pub fn critical_dimension(&self) -> Option<usize> {
        (self.groups() == 0).then(|| self.width() - self.copied())
    }
}

impl fmt::Display for Labelling {
    /// Copies as numbers from 1, groups as letters from `a` (`z1`, `z2`, ... beyond the 26th).
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, slot) in self.slots.iter().enumerate() {
            if index > 0 {
                f.write_str(" ")?;
            }
            match slot {
                Slot::Copy(label) => write!(f, "{}", label + 1)?,
                Slot::Zero(group) if *group < 26 => write!(f, "{}", char::from(b'a' + *group as u8))?,
                Slot::Zero(group) => write!(f, "z{}", group - 25)?,
            }
        }
        Ok(())
    }
}

/// All labellings of `m` slots by `r` neurons, in lexicographic order (copies before groups).
///
/// # Errors
/// If `m < r`, or if there are more than [`LARGEST_LIST`]; [`sample`] draws single ones at any size.
pub fn labellings(r: usize, m: usize, kind: Kind) -> Result<Vec<Labelling>> {
    labellings_up_to(r, m, kind, LARGEST_LIST)
}

/// As [`labellings`], with a bound of your own: a labelling takes about `16 m + 24` bytes.
///
/// # Errors
/// If `m < r`, or if there are more than `most`.
pub fn labellings_up_to(r: usize, m: usize, kind: Kind, most: u64) -> Result<Vec<Labelling>> {
    check(r, m)?;
    let total = count_of(r, m, kind);
    if total > BigUint::from(most) {
        let allowed = format!(
            "at most {most} to be listed; draw single ones with `sample`, or raise the bound with `labellings_up_to`"
        );
        return Err(Error::parameter("the number of labellings", total, allowed));
    }
    let mut found = Vec::with_capacity(total.iter_u64_digits().next().unwrap_or(0) as usize);
    let mut slots = Vec::with_capacity(m);
    let mut uses = vec![0; r];
    extend(&mut slots, &mut uses, 0, m, kind, &mut found);
    Ok(found)
}

fn extend(slots: &mut Vec<Slot>, uses: &mut [usize], groups: usize, m: usize, kind: Kind, found: &mut Vec<Labelling>) {
    let missing = uses.iter().filter(|&&n| n == 0).count();
    let left = m - slots.len();
    if left == 0 {
        found.push(Labelling { slots: slots.clone() });
        return;
    }
    for label in 0..uses.len() {
        // Every slot that is left is needed when as many neurons have no copy yet.
        if missing == left && uses[label] > 0 {
            continue;
        }
        uses[label] += 1;
        slots.push(Slot::Copy(label));
        extend(slots, uses, groups, m, kind, found);
        slots.pop();
        uses[label] -= 1;
    }
    if kind == Kind::GlobalMinima && missing < left {
        for group in 0..=groups {
            slots.push(Slot::Zero(group));
            extend(slots, uses, groups.max(group + 1), m, kind, found);
            slots.pop();
        }
    }
}

/// One labelling, each of the `G(r, m)` or `T(r, m)` with the same probability (up to the rounding of f64).
///
/// A set partition of the slots into `r + j` blocks is drawn, with `j` chosen by its share of the count, and `r` of the
/// blocks get the labels in random order.
///
/// # Errors
/// If `m < r` or `m` is above 1000.
pub fn sample(r: usize, m: usize, kind: Kind, seed: Seed) -> Result<Labelling> {
    check(r, m)?;
    if m > 1000 {
        return Err(Error::parameter("m", m, "at most 1000 to draw a labelling"));
    }
    let mut stream = seed.child("labelling").stream();
    let rows: Vec<Vec<BigUint>> = stirling_triangle(m);
    let blocks = match kind {
        Kind::Critical => r,
        Kind::GlobalMinima => {
            let mut arrangements = count::factorial(r);
            let mut shares = vec![&rows[m][r] * &arrangements];
            for j in 1..=(m - r) {
                arrangements *= (r + j) as u64;
                arrangements /= j as u64;
                shares.push(&rows[m][r + j] * &arrangements);
            }
            let total: BigUint = shares.iter().sum();
            let mut draw = uniform(&mut stream);
            let mut chosen = m - r;
            for (j, share) in shares.iter().enumerate() {
                draw -= Ratio::new(share, &total)?.value;
                if draw < 0.0 {
                    chosen = j;
                    break;
                }
            }
            r + chosen
        }
    };
    // Backwards through S(n, k) = k S(n-1, k) + S(n-1, k-1): is slot n alone, or does it join one of k blocks?
    let mut block_of = vec![0; m];
    let mut joins = vec![None; m];
    let mut k = blocks;
    for n in (1..=m).rev() {
        let alone = if k == 0 { 0.0 } else { Ratio::new(&rows[n - 1][k - 1], &rows[n][k])?.value };
        if uniform(&mut stream) < alone {
            k -= 1;
        } else {
            joins[n - 1] = Some(((uniform(&mut stream) * k as f64) as usize).min(k - 1));
        }
    }
    let mut opened = 0;
    for slot in 0..m {
        block_of[slot] = joins[slot].unwrap_or_else(|| {
            opened += 1;
            opened - 1
        });
    }
    let mut order: Vec<usize> = (0..blocks).collect();
    for index in (1..blocks).rev() {
        order.swap(index, ((uniform(&mut stream) * (index + 1) as f64) as usize).min(index));
    }
    let slots = block_of
        .into_iter()
        .map(|block| if order[block] < r { Slot::Copy(order[block]) } else { Slot::Zero(order[block]) })
        .collect();
    Labelling::new(slots, r)
}

fn stirling_triangle(m: usize) -> Vec<Vec<BigUint>> {
    let mut rows = vec![stirling2_row(0)];
    for n in 1..=m {
        let before = &rows[n - 1];
        let row = (0..=n)
            .map(|k| match k {
                0 => BigUint::ZERO,
                _ => before.get(k).map_or(BigUint::ZERO, |value| value * k as u64) + &before[k - 1],
            })
            .collect();
        rows.push(row);
    }
    rows
}

/// The compositions of `m` into `r` positive parts, in lexicographic order: how many copies each neuron gets.
///
/// # Errors
/// If there are more than [`LARGEST_LIST`].
pub fn compositions(r: usize, m: usize) -> Result<Vec<Vec<usize>>> {
    if r == 0 || m < r {
        return Ok(if r == 0 && m == 0 { vec![Vec::new()] } else { Vec::new() });
    }
    refuse_long("the number of compositions", count::binomial(m - 1, r - 1))?;
    let mut found = Vec::new();
    let mut parts = Vec::with_capacity(r);
    compose(r, m, &mut parts, &mut found);
    Ok(found)
}

fn compose(r: usize, m: usize, parts: &mut Vec<usize>, found: &mut Vec<Vec<usize>>) {
    if r == 1 {
        parts.push(m);
        found.push(parts.clone());
        parts.pop();
        return;
    }
    for part in 1..=(m + 1 - r) {
        parts.push(part);
        compose(r - 1, m - part, parts, found);
        parts.pop();
    }
}

/// The integer partitions of `n`, parts in decreasing order: sizes of the groups without effect.
///
/// # Errors
/// If `n` is above 80 (16 million partitions).
pub fn partitions(n: usize) -> Result<Vec<Vec<usize>>> {
    if n > 80 {
        return Err(Error::parameter("n", n, "at most 80 for a list of partitions"));
    }
    let mut found = Vec::new();
    divide(n, n, &mut Vec::new(), &mut found);
    Ok(found)
}

fn divide(n: usize, largest: usize, parts: &mut Vec<usize>, found: &mut Vec<Vec<usize>>) {
    if n == 0 {
        found.push(parts.clone());
        return;
    }
    for part in (1..=largest.min(n)).rev() {
        parts.push(part);
        divide(n - part, part, parts, found);
        parts.pop();
    }
}

fn refuse_long(name: &str, total: BigUint) -> Result<()> {
    if total > BigUint::from(LARGEST_LIST) {
        return Err(Error::parameter(name, total, format!("at most {LARGEST_LIST} to be listed")));
    }
    Ok(())
}

fn count_of(r: usize, m: usize, kind: Kind) -> BigUint {
    match kind {
        Kind::Critical => count::critical_subspaces(r, m),
        Kind::GlobalMinima => count::global_minima_subspaces(r, m),
    }
}

fn check(r: usize, m: usize) -> Result<()> {
    count::check_width("m", m)?;
    if m < r {
        return Err(Error::parameter("m", m, format!("at least r = {r}: every neuron needs a slot")));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::collections::{HashMap, HashSet};

    use super::*;

    #[test]
    fn every_subspace_is_listed_once() {
        for r in 0..=4 {
            for m in r..=6 {
                for kind in [Kind::Critical, Kind::GlobalMinima] {
                    let nodes = labellings(r, m, kind).unwrap();
                    assert_eq!(BigUint::from(nodes.len()), count_of(r, m, kind), "r = {r}, m = {m}, {kind:?}");
                    assert_eq!(nodes.iter().collect::<HashSet<_>>().len(), nodes.len());
                    for node in nodes {
                        assert_eq!(Labelling::new(node.slots.clone(), r).unwrap(), node);
                    }
                }
            }
        }
    }

    #[test]
    fn samples_are_uniform() {
        let nodes = labellings(2, 4, Kind::GlobalMinima).unwrap();
        let draws = 20_000;
        let mut counts: HashMap<Labelling, f64> = HashMap::new();
        for index in 0..draws {
            let drawn = sample(2, 4, Kind::GlobalMinima, Seed::new(3).index(index)).unwrap();
            *counts.entry(drawn).or_default() += 1.0;
        }
        assert_eq!(counts.len(), nodes.len());
        let expected = draws as f64 / nodes.len() as f64;
        let chi_square: f64 = counts.values().map(|n| (n - expected).powi(2) / expected).sum();
        // 61 degrees of freedom: mean 61, standard deviation 11.
        assert!(chi_square < 61.0 + 4.0 * 11.05, "chi square {chi_square}");
        let critical = sample(5, 40, Kind::Critical, Seed::new(0)).unwrap();
        assert_eq!((critical.copied(), critical.groups(), critical.width()), (5, 0, 40));
    }

    #[test]
    fn compositions_and_partitions_are_complete() {
        assert_eq!(compositions(2, 4).unwrap(), [[1, 3], [2, 2], [3, 1]]);
        assert_eq!(partitions(4).unwrap(), [vec![4], vec![3, 1], vec![2, 2], vec![2, 1, 1], vec![1, 1, 1, 1]]);
        assert_eq!(partitions(30).unwrap().len(), 5604);
        assert_eq!(partitions(0).unwrap(), [Vec::<usize>::new()]);
    }

    #[test]
    fn too_many_or_too_few_slots_are_refused() {
        assert!(labellings(4, 3, Kind::Critical).unwrap_err().to_string().contains("at least r = 4"));
        assert!(labellings(4, 10, Kind::GlobalMinima).unwrap_err().to_string().contains("20479560"));
        assert!(labellings_up_to(2, 4, Kind::GlobalMinima, 61).is_err());
        assert_eq!(labellings_up_to(2, 4, Kind::GlobalMinima, 62).unwrap().len(), 62);
        assert!(Labelling::new(vec![Slot::Copy(0), Slot::Copy(2)], 2).is_err());
        assert!(Labelling::new(vec![Slot::Copy(0), Slot::Zero(0)], 2).is_err());
    }

    #[test]
    fn labels_are_written_as_numbers_and_letters() {
        let labelling = Labelling::new(vec![Slot::Zero(7), Slot::Copy(1), Slot::Copy(0), Slot::Zero(7)], 2).unwrap();
        assert_eq!(labelling.to_string(), "a 2 1 a");
        assert_eq!(labelling.dimension(2, 1), 3);
        assert_eq!(labelling.critical_dimension(), None);
    }
}
