"""What the tests of traces look at: figures by kind and place, and numbers evaluated anew."""

import re
from decimal import ROUND_HALF_UP, Decimal

import mpmath
import numpy as np

import fastbp as fb


def textbook(**settings):
    """Return the trace of the textbook example."""
    net = fb.mlp([1, 1, 1], hidden="sigmoid", dtype="float64")
    net.params = [0.5, 0.0, 0.8, 0.0]
    return net.explain([[2.0]], [1.0], fb.SGD(0.1), **settings)


def steps_of(contents, kind, layer=None):
    """Return the steps of a kind in `Trace.to_dict()`."""
    return [
        step
        for step in contents["steps"]
        if step["kind"] == kind and layer in (None, step["layer"])
    ]


def figures(contents, kind, layer, n_rows, width):
    """Return the figures of a kind in a layer, (n_rows, width)."""
    found = np.full((n_rows, width), np.nan)
    for step in steps_of(contents, kind, layer):
        found[step["row"], step["unit"]] = step["result"]
    assert np.isfinite(found).all(), f"{kind} of layer {layer} is not whole"
    return found


def by_edge(contents, kind, layer, shape):
    """Return the figures of a layer's weights, (n_out, n_in)."""
    found = np.full(shape, np.nan)
    for step in steps_of(contents, kind, layer):
        assert step["edge"] == [layer, step["unit"], step["input"]]
        found[step["unit"], step["input"]] = step["result"]
    assert np.isfinite(found).all()
    return found


def by_unit(contents, kind, layer, width):
    """Return the figures of a layer's biases, (width,)."""
    found = np.full(width, np.nan)
    for step in steps_of(contents, kind, layer):
        found[step["unit"]] = step["result"]
    assert np.isfinite(found).all()
    return found


def _of_mpmath(function):
    return lambda x: Decimal(mpmath.nstr(function(mpmath.mpf(str(x))), 30))


FUNCTIONS = {
    "D": Decimal,
    "E": Decimal(1).exp(),
    "abs": abs,
    "max": max,
    "min": min,
    "sign": lambda x: Decimal(int(x > 0) - int(x < 0)),
    "log": lambda x: x.ln(),
    "sqrt": lambda x: x.sqrt(),
    "tanh": _of_mpmath(mpmath.tanh),
    "sigmoid": _of_mpmath(lambda x: 1 / (1 + mpmath.exp(-x))),
    "sin": _of_mpmath(mpmath.sin),
    "cos": _of_mpmath(mpmath.cos),
    "Phi": _of_mpmath(mpmath.ncdf),
    "phi": _of_mpmath(mpmath.npdf),
}


def recomputed(numbers):
    """Return what the numbers of a step give, read from its text; None where they give nothing."""
    text = re.sub(r"\|([^|]*)\|", r"abs(\1)", numbers.replace("^", "**"))
    text = text.replace(", else", " else").replace(" = ", " == ")
    text = re.sub(r"(?<![\w.])e\*\*", "E**", text)
    text = re.sub(r"(?<![\w.])(\d+(?:\.\d+)?(?:e[+-]?\d+)?)", r"D('\1')", text)
    try:
        found = Decimal(eval(text, dict(FUNCTIONS)))
    except ArithmeticError:
        return None
    return found if found.is_finite() else None


def at_school(value, digits, is_fixed):
    """Return a number rounded, halves away from 0: to decimals, or to so many digits."""
    if value == 0:
        return value
    place = -digits if is_fixed else value.adjusted() - digits + 1
    return value.quantize(Decimal(1).scaleb(place), ROUND_HALF_UP)
