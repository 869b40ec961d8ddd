"""The surprise room beside its peers.

Every comparison first shows that both sides compute the same thing (against the plain loops of `loops.py`, and
against neuropil), then times them in turn. The peers count run lengths and changes differently; this is how their
parameters and indices translate.

fast-bocpd
    `GaussianNIG(mu0, kappa0, alpha0, beta0)` is our normal-inverse-gamma prior (mean, k, a, b) unchanged;
    `ConstantHazard(1 / hazard)`. Index r holds r + 1 observations, and indices 0 to `max_run_length` are kept: our cap
    is `max_run_length + 1` observations. At the start the first segment is divided into "changed at the first sample"
    (weight: the hazard) and "older than the series", which reaches the cap one sample earlier. P(change) at the first
    sample is therefore the hazard there (and in neuropil, by convention) and 1 in the loops, and where a cap is
    reached in the first segment the results differ until that segment has lost its weight. `loops.py` can start in
    this way too, which shows that nothing else differs.
changepoint
    `NormalGamma(m, r, s, v)` with mean ~ N(m, 1 / (r rho)), rho ~ Gamma(v / 2, rate s / 2): m = mean, r = k, v = 2a,
    s = 2b; `lam` = 1 / hazard. The first sample only starts the clock and is not used, so it must be compared with the
    filter on `y[1:]`. Slot 0 of the vector that `step` returns is the hazard of the *next* step; the slots behind it,
    divided by 1 - hazard, are the posterior over 1, 2, ... observations. There is no truncation.
bayesian_changepoint_detection
    `StudentT(alpha, beta, kappa, mu)` is (a, b, k, mean). Row 0 of its triangle is the hazard of the next step; rows
    1, 2, ... divided by 1 - hazard are the posterior over 1, 2, ... observations.
"""

from functools import partial
from importlib.metadata import version

import numpy as np
from loops import UNCAPPED, changing_gaussian, exact_normal_inverse_gamma, varsmile_gaussian
from measure import Row, alternate

HAZARD = 1 / 200
PRIOR = {"prior_mean": 0.0, "prior_k": 1.0, "prior_a": 1.0, "prior_b": 1.0}
MEAN, K, A, B = PRIOR.values()
CUTOFF = 1e-12


def largest_difference(a, b):
    return float(np.max(np.abs(np.asarray(a) - np.asarray(b))))


# The read-outs that the change-point packages compute as well; P(change) is always among ours.
LIKE_PEERS = ["shannon_surprise", "map_run_length"]


def require(name, difference, tolerance):
    """Stops the comparison when the two sides do not compute the same."""
    if not difference <= tolerance:
        raise SystemExit(f"{name}: results differ by {difference:.3g}, allowed is {tolerance:.3g}; nothing was timed")
    return f"{name} within {max(difference, 1e-16):.0e}"


def our_filter(**more):
    """neuropil's exact filter with the prior and the hazard of this file."""
    from neuropil import surprise

    return surprise.ChangePointLearner(
        family="gaussian-unknown-variance", method="exact", hazard=HAZARD, **PRIOR, **more
    )


def reference(y, cutoff=CUTOFF, cap=UNCAPPED, split_start=False):
    return exact_normal_inverse_gamma(y, HAZARD, MEAN, K, A, B, cutoff, cap, split_start)


def check_ours(result, expected, tolerance=1e-8, capped=False):
    """neuropil against the plain loop: change probability, most probable run length, log predictive density.

    Where a cap drops the longest run, neuropil's P(change) is the one before the drop and the loop's the one after it,
    so that there the predictive density of every step is the evidence for equal beliefs.
    """
    p_change, map_run, log_predictive = expected[:3]
    said = [require("log predictive", largest_difference(-result.shannon_surprise, log_predictive), 1e-6)]
    if not capped:
        said.insert(0, require("P(change)", largest_difference(result.adaptation_rate[1:], p_change[1:]), tolerance))
    same = float(np.mean(np.asarray(result.map_run_length) == map_run))
    require("MAP run length (fraction that differs)", 1.0 - same, 1e-4)
    return "; ".join(said)


