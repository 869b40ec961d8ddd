"""Memories from Python: the same numbers as the engine, and the contract of estimators."""

import pickle

import neuropil as npl
import numpy as np
import pytest
from neuropil.memory import (
    DenseAssociativeMemory,
    Hopfield,
    KernelMemory,
    ModernHopfield,
    NearestNeighbor,
    SparseDistributedMemory,
    UniversalHopfield,
)


def points(m, n, seed=0):
    return np.random.default_rng(seed).normal(size=(m, n))


def signs(m, n, seed=0):
    return np.sign(points(m, n, seed))


ALL = [
    (KernelMemory(beta=2.0), points(10, 6)),
    (KernelMemory(kernel="gexp", beta=2.0, r=1.5), points(10, 6)),
    (KernelMemory(kernel="exp", beta=0.1, rule="max-margin"), signs(10, 30)),
    (KernelMemory(kernel="linear", rule="one-shot"), signs(2, 60)),
    (Hopfield(), signs(2, 60)),
    (DenseAssociativeMemory(p=4), signs(5, 60)),
    (ModernHopfield(beta=100.0), points(10, 6) / np.linalg.norm(points(10, 6), axis=1, keepdims=True)),
    (SparseDistributedMemory(n_locations=5000, radius=24, random_state=1), signs(3, 64)),
    (NearestNeighbor(), points(10, 6)),
    (UniversalHopfield(separation="max"), points(10, 6)),
]


@pytest.mark.parametrize(("memory", "x"), ALL, ids=lambda value: type(value).__name__)
class TestEveryMemory:
    def test_recalls_what_it_stored(self, memory, x):
        result = memory.fit(x).recall(x)
        assert result.states.shape == x.shape
        assert np.array_equal(result.nearest, np.arange(len(x)))
        assert np.array_equal(np.asarray(result), result.states)
        assert "Recall" in repr(result)

    def test_is_the_same_after_pickling_and_from_its_file(self, memory, x, tmp_path):
        memory.fit(x)
        file = tmp_path / "memory.npz"
        memory.save(file)
        with pytest.raises(ValueError, match="exists already"):
            memory.save(file)
        for other in (pickle.loads(pickle.dumps(memory)), npl.load(file)):
            assert type(other) is type(memory)
            assert np.array_equal(other.predict(x), memory.predict(x))
        assert pickle.loads(pickle.dumps(type(memory)(**memory.get_params()))).get_params() == memory.get_params()

    def test_stores_parameters_and_nothing_else(self, memory, x):
        copy = type(memory)(**memory.get_params())
        assert copy.get_params() == memory.get_params()
        with pytest.raises(npl.NeuropilError, match="call fit first"):
            copy.recall(x)
        with pytest.raises(ValueError, match="has no parameter"):
            copy.set_params(colour="red")

    def test_refuses_cues_of_another_width_and_nan(self, memory, x):
        memory.fit(x)
        with pytest.raises(ValueError, match="columns"):
            memory.recall(np.ones((2, x.shape[1] + 1)))
        broken = x.copy()
        broken[1, 2] = np.nan
        with pytest.raises(ValueError, match=r"\[1, 2\]"):
            memory.fit(broken)


def test_one_word_makes_attention_exact():
    x, noise = points(40, 8, 1), points(40, 8, 2)
    x /= np.linalg.norm(x, axis=1, keepdims=True)
    attention, exact = (memory(beta=4.0).fit(x) for memory in (ModernHopfield, KernelMemory))
    assert np.abs(attention.predict(x) - x).max() > 0.1
    assert np.abs(exact.predict(x) - x).max() < 1e-10
    assert attention.recall(x + 0.01 * noise).states.shape == exact.recall(x + 0.01 * noise).states.shape


def test_the_known_half_brings_back_the_unknown_one():
    images = npl.data.example("digits")["images"]
    x = images[:200].reshape(200, 64) / 16
    memory = KernelMemory(kernel="gexp", beta=2, r=0.4).fit(x)
    half = x.copy()
    half[:, 32:] = np.nan
    assert memory.score(half, x) > 0.95
    nothing = np.full((1, 64), np.nan)
    with pytest.raises(ValueError, match="every entry of it is unknown"):
        memory.recall(nothing)
    with pytest.raises(ValueError, match=r"\[0, 32\]"):
        ModernHopfield(beta=4.0).fit(x).recall(half)


def test_one_number_for_each_pattern_may_have_one_dimension():
    x, y = points(8, 3), np.arange(8.0)
    memory = KernelMemory(kernel="gexp", beta=2, r=1.0, normalize=False)
    assert np.allclose(memory.fit(x, y).predict(x)[:, 0], y)
    assert np.array_equal(memory.dual_coef_, memory.fit(x, y[:, None]).dual_coef_)


