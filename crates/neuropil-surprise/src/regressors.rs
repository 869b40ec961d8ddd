//! Trial-wise measures of surprise, as columns of a table for the analysis of pupils, EEG, fMRI or behaviour.
//!
//! With `pi` the belief before an observation, `pi_new` after it, `pi0` the prior, `pi_B` the Bayesian update of `pi`,
//! `pi0_y` that of the prior, `pi_hat` the scaled likelihood of the observation alone, and `gamma` the adaptation rate
//! (Modirshanechi, Brea and Gerstner 2022 compare these definitions):
//!
//! | column | value | unit |
//! |---|---|---|
//! | `squared_prediction_error` | squared Euclidean distance of the observation from the estimate before it | data squared |
//! | `absolute_prediction_error` | its square root | data |
//! | `shannon_surprise` | `-ln P(y_t given y_1..t-1)` | nat |
//! | `bayes_factor_surprise` | `P(y; pi0) / P(y; pi)` | 1 |
//! | `change_probability` | `gamma`; for SMiLe the column is `adaptation_rate` | 1 |
//! | `bayesian_surprise` | `KL(pi, pi_new)` | nat |
//! | `postdictive_surprise` | `KL(pi_new, pi)` | nat |
//! | `confidence_corrected_surprise` | `KL(pi, pi_hat)`, where `pi_hat` is proper | nat |
//! | `free_energy` | see below | nat |
//! | `estimate`, `estimate_sd` | mean and standard deviation of the belief after the observation | data |
//!
//! A mixture of beliefs is projected onto the family (natural coordinates are averaged) before a divergence is taken.
//!
//! **Free energy.** Approximate the joint posterior of parameter and change, `P(theta, c given y_1..t)`, by a product
//! `q(theta) r(c)`. With `r(c = 1) = gamma`, the exact probability of a change, the variational free energy is
//! `F = S_Shannon + (1 - gamma) KL(q, pi_B) + gamma KL(q, pi0_y)`: each value of `c` contributes its log evidence, which
//! sum to the Shannon surprise, and the distance of `q` from the posterior that it implies. The column is `F` at
//! `q = pi_new`. For VarSMiLe, whose update minimises `F` over the family, it is the minimised free energy; for other
//! learners an upper bound of it. `F` is never below the Shannon surprise and equals it where `q` is the posterior
//! under both hypotheses that have weight: without volatility, or when the change is certain.

use ndarray::ArrayView2;
use neuropil_core::progress::Monitor;
use neuropil_core::provenance::Provenance;
use serde::{Deserialize, Serialize};

use crate::blocks::Blocks;
use crate::dispatch::for_learner;
use crate::error::{Error, Result};
use crate::family::ConjugateFamily;
use crate::filter::check_rows;
use crate::generative::Generative;
use crate::learner::{Learner, Scores};
use crate::method::Method;
use crate::model::ChangePointLearner;
use crate::surprise::bayes_factor;

/// How [`regressors`] runs.
#[derive(Debug, Clone, Default)]
pub struct RegressorOptions {
    /// Where independent blocks start; one block when absent.
    pub blocks: Option<Blocks>,
    /// Progress and cancellation.
    pub monitor: Monitor,
}

/// One column of the table.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Column {
    /// Name, as in the table of the module.
    pub name: String,
    /// Unit: `"nat"`, `"1"`, `"data"` (the unit of the estimate) or `"data squared"`.
    pub unit: String,
    /// One value per trial. NaN (in files: null, an empty cell) where the trial is missing or the measure is not
    /// defined; infinite where a divergence or a variance is.
    #[serde(with = "nullable")]
    pub values: Vec<f64>,
}

/// One row per trial, one column per measure; columns that the learner or the family does not define are absent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Regressors {
    /// 0-based number of the block of each trial.
    pub block: Vec<usize>,
    /// 0-based number of each trial in its block.
    pub trial: Vec<usize>,
    /// Whether each observation was there.
    pub observed: Vec<bool>,
    /// The measures.
    pub columns: Vec<Column>,
    /// Version, seed, parameters and a hash of the input.
    pub provenance: Provenance,
}

impl Regressors {
    /// The values of a column.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&[f64]> {
        self.columns.iter().find(|column| column.name == name).map(|column| column.values.as_slice())
    }

    /// Number of trials.
    #[must_use]
    pub fn len(&self) -> usize {
        self.observed.len()
    }

    /// Whether there is no trial.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.observed.is_empty()
    }
}

