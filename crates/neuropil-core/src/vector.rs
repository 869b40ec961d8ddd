//! Exponential and logarithm written so that loops over slices become SIMD code, and the dispatch that picks the
//! widest instruction set of the machine at run time.
//!
//! [`exp`] and [`ln`] are branch-free: inside a loop that [`dispatch!`](crate::dispatch) compiles for AVX-512 or for
//! AVX2 with FMA the compiler turns them into vector code; elsewhere they stay portable. Both are accurate to about
//! one unit in the last place, so that they can stand in for the functions of the standard library in every kernel.

/// `a * b + c`, fused where `FMA` says that the machine has the instruction.
#[inline(always)]
pub fn multiply_add<const FMA: bool>(a: f64, b: f64, c: f64) -> f64 {
    if FMA { a.mul_add(b, c) } else { a * b + c }
}

/// `exp(x)` for `x <= 709`; zero below -745 (results under 2.3e-308 are flushed to zero), NaN for NaN.
///
/// Cody-Waite reduction to `|r| <= ln(2)/2`, then the Taylor polynomial of degree 12 (truncation error 2e-17).
#[inline(always)]
pub fn exp<const FMA: bool>(x: f64) -> f64 {
    const LOG2_E: f64 = std::f64::consts::LOG2_E;
    const LN_2_HIGH: f64 = 6.931_471_803_691_238_16e-1;
    const LN_2_LOW: f64 = 1.908_214_929_270_587_7e-10;
    // Adding and subtracting 1.5 * 2^52 rounds to the nearest integer and leaves it in the low bits.
    const ROUND: f64 = 6_755_399_441_055_744.0;
    let clamped = x.clamp(-708.0, 709.0);
    let shifted = multiply_add::<FMA>(clamped, LOG2_E, ROUND);
    let n = shifted - ROUND;
    let r = multiply_add::<FMA>(n, -LN_2_HIGH, clamped);
    let r = multiply_add::<FMA>(n, -LN_2_LOW, r);
    let r2 = r * r;
    let r4 = r2 * r2;
    let p01 = multiply_add::<FMA>(r, 1.0, 1.0);
    let p23 = multiply_add::<FMA>(r, 1.0 / 6.0, 0.5);
    let p45 = multiply_add::<FMA>(r, 1.0 / 120.0, 1.0 / 24.0);
    let p67 = multiply_add::<FMA>(r, 1.0 / 5_040.0, 1.0 / 720.0);
    let p89 = multiply_add::<FMA>(r, 1.0 / 362_880.0, 1.0 / 40_320.0);
    let p1011 = multiply_add::<FMA>(r, 1.0 / 39_916_800.0, 1.0 / 3_628_800.0);
    let p03 = multiply_add::<FMA>(p23, r2, p01);
    let p47 = multiply_add::<FMA>(p67, r2, p45);
    let p811 = multiply_add::<FMA>(p1011, r2, p89);
    let p412 = multiply_add::<FMA>(multiply_add::<FMA>(r4, 1.0 / 479_001_600.0, p811), r4, p47);
    let value = multiply_add::<FMA>(p412, r4, p03);
    let scale = f64::from_bits((shifted.to_bits() << 52).wrapping_add(0x3ff0_0000_0000_0000));
    let result = value * scale;
    if x < -708.0 {
        0.0
    } else if x.is_nan() {
        x
    } else {
        result
    }
}

