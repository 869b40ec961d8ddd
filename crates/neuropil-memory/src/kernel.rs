//! Kernels `K(x, y) = phi(x) . phi(y)`: how alike two states are, as a dendrite of some order sees it.
//!
//! | kernel | K(x, y) | the memory that it gives |
//! |---|---|---|
//! | [`Linear`](Kernel::Linear) | `x.y / N` | Hopfield (one-shot), optimal stability (maximal margin), pseudo-inverse |
//! | [`Polynomial`](Kernel::Polynomial) | `(x.y / N)^p` | multiplicative synapses of order p |
//! | [`InhomogeneousPolynomial`](Kernel::InhomogeneousPolynomial) | `(c + x.y / N)^p` | all orders up to p |
//! | [`Krotov`](Kernel::Krotov) | `F(u + 1) - F(u - 1)`, `u = x.y` | dense associative memory |
//! | [`Exponential`](Kernel::Exponential) | `exp(beta (x.y - shift))` | exponential modern Hopfield network, attention |
//! | [`SparseDistributed`](Kernel::SparseDistributed) | probability that a random address lies within radius of both | Kanerva's memory |
//! | [`ThresholdGauss`](Kernel::ThresholdGauss) | `P(g.x > b, g.y > b)`, `g ~ N(0, I/N)` | Kanerva's memory with Gaussian addresses |
//! | [`Ball`](Kernel::Ball) | overlap of two balls of radius r, as a fraction of one | Kanerva's memory in Euclidean space |
//! | [`GeneralizedExponential`](Kernel::GeneralizedExponential) | `exp(-(‖x - y‖ / r)^beta)` | memories with exponential capacity |
//! | [`Custom`](Kernel::Custom) | a closure of `x.y` or of `‖x - y‖^2` | yours |
//!
//! Linear, polynomial, Krotov and exponential kernels depend on the overlap `u = x.y`; ball and generalised exponential
//! on the squared distance. On states of +1 and -1 the two are the same thing, `‖x - y‖^2 = 2 (N - u)`.
//! The generalised exponential is positive definite for every set of points if and only if `beta <= 2` (Schoenberg);
//! beyond, the Cholesky factorisation of the actual Gram matrix decides.

mod ball;
mod custom;
mod orthant;
mod overlap_table;
mod rows;
mod sparse_distributed;

use neuropil_core::check;
use serde::{Deserialize, Serialize};

pub use ball::ball_overlap;
pub use custom::CustomKernel;
pub use orthant::{bivariate_normal_orthant, normal_tail};
pub(crate) use overlap_table::OverlapTable;
pub(crate) use rows::{RowKernel, exponentials};
pub use sparse_distributed::{ln_shared_addresses, shared_address_count, sparse_distributed_overlap};

use crate::error::{Error, Result};

/// The separation function F of a dense associative memory.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(tag = "function", rename_all = "kebab-case")]
pub enum Separation {
    /// `F(x) = x^power`.
    Power {
        /// The power, at least 1.
        power: u32,
    },
    /// `F(x) = max(x, 0)^power`.
    RectifiedPower {
        /// The power, at least 1.
        power: u32,
    },
    /// `F(x) = e^x`.
    Exponential,
}

impl Separation {
    /// `F(x)`.
    #[must_use]
    pub fn value(self, x: f64) -> f64 {
        match self {
            Self::Power { power } => x.powi(power.cast_signed()),
            Self::RectifiedPower { power } => x.max(0.0).powi(power.cast_signed()),
            Self::Exponential => x.exp(),
        }
    }

    /// `F'(x)`.
    #[must_use]
    pub fn slope(self, x: f64) -> f64 {
        let power_slope = |x: f64, power: u32| f64::from(power) * x.powi(power.cast_signed() - 1);
        match self {
            Self::Power { power } => power_slope(x, power),
            Self::RectifiedPower { power } => {
                if x > 0.0 {
                    power_slope(x, power)
                } else {
                    0.0
                }
            }
            Self::Exponential => x.exp(),
        }
    }
}

/// What a kernel is a function of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Geometry {
    /// The overlap `x.y`.
    Overlap,
    /// The squared Euclidean distance `‖x - y‖^2`.
    Distance,
    /// The angle between the states and their norms.
    Angle,
    /// The Hamming distance, for binary states only.
    Hamming,
}

