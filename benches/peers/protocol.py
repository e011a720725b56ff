"""What an adapter hands to the runner.

An adapter is a module with

- ``versions()``: a dict from package names to versions;
- ``idioms(workload, threads)``: the list of `Idiom` that can express the workload; it raises `Skip`
  with the reason when there is none. The runner has set the environment's thread counts and the
  process's affinity before the module is imported.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from workloads import Problem


class Skip(Exception):
    """The peer cannot express this workload; the message says why."""


class Training(Protocol):
    """One network in training."""

    def reset(self) -> None:
        """Put back the initial parameters and forget the optimizer's state. Not timed."""

    def use(self, order: np.ndarray | None) -> None:
        """Visit the rows in this order, (rows,); None: as they lie. Not timed."""

    def run(self, epochs: int) -> float:
        """Train for some epochs; return the last one's loss.

        That is the mean over its rows of the loss that each batch had before its update, computed
        in every epoch, and returned once all updates are done.
        """


class Prediction(Protocol):
    """One network asked for its outputs."""

    def predict(self, x: np.ndarray) -> np.ndarray:
        """Return the outputs (n_rows, n_out) of the rows x (n_rows, n_in), both numpy arrays."""


@dataclass(frozen=True)
class Idiom:
    """One way to write a workload with a peer.

    Attributes
    ----------
    name : str
    make : callable
        Returns a `Training` or a `Prediction` for the problem.
    ordinary : bool
        Whether it is what the peer's tutorials show, and not its fastest.
    """

    name: str
    make: Callable[[Problem], Any]
    ordinary: bool = False
