"""What a network computes, written down from the definitions alone, on a tape of its numbers.

No derivative stands here: tape.py makes them. Activations and losses are their textbook formulas as
the tables in docs and sources name them, not the ways by which the kernels or the twin come to
them.
"""

import numpy as np

from fastbp.names import plain

EPSILON = 1e-5  # of a norm's variance


def _parameter(name, default, z):
    """Return the number in brackets of a name, as the network of z has it: in its own dtype."""
    number = name.partition("(")[2].rstrip(")").rpartition("=")[2] or default
    return z.tape.dtype(z.tape.given(float(number)))


def _sigmoid(z):
    """1 / (1 + e^-z), by the side on which e does not overflow."""
    small = (-z.where(z.value >= 0, -z)).exp()
    return ((1 + small).power(-1)).where(z.value >= 0, small / (1 + small))


def _softplus(z):
    positive = z.value > 0
    return z.where(positive, 0.0) + (-z.where(positive, -z)).exp().log1p()


def _log_softmax(z):
    shifted = z - z.value.max(axis=1, keepdims=True)
    return shifted - shifted.exp().sum(axis=1).log()


def _elu(z, scale, alpha):
    negative = z.value <= 0
    return (z * scale).where(~negative, z.where(negative, 0.0).expm1() * (scale * alpha))


def _clipped(z, low, high):
    inside = (z.value > low) & (z.value < high)
    return z.where(inside, z.value.clip(low, high))


# In the type of the tape: its decimals as in Klambauer et al. (2017).
SELU = ("1.0507009873554804934193349852946", "1.6732632423543772848170429916717")


def _gelu_tanh(z):
    dtype = z.tape.dtype
    root = np.sqrt(dtype(2) / (dtype(4) * np.arctan(dtype(1))))
    cube = (z + z * z * z * dtype("0.044715")) * root
    return z * _sigmoid(cube * 2)


def activated(name, z):
    """Return s(z)."""
    dtype = z.tape.dtype
    formulas = {
        "identity": lambda: z,
        "sigmoid": lambda: _sigmoid(z),
        "relu": lambda: z.where(z.value > 0, 0.0),
        "tanh": lambda: z.tanh(),
        "softmax": lambda: _log_softmax(z).exp(),
        "leaky_relu": lambda: z.where(z.value > 0, z * _parameter(name, 0.01, z)),
        "elu": lambda: _elu(z, dtype(1), _parameter(name, 1, z)),
        "selu": lambda: _elu(z, *map(dtype, SELU)),
        "gelu": lambda: z * z.distribution(),
        "gelu_tanh": lambda: _gelu_tanh(z),
        "silu": lambda: z * _sigmoid(z),
        "softplus": lambda: _softplus(z),
        "softsign": lambda: z / (1 + z.where(z.value > 0, -z)),
        "hard_sigmoid": lambda: _clipped(z * (dtype(1) / dtype(6)) + 0.5, 0, 1),
        "hard_tanh": lambda: _clipped(z, -1, 1),
        "mish": lambda: z * _softplus(z).tanh(),
        "exp": lambda: z.exp(),
        "sin": lambda: z.sin(),
        "log_softmax": lambda: _log_softmax(z),
    }
    return formulas[plain(name)]()


def _cross_entropy(name, z, y):
    if y.ndim == 1:
        y = np.eye(z.value.shape[1])[y]
    smoothing = _parameter(name, 0, z)
    y = y.astype(z.tape.dtype) * (1 - smoothing) + smoothing / y.shape[1]
    return -(_log_softmax(z) * y)


def _log_cosh(d):
    size = d.where(d.value > 0, -d)
    small = size.value < 1e-3
    return (size + (size * -2).exp().log1p() - np.log(d.tape.dtype(2))).where(
        ~small, size * size / 2 - size * size * size * size / 12
    )


def _kl(z, y):
    entropy = np.where(y > 0, y * np.log(np.where(y > 0, y, 1)), 0)
    return -(_log_softmax(z) * y) + entropy


def _gaussian(z, y):
    half = y.shape[1]
    mean, log_variance = z.columns(0, half), z.columns(half, 2 * half)
    d = mean - y
    return (log_variance + d * d * (-log_variance).exp()) / 2


