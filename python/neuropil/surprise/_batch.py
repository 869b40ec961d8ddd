"""Many sequences at once."""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING

import numpy as np

from neuropil import _neuropil
from neuropil._observations import observations
from neuropil._progress import bars
from neuropil._threads import num_threads
from neuropil.surprise._model import filter_result_of, outputs_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike

    from neuropil.surprise._learner import ChangePointLearner
    from neuropil.surprise._results import FilterResult


def filter_batch(
    learner: ChangePointLearner,
    sequences: Sequence[ArrayLike],
    n_jobs: int | None = None,
    *,
    outputs: Sequence[str] | None = None,
) -> list[FilterResult]:
    """Filter many independent sequences in parallel; every one gives the same bits as alone.

    Parameters
    ----------
    learner : ChangePointLearner
        The learner; it is not changed.
    sequences : sequence of array_like of shape (T,) or (T, d)
        Observations of each.
    n_jobs : int, optional
        Threads to use; -1 and None: as many as `neuropil.get_num_threads()` says.
    outputs : sequence of str, optional
        Read-outs to compute, as for `ChangePointLearner.filter`.

    Returns
    -------
    list of FilterResult
        In the order of the sequences.

    Examples
    --------
    >>> import neuropil as npl
    >>> learner = npl.surprise.ChangePointLearner(hazard=0.1)
    >>> [round(r.log_evidence, 4) for r in npl.surprise.filter_batch(learner, [[0.5, -0.3], [4.0, 3.8, 0.1]])]
    [-2.5569, -10.4035]
    """
    rows = [observations(y, f"sequences[{i}]") for i, y in enumerate(sequences)]
    if not rows:
        return []
    model = learner._model(rows[0].shape[1])
    for y, original in zip(rows, sequences, strict=True):
        learner._check_width(y, np.ndim(original), model)
    limit = nullcontext() if n_jobs is None or n_jobs < 0 else num_threads(n_jobs)
    with limit:
        results = _neuropil.surprise_filter_batch(model, rows, outputs_of(outputs), bars(learner.verbose))
    return [filter_result_of(result, None, learner.method) for result in results]
