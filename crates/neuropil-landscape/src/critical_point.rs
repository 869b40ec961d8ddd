//! What kind of point is this? Loss, gradient, index, and why each zero eigenvalue is there.
//!
//! Zero eigenvalues of the Hessian come from structure, and each kind of structure says which directions it leaves flat:
//!
//! | kind | directions | where |
//! |---|---|---|
//! | plateau | outgoing weight moves between copies | everywhere with one output; see below |
//! | copy | incoming vectors of copies move apart, weighted effects cancelling | at zero loss |
//! | zero type | the vectors of neurons without effect | at zero loss |
//! | gauge | scale of relu and monomials, mixing of linear and polynomial neurons, bias of exp, shift of softmax outputs | everywhere |
//! | dead | neurons that are silent on all samples (relu) | everywhere |
//! | unused input | inputs that are zero or linearly dependent | everywhere |
//!
//! The report finds copies and silent neurons by [`reduce`](crate::reduction::reduce) (copies up to sign and scale where
//! the activation allows, whatever the classification of the neurons counts as a copy), writes down the directions of
//! every kind, and counts how many dimensions of the near-null space of the Hessian each of them covers. What is left is
//! reported as unexplained.
//!
//! The *plateau dimension* is stated beside the number of zero eigenvalues, because they differ: two copies lie on a
//! plateau of equal loss with as many dimensions as the next layer has neurons, `c`, but at positive loss and with
//! `c > 1` only one of these directions is a null vector in general ([`plateau`](crate::plateau)).

use ndarray::{Array1, Array2, ArrayView2};
use neuropil_core::statistics::largest;
use serde::{Deserialize, Serialize};

use crate::eigen::symmetric_eigen;
use crate::flat_directions::{Candidate, Structure};
use crate::reduction::{Classification, ReductionTolerance};
use crate::{Objective, Parameters, Result};

/// When an eigenvalue counts as zero, a point as critical, and neurons as equal.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ReportParameters {
    /// An eigenvalue is zero below this, times the larger of 1 and the largest eigenvalue.
    pub zero: f64,
    /// Largest absolute gradient component of a critical point, and its largest Newton decrement.
    pub gradient: f64,
    /// When neurons count as copies or silent.
    pub reduction: ReductionTolerance,
}

impl Default for ReportParameters {
    fn default() -> Self {
        Self { zero: 1e-10, gradient: 1e-8, reduction: ReductionTolerance::default() }
    }
}

/// Why an eigenvalue is zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ZeroModeKind {
    /// Outgoing weight moves between copies.
    Plateau,
    /// Incoming vectors of copies move apart.
    Copy,
    /// A group of neurons without effect moves.
    ZeroType,
    /// A continuous symmetry of the activation or the loss.
    Gauge,
    /// A neuron that is silent on all samples.
    Dead,
    /// An input that is zero or a linear combination of others.
    UnusedInput,
}

impl ZeroModeKind {
    /// The words of the table.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Plateau => "plateau",
            Self::Copy => "copy",
            Self::ZeroType => "zero type",
            Self::Gauge => "gauge",
            Self::Dead => "dead",
            Self::UnusedInput => "unused input",
        }
    }
}

/// Zero eigenvalues with one explanation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ZeroModes {
    /// Why they are zero.
    pub kind: ZeroModeKind,
    /// The layer, counted from 0: the hidden layer of the neurons, or the weight layer of a gauge.
    pub layer: usize,
    /// The neurons concerned.
    pub neurons: Vec<usize>,
    /// How many.
    pub count: usize,
}

/// What a point is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PointKind {
    /// The gradient is not small, or a Newton step would still change the loss.
    NotCritical,
    /// All eigenvalues are positive.
    StrictMinimum,
    /// No eigenvalue is negative, some are zero: a minimum as far as second derivatives tell.
    DegenerateMinimum,
    /// Some eigenvalues are negative.
    Saddle,
}

impl PointKind {
    /// In words.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::NotCritical => "not a critical point",
            Self::StrictMinimum => "strict minimum",
            Self::DegenerateMinimum => "minimum to second order, with flat directions",
            Self::Saddle => "saddle",
        }
    }
}

/// A point of the landscape, described.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CriticalPointReport {
    /// What it is.
    pub kind: PointKind,
    /// The loss.
    pub loss: f64,
    /// Largest absolute component of the gradient.
    pub gradient_max: f64,
    /// Euclidean length of the gradient.
    pub gradient_norm: f64,
    /// `g^T H^+ g / 2` over eigenvalues that are not zero, in absolute value: what a Newton step would change the loss by.
    pub newton_decrement: f64,
    /// Eigenvalues of the Hessian, increasing.
    pub eigenvalues: Array1<f64>,
    /// Eigenvalues below this in absolute value count as zero.
    pub threshold: f64,
    /// Number of negative eigenvalues: the index.
    pub index: usize,
    /// Number of zero eigenvalues.
    pub zeros: usize,
    /// Number of positive eigenvalues.
    pub positive: usize,
    /// Explanations of the zero eigenvalues; their counts and `unexplained` add up to `zeros`.
    pub zero_modes: Vec<ZeroModes>,
    /// Zero eigenvalues without an explanation.
    pub unexplained: usize,
    /// Dimension of the plateau on which outgoing weights move between copies (also copies up to a symmetry of the
    /// activation) at equal loss; 0 with weight decay, which changes along it.
    pub plateau_dimension: usize,
    /// The neurons of each hidden layer.
    pub neurons: Vec<Classification>,
    /// For each hidden layer the number of neurons that are needed.
    pub reduced_widths: Vec<usize>,
    /// What to know about the eigenvalues, for activations with kinks ([`Objective::hessian_warning`]).
    pub warning: Option<String>,
}

