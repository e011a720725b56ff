"""The steps of the backward pass, from the last layer to the first."""

from __future__ import annotations

from fastbp.explain.expression import (
    Call,
    Expression,
    Quotient,
    Sum,
    Value,
    product,
    total,
)
from fastbp.explain.formulas import GAUSSIAN_DELTAS
from fastbp.explain.loss import LossQuantities
from fastbp.explain.names import derivative
from fastbp.explain.norm import EPSILON, NormQuantities
from fastbp.explain.quantities import Quantities
from fastbp.explain.reading import read
from fastbp.explain.step import Place, Step

BACKWARD = "backward"


def backward_steps(of: Quantities) -> list[Step]:
    """Return the steps from the loss to every gradient."""
    last = len(of.sizes) - 1
    steps: list[Step] = []
    for layer in range(last, 0, -1):
        steps += _from_loss(of) if layer == last else _from_layer_above(of, layer)
        if of.spec(layer).norm:
            steps += _through_norm(of, layer)
        steps += _weight_gradients(of, layer) + _bias_gradients(of, layer)
    return steps


def _each(of: Quantities, layer: int) -> list[tuple[int, int]]:
    return [(row, unit) for row in of.rows for unit in of.units(layer)]


def _from_loss(of: Quantities) -> list[Step]:
    """Return the steps to delta of the last layer."""
    loss, last = LossQuantities(of), len(of.sizes) - 1
    formula, name = loss.formula, loss.name
    if name == "gaussian_nll" or (formula is not None and formula.delta):
        about = f"delta_{name}"
        return [
            _delta(of, last, row, unit, of.share(_fused(loss, row, unit), row), about)
            for row, unit in _each(of, last)
        ]
    gradients = {
        (row, unit): of.share(_loss_gradient(loss, row, unit), row) for row, unit in _each(of, last)
    }
    if of.layer(last).above is None:
        about = "delta_of_loss" if len(of.rows) == 1 else "delta_of_loss_mean"
        return [
            _delta(of, last, row, unit, found, about) for (row, unit), found in gradients.items()
        ]
    about = "output_gradient_of_loss" if len(of.rows) == 1 else "output_gradient_of_loss_mean"
    steps = [
        Step(
            BACKWARD,
            "output_gradient",
            Place(last, row, unit),
            of.above(last, row, unit),
            found,
            about,
        )
        for (row, unit), found in gradients.items()
    ]
    return steps + _through_activation(of, last)


def _fused(loss: LossQuantities, row: int, unit: int) -> Expression:
    """Return dL/dz of a loss that is simplest together with its activation."""
    if loss.name == "gaussian_nll":
        kind, place = divmod(unit, loss.n_targets)
        return read(GAUSSIAN_DELTAS[kind], loss.values(row, place))
    assert loss.formula is not None
    return read(loss.formula.delta, loss.values(row, unit))


def _loss_gradient(loss: LossQuantities, row: int, unit: int) -> Expression:
    """Return dL/da of a row's loss."""
    if loss.formula is not None:
        return read(loss.formula.gradient, loss.values(row, unit))
    of, last = loss.of, loss.last
    outputs = [of.out(last, row, k) for k in of.units(last)]
    targets = [of.target(row, k) for k in of.units(last)]
    return Call(f"{loss.name}'", (*outputs, *targets), loss.slope_of(unit))


def _from_layer_above(of: Quantities, layer: int) -> list[Step]:
    """Return the steps to delta of a hidden layer."""
    one_path = of.sizes[layer + 1] == 1 and not of.spec(layer + 1).residual
    sums = {place: _paths(of, layer, *place) for place in _each(of, layer)}
    has_slope = of.layer(layer).slope is not None
    dropped = bool(of.layer(layer).extra._factors)
    if of.is_identity(layer) and not dropped:
        about = "delta_identity"
        return [_delta(of, layer, *place, found, about) for place, found in sums.items()]
    if one_path and has_slope:
        steps = _slopes(of, layer)
        for place, found in sums.items():
            factors = [found, *_after_sum(of, layer, *place)]
            about = "delta_hidden_dropout" if dropped else "delta_hidden"
            steps.append(_delta(of, layer, *place, product(*factors), about))
        return steps
    about = "output_gradient_skip" if of.spec(layer + 1).residual else "output_gradient"
    steps = [
        Step(
            BACKWARD, "output_gradient", Place(layer, *place), of.above(layer, *place), found, about
        )
        for place, found in sums.items()
    ]
    return steps + _through_activation(of, layer)


