"""Following a stream, one observation or one piece at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from neuropil import _neuropil
from neuropil._observations import numbers, observations
from neuropil._progress import bars
from neuropil._table import Table
from neuropil.errors import NeuropilError
from neuropil.surprise._model import Model, filter_result_of, outputs_of
from neuropil.surprise._results import FilterResult, Update

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike
    from typing_extensions import Self

    from neuropil.surprise._model import Output


class Streaming(Model):
    """Verbs that remember what they have seen."""

    def update(self, y: ArrayLike | None) -> Update:
        """Take one observation of a stream. Bounded memory, and the same bits as one call with everything.

        The first update after construction, `reset` or `set_params` starts the stream with the parameters of that
        moment.

        Parameters
        ----------
        y : float or array_like of shape (d,)
            The observation; NaN or None where it is missing.

        Returns
        -------
        Update
            What is believed now, and how surprising the observation was.

        Examples
        --------
        >>> import neuropil as npl
        >>> learner = npl.surprise.ChangePointLearner(hazard=0.1)
        >>> [round(learner.update(y).mean, 4) for y in [0.5, -0.3, 1.2, 4.0]]
        [0.25, 0.0462, 0.37, 1.4264]
        """
        row = [y] if type(y) is float else np.atleast_1d(numbers(np.nan if y is None else y, "y")).tolist()
        mean, variance, factor, shannon, rate, run = self._streaming(len(row)).update(row)
        if len(mean) == 1:
            return Update(mean[0], None if variance is None else variance[0], factor, shannon, rate, run)
        return Update(np.array(mean), None if variance is None else np.array(variance), factor, shannon, rate, run)

    def update_many(self, y: ArrayLike, *, outputs: Sequence[Output] | None = None) -> FilterResult:
        """Take a piece of a stream: as `update` for every row, much faster.

        Parameters
        ----------
        y : array_like of shape (n,) or (n, d)
            Observations.
        outputs : sequence of str, optional
            Read-outs to compute, as for `filter`.

        Returns
        -------
        FilterResult
            Beliefs and surprise after every observation of the piece.

        Examples
        --------
        >>> import neuropil as npl
        >>> learner = npl.surprise.ChangePointLearner(hazard=0.1)
        >>> first = learner.update_many([0.5, -0.3])
        >>> learner.update_many([1.2, 4.0, 3.8]).mean.round(4)
        array([0.37  , 1.4264, 2.2662])
        """
        rows = observations(y)
        stream = self._streaming(rows.shape[1])
        starts = [0] if stream.time() == 0 else []
        result = stream.update_many(rows, outputs_of(outputs), bars(self.verbose))
        return filter_result_of(result, starts, self.method)

    def reset(self) -> Self:
        """Forget the stream: the next update is the first.

        Returns
        -------
        self
        """
        self.__dict__.pop("_stream", None)
        return self

    @property
    def n_updates(self) -> int:
        """Number of observations of the stream so far."""
        stream = self.__dict__.get("_stream")
        return 0 if stream is None else stream.time()

    def stream_run_lengths(self) -> Table:
        """Return the posterior over the run length of the stream at this moment (methods exact, mp, sor).

        Returns
        -------
        Table
            Columns ``run_length`` and ``probability``, longest first; no rows before the first update.

        Raises
        ------
        NeuropilError
            If the method holds no such posterior.
        """
        stream = self.__dict__.get("_stream")
        posterior = [] if stream is None else stream.run_length_posterior()
        if posterior is None:
            raise NeuropilError(f'the method "{self.method}" holds no posterior over run lengths; exact, mp and sor do')
        return Table(
            {
                "run_length": np.array([r for r, _ in posterior], dtype=np.int64),
                "probability": np.array([p for _, p in posterior], dtype=np.float64),
            }
        )

    def _forget(self) -> None:
        super()._forget()
        self.reset()

    def _streaming(self, columns: int) -> _neuropil.SurpriseStream:
        stream = self.__dict__.get("_stream")
        if stream is None:
            stream = self.__dict__["_stream"] = _neuropil.SurpriseStream(self._model(columns))
        return stream

    def __getstate__(self) -> dict[str, Any]:
        state = dict(vars(self))
        if "_stream" in state:
            state["_stream"] = state["_stream"].state()
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        state = dict(state)
        if "_stream" in state:
            state["_stream"] = _neuropil.SurpriseStream.resume(state["_stream"])
        self.__dict__.update(state)
