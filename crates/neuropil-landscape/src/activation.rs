//! Activation functions with their first and second derivative, analytic and stable for arguments up to 10^3.
//!
//! | name | f(x) | f'(x) | f''(x) |
//! |---|---|---|---|
//! | `sigmoid` | 1 / (1 + e^-x) | f (1 - f) | f' (1 - 2 f) |
//! | `softplus` | ln(1 + e^x) | sigmoid(x) | sigmoid'(x) |
//! | `g` | sigmoid(4x) + softplus(x) | 4 sigmoid'(4x) + sigmoid(x) | 16 sigmoid''(4x) + sigmoid'(x) |
//! | `tanh` | tanh x | 1 - f^2 | -2 f f' |
//! | `erf` | erf(x / sqrt 2) | sqrt(2 / pi) e^(-x^2/2) | -x f' |
//! | `normal_cdf` | Phi(x) = (1 + erf(x / sqrt 2)) / 2 | phi(x) | -x phi(x) |
//! | `gelu` | x Phi(x) | Phi + x phi | (2 - x^2) phi |
//! | `silu` | x sigmoid(x) | s + x s' | 2 s' + x s'' |
//! | `relu` | max(x, 0) | 1 for x > 0, else 0 | 0 |
//! | `square` | x^2 / 2 | x | 1 |
//! | `cube` | x^3 | 3 x^2 | 6 x |
//! | `exp` | e^x | e^x | e^x |
//! | `identity` | x | 1 | 0 |
//! | `selu` | Klambauer et al. 2017 | | |
//! | `polynomial` | c0 + c1 x + c2 x^2 + ... | | |
//!
//! `g` has none of the symmetries of the others: sigmoid obeys f(-x) = 1 - f(x), softplus f(x) - f(-x) = x, tanh and
//! erf are odd, relu is positively homogeneous. With those, more networks compute the same function than permutations
//! of neurons explain; statistics of neuron types are therefore made with `g` (Simsek et al. 2021).

use std::fmt;
use std::str::FromStr;

use neuropil_core::dispatch;
use neuropil_core::vector::{self, multiply_add};
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// An activation function; see the table of the [module](self).
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Activation {
    /// The logistic function.
    Sigmoid,
    /// `ln(1 + e^x)`.
    Softplus,
    /// `sigmoid(4x) + softplus(x)`: the activation without accidental symmetries of Simsek et al. 2021.
    #[default]
    G,
    /// The hyperbolic tangent.
    Tanh,
    /// `erf(x / sqrt 2)`.
    #[serde(alias = "sigmoid2")]
    Erf,
    /// The distribution function of the standard normal.
    NormalCdf,
    /// `x Phi(x)`.
    Gelu,
    /// `x sigmoid(x)`.
    Silu,
    /// `max(x, 0)`.
    Relu,
    /// `x^2 / 2`.
    Square,
    /// `x^3`.
    Cube,
    /// `e^x`.
    Exp,
    /// `x`: a linear network.
    Identity,
    /// Scaled exponential linear unit.
    Selu,
    /// `c0 + c1 x + c2 x^2 + ...`
    Polynomial(Vec<f64>),
}

/// What negating the argument does to an activation: which symmetries beyond permutations a network has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SignSymmetry {
    /// No relation between `f(-x)` and `f(x)`.
    None,
    /// `f(-x) = -f(x)`: a neuron may change the sign of both its incoming and its outgoing weights.
    Odd,
    /// `f(-x) = f(x)`: a neuron may change the sign of its incoming weights.
    Even,
    /// `f(-x) = 1 - f(x)`: as odd, up to a constant that an output bias can absorb.
    OddAroundHalf,
    /// `f(x) - f(-x) = x`: as even, up to a linear function.
    EvenUpToLinear,
}

const NAMES: [&str; 14] = [
    "sigmoid",
    "softplus",
    "g",
    "tanh",
    "erf",
    "normal_cdf",
    "gelu",
    "silu",
    "relu",
    "square",
    "cube",
    "exp",
    "identity",
    "selu",
];

impl Activation {
    /// All activations without parameters, in the order of the table.
    #[must_use]
    pub fn all() -> [Self; 14] {
        use Activation::{
            Cube, Erf, Exp, G, Gelu, Identity, NormalCdf, Relu, Selu, Sigmoid, Silu, Softplus, Square, Tanh,
        };
        [Sigmoid, Softplus, G, Tanh, Erf, NormalCdf, Gelu, Silu, Relu, Square, Cube, Exp, Identity, Selu]
    }

