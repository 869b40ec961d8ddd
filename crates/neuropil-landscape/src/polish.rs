//! From the neighbourhood of a critical point to the critical point, to machine precision.
//!
//! | method | step | what decreases |
//! |---|---|---|
//! | `TrustRegion` | `-V (V^T g) / (\|lambda\| + mu)`: a Newton step that descends along negative curvature too | the loss |
//! | `Newton` | `-V lambda (V^T g) / (lambda^2 + mu^2)`: towards the nearest critical point of any index | the gradient norm |
//! | `LevenbergMarquardt` | `-(J^T J + mu)^-1 J^T r` | the loss, a sum of squares |
//! | `Lbfgs` | limited-memory BFGS with a line search, for many parameters | the loss |
//!
//! `mu` falls by ten after a step that was accepted and rises by ten after one that was not. Where the loss no longer
//! changes in its last digits the gradient norm decides.

use std::collections::VecDeque;

use faer::linalg::matmul::matmul;
use faer::{Accum, MatMut, MatRef, Par};
use ndarray::{Array1, ArrayView1, ArrayView2};
use neuropil_core::check;
use neuropil_core::progress::Monitor;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::positive_definite::Cholesky;
use crate::smooth::{Landscape, Smooth};
use crate::spectrum::{Eigenvectors, Spectrum};

/// How to polish; see the [module](self).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PolishMethod {
    /// Trust region up to 1000 parameters, L-BFGS beyond.
    #[default]
    Auto,
    /// Descends to a minimum.
    TrustRegion,
    /// Converges to the nearest critical point, saddles included.
    Newton,
    /// For square losses.
    LevenbergMarquardt,
    /// For many parameters.
    Lbfgs,
    /// Leaves the point as it is.
    Nothing,
}

/// When to stop.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct PolishParameters {
    /// The method.
    pub method: PolishMethod,
    /// Converged if no component of the gradient is larger.
    pub gradient_tolerance: f64,
    /// Converged if the loss is smaller.
    pub loss_tolerance: f64,
    /// Parameters with a larger Euclidean norm count as diverged.
    pub norm_limit: f64,
    /// Most iterations.
    pub max_iterations: usize,
}

impl Default for PolishParameters {
    fn default() -> Self {
        Self {
            method: PolishMethod::Auto,
            gradient_tolerance: 1e-14,
            loss_tolerance: 2e-32,
            norm_limit: 1e4,
            max_iterations: 1000,
        }
    }
}

impl PolishParameters {
    /// Refuses values that make no sense.
    ///
    /// # Errors
    /// [`Error::Check`].
    pub fn validate(&self) -> Result<()> {
        check::non_negative("gradient_tolerance", self.gradient_tolerance)?;
        check::non_negative("loss_tolerance", self.loss_tolerance)?;
        check::positive("norm_limit", self.norm_limit)?;
        Ok(())
    }
}

/// How the search for a critical point ended. Only the first two are convergence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// The gradient is below its tolerance.
    Critical,
    /// The loss is zero to rounding.
    ZeroLoss,
    /// No step improves the point any more, but the gradient is above its tolerance.
    Stalled,
    /// The number of iterations or steps, or the time of the flow, was used up.
    Exhausted,
    /// No polish was asked for, and the point is not within the tolerances.
    Unpolished,
    /// The parameters grow without bound: a minimum at infinity, or a channel.
    Diverged,
}

impl Status {
    /// Whether a critical point was found.
    #[must_use]
    pub fn converged(self) -> bool {
        matches!(self, Self::Critical | Self::ZeroLoss)
    }

    /// What happened, in words.
    #[must_use]
    pub fn reason(self) -> &'static str {
        match self {
            Self::Critical => "the gradient is below its tolerance",
            Self::ZeroLoss => "the loss is zero to rounding",
            Self::Stalled => {
                "no step improves the point any more: rounding error, a kink of the loss, or no descent direction is left"
            }
            Self::Exhausted => {
                "the iterations, or the time of the flow, were used up; continue from here or allow more"
            }
            Self::Unpolished => "the point was left as it is: no polish was asked for",
            Self::Diverged => "the parameters grow without bound: a minimum at infinity, or a channel",
        }
    }
}

