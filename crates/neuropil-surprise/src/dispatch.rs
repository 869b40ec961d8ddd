//! One piece of code for whichever family and learner a [`ChangePointLearner`](crate::model::ChangePointLearner) holds.

/// Runs `body` with `family` bound to the concrete family of a model and `make` to a function from a hazard to a
/// fresh learner: `for_learner!(model, family, make => { let mut learner = make(&model.hazard)?; .. })`.
macro_rules! for_learner {
    ($model:expr, $family:ident, $make:ident => $body:expr) => {{
        let model: &$crate::model::ChangePointLearner = $model;
        match &model.family {
            // All methods are defined for this family, two of them only for it.
            $crate::family::Family::Gaussian($family) => {
                let $make = |hazard: &$crate::hazard::Hazard| {
                    model.method.gaussian_learner($family, hazard, model.seed)
                };
                $body
            }
            other => $crate::family::for_family!(other, $family => {
                let $make = |hazard: &$crate::hazard::Hazard| model.method.learner($family, hazard, model.seed);
                $body
            }),
        }
    }};
}
pub(crate) use for_learner;
