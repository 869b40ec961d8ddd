//! Fitting a subject: a belief model, a response model, and the parameters of both that are free.
//!
//! The log likelihood of the responses given the observations is maximised over the free parameters by the simplex
//! method from several starts. Every free parameter has bounds; the search runs in an unbounded coordinate `z`, the
//! logit of the position of the parameter (or of its logarithm) between its bounds, so that the belief model is never
//! asked about a value outside them. Standard errors come from the observed information in `z` by the delta method;
//! intervals are symmetric in `z`, so they stay inside the bounds.

use ndarray::{Array1, Array2};
use neuropil_core::progress::Monitor;
use neuropil_core::provenance::{Fingerprint, Provenance};
use neuropil_core::random::Seed;
use rand_distr::{Distribution, StandardNormal};
use serde::{Deserialize, Serialize};

use crate::blocks::Blocks;
use crate::error::{Error, Result};
use crate::family::{CholeskyFactor, ConjugateFamily, for_family};
use crate::filter::Outputs;
use crate::free_parameter::FreeParameter;
use crate::model::{ChangePointLearner, FilterOptions};
use crate::parameter;
use crate::response::{ResponseModel, Timing};
use crate::simplex::{Minimum, Tolerance, hessian, minimise};

/// A belief model, a response model and what is free.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SubjectModel {
    /// How the subject learns; parameters that are not free keep their values.
    pub learner: ChangePointLearner,
    /// How it responds; parameters that are not free keep their values.
    pub response: ResponseModel,
    /// Whether it responds before or after the observation of the trial.
    #[serde(default)]
    pub timing: Timing,
    /// The free parameters of both.
    pub free: Vec<FreeParameter>,
}

impl SubjectModel {
    /// Checks the parameters, the names and the bounds.
    ///
    /// # Errors
    /// Names the parameter, or lists those that exist.
    pub fn validate(&self) -> Result<()> {
        self.learner.validate()?;
        self.response.validate(&self.learner.family)?;
        if self.free.is_empty() {
            return Err(Error::parameter("the list of free parameters", "empty", "at least one name"));
        }
        for (index, free) in self.free.iter().enumerate() {
            free.validate()?;
            if self.free[..index].iter().any(|other| other.name == free.name) {
                return Err(Error::parameter("a free parameter", format!("\"{}\" twice", free.name), "named once"));
            }
        }
        for corner in [0.0, 0.5, 1.0] {
            let values: Vec<f64> = self.free.iter().map(|free| free.at_share(corner)).collect();
            let (learner, response) = self.with(&values)?;
            learner.validate()?;
            response.validate(&learner.family)?;
        }
        Ok(())
    }

    /// The learner and the response model with these values of the free parameters, in their order.
    ///
    /// # Errors
    /// When a name does not exist.
    pub fn with(&self, values: &[f64]) -> Result<(ChangePointLearner, ResponseModel)> {
        let (mut learner, mut response) = (self.learner.clone(), self.response);
        for (free, &value) in self.free.iter().zip(values) {
            if !response.set(&free.name, value) {
                learner = parameter::with(&learner, &free.name, value).map_err(|_| {
                    let mut names = parameter::names(&learner);
                    names.extend(response.names().map(str::to_owned));
                    let allowed = format!("one of {}", names.join(", "));
                    Error::parameter("a free parameter", format!("\"{}\"", free.name), allowed)
                })?;
            }
        }
        Ok((learner, response))
    }

    /// The estimate from which each response is made, `(T, estimate width)`.
    ///
    /// # Errors
    /// As [`ChangePointLearner::filter_with`].
    pub fn estimates(
        &self,
        learner: &ChangePointLearner,
        observations: &Array2<f64>,
        blocks: &Blocks,
    ) -> Result<Array2<f64>> {
        let outputs = Outputs {
            mean: true,
            variance: false,
            bayes_factor_surprise: false,
            shannon_surprise: false,
            run_length: false,
        };
        let options = FilterOptions { outputs, blocks: Some(blocks.clone()), ..FilterOptions::default() };
        let after = learner.filter_with(observations.view(), &options)?.mean.unwrap_or_default();
        if self.timing == Timing::After {
            return Ok(after);
        }
        let mut first = vec![0.0; after.ncols()];
        for_family!(&learner.family, family => family.mean(&family.prior(), &mut first));
        let mut before = Array2::zeros(after.dim());
        for range in blocks.ranges() {
            for t in range.clone() {
                for d in 0..first.len() {
                    before[[t, d]] = if t == range.start { first[d] } else { after[[t - 1, d]] };
                }
            }
        }
        Ok(before)
    }

    /// Log likelihood of the responses of a subject at these values of the free parameters, in nats.
    ///
    /// # Errors
    /// When a value is out of the range of the model.
    pub fn log_likelihood(&self, values: &[f64], data: &SubjectData) -> Result<f64> {
        let (learner, response) = self.with(values)?;
        let estimates = self.estimates(&learner, &data.observations, &data.blocks)?;
        let mut sum = 0.0;
        for (estimate, &observed) in estimates.outer_iter().zip(&data.responses) {
            if !observed.is_nan() {
                sum += response.log_density(&estimate.to_vec(), observed);
            }
        }
        Ok(sum)
    }

