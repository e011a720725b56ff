"""What the tests feed in: random networks and rows, arrays in disguise, and twins of networks.

Hypothesis draws the structure (sizes, names, flags, seeds); the numbers come from a numpy Generator
with the drawn seed, because a failing case is understood from its structure.
"""

import tempfile
from dataclasses import dataclass

import numpy as np
from hypothesis import strategies as st

import fastbp as fb
from fastbp import reference, spec
from fastbp.spec import ACTIVATIONS, DTYPES, LOSSES, OUTPUT_OF_LOSS

# The activations and losses that stand in the loop of every network; the others stand apart.
FIRST_ACTIVATIONS = ("identity", "sigmoid", "relu", "tanh", "softmax")
FIRST_LOSSES = ("mse", "cross_entropy", "binary_cross_entropy")


def _pairs(outputs, losses):
    """Return every output activation with every loss that it may have."""
    return [
        (output, loss)
        for loss in losses
        for output in outputs
        if OUTPUT_OF_LOSS.get(spec.names.plain(loss), output) == output
    ]


# Parameters of their own for those that have one.
WITH_PARAMETERS = ("leaky_relu(0.3)", "elu(0.5)")
LOSSES_WITH_PARAMETERS = ("huber(0.3)", "quantile(0.8)", "cross_entropy(0.1)")
EVERY_ACTIVATION = (*ACTIVATIONS, *WITH_PARAMETERS)
EVERY_LOSS = (*LOSSES, *LOSSES_WITH_PARAMETERS)

# Every pair of the first ones, every output with mse, every loss with its output or two others.
FIRST_PAIRS = _pairs(FIRST_ACTIVATIONS, FIRST_LOSSES)
PAIRS = list(
    dict.fromkeys(
        [
            *FIRST_PAIRS,
            *_pairs(EVERY_ACTIVATION, ["mse"]),
            *_pairs(["identity", "tanh"], EVERY_LOSS),
            *((output, loss) for loss, output in OUTPUT_OF_LOSS.items()),
            ("softmax", "cross_entropy(0.1)"),
        ]
    )
)

# 1, primes, and one above a multiple of 8 or 16 numbers, where a vector loop has a remainder.
SIZES = [1, 2, 3, 5, 7, 8, 9, 13, 17, 31, 33]

# Row sums go in blocks of 256: one row, a few, one block and a row, two blocks and a row.
ROWS = [1, 2, 7, 257, 513]

# Settings of each optimizer that take a way of their own through the update rules.
OPTIMIZERS = {
    "sgd": ("SGD", {"learning_rate": 0.1}),
    "sgd-decay": ("SGD", {"learning_rate": 0.1, "weight_decay": 0.01}),
    "sgd-momentum": ("SGD", {"learning_rate": 0.05, "momentum": 0.9}),
    "sgd-momentum-decay": (
        "SGD",
        {"learning_rate": 0.05, "momentum": 0.5, "weight_decay": 0.1},
    ),
    "sgd-nesterov": ("SGD", {"learning_rate": 0.05, "momentum": 0.9, "nesterov": True}),
    "sgd-nesterov-decay": (
        "SGD",
        {"learning_rate": 0.05, "momentum": 0.8, "nesterov": True, "weight_decay": 0.02},
    ),
    "adam": ("Adam", {"learning_rate": 0.01}),
    "adam-settings": (
        "Adam",
        {"learning_rate": 0.02, "beta1": 0.8, "beta2": 0.95, "epsilon": 1e-4},
    ),
    "adam-decay": ("Adam", {"learning_rate": 0.01, "weight_decay": 0.1}),
    "adamw": ("AdamW", {"learning_rate": 0.01, "weight_decay": 0.1}),
    "rmsprop": ("RMSprop", {"learning_rate": 0.01, "epsilon": 1e-3}),
    "rmsprop-centered": (
        "RMSprop",
        {"learning_rate": 0.01, "epsilon": 1e-2, "centered": True, "momentum": 0.5},
    ),
    "adagrad": ("Adagrad", {"learning_rate": 0.05, "rate_decay": 0.1, "initial_accumulator": 0.1}),
    "adadelta": ("Adadelta", {"learning_rate": 1.0, "epsilon": 1e-3}),
    "adamax": ("Adamax", {"learning_rate": 0.01, "epsilon": 1e-3}),
    "nadam": ("NAdam", {"learning_rate": 0.01, "epsilon": 1e-3}),
    "radam": ("RAdam", {"learning_rate": 0.01, "beta2": 0.9, "epsilon": 1e-3}),
    "lion": ("Lion", {"learning_rate": 0.01, "weight_decay": 0.1}),
    "sgd-dampening": ("SGD", {"learning_rate": 0.1, "momentum": 0.8, "dampening": 0.3}),
    "sgd-l1": ("SGD", {"learning_rate": 0.1, "l1": 0.01}),
    "sgd-clip": ("SGD", {"learning_rate": 0.1, "clip_norm": 0.2, "clip_value": 0.05}),
    "adam-ema": ("Adam", {"learning_rate": 0.01, "ema": 0.9}),
}


