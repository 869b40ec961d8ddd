"""Numbers: the exact checks of the room, and what must not depend on how it is called."""

import neuropil as npl
import numpy as np
import pytest
from neuropil.surprise import ChangePointLearner
from numpy.testing import assert_allclose, assert_array_equal

STREAM = [0.5, -0.3, 1.2, 4.0, 3.8]


@pytest.fixture
def exact():
    return ChangePointLearner(hazard=0.1)


def test_the_exact_filter_gives_the_known_numbers(exact):
    result = exact.filter(STREAM)
    assert_allclose(result.mean, [0.25, 0.0462443495, 0.3699683758, 1.4264212193, 2.2662026259], atol=1e-8)
    assert_allclose(
        result.bayes_factor_surprise, [1, 0.9365918323, 0.9370298524, 2.3059700566, 0.1571969289], atol=1e-8
    )
    assert_allclose(
        result.shannon_surprise, [1.3280121235, 1.2288654257, 1.5667889104, 5.9782677435, 3.113301161], atol=1e-8
    )
    assert result.log_evidence == pytest.approx(-13.215235364, abs=1e-8)
    assert result.change_probability[0] == 0
    assert_array_equal(result.change_probability[1:], result.adaptation_rate[1:])
    assert_allclose(result.shannon_surprise_to_base(10), result.shannon_surprise / np.log(10))


def test_the_run_length_posterior_gives_the_known_numbers(exact):
    known = [0.0171664899, 0.4567770262, 0.3263088056, 0.0265714888, 0.1731761896]
    assert_allclose(exact.run_length_posterior(STREAM, longest=5).probability[-1], known, atol=1e-8)
    exact.update_many(STREAM)
    assert_allclose(exact.stream_run_lengths()["probability"][::-1], known, atol=1e-8)


def test_looking_back_gives_the_known_numbers(exact):
    smoothing = exact.smooth(STREAM)
    assert_allclose(
        smoothing.change_probability, [0, 0.0958831332, 0.3736846932, 0.4602783101, 0.0171664899], atol=1e-8
    )
    assert_allclose(smoothing.mean, [0.4558605259, 0.4838961053, 1.2337385234, 2.2580729405, 2.2662026259], atol=1e-8)
    count = exact.change_count(STREAM)
    assert count.mean == pytest.approx(smoothing.expected_changes)
    assert count.probability.sum() == pytest.approx(1.0)
    assert count.quantile(1.0) >= count.quantile(0.5)


@pytest.mark.parametrize(("n", "last"), [(1, 1.5333333333), (2, 2.0015248631), (3, 2.2873980727), (5, 2.2662026259)])
def test_message_passing_gives_the_known_numbers(n, last):
    assert ChangePointLearner(method="mp", n=n, hazard=0.1).filter(STREAM).mean[-1] == pytest.approx(last, abs=1e-8)


@pytest.mark.parametrize(
    ("method", "more", "last"),
    [
        ("varsmile", {"m": 0.1}, 1.7183532093),
        ("nassar10", {}, 1.7483622279),
        ("nassar12", {}, 2.0779281629),
        ("leaky", {"omega": 0.9}, 2.0710971649),
        ("smile", {"m": 0.1}, 2.9406693794),
    ],
)
def test_the_approximate_learners_give_the_known_numbers(method, more, last):
    result = ChangePointLearner(method=method, hazard=0.1, **more).filter(STREAM)
    assert result.mean[-1] == pytest.approx(last, abs=1e-7)


def test_a_leaky_integrator_has_no_surprise():
    result = ChangePointLearner(method="leaky").filter(STREAM)
    assert result.shannon_surprise is None
    assert result.log_evidence is None
    assert result.change_probability is None


@pytest.mark.parametrize(
    "kind", [list, np.array, lambda y: np.array(y, dtype=bool), lambda y: np.array(y, dtype=np.uint8)]
)
def test_bernoulli_gives_the_known_numbers(kind):
    result = ChangePointLearner("bernoulli", hazard=0.2).filter(kind([1, 1, 1, 0, 0, 0, 0, 1]))
    assert result.log_evidence == pytest.approx(-5.6498927057, abs=1e-8)
    assert result.mean[-1] == pytest.approx(0.4877730751, abs=1e-8)


def test_categories_give_the_known_numbers():
    learner = ChangePointLearner("categorical", hazard=0.1, alpha=0.5, categories=3)
    result = learner.filter(np.array([0, 0, 1, 0, 2, 2, 2]))
    assert result.log_evidence == pytest.approx(-7.9765340665, abs=1e-8)
    assert_allclose(result.mean[-1], [0.199189045, 0.1369227031, 0.6638882519], atol=1e-8)
    same = ChangePointLearner("categorical", hazard=0.1, alpha=[0.5] * 3).filter([0, 0, 1, 0, 2, 2, 2])
    assert_array_equal(same.mean, result.mean)


def test_waiting_times_give_the_known_numbers():
    learner = ChangePointLearner("exponential", hazard=0.1, shape=2, rate=1)
    assert learner.filter([0.3, 0.5, 0.2, 4, 6]).log_evidence == pytest.approx(-9.8690227722, abs=1e-8)


