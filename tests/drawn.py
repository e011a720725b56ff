"""The networks of the accuracy's promise: drawn by a seeded generator, every name in turn."""

from dataclasses import dataclass

import numpy as np
from strategies import EVERY_ACTIVATION, PAIRS, even_outputs, targets

import fastbp as fb

WIDTHS = [1, 2, 3, 5, 8, 9, 13, 17, 31, 33, 48, 65, 130, 300]
ROWS = [1, 2, 5, 8, 19, 40, 64]
# Several blocks of every sum: over rows, and by the widest layer over inputs and outputs.
MANY_ROWS = 300
# Of two numbers a norm makes -1 and 1, whatever they are: a derivative of nearly 0.
FEWEST_IN_NORM = 8


@dataclass(repr=False)
class Drawn:
    """A network and its rows; `weight` may be None."""

    net: fb.Network
    x: np.ndarray
    y: np.ndarray
    weight: np.ndarray | None

    def __str__(self):
        return f"{self.net!r} on {len(self.x)} rows: {self.net.layers}"


def _layers(rng, number, sizes, activations):
    """Draw what each layer has beside its activation."""
    layers = []
    for index, (activation, units) in enumerate(zip(activations, sizes[1:], strict=True)):
        layer = {"units": units, "activation": activation, "bias": bool(rng.random() < 0.8)}
        n_in, last = sizes[index], index == len(activations) - 1
        if rng.random() < 0.3 and units >= FEWEST_IN_NORM and not last:
            layer["norm"] = ["layer", "batch", "batch(0.3)"][(number + index) % 3]
        if n_in == units and not last and rng.random() < 0.5:
            layer["residual"] = True
        for earlier in range(index):
            shape = (sizes[earlier], sizes[earlier + 1])
            if rng.random() < 0.7 and "tied_to" not in layers[earlier]:
                if shape == (units, n_in):
                    layer |= {"tied_to": earlier, "transposed": True}
                elif shape == (n_in, units):
                    layer |= {"tied_to": earlier}
        layers.append(layer)
    return layers


def _sizes(rng, n_layers, activations, loss, widths):
    """Draw the sizes; often of one width throughout, or an hourglass, for what asks for that."""
    sizes = rng.choice(widths, n_layers + 1)
    if rng.random() < 0.3:
        sizes[:] = rng.choice(widths[2:9])
    elif n_layers > 1 and rng.random() < 0.3:
        sizes[2] = sizes[0]
    for index, activation in enumerate(activations):
        if "softmax" in activation:  # of a single unit it is a constant
            sizes[index + 1] = max(sizes[index + 1], 2)
    return even_outputs([int(size) for size in sizes], loss)


def _fill(rng, net):
    """Draw the parameters: weights of variance 1 / n_in about, so that values keep their size."""
    for layer, weight in zip(net.layers, net.weights, strict=True):
        if layer.tied_to is None:
            weight[...] = rng.uniform(-1.7, 1.7, weight.shape) / np.sqrt(weight.shape[1])
    for low, high, parts in [
        (-0.5, 0.5, (*net.biases, *net.shifts, *net.means)),
        (0.5, 1.5, (*net.scales, *net.variances)),
    ]:
        for part in parts:
            if part is not None:
                part[...] = rng.uniform(low, high, part.size)


def drawn(number: int, dtype: str, small: bool = False) -> Drawn:
    """Draw network `number`: activations and losses in turn, all else at random.

    Inputs have sizes of 1 to 2 and either sign. `small` is for slow oracles.
    """
    rng = np.random.default_rng([11, number])
    n_layers = int(rng.integers(1, 5))
    output, loss = PAIRS[number % len(PAIRS)]
    turn = [EVERY_ACTIVATION[(number + 7 * i) % len(EVERY_ACTIVATION)] for i in range(n_layers)]
    activations = [*turn[1:], output]
    sizes = _sizes(rng, n_layers, activations, loss, WIDTHS[:5] if small else WIDTHS)
    layers = _layers(rng, number, sizes, activations)
    seed = int(rng.integers(2**32))
    net = fb.Network(sizes[0], [fb.Dense(**layer) for layer in layers], loss, dtype, seed)
    _fill(rng, net)
    n_rows = MANY_ROWS if number % 15 == 0 else int(rng.choice(ROWS))
    n_rows = min(n_rows, 3) if small else n_rows
    if any("batch" in layer.get("norm", "") for layer in layers):
        n_rows = max(n_rows, FEWEST_IN_NORM)
    x = rng.uniform(1, 2, (n_rows, sizes[0])) * rng.choice([-1, 1], (n_rows, sizes[0]))
    weight = rng.uniform(0.1, 2, n_rows).astype(dtype) if rng.random() < 0.4 else None
    y = targets(rng, loss, n_rows, sizes[-1], dtype)
    return Drawn(net, x.astype(dtype), y, weight)
