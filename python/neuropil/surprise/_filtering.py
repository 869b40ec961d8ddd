"""Following a whole sequence from the prior."""

from __future__ import annotations

from typing import TYPE_CHECKING

from neuropil import _neuropil
from neuropil._observations import observations
from neuropil._progress import bars
from neuropil._results import Provenance, frozen
from neuropil.errors import InputError, NeuropilError
from neuropil.surprise._model import Model, filter_result_of, outputs_of
from neuropil.surprise._parameters import count
from neuropil.surprise._results import FilterResult, Regressors, RunLengths

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike

    from neuropil.surprise._model import Output


class Filtering(Model):
    """Verbs that follow a whole sequence."""

    def filter(
        self, y: ArrayLike, *, blocks: ArrayLike | None = None, outputs: Sequence[Output] | None = None
    ) -> FilterResult:
        """Follow a whole sequence from the prior; the stream of `update` is not touched.

        Parameters
        ----------
        y : array_like of shape (T,) or (T, d)
            Observations, rows are time; NaN or None where missing. Categories and counts are whole numbers.
        blocks : array_like of shape (T,), optional
            A label for every observation: the belief returns to the prior wherever the label changes.
        outputs : sequence of str, optional
            Read-outs to compute: ``"mean"``, ``"variance"``, ``"bayes_factor_surprise"``, ``"shannon_surprise"``,
            ``"map_run_length"``. All of them by default; each costs memory and time.

        Returns
        -------
        FilterResult
            Beliefs and surprise after every observation.

        Raises
        ------
        InputError
            If a parameter is out of range or an observation cannot belong to the family.

        Examples
        --------
        >>> import neuropil as npl
        >>> learner = npl.surprise.ChangePointLearner("bernoulli", hazard=0.2)
        >>> float(learner.filter([1, 1, 1, 0, 0, 0, 0, 1]).mean[-1].round(6))
        0.487773
        """
        rows, starts, model = self._ready(y, blocks)
        result = _neuropil.surprise_filter(model, rows, starts, outputs_of(outputs), bars(self.verbose))
        return filter_result_of(result, starts, self.method)

    def run_length_posterior(self, y: ArrayLike, longest: int = 200, *, blocks: ArrayLike | None = None) -> RunLengths:
        """Return the filtered posterior over the run length at every observation (methods exact, mp, sor).

        Parameters
        ----------
        y : array_like of shape (T,) or (T, d)
            Observations.
        longest : int
            Number of columns; the last one also holds everything longer.
        blocks : array_like of shape (T,), optional
            A label for every observation.

        Returns
        -------
        RunLengths
            Its matrix ``probability`` has one row per observation and one column per run length from 1 on.

        Examples
        --------
        >>> import neuropil as npl
        >>> posterior = npl.surprise.ChangePointLearner(hazard=0.1).run_length_posterior([0.5, -0.3], longest=2)
        >>> posterior.probability.round(4)
        array([[1.    , 0.    ],
               [0.0943, 0.9057]])
        """
        rows, starts, model = self._ready(y, blocks)
        probability, provenance = _neuropil.surprise_run_length(
            model, rows, count("longest", longest), starts, bars(self.verbose)
        )
        return RunLengths(frozen(probability), Provenance.from_json(provenance))

    def score(self, X: ArrayLike, y: object = None, *, blocks: ArrayLike | None = None) -> float:
        """Return the log evidence per observation, in nats: larger is better.

        Parameters
        ----------
        X : array_like of shape (T,) or (T, d)
            Observations.
        y : None
            Ignored, for scikit-learn.
        blocks : array_like of shape (T,), optional
            A label for every observation.

        Returns
        -------
        float
            ``ln P(y)`` divided by the number of observations that are not missing.

        Examples
        --------
        >>> import neuropil as npl
        >>> round(npl.surprise.ChangePointLearner(hazard=0.1).score([0.5, -0.3, 1.2, 4.0, 3.8]), 6)
        -2.643047
        """
        expected = vars(self).get("n_features_in_")
        rows = observations(X, "X")
        if expected not in (None, rows.shape[1]):
            raise InputError(
                f"X has {rows.shape[1]} features, but {type(self).__name__} is expecting {expected} features as input"
            )
        result = self.filter(X, blocks=blocks, outputs=["shannon_surprise"])
        if result.log_evidence is None:
            raise NeuropilError(f'the method "{self.method}" has no predictive distribution and therefore no evidence')
        return result.log_evidence / max(int(result.observed.sum()), 1)

    def regressors(self, y: ArrayLike, *, blocks: ArrayLike | None = None) -> Regressors:
        """Return eight measures of surprise for every trial, for the analysis of pupils, EEG, fMRI or behaviour.

        Parameters
        ----------
        y : array_like of shape (T,) or (T, d)
            Observations.
        blocks : array_like of shape (T,), optional
            A label for every observation.

        Returns
        -------
        Regressors
            A table: ``block``, ``trial``, ``observed``, then the measures that the learner defines. NaN where a trial
            is missing or a measure is not defined.

        Examples
        --------
        >>> import neuropil as npl
        >>> table = npl.surprise.ChangePointLearner(hazard=0.1).regressors([0.5, -0.3, 1.2, 4.0, 3.8])
        >>> table["shannon_surprise"].round(4)
        array([1.328 , 1.2289, 1.5668, 5.9783, 3.1133])
        >>> table.units["shannon_surprise"]
        'nat'
        """
        rows, starts, model = self._ready(y, blocks)
        result = _neuropil.surprise_regressors(model, rows, starts, bars(self.verbose))
        columns = {name: result[name] for name in ("block", "trial", "observed")}
        columns.update({name: values for name, _, values in result["columns"]})
        units = {name: unit for name, unit, _ in result["columns"]}
        return Regressors(columns, units, Provenance.from_json(result["provenance"]))
