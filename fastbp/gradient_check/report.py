"""What a check of gradients found."""

from __future__ import annotations

import math
from typing import NamedTuple


class Entry(NamedTuple):
    """One derivative that was compared.

    Attributes
    ----------
    layer : int
        From 1; 0 for the inputs.
    part : str
        "weight", "bias", "scale", "shift" or "input".
    row, column : int, int or None
        As in `net.weights[layer - 1][row, column]`; of vectors the row alone.
    compiled, expected : float
        What `net.gradient` has, and what the differences have.
    tolerance : float
        How far apart they may be.
    scale : float
        The largest derivative of this part of the layer.

    Examples
    --------
    >>> import fastbp as fb
    >>> worst = fb.check_gradients(fb.mlp([2, 3, 1]), [[1.0, 2.0]], [0.5]).worst
    >>> abs(worst.compiled - worst.expected) <= worst.tolerance
    True
    """

    layer: int
    part: str
    row: int
    column: int | None
    compiled: float
    expected: float
    tolerance: float
    scale: float

    @property
    def error(self) -> float:
        """How far apart they are, beside the largest derivative of this part of the layer."""
        off = abs(self.compiled - self.expected)
        return off / self.scale if self.scale else off

    @property
    def excess(self) -> float:
        """How far apart they are, in tolerances; infinite for what is not finite."""
        off = abs(self.compiled - self.expected)
        if not math.isfinite(off):
            return math.inf
        return off / self.tolerance if self.tolerance else math.inf if off else 0.0

    @property
    def name(self) -> str:
        """Where it is, as it is written in Python."""
        index = f"{self.row}" if self.column is None else f"{self.row}, {self.column}"
        if self.part == "input":
            return f"inputs[{index}]"
        arrays = {"bias": "biases"}.get(self.part, f"{self.part}s")
        return f"{arrays}[{self.layer - 1}][{index}]"

    def __str__(self) -> str:
        return (
            f"{self.name} (layer {self.layer}): compiled {self.compiled:.9g}, expected "
            f"{self.expected:.9g}, apart by {abs(self.compiled - self.expected):.2g}, tolerance "
            f"{self.tolerance:.2g}"
        )


class GradientReport:
    """Whether compiled gradients are the derivatives of the loss; true where they are.

    Attributes
    ----------
    ok : bool
        Whether every derivative that was compared is within its tolerance, or at a kink.
    worst : Entry
        The one that is furthest from what was expected, in tolerances, those at a kink left out.
    wrong : tuple of Entry
        All beyond their tolerance, the worst first.
    kinks : tuple of Entry
        Those beyond it that lie between the slopes on both sides of a kink, as of relu or mae.
    largest_error : float
        The largest difference beside the largest derivative of the same part of the same layer.
    largest_errors : dict
        The same of each part of each layer, by (layer, part).
    checked, of : int
        How many derivatives were compared, and of how many.
    method : str
        How the expected ones came about.

    Examples
    --------
    >>> import fastbp as fb
    >>> report = fb.check_gradients(fb.mlp([2, 3, 1], hidden="tanh"), [[1.0, 2.0]], [0.5])
    >>> report
    <GradientReport: ok, 15 of 15 derivatives>
    >>> bool(report), report.method
    (True, 'complex step in the twin')
    """

    def __init__(self, entries: list[Entry], kinks: list[Entry], of: int, method: str) -> None:
        smooth = sorted(entries, key=lambda entry: -entry.excess)
        self.wrong = tuple(entry for entry in smooth if entry.excess > 1)
        self.kinks = tuple(kinks)
        self.worst = smooth[0] if smooth else kinks[0]
        self.checked, self.of, self.method = len(entries) + len(kinks), of, method
        self.largest_errors: dict[tuple[int, str], float] = {}
        for entry in entries:
            place = entry.layer, entry.part
            # A NaN is larger than any error.
            error = entry.error if math.isfinite(entry.error) else math.inf
            self.largest_errors[place] = max(error, self.largest_errors.get(place, 0.0))
        self.largest_error = max(self.largest_errors.values(), default=0.0)

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong."""
        return not self.wrong

    def __bool__(self) -> bool:
        return self.ok

    def __repr__(self) -> str:
        found = "ok" if self.ok else f"{len(self.wrong)} wrong"
        return f"<GradientReport: {found}, {self.checked} of {self.of} derivatives>"

    def __str__(self) -> str:
        n_wrong = len(self.wrong)
        several = f"{n_wrong} derivatives are" if n_wrong > 1 else "1 derivative is"
        found = "gradients agree" if self.ok else f"{several} wrong"
        lines = [
            f"{found}: {self.checked} of {self.of} compared, by {self.method}",
            f"worst: {self.worst}",
        ]
        if self.kinks:
            lines.append(
                f"at a kink, where both slopes are right: {len(self.kinks)}, first "
                f"{self.kinks[0].name}"
            )
        layers: dict[int, list[str]] = {}
        for (layer, part), error in self.largest_errors.items():
            layers.setdefault(layer, []).append(f"{part} {error:.1e}")
        for layer in sorted(layers):
            name = f"layer {layer}" if layer else "inputs"
            lines.append(f"{name}: largest error {', '.join(layers[layer])}")
        return "\n".join(lines)

    def raise_if_wrong(self) -> GradientReport:
        """Return the report, or raise what it says.

        Raises
        ------
        AssertionError
            A derivative is wrong.

        Examples
        --------
        >>> import fastbp as fb
        >>> fb.check_gradients(fb.mlp([1, 1]), [[1.0]], [2.0]).raise_if_wrong().ok
        True
        """
        if self.wrong:
            raise AssertionError(str(self))
        return self
