"""What neuropil raises.

Everything that neuropil raises on purpose is a `NeuropilError`. What the caller can avoid by giving something else is
an `InputError`, which is a `ValueError` as well, so that code written for scikit-learn catches it.
"""

__all__ = ["ConvergenceWarning", "InputError", "NeuropilError", "PriorWarning"]


class NeuropilError(Exception):
    """Base class of the exceptions that neuropil raises."""


class InputError(NeuropilError, ValueError):
    """An argument, an observation or a file is not what is allowed; the message says what is, and what to do."""


class ConvergenceWarning(UserWarning):
    """A search stopped before it reached its tolerance; the result says so as well."""


class PriorWarning(UserWarning):
    """The data lie far from everything that the prior of a model expects."""
