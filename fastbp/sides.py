"""The two sides of a network that preprocessing belongs to: its inputs and its targets."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from fastbp import checks, custom, names
from fastbp.header import SIDES, fields
from fastbp.preprocessing import Columns, OneHot, Preprocessor, Standardize, from_dict
from fastbp.spec import Spec

# Losses of which the targets are numbers of any unit.
REGRESSION = ("mse", "mae", "huber", "log_cosh", "quantile")


class Sides(NamedTuple):
    """What makes inputs and targets ready; None: they are taken as they come."""

    inputs: Preprocessor | None
    targets: Standardize | None


NO_SIDES = Sides(None, None)


def checked_sides(inputs: object, targets: object) -> Sides:
    """Return the arguments of a network if they are preprocessing that it can have."""
    if inputs is not None and not isinstance(inputs, (Columns, OneHot, Standardize)):
        raise TypeError(
            "inputs must be fb.Standardize, fb.OneHot or fb.Columns, got "
            f"{checks.described(inputs)}"
        )
    if targets is not None and not isinstance(targets, Standardize):
        raise TypeError(f"targets must be fb.Standardize, got {checks.described(targets)}")
    if inputs is not None and not (inputs.is_fitted or isinstance(inputs, Standardize)):
        raise ValueError(
            f"inputs must be fitted (a fit of the network fits fb.Standardize alone), got {inputs}"
        )
    return Sides(inputs, targets)


def width(argument: str, n_in: object, inputs: Preprocessor | None) -> Any:
    """Return the number of inputs: as given, or for None what comes out of the inputs."""
    if n_in is not None or inputs is None:
        return n_in
    if not inputs.is_fitted:
        raise ValueError(f"{argument} must be a number while inputs are not fitted, got None")
    return inputs.n_out


def check_sides(spec: Spec, inputs: Preprocessor | None, targets: Standardize | None) -> None:
    """Refuse preprocessing of other widths than the network has, and targets of other losses."""
    if inputs is not None and inputs.is_fitted and inputs.n_out != spec.n_in:
        raise ValueError(
            f"inputs must give {spec.n_in} column{'s' * (spec.n_in != 1)} (network sizes "
            f"{spec.shape_text}), got {inputs.n_out} of {inputs}"
        )
    if targets is None:
        return
    loss, output = names.plain(spec.loss), names.plain(spec.layers[-1].activation)
    if loss not in (*REGRESSION, *custom.LOSSES):
        raise ValueError(
            f"targets must be None with loss {spec.loss!r}, whose targets have a meaning of their "
            f"own; they are standardised for {', '.join(REGRESSION)}"
        )
    if output != "identity":
        raise ValueError(
            f"targets must be None with output {spec.layers[-1].activation!r}, which does not give "
            "every number; they are standardised for output 'identity'"
        )
    if targets.is_fitted and targets.n_out != spec.n_y:
        raise ValueError(
            f"targets must have {spec.n_y} column{'s' * (spec.n_y != 1)} (network sizes "
            f"{spec.shape_text}), got {targets}"
        )


def described_sides(
    inputs: Preprocessor | None, targets: Standardize | None
) -> dict[str, Any] | None:
    """Return what a file holds of both, None where there is neither.

    Raises
    ------
    ValueError
        One of them is not fitted.
    """
    if inputs is None and targets is None:
        return None
    return {
        side: None if one is None else one.described()
        for side, one in zip(SIDES, (inputs, targets), strict=True)
    }


def sides_of(described: Mapping[str, Any] | None) -> Sides:
    """Return both from what a file holds.

    Raises
    ------
    TypeError, ValueError
        It is no description.
    """
    if described is None:
        return NO_SIDES
    found = fields("preprocessing", described, SIDES)
    inputs, targets = (None if found[side] is None else from_dict(found[side]) for side in SIDES)
    if targets is not None and not isinstance(targets, Standardize):
        raise ValueError(f"targets must be of kind 'standardize', got {targets}")
    return Sides(inputs, targets)
