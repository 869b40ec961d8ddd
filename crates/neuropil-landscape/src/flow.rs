//! Gradient flow `d theta / dt = -grad(theta) / tau`, with error control and dense output.
//!
//! [`Solver::Rosenbrock`] is the stiffly accurate, L-stable method RODAS of order 4(3) (Hairer and Wanner, *Solving
//! Ordinary Differential Equations II*, section IV.7): linearly implicit, with the exact Hessian as Jacobian, so that a
//! step costs one Hessian, five gradients and one Cholesky factor, and its length is limited by accuracy alone.
//! [`Solver::DormandPrince`] is the explicit method of order 5(4), for networks whose Hessian is too large to factor.
//!
//! The loss never increases along exact gradient flow; a step along which it does is refused like one with too large an
//! error.

use ndarray::{Array1, Array2, Array3, ArrayView1};
use neuropil_core::check;
use neuropil_core::progress::Monitor;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::explicit::DormandPrince;
use crate::rosenbrock::Rosenbrock;
use crate::smooth::{Landscape, Smooth};

/// How the flow is integrated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Solver {
    /// Rosenbrock up to 1000 parameters, Dormand-Prince beyond.
    #[default]
    Auto,
    /// Linearly implicit, for stiff flows.
    Rosenbrock,
    /// Explicit.
    DormandPrince,
}

/// What is kept of a flow besides its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Record {
    /// Every step, with what it takes to interpolate between steps.
    #[default]
    Steps,
    /// Only the end.
    End,
}

/// How long and how accurately to follow the flow.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct FlowParameters {
    /// The method.
    pub solver: Solver,
    /// Where the flow ends.
    pub t_max: f64,
    /// Allowed error of a step relative to each parameter.
    pub relative_tolerance: f64,
    /// Allowed error of a step in absolute terms, added to the relative one.
    pub absolute_tolerance: f64,
    /// The flow ends where no component of the gradient is larger than this.
    pub gradient_tolerance: f64,
    /// Parameters with a larger Euclidean norm count as diverged: a minimum at infinity.
    pub norm_limit: f64,
    /// Most steps, refused ones included.
    pub max_steps: usize,
    /// `tau`, one positive time constant for each parameter; empty for 1.
    pub time_constants: Vec<f64>,
    /// What is kept.
    pub record: Record,
}

impl Default for FlowParameters {
    fn default() -> Self {
        Self {
            solver: Solver::Auto,
            t_max: 1e4,
            relative_tolerance: 1e-6,
            absolute_tolerance: 1e-6,
            gradient_tolerance: 1e-10,
            norm_limit: 1e4,
            max_steps: 100_000,
            time_constants: Vec::new(),
            record: Record::Steps,
        }
    }
}

impl FlowParameters {
    /// Refuses values that make no sense.
    ///
    /// # Errors
    /// [`Error::Check`], [`Error::Shape`].
    pub fn validate(&self, n_parameters: usize) -> Result<()> {
        check::positive("t_max", self.t_max)?;
        check::positive("relative_tolerance", self.relative_tolerance)?;
        check::positive("absolute_tolerance", self.absolute_tolerance)?;
        check::non_negative("gradient_tolerance", self.gradient_tolerance)?;
        check::positive("norm_limit", self.norm_limit)?;
        check::at_least("max_steps", self.max_steps, 1)?;
        check::each("time_constants", &self.time_constants, check::positive)?;
        if !self.time_constants.is_empty() && self.time_constants.len() != n_parameters {
            let expected = format!("{n_parameters}, one for each parameter, or none");
            return Err(Error::shape("time_constants", expected, self.time_constants.len().to_string()));
        }
        Ok(())
    }
}

/// Why a flow ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FlowEnd {
    /// At `t_max`.
    Time,
    /// The gradient became smaller than its tolerance.
    Gradient,
    /// The parameters became larger than the limit: a minimum at infinity or a channel.
    Diverged,
    /// Too many steps.
    Steps,
    /// No step was short enough: the gradient is not continuous here, or rounding hides its decrease.
    StepTooSmall,
}

/// The end of a flow and the way there.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Flow {
    /// Parameters at the end.
    pub theta: Array1<f64>,
    /// Time at the end.
    pub time: f64,
    /// Loss at the end.
    pub loss: f64,
    /// Largest absolute component of the gradient at the end.
    pub gradient_norm: f64,
    /// Why it ended.
    pub end: FlowEnd,
    /// Steps that were taken.
    pub n_steps: usize,
    /// Steps that were refused.
    pub n_refused: usize,
    /// The way; empty with [`Record::End`].
    pub trajectory: Trajectory,
}

