"""Spike trains in NWB files, to and from pynwb."""

from datetime import datetime, timezone

import neuropil as npl
import numpy as np
import pytest
from neuropil.spikes import SpikeTrains

pynwb = pytest.importorskip("pynwb")

TRAINS = [np.array([0.1, 0.4, 0.9]), np.array([0.2]), np.array([0.05, 0.7])]


@pytest.fixture
def session(tmp_path):
    """A session of three units and two trials, written by pynwb."""
    file = pynwb.NWBFile("a test", "one", datetime(2024, 1, 1, tzinfo=timezone.utc))
    file.add_unit_column("cell_type", "kind of neuron")
    for train, kind in zip(TRAINS, ["E", "E", "I"], strict=True):
        file.add_unit(spike_times=train, obs_intervals=[[0.0, 1.5]], cell_type=kind)
    file.add_trial(start_time=0.0, stop_time=0.5)
    file.add_trial(start_time=0.5, stop_time=1.0)
    path = tmp_path / "session.nwb"
    with pynwb.NWBHDF5IO(str(path), "w") as io:
        io.write(file)
    return path


def test_files_of_pynwb_are_read(session):
    read = npl.data.load_spikes(session, population="cell_type")
    assert (read.n_neurons, read.n_spikes, read.t_start, read.t_stop) == (3, 6, [0.0], [1.5])
    assert read.populations == ["E", "E", "I"]
    assert all(np.array_equal(read.times(i), train) for i, train in enumerate(TRAINS))
    split = npl.data.load_spikes(session, trials="trials")
    assert split.n_trials == 2
    assert np.allclose(split.times(0, 1), [0.4])


def test_pynwb_reads_what_we_write(tmp_path):
    path = tmp_path / "ours.nwb"
    trains = SpikeTrains([TRAINS, TRAINS], t_stop=2.0, neurons=["a", "b", "c"], populations=["E", "E", "I"])
    trains.save(path)
    with pynwb.NWBHDF5IO(str(path), "r") as io:
        file = io.read()
        units = file.units.to_dataframe()
        assert units["population"].tolist() == ["E", "E", "I"]
        assert units["unit_name"].tolist() == ["a", "b", "c"]
        assert np.allclose(units["spike_times"][0], [0.1, 0.4, 0.9, 2.1, 2.4, 2.9])
        assert np.allclose(units["obs_intervals"][2], [[0.0, 4.0]])
        assert file.trials.to_dataframe()["start_time"].tolist() == [0.0, 2.0]
        assert file.session_start_time == datetime(1970, 1, 1, tzinfo=timezone.utc)
        assert file.identifier == file.identifier.lower()
    back = npl.data.load_spikes(path, trials="trials")
    assert (back.neurons, back.populations, back.t_stop) == (["a", "b", "c"], ["E", "E", "I"], [2.0, 2.0])
    assert np.allclose(back.times(0, 1), TRAINS[0])


def test_our_files_are_valid_nwb(tmp_path):
    path = tmp_path / "ours.nwb"
    SpikeTrains([TRAINS], t_stop=1.0).save(path)
    with pynwb.NWBHDF5IO(str(path), "r") as io:
        assert pynwb.validate(io=io) == []


def test_an_nwb_file_can_be_extended_by_pynwb(tmp_path):
    path = tmp_path / "ours.nwb"
    SpikeTrains([TRAINS], t_stop=1.0).save(path)
    with pynwb.NWBHDF5IO(str(path), "r+") as io:
        file = io.read()
        file.add_acquisition(nwbdata=pynwb.TimeSeries(name="x", data=[1.0, 2.0], unit="V", rate=1.0))
        io.write(file)
    assert npl.data.load_spikes(path).n_spikes == 6