/// Computes all measures along a sequence, rows = trials; NaN marks a missing observation.
///
/// # Errors
/// When a parameter is out of range, there is no observation, one cannot belong to the family, the blocks do not cover
/// the observations, or when cancelled.
pub fn regressors(
    model: &ChangePointLearner,
    y: ArrayView2<'_, f64>,
    options: &RegressorOptions,
) -> Result<Regressors> {
    model.validate()?;
    if y.nrows() == 0 {
        return Err(Error::TooFew { what: "a table of regressors", needed: 1, got: 0 });
    }
    let blocks = options.blocks.clone().unwrap_or_else(|| Blocks::single(y.nrows()));
    blocks.check_length(y.nrows())?;
    model.hazard.validate_for(y.nrows())?;
    let task = options.monitor.task("regressors", y.nrows() as u64);
    for_learner!(model, family, make => {
        check_rows(family, &y, model.missing, 0)?;
        let mut table = Table::new(&model.method, family.estimate_width());
        for (block, range) in blocks.ranges().enumerate() {
            let mut learner = make(&model.hazard.within(range.clone()))?;
            for (trial, t) in range.enumerate() {
                if t % 64 == 0 {
                    options.monitor.check().map_err(|_| Error::Cancelled)?;
                }
                table.trial(family, learner.as_mut(), &y.row(t).to_vec(), block, trial);
                task.advance(1);
            }
        }
        Ok(table.finish(model.provenance(Some(y))))
    })
}

/// Measures that every trial has, in this order, before the estimates.
const MEASURES: [(&str, &str); 9] = [
    ("squared_prediction_error", "data squared"),
    ("absolute_prediction_error", "data"),
    ("shannon_surprise", "nat"),
    ("bayes_factor_surprise", "1"),
    ("change_probability", "1"),
    ("bayesian_surprise", "nat"),
    ("postdictive_surprise", "nat"),
    ("confidence_corrected_surprise", "nat"),
    ("free_energy", "nat"),
];

struct Table {
    columns: Vec<Column>,
    block: Vec<usize>,
    trial: Vec<usize>,
    observed: Vec<bool>,
    width: usize,
}

impl Table {
    fn new(method: &Method, width: usize) -> Self {
        let mut columns: Vec<Column> = MEASURES.iter().map(|(name, unit)| Column::new(name, unit)).collect();
        if matches!(method, Method::Smile { .. }) {
            columns[4].name = "adaptation_rate".to_owned();
        }
        for name in ["estimate", "estimate_sd"] {
            for d in 0..width {
                let name = if width == 1 { name.to_owned() } else { format!("{name}_{d}") };
                columns.push(Column::new(&name, "data"));
            }
        }
        Self { columns, block: Vec::new(), trial: Vec::new(), observed: Vec::new(), width }
    }

    fn trial<F: Generative>(
        &mut self,
        family: &F,
        learner: &mut dyn Learner<F>,
        y: &[f64],
        block: usize,
        trial: usize,
    ) {
        let observed = y.iter().all(|value| !value.is_nan());
        self.block.push(block);
        self.trial.push(trial);
        self.observed.push(observed);
        let values = if observed {
            measure(family, learner, y, trial == 0)
        } else {
            learner.skip();
            [f64::NAN; MEASURES.len()]
        };
        let mut state = vec![0.0; 2 * self.width];
        let (mean, variance) = state.split_at_mut(self.width);
        learner.mean(mean);
        if learner.is_probabilistic() {
            learner.variance(variance);
            variance.iter_mut().for_each(|variance| *variance = variance.sqrt());
        } else {
            variance.fill(f64::NAN);
        }
        for (column, value) in self.columns.iter_mut().zip(values.into_iter().chain(state)) {
            column.values.push(value);
        }
    }

    /// Columns that hold nothing are not defined for this learner or family.
    fn finish(mut self, provenance: Provenance) -> Regressors {
        if self.observed.contains(&true) {
            self.columns.retain(|column| column.values.iter().any(|value| !value.is_nan()));
        }
        Regressors { block: self.block, trial: self.trial, observed: self.observed, columns: self.columns, provenance }
    }
}

impl Column {
    fn new(name: &str, unit: &str) -> Self {
        Self { name: name.to_owned(), unit: unit.to_owned(), values: Vec::new() }
    }
}

