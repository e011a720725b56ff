"""The parameters of a network as one flat list, and gradients in the same layout.

An optimizer treats all parameters alike, so it is handed one list and never hears of layers. The
layout, layer by layer: the weight with the outputs of input 0 first, then those of input 1 and so
on (the rows of the transposed weight one after the other), then the bias, then what a normalised
layer has.
"""

from dataclasses import dataclass, field
from typing import Any, NamedTuple

from .checks import NumberType
from .layers import Dense
from .scalars import Row, Rows, is_finite


@dataclass
class Gradients:
    """dL/d(everything), in the shapes of what it belongs to.

    Attributes
    ----------
    weights : list of rows (n_out, n_in), one item a layer
    biases : list of (n_out,) or None, one item a layer
    inputs : rows (n_rows, n_in)
        dL/dx.
    scales, shifts : list of (n_out,) or None, one item a layer
        Of normalised layers.
    """

    weights: list[Rows]
    biases: list[Row | None]
    inputs: Rows
    # Of scale and shift, and zeros for running mean and variance; [] without normalisation.
    _norms: list[Rows] = field(default_factory=list)
    # Which weights are another layer's, so that their gradient is in that one's already.
    _tied: list[bool] = field(default_factory=list)

    @property
    def scales(self) -> list[Row | None]:
        """dL/dscale of each normalised layer."""
        return [norm[0] if norm else None for norm in self._norms]

    @property
    def shifts(self) -> list[Row | None]:
        """dL/dshift of each normalised layer."""
        return [norm[1] if norm else None for norm in self._norms]

    @property
    def flat(self) -> Row:
        """The gradients of weights and biases in one list, in the layout of Network.params.

        Examples
        --------
        >>> Gradients([[[1, 2], [3, 4]]], [[5, 6]], [[0, 0]]).flat
        [1, 3, 2, 4, 5, 6]
        """
        return flatten(self.weights, self.biases, self._norms, self._tied)

    @property
    def _shapes(self) -> list["Shape"]:
        """Which parameters the layers have that these belong to."""
        norms = self._norms or [[] for _ in self.weights]
        tied = self._tied or [False for _ in self.weights]
        parts = zip(self.weights, self.biases, norms, tied, strict=True)
        return [
            Shape(len(weight[0]), len(weight), not shared, bias is not None, len(norm))
            for weight, bias, norm, shared in parts
        ]


def flatten(
    weights: list[Rows],
    biases: list[Row | None],
    norms: list[Rows] | None = None,
    tied: list[bool] | None = None,
) -> Row:
    """All weights and biases, layer by layer, in one new list; weights that are tied once."""
    flat: Row = []
    for layer, (weight, bias) in enumerate(zip(weights, biases, strict=True)):
        if not (tied and tied[layer]):
            for column in zip(*weight, strict=True):
                flat.extend(column)
        flat.extend(bias or [])
        for part in norms[layer] if norms else []:
            flat.extend(part)
    return flat


class Shape(NamedTuple):
    """Which parameters of its own a layer has.

    Attributes
    ----------
    n_in, n_out : int
    has_weight : bool
        False where it is tied to another layer's.
    has_bias : bool
    norm_parts : int
        0; 2 for scale and shift; 4 with running mean and variance.
    """

    n_in: int
    n_out: int
    has_weight: bool = True
    has_bias: bool = True
    norm_parts: int = 0

    def length(self) -> int:
        """Numbers of the layer in the flat list."""
        rows = self.n_in * self.has_weight + int(self.has_bias) + self.norm_parts
        return rows * self.n_out


def shapes_of(layers: list[Dense], sizes: list[int]) -> list[Shape]:
    """Which parameters each layer has; `sizes` are the widths, the input's first."""
    return [
        Shape(
            n_in,
            layer.units,
            layer.tied_to is None,
            layer.bias,
            {"": 0, "layer": 2, "batch": 4}[(layer.norm or "").partition("(")[0]],
        )
        for n_in, layer in zip(sizes, layers, strict=False)
    ]


def learned_places(layers: list[Dense], sizes: list[int]) -> list[int]:
    """Places in the flat list of what training changes: no frozen layers, no running statistics.

    Examples
    --------
    >>> learned_places([Dense(2, trainable=False), Dense(1, norm="batch")], [1, 2, 1])
    [4, 5, 6, 7, 8]
    """
    places: list[int] = []
    start = 0
    for layer, shape in zip(layers, shapes_of(layers, sizes), strict=True):
        running = 2 * layer.units if shape.norm_parts == 4 else 0
        if layer.trainable:
            places.extend(range(start, start + shape.length() - running))
        start += shape.length()
    return places


def unflatten(flat: Row, shapes: list[Shape]) -> tuple[list[Rows], list[Row | None], list[Rows]]:
    """Weights, biases and normalisations out of one list: the inverse of flatten.

    A weight that is tied is [].

    Examples
    --------
    >>> unflatten([1, 3, 2, 4, 5, 6], [Shape(2, 2)])
    ([[[1, 2], [3, 4]]], [[5, 6]], [[]])
    """
    weights: list[Rows] = []
    biases: list[Row | None] = []
    norms: list[Rows] = []
    rest = iter(flat)
    for shape in shapes:
        n = shape.n_out
        rows = range(shape.n_in if shape.has_weight else 0)
        columns = [[next(rest) for _ in range(n)] for _ in rows]
        weights.append([list(row) for row in zip(*columns, strict=True)])
        biases.append([next(rest) for _ in range(n)] if shape.has_bias else None)
        norms.append([[next(rest) for _ in range(n)] for _ in range(shape.norm_parts)])
    return weights, biases, norms


def gradient_numbers(gradients: Any, shapes: list[Shape], of: str, number: NumberType) -> Row:
    """Gradients of such layers as one list in the layout of Network.params, each finite.

    Examples
    --------
    >>> gradient_numbers([1, 2, 3], [Shape(2, 1)], "network sizes 2-1", float)
    [1.0, 2.0, 3.0]
    """
    if isinstance(gradients, Gradients):
        if gradients._shapes != shapes:
            widths = [gradients._shapes[0].n_in, *(shape.n_out for shape in gradients._shapes)]
            came = "-".join(map(str, widths))
            raise ValueError(
                f"gradients must be of {of} with the same biases, norms and tied weights, got "
                f"those of {came}"
            )
        gradients = gradients.flat
    if isinstance(gradients, str | bytes) or not hasattr(gradients, "__len__"):
        raise TypeError(f"gradients must be Gradients or a list of numbers, got {gradients!r}")
    expected = sum(shape.length() for shape in shapes)
    if len(gradients) != expected:
        raise ValueError(f"gradients must have {expected} numbers ({of}), got {len(gradients)}")
    numbers: Row = []
    for place, value in enumerate(gradients):
        try:
            finite = is_finite(value)
            numbers.append(number(value) if finite else value)
        except (TypeError, ValueError) as error:
            raise TypeError(
                f"gradients must hold real numbers, got {value!r} at index {place}"
            ) from error
        if not finite:
            raise FloatingPointError(
                f"gradients must be finite, got {value} at index {place}; parameters and optimizer "
                "are unchanged"
            )
    return numbers
