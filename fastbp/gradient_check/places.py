"""Where derivatives are: every one of a small network, some of each part of a large one."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from fastbp.checks import Array
from fastbp.gradients import Gradients

# Of each part, however small its share in all.
LEAST = 4


class Place(NamedTuple):
    """One number that the loss depends on; `layer` from 0 as in net.weights, -1 for inputs."""

    part: str
    layer: int
    at: tuple[int, ...]


class Part(NamedTuple):
    """The gradient by one array: the weight, bias, scale or shift of a layer, or the inputs."""

    name: str
    layer: int
    compiled: Array

    def place(self, number: int) -> Place:
        """Return the place of a number, counted row by row."""
        index = np.unravel_index(number, self.compiled.shape)
        return Place(self.name, self.layer, tuple(int(i) for i in index))


# In the order of a layer's formula; the name of each in a network, and in its gradients.
ARRAYS = {"weight": "weights", "bias": "biases", "scale": "scales", "shift": "shifts"}


def parts_of(network: Any, gradients: Gradients) -> list[Part]:
    """Return every part of a gradient; a weight that layers share is the first one's."""
    found = [
        Part(name, index, np.asarray(getattr(gradients, arrays)[index], np.float64))
        for index, layer in enumerate(network.layers)
        for name, arrays in ARRAYS.items()
        if getattr(gradients, arrays)[index] is not None
        and not (name == "weight" and layer.tied_to is not None)
    ]
    return [*found, Part("input", -1, np.asarray(gradients.inputs, np.float64))]


def chosen(parts: list[Part], entries: int | None, seed: int) -> list[list[Place]]:
    """Return which derivatives of each part are looked at: drawn by a seed, the largest among them.

    All where there are no more than `entries`.
    """
    sizes = [part.compiled.size for part in parts]
    if entries is None or sum(sizes) <= entries:
        return [[part.place(number) for number in range(part.compiled.size)] for part in parts]
    rng = np.random.default_rng(seed)
    spare = max(0, entries - LEAST * len(parts))
    found = []
    for part, size in zip(parts, sizes, strict=True):
        wanted = min(size, LEAST + -(-spare * size // sum(sizes)))
        largest = int(np.abs(part.compiled).argmax())
        others = rng.choice(size, wanted, replace=False)
        numbers = dict.fromkeys([largest, *others.tolist()])
        found.append([part.place(number) for number in list(numbers)[:wanted]])
    return found


def value_at(network: Any, x: Array, place: Place) -> float:
    """Return the number at a place, of a network and the rows that go into its first layer."""
    array = x if place.part == "input" else getattr(network, ARRAYS[place.part])[place.layer]
    return float(array[place.at])
