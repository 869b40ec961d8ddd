"""Loss landscapes: networks, training, counts, symmetries."""

import pickle
from fractions import Fraction

import neuropil as npl
import numpy as np
import pytest
from neuropil.landscape import (
    MLP,
    GradientFlow,
    GradientFlowClassifier,
    GradientFlowRegressor,
    add_silent_neuron,
    align,
    classify_neurons,
    connect_networks,
    count_critical_subspaces,
    count_global_minima_subspaces,
    critical_point_report,
    crossover_width,
    merge_neurons,
    permutation_path,
    permutation_points,
    permute_neurons,
    ratio,
    reduce_network,
    split_neuron,
    toy_task,
    zero_loss_path,
)
from numpy.testing import assert_allclose, assert_array_equal

THETA0 = [0.5, -0.25, -0.75, 0.1, 0.2, 0.9, 1.0, -0.5, 0.75]


@pytest.fixture(scope="module")
def task():
    return toy_task("g")


def test_loss_and_derivatives_at_a_fixed_point_have_their_values(task):
    problem = MLP([3, "g"], bias=False).problem(task.X, task.y)
    assert problem.value(THETA0) == pytest.approx(25.9551346068, rel=1e-11)
    gradient = problem.gradient(THETA0)
    assert np.abs(gradient).max() == pytest.approx(21.0453767092, rel=1e-11)
    spectrum = problem.spectrum(THETA0)
    assert spectrum.eigenvalues[[0, -1]] == pytest.approx([-24.4069773801, 30.6056554835], rel=1e-11)
    hessian = problem.hessian(THETA0)
    assert_array_equal(hessian, hessian.T)
    assert_allclose(problem.hvp(THETA0, gradient), hessian @ gradient, rtol=1e-11)
    assert_allclose(2 * problem.jacobian(THETA0).T @ problem.residuals(THETA0), gradient, rtol=1e-11)
    ends = problem.extreme_eigenvalues(THETA0, 2)
    assert_allclose(ends.smallest, spectrum.eigenvalues[:2], atol=1e-9)
    losses, gradients = problem.gradients([THETA0, THETA0])
    assert_allclose(gradients, [gradient, gradient], rtol=1e-12)
    assert losses[0] == losses[1]


def test_scipy_and_torch_agree(task):
    net = MLP([4, "softplus", 3, "tanh"], n_outputs=1)
    problem = net.problem(task.X[::20], task.y[::20])
    theta = problem.net.initialise(1)
    optimize = pytest.importorskip("scipy.optimize")
    error = optimize.check_grad(problem.value, problem.gradient, theta)
    assert error < 1e-6 * np.linalg.norm(problem.gradient(theta))
    torch = pytest.importorskip("torch")
    x, y = torch.tensor(task.X[::20]), torch.tensor(task.y[::20])

    def loss(flat):
        w1, b1, w2, b2, w3, b3 = torch.split(flat, [8, 4, 12, 3, 3, 1])
        h = torch.nn.functional.softplus(x @ w1.reshape(4, 2).T + b1)
        h = torch.tanh(h @ w2.reshape(3, 4).T + b2)
        return ((h @ w3.reshape(1, 3).T + b3 - y) ** 2).sum(1).mean()

    theirs = torch.autograd.functional.hessian(loss, torch.tensor(theta)).numpy()
    assert np.abs(problem.hessian(theta) - theirs).max() < 1e-12 * np.abs(theirs).max()


