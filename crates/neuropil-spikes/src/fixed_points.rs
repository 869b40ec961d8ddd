//! Where the mean field rests: fixed points of the activity, their stability, and the phase plane of two populations.
//!
//! At a fixed point every population fires at the renewal rate of its own input, `A_b = rate(mu_b + tau_m_b sum_a A_a
//! coupling[a, b])`. In continuous time this is the network of infinitely many neurons; with a time step it is the
//! model that a fit with this step sees.

use ndarray::{Array1, Array2};
use neuropil_core::check;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::meso::{MesoOptions, Noise, simulate_meso};
use crate::network::Network;
use crate::population::PopulationParameters;
use crate::renewal::Renewal;
use crate::start::Start;

/// The model whose fixed points are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TimeAxis {
    /// Continuous time.
    #[default]
    Continuous,
    /// The survival scheme with this time step, s.
    Steps(f64),
}

/// A fixed point of the mean field.
#[derive(Debug, Clone, PartialEq)]
pub struct FixedPoint {
    /// Activity of every population, Hz.
    pub activity: Array1<f64>,
    /// Input potential of every population.
    pub potential: Array1<f64>,
    /// Growth rate of a small disturbance, 1/s, from two noise-free simulations; negative when it dies out.
    pub growth: f64,
}

impl FixedPoint {
    /// Whether small disturbances die out.
    #[must_use]
    pub fn is_stable(&self) -> bool {
        self.growth < 0.0
    }
}

/// Firing rate (Hz) of a population at the constant input potential `h`.
///
/// # Errors
/// A time step that is not positive or not shorter than the membrane time constant.
pub fn stationary_rate(population: &PopulationParameters, h: f64, axis: TimeAxis) -> Result<f64> {
    match axis {
        TimeAxis::Continuous => Ok(Renewal::continuous(population, h).rate),
        TimeAxis::Steps(dt) => Renewal::discrete(population, h, dt).map(|theory| theory.rate),
    }
}

/// All fixed points that Newton's method finds from a grid of starts, from the lowest total activity on.
///
/// # Errors
/// What [`Network::validate`] refuses; adaptation, for which renewal theory does not hold; an impossible time step.
pub fn fixed_points(network: &Network, axis: TimeAxis) -> Result<Vec<FixedPoint>> {
    network.validate()?;
    if network.has_adaptation() {
        return Err(Error::unsupported(
            "the fixed-point search",
            "threshold adaptation",
            "simulate without noise instead (mesoscopic simulation, noise \"none\")",
        ));
    }
    let mean_field = MeanField { network, axis };
    let mut found: Vec<Array1<f64>> = Vec::new();
    for start in starts(network) {
        if let Some(activity) = mean_field.newton(start)? {
            let same =
                |other: &Array1<f64>| other.iter().zip(&activity).all(|(a, b)| (a - b).abs() < 1e-5 * (1.0 + a.abs()));
            if !found.iter().any(same) {
                found.push(activity);
            }
        }
    }
    found.sort_by(|a, b| a.sum().total_cmp(&b.sum()).then(a[0].total_cmp(&b[0])));
    found
        .into_iter()
        .map(|activity| {
            let potential = network.input_potential(&activity.to_vec());
            let growth = growth(network, &activity, axis)?;
            Ok(FixedPoint { activity, potential, growth })
        })
        .collect()
}

struct MeanField<'a> {
    network: &'a Network,
    axis: TimeAxis,
}

