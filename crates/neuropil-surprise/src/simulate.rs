//! Sequences from the generative model that the learners assume.
//!
//! `theta_1 ~ prior`; at every later step (1) a change happens with the probability that the hazard gives, (2) after a
//! change `theta` is drawn again from the prior, independently, (3) `y ~ P(y | theta)`. The first observation starts a
//! segment and does not count as a change.

use ndarray::{Array1, Array2};
use neuropil_core::progress::Monitor;
use neuropil_core::provenance::{Fingerprint, Provenance};
use neuropil_core::random::{Seed, Stream, uniform};
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::family::{Family, for_family};
use crate::generative::{Design, Generative};
use crate::hazard::Hazard;

/// What a simulation takes beyond family, hazard, length and seed.
#[derive(Debug, Clone)]
pub struct SimulationOptions {
    /// Regressors of a regression, `(length, p)`; each is drawn from `N(0, 1)` when absent.
    pub regressors: Option<Array2<f64>>,
    /// Total count in each row of category counts (the family "multinomial").
    pub trials: u32,
    /// Progress and cancellation.
    pub monitor: Monitor,
}

impl Default for SimulationOptions {
    fn default() -> Self {
        Self { regressors: None, trials: Design::default().trials, monitor: Monitor::silent() }
    }
}

/// Most numbers that one simulation holds: 8 GB.
pub(crate) const MOST_NUMBERS: usize = 1_000_000_000;

/// A simulated sequence of `T` observations and what produced it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Simulation {
    /// Observations, `(T, observation width)`.
    pub observations: Array2<f64>,
    /// The parameter behind each observation in the coordinates of the family's estimate, `(T, estimate width)`.
    pub parameters: Array2<f64>,
    /// Whether the parameter was drawn again just before each observation, `(T)`; false for the first.
    pub change: Array1<bool>,
    /// Version, seed and parameters.
    pub provenance: Provenance,
}

impl Simulation {
    /// 0-based indices of the first observation after each change.
    #[must_use]
    pub fn change_points(&self) -> Vec<usize> {
        self.change.iter().enumerate().filter(|(_, change)| **change).map(|(t, _)| t).collect()
    }
}

/// Simulates a sequence.
///
/// ```
/// use neuropil_surprise::family::Gaussian;
/// use neuropil_surprise::simulate::simulate;
///
/// let simulation = simulate(&Gaussian::default().into(), &0.02.into(), 500, 7).unwrap();
/// assert_eq!(simulation.observations.dim(), (500, 1));
/// assert_eq!(simulation, simulate(&Gaussian::default().into(), &0.02.into(), 500, 7).unwrap());
/// ```
///
/// # Errors
/// When the family or the hazard is out of range, the length is zero, or the prior is so wide that an observation
/// leaves the range that the family accepts.
pub fn simulate(family: &Family, hazard: &Hazard, length: usize, seed: u64) -> Result<Simulation> {
    simulate_with(family, hazard, length, seed, &SimulationOptions::default())
}

/// Simulates a sequence with given regressors, counts per row, progress and cancellation.
///
/// # Errors
/// As [`simulate`], when the regressors do not fit the family and the length, or when cancelled.
pub fn simulate_with(
    family: &Family,
    hazard: &Hazard,
    length: usize,
    seed: u64,
    options: &SimulationOptions,
) -> Result<Simulation> {
    family.validate()?;
    if length == 0 {
        return Err(Error::TooFew { what: "a simulation", needed: 1, got: 0 });
    }
    // More would not fit into the memory of any machine, and an allocation that fails ends the program.
    let width = family.observation_width() + family.estimate_width();
    if length.checked_mul(width).is_none_or(|numbers| numbers > MOST_NUMBERS) {
        let allowed = format!("at most {} for this family", MOST_NUMBERS / width);
        return Err(Error::parameter("the length of a simulation", length, allowed));
    }
    hazard.validate_for(length)?;
    check_regressors(family, length, options.regressors.as_ref())?;
    let mut stream = Seed::new(seed).child("simulate").stream();
    let mut simulation = for_family!(family, family => draw(family, hazard, length, options, &mut stream))?;
    simulation.provenance = Provenance::new(serde_json::json!({
        "family": family, "hazard": hazard, "length": length, "trials": options.trials,
    }))
    .seed(seed);
    if let Some(regressors) = &options.regressors {
        let fingerprint = Fingerprint::new().word(regressors.ncols() as u64);
        let values: Vec<f64> = regressors.iter().copied().collect();
        simulation.provenance = simulation.provenance.input(fingerprint.numbers(&values));
    }
    Ok(simulation)
}