def test_a_network_knows_its_parameters_and_its_inputs():
    net = MLP([3, "tanh", 2, ["g", "relu"]], n_outputs=2, bias=[True, False, True])
    bound = net.with_inputs(4)
    theta = bound.initialise(random_state=3)
    assert bound.n_parameters == len(theta) == 4 * 3 + 3 + 6 + 4 + 2
    assert bound.parameter_names[12] == "b1[0]"
    arrays = net.unpack(theta)
    assert list(arrays) == ["w1", "b1", "w2", "w3", "b3"]
    again, same = MLP.from_arrays(arrays, ["tanh", ["g", "relu"]])
    assert again == bound
    assert_array_equal(same, theta)
    x = np.ones((2, 4))
    hidden = np.tanh(x @ arrays["w1"].T + arrays["b1"]) @ arrays["w2"].T
    h = np.column_stack(
        [1 / (1 + np.exp(-4 * hidden[:, 0])) + np.log1p(np.exp(hidden[:, 0])), np.maximum(hidden[:, 1], 0)]
    )
    assert_allclose(net.predict(theta, x), h @ arrays["w3"].T + arrays["b3"], rtol=1e-14)
    assert repr(MLP([5, "g"], bias=False)) == "MLP([5, 'g'], n_outputs=1, bias=False)"
    polynomial = MLP([2, "polynomial(0,1,0.5)"], n_inputs=1)
    assert MLP._from_json(polynomial._bound()) == polynomial
    assert pickle.loads(pickle.dumps(bound)) == bound


def test_inputs_that_make_no_sense_are_refused(task):
    with pytest.raises(npl.InputError, match="one of sigmoid"):
        MLP([3, "softmax"])
    with pytest.raises(npl.InputError, match="alternate widths and activations"):
        MLP([3, 4])
    with pytest.raises(npl.InputError, match="one for each neuron"):
        MLP([3, ["g", "g"]])
    net = MLP([3, "g"], bias=False)
    with pytest.raises(npl.InputError, match=r"theta\[1\] is NaN"):
        net.loss([0.0, np.nan, *THETA0[2:]], task.X, task.y)
    with pytest.raises(npl.InputError, match="expected 9 parameters"):
        net.loss([0.0], task.X, task.y)
    with pytest.raises(npl.InputError, match=r"inputs\[0, 0\] is NaN"):
        net.loss(THETA0, np.full((1, 2), np.nan), [1.0])
    with pytest.raises(npl.InputError, match="from 0 to 2, got 3"):
        MLP([3, "g"], n_outputs=3).problem([[0.0], [1.0]], [0, 3], loss="cross_entropy")
    with pytest.raises(npl.InputError, match="not known"):
        net.initialise()
    with pytest.raises(npl.InputError, match="solver must be one of"):
        GradientFlow(net, solver="kencarp4").fit(task.X, task.y)
    with pytest.raises(npl.InputError, match="relu, square"):
        MLP([3, "swish"])


def test_counts_are_exact():
    assert count_global_minima_subspaces(4, 10) == 20479560
    assert count_critical_subspaces(4, 10) == 818520
    assert count_global_minima_subspaces(5, 50) == 140394945809195312807658994441333049383849176360453120
    assert count_global_minima_subspaces([2, 3], [3, 4]) == 12 * 60
    assert count_critical_subspaces(3, 2) == 0
    assert ratio(4, 4).fraction == Fraction(3, 2)
    assert float(ratio(10, 10, against="all")) == pytest.approx(27.1767, rel=1e-5)
    assert (crossover_width(10), crossover_width(10, "neighbour")) == (13, 12)
    assert float(permutation_points(10, 3)) == 4.375
    assert len(str(count_global_minima_subspaces(1000, 1000))) == 2568
    with pytest.raises(npl.InputError, match="must be at least 0"):
        count_critical_subspaces(-1, 3)


def test_training_reaches_rounding_and_says_what_it_found(task):
    net = MLP([5, "g"], bias=False)
    fit = GradientFlow(net).fit(task.X, task.y, seeds=4)
    assert fit.loss_ < 1e-20
    assert fit.converged_
    assert len(fit.results_) == 4
    assert_array_equal(fit.losses_, GradientFlow(net).fit(task.X, task.y, seeds=4).losses_)
    report = fit.report_
    assert report.index == 0
    assert report.n_zero >= 2
    types = classify_neurons(net, fit.theta_, (task.net, task.theta))
    assert sum(kind.kind == "unexplained" for kind in types) <= 1
    assert_allclose(fit.predict(task.X), task.y, atol=1e-9)
    assert fit.provenance_.seed == 0
    assert pickle.loads(pickle.dumps(fit)).loss_ == fit.loss_


