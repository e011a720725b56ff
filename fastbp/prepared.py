"""Rows as they come, made ready for a network; and its outputs in the targets' own unit."""

from __future__ import annotations

import numpy as np

from fastbp import checks, names
from fastbp.checks import Array
from fastbp.header import SIDES
from fastbp.parameters import Parameters
from fastbp.preprocessing import Source, chunk_places, whole
from fastbp.rows import Rows
from fastbp.sides import check_sides


class Prepared(Parameters):
    """A network's parameters, and rows for it."""

    def _rows(self, x: object, name: str = "x") -> Array:
        """Return x checked and ready."""
        if self._inputs is not None:
            return whole(self._source(x, name), self._dtype, name)
        if self._targets is not None:
            self._require_fitted()
        spec = self._spec
        return checks.rows(name, x, spec.n_in, self._dtype, spec.shape_text)

    def _source(self, x: object, name: str = "x") -> Source:
        """Return x checked, to be made ready by the network's inputs a few rows at a time."""
        self._require_fitted()
        assert self._inputs is not None
        return self._inputs.source(name, x)

    def _data(self, x: object, y: object, sample_weight: object = None, origin: str = "") -> Rows:
        """Return x, y and the weights checked and ready; `origin` goes before their names."""
        array = self._rows(x, f"{origin}x")
        if self._targets is None:
            target, label = checks.targets(
                y, names.plain(self.loss), len(array), self._spec.n_y, self._dtype, f"{origin}y"
            )
        else:
            target, label = self._ready_targets(y, len(array), f"{origin}y"), None
        weight = checks.row_weights(
            sample_weight, len(array), self._dtype, f"{origin}sample_weight"
        )
        return Rows(array, target, label, weight)

    def _ready_targets(self, y: object, n_rows: int, name: str) -> Array:
        """Return y checked and standardised."""
        self._require_fitted()
        assert self._targets is not None
        source = self._targets.source(name, y)
        if source.n_rows != n_rows:
            raise ValueError(
                f"{name} must have one entry a row of x ({n_rows}), got {source.n_rows} rows"
            )
        return whole(source, self._dtype, name)

    def _require_fitted(self) -> None:
        """Refuse rows before there is what makes them ready, and where it is of other columns."""
        widths = (self._spec.n_in, self._spec.n_y)
        for side, one, width in zip(SIDES, (self._inputs, self._targets), widths, strict=True):
            if one is None:
                continue
            if not one.is_fitted:
                raise ValueError(
                    f"{side} must be fitted before rows are taken, got {one}; net.fit fits them to "
                    f"the rows that it trains on, net.{side}.fit(rows) to any"
                )
            if one.n_out != width:
                check_sides(self._spec, self._inputs, self._targets)

    def _in_unit(self, outputs: Array) -> Array:
        """Return outputs in the targets' own unit, written over them."""
        targets = self._targets
        if targets is not None:
            with np.errstate(over="ignore"):
                for start, stop in chunk_places(*outputs.shape):
                    outputs[start:stop] = targets.in_unit(outputs[start:stop])
        return outputs
