"""Learners in files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from neuropil import _neuropil
from neuropil._results import Provenance
from neuropil.errors import InputError
from neuropil.surprise._model import Model
from neuropil.surprise._parameters import params_of
from neuropil.surprise._results import HazardFit

if TYPE_CHECKING:
    import os

    from typing_extensions import Self

#: Version of the files that `ChangePointLearner.save` writes.
_FORMAT = 1
_KIND = "surprise.ChangePointLearner"


class Saving(Model):
    """Verbs that write and read files."""

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
    def load(cls, path: str | os.PathLike[str]) -> Self:
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
    def _from_document(cls, document: dict[str, Any], path: str) -> Self:
        if document.get("kind", _KIND) != _KIND or "model" not in document:
            kind = document.get("kind", "no kind")
            raise InputError(f'"{path}" holds {kind}, but a {_KIND} was expected; neuropil.load finds the right class')
        if not isinstance(document.get("format", _FORMAT), int) or document.get("format", _FORMAT) > _FORMAT:
            raise InputError(
                f'"{path}" was written by neuropil {document.get("neuropil")} in format {document["format"]}, '
                f"but this version reads formats up to {_FORMAT}; update neuropil"
            )
        try:
            # The engine knows best what a learner is.
            _neuropil.surprise_check(json.dumps(document["model"]))
            learner = cls(**params_of(document["model"]))
            if "state" in document:
                learner.__dict__["_stream"] = _neuropil.SurpriseStream.resume(json.dumps(document))
            if document.get("hazard_fit") is not None:
                learner._take_fit(document["hazard_fit"])
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            problem = f"{error} is missing" if isinstance(error, KeyError) else error
            raise InputError(f'"{path}" is not a file that neuropil saved: {problem}') from None
        return learner

    def _take_fit(self, written: dict[str, Any]) -> None:
        """Take over a fitted hazard as it stands in a file."""
        fit = {
            name: np.array(value) if isinstance(value, list) and name != "interval" else value
            for name, value in written.items()
        }
        interval = None if fit["interval"] is None else tuple(fit["interval"])
        self.hazard_fit_ = HazardFit(**fit | {"interval": interval, "provenance": Provenance(**fit["provenance"])})
        self.hazard_ = self.hazard_fit_.hazard
        self.converged_ = self.hazard_fit_.converged
        self.n_iter_ = self.hazard_fit_.iterations