def test_a_trajectory_can_be_asked_at_any_time(task):
    fit = GradientFlow(MLP([3, "sigmoid"], bias=False), t_max=50, polish=None)
    with pytest.warns(npl.ConvergenceWarning):
        fit.fit(task.X, task.y, starts=THETA0)
    way = fit.trajectory_
    assert_array_equal(way(0.0), THETA0)
    assert_allclose(way(way.times), way.parameters, atol=1e-14)
    assert (np.diff(way.losses) <= 0).all()
    finer = GradientFlow(fit.net, t_max=50, polish=None, rtol=1e-10, atol=1e-10)
    with pytest.warns(npl.ConvergenceWarning):
        finer.fit(task.X, task.y, starts=THETA0)
    assert_allclose(way([3.3, 17.0]), finer.trajectory_([3.3, 17.0]), atol=1e-5)
    with pytest.raises(npl.InputError, match="must lie in"):
        way(51.0)


def test_paths_keep_the_loss_at_zero(task):
    net, theta = add_silent_neuron(task.net, task.theta)
    path = zero_loss_path(net, theta, [1, 2, 3, 0])
    assert path.n_segments == 11
    assert path.max_loss(task.X, task.y) < 1e-27
    assert_allclose(path(1.0), permute_neurons(net, theta, [1, 2, 3, 0, 4]), atol=1e-15)
    other = permute_neurons(net, theta, [3, 4, 1, 0, 2])
    assert connect_networks(net, theta, other).max_loss(task.X, task.y) < 1e-27
    with pytest.raises(npl.InputError, match="reduce_network found r = 4"):
        zero_loss_path(task.net, task.theta, [1, 0, 2, 3])
    with pytest.raises(npl.InputError, match="permutation"):
        zero_loss_path(net, theta, [0, 0, 2, 3])


def test_exchanging_two_neurons_passes_a_saddle(task):
    way = permutation_path(task.net, task.theta, task.X, task.y, pair=(2, 3))
    assert way.saddle_loss == pytest.approx(1.2352600845e-2, rel=1e-8)
    assert way.report.kind == "saddle"
    assert (way.report.index, way.report.n_zero) == (2, 1)
    assert_allclose(way.report.eigenvalues[:2], [-1.53595, -0.0888652], rtol=1e-4)
    assert way.barrier == pytest.approx(way.losses.max())
    assert_allclose(way.path(1.0), permute_neurons(task.net, task.theta, [0, 1, 3, 2]), atol=1e-12)


def test_constructions_undo_each_other(task):
    net, theta = split_neuron(task.net, task.theta, neuron=1, shares=[0.3, 0.7])
    assert classify_neurons(net, theta)[4] == ("copy", 1, 1)
    merged, again = merge_neurons(net, theta, (1, 4))
    assert merged == task.net
    assert_allclose(again, task.theta, atol=1e-15)
    reduction = reduce_network(net, theta)
    assert (reduction.widths, reduction.labels) == ([4], [[0, 1, 2, 3, 1]])
    report = critical_point_report(net, theta, task.X, task.y)
    assert (report.n_zero, report.n_unexplained, report.reduced_widths) == (3, 0, [4])
    shuffled = permute_neurons(task.net, task.theta, [2, 0, 3, 1])
    aligned = align(task.net, task.theta, shuffled)
    assert aligned.distance == 0
    assert_array_equal(aligned.theta, task.theta)
    with pytest.raises(npl.InputError, match="sum of the shares"):
        split_neuron(task.net, task.theta, neuron=0, shares=[0.5, 0.6])


def test_adam_trains_many_networks_together(task):
    problem = MLP([4, "g"], bias=False).problem(task.X, task.y)
    starts = [problem.net.initialise(seed) for seed in range(3)]
    courses = problem.adam(starts, n_steps=50)
    assert len(courses) == 3
    assert all(course.losses[-1] < course.losses[0] for course in courses)
    assert_array_equal(courses[1].losses, problem.adam(starts[1], n_steps=50)[0].losses)


