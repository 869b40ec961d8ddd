//! Before an experiment: can its design recover the parameters of a model, and tell models apart?
//!
//! Subjects are simulated (parameters drawn in a range, observations from the task, responses from the model), fitted as
//! real subjects would be, and compared with the truth. Everything is keyed by the seed and the index of the subject:
//! results do not depend on the number of threads.

use ndarray::Array2;
use neuropil_core::provenance::Provenance;
use neuropil_core::random::{Seed, uniform};
use neuropil_core::{statistics, threads};
use rand::Rng;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::blocks::Blocks;
use crate::error::{Error, Result};
use crate::family::Family;
use crate::hazard::Hazard;
use crate::simulate::simulate;
use crate::subject::{FitOptions, SubjectData, SubjectFit, SubjectModel, fit_subject};

/// The task that subjects do.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Task {
    /// What is observed, and how its parameter is drawn at a change.
    pub family: Family,
    /// How often the task changes (not necessarily what subjects assume).
    pub hazard: Hazard,
    /// Trials per block.
    pub trials: usize,
    /// Blocks per subject; each starts anew.
    pub blocks: usize,
}

/// Where the true values of a parameter are drawn: uniformly on the scale of its search.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Range {
    /// Name of a free parameter.
    pub name: String,
    /// Smallest true value.
    pub low: f64,
    /// Largest true value.
    pub high: f64,
}

/// A model with the true values that its subjects have.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Candidate {
    /// Name in tables.
    pub name: String,
    /// The model.
    pub model: SubjectModel,
    /// Ranges of the true values; a free parameter without one is drawn in the middle 80 % of its bounds.
    #[serde(default)]
    pub ranges: Vec<Range>,
}

impl Candidate {
    fn validate(&self, task: &Task) -> Result<()> {
        self.model.validate()?;
        for range in &self.ranges {
            let Some(free) = self.model.free.iter().find(|free| free.name == range.name) else {
                let names: Vec<&str> = self.model.free.iter().map(|free| free.name.as_str()).collect();
                let allowed = format!("for one of the free parameters {}", names.join(", "));
                return Err(Error::parameter("a range of true values", format!("for \"{}\"", range.name), allowed));
            };
            if !(free.lower <= range.low && range.low <= range.high && range.high <= free.upper) {
                let got = format!("{} to {}", range.low, range.high);
                let allowed = format!("inside the bounds {} to {}", free.lower, free.upper);
                return Err(Error::parameter(format!("the range of {}", range.name), got, allowed));
            }
        }
        let (task_width, width) = (task.family.observation_width(), self.model.learner.family.observation_width());
        if task_width != width {
            return Err(Error::Shape {
                what: format!("observations of the task for the model \"{}\"", self.name),
                expected: format!("{width} numbers per trial"),
                got: task_width.to_string(),
            });
        }
        Ok(())
    }

    fn draw(&self, seed: Seed) -> Vec<f64> {
        let mut stream = seed.child("parameters").stream();
        let draws = self.model.free.iter().map(|free| {
            let share = uniform(&mut stream);
            match self.ranges.iter().find(|range| range.name == free.name) {
                Some(range) => {
                    let narrowed =
                        crate::free_parameter::FreeParameter { lower: range.low, upper: range.high, ..free.clone() };
                    narrowed.at_share(share)
                }
                None => free.at_share(0.1 + 0.8 * share),
            }
        });
        draws.collect()
    }

    /// A subject of this model: its true values and its data.
    fn subject(&self, task: &Task, index: usize, seed: Seed) -> Result<(Vec<f64>, SubjectData)> {
        let truth = self.draw(seed);
        let mut observations = Array2::zeros((0, task.family.observation_width()));
        for block in 0..task.blocks {
            let seed = seed.child("block").index(block as u64).stream().next_u64();
            let block = simulate(&task.family, &task.hazard, task.trials, seed)?.observations;
            observations.append(ndarray::Axis(0), block.view()).map_err(|error| Error::Shape {
                what: "blocks of a task".to_owned(),
                expected: "blocks of one width".to_owned(),
                got: error.to_string(),
            })?;
        }
        let blocks = Blocks::from_lengths(&vec![task.trials; task.blocks])?;
        let responses = self.model.simulate_responses(&truth, &observations, &blocks, seed)?;
        let subject = format!("{} {index}", self.name);
        Ok((truth, SubjectData { subject, observations, responses, blocks }))
    }
}

