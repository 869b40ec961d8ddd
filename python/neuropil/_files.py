"""Files that fitted objects are saved in."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path
from typing import Any

from neuropil.errors import InputError


def write_text(path: Path, text: str) -> None:
    """Write a file under another name first, so that a reader never sees half of it."""
    if path.is_dir():
        raise InputError(f'cannot write "{path}": it is a folder; give the name of a file')
    if not path.parent.is_dir():
        raise InputError(f'cannot write "{path}": the folder "{path.parent}" does not exist; create it first')
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def read_document(path: Path) -> dict[str, Any]:
    """Read a JSON object."""
    if not path.exists():
        raise InputError(f'"{path}" does not exist; check the name and the folder')
    if path.is_dir():
        raise InputError(f'"{path}" is a folder; give the name of a file')
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise InputError(f'"{path}" is not a file that neuropil saved: {error}') from None
    if not isinstance(document, dict):
        raise InputError(f'"{path}" is not a file that neuropil saved: it holds no object')
    return document


def is_packed(path: Path) -> bool:
    """Whether it is an npz file, which is a zip archive."""
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return file.read(2) == b"PK"


def load(path: str | os.PathLike[str]) -> Any:
    """Read a model that was saved with its `save` method, by this version or an earlier one.

    Parameters
    ----------
    path : path
        The file.

    Returns
    -------
    object
        Of the class that saved it.

    Raises
    ------
    InputError
        If the file holds no model that this version knows.
    """
    from neuropil.surprise import ChangePointLearner

    source = Path(path)
    if is_packed(source):
        from neuropil.memory._files import load_memory

        return load_memory(source)
    document = read_document(source)
    if document.get("kind") == "spikes.NeuLVM":
        from neuropil.spikes._fit_file import read

        return read(document, str(path))
    if str(document.get("kind", "")).startswith("landscape."):
        from neuropil import landscape

        classes = (landscape.GradientFlow, landscape.GradientFlowClassifier, landscape.GradientFlowRegressor)
        kinds = {f"landscape.{c.__name__}": c for c in classes}
        if document["kind"] in kinds:
            return kinds[document["kind"]]._from_document(document, str(path))  # pyright: ignore[reportPrivateUsage]
    return ChangePointLearner._from_document(document, str(path))  # pyright: ignore[reportPrivateUsage]
