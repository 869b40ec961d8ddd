"""How a subject turns what it believes into what it does."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from neuropil.surprise._parameters import number


@dataclass(frozen=True)
class Report:
    """The response of a subject is a number: its estimate plus a bias plus normal noise.

    Parameters
    ----------
    response_sd : float
        Standard deviation of the noise, in units of the estimate.
    bias : float
        What is added to the estimate.
    """

    response_sd: float = 1.0
    bias: float = 0.0

    def _engine(self) -> dict[str, Any]:
        return {
            "name": "report",
            "response_sd": number("response_sd", self.response_sd),
            "bias": number("bias", self.bias),
        }


@dataclass(frozen=True)
class Choice:
    """The response of a subject is a category: a softmax of the believed probabilities, with lapses.

    Parameters
    ----------
    inverse_temperature : float
        0 is guessing.
    lapse : float
        Probability of a guess, in [0, 1].
    """

    inverse_temperature: float = 1.0
    lapse: float = 0.0

    def _engine(self) -> dict[str, Any]:
        return {
            "name": "choice",
            "inverse_temperature": number("inverse_temperature", self.inverse_temperature),
            "lapse": number("lapse", self.lapse),
        }
