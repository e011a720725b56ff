"""The steps of a larger network: one a layer and kind of figure, in matrices."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

import numpy as np

from fastbp.checks import Array
from fastbp.explain.expression import Call, Expression, Quotient, Value, product, total
from fastbp.explain.loss import LossQuantities
from fastbp.explain.quantities import Quantities
from fastbp.explain.reading import read
from fastbp.explain.step import Place, Step
from fastbp.explain.summary import Summary, matrix
from fastbp.explain.update import Rules, frozen, symbols
from fastbp.names import plain

# Above so many figures a trace is shortened: about as many steps as a patient reader takes.
MOST_FIGURES = 60
NAN = float("nan")


def count_of_figures(sizes: list[int], n_rows: int) -> int:
    """Return how many figures a step has: z, a, delta of each unit and row, two a parameter.

    Examples
    --------
    >>> count_of_figures([1, 1, 1], 1), count_of_figures([784, 128, 10], 32)
    (14, 216788)
    """
    pairs = itertools.pairwise(sizes)
    return 3 * n_rows * sum(sizes[1:]) + 2 * sum((n_in + 1) * n_out for n_in, n_out in pairs)


def overview_steps(of: Quantities) -> list[Summary | Step]:
    """Return the steps of a shortened trace."""
    layers = range(1, len(of.sizes))
    steps: list[Summary | Step] = []
    for layer in layers:
        steps += _forward(of, layer)
    steps += _loss(of)
    for layer in reversed(layers):
        steps += _backward(of, layer)
    rules = Rules(of)
    steps += rules.shared()
    for layer in reversed(layers):
        steps += _updates(of, rules, layer)
    return steps


def _array(rows: object) -> Array:
    return np.array(rows, np.float64)


def _summary(
    phase: str,
    kind: str,
    name: str,
    layer: int,
    formula: Expression,
    figures: object,
    about: str,
    **said: object,
) -> Summary:
    found = matrix(name, layer)
    return Summary(
        phase,
        f"all_{kind}",
        layer,
        found.symbol,
        found.latex,
        formula,
        _array(figures),
        about,
        {"layer": layer, "above": layer + 1, **said},
    )


def _transposed(name: str, layer: int) -> Value:
    found = matrix(name, layer)
    return Value(f"{found.symbol}^T", found.latex.replace(")}", ")\\top}"), NAN)


def _forward(of: Quantities, layer: int) -> Iterator[Summary]:
    """Yield z, n, a and the output of a layer."""
    work, spec = of.layer(layer), of.spec(layer)
    below = matrix("A", layer - 1)
    parts: list[Expression] = [product(below, _transposed("W", layer))]
    parts += [matrix("b", layer)] if of.work.biases[layer - 1] is not None else []
    tied = spec.tied_to is not None
    about, source = ("z_tied" if tied else "z"), (spec.tied_to or 0) + 1
    yield _summary("forward", "z", "Z", layer, total(parts), work.z, about, source=source)
    z, name = matrix("Z", layer), plain(spec.activation)
    if spec.norm:
        kind = "running" if not work.extra._shares else plain(spec.norm)
        formula: Expression = Call(f"{plain(spec.norm)}_norm", (z,))
        yield _summary("forward", "norm", "N", layer, formula, work.n, f"norm_{kind}")
        z = matrix("N", layer)
    about = "a_identity" if of.is_identity(layer) else "a"
    about += "_output" if layer == len(of.sizes) - 1 else ""
    formula = z if of.is_identity(layer) else Call(name, (z,))
    yield _summary("forward", "a", "A", layer, formula, work.a, about, activation=spec.activation)
    a: Expression = matrix("A", layer)
    if work.extra._factors:
        formula = product(matrix("M", layer), a)
        kept = np.multiply(work.extra._factors, work.a)
        said = {"share": f"{spec.dropout:g}", "factor": f"{1 / (1 - spec.dropout):.4g}"}
        yield _summary("forward", "dropout", "A", layer, formula, kept, "dropout", **said)
    if spec.residual:
        yield _summary("forward", "skip", "A", layer, total([a, below]), work.out, "skip")


def _loss(of: Quantities) -> Iterator[Summary | Step]:
    """Yield the losses of the rows, and their mean."""
    loss, work, n_rows = LossQuantities(of), of.work, len(of.rows)
    about = f"loss_{loss.name}" if loss.formula is not None else "loss_own"
    about = "loss_smoothed" if loss.is_smoothed else about
    said = {"loss": loss.text, "smoothing": f"{loss.parameter:g}"}
    arguments = (matrix("A", loss.last), Value("Y", "Y", NAN))
    formula: Expression = Call(loss.name, arguments)
    yield Summary(
        "loss", "loss", None, "L[rows]", "L_r", formula, _array(work.row_losses), about, said
    )
    weighted = sum(w * v for w, v in zip(work.data.weight, work.row_losses, strict=True))
    summed = Value("sum(L)", "\\sum_r L_r", weighted)
    if work.is_weighted:
        summed = Value("sum(c L)", "\\sum_r c_r L_r", weighted)
    mean = Quotient(summed, of.count()) if n_rows > 1 or work.is_weighted else summed
    about = "loss_weighted_mean" if work.is_weighted else "loss_mean"
    yield Step("loss", "loss", Place(), Value("L", "L", work.loss), mean, about)


def _backward(of: Quantities, layer: int) -> Iterator[Summary]:
    """Yield dL/da, s'(z), delta and the gradients of a layer."""
    work, spec, last = of.layer(layer), of.spec(layer), layer == len(of.sizes) - 1
    activation = {"activation": spec.activation}
    inner = "N" if spec.norm else "Z"
    rows = "_rows" if len(of.rows) > 1 else ""
    if work.above is not None:
        about = "output_gradient_of_loss" if last else "output_gradient"
        about += "_mean" if last and rows else ""
        formula = _from_above(of, layer)
        yield _summary("backward", "output_gradient", "dL/dA", layer, formula, work.above, about)
    if work.slope is not None and not of.is_identity(layer) and work.above is not None:
        formula = Call(f"{plain(spec.activation)}'", (matrix(inner, layer),))
        yield _summary("backward", "slope", "S'", layer, formula, work.slope, "slope", **activation)
    name, about = ("dL/dN", "delta") if spec.norm else ("Delta", "delta")
    formula, about = _delta(of, layer)
    yield _summary("backward", "delta", name, layer, formula, work.delta_n, about, **activation)
    if spec.norm:
        for place, part in enumerate(("dL/dScale", "dL/dShift")):
            factors = [matrix("dL/dN", layer)]
            formula = Call("sum", tuple(factors if place else [*factors, matrix("N", layer)]))
            yield _summary(
                "backward",
                "norm_gradient",
                part,
                layer,
                formula,
                work.norm_gradient[place],
                "norm_gradient",
            )
        formula = Call("through_norm", (matrix("dL/dN", layer),))
        yield _summary("backward", "delta", "Delta", layer, formula, work.delta, "delta_norm")
    formula = product(_transposed("Delta", layer), matrix("A", layer - 1))
    about = f"weight_gradient{rows}"
    whole = of.work.gradients.weights[layer - 1]
    yield _summary("backward", "weight_gradient", "dL/dW", layer, formula, whole, about)
    if work.bias_gradient is not None:
        formula = Call("sum", (matrix("Delta", layer),)) if rows else matrix("Delta", layer)
        about = f"bias_gradient{rows}"
        yield _summary(
            "backward", "bias_gradient", "dL/db", layer, formula, work.bias_gradient, about
        )


