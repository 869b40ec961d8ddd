//! `I(u, v) = E[f(u.x + b) f(v.x + c)]` for `x ~ N(0, 1)`: what a pair of neurons has in common on infinite data.
//!
//! | activation | `I` |
//! |---|---|
//! | erf, no bias | `(2 / pi) asin(u.v / sqrt((1 + \|u\|^2)(1 + \|v\|^2)))` |
//! | relu, no bias | `\|u\| \|v\| / (2 pi) (sqrt(1 - rho^2) + rho (pi - acos rho))` |
//! | normal_cdf | the bivariate normal distribution function at `b / n_u`, `c / n_v` with correlation `u.v / (n_u n_v)`, `n_u^2 = 1 + \|u\|^2` |
//! | erf with bias | `4 I(normal_cdf) - 2 (Phi(b / n_u) + Phi(c / n_v)) + 1` |
//! | others | Gauss-Hermite quadrature in the plane of `u` and `v` |
//!
//! First derivatives are exact; for the quadrature by Stein's lemma, `dI/du = u E[f''(u.x) f(v.x)] + v E[f'(u.x) f'(v.x)]`.

use std::f64::consts::{FRAC_1_SQRT_2, PI, TAU};

use ndarray::Array2;

use crate::activation::Activation;
use crate::error::Result;
use crate::spectrum::{Eigenvectors, Spectrum};

/// `I` and its derivatives by the first neuron.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Overlap {
    /// `I(u, v)`.
    pub value: f64,
    /// `dI/du = by_u u + by_v v`: the factor of `u`.
    pub by_u: f64,
    /// The factor of `v`.
    pub by_v: f64,
    /// `dI/db`.
    pub by_bias: f64,
}

/// Inner products and biases of two neurons.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Pair {
    pub uu: f64,
    pub vv: f64,
    pub uv: f64,
    pub b: f64,
    pub c: f64,
}

/// The rule that gives `I` for one activation.
#[derive(Debug, Clone)]
pub(crate) enum OverlapRule {
    Erf,
    NormalCdf,
    Relu,
    Quadrature(Activation, GaussHermite),
}

impl OverlapRule {
    /// The closed form if there is one, else a quadrature with this many nodes in each dimension.
    pub fn new(activation: &Activation, n_nodes: usize) -> Result<Self> {
        Ok(match activation {
            Activation::Erf => Self::Erf,
            Activation::NormalCdf => Self::NormalCdf,
            Activation::Relu => Self::Relu,
            other => Self::Quadrature(other.clone(), GaussHermite::new(n_nodes)?),
        })
    }

    pub fn at(&self, pair: Pair) -> Overlap {
        match self {
            Self::Erf => erf(pair),
            Self::NormalCdf => normal_cdf(pair),
            Self::Relu => relu(pair),
            Self::Quadrature(activation, rule) => rule.overlap(activation, pair),
        }
    }
}

fn phi(x: f64) -> f64 {
    (-0.5 * x * x).exp() / TAU.sqrt()
}

fn cdf(x: f64) -> f64 {
    0.5 * libm::erfc(-x * FRAC_1_SQRT_2)
}

fn erf(pair: Pair) -> Overlap {
    let common = normal_cdf(pair);
    let n_u = (1.0 + pair.uu).sqrt();
    let n_v = (1.0 + pair.vv).sqrt();
    let h = pair.b / n_u;
    // E[erf] is 2 Phi(b / n) - 1, with derivatives through h alone.
    let density = phi(h);
    Overlap {
        value: 4.0 * common.value - 2.0 * (cdf(h) + cdf(pair.c / n_v)) + 1.0,
        by_u: 4.0 * common.by_u + 2.0 * density * h / (n_u * n_u),
        by_v: 4.0 * common.by_v,
        by_bias: 4.0 * common.by_bias - 2.0 * density / n_u,
    }
}

fn normal_cdf(pair: Pair) -> Overlap {
    let (n_u, n_v) = ((1.0 + pair.uu).sqrt(), (1.0 + pair.vv).sqrt());
    let (h, k, r) = (pair.b / n_u, pair.c / n_v, pair.uv / (n_u * n_v));
    let rest = (1.0 - r * r).max(0.0).sqrt();
    // Plackett: the derivative by the correlation is the density of the bivariate normal.
    let by_r = (-(h * h - 2.0 * r * h * k + k * k) / (2.0 * rest * rest)).exp() / (TAU * rest);
    let by_h = phi(h) * cdf((k - r * h) / rest);
    Overlap {
        value: bivariate_normal(h, k, r),
        by_u: -by_h * h / (n_u * n_u) - by_r * r / (n_u * n_u),
        by_v: by_r / (n_u * n_v),
        by_bias: by_h / n_u,
    }
}