    /// The name in the table.
    #[must_use]
    pub fn name(&self) -> &'static str {
        use Activation::{
            Cube, Erf, Exp, G, Gelu, Identity, NormalCdf, Polynomial, Relu, Selu, Sigmoid, Silu, Softplus, Square, Tanh,
        };
        match self {
            Sigmoid => "sigmoid",
            Softplus => "softplus",
            G => "g",
            Tanh => "tanh",
            Erf => "erf",
            NormalCdf => "normal_cdf",
            Gelu => "gelu",
            Silu => "silu",
            Relu => "relu",
            Square => "square",
            Cube => "cube",
            Exp => "exp",
            Identity => "identity",
            Selu => "selu",
            Polynomial(_) => "polynomial",
        }
    }

    /// `f(x)`.
    #[must_use]
    pub fn value(&self, x: f64) -> f64 {
        self.derivatives(x)[0]
    }

    /// `[f(x), f'(x), f''(x)]`.
    #[must_use]
    pub fn derivatives(&self, x: f64) -> [f64; 3] {
        let (z, mut f, mut f1, mut f2) = ([x], [0.0], [0.0], [0.0]);
        curvatures(self, &z, &mut f, &mut f1, &mut f2);
        [f[0], f1[0], f2[0]]
    }

    /// What negating the argument does.
    #[must_use]
    pub fn sign_symmetry(&self) -> SignSymmetry {
        match self {
            Self::Tanh | Self::Erf | Self::Cube | Self::Identity => SignSymmetry::Odd,
            Self::Square => SignSymmetry::Even,
            Self::Sigmoid | Self::NormalCdf => SignSymmetry::OddAroundHalf,
            Self::Softplus | Self::Silu | Self::Gelu | Self::Relu => SignSymmetry::EvenUpToLinear,
            Self::Polynomial(c) => {
                let zero = |parity| c.iter().enumerate().all(|(k, c)| k % 2 != parity || *c == 0.0);
                match (zero(0), zero(1)) {
                    (true, _) => SignSymmetry::Odd,
                    (false, true) => SignSymmetry::Even,
                    _ => SignSymmetry::None,
                }
            }
            Self::G | Self::Exp | Self::Selu => SignSymmetry::None,
        }
    }

    /// Whether the second derivative exists everywhere, so that the Hessian tells the curvature of the loss.
    #[must_use]
    pub fn is_twice_differentiable(&self) -> bool {
        !matches!(self, Self::Relu | Self::Selu)
    }

    /// Refuses a polynomial without coefficients or with NaN among them.
    ///
    /// # Errors
    /// [`Error::Parameter`].
    pub fn validate(&self) -> Result<()> {
        if let Self::Polynomial(c) = self {
            neuropil_core::check::non_empty("coefficients of the polynomial", c)?;
            neuropil_core::check::each("coefficients of the polynomial", c, neuropil_core::check::finite)?;
        }
        Ok(())
    }
}

impl fmt::Display for Activation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Polynomial(c) => {
                write!(f, "polynomial(")?;
                for (k, c) in c.iter().enumerate() {
                    write!(f, "{}{c}", if k > 0 { "," } else { "" })?;
                }
                write!(f, ")")
            }
            _ => f.write_str(self.name()),
        }
    }
}

impl FromStr for Activation {
    type Err = Error;

    /// A name of the table, or `polynomial(c0,c1,...)`.
    fn from_str(text: &str) -> Result<Self> {
        let text = text.trim();
        let wrong = || {
            let allowed = format!("one of {}, polynomial(c0,c1,...); softmax belongs to the loss", NAMES.join(", "));
            Error::parameter("activation", format!("\"{text}\""), allowed)
        };
        if let Some(inner) = text.strip_prefix("polynomial(").and_then(|rest| rest.strip_suffix(')')) {
            let coefficients: std::result::Result<Vec<f64>, _> = inner.split(',').map(|c| c.trim().parse()).collect();
            let activation = Self::Polynomial(coefficients.map_err(|_| wrong())?);
            activation.validate()?;
            return Ok(activation);
        }
        let name = if text == "sigmoid2" { "erf" } else { text };
        NAMES.iter().position(|known| *known == name).map(|i| Self::all()[i].clone()).ok_or_else(wrong)
    }
}

dispatch! {
    /// `f` of every `z`.
    pub(crate) fn values = values_body(activation: &Activation, z: &[f64], f: &mut [f64]);
}

