//! Parameters of a learner by their name: to scan them, to fit them, to recover them.
//!
//! Names are those of the fields: `hazard` (a constant one), `m` (VarSMiLe, SMiLe), `omega` (leaky integrator),
//! `initial_run_length` (the delta rules), and every numeric field of the family (`sigma`, `prior_mean`, `alpha`, ...).
//! A name of a list sets every element of it; `alpha[2]` sets one.

use serde::Deserialize;
use serde_json::Value;

use crate::error::{Error, Result};
use crate::family::Family;
use crate::hazard::Hazard;
use crate::method::Method;
use crate::model::ChangePointLearner;

/// Names of all parameters of a learner that are real numbers.
#[must_use]
pub fn names(model: &ChangePointLearner) -> Vec<String> {
    let mut names = Vec::new();
    if uses_hazard(&model.method) {
        names.push("hazard".to_owned());
    }
    match model.method {
        Method::VarSmile { .. } | Method::Smile { .. } => names.push("m".to_owned()),
        Method::Leaky { .. } => names.push("omega".to_owned()),
        Method::Nassar2010 { .. } | Method::Nassar2012 { .. } => names.push("initial_run_length".to_owned()),
        _ => {}
    }
    if let Value::Object(fields) = family_fields(&model.family) {
        names.extend(fields.into_iter().filter(|(name, value)| name != "name" && is_real(value)).map(|(name, _)| name));
    }
    names
}

/// The learner with one parameter changed; nothing else is touched and the result is not validated.
///
/// # Errors
/// Lists the names when there is no such parameter.
pub fn with(model: &ChangePointLearner, name: &str, value: f64) -> Result<ChangePointLearner> {
    let mut model = model.clone();
    match (name, &mut model.method) {
        ("hazard", _) => model.hazard = Hazard::Constant(value),
        ("m", Method::VarSmile { m } | Method::Smile { m }) => *m = Some(value),
        ("omega", Method::Leaky { omega }) => *omega = value,
        (
            "initial_run_length",
            Method::Nassar2010 { initial_run_length } | Method::Nassar2012 { initial_run_length },
        ) => *initial_run_length = value,
        _ => model.family = family_with(&model, name, value)?,
    }
    Ok(model)
}

/// Whether the method looks at the hazard.
fn uses_hazard(method: &Method) -> bool {
    !matches!(method, Method::Leaky { .. } | Method::VarSmile { m: Some(_) } | Method::Smile { m: Some(_) })
}

fn family_fields(family: &Family) -> Value {
    serde_json::to_value(family).unwrap_or_default()
}

fn is_real(value: &Value) -> bool {
    value.is_f64() || value.as_array().is_some_and(|list| list.iter().all(Value::is_f64))
}

fn unknown(model: &ChangePointLearner, name: &str) -> Error {
    Error::parameter("the parameter", format!("\"{name}\""), format!("one of {}", names(model).join(", ")))
}

fn family_with(model: &ChangePointLearner, name: &str, value: f64) -> Result<Family> {
    let mut fields = family_fields(&model.family);
    let (field, index) = match name.strip_suffix(']').and_then(|name| name.split_once('[')) {
        Some((field, index)) => (field, Some(index.parse::<usize>().map_err(|_| unknown(model, name))?)),
        None => (name, None),
    };
    // JSON has no infinity; such a value could never be valid.
    if !value.is_finite() {
        return Err(Error::parameter(name, value, "finite"));
    }
    match (fields.get_mut(field), index) {
        (Some(slot), None) if slot.is_f64() => *slot = value.into(),
        (Some(Value::Array(list)), None) if list.iter().all(Value::is_f64) && !list.is_empty() => {
            list.iter_mut().for_each(|slot| *slot = value.into());
        }
        (Some(Value::Array(list)), Some(index)) if list.get(index).is_some_and(Value::is_f64) => {
            list[index] = value.into();
        }
        _ => return Err(unknown(model, name)),
    }
    Family::deserialize(fields).map_err(|error| Error::parameter(name, error, "a number of the family"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::family::{DirichletCategorical, Gaussian};

    #[test]
    fn a_parameter_is_set_by_its_name_and_nothing_else_changes() {
        let model = ChangePointLearner::new(Gaussian::default());
        assert_eq!(names(&model), ["hazard", "sigma", "prior_mean", "prior_sd"]);
        let changed = with(&model, "sigma", 0.1 + 0.2).unwrap();
        assert_eq!(changed.family, Gaussian { sigma: 0.1 + 0.2, ..Gaussian::default() }.into());
        assert_eq!(with(&model, "hazard", 0.3).unwrap().hazard, 0.3.into());
        let leaky = ChangePointLearner { method: Method::Leaky { omega: 0.5 }, ..model.clone() };
        assert_eq!(with(&leaky, "omega", 0.25).unwrap().method, Method::Leaky { omega: 0.25 });
        let message = with(&model, "omega", 0.5).unwrap_err().to_string();
        assert!(message.contains("hazard, sigma, prior_mean, prior_sd"), "{message}");
    }

    #[test]
    fn a_list_is_set_as_a_whole_or_at_one_index() {
        let model = ChangePointLearner::new(DirichletCategorical::symmetric(3, 1.0));
        let all = with(&model, "alpha", 0.5).unwrap();
        assert_eq!(all.family, DirichletCategorical::symmetric(3, 0.5).into());
        let one = with(&model, "alpha[1]", 0.5).unwrap();
        assert_eq!(one.family, DirichletCategorical { alpha: vec![1.0, 0.5, 1.0] }.into());
        for wrong in ["alpha[3]", "alpha[x]", "name", "beta"] {
            assert!(with(&model, wrong, 0.5).is_err(), "{wrong}");
        }
    }
}
