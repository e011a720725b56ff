"""The examples in the docstrings of every module do what they say."""

import doctest
import importlib
import os
import pkgutil
import tempfile
import warnings
from pathlib import Path

import pytest

import fastbp

ESTIMATORS = [
    f"fastbp.sklearn.{path.stem}"
    for path in (Path(fastbp.__file__).parent / "sklearn").glob("[a-z]*.py")
]
PICTURES = [
    f"fastbp.plot.{path.stem}" for path in (Path(fastbp.__file__).parent / "plot").glob("[a-z]*.py")
]
# What the examples of a module need beside the package.
OPTIONAL = {
    "fastbp.integrations.tensorboard": ["tensorboardX"],
    "fastbp.integrations.safetensors": ["safetensors"],
    "fastbp.integrations.sklearn": ["sklearn"],
    "fastbp.integrations.torch": ["torch"],
    "fastbp.integrations.keras": ["torch", "keras"],
    "fastbp.integrations.onnx": ["onnx"],
    **{name: ["matplotlib"] for name in ("fastbp.history", "fastbp.plot", *PICTURES)},
    **{name: ["sklearn"] for name in ("fastbp.sklearn", *ESTIMATORS)},
}
# What Keras works on.
os.environ.setdefault("KERAS_BACKEND", "torch")
COMPILED = ("_engine_", "_kernels_", "_cpu", "_callbacks", "_orders", "_team", "_way")


def module_names():
    """Return the name of every Python module of the installed package that can be imported."""
    found = ["fastbp"]
    for info in pkgutil.walk_packages(fastbp.__path__, "fastbp."):
        last = info.name.rpartition(".")[2]
        if last != "__main__" and not last.startswith(COMPILED):
            found.append(info.name)
    return sorted(found)


@pytest.mark.parametrize("name", module_names())
def test_examples_run(name, tmp_path, monkeypatch):
    # What examples make there does not stay.
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    for package in OPTIONAL.get(name, ()):
        pytest.importorskip(package)
    module = importlib.import_module(name)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        # PyTorch's arrays, which Keras takes, do not yet know numpy's newest argument.
        warnings.filterwarnings("ignore", "__array__ implementation", DeprecationWarning)
        failed, _ = doctest.testmod(module)
    assert failed == 0


def test_the_modules_with_the_most_to_show_have_examples():
    names = module_names()
    assert {"fastbp.network", "fastbp.kernels", "fastbp.reference.network"} <= set(names)
    for name in ("fastbp", "fastbp.network", "fastbp.kernels.layers", "fastbp.reference.layers"):
        finder = doctest.DocTestFinder()
        assert any(test.examples for test in finder.find(importlib.import_module(name)))
