"""The memory room beside its peers.

Every comparison first shows that both sides compute the same thing (to 1e-6 where both are exact), and is then timed
in turn. Both sides start from the patterns or from the same Gram matrix, as the row says.

scikit-learn SVC
    `SVC(kernel="precomputed", C=1e10, tol=1e-6)`, one per output neuron, always fits a bias. Our row without bias
    solves another problem (no bias) on the same kernel and is labelled so; our row with bias is like for like.
quadprog
    `solve_qp(Q, 1, I, 0)` is the dual without bias, `max sum(a) - a'Qa/2` for `a >= 0`, one call per neuron.
SciPy
    `cho_factor` and `cho_solve` (LAPACK potrf and potrs) on a Gram matrix that NumPy computed, part of the time.
PyTorch
    Attention as two float64 matrix products and a softmax.
hopfield-layers
    The authors' `Hopfield` module with static patterns: no projections, no normalisations, `scaling` = beta.
    It is not on the package index; requirements.txt names the commit.
NumPy
    Kanerva's hard locations as packed bits, `bitwise_count(xor)` against every address.
"""

from functools import partial
from importlib.metadata import version

import numpy as np
from measure import Row, alternate, largest_difference, require


def signs(m, n, seed):
    return np.where(np.random.default_rng(seed).random((m, n)) < 0.5, -1.0, 1.0)


def svc(gram, labels):
    """One support-vector machine with bias per neuron; returns dual coefficients and intercepts."""
    from sklearn.svm import SVC

    coefficients = np.zeros(labels.shape)
    intercepts = np.zeros(labels.shape[1])
    for i, y in enumerate(labels.T):
        machine = SVC(kernel="precomputed", C=1e10, tol=1e-6).fit(gram, y)
        coefficients[machine.support_, i] = machine.dual_coef_[0]
        intercepts[i] = machine.intercept_[0]
    return coefficients, intercepts


def margin_exponential(ours, m, n, repeats):
    """Maximal margin, exponential kernel, all neurons: SVC loop against one shared factorisation."""
    x = signs(m, n, 1)
    gram = np.exp(8 * (x @ x.T / n - 1))
    theirs, intercepts = svc(gram, x)
    for bias, wanted in [(False, 150.0), (True, 15.0)]:
        name = f"maximal margin, exp8, N = {n}, M = {m}, " + (
            "with bias on both sides" if bias else "ours without bias"
        )
        memory, said = None, "peer alone"
        if ours:
            from neuropil.memory import KernelMemory

            memory = KernelMemory(beta=8 / n, shift=float(n), rule="max-margin", bias=bias, exclude_self=False)
            fitted = memory.fit(x)
            margins = (gram @ fitted.dual_coef_ + fitted.intercept_) * x
            said = require("margins of support vectors", largest_difference(margins[fitted.dual_coef_ != 0], 1.0), 1e-6)
            if bias:
                difference = largest_difference(fitted.dual_coef_, theirs) / np.abs(theirs).max()
                said += "; " + require("dual coefficients, relative", difference, 1e-5)
                said += "; " + require("intercepts", largest_difference(fitted.intercept_, intercepts), 1e-5)
        yield Row(
            name,
            "scikit-learn SVC, one per neuron, precomputed Gram",
            version("scikit-learn"),
            said,
            *alternate(lambda: svc(gram, x), partial(memory.fit, x) if ours else None, repeats),
            wanted,
        )


def margin_linear(ours, m, n, repeats):
    """Maximal margin, linear kernel, no bias: quadprog per neuron against shared pivoting."""
    from quadprog import solve_qp

    x = signs(m, n, 2)
    gram = x @ x.T / n
    ones, identity, zeros = np.ones(m), np.eye(m), np.zeros(m)

    def peer():
        return np.stack([solve_qp(gram * np.outer(y, y), ones, identity, zeros)[0] for y in x.T], axis=1)

    memory, said = None, "peer alone"
    if ours:
        from neuropil.memory import KernelMemory

        memory = KernelMemory(kernel="linear", rule="max-margin", exclude_self=False)
        said = require("dual coefficients", largest_difference(memory.fit(x).dual_coef_ * x, peer()), 1e-6)
    yield Row(
        f"maximal margin, linear, N = {n}, M = {m}, no bias",
        "quadprog, one problem per neuron",
        version("quadprog"),
        said,
        *alternate(peer, partial(memory.fit, x) if ours else None, repeats),
        20.0,
    )


def interpolation(ours, m, n, repeats):
    """Least-norm interpolation: Gram matrix, factorisation and all right-hand sides."""
    from scipy.linalg import cho_factor, cho_solve

    x = np.random.default_rng(3).normal(size=(m, n))
    r = float(np.sqrt(n))

    def peer():
        norms = np.einsum("ij,ij->i", x, x)
        gram = np.exp(-np.maximum(norms[:, None] + norms - 2 * x @ x.T, 0) / r**2)
        return cho_solve(cho_factor(gram, lower=True, overwrite_a=True, check_finite=False), x, check_finite=False)

    memory, said = None, "peer alone"
    if ours:
        from neuropil.memory import KernelMemory

        memory = KernelMemory(kernel="gexp", beta=2, r=r, normalize=False)
        said = require("coefficients", largest_difference(memory.fit(x).dual_coef_, peer()), 1e-6)
    yield Row(
        f"interpolation, Gaussian kernel, N = {n}, M = {m}",
        "NumPy Gram and SciPy cho_factor, cho_solve (LAPACK)",
        version("scipy"),
        said,
        *alternate(peer, partial(memory.fit, x) if ours else None, repeats),
        0.9,
    )


