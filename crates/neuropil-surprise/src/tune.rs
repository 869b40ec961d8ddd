//! Grid search of one parameter of a learner, on simulated sequences or on data.
//!
//! On simulated sequences the score is the total squared error of the estimate, as Liakoni et al. (2021) tuned the
//! leaky integrator, VarSMiLe, SMiLe and the delta rules; on data it is the log evidence, which is also the sum of the
//! log predictive scores of each observation given those before it.

use ndarray::{Array2, ArrayView2};
use neuropil_core::progress::Monitor;
use neuropil_core::provenance::{Fingerprint, Provenance};
use neuropil_core::random::Seed;
use neuropil_core::threads;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::filter::Outputs;
use crate::hazard::Hazard;
use crate::method::Method;
use crate::model::{ChangePointLearner, FilterOptions};
use crate::parameter;
use crate::simulate::{Simulation, SimulationOptions, simulate_with};

/// The values of one parameter to try.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Grid {
    /// Name of the parameter, as in [`parameter`].
    pub parameter: String,
    /// Values, in the order in which they are reported.
    pub values: Vec<f64>,
}

impl Grid {
    /// `n` values from `low` to `high`, equally spaced in the logarithm.
    ///
    /// # Errors
    /// Unless `0 < low < high` and `n >= 2`.
    pub fn logarithmic(parameter: &str, low: f64, high: f64, n: usize) -> Result<Self> {
        if !(low > 0.0 && low < high && high.is_finite()) {
            let got = format!("{low} to {high}");
            return Err(Error::parameter("a logarithmic grid", got, "from a positive number to a larger one"));
        }
        if n < 2 {
            return Err(Error::parameter("the number of grid values", n, "at least 2"));
        }
        Ok(Self { parameter: parameter.to_owned(), values: log_spaced(low.log10(), high.log10(), n) })
    }

    /// The grid of Liakoni et al. (2021) for the free parameter of a method; `None` for methods that take the true
    /// hazard. `omega` from 0 to 0.99 in steps of 0.01; `m` of VarSMiLe and SMiLe on 39 logarithmic values from 1e-4
    /// and then in steps of 0.01 to 5 or 10; the hazard of Nas10* on 59 logarithmic values from 1e-4 to 0.86, that of
    /// Nas12* on 40 from 1e-4 to 0.1 (read off the published optima).
    #[must_use]
    pub fn published(method: &Method) -> Option<Self> {
        let steps = |first: usize, last: usize| (first..=last).map(|i| i as f64 / 100.0);
        let modulations = |last: usize| {
            let mut values = vec![0.0];
            values.extend(log_spaced(-4.0, -1.0, 40));
            // The last logarithmic value is the 0.1 of the linear part.
            values.pop();
            values.extend(steps(1, last));
            values.sort_by(f64::total_cmp);
            values.dedup();
            values
        };
        let (parameter, values) = match method {
            Method::Leaky { .. } => ("omega", steps(0, 99).collect()),
            Method::VarSmile { .. } => ("m", modulations(500)),
            Method::Smile { .. } => ("m", modulations(1000)),
            Method::Nassar2010 { .. } => ("hazard", log_spaced(-4.0, 0.0, 60)[..59].to_vec()),
            Method::Nassar2012 { .. } => ("hazard", log_spaced(-4.0, -1.0, 40)),
            _ => return None,
        };
        Some(Self { parameter: parameter.to_owned(), values })
    }
}

/// The value of an ascending grid with the least loss, where the losses have one valley: every few values first, then
/// between the neighbours of the best, until neighbours on the grid are compared. A tenth of the work of [`tune`].
/// `None` for an empty grid.
///
/// # Errors
/// Those of the loss.
///
/// ```
/// use neuropil_surprise::tune::bottom_of_valley;
///
/// let grid: Vec<f64> = (0..540).map(f64::from).collect();
/// let found = bottom_of_valley(&grid, |x| Ok::<f64, ()>((x - 77.4).powi(2)));
/// assert_eq!(found, Ok(Some(77.0)));
/// ```
pub fn bottom_of_valley<E>(
    grid: &[f64],
    loss: impl Fn(f64) -> std::result::Result<f64, E>,
) -> std::result::Result<Option<f64>, E> {
    const PARTS: usize = 8;
    let (mut low, mut high) = (0, grid.len().saturating_sub(1));
    loop {
        let step = ((high - low) / PARTS).max(1);
        let mut candidates: Vec<usize> = (low..=high).step_by(step).collect();
        if candidates.last() != Some(&high) {
            candidates.push(high);
        }
        let mut best: Option<(f64, usize)> = None;
        for index in candidates {
            let Some(&value) = grid.get(index) else { return Ok(None) };
            let value = loss(value)?;
            if best.is_none_or(|(least, _)| value < least) {
                best = Some((value, index));
            }
        }
        let Some((_, index)) = best else { return Ok(None) };
        if step == 1 {
            return Ok(grid.get(index).copied());
        }
        (low, high) = (index.saturating_sub(step), (index + step).min(grid.len() - 1));
    }
}

