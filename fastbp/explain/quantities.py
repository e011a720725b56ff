"""The figures of a step by their names, as the formulas of its steps want them."""

from __future__ import annotations

from fastbp.explain import formulas
from fastbp.explain.expression import Call, Expression, Quotient, Value, product
from fastbp.explain.names import Names, derivative, setting, slope
from fastbp.explain.reading import read
from fastbp.explain.working import LayerWork, Working
from fastbp.names import plain, split
from fastbp.reference.activations import find_activation
from fastbp.reference.layers import Dense
from fastbp.spec import ACTIVATION_PARAMETERS

LATEX_OF_SETTING = {"alpha": "\\alpha", "d": "d", "q": "q", "scale": "\\lambda", "c": "c"}


class Quantities:
    """Looks up figures; layers from 1, layer 0 is the inputs; rows and units from 0.

    Parameters
    ----------
    work : Working
    names : Names
    """

    def __init__(self, work: Working, names: Names) -> None:
        self.work = work
        self.names = names
        self.sizes = work.twin.sizes
        self.rows = range(work.n_rows)

    def layer(self, layer: int) -> LayerWork:
        """Return the figures of a layer."""
        return self.work.layers[layer - 1]

    def spec(self, layer: int) -> Dense:
        """Return the twin's description of a layer."""
        found: Dense = self.work.twin.layers[layer - 1]
        return found

    def units(self, layer: int) -> range:
        """Return the units of a layer."""
        return range(self.sizes[layer])

    def z(self, layer: int, row: int, unit: int) -> Value:
        """Return W a + b."""
        return self.names.unit("z", layer, row, unit, self.layer(layer).z[row][unit])

    def n(self, layer: int, row: int, unit: int) -> Value:
        """Return what the activation is of: z, normalised where the layer has a norm."""
        if not self.spec(layer).norm:
            return self.z(layer, row, unit)
        return self.names.unit("n", layer, row, unit, self.layer(layer).n[row][unit])

    def a(self, layer: int, row: int, unit: int) -> Value:
        """Return s(z)."""
        return self.names.unit("a", layer, row, unit, self.layer(layer).a[row][unit])

    def out(self, layer: int, row: int, unit: int) -> Value:
        """Return what the next layer gets."""
        if layer == 0:
            return self.names.unit("a", 0, row, unit, self.work.data.x[row][unit])
        primes = "'" * (bool(self.layer(layer).extra._factors) + bool(self.spec(layer).residual))
        return self.names.unit(f"a{primes}", layer, row, unit, self.layer(layer).out[row][unit])

    def kept(self, layer: int, row: int, unit: int) -> Value:
        """Return dropout's factor of an output."""
        return self.names.unit("m", layer, row, unit, self.layer(layer).extra._factors[row][unit])

    def target(self, row: int, place: int) -> Value:
        """Return y."""
        width = self.sizes[-1]
        node = [len(self.sizes) - 1, place] if place < width else None
        return self.names.data("y", row, place, self.work.data.y[row][place], node)

    def weight(self, layer: int, unit: int, source: int) -> Value:
        """Return a weight as it was before the step."""
        return self.names.weight(layer, unit, source, self.work.weights[layer - 1][unit][source])

    def bias(self, layer: int, unit: int) -> Value | None:
        """Return a bias as it was before the step; None where there is none."""
        biases = self.work.biases[layer - 1]
        return None if biases is None else self.names.bias(layer, unit, biases[unit])

    def delta(self, layer: int, row: int, unit: int) -> Value:
        """Return dL/dz."""
        return self.names.unit("delta", layer, row, unit, self.layer(layer).delta[row][unit])

    def delta_n(self, layer: int, row: int, unit: int) -> Value:
        """Return dL/dn; delta without a norm."""
        if not self.spec(layer).norm:
            return self.delta(layer, row, unit)
        return derivative(self.n(layer, row, unit), self.layer(layer).delta_n[row][unit])

    def above(self, layer: int, row: int, unit: int) -> Value:
        """Return dL/da of what the next layer got."""
        above = self.layer(layer).above
        assert above is not None
        return derivative(self.out(layer, row, unit), above[row][unit])

    def slope(self, layer: int, row: int, unit: int) -> Value:
        """Return s'(z)."""
        slopes = self.layer(layer).slope
        assert slopes is not None
        return slope(self.n(layer, row, unit), slopes[row][unit])

    def share(self, formula: Expression, row: int) -> Expression:
        """Return a row's part in a mean over rows."""
        if len(self.rows) == 1:
            return formula
        if not self.work.is_weighted:
            return Quotient(formula, self.count())
        return Quotient(product(self.row_weight(row), formula), self.count())

    def count(self) -> Value:
        """Return what a sum over rows is divided by: N rows, or C, the sum of their weights."""
        name = "C" if self.work.is_weighted else "N"
        return setting(name, name, float(sum(self.work.data.weight)))

    def row_weight(self, row: int) -> Value:
        """Return how much a row counts."""
        return self.names.data("c", row, None, self.work.data.weight[row], None)

    def activation(self, layer: int) -> tuple[formulas.Activation | None, dict[str, Expression]]:
        """Return the formulas of a layer's activation and what their constants are."""
        text = self.spec(layer).activation
        name, parameter = split(text, ACTIVATION_PARAMETERS)
        constants: dict[str, Expression] = {
            key: Value(key, LATEX_OF_SETTING[key], number)
            for key, number in formulas.CONSTANTS.get(name, {}).items()
        }
        if name in formulas.PARAMETERS:
            key = formulas.PARAMETERS[name]
            constants[key] = setting(key, LATEX_OF_SETTING[key], parameter)
        return formulas.ACTIVATIONS.get(name), constants

    def activated(self, layer: int, row: int, unit: int) -> Expression:
        """Return the formula of s(z)."""
        found, constants = self.activation(layer)
        if found is None:
            name = self.spec(layer).activation
            rule = find_activation(name)
            return Call(name, (self.n(layer, row, unit),), lambda z: rule.value([z])[0])
        units = [{**constants, "z": self.n(layer, row, k)} for k in self.units(layer)]
        return read(found.value, units[unit], units)

    def sloped(self, layer: int, row: int, unit: int) -> Expression:
        """Return the formula of s'(z)."""
        found, constants = self.activation(layer)
        z = self.n(layer, row, unit)
        if found is None:
            name = self.spec(layer).activation
            rule = find_activation(name)
            return Call(f"{name}'", (z,), lambda z: rule.vjp([z], [1.0])[0])
        return read(found.slope, {**constants, "z": z, "a": self.a(layer, row, unit)})

    def is_identity(self, layer: int) -> bool:
        """Return whether the activation passes z on as it is."""
        return plain(self.spec(layer).activation) == "identity"
