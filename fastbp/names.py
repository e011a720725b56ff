"""Names of activations and losses, some of which have a parameter: "relu", "leaky_relu(0.2)"."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from fastbp import checks

# What each parameter may be: least, below, and whether least itself is excluded.
RANGES = {
    "alpha": (0.0, float("inf"), False),
    "delta": (0.0, float("inf"), True),
    "label_smoothing": (0.0, 1.0, False),
    "momentum": (0.0, 1.0, True),
    "q": (0.0, 1.0, True),
}

Parameters = Mapping[str, tuple[str, float]]

PATTERN = re.compile(r"(?P<name>\w+)\((?:(?P<parameter>\w+)=)?(?P<value>[^()]*)\)")


def split(text: str, parameters: Parameters) -> tuple[str, float]:
    """Return (name, value of its parameter) of a text that `canonical` returned; 0 without one."""
    name, _, value = text.partition("(")
    default = parameters[name][1] if name in parameters else 0.0
    return name, float(value.rstrip(")")) if value else default


def with_numbers(text: str) -> tuple[str, tuple[float, ...]]:
    """Return (name, numbers) of a text such as "uniform(-0.1, 0.1)"."""
    name, _, rest = text.partition("(")
    return name, tuple(float(part) for part in rest.rstrip(")").split(",")) if rest else ()


def plain(text: str) -> str:
    """Return the name in a text that `canonical` returned."""
    return text.partition("(")[0]


def canonical(argument: str, text: object, known: Iterable[str], parameters: Parameters) -> str:
    """Return a name, with its parameter where that is not the default, in one way of writing.

    Parameters
    ----------
    argument : str
        What messages call it.
    text : str
        name, name(value) or name(parameter=value).
    known : iterable of str
        The names.
    parameters : mapping
        name -> (parameter, default) of those with one.

    Raises
    ------
    TypeError, ValueError
        No string, an unknown name, a parameter that it does not have or out of its range.

    Examples
    --------
    >>> canonical("activation", "elu(alpha=0.50)", {"elu": 6}, {"elu": ("alpha", 1.0)})
    'elu(0.5)'
    """
    found = PATTERN.fullmatch(text) if isinstance(text, str) else None
    if found is None:
        return checks.choice(argument, text, known)
    name = checks.choice(argument, found["name"], known)
    if name not in parameters:
        raise ValueError(f"{argument} {name!r} must have no parameter, got {text!r}")
    parameter, default = parameters[name]
    try:
        value = float(found["value"])
    except ValueError:
        value = float("nan")
    if found["parameter"] not in (None, parameter) or value != value:
        raise ValueError(
            f"{argument} must be written like '{name}({parameter}={default:g})', got {text!r}"
        )
    least, below, above = RANGES[parameter]
    checks.number(f"{parameter} of {argument} {name!r}", value, least, below, above)
    return name if value == default else f"{name}({value!r})"