/// `ln(x)` for normal positive `x`; not for zero, negative, subnormal or infinite arguments.
///
/// `x = 2^e m` with `m` in `[sqrt(1/2), sqrt(2))`, then `ln m = 2 artanh(s)` with `s = (m - 1)/(m + 1)` and a
/// polynomial in `z = s^2` (relative error 5e-18).
#[inline(always)]
pub fn ln<const FMA: bool>(x: f64) -> f64 {
    const LN_2_HIGH: f64 = 6.931_471_803_691_238_16e-1;
    const LN_2_LOW: f64 = 1.908_214_929_270_587_7e-10;
    // Bits of sqrt(1/2): moves the cut between exponents there.
    const CUT: u64 = 0x3fe6_a09e_667f_3bcd;
    // An integer below 2^52 in the low bits of 2^52 is that integer as a float.
    const TWO_52: f64 = 4_503_599_627_370_496.0;
    let shifted = x.to_bits().wrapping_sub(CUT).wrapping_add(1024 << 52);
    let exponent = f64::from_bits((shifted >> 52) | TWO_52.to_bits()) - (TWO_52 + 1024.0);
    let m = f64::from_bits((shifted & 0x000f_ffff_ffff_ffff).wrapping_add(CUT));
    let f = m - 1.0;
    let s = f / (m + 1.0);
    let z = s * s;
    let z2 = z * z;
    let z4 = z2 * z2;
    // Interpolates (ln(m) / s - 2) / z at the Chebyshev nodes of the interval.
    let a = multiply_add::<FMA>(z, 0.399_999_999_998_995_04, 0.666_666_666_666_667);
    let b = multiply_add::<FMA>(z, 0.222_222_111_347_950_8, 0.285_714_286_259_754_87);
    let c = multiply_add::<FMA>(z, 0.153_317_216_005_560_42, 0.181_828_891_252_617_23);
    let ab = multiply_add::<FMA>(b, z2, a);
    let series = multiply_add::<FMA>(multiply_add::<FMA>(z2, 0.146_164_496_850_434_06, c), z4, ab);
    // ln m = f - s (f - z R): keeps full accuracy near one, where f is exact.
    let tail = s * multiply_add::<FMA>(series, z, -f);
    multiply_add::<FMA>(exponent, LN_2_HIGH, f + multiply_add::<FMA>(exponent, LN_2_LOW, tail))
}

/// `ln(1 + x)` for `x >= 0`, accurate for small `x`.
#[inline(always)]
pub fn ln_1p<const FMA: bool>(x: f64) -> f64 {
    let u = 1.0 + x;
    // What rounding took away from 1 + x; it matters only where u is close to one.
    let lost = if x < 1.0 { x - (u - 1.0) } else { 0.0 };
    ln::<FMA>(u) + lost
}

/// Largest value of a slice; minus infinity when it is empty. NaN is ignored.
#[inline(always)]
pub fn max(values: &[f64]) -> f64 {
    let mut lanes = [f64::NEG_INFINITY; 8];
    let chunks = values.chunks_exact(8);
    let rest = chunks.remainder();
    for chunk in chunks {
        for (lane, &value) in lanes.iter_mut().zip(chunk) {
            *lane = if value > *lane { value } else { *lane };
        }
    }
    rest.iter().chain(&lanes).fold(f64::NEG_INFINITY, |best, &value| if value > best { value } else { best })
}

/// Sum of a slice, in the order of [`sum`] and so with its bits.
#[inline(always)]
pub fn total(values: &[f64]) -> f64 {
    let mut lanes = [0.0; 8];
    let chunks = values.chunks_exact(8);
    let rest = chunks.remainder();
    for chunk in chunks {
        for (lane, &value) in lanes.iter_mut().zip(chunk) {
            *lane += value;
        }
    }
    for (lane, &value) in lanes.iter_mut().zip(rest) {
        *lane += value;
    }
    ((lanes[0] + lanes[4]) + (lanes[2] + lanes[6])) + ((lanes[1] + lanes[5]) + (lanes[3] + lanes[7]))
}

/// Sum of `term(i)` for `i < n`, in eight interleaved partial sums: the same order on every machine, and SIMD.
#[inline(always)]
pub fn sum(n: usize, mut term: impl FnMut(usize) -> f64) -> f64 {
    let mut lanes = [0.0; 8];
    let whole = n / 8 * 8;
    let mut base = 0;
    while base < whole {
        for (lane, partial) in lanes.iter_mut().enumerate() {
            *partial += term(base + lane);
        }
        base += 8;
    }
    for i in whole..n {
        lanes[i % 8] += term(i);
    }
    ((lanes[0] + lanes[4]) + (lanes[2] + lanes[6])) + ((lanes[1] + lanes[5]) + (lanes[3] + lanes[7]))
}