/// The measures of one trial in the order of [`MEASURES`]; NaN where one is not defined.
fn measure<F: Generative>(family: &F, learner: &mut dyn Learner<F>, y: &[f64], first: bool) -> [f64; MEASURES.len()] {
    let prior = family.prior();
    let mut before_mean = vec![0.0; family.estimate_width()];
    if first {
        family.mean(&prior, &mut before_mean);
    } else {
        learner.mean(&mut before_mean);
    }
    let squared = family.squared_prediction_error(&before_mean, y).unwrap_or(f64::NAN);
    let before = if first { Some(prior.clone()) } else { learner.belief() };
    let scores = learner.step(y);
    if !learner.is_probabilistic() {
        let mut values = [f64::NAN; MEASURES.len()];
        (values[0], values[1]) = (squared, squared.sqrt());
        return values;
    }
    let Scores { log_predictive, log_bayes_factor, adaptation_rate } = scores;
    let mut divergences = [f64::NAN; 4];
    if let (Some(before), Some(after)) = (before, learner.belief()) {
        let corrected =
            family.scaled_likelihood(y).map_or(f64::NAN, |likelihood| family.kl_divergence(&before, &likelihood));
        let (mut stayed, mut changed) = (before.clone(), prior);
        family.update(&mut stayed, y);
        family.update(&mut changed, y);
        // A hypothesis without weight contributes nothing, however far it is.
        let part = |weight: f64, posterior: &F::Belief| {
            if weight > 0.0 { weight * family.kl_divergence(&after, posterior) } else { 0.0 }
        };
        let distance = part(1.0 - adaptation_rate, &stayed) + part(adaptation_rate, &changed);
        divergences = [
            family.kl_divergence(&before, &after),
            family.kl_divergence(&after, &before),
            corrected,
            distance - log_predictive,
        ];
    }
    let [bayesian, postdictive, corrected, free_energy] = divergences;
    [
        squared,
        squared.sqrt(),
        -log_predictive,
        bayes_factor(log_bayes_factor),
        adaptation_rate,
        bayesian,
        postdictive,
        corrected,
        free_energy,
    ]
}

/// NaN as null, and infinities as words, because JSON has neither.
mod nullable {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    #[derive(Serialize, Deserialize)]
    #[serde(untagged)]
    enum Cell {
        Number(f64),
        Word(String),
        Missing(()),
    }

