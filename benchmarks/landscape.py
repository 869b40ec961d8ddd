"""The landscape room beside its peers.

The network is the one that users benchmark: two inputs, one hidden softplus layer, one output, biases, float64. Every
comparison first shows that loss, gradient or Hessian agree to rounding, then times both sides in turn on one thread.

PyTorch
    `loss.backward()` for gradients; for Hessians the fastest of `torch.func.hessian`,
    `torch.autograd.functional.hessian` (vectorised, reverse over reverse) and the same with the outer Jacobian forward
    over it: all three are timed twice and the best enters the comparison. `Linear` stores outgoing x incoming weights,
    as neuropil does, so parameters need no translation.
JAX
    `jit(value_and_grad(f))` and `jit(hessian(f))` in 64-bit mode, results waited for. Compilation is not timed.
NumPy
    The closed form written out below: all columns `f'(z_j) x_p` and `h_j` side by side, one matrix product.
SciPy
    The protocol of a careful user: `solve_ivp` with BDF and the exact Hessian along the gradient flow to time 10^4
    (both tolerances 1e-6), then `least_squares` ("lm", tolerances at rounding) with the exact Jacobian; all derivatives
    from the closed form. Both sides start from the same parameters, and only starts that both bring below 1e-16 are
    timed: from the others there is nothing to compare.

The thread count of BLAS, PyTorch and neuropil is set to one; JAX sees a single processor when it starts.
"""

import os
import statistics
from contextlib import contextmanager
from functools import partial
from importlib.metadata import version

import numpy as np
from measure import Row, alternate, require, seconds
from threadpoolctl import threadpool_limits


@contextmanager
def one_processor():
    """Threads that start in here see a single processor."""
    if not hasattr(os, "sched_getaffinity"):
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(before)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def per_call(run, least=0.03):
    """`run` repeated until it lasts `least` seconds, and how often that is; the first call warms up."""
    run()
    calls = max(1, min(20_000, round(least / max(seconds(run), 1e-7))))

    def many():
        for _ in range(calls):
            run()

    return many, calls


def in_turn(peer, ours, repeats):
    """Seconds per call of both sides, timed in turn."""
    many_peer, n_peer = per_call(peer)
    many_ours, n_ours = (None, 1) if ours is None else per_call(ours)
    theirs, mine = alternate(many_peer, many_ours, repeats)
    return [t / n_peer for t in theirs], [t / n_ours for t in mine]


def relative(a, b):
    """Largest difference, relative to the largest entry."""
    a, b = np.asarray(a), np.asarray(b)
    return float(np.max(np.abs(a - b)) / np.max(np.abs(b)))


# ------------------------------------------------------------------------------------------------------- closed form


def softplus(z):
    e = np.exp(-np.abs(z))
    f1 = np.where(z > 0, 1.0, e) / (1.0 + e)
    return np.maximum(z, 0.0) + np.log1p(e), f1, f1 * (1.0 - f1)


def sigmoid(z):
    e = np.exp(-np.abs(z))
    f = np.where(z > 0, 1.0, e) / (1.0 + e)
    f1 = f * (1.0 - f)
    return f, f1, f1 * (1.0 - 2.0 * f)


