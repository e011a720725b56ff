"""Whether the compiled gradients are the derivatives of the loss."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from fastbp import checks, custom
from fastbp.gradient_check.comparison import compared
from fastbp.gradient_check.places import chosen, parts_of
from fastbp.gradient_check.report import Entry, GradientReport
from fastbp.gradient_check.shake import Shake, pairs
from fastbp.gradient_check.twin import TwinSlopes
from fastbp.gradient_check.values import ValueSlopes
from fastbp.passes import Passes

if TYPE_CHECKING:
    import numpy.typing as npt

__all__ = ["Entry", "GradientReport", "check_gradients"]


def check_gradients(
    net: Any,
    x: npt.ArrayLike,
    y: npt.ArrayLike,
    sample_weight: npt.ArrayLike | None = None,
    entries: int | None = 256,
    seed: int = 0,
) -> GradientReport:
    """Compare compiled gradients with differences of the loss, by parameters and by inputs.

    Parameters
    ----------
    net : Network
        Of any layers, losses and dtype; nothing of it is changed.
    x, y, sample_weight
        As for `Network.evaluate`; a few rows do, of which gradients are sums.
    entries : int or None
        About how many derivatives are compared: all where there are no more, else the largest and
        some others of each weight, bias, scale and shift and of the inputs. None: all.
    seed : int
        Draws them.

    Returns
    -------
    GradientReport
        True where all are right; `print` names the worst, `raise_if_wrong()` is for tests.

    Raises
    ------
    TypeError, ValueError
        As for `Network.evaluate`; `net` is no network, `entries` below 1, or the loss not finite.

    Notes
    -----
    Where all activations and the loss are built in, derivatives are those of the twin's loss by
    complex step, Im L(p + ih) / h; with functions of your own, those of the package's own loss in
    float64, central differences extrapolated to a step of 0. Dropout is off, norm="batch" takes
    running means and variances, as in `Network.gradient`.

    At a kink (relu at 0, mae at y) the derivative is the one from below for activations, and 0 for
    mae, quantile and hinge where their two sides meet. A number whose derivative jumps within
    rounding of where it is, and whose compiled derivative lies between both sides', is reported
    among `kinks` and not as wrong.

    A derivative by complex step costs the twin the sums of its own unit and the layers above it, in
    pure Python: seconds for some hundred units and some ten rows, longer where several layers are
    wide, and in proportion to rows and `entries`.

    In float32 one that is off by a thousandth is seen where it is above a tenth of the largest, and
    less where a network is trained to the end and its deltas cancel: check it as it begins.

    References
    ----------
    W. Squire, G. Trapp, "Using complex variables to estimate derivatives of real functions", SIAM
    Review 40(1), 1998. C. J. F. Ridders, "Accurate computation of F'(x) and F'(x) F''(x)", Advances
    in Engineering Software 4(2), 1982.

    Examples
    --------
    >>> import fastbp as fb
    >>> net = fb.mlp([2, 3, 1], hidden="tanh", output="sigmoid", loss="binary_cross_entropy")
    >>> report = fb.check_gradients(net, [[0, 1], [1, 1]], [1, 0])
    >>> report.ok, report.checked, report.of
    (True, 17, 17)
    """
    if not isinstance(net, Passes):
        raise TypeError(f"net must be a fb.Network, got {checks.described(net)}")
    wanted = None if entries is None else checks.integer("entries", entries, 1)
    drawn_by = checks.integer("seed", seed, 0, most=None)
    rows = net._data(x, y, sample_weight)
    loss, gradients = net.gradient(x, y, sample_weight)
    if not np.isfinite(loss):
        raise ValueError(f"loss must be finite where gradients are checked, got {loss}")
    parts = parts_of(net, gradients)
    places = chosen(parts, wanted, drawn_by)
    kind = ValueSlopes if has_own_functions(net) else TwinSlopes
    exact = kind(net, rows, Shake())
    shaken = [(kind(net, rows, up), kind(net, rows, down)) for up, down in pairs(net.params.size)]
    smooth: list[Entry] = []
    kinks: list[Entry] = []
    for part, some in zip(parts, places, strict=True):
        found = compared(net, rows.x, part, some, exact, shaken)
        smooth += found[0]
        kinks += found[1]
    of = sum(part.compiled.size for part in parts)
    return GradientReport(smooth, kinks, of, kind.method)


def has_own_functions(net: Any) -> bool:
    """Whether an activation or the loss is one that was registered."""
    return net.loss in custom.LOSSES or any(
        layer.activation in custom.ACTIVATIONS for layer in net.layers
    )