impl MeanField<'_> {
    /// `rate(h(A)) - A`.
    fn residual(&self, activity: &Array1<f64>) -> Result<Array1<f64>> {
        let potential = self.network.input_potential(&activity.to_vec());
        let mut residual = -activity;
        for (b, population) in self.network.populations.iter().enumerate() {
            residual[b] += stationary_rate(population, potential[b], self.axis)?;
        }
        Ok(residual)
    }

    /// A root near `start`, or nothing.
    fn newton(&self, start: Array1<f64>) -> Result<Option<Array1<f64>>> {
        let m = start.len();
        let mut activity = start;
        let mut residual = self.residual(&activity)?;
        for _ in 0..60 {
            let size = norm(&residual);
            if size < 1e-9 * (1.0 + norm(&activity)) {
                return Ok(Some(activity));
            }
            let potential = self.network.input_potential(&activity.to_vec());
            let mut jacobian = Array2::<f64>::zeros((m, m));
            for (b, p) in self.network.populations.iter().enumerate() {
                let width = 1e-4 * p.softness;
                let slope = (stationary_rate(p, potential[b] + width, self.axis)?
                    - stationary_rate(p, potential[b] - width, self.axis)?)
                    / (2.0 * width);
                for a in 0..m {
                    jacobian[[b, a]] = slope * p.tau_m * self.network.coupling[[a, b]] - f64::from(u8::from(a == b));
                }
            }
            let Some(direction) = solve(jacobian, residual.clone()) else { return Ok(None) };
            // Shorter steps until the residual falls; activities stay positive.
            let mut length = 1.0;
            let mut accepted = false;
            while length > 1e-4 {
                let next = (&activity - &(&direction * length)).mapv(|a: f64| a.max(0.0));
                let next_residual = self.residual(&next)?;
                if norm(&next_residual) < size * (1.0 - 0.1 * length) {
                    (activity, residual, accepted) = (next, next_residual, true);
                    break;
                }
                length *= 0.5;
            }
            if !accepted {
                return Ok((size < 1e-7 * (1.0 + norm(&activity))).then_some(activity));
            }
        }
        Ok(None)
    }
}

/// Starts of Newton's method: every combination of a few activities; for many populations all equal, or one raised.
fn starts(network: &Network) -> Vec<Array1<f64>> {
    let m = network.n_populations();
    let level = |p: &PopulationParameters, rate: f64| if p.t_ref > 0.0 { rate.min(0.9 / p.t_ref) } else { rate };
    let levels = [0.5, 5.0, 20.0, 60.0];
    if m <= 4 {
        return (0..levels.len().pow(m as u32))
            .map(|code| {
                let of = |(i, p): (usize, &PopulationParameters)| {
                    level(p, levels[code / levels.len().pow(i as u32) % levels.len()])
                };
                network.populations.iter().enumerate().map(of).collect()
            })
            .collect();
    }
    let equal = |rate: f64| -> Array1<f64> { network.populations.iter().map(|p| level(p, rate)).collect() };
    let mut starts: Vec<Array1<f64>> = levels.iter().map(|&rate| equal(rate)).collect();
    for i in 0..m {
        for base in [0.5, 5.0] {
            let mut start = equal(base);
            start[i] = level(&network.populations[i], 30.0);
            starts.push(start);
        }
    }
    starts
}

fn norm(values: &Array1<f64>) -> f64 {
    values.iter().map(|value| value * value).sum::<f64>().sqrt()
}

/// Gaussian elimination with row pivoting: systems here have one row per population.
fn solve(mut matrix: Array2<f64>, mut right: Array1<f64>) -> Option<Array1<f64>> {
    let n = right.len();
    for column in 0..n {
        let pivot = (column..n).max_by(|&a, &b| matrix[[a, column]].abs().total_cmp(&matrix[[b, column]].abs()))?;
        if !(matrix[[pivot, column]].abs() > 1e-300) {
            return None;
        }
        for k in 0..n {
            matrix.swap([column, k], [pivot, k]);
        }
        right.swap(column, pivot);
        for row in column + 1..n {
            let factor = matrix[[row, column]] / matrix[[column, column]];
            for k in column..n {
                matrix[[row, k]] -= factor * matrix[[column, k]];
            }
            right[row] -= factor * right[column];
        }
    }
    for row in (0..n).rev() {
        let known: f64 = (row + 1..n).map(|k| matrix[[row, k]] * right[k]).sum();
        right[row] = (right[row] - known) / matrix[[row, row]];
    }
    right.iter().all(|value| value.is_finite()).then_some(right)
}

