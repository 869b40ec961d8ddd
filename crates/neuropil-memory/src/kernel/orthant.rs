//! The threshold-Gauss kernel: the probability that a Gaussian address `g ~ N(0, I/N)` is active for both states,
//! `P(g.x > b, g.y > b)`, a bivariate normal orthant probability with correlation `x.y / (‖x‖ ‖y‖)`.

use std::f64::consts::{FRAC_1_SQRT_2, PI};

/// Nodes and weights of the 20-point Gauss-Legendre rule on [-1, 1]; the other half follows by symmetry.
const NODES: [(f64, f64); 10] = [
    (0.076_526_521_133_497_338, 0.152_753_387_130_725_85),
    (0.227_785_851_141_645_08, 0.149_172_986_472_603_75),
    (0.373_706_088_715_419_56, 0.142_096_109_318_382_05),
    (0.510_867_001_950_827_1, 0.131_688_638_449_176_63),
    (0.636_053_680_726_515_03, 0.118_194_531_961_518_42),
    (0.746_331_906_460_150_79, 0.101_930_119_817_240_44),
    (0.839_116_971_822_218_82, 0.083_276_741_576_704_75),
    (0.912_234_428_251_325_91, 0.062_672_048_334_109_06),
    (0.963_971_927_277_913_79, 0.040_601_429_800_386_94),
    (0.993_128_599_185_094_92, 0.017_614_007_139_152_118),
];

/// `P(Z > h)` for a standard normal Z.
#[must_use]
pub fn normal_tail(h: f64) -> f64 {
    0.5 * libm::erfc(h * FRAC_1_SQRT_2)
}

/// `P(Z1 > h, Z2 > k)` for standard normal variables with correlation `rho`.
///
/// Plackett's identity: the derivative with respect to the correlation is the bivariate density. Its integral from
/// independence, over `theta = asin(rho)`, is done by Gauss-Legendre on eight panels (absolute error below 1e-13 unless
/// h and k differ by many standard deviations of `Z1 - Z2`, where the probability is that of one variable alone).
#[must_use]
pub fn bivariate_normal_orthant(h: f64, k: f64, rho: f64) -> f64 {
    if rho >= 1.0 - 1e-15 {
        return normal_tail(h.max(k));
    }
    if rho <= -1.0 + 1e-15 {
        return (normal_tail(h) - normal_tail(-k)).max(0.0);
    }
    const PANELS: usize = 8;
    let top = rho.asin();
    let half = 0.5 * top / PANELS as f64;
    let integrand = |theta: f64| {
        let (sine, cosine) = theta.sin_cos();
        // Split so that h = k loses no digits at rho near one: (h - k)^2 / (2 cos^2) + h k / (1 + sin).
        (-(0.5 * (h - k) * (h - k) / (cosine * cosine) + h * k / (1.0 + sine))).exp()
    };
    let mut integral = 0.0;
    for panel in 0..PANELS {
        let centre = half * (2 * panel + 1) as f64;
        for (node, weight) in NODES {
            integral += weight * (integrand(centre - half * node) + integrand(centre + half * node));
        }
    }
    (normal_tail(h) * normal_tail(k) + half * integral / (2.0 * PI)).clamp(0.0, 1.0)
}

/// The kernel from `x.y` and the squared norms, in `n` dimensions.
pub(super) fn value(threshold: f64, dot: f64, xx: f64, yy: f64, n: usize) -> f64 {
    let scale = (n as f64).sqrt();
    let (norm_x, norm_y) = (xx.sqrt(), yy.sqrt());
    if norm_x == 0.0 || norm_y == 0.0 {
        // An address sees nothing of a zero state: its field is exactly zero.
        let active = |norm: f64| {
            if norm > 0.0 {
                normal_tail(threshold * scale / norm)
            } else if threshold < 0.0 {
                1.0
            } else {
                0.0
            }
        };
        return active(norm_x) * active(norm_y);
    }
    let rho = (dot / (norm_x * norm_y)).clamp(-1.0, 1.0);
    bivariate_normal_orthant(threshold * scale / norm_x, threshold * scale / norm_y, rho)
}

/// `(p, q)` of the gradient `dK(x, s)/ds = p x + q s`.
pub(super) fn slopes(threshold: f64, dot: f64, xx: f64, ss: f64, n: usize) -> (f64, f64) {
    let scale = (n as f64).sqrt();
    let (norm_x, norm_s) = (xx.sqrt(), ss.sqrt());
    if norm_x == 0.0 || norm_s == 0.0 {
        return (0.0, 0.0);
    }
    let rho = (dot / (norm_x * norm_s)).clamp(-1.0, 1.0);
    let (h, k) = (threshold * scale / norm_x, threshold * scale / norm_s);
    let sine2 = (1.0 - rho) * (1.0 + rho);
    if sine2 < 1e-15 {
        return (0.0, 0.0);
    }
    let sine = sine2.sqrt();
    let density = (-0.5 * (h * h + k * k - 2.0 * h * k * rho) / sine2).exp() / (2.0 * PI * sine);
    // dK/dk = -phi(k) P(Z1 > h | Z2 = k), and k = b sqrt(N) / ‖s‖.
    let normal = (-0.5 * k * k).exp() / (2.0 * PI).sqrt();
    let through_norm = normal * normal_tail((h - rho * k) / sine) * k / ss;
    (density / (norm_x * norm_s), through_norm - density * rho / ss)
}
