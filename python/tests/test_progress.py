import _thread
import os
import signal
import subprocess
import sys
import threading
import time

import neuropil as npl
import pytest
from neuropil import _neuropil, _progress


class Recorder:
    def __init__(self):
        self.calls = []
        self.threads = set()

    def _note(self, *call):
        self.calls.append(call)
        self.threads.add(threading.get_ident())

    def begin(self, task, label, total):
        self._note("begin", label, total)

    def advance(self, task, steps):
        self._note("advance", steps)

    def end(self, task):
        self._note("end")


def test_progress_arrives_in_order_from_the_calling_thread():
    recorder = Recorder()
    assert _neuropil.count_slowly(20, 0.01, recorder) == 20
    assert recorder.calls[0] == ("begin", "count", 20)
    assert recorder.calls[-1] == ("end",)
    assert sum(call[1] for call in recorder.calls if call[0] == "advance") == 20
    assert recorder.threads == {threading.get_ident()}


def test_a_million_steps_cost_few_calls():
    recorder = Recorder()
    _neuropil.count_slowly(10_000, 0.0, recorder)
    assert len(recorder.calls) < 200


def test_ctrl_c_is_noticed_within_a_fifth_of_a_second():
    sent = []

    def interrupt():
        time.sleep(0.2)
        sent.append(time.perf_counter())
        os.kill(os.getpid(), signal.SIGINT)

    threading.Thread(target=interrupt).start()
    with pytest.raises(KeyboardInterrupt):
        _neuropil.count_slowly(10_000, 0.005)
    assert time.perf_counter() - sent[0] < 0.2


def test_the_interpreter_runs_while_the_work_does():
    ticks = []
    stop = threading.Event()

    def tick():
        while not stop.wait(0.01):
            ticks.append(1)

    other = threading.Thread(target=tick)
    other.start()
    _neuropil.count_slowly(1, 0.5)
    stop.set()
    other.join()
    assert len(ticks) > 10


def test_an_exception_in_a_progress_bar_stops_the_work():
    class Broken(Recorder):
        def advance(self, task, steps):
            raise RuntimeError("no space left on screen")

    begin = time.perf_counter()
    with pytest.raises(RuntimeError, match="no space left"):
        _neuropil.count_slowly(1000, 0.01, Broken())
    assert time.perf_counter() - begin < 2


def test_bad_input_is_an_input_error():
    with pytest.raises(npl.InputError, match="got -1"):
        _neuropil.count_slowly(1, -1.0)
    with pytest.raises(ValueError, match="got NaN"):
        _neuropil.count_slowly(1, float("nan"))


def test_work_in_another_thread_finishes():
    results = []
    other = _thread.start_new_thread(lambda: results.append(_neuropil.count_slowly(5, 0.01)), ())
    assert other
    time.sleep(0.5)
    assert results == [5]


def test_tqdm_shows_the_bar(capsys):
    pytest.importorskip("tqdm")
    _neuropil.count_slowly(10, 0.02, _progress.bars(True))
    shown = capsys.readouterr().err
    assert "count" in shown
    assert "10/10" in shown


def test_without_tqdm_a_line_is_written():
    script = (
        "import sys; sys.modules['tqdm'] = None; sys.modules['tqdm.auto'] = None;"
        "from neuropil import _neuropil, _progress; _neuropil.count_slowly(3, 0.0, _progress.bars(1))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stderr.startswith("count: 3 of 3, ")


def test_no_progress_is_shown_unless_asked_for():
    assert _progress.bars(False) is None
    assert _progress.bars(0) is None
