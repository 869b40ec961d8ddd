"""NEST runs what we export, and fires as we do."""

import importlib.util
import json
import subprocess
import sys

import numpy as np
import pytest
from neuropil.spikes import Network, Population

needs_nest = pytest.mark.skipif(
    importlib.util.find_spec("nest") is None, reason="nest-simulator has no wheel for this platform"
)


def in_nest(network, folder, level, seconds, seed=1):
    """Mean and variance of the activity (Hz, Hz^2) of every population in a run of the exported script."""
    script = folder / f"{level}.py"
    script.write_text(network.to_nest(level, dt=0.0005))
    arguments = ["--seconds", str(seconds), "--seed", str(seed)]
    # NEST in a process of its own: it changes signal handlers and thread settings of the process that imports it
    done = subprocess.run([sys.executable, script, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.strip().splitlines()[-1])
    return np.array(found["mean_hz"]), np.array(found["variance_hz2"])


def test_a_description_comes_back():
    circuit = Network.winner_take_all()
    described = json.loads(circuit.to_nest(form="json"))
    back = Network.from_nest(described)
    assert np.allclose(back.coupling, circuit.coupling)
    assert back.sizes == circuit.sizes


@needs_nest
@pytest.mark.parametrize("level", ["micro", "meso"])
def test_the_circuit_fires_alike(tmp_path, level):
    circuit = Network.winner_take_all()
    theirs, _ = in_nest(circuit, tmp_path, level, 5)
    ours = circuit.simulate_meso(21.0, dt=0.0005, seed=1).activity[2000:].mean(axis=0)
    # 4 s without a switch of state leave 0.2 Hz of noise in 200 neurons; which one wins is chance
    assert abs(theirs[2] - ours[2]) < 0.6
    assert abs(theirs[:2].sum() - ours[:2].sum()) < 2.0


@needs_nest
@pytest.mark.parametrize(("mu", "rate", "variance"), [(20.0, 31.93, 130.0), (15.0, 20.41, 82.1)])
def test_a_population_alone_has_the_same_rate_and_noise(tmp_path, mu, rate, variance):
    alone = Network([Population(n_neurons=500, mu=mu, threshold=10.0, softness=2.0)], [[0.0]])
    theirs, their_variance = in_nest(alone, tmp_path, "meso", 21)
    run = alone.simulate_meso(21.0, dt=0.0005, seed=3).activity[2000:, 0]
    # 20 s: standard errors of 0.04 Hz and 1 Hz^2
    assert abs(theirs[0] - rate) < 0.15
    assert abs(run.mean() - rate) < 0.15
    assert abs(their_variance[0] - variance) < 4.0
    assert abs(run.var() - variance) < 4.0


@needs_nest
def test_adaptation_delay_and_inhibition_act_alike(tmp_path):
    population = Population(n_neurons=500, mu=40.0, threshold=10.0, softness=2.0, tau_s=0.002, adaptation=((1.0, 0.5),))
    network = Network([population], [[-25.0]], delay=0.0005)
    theirs, their_variance = in_nest(network, tmp_path, "meso", 11)
    runs = [network.simulate_meso(11.0, dt=0.0005, seed=seed).activity[2000:, 0] for seed in range(3)]
    assert abs(theirs[0] - 22.67) < 0.15
    assert abs(np.mean(runs) - 22.67) < 0.1
    assert abs(their_variance[0] - 97.0) < 6.0
    assert abs(np.var(runs, axis=1).mean() - 97.0) < 4.0