/// No experiment is larger, and no simulation of more comes to an end.
const MOST_SUBJECTS: usize = 1_000_000;
const MOST_TRIALS: usize = 100_000_000;

fn check(task: &Task, candidates: &[Candidate], n_subjects: usize) -> Result<()> {
    if n_subjects < 2 {
        return Err(Error::parameter("n_subjects", n_subjects, "at least 2"));
    }
    if n_subjects > MOST_SUBJECTS {
        return Err(Error::parameter("n_subjects", n_subjects, format!("at most {MOST_SUBJECTS}")));
    }
    if task.blocks == 0 || task.trials == 0 {
        let got = format!("{} blocks of {} trials", task.blocks, task.trials);
        return Err(Error::parameter("the task", got, "at least one block of at least one trial"));
    }
    if task.blocks.checked_mul(task.trials).is_none_or(|trials| trials > MOST_TRIALS) {
        let got = format!("{} blocks of {} trials", task.blocks, task.trials);
        return Err(Error::parameter("the task", got, format!("at most {MOST_TRIALS} trials per subject")));
    }
    task.family.validate()?;
    task.hazard.validate_for(task.trials)?;
    candidates.iter().try_for_each(|candidate| candidate.validate(task))
}

/// How well one parameter is recovered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ParameterRecovery {
    /// Name.
    pub name: String,
    /// True value of each subject.
    pub truth: Vec<f64>,
    /// Fitted value of each subject.
    pub fitted: Vec<f64>,
    /// Pearson's correlation of the two on the scale of the search; absent where one does not vary.
    pub r: Option<f64>,
    /// Mean of fitted minus true.
    pub bias: f64,
    /// Its standard error.
    pub bias_standard_error: f64,
    /// Root mean square of fitted minus true.
    pub rmse: f64,
    /// Share of the 95 % intervals that hold the true value; absent where no subject has an interval.
    pub coverage: Option<f64>,
    /// Number of subjects that have an interval.
    pub n_intervals: usize,
}

/// The result of [`recover`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Recovery {
    /// One entry per free parameter.
    pub parameters: Vec<ParameterRecovery>,
    /// The fits.
    pub fits: Vec<SubjectFit>,
    /// Number of subjects whose search converged.
    pub n_converged: usize,
    /// Version, seed and parameters.
    pub provenance: Provenance,
}

/// Simulates subjects, fits them, and says how the fitted parameters compare with the true ones.
///
/// # Errors
/// When the task, the model or a range is refused, there are fewer than two subjects, or when cancelled.
pub fn recover(
    candidate: &Candidate,
    task: &Task,
    n_subjects: usize,
    seed: u64,
    options: &FitOptions,
) -> Result<Recovery> {
    check(task, std::slice::from_ref(candidate), n_subjects)?;
    let progress = options.monitor.task("recover", n_subjects as u64);
    let quiet = FitOptions { monitor: options.monitor.quiet(), ..options.clone() };
    let root = Seed::new(seed).child("recover");
    let subjects: Vec<(Vec<f64>, SubjectFit)> = threads::install(|| {
        (0..n_subjects)
            .into_par_iter()
            .map(|index| {
                let (truth, data) = candidate.subject(task, index, root.index(index as u64))?;
                let fit = fit_subject(&candidate.model, &data, &quiet)?;
                progress.advance(1);
                Ok((truth, fit))
            })
            .collect::<Result<_>>()
    })?;
    let parameters = (0..candidate.model.free.len()).map(|i| parameter_recovery(candidate, &subjects, i)).collect();
    let fits: Vec<SubjectFit> = subjects.into_iter().map(|(_, fit)| fit).collect();
    Ok(Recovery {
        parameters,
        n_converged: fits.iter().filter(|fit| fit.converged).count(),
        fits,
        provenance: Provenance::new(serde_json::json!({
            "candidate": candidate, "task": task, "n_subjects": n_subjects, "starts": options.starts,
        }))
        .seed(seed),
    })
}