/// `P(X < h, Y < k)` for standard normals of correlation `r`: the product at `r = 0` plus the integral of the density
/// over the correlation, `sin` of an angle, which is smooth for `|r| < 1`.
pub(crate) fn bivariate_normal(h: f64, k: f64, r: f64) -> f64 {
    let independent = cdf(h) * cdf(k);
    let end = r.clamp(-1.0, 1.0).asin();
    if h == 0.0 && k == 0.0 {
        return 0.25 + end / TAU;
    }
    // Composite Gauss-Legendre of order 10: panels shorter towards the end, where the integrand varies fastest.
    const NODES: [(f64, f64); 5] = [
        (0.148_874_338_981_631_2, 0.295_524_224_714_752_9),
        (0.433_395_394_129_247_2, 0.269_266_719_309_996_4),
        (0.679_409_568_299_024_4, 0.219_086_362_515_982_04),
        (0.865_063_366_688_984_5, 0.149_451_349_150_580_6),
        (0.973_906_528_517_171_7, 0.066_671_344_308_688_14),
    ];
    const PANELS: i32 = 24;
    let integrand = |angle: f64| {
        let (sin, cos) = angle.sin_cos();
        (-(h * h - 2.0 * h * k * sin + k * k) / (2.0 * cos * cos)).exp()
    };
    let edge = |panel: i32| {
        let s = f64::from(panel) / f64::from(PANELS);
        end * (1.0 - (1.0 - s) * (1.0 - s))
    };
    let mut sum = 0.0;
    for panel in 0..PANELS {
        let (low, high) = (edge(panel), edge(panel + 1));
        let (middle, half) = (0.5 * (low + high), 0.5 * (high - low));
        for (node, weight) in NODES {
            sum += half * weight * (integrand(middle - half * node) + integrand(middle + half * node));
        }
    }
    independent + sum / TAU
}

fn relu(pair: Pair) -> Overlap {
    let (r_u, r_v) = (pair.uu.sqrt(), pair.vv.sqrt());
    if r_u == 0.0 || r_v == 0.0 {
        return Overlap::default();
    }
    let rho = (pair.uv / (r_u * r_v)).clamp(-1.0, 1.0);
    let sine = (1.0 - rho * rho).sqrt();
    let angle = PI - rho.acos();
    Overlap {
        value: r_u * r_v / TAU * (sine + rho * angle),
        by_u: r_v / r_u * sine / TAU,
        by_v: angle / TAU,
        by_bias: 0.0,
    }
}

/// Nodes and weights for the expectation over a standard normal.
#[derive(Debug, Clone)]
pub(crate) struct GaussHermite {
    nodes: Vec<f64>,
    weights: Vec<f64>,
}

impl GaussHermite {
    /// Golub and Welsch: nodes are the eigenvalues of the Jacobi matrix, weights the squared first components.
    pub fn new(n: usize) -> Result<Self> {
        let mut jacobi = Array2::zeros((n, n));
        for i in 1..n {
            jacobi[[i, i - 1]] = (i as f64).sqrt();
            jacobi[[i - 1, i]] = (i as f64).sqrt();
        }
        let spectrum = Spectrum::of(jacobi.view(), Eigenvectors::Compute)?;
        let weights = (0..n).map(|i| spectrum.eigenvectors[[0, i]].powi(2));
        // Nodes whose weight is far below rounding contribute nothing.
        let (nodes, weights) = spectrum.eigenvalues.iter().copied().zip(weights).filter(|(_, w)| *w > 1e-20).unzip();
        Ok(Self { nodes, weights })
    }

    /// Visits every node with its weight.
    pub fn each_node(&self, mut visit: impl FnMut(f64, f64)) {
        self.nodes.iter().zip(&self.weights).for_each(|(&node, &weight)| visit(node, weight));
    }