/// Growth rate of the difference between noise-free simulations that start at the fixed point and beside it; the
/// largest over disturbances of single populations.
fn growth(network: &Network, activity: &Array1<f64>, axis: TimeAxis) -> Result<f64> {
    let shortest = network.populations.iter().map(|p| p.tau_m).fold(f64::INFINITY, f64::min);
    let slowest = network.populations.iter().map(|p| p.tau_m.max(p.tau_s)).fold(0.0, f64::max);
    let (dt, scheme) = match axis {
        TimeAxis::Continuous => (shortest / 40.0, crate::meso::Scheme::Moments),
        TimeAxis::Steps(dt) => (dt, crate::meso::Scheme::Survival),
    };
    let duration = (50.0 * slowest).max(40.0 * dt);
    let run = |start: Array1<f64>| {
        let options = MesoOptions {
            dt,
            duration,
            scheme,
            noise: Noise::None,
            start: Start::Activity(start.to_vec()),
            ..MesoOptions::default()
        };
        simulate_meso(network, &options).map(|result| result.activity)
    };
    let reference = run(activity.clone())?;
    let half = reference.nrows() / 2;
    let mut largest = f64::NEG_INFINITY;
    for i in 0..activity.len() {
        let mut start = activity.clone();
        start[i] += 1e-3 * activity[i] + 1e-6;
        let difference = run(start)? - &reference;
        let size = |rows: std::ops::Range<usize>| {
            let part = difference.slice(ndarray::s![rows, ..]);
            (part.iter().map(|d| d * d).sum::<f64>() / part.len() as f64).sqrt()
        };
        // Quarters are long enough to average over an oscillation.
        let (early, late) = (size(half / 2..half), size(half + half / 2..2 * half));
        let rate = if late < 1e-11 { -1.0 / slowest } else { (late / early.max(1e-300)).ln() / (half as f64 * dt) };
        largest = largest.max(rate);
    }
    Ok(largest)
}

/// The phase plane of two populations; all others follow at once.
#[derive(Debug, Clone, PartialEq)]
pub struct PhasePlane {
    /// Activities of the first population, Hz: the columns.
    pub x: Array1<f64>,
    /// Activities of the second population, Hz: the rows.
    pub y: Array1<f64>,
    /// `rate - activity` of the first population (row = y, column = x); zero on its nullcline.
    pub change_x: Array2<f64>,
    /// `rate - activity` of the second population.
    pub change_y: Array2<f64>,
    /// Points (x, y) of the nullcline of the first population.
    pub nullcline_x: Vec<(f64, f64)>,
    /// Points (x, y) of the nullcline of the second population.
    pub nullcline_y: Vec<(f64, f64)>,
}

/// Nullclines of two populations on a grid of activities from 0 to `highest` (Hz), with `n` values on each axis. The
/// other populations sit at their own rest for each point.
///
/// # Errors
/// As [`fixed_points`]; populations that are not there or equal; fewer than two values.
pub fn phase_plane(
    network: &Network,
    (first, second): (usize, usize),
    highest: f64,
    n: usize,
    axis: TimeAxis,
) -> Result<PhasePlane> {
    network.validate()?;
    let m = network.n_populations();
    check::within("first population", first, 0..m)?;
    check::within("second population", second, 0..m)?;
    check::positive("highest", highest)?;
    check::within("n", n, 2..=2000)?;
    if first == second {
        return Err(Error::parameter("second population", second, "another one than the first"));
    }
    let curves = network.populations.iter().map(|p| GainCurve::new(p, axis)).collect::<Result<Vec<_>>>()?;
    let values: Array1<f64> = (0..n).map(|i| highest * i as f64 / (n - 1) as f64).collect();
    let (mut change_x, mut change_y) = (Array2::zeros((n, n)), Array2::zeros((n, n)));
    let mut activity = vec![5.0; m];
    for row in 0..n {
        for column in 0..n {
            activity[first] = values[column];
            activity[second] = values[row];
            let rates = settle(network, &curves, &mut activity, (first, second));
            change_x[[row, column]] = rates[first] - values[column];
            change_y[[row, column]] = rates[second] - values[row];
        }
    }
    let nullcline_x = zeros_along(&values, &values, &change_x);
    let nullcline_y = zeros_along(&values, &values, &change_y.t().to_owned());
    Ok(PhasePlane {
        x: values.clone(),
        y: values,
        change_x,
        change_y,
        nullcline_x,
        nullcline_y: nullcline_y.into_iter().map(|(y, x)| (x, y)).collect(),
    })
}

