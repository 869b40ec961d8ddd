"""scikit-learn's own checks of an estimator."""

import warnings

import pytest

pytest.importorskip("sklearn", minversion="1.6")

from neuropil.landscape import GradientFlowClassifier, GradientFlowRegressor
from neuropil.surprise import ChangePointLearner
from sklearn.utils.estimator_checks import parametrize_with_checks

#: Checks that a model of a sequence cannot pass, and why.
REASONS = {
    "check_fit1d": "a sequence of numbers is one-dimensional: that is the usual input, not a mistake",
    "check_fit2d_1sample": "one observation is refused, but the sentence speaks of observations, not of samples",
    "check_dtype_object": "an observation that is no number is refused with an InputError, which is a ValueError",
}

with warnings.catch_warnings():
    # neuropil does not need scikit-learn, and therefore does not inherit from its base class
    warnings.filterwarnings("ignore", message=".*does not inherit from", category=UserWarning)
    checks = parametrize_with_checks(
        [ChangePointLearner("multivariate-gaussian")], expected_failed_checks=lambda _: REASONS
    )


@pytest.mark.filterwarnings("ignore:.*does not inherit from:UserWarning")
@checks
def test_scikit_learn_finds_what_it_expects_of_an_estimator(estimator, check):
    check(estimator)


#: scikit-learn's checks are small problems: a short flow is enough. The weight decay makes the minimum sharp, so
#: that a sample with a weight of two and the sample twice end at the same place to many digits.
SHORT = {"hidden": 4, "t_max": 100.0, "tol": 1e-10, "weight_decay": 1e-2}

with warnings.catch_warnings():
    warnings.filterwarnings("ignore", message=".*does not inherit from", category=UserWarning)
    landscape_checks = parametrize_with_checks([GradientFlowRegressor(**SHORT), GradientFlowClassifier(**SHORT)])


@pytest.mark.filterwarnings("ignore:.*does not inherit from:UserWarning")
@pytest.mark.filterwarnings("ignore:not converged:neuropil.ConvergenceWarning")
@landscape_checks
def test_scikit_learn_finds_what_it_expects_of_a_network(estimator, check):
    check(estimator)