def _from_above(of: Quantities, layer: int) -> Expression:
    """Return where dL/da of a layer comes from."""
    if layer < len(of.sizes) - 1:
        down: list[Expression] = [product(matrix("Delta", layer + 1), matrix("W", layer + 1))]
        down += [matrix("dL/dA", layer + 1)] if of.spec(layer + 1).residual else []
        return total(down)
    loss = LossQuantities(of)
    outputs: tuple[Expression, ...] = (matrix("A", layer), Value("Y", "Y", NAN))
    if loss.formula is None or not loss.formula.gradient:
        return Call(f"{loss.name}'", outputs)
    values = loss.values(0, 0) | {"a": outputs[0], "y": outputs[1]}
    return _mean(of, read(loss.formula.gradient, values))


def _mean(of: Quantities, formula: Expression) -> Expression:
    """Return each row's part in the mean over rows."""
    if of.work.is_weighted:
        return Quotient(product(Value("c", "c", NAN), formula), of.count())
    return Quotient(formula, of.count()) if len(of.rows) > 1 else formula


def _delta(of: Quantities, layer: int) -> tuple[Expression, str]:
    """Return the formula of dL/dn and what is said of it."""
    work, spec = of.layer(layer), of.spec(layer)
    if work.above is None:
        loss = LossQuantities(of)
        if loss.formula is not None and loss.formula.delta:
            values: dict[str, Expression] = {"a": matrix("A", layer), "y": Value("Y", "Y", NAN)}
            return _mean(of, read(loss.formula.delta, values)), f"delta_{loss.name}"
        if loss.name == "gaussian_nll":
            return Call("gaussian_nll'", (matrix("A", layer), Value("Y", "Y", NAN))), (
                "delta_gaussian_nll"
            )
        about = "delta_of_loss_mean" if len(of.rows) > 1 else "delta_of_loss"
        return _from_above(of, layer), about
    above: list[Expression] = [matrix("dL/dA", layer)]
    above += [matrix("M", layer)] if work.extra._factors else []
    if of.is_identity(layer):
        return product(*above), "delta_identity"
    if work.slope is None:
        return Call(f"{plain(spec.activation)}_vjp", tuple(above)), "delta_row"
    about = "delta_chain_dropout" if work.extra._factors else "delta_chain"
    return product(*above, matrix("S'", layer)), about


