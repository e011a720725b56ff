"""The chain rule written out: the product of all factors from the loss to one gradient.

Only where there is one path from the loss to what is derived by: one row through layers of one unit
each. Elsewhere the formula of delta is the sum over paths.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

# A product of the factors and the step's own figure are the same sum in another order.
AGREE = 1e-6


@dataclass(frozen=True)
class Factor:
    """One derivative of the product: of `top` by `bottom`, which is `meaning`."""

    top: str
    bottom: str
    meaning: str
    value: float
    node: tuple[int, int] | None = None
    edge: tuple[int, int, int] | None = None


def chain(contents: dict[str, Any], step: dict[str, Any]) -> list[Factor]:
    """Return the factors whose product is the figure of a step, from the loss on.

    Parameters
    ----------
    contents : dict
        `Trace.to_dict()`.
    step : dict
        One of its steps.

    Returns
    -------
    list of Factor
        Empty where the step is no derivative of the loss, where there are several paths, and
        where the layers do more than weigh, add and activate.

    References
    ----------
    D. E. Rumelhart, G. E. Hinton, R. J. Williams, "Learning representations by back-propagating
    errors", Nature 323, 1986, eq. 4-7.
    """
    if step["kind"] not in ("delta", "weight_gradient", "bias_gradient") or not _one_path(contents):
        return []
    found = {(s["kind"], s["layer"]): s["result"] for s in contents["steps"]}
    formulas = {(s["kind"], s["layer"]): s["formula"] for s in contents["steps"]}
    target = step["layer"]
    try:
        factors = _output(contents, found, formulas) + _between(contents, found, target)
        factors += _last(contents, found, step["kind"], target)
    except KeyError:
        return []
    product = math.prod(factor.value for factor in factors)
    return factors if math.isclose(product, step["result"], rel_tol=AGREE) else []


def _one_path(contents: dict[str, Any]) -> bool:
    """Return whether one row takes one way through the network."""
    network = contents["network"]
    return (
        not contents["shortened"]
        and len(contents["x"]) == 1
        and set(network["sizes"]) == {1}
        and not any(
            layer["norm"] or layer["dropout"] or layer["residual"] for layer in network["layers"]
        )
    )


def _output(
    contents: dict[str, Any], found: dict[Any, Any], formulas: dict[Any, str]
) -> list[Factor]:
    """Return the factors from the loss to the last preactivation."""
    last = len(contents["network"]["layers"])
    delta, node = found["delta", last], (last, 0)
    try:
        slope = _slope(contents, found, last)
    except KeyError:
        return [Factor("dL", f"dz{last}", f"delta{last}", delta, node)]
    source = "output_gradient" if ("output_gradient", last) in found else "delta"
    gradient = found[source, last]
    if source == "delta" and slope != 1:
        return [Factor("dL", f"dz{last}", f"delta{last}", delta, node)]
    return [
        Factor("dL", f"da{last}", formulas[source, last], gradient, node),
        Factor(f"da{last}", f"dz{last}", f"s'(z{last})", slope, node),
    ]


def _between(contents: dict[str, Any], found: dict[Any, Any], target: int) -> list[Factor]:
    """Return the factors from the last preactivation to that of a layer."""
    factors = []
    for layer in range(len(contents["network"]["layers"]), target, -1):
        weight = contents["network"]["weights"][layer - 1][0][0]
        below = layer - 1
        slope = _slope(contents, found, below)
        factors += [
            Factor(f"dz{layer}", f"da{below}", f"w{layer}", weight, edge=(layer, 0, 0)),
            Factor(f"da{below}", f"dz{below}", f"s'(z{below})", slope, (below, 0)),
        ]
    return factors


def _last(contents: dict[str, Any], found: dict[Any, Any], kind: str, layer: int) -> list[Factor]:
    """Return the factor from a layer's preactivation to its weight or bias."""
    if kind == "delta":
        return []
    if kind == "bias_gradient":
        return [Factor(f"dz{layer}", f"db{layer}", "", 1.0, (layer, 0))]
    source = layer - 1
    name = f"a{source}" if source else "x"
    value = found["a", source] if source else contents["x"][0][0]
    return [Factor(f"dz{layer}", f"dw{layer}", name, value, (source, 0))]


def _slope(contents: dict[str, Any], found: dict[Any, Any], layer: int) -> float:
    """Return s'(z) of a layer; that of the identity has no step."""
    if contents["network"]["layers"][layer - 1]["activation"] == "identity":
        return 1.0
    return float(found["slope", layer])
