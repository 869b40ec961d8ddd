//! Many subjects: one long table in, one fit per subject and a summary of the group out.
//!
//! [`fit_subjects`] pools nothing: a subject gives the same bits alone or in a group, on any number of threads.
//! [`fit_hierarchical`] shrinks: the unbounded coordinates of the subjects are drawn from a normal law per parameter
//! whose mean and variance are learned by expectation maximisation, with a Laplace approximation around each subject's
//! maximum a posteriori (Huys et al. 2011).

use ndarray::{Array1, Array2, Axis};
use neuropil_core::provenance::{Fingerprint, Provenance};
use neuropil_core::{statistics, threads};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::blocks::Blocks;
use crate::error::{Error, Result};
use crate::subject::{FitOptions, SubjectData, SubjectFit, SubjectModel, describe, fit_subject, search};

/// A long table: one row per trial, in the order in which the subject saw them.
#[derive(Debug, Clone, PartialEq)]
pub struct Trials {
    /// Subject of each trial; the rows of one subject need not be together.
    pub subject: Vec<String>,
    /// Block of each trial; a new block starts where the label changes within a subject.
    pub block: Vec<String>,
    /// Observations, `(rows, observation width)`.
    pub observations: Array2<f64>,
    /// Responses; NaN where missing.
    pub responses: Array1<f64>,
}

impl Trials {
    /// The rows of each subject, subjects in the order in which they appear.
    ///
    /// # Errors
    /// When the columns differ in length or there is no row.
    pub fn subjects(&self) -> Result<Vec<SubjectData>> {
        let n = self.subject.len();
        for (what, got) in [
            ("blocks of the table", self.block.len()),
            ("observations of the table", self.observations.nrows()),
            ("responses of the table", self.responses.len()),
        ] {
            if got != n {
                return Err(Error::Shape {
                    what: what.to_owned(),
                    expected: format!("{n} rows, one per subject label"),
                    got: got.to_string(),
                });
            }
        }
        if n == 0 {
            return Err(Error::TooFew { what: "a table of trials", needed: 1, got: 0 });
        }
        let mut names: Vec<&String> = Vec::new();
        let mut rows: Vec<Vec<usize>> = Vec::new();
        let mut places = std::collections::HashMap::new();
        for (row, name) in self.subject.iter().enumerate() {
            let place = *places.entry(name).or_insert_with(|| {
                names.push(name);
                rows.push(Vec::new());
                names.len() - 1
            });
            rows[place].push(row);
        }
        let data = names.into_iter().zip(rows).map(|(name, rows)| SubjectData {
            subject: name.clone(),
            observations: self.observations.select(Axis(0), &rows),
            responses: self.responses.select(Axis(0), &rows),
            blocks: Blocks::from_labels(&rows.iter().map(|&row| &self.block[row]).collect::<Vec<_>>()),
        });
        Ok(data.collect())
    }
}

/// A parameter across subjects.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// Name.
    pub name: String,
    /// Mean over the subjects.
    pub mean: f64,
    /// Standard deviation over the subjects; absent for one.
    pub sd: Option<f64>,
    /// Standard error of the mean; absent for one.
    pub standard_error: Option<f64>,
    /// Number of subjects.
    pub n: usize,
}

/// The fits of a group.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GroupFit {
    /// One fit per subject, in the order in which they appear in the table.
    pub subjects: Vec<SubjectFit>,
    /// The parameters across all subjects, converged or not.
    pub summary: Vec<Summary>,
    /// Number of subjects whose search converged.
    pub n_converged: usize,
    /// Sum of the log likelihoods, in nats.
    pub log_likelihood: f64,
    /// Version, seed, parameters and a hash of the data.
    pub provenance: Provenance,
}

/// Fits every subject by itself, in parallel.
///
/// # Errors
/// The error of the first subject that is refused, or when cancelled.
pub fn fit_subjects(model: &SubjectModel, trials: &Trials, options: &FitOptions) -> Result<GroupFit> {
    let subjects = trials.subjects()?;
    let fits = fit_each(model, &subjects, options)?;
    Ok(group(model, &subjects, fits, options))
}

