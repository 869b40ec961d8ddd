//! What is observed, and the prior of its parameter.

use clap::Args;
use clap::builder::PossibleValuesParser;
use neuropil_surprise::family::Family;
use serde_json::{Map, Value, json};

use crate::failure::{Failure, Result};

/// The family of the observations and its prior.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Observations and their prior")]
pub(crate) struct FamilyArgs {
    /// What is observed [default: gaussian]
    #[arg(long, value_name = "NAME", value_parser = PossibleValuesParser::new(Family::NAMES))]
    family: Option<String>,
    /// gaussian: known standard deviation, in units of the data [default: 1]
    #[arg(long, value_name = "SD", allow_negative_numbers = true)]
    sigma: Option<f64>,
    /// gaussian, gaussian-unknown-variance: prior mean, in units of the data [default: 0]
    #[arg(long, value_name = "MEAN", allow_negative_numbers = true)]
    prior_mean: Option<f64>,
    /// gaussian: prior standard deviation of the mean, in units of the data [default: 1]
    #[arg(long, value_name = "SD", allow_negative_numbers = true)]
    prior_sd: Option<f64>,
    /// gaussian-unknown-variance: observations that the prior mean is worth [default: 1]
    #[arg(long, value_name = "K", allow_negative_numbers = true)]
    prior_k: Option<f64>,
    /// gaussian-unknown-variance: shape of the inverse gamma prior of the variance [default: 1]
    #[arg(long, value_name = "A", allow_negative_numbers = true)]
    prior_a: Option<f64>,
    /// gaussian-unknown-variance: scale of the inverse gamma prior, in squared units of the data [default: 1]
    #[arg(long, value_name = "B", allow_negative_numbers = true)]
    prior_b: Option<f64>,
    /// bernoulli, binomial, geometric: first parameter of the beta prior of the probability [default: 1]
    #[arg(long, value_name = "A", allow_negative_numbers = true)]
    a: Option<f64>,
    /// bernoulli, binomial, geometric: second parameter of the beta prior of the probability [default: 1]
    #[arg(long, value_name = "B", allow_negative_numbers = true)]
    b: Option<f64>,
    /// binomial: number of trials of each observation
    #[arg(long, value_name = "N")]
    trials: Option<u32>,
    /// categorical, multinomial: weights of the Dirichlet prior, one per category or one for all
    #[arg(long, value_name = "W,...", value_delimiter = ',', allow_negative_numbers = true)]
    alpha: Option<Vec<f64>>,
    /// categorical, multinomial: number of categories, where --alpha is one weight for all [default:
    /// 5 for categorical, the columns for multinomial]
    #[arg(long, value_name = "K")]
    categories: Option<u16>,
    /// poisson, exponential (gamma prior of the rate) or gaussian-known-mean (inverse gamma prior): shape
    #[arg(long, value_name = "SHAPE", allow_negative_numbers = true)]
    shape: Option<f64>,
    /// poisson, exponential: rate of the gamma prior, per unit of the rate of the data
    #[arg(long, value_name = "RATE", allow_negative_numbers = true)]
    rate: Option<f64>,
    /// exponential: known shape of a gamma observation; 1 is the exponential law [default: 1]
    #[arg(long, value_name = "SHAPE", allow_negative_numbers = true)]
    known_shape: Option<f64>,
    /// gaussian-known-mean (one number), multivariate-gaussian (one per column, or one for all): mean [default: 0]
    #[arg(long, value_name = "MEAN,...", value_delimiter = ',', allow_negative_numbers = true)]
    mean: Option<Vec<f64>>,
    /// gaussian-known-mean: scale of the inverse gamma prior, in squared units of the data
    #[arg(long, value_name = "SCALE", allow_negative_numbers = true)]
    scale: Option<f64>,
    /// multivariate-gaussian: observations that the prior mean is worth [default: 1]
    #[arg(long, value_name = "K", allow_negative_numbers = true)]
    mean_weight: Option<f64>,
    /// multivariate-gaussian: degrees of freedom of the covariance [default: columns + 2]
    #[arg(long, value_name = "NU", allow_negative_numbers = true)]
    degrees_of_freedom: Option<f64>,
    /// multivariate-gaussian: scatter matrix: one number (times the unit matrix), the diagonal, or all rows
    #[arg(long, value_name = "S,...", value_delimiter = ',', allow_negative_numbers = true)]
    scatter: Option<Vec<f64>>,
    /// regression: known standard deviation of the noise, in units of the last column [default: 1]
    #[arg(long, value_name = "SD", allow_negative_numbers = true)]
    noise: Option<f64>,
    /// regression, regression-unknown-noise: prior mean of the weights, one per regressor or one for all [default: 0]
    #[arg(long, value_name = "W,...", value_delimiter = ',', allow_negative_numbers = true)]
    weight_mean: Option<Vec<f64>>,
    /// regression: prior covariance of the weights: one number (times the unit matrix), the diagonal, or all rows
    #[arg(long, value_name = "C,...", value_delimiter = ',', allow_negative_numbers = true)]
    weight_covariance: Option<Vec<f64>>,
    /// regression-unknown-noise: prior precision of the weights in units of the noise precision, as for the covariance
    #[arg(long, value_name = "P,...", value_delimiter = ',', allow_negative_numbers = true)]
    weight_precision: Option<Vec<f64>>,
    /// regression-unknown-noise: shape of the inverse gamma prior of the noise variance [default: 2]
    #[arg(long, value_name = "SHAPE", allow_negative_numbers = true)]
    noise_shape: Option<f64>,
    /// regression-unknown-noise: scale of that prior, in squared units of the last column [default: 1]
    #[arg(long, value_name = "SCALE", allow_negative_numbers = true)]
    noise_scale: Option<f64>,
}

