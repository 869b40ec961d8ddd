"""How a learner behaves as an object: parameters, copies, files, threads, processes, interrupts, tables, errors."""

import copy
import csv
import json
import multiprocessing
import os
import pickle
import re
import signal
import subprocess
import sys
import threading
import time

import neuropil as npl
import numpy as np
import pytest
from neuropil.surprise import ChangePointLearner
from numpy.testing import assert_array_equal

STREAM = [0.5, -0.3, 1.2, 4.0, 3.8]


def test_parameters_are_stored_as_they_are():
    prior = np.array([0.5, 0.5])
    learner = ChangePointLearner("categorical", alpha=prior)
    assert learner.get_params()["alpha"] is prior
    assert learner.set_params(hazard=0.2) is learner
    assert learner.hazard == 0.2
    with pytest.raises(npl.InputError, match="no parameter 'hazzard'; it has family"):
        learner.set_params(hazzard=0.2)
    with pytest.raises(TypeError, match="sigmma"):
        ChangePointLearner(sigmma=1.0)


def test_scikit_learn_clones_it():
    base = pytest.importorskip("sklearn.base")
    learner = ChangePointLearner(sigma=2.0, hazard=0.1).fit_hazard(STREAM)
    clone = base.clone(learner)
    assert clone.get_params() == learner.get_params()
    assert not hasattr(clone, "hazard_")


def test_setting_a_parameter_forgets_what_was_learned():
    learner = ChangePointLearner().fit(STREAM)
    learner.update(0.3)
    learner.set_params(sigma=2.0)
    assert not hasattr(learner, "hazard_")
    assert learner.n_updates == 0


def test_its_text_names_what_differs_from_the_defaults():
    assert repr(ChangePointLearner(sigma=2.0)) == "ChangePointLearner(family='gaussian', method='exact', sigma=2.0)"
    text = repr(ChangePointLearner(hazard=0.1).filter(STREAM))
    assert text.startswith("FilterResult\n  mean")
    assert "log_evidence" in text


@pytest.mark.parametrize("method", ["exact", "sor", "pf", "varsmile"])
@pytest.mark.parametrize("copied", [copy.deepcopy, lambda learner: pickle.loads(pickle.dumps(learner))])
def test_a_copy_goes_on_where_the_original_was(method, copied):
    learner = ChangePointLearner(method=method, hazard=0.1).fit_hazard(STREAM)
    learner.update_many(STREAM)
    other = copied(learner)
    assert other.hazard_ == learner.hazard_
    assert_array_equal(other.update_many(STREAM).mean, learner.update_many(STREAM).mean)


def test_results_survive_pickling():
    result = ChangePointLearner().filter(STREAM)
    assert_array_equal(pickle.loads(pickle.dumps(result)).mean, result.mean)
    regressors = ChangePointLearner().regressors(STREAM)
    assert pickle.loads(pickle.dumps(regressors)).units == regressors.units


def test_results_are_frozen():
    result = ChangePointLearner().filter(STREAM)
    with pytest.raises(AttributeError):
        result.mean = None
    with pytest.raises(ValueError, match="read-only"):
        result.mean[0] = 1


LEARNERS = [
    ChangePointLearner(hazard=0.1, sigma=2.0),
    ChangePointLearner("multivariate-gaussian", method="mp", n=5, mean=[0.0, 1.0], scatter=2.0, merge=True),
    ChangePointLearner("categorical", method="sor", categories=4, published_threshold=True),
    ChangePointLearner(hazard=npl.surprise.NegativeBinomialHazard(2.0, 0.1), cutoff=0.0),
    ChangePointLearner(hazard=npl.surprise.HazardTable([0.0, 0.2, 0.3])),
    ChangePointLearner(method="leaky", omega=0.5, missing="error", random_state=9),
]


@pytest.mark.parametrize("learner", LEARNERS)
def test_a_saved_learner_is_the_same_learner(learner, tmp_path):
    path = tmp_path / "learner.json"
    learner.save(path)
    loaded = npl.load(path)
    loaded.save(tmp_path / "again.json")
    assert path.read_text() == (tmp_path / "again.json").read_text()
    assert json.loads(path.read_text())["neuropil"] == npl.__version__
    assert os.listdir(tmp_path)
    assert not [name for name in os.listdir(tmp_path) if name.startswith(".")]