/// A polished point.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Polished {
    /// The parameters.
    pub theta: Array1<f64>,
    /// The loss.
    pub loss: f64,
    /// Largest absolute component of the gradient.
    pub gradient_norm: f64,
    /// How it ended.
    pub status: Status,
    /// Iterations.
    pub n_iterations: usize,
}

/// Polishes a point.
///
/// # Errors
/// [`Error::Undefined`] for Levenberg-Marquardt on a loss that is no sum of squares; [`Error::TooLarge`] for a Hessian
/// that does not fit; [`Error::Shape`], [`Error::NotFinite`], [`Error::Check`], [`Error::Cancelled`].
pub fn polish<L: Landscape + ?Sized>(
    landscape: &L,
    start: ArrayView1<f64>,
    parameters: &PolishParameters,
    monitor: &Monitor,
) -> Result<Polished> {
    landscape.check(start)?;
    parameters.validate()?;
    let mut function = landscape.smooth();
    let function = &mut *function;
    let theta = start.to_vec();
    match parameters.method {
        PolishMethod::Auto if theta.len() > 1000 => lbfgs(function, theta, parameters, monitor),
        PolishMethod::Lbfgs => lbfgs(function, theta, parameters, monitor),
        PolishMethod::Auto | PolishMethod::TrustRegion | PolishMethod::Newton => {
            landscape.check_hessian()?;
            second_order(function, theta, parameters, monitor)
        }
        PolishMethod::LevenbergMarquardt => levenberg_marquardt(function, theta, parameters, monitor),
        PolishMethod::Nothing => {
            let point = Point::at(function, theta);
            Ok(point.finish(Status::Unpolished, 0, parameters))
        }
    }
}

/// A point with its loss and gradient.
#[derive(Debug, Clone)]
struct Point {
    theta: Vec<f64>,
    loss: f64,
    gradient: Vec<f64>,
}

impl Point {
    fn at(function: &mut dyn Smooth, theta: Vec<f64>) -> Self {
        let mut gradient = vec![0.0; theta.len()];
        let loss = function.value_and_gradient(&theta, &mut gradient);
        Self { theta, loss, gradient }
    }

    fn gradient_norm(&self) -> f64 {
        neuropil_core::statistics::largest(self.gradient.iter().map(|component| component.abs()))
    }

    fn squared_gradient(&self) -> f64 {
        self.gradient.iter().map(|g| g * g).sum()
    }

    fn norm(&self) -> f64 {
        self.theta.iter().map(|t| t * t).sum::<f64>().sqrt()
    }

    /// Whether this point is a better one: by the loss, or by the gradient where the loss is the same to rounding.
    fn improves(&self, other: &Self) -> bool {
        // How far rounding moves a loss of this size.
        let rounding = 4.0 * f64::EPSILON * other.loss.abs();
        self.loss < other.loss - rounding
            || (self.loss <= other.loss + rounding && self.squared_gradient() < other.squared_gradient())
    }

    fn done(&self, parameters: &PolishParameters) -> Option<Status> {
        if self.loss >= 0.0 && self.loss <= parameters.loss_tolerance {
            Some(Status::ZeroLoss)
        } else if self.gradient_norm() <= parameters.gradient_tolerance {
            Some(Status::Critical)
        } else if !(self.norm() <= parameters.norm_limit) {
            Some(Status::Diverged)
        } else {
            None
        }
    }

    fn finish(self, otherwise: Status, n_iterations: usize, parameters: &PolishParameters) -> Polished {
        let status = self.done(parameters).unwrap_or(otherwise);
        let gradient_norm = self.gradient_norm();
        Polished { loss: self.loss, gradient_norm, theta: self.theta.into(), status, n_iterations }
    }
}

/// A few more steps after the tolerance was reached: near a critical point each squares the error. Steps that still
/// halve the loss do not count, because along a degenerate direction the gradient vanishes long before the loss does.
const EXTRA: usize = 3;

