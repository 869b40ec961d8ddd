import subprocess
import sys

import neuropil as npl
import numpy as np
import pytest
from neuropil.surprise import ChangePointLearner

matplotlib = pytest.importorskip("matplotlib")
matplotlib.use("Agg")
STREAM = [0.5, -0.3, None, 4.0, 3.8]


@pytest.fixture
def ax():
    from matplotlib import pyplot

    figure, axes = pyplot.subplots()
    yield axes
    figure.canvas.draw()
    pyplot.close(figure)


def test_every_figure_draws_into_the_given_axes(ax):
    learner = ChangePointLearner(hazard=0.1)
    result = learner.filter(STREAM)
    assert npl.plot.trajectory(result, STREAM, truth=[0, 0, 0, 4, 4], changes=[3], ax=ax) is ax
    assert npl.plot.surprise_traces(result, ax=ax) is ax
    assert npl.plot.segmentation(learner.segment(STREAM), STREAM, ax=ax) is ax
    assert npl.plot.change_count(learner.change_count(STREAM), ax=ax) is ax
    assert npl.plot.run_length(learner.run_length_posterior(STREAM, 5), changes=[3], ax=ax) is ax
    assert npl.plot.regret_heatmap(np.eye(2), [1, 2], [3, 4], ax=ax) is ax


def test_several_coordinates_have_several_lines(ax):
    result = ChangePointLearner("categorical", categories=3).filter([0, 1, 2, 2])
    npl.plot.trajectory(result, ax=ax)
    assert len(ax.lines) == 3


def test_what_cannot_be_drawn_is_refused(ax):
    with pytest.raises(npl.InputError, match="holds no surprise"):
        npl.plot.surprise_traces(ChangePointLearner(method="leaky").filter([0.1]), ax=ax)
    with pytest.raises(npl.InputError, match=r"shape \(1, 2\), got shape \(2, 2\)"):
        npl.plot.regret_heatmap(np.eye(2), [1], [3, 4], ax=ax)


def test_without_matplotlib_the_message_names_the_extra():
    script = (
        "import sys; sys.modules['matplotlib'] = sys.modules['matplotlib.pyplot'] = None; import neuropil as npl\n"
        "try: npl.plot.change_count(npl.surprise.ChangePointLearner().change_count([1.0]))\n"
        "except npl.NeuropilError as error: print(error)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert "neuropil[plot]" in done.stdout


def test_figures_of_spiking_populations(ax):
    circuit = npl.spikes.Network.winner_take_all()
    run = circuit.simulate_micro(0.5, record=2)
    assert npl.plot.raster(run.spikes, ax=ax) is ax
    assert (
        npl.plot.activity(run.activity, run.dt, smooth=0.02, truth=run.activity, names=["E1", "E2", "I"], ax=ax) is ax
    )
    assert npl.plot.phase_plane(circuit.phase_plane(n=15), circuit.fixed_points(), ax=ax) is ax
    with pytest.raises(npl.InputError, match="time step x population"):
        npl.plot.activity([1.0, 2.0], 0.1, ax=ax)
    band = (run.activity - 1, run.activity + 1)
    assert npl.plot.activity(run.activity, run.dt, smooth=0.02, band=band, ax=ax) is ax
    assert npl.plot.circuit(circuit, names=["E1", "E2", "I"], ax=ax) is ax
    one = np.zeros((5, 3))
    prediction = npl.spikes.PerturbationPrediction(np.arange(5.0), one, one - 1, one + 1, one)
    assert npl.plot.perturbation(prediction, 1, ax=ax) is ax