class ClosedForm:
    """Mean squared error of one hidden layer with one output, its gradient and its Hessian, in NumPy."""

    def __init__(self, x, y, width, activation, bias):
        ones = np.ones((len(x), 1))
        self.x = np.hstack([x, ones]) if bias else x
        self.y, self.width, self.activation, self.bias = y.ravel(), width, activation, bias
        self.d = x.shape[1]
        fan_in = self.x.shape[1]
        # where (neuron, input) and (neuron) lie in the parameter vector: weights row by row, then biases
        incoming = np.arange(width * self.d).reshape(width, self.d)
        if bias:
            incoming = np.hstack([incoming, width * self.d + np.arange(width)[:, None]])
        self.order = np.concatenate([incoming.ravel(), width * fan_in + np.arange(width + bias)])
        self.fan_in = fan_in

    def forward(self, theta):
        parts = theta[self.order]
        w = parts[: self.width * self.fan_in].reshape(self.width, self.fan_in)
        a = parts[self.width * self.fan_in :][: self.width]
        f, f1, f2 = self.activation(self.x @ w.T)
        error = f @ a - self.y
        if self.bias:
            error = error + parts[-1]
        return a, f, f1, f2, error

    def jacobian_of(self, a, f, f1):
        """Derivatives of the outputs, samples x parameters, in the order of `forward`."""
        hidden = ((f1 * a)[:, :, None] * self.x[:, None, :]).reshape(len(f), -1)
        return np.hstack([hidden, f, np.ones((len(f), 1))] if self.bias else [hidden, f])

    def back(self, values):
        out = np.empty_like(values)
        out[..., self.order] = values
        return out

    def value_and_gradient(self, theta):
        a, f, f1, _, error = self.forward(theta)
        scaled = 2.0 / len(error) * error
        incoming = ((scaled[:, None] * f1) * a).T @ self.x
        outgoing = scaled @ f
        parts = [incoming.ravel(), outgoing] + ([[scaled.sum()]] if self.bias else [])
        return error @ error / len(error), self.back(np.concatenate(parts))

    def residuals(self, theta):
        return self.forward(theta)[4] / np.sqrt(len(self.y))

    def jacobian(self, theta):
        a, f, f1, _, _ = self.forward(theta)
        return self.back(self.jacobian_of(a, f, f1) / np.sqrt(len(self.y)))

    def hessian(self, theta):
        a, f, f1, f2, error = self.forward(theta)
        m, d, n = self.width, self.fan_in, len(error)
        jacobian = self.jacobian_of(a, f, f1)
        out = jacobian.T @ jacobian
        scaled = error[:, None]
        pairs = (self.x[:, :, None] * self.x[:, None, :]).reshape(n, d * d)
        blocks = ((scaled * f2 * a).T @ pairs).reshape(m, d, d)
        mixed = (scaled * f1).T @ self.x
        for j in range(m):
            own = slice(j * d, (j + 1) * d)
            out[own, own] += blocks[j]
            out[own, m * d + j] += mixed[j]
            out[m * d + j, own] += mixed[j]
        out *= 2.0 / n
        result = np.empty_like(out)
        result[np.ix_(self.order, self.order)] = out
        return result


# ------------------------------------------------------------------------------------------------------------ peers


def torch_loss(x, y, width):
    """The loss as a function of the parameter vector, in PyTorch."""
    import torch

    inputs, targets = torch.from_numpy(x), torch.from_numpy(y.reshape(-1, 1))

    def loss(theta):
        w = theta[: 2 * width].reshape(width, 2)
        b = theta[2 * width : 3 * width]
        a = theta[3 * width : 4 * width].reshape(1, width)
        hidden = torch.nn.functional.softplus(inputs @ w.T + b)
        return ((hidden @ a.T + theta[-1] - targets) ** 2).mean()

    return loss


def jax_loss(x, y, width):
    """The same in JAX."""
    import jax
    import jax.numpy as jnp

    inputs, targets = jnp.asarray(x), jnp.asarray(y.reshape(-1, 1))

    def loss(theta):
        w = theta[: 2 * width].reshape(width, 2)
        b = theta[2 * width : 3 * width]
        a = theta[3 * width : 4 * width].reshape(1, width)
        hidden = jax.nn.softplus(inputs @ w.T + b)
        return jnp.mean((hidden @ a.T + theta[-1] - targets) ** 2)

    return loss


def start_jax():
    """JAX in 64-bit mode with one processor."""
    with one_processor():
        import jax

        jax.config.update("jax_enable_x64", True)
        jax.block_until_ready(jax.numpy.ones((64, 64)) @ jax.numpy.ones((64, 64)))
    return jax


def problem(ours, n, width):
    """Data, a point, and neuropil's problem."""
    rng = np.random.default_rng(0)
    x = rng.uniform(-2.0, 2.0, (n, 2))
    y = np.sin(2.0 * x[:, 0]) + x[:, 1]
    bound = np.sqrt(6.0 / (2 + width))
    theta = np.concatenate(
        [rng.uniform(-bound, bound, 2 * width), rng.normal(0, 0.1, width), rng.normal(0, 0.3, width), [0.1]]
    )
    mine = None
    if ours:
        from neuropil.landscape import MLP

        mine = MLP([width, "softplus"]).problem(x, y)
    return x, y, theta, mine


def gradients(ours, n, width, repeats, wanted):
    """Loss and gradient against PyTorch, JAX and NumPy."""
    import torch

    jax = start_jax()
    x, y, theta, mine = problem(ours, n, width)
    name = f"loss and gradient, {n} samples, width {width}"
    closed = ClosedForm(x, y, width, softplus, True)
    expected = closed.value_and_gradient(theta)
    check = partial(agreement, expected, mine and mine.value_and_gradient(theta))
    loss = torch_loss(x, y, width)

    def with_torch():
        point = torch.from_numpy(theta).requires_grad_()
        value = loss(point)
        value.backward()
        return value.item(), point.grad.numpy()

    fast = jax.jit(jax.value_and_grad(jax_loss(x, y, width)))
    point = jax.numpy.asarray(theta)

    def with_jax():
        return jax.block_until_ready(fast(point))

    mine_run = partial(mine.value_and_gradient, theta) if ours else None
    for peer, package, run, ratio in [
        ("PyTorch backward", "torch", with_torch, wanted and wanted[0]),
        ("JAX jit value_and_grad", "jax", with_jax, wanted and wanted[1]),
        ("NumPy closed form", "numpy", partial(closed.value_and_gradient, theta), None),
    ]:
        said = check(run())
        yield Row(name, peer, version(package), said, *in_turn(run, mine_run, repeats), ratio)