fn second_order(
    function: &mut dyn Smooth,
    theta: Vec<f64>,
    parameters: &PolishParameters,
    monitor: &Monitor,
) -> Result<Polished> {
    let n = theta.len();
    let to_any = parameters.method == PolishMethod::Newton;
    let better =
        |a: &Point, b: &Point| if to_any { a.squared_gradient() < b.squared_gradient() } else { a.improves(b) };
    let mut hessian = vec![0.0; n * n];
    let mut gradient = vec![0.0; n];
    let mut point = Point::at(function, theta);
    let mut mu = f64::NAN;
    let (mut extra, mut last_loss) = (0, f64::INFINITY);
    for iteration in 0..parameters.max_iterations {
        monitor.check()?;
        if let Some(status) = point.done(parameters) {
            if status != Status::Critical || extra == EXTRA {
                return Ok(point.finish(status, iteration, parameters));
            }
            extra += usize::from(point.loss > 0.5 * last_loss);
        }
        last_loss = point.loss;
        function.derivatives(&point.theta, &mut gradient, &mut hessian);
        let view = ArrayView2::from_shape((n, n), &hessian)
            .map_err(|error| Error::shape("Hessian", format!("{n} x {n}"), error.to_string()))?;
        let spectrum = Spectrum::of(view, Eigenvectors::Compute)?;
        let (values, vectors) = (&spectrum.eigenvalues, &spectrum.eigenvectors);
        let largest = values.iter().fold(0.0_f64, |m, v| m.max(v.abs())).max(f64::MIN_POSITIVE);
        // Below this a quotient of two rounding errors would be a step.
        let least = 1e-13 * largest;
        if mu.is_nan() {
            mu = 1e-4 * largest;
        }
        let along = vectors.t().dot(&ArrayView1::from(&point.gradient));
        let mut accepted = false;
        while mu < 1e8 * largest {
            let weights: Array1<f64> = (0..n)
                .map(|i| {
                    let lambda = values[i];
                    if to_any {
                        -along[i] * lambda / (lambda * lambda + mu.max(least).powi(2))
                    } else {
                        -along[i] / (lambda.abs() + mu.max(least))
                    }
                })
                .collect();
            let step = vectors.dot(&weights);
            let trial = Point::at(function, point.theta.iter().zip(&step).map(|(t, s)| t + s).collect());
            if trial.loss.is_finite() && better(&trial, &point) {
                point = trial;
                mu *= 0.1;
                accepted = true;
                break;
            }
            mu = (10.0 * mu).max(least);
        }
        if !accepted {
            return Ok(point.finish(Status::Stalled, iteration + 1, parameters));
        }
    }
    Ok(point.finish(Status::Exhausted, parameters.max_iterations, parameters))
}

fn levenberg_marquardt(
    function: &mut dyn Smooth,
    theta: Vec<f64>,
    parameters: &PolishParameters,
    monitor: &Monitor,
) -> Result<Polished> {
    let Some(factor) = function.residual_factor() else {
        return Err(Error::Undefined {
            what: "Levenberg-Marquardt".into(),
            case: "a loss that is no sum of squares".into(),
            advice: "use the trust region".into(),
        });
    };
    let n = theta.len();
    let mut point = Point::at(function, theta);
    let (mut residuals, mut jacobian, mut normal) = (Vec::new(), Vec::new(), vec![0.0; n * n]);
    let mut cholesky = Cholesky::default();
    let mut mu = f64::NAN;
    let (mut extra, mut last_loss) = (0, f64::INFINITY);
    for iteration in 0..parameters.max_iterations {
        monitor.check()?;
        if let Some(status) = point.done(parameters) {
            if status != Status::Critical || extra == EXTRA {
                return Ok(point.finish(status, iteration, parameters));
            }
            extra += usize::from(point.loss > 0.5 * last_loss);
        }
        last_loss = point.loss;
        function.residuals(&point.theta, &mut residuals, &mut jacobian);
        let j = MatRef::from_row_major_slice(&jacobian, residuals.len(), n);
        let out = MatMut::from_row_major_slice_mut(&mut normal, n, n);
        matmul(out, Accum::Replace, j.transpose(), j, 2.0 * factor, Par::Seq);
        let largest = (0..n).map(|i| normal[i * n + i]).fold(f64::MIN_POSITIVE, f64::max);
        if mu.is_nan() {
            mu = 1e-4 * largest;
        }
        let mut accepted = false;
        while mu < 1e8 * largest {
            // Rounding of the normal equations bounds the damping from below.
            if cholesky.factor(&normal, n, mu.max(1e-14 * largest)) {
                let mut step: Vec<f64> = point.gradient.iter().map(|g| -g).collect();
                cholesky.solve(&mut step);
                let trial = Point::at(function, point.theta.iter().zip(&step).map(|(t, s)| t + s).collect());
                if trial.loss.is_finite() && trial.improves(&point) {
                    point = trial;
                    mu *= 0.1;
                    accepted = true;
                    break;
                }
            }
            mu = (10.0 * mu).max(1e-14 * largest);
        }
        if !accepted {
            return Ok(point.finish(Status::Stalled, iteration + 1, parameters));
        }
    }
    Ok(point.finish(Status::Exhausted, parameters.max_iterations, parameters))
}

