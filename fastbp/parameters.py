"""A network's description and parameters: views, names, what a file or a copy holds of it."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import numpy as np

from fastbp import checks, claims
from fastbp.checks import Array
from fastbp.files import Contents
from fastbp.plan import NORM_PARTS, Plan, norm_views, places, views
from fastbp.preprocessing import Preprocessor, Standardize
from fastbp.room import require_room
from fastbp.sides import NO_SIDES, Sides, check_sides, described_sides, sides_of
from fastbp.spec import Dense, Spec

if TYPE_CHECKING:
    import numpy.typing as npt


class Views:
    """Views of the parameters, a tuple: its arrays are written in place, and it is not replaced."""

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def __get__(self, network: Any, owner: type | None = None) -> Any:
        return self if network is None else network._views[self.name]

    def __set__(self, network: Any, values: object) -> None:
        raise AttributeError(
            f"{self.name} must be written in place, net.{self.name}[layer][...] = array, or "
            f"through net.params; got {checks.described(values)} for the whole"
        )


class Parameters:
    """A checked description, what makes rows ready for it, and its parameters."""

    weights, biases = Views(), Views()
    scales, shifts, means, variances = Views(), Views(), Views(), Views()

    def _build(self, spec: Spec, params: Array | None = None, sides: Sides = NO_SIDES) -> None:
        """Lay out parameters for a checked description: a vector that it keeps, or zeros."""
        self._spec = spec
        self._inputs, self._targets = sides
        self._dtype = np.dtype(spec.dtype)
        self.metadata: dict[str, Any] = {}
        # Engines that no call has at the moment; those for gradients with the vector of these.
        self._idle: list[tuple[Plan, Any]] = []
        self._idle_gradients: list[tuple[Plan, Array, Any]] = []
        # What partial_fit goes on with.
        self._optimizer: tuple[str, Any] | None = None
        self._generator: np.random.Generator | None = None
        if params is None:
            n_bytes = places(spec)[1] * self._dtype.itemsize
            require_room(f"parameters of network sizes {spec.shape_text}", n_bytes)
        plan = Plan(spec, 1)
        self._params: Array = plan.vector() if params is None else params
        self._views = dict(
            zip(("weights", "biases"), views(plan.layers, self._params), strict=True),
            **{part: norm_views(plan.layers, self._params, part) for part in NORM_PARTS},
        )
        self._running = [
            slice(layer.running, layer.running + 2 * layer.n_out)
            for layer in plan.layers
            if layer.running >= 0
        ]

    @property
    def params(self) -> Array:
        """All parameters as one writable vector; assigning copies into it."""
        return self._params

    @params.setter
    def params(self, values: npt.ArrayLike) -> None:
        if values is self._params:
            return
        claims.refuse("network", self, "assigning params")
        self._params[...] = checks.vector("params", values, self._params)

    @property
    def layers(self) -> tuple[Dense, ...]:
        """The layers, first to last."""
        return tuple(self._spec.layers)

    @property
    def sizes(self) -> list[int]:
        """Number of inputs, then each layer's units."""
        return list(self._spec.sizes)

    @property
    def loss(self) -> str:
        """Name of the loss."""
        return self._spec.loss

    @property
    def inputs(self) -> Preprocessor | None:
        """What makes rows ready for the first layer, or None."""
        return self._inputs

    @property
    def targets(self) -> Standardize | None:
        """What brings targets to the scale that the network learns on, or None."""
        return self._targets

    @property
    def dtype(self) -> str:
        """Name of the dtype of parameters and arithmetic."""
        return self._spec.dtype

    @property
    def seed(self) -> int | None:
        """Seed of initial weights, shuffling and splits."""
        return self._spec.seed

    def __repr__(self) -> str:
        activations = ", ".join(layer.activation for layer in self._spec.layers)
        return (
            f"<Network {self._spec.shape_text} ({activations}), {self.loss}, {self.dtype}, "
            f"{self._params.size} parameters>"
        )

    def file_contents(self) -> Contents:
        """Return what a file holds of the network; the parameters are no copy."""
        sides = described_sides(self._inputs, self._targets)
        return Contents(self._spec.to_dict(), self.metadata, self._params, preprocessing=sides)

    def _take_contents(self, contents: Contents) -> None:
        """Become the network of a file, whose vector of parameters is kept and not copied.

        Raises
        ------
        KeyError, TypeError, ValueError
            The description is none, or of another number of parameters than there are. Nothing has
            been allocated for it then.
        """
        spec = Spec.from_dict(contents.network)
        sides = sides_of(contents.preprocessing)
        check_sides(spec, *sides)
        n_params = places(spec)[1]
        if len(contents.params) != n_params:
            raise ValueError(
                f"params must hold {n_params} numbers (network sizes {spec.shape_text}), got "
                f"{len(contents.params)}"
            )
        self._build(spec, contents.params, sides)
        self.metadata = contents.metadata

    def __getstate__(self) -> dict[str, Any]:
        return {
            "spec": self._spec.to_dict(),
            "metadata": copy.deepcopy(self.metadata),
            "params": self._params.copy(),
            "sides": copy.deepcopy((self._inputs, self._targets)),
        }

    def __setstate__(self, state: dict[str, Any]) -> None:
        sides = Sides(*state.get("sides", NO_SIDES))
        self._build(Spec.from_dict(state["spec"]), None, sides)
        self.metadata = state["metadata"]
        self._params[...] = checks.shaped("params", state["params"], self._params.shape)
