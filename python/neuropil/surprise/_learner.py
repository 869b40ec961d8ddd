"""The learner: a family, a method and a hazard, ready for data."""

from __future__ import annotations

from typing import Any

from neuropil.surprise._filtering import Filtering
from neuropil.surprise._learning import Learning
from neuropil.surprise._looking_back import LookingBack
from neuropil.surprise._saving import Saving
from neuropil.surprise._streaming import Streaming


class ChangePointLearner(Filtering, LookingBack, Learning, Streaming, Saving):
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
    n_features_in_ : int
        Numbers per observation that it was fitted to.

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
