"""Reading memories from their files."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np

from neuropil.errors import InputError
from neuropil.memory import _classical
from neuropil.memory._kernel import KernelMemory

if TYPE_CHECKING:
    from pathlib import Path

    from neuropil.memory._base import AssociativeMemory


def load_memory(path: Path) -> AssociativeMemory:
    """Read any memory of this room."""
    try:
        with np.load(path) as archive:
            header = json.loads(bytes(archive["header"].astype(np.uint8)).decode())
            model = header["model"]
            arrays = {name: archive[name] for name in archive.files} if model != "KernelMemory" else {}
    except (KeyError, ValueError, UnicodeDecodeError) as error:
        raise InputError(f'"{path}" is not a file that neuropil saved: {error}') from None
    if model == "KernelMemory":
        return KernelMemory._load(path)  # pyright: ignore[reportPrivateUsage]
    kind = getattr(_classical, str(model), None)
    if kind is None or header.get("format", 0) > 1:
        raise InputError(f'"{path}" holds a {model} that this version does not know; update neuropil')
    memory: AssociativeMemory = kind(**header["parameters"])
    return memory.fit(arrays["patterns"], arrays.get("outputs"))
