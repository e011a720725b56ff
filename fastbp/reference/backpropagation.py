"""The two walks through a network: forward for the values, backward for the gradients.

The forward walk keeps every z and a it meets, because the backward walk needs them again. The
backward walk carries a single thing from layer to layer, delta = dL/dz, and reads each layer's
gradients off it on the way. So all derivatives together cost about as much as two forward walks.

References
----------
D. E. Rumelhart, G. E. Hinton and R. J. Williams, "Learning representations by back-propagating
errors", Nature 323, 1986.
"""

from .layers import accumulate_gradients, activate, dense_forward, hidden_delta
from .parameters import Gradients
from .scalars import Row, Rows


def forward_pass(
    x: Rows, weights: list[Rows], biases: list[Row | None], activations: list[str]
) -> tuple[list[Rows], list[Rows]]:
    """z^l = W^l a^(l-1) + b^l and a^l = s(z^l) for l = 1, 2, ..., L, from a^0 = x.

    Python counts from 0, and that suits the backward walk: in the lists returned, a[l] is the
    input of the layer weights[l], and z[l] its value before the activation. The prediction is
    a[-1].

    Returns
    -------
    z : list of L rows (n_rows, n_out)
    a : list of L + 1 rows, the first of them x

    Examples
    --------
    >>> z, a = forward_pass([[2]], [[[3]], [[1]]], [[-10], None], ["relu", "identity"])
    >>> z, a
    ([[[-4]], [[0]]], [[[2]], [[0]], [[0]]])
    """
    z: list[Rows] = []
    a: list[Rows] = [x]
    for weight, bias, activation in zip(weights, biases, activations, strict=True):
        z.append(dense_forward(a[-1], weight, bias))
        a.append(activate(z[-1], activation))
    return z, a


def backward_pass(
    z: list[Rows],
    a: list[Rows],
    delta: Rows,
    weights: list[Rows],
    biases: list[Row | None],
    activations: list[str],
) -> Gradients:
    """Every gradient of L from delta^L, from the last layer to the first.

    Parameters
    ----------
    z, a : lists of rows
        What forward_pass returned.
    delta : rows (n_rows, n_out)
        delta^L = dL/dz^L.
    weights, biases, activations : lists with one item a layer

    Returns
    -------
    Gradients

    Examples
    --------
    >>> weights, biases, activations = [[[3]], [[5]]], [[0], None], ["relu", "identity"]
    >>> z, a = forward_pass([[2]], weights, biases, activations)
    >>> gradients = backward_pass(z, a, [[1]], weights, biases, activations)
    >>> gradients.weights, gradients.biases, gradients.inputs
    ([[[10]], [[6]]], [[5], None], [[15]])
    """
    # Zero, of any number type, to begin the sums over rows.
    weight_gradients: list[Rows] = [[[0] * len(row) for row in weight] for weight in weights]
    bias_gradients = [None if bias is None else [0] * len(bias) for bias in biases]
    for layer in reversed(range(len(weights))):
        accumulate_gradients(a[layer], delta, weight_gradients[layer], bias_gradients[layer])
        if layer > 0:
            before = layer - 1
            delta = hidden_delta(weights[layer], delta, z[before], activations[before])
    # The input is a layer without activation, so its delta is dL/dx.
    inputs = hidden_delta(weights[0], delta, a[0], "identity")
    return Gradients(weight_gradients, bias_gradients, inputs)