def test_a_saved_stream_goes_on(tmp_path):
    learner = ChangePointLearner(hazard=0.1).fit_hazard(STREAM)
    learner.update_many(STREAM[:2])
    learner.save(tmp_path / "stream.json")
    loaded = ChangePointLearner.load(tmp_path / "stream.json")
    assert loaded.n_updates == 2
    assert loaded.hazard_ == learner.hazard_
    assert loaded.hazard_fit_.interval == learner.hazard_fit_.interval
    assert_array_equal(loaded.update_many(STREAM[2:]).mean, learner.update_many(STREAM[2:]).mean)


def program(*arguments):
    """Run the program that comes with the package."""
    command = [sys.executable, "-m", "neuropil", "surprise", *map(str, arguments), "--quiet"]
    subprocess.run(command, capture_output=True, check=True)


def column(path, name):
    with open(path, encoding="utf-8") as file:
        return [float(row[name]) for row in csv.DictReader(file)]


@pytest.mark.parametrize("learner", LEARNERS)
def test_the_program_takes_a_saved_learner(learner, tmp_path):
    width = 2 if learner.family == "multivariate-gaussian" else 1
    y = np.array([[0.0, 1.0], [1.0, 2.0], [3.0, 0.0], [3.0, 1.0]])[:, :width]
    np.save(tmp_path / "y.npy", y)
    learner.save(tmp_path / "learner.json")
    out = tmp_path / "out.csv"
    program("filter", tmp_path / "y.npy", "--learner", tmp_path / "learner.json", "--out", out)
    result = learner.filter(y)
    assert column(out, "adaptation_rate") == result.adaptation_rate.tolist()
    provenance = json.loads((tmp_path / "out.csv.json").read_text())
    assert provenance["parameters"] == result.provenance.parameters
    assert provenance["input"]["hash"] == result.provenance.input
    assert provenance["seed"] == result.provenance.seed


def test_a_stream_passes_from_python_to_the_program_and_back(tmp_path):
    learner = ChangePointLearner(hazard=0.1, method="pf", n=50, random_state=3).fit_hazard(STREAM)
    learner.update_many(STREAM[:2])
    learner.save(tmp_path / "python.json")
    (tmp_path / "y.csv").write_text("y\n1.2\n4.0\n")
    saved = tmp_path / "program.json"
    program(
        "filter", tmp_path / "y.csv", "--learner", tmp_path / "python.json", "--continue",
        "--out", tmp_path / "out.csv", "--save-learner", saved,
    )  # fmt: skip
    assert column(tmp_path / "out.csv", "mean") == learner.update_many(STREAM[2:4]).mean.tolist()
    loaded = npl.load(saved)
    assert loaded.n_updates == 4
    assert loaded.update(3.8) == learner.update(3.8)


def test_a_hazard_that_the_program_fitted_is_a_fitted_hazard(tmp_path):
    (tmp_path / "y.csv").write_text("y\n" + "\n".join(map(str, STREAM)) + "\n")
    program("fit-hazard", tmp_path / "y.csv", "--save-learner", tmp_path / "fitted.json")
    loaded = npl.load(tmp_path / "fitted.json")
    learner = ChangePointLearner().fit_hazard(STREAM)
    assert loaded.hazard_ == learner.hazard_
    assert loaded.converged_
    assert loaded.hazard_fit_.interval == learner.hazard_fit_.interval
    assert_array_equal(loaded.hazard_fit_.log_evidence, learner.hazard_fit_.log_evidence)
    assert loaded.hazard_fit_.provenance.input == learner.hazard_fit_.provenance.input
    assert loaded.filter(STREAM).log_evidence == learner.filter(STREAM).log_evidence


def test_every_result_says_where_it_comes_from():
    learner = ChangePointLearner(hazard=0.1, random_state=7)
    threshold = npl.surprise.calibrate_alarm(
        learner, npl.surprise.AlarmRule("adaptation-rate"), per_observation=0.05, length=40, n_streams=100
    )
    task = npl.surprise.simulate(n_steps=30, hazard=0.1, random_state=7)
    results = [
        learner.filter(STREAM),
        learner.update_many(STREAM),
        learner.run_length_posterior(STREAM),
        learner.smooth(STREAM),
        learner.segment(STREAM),
        learner.sample_segmentations(STREAM, n=2),
        learner.change_count(STREAM),
        learner.regressors(STREAM),
        learner.learn_hazard(STREAM),
        learner.fit_hazard(STREAM).hazard_fit_,
        npl.surprise.filter_batch(learner, [STREAM])[0],
        npl.surprise.detect(learner, STREAM, threshold),
        npl.surprise.fit_subject(learner, task.observations, task.observations, n_starts=1),
        ChangePointLearner(method="leaky").tune("omega", [0.1, 0.5], length=100, n_sequences=1),
    ]
    for result in results:
        provenance = result.provenance
        assert provenance.neuropil == npl.__version__, type(result)
        assert provenance.parameters, type(result)
        assert pickle.loads(pickle.dumps(result)).provenance == provenance
    assert all(len(result.provenance.input) == 16 for result in results[:-1])
    for result in [task, threshold, npl.surprise.agreement([[3]], [3], length=5)]:
        assert result.provenance.neuropil == npl.__version__


