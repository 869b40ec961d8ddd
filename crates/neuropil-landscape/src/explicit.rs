//! One step of the Dormand-Prince method of order 5(4), the explicit method of the [gradient flow](crate::flow).

use crate::flow::{Method, Proposal};
use crate::smooth::Smooth;

const A: [&[f64]; 6] = [
    &[1.0 / 5.0],
    &[3.0 / 40.0, 9.0 / 40.0],
    &[44.0 / 45.0, -56.0 / 15.0, 32.0 / 9.0],
    &[19_372.0 / 6_561.0, -25_360.0 / 2_187.0, 64_448.0 / 6_561.0, -212.0 / 729.0],
    &[9_017.0 / 3_168.0, -355.0 / 33.0, 46_732.0 / 5_247.0, 49.0 / 176.0, -5_103.0 / 18_656.0],
    &[35.0 / 384.0, 0.0, 500.0 / 1_113.0, 125.0 / 192.0, -2_187.0 / 6_784.0, 11.0 / 84.0],
];
/// Fifth minus fourth order.
const E: [f64; 7] =
    [71.0 / 57_600.0, 0.0, -71.0 / 16_695.0, 71.0 / 1_920.0, -17_253.0 / 339_200.0, 22.0 / 525.0, -1.0 / 40.0];
/// Dense output.
const D: [f64; 7] = [
    -12_715_105_075.0 / 11_282_082_432.0,
    0.0,
    87_487_479_700.0 / 32_700_410_799.0,
    -10_690_763_975.0 / 1_880_347_072.0,
    701_980_252_875.0 / 199_316_789_632.0,
    -1_453_857_185.0 / 822_651_844.0,
    69_997_945.0 / 29_380_423.0,
];

/// The slopes of one step. The last is the first of the next step.
pub(crate) struct DormandPrince {
    slopes: [Vec<f64>; 7],
    gradient: Vec<f64>,
    /// Value and gradient at the end of the step that was proposed last.
    end: Option<f64>,
}

impl DormandPrince {
    pub fn new(n: usize) -> Self {
        Self { slopes: std::array::from_fn(|_| vec![0.0; n]), gradient: vec![0.0; n], end: None }
    }
}

impl Method for DormandPrince {
    fn begin(&mut self, function: &mut dyn Smooth, theta: &[f64], gradient: &mut [f64]) -> f64 {
        if let Some(value) = self.end.take() {
            gradient.iter_mut().zip(&self.slopes[6]).for_each(|(g, slope)| *g = -slope);
            return value;
        }
        function.value_and_gradient(theta, gradient)
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
        self.end = None;
        self.slopes[0].iter_mut().zip(gradient).for_each(|(slope, g)| *slope = -g);
        out.state.resize(n, 0.0);
        let mut value = 0.0;
        for stage in 1..7 {
            let (done, rest) = self.slopes.split_at_mut(stage);
            out.state.copy_from_slice(theta);
            for (a, slope) in A[stage - 1].iter().zip(&*done) {
                let a = a * h;
                out.state.iter_mut().zip(slope).for_each(|(state, slope)| *state += a * slope);
            }
            value = function.value_and_gradient(&out.state, &mut self.gradient);
            if !value.is_finite() {
                return false;
            }
            rest[0].iter_mut().zip(&self.gradient).for_each(|(slope, g)| *slope = -g);
        }
        self.end = Some(value);
        let slopes = &self.slopes;
        let combine = |weights: &[f64; 7], i: usize| -> f64 {
            h * weights.iter().zip(slopes).map(|(w, slope)| w * slope[i]).sum::<f64>()
        };
        out.error.clear();
        out.error.extend((0..n).map(|i| combine(&E, i)));
        let [a, b, c] = &mut out.bend;
        for bend in [&mut *a, &mut *b, &mut *c] {
            bend.clear();
        }
        for i in 0..n {
            let difference = out.state[i] - theta[i];
            let first = h * slopes[0][i] - difference;
            a.push(first);
            b.push(difference - h * slopes[6][i] - first);
            c.push(combine(&D, i));
        }
        true
    }

    fn order(&self) -> f64 {
        5.0
    }
}
