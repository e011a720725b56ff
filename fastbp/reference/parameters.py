"""The parameters of a network as one flat list, and gradients in the same layout.

An optimizer treats all parameters alike, so it is handed one list and never hears of layers. The
layout, layer by layer: the weight with the outputs of input 0 first, then those of input 1 and so
on (the rows of the transposed weight one after the other), then the bias.
"""

from dataclasses import dataclass

from .scalars import Row, Rows


@dataclass
class Gradients:
    """dL/d(everything), in the shapes of what it belongs to.

    Attributes
    ----------
    weights : list of rows (n_out, n_in), one item a layer
    biases : list of (n_out,) or None, one item a layer
    inputs : rows (n_rows, n_in)
        dL/dx.
    """

    weights: list[Rows]
    biases: list[Row | None]
    inputs: Rows

    @property
    def flat(self) -> Row:
        """The gradients of weights and biases in one list, in the layout of Network.params.

        Examples
        --------
        >>> Gradients([[[1, 2], [3, 4]]], [[5, 6]], [[0, 0]]).flat
        [1, 3, 2, 4, 5, 6]
        """
        return flatten(self.weights, self.biases)


def flatten(weights: list[Rows], biases: list[Row | None]) -> Row:
    """All weights and biases, layer by layer, in one new list."""
    flat: Row = []
    for weight, bias in zip(weights, biases, strict=True):
        for column in zip(*weight, strict=True):
            flat.extend(column)
        flat.extend(bias or [])
    return flat


def unflatten(
    flat: Row, sizes: list[int], has_bias: list[bool]
) -> tuple[list[Rows], list[Row | None]]:
    """Weights and biases out of one list: the inverse of flatten.

    Parameters
    ----------
    flat : list
    sizes : list of int
        Widths of the layers, the input's first.
    has_bias : list of bool, one item a layer

    Examples
    --------
    >>> unflatten([1, 3, 2, 4, 5, 6], [2, 2], [True])
    ([[[1, 2], [3, 4]]], [[5, 6]])
    """
    weights: list[Rows] = []
    biases: list[Row | None] = []
    rest = iter(flat)
    for n_in, n_out, with_bias in zip(sizes[:-1], sizes[1:], has_bias, strict=True):
        columns = [[next(rest) for _ in range(n_out)] for _ in range(n_in)]
        weights.append([list(row) for row in zip(*columns, strict=True)])
        biases.append([next(rest) for _ in range(n_out)] if with_bias else None)
    return weights, biases


def count_parameters(sizes: list[int], has_bias: list[bool]) -> int:
    """Length of the flat list."""
    layers = zip(sizes[:-1], sizes[1:], has_bias, strict=True)
    return sum((n_in + int(with_bias)) * n_out for n_in, n_out, with_bias in layers)