def test_vectors_and_regressions_give_the_known_numbers():
    learner = ChangePointLearner("multivariate-gaussian", hazard=0.1)
    result = learner.filter([[0, 0.2], [0.1, -0.1], [3, 2.9], [2.8, 3.2]])
    assert result.log_evidence == pytest.approx(-14.6481122045, abs=1e-8)
    assert result.mean.shape[0] == 4
    rows = [[1, 0, 1.1], [0, 1, -0.4], [1, 1, 0.6], [1, 0, -1.0], [1, 1, -2.1]]
    regression = ChangePointLearner("regression", hazard=0.1, noise=0.5)
    assert regression.filter(rows).log_evidence == pytest.approx(-8.8420433891, abs=1e-8)


def test_the_nile_changed_in_1899():
    flow = npl.data.example("nile")["flow_1e8_m3"]
    learner = ChangePointLearner(sigma=130.0, prior_mean=900.0, prior_sd=200.0, hazard=0.01)
    segmentation = learner.segment(flow)
    assert segmentation.changes.tolist() == [28]
    assert npl.surprise.agreement([[28]], segmentation.changes, len(flow)).covering == 1.0
    fitted = learner.fit_hazard(flow)
    assert fitted is learner
    assert learner.hazard_ == pytest.approx(0.0157, abs=1e-4)
    assert learner.converged_
    better = learner.filter(flow).log_evidence
    assert better > ChangePointLearner(**learner.get_params()).filter(flow).log_evidence


def test_pieces_of_a_stream_equal_one_call():
    y = np.random.default_rng(0).normal(size=300)
    for method in ("exact", "mp", "sor", "pf", "varsmile", "nassar12", "leaky"):
        whole = ChangePointLearner(method=method, hazard=0.05, random_state=3).filter(y)
        learner = ChangePointLearner(method=method, hazard=0.05, random_state=3)
        pieces = [learner.update_many(piece).mean for piece in np.split(y, [1, 7, 100, 222])]
        assert_array_equal(np.concatenate(pieces), whole.mean)
        one = ChangePointLearner(method=method, hazard=0.05, random_state=3)
        assert [one.update(value).mean for value in y[:20]] == whole.mean[:20].tolist()
        assert learner.n_updates == 300
        assert learner.reset().n_updates == 0


def test_the_number_of_threads_does_not_matter():
    sequences = [np.random.default_rng(seed).normal(size=200) for seed in range(20)]
    learner = ChangePointLearner(method="pf", n=50, hazard=0.05)
    one = npl.surprise.filter_batch(learner, sequences, n_jobs=1)
    two = npl.surprise.filter_batch(learner, sequences, n_jobs=2)
    for a, b, y in zip(one, two, sequences, strict=True):
        assert_array_equal(a.mean, b.mean)
        assert_array_equal(a.mean, learner.filter(y).mean)


def test_blocks_start_from_the_prior(exact):
    together = exact.filter(STREAM * 2, blocks=["a"] * 5 + ["b"] * 5)
    alone = exact.filter(STREAM)
    assert_array_equal(together.mean, np.tile(alone.mean, 2))
    assert together.change_probability[5] == 0


@pytest.mark.parametrize("missing", [np.nan, None])
def test_at_a_missing_observation_time_passes(exact, missing):
    result = exact.filter([0.5, missing, 1.2])
    assert result.observed.tolist() == [True, False, True]
    assert result.shannon_surprise[1] == 0
    masked = exact.filter(np.ma.MaskedArray([0.5, 7.0, 1.2], mask=[False, True, False]))
    assert_array_equal(masked.mean, result.mean)
    exact.update(0.5)
    assert exact.update(missing).mean == result.mean[1]


def test_only_what_is_asked_for_is_computed(exact):
    result = exact.filter(STREAM, outputs=["mean"])
    assert result.variance is None
    assert result.log_evidence is None
    assert_array_equal(result.mean, exact.filter(STREAM).mean)


@pytest.mark.filterwarnings("ignore::neuropil.errors.PriorWarning")
def test_random_inputs_give_finite_probabilities():
    rng = np.random.default_rng(11)
    for trial in range(200):
        hazard = float(rng.choice([0.0, 1e-6, 0.01, 0.3, 1.0]))
        sigma, prior_sd = 10.0 ** rng.uniform(-2, 2, 2)
        method = str(rng.choice(["exact", "mp", "sor", "pf", "varsmile", "nassar10", "nassar12"]))
        y = rng.standard_t(2, size=int(rng.integers(1, 40))) * 10.0 ** rng.uniform(-3, 6)
        more = {"m": 0.5} if method == "varsmile" else {}
        result = ChangePointLearner(
            method=method, hazard=hazard, sigma=float(sigma), prior_sd=float(prior_sd), random_state=trial, **more
        ).filter(y)
        assert np.isfinite(result.mean).all(), (method, hazard, sigma, prior_sd)
        assert (result.variance >= 0).all()
        assert ((result.adaptation_rate >= 0) & (result.adaptation_rate <= 1)).all()
        assert not np.isnan(result.shannon_surprise).any()


