"""The room of spikes from Python."""

import pickle

import neuropil as npl
import numpy as np
import pytest
from neuropil import spikes
from neuropil.spikes import Network, NeuLVM, Population, SpikeTrains


@pytest.fixture(scope="module")
def recording():
    """Nine neurons of the winner-take-all circuit, 6 s, with the true activity."""
    circuit = Network.winner_take_all()
    return circuit.simulate_micro(6.0, seed=1, record=3, start=[20, 5, 25])


def test_micro_and_meso_have_the_rates_of_the_circuit(recording):
    assert recording.activity.shape == (30_000, 3)
    assert recording.spikes.n_neurons == 9
    assert recording.spikes.labels.tolist() == [0, 0, 0, 1, 1, 1, 2, 2, 2]
    meso = Network.winner_take_all().simulate_meso(6.0, dt=0.001, seed=2, fold=4, start=[20, 5, 25])
    assert abs(meso.activity[:, 2].mean() - recording.activity[:, 2].mean()) < 1.0
    assert np.array_equal(
        meso.activity, Network.winner_take_all().simulate_meso(6.0, 0.001, 2, fold=4, start=[20, 5, 25]).activity
    )


def test_units_change_nothing():
    circuit = Network.winner_take_all()
    reduced = circuit.reduced()
    assert abs(reduced.populations[0].threshold - 3.697414907005954) < 1e-14
    assert np.allclose(reduced.with_units(2.5, 10.0).coupling, circuit.coupling)
    assert pickle.loads(pickle.dumps(circuit)) == circuit
    assert Network.from_json(circuit.to_json()) == circuit


def test_the_circuit_has_two_stable_states_and_a_saddle():
    points = Network.winner_take_all().fixed_points()
    assert [point.stable for point in points] == [False, True, True]
    plane = Network.winner_take_all().phase_plane(n=21)
    assert plane.change_x.shape == (21, 21)
    assert plane.nullcline_x.shape[1] == 2
    assert abs(Population().rate(24.0) - 24.5267) < 2.0


def test_a_drive_raises_the_driven_population():
    alone = Network([Population(n_neurons=1000, mu=15.0)], [[0.0]])
    drive = np.zeros((1000, 1))
    drive[500:] = 250.0
    run = alone.simulate_meso(1.0, dt=0.001, drive=drive)
    assert run.activity[600:].mean() > 1.5 * run.activity[100:500].mean()
    with pytest.raises(npl.InputError, match="expected 1000 x 1"):
        alone.simulate_meso(1.0, dt=0.001, drive=drive[:5])


def test_files_keep_the_trains(tmp_path, recording):
    trains = recording.spikes
    for name in ["spikes.npz", "spikes.h5", "spikes.csv"]:
        trains.save(tmp_path / name)
        read = npl.data.load_spikes(tmp_path / name, t_stop=6.0)
        assert read.n_spikes == trains.n_spikes
        assert np.allclose(read.times(4), trains.times(4), atol=1e-12)
        assert read.labels.tolist() == trains.labels.tolist()
    with pytest.raises(npl.InputError, match="exists"):
        trains.save(tmp_path / "spikes.npz")


def test_people_bring_what_they_have():
    times = [np.array([0.1, 0.12, 0.2]), np.array([0.15])]
    bins = np.zeros((100, 2))
    bins[[10, 20], 0] = 1
    # without an end of the recording it ends with the last spike, which lies behind the last whole bin
    binned = spikes.bin_spikes(times, 0.01)
    assert (binned.trials[0].sum(), binned.dropped) == (3, 1)
    assert spikes.bin_spikes(bins, 0.01).trials[0].sum() == 2

    class Support:
        start, end = np.array([0.0]), np.array([1.0])

    class Series:
        def __init__(self, t):
            self.t = t

    class Group(dict):
        time_support = Support()

    trains = spikes.bin_spikes(Group({3: Series(times[0]), 7: Series(times[1])}), 0.01)
    assert trains.trials[0].shape == (100, 2)
    with pytest.raises(npl.InputError, match="bin width dt"):
        spikes.train_statistics(bins)
    with pytest.raises(npl.InputError, match="sort the times"):
        SpikeTrains([[np.array([0.2, 0.1])]])
    with pytest.warns(UserWarning, match="1 of 4 spikes shared a bin"):
        spikes.bin_spikes(times, 0.15)


def test_description_of_trains(recording):
    found = spikes.train_statistics(recording.spikes)
    assert found.rate.shape == (9,)
    assert np.all(found.shortest_interval > 0.004)
    assert spikes.psth(recording.spikes, 0.1).rate.shape == (60, 9)
    correlations = spikes.noise_correlation(recording.spikes, 0.1)
    assert np.allclose(correlations, correlations.T, equal_nan=True)


def test_clusters_are_found_by_rate_and_rhythm(recording):
    circuit = Network.winner_take_all()
    run = circuit.simulate_micro(10.0, seed=4, record=8, start=[20, 5, 25])
    labels, silhouettes = spikes.cluster_neurons(run.spikes, 3)
    assert labels.shape == (24,)
    assert 3 in silhouettes


def test_impossible_networks_are_refused():
    with pytest.raises(npl.InputError, match="tau_m is 0"):
        Network([Population(tau_m=0.0)], [[0.0]])
    with pytest.raises(npl.InputError, match="1 x 1 for 1 populations"):
        Network([Population()], np.zeros((2, 2)))
    with pytest.raises(npl.InputError, match="clock"):
        Network([Population(adaptation=((1.0, 0.1),))], [[0.0]]).simulate_micro(0.1)
    with pytest.raises(npl.NeuropilError, match="not fitted"):
        NeuLVM().simulate(1.0)


def test_the_gradient_of_the_likelihood_is_that_of_differences(recording):
    circuit = Network.winner_take_all().reduced()
    bins = recording.activity.reshape(-1, 20, 3).mean(axis=1)[250:]
    likelihood = spikes.JointLikelihood(circuit, recording.spikes)
    found = likelihood.gradient(circuit, [bins])
    assert likelihood.value(circuit, [bins]) == (found.latent, found.observed)
    assert (found.latent, found.observed) == spikes.log_likelihood(circuit, [bins], recording.spikes)

    def total(network, activity):
        return sum(likelihood.value(network, [activity]))

    step = 1e-5
    couplings = [circuit.coupling.copy() for _ in range(2)]
    couplings[0][2, 0] -= step
    couplings[1][2, 0] += step
    low, high = (total(Network(circuit.populations, coupling), bins) for coupling in couplings)
    assert np.isclose(found.coupling[2, 0], (high - low) / (2 * step), rtol=1e-5)
    moved = [bins.copy() for _ in range(2)]
    moved[0][600, 1] -= 1e-3
    moved[1][600, 1] += 1e-3
    low, high = (total(circuit, activity) for activity in moved)
    assert np.isclose(found.activity[0][600, 1], (high - low) / 2e-3, rtol=1e-4)
    with pytest.raises(npl.InputError, match="time x population"):
        likelihood.value(circuit, [bins[1:]])