dispatch! {
    /// `f` and `f'` of every `z`.
    pub(crate) fn slopes = slopes_body(activation: &Activation, z: &[f64], f: &mut [f64], f1: &mut [f64]);
}

dispatch! {
    /// `f`, `f'` and `f''` of every `z`.
    pub(crate) fn curvatures =
        curvatures_body(activation: &Activation, z: &[f64], f: &mut [f64], f1: &mut [f64], f2: &mut [f64]);
}

/// Writes what a function gives for every `z`. A macro rather than a closure, so that nothing can stay behind as a call
/// outside of the vector code.
macro_rules! each {
    ($z:ident, [$($out:ident: $order:literal),+], |$x:ident| $point:expr) => {
        for i in 0..$z.len() {
            let $x = $z[i];
            let point: [f64; 3] = $point;
            $($out[i] = point[$order];)+
        }
    };
}

/// A kernel over slices that writes some of `f`, `f'` and `f''`.
macro_rules! kernel {
    ($name:ident, $($out:ident: $order:literal),+) => {
        #[inline(always)]
        fn $name<const FMA: bool>(activation: &Activation, z: &[f64], $($out: &mut [f64]),+) {
            let n = z.len();
            $(let $out = &mut $out[..n];)+
            match activation {
                Activation::Sigmoid => each!(z, [$($out: $order),+], |x| sigmoid::<FMA>(x)),
                Activation::Softplus => each!(z, [$($out: $order),+], |x| softplus::<FMA>(x)),
                Activation::G => each!(z, [$($out: $order),+], |x| g::<FMA>(x)),
                Activation::Tanh => each!(z, [$($out: $order),+], |x| tanh::<FMA>(x)),
                Activation::Erf => each!(z, [$($out: $order),+], |x| erf::<FMA>(x)),
                Activation::NormalCdf => each!(z, [$($out: $order),+], |x| normal_cdf::<FMA>(x)),
                Activation::Gelu => each!(z, [$($out: $order),+], |x| gelu::<FMA>(x)),
                Activation::Silu => each!(z, [$($out: $order),+], |x| silu::<FMA>(x)),
                Activation::Relu => each!(z, [$($out: $order),+], |x| [if x > 0.0 { x } else { 0.0 }, if x > 0.0 { 1.0 } else { 0.0 }, 0.0]),
                Activation::Square => each!(z, [$($out: $order),+], |x| [0.5 * x * x, x, 1.0]),
                Activation::Cube => each!(z, [$($out: $order),+], |x| [x * x * x, 3.0 * x * x, 6.0 * x]),
                Activation::Exp => each!(z, [$($out: $order),+], |x| exponential::<FMA>(x)),
                Activation::Identity => each!(z, [$($out: $order),+], |x| [x, 1.0, 0.0]),
                Activation::Selu => each!(z, [$($out: $order),+], |x| selu::<FMA>(x)),
                Activation::Polynomial(c) => each!(z, [$($out: $order),+], |x| polynomial(c, x)),
            }
        }
    };
}

kernel!(values_body, f: 0);
kernel!(slopes_body, f: 0, f1: 1);
kernel!(curvatures_body, f: 0, f1: 1, f2: 2);

/// `e = exp(-|x|)`, `1 / (1 + e)`.
#[inline(always)]
fn decay<const FMA: bool>(x: f64) -> (f64, f64) {
    let e = vector::exp::<FMA>(-x.abs());
    (e, 1.0 / (1.0 + e))
}

/// The logistic function from `e` and `s = 1 / (1 + e)`: both tails keep their relative accuracy.
#[inline(always)]
fn logistic(x: f64, e: f64, s: f64) -> [f64; 3] {
    let positive = x > 0.0;
    let f = if positive { s } else { e * s };
    let f1 = e * s * s;
    let one_minus_2f = (1.0 - e) * s;
    [f, f1, if positive { -f1 * one_minus_2f } else { f1 * one_minus_2f }]
}

#[inline(always)]
fn sigmoid<const FMA: bool>(x: f64) -> [f64; 3] {
    let (e, s) = decay::<FMA>(x);
    let value = logistic(x, e, s);
    if x.is_nan() { [x; 3] } else { value }
}

#[inline(always)]
fn softplus<const FMA: bool>(x: f64) -> [f64; 3] {
    let (e, s) = decay::<FMA>(x);
    let [f1, f2, _] = logistic(x, e, s);
    [if x > 0.0 { x } else { 0.0 } + vector::ln_1p::<FMA>(e), f1, f2]
}