/// Compiles a kernel once per instruction set and calls the widest one that the machine has.
///
/// The body is a function with a constant parameter `FMA`, marked `#[inline(always)]`:
///
/// ```
/// use neuropil_core::{dispatch, vector};
///
/// dispatch! {
///     /// Replaces every value by its exponential.
///     pub fn exponentials = exponentials_body(values: &mut [f64]);
/// }
///
/// #[inline(always)]
/// fn exponentials_body<const FMA: bool>(values: &mut [f64]) {
///     for value in values {
///         *value = vector::exp::<FMA>(*value);
///     }
/// }
///
/// let mut values = [0.0, 1.0];
/// exponentials(&mut values);
/// assert_eq!(values[0], 1.0);
/// ```
#[macro_export]
macro_rules! dispatch {
    ($(#[$meta:meta])* $vis:vis fn $name:ident = $body:ident ( $($arg:ident : $ty:ty),* $(,)? ) $(-> $ret:ty)?;) => {
        $(#[$meta])*
        $vis fn $name($($arg: $ty),*) $(-> $ret)? {
            #[cfg(target_arch = "x86_64")]
            {
                #[allow(clippy::too_many_arguments, reason = "the kernel decides")]
                #[target_feature(enable = "avx512f,avx512dq,avx512vl,avx2,fma")]
                fn wide($($arg: $ty),*) $(-> $ret)? {
                    $body::<true>($($arg),*)
                }
                #[allow(clippy::too_many_arguments, reason = "the kernel decides")]
                #[target_feature(enable = "avx2,fma")]
                fn narrow($($arg: $ty),*) $(-> $ret)? {
                    $body::<true>($($arg),*)
                }
                if std::arch::is_x86_feature_detected!("avx512f")
                    && std::arch::is_x86_feature_detected!("avx512dq")
                    && std::arch::is_x86_feature_detected!("avx512vl")
                {
                    // SAFETY: the features were detected on this machine.
                    return unsafe { wide($($arg),*) };
                }
                if std::arch::is_x86_feature_detected!("avx2") && std::arch::is_x86_feature_detected!("fma") {
                    // SAFETY: the features were detected on this machine.
                    return unsafe { narrow($($arg),*) };
                }
            }
            #[cfg(target_arch = "aarch64")]
            {
                return $body::<true>($($arg),*);
            }
            #[cfg(not(target_arch = "aarch64"))]
            $body::<false>($($arg),*)
        }
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    fn units_in_the_last_place(value: f64, reference: f64) -> f64 {
        (value - reference).abs() / (reference.abs() * f64::EPSILON)
    }

    #[test]
    fn exp_and_ln_agree_with_the_standard_library_to_two_units() {
        let mut x = -700.0;
        while x < 700.0 {
            assert!(units_in_the_last_place(exp::<true>(x), x.exp()) < 2.0, "exp({x})");
            assert!(units_in_the_last_place(exp::<false>(x), x.exp()) < 2.0, "exp({x})");
            x += 0.371_3;
        }
        let mut x: f64 = 1e-300;
        while x < 1e300 {
            assert!(units_in_the_last_place(ln::<true>(x), x.ln()) < 2.0, "ln({x})");
            assert!(units_in_the_last_place(ln::<false>(x), x.ln()) < 2.0, "ln({x})");
            x *= 1.271;
        }
        for i in -1000..1000 {
            let x = 1.0 + f64::from(i) * 3.1e-4;
            assert!(i == 0 || units_in_the_last_place(ln::<true>(x), x.ln()) < 2.0, "ln({x})");
        }
        assert_eq!(ln::<true>(1.0), 0.0);
    }

    #[test]
    fn exp_is_exact_at_its_edges() {
        assert_eq!(exp::<true>(0.0), 1.0);
        assert_eq!(exp::<true>(-1e6), 0.0);
        assert_eq!(exp::<true>(f64::NEG_INFINITY), 0.0);
        assert!(exp::<true>(f64::NAN).is_nan());
    }

    #[test]
    fn ln_1p_keeps_the_small_part() {
        for exponent in -18..6 {
            let x = 1.37 * 10_f64.powi(exponent);
            let error = (ln_1p::<true>(x) - x.ln_1p()).abs();
            assert!(error < 3e-16 * (1.0 + x.ln_1p()), "ln_1p({x}) is off by {error}");
        }
    }

    #[test]
    fn reductions_do_not_depend_on_the_instruction_set_and_ignore_nothing() {
        let values: Vec<f64> = (0..37).map(|i| f64::from(i * 7 % 37)).collect();
        assert_eq!(max(&values), 36.0);
        assert_eq!(max(&[]), f64::NEG_INFINITY);
        assert_eq!(sum(values.len(), |i| values[i]), 36.0 * 37.0 / 2.0);
        let irregular: Vec<f64> = values.iter().map(|value| (value * 0.37).exp()).collect();
        assert_eq!(total(&irregular), sum(irregular.len(), |i| irregular[i]));
    }
}