/// Steps of a flow, and the flow between them.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Trajectory {
    /// Time of each step, from zero.
    pub times: Vec<f64>,
    /// Loss at each step.
    pub losses: Vec<f64>,
    /// Largest absolute component of the gradient at each step.
    pub gradient_norms: Vec<f64>,
    states: Vec<Vec<f64>>,
    /// Coefficients of the interpolation in each interval.
    bends: Vec<[Vec<f64>; 3]>,
}

impl Trajectory {
    /// Number of steps, the start included.
    #[must_use]
    pub fn len(&self) -> usize {
        self.times.len()
    }

    /// Whether nothing was recorded.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.times.is_empty()
    }

    /// Parameters at every step, steps x parameters.
    #[must_use]
    pub fn parameters(&self) -> Array2<f64> {
        let n = self.states.first().map_or(0, Vec::len);
        Array2::from_shape_fn((self.states.len(), n), |(step, i)| self.states[step][i])
    }

    /// Parameters at any time, by the interpolation of the solver (fourth order for the explicit, third for the
    /// implicit one); `None` outside of the recorded times.
    #[must_use]
    pub fn at(&self, time: f64) -> Option<Array1<f64>> {
        let (first, last) = (*self.times.first()?, *self.times.last()?);
        if !(time >= first && time <= last) {
            return None;
        }
        let step = self.times.partition_point(|&t| t <= time).clamp(1, self.times.len().max(2) - 1);
        let Some(bend) = self.bends.get(step - 1) else { return Some(self.states[0].clone().into()) };
        let (start, end) = (self.times[step - 1], self.times[step]);
        let s = (time - start) / (end - start);
        let (from, to) = (&self.states[step - 1], &self.states[step]);
        let [a, b, c] = bend;
        let value = |i: usize| {
            let c = c.get(i).copied().unwrap_or(0.0);
            let inner = a[i] + s * (b[i] + (1.0 - s) * c);
            from[i] + s * (to[i] - from[i] + (1.0 - s) * inner)
        };
        Some((0..from.len()).map(value).collect())
    }

    /// What [`at`](Self::at) adds to straight lines between steps: `(1 - s) s (a + s (b + (1 - s) c))` for the share `s`
    /// of an interval, as `[a, b, c]` x intervals x parameters.
    #[must_use]
    pub fn bends(&self) -> Array3<f64> {
        let n = self.states.first().map_or(0, Vec::len);
        Array3::from_shape_fn((3, self.bends.len(), n), |(k, step, i)| {
            self.bends[step][k].get(i).copied().unwrap_or(0.0)
        })
    }

    fn push(&mut self, time: f64, state: &[f64], loss: f64, gradient_norm: f64) {
        self.times.push(time);
        self.states.push(state.to_vec());
        self.losses.push(loss);
        self.gradient_norms.push(gradient_norm);
    }
}

/// A step that a method proposes.
#[derive(Debug, Clone, Default)]
pub(crate) struct Proposal {
    /// Where it ends.
    pub state: Vec<f64>,
    /// Difference to the embedded method of lower order.
    pub error: Vec<f64>,
    /// Coefficients of the interpolation.
    pub bend: [Vec<f64>; 3],
}

/// One way to make a step; `begin` is called once at each accepted point.
pub(crate) trait Method {
    /// Evaluates the function at a point: its value; writes the gradient.
    fn begin(&mut self, function: &mut dyn Smooth, theta: &[f64], gradient: &mut [f64]) -> f64;
    /// Proposes a step of length `h` from the point; false if it cannot be made.
    fn propose(
        &mut self,
        function: &mut dyn Smooth,
        theta: &[f64],
        gradient: &[f64],
        h: f64,
        out: &mut Proposal,
    ) -> bool;
    /// The point it proposed was accepted.
    fn accepted(&mut self) {}
    /// Order of the embedded method plus one.
    fn order(&self) -> f64;
}