def attention(ours, m, n, q, repeats):
    """Attention in float64: a batch of cues for one step, and single cues one by one."""
    import torch
    from hflayers import Hopfield

    rng = np.random.default_rng(4)
    x = rng.normal(size=(m, n))
    cues = x[:q] + rng.normal(size=(q, n))
    keys, beta = torch.from_numpy(x), 0.1
    # Patterns as they are: no projections, no layer normalisation, one update.
    raw = {
        f"normalize_{which}{how}": False
        for which in ("stored_pattern", "state_pattern", "pattern_projection")
        for how in ("", "_affine")
    }
    static = {f"{which}_as_static": True for which in ("stored_pattern", "state_pattern", "pattern_projection")}
    layer = Hopfield(scaling=beta, disable_out_projection=True, **static, **raw).eval()

    @torch.no_grad()
    def batch():
        torch.set_num_threads(2)
        return (torch.softmax(beta * (torch.from_numpy(cues) @ keys.T), -1) @ keys).numpy()

    @torch.no_grad()
    def by_layer(cue):
        return layer((keys[None], torch.from_numpy(cue)[None, None], keys[None]))[0, 0].numpy()

    def single_cues():
        # one thread: with two, the layer is slower on a single cue
        torch.set_num_threads(1)
        for cue in cues[:300]:
            by_layer(cue)

    memory, said, said_single = None, "peer alone", "peer alone"
    if ours:
        from neuropil.memory import ModernHopfield

        memory = ModernHopfield(beta=beta).fit(x)
        said = require("states", largest_difference(memory.predict(cues), batch()), 1e-9)
        difference = max(largest_difference(memory.predict(cue), by_layer(cue)) for cue in cues[:20])
        said_single = require("states", difference, 1e-9)

    def ours_single():
        for cue in cues[:300]:
            memory.predict(cue)

    yield Row(
        f"attention, {q} cues at once, N = {n}, M = {m}, float64",
        "PyTorch matrix products and softmax, 2 threads",
        version("torch"),
        said,
        *alternate(batch, partial(memory.predict, cues) if ours else None, repeats),
        1.5,
    )
    yield Row(
        f"attention, {min(q, 300)} cues one by one, N = {n}, M = {m}, float64",
        "hopfield-layers Hopfield, static patterns, 1 thread",
        version("hopfield-layers"),
        said_single,
        *alternate(single_cues, ours_single if ours else None, repeats),
        10.0,
    )


def hard_locations(ours, n, n_locations, reads, repeats):
    """Kanerva's memory: reads from random hard locations."""
    rng = np.random.default_rng(5)
    addresses = rng.integers(0, 2**63, size=(n_locations, -(-n // 64)), dtype=np.uint64)
    cues = signs(reads, n, 6)
    radius = round(0.5 * n - 3.07 * 0.5 * n**0.5)
    bits = np.zeros((reads, addresses.shape[1] * 64), dtype=np.uint8)
    bits[:, :n] = cues > 0
    packed = np.packbits(bits, axis=1, bitorder="little").view(np.uint64)
    written = [np.flatnonzero(np.bitwise_count(addresses ^ row).sum(1) <= radius) for row in packed]
    counters = np.zeros((n_locations, n), dtype=np.int16)
    for row, hits in zip(cues, written, strict=True):
        counters[hits] += row.astype(np.int16)

    def peer():
        for row in packed:
            hits = np.bitwise_count(addresses ^ row).sum(1) <= radius
            np.sign(counters[hits].sum(0))

    memory, said = None, "peer alone"
    if ours:
        from neuropil.memory import SparseDistributedMemory

        memory = SparseDistributedMemory(n_locations=n_locations, radius=radius).fit(cues)
        require("recalled patterns (fraction that differs)", float(np.mean(memory.predict(cues) != cues)), 1e-3)
        said = "both return the stored patterns; the random addresses differ"
    yield Row(
        f"sparse distributed memory, N = {n}, {n_locations} locations, {reads} reads",
        "NumPy xor and bitwise_count",
        version("numpy"),
        said,
        *alternate(peer, partial(memory.predict, cues) if ours else None, repeats),
        10.0,
    )


def rows(ours=True, quick=False, repeats=3):
    """All comparisons of the room, one after the other."""
    if quick:
        yield from margin_exponential(ours, 60, 40, repeats)
        yield from margin_linear(ours, 40, 80, repeats)
        yield from interpolation(ours, 200, 50, repeats)
        yield from attention(ours, 500, 64, 300, repeats)
        yield from hard_locations(ours, 256, 20_000, 5, repeats)
        return
    yield from margin_exponential(ours, 1000, 500, repeats)
    yield from margin_linear(ours, 200, 400, repeats)
    yield from interpolation(ours, 1000, 500, repeats)
    yield from interpolation(ours, 4000, 784, repeats)
    yield from attention(ours, 4000, 512, 2000, repeats)
    yield from hard_locations(ours, 1000, 1_000_000, 10, repeats)