fn fit_each(model: &SubjectModel, subjects: &[SubjectData], options: &FitOptions) -> Result<Vec<SubjectFit>> {
    let task = options.monitor.task("fit subjects", subjects.len() as u64);
    let quiet = FitOptions { monitor: options.monitor.quiet(), ..options.clone() };
    threads::install(|| {
        subjects
            .par_iter()
            .map(|data| {
                let fit = fit_subject(model, data, &quiet);
                task.advance(1);
                fit
            })
            .collect()
    })
}

fn group(model: &SubjectModel, data: &[SubjectData], subjects: Vec<SubjectFit>, options: &FitOptions) -> GroupFit {
    let summary = summarise(model, &subjects);
    let fingerprint = data.iter().fold(Fingerprint::new(), |fingerprint, data| {
        let values: Vec<f64> = data.observations.iter().chain(&data.responses).copied().collect();
        fingerprint.text(&data.subject).numbers(&values)
    });
    let parameters = serde_json::json!({ "model": model, "starts": options.starts });
    GroupFit {
        summary,
        n_converged: subjects.iter().filter(|fit| fit.converged).count(),
        log_likelihood: subjects.iter().map(|fit| fit.log_likelihood).sum(),
        subjects,
        provenance: Provenance::new(parameters).seed(options.seed).input(fingerprint),
    }
}

fn summarise(model: &SubjectModel, subjects: &[SubjectFit]) -> Vec<Summary> {
    let columns = model.free.iter().enumerate().map(|(i, free)| {
        let values: Vec<f64> = subjects.iter().map(|fit| fit.parameters[i].value).collect();
        Summary {
            name: free.name.clone(),
            mean: statistics::mean(&values).unwrap_or_default(),
            sd: statistics::standard_deviation(&values),
            standard_error: statistics::standard_error(&values),
            n: values.len(),
        }
    });
    columns.collect()
}

/// The group law of one parameter.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GroupLaw {
    /// Name.
    pub name: String,
    /// Mean of the unbounded coordinate over the group.
    pub z_mean: f64,
    /// Standard deviation of the unbounded coordinate over the group.
    pub z_sd: f64,
    /// The parameter at the mean coordinate: the typical subject (the median of the group law).
    pub typical: f64,
}

/// A hierarchical fit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HierarchicalFit {
    /// The law of each parameter in the group.
    pub laws: Vec<GroupLaw>,
    /// Maximum a posteriori fits; their log likelihood is that of the data alone.
    pub subjects: Vec<SubjectFit>,
    /// Rounds of expectation maximisation.
    pub rounds: usize,
    /// Whether the group law stopped moving before the rounds ran out.
    pub converged: bool,
    /// Version, seed, parameters and a hash of the data.
    pub provenance: Provenance,
}