/// Lets all populations but two come to rest by damped steps; returns the rates of all.
fn settle(network: &Network, curves: &[GainCurve], activity: &mut [f64], kept: (usize, usize)) -> Vec<f64> {
    let mut rates = vec![0.0; activity.len()];
    for _ in 0..400 {
        let potential = network.input_potential(activity);
        let mut largest = 0.0_f64;
        for (b, curve) in curves.iter().enumerate() {
            rates[b] = curve.rate(potential[b]);
            if b != kept.0 && b != kept.1 {
                // The steeper the feedback of a population onto itself, the shorter the step.
                let feedback = curve.slope(potential[b]) * network.populations[b].tau_m * network.coupling[[b, b]];
                let step = (rates[b] - activity[b]) / (1.0 - feedback).max(1.0);
                activity[b] = (activity[b] + step).max(0.0);
                largest = largest.max(step.abs());
            }
        }
        if largest < 1e-7 {
            break;
        }
    }
    rates
}

/// Where a function changes its sign along each row, by linear interpolation.
fn zeros_along(columns: &Array1<f64>, rows: &Array1<f64>, function: &Array2<f64>) -> Vec<(f64, f64)> {
    let mut points = Vec::new();
    for (row, values) in function.rows().into_iter().enumerate() {
        for k in 0..values.len() - 1 {
            let (a, b) = (values[k], values[k + 1]);
            if (a > 0.0) != (b > 0.0) {
                points.push((columns[k] + (columns[k + 1] - columns[k]) * a / (a - b), rows[row]));
            }
        }
    }
    points
}

/// Firing rate against input potential, tabulated.
struct GainCurve {
    lowest: f64,
    step: f64,
    rates: Vec<f64>,
}

impl GainCurve {
    fn new(p: &PopulationParameters, axis: TimeAxis) -> Result<Self> {
        const N: usize = 1200;
        let reduced = p.threshold - p.softness * p.hazard.ln();
        // From 30 softnesses below 1 Hz to where the rate is limited by the refractory period.
        let (lowest, highest) = (reduced - 30.0 * p.softness, reduced + 60.0 * p.softness);
        let step = (highest - lowest) / N as f64;
        let rates = (0..=N).map(|i| stationary_rate(p, lowest + i as f64 * step, axis)).collect::<Result<Vec<_>>>()?;
        Ok(Self { lowest, step, rates })
    }

    fn place(&self, h: f64) -> (usize, f64) {
        let position = ((h - self.lowest) / self.step).clamp(0.0, (self.rates.len() - 1) as f64 - 1e-9);
        (position as usize, position - position.floor())
    }

    fn rate(&self, h: f64) -> f64 {
        let (k, fraction) = self.place(h);
        self.rates[k] + fraction * (self.rates[k + 1] - self.rates[k])
    }

    fn slope(&self, h: f64) -> f64 {
        let (k, _) = self.place(h);
        (self.rates[k + 1] - self.rates[k]) / self.step
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::network::winner_take_all;

    #[test]
    fn the_phase_plane_crosses_at_the_fixed_points() {
        let plane = phase_plane(&winner_take_all(), (0, 1), 30.0, 31, TimeAxis::Continuous).unwrap();
        for (x, y) in [(19.58, 5.42), (12.37, 12.37)] {
            for nullcline in [&plane.nullcline_x, &plane.nullcline_y] {
                let nearest = nullcline.iter().map(|(a, b)| (a - x).hypot(b - y)).fold(f64::INFINITY, f64::min);
                // Points lie one grid step apart.
                assert!(nearest < 1.0, "({x}, {y}): {nearest}");
            }
        }
    }

    #[test]
    fn what_has_no_renewal_theory_is_refused() {
        let mut network = winner_take_all();
        network.populations[0].adaptation.push(crate::population::Adaptation { amplitude: 1.0, tau: 0.1 });
        assert!(fixed_points(&network, TimeAxis::Continuous).unwrap_err().to_string().contains("adaptation"));
        assert!(phase_plane(&winner_take_all(), (0, 0), 30.0, 10, TimeAxis::Continuous).is_err());
        assert!(fixed_points(&winner_take_all(), TimeAxis::Steps(0.05)).is_err());
    }
}