def _paths(of: Quantities, layer: int, row: int, unit: int) -> Expression:
    """Return the sum over all ways from an output to the loss."""
    parts: list[Expression] = [
        product(of.weight(layer + 1, j, unit), of.delta(layer + 1, row, j))
        for j in of.units(layer + 1)
    ]
    if of.spec(layer + 1).residual:
        parts.append(of.above(layer + 1, row, unit))
    return total(parts)


def _after_sum(of: Quantities, layer: int, row: int, unit: int) -> list[Expression]:
    """Return the factors of dropout and activation."""
    kept: list[Expression] = [of.kept(layer, row, unit)] if of.layer(layer).extra._factors else []
    return kept if of.is_identity(layer) else [*kept, of.slope(layer, row, unit)]


def _slopes(of: Quantities, layer: int) -> list[Step]:
    if of.is_identity(layer):
        return []
    return [
        Step(
            BACKWARD,
            "slope",
            Place(layer, row, unit),
            of.slope(layer, row, unit),
            of.sloped(layer, row, unit),
            "slope",
            {"activation": of.spec(layer).activation},
        )
        for row, unit in _each(of, layer)
    ]


def _through_activation(of: Quantities, layer: int) -> list[Step]:
    """Return the steps from dL/da to delta."""
    if of.layer(layer).slope is None:
        return [
            _delta(of, layer, row, unit, _of_whole_row(of, layer, row, unit), "delta_row")
            for row, unit in _each(of, layer)
        ]
    steps = _slopes(of, layer)
    about = "delta_chain_dropout" if of.layer(layer).extra._factors else "delta_chain"
    about = "delta_same" if of.is_identity(layer) else about
    for row, unit in _each(of, layer):
        factors = [of.above(layer, row, unit), *_after_sum(of, layer, row, unit)]
        steps.append(_delta(of, layer, row, unit, product(*factors), about))
    return steps


def _of_whole_row(of: Quantities, layer: int, row: int, unit: int) -> Expression:
    """Return dL/dz of an activation in which every output depends on all of a row."""
    found, _ = of.activation(layer)
    assert found is not None
    kept = bool(of.layer(layer).extra._factors)
    units: list[dict[str, Expression]] = []
    for k in of.units(layer):
        g: Expression = of.above(layer, row, k)
        g = product(of.kept(layer, row, k), g) if kept else g
        units.append({"a": of.a(layer, row, k), "g": g})
    return read(found.delta, units[unit], units)


def _delta(
    of: Quantities, layer: int, row: int, unit: int, formula: Expression, about: str
) -> Step:
    """Return the step of dL/dn."""
    spec = of.spec(layer)
    kind = "output_gradient" if spec.norm else "delta"
    said = {"layer": layer, "above": layer + 1, "activation": spec.activation}
    return Step(
        BACKWARD, kind, Place(layer, row, unit), of.delta_n(layer, row, unit), formula, about, said
    )