fn log_spaced(from: f64, to: f64, n: usize) -> Vec<f64> {
    (0..n).map(|i| 10.0_f64.powf(from + (to - from) * i as f64 / (n - 1) as f64)).collect()
}

/// What a value of the parameter is judged by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Objective {
    /// Total squared error of the estimate against the known parameter; the smallest wins.
    SquaredError,
    /// Log evidence in nats; the largest wins.
    LogEvidence,
}

/// One sequence to tune on.
#[derive(Debug, Clone, Copy)]
pub struct Sequence<'a> {
    /// Observations, `(T, observation width)`.
    pub observations: ArrayView2<'a, f64>,
    /// The parameter behind each observation, `(T, estimate width)`; needed for the squared error. Rows with a NaN are
    /// not scored.
    pub parameters: Option<ArrayView2<'a, f64>>,
}

impl<'a> From<&'a Simulation> for Sequence<'a> {
    fn from(simulation: &'a Simulation) -> Self {
        Self { observations: simulation.observations.view(), parameters: Some(simulation.parameters.view()) }
    }
}

/// Scores over the grid, and the winner.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Tuning {
    /// The values that were tried.
    pub grid: Grid,
    /// What they were judged by.
    pub objective: Objective,
    /// Score of each value on each sequence, `(values, sequences)`.
    pub scores: Array2<f64>,
    /// Sum over the sequences, one per value.
    pub totals: Vec<f64>,
    /// Index of the winner; the first among equals.
    pub best_index: usize,
    /// The winning value.
    pub best_value: f64,
    /// Whether the winner is the smallest or the largest value: a wider grid may do better.
    pub at_edge: bool,
    /// The learner with the winning value.
    pub model: ChangePointLearner,
    /// Version, parameters and a hash of the input.
    pub provenance: Provenance,
}

/// Tries every value on every sequence, in parallel; the result does not depend on the number of threads.
///
/// # Errors
/// When the grid or the list of sequences is empty, a value is out of range, the squared error is asked for without
/// known parameters, the log evidence of a learner without predictive distribution, or when cancelled.
pub fn tune(
    model: &ChangePointLearner,
    grid: &Grid,
    sequences: &[Sequence<'_>],
    objective: Objective,
    monitor: &Monitor,
) -> Result<Tuning> {
    if grid.values.is_empty() {
        return Err(Error::parameter("the grid", "empty", "at least one value"));
    }
    if sequences.is_empty() {
        return Err(Error::parameter("the list of sequences to tune on", "empty", "at least one sequence"));
    }
    let models = grid
        .values
        .iter()
        .map(|&value| {
            let model = parameter::with(model, &grid.parameter, value)?;
            model.validate()?;
            Ok(model)
        })
        .collect::<Result<Vec<_>>>()?;
    let n = sequences.len();
    let task = monitor.task("tune", (models.len() * n) as u64);
    let scores: Vec<f64> = threads::install(|| {
        (0..models.len() * n)
            .into_par_iter()
            .map(|cell| {
                let score = score(&models[cell / n], &sequences[cell % n], objective, monitor);
                task.advance(1);
                score
            })
            .collect::<Result<_>>()
    })?;
    let totals: Vec<f64> = scores.chunks(n).map(neuropil_core::statistics::sum).collect();
    let better = |a: f64, b: f64| if objective == Objective::SquaredError { a < b } else { a > b };
    let best_index = (1..totals.len()).fold(0, |best, i| if better(totals[i], totals[best]) { i } else { best });
    let best_value = grid.values[best_index];
    let (low, high) = grid
        .values
        .iter()
        .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), &value| (low.min(value), high.max(value)));
    let fingerprint = sequences.iter().fold(Fingerprint::new(), |fingerprint, sequence| {
        fingerprint.numbers(&sequence.observations.iter().copied().collect::<Vec<_>>())
    });
    let parameters = serde_json::json!({ "model": model, "grid": grid, "objective": objective });
    let shape = (models.len(), n);
    Ok(Tuning {
        grid: grid.clone(),
        objective,
        scores: Array2::from_shape_vec(shape, scores).map_err(|error| Error::Shape {
            what: "scores".to_owned(),
            expected: format!("{shape:?}"),
            got: error.to_string(),
        })?,
        totals,
        best_index,
        best_value,
        at_edge: best_value == low || best_value == high,
        model: models[best_index].clone(),
        provenance: Provenance::new(parameters).seed(model.seed).input(fingerprint),
    })
}