impl CriticalPointReport {
    /// Describes a point. Needs the dense Hessian.
    ///
    /// # Errors
    /// If the parameters are those of another network or not finite, a tolerance is negative, or the Hessian exceeds the
    /// memory that the objective allows.
    pub fn new(objective: &Objective, parameters: &Parameters, how: &ReportParameters) -> Result<Self> {
        neuropil_core::check::positive("the threshold of zero eigenvalues", how.zero)?;
        neuropil_core::check::positive("the threshold of the gradient", how.gradient)?;
        how.reduction.validate()?;
        let (loss, gradient) = objective.value_and_gradient(parameters.theta())?;
        let hessian = objective.hessian(parameters.theta())?;
        let (eigenvalues, eigenvectors) = symmetric_eigen(&hessian)?;
        let threshold = how.zero * largest(eigenvalues.iter().map(|value| value.abs()).chain([1.0]));
        let null: Vec<usize> = (0..eigenvalues.len()).filter(|&k| eigenvalues[k].abs() <= threshold).collect();
        let index = eigenvalues.iter().filter(|value| **value < -threshold).count();
        let zeros = null.len();
        let along = eigenvectors.t().dot(&gradient);
        let newton_decrement: f64 = along
            .iter()
            .zip(&eigenvalues)
            .filter(|(_, value)| value.abs() > threshold)
            .map(|(g, value)| 0.5 * g * g / value.abs())
            .sum();
        let gradient_max = largest(gradient.iter().map(|component| component.abs()));
        // A small gradient along a small eigenvalue may still be far from the critical point; the decrement tells.
        let kind = if !(gradient_max <= how.gradient && newton_decrement <= how.gradient) {
            PointKind::NotCritical
        } else if index > 0 {
            PointKind::Saddle
        } else if zeros > 0 {
            PointKind::DegenerateMinimum
        } else {
            PointKind::StrictMinimum
        };
        let null_space = Array2::from_shape_fn((eigenvalues.len(), zeros), |(i, k)| eigenvectors[[i, null[k]]]);
        let structure = Structure::of(objective, parameters, &how.reduction)?;
        let zero_modes = explain(&structure.candidates, null_space.view())?;
        let explained: usize = zero_modes.iter().map(|modes| modes.count).sum();
        Ok(Self {
            kind,
            loss,
            gradient_max,
            gradient_norm: gradient.dot(&gradient).sqrt(),
            newton_decrement,
            threshold,
            index,
            zeros,
            positive: eigenvalues.len() - index - zeros,
            eigenvalues,
            zero_modes,
            unexplained: zeros.saturating_sub(explained),
            plateau_dimension: structure.plateau_dimension,
            neurons: structure.neurons,
            reduced_widths: structure.reduced_widths,
            warning: objective.hessian_warning(),
        })
    }

    /// Zero eigenvalues of one kind.
    #[must_use]
    pub fn count(&self, kind: ZeroModeKind) -> usize {
        self.zero_modes.iter().filter(|modes| modes.kind == kind).map(|modes| modes.count).sum()
    }
}

/// How many dimensions of the null space each candidate adds to those before it.
///
/// The span of all candidates so far and the null space share as many dimensions as there are principal angles of zero:
/// eigenvalues one of the null space's projection onto the span. An angle of 1e-3 counts as zero, because at the
/// precision of f64 the null space of a noisy Hessian is known to about that.
fn explain(candidates: &[Candidate], null_space: ArrayView2<f64>) -> Result<Vec<ZeroModes>> {
    let zeros = null_space.ncols();
    let mut found: Vec<ZeroModes> = Vec::new();
    let mut basis: Vec<Array1<f64>> = Vec::new();
    let mut overlap = Array2::<f64>::zeros((zeros, zeros));
    let mut covered = 0;
    for candidate in candidates.iter().filter(|_| zeros > 0) {
        for direction in &candidate.directions {
            let Some(new) = orthogonal_part(direction, &basis) else { continue };
            let projection = null_space.t().dot(&new);
            for a in 0..zeros {
                for b in 0..zeros {
                    overlap[[a, b]] += projection[a] * projection[b];
                }
            }
            basis.push(new);
        }
        let (values, _) = symmetric_eigen(&overlap)?;
        let now = values.iter().filter(|value| **value > 1.0 - 1e-6).count();
        if now > covered {
            let count = now - covered;
            covered = now;
            let same = |last: &&mut ZeroModes| last.kind == candidate.kind && last.neurons == candidate.neurons;
            match found.last_mut().filter(same) {
                Some(last) => last.count += count,
                None => {
                    let neurons = candidate.neurons.clone();
                    found.push(ZeroModes { kind: candidate.kind, layer: candidate.layer, neurons, count });
                }
            }
        }
    }
    Ok(found)
}

/// The unit vector along what a direction adds to the basis; `None` if it adds nothing.
fn orthogonal_part(direction: &Array1<f64>, basis: &[Array1<f64>]) -> Option<Array1<f64>> {
    let length = direction.dot(direction).sqrt();
    if !(length > 0.0) {
        return None;
    }
    let mut rest = direction / length;
    // Twice is enough for orthogonality to rounding.
    for _ in 0..2 {
        for known in basis {
            let share = known.dot(&rest);
            rest.scaled_add(-share, known);
        }
    }
    let left = rest.dot(&rest).sqrt();
    (left > 1e-8).then(|| rest / left)
}