def test_a_file_of_the_first_release_loads():
    path = os.path.join(os.path.dirname(__file__), "golden", "learner_0_1_0.json")
    learner = npl.load(path)
    assert learner.get_params()["sigma"] == 2.0
    assert learner.n_updates == 2
    assert learner.update(1.2).mean == pytest.approx(0.19956725440007722, rel=1e-12)


def test_a_file_of_something_else_is_refused(tmp_path):
    path = tmp_path / "file.json"
    path.write_text("[1]")
    with pytest.raises(npl.InputError, match="holds no object"):
        npl.load(path)
    path.write_text("{")
    with pytest.raises(npl.InputError, match="not a file that neuropil saved"):
        npl.load(path)
    path.write_text('{"kind": "memory.Hopfield", "format": 1}')
    with pytest.raises(npl.InputError, match=r"memory\.Hopfield, but a surprise\.ChangePointLearner"):
        npl.load(path)


def work(seed):
    y = np.random.default_rng(seed).normal(size=500)
    return ChangePointLearner(method="pf", hazard=0.05).filter(y).mean[-1]


@pytest.mark.parametrize("backend", ["loky", "threading"])
def test_joblib_runs_it(backend):
    joblib = pytest.importorskip("joblib")
    parallel = joblib.Parallel(n_jobs=2, backend=backend, timeout=60)
    assert parallel(joblib.delayed(work)(seed) for seed in range(4)) == [work(seed) for seed in range(4)]


def child(queue):
    queue.put(npl.surprise.filter_batch(ChangePointLearner(), [STREAM] * 4)[3].log_evidence)


@pytest.mark.parametrize("method", ["fork", "spawn"])
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_processes_run_it(method):
    expected = npl.surprise.filter_batch(ChangePointLearner(), [STREAM] * 4)[3].log_evidence
    context = multiprocessing.get_context(method)
    queue = context.Queue()
    process = context.Process(target=child, args=(queue,))
    process.start()
    assert queue.get(timeout=60) == expected
    process.join(timeout=30)
    assert process.exitcode == 0


def test_ctrl_c_stops_a_long_filter_within_a_fifth_of_a_second():
    y = np.random.default_rng(0).normal(size=1_000_000)
    sent = []

    def interrupt():
        time.sleep(0.3)
        sent.append(time.perf_counter())
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=interrupt).start()
    with pytest.raises(KeyboardInterrupt):
        ChangePointLearner("gaussian-unknown-variance", hazard=1e-5, cutoff=0.0).filter(y)
    assert time.perf_counter() - sent[0] < 0.2


