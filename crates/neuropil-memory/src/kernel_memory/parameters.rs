//! What a kernel memory is fitted with.

use neuropil_core::check;
use serde::{Deserialize, Serialize};

use crate::associative_memory::StateKind;
use crate::error::{Error, Result};
use crate::kernel::Kernel;
use crate::margin::{Bias, MarginOptions};

/// How inputs and outputs belong together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Patterns are their own outputs: recall iterates.
    Auto,
    /// Every input pattern has an output pattern: recall is one step.
    Hetero,
    /// The output of a pattern is the next pattern: iterating replays the sequence.
    Sequence,
}

/// Whether a neuron of an auto-associative memory sees itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SelfConnections {
    /// Excluded for binary auto-association by one-shot or maximal margin, included otherwise.
    #[default]
    Automatic,
    /// The kernel of neuron i leaves input i out.
    Excluded,
    /// All neurons share one kernel.
    Included,
}

/// Whether kernel values are divided by their sum over the stored patterns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Normalization {
    /// They are not.
    #[default]
    None,
    /// They are: far from all patterns the memory still answers with a mixture of them. One-shot with a Gaussian or an
    /// exponential kernel is then attention (softmax); with interpolation, attention with exact fixed points.
    Sum,
}

/// Whether the mean of the outputs is stored apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Centering {
    /// It is not: far from all patterns the answer is zero.
    #[default]
    None,
    /// It is: far from all patterns the answer is the mean.
    Mean,
}

/// How `K C = Y` is solved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Solver {
    /// Cholesky factorisation; a Gram matrix that is not positive definite is refused.
    #[default]
    Cholesky,
    /// Cholesky factorisation, where need be with 1e-12 to 1e-6 of the mean diagonal added to it; the report says how much.
    Jitter,
    /// Pseudo-inverse by eigenvalues: least squares and least norm where the Gram matrix is singular.
    PseudoInverse,
    /// LU factorisation, for kernels that are not positive definite: it interpolates, but nothing is of least norm.
    Indefinite,
}

/// Options of interpolation.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct InterpolationOptions {
    /// Added to the diagonal of the Gram matrix: the memory then smooths instead of passing through every pattern.
    pub ridge: f64,
    /// Whether the mean is stored apart.
    pub centering: Centering,
    /// Whether kernel values are divided by their sum.
    pub normalization: Normalization,
    /// How the linear system is solved.
    pub solver: Solver,
}

/// How coefficients are found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "name", rename_all = "snake_case")]
pub enum Rule {
    /// Every pattern counts once (Hebb).
    OneShot {
        /// Whether kernel values are divided by their sum.
        #[serde(default)]
        normalization: Normalization,
    },
    /// Maximal margin; for binary outputs.
    MaxMargin(MarginOptions),
    /// Interpolation of least norm.
    Interpolate(InterpolationOptions),
}

impl Rule {
    /// One-shot storage without normalisation.
    #[must_use]
    pub fn one_shot() -> Self {
        Self::OneShot { normalization: Normalization::None }
    }

    /// The maximal margin without bias.
    #[must_use]
    pub fn max_margin() -> Self {
        Self::MaxMargin(MarginOptions::default())
    }

    /// The maximal margin with bias.
    #[must_use]
    pub fn max_margin_with_bias() -> Self {
        Self::MaxMargin(MarginOptions { bias: Bias::Fitted, ..MarginOptions::default() })
    }

    /// Plain interpolation.
    #[must_use]
    pub fn interpolation() -> Self {
        Self::Interpolate(InterpolationOptions::default())
    }

    /// Normalised interpolation: attention with exact fixed points.
    #[must_use]
    pub fn normalized_interpolation() -> Self {
        Self::Interpolate(InterpolationOptions { normalization: Normalization::Sum, ..InterpolationOptions::default() })
    }

    /// Whether kernel values are divided by their sum.
    #[must_use]
    pub fn normalization(&self) -> Normalization {
        match self {
            Self::OneShot { normalization } => *normalization,
            Self::MaxMargin(_) => Normalization::None,
            Self::Interpolate(options) => options.normalization,
        }
    }
}

/// Parameters of a kernel memory. The default is the optimal binary memory: maximal margin without bias, exponential
/// kernel, no self-connections.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct KernelMemoryParams {
    /// The kernel.
    pub kernel: Kernel,
    /// How coefficients are found.
    pub rule: Rule,
    /// The values of the outputs, and in auto-association and sequences of the inputs.
    pub states: StateKind,
    /// Whether neurons see themselves.
    pub self_connections: SelfConnections,
}

impl Default for KernelMemoryParams {
    fn default() -> Self {
        Self {
            kernel: Kernel::exponential(1.0),
            rule: Rule::max_margin(),
            states: StateKind::Binary,
            self_connections: SelfConnections::Automatic,
        }
    }
}

impl KernelMemoryParams {
    /// Checks the parameters for inputs of `n` entries.
    ///
    /// # Errors
    /// A parameter outside its range, or a combination that is not defined.
    pub fn validate(&self, n: usize) -> Result<()> {
        self.kernel.validate(n)?;
        match &self.rule {
            Rule::OneShot { .. } => {}
            Rule::MaxMargin(options) => {
                options.validate()?;
                if self.states == StateKind::Real {
                    return Err(Error::unsupported(
                        "a maximal margin for real states",
                        "a margin separates two classes",
                        "use the interpolation rule, or binary states",
                    ));
                }
            }
            Rule::Interpolate(options) => {
                check::non_negative("ridge", options.ridge)?;
                if options.centering == Centering::Mean && options.normalization == Normalization::Sum {
                    return Err(Error::unsupported(
                        "centering with normalization",
                        "normalized kernel values sum to one, so that the mean changes nothing",
                        "leave one of the two out",
                    ));
                }
            }
        }
        Ok(())
    }

    /// Whether neurons do not see themselves, in this mode.
    #[must_use]
    pub fn excludes_self(&self, mode: Mode) -> bool {
        match self.self_connections {
            SelfConnections::Included => false,
            SelfConnections::Excluded => true,
            SelfConnections::Automatic => {
                let hebbian_or_margin =
                    !matches!(self.rule, Rule::Interpolate(_)) && self.rule.normalization() == Normalization::None;
                mode == Mode::Auto && self.states == StateKind::Binary && hebbian_or_margin
            }
        }
    }
}
