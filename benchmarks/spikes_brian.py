"""The winner-take-all circuit in Brian2, for `spikes.py`; runs in an interpreter of its own, because it wants NumPy 1.

The first line on standard input describes the circuit, every further one asks to run on: ``{"run": seconds}``. Every
answer is one line of JSON on standard output.
"""

import json
import sys

import brian2 as b
import numpy as np


def network(circuit):
    """The circuit with shared inputs; the rates are those since the begin."""
    b.prefs.codegen.target = "cython"
    b.seed(1)
    b.defaultclock.dt = circuit["dt"] * b.second
    equations = """
    du/dt = (mu - u) / tau + drive : 1 (unless refractory)
    drive : Hz (shared)
    rate = 10 * exp((u - 15) / 2.5) * Hz : Hz
    """
    sizes, coupling = circuit["sizes"], np.array(circuit["coupling"])
    groups = [
        b.NeuronGroup(
            n,
            equations,
            threshold="rand() < 1 - exp(-rate * dt)",
            reset="u = 0",
            refractory=4 * b.ms,
            method="euler",
            namespace={"mu": 36.0, "tau": 20 * b.ms},
        )
        for n in sizes
    ]
    monitors = [b.PopulationRateMonitor(group) for group in groups]
    traces = np.zeros(len(sizes))
    decay = np.exp(-circuit["dt"] / np.array(circuit["tau_s"]))

    @b.network_operation(when="start")
    def inputs():
        for k, group in enumerate(groups):
            activity = len(group.spikes) / (sizes[k] * circuit["dt"])
            traces[k] = decay[k] * traces[k] + (1 - decay[k]) * activity
        total = traces @ coupling
        for k, group in enumerate(groups):
            group.drive = total[k] * b.Hz

    collected = b.Network(*groups, *monitors, inputs)
    return collected, lambda: [float(np.mean(monitor.rate / b.Hz)) for monitor in monitors]


def main():
    """Answer until standard input ends."""
    collected, rates = network(json.loads(sys.stdin.readline()))
    print(json.dumps({"version": b.__version__}), flush=True)
    for line in sys.stdin:
        collected.run(json.loads(line)["run"] * b.second)
        print(json.dumps({"rates": rates()}), flush=True)


if __name__ == "__main__":
    main()
