"""The likelihood of hidden activity in NumPy, with a gradient by finite differences, as the published program does it.

Checks its loss against the value that the Rust tests hold (C11 of the room's exact checks), then times one value and one
gradient of the twelve parameters for 3 populations, 2500 steps and 250 age bins. One JSON line per benchmark on standard
output: ``{"bench": ..., "steps": 2500, "seconds": [...]}``; compare with ``cargo bench -p neuropil-spikes --bench likelihood``.
"""

import json
import sys
import time

import numpy as np

DT = 0.004
AGES = 250
SIZES = np.array([400.0, 400.0, 200.0])
SIGNS = np.array([[1.0, 0.0, 1.0], [0.0, 1.0, 1.0], [-1.0, -1.0, -1.0]])
SYNAPTIC_DECAY = np.exp(-DT / np.array([0.003, 0.003, 0.006]))
INTERVALS = np.array([13, 50, 10])
PARAMETERS = np.concatenate([[50.0] * 3, [9.984, 9.984, 19.968], [14.4] * 3, [3.7] * 3])


def activity(first, n_steps):
    t = np.arange(first, first + n_steps)[:, None]
    rate, period = np.array([20.0, 5.0, 25.0]), np.array([97.0, 61.0, 43.0])
    return DT * rate * (1.0 + 0.3 * np.sin(2.0 * np.pi * t / period))


def spikes(first, n_steps):
    """Time x population x neuron."""
    t = np.arange(first, first + n_steps)[:, None, None]
    start = (7 * np.arange(3)[None, :] + 3) % INTERVALS[:, None]
    return (t >= start) & ((t - start) % INTERVALS[:, None] == 0)


def loss(parameters, z, y, initial_rate, initial_age):
    """Mean loss per step and population: of the recorded spikes, and of the activity."""
    leak, strength, resting, threshold = parameters.reshape(4, 3)
    coupling = strength[:, None] * SIGNS
    ages = np.arange(AGES)
    potential_at_rest = (resting + initial_rate @ coupling / leak)[:, None]

    def stationary(age):
        return np.where(age < 0.004 - 1e-9, 0.0, potential_at_rest * -np.expm1(-leak[:, None] * age))

    fine = stationary(np.arange(int(AGES * DT / 0.001) + 1)[None, :] * 0.001)
    hazard = np.where(fine != 0.0, np.exp(fine - threshold[:, None]) * 0.001, 0.0)
    log_survivor = -np.cumsum(hazard, axis=1)[:, (ages * DT / 0.001 + 1e-9).astype(int)]
    log_survivor[:, 0] = -np.inf
    potential = stationary(ages[None, :] * DT)
    born = np.repeat((initial_rate * DT)[:, None], AGES, axis=1)
    age = initial_age.copy()
    populations = np.arange(3)[:, None]
    trace = initial_rate.copy()
    observed = latent = 0.0
    for t in range(len(z)):
        if t:
            trace = SYNAPTIC_DECAY * trace + (1.0 - SYNAPTIC_DECAY) * z[t - 1] / DT
        drive = trace @ coupling
        moved = potential[:, :-1] + DT * (leak[:, None] * (resting[:, None] - potential[:, :-1]) + drive[:, None])
        potential = np.concatenate([np.zeros((3, 1)), moved], axis=1)
        hazard = np.exp(potential - threshold[:, None]) * DT
        hazard[:, 0] = 1e-8
        fires = np.where(hazard < 0.01, hazard, -np.expm1(-hazard))
        survivor = np.exp(log_survivor)
        mass = survivor * born
        variance = (1.0 - survivor) * mass
        common = (variance * fires).sum(axis=1) / variance.sum(axis=1)
        p = np.clip((mass * fires).sum(axis=1) + common * (1.0 - mass.sum(axis=1)), 1e-8, 1.0)
        spread = (p + 0.1 * DT) / SIZES
        latent += np.sum(0.5 * np.log(2.0 * 3.14 * spread) + (z[t] - p) ** 2 / (2.0 * spread))
        cell = np.minimum(age, AGES - 1)
        observed += np.sum(np.where(y[t], -np.log(fires[populations, cell]), hazard[populations, cell]))
        age = np.where(y[t], 0, age + 1)
        log_survivor = np.concatenate([np.zeros((3, 1)), log_survivor[:, :-1] - hazard[:, :-1]], axis=1)
        born = np.concatenate([z[t][:, None], born[:, :-1]], axis=1)
    n = 3 * len(z)
    return observed / n, latent / n


def gradient(parameters, *data):
    base = sum(loss(parameters, *data))
    steps = 1e-8 * np.maximum(np.abs(parameters), 1.0)
    return [(sum(loss(parameters + step * row, *data)) - base) / step for step, row in zip(steps, np.eye(12))]


def timed(name, repeats, work):
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - start)
    print(json.dumps({"bench": name, "steps": 2500, "seconds": seconds}), flush=True)


def main():
    repeats = int(sys.argv[sys.argv.index("--repeats") + 1]) if "--repeats" in sys.argv else 3
    history = spikes(0, 250)
    # The published program starts recorded neurons one bin older than their last spike says.
    age = 250 - np.array([[history[:, m, i].nonzero()[0].max() for i in range(3)] for m in range(3)])
    observed, latent = loss(PARAMETERS, activity(250, 100), spikes(250, 100), np.array([19.0, 5.0, 25.0]), age)
    assert abs(observed / 0.805690 - 1.0) < 1e-4 and abs(latent / 168.68116 - 1.0) < 5e-3, (observed, latent)
    data = (activity(0, 2500), spikes(0, 2500), np.array([20.0, 5.0, 25.0]), np.full((3, 3), 5))
    timed("numpy likelihood, 250 age bins", repeats, lambda: loss(PARAMETERS, *data))
    timed("numpy likelihood and gradient, 250 age bins", repeats, lambda: gradient(PARAMETERS, *data))


if __name__ == "__main__":
    main()