def _updates(of: Quantities, rules: Rules, layer: int) -> Iterator[Summary]:
    """Yield what the optimizer remembers of a layer, and its new parameters."""
    if not of.spec(layer).trainable:
        yield frozen(of, layer)
        return
    places = of.work.places
    norms: Sequence[tuple[str, str, list[int]]] = [
        (name, "norm", part)
        for name, part in zip(("Scale", "Shift"), places.norms[layer - 1][:2], strict=False)
    ]
    parts = [("W", "weight", places.weights[layer - 1]), ("b", "bias", places.biases[layer - 1])]
    for name, kind, flat in [*parts, *norms]:
        if not flat:
            continue
        index, now = np.array(flat), matrix(name, layer)
        names: dict[str, Expression] = {**rules.common, "p": now, "g": matrix(f"dL/d{name}", layer)}
        states = {key: _of_matrix(key, now) for key in of.work.state_before}
        names |= states
        for target, text in rules.lines():
            if target in of.work.state_after:
                figures = np.array(of.work.state_after[target])[index]
                found, title = states.get(target) or _of_matrix(target, now), "state"
            elif target == "p":
                figures, found = np.array(of.work.after)[index], now
                title = f"all_{kind}_update"
            else:
                names[target] = _of_matrix(target, now)
                names[target] = read(text, names)
                continue
            yield Summary(
                "update",
                title,
                layer,
                found.symbol,
                found.latex,
                read(text, names),
                figures,
                rules.about(target),
                rules.said,
            )


def _of_matrix(name: str, of: Value) -> Value:
    symbol, latex = symbols(name)
    return Value(f"{symbol}({of.symbol})", f"{latex}_{{{of.latex}}}", NAN)
