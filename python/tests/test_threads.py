import multiprocessing
import os
import subprocess
import sys
import threading

import neuropil as npl
import pytest


@pytest.fixture(autouse=True)
def restore_limit():
    yield
    npl.set_num_threads(None)


def test_the_limit_of_the_process_can_be_set_and_taken_back():
    default = npl.get_num_threads()
    npl.set_num_threads(1)
    assert npl.get_num_threads() == 1
    npl.set_num_threads(None)
    assert npl.get_num_threads() == default


def test_the_context_manager_holds_in_its_own_thread_and_ends():
    before = npl.get_num_threads()
    with npl.num_threads(3):
        assert npl.get_num_threads() == 3
        with npl.num_threads(1):
            assert npl.get_num_threads() == 1
        assert npl.get_num_threads() == 3
        seen = []
        other = threading.Thread(target=lambda: seen.append(npl.get_num_threads()))
        other.start()
        other.join()
        assert seen == [before]
    assert npl.get_num_threads() == before


def test_the_limit_ends_with_an_exception():
    before = npl.get_num_threads()
    with pytest.raises(KeyError), npl.num_threads(1):
        raise KeyError
    assert npl.get_num_threads() == before


@pytest.mark.parametrize("wrong", [0, -2])
def test_fewer_than_one_thread_is_refused(wrong):
    with pytest.raises(npl.InputError, match=f"at least 1 thread, got {wrong}"):
        npl.set_num_threads(wrong)


def test_a_number_of_threads_is_whole():
    with pytest.raises(TypeError):
        npl.set_num_threads(1.5)


def child(queue):
    queue.put(npl.get_num_threads())


@pytest.mark.parametrize("method", ["fork", "spawn"])
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_a_child_process_works(method):
    context = multiprocessing.get_context(method)
    queue = context.Queue()
    process = context.Process(target=child, args=(queue,))
    process.start()
    assert queue.get(timeout=30) >= 1
    process.join(timeout=30)
    assert process.exitcode == 0


@pytest.mark.parametrize("value", ["0", "all", "1.5"])
def test_nonsense_in_the_environment_is_warned_about(value):
    environment = {**os.environ, "NEUROPIL_NUM_THREADS": value}
    script = "import neuropil; print(neuropil.get_num_threads())"
    run = [sys.executable, "-c", script]
    done = subprocess.run(run, env=environment, capture_output=True, text=True, check=True)
    assert int(done.stdout) >= 1
    assert f'RuntimeWarning: NEUROPIL_NUM_THREADS is "{value}"' in done.stderr
    strict = [sys.executable, "-W", "error", *run[1:]]
    refused = subprocess.run(strict, env=environment, capture_output=True, text=True, check=False)
    assert refused.returncode == 1