def agreement(expected, mine, theirs):
    """Both sides against the closed form: value and gradient, or a Hessian alone."""
    pair = isinstance(expected, tuple)
    said = []
    for who, got in [("peer", theirs), ("ours", mine)]:
        if got is None:
            continue
        if pair:
            said.append(require(f"{who}: loss", relative(got[0], expected[0]), 1e-12))
            said.append(require("gradient", relative(got[1], expected[1]), 1e-11))
        else:
            said.append(require(f"{who}: Hessian", relative(got, expected), 1e-11))
    return "; ".join(said) + " of the closed form"


def hessians(ours, n, width, repeats, wanted):
    """The Hessian against PyTorch, JAX and NumPy."""
    import torch

    jax = start_jax()
    x, y, theta, mine = problem(ours, n, width)
    name = f"Hessian, {n} samples, width {width}"
    closed = ClosedForm(x, y, width, softplus, True)
    check = partial(agreement, closed.hessian(theta), mine and mine.hessian(theta))
    loss, point = torch_loss(x, y, width), torch.from_numpy(theta)
    automatic = torch.autograd.functional.hessian
    ways = {
        "torch.func.hessian": lambda: torch.func.hessian(loss)(point).detach().numpy(),
        "autograd.functional.hessian, vectorised": lambda: automatic(loss, point, vectorize=True).detach().numpy(),
        "autograd.functional.hessian, vectorised, forward over reverse": lambda: (
            automatic(loss, point, vectorize=True, outer_jacobian_strategy="forward-mode").detach().numpy()
        ),
    }
    first = {way: run() for way, run in ways.items()}
    best = min(ways, key=lambda way: min(seconds(ways[way]) for _ in range(2)))
    fast, at = jax.jit(jax.hessian(jax_loss(x, y, width))), jax.numpy.asarray(theta)

    def with_jax():
        return jax.block_until_ready(fast(at))

    mine_run = partial(mine.hessian, theta) if ours else None
    for peer, package, run, ratio in [
        (f"PyTorch's best, {best}", "torch", ways[best], wanted[0]),
        ("JAX jit hessian", "jax", with_jax, wanted[1]),
        ("NumPy closed form", "numpy", partial(closed.hessian, theta), wanted[2]),
    ]:
        said = check(first[best] if package == "torch" else run())
        yield Row(name, peer, version(package), said, *in_turn(run, mine_run, repeats), ratio)


def toy_task():
    """Grid, sigmoid teacher of four neurons without biases, targets."""
    axis = np.linspace(-5.0, 5.0, 41)
    x = np.stack(np.meshgrid(axis, axis, indexing="ij"), axis=-1).reshape(-1, 2)
    teacher = np.array([[0.6, 0.5], [-0.5, 0.5], [-0.2, -0.6], [0.1, -0.6]])
    return x, sigmoid(x @ teacher.T)[0].sum(axis=1)


def scipy_training(closed, theta):
    """Gradient flow by BDF, then least squares."""
    from scipy.integrate import solve_ivp
    from scipy.optimize import least_squares

    flow = solve_ivp(
        lambda _, point: -closed.value_and_gradient(point)[1],
        (0.0, 1e4),
        theta,
        method="BDF",
        jac=lambda _, point: -closed.hessian(point),
        rtol=1e-6,
        atol=1e-6,
    )
    end = least_squares(
        closed.residuals, flow.y[:, -1], jac=closed.jacobian, method="lm", xtol=1e-15, ftol=1e-15, gtol=1e-15
    )
    return 2.0 * end.cost