/// What a parameter looks like for `d` dimensions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Number,
    Vector,
    Matrix,
}

/// The parameters of each family: options are the names of the fields with dashes.
const PARAMETERS: &[(&str, &[(&str, Form)])] = &[
    ("gaussian", &[("sigma", Form::Number), ("prior_mean", Form::Number), ("prior_sd", Form::Number)]),
    (
        "gaussian-unknown-variance",
        &[
            ("prior_mean", Form::Number),
            ("prior_k", Form::Number),
            ("prior_a", Form::Number),
            ("prior_b", Form::Number),
        ],
    ),
    ("gaussian-known-mean", &[("mean", Form::Number), ("shape", Form::Number), ("scale", Form::Number)]),
    ("bernoulli", &[("a", Form::Number), ("b", Form::Number)]),
    ("binomial", &[("trials", Form::Number), ("a", Form::Number), ("b", Form::Number)]),
    ("geometric", &[("a", Form::Number), ("b", Form::Number)]),
    ("categorical", &[("alpha", Form::Vector), ("categories", Form::Number)]),
    ("multinomial", &[("alpha", Form::Vector), ("categories", Form::Number)]),
    ("poisson", &[("shape", Form::Number), ("rate", Form::Number)]),
    ("exponential", &[("known_shape", Form::Number), ("shape", Form::Number), ("rate", Form::Number)]),
    (
        "multivariate-gaussian",
        &[
            ("mean", Form::Vector),
            ("mean_weight", Form::Number),
            ("degrees_of_freedom", Form::Number),
            ("scatter", Form::Matrix),
        ],
    ),
    ("regression", &[("noise", Form::Number), ("weight_mean", Form::Vector), ("weight_covariance", Form::Matrix)]),
    (
        "regression-unknown-noise",
        &[
            ("weight_mean", Form::Vector),
            ("weight_precision", Form::Matrix),
            ("noise_shape", Form::Number),
            ("noise_scale", Form::Number),
        ],
    ),
];

impl FamilyArgs {
    /// The name of the family.
    pub fn name(&self) -> &str {
        self.family.as_deref().unwrap_or("gaussian")
    }

    /// An option of this group that was given, if there is one.
    pub fn given_option(&self) -> Option<String> {
        let parameter = || self.given().first().map(|(field, _)| option(field));
        self.family.as_ref().map(|_| "--family".to_owned()).or_else(parameter)
    }

    /// The family with the given parameters, for observations of this many columns.
    pub fn family(&self, columns: usize) -> Result<Family> {
        let given = self.given();
        let known = PARAMETERS.iter().find(|(name, _)| *name == self.name()).map_or(&[][..], |(_, known)| *known);
        if let Some((stranger, _)) = given.iter().find(|(field, _)| known.iter().all(|(name, _)| name != field)) {
            return Err(self.stranger(stranger, known));
        }
        let default = serde_json::to_value(Family::named(self.name())?).unwrap_or_default();
        let Value::Object(mut fields) = default else {
            return Err(Failure::failed(format!("the family {} cannot be described", self.name())));
        };
        self.set_dimension(&mut fields, columns);
        for (field, form) in known.iter().filter(|(field, _)| *field != "categories") {
            if let Some((_, values)) = given.iter().find(|(name, _)| name == field) {
                let dimension = self.dimension(columns, values.len());
                fields.insert((*field).to_owned(), value_of(field, *form, values, dimension)?);
            }
        }
        let family: Family = serde_json::from_value(Value::Object(fields))
            .map_err(|error| Failure::usage(format!("the parameters of the family {}: {error}", self.name())))?;
        family.validate()?;
        Ok(family)
    }

    /// How many entries a vector has.
    fn dimension(&self, columns: usize, given: usize) -> usize {
        match self.name() {
            "categorical" => self.categories.map_or(given, usize::from),
            "regression" | "regression-unknown-noise" => columns.saturating_sub(1),
            _ => columns,
        }
    }