def losses(name, z, a, y):
    """Return each output's part of each row's loss, from the last layer's z and a."""
    dtype = z.tape.dtype
    y = y if y.ndim == 1 else y.astype(dtype)
    if plain(name) == "cross_entropy":
        return _cross_entropy(name, z, y)
    if plain(name) == "gaussian_nll":
        return _gaussian(z, y)
    d = a - y
    size = d.where(d.value > 0, -d)
    limit, q = _parameter(name, 1, z), _parameter(name, 0.5, z)
    formulas = {
        "mse": lambda: d * d / 2,
        "binary_cross_entropy": lambda: _softplus(z) - z * y,
        "mae": lambda: size,
        "huber": lambda: (d * d / 2).where(size.value <= limit, (size - limit / 2) * limit),
        "log_cosh": lambda: _log_cosh(d),
        "quantile": lambda: (d * -q).where(d.value < 0, d * (1 - q)),
        "poisson": lambda: z.exp() - z * y,
        "gamma": lambda: (-z).exp() * y + z,
        "hinge": lambda: (1 - a * y).where(a.value * y < 1, 0.0),
        "kl_divergence": lambda: _kl(z, y),
    }
    return formulas[plain(name)]()


class Formulas:
    """A network's numbers on a tape: its parameters, and the results that come of them.

    Parameters
    ----------
    net : fastbp.Network
        Read for its layers and its parameters.
    dtype : type
    training : bool
        Whether a batch norm takes the statistics of the rows, and not the running ones.
    """

    def __init__(self, net, tape, training=False):
        self.net, self.tape, self.training = net, tape, training
        tape.given = np.dtype(net.dtype).type
        self.weights, self.biases, self.scales, self.shifts = (
            [None if part is None else tape.number(part) for part in parts]
            for parts in (net.weights, net.biases, net.scales, net.shifts)
        )
        for index, layer in enumerate(net.layers):
            if layer.tied_to is not None:
                owner = self.weights[layer.tied_to]
                self.weights[index] = owner.T if layer.transposed else owner

    def normalised(self, index, z, share):
        """Return scale n + shift."""
        kind = plain(self.net.layers[index].norm)
        if kind == "batch" and not self.training:
            mean = self.tape.number(self.net.means[index])
            variance = self.tape.number(self.net.variances[index])
            d = z - mean
        elif kind == "batch":
            d = z - (z * share).sum(axis=0)
            variance = (d * d * share).sum(axis=0)
        else:
            n = z.value.shape[1]
            d = z - z.sum(axis=1) / n
            variance = (d * d).sum(axis=1) / n
        deviation = (variance + self.tape.given(EPSILON)).power(-0.5)
        return d * deviation * self.scales[index] + self.shifts[index]

    def forward(self, x, share):
        """Return the last layer's (z, a)."""
        a = z = x
        for index, layer in enumerate(self.net.layers):
            z = a @ self.weights[index].T
            if self.biases[index] is not None:
                z = z + self.biases[index]
            if layer.norm:
                z = self.normalised(index, z, share)
            below, a = a, activated(layer.activation, z)
            if layer.residual:
                a = a + below
        return z, a

    def results(self, x, y, weight):
        """Return {name: array}: a, loss, and each gradient of the mean loss."""
        weight = np.ones(len(x)) if weight is None else weight
        share = np.asarray(weight, self.tape.dtype)[:, None]
        share = share / share.sum()
        rows = self.tape.number(x)
        z, a = self.forward(rows, share)
        loss = (losses(self.net.loss, z, a, y) * share).sum(axis=0).sum(axis=1)
        wanted = {"inputs": rows}
        for part in ("weights", "biases", "scales", "shifts"):
            for index, node in enumerate(getattr(self, part)):
                tied = part == "weights" and self.net.layers[index].tied_to is not None
                if node is not None and not tied:
                    wanted[f"{part}[{index}]"] = node
        found = self.tape.gradients(loss, [[1.0]], list(wanted.values()))
        return {"a": a.value, "loss": loss.value, **dict(zip(wanted, found, strict=True))}
