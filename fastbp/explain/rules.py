"""The update rules of the optimizers as texts, in the notation of `reading`.

A line says what one number becomes: `p` the parameter, `g` its gradient, any other name what the
optimizer remembers of it or a number in between. Names of settings are those of the arguments, `t`
is the number of the step. An optimizer that is missing here is explained by its name alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

Lines = list[tuple[str, str]]

MEANS = [
    ("m", "beta1 * m + (1 - beta1) * g"),
    ("v", "beta2 * v + (1 - beta2) * g**2"),
]
HATS = [("mhat", "m / (1 - beta1**t)"), ("vhat", "v / (1 - beta2**t)")]


class Rule(NamedTuple):
    """Lines of a step: those that are the same for all parameters, and those of each."""

    lines: Lines
    shared: Sequence[tuple[str, str]] = ()


def sgd(rule: Any) -> Rule:
    """Gradient descent; with a momentum, along the velocity."""
    if not rule.momentum:
        return Rule([("p", "p - learning_rate * g")])
    dampened = "(1 - dampening) * g" if rule.dampening else "g"
    velocity = "g" if rule._step == 1 else f"momentum * velocity + {dampened}"
    ahead = "(g + momentum * velocity)" if rule.nesterov else "velocity"
    return Rule([("velocity", velocity), ("p", f"p - learning_rate * {ahead}")])


def adam(rule: Any) -> Rule:
    """Adam."""
    step = ("p", "p - learning_rate * mhat / (sqrt(vhat) + epsilon)")
    return Rule([*MEANS, *HATS, step])


def rmsprop(rule: Any) -> Rule:
    """RMSprop."""
    lines = [("v", "alpha * v + (1 - alpha) * g**2")]
    spread, step = "v", "g / (sqrt(v) + epsilon)"
    if rule.centered:
        lines.append(("mean", "alpha * mean + (1 - alpha) * g"))
        spread = "v - mean**2"
        step = f"g / (sqrt({spread}) + epsilon)"
    if rule.momentum:
        lines.append(("velocity", f"momentum * velocity + {step}"))
        step = "velocity"
    return Rule([*lines, ("p", f"p - learning_rate * {step}")])


def adagrad(rule: Any) -> Rule:
    """Adagrad."""
    rate = "learning_rate / (1 + (t - 1) * rate_decay)" if rule.rate_decay else "learning_rate"
    step = ("p", f"p - {rate} * g / (sqrt(total) + epsilon)")
    return Rule([("total", "total + g**2"), step])


def adadelta(rule: Any) -> Rule:
    """Adadelta."""
    return Rule(
        [
            ("v", "rho * v + (1 - rho) * g**2"),
            ("d", "sqrt(moved + epsilon) / sqrt(v + epsilon) * g"),
            ("moved", "rho * moved + (1 - rho) * d**2"),
            ("p", "p - learning_rate * d"),
        ]
    )


def adamax(rule: Any) -> Rule:
    """Adamax."""
    return Rule(
        [
            ("m", "beta1 * m + (1 - beta1) * g"),
            ("u", "max(beta2 * u, abs(g) + epsilon)"),
            ("p", "p - learning_rate / (1 - beta1**t) * m / u"),
        ]
    )


def nadam(rule: Any) -> Rule:
    """NAdam."""
    return Rule(
        [
            *MEANS,
            ("vhat", "v / (1 - beta2**t)"),
            ("now", "(1 - mu) / (1 - product) * g"),
            ("ahead", "next / (1 - product * next) * m"),
            ("p", "p - learning_rate * (now + ahead) / (sqrt(vhat) + epsilon)"),
        ],
        [
            ("mu", "beta1 * (1 - 1/2 * 0.96**(t * momentum_decay))"),
            ("next", "beta1 * (1 - 1/2 * 0.96**((t + 1) * momentum_decay))"),
            ("product", "product * mu"),
        ],
    )


def radam(rule: Any) -> Rule:
    """RAdam; while v is too young to be trusted, nothing is divided by it."""
    rho = 2 / (1 - rule.beta2) - 1
    power = rule.beta2**rule._step
    shared = [
        ("rho", "2 / (1 - beta2) - 1"),
        ("rho_t", "rho - 2 * t * beta2**t / (1 - beta2**t)"),
    ]
    lines = [*MEANS, HATS[0]]
    if rho - 2 * rule._step * power / (1 - power) <= 5:
        return Rule([*lines, ("p", "p - learning_rate * mhat")], shared)
    shared.append(("r", "sqrt((rho_t - 4) * (rho_t - 2) * rho / ((rho - 4) * (rho - 2) * rho_t))"))
    step = "p - learning_rate * r * mhat * sqrt(1 - beta2**t) / (sqrt(v) + epsilon)"
    return Rule([*lines, ("p", step)], shared)


def lion(rule: Any) -> Rule:
    """Lion."""
    return Rule(
        [
            ("c", "beta1 * m + (1 - beta1) * g"),
            ("m", "beta2 * m + (1 - beta2) * g"),
            ("p", "p - learning_rate * sign(c)"),
        ]
    )


def rprop(rule: Any) -> Rule:
    """Rprop."""
    grown = "(size * grow if before * g > 0 else (size * shrink if before * g < 0 else size))"
    return Rule(
        [
            ("size", f"min(max({grown}, least), most)"),
            ("before", "0 if before * g < 0 else g"),
            ("p", "p - sign(before) * size"),
        ]
    )


RULES: dict[str, Callable[[Any], Rule]] = {
    "SGD": sgd,
    "Adam": adam,
    "AdamW": adam,
    "RMSprop": rmsprop,
    "Adagrad": adagrad,
    "Adadelta": adadelta,
    "Adamax": adamax,
    "NAdam": nadam,
    "RAdam": radam,
    "Lion": lion,
    "Rprop": rprop,
}
# Names in formulas, in text and in LaTeX; any other is written as it is.
SYMBOLS = {
    "learning_rate": ("eta", "\\eta"),
    "momentum": ("mu", "\\mu"),
    "dampening": ("tau", "\\tau"),
    "weight_decay": ("lambda", "\\lambda"),
    "beta1": ("beta1", "\\beta_1"),
    "beta2": ("beta2", "\\beta_2"),
    "epsilon": ("epsilon", "\\epsilon"),
    "alpha": ("alpha", "\\alpha"),
    "rho": ("rho", "\\rho"),
    "momentum_decay": ("psi", "\\psi"),
    "mhat": ("mhat", "\\hat{m}"),
    "vhat": ("vhat", "\\hat{v}"),
    "velocity": ("v", "v"),
    "product": ("M", "M"),
    "mu": ("mu", "\\mu_t"),
    "next": ("mu_next", "\\mu_{t+1}"),
    "rho_t": ("rho_t", "\\rho_t"),
}
for _name in ("m", "v", "g", "t", "u", "d", "c", "r"):
    SYMBOLS[_name] = (_name, _name)


def shaping(rule: Any) -> Lines:
    """Return the lines of what is done to a gradient before the rule sees it."""
    lines = []
    if rule.clip_norm:
        lines.append(("g", "shrinking * g"))
    if rule.clip_value:
        lines.append(("g", "max(min(g, clip_value), -clip_value)"))
    if rule.weight_decay and not rule.decoupled:
        lines.append(("g", "g + weight_decay * p"))
    if rule.l1:
        lines.append(("g", "g + l1 * sign(p)"))
    return lines


def lines_of(rule: Any) -> Rule | None:
    """Return the lines of the twin of an optimizer, whose step has been counted; None: unknown."""
    name = type(rule).__name__
    if name not in RULES:
        return None
    found = RULES[name](rule)
    lines = found.lines
    if rule.decoupled and rule.weight_decay:
        # The decay comes off p itself, in the same line.
        kept, formula = lines[-1]
        lines = [*lines[:-1], (kept, f"p - learning_rate * weight_decay * p{formula[1:]}")]
    if rule.ema:
        average = "p" if rule._step == 1 else "ema * average + (1 - ema) * p"
        lines = [*lines, ("average", average)]
    return Rule([*shaping(rule), *lines], found.shared)