def test_interpolation_is_kernel_ridge_regression():
    x, y, cue = points(20, 4, 3), points(20, 3, 4), points(5, 4, 5)

    def gram(a, b):
        return np.exp(-((a[:, None] - b[None]) ** 2).sum(-1) / 1.2**2)

    for ridge in (0.0, 0.3):
        memory = KernelMemory(kernel="gexp", beta=2, r=1.2, normalize=False, ridge=ridge).fit(x, y)
        expected = gram(cue, x) @ np.linalg.solve(gram(x, x) + ridge * np.eye(20), y)
        assert np.allclose(memory.predict(cue), expected, rtol=1e-9, atol=1e-12)
    assert np.isclose(memory.kernel_matrix_cond_, np.linalg.cond(gram(x, x) + 0.3 * np.eye(20)), rtol=1e-6)


def test_margin_with_bias_is_a_support_vector_machine():
    svm = pytest.importorskip("sklearn.svm")
    x, y = signs(40, 60, 6), signs(40, 5, 7)
    memory = KernelMemory(kernel="linear", rule="max-margin", bias=True).fit(x, y)
    gram = x @ x.T / 60
    for i in range(5):
        peer = svm.SVC(kernel="precomputed", C=1e10, tol=1e-8).fit(gram, y[:, i])
        coefficients = np.zeros(40)
        coefficients[peer.support_] = peer.dual_coef_[0]
        assert np.allclose(memory.dual_coef_[:, i], coefficients, atol=1e-5 * np.abs(coefficients).max())
        assert np.isclose(memory.intercept_[i], peer.intercept_[0], atol=1e-5)
    assert np.allclose(memory.margins_, 1 / np.sqrt(np.abs(memory.dual_coef_).sum(0)), rtol=1e-6)


def test_the_ball_kernel_is_the_incomplete_beta_function():
    special = pytest.importorskip("scipy.special")
    x, cue = points(6, 5, 8), points(4, 5, 9)
    memory = KernelMemory(kernel="ball", r=3.0, rule="one-shot", state="real", normalize=False).fit(x, np.eye(6))
    tau = np.linalg.norm(cue[:, None] - x[None], axis=-1) / 6.0
    expected = np.where(tau < 1, special.betainc(3.0, 0.5, 1 - np.minimum(tau, 1) ** 2), 0)
    assert np.allclose(memory.predict(cue), expected, atol=1e-12)


def test_partial_fit_and_forget_equal_fitting_again():
    x = points(12, 4, 10)
    for parameters in ({}, {"normalize": False}, {"normalize": False, "center": True}):
        grown = KernelMemory(kernel="gexp", beta=2, r=1.0, **parameters).fit(x[:9])
        grown.partial_fit(x[9:]).forget(2)
        whole = KernelMemory(kernel="gexp", beta=2, r=1.0, **parameters).fit(np.delete(x, 2, axis=0))
        assert np.allclose(grown.dual_coef_, whole.dual_coef_, atol=1e-9)
        assert grown.novelty_.shape == (3,)
    with pytest.raises(ValueError, match="stored already"):
        grown.partial_fit(x[0])


def test_what_is_measured_of_a_memory():
    x = points(10, 4, 11)
    memory = KernelMemory(kernel="gexp", beta=2, r="auto", normalize=False).fit(x)
    assert memory.r_ > 0
    assert (memory.spectral_radius() < 1).all()
    assert memory.basin_radius(n_directions=3).shape == (10, 3)
    assert memory.leave_one_out_errors().shape == (10, 4)
    binary = KernelMemory(kernel="poly", degree=3, rule="max-margin", exclude_self=False).fit(signs(6, 12))
    assert np.allclose(binary.order_shares().sum(1), 1)
    assert np.allclose(binary.walsh_shares().sum(1), 1)


def test_more_patterns_than_a_gram_matrix():
    x = points(500, 3, 12)
    exact = KernelMemory(kernel="gexp", beta=2, r=0.1, normalize=False).fit(x)
    sparse = KernelMemory(kernel="gexp", beta=2, r=0.1, normalize=False, sparse=True).fit(x)
    assert np.allclose(exact.dual_coef_, sparse.dual_coef_, atol=1e-7)
    box = np.random.default_rng(12).random((500, 3))
    few = KernelMemory(kernel="gexp", beta=2, r=0.8, ridge=1e-8, n_inducing=60).fit(box)
    assert few.patterns_.shape == (60, 3)
    assert few.report_["residual"] < 0.02


def test_a_sequence_is_replayed():
    x = signs(6, 40, 13)
    memory = KernelMemory(beta=0.1, rule="max-margin", sequence=True).fit(x)
    assert np.array_equal(memory.predict(x[:-1]), x[1:])


def test_neurons_without_solution_warn():
    x = np.array([[1, 1], [1, -1], [-1, 1], [-1, -1]])
    with pytest.warns(npl.ConvergenceWarning, match="do not store all patterns"):
        memory = KernelMemory(kernel="linear", rule="max-margin").fit(x, [[1], [-1], [-1], [1]])
    assert memory.status_ == ["not_separable"]


