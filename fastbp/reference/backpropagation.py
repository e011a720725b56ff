"""The two walks through a network: forward for the values, backward for the gradients.

The forward walk keeps every z and a it meets, because the backward walk needs them again. The
backward walk carries a single thing from layer to layer, delta = dL/dz, and reads each layer's
gradients off it on the way. So all derivatives together cost about as much as two forward walks.

References
----------
D. E. Rumelhart, G. E. Hinton and R. J. Williams, "Learning representations by back-propagating
errors", Nature 323, 1986.
"""

from .between import Between
from .layers import (
    Dense,
    accumulate_gradients,
    activate,
    activation_delta,
    dense_forward,
    hidden_delta,
)
from .parameters import Gradients
from .scalars import Row, Rows

NOTHING = Between(Dense(1), 0, [], None)


def forward_pass(
    x: Rows,
    weights: list[Rows],
    biases: list[Row | None],
    activations: list[str],
    between: list[Between] | None = None,
) -> tuple[list[Rows], list[Rows]]:
    """z^l = W^l a^(l-1) + b^l and a^l = s(z^l) for l = 1, 2, ..., L, from a^0 = x.

    `between` has each layer's normalisation, dropout and skip connection; without it there are
    none. z is then the normalised one.

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
    for layer, activation in enumerate(activations):
        extra = between[layer] if between else NOTHING
        z.append(extra.normalise(dense_forward(a[-1], weights[layer], biases[layer])))
        a.append(extra.pass_on(activate(z[-1], activation), a[-1]))
    return z, a


def backward_pass(
    z: list[Rows],
    a: list[Rows],
    delta: Rows,
    weights: list[Rows],
    biases: list[Row | None],
    activations: list[str],
    between: list[Between] | None = None,
) -> Gradients:
    """Every gradient of L from delta^L, from the last layer to the first.

    Between two layers lie delta^l, then dL/da^(l-1) = (W^l)^T delta^l, then delta^(l-1) = dL/da *
    s'(z): `hidden_delta` is both steps at once, and here is what else stands between them.

    Parameters
    ----------
    z, a : lists of rows
        What forward_pass returned.
    between : list of Between or None
        Those of the forward pass; they then have the gradients of their own parameters.
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
        extra = between[layer] if between else NOTHING
        delta = extra.before_norm(delta)
        accumulate_gradients(a[layer], delta, weight_gradients[layer], bias_gradients[layer])
        below = extra.leave(hidden_delta(weights[layer], delta, a[layer], "identity"))
        if layer > 0:
            before = between[layer - 1] if between else NOTHING
            below = before.enter(below)
            delta = activation_delta(z[layer - 1], below, activations[layer - 1])
    # The input is a layer without activation, so the gradient below the first layer is dL/dx.
    norms = [extra.norm_gradient for extra in between] if between else [[] for _ in weights]
    return Gradients(weight_gradients, bias_gradients, below, norms)
