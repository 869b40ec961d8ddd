//! How a subject responds, and which parameters of it are fitted.

use clap::{Args, ValueEnum};
use neuropil_surprise::free_parameter::FreeParameter;
use neuropil_surprise::method::Method;
use neuropil_surprise::model::ChangePointLearner;
use neuropil_surprise::response::{ResponseModel, Timing};

use crate::failure::{Failure, Result};

/// The response model with the values of its parameters.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Responses")]
pub(crate) struct ResponseArgs {
    /// How the subject responds [default: choice for bernoulli and categorical, otherwise report]
    #[arg(long, value_name = "NAME")]
    pub response_model: Option<ResponseName>,
    /// Before the observation of the trial (a prediction) or after it (an estimate)
    #[arg(long, value_name = "WHEN", default_value = "before")]
    pub timing: TimingArg,
    /// report: standard deviation of the report, in units of the estimate [default: 1]
    #[arg(long, value_name = "SD", allow_negative_numbers = true)]
    pub response_sd: Option<f64>,
    /// report: what is added to the estimate, in its units [default: 0]
    #[arg(long, value_name = "BIAS", allow_negative_numbers = true)]
    pub bias: Option<f64>,
    /// choice: inverse temperature; 0 is guessing [default: 1]
    #[arg(long, value_name = "BETA", allow_negative_numbers = true)]
    pub inverse_temperature: Option<f64>,
    /// choice: probability of a guess, in [0, 1] [default: 0]
    #[arg(long, value_name = "P", allow_negative_numbers = true)]
    pub lapse: Option<f64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ResponseName {
    /// A reported number: the estimate, a bias and normal noise
    Report,
    /// A choice among categories: softmax of their probabilities, with lapses
    Choice,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum TimingArg {
    Before,
    After,
}

impl ResponseArgs {
    /// Whether any option asks for responses.
    pub fn is_given(&self) -> bool {
        self.response_model.is_some() || !self.given().is_empty()
    }

    /// The parameters of the response whose value was given.
    pub fn given(&self) -> Vec<&'static str> {
        [
            ("response_sd", self.response_sd),
            ("bias", self.bias),
            ("inverse_temperature", self.inverse_temperature),
            ("lapse", self.lapse),
        ]
        .into_iter()
        .filter_map(|(name, value)| value.map(|_| name))
        .collect()
    }

    pub fn timing(&self) -> Timing {
        match self.timing {
            TimingArg::Before => Timing::Before,
            TimingArg::After => Timing::After,
        }
    }

    /// The response model for a family, or a refusal of a parameter that it does not have.
    pub fn model(&self, family: &str) -> Result<ResponseModel> {
        let usual =
            if ["bernoulli", "categorical"].contains(&family) { ResponseName::Choice } else { ResponseName::Report };
        let name = self.response_model.unwrap_or(usual);
        let strangers = match name {
            ResponseName::Report => [("--inverse-temperature", self.inverse_temperature), ("--lapse", self.lapse)],
            ResponseName::Choice => [("--response-sd", self.response_sd), ("--bias", self.bias)],
        };
        if let Some((option, _)) = strangers.iter().find(|(_, value)| value.is_some()) {
            let (own, other) = match name {
                ResponseName::Report => ("report", "choice"),
                ResponseName::Choice => ("choice", "report"),
            };
            let message = format!("{option} belongs to the response model {other}, but the response model is {own}");
            return Err(Failure::usage(message).hint(format!("choose it with --response-model {other}")));
        }
        Ok(match name {
            ResponseName::Report => {
                ResponseModel::Report { response_sd: self.response_sd.unwrap_or(1.0), bias: self.bias.unwrap_or(0.0) }
            }
            ResponseName::Choice => ResponseModel::Choice {
                inverse_temperature: self.inverse_temperature.unwrap_or(1.0),
                lapse: self.lapse.unwrap_or(0.0),
            },
        })
    }
}

/// The parameters that are fitted.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Fit")]
pub(crate) struct FreeArgs {
    /// Parameter to fit, or NAME=LOW..HIGH with its bounds; repeat it. Names are those of the options (hazard, m, omega,
    /// sigma, response_sd, ...) [default: what the learner adapts with, and response_sd or inverse_temperature, unless
    /// their value is given]
    #[arg(long, value_name = "NAME", value_delimiter = ',', value_parser = parse_free)]
    pub free: Vec<FreeParameter>,
    /// Starts of the search: the middle of the bounds, then random points
    #[arg(long, value_name = "N", default_value_t = 4)]
    pub starts: usize,
    /// Most evaluations of the likelihood per start
    #[arg(long, value_name = "N", default_value_t = 2000)]
    pub evaluations: usize,
}

impl FreeArgs {
    /// What is free for a learner and a response model. Without a wish of the user these are two parameters, less those
    /// whose value was given.
    pub fn parameters(
        &self,
        learner: &ChangePointLearner,
        response: &ResponseModel,
        given: &[&str],
    ) -> Vec<FreeParameter> {
        if !self.free.is_empty() {
            return self.free.clone();
        }
        let adapts = match learner.method {
            Method::VarSmile { .. } | Method::Smile { .. } => "m",
            Method::Leaky { .. } => "omega",
            _ => "hazard",
        };
        let usual = [adapts, response.names()[0]];
        usual.into_iter().filter(|name| !given.contains(name)).map(FreeParameter::named).collect()
    }
}

/// `NAME` or `NAME=LOW..HIGH`.
pub(crate) fn parse_free(text: &str) -> std::result::Result<FreeParameter, String> {
    let Some((name, bounds)) = text.split_once('=') else {
        return Ok(FreeParameter::named(&text.trim().replace('-', "_")));
    };
    let (low, high) = parse_range(bounds)?;
    Ok(FreeParameter { lower: low, upper: high, ..FreeParameter::named(&name.trim().replace('-', "_")) })
}

/// `LOW..HIGH`.
pub(crate) fn parse_range(text: &str) -> std::result::Result<(f64, f64), String> {
    let numbers = text
        .split_once("..")
        .and_then(|(low, high)| Some((low.trim().parse::<f64>().ok()?, high.trim().parse::<f64>().ok()?)));
    numbers.ok_or_else(|| format!("\"{text}\" is no range; write two numbers as LOW..HIGH, for example 0.01..0.5"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_free_parameter_is_a_name_with_or_without_bounds() {
        assert_eq!(parse_free("response-sd").unwrap(), FreeParameter::named("response_sd"));
        let hazard = parse_free("hazard=0.01..0.5").unwrap();
        assert_eq!((hazard.name.as_str(), hazard.lower, hazard.upper), ("hazard", 0.01, 0.5));
        assert_eq!(parse_range("-2..-1e-3").unwrap(), (-2.0, -1e-3));
        assert!(parse_free("hazard=0.5").unwrap_err().contains("LOW..HIGH"));
    }
}