def test_theory_has_the_known_numbers():
    memory = npl.memory
    assert np.isclose(memory.gardner_capacity(0.5), 0.961205, atol=1e-6)
    assert np.allclose(memory.gardner_kappa([0.5, 1.0]), [1.0343141, 0.4706554], atol=1e-6)
    assert memory.cover_probability(20, 10) == pytest.approx(0.5)
    assert (memory.sdm_overlap(10, 3) * 1024)[:3].tolist() == [176, 92, 92]
    assert memory.feature_dimension("ipoly", 8, degree=2) == 37


def test_curves_fall_with_noise_and_with_load():
    memory = KernelMemory(kernel="linear", rule="max-margin").fit(signs(20, 100, 14))
    curve = npl.memory.recall_curve(memory, levels=[0.0, 0.1, 0.4], n_cues=60)
    assert curve.restored[0] == 1.0
    assert curve.restored[-1] < 0.5
    assert (curve.low <= curve.restored).all()
    load = npl.memory.capacity_curve(Hopfield(), n_neurons=50, n_patterns=[2, 40], n_trials=3)
    assert load.restored[0] > load.restored[1]


def test_the_names_of_wrong_options_are_listed():
    x = points(4, 3)
    for memory, message in [
        (KernelMemory(kernel="rbf"), "kernel must be one of"),
        (KernelMemory(rule="svm"), "rule must be one of"),
        (KernelMemory(r="large", kernel="gexp"), "r must be a number"),
        (KernelMemory(state="spin"), "state must be"),
        (ModernHopfield(similarity="cosine"), "similarity must be"),
        (DenseAssociativeMemory(interaction="cubic"), "interaction must be"),
        (KernelMemory(kernel="gexp", r=-1.0), "radius is -1"),
    ]:
        with pytest.raises(ValueError, match=message):
            memory.fit(x)
    with pytest.raises(ValueError, match="update must be"):
        KernelMemory().fit(x).recall(x, update="random")


def test_scikit_learn_clones_a_memory():
    base = pytest.importorskip("sklearn.base")
    for memory, x in ALL:
        clone = base.clone(memory)
        assert clone.get_params() == memory.get_params()
        assert clone.fit(x).score(x) >= 0.0


def test_pictures_of_memories():
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("Agg")
    memory = KernelMemory(beta=2.0).fit(points(5, 9))
    result = memory.recall(points(3, 9, 1))
    axes = npl.plot.recall_strip(points(3, 9, 1), result, truth=memory.patterns_[:3], shape=(3, 3))
    assert len(axes.images) == 1
    curve = npl.memory.recall_curve(memory, noise="gaussian", levels=[0.0, 0.1], n_cues=5)
    assert npl.plot.recall_curve(curve, label="kernel memory").get_xlabel()
    load = npl.memory.capacity_curve(Hopfield(), n_neurons=20, n_patterns=[2, 4], n_trials=1)
    assert npl.plot.capacity_curve(load).get_xlabel() == "load M / N"
    shared = KernelMemory(kernel="poly", rule="max-margin", exclude_self=False).fit(signs(4, 9))
    assert npl.plot.shares(shared.order_shares()).patches


def test_measures_refuse_memories_that_they_are_not_defined_for():
    own = KernelMemory(kernel="poly", rule="max-margin").fit(signs(4, 9))
    with pytest.raises(ValueError, match="do not see themselves"):
        own.order_shares()
    with pytest.raises(ValueError, match="do not see themselves"):
        own.walsh_shares()
    with pytest.raises(ValueError, match="auto-associative memories of real states"):
        own.spectral_radius()
    with pytest.raises(ValueError, match="cusp"):
        KernelMemory(kernel="ball", r=1.0).fit(points(1, 10)).spectral_radius()


def test_pairs_as_wide_as_their_inputs_are_answered_in_one_step():
    x, y = signs(5, 40, 20), signs(5, 40, 21)
    memory = KernelMemory(kernel="linear", rule="max-margin").fit(x, y)
    recalled = memory.recall(x)
    assert (recalled.states == y).all()
    assert recalled.n_steps.tolist() == [1] * 5
    attention = ModernHopfield(beta=5.0).fit(x, y).recall(x)
    assert np.allclose(attention.states, y, atol=1e-6)
    assert attention.energy is None


def test_the_training_error_is_that_of_the_answers():
    x = signs(100, 50, 22)
    with pytest.warns(npl.ConvergenceWarning, match="50 of 50 neurons do not store all patterns"):
        memory = KernelMemory(kernel="linear", rule="one-shot").fit(x)
    assert memory.training_error_ == pytest.approx(np.mean(memory.predict(x) != x), abs=0.02)
    assert memory.training_error_ > 0.1