/// Fits a group with shrinkage: subjects with little information move towards the group.
///
/// # Errors
/// As [`fit_subjects`], and when there are fewer than three subjects.
pub fn fit_hierarchical(model: &SubjectModel, trials: &Trials, options: &FitOptions) -> Result<HierarchicalFit> {
    const ROUNDS: usize = 50;
    const TOLERANCE: f64 = 1e-3;
    /// A group that agrees to within this variance of `z` is one subject.
    const SMALLEST_VARIANCE: f64 = 1e-4;
    let subjects = trials.subjects()?;
    if subjects.len() < 3 {
        return Err(Error::parameter("the number of subjects", subjects.len(), "at least 3 for a hierarchical fit"));
    }
    let alone = fit_each(model, &subjects, options)?;
    let k = model.free.len();
    let mut prior: Vec<(f64, f64)> = (0..k)
        .map(|i| {
            let z: Vec<f64> = alone.iter().map(|fit| fit.z[i].clamp(-5.0, 5.0)).collect();
            (statistics::mean(&z).unwrap_or_default(), statistics::variance(&z).unwrap_or(1.0) + 0.1)
        })
        .collect();
    let mut fits = alone;
    let (mut rounds, mut converged) = (0, false);
    let task = options.monitor.task("hierarchical fit", ROUNDS as u64);
    while rounds < ROUNDS && !converged {
        options.monitor.check().map_err(|_| Error::Cancelled)?;
        fits = threads::install(|| {
            subjects
                .par_iter()
                .zip(&fits)
                .map(|(data, last)| {
                    let start: Vec<f64> = last.z.iter().map(|z| z.clamp(-5.0, 5.0)).collect();
                    let minimum = search(model, data, &start, Some(&prior), options);
                    SubjectFit { provenance: last.provenance.clone(), ..describe(model, data, &minimum, Some(&prior)) }
                })
                .collect()
        });
        let n = fits.len() as f64;
        let next: Vec<(f64, f64)> = (0..k)
            .map(|i| {
                let mean = fits.iter().map(|fit| fit.z[i]).sum::<f64>() / n;
                let spread = fits.iter().map(|fit| {
                    let uncertainty = fit.z_covariance.as_ref().map_or(prior[i].1, |rows| rows[i][i]);
                    (fit.z[i] - mean).powi(2) + uncertainty
                });
                (mean, (spread.sum::<f64>() / n).max(SMALLEST_VARIANCE))
            })
            .collect();
        let moved = |(a, b): (&(f64, f64), &(f64, f64))| (a.0 - b.0).abs().max((a.1.sqrt() - b.1.sqrt()).abs());
        converged = next.iter().zip(&prior).map(moved).fold(0.0, f64::max) < TOLERANCE;
        prior = next;
        rounds += 1;
        task.advance(1);
    }
    options.monitor.check().map_err(|_| Error::Cancelled)?;
    let laws = model.free.iter().zip(&prior).map(|(free, &(mean, variance))| GroupLaw {
        name: free.name.clone(),
        z_mean: mean,
        z_sd: variance.sqrt(),
        typical: free.value(mean),
    });
    let laws = laws.collect();
    let provenance = group(model, &subjects, fits.clone(), options).provenance;
    Ok(HierarchicalFit { laws, subjects: fits, rounds, converged, provenance })
}

#[cfg(test)]
mod tests {
    use neuropil_core::random::Seed;

    use super::*;
    use crate::family::{BetaBernoulli, Gaussian};
    use crate::free_parameter::FreeParameter;
    use crate::method::Method;
    use crate::model::ChangePointLearner;
    use crate::response::{ResponseModel, Timing};
    use crate::simulate::simulate;

    fn model() -> SubjectModel {
        SubjectModel {
            learner: ChangePointLearner {
                method: Method::VarSmile { m: None },
                hazard: 0.1.into(),
                ..ChangePointLearner::new(Gaussian { sigma: 0.5, ..Gaussian::default() })
            },
            response: ResponseModel::Report { response_sd: 0.1, bias: 0.0 },
            timing: Timing::Before,
            free: vec![FreeParameter::named("hazard"), FreeParameter::log("response_sd", 0.01, 10.0)],
        }
    }

    /// A table of subjects with hazards around 0.1 and a report noise of 0.2.
    fn table(model: &SubjectModel, hazards: &[f64], length: usize) -> Trials {
        let mut trials = Trials {
            subject: Vec::new(),
            block: Vec::new(),
            observations: Array2::zeros((0, 1)),
            responses: Array1::zeros(0),
        };
        let mut responses = Vec::new();
        for (index, &hazard) in hazards.iter().enumerate() {
            let simulation = simulate(&model.learner.family, &0.1.into(), length, index as u64).unwrap();
            let blocks = Blocks::from_lengths(&[length / 2, length - length / 2]).unwrap();
            let seed = Seed::new(index as u64);
            let drawn = model.simulate_responses(&[hazard, 0.2], &simulation.observations, &blocks, seed).unwrap();
            for t in 0..length {
                trials.subject.push(format!("s{index}"));
                trials.block.push(if t < length / 2 { "a" } else { "b" }.to_owned());
                trials.observations.push_row(simulation.observations.row(t)).unwrap();
                responses.push(if t % 10 == 3 { f64::NAN } else { drawn[t] });
            }
        }
        trials.responses = responses.into();
        trials
    }

    #[test]
    fn a_subject_is_recovered_with_an_honest_error() {
        let model = model();
        let trials = table(&model, &[0.15], 300);
        let fit = fit_subjects(&model, &trials, &FitOptions::default()).unwrap().subjects.remove(0);
        assert!(fit.converged && fit.agreeing_starts >= 2, "{fit:?}");
        assert_eq!(fit.n_responses, 270);
        for (parameter, truth) in fit.parameters.iter().zip([0.15, 0.2]) {
            let error = parameter.standard_error.unwrap();
            assert!((parameter.value - truth).abs() < 4.0 * error && error < 0.1, "{parameter:?}");
            let (low, high) = parameter.interval.unwrap();
            assert!(low < parameter.value && parameter.value < high);
        }
        // The maximum for sd is known: the root mean square of the residuals.
        assert!((fit.aic - (4.0 - 2.0 * fit.log_likelihood)).abs() < 1e-12);
        assert!(fit.bic > fit.aic);
    }