def fast_bocpd(y, cap, ours, repeats):
    """Exact filter against fast-bocpd's C code at its run-length cap."""
    from fast_bocpd import BOCPD, ConstantHazard, GaussianNIG

    def detector():
        return BOCPD(GaussianNIG(MEAN, K, A, B), ConstantHazard(1 / HAZARD), max_run_length=cap)

    with detector() as one:
        p_change = one.batch_update(y)
        posterior = one.get_posterior()
    theirs = reference(y, 0.0, cap + 1, split_start=True)
    agreement = require("P(change) against the plain loop", largest_difference(p_change[1:], theirs[0][1:]), 1e-7)
    runs, weights = theirs[4], theirs[5]
    by_index = np.zeros(cap + 1)
    by_index[runs - 1] = weights
    agreement += "; " + require("run-length posterior", largest_difference(posterior, by_index), 1e-7)
    capped = reference(y, 0.0, cap + 1)
    yield Row(
        f"NIG filter, T = {y.size}, cap {cap}",
        "plain numba loop, same cap",
        version("numba"),
        agreement,
        *alternate(lambda: reference(y, 0.0, cap + 1), None, repeats),
    )

    def peer():
        with detector() as one:
            one.batch_update(y)

    if not ours:
        yield Row(
            f"NIG filter, T = {y.size}, cap {cap}",
            "fast-bocpd batch_update (C)",
            version("fast-bocpd"),
            agreement,
            *alternate(peer, None, repeats),
        )
        return
    if cap == 200:
        # What a cap keeps may have been far below our usual cutoff when the dropped run held all the weight.
        learner = our_filter(max_run_length=cap + 1, cutoff=1e-16)
        agreement += "; ours: " + check_ours(learner.filter(y), capped, capped=True)
        wanted = 15.0
        name = f"NIG filter, T = {y.size}, cap {cap} on both sides"
    else:
        exact = reference(y)
        learner = our_filter()
        agreement += "; ours: " + check_ours(learner.filter(y), exact)
        missed = float(np.mean(np.abs(p_change[1:] - exact[0][1:]) > 1e-6))
        agreement += f"; the peer's cap changes P(change) by more than 1e-6 at {missed:.1%} of the steps, ours is exact"
        wanted = 40.0
        name = f"NIG filter, T = {y.size}, exact (ours, cutoff {CUTOFF:g}) and cap {cap} (peer)"
    yield Row(
        name,
        "fast-bocpd batch_update (C)",
        version("fast-bocpd"),
        agreement,
        *alternate(peer, partial(learner.filter, y, outputs=LIKE_PEERS), repeats),
        wanted,
    )


def plain_loop(y, ours, repeats):
    """Exact filter against the hand-written numba loop with the same pruning."""
    expected = reference(y)
    agreement = f"log evidence {expected[2].sum():.6f}, {expected[3].mean():.1f} hypotheses on average"
    learner = our_filter() if ours else None
    if ours:
        agreement += "; ours: " + check_ours(learner.filter(y), expected)
    yield Row(
        f"NIG filter, T = {y.size}, cutoff {CUTOFF:g}",
        "plain numba loop",
        version("numba"),
        agreement,
        *alternate(lambda: reference(y), partial(learner.filter, y, outputs=LIKE_PEERS) if ours else None, repeats),
    )


def changepoint_package(y, ours, repeats):
    """Exact filter against the Rust package changepoint, which never prunes."""
    import changepoint

    def detector():
        return changepoint.Bocpd(prior=changepoint.NormalGamma(MEAN, K, 2 * B, 2 * A), lam=1 / HAZARD)

    one = detector()
    p_change = np.empty(y.size)
    last = []
    for t, value in enumerate(y):
        last = one.step(float(value))
        p_change[t] = last[1] / (1 - HAZARD) if t else 1.0
    shifted = reference(y[1:], cutoff=0.0)
    agreement = require(
        "P(change) against the plain loop on y[1:]", largest_difference(p_change[2:], shifted[0][1:]), 1e-8
    )
    by_index = np.zeros(y.size - 1)
    by_index[shifted[4] - 1] = shifted[5]
    agreement += "; " + require(
        "run-length posterior", largest_difference(np.asarray(last)[1:] / (1 - HAZARD), by_index), 1e-8
    )
    agreement += "; the peer leaves the first sample out"

    def peer():
        one = detector()
        for value in y:
            one.step(float(value))

    expected = reference(y) if ours else None
    for pruning, cutoff, wanted in [("our pruning", CUTOFF, 100.0), ("no pruning on either side", 0.0, 10.0)]:
        learner = our_filter(cutoff=cutoff) if ours else None
        said = agreement + ("; ours: " + check_ours(learner.filter(y), expected) if ours else "")
        yield Row(
            f"NIG filter, T = {y.size}, {pruning}",
            "changepoint Bocpd.step (Rust)",
            version("changepoint"),
            said,
            *alternate(peer, partial(learner.filter, y, outputs=LIKE_PEERS) if ours else None, repeats),
            wanted,
        )
        if not ours:
            break


def bayesian_package(y, ours, repeats):
    """Exact filter against the NumPy package bayesian_changepoint_detection, which keeps every run length."""
    from bayesian_changepoint_detection.online_changepoint_detection import (
        StudentT,
        constant_hazard,
        online_changepoint_detection,
    )

    def peer():
        return online_changepoint_detection(
            y, partial(constant_hazard, 1 / HAZARD), StudentT(alpha=A, beta=B, kappa=K, mu=MEAN)
        )[0]

    triangle = peer() / (1 - HAZARD)
    unpruned = reference(y, cutoff=0.0)
    agreement = require("P(change) against the plain loop", largest_difference(triangle[1, 2:], unpruned[0][1:]), 1e-8)
    by_index = np.zeros(y.size)
    by_index[unpruned[4] - 1] = unpruned[5]
    agreement += "; " + require("run-length posterior", largest_difference(triangle[1:, -1], by_index), 1e-8)
    learner = our_filter() if ours else None
    if ours:
        agreement += "; ours: " + check_ours(learner.filter(y), reference(y))
    yield Row(
        f"NIG filter, T = {y.size}, our pruning",
        "bayesian_changepoint_detection online (NumPy)",
        version("bayesian_changepoint_detection"),
        agreement,
        *alternate(peer, partial(learner.filter, y, outputs=LIKE_PEERS) if ours else None, repeats),
    )


