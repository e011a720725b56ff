"""One module a peer; a peer whose package is not installed is left out."""

import importlib
import importlib.util
from types import ModuleType

PEERS = {
    "fastbp": "fastbp",
    "torch": "torch",
    "jax": "jax",
    "tensorflow": "tensorflow",
    "sklearn": "sklearn",
    "numpy": "numpy",
    "onnxruntime": "onnxruntime",
}


def installed() -> list[str]:
    """Return the peers whose package can be found, fastbp first."""
    return [peer for peer, package in PEERS.items() if importlib.util.find_spec(package)]


def load(peer: str) -> ModuleType:
    """Import the adapter of a peer."""
    return importlib.import_module(f"adapters.{peer}_adapter")
