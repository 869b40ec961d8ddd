//! Second derivatives of the overlap `I(u, v) = E[f(u.x + b) f(v.x + c)]`.
//!
//! With `z = u.x + b` and `y = v.x + c`, derivatives by the vectors and biases are moments of two functions:
//!
//! | function | zeroth | first, `E[F x]` | second, `E[F x x^T]` |
//! |---|---|---|---|
//! | `F = f''(z) f(y)` | `d2I/db2` | `d2I/du db` | `d2I/du du` |
//! | `F = f'(z) f'(y)` | `d2I/db dc` | `d2I/du dc` and `d2I/db dv` | `d2I/du dv` |
//!
//! The moments lie in the plane of `u` and `v`, but for a multiple of the unit matrix. For erf and normal_cdf they follow
//! from the closed form of the gradient by differentiation (forward mode, exact); for relu, where `f''` is a point mass,
//! they are those of Safran and Shamir (2018); otherwise they are summed by the quadrature of the overlap itself.

use std::f64::consts::{FRAC_1_SQRT_2, TAU};
use std::ops::{Add, Div, Mul, Neg, Sub};

use crate::overlap::{OverlapRule, Pair};

/// `E[F]`, `E[F x]` and `E[F x x^T]` in a basis `p, q` of the plane of two neurons.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct Moments {
    pub zeroth: f64,
    /// Coefficients of `p` and `q`.
    pub first: [f64; 2],
    /// Coefficient of the unit matrix.
    pub identity: f64,
    /// Coefficients of `p p^T`, `p q^T`, `q p^T` and `q q^T`.
    pub second: [f64; 4],
}

/// The second derivatives of the overlap of two neurons.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Curvature {
    /// The basis of the plane.
    pub basis: [Vec<f64>; 2],
    /// Of `f''(z) f(y)`.
    pub same: Moments,
    /// Of `f'(z) f'(y)`.
    pub other: Moments,
}

impl OverlapRule {
    /// The second derivatives at two neurons with these incoming vectors.
    pub fn curvature(&self, u: &[f64], v: &[f64], pair: Pair) -> Curvature {
        match self {
            Self::Erf => {
                let mut found = of_normal_cdf(u, v, pair);
                for moments in [&mut found.same, &mut found.other] {
                    moments.zeroth *= 4.0;
                    moments.identity *= 4.0;
                    moments.first.iter_mut().chain(&mut moments.second).for_each(|value| *value *= 4.0);
                }
                // erf = 2 Phi - 1: the term -2 E[Phi(z)] depends on u and b alone, through h = b / n_u.
                let mean = mean_of_normal_cdf(Dual::variable(pair.uu, 0), Dual::variable(pair.b, 3));
                found.same.zeroth -= 2.0 * mean[1].slope[3];
                found.same.first[0] -= 2.0 * mean[0].slope[3];
                found.same.identity -= 2.0 * mean[0].value;
                found.same.second[0] -= 4.0 * mean[0].slope[0];
                found
            }
            Self::NormalCdf => of_normal_cdf(u, v, pair),
            Self::Relu => of_relu(u, v, pair),
            Self::Quadrature(activation, rule) => {
                let (basis, r_u, along, across) = plane(u, v, pair);
                let (mut same, mut other) = (Moments::default(), Moments::default());
                rule.each_node(|s, weight_s| {
                    let [_, f1, f2] = activation.derivatives(r_u * s + pair.b);
                    rule.each_node(|t, weight_t| {
                        let [g, g1, _] = activation.derivatives(along * s + across * t + pair.c);
                        let weight = weight_s * weight_t;
                        same.add(weight * f2 * g, s, t);
                        other.add(weight * f1 * g1, s, t);
                    });
                });
                Curvature { basis, same, other }
            }
        }
    }
}

impl Moments {
    /// One entry of `E[F X X^T]` with `X = (x, 1)` in `d + 1` dimensions.
    pub fn entry(&self, basis: &[Vec<f64>; 2], row: usize, column: usize, d: usize) -> f64 {
        let [p, q] = basis;
        let first = |k: usize| self.first[0] * p[k] + self.first[1] * q[k];
        match (row < d, column < d) {
            (true, true) => {
                let [pp, pq, qp, qq] = self.second;
                let plane = p[row] * (pp * p[column] + pq * q[column]) + q[row] * (qp * p[column] + qq * q[column]);
                plane + if row == column { self.identity } else { 0.0 }
            }
            (true, false) => first(row),
            (false, true) => first(column),
            (false, false) => self.zeroth,
        }
    }

    /// Adds a point mass at `(s, t)` in an orthonormal basis.
    fn add(&mut self, mass: f64, s: f64, t: f64) {
        self.zeroth += mass;
        self.identity += mass;
        self.first[0] += mass * s;
        self.first[1] += mass * t;
        self.second[0] += mass * (s * s - 1.0);
        self.second[1] += mass * s * t;
        self.second[2] += mass * s * t;
        self.second[3] += mass * (t * t - 1.0);
    }
}

/// An orthonormal basis with `u = r_u p` and `v = along p + across q`, and these three numbers.
fn plane(u: &[f64], v: &[f64], pair: Pair) -> ([Vec<f64>; 2], f64, f64, f64) {
    let r_u = pair.uu.sqrt();
    let along = if r_u > 0.0 { pair.uv / r_u } else { 0.0 };
    let p: Vec<f64> = u.iter().map(|value| if r_u > 0.0 { value / r_u } else { 0.0 }).collect();
    let rest: Vec<f64> = v.iter().zip(&p).map(|(v, p)| v - along * p).collect();
    let across = rest.iter().map(|value| value * value).sum::<f64>().sqrt();
    let q = rest.iter().map(|value| if across > 0.0 { value / across } else { 0.0 }).collect();
    ([p, q], r_u, along, across)
}