def test_draws_of_segmentations_have_a_seed(exact):
    draws = exact.sample_segmentations(STREAM, n=200, random_state=5)
    again = exact.sample_segmentations(STREAM, n=200, random_state=5)
    assert all(np.array_equal(a, b) for a, b in zip(draws, again, strict=True))
    share = np.mean([3 in draw for draw in draws])
    assert share == pytest.approx(0.46, abs=0.12)


def test_the_hazard_is_learned_along_the_way(exact):
    y = npl.surprise.simulate(n_steps=400, hazard=0.1, sigma=0.1, random_state=2).observations
    for prior in ("grid", "beta"):
        online = ChangePointLearner(sigma=0.1).learn_hazard(y, prior=prior)
        assert online.mean[-1] == pytest.approx(0.1, abs=0.05)
        assert online.to_table().n_rows == 400
    assert online.hazards is None


def test_hazards_of_every_form():
    cues = [0.5, 0.0, 0.0, 1.0, 0.0]
    result = ChangePointLearner(hazard=cues).filter(STREAM)
    assert result.adaptation_rate[3] == 1
    assert result.adaptation_rate[2] == 0
    geometric = npl.surprise.NegativeBinomialHazard(size=1, probability=0.1)
    assert_allclose(
        ChangePointLearner(hazard=geometric).filter(STREAM).mean, ChangePointLearner(hazard=0.1).filter(STREAM).mean
    )
    table = npl.surprise.HazardTable([0.1])
    assert_allclose(
        ChangePointLearner(hazard=table).filter(STREAM).mean, ChangePointLearner(hazard=0.1).filter(STREAM).mean
    )


def test_a_seed_that_was_not_given_is_drawn_and_stored():
    learner = ChangePointLearner(method="pf", hazard=0.1, random_state=None)
    first, second = learner.filter(STREAM), learner.filter(STREAM)
    assert first.provenance.seed != second.provenance.seed
    again = ChangePointLearner(method="pf", hazard=0.1, random_state=first.provenance.seed).filter(STREAM)
    assert_array_equal(first.mean, again.mean)


def test_a_result_says_where_it_comes_from(exact):
    provenance = exact.filter(STREAM).provenance
    assert provenance.neuropil == npl.__version__
    assert provenance.parameters["hazard"] == {"constant": 0.1}
    assert len(provenance.input) == 16


def test_regressors_are_a_table_with_units(exact):
    table = exact.regressors(STREAM, blocks=[1, 1, 1, 2, 2])
    assert table["block"].tolist() == [0, 0, 0, 1, 1]
    assert table["trial"].tolist() == [0, 1, 2, 0, 1]
    assert table.units["bayesian_surprise"] == "nat"
    assert_array_equal(exact.regressors(STREAM)["bayes_factor_surprise"], exact.filter(STREAM).bayes_factor_surprise)


def test_subjects_are_fitted_alone_and_in_a_group_with_the_same_bits():
    rng = np.random.default_rng(0)
    world = ChangePointLearner(hazard=0.1)
    columns = {"subject": [], "observation": [], "response": []}
    for subject in ("s1", "s2"):
        y = npl.surprise.simulate(world, 150, random_state=len(subject + subject)).observations
        said = world.filter(y).mean + rng.normal(0, 0.3, 150)
        columns["subject"] += [subject] * 150
        columns["observation"] += y.tolist()
        columns["response"] += said.tolist()
    group = npl.surprise.fit_subjects(world, columns, free=["response_sd"], timing="after", n_starts=2)
    alone = npl.surprise.fit_subject(
        world, columns["observation"][:150], columns["response"][:150], free=["response_sd"], timing="after", n_starts=2
    )
    assert alone["response_sd"] == group.subjects[0]["response_sd"] == pytest.approx(0.3, abs=0.05)
    assert group.to_table()["subject"].tolist() == ["s1", "s2"]
    with pytest.raises(npl.InputError, match="no column 'responses'; the columns are subject"):
        npl.surprise.fit_subjects(world, columns, response_column="responses")


def test_recovery_and_confusion_run():
    learner = ChangePointLearner(method="varsmile", hazard=0.1)
    recovery = npl.surprise.recover(
        learner, free={"response_sd": (0.05, 2.0)}, n_subjects=3, n_trials=60, n_starts=1, timing="after"
    )
    assert recovery.truth["response_sd"].shape == (3,)
    assert recovery.parameters["rmse"][0] < 0.5
    confusion = npl.surprise.confuse(
        {"varsmile": learner, "leaky": ChangePointLearner(method="leaky", omega=0.5)},
        free={"varsmile": ["response_sd"], "leaky": ["response_sd"]},
        n_subjects=2,
        n_trials=60,
        n_starts=1,
    )
    assert confusion.by_aic.sum(axis=1).tolist() == [2, 2]


def test_data_far_from_the_prior_are_warned_about():
    flow = npl.data.example("nile")["flow_1e8_m3"]
    with pytest.warns(npl.errors.PriorWarning, match="standard deviations from the mean"):
        ChangePointLearner().segment(flow)
    ChangePointLearner(sigma=130.0, prior_mean=900.0, prior_sd=200.0).segment(flow)