def optimizer_pair(name):
    """Return (the package's, the twin's) optimizer of an entry of OPTIMIZERS."""
    kind, settings = OPTIMIZERS[name]
    return getattr(fb, kind)(**settings), getattr(reference, kind)(**settings)


# (hidden, output, loss) of the tests that take them one by one: every combination of the first
# ones, every hidden activation, and every pair.
COMBINATIONS = list(
    dict.fromkeys(
        [
            *((hidden, *pair) for hidden in FIRST_ACTIVATIONS for pair in FIRST_PAIRS),
            *((hidden, "identity", "mse") for hidden in EVERY_ACTIVATION),
            *(("tanh", *pair) for pair in PAIRS),
        ]
    )
)


@dataclass(frozen=True)
class Case:
    """The structure of a network and of its rows."""

    sizes: tuple[int, ...]
    activations: tuple[str, ...]
    biases: tuple[bool, ...]
    loss: str
    dtype: str
    n_rows: int
    seed: int

    def network(self):
        """Make the package's network, with biases that are not 0."""
        layers = [
            fb.Dense(*layer)
            for layer in zip(self.sizes[1:], self.activations, self.biases, strict=True)
        ]
        net = fb.Network(self.sizes[0], layers, self.loss, self.dtype, self.seed)
        rng = np.random.default_rng(self.seed + 1)
        for bias in net.biases:
            if bias is not None:
                bias[:] = rng.uniform(-0.5, 0.5, bias.shape)
        return net

    def rows(self):
        """Return (x, y) of the network's dtype; class indices are int64."""
        rng = np.random.default_rng(self.seed + 2)
        x = rng.uniform(-2, 2, (self.n_rows, self.sizes[0])).astype(self.dtype)
        return x, targets(rng, self.loss, self.n_rows, self.sizes[-1], self.dtype)


def even_outputs(sizes, loss):
    """Return the sizes, their last made even where the loss wants a mean and a variance."""
    *inner, last = sizes
    return (*inner, last + last % 2 if loss == "gaussian_nll" else last)


def case(sizes, hidden, output, loss, dtype, n_rows, seed=0):
    """Return a Case with one hidden activation and biases everywhere."""
    sizes = even_outputs(sizes, loss)
    n_layers = len(sizes) - 1
    activations = (hidden,) * (n_layers - 1) + (output,)
    return Case(tuple(sizes), activations, (True,) * n_layers, loss, dtype, n_rows, seed)


RANGE_OF_TARGETS = {
    "distribution": (0.1, 1),
    "probability": (0, 1),
    "count": (0, 5),
    "positive": (0.1, 3),
}


def targets(rng, loss, n_rows, n_out, dtype):
    """Return targets that suit the loss, (n_rows, n_out), or class indices (n_rows,)."""
    name = spec.names.plain(loss)
    if name == "cross_entropy":
        return rng.integers(0, n_out, n_rows)
    n_y = spec.targets_a_row(name, n_out)
    low, high = RANGE_OF_TARGETS.get(spec.TARGETS_OF_LOSS.get(name, "every number"), (-1, 1))
    y = rng.uniform(low, high, (n_rows, n_y))
    if name == "kl_divergence":
        y /= y.sum(axis=1, keepdims=True)
    return (np.sign(y) if name == "hinge" else y).astype(dtype)


def one_hot(labels, n_out, dtype):
    """Return (n_rows, n_out) with 1 at each row's label."""
    return np.eye(n_out, dtype=dtype)[labels]


