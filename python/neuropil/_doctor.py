"""What to write into a bug report."""

import os
import platform
import sys
from importlib.metadata import PackageNotFoundError, version

from neuropil import _neuropil

OPTIONAL = {
    "matplotlib": "figures (neuropil.plot)",
    "pandas": "to_dataframe()",
    "tqdm": "progress bars",
    "scikit-learn": "clone, pipelines, model selection",
    "dask": "sweeps on a cluster",
}


def doctor() -> str:
    """Describe this installation: versions, machine, threads, optional packages.

    Returns
    -------
    str
        A few lines of text, also printed by evaluating the call in a notebook.

    Examples
    --------
    >>> import neuropil as npl
    >>> print(npl.doctor())  # doctest: +SKIP
    """
    rows = [
        ("neuropil", _neuropil.__version__),
        ("python", f"{platform.python_version()} ({sys.executable})"),
        ("machine", f"{platform.system()} {platform.release()}, {platform.machine()}"),
        ("cores", f"{os.cpu_count()}, of which neuropil uses {_neuropil.number_of_threads()}"),
        ("numpy", _version("numpy") or "missing: reinstall neuropil"),
    ]
    for package, purpose in OPTIONAL.items():
        rows.append((package, _version(package) or f"not installed; needed for {purpose}"))
    width = max(len(name) for name, _ in rows)
    return "\n".join(f"{name:<{width}}  {value}" for name, value in rows)


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
