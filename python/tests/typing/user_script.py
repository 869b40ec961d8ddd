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

version: str = npl.__version__
print(npl.doctor(), version, threads)

digits = npl.data.example("digits")
patterns: NDArray[np.float64] = digits["images"].reshape(-1, 64) / 16
memory = npl.memory.KernelMemory(kernel="gexp", beta=2.0, r=0.4).fit(patterns[:100])
recalled: NDArray[np.float64] = memory.recall(patterns[:3]).states
print(recalled.shape, memory.score(patterns[:100]), memory.margins_[0], digits.licence)
