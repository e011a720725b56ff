"""One dense layer: forward, backward, and the gradients of its weight and bias.

A weight W has a row for each output j and a column for each input k: W_jk leads from k to j. A
batch is a list of rows, one an example, and each is treated alone until the gradients add them up.
"""

from dataclasses import dataclass, fields

from . import checks
from .activations import find_activation
from .initializers import Init, split_init
from .losses import find_loss
from .normalization import split_norm
from .scalars import Number, Row, Rows, add_up


@dataclass(repr=False)
class Dense:
    """Description of one layer: a = s(W x + b), or dropout(s(norm(W x + b))) + x.

    Parameters
    ----------
    units : int
        Number of outputs.
    activation : str
        s.
    bias : bool
        False leaves b out.
    dropout : float
        Share of the outputs, in [0, 1), that a training step leaves out.
    init : str, rows (units, n_in) or function
        How the weight begins: "auto" is "he_normal" for relu and its like, "lecun_normal" for selu
        and "glorot_uniform" otherwise; a function takes (n_in, n_out, random.Random). Biases begin
        at 0.
    norm : str or None
        "layer" or "batch", or "batch(0.05)" for another share of a batch in running means.
    residual : bool
        Whether x is added to a.
    trainable : bool
        False leaves the parameters as they are.
    tied_to : int or None
        Place of an earlier layer whose W is this one's too.
    transposed : bool
        Whether W is the transpose of that.

    Examples
    --------
    >>> Dense(10, "relu")
    Dense(units=10, activation='relu')
    """

    units: int
    activation: str = "identity"
    bias: bool = True
    dropout: Number = 0.0
    init: Init = "auto"
    norm: str | None = None
    residual: bool = False
    trainable: bool = True
    tied_to: int | None = None
    transposed: bool = False

    def __post_init__(self) -> None:
        """Refuse unknown names."""
        checks.count("units", self.units)
        checks.bounded("dropout", self.dropout, below=1)
        find_activation(self.activation)
        if isinstance(self.init, str):
            split_init(self.init)
        if self.norm is not None:
            split_norm(self.norm)

    def __repr__(self) -> str:
        """Show what is not as it is by default."""
        shown = [
            f"{f.name}={getattr(self, f.name)!r}"
            for f in fields(self)
            if f.name in ("units", "activation") or getattr(self, f.name) != f.default
        ]
        return f"Dense({', '.join(shown)})"


def check_layers(layers: list[Dense], sizes: list[int], loss: str) -> None:
    """Refuse skip connections, dropout and tied weights where they cannot be."""
    if layers[-1].dropout:
        raise ValueError(f"dropout of the last layer must be 0, got {layers[-1].dropout}")
    if layers[-1].residual and find_loss(loss).output is not None:
        raise ValueError(f"residual must be False in the last layer with loss {loss!r}, got True")
    for index, (layer, n_in) in enumerate(zip(layers, sizes, strict=False)):
        if layer.residual and layer.units != n_in:
            raise ValueError(
                f"residual must be between equal widths, got {n_in} inputs and {layer.units} units"
            )
        source = layer.tied_to
        if source is None:
            continue
        if not 0 <= source < index or layers[source].tied_to is not None:
            raise ValueError(
                f"tied_to of layers[{index}] must be the place of an earlier layer with weights of "
                f"its own, got {source}"
            )
        shape = [layers[source].units, sizes[source]]
        if [layer.units, n_in] != (shape[::-1] if layer.transposed else shape):
            raise ValueError(
                f"tied_to must be a layer with weights of shape {(layer.units, n_in)}, got {source}"
            )


