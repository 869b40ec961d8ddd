"""What scikit-learn expects of an estimator, without scikit-learn."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np

from neuropil.errors import InputError


class Estimator:
    """Parameters by name. The constructor of a subclass stores its arguments, and nothing else."""

    @classmethod
    def _defaults(cls) -> dict[str, Any]:
        parameters = inspect.signature(cls.__init__).parameters
        return {name: parameter.default for name, parameter in parameters.items() if name != "self"}

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the parameters by name.

        Parameters
        ----------
        deep : bool
            Without effect: no parameter is an estimator.

        Returns
        -------
        dict
            What the constructor was given.
        """
        return {name: getattr(self, name) for name in self._defaults()}

    def set_params(self, **params: Any) -> Any:
        """Change parameters; what was learned and the stream are forgotten.

        Parameters
        ----------
        **params
            New values by name.

        Returns
        -------
        self

        Raises
        ------
        InputError
            If there is no parameter of this name; the message lists them.
        """
        known = self._defaults()
        for name in params:
            if name not in known:
                raise InputError(f"{type(self).__name__} has no parameter {name!r}; it has {', '.join(known)}")
        for name, value in params.items():
            setattr(self, name, value)
        if params:
            self._forget()
        return self

    def __sklearn_tags__(self) -> Any:
        """Describe the estimator to scikit-learn, which alone asks: no target, missing values allowed."""
        from sklearn.utils import InputTags, Tags, TargetTags  # pyright: ignore

        return Tags(
            estimator_type=None,
            target_tags=TargetTags(required=False),
            input_tags=InputTags(allow_nan=True),
        )

    def _forget(self) -> None:
        for name in [name for name in vars(self) if name.endswith("_") and not name.startswith("_")]:
            delattr(self, name)

    def __repr__(self) -> str:
        defaults = self._defaults()
        given = [f"{name}={_shown(getattr(self, name))}" for name in defaults if _differs(self, name, defaults[name])]
        return f"{type(self).__name__}({', '.join(given)})"


def _differs(estimator: Estimator, name: str, default: Any) -> bool:
    value = getattr(estimator, name)
    return name in ("family", "method") or not (value is default or (np.ndim(value) == 0 and value == default))


def _shown(value: Any) -> str:
    if isinstance(value, np.ndarray):
        return f"<array of shape {value.shape}>" if value.size > 8 else repr(value.tolist())
    return repr(value)