/// A number with its derivatives by `u.u`, `u.v`, `v.v`, `b` and `c`.
#[derive(Debug, Clone, Copy)]
struct Dual {
    value: f64,
    slope: [f64; 5],
}

impl Dual {
    fn constant(value: f64) -> Self {
        Self { value, slope: [0.0; 5] }
    }

    fn variable(value: f64, index: usize) -> Self {
        let mut slope = [0.0; 5];
        slope[index] = 1.0;
        Self { value, slope }
    }

    /// A function of this number with value and derivative known.
    fn map(self, value: f64, derivative: f64) -> Self {
        Self { value, slope: self.slope.map(|slope| derivative * slope) }
    }

    fn sqrt(self) -> Self {
        let root = self.value.sqrt();
        self.map(root, 0.5 / root)
    }

    fn exp(self) -> Self {
        let value = self.value.exp();
        self.map(value, value)
    }

    /// The standard normal density.
    fn density(self) -> Self {
        let value = (-0.5 * self.value * self.value).exp() / TAU.sqrt();
        self.map(value, -self.value * value)
    }

    /// The standard normal distribution function.
    fn distribution(self) -> Self {
        self.map(0.5 * libm::erfc(-self.value * FRAC_1_SQRT_2), self.density().value)
    }
}

impl Add for Dual {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self { value: self.value + other.value, slope: std::array::from_fn(|k| self.slope[k] + other.slope[k]) }
    }
}

impl Neg for Dual {
    type Output = Self;
    fn neg(self) -> Self {
        self.map(-self.value, -1.0)
    }
}

impl Sub for Dual {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        self + -other
    }
}

// The product rule adds, the quotient rule subtracts.
#[allow(clippy::suspicious_arithmetic_impl)]
impl Mul for Dual {
    type Output = Self;
    fn mul(self, other: Self) -> Self {
        let slope = std::array::from_fn(|k| self.slope[k] * other.value + self.value * other.slope[k]);
        Self { value: self.value * other.value, slope }
    }
}

#[allow(clippy::suspicious_arithmetic_impl)]
impl Div for Dual {
    type Output = Self;
    fn div(self, other: Self) -> Self {
        let value = self.value / other.value;
        Self { value, slope: std::array::from_fn(|k| (self.slope[k] - value * other.slope[k]) / other.value) }
    }
}

/// `E[Phi(z)]` by `u` (the factor of `u`) and by `b`.
fn mean_of_normal_cdf(uu: Dual, b: Dual) -> [Dual; 2] {
    let n = (Dual::constant(1.0) + uu).sqrt();
    let h = b / n;
    let density = h.density();
    [-(density * h) / (n * n), density / n]
}

/// The factors of the gradient, as in [`crate::overlap`], with their derivatives.
fn of_normal_cdf(u: &[f64], v: &[f64], pair: Pair) -> Curvature {
    let one = Dual::constant(1.0);
    let (uu, uv, vv) = (Dual::variable(pair.uu, 0), Dual::variable(pair.uv, 1), Dual::variable(pair.vv, 2));
    let (b, c) = (Dual::variable(pair.b, 3), Dual::variable(pair.c, 4));
    let (n_u, n_v) = ((one + uu).sqrt(), (one + vv).sqrt());
    let (h, k, r) = (b / n_u, c / n_v, uv / (n_u * n_v));
    let rest = (one - r * r).sqrt();
    let two = Dual::constant(2.0);
    let exponent = -(h * h - two * r * h * k + k * k) / (two * rest * rest);
    let by_r = exponent.exp() / (Dual::constant(TAU) * rest);
    let by_h = h.density() * ((k - r * h) / rest).distribution();
    let by_u = -(by_h * h + by_r * r) / (n_u * n_u);
    let by_v = by_r / (n_u * n_v);
    let by_bias = by_h / n_u;
    let same = Moments {
        zeroth: by_bias.slope[3],
        first: [by_u.slope[3], by_v.slope[3]],
        identity: by_u.value,
        second: [2.0 * by_u.slope[0], by_u.slope[1], 2.0 * by_v.slope[0], by_v.slope[1]],
    };
    let other = Moments {
        zeroth: by_bias.slope[4],
        first: [by_u.slope[4], by_v.slope[4]],
        identity: by_v.value,
        second: [by_u.slope[1], 2.0 * by_u.slope[2], by_v.slope[1], 2.0 * by_v.slope[2]],
    };
    Curvature { basis: [u.to_vec(), v.to_vec()], same, other }
}

/// No biases. `p` and `q` are orthonormal, `u = r_u p`, `v = r_v (cos p + sin q)`.
fn of_relu(u: &[f64], v: &[f64], pair: Pair) -> Curvature {
    let (basis, r_u, along, across) = plane(u, v, pair);
    let r_v = pair.vv.sqrt();
    if r_u == 0.0 || r_v == 0.0 {
        return Curvature { basis, same: Moments::default(), other: Moments::default() };
    }
    let angle = across.atan2(along);
    let (sine, cosine) = (across / r_v, along / r_v);
    // The point mass at z = 0: E[delta(z) relu(y) x x^T], where only the direction q and those across the plane remain.
    let edge = r_v / r_u * sine / TAU;
    let same = Moments { identity: edge, second: [-edge, 0.0, 0.0, edge], ..Moments::default() };
    // The sector in which both are active: half angle (pi - angle) / 2 around the bisector.
    let sector = (std::f64::consts::PI - angle) / TAU;
    let turn = sine / TAU;
    let other = Moments {
        identity: sector,
        second: [turn * cosine, turn * sine, turn * sine, -turn * cosine],
        ..Moments::default()
    };
    Curvature { basis, same, other }
}