/// Follows the gradient flow of a landscape from `start`.
///
/// # Errors
/// [`Error::Check`] for parameters that make no sense, [`Error::Shape`], [`Error::NotFinite`], [`Error::Cancelled`].
pub fn gradient_flow<L: Landscape + ?Sized>(
    landscape: &L,
    start: ArrayView1<f64>,
    parameters: &FlowParameters,
    monitor: &Monitor,
) -> Result<Flow> {
    landscape.check(start)?;
    let n = start.len();
    parameters.validate(n)?;
    let mut function = landscape.smooth();
    // In units of sqrt(tau) the flow with time constants is a gradient flow again.
    let scale: Vec<f64> = parameters.time_constants.iter().map(|tau| tau.sqrt()).collect();
    let mut scaled;
    let function: &mut dyn Smooth = if scale.is_empty() {
        &mut *function
    } else {
        scaled = Scaled { function: &mut *function, scale: &scale, theta: vec![0.0; n] };
        &mut scaled
    };
    let start: Vec<f64> =
        start.iter().enumerate().map(|(i, theta)| theta * scale.get(i).copied().unwrap_or(1.0)).collect();
    let implicit = match parameters.solver {
        Solver::Auto => n <= 1000,
        Solver::Rosenbrock => true,
        Solver::DormandPrince => false,
    };
    let mut flow = if implicit {
        landscape.check_hessian()?;
        integrate(function, start, parameters, &mut Rosenbrock::new(n), monitor)?
    } else {
        integrate(function, start, parameters, &mut DormandPrince::new(n), monitor)?
    };
    if !scale.is_empty() {
        let back = |values: &mut [f64]| values.iter_mut().zip(&scale).for_each(|(v, s)| *v /= s);
        flow.theta.iter_mut().zip(&scale).for_each(|(v, s)| *v /= s);
        flow.trajectory.states.iter_mut().for_each(|state| back(state));
        flow.trajectory.bends.iter_mut().flatten().for_each(|bend| back(bend));
    }
    Ok(flow)
}

fn largest(values: &[f64]) -> f64 {
    neuropil_core::statistics::largest(values.iter().map(|value| value.abs()))
}

fn integrate(
    function: &mut dyn Smooth,
    mut theta: Vec<f64>,
    parameters: &FlowParameters,
    method: &mut dyn Method,
    monitor: &Monitor,
) -> Result<Flow> {
    let n = theta.len();
    let mut gradient = vec![0.0; n];
    let mut next_gradient = vec![0.0; n];
    let mut loss = method.begin(function, &theta, &mut gradient);
    let mut gradient_norm = largest(&gradient);
    let (mut time, mut n_steps, mut n_refused) = (0.0, 0, 0);
    let mut trajectory = Trajectory::default();
    let record = parameters.record == Record::Steps;
    if record {
        trajectory.push(time, &theta, loss, gradient_norm);
    }
    let tolerance =
        |i: usize, theta: &[f64]| parameters.absolute_tolerance + parameters.relative_tolerance * theta[i].abs();
    // The first step moves no parameter by more than a hundredth.
    let mut h = (0.01 / gradient_norm.max(1e-6)).min(parameters.t_max);
    let mut proposal = Proposal::default();
    let mut end = FlowEnd::Steps;
    let mut after_refusal = false;
    while n_steps + n_refused < parameters.max_steps {
        monitor.check()?;
        if gradient_norm <= parameters.gradient_tolerance {
            end = FlowEnd::Gradient;
            break;
        }
        if time >= parameters.t_max {
            end = FlowEnd::Time;
            break;
        }
        if h < 1e-14 * time.max(1e-6) {
            end = FlowEnd::StepTooSmall;
            break;
        }
        let last = time + 1.001 * h >= parameters.t_max;
        let step = if last { parameters.t_max - time } else { h };
        if !method.propose(function, &theta, &gradient, step, &mut proposal) {
            n_refused += 1;
            after_refusal = true;
            h = 0.5 * step;
            continue;
        }
        let mean_square = (0..n)
            .map(|i| {
                let allowed = tolerance(i, &theta).max(tolerance(i, &proposal.state));
                (proposal.error[i] / allowed).powi(2)
            })
            .sum::<f64>()
            / n as f64;
        let error = mean_square.sqrt();
        let factor = if error.is_finite() { (0.9 * error.powf(-1.0 / method.order())).clamp(0.2, 6.0) } else { 0.1 };
        if !(error <= 1.0) {
            n_refused += 1;
            after_refusal = true;
            h = step * factor.min(0.9);
            continue;
        }
        let next_loss = method.begin(function, &proposal.state, &mut next_gradient);
        // Rounding may hide the decrease; a true increase means that the step was too long.
        if !(next_loss <= loss * (1.0 + 1e-13)) {
            method.begin(function, &theta, &mut gradient);
            n_refused += 1;
            after_refusal = true;
            h = 0.3 * step;
            continue;
        }
        method.accepted();
        time = if last { parameters.t_max } else { time + step };
        std::mem::swap(&mut theta, &mut proposal.state);
        std::mem::swap(&mut gradient, &mut next_gradient);
        loss = next_loss;
        gradient_norm = largest(&gradient);
        n_steps += 1;
        h = step * if after_refusal { factor.min(1.0) } else { factor };
        after_refusal = false;
        if record {
            trajectory.push(time, &theta, loss, gradient_norm);
            trajectory.bends.push(proposal.bend.clone());
        }
        if theta.iter().map(|t| t * t).sum::<f64>().sqrt() > parameters.norm_limit {
            end = FlowEnd::Diverged;
            break;
        }
    }
    if time >= parameters.t_max && end == FlowEnd::Steps {
        end = FlowEnd::Time;
    }
    Ok(Flow { theta: theta.into(), time, loss, gradient_norm, end, n_steps, n_refused, trajectory })
}