    #[test]
    fn a_subject_gives_the_same_bits_alone_and_in_a_group() {
        let model = model();
        let trials = table(&model, &[0.05, 0.1, 0.3], 60);
        let options = FitOptions { starts: 2, ..FitOptions::default() };
        let group = fit_subjects(&model, &trials, &options).unwrap();
        for (index, data) in trials.subjects().unwrap().iter().enumerate() {
            assert_eq!(group.subjects[index], fit_subject(&model, data, &options).unwrap());
        }
        let _guard = threads::limited(1);
        assert_eq!(group, fit_subjects(&model, &trials, &options).unwrap());
        assert_eq!(group.summary[0].n, 3);
    }

    #[test]
    fn shrinkage_brings_subjects_together() {
        let model = model();
        let trials = table(&model, &[0.08, 0.1, 0.12, 0.1], 40);
        let options = FitOptions { starts: 1, ..FitOptions::default() };
        let alone = fit_subjects(&model, &trials, &options).unwrap();
        let together = fit_hierarchical(&model, &trials, &options).unwrap();
        let spread =
            |fits: &[SubjectFit]| statistics::variance(&fits.iter().map(|fit| fit.z[0]).collect::<Vec<_>>()).unwrap();
        assert!(spread(&together.subjects) < spread(&alone.subjects));
        for (shrunk, free) in together.subjects.iter().zip(&alone.subjects) {
            assert!(shrunk.log_likelihood <= free.log_likelihood + 1e-6);
        }
        assert!((0.02..0.4).contains(&together.laws[0].typical), "{:?}", together.laws);
    }

    #[test]
    fn choices_of_a_binary_task_are_fitted() {
        let model = SubjectModel {
            learner: ChangePointLearner {
                method: Method::VarSmile { m: None },
                hazard: 0.1.into(),
                ..ChangePointLearner::new(BetaBernoulli::default())
            },
            response: ResponseModel::Choice { inverse_temperature: 4.0, lapse: 0.0 },
            timing: Timing::Before,
            free: vec![FreeParameter::named("inverse_temperature")],
        };
        let simulation = simulate(&model.learner.family, &0.1.into(), 400, 3).unwrap();
        let blocks = Blocks::single(400);
        let responses = model.simulate_responses(&[5.0], &simulation.observations, &blocks, Seed::new(1)).unwrap();
        let data = SubjectData { subject: "a".into(), observations: simulation.observations, responses, blocks };
        let fit = fit_subject(&model, &data, &FitOptions { starts: 2, ..FitOptions::default() }).unwrap();
        let found = &fit.parameters[0];
        assert!((found.value - 5.0).abs() < 4.0 * found.standard_error.unwrap(), "{found:?}");
    }

    #[test]
    fn wrong_names_tables_and_responses_are_refused() {
        let model = model();
        let trials = table(&model, &[0.1], 10);
        let options = FitOptions::default();
        let unknown = SubjectModel { free: vec![FreeParameter::named("omega")], ..model.clone() };
        let message = fit_subjects(&unknown, &trials, &options).unwrap_err().to_string();
        assert!(message.contains("hazard, m, sigma, prior_mean, prior_sd, response_sd, bias"), "{message}");
        let short = Trials { block: vec![], ..trials.clone() };
        assert!(fit_subjects(&model, &short, &options).is_err());
        let silent = Trials { responses: Array1::from_elem(10, f64::NAN), ..trials.clone() };
        assert!(fit_subjects(&model, &silent, &options).is_err());
        assert!(fit_hierarchical(&model, &trials, &options).is_err());
        let out_of_range = SubjectModel { free: vec![FreeParameter::linear("hazard", 0.0, 2.0)], ..model };
        assert!(fit_subjects(&out_of_range, &trials, &options).is_err());
    }
}
