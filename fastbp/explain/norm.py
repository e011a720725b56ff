"""The figures and the steps of a normalisation, forward."""

from __future__ import annotations

from fastbp.explain.expression import (
    Call,
    Constant,
    Expression,
    Power,
    Quotient,
    Sum,
    Value,
    product,
    total,
)
from fastbp.explain.names import setting
from fastbp.explain.quantities import Quantities
from fastbp.explain.step import Place, Step
from fastbp.names import plain
from fastbp.reference.normalization import mean_and_variance

EPSILON = Constant("1e-05")


def norm_steps(of: Quantities, layer: int) -> list[Step]:
    """Return the steps of a normalisation: means, variances, and z by them."""
    norm = NormQuantities(of, layer)
    steps = [step for place in norm.lists() for step in norm.statistics(place)]
    for row in of.rows:
        for unit in of.units(layer):
            mean, variance = norm.mean(row, unit), norm.variance(row, unit)
            formula = total(
                [
                    Quotient(
                        product(norm.scale(unit), Sum((of.z(layer, row, unit), mean), (1, -1))),
                        Call("sqrt", (total([variance, EPSILON]),)),
                    ),
                    norm.shift(unit),
                ]
            )
            result, place = of.n(layer, row, unit), Place(layer, row, unit)
            steps.append(Step("forward", "norm", place, result, formula, norm.about))
    return steps


class NormQuantities:
    """The figures of a layer's normalisation."""

    def __init__(self, of: Quantities, layer: int) -> None:
        self.of, self.layer = of, layer
        spec, self.extra = of.spec(layer), of.layer(layer).extra
        name = plain(spec.norm or "")
        self.by_row = name == "layer"
        self.is_running = not self.extra._shares
        kind = "running" if self.is_running else name
        self.about = f"norm_{kind}"

    def lists(self) -> range:
        """Return the places of what is normalised together: rows, or units; none if running."""
        if self.is_running:
            return range(0)
        return self.of.rows if self.by_row else self.of.units(self.layer)

    def members(self, place: int) -> list[tuple[int, int]]:
        """Return (row, unit) of each value that is normalised together."""
        if self.by_row:
            return [(place, unit) for unit in self.of.units(self.layer)]
        return [(row, place) for row in self.of.rows]

    def share(self, formula: Expression, row: int) -> Expression:
        """Return the part of a value in the mean."""
        if not self.by_row:
            return self.of.share(formula, row)
        return Quotient(formula, setting("n", "n", float(self.of.sizes[self.layer])))

    def mean(self, row: int, unit: int) -> Value:
        """Return the mean that is taken off a value."""
        return self._statistic("mean", row, unit)

    def variance(self, row: int, unit: int) -> Value:
        """Return the variance that a value is divided by the root of."""
        return self._statistic("variance", row, unit)

    def scale(self, unit: int) -> Value:
        """Return the trained factor."""
        return self._parameter(0, unit)

    def shift(self, unit: int) -> Value:
        """Return the trained summand."""
        return self._parameter(1, unit)

    def normed(self, row: int, unit: int) -> Value:
        """Return the value before scale and shift."""
        number = self.extra._normed[row][unit]
        return self.of.names.unit("zn", self.layer, row, unit, number)

    def statistics(self, place: int) -> list[Step]:
        """Return the steps of a mean and a variance."""
        row, unit = self.members(place)[0]
        mean, variance = self.mean(row, unit), self.variance(row, unit)
        values: list[tuple[int, Expression]] = [
            (r, self.of.z(self.layer, r, j)) for r, j in self.members(place)
        ]
        differences: list[tuple[int, Expression]] = [
            (r, Power(Sum((z, mean), (1, -1)), Constant("2"))) for r, z in values
        ]
        where = Place(self.layer, row if self.by_row else None, None if self.by_row else unit)
        return [
            Step("forward", "norm", where, result, self._mean_of(parts), about)
            for result, parts, about in [
                (mean, values, "norm_mean"),
                (variance, differences, "norm_variance"),
            ]
        ]

    def _mean_of(self, parts: list[tuple[int, Expression]]) -> Expression:
        if self.by_row or not self.of.work.is_weighted:
            summed = total([part for _, part in parts])
            return self.share(summed, 0)
        return total([self.share(part, row) for row, part in parts])

    def _statistic(self, name: str, row: int, unit: int) -> Value:
        place = 0 if name == "mean" else 1
        where = (row, None) if self.by_row else (None, unit)
        if self.is_running:
            number = self.extra._norm[2 + place][unit]
        else:
            members = self.members(row if self.by_row else unit)
            values = [self.of.layer(self.layer).z[r][j] for r, j in members]
            number = mean_and_variance(values, self.extra._shares)[place]
        found = self.of.names.unit(name, self.layer, where[0], where[1], number)
        return Value(found.symbol, found.latex, number)

    def _parameter(self, place: int, unit: int) -> Value:
        name = ("scale", "shift")[place]
        number = self.of.work.norms[self.layer - 1][place][unit]
        found = self.of.names.unit(name, self.layer, None, unit, number)
        return Value(found.symbol, found.latex, number)
