import pickle
from pathlib import Path

import neuropil as npl
import numpy as np
import pytest

DATA = Path(__file__).resolve().parents[2] / "data"


TABLES = sorted(path.stem for path in DATA.glob("*.csv"))
ARRAYS = sorted(path.stem for path in DATA.glob("*.npz"))


@pytest.mark.parametrize("name", TABLES)
def test_an_example_is_the_file_in_data(name):
    example = npl.data.example(name)
    lines = (DATA / f"{name}.csv").read_text(encoding="utf-8").splitlines()
    assert list(example) == lines[0].split(",")
    assert example.n_rows == len(lines) - 1
    assert example.description
    assert example.licence


@pytest.mark.parametrize("name", ARRAYS)
def test_an_example_of_arrays_is_the_file_in_data(name):
    example = npl.data.example(name)
    with np.load(DATA / f"{name}.npz") as archive:
        assert list(example) == archive.files
        for key in archive.files:
            np.testing.assert_array_equal(example[key], archive[key])
            assert not example[key].flags.writeable
    assert example.description in repr(example)
    assert example.licence
    assert list(pickle.loads(pickle.dumps(example)).to_dict()) == list(example)
    with pytest.raises(KeyError, match="the arrays are"):
        example["pixels"]


def test_every_file_of_columns_or_arrays_is_an_example():
    assert sorted(TABLES + ARRAYS) == npl.data.examples()


def test_the_nile_has_a_hundred_years():
    nile = npl.data.example("nile")
    assert nile["flow_1e8_m3"].dtype == np.float64
    assert nile["year"][[0, -1]].tolist() == [1871, 1970]
    assert nile["flow_1e8_m3"].mean() == 919.35


def test_an_empty_field_is_missing_and_text_stays_text():
    annotations = npl.data.example("annotations")
    assert np.isnan(annotations["change"]).any()
    assert set(annotations["series"]) == {"nile", "run_log", "well_log"}


def test_an_unknown_name_is_refused_with_the_list():
    with pytest.raises(npl.InputError, match=r'unknown data set "danube".*nile'):
        npl.data.example("danube")


def test_columns_are_read_only():
    with pytest.raises(ValueError, match="read-only"):
        npl.data.example("nile")["year"][0] = 0


def test_an_unknown_column_is_refused_with_the_list():
    with pytest.raises(KeyError, match="flow_1e8_m3"):
        npl.data.example("nile")["flow"]


def test_a_table_becomes_a_data_frame():
    pandas = pytest.importorskip("pandas")
    frame = npl.data.example("run_log").to_dataframe()
    assert isinstance(frame, pandas.DataFrame)
    assert frame.shape == (376, 4)


def test_a_table_survives_pickling():
    nile = npl.data.example("nile")
    copy = pickle.loads(pickle.dumps(nile))
    assert copy.name == "nile"
    np.testing.assert_array_equal(copy["year"], nile["year"])


def test_a_table_shows_its_first_rows():
    shown = repr(npl.data.example("nile")).splitlines()
    assert shown[0].startswith("nile: Yearly flow")
    assert shown[-1] == "... and 92 more rows"


def test_columns_of_different_length_are_refused():
    with pytest.raises(npl.InputError, match="'a' has 2 values, 'b' has 3"):
        npl.data.Table({"a": [1, 2], "b": [1, 2, 3]})
    with pytest.raises(npl.InputError, match=r"shape \(1, 2\)"):
        npl.data.Table({"a": [[1, 2]]})
