//! Exponentials for the kernel of the age grid: nine digits, half the work.
//!
//! An error of 1e-9 of an escape rate is far below what a time step leaves; the sums that cancel (how many neurons are
//! missing) do not depend on it, because every neuron that leaves one place enters another.

use neuropil_core::vector::multiply_add;

/// Largest expected number of events per step for which [`fires`] holds.
pub(super) const FEW_EVENTS: f64 = 0.25;

/// `exp(x)` for `x <= 50` with a relative error below 1e-9; below -700 as at -700.
#[inline(always)]
pub(super) fn exp<const FMA: bool>(x: f64) -> f64 {
    const LN_2_HIGH: f64 = 6.931_471_803_691_238_16e-1;
    const LN_2_LOW: f64 = 1.908_214_929_270_587_7e-10;
    // Adding and subtracting 1.5 * 2^52 rounds to the nearest integer and leaves it in the low bits.
    const ROUND: f64 = 6_755_399_441_055_744.0;
    let x = if x > -700.0 { x } else { -700.0 };
    let shifted = multiply_add::<FMA>(x, std::f64::consts::LOG2_E, ROUND);
    let n = shifted - ROUND;
    let r = multiply_add::<FMA>(n, -LN_2_LOW, multiply_add::<FMA>(n, -LN_2_HIGH, x));
    let r2 = r * r;
    // Taylor up to the eighth power of |r| <= ln(2) / 2: the first term left out is 2e-10.
    let p01 = 1.0 + r;
    let p23 = multiply_add::<FMA>(r, 1.0 / 6.0, 0.5);
    let p45 = multiply_add::<FMA>(r, 1.0 / 120.0, 1.0 / 24.0);
    let p67 = multiply_add::<FMA>(r, 1.0 / 5_040.0, 1.0 / 720.0);
    let p48 = multiply_add::<FMA>(r2, multiply_add::<FMA>(r2, 1.0 / 40_320.0, p67), p45);
    let value = multiply_add::<FMA>(multiply_add::<FMA>(p48, r2, p23), r2, p01);
    value * f64::from_bits((shifted.to_bits() << 52).wrapping_add(0x3ff0_0000_0000_0000))
}

/// `1 - exp(-x)` for `0 <= x <= FEW_EVENTS` with a relative error below 2e-9.
#[inline(always)]
pub(super) fn fires<const FMA: bool>(x: f64) -> f64 {
    let x2 = x * x;
    let p12 = multiply_add::<FMA>(x, -1.0 / 2.0, 1.0);
    let p34 = multiply_add::<FMA>(x, -1.0 / 24.0, 1.0 / 6.0);
    let p567 = multiply_add::<FMA>(x2, 1.0 / 5_040.0, multiply_add::<FMA>(x, -1.0 / 720.0, 1.0 / 120.0));
    x * multiply_add::<FMA>(multiply_add::<FMA>(p567, x2, p34), x2, p12)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nine_digits_are_kept() {
        let mut x = -60.0;
        while x < 50.0 {
            assert!((exp::<false>(x) / f64::exp(x) - 1.0).abs() < 1e-9, "{x}");
            x += 0.013;
        }
        let mut x = 1e-12;
        while x <= FEW_EVENTS {
            assert!((fires::<false>(x) / -(-x).exp_m1() - 1.0).abs() < 2e-9, "{x}");
            x *= 1.07;
        }
        assert_eq!(fires::<false>(0.0), 0.0);
        assert!(exp::<false>(f64::NEG_INFINITY) < 1e-300);
    }
}
