//! Plateaus of split neurons, and how the loss bends beside them.
//!
//! Where two neurons share an incoming vector only the sum of their outgoing vectors matters: the loss is constant on a
//! plateau of as many dimensions as the next layer has neurons, `c`. Written as a split of one neuron with outgoing vector
//! `a` into `mu a` and `(1 - mu) a`, the directions that leave the function unchanged to first order,
//! `delta a = (u, -u)` and `delta w = (z / mu, -z / (1 - mu))`, see exactly the Hessian
//!
//! `1 / (mu (1 - mu)) [[0, C], [C^T, M]]` in the coordinates `(u, z)`, with
//! `C = 2 sum_n omega_n e_n f'(w.x_n) x_n^T` (c x d) and `M = 2 sum_n omega_n (a.e_n) f''(w.x_n) x_n x_n^T` (d x d).
//!
//! Criticality gives `a^T C = 0`, so at least `c - rank(C) >= 1` eigenvalues are zero. The quadratic form vanishes on
//! all `c` plateau directions, but they are null vectors only where `C^T u = 0`: with several outputs and a general `C`
//! exactly one eigenvalue is zero, and at least `rank(C)` are negative (the point is a strict saddle). The plateau
//! dimension and the number of zero eigenvalues are two numbers. With one output `C = 0`, and the sign of `M` decides:
//! `M` positive definite makes `0 < mu < 1` a line of local minima with saddles outside, `M` negative definite the
//! reverse, an indefinite `M` gives saddles everywhere; a singular `M` decides nothing. (Brea et al. 2019, arXiv:1907.02911; the block form is ours.)

use ndarray::{Array1, Array2, s};
use neuropil_core::statistics::largest;
use serde::{Deserialize, Serialize};

use crate::expansion::{CriticalTolerance, require_critical, split};
use crate::neuron::{check_neuron, neurons, with_neurons};
use crate::{Error, Objective, Parameters, Result};

/// The matrices that decide what a split of one neuron does.
#[derive(Debug, Clone, PartialEq)]
pub struct SplitCurvature {
    /// `C`, outputs x incoming weights (with bias).
    pub coupling: Array2<f64>,
    /// `M`, incoming weights x incoming weights.
    pub curvature: Array2<f64>,
    /// Eigenvalues of `M`, increasing.
    pub curvature_eigenvalues: Array1<f64>,
    /// Singular values of `C` and eigenvalues of `M` up to this count as zero: 1e-7 of the larger of both matrices, but at
    /// least 1e-12 of the Hessian that they come from, which is its rounding error.
    pub tolerance: f64,
    /// Rank of `C`.
    pub coupling_rank: usize,
}

/// What a line of splits `mu a`, `(1 - mu) a` is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SplitLine {
    /// Local minima for `0 < mu < 1`, saddles outside.
    MinimaInside,
    /// Saddles for `0 < mu < 1`, local minima outside.
    MinimaOutside,
    /// Saddles everywhere.
    Saddles,
    /// `C` is zero and `M` singular (or zero, as for relu): flat to second order in a direction, and not decided by it.
    Degenerate,
}

impl SplitCurvature {
    /// Of one neuron at a critical point. Works for hidden layers at any depth and for any loss.
    ///
    /// # Errors
    /// If there is no such neuron, the loss decays with the weights (then splits are no plateau), or the point is not
    /// critical to the [default tolerance](CriticalTolerance).
    pub fn new(objective: &Objective, parameters: &Parameters, layer: usize, neuron: usize) -> Result<Self> {
        let list = neurons(parameters, layer)?;
        check_neuron("neuron", neuron, list.len())?;
        refuse_decay("the curvature of a split", objective)?;
        require_critical("the curvature of a split", objective, parameters, &CriticalTolerance::default())?;
        let halves = split(parameters, layer, neuron, &[0.5, 0.5])?;
        let wide = Objective::new(halves.network(), objective.data(), objective.loss())?;
        let (inputs, outputs) = (list[0].incoming.len(), list[0].outgoing.len());
        let n = inputs + outputs;
        let last = list.len();
        let mut directions = Vec::with_capacity(n);
        for k in 0..n {
            let mut moved: Vec<_> = neurons(&halves, layer)?;
            for neuron in &mut moved {
                neuron.incoming.fill(0.0);
                neuron.outgoing.fill(0.0);
            }
            if k < outputs {
                moved[neuron].outgoing[k] = 1.0;
                moved[last].outgoing[k] = -1.0;
            } else {
                moved[neuron].incoming[k - outputs] = 2.0;
                moved[last].incoming[k - outputs] = -2.0;
            }
            let zero = halves.network().zeros();
            directions.push(with_neurons(&zero, layer, &moved)?.into_theta());
        }
        let mut block = Array2::zeros((n, n));
        let mut size = 0.0;
        for (column, direction) in directions.iter().enumerate() {
            let product = wide.hessian_vector(halves.theta(), direction.view())?;
            size = largest(product.iter().map(|value| value.abs()).chain([size]));
            for (row, left) in directions.iter().enumerate() {
                block[[row, column]] = left.dot(&product) / 4.0;
            }
        }
        let coupling = block.slice(s![..outputs, outputs..]).to_owned();
        let curvature = block.slice(s![outputs.., outputs..]).to_owned();
        let curvature = (&curvature + &curvature.t()) / 2.0;
        let (curvature_eigenvalues, _) = crate::eigen::symmetric_eigen(&curvature)?;
        let (squares, _) = crate::eigen::symmetric_eigen(&coupling.dot(&coupling.t()))?;
        let scale = largest(coupling.iter().chain(&curvature).map(|value| value.abs()));
        let tolerance = (1e-7 * scale).max(1e-12 * size);
        let coupling_rank = squares.iter().filter(|square| square.max(0.0).sqrt() > tolerance).count();
        Ok(Self { coupling, curvature, curvature_eigenvalues, tolerance, coupling_rank })
    }

