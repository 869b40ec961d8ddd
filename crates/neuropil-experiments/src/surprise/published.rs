//! Numbers that the authors published with their code; `data/README.md` says where each file comes from.

use std::sync::LazyLock;

use super::task::Kind;

static GAUSSIAN_PARAMETERS: LazyLock<Sheet> =
    LazyLock::new(|| Sheet::parse(include_str!("../../data/liakoni2021_gaussian_parameters.csv")));
static CATEGORICAL_PARAMETERS: LazyLock<Sheet> =
    LazyLock::new(|| Sheet::parse(include_str!("../../data/liakoni2021_categorical_parameters.csv")));
static GAUSSIAN_REGRET: LazyLock<Sheet> =
    LazyLock::new(|| Sheet::parse(include_str!("../../data/liakoni2021_gaussian_regret.csv")));
static CATEGORICAL_REGRET: LazyLock<Sheet> =
    LazyLock::new(|| Sheet::parse(include_str!("../../data/liakoni2021_categorical_regret.csv")));
/// Error after a change, sigma = 0.1, hazard 0.1.
pub static AFTER_CHANGE_GAUSSIAN: LazyLock<Sheet> = LazyLock::new(|| {
    Sheet::parse(include_str!("../../../../data/reference/after_change_gaussian_sigma0.1_hazard0.1.csv"))
});
/// Error after a change, sigma = 0.1, hazard 0.01.
pub static AFTER_CHANGE_GAUSSIAN_RARE: LazyLock<Sheet> = LazyLock::new(|| {
    Sheet::parse(include_str!("../../../../data/reference/after_change_gaussian_sigma0.1_hazard0.01.csv"))
});
/// Error after a change, s = 0.14, hazard 0.01.
pub static AFTER_CHANGE_CATEGORICAL: LazyLock<Sheet> = LazyLock::new(|| {
    Sheet::parse(include_str!("../../../../data/reference/after_change_categorical_s0.14_hazard0.01.csv"))
});
/// Regret against the actual hazard, sigma = 0.1, tuned to 0.0412.
pub static ROBUSTNESS_GAUSSIAN: LazyLock<Sheet> = LazyLock::new(|| {
    Sheet::parse(include_str!("../../../../data/reference/robustness_gaussian_sigma0.1_assumed_hazard0.0412.csv"))
});
/// Regret against the actual hazard, s = 0.14, tuned to 0.0041.
pub static ROBUSTNESS_CATEGORICAL: LazyLock<Sheet> =
    LazyLock::new(|| Sheet::parse(include_str!("../../data/liakoni2021_categorical_robustness.csv")));
/// Surprise against the absolute prediction error.
pub static SURPRISE_ERROR: LazyLock<Sheet> =
    LazyLock::new(|| Sheet::parse(include_str!("../../data/liakoni2021_surprise_versus_error.csv")));
/// Shannon surprise against the probability of the observation.
pub static SURPRISE_PROBABILITY: LazyLock<Sheet> =
    LazyLock::new(|| Sheet::parse(include_str!("../../data/liakoni2021_surprise_versus_probability.csv")));

/// A csv file with one header row.
#[derive(Debug)]
pub struct Sheet {
    header: Vec<&'static str>,
    rows: Vec<Vec<&'static str>>,
}

impl Sheet {
    fn parse(text: &'static str) -> Self {
        let mut lines = text.lines().map(|line| line.split(',').collect::<Vec<_>>());
        Self { header: lines.next().unwrap_or_default(), rows: lines.collect() }
    }

    fn index(&self, column: &str) -> Option<usize> {
        self.header.iter().position(|name| *name == column)
    }

    /// A column of numbers; empty if there is no such column.
    pub fn column(&self, column: &str) -> Vec<f64> {
        let Some(index) = self.index(column) else { return Vec::new() };
        self.rows.iter().map(|row| number(row, index).unwrap_or(f64::NAN)).collect()
    }

    /// The number in `column` of the first row of which `matches` approves.
    pub fn find(&self, column: &str, matches: impl Fn(&[&str]) -> bool) -> Option<f64> {
        let index = self.index(column)?;
        self.rows.iter().find(|row| matches(row)).and_then(|row| number(row, index))
    }

    fn at(&self, level: f64, learner: &str, hazard: f64) -> Option<f64> {
        self.find(&format!("hazard_{hazard}"), |row| {
            row[1] == learner && row[0].parse::<f64>().is_ok_and(|value| value == level)
        })
    }
}

fn number(row: &[&str], index: usize) -> Option<f64> {
    row.get(index)?.parse().ok()
}

/// The tuned parameter of a learner at a level of noise and a hazard.
pub fn parameter(kind: Kind, level: f64, learner: &str, hazard: f64) -> Option<f64> {
    match kind {
        Kind::Gaussian => GAUSSIAN_PARAMETERS.at(level, learner, hazard),
        Kind::Categorical => CATEGORICAL_PARAMETERS.at(level, learner, hazard),
    }
}

/// The published mean squared error of `"exact"`, or the regret of another learner.
pub fn regret(kind: Kind, level: f64, learner: &str, hazard: f64) -> Option<f64> {
    match kind {
        Kind::Gaussian => GAUSSIAN_REGRET.at(level, learner, hazard),
        Kind::Categorical => CATEGORICAL_REGRET.at(level, learner, hazard),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_learner_is_tuned_at_every_level_and_hazard() {
        for (kind, learners) in [
            (Kind::Gaussian, &["leaky", "varsmile", "smile", "nassar10", "nassar12"][..]),
            (Kind::Categorical, &["leaky", "varsmile", "smile"][..]),
        ] {
            for &level in kind.levels() {
                for hazard in [0.1, 0.05, 0.01, 0.005, 0.001, 0.0001] {
                    for learner in learners {
                        let value = parameter(kind, level, learner, hazard);
                        assert!(value.is_some_and(|value| value > 0.0), "{kind:?} {level} {learner} {hazard}");
                    }
                }
            }
        }
    }

    #[test]
    fn published_tables_are_found_by_level_learner_and_hazard() {
        assert_eq!(regret(Kind::Gaussian, 1.0, "pf20", 0.05), Some(7.822e-3));
        assert_eq!(regret(Kind::Categorical, 0.14, "exact", 0.0001), Some(5.018e-4));
        assert_eq!(regret(Kind::Gaussian, 0.5, "pf20", 0.05), None);
        assert_eq!(AFTER_CHANGE_GAUSSIAN.column("exact_mean").len(), 10);
        assert_eq!(ROBUSTNESS_GAUSSIAN.column("varsmile_regret").len(), 40);
    }
}
