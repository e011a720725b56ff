"""Measures a network on rows: every figure of a report, in one walk by blocks."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from fastbp.checks import Array
from fastbp.gradients import Gradients
from fastbp.health.moments import Columns, Moments
from fastbp.health.report import Figures, LayerHealth
from fastbp.health.slopes import Slopes, slopes_of
from fastbp.health.step import norm, stepped, update_ratios
from fastbp.health.walk import Layer, blocks, walk
from fastbp.names import plain
from fastbp.optimizers.optimizer import Optimizer
from fastbp.rows import Rows
from fastbp.spec import OUTPUT_OF_LOSS


class Gathered:
    """What one layer's figures are made of, over all rows."""

    def __init__(self, units: int, slopes: Slopes | None) -> None:
        self.slopes = slopes
        self.z, self.a = Moments(), Moments()
        self.squares = 0.0
        self.dead = np.ones(units, np.bool_)
        self.saturated = 0

    def take(self, layer: Layer, share: float) -> None:
        """Take a block of rows, which are this share of all rows."""
        self.z.take(layer.z)
        self.a.take(layer.a)
        # The block's delta is of the mean over its own rows.
        self.squares += (norm(layer.delta) * share) ** 2
        if self.slopes is not None:
            dead, saturated = self.slopes.flat(layer.z)
            self.dead &= dead
            self.saturated += saturated

    def shares(self) -> tuple[float | None, float | None]:
        """Return the shares of dead units and of saturated numbers."""
        if self.slopes is None:
            return None, None
        return float(self.dead.mean()), self.saturated / self.z.n


def slopes_that_matter(network: Any) -> list[Slopes | None]:
    """Return each layer's slopes; None for rows that are coupled, and where no gradient meets them.

    A loss that is computed from z has cancelled the slope of the last layer.
    """
    found = [slopes_of(layer.activation) for layer in network.layers]
    if plain(network.loss) in OUTPUT_OF_LOSS:
        found[-1] = None
    return found


def measured(network: Any, rows: Rows, optimizer: str | Optimizer) -> Figures:
    """Return the figures of a network on checked rows."""
    n_rows, layers = len(rows.x), network.layers
    gathered = [
        Gathered(layer.units, slopes)
        for layer, slopes in zip(layers, slopes_that_matter(network), strict=True)
    ]
    inputs, columns = Moments(), Columns(network.sizes[0])
    outputs = Columns(network.sizes[-1])
    # What is not finite is a finding, and no reason to warn.
    with np.errstate(all="ignore"):
        for part in blocks(rows, network.sizes):
            inputs.take(part.x)
            columns.take(part.x)
            walked = walk(network, part)
            outputs.take(walked[-1].a)
            for one, layer in zip(gathered, walked, strict=True):
                one.take(layer, len(part.x) / n_rows)
        loss, gradients = network.gradient_of(rows)
        ratios = update_ratios(network, stepped(network, rows, optimizer))
        return Figures(
            loss=loss,
            n_rows=n_rows,
            inputs=inputs.range(),
            input_size=columns.size(),
            output_spread=outputs.spread(),
            target_spread=target_spread(rows),
            layers=tuple(
                layer_health(network, index, gathered[index], gradients, ratios[index], n_rows)
                for index in range(len(layers))
            ),
        )


def layer_health(
    network: Any, index: int, one: Gathered, gradients: Gradients, ratio: float, n_rows: int
) -> LayerHealth:
    """Return the figures of one layer."""
    layer = network.layers[index]
    dead, saturated = one.shares()
    bias = gradients.biases[index]
    return LayerHealth(
        number=index + 1,
        units=layer.units,
        activation=layer.activation,
        trainable=layer.trainable,
        z=one.z.range(),
        a=one.a.range(),
        dead=dead,
        saturated=saturated,
        delta_norm=math.sqrt(n_rows * one.squares),
        weight_gradient=norm(gradients.weights[index]),
        bias_gradient=None if bias is None else norm(bias),
        weight_norm=norm(network.weights[index]),
        update_ratio=ratio,
    )


def target_spread(rows: Rows) -> float:
    """Return the widest range of the targets' columns; of class indices, 1 if there are several."""
    if rows.y is None:
        label: Array = np.asarray(rows.label)
        return float(label.min() != label.max())
    return float(np.ptp(rows.y.astype(np.float64), axis=0).max())