/// A kernel; see the [module documentation](self) for the equations.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "name", rename_all = "kebab-case")]
pub enum Kernel {
    /// `x.y / N`.
    Linear,
    /// `(x.y / N)^degree`.
    Polynomial {
        /// The degree p, at least 1.
        degree: u32,
    },
    /// `(offset + x.y / N)^degree`.
    InhomogeneousPolynomial {
        /// The degree p, at least 1.
        degree: u32,
        /// The offset c, positive.
        offset: f64,
    },
    /// `F(u + 1) - F(u - 1)` for the overlap u.
    Krotov {
        /// The separation function F.
        separation: Separation,
    },
    /// `exp(beta (x.y - shift))`.
    Exponential {
        /// Inverse temperature, positive.
        beta: f64,
        /// Subtracted from the overlap, so that nothing overflows; it scales the kernel and changes no recall. `None`
        /// takes the largest squared norm of the stored patterns (N for binary ones) when a memory is fitted, and zero
        /// where there is none.
        shift: Option<f64>,
    },
    /// The probability that a random binary address lies within `radius` (Hamming distance) of both states.
    SparseDistributed {
        /// Hamming radius, at most N.
        radius: usize,
    },
    /// `P(g.x > threshold, g.y > threshold)` for `g ~ N(0, I / N)`.
    ThresholdGauss {
        /// The threshold b; zero gives the arc-cosine kernel of order 0.
        threshold: f64,
    },
    /// The volume shared by two balls of `radius` around the states, divided by the volume of one.
    Ball {
        /// Euclidean radius, positive.
        radius: f64,
    },
    /// `exp(-(‖x - y‖ / radius)^beta)`: 2 is the Gaussian, 1 the Laplace kernel, infinity the hard ball.
    GeneralizedExponential {
        /// Euclidean radius r, positive.
        radius: f64,
        /// Exponent, positive.
        beta: f64,
    },
    /// A closure.
    #[serde(skip)]
    Custom(CustomKernel),
}

/// How many inputs a kernel counts: all N, or N - 1 when a neuron must not see itself. Scales `1 / N` stay those of N.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Inputs {
    pub total: usize,
    pub counted: usize,
}

impl Inputs {
    pub fn all(n: usize) -> Self {
        Self { total: n, counted: n }
    }

    pub fn all_but_one(n: usize) -> Self {
        Self { total: n, counted: n.saturating_sub(1) }
    }
}

impl Kernel {
    /// The exponential kernel whose shift is chosen by the patterns.
    #[must_use]
    pub fn exponential(beta: f64) -> Self {
        Self::Exponential { beta, shift: None }
    }

    /// The Gaussian kernel `exp(-‖x - y‖^2 / radius^2)`.
    #[must_use]
    pub fn gaussian(radius: f64) -> Self {
        Self::GeneralizedExponential { radius, beta: 2.0 }
    }

