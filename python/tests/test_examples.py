"""Every example in the documentation of the package runs."""

import doctest
import importlib
import pkgutil

import neuropil as npl
import pytest

MODULES = [
    module.name
    for module in pkgutil.walk_packages(npl.__path__, "neuropil.")
    if module.name.rsplit(".", 1)[-1] not in ("__main__", "_neuropil")
]


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_of_a_module_run(name):
    if name.endswith("plots"):
        pytest.importorskip("matplotlib").use("Agg")
    failed, _ = doctest.testmod(importlib.import_module(name), raise_on_error=False)
    assert failed == 0
    if name.endswith("plots"):
        importlib.import_module("matplotlib.pyplot").close("all")


@pytest.mark.parametrize("name", ["data", "landscape", "memory", "plot", "spikes", "surprise"])
def test_every_public_name_is_documented(name):
    module = getattr(npl, name)
    for public in module.__all__:
        assert getattr(module, public).__doc__, public