    fn overlap(&self, activation: &Activation, pair: Pair) -> Overlap {
        let (r_u, r_v) = (pair.uu.sqrt(), pair.vv.sqrt());
        let along = if r_u > 0.0 { pair.uv / r_u } else { 0.0 };
        let across = if r_u > 0.0 { (pair.vv - along * along).max(0.0).sqrt() } else { r_v };
        let mut out = Overlap::default();
        for (s, weight) in self.nodes.iter().zip(&self.weights) {
            let [f, f1, f2] = activation.derivatives(r_u * s + pair.b);
            let (mut mean, mut mean_slope) = (0.0, 0.0);
            for (t, weight) in self.nodes.iter().zip(&self.weights) {
                let [g, g1, _] = activation.derivatives(along * s + across * t + pair.c);
                mean += weight * g;
                mean_slope += weight * g1;
            }
            out.value += weight * f * mean;
            out.by_u += weight * f2 * mean;
            out.by_v += weight * f1 * mean_slope;
            out.by_bias += weight * f1 * mean;
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair(r_u: f64, r_v: f64, rho: f64) -> Pair {
        Pair { uu: r_u * r_u, vv: r_v * r_v, uv: rho * r_u * r_v, b: 0.0, c: 0.0 }
    }

    #[test]
    fn closed_forms_have_their_known_values() {
        // Evaluated independently with mpmath.
        let cases = [
            (1.0, 1.0, 0.5, 0.160_861_246_510_332, Some(0.304_498_890_522_115)),
            (0.3, 0.4, 0.3, 0.020_385_182_293_089, None),
            (2.0, 0.5, -0.7, -0.180_668_941_203_466, Some(0.025_045_204_626_636)),
        ];
        for (r_u, r_v, rho, of_erf, of_relu) in cases {
            assert!((erf(pair(r_u, r_v, rho)).value - of_erf).abs() < 1e-14);
            if let Some(expected) = of_relu {
                assert!((relu(pair(r_u, r_v, rho)).value - expected).abs() < 1e-14);
            }
        }
    }

    #[test]
    fn quadrature_agrees_with_the_closed_forms_where_the_activation_is_smooth() {
        let rule = GaussHermite::new(200).unwrap();
        for (b, c) in [(0.0, 0.0), (0.7, -0.4), (-1.5, 2.0)] {
            for (r_u, r_v, rho) in [(1.0, 1.0, 0.5), (0.3, 0.4, 0.3), (2.0, 0.5, -0.7)] {
                let pair = Pair { b, c, ..pair(r_u, r_v, rho) };
                for (activation, closed) in [(Activation::Erf, erf(pair)), (Activation::NormalCdf, normal_cdf(pair))] {
                    let sum = rule.overlap(&activation, pair);
                    for (a, b) in [
                        (sum.value, closed.value),
                        (sum.by_u, closed.by_u),
                        (sum.by_v, closed.by_v),
                        (sum.by_bias, closed.by_bias),
                    ] {
                        assert!((a - b).abs() < 1e-13, "{activation} {pair:?}: {sum:?} {closed:?}");
                    }
                }
            }
        }
        // The kink of relu limits the quadrature to about 1e-4.
        let kinked = rule.overlap(&Activation::Relu, pair(1.0, 1.0, 0.5)).value;
        assert!((kinked - 0.304_498_890_522_115).abs() < 1e-3);
    }

    #[test]
    fn derivatives_agree_with_finite_differences() {
        let (u, v) = ([0.8, -0.3], [0.4, 0.9]);
        let make = |u: [f64; 2], b: f64| Pair {
            uu: u[0] * u[0] + u[1] * u[1],
            vv: v[0] * v[0] + v[1] * v[1],
            uv: u[0] * v[0] + u[1] * v[1],
            b,
            c: 0.3,
        };
        for activation in [Activation::Erf, Activation::NormalCdf, Activation::Relu, Activation::Softplus] {
            let rule = OverlapRule::new(&activation, 120).unwrap();
            let at = rule.at(make(u, 0.2));
            let h = 1e-6;
            for axis in 0..2 {
                let (mut up, mut down) = (u, u);
                up[axis] += h;
                down[axis] -= h;
                let numeric = (rule.at(make(up, 0.2)).value - rule.at(make(down, 0.2)).value) / (2.0 * h);
                let exact = at.by_u * u[axis] + at.by_v * v[axis];
                assert!((numeric - exact).abs() < 1e-8, "{activation}");
            }
            if activation != Activation::Relu {
                let numeric = (rule.at(make(u, 0.2 + h)).value - rule.at(make(u, 0.2 - h)).value) / (2.0 * h);
                assert!((numeric - at.by_bias).abs() < 1e-8, "{activation} bias");
            }
        }
    }
}