#[inline(always)]
fn g<const FMA: bool>(x: f64) -> [f64; 3] {
    let (e, s) = decay::<FMA>(x);
    // exp(-4|x|) as a fourth power: one exponential serves both terms.
    let e2 = e * e;
    let e4 = e2 * e2;
    let slow = logistic(x, e, s);
    let fast = logistic(x, e4, 1.0 / (1.0 + e4));
    let softplus = if x > 0.0 { x } else { 0.0 } + vector::ln_1p::<FMA>(e);
    [fast[0] + softplus, multiply_add::<FMA>(4.0, fast[1], slow[0]), multiply_add::<FMA>(16.0, fast[2], slow[1])]
}

#[inline(always)]
fn tanh<const FMA: bool>(x: f64) -> [f64; 3] {
    let e = vector::exp::<FMA>(-2.0 * x.abs());
    let s = 1.0 / (1.0 + e);
    let f1 = 4.0 * e * s * s;
    let far = (1.0 - e) * s;
    // 1 - e loses digits near zero; the continued fraction of tanh, cut after seven levels, does not.
    let x2 = x * x;
    let top =
        multiply_add::<FMA>(multiply_add::<FMA>(multiply_add::<FMA>(x2, 1.0, 378.0), x2, 17_325.0), x2, 135_135.0);
    let bottom =
        multiply_add::<FMA>(multiply_add::<FMA>(multiply_add::<FMA>(x2, 28.0, 3_150.0), x2, 62_370.0), x2, 135_135.0);
    let near = x * (top / bottom);
    let signed = if x > 0.0 { far } else { -far };
    let f = if x2 < 0.16 { near } else { signed };
    [f, f1, -2.0 * f * f1]
}

#[inline(always)]
fn exponential<const FMA: bool>(x: f64) -> [f64; 3] {
    // Beyond 709 the vector exponential saturates; an overflow must stay visible.
    let e = if x > 709.0 { f64::INFINITY } else { vector::exp::<FMA>(x) };
    [e; 3]
}

#[inline(always)]
fn silu<const FMA: bool>(x: f64) -> [f64; 3] {
    let [s, s1, s2] = sigmoid::<FMA>(x);
    [x * s, multiply_add::<FMA>(x, s1, s), multiply_add::<FMA>(x, s2, 2.0 * s1)]
}

#[inline(always)]
fn selu<const FMA: bool>(x: f64) -> [f64; 3] {
    const SCALE: f64 = 1.050_700_987_355_480_5;
    const ALPHA: f64 = 1.673_263_242_354_377_2;
    let positive = x > 0.0;
    let below = if positive { 0.0 } else { x };
    let tail = SCALE * ALPHA * vector::exp::<FMA>(below);
    // expm1 near zero by its series, where exp(x) - 1 cancels.
    let series = below * (1.0 + below * (0.5 + below * (1.0 / 6.0 + below * (1.0 / 24.0 + below / 120.0))));
    let value = if below > -1e-3 { SCALE * ALPHA * series } else { tail - SCALE * ALPHA };
    [if positive { SCALE * x } else { value }, if positive { SCALE } else { tail }, if positive { 0.0 } else { tail }]
}

/// The density of the standard normal.
#[inline(always)]
fn density<const FMA: bool>(x: f64) -> f64 {
    const SCALE: f64 = 0.398_942_280_401_432_7;
    SCALE * vector::exp::<FMA>(-0.5 * x * x)
}

#[inline(always)]
fn erf<const FMA: bool>(x: f64) -> [f64; 3] {
    let f1 = 2.0 * density::<FMA>(x);
    [libm::erf(x * std::f64::consts::FRAC_1_SQRT_2), f1, -x * f1]
}

#[inline(always)]
fn normal_cdf<const FMA: bool>(x: f64) -> [f64; 3] {
    let f1 = density::<FMA>(x);
    // erfc keeps the relative accuracy of the lower tail.
    [0.5 * libm::erfc(-x * std::f64::consts::FRAC_1_SQRT_2), f1, -x * f1]
}

#[inline(always)]
fn gelu<const FMA: bool>(x: f64) -> [f64; 3] {
    let [cdf, density, _] = normal_cdf::<FMA>(x);
    [x * cdf, multiply_add::<FMA>(x, density, cdf), (2.0 - x * x) * density]
}