def test_two_threads_cannot_feed_one_stream():
    learner = ChangePointLearner(cutoff=0.0, hazard=1e-4)
    long = np.zeros(3_000)
    errors = []

    def feed():
        try:
            learner.update_many(long)
        except npl.NeuropilError as error:
            errors.append(str(error))

    learner.update(0.0)
    threads = [threading.Thread(target=feed) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all("another thread" in error for error in errors)
    assert learner.n_updates == 1 + 3_000 * (2 - len(errors))


def test_pandas_and_polars_hold_observations():
    pandas = pytest.importorskip("pandas")
    expected = ChangePointLearner().filter([0.5, np.nan, 1.2]).mean
    learner = ChangePointLearner()
    assert_array_equal(learner.filter(pandas.Series([0.5, None, 1.2])).mean, expected)
    assert_array_equal(learner.filter(pandas.Series([0.5, None, 1.2], dtype="Float64")).mean, expected)
    assert_array_equal(learner.filter(pandas.DataFrame({"y": [0.5, None, 1.2]})).mean, expected)
    counts = ChangePointLearner("poisson").filter(pandas.Series([1, None, 3], dtype="Int64"))
    assert counts.observed.tolist() == [True, False, True]
    polars = pytest.importorskip("polars")
    assert_array_equal(learner.filter(polars.Series([0.5, None, 1.2])).mean, expected)


def test_tables_are_read_by_pandas_polars_and_pyarrow():
    result = ChangePointLearner("categorical", categories=3, hazard=0.1).filter([0, 1, None, 2])
    names = list(result.to_table())
    assert "mean_2" in names
    frame = result.to_dataframe()
    assert list(frame.columns) == names
    polars = pytest.importorskip("polars")
    table = polars.DataFrame(result)
    assert table.columns == names
    assert table["observed"].to_list() == [True, True, False, True]
    assert_array_equal(table["mean_2"].to_numpy(), result.mean[:, 2])
    pyarrow = pytest.importorskip("pyarrow")
    arrow = pyarrow.table(npl.data.example("annotations"))
    arrow.validate(full=True)
    assert arrow.column("series").to_pylist() == npl.data.example("annotations")["series"].tolist()
    unread = npl.data.example("nile").__arrow_c_stream__()
    del unread  # a stream that nobody reads frees its memory


def test_progress_is_shown_on_request(capsys):
    ChangePointLearner(verbose=True).filter(np.zeros(1000))
    assert "filter" in capsys.readouterr().err


BAD = [
    ({"hazard": 1.5}, STREAM, "hazard must be in [0, 1], got 1.5"),
    ({"hazard": float("nan")}, STREAM, "hazard must be in [0, 1], got NaN"),
    ({"hazard": [0.1, 0.2]}, STREAM, "hazard per step: expected 5 values, one per observation, got 2"),
    ({"sigma": -1.0}, STREAM, "sigma must be"),
    ({"sigma": float("inf")}, STREAM, "sigma must be a finite number, got inf"),
    ({"sigma": "wide"}, STREAM, "sigma must be a number, got 'wide'"),
    ({"family": "gausian"}, STREAM, "one of gaussian, "),
    ({"method": "kalman"}, STREAM, "one of exact, mp"),
    (
        {"family": "poisson", "sigma": 1.0},
        [1, 2],
        'sigma belongs to the family "gaussian", but the family is "poisson"',
    ),
    ({"method": "mp", "omega": 0.5}, STREAM, 'omega belongs to the method "leaky", but the method is "mp"'),
    ({"method": "pf", "n": 0}, STREAM, "at least 1"),
    ({"method": "mp", "n": 2.5}, STREAM, "n must be a whole number of at least 0, got 2.5"),
    ({"method": "varsmile", "m": -1.0}, STREAM, "got -1"),
    ({"method": "leaky", "omega": 1.0}, STREAM, "omega must be in [0, 1), got 1"),
    ({"method": "nassar10", "family": "poisson"}, [1, 2], 'not defined for the family "poisson"; it supports'),
    ({"missing": "drop"}, STREAM, 'missing must be "skip" or "error", got'),
    ({"missing": "error"}, [0.1, None], "observation 1 is NaN"),
    ({}, [0.1, float("inf")], "observation 1 is inf"),
    ({}, [], "filtering needs at least 1 observation, got 0"),
    ({}, [[[1.0]]], "y must have shape (T,) or (T, d), got shape (1, 1, 1)"),
    ({}, ["a", "b"], "y must hold numbers"),
    ({}, {"y": STREAM}, 'y is a table with the columns y; give one column, y["..."]'),
    ({}, [[1.0, 2.0]], "expected (T, 1), got (1, 2)"),
    ({"family": "categorical", "categories": 3}, [0, 3], "observation 1 is 3"),
    ({"family": "categorical", "categories": 3}, [0, 1.5], "observation 1 is 1.5"),
    ({"family": "poisson"}, [2, -1], "observation 1 is -1"),
    ({"family": "multivariate-gaussian", "mean": [0, 0]}, STREAM, "y has shape (5,), but the family"),
    ({"family": "multivariate-gaussian", "degrees_of_freedom": 0.5}, [[1, 2]], "degrees"),
    ({"family": "multivariate-gaussian", "scatter": [[1, 2], [2, 1]]}, [[1, 2]], "positive definite"),
    ({"random_state": -1}, STREAM, "random_state must be a whole number of at least 0, got -1"),
]


@pytest.mark.parametrize(("parameters", "y", "sentence"), BAD)
def test_bad_input_is_refused_in_one_sentence(parameters, y, sentence):
    with pytest.raises(npl.InputError) as refusal:
        ChangePointLearner(**parameters).filter(y)
    assert sentence in str(refusal.value)


def test_other_bad_input_is_refused():
    learner = ChangePointLearner()
    with pytest.raises(npl.InputError, match="needs at least 2 observations, got 1"):
        learner.fit_hazard([1.0])
    with pytest.raises(npl.InputError, match=r"shape \(5,\), got shape \(2,\)"):
        learner.filter(STREAM, blocks=[1, 2])
    with pytest.raises(npl.InputError, match="outputs must be made of mean"):
        learner.filter(STREAM, outputs=["means"])
    with pytest.raises(npl.InputError, match="base must be larger than 1"):
        learner.filter(STREAM).shannon_surprise_to_base(1)
    with pytest.raises(npl.InputError, match="varsmile"):
        ChangePointLearner(method="varsmile").run_length_posterior(STREAM)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ('{"model": {}}', "missing field"),
        ('{"model": 3}', "not a file that neuropil saved"),
        ('{"model": {"family": {"name": "foo"}, "hazard": {"constant": 0.1}}}', "unknown variant"),
        ('{"model": {"family": {"name": "gaussian"}, "hazard": {"constant": 7}}}', "hazard must be in"),
        ('{"model": {"family": {"name": "gaussian"}, "hazard": {}}}', "not a file that neuropil saved"),
        ('{"format": "x", "model": {}}', "format x"),
        ('{"format": 2, "neuropil": "9.0", "model": {}}', "written by neuropil 9.0 in format 2"),
        (
            '{"model": {"family": {"name": "gaussian"}, "hazard": {"constant": 0.1}}, "hazard_fit": {"hazard": 0.1}}',
            "'interval' is missing",
        ),
        (
            '{"model": {"family": {"name": "gaussian"}, "hazard": {"constant": 0.1}}, "state": {"x": 1}, "time": 2}',
            "not a file that neuropil saved",
        ),
    ],
)
def test_a_damaged_file_is_refused_in_one_sentence(content, sentence, tmp_path):
    path = tmp_path / "learner.json"
    path.write_text(content)
    with pytest.raises(npl.InputError, match=re.escape(sentence)):
        npl.load(path)