@st.composite
def cases(draw, max_layers=4, rows=tuple(ROWS), losses=EVERY_LOSS, dtypes=DTYPES):
    """Draw a Case: 1 to `max_layers` layers, so 0 hidden layers upwards, activations mixed."""
    n_layers = draw(st.integers(1, max_layers), label="layers")
    sizes = draw(st.lists(st.sampled_from(SIZES), min_size=n_layers + 1, max_size=n_layers + 1))
    hidden = draw(
        st.lists(st.sampled_from(EVERY_ACTIVATION), min_size=n_layers - 1, max_size=n_layers - 1)
    )
    output, loss = draw(st.sampled_from([pair for pair in PAIRS if pair[1] in losses]))
    biases = draw(st.lists(st.booleans(), min_size=n_layers, max_size=n_layers))
    return Case(
        even_outputs(sizes, loss),
        (*hidden, output),
        tuple(biases),
        loss,
        draw(st.sampled_from(dtypes)),
        draw(st.sampled_from(rows)),
        draw(st.integers(0, 2**16)),
    )


def twin_of(net, number=None):
    """Return the twin of a network: same layers, loss, seed, parameters; its numbers of a type."""
    layers = [reference.Dense(**{**layer.to_dict(), "init": layer.init}) for layer in net.layers]
    twin = reference.Network(net.sizes[0], layers, net.loss, number or net.dtype, net.seed)
    twin.params = net.params.astype(np.float64).tolist()
    return twin


def _strided(array):
    """Return the array as every second element of a larger one, along each axis."""
    large = np.full([2 * n for n in array.shape], 7, array.dtype)
    view = large[tuple(slice(None, None, 2) for _ in array.shape)]
    view[...] = array
    return view


def _misaligned(array):
    """Return the array at an address that is no multiple of the item's size."""
    memory = np.zeros(array.nbytes + 1, np.uint8)[1:]
    view = memory.view(array.dtype).reshape(array.shape)
    view[...] = array
    return view


def _read_only(array):
    copy = array.copy()
    copy.flags.writeable = False
    return copy


def _mapped(array, order="C"):
    """Return the array in a map of a file that has no name."""
    with tempfile.TemporaryFile() as file:
        view = np.memmap(file, array.dtype, "w+", shape=array.shape, order=order)
    view[...] = array
    return view


# Each takes an array of whole numbers 0 and 1 and returns something that means the same numbers.
DISGUISES = {
    "read-only": _read_only,
    "strided": _strided,
    "negative-stride": lambda array: np.flip(np.flip(array).copy()),
    "fortran": np.asfortranarray,
    "transposed": lambda array: np.ascontiguousarray(array.T).T,
    "list": lambda array: array.tolist(),
    "tuples": lambda array: (
        tuple(map(tuple, array.tolist())) if array.ndim == 2 else tuple(array.tolist())
    ),
    "list-of-arrays": lambda array: list(array),
    "int64": lambda array: array.astype(np.int64),
    "uint8": lambda array: array.astype(np.uint8),
    "bool": lambda array: array.astype(bool),
    "float16": lambda array: array.astype(np.float16),
    "float32": lambda array: array.astype(np.float32),
    "float64": lambda array: array.astype(np.float64),
    "longdouble": lambda array: array.astype(np.longdouble),
    "big-endian": lambda array: array.astype(array.dtype.newbyteorder(">")),
    "misaligned": _misaligned,
    "memoryview": lambda array: memoryview(np.ascontiguousarray(array)),
    "subclass": lambda array: array.view(np.recarray),
    "memory-map": _mapped,
    "memory-map-fortran": lambda array: _mapped(array, "F"),
    "memory-map-uint8": lambda array: _mapped(array.astype(np.uint8)),
}

# No numbers, or none that a network of real numbers could take.
IMPOSTORS = {
    "object": lambda array: array.astype(object),
    "strings": lambda array: array.astype(str),
    "complex": lambda array: array.astype(complex),
    "dates": lambda array: array.astype(np.int64).astype("datetime64[D]"),
    "records": lambda array: array.astype([("field", array.dtype)]),
    "none": lambda array: None,
    "scalar": lambda array: 1.0,
    "dict": lambda array: {"x": 1},
    "generator": lambda array: (row for row in array),
    "ragged": lambda array: [[1.0], [1.0, 2.0]],
    "three-dimensions": lambda array: array.reshape(*array.shape, 1, 1),
}
