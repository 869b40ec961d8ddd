"""A user's script, checked by pyright in its strictest mode: every type must be known."""

import neuropil as npl
import numpy as np
from numpy.typing import NDArray


def relative(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Values over their mean."""
    return values / values.mean()


nile = npl.data.example("nile")
flow = relative(nile["flow_1e8_m3"])
print(nile.n_rows, nile.licence, flow[:3], npl.data.examples()[0])

with npl.num_threads(1):
    threads: int = npl.get_num_threads()
npl.set_num_threads(None)

try:
    npl.data.example("danube")
except npl.InputError as error:
    problem: ValueError = error
    print(problem)

learner = npl.surprise.ChangePointLearner(sigma=130.0, prior_mean=900.0, prior_sd=200.0, hazard=0.01)
online = learner.filter(nile["flow_1e8_m3"])
rate: NDArray[np.float64] = online.adaptation_rate
changes: list[int] = [int(change) for change in learner.segment(nile["flow_1e8_m3"]).changes]
evidence: float | None = online.log_evidence
print(rate.max(), changes, evidence, learner.update(900.0).adaptation_rate)
learner.fit_hazard(nile["flow_1e8_m3"])
hazard: float = learner.hazard_
print(hazard, npl.surprise.filter_batch(learner, [flow, flow])[0].provenance.seed)


def evidence_of(hazard: float, seed: int) -> float:
    """Log evidence of a simulated sequence."""
    task = npl.surprise.simulate(n_steps=50, hazard=hazard, random_state=seed)
    return npl.surprise.ChangePointLearner(hazard=hazard).score(task.observations)


table: npl.Sweep = npl.sweep(evidence_of, {"hazard": [0.01, 0.1]}, seeds=2)
print(table["value"].mean(), table.provenance.neuropil)

circuit = npl.spikes.Network.winner_take_all()
simulated = circuit.simulate_micro(2.0, record=3, start=[20.0, 5.0, 25.0])
activity: NDArray[np.float64] = simulated.activity
if simulated.spikes is not None:
    model = npl.spikes.NeuLVM(circuit, max_em=1, n_restarts=1).fit(simulated.spikes)
    bands: npl.spikes.HiddenActivity = model.hidden_activity(n_samples=2)
    response = model.predict_perturbation(np.zeros((10, 3)), n_trials=1, n_experiments=2)
    strengths: dict[str, float] = model.params_
    print(bands.log_evidence, response.mean.shape, strengths, model.network_.coupling, activity.shape)

version: str = npl.__version__
print(npl.doctor(), version, threads)

task = npl.landscape.toy_task("g")
network = npl.landscape.MLP([5, "g"], bias=False)
trained = npl.landscape.GradientFlow(network).fit(task.X, task.y, seeds=2)
theta: NDArray[np.float64] = trained.theta_
kinds: list[str] = [mode.kind for mode in trained.report_.zero_modes]
path = npl.landscape.connect_networks(network, trained.thetas_[0], trained.thetas_[1])
subspaces: int = npl.landscape.count_global_minima_subspaces(4, 10)
print(path.n_segments, path.max_loss(task.X, task.y), kinds, subspaces, theta.shape)
digits = npl.data.example("digits")
patterns: NDArray[np.float64] = np.random.default_rng(0).normal(size=(120, 64))
memory = npl.memory.KernelMemory(kernel="gexp", beta=2.0, r=0.4).fit(patterns[:100])
recalled: NDArray[np.float64] = memory.recall(patterns[:3]).states
print(recalled.shape, memory.score(patterns[:100]), memory.margins_[0], digits.licence)