fn check_regressors(family: &Family, length: usize, regressors: Option<&Array2<f64>>) -> Result<()> {
    let Some(regressors) = regressors else { return Ok(()) };
    if !matches!(family, Family::Regression(_) | Family::RegressionUnknownNoise(_)) {
        return Err(Error::Unsupported {
            method: "simulate with regressors".to_owned(),
            family: family.name().to_owned(),
            supported: "the two regressions".to_owned(),
        });
    }
    let expected = (length, family.estimate_width());
    if regressors.dim() != expected {
        return Err(Error::Shape {
            what: "regressors".to_owned(),
            expected: format!("{expected:?}"),
            got: format!("{:?}", regressors.dim()),
        });
    }
    match regressors.indexed_iter().find(|(_, value)| !value.is_finite()) {
        Some(((t, i), value)) => Err(Error::parameter(format!("regressors[{t}][{i}]"), value, "finite")),
        None => Ok(()),
    }
}

/// The hazard along a simulated run; tables of a length law grow by doubling.
struct RunHazard<'a> {
    hazard: &'a Hazard,
    table: Vec<f64>,
}

impl RunHazard<'_> {
    fn at(&mut self, step: usize, run_length: usize) -> f64 {
        if !matches!(self.hazard, Hazard::NegativeBinomial { .. }) {
            return self.hazard.at(step, run_length);
        }
        if run_length > self.table.len() {
            self.table = self.hazard.table((2 * run_length).max(64)).unwrap_or_default();
        }
        self.table[run_length - 1]
    }
}

fn draw<F: Generative>(
    family: &F,
    hazard: &Hazard,
    length: usize,
    options: &SimulationOptions,
    stream: &mut Stream,
) -> Result<Simulation> {
    const STEPS_BETWEEN_CHECKS: usize = 1024;
    let (width, estimate_width) = (family.observation_width(), family.estimate_width());
    let mut observations = vec![0.0; length * width];
    let mut parameters = vec![0.0; length * estimate_width];
    let mut change = vec![false; length];
    let prior = family.prior();
    let mut hazard = RunHazard { hazard, table: Vec::new() };
    let mut parameter = family.sample_parameter(&prior, stream);
    let mut run_length = 0;
    let task = options.monitor.task("simulate", length as u64);
    for t in 0..length {
        if t % STEPS_BETWEEN_CHECKS == 0 {
            options.monitor.check().map_err(|_| Error::Cancelled)?;
            task.advance(STEPS_BETWEEN_CHECKS.min(length - t) as u64);
        }
        if t > 0 && uniform(stream) < hazard.at(t, run_length) {
            change[t] = true;
            run_length = 0;
            parameter = family.sample_parameter(&prior, stream);
        }
        run_length += 1;
        let regressors = options.regressors.as_ref().map(|x| x.row(t).to_vec());
        let design = Design { regressors: regressors.as_deref(), trials: options.trials };
        let row = &mut observations[t * width..(t + 1) * width];
        family.sample_observation(&parameter, &design, stream, row);
        let estimate = &mut parameters[t * estimate_width..(t + 1) * estimate_width];
        family.estimate(&parameter, estimate);
        check_drawn(family, t, row, estimate)?;
    }
    let matrix = |columns: usize, values: Vec<f64>| {
        Array2::from_shape_vec((length, columns), values).map_err(|error| Error::Shape {
            what: "simulation".to_owned(),
            expected: format!("({length}, {columns})"),
            got: error.to_string(),
        })
    };
    Ok(Simulation {
        observations: matrix(width, observations)?,
        parameters: matrix(estimate_width, parameters)?,
        change: change.into(),
        provenance: Provenance::new(serde_json::Value::Null),
    })
}