    pub fn serialize<S: Serializer>(values: &[f64], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(values.iter().map(|&value| match value {
            value if value.is_nan() => Cell::Missing(()),
            f64::INFINITY => Cell::Word("inf".to_owned()),
            f64::NEG_INFINITY => Cell::Word("-inf".to_owned()),
            value => Cell::Number(value),
        }))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<f64>, D::Error> {
        let cells = Vec::<Cell>::deserialize(deserializer)?;
        cells
            .into_iter()
            .map(|cell| match cell {
                Cell::Number(value) => Ok(value),
                Cell::Missing(()) => Ok(f64::NAN),
                Cell::Word(word) => word.parse().map_err(serde::de::Error::custom),
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use approx::assert_relative_eq;
    use ndarray::{Array2, array};

    use super::*;
    use crate::family::{ConjugateFamily, DirichletCategorical, Family, Gaussian, NormalInverseGamma};
    use crate::simulate::simulate;

    fn table(model: &ChangePointLearner, y: &Array2<f64>) -> Regressors {
        regressors(model, y.view(), &RegressorOptions::default()).unwrap()
    }

    fn model(family: impl Into<Family>, method: Method, hazard: f64) -> ChangePointLearner {
        ChangePointLearner { method, hazard: hazard.into(), ..ChangePointLearner::new(family) }
    }

    #[test]
    fn one_gaussian_trial_has_the_values_of_the_formulas() {
        let learner = model(Gaussian { sigma: 0.5, ..Gaussian::default() }, Method::exact(), 0.0);
        let found = table(&learner, &array![[1.2]]);
        // Prior N(0, 1), posterior N(0.96, 0.2), scaled likelihood N(1.2, 0.25).
        let normal = |m1: f64, v1: f64, m2: f64, v2: f64| {
            (m1 - m2).powi(2) / (2.0 * v2) + 0.5 * (v1 / v2 - 1.0 - (v1 / v2).ln())
        };
        let at = |name: &str| found.get(name).unwrap()[0];
        assert_relative_eq!(at("squared_prediction_error"), 1.44, epsilon = 1e-12);
        assert_relative_eq!(at("absolute_prediction_error"), 1.2, epsilon = 1e-12);
        assert_relative_eq!(at("bayes_factor_surprise"), 1.0, epsilon = 1e-12);
        assert_relative_eq!(at("bayesian_surprise"), normal(0.0, 1.0, 0.96, 0.2), epsilon = 1e-12);
        assert_relative_eq!(at("postdictive_surprise"), normal(0.96, 0.2, 0.0, 1.0), epsilon = 1e-12);
        assert_relative_eq!(at("confidence_corrected_surprise"), normal(0.0, 1.0, 1.2, 0.25), epsilon = 1e-12);
        // Without volatility the belief is the posterior: the bound is tight.
        assert_relative_eq!(at("free_energy"), at("shannon_surprise"), epsilon = 1e-12);
        assert_relative_eq!(at("estimate"), 0.96, epsilon = 1e-12);
        assert_relative_eq!(at("estimate_sd"), 0.2_f64.sqrt(), epsilon = 1e-12);
    }

    #[test]
    fn columns_agree_with_the_filter() {
        let simulation = simulate(&Gaussian::default().into(), &0.1.into(), 200, 1).unwrap();
        for method in [Method::exact(), Method::VarSmile { m: None }, Method::ParticleFilter { n: 10 }] {
            let learner = model(Gaussian::default(), method, 0.1);
            let found = table(&learner, &simulation.observations);
            let filtered = learner.filter(simulation.observations.view()).unwrap();
            // The filter has a faster path for one learner, which rounds differently.
            let agree = |name: &str, expected: Vec<f64>| {
                for (found, expected) in found.get(name).unwrap().iter().zip(expected) {
                    assert_relative_eq!(*found, expected, max_relative = 1e-12);
                }
            };
            agree("shannon_surprise", filtered.shannon_surprise.unwrap().to_vec());
            agree("bayes_factor_surprise", filtered.bayes_factor_surprise.unwrap().to_vec());
            agree("change_probability", filtered.adaptation_rate.to_vec());
            agree("estimate", filtered.mean.unwrap().column(0).to_vec());
        }
    }

    #[test]
    fn the_free_energy_bounds_the_shannon_surprise_and_varsmile_minimises_it() {
        let family = DirichletCategorical::symmetric(3, 0.5);
        let simulation = simulate(&family.clone().into(), &0.1.into(), 100, 1).unwrap();
        let varsmile = table(&model(family.clone(), Method::VarSmile { m: None }, 0.1), &simulation.observations);
        for (free_energy, shannon) in
            varsmile.get("free_energy").unwrap().iter().zip(varsmile.get("shannon_surprise").unwrap())
        {
            assert!(free_energy >= &(shannon - 1e-12));
        }
        // One step by hand: every other belief of the family has a larger free energy.
        let (before, y) = (family.prior(), [0.0]);
        let mut stayed = before.clone();
        family.update(&mut stayed, &[1.0]);
        let mut changed = before;
        family.update(&mut stayed, &y);
        family.update(&mut changed, &y);
        let gamma = 0.3;
        let energy = |weight: f64| {
            let mut q = stayed.clone();
            family.interpolate(&mut q, weight, &changed);
            (1.0 - gamma) * family.kl_divergence(&q, &stayed) + gamma * family.kl_divergence(&q, &changed)
        };
        assert!(energy(gamma) < energy(gamma + 0.01) && energy(gamma) < energy(gamma - 0.01));
    }

    #[test]
    fn what_is_missing_is_flagged_and_what_is_undefined_is_absent() {
        let learner = model(NormalInverseGamma::default(), Method::exact(), 0.1);
        let found = table(&learner, &array![[0.1], [f64::NAN], [0.3]]);
        assert_eq!(found.observed, [true, false, true]);
        assert!(found.get("shannon_surprise").unwrap()[1].is_nan());
        assert!(found.get("confidence_corrected_surprise").is_none());
        let json = serde_json::to_string(&found).unwrap();
        let back: Regressors = serde_json::from_str(&json).unwrap();
        assert_eq!(back.get("estimate_sd").unwrap(), found.get("estimate_sd").unwrap());
        let leaky = table(&model(Gaussian::default(), Method::Leaky { omega: 0.9 }, 0.1), &array![[0.1], [0.2]]);
        assert!(leaky.get("shannon_surprise").is_none() && leaky.get("squared_prediction_error").is_some());
        assert!(regressors(&learner, Array2::zeros((0, 1)).view(), &RegressorOptions::default()).is_err());
    }

    #[test]
    fn a_block_starts_as_if_it_stood_alone() {
        let simulation = simulate(&Gaussian::default().into(), &0.1.into(), 60, 1).unwrap();
        let learner = model(Gaussian::default(), Method::exact(), 0.1);
        let blocks = Some(Blocks::from_lengths(&[25, 35]).unwrap());
        let options = RegressorOptions { blocks, ..RegressorOptions::default() };
        let both = regressors(&learner, simulation.observations.view(), &options).unwrap();
        let alone = table(&learner, &simulation.observations.slice(ndarray::s![25.., ..]).to_owned());
        for column in &alone.columns {
            assert_eq!(both.get(&column.name).unwrap()[25..], column.values, "{}", column.name);
        }
        assert_eq!((both.block[25], both.trial[25]), (1, 0));
    }

    #[test]
    fn every_family_has_a_table_without_nan() {
        for name in Family::NAMES {
            let family = Family::named(name).unwrap();
            let simulation = simulate(&family, &0.1.into(), 30, 0).unwrap();
            let found = table(&model(family, Method::exact(), 0.1), &simulation.observations);
            for column in &found.columns {
                assert!(column.values.iter().all(|value| !value.is_nan()), "{name}: {}", column.name);
            }
        }
    }
}