def training(ours, n_starts, repeats, wanted):
    """The width-5 sigmoid student to a loss below 1e-16, start by start."""
    x, y = toy_task()
    closed = ClosedForm(x, y, 5, sigmoid, False)
    rng = np.random.default_rng(1)
    theirs, mine, tried = [], [], 0
    while len(theirs) < n_starts and tried < 10 * n_starts:
        tried += 1
        theta = np.concatenate([rng.uniform(-1, 1, 10) * np.sqrt(6 / 7), rng.uniform(-1, 1, 5)])
        run = None
        if ours:
            from neuropil.landscape import MLP, GradientFlow

            flow = GradientFlow(MLP([5, "sigmoid"], bias=False))
            run = partial(flow.fit, x, y, starts=theta, record=False)
            if not run().loss_ < 1e-16:
                continue
        if not scipy_training(closed, theta) < 1e-16:
            continue
        one = alternate(partial(scipy_training, closed, theta), run, repeats)
        theirs.append(statistics.median(one[0]))
        mine += [statistics.median(one[1])] if ours else []
    if not theirs:
        raise SystemExit(f"training: of {tried} starts none reached a loss below 1e-16 on both sides")
    said = f"both below 1e-16 from {len(theirs)} starts, of {tried} tried; median and range over starts"
    yield Row(
        "training to loss < 1e-16, sigmoid, width 5",
        "SciPy BDF and least_squares with the closed form",
        version("scipy"),
        said,
        theirs,
        mine,
        wanted,
    )


def many_starts(ours, n_starts, repeats):
    """Many starts in one call against one call for each."""
    if not ours:
        return
    import neuropil
    from neuropil.landscape import MLP, GradientFlow

    x, y = toy_task()
    net = MLP([5, "sigmoid"], bias=False)
    problem = net.problem(x, y)
    thetas = np.stack([problem.net.initialise(seed) for seed in range(n_starts)])

    def one_by_one():
        return [problem.value_and_gradient(theta) for theta in thetas]

    single, (losses, gradients) = one_by_one(), problem.gradients(thetas)
    said = require("losses", relative(losses, [value for value, _ in single]), 1e-13)
    said += "; " + require("gradients", relative(gradients, [gradient for _, gradient in single]), 1e-12)
    ourselves = version("neuropil")
    yield Row(
        f"gradients of {n_starts} networks of width 5, stacked",
        "neuropil, one by one",
        ourselves,
        said,
        *in_turn(one_by_one, partial(problem.gradients, thetas), repeats),
        None,
    )

    def fits():
        return [GradientFlow(net).fit(x, y, starts=theta, record=False).loss_ for theta in thetas]

    def together():
        return GradientFlow(net).fit(x, y, starts=thetas, record=False).losses_

    said = require("losses (the same bits: largest difference)", float(np.max(np.abs(together() - fits()))), 0.0)
    for threads in sorted({1, min(2, os.cpu_count() or 1)}):
        with neuropil.num_threads(threads):
            times = alternate(fits, together, repeats)
        wanted = 4.0 if threads > 1 else None
        yield Row(
            f"training from {n_starts} starts in one call, {threads} threads",
            f"neuropil, {n_starts} calls, {threads} threads",
            ourselves,
            said,
            *times,
            wanted,
        )


def counts(ours, r, m, repeats):
    """Exact counts against the same recurrences in Python's integers."""

    def peer():
        stirling = [1]
        for n in range(1, m + 1):
            stirling = [0] + [k * (stirling[k] if k < n else 0) + stirling[k - 1] for k in range(1, n + 1)]
        factor, total = 1, 0
        for k in range(2, r + 1):
            factor *= k
        for j in range(m - r + 1):
            total += stirling[r + j] * factor
            factor = factor * (r + j + 1) // (j + 1)
        return total

    run, said = None, "peer alone"
    if ours:
        from neuropil.landscape import count_global_minima_subspaces

        run = partial(count_global_minima_subspaces, r, m)
        if run() != peer():
            raise SystemExit(f"T({r}, {m}) differs; nothing was timed")
        said = f"every digit of T({r}, {m})"
    yield Row(f"exact count T({r}, {m})", "the same sums in Python", "", said, *alternate(peer, run, repeats), None)


def rows(ours=True, quick=False, repeats=3):
    """All comparisons of the room, one after the other, on one thread."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    before = None
    if ours:
        import neuropil

        before = neuropil.get_num_threads()
        neuropil.set_num_threads(1)
    try:
        with threadpool_limits(1):
            if quick:
                yield from gradients(ours, 100, 10, repeats, None)
                yield from hessians(ours, 100, 10, repeats, (None, 15.0, None))
                yield from training(ours, 1, repeats, 20.0)
                yield from many_starts(ours, 4, repeats)
                yield from counts(ours, 20, 60, repeats)
                return
            yield from gradients(ours, 100, 10, repeats, None)
            yield from gradients(ours, 10_000, 100, repeats, (3.0, 2.5))
            yield from hessians(ours, 100, 10, repeats, (None, 15.0, None))
            yield from hessians(ours, 1000, 50, repeats, (200.0, 200.0, 3.0))
            yield from training(ours, 8, repeats, 20.0)
            yield from many_starts(ours, 64, repeats)
            yield from counts(ours, 500, 1000, repeats)
    finally:
        torch.set_num_threads(threads)
        if ours:
            neuropil.set_num_threads(before)
