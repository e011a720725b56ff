"""The figures and the steps of a loss."""

from __future__ import annotations

from collections.abc import Callable

from fastbp.explain import formulas
from fastbp.explain.expression import Call, Expression, Quotient, Value, product, total
from fastbp.explain.names import setting
from fastbp.explain.quantities import Quantities
from fastbp.explain.reading import read
from fastbp.explain.step import Place, Step
from fastbp.names import split
from fastbp.reference.activations import find_activation
from fastbp.reference.losses import find_loss
from fastbp.reference.losses.classes import smoothed
from fastbp.spec import LOSS_PARAMETERS


class LossQuantities:
    """The formula of a loss, with the names of a row's outputs and targets."""

    def __init__(self, of: Quantities) -> None:
        self.of = of
        self.text = of.work.twin.loss
        self.name, self.parameter = split(self.text, LOSS_PARAMETERS)
        self.last = len(of.sizes) - 1
        self.formula = formulas.LOSSES.get(self.name)
        # Looked up now: the twin may know it only while the trace is made.
        self.rule, self.output = find_loss(self.text), find_activation("identity")
        self.n_targets = len(of.work.data.y[0])

    def values(self, row: int, place: int) -> dict[str, Expression]:
        """Return what the names in the formulas are, for one target."""
        of, last = self.of, self.last
        values: dict[str, Expression] = {"y": self.target(row, place)}
        if self.name == "gaussian_nll":
            values["m"] = of.out(last, row, place)
            values["v"] = of.out(last, row, place + self.n_targets)
        else:
            values["a"] = of.out(last, row, place)
        if self.name in formulas.PARAMETERS:
            key = formulas.PARAMETERS[self.name]
            values[key] = setting(key, key, self.parameter)
        return values

    @property
    def is_smoothed(self) -> bool:
        """Whether the targets give a part to all classes."""
        return self.name == "cross_entropy" and self.parameter > 0

    def target(self, row: int, place: int) -> Value:
        """Return a target, smoothed where the loss wants it so."""
        if not self.is_smoothed:
            return self.of.target(row, place)
        number = smoothed(self.of.work.data.y[row], self.parameter)[place]
        plain_one = self.of.target(row, place)
        return Value(
            plain_one.symbol.replace("y", "y'", 1),
            plain_one.latex.replace("y", "{y'}", 1),
            number,
            node=plain_one.node,
        )

    def of_row(self, row: int) -> Expression:
        """Return the formula of a row's loss."""
        if self.formula is None:
            outputs = [self.of.out(self.last, row, unit) for unit in self.of.units(self.last)]
            targets = [self.of.target(row, place) for place in range(self.n_targets)]
            return Call(self.name, (*outputs, *targets), self.called)
        counted = [
            place
            for place in range(self.n_targets)
            if self.name not in ("cross_entropy", "kl_divergence")
            or self.target(row, place).number > 0
        ]
        return total([read(self.formula.value, self.values(row, place)) for place in counted])

    def slope_of(self, unit: int) -> Callable[..., float]:
        """Return the function dL/da of an output, of a loss of the user's own."""
        width, rule, output = self.of.sizes[-1], self.rule, self.output

        def slope(*numbers: float) -> float:
            outputs, targets = list(numbers[:width]), list(numbers[width:])
            return float(rule.delta(outputs, targets, output)[unit])

        return slope

    def called(self, *numbers: float) -> float:
        """Return a loss of the user's own from the numbers of outputs and targets."""
        width = self.of.sizes[-1]
        outputs, targets = list(numbers[:width]), list(numbers[width:])
        return float(self.rule.value(outputs, targets, self.output))


def loss_steps(of: Quantities) -> list[Step]:
    """Return the steps of the loss: of each row, and their mean."""
    loss, work = LossQuantities(of), of.work
    about = f"loss_{loss.name}" if loss.formula is not None else "loss_own"
    if loss.is_smoothed:
        about = "loss_smoothed"
    said = {"loss": loss.text, "smoothing": f"{loss.parameter:g}"}
    whole = Value("L", "L", work.loss)
    if len(of.rows) == 1:
        return [Step("loss", "loss", Place(row=0), whole, loss.of_row(0), about, said)]
    parts = [of.names.data("L", row, None, work.row_losses[row], None) for row in of.rows]
    steps = [
        Step("loss", "loss", Place(row=row), parts[row], loss.of_row(row), about, said)
        for row in of.rows
    ]
    if work.is_weighted:
        counted: list[Expression] = [
            product(of.row_weight(row), part) for row, part in enumerate(parts)
        ]
    else:
        counted = list(parts)
    mean = Quotient(total(counted), of.count())
    about = "loss_weighted_mean" if work.is_weighted else "loss_mean"
    return [*steps, Step("loss", "loss", Place(), whole, mean, about)]