    /// Draws the responses of a subject with these values of the free parameters.
    ///
    /// # Errors
    /// When a value is out of the range of the model.
    pub fn simulate_responses(
        &self,
        values: &[f64],
        observations: &Array2<f64>,
        blocks: &Blocks,
        seed: Seed,
    ) -> Result<Array1<f64>> {
        let (learner, response) = self.with(values)?;
        let estimates = self.estimates(&learner, observations, blocks)?;
        let mut stream = seed.child("responses").stream();
        Ok(estimates.outer_iter().map(|estimate| response.sample(&estimate.to_vec(), &mut stream)).collect())
    }
}

/// What one subject saw and did.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SubjectData {
    /// Name of the subject.
    pub subject: String,
    /// Observations, rows = trials; NaN where missing.
    pub observations: Array2<f64>,
    /// Responses, one per trial; NaN where missing.
    pub responses: Array1<f64>,
    /// Where blocks start: the belief starts from the prior in each.
    pub blocks: Blocks,
}

impl SubjectData {
    fn validate(&self, model: &SubjectModel) -> Result<()> {
        let n = self.observations.nrows();
        self.blocks.check_length(n)?;
        if self.responses.len() != n {
            return Err(Error::Shape {
                what: format!("responses of subject {}", self.subject),
                expected: format!("{n}, one per observation"),
                got: self.responses.len().to_string(),
            });
        }
        for (trial, &response) in self.responses.iter().enumerate() {
            model.response.check(&model.learner.family, trial, response)?;
        }
        let (needed, got) = (model.free.len(), self.n_responses());
        if got < needed {
            return Err(Error::TooFew { what: "fitting that many free parameters to a subject", needed, got });
        }
        Ok(())
    }

    /// Number of responses that are not missing.
    #[must_use]
    pub fn n_responses(&self) -> usize {
        self.responses.iter().filter(|response| !response.is_nan()).count()
    }
}

/// How a subject is fitted.
#[derive(Debug, Clone)]
pub struct FitOptions {
    /// Number of starts of the search: the middle of the bounds, then random points.
    pub starts: usize,
    /// Most evaluations of the likelihood per start.
    pub evaluations: usize,
    /// Seed of the random starts; the same starts for every subject.
    pub seed: u64,
    /// Progress and cancellation.
    pub monitor: Monitor,
}

impl Default for FitOptions {
    fn default() -> Self {
        Self { starts: 4, evaluations: 2000, seed: 0, monitor: Monitor::silent() }
    }
}

/// A fitted parameter.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Estimate {
    /// Name.
    pub name: String,
    /// Value at the maximum.
    pub value: f64,
    /// Standard error; absent where the likelihood has no curvature.
    pub standard_error: Option<f64>,
    /// 95 % interval; absent with the standard error.
    pub interval: Option<(f64, f64)>,
    /// Whether the value lies within a thousandth of the range from a bound: no trustworthy error there.
    pub at_bound: bool,
}

/// The fit of one subject.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SubjectFit {
    /// Name of the subject.
    pub subject: String,
    /// The free parameters, in their order.
    pub parameters: Vec<Estimate>,
    /// Log likelihood of the responses at the maximum, in nats.
    pub log_likelihood: f64,
    /// Number of responses that are not missing.
    pub n_responses: usize,
    /// Akaike's criterion, `2 k - 2 ln L`.
    pub aic: f64,
    /// Schwarz's criterion, `k ln n - 2 ln L`.
    pub bic: f64,
    /// Whether the best search met its tolerances and the likelihood is curved in every direction there.
    pub converged: bool,
    /// How many starts ended within 0.01 nat of the best one.
    pub agreeing_starts: usize,
    /// Evaluations of the likelihood, all starts together.
    pub evaluations: usize,
    /// Unbounded coordinates of the maximum.
    pub z: Vec<f64>,
    /// Their covariance; absent where the likelihood is not curved.
    pub z_covariance: Option<Vec<Vec<f64>>>,
    /// Version, seed, parameters and a hash of the data.
    pub provenance: Provenance,
}

impl SubjectFit {
    /// The value of a parameter.
    #[must_use]
    pub fn value(&self, name: &str) -> Option<f64> {
        self.parameters.iter().find(|parameter| parameter.name == name).map(|parameter| parameter.value)
    }
}