def _through_norm(of: Quantities, layer: int) -> list[Step]:
    """Return the gradients of scale and shift, and delta = dL/dz."""
    norm, gradients = NormQuantities(of, layer), of.layer(layer).norm_gradient
    steps = []
    for unit in of.units(layer):
        deltas = [of.delta_n(layer, row, unit) for row in of.rows]
        products: list[Expression] = [
            product(delta, norm.normed(row, unit)) for row, delta in enumerate(deltas)
        ]
        summed: list[tuple[Value, float, list[Expression]]] = [
            (norm.scale(unit), gradients[0][unit], products),
            (norm.shift(unit), gradients[1][unit], [*deltas]),
        ]
        for parameter, number, parts in summed:
            result = derivative(parameter, number)
            place = Place(layer, unit=unit)
            steps.append(
                Step(BACKWARD, "norm_gradient", place, result, total(parts), "norm_gradient")
            )
    for row, unit in _each(of, layer):
        formula = _out_of_norm(of, norm, row, unit)
        place, result = Place(layer, row, unit), of.delta(layer, row, unit)
        about = "delta_norm_running" if norm.is_running else "delta_norm"
        steps.append(Step(BACKWARD, "delta", place, result, formula, about))
    return steps


def _out_of_norm(of: Quantities, norm: NormQuantities, row: int, unit: int) -> Expression:
    """Return dL/dz from dL/dn, by way of the mean and the variance too."""
    layer = norm.layer
    root = Call("sqrt", (total([norm.variance(row, unit), EPSILON]),))

    def gradient(r: int, j: int) -> Expression:
        return product(norm.scale(j), of.delta_n(layer, r, j))

    if norm.is_running:
        return Quotient(gradient(row, unit), root)
    members = norm.members(row if norm.by_row else unit)
    whole = total([gradient(r, j) for r, j in members])
    along = total([product(gradient(r, j), norm.normed(r, j)) for r, j in members])
    both = total([whole, product(norm.normed(row, unit), along)])
    inside = Sum((gradient(row, unit), norm.share(both, row)), (1, -1))
    return Quotient(inside, root)


def _weight_gradients(of: Quantities, layer: int) -> list[Step]:
    """Return the gradients of a layer's weights; of a shared one, what each layer adds."""
    steps = []
    sharing = [other for other in range(1, len(of.sizes)) if of.spec(other).tied_to == layer - 1]
    is_tied = of.spec(layer).tied_to is not None
    for unit in of.units(layer):
        for source in of.units(layer - 1):
            parts: list[Expression] = [
                product(of.delta(layer, row, unit), of.out(layer - 1, row, source))
                for row in of.rows
            ]
            parts += [tied_part(of, other, unit, source) for other in sharing]
            own = of.layer(layer).weight_gradient[unit][source]
            whole = of.work.gradients.weights[layer - 1][unit][source]
            weight = of.weight(layer, unit, source)
            result = derivative(weight, own if is_tied else whole)
            about = "weight_gradient_tied" if is_tied else "weight_gradient"
            about = "weight_gradient_shared" if sharing else about
            about += "_rows" if len(of.rows) > 1 and not (is_tied or sharing) else ""
            said = {"source": (of.spec(layer).tied_to or 0) + 1}
            place = Place(layer, None, unit, source)
            steps.append(
                Step(
                    BACKWARD,
                    "weight_gradient",
                    place,
                    result,
                    total(parts),
                    about,
                    said,
                    edge=weight.edge,
                )
            )
    return steps


def tied_part(of: Quantities, other: int, unit: int, source: int) -> Value:
    """Return what another layer adds to the gradient of a weight that it shares."""
    j, k = (source, unit) if of.spec(other).transposed else (unit, source)
    return derivative(of.weight(other, j, k), of.layer(other).weight_gradient[j][k])


def _bias_gradients(of: Quantities, layer: int) -> list[Step]:
    gradients = of.layer(layer).bias_gradient
    if gradients is None:
        return []
    about = "bias_gradient_rows" if len(of.rows) > 1 else "bias_gradient"
    steps = []
    for unit in of.units(layer):
        bias = of.bias(layer, unit)
        assert bias is not None
        formula = total([of.delta(layer, row, unit) for row in of.rows])
        result, place = derivative(bias, gradients[unit]), Place(layer, unit=unit)
        steps.append(
            Step(BACKWARD, "bias_gradient", place, result, formula, about, node=[layer, unit])
        )
    return steps
