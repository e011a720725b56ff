"""What a backward pass returns."""

from fastbp.checks import Array
from fastbp.plan import Plan, norm_views, views


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

    __slots__ = ("biases", "flat", "inputs", "scales", "shifts", "weights")

    def __init__(self, plan: Plan, flat: Array, inputs: Array) -> None:
        self.weights, self.biases = views(plan.layers, flat)
        self.scales = norm_views(plan.layers, flat, "scales")
        self.shifts = norm_views(plan.layers, flat, "shifts")
        self.flat = flat
        self.inputs = inputs

    def __repr__(self) -> str:
        return f"<Gradients: {self.flat.size} parameters, {len(self.inputs)} rows>"