def varsmile(y, ours, repeats):
    """VarSMiLe over a long stream against the numba loop of the same recursion."""
    settings = {"sigma": 1.0, "prior_mean": 0.0, "prior_sd": 3.0}
    m = 0.03
    estimate, log_surprise, rate = varsmile_gaussian(y, m, *settings.values())
    agreement = f"last estimate {estimate[-1]:.8f}"
    chunk = 100_000
    learner = None

    def whole():
        learner.filter(y)

    def chunked():
        learner.reset()
        for begin in range(0, y.size, chunk):
            learner.update_many(y[begin : begin + chunk])

    def peer():
        varsmile_gaussian(y, m, *settings.values())

    if ours:
        from neuropil import surprise

        learner = surprise.ChangePointLearner(family="gaussian", method="varsmile", m=m, **settings)
        result = learner.filter(y)
        agreement = "; ".join(
            [
                require("estimate", largest_difference(np.ravel(result.mean), estimate), 1e-9),
                require("adaptation rate", largest_difference(result.adaptation_rate, rate), 1e-9),
                require("log surprise", largest_difference(np.log(result.bayes_factor_surprise), log_surprise), 1e-7),
            ]
        )
        del result
    del estimate, log_surprise, rate
    yield Row(
        f"VarSMiLe, T = {y.size}",
        "plain numba loop",
        version("numba"),
        agreement,
        *alternate(peer, whole if ours else None, repeats),
        2.5,
    )
    if ours:
        yield Row(
            f"VarSMiLe, T = {y.size}, ours in chunks of {chunk}",
            "plain numba loop",
            version("numba"),
            agreement,
            *alternate(peer, chunked, repeats),
        )


def many_sequences(n_sequences, n_steps, repeats):
    """Our own gain of a second thread: 1000 sequences in one call."""
    import neuropil
    from neuropil import surprise

    sequences = [changing_gaussian(n_steps, HAZARD, seed) for seed in range(n_sequences)]
    learner = our_filter()

    def threads(n):
        def run():
            neuropil.set_num_threads(n)
            surprise.filter_batch(learner, sequences)

        return run

    neuropil.set_num_threads(1)
    alone = surprise.filter_batch(learner, sequences)
    neuropil.set_num_threads(2)
    together = surprise.filter_batch(learner, sequences)
    same = all(
        np.array_equal(a.mean, b.mean) and a.log_evidence == b.log_evidence
        for a, b in zip(alone, together, strict=True)
    )
    require("one and two threads (0 = the same bits)", 0.0 if same else 1.0, 0.0)
    row = Row(
        f"NIG filter, {n_sequences} sequences x {n_steps}, 2 threads",
        "neuropil on 1 thread",
        version("neuropil"),
        "the same bits",
        *alternate(threads(1), threads(2), repeats),
        1.8,
    )
    neuropil.set_num_threads(None)
    yield row


def other_packages(repeats):
    """Packages that answer a neighbouring question: timed for orientation, no ratio."""
    import ruptures
    from river import drift

    medium, long = (changing_gaussian(n, HAZARD, 0) for n in (1000, 100_000))

    def adwin():
        detector = drift.ADWIN()
        for value in long:
            detector.update(value)

    for workload, peer, package, run in [
        (
            "offline point estimate, T = 1000",
            "ruptures Pelt l2, jump 1",
            "ruptures",
            lambda: ruptures.Pelt(model="l2", jump=1, min_size=1).fit(medium).predict(pen=10.0),
        ),
        (
            "offline point estimate, T = 100000",
            "ruptures KernelCPD linear (C)",
            "ruptures",
            lambda: ruptures.KernelCPD(kernel="linear", min_size=1).fit(long).predict(pen=10.0),
        ),
        ("alarms, T = 100000", "river ADWIN", "river", adwin),
    ]:
        run()
        yield Row(workload, peer, version(package), "another question, no ratio", *alternate(run, None, repeats))


def rows(ours=True, quick=False, repeats=3):
    """All comparisons of the room, one after the other."""
    n, n_short, n_long = (5_000, 1_500, 200_000) if quick else (100_000, 10_000, 10_000_000)
    y = changing_gaussian(n, HAZARD, seed=1)
    for cap in (1000, 200):
        yield from fast_bocpd(y, cap, ours, repeats)
    yield from plain_loop(y, ours, repeats)
    yield from changepoint_package(y[:n_short], ours, repeats)
    yield from bayesian_package(y[: min(n_short, 2000)], ours, repeats)
    yield from varsmile(changing_gaussian(n_long, HAZARD, seed=2), ours, repeats)
    if ours:
        yield from many_sequences(100 if quick else 1000, 1000, repeats)
    if not quick:
        yield from other_packages(repeats)