def test_estimators_fit_predict_and_survive_files(tmp_path):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(80, 2))
    regressor = GradientFlowRegressor(hidden=4, activation="tanh").fit(x, np.sin(x[:, 0]) + x[:, 1])
    assert regressor.score(x, np.sin(x[:, 0]) + x[:, 1]) > 0.99
    two = GradientFlowRegressor(hidden=4).fit(x, x)
    assert two.predict(x).shape == (80, 2)
    names = np.where(x[:, 0] > 0, "right", "left")
    classifier = GradientFlowClassifier(hidden=[3, 2], weight_decay=1e-3).fit(x, names)
    assert classifier.score(x, names) > 0.9
    assert_allclose(classifier.predict_proba(x).sum(axis=1), 1.0)
    for model in (regressor, two, classifier):
        model.save(tmp_path / "model.json")
        loaded = npl.load(tmp_path / "model.json")
        assert type(loaded) is type(model)
        assert_array_equal(loaded.predict(x), model.predict(x))
        assert_array_equal(pickle.loads(pickle.dumps(model)).predict(x), model.predict(x))


def test_trained_networks_survive_a_file(task, tmp_path):
    flow = GradientFlow(MLP([4, "g"], bias=False), t_max=100.0).fit(task.X, task.y, seeds=3)
    flow.save(tmp_path / "flow.json")
    loaded = npl.load(tmp_path / "flow.json")
    assert repr(loaded) == repr(flow)
    assert loaded.get_params()["net"] == flow.net
    assert loaded.provenance_ == flow.provenance_
    assert_array_equal(loaded.thetas_, flow.thetas_)
    assert_array_equal(loaded.predict(task.X), flow.predict(task.X))
    assert [one.reason for one in loaded.results_] == [one.reason for one in flow.results_]
    with pytest.raises(npl.InputError, match="no data here"):
        loaded.report_  # noqa: B018
    clone = pytest.importorskip("sklearn.base").clone(flow)
    assert clone.get_params() == flow.get_params()
    assert not hasattr(clone, "theta_")


def test_figures_are_drawn(task):
    matplotlib = pytest.importorskip("matplotlib")
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    net = MLP([5, "g"], bias=False)
    fit = GradientFlow(net).fit(task.X, task.y, seeds=2, record=True)
    wide, theta = add_silent_neuron(task.net, task.theta)
    path = zero_loss_path(wide, theta, [1, 0, 2, 3])
    report = critical_point_report(wide, theta, task.X, task.y)
    directions = np.eye(15)[:2]
    for ax in (
        npl.plot.neuron_trajectories(net, fit.results_, (task.net, task.theta)),
        npl.plot.final_losses({5: fit.losses_}),
        npl.plot.subspace_counts(4, range(4, 12)),
        npl.plot.hessian_spectrum(report),
        npl.plot.loss_along_path(path, task.X, task.y, per_segment=3),
        npl.plot.neuron_types(classify_neurons(wide, theta)),
        npl.plot.loss_contour(wide.problem(task.X, task.y), theta, directions, n=5),
    ):
        assert ax.get_xlabel() or ax.get_ylabel()
        plt.close(ax.figure)


def g(x):
    """The activation of the papers, written out."""
    return 1 / (1 + np.exp(-4 * x)) + np.log1p(np.exp(x))


def loss_of(theta, task, width):
    """The loss of a network without biases, from nothing but its definition."""
    w, a = theta[: 2 * width].reshape(width, 2), theta[2 * width :].reshape(-1, width)
    return np.mean(np.sum((g(task.X @ w.T) @ a.T - task.y) ** 2, axis=1))


