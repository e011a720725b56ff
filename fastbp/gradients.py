"""What a backward pass returns, and the check of what an update is to be made of."""

from __future__ import annotations

import numpy as np

from fastbp import checks
from fastbp.checks import Array
from fastbp.plan import Plan, norm_views, places, views
from fastbp.spec import Spec, shape_text


class Gradients:
    """The gradient of a loss.

    Attributes
    ----------
    weights : tuple of arrays
        dL/dW of each layer, (n_out, n_in); views of `flat`.
    biases : tuple of arrays
        dL/db of each layer, (n_out,); None where a layer has no bias. Views of `flat`.
    scales, shifts : tuples of arrays
        dL/dscale and dL/dshift of each normalised layer, (n_out,); None for others. Views of
        `flat`.
    inputs : array, (n_rows, n_in)
        dL/dx.
    flat : array, (n_params,)
        All of it in the order of `Network.params`.

    Examples
    --------
    >>> import fastbp as fb
    >>> loss, grads = fb.mlp([2, 3, 1]).gradient([[1.0, 2.0]], [0.5])
    >>> grads.weights[0].shape, grads.biases[1].shape, grads.inputs.shape, grads.flat.shape
    ((3, 2), (1,), (1, 2), (13,))
    """

    __slots__ = ("_places", "biases", "flat", "inputs", "scales", "shifts", "weights")

    def __init__(self, plan: Plan, flat: Array, inputs: Array) -> None:
        self.weights, self.biases = views(plan.layers, flat)
        self.scales = norm_views(plan.layers, flat, "scales")
        self.shifts = norm_views(plan.layers, flat, "shifts")
        self.flat = flat
        self.inputs = inputs
        self._places = plan.places

    def __repr__(self) -> str:
        return f"<Gradients: {self.flat.size} parameters, {len(self.inputs)} rows>"

    @property
    def _sizes(self) -> list[int]:
        """The sizes of their network."""
        return [self.weights[0].shape[1], *(len(weight) for weight in self.weights)]


def vector_of(gradients: object, spec: Spec, params: Array) -> Array:
    """Return gradients of a network as a vector of its parameters' shape and dtype.

    Raises
    ------
    TypeError, ValueError
        They are not numbers, or those of a network with other parameters.
    FloatingPointError
        One of them is not finite in the network's dtype.
    """
    known = places(spec)[0]
    values = gradients
    if isinstance(gradients, Gradients):
        values = gradients.flat
        if (gradients._sizes, gradients._places) != (spec.sizes, known):
            raise ValueError(
                f"gradients must be of network sizes {spec.shape_text} with the same biases, norms "
                f"and tied weights, got those of {shape_text(gradients._sizes)}"
            )
    given = checks.numeric_array("gradients", values)
    if given.shape != params.shape:
        raise ValueError(
            f"gradients must have shape {params.shape} (network sizes {spec.shape_text}), got "
            f"shape {given.shape}"
        )
    vector = checks.converted(given, params.dtype, "gradients")
    index = checks.first_nonfinite_row(vector[:, np.newaxis])
    if index >= 0:
        layer = max(n for n, place in enumerate(known) if place.learned <= index)
        told = f" (not finite as {params.dtype})" if np.isfinite(given[index]) else ""
        raise FloatingPointError(
            f"gradients must be finite, got {given[index]} at index {index}, in layers[{layer}]"
            f"{told}; parameters and optimizer are unchanged"
        )
    return vector
