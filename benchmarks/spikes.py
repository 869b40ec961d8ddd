"""The spikes room beside its peers: the winner-take-all circuit on one thread.

Every comparison first shows that both sides have the same statistics (the inhibitory population, which takes no part in
the slow switching of the other two, within 0.6 Hz; the sum of the two that switch within 3 Hz), then times them
in turn. No side records spikes, and building a network is not timed. All run on one thread, but the fit on two.

NEST gif_pop_psc_exp
    The mesoscopic equations with the same number of age bins. It refuses empty adaptation lists, so one term of
    amplitude zero is carried.
NEST gif_psc_exp
    Every neuron, 680,000 synapses at 1000 neurons.
Brian2
    Every neuron, with the input of a population computed once per step and shared: faster than synapses.
NumPy
    The published likelihood with finite differences. Its value and gradient without the published approximations agree
    with ours before either is timed; the reduced age grid says how far it is from 250 bins.
"""

import json
import os
import subprocess
import sys
import warnings
from functools import partial
from importlib.metadata import version
from pathlib import Path

import numpy as np
import spikes_likelihood as published
from measure import Row, alternate
from measure import seconds as wall_time

DT = 0.0002
# NEST greets on standard output, where the tables go.
os.environ.setdefault("PYNEST_QUIET", "1")


def circuit(scale=1):
    """The winner-take-all circuit with `scale` times its neurons."""
    from dataclasses import replace

    from neuropil.spikes import Network

    network = Network.winner_take_all()
    populations = [replace(p, n_neurons=p.n_neurons * scale) for p in network.populations]
    return Network(populations, network.coupling)


def agree(theirs, ours, what):
    """Stop when two sets of rates belong to different circuits."""
    theirs, ours = np.asarray(theirs), np.asarray(ours)
    slow, inhibitory = abs(theirs[:2].sum() - ours[:2].sum()), abs(theirs[2] - ours[2])
    if slow > 3.0 or inhibitory > 0.6:
        raise SystemExit(f"{what}: rates {theirs} and {ours} differ; nothing was timed")
    return f"inhibitory rate within {inhibitory:.2f} Hz, excitatory sum within {slow:.2f} Hz"


def nest_network(level, dt, age_bins=None, scale=1):
    """Build the circuit in NEST; the populations and recorders."""
    import nest

    described = json.loads(circuit(scale).to_nest(level, form="json", dt=dt, age_bins=age_bins))
    nest.verbosity = nest.VerbosityLevel.ERROR
    nest.ResetKernel()
    nest.set(resolution=dt * 1e3, rng_seed=1, local_num_threads=1)
    populations = []
    for population in described["populations"]:
        count = 1 if level == "meso" else population["n_neurons"]
        populations.append(nest.Create(described["model"], count, params=population["params"]))
    for connection in described["connections"]:
        nest.Connect(
            populations[connection["from"]],
            populations[connection["to"]],
            "all_to_all",
            {"weight": connection["weight_pA"], "delay": connection["delay_ms"]},
        )
    return populations


def nest_rates(level, seconds, dt, age_bins=None, scale=1):
    """Rates of the circuit in NEST after half a second."""
    import nest

    populations = nest_network(level, dt, age_bins, scale)
    sizes = circuit(scale).sizes
    recorders = []
    for nodes in populations:
        if level == "meso":
            recorder = nest.Create("multimeter", params={"record_from": ["n_events"], "interval": dt * 1e3})
            nest.Connect(recorder, nodes)
        else:
            recorder = nest.Create("spike_recorder")
            nest.Connect(nodes, recorder)
        recorders.append(recorder)
    nest.Simulate(seconds * 1e3)
    rates = []
    for recorder, n in zip(recorders, sizes, strict=True):
        events = recorder.get("events")
        late = np.asarray(events["times"]) > 500.0
        spikes = np.asarray(events["n_events"])[late].sum() if level == "meso" else late.sum()
        rates.append(spikes / n / (seconds - 0.5))
    return rates


def nest_run(level, seconds, dt, age_bins=None, scale=1):
    """A function that simulates a network that is built already; every call goes on where the last one ended."""
    import nest

    nest_network(level, dt, age_bins, scale)
    return partial(nest.Simulate, seconds * 1e3)


def our_rates(run, dt):
    """Mean activity after half a second."""
    return run.activity[round(0.5 / dt) :].mean(axis=0)