    /// Gives the vectors of the default prior the dimension of the data.
    fn set_dimension(&self, fields: &mut Map<String, Value>, columns: usize) {
        let unit = |d: usize| -> Value {
            (0..d).map(|i| (0..d).map(|j| f64::from(u8::from(i == j))).collect::<Vec<f64>>()).collect()
        };
        let first = |fields: &Map<String, Value>, name: &str| fields.get(name).map(|list| list[0].clone());
        match self.name() {
            "multivariate-gaussian" => {
                fields.insert("mean".to_owned(), json!(vec![0.0; columns]));
                fields.insert("degrees_of_freedom".to_owned(), json!(columns as f64 + 2.0));
                fields.insert("scatter".to_owned(), unit(columns));
            }
            "regression" | "regression-unknown-noise" => {
                let d = columns.saturating_sub(1);
                let matrix = if self.name() == "regression" { "weight_covariance" } else { "weight_precision" };
                fields.insert("weight_mean".to_owned(), json!(vec![0.0; d]));
                fields.insert(matrix.to_owned(), unit(d));
            }
            "categorical" | "multinomial" => {
                let n = match (self.categories, self.name()) {
                    (Some(n), _) => usize::from(n),
                    (None, "multinomial") => columns,
                    (None, _) => return,
                };
                if let Some(weight) = first(fields, "alpha") {
                    fields.insert("alpha".to_owned(), json!(vec![weight; n]));
                }
            }
            _ => {}
        }
    }

    fn stranger(&self, field: &str, known: &[(&str, Form)]) -> Failure {
        let owners: Vec<&str> = PARAMETERS
            .iter()
            .filter(|(_, fields)| fields.iter().any(|(name, _)| *name == field))
            .map(|(family, _)| *family)
            .collect();
        let own: Vec<String> = known.iter().map(|(name, _)| option(name)).collect();
        Failure::usage(format!(
            "{} belongs to the family {}, but the family is {}",
            option(field),
            owners.join(" or "),
            self.name()
        ))
        .hint(format!("{} takes {}", self.name(), own.join(", ")))
    }

    /// The parameters that were given, by the name of their field.
    fn given(&self) -> Vec<(&'static str, Vec<f64>)> {
        let one = |value: Option<f64>| value.map(|value| vec![value]);
        [
            ("sigma", one(self.sigma)),
            ("prior_mean", one(self.prior_mean)),
            ("prior_sd", one(self.prior_sd)),
            ("prior_k", one(self.prior_k)),
            ("prior_a", one(self.prior_a)),
            ("prior_b", one(self.prior_b)),
            ("a", one(self.a)),
            ("b", one(self.b)),
            ("trials", one(self.trials.map(f64::from))),
            ("alpha", self.alpha.clone()),
            ("categories", one(self.categories.map(f64::from))),
            ("shape", one(self.shape)),
            ("rate", one(self.rate)),
            ("known_shape", one(self.known_shape)),
            ("mean", self.mean.clone()),
            ("scale", one(self.scale)),
            ("mean_weight", one(self.mean_weight)),
            ("degrees_of_freedom", one(self.degrees_of_freedom)),
            ("scatter", self.scatter.clone()),
            ("noise", one(self.noise)),
            ("weight_mean", self.weight_mean.clone()),
            ("weight_covariance", self.weight_covariance.clone()),
            ("weight_precision", self.weight_precision.clone()),
            ("noise_shape", one(self.noise_shape)),
            ("noise_scale", one(self.noise_scale)),
        ]
        .into_iter()
        .filter_map(|(name, values)| values.map(|values| (name, values)))
        .collect()
    }
}

fn option(field: &str) -> String {
    format!("--{}", field.replace('_', "-"))
}

fn value_of(field: &str, form: Form, values: &[f64], d: usize) -> Result<Value> {
    let wrong = |wanted: String| {
        Failure::usage(format!("{} needs {wanted}, but {} values were given", option(field), values.len()))
    };
    if let Some(value) = values.iter().find(|value| !value.is_finite()) {
        return Err(Failure::usage(format!("{} must be a finite number, got {value}", option(field))));
    }
    match (form, values) {
        (Form::Number, [value]) if field == "trials" => Ok(json!(*value as u64)),
        (Form::Number, [value]) => Ok(json!(value)),
        (Form::Number, _) => Err(wrong("one number".to_owned())),
        (Form::Vector, [value]) => Ok(json!(vec![*value; d])),
        (Form::Vector, values) if values.len() == d => Ok(json!(values)),
        (Form::Vector, _) => Err(wrong(format!("one number or {d}"))),
        (Form::Matrix, values) => {
            let row = |i: usize| -> Vec<f64> {
                (0..d)
                    .map(|j| match values.len() {
                        1 if i == j => values[0],
                        n if n == d && i == j => values[i],
                        n if n == d * d && d > 1 => values[i * d + j],
                        _ => 0.0,
                    })
                    .collect()
            };
            if [1, d, d * d].contains(&values.len()) {
                Ok((0..d).map(row).collect())
            } else {
                Err(wrong(format!("1, {d} or {} numbers", d * d)))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_family_has_its_options() {
        for name in Family::NAMES {
            assert!(PARAMETERS.iter().any(|(family, _)| family == name), "no options for {name}");
            let family = serde_json::to_value(Family::named(name).unwrap()).unwrap();
            let fields = PARAMETERS.iter().find(|(family, _)| family == name).unwrap().1;
            for field in family.as_object().unwrap().keys().filter(|field| *field != "name") {
                assert!(fields.iter().any(|(known, _)| known == field), "{name}: no option for {field}");
            }
        }
    }
}
