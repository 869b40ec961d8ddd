"""The learner: a family, a method and a hazard, ready for data."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from neuropil import _neuropil
from neuropil._estimator import Estimator
from neuropil._observations import block_starts, numbers, observations
from neuropil._progress import bars
from neuropil._results import Provenance, frozen, narrowed
from neuropil._table import Table
from neuropil.errors import ConvergenceWarning, InputError, NeuropilError
from neuropil.surprise._parameters import count, model_of, number, params_of, seed_of
from neuropil.surprise._results import (
    ChangeCount,
    FilterResult,
    HazardFit,
    OnlineHazard,
    Regressors,
    Segmentation,
    Smoothing,
    Tuning,
    Update,
)

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

    Output = Literal["mean", "variance", "bayes_factor_surprise", "shannon_surprise", "map_run_length"]

#: Version of the files that `ChangePointLearner.save` writes.
_FORMAT = 1
_KIND = "surprise.ChangePointLearner"
_DEFAULT_CUTOFF = 1e-12


class ChangePointLearner(Estimator):
    r"""A learner for a world that changes without notice.

    A hidden parameter stays as it is until, with the probability `hazard` per step, it is drawn anew from a prior. The
    Bayes Factor surprise :math:`S = P(y; \pi_0) / P(y; \pi)` compares the prior with the current belief and sets the
    adaptation rate :math:`\gamma = m S / (1 + m S)`, :math:`m = h / (1 - h)`: the probability that the world has just
    changed. The new belief keeps :math:`1 - \gamma` of what was known and takes :math:`\gamma` from the observation
    alone (Liakoni, Modirshanechi, Gerstner and Brea 2021, arXiv:1907.02936).

    The constructor only stores its arguments; they are checked when they are used. A parameter that the chosen family
    or method does not have is refused.

    Parameters
    ----------
    family : str
        What is observed: ``"gaussian"`` (known standard deviation), ``"gaussian-unknown-variance"``,
        ``"gaussian-known-mean"``, ``"multivariate-gaussian"``, ``"bernoulli"``, ``"binomial"``, ``"categorical"``,
        ``"multinomial"``, ``"poisson"``, ``"exponential"``, ``"geometric"``, ``"regression"`` (rows are the regressors
        and then y), ``"regression-unknown-noise"``.
    method : str
        How the learner follows it: ``"exact"``, ``"mp"`` (message passing with `n` run lengths), ``"sor"`` (stratified
        optimal resampling), ``"pf"`` (particle filter), ``"varsmile"``, ``"smile"``, ``"nassar10"``, ``"nassar12"``
        (delta rules, gaussian only), ``"leaky"``.
    hazard : float, array_like of shape (T,), NegativeBinomialHazard or HazardTable
        Probability of a change per step; an array holds one for every observation (known cues).
    sigma, prior_mean, prior_sd : float, optional
        gaussian: standard deviation of the observations, mean and standard deviation of the prior, in units of the
        data; 1, 0 and 1 by default.
    prior_k, prior_a, prior_b : float, optional
        gaussian-unknown-variance (with `prior_mean`): observations that the prior mean is worth, shape and scale of the
        inverse gamma prior of the variance; 1 by default.
    mean, shape, scale : float, optional
        gaussian-known-mean: the mean, and shape and scale of the inverse gamma prior of the variance.
    mean_weight, degrees_of_freedom, scatter : optional
        multivariate-gaussian (with a vector as `mean`): normal-inverse-Wishart prior. `scatter` is a number (times the
        unit matrix), a diagonal or a matrix.
    a, b : float, optional
        bernoulli, binomial, geometric: Beta prior of the probability.
    trials : int, optional
        binomial: trials behind each observation.
    alpha, categories : optional
        categorical, multinomial: weights of the Dirichlet prior, one for all or one per category; number of categories.
    rate, known_shape : float, optional
        poisson, exponential (with `shape`): gamma prior of the rate; known shape of gamma observations.
    noise, weight_mean, weight_covariance : optional
        regression: standard deviation of the noise, mean and covariance of the prior of the weights.
    weight_precision, noise_shape, noise_scale : optional
        regression-unknown-noise (with `weight_mean`): normal-inverse-gamma prior.
    n : int, optional
        mp, sor: run lengths that are kept; pf: particles; 20 by default.
    merge, protect : bool, int, optional
        mp: merge the two most similar run lengths instead of dropping the least probable; never drop one younger than
        so many steps.
    published_threshold : bool, optional
        sor: the threshold search of the code published with the paper, which fails when weights underflow.
    cutoff, max_run_length, max_hypotheses : optional
        exact: weight below which a hypothesis is dropped (1e-12 by default, 0 keeps all), longest run length that is
        kept (no limit), most hypotheses (50000).
    m : float, optional
        varsmile, smile: modulation of the surprise; ``hazard / (1 - hazard)`` by default.
    initial_run_length : float, optional
        nassar10, nassar12: run length before the first observation; 1 by default.
    omega : float, optional
        leaky: share of the past that survives a step, in [0, 1); 0.9 by default.
    missing : {"skip", "error"}
        What happens at a missing observation (NaN, None, masked): time passes and the hazard applies, or the sequence
        is refused.
    random_state : int, numpy.random.Generator, numpy.random.RandomState or None
        Seed of the stochastic methods (sor, pf) and of draws. None draws one, which the result's provenance holds.
    verbose : bool
        Show progress of long work.

    Attributes
    ----------
    hazard_ : float
        The hazard that `fit_hazard` found; once there, every method uses it in place of `hazard`.
    hazard_fit_ : HazardFit
        How it was found.
    converged_ : bool
        Whether the fit converged.
    n_iter_ : int
        Number of its iterations.

    Examples
    --------
    >>> import neuropil as npl
    >>> learner = npl.surprise.ChangePointLearner(hazard=0.1)
    >>> result = learner.filter([0.5, -0.3, 1.2, 4.0, 3.8])
    >>> result.mean.round(4)
    array([0.25  , 0.0462, 0.37  , 1.4264, 2.2662])
    >>> round(result.log_evidence, 6)
    -13.215235
    """

    def __init__(
        self,
        family: str = "gaussian",
        method: str = "exact",
        hazard: Any = 0.01,
        *,
        sigma: float | None = None,
        prior_mean: float | None = None,
        prior_sd: float | None = None,
        prior_k: float | None = None,
        prior_a: float | None = None,
        prior_b: float | None = None,
        mean: Any = None,
        shape: float | None = None,
        scale: float | None = None,
        mean_weight: float | None = None,
        degrees_of_freedom: float | None = None,
        scatter: Any = None,
        a: float | None = None,
        b: float | None = None,
        trials: int | None = None,
        alpha: Any = None,
        categories: int | None = None,
        rate: float | None = None,
        known_shape: float | None = None,
        noise: float | None = None,
        weight_mean: Any = None,
        weight_covariance: Any = None,
        weight_precision: Any = None,
        noise_shape: float | None = None,
        noise_scale: float | None = None,
        n: int | None = None,
        merge: bool | None = None,
        protect: int | None = None,
        published_threshold: bool | None = None,
        cutoff: float | None = None,
        max_run_length: int | None = None,
        max_hypotheses: int | None = None,
        m: float | None = None,
        initial_run_length: float | None = None,
        omega: float | None = None,
        missing: str = "skip",
        random_state: Any = 0,
        verbose: bool = False,
    ) -> None:
        self.family = family
        self.method = method
        self.hazard = hazard
        self.sigma = sigma
        self.prior_mean = prior_mean
        self.prior_sd = prior_sd
        self.prior_k = prior_k
        self.prior_a = prior_a
        self.prior_b = prior_b
        self.mean = mean
        self.shape = shape
        self.scale = scale
        self.mean_weight = mean_weight
        self.degrees_of_freedom = degrees_of_freedom
        self.scatter = scatter
        self.a = a
        self.b = b
        self.trials = trials
        self.alpha = alpha
        self.categories = categories
        self.rate = rate
        self.known_shape = known_shape
        self.noise = noise
        self.weight_mean = weight_mean
        self.weight_covariance = weight_covariance
        self.weight_precision = weight_precision
        self.noise_shape = noise_shape
        self.noise_scale = noise_scale
        self.n = n
        self.merge = merge
        self.protect = protect
        self.published_threshold = published_threshold
        self.cutoff = cutoff
        self.max_run_length = max_run_length
        self.max_hypotheses = max_hypotheses
        self.m = m
        self.initial_run_length = initial_run_length
        self.omega = omega
        self.missing = missing
        self.random_state = random_state
        self.verbose = verbose

    # a sequence at a time

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

    def run_length_posterior(
        self, y: ArrayLike, longest: int = 200, *, blocks: ArrayLike | None = None
    ) -> NDArray[np.float64]:
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
        ndarray of shape (T, longest)
            Element ``[t, r - 1]`` is the probability that r observations belong to the segment of observation t. Rows
            sum to one.

        Examples
        --------
        >>> import neuropil as npl
        >>> npl.surprise.ChangePointLearner(hazard=0.1).run_length_posterior([0.5, -0.3], longest=2).round(4)
        array([[1.    , 0.    ],
               [0.0943, 0.9057]])
        """
        rows, starts, model = self._ready(y, blocks)
        return _neuropil.surprise_run_length(model, rows, count("longest", longest), starts, bars(self.verbose))

    def smooth(self, y: ArrayLike, *, blocks: ArrayLike | None = None) -> Smoothing:
        """Look back: beliefs and change probabilities given all observations. Exact, whatever the method.

        Parameters
        ----------
        y : array_like of shape (T,) or (T, d)
            Observations.
        blocks : array_like of shape (T,), optional
            A label for every observation.

        Returns
        -------
        Smoothing
            Means, variances and change probabilities.

        Examples
        --------
        >>> import neuropil as npl
        >>> npl.surprise.ChangePointLearner(hazard=0.1).smooth([0.5, -0.3, 1.2, 4.0, 3.8]).change_probability.round(4)
        array([0.    , 0.0959, 0.3737, 0.4603, 0.0172])
        """
        rows, starts, model = self._ready(y, blocks)
        return Smoothing(
            **fields_of(_neuropil.surprise_smooth(model, rows, self._cutoff(), starts, bars(self.verbose)))
        )

    def segment(self, y: ArrayLike, *, blocks: ArrayLike | None = None) -> Segmentation:
        """Return the most probable segmentation. Exact, whatever the method.

        Parameters
        ----------
        y : array_like of shape (T,) or (T, d)
            Observations.
        blocks : array_like of shape (T,), optional
            A label for every observation.

        Returns
        -------
        Segmentation
            Its changes and what is believed in each segment.

        Examples
        --------
        >>> import neuropil as npl
        >>> flow = npl.data.example("nile")["flow_1e8_m3"]
        >>> learner = npl.surprise.ChangePointLearner(sigma=130.0, prior_mean=900.0, prior_sd=200.0)
        >>> learner.segment(flow).changes
        array([28])
        """
        rows, starts, model = self._ready(y, blocks)
        return Segmentation(
            **fields_of(_neuropil.surprise_segment(model, rows, self._cutoff(), starts, bars(self.verbose)))
        )

    def sample_segmentations(
        self, y: ArrayLike, n: int = 100, *, random_state: Any = None, blocks: ArrayLike | None = None
    ) -> list[NDArray[np.int64]]:
        """Draw segmentations from their posterior.

        Parameters
        ----------
        y : array_like of shape (T,) or (T, d)
            Observations.
        n : int
            Number of draws.
        random_state : int, Generator, RandomState or None
            Seed of the draws; the learner's own when None.
        blocks : array_like of shape (T,), optional
            A label for every observation.

        Returns
        -------
        list of ndarray of int
            For every draw the first observation of each segment, 0-based; the first one is always 0.

        Examples
        --------
        >>> import neuropil as npl
        >>> draws = npl.surprise.ChangePointLearner(hazard=0.1).sample_segmentations([0.1, 0.2, 9.0, 9.1], n=3)
        >>> len(draws)
        3
        """
        rows, starts, model = self._ready(y, blocks, self.random_state if random_state is None else random_state)
        draws = count("n", n)
        return _neuropil.surprise_sample_segmentations(model, rows, draws, self._cutoff(), starts, bars(self.verbose))

    def change_count(self, y: ArrayLike, *, blocks: ArrayLike | None = None) -> ChangeCount:
        """Return the exact posterior over the number of changes.

        Parameters
        ----------
        y : array_like of shape (T,) or (T, d)
            Observations.
        blocks : array_like of shape (T,), optional
            A label for every observation.

        Returns
        -------
        ChangeCount
            Numbers and their probabilities.

        Examples
        --------
        >>> import neuropil as npl
        >>> round(npl.surprise.ChangePointLearner(hazard=0.1).change_count([0.5, -0.3, 1.2, 4.0, 3.8]).mean, 6)
        0.947013
        """
        rows, starts, model = self._ready(y, blocks)
        first, probability, provenance = _neuropil.surprise_change_count(
            model, rows, self._cutoff(), starts, bars(self.verbose)
        )
        number_of = np.arange(first, first + len(probability))
        mean = float(number_of @ probability)
        return ChangeCount(
            number=frozen(number_of),
            probability=frozen(probability),
            mean=mean,
            variance=float((number_of - mean) ** 2 @ probability),
            provenance=Provenance.from_json(provenance),
        )

    def score(self, y: ArrayLike, *, blocks: ArrayLike | None = None) -> float:
        """Return the log evidence per observation, in nats: larger is better.

        Parameters
        ----------
        y : array_like of shape (T,) or (T, d)
            Observations.
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
        result = self.filter(y, blocks=blocks, outputs=["shannon_surprise"])
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

    # learning the hazard and other parameters

    def fit_hazard(
        self,
        y: ArrayLike,
        *,
        blocks: ArrayLike | None = None,
        start: float = 0.05,
        tol: float = 1e-6,
        max_iter: int = 200,
    ) -> ChangePointLearner:
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
        return self

    def fit(self, X: ArrayLike, y: object = None) -> ChangePointLearner:
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

    # a stream

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

    def reset(self) -> ChangePointLearner:
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

    # files and copies

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the learner, the fitted hazard and the state of the stream into one JSON file.

        Parameters
        ----------
        path : path
            File to write; an existing one is replaced at once, never half.

        Examples
        --------
        >>> import tempfile, os
        >>> import neuropil as npl
        >>> path = os.path.join(tempfile.mkdtemp(), "learner.json")
        >>> learner = npl.surprise.ChangePointLearner(hazard=0.1)
        >>> _ = learner.update_many([0.5, -0.3])
        >>> learner.save(path)
        >>> round(npl.load(path).update(1.2).mean, 4)
        0.37
        """
        from neuropil._files import write_text

        document: dict[str, Any] = {"neuropil": _neuropil.__version__, "kind": _KIND}
        stream = self.__dict__.get("_stream")
        if stream is None:
            document |= {"format": _FORMAT, "model": json.loads(_neuropil.surprise_check(self._model(None))[2])}
        else:
            document |= json.loads(stream.state())
        if "hazard_" in vars(self):
            fit = {
                name: value.tolist() if isinstance(value, np.ndarray) else value
                for name, value in self.hazard_fit_.to_dict().items()
            }
            document["hazard_fit"] = fit | {"provenance": vars(self.hazard_fit_.provenance)}
        write_text(Path(path), json.dumps(document, indent=1, allow_nan=False) + "\n")

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> ChangePointLearner:
        """Read a learner that `save` has written, now or with an earlier version.

        Parameters
        ----------
        path : path
            The file.

        Returns
        -------
        ChangePointLearner
            Ready to go on with its stream.

        Raises
        ------
        InputError
            If the file holds something else.
        """
        from neuropil._files import read_document

        document = read_document(Path(path))
        return cls._from_document(document, str(path))

    @classmethod
    def _from_document(cls, document: dict[str, Any], path: str) -> ChangePointLearner:
        if document.get("kind", _KIND) != _KIND or "model" not in document:
            kind = document.get("kind", "no kind")
            raise InputError(f'"{path}" holds {kind}, but a {_KIND} was expected; neuropil.load finds the right class')
        if document.get("format", _FORMAT) > _FORMAT:
            raise InputError(
                f'"{path}" was written by neuropil {document.get("neuropil")} in format {document["format"]}, '
                f"but this version reads formats up to {_FORMAT}; update neuropil"
            )
        learner = cls(**params_of(document["model"]))
        if "state" in document:
            learner.__dict__["_stream"] = _neuropil.SurpriseStream.resume(json.dumps(document))
        fit = document.get("hazard_fit")
        if fit is not None:
            fit = {
                name: np.array(value) if isinstance(value, list) and name != "interval" else value
                for name, value in fit.items()
            }
            interval = None if fit["interval"] is None else tuple(fit["interval"])
            learner.hazard_fit_ = HazardFit(
                **fit | {"interval": interval, "provenance": Provenance(**fit["provenance"])}
            )
            learner.hazard_ = learner.hazard_fit_.hazard
            learner.converged_ = learner.hazard_fit_.converged
            learner.n_iter_ = learner.hazard_fit_.iterations
        return learner

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

    # what the engine needs

    def _forget(self) -> None:
        super()._forget()
        self.reset()

    def _model(self, columns: int | None, random_state: Any = ...) -> str:
        """Return the learner as JSON."""
        params = self.get_params()
        if "hazard_" in vars(self):
            params["hazard"] = self.hazard_
        seed = seed_of(self.random_state if random_state is ... else random_state)
        return json.dumps(model_of(params, columns, seed))

    def _ready(
        self, y: ArrayLike, blocks: ArrayLike | None, random_state: Any = ...
    ) -> tuple[NDArray[np.float64], list[int] | None, str]:
        """Rows of observations, starts of blocks, and the learner as JSON."""
        rows = observations(y)
        model = self._model(rows.shape[1], random_state)
        self._check_width(rows, np.ndim(y), model)
        return rows, block_starts(blocks, len(rows)), model

    def _check_width(self, rows: NDArray[np.float64], ndim: int, model: str) -> None:
        width, _, _ = _neuropil.surprise_check(model)
        if ndim == 1 and width != 1:
            raise InputError(
                f'y has shape ({len(rows)},), but the family "{self.family}" with these parameters needs '
                f"shape (T, {width})"
            )

    def _streaming(self, columns: int) -> _neuropil.SurpriseStream:
        stream = self.__dict__.get("_stream")
        if stream is None:
            stream = self.__dict__["_stream"] = _neuropil.SurpriseStream(self._model(columns))
        return stream

    def _cutoff(self) -> float:
        return _DEFAULT_CUTOFF if self.cutoff is None else number("cutoff", self.cutoff)


def outputs_of(outputs: Sequence[str] | None) -> list[str] | None:
    return [outputs] if isinstance(outputs, str) else None if outputs is None else list(outputs)


def fields_of(result: dict[str, Any]) -> dict[str, Any]:
    # scores of a parameter stay a matrix when there is one sequence
    result = {name: frozen(value) if name == "scores" else narrowed(value) for name, value in result.items()}
    return result | {"provenance": Provenance.from_json(result["provenance"])}


def filter_result_of(result: dict[str, Any], starts: list[int] | None, method: str) -> FilterResult:
    change_probability = None
    if method != "leaky":
        change_probability = result["adaptation_rate"].copy()
        change_probability[[0] if starts is None else starts] = 0.0
    return FilterResult(**fields_of(result | {"change_probability": change_probability}))