def hessian_by_differences(theta, task, width, step=2e-4):
    """Second derivatives of fourth order in the step, from values of the loss alone."""
    n = len(theta)
    weights = {-2: 1 / 12, -1: -2 / 3, 1: 2 / 3, 2: -1 / 12}
    unit = step * np.eye(n)
    hessian = np.zeros((n, n))
    for i in range(n):
        for j in range(i + 1):
            total = sum(
                wi * wj * loss_of(theta + k * unit[i] + m * unit[j], task, width)
                for k, wi in weights.items()
                for m, wj in weights.items()
            )
            hessian[i, j] = hessian[j, i] = total / step**2
    return hessian


@pytest.mark.parametrize("n_outputs", [1, 3])
def test_the_report_of_a_merged_saddle_agrees_with_finite_differences(n_outputs):
    task = npl.landscape.toy_task("g", n_outputs)
    way = permutation_path(task.net, task.theta, task.X, task.y, pair=(0, 1), n_steps=81)
    report = way.report
    assert report.kind == "saddle"
    assert way.saddle_gradient < 1e-10
    hessian = hessian_by_differences(way.saddle, task, 4)
    values, vectors = np.linalg.eigh(hessian)
    scale = np.abs(values).max()
    # rounding of the differences: 1e-16 * loss / step^2
    assert_allclose(report.eigenvalues, values, atol=1e-7 * scale)
    assert report.index == (values < -1e-6 * scale).sum() == 2
    assert report.n_zero == (np.abs(values) < 1e-7 * scale).sum() == 1
    assert report.plateau_dimension == n_outputs
    assert [(mode.kind, mode.count) for mode in report.zero_modes] == [("plateau", 1)]
    assert report.n_unexplained == 0
    # the zero mode moves outgoing weight from one copy to the other, along their common outgoing vector
    outgoing = way.saddle[8:].reshape(n_outputs, 4)
    first, second = report.zero_modes[0].neurons
    direction = np.zeros_like(outgoing)
    direction[:, first], direction[:, second] = outgoing[:, first], -outgoing[:, first]
    flat = np.concatenate([np.zeros(8), direction.ravel()])
    flat /= np.linalg.norm(flat)
    assert abs(flat @ vectors[:, np.argmin(np.abs(values))]) > 1 - 1e-6


def test_two_networks_trained_separately_are_connected_at_zero_loss(task):
    net = MLP([5, "g"], bias=False)
    first, second = (GradientFlow(net, random_state=seed).fit(task.X, task.y, seeds=6) for seed in (10, 20))
    path = connect_networks(net, first.theta_, second.theta_)
    assert path.max_loss(task.X, task.y) < 1e-20
    assert_array_equal(path(0.0), first.theta_)
    assert_array_equal(path(1.0), second.theta_)
    straight = [net.loss((1 - t) * first.theta_ + t * second.theta_, task.X, task.y) for t in np.linspace(0, 1, 21)]
    assert max(straight) > 1e-3


def test_parameters_come_from_files_of_other_programs(tmp_path):
    bound = MLP([4, "tanh", 3, "tanh"], n_outputs=2, n_inputs=5)
    theta = bound.initialise(random_state=2)
    np.savez(tmp_path / "ours.npz", **bound.unpack(theta))
    with np.load(tmp_path / "ours.npz") as file:
        net, same = MLP.from_arrays(dict(file), "tanh")
    assert net == bound
    assert_array_equal(same, theta)
    torch = pytest.importorskip("torch")
    model = torch.nn.Sequential(
        torch.nn.Linear(5, 4), torch.nn.Tanh(), torch.nn.Linear(4, 3), torch.nn.Tanh(), torch.nn.Linear(3, 2)
    ).double()
    net, theirs = MLP.from_arrays(model.state_dict(), "tanh")
    x = np.random.default_rng(0).normal(size=(7, 5))
    assert_allclose(net.predict(theirs, x), model(torch.tensor(x)).detach().numpy(), rtol=1e-13)
    with pytest.raises(npl.InputError, match="fully connected"):
        MLP.from_arrays(torch.nn.Conv2d(1, 2, 3).state_dict(), "relu")