    /// The number of zero eigenvalues that every split with `mu` other than 0 and 1 adds: `c - rank(C)`.
    #[must_use]
    pub fn zero_eigenvalues(&self) -> usize {
        self.coupling.nrows() - self.coupling_rank
    }

    /// What the line of splits is made of, if the unsplit point is a minimum.
    #[must_use]
    pub fn line(&self) -> SplitLine {
        if self.coupling_rank > 0 {
            return SplitLine::Saddles;
        }
        let count =
            |sign: f64| self.curvature_eigenvalues.iter().filter(|value| *value * sign > self.tolerance).count();
        let (positive, negative, all) = (count(1.0), count(-1.0), self.curvature_eigenvalues.len());
        match (positive, negative) {
            (positive, 0) if positive == all => SplitLine::MinimaInside,
            (0, negative) if negative == all => SplitLine::MinimaOutside,
            (1.., 1..) => SplitLine::Saddles,
            _ => SplitLine::Degenerate,
        }
    }
}

/// The plateau of two neurons with one incoming vector.
#[derive(Debug, Clone, PartialEq)]
pub struct Plateau {
    point: Parameters,
    layer: usize,
    pair: (usize, usize),
}

impl Plateau {
    /// The plateau through a point whose neurons `i` and `j` of a hidden layer have the same incoming vector.
    ///
    /// # Errors
    /// If their incoming vectors differ by more than 1e-10 of their length, or there are no such two neurons.
    pub fn new(point: &Parameters, layer: usize, i: usize, j: usize) -> Result<Self> {
        let list = neurons(point, layer)?;
        crate::expansion::check_pair(&list, i, j)?;
        if list[i].relation(&list[j], crate::neuron::Equality::Copies, 1e-10).is_none() {
            let value = format!("{} and {}", list[i].incoming, list[j].incoming);
            return Err(Error::parameter(format!("the incoming vectors of neurons {i} and {j}"), value, "equal"));
        }
        Ok(Self { point: point.clone(), layer, pair: (i, j) })
    }

    /// Its dimension: the number of neurons of the next layer.
    #[must_use]
    pub fn dimension(&self) -> usize {
        self.point.network().widths[self.layer + 2]
    }

    /// The sum of the two outgoing vectors.
    #[must_use]
    pub fn sum(&self) -> Array1<f64> {
        self.point.outgoing(self.layer, self.pair.0) + self.point.outgoing(self.layer, self.pair.1)
    }

    /// The point where the first neuron has the share `mu` of the sum, the second `1 - mu`.
    ///
    /// # Errors
    /// If `mu` is not finite.
    pub fn at(&self, mu: f64) -> Result<Parameters> {
        neuropil_core::check::finite("mu", mu)?;
        self.with_first(&(&self.sum() * mu))
    }

    /// The point where the first neuron has this outgoing vector, of any direction.
    ///
    /// # Errors
    /// If the vector has the wrong length or is not finite.
    pub fn with_first(&self, outgoing: &Array1<f64>) -> Result<Parameters> {
        let mut list = neurons(&self.point, self.layer)?;
        crate::neuron::check_length("the outgoing vector", outgoing.len(), self.dimension())?;
        list[self.pair.1].outgoing = self.sum() - outgoing;
        list[self.pair.0].outgoing = outgoing.clone();
        with_neurons(&self.point, self.layer, &list)
    }

    /// The loss at shares `mu`; the same for all of them, unless the objective has weight decay.
    ///
    /// # Errors
    /// If the objective is that of another network.
    pub fn losses(&self, objective: &Objective, mu: &[f64]) -> Result<Vec<f64>> {
        mu.iter().map(|&mu| objective.value(self.at(mu)?.theta())).collect()
    }
}

/// Refuses a loss with weight decay, on which copies are no plateau.
pub(crate) fn refuse_decay(what: &str, objective: &Objective) -> Result<()> {
    if objective.weight_decay() == 0.0 {
        return Ok(());
    }
    Err(Error::Undefined {
        what: what.into(),
        case: format!("a loss with weight decay {}", objective.weight_decay()),
        advice: "weight decay prefers equal shares, so that splits are no plateau; use the loss without it".into(),
    })
}
