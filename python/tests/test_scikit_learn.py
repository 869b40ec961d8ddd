"""scikit-learn's own checks of an estimator."""

import warnings

import pytest

pytest.importorskip("sklearn", minversion="1.6")

from neuropil.landscape import GradientFlowClassifier, GradientFlowRegressor
from neuropil.memory import KernelMemory, ModernHopfield, NearestNeighbor
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


#: scikit-learn's checks of the networks of the landscape room are small problems: a short flow is enough.
SHORT = {"hidden": 4, "t_max": 100.0, "tol": 1e-6}

with warnings.catch_warnings():
    warnings.filterwarnings("ignore", message=".*does not inherit from", category=UserWarning)
    landscape_checks = parametrize_with_checks([GradientFlowRegressor(**SHORT), GradientFlowClassifier(**SHORT)])


@pytest.mark.filterwarnings("ignore:.*does not inherit from:UserWarning")
@pytest.mark.filterwarnings("ignore:not converged:neuropil.ConvergenceWarning")
@landscape_checks
def test_scikit_learn_finds_what_it_expects_of_a_network(estimator, check):
    check(estimator)


#: Checks that a memory cannot pass, and why.
MEMORY_REASONS = {
    "check_fit1d": "a single pattern may have one dimension: it is one row, not a mistake",
    "check_n_features_in_after_fitting": "outputs of `score` are called Y, because they are patterns",
    "check_fit2d_predict1d": "a single cue may have one dimension: it is one row, not a mistake",
    "check_dtype_object": "a value that is no number is refused with an InputError, which is a ValueError",
}

#: And the classical memories.
CLASSICAL_REASONS = {"check_fit_score_takes_y": "pairs are fitted at once; `partial_fit` takes patterns only"}

with warnings.catch_warnings():
    warnings.filterwarnings("ignore", message=".*does not inherit from", category=UserWarning)
    memory_checks = parametrize_with_checks(
        [
            KernelMemory(kernel="gexp", beta=2.0, r=1.0, ridge=0.1, normalize=False),
            ModernHopfield(),
            NearestNeighbor(),
        ],
        expected_failed_checks=lambda memory: (
            MEMORY_REASONS if isinstance(memory, KernelMemory) else MEMORY_REASONS | CLASSICAL_REASONS
        ),
    )


@pytest.mark.filterwarnings("ignore:.*does not inherit from:UserWarning")
@pytest.mark.filterwarnings("ignore::neuropil.ConvergenceWarning")
@memory_checks
def test_scikit_learn_finds_what_it_expects_of_a_memory(estimator, check):
    check(estimator)