/// Tunes on sequences simulated from the learner's own family: as in the paper, `n_sequences` of `length` steps.
///
/// # Errors
/// As [`simulate_with`] and [`tune`].
pub fn tune_on_simulations(
    model: &ChangePointLearner,
    grid: &Grid,
    hazard: &Hazard,
    length: usize,
    n_sequences: usize,
    seed: u64,
    monitor: &Monitor,
) -> Result<Tuning> {
    let options = SimulationOptions { monitor: monitor.quiet(), ..SimulationOptions::default() };
    let simulations = (0..n_sequences as u64)
        .map(|index| {
            let seed = rand::Rng::next_u64(&mut Seed::new(seed).child("tune").index(index).stream());
            simulate_with(&model.family, hazard, length, seed, &options)
        })
        .collect::<Result<Vec<_>>>()?;
    let sequences: Vec<Sequence<'_>> = simulations.iter().map(Sequence::from).collect();
    let mut tuning = tune(model, grid, &sequences, Objective::SquaredError, monitor)?;
    tuning.provenance = Provenance::new(serde_json::json!({
        "model": model, "grid": grid, "hazard": hazard, "length": length, "n_sequences": n_sequences,
    }))
    .seed(seed);
    Ok(tuning)
}

fn score(model: &ChangePointLearner, sequence: &Sequence<'_>, objective: Objective, monitor: &Monitor) -> Result<f64> {
    let outputs = Outputs {
        mean: objective == Objective::SquaredError,
        variance: false,
        bayes_factor_surprise: false,
        shannon_surprise: objective == Objective::LogEvidence,
        run_length: false,
    };
    let options = FilterOptions { outputs, monitor: monitor.quiet(), ..FilterOptions::default() };
    if objective == Objective::SquaredError {
        let Some(parameters) = sequence.parameters else {
            let allowed = "known at every step to tune on the squared error; tune on the log evidence instead";
            return Err(Error::parameter("the parameter behind the observations", "missing", allowed));
        };
        let expected = (sequence.observations.nrows(), model.family.estimate_width());
        if parameters.dim() != expected {
            return Err(Error::Shape {
                what: "parameters behind the observations".to_owned(),
                expected: format!("{expected:?}"),
                got: format!("{:?}", parameters.dim()),
            });
        }
        let estimate = model.filter_with(sequence.observations, &options)?.mean.unwrap_or_default();
        let errors: Vec<f64> = estimate.iter().zip(parameters).map(|(a, b)| (a - b).powi(2)).collect();
        let known: Vec<f64> = errors.into_iter().filter(|error| !error.is_nan()).collect();
        return Ok(neuropil_core::statistics::sum(&known));
    }
    model.filter_with(sequence.observations, &options)?.log_evidence.ok_or_else(|| Error::Unsupported {
        method: model.method.name().to_owned(),
        family: "log evidence".to_owned(),
        supported: "the squared error of simulated sequences; every other method has a log evidence".to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::family::{Family, Gaussian};
    use crate::simulate::simulate;

    fn model(method: Method) -> ChangePointLearner {
        ChangePointLearner { method, hazard: 0.1.into(), ..ChangePointLearner::new(Gaussian::default()) }
    }

    #[test]
    fn the_search_finds_the_bottom_of_a_valley_wherever_it_lies() {
        let grid: Vec<f64> = (0..540).map(f64::from).collect();
        for bottom in [0.0, 1.0, 77.0, 300.4, 539.0] {
            let found = bottom_of_valley(&grid, |x| Ok::<f64, ()>((x - bottom).abs())).unwrap().unwrap();
            assert!((found - bottom).abs() <= 0.5, "{bottom}: {found}");
        }
        assert_eq!(bottom_of_valley(&[], |_| Ok::<f64, ()>(0.0)), Ok(None));
        assert_eq!(bottom_of_valley(&[3.0], |_| Ok::<f64, ()>(0.0)), Ok(Some(3.0)));
        assert_eq!(bottom_of_valley(&grid, |_| Err(())), Err(()));
    }

    #[test]
    fn the_published_grids_hold_the_published_optima() {
        let holds = |method: Method, optima: &[f64]| {
            let grid = Grid::published(&method).unwrap();
            for optimum in optima {
                let near = grid.values.iter().any(|value| (value / optimum - 1.0).abs() < 2e-3);
                assert!(near, "{optimum} in the grid of {}", method.name());
            }
            assert!(grid.values.windows(2).all(|pair| pair[0] < pair[1]));
        };
        holds(Method::Leaky { omega: 0.5 }, &[0.06, 0.69, 0.99]);
        holds(Method::VarSmile { m: None }, &[0.79, 0.05878, 0.01425, 0.008377]);
        holds(Method::Smile { m: None }, &[0.04924, 10.0, 0.0001701]);
        let delta = Method::Nassar2010 { initial_run_length: 1.0 };
        holds(delta, &[0.1536, 0.09617, 0.02759, 0.004238, 0.0001597, 0.00579]);
        holds(Method::Nassar2012 { initial_run_length: 1.0 }, &[0.08377, 0.03455, 0.0005878, 0.1]);
        assert!(Grid::published(&Method::exact()).is_none());
    }

    #[test]
    fn tuning_finds_the_published_parameter_of_the_leaky_integrator() {
        // Published: omega = 0.69 at sigma = 1 and hazard 0.1.
        let learner = model(Method::Leaky { omega: 0.5 });
        let grid = Grid::published(&learner.method).unwrap();
        let tuning = tune_on_simulations(&learner, &grid, &0.1.into(), 10_000, 3, 0, &Monitor::silent()).unwrap();
        assert!((tuning.best_value - 0.69).abs() <= 0.05, "{}", tuning.best_value);
        assert_eq!(tuning.model.method, Method::Leaky { omega: tuning.best_value });
        assert!(!tuning.at_edge);
    }

    #[test]
    fn evidence_finds_the_hazard_and_threads_do_not_matter() {
        let simulation =
            simulate(&Gaussian { sigma: 0.2, ..Gaussian::default() }.into(), &0.05.into(), 2000, 1).unwrap();
        let learner = ChangePointLearner {
            family: Gaussian { sigma: 0.2, ..Gaussian::default() }.into(),
            ..model(Method::message_passing(10))
        };
        let grid = Grid::logarithmic("hazard", 0.005, 0.5, 21).unwrap();
        let run = || {
            let sequences = [Sequence::from(&simulation)];
            tune(&learner, &grid, &sequences, Objective::LogEvidence, &Monitor::silent()).unwrap()
        };
        let tuning = run();
        assert!((0.03..0.08).contains(&tuning.best_value), "{}", tuning.best_value);
        let _guard = threads::limited(1);
        assert_eq!(tuning, run());
    }

    #[test]
    fn what_cannot_be_scored_is_refused() {
        let simulation = simulate(&Family::named("gaussian").unwrap(), &0.1.into(), 20, 1).unwrap();
        let blind = Sequence { observations: simulation.observations.view(), parameters: None };
        let grid = Grid { parameter: "omega".to_owned(), values: vec![0.5] };
        let leaky = model(Method::Leaky { omega: 0.5 });
        let run = |grid: &Grid, objective| tune(&leaky, grid, &[blind], objective, &Monitor::silent());
        assert!(run(&grid, Objective::SquaredError).is_err());
        assert!(run(&grid, Objective::LogEvidence).is_err());
        for values in [vec![], vec![1.5]] {
            let grid = Grid { values, ..grid.clone() };
            assert!(tune(&leaky, &grid, &[(&simulation).into()], Objective::SquaredError, &Monitor::silent()).is_err());
        }
        assert!(Grid::logarithmic("hazard", 0.0, 1.0, 5).is_err());
    }
}
