import subprocess
import sys
import time

import neuropil as npl
import pytest


def run(*arguments):
    return subprocess.run([sys.executable, *arguments], capture_output=True, text=True, check=False)


def test_import_is_quick_and_brings_nothing_heavy():
    script = (
        "import sys, time; begin = time.perf_counter(); import neuropil; print(time.perf_counter() - begin);"
        "print(sorted({'numpy', 'matplotlib', 'pandas', 'tqdm', 'sklearn'} & set(sys.modules)))"
    )
    best = min(float(run("-c", script).stdout.split()[0]) for _ in range(3))
    assert best < 0.2
    assert run("-c", script).stdout.splitlines()[1] == "[]"


def test_every_public_name_is_there():
    for name in npl.__all__:
        assert getattr(npl, name) is not None
        assert name in dir(npl)
    with pytest.raises(AttributeError, match="no_such_room"):
        npl.no_such_room  # noqa: B018


def test_doctor_names_versions_and_threads():
    text = npl.doctor()
    assert npl.__version__ in text
    assert f"neuropil uses {npl.get_num_threads()}" in text


def test_the_program_is_in_the_package():
    begin = time.perf_counter()
    done = run("-m", "neuropil", "--version")
    assert done.returncode == 0, done.stderr
    assert npl.__version__ in done.stdout
    assert time.perf_counter() - begin < 2


def test_the_program_reports_bad_usage_with_status_2():
    done = run("-m", "neuropil", "no-such-command")
    assert done.returncode == 2
    assert "no-such-command" in done.stderr


def test_errors_are_value_errors_and_neuropil_errors():
    assert issubclass(npl.InputError, ValueError)
    assert issubclass(npl.InputError, npl.NeuropilError)
