#!/usr/bin/env python3
"""A network exported by neuropil, for NEST (3.0 or later).

    python3 SCRIPT.py [--seconds 10] [--seed 1] [--threads 1]

Prints one JSON document: the mean activity of every population (Hz) and its variance per time step (Hz^2), after the
first second. MPI: mpirun -n 4 python3 SCRIPT.py (every process prints the spikes that it counted).
"""

import argparse
import json

import nest

NETWORK = json.loads(r"""
@NETWORK@
""")


def build(network):
    """Populations, their connections, and one recorder for each."""
    populations, recorders = [], []
    meso = network["model"] == "gif_pop_psc_exp"
    for population in network["populations"]:
        count = 1 if meso else population["n_neurons"]
        nodes = nest.Create(network["model"], count, params=population["params"])
        if meso:
            recorder = nest.Create("multimeter", params={"record_from": ["n_events"], "interval": network["dt_ms"]})
            nest.Connect(recorder, nodes)
        else:
            recorder = nest.Create("spike_recorder")
            nest.Connect(nodes, recorder)
        populations.append(nodes)
        recorders.append(recorder)
    for connection in network["connections"]:
        nest.Connect(
            populations[connection["from"]],
            populations[connection["to"]],
            "all_to_all",
            {"weight": connection["weight_pA"], "delay": connection["delay_ms"]},
        )
    return recorders


def activity(network, recorders, seconds, dropped=1.0):
    """Mean and variance of the activity of every population after the first `dropped` seconds."""
    dt = network["dt_ms"] / 1e3
    first, n_steps = round(dropped / dt), round(seconds / dt)
    found = {"mean_hz": [], "variance_hz2": []}
    for population, recorder in zip(network["populations"], recorders):
        events = recorder.get("events")
        counts = [0.0] * (n_steps + 1)
        if "n_events" in events:
            for time, n in zip(events["times"], events["n_events"]):
                counts[min(round(time / 1e3 / dt), n_steps)] += n
        else:
            for time in events["times"]:
                counts[min(round(time / 1e3 / dt), n_steps)] += 1
        rates = [n / (population["n_neurons"] * dt) for n in counts[first + 1 :]]
        mean = sum(rates) / len(rates)
        found["mean_hz"].append(mean)
        found["variance_hz2"].append(sum((rate - mean) ** 2 for rate in rates) / (len(rates) - 1))
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    if hasattr(nest, "VerbosityLevel"):
        nest.verbosity = nest.VerbosityLevel.ERROR
    else:
        nest.set_verbosity("M_ERROR")
    nest.ResetKernel()
    nest.set(resolution=NETWORK["dt_ms"], rng_seed=options.seed, local_num_threads=options.threads)
    recorders = build(NETWORK)
    nest.Simulate(options.seconds * 1e3)
    print(json.dumps(activity(NETWORK, recorders, options.seconds)))


if __name__ == "__main__":
    main()