/// Pairs of steps and gradient differences that L-BFGS remembers.
const MEMORY: usize = 20;

fn lbfgs(
    function: &mut dyn Smooth,
    theta: Vec<f64>,
    parameters: &PolishParameters,
    monitor: &Monitor,
) -> Result<Polished> {
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
    let mut point = Point::at(function, theta);
    let mut pairs: VecDeque<(Vec<f64>, Vec<f64>, f64)> = VecDeque::new();
    let mut restarts = 0;
    for iteration in 0..parameters.max_iterations {
        monitor.check()?;
        if let Some(status) = point.done(parameters) {
            return Ok(point.finish(status, iteration, parameters));
        }
        let mut direction: Vec<f64> = point.gradient.iter().map(|g| -g).collect();
        let mut weights = Vec::with_capacity(pairs.len());
        for (s, y, rho) in pairs.iter().rev() {
            let weight = rho * dot(s, &direction);
            direction.iter_mut().zip(y).for_each(|(d, y)| *d -= weight * y);
            weights.push(weight);
        }
        let scale = match pairs.back() {
            Some((s, y, _)) => dot(s, y) / dot(y, y),
            None => 1.0 / point.squared_gradient().sqrt().max(1.0),
        };
        direction.iter_mut().for_each(|d| *d *= scale);
        for ((s, y, rho), weight) in pairs.iter().zip(weights.iter().rev()) {
            let other = rho * dot(y, &direction);
            direction.iter_mut().zip(s).for_each(|(d, s)| *d += (weight - other) * s);
        }
        let slope = dot(&direction, &point.gradient);
        match wolfe_step(function, &point, &direction, slope) {
            Some(next) => {
                let s: Vec<f64> = next.theta.iter().zip(&point.theta).map(|(a, b)| a - b).collect();
                let y: Vec<f64> = next.gradient.iter().zip(&point.gradient).map(|(a, b)| a - b).collect();
                let curvature = dot(&s, &y);
                if curvature > 1e-16 * dot(&y, &y).sqrt() * dot(&s, &s).sqrt() {
                    if pairs.len() == MEMORY {
                        pairs.pop_front();
                    }
                    pairs.push_back((s, y, 1.0 / curvature));
                }
                point = next;
                restarts = 0;
            }
            None if pairs.is_empty() || restarts > 1 => {
                return Ok(point.finish(Status::Stalled, iteration + 1, parameters));
            }
            None => {
                pairs.clear();
                restarts += 1;
            }
        }
    }
    Ok(point.finish(Status::Exhausted, parameters.max_iterations, parameters))
}