fn parameter_recovery(candidate: &Candidate, subjects: &[(Vec<f64>, SubjectFit)], i: usize) -> ParameterRecovery {
    let free = &candidate.model.free[i];
    let truth: Vec<f64> = subjects.iter().map(|(truth, _)| truth[i]).collect();
    let fitted: Vec<f64> = subjects.iter().map(|(_, fit)| fit.parameters[i].value).collect();
    let errors: Vec<f64> = fitted.iter().zip(&truth).map(|(fitted, truth)| fitted - truth).collect();
    let squares: Vec<f64> = errors.iter().map(|error| error * error).collect();
    let on_scale = |values: &[f64]| -> Vec<f64> {
        match free.scale {
            crate::free_parameter::Scale::Linear => values.to_vec(),
            crate::free_parameter::Scale::Log => values.iter().map(|value| value.ln()).collect(),
        }
    };
    let hits: Vec<f64> = subjects
        .iter()
        .filter_map(|(truth, fit)| {
            let (low, high) = fit.parameters[i].interval?;
            Some(f64::from(u8::from(low <= truth[i] && truth[i] <= high)))
        })
        .collect();
    ParameterRecovery {
        name: free.name.clone(),
        r: statistics::correlation(&on_scale(&truth), &on_scale(&fitted)),
        bias: statistics::mean(&errors).unwrap_or_default(),
        bias_standard_error: statistics::standard_error(&errors).unwrap_or_default(),
        rmse: statistics::mean(&squares).unwrap_or_default().sqrt(),
        coverage: statistics::mean(&hits),
        n_intervals: hits.len(),
        truth,
        fitted,
    }
}

/// How often each model wins on data of each model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Confusion {
    /// Names of the models, in the order of rows and columns.
    pub names: Vec<String>,
    /// Number of simulated subjects of model `row` for which model `column` has the smallest AIC.
    pub by_aic: Array2<usize>,
    /// The same by BIC.
    pub by_bic: Array2<usize>,
    /// Subjects per model.
    pub n_subjects: usize,
    /// Number of fits, of all `models^2 n_subjects`, whose search converged.
    pub n_converged: usize,
    /// Version, seed and parameters.
    pub provenance: Provenance,
}

