"""Parameter grids and seeds."""

import concurrent.futures
import os
import pickle
import signal
import threading
import time

import neuropil as npl
import numpy as np
import pytest
from numpy.testing import assert_array_equal


def error(hazard, method, seed=0):
    task = npl.surprise.simulate(n_steps=200, hazard=hazard, random_state=seed)
    learner = npl.surprise.ChangePointLearner(method=method, hazard=hazard, random_state=seed)
    result = learner.filter(task.observations)
    return {"mse": ((result.mean - task.parameters) ** 2).mean(), "changes": int(task.change.sum()), "by": method}


GRID = {"hazard": [0.02, 0.2], "method": ["exact", "pf"]}


def test_rows_are_combinations_with_seeds_changing_fastest():
    table = npl.sweep(error, GRID, seeds=[4, 9, 11])
    assert list(table) == ["hazard", "method", "seed", "mse", "changes", "by"]
    assert_array_equal(table["seed"], [4, 9, 11] * 4)
    assert_array_equal(table["hazard"], np.repeat([0.02, 0.2], 6))
    assert_array_equal(table["method"], ["exact"] * 3 + ["pf"] * 3 + ["exact"] * 3 + ["pf"] * 3)
    assert table["mse"][7] == error(0.2, "exact", 9)["mse"]
    assert table["changes"].dtype == np.int64
    assert table.provenance.neuropil == npl.__version__
    assert table.provenance.parameters["seeds"] == [4, 9, 11]
    assert table.provenance.parameters["parameters"] == GRID
    assert table.provenance.parameters["function"].endswith("test_sweep.error")


def test_where_it_is_computed_makes_no_difference():
    alone = npl.sweep(error, GRID, seeds=2, n_jobs=1)
    tables = [npl.sweep(error, GRID, seeds=2, n_jobs=4)]
    with concurrent.futures.ThreadPoolExecutor(2) as threads:
        tables.append(npl.sweep(error, GRID, seeds=2, client=threads))
    for table in tables:
        for name in alone:
            assert_array_equal(table[name], alone[name])


def test_dask_runs_it():
    distributed = pytest.importorskip("distributed")
    with (
        distributed.LocalCluster(n_workers=1, threads_per_worker=2, processes=False, dashboard_address=None) as cluster,
        distributed.Client(cluster) as client,
    ):
        table = npl.sweep(error, GRID, seeds=2, client=client)
    assert_array_equal(table["mse"], npl.sweep(error, GRID, seeds=2)["mse"])


class Cluster:
    """What the sweep needs of a cluster: functions and results travel as bytes."""

    def submit(self, function, *arguments):
        future = concurrent.futures.Future()
        function, arguments = pickle.loads(pickle.dumps((function, arguments)))
        try:
            future.set_result(pickle.loads(pickle.dumps(function(*arguments))))
        except Exception as error:
            future.set_exception(error)
        return future


def test_a_client_is_anything_that_submits():
    assert_array_equal(npl.sweep(error, GRID, client=Cluster())["mse"], npl.sweep(error, GRID)["mse"])


def test_combinations_can_be_given_one_by_one():
    table = npl.sweep(lambda a, b: a * b, [{"a": 1, "b": 2}, {"b": 5, "a": 3}])
    assert_array_equal(table["value"], [2, 15])
    assert_array_equal(table["b"], [2, 5])


def test_the_numbers_of_a_result_become_columns():
    table = npl.sweep(
        lambda hazard: npl.surprise.ChangePointLearner(hazard=hazard).filter([0.5, -0.3, 4.0]), {"hazard": [0.1, 0.2]}
    )
    assert list(table) == ["hazard", "log_evidence", "dropped_mass"]
    assert np.isfinite(table["log_evidence"]).all()


def test_parameters_can_be_objects():
    hazards = [npl.surprise.NegativeBinomialHazard(2.0, 0.1), 0.05]
    table = npl.sweep(
        lambda hazard: npl.surprise.ChangePointLearner(hazard=hazard).score([0.1, 0.3, 2.0]), {"hazard": hazards}
    )
    assert table["hazard"].tolist() == ["NegativeBinomialHazard(size=2.0, probability=0.1)", "0.05"]


def fails_at_two(x):
    if x == 2:
        raise ZeroDivisionError("two")
    return {"half": x / 2} if x < 2 else {"half": x / 2, "large": True}


def test_a_failure_names_the_combination_or_is_kept_in_its_row():
    with pytest.raises(npl.NeuropilError, match="failed at x=2: ZeroDivisionError: two") as failure:
        npl.sweep(fails_at_two, {"x": [1, 2, 3]})
    assert isinstance(failure.value.__cause__, ZeroDivisionError)
    table = npl.sweep(fails_at_two, {"x": [1, 2, 3]}, errors="keep")
    assert table["error"].tolist() == ["", "ZeroDivisionError: two", ""]
    assert_array_equal(table["half"], [0.5, np.nan, 1.5])
    assert_array_equal(table["large"], [np.nan, np.nan, 1.0])


@pytest.mark.parametrize(
    ("parameters", "more", "sentence"),
    [
        ({"x": 3}, {}, r"x must be a list of values, got 3; write \[3\]"),
        ({"x": "ab"}, {}, "x must be a list of values, got 'ab'"),
        ({"x": []}, {}, "x must hold at least one value"),
        ([], {}, "at least one combination"),
        ([{"x": 1}, {"y": 1}], {}, r"same names: parameters\[0\] has x, parameters\[1\] has y"),
        ({"x": [1]}, {"seeds": 0}, "at least one seed, got 0"),
        ({"seed": [1]}, {"seeds": 2}, "not both"),
        ({"x": [1]}, {"errors": "ignore"}, "errors must be"),
        ({"x": [1]}, {"n_jobs": 0}, "n_jobs must be at least 1, or -1 for all, got 0"),
        ({"x": [1]}, {"n_jobs": 2, "client": Cluster()}, "n_jobs cannot be used with a client"),
    ],
)
def test_what_makes_no_sense_is_refused(parameters, more, sentence):
    with pytest.raises(npl.InputError, match=sentence):
        npl.sweep(fails_at_two, parameters, **more)


def test_what_is_no_number_is_refused():
    with pytest.raises(npl.NeuropilError, match=r"'value' is an array of shape \(3,\); return a summary"):
        npl.sweep(lambda x: np.zeros(3), {"x": [1]})
    with pytest.raises(npl.InputError, match="returned 'x', which is the name of a parameter"):
        npl.sweep(lambda x: {"x": x}, {"x": [1]})


def test_a_table_of_a_sweep_survives_pickling():
    table = npl.sweep(fails_at_two, {"x": [1]})
    again = pickle.loads(pickle.dumps(table))
    assert again.provenance == table.provenance
    assert_array_equal(again["half"], table["half"])


def test_ctrl_c_begins_nothing_new():
    begun = []

    def slow(x):
        begun.append(x)
        time.sleep(0.05)
        return x

    def interrupt():
        time.sleep(0.3)
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=interrupt).start()
    with pytest.raises(KeyboardInterrupt):
        npl.sweep(slow, {"x": range(1000)}, n_jobs=1)
    assert len(begun) < 100


def test_progress_is_shown_on_request(capsys):
    npl.sweep(fails_at_two, {"x": [0, 1]}, verbose=True)
    assert "sweep" in capsys.readouterr().err