#[inline(always)]
fn polynomial(coefficients: &[f64], x: f64) -> [f64; 3] {
    let (mut f, mut f1, mut f2) = (0.0, 0.0, 0.0);
    for &c in coefficients.iter().rev() {
        f2 = f2 * x + 2.0 * f1;
        f1 = f1 * x + f;
        f = f * x + c;
    }
    [f, f1, f2]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(a: f64, b: f64, tolerance: f64) -> bool {
        (a - b).abs() <= tolerance * (1.0 + b.abs())
    }

    #[test]
    fn derivatives_agree_with_finite_differences() {
        let mut all = Activation::all().to_vec();
        all.push(Activation::Polynomial(vec![0.3, -1.0, 0.5, 0.25]));
        for activation in &all {
            for k in -40..40 {
                let x = 0.171 * f64::from(k) + 0.013;
                let h = 1e-5;
                let [_, f1, f2] = activation.derivatives(x);
                let [above, slope_above, _] = activation.derivatives(x + h);
                let [below, slope_below, _] = activation.derivatives(x - h);
                assert!(close((above - below) / (2.0 * h), f1, 1e-8), "{activation}'({x})");
                assert!(close((slope_above - slope_below) / (2.0 * h), f2, 1e-8), "{activation}''({x})");
            }
        }
    }

    #[test]
    fn values_agree_with_the_standard_library() {
        for k in -400..400 {
            let x = 0.0471 * f64::from(k) + 0.001;
            let softplus = x.max(0.0) + (-x.abs()).exp().ln_1p();
            let sigmoid = |x: f64| 1.0 / (1.0 + (-x).exp());
            assert!(close(Activation::Softplus.value(x), softplus, 4e-16));
            assert!(close(Activation::G.value(x), sigmoid(4.0 * x) + softplus, 4e-16));
            let tanh = Activation::Tanh.value(x);
            assert!((tanh - x.tanh()).abs() < 4e-16 * x.tanh().abs(), "tanh({x}) = {tanh}");
            assert!(close(Activation::Exp.value(x), x.exp(), 4e-16));
        }
        assert!(close(Activation::Erf.value(1.0), 0.682_689_492_137_085_9, 1e-15));
        assert!(close(Activation::NormalCdf.value(-10.0) * 1e23, 0.761_985_302_416_052_6, 1e-14));
    }

    #[test]
    fn tails_are_finite_and_ordered() {
        for activation in Activation::all() {
            if activation == Activation::Exp {
                continue;
            }
            for x in [-1e3, -745.0, -1e-300, 0.0, 1e-300, 745.0, 1e3] {
                assert!(activation.derivatives(x).iter().all(|d| d.is_finite()), "{activation} at {x}");
            }
        }
        assert!(Activation::Sigmoid.value(-700.0) > 0.0);
        assert_eq!(Activation::Relu.derivatives(0.0), [0.0, 0.0, 0.0]);
        assert_eq!(Activation::Exp.value(1e3), f64::INFINITY);
    }

    #[test]
    fn names_round_trip_and_unknown_names_are_refused() {
        for activation in Activation::all() {
            assert_eq!(activation.to_string().parse::<Activation>().unwrap(), activation);
        }
        let cubic = "polynomial(0, 1,-0.5)".parse::<Activation>().unwrap();
        assert_eq!(cubic, Activation::Polynomial(vec![0.0, 1.0, -0.5]));
        assert_eq!(cubic.to_string().parse::<Activation>().unwrap(), cubic);
        assert_eq!("sigmoid2".parse::<Activation>().unwrap(), Activation::Erf);
        let error = "softmax".parse::<Activation>().unwrap_err().to_string();
        assert!(error.starts_with("activation must be one of sigmoid, softplus, g"), "{error}");
        assert!("polynomial()".parse::<Activation>().is_err());
    }

    #[test]
    fn sign_symmetries_hold() {
        for activation in Activation::all() {
            for x in [0.3, 1.7, 4.0] {
                let (plus, minus) = (activation.value(x), activation.value(-x));
                let holds = match activation.sign_symmetry() {
                    SignSymmetry::None => true,
                    SignSymmetry::Odd => close(minus, -plus, 1e-15),
                    SignSymmetry::Even => minus == plus,
                    SignSymmetry::OddAroundHalf => close(minus, 1.0 - plus, 1e-15),
                    SignSymmetry::EvenUpToLinear => close(plus - minus, x, 1e-15),
                };
                assert!(holds, "{activation}({x})");
            }
        }
    }
}