def dense_forward(x: Rows, weight: Rows, bias: Row | None) -> Rows:
    """z_j = sum_k W_jk x_k + b_j for every row x.

    Parameters
    ----------
    x : rows (n_rows, n_in)
    weight : rows (n_out, n_in)
    bias : list (n_out,) or None

    Returns
    -------
    z : rows (n_rows, n_out)

    Examples
    --------
    >>> dense_forward([[1, 2]], [[3, 4], [5, 6]], [10, 20])
    [[21, 37]]
    """
    z = [
        [add_up(W_jk * x_k for W_jk, x_k in zip(W_j, x_r, strict=True)) for W_j in weight]
        for x_r in x
    ]
    if bias is None:
        return z
    return [[z_j + b_j for z_j, b_j in zip(z_r, bias, strict=True)] for z_r in z]


def activate(z: Rows, activation: str) -> Rows:
    """Return a = s(z) for every row z."""
    value = find_activation(activation).value
    return [value(z_r) for z_r in z]


def activation_delta(z: Rows, output_gradient: Rows, activation: str) -> Rows:
    """Return delta = dL/dz from dL/da, through the activation of this layer."""
    vjp = find_activation(activation).vjp
    return [vjp(z_r, g_r) for z_r, g_r in zip(z, output_gradient, strict=True)]


def hidden_delta(weight: Rows, delta: Rows, z: Rows, activation: str = "sigmoid") -> Rows:
    """delta^l = (W^(l+1))^T delta^(l+1) * s'(z^l) for every row.

    The output a_k of this layer enters every z_j of the next one, with factor W_jk. By the chain
    rule all those ways add up: dL/da_k = sum_j W_jk delta_j. Forward a sum runs along a row of W;
    backward it runs down a column, and that is all the transpose means.

    Parameters
    ----------
    weight : rows (n_next, n_out)
        W^(l+1), of the next layer.
    delta : rows (n_rows, n_next)
        delta^(l+1), of the next layer.
    z : rows (n_rows, n_out)
        z^l, of this layer.
    activation : str
        s, of this layer.

    Returns
    -------
    delta : rows (n_rows, n_out)

    References
    ----------
    D. E. Rumelhart, G. E. Hinton and R. J. Williams, "Learning representations by
    back-propagating errors", Nature 323, 1986, equations 5 and 7.

    Examples
    --------
    >>> hidden_delta([[3, 4], [5, 6]], [[1, 10]], [[0, 0]], "identity")
    [[53, 64]]
    """
    find_activation(activation)
    columns = list(zip(*weight, strict=True))
    output_gradient = [
        [add_up(W_jk * d_j for W_jk, d_j in zip(W_k, delta_r, strict=True)) for W_k in columns]
        for delta_r in delta
    ]
    return activation_delta(z, output_gradient, activation)


def accumulate_gradients(
    a: Rows, delta: Rows, weight_gradient: Rows, bias_gradient: Row | None
) -> None:
    """Add dL/dW_jk = sum_r delta_rj a_rk and dL/db_j = sum_r delta_rj in place.

    W_jk is multiplied by the input a_k on its way into z_j, and b_j by 1. Every row of the batch
    has its say, so the rows are summed; delta already holds the division by their number.

    Parameters
    ----------
    a : rows (n_rows, n_in)
        a^(l-1), the input of the layer.
    delta : rows (n_rows, n_out)
        delta^l.
    weight_gradient : rows (n_out, n_in)
        Changed in place.
    bias_gradient : list (n_out,) or None
        Changed in place; None for a layer without bias.

    References
    ----------
    D. E. Rumelhart, G. E. Hinton and R. J. Williams, "Learning representations by
    back-propagating errors", Nature 323, 1986, equation 6.

    Examples
    --------
    >>> weight_gradient, bias_gradient = [[0, 0]], [0]
    >>> accumulate_gradients([[1, 2], [3, 4]], [[10], [100]], weight_gradient, bias_gradient)
    >>> weight_gradient, bias_gradient
    ([[310, 420]], [110])
    """
    for a_r, delta_r in zip(a, delta, strict=True):
        for j, d_j in enumerate(delta_r):
            for k, a_k in enumerate(a_r):
                weight_gradient[j][k] += d_j * a_k
            if bias_gradient is not None:
                bias_gradient[j] += d_j