/// A prior with heavy tails can draw numbers that no learner accepts.
fn check_drawn<F: Generative>(family: &F, t: usize, row: &[f64], estimate: &[f64]) -> Result<()> {
    let allowed = "within the range of the family; the prior is too wide to simulate from: give it more weight";
    if let Some(value) = row.iter().chain(estimate).find(|value| !value.is_finite()) {
        return Err(Error::observation(t, value, F::NAME, allowed));
    }
    family.check_observation(t, row)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::family::{ConjugateFamily, DirichletCategorical, GammaExponential, GaussianKnownMean};
    use crate::model::ChangePointLearner;
    use neuropil_core::statistics::{mean, mean_and_standard_error, standard_error};

    /// Families whose estimate has a mean and a variance under the prior, so that sample means have an error bar.
    fn families() -> Vec<Family> {
        let mut families: Vec<Family> = Family::NAMES.iter().map(|name| Family::named(name).unwrap()).collect();
        for family in &mut families {
            match family {
                Family::GaussianUnknownVariance(family) => family.prior_a = 4.0,
                Family::GaussianKnownMean(family) => *family = GaussianKnownMean { shape: 6.0, ..*family },
                Family::Exponential(family) => *family = GammaExponential { shape: 6.0, ..*family },
                _ => {}
            }
        }
        families
    }

    #[test]
    fn every_family_is_simulated_and_the_same_for_a_seed() {
        for name in Family::NAMES {
            let family = Family::named(name).unwrap();
            let simulation = simulate(&family, &0.1.into(), 50, 3).unwrap();
            assert_eq!(simulation.observations.dim(), (50, family.observation_width()), "{name}");
            assert_eq!(simulation.parameters.dim(), (50, family.estimate_width()), "{name}");
            assert_eq!(simulation, simulate(&family, &0.1.into(), 50, 3).unwrap(), "{name}");
            assert_ne!(simulation, simulate(&family, &0.1.into(), 50, 4).unwrap(), "{name}");
        }
    }

    #[test]
    fn changes_come_at_the_hazard_and_the_parameter_stays_between_them() {
        let hazard = 0.1;
        let simulation = simulate(&Family::named("gaussian").unwrap(), &hazard.into(), 20_000, 0).unwrap();
        let rate = simulation.change.iter().filter(|change| **change).count() as f64 / 19_999.0;
        assert!((rate - hazard).abs() < 4.0 * (hazard * (1.0 - hazard) / 19_999.0).sqrt(), "{rate}");
        for t in 1..20_000 {
            let same = simulation.parameters[[t, 0]] == simulation.parameters[[t - 1, 0]];
            assert_ne!(same, simulation.change[t]);
        }
        let lengths = Hazard::NegativeBinomial { size: 3.0, probability: 0.2 };
        let simulation = simulate(&Family::named("bernoulli").unwrap(), &lengths, 20_000, 0).unwrap();
        let points = simulation.change_points();
        let lengths: Vec<f64> = points.windows(2).map(|pair| (pair[1] - pair[0]) as f64).collect();
        let (mean, error) = mean_and_standard_error(&lengths).unwrap();
        assert!((mean - 13.0).abs() < 4.0 * error, "{mean} +- {error}");
    }

    #[test]
    fn parameters_have_the_moments_of_the_prior() {
        fn prior_moments<F: ConjugateFamily>(family: &F) -> (Vec<f64>, Vec<f64>) {
            let width = family.estimate_width();
            let (mut mean, mut variance) = (vec![0.0; width], vec![0.0; width]);
            family.mean(&family.prior(), &mut mean);
            family.variance(&family.prior(), &mut variance);
            (mean, variance)
        }
        for family in families() {
            let simulation = simulate(&family, &1.0.into(), 6000, 11).unwrap();
            let (means, variances) = for_family!(&family, family => prior_moments(family));
            for (column, (expected, variance)) in
                simulation.parameters.columns().into_iter().zip(means.iter().zip(variances))
            {
                let values = column.to_vec();
                let (found, error) = mean_and_standard_error(&values).unwrap();
                assert!((found - expected).abs() < 4.0 * error, "{}: {found} for {expected}", family.name());
                let squares: Vec<f64> = values.iter().map(|value| (value - expected).powi(2)).collect();
                let (found, error) = mean_and_standard_error(&squares).unwrap();
                assert!((found - variance).abs() < 4.5 * error, "{}: variance {found} for {variance}", family.name());
            }
        }
    }

    #[test]
    fn observations_follow_the_prior_predictive() {
        // If (theta, y) has the joint law that Bayes' rule inverts, theta - E[theta | y] is uncorrelated with every
        // function of y.
        fn posterior_means<F: ConjugateFamily>(family: &F, observations: &Array2<f64>) -> Vec<Vec<f64>> {
            let width = family.estimate_width();
            let mut columns = vec![Vec::new(); width];
            for y in observations.outer_iter() {
                let mut belief = family.prior();
                family.update(&mut belief, &y.to_vec());
                let mut mean = vec![0.0; width];
                family.mean(&belief, &mut mean);
                columns.iter_mut().zip(mean).for_each(|(column, mean)| column.push(mean));
            }
            columns
        }
        for family in families() {
            let simulation = simulate(&family, &1.0.into(), 6000, 5).unwrap();
            let columns = for_family!(&family, family => posterior_means(family, &simulation.observations));
            for (column, truth) in columns.iter().zip(simulation.parameters.columns()) {
                // theta - E[theta | y] has mean zero, and so has its product with E[theta | y].
                let residual: Vec<f64> = column.iter().zip(truth).map(|(mean, truth)| truth - mean).collect();
                let product: Vec<f64> = residual.iter().zip(column).map(|(residual, mean)| residual * mean).collect();
                for values in [residual, product] {
                    let (mean, error) = mean_and_standard_error(&values).unwrap();
                    assert!(mean.abs() < 4.0 * error, "{}: {mean} +- {error}", family.name());
                }
            }
        }
    }

    #[test]
    fn the_exact_filter_is_calibrated_on_what_it_assumes() {
        // The change indicator minus its posterior probability is a martingale difference, and its square has the
        // expectation that the probability implies.
        for family in [Family::named("gaussian").unwrap(), DirichletCategorical::symmetric(5, 0.2).into()] {
            let simulation = simulate(&family, &0.1.into(), 4000, 2).unwrap();
            let model = ChangePointLearner { hazard: 0.1.into(), ..ChangePointLearner::new(family) };
            let result = model.filter(simulation.observations.view()).unwrap();
            let change = simulation.change.mapv(|change| f64::from(u8::from(change)));
            let residual = &change - &result.adaptation_rate;
            let residual = residual.to_vec();
            assert!(mean(&residual).unwrap().abs() < 4.0 * standard_error(&residual).unwrap());
            let (estimate, variance) = (result.mean.unwrap(), result.variance.unwrap());
            let excess: Vec<f64> =
                ((&simulation.parameters - &estimate).mapv(|error| error * error) - variance).column(0).to_vec();
            // Neighbouring errors are correlated over a segment of ten steps.
            assert!(mean(&excess).unwrap().abs() < 4.0 * 20.0_f64.sqrt() * standard_error(&excess).unwrap());
        }
    }

    #[test]
    fn regressors_are_used_as_given_and_refused_elsewhere() {
        let regressors = Array2::from_shape_fn((30, 2), |(t, i)| (t + i) as f64 / 10.0);
        let options = SimulationOptions { regressors: Some(regressors.clone()), ..Default::default() };
        let family = Family::named("regression").unwrap();
        let simulation = simulate_with(&family, &0.1.into(), 30, 0, &options).unwrap();
        assert_eq!(simulation.observations.slice(ndarray::s![.., ..2]), regressors);
        assert!(simulate_with(&family, &0.1.into(), 31, 0, &options).is_err());
        assert!(simulate_with(&Family::named("poisson").unwrap(), &0.1.into(), 30, 0, &options).is_err());
        assert!(simulate(&family, &0.1.into(), 0, 0).is_err());
        assert!(simulate(&family, &1.5.into(), 5, 0).is_err());
    }

    #[test]
    fn a_prior_whose_gamma_variates_underflow_is_still_sampled() {
        let family: Family = DirichletCategorical::symmetric(5, 0.001).into();
        let simulation = simulate(&family, &1.0.into(), 500, 0).unwrap();
        for row in simulation.parameters.outer_iter() {
            assert!((row.sum() - 1.0).abs() < 1e-12);
        }
    }
}
