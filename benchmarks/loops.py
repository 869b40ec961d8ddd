"""Plain numba loops: what a laboratory would write by hand.

They are peers, because a just-in-time compiled loop is what our users compare us with, and they are the independent
reference that the packages and neuropil are checked against before anything is timed. Nothing here imports neuropil.
"""

import math

import numpy as np
from numba import njit

UNCAPPED = np.iinfo(np.int64).max


@njit(cache=True)
def _grow(array, size):
    larger = np.empty(size, array.dtype)
    larger[: array.size] = array
    return larger


@njit(cache=True)
def exact_normal_inverse_gamma(y, hazard, mean0, k0, a0, b0, cutoff, cap, split_start=False):
    """Run-length filter for Gaussian observations of unknown mean and variance.

    A hypothesis is a number of observations since the last change. It is dropped when its weight falls below `cutoff`
    or when it would hold more than `cap` observations. With `split_start` the first segment is held twice, as "changed
    at the first sample" (weight `hazard`) and as "older than the series", which counts one observation more towards
    the cap (fast-bocpd's start).

    Returns four arrays of the length of `y` and the posterior over run lengths after the last observation:
    P(change at t), most probable run length (1 = change at t), log predictive density, hypotheses alive,
    and (run lengths, weights).
    """
    n_steps = y.size
    p_change = np.empty(n_steps)
    map_run = np.empty(n_steps, np.int64)
    log_predictive = np.empty(n_steps)
    alive = np.empty(n_steps, np.int64)

    room = 1024
    run = np.empty(room, np.int64)
    mean = np.empty(room)
    b = np.empty(room)
    weight = np.empty(room)
    score = np.empty(room)
    run[0], mean[0], b[0], weight[0] = 0, mean0, b0, 1.0
    count = 1
    if split_start:
        weight[0] = 1.0 - hazard
        run[1], mean[1], b[1], weight[1] = 0, mean0, b0, hazard
        count = 2
    older = split_start

    # k and a depend on the run length alone, and so does everything in the Student density that needs lgamma
    table = 1024
    constant = np.empty(table)
    for n in range(table):
        a, k = a0 + 0.5 * n, k0 + n
        constant[n] = math.lgamma(a + 0.5) - math.lgamma(a) - 0.5 * math.log(2.0 * math.pi * (k + 1.0) / k)

    for t in range(n_steps):
        top = -np.inf
        for i in range(count):
            n = run[i]
            k = k0 + n
            error = y[t] - mean[i]
            gain = 0.5 * error * error * k / (k + 1.0)
            score[i] = constant[n] - 0.5 * math.log(b[i]) - (a0 + 0.5 * n + 0.5) * math.log1p(gain / b[i])
            if score[i] > top:
                top = score[i]
            mean[i] += error / (k + 1.0)
            b[i] += gain
            run[i] = n + 1
        total = 0.0
        for i in range(count):
            weight[i] *= math.exp(score[i] - top)
            total += weight[i]
        log_predictive[t] = top + math.log(total)

        kept = 0
        mass = 0.0
        for i in range(count):
            w = weight[i] / total
            if i == 0 and older and (w < cutoff or run[0] >= cap):
                older = False
            elif w >= cutoff and run[i] <= cap:
                run[kept], mean[kept], b[kept], weight[kept] = run[i], mean[i], b[i], w
                mass += w
                kept += 1
        count = kept
        best = 0
        for i in range(count):
            weight[i] /= mass
            if weight[i] > weight[best]:
                best = i
        # the youngest hypothesis stands last; it may have been dropped
        p_change[t] = weight[count - 1] if run[count - 1] == 1 else 0.0
        map_run[t] = run[best]
        alive[t] = count

        if t + 1 < n_steps:
            for i in range(count):
                weight[i] *= 1.0 - hazard
            if count == room:
                room *= 2
                run, mean, b = _grow(run, room), _grow(mean, room), _grow(b, room)
                weight, score = _grow(weight, room), _grow(score, room)
            run[count], mean[count], b[count], weight[count] = 0, mean0, b0, hazard
            count += 1
            if t + 2 >= table:
                constant = _grow(constant, 2 * table)
                for n in range(table, 2 * table):
                    a, k = a0 + 0.5 * n, k0 + n
                    constant[n] = math.lgamma(a + 0.5) - math.lgamma(a) - 0.5 * math.log(2.0 * math.pi * (k + 1.0) / k)
                table *= 2
    return p_change, map_run, log_predictive, alive, run[:count].copy(), weight[:count].copy()


@njit(cache=True)
def varsmile_gaussian(y, modulation, sigma, mean0, sd0):
    """VarSMiLe for Gaussian observations of known standard deviation.

    Returns the estimate after each observation, the natural logarithm of the Bayes Factor surprise and the adaptation
    rate.
    """
    n_steps = y.size
    estimate = np.empty(n_steps)
    log_surprise = np.empty(n_steps)
    rate = np.empty(n_steps)
    variance = sigma * sigma
    nu0 = variance / (sd0 * sd0)
    mean, nu = mean0, nu0
    prior_variance = variance * (1.0 + 1.0 / nu0)
    log_modulation = math.log(modulation)
    for t in range(n_steps):
        spread = variance * (1.0 + 1.0 / nu)
        under_prior = y[t] - mean0
        under_belief = y[t] - mean
        log_surprise[t] = 0.5 * (
            under_belief * under_belief / spread
            - under_prior * under_prior / prior_variance
            + math.log(spread / prior_variance)
        )
        gamma = 1.0 / (1.0 + math.exp(-(log_modulation + log_surprise[t])))
        kept = (1.0 - gamma) * nu
        drawn = gamma * nu0
        nu = kept + drawn + 1.0
        mean = (kept * mean + drawn * mean0 + y[t]) / nu
        estimate[t] = mean
        rate[t] = gamma
    return estimate, log_surprise, rate


def changing_gaussian(n_steps, hazard, seed, sigma=1.0, prior_sd=3.0):
    """Gaussian observations whose mean is drawn anew from N(0, prior_sd^2) with probability `hazard` at each step."""
    draw = np.random.default_rng(seed)
    change = draw.random(n_steps) < hazard
    change[0] = True
    level = draw.normal(0.0, prior_sd, n_steps)[np.maximum.accumulate(np.where(change, np.arange(n_steps), 0))]
    return level + sigma * draw.normal(size=n_steps)
