//! One step of RODAS, the linearly implicit method of the [gradient flow](crate::flow).
//!
//! With `f = -grad`, the exact Jacobian `-H` and `E = 1 / (gamma h) + H`, which is symmetric and, for steps that follow
//! the flow, positive definite: `E k_i = f(y + sum_j a_ij k_j) + sum_j (c_ij / h) k_j`. The coefficients are those of the
//! code RODAS of Hairer and Wanner.

use crate::flow::{Method, Proposal};
use crate::positive_definite::Cholesky;
use crate::smooth::Smooth;

const GAMMA: f64 = 0.25;
const A: [&[f64]; 4] = [
    &[1.544],
    &[0.946_678_528_081_582_6, 0.255_701_169_898_328_4],
    &[3.314_825_187_068_521, 2.896_124_015_972_201, 0.998_641_913_997_781_7],
    &[1.221_224_509_226_641, 6.019_134_481_288_629, 12.537_083_329_320_87, -0.687_886_036_105_895],
];
const C: [&[f64]; 5] = [
    &[-5.668_8],
    &[-2.430_093_356_833_875, -0.206_359_915_709_191_5],
    &[-0.107_352_905_815_137_5, -9.594_562_251_023_355, -20.470_286_148_096_16],
    &[7.496_443_313_967_647, -10.246_804_314_643_52, -33.999_903_528_199_05, 11.708_908_932_061_6],
    &[
        8.083_246_795_921_522,
        -7.981_132_988_064_893,
        -31.521_594_328_743_71,
        16.319_305_431_231_36,
        -6.058_818_238_834_054,
    ],
];
/// Dense output.
const D: [[f64; 5]; 2] = [
    [
        10.126_235_083_445_86,
        -7.487_995_877_610_167,
        -34.800_918_615_557_47,
        -7.992_771_707_568_823,
        1.025_137_723_295_662,
    ],
    [
        -0.676_280_339_280_125_3,
        6.087_714_651_680_015,
        16.430_843_208_924_78,
        24.767_225_114_183_86,
        -6.594_389_125_716_872,
    ],
];

/// Hessian and stages at one point.
pub(crate) struct Rosenbrock {
    hessian: Vec<f64>,
    cholesky: Cholesky,
    stages: [Vec<f64>; 6],
    gradient: Vec<f64>,
}

impl Rosenbrock {
    pub fn new(n: usize) -> Self {
        Self {
            hessian: vec![0.0; n * n],
            cholesky: Cholesky::default(),
            stages: std::array::from_fn(|_| vec![0.0; n]),
            gradient: vec![0.0; n],
        }
    }
}

impl Method for Rosenbrock {
    fn begin(&mut self, function: &mut dyn Smooth, theta: &[f64], gradient: &mut [f64]) -> f64 {
        function.derivatives(theta, gradient, &mut self.hessian)
    }

    fn propose(
        &mut self,
        function: &mut dyn Smooth,
        theta: &[f64],
        gradient: &[f64],
        h: f64,
        out: &mut Proposal,
    ) -> bool {
        let n = theta.len();
        if !self.cholesky.factor(&self.hessian, n, 1.0 / (GAMMA * h)) {
            return false;
        }
        out.state.resize(n, 0.0);
        let Self { cholesky, stages, gradient: at_stage, .. } = self;
        for i in 0..n {
            stages[0][i] = -gradient[i];
        }
        cholesky.solve(&mut stages[0]);
        for stage in 1..6 {
            let (done, rest) = stages.split_at_mut(stage);
            let state = &mut out.state;
            if stage < 5 {
                state.copy_from_slice(theta);
                for (a, k) in A[stage - 1].iter().zip(&*done) {
                    state.iter_mut().zip(k).for_each(|(state, k)| *state += a * k);
                }
            } else {
                // The last two stages continue from the result of the fifth: the method is stiffly accurate.
                state.iter_mut().zip(&done[4]).for_each(|(state, k)| *state += k);
            }
            if !function.value_and_gradient(state, at_stage).is_finite() {
                return false;
            }
            let current = &mut rest[0];
            current.iter_mut().zip(&*at_stage).for_each(|(k, g)| *k = -g);
            for (c, k) in C[stage - 1].iter().zip(&*done) {
                let c = c / h;
                current.iter_mut().zip(k).for_each(|(current, k)| *current += c * k);
            }
            cholesky.solve(current);
        }
        out.state.iter_mut().zip(&stages[5]).for_each(|(state, k)| *state += k);
        out.error.clone_from(&stages[5]);
        for (bend, weights) in out.bend.iter_mut().zip(&D) {
            bend.clear();
            bend.extend((0..n).map(|i| weights.iter().zip(&*stages).map(|(d, k)| d * k[i]).sum::<f64>()));
        }
        true
    }

    fn order(&self) -> f64 {
        4.0
    }
}