def test_files_that_cannot_be_are_refused(tmp_path):
    with pytest.raises(npl.InputError, match="does not exist; check the name"):
        npl.load(tmp_path / "nothing.json")
    with pytest.raises(npl.InputError, match="is a folder"):
        npl.load(tmp_path)
    with pytest.raises(npl.InputError, match="it is a folder"):
        ChangePointLearner().save(tmp_path)
    with pytest.raises(npl.InputError, match="does not exist; create it first"):
        ChangePointLearner().save(tmp_path / "no" / "learner.json")


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: ChangePointLearner().filter([[1], [2, 3]]), "its rows equally long"),
        (lambda: ChangePointLearner("categorical", alpha="abc").filter([0]), "alpha must be a number or an array"),
        (lambda: ChangePointLearner("categorical", alpha=[[1, 2], [3]]).filter([0]), "alpha must be a number or"),
        (lambda: ChangePointLearner().filter(np.zeros((3, 0))), "while a minimum of 1 is required"),
        (lambda: ChangePointLearner().filter([1j]), "Complex data not supported"),
        (lambda: npl.surprise.simulate(n_steps=3, n_trials=2**40, family="multinomial"), "n_trials must be below"),
        (lambda: npl.surprise.simulate(n_steps=2**52), "the length of a simulation must be at most"),
        (lambda: ChangePointLearner().run_length_posterior(STREAM, 2**52), "the longest run length must be at most"),
        (lambda: npl.surprise.fit_subject(ChangePointLearner(), STREAM, STREAM, free={"hazard": 3}), "(lower, upper)"),
        (lambda: npl.surprise.confuse({}, free={}), "at least two models, got 0"),
        (
            lambda: npl.surprise.confuse(
                {"a": ChangePointLearner(), "b": ChangePointLearner()}, free={"a": ["hazard"]}
            ),
            "'b' is missing",
        ),
    ],
)
def test_input_without_sense_is_refused_in_one_sentence(call, sentence):
    with pytest.raises(npl.InputError, match=re.escape(sentence)):
        call()


def test_a_refused_observation_leaves_the_stream_as_it_was():
    learner = ChangePointLearner("poisson")
    learner.update(1)
    with pytest.raises(npl.InputError, match="observation 1 is -2"):
        learner.update(-2)
    assert learner.n_updates == 1


@pytest.mark.filterwarnings("ignore::neuropil.errors.PriorWarning")
def test_huge_surprise_does_not_underflow():
    result = ChangePointLearner(sigma=0.01).filter([0.0, 1e8, 1e8])
    assert np.isfinite(result.mean).all()
    assert np.isfinite(result.bayes_factor_surprise).all()


def test_importing_the_room_is_quick():
    script = "import time; t = time.perf_counter(); import neuropil.surprise; print(time.perf_counter() - t)"
    with_numpy = f"import numpy; {script}"
    best = min(
        float(subprocess.run([sys.executable, "-c", with_numpy], capture_output=True, text=True, check=True).stdout)
        for _ in range(3)
    )
    assert best < 0.2