/// Fits one subject by maximum likelihood.
///
/// # Errors
/// When the model or the data are refused, or when cancelled. A search that does not converge is no error: see
/// [`SubjectFit::converged`].
pub fn fit_subject(model: &SubjectModel, data: &SubjectData, options: &FitOptions) -> Result<SubjectFit> {
    model.validate()?;
    data.validate(model)?;
    if options.starts == 0 {
        return Err(Error::parameter("starts", 0, "at least 1"));
    }
    // The middle of the bounds shows whether the data are acceptable at all.
    let middle: Vec<f64> = model.free.iter().map(|free| free.value(0.0)).collect();
    model.log_likelihood(&middle, data)?;
    let seed = Seed::new(options.seed).child("starts");
    let minima: Vec<Minimum> = (0..options.starts)
        .map(|start| {
            let mut stream = seed.index(start as u64).stream();
            let point: Vec<f64> = model
                .free
                .iter()
                .map(|_| {
                    let draw: f64 = StandardNormal.sample(&mut stream);
                    if start == 0 { 0.0 } else { 1.5 * draw }
                })
                .collect();
            search(model, data, &point, None, options)
        })
        .collect();
    options.monitor.check().map_err(|_| Error::Cancelled)?;
    let best = (1..minima.len()).fold(0, |best, i| if minima[i].value < minima[best].value { i } else { best });
    let agreeing_starts = minima.iter().filter(|minimum| minimum.value <= minima[best].value + 0.01).count();
    let evaluations = minima.iter().map(|minimum| minimum.evaluations).sum();
    let mut fit = describe(model, data, &minima[best], None);
    options.monitor.check().map_err(|_| Error::Cancelled)?;
    (fit.agreeing_starts, fit.evaluations) = (agreeing_starts, evaluations);
    let values: Vec<f64> = data.observations.iter().chain(&data.responses).copied().collect();
    let starts: Vec<f64> = data.blocks.starts().iter().map(|&start| start as f64).collect();
    let parameters = serde_json::json!({ "model": model, "starts": options.starts });
    fit.provenance =
        Provenance::new(parameters).seed(options.seed).input(Fingerprint::new().numbers(&values).numbers(&starts));
    Ok(fit)
}

/// A normal prior of the unbounded coordinates: mean and variance of each.
pub(crate) type Prior = [(f64, f64)];

fn penalty(prior: Option<&Prior>, z: &[f64]) -> f64 {
    let terms = prior.unwrap_or_default().iter().zip(z);
    terms.map(|((mean, variance), z)| 0.5 * (z - mean).powi(2) / variance).sum()
}

/// Minus the log likelihood, plus the penalty of a prior.
fn cost(model: &SubjectModel, data: &SubjectData, prior: Option<&Prior>, z: &[f64]) -> f64 {
    let values: Vec<f64> = model.free.iter().zip(z).map(|(free, &z)| free.value(z)).collect();
    model.log_likelihood(&values, data).map_or(f64::INFINITY, |value| penalty(prior, z) - value)
}

/// One search, restarted once from where it ended so that a collapsed simplex is noticed.
pub(crate) fn search(
    model: &SubjectModel,
    data: &SubjectData,
    start: &[f64],
    prior: Option<&Prior>,
    options: &FitOptions,
) -> Minimum {
    let tolerance = Tolerance { evaluations: options.evaluations, ..Tolerance::default() };
    let cost = |z: &[f64]| {
        // Far out the logistic function is flat: a wall keeps the simplex from drifting to infinity.
        if options.monitor.is_cancelled() || z.iter().any(|z| z.abs() > 12.0) {
            f64::INFINITY
        } else {
            cost(model, data, prior, z)
        }
    };
    let first = minimise(cost, start, 0.75, tolerance);
    let second = minimise(cost, &first.point, 0.1, tolerance);
    Minimum { evaluations: first.evaluations + second.evaluations, ..second }
}

/// The fit at a minimum, with errors from the curvature there.
pub(crate) fn describe(
    model: &SubjectModel,
    data: &SubjectData,
    minimum: &Minimum,
    prior: Option<&Prior>,
) -> SubjectFit {
    const STEP: f64 = 5e-3;
    const NORMAL_QUANTILE: f64 = 1.959_963_984_540_054;
    const FLAT: f64 = 6.9;
    let z = &minimum.point;
    let information = hessian(|z| cost(model, data, prior, z), z, STEP);
    let covariance = CholeskyFactor::of("information", &information, z.len()).ok().map(|factor| factor.inverse(1.0));
    let z_covariance = covariance.map(|factor| factor.matrix());
    let parameters = model
        .free
        .iter()
        .enumerate()
        .map(|(i, free)| {
            let deviation = z_covariance.as_ref().map(|rows| rows[i][i].sqrt()).filter(|sd| sd.is_finite());
            Estimate {
                name: free.name.clone(),
                value: free.value(z[i]),
                standard_error: deviation.map(|sd| sd * free.slope(z[i])),
                interval: deviation
                    .map(|sd| (free.value(z[i] - NORMAL_QUANTILE * sd), free.value(z[i] + NORMAL_QUANTILE * sd))),
                at_bound: z[i].abs() > FLAT,
            }
        })
        .collect();
    let log_likelihood = penalty(prior, z) - minimum.value;
    let (k, n) = (z.len() as f64, data.n_responses());
    SubjectFit {
        subject: data.subject.clone(),
        parameters,
        log_likelihood,
        n_responses: n,
        aic: 2.0 * k - 2.0 * log_likelihood,
        bic: k * (n as f64).ln() - 2.0 * log_likelihood,
        converged: minimum.converged && z_covariance.is_some(),
        agreeing_starts: 1,
        evaluations: minimum.evaluations,
        z: z.clone(),
        z_covariance,
        provenance: Provenance::new(serde_json::Value::Null),
    }
}