    /// Name of the kernel.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Linear => "linear",
            Self::Polynomial { .. } => "polynomial",
            Self::InhomogeneousPolynomial { .. } => "inhomogeneous polynomial",
            Self::Krotov { .. } => "krotov",
            Self::Exponential { .. } => "exponential",
            Self::SparseDistributed { .. } => "sparse distributed",
            Self::ThresholdGauss { .. } => "threshold-Gauss",
            Self::Ball { .. } => "ball",
            Self::GeneralizedExponential { .. } => "generalized exponential",
            Self::Custom(_) => "custom",
        }
    }

    /// What the kernel is a function of.
    #[must_use]
    pub fn geometry(&self) -> Geometry {
        match self {
            Self::Linear
            | Self::Polynomial { .. }
            | Self::InhomogeneousPolynomial { .. }
            | Self::Krotov { .. }
            | Self::Exponential { .. } => Geometry::Overlap,
            Self::Ball { .. } | Self::GeneralizedExponential { .. } => Geometry::Distance,
            Self::ThresholdGauss { .. } => Geometry::Angle,
            Self::SparseDistributed { .. } => Geometry::Hamming,
            Self::Custom(custom) => custom.geometry(),
        }
    }

    /// Checks the parameters for states of `n` entries.
    ///
    /// # Errors
    /// A parameter outside its range: which, its value and what is allowed.
    pub fn validate(&self, n: usize) -> Result<()> {
        let degree = |degree: u32| check::within("degree", degree, 1..=1024).map(drop);
        match *self {
            Self::Linear | Self::Custom(_) => {}
            Self::Polynomial { degree: p } => degree(p)?,
            Self::InhomogeneousPolynomial { degree: p, offset } => {
                degree(p)?;
                check::positive("offset", offset)?;
            }
            Self::Krotov { separation: Separation::Power { power } | Separation::RectifiedPower { power } } => {
                check::within("power", power, 1..=1024)?;
            }
            Self::Krotov { separation: Separation::Exponential } => {}
            Self::Exponential { beta, shift } => {
                check::positive("beta", beta)?;
                if let Some(shift) = shift {
                    check::finite("shift", shift)?;
                }
            }
            Self::SparseDistributed { radius } => {
                check::within("radius", radius, 0..=n)?;
            }
            Self::ThresholdGauss { threshold } => {
                check::finite("threshold", threshold)?;
            }
            Self::Ball { radius } => {
                check::positive("radius", radius)?;
            }
            Self::GeneralizedExponential { radius, beta } => {
                check::positive("radius", radius)?;
                check::positive("beta", beta)?;
            }
        }
        Ok(())
    }

    /// The kernel with its shift chosen for patterns whose largest squared norm is `largest_norm2`.
    #[must_use]
    pub fn resolved(&self, largest_norm2: f64) -> Self {
        match *self {
            Self::Exponential { beta, shift: None } => Self::Exponential { beta, shift: Some(largest_norm2) },
            _ => self.clone(),
        }
    }

    /// `K(x, y)`.
    ///
    /// # Errors
    /// States of different lengths, or a kernel of binary states at a state that is not binary.
    pub fn evaluate(&self, x: &[f64], y: &[f64]) -> Result<f64> {
        let (dot, xx, yy) = self.products(x, y)?;
        let distance2 = x.iter().zip(y).map(|(a, b)| (a - b) * (a - b)).sum();
        Ok(self.value(dot, xx, yy, distance2, Inputs::all(x.len())))
    }

    /// The gradient `dK(x, s) / ds` at `s`, written to `gradient`.
    ///
    /// At `s = x` a kernel with a cusp (the ball, or `beta <= 1`) has no gradient; zero is written there.
    ///
    /// # Errors
    /// As [`evaluate`](Self::evaluate); a kernel of binary states has no gradient.
    pub fn gradient(&self, x: &[f64], s: &[f64], gradient: &mut [f64]) -> Result<()> {
        if self.geometry() == Geometry::Hamming {
            return Err(Error::unsupported(
                "a gradient",
                "the sparse distributed kernel is defined on binary states only",
                "use the ball or the threshold-Gauss kernel",
            ));
        }
        if gradient.len() != s.len() {
            return Err(Error::shape("the gradient", s.len(), gradient.len()));
        }
        let (dot, xx, ss) = self.products(x, s)?;
        let distance2 = x.iter().zip(s).map(|(a, b)| (a - b) * (a - b)).sum();
        let (of_x, of_s) = self.slopes(dot, xx, ss, distance2, x.len());
        for ((out, x), s) in gradient.iter_mut().zip(x).zip(s) {
            *out = of_x * x + of_s * s;
        }
        Ok(())
    }

    /// The two numbers `(p, q)` of the gradient `dK(x, s) / ds = p x + q s`, from `x.s`, `‖x‖^2`, `‖s‖^2`, `‖x - s‖^2`
    /// and the number of inputs.
    #[must_use]
    pub fn slopes(&self, dot: f64, xx: f64, ss: f64, distance2: f64, n: usize) -> (f64, f64) {
        match self.geometry() {
            Geometry::Overlap | Geometry::Hamming => (self.derivative(dot, n), 0.0),
            Geometry::Distance => {
                let slope = 2.0 * self.derivative(distance2, n);
                (-slope, slope)
            }
            Geometry::Angle => {
                let Self::ThresholdGauss { threshold } = *self else { return (0.0, 0.0) };
                orthant::slopes(threshold, dot, xx, ss, n)
            }
        }
    }

    /// The kernel of two binary states of `n` entries with overlap `u`.
    #[must_use]
    pub fn from_overlap(&self, u: f64, n: usize) -> f64 {
        self.binary_value(u, Inputs::all(n))
    }

    /// The kernel of two real states of `n` entries at squared distance `distance2`, for a kernel of the distance; NaN
    /// for the others.
    #[must_use]
    pub fn from_distance2(&self, distance2: f64, n: usize) -> f64 {
        match self.geometry() {
            Geometry::Distance => self.value(f64::NAN, f64::NAN, f64::NAN, distance2, Inputs::all(n)),
            _ => f64::NAN,
        }
    }

    /// The derivative with respect to what the kernel is a function of: `dK/du` at the overlap `u`, or `dK/d(d^2)` at the
    /// squared distance. At `d = 0` a kernel without derivative there gives zero.
    ///
    /// For the threshold-Gauss kernel the argument is the overlap of two states of norm `sqrt(n)`.
    #[must_use]
    pub fn derivative(&self, at: f64, n: usize) -> f64 {
        let size = n as f64;
        match self {
            Self::Linear => 1.0 / size,
            Self::Polynomial { degree } => f64::from(*degree) / size * (at / size).powi(degree.cast_signed() - 1),
            Self::InhomogeneousPolynomial { degree, offset } => {
                f64::from(*degree) / size * (offset + at / size).powi(degree.cast_signed() - 1)
            }
            Self::Krotov { separation } => separation.slope(at + 1.0) - separation.slope(at - 1.0),
            Self::Exponential { beta, shift } => beta * (beta * (at - shift.unwrap_or(0.0))).exp(),
            Self::SparseDistributed { .. } => 0.0,
            Self::ThresholdGauss { threshold } => orthant::slopes(*threshold, at, size, size, n).0,
            Self::Ball { radius } => ball::slope(at, *radius, n),
            Self::GeneralizedExponential { radius, beta } => {
                if at <= 0.0 {
                    return if *beta == 2.0 { -1.0 / (radius * radius) } else { 0.0 };
                }
                let ratio = at / (radius * radius);
                let power = ratio.powf(0.5 * beta);
                -0.5 * beta * power / at * (-power).exp()
            }
            Self::Custom(custom) => custom.derivative(at),
        }
    }

    /// Whether the kernel can be negative, so that a sum of its values can vanish. Of closures nothing is known.
    #[must_use]
    pub fn can_be_negative(&self) -> bool {
        match self {
            Self::Linear => true,
            // Odd on the overlap (or on the overlap and the offset).
            Self::Polynomial { degree } | Self::InhomogeneousPolynomial { degree, .. } => degree % 2 == 1,
            // F(u + 1) - F(u - 1) is positive where F grows everywhere: odd powers, not even ones.
            Self::Krotov { separation: Separation::Power { power } } => power % 2 == 0,
            _ => false,
        }
    }

    /// Whether the kernel is differentiable at distance zero (for the threshold-Gauss kernel: at angle zero).
    #[must_use]
    pub fn is_smooth(&self) -> bool {
        match self {
            Self::Ball { .. } | Self::SparseDistributed { .. } | Self::ThresholdGauss { .. } => false,
            Self::GeneralizedExponential { beta, .. } => *beta > 1.0,
            _ => true,
        }
    }

    /// `x.y`, `‖x‖^2` and `‖y‖^2` of two states that the kernel accepts.
    fn products(&self, x: &[f64], y: &[f64]) -> Result<(f64, f64, f64)> {
        if x.len() != y.len() {
            return Err(Error::shape("the second state", x.len(), y.len()));
        }
        if self.geometry() == Geometry::Hamming
            && let Some((column, &value)) = x.iter().chain(y).enumerate().find(|(_, value)| value.abs() != 1.0)
        {
            return Err(Error::NotBinary { array: "state", row: column / x.len(), column: column % x.len(), value });
        }
        let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
        Ok((dot(x, y), dot(x, x), dot(y, y)))
    }

    /// The kernel from all that it can be a function of.
    pub(crate) fn value(&self, dot: f64, xx: f64, yy: f64, distance2: f64, inputs: Inputs) -> f64 {
        let size = inputs.total as f64;
        match self {
            Self::Linear => dot / size,
            Self::Polynomial { degree } => (dot / size).powi(degree.cast_signed()),
            Self::InhomogeneousPolynomial { degree, offset } => (offset + dot / size).powi(degree.cast_signed()),
            Self::Krotov { separation } => separation.value(dot + 1.0) - separation.value(dot - 1.0),
            Self::Exponential { beta, shift } => (beta * (dot - shift.unwrap_or(0.0))).exp(),
            Self::SparseDistributed { radius } => {
                let distance = 0.5 * (inputs.counted as f64 - dot);
                sparse_distributed::overlap_at(inputs.counted, *radius, distance.round().max(0.0) as usize)
            }
            Self::ThresholdGauss { threshold } => orthant::value(*threshold, dot, xx, yy, inputs.total),
            Self::Ball { radius } => ball_overlap(distance2.max(0.0).sqrt() / (2.0 * radius), inputs.counted),
            Self::GeneralizedExponential { radius, beta } => {
                (-(distance2.max(0.0) / (radius * radius)).powf(0.5 * beta)).exp()
            }
            Self::Custom(custom) => match custom.geometry() {
                Geometry::Distance => custom.value(distance2.max(0.0)),
                _ => custom.value(dot),
            },
        }
    }

    /// The kernel of two binary states with overlap `u` over the inputs that count.
    pub(crate) fn binary_value(&self, u: f64, inputs: Inputs) -> f64 {
        let counted = inputs.counted as f64;
        self.value(u, counted, counted, 2.0 * (counted - u).max(0.0), inputs)
    }
}

#[cfg(test)]
mod tests;
