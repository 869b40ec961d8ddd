"""Networks of populations."""

from __future__ import annotations

import json
import warnings
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from neuropil import _neuropil
from neuropil._files import read_document
from neuropil._progress import bars
from neuropil._results import frozen
from neuropil.errors import InputError
from neuropil.spikes._population import Population
from neuropil.spikes._simulation import FixedPoint, MesoResult, MicroResult, PhasePlane
from neuropil.spikes._trains import SpikeTrains

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray


@dataclass(frozen=True, eq=False)
class Network:
    """Populations and their couplings.

    Attributes
    ----------
    populations : sequence of Population
        The populations.
    coupling : ndarray of shape (M, M)
        Total coupling, row = from, column = to: jump of the potential per spike times number of presynaptic neurons
        times connection probability, in the unit of the potential.
    delay : float
        Time that a spike travels in addition to one time step, s.
    """

    populations: Sequence[Population]
    coupling: NDArray[np.float64] = field(default_factory=lambda: np.zeros((1, 1)))
    delay: float = 0.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "populations", tuple(self.populations))
        coupling = np.array(self.coupling, dtype=float)
        if coupling.ndim != 2:
            raise InputError(f"coupling has shape {coupling.shape}; it is a matrix, row = from, column = to")
        object.__setattr__(self, "coupling", frozen(coupling))
        _neuropil.spikes_check(self.to_json())

    @classmethod
    def winner_take_all(cls) -> Network:
        """Return the circuit of the paper: two excitatory populations that compete through an inhibitory one.

        Returns
        -------
        Network
            400, 400 and 200 neurons, parameters in mV.
        """
        return cls.from_json(_neuropil.spikes_defaults()[0])

    @classmethod
    def from_json(cls, text: str) -> Network:
        """Return the network of a JSON text, as `to_json` and the command line write it.

        Parameters
        ----------
        text : str
            The text.

        Returns
        -------
        Network
            The network.
        """
        parts = json.loads(_neuropil.spikes_check(text))
        populations = [Population._of(fields) for fields in parts["populations"]]
        return cls(populations, np.array(parts["coupling"], dtype=float), parts["delay"])

    @classmethod
    def from_fit(cls, path: str | os.PathLike[str]) -> Network:
        """Return the network of a file that `neuropil spikes infer` or `NeuLVM.save` wrote.

        Parameters
        ----------
        path : path
            The json file.

        Returns
        -------
        Network
            Effective at the bin width of the fit.
        """
        document = read_document(Path(path))
        try:
            network = document["result"]["fit"]["network"]
        except (KeyError, TypeError):
            message = "it has no part result.fit.network; give the json of `neuropil spikes infer --out FILE.json`"
            raise InputError(f'"{path}" is no fit: {message}') from None
        return cls.from_json(json.dumps(network))

    @classmethod
    def from_nest(cls, description: str | dict[str, Any]) -> Network:
        """Return the network of a NEST description as `to_nest` makes it with ``form="json"``.

        Parameters
        ----------
        description : str or dict
            JSON text, or the object.

        Returns
        -------
        Network
            The network.
        """
        text = description if isinstance(description, str) else json.dumps(description)
        return cls.from_json(_neuropil.spikes_from_nest(text))

    @property
    def sizes(self) -> list[int]:
        """Number of neurons of every population."""
        return [population.n_neurons for population in self.populations]

    def to_json(self) -> str:
        """Return the network as JSON, which the command line reads.

        Returns
        -------
        str
            JSON text.
        """
        populations = [population._fields() for population in self.populations]
        return json.dumps({"populations": populations, "coupling": self.coupling.tolist(), "delay": float(self.delay)})

    def with_sizes(self, sizes: Sequence[int]) -> Network:
        """Return the same network with other numbers of neurons; the total couplings stay.

        Parameters
        ----------
        sizes : sequence of int
            Neurons of every population.

        Returns
        -------
        Network
            The mean field is unchanged; the noise is that of the new sizes.
        """
        if len(sizes) != len(self.populations):
            raise InputError(f"sizes has {len(sizes)} numbers for {len(self.populations)} populations")
        pairs = zip(self.populations, sizes, strict=True)
        populations = [replace(population, n_neurons=int(size)) for population, size in pairs]
        return Network(populations, self.coupling, self.delay)

    def reduced(self) -> Network:
        """Return the same network in units of the softness, with the hazard moved into the threshold.

        Returns
        -------
        Network
            Softness 1 and hazard 1 Hz everywhere.
        """
        return self.from_json(_neuropil.spikes_units(self.to_json()))

    def with_units(self, softness: float, hazard: float) -> Network:
        """Return the same network with this softness and this hazard at threshold.

        Parameters
        ----------
        softness : float
            For example 2.5 mV.
        hazard : float
            Hz.

        Returns
        -------
        Network
            Firing is unchanged.
        """
        return self.from_json(_neuropil.spikes_units(self.to_json(), (softness, hazard)))

    def simulate_micro(
        self,
        duration: float,
        dt: float = 0.0002,
        seed: int = 0,
        record: int | Sequence[int] | str = 0,
        algorithm: str = "cohort",
        input_rule: str = "euler",
        start: Sequence[float] | None = None,
        drive: ArrayLike | None = None,
        verbose: bool = False,
    ) -> MicroResult:
        """Simulate every neuron.

        Parameters
        ----------
        duration : float
            Simulated time, s.
        dt : float
            Time step, s.
        seed : int
            The same seed gives the same spikes.
        record : int, sequence of int or "all"
            How many neurons of every population have their spikes recorded.
        algorithm : {"cohort", "clock"}
            Neurons with a common last spike together (exact, and independent of the number of neurons), or each by
            itself; adaptation needs "clock".
        input_rule : {"euler", "exact"}
            How input enters the membrane.
        start : sequence of float, optional
            Activities (Hz) as if the network had been firing at them; by default every neuron has just fired.
        drive : array of shape (T, M), optional
            External input in units of the potential per second; ``x`` shifts the resting potential by ``x * tau_m``.
        verbose : bool
            Whether a progress bar is shown.

        Returns
        -------
        MicroResult
            Activity, counts and the recorded spikes.
        """
        if isinstance(record, str):
            if record != "all":
                raise InputError(f'record must be a number, one number per population or "all", got {record!r}')
            chosen: Any = "everybody"
        elif np.ndim(record) == 0:
            chosen = {"per_population": int(record)} if record else "nobody"  # type: ignore[arg-type]
        else:
            chosen = {"each": [int(n) for n in record]}  # type: ignore[union-attr]
        settings = {
            "dt": float(dt),
            "duration": float(duration),
            "seed": int(seed),
            "algorithm": algorithm,
            "record": chosen,
            "input_rule": input_rule,
            "start": _start(start),
        }
        parts = _neuropil.spikes_simulate_micro(self.to_json(), json.dumps(settings), _drive(drive), bars(verbose))
        _warn(parts["warnings"])
        spikes = None if parts["spikes"] is None else SpikeTrains._of(parts["spikes"])
        return MicroResult(float(dt), frozen(parts["counts"]), frozen(parts["activity"]), spikes)

    def simulate_meso(
        self,
        duration: float,
        dt: float = 0.0005,
        seed: int = 0,
        scheme: str = "moments",
        noise: str = "binomial",
        age_bins: int | None = None,
        fold: int = 1,
        start: Sequence[float] | None = None,
        drive: ArrayLike | None = None,
        verbose: bool = False,
    ) -> MesoResult:
        """Simulate the activity of finite populations; the cost does not depend on the number of neurons.

        Parameters
        ----------
        duration : float
            Simulated time, s.
        dt : float
            Time step, s.
        seed : int
            The same seed gives the same activity.
        scheme : {"moments", "survival"}
            "moments" has the law of NEST's ``gif_pop_psc_exp``; "survival" is the model that `NeuLVM` fits, for free
            runs with the time step of the fit.
        noise : {"binomial", "gaussian", "poisson", "none"}
            How the number of spikes is drawn; "none" is the limit of infinitely many neurons.
        age_bins : int, optional
            Time steps after which a neuron counts as old.
        fold : int
            Merge so many neighbouring age bins ("moments" only): several times faster at the same statistics.
        start : sequence of float, optional
            As in `simulate_micro`.
        drive : array of shape (T, M), optional
            As in `simulate_micro`.
        verbose : bool
            Whether a progress bar is shown.

        Returns
        -------
        MesoResult
            Activity, counts and expected activity.
        """
        settings = {
            "dt": float(dt),
            "duration": float(duration),
            "seed": int(seed),
            "scheme": scheme,
            "noise": noise,
            "age_bins": age_bins,
            "age_grid": "every_step" if fold == 1 else {"folded": int(fold)},
            "start": _start(start),
        }
        parts = _neuropil.spikes_simulate_meso(self.to_json(), json.dumps(settings), _drive(drive), bars(verbose))
        _warn(parts["warnings"])
        arrays = [frozen(parts[name]) for name in ("counts", "activity", "expected")]
        return MesoResult(float(dt), arrays[0], arrays[1], arrays[2], parts["age_bins"])

    def fixed_points(self, dt: float | None = None) -> list[FixedPoint]:
        """Return the fixed points of the mean field, the lowest total activity first.

        Parameters
        ----------
        dt : float, optional
            Time step of the survival scheme, s; continuous time where it is not given.

        Returns
        -------
        list of FixedPoint
            Activities with their stability.
        """
        found = _neuropil.spikes_fixed_points(self.to_json(), dt)
        return [FixedPoint(frozen(a), frozen(h), growth, growth < 0) for a, h, growth in found]

    def phase_plane(
        self, first: int = 0, second: int = 1, highest: float = 40.0, n: int = 61, dt: float | None = None
    ) -> PhasePlane:
        """Return the nullclines of two populations.

        Parameters
        ----------
        first, second : int
            The populations of the x and the y axis.
        highest : float
            Largest activity, Hz.
        n : int
            Values on each axis.
        dt : float, optional
            As in `fixed_points`.

        Returns
        -------
        PhasePlane
            Changes on a grid, and points of the nullclines.
        """
        parts = _neuropil.spikes_phase_plane(self.to_json(), first, second, float(highest), n, dt)
        return PhasePlane(**{name: frozen(values) for name, values in parts.items()})

    def to_nest(
        self,
        level: str = "micro",
        form: str = "script",
        dt: float = 0.0005,
        capacitance: float = 250.0,
        age_bins: int | None = None,
    ) -> str:
        """Return the network for NEST.

        Parameters
        ----------
        level : {"micro", "meso"}
            ``gif_psc_exp`` neurons or ``gif_pop_psc_exp`` populations.
        form : {"script", "json"}
            A Python script that runs and prints the activity, or the parameters as JSON.
        dt : float
            Time step, s.
        capacitance : float
            Membrane capacitance, pF; any positive number gives the same network.
        age_bins : int, optional
            Age bins of ``gif_pop_psc_exp``.

        Returns
        -------
        str
            The text of the script, or JSON.
        """
        return _neuropil.spikes_to_nest(self.to_json(), level, form, dt, capacitance, age_bins)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Network) and json.loads(self.to_json()) == json.loads(other.to_json())

    def __hash__(self) -> int:
        return hash(self.to_json())


def _start(start: Sequence[float] | None) -> Any:
    return "fired" if start is None else {"activity": [float(rate) for rate in start]}


def _drive(drive: ArrayLike | None) -> NDArray[np.float64] | None:
    if drive is None:
        return None
    array = np.ascontiguousarray(drive, dtype=float)
    if array.ndim != 2:
        raise InputError(f"drive has shape {array.shape}; it is time step x population")
    return array


def _warn(messages: list[str]) -> None:
    for message in messages:
        warnings.warn(message, stacklevel=3)