class Brian:
    """Brian2 in an interpreter of its own, because it wants NumPy 1; it keeps its network between runs."""

    def __init__(self, python, scale):
        network = circuit(scale)
        described = {
            "sizes": network.sizes,
            "coupling": np.asarray(network.coupling).tolist(),
            "tau_s": [p.tau_s for p in network.populations],
            "dt": DT,
        }
        script = Path(__file__).with_name("spikes_brian.py")
        self.worker = subprocess.Popen([python, script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.version = self.ask(described)["version"]

    def ask(self, question):
        """Send one line of JSON, return the answer."""
        self.worker.stdin.write(json.dumps(question) + "\n")
        self.worker.stdin.flush()
        answer = self.worker.stdout.readline()
        if not answer:
            raise SystemExit("Brian2 ended; its message stands above")
        return json.loads(answer)

    def run(self, seconds):
        """Simulate on from where the last run ended; mean rates since the begin."""
        return self.ask({"run": seconds})["rates"]

    def close(self):
        """End the interpreter."""
        self.worker.stdin.close()
        self.worker.wait()


def meso(repeats, quick):
    """The mesoscopic simulator against NEST at equal age bins, and with folded ages."""
    seconds = 4.0 if quick else 20.0
    network = circuit()
    theirs = nest_rates("meso", 40.0, DT, 500)
    for fold, wanted in ((1, 5.0), (8, 20.0), (16, 20.0)):
        ours = our_rates(network.simulate_meso(40.0, dt=DT, age_bins=500, fold=fold), DT)
        agreement = agree(theirs, ours, f"meso, fold {fold}")
        yield Row(
            f"mesoscopic circuit, dt 0.2 ms, {seconds:g} s, 500 age bins"
            + (f", ours folded by {fold}" if fold > 1 else ""),
            "NEST gif_pop_psc_exp",
            version("nest-simulator"),
            agreement,
            *alternate(
                nest_run("meso", seconds, DT, 500),
                partial(network.simulate_meso, seconds, dt=DT, age_bins=500, fold=fold),
                repeats,
            ),
            wanted,
        )


def micro(repeats, quick):
    """Every neuron, against NEST and Brian2."""
    seconds = 1.0 if quick else 5.0
    network = circuit()
    theirs = nest_rates("micro", 20.0, DT)
    for algorithm, wanted in (("cohort", 40.0), ("clock", 5.0)):
        ours = our_rates(network.simulate_micro(20.0, algorithm=algorithm), DT)
        yield Row(
            f"1000 neurons, dt 0.2 ms, {seconds:g} s, ours: {algorithm}",
            "NEST gif_psc_exp (building not timed)",
            version("nest-simulator"),
            agree(theirs, ours, f"micro, {algorithm}"),
            *alternate(
                nest_run("micro", seconds, DT), partial(network.simulate_micro, seconds, algorithm=algorithm), repeats
            ),
            wanted,
        )


def brian(repeats, quick):
    """Every neuron, against Brian2's compiled code."""
    python = os.environ.get("BRIAN_PYTHON")
    if python is None:
        print("Brian2 is left out: set BRIAN_PYTHON to an interpreter that has it", file=sys.stderr)
        return
    for scale, seconds, wanted in ((1, 1.0 if quick else 5.0, 20.0), (100, 0.2, 250.0)):
        network = circuit(scale)
        peer = Brian(python, scale)
        # Both begin with all neurons silent for a refractory period and are compared over the same time.
        theirs = peer.run(max(seconds, 1.0) if scale == 1 else seconds)
        ours = network.simulate_micro(max(seconds, 1.0) if scale == 1 else seconds, dt=DT).activity.mean(axis=0)
        yield Row(
            f"{1000 * scale} neurons, dt 0.2 ms, {seconds:g} s",
            "Brian2, shared inputs, Cython",
            peer.version,
            agree(theirs, ours, "Brian2"),
            *alternate(partial(peer.run, seconds), partial(network.simulate_micro, seconds, dt=DT), repeats),
            wanted,
        )
        peer.close()


def recording():
    """Ten seconds of nine neurons after one of history, the activity (Hz) of all, and both as NumPy wants them."""
    from neuropil.spikes import bin_spikes

    run = circuit().simulate_micro(11.0, record=3, seed=3, start=[20.0, 5.0, 25.0])
    counts = run.counts.reshape(-1, 20, 3).sum(axis=1)
    fractions = counts / published.SIZES
    trains = run.spikes
    spikes = bin_spikes(trains, published.DT).trials[0].reshape(2750, 3, 3) > 0
    history = spikes[:250]
    rate = history.sum(axis=(0, 2)) / (3 * 250 * published.DT)
    age = np.array([[np.append(history[::-1, m, i].nonzero()[0], 250)[0] for i in range(3)] for m in range(3)])
    return trains, fractions[250:] / published.DT, (fractions[250:], spikes[250:], rate, age)


def relative(a, b):
    """Largest difference of two vectors as a fraction of the largest entry."""
    return float(np.max(np.abs(np.asarray(a) - np.asarray(b))) / np.max(np.abs(b)))


def likelihood(repeats, quick):
    """Value and gradient of the joint likelihood against finite differences."""
    from neuropil.spikes import JointLikelihood

    published.check()
    trains, activity, data = recording()
    network = circuit().reduced()

    def ours(prepared):
        found = prepared.gradient(network, [activity])
        # One strength scales a whole row of couplings.
        strength = (found.coupling * published.SIGNS).sum(axis=1)
        return -found.latent - found.observed, -np.concatenate([found.leak, strength, found.mu, found.threshold])

    full = JointLikelihood(network, trains, age_bins=250, old_ages="dropped")
    reduced = JointLikelihood(network, trains)
    value, gradient = ours(full)
    of_value = abs(value / sum(published.exact_loss(published.PARAMETERS, *data)) - 1.0)
    of_gradient = relative(gradient, published.central_gradient(published.PARAMETERS, *data))
    if of_value > 1e-8 or of_gradient > 1e-5:
        raise SystemExit(
            f"likelihood: value differs by {of_value:.1e}, gradient by {of_gradient:.1e}; nothing was timed"
        )
    short_value, short_gradient = ours(reduced)
    off_value, off_gradient = abs(short_value / value - 1.0), relative(short_gradient, gradient)
    if off_value > 0.01 or off_gradient > 0.05:
        raise SystemExit(
            f"reduced age grid: value off by {off_value:.1e}, gradient by {off_gradient:.1e}; nothing was timed"
        )
    for prepared, wanted, agreement in (
        (full, 200.0, f"value within {of_value:.0e}, gradient within {of_gradient:.0e}"),
        (reduced, 1000.0, f"off the 250 bins by {off_value:.0e} in value, {off_gradient:.0e} in gradient"),
    ):
        repeated = 1 if quick else 20
        theirs, mine = alternate(
            partial(published.gradient, published.PARAMETERS, *data),
            lambda prepared=prepared, repeated=repeated: [
                prepared.gradient(network, [activity]) for _ in range(repeated)
            ],
            repeats,
        )
        yield Row(
            f"likelihood and gradient, 3 populations, 2500 steps, {prepared.age_bins} age bins",
            "NumPy, 250 age bins, finite differences",
            version("numpy"),
            agreement,
            theirs,
            [time / repeated for time in mine],
            wanted,
        )


def fit(quick):
    """A full fit against the time that it may take."""
    from neuropil.spikes import NeuLVM

    trains, activity, _ = recording()
    # dt is longer than tau_s, as published; the warning would repeat it.
    warnings.simplefilter("ignore")
    model = NeuLVM(n_restarts=1 if quick else 5, max_em=2 if quick else 20)
    took = wall_time(lambda: model.fit(trains))
    smooth = np.exp(-0.5 * (np.arange(-25, 26) / 5.0) ** 2)
    similar = [
        np.corrcoef(*(np.convolve(a[:, m], smooth, "same") for a in (model.activity_[0], activity)))[0, 1]
        for m in (0, 1)
    ]
    yield Row(
        "full fit, 10 s of 9 neurons, 5 restarts, two threads",
        "the minute it may take",
        "-",
        f"correlation with the true activity {np.mean(similar):.3f}",
        [60.0],
        [took],
        1.0,
    )


def rows(ours=True, quick=False, repeats=3):
    """All comparisons of the room, one after the other."""
    if not ours:
        return
    yield from meso(repeats, quick)
    yield from micro(repeats, quick)
    yield from brian(repeats, quick)
    yield from likelihood(repeats, quick)
    yield from fit(quick)
