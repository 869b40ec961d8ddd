"""Looking back at a whole sequence: exact, whatever the method."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from neuropil import _neuropil
from neuropil._progress import bars
from neuropil._results import Provenance, frozen
from neuropil.surprise._model import Model, fields_of
from neuropil.surprise._parameters import count
from neuropil.surprise._results import ChangeCount, Draws, Segmentation, Smoothing

if TYPE_CHECKING:
    from numpy.typing import ArrayLike


class LookingBack(Model):
    """Verbs that know the whole sequence."""

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
    ) -> Draws:
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
        Draws
            A list of arrays: for every draw the first observation of each segment, 0-based; the first one is always 0.

        Examples
        --------
        >>> import neuropil as npl
        >>> draws = npl.surprise.ChangePointLearner(hazard=0.1).sample_segmentations([0.1, 0.2, 9.0, 9.1], n=3)
        >>> len(draws)
        3
        """
        rows, starts, model = self._ready(y, blocks, self.random_state if random_state is None else random_state)
        draws = count("n", n)
        samples, provenance = _neuropil.surprise_sample_segmentations(
            model, rows, draws, self._cutoff(), starts, bars(self.verbose)
        )
        return Draws(samples, Provenance.from_json(provenance))

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
