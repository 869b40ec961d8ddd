"""Learning the hazard and other parameters."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING

from neuropil import _neuropil
from neuropil._observations import numbers, observations
from neuropil._progress import bars
from neuropil.errors import ConvergenceWarning, InputError
from neuropil.surprise._model import Model, fields_of
from neuropil.surprise._parameters import count, number, seed_of
from neuropil.surprise._results import HazardFit, OnlineHazard, Tuning

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike
    from typing_extensions import Self


class Learning(Model):
    """Verbs that learn parameters."""

    def fit_hazard(
        self,
        y: ArrayLike,
        *,
        blocks: ArrayLike | None = None,
        start: float = 0.05,
        tol: float = 1e-6,
        max_iter: int = 200,
    ) -> Self:
        """Learn the most probable constant hazard from a recording.

        Parameters
        ----------
        y : array_like of shape (T,) or (T, d)
            Observations, at least 2.
        blocks : array_like of shape (T,), optional
            A label for every observation; blocks share the hazard.
        start : float
            Hazard to start from, in (0, 1).
        tol : float
            The fit has converged when the expected number of changes is this close to what the hazard predicts.
        max_iter : int
            Largest number of iterations.

        Returns
        -------
        self
            With `hazard_`, `hazard_fit_`, `converged_` and `n_iter_`.

        Warns
        -----
        ConvergenceWarning
            If the tolerance was not reached.

        Examples
        --------
        >>> import neuropil as npl
        >>> flow = npl.data.example("nile")["flow_1e8_m3"]
        >>> learner = npl.surprise.ChangePointLearner(sigma=130.0, prior_mean=900.0, prior_sd=200.0)
        >>> round(learner.fit_hazard(flow).hazard_, 4)
        0.0157
        """
        rows, starts, model = self._ready(y, blocks)
        fit = HazardFit(
            **fields_of(
                _neuropil.surprise_fit_hazard(
                    model,
                    rows,
                    number("start", start),
                    number("tol", tol),
                    count("max_iter", max_iter),
                    self._cutoff(),
                    starts,
                    bars(self.verbose),
                )
            )
        )
        if not fit.converged:
            message = f"the hazard did not converge in {fit.iterations} iterations; allow more with max_iter"
            warnings.warn(message, ConvergenceWarning, stacklevel=2)
        self._forget()
        self.hazard_ = fit.hazard
        self.hazard_fit_ = fit
        self.converged_ = fit.converged
        self.n_iter_ = fit.iterations
        self.n_features_in_ = rows.shape[1]
        return self

    def fit(self, X: ArrayLike, y: object = None) -> Self:
        """Learn the hazard from observations: `fit_hazard` under scikit-learn's name.

        Parameters
        ----------
        X : array_like of shape (T,) or (T, d)
            Observations.
        y : None
            Ignored.

        Returns
        -------
        self
        """
        return self.fit_hazard(X)

    def learn_hazard(
        self,
        y: ArrayLike,
        *,
        prior: str = "grid",
        hazards: ArrayLike | None = None,
        weights: ArrayLike | None = None,
        changes: float = 1.0,
        stays: float = 1.0,
        blocks: ArrayLike | None = None,
    ) -> OnlineHazard:
        """Learn the hazard along the way, as an observer would who does not know it.

        Parameters
        ----------
        y : array_like of shape (T,) or (T, d)
            Observations.
        prior : {"grid", "beta"}
            Candidate hazards weighted by their evidence, or a Beta prior (Wilson, Nassar and Gold 2010).
        hazards, weights : array_like, optional
            grid: the candidates (25 from 0.0001 to 0.5 by default) and their prior weights (equal by default).
        changes, stays : float
            beta: pseudo-counts of changes and of steps without a change.
        blocks : array_like of shape (T,), optional
            A label for every observation; what is known about the hazard survives the end of a block.

        Returns
        -------
        OnlineHazard
            What was known after every observation.

        Examples
        --------
        >>> import neuropil as npl
        >>> online = npl.surprise.ChangePointLearner().learn_hazard([0.1, 0.2, 3.0, 2.9], prior="beta")
        >>> online.mean.shape
        (4,)
        """
        rows, starts, model = self._ready(y, blocks)
        if prior == "beta":
            result = _neuropil.surprise_learn_hazard_with_beta(
                model,
                rows,
                number("changes", changes),
                number("stays", stays),
                self._cutoff(),
                starts,
                bars(self.verbose),
            )
            result |= {"hazards": None, "posterior": None}
        elif prior == "grid":
            grid = None if hazards is None else numbers(hazards, "hazards").ravel().tolist()
            weight = None if weights is None else numbers(weights, "weights").ravel().tolist()
            result = _neuropil.surprise_learn_hazard_on_grid(
                model, rows, grid, weight, self._cutoff(), starts, bars(self.verbose)
            )
        else:
            raise InputError(f'prior must be "grid" or "beta", got {prior!r}')
        return OnlineHazard(**fields_of(result))

    def tune(
        self,
        parameter: str | None = None,
        values: ArrayLike | None = None,
        *,
        sequences: Sequence[ArrayLike] | None = None,
        truths: Sequence[ArrayLike] | None = None,
        length: int = 10_000,
        n_sequences: int = 3,
    ) -> Tuning:
        """Try values of one parameter.

        Without `sequences`, sequences are simulated from the learner's own family and hazard and judged by the squared
        error of the estimate, as in the paper.

        Parameters
        ----------
        parameter : str, optional
            Name of the parameter (``"m"``, ``"omega"``, ``"hazard"``, ``"sigma"``, ...); with `values` None the
            published one of the method.
        values : array_like, optional
            Values to try; the published grid when None.
        sequences : sequence of array_like, optional
            Recordings to tune on.
        truths : sequence of array_like, optional
            The parameter behind every observation of each recording; without it the log evidence judges.
        length, n_sequences : int
            Length and number of the simulated sequences.

        Returns
        -------
        Tuning
            Scores and the winner; take it over with ``learner.set_params(**{tuning.parameter: tuning.best_value})``.

        Examples
        --------
        >>> import neuropil as npl
        >>> learner = npl.surprise.ChangePointLearner(method="leaky", hazard=0.1)
        >>> tuning = learner.tune("omega", [0.0, 0.5, 0.99], length=2000)
        >>> tuning.best_value
        0.5
        """
        model = self._model(None)
        published = _neuropil.surprise_published_grid(model)
        if values is None:
            if published is None or parameter not in (None, published[0]):
                raise InputError(
                    f'there is no published grid for {parameter or "the method"} of "{self.method}"; give values'
                )
            parameter, grid = published
        else:
            grid = numbers(values, "values").ravel().tolist()
            if parameter is None:
                raise InputError("parameter must be the name of a parameter, got None")
        if sequences is None:
            seed = seed_of(self.random_state)
            result = _neuropil.surprise_tune_on_simulations(
                model,
                parameter,
                grid,
                count("length", length),
                count("n_sequences", n_sequences),
                seed,
                bars(self.verbose),
            )
        else:
            rows = [observations(y, f"sequences[{i}]") for i, y in enumerate(sequences)]
            known = None if truths is None else [observations(x, f"truths[{i}]") for i, x in enumerate(truths)]
            if known is not None and [len(x) for x in known] != [len(y) for y in rows]:
                raise InputError(
                    f"truths must be as long as the sequences: {[len(y) for y in rows]}, got {[len(x) for x in known]}"
                )
            model = self._model(rows[0].shape[1] if rows else None)
            result = _neuropil.surprise_tune(model, parameter, grid, rows, known, bars(self.verbose))
        return Tuning(**fields_of(result))
