"""The steps of the forward pass."""

from __future__ import annotations

from fastbp.explain.expression import Expression, product, total
from fastbp.explain.norm import norm_steps
from fastbp.explain.quantities import Quantities
from fastbp.explain.step import Place, Step


def forward_steps(of: Quantities) -> list[Step]:
    """Return the steps from the inputs to the outputs, layer by layer."""
    steps = []
    for layer in range(1, len(of.sizes)):
        steps += [_z(of, layer, row, unit) for row in of.rows for unit in of.units(layer)]
        if of.spec(layer).norm:
            steps += norm_steps(of, layer)
        steps += [_a(of, layer, row, unit) for row in of.rows for unit in of.units(layer)]
        for row in of.rows:
            for unit in of.units(layer):
                steps += _after_activation(of, layer, row, unit)
    return steps


def _z(of: Quantities, layer: int, row: int, unit: int) -> Step:
    parts: list[Expression] = [
        product(of.weight(layer, unit, k), of.out(layer - 1, row, k)) for k in of.units(layer - 1)
    ]
    bias = of.bias(layer, unit)
    parts += [] if bias is None else [bias]
    about = "z_tied" if of.spec(layer).tied_to is not None else "z"
    said = {"layer": layer, "source": (of.spec(layer).tied_to or 0) + 1}
    place = Place(layer, row, unit)
    return Step("forward", "z", place, of.z(layer, row, unit), total(parts), about, said)


def _a(of: Quantities, layer: int, row: int, unit: int) -> Step:
    is_last = layer == len(of.sizes) - 1
    about = "a_identity" if of.is_identity(layer) else "a"
    return Step(
        "forward",
        "a",
        Place(layer, row, unit),
        of.a(layer, row, unit),
        of.activated(layer, row, unit),
        f"{about}_output" if is_last else about,
        {"activation": of.spec(layer).activation},
    )


def _after_activation(of: Quantities, layer: int, row: int, unit: int) -> list[Step]:
    """Return the steps of dropout and skip connection."""
    work, spec, steps = of.layer(layer), of.spec(layer), []
    now, place = of.a(layer, row, unit), Place(layer, row, unit)
    if work.extra._factors:
        kept = of.kept(layer, row, unit)
        then = of.names.unit("a'", layer, row, unit, kept.number * now.number)
        said = {"share": f"{spec.dropout:g}", "factor": f"{1 / (1 - spec.dropout):.4g}"}
        about = "dropout_kept" if kept.number else "dropout_left_out"
        formula = product(kept, now)
        steps.append(Step("forward", "dropout", place, then, formula, about, said))
        now = then
    if spec.residual:
        formula = total([now, of.out(layer - 1, row, unit)])
        result = of.out(layer, row, unit)
        steps.append(Step("forward", "skip", place, result, formula, "skip"))
    return steps