/// Simulates subjects of every model, fits every model to each, and counts which one the criteria choose.
///
/// # Errors
/// As [`recover`], and with fewer than two models.
pub fn confuse(
    candidates: &[Candidate],
    task: &Task,
    n_subjects: usize,
    seed: u64,
    options: &FitOptions,
) -> Result<Confusion> {
    if candidates.len() < 2 {
        return Err(Error::parameter("the number of models to tell apart", candidates.len(), "at least 2"));
    }
    check(task, candidates, n_subjects)?;
    let k = candidates.len();
    let progress = options.monitor.task("confusion matrix", (k * n_subjects) as u64);
    let quiet = FitOptions { monitor: options.monitor.quiet(), ..options.clone() };
    let root = Seed::new(seed).child("confusion");
    let winners: Vec<(usize, usize, usize)> = threads::install(|| {
        (0..k * n_subjects)
            .into_par_iter()
            .map(|cell| {
                let (row, index) = (cell / n_subjects, cell % n_subjects);
                let seed = root.index(row as u64).index(index as u64);
                let (_, data) = candidates[row].subject(task, index, seed)?;
                let fits = candidates
                    .iter()
                    .map(|candidate| fit_subject(&candidate.model, &data, &quiet))
                    .collect::<Result<Vec<_>>>()?;
                progress.advance(1);
                let smallest = |criterion: &dyn Fn(&SubjectFit) -> f64| {
                    (1..k).fold(0, |best, i| if criterion(&fits[i]) < criterion(&fits[best]) { i } else { best })
                };
                let converged = fits.iter().filter(|fit| fit.converged).count();
                Ok((smallest(&|fit| fit.aic), smallest(&|fit| fit.bic), converged))
            })
            .collect::<Result<_>>()
    })?;
    let (mut by_aic, mut by_bic) = (Array2::zeros((k, k)), Array2::zeros((k, k)));
    for (cell, (aic, bic, _)) in winners.iter().enumerate() {
        by_aic[[cell / n_subjects, *aic]] += 1;
        by_bic[[cell / n_subjects, *bic]] += 1;
    }
    Ok(Confusion {
        names: candidates.iter().map(|candidate| candidate.name.clone()).collect(),
        by_aic,
        by_bic,
        n_subjects,
        n_converged: winners.iter().map(|(_, _, converged)| converged).sum(),
        provenance: Provenance::new(serde_json::json!({
            "candidates": candidates, "task": task, "n_subjects": n_subjects, "starts": options.starts,
        }))
        .seed(seed),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::family::Gaussian;
    use crate::free_parameter::FreeParameter;
    use crate::method::Method;
    use crate::model::ChangePointLearner;
    use crate::response::{ResponseModel, Timing};

    fn candidate(name: &str, method: Method, free: FreeParameter) -> Candidate {
        let family = Gaussian { sigma: 0.5, ..Gaussian::default() };
        Candidate {
            name: name.to_owned(),
            model: SubjectModel {
                learner: ChangePointLearner { method, hazard: 0.1.into(), ..ChangePointLearner::new(family) },
                response: ResponseModel::Report { response_sd: 0.1, bias: 0.0 },
                timing: Timing::Before,
                free: vec![free, FreeParameter::log("response_sd", 0.01, 10.0)],
            },
            ranges: vec![Range { name: "response_sd".to_owned(), low: 0.05, high: 0.3 }],
        }
    }

    fn task(trials: usize) -> Task {
        let family = Gaussian { sigma: 0.5, ..Gaussian::default() }.into();
        Task { family, hazard: 0.1.into(), trials, blocks: 2 }
    }

    fn options() -> FitOptions {
        FitOptions { starts: 2, ..FitOptions::default() }
    }

    #[test]
    fn a_good_design_recovers_its_parameters() {
        let learner = candidate("varsmile", Method::VarSmile { m: None }, FreeParameter::linear("hazard", 0.001, 0.6));
        let recovery = recover(&learner, &task(100), 20, 0, &options()).unwrap();
        for parameter in &recovery.parameters {
            assert!(parameter.r.unwrap() > 0.9, "{parameter:?}");
            assert!(parameter.bias.abs() < 4.0 * parameter.bias_standard_error, "{parameter:?}");
            assert!(parameter.coverage.unwrap() >= 0.8, "{parameter:?}");
        }
        assert!(recovery.n_converged >= 19);
    }

    #[test]
    fn different_learners_are_told_apart_whatever_the_threads() {
        let candidates = [
            candidate("varsmile", Method::VarSmile { m: None }, FreeParameter::linear("hazard", 0.01, 0.3)),
            candidate("leaky", Method::Leaky { omega: 0.5 }, FreeParameter::linear("omega", 0.3, 0.95)),
        ];
        let run = || confuse(&candidates, &task(50), 5, 3, &FitOptions { starts: 1, ..options() }).unwrap();
        let confusion = run();
        for i in 0..2 {
            assert!(confusion.by_aic[[i, i]] >= 4 && confusion.by_bic[[i, i]] >= 4, "{confusion:?}");
        }
        let _guard = threads::limited(1);
        assert_eq!(confusion, run());
    }

    #[test]
    fn impossible_designs_are_refused() {
        let learner = candidate("varsmile", Method::VarSmile { m: None }, FreeParameter::named("hazard"));
        assert!(recover(&learner, &task(0), 5, 0, &options()).is_err());
        assert!(recover(&learner, &task(10), 1, 0, &options()).is_err());
        let outside = Range { name: "hazard".to_owned(), low: 0.1, high: 2.0 };
        assert!(recover(&Candidate { ranges: vec![outside], ..learner.clone() }, &task(10), 5, 0, &options()).is_err());
        let unknown = Range { name: "omega".to_owned(), low: 0.1, high: 0.2 };
        assert!(recover(&Candidate { ranges: vec![unknown], ..learner.clone() }, &task(10), 5, 0, &options()).is_err());
        assert!(confuse(&[learner], &task(10), 5, 0, &options()).is_err());
    }
}
