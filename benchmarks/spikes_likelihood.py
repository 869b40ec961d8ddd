"""The joint likelihood in NumPy, with a gradient by finite differences, as the published program computes it.

`loss` follows the published formulation. With ``linear_below=0.01`` and the start of `published_start` it has the small
print of the program and the value of the exact check of the Rust tests (`check`); with ``linear_below=0`` and the start
of `settled_start` it is the likelihood of neuropil, so that values and gradients can be compared digit by digit.
"""

import numpy as np

DT = 0.004
SIZES = np.array([400.0, 400.0, 200.0])
SIGNS = np.array([[1.0, 0.0, 1.0], [0.0, 1.0, 1.0], [-1.0, -1.0, -1.0]])
SYNAPTIC_DECAY = np.exp(-DT / np.array([0.003, 0.003, 0.006]))
# Leak rates (1/s), strengths, resting potentials and thresholds of the circuit, in units of the softness.
PARAMETERS = np.concatenate([[50.0] * 3, [9.984, 9.984, 19.968], [14.4] * 3, [6.0 - np.log(10.0)] * 3])


def unpacked(parameters):
    """Leak rates, couplings, resting potentials and thresholds."""
    leak, strength, resting, threshold = parameters.reshape(4, 3)
    return leak, strength[:, None] * SIGNS, resting, threshold


def published_start(parameters, rate, ages):
    """Potentials and log-survivors at constant rates (Hz) by a quadrature of 1 ms; the youngest cohort is empty."""
    leak, coupling, resting, threshold = unpacked(parameters)
    at_rest = (resting + rate @ coupling / leak)[:, None]

    def stationary(age):
        return np.where(age < 0.004 - 1e-9, 0.0, at_rest * -np.expm1(-leak[:, None] * age))

    fine = stationary(np.arange(int(ages * DT / 0.001) + 1)[None, :] * 0.001)
    hazard = np.where(fine != 0.0, np.exp(fine - threshold[:, None]) * 0.001, 0.0)
    log_survivor = -np.cumsum(hazard, axis=1)[:, (np.arange(ages) * DT / 0.001 + 1e-9).astype(int)]
    log_survivor[:, 0] = -np.inf
    return stationary(np.arange(ages)[None, :] * DT), log_survivor


def settled_start(parameters, rate, ages):
    """Potentials and log-survivors after any number of steps of the recursion at constant rates (Hz)."""
    leak, coupling, resting, threshold = unpacked(parameters)
    at_rest = (resting + rate @ coupling / leak)[:, None]
    age = np.arange(ages)[None, :]
    potential = np.where(age < 1, 0.0, at_rest * (1.0 - (1.0 - DT * leak[:, None]) ** age))
    hazard = np.where(age < 1, 0.0, np.exp(potential - threshold[:, None]) * DT)
    return potential, np.concatenate([np.zeros((3, 1)), -np.cumsum(hazard, axis=1)[:, :-1]], axis=1)


def loss(
    parameters, z, y, rate, age, ages=250, start=published_start, linear_below=0.01, refractory=1e-8, two_pi=2.0 * 3.14
):
    """Negative log-likelihood (nats) of the recorded spikes and of the activity.

    `z` is the fraction of neurons per bin (time, population), `y` the spikes (time, population, neuron), `rate` the
    activity before the first bin, `age` the bins since the last spike of every recorded neuron. Below `linear_below`
    the probability to fire is taken for the expected number of spikes, `refractory` is that number in the refractory
    bin.
    """
    leak, coupling, resting, threshold = unpacked(parameters)
    potential, log_survivor = start(parameters, rate, ages)
    born = np.repeat((rate * DT)[:, None], ages, axis=1)
    age = age.copy()
    populations = np.arange(3)[:, None]
    trace = rate.copy()
    observed = latent = 0.0
    for t in range(len(z)):
        if t:
            trace = SYNAPTIC_DECAY * trace + (1.0 - SYNAPTIC_DECAY) * z[t - 1] / DT
        drive = trace @ coupling
        moved = potential[:, :-1] + DT * (leak[:, None] * (resting[:, None] - potential[:, :-1]) + drive[:, None])
        potential = np.concatenate([np.zeros((3, 1)), moved], axis=1)
        hazard = np.exp(potential - threshold[:, None]) * DT
        hazard[:, 0] = refractory
        fires = np.where(hazard < linear_below, hazard, -np.expm1(-hazard))
        survivor = np.exp(log_survivor)
        mass = survivor * born
        variance = (1.0 - survivor) * mass
        common = (variance * fires).sum(axis=1) / variance.sum(axis=1)
        p = np.clip((mass * fires).sum(axis=1) + common * (1.0 - mass.sum(axis=1)), 1e-8, 1.0)
        spread = (p + 0.1 * DT) / SIZES
        latent += np.sum(0.5 * np.log(two_pi * spread) + (z[t] - p) ** 2 / (2.0 * spread))
        cell = np.minimum(age, ages - 1)
        observed += np.sum(
            np.where(y[t], -np.log(np.maximum(fires[populations, cell], 1e-8)), hazard[populations, cell])
        )
        age = np.where(y[t], 0, age + 1)
        log_survivor = np.concatenate([np.zeros((3, 1)), log_survivor[:, :-1] - hazard[:, :-1]], axis=1)
        born = np.concatenate([z[t][:, None], born[:, :-1]], axis=1)
    return observed, latent


def exact_loss(parameters, *data):
    """`loss` without the approximations of the program: what neuropil computes."""
    return loss(parameters, *data, start=settled_start, linear_below=0.0, refractory=0.0, two_pi=2.0 * np.pi)


def gradient(parameters, *data):
    """Forward differences, as the optimiser of the published program takes them: thirteen values."""
    base = sum(loss(parameters, *data))
    steps = 1e-8 * np.maximum(np.abs(parameters), 1.0)
    return np.array(
        [(sum(loss(parameters + step * row, *data)) - base) / step for step, row in zip(steps, np.eye(12), strict=True)]
    )


def central_gradient(parameters, *data):
    """Central differences of `exact_loss`."""
    steps = 1e-5 * np.maximum(np.abs(parameters), 1.0)
    rows = zip(steps, np.eye(12), strict=True)
    return np.array(
        [
            (sum(exact_loss(parameters + s * row, *data)) - sum(exact_loss(parameters - s * row, *data))) / (2 * s)
            for s, row in rows
        ]
    )


def check():
    """The value that the published program gives for sine waves of activity and regular spikes."""
    intervals = np.array([13, 50, 10])
    t = np.arange(350)
    waves = 1.0 + 0.3 * np.sin(2.0 * np.pi * t[:, None] / np.array([97.0, 61.0, 43.0]))
    activity = DT * np.array([20.0, 5.0, 25.0]) * waves
    first = (7 * np.arange(3)[None, :] + 3) % intervals[:, None]
    spikes = (t[:, None, None] >= first) & ((t[:, None, None] - first) % intervals[:, None] == 0)
    # The program starts recorded neurons one bin older than their last spike says.
    age = 250 - np.array([[spikes[:250, m, i].nonzero()[0].max() for i in range(3)] for m in range(3)])
    parameters = PARAMETERS.copy()
    parameters[9:] = 3.7
    observed, latent = loss(parameters, activity[250:], spikes[250:], np.array([19.0, 5.0, 25.0]), age)
    if abs(observed / 300 / 0.805690 - 1.0) > 1e-4 or abs(latent / 300 / 168.68116 - 1.0) > 5e-3:
        raise SystemExit(f"the published loss is {observed / 300}, {latent / 300}; nothing was timed")
