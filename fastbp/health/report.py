"""What a look at a network's health found: figures of each layer, and what they mean."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

from fastbp.health.moments import Range


@dataclass(frozen=True)
class LayerHealth:
    """The figures of one layer over some rows.

    Attributes
    ----------
    number : int
        From 1.
    units : int
    activation : str
    trainable : bool
    z, a : (min, max, mean, std)
        Of all preactivations (after a norm, if there is one) and of all outputs.
    dead : float or None
        Share of the units whose slope s'(z) is 0 in every row, or below 1e-6 of the activation's
        largest: nothing comes back through them. None where an output depends on all z of its
        row (softmax), and where the loss is computed from z and no slope is met.
    saturated : float or None
        Share of the numbers whose slope is below 1 % of the activation's largest, for activations
        that are flat on both sides; else 0, as half of a relu's slopes are 0 in good health.
    delta_norm : float
        Root mean square over rows of ||dL_r/dz||, z before a norm and L_r the loss of a row.
    weight_gradient, bias_gradient : float
        ||dL/dW|| and ||dL/db||; None without a bias.
    weight_norm : float
        ||W||.
    update_ratio : float
        ||W' - W|| / ||W|| of one step of the optimizer; NaN where the loss is not finite.

    Examples
    --------
    >>> import fastbp as fb
    >>> layer = fb.mlp([2, 3, 1]).health([[1.0, 2.0], [2.0, 1.0]], [0.0, 1.0]).layers[0]
    >>> layer.number, layer.units, layer.activation, layer.saturated
    (1, 3, 'relu', 0.0)
    """

    number: int
    units: int
    activation: str
    trainable: bool
    z: Range
    a: Range
    dead: float | None
    saturated: float | None
    delta_norm: float
    weight_gradient: float
    bias_gradient: float | None
    weight_norm: float
    update_ratio: float


class Figures(NamedTuple):
    """All figures of a network on some rows.

    `input_size`: largest root mean square of a column of x; `output_spread`, `target_spread`:
    widest range of a column.
    """

    loss: float
    n_rows: int
    inputs: Range
    input_size: float
    output_spread: float
    target_spread: float
    layers: tuple[LayerHealth, ...]


class Finding(NamedTuple):
    """One thing that is not as it should be: its name, where and how much, and what to try.

    `layers` are numbers from 1.
    """

    name: str
    layers: tuple[int, ...]
    what: str
    advice: str

    def __str__(self) -> str:
        return f"{self.name}: {self.what}; try {self.advice}"


# The heads of two tables: of what goes forward, and of what comes back.
FORWARD = (
    *("layer", "units", "z min", "z max", "z mean", "z std", "a min", "a max", "a mean", "a std"),
)
BACK = ("layer", "dead", "saturated", "|delta|", "|dL/dW|", "|dL/db|", "|W|", "update")


class Health:
    """How a network does on some rows, layer by layer, and what that means.

    `print` shows the diagnosis and a table.

    Attributes
    ----------
    healthy : bool
        Whether nothing was found.
    diagnosis : str
        One line: "healthy", or what comes first of the findings and what to try.
    findings : tuple
        Each with `name`, `layers` (numbers from 1), `what` and `advice`, the likeliest cause of
        the others first. Names: "not finite", "dead", "saturated", "exploding", "vanishing",
        "constant output", "not learning", "overshooting", "inputs".
    layers : tuple of LayerHealth
    loss : float
    n_rows : int
    optimizer : str
        Of which one step was tried.
    inputs : (min, max, mean, std)
        Of all numbers that go into the first layer.

    Examples
    --------
    >>> import fastbp as fb
    >>> net = fb.mlp([2, 4, 1], hidden="tanh")
    >>> health = net.health([[0, 0], [0, 1], [1, 0], [1, 1]], [0, 1, 1, 0])
    >>> health
    <Health: healthy, 2 layers, 4 rows>
    >>> len(health.layers), health.layers[0].saturated
    (2, 0.0)
    """

    def __init__(self, figures: Figures, findings: tuple[Finding, ...], optimizer: str) -> None:
        self.loss, self.n_rows, self.inputs = figures.loss, figures.n_rows, figures.inputs
        self.layers = figures.layers
        self.findings = findings
        self.optimizer = optimizer

    @property
    def healthy(self) -> bool:
        """Whether nothing was found."""
        return not self.findings

    @property
    def diagnosis(self) -> str:
        """What was found first, in one line, and what to try."""
        return str(self.findings[0]) if self.findings else "healthy"

    def __repr__(self) -> str:
        name = self.findings[0].name if self.findings else "healthy"
        return f"<Health: {name}, {len(self.layers)} layers, {self.n_rows} rows>"

    def __str__(self) -> str:
        others = [f"also {finding}" for finding in self.findings[1:]]
        tables = [line for table in self._tables() for line in ["", *aligned(table)]]
        return "\n".join([self._head(), self.diagnosis, *others, *tables])

    def _head(self) -> str:
        """Return what the figures are of."""
        rows = f"{self.n_rows} row{'s' * (self.n_rows != 1)}"
        return f"loss {self.loss:.4g} over {rows}; update: one step of {self.optimizer}"

    def _tables(self) -> tuple[list[list[str]], list[list[str]]]:
        """Return the lines of both tables, their heads first."""
        inputs = ["inputs", *[""] * 5, *map(short, self.inputs)]
        forward = [list(FORWARD), inputs, *map(forward_cells, self.layers)]
        return forward, [list(BACK), *map(back_cells, self.layers)]

    def _repr_html_(self) -> str:
        """Return the diagnosis and the table for notebooks."""
        import html

        told = [self._head(), *map(str, self.findings or ["healthy"])]
        parts = [f"<p>{html.escape(line)}</p>" for line in told]
        for head, *body in self._tables():
            rows = [
                "".join(
                    f'<{kind} style="text-align:{"right" if place else "left"}">'
                    f"{html.escape(cell)}</{kind}>"
                    for place, cell in enumerate(line)
                )
                for kind, line in (("th", head), *(("td", line) for line in body))
            ]
            parts.append(f"<table>{''.join(f'<tr>{row}</tr>' for row in rows)}</table>")
        return "".join(parts)

    def to_dict(self) -> dict[str, Any]:
        """Return all of it as JSON values; what is not finite is None.

        Examples
        --------
        >>> import fastbp as fb
        >>> found = fb.mlp([1, 1]).health([[1.0], [2.0]], [1.0, 2.0]).to_dict()
        >>> list(found)
        ['diagnosis', 'findings', 'loss', 'n_rows', 'optimizer', 'inputs', 'layers']
        """
        values = {
            "diagnosis": self.diagnosis,
            "findings": [finding._asdict() for finding in self.findings],
            "loss": self.loss,
            "n_rows": self.n_rows,
            "optimizer": self.optimizer,
            "inputs": self.inputs,
            "layers": [asdict(layer) for layer in self.layers],
        }
        found: dict[str, Any] = jsonable(values)
        return found


def jsonable(value: Any) -> Any:
    """Return a value of which JSON can be made: named tuples as objects, no NaN or infinity."""
    if isinstance(value, Range):
        return jsonable(value._asdict())
    if isinstance(value, dict):
        return {name: jsonable(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [jsonable(item) for item in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def aligned(table: list[list[str]]) -> list[str]:
    """Return a table's lines as text: names to the left, figures to the right."""
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    return [
        "  ".join(
            cell.rjust(width) if place else cell.ljust(width)
            for place, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in table
    ]


def name_of(layer: LayerHealth) -> str:
    """Return what the tables call a layer."""
    return f"{layer.number} {layer.activation}"


def forward_cells(layer: LayerHealth) -> list[str]:
    """Return a layer's line of what goes forward."""
    return [name_of(layer), str(layer.units), *map(short, (*layer.z, *layer.a))]


def back_cells(layer: LayerHealth) -> list[str]:
    """Return a layer's line of what comes back."""
    norms = (layer.delta_norm, layer.weight_gradient, layer.bias_gradient, layer.weight_norm)
    flat = map(percent, (layer.dead, layer.saturated))
    return [name_of(layer), *flat, *map(short, (*norms, layer.update_ratio))]


def short(value: float | None) -> str:
    """Return a figure in few characters; nothing for None."""
    return "" if value is None else f"{value:.3g}"


def percent(share: float | None) -> str:
    """Return a share in per cent; nothing for None."""
    return "" if share is None else f"{100 * share:.0f} %"