/// A step that decreases loss and slope enough (weak Wolfe conditions, by bisection); `None` if there is none.
fn wolfe_step(function: &mut dyn Smooth, from: &Point, direction: &[f64], slope: f64) -> Option<Point> {
    if !(slope < 0.0) {
        return None;
    }
    let (mut low, mut high, mut length) = (0.0, f64::INFINITY, 1.0);
    let mut best: Option<Point> = None;
    for _ in 0..50 {
        let trial = Point::at(function, from.theta.iter().zip(direction).map(|(t, d)| t + length * d).collect());
        let trial_slope: f64 = trial.gradient.iter().zip(direction).map(|(g, d)| g * d).sum();
        let enough =
            trial.loss <= from.loss + 1e-4 * length * slope || trial.improves(from) && trial_slope.abs() < -slope;
        if !trial.loss.is_finite() || !enough {
            high = length;
        } else if trial_slope < 0.9 * slope {
            low = length;
            best = Some(trial);
        } else {
            return Some(trial);
        }
        length = if high.is_finite() { 0.5 * (low + high) } else { 2.0 * low };
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gradient::tests::objective;
    use crate::loss::Loss;
    use crate::network::Initialisation;
    use neuropil_core::random::Seed;

    fn with(method: PolishMethod) -> PolishParameters {
        PolishParameters { method, max_iterations: 20_000, ..PolishParameters::default() }
    }

    #[test]
    fn all_descending_methods_find_a_minimum_and_never_increase_the_loss() {
        let objective = objective(&[2, 3, 1], Loss::Square, 60, 1);
        let start = objective.network().initialise(Initialisation::default(), Seed::new(0)).into_theta();
        let first = objective.value(start.view()).unwrap();
        for method in [PolishMethod::TrustRegion, PolishMethod::Lbfgs] {
            let result = polish(&objective, start.view(), &with(method), &Monitor::silent()).unwrap();
            assert!(result.loss < first);
            assert!(result.gradient_norm < 1e-13, "{method:?}: {} {:?}", result.gradient_norm, result.status);
            let spectrum = objective.spectrum(result.theta.view()).unwrap();
            assert_eq!(spectrum.n_negative(), 0, "{method:?}");
        }
    }

    #[test]
    fn newton_stops_at_a_saddle_where_the_trust_region_descends() {
        let objective = objective(&[2, 3, 1], Loss::Square, 60, 1);
        // Near the saddle at zero weights, but off it: at the saddle itself no method has a direction.
        let start = objective.network().initialise(Initialisation::Normal(1e-2), Seed::new(4)).into_theta();
        let saddle = polish(&objective, start.view(), &with(PolishMethod::Newton), &Monitor::silent()).unwrap();
        assert!(saddle.status.converged(), "{:?}", saddle.status);
        let index = |theta: &Array1<f64>| objective.spectrum(theta.view()).unwrap().n_negative();
        assert!(index(&saddle.theta) > 0);
        let minimum = polish(&objective, start.view(), &with(PolishMethod::TrustRegion), &Monitor::silent()).unwrap();
        assert!(minimum.loss < saddle.loss * (1.0 - 1e-6), "{} and {}", minimum.loss, saddle.loss);
        assert_eq!(index(&minimum.theta), 0);
    }

    #[test]
    fn without_a_polish_the_point_stays_and_says_so() {
        let objective = objective(&[2, 3, 1], Loss::Square, 60, 1);
        let start = objective.network().initialise(Initialisation::default(), Seed::new(0)).into_theta();
        let left = polish(&objective, start.view(), &with(PolishMethod::Nothing), &Monitor::silent()).unwrap();
        assert_eq!((left.status, left.theta), (Status::Unpolished, start.clone()));
        assert!(left.status.reason().contains("no polish"));
        // In a training the flow tells how it ended.
        let mut how = crate::train::TrainParameters { polish: with(PolishMethod::Nothing), ..Default::default() };
        how.flow.t_max = 0.1;
        let short = crate::train::train(&objective, start.view(), &how, &Monitor::silent()).unwrap();
        assert_eq!(short.status, Status::Exhausted);
    }

    #[test]
    fn levenberg_marquardt_reaches_zero_loss_to_rounding_and_refuses_other_losses() {
        let teacher = objective(&[2, 3, 1], Loss::Square, 80, 1).with_weight_decay(0.0).unwrap();
        let network = teacher.network().clone();
        let truth = network.initialise(Initialisation::Normal(1.0), Seed::new(8)).into_theta();
        let x = teacher.data().inputs().to_owned();
        let y = network.predict(truth.view(), x.view()).unwrap();
        let data = crate::data::Dataset::new(x, y).unwrap();
        let student = crate::loss::Objective::new(&network, &data, Loss::Square).unwrap();
        let start = &truth + 0.01;
        for method in [PolishMethod::LevenbergMarquardt, PolishMethod::TrustRegion] {
            let result = polish(&student, start.view(), &with(method), &Monitor::silent()).unwrap();
            assert!(result.loss < 1e-28 && result.status.converged(), "{method:?} {} {:?}", result.loss, result.status);
        }
        let classifier = objective(&[2, 3, 2], Loss::CrossEntropy, 9, 1);
        let zeros = Array1::zeros(classifier.n_parameters());
        let lm = with(PolishMethod::LevenbergMarquardt);
        let error = polish(&classifier, zeros.view(), &lm, &Monitor::silent()).unwrap_err();
        assert!(error.to_string().contains("sum of squares"));
    }
}