/// The function in the variables `sqrt(tau) theta`.
struct Scaled<'a> {
    function: &'a mut dyn Smooth,
    scale: &'a [f64],
    theta: Vec<f64>,
}

impl Scaled<'_> {
    fn unscale(&mut self, theta: &[f64]) {
        for i in 0..theta.len() {
            self.theta[i] = theta[i] / self.scale[i];
        }
    }
}

impl Smooth for Scaled<'_> {
    fn n_parameters(&self) -> usize {
        self.function.n_parameters()
    }

    fn value(&mut self, theta: &[f64]) -> f64 {
        self.unscale(theta);
        self.function.value(&self.theta)
    }

    fn value_and_gradient(&mut self, theta: &[f64], gradient: &mut [f64]) -> f64 {
        self.unscale(theta);
        let value = self.function.value_and_gradient(&self.theta, gradient);
        gradient.iter_mut().zip(self.scale).for_each(|(g, s)| *g /= s);
        value
    }

    fn derivatives(&mut self, theta: &[f64], gradient: &mut [f64], hessian: &mut [f64]) -> f64 {
        self.unscale(theta);
        let value = self.function.derivatives(&self.theta, gradient, hessian);
        gradient.iter_mut().zip(self.scale).for_each(|(g, s)| *g /= s);
        let n = theta.len();
        for i in 0..n {
            for j in 0..n {
                hessian[i * n + j] /= self.scale[i] * self.scale[j];
            }
        }
        value
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gradient::tests::objective;
    use crate::loss::Loss;
    use crate::network::Initialisation;
    use neuropil_core::random::Seed;

    /// `theta_1' = -k theta_1`, `theta_2' = -theta_2^3`: `(k theta_1^2)/2 + theta_2^4/4`.
    struct Bowl(f64);

    impl Landscape for Bowl {
        fn smooth(&self) -> Box<dyn Smooth + '_> {
            Box::new(BowlSmooth(self.0))
        }
        fn check(&self, _theta: ArrayView1<f64>) -> Result<()> {
            Ok(())
        }
    }

    struct BowlSmooth(f64);

    impl Smooth for BowlSmooth {
        fn n_parameters(&self) -> usize {
            2
        }
        fn value(&mut self, t: &[f64]) -> f64 {
            0.5 * self.0 * t[0] * t[0] + 0.25 * t[1].powi(4)
        }
        fn value_and_gradient(&mut self, t: &[f64], g: &mut [f64]) -> f64 {
            g.copy_from_slice(&[self.0 * t[0], t[1].powi(3)]);
            self.value(t)
        }
        fn derivatives(&mut self, t: &[f64], g: &mut [f64], h: &mut [f64]) -> f64 {
            h.copy_from_slice(&[self.0, 0.0, 0.0, 3.0 * t[1] * t[1]]);
            self.value_and_gradient(t, g)
        }
    }

    fn parameters(solver: Solver, t_max: f64, tolerance: f64) -> FlowParameters {
        FlowParameters {
            solver,
            t_max,
            relative_tolerance: tolerance,
            absolute_tolerance: tolerance,
            gradient_tolerance: 0.0,
            ..FlowParameters::default()
        }
    }

    fn exact(k: f64, t: f64) -> [f64; 2] {
        [(-k * t).exp(), 1.0 / (1.0 + 2.0 * t).sqrt()]
    }

    #[test]
    fn flows_and_their_dense_output_follow_the_exact_solution() {
        let start = ndarray::array![1.0, 1.0];
        for solver in [Solver::Rosenbrock, Solver::DormandPrince] {
            let flow =
                gradient_flow(&Bowl(3.0), start.view(), &parameters(solver, 2.0, 1e-9), &Monitor::silent()).unwrap();
            assert_eq!((flow.end, flow.time), (FlowEnd::Time, 2.0));
            for k in 0..=40 {
                let t = 0.05 * f64::from(k);
                let (state, exact) = (flow.trajectory.at(t).unwrap(), exact(3.0, t));
                assert!((0..2).all(|i| (state[i] - exact[i]).abs() < 2e-7), "{solver:?} at {t}: {state}");
            }
            assert!((0..2).all(|i| (flow.theta[i] - exact(3.0, 2.0)[i]).abs() < 2e-8));
            assert!(flow.trajectory.at(2.1).is_none());
        }
    }

    #[test]
    fn errors_shrink_with_the_order_of_the_method() {
        let start = ndarray::array![1.0, 1.0];
        for (solver, order) in [(Solver::Rosenbrock, 4.0), (Solver::DormandPrince, 5.0)] {
            let error = |h: f64| {
                let mut function = BowlSmooth(3.0);
                let (mut theta, mut gradient) = (start.to_vec(), vec![0.0; 2]);
                let mut proposal = Proposal::default();
                let mut method: Box<dyn Method> = match solver {
                    Solver::Rosenbrock => Box::new(Rosenbrock::new(2)),
                    _ => Box::new(DormandPrince::new(2)),
                };
                method.begin(&mut function, &theta, &mut gradient);
                for _ in 0..(1.0 / h).round() as usize {
                    assert!(method.propose(&mut function, &theta, &gradient, h, &mut proposal));
                    theta.clone_from(&proposal.state);
                    method.begin(&mut function, &theta, &mut gradient);
                    method.accepted();
                }
                (theta[1] - exact(3.0, 1.0)[1]).abs()
            };
            let measured = (error(0.1) / error(0.05)).log2();
            // The leading error term may happen to be small here; then the order looks higher.
            assert!(measured > order - 0.5, "{solver:?}: order {measured}");
        }
    }

    #[test]
    fn a_stiff_flow_takes_few_implicit_steps() {
        let start = ndarray::array![1.0, 1.0];
        let flow = gradient_flow(&Bowl(1e6), start.view(), &parameters(Solver::Auto, 1e3, 1e-6), &Monitor::silent());
        let flow = flow.unwrap();
        assert!(flow.n_steps < 150, "{} steps", flow.n_steps);
        assert!((flow.theta[1] - exact(1e6, 1e3)[1]).abs() < 1e-5);
    }

    #[test]
    fn the_loss_never_increases_along_the_flow() {
        let objective = objective(&[2, 4, 1], Loss::Square, 40, 1);
        let start = objective.network().initialise(Initialisation::default(), Seed::new(0)).into_theta();
        for solver in [Solver::Rosenbrock, Solver::DormandPrince] {
            let flow = gradient_flow(&objective, start.view(), &parameters(solver, 50.0, 1e-5), &Monitor::silent());
            let losses = flow.unwrap().trajectory.losses;
            assert!(losses.windows(2).all(|pair| pair[1] <= pair[0] * (1.0 + 1e-13)));
        }
    }

    #[test]
    fn time_constants_slow_single_parameters_down() {
        let start = ndarray::array![1.0, 1.0];
        for solver in [Solver::Rosenbrock, Solver::DormandPrince] {
            let slow = FlowParameters { time_constants: vec![4.0, 0.5], ..parameters(solver, 1.0, 1e-9) };
            let flow = gradient_flow(&Bowl(3.0), start.view(), &slow, &Monitor::silent()).unwrap();
            let expected = [exact(3.0, 0.25)[0], exact(3.0, 2.0)[1]];
            assert!((0..2).all(|i| (flow.theta[i] - expected[i]).abs() < 1e-7));
            let half = flow.trajectory.at(0.5).unwrap();
            assert!((half[0] - exact(3.0, 0.125)[0]).abs() < 1e-6);
        }
    }

    #[test]
    fn parameters_that_make_no_sense_are_refused_and_flows_can_be_stopped() {
        let start = ndarray::array![1.0, 1.0];
        let refuse = |parameters: FlowParameters| {
            gradient_flow(&Bowl(1.0), start.view(), &parameters, &Monitor::silent()).unwrap_err().to_string()
        };
        let good = FlowParameters::default();
        assert!(refuse(FlowParameters { t_max: -1.0, ..good.clone() }).contains("t_max is -1"));
        assert!(refuse(FlowParameters { time_constants: vec![1.0], ..good.clone() }).contains("one for each"));
        let monitor = Monitor::silent();
        monitor.cancel_token().cancel();
        assert_eq!(gradient_flow(&Bowl(1.0), start.view(), &good, &monitor), Err(Error::Cancelled));
    }
}
