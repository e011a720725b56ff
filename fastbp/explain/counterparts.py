"""The twins of a network and of an optimizer: the same parameters, the same state, as lists."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from fastbp import custom, reference
from fastbp.reference import activations, losses


def twin_network(net: Any) -> Any:
    """Return the twin of a network, in double precision, on its parameters as they are."""
    layers = [reference.Dense(**{**layer.to_dict(), "init": "zeros"}) for layer in net.layers]
    twin = reference.Network(net.sizes[0], layers, net.loss, "float64", net.seed)
    twin.params = net.params.astype(np.float64).tolist()
    twin._dropout_key = net._spec.dropout_key
    return twin


def twin_optimizer(optimizer: Any, net: Any) -> Any:
    """Return the twin of an optimizer, in the state that it is in.

    Raises
    ------
    ValueError
        It carries the state of another network.
    """
    if optimizer._owner is not None and optimizer._owner() is not net:
        optimizer.bind(net, net.params)  # which refuses
    kinds = [kind.__name__ for kind in type(optimizer).__mro__]
    kind = next(name for name in kinds if hasattr(reference, name))
    settings = {name: getattr(optimizer, name) for name in optimizer._settings()}
    twin = getattr(reference, kind)(**settings)
    if optimizer.steps:
        names = [*twin._vectors(), *["average"] * (optimizer.ema > 0)]
        slots = optimizer.slots.astype(np.float64).tolist()
        # A setting changed since then may want other vectors, which begin anew.
        twin._state = dict(zip(names, slots, strict=True)) if len(names) == len(slots) else {}
        twin._step = optimizer.steps
        if kind == "NAdam":
            # The clock's second entry is the product of the momenta so far.
            twin._product = float(optimizer.clock[1])
    return twin


@contextmanager
def functions_of_the_users_own(net: Any) -> Iterator[None]:
    """Let the twin know the activations and losses that were given to the package alone.

    The twin's own ones of these names, where there are any, are used as they are.
    """
    wanted = {layer.activation for layer in net.layers} & set(custom.ACTIVATIONS)
    new_activations = {
        name: _activation(custom.ACTIVATIONS[name]) for name in wanted - set(activations.CUSTOM)
    }
    new_losses = {
        name: _loss(custom.LOSSES[name])
        for name in ({net.loss} & set(custom.LOSSES)) - set(losses.CUSTOM)
    }
    activations.CUSTOM.update(new_activations)
    losses.CUSTOM.update(new_losses)
    try:
        yield
    finally:
        for name in new_activations:
            activations.CUSTOM.pop(name, None)
        for name in new_losses:
            losses.CUSTOM.pop(name, None)


def _row(function: Any, *rows: list[float]) -> list[float]:
    """Return what a function of blocks of rows gives for one row."""
    found: list[float] = function(*(np.array([row]) for row in rows))[0].tolist()
    return found


def _activation(given: Any) -> activations.Activation:
    def vjp(z: list[float], gradient: list[float]) -> list[float]:
        return [g * s for g, s in zip(gradient, _row(given.slope, z), strict=True)]

    return activations.Activation(lambda z: _row(given.value, z), vjp)


def _loss(given: Any) -> losses.Loss:
    return losses.Loss(
        lambda z, y, s: _row(given.value, s.value(z), y)[0],
        lambda z, y, s: s.vjp(z, _row(given.slope, s.value(z), y)),
        None,
    )
